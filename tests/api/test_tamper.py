"""The tamper matrix over a journal that a server wrote: each column of each table that the journal, its tree, its holds and
its evidence rest on, changed or made NULL by a superuser behind the server's back, is told by export and audit, with the row or
the leaf; and so are rows that are gone, rows that are hidden, and tables that are altered so that they show something else. The
columns come from the catalogue: one that is new has to be added here. (Each byte of the files: tests/journal/database.py and
tests/unit/test_audit.c. What a server does on such rows: test_seals.py.) Then whole histories that somebody made up, against
what an auditor has kept."""
import base64
import hashlib
import itertools
import json
import pathlib
import shutil
import struct
import subprocess
import sys

import passkey_orders
from fake_log import vkey
from fake_server import Key
from harness import BUILD
from seals import key_of, seal
from test_log import fresh, grow, newest, reader
from test_seals import tells

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journal"))

from reader import leaf_hash, root  # noqa: E402
from tlog import Key as VKey, tile_path  # noqa: E402

WORLD = {"simulation": False, "more": ["--public-entries=yes", "--checkpoint-ms=100"]}

TOLD = "told"
# What becomes of each column that is changed: told here; or it says nothing of the journal, and why.
TABLES = {
    "entry": dict.fromkeys("index version kind time_ms group_first group_len group_pos debit credit amount prev_debit prev_credit"
                           " body leaf_hash".split(), TOLD),
    "account": dict.fromkeys("index class closed owner_org owner_site parent posted_debits posted_credits held_debits held_credits"
                             " last_index".split(), TOLD),
    "tile": dict.fromkeys("level n hashes".split(), TOLD),
    "head": dict.fromkeys("one term batch size root time_ms seal".split(), TOLD),
    "checkpoint": dict.fromkeys("size root note signed_ms seal".split(), TOLD),
    "evidence": dict.fromkeys("order_id salt text people concerns created_ms erased_ms erasure site seal".split(), TOLD),
    "reservation": dict.fromkeys(
        "id request org hold grant_account site offering rate fence gpus walltime_s rate_milli cost_gpums window_start_ms window_end_ms"
        " start_by_ms settled_gpums quote jti nodes permit_from_ms accept_by_ms booked_slot booked_slots seq cancel_seq state outcome"
        " permit_instance first_permit_ms permit_ms permit_report created_ms received_ms queued_ms started_ms ended_ms settled_ms"
        " changed_ms reported_gpu_seconds reported_ms daily_settle_ms exit_code settle_entry void_entry dispute_entry"
        " cancel_ms disputed_ms dispute_why version move_freely moves moved_from moved_to workload workload_len output"
        " output_len output_ms name ask night nights needs secrets seal".split(), TOLD),
    "assertion": {**dict.fromkeys("sha256 bytes".split(), TOLD), "created_ms": "when it came: nobody asks for it"},
    # What witnesses say is theirs to prove: each row's signature is looked at, and whose name it bears.
    "cosignature": {**dict.fromkeys("size public name time_s signature".split(), TOLD),
                    "received_ms": "when it came, for figures of witnesses only"},
    # Nothing of the journal follows from these.
    "quorum": dict.fromkeys("policy size at_ms".split(), "which checkpoint is shown: its cosignatures are in it, and whoever reads it counts them"),
    "witness": dict.fromkeys("public site role name since_ms".split(), "whom a page names as witness; who counts is in the policy and in the journal's NOTICE of it"),
    "refusal": dict.fromkeys("site at_ms reason size root had_size had_root note received_ms".split(),
                             "what a witness has told of another history: its own disk keeps it, and the note proves itself"),
}
# What the audit of such an export says, beside the export's own word for the row.
LEAF = set("request org grant_account site offering rate fence gpus walltime_s rate_milli cost_gpums window_start_ms window_end_ms"
           " start_by_ms settled_gpums hold".split())
