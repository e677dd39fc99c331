"""What cannot stay where it was booked: a site drains, stands still, is cut, rejects or lets lie. What may move freely moves
by itself, never at a higher price; the rest is offered the next best place; nothing is dropped; everybody sees what moved and why."""
import time

from world import Agent, millis, stamp

HOUR, DAY = 3600000, 86400000


def now_of(world):
    return millis(world.local.must("GET", "/v1/me")["now"])


def eventually(look, what):
    end = time.monotonic() + 40
    while True:
        found = look()
        if what(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)


def at_the_dearer_site(world, days, **more):
    """A reservation at bsc, which costs more than lumi, so that it may move there."""
    brisa = world.people["brisa"]
    start = now_of(world) + days * DAY
    request = brisa.must("POST", "/v1/requests", world.wants(earliest_start=stamp(start), **more), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    option = next(i for i, o in enumerate(quote["options"]) if o["site"] == "bsc")
    accept = {"option": option, "move_freely": bool(more.get("move_freely"))}
    return brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", accept, status=201, key=True)


def outlook(world, reservation, who="brisa"):
    return world.people[who].must("GET", f"/v1/reservations/{reservation['id']}/outlook")


def drain(world, site, on, why="moving house"):
    world.people[site].must("POST", f"/v1/sites/{site}/drain", {"draining": on, "reason": why}, key=True)


def capacity(world, site, gpus):
    return world.order(f"/v1/offerings/{world.sites[site]['offering']}/capacity", {"nodes": 40, "brokered_gpus": gpus, "pool_nodes": 4})


def get(world, reservation):
    return world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}")


def cancel(world, *reservations):
    for r in reservations:
        world.people["brisa"].must("POST", f"/v1/reservations/{r['id']}/cancel", {}, key=True)


def test_a_site_drains(world):
    """The one that may move freely is at the other site at once; the other one stays and is offered that place, and takes it."""
    free, bound = at_the_dearer_site(world, 2, move_freely=True), at_the_dearer_site(world, 2)
    calm = outlook(world, bound)
    assert calm["displaced"] is None and calm["elsewhere"] is None and calm["expected"]["code"] == "booked", calm
    assert calm["expected"]["start"] == calm["expected"]["booked"] == bound["window"]["start"]
    drain(world, "bsc", True)
    moved = eventually(lambda: get(world, free), lambda r: r["state"] == "voided")
    assert moved["moved_to"] and moved["outcome"] == "withdrawn", moved
    taken = world.people["brisa"].must("GET", f"/v1/reservations/{moved['moved_to']}")
    assert taken["site"]["code"] == "lumi" and taken["moved_from"] == free["id"] and taken["window"]["start"] == free["window"]["start"]
    assert int(taken["cost_at_most_gpums"]) <= int(free["cost_at_most_gpums"]) and taken["move_freely"]

    told = outlook(world, bound)
    assert told["displaced"]["why"] == "draining" and told["displaced"]["moved_by"] == "requester", told
    assert told["expected"]["start"] is None and told["expected"]["code"] == "draining"
    offer = told["elsewhere"]["options"][0]
    assert offer["site"] == "lumi" and int(offer["cost_gpums"]) <= int(bound["cost_at_most_gpums"]), offer
    assert {r["site"]: r["code"] for r in told["elsewhere"]["refusals"]} == {"bsc": "draining"}
    assert get(world, bound)["state"] == "issued", "nothing is dropped"
    standing = world.people["bsc"].must("GET", "/v1/sites/bsc/moves")
    assert [(s["reservation"], s["why"], s["moved_by"]) for s in standing["standing"]] == [(bound["id"], "draining", "requester")], standing
    assert world.people["nordlys"].post(f"/v1/reservations/{bound['id']}/move", {}, key=True).status == 404
    after = world.people["brisa"].must("POST", f"/v1/reservations/{bound['id']}/move", {}, status=201, key=True)
    assert after["site"]["code"] == "lumi" and after["moved_from"] == bound["id"] and not after["move_freely"]
    assert world.people["brisa"].post(f"/v1/reservations/{after['id']}/move", {}, key=True).json["code"] == "state", "nothing is in its way"

    items = {i["from"]["reservation"]: i for i in world.people["officer"].must("GET", "/v1/programme/moves")["items"]}
    for old, new in ((free, taken), (bound, after)):
        item = items[old["id"]]
        assert item["why"] == "withdrawn" and item["moved"] and item["from"]["site"] == "bsc" and item["to"]["reservation"] == new["id"], item
        assert item["to"]["site"] == "lumi" and item["organisation"] == "brisa"
    seen = world.people["bsc"].must("GET", "/v1/sites/bsc/moves")
    assert not seen["standing"] and all(i["moved"] and i["to"] is None for i in seen["items"][:2]), "where they went is not this site's to see"
    one = world.people["officer"].must("GET", "/v1/programme/moves?limit=1")
    rest = world.people["officer"].must("GET", f"/v1/programme/moves?limit=1&cursor={one['next']}")
    assert [one["items"][0]["entry"], rest["items"][0]["entry"]] == sorted((i["entry"] for i in items.values()), reverse=True)[:2]
    assert world.people["lumi"].get("/v1/sites/bsc/moves").status == 404 and world.people["brisa"].get("/v1/programme/moves").status == 403
    drain(world, "bsc", False)
    cancel(world, taken, after)


