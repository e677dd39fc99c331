"""A site that lies: with good keys, it says what no honest agent would. It gets a clear problem, or its report is kept and put
before a person; nothing else moves, and everybody else goes on."""
import base64
import os
import subprocess
import uuid

from harness import BUILD
from test_agents import copy_of, fresh
from world import PREFIX, Key, millis

LARGEST = 2**64 - 1
YEAR_9999 = 253402300799999


def now_of(world):
    return millis(world.local.must("GET", "/v1/me")["now"])


def state_of(world, reservation):
    return world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}")


def take(world, agent, **more):
    """One GPU accepted at this agent's site, so that there is room for many, and its ticket."""
    reservation = world.accept(countries=["FI"], gpus=1, walltime_s=600, **more)
    got = agent.tickets(after=agent.seq, wait=5)
    tickets = [agent.claims(t["jws"]) for t in got.json["tickets"]]
    agent.seq = max(t["seq"] for t in tickets)
    return reservation, next(t for t in tickets if t["reservation"] == reservation["id"])


def permitted(world, agent):
    reservation, ticket = take(world, agent)
    receipt = agent.report("accepted", ticket)
    assert receipt.status == 200 and receipt.claims["permit"] == "granted", receipt
    return reservation, ticket, now_of(world)


def lumi_paid(world):
    return world.server.sql("SELECT coalesce(sum(amount), 0) FROM entry WHERE kind = 9")


def test_absurd_totals_move_nothing_and_stop_nobody(world):
    agent = fresh(world)
    for kind, reason in (("failed", 2), ("failed", 0), ("failed", 1), ("finished", 0), ("usage", 0), ("cancelled", 0), ("rejected", 6),
                         ("queued", 0), ("started", 0)):
        for total in (LARGEST, 2**63, 2**63 - 1):
            for times in ("none", "far"):
                reservation, ticket, now = permitted(world, agent)
                more = {"started": now, "ended": YEAR_9999 if kind in ("failed", "finished", "cancelled") else 0, "now": YEAR_9999} if times == "far" else {}
                paid = lumi_paid(world)
                reply = agent.report(kind, ticket, gpu_seconds=total, reason=reason, **more)
                assert reply.status == 200, (kind, reason, total, times, reply, world.server.tail()[-600:])
                assert lumi_paid(world) == paid, (kind, reason, total, times)
                seen = state_of(world, reservation)
                assert seen["state"] in ("disputed", "voided"), (kind, reason, total, times, seen["state"])
                assert seen["reported"]["gpu_seconds"] == 0, (kind, reason, total, times, seen["reported"])
                agent.report("failed", ticket, reason=2)  # room for the next
                grant = world.people["brisa"].must("GET", f"/v1/grants/{world.grants['brisa']}")
                assert int(grant["reported_gpums"]) >= 0
    world.people["lumi"].must("GET", "/v1/sites/lumi/reports")


def refused(reply, status, code):
    assert reply.status == status and reply.json["code"] == code, (reply, status, code)


def test_what_is_not_this_sites(world):
    agent, other = fresh(world), fresh(world, "bsc")
    reservation, ticket, now = permitted(world, agent)
    size = world.local.must("GET", "/v1/journal")["size"]
    for kind, more in (("accepted", {}), ("started", {"started": now}), ("finished", {"started": now, "ended": now, "gpu_seconds": 1}),
                       ("failed", {"reason": 2}), ("cancelled", {}), ("rejected", {"reason": 6})):
        reply = other.report(kind, ticket, **more)
        assert reply.status == 200, reply
        if kind == "accepted":
            assert reply.claims["permit"] == "refused" and reply.claims["reason"] == "not-found", reply.claims
    assert other.report("failed", {"jti": str(uuid.uuid4()), "fence": LARGEST}, reason=2).status == 200
    assert world.local.must("GET", "/v1/journal")["size"] == size and state_of(world, reservation)["state"] == "permitted"
    stolen = other.statement("finished", ticket, started=now, ended=now)
    refused(copy_of(agent).report("finished", statement=stolen), 403, "signature")
    refused(other.call("GET", f"/v1/agent/blobs/{ticket['workload']['sha256']}"), 404, "not-found")
    genesis = PREFIX + bytes(32) + agent.statement("failed", ticket, reason=2)[len(PREFIX) + 32:]
    assert agent.report("failed", statement=genesis).json["code"] == "signature"
    forged = copy_of(agent)
    forged.key = Key()
    assert forged.report("failed", ticket, reason=2).status == 401
    assert world.local.must("GET", "/v1/journal")["size"] == size
    assert agent.report("failed", ticket, reason=2).status == 200


