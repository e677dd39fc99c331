"""bench http, part looks: how many look-only quotes a second, over HTTP, with a start-up's session.

The questions are of all kinds: some are met at once, some wait, some are met by few sites or none; each answer has all its
reasons, certificates and what-ifs. wrk, kontord and PostgreSQL share the machine.
"""
import collections
import concurrent.futures
import json
import os
import re
import statistics
import subprocess
import time
import urllib.request

from replay_world import rfc3339

QUESTIONS, CONNECTIONS, SECONDS = 48, 64, 3
NODES, TAKERS, TAKEN = 24, 6, 180  # nodes a site brokers; start-ups that reserve there first, and how often each
MORE_SITES = (("x1", "Lyon", "FR", 45764, 4836), ("x2", "Vilnius", "LT", 54687, 25280), ("x3", "Sofia", "BG", 42698, 23322),
              ("x4", "Linz", "AT", 48306, 14286))  # with the seven: eleven
LUA = """
local requests, i = {}, 0
init = function(args)
   local headers = { ["Cookie"] = "@COOKIE@", ["X-CSRF-Token"] = "@CSRF@", ["Content-Type"] = "application/json"@MORE@ }
   for line in io.lines("@BODIES@") do table.insert(requests, wrk.format("POST", "/v1/quotes", headers, line)) end
   i = math.random(#requests)
end
request = function()
   i = i % #requests + 1
   return requests[i]
end
"""


def bodies_for(world):
    org, bodies = world.orgs[0], []
    sizes, hours = (1, 2, 4, 8, 16, 32, 64, 96), (1, 4, 12, 24, 48, 72)
    for i in range(QUESTIONS):
        wants = {"organisation": org["id"], "grant": org["grant"], "gpus": sizes[i % len(sizes)],
                 "walltime_s": hours[i // len(sizes) % len(hours)] * 3600,
                 "preference": ("soonest", "cheapest", "nearest", "balanced")[i % 4]}
        if i % 3 == 1:
            wants["deadline"] = rfc3339(world.origin_ms + (10 + i) * 86400_000)
        if i % 5 == 2:
            wants["memory_gb"] = 80
        if i % 7 == 3:
            wants["countries"] = ["FI", "ES", "DE", "LU"]
        if i % 11 == 4:
            wants["max_credits"] = "500.000"
        bodies.append(json.dumps(wants, separators=(",", ":")))
    return bodies


def seed(world, policy):
    world.start_server()
    world.seed_sites(NODES)
    for i, (code, city, country, lat, lon) in enumerate(MORE_SITES):
        world.admin("POST", "/v1/sites", {"code": code, "name": f"{city} AIF", "system": f"{city} 1", "city": city,
                                          "country": country, "lat_milli": lat, "lon_milli": lon, "assumed": True})
        world.admin("POST", f"/v1/sites/{code}/offerings", {
            "model": "H100", "memory_gb": 80, "gpus_per_node": 4, "max_gpus_one_island": 64, "kind": "batch", "nodes": NODES,
            "brokered_gpus": NODES * 4, "pool_nodes": 4, "rate_milli": 1500 + 100 * i, "assumed": True, "rate_assumed": True})
    world.seed_credits(["asks"] + [f"takes{i}" for i in range(TAKERS)], policy)
    for org in world.orgs:
        world.sign_in(org)


def call(world, org, path, body, key):
    """One POST of a start-up; the id of what it made."""
    wanted = urllib.request.Request(f"http://127.0.0.1:{world.port}{path}", json.dumps(body).encode(), {
        "Cookie": org["cookie"], "X-CSRF-Token": org["csrf"], "Content-Type": "application/json", "Idempotency-Key": key})
    with urllib.request.urlopen(wanted, timeout=30) as answer:
        return json.loads(answer.read())["id"]


def take_places(world, org, count):
    """Reservations of many sizes, each where it fits soonest from some hour of the next three weeks on. One after the other: a
    start-up may not park more."""
    sizes, hours = (1, 2, 8, 16, 32, 48), (12, 24, 36, 48)
    for i in range(count):
        request = call(world, org, "/v1/requests", {
            "organisation": org["id"], "grant": org["grant"], "name": "taken", "gpus": sizes[i * 5 % len(sizes)],
            "walltime_s": hours[i * 3 % len(hours)] * 3600,
            "earliest_start": rfc3339(world.origin_ms + (1 + i * 37 % 400) * 3600_000),
            "template": "script", "script": "#!/bin/sh\nexit 0\n"}, f"r{i}")
        quote = call(world, org, f"/v1/requests/{request}/quotes", {"hold": True}, f"q{i}")
        call(world, org, f"/v1/quotes/{quote}/accept", {"option": 0}, f"a{i}")


def look(world, body, accepts=""):
    org = world.orgs[0]
    wanted = urllib.request.Request(f"http://127.0.0.1:{world.port}/v1/quotes", body.encode(), {
        "Cookie": org["cookie"], "X-CSRF-Token": org["csrf"], "Content-Type": "application/json", "Accept-Encoding": accepts})
    with urllib.request.urlopen(wanted, timeout=10) as answer:
        return answer.read()


def shape_of(world, bodies):
    """What an answer has on average."""
    sums = collections.Counter()
    for body in bodies:
        text = look(world, body)
        quote = json.loads(text)
        sums["bytes"] += len(text)
        sums["compressed"] += len(look(world, body, "gzip"))
        sums["offers"] += len(quote["options"])
        sums["refusals"] += len(quote["refusals"])
        sums["blocked times"] += sum(len(r["certificate"]) for r in quote["refusals"])
        sums["what-ifs"] += len(quote["what_if"])
    return ", ".join(f"{count / len(bodies):.1f} {what}" for what, count in sums.items())


def transactions(world):
    return int(world.sql(f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{world.database}'")[0])


def busy_s(pid):
    """Processor time of a process so far."""
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def one_round(world, name, lua):
    before, began, own = transactions(world), time.monotonic(), busy_s(world.kontord.popen.pid)
    done = subprocess.run(["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", lua,
                           f"http://127.0.0.1:{world.port}"], check=True, capture_output=True, text=True)
    spent, own = time.monotonic() - began, busy_s(world.kontord.popen.pid) - own
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"http: look-only quotes\n{done.stdout}\n{world.kontord.tail()}")
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout).group(1))
    p99 = re.search(r"99%\s+(\S+)", done.stdout).group(1)
    print(f"  {name}: {rate:.0f} quotes/s, p99 {p99}; kontord has {own / spent:.2f} processors, {own / spent / rate * 1e6:.0f} us "
          f"a quote; {transactions(world) - before} transactions at PostgreSQL", flush=True)
    return rate


