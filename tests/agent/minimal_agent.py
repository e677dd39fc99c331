#!/usr/bin/env python3
"""A small agent for a site, by docs/site-protocol.md alone, with Python's standard library alone: an example for who writes
another one, and the proof that the document is enough. It runs scripts as plain processes of this machine.

    minimal_agent.py enrol | run        (supervise is its own)

    KONTOR_SERVER      the server's address
    KONTOR_SPOOL       its folder: keys, spool, claims
    KONTOR_SHARE       a folder that jobs may write to (they have it in their environment)
    KONTOR_SITE, KONTOR_TOKEN_FILE      the site's code and the one-time token, for enrol

run ends with 4 when another instance was opened, 5 when its spool is an old copy, 6 when the server has another report under
one of its numbers: it must not be started again then.

The order of things is what matters: what was received or decided is in the spool, synced, before anything follows from it.
"""
import base64
import calendar
import fcntl
import hashlib
import http.client
import json
import os
import queue
import signal
import sqlite3
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

from curves import ed25519_public, ed25519_sign, ed25519_verify, x25519_public

KINDS = ["none", "accepted", "rejected", "queued", "started", "usage", "finished", "failed", "cancelled", "inventory"]
LAST = ("rejected", "finished", "failed", "cancelled")
REASONS = ["none", "job", "site", "no-user", "resource", "workload", "ticket", "draining", "walltime", "ordered", "other", "not-offered", "secrets"]
STATEMENT = struct.Struct(">17s32sQQQH16sQqqqQiH")
REPLY_MAX, TOKEN_MAX, OUTPUT_MAX, WORKLOAD_MAX = 4 << 20, 16384, 65536, 65536
SKEW_S = 60
SUPERSEDED, BEHIND, FORKED = 4, 5, 6

SCHEMA = """
CREATE TABLE IF NOT EXISTS word (name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS fence (request TEXT PRIMARY KEY, fence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ticket (jti TEXT PRIMARY KEY, claims TEXT NOT NULL, phase TEXT NOT NULL, cancel INTEGER NOT NULL DEFAULT 0,
    permitted INTEGER NOT NULL DEFAULT 0, asked INTEGER NOT NULL DEFAULT 0, started INTEGER NOT NULL DEFAULT 0,
    seconds INTEGER NOT NULL DEFAULT 0, script BLOB);
CREATE TABLE IF NOT EXISTS report (number INTEGER PRIMARY KEY, jti TEXT NOT NULL, kind TEXT NOT NULL, statement BLOB NOT NULL,
    signature BLOB NOT NULL, more TEXT NOT NULL, receipt TEXT);
"""


class Wrong(Exception):
    """What the other side sent is not what it should be."""


class Problem(Exception):
    def __init__(self, status, code, retry_after):
        super().__init__(f"{status} {code}")
        self.status, self.code, self.retry_after = status, code, retry_after


class Ends(Exception):
    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def say(event, **more):
    print(event, " ".join(f"{k}={v}" for k, v in more.items()), file=sys.stderr, flush=True)


# ---- JSON and tokens

