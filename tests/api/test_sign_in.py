"""Signing in by a provider (OpenID Connect): the whole way, and every way in which a provider, or somebody between, lies."""
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.parse

from harness import BUILD, Client
from provider import Provider, hs256
from world import PASSWORD

AGAIN_MS = 1500
NAMES = ("honest", "other", "lying", "rotating", "noisy", "elsewhere", "redirecting", "malformed", "endless", "slow", "weak", "gone", "open", "named", "strict")
PROVIDER = Provider()
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="kontor-providers-"))
WORLD = {"more": [f"--providers-dir={FOLDER}", f"--provider-again-ms={AGAIN_MS}"]}
AT = {}


def setup():
    secret = FOLDER / "secret"
    secret.write_text("s3cret:/ +é\n")
    secret.chmod(0o600)
    for name in NAMES:
        url = PROVIDER.url + "/" + name if name != "gone" else "http://127.0.0.1:1"
        (FOLDER / f"{name}.conf").write_text(f"label = The {name} one\nissuer = {url}\nclient_id = kontor test\n" + (f"client_secret = {secret}\n" if name != "open" else "")
                                             + ("acr = https://refeds.org/profile/mfa high\nmax_age_s = 600\n" if name == "strict" else ""))


setup()


def issuer(name):
    if name not in AT:
        AT[name] = PROVIDER.issuer(name)
    return AT[name]


LINK = {"link": True, "password": PASSWORD}


def begin(client, name, to="/en/home", **more):
    issuer(name)
    reply = client.post(f"/v1/providers/{name}/sign-in", {"to": to, "from": "/en/sign-in?x=1", **more})
    assert reply.status == 200, reply
    return reply.json["url"], reply.cookies[0].split(";")[0]


def state_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["state"]


def come_back(client, name, cookie, **query):
    cookies = "; ".join(c for c in (client.cookie, cookie) if c)
    return client.call("GET", f"/v1/providers/{name}/callback?{urllib.parse.urlencode(query)}", headers={"Cookie": cookies} if cookies else {})


def sign_in(world, name, client=None, link=False, **more):
    """The whole way; the last reply."""
    client = client or Client(world.server)
    url, cookie = begin(client, name, **(LINK if link else {}))
    reply = come_back(client, name, cookie, code=issuer(name).code(url, **more), state=state_of(url))
    session = [c.split(";")[0] for c in reply.cookies if c.startswith("kontor=")]
    if session:
        client.cookie = session[0]
        client.csrf = client.must("GET", "/v1/me")["csrf"]
    return reply, client


def failed(reply):
    assert reply.status == 303, reply
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(reply.headers["location"]).query))
    assert not any(c.startswith("kontor=") for c in reply.cookies), reply.cookies
    return query["failed"]


# ---- the way that is right ---------------------------------------------------------------------------------------------

def test_the_page_knows_the_providers(world):
    items = world.anybody.must("GET", "/v1/providers")["items"]
    assert [i["code"] for i in items] == sorted(NAMES) and items[2]["label"] == "The gone one", items


def test_a_stranger_gets_an_account_without_roles(world):
    people = len(world.local.must("GET", "/v1/people?limit=500")["items"])
    url, cookie = begin(world.anybody, "honest")
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    assert url.startswith(PROVIDER.url + "/honest/authorize?x=1&") and asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
    assert asked["scope"] == "openid profile email" and asked["redirect_uri"] == f"http://127.0.0.1:{world.server.port}/v1/providers/honest/callback"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3 and min(len(asked[n]) for n in ("state", "nonce", "code_challenge")) == 43
    reply, client = sign_in(world, "honest")
    assert reply.status == 303 and reply.headers["location"] == "/en/home" and reply.headers["cache-control"] == "no-store"
    gone = [c for c in reply.cookies if c.startswith("kontor-sign-in=;")]
    assert gone and all("HttpOnly" in c and "SameSite=Lax" in c and "Path=/" in c for c in reply.cookies), reply.cookies
    me = client.must("GET", "/v1/me")
    assert me["person"]["name"] == "Alice Andersson" and me["roles"] == [] and me["person"]["email"] == ""
    headers, form = issuer("honest").last
    assert headers["Authorization"].startswith("Basic ") and "client_secret" not in form and form["grant_type"] == "authorization_code"
    again, same = sign_in(world, "honest")
    assert same.must("GET", "/v1/me")["person"]["id"] == me["person"]["id"], "the same (issuer, subject) is the same account"
    assert len(world.local.must("GET", "/v1/people?limit=500")["items"]) == people + 1
    known = world.local.must("GET", f"/v1/people/{me['person']['id']}/identities")["items"]
    assert [(i["provider"], i["subject"], i["email"]) for i in known] == [("honest", "alice", "alice@id.example")]
    assert client.get("/v1/programme").status == 403
    world.local.must("POST", f"/v1/people/{me['person']['id']}/roles", {"roles": [{"role": "auditor"}], "reason": "tests"}, key=True)
    assert client.get("/v1/programme").status == 200, "an administrator has given a role"


