"""What the programme's credits and the sites' GPUs were used for: held against the journal's entries and the reservations themselves."""
import time

from test_report import DAY, a_job, entries, now_of
from world import stamp

PARTS = ("used", "unused", "free", "down", "maintenance", "unoffered")


def use(world, start, end, who="auditor", **filters):
    more = "".join(f"&{k}={v}" for k, v in filters.items())
    return world.people[who].must("GET", f"/v1/programme/use?from={stamp(start)}&to={stamp(end)}{more}")


def paid(seen):
    sign = {"SETTLE": 1, "RESOLVE": 1, "CORRECT": -1}
    return [(e, sign[e["kind"]] * int(e["amount_gpums"])) for e in seen if e["kind"] in sign]


def test_it_adds_up_to_the_entries(world):
    a_job(world)
    start, end = now_of(world) - 30 * DAY, now_of(world) + DAY
    told = use(world, start, end)
    moved = paid(entries(world, start, end))
    assert moved and int(told["paid_gpums"]) == sum(gpums for _, gpums in moved) > 0
    for by in ("months", "countries", "sites", "modes", "organisations"):
        assert sum(int(g["paid_gpums"]) for g in told[by]) == int(told["paid_gpums"]), by
    assert told["journal"]["entries"] == len(moved)
    assert (told["journal"]["first"], told["journal"]["last"]) == (min(e["index"] for e, _ in moved), max(e["index"] for e, _ in moved))
    for month in told["months"]:
        assert int(month["paid_gpums"]) == sum(gpums for e, gpums in moved if e["time"].startswith(month["code"])), month
    assert {g["code"] for g in told["countries"]} == {"ES"} and told["abroad_gpums"] == told["paid_gpums"], "Brisa's job ran in Finland"
    assert told["concentration"] == {"organisations": 1, "five_gpums": told["paid_gpums"], "five_credits": told["paid_credits"], "herfindahl": 10000}
    assert [m["name"] for m in told["modes"]] == ["Fast Lane"]


def test_of_one_site_mode_or_country(world):
    a_job(world)
    start, end = now_of(world) - DAY, now_of(world) + DAY
    whole = use(world, start, end)
    for filters in ({"site": "lumi"}, {"mode": "fast-lane"}, {"country": "ES"}, {"site": "lumi", "country": "ES"}):
        assert use(world, start, end, **filters)["paid_gpums"] == whole["paid_gpums"], filters
    for filters in ({"site": "bsc"}, {"country": "SE"}, {"site": "bsc", "mode": "fast-lane"}):
        told = use(world, start, end, **filters)
        assert told["paid_gpums"] == "0" and told["sites"] == told["organisations"] == [] and told["journal"]["first"] is None, filters
    assert [i["site"] for i in use(world, start, end, site="bsc")["idle"]] == ["bsc"]
    for unknown in ("site=nowhere", "site=", "mode=playground", "country=es", "country=ESP"):
        assert world.people["auditor"].get(f"/v1/programme/use?from={stamp(start)}&to={stamp(end)}&{unknown}").json["code"] == "query-invalid", unknown


def test_where_gpu_time_went(world):
    """40 nodes of 4, 80 GPUs offered, from when the world was made; a maintenance; a job that is booked, and then runs."""
    began = now_of(world)
    site = world.sites["bsc"]

    def bsc(start, end):
        told = next(i for i in use(world, start, end)["idle"] if i["site"] == "bsc")
        told = {k.removesuffix("_gpu_ms"): v if k == "site" else int(v) for k, v in told.items()}
        assert told["all"] == sum(told[p] for p in PARTS), told
        return told

    before = bsc(began - 2 * DAY, began - DAY)
    assert before["all"] == 0, "there was nothing yet"
    assert bsc(began + DAY, began + 2 * DAY)["all"] == 0, "and what is to come is left out"
    time.sleep(0.3)
    middle = now_of(world)
    quiet = bsc(began, middle)
    span = middle - began
    assert quiet["all"] == 160 * span and quiet["unoffered"] == 80 * span and quiet["free"] == 80 * span, quiet
    world.people["bsc"].must("POST", f"/v1/offerings/{site['offering']}/maintenance", {"from": stamp(middle), "to": stamp(middle + 3600000), "nodes": 5, "reason": "New racks"}, status=201, key=True)
    set_at = now_of(world)
    world.accept(countries=["ES"], gpus=16)
    booked_at = now_of(world)
    time.sleep(0.3)
    end = now_of(world)
    told, span = bsc(booked_at, end), end - booked_at
    assert told["all"] == 160 * span and told["maintenance"] == 20 * span and told["unoffered"] == 80 * span, told
    assert told["unused"] == 16 * span and told["used"] == 0 and told["free"] == 44 * span, told
    between = bsc(middle, end)
    assert 20 * (end - set_at) <= between["maintenance"] <= 20 * (end - middle), between


