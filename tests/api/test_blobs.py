"""Bytes that nothing names any more go after a day; what is named, and what is brought again, stays."""
import hashlib
import time

from world import Agent, millis


def digests(world):
    return set(world.server.sql("SELECT encode(sha256, 'hex') FROM blob").split())


def test_replaced_outputs_go_and_nothing_else(world):
    brisa, agent = world.people["brisa"], Agent(world, "lumi")
    assert agent.open().status == 201
    reservation = world.accept(countries=["FI"], script="#!/bin/sh\necho kept\n")
    ticket = agent.claims(agent.tickets().json["tickets"][0]["jws"])
    start = millis(world.local.must("GET", "/v1/me")["now"])
    assert agent.report("accepted", ticket).status == 200 and agent.report("started", ticket, started=start).status == 200
    outputs = [b"first\n", b"second\n", b"last\n"]
    for output in outputs:
        assert agent.report("usage", ticket, started=start, output=output).status == 200
    hashes = [hashlib.sha256(o).hexdigest() for o in outputs]
    script = hashlib.sha256(b"#!/bin/sh\necho kept\n").hexdigest()
    world.server.sql("UPDATE blob SET created_ms = 1")
    # brought again: young again, though the report that names it is not in yet
    assert agent.report("usage", ticket, started=start, output=outputs[1]).status == 200
    assert agent.report("usage", ticket, started=start, output=outputs[2]).status == 200
    assert set(hashes) | {script} <= digests(world)
    world.server.stop()
    world.server.start()
    end = time.monotonic() + 20
    while hashes[0] in digests(world):
        assert time.monotonic() < end, "what nothing names stays: " + world.server.tail()
        world.anybody.get("/health/ready")
        time.sleep(0.05)
    assert {hashes[1], hashes[2], script} <= digests(world)
    assert brisa.must("GET", f"/v1/reservations/{reservation['id']}/output")["output"] == "last\n"
    blob = agent.call("GET", f"/v1/agent/blobs/{ticket['workload']['sha256']}")
    assert blob.status == 200 and b"kept" in blob.body


def test_the_worker_may_throw_away_nothing_else(world):
    worker = world.server.conninfo("kontor_worker")
    import subprocess
    world.accept(script="#!/bin/sh\necho mine\n")
    world.server.sql("UPDATE blob SET created_ms = 1")
    before = digests(world)
    for actor in ("", "nobody", "server", world.ids["brisa"], world.ids["administrator"]):
        subprocess.run(["psql", "-qX", worker, "-c", f"SET app.actor = '{actor}'", "-c", "DELETE FROM blob WHERE created_ms < 9000000000000"],
                       capture_output=True, check=False)
        named = set(world.server.sql("SELECT encode(workload, 'hex') FROM request UNION SELECT encode(output, 'hex') FROM reservation WHERE output IS NOT NULL").split())
        assert named & before <= digests(world), actor
    assert digests(world) == before & named
