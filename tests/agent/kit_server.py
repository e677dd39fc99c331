"""The conformance kit's side that plays agent: its cases for a server. Each is one rule of docs/site-protocol.md, or what a
hostile site may try.

    --site=CODE          a site of its own, at which no agent has been enrolled yet
    --token-file=FILE    the file with the one-time token for it

What the protocol alone does not do is done by commands, run by the shell; without one, the cases that need it say “n/a”:

    --order=COMMAND      has a run ticket issued to the site, whose permit may be asked for at once
    --cancel=COMMAND     … RESERVATION: has it cancelled
    --state=COMMAND      … RESERVATION: prints its state: settled, disputed or another word"""
import base64
import hashlib
import http.client
import json
import os
import shlex
import subprocess
import time
import urllib.parse
import uuid

from fake_server import KINDS, PREFIX, STATEMENT, Key, b64url, verify_jws
from kit_agent import NotApplicable, NotOk, headed, hs256, part, pem, turned
from minimal_agent import HEAD, RUN, Clock, millis, x25519_public

CASES = {}


def case(name, rule):
    def keep(function):
        assert name not in CASES
        CASES[name] = (rule, function)
        return function
    return keep


class Commands:
    """The other side of a server under test, as the command line tells it."""

    def __init__(self, url, given):
        self.url, self.site, self.given = url, given.get("site", ""), given
        with open(given["token-file"], encoding="ascii") as f:
            self.token = f.read().strip()

    def run(self, what, *words):
        if what not in self.given:
            raise NotApplicable(f"it needs --{what}")
        command = self.given[what] + "".join(" " + shlex.quote(w) for w in words)
        return subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def order(self):
        self.run("order")

    def cancel(self, reservation):
        self.run("cancel", reservation)

    def state(self, reservation):
        return self.run("state", reservation)

    def fault(self, number):
        """The server's word for what is wrong with that report, if it can be known."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def __repr__(self):
        return f"{self.status} {self.body[:200]!r}"


class Kit:
    """A site's agent, one call at a time."""

    def __init__(self, other):
        self.other, self.url = other, urllib.parse.urlsplit(other.url)
        self.key, self.seal = Key(), x25519_public(os.urandom(32))
        self.enrolled = None
        self.instance = self.number = self.seq = 0

    # ---- calls
    def send(self, method, path, data=None, headers=None, kind="application/json"):
        line = (http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection)(self.url.hostname, self.url.port, timeout=60)
        try:
            try:
                line.request(method, path, body=data, headers={**({"Content-Type": kind} if data is not None else {}), **(headers or {})})
            except (BrokenPipeError, ConnectionResetError):
                if line.sock is None:  # refused before it was all sent: its answer may be there all the same
                    raise
            reply = line.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        finally:
            line.close()

    def call(self, method, path, body=None, token=None, instance=None, data=None):
        token = self.token() if token is None else token
        headers = {"Authorization": "Bearer " + token} if token else {}
        if self.instance:
            headers["Kontor-Instance"] = str(self.instance if instance is None else instance)
        return self.send(method, path, json.dumps(body).encode() if body is not None else data, headers)

    def claims(self, **more):
        now = int(time.time())
        return {"iss": self.other.site, "aud": self.enrolled["origin"], "iat": now, "exp": now + 60, "jti": str(uuid.uuid4()), "ins": self.instance, **more}

    def token(self, **more):
        return self.key.jws("kontor-agent+jwt", str(self.enrolled["key"]), self.claims(**more))

    @staticmethod
    def refused(reply, status, code):
        if (reply.status, reply.json.get("code")) != (status, code):
            raise NotOk(f"wanted {status} {code}, got {reply}")

    @staticmethod
    def must(good, why):
        if not good:
            raise NotOk(why)

    def well(self, reply, *statuses):
        self.must(reply.status in (statuses or (200,)), f"wanted success, got {reply}")
        return reply.json

    # ---- the day
    def enrol(self, token=None, key=None, proof=None):
        token, key = token or self.other.token, key or self.key
        proof = (proof or key).sign(b"kontor-enrol/v1\0" + token.encode())
        body = {"token": token, "site": self.other.site, "ed25519": base64.b64encode(key.public.raw).decode(), "x25519": base64.b64encode(self.seal).decode(),
                "proof": base64.b64encode(proof).decode()}
        return self.send("POST", "/v1/agent/enrol", json.dumps(body).encode())

    def ready(self):
        if not self.enrolled:
            self.enrolled = self.well(self.enrol(), 201)
            self.genesis = bytes.fromhex(self.enrolled["genesis"])
            self.server_key = base64.urlsafe_b64decode(self.enrolled["jwks"]["keys"][0]["x"] + "=")
        if not self.instance:
            self.open()

    def opening(self, **more):
        return self.call("POST", "/v1/agent/instance",
                         {"last_confirmed_seq": self.seq, "last_receipted_report": self.number, "last_report": self.number, "checkpoint": None, **more})

    def open(self):
        reply = self.well(self.opening(), 201)
        self.instance, self.opened = reply["instance"], reply
        given = reply["clock"]
        self.clock = Clock(given and [millis(given["origin"]), millis(given["real_origin"]), given["rate"]])

    def poll(self, after=None, wait=0):
        return self.call("GET", f"/v1/agent/tickets?after={self.seq if after is None else after}&wait={wait}")

    def read(self, jws):
        return verify_jws(jws, "kontor-ticket+jwt", self.server_key)[0]

    def ordered(self):
        """A run ticket that was just issued, confirmed."""
        self.other.order()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for ticket in self.well(self.poll(wait=5))["tickets"]:
                claims = self.read(ticket["jws"])
                self.seq = ticket["seq"]
                if claims["do"] == "run":
                    self.well(self.received(self.seq))
                    return claims
        raise NotOk("no ticket comes")

    def received(self, seq):
        return self.call("POST", "/v1/agent/tickets/received", {"instance": self.instance, "seq": seq})

    def statement(self, kind, ticket=None, number=None, mark=None, now=None, started=0, ended=0, seconds=0, code=0, reason=0, fence=None, instance=None, genesis=None, site=None):
        return PREFIX + (genesis or self.genesis) + STATEMENT.pack(
            self.enrolled["site_index"] if site is None else site, self.number + 1 if number is None else number, self.instance if instance is None else instance,
            KINDS.index(kind) if isinstance(kind, str) else kind, uuid.UUID(ticket["jti"]).bytes if ticket else mark or bytes(16),
            (ticket["fence"] if ticket else 0) if fence is None else fence, self.clock.now() if now is None else now, started, ended, seconds, code, reason)

    def post(self, statement, key=None, **more):
        return self.call("POST", "/v1/agent/reports", {"statement": base64.b64encode(statement).decode(),
                                                       "signature": base64.b64encode((key or self.key).sign(statement)).decode(), **more})

    def report(self, kind, ticket=None, **more):
        """Taken: its receipt's claims."""
        statement = self.statement(kind, ticket, **more)
        reply = self.well(self.post(statement))
        claims = verify_jws(reply["receipt"], "kontor-receipt+jwt", self.server_key)[0]
        self.number += 1
        wanted = {"iss": self.enrolled["origin"], "aud": self.other.site, "num": self.number, "sha256": hashlib.sha256(statement).hexdigest()}
        self.must(all(claims.get(k) == v for k, v in wanted.items()), f"the receipt says {claims}")
        return claims

    def permitted(self):
        ticket = self.ordered()
        receipt = self.report("accepted", ticket)
        self.must(receipt.get("permit") == "granted", f"no permit: {receipt}")
        return ticket

    def disputed(self, ticket, code):
        state = self.other.state(ticket["reservation"])
        self.must(state == "disputed", f"its reservation is {state}")
        fault = self.other.fault(self.number)
        self.must(fault in (None, code), f"it says {fault} of the report instead of {code}")


