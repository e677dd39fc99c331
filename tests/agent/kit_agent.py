"""The conformance kit's side that plays server: its cases for an agent. Each is one rule of docs/site-protocol.md.

An agent under test is a command. The kit runs `COMMAND enrol`, which ends (0: enrolled), and `COMMAND run`, which goes on until
SIGTERM or until the protocol says that it must stop, with this environment:

    KONTOR_SERVER      the server's address, http://127.0.0.1:PORT
    KONTOR_SITE        the site's code                       (for enrol)
    KONTOR_TOKEN_FILE  the file with the one-time token      (for enrol)
    KONTOR_SPOOL       a path for all that the agent keeps: not there before the first enrol, kept from then on, and copied as a
                       whole, while nothing runs, by cases about old copies
    KONTOR_SHARE       a folder that jobs may write to; it must be in the jobs' environment under this name

A workload is a shell script. COMMAND itself is what gets killed (kill -9): a wrapper execs the agent. Jobs go on without it."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

from fake_server import ACCEPTED, FINISHED, STARTED, FakeServer, Key, Problem, Report, b64url
from rig import end_supervisors_in

CASES = {}


class NotOk(Exception):
    """What the one under test did wrong."""


class NotApplicable(Exception):
    """Why this case says nothing here."""


def case(name, rule):
    def keep(function):
        assert name not in CASES
        CASES[name] = (rule, function)
        return function
    return keep


class Trial:
    """One agent with its folder, and the server that the kit plays for it."""

    def __init__(self, command, patience=1.0):
        self.command, self.patience = command, patience
        self.root = tempfile.mkdtemp(prefix="kontor-kit-")
        self.share = os.path.join(self.root, "share")
        os.mkdir(self.share)
        os.chmod(self.root, 0o711)  # an agent that runs as root may run jobs as nobody
        os.chmod(self.share, 0o1777)
        self.log_path = os.path.join(self.root, "log")
        self.server, self.processes, self.spools = None, [], 0

    # ---- the agent
    def environment(self, spool):
        token = os.path.join(self.root, "token")
        return {**os.environ, "KONTOR_SERVER": self.server.url, "KONTOR_SITE": self.server.SITE, "KONTOR_TOKEN_FILE": token,
                "KONTOR_SPOOL": spool, "KONTOR_SHARE": self.share}

    def spool(self, which=""):
        return os.path.join(self.root, "spool" + which)

    def enrol(self, token=None, which="", well=True):
        with open(os.open(os.path.join(self.root, "token"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
            f.write((token or self.server.new_token()) + "\n")
        with open(self.log_path, "ab") as log:
            status = subprocess.run([*self.command, "enrol"], env=self.environment(self.spool(which)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    timeout=60 * self.patience, check=False).returncode
        if well and status:
            raise NotOk(f"enrol ends with {status}")
        return status

    def start(self, which=""):
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen([*self.command, "run"], env=self.environment(self.spool(which)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def begin(self, **options):
        """Enrolled, running, with an instance."""
        self.serve(**options)
        self.enrol()
        self.start()
        self.until(lambda: self.server.instance == 1, "it opens no instance")

    def serve(self, **options):
        self.server = FakeServer(**{"permit_life_ms": 4000, **options})

    @property
    def agent(self):
        return self.processes[-1]

    def kill(self):
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()

    def stop(self):
        self.agent.terminate()
        try:
            self.agent.wait(15 * self.patience)
        except subprocess.TimeoutExpired:
            raise NotOk("it does not stop when told to (SIGTERM)") from None

    def must_end(self, why, process=None):
        process = process or self.agent
        try:
            status = process.wait(15 * self.patience)
        except subprocess.TimeoutExpired:
            raise NotOk("it goes on " + why) from None
        self.must(status != 0, "it ends " + why + ", but with 0: who looks after it would think that all is well")

    def must_live(self):
        self.must(self.agent.poll() is None, f"it has ended, with {self.agent.returncode}")

    # ---- looking
    def must(self, good, why):
        if not good:
            raise NotOk(why)

    def until(self, what, why, seconds=20):
        end = time.monotonic() + seconds * self.patience
        with self.server.lock:
            while not what():
                if time.monotonic() > end:
                    raise NotOk(why)
                self.server.lock.wait(0.02)

    def hold_still(self, what, why, seconds=1.0):
        """what() stays false for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.must(not what(), why)
            time.sleep(0.02)

    def runs(self, name):
        try:
            with open(os.path.join(self.share, name), encoding="ascii") as f:
                return len(f.readlines())
        except FileNotFoundError:
            return 0

    @staticmethod
    def script(name, rest=""):
        return f'#!/bin/sh\necho run >>"$KONTOR_SHARE/{name}"\n{rest}\n'

    @staticmethod
    def waits(name, rest=""):
        """Until the kit says go, or the folder is taken away."""
        return Trial.script(name, f'while [ -d "$KONTOR_SHARE" ] && [ ! -e "$KONTOR_SHARE/go" ]; do sleep 0.05; done\n{rest}')

    def go(self):
        with open(os.path.join(self.share, "go"), "w", encoding="ascii"):
            pass

    def issue(self, name="a", rest="", **more):
        return self.server.issue(self.script(name, rest), **more)

    def ended(self, *tickets, seconds=20):
        self.until(lambda: all(t.last for t in tickets), "a job's last report does not come: " + ", ".join(str(t.kinds()) for t in tickets), seconds)

    def finished_once(self, ticket, name="a", seconds=20):
        """The job ran, once, and was reported."""
        self.ended(ticket, seconds=seconds)
        self.must(ticket.kinds()[-1] == "finished", f"it reports {ticket.kinds()[-1]} of a job that should have run")
        self.must(self.runs(name) == 1, f"the job ran {self.runs(name)} times")

    def rejected(self, ticket, *reasons, name="a"):
        self.ended(ticket)
        last = ticket.last
        self.must(ticket.kinds() == ["rejected"], f"it reports {ticket.kinds()} instead of rejected alone")
        self.must(last.reason in reasons, f"it rejects with reason {last.reason} instead of {' or '.join(map(str, reasons))}")
        self.must(self.runs(name) == 0, "it ran all the same")

    def in_order(self):
        """Nothing that the strict server has noted against the agent."""
        self.must(not self.server.broken, "; ".join(self.server.broken))
        self.must(not self.server.unauthentic, f"tokens that must be refused: {self.server.unauthentic[:3]}")

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.server:
            self.server.close()
        shutil.rmtree(self.share, ignore_errors=True)  # which ends the jobs that wait
        end_supervisors_in(self.root)
        shutil.rmtree(self.root, ignore_errors=True)


