/* audit/verify.c */
#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/entry_layout.h"
#include "core/ledger.h"
#include "crypto/sign.h"

#define BUNDLE_MAX (TILE_WIDTH * (2 + 65535))
#define BALANCES_HEADER "account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index"

struct verifying {
    struct audit *a;
    struct ledger *l;
    struct merkle tree;
    struct tiles tiles;
    bool stopped;                 /* the replay */
    struct head_text remembered;
    bool has_remembered;
    char *file;                   /* a buffer for what is read, BUNDLE_MAX + 1 */
    size_t len;
};

static void find(struct verifying *v, uint64_t leaf, uint16_t kind, const char *fmt, ...) PRINTF(4, 5);

static void
find(struct verifying *v, uint64_t leaf, uint16_t kind, const char *fmt, ...)
{
    struct audit *a = v->a;
    va_list args;

    if (a->n < FINDINGS_MAX) {
        struct finding *f = &a->findings[a->n];
        f->leaf = leaf;
        f->kind = kind;
        va_start(args, fmt);
        text_vformat(f->what, sizeof f->what, fmt, args);
        va_end(args);
        for (char *c = f->what; *c != '\0'; c++) /* what is quoted of a file must not steer a terminal */
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
    }
    a->n++;
}

/* A regular file, for reading; NULL if it is none. A pipe in its place would let us wait for ever. */
static FILE *
open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    FILE *f = NULL;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        f = fdopen(fd, "rb");
    else if (fd >= 0)
        errno = EINVAL;
    if (f == NULL && fd >= 0) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return f;
}

