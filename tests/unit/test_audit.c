/* core/tile and audit/verify: paths and widths of tiles, heads, and an export of three levels, whole and tampered with.
 * (Every column and every file of a real export: tests/journal.) */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/history.h"
#include "audit/verify.h"
#include "base/arena.h"
#include "base/json.h"
#include "crypto/jws.h"
#include "world.h"

static void
test_paths(void **unused)
{
    static const struct { int level; uint64_t n; unsigned width; const char *path; } rows[] = {
        { 0, 0, 256, "tile/0/000" }, { 0, 0, 1, "tile/0/000.p/1" }, { 1, 5, 256, "tile/1/005" },
        { 0, 999, 256, "tile/0/999" }, { 0, 1000, 256, "tile/0/x001/000" }, { 2, 1234067, 8, "tile/2/x001/x234/067.p/8" },
        { TILE_ENTRIES, 1000000, 255, "tile/entries/x001/x000/000.p/255" },
        { 0, UINT64_MAX / 256, 3, "tile/0/x072/x057/x594/x037/x927/935.p/3" },
    };
    char path[TILE_PATH_MAX];

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tile_path(rows[i].level, rows[i].n, rows[i].width, path);
        assert_string_equal(path, rows[i].path);
    }
}

static void
test_widths(void **unused)
{
    (void)unused;
    assert_int_equal(tile_width(0, 0, 0), 0);
    assert_int_equal(tile_width(0, 0, 255), 255);
    assert_int_equal(tile_width(0, 0, 256), 256);
    assert_int_equal(tile_width(0, 1, 256), 0);
    assert_int_equal(tile_width(TILE_ENTRIES, 1, 257), 1);
    assert_int_equal(tile_width(1, 0, 255), 0);
    assert_int_equal(tile_width(1, 0, 511), 1);
    assert_int_equal(tile_width(1, 0, 65536), 256);
    assert_int_equal(tile_width(2, 0, 65536), 1);
    assert_int_equal(tile_width(1, 1, 70000), 17);
}

/* Roots of RFC 9162's own construction, by its recursive definition, for every size up to 300. */
static struct hash
recursive_root(const struct hash *leaves, size_t n)
{
    size_t k = 1;

    if (n == 0)
        return sha256(BYTES("", 0));
    if (n == 1)
        return leaves[0];
    while (2 * k < n)
        k *= 2;
    return merkle_node(recursive_root(leaves, k), recursive_root(leaves + k, n - k));
}

static void
test_roots(void **unused)
{
    static struct hash leaves[300];
    struct merkle m = { .size = 0 };
    char hex[HEX_LEN(32)];
    struct hash empty = merkle_root(&m);

    (void)unused;
    hex_encode(BYTES(empty.b, 32), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 300; i++) {
        leaves[i] = entry_leaf_hash(BYTES(&i, sizeof i));
        merkle_append(&m, leaves[i]);
        assert_true(hash_equal(merkle_root(&m), recursive_root(leaves, i + 1)));
    }
    assert_true(hash_equal(tile_root(leaves), recursive_root(leaves, 256)));
}

/* All tiles that were written, in one hash. */
static enum err
sum_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    struct hash *sum = ctx;
    struct bytes parts[] = { BYTES(sum->b, 32), BYTES(&level, sizeof level), BYTES(&n, sizeof n), BYTES(&width, sizeof width),
                             BYTES(hashes, width * sizeof *hashes) };

    *sum = sha256_of(parts, 5);
    return OK;
}