CHANGE = {"bigint": "coalesce({0} + 1, 1)", "integer": "coalesce({0} + 1, 1)", "smallint": "{0} + 1", "uuid": "'01900000-0000-7000-8000-0000000000ff'",
          "boolean": "NOT {0}", "uuid[]": "{0} || '01900000-0000-7000-8000-0000000000ff'::uuid",
          "bytea": "CASE WHEN octet_length({0}) > 0 THEN set_byte({0}, octet_length({0}) / 2, get_byte({0}, octet_length({0}) / 2) # 1) ELSE '\\x00' END",
          "text": "overlay({0} placing (CASE substr({0}, position(E'\\n' IN {0}) + 1, 1) WHEN '7' THEN '8' ELSE '7' END)"
                  " from position(E'\\n' IN {0}) + 1 for 1)"}


def columns(of, table):
    """of: a server or a Copy."""
    rows = of.sql(f"SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = '{table}'::regclass"
                            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum")
    return dict(row.split("|") for row in rows.split("\n"))


def export(world, folder, options=None):
    done = subprocess.run([str(BUILD / "kontord"), "export", *(options or world.server.options), str(folder)], capture_output=True, text=True)
    return done.returncode, done.stderr


def audit(folder, *options):
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", "--json", "--scratch=/tmp", *options, str(folder)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


class Copy:
    """The database of a server that has ended, to be tampered with; the server's own stays as it is."""

    numbers = itertools.count()

    def __init__(self, world):
        self.world, self.name = world, f"{world.server.name}_copy{next(Copy.numbers)}"
        self.folder, self.policy = world.server.data / "tampered", world.server.data / "policy"
        self.sql_of("template1", f"CREATE DATABASE {self.name} TEMPLATE {world.server.name}")
        self.options = [o.replace(f"dbname={world.server.name}", f"dbname={self.name}") for o in world.server.options]

    def sql_of(self, database, statement):
        done = subprocess.run(["psql", "-qXtA", "-v", "ON_ERROR_STOP=1", self.world.server.conninfo().replace(f"dbname={self.world.server.name}", f"dbname={database}"),
                               "-c", statement], capture_output=True, text=True)
        assert done.returncode == 0, (statement, done.stderr)
        return done.stdout.strip()

    def sql(self, statement):
        return self.sql_of(self.name, statement)

    def without_guards(self):
        """No constraint refuses what a superuser does: they are dropped, as a superuser can."""
        self.sql("DO $$ DECLARE c record; BEGIN FOR c IN SELECT conname, conrelid::regclass AS of FROM pg_constraint"
                 f" WHERE conrelid::regclass::text = ANY ('{{{','.join(TABLES)}}}') ORDER BY contype = 'p'"
                 " LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', c.of, c.conname); END LOOP;"
                 " FOR c IN SELECT attname, attrelid::regclass AS of FROM pg_attribute WHERE attnum > 0 AND attnotnull AND NOT attisdropped"
                 f" AND attrelid::regclass::text = ANY ('{{{','.join(TABLES)}}}')"
                 " LOOP EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', c.of, c.attname); END LOOP; END $$")

    def told(self, always_audit=True):
        """What is said of it as it is: by the export, but of guards that are gone; and by the audit where the export is whole."""
        _, said = export(self.world, self.folder, self.options)
        said = "".join(line + "\n" for line in said.splitlines() if "was altered, not by kontord migrate" not in line)
        if not (self.folder / "head").exists() or (said and not always_audit):
            return said
        report = audit(self.folder, f"--policy={self.policy}")
        return said + "\n".join(f"leaf {f['leaf']}: {f['what']}" for f in report["findings"])

    def altered(self):
        status, said = export(self.world, self.folder, self.options)
        return [line for line in said.splitlines() if "was altered, not by kontord migrate" in line], status

    def remove(self):
        self.sql_of("template1", f"DROP DATABASE {self.name} WITH (FORCE)")


def test_every_column_is_known(world):
    for table, known in TABLES.items():
        there = set(columns(world.server, table))
        assert there == set(known), (table, there ^ set(known))


def restarted(world):
    world.server.stop()
    world.server.start()
    fresh(world)


def by_passkey(world):
    """An order that a passkey has signed."""
    key = passkey_orders.enrol(world, "officer")
    order = world.people["officer"].must("POST", "/v1/funds", {"name": "Signed", "reference": "P", "credits": "1", "reason": "Test"}, status=202, key=True)
    assert passkey_orders.sign(world, "officer", order, key).json["state"] == "in_journal"
    passkey_orders.end(world, "officer", key)


def ended(world):
    """A server's journal with something in each of the tables; the server has ended."""
    grow(world, 300)
    by_passkey(world)
    reservation = world.accept()["id"]
    newest(world, reader(world), world.anybody.must("GET", "/v1/journal")["size"])
    vkey = world.anybody.must("GET", "/v1/journal")["vkey"]
    world.server.stop()
    (world.server.data / "policy").write_text(f"log {vkey}\nquorum none\n")
    copy = Copy(world)
    size, text = copy.sql("SELECT size, encode(split_part(note, E'\\n\\n', 1)::bytea, 'hex') FROM checkpoint ORDER BY size DESC LIMIT 1").split("|")
    witness = Key()
    signed = witness.sign(b"cosignature/v1\ntime 1790000000\n" + bytes.fromhex(text) + b"\n").hex()
    copy.sql(f"INSERT INTO witness VALUES ('\\x{witness.public.raw.hex()}', 1, 0, 'site.example/witness', 1);"
             f"INSERT INTO cosignature VALUES ({size}, '\\x{witness.public.raw.hex()}', 'site.example/witness', 1790000000, '\\x{signed}', 1)")
    return copy, reservation, size


KEY = {"entry": "index", "account": "index", "tile": "n", "head": "one", "checkpoint": "size", "evidence": "order_id", "reservation": "id",
       "assertion": "sha256", "cosignature": "public"}
# The columns of these tables, the keys, and what an export may end at are changed one by one, with an export each. The others
# share one: each is changed in a row of its own, and each row has to be named.
ALONE = {"tile", "head", "assertion", "cosignature"}
ENDS = {"root", "note"}
# An export ends at a NULL of these, since a walk asks for them. Of the sealed tables' other columns their seals tell.
WALKED = {**{table: set(TABLES[table]) for table in ("entry", "account", *ALONE)}, "checkpoint": {"size", "root", "note"},
          "evidence": {"order_id", "salt"}, "reservation": {"id", *LEAF}}
MADE_UP = "01900000-0000-7000-8000-"


class Rows:
    """The rows of a copy's table: changed, and put back as they were."""

    def __init__(self, copy, table):
        self.copy, self.table, self.key, self.types = copy, table, KEY[table], columns(copy, table)
        self.back = f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}; "
        copy.sql(f"CREATE TABLE kept_{table} AS TABLE {table}")

    def keys(self, where="true"):
        return self.copy.sql(f"SELECT {self.key} FROM {self.table} WHERE {where} ORDER BY {self.key} DESC LIMIT 100").split("\n")

    def where(self, key):
        return f"{self.key} = '{key}'" + (" AND level = 0" if self.table == "tile" else "")

    def change(self, wanted, keys, null=False):
        """Each of the columns in the row of its own key."""
        value = (lambda c: "NULL") if null else lambda c: CHANGE[self.types[c]].format(c)
        pairs = list(zip(wanted, keys))
        assert len(pairs) == len(wanted), f"{self.table} has too few rows for {wanted}"
        self.copy.sql(self.back + "; ".join(f"UPDATE {self.table} SET {c} = {value(c)} WHERE {self.where(k)}" for c, k in pairs))
        return pairs

    def filled(self, pairs):
        """Those whose column is not NULL in that row."""
        asked = " UNION ALL ".join(f"SELECT '{c}' FROM {self.table} WHERE {self.where(k)} AND {c} IS NOT NULL" for c, k in pairs)
        there = self.copy.sql(self.back + asked).split("\n")
        return [(c, k) for c, k in pairs if c in there]

    def made_up(self, like, n, key):
        """Reservations of no hold, but sealed as the server would have."""
        self.copy.sql(f"INSERT INTO kept_reservation SELECT r.* FROM generate_series(1, {n}) i, reservation o, jsonb_populate_record(o,"
                      f" jsonb_build_object('id', '{MADE_UP}' || lpad(i::text, 12, '0'))) r WHERE o.id = '{like}'; {self.back}")
        rows = self.copy.sql(f"SELECT id, encode(record_send(r), 'hex') FROM reservation r WHERE id::text LIKE '{MADE_UP}%'").split("\n")
        self.copy.sql("; ".join(f"UPDATE kept_reservation SET seal = '\\x{seal(key, 'reservation', bytes.fromhex(r))}' WHERE id = '{id}'"
                                for id, r in (row.split("|") for row in rows)) + f"; {self.back}")
        said = self.copy.told(always_audit=False)
        assert said == "" or all("holds.csv" in line for line in said.splitlines()), said
        return self.keys(f"id::text LIKE '{MADE_UP}%'")