def test_where_no_place_is_as_cheap_it_stays(world):
    """lumi drains; bsc is dearer. Nobody is moved; it says so with the sum; and when lumi is back, all is as it was."""
    kept = world.accept(countries=[], move_freely=True, gpus=8, earliest_start=stamp(now_of(world) + 3 * DAY))
    assert kept["site"]["code"] == "lumi"
    drain(world, "lumi", True)
    told = outlook(world, kept)
    assert told["elsewhere"]["options"] == [], told
    refusal = next(r for r in told["elsewhere"]["refusals"] if r["site"] == "bsc")
    assert refusal["code"] == "price" and "Would cost" in refusal["text"], refusal
    refused = world.people["brisa"].post(f"/v1/reservations/{kept['id']}/move", {}, key=True)
    assert refused.status == 409 and refused.json["code"] == "option-gone", refused
    time.sleep(1.2)  # the janitor's scan has passed
    assert get(world, kept)["version"] == 1
    drain(world, "lumi", False)
    told = outlook(world, kept)
    assert told["displaced"] is None and told["expected"]["start"] == kept["window"]["start"]
    cancel(world, kept)


def test_capacity_shrinks(world):
    """64 GPUs in whole nodes at bsc: 40 and 24 are booked. Cut to 48: 24 are too many, which are named; the newest moves, by
    itself, and with that the older one fits; what may not move freely would have stayed and been offered a place."""
    old = at_the_dearer_site(world, 4, gpus=40)
    new = at_the_dearer_site(world, 4, gpus=24, move_freely=True)
    capacity(world, "bsc", 56)
    operator = world.people["bsc"]
    moved = eventually(lambda: get(world, new), lambda r: r["state"] == "voided")
    assert moved["outcome"] == "capacity-cut" and moved["moved_to"], moved
    void = world.people["officer"].must("GET", f"/v1/journal/entries/{moved['void_entry']}")
    assert void["kind"] == "VOID" and "moved" in str(void), void
    seen = operator.must("GET", "/v1/sites/bsc/moves")
    assert seen["overbooked"] == [] and seen["items"][0]["why"] == "capacity-cut", seen

    capacity(world, "bsc", 48)  # 32 in whole nodes: 8 too few for the 40
    seen = operator.must("GET", "/v1/sites/bsc/moves")
    assert [(o["gpus_too_many"], o["model"], o["pool"]) for o in seen["overbooked"]] == [(8, "H100", False)], seen
    assert millis(seen["overbooked"][0]["from"]) <= millis(old["window"]["start"]) < millis(seen["overbooked"][0]["to"])
    assert [(s["reservation"], s["why"], s["moved_by"]) for s in seen["standing"]] == [(old["id"], "capacity-cut", "requester")], seen
    told = outlook(world, old)
    assert told["displaced"]["why"] == "capacity-cut" and told["elsewhere"]["options"], told
    after = world.people["brisa"].must("POST", f"/v1/reservations/{old['id']}/move", {}, status=201, key=True)
    assert after["gpus"] == 40 and get(world, old)["outcome"] == "capacity-cut"
    assert operator.must("GET", "/v1/sites/bsc/moves")["overbooked"] == []
    capacity(world, "bsc", 80)
    cancel(world, after, {"id": moved["moved_to"]})


