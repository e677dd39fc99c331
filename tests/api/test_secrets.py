"""Secrets sealed to a site: asked for by name, offered only where an agent has told its key, sealed for the quote's site, carried unread,
opened by the site's agent alone, and thrown away when the job is over. In one order: each test goes on from the last."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

from harness import TOP
from world import Agent, Key, millis

sys.path.insert(0, str(TOP / "tests" / "agent"))
import hpke  # noqa: E402
from curves import x25519_public  # noqa: E402
from rig import Rig  # noqa: E402

PLAIN = "hf_" + uuid.uuid4().hex  # must be found nowhere but in the job
SCRIPT = "#!/bin/sh\nprintf %s \"$HF_TOKEN$OTHER\" >\"$KONTOR_SHARE/got\"\nprintf %s \"$HF_TOKEN\" | sha256sum\n"
AGENTS = {}


def wait_for(what, seconds=40):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def public_of(agent):
    return x25519_public(agent.seal)


def opened(agent, takes=("secrets",), seal=None, status=201):
    body = {"last_confirmed_seq": getattr(agent, "seq", 0), "last_receipted_report": agent.number, "last_report": agent.number, "checkpoint": None,
            "takes": list(takes)}
    if seal is None:
        statement = hpke.seal_statement(agent.at["genesis"], agent.at["site_index"], public_of(agent))
        seal = {"x25519": base64.b64encode(public_of(agent)).decode(), "signature": base64.b64encode(agent.key.sign(statement)).decode()}
    reply = agent.call("POST", "/v1/agent/instance", {**body, "seal": seal} if seal else body)
    assert reply.status == status, reply
    if status == 201:
        agent.instance = reply.json["instance"]
    return reply


def quoted(world, names=("HF_TOKEN",), **more):
    brisa = world.people["brisa"]
    request = brisa.must("POST", "/v1/requests", world.wants(secrets=list(names), **more), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    return request, quote


def accept(world, quote, secrets, **more):
    return world.people["brisa"].post(f"/v1/quotes/{quote['id']}/accept", {"option": 0, **({"secrets": secrets} if secrets else {}), **more}, key=True)


def seal_of(world, site):
    return next(s for s in world.anybody.must("GET", "/v1/sites")["items"] if s["code"] == site)["seal"]


def sealed(world, request, values, site="lumi"):
    public = base64.b64decode(seal_of(world, site)["x25519"])
    return hpke.seal_secrets(public, request["organisation"]["id"], request["id"], request["script_sha256"], values)


def ticket_of(agent):
    tickets = agent.tickets(after=agent.seq, wait=5).json["tickets"]
    agent.seq = tickets[-1]["seq"]
    return agent.claims(tickets[-1]["jws"])


def test_only_who_has_told_a_key_is_asked(world):
    for site in ("lumi", "bsc"):
        AGENTS[site] = Agent(world, site)
        AGENTS[site].seq = 0
    lumi, look = AGENTS["lumi"], {k: v for k, v in world.wants().items() if k not in ("name", "template", "script")}
    opened(lumi, seal=False)  # it says the word and tells no key
    opened(AGENTS["bsc"], takes=(), seal=False)
    assert {r["code"] for r in world.people["brisa"].must("POST", "/v1/quotes", {**look, "needs": ["secrets"]})["refusals"]} == {"needs"}
    assert seal_of(world, "lumi") is None
    opened(lumi)
    refusals = world.people["brisa"].must("POST", "/v1/quotes", {**look, "needs": ["secrets"]})["refusals"]
    assert [r["text"] for r in refusals] == ["Does not take sealed secrets."], refusals
    seal = seal_of(world, "lumi")
    assert seal["key"] == hpke.key_id(public_of(lumi)) and base64.b64decode(seal["ed25519"]) == lumi.key.public.raw and seal["by"] == lumi.at["key"]
    assert seal["genesis"] == lumi.at["genesis"] and seal_of(world, "bsc") is None


def test_a_key_that_the_agent_did_not_sign_is_none(world):
    lumi = AGENTS["lumi"]
    public, before = base64.b64encode(public_of(lumi)).decode(), lumi.instance

    def signed(key, statement):
        return {"x25519": public, "signature": base64.b64encode(key.sign(statement)).decode()}

    right = hpke.seal_statement(lumi.at["genesis"], lumi.at["site_index"], public_of(lumi))
    for seal in (signed(Key(), right), signed(lumi.key, hpke.seal_statement("00" * 32, lumi.at["site_index"], public_of(lumi))),
                 signed(lumi.key, hpke.seal_statement(lumi.at["genesis"], lumi.at["site_index"] + 1, public_of(lumi))),
                 signed(lumi.key, hpke.seal_statement(lumi.at["genesis"], lumi.at["site_index"], bytes(32)))):
        reply = opened(lumi, seal=seal, status=403)
        assert reply.json["code"] == "signature", reply
    assert opened(lumi, seal={"x25519": public, "signature": "AAAA"}, status=422).json["pointer"].startswith("/seal")
    assert lumi.call("GET", "/v1/agent/self").json["instance"] == before, "a refusal opens nothing"


def test_what_cannot_be_asked(world):
    brisa = world.people["brisa"]
    for names in (["PATH"], ["LD_PRELOAD"], ["KONTOR_JTI"], ["SLURM_JOB_ID"], ["RANDOM"], ["A-B"], [""], ["1A"], ["A", "A"], [f"A{i}" for i in range(9)], "A", [1], ["A" * 65]):
        reply = brisa.post("/v1/requests", world.wants(secrets=names), key=True, check=False)
        assert reply.status == 422 and reply.json["pointer"].startswith("/secrets"), (names, reply)
    for more in ({"move_freely": True}, {"nights": {"count": 2, "from": "20:00", "until": "06:00"}}):
        assert brisa.post("/v1/requests", world.wants(secrets=["A"], **more), key=True).json["pointer"] == "/secrets", more
    asked = world.wants(secrets=["A"], template="allocation")
    del asked["script"]
    assert brisa.post("/v1/requests", asked, key=True).json["pointer"] == "/secrets"
    asked = world.wants(secrets=["HF_TOKEN", "B"], template="container", parameters={"image": "a.example/b@sha256:" + "ab" * 32, "command": "true", "runtime": "podman"})
    del asked["script"]
    assert "--env HF_TOKEN --env B " in brisa.must("POST", "/v1/requests", asked, status=201, key=True)["script"]
    assert brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)["secrets"] == []


def test_what_is_not_as_named_changes_nothing(world):
    request, quote = quoted(world, ["HF_TOKEN", "OTHER"])
    assert request["secrets"] == ["HF_TOKEN", "OTHER"] and [o["site"] for o in quote["options"]] == ["lumi"], quote
    both, before = {"HF_TOKEN": PLAIN, "OTHER": "x"}, world.counts()
    other = hpke.seal_secrets(x25519_public(os.urandom(32)), request["organisation"]["id"], request["id"], request["script_sha256"], both)
    long = sealed(world, request, {"HF_TOKEN": "y" * 4097, "OTHER": "x"})
    short = sealed(world, request, both)
    short["sealed"][0]["ciphertext"] = base64.b64encode(bytes(81)).decode()
    twice = sealed(world, request, both)
    twice["sealed"].append(twice["sealed"][0])
    for secrets, status, code in ((None, 422, "secret-missing"), (sealed(world, request, {"HF_TOKEN": PLAIN}), 422, "secret-missing"),
                                  (sealed(world, request, {**both, "THIRD": "z"}), 422, "secret-surplus"), (twice, 422, "secret-surplus"), (long, 422, None),
                                  (short, 422, "field-invalid"), ({"key": "00", "sealed": []}, 422, None), ({"sealed": []}, 422, "field-missing")):
        reply = accept(world, quote, secrets)
        assert reply.status == status and (code is None or reply.json["code"] == code), (secrets, reply.json)
        assert world.counts() == before, code
    reply = accept(world, quote, other)  # what is sealed is kept for ten minutes: it names no reservation, and nobody can fetch it
    assert reply.status == 409 and reply.json["code"] == "seal-key" and reply.json["pointer"] == "/secrets/key", reply.json
    assert accept(world, quote, sealed(world, request, both), move_freely=True).json["pointer"] == "/move_freely"
    assert world.people["brisa"].must("GET", f"/v1/requests/{request['id']}")["reservation"] is None
    assert world.people["nordlys"].post(f"/v1/quotes/{quote['id']}/accept", {"option": 0, "secrets": sealed(world, request, both)}, key=True).status == 404
    plain = world.people["brisa"].must("POST", "/v1/requests", world.wants(), status=201, key=True)
    asked = world.people["brisa"].must("POST", f"/v1/requests/{plain['id']}/quotes", {"hold": True}, status=201, key=True)
    assert accept(world, asked, sealed(world, plain, {"HF_TOKEN": PLAIN})).json["code"] == "secret-surplus"
    for q in (quote, asked):
        world.people["brisa"].must("POST", f"/v1/quotes/{q['id']}/release", {}, key=True)


def test_sealed_carried_and_opened(world):
    lumi, bsc = AGENTS["lumi"], AGENTS["bsc"]
    request, quote = quoted(world, ["HF_TOKEN", "OTHER"])
    values = {"HF_TOKEN": PLAIN, "OTHER": "x" * 4096}
    bundle, key = sealed(world, request, values), str(uuid.uuid4())
    made = world.people["brisa"].call("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0, "secrets": bundle}, key=key)
    assert made.status == 201, made
    again = world.people["brisa"].call("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0, "secrets": bundle}, key=key)
    assert again.status == 201 and again.json["id"] == made.json["id"], "the same request has the same answer"
    at, none = f"/v1/reservations/{made.json['id']}/secrets", {"names": ["HF_TOKEN", "OTHER"], "sha256": None, "sealed": None, "kept": False, "key": None}
    ticket = ticket_of(lumi)
    given = world.people["brisa"].must("GET", at)
    assert given == {**none, "sha256": ticket["secrets"], "sealed": made.json["created"], "kept": True, "key": bundle["key"]}, given
    for who, status in (("nordlys", 404), ("officer", 403), ("lumi", 403)):
        assert world.people[who].get(at).status == status, who
    AGENTS["given"] = (at, given)
    assert ticket["needs"] == ["secrets"] and len(ticket["secrets"]) == 64, ticket
    assert bsc.call("GET", f"/v1/agent/blobs/{ticket['secrets']}").status == 404, "not of another site"
    got = lumi.call("GET", f"/v1/agent/blobs/{ticket['secrets']}")
    assert got.status == 200 and json.loads(got.body) == bundle, got
    opened_values = hpke.open_secrets(lumi.seal, ticket["organisation"], ticket["request"], ticket["workload"]["sha256"], json.loads(got.body))
    assert {n: v.decode() for n, v in opened_values.items()} == values
    for change in ({"organisation": str(uuid.uuid4())}, {"request": str(uuid.uuid4())}, {"workload": "00" * 32}, {"secret": os.urandom(32)}, {"swap": True}):
        other = json.loads(got.body)
        if change.get("swap"):
            other["sealed"][0]["name"], other["sealed"][1]["name"] = other["sealed"][1]["name"], other["sealed"][0]["name"]
        try:
            hpke.open_secrets(lumi.seal, change.get("organisation", ticket["organisation"]), change.get("request", ticket["request"]), change.get("workload", ticket["workload"]["sha256"]),
                              {**other, "key": other["key"]}) if "secret" not in change else hpke.open_secrets(change["secret"], ticket["organisation"], ticket["request"], ticket["workload"]["sha256"], {
                                  **other, "key": hpke.key_id(x25519_public(change["secret"]))})
        except ValueError:
            continue
        raise AssertionError(f"it opens with {change}")
    AGENTS["ticket"] = ticket


def test_it_goes_when_the_job_is_over(world):
    lumi, ticket = AGENTS["lumi"], AGENTS["ticket"]
    there = f"SELECT count(*) FROM sealed_secrets WHERE sha256 = '\\x{ticket['secrets']}'"

    def swept():
        subprocess.run(["psql", "-qX", world.server.conninfo("kontor_worker"), "-c", "SET app.actor = 'server'", "-c", "DELETE FROM sealed_secrets"],
                       capture_output=True, check=True)

    swept()
    assert world.server.sql(there) == "1", "its job has not begun"
    assert lumi.report("accepted", ticket).claims["permit"] == "granted"
    started = millis(world.local.must("GET", "/v1/me")["now"])
    lumi.report("started", ticket, started=started)
    swept()
    assert world.server.sql(there) == "1", "it may be begun again"
    lumi.report("finished", ticket, started=started, ended=millis(world.local.must("GET", "/v1/me")["now"]), gpu_seconds=8)
    wait_for(lambda: world.people["brisa"].must("GET", f"/v1/reservations/{ticket['reservation']}")["state"] == "settled")
    swept()
    assert world.server.sql(there) == "0"
    at, given = AGENTS["given"]
    assert world.people["brisa"].must("GET", at) == {**given, "kept": False, "key": None}
    assert lumi.call("GET", f"/v1/agent/blobs/{ticket['secrets']}").status == 404


def test_a_key_that_changes_between_quote_and_acceptance(world):
    lumi = AGENTS["lumi"]
    request, quote = quoted(world)
    before = sealed(world, request, {"HF_TOKEN": PLAIN})
    lumi.seal = os.urandom(32)
    opened(lumi)
    reply = accept(world, quote, before)
    assert reply.status == 409 and reply.json["code"] == "seal-key", reply
    reply = accept(world, quote, sealed(world, request, {"HF_TOKEN": PLAIN}))
    assert reply.status == 201, reply
    ticket = ticket_of(lumi)
    got = json.loads(lumi.call("GET", f"/v1/agent/blobs/{ticket['secrets']}").body)
    assert hpke.open_secrets(lumi.seal, request["organisation"]["id"], request["id"], request["script_sha256"], got) == {"HF_TOKEN": PLAIN.encode()}
    assert lumi.report("rejected", ticket, reason=12).status == 200
    after = world.people["brisa"].must("GET", f"/v1/reservations/{ticket['reservation']}")
    assert after["state"] == "voided" and [r["reason"] for r in world.people["lumi"].must("GET", "/v1/sites/lumi/reports")["items"] if r["kind"] == "rejected"] == ["secrets"], after


def test_a_key_that_was_ended_vouches_for_no_sealing_key(world):
    """Whoever has the agent's key may have the sealing key that lies beside it, or have told one of their own."""
    lumi, brisa = AGENTS["lumi"], world.people["brisa"]
    request, quote = quoted(world)
    bundle = sealed(world, request, {"HF_TOKEN": PLAIN})
    world.people["lumi"].must("POST", f"/v1/keys/{lumi.at['key']}/revoke", {"compromised": True, "reason": "the disk was stolen"}, key=True)
    assert seal_of(world, "lumi") is None
    reply = accept(world, quote, bundle)
    assert reply.status == 409 and reply.json["code"] == "option-gone", reply
    look = {k: v for k, v in world.wants(needs=["secrets"]).items() if k not in ("name", "template", "script")}
    assert brisa.must("POST", "/v1/quotes", look)["options"] == []
    new = AGENTS["lumi"] = Agent(world, "lumi")
    new.number, new.seq = world.local.must("GET", "/v1/sites/lumi/agent")["last_report"], lumi.seq
    opened(new)
    assert seal_of(world, "lumi")["by"] == new.at["key"]
    brisa.must("POST", f"/v1/quotes/{quote['id']}/release", {}, key=True)


