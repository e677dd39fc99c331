/* store/cosignatures.c */
#include "store/cosignatures.h"

#include <inttypes.h>

#include "base/text.h"
#include "store/array.h"

/* ---- keys -------------------------------------------------------------------------------------------------------- */

DB_QUERY(WITNESSES_ADD, .name = "witnesses_add",
         .sql = "INSERT INTO witness (public, site, role, name, since_ms) SELECT $1, $2, $3, $4, $5"
                " WHERE (SELECT count(*) FROM witness WHERE site = $2 AND role = $3 AND since_ms + 86400000 > $5) < 32 RETURNING 1",
         .params = 5, .columns = 1);

DB_QUERY(WITNESSES_FIND, .name = "witnesses_find", .sql = "SELECT public, site, role, name, since_ms FROM witness WHERE public = $1",
         .params = 1, .columns = 5, .whole = "witness", .key = 0);

DB_QUERY(WITNESSES_LIST, .name = "witnesses_list",
         .sql = "SELECT w.public, w.site, w.role, w.name, w.since_ms, c.size, c.time_s, c.received_ms"
                " FROM (SELECT DISTINCT ON (site, role) public, site, role, name, since_ms FROM witness"
                " ORDER BY site, role, since_ms DESC) w"
                " LEFT JOIN LATERAL (SELECT size, time_s, received_ms FROM cosignature WHERE public = w.public"
                " ORDER BY size DESC LIMIT 1) c ON true ORDER BY w.site, w.role",
         .params = 0, .columns = 8);

enum err
witnesses_add(struct db *db, const struct witness_key *k)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &WITNESSES_ADD,
                          DB_ARGS(db_bytes(BYTES(k->public, 32)), db_u64(k->site), db_i16((int16_t)k->role), db_text(k->name), db_i64(k->since_ms)), &rows);

    return err ? err : PQntuples(rows) == 1 ? OK : ERR_RATE_LIMITED;
}

static bool
read_public(const PGresult *rows, int row, int col, uint8_t ret[32])
{
    struct bytes b = db_get_bytes(rows, row, col);

    if (b.len != 32)
        return false;
    memcpy(ret, b.data, 32);
    return true;
}

static bool
read_key(const PGresult *rows, int row, struct witness_key *ret)
{
    ret->site = db_get_u64(rows, row, 1);
    ret->role = db_get_i64(rows, row, 2) == WITNESS_RULES ? WITNESS_RULES : WITNESS_GROWS;
    ret->since_ms = db_get_i64(rows, row, 4);
    return read_public(rows, row, 0, ret->public) && text_format(ret->name, sizeof ret->name, "%s", db_get_text(rows, row, 3));
}

enum err
witnesses_find(struct db *db, const uint8_t public[32], struct witness_key *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &WITNESSES_FIND, DB_ARGS(db_bytes(BYTES(public, 32))), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    return read_key(rows, 0, ret) ? OK : ERR_CORRUPT;
}

enum err
witnesses_list(struct db *db, struct arena *a, struct witness_seen **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &WITNESSES_LIST, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        struct witness_seen *w = &(*ret)[i];

        if (!read_key(rows, i, &w->key))
            return ERR_CORRUPT;
        w->size = db_is_null(rows, i, 5) ? 0 : db_get_u64(rows, i, 5);
        w->time_s = db_get_i64(rows, i, 6);
        w->received_ms = db_get_i64(rows, i, 7);
    }
    *ret_n = (size_t)n;
    return OK;
}

/* ---- cosignatures ------------------------------------------------------------------------------------------------ */

DB_QUERY(COSIGNATURES_LAST, .name = "cosignatures_last",
         .sql = "SELECT size, time_s, received_ms FROM cosignature WHERE public = $1 ORDER BY size DESC LIMIT 1", .params = 1,
         .columns = 3, .whole = "cosignature", .key = 0);

DB_QUERY(COSIGNATURES_ADD, .name = "cosignatures_add",
         .sql = "INSERT INTO cosignature (size, public, name, time_s, signature, received_ms) VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (size, public) DO NOTHING",
         .params = 6, .columns = 0);

DB_QUERY(COSIGNATURES_OF, .name = "cosignatures_of",
         .sql = "SELECT public, name, time_s, signature, received_ms FROM cosignature WHERE size = $1 ORDER BY received_ms, public",
         .params = 1, .columns = 5, .whole = "cosignature", .key = 0);

DB_QUERY(COSIGNATURES_RECENT, .name = "cosignatures_recent",
         .sql = "SELECT c.size, c.public, c.name FROM cosignature c"
                " JOIN (SELECT size FROM checkpoint ORDER BY size DESC LIMIT $1) k ON k.size = c.size ORDER BY c.size DESC",
         .params = 1, .columns = 3, .whole = "cosignature", .key = 0);

