"""Traces for the live replay: read one from a CSV file, or make one up from a seed.

A trace is a list of jobs sorted by the time of submission. Columns of a file: timestamp, duration (seconds), num_gpus,
cluster; others are passed over. A cluster stands for the organisation that files its jobs.
"""
import csv
import datetime
import math
import random
from dataclasses import dataclass


@dataclass
class Job:
    at_s: float        # after the first job
    duration_s: float
    gpus: int          # as the broker can give them; see shape()
    asked: int         # as the trace says
    cluster: str
    memory_gb: int = 0 # the least that a GPU must have; see need()


def shape(gpus):
    """Up to the next number that fills a node of 4 GPUs evenly: 1, 2, or whole nodes."""
    return gpus if gpus <= 2 else (gpus + 3) // 4 * 4


def need(rng):
    """What a job needs of a GPU's memory. Traces do not say; without it every job would go to the cheapest site."""
    return rng.choices((0, 40, 64, 80, 96, 128), (20, 20, 20, 20, 10, 10))[0]


def read(path, count, seed):
    rows = []
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            try:
                at = datetime.datetime.strptime(row["timestamp"].strip(), "%Y-%m-%d %H:%M:%S")
                duration, gpus = float(row["duration"]), int(float(row["num_gpus"]))
            except (TypeError, ValueError, KeyError):
                continue  # the last line may be empty
            if duration >= 0 and gpus >= 1:
                rows.append((at, duration, gpus, row["cluster"]))
    if not rows:
        raise SystemExit(f"replay-live: {path} holds no job")
    rows.sort(key=lambda row: row[:1])
    rows = rows[:count]
    rng = random.Random(seed)
    return [Job((at - rows[0][0]).total_seconds(), duration, shape(gpus), gpus, cluster, need(rng))
            for at, duration, gpus, cluster in rows]


def generate(seed, count, span_s=4 * 3600.0, clusters=8):
    """Jobs like those of a shared training cluster: most small and short, a few large or long."""
    rng = random.Random(seed)
    times = sorted(rng.uniform(0, span_s) for _ in range(count))
    jobs = []
    for at in times:
        gpus = rng.choices((1, 2, 3, 4, 8, 12, 16, 32, 64), (60, 10, 2, 12, 8, 2, 3, 2, 1))[0]
        duration = min(36 * 3600.0, max(5.0, rng.lognormvariate(math.log(900), 1.4)))
        cluster = f"c{min(int(rng.expovariate(0.5)), clusters - 1)}"
        jobs.append(Job(at - times[0], duration, shape(gpus), gpus, cluster, need(rng)))
    return jobs
