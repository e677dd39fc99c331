"""Letters: to nobody who has not confirmed the address; in the person's language; what is refused for good is given up, what is not is
tried again; a mail server that is away, hangs or lies holds nobody else; nothing that others wrote becomes a header."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import uuid

import certificates
from harness import Client
from mail_server import Liar, Post
from test_agents import fresh
from test_disputes import settled
from test_notices import caught_up
from test_webhooks import Receiver, make, remove, until
from world import PASSWORD

WORLD = {"more": ["--webhook-private=yes", "--delivery-again-ms=100", "--delivery-give-up-ms=4000", "--base-url=https://kontor.example"]}
FOLDER = CERTIFICATES = SECRET = POST = OPTIONS = None


def begin(world):
    """The real mail server, once."""
    global FOLDER, CERTIFICATES, SECRET, POST, OPTIONS
    if POST:
        return
    FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="kontor-mail-", dir=world.server.data))
    CERTIFICATES = certificates.make(FOLDER)
    SECRET = FOLDER / "password"
    SECRET.write_text("of the post office\n")
    SECRET.chmod(0o600)
    POST = Post(CERTIFICATES["good"], "kontor", "of the post office")
    OPTIONS = [*WORLD["more"], "--mail-from=Kontor <notices@kontor.example>", "--mail-user=kontor", f"--mail-password-file={SECRET}",
               f"--delivery-ca-file={CERTIFICATES['ca']}"]
    served_by(world, POST.url)


def served_by(world, server, *more):
    """From now on letters go there."""
    world.server.stop()
    world.server.more = [o for o in OPTIONS if not any(o.split("=")[0] == m.split("=")[0] for m in more)] + [f"--mail-server={server}", *more]
    world.server.start()


def text_of(letter):
    return letter[2].get_content()


def token_of(letter, what="confirm"):
    return re.search(rf"/mail#{what}\.([\w-]+)", text_of(letter))[1]


def person(world, name, address=None, language=None):
    """An owner who gets letters: brisa's, or (address None) who could."""
    client = world.person(name, [{"role": "owner", "organisation": world.organisations["brisa"]}])
    if language:
        client.must("POST", "/v1/me/language", {"language": language}, status=204)
    if address:
        told = len(client.must("GET", "/v1/me/security?limit=100")["items"])
        before = len(POST.letters)
        client.must("POST", "/v1/me/mail", {"address": address, "password": PASSWORD})
        letter = until(lambda: [l for l in POST.letters[before:] if l[1] == [address]])[0]  # another's may come before
        assert world.anybody.post("/v1/mail/confirm", {"token": token_of(letter)}).status == 204
        events = client.must("GET", "/v1/me/security?limit=100")["items"]
        assert events[0]["what"] == "address_confirmed" and events[0]["by"] == "" and len(events) == told + 1, events
        assert world.anybody.post("/v1/mail/confirm", {"token": token_of(letter)}).status != 204 and len(client.must("GET", "/v1/me/security?limit=100")["items"]) == told + 1
    return client


def leave(client):
    assert client.call("DELETE", "/v1/me/mail").status == 204


def waiting(world):
    return world.people["administrator"].must("GET", "/v1/mail")


