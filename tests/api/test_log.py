"""The log as others' programs read it (C2SP tlog-tiles, tlog-checkpoint, tlog-proof): read and verified by tests/journal/tlog.py,
which was written from the specifications. Then tampered with."""
import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import time

from harness import BUILD
from world import stamp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journal"))

from reader import leaf_hash, root  # noqa: E402
from tlog import Bad, Checkpoint, Log, Note, receipt_ok, tile_path  # noqa: E402

WORLD = {"more": ["--public-entries=yes", "--checkpoint-ms=100"]}
WANTED = 600 # more than two tiles


def grow(world, size):
    now = world.server.sql("SELECT max(time_ms) FROM entry")
    while True:
        head = world.anybody.must("GET", "/v1/journal")
        if head["size"] >= size:
            return head
        world.order("/v1/grants", {"organisation": world.organisations["nordlys"], "tranche": world.tranche, "mode": "fast-lane",
                                   "credits": "1", "start": stamp(int(now)), "end": stamp(int(now) + 30 * 86400000),
                                   "reference": f"more {head['size']}", "gge_eur_cents": 1, "legal_basis": "gber", "reason": "Test"})


def reader(world):
    def get(path):
        reply = world.anybody.get(path)
        assert reply.status == 200, (path, reply)
        return reply.body
    return Log(get, world.anybody.must("GET", "/v1/journal")["vkey"])


