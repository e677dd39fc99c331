"""A replay of a trace through a world: plan and drive it, wait until all is settled, say what came of it."""
import collections
import http.client
import json
import os
import subprocess
import time
import uuid

from replay_world import Refused, instant_ms

SLACK_REAL_S = 10   # beyond its sleep, before a job is stopped at its walltime
LONGEST_S = 90 * 86400  # that a request may ask for
NODES_EACH = 512    # brokered at each site
PREFERENCES = ("soonest", "balanced", "nearest", "cheapest")  # by organisation, in turn
OPEN = ("issued", "permitted", "running", "ended", "cancelling", "disputed")
POLICY = {"code": "replay", "name": "Replay", "cap_credits": "0", "longest_days": 1098, "decide_days": 0}
AGENT_OPTIONS = {}


def say(text):
    print(text, flush=True)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))] if values else 0


class Replay:
    def __init__(self, args, world, jobs):
        self.args, self.world, self.jobs = args, world, jobs
        self.clusters = sorted({job.cluster for job in jobs})
        self.results, self.failures = [], []
        self.again = self.turn = 0

    # ---- driving ----------------------------------------------------------------------------------------------------
    def plan(self):
        number = {cluster: i for i, cluster in enumerate(self.clusters)}
        lines = [f"org {o['id']} {o['grant']} {o['cookie']} {o['csrf']}\n" for o in self.world.orgs]
        for job in self.jobs:
            sleep_ms = round(job.duration_s * 1000 / self.world.rate)
            walltime_s = max(60, min(LONGEST_S, int(job.duration_s) + 1 + SLACK_REAL_S * self.world.rate))
            org = number[job.cluster]
            lines.append(f"job {org} {job.gpus} {walltime_s} {sleep_ms} {job.memory_gb} {PREFERENCES[org % 4]}\n")
        return "".join(lines)

    def drive(self):
        driver = self.world.tool("tests/bench/replay_driver")
        give_up_s = 120 if self.args.kills else 60
        done = subprocess.run([driver, self.world.addresses(), str(round(self.args.rate * 1000)), str(self.args.threads),
                               str(give_up_s)], input=self.plan(), stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            if line.startswith("failed "):
                self.failures.append(line)
                continue
            f = line.split()
            self.results.append({
                "job": int(f[0]), "org": int(f[1]), "gpus": int(f[2]), "sent_us": int(f[3]), "accepted_us": int(f[4]),
                "calls": int(f[5]), "attempts": int(f[6]), "request_ms": int(f[7]), "quote_ms": int(f[8]),
                "request": f[9], "reservation": f[10], "site": f[11]})
        if done.returncode not in (0, 1):
            raise SystemExit(f"replay-live: the driver ended with status {done.returncode}")
        for line in self.failures[:5]:
            say(f"not placed: {line}")

    # ---- waiting ----------------------------------------------------------------------------------------------------
    def reservations(self):
        return list(self.world.items("/v1/reservations"))

    def settle(self, seconds):
        """Until nothing is open. What a site failed is asked for once more, as its start-up would. All reservations."""
        until, told = time.monotonic() + seconds, 0
        while True:
            began = time.monotonic()
            try:
                all_of_them = self.reservations()
            except (Refused, OSError, http.client.HTTPException) as fault:
                if time.monotonic() > until:
                    raise SystemExit(f"replay-live: the server does not list the reservations: {fault}") from fault
                time.sleep(0.5)
                continue
            still = [r for r in all_of_them if r["state"] in OPEN]
            if time.monotonic() > told + 5:
                told = time.monotonic()
                states = collections.Counter(r["state"] for r in all_of_them)
                say("  " + ", ".join(f"{n} {state}" for state, n in sorted(states.items())))
            if not still and not self.ask_again(all_of_them):
                return all_of_them
            if time.monotonic() > until:
                return all_of_them
            time.sleep(max(1, 4 * (time.monotonic() - began)))  # looking takes time from those that are looked at

    def ask_again(self, reservations):
        """Requests none of whose reservations ran: quote and accept anew. How many."""
        settled = {r["request"] for r in reservations if r["state"] == "settled"}
        missing = [r for r in self.results if r["request"] not in settled]
        for r in missing:
            org = self.world.orgs[r["org"]]
            try:
                quote = self.person(org, f"/v1/requests/{r['request']}/quotes", {"hold": True, "preference": "soonest"})
                self.person(org, f"/v1/quotes/{quote['id']}/accept", {"option": 0, "move_freely": True})
                self.again += 1
            except (Refused, OSError, http.client.HTTPException) as fault:
                say(f"  asked again for job {r['job']}: {fault}")
        return len(missing)

    def person(self, org, path, body):
        """A start-up's call, at each server until one answers it."""
        key, servers = str(uuid.uuid4()), self.world.servers
        for i in range(len(servers)):
            try:
                return self.person_at(servers[self.turn % len(servers)], org, path, body, key)
            except (Refused, OSError, http.client.HTTPException) as fault:
                if i + 1 == len(servers) or (isinstance(fault, Refused) and fault.status != 503):
                    raise
                self.turn += 1

    def person_at(self, server, org, path, body, key):
        c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=35 if len(self.world.servers) == 1 else 3)
        c.request("POST", path, json.dumps(body), {
            "Content-Type": "application/json", "Cookie": org["cookie"], "X-CSRF-Token": org["csrf"], "Idempotency-Key": key})
        answer = c.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Refused(answer.status, text.decode(errors="replace")[:300])
        return json.loads(text)

    # ---- what came of it --------------------------------------------------------------------------------------------
    def report(self, reservations, drove_s):
        placed = {r["request"]: r for r in self.results}
        ours = [r for r in reservations if r["request"] in placed]
        finished = collections.Counter(r["request"] for r in ours if r["state"] == "settled" and r["outcome"] == "finished")
        outcomes = collections.Counter(f"{r['state']} ({r['outcome']})" for r in ours)
        arrived, by_id = self.world.tickets(), {r["reservation"]: r for r in self.results}
        tickets = [arrived[r["ticket"]["jti"]] - by_id[r["id"]]["sent_us"] / 1000 for r in ours
                   if r["id"] in by_id and r["ticket"]["jti"] in arrived]
        calls = sum(r["calls"] for r in self.results)
        say(f"{len(self.results)} of {len(self.jobs)} jobs placed in {drove_s:.1f} s, {calls / drove_s:.0f} calls/s, "
            f"{self.again} asked again; reservations: " + ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items())))
        accepts = [(r["accepted_us"] - r["sent_us"]) / 1000 for r in self.results]
        say(f"accept answered: p50 {percentile(accepts, 50):.1f} ms, p99 {percentile(accepts, 99):.1f} ms; "
            f"quote: p50 {percentile([r['quote_ms'] for r in self.results], 50)} ms; from sending the accept to the "
            f"ticket in the agent's spool: p50 {percentile(tickets, 50):.1f} ms, p99 {percentile(tickets, 99):.1f} ms ({len(tickets)} tickets)")
        self.report_sites(ours)
        unsettled = len(self.jobs) - len(finished)
        say(f"mark replay-not-settled {unsettled} jobs (goal <= 0)")
        ran = self.world.runs()
        again = [job for job, (starts, _) in ran.items() if len(set(starts)) != len(starts)]
        say(f"as the jobs themselves say: {len(ran)} ran, {sum(len(ends) for _, ends in ran.values())} to their end")
        say(f"mark replay-run-twice {len(again) + sum(n > 1 for n in finished.values())} jobs (goal <= 0)")
        if not self.args.kills and len(tickets) >= 100:
            say(f"mark replay-accept-to-ticket-p99 {percentile(tickets, 99):.1f} ms (goal < 50)")

    def between(self, reservation, first, second):
        """Real ms between two steps of a reservation's life, by the server's clock; None if either is missing."""
        at = {}
        for step in reservation["timeline"]:
            at.setdefault(step["what"], instant_ms(step["time"]))
        if first not in at or second not in at:
            return None
        return (at[second] - at[first]) / self.world.rate

    def report_sites(self, reservations):
        say("site     jobs   wait in the trace's time (mean, p95)   credits paid")
        by_site = collections.defaultdict(list)
        for r in reservations:
            if r["state"] == "settled":
                by_site[r["site"]["code"]].append(r)
        for code, rows in sorted(by_site.items()):
            waits = [ms * self.world.rate / 1000 for ms in (self.between(r, "accepted", "started") for r in rows)
                     if ms is not None]
            paid = sum(int(r["settled_gpums"]) for r in rows)
            mean = sum(waits) / len(waits) if waits else 0
            say(f"{code:8} {len(rows):4}   {mean / 60:10.1f} min {percentile(waits, 95) / 60:10.1f} min          "
                f"{paid / 3_600_000:16,.3f}")

    def balances(self):
        grants = list(self.world.items("/v1/grants"))
        held = sum(int(g["held_gpums"]) for g in grants)
        settled = sum(int(g["settled_gpums"]) for g in grants)
        say(f"credits moved: {settled / 3_600_000:,.3f}; still held: {held / 3_600_000:,.3f}")
        say(f"mark replay-still-held {held} gpums (goal <= 0)")


def clock_rate(jobs, rate):
    span_s = max(job.at_s for job in jobs)
    return max(1, min(400_000, round(span_s / (len(jobs) / rate))))  # LONGEST_S stays some 20 s of real time
