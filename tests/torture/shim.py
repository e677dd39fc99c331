"""tests/torture/shim.py: the file by which a test tells shim.c what is to fail, and a kontord that has it preloaded."""
import mmap
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "api"), str(HERE.parent / "agent")]

import harness  # noqa: E402

NAME, NAMES = 48, 4096
WORDS = {n: 4 * i for i, n in enumerate(("counted", "strike_at", "times", "struck", "how", "calls", "lied"))}
TEXTS = {"who": (28, NAME), "only": (76, NAME), "sqlstate": (124, 8), "struck_name": (132, NAME)}
AT_NAMES = 180
HOWS = {"error": 1, "lost before": 2, "lost after": 3, "count": 4, "warning": 5}


def compile_shim(folder):
    path = pathlib.Path(folder) / "shim.so"
    include = subprocess.run(["pg_config", "--includedir"], capture_output=True, text=True, check=False).stdout.strip() or "/usr/include/postgresql"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-I", include, "-I", "/usr/include/postgresql", "-o", str(path), str(HERE / "shim.c")],
                   check=True)
    return path


class Shim:
    """Words and texts of the control file are attributes."""
    library = None

    def __init__(self, calls=False):
        if Shim.library is None:
            Shim.folder = tempfile.TemporaryDirectory(prefix="kontor-shim-")
            os.chmod(Shim.folder.name, 0o755)
            Shim.library = compile_shim(Shim.folder.name)
        handle, self.path = tempfile.mkstemp(dir=Shim.folder.name)
        os.fchmod(handle, 0o666)
        os.ftruncate(handle, AT_NAMES + NAME * NAMES)
        object.__setattr__(self, "map", mmap.mmap(handle, 0))
        os.close(handle)
        self.calls = int(calls)

    def __getattr__(self, name):
        if name in WORDS:
            return struct.unpack_from("I", self.map, WORDS[name])[0]
        at, size = TEXTS[name]
        return self.map[at:at + size].split(b"\0")[0].decode()

    def __setattr__(self, name, value):
        if name in WORDS:
            struct.pack_into("I", self.map, WORDS[name], value)
        elif name in TEXTS:
            at, size = TEXTS[name]
            self.map[at:at + size] = value.encode().ljust(size, b"\0")
        else:
            object.__setattr__(self, name, value)

    def environment(self):
        return {**os.environ, "LD_PRELOAD": str(Shim.library), "KONTOR_SHIM": self.path}

    def watch(self, who="", only=""):
        """Count from now on; nothing fails."""
        self.strike_at, self.who, self.only, self.counted, self.struck, self.lied = 0, who, only, 0, 0, 0

    def seen(self):
        return [self.map[AT_NAMES + NAME * i:AT_NAMES + NAME * (i + 1)].split(b"\0")[0].decode() for i in range(min(self.counted, NAMES))]

    def arm(self, k, how="error", sqlstate="XX000", times=1, who="", only=""):
        self.watch(who, only)
        self.how, self.sqlstate, self.times, self.struck_name = HOWS[how], sqlstate, times, ""
        self.strike_at = k


class ShimServer(harness.Server):
    """A kontord whose statements can be made to fail."""

    def __init__(self, **more):
        self.shim = Shim()
        super().__init__(**more)

    def start(self, **how):
        before = dict(os.environ)
        os.environ.update(self.shim.environment())
        try:
            return super().start(**how)
        finally:
            os.environ.clear()
            os.environ.update(before)
