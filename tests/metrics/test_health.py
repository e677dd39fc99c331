"""/health tells the truth under each fault, soon, and without waiting for what is broken."""
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from harness import Client, Second
from story import scrape, until, value
from story import world as any_world
from world import Agent

PG = pathlib.Path(os.environ["KONTOR_TEST_PG_DIR"])


def world():
    return any_world(more=["--queue=20"])


def ask(server, which):
    """Each time on a new connection: (status, body, seconds)."""
    begun = time.monotonic()
    reply = Client(server).get(f"/health/{which}")
    return reply.status, reply.json, time.monotonic() - begun


def says(server, ready, leader, words=""):
    """All three, at this moment; live is always well, and nobody waits for an answer."""
    live, well, lead = ask(server, "live"), ask(server, "ready"), ask(server, "leader")
    assert live[0] == 200 and live[1]["ok"], live
    assert max(live[2], well[2], lead[2]) < 5, (live, well, lead)  # what is broken here is so for longer
    for one in (well, lead):
        assert one[1]["ok"] == (one[0] == 200), one
        for inner in ("sqlstate", "FATAL", "SELECT", "57P", "kontor_writer"):
            assert inner not in json.dumps(one[1]), one
    return well[0] == ready and lead[0] == leader and words in well[1].get("reason", "")


def all_well(world):
    until(lambda: says(world.server, 200, 200), 30)
    assert world.accept()["state"] == "issued"


def test_database_away(world):
    subprocess.run([PG / "stop"], check=True)
    try:
        until(lambda: says(world.server, 503, 503, "does not answer"))
        assert value(scrape(world.server), "kontor_leading") == 0
    finally:
        subprocess.run([PG / "start"], check=True)
    all_well(world)


def test_database_frozen(world):
    """It takes connections, or keeps them, and answers nothing."""
    postmaster = int((PG / "data" / "postmaster.pid").read_text().split()[0])
    children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    pids = [postmaster, *map(int, children)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: says(world.server, 503, 503))
        until(lambda: value(scrape(world.server), "kontor_database_silence_seconds") > 6)
        assert value(scrape(world.server), "kontor_leading") == 0, "another may lead by now"
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
    all_well(world)


