"""Passkeys: made with a proof, alone or after the password, several of a person; each thing that can be wrong is refused as what
it is; recovery codes, each once; no way of locking oneself out; what was done is told. By an authenticator of our own."""
import hashlib

from authenticator import BACKED_UP, MAY_BACK_UP, PRESENT, VERIFIED, Passkey, b64, raw
from harness import Client
from world import PASSWORD


def passkey(world, name, **more):
    return Passkey(name, origin=f"http://localhost:{world.server.port}", **more)


def wish(client, **more):
    return client.must("POST", "/v1/me/passkeys/begin", {"password": PASSWORD, **more})


def add(client, key, name="key"):
    return client.must("POST", "/v1/me/passkeys", key.made(wish(client), name), status=201)


def question(world):
    return world.anybody.must("POST", "/v1/session/passkey/begin", {})


def sign_in(world, key, client=None, **wrong):
    client = client or Client(world.server)
    headers = {"X-Forwarded-For": wrong.pop("at", "192.0.2.1")}
    reply = client.call("POST", "/v1/session/passkey", key.used(wrong.pop("question", None) or question(world), **wrong), headers=headers)
    if reply.status == 200:
        client.cookie, client.csrf = reply.headers["set-cookie"].split(";")[0], reply.json["csrf"]
    return reply


def code_of(reply):
    return reply.status, reply.json["code"]


def recorded(client):
    return [(e["what"], e["name"]) for e in client.must("GET", "/v1/me/security")["items"]]


def test_one_is_made_and_opens_alone(world):
    nora = world.person("nora", [])
    assert code_of(nora.post("/v1/me/passkeys/begin", {})) == (422, "field-invalid") and code_of(nora.post("/v1/me/passkeys/begin", {"password": "another password"})) == (401, "credentials")
    asked = wish(nora)
    assert asked["site"] == "localhost" and len(raw(asked["challenge"])) == 32 and len(raw(asked["user"]["handle"])) == 32 and asked["known"] == []
    assert asked["user"]["name"] == "nora@kontor.example" and world.ids["nora"].replace("-", "") not in raw(asked["user"]["handle"]).hex()
    key, other = passkey(world, "nora", count=5), passkey(world, "nora's phone", alg="EdDSA", flags=PRESENT | VERIFIED | MAY_BACK_UP | BACKED_UP)
    made = nora.must("POST", "/v1/me/passkeys", key.made(asked, "Key on the ring"), status=201)
    assert made["alone"] and not made["backed_up"] and made["name"] == "Key on the ring"
    assert code_of(nora.post("/v1/me/passkeys", passkey(world, "again").made(asked))) == (403, "sign-in-stale"), "a question is answered once"
    second = wish(nora)
    assert raw(second["known"][0]) == key.id and second["user"]["handle"] == asked["user"]["handle"], "authenticators know one person, not two"
    nora.must("POST", "/v1/me/passkeys", other.made(second, "Phone"), status=201)
    assert [(p["name"], p["backed_up"]) for p in nora.must("GET", "/v1/me/passkeys")["items"]] == [("Key on the ring", False), ("Phone", True)]
    key.count = 6
    for one in (key, other):
        client = Client(world.server)
        assert sign_in(world, one, client).json["person"]["id"] == world.ids["nora"] and client.get("/v1/me").status == 200
    assert world.server.sql("SELECT sign_count, backed_up FROM passkey WHERE name = 'Key on the ring'") == "6|f"
    assert nora.call("POST", f"/v1/me/passkeys/{made['id']}/rename", {"name": "Old key"}).status == 204
    assert world.people["brisa"].call("POST", f"/v1/me/passkeys/{made['id']}/rename", {"name": "Mine"}).status == 404
    assert world.people["brisa"].post(f"/v1/me/passkeys/{made['id']}/remove", {"password": PASSWORD}).status == 404
    assert nora.post(f"/v1/me/passkeys/{made['id']}/remove", {}).status == 422, "proved anew"
    assert nora.post(f"/v1/me/passkeys/{made['id']}/remove", {"password": PASSWORD}).status == 204
    key.count = 9
    assert code_of(sign_in(world, key)) == (401, "passkey-unknown")
    assert recorded(nora)[:3] == [("passkey_removed", "Old key"), ("passkey_added", "Phone"), ("passkey_added", "Key on the ring")]
    assert code_of(world.local.post("/v1/me/passkeys/begin", {})) == (403, "forbidden"), "the operator on the machine has no account"