enum err
cosignatures_last(struct db *db, const uint8_t public[32], struct witness_seen *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &COSIGNATURES_LAST, DB_ARGS(db_bytes(BYTES(public, 32))), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    ret->size = db_get_u64(rows, 0, 0);
    ret->time_s = db_get_i64(rows, 0, 1);
    ret->received_ms = db_get_i64(rows, 0, 2);
    return OK;
}

enum err
cosignatures_add(struct db *db, const struct cosignature *c)
{
    return db_run(db, &COSIGNATURES_ADD,
                  DB_ARGS(db_u64(c->size), db_bytes(BYTES(c->public, 32)), db_text(c->name), db_i64((int64_t)c->time_s),
                          db_bytes(BYTES(c->signature, 64)), db_i64(c->received_ms)),
                  NULL);
}

enum err
cosignatures_of(struct db *db, uint64_t size, struct arena *a, struct cosignature **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &COSIGNATURES_OF, DB_ARGS(db_u64(size)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        struct cosignature *c = &(*ret)[i];
        struct bytes sig = db_get_bytes(rows, i, 3);

        *c = (struct cosignature){ .size = size, .time_s = db_get_u64(rows, i, 2), .received_ms = db_get_i64(rows, i, 4) };
        if (!read_public(rows, i, 0, c->public) || sig.len != 64 || !text_format(c->name, sizeof c->name, "%s", db_get_text(rows, i, 1)))
            return ERR_CORRUPT;
        memcpy(c->signature, sig.data, 64);
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
cosignatures_recent(struct db *db, int checkpoints, struct arena *a, struct cosignature **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &COSIGNATURES_RECENT, DB_ARGS(db_i64(checkpoints)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        (*ret)[i] = (struct cosignature){ .size = db_get_u64(rows, i, 0) };
        if (!read_public(rows, i, 1, (*ret)[i].public) ||
            !text_format((*ret)[i].name, sizeof (*ret)[i].name, "%s", db_get_text(rows, i, 2)))
            return ERR_CORRUPT;
    }
    *ret_n = (size_t)n;
    return OK;
}

/* Who doubts when an entry was written asks who had seen it first: ten minutes are near enough, and bound what an export
 * carries of a busy journal. */
DB_QUERY(COSIGNATURES_FIRST, .name = "cosignatures_first",
         .sql = "SELECT c.size, c.note, f.public, f.name, f.time_s, f.signature"
                " FROM (SELECT DISTINCT ON (public, time_s / 600) size, public, name, time_s, signature FROM cosignature"
                " ORDER BY public, time_s / 600, size) f JOIN checkpoint c ON c.size = f.size ORDER BY c.size, f.time_s, f.public",
         .params = 0, .columns = 6, .whole = "cosignature", .key = 0);

/* size, note, public, name, time_s, signature from column 0 */
static bool
read_cosigned(const PGresult *rows, int i, struct cosigned *ret)
{
    struct bytes sig = db_get_bytes(rows, i, 5);

    *ret = (struct cosigned){ .checkpoint.size = db_get_u64(rows, i, 0), .checkpoint.note = db_get_text(rows, i, 1) };
    ret->by.size = ret->checkpoint.size;
    ret->by.time_s = db_get_u64(rows, i, 4);
    if (!read_public(rows, i, 2, ret->by.public) || sig.len != 64 || !text_format(ret->by.name, sizeof ret->by.name, "%s", db_get_text(rows, i, 3)))
        return false;
    memcpy(ret->by.signature, sig.data, 64);
    return true;
}

enum err
cosignatures_first(struct db *db, enum err (*take)(void *ctx, const struct cosigned *row), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &COSIGNATURES_FIRST, DB_NO_ARGS, &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct cosigned row;

        err = read_cosigned(rows, i, &row) ? take(ctx, &row) : db_corrupt(db, &COSIGNATURES_FIRST, "a cosignature of %" PRIu64 " entries is none", row.checkpoint.size);
    }
    return err;
}

DB_QUERY(COSIGNATURES_PAGE, .name = "cosignatures_page",
         .sql = "SELECT c.size, k.note, c.public, c.name, c.time_s, c.signature, coalesce(w.name, '')"
                " FROM cosignature c LEFT JOIN checkpoint k ON k.size = c.size LEFT JOIN witness w ON w.public = c.public"
                " WHERE (c.size, c.public) > ($1, $2) ORDER BY c.size, c.public LIMIT $3",
         .params = 3, .columns = 7, .whole = "cosignature", .key = 0);

DB_QUERY(COSIGNATURES_COUNT, .name = "cosignatures_count", .sql = "SELECT pg_catalog.count(*) FROM cosignature", .params = 0, .columns = 1);

enum err
cosignatures_each(struct db *db, enum err (*take)(void *ctx, const struct cosigned *row, const char *witness), void *ctx)
{
    enum { PAGE = 1000 };
    _cleanup_result_ PGresult *all = NULL;
    struct cosigned row = { .by.size = 0 };
    uint64_t seen = 0;
    int64_t size = INT64_MIN;
    enum err err = OK;

    for (int n = PAGE; !err && n == PAGE;) {
        _cleanup_result_ PGresult *rows = NULL;

        err = db_run(db, &COSIGNATURES_PAGE, DB_ARGS(db_i64(size), db_bytes(BYTES(row.by.public, 32)), db_i64(PAGE)), &rows);
        n = err ? 0 : PQntuples(rows);
        for (int i = 0; !err && i < n; i++, seen++) {
            const char *witness = db_get_text(rows, i, 6);

            size = db_get_i64(rows, i, 0);
            err = read_cosigned(rows, i, &row) ? take(ctx, &row, witness[0] != '\0' ? witness : NULL)
                                               : db_corrupt(db, &COSIGNATURES_PAGE, "a cosignature of %" PRId64 " entries is none", size);
        }
    }
    if (!err)
        err = db_run(db, &COSIGNATURES_COUNT, DB_NO_ARGS, &all);
    if (!err && db_get_u64(all, 0, 0) != seen)
        err = db_corrupt(db, &COSIGNATURES_COUNT, "the table cosignature has %" PRIu64 " rows, and %" PRIu64 " are found by their keys", db_get_u64(all, 0, 0), seen);
    return err;
}

/* ---- quorums ----------------------------------------------------------------------------------------------------- */

DB_QUERY(QUORUMS_ADD, .name = "quorums_add",
         .sql = "INSERT INTO quorum (policy, size, at_ms) VALUES ($1, $2, $3) ON CONFLICT (policy, size) DO NOTHING", .params = 3,
         .columns = 0);

DB_QUERY(QUORUMS_NEWEST, .name = "quorums_newest",
         .sql = "SELECT c.size, c.root, c.note, c.signed_ms FROM quorum q JOIN checkpoint c ON c.size = q.size WHERE q.policy = $1"
                " ORDER BY q.size DESC LIMIT 1",
         .params = 1, .columns = 4, .whole = "checkpoint", .key = 0);

enum err
quorums_add(struct db *db, const struct hash *policy, uint64_t size, int64_t now_ms)
{
    return db_run(db, &QUORUMS_ADD, DB_ARGS(db_hash(policy), db_u64(size), db_i64(now_ms)), NULL);
}

enum err
quorums_newest(struct db *db, const struct hash *policy, struct arena *a, struct checkpoint_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &QUORUMS_NEWEST, DB_ARGS(db_hash(policy)), &rows);

    return err ? err : checkpoint_read(rows, a, ret);
}

