/* tests/fuzz/fuzz_audit.c: an export of which one file is any bytes; the first byte says which. The auditor comes to an end,
 * and finds no fault in nothing but what the world's own export says, byte by byte. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/world.h"
#include "audit/verify.h"
#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEAD, BALANCES, BUNDLE, TILE, REMEMBERED, FILES };

/* The files of the export as they should be; paths relative to the folder. */
static struct {
    char path[TILE_PATH_MAX];
    char *data;
    size_t len;
} file[FILES];
static char folder[64];

static void
put(int i, const void *data, size_t len)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, file[i].path);
    f = fopen(path, "wb");
    if (!f || (len > 0 && fwrite(data, 1, len, f) != len) || fclose(f) != 0)
        abort();
}

static void
clean(void)
{
    static const char *const FOLDERS[] = { "tile/entries/000.p", "tile/entries", "tile/0/000.p", "tile/0", "tile", "." };
    char path[512];

    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, file[i].path);
        unlink(path);
        free(file[i].data);
    }
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, FOLDERS[i]);
        rmdir(i + 1 == sizeof FOLDERS / sizeof FOLDERS[0] ? folder : path);
    }
}

static enum err
keep_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    (void)ctx;
    assert(level == 0 && n == 0);
    tile_path(level, n, width, file[TILE].path);
    file[TILE].len = width * sizeof *hashes;
    file[TILE].data = xmalloc(file[TILE].len);
    memcpy(file[TILE].data, hashes, file[TILE].len);
    return OK;
}

static void
make_balances(const struct ledger *l)
{
    FILE *f = open_memstream(&file[BALANCES].data, &file[BALANCES].len);
    const struct account *a;

    fputs("account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index\n", f);
    for (size_t it = 0; (a = ledger_next_account(l, &it)) != NULL;) {
        char org[UUID_TEXT];

        uuid_text(a->owner_org, org);
        fprintf(f, "%lld,%u,%d,%s,%lld,%lld,%lld,%lld,%lld,%lld,%lld\n", (long long)a->index, a->class, a->closed, org,
                (long long)a->owner_site, (long long)a->parent, (long long)a->posted_debits, (long long)a->posted_credits,
                (long long)a->held_debits, (long long)a->held_credits, (long long)a->last_index);
    }
    fclose(f);
    snprintf(file[BALANCES].path, sizeof file[BALANCES].path, "balances.csv");
}

static void
make_files(const struct world *w)
{
    struct tiles *t = xcalloc(1, sizeof *t);
    struct head_text head = { .origin = "kontor.example/journal", .size = w->n, .root = merkle_root(&w->tree), .time_ms = w->now };

    t->write = keep_tile;
    file[BUNDLE].data = xmalloc(w->n * (ENTRY_MAX + 2));
    for (size_t i = 0; i < w->n; i++) {
        char *to = file[BUNDLE].data + file[BUNDLE].len;
        size_t n = entry_encode(&w->entries[i], (uint8_t *)to + 2);

        to[0] = (char)(n >> 8);
        to[1] = (char)n;
        if (tiles_append(t, entry_leaf_hash(BYTES(to + 2, n))) != OK)
            abort();
        file[BUNDLE].len += n + 2;
    }
    if (tiles_finish(t) != OK)
        abort();
    free(t);
    tile_path(TILE_ENTRIES, 0, (unsigned)w->n, file[BUNDLE].path);
    file[HEAD].data = xmalloc(HEAD_TEXT_MAX);
    file[HEAD].len = head_text_write(&head, file[HEAD].data);
    snprintf(file[HEAD].path, sizeof file[HEAD].path, "head");
    file[REMEMBERED].data = xmalloc(HEAD_TEXT_MAX);
    file[REMEMBERED].len = head_text_write(&head, file[REMEMBERED].data);
    snprintf(file[REMEMBERED].path, sizeof file[REMEMBERED].path, "remembered");
    make_balances(w->l);
}

static void
make_export(void)
{
    static const char *const FOLDERS[] = { "tile", "tile/0", "tile/0/000.p", "tile/entries", "tile/entries/000.p" };
    struct world *w = world_new();
    char path[512];

    world_seed(w);
    snprintf(folder, sizeof folder, "%s/kontor-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, FOLDERS[i]);
        mkdir(path, 0700);
    }
    make_files(w);
    assert(w->n < TILE_WIDTH);
    world_delete(w);
    for (int i = 0; i < FILES; i++)
        put(i, file[i].data, file[i].len);
    atexit(clean);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char KINDS[] = "hbetr";
    struct audit *a = xcalloc(1, sizeof *a);
    struct err_detail d = { 0 };
    const char *kind = len > 0 && data[0] ? strchr(KINDS, data[0]) : NULL;
    char remember[128];
    enum err err;
    int i;

    if (!folder[0])
        make_export();
    if (kind) {
        i = (int)(kind - KINDS);
        put(i, data + 1, len - 1);
        snprintf(remember, sizeof remember, "%s/%s", folder, file[REMEMBERED].path);
        a->dir = folder;
        a->remember = i == REMEMBERED ? remember : NULL;
        err = audit_verify(a, &d);
        if (err)
            assert(d.text[0]);
        else if (a->found.n == 0 && i != REMEMBERED && i != HEAD)
            assert(len - 1 == file[i].len && memcmp(data + 1, file[i].data, len - 1) == 0);
        put(i, file[i].data, file[i].len);
    }
    free(a);
    return 0;
}
