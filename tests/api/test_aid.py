"""State aid: each grant has its legal basis and what it is worth; de minimis aid stays below its cap, for all that are one
undertaking, over three rolling years; the refusal says how much there was and when it falls; the register."""
import copy
import csv
import io
import threading

from world import stamp

DAY = 86400000
CAP = 30000000
DECLARATION = {"register_number": "ESB12345678", "nace": "62.10", "linked": [], "received": [], "complete": True}


def now_of(world):
    return int(world.server.sql("SELECT time_ms FROM head"))


def grant(world, org, cents, basis="de-minimis", who=None, **more):
    like = more.pop("like", None) or world.local.must("GET", f"/v1/grants/{world.grants['brisa']}")
    body = {"organisation": world.organisations[org], "tranche": world.tranche, "mode": "fast-lane", "credits": "1", "start": like["start"], "end": like["end"],
            "reference": "AID", "gge_eur_cents": cents, "legal_basis": basis, "reason": "Test"}
    return (who or world.people["officer"]).post("/v1/grants", body, key=more.pop("key", True), **more)


def declare(world, who="brisa", org="brisa", status=204, **more):
    return world.people[who].must("POST", f"/v1/organisations/{world.organisations[org]}/aid/declarations", {**DECLARATION, **more}, status=status, key=True)


def aid(world, org, who="officer"):
    return world.people[who].must("GET", f"/v1/organisations/{world.organisations[org]}/aid")


def de_minimis(world, org, who="officer"):
    return next(s for s in aid(world, org, who)["sums"] if s["basis"]["code"] == "de-minimis")


def link(world, linked, status=204):
    return world.people["officer"].must("POST", f"/v1/organisations/{world.organisations['brisa']}/aid/links",
                                        {"organisation": world.organisations["nordlys"], "linked": linked, "reason": "One owner"}, status=status, key=True)


def test_the_rules_are_dated_rows(world):
    rules = {r["code"]: r for r in world.anybody.must("GET", "/v1/aid/rules")["items"]}
    assert set(rules) == {"de-minimis", "gber", "no-aid", "carried-over"} and rules["de-minimis"]["cap_eur_cents"] == CAP and rules["gber"]["cap_eur_cents"] is None, rules
    new = {"code": "sgei", "name": "SGEI de minimis", "reference": "Regulation (EU) 2023/2832", "cap_eur_cents": 75000000, "years": 3, "declared_within_days": 366}
    past = world.people["administrator"].post("/v1/aid/rules", {**new, "valid_from": stamp(now_of(world) - DAY)}, key=True)
    assert past.status == 422 and past.json["pointer"] == "/valid_from", past
    later = {**new, "valid_from": stamp(now_of(world) + DAY)}
    assert world.people["officer"].post("/v1/aid/rules", later, key=True).status == 403
    world.people["administrator"].must("POST", "/v1/aid/rules", later, status=204, key="sgei")
    world.people["administrator"].must("POST", "/v1/aid/rules", later, status=204, key="sgei")
    assert world.people["administrator"].post("/v1/aid/rules", later, key=True).json["code"] == "exists"
    refused = grant(world, "brisa", 1, "sgei")
    assert refused.status == 422 and refused.json["pointer"] == "/legal_basis", "it is in force tomorrow"
    assert grant(world, "brisa", 1, "moonshine").json["detail"] == "No such legal basis is in force."


def test_it_is_declared_first(world):
    refused = grant(world, "brisa", 100)
    assert refused.status == 409 and refused.json["code"] == "aid-declaration" and "owner" in refused.json["detail"], refused
    path = f"/v1/organisations/{world.organisations['brisa']}/aid/declarations"
    for who, status in (("brisa2", 403), ("officer", 403), ("nordlys", 404)):
        assert world.people[who].post(path, DECLARATION, key=True).status == status, who
    for more, pointer in (({"complete": False}, "/complete"), ({"nace": "6x"}, "/nace"), ({"nace": "62.1.0"}, "/nace"), ({"register_number": ""}, "/register_number"),
                          ({"received": [{"granted": stamp(now_of(world) + DAY), "gge_eur_cents": 1, "by": "City"}]}, "/received/0/granted"),
                          ({"received": [{"granted": stamp(0), "gge_eur_cents": 0, "by": "City"}]}, "/received/0/gge_eur_cents"),
                          ({"linked": [{"name": "Mother", "country": "XX", "register_number": "1"}]}, "/linked/0/country")):
        refused = world.people["brisa"].post(path, {**DECLARATION, **more}, key=True)
        assert refused.status == 422 and refused.json["pointer"] == pointer, (more, refused)
    assert aid(world, "brisa")["declaration"] is None
    received = [{"granted": stamp(now_of(world) - 400 * DAY), "gge_eur_cents": 5000000, "by": "City of València"},
                {"granted": stamp(now_of(world) - 1200 * DAY), "gge_eur_cents": 9000000, "by": "too long ago"}]
    linked = [{"name": "Mother SL", "country": "ES", "register_number": "ESB1"}]
    declare(world, received=received, linked=linked)
    seen = aid(world, "brisa", "brisa")
    assert seen["declaration"]["by"] == "Brisa" and seen["declaration"]["body"]["linked"] == linked, seen
    total = de_minimis(world, "brisa", "brisa2")
    assert (total["granted_eur_cents"], total["declared_eur_cents"], total["left_eur_cents"]) == (0, 5000000, CAP - 5000000), total
    assert [f["eur_cents"] for f in total["falls"]] == [5000000]


