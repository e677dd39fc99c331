"""Orders that officers sign with keys of their own: how a key comes to be one; what is signed, by whom, and what is refused; two people
above the limit; a rule that forbids the server's word. The audit at the end checks each signature without the server."""
import base64
import copy
import hashlib
import subprocess
import threading
import uuid

from fake_server import Key, verify
from harness import BUILD
from test_tamper import audit, export
from world import PASSWORD, millis, stamp

DAY = 86400000


def b64(data):
    return base64.b64encode(data).decode()


def statement(world, person, public):
    genesis = bytes.fromhex(world.people[person].must("GET", "/v1/me/keys")["genesis"])
    return b"kontor-officer-key/v1\0" + genesis + uuid.UUID(world.ids[person]).bytes + public


def ask(world, person, key, name="Laptop", **more):
    proof = more.pop("proof", None) or key.sign(statement(world, person, key.public.raw))
    return world.people[person].post("/v1/me/keys", {"name": name, "ed25519": b64(key.public.raw), "proof": b64(proof), "password": PASSWORD, **more})


def enrol(world, person, by="administrator", status=201):
    """A key of this person's, confirmed."""
    key = Key()
    asked = ask(world, person, key)
    assert asked.status == 201, asked
    reply = world.people[by].must("POST", f"/v1/officer-keys/{asked.json['id']}/confirm", {"fingerprint": asked.json["fingerprint"]}, status=status, key=True)
    key.index, key.id = reply.get("key"), asked.json["id"]
    return (key, reply) if status == 202 else key


def fund(world, person="officer", credits="5", key=True):
    return world.people[person].post("/v1/funds", {"name": "Signed", "reference": "2026-S", "credits": credits, "reason": "Because"}, key=key)


def tranche(world, person="officer", credits="5", **more):
    return world.people[person].post("/v1/tranches", {"fund": world.fund, "name": "Signed", "reference": "2026-S", "credits": credits, "reason": "Because", **more}, key=True)


def sign(world, person, order, by=None, **more):
    body = {"sha256": order["sha256"]}
    if by is not None:
        body.update(key=by.index, signature=b64(by.sign(base64.b64decode(order["bytes"]))))
    return world.people[person].post(f"/v1/orders/{order['id']}/signatures", {**body, **more}, key=True)


def code(reply):
    return reply.status, reply.json["code"]


def recorded(world, person):
    return [e["what"] for e in world.people[person].must("GET", "/v1/me/security")["items"]]


def test_a_key_is_asked_for_compared_and_confirmed(world):
    officer, admin = world.people["officer"], world.people["administrator"]
    key = Key()
    assert world.people["brisa"].post("/v1/me/keys", {"name": "x", "ed25519": b64(key.public.raw), "proof": b64(bytes(64)), "password": PASSWORD}).status == 403
    assert code(ask(world, "officer", key, proof=bytes(64))) == (403, "signature")
    other = key.sign(statement(world, "officer2", key.public.raw))
    assert code(ask(world, "officer", key, proof=other)) == (403, "signature"), "another's proof"
    assert ask(world, "officer", key, password="not this one").status == 401
    asked = ask(world, "officer", key)
    assert asked.status == 201 and asked.json["state"] == "asked", asked
    want = hashlib.sha256(key.public.raw).hexdigest()[:32]
    assert asked.json["fingerprint"].replace(" ", "") == want
    assert code(ask(world, "officer2", key)) == (409, "exists"), "nobody else's key"
    where = f"/v1/officer-keys/{asked.json['id']}"
    assert officer.post(where + "/confirm", {"fingerprint": want}, key=True).status == 403
    assert admin.post(where + "/confirm", {"fingerprint": "0000 " + want[4:]}, key=True).json["pointer"] == "/fingerprint"
    done = admin.must("POST", where + "/confirm", {"fingerprint": asked.json["fingerprint"]}, status=201, key="confirm-once")
    assert done["state"] == "in_force" and done["confirmed_by"] and admin.must("POST", where + "/confirm", {"fingerprint": asked.json["fingerprint"]}, status=201, key="confirm-once") == done
    entry = world.local.must("GET", f"/v1/journal/entries/{done['key']}")
    assert (entry["kind"], entry["body"]["use"], entry["body"]["ed25519"]) == ("KEY", "officer", key.public.raw.hex())
    assert recorded(world, "officer")[:2] == ["key_confirmed", "key_asked"]
    assert admin.must("GET", "/v1/officer-keys")["items"][0]["id"] == asked.json["id"]
    mine = ask(world, "administrator", Key()).json
    assert code(admin.post(f"/v1/officer-keys/{mine['id']}/confirm", {"fingerprint": mine["fingerprint"]}, key=True)) == (403, "order-own")
    assert world.people["officer"].post(f"/v1/officer-keys/{mine['id']}/refuse", {}, key=True).status == 404
    assert admin.must("POST", f"/v1/officer-keys/{mine['id']}/refuse", {}, key=True)["state"] == "refused"
    admin.must("POST", f"/v1/keys/{done['key']}/revoke", {"compromised": True, "reason": "Lost"}, key=True)
    assert officer.must("GET", "/v1/me/keys")["items"][0]["state"] == "ended" and recorded(world, "officer")[0] == "key_ended"


