"""A site falls silent: for more than five minutes nobody hears its agent. It gets no new work; what waits there and may move
freely moves by itself, never at a higher price; what has its permit stays; everybody sees what moved and why. It comes back,
and gets work again. The server's clock is set five minutes later for it."""
import re
import tempfile

from harness import Client
from mail_server import Post
from moved_clock import MovedClock
from test_moves import at_the_dearer_site, cancel, eventually, get, now_of, outlook
from test_tamper import audit, export
from world import PASSWORD, Agent, millis

SILENCE_S, DAY = 310, 86400000


def look(world, country):
    """What a start-up is told of the place in this country."""
    wants = {k: v for k, v in world.wants(countries=[country]).items() if k not in ("name", "template", "script")}
    return world.people["brisa"].must("POST", "/v1/quotes", wants)


def states(world):
    return {s["code"]: s["state"] for s in world.anybody.must("GET", "/v1/sites")["items"]}


def anew(world):
    """The server, started anew with a clock that the test sets, and both sites' agents in touch with it."""
    clock = world.clock = getattr(world, "clock", None) or MovedClock(world.server.data)
    world.server.env = clock.env
    again(world)
    agents = {code: Agent(world, code) for code in ("bsc", "lumi")}
    for code, agent in agents.items():
        before = world.local.must("GET", f"/v1/sites/{code}/agent")
        agent.later_s, agent.number = clock.ahead_s, before["last_report"]
        assert agent.open(before["confirmed_seq"]).status == 201
    eventually(lambda: states(world), lambda found: found == {"lumi": "active", "bsc": "active"})
    return clock, agents


def again(world, meanwhile=lambda: None):
    world.server.stop()
    meanwhile()
    world.server.start()
    for client in [*world.people.values(), world.local, world.anybody]:
        client.connection = None


def trusted(world):
    """An operator says that the clock is right, as often as the server finds it apart from another one."""
    if Client(world.server).get("/health/ready").status == 503:
        world.local.must("POST", "/v1/clock/confirm", {"reason": "Set by a test."}, key=True)
    return world.local.must("GET", "/v1/clock")


def later(world, clock, awake):
    """Five minutes on, in which all but these agents said nothing. Nothing that is due by time is done before they have."""
    clock.set(clock.ahead_s + SILENCE_S)
    for agent in awake:
        agent.later_s = clock.ahead_s
        assert agent.call("GET", "/v1/agent/tickets?after=0&wait=0").status == 200
    eventually(lambda: trusted(world), lambda c: c["trusted"] and abs(c["database_ahead_ms"] or 0) > SILENCE_S * 900)


