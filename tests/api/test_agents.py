"""What sites' agents may do: one key, the newest instance, gapless numbers, one permit; and polls that wait."""
import base64
import json
import time

from fake_server import Key, b64url
from world import PASSWORD, Agent, Later, millis


def fresh(world, site="lumi"):
    agent = Agent(world, site)
    now = world.local.must("GET", f"/v1/sites/{site}/agent")
    agent.number = now["last_report"]
    agent.seq = now["confirmed_seq"]
    assert agent.open(agent.seq).status == 201
    return agent


def take(world, agent):
    """An accepted reservation's ticket at this agent's site."""
    reservation = world.accept(countries=["FI"])
    got = agent.tickets(after=agent.seq, wait=5)
    tickets = [agent.claims(t["jws"]) for t in got.json["tickets"]]
    return reservation, next(t for t in tickets if t["reservation"] == reservation["id"])


def test_enrolment(world):
    token = world.local.must("POST", "/v1/sites/bsc/agent-tokens", {}, status=201)["token"]
    agent = Agent(world, "bsc", enrol=False)
    thief = Agent(world, "bsc", enrol=False)
    astray = Agent(world, "lumi", enrol=False)
    assert agent.enrol("nonsense").json["code"] == "token-spent"
    assert astray.enrol(token).json["code"] == "token-spent", "a token is for one site"
    thief.key.sign = Key().sign
    assert thief.enrol(token).json["code"] == "signature", "who enrols a key must have it"
    first = agent.enrol(token)
    assert first.status == 201
    size = world.local.must("GET", "/v1/journal")["size"]
    again = agent.enrol(token)
    assert again.status == 201 and again.json["key"] == first.json["key"], "a lost reply may be asked for again"
    assert Agent(world, "bsc", enrol=False).enrol(token).json["code"] == "token-spent", "another key may not use it"
    assert world.local.must("GET", "/v1/journal")["size"] == size
    keys = world.people["bsc"].must("GET", "/v1/sites/bsc/agent")["key"]
    assert keys["index"] == first.json["key"] and keys["ed25519"] == agent.key.public.raw.hex()


def test_tokens_of_agents(world):
    agent = fresh(world)
    now = int(time.time())
    for what in ({"iss": "bsc"}, {"aud": "other"}, {"exp": now - 10, "iat": now - 60}, {"exp": now + 3600}, {"iat": now + 600, "exp": now + 620},
                 {"surprise": 1}):
        reply = agent.call("GET", "/v1/agent/tickets?after=0", token=agent.token(**what))
        assert reply.status == 401, (what, reply)
    good = agent.token()
    header, payload, signature = good.split(".")
    forged = b64url(json.dumps({"alg": "none", "kid": str(agent.at["key"]), "typ": "kontor-agent+jwt"}).encode())
    for token in (f"{forged}.{payload}.", f"{forged}.{payload}.{signature}", f"{header}.{payload}.{b64url(bytes(64))}", "", "a.b.c", good[:-2],
                  Key().jws("kontor-agent+jwt", str(agent.at["key"]), {}), agent.key.jws("kontor-ticket+jwt", str(agent.at["key"]), {})):
        assert agent.call("GET", "/v1/agent/tickets?after=0", token=token).status == 401, token
    assert agent.client.get("/v1/agent/tickets?after=0").status == 401
    assert agent.tickets().status == 200


def test_a_clock_too_far_apart_is_named(world):
    """Up to 30 s are tolerated, ahead and behind; beyond them the refusal says how far, and so does the site's page."""
    agent = fresh(world)

    def ask(ahead_s, old_s=0):
        agent.ahead_ms = ahead_s * 1000
        now = int(time.time()) + ahead_s - old_s
        return agent.call("GET", "/v1/agent/self", token=agent.token(iat=now, exp=now + 60))

    for ahead_s in (0, 25, -25):
        assert ask(ahead_s).status == 200, ahead_s
    for ahead_s, said in ((40, "ahead of"), (-90, "behind"), (3600, "ahead of")):
        reply = ask(ahead_s)
        assert reply.status == 401 and reply.json["code"] == "clock-skew", (ahead_s, reply)
        assert said in reply.json["detail"] and "30 are tolerated" in reply.json["detail"], reply.json
        told = world.local.must("GET", "/v1/sites/lumi/agent")["clock_ahead_ms"]
        assert abs(told - ahead_s * 1000) < 5000 or ahead_s != 3600, told
    assert ask(0, old_s=90).json["code"] == "token-expired", "a token that is merely old is no clock"
    ask(0)


