"""A second verifier of the log, written from the specifications and nothing else: RFC 9162 2.1, C2SP signed-note,
tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-proof. Python's standard library only."""
import base64
import struct

from reader import ed25519_ok, leaf_hash, root, sha256

WIDTH = 256


class Bad(Exception):
    """What was read is not what the specification says."""


def need(condition, why):
    if not condition:
        raise Bad(why)


def decimal(text):
    need(text.isascii() and text.isdigit() and (text == "0" or text[0] != "0"), f"not a decimal: {text!r}")
    return int(text)


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Bad(f"not base64: {text!r}") from error
    need(base64.b64encode(data).decode() == text, "base64 is not canonical")
    return data


class Key:
    """A vkey: name+hex id+base64(type ‖ public key)."""

    def __init__(self, vkey):
        self.name, id_, material = vkey.split("+", 2)
        raw = unbase64(material)
        self.type, self.public = raw[0], raw[1:]
        self.id = bytes.fromhex(id_)
        need(self.type in (1, 4) and len(self.public) == 32, "a key of another kind")
        need(self.id == sha256(self.name.encode() + b"\n" + raw)[:4], "the key's id is not its hash")


class Note:
    def __init__(self, data):
        text = data.decode("utf-8")
        need(all(c == "\n" or ord(c) >= 0x20 for c in text), "a control character")
        cut = text.rfind("\n\n")
        need(cut > 0 and text.endswith("\n"), "no empty line before the signatures")
        self.text, self.lines = text[:cut + 1], []
        for line in text[cut + 2:].split("\n")[:-1]:
            dash, name, signature = line.split(" ")
            need(dash == "—" and name and "+" not in name, f"not a signature line: {line!r}")
            blob = unbase64(signature)
            need(len(blob) > 4, "a signature of nothing")
            self.lines.append((name, blob[:4], blob[4:]))
        need(self.lines, "no signature")

    def signed_by(self, key):
        """False: not at all. True (or a cosignature's time): it verifies. Bad: it does not."""
        found = False
        for name, id_, signature in self.lines:
            if (name, id_) != (key.name, key.id):
                continue
            message, found = self.text.encode(), True
            if key.type == 4:
                need(len(signature) == 72, "a cosignature of another length")
                found, = struct.unpack(">Q", signature[:8])
                message, signature = f"cosignature/v1\ntime {found}\n".encode() + message, signature[8:]
            need(len(signature) == 64 and ed25519_ok(key.public, message, signature), f"the signature of {key.name} does not verify")
        return found


class Checkpoint:
    def __init__(self, note):
        lines = note.text.split("\n")
        need(len(lines) >= 4 and all(lines[:-1]), "a checkpoint has three lines at least")
        self.origin, self.size, self.root = lines[0], decimal(lines[1]), unbase64(lines[2])
        need(len(self.root) == 32, "the root is no SHA-256")


def tile_path(level, n, width=WIDTH):
    parts, rest = [f"{n % 1000:03d}"], n // 1000
    while rest:
        parts, rest = [f"x{rest % 1000:03d}"] + parts, rest // 1000
    return f"/tile/{level}/{'/'.join(parts)}" + (f".p/{width}" if width < WIDTH else "")


class Log:
    """A log that is read by `get(path)` → bytes."""

    def __init__(self, get, vkey):
        self.get, self.key = get, Key(vkey)

    def checkpoint(self):
        note = Note(self.get("/checkpoint"))
        need(note.signed_by(self.key), "the log has not signed it")
        checkpoint = Checkpoint(note)
        need(checkpoint.origin == self.key.name, "another log's")
        return checkpoint

    def hashes(self, size, level=0):
        count, found = size >> 8 * level, []
        for n in range((count + WIDTH - 1) // WIDTH):
            width = min(WIDTH, count - n * WIDTH)
            tile = self.get(tile_path(level, n, width))
            need(len(tile) == 32 * width, "a tile of another length")
            found += [tile[i:i + 32] for i in range(0, len(tile), 32)]
        return found

    def entries(self, size):
        for n in range((size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, size - n * WIDTH)
            bundle, count = self.get(tile_path("entries", n, width)), 0
            while bundle:
                length, = struct.unpack(">H", bundle[:2])
                need(len(bundle) >= 2 + length, "a bundle is cut")
                yield bundle[2:2 + length]
                bundle, count = bundle[2 + length:], count + 1
            need(count == width, "a bundle of another width")

    def verify(self, checkpoint, entries=True):
        """Every tile of every level, and every entry, against the checkpoint's root. The leaves' hashes."""
        leaves = below = self.hashes(checkpoint.size)
        need(root(leaves) == checkpoint.root, "the tiles do not add up to the root")
        for level in range(1, 8):
            count = checkpoint.size >> 8 * level
            if count == 0:
                break
            mine = [root(below[i:i + WIDTH]) for i in range(0, count * WIDTH, WIDTH)]
            need(self.hashes(checkpoint.size, level) == mine, f"the tiles of level {level} are not made of those below")
            below = mine
        if entries:
            need([leaf_hash(e) for e in self.entries(checkpoint.size)] == leaves, "the entries are not the leaves")
        return leaves


def receipt_ok(text, vkey, leaf):
    """tlog-proof: does it show that this leaf is in a tree that the key has signed? Returns index and checkpoint."""
    head, _, note = text.partition(b"\n\n")
    lines = head.decode().split("\n")
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1", "not a proof of version 1")
    if lines[0].startswith("extra "):
        lines.pop(0)
    need(lines[0].startswith("index "), "no index")
    index, path = decimal(lines.pop(0)[6:]), [unbase64(line) for line in lines]
    note = Note(note)
    need(note.signed_by(Key(vkey)), "the log has not signed it")
    checkpoint = Checkpoint(note)
    need(index < checkpoint.size, "the index is beyond the tree")
    node, first, last = leaf, index, checkpoint.size - 1
    for step in path:
        need(last > 0, "the path is too long")
        if first % 2 or first == last:
            node = sha256(b"\1" + step + node)
            while first % 2 == 0 and first:
                first, last = first // 2, last // 2
        else:
            node = sha256(b"\1" + node + step)
        first, last = first // 2, last // 2
    need(last == 0 and node == checkpoint.root, "the path does not lead to the root")
    return index, checkpoint
