"""What stands behind the journal's commitments: read by those to whom it is due, compared by the auditor, erased on request
and never back; and the assertions of those who sign with a passkey, as bytes beside the entry."""
import hashlib
import json
import subprocess

from harness import BUILD
from world import stamp

WORLD = {"more": ["--checkpoint-ms=100"]}
GIVEN = "The company asked for it on 3 May; Ms Müller decided."
BASIS = "\n\nLegal basis: Aid under the General Block Exemption Regulation (Regulation (EU) No 651/2014). Gross grant equivalent: EUR 0.01."
REASON = GIVEN + BASIS  # what is kept


def entry_of(world, kind):
    """The newest entry of this kind."""
    return world.people["officer"].must("GET", f"/v1/journal/entries?kind={kind}&limit=1")["items"][0]


def evidence(world, who, index):
    return world.people[who].must("GET", f"/v1/journal/entries/{index}/evidence")


def audited(world, *options, evidence=True, changed=False):
    """changed: what the export says of a row that is not as the server wrote it; it is whole all the same."""
    changed = "of the table evidence is not as it was sealed" if changed is True else changed
    folder = world.server.data / "export"
    done = subprocess.run([str(BUILD / "kontord"), "export", *(["--with-evidence"] if evidence else []), *world.server.options, str(folder)], capture_output=True, text=True)
    assert done.returncode == bool(changed) and (changed in done.stderr if changed else not done.stderr), done.stderr
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", *options, str(folder)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, folder


def report(world, **more):
    status, said, _ = audited(world, "--json", **more)
    assert status in (0, 1), said
    return json.loads(said)


def granted(world):
    """A grant to brisa with a reason of its own: the GRANT's index."""
    now = int(world.server.sql("SELECT max(time_ms) FROM entry"))
    world.people["officer"].must("POST", "/v1/grants", {
        "organisation": world.organisations["brisa"], "tranche": world.tranche, "mode": "fast-lane", "credits": "5", "start": stamp(now),
        "end": stamp(now + 86400000), "reference": "E-1", "gge_eur_cents": 1, "legal_basis": "gber", "reason": GIVEN}, status=201, key=True)
    return entry_of(world, "GRANT")["index"]


def test_the_reason_is_read_by_those_to_whom_it_is_due(world):
    index = granted(world)
    body = world.people["officer"].must("GET", f"/v1/journal/entries/{index}")["body"]
    for who in ("officer", "auditor", "administrator", "brisa", "brisa2"):
        seen = evidence(world, who, index)
        assert seen["state"] == "kept" and seen["text"] == REASON and seen["commitment"] == body["commitment"], (who, seen)
        assert hashlib.sha256(bytes.fromhex(seen["salt"]) + REASON.encode()).hexdigest() == body["commitment"]
        assert ("people" in seen) == (who not in ("brisa", "brisa2")), "who decided is for the programme"
    for who in ("nordlys", "lumi", "anybody"):
        assert world.people[who].get(f"/v1/journal/entries/{index}/evidence").status == 404, who
    fund = entry_of(world, "FUND")["index"]
    seen = evidence(world, "anybody", fund)
    assert seen["state"] == "withheld" and "text" not in seen and "salt" not in seen, seen
    assert evidence(world, "officer", fund)["text"] == "Test"
    assert evidence(world, "anybody", 0) == {"entry": 0, "state": "none", "assertions": []}