# ---- what a hostile server may send instead of a token

def part(what):
    return b64url(what if isinstance(what, bytes) else json.dumps(what, separators=(",", ":")).encode())


def hs256(secret, typ, kid, claims):
    text = part({"alg": "HS256", "kid": kid, "typ": typ}) + "." + part(claims)
    return text + "." + b64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def pem(public):
    der = bytes.fromhex("302a300506032b6570032100") + public
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


def headed(key, header, claims):
    text = part(header) + "." + part(claims)
    return text + "." + b64url(key.sign(text.encode()))


def turned(token):
    head, payload, signature = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[7] ^= 1
    return ".".join((head, payload, b64url(bytes(raw))))


def deep(key, typ, kid, claims):
    text = json.dumps(claims)[:-1] + ',"x":' + "[" * 3000 + "]" * 3000 + "}"
    return headed(key, {"alg": "EdDSA", "kid": kid, "typ": typ}, text.encode())


def twice(key, typ, kid, claims):
    """The second one is what is hoped for: readers that take the last go on with it, those that take the first go wrong otherwise."""
    if "permit" in claims:
        text = json.dumps({**claims, "permit": "refused"})[:-1] + ',"permit":"%s"}' % claims["permit"]
    else:
        text = json.dumps(claims)[:-1] + ',"fence":999}'
    return headed(key, {"alg": "EdDSA", "kid": kid, "typ": typ}, text.encode())


# What is wrong → (token, claims, server, typ) → the token. Names go into cases for tickets and for receipts.
FORGERIES = {
    "wrong-key": ("signed by another key than the one it names", lambda t, c, s, typ: Key().jws(typ, s.kid, c)),
    "alg-none": ("with `alg` none and no signature", lambda t, c, s, typ: part({"alg": "none", "kid": s.kid, "typ": typ}) + "." + part(c) + "."),
    "hs256": ("with `alg` HS256 under the public key's bytes", lambda t, c, s, typ: hs256(s.key.public.raw, typ, s.kid, c)),
    "hs256-pem": ("with `alg` HS256 under the public key's PEM", lambda t, c, s, typ: hs256(pem(s.key.public.raw), typ, s.kid, c)),
    "unknown-key": ("naming a key that the server's key set does not have", lambda t, c, s, typ: Key().jws(typ, "987654", c)),
    "typ": ("of another `typ`", lambda t, c, s, typ: s.key.jws("kontor-agent+jwt", s.kid, c)),
    "crit": ("with a header that is not alg, kid and typ alone",
             lambda t, c, s, typ: headed(s.key, {"alg": "EdDSA", "crit": ["x"], "kid": s.kid, "typ": typ, "x": 1}, c)),
    "turned-bit": ("in whose signature a bit is turned", lambda t, c, s, typ: turned(t)),
    "truncated": ("cut short", lambda t, c, s, typ: t[:-9]),
    "no-signature": ("without a signature", lambda t, c, s, typ: t.rsplit(".", 1)[0]),
    "other-issuer": ("whose `iss` is another journal", lambda t, c, s, typ: s.key.jws(typ, s.kid, {**c, "iss": "kontor.example/other"})),
    "other-site": ("whose `aud` is another site", lambda t, c, s, typ: s.key.jws(typ, s.kid, {**c, "aud": "cineca"})),
    "unknown-claim": ("with a claim that is not written down", lambda t, c, s, typ: s.key.jws(typ, s.kid, {**c, "sudo": True})),
    "double-claim": ("with a claim given twice", lambda t, c, s, typ: twice(s.key, typ, s.kid, c)),
    "deep": ("of 3,000 levels of JSON", lambda t, c, s, typ: deep(s.key, typ, s.kid, c)),
    "huge": ("of 10 MB", lambda t, c, s, typ: t + "A" * 10_000_000),
}


# ---- the days

@case("good-day", "The order of the day: ticket, `received`, workload, `accepted`, `started`, `finished`, each said once.")
def good_day(t):
    t.begin()
    ticket = t.issue("a", "echo hello")
    t.finished_once(ticket)
    t.must([k for k in ticket.kinds() if k != "queued"] in (["accepted", "started", "finished"], ["accepted", "started", "usage", "finished"]), f"it reports {ticket.kinds()}")
    t.until(lambda: t.server.confirmed_seq == 1, "it does not confirm the ticket")


@case("tokens", "Keys and tokens: each call but `enrol` carries a token of at most 60 s with iss, aud, a jti, and ins: 0 before there is an instance.")
def tokens(t):
    t.begin()
    t.finished_once(t.issue())
    seen = t.server.claims_seen
    t.must(all(c["exp"] - c["iat"] <= 60 and isinstance(c["jti"], str) and c["jti"] for _, c in seen), "a token lives too long or has no jti")
    t.must(seen[0][0] == "/v1/agent/instance" and seen[0][1]["ins"] == 0, f"its first call is {seen[0]}")
    t.must(all(c["ins"] == 1 for path, c in seen[1:]), "a token does not name the instance")


@case("token-again", "Keys and tokens: a 401 is answered with a new token, not with the end of the day.")
def token_again(t):
    t.begin()
    times = []

    def refuse(path, data):
        if path == "/v1/agent/tickets" and len(times) < 2:
            times.append(path)
            raise Problem(401, "token-expired")
    t.server.before = refuse
    t.finished_once(t.issue())


@case("inventory", "Reports: an `inventory` comes after each opening of an instance.")
def inventory(t):
    t.begin()
    t.until(lambda: isinstance(t.server.inventory, dict), "none comes")


@case("exit-code", "Reports: a job that exits with another code than 0 is `failed`, reason job, with that code.")
def exit_code(t):
    t.begin()
    ticket = t.issue("a", "exit 3")
    t.ended(ticket)
    last = ticket.last
    t.must((ticket.kinds()[-1], last.reason, last.exit_code) == ("failed", 1, 3), f"it reports {last!r}, code {last.exit_code}")