def changed_alone(rows, column, key, size):
    """size: of the newest checkpoint."""
    copy, table = rows.copy, rows.table
    rows.change([column], [key])
    said = copy.told(always_audit=table not in ("head", "checkpoint", "evidence", "reservation"))
    assert said, f"{table}.{column}: not told"
    if table == "entry":
        assert f"leaf {key}:" in said or f"Entry {key} is missing" in said, (column, said)
    elif table == "account":
        assert f"account {key}" in said, (column, said)
    elif table == "tile":
        assert "leaf 128: its bytes hash to" in said or "leaf 127: its bytes hash to" in said if column == "hashes" else "tile 0/0 is missing" in said, said
    elif table in ("assertion", "cosignature"):
        assert "of the table assertion is not what its hash says" in said or f"the cosignature of {int(size) + (column == 'size')} entries by" in said \
            or "of the table cosignature has no note" in said, (column, said)
    elif not (table in ("head", "checkpoint") and column in ("size", "root", "note")): # the export may end there
        is_now = copy.sql(f"SELECT {rows.key} FROM {table} WHERE {rows.key}::text NOT IN (SELECT {rows.key}::text FROM kept_{table})")
        now = {"f": "false"}.get(is_now, is_now) or {"t": "true"}.get(key, key)
        assert f"row {now} of the table {table} is not as it was sealed" in said, (table, column, said)


