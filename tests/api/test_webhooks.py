"""Webhooks: signed, tried again, given up and taken up again; receivers that never answer, answer without end, or lead elsewhere
harm nobody but themselves; the secret is shown once and lies sealed."""
import base64
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
import time
import uuid

from harness import Client
from test_agents import fresh
from test_disputes import settled
from test_notices import caught_up
from world import PASSWORD

WORLD = {"more": ["--webhook-private=yes", "--delivery-again-ms=100", "--delivery-give-up-ms=3000"]}


class Receiver:
    """A receiver that answers as it is told: `how(handler)`."""

    def __init__(self, how=None):
        self.calls, outer = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((dict(self.headers), body, time.monotonic()))
                (how or outer.ok)(self)

            def log_message(self, *unused):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *unused):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/kontor"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @staticmethod
    def ok(handler, status=204):
        handler.send_response(status)
        handler.end_headers()

    def wait(self, n=1, seconds=40):
        until = time.monotonic() + seconds
        while len(self.calls) < n:
            assert time.monotonic() < until, f"{len(self.calls)} calls came, not {n}"
            time.sleep(0.02)
        return self.calls

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def verify(secret, headers, body, within=300):
    """The recipe of docs/start-up.md."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    head = {k.lower(): v for k, v in headers.items()}
    assert abs(time.time() - int(head["webhook-timestamp"])) < within, "too old"
    good = hmac.new(key, f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body, hashlib.sha256).digest()
    return any(hmac.compare_digest(base64.b64decode(s.removeprefix("v1,")), good) for s in head["webhook-signature"].split(" ") if s.startswith("v1,"))


def make(world, url, kinds=("job-ended",), who="brisa", status=201):
    return world.people[who].must("POST", f"/v1/organisations/{world.organisations[who]}/webhooks", {"url": url, "kinds": list(kinds), "password": PASSWORD}, status=status)


def deliveries(world, state=None, who="brisa"):
    return world.people[who].must("GET", f"/v1/organisations/{world.organisations[who]}/deliveries" + (f"?state={state}" if state else ""))["items"]


def until(found, seconds=40):
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.05)
    return value


def remove(world, hook, who="brisa"):
    assert world.people[who].call("DELETE", f"/v1/webhooks/{hook['id']}").status == 204


def test_a_job_is_told_to_a_webhook_signed(world):
    receiver = Receiver()
    hook = make(world, receiver.url)
    path, job = settled(world, fresh(world))
    headers, body, _ = receiver.wait()[0]
    told = json.loads(body)
    assert verify(hook["secret"], headers, body) and not verify(hook["secret"], headers, body + b" ")
    assert told["kind"] == "job-ended" and told["facts"]["reservation"] == job["id"] and told["organisation"] == world.organisations["brisa"], told
    assert told["link"].endswith(f"/en/reservations/{job['id']}") and headers["Content-Type"] == "application/json", (told, headers)
    done = until(lambda: deliveries(world, "taken"))
    assert done[0]["id"] == told["id"] == headers["webhook-id"] and done[0]["tries"] == 1 and done[0]["status"] == 204, done
    assert world.people["brisa"].must("POST", f"/v1/webhooks/{hook['id']}/test", {}, status=202) is None
    assert json.loads(receiver.wait(2)[1][1])["kind"] == "test"
    stored = world.server.sql("SELECT secret FROM webhook")
    assert hook["secret"].removeprefix("whsec_").rstrip("=") not in stored and base64.b64decode(hook["secret"][6:]).hex() not in stored
    listed = world.people["brisa"].must("GET", f"/v1/organisations/{world.organisations['brisa']}/webhooks")["items"]
    assert [h["id"] for h in listed] == [hook["id"]] and "secret" not in listed[0], listed
    for who in ("nordlys", "brisa2", "officer", "administrator"):
        assert world.people[who].get(f"/v1/organisations/{world.organisations['brisa']}/webhooks").status in (403, 404), who
    assert world.people["nordlys"].call("DELETE", f"/v1/webhooks/{hook['id']}").status == 404
    remove(world, hook)
    settled(world, fresh(world))
    caught_up(world)
    assert len(receiver.calls) == 2, "what was removed was told"
    receiver.close()


def test_what_fails_is_tried_again_with_the_same_id_and_given_up(world):
    answers = [500, 302, 404]
    receiver = Receiver(lambda h: Receiver.ok(h, answers.pop(0) if answers else 200))
    hook = make(world, receiver.url)
    test = f"/v1/webhooks/{hook['id']}/test"
    world.people["brisa"].must("POST", test, {}, status=202)
    calls = receiver.wait(4)
    assert len({h["webhook-id"] for h, _, _ in calls}) == 1 and len({b for _, b, _ in calls}) == 1, "a repeat can be told by its id"
    assert all(verify(hook["secret"], h, b) for h, b, _ in calls)
    pauses = [calls[i + 1][2] - calls[i][2] for i in range(3)]
    assert pauses[0] > 0.07 and pauses[2] > 0.3, pauses
    taken = until(lambda: [d for d in deliveries(world, "taken") if d["webhook"] == hook["id"]])
    assert taken[0]["tries"] == 4, taken
    receiver.close()
    world.people["brisa"].must("POST", test, {}, status=202)
    dead = until(lambda: [d for d in deliveries(world, "given-up") if d["webhook"] == hook["id"]])[0]
    assert dead["tries"] > 3 and dead["status"] == 0 and dead["why"], dead
    assert world.people["brisa"].must("GET", f"/v1/organisations/{world.organisations['brisa']}/webhooks")["items"][0]["given_up"] == 1
    again = f"/v1/deliveries/{dead['id']}/again"
    assert world.people["nordlys"].post(again, {}).status == 404 and world.people["brisa2"].post(again, {}).status == 403
    world.people["brisa"].must("POST", again, {}, status=202)
    assert world.people["brisa"].post(again, {}).json["code"] == "state"
    until(lambda: [d for d in deliveries(world, "given-up") if d["id"] == dead["id"] and d["tries"] > dead["tries"]])
    remove(world, hook)
    assert world.people["brisa"].post(again, {}).status == 409, "its webhook is gone"


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100000):
        handler.wfile.write(b"x" * 65536)


def heads(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(100000):
        handler.wfile.write(f"X-{i}: {'y' * 1000}\r\n".encode())


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(300):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def leads(handler):
    handler.send_response(302)
    handler.send_header("Location", elsewhere.url)
    handler.end_headers()


def test_hostile_receivers_harm_nobody_else(world):
    global elsewhere
    elsewhere, good = Receiver(), Receiver()
    hostile = [Receiver(how) for how in (endless, heads, drip, leads)]
    hooks = [make(world, r.url) for r in hostile]
    fine = make(world, good.url, who="nordlys")
    for hook in hooks:
        for _ in range(3):
            world.people["brisa"].must("POST", f"/v1/webhooks/{hook['id']}/test", {}, status=202)
    for r in hostile:
        r.wait()
    world.people["nordlys"].must("POST", f"/v1/webhooks/{fine['id']}/test", {}, status=202)
    good.wait(seconds=9)  # a call may take ten seconds: none was waited for
    until(lambda: len(hostile[0].calls) > 1 and len(hostile[1].calls) > 1)
    dripped = len(hostile[2].calls)
    assert dripped == 1 or time.monotonic() - hostile[2].calls[0][2] > 9, "one at a time for each"  # after ten seconds the next
    assert elsewhere.calls == [], "a redirect is not followed"
    why = {d["webhook"]: d for d in deliveries(world) if d["why"] or d["status"]}
    assert why[hooks[3]["id"]]["status"] == 302 and "redirect" in why[hooks[3]["id"]]["why"], why
    for hook in hooks:
        remove(world, hook)
    remove(world, fine, "nordlys")
    assert all(d["state"] != "waits" for d in deliveries(world))
    for r in hostile + [good, elsewhere]:
        r.close()


def test_what_a_webhook_may_be(world):
    path = f"/v1/organisations/{world.organisations['brisa']}/webhooks"
    for body, field in (({"url": "ftp://hooks.example/", "kinds": ["dispute"]}, "/url"), ({"url": "https://a:b@hooks.example/", "kinds": ["dispute"]}, "/url"),
                        ({"url": "https://hooks.example/\n", "kinds": ["dispute"]}, "/url"), ({"url": "https://hooks.example/", "kinds": []}, "/kinds"),
                        ({"url": "https://hooks.example/", "kinds": ["test"]}, "/kinds"), ({"url": "https://hooks.example/", "kinds": ["all"]}, "/kinds")):
        reply = world.people["brisa"].post(path, body)
        assert reply.status in (400, 422) and reply.json["pointer"].startswith(field), (body, reply)
    good = {"url": "https://hooks.example/6", "kinds": ["dispute"]}
    for proof, status in (({}, 422), ({"password": "not this one"}, 401)):
        reply = world.people["brisa"].post(path, {**good, **proof})
        assert (reply.status, reply.json["pointer"]) == (status, "/password"), "whoever has an owner's session alone hears nothing after it"
    made = [make(world, f"https://hooks.example/{i}") for i in range(5)]
    assert world.people["brisa"].post(path, {**good, "password": PASSWORD}).status == 409
    for hook in made:
        remove(world, hook)
    assert world.people["brisa"].call("DELETE", f"/v1/webhooks/{uuid.uuid4()}").status == 404
    assert Client(world.server).get(path).status == 401


def test_a_server_that_was_ended_in_the_middle_delivers_after(world):
    receiver = Receiver()
    hook = make(world, receiver.url)
    world.server.sql("UPDATE delivery SET next_ms = 0 WHERE state = 1")
    world.people["brisa"].must("POST", f"/v1/webhooks/{hook['id']}/test", {}, status=202)
    world.server.stop()
    world.server.start()
    receiver.wait(seconds=75)
    assert verify(hook["secret"], *receiver.calls[0][:2]), "the sealed secret outlives the process"
    remove(world, hook)
    receiver.close()