def test_numbers(world):
    agent = fresh(world)
    for number, code in ((agent.number + 2, "gap"), (LARGEST, "gap"), (2**63, "gap")):
        refused(agent.report("inventory", statement=agent.statement("inventory", number=number)), 409, code)
    zero = bytearray(agent.statement("inventory"))
    zero[len(PREFIX) + 40:len(PREFIX) + 48] = bytes(8)
    assert agent.report("inventory", statement=bytes(zero)).status in (400, 422)
    for place, value in (("kind", 0), ("kind", 10), ("kind", 65535), ("reason", 11), ("reason", 65535)):
        s = bytearray(agent.statement("inventory"))
        at = len(PREFIX) + 32 + 24 if place == "kind" else len(s) - 2
        s[at:at + 2] = value.to_bytes(2, "big")
        assert agent.report("x", statement=bytes(s)).status in (400, 422), (place, value)
    assert agent.report("inventory", statement=agent.statement("inventory", instance=agent.instance + 1)).status in (400, 409, 422)
    assert agent.report("inventory", statement=agent.statement("inventory", instance=LARGEST)).status in (400, 409, 422)
    assert agent.report("inventory", statement=agent.statement("inventory", now=YEAR_9999 + 1)).status in (400, 422)
    for seq in (2**63 - 1, 10**6):
        reply = agent.call("POST", "/v1/agent/tickets/received", {"instance": agent.instance, "seq": seq})
        assert 400 <= reply.status < 500, reply
    for seq, report in ((2**63 - 1, 0), (0, 2**63 - 1)):
        reply = agent.call("POST", "/v1/agent/instance", {"last_confirmed_seq": seq, "last_receipted_report": report, "checkpoint": None})
        assert 400 <= reply.status < 500, reply
    assert agent.report("inventory").status == 200


def test_orders_of_events(world):
    agent = fresh(world)
    for kinds in (["finished"], ["usage"], ["started", "finished"], ["cancelled-used"]):
        reservation, ticket = take(world, agent)
        now, paid = now_of(world), lumi_paid(world)
        for kind in kinds:
            more = {"started": now, "ended": now if kind in ("finished", "cancelled-used") else 0, "gpu_seconds": 0 if kind == "started" else 60}
            assert agent.report(kind.split("-")[0], ticket, **more).status == 200
        assert state_of(world, reservation)["state"] == "disputed" and lumi_paid(world) == paid, (kinds, state_of(world, reservation)["state"])
        assert agent.report("accepted", ticket).claims["permit"] == "refused"
    reservation, ticket, now = permitted(world, agent)
    assert agent.report("started", ticket, started=now).status == 200
    assert agent.report("finished", ticket, started=now, ended=now, gpu_seconds=100, exit_code=-2**31).status == 200
    seen = state_of(world, reservation)
    assert seen["state"] == "settled" and seen["exit_code"] == -2**31, seen
    paid, size = lumi_paid(world), world.local.must("GET", "/v1/journal")["size"]
    for kind, more in (("finished", {"started": now, "ended": now, "gpu_seconds": 110}), ("usage", {"started": now, "gpu_seconds": 120}),
                       ("failed", {"reason": 2}), ("failed", {"reason": 1, "started": now, "ended": now}), ("cancelled", {}), ("accepted", {}),
                       ("rejected", {"reason": 6}), ("started", {"started": now + 1}), ("queued", {})):
        assert agent.report(kind, ticket, **more).status == 200, kind
        after = state_of(world, reservation)
        assert after["state"] == "settled" and after["settled_gpums"] == seen["settled_gpums"], (kind, after)
        assert after["reported"]["gpu_seconds"] == 100 and after["exit_code"] == -2**31, (kind, after["reported"], after["exit_code"])
    assert lumi_paid(world) == paid and world.local.must("GET", "/v1/journal")["size"] == size


