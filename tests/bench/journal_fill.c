/* tests/bench/journal_fill.c
 * journal_fill DIR ENTRIES ACCOUNTS plain|signed: an export of a journal, as `kontord export` would write it, made by the
 * project's own code without a database. ACCOUNTS grants' accounts are opened first. Then in turn, as long as there is room:
 *   plain    a HOLD and its VOID before a permit; nobody signs either
 *   signed   a HOLD and its final SETTLE, which rests on the site's signed report. Of these only the SETTLEs count as
 *            signed entries
 * with a statement of state every 10,000 entries. Prints how many entries carry a signature.
 * journal_fill cost N: what a TRANCHE order costs the sequencer for the log alone, leaf hash, tree and tiles: nanoseconds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../unit/world.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/tile.h"

struct fill {
    const char *dir;
    struct world *w;
    struct tiles tiles;
    struct merkle tree;
    uint8_t bundle[TILE_WIDTH * (ENTRY_MAX + 2)];
    size_t len;
    uint64_t n, signatures;
};

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
put_file(const struct fill *f, const char *name, const void *data, size_t len)
{
    char path[4096];
    FILE *to;

    if (!text_format(path, sizeof path, "%s/%s", f->dir, name))
        die(name);
    for (char *slash = strchr(path + strlen(f->dir) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    to = fopen(path, "wb");
    if (to == NULL || fwrite(data, 1, len, to) != len || fclose(to) != 0)
        die(path);
}

static enum err
put_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    char path[TILE_PATH_MAX];

    tile_path(level, n, width, path);
    put_file(ctx, path, hashes, width * sizeof *hashes);
    return OK;
}

static void
flush(struct fill *f)
{
    char path[TILE_PATH_MAX];

    if (f->len == 0)
        return;
    tile_path(TILE_ENTRIES, (f->n - 1) / TILE_WIDTH, (unsigned)((f->n - 1) % TILE_WIDTH + 1), path);
    put_file(f, path, f->bundle, f->len);
    f->len = 0;
}

static void
log_entry(struct fill *f, struct entry *e)
{
    uint8_t *to = f->bundle + f->len;
    size_t len = entry_encode(e, to + 2);
    struct authority *auth = entry_authority(e);
    struct hash leaf = entry_leaf_hash(BYTES(to + 2, len));

    to[0] = (uint8_t)(len >> 8);
    to[1] = (uint8_t)len;
    f->len += len + 2;
    f->n++;
    f->signatures += auth != NULL && auth->slot[0].class != 0;
    if (tiles_append_both(&f->tiles, &f->tree, leaf) != OK)
        abort();
    if (f->n % TILE_WIDTH == 0)
        flush(f);
}

/* Apply and log, without the world's own list of all entries. */
static uint64_t
add(struct fill *f, struct entry e)
{
    const char *rule = "";

    ledger_place(f->w->l, &e, 1, f->w->now);
    if (ledger_apply(f->w->l, &e, NULL, &rule) != OK) {
        fprintf(stderr, "entry %" PRIu64 ": %s\n", e.index, rule);
        exit(1);
    }
    log_entry(f, &e);
    if (f->n % 10000 == 9999) {
        struct entry state = entry_new(NOTICE);

        state.u.notice.type = NOTICE_STATE;
        add(f, state);
    }
    return e.index;
}

static void
put_balances(const struct fill *f)
{
    char path[4096], org[UUID_TEXT];
    const struct account *a;
    FILE *to;

    text_format(path, sizeof path, "%s/balances.csv", f->dir);
    to = fopen(path, "wb");
    if (to == NULL)
        die(path);
    fputs("account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index\n", to);
    for (size_t it = 0; (a = ledger_next_account(f->w->l, &it)) != NULL;) {
        uuid_text(a->owner_org, org);
        fprintf(to, "%" PRIu64 ",%u,%d,%s,%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 "\n", a->index,
                a->class, a->closed, org, a->owner_site, (int64_t)a->parent, a->posted_debits, a->posted_credits, a->held_debits,
                a->held_credits, a->last_index);
    }
    if (fclose(to) != 0)
        die(path);
}

static void
put_head(struct fill *f)
{
    struct head_text head = { .size = f->n, .root = merkle_root(&f->tree), .time_ms = f->w->now };
    char text[HEAD_TEXT_MAX];

    snprintf(head.origin, sizeof head.origin, "kontor.example/journal");
    put_file(f, "head", text, head_text_write(&head, text));
}

static void
work(struct fill *f, bool signed_too)
{
    struct world *w = f->w;
    uint64_t i = f->n;
    uint64_t hold = add(f, world_hold(w, (int)(i / 2 % 2), (int)(i / 4 % 2), 1, signed_too ? 1 : 60));

    w->now += 3;
    add(f, signed_too ? world_settle(w, hold, REPORT_FINISHED, 0) : world_void(w, hold, VOID_CANCELLED));
}

static enum err
no_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    (void)ctx, (void)level, (void)n, (void)hashes, (void)width;
    return OK;
}

static int
cost(struct fill *f, uint64_t n)
{
    uint8_t bytes[ENTRY_MAX];
    int64_t begin_us;
    struct entry e;
    size_t len;

    f->w = world_new();
    world_seed(f->w);
    f->tiles.write = no_tile;
    e = f->w->entries[f->w->tranche_entry];
    len = entry_encode(&e, bytes);
    begin_us = monotonic_us();
    for (uint64_t i = 0; i < n; i++) {
        struct hash leaf;

        memcpy(bytes + 4, &i, sizeof i);
        leaf = entry_leaf_hash(BYTES(bytes, len));
        if (tiles_append_both(&f->tiles, &f->tree, leaf) != OK)
            abort();
    }
    printf("%" PRId64 "\n", (monotonic_us() - begin_us) * 1000 / (int64_t)n);
    return 0;
}

int
main(int argc, char **argv)
{
    struct fill *f = xcalloc(1, sizeof *f);
    uint64_t entries, accounts;
    bool signed_too = argc == 5 && strcmp(argv[4], "signed") == 0;

    if (argc == 3 && strcmp(argv[1], "cost") == 0)
        return cost(f, strtoull(argv[2], NULL, 10));
    if (argc != 5) {
        fputs("usage: journal_fill DIR ENTRIES ACCOUNTS plain|signed\n", stderr);
        return 2;
    }
    f->dir = argv[1];
    entries = strtoull(argv[2], NULL, 10);
    accounts = strtoull(argv[3], NULL, 10);
    mkdir(f->dir, 0700);
    f->tiles.write = put_tile;
    f->tiles.ctx = f;
    f->w = world_new();
    world_seed(f->w);
    undo_commit(f->w->undo);
    for (size_t i = 0; i < f->w->n; i++)
        log_entry(f, &f->w->entries[i]);
    for (uint64_t i = 0; i < accounts; i++)
        add(f, world_open(f->w, ACCOUNT_GRANT, world_uuid(f->w), 0));
    while (f->n + 3 <= entries)
        work(f, signed_too);
    flush(f);
    if (tiles_finish(&f->tiles) != OK)
        abort();
    put_balances(f);
    put_head(f);
    printf("%" PRIu64 " entries, %" PRIu64 " with signatures\n", f->n, f->signatures);
    world_delete(f->w);
    free(f);
    return 0;
}
