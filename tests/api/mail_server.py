"""A real SMTP server (aiosmtpd) for tests, with STARTTLS and AUTH, that can be told to refuse; and one that only hangs or lies."""
import email
import email.policy
import logging
import socket
import ssl
import sys
import threading
import time

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-aiosmtpd, whichever Python runs the tests
from aiosmtpd.controller import Controller  # noqa: E402
from aiosmtpd.smtp import SMTP, AuthResult  # noqa: E402

from ports import free_port  # noqa: E402

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # of sessions that end badly, as many here are meant to


class Post:
    """What came, as (mail from, rcpt to, message, bytes). `say`: address → what RCPT is answered; `after`: what DATA is. folder: for
    the texts of letters, as 1.txt and so on."""

    def __init__(self, certificate=None, user=None, password=None, folder=None):
        self.letters, self.say, self.after, self.signed_in, self.greeted = [], {}, None, [], []
        outer = self

        class Handler:
            async def handle_EHLO(self, server, session, envelope, hostname, responses):
                outer.greeted.append(hostname)
                session.host_name = hostname
                return responses

            async def handle_RCPT(self, server, session, envelope, address, options):
                if address in outer.say:
                    return outer.say[address]
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                if outer.after:
                    return outer.after
                outer.letters.append((envelope.mail_from, envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default), envelope.content))
                if folder:
                    (folder / f"{len(outer.letters)}.txt").write_text(outer.letters[-1][2].get_content())
                return "250 Kept"

        def authenticate(server, session, envelope, mechanism, data):
            outer.signed_in.append((data.login.decode(), data.password.decode()))
            return AuthResult(success=outer.signed_in[-1] == (user, password), handled=False)

        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)

        class Server(Controller):
            def factory(self):
                return SMTP(self.handler, hostname="mail.test", tls_context=context, require_starttls=bool(context), authenticator=authenticate if user else None,
                            auth_required=bool(user))

        self.port = free_port()
        self.controller = Server(Handler(), hostname="127.0.0.1", port=self.port)
        self.controller.start()
        self.url = f"smtp://localhost:{self.port}"

    def wait(self, n=1, seconds=40):
        until = time.monotonic() + seconds
        while len(self.letters) < n:
            assert time.monotonic() < until, f"{len(self.letters)} letters came, not {n}"
            time.sleep(0.02)
        return self.letters

    def close(self):
        self.controller.stop()


class Liar:
    """Accepts, and then does as `how(connection)` does; the same port for all of a test."""

    def __init__(self, how, port=0):
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]

        def serve(connection):
            with connection:
                try:
                    how(connection)
                except OSError:
                    pass

        def run():
            while True:
                try:
                    connection, _ = self.socket.accept()
                except OSError:
                    return
                self.calls += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()

    def close(self):
        self.socket.close()
