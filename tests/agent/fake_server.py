"""A server for one agent under test: the agent routes of the API and the rules of permits, numbers and instances, kept
strictly. Standard library only; Ed25519 by libsodium through ctypes. It also does what networks do: with `faults` set,
requests and replies get lost. Whatever the agent does against the rules goes to `broken`, and the tests look there.

A test may stand in the way: `before(path, data)` is called before a call is carried out and may raise Problem; `meddle(path,
data, status, reply)` before its reply is sent, and gives the one that is sent instead, or None: the reply is lost."""

import base64
import ctypes
import ctypes.util
import hashlib
import http.server
import json
import os
import random
import struct
import threading
import time
import uuid

import hpke

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
if sodium.sodium_init() < 0:
    raise RuntimeError("libsodium does not start")

ACCEPTED, REJECTED, QUEUED, STARTED, USAGE, FINISHED, FAILED, CANCELLED, INVENTORY = range(1, 10)
KINDS = ["none", "accepted", "rejected", "queued", "started", "usage", "finished", "failed", "cancelled", "inventory"]
LAST = (REJECTED, FINISHED, FAILED, CANCELLED)
REASONS = ["none", "job", "site", "no-user", "resource", "workload", "ticket", "draining", "walltime", "ordered", "other", "not-offered", "secrets"]
STATEMENT = struct.Struct(">QQQH16sQqqqQiH")
PREFIX = b"kontor-report/v1\0"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Key:
    def __init__(self, seed=None):
        self.public = ctypes.create_string_buffer(32)
        self.secret = ctypes.create_string_buffer(64)
        sodium.crypto_sign_seed_keypair(self.public, self.secret, seed or os.urandom(32))

    def sign(self, data):
        sig = ctypes.create_string_buffer(64)
        sodium.crypto_sign_detached(sig, None, data, ctypes.c_ulonglong(len(data)), self.secret)
        return sig.raw

    def jws(self, typ, kid, claims):
        header = json.dumps({"alg": "EdDSA", "kid": kid, "typ": typ}, separators=(",", ":"))
        text = b64url(header.encode()) + "." + b64url(json.dumps(claims, separators=(",", ":")).encode())
        return text + "." + b64url(self.sign(text.encode()))


def verify(public, data, sig):
    return len(sig) == 64 and sodium.crypto_sign_verify_detached(sig, data, ctypes.c_ulonglong(len(data)), public) == 0


def verify_jws(text, typ, public):
    header, payload, sig = text.split(".")
    h = json.loads(unb64url(header))
    if h.get("alg") != "EdDSA" or h.get("typ") != typ or not verify(public, (header + "." + payload).encode(), unb64url(sig)):
        raise ValueError("token does not verify")
    return json.loads(unb64url(payload)), h["kid"]


class Report:
    FIELDS = ["site", "number", "instance", "kind", "jti", "fence", "time_ms", "started_ms", "ended_ms", "gpu_seconds",
              "exit_code", "reason"]

    def __init__(self, statement):
        self.statement = statement
        self.genesis = statement[len(PREFIX):len(PREFIX) + 32]
        if statement[:len(PREFIX)] != PREFIX:
            raise ValueError("not a report")
        for name, value in zip(self.FIELDS, STATEMENT.unpack(statement[len(PREFIX) + 32:])):
            setattr(self, name, value)
        self.jti = str(uuid.UUID(bytes=self.jti))

    def __repr__(self):
        return "%d:%s/%s(%s)" % (self.number, KINDS[self.kind], REASONS[self.reason], self.jti[-4:])


class Problem(Exception):
    def __init__(self, status, code, retry_after=None, **more):
        super().__init__(code)
        self.status, self.code, self.retry_after, self.more = status, code, retry_after, more


MEMBERS = {  # of bodies: those that must be there, and those that may
    "/v1/agent/enrol": ({"token", "site", "ed25519", "x25519", "proof"}, set()),
    "/v1/agent/instance": ({"last_confirmed_seq", "last_receipted_report"}, {"last_report", "checkpoint", "takes", "seal"}),
    "/v1/agent/tickets/received": ({"instance", "seq"}, set()),
    "/v1/agent/reports": ({"statement", "signature"}, {"output", "inventory"}),
}
BODY_MAX, TOKEN_MAX = 262144, 8192


