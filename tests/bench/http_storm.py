"""bench http, part storm: 2,000 sign-ins with passwords at once, beside commands that are accepted meanwhile.

A password costs 19 MiB and some 20 ms by design (argon2id). Measured, calm and in the storm in turn: the p99 of accepting a
quote, and how far the resident memory of kontord and its processes rises above its calm height while the storm lasts. Who is
told to come again (429, 503) comes again when asked (Retry-After), until all 2,000 are signed in.
"""
import statistics
import threading
import time
import uuid

from http_world import say

PEOPLE, SIGN_INS, WITHIN_MS = 100, 2000, 1000
ACCEPTS, CONNECTIONS = 3000, 4  # accepted by turns, calm and in the storm; this many at a time


class Memory:
    """The greatest resident size, looked at every 20 ms."""

    def __init__(self, world):
        self.world, self.most, self.over = world, world.resident(), threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, self.world.resident())

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.most


def p99_ms(took_us):
    return sorted(took_us)[len(took_us) * 99 // 100] / 1000


def make_people(world):
    people = []
    for i in range(PEOPLE):
        person = {"email": f"storm{i}@replay.example", "password": uuid.uuid4().hex}
        world.admin("POST", "/v1/people", {"name": f"Storm {i}", "roles": [{"role": "member", "organisation": world.orgs[0]["id"]}], **person})
        people.append('{"email":"%(email)s","password":"%(password)s"}' % person)
    return people


def begin_storm(world, people, turn):
    """A connection for each, all within the first second."""
    lines = ["who none none\n"] + [f"call 0 /v1/session {turn}-{i} {people[i % PEOPLE]}\n" for i in range(SIGN_INS)]
    process = world.load_start(SIGN_INS, WITHIN_MS)
    answers = []
    reader = threading.Thread(target=lambda: answers.append(process.communicate("".join(lines))[0]))
    reader.start()
    return reader, answers


def end_storm(world, storm):
    reader, answers = storm
    reader.join()
    rows = [line.split() for line in answers[0].splitlines()]
    refused = sum(row[0] == "refused" for row in rows)
    _, took_us, seconds = world.load_answers("".join(line + "\n" for line in answers[0].splitlines() if not line.startswith("refused")), 200)
    if len(took_us) != SIGN_INS:
        raise SystemExit(f"http: {len(took_us)} of {SIGN_INS} are signed in\n{world.kontord.tail()}")
    return refused, seconds


def storm(world, policy, rounds):
    try:
        world.start_server()
        world.seed_sites(120000)
        world.seed_credits(["one"], policy)
        for org in world.orgs:
            world.sign_in(org)
        people = make_people(world)
        ratios, rises = [], []
        for turn in range(rounds):
            calls = world.quotes([(0, "")] * 2 * ACCEPTS, f"s{turn}")
            calm = p99_ms(world.load(calls[:ACCEPTS], CONNECTIONS)[1])
            before, memory = world.resident(), Memory(world)
            sign_ins = begin_storm(world, people, turn)
            time.sleep(1.1)
            stormy = p99_ms(world.load(calls[ACCEPTS:], CONNECTIONS)[1])
            still = sign_ins[0].is_alive()
            refused, seconds = end_storm(world, sign_ins)
            ratios.append(stormy / calm)
            rises.append((memory.stop() - before) / 2**20)
            say(f"  accepts p99 {calm:.1f} ms calm, {stormy:.1f} ms in the storm: {ratios[-1]:.2f}; {SIGN_INS} sign-ins in {seconds:.1f} s, "
                f"{refused} told to come again; {rises[-1]:.0f} MiB more" + ("" if still else " (the storm was over first)"))
            if not still:
                raise SystemExit("http: the storm was over before the commands were: nothing was measured")
        say(f"mark http-storm-p99 {statistics.median(ratios):.2f} times-calm (goal <= 2)")
        say(f"mark http-storm-memory {max(rises):.0f} MiB (goal < 128)")
    finally:
        world.stop()