def test_an_address_is_nobody(world):
    """An e-mail address that is somebody's here, said by a provider, opens nothing; nor does another issuer's same subject."""
    issuer("other").person = {"name": "Not Brisa", "email": "brisa@kontor.example"}
    reply, client = sign_in(world, "other")
    me = client.must("GET", "/v1/me")
    assert reply.headers["location"] == "/en/home" and me["roles"] == [] and me["person"]["id"] != world.ids["brisa"]
    _, alice = sign_in(world, "honest")
    assert alice.must("GET", "/v1/me")["person"]["id"] != me["person"]["id"]
    assert Client(world.server).sign_in("brisa@kontor.example", PASSWORD).status == 200


def test_a_public_client_and_a_name_in_the_token(world):
    reply, client = sign_in(world, "open", make=lambda i, c: i.token({**c, "name": "Bo Ek"}), subject="bo")
    assert reply.headers["location"] == "/en/home" and client.must("GET", "/v1/me")["person"]["name"] == "Bo Ek"
    headers, form = issuer("open").last
    assert "Authorization" not in headers and form["client_id"] == "kontor test" and issuer("open").asked.count("user") == 0


def test_who_sends_the_code_says_so(world):
    """RFC 9207: a code that comes with another issuer's name is for another."""
    issuer("named").about = {"authorization_response_iss_parameter_supported": True, "token_endpoint_auth_methods_supported": ["client_secret_post"]}
    url, cookie = begin(world.anybody, "named")
    assert failed(come_back(world.anybody, "named", cookie, code=issuer("named").code(url), state=state_of(url))) == "provider-refused", "no name"
    url, cookie = begin(world.anybody, "named")
    reply = come_back(world.anybody, "named", cookie, code=issuer("named").code(url), state=state_of(url), iss=issuer("honest").url)
    assert failed(reply) == "provider-refused", "another's"
    url, cookie = begin(world.anybody, "named")
    reply = come_back(world.anybody, "named", cookie, code=issuer("named").code(url), state=state_of(url), iss=issuer("named").url)
    assert reply.headers["location"] == "/en/home" and issuer("named").last[1]["client_secret"] == "s3cret:/ +é"


# ---- the browser, and who sits between -----------------------------------------------------------------------------------

def test_a_return_that_was_not_begun_here(world):
    url, cookie = begin(world.anybody, "honest")
    other_url, other_cookie = begin(world.anybody, "honest")
    code = issuer("honest").code(url)
    asked = len(issuer("honest").asked)
    for name, sent, query in (("honest", None, {"code": code, "state": state_of(url)}), ("honest", other_cookie, {"code": code, "state": state_of(url)}),
                              ("honest", cookie, {"code": code}), ("honest", cookie, {"code": code, "state": ("A" if state_of(url)[0] != "A" else "B") + state_of(url)[1:]}),
                              ("honest", cookie[:-1] + ("A" if cookie[-1] != "A" else "B"), {"code": code, "state": state_of(url)}),
                              ("other", cookie, {"code": code, "state": state_of(url)}), ("honest", "kontor-sign-in=", {"code": code, "state": state_of(url)})):
        reply = come_back(world.anybody, name, sent, **query)
        assert failed(reply) == "sign-in-stale", (sent, query, reply)
        assert not reply.cookies, "nobody's own sign-in is broken off by it"
    assert len(issuer("honest").asked) == asked, "the provider was asked nothing"
    assert come_back(world.anybody, "honest", cookie, code=code, state=state_of(url)).headers["location"] == "/en/home", "the real one still works"
    reply = come_back(world.anybody, "honest", cookie, code=issuer("honest").code(url), state=state_of(url))
    assert failed(reply) == "sign-in-stale", "once"
    assert world.anybody.get("/v1/providers/nobody/callback?state=x").status == 404