/* Tree and tiles at once are what they are one by one, also where tiles of all three levels are completed by one leaf. */
static void
test_tree_and_tiles(void **unused)
{
    struct tiles *one = tiles_new(), *both = tiles_new();
    struct hash sum[2] = { 0 };
    struct merkle tree[2] = { 0 };

    (void)unused;
    one->write = both->write = sum_tile;
    one->ctx = &sum[0];
    both->ctx = &sum[1];
    for (uint64_t i = 0; i < 2 * 65536 + 300; i++) {
        struct hash leaf = { { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16) } };

        merkle_append(&tree[0], leaf);
        assert_int_equal(tiles_append(one, leaf), OK);
        assert_int_equal(tiles_append_both(both, &tree[1], leaf), OK);
        assert_true(tree[0].size == tree[1].size && hash_equal(sum[0], sum[1]));
        if (i < 600 || i % 997 == 0 || (i & 0xff) >= 0xfe)
            assert_true(hash_equal(merkle_root(&tree[0]), merkle_root(&tree[1])));
    }
    assert_int_equal(tiles_finish(one), OK);
    assert_int_equal(tiles_finish(both), OK);
    assert_true(hash_equal(sum[0], sum[1]));
    free(one);
    free(both);
}

/* What is quoted of a file does not steer the terminal of who reads the report. */
static void
test_quotes(void **unused)
{
    char history[] = "kontor history/v1\norganisation 019b8d62-7e68-7000-8000-000000000015\nstate 5\n\x1b[1A\x1b[2Kall is well\n"
                     "\nkontor.example/demo\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u2014 kontor.example/demo AAAAAAAA\n";
    char *words = NULL, why[] = "a\033[8m\302\2338m\177\303\251";
    size_t len;
    FILE *to = open_memstream(&words, &len);

    (void)unused;
    assert_int_equal(history_judge(history, strlen(history), NULL, to), 1);
    fclose(to);
    assert_non_null(strstr(words, "all is well"));
    assert_null(strchr(words, '\x1b'));
    assert_non_null(strstr(words, "FAULT"));
    free(words);
    finding_defuse(why);
    assert_string_equal(why, "a?[8m??8m?\303\251");
}

static void
test_heads(void **unused)
{
    static const char *const bad[] = { "", "o\n", "o\n1\n", "o\n1\nAA==\ntime 0\n", "o\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 0\n",
                                       "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 0",
                                       "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 0\nmore\n",
                                       "\x1b[8m\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 0\n",
                                       "o\302\2332J\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 0\n",
                                       "o\xff\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 0\n" };
    struct head_text h = { .origin = "kontor.example/demo", .size = 7, .time_ms = 99 }, back;
    char text[HEAD_TEXT_MAX];

    (void)unused;
    h.root = sha256(BYTES("", 0));
    head_text_write(&h, text);
    assert_string_equal(text, "kontor.example/demo\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 99\n");
    assert_true(head_text_parse(text, &back));
    assert_int_equal(back.size, 7);
    assert_true(hash_equal(back.root, h.root));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(head_text_parse(bad[i], &back));
}

/* ---- an export of three levels ----------------------------------------------------------------------------------- */

struct out { char dir[64]; };

