"""tests/recovery/guide.py: the commands of docs/operator.md, run as they stand there, on the test's own cluster and server.
Only systemctl and runuser are stand-ins: they stop and start what the
test has, as the user who owns its cluster."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

from harness import BUILD, TOP  # noqa: E402

PG = pathlib.Path(os.environ["KONTOR_TEST_PG_DIR"])
FOLDER = pathlib.Path(os.environ["KONTOR_RECOVERY"])
STAND_IN = """#!/usr/bin/env python3
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(%r)
s.sendall(" ".join(sys.argv[1:]).encode())
s.shutdown(socket.SHUT_WR)
said = s.recv(65536).decode()
sys.stderr.write(said)
sys.exit(said != "")
"""
RUN_AS = """#!/bin/sh
# -u postgres -- COMMAND: as the user whose cluster it is
shift 3
exec %s "$@"
"""


def blocks():
    """{name: commands} of every ```sh NAME block."""
    text = (TOP / "docs" / "operator.md").read_text()
    found = re.findall(r"^```sh (\S+)\n(.*?)^```$", text, re.M | re.S)
    assert len(found) == len({name for name, _ in found}), "each has a name of its own"
    return dict(found)


class Guide:
    def __init__(self, server):
        self.server, self.walked = server, set()
        self.bin = FOLDER / "bin"
        self.bin.mkdir(exist_ok=True)
        (self.bin / "systemctl").write_text(STAND_IN % str(FOLDER / "units.sock"))
        (self.bin / "systemctl").chmod(0o755)
        owner = (PG / "data").stat()
        (self.bin / "runuser").write_text(RUN_AS % (f"setpriv --reuid={owner.st_uid} --regid={owner.st_gid} --clear-groups" if os.geteuid() == 0 else ""))
        (self.bin / "runuser").chmod(0o755)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(FOLDER / "units.sock"))
        self.listener.listen()
        threading.Thread(target=self.units, daemon=True).start()
        self.configure(server.name)

    def configure(self, database):
        """kontord's configuration file, of the options that the server has."""
        old, self.server.name = self.server.name, database
        self.server.options = [o.replace(f"dbname={old}", f"dbname={database}") for o in self.server.options]
        lines = [o[2:].replace("=", " = ", 1) for o in self.server.options]
        (FOLDER / "kontord.conf").write_text("".join(line.split(" = ")[0].replace("-", "_") + " = " + line.split(" = ", 1)[1] + "\n" for line in lines))

    def units(self):
        while True:
            line, _ = self.listener.accept()
            with line:
                said = ""
                try:
                    self.unit(*line.recv(4096).decode().split())
                except Exception as error:
                    said = f"{type(error).__name__}: {error}\n"
                line.sendall(said.encode())

    def unit(self, verb, name):
        assert name in ("postgresql", "kontord", "nginx"), name
        if name == "postgresql":
            subprocess.run([PG / verb], check=True)
        if name == "kontord" and verb in ("stop", "restart"):
            self.server.stop()
        if name == "kontord" and verb in ("start", "restart"):
            self.server.start()

    def run(self, name, check=True, **more):
        """Run the guide's block of this name; what it printed."""
        env = {**os.environ, "PATH": f"{self.bin}:{BUILD}:{os.environ['KONTOR_PG_BIN']}:{os.environ['PATH']}", "CONF": str(FOLDER / "kontord.conf"),
               "KONTOR_DATA_DIR": str(self.server.data), "PGDATA": str(PG / "data"), "BACKUPS": str(FOLDER / "backups"),
               "DB": self.server.conninfo(), **more}
        self.walked.add(name)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", blocks()[name]], env=env, capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise AssertionError(f"{name}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def close(self):
        self.listener.close()
        shutil.rmtree(self.bin, ignore_errors=True)
