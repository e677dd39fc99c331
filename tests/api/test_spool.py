"""A site's agent loses its spool, the real one: its operator retires it, it is enrolled anew and goes on; what was permitted
is for people to decide, what was not is delivered again. Nothing is started twice."""
import os
import shutil
import signal
import time

from rig import Rig
from world import stamp, millis


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)
    return found


def token(world, rig, site="lumi"):
    made = world.people[site].must("POST", f"/v1/sites/{site}/agent-tokens", {}, status=201)["token"]
    return rig.enrol(made, site)


def accept(world, **more):
    return world.accept(countries=["FI"], **more)["id"]


def test_a_lost_spool(world):
    brisa, operator = world.people["brisa"], world.people["lumi"]
    now = millis(world.local.must("GET", "/v1/me")["now"])
    rig = Rig(f"http://127.0.0.1:{world.server.agent_port}")
    try:
        retire = {"reason": "the disk is gone"}
        early = operator.post("/v1/sites/lumi/spool-retire", retire, key=True)
        assert early.status == 409 and "no spool" in early.json["detail"], early
        assert token(world, rig).returncode == 0
        rig.start()
        until(lambda: operator.must("GET", "/v1/sites/lumi/agent")["last_report"] >= 1)

        ran = accept(world, script="#!/bin/sh\nsleep 600\n")
        waits = accept(world, earliest_start=stamp(now + 6 * 3600000))
        until(lambda: brisa.must("GET", f"/v1/reservations/{ran}")["state"] == "running")
        until(lambda: (lambda a: a["confirmed_seq"] == a["last_seq"])(operator.must("GET", "/v1/sites/lumi/agent")))
        here = operator.post("/v1/sites/lumi/spool-retire", retire, key=True)
        assert here.status == 409 and "connected" in here.json["detail"], "an agent that polls has its spool"

        rig.process.send_signal(signal.SIGSTOP)
        fresh = accept(world, earliest_start=stamp(now + 6 * 3600000))  # answers the poll of an agent that will not see it
        rig.kill()
        shutil.rmtree(rig.spool)
        before = operator.must("GET", "/v1/sites/lumi/agent")
        assert before["last_seq"] == before["confirmed_seq"] + 1

        # a new spool alone is not taken: nobody has said that the old one is lost
        assert token(world, rig).returncode == 0
        rig.start()
        assert rig.wait() == 5, rig.log()[-800:]
        for caller in ("brisa", "bsc", "officer"):
            assert world.people[caller].post("/v1/sites/lumi/spool-retire", retire, key=True).status == (404 if caller == "bsc" else 403), caller
        for bad in ({}, {"reason": ""}, {"reason": "a\nb"}, {"reason": "x" * 200}, {"reason": 1}, {"reason": "a", "x": 1}):
            reply = operator.post("/v1/sites/lumi/spool-retire", bad, key=True)
            assert reply.status == 422 and reply.json["pointer"], (bad, reply)
        # an agent that has just polled counts as connected for a moment
        done = until(lambda: (lambda r: r.json if r.status == 200 else None)(operator.post("/v1/sites/lumi/spool-retire", retire, key=True)))
        assert done["spool"]["awaited"] and done["spool"]["reason"] == retire["reason"], done
        twice = operator.post("/v1/sites/lumi/spool-retire", retire, key=True)
        assert twice.status == 409 and "already" in twice.json["detail"]

        rig.start()
        until(lambda: not operator.must("GET", "/v1/sites/lumi/agent")["spool"]["recovering"])
        state = until(lambda: (lambda a: a if a["confirmed_seq"] == a["last_seq"] else None)(operator.must("GET", "/v1/sites/lumi/agent")))
        assert not state["spool"]["awaited"] and state["last_seq"] == before["last_seq"] + 1, "one is delivered again"
        assert state["last_report"] > before["last_report"], "its reports go on after the lost one's"
        lost = brisa.must("GET", f"/v1/reservations/{ran}")
        assert lost["state"] == "disputed" and lost["timeline"][-1]["what"] == "disputed", lost
        assert [d["reservation"] for d in world.people["officer"].must("GET", "/v1/programme")["disputed"]] == [ran]
        for one in (waits, fresh):
            shown = brisa.must("GET", f"/v1/reservations/{one}")
            assert shown["state"] == "issued" and "delivered" in [h["what"] for h in shown["timeline"]], shown
        assert brisa.must("GET", f"/v1/reservations/{waits}")["ticket"]["seq"] == before["last_seq"] + 1
        assert brisa.post(f"/v1/reservations/{ran}/cancel", {}, key=True).status == 409, "nobody knows whether it runs"

        again = accept(world, script="#!/bin/sh\necho after\n")
        end = until(lambda: (lambda r: r if r["state"] == "settled" else None)(brisa.must("GET", f"/v1/reservations/{again}")))
        assert end["outcome"] == "finished"
        assert brisa.must("GET", f"/v1/reservations/{again}/output")["output"] == "after\n"
        for one in (waits, fresh):
            brisa.must("POST", f"/v1/reservations/{one}/cancel", {}, key=True)
        until(lambda: "cancel-ticket" in rig.log())
        assert rig.stop() == 0
        rig.start()  # its numbers are in the spool: it opens the next instance as any other
        until(lambda: operator.must("GET", "/v1/sites/lumi/agent")["instance"] > state["instance"])
    finally:
        rig.close()
    assert not os.path.exists(rig.root)
