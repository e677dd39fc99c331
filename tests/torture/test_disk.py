"""A full disk: under PostgreSQL's data and log and the server's folder (a small tmpfs, in a mount namespace of its own), and
under an agent's spool. Where nothing can be mounted, the failing writes are made by the shim instead."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SIZE = {"database": "140m", "spool": "6m"}


def can_mount():
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode == 0


def inside(what, long):
    """Run disk.py WHAT with a small tmpfs at /mnt; with a PostgreSQL cluster in it, or beside it."""
    if can_mount():
        script = f"mount -t tmpfs -o size={SIZE[what]},mode=1777 none /mnt && exec \"$@\""
        argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]
        small = "/mnt"
    else:
        print("# nothing can be mounted here: the writes fail by the shim")
        argv, small = [], ""
    environment = {**os.environ, "KONTOR_SMALL": small}
    for name in ("KONTOR_TEST_DB", "KONTOR_TEST_PG_DIR"):
        environment.pop(name)
    if what == "database" and small:
        environment["TMPDIR"] = small
    argv += [str(HERE.parents[1] / "scripts" / "with-postgres"), "--set", "max_wal_size=48MB", "--set", "min_wal_size=32MB", "--set",
             "restart_after_crash=on", sys.executable, str(HERE / "disk.py"), what]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=300)
    print(done.stdout, end="", flush=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_the_disk_under_the_database_is_full(long):
    inside("database", long)


def test_the_disk_under_the_spool_is_full(long):
    inside("spool", long)