/* Read a file of the export whole into v->file; false if it is not there, cannot be read, or is larger than the buffer. */
static bool
read_whole(struct verifying *v, const char *name)
{
    char path[4096];
    FILE *f;
    bool good;

    if (!text_format(path, sizeof path, "%s/%s", v->a->dir, name))
        return false;
    f = open_file(path);
    if (f == NULL)
        return false;
    v->len = fread(v->file, 1, BUNDLE_MAX + 1, f);
    good = !ferror(f) && v->len <= BUNDLE_MAX;
    fclose(f);
    v->file[good ? v->len : 0] = '\0';
    return good;
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

static void
check_slot(struct verifying *v, const struct entry *e, const struct authority_slot *slot)
{
    uint8_t bytes[ENTRY_MAX];
    const struct key *key = ledger_key(v->l, slot->key);
    size_t len;

    if (slot->class == 0)
        return;
    if (slot->class == 2) {
        v->a->by_assertion++;
        return;
    }
    len = entry_signed_bytes(e, ledger_genesis(v->l), bytes);
    if (key == NULL || sign_verify(key->entry.u.key.ed25519, BYTES(bytes, len), slot->sig) != OK) {
        find(v, e->index, e->kind, "the signature by key %" PRIu64 " does not verify", slot->key);
        return;
    }
    *(slot->class == 3 ? &v->a->by_server : entry_report(e) != NULL ? &v->a->by_site : &v->a->by_officer) += 1;
}

static void
check_authority(struct verifying *v, struct entry *e)
{
    const struct authority *auth = entry_authority(e);

    if (auth == NULL || auth->slot[0].class == 0) {
        v->a->without++;
        return;
    }
    check_slot(v, e, &auth->slot[0]);
    check_slot(v, e, &auth->slot[1]);
}

static void
replay(struct verifying *v, uint64_t i, struct bytes bytes)
{
    struct entry e;
    const char *rule = "";
    uint16_t kind = bytes.len >= 4 ? (uint16_t)(bytes.data[2] << 8 | bytes.data[3]) : ENTRY_KINDS;

    if (entry_decode(bytes, &e) != OK) {
        find(v, i, kind < ENTRY_KINDS ? kind : ENTRY_KINDS, "it is not an entry of layout version 1; the replay ends here");
        v->stopped = true;
        return;
    }
    if (ledger_apply(v->l, &e, NULL, &rule) != OK) {
        find(v, i, e.kind, "it breaks a rule: %s; the replay ends here", rule);
        v->stopped = true;
        return;
    }
    v->a->entries++;
    v->a->kinds[e.kind]++;
    check_authority(v, &e);
}

static void
hash_text(struct hash h, char ret[17])
{
    hex_encode(BYTES(h.b, 8), ret);
}

static void
check_leaf(struct verifying *v, uint64_t i, struct bytes bytes, const struct hash *logged)
{
    struct hash leaf = entry_leaf_hash(bytes);
    uint16_t kind = bytes.len >= 4 ? (uint16_t)(bytes.data[2] << 8 | bytes.data[3]) : ENTRY_KINDS;
    char have[17], want[17];

    if (logged != NULL && !hash_equal(leaf, *logged)) {
        hash_text(leaf, have);
        hash_text(*logged, want);
        find(v, i, kind < ENTRY_KINDS ? kind : ENTRY_KINDS, "its bytes hash to %s…, the log has %s…", have, want);
    }
    merkle_append(&v->tree, leaf);
    if (tiles_append(&v->tiles, leaf) != OK) /* the comparing callback never fails */
        abort();
    if (!v->stopped)
        replay(v, i, bytes);
    if (v->a->checkpoint.there && v->tree.size == v->a->checkpoint.checkpoint.size &&
        !hash_equal(merkle_root(&v->tree), v->a->checkpoint.checkpoint.root))
        find(v, NO_INDEX, ENTRY_KINDS, "the first %" PRIu64 " entries are not those that were signed: history was rewritten", v->tree.size);
    if (v->has_remembered && v->tree.size == v->remembered.size && !hash_equal(merkle_root(&v->tree), v->remembered.root))
        find(v, NO_INDEX, ENTRY_KINDS, "the first %" PRIu64 " entries are not those of the audit before: history was rewritten", v->remembered.size);
}

/* One bundle of entries beside its tile of leaf hashes. False: it cannot be read, nothing after it can be checked. */
static bool
check_bundle(struct verifying *v, uint64_t n)
{
    unsigned width = tile_width(TILE_ENTRIES, n, v->a->head.size);
    struct hash logged[TILE_WIDTH];
    char name[TILE_PATH_MAX];
    bool has_tile;
    size_t at = 0;

    tile_path(0, n, width, name);
    has_tile = read_whole(v, name) && v->len == width * sizeof *logged;
    if (has_tile)
        memcpy(logged, v->file, v->len);
    else
        find(v, NO_INDEX, ENTRY_KINDS, "%s: missing, or not %u hashes", name, width);
    tile_path(TILE_ENTRIES, n, width, name);
    if (!read_whole(v, name)) {
        find(v, n * TILE_WIDTH, ENTRY_KINDS, "%s cannot be read", name);
        return false;
    }
    for (unsigned i = 0; i < width; i++) {
        const uint8_t *bytes = (const uint8_t *)v->file + at;
        size_t len = v->len - at >= 2 ? (size_t)bytes[0] << 8 | bytes[1] : 0;

        if (v->len - at < 2 || v->len - at - 2 < len) {
            find(v, n * TILE_WIDTH + i, ENTRY_KINDS, "%s is cut short before it ends", name);
            return false;
        }
        check_leaf(v, n * TILE_WIDTH + i, BYTES(bytes + 2, len), has_tile ? &logged[i] : NULL);
        at += 2 + len;
    }
    if (at < v->len)
        find(v, n * TILE_WIDTH + width - 1, ENTRY_KINDS, "%s goes on after it", name);
    return true;
}

/* Called with each tile as the leaves make it: compare with the file. Level 0 was compared leaf by leaf. */
static enum err
compare_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    struct verifying *v = ctx;
    char name[TILE_PATH_MAX];
    char path[4096];
    struct hash logged[TILE_WIDTH + 1];
    FILE *f;
    size_t got;

    if (level == 0)
        return OK;
    tile_path(level, n, width, name);
    text_format(path, sizeof path, "%s/%s", v->a->dir, name);
    f = open_file(path); /* v->file still has the bundle under way */
    got = f == NULL ? 0 : fread(logged, 1, sizeof logged, f);
    if (f != NULL)
        fclose(f);
    if (got != width * sizeof *logged)
        find(v, NO_INDEX, ENTRY_KINDS, "%s: missing, or not %u hashes", name, width);
    for (unsigned i = 0; got == width * sizeof *logged && i < width; i++)
        if (!hash_equal(logged[i], hashes[i]))
            find(v, NO_INDEX, ENTRY_KINDS, "%s: hash %u is not the root of its subtree", name, i);
    return OK;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void
check_head(struct verifying *v)
{
    const struct head_text *head = &v->a->head;
    struct hash root = merkle_root(&v->tree);
    char have[17], want[17];

    if (v->tree.size != head->size)
        find(v, NO_INDEX, ENTRY_KINDS, "the head says %" PRIu64 " entries, %" PRIu64 " could be read", head->size, v->tree.size);
    else if (!hash_equal(root, head->root)) {
        hash_text(root, have);
        hash_text(head->root, want);
        find(v, NO_INDEX, ENTRY_KINDS, "the leaves' root is %s…, the head has %s…", have, want);
    }
    if (v->stopped)
        return;
    if (!ledger_group_whole(v->l))
        find(v, ledger_size(v->l) - 1, ENTRY_KINDS, "the journal ends in the middle of a group");
    if (head->time_ms < ledger_time(v->l))
        find(v, NO_INDEX, ENTRY_KINDS, "the head's time is before its last entry's");
}

static void
check_origin(struct verifying *v, struct bytes genesis)
{
    struct entry e;

    if (entry_decode(genesis, &e) != OK || e.kind != GENESIS)
        return; /* told by the replay */
    v->a->simulation = e.u.genesis.simulation == 1;
    if (strcmp(e.u.genesis.origin, v->a->head.origin) != 0)
        find(v, NO_INDEX, ENTRY_KINDS, "the head's origin is %s, entry 0's is %s", v->a->head.origin, e.u.genesis.origin);
}

static void
check_conservation(struct verifying *v)
{
    const char *broken = ledger_conserved(v->l);
    const struct account *a;
    const struct hold *h;

    if (broken != NULL)
        find(v, NO_INDEX, ENTRY_KINDS, "credits are not conserved: %s", broken);
    for (size_t it = 0; (a = ledger_next_account(v->l, &it)) != NULL;) {
        v->a->accounts++;
        if (a->class == ACCOUNT_MINT)
            v->a->minted = a->posted_debits - a->posted_credits;
    }
    for (size_t it = 0; (h = ledger_next_hold(v->l, &it)) != NULL;) {
        v->a->holds_open += h->open;
        v->a->held += hold_left(h);
    }
}

/* The line that the replay gives for an account. */
static void
balance_line(const struct account *a, char *ret, size_t cap)
{
    char org[UUID_TEXT];

    uuid_text(a->owner_org, org);
    text_format(ret, cap, "%" PRIu64 ",%u,%d,%s,%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64,
                a->index, a->class, a->closed, org, a->owner_site, (int64_t)a->parent, a->posted_debits, a->posted_credits,
                a->held_debits, a->held_credits, a->last_index);
}

/* Name the first column in which two lines differ. */
static void
tell_difference(struct verifying *v, const char *have, const char *want)
{
    const char *h = have, *w = want, *column = BALANCES_HEADER;
    int64_t account = 0;
    char first[24] = "";

    text_format(first, sizeof first, "%.*s", (int)strcspn(want, ","), want);
    if (!text_to_i64(first, 0, INT64_MAX, &account))
        account = 0;
    while (*column != '\0') {
        size_t hl = strcspn(h, ","), wl = strcspn(w, ","), cl = strcspn(column, ",");

        if (hl != wl || memcmp(h, w, hl) != 0) {
            find(v, NO_INDEX, ENTRY_KINDS, "balance of account %" PRId64 ": %.*s is %.*s, by the entries %.*s", account,
                 (int)cl, column, (int)(hl < 40 ? hl : 40), h, (int)wl, w);
            return;
        }
        h += hl + (h[hl] == ',');
        w += wl + (w[wl] == ',');
        column += cl + (column[cl] == ',');
    }
    find(v, NO_INDEX, ENTRY_KINDS, "balance of account %" PRId64 ": more columns than there are", account);
}

/* Nothing is hidden behind a zero byte? The buffer was zero before. */
static bool
is_one_text(const char *buffer, size_t size)
{
    for (size_t i = strlen(buffer); i < size; i++)
        if (buffer[i] != '\0')
            return false;
    return true;
}

static void
check_balances(struct verifying *v)
{
    char path[4096], line[512], want[512];
    FILE *f;
    const struct account *a;
    size_t it = 0;

    text_format(path, sizeof path, "%s/balances.csv", v->a->dir);
    f = open_file(path);
    if (f == NULL || fgets(line, sizeof line, f) == NULL || strcmp(line, BALANCES_HEADER "\n") != 0) {
        find(v, NO_INDEX, ENTRY_KINDS, "balances.csv cannot be read, or has other columns");
        if (f != NULL)
            fclose(f);
        return;
    }
    while ((a = ledger_next_account(v->l, &it)) != NULL) {
        balance_line(a, want, sizeof want);
        memset(line, 0, sizeof line);
        if (fgets(line, sizeof line, f) == NULL) {
            find(v, NO_INDEX, ENTRY_KINDS, "balance of account %" PRIu64 " is missing", a->index);
            break;
        }
        if (!is_one_text(line, sizeof line)) {
            find(v, NO_INDEX, ENTRY_KINDS, "balance of account %" PRIu64 ": its line has a byte that is no text", a->index);
            break;
        }
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, want) != 0)
            tell_difference(v, line, want);
        v->a->balances++;
    }
    if (a == NULL && fgets(line, sizeof line, f) != NULL)
        find(v, NO_INDEX, ENTRY_KINDS, "balances.csv has an account that no entry opened: %.*s", (int)strcspn(line, ",\n"), line);
    fclose(f);
}

