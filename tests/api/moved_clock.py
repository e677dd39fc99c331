"""tests/api/moved_clock.py: a program whose real clock a test sets, as somebody might who sets that of the machine: the time
since boot, PostgreSQL's clock and the test's own stay."""
import pathlib
import struct
import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
static const volatile int64_t *ahead_s;
static int (*real)(clockid_t, struct timespec *);
__attribute__((constructor)) static void begin(void) {
    int fd = open(getenv("MOVED_CLOCK"), O_RDONLY | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    if (at == MAP_FAILED || !real) abort();
    ahead_s = at;
}
int clock_gettime(clockid_t which, struct timespec *t) {
    if (!ahead_s) begin(); /* another library's constructor asks */
    int status = real(which, t);
    if (which == CLOCK_REALTIME) t->tv_sec += *ahead_s;
    return status;
}
"""


class MovedClock:
    """`env` is for the program; set() while it runs. `ahead_s`: what was set last."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        source, library, self.file = folder / "moved_clock.c", folder / "moved_clock.so", folder / "moved_clock"
        source.write_text(SOURCE)
        self.file.write_bytes(bytes(8))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.env = {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(self.file)}
        self.ahead_s = 0

    def set(self, ahead_s):
        with open(self.file, "r+b") as file:  # in place: the program has it mapped
            file.write(struct.pack("=q", ahead_s))
        self.ahead_s = ahead_s
