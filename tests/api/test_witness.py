"""Sites' agents as witnesses of the journal, each a process of its own: they cosign, and what is shown to the world waits
for the quorum that the policy asks for. Read by tests/journal/tlog.py, which was written from the specifications."""
import base64
import hashlib
import json
import os
import pathlib
import sqlite3
import struct
import subprocess
import time
import urllib.request
import uuid

import passkey_orders
from fake_log import FakeLog, vkey
from harness import BUILD, Client, Second
from outside import Outside
from rig import Rig
from test_log import audit, fresh, grow, reader
from tlog import Checkpoint, Key, Note

WORLD = {"more": ["--public-entries=yes", "--checkpoint-ms=100"]}


def soon(what, why, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(why() if callable(why) else why)


def rigs(world):
    """A real agent for each site, enrolled; with the keys that it prints: name in the policy → vkey."""
    if not hasattr(world, "rigs"):
        world.rigs, world.keys = {}, {}
        remove = world.remove

        def remove_all():
            for rig in world.rigs.values():
                rig.close()
            remove()
        world.remove = remove_all
        for site in ("lumi", "bsc"):
            rig = world.rigs[site] = Rig(f"http://127.0.0.1:{world.server.agent_port}", witness="yes")
            token = world.local.must("POST", f"/v1/sites/{site}/agent-tokens", {}, status=201)["token"]
            done = rig.enrol(token, site)
            assert done.returncode == 0, done.stderr
            for line in keys_of(rig).splitlines():
                word, name, vkey = line.split()
                assert word == "witness" and Key(vkey).type == 4
                world.keys[name] = vkey
        assert sorted(world.keys) == ["bsc-attest", "bsc-witness", "lumi-attest", "lumi-witness"]
    return world.rigs


def keys_of(rig):
    done = subprocess.run(rig.command("witness-keys"), capture_output=True, text=True, check=True)
    return done.stdout


def seen(world, role="witness"):
    """Site → the last size that its witness has cosigned."""
    told = world.anybody.must("GET", "/v1/journal/witnesses")
    return {w["site"]: w["size"] for w in told["witnesses"] if w["role"] == role}, told


def cosigned_by(world, sites, size, role="witness"):
    return soon(lambda: all(seen(world, role)[0].get(site, 0) >= size for site in sites), f"{sites} have not cosigned {size}")


def restart(world, *more):
    """The server anew, on the same port for agents."""
    world.server.stop()
    world.server.more = [*WORLD["more"], f"--listen-agents=127.0.0.1:{world.server.agent_port}", *more]
    world.server.start()
    fresh(world)


def policy(world, names, rule):
    vkey = world.anybody.must("GET", "/v1/journal")["vkey"]
    lines = [f"log {vkey}", *(f"witness {name} {world.keys[name]}" for name in names), f"group all-of-them {rule} {' '.join(names)}",
             "quorum all-of-them"]
    path = world.server.data / "policy"
    path.with_suffix(".new").write_text("\n".join(lines) + "\n")
    path.with_suffix(".new").rename(path)
    return path


def head(world):
    reply = world.anybody.get("/checkpoint")
    return Note(reply.body) if reply.status == 200 else None


def test_agents_cosign_what_grows(world):
    for rig in rigs(world).values():
        rig.start()
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 3)["size"]
    cosigned_by(world, ("lumi", "bsc"), size)
    told = seen(world)[1]
    assert told["quorum"] == {"asked": False, "rule": "none", "cosigned": 0, "of": 0, "met": True, "policy": None, "since": None}, told
    assert told["shown"]["size"] == told["signed"]["size"] == size
    assert all(w["refused"] is None and not w["counts"] and w["time"] for w in told["witnesses"] if w["role"] == "witness")
    note = head(world)
    for name in ("lumi-witness", "bsc-witness"):
        assert note.signed_by(Key(world.keys[name])), f"{name} has not signed"
    assert world.anybody.get("/v1/journal/policy").status == 404
    for _ in range(3):  # a receipt rests on what is newest now, whatever was asked a moment before
        size = grow(world, size + 1)["size"]
        cosigned_by(world, ("lumi", "bsc"), size)
        receipt = world.anybody.get(f"/v1/journal/entries/{size - 1}/receipt")
        assert receipt.status == 200, receipt
        note = Note(receipt.body.split(b"\n\n", 1)[1])
        assert all(note.signed_by(Key(world.keys[f"{site}-witness"])) for site in ("lumi", "bsc")), receipt


