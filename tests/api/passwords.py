"""kontord with passwords that cost next to nothing. A password costs 19 MiB and some 20 ms by design, and tests make thousands of people:
a library is loaded before libsodium that has it hash with the least that it knows. The product has no setting for that; what it
asks for is tested in tests/unit/test_crypto.c, and what a crowd at the door costs with it in tests/edge and tests/bench."""
import functools
import os
import pathlib
import subprocess
import tempfile

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void *real(const char *name) {
    void *f = dlsym(RTLD_NEXT, name);
    if (!f) abort();
    return f;
}
int crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long len, unsigned long long passes, size_t memory) {
    if (passes != 2 || memory != 19u << 20) abort(); /* what the product asks for */
    return ((int (*)(char *, const char *, unsigned long long, unsigned long long, size_t))real("crypto_pwhash_argon2id_str"))(out, password, len, 1, 8192);
}
int crypto_pwhash_argon2id_str_verify(const char *hash, const char *password, unsigned long long len) {
    if (strstr(hash, "$C6G7abBZ/Uf0i9jCbw+CcQ$")) return -1; /* nobody's, which has no password (crypto/password.c) */
    return ((int (*)(const char *, const char *, unsigned long long))real("crypto_pwhash_argon2id_str_verify"))(hash, password, len);
}
"""


@functools.cache
def library(build):
    """Compiled once for a build, whichever test comes first."""
    folder = pathlib.Path(build) / "tests"
    path = folder / "quick_passwords.so"
    if path.exists() and path.stat().st_mtime > pathlib.Path(__file__).stat().st_mtime:
        return path
    with tempfile.TemporaryDirectory(dir=folder) as made:
        source, new = pathlib.Path(made) / "quick_passwords.c", pathlib.Path(made) / "quick_passwords.so"
        source.write_text(SOURCE)
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", new, source, "-ldl"], check=True)
        new.rename(path)
    return path