def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    if not set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"):
        raise Wrong("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64url(data) != text:
        raise Wrong("not base64url in its one form")
    return data


def members(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Wrong("a member is given twice")
    return dict(pairs)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def strict(data):
    try:
        return json.loads(data, object_pairs_hook=members)
    except (ValueError, RecursionError) as fault:
        raise Wrong(f"not JSON: {type(fault).__name__}") from None


def jws(seed, public, typ, kid, claims):
    text = ".".join(b64url(json.dumps(p, separators=(",", ":")).encode()) for p in ({"alg": "EdDSA", "kid": kid, "typ": typ}, claims))
    return text + "." + b64url(ed25519_sign(seed, text.encode(), public))


def check_jws(token, typ, keys):
    """The claims of a token that was signed by one of keys (kid → public key)."""
    parts = token.split(".") if isinstance(token, str) and len(token) <= TOKEN_MAX else []
    if len(parts) != 3:
        raise Wrong("malformed: not a compact token")
    try:
        header, payload, signature = (unb64url(part) for part in parts)
    except ValueError:
        raise Wrong("malformed: not base64url") from None
    head = strict(header)
    if not isinstance(head, dict) or set(head) != {"alg", "kid", "typ"}:
        raise Wrong("malformed: another header than alg, kid, typ")
    if head["alg"] != "EdDSA":
        raise Wrong("algorithm")
    if head["typ"] != typ:
        raise Wrong("type")
    if head["kid"] not in keys:
        raise Wrong("key")
    if not ed25519_verify(keys[head["kid"]], (parts[0] + "." + parts[1]).encode(), signature):
        raise Wrong("signature")
    return strict(payload)


def keys_of(jwks):
    return {k["kid"]: unb64url(k["x"]) for k in jwks["keys"] if (k.get("kty"), k.get("crv"), k.get("alg")) == ("OKP", "Ed25519", "EdDSA")}


def is_uuid(value):
    try:
        return str(uuid.UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        return False


def is_hash(value):
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def whole(least, most):
    return lambda v: type(v) is int and least <= v <= most


MS, COUNT, BIG = whole(0, 253402300799000), whole(1, 2**31 - 1), whole(0, 2**63 - 1)
HEAD = {"iss": lambda v: isinstance(v, str), "aud": lambda v: isinstance(v, str), "jti": is_uuid, "iat": MS, "nbf": MS, "exp": MS,
        "seq": whole(1, 2**63 - 1), "fence": whole(1, 2**63 - 1), "do": lambda v: v in ("run", "cancel"), "request": is_uuid,
        "reservation": is_uuid, "organisation": is_uuid}
RUN = {"offering": BIG, "model": lambda v: isinstance(v, str) and 0 < len(v) <= 32, "gpus": COUNT, "nodes": whole(0, 2**31 - 1),
       "window": lambda v: isinstance(v, list) and len(v) == 2 and all(map(MS, v)) and v[0] <= v[1], "permit_from": MS, "accept_by": MS,
       "start_by": MS, "walltime_s": COUNT, "rate_milli": COUNT,
       "max_gpums": lambda v: isinstance(v, str) and v.isdigit() and len(v) <= 19 and str(int(v)) == v,
       "workload": lambda v: isinstance(v, dict) and set(v) == {"sha256", "len"} and is_hash(v["sha256"]) and whole(0, WORKLOAD_MAX)(v["len"]),
       "hold": BIG}
MAY = {"needs": lambda v: isinstance(v, list) and 0 < len(v) <= 16 and all(isinstance(w, str) and len(w) <= 32 for w in v),
       "secrets": is_hash}  # of a run ticket
TAKES = set()  # beyond running a script


# ---- the machine: claims, and a supervisor for each

class Machine:
    """Runs by their jti, each in a folder of its own, claims/JTI, which is made once and never again. Its supervisor holds the
    lock of the file `lock` for life and writes `started` and `status`; who finds the lock free and no status writes one."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "claims")
        os.makedirs(self.folder, 0o700, exist_ok=True)

    def submit(self, claims, script, spec):
        """Once for a jti: the folder is whole before it has its name."""
        place = os.path.join(self.folder, claims["jti"])
        new = os.path.join(self.folder, ".new-" + claims["jti"])
        if os.path.exists(place):
            return
        subprocess.run(["rm", "-rf", new], check=True)
        os.mkdir(new, 0o700)
        write_file(new, "script", script)
        os.chmod(os.path.join(new, "script"), 0o700)
        write_file(new, "spec", json.dumps(spec).encode())
        lock = os.open(os.path.join(new, "lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(new, place)
        sync_folder(self.folder)
        subprocess.Popen([sys.executable, "-S", "-E", os.path.abspath(minimal_agent_file()), "supervise", place], pass_fds=[lock], start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "KONTOR_LOCK": str(lock)})
        os.close(lock)

    def look(self, jti):
        """None: there is nothing of it. Else {"started", "ended", "exit", "end"}: end is "" while it goes on."""
        place = os.path.join(self.folder, jti)
        if not os.path.exists(place):
            return None
        status = read_file(place, "status")
        if status is None:
            lock = os.open(os.path.join(place, "lock"), os.O_WRONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return {"started": int(read_file(place, "started") or 0), "ended": 0, "exit": 0, "end": ""}
            else:
                if read_file(place, "status") is None:  # whoever held it is dead
                    write_file(place, "status", json.dumps({"started": int(read_file(place, "started") or 0), "ended": 0, "exit": 0, "end": "site"}).encode())
                status = read_file(place, "status")
            finally:
                os.close(lock)
        return json.loads(status)

    def stop(self, jti):
        if os.path.exists(os.path.join(self.folder, jti)):
            write_file(os.path.join(self.folder, jti), "stop", b"")

    def output(self, jti):
        data = read_file(os.path.join(self.folder, jti), "output") or b""
        return data[-OUTPUT_MAX:]


def minimal_agent_file():
    return __file__


def read_file(folder, name):
    try:
        with open(os.path.join(folder, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def write_file(folder, name, data):
    """Whole or not at all, and synced."""
    with open(os.path.join(folder, name + ".new"), "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))
    sync_folder(folder)


def sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def supervise(place):
    """Start the script if it is not too late, end it at its walltime or when told to, write down what became of it."""
    spec = json.loads(read_file(place, "spec"))
    clock = Clock(spec["clock"])
    started, end, child = 0, "", None
    while clock.now() < spec["start_at"] and not os.path.exists(os.path.join(place, "stop")):
        time.sleep(0.05)
    if os.path.exists(os.path.join(place, "stop")):
        end = "cancelled"
    elif clock.now() > spec["start_by"] or (not spec["waits"] and time.monotonic() > spec["permit_until"]):
        end = "site"  # nothing starts under a permit that is over
    else:
        started = clock.now()
        write_file(place, "started", str(started).encode())
        with open(os.path.join(place, "output"), "wb") as output:
            child = subprocess.Popen([os.path.join(place, "script")] if spec["shebang"] else ["/bin/sh", os.path.join(place, "script")], stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=output, start_new_session=True, env={"PATH": "/usr/local/bin:/usr/bin:/bin", **spec["env"]})
    while child and child.poll() is None:
        if not end and os.path.exists(os.path.join(place, "stop")):
            end = "cancelled"
        if not end and clock.now() >= started + spec["walltime_s"] * 1000:
            end = "walltime"
        if end:
            os.killpg(child.pid, signal.SIGKILL)
        time.sleep(0.04)
    code = child.returncode if child else 0
    write_file(place, "status", json.dumps({"started": started, "ended": clock.now() if started else 0, "exit": code if code >= 0 else 128 - code,
                                            "end": end or "exit"}).encode())


class Clock:
    """The journal's: real time, but in a simulation."""

    def __init__(self, given=None):
        self.origin, self.real_origin, self.rate = (0, 0, 1) if given is None else given

    def now(self):
        return self.origin + (int(time.time() * 1000) - self.real_origin) * self.rate

    def given(self):
        return [self.origin, self.real_origin, self.rate]


def millis(text):
    seconds, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 1000 + int((rest + "000")[:3])


# ---- the agent

class Agent:
    def __init__(self):
        self.folder, self.server = os.environ["KONTOR_SPOOL"], urllib.parse.urlsplit(os.environ["KONTOR_SERVER"])
        self.instance, self.polling = 0, False
        self.token = (0, "")
        self.polled = queue.Queue()
        self.later = {}  # what → the monotonic time before which it is not tried again
        self.tries = {}
        self.first_sent = {}  # number of an accepted → when it was sent first, monotonic
        self.deadline = {}  # jti → until when its permit may be used, monotonic
        self.clear = {}  # jti → when an older permit of it is dead, monotonic
        self.next_usage = {}
        self.next_inventory = 0
        self.stopping = False
        self.moved = False  # something came of the turn before: do not wait in this one

    # -- calls

    def call(self, method, path, body=None, token=None, instance=None, timeout=20):
        """The reply's status and bytes. Problem: the server says no; OSError or HTTPException: it is not known what became of it."""
        kind = http.client.HTTPSConnection if self.server.scheme == "https" else http.client.HTTPConnection
        more = {"context": ssl.create_default_context()} if self.server.scheme == "https" else {}
        if self.server.scheme != "https" and self.server.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise Ends(1, "plain HTTP on loopback only")
        line = kind(self.server.hostname, self.server.port, timeout=timeout, **more)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            now = time.time()
            headers["Authorization"] = "Bearer " + token
            headers["Kontor-Clock"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % (now % 1 * 1000)
        if instance:
            headers["Kontor-Instance"] = str(instance)
        try:
            line.request(method, path, body=None if body is None else json.dumps(body).encode(), headers=headers)
            reply = line.getresponse()
            data = reply.read(REPLY_MAX + 1)
        finally:
            line.close()
        if len(data) > REPLY_MAX:
            raise Wrong("the reply is too long")
        if reply.status in (200, 201):
            return data
        try:
            code = strict(data).get("code", "")
        except (Wrong, AttributeError):
            code = ""
        after = reply.headers.get("Retry-After", "0")
        raise Problem(reply.status, code, int(after) if after.isdigit() else 0)

    def own_token(self):
        """Signed by ourselves, for a minute at most; used for a third of that."""
        now = int(time.time())
        if self.token[0] < time.monotonic():
            claims = {"iss": self.word("site"), "aud": self.word("origin"), "iat": now, "exp": now + 60, "jti": b64url(os.urandom(16)), "ins": self.instance}
            self.token = (time.monotonic() + 20, jws(self.seed, self.public, "kontor-agent+jwt", self.word("kid"), claims))
        return self.token[1]

    def ask(self, method, path, body=None):
        return self.call(method, path, body, self.own_token(), self.instance)

    def attempt(self, what, call):
        """Its result, or None if it did not succeed: then it is tried again after a while, each time a longer one."""
        if self.later.get(what, 0) > time.monotonic():
            return None
        try:
            result = call()
        except Problem as problem:
            self.token = (0, "")
            say("refused", what=what, status=problem.status, code=problem.code)
            self.wait(what, problem.retry_after)
            self.refused(problem)
        except (OSError, http.client.HTTPException, Wrong) as fault:
            say("failed", what=what, why=str(fault) or type(fault).__name__)
            self.wait(what)
        else:
            self.tries.pop(what, None)
            self.moved = True
            return result
        return None

    def wait(self, what, retry_after=0):
        n = self.tries[what] = self.tries.get(what, 0) + 1
        self.later[what] = time.monotonic() + max(retry_after, min(10, 0.1 * 2 ** min(n, 10)))

    def refused(self, problem):
        """What some refusals mean."""
        if problem.code == "superseded":
            raise Ends(SUPERSEDED, "another instance was opened")
        if problem.code == "spool-behind":
            raise Ends(BEHIND, "the spool is older than what the server has of us")
        if problem.code == "forked":
            raise Ends(FORKED, "the server has another report of that number")
        if problem.code == "gap":
            self.instance = 0  # say anew what we have

    # -- spool

    def open_spool(self):
        self.lock = os.open(os.path.join(self.folder, "lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Ends(1, "another agent uses this spool") from None
        self.db = sqlite3.connect(os.path.join(self.folder, "spool.db"), isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.executescript(SCHEMA)

    def word(self, name, default=None):
        row = self.db.execute("SELECT value FROM word WHERE name = ?", (name,)).fetchone()
        return row[0] if row else default

    def set_word(self, name, value):
        self.db.execute("INSERT INTO word VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value))

    def newest_report(self):
        return max(self.db.execute("SELECT max(number) FROM report").fetchone()[0] or 0, self.word("base_report", 0))

    def newest_receipted(self):
        return max(self.db.execute("SELECT max(number) FROM report WHERE receipt IS NOT NULL").fetchone()[0] or 0, self.word("base_report", 0))

    def load_keys(self):
        self.seed = read_file(self.folder, "agent.key")
        if self.seed is None:
            raise Ends(1, "not enrolled")
        self.public = ed25519_public(self.seed)

    # -- enrolment

    def enrol(self):
        os.makedirs(self.folder, 0o700, exist_ok=True)
        os.umask(0o077)
        self.open_spool()
        if self.word("site"):
            raise Ends(1, "this spool is enrolled")
        for name in ("agent.key", "seal.key"):
            if read_file(self.folder, name) is None:  # the keys of an attempt whose reply was lost are used again
                write_file(self.folder, name, os.urandom(32))
        self.load_keys()
        with open(os.environ["KONTOR_TOKEN_FILE"], encoding="ascii") as f:
            token = f.read().strip()
        text = {"token": token, "site": os.environ["KONTOR_SITE"], "ed25519": self.public, "x25519": x25519_public(read_file(self.folder, "seal.key")),
                "proof": ed25519_sign(self.seed, b"kontor-enrol/v1\0" + token.encode(), self.public)}
        data = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in text.items()}
        reply = strict(self.call("POST", "/v1/agent/enrol", data))
        self.db.execute("BEGIN")
        for name, value in (("site", reply["site"]), ("site_index", reply["site_index"]), ("kid", str(reply["key"])), ("origin", reply["origin"]),
                            ("genesis", bytes.fromhex(reply["genesis"])), ("seq", 0)):
            self.set_word(name, value)
        self.db.execute("COMMIT")
        print(f"enrolled: site {reply['site']}, key {reply['key']}")

    # -- instance

    def open_instance(self):
        self.token = (0, "")  # which names the instance
        body = {"last_confirmed_seq": self.word("seq"), "last_receipted_report": self.newest_receipted(), "last_report": self.newest_report(), "checkpoint": None}
        reply = self.attempt("instance", lambda: strict(self.ask("POST", "/v1/agent/instance", body)))
        if reply is None:
            return
        self.keys, self.confirmed = keys_of(reply["jwks"]), reply["confirmed_seq"]
        self.clock = Clock(reply["clock"] and [millis(reply["clock"]["origin"]), millis(reply["clock"]["real_origin"]), reply["clock"]["rate"]])
        self.life_s, self.usage_every_s = reply["policy"]["permit_life_ms"] / 1000, reply["policy"]["usage_every_s"]
        if body["last_confirmed_seq"] == 0 and body["last_report"] == 0:  # a lost spool's place
            self.db.execute("BEGIN")
            self.set_word("seq", reply["confirmed_seq"])
            self.set_word("base_report", reply["last_report"])
            self.db.execute("COMMIT")
        if reply["confirmed_seq"] > self.word("seq") or reply["last_report"] > self.newest_report():
            raise Ends(BEHIND, "the spool is older than what the server has of us")
        self.instance = reply["instance"]
        self.token = (0, "")
        self.sign_anew(reply["last_report"])
        now = time.monotonic()
        for (jti,) in self.db.execute("SELECT jti FROM ticket WHERE permitted OR phase = 'asking'").fetchall():
            self.clear[jti] = now + 1.5 * self.life_s  # what an older permit may have begun is to be seen by then
        self.first_sent.clear()
        self.deadline.clear()
        self.next_inventory = 0
        say("open", instance=self.instance)

    def sign_anew(self, last_report):
        """What the server has not seen is of the new instance; what it may have seen stays as it was, to the byte."""
        rows = self.db.execute("SELECT number, statement FROM report WHERE receipt IS NULL AND number > ?", (last_report,)).fetchall()
        for number, statement in rows:
            fields = list(STATEMENT.unpack(statement))
            fields[4] = self.instance
            statement = STATEMENT.pack(*fields)
            self.db.execute("UPDATE report SET statement = ?, signature = ? WHERE number = ?", (statement, ed25519_sign(self.seed, statement, self.public), number))

    # -- tickets

    def poll(self):
        """On a thread of its own: it waits for the server, and nobody for it."""
        token, instance, after = self.own_token(), self.instance, self.word("seq")
        self.polling = True

        def wait():
            try:
                self.polled.put((instance, self.call("GET", f"/v1/agent/tickets?after={after}&wait=20", None, token, instance, timeout=40)))
            except Exception as fault:  # whatever it is, the loop judges it
                self.polled.put((instance, fault))
        threading.Thread(target=wait, daemon=True).start()

    def take_poll(self):
        try:
            instance, answer = self.polled.get(timeout=0.001 if self.moved else 0.05)
        except queue.Empty:
            return
        self.polling, self.moved = False, True
        if instance != self.instance:
            return  # it was asked before the instance was opened anew

        def read():
            if isinstance(answer, Exception):
                raise answer
            reply = strict(answer)
            if not isinstance(reply, dict) or not isinstance(reply.get("tickets"), list):
                raise Wrong("not a list of tickets")
            self.take_tickets(reply["tickets"])
            return True
        self.attempt("tickets", read)

    def take_tickets(self, tickets):
        fault = None
        self.db.execute("BEGIN")
        for item in tickets:
            try:
                if item["seq"] > self.word("seq"):  # what is here already comes again where a reply was lost
                    self.take(item["jws"])
            except (Wrong, KeyError, TypeError) as wrong:
                fault = Wrong(f"ticket not taken: {wrong}")
                break
        self.db.execute("COMMIT")
        if fault:
            self.fetch_keys()  # perhaps there is a new one
            raise fault

    def fetch_keys(self):
        got = self.attempt("keys", lambda: keys_of(strict(self.call("GET", "/.well-known/jwks.json"))))
        if got:
            self.keys = got

    def read_ticket(self, token):
        """Its claims, and whether they are all understood."""
        claims = check_jws(token, "kontor-ticket+jwt", self.keys)
        if not isinstance(claims, dict) or claims.get("iss") != self.word("origin"):
            raise Wrong("issuer")
        if claims.get("aud") != self.word("site"):
            raise Wrong("audience")
        if claims.get("seq") != self.word("seq") + 1:
            raise Wrong("number: not the next")
        if not all(HEAD[name](claims.get(name)) for name in ("jti", "fence", "request", "nbf")):
            raise Wrong("claims")
        if claims["nbf"] > time.time() + SKEW_S:
            raise Wrong("future")
        wanted = {**HEAD, **RUN, **{name: MAY[name] for name in MAY if name in claims}} if claims.get("do") == "run" else HEAD
        if set(claims) != set(wanted):
            raise Wrong("claims: others than are written down")
        return claims, all(good(claims[name]) for name, good in wanted.items())

    def take(self, token):
        claims, understood = self.read_ticket(token)
        self.set_word("seq", claims["seq"])
        if claims["do"] == "cancel":
            self.db.execute("UPDATE ticket SET cancel = 1 WHERE jti = ?", (claims["jti"],))
            return
        if self.db.execute("SELECT 1 FROM ticket WHERE jti = ?", (claims["jti"],)).fetchone():
            return  # it was delivered again, under another number
        row = self.db.execute("SELECT fence FROM fence WHERE request = ?", (claims["request"],)).fetchone()
        good = understood and claims["fence"] > (row[0] if row else 0) and time.time() <= claims["exp"]
        self.db.execute("INSERT INTO fence VALUES (?, ?) ON CONFLICT (request) DO UPDATE SET fence = max(fence, excluded.fence)", (claims["request"], claims["fence"]))
        self.db.execute("INSERT INTO ticket (jti, claims, phase) VALUES (?, ?, 'new')", (claims["jti"], json.dumps(claims)))
        if not good:
            self.end(claims, "rejected", "ticket")
        elif not self.takes(claims):
            self.end(claims, "rejected", "not-offered")

    @staticmethod
    def takes(claims):
        return set(claims.get("needs", [])) <= TAKES

    def confirm(self):
        seq = self.word("seq")
        if seq > self.confirmed:
            reply = self.attempt("received", lambda: strict(self.ask("POST", "/v1/agent/tickets/received", {"instance": self.instance, "seq": seq})))
            if reply is not None:
                self.confirmed = seq

    def fetch(self, claims):
        """The script goes into the spool, if it is the one that the ticket names."""
        wanted = claims["workload"]
        found = self.attempt("blob " + wanted["sha256"], lambda: self.ask_blob(wanted["sha256"]))
        if found is None:
            return
        if not found or len(found[0]) != wanted["len"] or hashlib.sha256(found[0]).hexdigest() != wanted["sha256"]:
            self.end(claims, "rejected", "workload")
        else:
            self.db.execute("UPDATE ticket SET script = ?, phase = 'ready' WHERE jti = ?", (found[0], claims["jti"]))

    def ask_blob(self, name):
        """[its bytes], or [] where it is gone."""
        try:
            return [self.ask("GET", "/v1/agent/blobs/" + name)]
        except Problem as problem:
            if problem.status in (404, 410):
                return []
            raise

    # -- reports

    def tell(self, claims, kind, reason="none", started=0, ended=0, seconds=0, code=0, **more):
        """Into the spool, with the next number; send() does the rest. An inventory's mark stands where others have their ticket."""
        name = uuid.UUID(claims["jti"]).bytes if claims else hashlib.sha256(canonical(more["inventory"])).digest()[:16] if "inventory" in more else bytes(16)
        statement = STATEMENT.pack(b"kontor-report/v1\0", self.word("genesis"), self.word("site_index"), self.newest_report() + 1, self.instance, KINDS.index(kind),
                                   name, claims["fence"] if claims else 0,
                                   max(self.clock.now(), started, ended), started, ended, seconds, code, REASONS.index(reason))
        self.db.execute("INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, NULL)", (self.newest_report() + 1, claims["jti"] if claims else "", kind, statement,
                                                                              ed25519_sign(self.seed, statement, self.public), json.dumps(more)))
        return self.newest_report()

    def end(self, claims, kind, reason="none", **more):
        """The last report of a ticket."""
        self.tell(claims, kind, reason, **more)
        self.db.execute("UPDATE ticket SET phase = 'done' WHERE jti = ?", (claims["jti"],))

    def send(self):
        """The oldest report without a receipt. Only when its receipt is stored the next one has its turn."""
        row = self.db.execute("SELECT number, jti, kind, statement, signature, more FROM report WHERE receipt IS NULL ORDER BY number LIMIT 1").fetchone()
        if not row or self.later.get("report", 0) > time.monotonic():
            return
        number, jti, kind, statement, signature, more = row
        body = {"statement": base64.b64encode(statement).decode(), "signature": base64.b64encode(signature).decode(), **json.loads(more)}
        if kind == "accepted":
            self.first_sent.setdefault(number, time.monotonic())
        reply = self.attempt("report", lambda: self.post_report(number, body))
        if reply is None:
            return
        try:
            receipt = self.read_receipt(reply.get("receipt"), number, statement, jti, kind)
        except Wrong as wrong:
            say("receipt-not-taken", number=number, why=wrong)
            self.wait("report")
            self.fetch_keys()
            return
        self.db.execute("BEGIN")
        self.db.execute("UPDATE report SET receipt = ? WHERE number = ?", (reply["receipt"], number))
        if kind == "accepted":
            self.answered(jti, number, receipt)
        self.db.execute("COMMIT")

    def post_report(self, number, body):
        try:
            return strict(self.ask("POST", "/v1/agent/reports", body))
        except Problem as problem:
            if problem.code == "too-early":
                self.first_sent.pop(number, None)  # it was not recorded
            raise
        except ConnectionRefusedError:
            self.first_sent.pop(number, None)  # it did not arrive
            raise

    def read_receipt(self, token, number, statement, jti, kind):
        """Its claims, if it is the server's word about just this report."""
        claims = check_jws(token, "kontor-receipt+jwt", self.keys)
        asked = {"permit", "jti", "fence", "ins"} if kind == "accepted" else set()
        if not isinstance(claims, dict) or set(claims) - {"reason"} != {"iss", "aud", "num", "sha256", "iat"} | asked or ("reason" in claims and not asked):
            raise Wrong("claims: others than are written down")
        base = {"iss": self.word("origin"), "aud": self.word("site"), "num": number, "sha256": hashlib.sha256(statement).hexdigest()}
        for name, value in base.items():
            if claims.get(name) != value:
                raise Wrong(name)
        if kind != "accepted":
            return claims
        fields = STATEMENT.unpack(statement)
        for name, value in (("jti", jti), ("fence", fields[7])):
            if claims.get(name) != value:
                raise Wrong(name)
        if claims.get("permit") not in ("granted", "refused") or type(claims.get("ins")) is not int:
            raise Wrong("permit")
        return claims

    # -- permits

    def answered(self, jti, number, receipt):
        """In the transaction that stores the receipt: what it permits is known after any crash."""
        claims, permitted, cancel = self.db.execute("SELECT claims, permitted, cancel FROM ticket WHERE jti = ?", (jti,)).fetchone()
        claims = json.loads(claims)
        if receipt["permit"] == "refused":
            if permitted:
                self.end(claims, "cancelled" if cancel else "failed", "ordered" if cancel else "site")
            else:
                self.db.execute("UPDATE ticket SET phase = 'done' WHERE jti = ?", (jti,))
            return
        sent = self.first_sent.pop(number, None)
        until = (sent or 0) + self.life_s
        if self.may_use(receipt, sent, until, claims):
            self.deadline[jti] = until
            self.db.execute("UPDATE ticket SET phase = 'claiming', permitted = 1 WHERE jti = ?", (jti,))
        else:
            self.clear[jti] = time.monotonic() + 1.5 * self.life_s
            self.db.execute("UPDATE ticket SET phase = 'ready', permitted = 1 WHERE jti = ?", (jti,))

    def may_use(self, receipt, sent, until, claims):
        return receipt["ins"] == self.instance and sent is not None and time.monotonic() < until and self.clock.now() <= claims["start_by"]

    def ask_at(self, claims):
        """As late as the window's start, since what is permitted starts then, but not in the last moment."""
        margin = int(self.life_s * 1000) * self.clock.rate
        return max(claims["permit_from"], min(claims["window"][0], claims["accept_by"] - margin))

    def submit(self, claims, script):
        jti = claims["jti"]
        if self.deadline.get(jti, 0) <= time.monotonic():
            return
        env = {"KONTOR_SHARE": os.environ.get("KONTOR_SHARE", ""), "KONTOR_JTI": jti, "KONTOR_GPUS": str(claims["gpus"]), "KONTOR_WALLTIME_S": str(claims["walltime_s"])}
        self.machine.submit(claims, script, {"permit_until": self.deadline[jti], "start_at": claims["window"][0], "start_by": claims["start_by"],
                                             "waits": self.clock.now() < claims["window"][0], "walltime_s": claims["walltime_s"],
                                             "clock": self.clock.given(), "shebang": script[:2] == b"#!", "env": env})

    # -- the day of one ticket

    def step(self, jti, claims, phase, cancel, permitted, started, seconds):
        seen = self.machine.look(jti) if permitted else None
        if seen is not None:
            self.follow(claims, seen, cancel, started, seconds)
        elif phase == "asking":
            return  # the receipt decides
        elif permitted and time.monotonic() < self.clear.get(jti, 0):
            return  # something of an older permit may still show
        elif phase == "claiming":
            self.claim(claims, cancel)
        elif cancel:
            self.end(claims, "cancelled", "ordered")
        elif phase == "new":
            self.late(claims, permitted) or self.fetch(claims)
        elif phase == "ready" and not self.late(claims, permitted) and self.clock.now() >= self.ask_at(claims):
            number = self.tell(claims, "accepted")
            self.db.execute("UPDATE ticket SET phase = 'asking', asked = ? WHERE jti = ?", (number, jti))

    def late(self, claims, permitted):
        """Nothing starts after start-by, and no first permit is given after accept-by."""
        if permitted and self.clock.now() > claims["start_by"]:
            self.end(claims, "failed", "site")
            return True
        if not permitted and self.clock.now() > min(claims["accept_by"], claims["start_by"]):
            self.db.execute("UPDATE ticket SET phase = 'done' WHERE jti = ?", (claims["jti"],))  # the server's own timer has it
            return True
        return False

    def claim(self, claims, cancel):
        """The permit is in the spool, and the machine has nothing of it."""
        jti = claims["jti"]
        if cancel:
            self.end(claims, "cancelled", "ordered")
        elif self.deadline.get(jti, 0) > time.monotonic():
            script = self.db.execute("SELECT script FROM ticket WHERE jti = ?", (jti,)).fetchone()[0]
            self.submit(claims, bytes(script))
        else:  # not used in time, or an older instance's: it is dead after one and a half lives
            self.clear[jti] = time.monotonic() + 1.5 * self.life_s
            self.db.execute("UPDATE ticket SET phase = 'ready' WHERE jti = ?", (jti,))

    def used(self, claims, from_ms, to_ms):
        return claims["gpus"] * -(-max(to_ms - from_ms, 0) // 1000)

    def follow(self, claims, seen, cancel, started, seconds):
        """The machine has it, or had it."""
        jti = claims["jti"]
        if seen["started"] and not started:
            started = seen["started"]
            self.tell(claims, "started", started=started)
            self.db.execute("UPDATE ticket SET phase = 'running', started = ? WHERE jti = ?", (started, jti))
            self.next_usage[jti] = time.monotonic() + self.usage_every_s
        if cancel and not seen["end"]:
            self.machine.stop(jti)
        if seen["end"]:
            self.ended(claims, seen, started, seconds)
        elif started and self.next_usage.setdefault(jti, time.monotonic()) <= time.monotonic():
            self.next_usage[jti] = time.monotonic() + self.usage_every_s
            seconds = max(seconds, self.used(claims, started, self.clock.now()))
            self.tell(claims, "usage", started=started, seconds=seconds, output=base64.b64encode(self.machine.output(jti)).decode())
            self.db.execute("UPDATE ticket SET seconds = ? WHERE jti = ?", (seconds, jti))

    def ended(self, claims, seen, started, seconds):
        more = {"started": started, "output": base64.b64encode(self.machine.output(claims["jti"])).decode()}
        if seen["end"] == "site":
            self.end(claims, "failed", "site", seconds=seconds, **more)
            return
        if started:
            more.update(ended=max(seen["ended"], started), code=seen["exit"], seconds=max(seconds, self.used(claims, started, seen["ended"])))
        if seen["end"] == "cancelled":
            self.end(claims, "cancelled", "ordered", **more)
        elif seen["end"] == "walltime":
            self.end(claims, "finished", "walltime", **more)
        elif seen["exit"]:
            self.end(claims, "failed", "job", **more)
        else:
            self.end(claims, "finished", **more)

    # -- the loop

    def jobs(self):
        rows = self.db.execute("SELECT jti, claims, phase, cancel, permitted, started, seconds FROM ticket WHERE phase <> 'done'").fetchall()
        for jti, claims, *more in rows:
            self.db.execute("BEGIN")
            self.step(jti, json.loads(claims), *more)
            self.db.execute("COMMIT")

    def inventory(self):
        if self.next_inventory <= time.monotonic():
            self.next_inventory = time.monotonic() + 3600
            self.tell(None, "inventory", inventory={"backend": "exec", "sandbox": "none", "agent": "minimal_agent.py"})

    def turn(self):
        if not self.instance:
            self.open_instance()
            time.sleep(0.02)
            return
        self.inventory()
        if not self.polling and self.later.get("tickets", 0) <= time.monotonic():
            self.poll()
        self.take_poll()
        self.moved = False
        self.confirm()
        self.jobs()
        self.send()

    def run(self):
        self.load_keys()
        self.open_spool()
        if not self.word("site"):
            raise Ends(1, "not enrolled")
        self.machine = Machine(self.folder)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        while not self.stopping:
            self.turn()


def main(kind=Agent):
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb == "supervise":
        supervise(sys.argv[2])
        return 0
    if verb not in ("enrol", "run"):
        print(__doc__, file=sys.stderr)
        return 2
    agent = kind()
    try:
        getattr(agent, verb)()
    except Ends as end:
        say("ends", why=end)
        return end.status
    except Problem as problem:
        say("refused", code=problem.code)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
