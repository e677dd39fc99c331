"""Each statement that kontord sends to PostgreSQL fails in turn, in each way: for every call of the API the statements that
it runs are counted, then the call is made again and again with one of them failing. Always: the answer is the true one, or
503 with Retry-After, or a 500 that says nothing; repeated with its key the call has been done exactly once; the audit at the
end is clean, and a fresh start finds the same state. A statement in store/ that nothing reached fails the test."""
import hashlib
import re
import subprocess
import time
import urllib.request

import calls
import harness
from shim import Shim, ShimServer
from world import Later, World

HOWS = [("error", "XX000"), ("error", "40001"), ("error", "53100"), ("lost before", ""), ("lost after", ""), ("count", "")]
ENDS = [("warning", "")]
CALLS_A_WORLD = 40
FULL = "The database has no room on its disk."


class Psql:
    """One psql that stays: a query in a millisecond instead of thirty."""

    def __init__(self, server):
        self.process = subprocess.Popen(["psql", "-qXtA", server.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        self.process.stdin.write(sql + ";\n\\echo ===\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline().rstrip("\n")) != "===":
            assert self.process.poll() is None, "psql has ended"
            lines.append(line)
        return "\n".join(lines)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class PolicyServer(ShimServer):
    """With a policy that knows a witness, and asks for none."""

    def __init__(self, **more):
        super().__init__(**more)
        self.more += [f"--policy={calls.policy(self)}", f"--providers-dir={calls.providers(self)}",
                      f"--mail-server=smtp://127.0.0.1:{calls.post_office().port}", "--mail-clear", "--mail-from=notices@kontor.example"]


class Torture:
    def __init__(self, long):
        self.long = long
        self.trials = self.told = 0
        self.pairs, self.reached, self.made, self.lied = set(), set(), set(), set()
        self.wrong, self.last = [], ""
        import world
        world.Server = PolicyServer
        self.begin()

    def begin(self):
        self.w = World(more=("--workers=1",))
        self.shim = self.w.server.shim
        self.sql = Psql(self.w.server)
        tables = self.sql.ask("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1").split()
        self.sql.ask("PREPARE counts AS " + " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for t in tables if t not in ("agent_contact", "answer", "session", "tile", "checkpoint", "quorum", "notice", "notice_event", "delivery")))

    def clean(self):
        """Started anew, which makes the tiles again that a call has taken away, the auditor finds no fault."""
        self.w.server.stop()
        self.w.server.start()
        audit(self.w.server)

    def renew(self):
        """A new world: each trial has to do with all that those before it have left behind."""
        self.clean()
        self.close()
        self.w.server.remove()
        self.begin()

    def counts(self):
        return {k: int(v) for k, v in (line.split("|") for line in self.sql.ask("EXECUTE counts").split("\n"))}

    def delta(self, before):
        after = self.counts()
        return {t: after[t] - before[t] for t in after if after[t] != before[t]}

    def did(self, before, delta):
        """What was changed, but for what time alone did beside a call that writes no entry: a ticket that nobody took up, VOID or EXPIRE."""
        after = self.delta(before)
        if "entry" in after and "entry" not in delta:
            after["entry"] -= int(self.sql.ask(f"SELECT count(*) FROM entry WHERE index >= {before['entry']} AND kind IN (10, 11)"))
        return {t: n for t, n in after.items() if n}

    def ready(self):
        end = time.monotonic() + 90
        while True:
            reply = self.w.anybody.get("/health/ready")
            if reply.status == 200 or (reply.json["phase"] == "leading" and reply.json["reason"] == FULL):  # that is said for two seconds more
                return
            assert time.monotonic() < end, f"after {self.last}: {reply}\n{self.w.server.tail()}"
            time.sleep(0.01)

    def plan(self, name, make):
        """What an untroubled call runs, what it changes, what it answers."""
        call = make(self.w)
        before = self.counts()
        self.shim.watch(who="kontord")
        reply = call.send(key := str(calls.uuid.uuid4()))
        seen = self.shim.seen()
        assert reply.status < 400, (name, reply)
        delta = self.delta(before)
        if call.once:
            again = call.send(key)
            assert again.status == reply.status, (name, "again", again)
            assert self.delta(before) == delta, (name, "again", self.delta(before), delta)
        call.after(reply)
        self.shim.watch()
        return reply.status, delta, seen

    def trial(self, name, make, statement, nth, how, status, delta):
        """Did it strike? A statement that came by chance (a tile that was just full) does not come again."""
        what = f"{name}: {how[0]} {how[1]} at {statement} #{nth}"
        try:
            call = make(self.w)
        except Exception as error:
            raise AssertionError(f"after {self.last}, before {what}: {error}\n{self.w.server.tail()[-1500:]}") from error
        self.last = what
        before = self.counts()
        self.shim.arm(nth, how[0], how[1], only=statement, who="kontord", times=1)
        reply = call.send(key := str(calls.uuid.uuid4()))
        struck = self.shim.struck
        if self.shim.lied:
            self.lied.add(statement)
        self.shim.watch()
        if not struck:
            call.after(reply) if reply.status == status else None
            return False
        self.trials += 1
        self.told += reply.status != status
        refused = how[0] == "count" and 400 <= reply.status < 500 and not self.delta(before)  # no such row: then nothing was done
        if reply.status != status and not refused and not (reply.status in (500, 507) or (reply.status == 503 and "retry-after" in reply.headers)):
            self.wrong.append(f"{what}: {reply}")
        if reply.status == status and call.once and (did := self.did(before, delta)) != delta:
            self.wrong.append(f"{what}: it said {status} and did {did}, not {delta}")
        self.ready()
        last, want = reply, status
        if reply.status != status:
            last = call.send(key)
            want = status if call.once or call.again is None or not self.delta_is(before, delta) else (status, call.again)
            if last.status != status and (call.once or last.status != call.again):
                self.wrong.append(f"{what}: repeated: {last}, not {want}")
        if call.once and last.status == status and (did := self.did(before, delta)) != delta:
            kinds = self.sql.ask(f"SELECT string_agg(kind::text, ' ' ORDER BY index) FROM entry WHERE index >= {before['entry']}")
            self.wrong.append(f"{what}: {reply.status}, repeated: it did {did}, not {delta}; entries of kinds {kinds}")
        if last.status == status:
            call.after(last)
        return True

    def delta_is(self, before, delta):
        return self.delta(before) == delta

    def torture(self, name, make):
        self.plan(name, make)  # once for what it finds to clear away
        status, delta, seen = self.plan(name, make)
        self.reached.update(s.split()[-1] for s in seen)
        nth = {}
        for statement in seen:
            nth[statement] = nth.get(statement, 0) + 1
            for i, how in enumerate(HOWS + (ENDS if statement == "COMMIT" else [])):
                pair = (statement, how)
                fresh = pair not in self.pairs
                turn = (len(name) + nth[statement] + sum(map(ord, statement))) % len(HOWS) == i and (name, statement) not in self.made
                if not (fresh or self.long or (turn and delta)):
                    continue
                self.made.add((name, statement))
                if self.trial(name, make, statement, nth[statement], how, status, delta):
                    self.pairs.add(pair)

    def close(self):
        self.shim.watch()
        self.sql.close()


def statements_in_store():
    found = {}
    for path in sorted((harness.TOP / "server" / "store").glob("*.c")):
        for name in re.findall(r'(?:DB_QUERY\(\s*\w+,\s*\.name = |^(?:PAGE|SET|COUNT)_OF\(\w+, )"(\w+)"', path.read_text(), re.M):
            found[name] = path.name
    return found


def audit(server, shim=None):
    out = server.data / f"export-{time.monotonic_ns()}"
    done = subprocess.run([str(harness.BUILD / "kontord"), "export", "--with-evidence", *server.options, str(out)], capture_output=True, text=True,
                          env=shim.environment() if shim else None, check=False)
    assert done.returncode == 0, done
    done = subprocess.run([str(harness.BUILD / "kontor-audit"), "verify", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


REACHED = set()


def test_each_statement_of_each_call(long):
    t = Torture(long)
    try:
        # argon2id is slow: what those calls share with others is done by then
        slow = ("session_", "me_", "sign_in_", "people_", "accounts_", "grants_clawback", "reservations_resolve", "reservations_correct", "reservations_dismiss", "again_people")
        def makers():
            return list(calls.reads(t.w)) + list(calls.CALLS.items())

        made = makers()
        order = sorted(range(len(made)), key=lambda i: (made[i][0].startswith(slow), made[i][0].startswith("zz")))
        for number, i in enumerate(order, 1):
            (name, make), began, trials = made[i], time.monotonic(), t.trials
            t.torture(name, make)
            if number % CALLS_A_WORLD == 0 and number < len(order):
                t.renew()
                made = makers()
            if long or time.monotonic() - began > 3:
                print(f"# {name}: {t.trials - trials} trials, {time.monotonic() - began:.1f} s", flush=True)
        print(f"# {len(made)} calls, {len(t.reached)} statements, {len(t.pairs)} statements x failures, {t.trials} trials, {t.told} told their callers")
        REACHED.update(t.reached)
        counted = {s for s in t.reached if re.search(r"_(insert|update)$|^journal_(tag|move|write|open)$", s)}
        print(f"# {len(t.lied)} statements whose wrong row count was read")
        assert len(counted) > 10 and counted <= t.lied, f"their row counts were never wrong: {counted - t.lied}"
        t.clean()
        for section in (same_key_at_once, data_that_cannot_be_stored, behind_the_scenes, what_is_told, a_ticket_nobody_heard_of, under_a_policy, an_assertion, an_admission, waiting_for_the_lease):
            began = time.monotonic()
            section(t, long)
            print(f"# {section.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        calls.full_tile(t.w)  # which a start makes again
        before = facts(t)
        t.w.server.stop()
        each_statement_of_a_start(t, long, before)
        each_statement_of_a_reseal(t, long)
        each_statement_of_an_export(t, long)
        assert not t.wrong, f"{len(t.wrong)}:\n" + "\n".join(t.wrong)
    finally:
        t.close()
        t.w.server.remove()


def differ(a, b, where=""):
    if isinstance(a, dict) and isinstance(b, dict):
        return [x for k in sorted(a.keys() | b.keys()) for x in differ(a.get(k), b.get(k), f"{where}/{k}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [x for i in range(len(a)) for x in differ(a[i], b[i], f"{where}/{i}")]
    return [] if a == b else [f"{where}: {a!r} → {b!r}"]


def timeless(document):
    """Without what moves by itself."""
    if isinstance(document, list):
        return [timeless(d) for d in document]
    if not isinstance(document, dict):
        return document
    return {k: timeless(v) for k, v in document.items() if k not in ("as_of", "journal", "in_touch", "silent_s", "last_contact")}


def told(client, path):
    """To a patient caller: a worker whose line was cut says so once."""
    for _ in range(600):
        reply = client.get(path)
        if reply.status != 503:
            break
        time.sleep(0.05)
    assert reply.status == 200, (path, reply)
    return timeless(reply.json)


def journal_now(t):
    journal = t.w.anybody.must("GET", "/v1/journal")
    return journal["size"], journal["root"]


def facts(t):
    """What every server says of the same database; of one moment of it, as time writes entries of its own."""
    for _ in range(20):
        journal = journal_now(t)
        found = {"journal": journal} | facts_of(t.w)
        if journal_now(t) == journal:
            break
    return found


def facts_of(w):
    return {path: told(client, path) for client, path in (
        (w.local, "/v1/programme"), (w.people["brisa"], f"/v1/grants/{w.grants['brisa']}"),
        (w.people["brisa"], "/v1/reservations?limit=500"), (w.people["officer"], "/v1/tranches"))}


def same_key_at_once(t, long):
    """A caller who gave up and asks again while the first call is still under way: both get the one answer."""
    w = t.w
    for round_ in range(12):
        def make(client, path, body):
            key = str(calls.uuid.uuid4())
            others = [harness.Client(w.server) for _ in range(8)]
            for o in others:
                o.cookie, o.csrf, o.local = client.cookie, client.csrf, client.local
            t.shim.watch(who="kontord")
            later = [Later(lambda o=o: o.post(path, body, key=key)) for o in others]
            replies = [x.wait() for x in later]
            REACHED.update(s.split()[-1] for s in t.shim.seen())
            assert {r.status for r in replies} == {replies[0].status} and replies[0].status < 300, replies
            ids = {r.json["id"] for r in replies if "id" in r.json}
            assert len(ids) <= 1, replies
            return replies[0]
        make(w.people["brisa"], "/v1/requests", w.wants(script=f"#!/bin/sh\n# {calls.word()}\n"))
        make(w.local, "/v1/organisations", {"name": calls.word(), "country": "ES", "city": "Vigo", "lat_milli": 1, "lon_milli": 2})
        quote = make(w.people["brisa"], f"/v1/requests/{calls.a_request(w)['id']}/quotes", {"hold": True}).json["id"]
        reservation = make(w.people["brisa"], f"/v1/quotes/{quote}/accept", {"option": 0}).json["id"]
        calls.cancel(w, reservation)
        if "answers_find_all" in REACHED and round_ > 1:
            break


def poisoned(t, *scope):
    """kontord poisoned: each of its statements fails, then it goes through."""
    shim = Shim()

    def run():
        return subprocess.run([str(harness.BUILD / "kontord"), "poisoned", *t.w.server.options, *scope], capture_output=True, text=True,
                              env=shim.environment(), check=False)
    for k in range(1, 5):
        for how in (HOWS[0], HOWS[3]):
            shim.arm(k, how[0], how[1])
            done = run()
            assert shim.struck == 0 or (done.returncode == 1 and "kontord poisoned: " in done.stderr), (k, how, done)
            if shim.struck == 0:
                break
        if shim.struck == 0:
            break
    else:
        shim.watch()
        done = run()
    REACHED.update(shim.seen())
    assert done.returncode == 0, done
    return done.stdout.split()[0] if done.stdout else ""


def data_that_cannot_be_stored(t, long):
    """Its sender is told so, for good; with another key it may try again. Whether it is the data is looked up first."""
    def policy():
        body = {"code": calls.word(), "name": calls.word(), "cap_credits": "5", "longest_days": 9, "decide_days": 4}
        return lambda key: t.w.local.post("/v1/policies", body, key=key)

    t.shim.watch(who="sequencer")
    assert policy()(True).status == 201
    k = t.shim.seen().index("journal_write") + 1
    send, key = policy(), calls.word()
    t.shim.arm(k, "error", "23514", who="sequencer")
    reply = send(key)
    seen = t.shim.seen()
    t.shim.watch()
    assert reply.status == 500 and reply.json["code"] == "poisoned", reply
    assert send(key).json["code"] == "poisoned" and send(True).status == 201
    REACHED.update(seen)
    scope = poisoned(t)
    assert len(scope) == 64, scope
    poisoned(t, scope)
    assert poisoned(t) == "" and send(key).status == 201, "released, it may be tried again"
    for how in HOWS[:5]:  # everything from there to the look at the head fails
        t.shim.arm(k, how[0], how[1], times=seen.index("journal_head") + 2 - k, who="sequencer")
        reply = policy()(True)
        t.shim.watch()
        assert reply.status in (201, 503, 507), (how, reply)
        t.ready()


def behind_the_scenes(t, long):
    """What runs without a caller: it may fail, and the next time it works; nobody notices."""
    w = t.w
    agent = calls.agent_of(w)

    def poll():
        """A poll that waits looks into the database once more; it waits only where there is nothing newer."""
        newest = agent.seq
        while there := agent.tickets(after=newest).json["tickets"]:
            newest = there[-1]["seq"]
        waiting = Later(lambda: agent.tickets(after=newest, wait=3))
        time.sleep(0.05)
        reservation = calls.a_reservation(w)
        assert waiting.wait().status == 200
        calls.ticket_of(agent, reservation)
        calls.cancel(w, reservation["id"])

    def grow():
        """The log's notary signs within ten seconds of the last entry."""
        calls.funds_create(w).send(calls.word())
        time.sleep(0.2)

    def scrape():
        """Figures of witnesses are found by a worker after each scrape, at most every second."""
        with urllib.request.urlopen(f"http://127.0.0.1:{w.server.metrics_port}/metrics") as reply:
            assert b"kontor_leading" in reply.read()
        time.sleep(0.05)

    for statement, do, seconds in (("server_clock", lambda: time.sleep(0.2), 12),) * long + (
            ("tickets_after_each", poll, 30), ("checkpoints_signed_after", scrape, 60), ("checkpoints_add", grow, 60)):
        for how in HOWS[:1] if statement.startswith("checkpoints_") and not long else HOWS if long else HOWS[:1] + HOWS[3:4]:
            t.shim.arm(1, how[0], how[1], only=statement, who="kontord")
            end = time.monotonic() + seconds
            while t.shim.struck == 0 and time.monotonic() < end:
                do()
            if t.shim.struck:
                REACHED.add(statement)
                t.trials += 1
            t.shim.watch()
            t.ready()


def what_is_told(t, long):
    """The herald and the courier: whatever fails, what happened is told, once, and what is to be delivered is tried."""
    w = t.w
    _, owner, hook = calls.a_webhook(w)
    like = w.local.must("GET", f"/v1/grants/{w.grants['brisa']}")
    ended = []

    def end_one():
        reservation = calls.a_reservation(w)
        calls.cancel(w, reservation["id"])
        ended.append(reservation["id"])

    def test():
        owner.must("POST", f"/v1/webhooks/{hook}/test", {}, status=202)

    def ask():
        calls.a_reader(w).must("POST", "/v1/me/mail", {"address": "asks@brisa.example", "password": calls.PASSWORD})

    def lapse():
        """A grant of two days, of which nothing was used."""
        start = calls.millis(like["start"])
        w.order("/v1/grants", {"organisation": w.organisations["brisa"], "tranche": w.tranche, "mode": "fast-lane", "credits": "1", "start": like["start"],
                               "end": calls.stamp(start + 2 * 86400000), "reference": calls.word(), "gge_eur_cents": 1, "legal_basis": "gber", "reason": "Test"})

    for who, statement, do, seconds in (("herald", "notices_cursor", end_one, 10), ("herald", "notices_entries", end_one, 10), ("herald", "notices_cursor_move", end_one, 10),
                                        ("herald", "notices_add", end_one, 10), ("herald", "notices_to", end_one, 10), ("herald", "notices_paid", lapse, 15), ("herald", "notices_windows", lapse, 15),
                                        ("courier", "deliveries_claim", test, 10), ("courier", "deliveries_done", test, 10), ("courier", "deliveries_count", test, 15),
                                        ("herald", "notices_mail", end_one, 10), ("postman", "deliveries_letters", ask, 10), ("postman", "deliveries_done", ask, 10)):
        for how in HOWS if long else HOWS[:1]:
            t.shim.arm(1, how[0], how[1], only=statement, who=who)
            do()
            end = time.monotonic() + 4 * seconds
            while t.shim.struck == 0 and time.monotonic() < end:
                time.sleep(0.05)
            assert t.shim.struck, f"{statement} was not asked"
            REACHED.add(statement)
            t.trials += 1
            t.shim.watch()
            t.ready()
    end = time.monotonic() + 60
    while set(ended) - set(t.sql.ask("SELECT subject FROM notice_event WHERE kind = 1").split()):
        assert time.monotonic() < end, "what ended was not told"
        time.sleep(0.1)
    while int(t.sql.ask(f"SELECT count(*) FROM delivery WHERE webhook = '{hook}' AND tries = 0")):
        assert time.monotonic() < end, "what is to be delivered was not tried"
        time.sleep(0.1)


def polls_waiting(w):
    with urllib.request.urlopen(f"http://127.0.0.1:{w.server.metrics_port}/metrics") as text:
        return int(re.search(r"^kontor_agent_polls (\d+)$", text.read().decode(), re.M)[1])


def a_ticket_nobody_heard_of(t, long):
    """Its batch is committed, and its outcome is not known: it is told to nobody. An agent that waits for tickets gets it all
    the same, and not only when its waiting is over."""
    w, agent = t.w, calls.agent_of(t.w)
    first = calls.a_reservation(w)
    calls.ticket_of(agent, first)
    quote, key = calls.a_quote(w, countries=["FI"]), str(calls.uuid.uuid4())
    waiting, end = Later(lambda: agent.tickets(after=agent.seq, wait=30)), time.monotonic() + 20
    while polls_waiting(w) == 0:
        assert time.monotonic() < end, "it does not wait"
        time.sleep(0.01)
    t.shim.arm(1, "warning", only="COMMIT", who="sequencer")
    began = time.monotonic()
    reply = w.people["brisa"].post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=key)
    assert t.shim.struck == 1 and reply.status == 503 and reply.json["code"] == "unknown-outcome", reply
    t.shim.watch()
    assert waiting.wait().status == 200 and waiting.at - began < 25, waiting.at - began
    t.ready()
    reservation = w.people["brisa"].post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=key)
    assert reservation.status == 201, reservation
    calls.ticket_of(agent, reservation.json)
    calls.cancel(w, reservation.json["id"])
    calls.cancel(w, first["id"])
    t.trials += 1


def under_a_policy(t, long):
    """A policy that is new has no marks: what was cosigned before is looked through."""
    w = t.w
    agent, keys, body = calls.cosigned(w)
    assert agent.call("POST", "/v1/agent/cosignatures", body).status == 204
    try:
        calls.policy_in_force(w, True, witness=keys["witness"][1], quorum="one")
        t.torture("checkpoint_under_a_policy", lambda w: calls.Call(lambda key: w.anybody.get("/checkpoint")))
    finally:
        calls.policy_in_force(w, False)
    REACHED.update(t.reached)


def an_assertion(t, long):
    """What lies beside an entry that a passkey signed."""
    order = calls.a_waiting_order(t.w)
    calls.a_signature(t.w, order, "officer")
    who = calls.a_passkey_officer(t.w)
    index = t.w.people[who].must("POST", f"/v1/orders/{order['id']}/signatures", calls.by_passkey(t.w, order), key=True)["entry"]
    path = f"/v1/journal/entries/{index}/evidence"
    assert [a["assertion"][:38] for a in t.w.people["officer"].must("GET", path)["assertions"]] == [b"kontor-assertion/v1".hex()]
    t.torture("journal_entry_evidence_of_an_assertion", lambda w: calls.Call(lambda key: w.people["officer"].get(path)))
    REACHED.update(t.reached)


def an_admission(t, long):
    """The operator's word while the guard is closed: whatever fails meanwhile, it is given once, and the guard opens."""
    w, key = t.w, calls.uuid.uuid4
    _, keys, _ = calls.cosigned(w)
    calls.policy(w.server, witness=keys["witness"][1], quorum="one")
    tried = [("evidence_add", HOWS[0]), ("journal_write", HOWS[3]), ("journal_write", HOWS[5]), ("COMMIT", HOWS[4])]
    try:
        for statement, how in tried if long else tried[1:]:
            w.server.stop()
            w.server.start(ready=False)
            end = time.monotonic() + 60
            while (said := w.anybody.get("/health/ready").json)["phase"] != "guarded":
                assert time.monotonic() < end, said
                time.sleep(0.01)
            size, notices = int(t.sql.ask("SELECT size FROM head")), t.counts()["evidence"]
            body, this = {"rollback_to": size, "reason": "Test"}, str(key())
            t.shim.arm(1, how[0], how[1], only=statement, who="kontord")
            replies = [w.local.post("/v1/journal/admit", body, key=this)]
            assert t.shim.struck == 1, (statement, how)
            t.shim.watch()
            t.trials += 1
            while replies[-1].status != 200 and time.monotonic() < end:
                assert replies[-1].status in (500, 503, 507), (statement, how, replies)
                replies.append(w.local.post("/v1/journal/admit", body, key=this))
            assert replies[-1].json["rollback_to"] == size, (statement, how, replies)
            t.ready()
            got = t.sql.ask(f"SELECT count(*) FROM entry WHERE index >= {size} AND kind = 19 AND get_byte(body, 1) = 6"), t.counts()["evidence"] - notices
            assert got == ("1", 1), (statement, how, got, replies)
    finally:
        calls.policy(w.server)
        w.server.stop()
        w.server.start()


def waiting_for_the_lease(t, long):
    """Another holds the lease: what the server does meanwhile may fail too, and it leads as soon as it can."""
    lock = Psql(t.w.server)
    try:
        t.shim.watch(who="kontord")
        # one statement: whoever takes it must be quicker than the server that has just lost it
        for _ in range(50):
            if lock.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid();"
                        " SELECT pg_sleep(0.01); SELECT pg_try_advisory_lock(hashtextextended('kontor sequencer', 0))").endswith("t"):
                break
        end = time.monotonic() + 40
        while "journal_unblock" not in t.shim.seen() and time.monotonic() < end:
            time.sleep(0.02)
        names = [n for n in dict.fromkeys(t.shim.seen()) if n.startswith("journal_") and n != "journal_write"]
        REACHED.update(names)
        for name in names if long else [n for n in names if n not in t.reached]:
            for how in HOWS if long else (HOWS[0], HOWS[4]):
                t.shim.arm(1, how[0], how[1], only=name, who="kontord")
                end = time.monotonic() + 3
                while t.shim.struck == 0 and time.monotonic() < end:
                    time.sleep(0.02)
                t.trials += t.shim.struck
    finally:
        t.shim.watch()
        lock.ask("SELECT pg_advisory_unlock_all()")
        lock.close()
    t.ready()


def each_statement_of_a_start(t, long, before):
    """A start whose k-th statement fails comes up by itself, with the same state."""
    server = t.w.server
    old = ("INSERT INTO checkpoint SELECT i, root, note, i FROM generate_series(1, 3) i, (SELECT root, note FROM checkpoint LIMIT 1) c"
           " ON CONFLICT DO NOTHING")  # that nothing needs any more, but the last of its day: they are swept away
    t.sql.ask("DELETE FROM tile")  # as in a journal from before there were any: they are made at the start
    t.sql.ask(old)
    t.shim.watch(who="kontord")
    server.start()
    agent = getattr(t.w, "torture_agent", None)
    if agent:
        agent.tickets(after=0)
    end = time.monotonic() + 40
    while not {"answers_prune", "checkpoints_sweep"} <= set(t.shim.seen()) and time.monotonic() < end:
        time.sleep(0.05)
    seen = t.shim.seen()
    REACHED.update(s.split()[-1] for s in seen)
    nth, plan, trials, began = {}, [], 0, time.monotonic()
    for statement in seen:
        nth[statement] = nth.get(statement, 0) + 1
        first = not statement.startswith(("prepare ", "describe ")) and nth[statement] == 1 and statement.split()[-1] not in t.reached
        turn = len(plan) % 2 * 4
        for i, how in enumerate(HOWS):
            if long or ((first or (statement == "connect" and nth[statement] == 1)) and i == turn):
                plan.append((statement, nth[statement], how))
    for statement, k, how in plan:
        server.stop()
        t.sql.ask("DELETE FROM tile")
        t.sql.ask(old)
        t.shim.arm(k, how[0], how[1], only=statement, who="kontord")
        server.start()
        if agent:
            agent.tickets(after=0)
        end = time.monotonic() + 2
        while t.shim.struck == 0 and time.monotonic() < end:
            time.sleep(0.02)
        trials += t.shim.struck > 0
        t.shim.watch()
        t.ready()
        after = facts(t)
        for _ in range(5):
            if after["journal"] == before["journal"]:
                break
            after = facts(t)  # the long form takes hours: time has written something; a clean start says the same of it
            server.stop()
            server.start()
            t.ready()
            before = facts(t)
        for path in before:
            assert after[path] == before[path], (statement, k, how, path, differ(before[path], after[path]))
        names = {n["name"] for n in after["/v1/tranches"]["items"]}
        assert "First" in names, (statement, how, names)
    print(f"# start: {len(seen)} statements, {trials} of {len(plan)} trials struck, {time.monotonic() - began:.1f} s", flush=True)
    server.stop()
    t.sql.ask("DELETE FROM checkpoint WHERE seal IS NULL") # those that were made up
    server.start()
    audit(server)


def each_statement_of_a_reseal(t, long):
    """All rows are sealed, or none: whatever fails, at the first start of a database from before there were seals, or in
    kontord reseal, the next try does it."""
    server, shim = t.w.server, Shim()
    key, following = server.data / "seal.key", server.data / "seal.key.next"
    bare = "; ".join(f"UPDATE {table} SET seal = NULL" for table in ("head", "checkpoint", "evidence", "reservation"))
    told = "SELECT " + " + ".join(f"(SELECT count(*) FROM {table} WHERE seal IS NULL)" for table in ("head", "checkpoint", "evidence", "reservation"))

    def run():
        return subprocess.run([str(harness.BUILD / "kontord"), "reseal", *server.options], capture_output=True, text=True, env=shim.environment(), check=False)

    def without():
        t.sql.ask(bare)
        key.unlink(missing_ok=True)
        assert int(t.sql.ask(told)) > 3

    server.stop()
    t.sql.ask(bare)
    shim.watch(who="kontord")
    done = run()
    assert done.returncode == 0 and "head true: had no seal" in done.stdout and t.sql.ask(told) == "0", done
    seen = shim.seen()
    REACHED.update(s.split()[-1] for s in seen)
    for k in range(1, len(seen) + 1) if long else sorted({seen.index(s) + 1 for s in seen}):
        for how in HOWS[:5] if long else (HOWS[0], HOWS[4]):
            without()
            shim.arm(k, how[0], how[1], who="kontord")
            done = run()
            assert shim.struck == 1, (seen[k - 1], how)
            shim.watch()
            assert done.returncode in (0, 1) and (done.returncode == 0 or "kontord reseal: " in done.stderr), (seen[k - 1], how, done)
            if done.returncode == 0:
                assert t.sql.ask(told) == "0", (seen[k - 1], how)
            server.start() # with what is there: a key and its seals, or neither
            server.stop()
            assert key.exists() and not following.exists() and t.sql.ask(told) == "0", (seen[k - 1], how)
    without()
    t.shim.watch(who="kontord")
    server.start()
    REACHED.update(s.split()[-1] for s in t.shim.seen())
    t.ready()
    print(f"# reseal: {len(seen)} statements")


def each_statement_of_an_export(t, long):
    server = t.w.server
    shim = Shim()
    shim.watch(who="kontord")
    out = audit(server, shim)
    seen = shim.seen()
    REACHED.update(s.split()[-1] for s in seen)
    for k in range(1, len(seen) + 1) if long else sorted({seen.index(s) + 1 for s in seen}):
        for how in HOWS[:5] if long else (HOWS[0], HOWS[3]):
            shim.arm(k, how[0], how[1], who="kontord")
            done = subprocess.run([str(harness.BUILD / "kontord"), "export", "--with-evidence", *server.options, f"{out}-{k}-{how[0]}-{how[1]}".replace(" ", "-")],
                                  capture_output=True, text=True, env=shim.environment(), check=False)
            assert shim.struck == 1
            if done.returncode == 0 and (how[1] == "40001" or seen[k - 1] == "ROLLBACK"):
                continue  # it tried again; or all was written by then
            assert done.returncode == 1 and "kontord export: " in done.stderr, (seen[k - 1], how, done)
    print(f"# export: {len(seen)} statements")


def test_each_statement_of_a_migration(long):
    """Half a migration is none: it says so, and the next run makes the same schema as an untroubled one."""
    server = harness.Server()
    try:
        def fresh():
            subprocess.run(["psql", "-qX", server.super, "-c", f"DROP DATABASE {server.name}", "-c", f"CREATE DATABASE {server.name}"],
                           check=True, capture_output=True)

        def schema():
            return server.sql("SELECT md5(string_agg(table_name || column_name || data_type, ',' ORDER BY 1, 2)) FROM"
                              " (SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2) c")

        shim, want = Shim(), schema()
        fresh()
        shim.watch(who="kontord")
        migrate(server, shim)
        seen = shim.seen()
        REACHED.update(s.split()[-1] for s in seen)
        assert schema() == want
        ks = range(1, len(seen) + 1) if long else sorted({seen.index(s) + 1 for s in seen})
        for k in ks:
            for how in HOWS[:5] + (ENDS if seen[k - 1] == "COMMIT" else []) if long or seen[k - 1] == "COMMIT" else (HOWS[k % 5],):
                fresh()
                shim.arm(k, how[0], how[1], who="kontord")
                done = migrate(server, shim)
                assert shim.struck == 1 and done.returncode == 1 and "kontord migrate: " in done.stderr, (seen[k - 1], how, done)
                shim.watch()
                done = migrate(server, shim)
                assert done.returncode == 0 and schema() == want, (seen[k - 1], how, done)
        print(f"# migrate: {len(seen)} statements")
    finally:
        server.remove()


def migrate(server, shim):
    return subprocess.run([str(harness.BUILD / "kontord"), "migrate", *server.options], capture_output=True, text=True, env=shim.environment(), check=False)


def test_no_statement_was_left_out(long):
    missed = {n: f for n, f in statements_in_store().items() if n not in REACHED}
    print(f"# {len(statements_in_store())} statements in store/, {len(REACHED & set(statements_in_store()))} tortured")
    assert not missed, f"never reached: {len(missed)}, such as {dict(list(missed.items())[:10])}: give tests/torture/calls.py a call that does"
