"""Signing in by a real provider: npm oidc-provider on loopback."""
import pathlib
import shutil
import tempfile

from harness import Client
from ports import free_port
from provider import Browser, real
from world import PASSWORD

STATE = {}


class Options(list):
    """The options of this file's kontord, made when its world begins: the provider is a process."""

    def __iter__(self):
        if not STATE:
            STATE["folder"] = pathlib.Path(tempfile.mkdtemp(prefix="kontor-real-"))
            STATE["port"] = free_port()
            STATE["provider"], STATE["issuer"] = real(STATE["folder"], STATE["port"])
        return iter([f"--providers-dir={STATE['folder']}", f"--listen=127.0.0.1:{STATE['port']}"])


WORLD = {"more": Options()}


def sign_in(world, provider, name, client=None, browser=None, **more):
    client = client or Client(world.server)
    begun = client.must("POST", f"/v1/providers/{provider}/sign-in", {"to": "/en/home", "from": "/en/sign-in", **more})
    cookie = client.last.cookies[0].split(";")[0]
    back = (browser or Browser()).go(begun["url"], f"http://127.0.0.1:{world.server.port}", name)
    reply = client.call("GET", back, headers={"Cookie": "; ".join(c for c in (client.cookie, cookie) if c)})
    assert reply.status == 303, reply
    session = [c.split(";")[0] for c in reply.cookies if c.startswith("kontor=")]
    if session:
        client.cookie = session[0]
        client.csrf = client.must("GET", "/v1/me")["csrf"]
    return reply.headers["location"], client


def test_the_whole_way(world):
    for provider in ("home", "home-es"):
        at, client = sign_in(world, provider, "bo ek")
        assert at == "/en/home", at
        person = client.must("GET", "/v1/me")["person"]
        assert person["name"] == "Bo Ek", "from its UserInfo endpoint"
        known = client.must("GET", "/v1/me/identities")["items"]
        assert [(i["subject"], i["issuer"], i["email"]) for i in known] == [("bo-ek-at-home", STATE["issuer"], "bo.ek@id.example")]
        assert sign_in(world, provider, "bo ek")[1].must("GET", "/v1/me")["person"]["id"] == person["id"]
    assert sign_in(world, "home", "another")[1].must("GET", "/v1/me")["person"]["id"] != person["id"]


def test_one_who_is_known_there_is_not_asked_again(world):
    browser = Browser()
    at, first = sign_in(world, "home", "carla", browser=browser)
    at, second = sign_in(world, "home", None, browser=browser)
    assert at == "/en/home" and second.must("GET", "/v1/me")["person"]["id"] == first.must("GET", "/v1/me")["person"]["id"]


def test_declined_there(world):
    at, client = sign_in(world, "home", None)
    assert at == "/en/sign-in?failed=sign-in-declined&provider=home" and client.cookie is None


def test_linked(world):
    brisa = world.people["brisa"]
    assert sign_in(world, "home", "ines", client=brisa, link=True, password=PASSWORD)[0] == "/en/home"
    assert sign_in(world, "home", "ines")[1].must("GET", "/v1/me")["person"]["id"] == world.ids["brisa"]


def test_zz_gone(world):
    """Last: the provider ends. Who begins is told; passwords open as before."""
    STATE["provider"].terminate()
    STATE["provider"].wait(timeout=20)
    begun = world.anybody.must("POST", "/v1/providers/home/sign-in", {"to": "/en/home", "from": "/en/sign-in"})
    cookie = world.anybody.last.cookies[0].split(";")[0]
    state = begun["url"].split("state=")[1].split("&")[0]
    reply = world.anybody.call("GET", f"/v1/providers/home/callback?code=x&state={state}&iss={STATE['issuer']}", headers={"Cookie": cookie})
    assert reply.headers["location"] == "/en/sign-in?failed=provider-away&provider=home", reply.headers
    assert Client(world.server).sign_in("brisa@kontor.example", "correct horse battery").status == 200
    shutil.rmtree(STATE["folder"])
