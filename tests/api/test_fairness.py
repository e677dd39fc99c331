"""What a grant has used of what accrued to it, who waits before whom, and why nothing starts sooner: shown to whom it concerns."""
import csv
import json
import subprocess
import time

from harness import BUILD
from world import millis, stamp

DAY = 86400000
WORLD = {"more": ["--share-half-life-days=20"]}


def eventually(look, what):
    """Shares are worked out once a second at most."""
    end = time.monotonic() + 40
    while True:
        found = look()
        if what(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)


def share(world, org):
    return world.people[org].must("GET", f"/v1/grants/{world.grants[org]}/share")


def test_a_share_grows_with_what_is_held_and_paid(world):
    """The grant of 90 days began a second ago: what is held is many times what has accrued, and the share says so."""
    brisa = world.people["brisa"]
    before = share(world, "brisa")
    assert before["state"] == "active" and before["committed_gpums"] == "0" and before["next"] is None and before["waiting"] == 0, before
    assert before["used_milli"] in (0, None) and before["dominant"] is None and before["half_life_days"] == 20, "as it is configured"
    now = millis(world.local.must("GET", "/v1/me")["now"])
    grant = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")
    reservation = world.accept(countries=["FI"], gpus=4, walltime_s=3600, earliest_start=stamp(now + 2 * DAY))
    after = eventually(lambda: share(world, "brisa"), lambda s: s["committed_gpums"] != "0")
    cost = int(reservation["cost_at_most_gpums"])
    assert int(after["committed_gpums"]) == cost == 4 * 3600 * 1250
    assert after["classes"] == [{"model": "MI250X", "gpu_seconds": 4 * 3600, "committed_gpums": str(cost), "committed_credits": "5.000", "share_milli": after["dominant"]["share_milli"]}]
    granted, start, end = int(grant["granted_gpums"]), millis(grant["start"]), millis(grant["end"])
    accrued = granted * (millis(after["as_of"]) - start) // (end - start)
    assert int(after["accrued_gpums"]) == accrued, (after, accrued)
    assert after["used_milli"] == min(-(-cost * 1000 // accrued), 1000000)
    assert after["text"].startswith(f"Used {(after['used_milli'] + 9) // 10}% of what has accrued; 0 requests are ahead"), after
    assert after["next"] == {"reservation": reservation["id"], "site": "lumi", "model": "MI250X", "start": reservation["window"]["start"], "ahead": 0}
    brisa.must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
    eventually(lambda: share(world, "brisa"), lambda s: s["committed_gpums"] == "0" and s["next"] is None)


def test_ahead_are_others_that_start_earlier_for_the_same_gpus(world):
    """Nordlys waits in three places: two starts before Brisa's at lumi, one at bsc. Brisa's own earlier job is not ahead of it."""
    now = millis(world.local.must("GET", "/v1/me")["now"])
    first = [world.accept("nordlys", countries=["FI"], gpus=4, earliest_start=stamp(now + d * DAY)) for d in (3, 4)]
    elsewhere = world.accept("nordlys", countries=["ES"], gpus=4, earliest_start=stamp(now + 3 * DAY))
    later = world.accept("nordlys", countries=["FI"], gpus=4, earliest_start=stamp(now + 6 * DAY))
    mine = world.accept(countries=["FI"], gpus=4, earliest_start=stamp(now + 5 * DAY))
    found = eventually(lambda: share(world, "brisa"), lambda s: s["next"] is not None)
    assert found["next"]["reservation"] == mine["id"] and found["next"]["ahead"] == 2 and found["waiting"] == 1, found
    assert found["text"].endswith("; 2 requests are ahead.")
    theirs = share(world, "nordlys")
    assert theirs["next"]["ahead"] == 0 and theirs["waiting"] == 4, theirs
    world.people["nordlys"].must("POST", f"/v1/reservations/{first[0]['id']}/cancel", {}, key=True)
    eventually(lambda: share(world, "brisa"), lambda s: s["next"]["ahead"] == 1)
    for r in [first[1], elsewhere, later]:
        world.people["nordlys"].must("POST", f"/v1/reservations/{r['id']}/cancel", {}, key=True)
    world.people["brisa"].must("POST", f"/v1/reservations/{mine['id']}/cancel", {}, key=True)
    eventually(lambda: share(world, "brisa"), lambda s: s["waiting"] == 0)


def test_the_officer_sees_the_table_of_all(world):
    officer = world.people["officer"]
    held = world.accept("nordlys", countries=["ES"], gpus=8, earliest_start=stamp(millis(world.local.must("GET", "/v1/me")["now"]) + 9 * DAY))
    table = eventually(lambda: officer.must("GET", "/v1/programme/shares"), lambda t: any(int(s["committed_gpums"]) for s in t["items"]))
    assert [s["organisation"]["name"] for s in table["items"]] == ["nordlys", "brisa"], table
    assert table["items"][0]["dominant"]["model"] == "H100"
    one = officer.must("GET", "/v1/programme/shares?limit=1")
    rest = officer.must("GET", f"/v1/programme/shares?limit=1&cursor={one['next']}")
    assert [s["account"] for s in one["items"] + rest["items"]] == [s["account"] for s in table["items"]] and rest["next"] is None
    assert officer.get("/v1/programme/shares?cursor=1").status == 400 and officer.get("/v1/programme/shares?ended=no").status == 400
    sheet = eventually(lambda: officer.get("/v1/programme/shares?format=csv"), lambda r: r.status == 200)  # once there is a checkpoint
    assert sheet.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(sheet.body.decode().splitlines()[1:]))
    assert [row["organisation.name"] for row in lines] == ["nordlys", "brisa"] and int(lines[0]["committed_gpums"]) == int(held["cost_at_most_gpums"])
    assert lines[0]["dominant.model"] == "H100" and lines[0]["waiting"] == "1" and lines[0]["next.ahead"] == "0" and lines[1]["next.ahead"] == ""
    assert officer.get("/v1/programme/shares.csv").status == 404, "one way to a file"
    assert world.people["brisa"].get("/v1/programme/shares").status == 403
    assert world.people["nordlys"].get(f"/v1/grants/{world.grants['brisa']}/share").status == 404
    assert officer.must("GET", f"/v1/grants/{world.grants['brisa']}/share")["account"] == world.grants["brisa"]
    world.people["nordlys"].must("POST", f"/v1/reservations/{held['id']}/cancel", {}, key=True)


def test_floors_are_kept_free_for_a_mode(world):
    """A second mode, and a floor for it at lumi: of the 64 GPUs in whole nodes Brisa's mode may have 16 at once, and is told why."""
    world.order("/v1/policies", {"code": "playground", "name": "Playground", "cap_credits": "5000", "longest_days": 92, "decide_days": 0})
    path = f"/v1/offerings/{world.sites['lumi']['offering']}/floors"
    operator = world.people["lumi"]
    kept = operator.must("POST", path, {"floors": [{"mode": "playground", "gpus": 48}]}, status=201, key=True)
    assert kept["floors"] == [{"mode": "playground", "gpus": 48}] and kept["brokered_gpus"] == 80 and kept["pool_nodes"] == 4, kept
    look = {k: v for k, v in world.wants(countries=["FI"], gpus=20).items() if k not in ("name", "template", "script")}
    answer = world.people["brisa"].must("POST", "/v1/quotes", look)
    refusal = next(r for r in answer["refusals"] if r["code"] == "floor")
    assert (refusal["numbers"]["gpus"], refusal["numbers"]["brokered"], refusal["numbers"]["kept"]) == (20, 64, 48), refusal
    assert refusal["text"] == "Keeps 48 of its 64 GPUs free for other access modes, asked for are 20.", refusal
    assert refusal["help"]["change"] == "gpus" and refusal["help"]["to"] == 16, refusal
    answer = world.people["brisa"].must("POST", "/v1/quotes", {**look, "gpus": 16})
    assert answer["options"][0]["gpus"] == 16
    first = world.accept(countries=["FI"], gpus=16, earliest_start=stamp(millis(world.local.must("GET", "/v1/me")["now"]) + 20 * DAY))
    second = world.people["brisa"].must("POST", "/v1/quotes", {**look, "gpus": 16, "earliest_start": first["window"]["start"]})
    why = second["options"][0]["not_sooner"]
    assert why["code"] == "floor" and why["numbers"]["kept"] == 48 and second["options"][0]["start"] > first["window"]["start"], why
    world.people["brisa"].must("POST", f"/v1/reservations/{first['id']}/cancel", {}, key=True)
    assert world.people["bsc"].post(path, {"floors": []}, key=True).status == 404 and world.people["brisa"].post(path, {"floors": []}, key=True).status == 403
    assert operator.post(path, {"floors": [{"mode": "nothing", "gpus": 4}]}, key=True).status == 422
    assert operator.post(path, {"floors": [{"mode": "playground", "gpus": 4}] * 2}, key=True).status == 422
    for floors in ([{"mode": "playground", "gpus": 65}], [{"mode": "playground", "gpus": 40}, {"mode": "fast-lane", "gpus": 25}]):
        refused = operator.post(path, {"floors": floors}, key=True)
        assert refused.status == 422 and refused.json["pointer"] == "/floors" and "in whole nodes" in refused.json["detail"], refused
    csrf, operator.csrf = operator.csrf, None
    assert operator.post(path, {"floors": []}, key=True).status == 403
    operator.csrf = csrf
    world.order(f"/v1/offerings/{world.sites['lumi']['offering']}/capacity", {"nodes": 40, "brokered_gpus": 80, "pool_nodes": 4})
    offering = next(o for o in world.anybody.must("GET", "/v1/offerings")["items"] if o["site"] == "lumi")
    assert offering["floors"] == kept["floors"], "a change of capacity leaves them as they are"
    assert world.people["officer"].must("POST", path, {"floors": []}, status=201, key=True)["floors"] == []


def admin(world, *words):
    return subprocess.run([str(BUILD / "kontord"), "admin", f"--data-dir={world.server.data}", *words], capture_output=True, text=True, check=False)


def test_floors_by_the_command_line(world):
    """All of an offering's floors at once, or none; what cannot be read changes nothing, least of all what is left out."""
    offering = f"--offering={world.sites['lumi']['offering']}"
    kept = [{"mode": "playground", "gpus": 16}, {"mode": "fast-lane", "gpus": 48}]
    done = admin(world, "floors-set", offering, "--floors=playground=16,fast-lane=48")
    assert done.returncode == 0 and json.loads(done.stdout)["floors"] == kept, done
    for words in ("", "all", "playground", "playground=", "=4", "playground=4x", "playground=-4", "playground=4,,fast-lane=4", "playground= 4"):
        done = admin(world, "floors-set", offering, f"--floors={words}")
        assert done.returncode == 2 and done.stderr.startswith("kontord admin: not ") and not done.stdout, (words, done)
    assert admin(world, "floors-set", offering).returncode == 2
    for words in ("nothing=4", "playground=0", "playground=4,playground=4", "playground=65", "Playground=4"):
        done = admin(world, "floors-set", offering, f"--floors={words}")
        assert done.returncode == 1 and " at /" in done.stderr, (words, done)
    listed = next(o for o in json.loads(admin(world, "get", "/v1/offerings").stdout)["items"] if o["site"] == "lumi")
    assert listed["floors"] == kept
    assert json.loads(admin(world, "floors-set", offering, "--floors=none").stdout)["floors"] == []
    assert "--floors" in admin(world, "floors-set", "--help").stdout and "floors-set" in admin(world, "--help").stdout
    manual = subprocess.run([str(BUILD / "kontord"), "--manual"], capture_output=True, text=True, check=True).stdout
    assert "\n.B floors\\-set\n" in manual and "none" in manual.split("floors\\-set")[1].split(".TP")[0]
