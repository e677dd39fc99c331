"""Every route of `kontord routes`, as everybody there is, with everybody's ids. What is expected follows from the small
table below, written from the domain's words and not from the code. What is another's looks exactly like what is not
there; and after all the refused calls no table has changed."""
import hashlib
import json
import re
import uuid

from harness import CONTRACT, Client
from test_refusals import a_key, an_order, body_schema, needed_query, sample
from world import PASSWORD, Agent

PUBLIC = "sites_list sites_waits offerings_list offerings_free sites_calendar policies_list journal_get journal_entries journal_entry journal_entry_receipt journal_entry_evidence journal_entry_bytes journal_growth journal_witnesses journal_policy checkpoint tile jwks openapi error_explained health_live health_ready health_leader session_create session_passkey_begin session_passkey session_second session_second_passkey session_get providers_list sign_in_begin sign_in_end agent_enrol invitations_look invitations_accept aid_rules_list mail_confirm mail_stop mail_stop_page"
PERSONAL = "me_guides me_guides_do me_mail me_mail_ask me_mail_remove me_language me_notices me_notices_read me_notice_choices me_notice_choose session_delete me_get me_password me_sessions me_session_end me_sessions_end_others me_passkeys me_passkey_begin me_passkey_make me_passkey_rename me_passkey_remove me_second me_second_set me_codes_make me_tokens me_token_make me_token_end me_keys me_security me_rights invitations_join me_identities me_identity_remove organisations_list grants_list requests_list reservations_list"
BUYERS, PROGRAMME = {"owner", "member"}, {"officer", "auditor", "administrator"}

# Who may call, and whose the thing in the path is: an organisation's, a site's, a job's (both), nobody's.
RULES = {
    (frozenset(BUYERS | PROGRAMME), "organisation"): "organisations_get organisations_members organisations_rights organisations_aid grants_aid grants_get grants_entries grants_share grants_history requests_get quotes_get",
    (frozenset(BUYERS), "organisation"): "requests_quote requests_cancel reservations_move quotes_renew quotes_release quotes_accept reservations_cancel reservations_contest reservations_output reservations_secrets",
    (frozenset(BUYERS | {"administrator"}), "organisation"): "members_set",
    (frozenset({"owner"}), "organisation"): "aid_declare webhooks_list webhooks_create webhooks_remove webhooks_test deliveries_get deliveries_retry",
    (frozenset({"owner", "administrator"}), "organisation"): "invitations_list invitations_create invitations_withdraw",
    (frozenset(BUYERS | {"site_operator"}), "job"): "reservations_say",
    (frozenset(BUYERS), None): "requests_create quotes_look",
    (frozenset(BUYERS | PROGRAMME | {"site_operator"}), "job"): "reservations_get reservations_dispute reservations_outlook reservations_ticket reservations_events",
    (frozenset(PROGRAMME), None): "orders_list orders_get order_rule_get officer_keys_list programme_get programme_moves programme_report programme_report_csv programme_package programme_use programme_shares funds_list funds_flow tranches_list aid_links_list aid_sums aid_register",
    (frozenset({"officer"}), None): "funds_create tranches_create grants_create aid_links_set",
    (frozenset({"officer", "administrator"}), None): "me_key_ask me_key_ask_passkey orders_sign orders_carry_out orders_withdraw orders_refuse officer_key_refuse journal_entry_erase reservations_correct reservations_dismiss",
    (frozenset({"officer", "site_operator", "administrator"}), "site"): "offerings_floors keys_revoke",
    (frozenset({"administrator"}), None): "organisations_create people_list people_create people_password people_roles people_roles_remove people_rights people_identities grants_clawback"
    " mail_state mail_again order_rule_set officer_key_confirm reservations_resolve accounts_close clock_get clock_confirm journal_admit keys_rotate log_keys_rotate sites_create offerings_create rates_create capacity_create policies_create aid_rules_create",
    (frozenset({"site_operator", "administrator"}), "site"): "sites_agent sites_maintenance maintenance_plan maintenance_end sites_share sites_tickets sites_reports sites_moves sites_pause sites_drain sites_spool_retire sites_agent_token",
    (frozenset({"agent"}), None): "agent_instance agent_tickets agent_received agent_report agent_keys agent_self agent_seen agent_witness agent_checkpoint agent_entries agent_assertions agent_cosignature agent_refusal",
    (frozenset({"agent"}), "site"): "agent_blob",
}
# who: role, organisation, site
PEOPLE = {"anybody": ("none", None, None), "brisa": ("owner", "brisa", None), "brisa2": ("member", "brisa", None), "nordlys": ("owner", "nordlys", None),
          "nordlys2": ("member", "nordlys", None), "officer": ("officer", None, None), "auditor": ("auditor", None, None),
          "administrator": ("administrator", None, None), "lumi": ("site_operator", None, "lumi"), "bsc": ("site_operator", None, "bsc"),
          "both": ("owner", "nordlys", "bsc"), "agent of lumi": ("agent", None, "lumi"), "agent of bsc": ("agent", None, "bsc")}
