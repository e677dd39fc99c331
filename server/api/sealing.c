/* api/sealing.c */
#include "api/sealing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/text.h"
#include "crypto/random.h"
#include "store/journal.h"
#include "store/shape.h"

enum { PATH_LEN = 4096, LEASE_MS = 5000, LONG_MS = 3600000 };

struct sealing {
    char path[PATH_LEN], next_path[PATH_LEN];
    bool lost;         /* there is no seal.key */
    bool begun_before; /* seal.key.next was there: rows may be sealed with it */
    struct seals seals;
    struct db *db;
    seals_tell_fn *tell; /* of each row that was wrong; NULL */
    struct seals_count count;
    struct err_detail *d;
};

static bool
set_paths(struct sealing *s, const char *data_dir)
{
    return text_format(s->path, sizeof s->path, "%s/seal.key", data_dir) && text_format(s->next_path, sizeof s->next_path, "%s.next", s->path);
}

static enum err
load(const char *path, struct seals *ret, struct err_detail *d)
{
    struct rowseal_key key;
    enum err err = rowseal_key_load(path, &key, d);

    if (!err)
        *ret = seals_new(&key);
    random_wipe(&key, sizeof key);
    return err;
}

enum err
sealing_load(const char *data_dir, struct seals *ret, struct err_detail *d)
{
    struct sealing s;

    if (!set_paths(&s, data_dir))
        return err_internal(d, ERR_IO, "%s: the path is too long", data_dir);
    return load(s.path, ret, d);
}

enum err
sealing_box(const char *data_dir, const char *label, struct box_key *ret, struct err_detail *d)
{
    struct sealing s;
    struct rowseal_key key;
    enum err err = set_paths(&s, data_dir) ? rowseal_key_load(s.path, &key, d) : err_internal(d, ERR_IO, "%s: the path is too long", data_dir);

    if (!err)
        *ret = box_key_of(key.secret, label);
    random_wipe(&key, sizeof key);
    return err;
}

/* The key that is to be: one that was made before and not put in its place, or a new one. */
static enum err
load_next(struct sealing *s)
{
    struct rowseal_key key = rowseal_key_new();
    enum err err = rowseal_key_save(&key, s->next_path, s->d);

    random_wipe(&key, sizeof key);
    if (err && err != ERR_EXISTS)
        return err;
    s->begun_before = err == ERR_EXISTS;
    s->d->internal[0] = '\0';
    return load(s->next_path, &s->seals, s->d);
}

static enum err
connect(struct sealing *s, const char *db_writer)
{
    s->db = db_new(&(struct db_config){ .conninfo = db_writer, .name = "kontord reseal", .timeout_ms = LONG_MS, .no_reconnect = true,
                                        .seals = &s->seals });
    return db_connect(s->db, s->d);
}

