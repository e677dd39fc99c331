"""What the broker is asked over HTTP: for whom an offering is, starts in the future."""
import json
import subprocess
import tempfile

from harness import BUILD
from test_tamper import audit, export
from world import Agent, hour, millis, stamp

DAY = 86400000


def look(world, org="brisa", **more):
    wants = {k: v for k, v in world.wants(org, **more).items() if k not in ("name", "template", "script")}
    return world.people[org].must("POST", "/v1/quotes", wants)


def refusal(quote, site):
    return next(r for r in quote["refusals"] if r["site"] == site)


def now_of(world):
    return millis(world.people["brisa"].must("GET", "/v1/me")["now"])


def capacity(world, site, **more):
    return world.order(f"/v1/offerings/{world.sites[site]['offering']}/capacity", {"nodes": 40, "brokered_gpus": 80, **more})


def test_an_offering_serves_some_modes(world):
    assert [o["site"] for o in look(world)["options"]] == ["bsc", "lumi"] or len(look(world)["options"]) == 2
    world.order("/v1/policies", {"code": "playground", "name": "Playground", "cap_credits": "5000", "longest_days": 92, "decide_days": 4})
    offering = capacity(world, "lumi", modes=["playground"])
    assert offering["modes"] == ["playground"] and offering["open_to"] == [] and offering["pool_nodes"] == 4, offering
    quote = look(world)
    assert [o["site"] for o in quote["options"]] == ["bsc"], quote
    no = refusal(quote, "lumi")
    assert no["code"] == "mode" and no["text"] == "Serves playground only, the grant is for fast-lane." and no["help"] is None, no
    # another grant of theirs would do, and is named
    now = now_of(world)
    other = world.order("/v1/grants", {"organisation": world.organisations["brisa"], "tranche": world.tranche, "mode": "playground", "credits": "100",
                                       "start": stamp(now - 1000), "end": stamp(now + 92 * DAY - 2000), "reference": "G-play", "gge_eur_cents": 1, "legal_basis": "gber", "reason": "Test"})
    no = refusal(look(world), "lumi")
    assert no["help"]["change"] == "grant" and no["help"]["to"] == other["account"] and no["help"]["start"], no
    assert {o["site"] for o in look(world, grant=no["help"]["to"])["options"]} == {"bsc", "lumi"}
    assert refusal(look(world, "nordlys"), "lumi")["help"] is None  # not theirs


def test_what_is_not_said_of_access_stays(world):
    assert capacity(world, "lumi")["modes"] == ["playground"]
    for bad in (["no-such-mode"], ["playground", "playground"], ["Playground"], [""]):
        reply = world.local.post(f"/v1/offerings/{world.sites['lumi']['offering']}/capacity", {"nodes": 40, "brokered_gpus": 80, "modes": bad}, key=True)
        assert reply.status == 422 and reply.json["code"] in ("field-invalid", "field-range"), (bad, reply)
    assert capacity(world, "lumi", modes=["fast-lane", "playground"])["modes"] == ["fast-lane", "playground"]
    assert len(look(world)["options"]) == 2
    assert capacity(world, "lumi", modes=[])["modes"] == []


def test_an_option_whose_site_left_the_mode_is_gone(world):
    brisa = world.people["brisa"]
    request = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    second = quote["options"][1]
    capacity(world, second["site"], modes=["playground"])
    reply = brisa.post(f"/v1/quotes/{quote['id']}/accept", {"option": 1}, key=True)
    assert reply.status == 409 and reply.json["code"] == "option-gone", reply
    capacity(world, second["site"], modes=[])
    # the booked one stands, whatever its site says since
    capacity(world, quote["options"][0]["site"], modes=["playground"])
    brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)
    capacity(world, quote["options"][0]["site"], modes=[])