# What a token does: reads what its person reads, but for what is of people and their ways in; writes these, for its organisation.
TOKENS_NEVER = "me_guides me_mail mail_state mail_stop_page webhooks_list deliveries_get me_notice_choices session_get sign_in_end me_sessions me_keys officer_keys_list me_passkeys me_second me_tokens me_security me_rights me_identities people_list people_rights people_identities invitations_list"
TOKENS_WRITE = "requests_create requests_quote requests_cancel quotes_renew quotes_release quotes_accept reservations_cancel reservations_move reservations_contest reservations_say"
NOWHERE = "01900000-0000-7000-8000-000000000000"


def rule_of(name):
    if name in PUBLIC.split():
        return None, None
    if name in PERSONAL.split():
        return {"owner", "member", "site_operator"} | PROGRAMME, None
    found = [(set(roles), of) for (roles, of), names in RULES.items() if name in names.split()]
    assert len(found) == 1, f"{name}: nobody has said here who may call it"
    return found[0]


def routes(world):
    """Method, path, name of each route that the program has."""
    return [line.split()[:3] for line in world.server.kontord_plain("routes").splitlines()]


def things(world):
    """Brisa's request, open quote, reservation at lumi; nordlys' at bsc; agents of both sites."""
    if hasattr(world, "things"):
        return world.things
    world.person("nordlys2", [{"role": "member", "organisation": world.organisations["nordlys"]}])
    world.person("both", [{"role": "owner", "organisation": world.organisations["nordlys"]}, {"role": "site_operator", "site": "bsc"}])
    world.agents = {site: Agent(world, site) for site in ("lumi", "bsc")}
    for agent in world.agents.values():
        assert agent.open().status == 201
    world.things = {}
    for org, site, country in (("brisa", "lumi", "FI"), ("nordlys", "bsc", "ES")):
        client = world.people[org]
        quoted = client.must("POST", "/v1/requests", world.wants(org, countries=[country]), status=201, key=True)
        quote = client.must("POST", f"/v1/requests/{quoted['id']}/quotes", {"hold": True}, status=201, key=True)
        reservation = world.accept(org, countries=[country], script=f"#!/bin/sh\necho {org}\n")
        ticket = world.agents[site].claims(world.agents[site].tickets().json["tickets"][0]["jws"]) if False else None
        invitation = client.must("POST", f"/v1/organisations/{world.organisations[org]}/invitations", {"role": "member"}, status=201)["id"]
        hook = client.must("POST", f"/v1/organisations/{world.organisations[org]}/webhooks", {"url": "https://127.0.0.1/", "kinds": ["approval"], "password": PASSWORD}, status=201)["id"]
        client.must("POST", f"/v1/webhooks/{hook}/test", {}, status=202)
        world.server.sql(f"UPDATE delivery SET state = 3, tries = 99 WHERE webhook = '{hook}'")
        delivery = client.must("GET", f"/v1/organisations/{world.organisations[org]}/deliveries")["items"][0]["id"]
        world.things[org] = {"webhook": hook, "delivery": delivery, "invitation": invitation, "organisation": world.organisations[org], "person": world.ids[org], "request": quoted["id"], "quote": quote["id"],
                             "reservation": reservation["id"], "grant": world.grants[org], "site": site, "ticket": ticket,
                             "blob": hashlib.sha256(f"#!/bin/sh\necho {org}\n".encode()).hexdigest()}
    world.order_waits, world.officer_key, world.asserted = an_order(world), a_key(world), hashlib.sha256(b"said").hexdigest()
    world.server.sql("INSERT INTO assertion VALUES (sha256('said'), 'said', 1)")
    world.things["nobody"] = {"webhook": NOWHERE, "delivery": NOWHERE, "invitation": NOWHERE, "organisation": NOWHERE, "person": NOWHERE, "request": NOWHERE, "quote": NOWHERE, "reservation": NOWHERE,
                              "grant": 999999999, "site": "nowhere", "blob": "0" * 64}
    return world.things