static void
put_file(const struct out *o, const char *name, const void *data, size_t len)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", o->dir, name);
    for (char *slash = strchr(path + strlen(o->dir) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
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
put_balances(const struct out *o, const struct ledger *l)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    const struct account *a;

    fputs("account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index\n", f);
    for (size_t it = 0; (a = ledger_next_account(l, &it)) != NULL;) {
        char org[UUID_TEXT];
        uuid_text(a->owner_org, org);
        fprintf(f, "%" PRIu64 ",%u,%d,%s,%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 "\n", a->index,
                a->class, a->closed, org, a->owner_site, (int64_t)a->parent, a->posted_debits, a->posted_credits, a->held_debits,
                a->held_credits, a->last_index);
    }
    fclose(f);
    put_file(o, "balances.csv", text, len);
    free(text);
}

static void
put_export(struct out *o, const struct world *w)
{
    struct tiles *t = xcalloc(1, sizeof *t);
    uint8_t *bundle = xmalloc(TILE_WIDTH * (ENTRY_MAX + 2));
    size_t len = 0;
    char path[TILE_PATH_MAX], text[HEAD_TEXT_MAX];
    struct head_text head = { .size = w->n, .root = merkle_root(&w->tree), .time_ms = w->now };

    snprintf(o->dir, sizeof o->dir, "/tmp/kontor-audit.XXXXXX");
    assert_non_null(mkdtemp(o->dir));
    t->write = put_tile;
    t->ctx = o;
    for (size_t i = 0; i < w->n; i++) {
        size_t n = entry_encode(&w->entries[i], bundle + len + 2);
        assert_int_equal(tiles_append(t, entry_leaf_hash(BYTES(bundle + len + 2, n))), OK);
        bundle[len] = (uint8_t)(n >> 8);
        bundle[len + 1] = (uint8_t)n;
        len += n + 2;
        if (i % TILE_WIDTH == TILE_WIDTH - 1 || i + 1 == w->n) {
            tile_path(TILE_ENTRIES, i / TILE_WIDTH, (unsigned)(i % TILE_WIDTH + 1), path);
            put_file(o, path, bundle, len);
            len = 0;
        }
    }
    assert_int_equal(tiles_finish(t), OK);
    put_balances(o, w->l);
    snprintf(head.origin, sizeof head.origin, "kontor.example/journal");
    put_file(o, "head", text, head_text_write(&head, text));
    free(bundle);
    free(t);
}

static void
flip(const struct out *o, const char *name, long at)
{
    char path[256];
    FILE *f;
    int c;

    snprintf(path, sizeof path, "%s/%s", o->dir, name);
    f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 0x10, f);
    fclose(f);
}

static struct audit *
audited_so(struct audit how)
{
    struct audit *a = xcalloc(1, sizeof *a);
    struct err_detail d = { .text = "" };

    *a = how;
    if (audit_verify(a, &d) != OK)
        fail_msg("%s", d.text);
    return a;
}

static struct audit *
audited(const struct out *o)
{
    return audited_so((struct audit){ .dir = o->dir });
}

/* By many threads, with its memory in a file: the report is the same. */
static void
expect_same(const struct audit *a)
{
    struct audit *b = audited_so((struct audit){ .dir = a->dir, .threads = 5, .scratch = "/tmp" });

    assert_int_equal(b->found.n, a->found.n);
    for (size_t i = 0; i < a->found.n && i < FINDINGS_MAX; i++)
        assert_string_equal(b->found.kept[i].what, a->found.kept[i].what);
    assert_memory_equal(&b->count, &a->count, sizeof a->count);
    assert_memory_equal(b->kinds, a->kinds, sizeof a->kinds);
    assert_int_equal(b->entries, a->entries);
    assert_int_equal(b->balances, a->balances);
    assert_int_equal(b->holds_open, a->holds_open);
    free(b);
}

static void
expect_fault(const struct out *o, const char *name, long at, uint64_t leaf, const char *what)
{
    struct audit *a;
    bool told = false;

    flip(o, name, at);
    a = audited(o);
    expect_same(a);
    flip(o, name, at);
    for (size_t i = 0; i < a->found.n && i < FINDINGS_MAX; i++)
        told = told || (a->found.kept[i].leaf == leaf && strstr(a->found.kept[i].what, what) != NULL);
    if (!told || audit_first(a)->leaf != leaf) {
        audit_print(a, stdout);
        fail_msg("%s, byte %ld: not told", name, at);
    }
    free(a);
}

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- stopped, and gone on ------------------------------------------------------------------------------------------- */

static void
put_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void
get_text(const char *path, char ret[1024])
{
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    ret[fread(ret, 1, 1023, f)] = '\0';
    fclose(f);
}

/* Killed when so many bundles are done. */
static void
kill_at(void *ctx, uint64_t done, uint64_t all)
{
    (void)all;
    if (done >= *(const uint64_t *)ctx)
        raise(SIGKILL);
}

