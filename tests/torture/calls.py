"""tests/torture/calls.py: every call of the API as something that can be done again and again.

A Call is made fresh for each trial: what it needs is prepared first, then `send(key)` does it. `again`: what the same call
with the same key answers once it is done (None: as the first time). `once` is false where no key makes it safe to repeat:
what returns a secret, or belongs to a connection."""
import base64
import re
import struct
import time
import urllib.parse
import uuid

import passkey_orders
from authenticator import Passkey
from fake_log import VKey, vkey
from fake_server import Key
from harness import CONTRACT, Client, Reply
from mail_server import Post
from provider import Provider
from test_refusals import caller_of, fill, prepare
from test_refusals import send as send_as
from test_secrets import opened, quoted, sealed
from tlog import Checkpoint, Note
from world import PASSWORD, Agent, millis, stamp

CALLS = {}


class Call:
    def __init__(self, send, once=True, again=None, after=None):
        self.send, self.once, self.again, self.after = send, once, again, after or (lambda reply: None)


def call(make):
    CALLS[make.__name__] = make
    return make


def word():
    return uuid.uuid4().hex[:10]


def officers():
    return [{"email": f"{n}@kontor.example", "password": PASSWORD} for n in ("officer", "officer2")]


def post(client, path, body, **more):
    return Call(lambda key: client.post(path, body, key=key), **more)


def a_request(w, owner=None, **more):
    return (owner or w.people["brisa"]).must("POST", "/v1/requests", w.wants(gpus=1, walltime_s=600, **more), status=201, key=True)


def a_quote(w, owner=None, **more):
    path = f"/v1/requests/{a_request(w, owner, **more)['id']}/quotes"
    return (owner or w.people["brisa"]).must("POST", path, {"hold": True}, status=201, key=True)


def an_organisation(w):
    """One more, and its owner, signed in."""
    org = w.order("/v1/organisations", {"name": word(), "country": "ES", "city": "Vigo", "lat_milli": 1, "lon_milli": 2})["id"]
    return org, w.person(word(), [{"role": "owner", "organisation": org}])


def a_grant(w, org, tranche=None, credits="5"):
    like = w.local.must("GET", f"/v1/grants/{w.grants['brisa']}")
    return w.order("/v1/grants", {"organisation": w.organisations.get(org, org), "tranche": tranche or w.tranche, "mode": "fast-lane", "credits": credits,
                                  "start": like["start"], "end": like["end"], "reference": word(), "gge_eur_cents": 1, "legal_basis": "gber", "reason": "Test"})["account"]


def release(w, quote):
    w.people["brisa"].post(f"/v1/quotes/{quote}/release", {}, key=True)


def cancel(w, reservation):
    w.people["brisa"].post(f"/v1/reservations/{reservation}/cancel", {}, key=True)


def a_reservation(w, **more):
    return w.accept(gpus=1, walltime_s=600, countries=["FI"], **more)


# ---- people and sessions --------------------------------------------------------------------------------------------

@call
def session_create(w):
    client = Client(w.server)
    return Call(lambda key: client.post("/v1/session", {"email": "auditor@kontor.example", "password": PASSWORD}), once=False)


@call
def session_delete(w):
    client = Client(w.server)
    client.sign_in("auditor@kontor.example", PASSWORD)
    return Call(lambda key: client.call("DELETE", "/v1/session"), again=401, once=False)


@call
def me_password(w):
    client = w.person(word(), [])
    return Call(lambda key: client.post("/v1/me/password", {"old": PASSWORD, "new": PASSWORD}), once=False)


PROVIDER = []


def providers(server):
    """A sign-in provider that tells the truth, for a server that is not started yet: the folder of its file."""
    folder = server.data / "providers"
    folder.mkdir()
    if not PROVIDER:
        PROVIDER.append(Provider())  # its keys take a second to make
    server.issuer = PROVIDER[0].issuer("honest")
    (folder / "honest.conf").write_text(f"label = Honest\nissuer = {server.issuer.url}\nclient_id = kontor\n")
    return folder


def signing_in(w, client, subject, **more):
    """The whole way, each time anew; what its last page would say in words is told as a status."""
    def send(key):
        begun = client.post("/v1/providers/honest/sign-in", {"to": "/en/home", "from": "/en/sign-in", **more})
        if begun.status != 200:
            return begun
        url, cookie = begun.json["url"], begun.cookies[0].split(";")[0]
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["state"]
        code = w.server.issuer.code(url, subject=subject)
        reply = client.call("GET", f"/v1/providers/honest/callback?code={code}&state={state}", headers={"Cookie": "; ".join(c for c in (client.cookie, cookie) if c)})
        wrong = urllib.parse.parse_qs(urllib.parse.urlsplit(reply.headers.get("location", "")).query).get("failed")
        return Reply(w.anybody.must("GET", f"/errors/{wrong[0]}")["status"], {"retry-after": "1"}, b"{}") if wrong else reply
    return Call(send, once=False)


@call
def sign_in_end(w):
    return signing_in(w, Client(w.server), word())


@call
def sign_in_end_again(w):
    return signing_in(w, Client(w.server), "known")


@call
def sign_in_end_link(w):
    return signing_in(w, w.person(word(), []), word(), link=True, password=PASSWORD)


@call
def sign_in_begin(w):
    return Call(lambda key: w.anybody.post("/v1/providers/honest/sign-in", {"to": "/", "from": "/"}), once=False)


def an_invitation(w):
    return w.local.must("POST", f"/v1/organisations/{w.organisations['brisa']}/invitations", {"role": "member"}, status=201)


@call
def invitations_list(w):
    return Call(lambda key: w.people["brisa"].get(f"/v1/organisations/{w.organisations['brisa']}/invitations"))


@call
def invitations_create(w):
    return Call(lambda key: w.people["brisa"].post(f"/v1/organisations/{w.organisations['brisa']}/invitations", {"role": "member"}), once=False)


@call
def invitations_withdraw(w):
    made = an_invitation(w)["id"]
    return Call(lambda key: w.people["brisa"].call("DELETE", f"/v1/invitations/{made}"), once=False, again=404)


@call
def invitations_look(w):
    token = an_invitation(w)["token"]
    return Call(lambda key: Client(w.server).post("/v1/invitations/look", {"token": token}))


@call
def invitations_accept(w):
    token, name = an_invitation(w)["token"], word()
    body = {"token": token, "name": name, "email": f"{name}@kontor.example", "password": "one that is long enough"}
    return Call(lambda key: Client(w.server).post("/v1/invitations/accept", body), once=False, again=403)


