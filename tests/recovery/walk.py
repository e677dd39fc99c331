#!/usr/bin/env python3
"""tests/recovery/walk.py: what docs/operator.md says an operator does, done."""
import base64
import hashlib
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]

from guide import FOLDER, PG, Guide, blocks  # noqa: E402
from harness import BUILD, TOP, Client, Server  # noqa: E402
from moved_clock import MovedClock  # noqa: E402
from seals import move_head  # noqa: E402
from world import PASSWORD, Agent, World  # noqa: E402


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)
    return found


def again(world):
    """New connections, after the server was started anew."""
    for client in [*world.people.values(), world.local]:
        client.connection = None


def audit(server, unkept=0, reasons=True):
    """The journal as it is now, judged by the auditor. unkept: so many reservations are still held that the server's
    database has no row of; reasons: it has those that are committed to; nothing else is wrong."""
    to = FOLDER / f"audit-{uuid.uuid4().hex}"
    done = subprocess.run([BUILD / "kontord", "export", *server.options, to], capture_output=True, text=True)
    told = done.stderr.splitlines()
    assert done.returncode == (0 if reasons else 1) and bool(told) != reasons, done.stderr
    assert all("of the table evidence is missing" in line for line in told), done.stderr
    done = subprocess.run([BUILD / "kontor-audit", "verify", to], capture_output=True, text=True)
    faults = re.findall(r"^ *FAULT .*", done.stdout, re.M)
    assert done.returncode == (1 if unkept else 0), done.stdout + done.stderr
    assert len(faults) == unkept and all("holds.csv lacks reservation" in line for line in faults), done.stdout
    return done.stdout


def reservations(server):
    return set(server.sql("SELECT id FROM reservation").split())