# ---- enrolment

@case("enrol-unknown", "Keys and tokens: a one-time token that was never given enrols nobody: 403 `token-spent`.")
def enrol_unknown(k):
    k.refused(k.enrol(token="A" * 32), 403, "token-spent")


@case("enrol-proof", "Keys and tokens: who enrols a key must have it: 403 `signature`.")
def enrol_proof(k):
    k.refused(k.enrol(proof=Key()), 403, "signature")


@case("enrol-again", "Keys and tokens: the same token with the same keys may be sent again, and names the same key.")
def enrol_again(k):
    k.ready()
    again = k.well(k.enrol(), 201)
    k.must(again["key"] == k.enrolled["key"], "it enrolled a second key")


@case("enrol-spent", "Keys and tokens: with other keys the token is spent: 403 `token-spent`.")
def enrol_spent(k):
    k.ready()
    k.refused(k.enrol(key=Key()), 403, "token-spent")


# ---- the agent's own tokens

def token_cases():
    kid = lambda k: str(k.enrolled["key"])  # noqa: E731
    typ = "kontor-agent+jwt"
    head = lambda k, **more: {"alg": "EdDSA", "kid": kid(k), "typ": typ, **more}  # noqa: E731
    now = lambda: int(time.time())  # noqa: E731
    table = {
        "none": ("no token", "unauthenticated", lambda k: ""),
        "alg-none": ("`alg` none", "token-algorithm", lambda k: part(head(k, alg="none")) + "." + part(k.claims()) + "."),
        "alg-none-signed": ("`alg` none with a signature", "token-algorithm", lambda k: headed(k.key, head(k, alg="none"), k.claims())),
        "hs256": ("`alg` HS256 under the public key's bytes", "token-algorithm", lambda k: hs256(k.key.public.raw, typ, kid(k), k.claims())),
        "hs256-pem": ("`alg` HS256 under the public key's PEM", "token-algorithm", lambda k: hs256(pem(k.key.public.raw), typ, kid(k), k.claims())),
        "wrong-key": ("another key's signature", "token-signature", lambda k: Key().jws(typ, kid(k), k.claims())),
        "turned-bit": ("a bit turned in its signature", "token-signature", lambda k: turned(k.token())),
        "unknown-key": ("a key that is not there", "token-key", lambda k: k.key.jws(typ, "987654321", k.claims())),
        "server-key": ("a key that is no site's", "token-key", lambda k: k.key.jws(typ, k.enrolled["jwks"]["keys"][0]["kid"], k.claims())),
        "typ": ("another type", "token-type", lambda k: k.key.jws("kontor-ticket+jwt", kid(k), k.claims())),
        "truncated": ("its end cut off", "token-malformed", lambda k: k.token()[:-9]),
        "no-signature": ("no signature", "token-malformed", lambda k: k.token().rsplit(".", 1)[0]),
        "crit": ("a header that is not alg, kid and typ alone", "token-malformed", lambda k: headed(k.key, head(k, crit=["x"], x=1), k.claims())),
        "unknown-claim": ("a claim that is not written down", "token-malformed", lambda k: k.token(sudo=1)),
        "other-site": ("another site's `iss`", "token-site", lambda k: k.token(iss="elsewhere")),
        "other-server": ("another server's `aud`", "token-server", lambda k: k.token(aud="kontor.example/other")),
        "expired": ("an `exp` that has passed", "token-expired", lambda k: k.token(iat=now() - 120, exp=now() - 60)),
        "future": ("an `iat` far ahead", "clock-skew", lambda k: k.token(iat=now() + 600, exp=now() + 660)),
        "too-long": ("a life of more than 60 s", "token-life", lambda k: k.token(exp=now() + 3600)),
    }
    for name, (words, code, make) in table.items():
        @case("token-" + name, f"Keys and tokens: a call with {words} is refused: 401 `{code}`.")
        def _(k, code=code, make=make):
            k.ready()
            k.refused(k.call("GET", "/v1/agent/tickets?after=0", token=make(k)), 401, code)


