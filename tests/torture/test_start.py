"""Each call of the system and of the libraries that a program makes while it starts fails in turn. It either does without, and
works; or it says on stderr what is wrong and ends with a status of its own: no signal, no hang, no word of a key. After an
untroubled start all is as before."""
import base64
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from rig import Rig
from shim import Shim
from test_statements import audit
from world import World

# There are thousands of these: some are tried.
MEMORY = ("malloc", "calloc", "realloc")


def secrets_of(folder):
    """Every form in which the bytes of a key file might be shown."""
    found = []
    for path in pathlib.Path(folder).rglob("*.key"):
        raw = path.read_bytes()
        text = raw.decode(errors="replace").strip()
        found += [text[:40], raw[:32].hex(), base64.b64encode(raw[:32]).decode()]
    return [s for s in found if len(s) > 20]


class Start:
    """One program, started again and again with one call failing."""

    def __init__(self, name, argv, secrets, until=None, check=None, seconds=60):
        self.name, self.argv, self.secrets, self.until, self.check, self.seconds = name, argv, secrets, until, check, seconds
        self.shim = Shim(calls=True)
        self.wrong, self.runs, self.refused = [], 0, 0

    def run(self):
        """(status, output, how often calls were counted when it had started)"""
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(self.argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=self.shim.environment())
            end, counted, started = time.monotonic() + self.seconds, 0, False
            while process.poll() is None and time.monotonic() < end:
                if self.until and not started:
                    out.seek(0)
                    if self.until in out.read():
                        started, counted = True, self.shim.counted
                        process.send_signal(signal.SIGTERM)
                time.sleep(0.002)
            hung = process.poll() is None
            if hung:
                process.kill()
            status = process.wait()
            out.seek(0)
            return ("hung" if hung else status), out.read().decode(errors="replace"), counted or self.shim.counted

    def plan(self, long):
        self.shim.watch()
        status, text, counted = self.run()
        assert status == 0, (self.name, status, text[-2000:])
        names = self.shim.seen()[:counted]
        places = {}
        for k, name in enumerate(names, 1):
            places.setdefault(name, []).append(k)
        if long:
            return names, [k for name, ks in places.items() for k in (ks if name not in MEMORY else ks[::max(1, len(ks) // 400)])]
        return names, sorted({k for name, ks in places.items() for k in ((ks[0], ks[-1]) if name not in MEMORY else ks[:1] + ks[len(ks) // 2:len(ks) // 2 + 1])})

    def torture(self, long):
        names, ks = self.plan(long)
        for k in ks:
            self.shim.arm(k)
            status, text, _ = self.run()
            what = f"{self.name}: {self.shim.struck_name} (call {k})"  # which it is depends on what the threads do first
            self.runs += 1
            self.refused += status != 0
            if status == "hung":
                self.wrong.append(f"{what}: hangs: {text[-300:]}")
            elif status < 0:
                self.wrong.append(f"{what}: signal {-status}: {text[-300:]}")
            elif status > 0 and len(text.strip()) < 10:
                self.wrong.append(f"{what}: status {status}, and not a word: {text!r}")
            if any(s in text for s in self.secrets):
                self.wrong.append(f"{what}: shows a key")
            if self.check:
                self.check(what, status, self.wrong)
        self.shim.watch()
        status, text, _ = self.run()
        if status != 0:
            self.wrong.append(f"{self.name}: afterwards it does not start: {text[-500:]}")
        print(f"# {self.name}: {len(set(names))} kinds of calls, {len(names)} calls, {self.runs} starts with one failing, {self.refused} refused", flush=True)
        return self.wrong


def test_each_call_of_a_start_of_kontord(long):
    world = World()
    server = world.server
    try:
        wrong, size = [], world.anybody.must("GET", "/v1/journal")["size"]
        server.stop()
        secrets = secrets_of(server.data)
        serve = [str(harness.BUILD / "kontord"), "serve", *server.options]
        wrong += Start("kontord serve", serve, secrets, until=b'"serving"').torture(long)
        wrong += Start("kontord migrate", [serve[0], "migrate", *server.options], secrets).torture(long)
        wrong += keygen(long, serve[0])
        out = audit(server)

        def fresh(what, status, wrong):
            shutil.rmtree(server.data / "again", ignore_errors=True)
        export = Start("kontord export", [serve[0], "export", *server.options, str(server.data / "again")], secrets, check=fresh)
        fresh("", 0, [])
        plan = export.run

        def run():
            fresh("", 0, [])
            return plan()
        export.run = run
        wrong += export.torture(long)
        wrong += Start("kontor-audit", [str(harness.BUILD / "kontor-audit"), "verify", str(out)], [],
                       check=lambda what, status, wrong: None).torture(long)
        assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
        server.start()
        assert world.anybody.must("GET", "/v1/journal")["size"] == size, "a start that failed has written"
    finally:
        server.remove()


def keygen(long, kontord):
    """It makes a whole key, or none: never half of one that the next run would take."""
    folder = tempfile.mkdtemp(prefix="kontor-keygen-")

    def clear():
        shutil.rmtree(folder)
        os.mkdir(folder)

    def check(what, status, wrong):
        done = subprocess.run([kontord, "keygen", f"--data-dir={folder}"], capture_output=True, text=True, check=False)
        after = subprocess.run([kontord, "serve", f"--data-dir={folder}", "--db-writer=host=/nowhere", "--listen=nonsense"], capture_output=True, text=True, check=False)
        if ".key" in after.stderr:
            wrong.append(f"{what}: status {status}, and the next keygen does not mend it: {done.stderr} {after.stderr}")
    one = Start("kontord keygen", [kontord, "keygen", f"--data-dir={folder}"], [], check=check)
    run = one.run

    def cleared():
        clear()
        return run()
    one.run = cleared
    try:
        return one.torture(long)
    finally:
        shutil.rmtree(folder)


def test_each_call_of_a_start_of_the_agent(long):
    world = World()
    rig = Rig(f"http://127.0.0.1:{world.server.agent_port}")
    try:
        token = world.people["lumi"].must("POST", "/v1/sites/lumi/agent-tokens", {}, status=201)["token"]
        assert rig.enrol(token, "lumi").returncode == 0
        argv = rig.command("run")
        started = re.compile(rb"instance").search(run_once(argv))
        assert started, "the agent says nothing when it has started"
        wrong = Start("kontor-agent run", argv, secrets_of(rig.spool), until=b'instance').torture(long)
        assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
        assert world.people["lumi"].must("GET", "/v1/sites/lumi/agent")["last_report"] >= 0
    finally:
        rig.close()
        world.remove()


def run_once(argv):
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            out.seek(0)
            text = out.read()
            if b"instance" in text or process.poll() is not None:
                break
            time.sleep(0.01)
        process.terminate()
        process.wait(20)
        return text
