"""Rows sealed under a key that the database does not hold: what is written bears the seal that the specification says (and
not the C code), a server does not lead on a row that was changed behind its back, nor serve it; the export names it; kontord
reseal is the way out. And the key's file: made, missing, lost, a second server's. (Column by column: test_tamper.py.)"""
import subprocess
import time

from harness import BUILD, Client, Second
from seals import KEYS, seals
from test_log import fresh, grow

WORLD = {"more": ["--public-entries=yes", "--checkpoint-ms=100"]}


def kontord(world, verb, *words, server=None):
    done = subprocess.run([str(BUILD / "kontord"), verb, *(server or world.server).options, *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def until(what, why, seconds=20):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, why
        time.sleep(0.05)
    return found


def reason(server):
    reply = Client(server, local=True).get("/health/ready")
    return reply.status == 503 and reply.json.get("reason", "")


def tells(world, what):
    """Readiness does, and nothing is led; in between it waits for the lease that it has just given back."""
    return until(lambda: what in (said := reason(world.server) or "") and said, f"readiness does not say {what}")


def restart(world, change):
    world.server.stop()
    world.server.sql(change)
    world.server.start(ready=False)


def refused(world):
    """It does not start: what it says."""
    done = subprocess.run([str(BUILD / "kontord"), "serve", *world.server.options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    return done.stderr


def test_each_row_bears_its_seal(world):
    size = grow(world, 40)["size"]
    world.accept()
    until(lambda: world.server.sql("SELECT count(*) FROM checkpoint") != "0", "nothing is signed")
    world.server.stop()
    assert size < int(world.server.sql("SELECT size FROM head"))
    for table in KEYS:
        found = seals(world.server, table)
        assert found and all(bears == must for bears, must in found.values()), (table, found)
    world.server.start()
    fresh(world)


def test_a_changed_reservation_stops_the_server_until_it_is_sealed(world):
    id = world.accept()["id"]
    restart(world, f"UPDATE reservation SET reported_gpu_seconds = reported_gpu_seconds + 1 WHERE id = '{id}'")
    assert "kontord reseal" in tells(world, f"reservation {id} is not as it was sealed")
    world.server.stop()
    status, said = kontord(world, "export", str(world.server.data / "wrong"))
    assert status == 1 and f"row {id} of the table reservation is not as it was sealed" in said and "1 rows are not as they were sealed" in said, said
    status, said = kontord(world, "reseal")
    assert status == 0 and said.startswith(f"reservation {id}: was not as it was sealed\n") and "1 of them were wrong" in said, said
    status, said = kontord(world, "reseal")
    assert status == 0 and " 0 of them were wrong" in said, said
    world.server.start()
    fresh(world)
    world.accept()


def test_a_changed_head_stops_the_server(world):
    restart(world, "UPDATE head SET term = term + 1000")
    tells(world, "head row is not as it was sealed")
    world.server.stop()
    status, said = kontord(world, "reseal")
    assert status == 0 and "head true: was not as it was sealed" in said, said
    world.server.start()
    fresh(world)


def test_a_row_that_is_put_back_is_told_by_the_journal(world):
    """With the seal that it had then: its hold has been closed since."""
    id = world.accept()["id"]
    row = f"reservation WHERE id = '{id}'"
    world.server.sql(f"CREATE TABLE kept AS SELECT * FROM {row}")
    world.people["brisa"].must("POST", f"/v1/reservations/{id}/cancel", {}, key=True)
    world.server.sql(f"CREATE TABLE ended AS SELECT * FROM {row}")
    restart(world, f"DELETE FROM {row}; INSERT INTO reservation SELECT * FROM kept")
    tells(world, "a reservation is issued, and its hold")
    world.server.stop()
    world.server.sql(f"DELETE FROM {row}; INSERT INTO reservation SELECT * FROM ended; DROP TABLE kept, ended")
    world.server.start()
    fresh(world)


def test_a_tile_of_no_level_is_told(world):
    grow(world, 300)
    world.server.stop()
    again = world.server.sql("SELECT string_agg(format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), ', ') FROM pg_constraint WHERE conrelid = 'tile'::regclass AND contype = 'c'")
    checks = world.server.sql("SELECT string_agg(format('DROP CONSTRAINT %I', conname), ', ') FROM pg_constraint WHERE conrelid = 'tile'::regclass AND contype = 'c'")
    restart(world, (f"ALTER TABLE tile {checks}; " if checks else "") + "UPDATE tile SET level = 1000000 WHERE level = 0 AND n = 0")
    tells(world, "tile 1000000/0: there is no such level")
    world.server.stop()
    world.server.sql(f"UPDATE tile SET level = 0 WHERE level = 1000000; ALTER TABLE tile {again}")
    world.server.start()
    fresh(world)


def test_while_it_leads_nobody_seals(world):
    status, said = kontord(world, "reseal")
    assert status == 1 and "another server is at work on this database" in said, said


def test_changed_evidence_is_not_served(world):
    index = int(world.server.sql("SELECT max(index) FROM entry WHERE kind = 3"))
    officer = world.people["officer"]
    path = f"/v1/journal/entries/{index}/evidence"
    assert officer.must("GET", path)["state"] == "kept"
    world.server.sql("UPDATE evidence SET created_ms = created_ms + 1")
    reply = officer.call("GET", path, check=False)
    assert reply.status == 500 and reply.json["code"] == "corrupt" and "seal" not in str(reply.json), reply
    assert "is not as it was sealed" in until(lambda: "is not as it was sealed" in world.server.tail() and world.server.tail(), "the log does not say why")
    world.server.sql("UPDATE evidence SET created_ms = created_ms - 1")
    assert officer.must("GET", path)["state"] == "kept"


def test_the_key_is_missing(world):
    """The rows are sealed: a server that has not their key says which file it lacks. Lost for good: all are sealed anew."""
    world.server.stop()
    path = world.server.data / "seal.key"
    kept = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    said = refused(world)
    assert str(path) in said and "kontord reseal" in said and not path.exists(), said
    status, said = kontord(world, "export", str(world.server.data / "unchecked"))
    assert status == 1 and "no row was compared with its seal" in said and str(path) in said, said
    status, said = kontord(world, "keygen")
    assert status == 1 and "nothing was changed" in said and not path.exists(), said
    path.write_bytes(kept.replace(b"rowseal", b"ed25519"))
    path.chmod(0o600)
    assert "is no rowseal key file" in refused(world)
    path.write_bytes(kept)
    path.chmod(0o640)
    assert "open to others" in refused(world)
    path.unlink()
    status, said = kontord(world, "reseal")
    assert status == 0 and "was missing and is new" in said and path.exists() and not (world.server.data / "seal.key.next").exists(), said
    assert path.read_bytes() != kept and path.stat().st_mode & 0o777 == 0o600
    world.server.start()
    fresh(world)
    world.accept()
    world.server.stop()
    status, said = kontord(world, "export", str(world.server.data / "right"))
    assert status == 0, said
    world.server.start()
    fresh(world)


def test_a_database_from_before_is_sealed_at_the_first_start(world):
    tables = " ".join(f"UPDATE {t} SET seal = NULL;" for t in KEYS)
    path, following = world.server.data / "seal.key", world.server.data / "seal.key.next"
    world.server.stop()
    world.server.sql(tables)
    world.server.start(ready=False) # the key is there: somebody has taken the seals away
    tells(world, "head row has no seal")
    world.server.stop()
    path.unlink()
    world.server.start()
    fresh(world)
    assert '"event":"rows-sealed"' in world.server.tail_all()
    world.server.stop()
    for table in KEYS:
        assert all(bears == must for bears, must in seals(world.server, table).values()), table
    # cut off before the key was in its place: the next start goes on with it
    path.rename(following)
    world.server.start()
    fresh(world)
    assert path.exists() and not following.exists()
    world.server.stop()
    path.rename(following)
    world.server.sql(tables)
    world.server.start()
    fresh(world)
    assert path.exists() and not following.exists()


def test_each_row_that_a_key_cut_off_blesses_is_named(world):
    """A reseal that was cut off after its commit and before its key was in its place; then somebody changes a row."""
    id = world.accept()["id"]
    path, following = world.server.data / "seal.key", world.server.data / "seal.key.next"
    world.server.stop()
    path.rename(following)
    world.server.sql(f"UPDATE reservation SET reported_ms = reported_ms + 1 WHERE id = '{id}'")
    said = refused(world)
    assert "kontord reseal" in said and not path.exists(), said
    status, said = kontord(world, "reseal")
    assert status == 0 and f"reservation {id}: was not as it was sealed\n" in said and "1 of them were wrong" in said, said
    assert path.exists() and not following.exists()
    path.rename(world.server.data / "kept.key")
    world.server.sql("UPDATE head SET seal = NULL") # as if nothing had ever been sealed
    assert "kontord reseal" in refused(world) and not path.exists()
    (world.server.data / "kept.key").rename(path)
    status, said = kontord(world, "reseal")
    assert status == 0 and said.startswith("head true: had no seal\n"), said
    world.server.start()
    fresh(world)


def test_a_second_server_needs_the_same_key(world):
    other = Second(world.server)
    (other.data / "seal.key").unlink()
    try:
        done = subprocess.run([str(BUILD / "kontord"), "serve", *other.options], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "another server is at work on this database, and this one has no" in done.stderr, done.stderr
        assert not (other.data / "seal.key").exists() and not (other.data / "seal.key.next").exists()
    finally:
        other.remove()