def signed(note, key_file):
    """The same checkpoint, signed with the key of this key file."""
    seed = base64.urlsafe_b64decode(key_file.split()[-1] + b"=")
    text, origin = note[:note.rindex("\n\n") + 1], note.split("\n")[0]
    secret = FOLDER / "seed.pem"
    secret.write_bytes(b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + seed) + b"\n-----END PRIVATE KEY-----\n")
    public = subprocess.run(["openssl", "pkey", "-in", secret, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
    (FOLDER / "text").write_text(text)
    signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", secret, "-in", FOLDER / "text"], check=True, capture_output=True).stdout
    number = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    return f"{text}\n\u2014 {origin} {base64.b64encode(number + signature).decode()}\n"


# ---- the walks --------------------------------------------------------------------------------------------------------

def test_point_in_time(world, guide):
    server = world.server
    agent = Agent(world, "lumi")
    assert agent.open().status == 201
    first = world.accept(countries=["FI"])["id"]
    guide.run("keys")
    for key in ("server.key", "log.key", "seal.key"):
        assert (FOLDER / "backups" / "keys" / key).read_bytes() == (server.data / key).read_bytes(), key
    guide.run("base-backup")
    second = world.accept()["id"]
    when = server.sql("SELECT clock_timestamp()")
    until(lambda: server.sql(f"SELECT clock_timestamp() > '{when}'::timestamptz + interval '20 ms'") == "t")
    lost = world.accept(countries=["FI"])["id"]
    seen = agent.tickets().json["tickets"]
    assert lost in [agent.claims(t["jws"])["reservation"] for t in seen]
    seq = seen[-1]["seq"]
    assert agent.call("POST", "/v1/agent/tickets/received", {"instance": agent.instance, "seq": seq}).status == 200
    wal = server.sql("SELECT pg_walfile_name(pg_switch_wal())")
    until(lambda: (FOLDER / "backups" / "wal" / wal).exists())
    guide.run("point-in-time", WHEN=when)
    until(lambda: server.sql("SELECT pg_is_in_recovery()") == "f")
    said = guide.run("check")
    assert "entries" in said, said
    again(world)
    assert reservations(server) >= {first, second} and lost not in reservations(server)
    # the site has seen what is gone: it may not go on with what it knows, and is begun anew
    ahead = agent.open(seq)
    assert ahead.status == 409 and ahead.json["code"] == "spool-ahead", ahead
    token = json.loads(guide.run("spool", SITE="lumi", WHEN=when).strip().splitlines()[-1])["token"]
    assert agent.open(seq).status == 409, "nor may it afterwards"
    fresh = Agent(world, "lumi", enrol=False)
    fresh.enrolled = fresh.enrol(token)
    assert fresh.enrolled.status == 201, fresh.enrolled
    fresh.at = fresh.enrolled.json
    fresh.server_key = agent.server_key
    had = world.local.must("GET", "/v1/sites/lumi/agent")
    fresh.number = had["last_report"]
    assert fresh.open(had["confirmed_seq"]).status == 201
    guide.run("serve-again")
    reservation = world.accept(countries=["FI"])
    assert reservation["id"] in [fresh.claims(t["jws"])["reservation"] for t in fresh.tickets(had["confirmed_seq"]).json["tickets"]]
    audit(server)


def test_dump(world, guide):
    server, before = world.server, None
    world.accept()
    before = server.sql("SELECT size, encode(root, 'hex') FROM head")
    was = server.name
    guide.run("dump")
    server.stop()
    guide.configure("kontor_restored")
    guide.run("check")
    again(world)
    assert server.sql("SELECT size, encode(root, 'hex') FROM head") == before
    assert world.accept()["state"] == "issued"
    refused = subprocess.run(["psql", "-qX", server.conninfo(), "-c", "UPDATE entry SET amount = amount + 1 WHERE index = (SELECT max(index) FROM entry WHERE amount > 0)"],
                             capture_output=True, text=True)
    assert refused.returncode and "check constraint" in refused.stderr, "the restored table still refuses what was not logged"
    audit(server)
    server.stop()
    guide.configure(was)
    server.start()
    again(world)
    server.sql("DROP DATABASE kontor_restored")


def test_disk_full(world, guide):
    """The database has no room for what it is to write; the guide's look at it, and its waiting for room."""
    server = world.server
    server.sql("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;"
               "CREATE TRIGGER no_room BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION no_room()")
    size = server.sql("SELECT size FROM head")
    key = str(uuid.uuid4())
    order = {"code": "late", "name": "Late", "cap_credits": "1", "longest_days": 1, "decide_days": 1}
    try:
        assert world.local.post("/v1/policies", order, key=key).status == 507
        said = guide.run("disk")
        assert "53100" in said and "reservation" in said, said
        assert server.sql("SELECT size FROM head") == size
    finally:
        server.sql("DROP TRIGGER no_room ON head; DROP FUNCTION no_room()")
    guide.run("disk-after")
    assert world.local.post("/v1/policies", order, key=key).status == 201, "the same key, and now there is room"
    audit(server)


def test_key_lost(world, guide):
    server = world.server
    agent = Agent(world, "bsc")
    had = world.local.must("GET", "/v1/sites/bsc/agent")
    agent.number = had["last_report"]
    assert agent.open(had["confirmed_seq"]).status == 201
    old = (server.data / "server.key").read_bytes()
    os.unlink(server.data / "server.key")
    assert "key file" in Client(server, local=True).get("/health/ready").json["warning"]
    keys = json.loads(guide.run("key").strip().splitlines()[-1])["keys"]
    again(world)
    assert len(keys) == 2 and keys[0]["kid"] == "0", "the old one for a day more, and the new one"
    new = (server.data / "server.key").read_bytes()
    assert new != old and not (server.data / "server.key.next").exists()
    reservation = world.accept(countries=["ES"])
    token = agent.tickets(after=had["confirmed_seq"]).json["tickets"][-1]["jws"]
    header = json.loads(__import__("base64").urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header["kid"] == keys[1]["kid"], "tickets are signed with the new key, and say so"
    import base64
    agent.server_key = base64.urlsafe_b64decode(keys[1]["x"] + "=")
    assert agent.claims(token)["reservation"] == reservation["id"]
    world.order("/v1/policies", {"code": "after", "name": "After", "cap_credits": "1", "longest_days": 1, "decide_days": 1})
    key = "rotate-once"
    once = world.local.must("POST", "/v1/keys/rotate", {"reason": "Again"}, key=key)
    twice = world.local.must("POST", "/v1/keys/rotate", {"reason": "Again"}, key=key)
    assert once == twice and not (server.data / "server.key.next").exists()
    third = (server.data / "server.key").read_bytes()
    assert third not in (old, new)
    assert "Restart it" in Client(server).get("/health/ready").json["warning"], "the old key ends in a day"
    server.stop()
    server.start()
    again(world)
    assert "warning" not in Client(server).get("/health/ready").json
    assert (server.data / "server.key").read_bytes() == third
    for who in ("brisa", "officer", "lumi"):
        assert world.people[who].post("/v1/keys/rotate", {"reason": "x"}, key=True).status == 403
    world.accept()
    audit(server)


def test_log_key(world, guide):
    """The log's key is changed: by entries that it signs, at once; the auditor knows which one was in force."""
    server, folder = world.server, FOLDER / "log-key"
    kept = (server.data / "log.key").read_bytes()
    before = world.anybody.must("GET", "/v1/journal")
    assert [k["vkey"] for k in before["log_keys"]] == [before["vkey"]] and before["log_keys"][0]["key"] == 3
    world.accept()
    until(lambda: server.sql(f"SELECT count(*) FROM checkpoint WHERE size >= {before['size']}") != "0")
    said = json.loads(guide.run("log-key").strip().splitlines()[-1])
    again(world)
    first, second = said["log_keys"]
    assert first["vkey"] == before["vkey"] and second["vkey"] == said["vkey"] != first["vkey"]
    assert first["to_size"] == second["key"] == second["from_size"] - 1 and second["signed_by"] == first["key"] and second["to_size"] is None
    assert (server.data / "log.key").read_bytes() != kept and not (server.data / "log.key.next").exists()
    assert (FOLDER / "backups" / "keys" / "log.key").read_bytes() == (server.data / "log.key").read_bytes()
    until(lambda: server.sql(f"SELECT count(*) FROM checkpoint WHERE size > {second['key']}") != "0")
    report = audit(server)
    assert f"Its log's key is the one that entry {second['key']} announces." in report and "1 of the log's keys" not in report, report
    # an older checkpoint by the older key is good; a newer one by it is not
    subprocess.run([BUILD / "kontord", "export", *server.options, folder], check=True, capture_output=True)
    note = folder / "checkpoint"
    newest = note.read_text()
    note.write_text(server.sql(f"SELECT note FROM checkpoint WHERE size <= {second['key']} ORDER BY size DESC LIMIT 1") + "\n")
    done = subprocess.run([BUILD / "kontor-audit", "verify", folder], capture_output=True, text=True)
    assert done.returncode == 0 and f"the one that entry {first['key']} announces" in done.stdout, done.stdout
    for seed, why in ((kept, f"signed by the log's key of entry {first['key']}, which is not in force"),
                      (b"kontor-key/v1 ed25519 " + b"A" * 43 + b"\n", "not signed by the log's key that the entries hold in force")):
        note.write_text(signed(newest, seed))
        done = subprocess.run([BUILD / "kontor-audit", "verify", folder], capture_output=True, text=True)
        assert done.returncode == 1 and why in done.stdout, done.stdout
    # the same call again is the same rotation; what was cut off before its file was in place is finished at the next start
    key = str(uuid.uuid4())
    once = world.local.must("POST", "/v1/log-keys/rotate", {"reason": "Again"}, key=key)
    assert once == world.local.must("POST", "/v1/log-keys/rotate", {"reason": "Again"}, key=key)
    # a server that builds its memory anew, as after a COMMIT whose outcome is not known, goes on with the key it has now
    term = int(server.sql("SELECT term FROM head"))
    move_head(server)
    until(lambda: int(server.sql("SELECT term FROM head")) > term and Client(server).get("/health/ready").status == 200)
    server.stop()
    third = (server.data / "log.key").read_bytes()
    (server.data / "log.key").rename(server.data / "log.key.next")
    (server.data / "log.key").write_bytes((FOLDER / "backups" / "keys" / "log.key").read_bytes())
    (server.data / "log.key").chmod(0o600)
    server.start()
    again(world)
    world.accept()
    until(lambda: (server.data / "log.key").read_bytes() == third and not (server.data / "log.key.next").exists())
    # refused: open to others; not the one announced last
    server.stop()
    (server.data / "log.key").chmod(0o640)
    done = subprocess.run([BUILD / "kontord", "serve", *server.options], capture_output=True, text=True, timeout=20)
    assert done.returncode and "open to others" in done.stderr, done.stderr
    (server.data / "log.key").unlink()
    (server.data / "log.key").write_bytes(kept)
    (server.data / "log.key").chmod(0o600)
    server.start(ready=False)
    reason = until(lambda: (lambda r: r.status == 503 and "log.key" in r.json.get("reason", "") and r.json["reason"])(Client(server, local=True).get("/health/ready")))
    assert f"announced last, in entry {once['key']}" in reason, reason
    server.stop()
    (server.data / "log.key").write_bytes(third)
    server.start()
    again(world)
    for who in ("brisa", "officer", "lumi"):
        assert world.people[who].post("/v1/log-keys/rotate", {"reason": "x"}, key=True).status == 403
    audit(server)


def spendable(server):
    """Thousandths of a credit that can still be spent or are held, by organisation; and in the reserve."""
    milli = "sum((posted_credits - posted_debits) / 3600)"
    return server.sql(f"SELECT owner_org, {milli} FROM account WHERE class = 5 GROUP BY 1 HAVING {milli} > 0 ORDER BY 1"), server.sql(f"SELECT {milli} FROM account WHERE class = 2")


def test_new_origin(world, guide):
    """The server's key is lost without a copy, its process gone: a new journal that names the older one."""
    server, was = world.server, world.server.name
    held = world.accept()
    server.stop()
    os.rename(server.data / "server.key", FOLDER / "server.key.gone")
    done = subprocess.run([BUILD / "kontord", "serve", *server.options], capture_output=True, text=True, timeout=20)
    assert done.returncode and "server.key is missing" in done.stderr, done.stderr
    aid = server.sql("SELECT count(*), sum(cents) FROM aid")
    before, sizes = spendable(server), server.sql("SELECT size, encode(root, 'hex') FROM head").split("|")
    options = list(server.options)
    kept = {name: (server.data / name).read_bytes() for name in ("log.key", "seal.key", "clock")}
    said = guide.run("older")
    assert f"reservation {held['id']}" in said and "go back to the grant" in said and re.search(r"\d+ orders, \d+ open hold", said), said
    orders = [json.loads(line) for line in (FOLDER / "backups" / "orders").read_text().splitlines()]
    assert orders[0] == {"origin": "kontor.example/test", "size": int(sizes[0]), "root": sizes[1]}
    assert all(o["body"].get("reference", "C(2026) 512") == "C(2026) 512" for o in orders[1:])
    older = server.conninfo()
    server.options = [o for o in server.options if not o.startswith("--origin")] + ["--origin=kontor.example/next"]
    guide.configure("kontor_next")
    try:
        said = guide.run("new-origin", OLDER=older)
        assert "kontor.example/next follows kontor.example/test" in said, said
        assert f"It follows an older journal, kontor.example/test of {sizes[0]} entries, root {sizes[1]}, which was audited and is that one." in said, said
        again(world)
        after = spendable(server)
        assert after == before, (before, after)
        assert server.sql("SELECT count(*), sum(cents) FROM aid WHERE older") == aid != "0|", "what is state aid counts on"
        genesis = world.local.must("GET", "/v1/journal/entries/0")
        assert genesis["body"]["old_root"] == sizes[1] and "follows an older one" in genesis["summary"], genesis
        # given twice, nothing moves; the orders of another journal are refused
        size = server.sql("SELECT size FROM head")
        carry = [BUILD / "kontord", "admin", f"--data-dir={server.data}", "carry-over"]
        done = subprocess.run([*carry, f"--orders={FOLDER}/backups/orders"], capture_output=True, text=True)
        assert done.returncode == 0 and f"{len(orders) - 1} orders given" in done.stdout and server.sql("SELECT size FROM head") == size, done
        (FOLDER / "others").write_text((FOLDER / "backups" / "orders").read_text().replace(sizes[1], "0" * 64, 1))
        done = subprocess.run([*carry, f"--orders={FOLDER}/others"], capture_output=True, text=True)
        assert done.returncode == 1 and "does not follow" in done.stderr, done
        # another journal is not the older one; this one cannot begin twice, nor under the same name
        check = FOLDER / "backups" / "check"
        done = subprocess.run([BUILD / "kontor-audit", "verify", f"--follows={check}", check], capture_output=True, text=True)
        assert done.returncode == 1 and "another head than kontor.example/next" in done.stdout, done.stdout
        done = subprocess.run([BUILD / "kontord", "begin", *server.options, FOLDER / "backups" / "older"], capture_output=True, text=True)
        assert done.returncode and "has a journal of" in done.stderr, done.stderr
        done = subprocess.run([BUILD / "kontord", "begin", *options, FOLDER / "backups" / "older"], capture_output=True, text=True)
        assert done.returncode and "is the older one's" in done.stderr, done.stderr
        # people sign in as before; a job runs once a site brokers again
        brisa = Client(server)
        assert brisa.sign_in("brisa@kontor.example", PASSWORD).status == 200
        site = [s for s in world.anybody.must("GET", "/v1/sites")["items"] if s["code"] == "bsc"][0]
        offering = site["offerings"][0]["index"]
        world.order(f"/v1/offerings/{offering}/capacity", {"nodes": 10, "brokered_gpus": 20})
        grant = brisa.must("GET", "/v1/grants")["items"][0]["account"]
        request = brisa.must("POST", "/v1/requests", world.wants(grant=grant), status=201, key=True)
        quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
        assert brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)["state"] == "issued"
        audit(server)
    finally:
        server.stop()
        server.options = options
        os.replace(FOLDER / "server.key.gone", server.data / "server.key")
        for name, data in kept.items():
            (server.data / name).write_bytes(data)
        guide.configure(was)
        server.start()
        again(world)
    server.sql("DROP DATABASE kontor_next")


def test_clock_jumped(world, guide):
    server, clock = world.server, MovedClock(FOLDER)
    server.stop()
    server.env = clock.env
    server.start()
    again(world)
    clock.set(3600)
    reason = until(lambda: (lambda r: r.status == 503 and r.json.get("reason"))(Client(server).get("/health/ready")))
    assert re.search(r"clock (has moved|is) 3(59|60)\d{4} ms", reason), reason  # an hour, give or take how busy the machine is
    clock.set(0)
    assert Client(server).get("/health/ready").status == 503, "it waits for an operator"
    said = guide.run("clock")
    assert '"trusted":true' in said.replace(" ", "") and '"ok":true' in said.replace(" ", ""), said
    server.stop()
    server.env = {}
    server.start()
    again(world)
    audit(server)


def test_poisoned(world, guide):
    server, brisa = world.server, world.people["brisa"]
    server.sql("ALTER TABLE reservation ADD CONSTRAINT somebodys CHECK (name <> 'poison')")
    request = brisa.must("POST", "/v1/requests", world.wants(name="poison"), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    key = str(uuid.uuid4())
    for _ in range(2):
        refused = brisa.post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=key)
        assert refused.status == 500 and refused.json["code"] == "poisoned", refused
    line = [one for one in map(json.loads, (server.data / "log").read_text().splitlines()) if one["event"] == "poisoned"][-1]
    assert "somebodys" in line["detail"] and line["command"] == "accept", line
    assert line["sqlstate"] == "23514" and "reservation" in line["query"], line
    server.sql("ALTER TABLE reservation DROP CONSTRAINT somebodys")
    assert brisa.post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=key).status == 500, "it stays set aside"
    said = guide.run("poisoned", SCOPE=line["scope"])
    assert said.split()[0] == line["scope"], said
    done = brisa.post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=key)
    assert done.status == 201, done
    assert subprocess.run([BUILD / "kontord", "poisoned", *server.options, line["scope"]], capture_output=True).returncode == 1, "released once"
    assert subprocess.run([BUILD / "kontord", "poisoned", *server.options, "nonsense"], capture_output=True).returncode == 2
    audit(server)