WRONG = {"type": ({"type": "webauthn.something"}, "passkey-type"), "challenge": ({"answers": bytes(32)}, "passkey-challenge"), "origin": ({"origin": "https://evil.example"}, "passkey-origin"),
         "framed": ({"cross": True}, "passkey-origin"), "site": ({"site": "evil.example"}, "passkey-site"), "absent": ({"flags": VERIFIED}, "passkey-absent"),
         "copied and cannot be": ({"flags": PRESENT | VERIFIED | BACKED_UP}, "passkey-backup")}


def test_what_is_wrong_with_one_that_is_made(world):
    wrong = world.person("wrong", [])
    own, rsa = passkey(world, "wrong"), {1: 3, 3: -257, -1: b"\xff" * 128, -2: b"\1\0\1"}
    cases = dict(WRONG, **{"attestation": ({"fmt": "packed"}, "passkey-attestation"), "algorithm": ({"cose": {**own.cose, 3: -35}}, "passkey-algorithm"), "a short modulus": ({"cose": rsa}, "passkey-algorithm"),
                           "no point": ({"cose": {**own.cose, -2: bytes(32)}}, "passkey-algorithm"), "behind": ({"behind": b"\0"}, "passkey-malformed")})
    for why, (how, code) in cases.items():
        reply = wrong.post("/v1/me/passkeys", own.made(wish(wrong), **how))
        assert code_of(reply) == (422, code), (why, reply)
    own.id = b"short"
    assert code_of(wrong.post("/v1/me/passkeys", own.made(wish(wrong)))) == (422, "passkey-id")
    own = passkey(world, "wrong")
    good = own.made(wish(wrong))
    for field, value in (("client", "!"), ("client", ""), ("object", b64(b"\xa0")), ("name", ""), ("question", "x")):
        assert wrong.post("/v1/me/passkeys", {**good, field: value}).status in (400, 403, 422), field
    nils = world.person("nils", [])
    assert code_of(nils.post("/v1/me/passkeys", good)) == (403, "sign-in-stale"), "the question is of another session"
    assert code_of(wrong.post("/v1/me/passkeys", own.made({**wish(nils), "question": question(world)["question"]}))) == (403, "sign-in-stale"), "it was to sign in with"
    assert wrong.must("GET", "/v1/me/passkeys")["items"] == [] and wrong.must("GET", "/v1/me/security")["items"] == []
    wrong.must("POST", "/v1/me/passkeys", good, status=201)
    for who in (wrong, nils):
        assert code_of(who.post("/v1/me/passkeys", own.made(wish(who)))) == (409, "passkey-taken"), "registered already, by oneself or another"


def test_what_is_wrong_with_one_that_is_used(world):
    user = world.person("user", [])
    key, stranger = passkey(world, "user", count=10, flags=PRESENT | VERIFIED | MAY_BACK_UP), passkey(world, "stranger")
    add(user, key, "Counter")
    key.count = 11
    for number, (why, (how, code)) in enumerate({**WRONG, "unverified": ({"flags": PRESENT | MAY_BACK_UP}, "passkey-unverified")}.items()):
        for one in (key, stranger):
            assert code_of(sign_in(world, one, at=f"192.0.2.{number + 10}", **how)) == (422, code), (why, one.id)
    same = []
    for at, how in (("192.0.2.30", {"id": bytes(20)}), ("192.0.2.31", {"signature": key.sign(b"")}), ("192.0.2.32", {"signature": b"\x30\x00"})):
        reply = sign_in(world, key, at=at, **how)
        same.append((reply.status, reply.json["code"], reply.json["title"]))
    stranger.handle = key.handle
    reply = sign_in(world, stranger, at="192.0.2.33")
    assert set(same) == {(reply.status, reply.json["code"], reply.json["title"])} == {(401, "passkey-unknown", "This passkey is not known here.")}, "one answer for the unknown and the false"
    assert code_of(sign_in(world, key, at="192.0.2.34", handle=bytes(32))) == (403, "passkey-handle")
    assert code_of(sign_in(world, key, at="192.0.2.35", flags=PRESENT | VERIFIED)) == (422, "passkey-backup"), "it may be copied now, or not any more"
    asked = question(world)
    assert sign_in(world, key, question=asked).status == 200
    key.count = 12
    assert code_of(sign_in(world, key, question=asked)) == (403, "sign-in-stale"), "a challenge counts once"
    for count in (11, 3, 0):
        assert code_of(sign_in(world, key, at="192.0.2.36", count=count)) == (403, "passkey-copy"), count
    assert recorded(user)[0] == ("passkey_refused", "Counter")
    assert sign_in(world, key).status == 200 and world.server.sql("SELECT sign_count FROM passkey WHERE name = 'Counter'") == "12"
    evil = Client(world.server).call("POST", "/v1/session/passkey", key.used(question(world)), headers={"Origin": "https://evil.example"})
    assert code_of(evil) == (403, "csrf")


