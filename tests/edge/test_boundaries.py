"""Every route that takes a body, as somebody who may, with values that its schema allows and nobody sends: the least, the most, the
longest in the longest characters, times that are over, just over, and far off; one field at a time, then two. Whatever the
answer, it is one: nothing is the server's fault, no command is set aside as poisoned."""
import itertools
import json
import random
import uuid
from datetime import datetime, timedelta, timezone

import test_tenants
from harness import CONTRACT
from test_refusals import body_schema, sample
from wire import LONG

WORLD = {"more": ["--log-level=info"]}
# They end what the others stand on: the caller's session, people's passwords and roles, the grant, the site, the keys.
NOT_HERE = "session_create me_password me_sessions_end_others me_passkey_begin me_passkey_remove me_second_set me_codes_make me_token_make people_password people_roles people_roles_remove members_set accounts_close sites_spool_retire keys_revoke agent_instance agent_keys clock_confirm".split()
PAIRS = 40 if LONG else 3


def times():
    now = datetime.now(timezone.utc)
    near = [now + timedelta(milliseconds=ms) for ms in (-3600000, -1000, 1, 1000, 900000, 86400000, 90 * 86400000, 1000 * 86400000)]
    return ["1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] + [t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}Z" for t in near]


def values(schema):
    """What a field of this schema might be."""
    schema = CONTRACT.resolve(schema)
    if "enum" in schema:
        return schema["enum"]
    kind, pattern = schema.get("type"), schema.get("pattern", "")
    if kind == "boolean":
        return [True, False]
    if kind == "integer":
        low, high = schema.get("minimum", -2**63), schema.get("maximum", 2**63 - 1)
        return [v for v in (low, low + 1, 0, 1, 2, 3, 4, 5, 63, 1098, 2**31 - 1, 2**31, 2**32 - 1, 2**53, high - 1, high) if low <= v <= high]
    if kind == "array":
        one = values(schema["items"])[:3]
        return [[], one[:1], one[:1] * schema.get("maxItems", 3), one]
    if kind == "string" and "T[0-9]" in pattern:
        return times()
    if kind == "string" and "[0-9]{" in pattern and "." in pattern:
        return ["0", "0.001", "1", "2562047788015", "2562047788015.215", "999999999999"]
    if kind == "string" and not pattern:
        low, high = schema.get("minLength", 0), schema.get("maxLength", 200)
        return ["x" * low, "x" * high, "é" * high, "\U0001f600" * (high // 2), "a\u0301 " * (high // 4) + "b", "0"]
    return []


def caller(world, who):
    if "agent" in who:
        return "agent of lumi"
    for role, name in (("owner", "brisa"), ("site_operator", "lumi"), ("officer", "officer"), ("administrator", "administrator")):
        if role in who:
            return name
    return "brisa" if "session" in who else "anybody"


def test_values_at_the_edge(world):
    test_tenants.things(world)
    rng, tried, wrong, seen = random.Random(4), 0, [], {}
    for method, path, name in test_tenants.routes(world):
        route = CONTRACT.find(method, path.replace("{id}", test_tenants.NOWHERE).replace("{index}", "0").replace("{account}", "0").replace("{code}", "lumi").replace("{sha256}", "0" * 64))
        schema = body_schema(route[3]) if method == "POST" and route else None
        if not schema or name in NOT_HERE:
            continue
        who = caller(world, route[3]["x-who"])
        where = test_tenants.fill(world, path, "brisa")
        offering = str(world.sites["lumi"]["offering"])
        where = where.replace("/offerings/" + str(world.sites["bsc"]["offering"]), "/offerings/" + offering)
        base, fields = sample(schema, world), {f: values(s) for f, s in schema.get("properties", {}).items()}
        bodies = [dict(base, **{f: v}) for f, vs in fields.items() for v in vs]
        when = [f for f, vs in fields.items() if vs and str(vs[0]).startswith("1970-")]
        for pair in itertools.combinations(when, 2):  # from and to: each with each
            bodies += [dict(base, **dict(zip(pair, both))) for both in itertools.product(*(fields[f] for f in pair))]
        usable = [f for f, vs in fields.items() if vs]
        for _ in range(PAIRS * len(usable) if len(usable) > 1 else 0):
            bodies.append(dict(base, **{f: rng.choice(fields[f]) for f in rng.sample(usable, rng.randint(2, len(usable)))}))
        world.order(f"/v1/offerings/{offering}/capacity", {"nodes": 40, "brokered_gpus": 80, "pool_nodes": 4})  # as before the others
        for body in bodies:
            reply = test_tenants.call(world, who, method, where, body, str(uuid.uuid4()))
            tried += 1
            seen[reply.status] = seen.get(reply.status, 0) + 1
            if reply.status >= 500 and reply.json.get("code") not in ("busy", "provider-away"):
                wrong.append(f"{name} as {who}: {reply.status} {reply.json.get('code')} {json.dumps(body)[:300]}")
    poisoned = [line for line in world.server.tail_all().splitlines() if '"poisoned"' in line and '"sqlstate"' in line]
    assert not wrong and not poisoned, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:20] + poisoned[:10])
    assert seen.get(201, 0) + seen.get(200, 0) > 50, seen
    assert world.anybody.get("/health/ready").status == 200
    world.server.stop()
    world.server.start()  # what was taken can be read again
    for client in [*world.people.values(), world.local]:
        client.connection = None
    assert world.anybody.get("/health/ready").status == 200
    return f"{tried} bodies: {dict(sorted(seen.items()))}"
