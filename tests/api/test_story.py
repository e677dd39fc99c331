"""The main job over HTTP: a request is quoted, accepted, delivered, permitted, run, settled; everybody sees what is theirs."""
import hashlib
import http.client
import json
import os
import subprocess
import time
import uuid

from harness import BUILD, CONTRACT
from world import Agent, Later, millis


def test_table_and_contract_name_the_same_routes(world):
    table = set()
    for line in subprocess.run([str(BUILD / "kontord"), "routes"], capture_output=True, text=True, check=True).stdout.splitlines():
        method, path, name, who, key, token = line.split()
        table.add((method, path, name, tuple(sorted(who.split(","))), key == "key", token))
    document = {(method, path, op["operationId"], tuple(sorted(op["x-who"])), op.get("x-key", False), op.get("x-token", "-")) for method, _, path, op in CONTRACT.routes}
    assert table == document, (sorted(table - document), sorted(document - table))


def test_the_operator_names_the_server_by_its_configuration(world):
    """Before the verb: its file, its folder, or the folder in the environment; the help needs none of them."""
    def admin(*words, **env):
        return subprocess.run([str(BUILD / "kontord"), "admin", *words], capture_output=True, text=True, env={**os.environ, **env}, check=False)

    file = world.server.data / "kontord.conf"
    file.write_text(f"data_dir = {world.server.data}\n")
    told = [admin(*words, "get", "/v1/journal", **env) for words, env in (
        ([f"--config={file}"], {}), ([f"--data-dir={world.server.data}"], {}), ([], {"KONTOR_DATA_DIR": str(world.server.data)}))]
    assert [(t.returncode, json.loads(t.stdout)["origin"]) for t in told] == [(0, "kontor.example/test")] * 3, told
    missing = admin(f"--config={file}.not", "get", "/v1/journal")
    assert missing.returncode != 0 and "kontord.conf.not" in missing.stderr, missing
    assert admin("--help").returncode == 0 and "--config=FILE" in admin("--help").stdout


def test_a_new_request_is_told_as_it_is_found(world):
    """The answer to POST is made without asking the database: it says what GET says, in the same order, and so does a repeat."""
    brisa, plain = world.people["brisa"], {k: v for k, v in world.wants().items() if k not in ("template", "script")}
    later = world.local.must("GET", "/v1/me")["now"][:10]
    year = str(int(later[:4]) + 1)
    for wants in (
            world.wants(),
            world.wants(name="Zürich “å” \\ \U0001f52c", script="#!/bin/sh\nprintf '\t\"é\"\\n'\r\n# \u2028"),
            world.wants(memory_gb=64, model="A100", countries=["FI", "ES"], one_island=True, kind="experimental-platform", preference="cheapest",
                        move_freely=True, max_credits="12.345", earliest_start=f"{year}-01-01T12:00:00+01:00", deadline=f"{year}-02-01T00:00:00.123Z"),
            {**plain, "template": "single-gpu", "parameters": {"command": "echo \"1\" '2' ü"}},
            {**plain, "template": "multi-node-pytorch", "parameters": {"args": "--lr  1e-3", "entry": "train.py"}},
            {**plain, "template": "container", "parameters": {"image": "registry.example/a@sha256:" + "ab" * 32, "command": "true"}}):
        key = str(uuid.uuid4())
        made = brisa.call("POST", "/v1/requests", wants, key=key)
        assert made.status == 201, made
        found = brisa.get("/v1/requests/" + made.json["id"])
        assert found.status == 200 and made.body == found.body, (made.body, found.body)
        assert brisa.call("POST", "/v1/requests", wants, key=key).body == made.body


