"""bench http and bench agent: many agents' polls for tickets, what they cost and how soon they are answered."""
import collections
import os
import subprocess

from http_world import BUILD, POLICY, say

CALLERS = 2  # connections
OF_THE_UNION = 140  # jobs a second: half a million GPUs, always busy with jobs of one GPU-hour


class Agents:
    def __init__(self, world):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests", "bench", "http_polls"), f"127.0.0.1:{world.agent_port}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self, word):
        line = self.process.stdout.readline()
        if not line.startswith(word):
            raise SystemExit(f"http: the agents said {line!r} instead of {word}")
        return line.split()

    def answers(self):
        """(site, status, real time in microseconds, ticket's number, how many) of each poll."""
        self.tell("answers")
        rows = []
        while True:
            line = self.process.stdout.readline().split()
            if line == ["end"]:
                return rows
            if not line or line[0] != "answer":
                raise SystemExit(f"http: the agents said {line!r}")
            rows.append((line[1], int(line[2]), int(line[3]), int(line[4]), int(line[5])))

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def make_poll_sites(world, agents, sites):
    for i in range(sites):
        code = f"p{i:03d}"
        world.admin("POST", "/v1/sites", {"code": code, "name": f"Site {i}", "system": f"System {i}", "city": "Bonn",
                                          "country": "DE", "lat_milli": 50733, "lon_milli": 7100})
        world.admin("POST", f"/v1/sites/{code}/offerings", {
            "model": f"M{i:03d}", "memory_gb": 64, "gpus_per_node": 4, "max_gpus_one_island": 512, "kind": "batch",
            "nodes": 1000, "brokered_gpus": 4000, "pool_nodes": 0, "rate_milli": 1000})
        agents.tell(f"site {code} " + world.admin("POST", f"/v1/sites/{code}/agent-tokens", {})["token"])
        agents.hear("enrolled")


def commit_times(world):
    """When each ticket was committed, by PostgreSQL's clock, which is ours: (site's code, number) -> microseconds."""
    rows = world.sql("SELECT s.site, t.seq, (extract(epoch FROM pg_xact_commit_timestamp(t.xmin)) * 1000000)::bigint, t.xmin"
                     " FROM ticket t JOIN (SELECT site FROM site_status) s USING (site)")
    return {(int(site), int(seq)): (int(us), xmin) for site, seq, us, xmin in (row.split("|") for row in rows)}


def send_polls(world, agents, each, count):
    agents.tell(f"poll {each} 30")
    agents.hear("sent")
    world.until("kontor_agent_polls", count)


def lateness(world, agents, site_index):
    """How many milliseconds after its ticket's commit each poll was answered: of the commit that concerns most of them, and of all."""
    late, commits = [], collections.Counter()
    rows, times = agents.answers(), commit_times(world)
    for code, status, us, seq, count in rows:
        if status != 200 or count != 1:
            raise SystemExit(f"http: a poll of {code} was answered {status} with {count} tickets")
        committed_us, transaction = times[(site_index[code], seq)]
        commits[transaction] += 1
        late.append(((us - committed_us) / 1000, transaction))
    largest = commits.most_common(1)[0][0]
    return sorted(ms for ms, transaction in late if transaction == largest), sorted(ms for ms, _ in late)


def one_commit(world, agents, calls, site_index, each):
    """Hold the journal's head, let all calls queue up behind it, let go: they are one batch, or few."""
    count = len(site_index) * each
    send_polls(world, agents, each, count)
    holder = subprocess.Popen(["psql", "-qXAt", "-d", world.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write("BEGIN; SELECT 'held' FROM head FOR UPDATE;\n")
    holder.stdin.flush()
    while holder.stdout.readline() != "held\n":
        pass
    load = world.load_start(len(calls))
    load.stdin.write(world.load_lines(calls))
    load.stdin.close()
    world.until("kontor_http_kept_calls", count + len(calls), 10)
    holder.stdin.write("COMMIT;\n")
    holder.stdin.close()
    text = load.stdout.read()
    load.wait()
    holder.wait()
    world.load_answers(text)
    return lateness(world, agents, site_index)


def one_after_another(world, agents, calls, site_index, each):
    """By a few start-ups' connections, which is more than all of the Union's machines would need."""
    send_polls(world, agents, each, len(site_index) * each)
    seconds = world.load(calls, CALLERS)[2]
    say(f"  {len(calls) / seconds:.0f} tickets/s; there might be {OF_THE_UNION}")
    return lateness(world, agents, site_index)


def fsync(world, how):
    world.sql(f"ALTER SYSTEM SET fsync = {how}")
    world.sql("SELECT pg_reload_conf()")


def polls(world, rounds, sites, each, tickets=one_commit):
    """What all polls of the sites' agents, so many of each, take of kontord's memory while they wait, in bytes; and of each round
    the milliseconds after which 99 of 100 of those that the largest commit concerns were answered, and of all."""
    count, organisations, agents = sites * each, max(4, sites // 100), None
    fsync(world, "off")
    try:
        world.start_server()
        world.seed_credits([f"c{i}" for i in range(organisations)], POLICY)
        agents = Agents(world)
        make_poll_sites(world, agents, sites)
        say(f"{sites} sites enrolled")
        for org in world.orgs:
            world.sign_in(org)
        calls = [world.quotes([(i % organisations, f',"model":"M{i:03d}"') for i in range(sites)], f"p{n}") for n in range(rounds)]
        site_index = {site["code"]: site["index"] for site in world.items("/v1/sites")}
        world.kontord.stop()
        world.start_server()
        agents.tell("poll 1 0") # connections to the database, and what else is made once
        agents.hear("sent")
        agents.answers()
        world.admin("GET", "/v1/me")
        before = world.resident()
        agents.tell(f"poll {each} 30")
        agents.hear("sent")
        world.until("kontor_agent_polls", count)
        cost = world.resident() - before
        say(f"{count} polls wait: {cost / count / 1000:.2f} kB each")
        agents.answers() # after 30 s, empty
        tails = []
        for n in range(rounds):
            of_it, of_all = tickets(world, agents, calls[n], site_index, each)
            tails.append((of_it[len(of_it) * 99 // 100], of_all[len(of_all) * 99 // 100]))
            say(f"  {len(of_it)} polls answered after one commit: p50 {of_it[len(of_it) // 2]:.1f} ms, p99 {tails[-1][0]:.1f} ms; "
                f"all {len(of_all)}: p50 {of_all[len(of_all) // 2]:.1f} ms, p99 {tails[-1][1]:.1f} ms")
        return cost, tails
    finally:
        if agents:
            agents.stop()
        world.stop()
        fsync(world, "on")
