"""Orders that officers sign with passkeys: how a passkey comes to be a key; what it signs, and every way in which another thing could be
passed off as that; a rule that asks for passkeys; what lies beside the journal, and what the auditors say when it is changed."""
import base64
import hashlib
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request

from authenticator import BACKED_UP, PRESENT, VERIFIED, b64, cbor
from harness import BUILD
from passkey_orders import ask, end, enrol, has, in_journal, said, sign, statement
from test_evidence import evidence
from test_log import newest, reader
from test_orders import code, enrol as enrol_key, fund, recorded, rule, sign as sign_with_key, sign_both, tranche
from test_package import files, judged, package, packed
from test_passkeys import passkey, question, sign_in
from test_tamper import audit, export, run
from world import Agent, millis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journal"))

from assertion import check  # noqa: E402

WORLD = {"more": ["--checkpoint-ms=100"]}


def exported(world, name):
    folder = world.server.data / name
    status, words = export(world, str(folder))
    assert status == 0, words
    return folder


def test_a_passkey_is_asked_for_compared_and_confirmed(world):
    officer, admin = world.people["officer"], world.people["administrator"]
    key = has(world, "officer", "first", alg="EdDSA")
    assert key.own["credential"] == b64(key.id) and base64.b64decode(key.own["cose"]) == cbor(key.cose) and key.own["alone"]
    other = has(world, "officer2", "first")
    assert code(ask(world, "officer2", key)) == (404, "not-found"), "a passkey of another's account"
    for why, reply in {
        "another statement": (ask(world, "officer", key, statement(world, "officer2", key)), "passkey-challenge"),
        "by another passkey": (ask(world, "officer", key, wrong={"signature": other.sign(b"x")}), "passkey-signature"),
        "without PIN or finger": (ask(world, "officer", key, wrong={"flags": PRESENT}), "passkey-unverified"),
        "by a page of somebody else's": (ask(world, "officer", key, wrong={"origin": "https://evil.example"}), "passkey-origin"),
    }.items():
        assert reply[0].json["code"] == reply[1], (why, reply[0])
    assert ask(world, "officer", key, password="not this one").status == 401
    assert ask(world, "officer", key, data=b64(b"x")).json["code"] == "passkey-malformed" and ask(world, "officer", key, client="").json["pointer"] == "/client"
    asked = ask(world, "officer", key)
    want = hashlib.sha256(in_journal(key)).hexdigest()[:32]
    assert asked.status == 201 and asked.json["state"] == "asked" and asked.json["site"] == "localhost", asked
    assert asked.json["fingerprint"].replace(" ", "") == want and asked.json["ed25519"] == in_journal(key).hex()
    assert code(ask(world, "officer", key)) == (409, "exists"), "once"
    done = admin.must("POST", f"/v1/officer-keys/{asked.json['id']}/confirm", {"fingerprint": want}, status=201, key=True)
    entry = world.local.must("GET", f"/v1/journal/entries/{done['key']}")
    assert (entry["kind"], entry["body"]["use"], entry["body"]["ed25519"]) == ("KEY", "officer", in_journal(key).hex())
    assert code(ask(world, "officer", key))[0] == 409 and recorded(world, "officer")[:2] == ["key_confirmed", "key_asked"]
    assert code(sign_with_key(world, "officer", fund(world).json)) == (403, "order-class"), "the server does not vouch for who has a key"
    key.index = done["key"]
    end(world, "officer", key)
    assert officer.must("GET", "/v1/me/keys")["items"][0]["state"] == "ended"


