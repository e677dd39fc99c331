"""The journal in PostgreSQL: the golden vectors pass the table's CHECKs, are exported, audited, dumped, restored, audited
again; then every column of every table, and bytes of every file of the export, are changed, and the auditor must say
where. Run under scripts/with-postgres. Prints TAP."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import reader

SRC, BUILD = sys.argv[1], sys.argv[2]
FOLDER = os.path.join(SRC, "schema", "journal")
VECTORS = json.load(open(os.path.join(FOLDER, "vectors.json"), encoding="utf-8"))
LAYOUT = reader.Layout(os.path.join(FOLDER, "layout.md"))
COLUMNS = ["index", "version", "kind", "time_ms", "group_first", "group_len", "group_pos", "debit", "credit", "amount",
           "prev_debit", "prev_credit"]
DB = "journal_test"
failed = 0


def check(name, good, more=""):
    global failed
    failed += not good
    print(("ok " if good else "not ok ") + name + (f": {more}" if more and not good else ""), flush=True)


def psql(sql, db=DB, user=None, fails=False):
    """Run statements; what they print. With fails: the error message instead, "" if there was none."""
    command = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", db, "-f", "-"]
    done = subprocess.run(command + (["-U", user] if user else []), input=sql, capture_output=True, text=True)
    if fails:
        return done.stderr
    if done.returncode != 0:
        sys.exit(f"not ok {sql[:200]}: {done.stderr}")
    return done.stdout


def signed(n):
    return -1 if n == reader.NONE else n


def insert_of(data):
    entry = LAYOUT.decode(data)
    values = [str(signed(entry[c])) for c in COLUMNS]
    values += [f"'\\x{data[72:].hex()}'", f"'\\x{reader.leaf_hash(data).hex()}'"]
    return f"INSERT INTO entry ({', '.join(COLUMNS)}, body, leaf_hash) VALUES ({', '.join(values)});"


def load():
    """The vectors as the sequencer would have written them, by the writer's role, and the balances that they give."""
    books = reader.Books(LAYOUT, check_signatures=False)
    entries = [books.apply(bytes.fromhex(v["hex"])) for v in VECTORS["entries"]]
    sql = [insert_of(bytes.fromhex(v["hex"])) for v in VECTORS["entries"]]
    closed = {e["account"] for e in entries if e["KIND"] == "CLOSE"}
    parent = {e["credit"]: e["debit"] for e in entries if e["KIND"] in ("TRANCHE", "GRANT")}
    for e in entries:
        if e["KIND"] == "OPEN":
            a = books.accounts[e["index"]]
            p = parent.get(e["index"], -1) if e["class"] in (4, 5) else -1
            sql.append(f"INSERT INTO account VALUES ({e['index']}, {e['class']}, {e['index'] in closed}, '{e['owner_org'].hex()}',"
                       f" {e['owner_site']}, {p}, {a['dr']}, {a['cr']}, {a['hdr']}, {a['hcr']}, {a['last']});")
    root = reader.root(books.hashes).hex()
    sql.append(f"UPDATE head SET term = 1, batch = 9, size = {len(entries)}, root = '\\x{root}', time_ms = {entries[-1]['time_ms']};")
    psql("BEGIN;" + "\n".join(sql) + "COMMIT;", user="kontor_writer")
    return entries


def export(folder, db=DB, user="kontor_worker"):
    return subprocess.run([f"{BUILD}/kontord", "export", f"--db-worker=dbname={db} user={user}", folder], capture_output=True, text=True)


def audit(folder, *options):
    done = subprocess.run([f"{BUILD}/kontor-audit", "verify", "--json", *options, folder], capture_output=True, text=True)
    return done.returncode, (json.loads(done.stdout) if done.returncode in (0, 1, 4) else {"error": done.stderr})


def found(report, leaf=None, what=""):
    """The report's first wrong leaf is this one (None: of no leaf), and some finding says this."""
    return (report.get("first") or {}).get("leaf", -1) == leaf and any(what in f["what"] for f in report["findings"])


