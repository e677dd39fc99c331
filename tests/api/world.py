"""tests/api/world.py: what tests of the API stand on: two start-ups with grants, two officers, a site operator for each of
two sites, an auditor, an administrator; and a site's agent, spoken in the open."""
import base64
import hashlib
import json
import os
import pathlib
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "agent"))

from fake_server import KINDS, PREFIX, STATEMENT, Key, b64url, verify_jws  # noqa: E402
from harness import CONTRACT, Client, Server  # noqa: E402

PASSWORD = "correct horse battery"
SITES = [("lumi", "LUMI AIF", "LUMI-G", "Kajaani", "FI", 64231, 27704), ("bsc", "BSC AIF", "MareNostrum 5", "Barcelona", "ES", 41389, 2116)]
GPUMS = 3600000


def stamp(ms):
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def millis(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def hour(later):
    """The hour of the day so many hours from now, as HH:00: what begins then does not begin while a test goes on."""
    return f"{(time.gmtime().tm_hour + later) % 24:02d}:00"


class World:
    def __init__(self, **more):
        self.server = Server(**more)
        self.server.start()
        self.local = Client(self.server, local=True)
        self.anybody = Client(self.server)
        self.people = {}
        self.ids = {}
        try:
            self.seed()
        except Exception:
            print(self.server.tail(), file=sys.stderr)
            self.server.remove()
            raise

    def order(self, path, body, status=201):
        return self.local.must("POST", path, body, status=status, key=True)

    def seed(self):
        self.order("/v1/policies", {"code": "fast-lane", "name": "Fast Lane", "cap_credits": "50000", "longest_days": 92, "decide_days": 4})
        self.sites = {}
        for code, name, system, city, country, lat, lon in SITES:
            site = self.order("/v1/sites", {"code": code, "name": name, "system": system, "city": city, "country": country,
                                            "lat_milli": lat, "lon_milli": lon})
            offering = self.order(f"/v1/sites/{code}/offerings", {
                "model": "MI250X" if code == "lumi" else "H100", "memory_gb": 128 if code == "lumi" else 64, "gpus_per_node": 4,
                "max_gpus_one_island": 64, "kind": "batch", "nodes": 40, "brokered_gpus": 80, "pool_nodes": 4,
                "rate_milli": 1250 if code == "lumi" else 1850, "rate_assumed": True})
            self.sites[code] = {"index": site["index"], "offering": offering["index"]}
        fund = self.order("/v1/funds", {"name": "InvestAI", "reference": "2026-01", "credits": "1000000", "reason": "Test"})
        self.order("/v1/tranches", {"fund": fund["account"], "name": "Reserve", "reference": "2026-01/R", "credits": "10000",
                                    "to_reserve": True, "reason": "Disputes"})
        tranche = self.order("/v1/tranches", {"fund": fund["account"], "name": "First", "reference": "2026-01/1",
                                              "credits": "500000", "reason": "Test"})
        self.fund, self.tranche = fund["account"], tranche["account"]
        now = millis(self.local.must("GET", "/v1/me")["now"])
        self.organisations, self.grants = {}, {}
        for name, country, city, lat, lon in (("brisa", "ES", "Valencia", 39470, -376), ("nordlys", "SE", "Umeå", 63826, 20263)):
            org = self.order("/v1/organisations", {"name": name, "country": country, "city": city, "lat_milli": lat, "lon_milli": lon})["id"]
            self.organisations[name] = org
            self.grants[name] = self.order("/v1/grants", {
                "organisation": org, "tranche": self.tranche, "mode": "fast-lane", "credits": "40000", "start": stamp(now - 1000),
                "end": stamp(now + 90 * 86400000), "reference": f"G-{name}", "gge_eur_cents": 6000000, "legal_basis": "gber", "reason": "Test"})["account"]
        self.person("brisa", [{"role": "owner", "organisation": self.organisations["brisa"]}])
        self.person("brisa2", [{"role": "member", "organisation": self.organisations["brisa"]}])
        self.person("nordlys", [{"role": "owner", "organisation": self.organisations["nordlys"]}])
        self.person("officer", [{"role": "officer"}])
        self.person("officer2", [{"role": "officer"}])
        self.person("auditor", [{"role": "auditor"}])
        self.person("administrator", [{"role": "administrator"}])
        self.person("lumi", [{"role": "site_operator", "site": "lumi"}])
        self.person("bsc", [{"role": "site_operator", "site": "bsc"}])
        self.people["anybody"] = self.anybody

    def person(self, name, roles):
        email = f"{name}@kontor.example"
        person = self.local.must("POST", "/v1/people", {"name": name.title(), "email": email, "password": PASSWORD, "roles": roles}, status=201)
        self.ids[name] = person["id"]
        client = Client(self.server)
        reply = client.sign_in(email, PASSWORD)
        assert reply.status == 200, reply
        self.people[name] = client
        return client

    def wants(self, org="brisa", **more):
        wants = {"organisation": self.organisations[org], "grant": self.grants[org], "name": "train", "gpus": 8, "walltime_s": 3600,
                 "template": "script", "script": "#!/bin/sh\necho hello\n"}
        wants.update(more)
        return wants

    def accept(self, org="brisa", **more):
        """A request, quoted and accepted: the reservation."""
        client = self.people[org]
        request = client.must("POST", "/v1/requests", self.wants(org, **more), status=201, key=True)
        quote = client.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
        assert quote["options"], quote
        return client.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)

    def counts(self):
        """What must not change when a call is refused: the journal's size and the rows of every table, but for the answers
        (a command's refusal is remembered under its key), the agents' last contact, and checkpoints and notices, which come by
        time."""
        tables = self.server.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1").split()
        ask = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for t in tables if t not in ("agent_contact", "answer", "checkpoint", "quorum", "notice", "notice_event"))
        return self.server.sql(ask + " UNION ALL SELECT 'head', size FROM head")

    def remove(self):
        self.server.remove()