token_cases()


@case("token-huge", "Keys and tokens: a token of 20 kB is refused: 431.")
def token_huge(k):
    k.ready()
    reply = k.call("GET", "/v1/agent/tickets?after=0", token=k.token() + "A" * 20000)
    k.must(reply.status == 431, f"wanted 431, got {reply}")  # what says it may not even be the server itself


# ---- bodies

def body_cases():
    table = {
        "truncated": ("cut short", 400, "json-malformed", lambda k: b'{"instance":1,"se'),
        "deep": ("of 3,000 levels", 400, "json-malformed", lambda k: b'{"instance":' + b"[" * 3000 + b"]" * 3000 + b"}"),
        "unknown-member": ("with an unknown member", 422, "field-unknown", lambda k: json.dumps({"instance": k.instance, "seq": 0, "sudo": 1}).encode()),
        "double-member": ("with a member given twice", 400, "field-duplicate", lambda k: b'{"instance":%d,"seq":0,"seq":1}' % k.instance),
        "missing-member": ("with a member missing", 422, "field-missing", lambda k: b'{"seq":0}'),
        "huge": ("of 10 MB", 413, "body-too-large", lambda k: b'{"x":"' + b"A" * 10_000_000 + b'"}'),
    }
    for name, (words, status, code, make) in table.items():
        @case("body-" + name, f"Bodies are JSON: one {words} is refused: {status} `{code}`.")
        def _(k, status=status, code=code, make=make):
            k.ready()
            k.refused(k.call("POST", "/v1/agent/tickets/received", data=make(k)), status, code)


