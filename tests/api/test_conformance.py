"""The conformance kit (tests/agent/kit) against this server: every rule that docs/site-protocol.md has for one, and what a
hostile site may try. And the minimal agent, written from that document alone, does a real job at it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import kit_server
from harness import BUILD, TOP
from world import Agent


class Here:
    """This server's people, as the kit asks for them."""

    def __init__(self, world):
        self.world, self.site = world, "lumi"
        self.url = f"http://127.0.0.1:{world.server.agent_port}"
        self.token = world.local.must("POST", "/v1/sites/lumi/agent-tokens", {}, status=201)["token"]

    def order(self):
        return self.world.accept(countries=["FI"], gpus=1, walltime_s=600)

    def cancel(self, reservation):
        self.world.people["brisa"].must("POST", f"/v1/reservations/{reservation}/cancel", {}, key=True)

    def state(self, reservation):
        return self.world.people["brisa"].must("GET", f"/v1/reservations/{reservation}")["state"]

    def fault(self, number):
        newest = self.world.people["lumi"].must("GET", "/v1/sites/lumi/reports?limit=1")["items"][0]
        assert newest["number"] == number, newest
        return newest["fault"] or "none"


def test_the_kit(world):
    results = kit_server.run(Here(world))
    wrong = [r for r in results if r[1] != "ok"]
    assert not wrong, "\n".join(map(str, wrong))
    assert len(results) == len(kit_server.CASES)


def minimal(world, folder, verb, **more):
    env = {**os.environ, "KONTOR_SERVER": f"http://127.0.0.1:{world.server.agent_port}", "KONTOR_SPOOL": f"{folder}/spool", "KONTOR_SHARE": str(folder),
           "KONTOR_SITE": "bsc", "KONTOR_TOKEN_FILE": f"{folder}/token"}
    command = [sys.executable, "-S", "-E", str(TOP / "tests/agent/minimal_agent.py"), verb]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
    return found


def test_the_minimal_agent_does_a_job(world):
    """Quote, accept, ticket, permit, run, settle; then the auditor's look."""
    brisa = world.people["brisa"]
    with tempfile.TemporaryDirectory(prefix="kontor-minimal-") as name:
        folder = pathlib.Path(name)
        (folder / "token").write_text(world.local.must("POST", "/v1/sites/bsc/agent-tokens", {}, status=201)["token"] + "\n")
        enrol = minimal(world, folder, "enrol")
        assert enrol.wait(30) == 0, enrol.stdout.read()
        agent = minimal(world, folder, "run")
        try:
            paths = [f"/v1/reservations/{world.accept(countries=['ES'], script=script)['id']}" for script in (
                '#!/bin/sh\necho run >>"$KONTOR_SHARE/ran"\necho hello from $KONTOR_GPUS GPUs\n', "#!/bin/sh\nexit 3\n")]
            done, failed = (until(lambda p=p: (r := brisa.must("GET", p))["state"] == "settled" and r) for p in paths)
            assert (done["outcome"], failed["exit_code"]) == ("finished", 3), (done, failed)
            assert int(done["settled_gpums"]) > 0 and done["held_gpums"] == "0", done
            assert (folder / "ran").read_text() == "run\n"
            assert brisa.must("GET", paths[0] + "/output")["output"] == "hello from 8 GPUs\n"
            inventory = world.people["bsc"].must("GET", "/v1/sites/bsc/agent")["inventory"]
            assert inventory["agent"] == "minimal_agent.py", inventory
        finally:
            agent.terminate()
            status, said = agent.wait(20), agent.stdout.read()
        assert status == 0, said
        export = folder / "export"
        subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(export)], check=True, capture_output=True)
        audit = subprocess.run([str(BUILD / "kontor-audit"), "verify", "--json", str(export)], capture_output=True, text=True)
        assert audit.returncode == 0, audit.stdout + audit.stderr
    assert world.people["auditor"].must("GET", "/v1/programme")["conserved"] is True


def test_a_hostile_sites_reports_do_not_reach_its_neighbours(world):
    """Another site's agent, well enrolled, tries the first one's tickets."""
    agent = Agent(world, "bsc")
    state = world.local.must("GET", "/v1/sites/bsc/agent")
    agent.number = state["last_report"]
    assert agent.open(state["confirmed_seq"]).status == 201
    reservation = world.accept(countries=["FI"], gpus=1, walltime_s=600)
    ticket = json.loads(world.server.sql(f"SELECT convert_from(t.claims, 'UTF8') FROM ticket t JOIN reservation r ON r.jti = t.jti WHERE r.id = '{reservation['id']}'"))
    receipt = agent.report("accepted", ticket)
    assert (receipt.claims["permit"], receipt.claims["reason"]) == ("refused", "not-found"), receipt.claims
    blob = agent.call("GET", "/v1/agent/blobs/" + ticket["workload"]["sha256"], check=False)
    assert blob.status == 404, blob
    now = int(time.time() * 1000)
    assert agent.report("finished", ticket, started=now, ended=now, gpu_seconds=1).status == 200
    assert world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}")["state"] == "issued"
    world.people["brisa"].must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