def second_reader(folder):
    """The export through the independent reader."""
    head = open(f"{folder}/head", encoding="utf-8").read().split("\n")
    size, books = int(head[1]), reader.Books(LAYOUT)
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        name = "/".join(f"x{g}" for g in re.findall("...", f"{n:0{(len(str(n)) + 2) // 3 * 3}}"))
        name = f"{folder}/tile/entries/" + re.sub(r"x(\d{3})$", r"\1", name) + (f".p/{width}" if width < 256 else "")
        data, at = open(name, "rb").read(), 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            books.apply(data[at + 2:at + 2 + length])
            at += 2 + length
    return (len(books.hashes) == size and books.conserved()
            and base64.b64encode(reader.root(books.hashes)).decode() == head[2])


# ---- the table's own wall ----------------------------------------------------------------------------------------


def test_walls(entries):
    refused = []
    for column in COLUMNS + ["body", "leaf_hash"]:
        where = "index = 33" if column != "debit" else "index = 30"
        change = {"body": "set_byte(body, 9, get_byte(body, 9) # 1)", "leaf_hash": "set_byte(leaf_hash, 3, get_byte(leaf_hash, 3) # 1)"}
        value = change.get(column, f"{column} + 1").replace("index + 1", "index + 1000")
        refused.append((column, "violates check constraint" in psql(f"UPDATE entry SET {column} = {value} WHERE {where};", fails=True)))
    check("a changed column is refused by the table itself, superuser or not", all(ok for _, ok in refused),
          str([c for c, ok in refused if not ok]))
    data = bytes.fromhex(VECTORS["entries"][5]["hex"])
    wrong = insert_of(data).replace(VECTORS["entries"][5]["leaf_hash"], "00" * 32)
    check("an entry with another leaf hash is refused", "entry_leaf" in psql(wrong, user="kontor_writer", fails=True))
    null = insert_of(data).replace(f"'\\x{VECTORS['entries'][5]['leaf_hash']}'", "NULL")
    check("so is one without", "not-null" in psql(null, user="kontor_writer", fails=True))
    version2 = insert_of(data).replace("VALUES (5, 1,", "VALUES (5, 2,")
    check("so is another version", "entry_leaf" in psql(version2, user="kontor_writer", fails=True))
    check("an account other than mint cannot be negative",
          "account_solvent" in psql("UPDATE account SET held_debits = posted_credits + 1 WHERE class = 5;", fails=True))
    denied = ["UPDATE entry SET amount = amount", "DELETE FROM entry", "TRUNCATE entry", "DELETE FROM account", "DELETE FROM head",
              "TRUNCATE account", "ALTER TABLE entry DROP CONSTRAINT entry_leaf", "INSERT INTO head SELECT * FROM head"]
    bad = [s for s in denied if not re.search("permission denied|must be owner", psql(s + ";", user="kontor_writer", fails=True))]
    check("the writer can only append to the journal", not bad, str(bad))
    denied = ["INSERT INTO entry SELECT * FROM entry", "UPDATE account SET closed = true", "UPDATE head SET size = 0", "DELETE FROM entry"]
    bad = [s for s in denied if "permission denied" not in psql(s + ";", user="kontor_worker", fails=True)]
    check("a worker can only read it", not bad, str(bad))


# ---- the tamper matrix -------------------------------------------------------------------------------------------


def with_change(folder, change, restore):
    psql(change)
    done = export(folder)
    said = [line for line in done.stderr.splitlines() if "was altered, not by kontord migrate" not in line] # guards that were dropped for it
    code, report = audit(folder) if not said else (done.returncode, {"error": done.stderr, "findings": [], "first": {}})
    psql(restore)
    return code, report