body_cases()


# ---- instances

@case("superseded", "Instance: every call of an older instance gets 409 `superseded`.")
def superseded(k):
    k.ready()
    old = k.instance
    k.open()
    new, k.instance = k.instance, old
    k.must(new > old, "the number does not grow")
    for reply in (k.poll(after=0), k.received(k.seq), k.post(k.statement("inventory"))):
        k.refused(reply, 409, "superseded")
    k.instance = new


@case("instance-unopened", "Instance: one that was never opened is not the newest: 409 `spool-ahead`.")
def instance_unopened(k):
    k.ready()
    k.instance += 5
    reply = k.poll(after=0)
    k.instance -= 5
    k.refused(reply, 409, "spool-ahead")


@case("instance-two", "Instance: header and token name the same: 400 `query-invalid` where they differ.")
def instance_two(k):
    k.ready()
    k.refused(k.call("GET", "/v1/agent/tickets?after=0", instance=k.instance + 1), 400, "query-invalid")


@case("instance-takes", "Instance: `takes` may name what the server does not know.")
def instance_takes(k):
    k.ready()
    k.well(k.opening(takes=["allocation", "a-need-of-next-year"]), 201)
    k.open()


@case("instance-seal", "Instance: a key for secrets that the agent's own did not sign is refused, 403 `signature`, and opens nothing.")
def instance_seal(k):
    k.ready()
    k.refused(k.opening(takes=["secrets"], seal={"x25519": base64.b64encode(bytes(range(32))).decode(), "signature": base64.b64encode(bytes(64)).decode()}), 403, "signature")
    k.well(k.poll(after=0))


@case("spool-behind", "Instance: a spool whose newest report is behind the one on record: 409 `spool-behind`.")
def spool_behind(k):
    k.ready()
    k.report("inventory")
    k.report("inventory")
    k.refused(k.opening(last_receipted_report=k.number - 1, last_report=k.number - 1), 409, "spool-behind")
    k.well(k.poll(after=0))  # and the one that was open goes on


@case("spool-empty", "Instance: an empty spool under the same key is a lost one or a copy: 409 `spool-behind`.")
def spool_empty(k):
    k.ready()
    k.report("inventory")
    k.refused(k.opening(last_confirmed_seq=0, last_receipted_report=0, last_report=0), 409, "spool-behind")


@case("spool-behind-tickets", "Instance: a spool that does not know a ticket that was confirmed: 409 `spool-behind`.")
def spool_behind_tickets(k):
    k.ready()
    k.ordered()
    k.refused(k.opening(last_confirmed_seq=k.seq - 1), 409, "spool-behind")


@case("spool-ahead", "Instance: a spool with receipts, or tickets, that the server never gave: 409 `spool-ahead`.")
def spool_ahead(k):
    k.ready()
    k.refused(k.opening(last_receipted_report=k.number + 9, last_report=k.number + 9), 409, "spool-ahead")
    k.refused(k.opening(last_confirmed_seq=10**6), 409, "spool-ahead")


# ---- reports