def test_failures_are_counted(world):
    """Of a client fifty; of a client at one person ten; other clients go on."""
    victim = world.person("victim", [])
    key = passkey(world, "victim")
    add(victim, key)
    for _ in range(10):
        assert sign_in(world, key, at="198.51.100.7", signature=b"\x30\x00").status == 401
    blocked = sign_in(world, key, at="198.51.100.7")
    assert blocked.status == 429 and 0 < int(blocked.headers["retry-after"]) <= 301
    assert sign_in(world, key, at="198.51.100.8").status == 200
    for number in range(51):
        reply = sign_in(world, passkey(world, "nobody's"), at="198.51.100.9", signature=b"\x30\x00")
    assert reply.status == 429


def second(client, email, **how):
    """The password's step: the question for the second, or the reply."""
    return client.call("POST", "/v1/session", {"email": email, "password": PASSWORD}, headers={"X-Forwarded-For": how.get("at", "192.0.2.1")})


def test_a_second_step(world):
    both = world.person("both", [])
    assert both.must("GET", "/v1/me/second-step") == {"demanded": False, "codes": 0}
    assert code_of(both.post("/v1/me/second-step", {"demanded": True, "password": PASSWORD})) == (409, "second-none")
    weak = passkey(world, "button", flags=PRESENT)  # a key that asks for nothing but a touch
    assert not add(both, weak, "Button")["alone"]
    assert code_of(sign_in(world, weak)) == (422, "passkey-unverified"), "it does not open alone"
    assert code_of(sign_in(world, weak, flags=PRESENT | VERIFIED)) == (403, "passkey-second"), "nor once it does ask: who set that up?"
    assert code_of(both.post("/v1/me/second-step", {"demanded": True})) == (422, "field-invalid")
    assert both.must("POST", "/v1/me/second-step", {"demanded": True, "password": PASSWORD}) == {"demanded": True, "codes": 0}
    client = Client(world.server)
    asked = second(client, "both@kontor.example")
    assert asked.status == 202 and "set-cookie" not in asked.headers and [raw(k) for k in asked.json["known"]] == [weak.id] and not asked.json["codes"]
    assert client.get("/v1/me").status == 401, "nobody is signed in yet"
    assert Client(world.server).post("/v1/session", {"email": "both@kontor.example", "password": "another password"}).status == 401
    stranger = passkey(world, "another's")
    add(world.person("other", []), stranger)
    for at, one, how, want in (("192.0.2.40", stranger, {}, (401, "passkey-unknown")), ("192.0.2.41", weak, {"signature": b"\x30\x00"}, (401, "passkey-unknown")),
                               ("192.0.2.42", weak, {"origin": "https://evil.example"}, (422, "passkey-origin")), ("192.0.2.43", weak, {"handle": bytes(32)}, (403, "passkey-handle"))):
        reply = client.call("POST", "/v1/session/second/passkey", one.used(asked.json, **how), headers={"X-Forwarded-For": at})
        assert code_of(reply) == want, (at, reply)
    alone = question(world)
    assert code_of(client.post("/v1/session/second/passkey", weak.used(alone))) == (403, "sign-in-stale"), "without the password"
    assert code_of(client.post("/v1/session/passkey", weak.used(asked.json))) == (403, "sign-in-stale")
    said = weak.used(asked.json)
    del said["handle"]  # keys that keep nothing give none
    done = client.post("/v1/session/second/passkey", said)
    assert done.status == 200 and done.json["person"]["id"] == world.ids["both"] and "set-cookie" in done.headers
    assert code_of(client.post("/v1/session/second/passkey", said)) == (403, "sign-in-stale"), "once"
    button = both.must("GET", "/v1/me/passkeys")["items"][0]["id"]
    assert code_of(both.post(f"/v1/me/passkeys/{button}/remove", {"password": PASSWORD})) == (409, "last-way-in")
    assert both.must("POST", "/v1/me/second-step", {"demanded": False, "password": PASSWORD})["demanded"] is False
    assert second(Client(world.server), "both@kontor.example").status == 200
    assert both.post(f"/v1/me/passkeys/{button}/remove", {"password": PASSWORD}).status == 204
    assert [w for w, _ in recorded(both)] == ["passkey_removed", "second_waived", "second_demanded", "passkey_added"]