@case("walltime", "Reports: a job is stopped at its walltime, and that is `finished`, reason walltime.")
def walltime(t):
    t.begin()
    ticket = t.server.issue(t.waits("a"), walltime_s=1)
    t.ended(ticket)
    last = ticket.last
    t.must((ticket.kinds()[-1], last.reason) == ("finished", 8), f"it reports {last!r}")
    t.must(last.gpu_seconds >= 4, f"{last.gpu_seconds} GPU-seconds for 4 GPUs and a second")


@case("usage", "Reports: `usage` comes every usage_every_s, cumulative, never falling, never above GPUs × (time − start + 120 s).")
def usage(t):
    t.begin(usage_every_s=1)
    ticket = t.server.issue(t.waits("a"))
    t.until(lambda: ticket.kinds().count("usage") >= 2, "no two usage reports come")
    t.go()
    t.finished_once(ticket)
    totals = [r.gpu_seconds for r in ticket.reports if r.started_ms]
    t.must(totals == sorted(totals) and totals[-1] > 0, f"the totals are {totals}")


@case("output", "Reports: the last 64 kB of what the job printed go with its last report.")
def output(t):
    t.begin()
    ticket = t.issue("a", "i=0; while [ $i -lt 1200 ]; do echo \"line $i of what is printed here, so long that it is more than fits into one report\"; i=$((i+1)); done; echo the end")
    t.finished_once(ticket)
    t.until(lambda: ticket.output, "none comes", 5)
    t.must(len(ticket.output) <= 65536 and ticket.output.endswith(b"the end\n") and len(ticket.output) > 60000, f"{len(ticket.output)} bytes come")


@case("away", "Time-outs: without the server nothing new starts; running jobs go on, and are reported when it is back.")
def away(t):
    t.begin()
    running = t.server.issue(t.waits("a"))
    t.until(lambda: "started" in running.kinds(), "it does not start")
    later = t.issue("b", start_in_ms=3000)

    def has_all():
        return sum(path.startswith("/v1/agent/blobs/") for path, _ in t.server.claims_seen) == 2 or t.server.now_ms() > later.claims["window"][0] - 1000
    t.until(lambda: t.server.confirmed_seq == 2 and has_all(), "it does not confirm")
    t.server.away = True
    t.go()
    t.hold_still(lambda: t.runs("b"), "it started a job without the server", (later.claims["window"][0] - t.server.now_ms()) / 1000 + 0.7)
    t.server.away = False
    t.finished_once(running, "a", 40)
    t.finished_once(later, "b", 40)


@case("losses", "Reports: what gets no receipt is sent again, to the byte, whatever the network loses.")
def losses(t):
    t.begin()
    t.server.faults = 0.25
    tickets = [t.issue(f"l{i}") for i in range(4)]
    t.ended(*tickets, seconds=90)
    t.server.faults = 0.0
    for i, ticket in enumerate(tickets):
        t.must((ticket.kinds()[-1], t.runs(f"l{i}")) == ("finished", 1), f"{ticket.kinds()}, ran {t.runs(f'l{i}')} times")


# ---- enrolment

@case("enrol-refused", "Keys and tokens: a token that the server does not know enrols nobody.")
def enrol_refused(t):
    t.serve()
    t.must(t.enrol("A" * 32, well=False) != 0, "enrol ends with 0")


@case("enrol-again", "Keys and tokens: after a lost reply the same token is sent again with the same keys.")
def enrol_again(t):
    t.serve()
    lost = []

    def lose(path, data, status, reply):
        if path == "/v1/agent/enrol" and not lost:
            lost.append(data["ed25519"])
            return None
        return status, reply
    t.server.meddle = lose
    token = t.server.new_token()
    if t.enrol(token, well=False):
        t.enrol(token)
    t.start()
    t.finished_once(t.issue())


# ---- instances

@case("superseded", "Instance: an agent whose calls are answered 409 `superseded` stops.")
def superseded(t):
    t.begin()
    t.until(lambda: t.server.inventory, "no inventory comes")
    with t.server.lock:
        t.server.instance += 1
        t.server.lock.notify_all()
    ticket = t.issue()
    t.must_end("although another instance was opened")
    t.must(not ticket.reports and not t.runs("a"), "it acted after another instance was opened")


@case("clone", "Instance: of two copies of an agent one stops, as superseded or because the other is ahead of it, and each job runs once.")
def clone(t):
    t.begin()
    t.finished_once(t.issue("a"))
    t.stop()
    subprocess.run(["cp", "-a", t.spool(), t.spool("2")], check=True)
    first = t.start()
    t.until(lambda: t.server.instance == 2, "it opens no instance")
    second = t.start("2")
    t.until(lambda: first.poll() is not None or second.poll() is not None, "both go on")
    ticket = t.issue("b")
    t.finished_once(ticket, "b")
    t.must((first.poll() is None) != (second.poll() is None), "neither goes on")


@case("spool-behind", "Instance: an agent that gets 409 `spool-behind` stops and does nothing.")
def spool_behind(t):
    t.serve()
    t.enrol()
    t.server.forced["/v1/agent/instance"] = (409, "spool-behind")
    ticket = t.issue()
    t.start()
    t.must_end("with a spool that the server says is an old copy")
    t.must(not ticket.reports and not t.runs("a") and not t.server.confirmed_seq, "it acted")


@case("key-over", "Instance: an agent stops at 409 `spool-behind` on any call: its site has gone on without it, under another key.")
def key_over(t):
    t.begin()
    t.until(lambda: t.server.inventory, "no inventory comes")
    t.server.forced["/v1/agent/tickets"] = (409, "spool-behind")
    t.issue()  # the poll that waits is answered, and the next one refused
    t.must_end("although another key has followed its own for more than a day")


@case("old-copy", "Instance: an old copy of a spool is not used, whether the server says so or its numbers do.")
def old_copy(t):
    t.begin()
    t.finished_once(t.issue("a"))
    t.until(lambda: t.server.confirmed_seq == 1, "it does not confirm")
    t.stop()
    subprocess.run(["cp", "-a", t.spool(), t.spool("old")], check=True)
    t.start()
    t.finished_once(t.issue("b"), "b")
    t.until(lambda: t.server.confirmed_seq == 2, "it does not confirm")
    t.stop()
    check, t.server.open_instance = t.server.open_instance, lambda data, key: check({**data, "last_confirmed_seq": 2, "last_report": 0}, key)
    before = len(t.server.reports)
    t.start("old")  # this server does not see it: the reply's numbers say it
    t.must_end("with an old copy of its spool")
    t.must(len(t.server.reports) == before, "it acted")