def test_columns_of_entry(folder, entries):
    psql("CREATE TABLE entry_kept AS TABLE entry; CREATE TABLE account_kept AS TABLE account; CREATE TABLE head_kept AS TABLE head;")
    psql("DO $$ DECLARE c text; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'entry'::regclass AND contype = 'c'"
         " LOOP EXECUTE 'ALTER TABLE entry DROP CONSTRAINT ' || c; END LOOP; END $$;")
    restore = "TRUNCATE entry; INSERT INTO entry SELECT * FROM entry_kept;"
    hold = next(e["index"] for e in entries if e["KIND"] == "HOLD")
    bad = []
    for column in COLUMNS[1:] + ["body", "leaf_hash"]:
        value = {"body": "set_byte(body, 40, get_byte(body, 40) # 1)", "leaf_hash": "set_byte(leaf_hash, 3, get_byte(leaf_hash, 3) # 1)"}
        code, report = with_change(folder, f"UPDATE entry SET {column} = {value.get(column, column + ' + 1')} WHERE index = {hold};", restore)
        if code != 1 or not found(report, hold, "its bytes hash to"):
            bad.append((column, code, report.get("first")))
    check("each column of a row, changed by a superuser: the auditor names the leaf", not bad, str(bad))
    bad = []
    for column in COLUMNS[1:] + ["body"]:
        value = {"body": "set_byte(body, 40, get_byte(body, 40) # 1)"}.get(column, column + " + 1")
        code, report = with_change(folder, f"UPDATE entry SET {column} = {value} WHERE index = {hold};"
            f" UPDATE entry SET leaf_hash = leaf_hash_v1(entry_bytes_v1(version, kind, index, time_ms, group_first, group_len, group_pos,"
            f" debit, credit, amount, prev_debit, prev_credit, body)) WHERE index = {hold};", restore)
        if code != 1 or not any("root is" in f["what"] for f in report["findings"]) or not (
                found(report, hold, "rule") or found(report, hold, "layout") or column in ("body", "time_ms")
                or column == "group_len" and found(report, hold + 1, "rule")):  # the next entry is not of that group
            bad.append((column, code, report.get("findings")))
    check("… with its leaf hash made to fit: the rules name it, and the head's root has another", not bad, str(bad))
    amount = next(e["index"] for e in entries if e["KIND"] == "FUND")
    code, report = with_change(folder, f"UPDATE entry SET amount = amount + 1 WHERE index = {amount};"
        f" UPDATE entry SET leaf_hash = leaf_hash_v1(entry_bytes_v1(version, kind, index, time_ms, group_first, group_len, group_pos,"
        f" debit, credit, amount, prev_debit, prev_credit, body)) WHERE index = {amount};", restore)
    check("an order's amount, changed so: its signature names the leaf", code == 1 and found(report, amount, "signature"), str(report))
    last = len(entries) - 1
    for name, sql, leaf in [("missing", f"DELETE FROM entry WHERE index = {hold};", hold), ("missing at the end", f"DELETE FROM entry WHERE index = {last};", last)]:
        code, report = with_change(folder, sql, restore)
        check(f"a row {name}: the export says which", code == 1 and f"Entry {leaf} is missing" in report["error"], str(report))
    psql(f"INSERT INTO entry SELECT {last + 1}, version, kind, time_ms, group_first, group_len, group_pos, debit, credit, amount,"
         f" prev_debit, prev_credit, body, leaf_hash FROM entry WHERE index = {last};")
    done = export(folder)
    psql(restore)
    check("a row beyond the head: the export says so", done.returncode == 1 and "1 more row" in done.stderr, done.stderr)


def test_columns_of_account(folder):
    psql("DO $$ DECLARE c text; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'account'::regclass AND contype = 'c'"
         " LOOP EXECUTE 'ALTER TABLE account DROP CONSTRAINT ' || c; END LOOP; END $$;")
    restore = "TRUNCATE account; INSERT INTO account SELECT * FROM account_kept;"
    columns = psql("SELECT attname FROM pg_attribute WHERE attrelid = 'account'::regclass AND attnum > 0 AND NOT attisdropped;").split()
    grant = psql("SELECT max(index) FROM account WHERE class = 5;").strip()
    bad = []
    for column in columns:
        value = {"closed": "NOT closed", "owner_org": "'01890000-0000-7000-8000-000000000000'"}.get(column, column + " + 1")
        code, report = with_change(folder, f"UPDATE account SET {column} = {value} WHERE index = {grant};", restore)
        name = "account" if column == "index" else column
        if code != 1 or not any(f"balance of account {grant}" in f["what"] and name in f["what"] for f in report["findings"]):
            bad.append((column, code, report))
    check(f"each column of an account ({len(columns)}): the auditor names account and column", not bad and len(columns) == 11, str(bad))
    code, report = with_change(folder, f"DELETE FROM account WHERE index = {grant};", restore)
    check("an account that is missing", code == 1 and any("missing" in f["what"] for f in report["findings"]), str(report))
    code, report = with_change(folder, "INSERT INTO account SELECT 9999, class, closed, owner_org, owner_site, parent, 0, 0, 0, 0, 9999"
                               " FROM account WHERE class = 3;", restore)
    check("an account that no entry opened", code == 1 and any("no entry opened: 9999" in f["what"] for f in report["findings"]), str(report))


