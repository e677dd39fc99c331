/* store/export.c */
#include "store/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "store/cosignatures.h"
#include "store/entries.h"
#include "store/tiles.h"
#include "store/evidence.h"

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
    uint64_t accounts;
    void (*progress)(void *ctx, uint64_t done, uint64_t all);
    void *progress_ctx;
    struct export_checkpoint checkpoint;
    seals_tell_fn *wrong;
    uint64_t wrong_n;
    bool unchecked;
    struct err_detail *detail;
};

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
        x->beyond++;
        return OK;
    }
    if (row->index != x->next)
        return err_say(x->detail, ERR_CORRUPT, "Entry %" PRIu64 " is missing from the database.", x->next);
    remember_origin(x, row);
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

/* The tiles as the database keeps them, over those that follow from its entries. */
static enum err
take_stored_tile(void *ctx, int level, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    struct exporting *x = ctx;

    if (level < 0 || level >= TILE_LEVELS || n > x->head.size || tile_width(level, n, x->head.size) != TILE_WIDTH)
        return err_say(x->detail, ERR_CORRUPT, "The database has a tile %d/%" PRIu64 ", which the log has not.", level, n);
    return write_tile(x, level, n, hashes, TILE_WIDTH);
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

static enum err
take_evidence(void *ctx, const struct evidence *e)
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
    end_line(ctx, &line);
    return OK;
}

static enum err
each_evidence(struct exporting *x, struct db *db)
{
    return evidence_each(db, take_evidence, x);
}

static enum err
take_assertion(void *ctx, const struct hash *sha256, struct bytes assertion)
{
    struct json_out line = { .fresh = true };

    json_open(&line, NULL);
    json_hex(&line, "sha256", BYTES(sha256->b, sizeof sha256->b));
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

/* Every row that bears a seal, also of what is not exported. A database that has no seals yet has none to compare. */
static enum err
check_seals(struct exporting *x, struct db *db)
{
    struct seals_count count = { .wrong = 0 };
    enum err err = db_seals(db) != NULL ? seals_each(db, false, x->wrong, NULL, &count) : seals_begun(db, &x->unchecked);

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
        err = entries_head_read(db, &x->head);
    if (err == OK && x->head.size == 0)
        err = err_say(x->detail, ERR_NOT_FOUND, "The journal is empty.");
    if (err == OK)
        err = write_entries(x, db);
    if (err == OK)
        err = tile_rows_each(db, take_stored_tile, x);
    if (err == OK)
        err = write_lines(x, db, "balances.csv", each_balance);
    if (err == OK)
        err = write_lines(x, db, "holds.csv", each_held);
    if (err == OK)
        err = write_lines(x, db, "assertions.jsonl", each_assertion);
    if (err == OK)
        err = write_lines(x, db, "checkpoints.jsonl", each_cosigned);
    if (err == OK && x->what == EXPORT_EVIDENCE)
        err = write_lines(x, db, "evidence.jsonl", each_evidence);
    if (err == OK)
        err = check_seals(x, db);
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
             struct export_checkpoint checkpoint, seals_tell_fn *wrong, struct export_result *ret, struct err_detail *d)
{
    struct exporting *x = xcalloc(1, sizeof *x);
    enum err err;

    x->dir = dir;
    x->what = what;
    x->progress = progress;
    x->progress_ctx = ctx;
    x->checkpoint = checkpoint;
    x->wrong = wrong;
    x->detail = d;
    x->tiles.write = write_tile;
    x->tiles.ctx = x;
    err = write_all(x, db);
    if (err == ERR_DB || err == ERR_INTERNAL)
        err = db_explain(db, err, d);
    db_rollback(db);
    if (err == OK)
        *ret = (struct export_result){ x->next, x->accounts, x->beyond, x->wrong_n, x->unchecked };
    free(x->bundle);
    free(x);
    return err;
}