def test_an_order_is_signed_by_its_officers_passkey(world):
    key, others, plain = enrol(world, "officer"), enrol(world, "officer2"), enrol_key(world, "officer")
    order = fund(world).json
    signed = base64.b64decode(order["bytes"])
    assert order["you"]["may_sign"] and order["you"]["key"] == plain.index and order["you"]["passkeys"] == [
        {"key": key.index, "name": "Security key", "site": "localhost", "credential": b64(key.id)}], order["you"]
    second = tranche(world).json
    stranger = passkey(world, "nobody's")
    for why, (reply, wanted) in {
        "another's": (sign(world, "officer", order, others), "order-key"),
        "another's, by its own number": (sign(world, "officer", order, others, index=key.index), "passkey-signature"),
        "of nobody": (sign(world, "officer", order, stranger, index=key.index), "passkey-signature"),
        "a key that is none": (sign(world, "officer", order, key, index=plain.index), "order-key"),
        "no officer's": (sign(world, "officer", order, key, index=world.fund), "order-key"),
        "another order": (sign(world, "officer", order, key, signed=base64.b64decode(second["bytes"])), "passkey-challenge"),
        "the order and a byte": (sign(world, "officer", order, key, signed=signed + b"\0"), "passkey-challenge"),
        "a sign-in": (sign(world, "officer", order, key, answers=bytes(32)), "passkey-challenge"),
        "one that was made": (sign(world, "officer", order, key, type="webauthn.create"), "passkey-type"),
        "another page": (sign(world, "officer", order, key, origin="https://evil.example"), "passkey-origin"),
        "framed": (sign(world, "officer", order, key, cross=True), "passkey-origin"),
        "for another site": (sign(world, "officer", order, key, site="evil.example"), "passkey-site"),
        "nobody there": (sign(world, "officer", order, key, flags=VERIFIED), "passkey-absent"),
        "not asked who": (sign(world, "officer", order, key, flags=PRESENT), "passkey-unverified"),
        "of a copy that cannot be": (sign(world, "officer", order, key, flags=PRESENT | VERIFIED | BACKED_UP), "passkey-backup"),
        "a bit of the signature": (sign(world, "officer", order, key, signature=key.sign(b"other")), "passkey-signature"),
    }.items():
        assert reply.status >= 400 and reply.json["code"] == wanted, (why, reply)
    where, body = f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"], "key": key.index, **said(key, signed)}
    for field in ("key", "client", "data", "signature"):
        reply = world.people["officer"].post(where, {name: value for name, value in body.items() if name != field}, key=True)
        assert reply.status == 422 and reply.json["pointer"] == "/" + field, (field, reply)
    assert world.people["officer"].must("GET", f"/v1/orders/{order['id']}")["signatures"] == [], "nothing of all that was kept"
    done = sign(world, "officer", order, key)
    assert done.status == 200 and done.json["state"] == "in_journal" and done.json["signatures"][0]["class"] == 2, done
    entry = world.local.must("GET", f"/v1/journal/entries/{done.json['entry']}")
    slot = entry["body"]["authority"][0]
    assert (slot["class"], slot["key"], slot["signature"][64:]) == (2, key.index, "00" * 32)
    shown = evidence(world, "anybody", done.json["entry"])["assertions"]
    assert [(a["key"], a["sha256"]) for a in shown] == [(key.index, slot["signature"][:64])]
    assert hashlib.sha256(bytes.fromhex(shown[0]["assertion"])).hexdigest() == slot["signature"][:64]
    assert check(bytes.fromhex(shown[0]["assertion"]), in_journal(key), signed) == "ok", "by the second reader, from the document alone"
    assert code(sign(world, "officer", order, key)) == (409, "order-signed")
    assert sign_with_key(world, "officer", second, plain).json["state"] == "in_journal", "or by the other key, as one likes"
    late = fund(world).json
    end(world, "officer", key)
    assert code(sign(world, "officer", late, key)) == (403, "order-key-ended")
    assert world.people["officer"].must("GET", f"/v1/orders/{late['id']}")["you"]["passkeys"] == []
    end(world, "officer", plain)
    end(world, "officer2", others)


def test_a_sign_in_signs_no_order(world):
    """Whatever challenge a server chooses for a sign-in, what the page has signed is none of an order: the challenge alone is not answered."""
    key, asked = has(world, "officer2", "door"), question(world)
    assert code(sign_in(world, key, question=asked, answers=base64.b64decode(asked["challenge"]))) == (422, "passkey-challenge")
    assert sign_in(world, key, question=asked).status == 200
    order = b"kontor-order/v1\0" + bytes(80)
    asked = {"question": "", "challenge": b64(hashlib.sha256(order).digest())}
    used = key.used(asked)
    blob = b"kontor-assertion/v1\0" + b"".join(len(p).to_bytes(2, "big") + p for p in (b"localhost", cbor(key.cose), *(base64.b64decode(used[n]) for n in ("data", "client", "signature"))))
    assert check(blob, in_journal(key), order) == "passkey-challenge"


