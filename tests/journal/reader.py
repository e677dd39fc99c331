"""A second reader of the journal, written from schema/journal/layout.md and nothing else: Python's standard library only.

It takes the layout from the document's own tables, decodes and encodes entries, hashes the log, checks Ed25519 signatures
(RFC 8032, in plain integers), and adds up balances."""

import hashlib
import re
import struct

NONE = 2**64 - 1
MONEY = {"FUND", "TRANCHE", "GRANT", "CLAWBACK", "LAPSE", "HOLD", "SETTLE", "VOID", "EXPIRE", "RESOLVE", "CORRECT"}
NUMBERS = {"u8": ">B", "u16": ">H", "u32": ">I", "u64": ">Q", "i32": ">i", "i64": ">q"}


def sha256(data):
    return hashlib.sha256(data).digest()


class Layout:
    """The tables of layout.md: kind → [(offset, width, type, name)]."""

    def __init__(self, path):
        self.header, self.kinds, self.names = [], {}, {}
        table = None
        for line in open(path, encoding="utf-8"):
            title = re.match(r"## (Header|(\d+) ([A-Z]+)) \(", line)
            row = re.match(r"\| (\d+) \| (\d+) \| (\w+) \| (\w+) \|", line)
            if title and title[1] == "Header":
                table = self.header
            elif title:
                table = self.kinds.setdefault(title[3], [])
                self.names[int(title[2])] = title[3]
            elif row and table is not None:
                table.append((int(row[1]), int(row[2]), row[3], row[4]))

    def length(self, kind):
        offset, width, _, _ = self.kinds[kind][-1]
        return offset + width

    def decode(self, data):
        """The fields of an entry, by name; ValueError where it breaks the layout."""
        if len(data) < 72:
            raise ValueError("shorter than a header")
        kind = self.names.get(struct.unpack(">H", data[2:4])[0])
        if kind is None or len(data) != self.length(kind):
            raise ValueError("unknown kind or wrong length")
        entry = {"KIND": kind}
        for offset, width, type_, name in self.header + self.kinds[kind]:
            raw = data[offset:offset + width]
            if type_ in NUMBERS:
                entry[name] = struct.unpack(NUMBERS[type_], raw)[0]
            elif type_ == "text":
                text = raw.rstrip(b"\0")
                if b"\0" in text or (len(text) == width and width != 2):
                    raise ValueError(f"{name}: not padded with zeros")
                entry[name] = text.decode("utf-8")
            elif type_ == "zero":
                if any(raw):
                    raise ValueError("reserved bytes are set")
            elif type_ == "authority":
                entry[name] = [(raw[i], struct.unpack(">Q", raw[i + 1:i + 9])[0], raw[i + 9:i + 73]) for i in (0, 73)]
            else:
                entry[name] = raw
        if entry["version"] != 1:
            raise ValueError("not version 1")
        return entry

    def encode(self, entry):
        out = bytearray()
        for offset, width, type_, name in self.header + self.kinds[entry["KIND"]]:
            assert offset == len(out), "the document's offsets have a gap"
            value = entry.get(name)
            if type_ in NUMBERS:
                out += struct.pack(NUMBERS[type_], value)
            elif type_ == "text":
                out += value.encode("utf-8").ljust(width, b"\0")
            elif type_ == "zero":
                out += bytes(width)
            elif type_ == "authority":
                for class_, key, signature in value:
                    out += struct.pack(">BQ", class_, key) + signature
            else:
                out += value
        return bytes(out)

    def signed_bytes(self, entry, data, genesis_hash):
        """What the entry's signers sign, or None if it has no authority block."""
        table = self.kinds[entry["KIND"]]
        if table[-1][2] != "authority":
            return None
        if entry["KIND"] == "SETTLE" or entry.get("report_kind", 0) != 0:
            at = next(offset for offset, _, _, name in table if name == "report_site")
            return b"kontor-report/v1\0" + genesis_hash + data[at:at + 88]
        return b"kontor-order/v1\0" + genesis_hash + data[2:4] + data[32:56] + data[72:-146]


# ---- the log -----------------------------------------------------------------------------------------------------


def leaf_hash(data):
    return sha256(b"\0" + data)


def root(hashes):
    """RFC 9162 2.1.1, by its recursive definition."""
    n = len(hashes)
    if n == 0:
        return sha256(b"")
    if n == 1:
        return hashes[0]
    k = 1 << (n - 1).bit_length() - 1
    return sha256(b"\1" + root(hashes[:k]) + root(hashes[k:]))


