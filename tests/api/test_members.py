"""Who acts for an organisation: invitations, members, leaving, the last owner; what is told of every change of rights."""
import threading

from harness import Client
from world import stamp


def rights(client, path="/v1/me/rights"):
    return [(r["what"], r["of"]["role"], r["person"]["name"], r["by"]["name"], r["reason"]) for r in client.must("GET", path)["items"]]


def invite(world, owner="nordlys", role="member", **more):
    return world.people[owner].must("POST", f"/v1/organisations/{world.organisations['nordlys']}/invitations", {"role": role, **more}, status=201)


def newcomer(world, token, name):
    client = Client(world.server)
    me = client.must("POST", "/v1/invitations/accept", {"token": token, "name": name, "email": f"{name.lower()}@kontor.example", "password": "one that is long enough"})
    client.cookie, client.csrf = client.last.headers["set-cookie"].split(";")[0], me["csrf"]
    return client, me


def members(world):
    return {m["name"]: m["role"] for m in world.people["nordlys"].must("GET", f"/v1/organisations/{world.organisations['nordlys']}/members")["items"]}


def set_role(client, world, person, role, status=204, reason="tests", **more):
    return client.must("POST", f"/v1/organisations/{world.organisations['nordlys']}/members", {"person": person, "role": role, "reason": reason, **more}, status=status, key=True)


def test_an_invitation_opens_once(world):
    made = invite(world, note="for Ada")
    assert made["link"].endswith("/en/join#" + made["token"]) and made["role"] == "member", made
    assert "token" not in str(world.people["nordlys"].must("GET", f"/v1/organisations/{world.organisations['nordlys']}/invitations")), "shown once"
    seen = world.anybody.must("POST", "/v1/invitations/look", {"token": made["token"]})
    assert (seen["organisation"], seen["role"], seen["note"]) == ("nordlys", "member", "for Ada") and seen["invited_by"], seen
    ada, me = newcomer(world, made["token"], "Ada")
    assert [(r["role"], r["organisation"]["name"]) for r in me["roles"]] == [("member", "nordlys")], me
    assert ada.must("GET", "/v1/grants")["items"], "she is in"
    for path in ("look", "accept"):
        body = {"token": made["token"], **({"name": "Bob", "email": "bob@kontor.example", "password": "one that is long enough"} if path == "accept" else {})}
        reply = Client(world.server).post(f"/v1/invitations/{path}", body)
        assert reply.status == 403 and reply.json["code"] == "invitation", reply
    assert rights(ada) == [("joined", "member", "Ada", "Ada", f"Invited by {seen['invited_by']}.")]
    assert rights(world.people["nordlys"], f"/v1/organisations/{world.organisations['nordlys']}/rights")[0][:3] == ("joined", "member", "Ada")
    world.ada, world.ids["ada"] = ada, me["person"]["id"]


def test_who_may_invite(world):
    path = f"/v1/organisations/{world.organisations['nordlys']}/invitations"
    for who in (world.ada, world.people["officer"], world.people["auditor"]):
        assert who.post(path, {"role": "member"}).status == 403
        assert who.get(path).status == 403
    assert world.people["brisa"].post(path, {"role": "member"}).status == 404
    assert world.people["brisa"].get(path).status == 404
    made = invite(world)
    assert world.people["brisa"].call("DELETE", f"/v1/invitations/{made['id']}").status == 404
    assert world.people["nordlys"].call("DELETE", f"/v1/invitations/{made['id']}").status == 204
    assert world.people["nordlys"].call("DELETE", f"/v1/invitations/{made['id']}").status == 404
    assert world.anybody.post("/v1/invitations/look", {"token": made["token"]}).json["code"] == "invitation"
    world.server.sql(f"UPDATE invitation SET expires_ms = created_ms WHERE id = '{invite(world)['id']}'")
    late = invite(world)
    world.server.sql(f"UPDATE invitation SET expires_ms = created_ms WHERE id = '{late['id']}'")
    assert world.anybody.post("/v1/invitations/look", {"token": late["token"]}).json["code"] == "invitation", "a week has gone by"
    bad = Client(world.server).post("/v1/invitations/accept", {"token": late["token"], "name": "Eve", "email": "eve@kontor.example", "password": "short"})
    assert bad.status == 422 and bad.json["pointer"] == "/password", bad
    many = [invite(world)["id"] for _ in range(50)]
    assert world.people["nordlys"].post(path, {"role": "member"}).status == 429
    for one in many:
        assert world.people["nordlys"].call("DELETE", f"/v1/invitations/{one}").status == 204