def test_what_is_shown_waits_for_its_quorum(world):
    rigs(world)["bsc"].kill()
    path = policy(world, ["lumi-witness", "bsc-witness"], "all")
    restart(world, f"--policy={path}")
    before = Checkpoint(head(world)).size
    assert world.anybody.get("/v1/journal/policy").body.decode() == path.read_text()
    size = grow(world, before + 3)["size"]
    cosigned_by(world, ["lumi"], size)
    told = seen(world)[1]
    assert told["signed"]["size"] == size and told["shown"]["size"] == before, told
    assert told["quorum"] | {"policy": 0, "since": 0} == {"asked": True, "rule": "2 of 2 (lumi-witness, bsc-witness)", "cosigned": 2, "of": 2, "met": True, "policy": 0, "since": 0}, told
    assert [w["behind"] for w in told["witnesses"] if w["site"] == "bsc" and w["role"] == "witness"] == [True]
    assert Checkpoint(head(world)).size == before, "it is shown without its quorum"
    reply = world.anybody.get(f"/v1/journal/entries/{size - 1}/receipt")
    assert reply.status == 409 and "enough witnesses" in reply.json["detail"], reply
    rigs(world)["bsc"].start()
    soon(lambda: Checkpoint(head(world)).size >= size, "the quorum is not reached")
    note = head(world)
    for name in ("lumi-witness", "bsc-witness"):
        assert note.signed_by(Key(world.keys[name])), f"{name} has not signed"
    assert world.anybody.get(f"/v1/journal/entries/{size - 1}/receipt").status == 200


def noticed(world):
    """What the journal says of policies: (entry, SHA-256), the newest first; and the words of the newest."""
    items = world.local.must("GET", "/v1/journal/entries?kind=NOTICE&limit=100")["items"]
    items = [i for i in items if i["body"]["type"] == "witnesses"]
    return [(i["index"], i["body"]["root"]) for i in items], items and items[0]["summary"]


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def verified(world, *words):
    """What the auditor says of an export: as JSON, and in words."""
    folder = world.server.data / "export"
    done = subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = [audit("verify", *more, *words, folder) for more in (["--json"], [])]
    assert [status for status, _ in told] == [0, 0], told
    return json.loads(told[0][1]), told[1][1]


def test_the_journal_says_which_policy_is_in_force(world):
    """One NOTICE a change, by whoever leads; none where nothing changed."""
    path = world.server.data / "policy"
    text = path.read_text()
    before, words = noticed(world)
    assert [h for _, h in before] == [sha256(text)] and sha256(text) in words, (before, words)
    told = seen(world)[1]["quorum"]
    assert (told["policy"], told["since"]) == (sha256(text), before[0][0]), told
    report, said = verified(world, f"--policy={path}")
    assert report["policy_said"]["sha256"] == sha256(text) and report["policy_said"]["entry"] == before[0][0], report
    assert report["policy_given_is_the_one_said"] is True and f"since entry {before[0][0]}," in said and "That is the policy that was given." in said, said
    other = world.server.data / "other-policy"
    other.write_text(text + "# of an auditor's own\n")
    report, said = verified(world, f"--policy={other}")
    assert report["policy_given_is_the_one_said"] is False and "the policy that was given is another." in said, said
    assert verified(world)[0]["policy_given_is_the_one_said"] is None
    # takeovers: by a standby with another policy, one that asks for nobody; with the same; with none
    world.server.stop()
    for changed, more in (("quorum none\n", 1), ("quorum none\n", 1), (None, 2)):
        second = Second(world.server, more=WORLD["more"])
        if changed:
            (second.data / "policy").write_text(changed)
            second.more.append(f"--policy={second.data / 'policy'}")
        try:
            second.start(ready=False)
            soon(lambda: Client(second).get("/health/ready").json.get("phase") == "leading", second.tail)
            soon(lambda: noticed_in(world) == len(before) + more, lambda: f"{changed}: {noticed_in(world)} notices")
            second.stop()
        finally:
            second.remove()
    world.server.start()
    fresh(world)
    soon(lambda: noticed(world)[0][0][1] == sha256(text), "what is in force again is not said again")
    after, _ = noticed(world)
    assert [h for _, h in after] == [sha256(text), sha256(""), sha256("quorum none\n"), sha256(text)] and after[3:] == before, after
    # while it leads
    path.write_text(text + "# the same, but for this line\n")
    soon(lambda: len(noticed(world)[0]) == 5, "a change while it leads is not said")
    assert noticed(world)[0][0][1] == sha256(path.read_text())
    path.write_text(text)
    soon(lambda: len(noticed(world)[0]) == 6, "a change back is not said")


def noticed_in(world):
    return int(world.server.sql("SELECT count(*) FROM entry WHERE kind = 19 AND substr(body, 1, 2) = '\\x0005'"))