def test_what_the_provider_says_instead(world):
    for error, want in (("access_denied", "sign-in-declined"), ("server_error", "provider-refused")):
        url, cookie = begin(world.anybody, "honest")
        reply = come_back(world.anybody, "honest", cookie, error=error, state=state_of(url))
        assert failed(reply) == want and reply.headers["location"].startswith("/en/sign-in?x=1&failed="), reply
    url, cookie = begin(world.anybody, "honest")
    assert failed(come_back(world.anybody, "honest", cookie, error="access_denied", state="x" * 43)) == "sign-in-stale", "not without the state"


def test_only_pages_of_ours(world):
    for bad in ("https://evil.example/", "//evil.example", "/\\evil.example", "/a b", "/a\nb", "evil", "/v1/me", "/a#b", "/é", ""):
        for name in ("to", "from"):
            body = {"to": "/en/", "from": "/en/", name: bad}
            reply = world.anybody.post("/v1/providers/honest/sign-in", body)
            assert reply.status == 422 and reply.json["pointer"] == "/" + name, (bad, reply)
    assert world.anybody.post("/v1/providers/nobody/sign-in", {"to": "/", "from": "/"}).status == 404
    reply = world.anybody.call("POST", "/v1/providers/honest/sign-in", {"to": "/", "from": "/"}, headers={"Origin": "https://evil.example"})
    assert reply.status == 403 and reply.json["code"] == "csrf"


# ---- linking ---------------------------------------------------------------------------------------------------------------

def unlink(client, identity, proof={"password": PASSWORD}, **more):
    return client.call("POST", f"/v1/me/identities/{identity['id']}/remove", proof, **more)


def test_linking_and_unlinking(world):
    brisa = world.people["brisa"]
    assert brisa.must("GET", "/v1/me/identities")["items"] == []
    reply, _ = sign_in(world, "honest", client=brisa, link=True, subject="brisa at honest")
    assert reply.status == 303 and reply.headers["location"] == "/en/home" and not any(c.startswith("kontor=") for c in reply.cookies)
    mine = brisa.must("GET", "/v1/me/identities")["items"]
    assert [i["subject"] for i in mine] == ["brisa at honest"]
    _, client = sign_in(world, "honest", subject="brisa at honest")
    assert client.must("GET", "/v1/me")["person"]["id"] == world.ids["brisa"], "she may come in that way now"
    reply, _ = sign_in(world, "honest", client=brisa, link=True, subject="brisa at honest")
    assert reply.headers["location"] == "/en/home", "again: nothing new"
    nordlys = world.people["nordlys"]
    assert failed(sign_in(world, "honest", client=nordlys, link=True, subject="brisa at honest")[0]) == "identity-taken"
    assert nordlys.must("GET", "/v1/me/identities")["items"] == []
    for thief in ("nordlys", "administrator"):
        assert unlink(world.people[thief], mine[0]).status == 404
    assert unlink(brisa, mine[0], headers={"X-CSRF-Token": "x"}).json["code"] == "csrf"
    for proof, status in (({}, 422), ({"password": "not this one"}, 401)):
        reply = unlink(brisa, mine[0], proof)
        assert (reply.status, reply.json["pointer"]) == (status, "/password"), "whoever has the session alone shuts nobody out"
    assert brisa.must("GET", "/v1/me/identities")["items"][0]["id"] == mine[0]["id"]
    assert unlink(brisa, mine[0]).status == 204
    assert unlink(brisa, mine[0]).status == 404
    _, client = sign_in(world, "honest", subject="brisa at honest")
    assert client.must("GET", "/v1/me")["person"]["id"] != world.ids["brisa"], "it is a stranger's again"


def test_the_last_way_in_stays(world):
    _, client = sign_in(world, "honest", subject="carl")
    one = client.must("GET", "/v1/me/identities")["items"]
    assert unlink(client, one[0]).json["code"] == "last-way-in"
    assert sign_in(world, "other", client=client, link=True, subject="carl there")[0].headers["location"] == "/en/home"
    two = client.must("GET", "/v1/me/identities")["items"]
    replies = []
    threads = [threading.Thread(target=lambda i=i: replies.append(unlink(another(client, world), i).status)) for i in two]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(replies) == [204, 409], "both at once: one goes, one stays"
    assert len(client.must("GET", "/v1/me/identities")["items"]) == 1


