"""A site's keys: rotated by its agent with an overlap, ended at once by those who may, and what a key signed is told."""
import base64
import os
import struct

from fake_server import Key
from harness import Client, Second
from test_agents import fresh, take
from test_moves import eventually
from world import Agent, Later, World, millis, stamp


def announce(agent, new, **wrong):
    """POST /v1/agent/keys with both signatures."""
    seal = os.urandom(32)
    words = b"kontor-rotate/v1\0" + bytes.fromhex(agent.at["genesis"]) + struct.pack(
        ">QQ", wrong.get("site", agent.at["site_index"]), wrong.get("key", agent.at["key"])) + new.public.raw + seal
    body = {"ed25519": new.public.raw, "x25519": seal, "by_old": wrong.get("by_old", agent.key).sign(words), "by_new": wrong.get("by_new", new).sign(words)}
    body = {name: base64.b64encode(value).decode() for name, value in body.items()}
    return lambda: agent.call("POST", "/v1/agent/keys", body)


def test_rotation_with_overlap(world):
    agent, new = fresh(world), Key()
    for what, code in (({"by_old": Key()}, "/by_old"), ({"by_new": Key()}, "/by_new"), ({"site": 999}, "/by_old"), ({"key": 0}, "/by_old")):
        reply = announce(agent, new, **what)()
        assert reply.status == 403 and reply.json["code"] == "signature" and reply.json["pointer"] == code, reply
    say = announce(agent, new)
    first = say()
    assert first.status == 200 and first.json["until"], first
    size = world.local.must("GET", "/v1/journal")["size"]
    assert say().json == first.json and world.local.must("GET", "/v1/journal")["size"] == size, "a lost reply may be asked for again"
    assert agent.tickets(after=agent.seq).status == 200, "the old key is taken, too"
    _, ticket = take(world, agent)
    assert agent.report("accepted", ticket).status == 200
    late = announce(agent, Key())()
    assert late.status == 409 and late.json["code"] == "state", "a key that was followed by another announces none"
    agent.key, agent.at = new, {**agent.at, "key": first.json["key"]}
    assert agent.open(agent.seq + 1).status == 201
    assert agent.report("started", ticket, started=world_now(world)).status == 200
    told = world.local.must("GET", "/v1/sites/lumi/agent")
    assert told["key"]["index"] == first.json["key"]
    assert [k["state"] for k in told["keys"]][-2:] == ["ending", "in-force"] and told["keys"][-2]["until"] == first.json["until"], told["keys"]


def test_a_day_after_the_old_key_is_over(world):
    """An agent that is still under it is told that it is not the site's any more; nobody else learns of that."""
    quick = World(rate=100000)
    try:
        agent, new = Agent(quick, "lumi"), Key()
        assert agent.open().status == 201
        reply = announce(agent, new)()
        assert reply.status == 200, reply
        over = millis(reply.json["until"])
        eventually(lambda: world_now(quick), lambda now: now > over)
        for reply in (agent.tickets(), agent.open(), agent.call("GET", "/v1/agent/self")):
            assert reply.status == 409 and reply.json["code"] == "spool-behind", reply
        key, agent.key = agent.key, Key()
        assert agent.tickets().json["code"] == "token-signature"
        agent.key = key
        assert announce(agent, Key())().status == 409
        agent.key, agent.at = new, {**agent.at, "key": reply_key(quick)}
        assert agent.open().status == 201
    finally:
        quick.server.remove()


def reply_key(world):
    return world.local.must("GET", "/v1/sites/lumi/agent")["key"]["index"]


def world_now(world):
    return millis(world.local.must("GET", "/v1/me")["now"])


def end(world, who, key, status=200, compromised=True, **more):
    return who.must("POST", f"/v1/keys/{key}/revoke", {"compromised": compromised, "reason": "it was copied", **more}, status=status, key=True)


def test_an_end_has_no_overlap_and_tells(world):
    agent = fresh(world)
    reservation, ticket = take(world, agent)
    assert agent.report("accepted", ticket).status == 200
    before, thief = agent.at["key"], Key()
    agent_of_thief = announce(agent, thief)()
    assert agent_of_thief.status == 200
    for who in ("brisa", "auditor", "bsc"):
        assert world.people[who].call("POST", f"/v1/keys/{before}/revoke", {"compromised": True, "reason": "x"}, key=True).status in (403, 404), who
    assert end(world, world.people["lumi"], 10**9, status=404)["code"] == "not-found"
    told = end(world, world.people["lumi"], before)
    assert told["status"] == "compromised" and told["later_keys"] == [agent_of_thief.json["key"]], told
    assert [(r["kind"], r["reservation"]) for r in told["reports"]][0] == ("accepted", reservation["id"]), told["reports"][:3]
    assert agent.tickets(after=agent.seq).status == 401, "from that entry on nothing of it is taken"
    assert announce(agent, Key())().status == 401
    agent.key, agent.at = thief, {**agent.at, "key": agent_of_thief.json["key"]}
    assert agent.open(agent.seq + 1).status == 201
    told = end(world, world.people["officer"], agent.at["key"], compromised=False, since=stamp(world_now(world) + 1000))
    keys = {k["index"]: k for k in world.people["lumi"].must("GET", "/v1/sites/lumi/agent")["keys"]}
    assert (keys[before]["state"], keys[agent.at["key"]]["state"]) == ("revoked", "revoked"), keys
    assert told["status"] == "retired" and told["reports"] == [] and told["later_keys"] == [], told
    assert agent.open(agent.seq + 1).status == 401
    assert world.local.must("GET", "/v1/sites/lumi/agent")["state"] == "never-enrolled"
    new = Agent(world, "lumi")  # with a token of the site's operator
    new.number = world.local.must("GET", "/v1/sites/lumi/agent")["last_report"]
    assert new.open(agent.seq + 1).status == 201, "the spool goes on under it"
    assert new.report("cancelled", ticket, reason=9).status == 200