def test_main_job(world):
    brisa = world.people["brisa"]
    agents = {code: Agent(world, code) for code in ("lumi", "bsc")}
    for agent in agents.values():
        assert agent.open().status == 201
    look = brisa.must("POST", "/v1/quotes", {k: v for k, v in world.wants().items() if k not in ("name", "template", "script")})
    assert look["state"] == "look-only" and look["id"] is None and len(look["options"]) == 2
    polls = {code: Later(lambda a=a: a.tickets(wait=30)) for code, a in agents.items()}
    before = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")
    request = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)
    assert request["script"] == "#!/bin/sh\necho hello\n" and request["reservation"] is None
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True, "preference": "soonest"}, status=201, key=True)
    assert quote["state"] == "open" and quote["options"][0]["booked"] is True
    reservation = brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0, "move_freely": False}, status=201, key=True)
    accepted = time.monotonic()
    code = reservation["site"]["code"]
    agent = agents[code]
    got = polls[code].wait()
    assert got.status == 200 and len(got.json["tickets"]) == 1, got
    assert polls[code].at - accepted < 10, "the poll was answered when its time was over"
    ticket = agent.claims(got.json["tickets"][0]["jws"])
    assert ticket["do"] == "run" and ticket["reservation"] == reservation["id"] and ticket["aud"] == code
    assert agent.call("POST", "/v1/agent/tickets/received", {"instance": agent.instance, "seq": ticket["seq"]}).json["confirmed_seq"] == ticket["seq"]
    blob = agent.call("GET", "/v1/agent/blobs/" + ticket["workload"]["sha256"])
    assert blob.status == 200 and hashlib.sha256(blob.body).hexdigest() == ticket["workload"]["sha256"]
    other = agents["bsc" if code == "lumi" else "lumi"]
    assert other.call("GET", "/v1/agent/blobs/" + ticket["workload"]["sha256"]).status == 404
    held = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")
    assert int(held["held_gpums"]) - int(before["held_gpums"]) == int(reservation["cost_at_most_gpums"])

    events = Events(world, brisa, reservation["id"])
    permit = agent.report("accepted", ticket)
    assert permit.status == 200 and permit.claims["permit"] == "granted", permit
    start = millis(agent.world.local.must("GET", "/v1/me")["now"])
    assert agent.report("queued", ticket).status == 200
    assert agent.report("started", ticket, started=start).status == 200
    now = millis(agent.world.local.must("GET", "/v1/me")["now"])
    statement = agent.statement("finished", ticket, started=start, ended=now, gpu_seconds=16, now=now)
    done = agent.report("finished", ticket, statement=statement, output=b"hello\n\xff")
    assert done.status == 200, done
    again = agent.report("finished", ticket, statement=statement, output=b"hello\n\xff")
    assert again.json == done.json, "the same report gets the same receipt"
    end = brisa.must("GET", f"/v1/reservations/{reservation['id']}")
    rate = end["offering"]["rate_milli"]
    assert end["state"] == "settled" and end["outcome"] == "finished" and end["exit_code"] == 0, end
    assert int(end["settled_gpums"]) == 16 * rate and end["held_gpums"] == "0" and end["settle_entries"]
    assert [h["what"] for h in end["timeline"]] == ["accepted", "ticket-issued", "delivered", "permitted", "queued", "started", "finished", "settled"]
    assert brisa.must("GET", f"/v1/reservations/{reservation['id']}/output")["output"] == "hello\n\ufffd"
    shown = brisa.must("GET", f"/v1/reservations/{reservation['id']}/ticket")
    assert agent.claims(shown["jws"]) == shown["claims"]
    after = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")
    assert int(after["settled_gpums"]) - int(before["settled_gpums"]) == 16 * rate and after["held_gpums"] == before["held_gpums"]
    seen = events.until("settled")
    assert [s["version"] for s in seen] == sorted({s["version"] for s in seen}), "each version once, in order"
    assert brisa.must("GET", f"/v1/requests/{request['id']}")["reservation"] == reservation["id"]
    entries = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}/entries")
    assert {"HOLD", "SETTLE", "GRANT"} <= {e["kind"] for e in entries["items"]}
    operator = world.people[code]
    assert operator.must("GET", f"/v1/sites/{code}/reports")["items"][0]["kind"] == "finished"
    shown = operator.must("GET", f"/v1/sites/{code}/tickets")["items"][0]
    assert (shown["confirmed"], shown["state"], shown["outcome"]) == (True, "settled", "finished"), shown
    assert shown["gpu_seconds"] > 0 and shown["model"] == reservation["offering"]["model"], shown
    assert operator.must("GET", f"/v1/sites/{code}/agent")["instance"] == agent.instance
    assert brisa.must("GET", "/v1/programme", status=403)
    programme = world.people["auditor"].must("GET", "/v1/programme")
    assert programme["conserved"] is True and programme["funds"][0]["minted_credits"] == "1000000.000"
    the_auditor_finds_it_paid(world, {"statement": statement.hex(), "signature": agent.key.sign(statement).hex(), "receipt": done.json["receipt"]})