DB_QUERY(QUORUMS_LAST, .name = "quorums_last",
         .sql = "SELECT c.size, c.root, c.note, c.signed_ms, EXISTS (SELECT FROM quorum t WHERE t.policy = $1 AND t.size = c.size)"
                " FROM quorum q JOIN checkpoint c ON c.size = q.size ORDER BY q.size DESC LIMIT 1",
         .params = 1, .columns = 5, .whole = "checkpoint", .key = 0);

enum err
quorums_last(struct db *db, const struct hash *policy, struct arena *a, struct checkpoint_row *ret, bool *ret_this)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &QUORUMS_LAST, DB_ARGS(db_hash(policy)), &rows);

    if (!err)
        err = checkpoint_read(rows, a, ret);
    *ret_this = !err && db_get_bool(rows, 0, 4);
    return err;
}

/* ---- what is not needed any more --------------------------------------------------------------------------------- */

/* The first condition spares the function the last week's, which are nearly all. What may go, row security says once more. */
DB_QUERY(CHECKPOINTS_UNNEEDED, .name = "checkpoints_unneeded",
         .sql = "SELECT size FROM checkpoint"
                " WHERE signed_ms <= (SELECT signed_ms FROM checkpoint ORDER BY size DESC LIMIT 1) - 604800000"
                " AND NOT checkpoint_is_needed(size) ORDER BY size LIMIT $1",
         .params = 1, .columns = 1);

DB_QUERY(COSIGNATURES_SWEEP, .name = "cosignatures_sweep", .sql = "DELETE FROM cosignature WHERE size = ANY($1::bigint[])",
         .params = 1, .columns = 0);

