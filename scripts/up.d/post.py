"""post.py PORT FOLDER: a mail server for the demonstration, on loopback: it takes every letter and lays it into the folder, as 1.txt, 2.txt and
so on: to whom, the subject, and the text. Nothing goes on from here."""
import email
import email.policy
import itertools
import pathlib
import signal
import sys

from aiosmtpd.controller import Controller


class Folder:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = letter.get_body(("plain",))
        text = f"To: {', '.join(envelope.rcpt_tos)}\nSubject: {letter['Subject']}\n\n{body.get_content() if body else ''}"
        for n in itertools.count(1 + len(list(self.folder.glob("*.txt")))):
            if not (self.folder / f"{n}.txt").exists():
                break
        made = self.folder / f"{n}.new"  # whoever looks for it finds it whole
        made.write_text(text, encoding="utf-8")
        made.rename(self.folder / f"{n}.txt")
        return "250 Kept"


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Controller(Folder(folder), hostname="127.0.0.1", port=port).start()
    print(f"letters on port {port} go to {folder}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
