"""What goes wrong at a batch system, provoked: each job still runs at most once, and is reported as what it was."""

import signal
import time

from slurm_site import Site, wait


class Lost(Site):
    def test_a_confirmed_job_is_lost_and_its_number_given_again(self):
        """And its secrets, which nobody has read then, are handed over anew."""
        self.rig.start(takes="secrets")
        self.until(lambda: self.server.inventory)
        self.cluster.save()
        t = self.issue(self.counting("lost", "sleep 1; echo \"$TOKEN\""), start_in_ms=8000, permit_from=0, accept_ms=-7000, values={"TOKEN": "kept safe"})
        self.assertTrue(wait(lambda: self.cluster.said("squeue", "--noheader", "--Format=JobID:", "--name=" + self.name(t), check=False), 20))
        number = self.cluster.said("squeue", "--noheader", "--Format=JobID:", "--name=" + self.name(t))
        self.cluster.crash_back()
        other = self.cluster.said("sbatch", "--parsable", "--job-name=other", "--account=org-a", "--chdir=/tmp", "--output=/dev/null",
                                  text="#!/bin/sh\nsleep 1\n")
        self.assertEqual(number, other)
        self.assertNotIn("queued", t.kinds())
        self.until_last(t, seconds=120)
        self.assertEqual((t.kinds(), self.runs("lost")), (["accepted", "accepted", "started", "finished"], 1), self.rig.log() + self.jobs())
        self.assertEqual(t.last.gpu_seconds, self.accounted(t))
        self.assertEqual((t.output, self.secret_files()), (b"kept safe\n", []))


class Twice(Site):
    def test_a_body_is_started_twice(self):
        self.rig.start()
        t = self.issue(self.counting("twice", "sleep 20"), start_in_ms=8000, permit_from=0, accept_ms=-7000)
        self.assertTrue(wait(lambda: self.cluster.states(self.name(t))[0] == ["PENDING"], 20))
        time.sleep(6)  # the controller has saved it, waiting
        self.cluster.save()
        self.assertTrue(wait(lambda: self.runs("twice") == 1, 20))
        self.cluster.crash_back()
        self.until_last(t, seconds=120)
        self.assertEqual(self.runs("twice"), 1, self.rig.log() + self.jobs())
        self.assertEqual((t.kinds()[-1], t.last.reason), ("failed", 2), self.rig.log() + self.jobs())


class Back(Site):
    def test_a_finished_job_comes_back(self):
        self.rig.start()
        t = self.issue(self.counting("back", "sleep 5"), walltime_s=30)
        self.assertTrue(wait(lambda: self.runs("back") == 1, 20))
        time.sleep(1)
        self.cluster.save()
        self.assertTrue(wait(lambda: "COMPLETED" in self.cluster.states(self.name(t))[0], 30))
        self.cluster.crash_back()
        self.until_last(t, seconds=300)
        self.assertEqual((t.kinds()[-1], t.last.exit_code, self.runs("back")), ("finished", 0, 1), self.rig.log() + self.jobs())
        # The wrapper's time, or accounting's where that is at most 30 s more.
        self.assertLessEqual(t.last.ended_ms - t.last.started_ms, 40000)
        self.assertEqual(t.last.gpu_seconds, self.accounted(t))


class Cancelled(Site):
    def test_a_cancelled_job_comes_back(self):
        self.rig.start()
        t = self.issue(self.counting("gone"), start_in_ms=25000, permit_from=0, accept_ms=-24000)
        self.until(lambda: "queued" in t.kinds())
        time.sleep(5)
        self.cluster.save()
        self.server.cancel(t)
        self.assertTrue(wait(lambda: self.cluster.states(self.name(t))[0] == ["CANCELLED"], 20))
        self.cluster.crash_back()
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], t.last.reason, t.last.gpu_seconds), ("cancelled", 9, 0), self.rig.log() + self.jobs())
        wait(lambda: not self.cluster.said("squeue", "--noheader", "--states=PENDING,RUNNING", check=False), 30)
        self.assertEqual(self.runs("gone"), 0, self.jobs())