def test_what_a_job_used_is_no_longer_idle(world):
    start = now_of(world)
    job = a_job(world)
    ended = now_of(world)
    told = next(i for i in use(world, start, ended)["idle"] if i["site"] == "lumi")
    assert int(told["used_gpu_ms"]) == 1000 * job["gpus"], "one GPU-second a GPU, as reported"
    assert 0 < int(told["unused_gpu_ms"]) <= (ended - start - 1000) * job["gpus"], "and it was booked until it ended, no longer"
    time.sleep(1)  # what is free now counts for nobody
    assert next(i for i in use(world, start, now_of(world))["idle"] if i["site"] == "lumi")["unused_gpu_ms"] == told["unused_gpu_ms"]


def test_how_long_jobs_waited(world):
    start = now_of(world)
    a_job(world)
    of = lambda told: next((w for w in told["waits"] if w["site"] == "lumi"), None)  # noqa: E731
    told = of(use(world, start, now_of(world) + DAY))
    assert told["started"] == 1 and 0 < told["half_ms"] == told["ninety_ms"] == told["most_ms"] <= now_of(world) - start, told
    waiting = told["waiting"]
    world.accept(countries=["FI"], earliest_start=stamp(now_of(world) + DAY))
    world.accept(countries=["FI"], gpus=4)
    told = of(use(world, start, now_of(world) + DAY))
    assert told["waiting"] == waiting + 2 and told["waiting_gpus"] >= 12 and told["due"] == told["waiting"] - 1, told
    assert of(use(world, start - 2 * DAY, start - DAY))["started"] == 0


def test_what_is_no_period_and_who_may_not(world):
    for query in ("", "?from=2026-01-01T00:00:00Z", "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "?from=2024-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&by=site"):
        assert world.people["auditor"].get("/v1/programme/use" + query).json["code"] == "query-invalid", query
    for who in ("brisa", "lumi"):
        assert world.people[who].get("/v1/programme/use?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").status == 403


def test_what_anybody_sees_of_waits_is_no_organisations(world):
    """Of fewer than five organisations nothing is shown; it is looked at once an hour, so that no single job is seen to come and go."""
    lumi = lambda: next(s for s in world.anybody.must("GET", "/v1/sites/waits")["items"] if s["site"] == "lumi")  # noqa: E731
    nothing = {"site": "lumi", "started": None, "half_ms": None, "ninety_ms": None, "waiting": None, "waiting_gpus": None}
    a_job(world)
    world.accept(countries=["FI"], gpus=4)
    assert lumi() == nothing
    now = now_of(world)
    for name in ("w1", "w2", "w3", "w4"):
        world.organisations[name] = world.order("/v1/organisations", {"name": name, "country": "FI", "city": "Oulu", "lat_milli": 65012, "lon_milli": 25465})["id"]
        world.grants[name] = world.order("/v1/grants", {"organisation": world.organisations[name], "tranche": world.tranche, "mode": "fast-lane", "credits": "400", "start": stamp(now - 1000),
                                                        "end": stamp(now + 30 * DAY), "reference": f"G-{name}", "gge_eur_cents": 100, "legal_basis": "gber", "reason": "Test"})["account"]
        world.person(name, [{"role": "owner", "organisation": world.organisations[name]}])
        world.accept(name, countries=["FI"], gpus=4, walltime_s=60)
    assert lumi() == nothing, "not before an hour is over"
    world.server.stop()
    world.server.start()
    for client in [*world.people.values(), world.local, world.anybody]:
        client.connection = None
    told = lumi()
    assert told["waiting"] >= 5 and told["waiting_gpus"] >= 20 and told["started"] is None, "as many wait; of those that began not enough are others'"
    years = world.anybody.must("GET", "/v1/sites/waits")
    assert years["least_organisations"] == 5 and {s["site"] for s in years["items"]} == {"lumi", "bsc"}
    assert world.anybody.get("/v1/sites/waits?site=lumi").status == 400