def test_two_who_open_it_at_once(world):
    """One gets in."""
    token, statuses = invite(world)["token"], []
    people = [Client(world.server) for _ in range(4)]

    def accept(i):
        statuses.append(people[i].post("/v1/invitations/accept", {"token": token, "name": f"Twin{i}", "email": f"twin{i}@kontor.example", "password": "one that is long enough"}).status)
    threads = [threading.Thread(target=accept, args=(i,)) for i in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(statuses) == [200, 403, 403, 403], statuses
    assert sum(name.startswith("Twin") for name in members(world)) == 1
    assert world.server.sql("SELECT count(*) FROM person WHERE name LIKE 'Twin%'") == "1", "who came too late has no account"


def test_signed_in_already(world):
    """An account that is there joins by the link; an address that is taken makes no second account."""
    made = invite(world, role="owner")
    taken = Client(world.server).post("/v1/invitations/accept", {"token": made["token"], "name": "Ada", "email": "ada@kontor.example", "password": "one that is long enough"})
    assert taken.status == 409 and taken.json["pointer"] == "/email", taken
    assert world.people["nordlys"].post("/v1/invitations/join", {"token": made["token"]}).json["code"] == "exists", "nothing to gain"
    other = {"token": made["token"], "name": "Zoe", "email": "zoe@kontor.example", "password": "one that is long enough"}
    assert world.ada.post("/v1/invitations/accept", other).json["code"] == "state", "no second account by mistake"
    me = world.ada.must("POST", "/v1/invitations/join", {"token": made["token"]})
    assert [r["role"] for r in me["roles"]] == ["owner"], me
    assert {r[:2] for r in rights(world.ada)[:2]} == {("joined", "owner"), ("left", "member")}
    assert world.local.post("/v1/invitations/join", {"token": made["token"]}).status == 403


def test_members_change(world):
    nordlys = world.people["nordlys"]
    owner = world.ids["nordlys"]
    bea, _ = newcomer(world, invite(world)["token"], "Bea")
    bea_id = bea.must("GET", "/v1/me")["person"]["id"]
    assert set_role(bea, world, bea_id, "owner", status=403)["code"] == "forbidden"
    assert set_role(bea, world, owner, "none", status=403)["code"] == "forbidden"
    assert set_role(world.people["brisa"], world, bea_id, "none", status=404)["code"] == "not-found"
    assert set_role(nordlys, world, world.ids["brisa"], "member", status=404)["code"] == "not-found", "nobody is brought in without their own doing"
    assert set_role(nordlys, world, bea_id, "owner", status=422, reason="")["pointer"] == "/reason"
    set_role(nordlys, world, bea_id, "owner", reason="she signs now")
    assert members(world)["Bea"] == "owner"
    by = nordlys.must("GET", "/v1/me")["person"]["name"]
    assert set(rights(bea)[:2]) == {("taken", "member", "Bea", by, "she signs now"), ("given", "owner", "Bea", by, "she signs now")}, rights(bea)
    set_role(bea, world, bea_id, "none", reason="")
    assert "Bea" not in members(world) and bea.must("GET", "/v1/me")["roles"] == []
    assert bea.get(f"/v1/organisations/{world.organisations['nordlys']}").status in (403, 404), "at once"
    assert rights(bea)[0][:2] == ("left", "owner")
    assert rights(world.people["auditor"], f"/v1/organisations/{world.organisations['nordlys']}/rights")[0][:3] == ("left", "owner", "Bea")


def test_the_last_owner_stays(world):
    nordlys, owner = world.people["nordlys"], world.ids["nordlys"]
    set_role(nordlys, world, world.ids["ada"], "member")
    for role in ("member", "none"):
        assert set_role(nordlys, world, owner, role, status=409)["code"] == "last-owner"
    reply = world.local.post(f"/v1/people/{owner}/roles/remove", {"roles": [{"role": "owner", "organisation": world.organisations["nordlys"]}], "reason": "x"}, key=True)
    assert reply.status == 409 and reply.json["code"] == "last-owner", reply
    assert members(world)["Ada"] == "member" and owner in [m["id"] for m in nordlys.must("GET", f"/v1/organisations/{world.organisations['nordlys']}/members")["items"]]
    set_role(nordlys, world, world.ids["ada"], "owner")
    out = []

    def leave(client, person):
        out.append(client.call("POST", f"/v1/organisations/{world.organisations['nordlys']}/members", {"person": person, "role": "none"}, key=True).status)
    threads = [threading.Thread(target=leave, args=a) for a in ((nordlys, owner), (world.ada, world.ids["ada"]))]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(out) == [204, 409], f"two owners leave at once: {out}"
    gone = owner if out and owner not in [m["id"] for m in world.local.must("GET", f"/v1/organisations/{world.organisations['nordlys']}/members")["items"]] else world.ids["ada"]
    world.local.must("POST", f"/v1/people/{gone}/roles", {"roles": [{"role": "owner", "organisation": world.organisations["nordlys"]}], "reason": "back"}, key=True)
    set_role(nordlys, world, world.ids["ada"], "none")


def test_officers_are_appointed_and_dismissed(world):
    person, client = world.ids["auditor"], world.people["auditor"]
    body = {"roles": [{"role": "officer"}, {"role": "site_operator", "site": "bsc"}]}
    assert world.local.post(f"/v1/people/{person}/roles", body, key=True).json["pointer"] == "/reason", "nobody is appointed without a reason"
    for who in ("officer", "brisa", "bsc"):
        assert world.people[who].post(f"/v1/people/{person}/roles", {**body, "reason": "x"}, key=True).status == 403
    key = {"Idempotency-Key": "appoint"}
    world.local.must("POST", f"/v1/people/{person}/roles", {**body, "reason": "stands in"}, headers=key)
    world.local.must("POST", f"/v1/people/{person}/roles", {**body, "reason": "stands in"}, headers=key)
    assert {r[:2] for r in rights(client)[:2]} == {("given", "site_operator"), ("given", "officer")}
    assert len(rights(client)) == 3 and rights(client)[2][4] == "The account was made.", rights(client)
    assert client.must("GET", "/v1/funds")
    world.people["administrator"].must("POST", f"/v1/people/{person}/roles/remove", {**body, "reason": "is back"}, key=True)
    assert [r["role"] for r in client.must("GET", "/v1/me")["roles"]] == ["auditor"]
    told = world.people["administrator"].must("GET", f"/v1/people/{person}/rights")["items"]
    assert {(r["what"], r["of"]["role"], r["of"].get("site"), r["reason"]) for r in told[:2]} == {
        ("taken", "site_operator", "bsc", "is back"), ("taken", "officer", None, "is back")}, told
    assert told[0]["by"]["id"] == world.ids["administrator"] and told[2]["by"]["name"] == "", "the operator on the machine has no name"
    assert stamp(0) < told[0]["at"]
    paged = client.must("GET", "/v1/me/rights?limit=2")
    assert len(paged["items"]) == 2 and client.must("GET", f"/v1/me/rights?limit=2&cursor={paged['next']}")["items"][0]["id"] == told[2]["id"]