def test_recovery_codes(world):
    careful = world.person("careful", [])
    assert careful.post("/v1/me/recovery-codes", {}).status == 422
    old = careful.must("POST", "/v1/me/recovery-codes", {"password": PASSWORD}, status=201)["codes"]
    codes = careful.must("POST", "/v1/me/recovery-codes", {"password": PASSWORD}, status=201)["codes"]
    assert len(set(codes + old)) == 20 and all(len(c) == 19 for c in codes)
    kept = world.server.sql("SELECT string_agg(encode(code_hash, 'hex'), ' ') FROM recovery_code")
    assert len(kept.split()) == 10 and hashlib.sha256(codes[0].replace("-", "").encode()).hexdigest() not in kept
    careful.must("POST", "/v1/me/second-step", {"demanded": True, "password": PASSWORD})
    client = Client(world.server)
    asked = second(client, "careful@kontor.example").json
    assert asked["codes"] and asked["known"] == []

    def typed(code, at="192.0.2.50", question=None):
        question = question or second(client, "careful@kontor.example", at=at).json["question"]
        return client.call("POST", "/v1/session/second", {"question": question, "code": code}, headers={"X-Forwarded-For": at})
    for bad in (old[0], codes[0][:-1] + ("0" if codes[0][-1] != "0" else "2"), "zzzz", "'; --"):
        reply = typed(bad)
        assert code_of(reply) == (401, "credentials") and reply.json["pointer"] == "/code", (bad, reply)
    assert typed(codes[0].upper().replace("-", " ").replace("0", "O").replace("1", "l")).status == 200, "as people type"
    assert code_of(typed(codes[0])) == (401, "credentials"), "each once"
    assert careful.must("GET", "/v1/me/second-step") == {"demanded": True, "codes": 9} and recorded(careful)[0] == ("code_used", "")
    for _ in range(10):
        reply = typed("0000-0000-0000-0000", at="192.0.2.51")
    assert typed(codes[1], at="192.0.2.51").status == 429 and typed(codes[1], at="192.0.2.52").status == 200
    assert "code_used" not in [w for w, _ in recorded(world.people["brisa"])]


def test_who_has_lost_all(world):
    """An administrator's new password takes away what only who had the old one may have."""
    lost = world.person("lost", [])
    key = passkey(world, "lost")
    add(lost, key)
    lost.must("POST", "/v1/me/recovery-codes", {"password": PASSWORD}, status=201)
    lost.must("POST", "/v1/me/second-step", {"demanded": True, "password": PASSWORD})
    assert lost.post("/v1/me/password", {"old": PASSWORD, "new": PASSWORD}).status == 204, "one's own leaves them"
    assert second(Client(world.server), "lost@kontor.example").status == 202
    new = world.local.must("POST", f"/v1/people/{world.ids['lost']}/password", {})["password"]
    assert Client(world.server).sign_in("lost@kontor.example", new).status == 200
    assert code_of(sign_in(world, key)) == (401, "passkey-unknown")
    assert world.server.sql(f"SELECT (SELECT count(*) FROM passkey WHERE person = i) + (SELECT count(*) FROM recovery_code WHERE person = i) FROM (SELECT '{world.ids['lost']}'::uuid i) x") == "0"


