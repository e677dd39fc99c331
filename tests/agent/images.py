"""Images for tests: one made of this machine's own files, a registry on loopback that has it by its digest, and a user of this
machine whose podman works."""
import hashlib
import http.server
import io
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tarfile
import tempfile
import threading

PROGRAMS = ("bash", "cat", "tr", "id")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

# What a user's podman is told, from the least on: as it is installed; copies instead of overlays; and for kernels and containers in
# which the runtime that it prefers finds no control groups to its liking, the other one, without a network of its own.
WAYS = (
    {},
    {"storage.conf": '[storage]\ndriver = "vfs"\n'},
    {"storage.conf": '[storage]\ndriver = "vfs"\n',
     "containers.conf": '[containers]\nnetns = "host"\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'},
)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def files_of(program):
    """A program of this machine and the libraries that it loads."""
    path = shutil.which(program, path="/usr/bin:/bin")
    said = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout
    return [path, *(word for line in said.splitlines() for word in line.split() if word.startswith("/"))]


def layer():
    data, had = io.BytesIO(), set()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted({path for program in PROGRAMS for path in files_of(program)}):
            for name in (path, "/usr/bin/" + os.path.basename(path)) if "/bin/" in path else (path,):
                if name not in had:
                    had.add(name)
                    with open(path, "rb") as f:
                        info = tarfile.TarInfo(name[1:])
                        info.size, info.mode = os.fstat(f.fileno()).st_size, 0o755
                        tar.addfile(info, f)
        mark = tarfile.TarInfo("etc/image")
        mark.size = len(b"made for a test\n")
        tar.addfile(mark, io.BytesIO(b"made for a test\n"))
    return data.getvalue()


class Registry:
    """Of one image, and of whatever a test puts under a digest: it may lie."""

    def __init__(self):
        data = layer()
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin:/bin"]},
                             "rootfs": {"type": "layers", "diff_ids": [digest_of(data)]}}).encode()
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": self.part("application/vnd.oci.image.config.v1+json", config),
                                    "layers": [self.part("application/vnd.oci.image.layer.v1.tar", data)]}).encode()
        self.things = {digest_of(thing): thing for thing in (data, config, self.manifest)}
        self.asked = []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                registry.answer(self)

            do_HEAD = do_GET
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        threading.Thread(target=self.httpd.serve_forever, args=(0.05,), daemon=True).start()
        self.host = f"127.0.0.1:{self.httpd.server_port}"
        self.image = self.named(digest_of(self.manifest))

    @staticmethod
    def part(kind, data):
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def named(self, digest):
        return f"{self.host}/team/train@{digest}"

    def answer(self, h):
        kind, name = h.path.split("/")[-2:]
        self.asked.append(h.path)
        data = b"{}" if h.path == "/v2/" else self.things.get(name)
        h.send_response(200 if data else 404)
        h.send_header("Content-Type", MANIFEST if kind == "manifests" else "application/octet-stream")
        h.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if kind == "manifests" and data:
            h.send_header("Docker-Content-Digest", name)
        h.send_header("Content-Length", str(len(data or b"")))
        h.end_headers()
        if h.command == "GET":
            h.wfile.write(data or b"")

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class User:
    """One of this machine, for a test's length, who may run images. why_not says why not."""

    def __init__(self, registry):
        self.name, self.why_not = f"kt{os.getpid()}img", None
        self.home = tempfile.mkdtemp(prefix="kontor-images.", dir="/tmp")
        missing = [name for name in ("podman", "useradd", "newuidmap") if not shutil.which(name, path="/usr/sbin:/usr/bin:/bin")]
        if os.getuid() != 0:
            self.why_not = "only root may make a user whose podman knows the test's registry"
        elif missing:
            self.why_not = "there is no " + ", ".join(missing)
        else:
            subprocess.run(["useradd", "--no-create-home", "--home-dir", self.home, "--shell", "/bin/sh", self.name], check=True)
            self.of = pwd.getpwnam(self.name)
            os.chmod(self.home, 0o755)
            self.own(self.home)
            self.why_not = self.find_way(registry)

    def own(self, path):
        os.chown(path, self.of.pw_uid, self.of.pw_gid)

    def as_user(self):
        return ["setpriv", f"--reuid={self.of.pw_uid}", f"--regid={self.of.pw_gid}", "--init-groups"]

    def podman(self, *args):
        return subprocess.run([*self.as_user(), "env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "podman", *args], cwd=self.home, capture_output=True, text=True,
                              timeout=120, check=False, stdin=subprocess.DEVNULL)

    def find_way(self, registry):
        folder, said = pathlib.Path(self.home) / ".config" / "containers", []
        for way in WAYS:
            self.forget()
            folder.mkdir(parents=True)
            for name, text in {**way, "registries.conf": f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n'}.items():
                (folder / name).write_text(text, encoding="ascii")
            for path in (folder.parent, folder, *folder.iterdir()):
                self.own(path)
            done = self.podman("run", "--rm", registry.image, "bash", "-c", "cat /etc/image")
            if (done.returncode, done.stdout) == (0, "made for a test\n"):
                self.podman("rmi", "--all", "--force")
                return None
            said.append(f"{sorted(way)}: {(done.stderr.splitlines() or ['?'])[-1]}")
        return "podman runs no image here: " + "; ".join(said)

    def forget(self):
        """What keeps its namespaces, and all that it has stored, some of it as other users of its own."""
        for folder, _, names in os.walk(f"/tmp/podman-run-{self.of.pw_uid}"):
            if "pause.pid" in names:
                with open(os.path.join(folder, "pause.pid"), encoding="ascii") as f:
                    subprocess.run(["kill", "-9", f.read().strip()], check=False, stderr=subprocess.DEVNULL)
        for path in (f"/tmp/podman-run-{self.of.pw_uid}", f"{self.home}/.local", f"{self.home}/.config", f"{self.home}/.cache"):
            shutil.rmtree(path, ignore_errors=True)

    def close(self):
        if hasattr(self, "of"):
            self.forget()
            subprocess.run(["userdel", self.name], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.home, ignore_errors=True)
