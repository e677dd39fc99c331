#!/usr/bin/env python3
"""The agent alone, against a server that keeps the rules strictly (fake_server.py). Each rule of docs/site-protocol.md
that an agent must keep is a case here."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from fake_server import FakeServer, Key  # noqa: E402
from rig import Rig, can_sandbox  # noqa: E402


class Case(unittest.TestCase):
    server_options = {}
    agent_options = {}

    def setUp(self):
        self.server = FakeServer(**self.server_options)
        self.rig = Rig(self.server.url, **self.agent_options)
        self.addCleanup(self.server.close)
        self.addCleanup(self.rig.close)
        done = self.rig.enrol(self.server.new_token(), self.server.SITE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def tearDown(self):
        if sys.exc_info()[0] is None:
            self.assertEqual(self.server.broken, [], self.rig.log())

    def until(self, what, seconds=90):
        if not self.server.wait(what, seconds):
            self.fail("waited in vain; reports %r\n%s" % ([t.reports for t in self.server.by_jti.values()], self.rig.log()))

    def until_last(self, *tickets):
        self.until(lambda: all(t.last for t in tickets))

    def runs(self, name):
        """How often a body wrote its line."""
        try:
            with open(os.path.join(self.rig.share, name), encoding="ascii") as f:
                return len(f.readlines())
        except FileNotFoundError:
            return 0

    def counting(self, name, rest=""):
        return "#!/bin/sh\necho run >>\"$KONTOR_SHARE/%s\"\n%s\n" % (name, rest)


class SeveralServers(Case):
    """One leads, others stand by or are gone: the agent is configured with all addresses and finds the one that leads."""

    def setUp(self):
        self.server, self.standby, self.stranger = FakeServer(**self.server_options), FakeServer(), FakeServer()
        self.standby.leader = ""
        self.gone = "http://127.0.0.1:1"  # nobody listens there
        self.rig = Rig(" ".join((self.gone, self.standby.url, self.server.url)))
        for close in (self.server.close, self.standby.close, self.stranger.close, self.rig.close):
            self.addCleanup(close)
        done = self.rig.enrol(self.server.new_token(), self.server.SITE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_finds_the_leader(self):
        self.rig.start()
        t = self.server.issue(self.counting("found"))
        self.until_last(t)
        self.assertEqual(self.runs("found"), 1)
        self.assertGreater(self.standby.requests, 0)

    def test_follows_when_another_leads(self):
        self.rig.start()
        self.until(lambda: self.server.instance == 1 and self.server.inventory)
        self.server.leader = self.standby.url  # it has lost the lease, and nobody has it yet
        seen = self.standby.requests
        t = self.server.issue(self.counting("back"))
        self.until(lambda: self.standby.requests >= seen + 2)
        self.standby.leader, self.server.leader = self.server.url, None
        self.until_last(t)
        self.assertEqual(self.runs("back"), 1)

    def test_never_follows_to_a_stranger(self):
        self.standby.leader = self.stranger.url
        self.rig.start()
        t = self.server.issue(self.counting("home"))
        self.until_last(t)
        self.assertEqual(self.stranger.requests, 0)

    def test_check_asks_each(self):
        done = subprocess.run(self.rig.command("check"), check=False, capture_output=True, text=True)
        lines = [line.split(None, 2) for line in done.stdout.splitlines() if line.startswith("server")]
        self.assertEqual((done.returncode, [line[1] for line in lines]), (1, ["fault", "ok", "ok"]), done.stdout)
        self.assertIn(self.gone, lines[0][2])
        self.assertEqual([line.split()[1] for line in done.stdout.splitlines() if line.startswith("site")], ["ok"], "the one that leads says")


class Days(Case):
    def test_a_good_day(self):
        self.rig.start()
        t = self.server.issue(self.counting("a", "echo hello from $KONTOR_GPUS GPUs"))
        self.until_last(t)
        self.assertEqual(t.kinds(), ["accepted", "started", "finished"])
        self.assertEqual(t.last.exit_code, 0)
        self.assertEqual(t.last.gpu_seconds, 4 * max(1, -(-(t.last.ended_ms - t.last.started_ms) // 1000)))  # begun seconds
        self.assertEqual(t.output, b"hello from 4 GPUs\n")
        self.assertEqual(self.server.confirmed_seq, 1)
        self.assertEqual(self.runs("a"), 1)
        self.assertEqual(self.server.inventory["backend"], "exec")
        self.assertEqual(self.server.inventory["sandbox"], "none")
        self.shows_its_receipts()

    def shows_its_receipts(self):
        """Permits, and of jobs' ends what the server has receipted: for an auditor."""
        wanted = [self.server.reports[i] for i in (-3, -1)] # accepted, started, finished

        def lines():
            done = subprocess.run(self.rig.command("receipts"), capture_output=True, text=True, check=True)
            return [json.loads(line) for line in done.stdout.splitlines()]
        self.until(lambda: len(lines()) == 2)
        self.assertEqual([(line["statement"], line["receipt"]) for line in lines()], [(statement.hex(), receipt) for statement, receipt in wanted])
        self.assertEqual({tuple(sorted(line)) for line in lines()}, {("receipt", "signature", "statement")})

    def test_many_at_once(self):
        self.rig.start()
        tickets = [self.server.issue(self.counting("m%d" % i, "exit %d" % (i % 3))) for i in range(20)]
        self.until_last(*tickets)
        for i, t in enumerate(tickets):
            self.assertEqual(t.kinds(), ["accepted", "started", "failed" if i % 3 else "finished"])
            self.assertEqual(t.last.exit_code, i % 3)
            self.assertEqual(self.runs("m%d" % i), 1)

    def test_walltime(self):
        self.rig.start()
        t = self.server.issue("while :; do sleep 0.1; done", walltime_s=1)
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.reason, t.last.gpu_seconds), ("finished", 8, 4))

    def test_window_in_the_future(self):
        self.rig.start()
        t = self.server.issue("echo done", start_in_ms=1500)
        self.until_last(t)
        self.assertGreaterEqual(t.last.started_ms, t.claims["window"][0])

    def test_nobody_waits_for_a_claim_that_was_taken_away(self):
        self.rig.start()
        self.server.issue(self.counting("t"), start_in_ms=8000, accept_ms=0)
        gone = self.server.issue(self.counting("u"), start_in_ms=30000, accept_ms=-26000)
        self.until(lambda: len(self.rig.supervisors()) == 2)
        self.rig.kill()
        os.rename(self.rig.spool, self.rig.spool + ".away")
        self.until(lambda: len(self.rig.supervisors()) == 1)
        self.assertEqual((self.runs("t"), self.runs("u")), (0, 0))
        shutil.rmtree(self.rig.spool + ".away")
        self.until(lambda: not self.rig.supervisors())
        self.assertEqual(gone.kinds()[-1], "accepted")

    def test_stop_leaves_jobs_running_and_restart_picks_them_up(self):
        self.rig.start()
        t = self.server.issue(self.counting("s", "while [ ! -e \"$KONTOR_SHARE/go\" ]; do sleep 0.05; done; echo ended"))
        self.until(lambda: "started" in t.kinds())
        began = time.monotonic()
        self.assertEqual(self.rig.stop(), 0)
        self.assertLess(time.monotonic() - began, 20)
        self.until(lambda: len(self.rig.supervisors()) == 1)  # its child is taken for another until it is bwrap
        open(os.path.join(self.rig.share, "go"), "w").close()
        self.rig.start()
        self.until_last(t)
        self.assertEqual(t.kinds(), ["accepted", "started", "finished"])
        self.assertEqual(t.output, b"ended\n")
        self.assertEqual(self.runs("s"), 1)

    def test_server_away(self):
        self.server.away = True
        self.rig.start()
        t = self.server.issue(self.counting("w"))
        self.until(lambda: self.server.requests >= 2)
        self.assertEqual(t.reports, [])
        self.server.away = False
        self.until_last(t)
        self.assertEqual(self.runs("w"), 1)

    def test_losses(self):
        self.server.faults = 0.3
        self.rig.start()
        tickets = [self.server.issue(self.counting("l%d" % i)) for i in range(10)]
        self.until(lambda: all(t.last for t in tickets), 90)
        for i, t in enumerate(tickets):
            self.assertEqual(t.kinds()[-1], "finished", t.reports)
            self.assertEqual(self.runs("l%d" % i), 1)