def test_a_policy_that_changes_is_read_again(world):
    path = policy(world, ["lumi-witness", "bsc-witness"], "any")
    good = path.read_text()
    soon(lambda: noticed(world)[0][0][1] == sha256(good), "the policy is not read again")
    size = grow(world, 0)["size"]
    soon(lambda: Checkpoint(head(world)).size == size and seen(world)[1]["quorum"]["rule"].startswith("1 of 2"), "what says so is not shown")
    path.write_text("quorum nobody\n")
    soon(lambda: seen(world) and "not defined above" in world.server.tail_all(), "a policy that is none is not complained of")
    assert Checkpoint(head(world)).size == size and seen(world)[1]["quorum"]["rule"].startswith("1 of 2")
    path.unlink()
    soon(lambda: seen(world) and "No such file" in world.server.tail_all(), "a policy that is gone is not complained of")
    until = time.monotonic() + 0.6 # two more looks
    while time.monotonic() < until:
        assert seen(world)[1]["quorum"]["rule"].startswith("1 of 2")
    assert world.server.tail_all().count("No such file") == 1, "it is complained of at each look"
    path.write_text(good)
    world.server.stop()
    path.write_text("quorum nobody\n")
    done = subprocess.run([str(BUILD / "kontord"), "serve", *world.server.options, *world.server.more], capture_output=True, text=True)
    assert done.returncode == 1 and "not defined above" in done.stderr, done
    path.write_text(good)
    world.server.start()
    fresh(world)


def test_the_quorum_is_shown_however_many_others_have_cosigned(world):
    """A note has room for some sixty lines: strangers' come after those of the witnesses whom the policy names."""
    size = Checkpoint(head(world)).size
    world.server.sql("INSERT INTO cosignature (size, public, name, time_s, signature, received_ms) SELECT " + str(size) + ", sha256(n::text::bytea),"
                     " 'example.org/' || n, 1, sha256(n::text::bytea) || sha256(n::text::bytea), 0 FROM generate_series(1, 100) n")
    note = head(world)
    assert Checkpoint(note).size == size and len(note.lines) > 50
    assert note.signed_by(Key(world.keys["lumi-witness"])) or note.signed_by(Key(world.keys["bsc-witness"]))
    world.server.sql("DELETE FROM cosignature WHERE name LIKE 'example.org/%'")


def test_a_key_counts_under_its_own_name_only(world):
    """Whoever reads the checkpoint looks for name and key: a policy that has the key under another name has nobody's cosignature."""
    key = Key(world.keys["lumi-witness"])
    world.keys["misnamed"] = vkey("elsewhere.example/lumi", 4, key.public)
    path = policy(world, ["misnamed", "bsc-witness"], "all")
    before = Checkpoint(head(world)).size
    soon(lambda: "misnamed" in seen(world)[1]["quorum"]["rule"], "the policy is not read again")
    told = seen(world)[1]
    assert (told["quorum"]["of"], told["quorum"]["cosigned"], told["quorum"]["met"]) == (2, 1, False), told
    assert told["shown"]["size"] == before == Checkpoint(head(world)).size, "what was shown stays, and no more"
    assert {w["site"]: w["counts"] for w in told["witnesses"] if w["role"] == "witness"} == {"lumi": False, "bsc": True}, told
    del world.keys["misnamed"]
    assert path == policy(world, ["lumi-witness", "bsc-witness"], "any")
    soon(lambda: seen(world)[1]["quorum"]["met"], "the quorum is not found again")


