#!/usr/bin/env python3
"""Agents and servers that break one rule each: the conformance kit must find each of them, at that rule. An agent:

    mutants.py NAME enrol | run"""
import contextlib
import json
import sys
import time

import fake_server
import minimal_agent
from fake_server import FakeServer, Problem
from kit_agent import FORGERIES, NOT_THIS
from minimal_agent import STATEMENT, Agent, Wrong, b64url, ed25519_verify, unb64url

AGENTS, SERVERS = {}, {}


def breaks(table, *cases, may=()):
    """A class that must fail these cases, and no other, but for those that it may fail, by the instant at which something happens there."""
    def keep(kind):
        table[kind.__name__] = (kind, set(cases), set(may))
        return kind
    return keep


def loose(name, value):
    """The module's function by another one: for what the agent does with a function of no class."""
    def change(self):
        setattr(minimal_agent, name, value)
        Agent.__init__(self)
    return change


def lax_jws(pass_alg, check=True, duplicates=False, header=False):
    """check_jws with holes: only these, so that what is no token at all is still none."""
    def read(token, typ, keys):
        parts = token.split(".")
        if len(parts) != 3 or len(token) > minimal_agent.TOKEN_MAX:
            raise Wrong("malformed")
        head = json.loads(unb64url(parts[0]))
        if head.get("typ") != typ or (not header and set(head) != {"alg", "kid", "typ"}):
            raise Wrong("type")
        if head["alg"] == "EdDSA":
            if head["kid"] not in keys or (check and not ed25519_verify(keys[head["kid"]], (parts[0] + "." + parts[1]).encode(), unb64url(parts[2]))):
                raise Wrong("signature")
        elif not pass_alg(head["alg"], parts, keys[head["kid"]]):
            raise Wrong("algorithm")
        return json.loads(unb64url(parts[1])) if duplicates else minimal_agent.strict(unb64url(parts[1]))

    def check_jws(token, typ, keys):
        try:
            return read(token, typ, keys)
        except (ValueError, KeyError, RecursionError) as fault:
            raise Wrong("malformed") from fault
    return check_jws


def by_secret(_, parts, key):
    import hashlib
    import hmac
    return b64url(hmac.new(key, (parts[0] + "." + parts[1]).encode(), hashlib.sha256).digest()) == parts[2]


def never(*_):
    return False


@breaks(AGENTS, "ticket-alg-none", "permit-alg-none")
class TakesAlgNone(Agent):
    __init__ = loose("check_jws", lax_jws(lambda alg, parts, key: alg == "none"))


@breaks(AGENTS, "ticket-hs256", "permit-hs256")
class TakesHs256(Agent):
    __init__ = loose("check_jws", lax_jws(by_secret))


@breaks(AGENTS, "ticket-wrong-key", "permit-wrong-key", "ticket-turned-bit", "permit-turned-bit", "ticket-truncated", "permit-truncated", "permit-forged",
        "receipt-forged")
class ChecksNoSignature(Agent):
    __init__ = loose("check_jws", lax_jws(never, check=False))


@breaks(AGENTS, "ticket-double-claim", "permit-double-claim")
class TakesDoubleMembers(Agent):
    __init__ = loose("check_jws", lax_jws(never, duplicates=True))


@breaks(AGENTS, "ticket-crit", "permit-crit")
class TakesAnyHeader(Agent):
    __init__ = loose("check_jws", lax_jws(never, header=True))


class Pretends(Agent):
    """Reads a ticket as if one claim said what it should."""
    name, value = "", None

    def read_ticket(self, token):
        check = minimal_agent.check_jws
        try:
            minimal_agent.check_jws = lambda *args: {**check(*args), self.name: self.value()}
            return super().read_ticket(token)
        finally:
            minimal_agent.check_jws = check


@breaks(AGENTS, "ticket-other-site")
class TakesOthersTickets(Pretends):
    name, value = "aud", lambda self: self.word("site")


@breaks(AGENTS, "ticket-other-issuer")
class TakesOthersOrders(Pretends):
    name, value = "iss", lambda self: self.word("origin")