def fill(world, path, of):
    t = world.things[of]
    for pattern, value in (("/identities/{id}", NOWHERE), ("/orders/{id}", world.order_waits), ("/officer-keys/{id}", world.officer_key), ("/tokens/{id}", NOWHERE), ("/passkeys/{id}", NOWHERE), ("/sessions/{id}", NOWHERE), ("/webhooks/{id}", t["webhook"]), ("/deliveries/{id}", t["delivery"]), ("/invitations/{id}", t["invitation"]), ("/organisations/{id}", t["organisation"]), ("/people/{id}", t["person"]), ("/requests/{id}", t["request"]),
                           ("/quotes/{id}", t["quote"]), ("/reservations/{id}", t["reservation"]), ("/grants/{account}", t["grant"]), ("/funds/{account}", world.fund),
                           ("/accounts/{account}", t["grant"]), ("/sites/{code}", t["site"]), ("/assertions/{sha256}", world.asserted), ("{sha256}", t["blob"])):
        path = path.replace(pattern, re.sub(r"\{\w+\}", "", pattern) + str(value))
    path = path.replace("/keys/{index}", f"/keys/{world.agents[t['site']].at['key'] if t['site'] in world.agents else 999999999}")
    path = path.replace("/offerings/{index}", f"/offerings/{world.sites.get(t['site'], {'offering': 999999999})['offering']}").replace("{index}", "0").replace("{code}", "conflict").replace("{path}", "0/000.p/1")
    assert "{" not in path, path
    return path + needed_query(path)


def call(world, who, method, path, body, key):
    if who.startswith("agent"):
        agent = world.agents[who.split()[-1]]
        headers = {"Authorization": "Bearer " + agent.token(), "Kontor-Instance": str(agent.instance)}
        return agent.client.call(method, path, body, key=key, headers=headers)
    return world.people[who].call(method, path, body, key=key)


def dump(world):
    """One hash for the rows of each table; but for when agents were last in touch, and what the server tells people by itself."""
    tables = world.server.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1").split()
    ask = " UNION ALL ".join(f"SELECT '{t} ' || coalesce(md5(string_agg(md5(x::text), '' ORDER BY md5(x::text))), '') FROM {t} x" + (" WHERE read_ms > 0" if t == "notice" else "")
                             for t in tables if t not in ("agent_contact", "answer", "checkpoint", "quorum", "head", "notice_event", "notice_cursor"))
    return world.server.sql(ask + " UNION ALL SELECT 'head ' || size FROM head").splitlines()


def plain(reply):
    """A refusal without what differs by nature: its own number."""
    body = reply.json
    body.pop("instance")
    return reply.status, body, {k: v for k, v in reply.headers.items() if k not in ("date", "content-length", "x-request-id")}


def bodies(world, method, path):
    route = CONTRACT.find(method, path)
    schema = body_schema(route[3]) if route else None
    return (sample(schema, world) if schema else {}) if method == "POST" else None


