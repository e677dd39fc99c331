"""Notices: what happens is told once, to whom it concerns, and to nobody else; each person says what they want to be told."""
import time

from test_agents import fresh
from test_disputes import settled
from world import millis, stamp


def told(client, kind=None, wait=40):
    """The notices of a person, once there is one of that kind."""
    until = time.monotonic() + wait
    while True:
        reply = client.must("GET", "/v1/me/notices")
        found = [n for n in reply["items"] if kind in (None, n["kind"])]
        if found or time.monotonic() > until:
            return found
        time.sleep(0.05)


def caught_up(world):
    """All that stands in the journal now has been told."""
    size = world.server.sql("SELECT size FROM head")
    until = time.monotonic() + 40
    while int(world.server.sql("SELECT next FROM notice_cursor")) < int(size):
        assert time.monotonic() < until, "the herald does not come on"
        time.sleep(0.05)


def test_an_ended_job_is_told_to_whom_it_concerns(world):
    agent = fresh(world)
    path, job = settled(world, agent)
    brisa, nordlys = world.people["brisa"], world.people["nordlys"]
    notice = told(brisa, "job-ended")[0]
    assert notice["link"] == f"/reservations/{job['id']}" and not notice["read"] and job["name"] in notice["title"], notice
    assert notice["facts"]["how"] == "finished" and notice["facts"]["site"] == "lumi" and notice["facts"]["amount_gpums"] == job["settled_gpums"], notice
    for other in ("nordlys", "brisa2", "officer", "lumi", "administrator", "auditor"):
        assert told(world.people[other], "job-ended", wait=0) == [], other
    assert world.anybody.get("/v1/me/notices").status == 401


def test_nothing_is_told_twice_and_nothing_is_missed(world):
    agent = world.agents["lumi"] if hasattr(world, "agents") else fresh(world)
    for _ in range(3):
        settled(world, agent)
    caught_up(world)
    ended = {n["facts"]["reservation"] for n in told(world.people["brisa"], "job-ended")}
    done = {r["id"] for r in world.people["brisa"].must("GET", "/v1/reservations?state=settled&limit=500")["items"]}
    assert done <= ended, done - ended
    before = world.server.sql("SELECT count(*), count(DISTINCT (kind, subject)) FROM notice_event")
    # As after a restart in the middle, when another server had told some of it: the whole journal again.
    world.server.stop()
    world.server.sql("UPDATE notice_cursor SET next = 0")
    world.server.start()
    caught_up(world)
    assert world.server.sql("SELECT count(*), count(DISTINCT (kind, subject)) FROM notice_event") == before
    settled(world, agent)
    caught_up(world)
    assert int(world.server.sql("SELECT count(*) FROM notice_event").strip()) == int(before.split("|")[0]) + 1


def test_reading_and_choosing(world):
    agent = fresh(world)
    settled(world, agent)
    caught_up(world)  # what was told before is not told to who comes after
    client = world.person("reader", [{"role": "owner", "organisation": world.organisations["brisa"]}])
    settled(world, agent)
    first = told(client)
    page = client.must("GET", "/v1/me/notices?limit=1")
    assert page["unread"] == 1 and len(first) == 1, page
    assert client.post("/v1/me/notices/read", {"until": first[0]["id"]}).status == 204
    after = client.must("GET", "/v1/me/notices")
    assert after["unread"] == 0 and after["items"][0]["read"], after
    assert world.people["brisa"].must("GET", "/v1/me/notices")["unread"] > 0, "what one has read, others have not"
    choices = {c["kind"]: c["page"] for c in client.must("GET", "/v1/me/notice-choices")["items"]}
    assert list(choices) == ["job-ended", "quote-ending", "credits-lapse", "dispute", "approval", "agent-silent", "maintenance"] and all(choices.values()), choices
    for body in ({"kind": "test", "page": True}, {"kind": "all", "page": True}, {"kind": "dispute"}, {"kind": "dispute", "page": True, "more": 1}):
        assert client.post("/v1/me/notice-choices", body).status in (400, 422), body
    assert not next(c for c in client.must("POST", "/v1/me/notice-choices", {"kind": "job-ended", "page": False, "mail": True})["items"] if c["kind"] == "job-ended")["page"]
    settled(world, agent)
    caught_up(world)
    assert len(told(client)) == 1, "what was not wanted was told"


def test_a_dispute_is_told_to_both_sides_and_the_programme(world):
    agent = fresh(world)
    path, job = settled(world, agent)
    world.people["brisa"].must("POST", path + "/contest", {"reason": "It computed nothing."}, status=201, key=True)
    for who in ("brisa", "lumi", "officer", "officer2"):
        found = [n for n in told(world.people[who], "dispute") if n["facts"]["reservation"] == job["id"]]
        assert len(found) == 1 and found[0]["facts"]["how"] == "opened" and found[0]["link"] == f"{path[3:]}/dispute", (who, found)
    for who in ("nordlys", "bsc", "administrator"):
        assert told(world.people[who], "dispute", wait=0) == [], who


def test_maintenance_is_told_where_a_place_stays(world):
    brisa, lumi = world.people["brisa"], world.people["lumi"]
    kept = world.accept()
    start = millis(kept["window"]["start"])
    site = kept["site"]["code"]
    plan = {"from": stamp(start // 900000 * 900000 + 900000), "to": stamp(start + 48 * 3600000), "nodes": 1, "pool_nodes": 0, "reason": "Cooling"}
    made = world.people[site].must("POST", f"/v1/offerings/{world.sites[site]['offering']}/maintenance", plan, status=201, key=True)
    until = time.monotonic() + 40
    while not (found := [n for n in told(brisa, "maintenance") if n["facts"]["reservation"] == kept["id"]]):
        assert time.monotonic() < until, "it is not told"
        time.sleep(0.1)
    assert found[0]["facts"]["how"] == "planned" and found[0]["facts"]["site"] == site and found[0]["facts"]["until"] == plan["to"], found
    assert brisa.must("GET", f"/v1/reservations/{kept['id']}")["state"] == kept["state"] and told(world.people["nordlys"], "maintenance", wait=0) == []
    world.people[site].must("POST", f"/v1/offerings/{world.sites[site]['offering']}/maintenance-end", {"number": made["number"]}, status=201, key=True)


def test_credits_that_will_lapse_are_told(world):
    now = millis(world.local.must("GET", "/v1/me")["now"])
    grant = world.order("/v1/grants", {"organisation": world.organisations["nordlys"], "tranche": world.tranche, "mode": "fast-lane", "credits": "100",
                                       "start": stamp(now - 3600_000), "end": stamp(now + 36 * 3600_000), "reference": "G-late", "gge_eur_cents": 1,
                                       "legal_basis": "gber", "reason": "Test"})["account"]
    notice = told(world.people["nordlys"], "credits-lapse")[0]
    assert notice["facts"]["grant"] == grant and notice["facts"]["how"] == "unused" and notice["facts"]["amount_gpums"] == str(100 * 3_600_000), notice
    assert told(world.people["brisa"], "credits-lapse", wait=0) == []