def test_changed_row(world, guide):
    """A row that a superuser has changed: readiness and export name it, and reseal, as it stands in the guide, is the way out."""
    server, id = world.server, world.accept()["id"]
    server.stop()
    server.sql(f"UPDATE reservation SET nodes = nodes + 1 WHERE id = '{id}'")
    server.start(ready=False)
    until(lambda: f"reservation {id} is not as it was sealed" in Client(server, local=True).get("/health/ready").json.get("reason", ""))
    said = guide.run("reseal")
    assert f"reservation {id}: was not as it was sealed" in said and "1 of them were wrong" in said, said
    again(world)
    world.accept()
    audit(server)


def migrate_to(server, number, folder):
    """A folder with the migrations up to this one, applied."""
    folder.mkdir()
    for file in sorted((TOP / "migrations").glob("*.sql"))[:number]:
        (folder / file.name).write_bytes(file.read_bytes())
    options = [o for o in server.options if not o.startswith("--migrations-dir")] + [f"--migrations-dir={folder}"]
    subprocess.run([BUILD / "kontord", "migrate", *options], check=True, capture_output=True)


def columns(server):
    """{table: [column]} of what may be written."""
    rows = server.sql("SELECT c.relname || ' ' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'r' AND "
                      "c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY 1").splitlines()
    found = {}
    for row in rows:
        table, column = row.split()
        found.setdefault(table, []).append(column)
    return found