@breaks(AGENTS, "ticket-gap")
class TakesAnyNumber(Pretends):
    name, value = "seq", lambda self: self.word("seq") + 1


@breaks(AGENTS, "ticket-future")
class TakesTheFuture(Pretends):
    name, value = "nbf", lambda self: int(time.time())


@breaks(AGENTS, "ticket-expired")
class TakesTheExpired(Pretends):
    name, value = "exp", lambda self: int(time.time()) + 60


@breaks(AGENTS, "ticket-needs", "secrets", "secrets-forged")
class TakesAnything(Agent):
    @staticmethod
    def takes(claims):
        return True


@breaks(AGENTS, "fence-lower", "fence-equal")
class IgnoresFences(Agent):
    def take(self, token):
        self.db.execute("DELETE FROM fence")
        super().take(token)


@breaks(AGENTS, "fence-equal")
class ForgetsFences(Agent):
    def open_spool(self):
        super().open_spool()
        self.db.execute("DELETE FROM fence")


@breaks(AGENTS, "ticket-replayed")
class RunsReplays(Agent):
    def take(self, token):
        claims, _ = self.read_ticket(token)
        self.db.execute("DELETE FROM ticket WHERE jti = ? AND phase = 'done'", (claims["jti"],))
        self.db.execute("DELETE FROM fence WHERE request = ?", (claims["request"],)) if claims["jti"] in self.gone() else None
        super().take(token)

    def gone(self):
        return {jti for (jti,) in self.db.execute("SELECT jti FROM report").fetchall()}


@breaks(AGENTS, "ticket-spooled-first")
class ConfirmsFirst(Agent):
    def take_tickets(self, tickets):
        after = self.word("seq")
        ticket = next((t for t in tickets if t["seq"] == after + 1), None)
        if ticket:
            with contextlib.suppress(Wrong):
                self.read_ticket(ticket["jws"])
                body = {"instance": self.instance, "seq": after + 1}
                self.attempt("received", lambda: self.ask("POST", "/v1/agent/tickets/received", body))
        super().take_tickets(tickets)


@breaks(AGENTS, "report-stored-first")
class SendsFirst(Agent):
    """The end of a job goes out before it is in the spool."""

    def ended(self, claims, seen, started, seconds):
        try:
            self.db.execute("SAVEPOINT unstored")
            super().ended(claims, seen, started, seconds)
            row = self.db.execute("SELECT number, statement, signature, receipt FROM report ORDER BY number DESC LIMIT 1").fetchone()
            waiting = self.db.execute("SELECT count(*) FROM report WHERE receipt IS NULL").fetchone()[0]
            if waiting == 1 and STATEMENT.unpack(row[1])[5] == minimal_agent.KINDS.index("finished"):
                b64 = minimal_agent.base64.b64encode
                self.post_report(row[0], {"statement": b64(row[1]).decode(), "signature": b64(row[2]).decode()})
        except (OSError, Problem, minimal_agent.Problem, minimal_agent.http.client.HTTPException):
            time.sleep(1)


@breaks(AGENTS, "permit-refused", "permit-forged")
class StartsWhenRefused(Agent):
    def answered(self, jti, number, receipt):
        super().answered(jti, number, {**receipt, "permit": "granted"})


@breaks(AGENTS, "permit-awaited", "permit-refused", "permit-forged", "permit-replayed", "permit-late", "permit-first-sent", "permit-other-instance",
        "permit-names-another", "permit-from", "start-by", "away", "forked", *("permit-" + name for name in (*FORGERIES, *NOT_THIS)))
class StartsUnasked(Agent):
    def step(self, jti, claims, phase, *more):
        super().step(jti, claims, phase, *more)
        if phase == "ready":
            self.deadline[jti] = time.monotonic() + 4
            self.db.execute("UPDATE ticket SET permitted = 1 WHERE jti = ?", (jti,))
            self.submit(claims, bytes(self.db.execute("SELECT script FROM ticket WHERE jti = ?", (jti,)).fetchone()[0]))

    def answered(self, jti, number, receipt):
        if self.machine.look(jti) is None:  # else it goes on, or has ended, whatever the answer is
            super().answered(jti, number, receipt)