def test_not_without_end(world):
    many = world.person("many", [])
    for i in range(20):
        add(many, passkey(world, f"many {i}", alg="EdDSA"))
    assert code_of(many.post("/v1/me/passkeys/begin", {"password": PASSWORD})) == (409, "passkeys-many")


def test_old_questions(world):
    """What was answered is forgotten once it is too old to be answered; it is too old five minutes after it was asked."""
    late = world.person("late", [])
    key = passkey(world, "late")
    add(late, key)
    assert sign_in(world, key).status == 200
    left = world.server.sql("SELECT min(until_ms - extract(epoch FROM now()) * 1000) > 200000 AND max(until_ms - extract(epoch FROM now()) * 1000) < 302000 FROM passkey_spent")
    assert left == "t", world.server.sql("SELECT * FROM passkey_spent")
    world.server.sql("UPDATE passkey_spent SET until_ms = 1")
    world.server.stop()
    world.server.start()
    late.connection = world.anybody.connection = None
    assert late.get("/v1/me").status == 200 and world.server.sql("SELECT count(*) FROM passkey_spent") == "0"


def test_officers_and_administrators_must_have_a_second_step(world):
    server = world.server
    plain = world.person("promoted", [])
    server.stop()
    server.options = ["--second-step-duty=yes" if o == "--second-step-duty=no" else o for o in server.options]
    server.start()
    try:
        for name in ("officer", "administrator"):
            due = Client(server)
            reply = due.sign_in(f"{name}@kontor.example", PASSWORD)
            assert reply.status == 200 and reply.json["second_due"] and reply.json["roles"], reply
            for method, path, body in (("GET", "/v1/funds", None), ("GET", "/v1/people", None), ("GET", "/v1/orders", None), ("POST", "/v1/funds", {}), ("POST", "/v1/me/keys", {}),
                                       ("POST", "/v1/me/tokens", {"name": "x", "scope": "read", "password": PASSWORD})):
                if name == "officer" or path != "/v1/funds":
                    assert code_of(due.call(method, path, body, key=True)) == (403, "second-due"), (name, method, path)
            assert due.get("/v1/sites").status == 200 and due.get("/v1/me/passkeys").status == 200
        for name in ("brisa", "auditor", "lumi"):
            client = Client(server)
            assert not client.sign_in(f"{name}@kontor.example", PASSWORD).json["second_due"], name
        assert world.local.must("GET", "/v1/me")["second_due"] is False
        officer = Client(server)
        officer.sign_in("officer@kontor.example", PASSWORD)
        codes = officer.must("POST", "/v1/me/recovery-codes", {"password": PASSWORD}, status=201)["codes"]
        assert officer.must("GET", "/v1/me")["second_due"], "it has to be asked for, too"
        officer.must("POST", "/v1/me/second-step", {"demanded": True, "password": PASSWORD})
        assert officer.must("GET", "/v1/me")["second_due"] is False and officer.get("/v1/funds").status == 200, "at once"
        again = Client(server)
        asked = second(again, "officer@kontor.example")
        assert asked.status == 202
        assert again.must("POST", "/v1/session/second", {"question": asked.json["question"], "code": codes[0]})["second_due"] is False
        passwords = [{"email": f"{o}@kontor.example", "password": PASSWORD} for o in ("officer", "officer2")]
        reply = world.local.post(f"/v1/grants/{world.grants['brisa']}/clawback", {"credits": "1", "reason": "Test", "officers": passwords}, key=True)
        assert code_of(reply) == (403, "authority") and reply.json["pointer"] == "/officers", "passwords alone sign nothing"
        officer.must("POST", "/v1/me/second-step", {"demanded": False, "password": PASSWORD})
        assert code_of(officer.get("/v1/funds")) == (403, "second-due"), "waived: due again"
        plain.sign_in("promoted@kontor.example", PASSWORD)
        world.local.must("POST", f"/v1/people/{world.ids['promoted']}/roles", {"roles": [{"role": "officer"}], "reason": "Joins"}, key=True)
        assert code_of(plain.get("/v1/funds")) == (403, "second-due") and plain.must("GET", "/v1/me")["second_due"], "from the role on"
    finally:
        server.stop()
        server.options = ["--second-step-duty=no" if o == "--second-step-duty=yes" else o for o in server.options]
        server.start()