def test_what_was_shown_is_not_taken_back(world):
    """Whoever watches demands that each checkpoint extends the one before: a policy that asks for more changes what is shown next."""
    keep, url = world.server.data / "watched", f"http://127.0.0.1:{world.server.port}"

    def watched():
        return audit("watch", f"--remember={keep}", url)

    def shown(size, met):
        told = seen(world)[1]
        assert told["shown"]["size"] == size and told["quorum"] | {"cosigned": 1, "met": met} == told["quorum"], told
        note = head(world)
        assert Checkpoint(note).size == size and watched() == (0, ""), told
        assert [name for name in ("lumi-witness", "bsc-witness") if note.signed_by(Key(world.keys[name]))] == ["lumi-witness"]

    rigs(world)["bsc"].kill()
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
    soon(lambda: Checkpoint(head(world)).size >= size and seen(world)[1]["signed"]["size"] == Checkpoint(head(world)).size, "one of two is not reached")
    assert watched()[0] == 0
    size = Checkpoint(head(world)).size
    shown(size, True)
    path = policy(world, ["lumi-witness", "bsc-witness"], "all")
    soon(lambda: seen(world)[1]["quorum"]["rule"].startswith("2 of 2") and noticed(world)[0][0][1] == sha256(path.read_text()), "the policy is not read again")
    shown(size, False)
    reply = world.anybody.get(f"/v1/journal/entries/{size - 1}/receipt")
    assert reply.status == 409, "what rests on the quorum waits for it"
    cosigned_by(world, ["lumi"], grow(world, size + 3)["size"])
    shown(size, False)
    # none is asked for, and all that is signed is shown; then all are
    path.write_text("quorum none\n")
    soon(lambda: not seen(world)[1]["quorum"]["asked"] and noticed(world)[0][0][1] == sha256("quorum none\n"), "the policy is not read again")
    cosigned_by(world, ["lumi"], grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"])
    size = soon(lambda: (lambda told: told["signed"] == told["shown"] and world.server.sql(f"SELECT count(*) FROM quorum WHERE size = {told['signed']['size']}") == "1"
                         and told["shown"]["size"])(seen(world)[1]), "that it was shown is not noted")
    assert path == policy(world, ["lumi-witness", "bsc-witness"], "all")
    soon(lambda: seen(world)[1]["quorum"]["asked"], "the policy is not read again")
    shown(size, False)
    rigs(world)["bsc"].start()
    soon(lambda: seen(world)[1]["quorum"]["met"], "the quorum is not reached")
    assert Checkpoint(head(world)).size >= size and watched()[0] == 0
    policy(world, ["lumi-witness", "bsc-witness"], "any")


def test_a_site_that_makes_keys_for_sport_fills_no_table(world):
    rig, index = rigs(world)["lumi"], world.server.sql("SELECT site FROM witness WHERE name LIKE '%/witness/lumi' LIMIT 1")
    rig.kill()
    now = "(SELECT time_ms FROM head)"
    world.server.sql(f"INSERT INTO witness SELECT sha256(n::text::bytea), {index}, 0, 'example.org/' || n, {now} - 1000000 FROM generate_series(1, 40) n")
    keys = [pathlib.Path(rig.spool) / name for name in ("witness.key", "attest.key")]
    kept = [key.read_bytes() for key in keys]
    keys[0].unlink()
    rig.start()
    soon(lambda: "rate-limited" in rig.log(), rig.log)
    rig.kill()
    world.server.sql("DELETE FROM witness WHERE name LIKE 'example.org/%'")
    for key, data in zip(keys, kept):
        key.write_bytes(data)
    rig.start()
    cosigned_by(world, ["lumi"], grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"])


def test_restarts_lose_nothing(world):
    """Agents killed and servers restarted at any time: each checkpoint that was cosigned extends the one before."""
    for turn in range(2):
        rigs(world)["lumi"].kill()
        size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
        rigs(world)["lumi"].start()
        if turn:
            restart(world, f"--policy={world.server.data / 'policy'}")
        cosigned_by(world, ("lumi", "bsc"), size)
    rows = world.server.sql("SELECT public, size, time_s FROM cosignature ORDER BY public, size").split("\n")
    last = {}
    for row in rows:
        public, size, time_s = row.split("|")
        assert last.get(public, 0) <= int(time_s), "a cosignature's time goes back"
        last[public] = int(time_s)
    assert all(w["refused"] is None for w in seen(world)[1]["witnesses"])


def test_the_auditor_counts_the_witnesses(world):
    folder = world.server.data / "export"
    path = policy(world, ["lumi-witness", "bsc-witness"], "all")
    soon(lambda: noticed(world)[0][0][1] == sha256(path.read_text()), "the policy is not read again")
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
    soon(lambda: Checkpoint(head(world)).size >= size, "the quorum is not reached")
    subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, f"--policy={path}", str(folder)], check=True, capture_output=True)
    status, said = audit("verify", "--json", f"--policy={path}", folder)
    report = json.loads(said)
    assert status == 0 and report["checkpoint"]["good"] and report["checkpoint"]["cosigned"] == 2, said
    assert report["checkpoint"]["asked"] == "2 of 2 (lumi-witness, bsc-witness)" and report["checkpoint"]["names_log"], said
    times = report["times"]  # of a simulation: they are not judged (tests/api/test_tamper.py has them of a journal that is none)
    assert not times["judged"] and times["checkpoints_there"] and times["cosignatures"] >= 4, times
    lines = [json.loads(line)["note"] for line in (folder / "checkpoints.jsonl").read_text().splitlines()]
    sizes = [Checkpoint(Note(n.encode())).size for n in lines]
    assert sizes == sorted(set(sizes)) and all(any(Note(n.encode()).signed_by(Key(world.keys[w])) for n in lines) for w in world.keys), sizes
    status, said = audit("verify", f"--policy={path}", folder)
    assert status == 0 and "2 of 2 witnesses have cosigned; asked for: 2 of 2 (lumi-witness, bsc-witness)." in said, said
    # what is stored of cosignatures, changed behind the server's back: what is exported has not what was asked for, or is older
    world.server.sql("CREATE TABLE kept AS TABLE cosignature")
    newest = Checkpoint(Note((folder / "checkpoint").read_bytes())).size
    for change in ("UPDATE cosignature SET signature = set_byte(signature, 9, get_byte(signature, 9) # 1)", "UPDATE cosignature SET time_s = time_s + 1",
                   "UPDATE cosignature SET name = name || 'x'", "UPDATE cosignature SET public = set_byte(public, 9, get_byte(public, 9) # 1)",
                   "DELETE FROM cosignature"):
        world.server.sql(f"{change} WHERE size = {newest}")
        done = subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, f"--policy={path}", str(folder)], capture_output=True, text=True)
        assert (done.returncode, "the cosignature of" in done.stderr) == ((0, False) if change.startswith("DELETE") else (1, True)), (change, done)
        status, said = audit("verify", f"--policy={path}", folder)
        world.server.sql("DELETE FROM cosignature; INSERT INTO cosignature TABLE kept")
        if status == 0: # those that are left made no quorum, and it was looked for another checkpoint
            assert Checkpoint(Note((folder / "checkpoint").read_bytes())).size < newest, (change, said)
        else:
            assert status == 1 and ("does not verify" in said or "Too few" in said), (change, said)
    world.server.sql("DROP TABLE kept")
    subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, f"--policy={path}", str(folder)], check=True, capture_output=True)
    assert audit("verify", f"--policy={path}", folder)[0] == 0
    lone = pathlib.Path(folder / "checkpoint").read_text().splitlines(True)
    (folder / "checkpoint").write_text("".join(line for line in lone if "bsc" not in line))
    status, said = audit("verify", f"--policy={path}", folder)
    assert status == 1, said


