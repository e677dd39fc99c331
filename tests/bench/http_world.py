"""A kontord that is measured over HTTP: its world, calls from start-ups' sessions (http_load), figures for Prometheus."""
import collections
import glob
import os
import re
import subprocess
import time
import urllib.request

from replay_world import World, free_ports

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("KONTOR_SRC", os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("KONTOR_BUILD", os.path.join(SRC, "build", "bench"))
POLICY = {"code": "bench", "name": "Bench", "cap_credits": "0", "longest_days": 1098, "decide_days": 0,
          "quote_ttl_ms": 6 * 3600_000, "accept_within_ms": 86400_000, "start_slack_ms": 86400_000}
PAGE = "<!doctype html><title>Kontor</title><p>" + "A small page, as big as a small answer of the API. " * 3 + "\n"


def say(text):
    print(text, flush=True)


def per_second(count, seconds):
    return count / seconds if seconds else 0.0


def open_or_empty(path):
    """What it says, or nothing: processes and threads come and go."""
    try:
        with open(path) as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Bench(World):
    """A kontord of its own, with pages, figures for Prometheus, and a database of its own name."""

    def __init__(self, folder, name):
        os.makedirs(os.path.join(folder, name))
        super().__init__(os.path.join(folder, name), SRC, BUILD, 1)
        self.metrics_port = free_ports(1)[0]
        self.database = name
        with open(os.path.join(self.folder, "page.html"), "w") as f:
            f.write(PAGE)
        with open(os.path.join(self.folder, "manifest"), "w") as f:
            f.write("/page.html\tpage.html\ttext/html; charset=utf-8\t0123456789abcdef\timmutable\t\n")
        self.make_database(name)
        self.configure(name, [f"listen_metrics = 127.0.0.1:{self.metrics_port}"])

    def figure(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30) as answer:
            return int(re.search(rf"^{name} (\d+)$", answer.read().decode(), re.M).group(1))

    def until(self, name, least, seconds=60):
        """Wait until the figure is at least so much."""
        end = time.monotonic() + seconds
        while self.figure(name) < least:
            if time.monotonic() > end:
                raise SystemExit(f"http: {name} is {self.figure(name)}, not {least}, after {seconds} s\n{self.kontord.tail()}")
            time.sleep(0.005)

    def resident(self):
        """Of kontord and of what it has started."""
        pid, pages = self.kontord.popen.pid, 0
        started = [int(one) for path in glob.glob(f"/proc/{pid}/task/*/children") for one in open_or_empty(path).split()]
        for one in [pid, *started]:
            pages += int((open_or_empty(f"/proc/{one}/statm") or "0 0").split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def sql(self, text):
        done = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", self.database, "-c", text], check=True,
                              capture_output=True, text=True)
        return done.stdout.split("\n")[:-1]

    # ---- calls -------------------------------------------------------------------------------------------------------
    def load_lines(self, calls):
        """calls: (organisation's number, path, key, body)."""
        lines = [f"who {org['cookie']} {org['csrf']}\n" for org in self.orgs]
        return "".join(lines + [f"call {who} {path} {key} {body}\n" for who, path, key, body in calls])

    def load_start(self, connections, within_ms=None):
        more = [str(within_ms)] if within_ms else []
        return subprocess.Popen([os.path.join(BUILD, "tests", "bench", "http_load"), f"127.0.0.1:{self.port}", str(connections), *more],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def load(self, calls, connections, status=201):
        """Make the calls; their ids, the microseconds each took, and the seconds of all."""
        process = self.load_start(connections)
        return self.load_answers(process.communicate(self.load_lines(calls))[0], status)

    def load_answers(self, text, status=201):
        rows = [line.split() for line in text.splitlines()]
        if not rows or rows[-1][0] != "done":
            raise SystemExit(f"http: the calls ended early\n{self.kontord.tail()}")
        wrong = collections.Counter(row[0] for row in rows[:-1] if row[0] != str(status))
        if wrong:
            raise SystemExit(f"http: instead of {status}: {dict(wrong)}\n{self.kontord.tail()}")
        return [row[2] for row in rows[:-1]], [int(row[1]) for row in rows[:-1]], float(rows[-1][1])

    def quotes(self, wants, mark):
        """A request and a binding quote for each (organisation's number, wants)."""
        calls = []
        for i, (who, more) in enumerate(wants):
            org = self.orgs[who]
            calls.append((who, "/v1/requests", f"{mark}-r{i}", '{"organisation":"%s","grant":%d,"name":"bench","gpus":4,'
                          '"walltime_s":900,"memory_gb":0,"one_island":false,"kind":"batch",'
                          '"preference":"soonest","move_freely":false,"template":"script","script":"#!/bin/sh\\nexit 0\\n"%s}'
                          % (org["id"], org["grant"], more)))
        requests, _, request_s = self.load(calls, 32)
        calls = [(who, f"/v1/requests/{id}/quotes", f"{mark}-q{i}", '{"hold":true}')
                 for i, ((who, _), id) in enumerate(zip(wants, requests))]
        quotes, _, quote_s = self.load(calls, 64)
        say(f"{len(wants)} requests: {per_second(len(wants), request_s):.0f}/s; their quotes: "
            f"{per_second(len(wants), quote_s):.0f}/s")
        return [(who, f"/v1/quotes/{id}/accept", f"{mark}-a{i}", '{"option":0}')
                for i, ((who, _), id) in enumerate(zip(wants, quotes))]
