"""A real Slurm cluster (scripts/slurm-cluster) for the length of a test run: its commands, its programs' lives."""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

SRC = os.environ.get("KONTOR_SRC") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SCRIPT = os.path.join(SRC, "scripts", "slurm-cluster")


def ordinary_user():
    """Who runs the cluster, the agent and the jobs: us, or somebody of no importance if we are root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            pass
    raise RuntimeError("no ordinary user")


class Cluster:
    """user: "root" where every user's jobs may run; then the caller is root."""

    def __init__(self, user=None):
        self.user = user or ordinary_user()
        self.dir = tempfile.mkdtemp(prefix="kontor-slurm.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.own(self.dir)
        self.conf = os.path.join(self.dir, "etc", "slurm.conf")
        # Outlives us if we are killed too hard to end it.
        subprocess.Popen(["setsid", "bash", "-c", 'tail --pid="$1" -f /dev/null; [ ! -d "$3" ] || { "$2" stop "$3"; rm -rf "$3"; }',
                          "kontor-slurm-watch", str(os.getpid()), SCRIPT, self.dir], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def own(self, path):
        if os.getuid() == 0:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def as_user(self):
        """What a command is begun with, so that it runs as the cluster's user."""
        if os.getuid() != 0 or self.user == "root":
            return []
        entry = pwd.getpwnam(self.user)
        return ["setpriv", "--reuid=%d" % entry.pw_uid, "--regid=%d" % entry.pw_gid, "--init-groups"]

    def script(self, *args, check=True):
        return subprocess.run([SCRIPT, args[0], self.dir, *args[1:]], check=check, timeout=180)

    def start(self):
        """One at a time: each looks for free ports, and a database's first moments want all of a machine."""
        with open(SCRIPT, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.script("start", "--user=" + self.user)

    def stop(self):
        self.script("stop", check=False)

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- its programs
    def pid(self, name):
        with open(os.path.join(self.dir, "run", name + ".pid"), encoding="ascii") as f:
            return int(f.read())

    def signal(self, name, number):
        os.kill(self.pid(name), number)

    def kill(self, name):
        """As kill -9 does, and gone when this returns."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        for _ in range(1000):
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    if not f.read():
                        return  # nobody has collected it yet
            except FileNotFoundError:
                return
            time.sleep(0.01)
        raise RuntimeError(name + " does not die")

    def one(self, name):
        self.script("one", name)

    # ---- what a crash of the controller loses
    def save(self):
        """The controller's state as it is on disk now."""
        copy = os.path.join(self.dir, "state.copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(os.path.join(self.dir, "state"), copy)

    def crash_back(self):
        """kill -9 of the controller, which has saved nothing since save(). It saves at most once in five seconds."""
        state = os.path.join(self.dir, "state")
        self.kill("slurmctld")
        shutil.rmtree(state)
        os.rename(os.path.join(self.dir, "state.copy"), state)
        for folder, _, files in os.walk(state):
            for path in [folder] + [os.path.join(folder, f) for f in files]:
                self.own(path)
        self.one("slurmctld")

    # ---- its commands
    def run(self, *args, check=True, text=None):
        env = {"PATH": "/usr/sbin:/usr/bin:/bin", "SLURM_CONF": self.conf, "SLURM_TIME_FORMAT": "%s", "TZ": "UTC", "LC_ALL": "C"}
        return subprocess.run([*self.as_user(), *args], check=check, env=env, cwd="/", input=text, capture_output=True, text=True,
                              timeout=60)

    def said(self, *args, **more):
        return self.run(*args, **more).stdout.strip()

    def states(self, name):
        """State of each job of that name, in the queue and in accounting."""
        queue = self.said("squeue", "--noheader", "--states=all", "--name=" + name, "--Format=State:", check=False).split()
        kept = self.said("sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--name=" + name, "--format=State",
                         check=False).splitlines()
        return queue, kept

    def idle(self):
        """All nodes answer and nothing runs; what a test has drained comes back."""
        self.run("scancel", "--user=" + self.user, check=False)
        wait(lambda: not self.said("squeue", "--noheader"), 30)
        self.run("scontrol", "update", "nodename=n[1-3]", "state=resume", check=False)
        return wait(lambda: self.said("sinfo", "--noheader", "--Node", "--partition=gpu", "--Format=StateComplete:").split() == ["idle"] * 3, 30)


def wait(what, seconds):
    """Patiently: a batch system beside other stages takes its time."""
    end = time.monotonic() + 3 * seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
