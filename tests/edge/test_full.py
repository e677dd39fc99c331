"""The one queue of all commands, full: what comes then is refused at once, whoever sends it, and says when to come back; what
is in it is answered; reads go on; and health says why. With room for a hundred; --long with the server's own ten thousand."""
import json
import resource
import select
import time
import uuid
from collections import Counter

from test_overload import Lock, requests_of
from wire import LONG, dial, read_all, replies

AT_ONCE = 10 if LONG else 2000  # ms; the short form runs beside other stages, and nothing is committed meanwhile
QUEUE, OVER = (10000, 300) if LONG else (100, 40)
WORLD = {"more": ["--threads=2", "--workers=4", "--log-level=info", f"--queue={QUEUE}"]}


def raw(client, path, body, key=None, close=True):
    return (f"POST {path} HTTP/1.1\r\nHost: kontor\r\nCookie: {client.cookie}\r\nX-CSRF-Token: {client.csrf}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {key or uuid.uuid4()}\r\nContent-Length: {len(body)}\r\n{'Connection: close' if close else 'X: y'}\r\n\r\n{body}").encode()


def answers(sockets, wanted, seconds):
    """The first replies that come, at most so many and so long waited for: socket → reply."""
    got, poll, by_fd = {}, select.poll(), {s.fileno(): s for s in sockets}
    for s in sockets:
        poll.register(s, select.POLLIN)
    end = time.monotonic() + seconds
    while len(got) < wanted and time.monotonic() < end:
        for fd, _ in poll.poll(100):
            data, _ = read_all(by_fd[fd], 5)
            got[by_fd[fd]] = replies(data)[0]
            poll.unregister(fd)
    return got


def waiting_for_the_lock(world):
    return int(world.server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def crowd_of(world):
    """So many people of different organisations that together they may have more commands waiting than the queue holds."""
    names = ["brisa"]
    for i in range((QUEUE + OVER) // 195 if LONG else 0):
        org = world.order("/v1/organisations", {"name": f"crowd {i}", "country": "ES", "city": "Vigo", "lat_milli": 42240, "lon_milli": -8720})["id"]
        world.person(f"crowd{i}", [{"role": "owner", "organisation": org}])
        names.append(f"crowd{i}")
    return [world.people[n] for n in names]


def test_a_full_queue(world):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    crowd, nordlys = crowd_of(world), world.people["nordlys"]
    quote = nordlys.must("POST", f"/v1/requests/{requests_of(world, 'nordlys', 1)[0]}/quotes", {"hold": True}, status=201, key=True)["id"]
    for client in crowd:
        assert client.get("/v1/me").status == 200  # its session is known now
    first, sockets = dial(world.server.port), [dial(world.server.port) for _ in range(QUEUE + OVER)]
    key, lock = str(uuid.uuid4()), Lock(world)
    try:
        first.sendall(raw(crowd[0], f"/v1/quotes/{uuid.uuid4()}/release", "{}"))
        end = time.monotonic() + 5
        while waiting_for_the_lock(world) == 0 and time.monotonic() < end:
            time.sleep(0.01)  # until that one is in a batch, which then is no place of the queue
        begun = time.monotonic()
        for i, s in enumerate(sockets):
            s.sendall(raw(crowd[i % len(crowd)], f"/v1/quotes/{uuid.uuid4()}/release", "{}"))
        refused = answers(sockets, OVER, 2.5)
        full = time.monotonic() - begun
        begun = time.monotonic()
        accept = nordlys.post(f"/v1/quotes/{quote}/accept", {"option": 0}, key=key)
        took = time.monotonic() - begun
        read = nordlys.get(f"/v1/grants/{world.grants['nordlys']}")
        ready = world.anybody.get("/health/ready")
    finally:
        lock.let_go()
    assert len(refused) >= OVER, len(refused)
    assert (accept.status, accept.json["code"]) == (503, "busy") and "retry-after" in accept.headers, accept
    assert read.status == 200, read
    assert ready.status == 503 and any(w in ready.json["reason"] for w in ("queue", "A commit")), ready  # or that it lasts
    waited = answers([first, *(s for s in sockets if s not in refused)], 1 + len(sockets) - len(refused), 30)
    all_of_them = [*refused.values(), *waited.values()]
    seen = Counter((r[0], json.loads(r[2])["code"]) for r in all_of_them)
    assert len(all_of_them) == 1 + len(sockets) and set(seen) == {(503, "busy"), (404, "not-found")}, seen
    assert OVER <= seen[503, "busy"] <= OVER + 5, seen  # the server's own errands may have taken a place
    assert all(int(r[1]["retry-after"]) >= 1 for r in all_of_them if r[0] == 503)
    assert nordlys.post(f"/v1/quotes/{quote}/accept", {"option": 0}, key=key).status == 201  # the same call, now
    for s in [first, *sockets]:
        s.close()
    lines = [json.loads(line) for line in world.server.tail_all().splitlines() if '"busy"' in line and '"quotes_release"' in line]
    ms = sorted(line["ms"] for line in lines)
    assert not any("detail" in line for line in lines), lines[0]  # the database has nothing to do with it
    assert len(ms) == seen[503, "busy"] and ms[len(ms) // 2] < AT_ONCE, ms
    return (f"{len(ms)} of {1 + QUEUE + OVER} refused, in {ms[len(ms) // 2]} ms (the slowest {ms[-1]} ms), another's in {took * 1000:.1f} ms as its client saw it; "
            f"full after {full:.2f} s; {seen[404, 'not-found']} answered afterwards")