def test_an_order_is_signed_by_its_officers_key(world):
    key, others = enrol(world, "officer"), enrol(world, "officer2")
    first = fund(world, key="fund-1")
    assert first.status == 202 and first.json["state"] == "proposed", first
    order = first.json
    assert fund(world, key="fund-1").json["id"] == order["id"], "the same call is the same order"
    assert order["reason"] == "Because" and order["order"]["kind"] == "FUND" and order["order"]["amount_credits"] == "5.000" and order["signers"] == 1
    raw = base64.b64decode(order["bytes"])
    assert raw.startswith(b"kontor-order/v1\0") and hashlib.sha256(raw).hexdigest() == order["sha256"] and order["you"] == {"may_sign": True, "why_not": None, "key": key.index, "ed25519": key.public.raw.hex(), "passkeys": [], "proposed": True}
    assert hashlib.sha256(bytes.fromhex(order["salt"]) + b"Because").digest() == raw[16 + 32 + 26 + 48:][:32], "the words are those that the bytes commit to"
    assert sign(world, "officer", order).json["code"] == "order-class", "who has a key signs with it"
    assert code(sign(world, "officer", order, others)) == (403, "order-key"), "a key of another's"
    assert code(sign(world, "officer", order, key, key=others.index)) == (403, "order-key")
    assert code(sign(world, "officer", order, key, key=world.fund)) == (403, "order-key")
    assert code(sign(world, "officer", order, key, sha256="00" * 32)) == (409, "order-bytes")
    assert code(sign(world, "officer", order, key, signature=b64(key.sign(raw + b"\0")))) == (403, "signature"), "other bytes"
    assert code(sign(world, "officer", order, key, signature=b64(others.sign(raw)))) == (403, "signature"), "by another key"
    assert sign(world, "auditor", order, key).status == 403
    done = sign(world, "officer", order, key)
    assert done.status == 200 and done.json["state"] == "in_journal" and len(done.json["signatures"]) == 1, done
    entry = world.local.must("GET", f"/v1/journal/entries/{done.json['entry']}")
    assert [(a["class"], a["key"]) for a in entry["body"]["authority"]] == [(1, key.index)]
    assert verify(key.public.raw, raw, bytes.fromhex(entry["body"]["authority"][0]["signature"]))
    assert code(sign(world, "officer", order, key)) == (409, "order-signed"), "under another idempotency key"
    account = order["order"]["credit"]["account"]
    listed = next(f for f in world.local.must("GET", "/v1/funds")["items"] if f["account"] == account)
    assert (listed["name"], listed["minted_credits"]) == ("Signed", "5.000")
    assert recorded(world, "officer")[0] == "order_signed"
    again = fund(world).json
    old = key
    world.people["officer"].must("POST", f"/v1/keys/{key.index}/revoke", {"compromised": False, "reason": "New laptop"}, key=True)
    assert code(sign(world, "officer", again, old)) == (403, "order-key-ended")
    assert sign(world, "officer", again).json["state"] == "in_journal", "without a key the server vouches"
    world.people["officer2"].must("POST", f"/v1/keys/{others.index}/revoke", {"compromised": False, "reason": "Test"}, key=True)