static void
audit_and_die(const struct out *o, const char *state, uint64_t at)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        audited_so((struct audit){ .dir = o->dir, .resume = state, .threads = 3, .progress = kill_at, .ctx = &at });
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static uint64_t
go_on(const struct out *o, const char *state)
{
    struct audit *a = audited_so((struct audit){ .dir = o->dir, .resume = state });
    uint64_t resumed = a->resumed;

    assert_int_equal(a->found.n, 0);
    assert_true(a->replayed);
    assert_int_equal(a->count.by_site + a->count.by_officer + a->count.by_server, 16);
    free(a);
    return resumed;
}

static void
check_resuming(const struct out *o, size_t n)
{
    struct audit *a = xcalloc(1, sizeof *a);
    struct err_detail d = { .text = "" };
    char state[96], text[1024], *line;

    snprintf(state, sizeof state, "%s.state", o->dir);
    audit_and_die(o, state, RESUME_EVERY - TILE_WIDTH);
    assert_int_not_equal(access(state, F_OK), 0);
    audit_and_die(o, state, RESUME_EVERY);
    assert_int_equal(go_on(o, state), RESUME_EVERY);
    assert_int_equal(go_on(o, state), n);
    audit_and_die(o, state, 2 * RESUME_EVERY); /* what is kept is never less again */
    assert_int_equal(go_on(o, state), n);
    get_text(state, text);
    line = strchr(strchr(strchr(text, '\n') + 1, '\n') + 1, '\n') + 1; /* the root */
    line[3] = line[3] == 'A' ? 'B' : 'A';
    put_text(state, text);
    a->dir = o->dir;
    a->resume = state;
    assert_int_equal(audit_verify(a, &d), OK);
    assert_non_null(strstr(a->found.kept[0].what, "not those that were verified before: history was rewritten"));
    text[strlen("kontor-audit progress/v1\n")] = 'x';
    put_text(state, text);
    assert_int_equal(audit_verify(a, &d), ERR_IO);
    assert_non_null(strstr(d.text, "is of another journal"));
    put_text(state, "kontor-audit progress/v1\nnothing\n");
    assert_int_equal(audit_verify(a, &d), ERR_IO);
    assert_non_null(strstr(d.text, "is not the progress"));
    unlink(state);
    free(a);
}

/* ---- each byte --------------------------------------------------------------------------------------------------------- */

static struct bundle *
read_bundle(const struct out *o, struct bundle *b)
{
    struct source source = { .dir = o->dir };

    b->n = 3;
    b->width = TILE_WIDTH;
    b->leaves = 0;
    b->found.n = 0;
    bundle_read(b, &source);
    return b;
}

static size_t
get_file(const struct out *o, const char *name, uint8_t ret[BUNDLE_MAX])
{
    char path[256];
    size_t len;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", o->dir, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    len = fread(ret, 1, BUNDLE_MAX, f);
    fclose(f);
    return len;
}

/* Bytes of a tile of leaf hashes and of the entries' file, with KONTOR_LONG in the environment each of them, changed: the
 * leaf that it is of is the first that is named. */
static void
check_each_byte(const struct out *o)
{
    static const char *const names[] = { "tile/0/003", "tile/entries/003" };
    size_t step = getenv("KONTOR_LONG") != NULL ? 1 : 97, tile_step = getenv("KONTOR_LONG") != NULL ? 1 : 5;
    struct bundle *b = xcalloc(1, sizeof *b);
    uint8_t *kept = xmalloc(BUNDLE_MAX), *changed = xmalloc(BUNDLE_MAX);

    assert_int_equal(read_bundle(o, b)->found.n, 0);
    for (int i = 0; i < 2; i++) {
        size_t len = get_file(o, names[i], kept), leaf = 0, ends = i == 0 ? 32 : 2 + ((size_t)kept[0] << 8 | kept[1]);

        for (size_t at = 0; at < len; at += i == 0 ? tile_step : step) {
            while (at >= ends) {
                leaf++;
                ends += i == 0 ? 32 : 2 + ((size_t)kept[ends] << 8 | kept[ends + 1]);
            }
            memcpy(changed, kept, len);
            changed[at] ^= (uint8_t)(1 << at % 8);
            put_file(o, names[i], changed, len);
            if (read_bundle(o, b)->found.n == 0 || b->found.kept[0].leaf != 3 * TILE_WIDTH + leaf)
                fail_msg("%s, byte %zu, leaf %zu: %s", names[i], at, leaf, b->found.n > 0 ? b->found.kept[0].what : "not told");
        }
        put_file(o, names[i], kept, len);
    }
    free(kept);
    free(changed);
    free(b);
}