class Away(Site):
    def test_sbatch_times_out_and_succeeds(self):
        self.rig.start()
        self.until(lambda: self.server.inventory)
        self.cluster.signal("slurmctld", signal.SIGSTOP)
        t = self.issue(self.counting("slow", "sleep 1"))
        self.until(lambda: "accepted" in t.kinds())
        time.sleep(12)  # longer than sbatch waits, and than a permit lives here
        self.cluster.signal("slurmctld", signal.SIGCONT)
        self.until_last(t)
        self.assertEqual((t.kinds(), self.runs("slow")), (["accepted", "started", "finished"], 1), self.rig.log() + self.jobs())
        self.assertEqual(t.last.gpu_seconds, self.accounted(t))

    def test_the_agent_dies_while_sbatch_runs(self):
        self.rig.start()
        self.until(lambda: self.server.inventory)
        self.cluster.signal("slurmctld", signal.SIGSTOP)
        t = self.issue(self.counting("orphan", "sleep 1"))
        self.until(lambda: "claiming" in self.rig.log())
        time.sleep(0.5)
        self.rig.kill()
        self.rig.start()
        self.cluster.signal("slurmctld", signal.SIGCONT)
        self.until_last(t)
        self.assertEqual((t.kinds(), self.runs("orphan")), (["accepted", "started", "finished"], 1), self.rig.log() + self.jobs())


class Unaccounted(Site):
    def test_accounting_is_away(self):
        self.rig.start()
        self.until(lambda: self.server.inventory)
        self.cluster.kill("slurmdbd")
        t = self.issue(self.counting("unseen", "sleep 12"), gpus=8)
        self.until(lambda: "started" in t.kinds())
        self.assertTrue(wait(lambda: not self.cluster.said("squeue", "--noheader"), 20))
        time.sleep(16)
        self.assertIsNone(t.last, self.rig.log())
        self.cluster.one("slurmdbd")
        self.until_last(t)
        self.assertEqual((t.kinds()[-1], self.runs("unseen")), ("finished", 1))
        self.assertEqual(t.last.gpu_seconds, self.accounted(t))
        self.assertIn(t.last.gpu_seconds, range(8 * 12, 8 * 40))  # on a busy machine it takes longer to end


class Nodes(Site):
    def test_no_secret_outlives_a_job_that_never_begins(self):
        """Cancelled by us while it waits, cancelled by the site, refused by sbatch, and no submission at all."""
        self.rig.start(takes="secrets")
        self.until(lambda: self.server.inventory)
        held, ours, theirs = [self.issue(self.counting(name), start_in_ms=600000, permit_from=0, accept_ms=-599000, values={"TOKEN": name}) for name in ("held", "ours", "theirs")]
        large = self.issue(self.counting("large"), gpus=16, nodes=1, values={"TOKEN": "large"})
        self.until(lambda: large.last and all("queued" in t.kinds() for t in (held, ours, theirs)))
        self.assertEqual((large.kinds(), large.last.reason), (["accepted", "rejected"], 4))
        self.assertEqual(self.secret_files(), sorted("secret-" + self.name(t) for t in (held, ours, theirs)))
        self.server.cancel(ours)
        self.until(lambda: len(self.secret_files()) == 2)  # at once: it does not wait for Slurm's word
        self.cluster.run("scancel", "--name=" + self.name(theirs))
        self.until_last(ours, theirs)
        self.assertEqual((ours.kinds()[-1], theirs.kinds()[-1]), ("cancelled", "failed"), self.rig.log() + self.jobs())
        self.assertEqual(self.secret_files(), ["secret-" + self.name(held)])
        self.server.cancel(held)
        self.until_last(held)
        self.assertEqual(self.secret_files(), [])

    def test_the_sites_doing_and_the_jobs(self):
        self.rig.start()
        dead, taken, own = [self.issue(self.counting(name, "sleep 600"), gpus=8) for name in ("dead", "taken", "own")]
        self.until(lambda: all("started" in t.kinds() for t in (dead, taken, own)))

        def node(t):
            return self.cluster.said("squeue", "--noheader", "--Format=NodeList:", "--name=" + self.name(t))
        self.cluster.run("scontrol", "update", "nodename=" + node(dead), "state=down", "reason=tested")
        self.cluster.run("sbatch", "--job-name=urgent", "--account=org-a", "--partition=urgent", "--gres=gpu:a100:8", "--nodelist=" + node(taken),
                         "--chdir=/tmp", "--output=/dev/null", text="#!/bin/sh\nsleep 1\n")
        self.cluster.run("scancel", "--name=" + self.name(own))
        self.until_last(dead, taken, own)
        self.assertEqual((dead.kinds()[-1], dead.last.reason), ("failed", 2), self.rig.log() + self.jobs())
        self.assertEqual((taken.kinds()[-1], taken.last.reason), ("failed", 2), self.rig.log() + self.jobs())
        self.assertEqual((own.kinds()[-1], own.last.reason), ("cancelled", 10), self.rig.log() + self.jobs())
        self.assertEqual(own.last.gpu_seconds, self.accounted(own))