def test_an_agent_hears_of_itself(world):
    agent = fresh(world)
    told = agent.call("GET", "/v1/agent/self", instance=0).json
    assert (told["site"], told["key"], told["newest_key"], told["instance"]) == ("lumi", agent.at["key"], agent.at["key"], agent.instance), told
    assert told["until"] is None and not told["draining"] and told["clock_bound_ms"] == 30000
    assert agent.open(agent.seq).json["instance"] == told["instance"] + 1, "it opened none"
    Agent(world, "lumi")  # a newer key: ours is in force for another day
    told = agent.call("GET", "/v1/agent/self", instance=0).json
    assert told["newest_key"] > told["key"] and 23 * 3600000 < millis(told["until"]) - time.time() * 1000 < 25 * 3600000, told


def test_newer_instances_supersede(world):
    agent = fresh(world)
    old = agent.instance
    assert agent.open(agent.seq).status == 201 and agent.instance == old + 1
    clone = copy_of(agent)
    clone.instance = old
    for reply in (clone.tickets(), clone.call("POST", "/v1/agent/tickets/received", {"instance": old, "seq": agent.seq}),
                  clone.report("inventory")):
        assert reply.status == 409 and reply.json["code"] == "superseded", reply
    assert agent.call("POST", "/v1/agent/instance", {"last_confirmed_seq": 10**6, "last_receipted_report": 0}).json["code"] == "spool-ahead"
    assert agent.call("GET", "/v1/agent/tickets?after=0", instance=old).status == 400, "header and token differ"
    assert agent.report("inventory", statement=agent.statement("inventory", instance=old)).status == 200, "what an older one left in the spool"


def test_numbers_are_gapless_and_bytes_are_one(world):
    agent = fresh(world)
    inventory = {"system": "LUMI-G", "nodes": 40, "backend": "exec"}
    statement = agent.statement("inventory")
    number = agent.number
    first = agent.report("inventory", statement=statement, inventory=inventory)
    assert first.status == 200 and agent.number == number + 1
    assert agent.report("inventory", statement=statement, inventory=inventory).json == first.json
    forked = agent.report("inventory", statement=agent.statement("inventory", number=number + 1, now=1))
    assert forked.status == 409 and forked.json["code"] == "forked"
    gap = agent.report("inventory", statement=agent.statement("inventory", number=number + 5))
    assert gap.status == 409 and gap.json["code"] == "gap"
    body = {"statement": base64.b64encode(agent.statement("inventory")).decode(), "signature": base64.b64encode(bytes(64)).decode()}
    assert agent.call("POST", "/v1/agent/reports", body).json["code"] == "signature"
    assert world.people["lumi"].must("GET", "/v1/sites/lumi/agent")["inventory"] == inventory


def test_a_permit_is_given_once(world):
    agent = fresh(world)
    reservation, ticket = take(world, agent)
    first = agent.report("accepted", ticket)
    assert first.claims["permit"] == "granted" and first.claims["jti"] == ticket["jti"] and first.claims["ins"] == agent.instance
    second = agent.report("accepted", ticket)
    if second.status == 200:
        assert second.claims["permit"] == "refused", second.claims
    else:
        assert second.json["code"] == "too-early" and second.json["at"] and int(second.headers["retry-after"]) > 0
    world.people["brisa"].must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
    cancel = agent.tickets(after=ticket["seq"], wait=5).json["tickets"]
    assert agent.claims(cancel[-1]["jws"])["do"] == "cancel"


def test_a_start_without_a_permit_is_disputed_and_resolved_by_two(world):
    agent = fresh(world)
    reservation, ticket = take(world, agent)
    path = f"/v1/reservations/{reservation['id']}"
    now = millis(world.local.must("GET", "/v1/me")["now"])
    assert agent.report("started", ticket, started=now, now=now).status == 200
    assert agent.report("finished", ticket, started=now, ended=now + 1, gpu_seconds=8, now=now + 1).status == 200
    brisa, administrator = world.people["brisa"], world.people["administrator"]
    before = brisa.must("GET", path)
    assert before["state"] == "disputed" and before["settled_gpums"] == "0", before
    officers = [{"email": f"{n}@kontor.example", "password": PASSWORD} for n in ("officer", "officer2")]
    body = {"share_milli": 500, "reason": "Half of it", "officers": officers}
    assert administrator.post(path + "/resolve", dict(body, officers=officers[:1] * 2), key=True).json["code"] == "authority"
    assert administrator.post(path + "/resolve", dict(body, share_milli=1001), key=True).status == 422
    after = administrator.must("POST", path + "/resolve", body, key=True)
    assert (after["state"], after["outcome"], after["held_gpums"]) == ("settled", "resolved", "0"), after
    assert int(after["settled_gpums"]) == int(before["held_gpums"]) // 2
    assert administrator.post(path + "/resolve", body, key=True).status == 409
    notices = [e["summary"] for e in world.people["officer"].must("GET", "/v1/journal/entries?kind=NOTICE")["items"]]
    hold = reservation["hold_entry"]
    assert f"A dispute is opened over hold {hold}." in notices, notices


