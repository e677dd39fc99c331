"""A server whose journal is whatever a test wants: entries given, changed, taken back, signed and shown to one witness. The
tree and the notes are those of tests/journal, written from the specifications."""
import base64
import hashlib
import json
import pathlib
import struct
import sys
import time

from fake_server import FakeServer, Key, Problem, verify

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journal"))

from reader import leaf_hash, root  # noqa: E402
from tlog import Key as VKey  # noqa: E402


def vkey(name, type_, public):
    raw = bytes([type_]) + public
    id_ = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{id_.hex()}+{base64.b64encode(raw).decode()}"


def consistency(leaves, old):
    """RFC 9162 2.1.4.1, by its own recursion."""
    def subproof(m, part, whole):
        n = len(part)
        if m == n:
            return [] if whole else [root(part)]
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            return subproof(m, part[:k], whole) + [root(part[k:])]
        return subproof(m - k, part[k:], False) + [root(part[:k])]
    return subproof(old, leaves, True) if 0 < old < len(leaves) else []


class FakeLog(FakeServer):
    def __init__(self, entries=(), **more):
        self.log_key = Key()
        self.entries = list(entries) or [b"entry %d" % i for i in range(5)]
        self.shown = None        # (size, note) that witnesses get
        self.keys = {}           # role → vkey
        self.cosigned = []       # (role, size, time)
        self.refusals = []
        self.bad_proofs = False
        self.on_cosignature = None
        super().__init__(**more)
        if entries:
            self.genesis = hashlib.sha256(self.entries[0]).digest()

    def vkey(self):
        return vkey(self.ORIGIN, 1, self.log_key.public.raw)

    def note(self, size, entries=None, key=None, origin=None):
        leaves = [leaf_hash(e) for e in (entries or self.entries)[:size]]
        text = f"{origin or self.ORIGIN}\n{size}\n{base64.b64encode(root(leaves)).decode()}\n"
        key = key or self.log_key
        id_ = bytes.fromhex(vkey(origin or self.ORIGIN, 1, key.public.raw).split("+", 2)[1])
        return f"{text}\n— {origin or self.ORIGIN} {base64.b64encode(id_ + key.sign(text.encode())).decode()}\n"

    def show(self, size, **more):
        """From now on witnesses are shown this checkpoint."""
        with self.lock:
            self.entries = more.get("entries") or self.entries
            self.shown = size, self.note(size, **more)
            self.lock.notify_all()

    def route(self, h, path, body):
        ours = path.rsplit("/", 1)[1] in ("entries", "witness", "checkpoint", "cosignatures", "refusals")
        if not ours:
            return super().route(h, path, body)
        claims = self.authenticate(h)
        if int(h.headers.get("Kontor-Instance", 0)) != self.instance or claims["ins"] != self.instance:
            raise Problem(409, "superseded")
        query = dict(p.split("=") for p in h.path.partition("?")[2].split("&") if p)
        if path.endswith("/entries"):
            return 200, self.bundle(int(query["bundle"]), int(query["width"]))
        if path.endswith("/checkpoint"):
            return self.checkpoint(query)
        take = {"witness": self.witness, "cosignatures": self.cosignatures, "refusals": self.refused}
        return take[path.rsplit("/", 1)[1]](body)

    def witness(self, data):
        for role in ("witness", "attest"):
            key = VKey(data[role]["vkey"])
            said = b"kontor-witness/v1\0" + self.genesis + data[role]["vkey"].encode()
            if key.name != f"{self.ORIGIN}/{role}/{self.SITE}" or not verify(key.public, said, base64.b64decode(data[role]["proof"])):
                raise Problem(403, "signature")
            self.keys[role] = data[role]["vkey"]
        return 200, {"log": self.vkey()}

    def checkpoint(self, query):
        end, after, mine = time.monotonic() + int(query["wait"]), int(query["after"]), self.instance
        with self.lock:
            while time.monotonic() < end and not self.stopping and self.instance == mine:
                if self.shown and (self.shown[0] != after or base64.b64encode(bytes.fromhex(query.get("root", ""))).decode() not in self.shown[1]):
                    proof = consistency([leaf_hash(e) for e in self.entries[:self.shown[0]]], after)
                    proof = [bytes(32)] * len(proof) if self.bad_proofs else proof
                    return 200, {"checkpoint": self.shown[1], "old": after, "proof": [base64.b64encode(p).decode() for p in proof]}
                self.lock.wait(min(0.2, max(0.01, end - time.monotonic())))
            return 200, {"checkpoint": None}

    def cosignatures(self, data):
        with self.lock:
            name, blob = data["line"].removeprefix("— ").rstrip("\n").split(" ")
            blob, key = base64.b64decode(blob), VKey(self.keys[data["role"]])
            when, = struct.unpack(">Q", blob[4:12])
            text = self.shown[1].split("\n\n")[0] + "\n"
            if int(text.split("\n")[1]) != data["size"]:
                raise Problem(404, "not-found")
            if (name, blob[:4]) != (key.name, key.id) or not verify(key.public, f"cosignature/v1\ntime {when}\n{text}".encode(), blob[12:]):
                self.broken.append(f"a cosignature of {data['size']} does not verify")
                raise Problem(403, "signature")
            if self.on_cosignature:
                self.on_cosignature(data)
            self.cosigned.append((data["role"], data["size"], when))
            self.lock.notify_all()
            return 200, {}

    def refused(self, data):
        with self.lock:
            self.refusals.append(data)
            self.lock.notify_all()
            return 200, {}

    def bundle(self, n, width):
        part = self.entries[n * 256:n * 256 + width]
        if len(part) != width:
            raise Problem(404, "not-found")
        return b"".join(struct.pack(">H", len(e)) + e for e in part)
