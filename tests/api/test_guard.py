"""The rollback guard, with real agents: a database restored from a backup is older than what they have cosigned."""
import base64
import json
import os
import pathlib
import sqlite3
import subprocess
import time

from fake_server import Key as Signer

from harness import BUILD, Client, Relay, Second
from seals import move_head
from test_log import audit, fresh, grow
from test_witness import cosigned_by, policy, restart, rigs, seen, soon
from tlog import Key, Note

WORLD = {"more": ["--public-entries=yes", "--checkpoint-ms=100"]}


def ready(world):
    return Client(world.server).get("/health/ready")


def size_of(world):
    return int(world.server.sql("SELECT size FROM head"))


def back_up(world):
    """A copy of the database as it is now, made while nobody writes."""
    world.server.stop()
    world.server.sql(f"DROP DATABASE IF EXISTS {world.server.name}_old")
    elsewhere(world, f"CREATE DATABASE {world.server.name}_old TEMPLATE {world.server.name}")
    world.server.start()
    fresh(world)


def restore(world):
    name = world.server.name
    elsewhere(world, f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {name}_old")


def elsewhere(world, *commands):
    conninfo = world.server.conninfo().replace(f"dbname={world.server.name}", "dbname=postgres")
    for command in commands:
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", conninfo, "-c", command], check=True, capture_output=True)


def admin(world, *words):
    done = subprocess.run([str(BUILD / "kontord"), "admit", f"--data-dir={world.server.data}", *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def restart_guarded(world):
    world.server.start(ready=False)
    fresh(world)


def figures(world, names=r"kontor_rollback_guard_\w+"):
    import re
    import urllib.request
    text = urllib.request.urlopen(f"http://127.0.0.1:{world.server.metrics_port}/metrics").read().decode()
    return {k: float(v) for k, v in re.findall(rf"^({names}) (\S+)$", text, re.M)}


def order(world, number):
    return world.local.post("/v1/policies", {"code": f"p{number}", "name": "P", "cap_credits": "1", "longest_days": 1, "decide_days": 1}, key=f"guard-{number}")


def test_without_a_policy_there_is_none(world):
    assert ready(world).json["rollback_guard"] == "off: no policy asks for witnesses"
    for rig in rigs(world).values():
        rig.start()
    size = grow(world, size_of(world) + 3)["size"]
    cosigned_by(world, ("lumi", "bsc"), size)
    restart(world)
    assert order(world, 1).status == 201, "nobody was waited for"


def test_it_opens_when_no_quorum_is_without_who_has_shown(world):
    path = policy(world, ["lumi-witness", "bsc-witness"], "any")  # of two one is enough: so both must have shown
    rigs(world)["bsc"].kill()
    world.server.stop()
    world.server.more = [*WORLD["more"], f"--listen-agents=127.0.0.1:{world.server.agent_port}", f"--policy={path}"]
    restart_guarded(world)
    said = soon(lambda: (lambda r: r.status == 503 and "1 of the policy's 2" in r.json.get("reason", "") and r.json)(ready(world)), "it is not said who is missing")
    assert said["phase"] == "guarded" and "(lumi)" in said["reason"] and said["rollback_guard"] == "closed", said
    refused = order(world, 2)
    assert refused.status == 503 and refused.json["code"] == "guarded" and refused.headers["retry-after"] == "1", refused
    assert world.anybody.must("GET", "/v1/journal")["size"] == size_of(world), "what is there can be read"
    assert figures(world) == {"kontor_rollback_guard_open": 0, "kontor_rollback_guard_witnesses": 2, "kontor_rollback_guard_shown": 1}
    rigs(world)["bsc"].start()
    soon(lambda: (lambda r: r.status == 200 and r.json.get("rollback_guard") == "open")(ready(world)), "it does not open")  # open, and leading
    assert order(world, 2).status == 201, "the same call goes through"
    assert figures(world)["kontor_rollback_guard_open"] == 1


def test_who_builds_anew_asks_those_who_wait(world):
    """A leader that loses its memory, as after a COMMIT whose outcome is not known, while its agents have nothing to do: they
    wait for tickets and checkpoints, half a minute at a time, and show what they have cosigned all the same."""
    cosigned_by(world, ("lumi", "bsc"), size_of(world))
    soon(lambda: figures(world, "kontor_agent_polls")["kontor_agent_polls"] == 2, "the agents do not wait")
    term = int(world.server.sql("SELECT term FROM head"))
    began = time.monotonic()
    move_head(world.server)
    soon(lambda: int(world.server.sql("SELECT term FROM head")) > term, "it does not notice")
    soon(lambda: order(world, 20).status == 201, "it does not open", seconds=60)
    took = time.monotonic() - began
    assert took < 20, took  # it looks each second, and waits a second before it takes the lease anew; the agents would have been waiting for thirty


def agents_anew(world):
    """Agents that have called in vain wait longer each time: begun anew, they call at once."""
    for rig in rigs(world).values():
        rig.kill()
        rig.start()


def test_a_standby_that_takes_over_an_older_database_is_guarded(world):
    """The machine of the server is gone; so is the database, of which an older copy comes up. The standby waits for witnesses
    as the first one would; on the right database, it goes on."""
    cosigned_by(world, ("lumi", "bsc"), grow(world, size_of(world) + 1)["size"])
    back_up(world)
    soon(lambda: ready(world).json.get("rollback_guard") == "open", "it does not open")
    first, old, name = world.server, size_of(world), world.server.name
    long = grow(world, old + 3)["size"]
    cosigned_by(world, ("lumi", "bsc"), long)
    second, relay = Second(first, more=[m for m in first.more if not m.startswith("--listen-agents")]), None
    try:
        second.start(ready=False)
        there = Client(second)
        soon(lambda: "holds the lease" in there.get("/health/ready").json.get("reason", ""), "it does not wait")
        first.process.kill()
        first.process.wait()
        elsewhere(world, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false",
                  f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'",
                  f"ALTER DATABASE {name} RENAME TO {name}_good", f"CREATE DATABASE {name} TEMPLATE {name}_old")
        relay = Relay(second.agent_port, first.agent_port)  # the agents' address is now the standby's
        agents_anew(world)
        why = soon(lambda: (lambda r: "has cosigned a journal of" in r.json.get("reason", "") and r.json["reason"])(there.get("/health/ready")),
                   lambda: "the standby does not say that it is older: " + second.tail())
        assert f"a journal of {long} entries; here are {old}" in why, why
        refused = Client(second, local=True).post("/v1/policies", {"code": "p9", "name": "P", "cap_credits": "1", "longest_days": 1, "decide_days": 1}, key="guard-9")
        assert refused.status == 503 and refused.json["code"] == "guarded", refused
        assert size_of(world) == old, "nothing was written"
        assert old == max(int(s) for s in world.server.sql("SELECT size FROM checkpoint").split()), "nor signed"
        elsewhere(world, f"DROP DATABASE {name} WITH (FORCE)", f"ALTER DATABASE {name}_good RENAME TO {name}",
                  f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        agents_anew(world)
        soon(lambda: there.get("/health/ready").json.get("rollback_guard") == "open" and there.get("/health/leader").status == 200,
             lambda: "it does not take over: " + second.tail())
        done = Client(second, local=True).post("/v1/policies", {"code": "p9", "name": "P", "cap_credits": "1", "longest_days": 1, "decide_days": 1}, key="guard-9")
        assert done.status == 201 and size_of(world) > long, done
        size = size_of(world)
        told = soon(lambda: (lambda t: all(w["size"] >= size for w in t["witnesses"] if w["role"] == "witness") and t)(there.get("/v1/journal/witnesses").json),
                    "they do not cosign what the standby signs")
        assert not [w for w in told["witnesses"] if w["refused"]], told
        second.stop()
    finally:
        if relay:
            relay.close()
        second.remove()
    first.start(ready=False)
    fresh(world)
    agents_anew(world)
    soon(lambda: ready(world).status == 200, "the first one does not lead again")


def secret(path):
    return Signer(base64.urlsafe_b64decode(path.read_text().split()[-1] + "="))


def cosigns(world, site, size=None):
    """A year to come: what the site's witness has cosigned last, cosigned by the same key with that time; with size, another
    journal of so many entries that the log has signed. The agent is stopped. Returns the root."""
    spool = pathlib.Path(rigs(world)[site].spool)
    log, public, at = Key(world.anybody.must("GET", "/v1/journal")["vkey"]), Key(world.keys[f"{site}-witness"]), int(time.time()) + 365 * 86400
    with sqlite3.connect(spool / "spool.db") as db:
        (note,), = db.execute("SELECT note FROM cosigned WHERE role = 0").fetchall()
        origin, was, root = note.split("\n")[:3]
        if size:
            root = base64.b64encode(os.urandom(32)).decode()
        text = f"{origin}\n{size or was}\n{root}\n"
        signed = [(log, log.id + secret(world.server.data / "log.key").sign(text.encode())),
                  (public, public.id + at.to_bytes(8, "big") + secret(spool / "witness.key").sign(f"cosignature/v1\ntime {at}\n{text}".encode()))]
        note = text + "\n" + "".join(f"— {key.name} {base64.b64encode(blob).decode()}\n" for key, blob in signed)
        assert all(Note(note.encode()).signed_by(key) for key, _ in signed)
        db.execute("UPDATE cosigned SET note = ?, time_s = ? WHERE role = 0", (note, at))
    return base64.b64decode(root).hex()


def test_a_database_that_is_older_is_not_written(world):
    cosigned_by(world, ("lumi", "bsc"), grow(world, size_of(world) + 1)["size"])  # both are back
    back_up(world)
    soon(lambda: ready(world).json.get("rollback_guard") == "open", "it does not open")
    old = size_of(world)
    long = grow(world, old + 5)["size"]
    cosigned_by(world, ("lumi", "bsc"), long)
    rigs(world)["bsc"].kill()
    root = cosigns(world, "bsc")
    world.server.stop()
    rigs(world)["bsc"].start()
    restore(world)
    restart_guarded(world)
    why = soon(lambda: (lambda r: "has cosigned a journal of" in r.json.get("reason", "") and r.json["reason"])(ready(world)), "nobody says that it is older")
    assert f"a journal of {long} entries; here are {old}" in why and ("lumi" in why or "bsc" in why), why
    assert order(world, 3).status == 503 and size_of(world) == old
    assert world.people["brisa"].post("/v1/requests", world.wants(), key=True).status in (200, 201, 503)
    assert size_of(world) == old, "nothing was written"
    soon(lambda: figures(world)["kontor_rollback_guard_shown"] == 2, "not both have shown what they have seen")
    # the operator has looked how long it is, or is told
    status, said = admin(world, "--rollback-to", str(long), "--reason=The backup of this morning was restored.")
    assert status == 1 and f"The journal has {old} entries" in said, said
    status, said = admin(world, "--rollback-to", str(old), "--reason=The backup of this morning was restored.")
    assert status == 0 and json.loads(said)["rollback_to"] == old, said
    notice = json.loads(said)["entry"]
    assert notice == old, "the first that is written"
    soon(lambda: ready(world).status == 200, "it does not open")
    assert order(world, 3).status == 201
    status, said = admin(world, "--rollback-to", str(old), "--reason=Again.")
    assert status == 1 and "no rollback to admit" in said, said
    # no server talks a witness into the shorter journal: it refuses, until its own operator says otherwise
    for site in ("lumi", "bsc"):
        soon(lambda site=site: "rolled back" in rigs(world)[site].log() or "second history" in rigs(world)[site].log(), f"{site} takes the shorter journal")
    # what was cosigned before the admission is settled by it, also at the next start; what was shown it names itself, first what
    # bears a time to come
    kept = world.local.must("GET", f"/v1/journal/entries/{notice}/evidence")["text"].splitlines()
    assert kept == ["The backup of this morning was restored.", *(f"cosigned {site} {long} {root[:32]}" for site in ("bsc", "lumi"))], kept
    restart(world, f"--policy={world.server.data / 'policy'}")
    assert ready(world).json["rollback_guard"] == "open"
    # and nothing else: another journal of that length, that the log had signed too
    for size, why in ((long, f"bsc has cosigned a journal of {long} entries"), (notice, f"bsc has cosigned {notice} entries that are not the first ones here")):
        rigs(world)["bsc"].kill()
        cosigns(world, "bsc", size)
        world.server.stop()
        rigs(world)["bsc"].start()
        restart_guarded(world)
        soon(lambda: why in ready(world).json.get("reason", ""), lambda: f"{why}: {ready(world).json}")
    status, said = admin(world, "--rollback-to", str(size_of(world)), "--reason=Its clock is a year ahead.")
    assert status == 0, said
    notices = notice, json.loads(said)["entry"]
    restart(world, f"--policy={world.server.data / 'policy'}")
    for site, rig in rigs(world).items():
        rig.stop()
        done = subprocess.run(rig.command("witness-admit"), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        rig.start()
    size = grow(world, size_of(world) + 3)["size"]
    cosigned_by(world, ("lumi", "bsc"), size)
    folder = world.server.data / "export"
    subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(folder)], check=True, capture_output=True)
    status, said = audit("verify", folder)
    assert status == 0 and "2 rollbacks were admitted" in said and f"in entry {notices[1]}, to {notices[1]} entries" in said, said


def test_what_is_cosigned_after_an_admission_is_asked_for_again(world):
    long = size_of(world)
    rigs(world)["bsc"].kill()
    cosigns(world, "bsc")
    world.server.stop()
    rigs(world)["bsc"].start()
    restore(world)
    restart_guarded(world)
    why = soon(lambda: (lambda r: "has cosigned a journal of" in r.json.get("reason", "") and r.json["reason"])(ready(world)), "nobody says that it is older")
    assert str(long) in why or "entries" in why
    for who in ("brisa", "officer", "lumi"):
        assert world.people[who].post("/v1/journal/admit", {"rollback_to": size_of(world), "reason": "x"}, key=True).status in (401, 403, 503)
    soon(lambda: figures(world)["kontor_rollback_guard_shown"] == 2, "not both have shown what they have seen")
    status, said = admin(world, "--rollback-to", str(size_of(world)), "--reason=Once more.")
    assert status == 0, said
    soon(lambda: ready(world).status == 200, "it does not open")
    # what bears a time to come is admitted by name only: not by a reason that was erased, though somebody puts it back
    world.server.sql("CREATE TABLE said AS SELECT * FROM evidence")
    world.people["officer"].must("POST", f"/v1/journal/entries/{json.loads(said)['entry']}/erase", {"reason": "mistaken"}, key=True)
    world.server.stop()
    world.server.sql("DELETE FROM evidence; INSERT INTO evidence SELECT * FROM said; DROP TABLE said")
    restart_guarded(world)
    soon(lambda: "bsc has cosigned" in ready(world).json.get("reason", ""), lambda: f"the erased admission is believed: {ready(world).json}")


def test_an_empty_database_is_no_journal_that_was_watched(world):
    path = world.server.data / "policy"
    other = world.server.name + "_empty"
    elsewhere(world, f"CREATE DATABASE {other}")
    options = [o.replace(f"dbname={world.server.name}", f"dbname={other}") for o in world.server.options]
    subprocess.run([str(BUILD / "kontord"), "migrate", *options], check=True, capture_output=True)
    world.server.stop()
    kept, world.server.options = world.server.options, options
    restart_guarded(world)
    said = soon(lambda: (lambda r: r.json.get("reason"))(Client(world.server, local=True).get("/health/ready")), "it begins")
    soon(lambda: "the database is empty" in Client(world.server, local=True).get("/health/ready").json.get("reason", ""), f"it says {said}")
    world.server.stop()
    world.server.options = kept
    path.unlink()
    world.server.more = [m for m in world.server.more if not m.startswith("--policy")]
    world.server.start()
    fresh(world)
