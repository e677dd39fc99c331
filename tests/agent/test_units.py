"""The agent's unit as it is shipped, started by a real systemd in namespaces of its own: what confines the agent must let bubblewrap
confine jobs, and jobs outlive their agent."""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

from fake_server import FakeServer
from rig import AGENT, can_sandbox

SRC = os.environ.get("KONTOR_SRC", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SYSTEMD = "/lib/systemd/systemd"
UID = 64123  # nobody's, but in the namespace
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup", "--mount-proc"]
# In them, $1 being the test's folder: /etc with what is in $1/etc, control groups, and nothing of this machine's state.
INSIDE = """set -e
mount --make-rprivate /
umount --recursive /sys/fs/cgroup || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" overlay /etc
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
cp -a "$1/run/." /run
shift
exec "$@"
"""


class Folder:
    """What systemd finds there."""

    def __init__(self, url, token):
        self.path = tempfile.mkdtemp(prefix="kontor-units.", dir="/tmp")
        os.chmod(self.path, 0o755)
        bin_dir = "/run/kontor-test/bin"
        for folder in ("work", "etc/kontor", "etc/systemd/system/kontor-agent.service.d", "run/kontor-test/bin"):
            os.makedirs(os.path.join(self.path, folder), 0o755)
        for name in ("kontor-agent", "kontor-supervise"):
            shutil.copy(os.path.join(os.path.dirname(AGENT), name), os.path.join(self.path, "run/kontor-test/bin"))
        self.put("etc/kontor/agent.conf", f"server = {url}\nwitness = no\n")
        with open(os.path.join(SRC, "share/systemd/kontor-agent.service.in"), encoding="utf-8") as f:
            self.put("etc/systemd/system/kontor-agent.service", f.read().replace("@bindir@", bin_dir))
        self.put("etc/systemd/system/kontor-agent.service.d/test.conf",  # nothing of a whole system is there
                 f"[Unit]\nDefaultDependencies=no\nWants=\nAfter=\n[Service]\nStandardOutput=append:{self.path}/log\nStandardError=append:{self.path}/log\n"
                 f"ExecStartPre=sh -c '[ -e /var/lib/kontor-agent/agent.key ] || exec {bin_dir}/kontor-agent enrol --site={FakeServer.SITE} --token-file=/run/kontor-test/token'\n")
        self.put("etc/systemd/system/kontor-test.target", "[Unit]\nDefaultDependencies=no\nWants=kontor-agent.service\n")
        for name in ("passwd", "group"):
            with open(os.path.join("/etc", name), encoding="utf-8") as f:
                known = [line for line in f if not line.startswith("kontor-agent:")]
            self.put("etc/" + name, "".join(known) + f"kontor-agent:x:{UID}:" + (f"{UID}::/nonexistent:/usr/sbin/nologin\n" if name == "passwd" else "\n"))
        self.put("run/kontor-test/token", token + "\n", 0o600)
        os.chown(os.path.join(self.path, "run/kontor-test/token"), UID, UID)

    def put(self, name, text, mode=0o644):
        with open(os.open(os.path.join(self.path, name), os.O_WRONLY | os.O_CREAT, mode), "w", encoding="utf-8") as f:
            f.write(text)

    def inside(self, *command):
        return [*NAMESPACES, "bash", "-c", INSIDE, "bash", self.path, *command]

    def log(self):
        try:
            with open(os.path.join(self.path, "log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return "it said nothing"


def why_not():
    if os.getuid() != 0:
        return "only root may start a systemd"
    if not os.path.exists(SYSTEMD) or not can_sandbox("/"):
        return "there is no systemd, or bubblewrap does not work here"
    return None


class Units(unittest.TestCase):
    def setUp(self):
        if why_not():
            self.skipTest(why_not())
        self.server = FakeServer()
        self.addCleanup(self.server.close)
        self.folder = Folder(self.server.url, self.server.new_token())
        self.addCleanup(shutil.rmtree, self.folder.path, True)
        tried = subprocess.run(self.folder.inside("true"), capture_output=True, text=True, check=False, timeout=30)
        if tried.returncode:
            self.skipTest("no systemd can be started in namespaces here: " + tried.stderr.strip())
        self.systemd = subprocess.Popen(self.folder.inside("env", "container=kontor-test", SYSTEMD, "--system", "--unit=kontor-test.target", "--log-target=console"),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.systemd.communicate)
        self.addCleanup(self.systemd.kill)

    def until(self, what):
        self.assertTrue(self.server.wait(what, 40), self.folder.log())

    def agents(self):
        """Pids of the agent, by the user that it has in there only."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if f.read() == b"/run/kontor-test/bin/kontor-agent\0run\0" and os.stat(f"/proc/{pid}").st_uid == UID:
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def test_the_agent_runs_jobs_and_comes_back(self):
        self.assertNotIn(UID, [one.pw_uid for one in pwd.getpwall()])
        self.until(lambda: self.server.instance == 1)
        quick = self.server.issue("#!/bin/sh\nuname -n\n")
        slow = self.server.issue("#!/bin/sh\nsleep 8; echo to the end\n")
        self.until(lambda: quick.last and "started" in slow.kinds())
        self.assertEqual((quick.kinds()[-1], quick.output), ("finished", b"kontor-run\n"), self.folder.log())
        [pid] = self.agents()
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertEqual([status[name].strip() for name in ("CapEff", "NoNewPrivs", "Seccomp")], ["0" * 16, "1", "2"])
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: self.server.instance == 2)
        self.until(lambda: slow.last)
        self.assertEqual((slow.kinds().count("started"), slow.kinds()[-1], slow.output), (1, "finished", b"to the end\n"), self.folder.log())
        self.assertEqual(self.server.broken, [])


if __name__ == "__main__":
    unittest.main()
