"""Sessions: cookies, forged requests, passwords, attempts; people and their roles."""
import http.client
import json
import re
import threading

from harness import BUILD, Client, Server
from world import PASSWORD, millis, stamp


def test_cookie_is_closed_to_scripts_and_strangers(world):
    reply = world.anybody.post("/v1/session", {"email": "BRISA@kontor.example", "password": PASSWORD})
    assert reply.status == 200
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("kontor=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert world.server.sql("SELECT count(*) FROM session WHERE encode(token_hash, 'escape') LIKE '%" + cookie[7:20] + "%'") == "0"
    for name in ("x-content-type-options", "content-security-policy", "referrer-policy", "cache-control"):
        assert name in reply.headers, name


def test_forged_requests(world):
    brisa = world.people["brisa"]
    body = world.wants()
    for headers in ({"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * 43}, {"X-CSRF-Token": world.people["nordlys"].csrf},
                    {"Origin": "https://evil.example"}, {"Origin": "null"}):
        reply = brisa.call("POST", "/v1/requests", body, key=True, headers=headers)
        assert reply.status == 403 and reply.json["code"] == "csrf", (headers, reply)
    own = f"http://127.0.0.1:{world.server.port}"
    assert brisa.call("POST", "/v1/requests", body, key=True, headers={"Origin": own}).status == 201
    reply = world.anybody.call("POST", "/v1/session", {"email": "brisa@kontor.example", "password": PASSWORD}, headers={"Origin": "https://evil.example"})
    assert reply.status == 403 and "set-cookie" not in reply.headers


def test_a_page_may_ask_who_is_here(world):
    nobody = world.anybody.get("/v1/session")
    assert nobody.status == 200 and nobody.json["person"] is None and nobody.json["roles"] == [] and nobody.json["csrf"] == ""
    assert world.anybody.call("GET", "/v1/session", headers={"Cookie": "kontor=" + "x" * 43}).json["person"] is None, "a session that is over"
    brisa = world.people["brisa"]
    mine, me = brisa.must("GET", "/v1/session"), brisa.must("GET", "/v1/me")
    assert {**mine, "now": 0} == {**me, "now": 0} and mine["csrf"]
    assert "no-store" in brisa.get("/v1/session").headers["cache-control"]


def test_a_sentence_has_one_full_stop(world):
    org = world.order("/v1/organisations", {"name": "Punto S.L.", "country": "ES", "city": "Vigo", "lat_milli": 42240, "lon_milli": -8720})["id"]
    now = millis(world.local.must("GET", "/v1/me")["now"])
    grant = world.order("/v1/grants", {"organisation": org, "tranche": world.tranche, "mode": "fast-lane", "credits": "10", "start": stamp(now - 1000),
                                       "end": stamp(now + 86400000), "reference": "G-punto", "gge_eur_cents": 1000, "legal_basis": "gber", "reason": "Test"})["account"]
    summaries = [e["summary"] for e in world.local.must("GET", f"/v1/grants/{grant}/entries")["items"]]
    assert any(s.endswith("Grant of Punto S.L.") for s in summaries) and not any(s.endswith("..") for s in summaries), summaries


def test_signing_out_and_changing_the_password(world):
    world.person("fleeting", [{"role": "auditor"}])
    one, two = Client(world.server), Client(world.server)
    for client in (one, two):
        assert client.sign_in("fleeting@kontor.example", PASSWORD).status == 200
    assert one.post("/v1/me/password", {"old": "wrong password", "new": "wholly another one"}).json["code"] == "credentials"
    line = [json.loads(x) for x in world.server.tail_all().splitlines() if '"me_password"' in x][-1]
    assert line["status"] == 401 and line["from"] == "127.0.0.0/24" and line["error"] == "credentials", "who guesses is in the log, by their network"
    assert one.post("/v1/me/password", {"old": PASSWORD, "new": "short"}).json["pointer"] == "/new"
    assert one.post("/v1/me/password", {"old": PASSWORD, "new": "wholly another one"}).status == 204
    assert one.get("/v1/me").status == 200, "the session that changed it goes on"
    assert two.get("/v1/me").status == 401, "all others end"
    assert two.sign_in("fleeting@kontor.example", PASSWORD).status == 401
    assert two.sign_in("fleeting@kontor.example", "wholly another one").status == 200
    assert one.call("DELETE", "/v1/session").status == 204
    assert one.get("/v1/me").json["code"] == "unauthenticated"
    given = world.local.must("POST", f"/v1/people/{world.ids['fleeting']}/password", {})["password"]
    assert two.get("/v1/me").status == 401, "a reset ends every session"
    assert two.sign_in("fleeting@kontor.example", given).status == 200


def test_a_new_password_has_twelve_characters(world):
    one = world.person("brief", [])
    reply = one.post("/v1/me/password", {"old": PASSWORD, "new": "zC7#kd0!qLw"})
    assert reply.status == 422 and reply.json["pointer"] == "/new" and "12" in reply.json["detail"], reply
    assert one.post("/v1/me/password", {"old": PASSWORD, "new": "zC7#kd0!qLwX"}).status == 204


def test_what_is_guessed_first_is_no_password(world):
    """Neither what others have chosen nor one's own name; said before anything is changed."""
    one = world.person("guessable", [])
    for bad in ("password1234", "Guessable2026", "kontor kontor", "123456789012"):
        reply = one.post("/v1/me/password", {"old": PASSWORD, "new": bad})
        assert reply.status == 422 and reply.json["pointer"] == "/new" and "guessed first" in reply.json["detail"], (bad, reply)
    assert one.sign_in("guessable@kontor.example", PASSWORD).status == 200


def test_a_stream_ends_with_the_right_to_it(world):
    """Who has signed out, or whose session was ended, hears nothing more, also where they were listening already."""
    reservation = world.accept()
    streams = []
    for _ in range(2):
        client = Client(world.server)
        assert client.sign_in("brisa@kontor.example", PASSWORD).status == 200
        connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=60)
        connection.request("GET", f"/v1/reservations/{reservation['id']}/events", headers={"Cookie": client.cookie})
        streams.append((client, connection.getresponse()))
    assert all(s.status == 200 and b"event" in s.readline() for _, s in streams)
    assert streams[0][0].call("DELETE", "/v1/session").status == 204
    assert b"" == streams[0][1].read().partition(b"\n\n")[2], "the stream ends at once"
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=60)
    for (client, _), status in zip(streams, (401, 200)):
        connection.request("GET", f"/v1/reservations/{reservation['id']}/events", headers={"Cookie": client.cookie})
        assert connection.getresponse().status == status, "one comes back, the other does not"
        connection.close()
    world.people["brisa"].must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)


