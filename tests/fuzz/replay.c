/* tests/fuzz/replay.c
 * The main of a fuzz test in `make check`: feeds the entry point every file of tests/fuzz/corpus/NAME, then changed copies
 * of each in turn, the same ones every time, for half a second of processor time. scripts/fuzz builds the same entry point
 * with libFuzzer instead.
 * NAME is the program's, without fuzz_. A crash, an assertion or a sanitizer's finding is the failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { INPUT_MAX = 65536, COPIES = 20, ROUNDS = 400, CHANGED_MS = 500 };

static uint32_t
next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Hand over a copy of exactly that length, so that a sanitizer sees a read past the end. */
static void
feed(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static size_t
change(uint8_t *data, size_t len, uint32_t *seed)
{
    static const char LIKELY[] = "{}[]\",:\\0-9+.eE=/_ \n\t\x7f\x80\xff";
    size_t at = len > 0 ? next(seed) % len : 0, n;

    if (len == 0)
        return 0;
    switch (next(seed) % 6) {
    case 0: /* one bit */
        data[at] ^= (uint8_t)(1u << next(seed) % 8);
        return len;
    case 1: /* one byte */
        data[at] = (uint8_t)LIKELY[next(seed) % sizeof LIKELY];
        return len;
    case 2: /* cut the end */
        return at;
    case 3: /* cut a piece out */
        n = next(seed) % (len - at) + 1;
        memmove(data + at, data + at + n, len - at - n);
        return len - n;
    case 4: /* a piece twice */
        n = next(seed) % (len - at) + 1;
        if (len + n > INPUT_MAX)
            return len;
        memmove(data + at + n, data + at, len - at);
        return len + n;
    default: /* a number's edge */
        memset(data + at, next(seed) % 2 ? 0xff : 0x00, len - at < 8 ? len - at : 8);
        return len;
    }
}

/* The file as it is (copies 0), or so many changed copies. */
static void
replay(const char *path, int copies, uint32_t *seed)
{
    static uint8_t original[INPUT_MAX], changed[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    size_t len;

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    len = fread(original, 1, sizeof original, f);
    fclose(f);
    if (copies == 0)
        feed(original, len);
    for (int i = 0; i < copies; i++) {
        size_t n = len;
        memcpy(changed, original, len);
        for (uint32_t k = next(seed) % 4 + 1; k > 0; k--)
            n = change(changed, n, seed);
        feed(changed, n);
    }
}

/* Each file of the folder in turn; how many inputs that were. */
static size_t
replay_all(const char *folder, struct dirent **files, int n, int copies, uint32_t *seed, clock_t end)
{
    char path[2048];
    size_t inputs = 0;

    for (int i = 0; i < n && (copies == 0 || clock() < end); i++)
        if (files[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
            replay(path, copies, seed);
            inputs += copies == 0 ? 1 : (size_t)copies;
        }
    return inputs;
}

int
main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/'), *src = getenv("KONTOR_SRC");
    char folder[1024];
    struct dirent **files;
    size_t inputs;
    uint32_t seed = 2463534242u;
    clock_t end;
    int n;

    (void)argc;
    name = name != NULL ? name + 1 : argv[0];
    name = strncmp(name, "lt-", 3) == 0 ? name + 3 : name;
    name += strlen("fuzz_");
    if (src == NULL)
        src = getenv("srcdir");
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", src != NULL ? src : ".", name);
    n = scandir(folder, &files, NULL, alphasort);
    inputs = replay_all(folder, files, n, 0, &seed, 0);
    end = clock() + CHANGED_MS * (clock_t)CLOCKS_PER_SEC / 1000;
    for (int round = 0; inputs > 0 && round < ROUNDS && clock() < end; round++)
        inputs += replay_all(folder, files, n, COPIES, &seed, end);
    for (int i = 0; i < n; i++)
        free(files[i]);
    if (n >= 0)
        free(files);
    printf("%s 1 - fuzz %s: %zu inputs\n", inputs > 0 ? "ok" : "not ok", name, inputs);
    return inputs > 0 ? 0 : 1; /* an empty corpus tests nothing */
}
