"""Allocations: an account instead of a job. Asked for, offered only where an agent takes them, ordered by a ticket that says so, a
state of its own while it is open, and settled from the site's reports as a job is. In one order: each test goes on from the last."""
import hashlib
import time

from test_agents import wait_for
from world import Agent, millis

AGENTS = {}


def now_of(world):
    return millis(world.local.must("GET", "/v1/me")["now"])


def opened(agent, takes=None):
    body = {"last_confirmed_seq": getattr(agent, "seq", 0), "last_receipted_report": agent.number, "last_report": agent.number, "checkpoint": None}
    reply = agent.call("POST", "/v1/agent/instance", body if takes is None else {**body, "takes": takes})
    assert reply.status == 201, reply
    agent.instance = reply.json["instance"]


def wants(world, **more):
    asked = world.wants(use="allocation", template="allocation", **more)
    del asked["script"]
    return asked


def look(world, **more):
    asked = wants(world, **more)
    del asked["name"], asked["template"]
    return world.people["brisa"].must("POST", "/v1/quotes", asked)


def allocate(world, site="lumi", **more):
    """The reservation, and its ticket."""
    brisa, agent = world.people["brisa"], AGENTS[site]
    request = brisa.must("POST", "/v1/requests", wants(world, **more), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    reservation = brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0, "move_freely": more.get("move_freely", False)}, status=201, key=True)
    tickets = agent.tickets(after=agent.seq, wait=5).json["tickets"]
    agent.seq = tickets[-1]["seq"]
    return reservation, agent.claims(tickets[-1]["jws"])


def state(world, reservation):
    return world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}")


def test_only_who_takes_them_is_asked(world):
    for site in ("lumi", "bsc"):
        AGENTS[site] = Agent(world, site)
        AGENTS[site].seq = 0
    opened(AGENTS["bsc"])
    opened(AGENTS["lumi"])
    refusals = look(world)["refusals"]
    assert {r["code"] for r in refusals} == {"needs"}, refusals
    assert refusals[0]["text"] == "Does not take allocations for people who log in." and refusals[0]["numbers"] == {"lacks": ["allocation"]}, refusals
    opened(AGENTS["lumi"], ["allocation", "something-of-next-year"])
    quote = look(world)
    assert [o["site"] for o in quote["options"]] == ["lumi"] and {r["code"] for r in quote["refusals"]} == {"needs"}, quote
    takes = {o["site"]: o["takes"] for o in world.anybody.must("GET", "/v1/offerings")["items"]}
    assert takes["lumi"] == ["allocation"] and takes["bsc"] == [], takes


def test_what_cannot_be_asked(world):
    brisa = world.people["brisa"]
    for more, code, pointer in (({"script": "#!/bin/sh\n"}, "field-unknown", "/script"), ({"script": "#!/bin/sh\n", "template": "script"}, "field-invalid", "/template"), ({"use": "holiday"}, "field-invalid", "/use"),
                                ({"parameters": {}}, "field-unknown", "/parameters")):
        reply = brisa.post("/v1/requests", {**wants(world), **more}, key=True)
        assert reply.status == 422 and reply.json["code"] == code and (pointer is None or reply.json["pointer"] == pointer), reply.json
    asked = wants(world, nights={"count": 2, "from": "20:00", "until": "06:00"})
    del asked["name"], asked["template"]
    reply = brisa.post("/v1/quotes", asked)
    assert reply.status == 422 and reply.json["pointer"] == "/nights", reply.json
    job = world.wants()
    del job["template"], job["script"]
    assert brisa.post("/v1/requests", job, key=True).json["code"] == "field-missing", "a job needs one"