def changed_together(rows, wanted, keys, of_row, audited):
    pairs = rows.change(wanted, keys)
    said = rows.copy.told(always_audit=audited)
    for column, key in pairs:
        for word in of_row(key):
            assert word in said, (rows.table, column, word, said)


def made_null(rows, wanted, key):
    for column, _ in rows.filled([(c, key) for c in wanted]):
        rows.change([column], [key], null=True)
        said = rows.copy.told(always_audit=False)
        assert " of the table " in said or f"Entry {key} is missing" in said or f"the table {rows.table} " in said, f"{rows.table}.{column} is NULL: not told: {said}"


def test_each_column_changed_is_told(world):
    for _ in LEAF:
        world.accept()
    copy, reservation, size = ended(world)
    assert copy.altered() == ([], 0) and copy.told() == ""
    copy.without_guards()
    assert copy.altered()[1] == 1
    holds = dict(row.split("|") for row in copy.sql("SELECT id, hold FROM reservation").split("\n"))
    for table, key in KEY.items():
        rows = Rows(copy, table)
        keys = rows.keys("level = 0" if table == "tile" else "true")
        told = [c for c, how in TABLES[table].items() if how == TOLD]
        together = [c for c in told if table not in ALONE and c != key and c not in ENDS]
        for column in told:
            if column not in together:
                changed_alone(rows, column, keys[0], size)

        def sealed(key, table=table):
            return [f"row {key} of the table {table} is not as it was sealed"]

        made_null(rows, [c for c in told if c in WALKED[table] and c != "seal"], keys[0])
        if table == "reservation":
            changed_together(rows, [c for c in together if c in LEAF], keys, lambda id: [*sealed(id), f"leaf {holds[id]}:"], True)
            together = [c for c in together if c not in LEAF]
            keys = rows.made_up(reservation, len(together), key_of(world.server))
        if together:
            changed_together(rows, together, keys, {"entry": lambda k: [f"leaf {k}:"], "account": lambda k: [f"account {k}"]}.get(table, sealed), table in ("entry", "account"))
        nulls = rows.filled([(c, k) for c, k in zip(together, keys) if c not in WALKED[table] and c != "seal"]) if table not in ("entry", "account", *ALONE) else []
        if nulls:
            rows.change([c for c, _ in nulls], [k for _, k in nulls], null=True)
            said = copy.told(always_audit=False)
            for column, k in nulls:
                assert sealed(k)[0] in said, (table, column, "NULL", said)
        copy.sql(f"DELETE FROM kept_{table} WHERE {key}::text LIKE '{MADE_UP}%'; {rows.back}")
    gone_and_twice(copy, {table: f"{KEY[table]} = '{of}'" for table, of in (
        ("entry", copy.sql("SELECT max(index) FROM entry")), ("account", copy.sql("SELECT max(index) FROM account")), ("head", "true"), ("tile", 0),
        ("reservation", reservation), ("assertion", copy.sql("SELECT sha256 FROM assertion")), ("evidence", copy.sql("SELECT order_id FROM evidence ORDER BY order_id LIMIT 1")))}, holds[reservation])
    # A checkpoint that is gone contradicts nothing: the log would sign the same head again, whoever was given the note has it.
    copy.sql("INSERT INTO tile SELECT 1, 0, hashes FROM tile; CREATE TABLE odd AS SELECT * FROM entry WHERE index = 1; UPDATE odd SET index = -7; INSERT INTO entry SELECT * FROM odd")
    said = copy.told()
    assert "tile 1/0 is in the table, and a log of" in said and "entry -7 is in the table, and the head covers" in said, said
    copy.remove()
    world.server.start()