@case("spool-ahead", "Instance: 409 `spool-ahead`: nothing is written, and it asks again later.")
def spool_ahead(t):
    t.begin()
    t.finished_once(t.issue("a"))
    t.stop()
    opened = len(t.server.openings)
    with t.server.lock:
        kept, t.server.reports = t.server.reports, []
    t.start()
    t.until(lambda: len(t.server.openings) >= opened + 2, "it does not ask again", 40)
    t.must_live()
    t.must(not t.server.reports, "it wrote")
    with t.server.lock:
        t.server.reports = kept
    t.finished_once(t.issue("b"), "b", 40)


@case("new-spool", "Instance: an empty spool that takes a retired one's place begins after `confirmed_seq` and `last_report`.")
def new_spool(t):
    t.begin()
    t.finished_once(t.issue("a"))
    t.until(lambda: t.server.confirmed_seq == 1, "it does not confirm")
    t.stop()
    told = len(t.server.reports)
    t.enrol(which="2")
    t.server.retired = t.server.instance_public
    t.start("2")
    ticket = t.issue("b")
    t.finished_once(ticket, "b")
    t.must(ticket.reports[0].number > told, "its numbers begin anew")


@case("restart", "Instance: each start opens one, and picks up the jobs that run.")
def restart(t):
    t.begin()
    ticket = t.server.issue(t.waits("a"))
    t.until(lambda: "started" in ticket.kinds(), "it does not start")
    t.stop()
    t.start()
    t.until(lambda: t.server.instance == 2, "it opens no new instance")
    t.go()
    t.finished_once(ticket)
    t.must(ticket.kinds().count("started") == 1, f"it reports {ticket.kinds()}")


@case("resigned", "Instance: reports that the server never took are signed anew with the new instance.")
def resigned(t):
    t.begin()
    ticket = t.server.issue(t.waits("a"))
    t.until(lambda: "started" in ticket.kinds(), "it does not start")
    t.server.away = True
    asked = t.server.requests
    t.go()
    t.until(lambda: t.server.requests > asked + 2, "it does not try")
    time.sleep(0.5)
    t.kill()
    t.server.away = False
    t.start()
    t.finished_once(ticket)


# ---- tickets

def wrong_ticket(t, forge):
    """One that must not be taken, a good one after it; then the right one under its number."""
    t.begin()
    with t.server.lock:
        first, second = t.issue("a"), t.issue("b")
        right = t.server.tickets[0]["jws"]
        t.server.tickets[0]["jws"] = forge(right, first.claims, t.server)
    t.until(lambda: t.server.delivered >= 2 or t.server.confirmed_seq or first.reports or second.reports, "it does not ask again")
    t.must_live()
    t.must(not t.server.confirmed_seq, "it confirmed it")
    t.must(not first.reports and not second.reports and not t.runs("a") and not t.runs("b"), "it acted on it, or on the one after it")
    t.server.tickets[0]["jws"] = right
    t.finished_once(first, "a", 40)
    t.finished_once(second, "b", 40)


def forged_tickets():
    for name, (words, forge) in FORGERIES.items():
        @case("ticket-" + name, f"Tickets: one {words} is neither confirmed nor acted on, nor is any after it, until the right one is there.")
        def _(t, forge=forge):
            wrong_ticket(t, lambda token, claims, server: forge(token, claims, server, "kontor-ticket+jwt"))


forged_tickets()


@case("ticket-gap", "Tickets: `seq` must be the very next number.")
def ticket_gap(t):
    wrong_ticket(t, lambda token, claims, server: server.key.jws("kontor-ticket+jwt", server.kid, {**claims, "seq": 2}))


@case("ticket-future", "Tickets: one whose `nbf` is yet to come, by more than a minute, is not taken before.")
def ticket_future(t):
    later = int(time.time()) + 3600
    wrong_ticket(t, lambda token, claims, server: server.key.jws("kontor-ticket+jwt", server.kid, {**claims, "iat": later, "nbf": later, "exp": later + 3600}))


@case("ticket-expired", "Tickets: one that has expired is rejected, reason ticket.")
def ticket_expired(t):
    t.begin()
    past = int(time.time()) - 600
    t.rejected(t.issue("a", iat=past - 3600, nbf=past - 3600, exp=past), 6)


@case("ticket-spooled-first", "Spool first: a ticket that was confirmed is there after a kill at that very moment.")
def ticket_spooled_first(t):
    t.serve()
    t.enrol()
    ticket = t.issue("a")

    def kill(path, data, status, reply):
        if path == "/v1/agent/tickets/received" and t.server.confirmed_seq:
            t.server.meddle = plain
            t.kill()
            return None
        return status, reply
    plain, t.server.meddle = t.server.meddle, kill
    t.start()
    t.until(lambda: t.agent.returncode is not None, "it confirms nothing")
    t.start()
    t.until(lambda: len(t.server.openings) >= 2, "it opens no instance")
    t.must(t.server.openings[1]["last_confirmed_seq"] == 1, "the ticket that it confirmed is not in its spool")
    t.finished_once(ticket)


@case("ticket-again", "Tickets: what is here already and comes again is passed over.")
def ticket_again(t):
    t.begin()

    def all_of_them(path, data, status, reply):
        if path == "/v1/agent/tickets" and reply["tickets"]:
            return status, {**reply, "tickets": t.server.tickets}
        return status, reply
    t.server.meddle = all_of_them
    t.finished_once(t.issue("a"))
    t.finished_once(t.issue("b"), "b")
    t.must(t.runs("a") == 1, "the first ran again")


@case("ticket-replayed", "Tickets: the same `jti` under another number is the same ticket: it runs once.")
def ticket_replayed(t):
    t.begin()
    first = t.issue("a")
    t.finished_once(first)
    with t.server.lock:
        t.server.tickets.append({"seq": 2, "jws": t.server.key.jws("kontor-ticket+jwt", t.server.kid, {**first.claims, "seq": 2})})
        t.server.lock.notify_all()
    t.finished_once(t.issue("b"), "b")
    t.must(t.runs("a") == 1, "it ran again")


def of_request(t, first, fence):
    ticket = t.issue("b", request=first.claims["request"], fence=fence)
    t.rejected(ticket, 6, name="b")