def test_two_passkeys_a_restart_between(world):
    """What the first has signed waits in the database; rows of it are not believed; the second completes it."""
    one, two = enrol(world, "officer", "two"), enrol(world, "officer2", "two", alg="EdDSA")
    rule(world, ["key", "passkey", "word"], "100")
    order = tranche(world, credits="150").json
    assert order["signers"] == 2 and sign(world, "officer", order, one).json["state"] == "proposed"
    assert world.server.sql("SELECT count(*) FROM assertion") == world.server.sql("SELECT sum((get_byte(body, octet_length(body) - 146) = 2)::int) FROM entry WHERE kind = 3"), "only with its entry"
    assert code(sign(world, "officer", order, two)) == (403, "order-key")
    world.server.stop()
    world.server.start()
    for name in ("officer", "officer2", "administrator"):
        assert world.people[name].get("/v1/me").status == 200
    one.origin = two.origin = f"http://localhost:{world.server.port}"
    row = f"order_id = '{order['id']}' AND person = '{world.ids['officer']}'"
    kept = bytes.fromhex(world.server.sql(f"SELECT encode(assertion, 'hex') FROM order_signature WHERE {row}"))
    spoilt = kept[:-1] + bytes([kept[-1] ^ 1])
    put = lambda blob: world.server.sql(f"UPDATE order_signature SET assertion = '\\x{blob.hex()}', signature = '\\x{hashlib.sha256(blob).hexdigest()}{'00' * 32}' WHERE {row}")  # noqa: E731
    put(spoilt)
    assert code(sign(world, "officer2", order, two)) == (500, "corrupt"), "a row that was changed with its hash"
    put(kept)
    done = world.people["officer2"].must("POST", f"/v1/orders/{order['id']}/carry-out", {}, key=True)
    assert done["state"] == "in_journal"
    entry = world.local.must("GET", f"/v1/journal/entries/{done['entry']}")
    assert [(a["class"], a["key"]) for a in entry["body"]["authority"]] == [(2, one.index), (2, two.index)]
    mixed = tranche(world, credits="160").json
    sign(world, "officer", mixed, one)
    end(world, "officer2", two)
    assert sign_with_key(world, "officer2", mixed).json["state"] == "in_journal", "a passkey, and the server's word"
    # withdrawn while the order waits: the ledger asks again when it is carried out
    late = tranche(world, credits="170").json
    sign(world, "officer", late, one)
    end(world, "officer", one)
    assert code(sign_with_key(world, "officer2", late)) == (403, "authority")
    world.people["officer2"].must("POST", f"/v1/orders/{late['id']}/refuse", {"reason": "Test"}, key=True)
    sign_both(world, rule(world, ["key", "passkey", "word"], status=202))


def test_a_rule_asks_for_passkeys(world):
    """Whoever asks for passkeys alone must have one; a key of another kind is none."""
    admin, asked = world.people["administrator"], {"signed_by": ["passkey"], "alone_credits": "0"}
    plain = enrol_key(world, "officer")
    few = admin.post("/v1/order-rule", asked, key=True)
    assert few.status == 409 and few.json["pointer"] == "/signed_by", few
    key = enrol(world, "officer", "rule")
    order = admin.must("POST", "/v1/order-rule", asked, status=202, key=True)
    assert code(sign_with_key(world, "officer", order, plain)) == (403, "authority"), "a rule is signed in a way that it allows itself"
    admin.must("POST", f"/v1/orders/{order['id']}/withdraw", {"reason": "Test"}, key=True)
    order = admin.must("POST", "/v1/order-rule", asked, status=202, key=True)
    assert sign(world, "officer", order, key).json["state"] == "in_journal"
    order = fund(world).json
    assert code(sign_with_key(world, "officer", order, plain)) == (403, "order-class") and code(sign_with_key(world, "officer2", order)) == (403, "order-class")
    assert sign(world, "officer", order, key).json["state"] == "in_journal"
    order = admin.must("POST", "/v1/order-rule", {"signed_by": ["key", "passkey", "word"], "alone_credits": "0"}, status=202, key=True)
    assert sign(world, "officer", order, key).json["state"] == "in_journal"
    end(world, "officer", key)
    end(world, "officer", plain)


