"""A marketplace of one site, all of it real: kontord, the agent, Slurm, and podman where it runs. What jobs bring along and take
away, and what the calendar offers when Slurm's nodes go and come back."""
import base64
import hashlib
import http.server
import os
import shutil
import tempfile
import threading
import time
import unittest

from cluster import SRC, Cluster, wait
from images import Registry, User, digest_of
from slurm_site import Argv
from slurm_world import SITE, SlurmWorld
import hpke  # these two: which the others know the way to
from replay_world import instant_ms, rfc3339

OTHER, NO_IMAGE, NO_OUTPUT = 82, 83, 84  # docs/start-up.md
HOUR_MS = 3600000
SEALED = {"TOKEN": "hf 'a'\n$(id)\n", "OTHER": "caf\u00e9 \\ %s"}
SHOW = "printf '<%s>' " + " ".join(f'"${name}"' for name in SEALED)
SHOWN = "".join(f"<{value}>" for value in SEALED.values())


class Store:
    """Files over HTTP, as a start-up's own store has them."""

    def __init__(self):
        self.files, store = {"/weights": b"some weights\n"}, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def reply(self, status, data=b""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                self.reply(200 if self.path in store.files else 404, store.files.get(self.path, b""))

            def do_PUT(self):
                store.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(201)
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class Market(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.registry, cls.store = Registry(), Store()
        cls.addClassCleanup(cls.registry.close)
        cls.addClassCleanup(cls.store.close)
        cls.user = User(cls.registry)
        cls.addClassCleanup(cls.user.close)
        cls.cluster = Cluster(None if cls.user.why_not else cls.user.name)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        folder = tempfile.mkdtemp(prefix="kontor-slurm-market.")
        cls.addClassCleanup(shutil.rmtree, folder, True)
        cls.world = world = SlurmWorld(folder, SRC, os.environ["KONTOR_BUILD"], cls.cluster)
        world.make_database("market")
        world.configure("market")
        world.start_server()
        cls.addClassCleanup(world.stop)
        world.seed_site(3)
        world.seed_credits(["one"], {"code": "slurm", "name": "Slurm", "cap_credits": "0", "longest_days": 1098, "decide_days": 0})
        cls.org = world.orgs[0]
        world.sign_in(cls.org)
        world.make_agent(takes="transfer podman secrets", slurm_model="A100").start()
        asked = {**cls.look(1), "needs": ["transfer", "podman", "secrets"]}
        if not wait(lambda: world.person(cls.org, "/v1/quotes", asked)["options"], 30):
            raise AssertionError("the agent does not say what it takes: " + world.agents[SITE].tail())

        cls.argv = Argv()
        cls.addClassCleanup(cls.argv.stop)
        cls.files, cls.images = cls.order_files(), {} if cls.user.why_not else cls.order_images()  # eight, side by side, while another test waits

    @classmethod
    def look(cls, gpus):
        return {"organisation": cls.org["id"], "grant": cls.org["grant"], "gpus": gpus, "walltime_s": 60}

    @classmethod
    def order(cls, **more):
        """The reservation of a job of one GPU."""
        request = cls.world.person(cls.org, "/v1/requests", {**cls.look(1), "name": "job", **more})
        return cls.world.again(cls.org, request["id"])["id"]

    @classmethod
    def order_sealed(cls, **more):
        """The same with secrets, sealed to the key that the site's agent has told."""
        request = cls.world.person(cls.org, "/v1/requests", {**cls.look(1), "name": "job", "secrets": list(SEALED), **more})
        quote = cls.world.person(cls.org, f"/v1/requests/{request['id']}/quotes", {"hold": True})
        seal = next(site["seal"] for site in cls.world.person(cls.org, "/v1/sites")["items"] if site["code"] == SITE)
        sealed = hpke.seal_secrets(base64.b64decode(seal["x25519"]), cls.org["id"], request["id"], request["script_sha256"], SEALED)
        return cls.world.person(cls.org, f"/v1/quotes/{quote['id']}/accept", {"option": 0, "secrets": sealed})["id"]

    @classmethod
    def order_files(cls):
        url, right = cls.store.url, hashlib.sha256(cls.store.files["/weights"]).hexdigest()

        def order(script, sha256=right, order=cls.order):
            return order(template="script", script=f"#!/bin/sh\n{script}\n", inputs=[{"url": url + "/weights", "path": "data/in", "sha256": sha256}],
                             outputs=[{"url": url + "/out", "path": "out"}])
        return {"good": order("tr a-z A-Z <data/in >out; " + SHOW, order=cls.order_sealed), "other": order("echo ran", sha256="ab" * 32),
                "nothing": order("echo ran"), "fails": order("echo ran >out; cat out; exit 9")}

    @classmethod
    def order_images(cls):
        lie = "sha256:" + "cd" * 32
        cls.registry.things[lie] = cls.registry.manifest  # a registry that gives another image than it was asked for

        def order(command, digest=None, order=cls.order):
            image = cls.registry.named(digest) if digest else cls.registry.image
            return order(template="container", parameters={"image": image, "runtime": "podman", "command": command},
                             inputs=[{"url": cls.store.url + "/weights", "path": "a"}], outputs=[{"url": cls.store.url + "/from-image", "path": "b"}])
        return {"good": order("cat /etc/image; id -u; cat ./a; tr a-z A-Z <a >b; echo $KONTOR_GPUS $KONTOR_WALLTIME_S; " + SHOW, order=cls.order_sealed), "fails": order("echo to the end; exit 7"),
                "lie": order("echo ran", lie), "gone": order("echo ran", digest_of(b"no such image"))}

    def became(self, reservation):
        """Of a job that is over: exit code and output."""
        def now(more=""):
            return self.world.person(self.org, f"/v1/reservations/{reservation}{more}")
        self.assertTrue(wait(lambda: now()["state"] == "settled", 120), (now(), self.world.agents[SITE].tail()))
        return now()["exit_code"], now("/output")["output"]

    def test_files_come_and_go(self):
        became = {name: self.became(one) for name, one in self.files.items()}
        self.assertEqual((became["good"], self.store.files["/out"]), ((0, SHOWN), b"SOME WEIGHTS\n"))
        self.assertEqual({name: code for name, (code, _) in became.items()}, {"good": 0, "other": OTHER, "nothing": NO_OUTPUT, "fails": 9})
        self.assertEqual({name for name, (_, said) in became.items() if "ran" in said.splitlines()}, {"nothing", "fails"})
        self.assertIn("its SHA-256 differs", became["other"][1])

    def test_images_run_by_their_digest(self):
        if self.user.why_not:
            self.skipTest(self.user.why_not)
        became = {name: self.became(one) for name, one in self.images.items()}
        self.assertEqual((became["good"], self.store.files["/from-image"]), ((0, "made for a test\n0\nsome weights\n1 60\n" + SHOWN), b"SOME WEIGHTS\n"))
        self.assertEqual(became["fails"], (7, "to the end\n"))
        for name in ("lie", "gone"):
            code, said = became[name]
            self.assertEqual((code, "ran" in said.splitlines(), "the image could not be fetched" in said), (NO_IMAGE, False, True), said)

    def test_secrets_are_in_no_command_line_and_leave_no_file(self):
        """Of the job that is done, run by a shell or by podman, which passes them on by their names."""
        for jobs in (self.files, self.images):
            if jobs:
                self.assertEqual(self.became(jobs["good"])[0], 0)
        self.argv.stop()
        self.assertTrue(any("kontor-" in words for words in self.argv.seen))
        self.assertEqual([words for words in self.argv.seen if any(value in words for value in SEALED.values())], [])
        self.assertEqual([name for _, _, names in os.walk(self.world.folder) for name in names if name.startswith("secret-")], [])

    def offered(self, at_ms=None):
        """GPUs of whole nodes that the site offers in the quarter of an hour at that time, or now: what is over does not change."""
        at_ms = at_ms or int(time.time() * 1000)
        shown = self.world.admin("GET", f"/v1/sites/{SITE}/calendar?from={rfc3339(at_ms)}&step_s=900&columns=1")
        return shown["offerings"][0]["whole_nodes"]["capacity"][0]

    def soonest(self, gpus):
        """In how many hours a job of so many GPUs may start; None: not at all."""
        options = self.world.person(self.org, "/v1/quotes", self.look(gpus))["options"]
        return (instant_ms(options[0]["start"]) - int(time.time() * 1000)) // HOUR_MS if options else None

    def test_a_node_that_goes_is_not_sold(self):
        later = int(time.time() * 1000) // HOUR_MS * HOUR_MS + 30 * HOUR_MS
        self.assertEqual((self.offered(), self.offered(later)), (16, 16))
        self.assertLessEqual(self.soonest(16), 0)
        self.cluster.run("scontrol", "update", "nodename=n1", "state=drain", "reason=fans")
        self.cluster.run("scontrol", "create", "reservation", "reservation=cooling", f"starttime={time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(later / 1000))}", "duration=120",
                         "nodes=n2,n3", "flags=maint", "users=" + self.cluster.user)
        self.assertTrue(wait(lambda: self.offered() == 8, 90), self.world.agents[SITE].tail())
        self.assertGreater(self.soonest(16), 10, "nobody knows when the node is back")
        self.assertLessEqual(self.soonest(8), 0)
        self.assertEqual([self.offered(later + hours * HOUR_MS) for hours in (-1, 0, 1, 2)], [16, 0, 0, 16])
        self.cluster.run("scontrol", "update", "nodename=n1", "state=resume")
        self.cluster.run("scontrol", "delete", "reservationname=cooling")
        self.assertTrue(wait(lambda: (self.offered(), self.offered(later)) == (16, 16), 90), self.world.agents[SITE].tail())
        self.assertLessEqual(self.soonest(16), 0)


if __name__ == "__main__":
    unittest.main()