static void
test_three_levels(void **unused)
{
    struct world *w = world_new();
    struct out o;
    struct audit *a;
    int64_t begin;
    char command[128];

    (void)unused;
    world_seed(w);
    undo_commit(w->undo);
    while (w->n < 65536 + 300) {
        struct entry e = world_hold(w, (int)(w->n / 2 % 2), 0, 1, 60);
        world_add(w, world_void(w, world_add(w, e), VOID_CANCELLED));
        undo_commit(w->undo);
    }
    put_export(&o, w);
    begin = now_ms();
    a = audited(&o);
    begin = now_ms() - begin;
    printf("# %zu entries audited in %" PRId64 " ms\n", w->n, begin);
    if (a->found.n > 0)
        audit_print(a, stdout);
    assert_int_equal(a->found.n, 0);
    assert_true(a->replayed);
    assert_int_equal(a->entries, w->n);
    assert_int_equal(a->balances, 8);
    assert_int_equal(a->n_missing, 3); /* of what the database has beside the journal nothing was written here */
    assert_false(audit_clean(a));
    expect_same(a);
    free(a);
    check_resuming(&o, w->n);
    check_each_byte(&o);
    expect_fault(&o, "tile/entries/100", 20, 25600, "its bytes hash to");
    expect_fault(&o, "tile/0/255", 32 * 17 + 3, 255 * 256 + 17, "its bytes hash to");
    expect_fault(&o, "tile/1/000", 32 * 9, NO_INDEX, "hash 9 is not the root");
    expect_fault(&o, "tile/2/000.p/1", 5, NO_INDEX, "hash 0 is not the root");
    expect_fault(&o, "tile/1/001.p/1", 5, NO_INDEX, "hash 0 is not the root");
    snprintf(command, sizeof command, "rm -r %s", o.dir);
    assert_int_equal(system(command), 0);
    world_delete(w);
}

/* ---- what a site is owed ---------------------------------------------------------------------------------------------- */

/* A line as kontor-agent receipts prints it. */
static void
put_receipt(FILE *f, struct world *w, const struct report *r, int64_t at_ms, const struct sign_key *site_key, const struct sign_key *server)
{
    uint8_t statement[REPORT_STATEMENT_LEN], sig[64];
    struct json_out claims = { .fresh = true }, line = { .fresh = true };
    struct hash hash;
    char *jws;

    report_statement(r, ledger_genesis(w->l), statement);
    sign_make(site_key, BYTES(statement, sizeof statement), sig);
    hash = sha256(BYTES(statement, sizeof statement));
    json_open(&claims, NULL);
    json_text(&claims, "iss", "kontor.example/journal");
    json_text(&claims, "aud", ledger_site(w->l, r->site)->entry.u.site.code);
    json_i64(&claims, "num", (int64_t)r->number);
    json_hex(&claims, "sha256", BYTES(hash.b, 32));
    json_i64(&claims, "iat", at_ms / 1000);
    if (r->kind == REPORT_ACCEPTED) {
        json_text(&claims, "permit", "granted");
        json_uuid(&claims, "jti", r->jti);
        json_i64(&claims, "fence", (int64_t)r->fence);
        json_i64(&claims, "ins", (int64_t)r->instance);
    }
    json_shut(&claims);
    jws = jws_make(server, JWS_TYP_RECEIPT, "0", BYTES(claims.text, claims.len));
    json_open(&line, NULL);
    json_hex(&line, "statement", BYTES(statement, sizeof statement));
    json_hex(&line, "signature", BYTES(sig, sizeof sig));
    json_text(&line, "receipt", jws);
    json_shut(&line);
    fprintf(f, "%.*s\n", (int)line.len, line.text);
    free(jws);
    json_out_free(&claims);
    json_out_free(&line);
}

