"""Hostile HTTP against a real kontord: forms that two parsers read in two ways, floods of bytes, slow clients, clients that
never read, thousands that say nothing. What is refused is refused at once, nothing after it is ever answered, and honest
clients are served all the while."""
import os
import resource
import subprocess
import sys
import threading
import time

from wire import LONG, dial, read_all, replies, say

WORLD = {"more": ["--connections=1200", "--threads=2"]}
H = b"Host: kontor\r\n"
MARK = b"GET /errors/conflict HTTP/1.1\r\n" + H + b"\r\n"  # a request that must never be answered
POST = b"POST /v1/session HTTP/1.1\r\n" + H + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def memory_kb(world):
    with open(f"/proc/{world.server.process.pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def honest(world, n=5):
    """Calls of somebody honest, on connections of their own; the slowest, in seconds."""
    slowest = 0
    for _ in range(n):
        begun = time.monotonic()
        got, _ = say(world.server.port, b"GET /v1/sites HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n", 20)
        assert [g[0] for g in got] == [200], got
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


# why, bytes, allowed statuses of the first reply (None: hung up on without a word). The mark after them is never answered.
REFUSED = [
    ("length and chunked", POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked and length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("two lengths", POST + b"Content-Length: 0\r\nContent-Length: 50\r\n\r\n"),
    ("two equal lengths", POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    ("a list of lengths", POST + b"Content-Length: 2, 2\r\n\r\n{}"),
    ("a length with a plus", POST + b"Content-Length: +2\r\n\r\n{}"),
    ("a length in hex", POST + b"Content-Length: 0x2\r\n\r\n{}"),
    ("a length with a space in it", POST + b"Content-Length: 1 2\r\n\r\n{}"),
    ("two encodings", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("an encoding with a tab", POST + b"Transfer-Encoding: \tchunked, identity\r\n\r\n0\r\n\r\n"),
    ("an encoding with a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("an encoding in quotes", POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    ("chunked twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("space before the colon", POST + b"Content-Length : 2\r\n\r\n{}"),
    ("space before chunked's colon", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("a folded header", POST + b"X: a\r\n Content-Length: 50\r\nContent-Length: 0\r\n\r\n"),
    ("a folded encoding", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("bare line feeds", POST.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n"),
    ("a bare line feed before the body", POST + b"Content-Length: 0\r\n\n"),
    ("a bare carriage return", POST + b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
    ("NUL in a value", POST + b"X: a\0b\r\nContent-Length: 0\r\n\r\n"),
    ("NUL in a name", POST + b"X\0Y: a\r\nContent-Length: 0\r\n\r\n"),
    ("a name with a newline's ghost", POST + b"X\x85Y: a\r\nContent-Length: 0\r\n\r\n"),
    ("a body of a GET", b"GET /v1/sites HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % len(MARK)),
    ("a chunked body of a GET", b"GET /v1/sites HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("absolute form", b"GET http://kontor/v1/sites HTTP/1.1\r\n" + H + b"\r\n"),
    ("absolute form of elsewhere", b"GET http://evil.example/v1/sites HTTP/1.1\r\n" + H + b"\r\n"),
    ("no host", b"GET /v1/sites HTTP/1.1\r\n\r\n"),
    ("two hosts", b"GET /v1/sites HTTP/1.1\r\n" + H + H + b"\r\n"),
    ("HTTP/0.9", b"GET /v1/sites\r\n\r\n"),
    ("HTTP/0.9 bare", b"GET /v1/sites\n"),
    ("HTTP/1.2", b"GET /v1/sites HTTP/1.2\r\n" + H + b"\r\n"),
    ("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("chunked in HTTP/1.0", POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200))),
    ("nonsense", b"\xff\xfe\xfd\r\n\r\n"),
    ("an asterisk", b"GET * HTTP/1.1\r\n" + H + b"\r\n"),
    ("a space in the path", b"GET /v1 /sites HTTP/1.1\r\n" + H + b"\r\n"),
    ("a chunk's size that is none", CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    ("a negative chunk", CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    ("a chunk in 0x", CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    ("a chunk with a sign", CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n"),
    ("a chunk beyond numbers", CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    ("a chunk that wraps", CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    ("an empty size", CHUNKED + b"\r\n{}\r\n0\r\n\r\n"),
    ("a chunk longer than said", CHUNKED + b"2\r\n{}{}\r\n0\r\n\r\n"),
    ("a space before a size", CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n"),
]
METHODS = [b"TRACE / HTTP/1.1\r\n" + H + b"\r\n", b"CONNECT evil.example:80 HTTP/1.1\r\n" + H + b"\r\n", b"TRACK / HTTP/1.1\r\n" + H + b"\r\n"]


def test_forms_that_can_be_read_in_two_ways(world):
    wrong = []
    for why, raw in REFUSED:
        got, closed = say(world.server.port, raw + MARK)
        if any(b"conflict" in body for _, _, body in got):
            wrong.append(f"{why}: the request behind it was answered: {got}")
        elif len([g for g in got if g[0] != 100]) > 1 or any(g[0] < 400 and g[0] != 100 for g in got) or not closed:
            wrong.append(f"{why}: {closed} {got}")
    for raw in METHODS:
        got, closed = say(world.server.port, raw)
        if not got or got[0][0] not in (400, 405) or not closed:
            wrong.append(f"{raw}: {closed} {got}")
    assert not wrong, "\n".join(wrong)
    return f"{len(REFUSED) + len(METHODS)} forms"


def test_forms_that_are_allowed(world):
    """Chunk extensions, trailers, sizes in capitals, pipelines: read as RFC 9112 says, and trailers are no headers."""
    body = b'{"email":"a@b.example","password":"x"}'
    one = b"%X;name=value;q=\"a b\"\r\n%s\r\n0\r\n" % (len(body), body)
    trailer = b"Cookie: kontor=" + b"A" * 43 + b"\r\nContent-Length: 50\r\nTransfer-Encoding: gzip\r\n"
    for raw in (CHUNKED + one + b"\r\n", CHUNKED + one + trailer + b"\r\n"):
        got, _ = say(world.server.port, raw + MARK[:-2] + b"Connection: close\r\n\r\n")
        assert [g[0] for g in got] == [401, 200] and b"conflict" in got[1][2], got
    pipeline = b"".join(b"GET /errors/%s HTTP/1.1\r\n" % word + H + b"\r\n" for word in (b"csrf", b"state", b"not-found") * 20)
    got, _ = say(world.server.port, pipeline + b"GET /v1/sites HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
    assert [g[0] for g in got] == [200] * 61
    for i, word in enumerate((b"csrf", b"state", b"not-found") * 20):
        assert word in got[i][2], i
    got, _ = say(world.server.port, POST + b"Expect: 100-continue\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
    assert [g[0] for g in got] == [100, 401], got


def flood(world, head, piece, total, timeout=20):
    """Send up to so many bytes: how many were taken before the server had enough, and what it said."""
    s, sent, said = dial(world.server.port, timeout=timeout), 0, b""
    try:
        s.sendall(head)
        while sent < total:
            sent += s.send(piece[:total - sent])
            s.setblocking(False)
            try:
                said += s.recv(65536)
                if said and sent > 4 << 20:
                    break
            except OSError:
                pass
            s.settimeout(timeout)
    except OSError:
        pass
    more, _ = read_all(s, timeout)
    s.close()
    return sent, replies(said + more)


def test_ten_and_a_hundred_megabytes(world):
    before = memory_kb(world)
    line = b"X-Filler: " + b"a" * 4000 + b"\r\n"
    sent, got = flood(world, b"GET /v1/sites HTTP/1.1\r\n" + H, line * 16, 10 << 20)
    assert sent < 8 << 20 and not [g for g in got if g[0] < 400], (sent, got)
    sent, got = flood(world, b"GET /", b"a" * 65536, 10 << 20)
    assert sent < 8 << 20 and not [g for g in got if g[0] < 400], (sent, got)
    sent, got = flood(world, POST + b"Content-Length: 104857600\r\n\r\n", b"x" * 65536, 100 << 20)
    assert sent < 16 << 20 and all(g[0] == 413 for g in got), (sent, got)
    sent, got = flood(world, CHUNKED, (b"10000\r\n" + b"x" * 65536 + b"\r\n"), 100 << 20)
    assert sent < 16 << 20 and all(g[0] == 413 for g in got), (sent, got)
    sent, got = flood(world, CHUNKED, b"6400000\r\n" + b"x" * 65536, 100 << 20)
    assert sent < 16 << 20 and all(g[0] == 413 for g in got), (sent, got)
    got, _ = say(world.server.port, POST + b"Expect: 100-continue\r\nContent-Length: 104857600\r\n\r\n")
    assert [g[0] for g in got] == [413], f"told at once, before a byte of it: {got}"
    floods = [threading.Thread(target=flood, args=(world, POST + b"Content-Length: 1048576\r\n\r\n", b"x" * 65536, 1048575, 2)) for _ in range(40)]
    for one in floods:
        one.start()
    slowest = honest(world)
    for one in floods:
        one.join()
    assert slowest < 15, slowest
    grown = memory_kb(world) - before
    assert grown < 200 << 10, f"{grown} kB more"
    return f"{grown >> 10} MB more"


def test_half_sent_bodies_and_early_leavers(world):
    """Whoever leaves in the middle leaves nothing behind."""
    before = world.counts()
    for _ in range(300):
        s = dial(world.server.port)
        s.sendall(POST + b"Content-Length: 500\r\n\r\n" + b'{"email":')
        s.close()
        s = dial(world.server.port)
        s.sendall(b"GET /v1/journal/entries?limit=500 HTTP/1.1\r\n" + H + b"\r\n")
        s.close()
    assert honest(world) < 15
    assert world.counts() == before


class Slow(threading.Thread):
    """Connections that each say a byte every so often, of a head or a body, or nothing."""

    def __init__(self, world, n, begin, drip, every):
        super().__init__(daemon=True)
        self.begin, self.drip, self.every = begin, drip, every
        self.port, self.n, self.over = world.server.port, n, False
        self.cut = self.opened = 0
        self.start()

    def run(self):
        alive = []
        while not self.over:
            while len(alive) < self.n and not self.over:
                try:
                    s = dial(self.port, timeout=10)
                    s.sendall(self.begin)
                    alive.append(s)
                    self.opened += 1
                except OSError:
                    break
            still = []
            for s in alive:
                try:
                    s.setblocking(False)
                    try:
                        if not s.recv(4096):
                            raise ConnectionError
                    except BlockingIOError:
                        pass
                    if self.drip:
                        s.send(self.drip)
                    still.append(s)
                except OSError:
                    self.cut += 1
                    s.close()
            alive = still
            time.sleep(self.every)
        for s in alive:
            s.close()


def until(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def test_slow_ones(world):
    """More of them than there are places, coming back whenever they are cut off: honest clients get in all the same."""
    half = 300
    slow = [Slow(world, half, b"GET /v1/sites HTTP/1.1\r\n" + H + b"X: ", b"a", 0.3), Slow(world, half, POST + b"Content-Length: 1000\r\n\r\n", b"x", 0.3),
            Slow(world, half, b"", b"", 0.3), Slow(world, half, b"GET ", b"", 0.3)]
    until(lambda: sum(s.opened for s in slow) >= 3 * half, 20)
    slowest = honest(world, 30 if LONG else 8)
    until(lambda: sum(s.cut for s in slow) > 200, 40)
    slowest = max(slowest, honest(world, 4))
    for s in slow:
        s.over = True
    for s in slow:
        s.join(20)
    assert slowest < 15, slowest
    return f"the slowest honest call {slowest:.2f} s; {sum(s.cut for s in slow)} of {sum(s.opened for s in slow)} cut off"


def test_those_who_never_read(world):
    """Big replies and streams of events to clients that read nothing."""
    before, dead = memory_kb(world), []
    ask = b"GET /v1/openapi.yaml HTTP/1.1\r\n" + H + b"\r\n"
    for _ in range(200):
        s = dial(world.server.port, receive=2048)
        s.sendall(ask * 20)
        dead.append(s)
    person = world.people["brisa"]
    reservation = world.accept()["id"]
    for _ in range(30):
        s = dial(world.server.port, receive=2048)
        s.sendall(f"GET /v1/reservations/{reservation}/events HTTP/1.1\r\nHost: kontor\r\nCookie: {person.cookie}\r\n\r\n".encode())
        dead.append(s)
    assert honest(world, 10) < 15
    assert person.must("GET", "/v1/me")
    grown = memory_kb(world) - before
    for s in dead:
        s.close()
    assert grown < 100 << 10, f"{grown} kB more"
    return f"{grown} kB more"


HOLD = """
import resource, select, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
port, n, source = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
held = []
for i in range(n):
    s = socket.socket()
    s.bind((source, 0))
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    held.append(s)
print(len(held), flush=True)
sys.stdin.read()
"""


def test_thousands_of_idle_connections(world):
    """On a server with its default of 20,000: as many as that in the long form."""
    from harness import Server
    many = 20000 if LONG else 3000
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = Server(more=[] if LONG else ["--connections=4000"])
    holders = []
    try:
        server.start()
        small = type("", (), {"server": server})
        empty = memory_kb(small)
        each = min(5000, files[0] // 2)
        for i in range((many + each - 1) // each):
            p = subprocess.Popen([sys.executable, "-c", HOLD, str(server.port), str(min(each, many - i * each)), f"127.0.0.{2 + i}"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            holders.append(p)
        held = sum(int(p.stdout.readline()) for p in holders)
        assert held == many
        slowest = max(honest(small, 20 if LONG else 6), 0)
        grown = memory_kb(small) - empty
        if LONG:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                slowest = max(slowest, honest(small, 1))
        assert slowest < 15, slowest
        assert grown < many * 16, f"{grown} kB for {many}"
    finally:
        for p in holders:
            p.stdin.close()
            p.wait(30)
        server.remove()
    return f"{held} idle, the slowest honest call {slowest:.2f} s, {grown / many:.1f} kB each"