def another(client, world):
    same = Client(world.server)
    same.cookie, same.csrf = client.cookie, client.csrf
    return same


def test_nobody_links_to_anothers_account(world):
    """A thief begins to link with their own session; the victim's browser is brought to return, and the other way round."""
    thief, victim = world.people["nordlys"], world.people["brisa"]
    assert world.anybody.post("/v1/providers/honest/sign-in", {"to": "/", "from": "/", "link": True}).json["code"] == "unauthenticated"
    reply = thief.call("POST", "/v1/providers/honest/sign-in", {"to": "/", "from": "/", "link": True}, headers={"X-CSRF-Token": "x"})
    assert reply.json["code"] == "csrf"
    for password, status in (({}, 422), ({"password": "not this one"}, 401)):
        reply = victim.post("/v1/providers/honest/sign-in", {"to": "/", "from": "/", "link": True, **password})
        assert (reply.status, reply.json["pointer"]) == (status, "/password"), "whoever has the session alone adds no way in"
    url, cookie = begin(thief, "honest", **LINK)
    code = issuer("honest").code(url, subject="thief")
    assert failed(come_back(victim, "honest", None, code=code, state=state_of(url))) == "sign-in-stale", "the victim's browser lacks the cookie"
    assert failed(come_back(victim, "honest", cookie, code=code, state=state_of(url))) == "sign-in-stale", "and even with it: not the session that asked"
    url, cookie = begin(thief, "honest", **LINK)
    code = issuer("honest").code(url, subject="thief")
    assert failed(come_back(Client(world.server), "honest", cookie, code=code, state=state_of(url))) == "sign-in-stale", "signed out meanwhile"
    assert victim.must("GET", "/v1/me/identities")["items"] == []
    url, cookie = begin(Client(world.server), "honest")
    assert come_back(victim, "honest", cookie, code=issuer("honest").code(url, subject="thief"), state=state_of(url)).headers["location"] == "/en/home"
    assert victim.must("GET", "/v1/me/identities")["items"] == [], "signing in never links"


# ---- tokens that lie ---------------------------------------------------------------------------------------------------------

def test_lying_tokens(world):
    it = issuer("lying")
    PROVIDER.key("stranger")  # before anybody waits for it: to find its primes may take longer than a code may
    now = int(time.time())
    wrong = {
        "another issuer": {"iss": PROVIDER.url + "/honest"},
        "another audience": {"aud": "another"},
        "two audiences, made for nobody": {"aud": ["kontor test", "another"]},
        "made for another": {"azp": "another"},
        "over": {"iat": now - 40, "exp": now - 61},
        "no end": {"exp": None},
        "not yet valid": {"nbf": now + 300},
        "from the future": {"iat": now + 300},
        "old": {"iat": now - 3600},
        "a nonce of another time": {"nonce": "x" * 43},
        "no nonce": {"nonce": None},
        "no subject": {"sub": None},
        "none": {"make": lambda i, c: i.token(c, header={"alg": "none"}, sign=lambda _: b"")},
        "none, signed": {"make": lambda i, c: i.token(c, header={"alg": "none"})},
        "HMAC with the public key": {"make": lambda i, c: i.token(c, header={"alg": "HS256"}, sign=hs256(i.keys[0].pem()))},
        "HMAC, said to be RSA": {"make": lambda i, c: i.token(c, sign=hs256(i.keys[0].pem()))},
        "another algorithm": {"make": lambda i, c: i.token(c, header={"alg": "ES256"})},
        "the algorithm in small letters": {"make": lambda i, c: i.token(c, header={"alg": "rs256"})},
        "another's key under this name": {"make": lambda i, c: i.token(c, key=PROVIDER.key("stranger"), header={"kid": "k1"})},
        "the key in the header": {"make": lambda i, c: i.token(c, key=PROVIDER.key("stranger"), header={"kid": "k1", "jwk": PROVIDER.key("stranger").jwk(), "jku": i.url + "/evil"})},
        "something that must be understood": {"make": lambda i, c: i.token(c, header={"crit": ["b64"], "b64": False})},
        "changed afterwards": {"make": lambda i, c: i.token({**c, "sub": "alice"}).rsplit(".", 2)[0] + "." + i.token({**c, "sub": "bob"}).split(".", 1)[1].rsplit(".", 1)[0] + "." + i.token({**c, "sub": "alice"}).rsplit(".", 1)[1]},
        "no token": {"make": lambda i, c: "x"},
        "endless": {"make": lambda i, c: i.token({**c, "x": "x" * 20000})},
    }
    for number, (why, how) in enumerate(wrong.items()):
        client = Client(world.server)
        url, cookie = begin(client, "lying")
        code = it.code(url, **how)
        reply = client.call("GET", f"/v1/providers/lying/callback?code={code}&state={state_of(url)}", headers={"Cookie": cookie, "X-Forwarded-For": f"10.0.0.{number}"})
        assert failed(reply) == "provider-refused", (why, reply)
    assert "evil" not in it.asked
    assert world.server.sql(f"SELECT count(*) FROM identity WHERE issuer = '{it.url}'") == "0"
    assert sign_in(world, "lying")[0].headers["location"] == "/en/home", "a true one is taken"
    assert "the ID token: another issuer made it" in world.server.tail_all(), "the operator reads why"
    it.faults["user"] = lambda h: h.answer(200, {"sub": "mallory", "name": "Mallory"})
    assert failed(sign_in(world, "lying")[0]) == "provider-refused", "what it tells is of another"