DB_QUERY(QUORUMS_SWEEP, .name = "quorums_sweep", .sql = "DELETE FROM quorum WHERE size = ANY($1::bigint[])", .params = 1, .columns = 0);

DB_QUERY(CHECKPOINTS_SWEEP, .name = "checkpoints_sweep", .sql = "DELETE FROM checkpoint WHERE size = ANY($1::bigint[])", .params = 1,
         .columns = 0);

enum { SWEEP_AT_ONCE = 500 };

/* Cosignatures go first: a cosignature has its checkpoint. One that comes meanwhile keeps it: then the last statement fails,
 * and the next sweep judges anew. */
static enum err
sweep_some(struct db *db, struct array *sizes, int64_t *swept)
{
    static const struct db_query *const BEFORE[] = { &COSIGNATURES_SWEEP, &QUORUMS_SWEEP };
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = OK;

    for (size_t i = 0; !err && i < sizeof BEFORE / sizeof BEFORE[0]; i++)
        err = db_run(db, BEFORE[i], DB_ARGS(array_arg(sizes)), NULL);
    if (!err)
        err = db_run(db, &CHECKPOINTS_SWEEP, DB_ARGS(array_arg(sizes)), &rows);
    if (!err)
        *swept += db_affected(rows);
    return err;
}

enum err
checkpoints_sweep(struct db *db, int64_t *ret)
{
    struct array sizes = { .type = ARRAY_I64 };
    int64_t swept = 0, last = SWEEP_AT_ONCE;
    enum err err = OK;

    for (int i = 0; !err && last == SWEEP_AT_ONCE && i < CHECKPOINTS_SWEPT_MOST / SWEEP_AT_ONCE; i++) {
        _cleanup_result_ PGresult *rows = NULL;

        err = db_run(db, &CHECKPOINTS_UNNEEDED, DB_ARGS(db_i64(SWEEP_AT_ONCE)), &rows);
        if (err)
            break;
        last = PQntuples(rows);
        array_begin(&sizes, ARRAY_I64);
        for (int row = 0; row < last; row++)
            array_i64(&sizes, db_get_i64(rows, row, 0));
        if (last > 0)
            err = sweep_some(db, &sizes, &swept);
    }
    array_free(&sizes);
    *ret = swept;
    return err;
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

DB_QUERY(REFUSALS_ADD, .name = "refusals_add",
         .sql = "INSERT INTO refusal (site, at_ms, reason, size, root, had_size, had_root, note, received_ms)"
                " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9"
                " WHERE (SELECT count(*) FROM refusal WHERE site = $1 AND received_ms + 86400000 > $9) < 32"
                " ON CONFLICT (site, at_ms, size, root) DO NOTHING",
         .params = 9, .columns = 0);

DB_QUERY(REFUSALS_STANDING, .name = "refusals_standing",
         .sql = "SELECT r.site, r.size, r.had_size, r.at_ms, r.received_ms, r.reason, r.note, r.root, r.had_root"
                " FROM (SELECT DISTINCT ON (site) * FROM refusal ORDER BY site, received_ms DESC) r"
                " WHERE NOT EXISTS (SELECT FROM cosignature c JOIN witness w ON w.public = c.public"
                " WHERE w.site = r.site AND w.role = 0 AND c.received_ms > r.received_ms) ORDER BY r.site",
         .params = 0, .columns = 9);

enum err
refusals_add(struct db *db, const struct refusal_row *r)
{
    return db_run(db, &REFUSALS_ADD,
                  DB_ARGS(db_u64(r->site), db_i64(r->at_ms), db_text(r->reason), db_u64(r->size), db_hash(&r->root), db_u64(r->had_size),
                          db_hash(&r->had_root), db_text(r->note), db_i64(r->received_ms)),
                  NULL);
}

enum err
refusals_standing(struct db *db, struct arena *a, struct refusal_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REFUSALS_STANDING, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        struct refusal_row *r = &(*ret)[i];

        *r = (struct refusal_row){ .site = db_get_u64(rows, i, 0), .size = db_get_u64(rows, i, 1), .had_size = db_get_u64(rows, i, 2),
                                   .at_ms = db_get_i64(rows, i, 3), .received_ms = db_get_i64(rows, i, 4),
                                   .reason = arena_text(a, db_get_text(rows, i, 5)), .note = arena_text(a, db_get_text(rows, i, 6)) };
        if (!db_get_hash(rows, i, 7, &r->root) || !db_get_hash(rows, i, 8, &r->had_root))
            return ERR_CORRUPT;
    }
    *ret_n = (size_t)n;
    return OK;
}