def expected(roles, of, who, whose):
    """no: 401; not: 403; hidden: as if it were not there; yes."""
    role, org, site = PEOPLE[who]
    mine = {role} | ({"owner"} if who == "both" else set()) | ({"site_operator"} if who == "both" else set())
    if roles is None:
        return "yes"
    if not mine & roles:
        return "no" if role in ("none", "agent") or roles == {"agent"} else "not"
    if of is None or mine & roles & PROGRAMME:
        return "yes"
    owner = {"brisa": ("brisa", "lumi"), "nordlys": ("nordlys", "bsc"), "nobody": (None, "nowhere")}[whose]
    own = (of in ("organisation", "job") and org is not None and org == owner[0]) or (of in ("site", "job") and site is not None and site == owner[1])
    return "yes" if own else "hidden"


def test_every_route_as_everybody(world):
    things(world)
    wrong, tried, hidden = [], 0, 0
    world.server.sql("SELECT 1")
    before = dump(world)
    for method, pattern, name in routes(world):
        roles, of = rule_of(name)
        for who in PEOPLE:
            absent = None
            for whose in ("nobody", "brisa", "nordlys"):
                want = expected(roles, of, who, whose)
                if want == "yes" or (of is None and whose != "brisa"):
                    continue
                path = fill(world, pattern, whose)
                key = str(uuid.uuid4()) if method == "POST" else None
                reply = call(world, who, method, path, bodies(world, method, path), key)
                tried += 1
                good = {"no": (401, "unauthenticated"), "not": (403, "forbidden"), "hidden": (404, "not-found")}[want]
                if (reply.status, reply.json.get("code")) != good:
                    wrong.append(f"{name} as {who} of {whose}: {reply.status} {reply.body[:160]!r}, wanted {good}")
                elif whose == "nobody":
                    absent = plain(reply)
                elif absent is not None and plain(reply) != absent:
                    wrong.append(f"{name} as {who}: what is {whose}' does not look like what is not there: {plain(reply)} {absent}")
                hidden += want == "hidden"
    after = dump(world)
    wrong += [f"changed: {b} → {a}" for b, a in zip(before, after) if a != b]
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:40])
    assert tried > 500 and hidden > 60, (tried, hidden)
    return f"{tried} calls refused, {hidden} as if nothing were there"