def test_the_cap_holds(world):
    made = grant(world, "brisa", 20000000, key="first")
    assert made.status == 201, made
    world.first = made.json["account"]
    assert grant(world, "brisa", 20000000, key="first").json["account"] == world.first, "the same call is the same grant"
    total = de_minimis(world, "brisa")
    assert (total["granted_eur_cents"], total["left_eur_cents"]) == (20000000, 5000000), total
    size = int(world.server.sql("SELECT size FROM head"))
    refused = grant(world, "brisa", 5000001)
    fits = next(f["at"] for f in total["falls"] if f["eur_cents"] == 5000000)[:10]
    assert refused.status == 409 and refused.json["code"] == "aid-cap", refused
    for said in ("EUR 250000.00 within 3 years", "EUR 50000.00 of it declared", "EUR 50000.01 more", "EUR 300000.00", f"fits from {fits} on"):
        assert said in refused.json["detail"], (said, refused.json)
    assert "by itself" in grant(world, "brisa", CAP + 1).json["detail"]
    assert int(world.server.sql("SELECT size FROM head")) == size, "a refusal leaves nothing behind"
    assert grant(world, "brisa", 900000000, "gber").status == 201, "without a cap"
    assert grant(world, "brisa", 5000000).status == 201
    assert grant(world, "brisa", 1).status == 409


def test_who_is_nearest_to_a_cap(world):
    """The same sums as each organisation's own page, the nearest to its cap first."""
    told = world.people["auditor"].must("GET", "/v1/aid/sums")
    assert told["items"] and not told["more"] and told["organisations"] >= len(told["items"])
    for item in told["items"]:
        name = item["organisation"]["name"]
        own = next(s for s in aid(world, name)["sums"] if s["basis"] == item["basis"])
        for field in ("granted_eur_cents", "declared_eur_cents", "left_eur_cents"):
            assert item[field] == own[field], (name, field)
        assert {"at": item["falls"], "eur_cents": item["falls_eur_cents"]} == own["falls"][0], name
    had = [(i["granted_eur_cents"] + i["declared_eur_cents"]) / i["basis"]["cap_eur_cents"] for i in told["items"]]
    assert had == sorted(had, reverse=True) and had[-1] > 0
    assert "brisa" in {i["organisation"]["name"] for i in told["items"] if i["basis"]["code"] == "de-minimis"}
    for who in ("brisa", "lumi"):
        assert world.people[who].get("/v1/aid/sums").status == 403


def test_it_stands_in_the_journal(world):
    index = int(world.server.sql(f"SELECT index FROM entry WHERE kind = 5 AND credit = {world.first}"))
    shown = world.people["officer"].must("GET", f"/v1/journal/entries/{index}/evidence")
    assert shown["text"] == "Test\n\nLegal basis: De minimis aid (Regulation (EU) 2023/2831). Gross grant equivalent: EUR 200000.00.", shown
    for who in ("brisa", "auditor"):
        seen = world.people[who].must("GET", f"/v1/grants/{world.first}/aid")["aid"]
        assert (seen["gge_eur_cents"], seen["before_eur_cents"], seen["basis"]["reference"], seen["organisation"]["name"]) == (20000000, 5000000, "Regulation (EU) 2023/2831", "brisa"), seen
    assert world.people["nordlys"].get(f"/v1/grants/{world.first}/aid").status == 404
    assert world.people["brisa"].get(f"/v1/grants/{world.fund}/aid").status == 404
    kept = world.server.sql(f"SELECT rule FROM aid WHERE account = {world.first}")
    world.server.sql(f"UPDATE aid SET account = NULL WHERE account = {world.first}")
    assert world.people["brisa"].must("GET", f"/v1/grants/{world.first}/aid")["aid"] is None and kept, "as a grant from before"
    assert grant(world, "brisa", 20000000, key="first").status == 201, "told again, it is put right"
    assert world.people["brisa"].must("GET", f"/v1/grants/{world.first}/aid")["aid"]["account"] == world.first