def gone_and_twice(copy, rows, hold):
    order = rows["evidence"].split("'")[1]
    entry, account, reservation = (rows[table].split("'")[1] for table in ("entry", "account", "reservation"))
    GONE = {"head": "Stored data does not verify", "tile": "tile 0/0 is missing from the table", "account": f"account {account}",
            "evidence": f"row {order} of the table evidence is missing", "reservation": f"leaf {hold}: holds.csv lacks reservation {reservation}",
            "entry": f"Entry {entry} is missing", "assertion": ": its assertion is missing"}
    TWICE = {"entry": f"entry {entry} is in the table twice", "head": "the table head has 2 rows", "tile": "tile 0/0 is in the table twice",
             "account": f"that no entry opened: {account}", "reservation": f"reservation {reservation}"}
    for table, what in GONE.items():
        back = f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"
        copy.sql(f"DELETE FROM {table} WHERE {rows[table]}")
        said = copy.told()
        assert what in said, said
        copy.sql(back)
        if table in TWICE:
            copy.sql(f"INSERT INTO {table} SELECT * FROM {table} WHERE {rows[table]}")
            said = copy.told()
            assert TWICE[table] in said, said
            copy.sql(back)


# What a superuser can do to the tables, so that rows look right and are not; the word for it; and back.
SWAPPED = "ALTER TABLE account RENAME posted_debits TO x; ALTER TABLE account RENAME posted_credits TO posted_debits; ALTER TABLE account RENAME x TO posted_credits"
ALTERED = [
    (SWAPPED, 'column 7 of the table account is "posted_credits bigint", and not "posted_debits bigint"', SWAPPED),
    ("ALTER TABLE reservation DROP CONSTRAINT reservation_form, ALTER gpus TYPE numeric", 'column 11 of the table reservation is "gpus numeric"', "ALTER TABLE reservation ALTER gpus TYPE bigint"),
    ("ALTER TABLE evidence ADD more text", 'column 11 of the table evidence ("more text") is not of the migrations\' making', "ALTER TABLE evidence DROP more"),
    ("CREATE FUNCTION record_send(head) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT ''::bytea $$", "the function public.record_send(public.head)", "DROP FUNCTION record_send(head)"),
    ("CREATE FUNCTION public.count() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 7::bigint", "the function public.count()", "DROP FUNCTION public.count()"),
    ("CREATE OR REPLACE FUNCTION actor_is_server() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE RETURN true", "the function public.actor_is_server()", None),
    ("CREATE FUNCTION public.never(text, bigint) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false; CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = bigint, FUNCTION = public.never)",
     "the operator public.=(text,bigint)", "DROP OPERATOR public.= (text, bigint)"),
    ("CREATE POLICY hides ON evidence AS RESTRICTIVE FOR SELECT USING (order_id IS NULL)", "the policy hides of the table evidence", "DROP POLICY hides ON evidence"),
    ("ALTER ROLE kontor_worker BYPASSRLS", 'the role kontor_worker is "above row security"', "ALTER ROLE kontor_worker NOBYPASSRLS"),
    ("GRANT kontor_owner TO kontor_worker", 'what the role kontor_worker is a member of is "kontor_owner", and not "nothing"', "REVOKE kontor_owner FROM kontor_worker"),
    ("ALTER TABLE cosignature DISABLE ROW LEVEL SECURITY", "the table cosignature is", "ALTER TABLE cosignature ENABLE ROW LEVEL SECURITY"),
    ("CREATE TABLE more_entries () INHERITS (entry)", 'the table entry is "r p row security inherits"', "DROP TABLE more_entries"),
    ("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER nothing BEFORE INSERT ON tile FOR EACH ROW EXECUTE FUNCTION nothing()",
     "the trigger nothing of the table tile", "DROP TRIGGER nothing ON tile"),
    ("CREATE RULE away AS ON INSERT TO checkpoint DO INSTEAD NOTHING", "the rule away of the table checkpoint", "DROP RULE away ON checkpoint"),
    ("ALTER TABLE entry DROP CONSTRAINT entry_leaf", "the constraint entry_leaf of the table entry is missing", None),
    ("ALTER TABLE head ALTER seal SET DEFAULT ''", "the column seal of the table head, NULL and default is", None),
]


