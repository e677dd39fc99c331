"""The first steps of each role: ticked by what the server knows, or by looking; ended for good on all devices, and begun again."""
from harness import Client
from test_agents import fresh
from world import PASSWORD


def guide(client, name, **of):
    found = [g for g in client.must("GET", "/v1/me/guides")["items"] if g["guide"] == name and all(g[k] == v for k, v in of.items())]
    assert len(found) == 1, (name, of, found)
    return found[0]


def do(client, name, deed, status=204):
    return client.call("POST", "/v1/me/guides", {"guide": name, "deed": deed}).status == status


def test_each_role_is_led_and_what_is_done_is_ticked(world):
    fresh(world)
    people = {"nordlys": "startup", "brisa2": "startup", "officer": "officer", "auditor": "auditor", "lumi": "site", "administrator": "admin"}
    for who, name in people.items():
        assert world.people[who].must("GET", "/v1/me")["guides"] == [name], who
        assert [g["guide"] for g in world.people[who].must("GET", "/v1/me/guides")["items"]] == [name], who
    assert world.anybody.get("/v1/me/guides").status == 401 and world.anybody.must("GET", "/v1/session")["guides"] == []
    alone = world.person("newcomer", [{"role": "owner", "organisation": world.local.must("POST", "/v1/organisations", {"name": "Nova", "country": "FI", "city": "Oulu", "lat_milli": 65012, "lon_milli": 25465}, status=201, key=True)["id"]}])
    assert guide(alone, "startup")["done"] == []
    org = guide(alone, "startup")["organisation"]
    alone.must("POST", f"/v1/organisations/{org}/invitations", {"role": "member", "note": "Ada"}, status=201)
    assert guide(alone, "startup")["done"] == ["colleague"]
    assert {"ask", "accept"} & set(guide(world.people["brisa"], "startup", organisation=world.organisations["brisa"])["done"]) == set()
    request = world.people["brisa"].must("POST", "/v1/requests", world.wants("brisa"), status=201, key=True)
    assert "ask" in guide(world.people["brisa"], "startup")["done"] and "accept" not in guide(world.people["brisa"], "startup")["done"]
    quote = world.people["brisa"].must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    world.people["brisa"].must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)
    assert "accept" in guide(world.people["brisa"], "startup")["done"]
    assert {"fund", "grant"} <= set(guide(world.people["officer"], "officer")["done"]) and "key" not in guide(world.people["officer"], "officer")["done"]
    assert "agent" in guide(world.people["lumi"], "site", site="lumi")["done"] and "agent" not in guide(world.people["bsc"], "site", site="bsc")["done"]
    assert "agent" in guide(world.people["administrator"], "admin")["done"] and "keys" not in guide(world.people["administrator"], "admin")["done"]


def test_looking_is_a_step_and_the_end_is_for_good(world):
    client = world.people["auditor"]
    assert guide(client, "auditor")["done"] == [] and not guide(client, "auditor")["ended"]
    assert do(client, "auditor", "verify") and do(client, "auditor", "verify") and do(client, "auditor", "journal")
    assert guide(client, "auditor")["done"] == ["journal", "verify"]
    assert do(client, "auditor", "end") and do(client, "auditor", "end")
    assert client.must("GET", "/v1/me")["guides"] == [] and guide(client, "auditor")["ended"]
    elsewhere = Client(world.server)
    assert elsewhere.sign_in("auditor@kontor.example", PASSWORD).json["guides"] == [] and guide(elsewhere, "auditor")["done"] == ["journal", "verify"]
    assert do(elsewhere, "auditor", "again") and client.must("GET", "/v1/me")["guides"] == ["auditor"]
    assert guide(client, "auditor")["done"] == ["journal", "verify"], "what was looked at stays so"
    assert "auditor" not in world.people["officer"].must("GET", "/v1/me")["guides"] and guide(world.people["officer"], "officer")["done"].count("attention") == 0
    for bad in ({"guide": "auditor"}, {"guide": "nobody", "deed": "end"}, {"guide": "auditor", "deed": "key"}):
        assert client.post("/v1/me/guides", bad).status in (400, 422), bad
    assert world.anybody.post("/v1/me/guides", {"guide": "auditor", "deed": "end"}).status == 401