def test_a_site_fails_and_a_site_rejects(world):
    """The site's own words: what it rejects, and what fails by its doing, goes elsewhere; paid is nothing."""
    agent = Agent(world, "bsc")
    agent.seq = world.local.must("GET", "/v1/sites/bsc/agent")["last_seq"]
    agent.number = world.local.must("GET", "/v1/sites/bsc/agent")["last_report"]
    assert agent.open(world.local.must("GET", "/v1/sites/bsc/agent")["confirmed_seq"]).status == 201
    for kind in ("rejected", "failed"):
        old = at_the_dearer_site(world, 0, move_freely=True, gpus=4)
        ticket = next(t for t in (agent.claims(t["jws"]) for t in agent.tickets(after=agent.seq, wait=5).json["tickets"]) if t["reservation"] == old["id"])
        agent.seq = ticket["seq"]
        if kind == "failed":
            assert agent.report("accepted", ticket).claims["permit"] == "granted"
        assert agent.report(kind, ticket, reason=2).status == 200
        gone = get(world, old)
        assert gone["state"] == "voided" and gone["moved_to"] and gone["settled_gpums"] == "0", gone
        item = world.people["officer"].must("GET", "/v1/programme/moves?limit=1")["items"][0]
        assert item["from"]["reservation"] == old["id"] and item["why"] == ("rejected" if kind == "rejected" else "site-failed"), item
        cancel(world, {"id": gone["moved_to"]})


def test_the_outlook_says_why_not_sooner(world):
    """All whole nodes at lumi are booked for an hour from tomorrow: the next job is told by how much, and when that changes."""
    tomorrow = now_of(world) // (15 * 60000) * 15 * 60000 + DAY
    wide = world.accept(countries=["FI"], gpus=64, earliest_start=stamp(tomorrow))
    later = world.accept("nordlys", countries=["FI"], gpus=8, earliest_start=stamp(tomorrow))
    assert later["window"]["start"] > wide["window"]["start"]
    told = outlook(world, later, "nordlys")
    here = told["here"]["options"][0]
    assert told["waits"] and here["start"] == later["window"]["start"] and here["not_sooner"]["code"] == "busy", told
    assert here["not_sooner"]["numbers"]["gpus"] == 8 and "at once" in here["not_sooner"]["text"], here
    eventually(lambda: outlook(world, later, "nordlys"), lambda o: o["ahead"] == 1)
    cancel(world, wide)
    told = eventually(lambda: outlook(world, later, "nordlys"), lambda o: o["ahead"] == 0)
    assert millis(told["here"]["options"][0]["start"]) < millis(later["window"]["start"]), "room has come free"
    operator = outlook(world, later, "lumi")
    assert operator["expected"] and operator["elsewhere"] is None
    assert world.people["brisa"].get(f"/v1/reservations/{later['id']}/outlook").status == 404
    world.people["nordlys"].must("POST", f"/v1/reservations/{later['id']}/cancel", {}, key=True)