@breaks(AGENTS, "permit-late", "permit-first-sent")
class UsesLatePermits(Agent):
    def answered(self, jti, number, receipt):
        self.first_sent[number] = time.monotonic()
        super().answered(jti, number, receipt)


@breaks(AGENTS, "permit-first-sent")
class CountsFromTheLast(Agent):
    def post_report(self, number, body):
        if number in self.first_sent:
            self.first_sent[number] = time.monotonic()
        return super().post_report(number, body)


@breaks(AGENTS, "permit-names-another")  # one of an instance that is gone is over before the next may act at all
class UsesOthersPermits(Agent):
    def answered(self, jti, number, receipt):
        super().answered(jti, number, {**receipt, "ins": self.instance})


class LaxReceipts(Agent):
    names = ()

    def read_receipt(self, token, number, statement, jti, kind):
        fields = STATEMENT.unpack(statement)
        right = {"num": number, "sha256": minimal_agent.hashlib.sha256(statement).hexdigest(), "jti": jti, "fence": fields[7]}
        check = minimal_agent.check_jws
        try:
            minimal_agent.check_jws = lambda *args: {name: right[name] if name in self.names else value for name, value in check(*args).items()}
            return super().read_receipt(token, number, statement, jti, kind)
        finally:
            minimal_agent.check_jws = check


@breaks(AGENTS, "permit-other-number")
class AnyNumberIsMine(LaxReceipts):
    names = ("num",)


@breaks(AGENTS, "permit-other-bytes", "receipt-misplaced")
class AnyBytesAreMine(LaxReceipts):
    names = ("sha256",)


@breaks(AGENTS, "permit-other-ticket")
class AnyTicketIsMine(LaxReceipts):
    names = ("jti",)


@breaks(AGENTS, "permit-other-fence")
class AnyFenceIsMine(LaxReceipts):
    names = ("fence",)


@breaks(AGENTS, "permit-replayed", "permit-other-number", "permit-other-bytes", "permit-other-ticket", "permit-other-fence", "receipt-misplaced")
class AnyReceiptIsMine(LaxReceipts):
    names = ("num", "sha256", "jti", "fence")


class Deaf(Agent):
    code = ""

    def refused(self, problem):
        if problem.code != self.code:
            super().refused(problem)


@breaks(AGENTS, "superseded", may=("clone",))  # of two copies the later may be told that it is behind instead
class GoesOnSuperseded(Deaf):
    code = "superseded"


@breaks(AGENTS, "forked")
class GoesOnForked(Deaf):
    code = "forked"


@breaks(AGENTS, "gap")
class IgnoresGaps(Deaf):
    code = "gap"


@breaks(AGENTS, "spool-behind", "key-over", may=("clone",))
class GoesOnBehind(Deaf):
    code = "spool-behind"


@breaks(AGENTS, "old-copy")
class UsesOldCopies(Agent):
    """Does not compare the server's numbers with its own."""

    def ask(self, method, path, body=None):
        data = super().ask(method, path, body)
        if path != "/v1/agent/instance" or not (body["last_confirmed_seq"] or body["last_report"]):
            return data
        reply = json.loads(data)
        reply.update(confirmed_seq=min(reply["confirmed_seq"], self.word("seq")), last_report=min(reply["last_report"], self.newest_report()))
        return json.dumps(reply).encode()


@breaks(AGENTS, "resigned", "gap", may=("ticket-spooled-first", "granted-first", "killed-running"))  # killed with a report that was not sent
class SignsNothingAnew(Agent):
    def sign_anew(self, last_report):
        pass


@breaks(AGENTS, "report-again", "report-stored-first", "losses", "permit-other-instance", "permit-first-sent", "permit-forged", "permit-replayed", "receipt-forged",
        "receipt-misplaced", "reply-huge", *("permit-" + name for name in (*FORGERIES, *NOT_THIS)), may=("granted-first", "killed-running", "ticket-spooled-first"))