def newest(world, log, size):
    """The first checkpoint of at least so many entries."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        reply = world.anybody.get("/checkpoint")
        if reply.status == 200 and Checkpoint(Note(reply.body)).size >= size:
            return log.checkpoint()
        time.sleep(0.05)
    raise AssertionError("no checkpoint")


def fresh(world):
    for client in [*world.people.values(), world.local]:
        client.connection = None


def refused(run, *args):
    try:
        run(*args)
    except Bad as error:
        return str(error)
    raise AssertionError("nothing was found")


def test_everything_is_read_and_adds_up(world):
    grow(world, WANTED)
    log = reader(world)
    checkpoint = newest(world, log, WANTED)
    leaves = log.verify(checkpoint)
    assert len(leaves) == checkpoint.size
    head = world.anybody.must("GET", "/v1/journal")
    assert head["size"] != checkpoint.size or head["root"] == checkpoint.root.hex()


def test_each_checkpoint_extends_the_ones_before(world):
    log = reader(world)
    for _ in range(3):
        size = world.anybody.must("GET", "/v1/journal")["size"]
        grow(world, size + 3)
        newest(world, log, size + 3)
    rows = world.server.sql("SELECT size, encode(root, 'hex') FROM checkpoint ORDER BY size").split("\n")
    assert len(rows) >= 4
    leaves = log.hashes(log.checkpoint().size)
    for row in rows:
        size, signed = row.split("|")
        assert root(leaves[:int(size)]).hex() == signed, f"the checkpoint of {size} is of another history"


def test_tiles_have_one_address_each_and_last_for_ever(world):
    log = reader(world)
    size = log.checkpoint().size
    for path in (tile_path(0, 0), tile_path(0, 0, 17), tile_path(1, 0, 2), tile_path("entries", 0), tile_path(0, 2, size - 512)):
        reply = world.anybody.get(path)
        assert reply.status == 200 and "immutable" in reply.headers["cache-control"], (path, reply)
        assert reply.headers["content-type"] == "application/octet-stream"
    assert world.anybody.get(tile_path(0, 0, 17)).body == world.anybody.get(tile_path(0, 0)).body[:17 * 32]
    assert "immutable" not in world.anybody.get("/checkpoint").headers["cache-control"]
    assert world.anybody.get("/checkpoint").headers["content-type"] == "text/plain; charset=utf-8"
    for path in ("/tile/0/0", "/tile/0/0000", "/tile/00/000", "/tile/8/000", "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/0/000.p/017",
                 "/tile/0/x000/000", "/tile/0/900", "/tile/1/000.p/200", "/tile/0/000/", "/tile/entries/900", "/tile/-1/000", "/tile/",
                 "/tile/0/000.p/", "/tile/0/x999/x999/x999/x999/x999/x999/999", "/tile/1/000", "/tile/entries/000.p/999"):
        assert world.anybody.get(path).status == 404, path


def test_receipts_prove_their_entries(world):
    log = reader(world)
    vkey, size = world.anybody.must("GET", "/v1/journal")["vkey"], log.checkpoint().size
    leaves = log.hashes(size)
    for index in (0, 1, 255, 256, 511, 512, size - 1):
        receipt = world.anybody.get(f"/v1/journal/entries/{index}/receipt")
        assert receipt.status == 200, receipt
        found, checkpoint = receipt_ok(receipt.body, vkey, leaves[index])
        assert found == index and checkpoint.size >= size
        refused(receipt_ok, receipt.body, vkey, leaves[(index + 1) % size])
        broken = bytearray(receipt.body)
        broken[receipt.body.index(b"\n", 40) + 3] ^= 1
        refused(receipt_ok, bytes(broken), vkey, leaves[index])
    entry = world.people["officer"].must("GET", "/v1/journal/entries/7")
    assert receipt_ok(world.anybody.get("/v1/journal/entries/7/receipt").body, vkey, leaf_hash(bytes.fromhex(entry["bytes"])))
    assert world.anybody.get("/v1/journal/entries/100000/receipt").status == 404


def audit(*words):
    done = subprocess.run([str(BUILD / "kontor-audit"), *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_auditor_judges_checkpoints_and_receipts(world):
    vkey = world.anybody.must("GET", "/v1/journal")["vkey"]
    folder, policy = world.server.data / "export", world.server.data / "policy"
    newest(world, reader(world), world.anybody.must("GET", "/v1/journal")["size"])
    subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(folder)], check=True, capture_output=True)
    policy.write_text(f"log {vkey}\nquorum none\n")
    status, said = audit("verify", "--json", f"--policy={policy}", folder)
    report = json.loads(said)
    assert status == 0 and report["clean"] and report["checkpoint"]["good"], said
    assert report["checkpoint"]["size"] == report["size"]
    kept = (folder / "checkpoint").read_bytes()
    for at in range(0, len(kept), 1 if os.environ.get("KONTOR_LONG") else 5):
        changed = bytearray(kept)
        changed[at] ^= 1
        (folder / "checkpoint").write_bytes(changed)
        status, said = audit("verify", f"--policy={policy}", folder)
        assert status == 1, (at, said)
    other = Note(kept)
    (folder / "checkpoint").write_bytes(kept.replace(b"\n" + other.text.split("\n")[1].encode() + b"\n", b"\n9999\n", 1))
    status, said = audit("verify", folder)
    assert status == 1 and "9999 entries were signed: the journal was rolled back" in said, said
    older = world.server.sql("SELECT note FROM checkpoint ORDER BY size LIMIT 1") + "\n"
    (folder / "checkpoint").write_text(older)
    status, said = audit("verify", f"--policy={policy}", folder)
    assert status == 0 and "Nothing that was signed says so of the" in said, "an older checkpoint of the same journal is one"
    (folder / "checkpoint").write_text(older.replace(Note(older.encode()).text.split("\n")[2], "A" * 43 + "="))
    status, said = audit("verify", folder)
    assert status == 1 and "history was rewritten" in said, said
    (folder / "checkpoint").unlink()
    assert audit("verify", folder)[0] == 0
    status, said = audit("verify", f"--policy={policy}", folder)
    assert status == 1 and "no signed checkpoint" in said, said


def test_the_auditor_judges_a_receipt(world):
    vkey, data = world.anybody.must("GET", "/v1/journal")["vkey"], world.server.data
    policy, receipt, entry = data / "policy", data / "receipt", data / "entry"
    policy.write_text(f"log {vkey}\nquorum none\n")
    receipt.write_bytes(world.anybody.get("/v1/journal/entries/301/receipt").body)
    text = world.people["officer"].must("GET", "/v1/journal/entries/301")["bytes"]
    for written in (text.encode(), text.encode() + b"\n", bytes.fromhex(text)):
        entry.write_bytes(written)
        status, said = audit("receipt", f"--policy={policy}", receipt, entry)
        assert status == 0 and "The entry is number 301 of this journal." in said and "signed by its log" in said, said
    assert "asks for no witness" in said, said
    policy.write_text("quorum none\n")
    status, said = audit("receipt", f"--policy={policy}", receipt, entry)
    assert status == 0 and "nobody's signature was checked" in said and "is signed by its log" not in said, said
    for leaf, what in ((bytes.fromhex(text), "says that it is another entry"), (b"nothing", "is not an entry")):
        entry.write_bytes(leaf) # in a log by itself
        (data / "lone").write_text(f"c2sp.org/tlog-proof@v1\nindex 0\n\nx\n1\n{base64.b64encode(root([leaf_hash(leaf)])).decode()}\n\n— x {'A' * 92}\n")
        status, said = audit("receipt", data / "lone", entry)
        assert status == 1 and f"FAULT: leaf 0 of this journal {what}" in said, said
    policy.write_text(f"log {vkey}\nquorum none\n")
    entry.write_bytes(world.anybody.get("/v1/journal/entries/301/bytes").body)
    status, said = audit("receipt", receipt, entry)
    assert status == 0 and "Entry 301, GRANT, of 20" in said and "\n1.000 credits, from account " in said and "Anybody can make" in said, said
    entry.write_bytes(world.people["officer"].get("/v1/journal/entries/301").body)  # as the API shows it
    status, said = audit("receipt", "--json", f"--policy={policy}", receipt, entry)
    report = json.loads(said)
    assert status == 0 and report["clean"] and report["in_log"] and report["index"] == report["entry"]["index"] == 301, said
    assert report["entry"]["kind"] == "GRANT" and report["entry"]["amount_credits"] == "1.000" and report["checkpoint"]["good"], said
    entry.write_bytes(bytes.fromhex(text)[:-1] + b"\1")
    status, said = audit("receipt", receipt, entry)
    assert status == 1 and "FAULT" in said, said
    assert json.loads(audit("receipt", "--json", receipt, entry)[1])["clean"] is False
    entry.write_bytes(world.anybody.get("/v1/journal/entries/302/bytes").body)
    status, said = audit("receipt", receipt, entry)
    assert status == 1 and "the two files are of different entries" in said, said
    entry.write_text(text)
    # what people do: the wrong way round, one file only, what the server said instead
    status, said = audit("receipt", entry, receipt)
    assert status == 2 and "it comes first" in said, said
    status, said = audit("receipt", receipt)
    assert status == 2 and "/bytes" in said, said
    problem = data / "problem"
    problem.write_bytes(world.people["officer"].get("/v1/journal/entries/301/receipt?with=entry").body)
    status, said = audit("receipt", f"--policy={policy}", problem)
    assert status == 0 and "The entry is number 301 of this journal." in said and "signed by its log" in said, "one file is enough"
    assert audit("receipt", problem, entry)[0] == 0, "what is given counts"
    forged = bytearray(problem.read_bytes())
    forged[forged.index(b"extra ") + 20] ^= 1
    problem.write_bytes(bytes(forged))
    status, said = audit("receipt", problem)
    assert status == 1 and "FAULT: the path does not lead" in said, said
    assert world.people["officer"].get("/v1/journal/entries/301/receipt?with=words").json["code"] == "query-invalid"
    assert world.people["officer"].get("/v1/journal/entries/301/receipt?with=entry&size=302").json["code"] == "query-invalid"
    problem = data / "problem"
    problem.write_bytes(world.anybody.get("/v1/journal/entries/100000/receipt").body)
    for words in ((problem, entry), (receipt, problem)):
        status, said = audit("receipt", *words)
        assert status == 3 and "refusal by the server" in said, said
    problem.write_text("something else\n")
    assert audit("receipt", problem, entry)[0] == 3 and audit("receipt", receipt, problem)[0] == 1
    whole = receipt.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 40):
        problem.write_bytes(whole[:cut])
        status, said = audit("receipt", problem, entry)
        assert status == 1 and "FAULT: the receipt is damaged" in said, (cut, said)
    policy.write_text("log sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8\nquorum none\n")
    status, said = audit("receipt", f"--policy={policy}", receipt, entry)
    assert status == 1 and "not signed by a log that the policy names" in said, said
    policy.write_text("nothing\n")
    status, said = audit("receipt", f"--policy={policy}", receipt, entry)
    assert status == 3 and re.search("Line 1 of the policy", said), said
    assert audit("receipt", data / "none", entry)[0] == 3


def test_entries_are_read_by_those_concerned_where_the_operator_says_so(world):
    world.server.stop()
    world.server.more = ["--public-entries=no", "--checkpoint-ms=100"]
    world.server.start()
    fresh(world)
    assert world.anybody.get(tile_path("entries", 0)).status == 401
    assert world.people["brisa"].get(tile_path("entries", 0)).status == 403
    reply = world.people["officer"].get(tile_path("entries", 0))
    assert reply.status == 200 and reply.headers["cache-control"].startswith("private")
    assert world.anybody.get(tile_path(0, 0)).status == 200 # hashes are for everybody
    assert world.anybody.get("/checkpoint").status == 200


def test_a_tile_that_is_missing_is_made_anew(world):
    for n in (1, 0):  # at the end, and before one that is there
        before = world.anybody.get(tile_path(0, n)).body
        world.server.stop()
        world.server.sql(f"DELETE FROM tile WHERE level = 0 AND n = {n}")
        world.server.start()
        fresh(world)
        assert world.anybody.get(tile_path(0, n)).body == before


def unready(world, words):
    """Wait until readiness gives this reason."""
    end, reply = time.monotonic() + 20, None
    while time.monotonic() < end:
        reply = world.local.get("/health/ready")
        if reply.status == 503 and words in reply.json["reason"]:
            return
        time.sleep(0.05)
    raise AssertionError(f"readiness does not say “{words}”: {reply}")


def test_a_tile_that_was_changed_stops_the_server(world):
    change = "UPDATE tile SET hashes = set_byte(hashes, 5000, get_byte(hashes, 5000) # 1) WHERE level = 0 AND n = 0"
    world.server.stop()
    world.server.sql(change)
    try:
        world.server.start(ready=False)
        fresh(world)
        unready(world, "tile 0/0")
    finally:
        world.server.stop()
        world.server.sql(change)
        world.server.start()
        fresh(world)
    reader(world).verify(newest(world, reader(world), 1), entries=False)


def test_what_was_signed_is_not_taken_back(world):
    """A journal that no longer extends the newest checkpoint is not signed any more, and readiness says so."""
    size = reader(world).checkpoint().size
    world.server.sql(f"UPDATE checkpoint SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE size = {size}")
    world.server.stop()
    world.server.start()
    fresh(world)
    grow(world, size + 2)
    unready(world, "does not extend")
    assert Checkpoint(Note(world.anybody.get("/checkpoint").body)).size == size, "it signed another"
    world.server.sql(f"UPDATE checkpoint SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE size = {size}")
    world.server.stop()
    world.server.start()


def test_what_nothing_needs_any_more_goes(world):
    """Checkpoints older than a week, with their cosignatures and quorums: what stays is what migration 0012 names."""
    while int(world.server.sql("SELECT count(*) FROM checkpoint")) < 10:
        size = world.anybody.must("GET", "/v1/journal")["size"]
        grow(world, size + 1)
        newest(world, reader(world), size + 1)
    day, base = 86400000, int(world.server.sql("SELECT max(signed_ms) FROM checkpoint")) // 86400000 - 20
    sizes = world.server.sql("SELECT size FROM checkpoint ORDER BY size LIMIT 9").split("\n")
    key = "decode(repeat('{0}', 32), 'hex')"
    plan = (  # day, hour, cosigned by, a quorum?, a refusal?, does it stay?
        (0, 1, ("11",), False, False, False),
        (0, 2, ("11",), True, False, True),           # the last of its day with a quorum
        (0, 3, (), False, False, True),               # the last of its day
        (1, 1, ("11", "22"), False, False, True),     # what a key has cosigned last
        (1, 2, (), False, True, True),                # a witness refused another history, with this against it
        (1, 3, ("11",), True, False, False),          # a later one of that day has a quorum too
        (1, 4, ("11",), True, False, True),
        (1, 5, ("11",), False, False, False),
        (1, 6, ("11",), False, False, True),
    )
    for size, (days, hour, keys, quorum, refusal, _) in zip(sizes, plan):
        at = (base + days) * day + hour * 3600000
        world.server.sql(f"UPDATE checkpoint SET signed_ms = {at} WHERE size = {size}")
        for k in keys:
            world.server.sql(f"INSERT INTO cosignature VALUES ({size}, {key.format(k)}, 'w', 1, decode(repeat('00', 64), 'hex'), {at})")
        if quorum:
            world.server.sql(f"INSERT INTO quorum VALUES ({key.format('33')}, {size}, {at})")
        if refusal:
            world.server.sql(f"INSERT INTO refusal VALUES (1, 1, 'other-root', 9999, {key.format('44')}, {size}, {key.format('55')}, 'note', {at})")
    others = world.server.sql(f"SELECT count(*) FROM checkpoint WHERE size > {sizes[-1]}")
    # whoever has the server's connection cannot throw away what is needed, however it asks
    worker = world.server.conninfo("kontor_worker")
    for table in ("quorum", "cosignature", "checkpoint"):
        subprocess.run(["psql", "-qX", worker, "-c", "SET app.actor = 'nobody'", "-c", f"DELETE FROM {table}"], capture_output=True, check=False)
    assert world.server.sql("SELECT count(*) FROM cosignature") == "8"
    before = world.anybody.get("/checkpoint").body
    world.server.stop()
    world.server.start()
    fresh(world)
    gone, stay = ([s for s, p in zip(sizes, plan) if p[5] == kept] for kept in (False, True))

    def there(table):
        return set(world.server.sql(f"SELECT size FROM {table}").split())
    end = time.monotonic() + 20
    while there("checkpoint") & set(gone):
        assert time.monotonic() < end, "what nothing needs stays: " + world.server.tail()
        time.sleep(0.05)
    assert set(stay) <= there("checkpoint") and not set(gone) & (there("cosignature") | there("quorum"))
    assert world.server.sql(f"SELECT count(*) FROM checkpoint WHERE size > {sizes[-1]}") >= others, "of the last week all"
    assert there(f"quorum WHERE policy = {key.format('33')}") == {sizes[1], sizes[6]} and world.server.sql("SELECT count(*) FROM cosignature") == "5"
    for table in ("quorum", "cosignature", "checkpoint"):
        subprocess.run(["psql", "-qX", worker, "-c", "SET app.actor = 'server'", "-c", f"DELETE FROM {table}"], capture_output=True, check=False)
    assert set(stay) <= there("checkpoint") and world.server.sql("SELECT count(*) FROM cosignature") == "5", "not even the server"
    assert Checkpoint(Note(world.anybody.get("/checkpoint").body)).size >= Checkpoint(Note(before)).size
    assert world.people["officer"].get("/v1/journal/entries/300/receipt").status == 200
    assert {w["refused"]["had_size"] for w in world.anybody.must("GET", "/v1/journal/witnesses")["witnesses"] if w["refused"]} <= {int(sizes[4])}
    world.server.sql("DELETE FROM refusal")
