"""Good days and bad jobs: from the ticket to the last report, as Slurm runs and accounts it."""

import os
import subprocess

from slurm_site import STRANGER, Site


class Days(Site):
    def test_check(self):
        """What is not there is named, with a remedy; nothing of it keeps the agent from the jobs that it has."""
        def said(**more):
            done = subprocess.run(self.rig.command("check", **more), check=False, capture_output=True, text=True)
            return done.returncode, done.stdout
        status, text = said()
        self.assertEqual(status, 0, text)
        self.assertIn("1 organisation may run jobs here", text)
        self.assertIn("controller and accounting answer; GPUs are accounted", text)
        self.assertEqual(os.listdir(self.rig.mine), [])
        self.assertIn("install -d", said(slurm_folder=self.rig.share)[1])
        self.assertIn("slurm_users", said(slurm_users=self.rig.share + "/none")[1])
        for mode in (0o3770, 0o2777):  # the first would keep secrets of jobs that never begin, the second let others put their own there
            os.chmod(self.rig.mine, mode)
            self.assertIn("others may write to the folder, or it keeps the agent from removing", said()[1])
        os.chmod(self.rig.mine, 0o755)
        status, text = said(slurm_conf=self.rig.share + "/none")
        self.assertEqual(status, 1)
        self.assertIn("name the site's slurm.conf", text)

    def test_a_good_day(self):
        """Everything that takes its time, at once: what finishes, fails, runs into its walltime, is cancelled."""
        self.rig.start()
        good = self.issue(self.counting("good", "echo hello from $KONTOR_GPUS GPUs; sleep 3"), gpus=16, nodes=2)
        bad = self.issue(self.counting("bad", "exit 7"))
        slow = self.issue(self.counting("slow", "sleep 600"), walltime_s=4)
        plain = self.issue("echo no first line")
        running = self.issue(self.counting("running", "sleep 600"))
        pending = self.issue(self.counting("pending"), start_in_ms=600000, permit_from=0)
        stranger = self.server.issue(self.counting("stranger"), organisation=STRANGER)
        large = self.issue(self.counting("large"), gpus=16, nodes=1)
        self.until_last(stranger, large)
        self.assertEqual((stranger.kinds(), stranger.last.reason), (["rejected"], 3))
        self.assertEqual((large.kinds(), large.last.reason), (["accepted", "rejected"], 4))
        self.until(lambda: "started" in running.kinds())
        self.server.cancel(running)
        self.server.cancel(pending)
        self.until_last(good, bad, slow, plain, running, pending)
        self.assertEqual(good.kinds(), ["accepted", "started", "finished"])
        self.assertEqual((good.last.exit_code, good.output), (0, b"hello from 16 GPUs\n"))
        self.assertEqual((bad.kinds()[-1], bad.last.reason, bad.last.exit_code), ("failed", 1, 7))
        self.assertEqual((slow.kinds()[-1], slow.last.reason), ("finished", 8))
        self.assertEqual((plain.last.exit_code, plain.output), (0, b"no first line\n"))
        self.assertEqual((running.kinds()[-1], running.last.reason), ("cancelled", 9), self.jobs() + self.rig.log())
        self.assertEqual((pending.kinds()[-1], pending.last.reason, pending.last.gpu_seconds), ("cancelled", 9, 0))
        for t in (good, bad, slow, plain, running):
            self.assertEqual(t.last.gpu_seconds, self.accounted(t), self.jobs())
        self.assertIn(good.last.gpu_seconds, range(16 * 3, 16 * 30))  # on a busy machine it takes longer to end
        self.assertEqual([self.runs(name) for name in ("good", "bad", "slow", "running", "pending", "stranger", "large")],
                         [1, 1, 1, 1, 0, 0, 0])
        self.assertEqual((self.server.inventory["backend"], self.server.inventory["gpus"], self.server.inventory["nodes_up"]), ("slurm", 24, 3))
