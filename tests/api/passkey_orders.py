"""Passkeys that sign orders: made, asked for and confirmed as keys, used."""
import base64
import hashlib
import uuid

from authenticator import b64, cbor
from test_passkeys import add, passkey
from world import PASSWORD


def in_journal(key, site="localhost"):
    """What a KEY entry has for a passkey."""
    return hashlib.sha256(b"kontor-passkey/v1\0" + hashlib.sha256(site.encode()).digest() + cbor(key.cose)).digest()


def said(key, signed, **wrong):
    """navigator.credentials.get() with the SHA-256 of these bytes as its challenge."""
    client, data = key.client("webauthn.get", b64(hashlib.sha256(signed).digest()), **wrong), key.data(**wrong)
    return {"client": b64(client), "data": b64(data), "signature": b64(wrong.get("signature", key.sign(data + hashlib.sha256(client).digest())))}


def statement(world, person, key):
    genesis = bytes.fromhex(world.people[person].must("GET", "/v1/me/keys")["genesis"])
    return b"kontor-officer-key/v1\0" + genesis + uuid.UUID(world.ids[person]).bytes + in_journal(key)


def has(world, person, name, **more):
    """A passkey on this person's account."""
    key = passkey(world, f"{person} {name}", **more)
    key.own = add(world.people[person], key, name)
    return key


def wish(world, person, key, signed=None, **wrong):
    return {"name": "Security key", "passkey": key.own["id"], "password": PASSWORD, **said(key, signed or statement(world, person, key), **wrong)}


def ask(world, person, key, signed=None, **more):
    return world.people[person].post("/v1/me/keys/passkey", {**wish(world, person, key, signed, **more.pop("wrong", {})), **more})


def enrol(world, person, name="orders", **more):
    """A passkey that signs orders: made, asked for, confirmed."""
    key = has(world, person, name, **more)
    asked = ask(world, person, key)
    assert asked.status == 201, asked
    key.index = world.people["administrator"].must("POST", f"/v1/officer-keys/{asked.json['id']}/confirm", {"fingerprint": asked.json["fingerprint"]}, status=201, key=True)["key"]
    return key


def sign(world, person, order, key, index=None, signed=None, **wrong):
    body = {"sha256": order["sha256"], "key": index or key.index, **said(key, signed or base64.b64decode(order["bytes"]), **wrong)}
    return world.people[person].post(f"/v1/orders/{order['id']}/signatures", body, key=True)


def end(world, person, key):
    world.people[person].must("POST", f"/v1/keys/{key.index}/revoke", {"compromised": False, "reason": "Test"}, key=True)
