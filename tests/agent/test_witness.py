"""The agent as a witness, against a server whose journal is whatever a test wants (fake_log.py): it cosigns what grows, and
nothing else, whatever is shown to it, and whenever it dies."""

import os
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from fake_log import FakeLog  # noqa: E402
from fake_server import Key  # noqa: E402
from rig import Rig  # noqa: E402

FORGED = [b"another first entry"] + [b"entry %d" % i for i in range(1, 9)]


class Witness(unittest.TestCase):
    def setUp(self):
        self.server = FakeLog()
        self.rig = Rig(self.server.url, witness="yes")
        self.addCleanup(self.server.close)
        self.addCleanup(self.rig.close)
        done = self.rig.enrol(self.server.new_token(), self.server.SITE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.entries = [b"entry %d" % i for i in range(9)]

    def tearDown(self):
        self.assertEqual(self.server.broken, [], self.rig.log())

    def until(self, what, seconds=90):
        if not self.server.wait(what, seconds):
            self.fail("waited in vain; cosigned %r, refused %r\n%s" % (self.server.cosigned, self.server.refusals, self.rig.log()))

    def cosigned(self, role="witness"):
        return [size for r, size, _ in self.server.cosigned if r == role]

    def grow_to(self, *sizes):
        for size in sizes:
            self.server.show(size)
            self.until(lambda s=size: s in self.cosigned())

    def spool(self, statement):
        with sqlite3.connect(os.path.join(self.rig.spool, "spool.db")) as db:
            return db.execute(statement).fetchall()

    def command(self, verb):
        done = subprocess.run(self.rig.command(verb), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def again(self):
        """Stopped, looked at, settled or not, started."""
        before = self.server.instance  # before it starts: it may be there at once
        self.rig.start()
        self.until(lambda: self.server.instance > before)


class Grows(Witness):
    def test_each_step_is_cosigned_once(self):
        self.rig.start()
        self.grow_to(1, 2, 3, 4, 7, 8, 9)
        self.assertEqual(self.cosigned(), [1, 2, 3, 4, 7, 8, 9])
        times = [t for _, _, t in self.server.cosigned]
        self.assertEqual(times, sorted(times))
        self.rig.stop()
        self.assertIn("witness   journal of 9 entries, cosigned at", self.command("status")[1])
        self.assertEqual([oct(os.stat(os.path.join(self.rig.spool, k)).st_mode & 0o777) for k in ("witness.key", "attest.key")], ["0o600"] * 2)

    def test_it_is_in_the_spool_before_anybody_knows(self):
        kept = []
        self.server.on_cosignature = lambda data: kept.append(
            (data["size"], self.spool("SELECT size FROM cosigned WHERE role = 0")[0][0]))
        self.rig.start()
        self.grow_to(2, 5, 9)
        self.assertEqual(kept, [(2, 2), (5, 5), (9, 9)])

    def test_killed_before_it_could_tell(self):
        self.server.forced["/v1/agent/cosignatures"] = (503, "busy", 1)
        self.rig.start()
        self.server.show(4)
        self.until(lambda: "/v1/agent/cosignatures" not in self.server.forced)
        self.rig.kill()
        kept = self.spool("SELECT size, time_s, told FROM cosigned WHERE role = 0")
        self.assertEqual([(s, t) for s, _, t in kept], [(4, 0)])
        self.again()
        self.until(lambda: self.server.cosigned)
        self.assertEqual(self.server.cosigned, [("witness", 4, kept[0][1])], "it signed twice")

    def test_killed_again_and_again(self):
        for size in range(1, 10):
            self.rig.start()
            self.server.show(size)
            if size % 3:
                self.until(lambda s=size: s in self.cosigned())
            self.rig.kill()
        self.again()
        self.until(lambda: 9 in self.cosigned())
        self.assertEqual(self.cosigned(), sorted(set(self.cosigned())))
        self.assertEqual(self.server.refusals, [])

    def test_its_keys_are_its_own(self):
        said = self.command("witness-keys")[1]
        self.rig.start()
        self.grow_to(3)
        self.assertEqual(said, "witness lumi-witness %s\nwitness lumi-attest %s\n" % (self.server.keys["witness"], self.server.keys["attest"]))


class Refuses(Witness):
    def refused(self, reason, size):
        """It says so everywhere, and has cosigned nothing since."""
        self.until(lambda: self.server.refusals)
        told = self.server.refusals[-1]
        self.assertEqual((told["reason"], told["checkpoint"]), (reason, self.server.shown[1]))
        self.assertEqual(told["had_size"], 5)
        self.assertIn("checkpoint-refused", self.rig.log())
        self.assertEqual(self.cosigned(), [5])
        self.assertIn("REFUSED", self.command("status")[1])
        self.assertIn("a checkpoint of %d entries" % size, self.command("status")[1])

    def stands(self):
        """Also when what is shown is right again, and after a restart."""
        self.rig.kill()
        self.server.show(6, entries=[b"entry %d" % i for i in range(9)])
        self.again()
        self.until(lambda: "witness-halted" in self.rig.log() and self.server.keys)
        self.server.wait(lambda: len(self.server.cosigned) > 1, 0.5)
        self.until(lambda: len(self.server.refusals) > 1) # told again: another server may answer now
        self.assertEqual((self.cosigned(), len({(r["at"], r["checkpoint"]) for r in self.server.refusals})), ([5], 1))
        self.rig.stop()

    def test_what_was_refused_ends_a_replay_under_way(self):
        true = self.server.bundle

        def late(n, width):
            self.server.wait(lambda: self.server.refusals, 10)
            return true(n, width)
        self.server.bundle = late
        self.rig.start()
        self.grow_to(5)
        self.server.show(6, entries=FORGED)
        self.until(lambda: self.server.refusals)
        self.server.wait(lambda: "breaks the rules" in self.rig.log(), 0.5)
        self.assertNotIn("breaks the rules", self.rig.log())

    def show_forged(self, size, entries=None):
        self.rig.start()
        self.grow_to(5)
        self.server.show(size, entries=entries)

    def test_a_smaller_journal(self):
        self.show_forged(3)
        self.refused("smaller", 3)
        self.stands()
        self.assertEqual(self.command("witness-dismiss")[0], 0)
        self.again()
        self.until(lambda: self.cosigned() == [5, 6])
        self.rig.stop()
        self.assertEqual(self.command("witness-dismiss")[0], 1, "there is nothing to settle any more")

    def test_another_history_of_the_same_size(self):
        self.show_forged(5, FORGED)
        self.refused("other-root", 5)
        self.stands()

    def test_another_history(self):
        self.show_forged(8, FORGED)
        self.refused("inconsistent", 8)
        self.stands()
        self.assertEqual(self.command("witness-admit")[0], 0)
        self.server.show(8, entries=FORGED)
        self.again()
        self.until(lambda: self.cosigned() == [5, 8])
        self.server.show(9, entries=FORGED)
        self.until(lambda: self.cosigned() == [5, 8, 9])

    def test_a_proof_that_proves_nothing(self):
        self.server.bad_proofs = True
        self.show_forged(7)
        self.refused("inconsistent", 7)

    def test_killed_before_it_could_tell(self):
        self.server.forced["/v1/agent/refusals"] = (503, "busy", 1)
        self.show_forged(3)
        self.until(lambda: "/v1/agent/refusals" not in self.server.forced)
        self.rig.kill()
        self.again()
        self.refused("smaller", 3)

    def test_what_the_log_has_not_signed_is_not_held_against_it(self):
        self.rig.start()
        self.grow_to(5)
        for wrong in ({"key": Key()}, {"origin": "kontor.example/another"}):
            n = self.rig.log().count("checkpoint-not-taken")
            self.server.show(7, **wrong)
            self.until(lambda n=n: self.rig.log().count("checkpoint-not-taken") > n, 30)
        self.assertEqual((self.cosigned(), self.server.refusals), ([5], []))

    def test_another_key_of_the_log(self):
        self.rig.start()
        self.grow_to(5)
        self.rig.stop()
        self.server.log_key = Key()
        self.server.show(7)
        self.again()
        self.until(lambda: "witness-log-key" in self.rig.log())
        self.assertEqual((self.cosigned(), self.server.refusals), ([5], []))

    def test_entries_that_break_the_rules_are_not_attested(self):
        self.rig.start()
        self.grow_to(5)
        self.until(lambda: "Entry 0 of the journal breaks the rules" in self.rig.log())
        self.grow_to(7)
        self.assertEqual(self.cosigned("attest"), [])
        self.assertIn("attested  NOT: Entry 0 of the journal breaks the rules", self.command("status")[1])


if __name__ == "__main__":
    unittest.main()
