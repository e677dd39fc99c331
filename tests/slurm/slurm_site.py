"""An agent with the backend slurm beside a strict server (tests/agent/fake_server.py), on a cluster."""

import os
import shutil
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "agent"))
from cluster import Cluster, wait  # noqa: E402
from fake_server import FakeServer  # noqa: E402
from rig import Rig  # noqa: E402

ORGANISATION = "0190163d-8694-7f01-bf03-00000000000a"
STRANGER = "0190163d-8694-7f01-bf03-00000000000b"


class SlurmRig(Rig):
    """As the cluster's user."""

    def __init__(self, url, cluster, **options):
        super().__init__(url, **options)
        self.cluster = cluster
        self.jobs = os.path.join(self.root, "jobs")
        self.mine = os.path.join(self.jobs, cluster.user)
        os.makedirs(self.mine)
        users = os.path.join(self.root, "users")
        with open(os.open(users, os.O_WRONLY | os.O_CREAT, 0o644), "w", encoding="ascii") as f:
            f.write("# who runs whose jobs\n%s %s org-a\n" % (ORGANISATION, cluster.user))
        for path in (self.root, self.share, self.jobs, self.mine, users):
            cluster.own(path)
        self.options.update(backend="slurm", slurm_folder=self.jobs, slurm_users=users, slurm_conf=cluster.conf, slurm_gpu_type="a100",
                            slurm_partition="gpu", **{k: v for k, v in options.items() if k.startswith("slurm_")})

    def command(self, verb, **more):
        return self.cluster.as_user() + super().command(verb, **more)

    def enrol(self, token, site):
        path = os.path.join(self.root, "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(token + "\n")
        self.cluster.own(path)
        return subprocess.run(self.command("enrol", token_file=path, site=site), check=False, capture_output=True, text=True)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.root, ignore_errors=True)


class Argv(threading.Thread):
    """The command line of every process, in its first moments."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.over = set(), threading.Event()
        self.start()

    def run(self):
        looked = {}
        while not self.over.wait(0.01):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                looked[pid] = looked.get(pid, 0) + 1
                if looked[pid] > 50:
                    continue
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        self.seen.add(f.read().decode(errors="replace"))
                except OSError:
                    pass

    def stop(self):
        self.over.set()
        self.join(10)


class Site(unittest.TestCase):
    """A server and an agent for each test, one cluster for all of a class."""
    server_options = {"permit_life_ms": 4000}
    agent_options = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()

    def setUp(self):
        self.assertTrue(self.cluster.idle())
        self.server = FakeServer(**self.server_options)
        self.rig = SlurmRig(self.server.url, self.cluster, **self.agent_options)
        self.addCleanup(self.server.close)
        self.addCleanup(self.rig.close)
        done = self.rig.enrol(self.server.new_token(), self.server.SITE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def tearDown(self):
        if sys.exc_info()[0] is None:
            self.assertEqual(self.server.broken, [], self.rig.log())

    def issue(self, script, **more):
        return self.server.issue(script, organisation=ORGANISATION, **more)

    def counting(self, name, rest=""):
        return "#!/bin/sh\necho run >>%s/%s\n%s\n" % (self.rig.share, name, rest)

    def runs(self, name):
        try:
            with open(os.path.join(self.rig.share, name), encoding="ascii") as f:
                return len(f.readlines())
        except FileNotFoundError:
            return 0

    @staticmethod
    def name(ticket):
        return "kontor-" + ticket.jti

    def secret_files(self):
        return sorted(name for name in os.listdir(self.rig.mine) if "secret" in name)

    def until(self, what, seconds=60):
        if not self.server.wait(what, seconds):
            self.fail("waited in vain; reports %r\n%s\n%s" % ([t.reports for t in self.server.by_jti.values()], self.rig.log(), self.jobs()))

    def until_last(self, *tickets, seconds=90):
        self.until(lambda: all(t.last for t in tickets), seconds)

    def jobs(self):
        queue = self.cluster.run("squeue", "--states=all", check=False)
        kept = self.cluster.run("sacct", "--allocations", "--duplicates", "--format=JobID,JobName%50,State%20,ExitCode,AllocTRES%50,ElapsedRaw,Start,End",
                                check=False)
        return queue.stdout + queue.stderr + kept.stdout + kept.stderr

    def accounted(self, ticket):
        """GPU-seconds that Slurm itself says."""
        said = self.cluster.said("sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--name=" + self.name(ticket),
                                 "--state=CANCELLED,COMPLETED,FAILED,TIMEOUT,NODE_FAIL,PREEMPTED", "--starttime=now-1hours", "--endtime=now",
                                 "--format=AllocTRES,ElapsedRaw")
        total = 0
        for line in said.splitlines():
            tres, seconds = line.split("|")
            total += int(seconds) * sum(int(one.split("=")[1]) for one in tres.split(",") if one.startswith("gres/gpu="))
        return total