class SignsAllAnew(Agent):
    """Each time that a report is sent it says another time."""

    def send(self):
        row = self.db.execute("SELECT number, statement FROM report WHERE receipt IS NULL ORDER BY number LIMIT 1").fetchone()
        if row and self.later.get("report", 0) <= time.monotonic():
            fields = list(STATEMENT.unpack(row[1]))
            fields[8] += 1
            statement = STATEMENT.pack(*fields)
            self.db.execute("UPDATE report SET statement = ?, signature = ? WHERE number = ?", (statement, minimal_agent.ed25519_sign(self.seed, statement, self.public), row[0]))
        super().send()


@breaks(AGENTS, "exit-code")
class HidesExitCodes(Agent):
    def ended(self, claims, seen, started, seconds):
        super().ended(claims, {**seen, "exit": 0}, started, seconds)


@breaks(AGENTS, "walltime")
class HidesWalltimes(Agent):
    def end(self, claims, kind, reason="none", **more):
        super().end(claims, kind, "none" if reason == "walltime" else reason, **more)


@breaks(AGENTS, "usage", "walltime", "cancel-running")
class TellsNoUse(Agent):
    def used(self, claims, from_ms, to_ms):
        return 0


@breaks(AGENTS, "permit-from")
class AsksEarly(Agent):
    def ask_at(self, claims):
        return 0


@breaks(AGENTS, "cancel-running")
class StopsNothing(Agent):
    def open_spool(self):
        super().open_spool()
        minimal_agent.Machine.stop = lambda self, jti: None


@breaks(AGENTS, "too-early")
class Impatient(Agent):
    def wait(self, what, retry_after=0):
        super().wait(what, 0)


@breaks(AGENTS, "workload-changed")
class RunsAnything(Agent):
    def fetch(self, claims):
        found = self.attempt("blob", lambda: self.ask_blob(claims["workload"]["sha256"]))
        if found:
            self.db.execute("UPDATE ticket SET script = ?, phase = 'ready' WHERE jti = ?", (found[0], claims["jti"]))
        elif found == []:
            self.end(claims, "rejected", "workload")


# ---- servers

@breaks(SERVERS, "token-future")
class TakesTheFuturesTokens(FakeServer):
    def check_token(self, token):
        try:
            return super().check_token(token)
        except Problem as problem:
            if problem.code != "clock-skew":
                raise
            return {**json.loads(unb64url(token.split(".")[1])), "kid": str(self.KEY_INDEX)}


class LaxTokens(FakeServer):
    """Some refusals of tokens are forgotten."""
    codes = ()

    def check_token(self, token):
        try:
            return super().check_token(token)
        except Problem as problem:
            if problem.code not in self.codes:
                raise
            return {**json.loads(unb64url(token.split(".")[1])), "ins": self.instance, "kid": str(self.KEY_INDEX)}


def forgets_token(code, *cases):
    breaks(SERVERS, *("token-" + c for c in cases))(type("Takes" + code.title(), (LaxTokens,), {"codes": ("token-" + code,)}))


forgets_token("algorithm", "alg-none", "alg-none-signed", "hs256", "hs256-pem")
forgets_token("signature", "wrong-key", "turned-bit")
forgets_token("key", "unknown-key", "server-key")
forgets_token("type", "typ")
forgets_token("site", "other-site")
forgets_token("server", "other-server")
forgets_token("expired", "expired")
forgets_token("life", "too-long")


@breaks(SERVERS, "enrol-proof")
class EnrolsWithoutProof(FakeServer):
    def enrol(self, data):
        check, fake_server.verify = fake_server.verify, lambda *_: True
        try:
            return super().enrol(data)
        finally:
            fake_server.verify = check


@breaks(SERVERS, "instance-seal")
class TakesAnySeal(FakeServer):
    def open_instance(self, data, public):
        return super().open_instance({name: value for name, value in data.items() if name != "seal"}, public)


@breaks(SERVERS, "report-inventory-other")
class TakesAnyInventory(FakeServer):
    @staticmethod
    def is_marked(*_):
        return True


