"""What the broker is asked over HTTP: for whom an offering is, starts in the future."""
from world import millis, stamp

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
                                       "start": stamp(now - 1000), "end": stamp(now + 92 * DAY - 2000), "reference": "G-play", "gge_eur_cents": 1, "reason": "Test"})
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
             "end": stamp(now + DAY), "reference": "G-lab", "gge_eur_cents": 1, "reason": "Test"}
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