/* ---- the head of the audit before -------------------------------------------------------------------------------- */

static enum err
read_remembered(struct verifying *v, struct err_detail *d)
{
    char text[HEAD_TEXT_MAX + 1];
    FILE *f = v->a->remember == NULL ? NULL : open_file(v->a->remember);
    size_t len;

    if (f == NULL)
        return v->a->remember == NULL || errno == ENOENT ? OK : err_say(d, ERR_IO, "%s cannot be read.", v->a->remember);
    len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[len] = '\0';
    if (!head_text_parse(text, &v->remembered))
        return err_say(d, ERR_IO, "%s is not a head that an audit has kept.", v->a->remember);
    v->has_remembered = true;
    v->a->remembered = v->remembered.size;
    if (strcmp(v->remembered.origin, v->a->head.origin) != 0)
        find(v, NO_INDEX, ENTRY_KINDS, "the audit before was of another origin, %s", v->remembered.origin);
    if (v->remembered.size > v->a->head.size)
        find(v, NO_INDEX, ENTRY_KINDS, "the audit before saw %" PRIu64 " entries: the journal was rolled back", v->remembered.size);
    if (v->remembered.size == 0)
        v->has_remembered = false;
    return OK;
}

static enum err
write_remembered(struct verifying *v, struct err_detail *d)
{
    char path[4096], text[HEAD_TEXT_MAX];
    size_t len = head_text_write(&v->a->head, text);
    FILE *f;
    bool good;

    if (v->a->remember == NULL || v->a->n > 0)
        return OK;
    if (!text_format(path, sizeof path, "%s.new", v->a->remember) || (f = fopen(path, "we")) == NULL)
        return err_say(d, ERR_IO, "%s cannot be written.", v->a->remember);
    good = fwrite(text, 1, len, f) == len && fflush(f) == 0 && fsync(fileno(f)) == 0;
    good = fclose(f) == 0 && good;
    if (!good || rename(path, v->a->remember) != 0)
        return err_say(d, ERR_IO, "%s cannot be written.", v->a->remember);
    return OK;
}

