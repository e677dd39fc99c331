"""HPKE (RFC 9180) in mode base with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, written down plainly, and what Kontor
seals with it (docs/site-protocol.md): for machines that have Python and nothing else. Slow, and not in constant time."""
import base64
import hashlib
import hmac
import os
import uuid

from curves import x25519, x25519_public

KEM, SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"


# ---- AES-256 (FIPS 197), one direction, and GCM (SP 800-38D) ----

def _double(b):
    return b << 1 ^ (0x11b if b & 0x80 else 0)


def _boxes():
    log, power = [0] * 256, []
    value = 1
    for i in range(255):
        power.append(value)
        log[value] = i
        value ^= _double(value)
    box = []
    for b in range(256):
        inverse = power[-log[b] % 255] if b else 0
        box.append(inverse ^ 0x63)
        for turn in range(1, 5):
            box[b] ^= (inverse << turn | inverse >> 8 - turn) & 0xff
    return box


BOX = _boxes()


def _schedule(key):
    words, rcon = [list(key[i:i + 4]) for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        word = list(words[-1])
        if i % 8 == 0:
            word = [BOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = _double(rcon)
        elif i % 8 == 4:
            word = [BOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[-8], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 60, 4)]


def aes(rounds, block):
    state = [a ^ b for a, b in zip(block, rounds[0])]
    for n, key in enumerate(rounds[1:], 1):
        state = [BOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if n < 14:
            mixed = []
            for c in range(0, 16, 4):
                column, every = state[c:c + 4], state[c] ^ state[c + 1] ^ state[c + 2] ^ state[c + 3]
                mixed += [b ^ every ^ _double(b ^ column[(i + 1) % 4]) for i, b in enumerate(column)]
            state = mixed
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def _ghash(h, data):
    h, y = int.from_bytes(h, "big"), 0
    for i in range(0, len(data), 16):
        y ^= int.from_bytes(data[i:i + 16], "big")
        z, v = 0, h
        for bit in range(127, -1, -1):
            if y >> bit & 1:
                z ^= v
            v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
        y = z
    return y.to_bytes(16, "big")


def _gcm(key, nonce, data):
    """The data with the key stream, and a function for the tag."""
    rounds = _schedule(key)
    out = bytearray()
    for i in range(0, len(data), 16):
        out += bytes(a ^ b for a, b in zip(data[i:i + 16], aes(rounds, nonce + (i // 16 + 2).to_bytes(4, "big"))))

    def tag(aad, sealed):
        def padded(b):
            return b + bytes(-len(b) % 16)
        lengths = (len(aad) * 8).to_bytes(8, "big") + (len(sealed) * 8).to_bytes(8, "big")
        summed = _ghash(aes(rounds, bytes(16)), padded(aad) + padded(sealed) + lengths)
        return bytes(a ^ b for a, b in zip(summed, aes(rounds, nonce + b"\0\0\0\1")))
    return bytes(out), tag


# ---- HPKE ----

def _extract(suite, salt, label, ikm):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def _expand(suite, prk, label, info, length):
    return hmac.new(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1", hashlib.sha256).digest()[:length]


def _schedule_of(dh, enc, to, info):
    shared = _expand(KEM, _extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + to, 32)
    context = b"\0" + _extract(SUITE, b"", b"psk_id_hash", b"") + _extract(SUITE, b"", b"info_hash", info)
    secret = _extract(SUITE, shared, b"secret", b"")
    return _expand(SUITE, secret, b"key", context, 32), _expand(SUITE, secret, b"base_nonce", context, 12)


def seal(to, info, aad, text, once=None):
    """(enc, ciphertext)"""
    once = once or os.urandom(32)
    enc = x25519_public(once)
    key, nonce = _schedule_of(x25519(once, to), enc, to, info)
    sealed, tag = _gcm(key, nonce, text)
    return enc, sealed + tag(aad, sealed)


def open_(secret, enc, info, aad, sealed):
    """What was sealed; ValueError if it is not for this key, info and aad, or was changed."""
    key, nonce = _schedule_of(x25519(secret, enc), enc, x25519_public(secret), info)
    text, tag = _gcm(key, nonce, sealed[:-16])
    if len(sealed) < 16 or not hmac.compare_digest(tag(aad, sealed[:-16]), sealed[-16:]):
        raise ValueError("it does not open")
    return text


# ---- Kontor's ----

def key_id(public):
    return hashlib.sha256(public).hexdigest()


def info_of(organisation, request, workload, name):
    return b"kontor-secret/v1\0" + uuid.UUID(organisation).bytes + uuid.UUID(request).bytes + bytes.fromhex(workload) + name.encode()


def seal_statement(genesis, site_index, public):
    return b"kontor-seal/v1\0" + bytes.fromhex(genesis) + site_index.to_bytes(8, "big") + public


def seal_secrets(public, organisation, request, workload, values):
    """As the body of an acceptance has it."""
    sealed = []
    for name, value in values.items():
        value = value if isinstance(value, bytes) else value.encode()
        enc, text = seal(public, info_of(organisation, request, workload, name), b"", value + bytes(-len(value) % 64 or (0 if value else 64)))
        sealed.append({"name": name, "enc": base64.b64encode(enc).decode(), "ciphertext": base64.b64encode(text).decode()})
    return {"key": key_id(public), "sealed": sealed}


def open_secrets(secret, organisation, request, workload, bundle):
    assert bundle["key"] == key_id(x25519_public(secret))
    return {s["name"]: open_(secret, base64.b64decode(s["enc"]), info_of(organisation, request, workload, s["name"]), b"", base64.b64decode(s["ciphertext"])).rstrip(b"\0")
            for s in bundle["sealed"]}