@breaks(SERVERS, "enrol-spent")
class SpendsNoTokens(FakeServer):
    def enrol(self, data):
        if data["token"] in self.enrolled:
            self.tokens.add(data["token"])
        keys, answer = self.agent_keys, super().enrol(data)
        self.agent_keys = keys or self.agent_keys
        return answer


@breaks(SERVERS, "spool-behind", "spool-behind-tickets")
class OpensOldSpools(FakeServer):
    def open_instance(self, data, public):
        if data["last_report"] or data["last_confirmed_seq"]:
            data = {**data, "last_report": max(data["last_report"], len(self.reports)), "last_confirmed_seq": max(data["last_confirmed_seq"], self.confirmed_seq)}
        return super().open_instance(data, public)


@breaks(SERVERS, "spool-ahead")
class OpensLaterSpools(FakeServer):
    def open_instance(self, data, public):
        return super().open_instance({**data, "last_confirmed_seq": min(data["last_confirmed_seq"], len(self.tickets)),
                                      "last_receipted_report": min(data["last_receipted_report"], len(self.reports))}, public)


class Reports(FakeServer):
    def report(self, data, public):
        try:
            return super().report(data, public)
        except Problem as problem:
            return self.instead(data, problem)

    def instead(self, data, problem):
        raise problem


@breaks(SERVERS, "report-forked", "dispute-forked")
class TakesForks(Reports):
    def instead(self, data, problem):
        if problem.code != "forked":
            raise problem
        return 200, {"receipt": self.reports[-1][1]}


@breaks(SERVERS, "report-gap")
class TakesGaps(Reports):
    def instead(self, data, problem):
        if problem.code != "gap":
            raise problem
        return 200, {"receipt": self.reports[-1][1]}


@breaks(SERVERS, "report-wrong-key")
class TakesUnsigned(Reports):
    def instead(self, data, problem):
        if problem.code != "signature":
            raise problem
        return 200, {"receipt": self.reports[-1][1]}


@breaks(SERVERS, "report-again", "replay")
class ReceiptsAnew(FakeServer):
    def report(self, data, public):
        status, reply = super().report(data, public)
        self.count = getattr(self, "count", 0) + 1
        claims, _ = fake_server.verify_jws(reply["receipt"], "kontor-receipt+jwt", self.key.public)
        return status, {"receipt": self.key.jws("kontor-receipt+jwt", self.kid, {**claims, "iat": claims["iat"] + self.count})}


@breaks(SERVERS, "permit-once")
class PermitsTwice(FakeServer):
    def permit(self, report):
        self.by_jti[report.jti].permits.clear()
        return super().permit(report)


@breaks(SERVERS, "permit-fence")
class PermitsOldFences(FakeServer):
    def bar(self, report):
        reason = super().bar(report)
        return "" if reason == "fence" else reason


@breaks(SERVERS, "permit-cancelled")
class PermitsTheCancelled(FakeServer):
    def permit(self, report):
        self.by_jti[report.jti].withdrawn = False
        return super().permit(report)


@breaks(SERVERS, "get-changes-nothing")
class ConfirmsByGet(FakeServer):
    def poll(self, query):
        status, reply = super().poll(query)
        self.confirmed_seq = max([self.confirmed_seq] + [t["seq"] for t in reply["tickets"] if query["wait"] == "0"])
        return status, reply


@breaks(SERVERS, "dispute-too-much", "dispute-falling", "dispute-restarted", "dispute-future", "dispute-times", "dispute-fence", "dispute-unpermitted")
class BelievesAll(FakeServer):
    def judge(self, t, report):
        t.reports.append(report)


@breaks(SERVERS, "received-beyond")
class ConfirmsTheUnissued(FakeServer):
    def received(self, data):
        return 200, {"confirmed_seq": self.confirmed_seq} if data["seq"] > len(self.tickets) else super().received(data)[1]


def main():
    name = sys.argv.pop(1)
    if name == "supervise":
        sys.argv.insert(1, name)
        return minimal_agent.main()
    return minimal_agent.main(AGENTS[name][0])


if __name__ == "__main__":
    sys.exit(main())
