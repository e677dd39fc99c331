/* store/server_clock.c */
#include "store/server_clock.h"

DB_QUERY(SERVER_CLOCK, .name = "server_clock",
         .sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint", .params = 0, .columns = 1);

enum err
server_clock(struct db *db, int64_t *ret_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SERVER_CLOCK, DB_NO_ARGS, &rows);

    if (err)
        return err;
    *ret_ms = db_get_i64(rows, 0, 0);
    return OK;
}
