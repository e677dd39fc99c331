"""tests/edge/wire.py: HTTP spoken byte by byte; and proxies of one's own in front of a server."""
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import time

from ports import free_port

LONG = bool(os.environ.get("KONTOR_EDGE_LONG"))


def dial(port, source=None, receive=None, timeout=10):
    s = socket.socket()
    s.settimeout(timeout)
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    if source:
        s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def read_all(s, timeout=10, most=1 << 22):
    """All that comes until the other side closes, or for so long. (bytes, closed)"""
    got, end, poll = b"", time.monotonic() + timeout, select.poll()
    poll.register(s, select.POLLIN)
    while time.monotonic() < end and len(got) < most:
        if not poll.poll(max(0, end - time.monotonic()) * 1000):
            break
        try:
            piece = s.recv(65536)
        except OSError:
            return got, True
        if not piece:
            return got, True
        got += piece
    return got, False


def replies(data):
    """(status, headers, body) of each reply in these bytes; they are well-formed, or this fails."""
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            break
        lines = head.decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1."), data[:200]
        status = int(lines[0].split()[1])
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        if status == 100:
            data = rest
            found.append((100, headers, b""))
            continue
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size, _, rest = rest.partition(b"\r\n")
                n = int(size or b"0", 16)
                body, rest = body + rest[:n], rest[n + 2:]
                if n == 0:
                    break
        else:
            n = int(headers.get("content-length", len(rest)))
            body, rest = rest[:n], rest[n:]
        found.append((status, headers, body))
        data = rest
    return found


def say(port, raw, timeout=10, source=None):
    """Send these bytes on a connection of their own: the replies, and whether it was closed."""
    s = dial(port, source)
    try:
        s.sendall(raw)
    except OSError:
        pass
    data, closed = read_all(s, timeout)
    s.close()
    return replies(data), closed


class Proxy:
    """nginx or HAProxy in front of a port, with few kept connections to it, so that clients share them."""

    def __init__(self, kind, to):
        self.kind, self.port = kind, free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kontor-proxy-"))
        os.chmod(self.folder, 0o755)
        config = self.folder / "conf"
        if kind == "nginx":
            user = "user nobody nogroup;" if os.getuid() == 0 else ""
            temp = "".join(f"{what}_temp_path {self.folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            config.write_text(f"""{user} worker_processes 1; daemon off; pid {self.folder}/pid; error_log {self.folder}/log;
events {{ worker_connections 512; }}
http {{ access_log off; {temp} client_max_body_size 2m;
  upstream kontor {{ server 127.0.0.1:{to}; keepalive 2; }}
  server {{ listen 127.0.0.1:{self.port}; location / {{ proxy_pass http://kontor; proxy_http_version 1.1; proxy_request_buffering off;
    proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; }} }} }}
""")
            command = [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(self.folder), "-e", str(self.folder / "log"), "-c", str(config)]
        else:
            config.write_text(f"""global
  maxconn 500
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option http-keep-alive
  http-reuse always
frontend f
  bind 127.0.0.1:{self.port}
  option forwardfor
  default_backend b
backend b
  server s 127.0.0.1:{to} pool-max-conn 2
""")
            command = [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(config)]
        self.process = subprocess.Popen(command, stdout=open(self.folder / "out", "wb"), stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while True:
            try:
                dial(self.port).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((self.folder / "out").read_text())
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