def test_a_new_key_of_the_log_is_followed(world):
    """By the entries that the key before has signed; nothing else makes a witness take another key."""
    old = world.anybody.must("GET", "/v1/journal")["vkey"]
    world.local.must("POST", "/v1/log-keys/rotate", {"reason": "Test"}, key=True)
    rigs(world)["bsc"].kill()  # one that is away meanwhile, for two rotations
    world.local.must("POST", "/v1/log-keys/rotate", {"reason": "Test"}, key=True)
    told = world.anybody.must("GET", "/v1/journal")
    assert told["vkey"] != old and len(told["log_keys"]) == 3
    size = grow(world, told["size"] + 1)["size"]
    cosigned_by(world, ["lumi"], size)
    rigs(world)["bsc"].start()
    cosigned_by(world, ("lumi", "bsc"), size)
    assert all(w["refused"] is None for w in seen(world)[1]["witnesses"])
    assert "signed for a new one" in rigs(world)["lumi"].log()
    given = world.server.data / "old-key"  # an auditor who has the first key is told what became of it, and what to ask for now
    for vkey, good in ((old, False), (told["vkey"], True)):
        given.write_text("\n".join([f"log {vkey}", *(f"witness {n} {world.keys[n]}" for n in ("lumi-witness", "bsc-witness")), "quorum lumi-witness"]) + "\n")
        said = audit("verify", f"--policy={given}", "--scratch=/tmp", f"http://127.0.0.1:{world.server.port}")[1]
        assert ("signed by its log" in said) is good and (f"The policy's line is now:\n  log {told['vkey']}\n" in said) is not good, said
        assert "2 of 2 witnesses have cosigned" in said, said


def test_agents_attest_what_keeps_the_rules(world):
    rigs(world)
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
    cosigned_by(world, ("lumi", "bsc"), size, "attest")
    restart(world, "--public-entries=no", # witnesses read the entries all the same
            f"--policy={world.server.data / 'policy'}")
    rigs(world)["lumi"].kill()
    rigs(world)["lumi"].start()
    size = grow(world, size + 2)["size"]
    cosigned_by(world, ("lumi", "bsc"), size, "attest")
    restart(world, f"--policy={world.server.data / 'policy'}")


def test_a_forged_entry_is_not_attested(world):
    """A history whose tree and checkpoint are right, but in which one entry's signature is not: signed anew by the log itself."""
    log = reader(world)
    entries = list(log.entries(log.checkpoint().size))
    at = next(i for i, e in enumerate(entries) if e[3] == 3 and e[-146] in (1, 3)) # a FUND, with a signature
    forged = entries[:at] + [entries[at][:-146 + 20] + bytes([entries[at][-146 + 20] ^ 1]) + entries[at][-146 + 21:]] + entries[at + 1:]
    for given, good in ((entries, True), (forged, False)):
        fake = FakeLog(entries=given)
        rig = Rig(fake.url, witness="yes")
        try:
            assert rig.enrol(fake.new_token(), fake.SITE).returncode == 0
            fake.show(len(given))
            rig.start()
            assert fake.wait(lambda: ("witness", len(given)) in [c[:2] for c in fake.cosigned])
            if good:
                assert fake.wait(lambda: ("attest", len(given)) in [c[:2] for c in fake.cosigned]), rig.log()
            else:
                soon(lambda: f"Entry {at} of the journal breaks the rules: a signature in it does not verify" in rig.log(), rig.log)
                assert not [c for c in fake.cosigned if c[0] == "attest"]
        finally:
            rig.close()
            fake.close()


