/* agent/spool.c */
#include "agent/spool_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

/* What a spool of the first version has; and what leads from each version to the next. Forward only: a spool of a newer
 * version is refused. */
static const char SCHEMA[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE job (jti BLOB PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, request BLOB NOT NULL, reservation BLOB NOT NULL,"
    " fence INTEGER NOT NULL, gpus INTEGER NOT NULL, nodes INTEGER NOT NULL, walltime_s INTEGER NOT NULL,"
    " window_start_ms INTEGER NOT NULL, permit_from_ms INTEGER NOT NULL, accept_by_ms INTEGER NOT NULL,"
    " start_by_ms INTEGER NOT NULL, workload BLOB NOT NULL, workload_len INTEGER NOT NULL, jws TEXT NOT NULL,"
    " phase TEXT NOT NULL, had_permit INTEGER NOT NULL, cancel INTEGER NOT NULL, told_queued INTEGER NOT NULL,"
    " told_started INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " last_usage_ms INTEGER NOT NULL, gpu_seconds INTEGER NOT NULL, exit_code INTEGER NOT NULL,"
    " last_report INTEGER NOT NULL, asked_report INTEGER NOT NULL, changed_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX job_open ON job (seq) WHERE phase <> 'done';"
    "CREATE TABLE fence (request BLOB PRIMARY KEY, fence INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE report (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, jti BLOB NOT NULL, statement BLOB NOT NULL,"
    " signature BLOB NOT NULL, inventory TEXT, receipt TEXT);"
    "CREATE INDEX report_open ON report (number) WHERE receipt IS NULL;";
static const char *const UPGRADES[] = {
    /* 2: what the agent did and why */
    "CREATE TABLE story (at_ms INTEGER NOT NULL, jti BLOB NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL);"
    "CREATE INDEX story_of ON story (jti) WHERE jti <> x'00000000000000000000000000000000';",
    /* 3: what was sealed for it */
    "ALTER TABLE job ADD COLUMN secrets BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';",
};
enum { SCHEMA_VERSION = 1 + sizeof UPGRADES / sizeof UPGRADES[0] };

const char *
spool_error(const struct spool *s)
{
    return sqlite3_errmsg(s->db);
}

enum err
spool_begin(struct spool *s)
{
    assert(!s->within);
    s->within = true;
    return sql_execute(s, "BEGIN IMMEDIATE");
}

enum err
spool_commit(struct spool *s)
{
    assert(s->within);
    s->within = false;
    s->unsynced = true;
    return sql_execute(s, "COMMIT");
}

/* SQLite appends each transaction to its log (NORMAL: unsynced), whose frames have checksums: synced, the log is as good as
 * with synchronous = FULL, at one sync for all transactions since the last. Its own syncs around a checkpoint are NORMAL's. */
enum err
spool_sync(struct spool *s)
{
    assert(!s->within);
    if (!s->unsynced)
        return OK;
    if (s->wal < 0)
        s->wal = open(s->wal_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (s->wal < 0 || fdatasync(s->wal) != 0)
        return ERR_IO;
    s->unsynced = false;
    return OK;
}

/* In a transaction of the caller. */
static enum err
upgrade(struct spool *s, uint64_t from)
{
    enum err err = OK;

    for (uint64_t v = from; err == OK && v < SCHEMA_VERSION; v++)
        err = sql_execute(s, UPGRADES[v - 1]);
    return err == OK ? spool_meta_set_u64(s, "schema", SCHEMA_VERSION) : err;
}

/* ---- opening ---- */

static enum err
db_open(struct spool *s, const char *folder, int flags, struct err_detail *d)
{
    const char *path = s->path;

    snprintf(s->path, sizeof s->path, "%s/spool.db", folder);
    snprintf(s->wal_path, sizeof s->wal_path, "%s/spool.db-wal", folder);
    if (sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
        return err_internal(d, ERR_IO, "%s: %s", path, s->db ? sqlite3_errmsg(s->db) : "no memory");
    sqlite3_busy_timeout(s->db, 5000);
    if (flags & SQLITE_OPEN_READONLY)
        return OK;
    if (sql_execute(s, "PRAGMA journal_mode = WAL") != OK || sql_execute(s, "PRAGMA synchronous = NORMAL") != OK ||
        sql_execute(s, "PRAGMA secure_delete = ON") != OK)
        return err_internal(d, ERR_IO, "%s: %s", path, sqlite3_errmsg(s->db));
    return OK;
}

static enum err
db_close(struct spool *s, enum err err)
{
    for (size_t i = 0; i < STATEMENTS_MAX; i++)
        sqlite3_finalize(s->statements[i].st);
    sqlite3_close(s->db);
    if (s->lock >= 0)
        close(s->lock);
    if (s->wal >= 0)
        close(s->wal);
    free(s);
    return err;
}

static enum err
identity_write(struct spool *s, const struct spool_identity *who)
{
    char genesis[HEX_LEN(32)], public[HEX_LEN(SIGN_PUBLIC_LEN)];
    enum err err;

    hex_encode(BYTES(who->genesis.b, 32), genesis);
    hex_encode(BYTES(who->public, SIGN_PUBLIC_LEN), public);
    err = spool_meta_set(s, "site", who->site);
    if (err == OK)
        err = spool_meta_set_u64(s, "site_index", who->site_index);
    if (err == OK)
        err = spool_meta_set(s, "kid", who->kid);
    if (err == OK)
        err = spool_meta_set(s, "origin", who->origin);
    if (err == OK)
        err = spool_meta_set(s, "genesis", genesis);
    if (err == OK)
        err = spool_meta_set(s, "public", public);
    if (err == OK)
        err = spool_meta_set(s, "simulation", who->simulation ? "1" : "0");
    return err;
}

enum err
spool_set_key(struct spool *s, const struct spool_identity *who)
{
    char public[HEX_LEN(SIGN_PUBLIC_LEN)];
    enum err err = spool_meta_set(s, "kid", who->kid);

    hex_encode(BYTES(who->public, SIGN_PUBLIC_LEN), public);
    return err == OK ? spool_meta_set(s, "public", public) : err;
}

static enum err
identity_read(struct spool *s, struct spool_identity *ret)
{
    char genesis[HEX_LEN(32)], public[HEX_LEN(SIGN_PUBLIC_LEN)], simulation[4];

    if (spool_meta_get(s, "site", ret->site, sizeof ret->site) != OK || spool_meta_get(s, "kid", ret->kid, sizeof ret->kid) != OK ||
        spool_meta_get(s, "origin", ret->origin, sizeof ret->origin) != OK ||
        spool_meta_get(s, "genesis", genesis, sizeof genesis) != OK || spool_meta_get(s, "public", public, sizeof public) != OK ||
        spool_meta_get(s, "simulation", simulation, sizeof simulation) != OK)
        return ERR_CORRUPT;
    ret->site_index = spool_meta_u64(s, "site_index");
    ret->simulation = simulation[0] == '1';
    if (!hex_decode(genesis, ret->genesis.b, 32) || !hex_decode(public, ret->public, SIGN_PUBLIC_LEN) || !ret->site[0])
        return ERR_CORRUPT;
    return OK;
}

enum err
spool_make(const char *folder, const struct spool_identity *who, struct err_detail *d)
{
    struct spool *s = xcalloc(1, sizeof *s);
    char has[8];
    enum err err;

    s->lock = s->wal = -1;
    err = spool_check_folder(folder, d);
    if (err == OK)
        err = db_open(s, folder, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, d);
    if (err)
        return db_close(s, err);
    if (spool_meta_get(s, "schema", has, sizeof has) == OK && has[0])
        return db_close(s, err_internal(d, ERR_EXISTS, "%s has a spool already (for a new key: kontor-agent rotate-key)", folder));
    err = spool_begin(s);
    if (err == OK)
        err = sql_execute(s, SCHEMA);
    if (err == OK)
        err = upgrade(s, 1);
    if (err == OK)
        err = identity_write(s, who);
    if (err == OK)
        err = spool_place_write(s);
    if (err == OK)
        err = spool_commit(s);
    if (err == OK)
        err = spool_sync(s);
    if (err)
        err = err_internal(d, err, "%s: %s", folder, sqlite3_errmsg(s->db));
    return db_close(s, err);
}

static enum err
take_lock(struct spool *s, const char *folder, struct err_detail *d)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/lock", folder);
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    for (int tries = 0; flock(s->lock, LOCK_EX | LOCK_NB) != 0; tries++) { /* somebody may only be looking: spool_in_use() */
        if (tries == 10)
            return err_internal(d, ERR_EXISTS, "%s: another agent uses this spool", folder);
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    }
    return OK;
}

/* Its version must be known here; who writes brings an older one forward. */
static enum err
version_check(struct spool *s, const char *folder, bool writes, struct err_detail *d)
{
    uint64_t version = spool_meta_u64(s, "schema");
    enum err err = OK;

    if (version == 0)
        return err_internal(d, ERR_CORRUPT, "%s: the spool is not whole", folder);
    if (version > SCHEMA_VERSION)
        return err_internal(d, ERR_CONFIG, "%s: the spool is of version %llu, and this agent knows those up to %d: install the newer agent again",
                            folder, (unsigned long long)version, (int)SCHEMA_VERSION);
    if (version == SCHEMA_VERSION || !writes)
        return OK;
    if (spool_begin(s) != OK || (err = upgrade(s, version)) != OK || (err = spool_place_write(s)) != OK || spool_commit(s) != OK ||
        spool_sync(s) != OK)
        return err_internal(d, ERR_IO, "%s: the spool of version %llu cannot be brought forward: %s", folder,
                            (unsigned long long)version, sqlite3_errmsg(s->db));
    return OK;
}

enum err
spool_open(const char *folder, const uint8_t *public, struct spool **ret, struct spool_identity *ret_who,
           struct err_detail *d)
{
    struct spool *s = xcalloc(1, sizeof *s);
    char path[PATH_MAX];
    uint64_t base;
    enum err err;

    s->lock = s->wal = -1;
    snprintf(path, sizeof path, "%s/spool.db", folder);
    err = spool_check_folder(folder, d);
    if (err == OK && access(path, F_OK) != 0)
        err = err_internal(d, ERR_NOT_FOUND, "%s has no spool: enrol first", folder);
    if (err == OK && public)
        err = take_lock(s, folder, d);
    if (err == OK)
        err = db_open(s, folder, public ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, d);
    if (err == OK)
        err = version_check(s, folder, public != NULL, d);
    if (err == OK && (err = identity_read(s, ret_who)) != OK)
        err = err_internal(d, err, "%s: the spool is not whole", folder);
    if (err == OK && public && memcmp(public, ret_who->public, SIGN_PUBLIC_LEN) != 0)
        err = err_internal(d, ERR_FORBIDDEN, "%s: the spool belongs to another key", folder);
    if (err == OK && public)
        err = spool_check_place(s, d);
    if (err == OK && public && (err = spool_witness_tables(s)) != OK)
        err = err_internal(d, err, "%s: %s", path, sqlite3_errmsg(s->db));
    if (err)
        return db_close(s, err);
    base = spool_meta_u64(s, "first_report_after");
    s->last_seq = spool_meta_u64(s, "last_seq");
    s->last_number = spool_number_of(s, "SELECT coalesce(max(number), 0) FROM report");
    s->last_receipted = spool_number_of(s, "SELECT coalesce(max(number), 0) FROM report WHERE receipt IS NOT NULL");
    s->last_number = s->last_number > base ? s->last_number : base;
    s->last_receipted = s->last_receipted > base ? s->last_receipted : base;
    *ret = s;
    return OK;
}

enum err
spool_moved(const char *folder, const uint8_t *public, struct err_detail *d)
{
    struct spool *s = xcalloc(1, sizeof *s);
    struct spool_identity who;
    enum err err;

    s->lock = s->wal = -1;
    err = take_lock(s, folder, d);
    if (err == OK)
        err = db_open(s, folder, SQLITE_OPEN_READWRITE, d);
    if (err == OK)
        err = version_check(s, folder, true, d);
    if (err == OK && ((err = identity_read(s, &who)) != OK || memcmp(public, who.public, SIGN_PUBLIC_LEN) != 0))
        err = err_internal(d, ERR_FORBIDDEN, "%s: the spool belongs to another key", folder);
    if (err == OK && (spool_begin(s) != OK || spool_place_write(s) != OK || spool_commit(s) != OK || spool_sync(s) != OK))
        err = err_internal(d, ERR_IO, "%s: %s", folder, sqlite3_errmsg(s->db));
    return db_close(s, err);
}

void
spool_close(struct spool *s)
{
    enum err ignored = db_close(s, OK);

    (void)ignored;
}

uint64_t
spool_last_seq(const struct spool *s)
{
    return s->last_seq;
}

uint64_t
spool_last_number(const struct spool *s)
{
    return s->last_number;
}

uint64_t
spool_last_receipted(const struct spool *s)
{
    return s->last_receipted;
}

enum err
spool_set_last_seq(struct spool *s, uint64_t seq)
{
    enum err err = spool_meta_set_u64(s, "last_seq", seq);

    if (err == OK)
        s->last_seq = seq;
    return err;
}

bool
spool_is_fresh(struct spool *s)
{
    return s->last_seq == 0 && s->last_number == 0 && spool_meta_u64(s, "instance") == 0;
}

enum err
spool_adopt(struct spool *s, uint64_t seq, uint64_t number)
{
    enum err err = spool_meta_set_u64(s, "first_report_after", number);

    if (err == OK)
        err = spool_set_last_seq(s, seq);
    if (err == OK)
        s->last_number = s->last_receipted = number;
    return err;
}

enum err
spool_set_instance(struct spool *s, uint64_t instance)
{
    return spool_meta_set_u64(s, "instance", instance);
}

/* ---- jobs ---- */

static void
bind_state(sqlite3_stmt *st, const struct job *j)
{
    const struct agent_ticket *t = &j->t;

    sql_bind_blob(st, 1, t->jti.b, 16);
    sql_bind_text(st, 2, agent_phase_name(t->phase));
    sql_bind_i64(st, 3, t->had_permit);
    sql_bind_i64(st, 4, t->cancel);
    sql_bind_i64(st, 5, t->told_queued);
    sql_bind_i64(st, 6, t->told_started);
    sql_bind_i64(st, 7, t->started_ms);
    sql_bind_i64(st, 8, t->ended_ms);
    sql_bind_i64(st, 9, t->last_usage_ms);
    sql_bind_i64(st, 10, (int64_t)t->gpu_seconds);
    sql_bind_i64(st, 11, t->exit_code);
    sql_bind_i64(st, 12, (int64_t)j->last_report);
    sql_bind_i64(st, 13, (int64_t)j->asked_report);
    sql_bind_i64(st, 14, real_now_ms());
}

enum err
spool_add_job(struct spool *s, const struct job *j, const char *jws)
{
    STATEMENT st = sql_prepare(
        s,
        "INSERT INTO job (jti, phase, had_permit, cancel, told_queued, told_started, started_ms, ended_ms, last_usage_ms,"
        " gpu_seconds, exit_code, last_report, asked_report, changed_ms, seq, request, reservation, fence, gpus, nodes,"
        " walltime_s, window_start_ms, permit_from_ms, accept_by_ms, start_by_ms, workload, workload_len, jws, secrets)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,"
        " ?24, ?25, ?26, ?27, ?28, ?29)");

    if (!st)
        return ERR_IO;
    bind_state(st, j);
    sql_bind_i64(st, 15, (int64_t)j->seq);
    sql_bind_blob(st, 16, j->t.request.b, 16);
    sql_bind_blob(st, 17, j->reservation.b, 16);
    sql_bind_i64(st, 18, (int64_t)j->t.fence);
    sql_bind_i64(st, 19, j->t.gpus);
    sql_bind_i64(st, 20, j->nodes);
    sql_bind_i64(st, 21, j->t.walltime_s);
    sql_bind_i64(st, 22, j->t.window_start_ms);
    sql_bind_i64(st, 23, j->t.permit_from_ms);
    sql_bind_i64(st, 24, j->t.accept_by_ms);
    sql_bind_i64(st, 25, j->t.start_by_ms);
    sql_bind_blob(st, 26, j->workload.b, 32);
    sql_bind_i64(st, 27, j->workload_len);
    sql_bind_text(st, 28, jws);
    sql_bind_blob(st, 29, j->secrets.b, 32);
    return sql_run_to_end(st);
}

enum err
spool_save_job(struct spool *s, const struct job *j)
{
    STATEMENT st = sql_prepare(
        s,
        "UPDATE job SET phase = ?2, had_permit = ?3, cancel = ?4, told_queued = ?5, told_started = ?6, started_ms = ?7,"
        " ended_ms = ?8, last_usage_ms = ?9, gpu_seconds = ?10, exit_code = ?11, last_report = ?12, asked_report = ?13,"
        " changed_ms = ?14 WHERE jti = ?1");

    if (!st)
        return ERR_IO;
    bind_state(st, j);
    if (sql_run_to_end(st) != OK || sqlite3_changes(s->db) != 1)
        return ERR_IO;
    return OK;
}

static bool
job_of_row(sqlite3_stmt *st, struct job *ret)
{
    struct agent_ticket *t = &ret->t;

    *ret = (struct job){
        .seq = (uint64_t)sqlite3_column_int64(st, 1),
        .nodes = (uint32_t)sqlite3_column_int64(st, 6),
        .workload_len = (uint32_t)sqlite3_column_int64(st, 13),
        .last_report = (uint64_t)sqlite3_column_int64(st, 24),
        .asked_report = (uint64_t)sqlite3_column_int64(st, 25),
        .t = {
            .fence = (uint64_t)sqlite3_column_int64(st, 4),
            .gpus = (uint32_t)sqlite3_column_int64(st, 5),
            .walltime_s = (uint32_t)sqlite3_column_int64(st, 7),
            .window_start_ms = sqlite3_column_int64(st, 8),
            .permit_from_ms = sqlite3_column_int64(st, 9),
            .accept_by_ms = sqlite3_column_int64(st, 10),
            .start_by_ms = sqlite3_column_int64(st, 11),
            .had_permit = sqlite3_column_int(st, 15),
            .cancel = sqlite3_column_int(st, 16),
            .told_queued = sqlite3_column_int(st, 17),
            .told_started = sqlite3_column_int(st, 18),
            .started_ms = sqlite3_column_int64(st, 19),
            .ended_ms = sqlite3_column_int64(st, 20),
            .last_usage_ms = sqlite3_column_int64(st, 21),
            .gpu_seconds = (uint64_t)sqlite3_column_int64(st, 22),
            .exit_code = sqlite3_column_int(st, 23),
        },
    };
    return sql_blob_is(st, 0, t->jti.b, 16) && sql_blob_is(st, 2, t->request.b, 16) && sql_blob_is(st, 3, ret->reservation.b, 16) &&
           sql_blob_is(st, 12, ret->workload.b, 32) && sql_blob_is(st, 26, ret->secrets.b, 32) &&
           agent_phase_from_name((const char *)sqlite3_column_text(st, 14), &t->phase);
}

enum err
spool_load_jobs(struct spool *s, void (*take)(void *with, const struct job *j), void *with)
{
    STATEMENT st = sql_prepare(
        s, "SELECT jti, seq, request, reservation, fence, gpus, nodes, walltime_s, window_start_ms, permit_from_ms,"
           " accept_by_ms, start_by_ms, workload, workload_len, phase, had_permit, cancel, told_queued, told_started,"
           " started_ms, ended_ms, last_usage_ms, gpu_seconds, exit_code, last_report, asked_report, secrets"
           " FROM job WHERE phase <> 'done' ORDER BY seq");
    enum err err;

    while ((err = sql_row(st)) == OK) {
        struct job j;

        if (!job_of_row(st, &j))
            return ERR_CORRUPT;
        take(with, &j);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err
spool_fence(struct spool *s, struct uuid request, uint64_t *ret)
{
    STATEMENT st = sql_prepare(s, "SELECT fence FROM fence WHERE request = ?1");
    enum err err;

    if (!st)
        return ERR_IO;
    sql_bind_blob(st, 1, request.b, 16);
    err = sql_row(st);
    if (err && err != ERR_NOT_FOUND)
        return err;
    *ret = err == OK ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    return OK;
}

enum err
spool_raise_fence(struct spool *s, struct uuid request, uint64_t fence)
{
    STATEMENT st = sql_prepare(s, "INSERT INTO fence VALUES (?1, ?2)"
                              " ON CONFLICT (request) DO UPDATE SET fence = max(fence, excluded.fence)");

    if (!st)
        return ERR_IO;
    sql_bind_blob(st, 1, request.b, 16);
    sql_bind_i64(st, 2, (int64_t)fence);
    return sql_run_to_end(st);
}

enum err
spool_ticket(struct spool *s, struct uuid jti, char **ret)
{
    STATEMENT st = sql_prepare(s, "SELECT jws FROM job WHERE jti = ?1");
    enum err err;

    if (!st)
        return ERR_IO;
    sql_bind_blob(st, 1, jti.b, 16);
    err = sql_row(st);
    if (err == OK)
        *ret = xstrdup((const char *)sqlite3_column_text(st, 0));
    return err;
}

enum err
spool_knows(struct spool *s, struct uuid jti, bool *ret)
{
    STATEMENT st = sql_prepare(s, "SELECT 1 FROM job WHERE jti = ?1");
    enum err err;

    if (!st)
        return ERR_IO;
    sql_bind_blob(st, 1, jti.b, 16);
    err = sql_row(st);
    if (err && err != ERR_NOT_FOUND)
        return err;
    *ret = err == OK;
    return OK;
}

/* ---- reports ---- */

enum err
spool_add_report(struct spool *s, const struct spool_report *r)
{
    STATEMENT st = sql_prepare(s, "INSERT INTO report (number, kind, jti, statement, signature, inventory)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    enum err err;

    assert(r->number == s->last_number + 1);
    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, (int64_t)r->number);
    sql_bind_i64(st, 2, r->kind);
    sql_bind_blob(st, 3, r->jti.b, 16);
    sql_bind_blob(st, 4, r->statement, sizeof r->statement);
    sql_bind_blob(st, 5, r->signature, sizeof r->signature);
    if (r->inventory)
        sql_bind_text(st, 6, r->inventory);
    err = sql_run_to_end(st);
    if (err == OK)
        s->last_number = r->number;
    return err;
}

enum err
spool_report_from(struct spool *s, uint64_t from, struct spool_report *ret)
{
    STATEMENT st = sql_prepare(s, "SELECT number, kind, jti, statement, signature, inventory FROM report"
                              " WHERE receipt IS NULL AND number >= ?1 ORDER BY number LIMIT 1");
    struct spool_report r = { 0 };
    enum err err;

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, (int64_t)from);
    err = sql_row(st);
    if (err)
        return err;
    r.number = (uint64_t)sqlite3_column_int64(st, 0);
    r.kind = (uint16_t)sqlite3_column_int(st, 1);
    if (!sql_blob_is(st, 2, r.jti.b, 16) || !sql_blob_is(st, 3, r.statement, sizeof r.statement) ||
        !sql_blob_is(st, 4, r.signature, sizeof r.signature))
        return ERR_CORRUPT;
    if (sqlite3_column_type(st, 5) == SQLITE_TEXT)
        r.inventory = xstrdup((const char *)sqlite3_column_text(st, 5));
    *ret = r;
    return OK;
}

enum err
spool_next_report(struct spool *s, struct spool_report *ret)
{
    return spool_report_from(s, 0, ret);
}

enum err
spool_resign(struct spool *s, const struct spool_report *r)
{
    STATEMENT st = sql_prepare(s, "UPDATE report SET statement = ?2, signature = ?3 WHERE number = ?1 AND receipt IS NULL");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, (int64_t)r->number);
    sql_bind_blob(st, 2, r->statement, sizeof r->statement);
    sql_bind_blob(st, 3, r->signature, sizeof r->signature);
    return sql_run_to_end(st);
}

enum err
spool_receipt(struct spool *s, uint64_t number, const char *jws)
{
    STATEMENT st = sql_prepare(s, "UPDATE report SET receipt = ?2, inventory = NULL WHERE number = ?1");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, (int64_t)number);
    sql_bind_text(st, 2, jws);
    if (sql_run_to_end(st) != OK || sqlite3_changes(s->db) != 1)
        return ERR_IO;
    if (number > s->last_receipted)
        s->last_receipted = number;
    return OK;
}

enum err
spool_receipted(struct spool *s, void (*take)(void *with, const struct spool_report *r, const char *receipt), void *with)
{
    STATEMENT st = sql_prepare(s, "SELECT number, kind, jti, statement, signature, receipt FROM report"
                              " WHERE receipt IS NOT NULL AND kind IN (?1, ?2, ?3, ?4) ORDER BY number");
    enum err err;

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, REPORT_FINISHED);
    sql_bind_i64(st, 2, REPORT_FAILED);
    sql_bind_i64(st, 3, REPORT_CANCELLED);
    sql_bind_i64(st, 4, REPORT_ACCEPTED); /* its receipt is the permit */
    while ((err = sql_row(st)) == OK) {
        struct spool_report r = { .number = (uint64_t)sqlite3_column_int64(st, 0), .kind = (uint16_t)sqlite3_column_int(st, 1) };
        const char *receipt = (const char *)sqlite3_column_text(st, 5);

        if (!receipt || !sql_blob_is(st, 2, r.jti.b, 16) || !sql_blob_is(st, 3, r.statement, sizeof r.statement) ||
            !sql_blob_is(st, 4, r.signature, sizeof r.signature))
            return ERR_CORRUPT;
        take(with, &r, receipt);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err
spool_prune(struct spool *s, int64_t before_ms, void (*gone)(void *with, struct uuid jti), void *with)
{
    STATEMENT list = sql_prepare(s, "SELECT jti FROM job WHERE phase = 'done' AND changed_ms < ?1");
    STATEMENT drop = sql_prepare(s, "DELETE FROM job WHERE phase = 'done' AND changed_ms < ?1");
    enum err err;

    if (!list || !drop)
        return ERR_IO;
    sql_bind_i64(list, 1, before_ms);
    sql_bind_i64(drop, 1, before_ms);
    while ((err = sql_row(list)) == OK) {
        struct uuid jti;

        if (sql_blob_is(list, 0, jti.b, 16))
            gone(with, jti);
    }
    return err == ERR_NOT_FOUND ? sql_run_to_end(drop) : err;
}

enum err
spool_counts(struct spool *s, struct spool_counts *ret)
{
    *ret = (struct spool_counts){
        .tickets = (int64_t)spool_number_of(s, "SELECT count(*) FROM job"),
        .open = (int64_t)spool_number_of(s, "SELECT count(*) FROM job WHERE phase <> 'done'"),
        .reports = (int64_t)spool_number_of(s, "SELECT count(*) FROM report"),
        .unreceipted = (int64_t)spool_number_of(s, "SELECT count(*) FROM report WHERE receipt IS NULL"),
        .last_seq = (int64_t)s->last_seq,
        .instance = (int64_t)spool_meta_u64(s, "instance"),
    };
    return OK;
}
