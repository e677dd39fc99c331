"""What a template makes of a request, as a site gets it: read from the API, and run here as a site's user would run it, beside
a store of files over HTTP and programs that stand for Apptainer and Podman. What goes wrong has an exit code of its own."""
import hashlib
import http.server
import pathlib
import subprocess
import tempfile
import threading

from world import Agent

IMAGE = "registry.example/team/train@sha256:" + "ab" * 32
GONE, LARGE, OTHER, RUNTIME, NO_OUTPUT, LARGE_OUTPUT, NOT_PUT = range(80, 87)
WORDS = ["transfer", "apptainer", "podman"]
FILES = {"/in": b"some weights\n", "/long": b"x" * (3 << 20)}


class Store(http.server.BaseHTTPRequestHandler):
    put = {}

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/in")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = FILES.get(self.path.removesuffix("?chunked"))
        self.send_response(200 if data else 404)
        if not self.path.endswith("?chunked"):  # else nobody knows beforehand how long it is
            self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        Store.put[self.path] = data
        self.send_response(403 if self.path == "/shut" else 201)
        self.send_header("Content-Length", "0")
        self.end_headers()


STORE = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
URL = f"http://127.0.0.1:{STORE.server_port}"
threading.Thread(target=STORE.serve_forever, args=(0.05,), daemon=True).start()


def made(world, **more):
    """The request as it was taken: its script, and what was kept of its form."""
    asked = {name: value for name, value in world.wants(**more).items() if value is not None}
    return world.people["brisa"].must("POST", "/v1/requests", asked, status=201, key=True)


def run(script, *, runtimes=(), good_pull=True):
    """Exit code, what was said, and the folder's files."""
    with tempfile.TemporaryDirectory() as root:
        work, programs = pathlib.Path(root) / "work", pathlib.Path(root) / "bin"
        work.mkdir(), programs.mkdir()
        for name in ("bash", "sh", "curl", "mkdir", "dirname", "stat", "sha256sum", "cat", "chmod", "echo", "sleep", "dd", "rm", "cp", "tr"):
            (programs / name).symlink_to(f"/usr/bin/{name}")
        for name in runtimes:  # does what the last three words say: bash -c COMMAND
            (programs / name).write_text("#!/bin/sh\necho \"$0 $*\" >>../called\n" + ('case $1 in pull) exit 0 ;; esac\n' if good_pull else 'case $1 in pull) exit 1 ;; esac\n')
                                         + 'while [ $# -gt 3 ]; do shift; done\nexec "$@"\n')
            (programs / name).chmod(0o755)
        (pathlib.Path(root) / "payload").write_text(script)
        (pathlib.Path(root) / "payload").chmod(0o755)
        done = subprocess.run([f"{root}/payload"], cwd=work, env={"PATH": str(programs), "KONTOR_WALLTIME_S": "20", "KONTOR_GPUS": "8"}, capture_output=True,
                              text=True, timeout=60)
        called = pathlib.Path(root) / "called"
        return done.returncode, done.stdout + done.stderr, called.read_text().replace(str(programs) + "/", "") if called.exists() else ""


def test_files_go_in_and_out(world):
    request = made(world, script="#!/bin/sh\ntr a-z A-Z <data/in >out\necho ran; cat moved <<'KONTOR_RUN'\nKONTOR_RUN\n",
                   inputs=[{"url": URL + "/in", "path": "data/in", "sha256": hashlib.sha256(FILES["/in"]).hexdigest()}, {"url": URL + "/moved", "path": "moved"}],
                   outputs=[{"url": URL + "/out?signature=a%20b&x=1", "path": "out"}])
    code, said, _ = run(request["script"])
    assert (code, said) == (0, "ran\nsome weights\n"), (code, said)
    assert Store.put["/out?signature=a%20b&x=1"] == b"SOME WEIGHTS\n"
    assert request["parameters"]["script"].startswith("#!/bin/sh\ntr") and request["parameters"]["inputs"][0]["path"] == "data/in" and request["parameters"]["outputs"][0]["max_mb"] == 65536, request["parameters"]


def test_each_failure_has_its_own_code(world):
    def code(script="true", inputs=(), outputs=()):
        Store.put.clear()
        request = made(world, script=f"#!/bin/sh\necho ran\n{script}\n", inputs=[{"path": "a", **i} for i in inputs], outputs=[{"path": "b", **o} for o in outputs])
        status, said, _ = run(request["script"])
        return status, "ran" in said
    assert code(inputs=[{"url": URL + "/gone"}]) == (GONE, False)
    assert code(inputs=[{"url": "http://127.0.0.1:1/"}])[0] == GONE
    assert code(inputs=[{"url": URL + "/in", "sha256": "0" * 64}]) == (OTHER, False)
    assert code(inputs=[{"url": URL + "/long", "max_mb": 2}]) == (LARGE, False)
    assert code(inputs=[{"url": URL + "/long?chunked", "max_mb": 2}]) == (LARGE, False)
    assert code(inputs=[{"url": URL + "/long?chunked", "max_mb": 3}]) == (0, True)
    assert code(outputs=[{"url": URL + "/b"}]) == (NO_OUTPUT, True)
    assert code("dd if=/dev/zero of=b bs=1048576 count=2 2>/dev/null", outputs=[{"url": URL + "/b", "max_mb": 1}]) == (LARGE_OUTPUT, True)
    assert code("echo 1 >b", outputs=[{"url": URL + "/shut"}]) == (NOT_PUT, True)
    assert code("echo 1 >b; exit 7", outputs=[{"url": URL + "/b"}]) == (7, True) and not Store.put, "what fails puts nothing"


