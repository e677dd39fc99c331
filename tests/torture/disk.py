"""tests/torture/disk.py database|spool: see test_disk.py, which runs it where the disk is small."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api"), str(HERE.parent / "agent")]

import world as worlds  # noqa: E402
from harness import Client  # noqa: E402
from rig import Rig  # noqa: E402
from shim import Shim, ShimServer  # noqa: E402
from test_statements import audit  # noqa: E402

SMALL = os.environ["KONTOR_SMALL"]


class Ballast:
    """What fills the disk."""
    path = pathlib.Path(SMALL or "/nowhere") / "ballast"

    def fill(self):
        with open(self.path, "ab", buffering=0) as f:
            for size in (1 << 20, 1 << 16, 1 << 12, 1):
                try:
                    while f.write(b"\1" * size) == size:
                        pass
                except OSError:
                    pass

    def empty(self):
        self.path.unlink()


def ready(world, seconds=40):
    end = time.monotonic() + seconds
    while True:
        reply = world.anybody.get("/health/ready")
        if reply.status == 200:
            return
        assert time.monotonic() < end, (reply, world.server.tail())
        time.sleep(0.05)


def postgres_up():
    """PostgreSQL gives up where it cannot write its log; what runs it starts it again."""
    folder = os.environ["KONTOR_TEST_PG_DIR"]
    if subprocess.run(["psql", "-qXtA", "-c", "SELECT 1"], capture_output=True, check=False).returncode != 0:
        subprocess.run([f"{folder}/stop"], capture_output=True, check=False)
        subprocess.run([f"{folder}/start"], capture_output=True, check=False)


def database():
    if not SMALL:
        worlds.Server = ShimServer
    world = worlds.World()
    ballast = Ballast()
    told = {}
    health = set()
    try:
        brisa = world.people["brisa"]
        script = "#!/bin/sh\n# " + "x" * 60000 + "\n"
        done, open_ = {}, {}

        def ask(key, number):
            reply = brisa.post("/v1/requests", world.wants(script=script + str(number)), key=key)
            told[reply.status] = told.get(reply.status, 0) + 1
            assert reply.status == 201 or (reply.status in (503, 507) and int(reply.headers["retry-after"]) > 0), reply
            (done if reply.status == 201 else open_)[key] = (number, reply.json.get("id"))

        def accept(request, key):
            """A reservation, as far as it goes: a command of the market."""
            quote = brisa.post(f"/v1/requests/{request}/quotes", {"hold": True}, key=key)
            told[quote.status] = told.get(quote.status, 0) + 1
            assert quote.status == 201 or (quote.status in (503, 507) and int(quote.headers["retry-after"]) > 0), quote
            if quote.status == 201:
                brisa.post(f"/v1/quotes/{quote.json['id']}/release", {}, key=True)

        for i in range(5):
            ask(str(uuid.uuid4()), i)
        first = next(iter(done.values()))[1]
        if SMALL:
            ballast.fill()
        else:
            world.server.shim.arm(1, "error", "53100", times=1 << 30, who="kontord")
        number, end = 5, time.monotonic() + 60
        while (len(open_) < 8 or not health) and time.monotonic() < end:
            number += 1
            ask(str(uuid.uuid4()), number)
            accept(first, str(uuid.uuid4()))
            if SMALL and number % 5 == 0:
                ballast.fill() if ballast.path.exists() else None
            reply = world.anybody.get("/health/ready")
            if reply.status != 200:
                health.add(reply.status)
                assert reply.status == 503, reply
        assert open_, "the disk was never full"
        assert health == {503}, f"nobody was told: {health}"
        assert world.anybody.get("/health/live").status == 200
        if SMALL:
            ballast.empty()
            postgres_up()
        else:
            world.server.shim.watch()
        began = time.monotonic()
        ready(world)
        again = time.monotonic() - began
        for key, (n, _) in list(open_.items()):
            reply = brisa.post("/v1/requests", world.wants(script=script + str(n)), key=key)
            assert reply.status == 201, reply
            done[key] = (n, reply.json["id"])
        for n, request in done.values():
            assert brisa.must("GET", f"/v1/requests/{request}")["script"].endswith("x\n" + str(n)), "lost"
        listed = int(world.server.sql("SELECT count(*) FROM request"))
        assert listed == len(done), (listed, len(done), "done twice")
        world.accept()
        audit(world.server)
        assert world.server.process.poll() is None, "it has ended"
        print(f"# database full: callers were told {told}, health {sorted(health)}; ready {again:.1f} s after there was room")
    finally:
        if ballast.path.exists():
            ballast.empty()
            postgres_up()
        world.remove()


def settled(world, reservation, seconds=90):
    end = time.monotonic() + seconds
    while True:
        r = world.people["brisa"].must("GET", f"/v1/reservations/{reservation}")
        if r["state"] == "settled":
            return r
        if time.monotonic() > end:
            return None
        time.sleep(0.05)


def spool():
    world = worlds.World()
    ballast = Ballast()
    if SMALL:
        tempfile.tempdir = SMALL
    rig = Rig(f"http://127.0.0.1:{world.server.agent_port}")
    tempfile.tempdir = None
    try:
        token = world.people["lumi"].must("POST", "/v1/sites/lumi/agent-tokens", {}, status=201)["token"]
        assert rig.enrol(token, "lumi").returncode == 0
        rig.log_path = tempfile.mktemp()  # its log is elsewhere
        shim = Shim(calls=True)
        environment = dict(os.environ)
        os.environ.update(shim.environment() if not SMALL else {})
        rig.start()
        os.environ.clear()
        os.environ.update(environment)
        assert settled(world, world.accept(countries=["FI"])["id"]), rig.log()[-2000:]
        if SMALL:
            ballast.fill()
        else:
            shim.arm(1, times=1 << 30, only="pwrite64")
        waits = [world.accept(countries=["FI"])["id"] for _ in range(3)]
        end = time.monotonic() + 60
        while not ("full" in rig.log() or "disk" in rig.log().lower() or "space" in rig.log()) and time.monotonic() < end:
            time.sleep(0.05)
        words = rig.log().lower()
        assert "full" in words or "space" in words, "it does not say that the disk is full: " + rig.log()[-1500:]
        states = {world.people["brisa"].must("GET", f"/v1/reservations/{r}")["state"] for r in waits}
        assert not states & {"settled", "voided", "disputed"}, states
        if SMALL:
            ballast.empty()
        else:
            shim.watch()
        if rig.process.poll() is not None:
            assert rig.process.returncode > 0, rig.process.returncode
            print(f"# the agent ended with {rig.process.returncode}: what runs it starts it again")
            rig.start()
        for r in waits:
            assert settled(world, r), (world.people["brisa"].must("GET", f"/v1/reservations/{r}"), rig.log()[-2500:])
        audit(world.server)
        print(f"# spool full: {len(waits)} jobs waited, and ran when there was room")
    finally:
        if ballast.path.exists():
            ballast.empty()
        rig.close()
        world.remove()


if __name__ == "__main__":
    database() if sys.argv[1] == "database" else spool()
