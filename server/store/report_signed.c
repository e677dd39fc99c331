/* store/report_signed.c: what was verified by whom in a period: witnesses and signatures. */
#include <string.h>

#include "core/entry.h"
#include "store/report.h"

DB_QUERY(REPORT_WITNESSES, .name = "report_witnesses",
         .sql = "SELECT public, min(name), count(*), min(received_ms), max(received_ms) FROM cosignature"
                " WHERE size > $1 AND size <= $2 GROUP BY public ORDER BY 2, 1",
         .params = 2, .columns = 5);

/* The authority block is the end of the body of these kinds (schema/journal/layout.md): two slots of a class, a key and a signature. */
#define SLOT(at, key_at)                                                                                                                 \
    "SELECT kind, substring(body, octet_length(body) - " at ", 1) AS class, substring(body, octet_length(body) - " key_at ", 8) AS key" \
    " FROM entry WHERE index >= $1 AND index < $2 AND kind IN (2, 3, 4, 5, 6, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19)"
DB_QUERY(REPORT_SIGNATURES, .name = "report_signatures",
         .sql = "SELECT class, kind = $3::bigint, count(*), count(DISTINCT key) FROM (" SLOT("145", "144") " UNION ALL " SLOT("72", "71") ") slot"
                " WHERE class > '\\x00' GROUP BY 1, 2 ORDER BY 1, 2",
         .params = 3, .columns = 4);

enum err
report_witnesses(struct db *db, uint64_t first, uint64_t end, struct arena *a, struct report_witness **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORT_WITNESSES, DB_ARGS(db_u64(first), db_u64(end)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        struct report_witness *w = &(*ret)[i];
        struct bytes public = db_get_bytes(rows, i, 0);

        *w = (struct report_witness){ arena_text(a, db_get_text(rows, i, 1)), { 0 }, db_get_i64(rows, i, 2), db_get_i64(rows, i, 3), db_get_i64(rows, i, 4) };
        if (public.len != sizeof w->public)
            return ERR_CORRUPT;
        memcpy(w->public, public.data, sizeof w->public);
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
report_signatures(struct db *db, uint64_t first, uint64_t end, struct arena *a, struct report_signed **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORT_SIGNATURES, DB_ARGS(db_u64(first), db_u64(end), db_i64(SETTLE)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct report_signed){ db_get_bytes(rows, i, 0).data[0], db_get_bool(rows, i, 1), db_get_i64(rows, i, 2), db_get_i64(rows, i, 3) };
    *ret_n = (size_t)n;
    return OK;
}
