"""Where a fund's credits went: each node gives on what it got, and the sums are those of the grants and of the journal."""
from test_report import DAY, a_job, entries, now_of
from test_use import paid
from world import PASSWORD, stamp


def flow(world, who="auditor"):
    return world.people[who].must("GET", f"/v1/funds/{world.fund}/flow")


def sums(links, **of):
    return sum(int(link["moved_gpums"]) for link in links if all(link[k] == v for k, v in of.items()))


def test_each_gives_on_what_it_got(world):
    a_job(world)
    world.accept(countries=["ES"])
    told = flow(world)
    links = told["links"]
    fund = f"fund-{world.fund}"
    assert sums(links, **{"from": fund}) == int(told["minted_gpums"]) == 1000000 * 3600000
    for node in told["nodes"]:
        if node["kind"] in ("tranche", "grant", "others"):
            assert sums(links, to=node["id"]) == sums(links, **{"from": node["id"]}) > 0, node
    assert sums(links, to="reserve") == 10000 * 3600000
    assert {n["name"] for n in told["nodes"] if n["kind"] == "grant"} >= {"brisa", "nordlys"}


def test_the_sums_are_those_of_grants_and_entries(world):
    told = flow(world, "officer")
    for name, account in world.grants.items():
        grant = world.people["officer"].must("GET", f"/v1/grants/{account}")
        mine = [link for link in told["links"] if link["from"] == f"grant-{account}"]
        for how in ("settled", "held", "free"):
            assert sums(mine, how=how) == int(grant[f"{how}_gpums"]), (name, how)
    assert sums(told["links"], how="settled") == sum(gpums for _, gpums in paid(entries(world, 0, 2**52))) > 0
    assert sums(told["links"], to="site-lumi", how="settled") > 0 and sums(told["links"], to="site-bsc", how="held") > 0


def test_many_grants_are_told_as_one(world):
    before = sum(n["kind"] == "grant" for n in flow(world)["nodes"])
    for n in range(13 - before + 2):
        org = world.order("/v1/organisations", {"name": f"small {n}", "country": "ES", "city": "Vigo", "lat_milli": 1, "lon_milli": 2})["id"]
        now = now_of(world)
        world.order("/v1/grants", {"organisation": org, "tranche": world.tranche, "mode": "fast-lane", "credits": "7", "start": stamp(now), "end": stamp(now + 30 * DAY),
                                   "reference": f"S-{n}", "gge_eur_cents": 100, "legal_basis": "gber", "reason": "Test"})
    told = flow(world)
    others = next(n for n in told["nodes"] if n["kind"] == "others")
    assert sum(n["kind"] == "grant" for n in told["nodes"]) == 12 and others["grants"] == 3
    assert sums(told["links"], to=others["id"]) == sums(told["links"], **{"from": others["id"]}) == 3 * 7 * 3600000
    test_each_gives_on_what_it_got(world)


def test_what_comes_back_may_be_granted_again(world):
    """A tranche gives on what it got and what came back to it: what is not granted is what it has, however often."""
    fund = world.order("/v1/funds", {"name": "Small", "reference": "F-9", "credits": "100", "reason": "Test"})["account"]
    tranche = world.order("/v1/tranches", {"fund": fund, "name": "All of it", "reference": "T-9", "credits": "100", "reason": "Test"})["account"]
    now = now_of(world)

    def grant(credits):
        return world.order("/v1/grants", {"organisation": world.organisations["brisa"], "tranche": tranche, "mode": "fast-lane", "credits": credits, "start": stamp(now), "end": stamp(now + 30 * DAY),
                                          "reference": f"R-{credits}", "gge_eur_cents": 100, "legal_basis": "gber", "reason": "Test"})["account"]

    first = grant("90")
    officers = [{"email": f"{name}@kontor.example", "password": PASSWORD} for name in ("officer", "officer2")]
    world.people["administrator"].must("POST", f"/v1/grants/{first}/clawback", {"credits": "60", "reason": "Test", "officers": officers}, status=201, key=True)
    grant("50")
    links = world.people["auditor"].must("GET", f"/v1/funds/{fund}/flow")["links"]
    free = next(t for t in world.people["auditor"].must("GET", "/v1/tranches")["items"] if t["account"] == tranche)["free_gpums"]
    assert sums(links, to="not-granted") == int(free) == 20 * 3600000
    assert sums(links, to=f"tranche-{tranche}") + sums(links, to="clawed-back") == sums(links, **{"from": f"tranche-{tranche}"})


def test_no_fund_and_who_may_not(world):
    assert world.people["auditor"].get(f"/v1/funds/{world.tranche}/flow").status == 404
    assert world.people["auditor"].get("/v1/funds/99999999/flow").status == 404
    for who in ("brisa", "lumi"):
        assert world.people[who].get(f"/v1/funds/{world.fund}/flow").status == 403
