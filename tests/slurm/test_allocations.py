"""Allocations: an account of Slurm's, opened for a window to people who log in, with limits that Slurm itself enforces."""

import subprocess
import time

from slurm_site import Site, wait

REFUSED = "AssocGrpSubmitJobsLimit"


class Allocations(Site):
    agent_options = {"slurm_allocations": "yes"}

    def allocate(self, **more):
        return self.issue("", needs=["allocation"], **more)

    def sbatch(self, ticket, seconds, gpus=1, minutes=1):
        """What somebody does who has logged in: the job's number, or why not."""
        done = self.cluster.run("sbatch", "--parsable", "--account=" + self.name(ticket), "--gres=gpu:a100:%d" % gpus, "--time=%d" % minutes,
                                "--chdir=/tmp", "--output=/dev/null", check=False, text="#!/bin/sh\nsleep %d\n" % seconds)
        return done.stdout.strip() or done.stderr

    def state(self, job):
        return self.cluster.said("squeue", "--noheader", "--states=all", "--jobs=" + job, "--Format=State:|,Reason:|", check=False).replace(" ", "")

    def limits(self, ticket):
        return self.cluster.said("sacctmgr", "--noheader", "--parsable2", "show", "assoc", "account=" + self.name(ticket), "user=",
                                 "format=ParentName,GrpTRES,GrpTRESMins,GrpSubmit,GrpJobs")

    def accounted(self, ticket):
        """GPU-seconds of all jobs in the account, as Slurm itself says."""
        said = self.cluster.said("sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--allusers", "--accounts=" + self.name(ticket),
                                 "--starttime=now-1hours", "--format=AllocTRES,ElapsedRaw")
        rows = [line.split("|") for line in said.splitlines()]
        return sum(int(seconds) * int(one.split("=")[1]) for tres, seconds in rows for one in tres.split(",") if one.startswith("gres/gpu="))

    def test_check(self):
        def said(**more):
            return subprocess.run(self.rig.command("check", **more), check=False, capture_output=True, text=True).stdout
        self.assertIn("Slurm enforces the limits of allocations", said())
        self.assertNotIn("allocations", said(slurm_allocations="no"))

    def test_a_window(self):
        """Opened at its start, limited while it is open, closed at its end with what is left in it; used what its jobs used."""
        self.rig.start()
        t = self.allocate(gpus=4, walltime_s=45, start_in_ms=8000, accept_ms=-4000)
        self.until(lambda: "queued" in t.kinds())
        self.assertEqual(self.limits(t), "org-a|gres/gpu=4|gres/gpu=3|0|0")
        self.assertIn(REFUSED, self.sbatch(t, 1))
        self.until(lambda: "started" in t.kinds())
        self.assertEqual(self.limits(t), "org-a|gres/gpu=4|gres/gpu=3||")
        self.assertGreaterEqual(t.reports[-1].started_ms, t.claims["window"][0])
        jobs = [self.sbatch(t, 3), self.sbatch(t, 600), self.sbatch(t, 3), self.sbatch(t, 1)]
        self.assertTrue(wait(lambda: [self.state(j) for j in jobs[1:]] == ["RUNNING|None|"] * 2 + ["PENDING|AssocGrpGRESMinutes|"], 10), self.jobs())
        self.until_last(t)
        self.assertEqual((t.kinds(), t.last.reason, t.last.exit_code), (["accepted", "queued", "started", "finished"], 8, 0), self.rig.log())
        self.assertIn("45", str((t.last.ended_ms - t.last.started_ms) // 1000 // 5 * 5), "closed when its seconds were over")
        self.assertEqual(t.last.gpu_seconds, self.accounted(t), self.jobs())
        self.assertGreater(t.last.gpu_seconds, 30)
        self.assertIn(REFUSED, self.sbatch(t, 1))
        self.assertEqual(self.cluster.said("squeue", "--noheader", "--account=" + self.name(t)), "")
        self.assertEqual(self.server.openings[-1]["takes"], ["allocation"])

    def test_cancelled_while_the_agent_is_dead(self):
        self.rig.start()
        t = self.allocate(gpus=8, walltime_s=600)
        unopened = self.allocate(gpus=8, walltime_s=600, start_in_ms=600000, permit_from=0, accept_ms=-595000)
        self.until(lambda: "started" in t.kinds() and "queued" in unopened.kinds())
        self.rig.kill()
        job = self.sbatch(t, 600, gpus=2, minutes=10)
        self.assertTrue(wait(lambda: self.state(job).startswith("RUNNING"), 10), self.jobs())
        time.sleep(3)
        for one in (t, unopened):
            self.server.cancel(one)
        self.rig.start()
        self.until_last(t, unopened)
        self.assertEqual((t.kinds()[-1], t.last.reason), ("cancelled", 9), self.rig.log())
        self.assertEqual(t.last.gpu_seconds, self.accounted(t), self.jobs())
        self.assertGreaterEqual(t.last.gpu_seconds, 6)
        self.assertEqual((unopened.kinds()[-1], unopened.last.reason, unopened.last.gpu_seconds), ("cancelled", 9, 0), self.rig.log())
        self.assertTrue(self.limits(unopened).endswith("|0|0"))

    def test_accounting_is_away_at_the_end(self):
        """It cannot be closed then: its jobs go on, within their limit, until it can; and nothing is said before that."""
        self.rig.start()
        t = self.allocate(gpus=8, walltime_s=20)
        self.until(lambda: "started" in t.kinds())
        job = self.sbatch(t, 600, gpus=2)
        self.assertTrue(wait(lambda: self.state(job).startswith("RUNNING"), 10), self.jobs())
        self.cluster.kill("slurmdbd")
        time.sleep(25)
        self.assertIsNone(t.last)
        self.cluster.one("slurmdbd")
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.reason), ("finished", 8), self.rig.log())
        self.assertEqual(t.last.gpu_seconds, self.accounted(t), self.jobs())
        self.assertTrue(self.limits(t).endswith("|0|0"))