def test_it_is_withheld_while_the_journal_owes_a_settlement(world):
    for rig in rigs(world).values():
        rig.kill()
    reservation = world.accept()
    site = "bsc" if reservation["site"]["code"] == "lumi" else "lumi" # its hold stays open: the other one would run it
    rig = rigs(world)[site]
    with sqlite3.connect(os.path.join(rig.spool, "spool.db")) as db:
        db.execute("INSERT INTO owed VALUES (?, 7, 1000)", (uuid.UUID(reservation["id"]).bytes,))
    rig.start()
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
    cosigned_by(world, [site], size)
    soon(lambda: "The journal owes 1 settlement: the first for report 7" in rig.log(), rig.log)
    before = seen(world, "attest")[0][site]
    assert before < size
    done = subprocess.run(rig.command("status"), capture_output=True, text=True, check=True)
    assert "attested  NOT: The journal owes 1 settlement" in done.stdout, done.stdout
    world.people["brisa"].must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 1)["size"]
    cosigned_by(world, [site], size, "attest")
    with sqlite3.connect(os.path.join(rig.spool, "spool.db")) as db:
        assert db.execute("SELECT count(*) FROM owed").fetchone() == (0,)


def test_a_job_that_the_journal_says_was_never_permitted_is_not_attested(world):
    """A hold is released before a permit on nobody's word: the site knows whether its job ran."""
    for rig in rigs(world).values():
        rig.kill()
    reservation = world.accept()
    site = reservation["site"]["code"]
    world.people["brisa"].must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
    rig = rigs(world)[site]
    with sqlite3.connect(os.path.join(rig.spool, "spool.db")) as db: # as if it had run, used 5 GPU-seconds, and been receipted
        db.execute("INSERT INTO owed VALUES (?, 0, 1000)", (uuid.UUID(reservation["id"]).bytes,))
        said = b"kontor-report/v1\0" + bytes(32) + struct.pack(">QQQH16sQqqqQiH", 1, 1, 1, 6, bytes(16), 1, 0, 0, 0, 5, 0, 0)  # finished
        db.execute("INSERT INTO report VALUES (0, 6, zeroblob(16), ?, zeroblob(64), NULL, 'receipt')", (said,))
    rig.start()
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
    cosigned_by(world, [site], size)
    soon(lambda: "The journal owes 1 settlement: the first for report 0" in rig.log(), rig.log)
    assert seen(world, "attest")[0][site] < size
    rig.kill()
    done = subprocess.run(rig.command("witness-forgive"), capture_output=True, text=True, check=True)
    assert "for 1 ended job" in done.stdout, done
    with sqlite3.connect(os.path.join(rig.spool, "spool.db")) as db:
        db.execute("DELETE FROM report WHERE number = 0")
    rig.start()
    cosigned_by(world, [site], size, "attest")


def test_a_witness_elsewhere(world):
    """C2SP add-checkpoint: whatever it answers, in the end it cosigns, and only what it has verified itself."""
    elsewhere = Outside(world.anybody.must("GET", "/v1/journal")["vkey"])
    try:
        world.keys["elsewhere"] = elsewhere.vkey + " " + elsewhere.url
        path = policy(world, ["lumi-witness", "bsc-witness", "elsewhere"], "3")
        for rig in rigs(world).values():
            rig.kill()
            rig.start()
        flood = f"— {elsewhere.NAME} AAAA\n".encode() * 100 + b"\n" * 4_000_000 # no look into the database for each
        elsewhere.answers = [(400, b""), (403, b""), (404, b""), (422, b""), (500, b"no"), (200, b"nothing\n"), (200, flood), (409, b"not a size\n")]
        restart(world, f"--policy={path}", "--witness-again-ms=10")
        soon(lambda: elsewhere.size and len(elsewhere.asked) >= 9, "it is not shown anything", 40)
        assert [a[2] for a in elsewhere.asked] == [400, 403, 404, 422, 500, 200, 200, 409, 200], elsewhere.asked
        size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 3)["size"]
        soon(lambda: head(world) and Checkpoint(head(world)).size >= size, "three of three are not reached")
        assert head(world).signed_by(Key(elsewhere.vkey))
        told = [w for w in seen(world)[1]["witnesses"] if w["role"] == "outside"]
        assert [(w["known_as"], w["counts"], w["behind"], w["site"]) for w in told] == [("elsewhere", True, False, None)], told
        before = elsewhere.size
        elsewhere.size, elsewhere.root = 0, b"" # it has forgotten: 409, then from the beginning
        size = grow(world, size + 3)["size"]
        soon(lambda: Checkpoint(head(world)).size >= size, "what it says of its size is not heeded")
        assert (before, 409) in [(a[0], a[2]) for a in elsewhere.asked] and (0, 200) in [(a[0], a[2]) for a in elsewhere.asked[-3:]]
        elsewhere.size = 10 ** 6 # it has seen a longer journal
        grow(world, size + 3)
        soon(lambda: "was it rolled back" in world.server.tail_all(), "a longer journal elsewhere is not complained of")
        assert Checkpoint(head(world)).size == size
    finally:
        elsewhere.close()