# ---- Ed25519 (RFC 8032, 6) -----------------------------------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def _add(a, b):
    x = (a[1] - a[0]) * (b[1] - b[0]) % P
    y = (a[1] + a[0]) * (b[1] + b[0]) % P
    z = 2 * a[3] * b[3] * D % P
    t = 2 * a[2] * b[2] % P
    e, f, g, h = y - x, t - z, t + z, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(s, point):
    result = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            result = _add(result, point)
        point = _add(point, point)
        s >>= 1
    return result


def _same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _x_of(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - x2) % P != 0 or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _x_of(_BASE_Y, 0)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def ed25519_ok(public, message, signature):
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    return _same(_times(s, BASE), _add(r, _times(h, a)))


# ---- the books ---------------------------------------------------------------------------------------------------


class Books:
    """Adds up what entries move, and says what does not add up. Not the whole rule book: the sums, the links, the
    signatures."""

    def __init__(self, layout, check_signatures=True):
        self.layout, self.check_signatures = layout, check_signatures
        self.accounts, self.holds, self.keys, self.hashes = {}, {}, {}, []
        self.genesis_hash = None

    def _account(self, entry, side):
        account = self.accounts[entry[side]]
        if entry["prev_" + side] != account["last"]:
            raise ValueError(f"the link to the {side} account's entry before is wrong")
        account["last"] = entry["index"]
        return account

    def apply(self, data):
        entry = self.layout.decode(data)
        if self.layout.encode(entry) != data:
            raise ValueError("does not encode to its own bytes")
        if entry["index"] != len(self.hashes):
            raise ValueError("index has a gap")
        kind = entry["KIND"]
        if kind == "GENESIS":
            self.genesis_hash = sha256(data)
            self.keys[0] = entry["server_key"]
        elif kind == "KEY":
            self.keys.setdefault(entry["index"], entry["ed25519"])  # a new key of the log signs its own KEY
        signed = self.layout.signed_bytes(entry, data, self.genesis_hash)
        if signed is not None and self.check_signatures:
            for class_, key, signature in entry["authority"]:
                if class_ in (1, 3) and not ed25519_ok(self.keys[key], signed, signature):
                    raise ValueError("a signature does not verify")
        if kind == "OPEN":
            self.accounts[entry["index"]] = {"class": entry["class"], "dr": 0, "cr": 0, "hdr": 0, "hcr": 0, "last": entry["index"]}
        elif kind == "CLOSE":
            self._account(entry, "debit")
        elif kind in MONEY:
            self._money(kind, entry, self._account(entry, "debit"), self._account(entry, "credit"))
        self.hashes.append(leaf_hash(data))
        return entry

    def _release(self, hold, amount, debit, credit):
        hold["left"] -= amount
        debit["hdr"] -= amount
        credit["hcr"] -= amount
        if hold["left"] < 0:
            raise ValueError("more is taken from a hold than it has")

    def _money(self, kind, entry, debit, credit):
        amount = entry["amount"]
        if kind == "HOLD":
            self.holds[entry["index"]] = {"left": amount}
            debit["hdr"] += amount
            credit["hcr"] += amount
        elif kind in ("VOID", "EXPIRE"):
            self._release(self.holds[entry["hold"]], amount, debit, credit)
        else:
            debit["dr"] += amount
            credit["cr"] += amount
            from_hold = kind == "SETTLE" or kind == "RESOLVE" and debit["class"] == 5
            if from_hold:
                hold = self.holds[entry["hold"]]
                self._release(hold, amount, debit, credit)
                if kind == "RESOLVE" or entry["final"]:
                    self._release(hold, hold["left"], debit, credit)
        if debit["class"] != 1 and debit["dr"] + debit["hdr"] > debit["cr"]:
            raise ValueError("an account other than mint is negative")

    def conserved(self):
        mint = sum(a["dr"] - a["cr"] for a in self.accounts.values() if a["class"] == 1)
        others = sum(a["cr"] - a["dr"] for a in self.accounts.values() if a["class"] != 1)
        left = sum(h["left"] for h in self.holds.values())
        return (mint == others and left == sum(a["hdr"] for a in self.accounts.values())
                and left == sum(a["hcr"] for a in self.accounts.values()))