def the_auditor_finds_it_paid(world, line):
    """What the site has of it (kontor-agent receipts), against the journal. (What is not paid: tests/unit/test_audit.c.)"""
    folder, receipts = world.server.data / "export", world.server.data / "receipts"
    subprocess.run([str(BUILD / "kontord"), "export", *world.server.options, str(folder)], check=True, capture_output=True)
    receipts.write_text(json.dumps(line) + "\n" + json.dumps({**line, "signature": "00" * 64}) + "\n")
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", "--json", f"--receipts={receipts}", str(folder)], capture_output=True, text=True)
    told = json.loads(done.stdout)["receipts"]
    assert done.returncode == 0 and (told["ends"], told["paid_or_released"], told["unusable"], told["waiting"]) == (1, 1, 1, 0), done.stdout
    done = subprocess.run([str(BUILD / "kontor-audit"), "verify", f"--receipts={receipts}.none", str(folder)], capture_output=True, text=True)
    assert done.returncode == 3 and "receipts.none cannot be read" in done.stderr, done


class Events:
    """The event stream of a reservation, as a browser reads it."""

    def __init__(self, world, client, reservation):
        self.connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=60)
        self.connection.request("GET", f"/v1/reservations/{reservation}/events", headers={"Cookie": client.cookie})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["content-type"] == "text/event-stream"

    def until(self, state):
        seen = []
        while True:
            line = self.answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
                CONTRACT.check({"$ref": "#/components/schemas/Reservation"}, seen[-1], "event")
                if seen[-1]["state"] == state:
                    self.connection.close()
                    return seen


def test_cancel_before_the_permit_costs_nothing(world):
    brisa = world.people["brisa"]
    before = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")
    reservation = world.accept()
    ended = brisa.must("POST", f"/v1/reservations/{reservation['id']}/cancel", {}, key=True)
    assert ended["state"] == "voided" and ended["outcome"] == "cancelled" and ended["void_entry"]
    after = brisa.must("GET", f"/v1/grants/{world.grants['brisa']}")
    assert after["free_gpums"] == before["free_gpums"] and after["held_gpums"] == before["held_gpums"]
    assert brisa.post(f"/v1/reservations/{reservation['id']}/cancel", {}, key=True).json["code"] == "state"


def test_quote_is_released_renewed_and_used_once(world):
    brisa = world.people["brisa"]
    request = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    renewed = brisa.must("POST", f"/v1/quotes/{quote['id']}/renew", {}, key=True)
    assert renewed["renewed"] and renewed["expires"] > quote["expires"]
    assert brisa.post(f"/v1/quotes/{quote['id']}/renew", {}, key=True).json["code"] == "quote-renewed"
    assert brisa.must("POST", f"/v1/quotes/{quote['id']}/release", {}, key=True)["state"] == "released"
    assert brisa.post(f"/v1/quotes/{quote['id']}/accept", {"option": 0}, key=True).status == 409