def test_images_are_named_by_their_digest(world):
    for runtime in ("apptainer", "podman"):
        request = made(world, template="container", script=None, parameters={"image": IMAGE, "runtime": runtime, "command": "echo 'it''s' $KONTOR_GPUS; exit 3"})
        code, said, called = run(request["script"], runtimes=[runtime])
        assert (code, said) == (3, "its 8\n"), (code, said)
        assert ("docker://" if runtime == "apptainer" else " ") + IMAGE in called.splitlines()[0] and "pull" in called.splitlines()[0], called
        code, said, _ = run(request["script"], runtimes=[runtime], good_pull=False)
        assert code == RUNTIME and "could not be fetched" in said, said
        code, said, _ = run(request["script"])
        assert code == RUNTIME and f"no {runtime} here" in said, said
    request = made(world, template="container", script=None, parameters={"image": IMAGE, "command": "cat a >b"}, inputs=[{"url": URL + "/in", "path": "a"}],
                   outputs=[{"url": URL + "/b", "path": "b"}])
    assert run(request["script"], runtimes=["apptainer"])[0] == 0 and Store.put["/b"] == FILES["/in"]


def test_what_cannot_be_asked(world):
    brisa = world.people["brisa"]
    for more, pointer in (({"inputs": [{"url": "file:///etc/passwd", "path": "a"}]}, "/inputs/0/url"), ({"inputs": [{"url": "http://", "path": "a"}]}, "/inputs/0/url"),
                          ({"inputs": [{"url": "https://a.example/`id`", "path": "a"}]}, "/inputs/0/url"), ({"inputs": [{"url": "https://a.example/\n", "path": "a"}]}, "/inputs/0/url"),
                          *(({"inputs": [{"url": "https://a.example/", "path": path}]}, "/inputs/0/path")
                            for path in ("/etc/passwd", "../a", "a/../../b", "a//b", "a b", "$(id)", "-rf", "a/-o", ".", "a/", "'")),
                          ({"inputs": [{"url": "https://a.example/", "path": "a", "sha256": "AB" * 32}]}, "/inputs/0/sha256"),
                          ({"outputs": [{"url": "https://a.example/", "path": "a", "sha256": "ab" * 32}]}, "/outputs/0/sha256"),
                          ({"outputs": [{"url": "https://a.example/", "path": "a", "max_mb": 0}]}, "/outputs/0/max_mb"),
                          ({"inputs": [{"url": "https://a.example/", "path": "a"}] * 17}, "/inputs")):
        reply = brisa.post("/v1/requests", world.wants(**more), key=True)
        assert reply.status == 422 and reply.json["pointer"] == pointer, (more, reply.json)
    for image in ("a/b", "a/b:latest", "a/b@sha256:" + "ab" * 31, "a/b@sha256:" + "AB" * 32, "@sha256:" + "ab" * 32, "a b@sha256:" + "ab" * 32, "a'b@sha256:" + "ab" * 32,
                  "--help@sha256:" + "ab" * 32):
        asked = {**world.wants(), "template": "container", "parameters": {"image": image, "command": "true"}}
        del asked["script"]
        reply = brisa.post("/v1/requests", asked, key=True)
        assert reply.status == 422 and reply.json["pointer"] == "/parameters/image", (image, reply.json)
    assert brisa.post("/v1/requests", world.wants(script="#!/bin/sh\n" + "x" * 65000, inputs=[{"url": "https://a.example/", "path": "a"}]), key=True).json["pointer"] == "/script"


def test_only_sites_that_take_it_are_asked(world):
    brisa, agent = world.people["brisa"], Agent(world, "lumi")
    agent.seq = 0
    look = {k: v for k, v in world.wants().items() if k not in ("name", "template", "script")}

    def opened(takes):
        reply = agent.call("POST", "/v1/agent/instance", {"last_confirmed_seq": 0, "last_receipted_report": agent.number, "checkpoint": None, "takes": takes})
        assert reply.status == 201, reply
        agent.instance = reply.json["instance"]

    opened(["transfer"])
    refused = brisa.must("POST", "/v1/quotes", {**look, "needs": ["transfer", "apptainer"]})["refusals"]
    texts = {r["site"]: r["text"] for r in refused}
    assert texts["lumi"] == "Does not take images for Apptainer." and texts["bsc"] == "Does not take inputs and outputs by URL and images for Apptainer.", texts
    assert brisa.post("/v1/quotes", {**look, "needs": ["teleport"]}).json["pointer"] == "/needs"
    opened(WORDS)
    request = made(world, template="container", script=None, parameters={"image": IMAGE, "command": "true"}, inputs=[{"url": URL + "/in", "path": "a"}])
    quote = brisa.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
    assert [o["site"] for o in quote["options"]] == ["lumi"], quote
    brisa.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)
    ticket = agent.claims(agent.tickets(wait=5).json["tickets"][-1]["jws"])
    assert ticket["needs"] == ["transfer", "apptainer"], ticket
    assert ticket["workload"]["sha256"] == hashlib.sha256(request["script"].encode()).hexdigest()
    plain = made(world)
    quote = brisa.must("POST", f"/v1/requests/{plain['id']}/quotes", {"hold": True}, status=201, key=True)
    assert len(quote["options"]) > 1, "a plain script runs everywhere"