def test_the_auditor_compares_each_text_with_its_commitment(world):
    index = granted(world)
    kept = report(world)
    assert kept["clean"] and kept["evidence"]["there"] and kept["evidence"]["kept"] >= 5 and kept["evidence"]["erased"] == 0, kept
    without = report(world, evidence=False)
    assert without["clean"] and not without["evidence"]["there"], "an export for everybody has no texts"
    order = world.people["officer"].must("GET", f"/v1/journal/entries/{index}")["body"]["order"]
    where = f"WHERE order_id = '{order}'"
    for change, back, says in (
            ("UPDATE evidence SET text = text || '.'", f"UPDATE evidence SET text = '{REASON}'", "not the one that the entry commits to"),
            ("UPDATE evidence SET salt = set_byte(salt, 31, get_byte(salt, 31) # 1)", "UPDATE evidence SET salt = set_byte(salt, 31, get_byte(salt, 31) # 1)", "not the one that the entry commits to"),
            ("UPDATE evidence SET order_id = '01900000-0000-7000-8000-000000000001'", None, "its text is missing, and no erasure of it is in the journal")):
        world.server.sql(f"{change} {where}")
        found = report(world, changed=True)
        assert found["first"] and found["first"]["leaf"] == index and says in found["first"]["what"], (change, found["findings"])
        world.server.sql(f"{back} {where}" if back else f"UPDATE evidence SET order_id = '{order}' WHERE order_id = '01900000-0000-7000-8000-000000000001'")
    world.server.sql(f"CREATE TABLE kept AS SELECT * FROM evidence {where}; DELETE FROM evidence {where}")
    assert report(world, changed=f"row {order} of the table evidence is missing")["first"]["leaf"] == index
    world.server.sql("INSERT INTO evidence SELECT * FROM kept; DROP TABLE kept")
    assert report(world)["clean"]


def test_an_erased_text_is_gone_and_the_proof_holds(world):
    index = granted(world)
    before = world.people["officer"].must("GET", f"/v1/journal/entries/{index}")
    for who, status in (("brisa", 403), ("auditor", 403), ("lumi", 403), ("anybody", 401)):
        assert world.people[who].post(f"/v1/journal/entries/{index}/erase", {"reason": "asked"}, key=True).status == status, who
    reply = world.people["officer"].post(f"/v1/journal/entries/{index}/erase", {"reason": "asked"}, key="erase-1")
    assert reply.status == 200 and reply.json["state"] == "erased", reply
    notice = world.anybody.must("GET", f"/v1/journal/entries/{reply.json['erasure']}")
    assert notice["kind"] == "NOTICE" and notice["body"]["type"] == "erasure" and notice["body"]["commitment"] == before["body"]["commitment"]
    assert notice["body"]["reason"] == 1 and notice["time"] == reply.json["erased"]
    assert world.people["officer"].post(f"/v1/journal/entries/{index}/erase", {"reason": "asked"}, key="erase-1").json == reply.json, "again: the same"
    again = world.people["officer"].post(f"/v1/journal/entries/{index}/erase", {"reason": "asked"}, key=True)
    assert again.status == 409 and again.json["code"] == "erased", again
    for who in ("officer", "auditor", "administrator", "brisa"):
        seen = evidence(world, who, index)
        assert seen["state"] == "erased" and not {"text", "salt", "people"} & set(seen) and seen["erased"] == notice["time"], seen
    order = before["body"]["order"]
    assert world.server.sql(f"SELECT count(*) FROM evidence e WHERE e::text LIKE '%Müller%' AND order_id = '{order}'") == "0"
    assert world.people["officer"].must("GET", f"/v1/journal/entries/{index}") == before, "the entry stands as it stood"
    found = report(world)
    assert found["clean"] and found["evidence"]["erased"] == 1, found
    assert found["evidence"]["erasures"] == [{"entry": index, "notice": notice["index"], "time": notice["time"]}], found["evidence"]
    status, said, folder = audited(world)
    assert status == 0 and f"of entry {index}: erased on {notice['time']} (entry {notice['index']})" in said, said
    for column in ("erased_ms", "erasure"):  # what callers are told of it is the journal's word
        world.server.sql(f"UPDATE evidence SET {column} = {column} - 1 WHERE order_id = '{order}'")
        found = report(world, changed=True)
        assert found["first"]["leaf"] == index and f"it was erased by entry {notice['index']}, at that entry's time" in found["first"]["what"], (column, found)
        world.server.sql(f"UPDATE evidence SET {column} = {column} + 1 WHERE order_id = '{order}'")
    assert report(world)["clean"]
    assert "Müller" not in "".join(line for line in (folder / "evidence.jsonl").read_text().splitlines() if order in line)


