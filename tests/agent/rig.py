"""An agent with its own folder, against a server at a URL: started, stopped, killed."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

BUILD = os.environ.get("KONTOR_BUILD") or os.path.join(os.path.dirname(__file__), "..", "..", "build")
AGENT = os.path.abspath(os.path.join(BUILD, "kontor-agent"))


def can_sandbox(root):
    """Does bubblewrap work here? Some containers and chroots forbid it."""
    return subprocess.run(["bwrap", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0 if shutil.which("bwrap") else False


def supervisors_in(root):
    """Pids of the supervisors whose claims lie in a folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                args = f.read().split(b"\0")
        except OSError:
            continue
        if args[0] == b"kontor-supervise" and len(args) > 1 and args[1].startswith(os.fsencode(root) + b"/"):
            found.append(int(pid))
    return found


def end_supervisors_in(root):
    """Runs outlive their agent: whoever takes its folder away ends them first."""
    for pid in supervisors_in(root):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    give_up = time.monotonic() + 60
    while supervisors_in(root) and time.monotonic() < give_up:
        time.sleep(0.02)


class Rig:
    def __init__(self, url, sandbox="none", **options):
        self.root = tempfile.mkdtemp(prefix="kontor-agent-test-")
        os.chmod(self.root, 0o711)
        self.share = os.path.join(self.root, "share")
        os.mkdir(self.share)
        os.chmod(self.share, 0o1777)
        self.spool = os.path.join(self.root, "spool")
        self.log_path = os.path.join(self.root, "log")
        self.url = url
        self.options = {"sandbox": sandbox, "share": self.share, "grace_s": "1", "witness": "no", **options}
        self.process = None

    def command(self, verb, **more):
        options = {"server": self.url, "spool_dir": self.spool, **self.options, **more}
        return [AGENT, verb] + ["--%s=%s" % (k.replace("_", "-"), v) for k, v in options.items()]

    def enrol(self, token, site):
        path = os.path.join(self.root, "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(token + "\n")
        return subprocess.run(self.command("enrol", token_file=path, site=site), check=False, capture_output=True, text=True)

    def start(self, **more):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command("run", **more), stderr=log, stdout=log, stdin=subprocess.DEVNULL)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=60):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def wait(self, seconds=90):
        return self.process.wait(seconds)

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def supervisors(self):
        return supervisors_in(self.root)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        end_supervisors_in(self.root)
        shutil.rmtree(self.root, ignore_errors=True)
