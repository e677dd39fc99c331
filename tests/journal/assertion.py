"""Orders signed by passkeys, checked a second time: written from schema/journal/assertion.md and nothing else, standard library only."""

import base64
import hashlib
import json
import re

from reader import ed25519_ok, sha256

P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B256 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G256 = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


class Bad(Exception):
    pass


def need(good, code):
    if not good:
        raise Bad(code)


# ---- signatures -----------------------------------------------------------------------------------------------------------


def _add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P256 == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P256) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P256)
    x = (slope * slope - a[0] - b[0]) % P256
    return x, (slope * (a[0] - x) - a[1]) % P256


def _times(k, point):
    out = None
    for bit in bin(k)[2:]:
        out = _add(out, out)
        out = _add(out, point) if bit == "1" else out
    return out


def _integers(signature):
    """Two INTEGERs in a SEQUENCE, DER: neither negative nor longer than it need be."""
    need(signature[:1] == b"\x30" and signature[1:2] == bytes([len(signature) - 2]), "passkey-signature")
    rest, out = signature[2:], []
    while rest:
        need(rest[0] == 2 and len(rest) > 2 and 0 < rest[1] <= len(rest) - 2, "passkey-signature")
        raw = rest[2:2 + rest[1]]
        need(raw[0] < 128 and (len(raw) == 1 or raw[0] > 0 or raw[1] >= 128), "passkey-signature")
        out.append(int.from_bytes(raw, "big"))
        rest = rest[2 + rest[1]:]
    need(len(out) == 2, "passkey-signature")
    return out


def es256_ok(x, y, message, signature):
    r, s = _integers(signature)
    if not (0 < r < N256 and 0 < s < N256):
        return False
    e, w = int.from_bytes(sha256(message), "big"), pow(s, -1, N256)
    point = _add(_times(e * w % N256, G256), _times(r * w % N256, (x, y)))
    return point is not None and point[0] % N256 == r


def rs256_ok(n, e, message, signature):
    """RFC 8017, 8.2.2: the padding is made, not read."""
    want = b"\0\1" + b"\xff" * 202 + b"\0" + bytes.fromhex("3031300d060960864801650304020105000420") + sha256(message)
    return len(signature) == 256 and pow(int.from_bytes(signature, "big"), e, n).to_bytes(256, "big") == want


# ---- the parts ------------------------------------------------------------------------------------------------------------

MOST = (253, 272, 2048, 4096, 512)
ES256, EDDSA, RS256 = bytes.fromhex("a5010203262001215820"), bytes.fromhex("a4010103272006215820"), bytes.fromhex("a401030339010020590100")


def parts(blob):
    title = b"kontor-assertion/v1\0"
    need(len(blob) <= 4096 and blob.startswith(title), "passkey-malformed")
    out, rest = [], blob[len(title):]
    for most in MOST:
        length = int.from_bytes(rest[:2], "big")
        need(0 < length <= most and len(rest) >= 2 + length, "passkey-malformed")
        out.append(rest[2:2 + length])
        rest = rest[2 + length:]
    need(not rest, "passkey-malformed")
    return out


def verifier(cose):
    """Of a COSE_Key in its one form: its bytes are compared with what they must be."""
    if len(cose) == 77 and cose.startswith(ES256) and cose[42:45] == b"\x22\x58\x20":
        x, y = int.from_bytes(cose[10:42], "big"), int.from_bytes(cose[45:], "big")
        need(max(x, y) < P256 and (y * y - x * x * x + 3 * x - B256) % P256 == 0, "passkey-algorithm")
        return lambda m, s: es256_ok(x, y, m, s)
    if len(cose) == 42 and cose.startswith(EDDSA):
        return lambda m, s: len(s) == 64 and ed25519_ok(cose[10:], m, s)
    if len(cose) == 272 and cose.startswith(RS256) and cose[267:] == b"\x21\x43\1\0\1":
        return lambda m, s: rs256_ok(int.from_bytes(cose[11:267], "big"), 65537, m, s)
    raise Bad("passkey-algorithm" if cose[:5] == ES256[:4] + b"\x38" else "passkey-malformed")


def page_is_of(site, origin):
    found = re.fullmatch(r"(https?)://([a-z0-9.-]+)(:[0-9]+)?", origin)
    if not found or (found[1] == "http" and not ("." + found[2]).endswith(".localhost")):
        return False
    return found[2] == site or (found[2].endswith("." + site) and len(found[2]) > len(site) + 1)


def members(pairs):
    """A name that stands twice is no name: readers differ in which they take."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def client_is_good(client, site, signed):
    try:
        said = json.loads(client.decode(), object_pairs_hook=members)
    except ValueError:
        raise Bad("passkey-malformed") from None
    need(isinstance(said, dict) and all(isinstance(said.get(name), str) for name in ("type", "challenge", "origin")), "passkey-malformed")
    need(said.get("crossOrigin") is None or isinstance(said["crossOrigin"], bool), "passkey-malformed")
    need(said["type"] == "webauthn.get", "passkey-type")
    need(said["challenge"] == base64.urlsafe_b64encode(sha256(signed)).rstrip(b"=").decode(), "passkey-challenge")
    need(not said.get("crossOrigin") and said.get("topOrigin") is None and page_is_of(site, said["origin"]), "passkey-origin")


def check(blob, key, signed):
    """What is wrong with it, by the server's name for it; "ok"."""
    try:
        site, cose, data, client, signature = parts(blob)
        need(re.fullmatch(rb"[a-z0-9-][a-z0-9.-]*", site) and not site.endswith(b"."), "passkey-malformed")
        need(hashlib.sha256(b"kontor-passkey/v1\0" + sha256(site) + cose).digest() == key, "order-key")
        verify = verifier(cose)
        client_is_good(client, site.decode(), signed)
        need(len(data) >= 37, "passkey-malformed")
        need(data[:32] == sha256(site), "passkey-site")
        need(data[32] & 1, "passkey-absent")
        need(data[32] & 4, "passkey-unverified")
        need(data[32] & 8 or not data[32] & 16, "passkey-backup")
        need(not data[32] & 64 and (len(data) > 37) == bool(data[32] & 128), "passkey-malformed")
        need(verify(data + sha256(client), signature), "passkey-signature")
    except Bad as wrong:
        return str(wrong)
    return "ok"