def test_one_undertaking_has_one_cap(world):
    declare(world, "nordlys", "nordlys", register_number="SE5560000000")
    assert de_minimis(world, "nordlys")["left_eur_cents"] == CAP
    link(world, True)
    assert link(world, True, status=409)["code"] == "conflict"
    assert [u["name"] for u in aid(world, "nordlys", "nordlys")["undertaking"]] == ["brisa", "nordlys"]
    assert de_minimis(world, "nordlys", "nordlys")["left_eur_cents"] == 0
    assert aid(world, "nordlys", "nordlys")["items"] == [] or all(i["organisation"]["name"] == "nordlys" for i in aid(world, "nordlys", "nordlys")["items"])
    assert grant(world, "nordlys", 1).json["code"] == "aid-cap"
    links = world.people["auditor"].must("GET", f"/v1/organisations/{world.organisations['nordlys']}/aid/links")["items"]
    assert [(x["organisation"]["name"], x["by"], x["reason"]) for x in links] == [("brisa", "Officer", "One owner")], links
    link(world, False)
    assert link(world, False, status=404)["code"] == "not-found"
    assert de_minimis(world, "nordlys")["left_eur_cents"] == CAP


def test_many_at_once_stay_below(world):
    replies, like = [], world.local.must("GET", f"/v1/grants/{world.grants['brisa']}")

    def give():
        one = copy.copy(world.people["officer"])  # signed in as she is, on a connection of its own
        one.connection = None
        replies.append(grant(world, "nordlys", 10000000, who=one, like=like).status)
    threads = [threading.Thread(target=give) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(replies) == [201] * 3 + [409] * 5, replies
    assert de_minimis(world, "nordlys")["left_eur_cents"] == 0


def test_what_is_three_years_old_falls(world):
    old = now_of(world) - 1097 * DAY
    world.server.sql(f"UPDATE aid SET granted_ms = {old} WHERE account = (SELECT min(account) FROM aid WHERE organisation = '{world.organisations['nordlys']}' AND cents = 10000000)")
    assert de_minimis(world, "nordlys")["left_eur_cents"] == 10000000
    assert grant(world, "nordlys", 10000000).status == 201


def test_what_came_to_nothing_is_free_again(world):
    """Reserved, and the order never came (the server died between the two): it counts for two minutes."""
    rule = "019a0000-0000-7000-8000-00000000a1d1"
    world.server.sql(f"INSERT INTO aid VALUES ('{world.organisations['brisa']}', '{world.organisations['brisa']}', '{rule}', 7, 0, {now_of(world)}, NULL, false)")
    assert de_minimis(world, "brisa")["granted_eur_cents"] == 25000007
    world.server.sql(f"UPDATE aid SET granted_ms = {now_of(world) - 130000} WHERE cents = 7")
    assert de_minimis(world, "brisa")["granted_eur_cents"] == 25000000
    world.server.sql("UPDATE aid SET older = true WHERE cents = 7")
    assert de_minimis(world, "brisa")["granted_eur_cents"] == 25000007, "what stands in an older origin counts"
    world.server.sql("DELETE FROM aid WHERE cents = 7")


def test_it_is_what_the_journal_says(world):
    world.server.sql(f"UPDATE aid SET cents = cents - 1 WHERE account = {world.first}")
    refused = grant(world, "brisa", 0)
    assert refused.status == 500 and refused.json["code"] == "corrupt", refused
    assert f"the grant of account {world.first}" in world.server.tail()
    world.server.sql(f"UPDATE aid SET cents = cents + 1 WHERE account = {world.first}")
    assert grant(world, "brisa", 0).status == 201


def test_the_register(world):
    reply = world.people["auditor"].get(f"/v1/aid/register.csv?from={stamp(now_of(world) - DAY)}")
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/csv"), reply
    assert reply.headers["content-disposition"] == 'attachment; filename="kontor-aid-register.csv"'
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    mine = [r for r in rows if r["grant_account"] == str(world.first)]
    assert len(mine) == 1 and mine[0]["beneficiary"] == "brisa" and mine[0]["beneficiary_id"] == "ESB12345678" and mine[0]["nace"] == "62.10", mine
    assert (mine[0]["amount"], mine[0]["currency"], mine[0]["basis"], mine[0]["country"]) == ("200000.00", "EUR", "de-minimis", "ES"), mine
    assert not [r for r in rows if r["amount"] == "0.07"], "what was only reserved is no aid"
    assert world.people["brisa"].get("/v1/aid/register.csv").status == 403
    assert world.people["auditor"].get("/v1/aid/register.csv?from=yesterday").json["code"] == "query-invalid"