class Cancelling(Case):
    def test_before_the_permit(self):
        self.rig.start()
        t = self.server.issue(self.counting("c"), start_in_ms=600000)
        self.until(lambda: self.server.confirmed_seq == 1)
        self.server.cancel(t)
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["cancelled"], 9))
        self.assertEqual(self.runs("c"), 0)

    def test_while_it_runs(self):
        self.rig.start()
        t = self.server.issue("echo begun\n" + self.counting("w", "while :; do sleep 0.1; done"))
        self.until(lambda: "started" in t.kinds() and self.runs("w") == 1)
        self.server.cancel(t)
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["accepted", "started", "cancelled"], 9))
        self.assertGreater(t.last.gpu_seconds, 0)
        self.assertEqual(t.output.splitlines()[0], b"begun")

    def test_in_the_same_poll(self):
        t = self.server.issue(self.counting("p"))
        self.server.cancel(t)
        self.rig.start()
        self.until(lambda: self.server.confirmed_seq == 2)
        self.until(lambda: t.last or (t.reports and self.server.requests > 6))
        self.assertEqual(self.runs("p"), 0)


class Refusals(Case):
    def test_permit_refused(self):
        self.rig.start()
        t = self.server.issue(self.counting("r"))
        t.withdrawn = True
        self.until(lambda: t.reports)
        other = self.server.issue("true")
        self.until_last(other)
        self.assertEqual(t.kinds(), ["accepted"])
        self.assertEqual(self.runs("r"), 0)

    def test_lower_fence(self):
        self.rig.start()
        first = self.server.issue("true", request="0190163d-8694-7f01-bf03-040506070809", fence=5)
        self.until_last(first)
        for fence in (4, 5):
            t = self.server.issue(self.counting("f"), request=first.claims["request"], fence=fence)
            self.until_last(t)
            self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 6))
        t = self.server.issue(self.counting("f"), request=first.claims["request"], fence=6)
        self.until_last(t)
        self.assertEqual(t.kinds()[-1], "finished")
        self.assertEqual(self.runs("f"), 1)

    def test_workload_gone_or_changed(self):
        self.rig.start()
        good = self.server.blobs
        self.server.blobs = type("Gone", (dict,), {"__setitem__": lambda *a: None})()
        t = self.server.issue("echo gone")
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 5))
        self.server.blobs = type("Changed", (dict,), {"get": lambda *a: b"echo changed"})(good)
        t = self.server.issue("echo unchanged")
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 5))

    def test_expired_ticket(self):
        self.rig.start()
        t = self.server.issue(self.counting("e"), exp=int(time.time()) - 10)
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 6))

    def test_too_many_gpus(self):
        self.rig.start(gpus=8)
        t = self.server.issue("true", gpus=9)
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 4))

    def test_what_it_takes_is_its_administrators_word(self):
        self.rig.start(takes="transfer podman")
        good, other = self.server.issue(self.counting("t"), needs=["transfer"]), self.server.issue(self.counting("t"), needs=["transfer", "apptainer"])
        self.until_last(good, other)
        self.assertEqual(self.server.openings[-1]["takes"], ["transfer", "podman"])
        self.assertEqual((good.last.exit_code, other.kinds(), other.last.reason, self.runs("t")), (0, ["rejected"], 11, 1))

    def secret_job(self, **more):
        self.rig.start(takes="secrets", **more)
        self.until(lambda: self.server.instance > 0)
        share = "/share" if more.get("sandbox") == "bwrap" else "$KONTOR_SHARE"
        return self.server.issue(self.counting("s", 'printf %%s "$TOKEN" >"%s/got"; tr "\\0" "\\n" </proc/self/environ | grep -c TOKEN=; while [ ! -e "%s/go" ]; do sleep 0.02; done'
                                               % (share, share)), values={"TOKEN": "a%'s $secret"})

    def go_and_see(self, t):
        """While it runs no command line has it; afterwards no file has."""
        needle = b"a%'s $secret"
        self.until(lambda: self.runs("s") == 1 and "started" in t.kinds())
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    self.assertNotIn(needle, f.read())
            except OSError:
                pass
        open(os.path.join(self.rig.share, "go"), "w").close()
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.exit_code), ("finished", 0), self.rig.log())
        with open(os.path.join(self.rig.share, "got"), "rb") as f:
            self.assertEqual(f.read(), needle)
        for root, _, names in os.walk(self.rig.spool):
            for name in names:
                path = os.path.join(root, name)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        self.assertNotIn(needle, f.read(), path)
        self.assertNotIn(needle.decode(), self.rig.log())

    def test_secrets(self):
        self.go_and_see(self.secret_job())

    @unittest.skipUnless(can_sandbox("/"), "bubblewrap does not work here")
    def test_secrets_in_the_sandbox(self):
        self.go_and_see(self.secret_job(sandbox="bwrap"))

    def test_secrets_outlive_the_agent(self):
        """The supervisor has them: the agent that opened them may be gone when the window begins."""
        self.rig.start(takes="secrets")
        self.until(lambda: self.server.instance > 0)
        body = self.counting("s", 'printf %s "$TOKEN" >"$KONTOR_SHARE/got"; while [ ! -e "$KONTOR_SHARE/go" ]; do sleep 0.02; done')
        t = self.server.issue(body, values={"TOKEN": "later"}, start_in_ms=4000, accept_ms=-2500)  # its permit long before its window
        self.until(lambda: "accepted" in t.kinds() and self.rig.supervisors())
        self.rig.kill()
        self.rig.start(takes="secrets")
        open(os.path.join(self.rig.share, "go"), "w").close()
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], self.runs("s")), ("finished", 1))
        with open(os.path.join(self.rig.share, "got"), encoding="ascii") as f:
            self.assertEqual(f.read(), "later")

    def test_an_old_key_opens_what_was_sealed_to_it(self):
        self.rig.start(takes="secrets")
        self.until(lambda: self.server.instance > 0)
        old = self.server.openings[-1]["seal"]
        self.assertEqual(self.rotate_seal(1), "another agent uses")
        self.rig.stop()
        self.assertEqual(self.rotate_seal(0), "")
        t = self.server.issue(self.counting("s", '[ "$TOKEN" = x ]'), values={"TOKEN": "x"})  # to the one before
        self.rig.start(takes="secrets")
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.exit_code), ("finished", 0), self.rig.log())
        self.assertNotEqual(self.server.openings[-1]["seal"], old)
        t = self.server.issue(self.counting("s", '[ "$TOKEN" = y ]'), values={"TOKEN": "y"})
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.exit_code), ("finished", 0))
        self.rig.stop()
        self.assertEqual(self.rotate_seal(1), "the key before")  # not two at a time
        self.assertEqual(sorted(n for n in os.listdir(self.rig.spool) if n.startswith("seal")), ["seal.key", "seal.key.old"])
        for name in ("seal.key", "seal.key.old"):
            self.assertEqual(os.stat(os.path.join(self.rig.spool, name)).st_mode & 0o777, 0o600)

    def rotate_seal(self, status):
        done = subprocess.run(self.rig.command("rotate-seal"), capture_output=True, text=True, check=False, timeout=30)
        self.assertEqual(done.returncode, status, done)
        return next((words for words in ("another agent uses", "the key before") if words in done.stderr), done.stderr)

    def test_takes_that_cannot_be(self):
        for options, said in (({"takes": "teleport"}, "may be transfer"), ({"takes": "allocation"}, "slurm_allocations"), ({"takes": "transfer", "sandbox": "bwrap"}, "no network")):
            done = subprocess.run(self.rig.command("run", **options), capture_output=True, text=True, check=False, timeout=30)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(said, done.stderr)

    def test_a_value_that_cannot_be_taken_blocks_nobody(self):
        self.rig.start()
        bad = [self.server.issue("true", workload={"sha256": "0" * 64, "len": 65537}), self.server.issue("true", gpus=2 ** 40),
               self.server.issue("true", window=[5, 3])]
        good = self.server.issue(self.counting("after"))
        self.until_last(*bad, good)
        for t in bad:
            self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 6))
        self.assertEqual((good.last.exit_code, self.runs("after")), (0, 1))

    def untrusted(self, **changes):
        """A ticket that does not verify is neither confirmed nor acted on."""
        self.rig.start()
        t = self.server.issue(self.counting("u"), **changes)
        self.until(lambda: "ticket-not-taken" in self.rig.log())
        self.assertEqual((self.server.confirmed_seq, t.reports, self.runs("u")), (0, [], 0))

    def test_signed_by_another(self):
        self.untrusted(key=Key())

    def test_for_another_site(self):
        self.untrusted(aud="cineca")

    def test_of_another_server(self):
        self.untrusted(iss="kontor.example/other")

    def test_number_not_the_next(self):
        self.untrusted(seq_jump=1)

    def test_unknown_claim(self):
        self.untrusted(sudo=True)

    def test_new_server_key_is_fetched(self):
        self.rig.start()
        t = self.server.issue("true")
        self.until_last(t)
        self.until(lambda: "phase=done" in self.rig.log())  # the last receipt under the old key is in
        self.server.key, self.server.kid = Key(), "77"
        t = self.server.issue("true")
        self.until_last(t)
        self.assertEqual(t.kinds()[-1], "finished")


