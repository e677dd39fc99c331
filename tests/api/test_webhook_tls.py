"""Webhooks over real TLS: only to who shows a certificate for the name, in force, of an authority that is known; and, but where the
operator allows it, never to an address that is not public, whatever its certificate says."""
import pathlib
import ssl
import tempfile

import certificates
from test_webhooks import Receiver, deliveries, make, remove, until, verify

MORE = ["--delivery-again-ms=100", "--delivery-give-up-ms=60000"]
WORLD = {"more": MORE}
CERTIFICATES = {}


def receiver(name):
    """A receiver that shows this certificate."""
    made = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*CERTIFICATES[name])
    made.server.socket = context.wrap_socket(made.server.socket, server_side=True, do_handshake_on_connect=False)
    made.url = f"https://localhost:{made.server.server_port}/kontor"
    return made


def begin(world):
    if not CERTIFICATES:
        CERTIFICATES.update(certificates.make(pathlib.Path(tempfile.mkdtemp(dir=world.server.data))))


def served(world, *more):
    world.server.stop()
    world.server.more = [*MORE, f"--delivery-ca-file={CERTIFICATES['ca']}", *more]
    world.server.start()


def test_the_certificate_is_checked(world):
    begin(world)
    served(world, "--webhook-private=yes")
    for name, words in (("good", None), ("wrong", ("name", "subject")), ("expired", ("expired",)), ("unknown", ("certificate",))):
        there = receiver(name)
        hook = make(world, there.url)
        world.people["brisa"].must("POST", f"/v1/webhooks/{hook['id']}/test", {}, status=202)
        if words is None:
            headers, body, _ = there.wait()[0]
            assert verify(hook["secret"], headers, body)
        else:
            tried = until(lambda: [d for d in deliveries(world, "waits") if d["webhook"] == hook["id"] and d["tries"] > 1])[0]
            assert tried["status"] == 0 and any(word in tried["why"].lower() for word in words), (name, tried)
            assert there.calls == [], "what was to be told was told to nobody"
        remove(world, hook)
        there.close()


def test_a_good_certificate_opens_no_private_network(world):
    begin(world)
    served(world)
    there = receiver("good")
    for url in (there.url, there.url.replace("localhost", "127.0.0.1"), there.url.replace("localhost", "[::ffff:127.0.0.1]")):
        hook = make(world, url)
        world.people["brisa"].must("POST", f"/v1/webhooks/{hook['id']}/test", {}, status=202)
        tried = until(lambda: [d for d in deliveries(world, "waits") if d["webhook"] == hook["id"] and d["tries"] > 0 and d["why"]])[0]
        assert "not a public one" in tried["why"] and there.calls == [], (url, tried)
        remove(world, hook)
    there.close()
