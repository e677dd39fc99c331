"""An organisation's own history: served to those entitled, judged offline by kontor-audit; whatever is left out, altered or
taken from elsewhere is told."""
import base64
import re
import subprocess
import time

from harness import BUILD
from test_log import grow, newest, reader
from test_witness import soon

WORLD = {"more": ["--public-entries=no", "--checkpoint-ms=100", "--statement-ms=1000"]}


def path(world, org="brisa"):
    return f"/v1/grants/{world.grants[org]}/history-proof"


def history(world, who="brisa", org="brisa", entries=0):
    """The history, as soon as one can be proven."""
    end, grow_at, reply = time.monotonic() + 30, 0, None
    while time.monotonic() < end:
        reply = world.people[who].get(path(world, org))
        if reply.status == 200:
            return reply.body
        assert reply.status == 409 and reply.json["type"].endswith("too-early"), reply
        if reply.json["detail"].startswith("There is no statement") and time.monotonic() >= grow_at:
            world.accept("nordlys")  # only a journal that grows states its balances
            grow_at = time.monotonic() + 2
        time.sleep(0.1)
    raise AssertionError(f"no history can be proven: {reply.json}")


def judged(world, text, *options):
    file = world.server.data / "history"
    file.write_bytes(text)
    done = subprocess.run([str(BUILD / "kontor-audit"), "history", *options, str(file)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def blocks(text):
    """The lines before the first entry, then each entry with its path, and what stands between."""
    found = []
    for line in text.split(b"\n\n", 1)[0].split(b"\n"):
        if line.startswith((b"entry ", b"account ")) or not found:
            found.append([])
        found[-1].append(line)
    return found


def joined(some, text):
    return b"\n".join(line for block in some for line in block) + b"\n\n" + text.split(b"\n\n", 1)[1]


def holds_in(text):
    return [b for b in blocks(text) if b[0].startswith(b"entry ") and base64.b64decode(b[0].split(b" ")[2])[2:4] == b"\0\x08"]


def test_a_history_is_whole(world):
    world.accept()
    world.accept()
    # one can be proven as soon as the log has signed a statement: that may be before the second acceptance
    text = soon(lambda: (lambda text: text if len(holds_in(text)) == 2 else None)(history(world)), "both acceptances are in it")
    policy = world.server.data / "policy"
    policy.write_text(f"log {world.anybody.must('GET', '/v1/journal')['vkey']}\nquorum none\n")
    status, said = judged(world, text, f"--policy={policy}")
    assert status == 0 and "These are all" in said and world.organisations["brisa"] in said and "signed by its log" in said, said
    assert judged(world, history(world, "officer"))[0] == judged(world, history(world, "auditor"))[0] == 0
    assert world.people["nordlys"].get(path(world)).status == 404
    assert world.people["lumi"].get(path(world)).status == 403
    assert world.anybody.get(path(world)).status == 401


def test_what_is_left_out_is_told(world):
    text = history(world)
    some = blocks(text)
    assert joined(some, text) == text
    accounts = [i for i, b in enumerate(some) if b[0].startswith(b"account ")]
    assert len(accounts) == 1 and len(some) >= 5
    stated = int(re.search(r"statement of state (\d+)", judged(world, text)[1])[1])
    for i in range(len(some)):
        if some[i][0].startswith(b"entry ") and int(some[i][0].split()[1]) > stated:
            continue  # what came after the statement is whole only with the next one
        status, said = judged(world, joined(some[:i] + some[i + 1:], text))
        assert status == 1 and "FAULT" in said, (some[i][0], said)
    first = next(i for i in range(accounts[0] + 1, len(some)) if int(some[i][0].split()[1]) <= stated)
    status, said = judged(world, joined(some[:first] + some[first + 1:], text))
    assert status == 1 and ("some are left out" in said or "left out" in said), said


def test_what_is_altered_is_told(world):
    text = history(world)
    body = len(text.split(b"\n\n", 1)[0])
    policy = world.server.data / "policy"
    policy.write_text(f"log {world.anybody.must('GET', '/v1/journal')['vkey']}\nquorum none\n")
    step = max(1, body // 60)
    for at in [*range(0, body, step), *range(body + 2, len(text), 17)]:
        changed = bytearray(text)
        changed[at] ^= 1
        status, said = judged(world, bytes(changed), f"--policy={policy}")
        assert status == 1, (at, bytes(changed[max(0, at - 20):at + 20]), said)
    other = history(world, "nordlys", "nordlys") if world.people["nordlys"].get(path(world, "nordlys")).status == 200 else None
    if other:
        mixed = blocks(text)[:2] + blocks(other)[2:]
        assert judged(world, joined(mixed, other))[0] == 1
    assert judged(world, b"nothing")[0] == 1 and judged(world, b"")[0] == 1


def test_a_history_goes_on_after_the_statement(world):
    before = judged(world, history(world))[1]
    world.accept()
    size = world.anybody.must("GET", "/v1/journal")["size"]
    newest(world, reader(world), size)
    status, said = judged(world, history(world))
    assert status == 0 and said != before, said