def test_nothing_fits_and_says_why(world):
    brisa = world.people["brisa"]
    request = brisa.must("POST", "/v1/requests", world.wants(memory_gb=1000), status=201, key=True)
    quote = brisa.call("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, key=True)
    assert quote.status == 201 and quote.json["state"] == "no-offer" and not quote.json["options"]
    assert {r["code"] for r in quote.json["refusals"]} == {"memory"}


def test_pages_go_on_where_they_left(world):
    brisa = world.people["brisa"]
    for i in range(5):
        brisa.must("POST", "/v1/requests", world.wants(name=f"page {i}"), status=201, key=True)
        time.sleep(0.002)  # those of one millisecond stand in any order
    names, path = [], "/v1/requests?limit=2"
    while path:
        page = brisa.get(path)
        names += [r["name"] for r in page.json["items"]]
        assert (page.json["next"] is None) == ("link" not in page.headers)
        path = page.headers["link"].split(">")[0][1:] if page.json["next"] else None
    assert names[:5] == [f"page {i}" for i in (4, 3, 2, 1, 0)] and len(names) == len(brisa.must("GET", "/v1/requests?limit=500")["items"])
    first = world.local.must("GET", "/v1/journal/entries?limit=10")
    second = world.local.must("GET", f"/v1/journal/entries?limit=10&cursor={first['next']}")
    assert second["items"][0]["index"] == first["items"][-1]["index"] - 1
    # of an account and of a kind, page by page is what is there in one, wherever a page begins
    account = world.grants["brisa"]
    for query in (f"account={account}", f"account={account}&kind=OPEN", f"account={account}&kind=GRANT", f"account={account}&kind=HOLD", "kind=SITE", "kind=HOLD"):
        whole = [e["index"] for e in world.local.must("GET", f"/v1/journal/entries?{query}&limit=500")["items"]]
        assert whole == sorted(whole, reverse=True) and whole, query
        for size in (1, 3):
            paged, page = [], world.local.must("GET", f"/v1/journal/entries?{query}&limit={size}")
            while page["items"]:
                paged += [e["index"] for e in page["items"]]
                page = world.local.must("GET", f"/v1/journal/entries?{query}&limit={size}&before={paged[-1]}")
            assert paged == whole, (query, size)
        middle = whole[len(whole) // 2] + 1  # may be an entry of another account
        assert [e["index"] for e in world.local.must("GET", f"/v1/journal/entries?{query}&limit=500&before={middle}")["items"]] == [i for i in whole if i < middle]


def test_money_that_two_officers_move(world):
    administrator = world.people["administrator"]
    officers = [{"email": f"{n}@kontor.example", "password": "correct horse battery"} for n in ("officer", "officer2")]
    grant = world.grants["nordlys"]
    before = administrator.must("GET", f"/v1/grants/{grant}")
    body = {"credits": "12.5", "reason": "Too much", "officers": officers}
    assert administrator.post(f"/v1/grants/{grant}/clawback", dict(body, officers=[officers[0]] * 2), key=True).json["code"] == "authority"
    wrong = [officers[0], dict(officers[1], password="wrong password")]
    assert administrator.post(f"/v1/grants/{grant}/clawback", dict(body, officers=wrong), key=True).json["pointer"] == "/officers/1"
    after = administrator.must("POST", f"/v1/grants/{grant}/clawback", body, status=201, key=True)
    assert int(before["free_gpums"]) - int(after["free_gpums"]) == 45000000 and after["clawed_back_credits"] == "12.500"
    assert world.people["officer"].post(f"/v1/grants/{grant}/clawback", body, key=True).status == 403


def test_metrics_have_their_own_door(world):
    metrics = http.client.HTTPConnection("127.0.0.1", world.server.metrics_port, timeout=30)
    metrics.request("GET", "/metrics")
    text = metrics.getresponse().read().decode()
    assert "kontor_leading 1" in text and "kontor_journal_entries" in text
    metrics.request("GET", "/v1/sites")
    assert metrics.getresponse().status == 404
    assert world.anybody.get("/metrics", check=False).status == 404