def test_nobody_orders_for_whom_they_act(world):
    """On the server's word as with a key: what concerns one's own organisation or site waits for somebody else."""
    now = millis(world.local.must("GET", "/v1/me")["now"])
    body = {"organisation": world.organisations["brisa"], "tranche": world.tranche, "mode": "fast-lane", "credits": "3", "start": stamp(now), "end": stamp(now + 30 * DAY),
            "reference": "OWN", "gge_eur_cents": 100, "legal_basis": "gber", "reason": "For us"}
    insider = world.person("insider", [{"role": "officer"}, {"role": "member", "organisation": world.organisations["brisa"]}])
    order = insider.must("POST", "/v1/grants", body, status=202, key=True)
    assert (order["signers"], order["you"]["may_sign"], order["you"]["why_not"]) == (1, False, "order-own"), order
    assert code(sign(world, "insider", order)) == (403, "order-own")
    grant = sign(world, "officer", order).json["order"]["credit"]["account"]
    officers = [{"email": f"{name}@kontor.example", "password": PASSWORD} for name in ("insider", "officer2")]
    taken = world.people["administrator"].post(f"/v1/grants/{grant}/clawback", {"credits": "1", "reason": "No", "officers": officers}, key=True)
    assert code(taken) == (403, "order-own"), "nor as one of the two who show their passwords"
    host = world.person("host", [{"role": "administrator"}, {"role": "site_operator", "site": "bsc"}])
    rate = {"rate_milli": 4000, "assumed": True}
    order = host.must("POST", f"/v1/offerings/{world.sites['bsc']['offering']}/rates", rate, status=202, key=True)
    assert order["order"]["kind"] == "RATE" and order["you"]["why_not"] == "order-own", order
    assert code(sign(world, "host", order)) == (403, "order-own")
    host.must("POST", f"/v1/orders/{order['id']}/withdraw", {"reason": "Test"}, key=True)


def test_two_passwords_are_not_two_keys(world):
    """Who has a key signs with it, also as one of the two officers of an administrator's order."""
    key = enrol(world, "officer2")
    names = ("officer", "officer2")
    officers = [{"email": f"{name}@kontor.example", "password": PASSWORD} for name in names]
    order = world.people["administrator"].post(f"/v1/grants/{world.grants['brisa']}/clawback", {"credits": "1", "reason": "Test", "officers": officers}, key=True)
    assert order.status == 202 and order.json["signers"] == 2 and order.json["signatures"] == [], order
    assert sign(world, "officer", order.json).status == 200
    assert sign(world, "officer2", order.json, key).json["state"] == "in_journal"
    world.people["officer2"].must("POST", f"/v1/keys/{key.index}/revoke", {"compromised": False, "reason": "Test"}, key=True)


def test_a_password_is_no_second_step(world):
    """An officer who demands a second step is not vouched for by their password alone."""
    careful = world.person("careful", [{"role": "officer"}])
    careful.must("POST", "/v1/me/recovery-codes", {"password": PASSWORD}, status=201)
    careful.must("POST", "/v1/me/second-step", {"demanded": True, "password": PASSWORD})
    officers = [{"email": f"{name}@kontor.example", "password": PASSWORD} for name in ("careful", "officer")]
    order = world.people["administrator"].must("POST", f"/v1/grants/{world.grants['brisa']}/clawback", {"credits": "1", "reason": "Test", "officers": officers}, status=202, key=True)
    assert order["signers"] == 2 and order["signatures"] == [], order
    world.people["administrator"].must("POST", f"/v1/orders/{order['id']}/withdraw", {"reason": "Test"}, key=True)