def test_commit_that_hangs(world):
    """Another transaction holds the head: nothing is wrong with the connection."""
    lock = subprocess.Popen(["psql", "-qXAt", world.server.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lock.stdin.write("BEGIN; SELECT 'held' FROM head FOR UPDATE;\n")
    lock.stdin.flush()
    assert lock.stdout.readline() == "held\n"
    try:
        waiting = threading.Thread(target=lambda: world.order("/v1/policies", {"code": "later", "name": "Later", "cap_credits": "1", "longest_days": 1, "decide_days": 1}))
        waiting.start()
        until(lambda: says(world.server, 503, 503, "A commit has been under way"))
    finally:
        lock.communicate("ROLLBACK;\n")
    waiting.join(30)
    all_well(world)


def test_queue_overflows(world):
    lock = subprocess.Popen(["psql", "-qXAt", world.server.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lock.stdin.write("BEGIN; SELECT 'held' FROM head FOR UPDATE;\n")
    lock.stdin.flush()
    assert lock.stdout.readline() == "held\n"
    statuses = []

    def call():
        statuses.append(Client(world.server, local=True).post("/v1/sites/lumi/pause", {"paused": False, "reason": "x"}, key=True).status)

    threads = [threading.Thread(target=call) for _ in range(40)]
    try:
        for t in threads:
            t.start()
        until(lambda: says(world.server, 503, 200, "queue of commands is full") and value(scrape(world.server), "kontor_queue_commands") == 20)
        until(lambda: 503 in statuses)
        assert value(scrape(world.server), "kontor_decisions_total", outcome="turned_away") >= statuses.count(503)
    finally:
        lock.communicate("ROLLBACK;\n")
    for t in threads:
        t.join(30)
    assert statuses.count(200) >= 20 and set(statuses) == {200, 503}, statuses
    all_well(world)


def test_lease_elsewhere_and_rebuilding(world):
    second = Second(world.server)
    slow = False
    try:
        second.start(ready=False)
        until(lambda: says(second, 503, 503, "holds the lease"))
        until(lambda: says(world.server, 200, 200))
        assert value(scrape(second), "kontor_phase", phase="waiting") == 1
        # reading the used keys, the last step of a rebuild, takes its time
        world.server.sql("CREATE POLICY slow ON answer AS RESTRICTIVE FOR SELECT TO kontor_writer USING (pg_sleep(0.1) IS NOT NULL)")
        slow = True
        world.server.process.kill()
        world.server.process.wait()
        until(lambda: says(second, 503, 503, "being built"))
        until(lambda: says(second, 200, 200))
        text = scrape(second)
        assert value(text, "kontor_leading") == 1 and value(text, "kontor_rebuilds_total", outcome="done") == 1
        second.stop()
        world.server.start()
    finally:
        if slow:
            world.server.sql("DROP POLICY slow ON answer")
        second.remove()
    for client in [*world.people.values(), world.local]:
        client.connection = None
    all_well(world)


def test_disk_full(world):
    """What the database says when it has no room, from the statement that needs it."""
    world.server.sql("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                     "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;"
                     "GRANT EXECUTE ON FUNCTION no_room() TO PUBLIC;"
                     "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON head FOR EACH ROW EXECUTE FUNCTION no_room()")
    try:
        reply = world.local.post("/v1/sites/lumi/pause", {"paused": False, "reason": "x"}, key=True)
        assert reply.status == 507 and reply.json["code"] == "disk-full", reply
        until(lambda: says(world.server, 503, 200, "no room on its disk"))
    finally:
        world.server.sql("DROP TRIGGER no_room ON head")
    all_well(world)


def test_no_room_for_a_plain_write(world):
    """Nobody sends a command: only what a worker writes finds the disk full."""
    world.server.sql("CREATE TRIGGER no_room BEFORE INSERT ON request FOR EACH ROW EXECUTE FUNCTION no_room()")
    key = "a-plain-write"
    try:
        reply = world.people["brisa"].post("/v1/requests", world.wants(), key=key)
        assert reply.status == 507 and reply.headers["retry-after"], reply
        assert says(world.server, 503, 200, "no room on its disk")
    finally:
        world.server.sql("DROP TRIGGER no_room ON request")
    assert world.people["brisa"].post("/v1/requests", world.wants(), key=key).status == 201
    all_well(world)


def test_clock_wrong(world):
    place = {"system": "X", "city": "Y", "country": "DE", "lat_milli": 48700, "lon_milli": 9100}
    world.order("/v1/sites", {"code": "hlrs", "name": "hlrs", **place})
    agents = [Agent(world, code) for code in ("lumi", "bsc", "hlrs")]
    for agent in agents:
        agent.open()
        agent.ahead_ms = 60000
        for _ in range(2):
            agent.call("GET", "/v1/agent/tickets?after=0&wait=0")
    until(lambda: says(world.server, 503, 200, "agents' clocks"))
    assert value(scrape(world.server), "kontor_clock_trusted") == 0
    for agent in agents:
        agent.ahead_ms = 0
        for _ in range(2):
            agent.call("GET", "/v1/agent/tickets?after=0&wait=0")
    world.people["administrator"].must("POST", "/v1/clock/confirm", {"reason": "NTP says ours is right"}, key=True)
    all_well(world)


def test_key_missing(world):
    for name in ("log.key", "seal.key"):
        os.rename(world.server.data / name, world.server.data / "elsewhere")
        assert "key file of the server is gone" in ask(world.server, "ready")[1]["warning"], name
        os.rename(world.server.data / "elsewhere", world.server.data / name)
    path = world.server.data / "server.key"
    kept = path.read_bytes()
    os.rename(path, world.server.data / "elsewhere")
    try:
        status, body, _ = ask(world.server, "ready")
        assert status == 200 and "key file of the server is gone" in body["warning"], body
        assert value(scrape(world.server), "kontor_key_files_present") == 0
        world.server.stop()
        refused = subprocess.run([world.server.process.args[0], "serve", *world.server.options], capture_output=True, text=True, timeout=20)
        assert refused.returncode == 1 and "server.key is missing" in refused.stderr, refused
        other = subprocess.run([world.server.process.args[0], "keygen", *world.server.options], capture_output=True, text=True, timeout=20)
        assert other.returncode == 0
        world.server.start(ready=False)
        until(lambda: says(world.server, 503, 503, "cannot be used"))
        assert "not one that the journal holds" in Client(world.server, local=True).get("/health/ready").json["reason"]
        world.server.process.terminate()
        assert world.server.process.wait(20) == 0
    finally:
        path.unlink(missing_ok=True)
        os.rename(world.server.data / "elsewhere", path)
    assert path.read_bytes() == kept
    world.server.start()
    for client in [*world.people.values(), world.local]:
        client.connection = None
    all_well(world)
    assert "warning" not in ask(world.server, "ready")[1]
