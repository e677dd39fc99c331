#!/usr/bin/env python3
"""kill_agent.py [--jobs N] [--kills N] [--sandbox none|bwrap] [--seed N]: the agent is killed (SIGKILL) at random instants
while jobs arrive, run, are cancelled, and while the network loses messages. In the end every job is reported to its end,
none has run twice, and no rule of numbers, permits and instances was broken (fake_server.py keeps them)."""

import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from fake_server import KINDS, FakeServer  # noqa: E402
from rig import Rig  # noqa: E402


def issue(server, i):
    script = "#!/bin/sh\necho run >>\"$KONTOR_SHARE/%d\"\n%s\nexit %d\n" % (
        i, random.choice(["", "sleep 0.1", "sleep 0.5", "sleep 1"]), random.choice([0, 0, 0, 3]))
    return server.issue(script, gpus=random.randint(1, 8), walltime_s=random.choice([1, 60, 60]))


def campaign(server, rig, jobs, kills, seconds):
    """Returns (tickets, kills made, cancellations)."""
    tickets, made, cancelled, began = [], 0, 0, time.monotonic()
    progress = sys.stdout.isatty()
    rig.start()
    while len(tickets) < jobs or made < kills or not all(over(t) for t in tickets):
        if time.monotonic() - began > seconds:
            break
        if len(tickets) < jobs:
            tickets.append(issue(server, len(tickets)))
        if tickets and random.random() < 0.05:
            victim = random.choice(tickets)
            if not over(victim) and not getattr(victim, "cancelled", False):
                victim.cancelled = True
                cancelled += 1
                server.cancel(victim)
        time.sleep(random.uniform(0, 0.15))
        if made < kills:
            rig.kill()
            made += 1
            rig.start()
            time.sleep(random.uniform(0, 0.4))
        if progress:
            print("\r%d jobs, %d over, %d kills " % (len(tickets), sum(map(over, tickets)), made), end="", flush=True)
    if progress:
        print()
    return tickets, made, cancelled


def over(t):
    """Reported to its end, or its only question for a permit was refused."""
    return t.last is not None or (t.withdrawn and not t.permits and t.kinds() == ["accepted"])


def runs(rig, i):
    try:
        with open(os.path.join(rig.share, str(i)), encoding="ascii") as f:
            return len(f.readlines())
    except FileNotFoundError:
        return 0


def faults_of(rig, server, tickets):
    found = list(server.broken)
    for i, t in enumerate(tickets):
        ran = runs(rig, i)
        if not over(t):
            found.append("job %d: not over: %r" % (i, t.reports))
        if ran > 1:
            found.append("job %d: ran %d times" % (i, ran))
        if ran and not t.permits:
            found.append("job %d: ran without a permit" % i)
        if t.last and KINDS[t.last.kind] == "finished" and ran != 1:
            found.append("job %d: finished, but ran %d times" % (i, ran))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=0, help="at most; 0: by the number of kills")
    parser.add_argument("--losses", type=float, default=0.05, help="share of requests and replies that get lost")
    parser.add_argument("--sandbox", default="none", choices=["none", "bwrap"])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    random.seed(args.seed)
    server = FakeServer(permit_life_ms=2000)
    server.faults = args.losses
    rig = Rig(server.url, sandbox=args.sandbox)
    try:
        server.faults = 0
        done = rig.enrol(server.new_token(), server.SITE)
        if done.returncode:
            sys.exit(done.stderr)
        server.faults = args.losses
        tickets, made, cancelled = campaign(server, rig, args.jobs, args.kills, args.seconds or 120 + 2 * args.kills)
        found = faults_of(rig, server, tickets)
        ends = {}
        for t in tickets:
            end = "refused" if not t.last else KINDS[t.last.kind] + ("-site" if t.last.reason == 2 else "")
            ends[end] = ends.get(end, 0) + 1
        print("seed %d: %d kills, %d jobs (%d cancelled), %d reports, %d instances; %s; ran twice: %d; rules broken: %d" % (
            args.seed, made, len(tickets), cancelled, len(server.reports), server.instance,
            ", ".join("%s %d" % e for e in sorted(ends.items())),
            sum(runs(rig, i) > 1 for i in range(len(tickets))), len(found)))
        if found:
            print("\n".join(found[:20]))
            print(rig.log()[-20000:])
            return 1
        return 0
    finally:
        rig.close()
        server.close()


if __name__ == "__main__":
    sys.exit(main())
