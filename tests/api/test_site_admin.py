"""A site's administrator at work with the real agent against the real server: check, drain, rotate, revoke, go on."""
import json
import os
import subprocess
import time

from rig import Rig


def wait_for(what, rig=None, seconds=40):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come\n" + (rig.log()[-3000:] if rig else "")
        time.sleep(0.02)


def site(world):
    """An agent of bsc, and how to ask it."""
    if not hasattr(world, "bsc_rig"):
        rig = world.bsc_rig = Rig(f"http://127.0.0.1:{world.server.agent_port}")
        before = world.remove
        world.remove = lambda: (rig.close(), before())
        assert rig.enrol(token(world), "bsc").returncode == 0
    return world.bsc_rig


def token(world):
    return world.people["bsc"].must("POST", "/v1/sites/bsc/agent-tokens", {}, status=201)["token"]


def ask(rig, verb, *words, **more):
    return subprocess.run([*rig.command(verb, **more), *words], capture_output=True, text=True, check=False, timeout=60)


def check(rig):
    done = ask(rig, "check", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (told["verdict"] == "fault"), done
    worst = {}
    for c in told["checks"]:
        if ["ok", "warning", "fault"].index(c["verdict"]) >= ["ok", "warning", "fault"].index(worst.get(c["check"], c)["verdict"]):
            worst[c["check"]] = c
    return worst


def status(rig):
    return json.loads(ask(rig, "status", "--json").stdout)


def state(world, reservation):
    return world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}")["state"]


def a_job(world, script="true\n"):
    return world.accept(countries=["ES"], script="#!/bin/sh\n" + script)


def test_a_day_with_check_and_drain(world):
    rig = site(world)
    rig.start()
    wait_for(lambda: status(rig)["instance"] == 1)
    found = check(rig)
    assert {found[what]["verdict"] for what in ("spool", "keys", "server", "site", "clock", "exec")} == {"ok"}, found
    done = a_job(world)
    wait_for(lambda: state(world, done) == "settled", rig)
    assert ask(rig, "drain", "the hall is too warm").returncode == 0
    wait_for(lambda: (world.local.must("GET", "/v1/sites/bsc/agent")["inventory"] or {}).get("draining") is True)
    refused = a_job(world)
    wait_for(lambda: state(world, refused) == "voided")
    assert ask(rig, "undrain").returncode == 0
    wait_for(lambda: world.local.must("GET", "/v1/sites/bsc/agent")["inventory"]["draining"] is False)
    told = ask(rig, "journal").stdout
    assert "the hall is too warm" in told and "rejected" in told and "draining" in told, told
    world.people["bsc"].must("POST", "/v1/sites/bsc/pause", {"paused": True, "reason": "tests"}, key=True)
    assert "paused" in check(rig)["site"]["finding"]
    world.people["bsc"].must("POST", "/v1/sites/bsc/pause", {"paused": False, "reason": ""}, key=True)


def test_rotation_while_a_job_runs(world):
    rig = site(world)
    go = os.path.join(rig.share, "go")
    job = a_job(world, f"while [ ! -e {go} ]; do sleep 0.05; done\n")
    wait_for(lambda: state(world, job) == "running", rig)
    old = status(rig)["key"]
    rig.stop()
    done = ask(rig, "rotate-key")
    assert done.returncode == 0 and status(rig)["key"] != old, done
    told = world.local.must("GET", "/v1/sites/bsc/agent")
    assert str(told["key"]["index"]) == status(rig)["key"] and [k["state"] for k in told["keys"]][-2:] == ["ending", "in-force"], told
    rig.start()
    with open(go, "w", encoding="ascii"):
        pass
    wait_for(lambda: state(world, job) == "settled", rig)
    assert check(rig)["site"]["verdict"] == "ok"


def test_a_stolen_key(world):
    """Ended at once, the agent is told so by each means; with a token it goes on in its spool, and so does its job."""
    rig = site(world)
    go = os.path.join(rig.share, "go-on")
    job = a_job(world, f"while [ ! -e {go} ]; do sleep 0.05; done\n")
    wait_for(lambda: state(world, job) == "running", rig)
    key = status(rig)["key"]
    told = world.people["bsc"].must("POST", f"/v1/keys/{key}/revoke", {"compromised": True, "reason": "the disk was stolen"}, key=True)
    assert job["id"] in {r["reservation"] for r in told["reports"]}, told
    with open(go, "w", encoding="ascii"):
        pass
    wait_for(lambda: "token-key" in rig.log())
    assert check(rig)["site"]["verdict"] == "fault"
    assert state(world, job) == "running", "what it signs does not count any more"
    rig.stop()
    assert ask(rig, "rotate-key").returncode == 1, "it cannot vouch for another"
    path = os.path.join(rig.root, "token")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
        f.write(token(world) + "\n")
    done = ask(rig, "rotate-key", token_file=path)
    assert done.returncode == 0, done
    rig.start()
    wait_for(lambda: state(world, job) == "settled", rig)
    assert check(rig)["site"]["verdict"] == "ok"
    assert [k["state"] for k in world.local.must("GET", "/v1/sites/bsc/agent")["keys"]] == ["ending", "revoked", "in-force"]


def test_a_stolen_key_of_the_server(world):
    """Rotated, then ended: the agent goes on under the new one."""
    rig = site(world)
    old = world.local.must("GET", "/.well-known/jwks.json")["keys"][0]["kid"]
    world.local.must("POST", "/v1/keys/rotate", {"reason": "a backup was stolen"}, key=True)
    world.server.stop()
    world.server.start()
    rig.stop()
    rig.url = f"http://127.0.0.1:{world.server.agent_port}"  # another port
    rig.start()
    world.local.must("POST", f"/v1/keys/{old}/revoke", {"compromised": True, "reason": "a backup was stolen"}, key=True)
    job = a_job(world)
    wait_for(lambda: state(world, job) == "settled", rig, 80)
    began = time.monotonic()
    assert rig.stop() == 0 and time.monotonic() - began < 10
