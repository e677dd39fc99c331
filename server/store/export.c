/* store/export.c */
#include "store/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "core/entry_layout.h"
#include "core/tile.h"
#include "core/note.h"
#include "crypto/sign.h"
#include "store/cosignatures.h"
#include "store/export_reasons.h"
#include "store/seals.h"
#include "store/shape.h"
#include "store/tiles.h"

struct exporting {
    const char *dir;
    struct entries_head head;
    struct tiles tiles;
    uint8_t *bundle;               /* entries of the bundle under way, each with its length */
    size_t bundle_len, bundle_cap;
    uint64_t next;                 /* index of the next entry */
    uint64_t beyond;               /* rows that the head does not cover */
    char origin[64];
    enum export_what what;
    FILE *out; /* of a file written line by line */
    uint64_t accounts, holds, tiles_there, twice; /* rows that were come by */
    struct { int level; uint64_t n; } next_tile;  /* that a log of this size has */
    struct reasons *reasons;
    void (*progress)(void *ctx, uint64_t done, uint64_t all);
    void *progress_ctx;
    struct export_checkpoint checkpoint;
    export_tell_fn *tell;
    uint64_t told, wrong_n, faults;
    bool unchecked;
    struct err_detail *detail;
};

static void
tell(struct exporting *x, const char *text, bool remark)
{
    if (x->tell != NULL && ++x->told <= EXPORT_TOLD_MAX)
        x->tell(x->checkpoint.ctx, text, remark);
}

/* Something that somebody has done to the database. */
static void PRINTF(2, 3)
fault(struct exporting *x, const char *fmt, ...)
{
    char text[600];
    va_list args;

    va_start(args, fmt);
    text_vformat(text, sizeof text, fmt, args);
    va_end(args);
    x->faults++;
    tell(x, text, false);
}

static enum err
io_error(struct exporting *x, const char *path)
{
    return err_internal(x->detail, ERR_IO, "%s: %s", path, strerror(errno));
}