/* Who leads writes rows: nobody may meanwhile. A server that has just ended may have the lease a moment longer. */
static enum err
take_lease(struct sealing *s)
{
    int64_t until_ms = monotonic_ms() + LEASE_MS;
    enum err err;

    while ((err = journal_lease(s->db)) == ERR_NOT_LEADER && monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    if (err == ERR_NOT_LEADER)
        return err_internal(s->d, err, "another server is at work on this database%s%s", s->lost ? ", and this one has no " : "",
                            s->lost ? s->path : "");
    return err ? db_explain(s->db, err, s->d) : OK;
}

static void
take_shape(void *ctx, const struct shape_wrong *w)
{
    struct sealing *s = ctx;

    if (w->reads && s->d->internal[0] == '\0')
        (void)err_internal(s->d, ERR_CORRUPT, "%s: the database was altered, not by kontord migrate, and nothing is sealed", w->text);
}

/* All rows, in one transaction: as they are, and as they are said to be. */
static enum err
seal_all(struct sealing *s)
{
    enum err err = db_begin(s->db);

    s->d->internal[0] = '\0';
    if (!err)
        err = shape_check(s->db, take_shape, s);
    if (!err && s->d->internal[0] != '\0') {
        db_rollback(s->db);
        return ERR_CORRUPT;
    }
    if (!err)
        err = seals_each(s->db, true, s->tell, NULL, &s->count);
    if (!err)
        err = db_commit(s->db);
    if (err) {
        db_explain(s->db, err, s->d);
        db_rollback(s->db);
    }
    if (err || !s->lost)
        return err;
    if (rename(s->next_path, s->path) != 0)
        return err_internal(s->d, ERR_IO, "%s: %s", s->path, strerror(errno));
    return OK;
}

/* Sealed rows, and no seal.key: is it this server's own, committed and not put in its place? */
static enum err
adopt_next(struct sealing *s)
{
    struct seals_count count;
    enum err err = load(s->next_path, &s->seals, s->d);

    if (!err && seals_each(s->db, false, NULL, NULL, &count) == OK && count.wrong == 0 && rename(s->next_path, s->path) == 0)
        return OK;
    return err_internal(s->d, ERR_NOT_FOUND, "%s is missing, and the rows of this database are sealed with it: copy it from the other"
                                             " server or the backup; if it is lost, stop all servers and run kontord reseal", s->path);
}

static enum err
open_without_key(struct sealing *s, const char *db_writer, const struct log *log)
{
    bool begun;
    enum err err = connect(s, db_writer);

    if (!err)
        err = take_lease(s);
    if (err)
        return err;
    err = seals_begun(s->db, &begun);
    if (err)
        return db_explain(s->db, err, s->d);
    if (begun)
        return adopt_next(s);
    err = load_next(s);
    if (!err)
        err = seal_all(s);
    if (!err)
        log_info(log, "rows-sealed", LOG_I64("rows", (int64_t)s->count.rows), LOG_TEXT("key", s->path));
    return err;
}

enum err
sealing_open(const char *data_dir, const char *db_writer, const struct log *log, struct seals *ret, struct err_detail *d)
{
    struct sealing s = { .lost = true, .d = d };
    enum err err = set_paths(&s, data_dir) ? load(s.path, &s.seals, d) : err_internal(d, ERR_IO, "%s: the path is too long", data_dir);

    if (err == ERR_NOT_FOUND) {
        d->internal[0] = '\0';
        err = open_without_key(&s, db_writer, log);
        db_delete(s.db);
    }
    *ret = s.seals;
    random_wipe(&s.seals, sizeof s.seals);
    return err;
}

/* ---- kontord reseal --------------------------------------------------------------------------------------------------- */

static void
show_wrong(void *unused, const struct seals_wrong *w)
{
    (void)unused;
    if (w->key == NULL)
        printf("%s: %" PRIu64 " rows have no key, or one that is there twice: they are not sealed\n", w->table, w->hidden);
    else
        printf("%s %s: %s\n", w->table, w->key, w->bare ? "had no seal" : "was not as it was sealed");
}

static enum err
reseal(struct sealing *s, const char *data_dir, const char *db_writer)
{
    enum err err = set_paths(s, data_dir) ? load(s->path, &s->seals, s->d) : err_internal(s->d, ERR_IO, "%s: the path is too long", data_dir);

    s->lost = err == ERR_NOT_FOUND;
    if (err && !s->lost)
        return err;
    s->d->internal[0] = '\0';
    err = connect(s, db_writer);
    if (!err)
        err = take_lease(s);
    if (!err && s->lost)
        err = load_next(s);
    if (!s->lost || s->begun_before) /* under a key that is quite new no row can fit */
        s->tell = show_wrong;
    return err ? err : seal_all(s);
}

int
run_reseal(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct config config;
    struct config_rest rest;
    struct err_detail detail = { .text = "" };
    struct sealing s = { .d = &detail };
    int status = config_begin(&CONFIG_KONTORD, arena, argc, argv, &config, &rest);

    if (status < 0 && rest.argc != 0) {
        fputs("usage: kontord reseal [OPTION...]\n", stderr);
        status = 2;
    }
    if (status < 0) {
        enum err err = reseal(&s, config.data_dir, config.db_writer);

        if (err != OK)
            fprintf(stderr, "kontord reseal: %s\n", detail.internal[0] ? detail.internal : err_sentence(err));
        else if (s.lost && s.begun_before)
            printf("%s was missing, %s is put in its place: %" PRIu64 " rows are sealed as they are, %" PRIu64 " of them were wrong\n", s.path,
                   s.next_path, s.count.rows, s.count.wrong);
        else if (s.lost)
            printf("%s was missing and is new: %" PRIu64 " rows are sealed as they are, none could be checked\n", s.path, s.count.rows);
        else
            printf("%" PRIu64 " rows are sealed as they are, %" PRIu64 " of them were wrong\n", s.count.rows, s.count.wrong);
        status = err != OK;
        db_delete(s.db);
        random_wipe(&s.seals, sizeof s.seals);
    }
    arena_delete(arena);
    return status;
}