def test_a_provider_must_say_how_it_knew_the_person(world):
    """acr and auth_time: asked for in the address, and demanded of the token, since a provider may pass over what was asked."""
    client, now = Client(world.server), int(time.time())
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(begin(client, "strict")[0]).query))
    assert (asked["acr_values"], asked["max_age"]) == ("https://refeds.org/profile/mfa high", "600")
    for wrong in ({}, {"acr": "high"}, {"auth_time": now}, {"acr": "password", "auth_time": now}, {"acr": "high", "auth_time": now - 700}):
        assert failed(sign_in(world, "strict", **wrong)[0]) == "provider-refused", wrong
    assert world.server.sql(f"SELECT count(*) FROM identity WHERE issuer = '{issuer('strict').url}'") == "0"
    assert sign_in(world, "strict", acr="high", auth_time=now - 500)[0].headers["location"] == "/en/home"
    assert "authenticated in a way that was asked for (acr)" in world.server.tail_all(), "the operator reads why"
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(begin(client, "honest")[0]).query))
    assert "acr_values" not in asked and "max_age" not in asked


def test_a_nonce_replayed(world):
    """A token that was made for another sign-in, with a signature that is good."""
    it, kept = issuer("honest"), []
    assert sign_in(world, "honest", make=lambda i, c: kept.append(i.token(c)) or kept[0])[0].headers["location"] == "/en/home"
    assert failed(sign_in(world, "honest", make=lambda i, c: kept[0])[0]) == "provider-refused"


def test_guessing_codes_is_slowed_down(world):
    replies = []
    for _ in range(52):
        client = Client(world.server)
        url, cookie = begin(client, "honest")
        replies.append(failed(client.call("GET", f"/v1/providers/honest/callback?code=guess&state={state_of(url)}",
                                          headers={"Cookie": cookie, "X-Forwarded-For": "10.9.9.9"})))
    assert replies == ["provider-refused"] * 50 + ["rate-limited"] * 2, replies
    assert sign_in(world, "honest")[0].headers["location"] == "/en/home", "others are not touched"


# ---- keys --------------------------------------------------------------------------------------------------------------------

def test_keys_that_turn_in_the_middle(world):
    it = issuer("rotating")
    assert sign_in(world, "rotating")[0].headers["location"] == "/en/home"
    assert it.asked.count("keys") == 1
    assert sign_in(world, "rotating")[0].headers["location"] == "/en/home"
    assert it.asked.count("keys") == 1, "kept"
    it.keys = [PROVIDER.key("k2")]
    assert sign_in(world, "rotating")[0].headers["location"] == "/en/home", "fetched anew, once"
    assert it.asked.count("keys") == 2
    time.sleep(AGAIN_MS / 1000)
    old = PROVIDER.key("k1")
    assert failed(sign_in(world, "rotating", make=lambda i, c: i.token(c, key=old))[0]) == "provider-refused", "the old key is out"