/* A hold whose job runs for an hour from now; the report of its end. */
static uint64_t
run_job(struct world *w, struct report *ret)
{
    uint64_t hold = world_add(w, world_hold(w, 0, 0, 4, 3600));

    w->now += HOUR_MS;
    *ret = world_report(w, hold, REPORT_FINISHED, 4 * 3600);
    ret->jti = ledger_hold(w->l, hold)->reservation; /* as the server has it */
    return hold;
}

static uint64_t
expire(struct world *w, uint64_t hold)
{
    if (w->now < ledger_hold(w->l, hold)->expiry_ms)
        w->now = ledger_hold(w->l, hold)->expiry_ms;
    return world_add(w, world_expire(w, hold));
}

static const struct finding *
finding_of(const struct audit *a, uint64_t leaf)
{
    for (size_t i = 0; i < a->found.n && i < FINDINGS_MAX; i++)
        if (a->found.kept[i].leaf == leaf)
            return &a->found.kept[i];
    return NULL;
}

/* The server receipts what a site has done, pays nothing, and lets the hold expire, or says that there was no permit. */
static void
test_receipts(void **unused)
{
    struct world *w = world_new();
    const struct sign_key *site, *server = &w->server;
    struct report cheated, denied, paid, late, disputed, waiting, unknown, failed, permit, claimed, dropped, resolved, same_second;
    uint64_t hold, expired, voided, late_hold, other_hold, dropped_at, second_hold;
    char path[96], command[128];
    struct entry e;
    struct audit *a;
    struct out o;
    int64_t at;
    FILE *f;

    (void)unused;
    world_seed(w);
    site = &w->site_keys[0];
    snprintf(o.dir, sizeof o.dir, "/tmp/kontor-receipts.XXXXXX");
    assert_true((close(mkstemp(o.dir)), true));
    snprintf(path, sizeof path, "%s", o.dir);
    f = fopen(path, "wb");
    assert_non_null(f);

    hold = run_job(w, &paid);
    e = entry_new(SETTLE);
    e.u.settle.final = 1;
    e.u.settle.report = paid;
    ledger_fill_hold(w->l, hold, &e);
    world_sign_report(w, &e);
    world_add(w, e);
    put_receipt(f, w, &paid, w->now, site, server);
    hold = run_job(w, &denied);
    put_receipt(f, w, &denied, w->now, site, server);
    permit = denied;
    permit.kind = REPORT_ACCEPTED;
    permit.number += 1000;
    permit.gpu_seconds = 0;
    permit.started_ms = permit.ended_ms = 0;
    put_receipt(f, w, &permit, w->now, site, server);
    voided = world_add(w, world_void(w, hold, VOID_ACCEPT_BY));
    hold = run_job(w, &disputed);
    put_receipt(f, w, &disputed, w->now, site, server);
    world_add(w, world_dispute(w, hold, true));
    run_job(w, &waiting);
    put_receipt(f, w, &waiting, w->now - 2 * HOUR_MS, site, server);
    hold = run_job(w, &claimed); /* there was no permit: what a site says then is its word alone */
    put_receipt(f, w, &claimed, w->now, site, server);
    world_add(w, world_void(w, hold, VOID_CANCELLED));
    late_hold = run_job(w, &late);
    hold = run_job(w, &resolved);
    put_receipt(f, w, &resolved, w->now, site, server);
    world_add(w, world_dispute(w, hold, true));
    world_add(w, world_resolve(w, hold, 500));
    other_hold = run_job(w, &dropped); /* a dispute that is closed again on nobody's word excuses nothing */
    put_receipt(f, w, &dropped, w->now, site, server);
    world_add(w, world_dispute(w, other_hold, true));
    world_add(w, world_dispute(w, other_hold, false));
    second_hold = run_job(w, &same_second);
    hold = run_job(w, &failed); /* the site's own doing: nothing is owed */
    failed.kind = REPORT_FAILED;
    failed.reason = REASON_SITE;
    put_receipt(f, w, &failed, w->now, site, server);
    hold = run_job(w, &cheated);
    at = w->now;
    put_receipt(f, w, &cheated, at, site, server);
    unknown = cheated;
    unknown.jti.b[3] ^= 1;
    unknown.number += 100;
    put_receipt(f, w, &unknown, at, site, server);
    put_receipt(f, w, &cheated, at, &w->site_keys[1], server); /* another site's word */
    put_receipt(f, w, &cheated, at, site, site);               /* and no word of the server's */
    fputs("{\"statement\": \"00\"}\n", f);
    expired = expire(w, hold);
    expire(w, late_hold);
    dropped_at = expire(w, other_hold);
    world_add(w, world_dispute(w, other_hold, true)); /* nor does one that comes when all is over */
    put_receipt(f, w, &same_second, ledger_hold(w->l, second_hold)->expiry_ms, site, server); /* a receipt says whole seconds */
    expire(w, second_hold);
    put_receipt(f, w, &late, w->now, site, server);
    fclose(f);

    put_export(&o, w);
    a = audited_so((struct audit){ .dir = o.dir, .receipts = path });
    if (a->found.n != 3 || a->receipted.ends != 11)
        audit_print(a, stdout);
    assert_int_equal(a->found.n, 3);
    assert_non_null(finding_of(a, dropped_at));
    assert_non_null(finding_of(a, expired));
    assert_non_null(strstr(finding_of(a, expired)->what, "14400 GPU-seconds"));
    assert_non_null(strstr(finding_of(a, expired)->what, "was left to expire, and no SETTLE pays it"));
    assert_non_null(strstr(finding_of(a, voided)->what, "as if it had had no permit"));
    assert_int_equal(a->receipted.ends, 11);
    assert_int_equal(a->receipted.paid, 2);
    assert_int_equal(a->receipted.disputed, 2);
    assert_int_equal(a->receipted.too_late, 2);
    assert_int_equal(a->receipted.waiting, 1);
    assert_int_equal(a->receipted.unknown, 1);
    assert_int_equal(a->receipted.unusable, 3);
    free(a);
    a = audited(&o);
    assert_int_equal(a->found.n, 0); /* the entries alone keep every rule */
    free(a);
    unlink(path);
    snprintf(command, sizeof command, "rm -r %s", o.dir);
    assert_int_equal(system(command), 0);
    world_delete(w);
}

