"""tests/model/plain.py: the market as a reader of the handbook would keep it, with dictionaries and whole numbers. It is told
every command and what was drawn for it, says what must follow, and compares. Written in another way than the code: nothing
is kept that can be counted anew from what has happened."""

KINDS = ["none", "accepted", "rejected", "queued", "started", "usage", "finished", "failed", "cancelled", "inventory"]
PERMIT_LIFE, QUOTE_LIFE, DAY, SLACK, CONTEST = 60_000, 600_000, 86_400_000, 120_000, 7 * 86_400_000
GRACE, DISPUTE_TIME = DAY, 90 * DAY
WHOLE_GPUS, POOL_GPUS, NODE = 56, 8, 4
REASON_JOB = 1

# state: event → next state and what follows. A letter each: V void (what was paid comes back), X the rest is released,
# S the last payment, D a payment a day, F the place is free, N it may be placed anew, T a ticket that cancels.
RULES = """
issued      accepted→permitted late→voided:VFN rejected→voided:VFN queued,started,usage,usage-day,finished,failed-job,cancelled,bad→disputed
issued      failed-site→voided:VFN unused→voided:VFN cancel→voided:VFT withdraw→voided:VFNT accept-by→voided:VFN expiry→voided:XF
permitted   accepted→permitted rejected→voided:VFN opened→open started→running usage→running usage-day→running:D finished,failed-job,cancelled→settled:SF
permitted   failed-site→voided:VFN unused→voided:VF bad,lost→disputed cancel→cancelling:T start-grace→silent expiry→voided:XF
running     rejected,bad,lost→disputed usage-day→running:D finished,failed-job,cancelled,unused→settled:SF failed-site→voided:VFN
running     cancel→cancelling:T end-grace→ended:F expiry→voided:XF
open        rejected,bad,lost→disputed usage-day→open:D finished,failed-job,cancelled,unused→settled:SF failed-site→voided:VF
open        cancel→cancelling:T end-grace→ended:F expiry→voided:XF
ended       rejected,bad,lost→disputed usage-day→ended:D finished,failed-job,cancelled,unused→settled:SF failed-site→voided:VFN
ended       unknown-grace→silent expiry→voided:XF
cancelling  rejected,failed-site,unused→voided:VF usage-day→cancelling:D finished,failed-job,cancelled→settled:SF bad,lost→disputed
cancelling  cancel-grace→silent expiry→voided:XF
silent      rejected,failed-site→voided:VFN unused→voided:VF opened→open started,usage→running usage-day→running:D finished,failed-job,cancelled→settled:SF
silent      bad,lost→disputed resolve→settled:F dispute-time→voided:XF
disputed    rejected,finished,failed-job,failed-site,cancelled,unused→disputed:F resolve→settled:F dispute-time→voided:XF
contested   correct,dismiss,dispute-time→settled
settled     contest→contested
"""


def table():
    found = {}
    for line in RULES.strip().splitlines():
        state, *cells = line.split()
        for cell in cells:
            events, target = cell.split("→")
            name, _, effects = target.partition(":")
            for event in events.split(","):
                found[state, event] = (name, effects)
    return found


TABLE = table()
DISPUTED = ("silent", "disputed", "contested")


class Wrong(Exception):
    pass


