"""The processes of a live replay: one kontord or several, seven agents, and the operator's and the start-ups' way to them.

Everything lives in one throw-away folder, listens on loopback at ports that were free, and is ended by its own pid.
The database is the one that scripts/with-postgres has started.
"""
import csv
import datetime
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
from ports import free_ports  # noqa: E402

UTC = datetime.timezone.utc


class Refused(Exception):
    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem}")
        self.status = status


def rfc3339(ms):
    t = datetime.datetime.fromtimestamp(ms / 1000, UTC)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def instant_ms(text):
    t = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(t.timestamp()) * 1000 + (int(text[20:23]) if text[19] == "." else 0)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=35):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Process:
    """A program that is started, killed and started again; its output goes to one log."""

    def __init__(self, name, args, log):
        self.name, self.args, self.log = name, args, log
        self.popen = None
        self.kills = 0

    def start(self):
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.args() if callable(self.args) else self.args, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        self.kills += 1

    def freeze(self):
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self):
        if self.popen is not None and self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)

    def stop(self):
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def dead(self):
        return self.popen.poll() is not None

    def tail(self, lines=15):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-lines:])


class Server:
    """One kontord of a world: its folder, its ports, its process."""

    def __init__(self, world, name="kontord", folder="data"):
        self.world, self.name = world, name
        self.port, self.agent_port = free_ports(2)
        self.data = os.path.join(world.folder, folder)
        self.conf = os.path.join(self.data, "kontord.conf")
        self.process = None
        os.makedirs(self.data, mode=0o700)

    def configure(self, database, host, port, more):
        base = f"host={host} port={port} dbname={database}"
        world = self.world
        with open(self.conf, "w") as f:
            f.write(f"db_owner = {base} user=kontor_owner\ndb_writer = {base} user=kontor_writer\n"
                    f"db_worker = {base} user=kontor_worker\ndata_dir = {self.data}\n"
                    f"migrations_dir = {os.path.join(world.src, 'migrations')}\n"
                    f"web_dir = {world.folder}\n"
                    f"listen = 127.0.0.1:{self.port}\nlisten_agents = 127.0.0.1:{self.agent_port}\n"
                    f"origin = localhost/replay\nsimulation = yes\nclock_rate = {world.rate}\n"
                    f"clock_origin = {rfc3339(world.origin_ms)}\n" + "".join(f"{line}\n" for line in more))

    def launch(self):
        if self.process is None:
            self.process = Process(self.name, [self.world.tool("kontord"), "serve", f"--config={self.conf}"],
                                   self.world.log(self.name))
        self.process.start()

    def health(self, what, timeout=5):
        """What /health/WHAT says: (status, the answer); (0, {}) if nobody answers in time."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request("GET", f"/health/{what}")
            answer = c.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            c.close()

    def wait(self, what, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.dead():
                raise SystemExit(f"replay: {self.name} ended by itself\n{self.process.tail()}")
            if self.health(what)[0] == 200:
                return
            time.sleep(0.02)
        raise SystemExit(f"replay: {self.name} is not {what} within {seconds} s\n{self.process.tail()}")


class World:
    def __init__(self, folder, src, build, clock_rate):
        self.folder, self.src, self.build, self.rate = folder, src, build, clock_rate
        self.agents = {}
        self.orgs = []
        self.origin_ms = int(time.time() * 1000)
        self.servers = [Server(self)]
        self.ended = False
        os.makedirs(os.path.join(folder, "log"), exist_ok=True)
        self.share = os.path.join(folder, "share")
        os.mkdir(self.share)
        os.chmod(self.share, 0o1777)  # jobs may run as another user
        os.chmod(folder, 0o755)

    port = property(lambda self: self.servers[0].port)
    agent_port = property(lambda self: self.servers[0].agent_port)
    data = property(lambda self: self.servers[0].data)
    conf = property(lambda self: self.servers[0].conf)
    kontord = property(lambda self: self.servers[0].process)

    def tool(self, name):
        return os.path.join(self.build, name)

    def log(self, name):
        return os.path.join(self.folder, "log", f"{name}.log")

    # ---- server -----------------------------------------------------------------------------------------------------
    def make_database(self, name="kontor"):
        def sql(text, database="postgres"):
            subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text], check=True,
                           stdout=subprocess.DEVNULL)
        sql("DO $$BEGIN CREATE ROLE kontor_owner LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object THEN END$$")
        sql(f"CREATE DATABASE {name} OWNER kontor_owner")

    def configure(self, database="kontor", more=(), host=None, port=None):
        self.servers[0].configure(database, host or os.environ["PGHOST"], port or os.environ["PGPORT"], more)
        for verb in ("migrate", "keygen"):
            with open(self.log(verb), "ab") as log:
                subprocess.run([self.tool("kontord"), verb, f"--config={self.conf}"], check=True, stdout=log, stderr=log)

    def start_server(self):
        self.servers[0].launch()
        self.wait_ready()

    def add_server(self, name, database="kontor", more=(), host=None, port=None):
        """Another one on the same database, with the same keys and clock; not started."""
        server = Server(self, name, name)
        server.configure(database, host or os.environ["PGHOST"], port or os.environ["PGPORT"], more)
        for file in os.listdir(self.data):
            if file == "clock" or file.endswith(".key"):
                shutil.copy2(os.path.join(self.data, file), os.path.join(server.data, file))
        self.servers.append(server)
        return server

    def wait_ready(self, seconds=60):
        self.servers[0].wait("ready", seconds)

    def addresses(self):
        """Where people reach the servers, for replay_driver."""
        return ",".join(f"127.0.0.1:{s.port}" for s in self.servers)

    def admin(self, method, path, body=None, key=None, patience_s=60):
        """One call of the local operator, repeated with the same key while the server is away, at each in turn."""
        until, turn = time.monotonic() + patience_s, 0
        headers = {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid.uuid4())}
        while True:
            try:
                c = UnixConnection(os.path.join(self.servers[turn % len(self.servers)].data, "admin.sock"),
                                   35 if len(self.servers) == 1 else 3)
                turn += 1
                c.request(method, path, None if body is None else json.dumps(body), headers)
                answer = c.getresponse()
                text = answer.read()
                if answer.status < 300:
                    return json.loads(text) if text else {}
                if answer.status not in (429, 503) or time.monotonic() > until:
                    raise Refused(answer.status, text.decode(errors="replace")[:400])
            except (OSError, http.client.HTTPException):
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def items(self, path):
        """All items of a list, page by page."""
        cursor, joint = None, "&" if "?" in path else "?"
        while True:
            page = self.admin("GET", f"{path}{joint}limit=100" + (f"&cursor={cursor}" if cursor else ""))
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    # ---- who is there -----------------------------------------------------------------------------------------------
    def table(self, name):
        with open(os.path.join(self.src, "scripts", "federation", f"{name}.tsv"), newline="") as f:
            return list(csv.DictReader(f, delimiter="\t"))

    def seed_sites(self, nodes_each):
        """The seven sites; each brokers at most nodes_each nodes, half of them for jobs below a node."""
        for row in self.table("sites"):
            self.admin("POST", "/v1/sites", {
                "code": row["code"], "name": row["name"], "system": row["system"], "city": row["city"],
                "country": row["country"], "lat_milli": int(row["lat_milli"]), "lon_milli": int(row["lon_milli"]),
                "assumed": True})
            self.agents[row["code"]] = None
        for row in self.table("offerings"):
            if row["kind"] != "batch":
                continue
            per_node = int(row["gpus_per_node"])
            self.admin("POST", f"/v1/sites/{row['site']}/offerings", {
                "model": row["model"], "memory_gb": int(row["memory_gb"]), "gpus_per_node": per_node,
                "max_gpus_one_island": int(row["max_gpus_one_island"]), "kind": "batch", "nodes": nodes_each,
                "brokered_gpus": nodes_each * per_node, "pool_nodes": nodes_each // 2, "rate_milli": int(row["rate_milli"]),
                "assumed": True, "rate_assumed": True})

    def seed_credits(self, clusters, policy):
        start, end = self.origin_ms - 86400_000, self.origin_ms + 1090 * 86400_000
        self.admin("POST", "/v1/policies", policy)
        fund = self.admin("POST", "/v1/funds", {"name": "Replay", "reference": "REPLAY-1", "credits": "100000000000",
                                                "reason": "A replayed trace"})
        for name, credits, reserve in (("Reserve", "1000000000", True), ("Replay", "90000000000", False)):
            tranche = self.admin("POST", "/v1/tranches", {
                "fund": fund["account"], "name": name, "reference": f"REPLAY-1/{name}", "credits": credits,
                "to_reserve": reserve, "reason": "A replayed trace"})
        homes = self.table("sites")
        for i, cluster in enumerate(clusters):
            home = homes[i % len(homes)]
            org = self.admin("POST", "/v1/organisations", {
                "name": f"Cluster {cluster}", "country": home["country"], "city": home["city"],
                "lat_milli": int(home["lat_milli"]), "lon_milli": int(home["lon_milli"])})
            email, password = f"{cluster}@replay.example", uuid.uuid4().hex
            self.admin("POST", "/v1/people", {"name": f"Owner of {cluster}", "email": email, "password": password,
                                              "roles": [{"role": "owner", "organisation": org["id"]}]})
            grant = self.admin("POST", "/v1/grants", {
                "organisation": org["id"], "tranche": tranche["account"], "mode": policy["code"],
                "credits": str(90_000_000_000 // (len(clusters) + 1)), "start": rfc3339(start), "end": rfc3339(end),
                "reference": f"REPLAY-{i}", "gge_eur_cents": 0, "legal_basis": "gber", "reason": "A replayed trace"})
            self.orgs.append({"cluster": cluster, "id": org["id"], "grant": grant["account"], "email": email,
                              "password": password})

    def sign_in(self, org):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request("POST", "/v1/session", json.dumps({"email": org["email"], "password": org["password"]}),
                  {"Content-Type": "application/json"})
        answer = c.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            raise Refused(answer.status, body)
        org["cookie"] = answer.getheader("Set-Cookie").split(";")[0]
        org["csrf"] = body["csrf"]

    # ---- agents -----------------------------------------------------------------------------------------------------
    def start_agents(self, options):
        urls = " ".join(f"http://127.0.0.1:{s.agent_port}" for s in self.servers)
        for code in self.agents:
            folder = os.path.join(self.folder, "agents", code)
            os.makedirs(folder)
            conf = os.path.join(folder, "agent.conf")
            with open(conf, "w") as f:
                f.write(f"server = {urls}\nsite = {code}\nspool_dir = {folder}/spool\n"
                        f"backend = exec\nshare = {self.share}\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
            token = self.admin("POST", f"/v1/sites/{code}/agent-tokens", {})["token"]
            token_file = os.path.join(folder, "token")
            with open(token_file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
                f.write(token)
            with open(self.log(f"agent-{code}"), "ab") as log:
                subprocess.run([self.tool("kontor-agent"), "enrol", f"--config={conf}", f"--token-file={token_file}"],
                               check=True, stdout=log, stderr=log)
            self.agents[code] = Process(f"agent {code}", [self.tool("kontor-agent"), "run", f"--config={conf}"],
                                        self.log(f"agent-{code}"))
            self.agents[code].start()

    # ---- the end ----------------------------------------------------------------------------------------------------
    def stop(self):
        """End all that runs, frozen or not."""
        self.ended = True
        processes = [p for p in list(self.agents.values()) + [s.process for s in self.servers] if p]
        for process in processes:
            process.thaw()
        for process in processes:
            process.stop()
        self.end_supervisors()

    def supervisors(self):
        """Jobs outlive an agent on purpose; ours are told by this run's folder in their words."""
        mark = os.path.join(self.folder, "agents").encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read()
            except OSError:
                continue
            if mark in words and b"supervise" in words:
                yield int(pid)

    def end_supervisors(self):
        for pid in self.supervisors():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def audit(self):
        """Export the journal, verify it by the auditor's program. (exit status, its report, what it says)"""
        export = os.path.join(self.folder, "export")
        done = subprocess.run([self.tool("kontord"), "export", f"--config={self.conf}", export], capture_output=True, text=True)
        if done.returncode:
            return done.returncode, {}, f"export failed: {done.stderr[-800:]}"
        words = subprocess.run([self.tool("kontor-audit"), "verify", export], capture_output=True, text=True)
        report = subprocess.run([self.tool("kontor-audit"), "verify", "--json", export], capture_output=True, text=True)
        return words.returncode, json.loads(report.stdout or "{}"), (words.stdout + words.stderr)[-2000:]

    def tickets(self):
        """When each ticket was safe in an agent's spool, on the real clock: jti -> ms since 1970, from the agents' logs."""
        seen = {}
        for code in self.agents:
            with open(self.log(f"agent-{code}"), errors="replace") as f:
                for line in f:
                    if " event=ticket " in line:
                        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
                        seen.setdefault(words["jti"], instant_ms(words["time"]))
        return seen

    def runs(self):
        """What the jobs themselves wrote: job number -> (the ticket of each start, the ticket of each end)."""
        ran = {}
        for name in os.listdir(self.share):
            with open(os.path.join(self.share, name)) as f:
                lines = [line.split() for line in f]
            ran[int(name.removeprefix("job-"))] = tuple([line[1] for line in lines if line[0] == what] for what in ("start", "end"))
        return ran