def test_what_a_site_refuses_is_shown_to_everybody(world):
    path = policy(world, ["bsc-witness"], "any")
    restart(world, f"--policy={path}")
    rig = rigs(world)["lumi"]
    if rig.process.poll() is None:
        rig.kill()
    with sqlite3.connect(os.path.join(rig.spool, "spool.db")) as db: # as if it had been shown a longer journal
        db.execute("UPDATE cosigned SET size = size + 1000 WHERE role = 0")
    rig.start()

    def refused():
        return [w["refused"] for w in seen(world)[1]["witnesses"] if w["site"] == "lumi" and w["refused"]]
    told, = soon(refused, rig.log)
    assert (told["reason"], told["had_size"] - told["size"] > 900) == ("smaller", True), told
    assert Note(told["checkpoint"].encode()).signed_by(Key(world.anybody.must("GET", "/v1/journal")["vkey"]))
    assert '"event":"checkpoint-refused"' in world.server.tail_all()
    rig.kill()
    # a site may say what it likes: what the log has not signed is not shown as a refusal, to nobody
    with sqlite3.connect(os.path.join(rig.spool, "spool.db")) as db:
        (note,), = db.execute("SELECT note FROM refusal WHERE settled IS NULL").fetchall()
        lines = note.split("\n")
        lines[1:3] = str(int(lines[1]) + 7), base64.b64encode(hashlib.sha256(b"made up").digest()).decode()
        db.execute("UPDATE refusal SET note = ? WHERE settled IS NULL", ("\n".join(lines),))
    rig.start()
    made_up, = soon(lambda: [w["claimed"] for w in seen(world)[1]["witnesses"] if w["site"] == "lumi" and w["claimed"]], rig.log)
    assert (made_up["size"], made_up["root"]) == (told["size"] + 7, hashlib.sha256(b"made up").hexdigest()) and not refused(), made_up
    assert '"event":"checkpoint-claimed"' in world.server.tail_all()
    soon(lambda: figure(world, b'kontor_checkpoint_refused{site="lumi",reason="smaller"} 0'), "the figures count what was made up")
    rig.stop()
    done = subprocess.run(rig.command("witness-admit"), capture_output=True, text=True)
    assert done.returncode == 0, done
    rig.start()
    size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
    cosigned_by(world, ["lumi"], size)
    assert not refused()


def test_entries_that_the_log_has_not_signed_are_told_from_those_it_has(world):
    """A server that lies within a bundle: cut in an entry, more than was asked for, an entry that breaks the rules but is none of
    the log's. None of it is attested, none is called the journal's, and once the truth is told it is attested."""
    log = reader(world)
    entries = list(log.entries(log.checkpoint().size))
    at = len(entries) // 2
    other = entries[:at] + [entries[at][:-1] + bytes([entries[at][-1] ^ 1])] + entries[at + 1:]
    fake = FakeLog(entries=entries)
    rig = Rig(fake.url, witness="yes")
    true = fake.bundle

    def of_others(n, width):
        fake.entries = other
        try:
            return true(n, width)
        finally:
            fake.entries = entries
    lies = [lambda n, width: true(n, width)[:-3], lambda n, width: true(n, width) + b"\0\1x",
            lambda n, width: true(n, width - 1), # not all, and then none more
            lambda n, width: b"", of_others]
    try:
        assert rig.enrol(fake.new_token(), fake.SITE).returncode == 0
        fake.show(len(entries))
        for lie in lies:
            fake.bundle, told = lie, rig.log().count("not-attested")
            rig.start()
            soon(lambda n=told: rig.log().count("not-attested") > n, rig.log)
            rig.kill()
            assert "breaks the rules" not in rig.log() and "are not those that the log has signed" in rig.log() and not [c for c in fake.cosigned if c[0] == "attest"]
        fake.bundle = true
        rig.start()
        assert fake.wait(lambda: ("attest", len(entries)) in [c[:2] for c in fake.cosigned]), rig.log()
    finally:
        rig.close()
        fake.close()


def order(client, number):
    client.must("POST", "/v1/policies", {"code": f"fork{number}", "name": "P", "cap_credits": "1", "longest_days": 1, "decide_days": 1}, status=201, key=True)


def in_step(one, other):
    """Neither lacks what an agent has told the other: or it would see at once that it speaks to another server."""
    for table in ("site_status", "report"):
        rows = one.sql(f"COPY {table} TO STDOUT")
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", other.conninfo(), "-c", f"DELETE FROM {table}", "-c", f"COPY {table} FROM STDIN"],
                       input=rows + "\n", text=True, check=True, capture_output=True)


def figure(world, line):
    with urllib.request.urlopen(f"http://127.0.0.1:{world.server.metrics_port}/metrics") as reply:
        return line + b"\n" in reply.read()