@case("fence-lower", "Tickets: one whose fence is lower than one seen of its request is rejected, reason ticket.")
def fence_lower(t):
    t.begin()
    first = t.issue("a", fence=5)
    t.finished_once(first)
    of_request(t, first, 4)


@case("fence-equal", "Tickets: one whose fence is not higher than one seen of its request is rejected, reason ticket, also after a restart.")
def fence_equal(t):
    t.begin()
    first = t.issue("a", fence=5)
    t.finished_once(first)
    t.stop()
    t.start()
    of_request(t, first, 5)
    t.finished_once(t.issue("c", request=first.claims["request"], fence=6), "c")


@case("ticket-values", "Tickets: one that verifies but says what cannot be is rejected, reason ticket, and holds up nobody.")
def ticket_values(t):
    t.begin()
    bad = [t.issue("a", gpus=2 ** 40), t.issue("a", window=[5, 3]), t.issue("a", workload={"sha256": "0" * 64, "len": 65537})]
    good = t.issue("b")
    t.finished_once(good, "b")
    for ticket in bad:
        t.rejected(ticket, 6)


@case("ticket-needs", "Tickets: one that needs what the agent did not say that it takes, known to it or not, is rejected, reason not offered, and holds up nobody.")
def ticket_needs(t):
    t.begin()
    takes = t.server.openings[-1].get("takes", [])
    bad = [t.issue("a", needs=needs) for needs in (["allocation"], ["a-need-of-next-year"]) if not set(needs) <= set(takes)]
    t.finished_once(t.issue("b"), "b")
    for ticket in bad:
        t.rejected(ticket, 11)


def takes_secrets(t):
    return "secrets" in t.server.openings[-1].get("takes", [])


def other_bytes(sealed, **changes):
    """What was sealed, with one of it changed."""
    first = {**sealed["sealed"][0], **changes}
    return {**sealed, "sealed": [first, *sealed["sealed"][1:]]}


def flipped(text, at):
    raw = bytearray(base64.b64decode(text))
    raw[at] ^= 1
    return base64.b64encode(bytes(raw)).decode()


@case("secrets", "Secrets: what is sealed to the key that the agent told, for this organisation, request, workload and name, is in the job's environment, byte for byte; who takes none rejects it, reason not offered.")
def secrets(t):
    t.begin()
    if not takes_secrets(t):
        t.rejected(t.issue("a", needs=["secrets"], secrets="ab" * 32), 11)
        return
    values = {"TOKEN": "it's \"$HOME\" `x`\\ é\n\tend", "LONG": "x" * 4096, "ONE": "1"}
    ticket = t.server.issue(t.script("a", 'printf %s "$TOKEN|$LONG|$ONE" >"$KONTOR_SHARE/got"'), values=values)
    t.finished_once(ticket)
    with open(os.path.join(t.share, "got"), encoding="utf-8") as f:
        t.must(f.read() == "|".join(values.values()), "the job has something else in its environment")
    for root, _, names in os.walk(t.root):
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path) and not os.path.islink(path) and path != os.path.join(t.share, "got"):
                with open(path, "rb") as f:
                    t.must(values["TOKEN"].encode() not in f.read(), f"a secret lies in the clear in {os.path.relpath(path, t.root)}")


@case("secrets-forged", "Secrets: what does not open (a bit of it changed, for another organisation, request, workload or name, to another key), is no such object, or is gone, starts nothing: rejected, reason secrets.")
def secrets_forged(t):
    t.begin()
    if not takes_secrets(t):
        t.rejected(t.issue("a", needs=["secrets"], secrets="ab" * 32), 11)
        return
    both = {"ONE": "1", "TWO": "2"}

    def swapped(sealed):
        one, two = sealed["sealed"]
        return {**sealed, "sealed": [{**one, "name": two["name"]}, {**two, "name": one["name"]}]}

    spoils = (lambda s: other_bytes(s, ciphertext=flipped(s["sealed"][0]["ciphertext"], 0)), lambda s: other_bytes(s, ciphertext=flipped(s["sealed"][0]["ciphertext"], -1)),
              lambda s: other_bytes(s, enc=flipped(s["sealed"][0]["enc"], 3)), swapped, lambda s: {**s, "key": "00" * 32}, lambda s: {"key": s["key"]}, lambda s: [],
              lambda s: other_bytes(s, value="in the clear"), lambda s: other_bytes(s, name="LD_PRELOAD"))
    bad = [t.server.issue(t.script("a"), values=both, spoil=spoil) for spoil in spoils]
    bad.append(t.server.issue(t.script("a"), values=both, sealed_for=str(uuid.uuid4())))        # another's, who could watch it run
    taken = t.server.issue(t.script("b"), values=both)
    bad.append(t.issue("a", needs=["secrets"], secrets=taken.claims["secrets"]))             # another job's
    bad.append(t.issue("a", needs=["secrets"], secrets="ab" * 32))                           # gone
    bad.append(t.issue("a", needs=["secrets"]))                                              # none
    t.finished_once(taken, "b")
    for ticket in bad:
        t.ended(ticket)
        t.must(ticket.kinds()[-1] == "rejected" and ticket.last.reason == 12, f"it reports {ticket.kinds()}, reason {ticket.last.reason}")
        t.must("started" not in ticket.kinds(), "it started")
    t.must(t.runs("a") == 0, "a job ran without its secrets")


@case("workload-gone", "Tickets: one whose workload is gone (404) is rejected, reason workload.")
def workload_gone(t):
    t.begin()
    t.server.blobs = type("Gone", (dict,), {"__setitem__": lambda *a: None})()
    t.rejected(t.issue(), 5)


@case("workload-changed", "Tickets: one whose workload has another hash is rejected, reason workload.")
def workload_changed(t):
    t.begin()
    other = Trial.script("a", "# changed").encode()
    t.server.blobs = type("Changed", (dict,), {"get": lambda *a: other})()
    t.rejected(t.issue(), 5)


@case("cancel-before", "Tickets: a cancellation before a permit: `cancelled` is reported, and nothing runs.")
def cancel_before(t):
    t.begin()
    ticket = t.issue("a", start_in_ms=600000)
    t.until(lambda: t.server.confirmed_seq == 1, "it does not confirm")
    t.server.cancel(ticket)
    t.ended(ticket)
    t.must((ticket.kinds(), t.runs("a")) == (["cancelled"], 0), f"it reports {ticket.kinds()}, ran {t.runs('a')} times")


