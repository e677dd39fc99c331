"""tests/metrics/story.py: a world in which everything happens once, and the reading of its figures."""
import http.client
import re
import time

from world import Agent, World

LINE = re.compile(r'^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)
    return found


def scrape(server):
    line = http.client.HTTPConnection("127.0.0.1", server.metrics_port, timeout=10)
    line.request("GET", "/metrics")
    reply = line.getresponse()
    assert reply.status == 200 and reply.getheader("Content-Type") == "text/plain; version=0.0.4"
    return reply.read().decode()


def samples(text):
    """[(name, {label: value}, number)]"""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            m = LINE.match(line)
            assert m, line
            found.append((m["name"], dict(LABEL.findall(m["labels"] or "")), float(m["value"])))
    return found


def value(text, name, **labels):
    found = [v for n, had, v in samples(text) if n == name and all(had.get(k) == w for k, w in labels.items())]
    assert found, (name, labels)
    return sum(found)


def story(world):
    """One job runs and is settled, one waits, one is refused; one caller is unknown, one route does not exist."""
    agent = Agent(world, "lumi")
    had = world.local.must("GET", "/v1/sites/lumi/agent")
    agent.number = had["last_report"]
    assert agent.open(had["confirmed_seq"]).status == 201
    assert agent.report("inventory", inventory={"jobs": []}).status == 200
    reservation = world.accept(countries=["FI"])
    ticket = agent.claims(agent.tickets().json["tickets"][-1]["jws"])
    granted = agent.report("accepted", ticket)
    assert granted.status == 200, granted
    world.accept(countries=["ES"])
    brisa = world.people["brisa"]
    assert brisa.post("/v1/quotes/00000000-0000-7000-8000-000000000000/accept", {"option": 0}, key=True).status == 404
    assert world.anybody.get("/v1/grants").status == 401
    assert world.anybody.get("/v1/nothing", check=False).status == 404
    return agent, reservation


def world(**more):
    return World(**more)
