"""Free capacity as calendars: a site's columns, and who sees what is booked there; look-only quotes in crowds."""
import threading
import uuid

from harness import Client
from world import PASSWORD, Agent, millis, stamp

HOUR, DAY = 3600_000, 86400_000


def calendar(client, site, **query):
    return client.must("GET", f"/v1/sites/{site}/calendar?" + "&".join(f"{k}={v}" for k, v in query.items()))


def midnight(world):
    return (millis(world.local.must("GET", "/v1/me")["now"]) // DAY + 3) * DAY


def test_columns_are_what_is_free(world):
    start = midnight(world)
    query = {"from": stamp(start), "step_s": 21600, "columns": 8}
    before = calendar(world.anybody, "lumi", **query)
    [offering] = before["offerings"]
    assert offering["whole_nodes"] == {"capacity": [64] * 8, "free": [64] * 8, "most_free": [64] * 8} and offering["below_node"]["capacity"] == [16] * 8
    world.accept("brisa", gpus=24, walltime_s=4 * 3600, earliest_start=stamp(start + 7 * HOUR), countries=["FI"])
    world.accept("nordlys", gpus=2, walltime_s=3600, earliest_start=stamp(start + 13 * HOUR), countries=["FI"])
    after = calendar(world.anybody, "lumi", **query)["offerings"][0]
    assert after["whole_nodes"]["free"][0] == 64 and after["whole_nodes"]["free"][1] == 40 and after["whole_nodes"]["most_free"][1] == 64
    assert after["below_node"]["free"][2] == 14 and after["below_node"]["capacity"] == [16] * 8
    fine = calendar(world.anybody, "lumi", **{"from": stamp(start), "step_s": 900, "columns": 3000})["offerings"][0]["whole_nodes"]
    assert len(fine["free"]) == 3000 and fine["free"] == fine["most_free"] and min(fine["free"][:192]) == 40
    assert calendar(world.anybody, "bsc", **query)["offerings"][0]["whole_nodes"]["free"] == [64] * 8, "another site's is its own"


def test_maintenance_is_a_lower_capacity(world):
    start = midnight(world) + 20 * DAY
    offering = world.sites["bsc"]["offering"]
    assert world.order(f"/v1/offerings/{offering}/capacity", {"nodes": 40, "brokered_gpus": 16, "pool_nodes": 0, "from": stamp(start)})
    assert world.order(f"/v1/offerings/{offering}/capacity", {"nodes": 40, "brokered_gpus": 80, "pool_nodes": 4, "from": stamp(start + DAY)})
    shown = calendar(world.anybody, "bsc", **{"from": stamp(start - DAY), "step_s": 86400, "columns": 3})["offerings"][0]
    assert shown["whole_nodes"]["capacity"] == [64, 16, 64] and shown["whole_nodes"]["free"] == [64, 16, 64], shown


def test_each_sees_what_is_theirs(world):
    start = midnight(world) + 5 * DAY
    mine = world.accept("brisa", gpus=8, earliest_start=stamp(start + HOUR), countries=["FI"])["id"]
    theirs = world.accept("nordlys", gpus=8, earliest_start=stamp(start + HOUR), countries=["FI"])["id"]
    query = {"from": stamp(start), "step_s": 86400, "columns": 1}
    sees = {"anybody": set(), "brisa": {mine}, "brisa2": {mine}, "nordlys": {theirs}, "bsc": set(),
            "lumi": {mine, theirs}, "officer": {mine, theirs}, "auditor": {mine, theirs}, "administrator": {mine, theirs}}
    for who, wanted in sees.items():
        shown = calendar(world.people[who], "lumi", **query)
        assert {r["id"] for r in shown["reservations"]} == wanted, (who, shown["reservations"])
        assert not shown["more"] and shown["offerings"][0]["whole_nodes"]["free"] == [48], who
    [row] = calendar(world.people["brisa"], "lumi", **query)["reservations"]
    assert row["organisation"] == "brisa" and row["gpus"] == 8 and row["nodes"] == 2 and row["state"] == "issued" and millis(row["from"]) == start + HOUR
    assert calendar(world.people["officer"], "bsc", **query)["reservations"] == []


def test_wrong_questions(world):
    assert world.anybody.get("/v1/sites/nowhere/calendar").status == 404
    for query in ("columns=3001", "columns=0", "step_s=901", "step_s=700000", "from=tomorrow", "days=3", "columns=2&columns=3"):
        assert world.anybody.get("/v1/sites/lumi/calendar?" + query).json["code"] == "query-invalid", query


def looked(world, org="brisa", **more):
    return {k: v for k, v in world.wants(org, **more).items() if k not in ("name", "template", "script")}


def test_who_may_look_is_known_at_once(world):
    """What is answered without the database heeds a sign-out, a new role and a reset of the password in the next call."""
    world.person("looker", [])
    one, two = Client(world.server), Client(world.server)
    for client in (one, two):
        assert client.sign_in("looker@kontor.example", PASSWORD).status == 200
        assert client.post("/v1/quotes", looked(world)).status == 403
    world.local.must("POST", f"/v1/people/{world.ids['looker']}/roles",
                     {"roles": [{"role": "member", "organisation": world.organisations["brisa"]}], "reason": "tests"}, key=True)
    for client in (one, two):
        assert client.post("/v1/quotes", looked(world)).status == 200
        assert client.post("/v1/quotes", looked(world, "nordlys")).json["code"] == "forbidden"
        assert client.call("POST", "/v1/quotes", looked(world), headers={"X-CSRF-Token": "x" * 43}).json["code"] == "csrf"
    assert one.call("DELETE", "/v1/session").status == 204
    assert one.post("/v1/quotes", looked(world)).status == 401
    assert two.post("/v1/quotes", looked(world)).status == 200
    world.local.must("POST", f"/v1/people/{world.ids['looker']}/password", {})
    assert two.post("/v1/quotes", looked(world)).status == 401
    assert world.anybody.post("/v1/quotes", looked(world)).status == 401


def test_a_crowd_of_looks(world):
    """Many at once, of two start-ups: each is answered, whichever way it goes, and as it is alone."""
    alone = world.people["brisa"].must("POST", "/v1/quotes", looked(world, gpus=16))
    wrong = []

    def ask(org):
        client = Client(world.server)
        client.sign_in(f"{org}@kontor.example", PASSWORD)
        for _ in range(60):
            reply = client.post("/v1/quotes", looked(world, org, gpus=16))
            if reply.status != 200 or [o["site"] for o in reply.json["options"]] != [o["site"] for o in alone["options"]]:
                wrong.append(reply)

    threads = [threading.Thread(target=ask, args=(org,)) for org in ("brisa", "brisa", "brisa", "nordlys")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:2]


def free_at(world, site, ms):
    """What lumi offers of whole nodes, and below, in the quarter of an hour at that time."""
    calendar = world.people[site].must("GET", f"/v1/sites/{site}/calendar?from={stamp(ms)}&step_s=900&columns=1")["offerings"][0]
    return calendar["whole_nodes"]["capacity"][0], calendar["below_node"]["capacity"][0]


def test_maintenance_is_planned_seen_and_ended(world):
    lumi = world.people["lumi"]
    offering = world.sites["lumi"]["offering"]
    path = f"/v1/offerings/{offering}/maintenance"
    hour = 3600000
    base = millis(lumi.must("GET", "/v1/me")["now"]) // hour * hour + 48 * hour
    before = free_at(world, "lumi", base)

    def plan(start, end, nodes, pool_nodes=0, status=201):
        reply = lumi.post(path, {"from": stamp(base + start * hour), "to": stamp(base + end * hour), "nodes": nodes, "pool_nodes": pool_nodes, "reason": "Cooling"}, key=True)
        assert reply.status == status, reply
        return reply.json

    def offered(*hours):
        return [free_at(world, "lumi", base + int(h * hour)) for h in hours]

    whole, pool = before
    first = plan(10, 20, 2, 1)["number"]
    assert offered(9.75, 10, 19.75, 20) == [before, (whole - 8, pool - 4), (whole - 8, pool - 4), before]
    # one that lies within, and one that overlaps: each takes its own, and gives its own back
    second = plan(12, 14, 3)["number"]
    third = plan(18, 30, 1)["number"]
    want = [(whole - 8, pool - 4), (whole - 20, pool - 4), (whole - 8, pool - 4), (whole - 12, pool - 4), (whole - 4, pool), before]
    assert offered(11, 13, 15, 19, 25, 30) == want
    listed = lumi.must("GET", "/v1/sites/lumi/maintenance")["items"]
    assert [(w["number"], w["nodes"], w["state"], w["reason"]) for w in listed] == [(third, 1, "planned", "Cooling"), (second, 3, "planned", "Cooling"), (first, 2, "planned", "Cooling")]
    # ended: what it took is offered again, the others stay
    end = lumi.post(path + "-end", {"number": first}, key="once")
    assert end.status == 201 and lumi.post(path + "-end", {"number": first}, key="once").json == end.json
    assert lumi.post(path + "-end", {"number": first}, key=True).json["code"] == "conflict"
    assert offered(11, 13, 15, 19, 25, 30) == [before, (whole - 12, pool), before, (whole - 4, pool), (whole - 4, pool), before]
    assert lumi.must("GET", "/v1/sites/lumi/maintenance")["items"][2]["state"] == "called-off"
    # it survives a start, as capacity does
    world.server.stop()
    world.server.start()
    assert offered(13, 19, 30) == [(whole - 12, pool), (whole - 4, pool), before]
    # no more than is offered; not by others; nor what has begun before it ends
    assert plan(13, 14, 16, status=422)["pointer"] == "/nodes"
    assert plan(14, 13, 1, status=422)["pointer"] == "/to" and plan(1, 2, 0, status=422)["pointer"] == "/nodes"
    body = {"from": stamp(base), "to": stamp(base + hour), "nodes": 1, "reason": "x"}
    assert world.people["bsc"].post(path, body, key=True).status == 404 and world.people["officer"].post(path, body, key=True).status == 403
    assert lumi.post(path + "-end", {"number": 999}, key=True).status == 404
    # capacity set anew outdoes what was planned
    world.order(f"/v1/offerings/{offering}/capacity", {"nodes": 40, "brokered_gpus": whole + pool})
    assert offered(13, 19, 30) == [before] * 3
    assert {w["state"] for w in lumi.must("GET", "/v1/sites/lumi/maintenance")["items"]} == {"called-off"}
    assert lumi.post(path + "-end", {"number": second}, key=True).json["code"] == "conflict"


def test_the_calendar_follows_what_the_site_tells(world):
    """Nodes down, drained and in maintenance, as its agent signs it: counted out, and in again; people's own plans stand."""
    lumi, agent = world.people["lumi"], Agent(world, "lumi")
    offering, hour = world.sites["lumi"]["offering"], 3600000
    agent.open()
    (mine,) = [s["offerings"][0] for s in lumi.must("GET", "/v1/sites")["items"] if s["code"] == "lumi"]
    per_node, all_nodes = mine["gpus_per_node"], mine["nodes"]
    now = millis(lumi.must("GET", "/v1/me")["now"])
    base = now // hour * hour + 48 * hour
    before, later = free_at(world, "lumi", now), free_at(world, "lumi", base)
    offered = (before[0] + before[1]) // per_node
    windows = "/v1/sites/lumi/maintenance"

    def window(start, end, nodes):
        return {"name": "maint", "nodes": "n[1-9]", "nodes_count": nodes, "start": stamp(base + start * hour), "end": stamp(base + end * hour)}

    def tell(up, nodes=offered, fault="", status=200, **more):
        reply = agent.tell({"model": mine["model"], "known": True, "nodes": nodes, "nodes_up": up, "backend": "test", **more})
        assert reply.status == status, reply
        if status == 200:
            assert lumi.must("GET", "/v1/sites/lumi/reports?limit=1")["items"][0]["fault"] == (fault or None)
        return reply

    def whole(ms):
        return free_at(world, "lumi", ms)[0]

    def told():
        return [w for w in lumi.must("GET", windows)["items"] if w["told"]]

    tell(offered)
    assert told() == []
    # down: from now on, for half a day at least, as nobody knows when they are back; told again, nothing is added
    tell(offered - 2)
    tell(offered - 2, backend="another")
    assert [whole(ms) for ms in (now, now + 12 * hour, base)] == [before[0] - 2 * per_node] * 2 + [later[0]]
    (down,) = told()
    assert (down["nodes"], down["state"], down["reason"]) == (2, "now", "Told by the site's agent")
    assert lumi.post(f"/v1/offerings/{offering}/maintenance-end", {"number": down["number"]}, key=True).json["code"] == "conflict"
    # it survives a start; so does what follows
    world.server.stop()
    world.server.start()
    agent.open()
    assert whole(now) == before[0] - 2 * per_node
    # one is back; a maintenance is to come, beside one that people have planned for the same nodes
    lumi.must("POST", f"/v1/offerings/{offering}/maintenance", {"from": stamp(base + hour), "to": stamp(base + 3 * hour), "nodes": 1, "reason": "Cooling"}, key=True, status=201)
    tell(offered - 1, maintenance=[window(2, 5, 3)])
    assert [whole(ms) for ms in (now, *(base + h * hour for h in (1, 2, 3, 5)))] == [before[0] - per_node] + [later[0] - n * per_node for n in (1, 3, 3, 0)]
    # Slurm's window is moved and shorter
    tell(offered - 1, maintenance=[window(4, 5, 3)])
    assert [whole(base + h * hour) for h in (2, 3, 4, 5)] == [later[0] - n * per_node for n in (1, 0, 3, 0)]
    # what cannot be is recorded, named, and moves nothing
    as_it_was = [whole(ms) for ms in (now, base + 4 * hour)]
    tell(offered + 1, fault="inventory-range")
    tell(-1, fault="inventory-range")
    tell(1, maintenance=[{**window(1, 2, 3), "end": stamp(base)}], fault="inventory-range")
    tell(1, maintenance=[window(1, 2, offered + 1)], fault="inventory-range")
    tell(1, maintenance=[window(h, h + 1, 1) for h in range(33)], fault="inventory-range")
    tell(all_nodes + 1, nodes=all_nodes + 1, fault="inventory-too-much")
    tell(1, model="no such", fault="inventory-class")
    # other bytes than were signed are refused
    statement = agent.statement("inventory", {"jti": str(uuid.uuid4()), "fence": 0})
    assert agent.report("inventory", statement=statement, inventory={"model": mine["model"], "nodes": 1, "nodes_up": 0}).json["code"] == "inventory-other"
    # one that is not signed, and one that does not know, are shown and move nothing
    assert agent.report("inventory", inventory={"model": mine["model"], "nodes": offered, "nodes_up": 0}).status == 200
    tell(0, known=False)
    assert [whole(ms) for ms in (now, base + 4 * hour)] == as_it_was
    # all is well again
    tell(offered)
    assert [whole(ms) for ms in (now, base + 4 * hour)] == [before[0], later[0]]
    assert all(w["ended_early"] for w in told())
    # a flood of them changes nothing any more, and says so
    for _ in range(120):
        reply = agent.tell({"backend": "test"})
        assert reply.status == 200, reply
    tell(offered - 5, fault="inventory-flood")
    assert whole(now) == before[0]
