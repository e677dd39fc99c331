/* store/migrate.c */
#include "store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "store/db.h"

enum { FILE_MAX = 1 << 20, MIGRATIONS_MAX = 1000, NUMBER_LEN = 4, TIMEOUT_MS = 600000 };

struct migration {
    int number;
    char name[256]; /* of the file */
    char *sql;
    struct hash hash;
};

struct migrations {
    struct migration *list;
    size_t n;
};

DB_QUERY(MIGRATIONS_LOCK,
    .name = "migrations_lock",
    .sql = "SELECT pg_advisory_lock(hashtextextended('kontor migrations', 0))::text",
    .params = 0, .columns = 1);

/* Not DB_QUERY: the table is there only after the first run. */
static const struct db_query MIGRATIONS_FIND = {
    .name = "migrations_find",
    .sql = "SELECT number, name, sha256 FROM migration ORDER BY number",
    .params = 0, .columns = 3,
};

static const struct db_query MIGRATIONS_ADD = {
    .name = "migrations_add",
    .sql = "INSERT INTO migration (number, name, sha256, applied_ms) VALUES ($1, $2, $3, $4)",
    .params = 4, .columns = 0,
};

static const char TABLE[] =
    "CREATE TABLE IF NOT EXISTS migration ("
    " number integer PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, applied_ms bigint NOT NULL)";

static void
migrations_clear(struct migrations *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->list[i].sql);
    free(m->list);
}

/* NNNN_name.sql → NNNN, else 0. */
static int
number_of(const char *name)
{
    size_t len = strlen(name);
    int number = 0;

    if (len < NUMBER_LEN + 6 || strcmp(name + len - 4, ".sql") != 0 || name[NUMBER_LEN] != '_')
        return 0;
    for (int i = 0; i < NUMBER_LEN; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        number = number * 10 + (name[i] - '0');
    }
    return number;
}

static enum err
read_file(const char *dir, struct migration *m, struct err_detail *d)
{
    char path[4096];
    FILE *f;
    size_t len;

    if (!text_format(path, sizeof path, "%s/%s", dir, m->name))
        return err_internal(d, ERR_IO, "%s: the path is too long", dir);
    f = fopen(path, "re");
    if (f == NULL)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    m->sql = xmalloc(FILE_MAX + 1);
    len = fread(m->sql, 1, FILE_MAX, f);
    if (ferror(f) || len == FILE_MAX || !text_utf8_ok(m->sql, len)) {
        fclose(f);
        return err_internal(d, ERR_IO, "%s: cannot be read, too large or not UTF-8", path);
    }
    fclose(f);
    m->sql[len] = '\0';
    m->sql = xrealloc(m->sql, len + 1);
    m->hash = sha256(BYTES(m->sql, len));
    return OK;
}

static int
by_number(const void *a, const void *b)
{
    return ((const struct migration *)a)->number - ((const struct migration *)b)->number;
}

static enum err
read_folder(const char *dir, struct migrations *m, struct err_detail *d)
{
    DIR *folder = opendir(dir);
    struct dirent *file;
    enum err err = OK;

    if (folder == NULL)
        return err_internal(d, ERR_IO, "%s: %s", dir, strerror(errno));
    m->list = xcalloc(MIGRATIONS_MAX, sizeof m->list[0]);
    while (!err && (file = readdir(folder)) != NULL) {
        struct migration *next = &m->list[m->n];
        int number = number_of(file->d_name);

        if (number == 0)
            continue;
        if (m->n == MIGRATIONS_MAX) {
            err = err_internal(d, ERR_IO, "%s: too many migrations", dir);
            break;
        }
        next->number = number;
        text_format(next->name, sizeof next->name, "%s", file->d_name);
        m->n++;
        err = read_file(dir, next, d);
    }
    closedir(folder);
    if (err)
        return err;
    qsort(m->list, m->n, sizeof m->list[0], by_number);
    for (size_t i = 0; i < m->n; i++)
        if (m->list[i].number != (int)i + 1)
            return err_internal(d, ERR_CORRUPT, "%s: number %zu is missing or there twice", dir, i + 1);
    return m->n > 0 ? OK : err_internal(d, ERR_IO, "%s: no migrations", dir);
}

/* What was applied must be what the folder has. */
static enum err
compare(const PGresult *rows, const struct migrations *m, struct err_detail *d)
{
    size_t applied = (size_t)PQntuples(rows);

    if (applied > m->n)
        return err_internal(d, ERR_CORRUPT, "the database has %zu migrations, this program knows %zu", applied, m->n);
    for (size_t i = 0; i < applied; i++) {
        struct hash hash;

        if (db_get_i64(rows, (int)i, 0) != m->list[i].number || !db_get_hash(rows, (int)i, 2, &hash) ||
            !hash_equal(hash, m->list[i].hash))
            return err_internal(d, ERR_CORRUPT, "%s is not what was applied as %s", m->list[i].name,
                                db_get_text(rows, (int)i, 1));
    }
    return OK;
}

static enum err
apply(struct db *db, const struct migration *m, struct err_detail *d)
{
    enum err err = db_begin(db);

    if (!err)
        err = db_script(db, m->sql);
    if (!err) /* it may have become the owner of what it made, who does not own this table if we are another */
        err = db_script(db, "RESET ROLE");
    if (!err)
        err = db_run(db, &MIGRATIONS_ADD,
                     DB_ARGS(db_i32(m->number), db_text(m->name), db_hash(&m->hash), db_i64(real_now_ms())), NULL);
    if (!err)
        err = db_commit(db);
    if (!err)
        return OK;
    db_explain(db, err, d);
    db_rollback(db);
    return err_internal(d, err, "%s: %s %s", m->name, db_sqlstate(db), db_message(db));
}

static enum err
run(struct db *db, const struct migrations *m, migrate_progress_fn *progress, void *ctx, struct err_detail *d)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_connect(db, d);

    if (err)
        return err;
    err = db_run(db, &MIGRATIONS_LOCK, DB_NO_ARGS, NULL);
    if (!err)
        err = db_script(db, TABLE);
    if (!err)
        err = db_run(db, &MIGRATIONS_FIND, DB_NO_ARGS, &rows);
    if (err)
        return db_explain(db, err, d);
    err = compare(rows, m, d);
    for (size_t i = 0; !err && i < m->n; i++) {
        bool missing = i >= (size_t)PQntuples(rows);

        if (missing)
            err = apply(db, &m->list[i], d);
        if (!err && progress != NULL)
            progress(ctx, m->list[i].number, m->list[i].name, missing);
    }
    return err;
}

enum err
migrate_run(const char *conninfo, const char *dir, migrate_progress_fn *progress, void *ctx, struct err_detail *d)
{
    struct migrations m = { 0 };
    struct db *db = db_new(&(struct db_config){
        .conninfo = conninfo, .name = "kontord migrate", .timeout_ms = TIMEOUT_MS, .no_reconnect = true }); /* the lock is the connection's */
    enum err err = read_folder(dir, &m, d);

    if (!err)
        err = run(db, &m, progress, ctx, d);
    migrations_clear(&m);
    db_delete(db);
    return err;
}