@case("cancel-running", "Tickets: a cancellation of a running job stops it; what the machine says is reported, with what was used.")
def cancel_running(t):
    t.begin()
    ticket = t.server.issue(t.waits("a", "echo after >>\"$KONTOR_SHARE/after\""))
    t.until(lambda: "started" in ticket.kinds() and t.runs("a"), "it does not start")
    time.sleep(0.3)
    t.server.cancel(ticket)
    t.ended(ticket)
    t.must((ticket.kinds()[-1], t.runs("after")) == ("cancelled", 0), f"it reports {ticket.kinds()}")
    t.must(ticket.last.gpu_seconds > 0 and ticket.last.ended_ms, "it does not say what was used")


@case("cancel-at-once", "Tickets: a ticket and its cancellation in one reply: nothing runs.")
def cancel_at_once(t):
    t.serve()
    t.enrol()
    with t.server.lock:
        ticket = t.issue("a")
        t.server.cancel(ticket)
    t.start()
    t.until(lambda: t.server.confirmed_seq == 2 and ticket.last, "it does not say `cancelled`")
    t.must((ticket.kinds()[-1], t.runs("a")) == ("cancelled", 0), f"it reports {ticket.kinds()}, ran {t.runs('a')} times")


@case("new-key", "Tickets: a key that is new is fetched from /.well-known/jwks.json.")
def new_key(t):
    t.begin()
    t.finished_once(t.issue("a"))
    told = len(t.server.reports)
    time.sleep(0.3)  # the last receipt under the old key is in
    t.server.key, t.server.kid = Key(), "77"
    t.finished_once(t.issue("b"), "b", 40)
    t.must(len(t.server.reports) > told, "it reports nothing")


def wrong_reply(t, path, spoil):
    t.begin()
    spoilt = []

    def meddle(at, data, status, reply):
        if at == path and len(spoilt) < 2 and (path != "/v1/agent/tickets" or reply["tickets"]):
            spoilt.append(at)
            return status, spoil(json.dumps(reply).encode())
        return status, reply
    t.server.meddle = meddle
    ticket = t.issue("a")
    t.until(lambda: len(spoilt) == 2, "it does not ask again")
    t.must_live()
    t.finished_once(ticket, "a", 40)


@case("reply-truncated", "Bodies are JSON: a reply that is cut short is no reply.")
def reply_truncated(t):
    wrong_reply(t, "/v1/agent/tickets", lambda body: body[:-40])


@case("reply-deep", "Bodies are JSON: a reply of 100,000 levels harms nobody.")
def reply_deep(t):
    wrong_reply(t, "/v1/agent/tickets", lambda body: b'{"tickets":' + b"[" * 100000)


@case("reply-huge", "Bodies are JSON: a reply of 10 MB without end or sense harms nobody.")
def reply_huge(t):
    wrong_reply(t, "/v1/agent/reports", lambda body: b'{"receipt":"' + b"A" * 10_000_000 + b'"}')


# ---- permits

def reports_of(t, kind, then):
    """then(report, reply) for each report of that kind that gets an answer: what is sent instead."""
    def meddle(path, data, status, reply):
        if path == "/v1/agent/reports" and "receipt" in reply:
            report = Report(base64.b64decode(data["statement"]))
            if report.kind == kind:
                return then(report, status, reply)
        return status, reply
    t.server.meddle = meddle


def receipt_claims(server, report, **more):
    claims = {"iss": server.ORIGIN, "aud": server.SITE, "num": report.number, "sha256": hashlib.sha256(report.statement).hexdigest(), "iat": int(time.time())}
    if report.kind == ACCEPTED:
        claims.update(permit="granted", jti=report.jti, fence=report.fence, ins=report.instance)
    claims.update(more)
    return {name: value for name, value in claims.items() if value is not None}


def wrong_receipt(t, kind, forge, refuse=False):
    """Receipts that are not the server's word about that report, twice; then the right one. The permit's life is long: a busy machine
    is given the right one within it."""
    t.begin(permit_life_ms=8000)
    asked, given = [], []

    def instead(report, status, reply):
        if len(asked) < 2:
            asked.append(report.number)
            if len(asked) == 2 and kind == ACCEPTED:
                time.sleep(0.8)  # who has started the job all the same is seen by then
            return status, {"receipt": forge(reply["receipt"], report)}
        given.append(t.server.now_ms())
        return status, reply
    reports_of(t, kind, instead)
    with t.server.lock:
        ticket = t.issue("a")
        ticket.withdrawn = refuse
    t.until(lambda: len(asked) >= 2 or (kind == ACCEPTED and t.runs("a")), "it does not send the report again: it took what is no receipt")
    t.must_live()
    t.must(kind != ACCEPTED or not t.runs("a"), "it started a job without the server's permit")
    t.must(asked[0] == asked[-1], "it went on to the next report without a receipt")
    if refuse:
        t.finished_once(t.issue("b"), "b", 40)
        t.must(not t.runs("a"), "it started a job whose permit was refused")
    else:
        t.finished_once(ticket, "a", 40)
        t.must(kind != ACCEPTED or ticket.last.started_ms >= given[0], "it started a job before it had the server's permit")


def forged_receipts():
    for name, (words, forge) in FORGERIES.items():
        @case("permit-" + name, f"Permit: nothing starts upon a receipt {words}; the report is sent again.")
        def _(t, forge=forge):
            wrong_receipt(t, ACCEPTED, lambda token, report: forge(token, receipt_claims(t.server, report), t.server, "kontor-receipt+jwt"))


forged_receipts()

NOT_THIS = {
    "other-number": ("for another number", lambda r: {"num": r.number + 1}),
    "other-bytes": ("for other bytes", lambda r: {"sha256": "ab" * 32}),
    "other-ticket": ("for another ticket's jti", lambda r: {"jti": str(uuid.uuid4())}),
    "other-fence": ("that names a lower fence", lambda r: {"fence": r.fence - 1}),
    "missing": ("that says nothing of a permit", lambda r: {"permit": None, "jti": None, "fence": None, "ins": None}),
}