/* ---- orders signed by passkeys ------------------------------------------------------------------------------------ */

static void
clean(const struct out *o)
{
    char command[128];

    snprintf(command, sizeof command, "rm -r %s", o->dir);
    assert_int_equal(system(command), 0);
}

static void
put_said(const struct world *w, FILE *to)
{
    static char hex[HEX_LEN(ASSERTION_MAX)];
    struct hash h = sha256(BYTES(w->said, w->said_len));

    hex_encode(BYTES(h.b, 32), hex);
    fprintf(to, "{\"sha256\":\"%s\",", hex);
    hex_encode(BYTES(w->said, w->said_len), hex);
    fprintf(to, "\"assertion\":\"%s\"}\n", hex);
}

/* What a server could write that has the officer's passkey not at hand: the entry and what lies beside it fit each other. */
static const struct { enum world_lie lie; const char *what; } LIES[] = {
    { SAYS_WELL, NULL },
    { SAYS_OTHER_ORDER, "the passkey signed something else than this entry" },
    { SAYS_SIGN_IN, "the passkey signed something else than this entry" },
    { SAYS_UNVERIFIED, "the passkey did not ask for a PIN, a finger or a face" },
    { SAYS_OTHER_PAGE, "the passkey was asked by a page that is not of its site" },
    { SAYS_OTHER_SITE, "the passkey is for another site" },
    { SAYS_UNSIGNED, "it does not verify" },
    { SAYS_OTHER_KEY, "it is by another passkey" },
    { SAYS_NOTHING, "its assertion is none" },
};

