"""The cluster itself is what the other tests take it for."""

import os
import unittest

from cluster import Cluster, wait


class Whole(unittest.TestCase):
    """A cluster of its own, since it is ended here."""

    def test_accounts_gpus_on_loopback_and_leaves_nothing(self):
        cluster = Cluster()
        self.addCleanup(cluster.close)
        cluster.start()
        self.listens_on_loopback_only(cluster)
        cluster.said("sbatch", "--parsable", "--job-name=short", "--account=org-a", "--nodes=2", "--ntasks-per-node=1", "--gres=gpu:a100:4",
                     "--chdir=" + cluster.dir, "--output=/dev/null", text="#!/bin/sh\nsleep 2; exit 7\n")
        self.assertTrue(wait(lambda: self.accounted(cluster)[:1] == ["FAILED"], 30), cluster.states("short"))
        state, code, tres, seconds = self.accounted(cluster)
        self.assertEqual((state, code), ("FAILED", "7:0"))
        self.assertIn("gres/gpu=8", tres.split(","))
        self.assertIn(int(seconds), (2, 3))
        cluster.run("sbatch", "--job-name=long", "--account=org-a", "--chdir=" + cluster.dir, "--output=/dev/null", text="#!/bin/sh\nsleep 600\n")
        self.assertTrue(wait(lambda: cluster.states("long")[0] == ["RUNNING"], 20))
        cluster.stop()
        self.assertEqual(self.processes(cluster), [])

    @staticmethod
    def accounted(cluster):
        said = cluster.said("sacct", "--noheader", "--parsable2", "--allocations", "--name=short", "--format=State,ExitCode,AllocTRES,ElapsedRaw",
                            check=False)
        return said.split("|") if said else []

    def listens_on_loopback_only(self, cluster):
        with open(cluster.conf, encoding="ascii") as f:
            port = int(next(line for line in f if line.startswith("SlurmctldPort=")).split("=")[1])
        ports, seen = set(range(port, port + 7)), set()
        for family in ("tcp", "tcp6"):
            with open("/proc/net/" + family, encoding="ascii") as f:
                for line in f.readlines()[1:]:
                    address, state = line.split()[1], line.split()[3]
                    host, number = address.split(":")
                    if state == "0A" and int(number, 16) in ports:
                        self.assertTrue(family == "tcp" and host.endswith("7F"), line)
                        seen.add(int(number, 16))
        self.assertEqual(len(seen), 5)

    @staticmethod
    def processes(cluster):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/environ" % pid, "rb") as f:
                    if cluster.conf.encode() in f.read():
                        found.append(pid)
            except OSError:
                pass
        return found