def misplaced_permits():
    for name, (words, change) in NOT_THIS.items():
        @case("permit-" + name, f"Permit: nothing starts upon a receipt, signed by the server, {words}; the report is sent again.")
        def _(t, change=change):
            wrong_receipt(t, ACCEPTED, lambda token, report: t.server.key.jws("kontor-receipt+jwt", t.server.kid, receipt_claims(t.server, report, **change(report))))


misplaced_permits()


@case("permit-forged", "Permit: a refusal that somebody turned into `granted`, under another key, starts nothing.")
def permit_forged(t):
    wrong_receipt(t, ACCEPTED, lambda token, report: Key().jws("kontor-receipt+jwt", t.server.kid, receipt_claims(t.server, report)), refuse=True)


@case("permit-replayed", "Permit: the permit of an earlier report starts nothing.")
def permit_replayed(t):
    t.begin()
    first = t.issue("z")
    t.finished_once(first, "z")
    old = next(receipt for statement, receipt in t.server.reports if Report(statement).kind == ACCEPTED)
    asked = []

    def instead(report, status, reply):
        asked.append(report.number)
        return (status, {"receipt": old}) if len(asked) < 3 else (status, reply)
    reports_of(t, ACCEPTED, instead)
    ticket = t.issue("a")
    t.until(lambda: len(asked) >= 2 or t.runs("a"), "it does not send the report again")
    t.must(not t.runs("a"), "it started a job upon an older permit")
    t.finished_once(ticket, "a", 40)


@case("receipt-forged", "Reports: one is sent again until its receipt verifies and is stored; the next waits for that.")
def receipt_forged(t):
    wrong_receipt(t, STARTED, lambda token, report: Key().jws("kontor-receipt+jwt", t.server.kid, receipt_claims(t.server, report)))


@case("receipt-misplaced", "Reports: a receipt for other bytes than the report's is none, though the server signed it.")
def receipt_misplaced(t):
    wrong_receipt(t, STARTED, lambda token, report: t.server.key.jws("kontor-receipt+jwt", t.server.kid, receipt_claims(t.server, report, sha256="cd" * 32)))


@case("permit-refused", "Permit: `refused` ends the ticket, without another report, and nothing starts.")
def permit_refused(t):
    t.begin()
    with t.server.lock:
        ticket = t.issue("a")
        ticket.withdrawn = True
    t.until(lambda: ticket.reports, "it does not ask")
    t.finished_once(t.issue("b"), "b")
    t.must((ticket.kinds(), t.runs("a")) == (["accepted"], 0), f"it reports {ticket.kinds()}, ran {t.runs('a')} times")


@case("permit-awaited", "Permit: nothing starts before the receipt is there.")
def permit_awaited(t):
    t.begin()
    asked = []

    def slowly(report, status, reply):
        asked.append(report)
        time.sleep(1.0)
        return status, reply
    reports_of(t, ACCEPTED, slowly)
    ticket = t.issue("a")
    t.until(lambda: asked or t.runs("a"), "it does not ask")
    t.hold_still(lambda: t.runs("a"), "it started a job before the receipt was there", 0.8)
    t.finished_once(ticket)


@case("permit-late", "Permit: one that comes after its life is not used, and asked for again no earlier than one and a half lives after it.")
def permit_late(t):
    t.begin(permit_life_ms=2000)
    asked = []

    def late(report, status, reply):
        asked.append(report)
        if len(asked) == 1:
            time.sleep(2.2)
        return status, reply
    reports_of(t, ACCEPTED, late)
    ticket = t.issue("a")
    t.until(lambda: len(asked) >= 2 or t.runs("a"), "it does not ask again")
    t.must(len(asked) >= 2, "it started a job upon a permit whose life was over")
    t.finished_once(ticket)


@case("permit-first-sent", "Permit: its life counts from the first time that `accepted` was sent, not from the last.")
def permit_first_sent(t):
    t.begin(permit_life_ms=2000)
    first = []

    def lose(report, status, reply):
        first.append(time.monotonic())
        if report.number == t.server.by_jti[report.jti].reports[0].number and time.monotonic() < first[0] + 2.2:
            return None
        return status, reply
    reports_of(t, ACCEPTED, lose)
    ticket = t.issue("a")
    t.until(lambda: ticket.kinds().count("accepted") >= 2 or t.runs("a"), "it does not ask again")
    t.must(ticket.kinds().count("accepted") >= 2, "it started a job when its permit's life was over since it first asked")
    t.finished_once(ticket)


@case("permit-other-instance", "Permit: one that an older instance asked for is not used by the next, which asks anew when it is dead.")
def permit_other_instance(t):
    t.begin(permit_life_ms=1500)

    def kill(report, status, reply):
        t.server.meddle = plain
        t.kill()
        return None
    plain = t.server.meddle
    reports_of(t, ACCEPTED, kill)
    ticket = t.issue("a")
    t.until(lambda: t.agent.returncode is not None, "it does not ask")
    t.start()
    t.until(lambda: ticket.kinds().count("accepted") >= 2 or t.runs("a"), "it does not ask anew")
    t.must(ticket.kinds().count("accepted") >= 2, "it used another instance's permit")
    t.finished_once(ticket)


@case("permit-names-another", "Permit: one that names another instance than the agent's own starts nothing: it is that instance's, which may be at work elsewhere.")
def permit_names_another(t):
    t.begin(permit_life_ms=2000)
    asked = []

    def another(report, status, reply):
        asked.append(report)
        if len(asked) == 1:
            claims = receipt_claims(t.server, report, ins=report.instance + 1)
            return status, {"receipt": t.server.key.jws("kontor-receipt+jwt", t.server.kid, claims)}
        return status, reply
    reports_of(t, ACCEPTED, another)
    ticket = t.issue("a")
    t.until(lambda: len(asked) >= 2 or t.runs("a"), "it does not ask again")
    t.must(len(asked) >= 2, "it started a job under another instance's permit")
    t.finished_once(ticket)


@case("permit-from", "Permit: it is asked for from `permit_from`, and nothing starts before the window.")
def permit_from(t):
    t.begin()
    now = t.server.now_ms()
    ticket = t.issue("a", start_in_ms=1500, permit_from=now + 1500)
    t.finished_once(ticket)
    t.must(not t.server.early, "it asked before")
    t.must(ticket.last.started_ms >= ticket.claims["window"][0], "it started before the window")