def test_rows_of_signatures_are_not_believed(world):
    """A signature counts as long as whoever gave it may give it, and a row that is none never does."""
    for spoil in ("role", "bytes"):
        world.person(f"gone_{spoil}", [{"role": "officer"}])
        order = world.people["administrator"].must("POST", f"/v1/grants/{world.grants['brisa']}/clawback", {"credits": "1", "reason": "Test"}, status=202, key=True)
        assert sign(world, f"gone_{spoil}", order).status == 200
        if spoil == "role":
            world.local.must("POST", f"/v1/people/{world.ids['gone_role']}/roles/remove", {"roles": [{"role": "officer"}], "reason": "Left"}, key=True)
        else:
            world.server.sql(f"UPDATE order_signature SET signature = decode('{'00' * 64}', 'hex') WHERE order_id = '{order['id']}'")
        reply = sign(world, "officer", order)
        assert code(reply) == ((409, "state") if spoil == "role" else (500, "corrupt")), reply
        assert world.people["officer"].must("GET", f"/v1/orders/{order['id']}")["state"] == "approved"
        world.people["officer"].must("POST", f"/v1/orders/{order['id']}/refuse", {"reason": "Test"}, key=True)


def dismiss(world, person, role, key=True):
    return world.people["administrator"].must("POST", f"/v1/people/{world.ids[person]}/roles/remove", {"roles": [{"role": role}], "reason": "Left"}, key=key)


def test_who_is_dismissed_signs_no_more(world):
    """The keys of whom orders nothing any more end in the journal, with the last role that orders."""
    leaver = world.person("leaver", [{"role": "officer"}, {"role": "administrator"}])
    keys = [enrol(world, "leaver") for _ in range(2)]
    states = lambda: [k["state"] for k in leaver.must("GET", "/v1/me/keys")["items"]]  # noqa: E731
    dismiss(world, "leaver", "officer")
    assert states() == ["in_force"] * 2, "an administrator orders, too"
    gone = dismiss(world, "leaver", "administrator", key="dismissed")
    assert gone["roles"] == [] and states() == ["ended"] * 2
    ends = [e for e in world.local.must("GET", "/v1/journal/entries?kind=KEY&limit=2")["items"]]
    assert {e["body"]["first"] for e in ends} == {k.index for k in keys} and all(e["body"]["status"] == "retired" for e in ends), ends
    assert dismiss(world, "leaver", "administrator", key="dismissed") == gone and states() == ["ended"] * 2
    assert [e["index"] for e in world.local.must("GET", "/v1/journal/entries?kind=KEY&limit=2")["items"]] == [e["index"] for e in ends], "once"
    assert recorded(world, "leaver").count("key_ended") == 2


def told(world, person, order):
    """The notices that this person has of the order."""
    return [n for n in world.people[person].must("GET", "/v1/me/notices?limit=100")["items"] if n["kind"] == "approval" and n["facts"]["order"] == order["id"]]


def rule(world, signed_by, alone="0", status=201, **more):
    return world.people["administrator"].must("POST", "/v1/order-rule", {"signed_by": signed_by, "alone_credits": alone, **more}, status=status, key=True)


