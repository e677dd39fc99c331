"""Tokens of a person's programs: made with a proof, shown once, never more than their person is at that moment, ended at once."""
import base64
import hashlib
import re
import time
import uuid

from harness import Client
from world import PASSWORD, millis


class Program(Client):
    """A program with a token: no cookie, no CSRF token."""

    def __init__(self, server, token):
        super().__init__(server)
        self.token = token

    def call(self, method, path, body=None, headers=None, **more):
        return super().call(method, path, body, headers={"Authorization": f"Bearer {self.token}", **(headers or {})}, **more)


def make(client, name="ci", scope="read", **more):
    return client.must("POST", "/v1/me/tokens", {"name": name, "scope": scope, "password": PASSWORD, **more}, status=201)


def recorded(client, **query):
    return [(e["what"], e["name"]) for e in client.must("GET", "/v1/me/security")["items"]]


def test_a_token_is_made_shown_once_and_ended_at_once(world):
    owner = world.person("coder", [{"role": "owner", "organisation": world.organisations["brisa"]}])
    for body, field in (({"name": "ci", "scope": "read"}, "/password"), ({"name": "", "scope": "read", "password": PASSWORD}, "/name"),
                        ({"name": "ci", "scope": "all", "password": PASSWORD}, "/scope"), ({"name": "ci", "scope": "write", "password": PASSWORD}, "/organisation"),
                        ({"name": "ci", "scope": "write", "organisation": world.organisations["nordlys"], "password": PASSWORD}, "/organisation"),
                        ({"name": "ci", "scope": "read", "password": PASSWORD, "days": 366}, "/days"), ({"name": "ci", "scope": "read", "organisation": world.organisations["brisa"], "password": PASSWORD}, "/organisation")):
        reply = owner.post("/v1/me/tokens", body)
        assert reply.status in (400, 422) and reply.json["pointer"] == field, (body, reply)
    wrong = owner.post("/v1/me/tokens", {"name": "ci", "scope": "read", "password": "not the password"})
    assert (wrong.status, wrong.json["code"]) == (401, "credentials"), wrong
    assert owner.must("GET", "/v1/me/tokens")["items"] == []
    made = make(owner)
    text = made["token"]
    assert re.fullmatch(r"kontor_[A-Za-z0-9_-]{49}", text), text
    check = base64.urlsafe_b64encode(hashlib.sha256(text[:-6].encode()).digest()).decode()[:6]
    assert text[-6:] == check, "who scans files for secrets knows it by itself"
    assert millis(made["expires"]) - millis(made["created"]) == 90 * 86400000 and "token" not in owner.must("GET", "/v1/me/tokens")["items"][0]
    dump = world.server.sql("SELECT string_agg(t::text, ' ') FROM api_token t")
    assert text not in dump and text[7:30] not in dump and hashlib.sha256(text.encode()).hexdigest() in dump
    program = Program(world.server, text)
    me = program.must("GET", "/v1/me")
    assert me["person"]["id"] == world.ids["coder"] and me["csrf"] == ""
    assert [g["account"] for g in program.must("GET", "/v1/grants")["items"]] == [world.grants["brisa"]]
    used = owner.must("GET", "/v1/me/tokens")["items"][0]
    assert used["used"].endswith(":00:00.000Z") and used["used_from"] == "127.0.0.0/24", used
    assert world.people["brisa"].call("DELETE", f"/v1/me/tokens/{made['id']}").status == 404
    assert owner.call("DELETE", f"/v1/me/tokens/{made['id']}").status == 204
    assert (program.get("/v1/me").status, program.get("/v1/sites").status) == (401, 401), "at once, and wherever it is shown"
    assert owner.call("DELETE", f"/v1/me/tokens/{made['id']}").status == 404
    assert recorded(owner)[:2] == [("token_ended", "ci"), ("token_made", "ci")]