def test_an_offering_is_open_to_some(world):
    assert capacity(world, "bsc", open_to=["research", "sme"])["open_to"] == ["sme", "research"]
    no = refusal(look(world), "bsc")
    assert no["code"] == "eligible" and no["text"] == "Is open to sme and research only, your organisation is registered as start-up.", no
    lab = world.order("/v1/organisations", {"name": "lab", "class": "research", "country": "ES", "city": "Valencia", "lat_milli": 39470, "lon_milli": -376})
    assert lab["class"] == "research"
    now = now_of(world)
    grant = {"organisation": lab["id"], "tranche": world.tranche, "mode": "fast-lane", "credits": "100", "start": stamp(now - 1000),
             "end": stamp(now + DAY), "reference": "G-lab", "gge_eur_cents": 1, "legal_basis": "gber", "reason": "Test"}
    reply = world.local.post("/v1/grants", grant, key=True)  # start-ups and SMEs, if the mode does not say otherwise
    assert reply.status == 422 and reply.json["pointer"] == "/organisation", reply
    mode = world.order("/v1/policies", {"code": "open-lane", "name": "Open", "cap_credits": "0", "longest_days": 92, "decide_days": 4, "eligible": ["research"]})
    assert mode["eligible"] == ["research"]
    world.organisations["lab"], world.grants["lab"] = lab["id"], world.order("/v1/grants", {**grant, "mode": "open-lane"})["account"]
    world.person("lab", [{"role": "owner", "organisation": lab["id"]}])
    assert {o["site"] for o in look(world, "lab")["options"]} == {"bsc", "lumi"}
    capacity(world, "bsc", open_to=[])


def test_access_survives_a_restart(world):
    capacity(world, "bsc", modes=["playground"], open_to=["sme"])
    world.server.stop()
    world.server.start()
    client = world.people["brisa"]
    for site in client.must("GET", "/v1/sites")["items"]:
        for o in site["offerings"]:
            assert (o["modes"], o["open_to"]) == ((["playground"], ["sme"]) if site["code"] == "bsc" else ([], [])), o
    capacity(world, "bsc", modes=[], open_to=[])


def test_a_start_in_the_future(world):
    """Booked for then, from then on: what is free before stays free, and the reservation, its hold and its ticket say so."""
    from_ms = (now_of(world) // 900000 + 1) * 900000 + 10 * DAY + 300000  # off the calendar's slots, as people type it
    brisa = world.people["brisa"]
    quote = look(world, earliest_start=stamp(from_ms))
    assert {millis(o["start"]) for o in quote["options"]} == {from_ms} and {o["not_sooner"]["code"] for o in quote["options"]} == {"at-once"}, quote
    reservation = world.accept(earliest_start=stamp(from_ms), gpus=64)
    assert millis(reservation["window"]["start"]) == from_ms, reservation
    site = reservation["site"] if isinstance(reservation["site"], str) else reservation["site"]["code"]
    # all of that site's whole nodes are taken then: the same again starts after it, there, and now is as free as before
    again = look(world, earliest_start=stamp(from_ms), gpus=64)
    there = next(o for o in again["options"] if o["site"] == site)
    assert millis(there["start"]) > from_ms and there["not_sooner"]["code"] in ("busy", "gap"), there
    assert millis(look(world, gpus=64)["options"][0]["start"]) < from_ms
    brisa.must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, status=200, key=True)
    assert {millis(o["start"]) for o in look(world, earliest_start=stamp(from_ms), gpus=64)["options"]} == {from_ms}
    late = world.people["brisa"].post("/v1/quotes", {k: v for k, v in world.wants(earliest_start=stamp(from_ms + 2000 * DAY)).items() if k not in ("name", "template", "script")})
    assert late.status == 422 and late.json["pointer"] == "/earliest_start", late


HOUR = 3600000
DUSK, LATEST, DAWN = hour(4), hour(5), hour(14)
NIGHTS = {"count": 7, "from": DUSK, "until": DAWN}
WEEK = {"gpus": 64, "walltime_s": 9 * 3600, "nights": NIGHTS}  # ten hours less the hour by which a site may start later


def held(world, org="brisa"):
    return int(world.people[org].must("GET", f"/v1/grants/{world.grants[org]}")["held_gpums"])