def test_outputs_and_inventories(world):
    agent = fresh(world)
    reservation, ticket, now = permitted(world, agent)
    nasty = b"\x00\x1b[2J\x07<script>alert(1)</script>\xff\xfe\r\n\xe2\x80\xae\xed\xa0\x80"
    assert agent.report("started", ticket, started=now, output=nasty).status == 200
    shown = world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}/output")
    assert "<script>" in shown["output"]
    number = agent.number
    assert agent.report("usage", ticket, started=now, output=bytes(65537)).status in (400, 413, 422)
    assert agent.number == number
    assert agent.report("usage", ticket, started=now, output=bytes(65536)).status == 200
    deep = "[" * 50000 + "]" * 50000
    statement = agent.statement("inventory")
    body = '{"statement":"%s","signature":"%s","inventory":%s}'
    b64 = lambda b: base64.b64encode(b).decode()  # noqa: E731
    for inventory in ('{"a":1,"a":2}', '{"a":%s}' % deep, '"text"', "[]", "null", '{"a":1e999}', '{"a":"\\u0000"}', '{"a":"\\ud800"}',
                      '{"a":%d}' % 2**80, '{"a":"%s"}' % ("x" * 70000)):
        raw = (body % (b64(statement), b64(agent.key.sign(statement)), inventory)).encode()
        headers = {"Authorization": "Bearer " + agent.token(), "Kontor-Instance": str(agent.instance)}
        reply = agent.client.call("POST", "/v1/agent/reports", raw=raw, headers=headers)
        assert reply.status < 500, (inventory[:40], reply)
        if reply.status == 200:
            agent.number += 1
            statement = agent.statement("inventory")
    world.people["lumi"].must("GET", "/v1/sites/lumi/agent")
    assert agent.report("finished", ticket, started=now, ended=now, gpu_seconds=1).status == 200


def test_blobs_do_not_pile_up(world):
    """One report sent again and again with other output each time: nothing is kept of what nobody will ever read."""
    agent = fresh(world)
    statement = agent.statement("inventory")
    assert agent.report("inventory", statement=statement).status == 200
    reservation, ticket, now = permitted(world, agent)
    before = world.server.sql("SELECT count(*) FROM blob")
    for _ in range(5):
        agent.report("inventory", statement=statement, output=os.urandom(1000))
        agent.report("inventory", number=agent.number + 9, output=os.urandom(1000))
        agent.report("started", ticket, number=agent.number + 9, output=os.urandom(1000))
        refused(agent.report("accepted", ticket, output=os.urandom(1000)), 409, "too-early")
        agent.report("usage", {"jti": str(uuid.uuid4()), "fence": 1}, output=os.urandom(1000))
    assert world.server.sql("SELECT count(*) FROM blob") == before
    assert agent.report("finished", ticket, started=now, ended=now, output=b"the last words").status == 200
    assert agent.report("usage", ticket, started=now, output=b"other words").status == 200
    shown = world.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}/output")
    assert shown["output"] == "the last words", "what was settled is not told anew"


def test_the_books_are_whole(world):
    out = str(world.server.data / "export")
    subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, out], check=True, capture_output=True)
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    balances = os.path.join(out, "balances.csv")
    with open(balances, encoding="ascii") as f:
        lines = f.read().split("\n")
    with open(balances, "w", encoding="ascii") as f:
        f.write("\n".join([lines[0], lines[1] + "\0\0hidden", *lines[2:]]))
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", out], capture_output=True, text=True)
    assert done.returncode == 1 and "account 1" in done.stdout, done.stdout
    for path, status in ((balances, 1), (os.path.join(out, "head"), 3)):  # a pipe must not hold the auditor
        os.remove(path)
        os.mkfifo(path)
        done = subprocess.run([str(BUILD / "kontor-audit"), "verify", out], capture_output=True, text=True, timeout=30)
        assert done.returncode == status, done.stdout + done.stderr
