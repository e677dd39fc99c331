"""tests/browser/world.py [--rich]: a kontord of its own with the seven sites and their agents as processes, two start-ups,
two officers, a site operator, an administrator. Prints one line of JSON when all is up, and takes everything away when its
input ends. With --rich a few jobs have run before, so that pages have something to show.
Runs under scripts/with-postgres; KONTOR_BUILD names the folder of the build."""
import csv
import json
import os
import pathlib
import subprocess
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(TOP / "tests" / "api"), str(TOP / "tests" / "agent")]
if "KONTOR_TEST_DB" not in os.environ:
    os.execv(str(TOP / "scripts" / "with-postgres"), ["with-postgres", sys.executable, *sys.argv])

from harness import BUILD, Client, Server  # noqa: E402
from mail_server import Post  # noqa: E402
from ports import free_port  # noqa: E402
from provider import real  # noqa: E402
from rig import end_supervisors_in  # noqa: E402

PASSWORD = "correct horse battery"
PEOPLE = [("Inés Ferrer", "ines@brisa.example", "owner", "brisa"), ("Elin Dahl", "elin@nordlys.example", "owner", "nordlys"),
          ("Maren Voss", "maren@investai.example", "officer", None), ("Tomás Lind", "tomas@investai.example", "officer", None),
          ("Aino Laine", "aino@lumi.example", "site_operator", "lumi"), ("Jonas Weber", "jonas@kontor.example", "administrator", None)]

SECRETS = ("lumi", "cineca")  # whose agents take secrets


