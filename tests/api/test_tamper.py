"""The tamper matrix over a journal that a server wrote: each column of each table that the journal, its tree, its holds and
its evidence rest on, changed by a superuser behind the server's back, is told by export and audit, with the row or the leaf.
The columns come from the catalogue: one that is new has to be added here. (Entries and accounts column by column, and each
byte of the files: tests/journal/database.py and tests/unit/test_audit.c. Texts and salts: test_evidence.py.)
Then whole histories that somebody made up, against what an auditor has kept."""
import base64
import json
import pathlib
import shutil
import subprocess
import sys

from harness import BUILD
from test_log import grow, newest, reader

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journal"))

from reader import leaf_hash, root  # noqa: E402
from tlog import tile_path  # noqa: E402

WORLD = {"more": ["--public-entries=yes", "--checkpoint-ms=100"]}

ELSEWHERE, COUNTER, LIFE, SIGNED = "another test", "the sequencer's counter", "of the job's life", "the note says it"
TOLD = "told"
# What becomes of each column that is changed: told here; in another test; or it says nothing of the journal, and why.
TABLES = {
    "entry": dict.fromkeys("index version kind time_ms group_first group_len group_pos debit credit amount prev_debit prev_credit"
                           " body leaf_hash".split(), ELSEWHERE),
    "account": dict.fromkeys("index class closed owner_org owner_site parent posted_debits posted_credits held_debits held_credits"
                             " last_index".split(), ELSEWHERE),
    "head": {"one": "there is one row", "term": COUNTER, "batch": COUNTER, "size": ELSEWHERE, "root": ELSEWHERE, "time_ms": ELSEWHERE},
    "tile": {"level": TOLD, "n": TOLD, "hashes": TOLD},
    "checkpoint": {"size": TOLD, "root": TOLD, "note": TOLD, "signed_ms": "when it was signed is not signed"},
    "evidence": {"order_id": ELSEWHERE, "salt": ELSEWHERE, "text": ELSEWHERE, "people": "who may erase it", "concerns": "who may read it",
                 "created_ms": "the entry has its own time", "erased_ms": ELSEWHERE, "erasure": ELSEWHERE},
    "reservation": {
        **dict.fromkeys("id request org hold grant_account site offering rate fence gpus walltime_s rate_milli cost_gpums window_start_ms"
                        " window_end_ms start_by_ms settled_gpums".split(), TOLD),
        **dict.fromkeys("quote jti nodes permit_from_ms accept_by_ms booked_slot booked_slots seq cancel_seq state outcome permit_instance"
                        " first_permit_ms permit_ms permit_report created_ms received_ms queued_ms started_ms ended_ms settled_ms"
                        " changed_ms reported_gpu_seconds reported_ms daily_settle_ms exit_code settle_entry void_entry dispute_entry"
                        " cancel_ms disputed_ms dispute_why version move_freely moves moved_from moved_to workload workload_len output"
                        " output_len output_ms name ask".split(), LIFE)},
}
CHANGE = {"bigint": "{0} + 1", "integer": "{0} + 1", "smallint": "{0} + 1", "uuid": "'01900000-0000-7000-8000-0000000000ff'",
          "bytea": "set_byte({0}, octet_length({0}) / 2, get_byte({0}, octet_length({0}) / 2) # 1)",
          "text": "overlay({0} placing (CASE substr({0}, position(E'\\n' IN {0}) + 1, 1) WHEN '7' THEN '8' ELSE '7' END)"
                  " from position(E'\\n' IN {0}) + 1 for 1)"}


def columns(world, table):
    rows = world.server.sql(f"SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = '{table}'::regclass"
                            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum")
    return dict(row.split("|") for row in rows.split("\n"))


def export(world, folder):
    done = subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(folder)], capture_output=True, text=True)
    return done.returncode, done.stderr