class Instances(Case):
    def test_superseded(self):
        self.rig.start()
        self.until(lambda: self.server.inventory)
        with self.server.lock:
            self.server.instance += 1
            self.server.lock.notify_all()
        self.server.issue("true")
        self.assertEqual(self.rig.wait(), 4)

    def test_one_agent_a_spool(self):
        self.rig.start()
        self.until(lambda: self.server.inventory)
        second = subprocess.run(self.rig.command("run"), capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another agent uses this spool", second.stderr)

    def test_spool_ahead_waits(self):
        self.rig.start()
        t = self.server.issue("true")
        self.until_last(t)
        self.rig.stop()
        with self.server.lock:
            kept, self.server.reports, self.server.broken = self.server.reports, [], []
            self.server.inventory = None
        self.rig.start()
        self.until(lambda: "spool-ahead" in self.rig.log())
        self.assertIsNone(self.rig.process.poll())
        with self.server.lock:
            self.server.reports = kept
        self.until(lambda: self.server.inventory, 60)

    def test_old_copy_of_the_spool(self):
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.rig.stop()
        copy = sqlite3.connect(os.path.join(self.rig.spool, "spool.db"))
        self.until(lambda: self.server.confirmed_seq == 1)
        saved = b"".join(bytes(line + "\n", "utf-8") for line in copy.iterdump())
        copy.close()
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.until(lambda: self.server.confirmed_seq == 2)
        self.rig.stop()
        for name in os.listdir(self.rig.spool):
            if name.startswith("spool.db"):
                os.unlink(os.path.join(self.rig.spool, name))
        restored = sqlite3.connect(os.path.join(self.rig.spool, "spool.db"))
        restored.executescript(saved.decode())
        restored.close()
        self.rig.start()
        self.assertEqual(self.rig.wait(), 5)
        self.assertIn("is a copy", self.rig.log())
        subprocess.run(self.rig.command("spool-moved"), check=True, stdout=subprocess.DEVNULL)  # somebody lies: its numbers do not
        self.rig.start()
        self.assertEqual(self.rig.wait(), 5)
        self.assertIn("spool-behind", self.rig.log())

    def test_new_spool_in_the_place_of_a_lost_one(self):
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.until(lambda: self.server.confirmed_seq == 1)
        self.rig.stop()
        told = len(self.server.reports)
        other = Rig(self.server.url)
        self.addCleanup(other.close)
        self.assertEqual(other.enrol(self.server.new_token(), self.server.SITE).returncode, 0)
        other.start()
        self.assertEqual(other.wait(), 5, "nobody has retired the one before")
        self.server.retired = self.server.instance_public
        other.start()
        t = self.server.issue("true")
        self.until(lambda: t.last)
        self.assertEqual(t.reports[0].number, told + 2)  # after its inventory
        self.rig.start()  # the old one is nobody any more
        self.until(lambda: "token-signature" in self.rig.log())
        self.assertIsNone(other.process.poll())
        other.stop()
        other.start()
        t = self.server.issue("true")
        self.until(lambda: t.last)

    def test_spool_of_another_key(self):
        other = Rig(self.server.url)
        self.addCleanup(other.close)
        self.assertEqual(other.enrol(self.server.new_token(), self.server.SITE).returncode, 0)
        os.replace(os.path.join(other.spool, "agent.key"), os.path.join(self.rig.spool, "agent.key"))
        self.rig.start()
        self.assertEqual(self.rig.wait(), 1)
        self.assertIn("belongs to another key", self.rig.log())

    def test_token_works_once(self):
        token = self.server.new_token()
        other, third = Rig(self.server.url), Rig(self.server.url)
        self.addCleanup(other.close)
        self.addCleanup(third.close)
        self.assertEqual(other.enrol(token, self.server.SITE).returncode, 0)
        self.assertEqual(third.enrol(token, self.server.SITE).returncode, 1)
        self.assertEqual(other.enrol(self.server.new_token(), self.server.SITE).returncode, 1)  # it has a spool

    def test_files_are_private(self):
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.assertEqual(os.stat(self.rig.spool).st_mode & 0o777, 0o700)
        for name in ("agent.key", "seal.key"):
            self.assertEqual(os.stat(os.path.join(self.rig.spool, name)).st_mode & 0o777, 0o600)
        self.rig.stop()
        os.chmod(os.path.join(self.rig.spool, "agent.key"), 0o644)
        self.rig.start()
        self.assertEqual(self.rig.wait(), 1)
        self.assertIn("open to others", self.rig.log())


class Simulation(Case):
    server_options = {"clock": (1800000000000, int(time.time() * 1000), 600), "permit_life_ms": 30000}

    def test_walltime_and_use_follow_its_clock(self):
        self.rig.start()
        t = self.server.issue("while :; do sleep 0.05; done", walltime_s=900, slack_ms=3600000 * 24, accept_ms=3600000 * 24)
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.reason, t.last.gpu_seconds), ("finished", 8, 3600))
        self.assertGreaterEqual(t.last.ended_ms - t.last.started_ms, 900000)