def test_nothing_is_sent_before_the_address_is_confirmed(world):
    begin(world)
    agent = fresh(world)
    client = person(world, "ines")
    assert client.must("GET", "/v1/me/mail") == {"offered": True, "address": "", "wanted": "", "fault": ""}
    for proof, status in (({}, 422), ({"password": "not this one"}, 401)):
        reply = client.post("/v1/me/mail", {"address": "thief@elsewhere.example", **proof})
        assert (reply.status, reply.json["pointer"]) == (status, "/password"), "whoever has the session alone has no letters sent elsewhere"
    client.must("POST", "/v1/me/mail", {"address": "ines@brisa.example", "password": PASSWORD})
    sender, to, letter, raw = POST.wait()[0]
    assert (sender, to) == ("notices@kontor.example", ["ines@brisa.example"]), (sender, to)
    assert letter["Subject"] == "Confirm this address" and letter["From"] == "Kontor <notices@kontor.example>" and letter["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in letter and POST.signed_in[-1] == ("kontor", "of the post office") and POST.greeted[-1] == "kontor.example"
    settled(world, agent)
    caught_up(world)
    assert client.must("GET", "/v1/me/mail")["wanted"] == "ines@brisa.example" and len(POST.letters) == 1
    token = token_of(POST.letters[0])
    stored = world.server.sql("SELECT * FROM mail_address") + world.server.sql("SELECT * FROM notice_event WHERE kind = 9") + world.server.sql("SELECT * FROM delivery WHERE person IS NOT NULL")
    assert token not in stored
    assert world.anybody.post("/v1/mail/confirm", {"token": token[:-1] + ("A" if token[-1] != "A" else "B")}).status == 403
    assert world.anybody.post("/v1/mail/confirm", {"token": token}).status == 204
    assert world.anybody.post("/v1/mail/confirm", {"token": token}).status == 403, "it opens once"
    assert client.must("GET", "/v1/me/mail") == {"offered": True, "address": "ines@brisa.example", "wanted": "", "fault": ""}
    path, job = settled(world, agent)
    letter = POST.wait(2)[1]
    assert letter[1] == ["ines@brisa.example"] and letter[2]["Subject"] == f"Job ended: {job['name']}" and f"/en/reservations/{job['id']}" in text_of(letter)
    assert uuid.UUID(letter[2]["Message-ID"][1:].split("@")[0]) and "kontor.example>" in letter[2]["Message-ID"] and letter[2]["Date"].datetime
    for secret in ("kontor=", PASSWORD, "csrf", job["id"].upper()):
        assert secret not in text_of(letter)
    leave(client)
    settled(world, agent)
    caught_up(world)
    time.sleep(0.7)
    assert len(POST.letters) == 2, "what was taken back gets letters"


def test_an_older_link_opens_nothing_and_a_link_ends(world):
    begin(world)
    client = person(world, "later")
    tokens = []
    for address in ("one@brisa.example", "two@brisa.example", "three@brisa.example"):
        n = len(POST.letters)
        client.must("POST", "/v1/me/mail", {"address": address, "password": PASSWORD})
        tokens.append(token_of(POST.wait(n + 1)[n]))
    reply = client.post("/v1/me/mail", {"address": "four@brisa.example", "password": PASSWORD})
    assert reply.status == 429, reply
    assert [world.anybody.post("/v1/mail/confirm", {"token": t}).status for t in tokens[:2]] == [403, 403]
    world.server.sql("UPDATE mail_address SET wanted_until_ms = 1")
    assert world.anybody.post("/v1/mail/confirm", {"token": tokens[2]}).status == 403, "too old"
    for bad in ("no address", "a@b\r\nRCPT TO:<c@d>", "a@b@c", "\"x\"@y", "x@y, z@y", "ü@y.example", "a@" + "b" * 260):
        assert client.post("/v1/me/mail", {"address": bad, "password": PASSWORD}).status in (400, 422), bad
    leave(client)


def test_each_kind_as_one_likes_and_one_click_ends_it(world):
    begin(world)
    agent = fresh(world)
    client = person(world, "chooser", "chooser@brisa.example", "de")
    n = len(POST.letters)
    settled(world, agent)
    letter = POST.wait(n + 1)[n]
    assert letter[2]["Subject"].startswith("Job beendet: ") and letter[2]["Content-Language"] == "de" and "Credits wurden abgerechnet." in text_of(letter), text_of(letter)
    assert "/de/reservations/" in text_of(letter) and "Keine E-Mails dieser Art mehr: https://kontor.example/de/mail#stop." in text_of(letter)
    link = re.fullmatch(r"<https://kontor.example(/v1/mail/stop\?t=[\w-]+)>", letter[2]["List-Unsubscribe"])[1]
    assert letter[2]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    seen = world.anybody.call("GET", link)
    assert seen.status == 303 and "/en/mail#stop." in seen.headers["location"], (seen.status, seen.headers)
    choices = {c["kind"]: (c["page"], c["mail"]) for c in client.must("GET", "/v1/me/notice-choices")["items"]}
    assert choices["job-ended"] == (True, True), "looking ends nothing"
    assert world.anybody.call("POST", link, raw=b"List-Unsubscribe=One-Click", headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 204
    assert world.anybody.call("POST", link[:-2] + ("xx" if link[-2:] != "xx" else "yy")).status == 400 and world.anybody.call("POST", "/v1/mail/stop").status == 400
    choices = {c["kind"]: (c["page"], c["mail"]) for c in client.must("GET", "/v1/me/notice-choices")["items"]}
    assert choices["job-ended"] == (True, False) and choices["dispute"] == (True, True), choices
    settled(world, agent)
    caught_up(world)
    client.must("POST", "/v1/me/notice-choices", {"kind": "job-ended", "page": False, "mail": True})
    unread = client.must("GET", "/v1/me/notices")["unread"]
    settled(world, agent)
    POST.wait(n + 2)
    time.sleep(0.3)
    assert len(POST.letters) == n + 2 and client.must("GET", "/v1/me/notices")["unread"] == unread, "by mail alone"
    leave(client)


def test_names_do_not_become_headers_or_long_lines(world):
    begin(world)
    world.server.sql("INSERT INTO notice_event (id, kind, subject, organisation, site, at_ms, title, text, facts, link) VALUES ('0e000000-0000-7000-8000-000000000000', 4, 'x',"
                     f" '{world.organisations['brisa']}', -1, 1,"
                     " E'Evil\\r\\nBcc: victim@example\\r\\n\\r\\nbody', repeat(E'long\\r\\n.\\r\\nQUIT ', 140), '{}', '/me')")
    client = person(world, "evil", "evil@brisa.example")
    n = len(POST.letters)
    world.server.sql(f"INSERT INTO delivery (id, event, person, organisation, created_ms, since_ms, next_ms) VALUES ('{uuid.uuid4()}', '0e000000-0000-7000-8000-000000000000',"
                     f" '{world.ids['evil']}', '00000000-0000-0000-0000-000000000000', 1, {int(time.time() * 1000)}, 0)")
    _, to, letter, raw = POST.wait(n + 1)[n]
    assert to == ["evil@brisa.example"] and letter["Bcc"] is None and "victim" in str(letter["Subject"]) and len(POST.letters) == n + 1, letter.keys()
    head = raw.split(b"\r\n\r\n")[0]
    assert b"victim" not in head and max(len(line) for line in raw.split(b"\r\n")) <= 200 and raw.count(b"\n") == raw.count(b"\r\n")
    assert text_of((0, 0, letter)).count("QUIT") == 140
    leave(client)


def test_refused_for_good_is_given_up_and_otherwise_tried_again(world):
    begin(world)
    agent = fresh(world)
    client = person(world, "moved", "moved@brisa.example")
    POST.say["moved@brisa.example"] = "550 5.1.1 No such person"
    settled(world, agent)
    dead = until(lambda: [i for i in waiting(world)["items"] if i["person"] == "Moved" and i["state"] == "given-up"])[0]
    assert dead["tries"] == 1 and dead["status"] == 550 and "No such person" in dead["why"], dead
    assert "No such person" in client.must("GET", "/v1/me/mail")["fault"]
    assert waiting(world)["given_up"] >= 1 and world.people["brisa"].get("/v1/mail").status == 403
    POST.say["moved@brisa.example"] = "450 4.2.0 Grey, come again"
    n = len(POST.letters)
    assert world.people["administrator"].must("POST", "/v1/mail/again", {})["again"] >= 1
    item = until(lambda: [i for i in waiting(world)["items"] if i["id"] == dead["id"] and i["tries"] > 3])[0]
    assert item["state"] == "waits" and item["status"] == 450 and "Grey" in item["why"], item
    POST.say.clear()
    letter = POST.wait(n + 1)[n]
    until(lambda: not [i for i in waiting(world)["items"] if i["id"] == dead["id"]])
    assert letter[2]["Message-ID"][1:37] == dead["id"], "the same at every try"
    POST.after = "554 5.6.0 We do not like it"
    settled(world, agent)
    assert until(lambda: [i for i in waiting(world)["items"] if i["person"] == "Moved" and i["state"] == "given-up"])[0]["status"] == 554
    POST.after = None
    leave(client)


def test_what_has_waited_goes_to_nobody_who_left_or_gave_it_up(world):
    begin(world)
    served_by(world, POST.url, "--delivery-give-up-ms=600000")
    agent = fresh(world)
    here, there = {"role": "owner", "organisation": world.organisations["brisa"]}, {"role": "owner", "organisation": world.organisations["nordlys"]}
    people = {name: person(world, name, f"{name}@brisa.example") for name in ("gone", "enough", "stays_on")}
    world.local.must("POST", f"/v1/people/{world.ids['gone']}/roles", {"roles": [there], "reason": "Test"}, key=True)
    for name in people:
        POST.say[f"{name}@brisa.example"] = "450 4.2.0 Grey, come again"
    settled(world, agent)
    of = lambda name: [i for i in waiting(world)["items"] if i["person"] == name.title()]  # noqa: E731
    for name in people:
        assert until(lambda name=name: of(name))[0]["state"] == "waits"
    world.local.must("POST", f"/v1/people/{world.ids['gone']}/roles/remove", {"roles": [here], "reason": "Left"}, key=True)
    people["enough"].must("POST", "/v1/me/notice-choices", {"kind": "job-ended", "page": True, "mail": False})
    n = len(POST.letters)
    POST.say.clear()
    hurry = lambda: world.server.sql("UPDATE delivery SET next_ms = 0 WHERE state = 1 AND person IS NOT NULL")  # noqa: E731
    for name in ("gone", "enough"):
        until(lambda name=name: (hurry(), [i for i in of(name) if i["state"] == "given-up" and "has left" in i["why"]])[1])
    until(lambda: (hurry(), not of("stays_on"))[1])
    assert [to for _, to, _, _ in POST.letters[n:]] == [["stays_on@brisa.example"]], POST.letters[n:]
    for client in people.values():
        leave(client)


class Transaction:
    """One that stays open beside the server's."""

    def __init__(self, world, statement):
        self.process = subprocess.Popen(["psql", "-qXtA", world.server.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(f"BEGIN; {statement}; SELECT 'it stands';\n")
        self.process.stdin.flush()
        while "it stands" not in self.process.stdout.readline():
            assert self.process.poll() is None

    def end(self):
        self.process.communicate("COMMIT;\n")


def test_many_who_ask_at_once_are_not_more_letters(world):
    """Who asks while another one's asking is under way waits for it, and is counted after it."""
    begin(world)
    client = person(world, "hasty")
    for address in ("one@brisa.example", "two@brisa.example"):
        client.must("POST", "/v1/me/mail", {"address": address, "password": PASSWORD})
    nobody, now = "00000000-0000-0000-0000-000000000000", int(time.time() * 1000)
    other = Transaction(world, f"UPDATE mail_address SET wanted = wanted WHERE person = '{world.ids['hasty']}';"
                               f"INSERT INTO notice_event (id, kind, subject, organisation, site, at_ms, title, text, facts, link) VALUES ('0e000000-0000-7000-8000-000000000009', 9, 'third', '{nobody}', -1, 1, 't', 't', '{{}}', '/me');"
                               f"INSERT INTO delivery (id, event, person, organisation, created_ms, since_ms, next_ms, state) VALUES ('{uuid.uuid4()}', '0e000000-0000-7000-8000-000000000009', '{world.ids['hasty']}', '{nobody}', {now}, {now}, {now}, 3)")
    replies = []
    asking = threading.Thread(target=lambda: replies.append(client.post("/v1/me/mail", {"address": "four@brisa.example", "password": PASSWORD}).status))
    asking.start()
    until(lambda: world.server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO mail_address%'") == "1")
    other.end()
    asking.join(30)
    assert replies == [429], replies
    leave(client)


def test_away_hanging_or_lying_it_holds_nobody_else(world):
    begin(world)
    agent = fresh(world)
    client = person(world, "waits", "waits@brisa.example")
    n = len(POST.letters)
    hold = {}

    def hang(connection):
        connection.recv(1)

    def endless(connection):
        while True:
            connection.sendall(b"220-" + b"x" * 500 + b"\r\n")

    def no_sense(connection):
        connection.sendall(b"\xff\x00 HTTP/1.1 200 OK\r\n\r\n")
        connection.recv(1)

    def never_leaves(connection):
        """Takes the letter, and does not say farewell."""
        connection.sendall(b"220 here\r\n")
        file = connection.makefile("rb")
        for line in iter(file.readline, b""):
            if line.startswith(b"QUIT"):
                hold["quit"] = True
                time.sleep(60)
                return
            connection.sendall(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 OK\r\n" if line[:4] in (b"EHLO", b"MAIL", b"RCPT") or line == b".\r\n" else b"")

    for how in (None, hang, endless, no_sense, never_leaves):
        liar = Liar(how or hang)
        if how is None:
            liar.close()  # nobody there
        served_by(world, f"smtp://127.0.0.1:{liar.port}", "--mail-clear=yes", "--mail-user=", "--mail-password-file=", "--delivery-give-up-ms=60000")
        receiver = Receiver()
        hook = make(world, receiver.url)
        begun = time.monotonic()
        settled(world, agent)  # the leader goes on
        receiver.wait(seconds=18)  # and so do webhooks: a letter may take half a minute
        assert time.monotonic() - begun < 20, how
        if how in (endless, no_sense, None):
            until(lambda: [i for i in waiting(world)["items"] if i["person"] == "Waits" and i["why"]])
        if how is never_leaves:
            until(lambda: hold.get("quit"))
            assert world.anybody.get("/health/ready").status == 200
        elif how:
            until(lambda: liar.calls > 0)
        remove(world, hook)
        receiver.close()
        liar.close()
    begun = time.monotonic()
    served_by(world, POST.url)
    assert time.monotonic() - begun < 15, "it is not stopped by a mail server that hangs"
    world.server.sql("UPDATE delivery SET next_ms = 0 WHERE state = 1 AND person IS NOT NULL")
    POST.wait(n + 3)
    leave(client)


def test_certificates_and_passwords(world):
    begin(world)
    agent = fresh(world)
    client = person(world, "careful", "careful@brisa.example")
    for name, words in (("wrong", "name|subject"), ("expired", "expired"), ("unknown", "certificate")):
        other = Post(CERTIFICATES[name], "kontor", "of the post office")
        served_by(world, other.url, "--delivery-give-up-ms=60000")
        settled(world, agent)
        item = until(lambda: [i for i in waiting(world)["items"] if i["person"] == "Careful" and i["why"]])[0]
        assert re.search(words, item["why"]) and other.letters == [] and other.signed_in == [], (name, item)
        other.close()
        world.server.sql("UPDATE delivery SET state = 3 WHERE state = 1 AND person IS NOT NULL")
        world.server.sql("DELETE FROM delivery WHERE person IS NOT NULL")
    plain = Post()  # offers no TLS
    served_by(world, plain.url, "--delivery-give-up-ms=60000")
    settled(world, agent)
    item = until(lambda: [i for i in waiting(world)["items"] if i["person"] == "Careful" and i["why"]])[0]
    assert plain.letters == [] and plain.signed_in == [], item
    served_by(world, f"smtp://127.0.0.1:{plain.port}", "--mail-clear=yes", "--mail-user=", "--mail-password-file=")
    world.server.sql("UPDATE delivery SET next_ms = 0 WHERE state = 1 AND person IS NOT NULL")
    plain.wait()
    plain.close()
    wrong = Post(CERTIFICATES["good"], "kontor", "another")
    served_by(world, wrong.url, "--delivery-give-up-ms=60000")
    settled(world, agent)
    item = until(lambda: [i for i in waiting(world)["items"] if i["person"] == "Careful" and i["why"]])[0]
    assert item["status"] == 535 and item["state"] == "waits" and wrong.letters == [], item
    assert "of the post office" not in json.dumps(waiting(world)) + world.server.tail_all()
    wrong.close()
    served_by(world, POST.url)
    leave(client)
    SECRET.chmod(0o644)
    for server, more in ((POST.url, []), ("smtp://mail.example:587", ["--mail-clear=yes"]), ("http://mail.example", [])):
        done = subprocess.run([str(pathlib.Path(os.environ["KONTOR_BUILD"]) / "kontord"), "serve", *world.server.options, *OPTIONS, f"--mail-server={server}", *more],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode != 0 and "mail" in done.stderr + done.stdout, (server, done)
        SECRET.chmod(0o600)


def test_a_server_that_sends_no_letters_says_so(world):
    begin(world)
    world.server.stop()
    world.server.more = WORLD["more"]
    world.server.start()
    brisa = world.people["brisa"]
    assert not brisa.must("GET", "/v1/me/mail")["offered"]
    assert brisa.post("/v1/me/mail", {"address": "brisa@brisa.example", "password": PASSWORD}).json["code"] == "state"


def test_a_language_of_ones_own(world):
    client = world.person("pekka", [{"role": "owner", "organisation": world.organisations["brisa"]}])
    assert client.must("GET", "/v1/me")["language"] == ""
    reply = client.post("/v1/me/language", {"language": "fi"})
    assert reply.status == 204 and "kontor-language=fi;" in reply.headers["set-cookie"] and client.must("GET", "/v1/me")["language"] == "fi"
    assert client.post("/v1/me/language", {"language": "xx"}).status in (400, 422) and client.must("GET", "/v1/me")["language"] == "fi"
    again = Client(world.server)
    email = client.must("GET", "/v1/me")["person"]["email"]
    signed = again.post("/v1/session", {"email": email, "password": PASSWORD})
    assert signed.json["language"] == "fi", signed.json
    assert any("kontor-language=fi;" in c for c in signed.cookies), signed.headers
    assert client.post("/v1/me/language", {"language": None}).status == 204 and client.must("GET", "/v1/me")["language"] == ""