static void
sign_so(struct world *w, struct entry *e, enum world_lie lie)
{
    uint8_t bytes[ENTRY_MAX];
    struct authority *auth = entry_authority(e);

    world_sign(w, e, "P");
    world_say(w, BYTES(bytes, entry_signed_bytes(e, ledger_genesis(w->l), bytes)), lie);
    assertion_slot(BYTES(w->said, w->said_len), auth->slot[0].sig);
}

static void
expect_told(const struct out *o, uint64_t leaf, const char *what)
{
    struct audit *a = audited(o);

    expect_same(a);
    assert_int_equal(a->found.n, what != NULL ? 1 : 0);
    assert_int_equal(a->evidence.assertions, what != NULL ? 1 : 2);
    assert_int_equal(a->count.by_assertion, 2);
    if (what != NULL && (a->found.kept[0].leaf != leaf || strstr(a->found.kept[0].what, what) == NULL))
        fail_msg("leaf %" PRIu64 ": %s, not: %s", a->found.kept[0].leaf, a->found.kept[0].what, what);
    free(a);
}

static void
try_lie(enum world_lie lie, const char *what)
{
    struct world *w = world_new();
    char *lines = NULL;
    struct out o;
    size_t len;
    FILE *f = open_memstream(&lines, &len);
    struct entry e;
    uint64_t leaf;

    world_seed(w);
    world_passkey(w);
    e = world_move(w, TRANCHE, w->fund, w->tranche, CREDIT);
    sign_so(w, &e, lie);
    leaf = world_add(w, e);
    put_said(w, f);
    e = world_move(w, TRANCHE, w->fund, w->tranche, CREDIT);
    world_sign(w, &e, "P");
    world_add(w, e);
    put_said(w, f);
    fclose(f);
    put_export(&o, w);
    put_file(&o, "assertions.jsonl", lines, len);
    expect_told(&o, leaf, what);
    free(lines);
    clean(&o);
    world_delete(w);
}

static void
test_passkeys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++)
        try_lie(LIES[i].lie, LIES[i].what);
    assert_int_equal(sizeof LIES / sizeof LIES[0], WORLD_LIES);
}

/* What one order's passkey said, put into another order too: the hash is there twice. */
static void
test_one_assertion_for_two(void **state)
{
    struct world *w = world_new();
    struct entry e;
    struct audit *a;
    struct out o;

    (void)state;
    world_seed(w);
    world_passkey(w);
    e = world_move(w, TRANCHE, w->fund, w->tranche, CREDIT);
    world_sign(w, &e, "P");
    world_add(w, e);
    *(struct uuid *)entry_order(&e) = world_uuid(w);
    world_add(w, e);
    put_export(&o, w);
    a = audited(&o);
    assert_int_equal(a->found.n, 2);
    assert_non_null(strstr(a->found.kept[0].what, "it has the same passkey's assertion as entry"));
    assert_non_null(strstr(a->found.kept[1].what, "its assertion is missing"));
    free(a);
    clean(&o);
    world_delete(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_tree_and_tiles),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_three_levels),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_passkeys),
        cmocka_unit_test(test_one_assertion_for_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
