"""tests/api/harness.py: a kontord of one's own for tests, and calls to it. Standard library only.

Runs under scripts/with-postgres. A Server makes a database, migrates it, makes a key, serves on free ports and is ended by
its process id. Calls come back as Reply; every reply is checked against schema/openapi.yaml by conform.py."""
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KONTOR_BUILD", TOP / "build"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from conform import Contract  # noqa: E402
from passwords import library  # noqa: E402

CONTRACT = Contract(TOP / "schema" / "openapi.yaml")


class Reply:
    def __init__(self, status, headers, body, cookies=()):
        self.status, self.headers, self.body, self.cookies = status, headers, body, cookies

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """Somebody who calls: the local operator, or a person once signed in."""

    def __init__(self, server, local=False):
        self.server, self.local = server, local
        self.cookie = self.csrf = None
        self.connection = None

    def connect(self):
        if self.local:
            return UnixConnection(str(self.server.data / "admin.sock"))
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def call(self, method, path, body=None, key=None, headers=None, raw=None, check=True):
        sent = dict(headers or {})
        if body is not None or raw is not None:
            sent.setdefault("Content-Type", "application/json")
        if self.cookie:
            sent.setdefault("Cookie", self.cookie)
            if self.csrf and method != "GET":
                sent.setdefault("X-CSRF-Token", self.csrf)
        if key is True:
            key = str(uuid.uuid4())
        if key:
            sent["Idempotency-Key"] = key
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        for attempt in (0, 1):
            if self.connection is None:
                self.connection = self.connect()
            try:
                self.connection.request(method, path, body=data, headers=sent)
                answer = self.connection.getresponse()
                reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read(),
                              answer.headers.get_all("Set-Cookie") or [])
                break
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                if attempt:
                    raise
        self.last = reply
        if check:
            CONTRACT.check_reply(method, path, reply)
        return reply

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body, key=None, **more):
        return self.call("POST", path, body if body is not None else {}, key=key, **more)

    def must(self, method, path, body=None, status=200, **more):
        reply = self.call(method, path, body, **more)
        if reply.status != status:
            raise AssertionError(f"{method} {path}: wanted {status}, got {reply}")
        return reply.json if reply.body else None

    def sign_in(self, email, password):
        self.cookie = self.csrf = None
        reply = self.post("/v1/session", {"email": email, "password": password})
        if reply.status == 200:
            self.cookie = reply.cookies[0].split(";")[0]
            self.csrf = reply.json["csrf"]
        return reply