def told(folder):
    """What the audit says of an export, in words."""
    return [(f["leaf"], f["what"]) for f in audit(str(folder))["findings"]]


def test_the_auditor_verifies_each_and_tells_what_was_changed(world):
    folder = exported(world, "export")
    found = audit(str(folder))
    assert found["clean"] and found["signatures"]["by_passkey"] == 7 and found["signatures"]["assertions_not_checked"] == 0, found["signatures"]
    words = subprocess.run([str(BUILD / "kontor-audit"), "verify", str(folder)], capture_output=True, text=True).stdout
    assert "Signatures by passkey verified: 7 of officers on orders, each by its assertion." in words, words
    path = folder / "assertions.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == 7
    one = json.loads(lines[0])
    blob = bytearray.fromhex(one["assertion"])
    leaf = next(e for e in range(world.local.must("GET", "/v1/journal")["size"])
                if any(a.get("class") == 2 and a["signature"][:64] == one["sha256"] for a in world.local.must("GET", f"/v1/journal/entries/{e}")["body"].get("authority", [])))
    another = bytes(blob[:-1]) + bytes([blob[-1] ^ 1])
    for why, text, want in (
        ("missing", lines[1:], [(leaf, "its assertion is missing")]),
        ("changed", [json.dumps({**one, "assertion": another.hex()}) + "\n"] + lines[1:], [(leaf, "an assertion is not what its hash says")]),
        ("another in its place", [json.dumps({"sha256": hashlib.sha256(another).hexdigest(), "assertion": another.hex()}) + "\n"] + lines[1:],
         [(None, "no entry has the assertion"), (leaf, "its assertion is missing")]),
        ("superfluous", lines + [json.dumps({"sha256": hashlib.sha256(b"x").hexdigest(), "assertion": b"x".hex()}) + "\n"], [(None, "no entry has the assertion")]),
        ("twice", lines + lines[:1], [(leaf, "its assertion is there twice")]),
        ("no lines", ["{}\n"] + lines, [(None, "assertions.jsonl: line 1")]),
    ):
        path.write_text("".join(text))
        said_of = told(folder)
        assert [leaf_of for leaf_of, _ in said_of] == [leaf_of for leaf_of, _ in want] and all(w in s for (_, s), (_, w) in zip(said_of, want)), (why, said_of)
    path.unlink()
    assert sum("its assertion is missing" in what for _, what in told(folder)) == 7, "who hides the file hides nothing"