/* Make the folders that a path leads through. */
static bool
make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int made = mkdir(path, 0777);
        *slash = '/';
        if (made != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static enum err
write_file(struct exporting *x, const char *name, const void *data, size_t len)
{
    char path[4096];
    int fd, failed;
    size_t done = 0;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", x->dir, name) >= sizeof path)
        return err_internal(x->detail, ERR_IO, "%s: the path is too long", x->dir);
    if (!make_folders(path) || (fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
        return io_error(x, path);
    while (done < len) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    failed = done < len ? errno : 0;
    if (close(fd) != 0 && failed == 0)
        failed = errno;
    errno = failed;
    return failed == 0 ? OK : io_error(x, path);
}

static enum err
write_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    char name[TILE_PATH_MAX];

    tile_path(level, n, width, name);
    return write_file(ctx, name, hashes, width * sizeof *hashes);
}

static enum err
write_bundle(struct exporting *x, unsigned width)
{
    char name[TILE_PATH_MAX];
    enum err err;

    tile_path(TILE_ENTRIES, (x->next - 1) / TILE_WIDTH, width, name);
    err = write_file(x, name, x->bundle, x->bundle_len);
    x->bundle_len = 0;
    return err;
}

/* The origin stands in entry 0; an entry 0 that is no GENESIS is for the auditor to tell. */
static void
remember_origin(struct exporting *x, const struct entry_row *row)
{
    size_t cap = sizeof x->origin;

    if (row->index == 0 && row->len >= ENTRY_HEADER + cap)
        memcpy(x->origin, row->bytes + ENTRY_HEADER, cap - 1);
    for (size_t i = 0; i < cap - 1; i++)
        if (x->origin[i] == '\n')
            x->origin[i] = '?';
}

static enum err
take_entry(void *ctx, const struct entry_row *row)
{
    struct exporting *x = ctx;
    struct wire_out w;
    enum err err;

    if (row->index >= x->head.size) {
        if (x->beyond++ == 0)
            fault(x, "entry %" PRId64 " is in the table, and the head covers %" PRIu64 " entries", (int64_t)row->index, x->head.size);
        return OK;
    }
    if (row->index < x->next) {
        x->twice++;
        fault(x, "entry %" PRIu64 " is in the table twice", row->index);
        return OK;
    }
    if (row->index != x->next)
        return err_say(x->detail, ERR_CORRUPT, "Entry %" PRIu64 " is missing from the database.", x->next);
    remember_origin(x, row);
    reasons_entry(x->reasons, row);
    if (x->bundle_cap - x->bundle_len < row->len + 2) {
        x->bundle_cap = 2 * x->bundle_cap + row->len + 65536;
        x->bundle = xrealloc(x->bundle, x->bundle_cap);
    }
    w = (struct wire_out){ x->bundle + x->bundle_len, x->bundle + x->bundle_cap };
    put_u16(&w, (uint16_t)row->len);
    put_bytes(&w, row->bytes, row->len);
    x->bundle_len = (size_t)(w.at - x->bundle);
    x->next++;
    err = tiles_append(&x->tiles, row->leaf);
    if (err == OK && x->next % TILE_WIDTH == 0) {
        err = write_bundle(x, TILE_WIDTH);
        if (x->progress != NULL)
            x->progress(x->progress_ctx, x->next, x->head.size);
    }
    return err;
}

static enum err
write_entries(struct exporting *x, struct db *db)
{
    enum err err = entries_each(db, take_entry, x);

    if (err == OK && x->next < x->head.size)
        err = err_say(x->detail, ERR_CORRUPT, "Entry %" PRIu64 " is missing from the database.", x->next);
    if (err == OK && x->next % TILE_WIDTH != 0)
        err = write_bundle(x, (unsigned)(x->next % TILE_WIDTH));
    return err == OK ? tiles_finish(&x->tiles) : err;
}

static enum err
take_account(void *ctx, const struct account_row *row)
{
    struct exporting *x = ctx;
    char org[UUID_TEXT];

    uuid_text(row->owner_org, org);
    x->accounts++;
    fprintf(x->out, "%" PRIu64 ",%" PRId64 ",%d,%s,%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 "\n",
            row->index, row->class, row->closed, org, row->owner_site, (int64_t)row->parent, row->posted_debits,
            row->posted_credits, row->held_debits, row->held_credits, row->last_index);
    return OK;
}

/* Whole tiles of a level in a log of this size. */
static uint64_t
whole_tiles(const struct exporting *x, int level)
{
    return level == TILE_LEVELS - 1 ? 0 : x->head.size >> 8 * (level + 1);
}

static void
tell_missing(struct exporting *x, int level, uint64_t from, uint64_t to)
{
    if (to - from == 1)
        fault(x, "tile %d/%" PRIu64 " is missing from the table", level, from);
    else if (to > from)
        fault(x, "tiles %d/%" PRIu64 " to %d/%" PRIu64 " are missing from the table", level, from, level, to - 1);
}

/* Those between the last one and this one should have come too. */
static void
pass_tiles(struct exporting *x, int level, uint64_t n)
{
    for (; x->next_tile.level < level; x->next_tile.level++, x->next_tile.n = 0)
        tell_missing(x, x->next_tile.level, x->next_tile.n, whole_tiles(x, x->next_tile.level));
    tell_missing(x, level, x->next_tile.n, n);
    x->next_tile.n = n + 1;
}

/* The tiles as the database keeps them, over those that follow from its entries: exactly those that a log of this size has. */
static enum err
take_stored_tile(void *ctx, int level, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    struct exporting *x = ctx;

    x->tiles_there++;
    if (level < 0 || level >= TILE_LEVELS || n >= whole_tiles(x, level))
        fault(x, "tile %d/%" PRId64 " is in the table, and a log of %" PRIu64 " entries has it not", level, (int64_t)n, x->head.size);
    else if (level < x->next_tile.level || (level == x->next_tile.level && n < x->next_tile.n))
        fault(x, "tile %d/%" PRIu64 " is in the table twice", level, n);
    else {
        pass_tiles(x, level, n);
        return write_tile(x, level, n, hashes, TILE_WIDTH);
    }
    return OK;
}

static enum err
write_stored_tiles(struct exporting *x, struct db *db)
{
    enum err err = tile_rows_each(db, take_stored_tile, x);

    if (err == OK)
        pass_tiles(x, TILE_LEVELS - 1, 0);
    return err;
}

/* A row whose key is NULL, or there twice, is in no walk by keys. */
static void
compare_count(struct exporting *x, const char *table, uint64_t all, uint64_t seen)
{
    if (all != seen)
        fault(x, "the table %s has %" PRIu64 " rows, and %" PRIu64 " are found by their keys: one has no key, or has another's", table, all, seen);
}

static enum err
check_counts(struct exporting *x, struct db *db)
{
    struct entries_counts all;
    enum err err = entries_counts_read(db, &all);

    if (err != OK)
        return err;
    compare_count(x, "entry", all.entries, x->next + x->beyond + x->twice);
    compare_count(x, "account", all.accounts, x->accounts);
    compare_count(x, "tile", all.tiles, x->tiles_there);
    compare_count(x, "reservation", all.reservations, x->holds);
    return OK;
}

/* A file that `each` writes to x->out, line by line. */
static enum err
write_lines(struct exporting *x, struct db *db, const char *name, enum err (*each)(struct exporting *x, struct db *db))
{
    char path[4096];
    enum err err;

    if (!text_format(path, sizeof path, "%s/%s", x->dir, name) || (x->out = fopen(path, "we")) == NULL)
        return io_error(x, path);
    err = each(x, db);
    if ((ferror(x->out) | fclose(x->out)) != 0 && err == OK)
        err = io_error(x, path);
    return err;
}

static enum err
each_balance(struct exporting *x, struct db *db)
{
    fprintf(x->out, "%s\n", EXPORT_BALANCES_HEADER);
    return account_rows_each(db, take_account, x);
}

static enum err
take_held(void *ctx, const struct held_row *r)
{
    char reservation[UUID_TEXT], request[UUID_TEXT], org[UUID_TEXT];
    struct exporting *x = ctx;

    x->holds++;
    uuid_text(r->reservation, reservation);
    uuid_text(r->request, request);
    uuid_text(r->org, org);
    fprintf(x->out, "%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
            ",%" PRId64 ",%" PRId64 ",%" PRId64 "\n", reservation, request, org, r->hold, r->grant, r->site, r->offering, r->rate, r->fence, r->gpus,
            r->walltime_s, r->rate_milli, r->amount, r->window_start_ms, r->window_end_ms, r->start_by_ms, r->paid);
    return OK;
}

static enum err
each_held(struct exporting *x, struct db *db)
{
    fprintf(x->out, "%s\n", EXPORT_HOLDS_HEADER);
    return held_rows_each(db, take_held, x);
}

static void
end_line(struct exporting *x, struct json_out *line)
{
    fprintf(x->out, "%.*s\n", (int)line->len, line->text);
    json_out_free(line);
}

static void
write_evidence(struct exporting *x, const struct evidence *e)
{
    struct json_out line = { .fresh = true };

    json_open(&line, NULL);
    json_uuid(&line, "order", e->order);
    if (e->erased_ms != 0) {
        json_time(&line, "erased", e->erased_ms);
        json_i64(&line, "erasure", (int64_t)e->erasure);
    } else {
        json_hex(&line, "salt", BYTES(e->salt.b, sizeof e->salt.b));
        json_text(&line, "text", e->text);
    }
    json_shut(&line);
    end_line(x, &line);
}

/* Looked at whether it is written or not. */
static enum err
take_evidence(void *ctx, const struct evidence *e)
{
    struct exporting *x = ctx;
    const char *wrong = reasons_row(x->reasons, e);

    if (wrong != NULL)
        fault(x, "%s", wrong);
    if (x->what == EXPORT_EVIDENCE)
        write_evidence(x, e);
    return OK;
}

/* Of a database whose rows were never sealed nobody says that it has all that it should. */
static void
tell_missing_evidence(struct exporting *x)
{
    const char *missing;

    while ((missing = reasons_missing(x->reasons)) != NULL)
        fault(x, "%s", missing);
}

static enum err
each_evidence(struct exporting *x, struct db *db)
{
    return evidence_each(db, take_evidence, x);
}

static enum err
take_assertion(void *ctx, const struct hash *sha256_said, struct bytes assertion)
{
    struct json_out line = { .fresh = true };
    char key[HEX_LEN(sizeof sha256_said->b)];

    hex_encode(BYTES(sha256_said->b, sizeof sha256_said->b), key);
    if (!hash_equal(sha256(assertion), *sha256_said))
        fault(ctx, "row %s of the table assertion is not what its hash says", key);
    json_open(&line, NULL);
    json_hex(&line, "sha256", BYTES(sha256_said->b, sizeof sha256_said->b));
    json_hex(&line, "assertion", assertion);
    json_shut(&line);
    end_line(ctx, &line);
    return OK;
}

static enum err
each_assertion(struct exporting *x, struct db *db)
{
    return assertions_each(db, take_assertion, x);
}

/* The lines of one checkpoint: its note, with the cosignatures that came so far. */
struct note_under_way { struct exporting *x; uint64_t size; char *text; size_t len, lines; };

static void
end_note(struct note_under_way *u)
{
    struct json_out line = { .fresh = true };

    if (u->lines > 0) {
        json_open(&line, NULL);
        json_text(&line, "note", u->text);
        json_shut(&line);
        end_line(u->x, &line);
    }
    u->len = u->lines = 0;
}

static enum err
take_cosigned(void *ctx, const struct cosigned *row)
{
    struct note_under_way *u = ctx;
    size_t note_len = strlen(row->checkpoint.note);
    struct vkey key;

    if (u->lines > 0 && (row->checkpoint.size != u->size || u->lines == NOTE_LINES_MAX - 1)) /* the log's own is one */
        end_note(u);
    if (u->lines == 0) {
        if (note_len > NOTE_MAX - NOTE_LINES_MAX * NOTE_LINE_MAX)
            return ERR_CORRUPT;
        memcpy(u->text, row->checkpoint.note, note_len + 1);
        u->len = note_len;
        u->size = row->checkpoint.size;
    }
    key = vkey_make(row->by.name, NOTE_COSIGNATURE, row->by.public);
    u->len += note_line_write(&key, row->by.time_s, row->by.signature, u->text + u->len);
    u->text[u->len] = '\0';
    u->lines++;
    return OK;
}

static enum err
each_cosigned(struct exporting *x, struct db *db)
{
    struct note_under_way u = { .x = x, .text = xmalloc(NOTE_MAX + 1) };
    enum err err = cosignatures_first(db, take_cosigned, &u);

    if (err == OK)
        end_note(&u);
    free(u.text);
    return err;
}

/* ---- cosignatures, each of them ---------------------------------------------------------------------------------------- */

static bool
is_signed(const struct cosigned *row)
{
    uint8_t bytes[CHECKPOINT_TEXT_MAX + 64];
    const char *end = strstr(row->checkpoint.note, "\n\n");
    size_t len = end != NULL ? (size_t)(end - row->checkpoint.note) + 1 : 0;

    if (len == 0 || len > CHECKPOINT_TEXT_MAX)
        return false;
    len = note_signed_bytes(NOTE_COSIGNATURE, row->by.time_s, BYTES(row->checkpoint.note, len), bytes);
    return sign_verify(row->by.public, BYTES(bytes, len), row->by.signature) == OK;
}

/* A signature's bytes do not hold the name that it is shown under: that is the witness's own, of the table or of the policy. */
static enum err
take_cosignature(void *ctx, const struct cosigned *row, const char *witness)
{
    struct exporting *x = ctx;
    const char *name = row->by.name;
    char text[400];

    if (!is_signed(row)) {
        fault(x, "the cosignature of %" PRIu64 " entries by %s is not of its key, time and checkpoint", row->by.size, name);
    } else if (witness != NULL && strcmp(witness, name) != 0) {
        fault(x, "the cosignature of %" PRIu64 " entries by %s bears the key of the witness %s", row->by.size, name, witness);
    } else if (witness == NULL && (x->checkpoint.is_witness == NULL || !x->checkpoint.is_witness(x->checkpoint.ctx, name, row->by.public))) {
        text_format(text, sizeof text, "the cosignature of %" PRIu64 " entries by %s is of no witness of this key and name, in the table or the policy",
                    row->by.size, name);
        tell(x, text, true);
    }
    return OK;
}

/* An empty folder, or an earlier export's: its head goes first, so that a half-written one is not taken for whole. */
static enum err
prepare_folder(struct exporting *x)
{
    static const char *const gone[] = { "head", "checkpoint", "evidence.jsonl" };
    static const char *const ours[] = { ".", "..", "tile", "balances.csv", "holds.csv", "head", "checkpoint", "evidence.jsonl", "assertions.jsonl",
                                        "checkpoints.jsonl" };
    char path[4096];
    DIR *dir;
    struct dirent *one;
    bool foreign = false;

    if (mkdir(x->dir, 0777) != 0 && errno != EEXIST)
        return io_error(x, x->dir);
    dir = opendir(x->dir);
    if (dir == NULL)
        return io_error(x, x->dir);
    while ((one = readdir(dir)) != NULL) {
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            known = known || strcmp(one->d_name, ours[i]) == 0;
        foreign = foreign || !known;
    }
    closedir(dir);
    if (foreign)
        return err_say(x->detail, ERR_EXISTS, "%s has something else in it than an export.", x->dir);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (!text_format(path, sizeof path, "%s/%s", x->dir, gone[i]) || (unlink(path) != 0 && errno != ENOENT))
            return io_error(x, path);
    return OK;
}

/* The columns of a checkpoint's row say what the note says. */
static bool
repeats_note(const struct checkpoint_row *row)
{
    struct note *note = xcalloc(1, sizeof *note);
    struct checkpoint c;
    bool same = note_parse(BYTES_TEXT(row->note), note) && checkpoint_parse(note->text, &c) && c.size == row->size && hash_equal(c.root, row->root);

    free(note);
    return same;
}

/* The one that is shown to the world, else the newest that was signed, if there is one: of this journal or a longer one,
 * which the auditor will tell. */
static enum err
write_checkpoint(struct exporting *x, struct db *db)
{
    struct arena *a = arena_new();
    struct checkpoint_row row;
    enum err err = x->checkpoint.find ? x->checkpoint.find(x->checkpoint.ctx, db, a, &row) : ERR_NOT_FOUND;

    if (err == ERR_NOT_FOUND)
        err = checkpoints_newest(db, INT64_MAX, a, &row);
    if (err == OK && !repeats_note(&row))
        err = err_say(x->detail, ERR_CORRUPT, "The checkpoint of %" PRIu64 " entries has another size or root in its row than in its note.", row.size);
    if (err == OK)
        err = write_file(x, "checkpoint", row.note, strlen(row.note));
    arena_delete(a);
    return err == ERR_NOT_FOUND ? OK : err;
}

static void
take_unsealed(void *ctx, const struct seals_wrong *w)
{
    struct exporting *x = ctx;
    char text[240];

    if (w->key == NULL)
        text_format(text, sizeof text, "the table %s has %" PRIu64 " rows more than are found by their keys: they have none, or another's", w->table, w->hidden);
    else
        text_format(text, sizeof text, "row %s of the table %s %s: it was changed behind the server's back", w->key, w->table,
                    w->bare ? "has no seal" : "is not as it was sealed");
    tell(x, text, false);
}

static void
take_shape(void *ctx, const struct shape_wrong *w)
{
    fault(ctx, "%s: the database was altered, not by kontord migrate", w->text);
}

/* Every row that bears a seal, also of what is not exported. A database that has no seals yet has none to compare. */
static enum err
check_seals(struct exporting *x, struct db *db)
{
    struct seals_count count = { .wrong = 0 };
    enum err err = db_seals(db) != NULL ? seals_each(db, false, take_unsealed, x, &count) : seals_begun(db, &x->unchecked);

    x->wrong_n = count.wrong;
    return err;
}

static enum err
write_all(struct exporting *x, struct db *db)
{
    struct head_text head = { .size = 0 };
    char text[HEAD_TEXT_MAX];
    enum err err = prepare_folder(x);

    if (err == OK)
        err = entries_snapshot(db);
    if (err == OK)
        err = shape_check(db, take_shape, x);
    if (err == OK) /* before anything that may not be readable */
        err = check_seals(x, db);
    if (err == OK)
        err = entries_head_read(db, &x->head);
    if (err == OK && x->head.size == 0)
        err = err_say(x->detail, ERR_NOT_FOUND, "The journal is empty.");
    if (err == OK)
        err = write_entries(x, db);
    if (err == OK)
        err = write_stored_tiles(x, db);
    if (err == OK)
        err = write_lines(x, db, "balances.csv", each_balance);
    if (err == OK)
        err = write_lines(x, db, "holds.csv", each_held);
    if (err == OK)
        err = write_lines(x, db, "assertions.jsonl", each_assertion);
    if (err == OK)
        err = write_lines(x, db, "checkpoints.jsonl", each_cosigned);
    if (err == OK)
        err = cosignatures_each(db, take_cosignature, x);
    if (err == OK)
        err = x->what == EXPORT_EVIDENCE ? write_lines(x, db, "evidence.jsonl", each_evidence) : each_evidence(x, db);
    if (err == OK && db_seals(db) != NULL)
        tell_missing_evidence(x);
    if (err == OK)
        err = check_counts(x, db);
    if (err == OK)
        err = write_checkpoint(x, db);
    if (err != OK)
        return err;
    memcpy(head.origin, x->origin, sizeof head.origin);
    head.size = x->head.size;
    head.root = x->head.root;
    head.time_ms = x->head.time_ms;
    return write_file(x, "head", text, head_text_write(&head, text));
}

enum err
export_write(struct db *db, const char *dir, enum export_what what, void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx,
             struct export_checkpoint checkpoint, export_tell_fn *tell_to, struct export_result *ret, struct err_detail *d)
{
    struct exporting *x = xcalloc(1, sizeof *x);
    enum err err;

    x->dir = dir;
    x->what = what;
    x->progress = progress;
    x->progress_ctx = ctx;
    x->checkpoint = checkpoint;
    x->tell = tell_to;
    x->reasons = reasons_new();
    x->detail = d;
    x->tiles.write = write_tile;
    x->tiles.ctx = x;
    err = write_all(x, db);
    if (err == ERR_DB || err == ERR_INTERNAL || (err == ERR_CORRUPT && d->text[0] == '\0' && d->internal[0] == '\0'))
        err = db_explain(db, err, d);
    db_rollback(db);
    *ret = (struct export_result){ x->next, x->accounts, x->beyond, x->wrong_n, x->faults, x->unchecked };
    reasons_delete(x->reasons);
    free(x->bundle);
    free(x);
    return err;
}