def test_a_token_that_is_none(world):
    """Damaged, of another's making, half of one, with another word before it: 401 everywhere, and never a session's rights."""
    brisa = world.people["brisa"]
    text = make(brisa, "damaged")["token"]
    for bad in (text[:-1], text + "x", text[:-1] + ("A" if text[-1] != "A" else "B"), "kontor_", "kontor_" + "A" * 49, text.replace("_", "-", 1), text.upper(), "kontor_" + "\xff" * 49):
        for path in ("/v1/me", "/v1/sites"):
            reply = Client(world.server).get(path, headers={"Authorization": f"Bearer {bad}"})
            good = (401,) if bad.startswith("kontor_") or path == "/v1/me" else (200,)
            assert reply.status in good, (bad, path, reply)
    both = Client(world.server).call("GET", "/v1/me", headers={"Cookie": brisa.cookie, "Authorization": "Bearer kontor_" + "A" * 49})
    assert both.status == 401, "a token counts before the cookie"
    never = brisa.call("POST", "/v1/me/sessions/end-others", {}, headers={"Authorization": f"Bearer {text}"})
    assert never.status == 403, "nor does the cookie lend it anything"
    world.server.sql("UPDATE api_token SET created_ms = 1, expires_ms = 2 WHERE name = 'damaged'")
    fresh = make(brisa, "later")["id"]
    assert brisa.call("DELETE", f"/v1/me/tokens/{fresh}").status == 204  # what was remembered is forgotten
    assert Program(world.server, text).get("/v1/me").status == 401, "its time is over"


def test_reading_and_writing(world):
    """A token that reads changes nothing; one that writes does, for its organisation only, and its person sees what it asked for."""
    both = world.person("twofold", [{"role": "owner", "organisation": world.organisations[o]} for o in ("brisa", "nordlys")])
    reads, writes = (Program(world.server, make(both, scope, scope, **more)["token"]) for scope, more in (("read", {}), ("write", {"organisation": world.organisations["brisa"]})))
    refused = reads.post("/v1/requests", world.wants(), key=True)
    assert (refused.status, refused.json["code"], refused.json["detail"]) == (403, "forbidden", "This token reads only."), refused
    asked = writes.must("POST", "/v1/requests", world.wants(), status=201, key=True)
    quote = writes.must("POST", f"/v1/requests/{asked['id']}/quotes", {"hold": True}, status=201, key=True)
    place = writes.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)
    assert [e for e in both.must("GET", "/v1/me/security")["items"]][0]["detail"] == f"quotes_accept {quote['id']}"
    assert recorded(both)[:3] == [("token_acted", "write")] * 3 and world.people["nordlys"].must("GET", "/v1/me/security")["items"] == []
    other = both.must("POST", "/v1/requests", world.wants("nordlys"), status=201, key=True)
    assert writes.must("GET", f"/v1/requests/{other['id']}")["id"] == other["id"], "it reads what its person reads"
    assert writes.post(f"/v1/requests/{other['id']}/quotes", {"hold": True}, key=True).status == 404
    assert writes.post("/v1/requests", world.wants("nordlys"), key=True).status == 403
    look = {k: v for k, v in world.wants().items() if k not in ("name", "template", "script")}
    assert reads.post("/v1/quotes", look).status == 200, "to look at prices changes nothing"
    for path in ("/v1/me/password", "/v1/me/tokens", f"/v1/organisations/{world.organisations['brisa']}/invitations", f"/v1/organisations/{world.organisations['brisa']}/members", "/v1/session"):
        assert writes.post(path, {}, key=True).status == 403, path
    assert writes.post(f"/v1/reservations/{place['id']}/cancel", {}, key=True).status == 200


def test_keys_are_the_persons(world):
    """Idempotency: the scope of a key is its person, whoever calls for them; so a script may repeat what a browser began."""
    brisa, org = world.people["brisa"], world.organisations["brisa"]
    writes, key = Program(world.server, make(brisa, "keys", "write", organisation=org)["token"]), str(uuid.uuid4())
    one = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=key)
    assert writes.must("POST", "/v1/requests", world.wants(), status=201, key=key)["id"] == one["id"]
    assert writes.post("/v1/requests", world.wants(name="another"), key=key).json["code"] == "idempotency-key-conflict"