def test_an_erasure_that_is_none_is_found(world):
    """Erased without a word in the journal; a word in the journal and the text still there; and it never comes back."""
    index, other = granted(world), granted(world)
    order = world.people["officer"].must("GET", f"/v1/journal/entries/{index}")["body"]["order"]
    world.server.sql("CREATE TABLE kept AS SELECT * FROM evidence")
    world.server.sql(f"UPDATE evidence SET salt = NULL, text = NULL, people = '{{}}', erased_ms = 1, erasure = 1 WHERE order_id = '{order}'")
    found = report(world, changed=True)
    assert found["first"]["leaf"] == index and "no erasure of it is in the journal" in found["first"]["what"], found
    world.server.sql("DELETE FROM evidence; INSERT INTO evidence SELECT * FROM kept")
    notice = world.people["administrator"].must("POST", f"/v1/journal/entries/{other}/erase", {"reason": "kept-long-enough"}, key=True)
    world.server.sql("DELETE FROM evidence; INSERT INTO evidence SELECT * FROM kept; DROP TABLE kept")
    seen = evidence(world, "officer", other)
    assert seen["state"] == "erased" and seen["erasure"] == notice["erasure"] and not {"text", "salt", "people"} & set(seen), seen
    assert '"event":"erased-text-is-there"' in world.server.tail_all()
    found = report(world, changed="of the table evidence has a text again that was erased", evidence=False)
    assert found["clean"], "the texts were not asked for, and the export tells all the same"
    found = report(world, changed="of the table evidence has a text again that was erased")
    assert found["first"]["leaf"] == other and f"entry {notice['erasure']} says that its text was erased, but it is still there" in found["first"]["what"], found
    world.people["officer"].must("POST", f"/v1/journal/entries/{other}/erase", {"reason": "mistaken"}, key=True)
    assert report(world)["clean"]
    for reason in ("because", "", None):
        assert world.people["officer"].post(f"/v1/journal/entries/{index}/erase", {"reason": reason}, key=True).status == 422
    assert world.people["officer"].post("/v1/journal/entries/0/erase", {"reason": "asked"}, key=True).status == 404
    assert world.people["officer"].post("/v1/journal/entries/9999999/erase", {"reason": "asked"}, key=True).status == 404


def test_an_assertion_is_what_its_hash_says(world):
    """One that no entry has, as the server would never write it; what true ones say: test_passkey_orders.py."""
    said = b'{"clientDataJSON": "\xc3\xa9", "authenticatorData": "", "signature": ""}'
    digest = hashlib.sha256(said).hexdigest()
    world.server.sql(f"INSERT INTO assertion VALUES ('\\x{digest}', '\\x{said.hex()}', 1)")
    status, _, folder = audited(world)
    line = json.loads((folder / "assertions.jsonl").read_text())
    assert line == {"sha256": digest, "assertion": said.hex()}, line
    found = report(world, evidence=False)
    assert not found["clean"] and f"no entry has the assertion {digest[:16]}…" in found["findings"][0]["what"], found
    world.server.sql("ALTER TABLE assertion DROP CONSTRAINT assertion_hash; UPDATE assertion SET bytes = set_byte(bytes, 3, get_byte(bytes, 3) # 1)")
    found = report(world, evidence=False, changed=f"row {digest} of the table assertion is not what its hash says")
    assert not found["clean"] and "an assertion is not what its hash says" in found["findings"][0]["what"], found
    world.server.sql("DELETE FROM assertion; ALTER TABLE assertion ADD CONSTRAINT assertion_hash CHECK (sha256 = sha256(bytes))")
    assert report(world)["clean"]


def test_lines_that_are_none(world):
    _, _, folder = audited(world)
    path = folder / "evidence.jsonl"
    good = path.read_text()
    salted = next(i for i, line in enumerate(good.splitlines(), 1) if '"salt"' in line)  # an erased one has none
    for broken, says in ((good + "{}\n", "line"), (good + "x", "cut short"), (good + '{"order": 1}\n', "line"), (good.replace('"salt"', '"sale"', 1), f"line {salted}"), ("\0" + good, "no text")):
        path.write_text(broken)
        done = subprocess.run([str(BUILD / "kontor-audit"), "verify", str(folder)], capture_output=True, text=True)
        assert done.returncode == 1 and "evidence.jsonl" in done.stdout and says in done.stdout, (says, done.stdout)
