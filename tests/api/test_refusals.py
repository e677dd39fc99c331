"""Bad input over the whole route table: the right problem document, and nothing has changed: neither the journal's size
nor the number of rows of any table."""
import base64
import copy
import json
import time
import uuid

from harness import CONTRACT
from fake_server import Key
from world import PASSWORD, Agent, stamp

NOWHERE = "01900000-0000-7000-8000-000000000000"
ROLES = {"owner": "brisa", "member": "brisa2", "officer": "officer", "auditor": "auditor", "administrator": "administrator",
         "site_operator": "lumi"}


def fill(world, path):
    """A path with things that exist, of brisa and lumi."""
    facts = world.facts
    path = path.replace("{sha256}", "0" * 64)
    path = path.replace("/organisations/{id}", f"/organisations/{world.organisations['brisa']}")
    path = path.replace("/people/{id}", f"/people/{world.ids['brisa']}")
    path = path.replace("/requests/{id}", f"/requests/{facts['request']}").replace("/quotes/{id}", f"/quotes/{facts['quote']}")
    path = path.replace("/reservations/{id}", f"/reservations/{facts['reservation']}")
    path = path.replace("/orders/{id}", f"/orders/{facts['order']}").replace("/officer-keys/{id}", f"/officer-keys/{facts['officer_key']}")
    path = path.replace("/funds/{account}", f"/funds/{world.fund}")
    path = path.replace("/grants/{account}", f"/grants/{world.grants['brisa']}").replace("/accounts/{account}", f"/accounts/{world.grants['brisa']}")
    path = path.replace("/offerings/{index}", f"/offerings/{world.sites['lumi']['offering']}").replace("{index}", "0")
    path = path.replace("/identities/{id}", "/identities/01900000-0000-7000-8000-000000000000").replace("/sessions/{id}", "/sessions/01900000-0000-7000-8000-000000000000").replace("/webhooks/{id}", "/webhooks/01900000-0000-7000-8000-000000000000").replace("/deliveries/{id}", "/deliveries/01900000-0000-7000-8000-000000000000").replace("/tokens/{id}", "/tokens/01900000-0000-7000-8000-000000000000").replace("/passkeys/{id}", "/passkeys/01900000-0000-7000-8000-000000000000").replace("/invitations/{id}", "/invitations/01900000-0000-7000-8000-000000000000")
    path = path.replace("/sites/{code}", "/sites/lumi").replace("{code}", "conflict")
    path = path.replace("{path}", "0/000.p/1")
    assert "{" not in path, path
    return path + needed_query(path)


def needed_query(path):
    """What a path does not do without."""
    if path.startswith(("/v1/programme/report", "/v1/programme/use")):
        return "?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"
    if path == "/v1/mail/stop":
        return "?t=x"
    return "?after=0" if path == "/v1/agent/tickets" else ""


def an_order(world):
    """One that waits: two officers are to sign it, and none has."""
    return world.local.must("POST", f"/v1/accounts/{world.fund}/close", {"reason": "Test"}, status=202, key=True)["id"]


def a_key(world):
    """One that an officer has asked for."""
    key, officer = Key(), world.people["officer2"]
    statement = b"kontor-officer-key/v1\0" + bytes.fromhex(officer.must("GET", "/v1/me/keys")["genesis"]) + uuid.UUID(world.ids["officer2"]).bytes + key.public.raw
    body = {"name": "Laptop", "ed25519": base64.b64encode(key.public.raw).decode(), "proof": base64.b64encode(key.sign(statement)).decode(), "password": PASSWORD}
    return officer.must("POST", "/v1/me/keys", body, status=201)["id"]


def prepare(world):
    if not hasattr(world, "facts"):
        brisa = world.people["brisa"]
        request = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)
        quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
        reservation = world.accept()
        agent = Agent(world, "lumi")
        agent.open()
        world.facts = {"request": request["id"], "quote": quote["id"], "reservation": reservation["id"], "order": an_order(world), "officer_key": a_key(world)}
        world.agent = agent
        world.counts()