class Between(http.server.ThreadingHTTPServer):
    """A server that gives the log as it is, and of evidence what `makes` makes of it: (status, bytes)."""

    def __init__(self, world):
        url, cookie = f"http://127.0.0.1:{world.server.port}", world.people["officer"].cookie

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                try:
                    reply = urllib.request.urlopen(urllib.request.Request(url + self.path, headers={"Cookie": cookie}), timeout=60)
                except urllib.error.HTTPError as refused:  # it rests now and then: whoever asks tries again
                    reply = refused
                with reply:
                    status, body = reply.status, reply.read()
                if status == 200 and self.path.endswith("/evidence"):
                    status, body = self.server.makes(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def judged(self, makes):
        self.makes = makes
        return run("verify", "--scratch=/tmp", f"http://127.0.0.1:{self.server_port}")[:2]


def test_the_auditor_asks_for_them_from_afar(world):
    newest(world, reader(world), world.local.must("GET", "/v1/journal")["size"])
    headers = world.server.data / "headers"
    headers.write_text(f"Cookie: {world.people['officer'].cookie}\n")
    status, said_of, errors = run("verify", "--json", "--scratch=/tmp", f"--headers={headers}", f"http://127.0.0.1:{world.server.port}")
    found = json.loads(said_of)
    assert status == 0 and found["clean"] and found["signatures"]["by_passkey"] == 7 and found["signatures"]["assertions_not_checked"] == 0, (said_of, errors)

    def changed(**what):
        return lambda reply: (200, json.dumps({**reply, "assertions": [{**a, **what} for a in reply["assertions"]]}).encode())

    def other(reply):
        blobs = [bytes.fromhex(a["assertion"]) for a in reply["assertions"]]
        blobs = [blob[:-1] + bytes([blob[-1] ^ 1]) for blob in blobs]
        return 200, json.dumps({**reply, "assertions": [{**a, "assertion": b.hex(), "sha256": hashlib.sha256(b).hexdigest()} for a, b in zip(reply["assertions"], blobs)]}).encode()

    between = Between(world)
    try:
        status, words = between.judged(lambda reply: (200, json.dumps(reply).encode()))
        assert status == 0 and "Signatures by passkey verified: 7" in words and words.endswith("\nNo fault found.\n"), words
        status, words = between.judged(lambda reply: (404, b"{}"))
        assert status == 4 and "NOT CHECKED: 7 signatures by passkey" in words and "No fault found." not in words, words
        for why, makes, want in (("has none", changed(assertion=None), "its assertion is missing"), ("none at all", lambda reply: (200, json.dumps({**reply, "assertions": []}).encode()), "its assertion is missing"),
                                 ("another's", other, "no entry has the assertion"), ("no hexadecimal", changed(assertion="zz"), "an assertion is not what its hash says"),
                                 ("too many", lambda reply: (200, json.dumps({**reply, "assertions": 3 * reply["assertions"]}).encode()), "cannot be read"),
                                 ("no evidence", lambda reply: (200, b"<html>"), "cannot be read"), ("too much", lambda reply: (200, b" " * 100_000), "cannot be read")):
            status, words = between.judged(makes)
            assert status == 1 and want in words and "Signatures by passkey verified" not in words, (why, words)
    finally:
        between.shutdown()
        between.server_close()


def test_a_site_that_attests_gets_what_passkeys_signed(world):
    """By its hash, which stands in the entry: nothing else is to be had there. What the agent makes of it: tests/unit/test_attest.c."""
    agent = Agent(world, "lumi")
    agent.open()
    rows = dict(row.split("|") for row in world.server.sql("SELECT encode(sha256, 'hex'), encode(bytes, 'hex') FROM assertion").split("\n"))
    assert len(rows) == 7
    for sha256, said_of in rows.items():
        assert agent.call("GET", f"/v1/agent/assertions/{sha256}").body.hex() == said_of
    assert agent.call("GET", f"/v1/agent/assertions/{'00' * 32}").status == 404
    for none in ("00", "0g" * 32, "00" * 33):
        assert agent.call("GET", f"/v1/agent/assertions/{none}").status == 404, none
    assert world.people["officer"].get(f"/v1/agent/assertions/{'00' * 32}").status in (401, 403)


def test_a_package_has_what_passkeys_signed(world):
    now = millis(world.local.must("GET", "/v1/me")["now"])
    body = package(world, now - 3_600_000 * 24 * 40, now + 1000).body
    status, words = judged(world, body)
    assert status == 0 and "7 of officers' passkeys" in words, words
    some = files(body)
    name = "assertions/000000000000"
    lines = some[name].splitlines(keepends=True)
    assert len(lines) == 7
    for why, forged, want in (("missing", {k: v for k, v in some.items() if k != name}, "its assertion is missing"), ("one less", {**some, name: b"".join(lines[1:])}, "its assertion is missing"),
                              ("twice", {**some, name: b"".join(lines + lines[:1])}, "its assertion is there twice"), ("none", {**some, name: b"x"}, f"{name} is damaged"),
                              ("another file", {**some, "assertions/000000000100": lines[0]}, "its assertion is there twice"),
                              ("a file of nothing", {**some, "assertions/000000000200": b""}, "belong to nothing")):
        status, words = judged(world, packed({k: v for k, v in forged.items() if k != "SHA256SUMS"}))
        assert status == 1 and want in words, (why, words)
