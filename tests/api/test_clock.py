"""Time that cannot be trusted: most agents disagree with the server's clock, timed work waits, an administrator confirms.
One site alone cannot bring that about."""
import json
import subprocess

from harness import BUILD
from test_agents import metric, wait_for
from world import Agent


def say(agents, **ahead):
    """Each agent calls twice, with its clock so far ahead (seconds)."""
    for code, agent in agents.items():
        agent.ahead_ms = ahead[code] * 1000
        for _ in range(2):
            assert agent.call("GET", "/v1/agent/tickets?after=0&wait=0").status == 200


def trusted(world):
    ready = world.anybody.get("/health/ready")
    assert ready.json["ok"] == (ready.status == 200), ready
    return ready.json


def admin(world, *words):
    return subprocess.run([str(BUILD / "kontord"), "admin", f"--data-dir={world.server.data}", *words], capture_output=True, text=True)


def within_a_second(ms):
    return ms is not None and abs(ms) < 1000


def test_most_agents_disagree(world):
    place = {"system": "X", "city": "Y", "country": "DE", "lat_milli": 48700, "lon_milli": 9100}
    for code in ("hlrs", "grnet"):
        world.order("/v1/sites", {"code": code, "name": code, **place})
    agents = {code: Agent(world, code) for code in ("lumi", "bsc", "hlrs", "grnet")}
    for agent in agents.values():
        assert agent.open().status == 201

    say(agents, lumi=3600, bsc=0, hlrs=-1, grnet=0)  # a liar
    wait_for(lambda: metric(world, "kontor_clock_sites_heard") == 4)
    shown = world.people["administrator"].must("GET", "/v1/clock")
    assert {s["site"]: round((s["clock_ahead_ms"] or 0) / 1000) for s in shown["sites"]} == {"lumi": 3600, "bsc": 0, "hlrs": -1, "grnet": 0}
    # One sample may be late on a busy machine; the next is not.
    wait_for(lambda: within_a_second(world.local.must("GET", "/v1/clock")["database_ahead_ms"]))
    assert 3590000 < world.people["lumi"].must("GET", "/v1/sites/lumi/agent")["clock_ahead_ms"] < 3610000
    wait_for(lambda: within_a_second(world.local.must("GET", "/v1/clock")["most_sites_ahead_ms"]))
    assert trusted(world)["ok"]
    say(agents, lumi=3600, bsc=3600, hlrs=0, grnet=0)  # half of them is no majority
    wait_for(lambda: abs(world.local.must("GET", "/v1/clock")["sites"][1]["clock_ahead_ms"]) > 3000000)
    assert trusted(world)["ok"]

    say(agents, lumi=3600, bsc=3600, hlrs=60, grnet=0)
    wait_for(lambda: not trusted(world)["ok"])
    reason = trusted(world)["reason"]
    assert metric(world, "kontor_clock_trusted") == 0
    assert "agents" in reason and "ahead of ours" in reason and "confirms" in reason, reason
    assert world.anybody.get("/health/leader").status == 200, "it still takes commands"
    world.accept()
    say(agents, lumi=0, bsc=0, hlrs=0, grnet=0)
    assert not trusted(world)["ok"], "it stays so"

    for who in ("brisa", "officer", "auditor", "lumi"):
        assert world.people[who].get("/v1/clock").status == 403
        assert world.people[who].post("/v1/clock/confirm", {"reason": "x"}, key=True).status == 403
    administrator = world.people["administrator"]
    assert administrator.post("/v1/clock/confirm", {}, key=True).json["pointer"] == "/reason"
    done = admin(world, "clock-confirm", "--reason=Compared with two NTP servers: ours is right.")
    assert done.returncode == 0 and json.loads(done.stdout)["trusted"] is True, done
    assert trusted(world)["ok"] and metric(world, "kontor_clock_trusted") == 1
    key = "say-it-once"
    administrator.must("POST", "/v1/clock/confirm", {"reason": "Again"}, key=key)
    for agent in agents.values():
        agent.ahead_ms = 7200000
    say(agents, lumi=7200, bsc=7200, hlrs=7200, grnet=7200)
    wait_for(lambda: not trusted(world)["ok"])
    assert administrator.must("POST", "/v1/clock/confirm", {"reason": "Again"}, key=key)["trusted"] is False, "a repeat confirms nothing new"
    assert administrator.post("/v1/clock/confirm", {"reason": "Other"}, key=key).status == 422
    assert administrator.must("POST", "/v1/clock/confirm", {"reason": "Again"}, key=True)["trusted"] is True
    wait_for(lambda: trusted(world)["ok"])


def test_nonsense_for_a_clock_says_nothing(world):
    agent = Agent(world, "lumi")
    assert agent.open().status == 201
    before = world.local.must("GET", "/v1/clock")
    for text in ("", "noon", "9" * 4000, "-1", "2026-01-01", "\xff"):
        reply = agent.client.call("GET", "/v1/agent/tickets?after=0&wait=0", headers={
            "Authorization": "Bearer " + agent.token(), "Kontor-Instance": str(agent.instance), "Kontor-Clock": text})
        assert reply.status in (200, 400, 431), (text, reply)
    after = world.local.must("GET", "/v1/clock")
    assert after["sites"] == before["sites"]