@case("report-receipt", "Reports: a receipt is the server's JWS that names number and SHA-256 of the statement.")
def report_receipt(k):
    k.ready()
    k.report("inventory")


@case("report-again", "Reports: the same number with the same bytes gets the same receipt.")
def report_again(k):
    k.ready()
    statement = k.statement("inventory")
    first, again = k.well(k.post(statement)), k.well(k.post(statement))
    k.number += 1
    k.must(first["receipt"] == again["receipt"], "two receipts differ")


@case("report-forked", "Reports: the same number with other bytes: 409 `forked`.")
def report_forked(k):
    k.ready()
    k.report("inventory")
    k.refused(k.post(k.statement("inventory", number=k.number, now=1)), 409, "forked")


@case("report-gap", "Reports: a number that is not the next: 409 `gap`, and it is not recorded.")
def report_gap(k):
    k.ready()
    k.refused(k.post(k.statement("inventory", number=k.number + 2)), 409, "gap")
    k.report("inventory")


def wrong_report(name, words, status, code, make):
    @case("report-" + name, f"Reports: one {words} is refused: {status} `{code}`, and its number stays free.")
    def _(k):
        k.ready()
        k.refused(make(k), status, code)
        k.report("inventory")


wrong_report("wrong-key", "signed by another key", 403, "signature", lambda k: k.post(k.statement("inventory"), key=Key()))
wrong_report("other-journal", "of another journal", 403, "other-journal", lambda k: k.post(k.statement("inventory", genesis=bytes(32))))
wrong_report("other-site", "of another site", 403, "other-site", lambda k: k.post(k.statement("inventory", site=k.enrolled["site_index"] + 1)))
wrong_report("truncated", "that lacks a byte", 422, "field-invalid", lambda k: k.post(k.statement("inventory")[:-1]))
wrong_report("kind", "of a kind that is not there", 422, "report-malformed", lambda k: k.post(k.statement(77)))
wrong_report("later-instance", "of an instance not opened yet", 422, "field-invalid", lambda k: k.post(k.statement("inventory", instance=k.instance + 1)))


