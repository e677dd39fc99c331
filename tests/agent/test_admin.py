"""What an administrator does with the agent: check, status, drain, journal, metrics, upgrade; and what the spool refuses."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import unittest

import test_agent

SRC = os.environ.get("KONTOR_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Administrator(test_agent.Case):
    def ask(self, verb, *words, **more):
        return subprocess.run([*self.rig.command(verb, **more), *words], capture_output=True, text=True, check=False, timeout=60)

    def check(self, status, **more):
        done = self.ask("check", "--json", **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual(told["verdict"] == "fault", status == 1)
        return {c["check"]: c for c in sorted(told["checks"], key=lambda c: ["ok", "warning", "fault"].index(c["verdict"]))}

    def journal(self, *words):
        done = self.ask("journal", "--json", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def db(self, sql, *values):
        db = sqlite3.connect(os.path.join(self.rig.spool, "spool.db"))
        with db:
            rows = db.execute(sql, values).fetchall()
        db.close()
        return rows


class Check(Administrator):
    def test_all_is_well_also_while_it_runs(self):
        self.rig.start()
        self.until(lambda: self.server.instance == 1)
        found = self.check(0)
        self.assertLessEqual({"config", "user", "spool", "keys", "server", "site", "clock", "exec"}, set(found))
        self.assertEqual({found[w]["verdict"] for w in ("spool", "keys", "server", "site", "clock", "exec")}, {"ok"})
        self.assertIn("an agent is using it", found["spool"]["finding"])
        self.assertEqual(self.server.instance, 1, "it opens no instance")
        self.until_last(self.server.issue(self.counting("after")))
        self.assertEqual(self.runs("after"), 1)

    def test_each_fault_has_a_remedy(self):
        os.chmod(os.path.join(self.rig.spool, "agent.key"), 0o644)
        self.assertEqual(self.check(1)["keys"]["verdict"], "fault")
        os.chmod(os.path.join(self.rig.spool, "agent.key"), 0o600)
        os.chmod(self.rig.spool, 0o755)
        found = self.check(1)["spool"]
        self.assertEqual((found["verdict"], "0700" in found["finding"], "0700" in found["remedy"]), ("fault", True, True))
        os.chmod(self.rig.spool, 0o700)
        self.assertEqual(self.check(1, supervisor="/nowhere/kontor-supervise")["exec"]["verdict"], "fault")
        lines = self.ask("check", supervisor="/nowhere/kontor-supervise").stdout.splitlines()
        self.assertTrue(any(line.split() and line.split()[0] == "remedy:" for line in lines), lines)

    def test_the_server_is_away(self):
        self.server.httpd.socket.close()
        found = self.check(1, server="http://127.0.0.1:9")
        self.assertEqual(found["server"]["verdict"], "fault")
        self.assertIn("firewall", found["server"]["remedy"])

    def test_a_clock_that_is_wrong(self):
        self.server.skew_ms = 12000
        found = self.check(0)["clock"]
        self.assertEqual(found["verdict"], "warning")
        self.assertRegex(found["finding"], r"1[12]\.\d+ s behind the server's; 30 s are tolerated")
        self.server.skew_ms = -40000
        found = self.check(1)["clock"]
        self.assertEqual((found["verdict"], "ahead" in found["finding"], "chrony" in found["remedy"]), ("fault", True, True))

    def test_a_clock_that_is_wrong_is_in_the_log(self):
        """Both ways: what the agent sees of the server's clock, and what the server says of the agent's."""
        for skew_s, said in ((7, "event=clocks-apart"), (-35, "event=clock-skew said=\"Your clock is 3"), (33, "event=clock-skew ahead_ms=-3")):
            self.server.skew_ms = skew_s * 1000
            self.rig.start()
            self.until(lambda: said in self.rig.log())
            self.rig.stop()

    def test_a_key_that_the_server_does_not_take(self):
        self.server.agent_keys = {}
        found = self.check(1)["site"]
        self.assertIn("does not take this site's key", found["finding"])


class Drain(Administrator):
    def test_at_run_time_and_after_a_restart(self):
        self.rig.start()
        slow = self.server.issue(self.counting("slow", "while [ ! -e \"$KONTOR_SHARE/go\" ]; do sleep 0.05; done"))
        self.until(lambda: "started" in slow.kinds())
        self.assertEqual(self.ask("drain", "cooling is renewed").returncode, 0)
        self.until(lambda: self.server.inventory["draining"])
        t = self.server.issue("true")
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 7))
        self.rig.stop()
        self.rig.start()
        t = self.server.issue("true")
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason), (["rejected"], 7))
        self.assertIn("cooling is renewed", self.ask("status").stdout)
        self.assertEqual(self.check(0)["drain"]["verdict"], "warning")
        open(os.path.join(self.rig.share, "go"), "w").close()
        self.until_last(slow)  # jobs go on
        self.assertEqual(self.ask("undrain").returncode, 0)
        self.until(lambda: not self.server.inventory["draining"])
        t = self.server.issue(self.counting("again"))
        self.until_last(t)
        self.assertEqual((self.runs("slow"), self.runs("again")), (1, 1))
        self.assertEqual([line["what"] for line in self.journal() if line["what"] in ("drain", "undrain")], ["drain", "drain", "undrain"])

    def test_before_it_runs(self):
        self.assertEqual(self.ask("undrain").returncode, 0)
        self.assertEqual(self.ask("drain", "x" * 300).returncode, 1)
        self.assertEqual(self.ask("drain", "two", "words").returncode, 2)
        self.assertEqual(self.ask("drain").returncode, 0)
        self.assertTrue(json.loads(self.ask("status", "--json").stdout)["draining"])


class Told(Administrator):
    def test_status(self):
        before = json.loads(self.ask("status", "--json").stdout)
        self.assertEqual((before["site"], before["running"], before["draining"], before["last_ticket"]), ("lumi", False, False, 0))
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.until(lambda: json.loads(self.ask("status", "--json").stdout)["reports_unreceipted"] == 0)
        after = json.loads(self.ask("status", "--json").stdout)
        self.assertEqual((after["running"], after["instance"], after["last_ticket"], after["tickets_open"]), (True, 1, 1, 0))

    def test_journal_says_what_and_why(self):
        self.rig.start()
        good, bad = self.server.issue("exit 3"), self.server.issue("true", gpus=4, fence=1, workload={"sha256": "0" * 64, "len": 4})
        self.until_last(good, bad)
        self.until(lambda: "phase=done" in self.rig.log())
        told = self.journal(good.jti)
        self.assertEqual([line["what"] for line in told], ["ticket", "accepted", "permit", "submit", "started", "failed"])
        self.assertIn("granted to instance 1", told[2]["why"])
        self.assertIn("exit code 3, reason: job", told[-1]["why"])
        self.assertEqual({line["jti"] for line in told}, {good.jti})
        self.assertIn("reason: workload", self.journal(bad.jti)[-1]["why"])
        self.assertEqual(self.journal()[0]["what"], "instance")
        self.assertEqual(self.journal("00000000-0000-0000-0000-000000000000"), [])
        self.assertEqual(self.ask("journal", "nonsense").returncode, 1)
        self.assertIn(good.jti, self.ask("journal", good.jti).stdout)

    def test_the_log_names_the_ticket(self):
        self.rig.start(log_format="json")
        self.server.forced["/v1/agent/reports"] = (422, "field-invalid")
        t = self.server.issue("true")
        self.until_last(t)
        self.until(lambda: "report-refused" in self.rig.log())
        lines = [json.loads(line) for line in self.rig.log().splitlines()]
        self.assertLessEqual({"ticket", "job"}, {line["event"] for line in lines if line.get("jti") == t.jti})
        self.assertTrue(all("number" in line for line in lines if line["event"] == "report-refused"))

    def test_metrics(self):
        path = os.path.join(self.rig.share, "kontor.prom")
        self.rig.start(metrics_file=path)
        t = self.server.issue("true")
        self.until_last(t)
        self.rig.stop()
        with open(path, encoding="ascii") as f:
            text = f.read()
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) kontor_agent_\w+ .+|kontor_agent_\w+(\{[^}]*\})? -?\d+(\.\d+)?)$")
        self.assertIn('site="lumi"', text)
        self.assertIn("kontor_agent_draining 0", text)
        self.assertEqual(os.listdir(self.rig.share), ["kontor.prom"], "nothing is left beside it")
        self.rig.start(metrics_file="/nowhere/kontor.prom")
        self.until(lambda: "metrics-not-written" in self.rig.log())
        self.until_last(self.server.issue("true"))


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv") and test_agent.can_sandbox("/"), "needs root, setpriv and bubblewrap")
class OrdinaryUser(Administrator):
    """As the unit starts it: an ordinary user who can gain no rights, with no capability left."""
    agent_options = {"sandbox": "bwrap"}

    def test_suffices(self):
        here = os.path.dirname(self.rig.command("run")[0])
        for name in ("kontor-agent", "kontor-supervise"):
            shutil.copy(os.path.join(here, name), os.path.join(self.rig.root, name))
            os.chmod(os.path.join(self.rig.root, name), 0o755)
        subprocess.run(["chown", "-R", "65534:65534", self.rig.spool], check=True)
        as_root, command = self.rig.command, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        self.rig.command = lambda verb, **more: [*command, os.path.join(self.rig.root, "kontor-agent"), *as_root(verb, **more)[1:]]
        found = self.check(0)
        self.assertEqual({found[what]["verdict"] for what in ("user", "spool", "keys", "site", "exec")}, {"ok"})
        self.rig.start()
        t = self.server.issue("id -u")
        self.until_last(t)
        self.assertEqual((t.kinds(), t.output), (["accepted", "started", "finished"], b"65534\n"))
        self.assertEqual(self.rig.stop(), 0)
        self.rig.command = as_root  # root is not the spool's owner: told, not done
        self.assertIn("run check as that user", self.check(1)["spool"]["remedy"])


class Keys(Administrator):
    def key_files(self):
        return sorted(name for name in os.listdir(self.rig.spool) if ".key" in name)

    def key(self):
        return json.loads(self.ask("status", "--json").stdout)["key"]

    def test_rotation_while_jobs_run_and_reports_wait(self):
        self.rig.start()
        slow = self.server.issue(self.counting("slow", "while [ ! -e \"$KONTOR_SHARE/go\" ]; do sleep 0.05; done"))
        quick = self.server.issue(self.counting("quick", "while [ ! -e \"$KONTOR_SHARE/go-quick\" ]; do sleep 0.05; done"))
        self.until(lambda: "started" in slow.kinds() and "started" in quick.kinds())
        self.assertEqual(self.ask("rotate-key").returncode, 1, "an agent uses the spool")
        self.server.away = True
        open(os.path.join(self.rig.share, "go-quick"), "w").close()
        self.until(lambda: json.loads(self.ask("status", "--json").stdout)["reports_unreceipted"] > 0)
        self.rig.stop()
        self.assertEqual(self.ask("rotate-key").returncode, 1, "the server is away")
        self.assertEqual((self.key(), self.check(0)["keys"]["verdict"]), ("21", "warning"))
        self.server.away = False
        done = self.ask("rotate-key")
        self.assertEqual((done.returncode, self.key()), (0, "22"), done.stderr)
        self.assertEqual(self.key_files(), ["agent.key", "seal.key"])
        self.assertEqual(self.server.agent_keys.keys(), {"21", "22"})
        del self.server.agent_keys["21"]  # the day of overlap is over
        self.rig.start()
        open(os.path.join(self.rig.share, "go"), "w").close()
        self.until_last(slow, quick)
        self.assertEqual((self.runs("slow"), self.runs("quick")), (1, 1))
        self.assertIn("22 takes the place of 21", [line["why"] for line in self.journal() if line["what"] == "key"])

    def test_cut_off_before_the_new_key_is_in_its_place(self):
        old = os.path.join(self.rig.spool, "agent.key")
        with open(old, "rb") as f:
            was = f.read()
        self.assertEqual(self.ask("rotate-key").returncode, 0)
        os.rename(old, old + ".next")
        with open(os.open(old, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
            f.write(was)
        self.rig.start()
        t = self.server.issue(self.counting("on"))
        self.until_last(t)
        self.assertEqual((self.runs("on"), self.key_files()), (1, ["agent.key", "seal.key"]))

    def test_a_lost_reply_is_asked_for_again(self):
        self.server.forced["/v1/agent/keys"] = (502, "busy")
        self.assertEqual(self.ask("rotate-key").returncode, 1)
        self.assertEqual(self.key_files(), ["agent.key", "agent.key.next", "seal.key"])
        self.assertEqual((self.ask("rotate-key").returncode, self.key()), (0, "22"))

    def test_a_revoked_key_is_followed_on_the_operator_s_word(self):
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.until(lambda: self.server.confirmed_seq == 1)
        self.rig.stop()
        with open(os.path.join(self.rig.spool, "seal.key"), "rb") as f:
            seal = f.read()
        self.server.agent_keys = {}
        self.assertEqual(self.ask("rotate-key").returncode, 1)
        token = os.path.join(self.rig.root, "token")
        with open(token, "w", encoding="ascii") as f:
            f.write(self.server.new_token() + "\n")
        done = self.ask("rotate-key", token_file=token)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.rig.spool, "seal.key"), "rb") as f:
            self.assertNotEqual(f.read(), seal)
        self.rig.start()
        t = self.server.issue(self.counting("on"))
        self.until_last(t)
        self.assertEqual(self.runs("on"), 1)


class Files(Administrator):
    """What is installed beside the programs."""

    def test_the_example_has_every_option_and_is_read(self):
        agent = self.rig.command("run")[0]
        with open(os.path.join(SRC, "server/agent/config.def"), encoding="utf-8") as f:
            names = [line[2:].split(",")[0] for line in f if line.startswith("C(")]
        example = subprocess.run([agent, "--example"], capture_output=True, text=True, check=True).stdout
        options = [line for line in example.splitlines() if line[:1] == "#" and line[1:2].isalpha()]
        self.assertEqual([line[1:].split(" =")[0] for line in options], names)
        path = os.path.join(self.rig.root, "agent.conf")
        with open(path, "w", encoding="utf-8") as f:
            for line in example.splitlines():
                name = line[1:].split(" =")[0]
                f.write({"server": "server = %s" % self.rig.url, "spool_dir": "spool_dir = %s" % self.rig.spool}.get(name, line[1:])
                        if line in options else line)
                f.write("\n")
        done = subprocess.run([agent, "status", "--config=" + path], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    # What systemd-analyze calls the exposure of each, in tenths: what it is now, and no more.
    EXPOSURE = {"kontord.service": 17, "kontor-agent.service": 36}
    EXPOSURE_SLURM = 68  # sudo must be able to gain rights

    @staticmethod
    def exposed(path, most):
        """None, or how far a unit is open where that is more than it may be."""
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", f"--threshold={most}", "--no-pager", path], capture_output=True, text=True,
                              check=False, timeout=60)
        return done.stdout.splitlines()[-1] if done.returncode else None

    def confined(self, path, most):
        """It is; and would not be if one line that confines it were taken away."""
        self.assertIsNone(self.exposed(path, most))
        with open(path, encoding="utf-8") as f:
            unit = f.read()
        for line in ("User=", "NoNewPrivileges=", "CapabilityBoundingSet=", "ProtectSystem=", "ProtectHome=", "SystemCallFilter=", "RestrictAddressFamilies="):
            less, count = re.subn(f"(?m)^{line}.*\n", "", unit)
            self.assertEqual(count, 1, line)
            worse = os.path.join(self.rig.root, os.path.basename(path))
            with open(worse, "w", encoding="utf-8") as f:
                f.write(less)
            self.assertIsNotNone(self.exposed(worse, most), f"{path} without {line}")

    def test_units(self):
        folder = os.path.join(self.rig.root, "units")
        os.makedirs(os.path.join(folder, "kontor-agent.service.d"))
        bindir = os.path.dirname(self.rig.command("run")[0])
        for name in ("kontor-agent.service", "kontord.service"):
            with open(os.path.join(SRC, "share/systemd", name + ".in"), encoding="utf-8") as f:
                unit = f.read()
            for line in unit.splitlines():  # each directive follows a comment with its reason, or another one of its group
                self.assertRegex(line, r"^($|#|\[|\w+=)")
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(unit.replace("@bindir@", bindir).replace("@sbindir@", bindir))
        self.assertIn("RestartPreventExitStatus=2 4 5 6", open(os.path.join(folder, "kontor-agent.service"), encoding="utf-8").read())
        for drop_in in (False, True):
            if drop_in:
                shutil.copy(os.path.join(SRC, "share/systemd/kontor-agent-slurm.conf"), os.path.join(folder, "kontor-agent.service.d"))
            for name in ("kontor-agent.service", "kontord.service"):
                done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", os.path.join(folder, name)], capture_output=True,
                                      text=True, check=False, timeout=60, env={**os.environ, "SYSTEMD_UNIT_PATH": folder + ":"})
                said = [line for line in (done.stdout + done.stderr).splitlines() if name in line or "slurm.conf" in line]
                self.assertEqual((done.returncode, said), (0, []), done.stderr)
                if not drop_in:
                    self.confined(os.path.join(folder, name), self.EXPOSURE[name])
        self.assertIsNone(self.exposed(os.path.join(folder, "kontor-agent.service"), self.EXPOSURE_SLURM))


class Spool(Administrator):
    def old_version(self):
        """As the first version left it."""
        self.db("DROP TABLE story")
        self.db("ALTER TABLE job DROP COLUMN secrets")
        self.db("DELETE FROM meta WHERE name = 'place'")
        self.db("UPDATE meta SET value = '1' WHERE name = 'schema'")

    def test_upgrade_while_a_job_runs(self):
        self.rig.start()
        t = self.server.issue(self.counting("u", "while [ ! -e \"$KONTOR_SHARE/go\" ]; do sleep 0.05; done; echo ended"))
        self.until(lambda: "started" in t.kinds())
        self.rig.stop()
        self.old_version()
        self.assertEqual(self.ask("status").returncode, 0)  # which brings nothing forward
        self.assertEqual(self.journal(), [])
        self.assertEqual(self.db("SELECT value FROM meta WHERE name = 'schema'"), [("1",)])
        self.rig.start()
        self.until(lambda: self.server.instance == 2)
        self.assertEqual(self.db("SELECT value FROM meta WHERE name = 'schema'"), [("3",)])
        open(os.path.join(self.rig.share, "go"), "w").close()
        self.until_last(t)
        self.assertEqual((t.kinds(), t.output, self.runs("u")), (["accepted", "started", "finished"], b"ended\n", 1))
        self.assertEqual(self.journal(t.jti)[-1]["what"], "finished")

    def test_a_newer_spool_is_refused(self):
        self.db("UPDATE meta SET value = '99' WHERE name = 'schema'")
        self.rig.start()
        self.assertEqual(self.rig.wait(), 1)
        self.assertIn("of version 99", self.rig.log())
        self.assertEqual(self.check(1)["spool"]["verdict"], "fault")
        self.assertEqual(self.db("SELECT value FROM meta WHERE name = 'schema'"), [("99",)])

    def test_a_copy_is_refused_until_somebody_answers_for_it(self):
        self.rig.start()
        self.until_last(self.server.issue("true"))
        self.rig.stop()
        subprocess.run(["cp", "-a", self.rig.spool, self.rig.spool + ".copy"], check=True)
        shutil.rmtree(self.rig.spool)
        os.rename(self.rig.spool + ".copy", self.rig.spool)
        instance = self.server.instance
        self.rig.start()
        self.assertEqual(self.rig.wait(), 5)
        self.assertEqual(self.server.instance, instance)
        self.assertIn("is a copy", self.check(1)["spool"]["finding"])
        self.assertEqual(self.ask("spool-moved").returncode, 0)
        self.assertEqual(self.check(0)["spool"]["verdict"], "ok")
        self.rig.start()
        t = self.server.issue(self.counting("moved"))
        self.until_last(t)
        self.assertEqual(self.ask("spool-moved").returncode, 1, "an agent uses it")
        self.assertEqual(self.runs("moved"), 1)