def fill(old, new):
    """What the older form can hold of what there is now: how many rows."""
    have, can = columns(old), columns(new)
    files = pathlib.Path(FOLDER / f"rows-{new.name}")
    files.mkdir()
    out, into = [], ["SET session_replication_role = replica;"]
    for table in can:
        shared = [c for c in can[table] if c in have.get(table, [])]
        if table == "migration" or not shared:
            continue
        names = ", ".join(f'"{c}"' for c in shared)
        out.append(f"\\copy (SELECT {names} FROM {table}) TO '{files / table}'")
        into += [f"DELETE FROM {table};", f"\\copy {table} ({names}) FROM '{files / table}'"]
    for server, script in ((old, out), (new, into)):
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", server.conninfo()], input="\n".join(script) + "\n", text=True, check=True, capture_output=True)
    return sum(file.read_bytes().count(b"\n") for file in files.iterdir())


def test_upgrades(world, guide):
    """From every earlier form of the database, with data in it: migrated on as the guide says, served, audited."""
    here, seal_key, kept = world.server, world.server.data / "seal.key", world.server.data / "seal.key.of-today"
    here.stop()
    last = len(list((TOP / "migrations").glob("*.sql")))
    held = int(re.search(r"in (\d+) open hold", audit(here)).group(1))
    for number in range(1, last):
        older = Server.__new__(Server)
        older.__dict__.update(here.__dict__)
        older.name = f"older_{number}"
        older.options = [o.replace(f"dbname={here.name}", f"dbname={older.name}") for o in here.options]
        here.sql(f"CREATE DATABASE {older.name}")
        migrate_to(older, number, FOLDER / f"migrations-{number}")
        filled = fill(here, older)
        assert filled > 20, filled
        if number < 21: # there were no seals: the first start makes them, and their key
            seal_key.rename(kept)
        guide.server = older
        guide.configure(older.name)
        try:
            guide.run("upgrade")
            live = number >= 3  # reservations are kept from the third on
            size = Client(older, local=True).must("GET", "/v1/journal")["size"]
            assert size >= int(here.sql("SELECT size FROM head"))
            if live:
                assert reservations(older) == reservations(here)
            audit(older, 0 if live else held, reasons=number >= 2)  # there was no table for them
            print(f"# from {number}: {filled} rows, {size} entries", flush=True)
        finally:
            older.stop()
            if number < 21:
                kept.rename(seal_key)
            guide.server = here
    guide.configure(here.name)
    here.start()
    again(world)


