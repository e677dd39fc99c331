"""A TCP proxy in front of PostgreSQL's socket: one server's line to the database, which can be cut as networks are: nothing
goes through any more, and neither side is told."""
import os
import select
import socket
import threading


class Proxy:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = threading.Event()
        self.open.set()
        self.lost = threading.Event()  # what was open when the line was cut stays dead
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(near, self.lost), daemon=True).start()

    def carry(self, near, lost):
        far = socket.socket(socket.AF_UNIX)
        with near, far:
            try:
                self.open.wait()
                far.connect(os.path.join(os.environ["PGHOST"], f".s.PGSQL.{os.environ['PGPORT']}"))
                while not lost.is_set():
                    for ready in select.select([near, far], [], [], 0.05)[0]:
                        data = ready.recv(1 << 16)
                        if not data:
                            return
                        if lost.is_set():
                            break
                        (far if ready is near else near).sendall(data)
                self.open.wait()  # held, in silence; when the line is back both sides learn that this one was lost
            except OSError:
                return

    def cut(self):
        self.open.clear()
        self.lost.set()
        self.lost = threading.Event()

    def mend(self):
        self.open.set()
