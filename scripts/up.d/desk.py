"""The desks of the demonstration's two programme officers, beside which nobody else sits: each has a key of their own in a file, where a
browser would keep one, asks for it to be confirmed, and signs orders with it (docs/officer.md). Python's own library; Ed25519 by libsodium,
which kontord is linked to.

desk.py URL FOLDER: one line of JSON in, one out. {"ask": WHO} gives that officer's key as the server has it; an order with its bytes
is signed by as many officers as it takes, and is given as it is then. {"error": …}: what went wrong."""
import base64
import ctypes
import hashlib
import http.client
import json
import os
import pathlib
import sys
import urllib.parse
import uuid

OFFICERS = {"officer": "maren@investai.example", "officer-2": "tomas@investai.example"}
sodium = ctypes.CDLL("libsodium.so.23")


class Officer:
    """Somebody who is signed in."""

    def __init__(self, url, folder, who):
        self.server = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.password = (folder / f"password-{who}").read_text().strip()
        self.headers = {"Content-Type": "application/json"}
        session, cookies = self.call("POST", "/v1/session", {"email": OFFICERS[who], "password": self.password})
        self.headers |= {"Cookie": "; ".join(c.split(";")[0] for c in cookies), "X-CSRF-Token": session["csrf"]}
        self.id = session["person"]["id"]
        self.public, self.secret = self.key(folder / f"key-{who}")
        mine, _ = self.call("GET", "/v1/me/keys")
        self.genesis = bytes.fromhex(mine["genesis"])
        self.asked = next((k for k in mine["items"] if k["ed25519"] == self.public.hex()), None)

    def call(self, method, path, body=None):
        headers = {**self.headers, "Idempotency-Key": str(uuid.uuid4())}
        self.server.request(method, path, json.dumps(body) if body is not None else None, headers)
        reply = self.server.getresponse()
        said = json.loads(reply.read() or b"{}")
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path}: {reply.status} {said.get('detail') or said.get('title')}")
        return said, reply.headers.get_all("Set-Cookie", [])

    @staticmethod
    def key(file):
        if not file.exists():
            new = file.with_suffix(".new")
            with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
                out.write(os.urandom(32).hex() + "\n")
            new.rename(file)
        public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        sodium.crypto_sign_seed_keypair(public, secret, bytes.fromhex(file.read_text()))
        return public.raw, secret

    def sign(self, data):
        signature = ctypes.create_string_buffer(64)
        sodium.crypto_sign_detached(signature, None, data, ctypes.c_ulonglong(len(data)), self.secret)
        return base64.b64encode(signature.raw).decode()

    def ask(self):
        """The key as the server has it; asked for, if it was not, with the proof that who asks has it."""
        if not self.asked:
            proof = self.sign(b"kontor-officer-key/v1\0" + self.genesis + uuid.UUID(self.id).bytes + self.public)
            self.asked, _ = self.call("POST", "/v1/me/keys", {"name": "At my desk", "ed25519": base64.b64encode(self.public).decode(), "proof": proof,
                                                              "password": self.password})
        return self.asked

    def sign_order(self, order):
        if not (self.asked or {}).get("key"):
            self.asked = next(k for k in self.call("GET", "/v1/me/keys")[0]["items"] if k["ed25519"] == self.public.hex())
        data = base64.b64decode(order["bytes"])
        if hashlib.sha256(data).hexdigest() != order["sha256"]:
            raise RuntimeError(f"the bytes of order {order['id']} are not those of its hash")
        return self.call("POST", f"/v1/orders/{order['id']}/signatures", {"sha256": order["sha256"], "key": self.asked["key"], "signature": self.sign(data)})[0]


class Desks(dict):
    def __missing__(self, who):
        self[who] = Officer(sys.argv[1], pathlib.Path(sys.argv[2]), who)
        return self[who]

    def sign(self, order):
        for who in OFFICERS:
            if order["state"] == "proposed" and self[who].id not in [s["person"]["id"] for s in order["signatures"]]:
                order = self[who].sign_order(order)
        if order["state"] == "approved":
            order, _ = self["officer"].call("POST", f"/v1/orders/{order['id']}/carry-out", {})
        if order["state"] != "in_journal":
            raise RuntimeError(f"the order {order['id']} is {order['state']}")
        return order


desks = Desks()
for line in sys.stdin:
    asked = json.loads(line)
    try:
        reply = desks[asked["ask"]].ask() if "ask" in asked else desks.sign(asked)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reply = {"error": str(error)}
    print(json.dumps(reply), flush=True)