def test_above_the_limit_two_people_sign_the_same_bytes(world):
    alone = rule(world, ["key", "passkey", "word"], "100")
    assert alone["limited"] and alone["alone_credits"] == "100.000" and world.people["auditor"].must("GET", "/v1/order-rule")["policy"] == alone["policy"]
    assert tranche(world, credits="100").status == 201, "not above it"
    wanted = tranche(world, credits="100.001")
    assert wanted.status == 202 and wanted.json["signers"] == 2, wanted
    order = wanted.json
    notice = told(world, "officer2", order)
    assert len(notice) == 1 and notice[0]["link"] == f"/programme/orders/{order['id']}" and notice[0]["facts"]["how"] == "credits", notice
    assert notice[0]["facts"]["amount_credits"] == "100.001" and notice[0]["facts"]["time"] == order["lapses"] and order["order"]["summary"] in notice[0]["text"], notice
    for other in ("officer", "administrator", "auditor", "brisa", "lumi"):
        assert told(world, other, order) == [], other
    mine = sign(world, "officer", order)
    assert mine.status == 200 and mine.json["state"] == "proposed" and mine.json["you"]["why_not"] == "order-signed", mine
    body = {"sha256": order["sha256"]}
    assert code(sign(world, "officer", order)) == (409, "order-signed")
    key = enrol_by_two(world, "officer")
    assert code(sign(world, "officer", order, key)) == (409, "order-signed"), "nobody is two people, whatever the key"
    refused = world.people["officer"].post(f"/v1/orders/{order['id']}/refuse", {"reason": "No"}, key=True)
    assert code(refused) == (403, "order-own")
    where = f"/v1/orders/{order['id']}/signatures"
    second = world.people["officer2"].post(where, body, key="second-signs")
    assert world.people["officer2"].must("POST", where, body, key="second-signs")["entry"] == second.json["entry"], "the same call"
    assert world.people["officer2"].post(where, {"sha256": "00" * 32}, key="second-signs").json["code"] == "idempotency-key-conflict"
    assert second.json["state"] == "in_journal" and [s["person"]["id"] for s in second.json["signatures"]] == [world.ids["officer"], world.ids["officer2"]], second
    entry = world.local.must("GET", f"/v1/journal/entries/{second.json['entry']}")
    assert [a["class"] for a in entry["body"]["authority"]] == [3, 3] and entry["amount_credits"] == "100.001"
    world.people["officer"].must("POST", f"/v1/keys/{key.index}/revoke", {"compromised": False, "reason": "Test"}, key=True)
    assert world.people["administrator"].must("GET", "/v1/orders?open=true")["items"] == []


def enrol_by_two(world, person, second=None):
    """Above a limit a key takes two: the administrator, and another officer (by their key, if they have one)."""
    key, order = enrol(world, person, status=202)
    assert code(sign(world, person, order)) == (403, "order-own"), "nobody signs for a key of their own"
    assert sign(world, "administrator", order).json["state"] == "proposed"
    done = sign(world, "officer2" if person != "officer2" else "officer", order, second)
    assert done.json["state"] == "in_journal", done
    key.index = done.json["entry"]
    assert world.people[person].must("GET", "/v1/me/keys")["items"][0]["state"] == "in_force"
    return key


def test_a_key_is_withdrawn_while_its_order_waits(world):
    """Its person may have lost it meanwhile: signatures of others do not register it any more."""
    key, order = enrol(world, "officer", status=202)
    where = f"/v1/officer-keys/{key.id}"
    sign(world, "administrator", order)
    assert world.people["officer"].must("POST", where + "/refuse", {}, key=True)["state"] == "refused"
    assert code(sign(world, "officer2", order)) == (409, "state")
    again = world.people["administrator"].post(where + "/confirm", {"fingerprint": hashlib.sha256(key.public.raw).hexdigest()[:32]}, key=True)
    assert code(again) == (409, "conflict"), again
    world.people["administrator"].must("POST", f"/v1/orders/{order['id']}/withdraw", {"reason": "Test"}, key=True)
    assert all(k["state"] != "in_force" for k in world.people["officer"].must("GET", "/v1/me/keys")["items"])


def test_no_key_is_registered_for_whom_was_dismissed_meanwhile(world):
    world.person("late_leaver", [{"role": "officer"}])
    _, order = enrol(world, "late_leaver", status=202)
    sign(world, "administrator", order)
    dismiss(world, "late_leaver", "officer")
    assert code(sign(world, "officer2", order)) == (409, "conflict")
    world.people["administrator"].must("POST", f"/v1/orders/{order['id']}/withdraw", {"reason": "Test"}, key=True)