def test_every_command_was_walked(world, guide):
    assert guide.walked == set(blocks()), f"not walked: {set(blocks()) - guide.walked}"
    text = (TOP / "docs" / "operator.md").read_text()
    for line in re.findall(r"kontord admin ([a-z][a-z-]*)", text):
        assert f'V("{line}"' in (TOP / "server" / "api" / "admin.def").read_text() or line in ("get", "carry-over"), line


def main():
    wanted, bad, number = sys.argv[1:], 0, 0
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_") and inspect.isfunction(f) and (not wanted or n in wanted)]
    world = World(more=["--checkpoint-ms=200"])
    guide = Guide(world.server)
    try:
        for name, test in tests:
            number += 1
            begun = time.monotonic()
            try:
                test(world, guide)
                print(f"ok {number} {name} # {time.monotonic() - begun:.1f} s", flush=True)
            except Exception as error:
                bad += 1
                print(f"not ok {number} {name}", flush=True)
                print("".join("# " + line for line in traceback.format_exc().splitlines(True)), flush=True)
                if isinstance(error, subprocess.CalledProcessError):
                    print("#", error.stdout, error.stderr)
                print("# " + world.server.tail()[-1500:].replace("\n", "\n# "), flush=True)
    finally:
        guide.close()
        world.remove()
    print(f"1..{number}")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