def test_everybody_gets_their_own(world):
    """The other side of the table: whoever may, may. Reads are made; what changes things is sent with a body that is none."""
    things(world)
    wrong, tried = [], 0
    for method, pattern, name in routes(world):
        roles, of = rule_of(name)
        for who in PEOPLE:
            for whose in ("brisa", "nordlys") if of else ("brisa",):
                if roles is None or expected(roles, of, who, whose) != "yes" or name in ("session_delete", "me_session_end", "me_token_end", "me_mail_remove", "invitations_withdraw", "webhooks_remove", "reservations_events", "agent_instance"):
                    continue
                path, raw = fill(world, pattern, whose), None
                if method == "POST":
                    raw = b'{"no such field": 1}'
                key = str(uuid.uuid4()) if method == "POST" else None
                if who.startswith("agent"):
                    agent = world.agents[who.split()[-1]]
                    reply = agent.client.call(method, path, raw=raw, key=key, headers={"Authorization": "Bearer " + agent.token(), "Kontor-Instance": str(agent.instance)})
                else:
                    reply = world.people[who].call(method, path, raw=raw, key=key)
                tried += 1
                early = name == "grants_history" and reply.status == 409 and reply.json["code"] == "too-early"  # nothing is stated yet
                if not (early or reply.status in (200, 204) if method == "GET" else reply.status in (400, 422)):
                    wrong.append(f"{name} as {who} of {whose}: {reply.status} {reply.body[:160]!r}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:40])
    return f"{tried} calls"


def test_lists_hold_nothing_foreign(world):
    """What anybody can list, with every filter: not one id of another's, not one word of theirs."""
    t = things(world)
    secrets = {org: [str(t[org][w]) for w in ("request", "quote", "reservation", "organisation", "person")] + [f"{org}@kontor.example"] for org in ("brisa", "nordlys")}
    lists = ["/v1/organisations", "/v1/grants", "/v1/requests?limit=500", "/v1/reservations?limit=500", "/v1/journal/entries?limit=500", "/v1/journal/entries?format=csv", "/v1/grants?format=jsonl", "/v1/reservations?format=csv",
             "/v1/sites", "/v1/offerings", "/v1/me"]
    filters = [f"/v1/{what}?{name}={value}" for what, name, value in
               [(w, "organisation", t[o]["organisation"]) for w in ("grants", "requests", "reservations") for o in ("brisa", "nordlys")]
               + [("journal/entries", n, t[o]["grant"]) for n in ("grant", "account") for o in ("brisa", "nordlys")]]
    looked = 0
    for who, (role, org, site) in PEOPLE.items():
        if who.startswith("agent") or role in PROGRAMME:
            continue
        foreign = [s for o in ("brisa", "nordlys") if o != org and t[o]["site"] != site for s in secrets[o]]
        for path in lists + filters:
            reply = world.people[who].get(path)
            assert reply.status in (200, 401, 403, 404), (who, path, reply)
            text = reply.body.decode()
            if reply.status == 200:
                looked += 1
                found = [s for s in foreign if s in text]
                assert not found, (who, path, found)
    assert looked > 60, looked


def test_entries_of_others_are_not_there(world):
    """Each entry that concerns brisa alone: its number gives a stranger what a number beyond the journal gives."""
    things(world)
    seen = {who: {i["index"]: i for i in world.people[who].must("GET", "/v1/journal/entries?limit=500")["items"]} for who in ("brisa", "anybody", "officer", "nordlys", "lumi", "bsc")}
    private = sorted(set(seen["brisa"]) - set(seen["anybody"]))
    kinds = {seen["brisa"][i]["kind"] for i in private}
    assert {"GRANT", "HOLD", "OPEN"} <= kinds, kinds
    assert set(seen["brisa"]) & set(seen["nordlys"]) == set(seen["anybody"]) and set(seen["officer"]) >= set(seen["brisa"]) | set(seen["nordlys"])
    for index in private:
        for who in ("nordlys", "bsc", "anybody"):
            for what in ("", "/receipt", "/evidence", "/bytes"):
                there, beyond = (plain(world.people[who].get(f"/v1/journal/entries/{i}{what}")) for i in (index, 999999999))
                assert there == beyond and there[0] == 404, (who, index, there, beyond)
        assert world.people["brisa"].get(f"/v1/journal/entries/{index}").status == 200
    held = [i for i in private if seen["brisa"][i]["kind"] == "HOLD"]
    assert set(held) <= set(seen["lumi"]) and not set(held) & set(seen["bsc"]), "a hold at a site is the site's to see"
    return f"{len(private)} entries"


def test_bodies_that_name_what_is_others(world):
    """A grant, an organisation, a tranche in a body: another's is refused in the words for one that is not there."""
    t = things(world)
    before = dump(world)
    nordlys = world.people["nordlys"]
    look = {k: v for k, v in world.wants("nordlys").items() if k not in ("name", "template", "script")}
    for theirs, nothing in (({"grant": t["brisa"]["grant"]}, {"grant": 999999999}), ({"organisation": t["brisa"]["organisation"]}, {"organisation": NOWHERE}),
                            ({"organisation": t["brisa"]["organisation"], "grant": t["brisa"]["grant"]}, {"organisation": NOWHERE, "grant": 999999999})):
        for path, base, key in (("/v1/requests", world.wants("nordlys"), True), ("/v1/quotes", look, None)):
            one, other = (plain(nordlys.post(path, {**base, **change}, key=key)) for change in (theirs, nothing))
            assert one == other and one[0] in (403, 404, 422), (path, theirs, one, other)
    agent, lumi = world.agents["bsc"], world.agents["lumi"]
    tickets = lumi.tickets().json["tickets"]
    claims = lumi.claims(tickets[0] if isinstance(tickets[0], str) else next(v for v in tickets[0].values() if isinstance(v, str) and v.count(".") == 2))
    ours, fake = (agent.report("accepted", c) for c in (claims, {**claims, "jti": str(uuid.uuid4())}))
    assert ours.status == fake.status == 200, (ours, fake)  # its words are kept, whatever they are
    ours, fake = ({k: v for k, v in r.claims.items() if k not in ("jti", "num", "sha256", "iat")} for r in (ours, fake))
    assert ours == fake and ours["permit"] == "refused", (ours, fake)
    forged = lumi.key.jws("kontor-agent+jwt", str(agent.at["key"]), {"iss": "bsc", "aud": agent.at["origin"], "iat": 0, "exp": 60, "jti": "x", "ins": 1})
    assert agent.call("GET", "/v1/agent/tickets?after=0", token=forged).status == 401
    assert agent.call("GET", "/v1/agent/tickets?after=0", token=lumi.token()).status in (200, 409), "a token is its own site's, whoever sends it"
    changed = [f"{b} → {a}" for b, a in zip(before, dump(world)) if a != b and not b.startswith(("report ", "site_status "))]
    assert not changed, changed


def token_of(world, who, scope, **more):
    body = {"name": scope, "scope": scope, "password": PASSWORD, **more}
    return world.people[who].must("POST", "/v1/me/tokens", body, status=201)["token"]


def by_token(world, token, method, path, want):
    """What is to be refused is sent with a body that would do, what is not, with one that is none."""
    key = str(uuid.uuid4()) if method == "POST" else None
    raw = b'{"no such field": 1}' if method == "POST" and want == "yes" else None
    return Client(world.server).call(method, path, None if raw else bodies(world, method, path), raw=raw, key=key, headers={"Authorization": f"Bearer {token}"})


def test_every_route_by_every_token(world):
    """A token of each scope and of each role × each route × whose it is. What its person may not, it may not; what its person
    may, it may where the tables above say so."""
    things(world)
    world.person("double", [{"role": "owner", "organisation": world.organisations[o]} for o in ("brisa", "nordlys")])
    roles_of = {"double": ({"owner"}, {"brisa", "nordlys"}, set()), "brisa": ({"owner"}, {"brisa"}, set()), "officer": ({"officer"}, set(), set()),
                "administrator": ({"administrator"}, set(), set()), "lumi": ({"site_operator"}, set(), {"lumi"}), "both": ({"owner", "site_operator"}, {"nordlys"}, {"bsc"})}
    tokens = {(who, "read", None): token_of(world, who, "read") for who in roles_of}
    tokens.update({(who, "write", org): token_of(world, who, "write", organisation=world.organisations[org]) for who, org in (("double", "brisa"), ("brisa", "brisa"), ("both", "nordlys"))})
    wrong, tried, before = [], 0, dump(world)
    owned = {"brisa": ("brisa", "lumi"), "nordlys": ("nordlys", "bsc")}
    for method, pattern, name in routes(world):
        may, of = rule_of(name)
        writes, reads = name in TOKENS_WRITE.split(), (method == "GET" and name not in TOKENS_NEVER.split() and may != {"agent"}) or name == "quotes_look"
        if method == "GET" and name in ("reservations_events", "journal_policy", "error_explained", "openapi", "health_live", "health_ready", "health_leader"):
            continue
        for (who, scope, org), token in tokens.items():
            roles, orgs, sites = roles_of[who]
            if writes:
                roles, orgs, sites = roles & {"owner"}, {org} if org else set(), set()
            for whose in owned if of else ("brisa",):
                own = of is None or roles & PROGRAMME & (may or set()) or (of != "site" and owned[whose][0] in orgs) or (of != "organisation" and owned[whose][1] in sites)
                allowed = (reads or (writes and scope == "write")) and (may is None or roles & may)
                want = "yes" if allowed and own else "hidden" if allowed else "no" if may == {"agent"} else "not"
                reply = by_token(world, token, method, fill(world, pattern, whose), want)
                tried += 1
                early = name == "grants_history" and reply.status == 409
                good = {"no": (401,), "not": (403,), "hidden": (404,), "yes": (200, 204, 409) if early else (200, 204, 303) if method == "GET" else (400, 422)}[want]
                if reply.status not in good:
                    wrong.append(f"{name} by {who}'s {scope} token of {whose}: {reply.status} {reply.body[:160]!r}, wanted {want}")
    after = dump(world)
    wrong += [f"changed: {b} → {a}" for b, a in zip(before, after) if a != b and not b.startswith(("security_event ", "api_token "))]
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:40])
    assert tried > 900, tried
    return f"{tried} calls"