def test_an_older_rule_does_not_come_after_a_newer_one(world):
    """It would never be in force: whoever carries it out is told so, and nothing is written."""
    older = rule(world, ["key", "passkey", "word"], "50", status=202)
    while world.local.must("GET", "/v1/me")["now"] <= older["order"]["body"]["valid_from"]:
        pass  # not within the same millisecond
    newer = rule(world, ["key", "passkey", "word"], "100", status=202)
    in_force = sign_both(world, newer)["entry"]
    sign(world, "officer", older)
    late = sign(world, "officer2", older)
    assert code(late) == (409, "state") and "newer rule" in late.json["detail"], late
    assert code(world.people["officer"].post(f"/v1/orders/{older['id']}/carry-out", {}, key=True)) == (409, "state")
    assert world.people["administrator"].must("GET", "/v1/order-rule")["policy"] == in_force
    assert world.people["officer"].must("GET", f"/v1/orders/{older['id']}")["state"] == "approved"
    world.people["administrator"].must("POST", f"/v1/orders/{older['id']}/withdraw", {"reason": "Test"}, key=True)


def test_withdrawn_refused_lapsed(world):
    officer, second = world.people["officer"], world.people["officer2"]
    second.must("POST", "/v1/me/notice-choices", {"kind": "approval", "page": False, "mail": True})
    order = tranche(world, credits="200").json
    assert told(world, "officer2", order) == [], "who chose not to be"
    second.must("POST", "/v1/me/notice-choices", {"kind": "approval", "page": True, "mail": True})
    assert second.post(f"/v1/orders/{order['id']}/withdraw", {"reason": "x"}, key=True).status == 403
    assert officer.must("POST", f"/v1/orders/{order['id']}/withdraw", {"reason": "A typo"}, key=True)["state"] == "withdrawn"
    assert code(sign(world, "officer2", order)) == (409, "order-over")
    order = tranche(world, credits="200").json
    ended = second.must("POST", f"/v1/orders/{order['id']}/refuse", {"reason": "Too much"}, key=True)
    assert (ended["state"], ended["ended_reason"]) == ("refused", "Too much")
    assert code(officer.post(f"/v1/orders/{order['id']}/withdraw", {"reason": "x"}, key=True)) == (409, "order-over")
    order = tranche(world, credits="200").json
    assert millis(order["lapses"]) - millis(order["created"]) == 14 * DAY
    sign(world, "officer", order)
    world.server.sql(f"UPDATE signed_order SET created_ms = 1, lapses_ms = 2 WHERE id = '{order['id']}'")
    assert code(sign(world, "officer2", order)) == (409, "order-over")
    assert officer.must("GET", f"/v1/orders/{order['id']}")["state"] == "lapsed"
    assert [o["id"] for o in officer.must("GET", "/v1/orders?limit=2")["items"]] != [] and officer.must("GET", "/v1/orders?open=true")["items"] == []


def test_what_is_approved_is_asked_again(world):
    """Credits that are gone when the second one signs: the ledger refuses, and the order is kept until somebody gives it up."""
    officer = world.people["officer"]
    small = sign_both(world, fund(world, credits="150").json)["order"]["credit"]["account"]
    body = {"fund": small, "name": "All", "reference": "A", "credits": "120", "reason": "Because"}
    one = officer.must("POST", "/v1/tranches", body, status=202, key=True)
    two = officer.must("POST", "/v1/tranches", body, status=202, key=True)
    sign_both(world, one)
    assert sign(world, "officer", two).status == 200
    late = sign(world, "officer2", two)
    assert code(late) == (409, "insufficient-credits"), late
    assert officer.must("GET", f"/v1/orders/{two['id']}")["state"] == "approved"
    assert code(officer.post(f"/v1/orders/{two['id']}/carry-out", {}, key=True)) == (409, "insufficient-credits")
    world.people["officer2"].must("POST", f"/v1/orders/{two['id']}/refuse", {"reason": "No credits"}, key=True)
    assert code(officer.post(f"/v1/orders/{two['id']}/carry-out", {}, key=True)) == (409, "order-over")