def test_tables_that_were_altered_are_told(world):
    world.server.stop()
    copy = Copy(world)
    for change, what, back in ALTERED:
        copy.sql(change)
        lines, status = copy.altered()
        assert status == 1 and any(what in line for line in lines), (change, lines)
        if back:
            copy.sql(back)
    copy.remove()
    # A role's path to a namesake of a table, as an operator may have set it: it is not taken.
    world.server.sql("CREATE SCHEMA evil; CREATE VIEW evil.entry AS SELECT * FROM public.entry WHERE index < 5; GRANT USAGE ON SCHEMA evil TO PUBLIC;"
                     f" GRANT SELECT ON evil.entry TO PUBLIC; ALTER ROLE kontor_worker IN DATABASE {world.server.name} SET search_path = evil, public")
    assert export(world, world.server.data / "tampered") == (0, ""), "the path of the role was taken"
    world.server.sql(f"ALTER ROLE kontor_worker IN DATABASE {world.server.name} RESET search_path; DROP SCHEMA evil CASCADE")
    for setting in ("bytea_output = escape", "standard_conforming_strings = off", "row_security = off", "quote_all_identifiers = on"):
        world.server.sql(f"ALTER ROLE kontor_worker IN DATABASE {world.server.name} SET {setting}")
    assert export(world, world.server.data / "tampered") == (0, ""), "the role's settings were taken"
    world.server.sql(f"ALTER ROLE kontor_worker IN DATABASE {world.server.name} RESET ALL")
    world.server.start()


def test_a_server_does_not_lead_on_tables_that_show_something_else(world):
    world.server.stop()
    world.server.sql("CREATE POLICY hides ON reservation AS RESTRICTIVE FOR SELECT TO kontor_writer USING (false); ALTER TABLE tile ALTER n SET DEFAULT 7")
    world.server.start(ready=False)
    tells(world, "the policy hides of the table reservation")
    assert '"event":"database-altered"' in world.server.tail_all() and "the column n of the table tile" in world.server.tail_all()
    world.server.stop()
    done = subprocess.run([str(BUILD / "kontord"), "reseal", *world.server.options], capture_output=True, text=True)
    assert done.returncode == 1 and "the policy hides" in done.stderr and "nothing is sealed" in done.stderr, done
    world.server.sql("DROP POLICY hides ON reservation; ALTER TABLE tile ALTER n DROP DEFAULT; ALTER TABLE reservation ALTER settled_ms TYPE numeric")
    world.server.start(ready=False)
    tells(world, "in the place of settled_ms is settled_ms, of the type numeric")
    world.server.stop()
    world.server.sql("ALTER TABLE reservation ALTER settled_ms TYPE bigint")
    world.server.start()
    fresh(world)