def test_a_second_history_shown_to_one_witness(world):
    """A server with the true keys and a copy of the journal that went another way: the witness that is shown it refuses and keeps
    the evidence; all others learn of it, since it tells the next server it speaks to."""
    name, lumi = world.server.name, rigs(world)["lumi"]
    for rig in rigs(world).values():
        rig.kill()
    restart(world)
    world.server.stop()
    world.server.sql(f"DROP DATABASE IF EXISTS {name}_fork")
    subprocess.run(["psql", "-qX", world.server.conninfo().replace(f"dbname={name}", "dbname=postgres"), "-c",
                    f"CREATE DATABASE {name}_fork TEMPLATE {name}"], check=True, capture_output=True)
    restart(world)
    other = Second(world.server, f"{name}_fork", WORLD["more"])
    try:
        for rig in rigs(world).values():
            rig.start()
        size = grow(world, world.anybody.must("GET", "/v1/journal")["size"] + 2)["size"]
        cosigned_by(world, ("lumi", "bsc"), size)
        lumi.kill()
        in_step(world.server, other)
        other.start()
        there, asked = Client(other), Client(other, local=True)
        for number in range(6):
            order(asked, number)
        forked = there.must("GET", "/v1/journal")
        assert forked["size"] > size
        soon(lambda: there.must("GET", "/v1/journal/witnesses")["signed"]["size"] == forked["size"], "the fork is not signed")
        lumi.start(server=f"http://127.0.0.1:{other.agent_port}")
        soon(lambda: "checkpoint-refused" in lumi.log() and "second history" in lumi.log(), lumi.log)
        assert lumi.process.poll() is None
        lumi.kill()
        with sqlite3.connect(os.path.join(lumi.spool, "spool.db")) as db:
            says, had, note = db.execute("SELECT says, had_size, note FROM refusal WHERE settled IS NULL").fetchone()
        assert (says, had) == ("inconsistent", size) and Checkpoint(Note(note.encode())).root.hex() == forked["root"]
        status = subprocess.run(lumi.command("status"), capture_output=True, text=True, check=True).stdout
        assert "REFUSED" in status and note in status, status
        assert seen(world)[1]["witnesses"] and not [w for w in seen(world)[1]["witnesses"] if w["refused"]], "nobody has told the true one"
        other.stop()
        world.server.stop()
        in_step(other, world.server)  # but for the refusal, which it does not pass on
        restart(world)
        lumi.start()
        told, = soon(lambda: [w["refused"] for w in seen(world)[1]["witnesses"] if w["site"] == "lumi" and w["refused"]], lumi.log)
        vkey = world.anybody.must("GET", "/v1/journal")["vkey"]
        assert (told["reason"], told["had_size"], told["root"], told["checkpoint"]) == ("inconsistent", size, forked["root"], note), told
        assert Note(told["checkpoint"].encode()).signed_by(Key(vkey)), "the log's own signature is the evidence"
        soon(lambda: figure(world, b'kontor_checkpoint_refused{site="lumi",reason="inconsistent"} 1'), "the figures do not say so")
        # the log's other checkpoint, beside its entries: what anybody can show anybody
        folder, path = world.server.data / "two-histories", world.server.data / "log-only"
        path.write_text(f"log {vkey}\nquorum none\n")
        grow(world, forked["size"] + 1)
        done = subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert audit("verify", f"--policy={path}", folder)[0] == 0
        (folder / "checkpoint").write_text(told["checkpoint"])
        status, said = audit("verify", "--json", f"--policy={path}", folder)
        report = json.loads(said)
        assert status == 1 and report["checkpoint"]["good"] and "history was rewritten" in report["findings"][0]["what"], said
        # to the others nothing happened, and to this one neither, once its operator knows which of the two it is
        size = world.anybody.must("GET", "/v1/journal")["size"]
        cosigned_by(world, ["bsc"], size)
        assert seen(world)[0]["lumi"] == had
        lumi.stop()
        assert subprocess.run(lumi.command("witness-dismiss"), capture_output=True).returncode == 0
        lumi.start()
        cosigned_by(world, ["lumi"], size)
        assert not [w for w in seen(world)[1]["witnesses"] if w["refused"]]
    finally:
        other.remove()
        subprocess.run(["psql", "-qX", world.server.conninfo(), "-c", f"DROP DATABASE IF EXISTS {name}_fork WITH (FORCE)"], check=False)


def test_agents_attest_what_passkeys_have_signed(world):
    """They have asked for it, and verified it."""
    rigs(world)
    key = passkey_orders.enrol(world, "officer")
    order = world.people["officer"].must("POST", "/v1/funds", {"name": "Signed", "reference": "P", "credits": "1", "reason": "Test"}, status=202, key=True)
    entry = passkey_orders.sign(world, "officer", order, key).json["entry"]
    passkey_orders.end(world, "officer", key)
    cosigned_by(world, ("lumi", "bsc"), grow(world, entry + 2)["size"], "attest")
    assert world.server.tail_all().count('"route":"agent_assertions","status":200') >= 2