def once(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Problem(400, "field-duplicate")
    return dict(pairs)


def read_body(path, body):
    if len(body) > BODY_MAX:
        raise Problem(413, "body-too-large")
    try:
        data = json.loads(body, object_pairs_hook=once) if body else None
    except (ValueError, RecursionError):
        raise Problem(400, "json-malformed") from None
    if path in MEMBERS and isinstance(data, dict):
        must, may = MEMBERS[path]
        if set(data) - must - may:
            raise Problem(422, "field-unknown")
        if must - set(data):
            raise Problem(422, "field-missing")
    return data


class Ticket:
    """One reservation as the server sees it: its reports, its permits."""

    def __init__(self, claims):
        self.claims = claims
        self.jti = claims["jti"]
        self.reports = []
        self.permits = []       # (time_ms, instance)
        self.withdrawn = False  # no permit any more
        self.output = b""

    @property
    def last(self):
        return next((r for r in self.reports if r.kind in LAST), None)

    def kinds(self):
        return [KINDS[r.kind] for r in self.reports]


class FakeServer:
    SITE, SITE_INDEX, KEY_INDEX, ORIGIN = "lumi", 14, 21, "kontor.example/test"

    def __init__(self, permit_life_ms=4000, usage_every_s=300, clock=None):
        self.key = Key()
        self.kid = "0"
        self.genesis = os.urandom(32)
        self.permit_life_ms = permit_life_ms
        self.usage_every_s = usage_every_s
        self.clock = clock       # (origin_ms, real_origin_ms, rate) or None
        self.lock = threading.Condition()
        self.tokens = set()
        self.instance_public = None
        self.agent_keys = {}     # kid → public: those in force
        self.retired = None      # the key whose spool was retired: another's empty one may take its place
        self.instance = self.confirmed_seq = 0
        self.tickets = []        # [{"seq", "jws"}]
        self.by_jti = {}
        self.reports = []        # (statement, receipt), number = place + 1
        self.blobs = {}
        self.fences = {}
        self.broken = []         # rules that the agent broke
        self.inventory = None
        self.faults = 0.0        # chance that a request or a reply is lost
        self.away = False        # refuse everything with 503
        self.leader = None       # another leads: refuse everything with 503 and its address, "" if not known
        self.forced = {}         # path → (status, code), once
        self.before = lambda path, data: None
        self.meddle = lambda path, data, status, reply: (status, reply)
        self.unauthentic = []    # tokens that were refused, and why
        self.claims_seen = []    # of tokens that were taken: (path, claims)
        self.openings = []       # what was said at each opening of an instance
        self.delivered = 0       # replies to polls that had tickets in them
        self.early = []          # reports `accepted` that came before permit_from
        self.enrolled = {}       # token → key that used it
        self.requests = 0
        self.skew_ms = 0         # of its real clock
        self.stopping = False
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def do_GET(self):
                server.handle(self, None)

            def do_POST(self):
                server.handle(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # an agent that is killed leaves broken connections

        self.httpd = Server(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.httpd.server_port
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        with self.lock:
            self.stopping = True
            self.lock.notify_all()
        self.httpd.shutdown()
        self.httpd.server_close()

    # ---- the clock
    def now_ms(self):
        real = int(time.time() * 1000) + self.skew_ms
        if not self.clock:
            return real
        origin, real_origin, rate = self.clock
        return origin + (real - real_origin) * rate

    @staticmethod
    def time_text(ms):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + ".%03dZ" % (ms % 1000)

    # ---- what a test does
    def new_token(self):
        token = b64url(os.urandom(24))
        self.tokens.add(token)
        return token

    def issue(self, script, gpus=4, walltime_s=60, start_in_ms=0, accept_ms=3600000, slack_ms=3600000, request=None,
              fence=None, seq_jump=0, key=None, values=None, sealed_for=None, spoil=None, **changes):
        """A run ticket; returns its Ticket. changes: claims to set otherwise. values: secrets by name, sealed to the key that the agent told
        last, for the ticket's organisation or sealed_for; spoil: what is done to them before they are stored."""
        script = script.encode() if isinstance(script, str) else script
        sha = hashlib.sha256(script).hexdigest()
        if values is not None:
            request = request or str(uuid.uuid4())
            changes = {"organisation": str(uuid.uuid4()), **changes}
            sealed = hpke.seal_secrets(base64.b64decode(self.openings[-1]["seal"]["x25519"]), sealed_for or changes["organisation"], request, sha, values)
            text = json.dumps(spoil(sealed) if spoil else sealed, separators=(",", ":")).encode()
            changes = {"needs": ["secrets"], "secrets": hashlib.sha256(text).hexdigest(), **changes}
            self.blobs[changes["secrets"]] = text
        with self.lock:
            now, real_s = self.now_ms(), int(time.time())
            request = request or str(uuid.uuid4())
            fence = fence or self.fences.get(request, 0) + 1
            self.fences[request] = max(fence, self.fences.get(request, 0))
            self.blobs[sha] = script
            start = now + start_in_ms
            claims = {
                "iss": self.ORIGIN, "aud": self.SITE, "jti": str(uuid.uuid4()), "iat": real_s, "nbf": real_s,
                "exp": real_s + 30 * 86400, "seq": len(self.tickets) + 1 + seq_jump, "fence": fence, "do": "run",
                "request": request, "reservation": str(uuid.uuid4()), "organisation": str(uuid.uuid4()), "offering": 15,
                "model": "A100", "gpus": gpus, "nodes": 1, "window": [start, start + slack_ms + walltime_s * 1000],
                "permit_from": start - 3600000, "accept_by": start + accept_ms, "start_by": start + slack_ms,
                "walltime_s": walltime_s, "rate_milli": 1000, "max_gpums": str(gpus * walltime_s * 1000),
                "workload": {"sha256": sha, "len": len(script)}, "hold": 99,
            }
            claims.update(changes)
            ticket = Ticket(claims)
            self.by_jti[ticket.jti] = ticket
            self.tickets.append({"seq": len(self.tickets) + 1,
                                 "jws": (key or self.key).jws("kontor-ticket+jwt", self.kid, claims)})
            self.lock.notify_all()
            return ticket

    def cancel(self, ticket):
        with self.lock:
            if not ticket.permits:
                ticket.withdrawn = True
            claims = {k: ticket.claims[k] for k in ("iss", "aud", "jti", "iat", "nbf", "exp", "seq", "fence", "do",
                                                    "request", "reservation", "organisation")}
            claims["seq"], claims["do"] = len(self.tickets) + 1, "cancel"
            self.tickets.append({"seq": claims["seq"], "jws": self.key.jws("kontor-ticket+jwt", self.kid, claims)})
            self.lock.notify_all()

    def wait(self, what, seconds=90):
        """Until what() is true; bounded."""
        end = time.monotonic() + seconds
        with self.lock:
            while not what():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.lock.wait(min(left, 0.2))
        return True

    # ---- HTTP
    def handle(self, h, body):
        path = h.path.split("?")[0]
        lost = self.faults and path.startswith("/v1/agent/") and random.random() < self.faults
        lost_before = lost and random.random() < 0.5
        self.requests += 1
        if lost_before:
            h.close_connection = True
            h.connection.close()
            return
        status, reply, kind, extra = 200, b"", "application/json", {}
        try:
            if self.away:
                raise Problem(503, "busy", 1)
            if self.leader is not None:
                raise Problem(503, "not-leader", 1)
            if path in self.forced:
                raise Problem(*self.forced.pop(path))
            data = read_body(path, body or b"")
            self.before(path, data)
            status, reply = self.route(h, path, data)
            answer = self.meddle(path, data, status, reply)
            if answer is None:
                h.close_connection = True
                h.connection.close()
                return
            status, reply = answer
            if isinstance(reply, bytes):
                kind = "application/octet-stream"
            else:
                reply = json.dumps(reply).encode()
        except Problem as p:
            status, kind = p.status, "application/problem+json"
            named = {"leader": self.leader} if p.code == "not-leader" and self.leader else {}
            reply = json.dumps({"type": "/errors/" + p.code, "title": p.code, "status": p.status, "code": p.code,
                                "instance": "urn:uuid:" + str(uuid.uuid4()), **named, **p.more}).encode()
            if p.retry_after:
                extra["Retry-After"] = str(p.retry_after)
        if lost:
            h.close_connection = True
            h.connection.close()
            return
        try:
            h.send_response(status)
            h.send_header("Content-Type", kind)
            h.send_header("Content-Length", str(len(reply)))
            for name, value in extra.items():
                h.send_header(name, value)
            h.end_headers()
            h.wfile.write(reply)
        except OSError:
            h.close_connection = True

    def jwks(self):
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
                          "x": b64url(self.key.public.raw)}]}

    def route(self, h, path, body):
        if path == "/health/live":
            return 200, {"ok": True, "phase": "leading"}
        if path == "/.well-known/jwks.json":
            return 200, self.jwks()
        if path == "/v1/agent/enrol":
            return self.enrol(body)
        claims = self.authenticate(h)
        self.claims_seen.append((path, claims))
        if path == "/v1/agent/self":
            return 200, {"site": self.SITE, "key": int(claims["kid"]), "newest_key": max(map(int, self.agent_keys)), "until": None, "instance": self.instance,
                         "real_time": self.time_text(int(time.time() * 1000) + self.skew_ms), "clock_bound_ms": 30000,
                         "draining": False, "paused": False}
        if path == "/v1/agent/keys":
            return self.rotate(body, claims["kid"])
        if path == "/v1/agent/instance":
            return self.open_instance(body, self.agent_keys[claims["kid"]])
        if int(h.headers.get("Kontor-Instance", 0)) != claims["ins"]:
            raise Problem(400, "query-invalid")
        if claims["ins"] != self.instance:
            raise Problem(409, "superseded" if claims["ins"] < self.instance else "spool-ahead")
        if path == "/v1/agent/tickets":
            return self.poll(dict(p.split("=") for p in h.path.split("?")[1].split("&")))
        if path == "/v1/agent/tickets/received":
            return self.received(body)
        if path == "/v1/agent/reports":
            return self.report(body, self.agent_keys[claims["kid"]])
        if path.startswith("/v1/agent/blobs/"):
            with self.lock:
                blob = self.blobs.get(path.split("/")[-1])
            if blob is None:
                raise Problem(404, "not-found")
            return 200, blob
        raise Problem(404, "not-found")

    def claims_of(self, token):
        kid = json.loads(unb64url(token.split(".")[0]))["kid"]
        return verify_jws(token, "kontor-agent+jwt", self.agent_keys[kid])

    def authenticate(self, h):
        try:
            return self.check_token((h.headers["Authorization"] or "").removeprefix("Bearer "))
        except Problem as problem:
            self.unauthentic.append((h.path, problem.code))
            raise

    def check_token(self, token):
        """The claims of an agent's own token. Each thing that may be wrong with it has a code of its own."""
        if not token:
            raise Problem(401, "unauthenticated")
        if len(token) > TOKEN_MAX:
            raise Problem(431, "headers-too-large")
        try:
            header, payload, signature = token.split(".")
            head, claims = json.loads(unb64url(header)), json.loads(unb64url(payload))
            signature, text = unb64url(signature), (header + "." + payload).encode()
            alg, typ, kid = head["alg"], head["typ"], head["kid"]
            _ = [claims[name] for name in ("iss", "aud", "iat", "exp", "jti", "ins")]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Problem(401, "token-malformed") from None
        now = time.time() + self.skew_ms / 1000
        for good, code in ((alg == "EdDSA", "algorithm"), (typ == "kontor-agent+jwt", "type"), (set(head) == {"alg", "kid", "typ"}, "malformed"),
                           (kid in self.agent_keys, "key"), (len(signature) == 64, "malformed"), (verify(self.agent_keys.get(kid, bytes(32)), text, signature), "signature"),
                           (set(claims) == {"iss", "aud", "iat", "exp", "jti", "ins"}, "malformed"), (claims["iss"] == self.SITE, "site"),
                           (claims["aud"] == self.ORIGIN, "server"), (claims["iat"] <= claims["exp"] <= claims["iat"] + 60, "life"),
                           (claims["exp"] > now - 30, "expired")):
            if not good:
                raise Problem(401, "token-" + code)
        if claims["iat"] > now + 30:
            raise Problem(401, "clock-skew", detail="Your clock is %d s ahead of ours; 30 s are tolerated." % (claims["iat"] - now))
        return {**claims, "kid": kid}

    def rotate(self, data, kid):
        new, seal = (base64.b64decode(data[name]) for name in ("ed25519", "x25519"))
        words = b"kontor-rotate/v1\0" + self.genesis + struct.pack(">QQ", self.SITE_INDEX, int(kid)) + new + seal
        for name, public in (("by_old", self.agent_keys[kid]), ("by_new", new)):
            if not verify(public, words, base64.b64decode(data[name])):
                self.broken.append("rotation: " + name)
                raise Problem(403, "signature")
        with self.lock:
            if new not in self.agent_keys.values():
                self.agent_keys[str(self.KEY_INDEX + len(self.agent_keys))] = new
            index = next(int(k) for k, public in self.agent_keys.items() if public == new)
            return 200, {"key": index, "until": self.time_text(self.now_ms() + 86400000)}

    def enrol(self, data):
        public = base64.b64decode(data["ed25519"])
        if data["token"] not in self.tokens and self.enrolled.get(data["token"]) != (public, data["x25519"]):
            raise Problem(403, "token-spent")
        if len(base64.b64decode(data["x25519"])) != 32:
            raise Problem(422, "field-invalid")
        if not verify(public, b"kontor-enrol/v1\0" + data["token"].encode(), base64.b64decode(data["proof"])):
            raise Problem(403, "signature")
        self.tokens.discard(data["token"])
        self.enrolled[data["token"]] = (public, data["x25519"])
        self.agent_keys = {str(self.KEY_INDEX): public}
        return 201, {"site": self.SITE, "site_index": self.SITE_INDEX, "key": self.KEY_INDEX, "origin": self.ORIGIN,
                     "genesis": self.genesis.hex(), "jwks": self.jwks(), "simulation": bool(self.clock)}

    def open_instance(self, data, public):
        if "seal" in data:
            if set(data["seal"]) != {"x25519", "signature"}:
                raise Problem(422, "field-missing")
            seal = {name: base64.b64decode(value) for name, value in data["seal"].items()}
            if len(seal["x25519"]) != 32 or not verify(public, hpke.seal_statement(self.genesis.hex(), self.SITE_INDEX, seal["x25519"]), seal["signature"]):
                raise Problem(403, "signature")
        with self.lock:
            self.openings.append(data)
            if data["last_confirmed_seq"] > len(self.tickets) or data["last_receipted_report"] > len(self.reports):
                raise Problem(409, "spool-ahead")
            empty = not (data["last_confirmed_seq"] or data["last_receipted_report"] or data.get("last_report", 0))
            if empty and (self.confirmed_seq or self.reports) and self.retired != self.instance_public:
                raise Problem(409, "spool-behind")
            if data["last_confirmed_seq"] < self.confirmed_seq and not empty:
                raise Problem(409, "spool-behind")
            if 0 < data.get("last_report", 0) < len(self.reports):
                raise Problem(409, "spool-behind")
            self.instance += 1
            self.instance_public = public
            self.lock.notify_all()
            clock = None
            if self.clock:
                clock = {"origin": self.time_text(self.clock[0]), "real_origin": self.time_text(self.clock[1]),
                         "rate": self.clock[2]}
            return 201, {"instance": self.instance, "confirmed_seq": self.confirmed_seq, "last_report": len(self.reports),
                         "now": self.time_text(self.now_ms()), "simulation": bool(self.clock), "clock": clock,
                         "jwks": self.jwks(),
                         "policy": {"permit_life_ms": self.permit_life_ms, "usage_every_s": self.usage_every_s}}

    def poll(self, query):
        end, after, mine = time.monotonic() + int(query["wait"]), int(query["after"]), self.instance
        with self.lock:
            while len(self.tickets) <= after and time.monotonic() < end and not self.stopping and self.instance == mine:
                self.lock.wait(end - time.monotonic())
            self.delivered += len(self.tickets) > after
            self.lock.notify_all()
            return 200, {"tickets": self.tickets[after:], "now": self.time_text(self.now_ms())}

    def received(self, data):
        with self.lock:
            if data["instance"] != self.instance:
                raise Problem(409, "superseded")
            if data["seq"] > len(self.tickets):
                self.broken.append("received %d of %d" % (data["seq"], len(self.tickets)))
                raise Problem(422, "field-range")
            self.confirmed_seq = max(self.confirmed_seq, data["seq"])
            self.lock.notify_all()
            return 200, {"confirmed_seq": self.confirmed_seq}

    def receipt(self, report, permit, reason=""):
        claims = {"iss": self.ORIGIN, "aud": self.SITE, "num": report.number,
                  "sha256": hashlib.sha256(report.statement).hexdigest(), "iat": int(time.time())}
        if report.kind == ACCEPTED:
            claims.update(permit="granted" if permit else "refused", jti=report.jti, fence=report.fence,
                          ins=report.instance)
            if not permit:
                claims["reason"] = reason or "state"
        return self.key.jws("kontor-receipt+jwt", self.kid, claims)

    def report(self, data, public):
        statement = base64.b64decode(data["statement"])
        if len(statement) != len(PREFIX) + 32 + STATEMENT.size:
            raise Problem(422, "field-invalid")
        report = Report(statement)
        if not 0 < report.kind < len(KINDS) or not 0 <= report.reason < len(REASONS):
            raise Problem(422, "report-malformed")
        if report.number == 0 or report.instance > self.instance:
            raise Problem(422, "field-invalid")
        if not verify(public, statement, base64.b64decode(data["signature"])):
            self.broken.append("%r: signature" % report)
            raise Problem(403, "signature")
        if report.kind == INVENTORY and not self.is_marked(report, data):
            self.broken.append("%r: of another inventory" % report)
            raise Problem(422, "inventory-other")
        with self.lock:
            if report.genesis != self.genesis:
                self.broken.append("%r: of another journal" % report)
                raise Problem(403, "other-journal")
            if report.site != self.SITE_INDEX:
                self.broken.append("%r: of another site" % report)
                raise Problem(403, "other-site")
            if report.number <= len(self.reports):
                known, receipt = self.reports[report.number - 1]
                if known != statement:
                    self.broken.append("%r: forked" % report)
                    raise Problem(409, "forked")
                self.take_output(report, data)
                return 200, {"receipt": receipt}
            if report.instance != self.instance:
                raise Problem(409, "superseded")
            if report.number != len(self.reports) + 1:
                self.broken.append("%r: gap" % report)
                raise Problem(409, "gap")
            reason = self.bar(report) if report.kind == ACCEPTED else ""
            permit = report.kind == ACCEPTED and not reason and self.permit(report)
            if report.kind == INVENTORY:
                self.inventory = data.get("inventory")
            elif report.jti in self.by_jti:
                self.judge(self.by_jti[report.jti], report)
            else:
                self.broken.append("%r: of no ticket" % report)
            receipt = self.receipt(report, permit, reason)
            self.reports.append((statement, receipt))
            self.take_output(report, data)
            self.lock.notify_all()
            return 200, {"receipt": receipt}

    @staticmethod
    def is_marked(report, data):
        """By the inventory that comes with it, or not at all."""
        text = json.dumps(data.get("inventory"), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        return uuid.UUID(report.jti).bytes in (bytes(16), hashlib.sha256(text).digest()[:16])

    def bar(self, report):
        """Why there is no permit whatever the times are."""
        ticket = self.by_jti.get(report.jti)
        if ticket is None:
            return "not-found"
        return "fence" if report.fence != ticket.claims["fence"] else ""

    def permit(self, report):
        t, now = self.by_jti[report.jti], self.now_ms()
        rate = self.clock[2] if self.clock else 1
        if now < t.claims["permit_from"]:
            self.early.append(report)
            raise Problem(409, "too-early", 1)
        if t.permits and now < t.permits[-1][0] + self.permit_life_ms * rate * 3 // 2:
            self.broken.append("%r: asked again before the older permit was dead" % report)
            raise Problem(409, "too-early", 1)
        if t.withdrawn or t.last or now > t.claims["start_by"] or (not t.permits and now > t.claims["accept_by"]):
            return False
        if any(r.kind == STARTED for r in t.reports):
            self.broken.append("%r: accepted after it was started" % report)
            return False
        t.permits.append((now, report.instance))
        return True

    def judge(self, t, report):
        """The rules of core/ticket_facts.c, and that nothing follows the last report."""
        def broke(what):
            self.broken.append("%r: %s; before: %r" % (report, what, t.reports))
        if report.fence != t.claims["fence"]:
            broke("fence")
        if t.last:
            broke("after the last report")
        if report.kind in (STARTED, USAGE, FINISHED) and not t.permits:
            broke("no permit")
        if report.kind in (STARTED, USAGE, FINISHED) and not report.started_ms:
            broke("no start")
        if report.started_ms and report.started_ms > t.claims["start_by"] + 120000:
            broke("started after start-by")
        if report.time_ms > self.now_ms() + 120000 * (self.clock[2] if self.clock else 1):
            broke("of the future")
        if report.ended_ms and not report.started_ms <= report.ended_ms <= report.time_ms:
            broke("times")
        if report.started_ms and t.reports and t.reports[-1].started_ms not in (0, report.started_ms):
            broke("another start")
        if t.reports and report.gpu_seconds < t.reports[-1].gpu_seconds:
            broke("falling total")
        if report.kind == STARTED and any(r.kind == STARTED for r in t.reports):
            broke("started twice")
        if report.started_ms:
            end = report.ended_ms or report.time_ms
            if report.gpu_seconds * 1000 > t.claims["gpus"] * (end - report.started_ms + 120000):
                broke("too much")
        t.reports.append(report)

    def take_output(self, report, data):
        if "output" in data and report.jti in self.by_jti:
            self.by_jti[report.jti].output = base64.b64decode(data["output"])
