/* store/server_clock.h: PostgreSQL's own clock, to compare ours with. */
#ifndef STORE_SERVER_CLOCK_H
#define STORE_SERVER_CLOCK_H

#include "store/db.h"

/* Real ms since 1970, between sending and receiving. */
enum err server_clock(struct db *db, int64_t *ret_ms) MUST_USE;

#endif