def test_behind_tls(world):
    """Where browsers come by TLS, every reply says so for a year, and cookies are of that origin alone."""
    server = Server(more=["--base-url=https://kontor.example", f"--web-dir={BUILD / 'webroot'}"])
    try:
        server.start()
        client = Client(server)
        page = client.get("/en/", check=False)
        asset = re.search(rb'src="(/[^"]+\.js)"', page.body).group(1).decode()
        replies = [page] + [client.get(path, check=False) for path in ("/", asset, "/v1/session", "/v1/me", "/health/ready", "/nothing")]
        assert [r.status for r in replies] == [200, 302, 200, 200, 401, 200, 404], replies
        for reply in replies:
            assert reply.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains", reply.headers
            assert reply.headers["x-content-type-options"] == "nosniff", reply.headers
        reply = client.post("/v1/session", {"email": "nobody@kontor.example", "password": PASSWORD})
        assert reply.status == 401 and "set-cookie" not in reply.headers
        assert "strict-transport-security" not in world.anybody.get("/v1/session").headers, "not without TLS: it would lock people out"
    finally:
        server.remove()


def test_guessing_is_slowed_down(world):
    world.person("guessed", [])
    codes = [world.anybody.post("/v1/session", {"email": "guessed@kontor.example", "password": f"guess number {i}"}).json["code"] for i in range(12)]
    assert codes[:10] == ["credentials"] * 10 and codes[10:] == ["rate-limited"] * 2, codes
    reply = world.anybody.post("/v1/session", {"email": "guessed@kontor.example", "password": PASSWORD})
    assert reply.status == 429 and int(reply.headers["retry-after"]) > 0, "the right one neither"
    reply = world.anybody.post("/v1/session", {"email": "nobody@kontor.example", "password": PASSWORD})
    assert reply.json["code"] == "credentials", "whether an address exists is not told"
    assert Client(world.server).sign_in("brisa@kontor.example", PASSWORD).status == 200, "others are not touched"