@case("too-early", "Permit: 409 `too-early`: the report was not recorded; it is sent again after Retry-After.")
def too_early(t):
    t.begin()
    asked = []

    def refuse(path, data):
        if path == "/v1/agent/reports" and Report(base64.b64decode(data["statement"])).kind == ACCEPTED:
            asked.append(time.monotonic())
            if len(asked) == 1:
                raise Problem(409, "too-early", 1)
    t.server.before = refuse
    ticket = t.issue("a")
    t.finished_once(ticket)
    t.must(asked[1] - asked[0] >= 0.9, "it does not wait for Retry-After")


@case("start-by", "Permit: nothing starts after `start_by`; a permit that was granted ends in `failed`, reason site.")
def start_by(t):
    t.begin(permit_life_ms=20000)
    by = t.server.now_ms() + 5000  # long enough for an agent on a busy machine to ask before

    def late(report, status, reply):
        time.sleep(max(0, by - t.server.now_ms()) / 1000 + 0.3)
        return status, reply
    reports_of(t, ACCEPTED, late)
    ticket = t.issue("a", start_by=by)
    t.ended(ticket, seconds=60)
    t.must((ticket.kinds()[-1], t.runs("a")) == ("failed", 0) and ticket.last.reason == 2, f"it reports {ticket.reports}, ran {t.runs('a')} times")


@case("granted-first", "Permit: “permit granted” is stored before the job is submitted: whenever the agent dies around it, the job runs once at most.")
def granted_first(t):
    t.begin(permit_life_ms=600)
    for i, delay in enumerate((0.0, 0.01, 0.03, 0.08)):
        def kill(report, status, reply, delay=delay):
            t.server.meddle = plain
            victim = t.agent
            threading.Timer(delay, victim.kill).start()
            return status, reply
        plain = type(t.server).__dict__.get("meddle", lambda p, d, s, r: (s, r))
        reports_of(t, ACCEPTED, kill)
        ticket = t.issue(f"g{i}")
        t.until(lambda: t.agent.poll() is not None, "it does not ask")
        t.start()
        t.ended(ticket, seconds=30)
        t.must(t.runs(f"g{i}") <= 1, "a job ran twice")
        t.must((ticket.kinds()[-1] == "finished") == (t.runs(f"g{i}") == 1), f"it reports {ticket.kinds()[-1]} of a job that ran {t.runs(f'g{i}')} times")


@case("killed-running", "Reports: an agent killed while a job runs finds it again: one start, one end, and the job runs once.")
def killed_running(t):
    t.begin()
    ticket = t.server.issue(t.waits("a"))
    t.until(lambda: t.runs("a") == 1, "it does not start")
    t.kill()
    t.start()
    t.until(lambda: "started" in ticket.kinds(), "it does not find the job again")
    t.go()
    t.finished_once(ticket)
    t.must(ticket.kinds().count("started") == 1, f"it reports {ticket.kinds()}")


# ---- reports

@case("report-stored-first", "Reports: one is stored before it is sent: after a kill at that moment the same bytes come again.")
def report_stored_first(t):
    t.begin()
    taken = []

    def kill(report, status, reply):
        t.server.meddle = plain
        taken.append(report)
        t.kill()
        return None
    plain = t.server.meddle
    reports_of(t, FINISHED, kill)
    ticket = t.issue("a")
    t.until(lambda: t.agent.returncode is not None, "it reports nothing")
    again = []

    def see(path, data):
        if path == "/v1/agent/reports":
            again.append(base64.b64decode(data["statement"]))
    t.server.before = see
    t.start()
    t.until(lambda: again, "the report does not come again")
    t.must(again[0] == taken[0].statement, "other bytes come under its number")
    t.must(t.server.openings[-1].get("last_report", taken[0].number) >= taken[0].number, "the report that it sent is not in its spool")
    t.finished_once(ticket)


@case("report-again", "Reports: without a receipt the same bytes are sent again, and no later number before.")
def report_again(t):
    t.begin()
    seen = []

    def lose(path, data, status, reply):
        if path == "/v1/agent/reports":
            report = Report(base64.b64decode(data["statement"]))
            seen.append((report.number, report.statement))
            if len(seen) % 2:
                return None
        return status, reply
    t.server.meddle = lose
    t.finished_once(t.issue("a"), "a", 40)
    pairs = list(zip(seen[::2], seen[1::2]))
    t.must(all(a == b for a, b in pairs), "what came again, or before it, was another report")


@case("forked", "Reports: 409 `forked`: the agent stops.")
def forked(t):
    t.begin()
    t.until(lambda: t.server.inventory, "no inventory comes")
    t.server.forced["/v1/agent/reports"] = (409, "forked")
    t.issue("a")
    t.must_end("although another has its numbers")
    t.hold_still(lambda: t.runs("a"), "it ran the job", 0.6)


@case("gap", "Reports: 409 `gap`: the instance is opened anew.")
def gap(t):
    t.begin()
    t.until(lambda: t.server.inventory, "no inventory comes")
    t.server.forced["/v1/agent/reports"] = (409, "gap")
    ticket = t.issue("a")
    t.until(lambda: t.server.instance == 2, "it does not open its instance anew", 30)
    t.ended(ticket, seconds=30)
    t.must(t.runs("a") <= 1, "it ran twice")


def run(command, names=None, patience=1.0, jobs=4, tell=print):
    """Each case with an agent of its own. [(name, "ok" | "not ok" | "n/a", why)]"""
    wanted = [n for n in CASES if names is None or n in names]
    results, lock, left = {}, threading.Lock(), list(wanted)

    def work():
        while True:
            with lock:
                if not left:
                    return
                name = left.pop(0)
            verdict = run_one(command, name, patience)
            with lock:
                results[name] = verdict
                tell(name, *verdict)
    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [(name, *results[name]) for name in wanted]


def run_one(command, name, patience):
    trial = Trial(command, patience)
    try:
        CASES[name][1](trial)
        trial.in_order()
        return "ok", "", ""
    except NotApplicable as why:
        return "n/a", str(why), ""
    except Exception as why:  # whatever goes wrong is said, and the next case has its turn
        log = ""
        with contextlib.suppress(OSError), open(trial.log_path, encoding="utf-8", errors="replace") as f:
            log = f.read()[-3000:]
        return "not ok", str(why) if isinstance(why, NotOk) else f"{type(why).__name__}: {why}", log
    finally:
        trial.close()