def mark(inventory):
    return hashlib.sha256(json.dumps(inventory, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).digest()[:16]


wrong_report("inventory-other", "whose statement has the mark of another inventory", 422, "inventory-other",
             lambda k: k.post(k.statement("inventory", mark=mark({"nodes": 1})), inventory={"nodes": 2}))


@case("report-inventory", "Reports: an inventory goes with the mark of its canonical form.")
def report_inventory(k):
    k.ready()
    told = {"z": [1, {"b": "ä/\"", "a": True}], "backend": "kit", "nodes": 3}
    k.well(k.post(k.statement("inventory", mark=mark(told)), inventory=told))
    k.number += 1


def wrong_inventory(name, words, told, code):
    @case("inventory-" + name, f"Reports: an inventory {words} gets a receipt, moves nothing, and is shown as `{code}`.")
    def _(k):
        k.ready()
        for inventory in told:
            k.well(k.post(k.statement("inventory", mark=mark(inventory)), inventory=inventory))
            k.number += 1
            fault = k.other.fault(k.number)
            k.must(fault in (None, code), f"it says {fault} of the report instead of {code}")


NODES = {"model": "none of this site's", "nodes": 4, "nodes_up": 3}
WINDOW = {"name": "m", "nodes": "n1", "nodes_count": 1, "start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z"}
wrong_inventory("range", "that contradicts itself", [{**NODES, "nodes": -1}, {**NODES, "nodes_up": "3"}, {**NODES, "maintenance": [{**WINDOW, "nodes_count": -1}]},
                                                    {**NODES, "maintenance": [{**WINDOW, "end": 7}]}], "inventory-range")
wrong_inventory("class", "of a class that the site does not have", [NODES], "inventory-class")


# ---- tickets

@case("ticket", "Tickets: a JWS under a published key with exactly the claims of schema/ticket.json, for this site, with the very next number.")
def ticket(k):
    k.ready()
    before = k.seq
    k.other.order()
    found = k.well(k.poll(wait=10))["tickets"]
    k.must([t["seq"] for t in found] == list(range(before + 1, before + 1 + len(found))) and found, f"the numbers are {[t['seq'] for t in found]}")
    claims = k.read(found[0]["jws"])
    wanted = {**HEAD, **(RUN if claims["do"] == "run" else {})}
    wrong = [n for n in set(wanted) ^ set(claims)] + [n for n, good in wanted.items() if n in claims and not good(claims[n])]
    k.must(not wrong, f"claims that are not as they should be: {wrong}")
    k.must((claims["iss"], claims["aud"], claims["seq"]) == (k.enrolled["origin"], k.other.site, before + 1), f"{claims['iss']}, {claims['aud']}, {claims['seq']}")
    k.must(claims["do"] != "run" or claims["permit_from"] <= claims["accept_by"] <= claims["start_by"] <= claims["window"][1], "its times are out of order")
    k.seq = found[-1]["seq"]
    k.well(k.received(k.seq))


@case("get-changes-nothing", "Tickets: a GET changes nothing: asked again, the same bytes come, and nothing is confirmed.")
def get_changes_nothing(k):
    k.ready()
    k.other.order()
    first, again = k.well(k.poll(wait=10))["tickets"], k.well(k.poll())["tickets"]
    k.must(first and first == again, "the second answer is another")
    k.open()
    k.must(k.opened["confirmed_seq"] == k.seq, "a GET confirmed it")
    k.seq = first[-1]["seq"]
    k.well(k.received(k.seq))


@case("received-beyond", "Tickets: more than was issued cannot be confirmed: 422 `field-range`.")
def received_beyond(k):
    k.ready()
    k.refused(k.received(10**9), 422, "field-range")


@case("blob", "Tickets: the workload is served by its SHA-256, to the site of its ticket.")
def blob(k):
    k.ready()
    found = k.ordered()["workload"]
    reply = k.call("GET", "/v1/agent/blobs/" + found["sha256"])
    k.must(reply.status == 200 and len(reply.body) == found["len"] and hashlib.sha256(reply.body).hexdigest() == found["sha256"], f"got {reply}")
    k.refused(k.call("GET", "/v1/agent/blobs/" + "ab" * 32), 404, "not-found")


# ---- permits

@case("permit", "Permit: the receipt of `accepted` says `granted`, and names jti, fence and instance.")
def permit(k):
    k.ready()
    found = k.ordered()
    receipt = k.report("accepted", found)
    k.must((receipt.get("permit"), receipt.get("jti"), receipt.get("fence"), receipt.get("ins")) == ("granted", found["jti"], found["fence"], k.instance), f"it says {receipt}")


@case("permit-once", "Permit: at most one is alive: asked again within one and a half lives, 409 `too-early` with Retry-After, not recorded.")
def permit_once(k):
    k.ready()
    found = k.permitted()
    reply = k.post(k.statement("accepted", found))
    k.refused(reply, 409, "too-early")
    k.must(int(reply.headers.get("Retry-After") or 0) > 0, "it does not say when")
    k.report("inventory")


@case("permit-fence", "Permit: an `accepted` with a lower fence is refused, for `fence`.")
def permit_fence(k):
    k.ready()
    found = k.ordered()
    receipt = k.report("accepted", found, fence=found["fence"] - 1)
    k.must((receipt.get("permit"), receipt.get("reason")) == ("refused", "fence"), f"it says {receipt}")


@case("permit-unknown", "Permit: an `accepted` for what was never ordered here is refused, for `not-found`.")
def permit_unknown(k):
    k.ready()
    receipt = k.report("accepted", {"jti": str(uuid.uuid4()), "fence": 1})
    k.must((receipt.get("permit"), receipt.get("reason")) == ("refused", "not-found"), f"it says {receipt}")


@case("permit-cancelled", "Permit: after a cancellation it is refused; the cancel ticket names the run ticket's jti.")
def permit_cancelled(k):
    k.ready()
    found = k.ordered()
    k.other.cancel(found["reservation"])
    news = k.well(k.poll(wait=10))["tickets"]
    claims = k.read(news[0]["jws"])
    k.must((claims["do"], claims["jti"]) == ("cancel", found["jti"]), f"the ticket says {claims}")
    k.seq = news[-1]["seq"]
    receipt = k.report("accepted", found)
    k.must(receipt.get("permit") == "refused", f"it says {receipt}")


@case("settled", "The order of the day: accepted, started, usage, finished: settled.")
def settled(k):
    k.ready()
    found, now = k.permitted(), k.clock.now()
    k.report("started", found, started=now, now=now)
    k.report("usage", found, started=now, now=now + 1, seconds=1)
    k.report("finished", found, started=now, ended=now + 2, now=now + 2, seconds=2)
    state = k.other.state(found["reservation"])
    k.must(state == "settled", f"its reservation is {state}")


# ---- what is put before a person

def dispute(name, words, code, tell):
    @case("dispute-" + name, f"Reports: {words} is recorded and put before a person, as `{code}`.")
    def _(k):
        k.ready()
        found = k.ordered() if name == "unpermitted" else k.permitted()
        now = k.clock.now()
        tell(k, found, now)
        k.disputed(found, code)


def running(k, found, now):
    k.report("started", found, started=now, now=now)
    k.report("usage", found, started=now, now=now + 10, seconds=5)


def then(**more):
    def tell(k, found, now):
        running(k, found, now)
        k.report("usage", found, **{"started": now, "now": now + 20, "seconds": 6, **{n: v(now) if callable(v) else v for n, v in more.items()}})
    return tell


dispute("unpermitted", "a start without a permit", "report-unpermitted", lambda k, found, now: k.report("started", found, started=now, now=now))
dispute("too-much", "a total above GPUs × (ended − started + 120 s)", "report-too-much", then(seconds=10**9))
dispute("falling", "a total that falls", "report-falling", then(seconds=4))
dispute("restarted", "another start than before", "report-restarted", then(started=lambda now: now - 1000))
dispute("future", "a report of a time more than 120 s ahead", "report-future", then(now=lambda now: now + 86400000))
dispute("times", "an end before the start", "report-times",
        lambda k, found, now: (running(k, found, now), k.report("finished", found, started=now, ended=now - 5, now=now + 20, seconds=6)))
dispute("fence", "a report with a lower fence", "fence", then(fence=0))


@case("dispute-forked", "Reports: other bytes under a used number, of a job that has its permit, are put before a person: 409 `forked`.")
def dispute_forked(k):
    k.ready()
    found, now = k.permitted(), k.clock.now()
    k.report("started", found, started=now, now=now)
    k.refused(k.post(k.statement("started", found, number=k.number, started=now - 1, now=now)), 409, "forked")
    state = k.other.state(found["reservation"])
    k.must(state == "disputed", f"its reservation is {state}")


@case("replay", "Reports: an old report sent again, also by a newer instance, gets its old receipt and changes nothing.")
def replay(k):
    k.ready()
    statement = k.statement("inventory")
    first = k.well(k.post(statement))["receipt"]
    k.number += 1
    k.report("inventory")
    k.open()
    k.must(k.well(k.post(statement))["receipt"] == first, "it gets another receipt")
    k.must(k.opened["last_report"] == k.number, "the numbers moved")


def run(other, names=None, tell=lambda *_: None):
    """All cases one after another, as one agent. [(name, "ok" | "not ok" | "n/a", why)]"""
    kit, results = Kit(other), []
    for name in CASES:
        if names is not None and name not in names:
            continue
        try:
            CASES[name][1](kit)
            verdict = "ok", ""
        except NotApplicable as why:
            verdict = "n/a", str(why)
        except Exception as why:  # whatever goes wrong is said, and the next case has its turn
            verdict = "not ok", str(why) if isinstance(why, NotOk) else f"{type(why).__name__}: {why}"
            set_right(kit)
        results.append((name, *verdict))
        tell(name, *verdict, "")
    return results


def set_right(kit):
    """After a case that went wrong, the numbers are as the server has them: it may have taken what it should not."""
    for seq in range(kit.seq, kit.seq + 9):
        reply = kit.opening(last_confirmed_seq=seq, last_report=2**40) if kit.enrolled else None
        if reply is not None and reply.status == 201:
            kit.instance, kit.seq, kit.number = reply.json["instance"], seq, reply.json["last_report"]
            return