class Server:
    env = {}  # more of it for the program
    dear_passwords = False  # as dear as they are in life

    def __init__(self, simulation=True, rate=1, more=()):
        self.super = os.environ["KONTOR_TEST_DB"]
        self.name = f"api_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="kontor-api-"))
        self.log = open(self.data / "log", "wb")
        self.more = list(more)
        self.options = [f"--data-dir={self.data}", "--listen=127.0.0.1:0", "--listen-agents=127.0.0.1:0",
                        "--listen-metrics=127.0.0.1:0", "--log-format=json", "--second-step-duty=no", f"--web-dir={self.data}/none",
                        f"--migrations-dir={TOP}/migrations", "--origin=kontor.example/test"]
        if simulation:
            self.options += ["--simulation=yes", f"--clock-rate={rate}"]
        self.process = None
        self.port = self.agent_port = self.metrics_port = 0
        subprocess.run(["psql", "-qX", self.super, "-c", f"CREATE DATABASE {self.name}"], check=True)
        for role, user in (("db-owner", None), ("db-writer", "kontor_writer"), ("db-worker", "kontor_worker")):
            self.options.append(f"--{role}={self.conninfo(user)}")
        self.kontord("migrate")
        self.kontord("keygen")

    def conninfo(self, user=None):
        words = [w for w in self.super.split() if not w.startswith("dbname=") and not (user and w.startswith("user="))]
        return " ".join(words + [f"dbname={self.name}"] + ([f"user={user}"] if user else []))

    def kontord(self, verb):
        done = subprocess.run([str(BUILD / "kontord"), verb, *self.options], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"kontord {verb}: {done.stdout}{done.stderr}")
        return done.stdout

    def kontord_plain(self, verb):
        """A verb that takes no options."""
        return subprocess.run([str(BUILD / "kontord"), verb], capture_output=True, text=True, check=True).stdout

    def sql(self, statement):
        done = subprocess.run(["psql", "-qXtA", self.conninfo(), "-c", statement], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def start(self, ready=True):
        """Serving; with ready, leading too."""
        at = self.log.tell()
        env = {**os.environ, **self.env}
        if not self.dear_passwords:
            env["LD_PRELOAD"] = " ".join(filter(None, (env.get("LD_PRELOAD"), str(library(BUILD)))))
        self.process = subprocess.Popen([str(BUILD / "kontord"), "serve", *self.options, *self.more], stderr=self.log, stdout=self.log, env=env)
        end = time.monotonic() + 90
        while time.monotonic() < end:
            with open(self.data / "log", "rb") as log:
                log.seek(at)  # what was said before may be megabytes
                text = log.read().decode(errors="replace")
            ports = dict(re.findall(r'"for":\s*"(\w+)".*?"port":\s*(\d+)', text))
            if '"serving"' in text:
                self.port, self.agent_port = int(ports["people"]), int(ports["agents"])
                self.metrics_port = int(ports["metrics"])
                break
            if self.process.poll() is not None:
                raise RuntimeError(f"kontord ended: {text}")
            time.sleep(0.01)
        anybody = Client(self)
        if not ready:
            return self
        while time.monotonic() < end:
            if anybody.get("/health/ready").status == 200:
                return self
            time.sleep(0.02)
        raise RuntimeError("kontord is not ready: " + self.tail())

    def tail_all(self):
        return (self.data / "log").read_text(errors="replace")

    def tail(self):
        return (self.data / "log").read_text(errors="replace")[-4000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            status = self.process.wait(timeout=90)
            if status != 0:
                raise RuntimeError(f"kontord ended with {status}: {self.tail()}")

    def remove(self):
        try:
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
            subprocess.run(["psql", "-qX", self.super, "-c", f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)"])
            shutil.rmtree(self.data, ignore_errors=True)


class Second(Server):
    """Another kontord on the first one's database (or, with name, on another one), with its keys and a folder of its own."""

    def __init__(self, first, name=None, more=()):
        self.super, self.name = first.super, name or first.name
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="kontor-second-"))
        self.log = open(self.data / "log", "wb")
        self.more = list(more)
        self.options = [o.replace(str(first.data), str(self.data)).replace(f"dbname={first.name}", f"dbname={self.name}") for o in first.options]
        for file in ("server.key", "log.key", "seal.key", "clock"):
            if (first.data / file).exists():
                shutil.copy(first.data / file, self.data / file)
        self.process, self.port, self.agent_port, self.metrics_port = None, 0, 0, 0

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)


class Relay:
    """A proxy on this machine: what comes to `port` goes to the port `to`, which may change; then the lines that are open end."""

    def __init__(self, to, port=0):
        self.to, self.lines = to, set()
        self.door = socket.create_server(("127.0.0.1", port))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                inner = self.door.accept()[0]
            except OSError:
                return
            try:
                outer = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                inner.close()
                continue
            self.lines |= {inner, outer}
            for pair in ((inner, outer), (outer, inner)):
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    def pass_on(self, one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        self.end(one, other)

    def end(self, *lines):
        for line in lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            line.close()
            self.lines.discard(line)

    def turn(self, to):
        self.to = to
        self.end(*list(self.lines))

    def close(self):
        try:
            self.door.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.door.close()
        self.end(*list(self.lines))