@unittest.skipUnless(can_sandbox("/"), "bubblewrap does not work here")
class Sandbox(Case):
    agent_options = {"sandbox": "bwrap"}

    def test_a_good_day(self):
        self.rig.start()
        t = self.server.issue("#!/bin/sh\necho run >>/share/b; ls /; test -e %s && echo sees the spool" % self.rig.spool)
        self.until_last(t)
        self.assertEqual(self.runs("b"), 1)
        self.assertNotIn(b"sees", t.output)
        self.assertEqual(self.server.inventory["sandbox"], "bwrap")

    def test_limits(self):
        """Set before the payload's first process starts, and of this run's processes alone."""
        self.rig.start(processes=7, memory_mb=96)
        script = "#!/bin/bash\nulimit -Hu; ulimit -Su; ulimit -Hv; ulimit -Sv; ulimit -c; ulimit -n\n" \
                 "head -c 200M /dev/zero | tail -c 190M | wc -c; true"
        t = self.server.issue(script)
        self.until_last(t)
        said = t.output.split()
        self.assertEqual(said[:6], [b"7", b"7", b"98304", b"98304", b"0", b"1024"])
        self.assertNotIn(b"199229440", said)

    def test_nothing_is_left_of_a_run_whose_supervisor_died(self):
        """At the gate bwrap's first process does not follow its parent: the agent ends it, and no other run's."""
        def waits(jti):
            gate, self.gate = os.pipe()
            process = subprocess.Popen(["bwrap", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--setenv", "KONTOR_JTI", jti,
                                        "--block-fd", str(gate), "--", "true"], pass_fds=[gate])
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.addCleanup(os.close, self.gate)
            os.close(gate)
            return process

        self.rig.start()
        t = self.server.issue(self.counting("d", "sleep 60"))
        self.until(lambda: "started" in t.kinds() and self.runs("d") == 1)
        left, others = waits(t.jti), waits(t.jti[:-4] + "0000")
        os.kill(self.rig.supervisors()[0], signal.SIGKILL)
        self.rig.stop()
        self.rig.start()  # it looks at once
        self.until_last(t)
        self.assertEqual(t.kinds()[-1], "failed")
        self.assertEqual((left.wait(60), others.poll()), (-signal.SIGKILL, None))
        self.assertEqual(self.runs("d"), 1)

    def test_check(self):
        done = subprocess.run(self.rig.command("check"), capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, "exec +ok +bubblewrap works")

    def test_no_such_command(self):
        """Said of the word that was mistyped, not of what the configuration lacks."""
        agent = self.rig.command("run")[0]
        for words, said in (([], "name one command"), (["rnu"], 'no command "rnu"'), (["--server=http://127.0.0.1:1", "rnu"], 'no command "rnu"'),
                            (["run"], "option server is required")):
            done = subprocess.run([agent, *words], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, said in done.stderr), (2, True), done.stderr)


if __name__ == "__main__":
    unittest.main()