@call
def invitations_join(w):
    client, token = w.person(word(), []), an_invitation(w)["token"]
    return Call(lambda key: client.post("/v1/invitations/join", {"token": token}), once=False, again=403)


@call
def members_set(w):
    name = word()
    w.person(name, [{"role": "member", "organisation": w.organisations["brisa"]}])
    body = {"person": w.ids[name], "role": "owner", "reason": "tests"}
    return Call(lambda key: w.people["brisa"].post(f"/v1/organisations/{w.organisations['brisa']}/members", body, key=key))


def a_declaration(w):
    return {"register_number": "ESB1", "nace": "62", "linked": [], "received": [], "complete": True}


@call
def aid_declare(w):
    return Call(lambda key: w.people["brisa"].post(f"/v1/organisations/{w.organisations['brisa']}/aid/declarations", a_declaration(w), key=key))


@call
def aid_links_set(w):
    body = {"organisation": an_organisation(w)[0], "linked": True, "reason": "tests"}
    return post(w.people["officer"], f"/v1/organisations/{an_organisation(w)[0]}/aid/links", body)


@call
def aid_links_end(w):
    org, body = an_organisation(w)[0], {"organisation": an_organisation(w)[0], "linked": True, "reason": "tests"}
    w.people["officer"].must("POST", f"/v1/organisations/{org}/aid/links", body, status=204, key=True)
    return post(w.people["officer"], f"/v1/organisations/{org}/aid/links", {**body, "linked": False})


@call
def aid_rules_create(w):
    rule = {"code": word()[:15], "name": "Test", "reference": "Test", "years": 3, "valid_from": "2038-01-01T00:00:00Z"}
    return post(w.people["administrator"], "/v1/aid/rules", rule)


@call
def organisations_rights(w):
    return Call(lambda key: w.people["brisa"].get(f"/v1/organisations/{w.organisations['brisa']}/rights"))


@call
def people_roles_remove(w):
    name = word()
    w.person(name, [{"role": "auditor"}])
    return Call(lambda key: w.local.post(f"/v1/people/{w.ids[name]}/roles/remove", {"roles": [{"role": "auditor"}], "reason": "tests"}, key=key))


@call
def people_rights(w):
    return Call(lambda key: w.local.get(f"/v1/people/{w.ids['brisa']}/rights"))


