"""Seals of rows, written from store/seals.h and not from the C code: what a server with the same key would have written."""
import base64
import hashlib
import struct

SEAL_AT = {"head": 6, "checkpoint": 4, "evidence": 9, "reservation": 63}
KEYS = {"head": "one", "checkpoint": "size", "evidence": "order_id", "reservation": "id"}


def key_of(server):
    word = (server.data / "seal.key").read_text().split()
    assert word[:2] == ["kontor-key/v1", "rowseal"], word[:2]
    return base64.urlsafe_b64decode(word[2] + "=")


def seal(key, table, record):
    """Of a row as record_send() gives it."""
    (n,), at, fields = struct.unpack(">I", record[:4]), 4, []
    for _ in range(n):
        _, length = struct.unpack(">Ii", record[at:at + 8])
        end = at + 8 + max(length, 0)
        fields.append((record[at:end], length < 0))
        at = end
    assert at == len(record)
    del fields[SEAL_AT[table]]
    while fields and fields[-1][1]:
        fields.pop()
    row = b"".join(f for f, _ in fields)
    return hashlib.blake2b(b"kontor-row/v1\0" + table.encode() + b"\0" + row, key=key, digest_size=16).hexdigest()


def seals(server, table):
    """Of each row, by its key: the seal that it bears, and the one that it must bear."""
    key, found = key_of(server), {}
    for line in server.sql(f"SELECT {KEYS[table]}, encode(seal, 'hex'), encode(record_send(t), 'hex') FROM {table} t").split("\n"):
        if line:
            name, bears, record = line.split("|")
            found[name] = (bears, seal(key, table, bytes.fromhex(record)))
    return found


def move_head(server):
    """As if another server had led, while one runs."""
    for _ in range(100):
        batch, record = server.sql("SELECT batch, encode(record_send(h), 'hex') FROM (SELECT one, term, batch + 1 AS batch, size, root, time_ms, seal FROM head) h").split("|")
        new = seal(key_of(server), "head", bytes.fromhex(record))
        if server.sql(f"UPDATE head SET batch = batch + 1, seal = '\\x{new}' WHERE batch = {int(batch) - 1} RETURNING 1").startswith("1"):
            return
    raise AssertionError("the head moves faster than this")