def test_a_site_falls_silent_and_comes_back(world):
    clock, agents = anew(world)
    brisa, officer, operator, agent = world.people["brisa"], world.people["officer"], world.people["bsc"], agents["bsc"]
    free, bound = at_the_dearer_site(world, 0, move_freely=True), at_the_dearer_site(world, 0)
    begun, ready = at_the_dearer_site(world, 0, move_freely=True), at_the_dearer_site(world, 0, move_freely=True)
    in_days = at_the_dearer_site(world, 3, move_freely=True)
    tickets = {t["reservation"]: t for t in (agent.claims(t["jws"]) for t in agent.tickets(wait=5).json["tickets"])}
    for r in (begun, ready):
        assert agent.report("accepted", tickets[r["id"]]).claims["permit"] == "granted"
    start = now_of(world)
    assert agent.report("started", tickets[begun["id"]], started=start).status == 200
    request = brisa.must("POST", "/v1/requests", world.wants(), status=201, key=True)
    open_quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    there = next(i for i, o in enumerate(open_quote["options"]) if o["site"] == "bsc")

    later(world, clock, [agents["lumi"]])
    assert states(world) == {"lumi": "active", "bsc": "silent"}
    assert operator.must("GET", "/v1/sites/bsc/agent")["state"] == "silent"
    # no new work
    refusal = next(r for r in look(world, "ES")["refusals"] if r["site"] == "bsc")
    assert refusal["code"] == "silent" and not look(world, "ES")["options"], refusal
    gone = brisa.post(f"/v1/quotes/{open_quote['id']}/accept", {"option": there}, key=True)
    assert gone.status == 409 and gone.json["code"] == "option-gone" and "not been in touch" in gone.json["detail"], gone
    assert look(world, "FI")["options"], "the other site's is untouched"
    # what waits and may move has moved
    left = eventually(lambda: get(world, free), lambda r: r["state"] == "voided")
    assert left["outcome"] == "site-silent" and left["settled_gpums"] == "0", left
    taken = get(world, {"id": left["moved_to"]})
    assert taken["site"]["code"] == "lumi" and taken["moved_from"] == free["id"] and int(taken["cost_at_most_gpums"]) <= int(free["cost_at_most_gpums"])
    void = officer.must("GET", f"/v1/journal/entries/{left['void_entry']}")
    assert void["kind"] == "VOID" and "moved" in str(void), void
    # the others have not, and say why
    assert [get(world, r)["state"] for r in (begun, ready, bound, in_days)] == ["running", "permitted", "issued", "issued"]
    told = outlook(world, bound)
    assert (told["displaced"]["why"], told["displaced"]["moved_by"]) == ("site-silent", "requester") and told["expected"]["start"] is None, told
    assert told["elsewhere"]["options"][0]["site"] == "lumi" and told["elsewhere"]["refusals"][0]["site"] == "bsc", told
    told = outlook(world, in_days)
    assert (told["displaced"]["why"], told["displaced"]["moved_by"]) == ("site-silent", "kontor"), told
    assert millis(told["displaced"]["permit_from"]) > now_of(world) + 2 * DAY, "the site may be back before"
    assert outlook(world, ready)["displaced"]["moved_by"] == "site", "it has its permit"
    # who runs the programme and the site sees it
    for reader, path in ((officer, "/v1/programme/moves"), (operator, "/v1/sites/bsc/moves")):
        seen = reader.must("GET", path)
        assert [(s["reservation"], s["why"], s["moved_by"]) for s in seen["standing"]] == [
            (bound["id"], "site-silent", "requester"), (in_days["id"], "site-silent", "kontor")], seen
        assert len(seen["items"]) == 1 and seen["items"][0]["why"] == "site-silent" and seen["items"][0]["moved"], seen
        assert seen["items"][0]["from"]["reservation"] == free["id"] and seen["items"][0]["entry"] == left["void_entry"]
        assert (seen["items"][0]["to"] or {}).get("site") == ("lumi" if reader is officer else None)
    after = brisa.must("POST", f"/v1/reservations/{bound['id']}/move", {}, status=201, key=True)
    assert after["site"]["code"] == "lumi" and get(world, bound)["outcome"] == "site-silent"

    # it comes back: its old tickets get no permit, its jobs go on, and it gets new work
    agent.later_s = clock.ahead_s
    orders = [agent.claims(t["jws"]) for t in agent.tickets(after=max(t["seq"] for t in tickets.values())).json["tickets"]]
    assert {(t["do"], t["jti"]) for t in orders} == {("cancel", tickets[r["id"]]["jti"]) for r in (free, bound)}, orders
    assert states(world) == {"lumi": "active", "bsc": "active"}
    late = agent.report("accepted", tickets[free["id"]])
    assert late.status == 200 and late.claims["permit"] == "refused", late
    end = now_of(world)
    assert agent.report("finished", tickets[begun["id"]], started=start, ended=end, gpu_seconds=(end - start) // 1000 * 8, now=end).status == 200
    assert agent.report("started", tickets[ready["id"]], started=end, now=end).status == 200
    assert agent.report("finished", tickets[ready["id"]], started=end, ended=end + 2, gpu_seconds=0, now=end + 2).status == 200
    eventually(lambda: [get(world, r)["state"] for r in (begun, ready)], lambda s: s == ["settled", "settled"])
    assert get(world, begun)["settled_gpums"] == str((end - start) // 1000 * 8 * 1850)
    assert outlook(world, in_days)["displaced"] is None and get(world, in_days)["version"] == in_days["version"]
    assert officer.must("GET", "/v1/programme/moves")["standing"] == []
    assert look(world, "ES")["options"][0]["site"] == "bsc"
    new = world.accept(countries=["ES"])
    assert new["site"]["code"] == "bsc"
    tickets = [agent.claims(t["jws"]) for t in agent.tickets(after=max(t["seq"] for t in orders), wait=5).json["tickets"]]
    assert agent.report("accepted", next(t for t in tickets if t["reservation"] == new["id"])).claims["permit"] == "granted"

    # nothing was dropped, and the books agree
    cancel(world, in_days, taken, after)
    assert officer.must("GET", "/v1/programme")["conserved"] is True
    with tempfile.TemporaryDirectory() as folder:
        status, said = export(world, folder + "/export")
        assert status == 0, said
        report = audit(folder + "/export")
        assert report["clean"] and report["findings"] == [], report


def test_a_server_that_has_just_begun_has_heard_nobody(world):
    """However long ago a site was heard: it is given five minutes from the server's start."""
    clock, _ = anew(world)
    again(world, lambda: clock.set(clock.ahead_s + SILENCE_S))
    eventually(lambda: states(world), lambda found: found == {"lumi": "active", "bsc": "active"})
    assert look(world, "ES")["options"]


def silences(client):
    return [n for n in client.must("GET", "/v1/me/notices?limit=100")["items"] if n["kind"] == "agent-silent"]


def test_silence_is_told_to_those_who_chose_so_and_again_after_a_return(world):
    """Its operators and administrators, in the page and by letter as each chose; nobody else; not twice of one silence."""
    post = Post()
    world.server.more = [*world.server.more, f"--mail-server=smtp://127.0.0.1:{post.port}", "--mail-clear", "--mail-from=Kontor <notices@kontor.example>"]
    clock, agents = anew(world)
    page, letters, neither = (world.person(name, [{"role": "site_operator", "site": "bsc"}]) for name in ("page", "letters", "neither"))
    for client, choice in ((page, {"page": True, "mail": False}), (letters, {"page": False, "mail": True}), (neither, {"page": False, "mail": False})):
        client.must("POST", "/v1/me/notice-choices", {"kind": "agent-silent", **choice})
    for n, (name, client) in enumerate((("page", page), ("letters", letters), ("neither", neither)), 1):
        client.must("POST", "/v1/me/mail", {"address": f"{name}@bsc.example", "password": PASSWORD})
        token = re.search(r"/mail#confirm\.([\w-]+)", post.wait(n)[-1][2].get_content())[1]
        assert world.anybody.post("/v1/mail/confirm", {"token": token}).status == 204
    admin, others = world.people["administrator"], [world.people[who] for who in ("lumi", "officer", "brisa")] + [letters, neither]
    had = len(silences(admin))
    elsewhere = [len(silences(other)) for other in others]
    for times in (1, 2):
        later(world, clock, [agents["lumi"]])
        assert states(world) == {"lumi": "active", "bsc": "silent"}
        told = eventually(lambda: silences(page), lambda found: len(found) == times)[0]
        assert told["link"] == "/site/bsc" and "bsc" in told["title"] and not told["read"], told
        eventually(lambda: silences(admin), lambda found: len(found) == had + times)
        _, to, letter, _ = post.wait(3 + times)[-1]
        assert to == ["letters@bsc.example"] and letter["Subject"] == "Agent out of touch" and "bsc" in letter.get_content(), (to, letter["Subject"], letter.get_content())
        agents["bsc"].later_s = clock.ahead_s
        assert agents["bsc"].call("GET", "/v1/agent/tickets?after=0&wait=0").status == 200
        eventually(lambda: states(world), lambda found: found == {"lumi": "active", "bsc": "active"})
    assert [len(silences(other)) for other in others] == elsewhere and len(silences(page)) == 2 and len(post.letters) == 5, [l[1] for l in post.letters]
    post.close()