def test_a_week_of_nights(world):
    """One quote, one answer, a reservation, hold and ticket for each night."""
    brisa, before = world.people["brisa"], held(world)
    best = look(world, **WEEK)["options"][0]
    assert len(best["nights"]) == 7 and all(n["start"].endswith(f"T{DUSK}:00.000Z") and n["start_by"].endswith(f"T{LATEST}:00.000Z") for n in best["nights"]), best
    assert [millis(n["start"]) - millis(best["start"]) for n in best["nights"]] == [k * DAY for k in range(7)] and best["end"] == best["nights"][6]["end"], best
    request = brisa.must("POST", "/v1/requests", world.wants(**WEEK), status=201, key=True)
    assert request["nights"] == NIGHTS and request["reservations"] == [], request
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    best = quote["options"][0]
    assert int(best["cost_gpums"]) == 7 * 64 * 9 * 3600 * best["rate_milli"], best
    # booked, each night of it, and nothing of the days between
    there = next(o for o in look(world, "nordlys", **WEEK)["options"] if o["site"] == best["site"])
    assert millis(there["start"]) == millis(best["start"]) + 7 * DAY and there["not_sooner"]["code"] == "nights", there
    by_day = next(o for o in look(world, "nordlys", gpus=64, walltime_s=12 * 3600, earliest_start=best["nights"][2]["end"])["options"] if o["site"] == best["site"])
    assert by_day["start"] == best["nights"][2]["end"], by_day
    world.server.stop()  # an open quote survives
    world.server.start()
    key = {"Idempotency-Key": "a-week"}
    first = brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, headers=key)
    assert first["night"] == {"number": 1, "of": 7, "request": request["id"]} and first["request"] == request["id"], first
    assert brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, headers=key)["id"] == first["id"]
    assert held(world) - before == int(best["cost_gpums"])
    nights = brisa.must("GET", f"/v1/requests/{request['id']}")["reservations"]
    assert [n["night"] for n in nights] == list(range(1, 8)) and [(n["start"], n["end"]) for n in nights] == [(n["start"], n["end"]) for n in best["nights"]], nights
    assert len({n["id"] for n in nights}) == 7 and nights[0]["id"] == first["id"]
    rows = world.server.sql(f"SELECT count(DISTINCT request), count(DISTINCT hold), count(DISTINCT seq), min(fence), max(fence), count(DISTINCT e.group_first), max(e.group_len)"
                            f" FROM reservation r JOIN entry e ON e.index = r.hold WHERE quote = '{quote['id']}'")
    assert rows == "7|7|7|1|1|1|7", rows  # one group of seven holds
    third = brisa.must("GET", f"/v1/reservations/{nights[2]['id']}")
    assert third["night"]["number"] == 3 and third["request"] != request["id"]
    assert brisa.must("GET", f"/v1/requests/{third['request']}")["id"] == request["id"]  # every night leads to what was asked
    for strange in ("%02x" % (int(request["id"][-2:], 16) + 7), "%02x" % (int(request["id"][-2:], 16) + 31)):
        assert brisa.get(f"/v1/requests/{request['id'][:-2]}{strange}").status == 404, strange
    assert brisa.post(f"/v1/requests/{request['id']}/quotes", {"hold": True}, key=True).json["code"] == "request-busy"
    # one night is let go, then the others
    brisa.must("POST", f"/v1/reservations/{third['id']}/cancel", {}, status=200, key=True)
    assert held(world) - before == int(best["cost_gpums"]) // 7 * 6
    assert world.people["nordlys"].post(f"/v1/requests/{request['id']}/cancel", {}, key=True).status == 404
    states = [n["state"] for n in brisa.must("POST", f"/v1/requests/{request['id']}/cancel", {}, status=200, key=True)["reservations"]]
    assert len(states) == 7 and set(states) == {"voided"}, states
    assert held(world) == before
    assert brisa.post(f"/v1/requests/{request['id']}/cancel", {}, key=True).json["code"] == "state"
    assert look(world, **WEEK)["options"][0]["start"] == best["start"]


def test_nights_all_or_nothing(world):
    """A night that is taken moves the whole week; what ends too early for that is refused, with what would help."""
    week = {**WEEK, "earliest_start": stamp(now_of(world) + DAY)}  # what runs now may reach into this evening
    first = look(world, **week)["options"][0]
    fourth = millis(first["start"]) + 3 * DAY
    taken = [world.accept("nordlys", gpus=64, walltime_s=3600, earliest_start=stamp(fourth + HOUR)) for _ in range(2)]  # both sites
    assert {r["site"]["code"] for r in taken} == {"lumi", "bsc"}, taken
    quote = look(world, **week)
    assert {millis(o["start"]) for o in quote["options"]} == {fourth + DAY}, quote
    assert quote["options"][0]["not_sooner"]["numbers"]["longest_nights"] == 3, quote["options"][0]
    quote = look(world, **week, deadline=stamp(fourth + 5 * DAY))
    assert quote["options"] == [] and {r["code"] for r in quote["refusals"]} == {"nights"}, quote
    no = quote["refusals"][0]
    assert no["certificate"] and no["help"]["change"] == "deadline" and no["numbers"]["longest_nights"] == 4, no
    assert {w["change"] for w in quote["what_if"]} >= {"nights", "deadline"}, quote["what_if"]
    for r in taken:
        world.people["nordlys"].must("POST", f"/v1/reservations/{r['id']}/cancel", {}, status=200, key=True)