@call
def me_sessions(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/sessions"))


@call
def me_session_end(w):
    client = w.person(name := word(), [])
    assert Client(w.server).sign_in(f"{name}@kontor.example", PASSWORD).status == 200
    other = next(s for s in client.must("GET", "/v1/me/sessions")["items"] if not s["this"])["id"]
    return Call(lambda key: client.call("DELETE", f"/v1/me/sessions/{other}"), once=False, again=404)


@call
def me_sessions_end_others(w):
    client = w.person(word(), [])
    return Call(lambda key: client.post("/v1/me/sessions/end-others", {}), once=False)


def a_token(client, **more):
    return client.must("POST", "/v1/me/tokens", {"name": word(), "scope": "read", "password": PASSWORD, **more}, status=201)


@call
def me_token_make(w):
    client = w.person(word(), [])
    return Call(lambda key: client.post("/v1/me/tokens", {"name": "ci", "scope": "read", "password": PASSWORD}), once=False)


@call
def me_tokens(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/tokens"))


@call
def me_token_end(w):
    client = w.person(word(), [])
    made = a_token(client)["id"]
    return Call(lambda key: client.call("DELETE", f"/v1/me/tokens/{made}"), once=False, again=404)


def a_passkey(w, client=None):
    """Somebody's, whom nobody else is; and who that is, signed in."""
    client = client or w.person(word(), [])
    key = Passkey(word(), alg="EdDSA", origin=f"http://localhost:{w.server.port}")
    made = client.must("POST", "/v1/me/passkeys", key.made(client.must("POST", "/v1/me/passkeys/begin", {"password": PASSWORD})), status=201)
    return client, key, made["id"]


@call
def me_passkey_make(w):
    client = w.person(word(), [])
    passkey = Passkey(word(), alg="EdDSA", origin=f"http://localhost:{w.server.port}")
    body = passkey.made(client.must("POST", "/v1/me/passkeys/begin", {"password": PASSWORD}))
    return Call(lambda key: client.post("/v1/me/passkeys", body), once=False, again=403)


@call
def me_passkeys(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/passkeys"))


@call
def me_passkey_rename(w):
    client, _, made = a_passkey(w)
    return Call(lambda key: client.post(f"/v1/me/passkeys/{made}/rename", {"name": "other"}))


@call
def me_passkey_remove(w):
    client, _, made = a_passkey(w)
    return Call(lambda key: client.post(f"/v1/me/passkeys/{made}/remove", {"password": PASSWORD}), once=False, again=404)


@call
def session_passkey(w):
    _, passkey, _ = a_passkey(w)
    body = passkey.used(Client(w.server).must("POST", "/v1/session/passkey/begin", {}))
    return Call(lambda key: Client(w.server).post("/v1/session/passkey", body), once=False, again=403)


def a_demand(w):
    """Somebody with codes who demands a second step: their codes, and how to ask for the step."""
    client = w.person(name := word(), [])
    codes = client.must("POST", "/v1/me/recovery-codes", {"password": PASSWORD}, status=201)["codes"]
    client.must("POST", "/v1/me/second-step", {"demanded": True, "password": PASSWORD})
    return codes, lambda: Client(w.server).post("/v1/session", {"email": f"{name}@kontor.example", "password": PASSWORD})


@call
def session_second(w):
    codes, ask = a_demand(w)
    body = {"question": ask().json["question"], "code": codes[0]}
    return Call(lambda key: Client(w.server).post("/v1/session/second", body), once=False, again=403)


@call
def me_second(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/second-step"))


@call
def me_second_set(w):
    client, _, _ = a_passkey(w)
    return Call(lambda key: client.post("/v1/me/second-step", {"demanded": True, "password": PASSWORD}), once=False)


@call
def me_codes_make(w):
    client = w.person(word(), [])
    return Call(lambda key: client.post("/v1/me/recovery-codes", {"password": PASSWORD}), once=False)


@call
def me_security(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/security"))


@call
def me_notices(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/notices"))


@call
def me_notices_read(w):
    return Call(lambda key: w.people["brisa"].post("/v1/me/notices/read", {"until": str(uuid.uuid4())}), once=False)


@call
def me_notice_choices(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/notice-choices"))


@call
def me_notice_choose(w):
    return Call(lambda key: w.people["brisa"].post("/v1/me/notice-choices", {"kind": "dispute", "page": True, "mail": True}), once=False)


def a_reader(w):
    """Somebody who has given an address and not confirmed it."""
    client = w.person(word(), [{"role": "member", "organisation": w.organisations["brisa"]}])
    return client


@call
def me_mail(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/mail"))


@call
def me_mail_ask(w):
    client = a_reader(w)
    return Call(lambda key: client.post("/v1/me/mail", {"address": "reader@brisa.example", "password": PASSWORD}), once=False)


@call
def me_mail_remove(w):
    client = a_reader(w)
    client.must("POST", "/v1/me/mail", {"address": "reader@brisa.example", "password": PASSWORD})
    return Call(lambda key: client.call("DELETE", "/v1/me/mail"), once=False)


@call
def me_guides(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/guides"))


@call
def me_guides_look(w):
    client = a_reader(w)
    return Call(lambda key: client.post("/v1/me/guides", {"guide": "startup", "deed": "credits"}), once=False)


@call
def me_guides_end(w):
    client = a_reader(w)
    return Call(lambda key: client.post("/v1/me/guides", {"guide": "startup", "deed": "end"}), once=False)


@call
def me_language(w):
    client = a_reader(w)
    return Call(lambda key: client.post("/v1/me/language", {"language": "fi"}), once=False)


@call
def me_language_none(w):
    client = a_reader(w)
    client.must("POST", "/v1/me/language", {"language": "fi"}, status=204)
    return Call(lambda key: client.post("/v1/me/language", {"language": None}), once=False)


POST = []


def post_office():
    """A real mail server, once."""
    if not POST:
        POST.append(Post())
    return POST[0]


def the_link(address, what, seconds=60):
    """Of the newest letter to there that has one."""
    end = time.monotonic() + seconds
    while not (found := [m for letter in post_office().letters if letter[1] == [address] and (m := re.search(rf"/mail#{what}\.([\w-]+)", letter[2].get_content()))]):
        assert time.monotonic() < end, f"no letter comes with a link to {what}"
        time.sleep(0.02)
    return found[-1][1]


@call
def mail_confirm(w):
    client, address = a_reader(w), f"{word()}@brisa.example"
    client.must("POST", "/v1/me/mail", {"address": address, "password": PASSWORD})
    token = the_link(address, "confirm")
    return Call(lambda key: w.anybody.post("/v1/mail/confirm", {"token": token}), once=False, again=403)


@call
def mail_stop(w):
    """With the link that stands in a letter about a job, to somebody who has confirmed an address."""
    if not hasattr(w, "stop"):
        client = w.person(word(), [{"role": "owner", "organisation": w.organisations["brisa"]}])
        client.must("POST", "/v1/me/mail", {"address": "stops@brisa.example", "password": PASSWORD})
        assert w.anybody.post("/v1/mail/confirm", {"token": the_link("stops@brisa.example", "confirm")}).status == 204
        cancel(w, a_reservation(w)["id"])
        w.stop = the_link("stops@brisa.example", "stop")
    return Call(lambda key: w.anybody.call("POST", f"/v1/mail/stop?t={w.stop}"), once=False)


@call
def mail_stop_page(w):
    mail_stop(w)
    return Call(lambda key: w.anybody.call("GET", f"/v1/mail/stop?t={w.stop}"))


@call
def mail_state(w):
    return Call(lambda key: w.people["administrator"].get("/v1/mail"))


@call
def mail_again(w):
    return Call(lambda key: w.people["administrator"].post("/v1/mail/again", {}), once=False)


def a_webhook(w):
    """Of an organisation of its own: there may be five."""
    org, owner = an_organisation(w)
    made = owner.must("POST", f"/v1/organisations/{org}/webhooks", {"url": "https://hooks.example/kontor", "kinds": ["dispute"], "password": PASSWORD}, status=201)
    return org, owner, made["id"]


@call
def webhooks_list(w):
    org, owner, _ = a_webhook(w)
    return Call(lambda key: owner.get(f"/v1/organisations/{org}/webhooks"))


@call
def webhooks_create(w):
    org, owner = an_organisation(w)
    return Call(lambda key: owner.post(f"/v1/organisations/{org}/webhooks", {"url": "https://hooks.example/kontor", "kinds": ["dispute"], "password": PASSWORD}), once=False)


@call
def webhooks_remove(w):
    _, owner, hook = a_webhook(w)
    return Call(lambda key: owner.call("DELETE", f"/v1/webhooks/{hook}"), once=False, again=404)


@call
def webhooks_test(w):
    _, owner, hook = a_webhook(w)
    return Call(lambda key: owner.post(f"/v1/webhooks/{hook}/test", {}), once=False)


@call
def deliveries_get(w):
    org, owner, _ = a_webhook(w)
    return Call(lambda key: owner.get(f"/v1/organisations/{org}/deliveries"))


@call
def deliveries_retry(w):
    org, owner, hook = a_webhook(w)
    owner.must("POST", f"/v1/webhooks/{hook}/test", {}, status=202)
    w.server.sql(f"UPDATE delivery SET state = 3 WHERE webhook = '{hook}'")
    made = owner.must("GET", f"/v1/organisations/{org}/deliveries")["items"][0]["id"]
    return Call(lambda key: owner.post(f"/v1/deliveries/{made}/again", {}), once=False, again=409)


@call
def requests_create_by_token(w):
    """Each time with a token that nothing is remembered of."""
    client = w.person(word(), [{"role": "member", "organisation": w.organisations["brisa"]}])
    token = a_token(client, scope="write", organisation=w.organisations["brisa"])["token"]
    return Call(lambda key: Client(w.server).call("POST", "/v1/requests", w.wants(gpus=1, walltime_s=600), key=key, headers={"Authorization": f"Bearer {token}"}), once=False)


@call
def me_rights(w):
    return Call(lambda key: w.people["brisa"].get("/v1/me/rights"))


@call
def me_identity_remove(w):
    client = w.person(word(), [])
    assert signing_in(w, client, word(), link=True, password=PASSWORD).send(None).status == 303
    mine = client.must("GET", "/v1/me/identities")["items"][0]["id"]
    return Call(lambda key: client.post(f"/v1/me/identities/{mine}/remove", {"password": PASSWORD}), once=False, again=404)


@call
def people_create(w):
    body = {"name": "Some One", "email": f"{word()}@kontor.example", "password": PASSWORD, "roles": [{"role": "auditor"}]}
    return post(w.local, "/v1/people", body, once=False, again=409)


@call
def people_password(w):
    return Call(lambda key: w.local.post(f"/v1/people/{w.ids['brisa2']}/password", {}), once=False)


@call
def people_roles(w):
    w.person(name := word(), [])
    return post(w.local, f"/v1/people/{w.ids[name]}/roles", {"roles": [{"role": "auditor"}, {"role": "officer"}], "reason": "tests"})


@call
def organisations_create(w):
    return post(w.local, "/v1/organisations", {"name": word(), "country": "ES", "city": "Vigo", "lat_milli": 1, "lon_milli": 2})


# ---- buying ---------------------------------------------------------------------------------------------------------

@call
def requests_create(w):
    return post(w.people["brisa"], "/v1/requests", w.wants(script=f"#!/bin/sh\necho {word()}\n"))


@call
def quotes_look(w):
    return Call(lambda key: w.people["brisa"].post("/v1/quotes", {k: v for k, v in w.wants().items() if k not in ("name", "template", "script")}))


@call
def requests_quote(w):
    return post(w.people["brisa"], f"/v1/requests/{a_request(w)['id']}/quotes", {"hold": True}, after=lambda r: release(w, r.json["id"]))


@call
def quotes_renew(w):
    org, owner = an_organisation(w)  # once one has renewed a quote at a site it has to pause
    quote = a_quote(w, owner, organisation=org, grant=a_grant(w, org))["id"]
    return post(owner, f"/v1/quotes/{quote}/renew", {}, after=lambda r: owner.post(f"/v1/quotes/{quote}/release", {}, key=True))


@call
def quotes_release(w):
    return post(w.people["brisa"], f"/v1/quotes/{a_quote(w)['id']}/release", {})


@call
def quotes_accept(w):
    return post(w.people["brisa"], f"/v1/quotes/{a_quote(w)['id']}/accept", {"option": 0}, after=lambda r: cancel(w, r.json["id"]))


def with_secrets(w):
    """A quote of the site that opens them, and the body that accepts it. Each call seals anew: those bytes were never there."""
    agent = agent_of(w)
    if not getattr(agent, "told_seal", False):
        opened(agent)
        agent.told_seal = True
    request, quote = quoted(w)
    return quote, {"option": 0, "secrets": sealed(w, request, {"HF_TOKEN": word().encode()})}


@call
def quotes_accept_with_secrets(w):
    quote, body = with_secrets(w)
    return post(w.people["brisa"], f"/v1/quotes/{quote['id']}/accept", body, after=lambda r: cancel(w, r.json["id"]))


@call
def requests_cancel(w):
    return post(w.people["brisa"], f"/v1/requests/{a_reservation(w)['request']}/cancel", {})


@call
def reservations_cancel(w):
    return post(w.people["brisa"], f"/v1/reservations/{a_reservation(w)['id']}/cancel", {})


@call
def reservations_move(w):
    """Booked at the dearer site, which stands still then: the other one takes it."""
    set_pause(w, False)
    reservation = w.people["brisa"].must("POST", f"/v1/quotes/{a_quote(w)['id']}/accept", {"option": 1}, status=201, key=True)
    assert reservation["site"]["code"] == "bsc", reservation
    set_pause(w, True)
    return post(w.people["brisa"], f"/v1/reservations/{reservation['id']}/move", {}, after=lambda r: (cancel(w, r.json["id"]), set_pause(w, False)))


def set_pause(w, paused):
    w.people["bsc"].must("POST", "/v1/sites/bsc/pause", {"paused": paused, "reason": "Test"}, key=True)


# ---- the programme --------------------------------------------------------------------------------------------------

@call
def funds_create(w):
    return post(w.people["officer"], "/v1/funds", {"name": word(), "reference": word(), "credits": "10", "reason": "Test"})


@call
def tranches_create(w):
    return post(w.people["officer"], "/v1/tranches", {"fund": w.fund, "name": word(), "reference": word(), "credits": "1", "reason": "Test"})


@call
def grants_create(w):
    grant = w.local.must("GET", f"/v1/grants/{w.grants['brisa']}")
    body = {"organisation": w.organisations["nordlys"], "tranche": w.tranche, "mode": "fast-lane", "credits": "1", "start": grant["start"],
            "end": grant["end"], "reference": word(), "gge_eur_cents": 1, "legal_basis": "gber", "reason": "Test"}
    return post(w.people["officer"], "/v1/grants", body)


@call
def grants_create_de_minimis(w):
    org, owner = an_organisation(w)
    owner.must("POST", f"/v1/organisations/{org}/aid/declarations", a_declaration(w), status=204, key=True)
    grant = w.local.must("GET", f"/v1/grants/{w.grants['brisa']}")
    body = {"organisation": org, "tranche": w.tranche, "mode": "fast-lane", "credits": "1", "start": grant["start"],
            "end": grant["end"], "reference": word(), "gge_eur_cents": 1, "legal_basis": "de-minimis", "reason": "Test"}
    return post(w.people["officer"], "/v1/grants", body)


@call
def grants_clawback(w):
    body = {"credits": "0.5", "reason": "Too much", "officers": officers()}
    return post(w.people["administrator"], f"/v1/grants/{w.grants['nordlys']}/clawback", body)


# ---- orders that people sign one by one ------------------------------------------------------------------------------

def a_waiting_order(w, person="administrator"):
    """Of no effect yet: a grant's clawback that two officers are to sign."""
    body = {"credits": "0.001", "reason": word()}
    return w.people[person].must("POST", f"/v1/grants/{w.grants['nordlys']}/clawback", body, status=202, key=True)


def a_signature(w, order, person):
    return w.people[person].must("POST", f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"]}, key=True)


def a_passkey_officer(w):
    """Who signs with a passkey: somebody of their own, so that the server still vouches for the others."""
    if not hasattr(w, "orders_passkey"):
        w.person("keyring", [{"role": "officer"}])
        w.orders_passkey = passkey_orders.enrol(w, "keyring")
    return "keyring"


def by_passkey(w, order):
    return {"sha256": order["sha256"], "key": w.orders_passkey.index, **passkey_orders.said(w.orders_passkey, base64.b64decode(order["bytes"]))}


@call
def grants_clawback_proposed(w):
    return post(w.people["administrator"], f"/v1/grants/{w.grants['nordlys']}/clawback", {"credits": "0.001", "reason": word()})


@call
def orders_sign(w):
    order = a_waiting_order(w)
    return post(w.people["officer"], f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"]})


@call
def orders_sign_last(w):
    order = a_waiting_order(w)
    a_signature(w, order, "officer")
    return post(w.people[a_passkey_officer(w)], f"/v1/orders/{order['id']}/signatures", by_passkey(w, order))


@call
def orders_sign_refused(w):
    """The ledger does not take what both have signed: there is not so much to be taken back."""
    order = w.people["administrator"].must("POST", f"/v1/grants/{w.grants['nordlys']}/clawback", {"credits": "900000000", "reason": word()}, status=202, key=True)
    a_signature(w, order, "officer")

    def send(key):
        reply = w.people["officer2"].post(f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"]}, key=key)
        refused = reply.status == 409 and reply.json["code"] == "insufficient-credits"
        return Reply(200, reply.headers, b"{}") if refused else reply
    return Call(send)


@call
def orders_carry_out(w):
    """Approved, and not sent: as a server leaves it that ends in between."""
    order = a_waiting_order(w)
    a_signature(w, order, "officer")
    w.server.sql(f"INSERT INTO order_signature SELECT order_id, '{w.ids['officer2']}', name, class, key, signature, at_ms + 1 FROM order_signature WHERE order_id = '{order['id']}';"
                 f"UPDATE signed_order SET state = 2 WHERE id = '{order['id']}'")
    return post(w.people["officer"], f"/v1/orders/{order['id']}/carry-out", {})


@call
def orders_withdraw(w):
    return post(w.people["administrator"], f"/v1/orders/{a_waiting_order(w)['id']}/withdraw", {"reason": "Test"})


@call
def orders_refuse(w):
    return post(w.people["officer"], f"/v1/orders/{a_waiting_order(w)['id']}/refuse", {"reason": "Test"})


@call
def orders_get(w):
    order = a_waiting_order(w)["id"]
    return Call(lambda key: w.people["auditor"].get(f"/v1/orders/{order}"))


@call
def orders_list(w):
    a_waiting_order(w)
    return Call(lambda key: w.people["auditor"].get("/v1/orders?open=true&limit=1"))


@call
def order_rule_set(w):
    return post(w.people["administrator"], "/v1/order-rule", {"signed_by": ["key", "passkey", "word"], "alone_credits": "0"})


def an_asked_key(w, client, person):
    key = Key()
    statement = b"kontor-officer-key/v1\0" + bytes.fromhex(client.must("GET", "/v1/me/keys")["genesis"]) + uuid.UUID(person).bytes + key.public.raw
    return {"name": word(), "ed25519": base64.b64encode(key.public.raw).decode(), "proof": base64.b64encode(key.sign(statement)).decode(), "password": PASSWORD}


def a_key_owner(w):
    name = word()
    client = w.person(name, [{"role": "officer"}])
    return client, w.ids[name]


@call
def me_key_ask(w):
    client, person = a_key_owner(w)
    body = an_asked_key(w, client, person)
    return Call(lambda key: client.post("/v1/me/keys", body), once=False, again=409)


@call
def me_key_ask_passkey(w):
    client, person = a_key_owner(w)
    name = next(n for n, i in w.ids.items() if i == person)
    body = passkey_orders.wish(w, name, passkey_orders.has(w, name, "orders"))
    return Call(lambda key: client.post("/v1/me/keys/passkey", body), once=False, again=409)


@call
def me_keys(w):
    return Call(lambda key: w.people["officer"].get("/v1/me/keys"))


@call
def officer_key_confirm(w):
    client, person = a_key_owner(w)
    asked = client.must("POST", "/v1/me/keys", an_asked_key(w, client, person), status=201)
    return post(w.people["administrator"], f"/v1/officer-keys/{asked['id']}/confirm", {"fingerprint": asked["fingerprint"]})


@call
def officer_key_refuse(w):
    client, person = a_key_owner(w)
    asked = client.must("POST", "/v1/me/keys", an_asked_key(w, client, person), status=201)
    return post(w.people["administrator"], f"/v1/officer-keys/{asked['id']}/refuse", {})


@call
def keys_revoke_officer(w):
    client, person = a_key_owner(w)
    asked = client.must("POST", "/v1/me/keys", an_asked_key(w, client, person), status=201)
    made = w.people["administrator"].must("POST", f"/v1/officer-keys/{asked['id']}/confirm", {"fingerprint": asked["fingerprint"]}, status=201, key=True)
    return post(client, f"/v1/keys/{made['key']}/revoke", {"compromised": False, "reason": "Test"})


def a_reason(w):
    """The newest FUND: an order with a reason of its own."""
    w.order("/v1/funds", {"name": word(), "reference": word(), "credits": "1", "reason": "Test"})
    return w.people["officer"].must("GET", "/v1/journal/entries?kind=FUND&limit=1")["items"][0]["index"]


@call
def journal_entry_erase(w):
    return post(w.people["officer"], f"/v1/journal/entries/{a_reason(w)}/erase", {"reason": "asked"})


@call
def journal_entry_evidence_of_an_order(w):
    index = a_reason(w)
    return Call(lambda key: w.people["officer"].get(f"/v1/journal/entries/{index}/evidence"))


@call
def accounts_close(w):
    fund = w.order("/v1/funds", {"name": word(), "reference": word(), "credits": "1", "reason": "Test"})["account"]
    w.order("/v1/tranches", {"fund": fund, "name": word(), "reference": word(), "credits": "1", "to_reserve": True, "reason": "Test"})
    return post(w.people["administrator"], f"/v1/accounts/{fund}/close", {"reason": "Empty", "officers": officers()})


@call
def reservations_resolve(w):
    agent = agent_of(w)
    reservation = a_reservation(w)
    ticket = ticket_of(agent, reservation)
    agent.report("accepted", ticket)
    w.people["lumi"].must("POST", "/v1/sites/lumi/spool-retire", {"reason": "Test"}, key=True)
    w.torture_agent = None
    end = time.monotonic() + 60
    while w.people["brisa"].must("GET", f"/v1/reservations/{reservation['id']}")["state"] != "disputed":
        assert time.monotonic() < end, "the janitor does not open the dispute"
        time.sleep(0.02)
    return post(w.people["administrator"], f"/v1/reservations/{reservation['id']}/resolve",
                {"share_milli": 500, "reason": "Half", "officers": officers()})


def a_contest(w):
    """A job that has run, is settled, and is contested; its path."""
    path = a_settled(w)
    w.people["brisa"].must("POST", path + "/contest", {"reason": word()}, status=201, key=True)
    return path


def a_settled(w):
    agent = agent_of(w)
    reservation = a_reservation(w)
    ticket = ticket_of(agent, reservation)
    agent.report("accepted", ticket)
    now = millis(w.local.must("GET", "/v1/me")["now"])
    agent.report("started", ticket, started=now, now=now)
    agent.report("finished", ticket, started=now, ended=now + 1000, gpu_seconds=1, now=now + 1000)
    return f"/v1/reservations/{reservation['id']}"


@call
def reservations_contest(w):
    return post(w.people["brisa"], a_settled(w) + "/contest", {"reason": word()})


@call
def reservations_say(w):
    return post(w.people["lumi"], a_contest(w) + "/statements", {"text": word()})


@call
def reservations_correct(w):
    return post(w.people["administrator"], a_contest(w) + "/correct", {"reason": word(), "officers": officers()})


@call
def reservations_dismiss(w):
    return post(w.people["administrator"], a_contest(w) + "/dismiss", {"reason": word(), "officers": officers()})


@call
def clock_confirm(w):
    return post(w.people["administrator"], "/v1/clock/confirm", {"reason": "It is right"})


# ---- sites ----------------------------------------------------------------------------------------------------------

@call
def policies_create(w):
    return post(w.local, "/v1/policies", {"code": word(), "name": word(), "cap_credits": "5", "longest_days": 9, "decide_days": 4})


@call
def sites_create(w):
    return post(w.local, "/v1/sites", {"code": "s" + word(), "name": word(), "system": word(), "city": "Vigo", "country": "ES", "lat_milli": 1, "lon_milli": 2})


@call
def offerings_create(w):
    site = "s" + word()
    w.order("/v1/sites", {"code": site, "name": site, "system": site, "city": "Vigo", "country": "ES", "lat_milli": 1, "lon_milli": 2})
    return post(w.local, f"/v1/sites/{site}/offerings", {
        "model": "H100", "memory_gb": 64, "gpus_per_node": 4, "max_gpus_one_island": 64, "kind": "batch", "nodes": 40, "brokered_gpus": 80,
        "pool_nodes": 4, "rate_milli": 1000, "rate_assumed": True})


@call
def rates_create(w):
    return post(w.local, f"/v1/offerings/{w.sites['bsc']['offering']}/rates", {"rate_milli": 1900, "assumed": True})


@call
def capacity_create(w):
    return post(w.local, f"/v1/offerings/{w.sites['bsc']['offering']}/capacity", {"nodes": 40, "brokered_gpus": 80})


def a_maintenance(w):
    """Of lumi's offering, in an hour of its own: its path and its body."""
    w.maintained = getattr(w, "maintained", 24) + 1
    begin = millis(w.local.must("GET", "/v1/me")["now"]) + w.maintained * 3600000
    body = {"from": stamp(begin), "to": stamp(begin + 1800000), "nodes": 1, "reason": word()}
    return f"/v1/offerings/{w.sites['lumi']['offering']}/maintenance", body


@call
def maintenance_plan(w):
    path, body = a_maintenance(w)
    return post(w.people["lumi"], path, body)


@call
def maintenance_end(w):
    path, body = a_maintenance(w)
    number = w.people["lumi"].must("POST", path, body, status=201, key=True)["number"]
    return post(w.people["lumi"], path + "-end", {"number": number})


@call
def offerings_floors(w):
    return post(w.people["bsc"], f"/v1/offerings/{w.sites['bsc']['offering']}/floors", {"floors": [{"mode": "fast-lane", "gpus": 8}]})


@call
def sites_pause(w):
    return post(w.people["bsc"], "/v1/sites/bsc/pause", {"paused": False, "reason": "Test"})


@call
def sites_drain(w):
    return post(w.people["bsc"], "/v1/sites/bsc/drain", {"draining": False, "reason": "Test"})


@call
def sites_spool_retire(w):
    agent_of(w)
    w.torture_agent = None
    return post(w.people["lumi"], "/v1/sites/lumi/spool-retire", {"reason": "Test"})


@call
def sites_agent_token(w):
    return Call(lambda key: w.people["lumi"].post("/v1/sites/lumi/agent-tokens", {}), once=False)


# ---- agents ---------------------------------------------------------------------------------------------------------

def agent_of(w):
    if getattr(w, "torture_agent", None) is None:
        w.torture_agent = Agent(w, "lumi")
        now = w.local.must("GET", "/v1/sites/lumi/agent")
        w.torture_agent.number = now["last_report"]  # the numbers go on, whoever counts them
        opened = w.torture_agent.open(now["confirmed_seq"])
        assert opened.status == 201, opened
        w.torture_agent.seq = w.torture_agent.call("GET", "/v1/agent/tickets?after=0").json
        w.torture_agent.seq = max([w.torture_agent.claims(t["jws"])["seq"] for t in w.torture_agent.seq["tickets"]] or [0])
    return w.torture_agent


def ticket_of(agent, reservation):
    while True:
        for one in agent.tickets(after=agent.seq).json["tickets"]:
            ticket = agent.claims(one["jws"])
            agent.seq = ticket["seq"]
            if ticket["do"] == "run" and ticket["reservation"] == reservation["id"]:
                return ticket


@call
def agent_enrol(w):
    token = w.local.must("POST", "/v1/sites/bsc/agent-tokens", {}, status=201)["token"]
    agent = Agent(w, "bsc", enrol=False)
    return Call(lambda key: agent.enrol(token), once=False, again=403)


@call
def agent_instance(w):
    agent = agent_of(w)
    return Call(lambda key: agent.open(agent.seq), once=False)


@call
def agent_first_contact(w):
    site = "s" + word()
    w.order("/v1/sites", {"code": site, "name": site, "system": site, "city": "Vigo", "country": "ES", "lat_milli": 1, "lon_milli": 2})
    agent = Agent(w, site)
    return Call(lambda key: agent.open(), once=False)


@call
def agent_tickets(w):
    agent = agent_of(w)
    return Call(lambda key: agent.tickets(after=0))


@call
def agent_received(w):
    agent = agent_of(w)
    a = a_reservation(w)
    ticket = ticket_of(agent, a)
    return Call(lambda key: agent.call("POST", "/v1/agent/tickets/received", {"instance": agent.instance, "seq": ticket["seq"]}),
                after=lambda r: cancel(w, a["id"]))


@call
def agent_blob(w):
    agent = agent_of(w)
    a = a_reservation(w)
    digest = ticket_of(agent, a)["workload"]["sha256"]
    return Call(lambda key: agent.call("GET", f"/v1/agent/blobs/{digest}"), after=lambda r: cancel(w, a["id"]))


@call
def agent_blob_of_secrets(w):
    quote, body = with_secrets(w)
    reservation = w.people["brisa"].must("POST", f"/v1/quotes/{quote['id']}/accept", body, status=201, key=True)
    digest = ticket_of(agent_of(w), reservation)["secrets"]
    return Call(lambda key: agent_of(w).call("GET", f"/v1/agent/blobs/{digest}"), after=lambda r: cancel(w, reservation["id"]))


def report(w, kind, before=(), **more):
    agent = agent_of(w)
    reservation = a_reservation(w)
    ticket = ticket_of(agent, reservation)
    now = agent.world.local.must("GET", "/v1/me")["now"]
    facts = {"started": millis_of(now)}
    for one in before:
        assert agent.report(one, ticket, **(facts if one == "started" else {})).status == 200
    if kind == "finished":
        more = {**facts, "ended": millis_of(w.local.must("GET", "/v1/me")["now"]), "gpu_seconds": 0, **more}
    elif kind == "started":
        more = {**facts, **more}
    output = more.pop("output", None)
    statement = agent.statement(kind, ticket, **more)
    end = (lambda r: None) if kind in ("finished", "rejected") else (lambda r: finish(agent, ticket, kind, facts))
    return Call(lambda key: agent.report(kind, ticket, statement=statement, output=output), after=end) if reservation else None


def finish(agent, ticket, kind, facts):
    now = millis_of(agent.world.local.must("GET", "/v1/me")["now"])
    agent.report("failed", ticket, **(facts if kind == "started" else {}), ended=now if kind == "started" else 0, reason=3)


def millis_of(text):
    from world import millis
    return millis(text)


@call
def report_accepted(w):
    return report(w, "accepted")


@call
def report_rejected(w):
    return report(w, "rejected", reason=1)


@call
def report_started(w):
    return report(w, "started", before=("accepted",))


@call
def report_finished(w):
    return report(w, "finished", before=("accepted", "started"), output=word().encode())


# ---- witnesses --------------------------------------------------------------------------------------------------------

def policy(server, witness=None, quorum="none"):
    """The policy's file: a witness, by default one that nobody has heard of, and what is asked. With a quorum that is not
    "none" a server that starts, or leads anew, would wait for its witnesses: only while a call needs it."""
    path = server.data / "policy"
    path.with_suffix(".new").write_text(f"witness one {witness or vkey('witness.example/w1', 4, Key().public.raw)}\nquorum {quorum}\n")
    path.with_suffix(".new").rename(path)
    return path


def policy_in_force(w, asked, **more):
    policy(w.server, **more)
    end = time.monotonic() + 60
    while (q := w.anybody.must("GET", "/v1/journal/witnesses")["quorum"])["asked"] != asked or q["since"] is None: # and the NOTICE is written
        assert time.monotonic() < end, "the policy is not read again"
        time.sleep(0.02)


def another_day(w):
    """A site may make known so many keys a day, and tell so many refusals."""
    w.server.sql("UPDATE witness SET since_ms = since_ms - 86400000; UPDATE refusal SET received_ms = received_ms - 86400000")


def introduction(agent):
    """New keys of a site's witness: role → (key, vkey); and how they are made known."""
    another_day(agent.world)
    keys, body = {}, {}
    for role in ("witness", "attest"):
        key = Key()
        text = vkey(f"{agent.at['origin']}/{role}/{agent.site}", 4, key.public.raw)
        proof = key.sign(b"kontor-witness/v1\0" + bytes.fromhex(agent.at["genesis"]) + text.encode())
        keys[role], body[role] = (key, text), {"vkey": text, "proof": base64.b64encode(proof).decode()}
    return keys, body


def shown(agent):
    """The newest checkpoint, as witnesses are shown it: the note's text."""
    reply = agent.call("GET", "/v1/agent/checkpoint?after=0&wait=20")
    assert reply.status == 200 and reply.json["checkpoint"], reply
    return reply.json["checkpoint"]


def cosignature(agent, keys, role):
    """Of the newest checkpoint: its body."""
    note = Note(shown(agent).encode())
    checkpoint, now, (key, text) = Checkpoint(note), int(time.time()), keys[role]
    signature = key.sign(f"cosignature/v1\ntime {now}\n{note.text}".encode())
    blob = base64.b64encode(VKey(text).id + struct.pack(">Q", now) + signature).decode()
    return {"role": role, "size": checkpoint.size, "root": checkpoint.root.hex(), "line": f"— {VKey(text).name} {blob}\n"}


def cosigned(w):
    """A witness of the site lumi with new keys, which has not cosigned yet: agent, keys, cosignature."""
    agent = agent_of(w)
    keys, body = introduction(agent)
    reply = agent.call("POST", "/v1/agent/witness", body)
    assert reply.status == 200, reply
    return agent, keys, cosignature(agent, keys, "witness")


@call
def agent_witness(w):
    agent = agent_of(w)
    _, body = introduction(agent)
    return Call(lambda key: agent.call("POST", "/v1/agent/witness", body))


@call
def agent_checkpoint(w):
    agent = agent_of(w)
    return Call(lambda key: agent.call("GET", "/v1/agent/checkpoint?after=2"))


@call
def agent_cosignature(w):
    agent, _, body = cosigned(w)
    w.server.sql("DELETE FROM quorum")  # so that each of these is the first of its checkpoint
    return Call(lambda key: agent.call("POST", "/v1/agent/cosignatures", body))


@call
def agent_seen(w):
    """Compared with the journal here only while the guard is closed (tests/api/test_guard.py)."""
    agent = agent_of(w)
    body = {"checkpoint": shown(agent)}
    return Call(lambda key: agent.call("POST", "/v1/agent/seen", body))


@call
def agent_self(w):
    agent = agent_of(w)
    return Call(lambda key: agent.call("GET", "/v1/agent/self"))


def announced(agent, new):
    """What POST /v1/agent/keys takes."""
    words = b"kontor-rotate/v1\0" + bytes.fromhex(agent.at["genesis"]) + struct.pack(">QQ", agent.at["site_index"], agent.at["key"]) + new.public.raw + agent.seal
    body = {"ed25519": new.public.raw, "x25519": agent.seal, "by_old": agent.key.sign(words), "by_new": new.sign(words)}
    return {name: base64.b64encode(value).decode() for name, value in body.items()}


@call
def agent_keys(w):
    """By the site's newest key; that of the agent at work lives for its day."""
    agent = Agent(w, "lumi")
    body = announced(agent, Key())
    return Call(lambda key: agent.call("POST", "/v1/agent/keys", body))


@call
def keys_revoke(w):
    """Of a key that nobody uses."""
    key = Agent(w, "lumi").at["key"]
    return post(w.people["lumi"], f"/v1/keys/{key}/revoke", {"compromised": True, "reason": "Test"})


@call
def agent_assertions(w):
    if not hasattr(w, "asserted"):
        order = a_waiting_order(w)
        a_signature(w, order, "officer")
        who = a_passkey_officer(w)
        w.people[who].must("POST", f"/v1/orders/{order['id']}/signatures", by_passkey(w, order), key=True)
        w.asserted = w.server.sql("SELECT encode(sha256, 'hex') FROM assertion LIMIT 1")
    agent = agent_of(w)
    return Call(lambda key: agent.call("GET", f"/v1/agent/assertions/{w.asserted}"))


@call
def agent_entries(w):
    agent = agent_of(w)
    return Call(lambda key: agent.call("GET", "/v1/agent/entries?bundle=0&width=1"))


@call
def agent_refusal(w):
    agent = agent_of(w)
    another_day(w)
    body = {"reason": "smaller", "at": stamp(round(time.time() * 1000)), "checkpoint": shown(agent), "had_size": 10 ** 6, "had_root": "ab" * 32}
    return Call(lambda key: agent.call("POST", "/v1/agent/refusals", body))


# ---- the log ----------------------------------------------------------------------------------------------------------

def grow(w, missing):
    """The journal, by as many entries as are missing: nights that are held and let go, each two entries; the last ones by orders."""
    brisa = w.people["brisa"]
    while (more := missing()) > 0:
        if more < 8:
            w.order(f"/v1/offerings/{w.sites['bsc']['offering']}/rates", {"rate_milli": 1900, "assumed": True})
            continue
        nights = {"count": min(31, more // 2 - 1), "from": "20:00", "until": "06:00"}
        request = w.accept(gpus=1, walltime_s=600, nights=nights)["request"]
        brisa.must("POST", f"/v1/requests/{request}/cancel", {}, key=True)


def full_tile(w):
    """At least one tile of the log is full."""
    grow(w, lambda: 257 - w.anybody.must("GET", "/v1/journal")["size"])


@call
def zz_keys_rotate(w):
    return post(w.local, "/v1/keys/rotate", {"reason": "Test"})


@call
def zz_log_keys_rotate(w):
    return post(w.local, "/v1/log-keys/rotate", {"reason": "Test"})


@call
def zz_tile_completed(w):
    """By the one entry that this order makes; else a call completes a tile by chance only."""
    grow(w, lambda: (255 - w.anybody.must("GET", "/v1/journal")["size"]) % 256)
    return post(w.local, f"/v1/offerings/{w.sites['bsc']['offering']}/rates", {"rate_milli": 1900, "assumed": True})


@call
def zz_tile_read(w):
    full_tile(w)
    return Call(lambda key: w.anybody.get("/tile/0/000"))


@call
def zz_tile_computed(w):
    """Of a journal from before there were tiles."""
    full_tile(w)
    w.server.sql("DELETE FROM tile")
    return Call(lambda key: w.anybody.get("/tile/0/000.p/5"))


@call
def zz_bytes_brought_again(w):
    script = f"#!/bin/sh\n# {word()}\n"
    w.people["brisa"].must("POST", "/v1/requests", w.wants(script=script), status=201, key=True)
    return post(w.people["brisa"], "/v1/requests", w.wants(script=script))


# ---- what was done before ---------------------------------------------------------------------------------------------

def repeated(make):
    """The same call again, with the key that it was done with: it does nothing, and says the same."""
    def again(w):
        first = make(w)
        key = str(uuid.uuid4())
        assert first.send(key).status < 300
        return Call(lambda unused: first.send(key), after=first.after)
    return again


for one in (requests_create, people_roles, clock_confirm, quotes_accept, funds_create):
    CALLS["again_" + one.__name__] = repeated(one)


@call
def agent_report_of_old(w):
    """A report that left the market's memory long ago."""
    agent = agent_of(w)
    if not hasattr(agent, "old"):
        agent.old = agent.statement("inventory")
        assert agent.report("inventory", statement=agent.old).status == 200
        for _ in range(260):
            assert agent.report("inventory").status == 200
    return Call(lambda key: agent.report("inventory", statement=agent.old))


@call
def agent_inventory(w):
    agent = agent_of(w)
    statement = agent.statement("inventory")
    return Call(lambda key: agent.report("inventory", statement=statement, inventory={"nodes": 1}))


@call
def requests_list_of_one(w):
    return Call(lambda key: w.people["brisa"].get(f"/v1/requests?organisation={w.organisations['brisa']}"))


@call
def sites_waits(w):
    """A server looks once an hour: one that has just begun."""
    w.server.stop()
    w.server.start()
    return Call(lambda key: w.anybody.get("/v1/sites/waits"))


# ---- all that only reads --------------------------------------------------------------------------------------------

def reads(w):
    """One Call maker for every GET of the route table but the stream, which never ends."""
    prepare(w)
    for method, _, path, op in CONTRACT.routes:
        if method != "GET" or path.endswith("/events") or path.startswith("/health") or path.startswith("/v1/agent/"):
            continue
        if op["operationId"] in ("sign_in_end", "mail_stop_page", "sites_waits"):  # calls of their own
            continue
        if op["operationId"] == "grants_history":  # nothing is stated yet; its queries are those of the journal
            continue
        caller, at = caller_of(w, op["x-who"]), fill(w, path)
        yield op["operationId"], lambda w, caller=caller, at=at: Call(lambda key: send_as(w, caller, "GET", at, key=None))