def test_roles_take_effect_at_once(world):
    client = world.person("rising", [])
    assert client.get("/v1/programme").status == 403
    world.local.must("POST", f"/v1/people/{world.ids['rising']}/roles", {"roles": [{"role": "auditor"}], "reason": "tests"}, key=True)
    assert client.get("/v1/programme").status == 200
    assert client.must("GET", "/v1/me")["roles"] == [{"role": "auditor"}]
    assert world.local.post("/v1/people", {"name": "Twice", "email": "rising@KONTOR.example"}).json["code"] == "exists"
    for bad in ([{"role": "owner"}], [{"role": "owner", "organisation": world.ids["rising"]}], [{"role": "site_operator", "site": "nowhere"}],
                [{"role": "officer", "site": "lumi"}]):
        assert world.local.post(f"/v1/people/{world.ids['rising']}/roles", {"roles": bad}, key=True).status == 422, bad
    members = world.people["brisa"].must("GET", f"/v1/organisations/{world.organisations['brisa']}/members")
    assert {m["role"] for m in members["items"]} == {"owner", "member"}


def test_many_at_once(world):
    """Sixteen people at once, each with a connection of their own, and a signed-in one that shares its session."""
    wrong = []

    def work(name):
        client = Client(world.server)
        client.cookie, client.csrf = world.people[name].cookie, world.people[name].csrf
        for _ in range(20):
            for path in ("/v1/me", "/v1/grants", "/v1/sites", "/v1/offerings?weeks=4"):
                reply = client.get(path)
                if reply.status != 200:
                    wrong.append(reply)
            if client.get("/v1/me").json["person"]["email"] != f"{name}@kontor.example":
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(n,)) for n in ("brisa", "nordlys", "officer", "auditor") * 4]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong[:3]


def test_cached_replies_and_the_contract(world):
    reply = world.anybody.get("/v1/openapi.yaml")
    assert reply.status == 200 and reply.body.startswith(b"# The HTTP interface of Kontor")
    assert world.anybody.must("GET", "/errors/quote-used")["status"] == 409
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=60)
    connection.request("HEAD", "/v1/journal")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == b""


def test_sessions_are_listed_and_ended(world):
    """Where one is signed in, by which program; each can be ended from any other, at once; nobody ends another's."""
    one = world.person("many", [])
    two, three = Client(world.server), Client(world.server)
    for client in (two, three):
        assert client.sign_in("many@kontor.example", PASSWORD).status == 200
    odd = Client(world.server)
    reply = odd.post("/v1/session", {"email": "many@kontor.example", "password": PASSWORD}, headers={"User-Agent": "Odd/1 \xe9 " + "x" * 400})
    assert reply.status == 200
    seen = one.must("GET", "/v1/me/sessions")["items"]
    assert len(seen) == 4 and [s["this"] for s in seen].count(True) == 1, seen
    assert any(s["program"].startswith("Odd/1 ?") and len(s["program"]) == 200 for s in seen), seen
    mine = {client: next(s["id"] for s in client.must("GET", "/v1/me/sessions")["items"] if s["this"]) for client in (one, two, three)}
    assert world.people["brisa"].call("DELETE", f"/v1/me/sessions/{mine[two]}").status == 404
    assert one.call("DELETE", f"/v1/me/sessions/{mine[two]}").status == 204
    assert two.get("/v1/me").status == 401, "at once"
    assert one.call("DELETE", f"/v1/me/sessions/{mine[two]}").status == 404
    assert one.post("/v1/me/sessions/end-others", {}).status == 204
    assert three.get("/v1/me").status == 401 and [s["this"] for s in one.must("GET", "/v1/me/sessions")["items"]] == [True]
    back = "UPDATE session SET used_ms = used_ms - %d WHERE id = '" + mine[one] + "'"
    used = lambda: int(world.server.sql("SELECT used_ms FROM session WHERE id = '" + mine[one] + "'"))  # noqa: E731
    before, idle = used(), 3600000
    for wait, good in ((idle - 600000, True), (idle + 600000, False)):
        world.server.sql(back % wait)
        world.server.stop()
        world.server.start()
        one.connection = None
        assert one.get("/v1/me").status == (200 if good else 401), "a session that nobody used for an hour is over"
        assert (used() >= before) == good, "it is noted that it is used"
    assert world.local.must("GET", "/v1/me/sessions")["items"] == [] and world.local.post("/v1/me/sessions/end-others", {}).status == 403