def test_the_real_agent_and_nothing_in_the_clear(world):
    """kontor-agent opens them, its job has them; database, logs, spool, journal and claims have not."""
    rig = Rig(f"http://127.0.0.1:{world.server.agent_port}", sandbox="none", takes="secrets")
    try:
        token = world.local.must("POST", "/v1/sites/bsc/agent-tokens", {}, status=201)["token"]
        world.local.must("POST", "/v1/sites/bsc/spool-retire", {"reason": "another agent"}, key=True)
        done = rig.enrol(token, "bsc")
        assert done.returncode == 0, done.stderr
        rig.start()
        wait_for(lambda: seal_of(world, "bsc"))
        opened(AGENTS["lumi"], takes=())
        request, quote = quoted(world, ["HF_TOKEN", "OTHER"], script=SCRIPT, walltime_s=60)
        assert [o["site"] for o in quote["options"]] == ["bsc"], quote
        reply = accept(world, quote, sealed(world, request, {"HF_TOKEN": PLAIN, "OTHER": "'$x\n\"é"}, "bsc"))
        assert reply.status == 201, reply
        wait_for(lambda: world.people["brisa"].must("GET", f"/v1/reservations/{reply.json['id']}")["state"] in ("settled", "voided"))
        end = world.people["brisa"].must("GET", f"/v1/reservations/{reply.json['id']}")
        assert end["outcome"] == "finished", (end, rig.log())
        assert pathlib.Path(rig.share, "got").read_text(encoding="utf-8") == PLAIN + "'$x\n\"é"
        story = subprocess.run(rig.command("journal"), capture_output=True, text=True, check=False)
        dump = subprocess.run(["pg_dump", "--dbname", world.server.conninfo()], capture_output=True, check=True).stdout
        assert b"sealed_secrets" in dump
        for needle in (PLAIN.encode(), base64.b64encode(PLAIN.encode())[:-4], PLAIN.encode().hex().encode()):
            assert needle not in dump and needle not in (rig.log() + story.stdout + story.stderr + world.server.tail_all()).encode()
            for path in pathlib.Path(rig.spool).rglob("*"):
                assert not path.is_file() or needle not in path.read_bytes(), path
        wait_for(lambda: len(list(pathlib.Path(rig.spool, "blobs").iterdir())) == 1)  # the script
        world.server.sql("UPDATE sealed_secrets SET created_ms = created_ms - 660000")
        assert world.server.sql("SELECT count(*) FROM sealed_secrets") != "0"
        world.server.stop()
        world.server.start()
        wait_for(lambda: world.server.sql("SELECT count(*) FROM sealed_secrets") == "0")
    finally:
        rig.close()
