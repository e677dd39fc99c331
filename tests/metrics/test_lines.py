"""The log: one line a call, joined by the request's id to the batch, the statements in the database's own log and the order;
nothing in it that is nobody's business."""
import json
import os
import pathlib
import re

from harness import CONTRACT  # noqa: F401
from story import story, until
from story import world as any_world
from world import PASSWORD

PG = pathlib.Path(os.environ["KONTOR_TEST_PG_DIR"])


def world():
    made = any_world(more=["--log-level=debug"])
    for setting in ("log_line_prefix = '%a| '", "log_min_duration_statement = 0"):
        made.server.sql(f"ALTER SYSTEM SET {setting}")
    made.server.sql("SELECT pg_reload_conf()")
    return made


def lines(world):
    text = (world.server.data / "log").read_text()
    return [json.loads(one) for one in text[:text.rfind("\n") + 1].splitlines()]  # the last one may be half written


def line_of(world, request_id):
    return until(lambda: [one for one in lines(world) if request_id in (one.get("request_id"), one.get("id"))])[-1]


def statements(tag):
    """What PostgreSQL says it ran under this application_name."""
    def found():
        text = (PG / "log").read_text(errors="replace")
        return [one for one in text.splitlines() if one.startswith(tag + "| ") and "execute" in one]
    return until(found)


def test_a_request_id_goes_all_the_way(world):
    brisa = world.people["brisa"]
    request = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)
    shown = brisa.get(f"/v1/requests/{request['id']}", headers={"X-Request-Id": "read-0123456789"})
    assert shown.status == 200 and shown.headers["x-request-id"] == "read-0123456789"
    assert line_of(world, "read-0123456789")["route"] == "requests_get"
    assert any("request" in one for one in statements("kontord req=read-0123456789"))
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    done = brisa.call("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=True, headers={"X-Request-Id": "accept-me.1"})
    assert done.status == 201 and done.headers["x-request-id"] == "accept-me.1"
    line = line_of(world, "accept-me.1")
    assert line["answer"] == done.json["id"] and line["batch"] > 0 and line["status"] == 201, line
    ran = statements(f"kontord batch {line['batch']}")
    assert any("journal_write" in one or "UPDATE head" in one for one in ran), ran
    assert any("reservation" in one for one in ran), ran
    batch = [one for one in lines(world) if one["event"] == "batch" and one["batch"] == line["batch"]]
    assert len(batch) == 1 and batch[0]["entries"] >= 1 and batch[0]["outcome"] == "done"
    ticket = json.loads(brisa.get(f"/v1/reservations/{done.json['id']}/ticket").body)["claims"]
    assert ticket["reservation"] == line["answer"], "and the ticket"


def test_an_order_is_named(world):
    done = world.local.call("POST", "/v1/tranches", {"fund": world.fund, "name": "Second", "reference": "2026-01/2", "credits": "10", "reason": "Test"},
                            key=True, headers={"X-Request-Id": "an-order-1"})
    assert done.status == 201, done
    line = line_of(world, "an-order-1")
    assert world.server.sql(f"SELECT count(*) FROM evidence WHERE order_id = '{line['order']}'") == "1", line


def test_ids_that_are_made(world):
    for given in (None, "short", "a" * 49, "with space in it", "e-mail@example.org", "ünïcode-letters", "semi;colon;here"):
        sent = {} if given is None else {"X-Request-Id": given.encode() if not given.isascii() else given}
        reply = world.anybody.get("/v1/sites", headers=sent)
        made = reply.headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made), (given, made)
        line = line_of(world, made)
        assert line["id"] == made and "request_id" not in line
    lost = world.anybody.get("/v1/nothing", headers={"X-Request-Id": "lost-and-found"}, check=False)
    assert lost.status == 404 and lost.headers["x-request-id"] == "lost-and-found"
    refused = world.anybody.call("POST", "/v1/session", raw=b"{", headers={"X-Request-Id": "bad-json-1"})
    assert refused.status == 400 and refused.headers["x-request-id"] == "bad-json-1"


def test_polls_keep_their_ids(world):
    agent, _ = story(world)
    poll = agent.client.call("GET", "/v1/agent/tickets?after=1000&wait=1", headers={
        "Authorization": "Bearer " + agent.token(), "Kontor-Instance": str(agent.instance), "X-Request-Id": "poll-of-lumi"})
    assert poll.status == 200 and poll.headers["x-request-id"] == "poll-of-lumi"
    assert line_of(world, "poll-of-lumi")["route"] == "agent_tickets"


def test_no_secrets_and_nobody(world):
    """Sign in well and badly, enrol, be given a password, run jobs: none of it is in the log, at any level."""
    lumi = world.people["lumi"]
    token = lumi.must("POST", "/v1/sites/lumi/agent-tokens", {}, status=201)["token"]
    person = world.local.must("POST", "/v1/people", {"name": "Zoë Quist", "email": "zoe.quist@startup.example", "roles": []}, status=201)
    given = world.local.must("POST", f"/v1/people/{person['id']}/password", {})["password"]
    assert world.anybody.post("/v1/session", {"email": "zoe.quist@startup.example", "password": "hunter2-is-wrong"}).status == 401
    agent, _ = story(world)
    bearer = agent.token()
    assert agent.call("GET", "/v1/agent/tickets?after=0", token=bearer).status == 200
    officers = [{"email": f"{n}@kontor.example", "password": PASSWORD} for n in ("officer", "officer2")]
    world.people["administrator"].must("POST", f"/v1/grants/{world.grants['nordlys']}/clawback",
                                       {"credits": "1", "reason": "Zoë Quist told us", "officers": officers}, status=201, key=True)
    world.anybody.get("/v1/sites?cursor=zoe.quist@startup.example", check=False)
    secrets = [PASSWORD, token, given, bearer, "hunter2-is-wrong", "zoe.quist", "Quist", "startup.example", "told us", "echo hello"]
    for client in world.people.values():
        secrets += [client.cookie.split("=", 1)[1], client.csrf] if client.cookie else []
    key = (world.server.data / "server.key").read_text().split()[-1]
    text = (world.server.data / "log").read_text()
    assert len(text.splitlines()) > 60
    for secret in [*secrets, key, "@"]:
        assert secret not in text, secret
    for one in lines(world):
        assert {"time", "level", "event"} <= set(one), one