class Plain:
    def __init__(self, plant=None):
        self.plant = plant
        self.base = None        # accounts before anything happened
        self.holds = {}         # index → what was held, and what was done with it
        self.jobs = {}          # id → reservation
        self.quotes = {}        # id → open quote
        self.counters = {}      # site → last report, statements by number
        self.lapsed = {}        # grant → credits
        self.from_reserve = {}  # site account → credits
        self.lines = 0

    # ---- what can be counted anew ------------------------------------------------------------------------------------

    def money(self):
        """Every account, from the holds alone."""
        accounts = {a: list(v) for a, v in self.base.items()}
        for h in self.holds.values():
            rest = h["amount"] - h["paid"] if h["open"] else 0
            grant, site = accounts[h["grant"]], accounts[h["site"]]
            grant[0] += h["paid"]
            site[1] += h["paid"]
            grant[1] += h["back"]
            site[0] += h["back"]
            grant[2] += rest
            site[3] += rest
        for grant, amount in self.lapsed.items():
            accounts[grant][0] += amount
        for site, amount in self.from_reserve.items():
            accounts["2"][0] += amount
            accounts[site][1] += amount
        return accounts

    def free(self, grant):
        debits, credits, held, _ = self.money()[str(grant)]
        return credits - debits - held

    def booked(self, site, pool, slot):
        """GPUs of a site that are taken in a slot."""
        things = [j for j in self.jobs.values() if not j["free"]] + list(self.quotes.values())
        return sum(t["gpus"] for t in things if t["site"] == site and (t["gpus"] < NODE) == pool and t["slot"] <= slot < t["slot"] + t["slots"])

    def fits(self, thing, what):
        pool = thing["gpus"] < NODE
        for slot in range(thing["slot"], thing["slot"] + thing["slots"]):
            taken = self.booked(thing["site"], pool, slot)
            if taken > (POOL_GPUS if pool else WHOLE_GPUS):
                raise Wrong(f"{what} books {taken} GPUs of site {thing['site']} in slot {slot}")

    # ---- one line ------------------------------------------------------------------------------------------------------

    def see(self, line):
        self.lines += 1
        if self.base is None:
            raise Wrong("no beginning")
        self.now = line["now"]
        self.gave_back = set()   # grants whose credits may have come back: past their end these lapse at once
        self.born = []           # reservations that may have come into being, by which grant and request
        self.line = line
        self.known = {j["id"]: j for j in line["reservations"]}
        want = getattr(self, "do_" + line["do"], lambda: None)()
        if want is not None and line["err"] not in (want if isinstance(want, tuple) else (want,)):
            raise Wrong(f"{line['do']} was answered {line['err']}, not {want}")
        self.births()
        for grant in self.gave_back:
            self.lapse(grant)
        self.compare()

    def births(self):
        for r in self.line["reservations"]:
            if r["id"] in self.jobs:
                continue
            if not any(r["request"] == b for b in self.born):
                raise Wrong(f"reservation {r['id']} of request {r['request']} came from nowhere")
            if r["cost"] != r["gpus"] * r["walltime"] * r["rate"]:
                raise Wrong(f"{r['gpus']} GPUs for {r['walltime']} s at {r['rate']} cost {r['cost']}")
            account = self.line["sites"][str(r["site"])]["account"]
            self.holds[r["hold"]] = {"grant": str(r["grant"]), "site": str(account), "amount": r["cost"], "paid": 0, "back": 0, "open": True}
            self.jobs[r["id"]] = {**r, "state": "issued", "free": False, "permit": 0, "first_permit": 0, "permit_ins": 0, "started": 0, "ended": 0,
                                  "gpu_seconds": 0, "daily": 0, "cancelled": 0, "disputed": 0, "settled_at": 0}
            self.fits(self.jobs[r["id"]], "a reservation")

    def compare(self):
        for id_, j in list(self.jobs.items()):
            seen = self.known.get(id_)
            if j["state"] == "voided":
                if seen:
                    raise Wrong(f"reservation {id_} is over, and still there")
                continue
            if seen is None:
                raise Wrong(f"reservation {id_} ({j['state']}) is gone")
            if seen["state"] != j["state"]:
                raise Wrong(f"reservation {id_} is {seen['state']}, not {j['state']}")
            if (seen["slots"] == 0) != j["free"]:
                raise Wrong(f"reservation {id_} ({j['state']}) has {seen['slots']} slots; free: {j['free']}")
        self.jobs = {i: j for i, j in self.jobs.items() if j["state"] != "voided"}
        want = self.money()
        for account, sums in self.line["accounts"].items():
            if list(want[account]) != sums:
                raise Wrong(f"account {account} has {sums}, not {list(want[account])}")
        for site, s in self.line["sites"].items():
            if self.counters[site]["last"] != s["report"]:
                raise Wrong(f"site {site} has {s['report']} reports, not {self.counters[site]['last']}")
            self.counters[site].update(instance=s["instance"])
        quotes = {q["id"] for q in self.line["quotes"]}
        if quotes != set(self.quotes):
            raise Wrong(f"open quotes: {quotes ^ set(self.quotes)}")

    def begin(self, line):
        """Before the first command: what the accounts had, and whose the grants are."""
        self.owners, self.grant_end = line["owners"], line["grant_end"]
        self.base = {a: list(v) for a, v in line["accounts"].items()}
        self.counters = {s: {"last": 0, "instance": v["instance"], "told": {}} for s, v in line["sites"].items()}
        self.lapsed = {a: 0 for a in self.base}
        self.from_reserve = {a: 0 for a in self.base}

    # ---- quotes --------------------------------------------------------------------------------------------------------

    def do_quote(self):
        line = self.line
        live = [j for j in self.jobs.values() if j["request"] == line["request"] and j["state"] not in ("settled", "contested")]
        of_other = [t for t in live + [q for q in self.quotes.values() if q["request"] == line["request"]] if t["grant"] != line["grant"]]
        if of_other:
            return "not-found"
        if live:
            return "request-busy"
        if line["err"] != "ok":
            return ("insufficient-credits", "quote-overcommitted", "quote-parking", "quote-renewed", "field-range", "grant-not-active", "no-offer")
        self.quotes = {i: q for i, q in self.quotes.items() if q["request"] != line["request"]}
        new = [q for q in line["quotes"] if q["id"] == line["answer"]]
        if line["flags"] & 8:
            if new:
                raise Wrong("no offer, and yet a quote")
            return "ok"
        q = dict(new[0])
        if q["cost"] != q["gpus"] * line["walltime"] * q["rate"]:
            raise Wrong(f"a quote of {q['gpus']} GPUs costs {q['cost']}")
        if sum(o["cost"] for o in self.quotes.values() if o["grant"] == q["grant"]) + q["cost"] > self.free(q["grant"]):
            raise Wrong("open quotes promise more than the grant has")
        if q["expires"] != self.now + QUOTE_LIFE:
            raise Wrong("a quote of another life")
        self.quotes[q["id"]] = q
        self.fits(q, "a quote")
        return "ok"

    def quote_of(self):
        """The open quote that is meant, or why there is none."""
        q = self.quotes.get(self.line["quote"])
        if q is None:
            return None, "quote-expired"
        if self.owners[str(q["grant"])] != self.line["org"]:
            return None, "not-found"
        return (None, "quote-expired") if self.now >= q["expires"] else (q, "ok")

    def do_renew(self):
        q, why = self.quote_of()
        if q is None or self.line["err"] == "quote-renewed":
            return why if q is None else "quote-renewed"
        q["expires"] = self.now + QUOTE_LIFE
        return "ok"

    def do_release(self):
        q, why = self.quote_of()
        if q:
            del self.quotes[q["id"]]
        return why

    def do_accept(self):
        q, why = self.quote_of()
        if q is None:
            return why
        if any(j["request"] == q["request"] and j["state"] not in ("settled", "contested") for j in self.jobs.values()):
            return "request-busy"
        if self.line["option"] and self.line["err"] in ("option-gone", "insufficient-credits", "site-paused"):
            return self.line["err"]
        if self.line["option"] == 0 and self.line["sites"][str(q["site"])]["closed"]:
            return "site-paused"
        if self.line["option"] == 0 and q["cost"] > self.free(q["grant"]):
            return "insufficient-credits"
        del self.quotes[q["id"]]
        self.born.append(q["request"])
        return "ok"

    # ---- what happens to a reservation ---------------------------------------------------------------------------------

    def happen(self, j, event, report=None):
        """True if the state table knows it."""
        found = TABLE.get((j["state"], event))
        if found is None:
            return False
        state, effects = found
        h = self.holds[j["hold"]]
        if "S" in effects or "D" in effects:
            rest = h["amount"] - h["paid"]
            due = max(0, min(report["gpu_seconds"] * j["rate"], h["amount"]) - h["paid"])
            if "S" in effects:
                h["paid"] += due
                h["open"] = False
            elif 0 < due < rest:
                h["paid"] += due
                j["daily"] = self.now
        if "V" in effects:
            h["back"] = h["paid"]
            h["open"] = False
        if "X" in effects:
            h["open"] = False
        if self.plant == "cancel" and event == "cancel" and state == "voided":
            h["open"] = True  # the planted fault: a cancelled hold is forgotten
        if set(effects) & set("SVX"):
            self.gave_back.add(h["grant"])
        if "F" in effects or state in ("settled", "voided"):
            j["free"] = True
        if "N" in effects and not (j["allocation"] and j["started"]):
            self.born.append(j["request"])
        if state in DISPUTED and j["state"] not in DISPUTED:
            j["disputed"] = self.now
        if state == "settled" and not j["settled_at"]:
            j["settled_at"] = self.now
        if event == "cancel":
            j["cancelled"] = self.now
        j["state"] = state
        return True

    def site_of(self, j):
        return self.line["sites"][str(j["site"])]

    def event(self, j, event, report=None):
        h = self.holds[j["hold"]]
        if report and h["open"] and self.now >= j["expiry"]:
            return True if j["state"] in DISPUTED else self.happen(j, "expiry")
        if event != "lost" and self.loses_permit(j):
            self.happen(j, "lost")
        if event == "rejected" and h["paid"] != h["back"]:
            event = "bad"
        return self.happen(j, event, report)

    def permit_lost(self, j):
        return 0 < j["permit_ins"] <= self.site_of(j)["retired"] and (j["state"], "lost") in TABLE

    def loses_permit(self, j):
        """Is it disputed before anything else happens to it?"""
        return self.holds[j["hold"]]["open"] and self.now < j["expiry"] and self.permit_lost(j)

    def do_cancel(self):
        j = self.jobs.get(self.line["reservation"])
        if j is None:
            return "state"
        if self.owners.get(str(j["grant"])) != self.line["org"]:
            return "not-found"
        if self.loses_permit(j):
            return "state"  # it will be disputed; and a refused command changes nothing, so not yet
        return "ok" if self.event(j, "cancel") else "state"

    def do_instance(self):
        return None  # the spool's numbers are not modelled; the site's counters are compared

    do_retire = do_received = do_other = do_instance

    # ---- reports -------------------------------------------------------------------------------------------------------

    def do_report(self):
        line, site = self.line, str(self.line["site"])
        c = self.counters[site]
        words = tuple(line[k] for k in ("report", "ins", "kind", "jti", "fence", "at", "started", "ended", "gpu_seconds", "reason"))
        j = next((x for x in self.jobs.values() if x["jti"] == line["jti"] and x["site"] == line["site"]), None)
        if line["actor_ins"] != c["instance"]:
            return "superseded" if line["actor_ins"] < c["instance"] else "spool-ahead"
        if line["ins"] > c["instance"] or line["report"] == 0 or not 0 < line["kind"] < len(KINDS):
            return "field-invalid"
        if line["report"] <= c["last"]:
            if c["told"][line["report"]] == words:
                return "ok"
            opened = j is not None and self.event(j, "bad", line)
            return ("ok", "forked") if opened else "forked"
        if line["report"] > c["last"] + 1:
            return "gap"
        kind = KINDS[line["kind"]]
        if kind == "accepted" and j is not None:
            why = self.accepted(j)
            if why:
                return why
        elif kind != "inventory" and j is not None:
            self.told(j, kind)
        c["last"] += 1
        c["told"][line["report"]] = words
        return "ok"

    def accepted(self, j):
        line, closed = self.line, self.site_of(j)["closed"]
        late = self.now > (j["start_by"] if j["permit"] else min(j["accept_by"], j["start_by"]))
        live = j["state"] not in ("settled", "contested")
        if line["fence"] != j["fence"] or not live:
            return None
        if closed:
            if j["state"] == "issued" and not late and self.now < j["permit_from"]:
                return "too-early"
            if j["state"] == "issued":
                self.event(j, "withdraw", line)
            return None
        earliest = max(j["permit_from"], j["permit"] + PERMIT_LIFE * 3 // 2) if j["permit"] else j["permit_from"]
        if not late and j["state"] in ("issued", "permitted") and self.now < earliest:
            return "too-early"
        before = j["state"]
        self.event(j, "late" if late else "accepted", line)
        if not late and before in ("issued", "permitted") and j["state"] == "permitted":
            j["permit"] = self.now
            j["first_permit"] = j["first_permit"] or self.now
            j["permit_ins"] = line["ins"]
        return None

    def faulty(self, j, kind):
        """Do the numbers of a report contradict what is known?"""
        line = self.line
        ends = kind in ("finished", "failed", "cancelled")
        if line["fence"] != j["fence"] or max(line["started"], line["ended"]) > line["at"]:
            return True
        if (kind in ("started", "usage", "finished") or line["gpu_seconds"]) and not line["started"]:
            return True
        if line["ended"] and (not ends or not line["started"] or line["ended"] < line["started"]):
            return True
        if (kind == "finished" and not line["ended"]) or line["at"] > self.now + SLACK:
            return True
        if line["started"]:
            if not j["first_permit"] or line["started"] < j["first_permit"] - SLACK or line["started"] > j["start_by"] + SLACK:
                return True
            if j["started"] not in (0, line["started"]) or (j["ended"] and j["ended"] != line["ended"]):
                return True
        if line["gpu_seconds"] < j["gpu_seconds"] and line["kind"] >= KINDS.index("usage"):
            return True
        return line["gpu_seconds"] * 1000 > j["gpus"] * ((line["ended"] or line["at"]) - line["started"] + SLACK) if line["gpu_seconds"] else False

    def told(self, j, kind):
        line = self.line
        bad = self.faulty(j, kind)
        event = kind
        if kind == "failed":
            event = "failed-job" if line["reason"] == REASON_JOB else "failed-site"
        elif kind == "cancelled" and not line["gpu_seconds"]:
            event = "unused"
        elif j["allocation"] and (kind == "started" or kind == "usage" and j["state"] in ("permitted", "silent")):
            event = "opened"
        elif kind == "usage" and line["at"] - (j["daily"] or line["started"]) >= DAY:
            event = "usage-day"
        if bad and not (event == "failed-site" and line["fence"] == j["fence"]):
            event = "bad"
        if not bad and j["state"] not in ("settled", "contested"):
            j["started"] = line["started"] or j["started"]
            j["ended"] = line["ended"] or j["ended"]
            if line["kind"] >= KINDS.index("usage"):
                j["gpu_seconds"] = line["gpu_seconds"]
        self.event(j, event, line)

    # ---- time ----------------------------------------------------------------------------------------------------------

    def due(self, j):
        when = {"issued": ("accept-by", j["accept_by"]), "permitted": ("start-grace", j["start_by"] + GRACE),
                "running": ("end-grace", j["window_end"] + GRACE), "open": ("end-grace", j["window_end"] + GRACE), "ended": ("unknown-grace", j["window_end"] + 2 * GRACE),
                "cancelling": ("cancel-grace", j["cancelled"] + GRACE), "silent": ("dispute-time", j["expiry"] + DISPUTE_TIME),
                "disputed": ("dispute-time", j["expiry"] + DISPUTE_TIME), "contested": ("dispute-time", j["disputed"] + DISPUTE_TIME)}
        event, at = when[j["state"]]
        if j["state"] not in DISPUTED and j["expiry"] <= max(self.now, at):
            return "expiry", j["expiry"]
        return event, at

    def do_timer(self):
        what, j = self.line["what"], self.jobs.get(self.line["thing"])
        if what == 1:
            q = self.quotes.get(self.line["thing"])
            if q and self.now >= q["expires"]:
                del self.quotes[q["id"]]
        elif what == 2 and j is not None:
            if j["state"] == "settled":
                if j["id"] not in self.known:
                    if self.now < j["settled_at"] + CONTEST:
                        raise Wrong("a settlement is forgotten before its contest time is over")
                    del self.jobs[j["id"]]
                return "ok"
            event, at = self.due(j)
            if self.now >= at:
                self.event(j, event)
        elif what == 3:
            self.lapse(str(self.line["index"]))
        elif what == 4 and j is not None and j["state"] == "issued" and self.site_of(j)["closed"]:
            # only to another place: which one is the broker's matter, that there is one shows by what took over
            if any(r["request"] == j["request"] and r["fence"] > j["fence"] for r in self.line["reservations"]):
                self.event(j, "withdraw")
        elif what == 5 and j is not None and self.permit_lost(j):
            self.event(j, "lost")
        return "ok"

    def lapse(self, grant):
        """What is free at a grant's end is the fund's again."""
        if grant in self.lapsed and self.now >= self.grant_end and self.free(grant) > 0:
            self.lapsed[grant] += self.free(grant)

    # ---- orders of people ----------------------------------------------------------------------------------------------

    def do_order(self):
        line = self.line
        if line["err"] != "ok":
            return None  # whom the rules of the ledger allow it is its own tests' matter: here only what follows counts
        h = self.holds[line["hold"]]
        j = next((x for x in self.jobs.values() if x["hold"] == line["hold"]), None)
        if line["kind"] == 10:  # VOID
            h["open"] = False
            self.gave_back.add(h["grant"])
            j.update(state="voided", free=True)
        elif line["kind"] == 12:  # RESOLVE
            whole = h["amount"] - h["paid"] if h["open"] else h["amount"]
            amount = whole * line["share"] // 1000
            if h["open"]:
                h["paid"] += amount
                h["open"] = False
                self.gave_back.add(h["grant"])
                self.happen(j, "resolve") if j else None
            else:
                self.from_reserve[h["site"]] += amount
                self.happen(j, "correct") if j else None
        elif line["kind"] == 13:  # CORRECT
            h["back"] = h["paid"]
            self.gave_back.add(h["grant"])
            self.happen(j, "correct") if j else None
        elif line["opens"]:
            self.happen(j, "contest" if j["state"] in ("settled", "contested") else "bad") if j else None
        elif j:
            self.happen(j, "dismiss")
        return "ok"