def audit(folder, *options):
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", "--json", "--scratch=/tmp", *options, str(folder)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def told(world, folder, policy):
    """What is said of the database as it is: by the export, or by the audit of it."""
    status, said = export(world, folder)
    if status:
        return said
    report = audit(folder, f"--policy={policy}")
    return "\n".join(f"leaf {f['leaf']}: {f['what']}" for f in report["findings"])


def test_every_column_is_known(world):
    for table, known in TABLES.items():
        there = set(columns(world, table))
        assert there == set(known), (table, there ^ set(known))


def test_each_column_changed_is_told(world):
    grow(world, 300)
    reservation = world.accept()["id"]
    newest(world, reader(world), world.anybody.must("GET", "/v1/journal")["size"])
    vkey = world.anybody.must("GET", "/v1/journal")["vkey"]
    hold = world.server.sql(f"SELECT hold FROM reservation WHERE id = '{reservation}'")
    folder, policy = world.server.data / "tampered", world.server.data / "policy"
    policy.write_text(f"log {vkey}\nquorum none\n")
    world.server.stop()
    assert told(world, folder, policy) == ""
    for table in ("tile", "checkpoint", "reservation"):
        world.server.sql(f"CREATE TABLE kept_{table} AS TABLE {table}; DO $$ DECLARE c text; BEGIN FOR c IN SELECT conname FROM pg_constraint"
                         f" WHERE conrelid = '{table}'::regclass AND contype IN ('c', 'f') LOOP EXECUTE 'ALTER TABLE {table} DROP CONSTRAINT ' || c; END LOOP; END $$")
        row = {"tile": "level = 0 AND n = 0", "checkpoint": "size = (SELECT max(size) FROM checkpoint)", "reservation": f"id = '{reservation}'"}[table]
        types = columns(world, table)
        for column, how in TABLES[table].items():
            if how != TOLD:
                continue
            world.server.sql(f"UPDATE {table} SET {column} = {CHANGE[types[column]].format(column)} WHERE {row}")
            said = told(world, folder, policy)
            assert said, f"{table}.{column}: not told"
            if table == "reservation":
                assert reservation in said or column == "id", (column, said)
                assert f"leaf {hold}:" in said or column == "id", (column, said)
            if (table, column) == ("tile", "hashes"):
                assert "leaf 127: its bytes hash to" in said or "leaf 128: its bytes hash to" in said, said
            world.server.sql(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
        if table == "reservation": # what is held has its row
            world.server.sql(f"DELETE FROM {table} WHERE {row}")
            assert f"leaf {hold}: holds.csv lacks reservation {reservation}" in told(world, folder, policy)
            world.server.sql(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
    assert told(world, folder, policy) == ""
    world.server.start()


# ---- histories that are made up ------------------------------------------------------------------------------------------


class History:
    """The entries of an export; written anew with all that follows from them: tiles, head. Whoever holds the database can."""

    def __init__(self, folder):
        self.folder = folder
        self.head = (folder / "head").read_text().split("\n")
        self.entries = []
        for n in range((int(self.head[1]) + 255) // 256):
            bundle = (folder / tile_path("entries", n, min(256, int(self.head[1]) - 256 * n))[1:]).read_bytes()
            while bundle:
                length = int.from_bytes(bundle[:2], "big")
                self.entries.append(bundle[2:2 + length])
                bundle = bundle[2 + length:]

    def write(self, to):
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to, ignore=shutil.ignore_patterns("tile"))
        hashes = [leaf_hash(e) for e in self.entries]

        def put(level, n, data, width):
            path = to / tile_path(level, n, width)[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        level = 0
        while hashes:
            for n in range((len(hashes) + 255) // 256):
                tile = hashes[256 * n:256 * n + 256]
                put(level, n, b"".join(tile), len(tile))
            if level == 0:
                for n in range((len(hashes) + 255) // 256):
                    some = self.entries[256 * n:256 * n + 256]
                    put("entries", n, b"".join(len(e).to_bytes(2, "big") + e for e in some), len(some))
                top = root(hashes)
            hashes, level = [root(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)], level + 1
        (to / "head").write_text("\n".join([self.head[0], str(len(self.entries)), base64.b64encode(top).decode(), *self.head[3:]]))
        return to


def first(report):
    return (report["first"] or {}).get("leaf", "none"), "\n".join(f["what"] for f in report["findings"])


def test_made_up_histories_are_told(world):
    grow(world, 310)
    world.accept()
    newest(world, reader(world), world.anybody.must("GET", "/v1/journal")["size"])
    data = world.server.data
    folder, forged, kept = data / "whole", data / "forged", data / "kept"
    policy = data / "policy"
    policy.write_text(f"log {world.anybody.must('GET', '/v1/journal')['vkey']}\nquorum none\n")
    assert export(world, folder)[0] == 0
    assert audit(folder, f"--remember={kept}", f"--policy={policy}")["clean"]
    assert audit(History(folder).write(forged), f"--policy={policy}")["clean"], "written anew as it was, it is the same"
    n = len(History(folder).entries)

    cut = History(folder) # the last entries removed, and everything that says so
    del cut.entries[-3:]
    _, said = first(audit(cut.write(forged)))
    assert f"{n} entries were signed: the journal was rolled back" in said, said
    (forged / "checkpoint").unlink()
    _, said = first(audit(forged, f"--remember={kept}"))
    assert f"the audit before saw {n} entries: the journal was rolled back" in said, said
    assert "no signed checkpoint" in first(audit(forged, f"--policy={policy}"))[1]

    swapped = History(folder)
    swapped.entries[50], swapped.entries[51] = swapped.entries[51], swapped.entries[50]
    leaf, said = first(audit(swapped.write(forged)))
    assert leaf == 50 and "indexes have no gap" in said and "history was rewritten" in said, said

    grant = next(i for i, e in enumerate(swapped.entries) if e[2:4] == b"\0\5")
    richer = History(folder) # a grant's amount, its account's balance, tree and head
    entry = bytearray(richer.entries[grant])
    amount = int.from_bytes(entry[48:56], "big")
    entry[48:56] = (amount - 3600000).to_bytes(8, "big")
    richer.entries[grant] = bytes(entry)
    richer.write(forged)
    lines = (forged / "balances.csv").read_text().split("\n")
    for i, line in enumerate(lines):
        cells = line.split(",")
        if cells[0] == str(int.from_bytes(entry[40:48], "big")):
            cells[7] = str(int(cells[7]) - 3600000)
        if cells[0] == str(int.from_bytes(entry[32:40], "big")):
            cells[6] = str(int(cells[6]) - 3600000)
        lines[i] = ",".join(cells)
    (forged / "balances.csv").write_text("\n".join(lines))
    (forged / "checkpoint").unlink()
    leaf, said = first(audit(forged))
    assert leaf == grant and "signature" in said and "balance" not in said, said
    assert "history was rewritten" in first(audit(forged, f"--remember={kept}"))[1]

    more = History(folder) # an entry more, forged: the last grant once again
    entry = bytearray(more.entries[-1])
    entry[4:12] = n.to_bytes(8, "big")
    more.entries.append(bytes(entry))
    leaf, said = first(audit(more.write(forged)))
    assert leaf == n, said


# ---- from afar -----------------------------------------------------------------------------------------------------------


def run(*words):
    done = subprocess.run([str(BUILD / "kontor-audit"), *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_auditor_reads_the_log_that_is_served(world):
    url = f"http://127.0.0.1:{world.server.port}"
    size = world.anybody.must("GET", "/v1/journal")["size"]
    newest(world, reader(world), size)
    policy = world.server.data / "policy"
    policy.write_text(f"log {world.anybody.must('GET', '/v1/journal')['vkey']}\nquorum none\n")
    status, said, errors = run("verify", "--json", f"--policy={policy}", "--scratch=/tmp", url + "/")
    report = json.loads(said)
    assert status == 0 and report["clean"] and report["whole"] and report["size"] >= size and report["checkpoint"]["good"], (said, errors)
    status, said, errors = run("verify", "http://127.0.0.1:1")
    assert status == 3 and "127.0.0.1:1" in errors, errors
    status, said, errors = run("verify", "http://kontor.example")
    assert status == 3 and "loopback" in errors, errors
    world.server.stop()
    world.server.more = ["--public-entries=no", "--checkpoint-ms=100"]
    world.server.start()
    for client in [*world.people.values(), world.local]:
        client.connection = None
    url = f"http://127.0.0.1:{world.server.port}"
    status, said, errors = run("verify", url)
    assert status == 3 and "--headers" in errors, (said, errors)
    headers = world.server.data / "headers"
    headers.write_text(f"Cookie: {world.people['officer'].cookie}\n")
    status, said, errors = run("verify", f"--headers={headers}", url)
    assert status == 0 and "No fault found." in said, (said, errors)


def test_the_watch_is_quiet_until_something_is_wrong(world):
    url, data = f"http://127.0.0.1:{world.server.port}", world.server.data
    kept, policy = data / "watched", data / "policy"
    policy.write_text(f"log {world.anybody.must('GET', '/v1/journal')['vkey']}\nquorum none\n")
    for _ in range(3):
        assert run("watch", f"--remember={kept}", f"--policy={policy}", url) == (0, "", "")
        size = world.anybody.must("GET", "/v1/journal")["size"]
        grow(world, size + 2)
        newest(world, reader(world), size + 2)
    assert run("watch", url)[0] == 2
    folder, forged = data / "seen", data / "forged"
    assert export(world, folder)[0] == 0
    assert run("watch", f"--remember={kept}", folder) == (0, "", "")
    before = kept.read_bytes()

    def shown(history, what):
        """Another history, with a checkpoint of its own: what the watch says of it."""
        history.write(forged)
        head = (forged / "head").read_text().split("\n")
        (forged / "checkpoint").write_bytes("\n".join(head[:3]).encode() + b"\n\n" + before.split(b"\n\n", 1)[1])
        status, said, _ = run("watch", f"--remember={kept}", forged)
        assert status == 1 and what in said, (status, said)
        assert kept.read_bytes() == before, "what was seen is kept as it was"
        assert (data / "watched.other").read_bytes() == (forged / "checkpoint").read_bytes()
        first = (data / "watched.other").read_bytes()
        (forged / "checkpoint").write_bytes(first.replace(b"\n\n", b"\nmore\n\n", 1))
        status, said, _ = run("watch", f"--remember={kept}", f"--policy={policy}", forged)
        assert status == 1 and "first at fault" in said, "nor is it signed"
        assert (data / "watched.other").read_bytes() == first, "what was kept first is gone"
        assert (data / "watched.other.newest").read_bytes() == (forged / "checkpoint").read_bytes()
        (forged / "checkpoint").write_text("<html>Sign in here</html>\n")
        status, said, told = run("watch", f"--remember={kept}", forged)
        assert (status, said) == (3, "") and "not a signed checkpoint" in told, (status, said)
        (data / "watched.other").unlink()

    other = History(folder)
    other.entries[7], other.entries[8] = other.entries[8], other.entries[7]
    shown(other, "two roots")
    other.entries.append(other.entries[-1])
    shown(other, "history was rewritten")
    del other.entries[-2:]
    shown(other, "rolled back")
    assert run("watch", f"--remember={kept}", folder) == (0, "", "")
    width = min(256, int((folder / "head").read_text().split("\n")[1]))
    (folder / tile_path(0, 0, width)[1:]).write_bytes(bytes(32 * width))
    kept.write_bytes(world.server.sql("SELECT note FROM checkpoint ORDER BY size LIMIT 1").encode() + b"\n")
    status, said, _ = run("watch", f"--remember={kept}", folder)
    assert status == 1 and ("do not add up" in said or "history was rewritten" in said), said
    kept.write_text("nothing\n")
    assert run("watch", f"--remember={kept}", folder)[0] == 3
