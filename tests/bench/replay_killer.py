"""Kills, and freezes for a while, the processes of a world at random instants."""
import os
import signal
import subprocess
import threading
import time

from replay_world import rfc3339

FREEZE_S = (6, 8)  # longer than the lease, which PostgreSQL takes back after 5 s of silence
CALM_S = 60        # that a world may need to take commands again


def postgres_pids():
    """The postmaster's, and those of its children."""
    with open(os.path.join(os.environ["KONTOR_TEST_PG_DIR"], "data", "postmaster.pid")) as f:
        postmaster = int(f.readline())
    with open(f"/proc/{postmaster}/task/{postmaster}/children") as f:
        return postmaster, [int(pid) for pid in f.read().split()]


def words_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


class Killer(threading.Thread):
    """Until each kind has died so many times: kontord, postgresql (the postmaster), backend (a process of PostgreSQL that
    serves kontord), agent, supervisor (of a running job); frozen-kontord, frozen-agent, frozen-postgresql. What dies is
    started again, but not a supervisor. calm: wait each time until commands are taken again; else only now and then."""

    def __init__(self, world, rng, counts, pause_s=(0.05, 1.5), calm=True):
        super().__init__(daemon=True)
        self.world, self.rng, self.pause_s, self.calm = world, rng, pause_s, calm
        self.left = dict(counts)
        self.done = {name: 0 for name in counts}
        self.fault, self.idle = None, 0
        self.stopping = False

    def run(self):
        try:
            while any(self.left.values()) and not self.stopping:
                time.sleep(self.rng.uniform(*self.pause_s))
                kind = self.rng.choices(list(self.left), list(self.left.values()))[0]
                if not getattr(self, "do_" + kind.replace("-", "_"))():
                    self.idle += 1  # there was nobody to kill
                    if self.idle % 10 == 0:  # and there will be nobody: no job runs any more
                        self.left[kind] -= 1
                        self.left["agent"] = self.left.get("agent", 0) + 1
                        self.done.setdefault("agent", 0)
                    continue
                with open(self.world.log("kills"), "a") as log:
                    log.write(f"{rfc3339(int(time.time() * 1000))} {kind}\n")
                self.left[kind] -= 1
                self.done[kind] += 1
        except BaseException as fault:  # told by whoever joins
            self.fault = fault

    def short_pause(self):
        time.sleep(self.rng.uniform(0, 0.3))

    def settle(self):
        """Wait until one server leads and is ready, always or now and then."""
        if not self.calm and self.rng.random() < 0.4:
            return
        until = time.monotonic() + CALM_S
        while not any(s.health("ready", 2)[0] == 200 for s in self.world.servers):
            for server in self.world.servers:
                if server.process.dead():
                    raise RuntimeError(f"{server.name} ended by itself\n{server.process.tail()}")
            if time.monotonic() > until:
                raise RuntimeError("no kontord is ready\n" + "\n".join(s.process.tail() for s in self.world.servers))
            time.sleep(0.02)

    def some_server(self):
        leaders = [s for s in self.world.servers if s.health("leader", 1)[0] == 200]
        return self.rng.choice(leaders if leaders and self.rng.random() < 0.75 else self.world.servers)

    def some_agent(self):
        return self.world.agents[self.rng.choice(sorted(self.world.agents))]

    # ---- kills -------------------------------------------------------------------------------------------------------
    def do_kontord(self):
        server = self.some_server()
        server.process.kill()
        self.short_pause()
        server.process.start()
        self.settle()
        return True

    def do_postgresql(self):
        folder = os.environ["KONTOR_TEST_PG_DIR"]
        subprocess.run([f"{folder}/kill"], check=True)
        self.short_pause()
        subprocess.run([f"{folder}/start"], check=True)
        self.settle()
        return True

    def do_backend(self):
        pids = [pid for pid in postgres_pids()[1] if "kontor_w" in words_of(pid)]
        if not pids:
            return False
        try:
            os.kill(self.rng.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.settle()
        return True

    def do_agent(self):
        agent = self.some_agent()
        if agent.dead():
            raise RuntimeError(f"{agent.name} ended by itself\n{agent.tail()}")
        agent.kill()
        self.short_pause()
        agent.start()
        return True

    def do_supervisor(self):
        pids = list(self.world.supervisors())
        if not pids:
            return False
        try:
            os.kill(self.rng.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    # ---- frozen for longer than the lease ----------------------------------------------------------------------------
    def frozen(self, freeze, thaw):
        freeze()
        try:
            time.sleep(self.rng.uniform(*FREEZE_S))
        finally:
            thaw()
        return True

    def do_frozen_kontord(self):
        process = self.some_server().process
        return self.frozen(process.freeze, process.thaw) and self.settle() is None

    def do_frozen_agent(self):
        agent = self.some_agent()
        return self.frozen(agent.freeze, agent.thaw)

    def do_frozen_postgresql(self):
        postmaster, children = postgres_pids()

        def tell(number):
            for pid in [postmaster] + children:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        return self.frozen(lambda: tell(signal.SIGSTOP), lambda: tell(signal.SIGCONT)) and self.settle() is None