class Agent:
    """A site's agent, one call at a time."""

    def __init__(self, world, site, enrol=True):
        self.world, self.site = world, site
        self.key, self.seal = Key(), os.urandom(32)
        self.client = Client(world.server)
        self.instance = self.number = 0
        self.ahead_ms = None  # by how much its clock is ahead, where it says so
        self.later_s = 0  # where a test has moved the server's clock: its own is as far ahead
        if enrol:
            token = world.local.must("POST", f"/v1/sites/{site}/agent-tokens", {}, status=201)["token"]
            self.enrolled = self.enrol(token)
            assert self.enrolled.status == 201, self.enrolled
            self.at = self.enrolled.json
            self.server_key = base64.urlsafe_b64decode(self.at["jwks"]["keys"][0]["x"] + "=")

    def enrol(self, token):
        proof = self.key.sign(b"kontor-enrol/v1\0" + token.encode())
        return self.client.post("/v1/agent/enrol", {
            "token": token, "site": self.site, "ed25519": base64.b64encode(self.key.public.raw).decode(),
            "x25519": base64.b64encode(self.seal).decode(), "proof": base64.b64encode(proof).decode()})

    def token(self, **more):
        now = int(time.time()) + self.later_s
        claims = {"iss": self.site, "aud": self.at["origin"], "iat": now, "exp": now + 60, "jti": str(uuid.uuid4()), "ins": self.instance}
        claims.update(more)
        return self.key.jws("kontor-agent+jwt", str(self.at["key"]), claims)

    def call(self, method, path, body=None, **more):
        headers = {"Authorization": "Bearer " + more.pop("token", self.token()), "Kontor-Instance": str(more.pop("instance", self.instance))}
        if self.ahead_ms is not None:
            headers["Kontor-Clock"] = stamp(round(time.time() * 1000) + self.ahead_ms)
        return self.client.call(method, path, body, headers=headers, **more)

    def open(self, seq=0):
        reply = self.call("POST", "/v1/agent/instance", {"last_confirmed_seq": seq, "last_receipted_report": self.number, "checkpoint": None})
        if reply.status == 201:
            self.instance = reply.json["instance"]
        return reply

    def tickets(self, after=0, wait=0):
        return self.call("GET", f"/v1/agent/tickets?after={after}&wait={wait}")

    def statement(self, kind, ticket=None, number=None, started=0, ended=0, gpu_seconds=0, exit_code=0, reason=0, now=None, instance=None):
        now = now or millis(self.world.local.must("GET", "/v1/me")["now"])
        jti = uuid.UUID(ticket["jti"]).bytes if ticket else bytes(16)
        return PREFIX + bytes.fromhex(self.at["genesis"]) + STATEMENT.pack(
            self.at["site_index"], number or self.number + 1, instance or self.instance, KINDS.index(kind), jti, ticket["fence"] if ticket else 0,
            now, started, ended, gpu_seconds, exit_code, reason)

    def marked(self, inventory):
        """A statement that is signed for this inventory."""
        mark = hashlib.sha256(json.dumps(inventory, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).digest()[:16]
        return self.statement("inventory", {"jti": str(uuid.UUID(bytes=mark)), "fence": 0})

    def tell(self, inventory):
        return self.report("inventory", statement=self.marked(inventory), inventory=inventory)

    def report(self, kind, ticket=None, output=None, inventory=None, statement=None, **more):
        statement = statement or self.statement(kind, ticket, **more)
        body = {"statement": base64.b64encode(statement).decode(), "signature": base64.b64encode(self.key.sign(statement)).decode()}
        if output is not None:
            body["output"] = base64.b64encode(output).decode()
        if inventory is not None:
            body["inventory"] = inventory
        reply = self.call("POST", "/v1/agent/reports", body)
        if reply.status == 200:
            claims, kid = verify_jws(reply.json["receipt"], "kontor-receipt+jwt", self.server_key)
            assert claims["sha256"] == hashlib.sha256(statement).hexdigest()
            self.number = max(self.number, claims["num"])
            reply.claims = claims
        return reply

    def claims(self, jws):
        return verify_jws(jws, "kontor-ticket+jwt", self.server_key)[0]


class Later(threading.Thread):
    """A call made in the background: its reply, and when it came."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self.work, self.reply, self.at = call, None, None
        self.start()

    def run(self):
        self.reply = self.work()
        self.at = time.monotonic()

    def wait(self):
        self.join(90)
        assert self.reply is not None, "no reply"
        return self.reply
