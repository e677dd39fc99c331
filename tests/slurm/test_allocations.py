"""Allocations: an account of Slurm's, opened for a window to people who log in, with limits that Slurm itself enforces."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from cluster import Cluster, wait
from slurm_site import Site
from slurm_world import SITE, SlurmWorld

SRC = os.environ.get("KONTOR_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

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


class Marketplace(unittest.TestCase):
    """From the request to the settlement: a kontord, an agent and a Slurm that know nothing of tests."""

    def test_an_allocation_is_asked_for_used_and_settled(self):
        folder, cluster = tempfile.mkdtemp(prefix="kontor-slurm-market."), Cluster()
        self.addCleanup(shutil.rmtree, folder, True)
        self.addCleanup(cluster.close)
        cluster.start()
        world = SlurmWorld(folder, SRC, os.environ["KONTOR_BUILD"], cluster)
        world.make_database("allocations")
        world.configure("allocations")
        world.start_server()
        self.addCleanup(world.stop)
        world.seed_site(3)
        world.seed_credits(["one"], {"code": "slurm", "name": "Slurm", "cap_credits": "0", "longest_days": 1098, "decide_days": 0})
        org = world.orgs[0]
        world.sign_in(org)
        world.make_agent(slurm_allocations="yes").start()
        asked = {"organisation": org["id"], "grant": org["grant"], "gpus": 8, "walltime_s": 60, "use": "allocation"}
        self.assertTrue(wait(lambda: world.person(org, "/v1/quotes", asked)["options"], 30), "the agent does not say that it takes it")
        request = world.person(org, "/v1/requests", {**asked, "name": "log in", "template": "allocation"})
        reservation = world.again(org, request["id"])["id"]

        def now():
            return world.admin("GET", f"/v1/reservations/{reservation}")
        self.assertTrue(wait(lambda: now()["state"] == "open", 60), (now(), world.agents[SITE].tail()))
        account = "kontor-" + now()["ticket"]["jti"]
        for gpus, seconds in ((2, 3), (1, 600)):
            cluster.run("sbatch", "--account=" + account, "--gres=gpu:a100:%d" % gpus, "--time=2", "--chdir=/tmp", "--output=/dev/null",
                        text="#!/bin/sh\nsleep %d\n" % seconds)
        self.assertTrue(wait(lambda: now()["state"] == "settled", 150), (now(), world.agents[SITE].tail()))
        said = cluster.said("sacct", "--noheader", "--parsable2", "--allocations", "--allusers", "--accounts=" + account, "--starttime=now-1hours",
                            "--format=AllocTRES,ElapsedRaw")
        used = sum(int(one.split("=")[1]) * int(row.split("|")[1]) for row in said.splitlines() for one in row.split("|")[0].split(",")
                   if one.startswith("gres/gpu="))
        after = now()
        self.assertEqual((after["outcome"], after["use"], after["reported"]["gpu_seconds"], after["settled_gpums"], after["held_gpums"]),
                         ("finished", "allocation", used, str(used * 1000), "0"))
        self.assertGreater(used, 40)
        status, audit, words = world.audit()
        self.assertEqual((status, audit.get("faults"), audit.get("holds_open")), (0, 0, 0), words)