def test_a_report_beyond_sense_harms_no_page(world):
    agent = fresh(world)
    reservation, ticket = take(world, agent)
    assert agent.report("accepted", ticket).claims["permit"] == "granted"
    now = millis(world.local.must("GET", "/v1/me")["now"])
    assert agent.report("started", ticket, started=now, now=now).status == 200
    assert agent.report("usage", ticket, started=now, gpu_seconds=2**63 - 1).status in (200, 422)
    brisa = world.people["brisa"]
    assert int(brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")["reported_gpums"]) >= 0
    assert brisa.must("GET", f"/v1/reservations/{reservation['id']}")["state"] in ("running", "disputed")
    assert world.people["officer"].must("GET", "/v1/programme")["conserved"] is True
    assert agent.report("usage", ticket, started=now, gpu_seconds=2**64 - 1).status in (200, 422)
    assert brisa.get(f"/v1/reservations/{reservation['id']}").status == 200
    assert world.people["lumi"].get("/v1/sites/lumi/reports").status == 200


def test_polls_wait_and_few_of_them(world):
    agent = fresh(world)
    newest = world.local.must("GET", "/v1/sites/lumi/agent")["last_seq"]
    begin = time.monotonic()
    reply = agent.tickets(after=newest, wait=1)
    assert reply.status == 200 and reply.json["tickets"] == [] and 0.8 < time.monotonic() - begin < 15
    polls = []
    for _ in range(4):
        polls.append(Later(lambda: Agent.tickets(copy_of(agent), after=newest, wait=30)))
    wait_for(lambda: metric(world, "kontor_agent_polls") == 4)
    fifth = Later(lambda: Agent.tickets(copy_of(agent), after=newest, wait=30))
    wait_for(lambda: sum(p.reply is not None for p in polls) == 1)
    reservation = world.accept(countries=["FI"])
    at = time.monotonic()
    for poll in [p for p in polls if p.reply is None] + [fifth]:
        tickets = poll.wait().json["tickets"]
        assert agent.claims(tickets[0]["jws"])["reservation"] == reservation["id"] and poll.at - at < 10, "not when its time was over"
    wait_for(lambda: metric(world, "kontor_agent_polls") == 0)


def test_pause_and_drain(world):
    operator = world.people["lumi"]
    body = operator.must("POST", "/v1/sites/lumi/pause", {"paused": True, "reason": "cooling"}, key=True)
    assert body["paused"] and body["state"] == "paused" and body["reason"] == "cooling"
    site = next(s for s in world.anybody.must("GET", "/v1/sites")["items"] if s["code"] == "lumi")
    assert site["state"] == "paused"
    look = {k: v for k, v in world.wants(countries=["FI"]).items() if k not in ("name", "template", "script")}
    answer = world.people["brisa"].must("POST", "/v1/quotes", look)
    assert not answer["options"] and "paused" in {r["code"] for r in answer["refusals"]}
    assert not operator.must("POST", "/v1/sites/lumi/pause", {"paused": False, "reason": ""}, key=True)["paused"]
    assert operator.must("POST", "/v1/sites/lumi/drain", {"draining": True, "reason": "moving"}, key=True)["state"] == "draining"
    assert not operator.must("POST", "/v1/sites/lumi/drain", {"draining": False, "reason": ""}, key=True)["draining"]


def copy_of(agent):
    """The same agent on a connection of its own."""
    other = object.__new__(Agent)
    other.__dict__ = dict(agent.__dict__)
    from harness import Client
    other.client = Client(agent.world.server)
    return other


def metric(world, name):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", world.server.metrics_port, timeout=30)
    connection.request("GET", "/metrics")
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise AssertionError(name)


def wait_for(what):
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.01)