/* ---- the checkpoint ---------------------------------------------------------------------------------------------- */

/* Read before the leaves, so that the tree's root can be compared when it has the checkpoint's size. */
static void
read_checkpoint(struct verifying *v)
{
    struct signed_head *c = &v->a->checkpoint;
    struct err_detail d = { .text = "" };

    if (!read_whole(v, "checkpoint")) {
        if (v->a->policy != NULL)
            find(v, NO_INDEX, ENTRY_KINDS, "there is no signed checkpoint in the export");
        return;
    }
    if (signed_head_read(BYTES(v->file, v->len), v->a->policy, c, &d) != OK) {
        find(v, NO_INDEX, ENTRY_KINDS, "checkpoint: %s", d.text);
        c->there = false;
        return;
    }
    if (strcmp(c->checkpoint.origin, v->a->head.origin) != 0)
        find(v, NO_INDEX, ENTRY_KINDS, "the checkpoint is of another origin, %s", c->checkpoint.origin);
    if (c->checkpoint.size > v->a->head.size)
        find(v, NO_INDEX, ENTRY_KINDS, "%" PRIu64 " entries were signed: the journal was rolled back", c->checkpoint.size);
    if (c->judged && c->says != QUORUM_OK)
        find(v, NO_INDEX, ENTRY_KINDS, "checkpoint: %s", quorum_sentence(c->says));
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static enum err
verify(struct verifying *v, struct err_detail *d)
{
    struct audit *a = v->a;
    uint64_t bundles;
    enum err err;

    if (!read_whole(v, "head"))
        return err_say(d, ERR_NOT_FOUND, "%s has no head: there is no whole export in it.", a->dir);
    if (strlen(v->file) != v->len || !head_text_parse(v->file, &a->head))
        return err_say(d, ERR_IO, "%s/head is not the head of an export.", a->dir);
    err = read_remembered(v, d);
    if (err != OK)
        return err;
    read_checkpoint(v);
    bundles = a->head.size / TILE_WIDTH + (a->head.size % TILE_WIDTH != 0);
    for (uint64_t n = 0; n < bundles && check_bundle(v, n); n++) {
        if (n == 0 && v->len >= 2)
            check_origin(v, BYTES(v->file + 2, (size_t)(uint8_t)v->file[0] << 8 | (uint8_t)v->file[1]));
        if (a->progress != NULL)
            a->progress(a->ctx, v->tree.size, a->head.size);
    }
    if (tiles_finish(&v->tiles) != OK)
        abort();
    check_head(v);
    a->replayed = !v->stopped && v->tree.size == a->head.size;
    if (a->replayed) {
        check_conservation(v);
        check_balances(v);
    }
    return write_remembered(v, d);
}

enum err
audit_verify(struct audit *a, struct err_detail *d)
{
    struct verifying *v = xcalloc(1, sizeof *v);
    enum err err;

    v->a = a;
    v->l = ledger_new();
    v->file = xmalloc(BUNDLE_MAX + 2);
    v->tiles.write = compare_tile;
    v->tiles.ctx = v;
    err = verify(v, d);
    ledger_delete(v->l);
    free(v->file);
    free(v);
    return err;
}

const struct finding *
audit_first(const struct audit *a)
{
    size_t kept = a->n < FINDINGS_MAX ? a->n : FINDINGS_MAX;
    const struct finding *first = NULL;

    for (size_t i = 0; i < kept; i++)
        if (first == NULL || a->findings[i].leaf < first->leaf)
            first = &a->findings[i];
    return first;
}