def rows(table):
    with open(TOP / "scripts" / "federation" / f"{table}.tsv", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def day(ms):
    return time.strftime("%Y-%m-%dT00:00:00.000Z", time.gmtime(ms / 1000))


class World:
    def __init__(self):
        self.agents, self.clients = [], {}
        self.providers, port = pathlib.Path(tempfile.mkdtemp(prefix="kontor-browser-")), free_port()
        self.provider, self.issuer = real(self.providers, port)
        (self.providers / "home-es.conf").unlink()
        self.letters = pathlib.Path(tempfile.mkdtemp(prefix="kontor-letters-"))
        self.post = Post(folder=self.letters)
        self.server = Server(more=[f"--mail-server=smtp://127.0.0.1:{self.post.port}", "--mail-clear", "--mail-from=Kontor <notices@kontor.example>", f"--web-dir={BUILD / 'webroot'}", "--checkpoint-ms=200", f"--providers-dir={self.providers}", f"--listen=127.0.0.1:{port}"])
        self.server.start()
        self.base = f"http://127.0.0.1:{self.server.port}"
        self.local = Client(self.server, local=True)
        try:
            self.seed()
            for site in rows("sites"):
                self.start_agent(site["code"])
            self.wait(lambda: all(s["state"] == "active" for s in self.local.must("GET", "/v1/sites")["items"]), "the sites' agents")
        except BaseException:
            self.remove()
            raise

    def wait(self, ready, what):
        end = time.monotonic() + 180
        while not ready():
            if time.monotonic() > end:
                logs = "".join(path.read_text(errors="replace")[-400:] for path in self.server.data.glob("agents/*/log"))
                raise RuntimeError(f"{what}: not within three minutes\n{self.server.tail()}\n{logs}")
            time.sleep(0.05)

    def order(self, path, body):
        return self.local.must("POST", path, body, status=201, key=True)

    def seed(self):
        for code, name, cap, longest, decide in (("playground", "Playground", "5000", 92, 0), ("fast-lane", "Fast Lane", "50000", 92, 4)):
            self.order("/v1/policies", {"code": code, "name": name, "cap_credits": cap, "longest_days": longest, "decide_days": decide})
        for s in rows("sites"):
            self.order("/v1/sites", {"code": s["code"], "name": s["name"], "system": s["system"], "city": s["city"], "country": s["country"],
                                     "lat_milli": int(s["lat_milli"]), "lon_milli": int(s["lon_milli"]), "assumed": s["assumed"] == "true"})
        for o in rows("offerings"):
            self.order(f"/v1/sites/{o['site']}/offerings", {
                "model": o["model"], "memory_gb": int(o["memory_gb"]), "gpus_per_node": int(o["gpus_per_node"]),
                "max_gpus_one_island": int(o["max_gpus_one_island"]), "kind": o["kind"], "nodes": int(o["nodes"]),
                "brokered_gpus": int(o["brokered_gpus"]), "pool_nodes": int(o["pool_nodes"]), "rate_milli": int(o["rate_milli"]),
                "assumed": o["assumed"] == "true", "rate_assumed": o["rate_assumed"] == "true"})
        fund = self.order("/v1/funds", {"name": "InvestAI", "reference": "C(2026) 187", "credits": "6000000", "reason": "Decision"})
        self.order("/v1/tranches", {"fund": fund["account"], "name": "Reserve", "reference": "C(2026) 187/R", "credits": "60000",
                                    "to_reserve": True, "reason": "Disputes"})
        tranche = self.order("/v1/tranches", {"fund": fund["account"], "name": "Fast Lane 2026", "reference": "C(2026) 187/1",
                                              "credits": "2100000", "reason": "First tranche"})["account"]
        now = time.time() * 1000
        self.organisations, self.grants = {}, {}
        for code, name, country, city, lat, lon in (("brisa", "Brisa Imaging S.L.", "ES", "Valencia", 39470, -376),
                                                    ("nordlys", "Nordlys Språk AB", "SE", "Umeå", 63826, 20263)):
            org = self.order("/v1/organisations", {"name": name, "country": country, "city": city, "lat_milli": lat, "lon_milli": lon})["id"]
            self.organisations[code] = org
        self.grants["brisa"] = self.order("/v1/grants", {
            "organisation": self.organisations["brisa"], "tranche": tranche, "mode": "fast-lane", "credits": "40000", "start": day(now),
            "end": day(now + 90 * 86400000), "reference": "FL-2026-0187", "gge_eur_cents": 6000000, "legal_basis": "gber", "reason": "Grant"})["account"]
        for name, email, role, of in PEOPLE:
            more = {"organisation": self.organisations[of]} if role == "owner" else {"site": of} if of else {}
            self.local.must("POST", "/v1/people", {"name": name, "email": email, "password": PASSWORD, "roles": [{"role": role, **more}]}, status=201)

    def end_guides(self, but=()):
        """Nobody is led through their first steps any more, but for these."""
        kept = ", ".join(f"'{email}'" for email in ("", *but))
        self.server.sql(f"INSERT INTO guide SELECT id, g, 0, true FROM person, generate_series(1, 5) g WHERE email NOT IN ({kept})")

    def start_agent(self, code):
        folder = self.server.data / "agents" / code
        folder.mkdir(parents=True)
        config = folder / "agent.conf"
        config.write_text(f"server = http://127.0.0.1:{self.server.agent_port}\nsite = {code}\nspool_dir = {folder}/spool\nbackend = exec\n"
                          + ("takes = secrets\n" if code in SECRETS else ""))
        token = self.local.must("POST", f"/v1/sites/{code}/agent-tokens", {}, status=201)["token"]
        (folder / "token").write_text(token + "\n")
        (folder / "token").chmod(0o600)
        log = open(folder / "log", "wb")
        agent = str(BUILD / "kontor-agent")
        subprocess.run([agent, "enrol", f"--config={config}", f"--token-file={folder}/token"], stdout=log, stderr=log, check=True)
        self.agents.append(subprocess.Popen([agent, "run", f"--config={config}"], stdout=log, stderr=log))

    def client(self, email):
        if email not in self.clients:
            client = Client(self.server)
            assert client.sign_in(email, PASSWORD).status == 200
            self.clients[email] = client
        return self.clients[email]

    def job(self, name, script, **more):
        """A request of Brisa, quoted and accepted; returns the reservation's id."""
        ines = self.client("ines@brisa.example")
        wants = {"organisation": self.organisations["brisa"], "grant": self.grants["brisa"], "name": name, "gpus": 8, "walltime_s": 3600,
                 "template": "script", "script": "#!/bin/sh\n" + script, **more}
        request = ines.must("POST", "/v1/requests", wants, status=201, key=True)
        quote = ines.must("POST", f"/v1/requests/{request['id']}/quotes", {"hold": True}, status=201, key=True)
        return ines.must("POST", f"/v1/quotes/{quote['id']}/accept", {"option": 0}, status=201, key=True)["id"]

    def state(self, reservation):
        return self.client("ines@brisa.example").must("GET", f"/v1/reservations/{reservation}")["state"]

    def rich(self):
        done = [self.job("denoise first try", "echo step 1; echo done\n", gpus=4), self.job("augmentation test", "echo no such file >&2; exit 3\n", gpus=16)]
        running = self.job("ct-seg-v4 pretrain", "for i in 1 2 3 4 5 6; do echo \"step $i  loss 0.$((9 - i))15  lr 1.8e-04\"; done; sleep 1800\n", gpus=64, walltime_s=54 * 3600)
        later = time.strftime("%Y-%m-%dT06:00:00.000Z", time.gmtime(time.time() + 2 * 86400))
        self.job("ct-seg-v4 evaluation", "echo later\n", gpus=16, walltime_s=12 * 3600, earliest_start=later)
        self.wait(lambda: all(self.state(r) in ("settled", "voided") for r in done) and self.state(running) == "running", "the jobs")

    def remove(self):
        for agent in self.agents:
            agent.terminate()
        for agent in self.agents:
            try:
                agent.wait(timeout=10)
            except subprocess.TimeoutExpired:
                agent.kill()
        end_supervisors_in(self.server.data)
        self.server.remove()
        self.provider.terminate()
        self.post.close()
        for folder in (self.providers, self.letters):
            shutil.rmtree(folder, ignore_errors=True)


def main():
    world = World()
    try:
        rich = "--rich" in sys.argv
        if rich:
            world.rich()
        world.end_guides(but=[email for _, email, role, of in PEOPLE if of != "brisa"] if rich else [])
        print(json.dumps({"base": world.base, "password": PASSWORD, "organisations": world.organisations, "grants": world.grants, "issuer": world.issuer,
                          "database": world.server.conninfo(), "letters": str(world.letters)}), flush=True)
        sys.stdin.read()
    finally:
        world.remove()


if __name__ == "__main__":
    main()