def test_a_flood_of_unknown_keys(world):
    it = issuer("noisy")
    assert sign_in(world, "noisy")[0].headers["location"] == "/en/home"
    began = time.monotonic()

    def one(number):
        client = Client(world.server)
        url, cookie = begin(client, "noisy")
        code = it.code(url, make=lambda i, c: i.token(c, header={"kid": f"unknown {number}"}))
        return failed(client.call("GET", f"/v1/providers/noisy/callback?code={code}&state={state_of(url)}", headers={"Cookie": cookie, "X-Forwarded-For": f"10.1.0.{number}"}))

    assert {one(n) for n in range(40)} == {"provider-refused"}
    most = 2 + (time.monotonic() - began) * 1000 // AGAIN_MS
    assert 2 <= it.asked.count("keys") <= most, (it.asked.count("keys"), most)
    assert sign_in(world, "noisy")[0].headers["location"] == "/en/home", "who has the right key is not touched"


# ---- providers that do not answer as they should --------------------------------------------------------------------------------

def refused_at_start(world, name):
    issuer(name)
    began = time.monotonic()
    reply = world.anybody.post(f"/v1/providers/{name}/sign-in", {"to": "/", "from": "/"})
    assert not reply.cookies and time.monotonic() - began < 12, reply
    return reply.json["code"]


def test_descriptions_that_are_none(world):
    issuer("elsewhere").about = {"issuer": PROVIDER.url + "/honest"}
    for _ in range(20):
        began, asked = time.monotonic(), len(issuer("elsewhere").asked)
        assert refused_at_start(world, "elsewhere") == "provider-refused", "another's"
        again = refused_at_start(world, "elsewhere")
        if time.monotonic() - began < AGAIN_MS / 1000:  # else this machine is slow, and the moment is over
            break
        time.sleep(AGAIN_MS / 1000)
    assert again == "provider-away" and issuer("elsewhere").asked[asked:] == ["about"], "left alone for a moment"
    for about in ({"issuer": issuer("elsewhere").url, "token_endpoint": "http://evil.example/token"}, {"jwks_uri": "file:///etc/passwd"},
                  {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": "http://127.0.0.1:80@evil.example/"},
                  {"id_token_signing_alg_values_supported": ["PS256"]}, {"code_challenge_methods_supported": ["plain"]}, {"token_endpoint": None}):
        time.sleep(AGAIN_MS / 1000)
        issuer("elsewhere").about = {"issuer": issuer("elsewhere").url, **about}
        assert refused_at_start(world, "elsewhere") == "provider-refused", about
    time.sleep(AGAIN_MS / 1000)
    issuer("elsewhere").about = {}
    assert sign_in(world, "elsewhere")[0].headers["location"] == "/en/home", "and when it is well again, so are we"


def test_answers_that_are_none(world):
    issuer("redirecting").faults["about"] = lambda h: h.answer(302, {}, [("Location", issuer("honest").url + "/.well-known/openid-configuration")])
    issuer("malformed").faults["about"] = lambda h: h.answer(200, b'{"issuer": "')
    issuer("weak").faults["keys"] = lambda h: h.answer(200, b"[]")

    def endless(h):
        h.send_response(200)
        h.end_headers()
        while True:
            h.wfile.write(b" " * 65536)

    issuer("endless").faults["about"] = endless
    honest = len(issuer("honest").asked)
    assert refused_at_start(world, "redirecting") == "provider-away"
    assert len(issuer("honest").asked) == honest, "no redirect is followed"
    assert refused_at_start(world, "malformed") == "provider-refused"
    assert refused_at_start(world, "endless") == "provider-away"
    assert refused_at_start(world, "gone") == "provider-away"
    assert failed(sign_in(world, "weak")[0]) == "provider-refused", "no key set"
    del issuer("weak").faults["keys"]
    time.sleep(AGAIN_MS / 1000)
    issuer("weak").faults["token"] = lambda h: h.answer(500, {})
    assert failed(sign_in(world, "weak")[0]) == "provider-away"
    issuer("weak").faults["token"] = lambda h: h.answer(200, b'{"id_token": 7}')
    assert failed(sign_in(world, "weak")[0]) == "provider-refused"
    issuer("weak").faults["token"] = lambda h: h.answer(307, {}, [("Location", issuer("honest").url + "/token")])
    assert failed(sign_in(world, "weak")[0]) == "provider-refused"


def beside_slow_ones(world):
    """How long other calls took while seventy people waited for a provider, and what these were told."""
    hold = threading.Event()

    def slow(h):
        hold.wait(20)
        h.answer(200, issuer("slow").description())

    issuer("slow").faults["about"] = slow
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(Client(world.server).post("/v1/providers/slow/sign-in", {"to": "/", "from": "/"}))) for _ in range(70)]
    for t in threads:
        t.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert Client(world.server).sign_in("brisa@kontor.example", PASSWORD).status == 200
    assert sign_in(world, "honest")[0].headers["location"] == "/en/home"
    for _ in range(20):
        world.people["brisa"].must("GET", "/v1/me")
    took = time.monotonic() - began
    hold.set() if took > 10 else None
    for t in threads:
        t.join()
    hold.set()
    return took, {r.json["code"] for r in replies}


