"""The golden vectors, read a second time. Prints one line of TAP a check."""

import json
import os
import sys

import assertion
import reader

folder = os.path.join(sys.argv[1], "schema", "journal")
layout = reader.Layout(os.path.join(folder, "layout.md"))
vectors = json.load(open(os.path.join(folder, "vectors.json"), encoding="utf-8"))
books = reader.Books(layout)
failed = 0


def check(name, good):
    global failed
    failed += not good
    print(("ok " if good else "not ok ") + name)


def as_text(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return b"".join(bytes([c]) + k.to_bytes(8, "big") + s for c, k, s in value).hex()
    return str(value)


wrong = []
for i, vector in enumerate(vectors["entries"]):
    data = bytes.fromhex(vector["hex"])
    try:
        entry = books.apply(data)
        fields = {name: as_text(value) for name, value in entry.items() if name != "KIND"}
        signed = layout.signed_bytes(entry, data, books.genesis_hash)
        has_signer = signed is not None and entry["authority"][0][0] != 0
        if (entry["KIND"] != vector["kind"] or fields != vector["fields"]
                or books.hashes[-1].hex() != vector["leaf_hash"]
                or (reader.sha256(signed).hex() if has_signer else "") != vector["signed_sha256"]):
            wrong.append(f"{i} {vector['kind']}")
    except (ValueError, KeyError) as error:
        wrong.append(f"{i} {vector['kind']}: {error}")
        break
check(f"{len(vectors['entries'])} golden vectors decode to their fields, hashes and signatures" + (f": {wrong}" if wrong else ""), not wrong)
check("all 20 kinds are among them", {v["kind"] for v in vectors["entries"]} == set(layout.names.values()) and len(layout.names) == 20)
check("their root is the log's", reader.root(books.hashes).hex() == vectors["root"])
check("the hash of entry 0 is the journal's name", books.genesis_hash.hex() == vectors["genesis_sha256"])
check("credits are conserved", books.conserved())
flipped = bytearray.fromhex(vectors["entries"][6]["hex"])
flipped[100] ^= 1
check("a changed byte changes the leaf", reader.leaf_hash(bytes(flipped)).hex() != vectors["entries"][6]["leaf_hash"])
passkeys = json.load(open(os.path.join(folder, "assertion.json"), encoding="utf-8"))["vectors"]
wrong = [(v["name"], said) for v in passkeys
         if (said := assertion.check(bytes.fromhex(v["assertion"]), bytes.fromhex(v["key"]), bytes.fromhex(v["signed"]))) != v["says"]]
check(f"{len(passkeys)} orders signed by passkeys, and what is none, are what they are said to be" + (f": {wrong}" if wrong else ""), len(passkeys) > 40 and not wrong)
sys.exit(failed > 0)
