"""Disputes: a start-up contests what was settled, both sides say something, both see what the other says and what the site
signed, and two officers end it: by a CORRECT, or by nothing."""

import subprocess
import time

from fake_server import PREFIX
from harness import Client
from test_agents import fresh, take
from test_fairness import eventually
from test_orders import enrol, sign
from world import PASSWORD, Later, millis


def settled(world, agent, gpu_seconds=80):
    """A job that has run and is paid."""
    reservation, ticket = take(world, agent)
    assert agent.report("accepted", ticket).claims["permit"] == "granted"
    now = millis(world.local.must("GET", "/v1/me")["now"])
    assert agent.report("started", ticket, started=now, now=now).status == 200
    assert agent.report("finished", ticket, started=now, ended=now + 10_000, gpu_seconds=gpu_seconds, now=now + 10_000).status == 200
    agent.seq = ticket["seq"]
    path = f"/v1/reservations/{reservation['id']}"
    after = world.people["brisa"].must("GET", path)
    assert after["state"] == "settled" and int(after["settled_gpums"]) > 0, after
    return path, after


def officers():
    return [{"email": f"{n}@kontor.example", "password": PASSWORD} for n in ("officer", "officer2")]


def test_a_contest_ends_in_a_correct(world):
    agent = fresh(world)
    path, job = settled(world, agent)
    brisa, lumi, administrator = world.people["brisa"], world.people["lumi"], world.people["administrator"]
    before = brisa.must("GET", path + "/dispute")
    assert not before["open"] and before["contest_until"] and before["steps"] == [] and before["permit"]["report"] < before["reports"][-1]["number"], before
    assert millis(before["contest_until"]) - millis(job["timeline"][-1]["time"]) == 7 * 86400000
    # what the site signed is there, and verifies with the site's key
    for report in before["reports"]:
        statement = bytes.fromhex(report["statement"])
        assert statement.startswith(PREFIX) and agent.key.sign(statement).hex() == report["signature"], report
    assert [r["kind"] for r in before["reports"]] == ["accepted", "started", "finished"]
    words = {"reason": "The job wrote nothing: its disk was full. — Inés"}
    assert world.people["nordlys"].post(path + "/contest", words, key=True).status == 404
    assert lumi.post(path + "/contest", words, key=True).status == 403
    assert administrator.post(path + "/correct", {"reason": "x", "officers": officers()}, key=True).json["code"] == "state"
    key = "contest-once"
    free = int(brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")["free_gpums"])
    opened = brisa.must("POST", path + "/contest", words, status=201, key=key)
    assert opened["open"] and opened["why"] == "contest" and opened["ends_by"] == "correct" and opened["decided_by"] and not opened["contest_until"], opened
    again = brisa.must("POST", path + "/contest", words, status=201, key=key)
    assert again["steps"] == opened["steps"] and len(opened["steps"]) == 1
    assert brisa.post(path + "/contest", words, key=True).json["detail"] == "There is a dispute over it already."
    job = brisa.must("GET", path)
    assert job["state"] == "disputed" and job["timeline"][-1]["what"] == "contested" and job["timeline"][-1]["entry"] == opened["steps"][0]["entry"]
    # the site reads it and says its own, each in the other's sight
    seen = lumi.must("GET", path + "/dispute")
    assert seen["steps"][0]["text"] == words["reason"] and seen["steps"][0]["by"] == "requester", seen
    assert job["id"] in [r["id"] for r in lumi.must("GET", "/v1/reservations?state=disputed")["items"]]
    said = lumi.must("POST", path + "/statements", {"text": "Its own quota was full; see report."}, status=201, key=True)
    assert (said["steps"][1]["by"], said["steps"][1]["what"]) == ("site", "said"), said
    said = brisa.must("POST", path + "/statements", {"text": "The quota is of 40 TB."}, status=201, key=True)
    assert [s["by"] for s in brisa.must("GET", path + "/dispute")["steps"]] == ["requester", "site", "requester"]
    assert brisa.must("GET", path + "/dispute")["steps"][1]["text"] == "Its own quota was full; see report."
    assert world.people["bsc"].get(path + "/dispute").status == 404 and world.people["nordlys"].get(path + "/dispute").status == 404
    assert world.people["bsc"].post(path + "/statements", {"text": "x"}, key=True).status == 404
    assert world.people["officer"].must("GET", path + "/dispute")["steps"][2]["text"] == "The quota is of 40 TB."
    # in the journal each is one entry with a commitment, both sides' as the hold is
    for client in (brisa, lumi):
        entry = client.must("GET", f"/v1/journal/entries/{said['steps'][1]['entry']}")
        assert (entry["body"]["type"], entry["body"]["reason"], entry["body"]["ref"]) == ("said", 2, opened["hold"]), entry
        assert client.must("GET", f"/v1/journal/entries/{said['steps'][1]['entry']}/evidence")["state"] == "kept"
    # two officers: all of it goes back
    body = {"reason": "The site's disk was full", "officers": officers()}
    after = administrator.must("POST", path + "/correct", body, key=True)
    assert (after["state"], after["settled_gpums"]) == ("settled", "0"), after
    assert int(brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")["free_gpums"]) == free + int(job["settled_gpums"])
    ended = brisa.must("GET", path + "/dispute")
    assert not ended["open"] and ended["steps"][-1]["what"] == "closed" and ended["steps"][-2]["by"] == "officers", ended
    assert lumi.post(path + "/statements", {"text": "Too late"}, key=True).json["code"] == "state"


def test_an_erased_word_that_is_put_back_is_not_shown(world):
    path, _ = settled(world, fresh(world))
    brisa, officer = world.people["brisa"], world.people["officer"]
    entry = brisa.must("POST", path + "/contest", {"reason": "Our Inés saw it stand still"}, status=201, key=True)["steps"][0]["entry"]
    world.server.sql("CREATE TABLE said AS SELECT * FROM evidence")
    erased = officer.must("POST", f"/v1/journal/entries/{entry}/erase", {"reason": "asked"}, key=True)["erased"]
    world.server.sql("DELETE FROM evidence; INSERT INTO evidence SELECT * FROM said; DROP TABLE said")
    for who in ("brisa", "lumi", "officer"):
        step = world.people[who].must("GET", path + "/dispute")["steps"][0]
        assert (step["entry"], step["text"], step["erased"]) == (entry, None, erased), (who, step)


def test_all_at_once_each_side_says_no_more_than_it_may(world):
    path, _ = settled(world, fresh(world))
    world.people["brisa"].must("POST", path + "/contest", {"reason": "It was slow"}, status=201, key=True)

    def says(who, n):
        client = Client(world.server)
        client.cookie, client.csrf = world.people[who].cookie, world.people[who].csrf
        while (reply := client.post(path + "/statements", {"text": f"It was slow, {n}"}, key=f"{who}-at-once-{n}")).status == 503:
            assert reply.headers["retry-after"], reply
            time.sleep(0.05)
        return reply

    lock = subprocess.Popen(["psql", "-qXAt", world.server.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lock.stdin.write("BEGIN; SELECT 'held' FROM head FOR UPDATE;\n")
    lock.stdin.flush()
    assert lock.stdout.readline() == "held\n"
    try:  # nothing is committed: whoever counts finds nothing said
        calls = [Later(lambda who=who, n=n: says(who, n)) for n in range(11) for who in ("brisa", "lumi")]
        time.sleep(0.5)
    finally:
        lock.communicate("ROLLBACK;\n")
    replies = [call.wait() for call in calls]
    assert sorted(r.status for r in replies) == [201] * 16 + [409] * 6, [r.status for r in replies]
    steps = world.people["officer"].must("GET", path + "/dispute")["steps"]
    assert [sum(s["what"] == "said" and s["by"] == by for s in steps) for by in ("requester", "site")] == [8, 8], steps


def test_a_contest_ends_in_nothing(world):
    agent = fresh(world)
    path, job = settled(world, agent)
    brisa, administrator = world.people["brisa"], world.people["administrator"]
    body = {"reason": "It ran as asked", "officers": officers()}
    assert administrator.post(path + "/dismiss", body, key=True).json["code"] == "state"
    brisa.must("POST", path + "/contest", {"reason": "It was slow"}, status=201, key=True)
    for n in range(8):
        brisa.must("POST", path + "/statements", {"text": f"It was slow, {n}"}, status=201, key=True)
    assert brisa.post(path + "/statements", {"text": "Very slow"}, key=True).json["code"] == "state", "more than a side may say"
    world.people["lumi"].must("POST", path + "/statements", {"text": "It was not"}, status=201, key=True)
    assert administrator.post(path + "/dismiss", dict(body, officers=officers()[:1] * 2), key=True).json["code"] == "authority"
    # an officer may send it, as one of the two; nobody else may
    officer = world.people["officer"]
    world.person("officer3", [{"role": "officer"}])
    others = [{"email": f"{n}@kontor.example", "password": PASSWORD} for n in ("officer2", "officer3")]
    assert officer.post(path + "/dismiss", dict(body, officers=others), key=True).json["code"] == "authority"
    assert world.people["auditor"].post(path + "/dismiss", body, key=True).status == 403
    after = officer.must("POST", path + "/dismiss", body, key=True)
    assert (after["state"], after["settled_gpums"]) == ("settled", job["settled_gpums"]), after
    steps = brisa.must("GET", path + "/dispute")["steps"]
    assert (steps[-1]["what"], steps[-1]["by"], steps[-1]["text"], steps[-1]["amount"]) == ("closed", "officers", "It ran as asked", None), steps[-1]


def test_a_contest_is_dismissed_with_keys(world):
    """Who has a key signs with it that nothing moves, as they sign all else."""
    path, _ = settled(world, fresh(world))
    world.people["brisa"].must("POST", path + "/contest", {"reason": "It was slow"}, status=201, key=True)
    key = enrol(world, "officer2")
    order = world.people["administrator"].must("POST", path + "/dismiss", {"reason": "It ran", "officers": officers()}, status=202, key=True)
    assert order["signers"] == 2 and order["order"]["kind"] == "NOTICE", order
    assert sign(world, "officer2", order).json["code"] == "order-class"
    assert sign(world, "officer2", order, key).status == 200
    assert sign(world, "officer", order).json["state"] == "in_journal"
    step = world.people["brisa"].must("GET", path + "/dispute")["steps"][-1]
    assert (step["what"], step["by"], step["text"]) == ("closed", "officers", "It ran"), step
    world.people["officer2"].must("POST", f"/v1/keys/{key.index}/revoke", {"compromised": False, "reason": "Test"}, key=True)


def test_what_is_open_is_not_contested(world):
    agent = fresh(world)
    reservation, _ = take(world, agent)
    path = f"/v1/reservations/{reservation['id']}"
    brisa = world.people["brisa"]
    size = world.local.must("GET", "/v1/journal")["size"]
    assert brisa.post(path + "/contest", {"reason": "Now"}, key=True).json["detail"] == "Only what is settled can be contested."
    assert brisa.post(path + "/statements", {"text": "Now"}, key=True).json["detail"] == "No dispute is open over it."
    assert world.local.must("GET", "/v1/journal")["size"] == size and world.server.sql("SELECT count(*) FROM evidence WHERE text = 'Now'").strip() == "0"
    assert not brisa.must("GET", path + "/dispute")["contest_until"]
    brisa.must("POST", path + "/cancel", {}, key=True)


def test_what_a_site_promised_and_gave(world):
    agent = fresh(world)
    lumi = world.people["lumi"]
    mine = world.sites["lumi"]["offering"]
    before = lumi.must("GET", "/v1/sites/lumi/share?months=1")["items"][0]
    assert before["offering"] == mine, before
    settled(world, agent, gpu_seconds=72)
    after = lumi.must("GET", "/v1/sites/lumi/share?months=1")["items"][0]
    assert after["given_gpu_seconds"] == before["given_gpu_seconds"] + 72 and after["jobs"] == before["jobs"] + 1, (before, after)
    assert after["idle_gpu_seconds"] > before["idle_gpu_seconds"], (before, after)  # it had bought more
    # what was promised is the capacity over the time since it was set: a later cut takes nothing from before
    now = millis(lumi.must("GET", "/v1/sites/lumi/share?months=1")["as_of"])
    since = int(world.server.sql(f"SELECT from_ms FROM capacity WHERE offering = {mine} AND number = 1"))
    assert abs(after["promised_gpu_seconds"] - 80 * (now - since) // 1000) <= 80 * 60, after
    months = lumi.must("GET", "/v1/sites/lumi/share")["items"]
    assert {m["from"] for m in months} == {after["from"]}, "no month before it was offered"
    sheet = eventually(lambda: lumi.get("/v1/sites/lumi/share?format=csv"), lambda r: r.status == 200)  # once there is a checkpoint
    lines = sheet.body.decode().splitlines()
    assert lines[1].startswith("from,to,offering,model,kind,promised_gpu_seconds") and f',{mine},"MI250X",' in lines[2], lines
    assert world.people["bsc"].get("/v1/sites/lumi/share").status == 404
    assert lumi.get("/v1/sites/lumi/share?months=37").status == 400


def test_tickets_by_state(world):
    agent = fresh(world)
    path, job = settled(world, agent)
    lumi = world.people["lumi"]
    found = lumi.must("GET", "/v1/sites/lumi/tickets?state=settled&limit=100")["items"]
    assert found and all(k["state"] == "settled" for k in found) and job["id"] in [k["reservation"] for k in found], found
    assert job["id"] not in [k["reservation"] for k in lumi.must("GET", "/v1/sites/lumi/tickets?state=running")["items"]]
    assert lumi.get("/v1/sites/lumi/tickets?state=lost").json["code"] == "query-invalid"