def looks(world, policy, rounds):
    try:
        seed(world, policy)
        with concurrent.futures.ThreadPoolExecutor(TAKERS) as takers:
            list(takers.map(lambda org: take_places(world, org, TAKEN), world.orgs[1:]))
        bodies = bodies_for(world)
        questions = os.path.join(world.folder, "questions")
        with open(questions, "w") as f:
            f.write("\n".join(bodies) + "\n")
        scripts = {}
        for name, more in (("plain", ""), ("gzip", ', ["Accept-Encoding"] = "gzip"')):
            scripts[name] = os.path.join(world.folder, f"{name}.lua")
            with open(scripts[name], "w") as f:
                f.write(LUA.replace("@COOKIE@", world.orgs[0]["cookie"]).replace("@CSRF@", world.orgs[0]["csrf"]).replace("@MORE@", more)
                        .replace("@BODIES@", questions))
        print(f"{len(bodies)} questions; an answer has {shape_of(world, bodies)}", flush=True)
        one_round(world, "once over, not counted", scripts["plain"])
        rates = {name: [] for name in scripts}
        for _ in range(rounds):
            for name, lua in scripts.items():
                rates[name].append(one_round(world, name, lua))
        print(f"compressed for those who ask for it: {statistics.median(rates['gzip']):.0f} quotes/s", flush=True)
        print(f"mark http-looks {statistics.median(rates['plain']):.0f} quotes/s (goal >= 20000)", flush=True)
    finally:
        world.stop()
