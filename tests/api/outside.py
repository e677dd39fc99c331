"""A witness elsewhere (C2SP tlog-witness): add-checkpoint over HTTP, strictly; and whatever answer a test wants of it."""
import base64
import http.server
import struct
import threading
import time

from fake_log import vkey
from fake_server import Key
from reader import sha256
from tlog import Bad, Checkpoint, Note, need, unbase64
from tlog import Key as VKey


def node(left, right):
    return sha256(b"\1" + left + right)


def consistent(old, old_root, size, root_, proof):
    """RFC 9162 2.1.4.2."""
    if old == size:
        return not proof and old_root == root_
    if old == 0:
        return not proof
    path = ([old_root] if old & (old - 1) == 0 else []) + proof
    if not path:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == root_ and sn == 0


class Outside:
    NAME = "witness.example/w1"

    def __init__(self, log_vkey):
        self.key, self.log = Key(), VKey(log_vkey)
        self.vkey = vkey(self.NAME, 4, self.key.public.raw)
        self.size, self.root = 0, b""
        self.answers = []   # statuses to give instead, one a call
        self.asked = []     # (old, size, status)
        outside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, reply = (404, b"") if self.path != "/prefix/add-checkpoint" else outside.take(body.decode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(reply)))
                if status == 409:
                    self.send_header("Content-Type", "text/x.tlog.size")
                self.end_headers()
                self.wfile.write(reply)

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_port}/prefix/"
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def take(self, body):
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        need(first.startswith("old "), "the first line is not old N")
        old, note = int(first[4:]), Note(note.encode())
        checkpoint = Checkpoint(note)
        status, reply = self.answers.pop(0) if self.answers else self.judge(old, [unbase64(p) for p in proof], note, checkpoint)
        self.asked.append((old, checkpoint.size, status))
        return status, reply

    def judge(self, old, proof, note, checkpoint):
        if checkpoint.origin != self.log.name:
            return 404, b""
        try:
            if not note.signed_by(self.log):
                return 403, b""
        except Bad:
            return 403, b""
        if old > checkpoint.size:
            return 400, b""
        if old != self.size or (old == checkpoint.size and self.root not in (b"", checkpoint.root)):
            return 409, f"{self.size}\n".encode()
        if not consistent(old, self.root, checkpoint.size, checkpoint.root, proof):
            return 422, b""
        self.size, self.root = checkpoint.size, checkpoint.root
        now = int(time.time())
        signature = self.key.sign(f"cosignature/v1\ntime {now}\n{note.text}".encode())
        blob = base64.b64encode(VKey(self.vkey).id + struct.pack(">Q", now) + signature).decode()
        return 200, f"— another.example {base64.b64encode(bytes(76)).decode()}\n— {self.NAME} {blob}\n".encode()