def test_a_tile_that_is_gone_is_made_and_told(world):
    grow(world, 600)
    want = [world.anybody.get(f"/tile/0/00{n}").body for n in (0, 1)]
    receipt = world.anybody.get("/v1/journal/entries/5/receipt?size=600").body
    world.server.sql("DELETE FROM tile")
    assert [world.anybody.get(f"/tile/0/00{n}").body for n in (0, 1)] == want
    assert world.anybody.get("/v1/journal/entries/5/receipt?size=600").body == receipt
    assert '"event":"tile-missing"' in world.server.tail_all()
    status, said = export(world, world.server.data / "tampered")
    assert status == 1 and "tiles 0/0 to 0/1 are missing from the table" in said, said
    restarted(world)
    assert '"event":"tiles-were-missing","made_anew":2' in world.server.tail_all()
    assert export(world, world.server.data / "tampered") == (0, "")
    world.server.sql("CREATE TABLE kept AS SELECT * FROM entry WHERE index = 300; DELETE FROM entry WHERE index = 300")
    assert world.anybody.get("/tile/entries/001").status == 500, "the head covers it"
    for what in ("", "/receipt", "/bytes", "/evidence"):
        for index, status in ((300, 500), (100000, 404)):
            assert world.people["officer"].get(f"/v1/journal/entries/{index}{what}").status == status, (index, what)
    world.server.stop()
    world.server.start(ready=False)
    tells(world, "entry 300 is missing")
    world.server.sql("INSERT INTO entry SELECT * FROM kept; DROP TABLE kept")
    restarted(world)


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


# ---- times ---------------------------------------------------------------------------------------------------------------


class Seen:
    """An export, with checkpoints that witnesses of ours have cosigned when a test says so."""

    def __init__(self, world, folder):
        self.folder, self.history = folder, History(folder)
        self.times = [int.from_bytes(e[12:20], "big") for e in self.history.entries]
        self.keys = {name: Key() for name in "abc"}
        self.vkeys = {name: vkey(f"witness.example/{name}", 4, key.public.raw) for name, key in self.keys.items()}
        self.policy = world.server.data / "witnesses"
        self.policy.write_text("".join(f"witness {n} {v}\n" for n, v in self.vkeys.items()) + "group two 2 a b c\nquorum two\n")

    def note(self, size, times, change=lambda text: text):
        text = f"{self.history.head[0]}\n{size}\n{base64.b64encode(root([leaf_hash(e) for e in self.history.entries[:size]])).decode()}\n"
        text, lines = change(text), ""
        for name, at in times.items():
            key = VKey(self.vkeys[name])
            signed = self.keys[name].sign(f"cosignature/v1\ntime {at}\n{text}".encode())
            lines += f"— {key.name} {base64.b64encode(key.id + struct.pack('>Q', at) + signed).decode()}\n"
        return text + "\n" + lines

    def report(self, *notes, options=(), status=0):
        (self.folder / "checkpoints.jsonl").write_text("".join(json.dumps({"note": n}) + "\n" for n in notes))
        report = audit(self.folder, f"--policy={self.policy}", *options)
        said = "\n".join(f["what"] for f in report["findings"])
        assert report["clean"] == (status == 0), said
        return report["times"], said, report["first"]