def test_opened_used_and_settled(world):
    agent = AGENTS["lumi"]
    reservation, ticket = allocate(world)
    assert ticket["needs"] == ["allocation"] and ticket["workload"] == {"sha256": hashlib.sha256(b"").hexdigest(), "len": 0}, ticket
    assert agent.call("GET", f"/v1/agent/blobs/{ticket['workload']['sha256']}").status == 200
    assert reservation["use"] == "allocation"
    request = world.people["brisa"].must("GET", f"/v1/requests/{reservation['request']}")
    assert (request["use"], request["template"], request["script"]) == ("allocation", "allocation", ""), request
    assert agent.report("accepted", ticket).claims["permit"] == "granted"
    assert agent.report("queued", ticket).status == 200
    started = now_of(world)
    assert agent.report("started", ticket, started=started).status == 200
    wait_for(lambda: state(world, reservation)["state"] == "open")
    assert [r["id"] for r in world.people["brisa"].must("GET", "/v1/reservations?state=open")["items"]] == [reservation["id"]]
    time.sleep(2)
    assert agent.report("usage", ticket, started=started, gpu_seconds=8).status == 200
    assert agent.report("finished", ticket, started=started, ended=now_of(world), gpu_seconds=12, reason=8).status == 200
    wait_for(lambda: state(world, reservation)["state"] == "settled")
    after = state(world, reservation)
    assert (after["outcome"], after["settled_gpums"], after["held_gpums"]) == ("finished", str(12 * 1250), "0"), after


def test_it_lives_through_a_restart_and_is_cancelled(world):
    agent, brisa = AGENTS["lumi"], world.people["brisa"]
    reservation, ticket = allocate(world)
    assert agent.report("accepted", ticket).claims["permit"] == "granted"
    started = now_of(world)
    assert agent.report("started", ticket, started=started).status == 200
    world.server.stop()
    world.server.start()
    assert state(world, reservation)["state"] == "open"
    assert [o["site"] for o in look(world)["options"]] == ["lumi"], "what an agent takes is written down"
    brisa.must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
    assert state(world, reservation)["state"] == "cancelling"
    assert agent.report("cancelled", ticket, started=started, ended=now_of(world), gpu_seconds=5, reason=9).status == 200
    wait_for(lambda: state(world, reservation)["state"] == "settled")
    assert state(world, reservation)["settled_gpums"] == str(5 * 1250)


def test_an_open_one_is_not_placed_anew(world):
    agent, other = AGENTS["bsc"], AGENTS["lumi"]
    opened(other, [])
    opened(agent, ["allocation"])
    reservation, ticket = allocate(world, site="bsc", move_freely=True)
    opened(other, ["allocation"])  # which is cheaper
    assert agent.report("accepted", ticket).claims["permit"] == "granted"
    started = now_of(world)
    assert agent.report("started", ticket, started=started).status == 200
    assert agent.report("failed", ticket, started=started, reason=2).status == 200
    wait_for(lambda: state(world, reservation)["state"] == "voided")
    after = state(world, reservation)
    assert (after["outcome"], after["settled_gpums"], after["moved_to"]) == ("failed-site", "0", None), after


def test_one_that_is_refused_is_placed_anew(world):
    """By an agent that has changed its mind; and what a quote had booked there is gone."""
    agent, other, brisa = AGENTS["bsc"], AGENTS["lumi"], world.people["brisa"]
    opened(other, [])
    opened(agent, ["allocation"])
    reservation, ticket = allocate(world, site="bsc", move_freely=True)
    opened(other, ["allocation"])
    assert agent.report("rejected", ticket, reason=11).status == 200
    wait_for(lambda: state(world, reservation)["state"] == "voided")
    after = state(world, reservation)
    assert after["outcome"] == "rejected" and state(world, {"id": after["moved_to"]})["site"]["code"] == "lumi", after
    assert [r["reason"] for r in world.people["bsc"].must("GET", "/v1/sites/bsc/reports")["items"] if r["kind"] == "rejected"] == ["not-offered"]
    request = brisa.must("POST", "/v1/requests", wants(world), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    for one in (agent, other):
        opened(one, [])
    reply = brisa.post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=True)
    assert reply.status == 409 and reply.json["code"] == "option-gone", reply
