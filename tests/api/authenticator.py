"""tests/api/authenticator.py: an authenticator and the browser before it (W3C Web Authentication), written down plainly: ES256
and EdDSA, standard library only. Its keys are made from a name, so nothing here is random. What it says can be made wrong."""
import base64
import hashlib
import hmac
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "agent"))

from curves import ed25519_public, ed25519_sign  # noqa: E402

# P-256
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
PRESENT, VERIFIED, MAY_BACK_UP, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64


def added(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    out = None
    while k:
        if k & 1:
            out = added(out, point)
        point, k = added(point, point), k >> 1
    return out


def der(*numbers):
    body = b""
    for n in numbers:
        raw = n.to_bytes(n.bit_length() // 8 + 1, "big")
        body += bytes([2, len(raw)]) + raw
    return bytes([0x30, len(body)]) + body


def es256_sign(secret, message):
    """The nonce from secret and message: enough for a test."""
    digest = hashlib.sha256(message).digest()
    k = int.from_bytes(hmac.new(secret.to_bytes(32, "big"), digest, "sha256").digest(), "big") % N
    r = times(k, G)[0] % N
    return der(r, pow(k, -1, N) * (int.from_bytes(digest, "big") + r * secret) % N)


def cbor(value):
    def head(major, n):
        return bytes([major << 5 | n]) if n < 24 else bytes([major << 5 | 24, n]) if n < 256 else bytes([major << 5 | 25]) + n.to_bytes(2, "big")
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def b64(data):
    return base64.b64encode(data).decode()


def raw(text):
    return base64.b64decode(text, validate=True)


class Passkey:
    def __init__(self, name, alg="ES256", flags=PRESENT | VERIFIED, count=0, origin=None, site="localhost"):
        seed = hashlib.sha256(name.encode()).digest()
        self.id, self.handle, self.alg, self.flags, self.count, self.origin, self.site = hashlib.sha256(seed).digest()[:20], None, alg, flags, count, origin, site
        if alg == "ES256":
            secret = int.from_bytes(seed, "big") % N
            x, y = (n.to_bytes(32, "big") for n in times(secret, G))
            self.cose, self.sign = {1: 2, 3: -7, -1: 1, -2: x, -3: y}, lambda message: es256_sign(secret, message)
        else:
            self.cose, self.sign = {1: 1, 3: -8, -1: 6, -2: ed25519_public(seed)}, lambda message: ed25519_sign(seed, message)

    def client(self, kind, challenge, **wrong):
        said = {"type": wrong.get("type", kind), "challenge": base64.urlsafe_b64encode(wrong.get("answers", raw(challenge))).rstrip(b"=").decode(),
                "origin": wrong.get("origin", self.origin), "crossOrigin": wrong.get("cross", False)}
        return json.dumps(said, separators=(",", ":")).encode()

    def data(self, extra_flags=0, tail=b"", **wrong):
        flags = wrong.get("flags", self.flags) | extra_flags
        return hashlib.sha256(wrong.get("site", self.site).encode()).digest() + bytes([flags]) + wrong.get("count", self.count).to_bytes(4, "big") + tail

    def made(self, wish, name="key", **wrong):
        """navigator.credentials.create(), as this server wants to hear of it."""
        self.handle = raw(wish["user"]["handle"])
        key = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor(wrong.get("cose", self.cose))
        data = self.data(ATTESTED, key, **wrong) + wrong.get("behind", b"")
        return {"question": wish["question"], "client": b64(self.client("webauthn.create", wish["challenge"], **wrong)), "name": name,
                "object": b64(cbor({"fmt": wrong.get("fmt", "none"), "attStmt": {}, "authData": data}))}

    def used(self, question, **wrong):
        """navigator.credentials.get()."""
        asked = hashlib.sha256(b"kontor-question/v1\0" + raw(question["challenge"])).digest()
        client, data = self.client("webauthn.get", b64(asked), **wrong), self.data(**wrong)
        return {"question": question["question"], "credential": b64(wrong.get("id", self.id)), "client": b64(client), "data": b64(data),
                "signature": b64(wrong.get("signature", self.sign(data + hashlib.sha256(client).digest()))), "handle": b64(wrong.get("handle", self.handle or bytes(32)))}