def body_schema(operation):
    body = operation.get("requestBody")
    return CONTRACT.resolve(body["content"]["application/json"]["schema"]) if body else None


def sample(schema, world, name=""):
    """A body that would do, as far as its form goes."""
    schema = CONTRACT.resolve(schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return {"single-gpu": "script", "owner": "officer"}.get(schema["enum"][0], schema["enum"][0])
    kind = schema.get("type")
    if kind == "object":
        wanted = schema.get("required", []) + [n for n in ("script",) if n in schema.get("properties", {})]
        return {n: sample(s, world, n) for n, s in schema.get("properties", {}).items() if n in wanted}
    if kind == "array":
        return [sample(schema["items"], world, name) for _ in range(schema.get("minItems", 0))]
    if kind == "integer":
        return {"grant": world.grants["brisa"], "fund": world.fund, "tranche": world.tranche, "walltime_s": 3600}.get(name, max(1, schema.get("minimum", 1)))
    if kind == "boolean":
        return True
    if "0-9a-f]{8}" in schema.get("pattern", ""):
        return world.organisations["brisa"]
    if "T[0-9]" in schema.get("pattern", ""):
        days = time.time() // 86400 + (10 if name == "end" else 8)  # to come, whenever this runs
        return stamp(round(days) * 86400000)
    if schema.get("pattern") == "^/":
        return "/en/"
    known = {"credits": "1", "cap_credits": "1", "country": "ES", "email": "x@kontor.example", "code": "new-one", "address": "x@kontor.example", "mode": "fast-lane", "legal_basis": "gber", "nace": "62.10",
             "site": "lumi", "url": "https://hooks.example/kontor", "script": "#!/bin/sh\n", "proof": "A" * 86 + "==", "by_old": "A" * 86 + "==", "by_new": "A" * 86 + "==", "ed25519": "A" * 43 + "=", "x25519": "A" * 43 + "=",
             "statement": "A" * 183 + "=", "signature": "A" * 86 + "==", "root": "0" * 64, "sha256": "0" * 64, "alone_credits": "0", "had_root": "0" * 64}
    if schema.get("contentEncoding") == "base64":
        return known.get(name, "AAAA")
    return known.get(name, "a text of some length").ljust(schema.get("minLength", 0), "A")


def caller_of(world, who):
    """Somebody whose role suits the route."""
    if "agent" in who:
        return world.agent
    for role in ("owner", "officer", "administrator", "site_operator", "auditor"):
        if role in who:
            return world.people[ROLES[role]]
    return world.people["brisa"] if "session" in who else world.anybody


def send(world, caller, method, path, raw=None, key=True, headers=None):
    if isinstance(caller, Agent):
        more = {"Authorization": "Bearer " + caller.token(), "Kontor-Instance": str(caller.instance)}
        return caller.client.call(method, path, raw=raw, headers={**more, **(headers or {})})
    return caller.call(method, path, raw=raw, key=key, headers=headers)


def mutating():
    return [(m, p, op) for m, _, p, op in CONTRACT.routes if m != "GET" and "requestBody" in op]


def refusal(reply, statuses, codes=None):
    assert reply.status in statuses, reply
    assert reply.headers["content-type"] == "application/problem+json", reply
    if codes:
        assert reply.json["code"] in codes, reply
    return reply.json


def test_bodies_that_are_not_json(world):
    prepare(world)
    before = world.counts()
    for method, path, op in mutating():
        who = op["x-who"]
        caller, at = caller_of(world, who), fill(world, path)
        for raw, code in ((b"{", "json-malformed"), (b"[]", None), (b"null", None), (b'{"a":1,"a":2}', "field-duplicate"), (b'"text"', None),
                          (b'{"a":"\xff"}', "json-malformed"), (b'{"a":"\\u0000"}', None), (b"{} {}", "json-malformed"), (b"", None),
                          (b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}", None), (b'{"a":1e999}', None)):
            problem = refusal(send(world, caller, method, at, raw=raw), (400, 422), (code,) if code else None)
            assert problem["status"] in (400, 422), (path, raw)
        refusal(send(world, caller, method, at, raw=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}), (415,), ("media-type",))
        refusal(send(world, caller, method, at, raw=b'{"a":"' + b"x" * (1 << 20) + b'"}'), (413,), ("body-too-large",))
    assert world.counts() == before


def faults(schema, body, world):
    """Bodies with one thing wrong each, and the pointer that the answer must have."""
    schema = CONTRACT.resolve(schema)
    yield "unknown", {**body, "surprise": 1}, "/surprise", ("field-unknown",)
    for name in schema.get("required", []):
        yield "missing", {k: v for k, v in body.items() if k != name}, f"/{name}", ("field-missing",)
        yield "null", {**body, name: None}, f"/{name}", ("field-missing", "field-type")
    for name, part in schema.get("properties", {}).items():
        part = CONTRACT.resolve(part)
        kind = part.get("type")
        if isinstance(kind, list) or "anyOf" in part:
            continue
        if name in ("parameters", "script") and "template" in schema.get("properties", {}):
            continue
        wrong = {"string": 7, "integer": "7", "boolean": "true", "array": {}, "object": []}.get(kind)
        if wrong is not None:
            yield "type", {**body, name: wrong}, f"/{name}", ("field-type",)
        if kind == "integer":
            for number in (part.get("minimum", -2**63) - 1, part.get("maximum", 2**63 - 1) + 1, 2**63, -2**63 - 1, 1.5, 1e300):
                yield "range", {**body, name: number}, f"/{name}", ("field-range", "field-type", "json-malformed")
        if kind == "string":
            for text in ("x" * (part.get("maxLength", 100000) + 1), "", "\u0007", "é" * 70000):
                if text == "" and part.get("minLength", 0) == 0 and "pattern" not in part and "enum" not in part and name not in ("token", "ed25519", "x25519", "proof", "by_old", "by_new", "statement", "signature"):
                    continue
                if text == "\u0007" and name in ("password", "old", "new", "token", "inventory", "checkpoint", "script"):
                    continue
                yield "text", {**body, name: text}, f"/{name}", ("field-range", "field-type", "field-invalid")
            if "pattern" in part or "enum" in part:
                yield "pattern", {**body, name: "?!"}, f"/{name}", ("field-range", "field-type", "field-invalid")


def test_fields_that_are_wrong(world):
    prepare(world)
    before, wrong, tried = world.counts(), [], 0
    for method, path, op in mutating():
        schema = body_schema(op)
        caller, at, good = caller_of(world, op["x-who"]), fill(world, path), sample(schema, world)
        for what, body, pointer, codes in faults(schema, good, world):
            tried += 1
            reply = send(world, caller, method, at, raw=json.dumps(body).encode())
            ok = reply.status in (400, 413, 422) and reply.json["code"] in codes
            ok = ok and (reply.json["code"] == "json-malformed" or reply.json.get("pointer", "").startswith(pointer))
            if not ok:
                wrong.append(f"{method} {path} {what} {pointer}: {reply.status} {reply.body[:250]!r}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:40])
    assert tried > 400
    assert world.counts() == before


def test_queries_that_are_wrong(world):
    prepare(world)
    for method, _, path, op in CONTRACT.routes:
        if method != "GET" or not op.get("parameters") or path == "/v1/reservations/{id}/events":
            continue
        if op["operationId"] == "sign_in_end":  # a provider says what it likes; test_sign_in.py
            continue
        caller, at = caller_of(world, op["x-who"]), fill(world, path)
        for parameter in op["parameters"]:
            parameter = CONTRACT.resolve(parameter)
            if parameter["in"] != "query" or parameter["name"] in ("kind", "cursor"):
                continue
            sep = "&" if "?" in at else "?"
            for value in ("x", "-1", "99999999999999999999", "1;2", ""):
                refusal(send(world, caller, "GET", f"{at}{sep}{parameter['name']}={value}", key=None), (400,), ("query-invalid",))
    for at in ("/v1/sites?surprise=1", "/v1/journal/entries?kind=NONSENSE", "/v1/journal/entries?limit=1&limit=2", "/v1/requests?cursor=nonsense",
               "/v1/reservations?state=nonsense", "/v1/journal/entries?cursor=-1"):
        refusal(world.people["brisa"].get(at), (400,), ("query-invalid",))


def test_roles(world):
    """Each route as each role: what the table does not allow is 401 or 403, whatever is sent."""
    prepare(world)
    before = world.counts()
    for method, _, path, op in CONTRACT.routes:
        at = fill(world, path)
        for role, name in [*ROLES.items(), ("public", "anybody")]:
            allowed = {"public", role} | ({"session"} if role != "public" else set())
            if allowed & set(op["x-who"]):
                continue
            reply = world.people[name].call(method, at, {} if method == "POST" else None, key=True)
            refusal(reply, (401,) if role == "public" or "agent" in op["x-who"] else (403,), ("unauthenticated", "forbidden"))
    assert world.counts() == before


def test_other_tenants_things(world):
    """Brisa's things, asked for by nordlys; lumi's by bsc: not found or forbidden, and nothing happens."""
    prepare(world)
    before = world.counts()
    tried = 0
    for method, _, path, op in CONTRACT.routes:
        who, at = set(op["x-who"]), fill(world, path)
        if who & {"member", "owner"} and at != path:
            strangers = [world.people["nordlys"], world.people["bsc"]]
        elif "site_operator" in who and at != path:
            strangers = [world.people["bsc"]]
        else:
            continue
        schema = body_schema(op)
        for stranger in strangers:
            tried += 1
            body = sample(schema, world) if schema else None
            reply = stranger.call(method, at, body, key=True if method != "GET" else None)
            refusal(reply, (403, 404))
    brisa = world.organisations["brisa"]
    nordlys = world.people["nordlys"]
    for at in (f"/v1/grants?organisation={brisa}", f"/v1/requests?organisation={brisa}", f"/v1/reservations?organisation={brisa}"):
        refusal(nordlys.get(at), (404,))
    for body in (world.wants(), {**world.wants("nordlys"), "grant": world.grants["brisa"]}):
        refusal(nordlys.post("/v1/requests", body, key=True), (403, 422))
    look = {k: v for k, v in world.wants("nordlys").items() if k not in ("name", "template", "script")}
    refusal(nordlys.post("/v1/quotes", {**look, "grant": world.grants["brisa"]}), (422,), ("field-invalid",))
    for item in nordlys.must("GET", "/v1/journal/entries?limit=500")["items"]:
        sides = [s["account"] for s in (item["debit"], item["credit"]) if s]
        assert world.grants["brisa"] not in sides, item
        assert item["body"].get("organisation") != brisa, item
    assert not [i for i in world.anybody.must("GET", "/v1/journal/entries?limit=500")["items"] if i["kind"] in ("GRANT", "HOLD")]
    assert tried > 15 and world.counts() == before


def test_things_that_do_not_exist(world):
    prepare(world)
    brisa, administrator = world.people["brisa"], world.people["administrator"]
    for at in (f"/v1/requests/{NOWHERE}", f"/v1/quotes/{NOWHERE}", f"/v1/reservations/{NOWHERE}", f"/v1/organisations/{NOWHERE}",
               f"/v1/reservations/{NOWHERE}/output", f"/v1/reservations/{NOWHERE}/secrets", f"/v1/reservations/{NOWHERE}/events", "/v1/grants/999999", "/v1/grants/1",
               "/v1/journal/entries/999999", "/v1/requests/nonsense", "/v1/grants/-1", "/v1/nonsense", "/errors/nonsense", "/v2/sites", "/v1/sites/"):
        refusal(brisa.get(at), (404,), ("not-found",))
    refusal(administrator.get("/v1/sites/nowhere/agent"), (404,))
    refusal(brisa.call("DELETE", "/v1/sites"), (405,), ("method-not-allowed",))
    reply = brisa.call("PUT", "/v1/session")
    assert reply.status == 405 and reply.headers["allow"] == "GET, POST, DELETE"


def test_keys(world):
    """Replayed: the same answer, nothing twice. With another body or path: a conflict. Missing or odd: said so."""
    prepare(world)
    brisa = world.people["brisa"]
    key = str(uuid.uuid4())
    first = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=key)
    before = world.counts()
    assert brisa.must("POST", "/v1/requests", world.wants(), status=201, key=key)["id"] == first["id"]
    reordered = dict(reversed(list(world.wants().items())))
    assert brisa.must("POST", "/v1/requests", reordered, status=201, key=key)["id"] == first["id"], "the order of members does not matter"
    refusal(brisa.post("/v1/requests", world.wants(gpus=16), key=key), (422,), ("idempotency-key-conflict",))
    assert world.counts() == before
    quoted = brisa.must("POST", f"/v1/requests/{first['id']}/quotes", {"hold": True}, status=201, key=key + "q")
    accepted = brisa.must("POST", f"/v1/quotes/{quoted['id']}/accept", {"option": 0}, status=201, key=key + "a")
    before = world.counts()
    again = brisa.must("POST", f"/v1/quotes/{quoted['id']}/accept", {"option": 0}, status=201, key=key + "a")
    assert again["id"] == accepted["id"] and again["hold_entry"] == accepted["hold_entry"]
    refusal(brisa.post(f"/v1/quotes/{quoted['id']}/accept", {"option": 1}, key=key + "a"), (422,), ("idempotency-key-conflict",))
    other = world.facts["quote"]
    refusal(brisa.post(f"/v1/quotes/{other}/accept", {"option": 0}, key=key + "a"), (422,), ("idempotency-key-conflict",))
    body = {"credits": "1", "reason": "x", "fund": world.fund, "name": "n", "reference": "r"}
    tranche = world.order("/v1/tranches", body)
    fixed = str(uuid.uuid4())
    made = world.local.must("POST", "/v1/tranches", body, status=201, key=fixed)
    assert made["account"] != tranche["account"]
    before = world.counts()
    assert world.local.must("POST", "/v1/tranches", body, status=201, key=fixed) == made
    refusal(world.local.post("/v1/tranches", {**body, "credits": "2"}, key=fixed), (422,), ("idempotency-key-conflict",))
    for method, _, path, op in CONTRACT.routes:
        if op.get("x-key"):
            caller, at = caller_of(world, op["x-who"]), fill(world, path)
            body = json.dumps(sample(body_schema(op), world)).encode()
            refusal(send(world, caller, method, at, raw=body, key=None), (400,), ("idempotency-key-missing",))
            for odd in ("x" * 65, "two words", "\u00e9"):
                refusal(send(world, caller, method, at, raw=body, key=odd), (400,), ("idempotency-key-invalid", "bad-request"))
    assert world.counts() == before


def test_a_refusal_is_remembered(world):
    """What a command refused stays refused under its key; validation errors are not remembered."""
    prepare(world)
    brisa = world.people["brisa"]
    key = str(uuid.uuid4())
    quote = brisa.must("POST", f"/v1/requests/{world.facts['request']}/quotes", {"hold": False}, key=True)
    assert quote["id"] is None
    refusal(brisa.post(f"/v1/quotes/{NOWHERE}/accept", {"option": 0}, key=key), (404, 409))
    before = world.counts()
    first = brisa.post(f"/v1/quotes/{NOWHERE}/accept", {"option": 0}, key=key)
    again = brisa.post(f"/v1/quotes/{NOWHERE}/accept", {"option": 0}, key=key)
    assert (first.status, first.json["code"]) == (again.status, again.json["code"])
    refusal(brisa.post(f"/v1/requests/{world.facts['request']}/quotes", {"hold": "x"}, key=key + "v"), (422,))
    brisa.must("POST", f"/v1/requests/{world.facts['request']}/quotes", {"hold": False}, key=key + "v")
    assert world.counts() == before
