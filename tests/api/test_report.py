"""The officer's report of a period: what the journal moved in it, summed by whom, where and how; held against the entries themselves."""
import csv
import io
import time

from world import Agent, millis, stamp

DAY = 86400000
FIGURES = {"FUND": "funded", "TRANCHE": "allotted", "GRANT": "granted", "CLAWBACK": "clawed_back", "LAPSE": "lapsed", "HOLD": "held", "VOID": "released",
           "EXPIRE": "released", "SETTLE": "settled", "RESOLVE": "settled", "CORRECT": "corrected"}
BREAKDOWNS = ("funds", "modes", "countries", "classes", "sites", "organisations")


def now_of(world):
    return millis(world.local.must("GET", "/v1/me")["now"])


def report(world, start, end, who="auditor", **more):
    return world.people[who].must("GET", f"/v1/programme/report?from={stamp(start)}&to={stamp(end)}", **more)


def entries(world, start, end):
    """Every entry of the period, as an officer reads it."""
    found, cursor = [], ""
    while cursor is not None:
        page = world.people["officer"].must("GET", f"/v1/journal/entries?limit=500{cursor}")
        found += page["items"]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    return [e for e in found if start <= millis(e["time"]) < end]


def a_job(world):
    if not hasattr(world, "lumi_agent"):
        world.lumi_agent = Agent(world, "lumi")
        assert world.lumi_agent.open().status == 201
    agent = world.lumi_agent
    reservation = world.accept(countries=["FI"])
    ticket = agent.claims(agent.tickets().json["tickets"][-1]["jws"])
    assert agent.report("accepted", ticket).status == 200
    started = now_of(world)
    assert agent.report("started", ticket, started=started).status == 200
    time.sleep(2.1)
    ended = now_of(world)
    assert agent.report("finished", ticket, started=started, ended=ended, gpu_seconds=ticket["gpus"]).status == 200
    return reservation


def test_it_adds_up(world):
    start = now_of(world) - DAY
    for n in (1, 2):
        world.people["brisa"].must("POST", f"/v1/reservations/{world.accept()['id']}/cancel", {}, key=True)
    end = now_of(world) + 1
    told, seen = report(world, start, end), entries(world, start, end)
    want = {}
    for e in seen:
        if e["kind"] in FIGURES:
            want[FIGURES[e["kind"]]] = want.get(FIGURES[e["kind"]], 0) + int(e["amount_gpums"])
    for figure in set(FIGURES.values()):
        assert int(told["all"][f"{figure}_gpums"]) == want.get(figure, 0), figure
    assert want["funded"] and want["granted"] and want["held"] and want["released"]
    assert told["journal"]["entries"] == len(seen) and told["journal"]["first"] == min(e["index"] for e in seen) and told["journal"]["last"] == max(e["index"] for e in seen)
    assert told["all"]["grants"] == sum(e["kind"] == "GRANT" for e in seen)
    for by in ("modes", "countries", "classes", "organisations", "funds"):
        for figure in ("granted", "held", "released", "settled"):
            assert sum(int(g[f"{figure}_gpums"]) for g in told[by]) == want.get(figure, 0), (by, figure)
    assert sum(int(g["held_gpums"]) for g in told["sites"]) == want["held"]
    assert {g["name"] for g in told["countries"]} >= {"ES"} and told["organisations_in_all"] == len(told["organisations"])


def test_a_job_and_what_it_used(world):
    start = now_of(world)
    a_job(world)
    told = report(world, start, now_of(world) + DAY)
    assert int(told["all"]["settled_gpums"]) > 0 and [g["name"] for g in told["sites"]] == ["lumi"]
    assert told["sites"][0]["settled_gpums"] == told["all"]["settled_gpums"] == told["organisations"][0]["settled_gpums"]
    job = next(j for j in told["jobs"] if j["site"] == "lumi" and j["outcome"] == "finished")
    assert job["jobs"] == 1 and 0 < job["used_gpu_seconds"] < job["booked_gpu_seconds"], job


def test_a_period_is_half_open(world):
    grant = next(e for e in entries(world, 0, 2**52) if e["kind"] == "GRANT")
    at = millis(grant["time"])
    assert int(report(world, at, at + 1)["all"]["granted_gpums"]) >= int(grant["amount_gpums"])
    assert report(world, at + 400 * DAY, at + 401 * DAY)["journal"] == {**report(world, at + 400 * DAY, at + 401 * DAY)["journal"], "entries": 0, "first": None, "last": None}
    before = int(report(world, 0, at)["all"]["granted_gpums"])
    assert int(report(world, 0, at + 1)["all"]["granted_gpums"]) > before


def test_it_is_a_table_too(world):
    start, end = now_of(world) - DAY, now_of(world) + DAY
    told = report(world, start, end)
    reply = world.people["officer"].get(f"/v1/programme/report.csv?from={stamp(start)}&to={stamp(end)}")
    assert reply.status == 200 and reply.headers["content-disposition"] == 'attachment; filename="kontor-programme-report.csv"'
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    whole = next(r for r in rows if r["by"] == "all")
    assert whole["granted_gpums"] == told["all"]["granted_gpums"] and int(whole["journal_size"]) >= told["journal"]["size"]
    assert len([r for r in rows if r["by"] == "organisation"]) == told["organisations_in_all"]


def test_what_is_no_period(world):
    auditor = world.people["auditor"]
    for query in ("", "?from=2026-01-01T00:00:00Z", "?from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "?from=yesterday&to=2026-01-01T00:00:00Z"):
        assert auditor.get("/v1/programme/report" + query).json["code"] == "query-invalid", query
    assert world.people["brisa"].get("/v1/programme/report?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").status == 403