def sign_both(world, order):
    assert sign(world, "officer", order).json["state"] == "proposed"
    done = sign(world, "officer2", order)
    assert done.json["state"] == "in_journal", done
    return done.json


def test_it_survives_a_restart_and_is_carried_out_once(world):
    order = tranche(world, credits="150").json
    sign(world, "officer", order)
    world.server.stop()
    world.server.start()
    for name in ("officer", "officer2", "administrator"):
        assert world.people[name].get("/v1/me").status == 200
    replies = []
    again = [copy.copy(world.people["officer2"]) for _ in range(4)]
    for client in again:
        client.connection = None
    threads = [threading.Thread(target=lambda c=c: replies.append(c.post(f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"]}, key=True))) for c in again]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert {r.status for r in replies} <= {200, 409} and any(r.status == 200 for r in replies), replies
    shown = world.people["officer"].must("GET", f"/v1/orders/{order['id']}")
    assert shown["state"] == "in_journal" and len(shown["signatures"]) == 2
    # what was approved, and the server ended before it was sent
    order = tranche(world, credits="150").json
    sign(world, "officer", order)
    world.server.sql(f"INSERT INTO order_signature SELECT order_id, '{world.ids['officer2']}', 'o', class, key, signature, at_ms + 1 FROM order_signature WHERE order_id = '{order['id']}';"
                     f"UPDATE signed_order SET state = 2 WHERE id = '{order['id']}'")
    done = world.people["officer2"].must("POST", f"/v1/orders/{order['id']}/carry-out", {}, key=True)
    assert done["state"] == "in_journal" and world.people["officer"].must("POST", f"/v1/orders/{order['id']}/carry-out", {}, key=True)["entry"] == done["entry"]


def test_a_grant_waits_and_its_aid_is_asked_again(world):
    now = millis(world.local.must("GET", "/v1/me")["now"])
    body = {"organisation": world.organisations["brisa"], "tranche": world.tranche, "mode": "fast-lane", "credits": "101", "start": stamp(now), "end": stamp(now + 30 * DAY),
            "reference": "AID", "gge_eur_cents": 100, "legal_basis": "gber", "reason": "Test"}
    both = world.person("both_sides", [{"role": "officer"}, {"role": "member", "organisation": world.organisations["brisa"]}])
    order = world.people["officer"].must("POST", "/v1/grants", body, status=202, key=True)
    assert order["order"]["credit"]["organisation"] in order["order"]["credit"]["label"], order
    assert order["reason"].startswith("Test\n\nLegal basis: ") and order["order"]["body"]["gge_eur_cents"] == 100
    conflict = both.post(f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"]}, key=True)
    assert code(conflict) == (403, "order-own"), "who acts for the organisation signs nothing that concerns it"
    world.people["both_sides"] = both
    assert len(told(world, "officer2", order)) == 1 and told(world, "both_sides", order) == [] and told(world, "brisa", order) == [], "nor told of it"
    done = sign_both(world, order)
    account = done["order"]["credit"]["account"]
    assert world.people["officer"].must("GET", f"/v1/grants/{account}/aid")["aid"]["gge_eur_cents"] == 100
    taken = world.people["administrator"].must("POST", f"/v1/grants/{account}/clawback", {"credits": "1", "reason": "Test"}, status=202, key=True)
    assert taken["order"]["kind"] == "CLAWBACK" and taken["signers"] == 2 and taken["you"]["why_not"] == "forbidden", taken
    sign_both(world, taken)
    assert world.people["officer"].must("GET", f"/v1/grants/{account}")["free_credits"] == "100.000"


def test_a_rule_without_the_servers_word(world):
    admin = world.people["administrator"]
    few = admin.post("/v1/order-rule", {"signed_by": ["key"], "alone_credits": "100"}, key=True)
    assert few.status == 409 and few.json["pointer"] == "/signed_by", few
    for body, field in (({"signed_by": [], "alone_credits": "0"}, "/signed_by"), ({"signed_by": ["fax"], "alone_credits": "0"}, "/signed_by"), ({"signed_by": ["key"], "alone_credits": "-1"}, "/alone_credits"),
                        ({"signed_by": ["key"], "alone_credits": "0", "open_days": 91}, "/open_days")):
        assert admin.post("/v1/order-rule", body, key=True).json["pointer"] == field, body
    keys = {"officer": enrol_by_two(world, "officer")}
    keys["officer2"] = enrol_by_two(world, "officer2", keys["officer"])
    order = admin.must("POST", "/v1/order-rule", {"signed_by": ["key", "passkey"], "alone_credits": "100", "open_days": 3}, status=202, key=True)
    assert sign(world, "officer", order, keys["officer"]).status == 200
    assert sign(world, "officer2", order, keys["officer2"]).json["state"] == "in_journal"
    now = admin.must("GET", "/v1/order-rule")
    assert (now["signed_by"], now["alone_credits"], now["open_days"]) == (["key", "passkey"], "100.000", 3)
    assert all(p["code"] != "orders" for p in world.anybody.must("GET", "/v1/policies")["items"]), "it is no access mode"
    bad = admin.post("/v1/policies", {"code": "orders", "name": "x", "cap_credits": "0", "longest_days": 1, "decide_days": 1}, key=True)
    assert bad.json["pointer"] == "/code", bad
    site = world.local.must("POST", "/v1/sites", {"code": "late", "name": "Late", "system": "X", "city": "Riga", "country": "LV", "lat_milli": 1, "lon_milli": 1}, status=202, key=True)
    assert site["you"]["may_sign"] is False
    assert [len(told(world, p, site)) for p in ("officer", "officer2", "administrator", "auditor")] == [1, 1, 1, 0], "the operator cannot sign it; of the registry, administrators are told too"
    assert code(sign(world, "administrator", site)) == (403, "order-class")
    assert sign(world, "officer", site, keys["officer"]).json["state"] == "in_journal"
    assert any(s["code"] == "late" for s in world.anybody.must("GET", "/v1/sites")["items"])
    order = tranche(world, credits="1").json
    assert order["signers"] == 1 and order["you"]["may_sign"] and told(world, "officer2", order) == [], "who proposed it signs it alone"
    assert sign(world, "officer", order, keys["officer"]).json["state"] == "in_journal"
    folder = world.server.data / "export"
    status, said = export(world, str(folder))
    assert status == 0, said
    found = audit(str(folder))
    newest = found["signatures"]["newest_ruled_on_the_operators_word"]
    assert found["clean"] and newest < now["policy"], found
    words = subprocess.run([str(BUILD / "kontor-audit"), "verify", str(folder)], capture_output=True, text=True).stdout
    assert f"The rule of orders, entry {now['policy']}: by people's own keys, passkeys; above 100.000 credits by two. No order that it rules stands on the operator's word since entry {newest}." in words, words
    carried = subprocess.run([str(BUILD / "kontor-audit"), "carry-over", str(folder)], capture_output=True, text=True)
    assert carried.returncode == 0 and "The rule of orders stays behind" in carried.stderr and '"code":"orders"' not in carried.stdout, carried
    assert rule_again(world, keys)["signed_by"] == ["key", "passkey", "word"]
    counts = world.server.sql("SELECT count(*) FROM entry WHERE kind = 17")
    assert int(counts) >= 4


def rule_again(world, keys):
    """Back: itself by two keys, since a rule is signed as the one before it says."""
    order = world.people["administrator"].must("POST", "/v1/order-rule", {"signed_by": ["key", "passkey", "word"], "alone_credits": "0"}, status=202, key=True)
    sign(world, "officer2", order, keys["officer2"])
    assert sign(world, "officer", order, keys["officer"]).json["state"] == "in_journal"
    return world.people["auditor"].must("GET", "/v1/order-rule")