def test_the_server_s_own_key(world):
    """It cannot be ended while the server signs with it; after a rotation and a restart it can, and no ticket of it is good."""
    old = world.local.must("GET", "/.well-known/jwks.json")["keys"]
    assert len(old) == 1
    refused = end(world, world.people["administrator"], old[0]["kid"], status=409)
    assert refused["code"] == "state" and "rotate" in refused["detail"], refused
    assert end(world, world.people["officer"], old[0]["kid"], status=404)["code"] == "not-found", "not an officer's to end"
    rotated = world.local.must("POST", "/v1/keys/rotate", {"reason": "it may have been read"}, key=True)
    assert end(world, world.local, old[0]["kid"], status=409)["code"] == "state", "this process signs with it until it is started again"
    world.server.stop()
    world.server.start()
    keys = {k["kid"] for k in world.local.must("GET", "/.well-known/jwks.json")["keys"]}
    assert keys == {old[0]["kid"], str(rotated["key"])}, "both are in force"
    told = end(world, world.people["administrator"], old[0]["kid"])
    assert told["reports"] == [] and told["later_keys"] == [rotated["key"]], told
    assert {k["kid"] for k in world.local.must("GET", "/.well-known/jwks.json")["keys"]} == {str(rotated["key"])}
    log = world.people["administrator"].must("GET", "/v1/journal")["log_keys"][-1]
    assert log
    world.accept(countries=["FI"])


def again(world, stop=True):
    """The server, started anew; what it says of itself."""
    if stop:
        world.server.stop()
    world.server.start()
    for client in [*world.people.values(), world.local]:
        client.connection = None
    return world.anybody.must("GET", "/health/ready").get("warning")


def test_a_change_of_the_server_s_key_that_was_cut_off(world):
    """It ended after the journal had named the key and before that took its place in its file: the next one is told, and another
    change goes on from there."""
    file = world.server.data / "server.key"
    next_file, old = world.server.data / "server.key.next", file.read_bytes()
    world.local.must("POST", "/v1/keys/rotate", {"reason": "x"}, key="cut-off")
    world.server.process.kill()
    world.server.process.wait()
    file.rename(next_file)
    file.touch(0o600)
    file.write_bytes(old)
    named = next_file.read_bytes()
    assert "Restart it with the new server.key" in again(world, stop=False)
    world.local.must("POST", "/v1/keys/rotate", {"reason": "x"}, key=True)
    assert file.read_bytes() not in (old, named) and not next_file.exists()
    assert again(world) is None
    assert world.accept(countries=["FI"])["state"] == "issued"


def test_changes_of_keys_at_once(world):
    """One at a time; whatever is answered, the files hold what the journal names."""
    for path, file in (("/v1/keys/rotate", "server.key"), ("/v1/log-keys/rotate", "log.key")):
        def rotate(key, path=path):
            return Client(world.server, local=True).post(path, {"reason": "x"}, key=key)

        calls = [Later(lambda key=key: rotate(key)) for key in ["twins"] * 6 + [f"{file}-{n}" for n in range(6)]]
        replies = [call.wait() for call in calls]
        assert {r.status for r in replies} in ({200}, {200, 503}), replies
        assert all(r.headers["retry-after"] for r in replies if r.status == 503)
        eventually(lambda: (world.server.data / f"{file}.next").exists(), lambda there: not there)
        assert again(world) is None
        world.accept(countries=["FI"])


def test_a_server_whose_key_is_over_does_not_lead(world):
    """A day after another has followed it, nothing that the old key signs is good: who leads with it makes room."""
    quick = World(rate=30000)
    try:
        second = Second(quick.server)
        quick.local.must("POST", "/v1/keys/rotate", {"reason": "x"}, key=True)
        quick.server.process.kill()
        quick.server.process.wait()
        second.start()
        assert "Restart it with the new server.key" in Client(second).must("GET", "/health/ready")["warning"]
        here = Client(second, local=True)
        said = eventually(lambda: here.get("/health/ready").json, lambda said: not said["ok"])
        assert "not one that the journal holds in force" in said["reason"], said
        asked = Client(second)  # it tries again and again, and leads for a moment until it has looked
        eventually(lambda: (here.get("/health/leader").status, asked.get("/v1/sites").status), lambda told: told == (503, 503))
        quick.server.start()
        quick.local.connection = quick.people["brisa"].connection = None
        assert quick.accept()["state"] == "issued", "who has the new one leads"
        second.remove()
    finally:
        quick.server.remove()


def test_rotations_have_an_end(world):
    """Each is an entry of the journal. (At bsc: the day is not over when the next test comes.)"""
    agent, said = Agent(world, "bsc"), []
    while len(said) < 310 and (not said or said[-1] == 200):
        new = Key()
        reply = announce(agent, new)()
        said.append(reply.status)
        if reply.status == 200:
            agent.key, agent.at = new, {**agent.at, "key": reply.json["key"]}
    assert said[-1] == 429 and len(said) <= 301, said[-3:]