def test_never_more_than_its_person(world):
    """Whose rights go, theirs go; a new password, one's own or an administrator's, ends all of them."""
    org = world.organisations["brisa"]
    leaver = world.person("leaver", [{"role": "member", "organisation": org}])
    token = make(leaver, "mine", "write", organisation=org)["token"]
    program = Program(world.server, token)
    assert program.post("/v1/requests", world.wants(), key=True).status == 201
    world.order(f"/v1/people/{world.ids['leaver']}/roles/remove", {"roles": [{"role": "member", "organisation": org}], "reason": "left"}, status=200)
    assert program.post("/v1/requests", world.wants(), key=True).status == 403 and program.must("GET", "/v1/grants")["items"] == []
    auditor = world.person("checker", [{"role": "auditor"}])
    program = Program(world.server, make(auditor)["token"])
    assert program.get("/v1/programme").status == 200 and program.get("/v1/clock").status == 403
    assert auditor.post("/v1/me/password", {"old": PASSWORD, "new": PASSWORD + "!"}).status == 204
    assert program.get("/v1/programme").status == 401 and recorded(auditor)[0] == ("password_changed", "")
    again = auditor.must("POST", "/v1/me/tokens", {"name": "again", "scope": "read", "password": PASSWORD + "!"}, status=201)
    world.local.must("POST", f"/v1/people/{world.ids['checker']}/password", {})
    assert Program(world.server, again["token"]).get("/v1/programme").status == 401
    assert world.server.sql(f"SELECT what, by_name FROM security_event WHERE person = '{world.ids['checker']}' ORDER BY id DESC LIMIT 1") == "5|The operator on this machine"


def test_not_without_end(world):
    """Twenty at once; what is two years old goes."""
    many = world.person("plenty", [])
    for i in range(20):
        make(many, f"t{i}")
        time.sleep(0.002)  # those of one millisecond stand in any order
    assert many.post("/v1/me/tokens", {"name": "one too many", "scope": "read", "password": PASSWORD}).json["code"] == "tokens-many"
    page = many.must("GET", "/v1/me/security?limit=7")
    assert [e["name"] for e in page["items"]] == [f"t{i}" for i in range(19, 12, -1)]
    assert [e["name"] for e in many.must("GET", f"/v1/me/security?limit=7&cursor={page['next']}")["items"]] == [f"t{i}" for i in range(12, 5, -1)]
    world.server.sql(f"UPDATE security_event SET at_ms = 1 WHERE person = '{world.ids['plenty']}'; UPDATE api_token SET created_ms = 1, expires_ms = 2 WHERE person = '{world.ids['plenty']}'")
    world.server.stop()
    world.server.start()
    many.connection = None
    assert many.must("GET", "/v1/me/security")["items"] == []
    assert world.server.sql(f"SELECT count(*) FROM api_token WHERE person = '{world.ids['plenty']}'") == "0"
    local = world.local.post("/v1/me/tokens", {"name": "x", "scope": "read"})
    assert local.status == 403 and world.local.must("GET", "/v1/me/tokens")["items"] == [], "the operator on the machine has no account"


def test_who_has_no_password_signs_in_again(world):
    """The proof of who came by a provider is a session of the last ten minutes."""
    client = world.person("wordless", [])
    world.server.sql(f"UPDATE person SET password_hash = NULL, email = NULL WHERE id = '{world.ids['wordless']}'")
    assert client.must("POST", "/v1/me/tokens", {"name": "a", "scope": "read"}, status=201)["token"]
    world.server.sql(f"UPDATE session SET created_ms = created_ms - 600001 WHERE person = '{world.ids['wordless']}'")
    late = client.post("/v1/me/tokens", {"name": "b", "scope": "read"})
    assert (late.status, late.json["code"]) == (403, "sign-in-anew"), late