def test_columns_of_head(folder, entries):
    restore = "TRUNCATE head; INSERT INTO head SELECT * FROM head_kept;"
    code, report = with_change(folder, "UPDATE head SET root = set_byte(root, 0, get_byte(root, 0) # 1);", restore)
    check("the head's root", code == 1 and found(report, None, "the head has"), str(report))
    code, report = with_change(folder, "UPDATE head SET size = size - 1;", restore)
    check("the head's size, less: rows beyond it, and another root", code == 1, str(report))
    code, report = with_change(folder, "UPDATE head SET size = size + 1;", restore)
    check("the head's size, more: an entry is missing", f"Entry {len(entries)} is missing" in report.get("error", ""), str(report))
    code, report = with_change(folder, "UPDATE head SET time_ms = 1;", restore)
    check("the head's time", code == 1 and found(report, None, "time"), str(report))


def test_bytes_of_files(folder, entries):
    files = [os.path.join(d, f) for d, _, names in os.walk(folder) for f in names]
    bundle = next(f for f in files if "/tile/entries/" in f)
    tile = next(f for f in files if "/tile/0/" in f)
    starts, at = [], 0
    data = open(bundle, "rb").read()
    while at < len(data):
        starts.append(at)
        at += 2 + int.from_bytes(data[at:at + 2], "big")
    bad = []

    def flip(path, at, leaf):
        kept = open(path, "rb").read()
        changed = bytearray(kept)
        changed[at] ^= 1 << at % 8
        open(path, "wb").write(changed)
        code, report = audit(folder)
        open(path, "wb").write(kept)
        if code != 1 or (report["first"] or {}).get("leaf") != leaf:
            bad.append((path, at, leaf, code, report.get("first")))

    for at in range(0, len(data), 131):
        flip(bundle, at, max(i for i, s in enumerate(starts) if s <= at))
    check(f"a byte of the entries, {len(data) // 131 + 1} times: the auditor names the leaf", not bad, str(bad[:3]))
    bad.clear()
    for at in range(0, 32 * len(entries), 29):
        flip(tile, at, at // 32)
    check("a byte of the leaf hashes: the auditor names the leaf", not bad, str(bad[:3]))
    bad.clear()
    for name in ("head", "balances.csv"):
        path = f"{folder}/{name}"
        for at in range(0, os.path.getsize(path), 7):
            kept = open(path, "rb").read()
            changed = bytearray(kept)
            changed[at] ^= 1
            open(path, "wb").write(changed)
            code, report = audit(folder)
            open(path, "wb").write(kept)
            late = name == "head" and b"time" in kept[max(0, at - 20):at]  # a later head time is lawful
            if code == 0 and not late:
                bad.append((name, at))
    check("a byte of the head or of the balances", not bad, str(bad))
    for path in (bundle, tile, f"{folder}/balances.csv", f"{folder}/head"):
        os.rename(path, path + ".gone")
        code, report = audit(folder)
        os.rename(path + ".gone", path)
        check(f"{os.path.relpath(path, folder)} missing", code == (3 if path.endswith("head") else 1), str(report))
        kept = open(path, "rb").read()
        open(path, "wb").write(kept[:-3])
        code, report = audit(folder)
        open(path, "wb").write(kept)
        check(f"{os.path.relpath(path, folder)} cut short", code == (3 if path.endswith("head") else 1), str(report))


def test_parts_missing(folder):
    for name, what in (("holds.csv", "what reservations say"), ("assertions.jsonl", "passkeys"), ("checkpoints.jsonl", "witnesses")):
        os.rename(f"{folder}/{name}", f"{folder}/../{name}")
        code, report = audit(folder)
        words = subprocess.run([f"{BUILD}/kontor-audit", "verify", folder], capture_output=True, text=True).stdout
        os.rename(f"{folder}/../{name}", f"{folder}/{name}")
        check(f"{name} missing: no fault, but not clean either, and said so", code == 4 and not report["clean"] and not report["complete"]
              and report["missing"] == [name] and report["faults"] == 0
              and f"INCOMPLETE: {name} is missing" in words and what in words and "No fault found." not in words, str(report) + words)


def test_remember(folder, scratch, entries):
    kept = os.path.join(scratch, "remembered")
    code, report = audit(folder, f"--remember={kept}")
    again, report2 = audit(folder, f"--remember={kept}")
    check("a head that was found good is remembered and demanded", code == 0 and again == 0 and os.path.exists(kept))
    lines = open(kept).read().split("\n")
    open(kept, "w").write("\n".join([lines[0], "40", lines[2]] + lines[3:]))
    code, report = audit(folder, f"--remember={kept}")
    check("another history before that size is told", code == 1 and found(report, None, "history was rewritten"), str(report))
    open(kept, "w").write("\n".join([lines[0], "4000", lines[2]] + lines[3:]))
    code, report = audit(folder, f"--remember={kept}")
    check("a shorter journal is told", code == 1 and found(report, None, "rolled back"), str(report))


def main():
    scratch = tempfile.mkdtemp(prefix="kontor-journal.")
    folder = os.path.join(scratch, "export")
    try:
        psql(f"CREATE DATABASE {DB};", db="postgres")
        for migration in sorted(os.listdir(os.path.join(SRC, "migrations"))):
            psql("BEGIN;" + open(os.path.join(SRC, "migrations", migration), encoding="utf-8").read() + "COMMIT;")
        done = export(folder)
        check("an empty journal has nothing to export", done.returncode == 1 and "empty" in done.stderr, done.stderr)
        entries = load()
        check("the golden vectors pass every CHECK: the encoder in SQL agrees", psql("SELECT count(*) FROM entry;").strip() == str(len(entries)))
        done = export(folder)
        code, report = audit(folder)
        words = subprocess.run([f"{BUILD}/kontor-audit", "verify", "--quiet", folder], capture_output=True, text=True).stdout
        check("a simulation's times are said not to be compared", "a simulation's clock runs on its own" in words, words)
        check("an export without a checkpoint is said to have none", "The export has no checkpoint" in words and "No fault found" in words, words)
        check("export and audit: no fault", done.returncode == 0 and code == 0 and report["clean"] and report["whole"]
              and report["balances_compared"] == report["accounts"] and report["complete"], str(report))
        told = report["signatures"]
        check("signatures are counted by who answers", told["by_site"] > 5 and told["by_officer"] > 3 and told["on_the_operators_word"] > 15, str(told))
        check("a second reader finds the same root and sums", second_reader(folder))
        text = subprocess.run([f"{BUILD}/kontor-audit", "verify", folder], capture_output=True, text=True).stdout
        check("the report says what rests on the operator's word", "On the operator's word" in text and "No fault found." in text)
        again = export(folder)
        code, report = audit(folder)
        check("an export over an earlier one", again.returncode == 0 and code == 0, again.stderr)
        os.makedirs(scratch + "/other")
        open(scratch + "/other/file", "w").close()
        check("never over anything else", export(scratch + "/other").returncode == 1)
        check("no such folder to audit", audit(scratch + "/nothing")[0] == 3)
        test_walls(entries)
        test_remember(folder, scratch, entries)
        test_parts_missing(folder)
        test_bytes_of_files(folder, entries)
        dump = subprocess.run(["pg_dump", "-d", DB, "-Fc", "-f", scratch + "/dump"], capture_output=True, text=True)
        psql("CREATE DATABASE journal_restored;", db="postgres")
        back = subprocess.run(["pg_restore", "-d", "journal_restored", "--exit-on-error", scratch + "/dump"], capture_output=True, text=True)
        done = export(scratch + "/restored", db="journal_restored")
        code, report = audit(scratch + "/restored", f"--remember={scratch}/remembered.again")
        same = subprocess.run(["diff", "-r", folder, scratch + "/restored"], capture_output=True).returncode == 0
        check("dumped, restored, exported, audited: no fault, byte by byte the same", code == 0 and same,
              dump.stderr + back.stderr + done.stderr + str(report))
        check("the CHECK is restored too", "entry_leaf" in psql("UPDATE entry SET amount = amount + 1 WHERE index = 20;", db="journal_restored", fails=True))
        test_columns_of_entry(folder, entries)
        test_columns_of_account(folder)
        test_columns_of_head(folder, entries)
    finally:
        shutil.rmtree(scratch)
    sys.exit(failed > 0)


main()
