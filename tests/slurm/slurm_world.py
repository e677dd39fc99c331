"""A real kontord (tests/bench/replay_world.py) whose one site is a real Slurm cluster with a real agent in front of it."""
import http.client
import json
import os
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "bench")]
from replay_world import Process, Refused, World  # noqa: E402

SITE = "slurm"
OFFERING = {"model": "A100", "memory_gb": 64, "gpus_per_node": 8, "max_gpus_one_island": 64, "kind": "batch", "rate_milli": 1000}


class SlurmWorld(World):
    """The marketplace may have sold more than the cluster's 24 GPUs: what does not fit waits in Slurm's queue."""

    def __init__(self, folder, src, build, cluster):
        super().__init__(folder, src, build, 1)
        self.cluster = cluster

    def seed_site(self, nodes):
        self.admin("POST", "/v1/sites", {"code": SITE, "name": "Slurm", "system": "Slurm", "city": "Bonn", "country": "DE",
                                         "lat_milli": 50733, "lon_milli": 7100})
        self.offering = self.admin("POST", f"/v1/sites/{SITE}/offerings", {
            **OFFERING, "nodes": nodes, "brokered_gpus": nodes * 8, "pool_nodes": nodes // 2})
        self.agents[SITE] = None

    def make_agent(self, **options):
        """Enrolled, not started; it runs as the cluster's user, as all organisations' jobs do."""
        cluster, folder = self.cluster, os.path.join(self.folder, "agents")
        jobs, users, conf = (os.path.join(folder, name) for name in ("jobs", "users", "conf"))
        os.makedirs(os.path.join(jobs, cluster.user))
        with open(os.open(users, os.O_WRONLY | os.O_CREAT, 0o644), "w", encoding="ascii") as f:
            f.writelines(f"{org['id']} {cluster.user} org-a\n" for org in self.orgs)
        said = {"server": " ".join(f"http://127.0.0.1:{s.agent_port}" for s in self.servers), "site": SITE, "spool_dir": os.path.join(folder, "spool"),
                "backend": "slurm", "slurm_folder": jobs, "slurm_users": users, "slurm_conf": cluster.conf, "slurm_gpu_type": "a100",
                "slurm_partition": "gpu", **options}
        with open(conf, "w", encoding="ascii") as f:
            f.writelines(f"{name} = {value}\n" for name, value in said.items())
        token = os.path.join(folder, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(self.admin("POST", f"/v1/sites/{SITE}/agent-tokens", {})["token"])
        for path in (folder, jobs, os.path.join(jobs, cluster.user), users, token):
            cluster.own(path)
        command = [*cluster.as_user(), self.tool("kontor-agent")]
        process = Process("agent", [*command, "run", f"--config={conf}"], self.log("agent"))
        enrol = Process("enrol", [*command, "enrol", f"--config={conf}", f"--token-file={token}"], self.log("agent"))
        enrol.start()
        if enrol.popen.wait(60):
            raise SystemExit(f"the agent cannot be enrolled\n{enrol.tail()}")
        self.agents[SITE] = process
        return process

    @property
    def spool(self):
        return os.path.join(self.folder, "agents", "spool")

    # ---- start-ups ---------------------------------------------------------------------------------------------------
    def person(self, org, path, body=None, patience_s=120):
        """One call of a start-up, with one key, until a server gives an answer that stands. Without a body it asks only."""
        until, key, turn = time.monotonic() + patience_s, str(uuid.uuid4()), 0
        while True:
            server = self.servers[turn % len(self.servers)]
            turn += 1
            c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=35 if len(self.servers) == 1 else 5)
            try:
                if body is None:
                    c.request("GET", path, headers={"Cookie": org["cookie"]})
                else:
                    c.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Cookie": org["cookie"],
                                                               "X-CSRF-Token": org["csrf"], "Idempotency-Key": key})
                answer = c.getresponse()
                text = answer.read()
                if answer.status < 300:
                    return json.loads(text)
                if answer.status not in (429, 503) or time.monotonic() > until:
                    raise Refused(answer.status, text.decode(errors="replace")[:400])
            except (OSError, http.client.HTTPException, ValueError):
                if time.monotonic() > until:
                    raise
            finally:
                c.close()
            time.sleep(0.1)

    def order(self, org, script, gpus=1, walltime_s=60):
        """From the request to the accepted quote: the reservation."""
        request = self.person(org, "/v1/requests", {
            "organisation": org["id"], "grant": org["grant"], "name": "job", "gpus": gpus, "walltime_s": walltime_s, "memory_gb": 0,
            "model": "", "countries": [], "one_island": False, "kind": "batch", "preference": "soonest", "move_freely": False,
            "template": "script", "script": script})
        return self.again(org, request["id"])

    def again(self, org, request):
        """Another quote for a request, accepted: the reservation."""
        while True:
            quote = self.person(org, f"/v1/requests/{request}/quotes", {"hold": True})
            try:
                return self.person(org, f"/v1/quotes/{quote['id']}/accept", {"option": 0})
            except Refused as fault:
                if fault.status != 409:  # a server that died may have let its quote go
                    raise


class Orders(threading.Thread):
    """Jobs that are ordered one after the other, at a rate."""

    def __init__(self, world, scripts, rate, threads=4):
        super().__init__(daemon=True)
        self.world, self.scripts, self.rate = world, scripts, rate
        self.placed, self.faults = {}, []
        self.lock, self.next, self.began = threading.Lock(), 0, 0.0
        self.hands = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]

    def run(self):
        self.began = time.monotonic()
        for hand in self.hands:
            hand.start()
        for hand in self.hands:
            hand.join()

    def work(self):
        while True:
            with self.lock:
                i = self.next
                self.next += 1
            if i >= len(self.scripts):
                return
            time.sleep(max(0.0, self.began + i / self.rate - time.monotonic()))
            try:
                reservation = self.world.order(self.world.orgs[i % len(self.world.orgs)], self.scripts[i])
                self.placed[i] = reservation
            except (Refused, OSError, http.client.HTTPException) as fault:
                self.faults.append(f"job {i}: {fault!r}")
