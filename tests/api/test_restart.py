"""The server stops, or is killed, while start-ups accept; it comes back; each repeats its call with its key: every one has
been carried out exactly once."""
import os
import pathlib
import signal
import threading
import time
import uuid

from harness import Client
from world import PASSWORD

ACCEPTS = 8 # more open quotes of one grant would book over a tenth of a site


def prepare(world):
    brisa = world.people["brisa"]
    wanted = []
    for i in range(ACCEPTS):
        request = brisa.must("POST", "/v1/requests", world.wants(name=f"job {i}", gpus=1, walltime_s=60), status=201, key=True)
        quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
        wanted.append((f"/v1/quotes/{quote['id']}/accept", str(uuid.uuid4())))
    return wanted


def accept_all(world, wanted, interrupt):
    """Each in a thread of its own; what came back, None if the line was cut."""
    replies, begun = [None] * len(wanted), threading.Barrier(len(wanted) + 1)

    def work(i):
        client = Client(world.server)
        client.cookie, client.csrf = world.people["brisa"].cookie, world.people["brisa"].csrf
        client.connection = client.connect()
        begun.wait()
        try:
            replies[i] = client.post(wanted[i][0], {"option": 0}, key=wanted[i][1])
        except OSError:
            pass
        except Exception as error:
            if "Remote" not in type(error).__name__ and "BadStatus" not in type(error).__name__:
                raise

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(wanted))]
    for t in threads:
        t.start()
    begun.wait()
    interrupt()
    for t in threads:
        t.join()
    return replies


def once_each(world, interrupt):
    before = int(world.server.sql("SELECT count(*) FROM reservation"))
    wanted = prepare(world)
    first = accept_all(world, wanted, interrupt)
    assert all(r is None or r.status in (201, 503) for r in first), first
    world.server.start()
    for client in [*world.people.values(), world.local]:
        client.connection = None
    brisa, made = world.people["brisa"], set()
    for (path, key), early in zip(wanted, first):
        reservation = brisa.must("POST", path, {"option": 0}, status=201, key=key)
        assert early is None or early.status == 503 or early.json["id"] == reservation["id"]
        made.add(reservation["id"])
    assert len(made) == ACCEPTS
    assert int(world.server.sql("SELECT count(*) FROM reservation")) == before + ACCEPTS
    assert world.people["auditor"].must("GET", "/v1/programme")["conserved"] is True


def test_stopped_in_the_middle(world):
    once_each(world, world.server.stop)


def test_killed_in_the_middle(world):
    def kill():
        world.server.process.send_signal(signal.SIGKILL)
        world.server.process.wait()
    once_each(world, kill)


def test_the_database_goes_and_comes_back(world):
    """Every connection is cut: calls are answered 503 or well, never wrongly, and soon all is well again."""
    world.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    brisa = world.people["brisa"]
    end = time.monotonic() + 60
    while time.monotonic() < end:
        reply = brisa.get(f"/v1/grants/{world.grants['brisa']}")
        assert reply.status in (200, 503), reply
        if reply.status == 200 and world.anybody.get("/health/ready").status == 200:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it does not come back")
    while True:  # the sequencer's own connection may not have noticed yet
        try:
            assert world.accept()["state"] == "issued"
            return
        except AssertionError as refused:
            assert "got 503" in str(refused) and time.monotonic() < end, refused
            time.sleep(0.05)


def password_processes(world):
    """The pids of what hashes passwords for this server."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == world.server.process.pid and b"passwords" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended
    return found


def test_passwords_are_hashed_whatever_becomes_of_their_process(world):
    """It steps back behind the server; killed or frozen, nobody is kept out; it comes again; it ends with the server."""
    def sign_in(password=PASSWORD):
        return Client(world.server).sign_in("brisa@kontor.example", password).status

    def soon(what, seconds=30):
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, password_processes(world)
            time.sleep(0.05)

    assert sign_in() == 200 and sign_in("another password") == 401
    first = password_processes(world)
    assert first, "it was needed"
    assert all(os.getpriority(os.PRIO_PROCESS, pid) >= 15 for pid in first)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    assert sign_in() == 200 and sign_in("another password") == 401, "by the server itself"
    soon(lambda: sign_in() == 200 and set(password_processes(world)) - set(first))
    frozen = password_processes(world)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    assert sign_in() == 200 and sign_in("another password") == 401, "after three seconds"
    assert set(password_processes(world)) < set(frozen), "what does not answer is ended"
    world.server.stop()
    soon(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in [*first, *frozen]), 5)
    world.server.start()