def test_times_are_compared_with_witnesses_clocks(world):
    folder = world.server.data / "seen-when"
    newest(world, reader(world), world.anybody.must("GET", "/v1/journal")["size"])
    assert export(world, folder)[0] == 0
    s = Seen(world, folder)
    n, at = len(s.times), [t // 1000 for t in s.times]
    half, log = n // 2, (folder / "checkpoint").read_text().split("\n\n")[1]

    def newest_is(times):
        text, lines = s.note(n, times).split("\n\n")
        (folder / "checkpoint").write_text(f"{text}\n\n{log}{lines}")

    newest_is({"a": at[-1] + 5, "b": at[-1] + 7})

    times, _, _ = s.report(s.note(half, {"a": at[half - 1] + 5, "b": at[half - 1] + 9}))
    assert times["judged"] and times["seen"] == n and times["late"] == times["ahead"] == times["witness_behind"] == 0, times
    assert times["cosignatures"] == 4 and times["checkpoints"] == 2
    longest = times["longest_of_last_week"]
    assert longest["witness"] == "b" and longest["entry"] in range(n), times

    early = {"a": at[-1] - 600, "b": at[-1] - 601} # the last entry says that it was written ten minutes after that
    times, said, leaf = s.report(s.note(half, {"a": at[half - 1] + 1}), s.note(n, early), status=1)
    wrong = next(i for i in range(n) if s.times[i] > (at[-1] - 600) * 1000 + 999 + 60000)
    assert leaf["leaf"] == wrong and "it is not when it was written" in said and "a the last of them" in said, (leaf, said)
    assert times["ahead"] == n - wrong
    s.report(s.note(n, early), options=["--clocks=700"])
    times, _, _ = s.report(s.note(n, {"a": at[-1] - 600})) # one alone may have a slow clock, and makes nobody a liar
    assert times["witness_behind"] > 0 and times["worst_witness_behind"]["witness"] == "a" and times["ahead"] == 0, times

    newest_is({"a": at[-1] + 5, "b": at[-1] + 9000}) # b was away
    times, _, _ = s.report(s.note(half, {"b": at[half - 1] + 2}))
    assert times["seen"] == n and times["late"] >= n - half and times["latest"]["witness"] == "b", times
    assert times["latest"]["entry"] >= half, "b's first half and a's second are enough for the first half"
    assert s.report(s.note(half, {"b": at[half - 1] + 2}), options=["--late=100000"])[0]["late"] == 0
    words = run("verify", "--scratch=/tmp", f"--policy={s.policy}", folder)[1]
    assert "entries were first seen over 3600 s after the time that they bear" in words and "No fault found." in words, words
    newest_is({"a": at[-1] + 5})
    times, said, _ = s.report(status=1)
    assert times["seen"] == 0 and "Too few" in said, (times, said)

    newest_is({"a": at[-1] + 5, "b": at[-1] + 7})
    good = s.note(half, {"a": at[half - 1] + 5})
    line = good.splitlines()[-1]
    for note, what in ((good.replace(line, line[:-20] + ("A" if line[-20] != "A" else "B") + line[-19:]), "line 1: a signature of a known key does not verify"),
                       (s.note(half, {"a": at[-1]}, lambda t: t.replace(f"\n{half}\n", f"\n{half - 1}\n")), f"the first {half - 1} entries are not those of a checkpoint"),
                       (s.note(half, {}, lambda t: t.replace(f"\n{half}\n", f"\n{n + 1}\n")) + "— x AAAAAAA=\n", "the journal was rolled back"),
                       (s.note(half, {"a": 5}, lambda t: "x" + t), "line 1: it is of another origin"), ("nothing", "line 1: it is not a signed checkpoint")):
        said = s.report(note, status=1)[1]
        assert what in said, (what, said)
    for text in ("{}\n", "no json\n", json.dumps({"note": good}), json.dumps({"note": good, "more": 1}) + "\n"):
        (folder / "checkpoints.jsonl").write_text(text)
        assert "checkpoints.jsonl: line 1" in first(audit(folder))[1], text
    (folder / "checkpoints.jsonl").write_text(json.dumps({"note": good}) + "\n")
    assert audit(folder)["times"]["judged"] is False, "nobody said who the witnesses are"
    assert "Times are the operator's word" in run("verify", "--scratch=/tmp", folder)[1]


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
    assert report["times"]["judged"] is report["times"]["checkpoints_there"] is False, report["times"]
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