def test_a_slow_one_slows_nobody_else(world):
    for _ in range(4):  # who waits for a provider does so for four seconds; a busy machine may take as long for the others
        took, codes = beside_slow_ones(world)
        # no room beside those who wait for this provider, or in the queue, if they come faster than they are turned away
        assert codes <= {"provider-away", "busy", "rate-limited"} and codes & {"busy", "rate-limited"}, codes
        if took < 3:
            return
        time.sleep(AGAIN_MS / 1000)
    raise AssertionError(f"others wait {took} s")


def test_it_ends_while_a_provider_hangs(world):
    """Last: the server is ended and started again. Who waits for a provider is told; a sign-in that was begun before goes on."""
    issuer("honest").faults["token"] = lambda h: time.sleep(60)
    url, cookie = begin(world.anybody, "honest")
    hanging = threading.Thread(target=lambda: come_back(Client(world.server), "honest", cookie, code="x", state=state_of(url)))
    hanging.start()
    time.sleep(0.3)
    begun_url, begun_cookie = begin(world.anybody, "open")
    began = time.monotonic()
    world.server.stop()
    assert time.monotonic() - began < 20
    hanging.join()
    port = world.server.port
    world.server.more = [*world.server.more, f"--listen=127.0.0.1:{port}"]
    world.server.start()
    code = issuer("open").code(begun_url, subject="bo")
    assert come_back(world.anybody, "open", begun_cookie, code=code, state=state_of(begun_url)).headers["location"] == "/en/home"
    assert b"s3cret" not in (world.server.data / "log").read_bytes()


def test_files_that_are_wrong(world):
    """kontord says what is wrong with a provider's file, and does not start."""
    with tempfile.TemporaryDirectory() as folder:
        good = {"label": "X", "issuer": "https://id.example", "client_id": "k"}
        loose = os.path.join(folder, "loose")
        pathlib.Path(loose).write_text("secret\n")
        os.chmod(loose, 0o644)
        for change, says in (({"algorithm": "HS256"}, "RS256 or ES256"), ({"algorithm": "PS256"}, "RS256 or ES256"), ({"issuer": "http://id.example"}, "https://"),
                             ({"issuer": "https://id.example?x"}, "without ?"), ({"scope": "profile"}, "openid"), ({"client_secret": loose}, "closed to others"),
                             ({"client_id": None}, "client_id"), ({"colour": "red"}, "colour")):
            lines = {**good, **change}
            pathlib.Path(folder, "x.conf").write_text("".join(f"{k} = {v}\n" for k, v in lines.items() if v is not None))
            done = subprocess.run([str(BUILD / "kontord"), "serve", *world.server.options, f"--providers-dir={folder}"], capture_output=True, text=True, timeout=30)
            assert done.returncode != 0 and says in done.stderr and "x.conf" in done.stderr, (change, done.stderr)
        os.rename(os.path.join(folder, "x.conf"), os.path.join(folder, "X Y.conf"))
        done = subprocess.run([str(BUILD / "kontord"), "serve", *world.server.options, f"--providers-dir={folder}"], capture_output=True, text=True, timeout=30)
        assert done.returncode != 0 and "small letters" in done.stderr