def test_the_sum_of_all_nights_counts(world):
    brisa = world.people["brisa"]
    month = {**WEEK, "nights": {**NIGHTS, "count": 31}}
    reservation = world.accept(**month)
    request = brisa.must("POST", "/v1/requests", world.wants(**month, preference="cheapest"), status=201, key=True)
    reply = brisa.post(f"/v1/requests/{request['id']}/quotes", {"hold": True}, key=True)
    assert reply.status == 409 and reply.json["code"] == "insufficient-credits", reply
    cost = int(look(world, **month)["options"][0]["cost_gpums"])
    short = look(world, **month, max_credits=str(cost // 3600000 - 1), preference="cheapest")
    assert "price" in {r["code"] for r in short["refusals"]}, short
    brisa.must("POST", f"/v1/requests/{reservation['request']}/cancel", {}, status=200, key=True)


def test_nights_that_cannot_be(world):
    def refused(**more):
        reply = world.people["brisa"].post("/v1/quotes", {k: v for k, v in world.wants(**more).items() if k not in ("name", "template", "script")})
        assert reply.status == 422, reply
        return reply.json["pointer"]

    assert refused(**{**WEEK, "walltime_s": 10 * 3600}) == "/walltime_s"
    for bad in ({"count": 0}, {"count": 32}, {"from": "20:10"}, {"from": "24:00"}, {"from": "2000 "}, {"until": "6:00"}, {"from": "1:000"}, {"from": "20:75"}):
        assert refused(**{**WEEK, "nights": {**NIGHTS, **bad}}).startswith("/nights/"), bad
    assert refused(**{**WEEK, "walltime_s": 60, "nights": {**NIGHTS, "until": DUSK[:3] + "45"}}) == "/nights/until"  # no room for the hour
    assert look(world, **{**WEEK, "walltime_s": 23 * 3600, "nights": {"count": 2, "from": "12:00", "until": "12:00"}})["options"]


def test_a_night_runs_alone(world):
    """The site's agent gets a ticket a night; a rejected night takes no other with it."""
    brisa = world.people["brisa"]
    reservation = world.accept(**{**WEEK, "nights": {**NIGHTS, "count": 3}})
    agent = Agent(world, reservation["site"]["code"])
    agent.open()
    tickets = [agent.claims(t["jws"]) for t in agent.tickets().json["tickets"]][-3:]
    assert len({t["request"] for t in tickets}) == 3 and [t["fence"] for t in tickets] == [1, 1, 1], tickets
    agent.call("POST", "/v1/agent/tickets/received", {"instance": agent.instance, "seq": tickets[-1]["seq"]})
    assert agent.report("rejected", tickets[1]).status == 200
    nights = brisa.must("GET", f"/v1/requests/{reservation['request']}")["reservations"]
    assert [(n["state"], n["outcome"]) for n in nights] == [("issued", None), ("voided", "rejected"), ("issued", None)], nights
    assert {(n["site"], n["settled_gpums"]) for n in nights} == {(reservation["site"]["code"], "0")}, nights
    brisa.must("POST", f"/v1/requests/{reservation['request']}/cancel", {}, status=200, key=True)


def admin(world, *words):
    done = subprocess.run([str(BUILD / "kontord"), "admin", f"--data-dir={world.server.data}", *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_access_by_the_command_line(world):
    """kontord admin says the same: lists of words, and "all" for none."""
    offering = world.sites["bsc"]["offering"]
    said = admin(world, "capacity-set", f"--offering={offering}", "--nodes=40", "--brokered-gpus=80", "--modes=playground,fast-lane", "--open-to=sme")
    assert said["modes"] == ["playground", "fast-lane"] and said["open_to"] == ["sme"], said
    said = admin(world, "capacity-set", f"--offering={offering}", "--nodes=40", "--brokered-gpus=80", "--modes=all", "--open-to=all")
    assert said["modes"] == [] and said["open_to"] == [], said


def test_the_auditor_agrees(world):
    """Groups of several holds, one night released, the others held: the books and what reservations repeat of them."""
    brisa = world.people["brisa"]
    reservation = world.accept(**{**WEEK, "nights": {**NIGHTS, "count": 4}})
    nights = brisa.must("GET", f"/v1/requests/{reservation['request']}")["reservations"]
    brisa.must("POST", f"/v1/reservations/{nights[1]['id']}/cancel", {}, status=200, key=True)
    with tempfile.TemporaryDirectory() as folder:
        status, said = export(world, folder + "/export")
        assert status == 0, said
        report = audit(folder + "/export")
        assert report["findings"] == [], report["findings"]
