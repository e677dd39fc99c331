/* store/shape.h
 * Are the ledger's tables what the migrations made of them? Whoever may alter tables can have a query answered with something
 * else than what is in them: by a column renamed or of another type, a policy of row security that hides rows, a function of
 * ours or a namesake of one of PostgreSQL's that says what it likes. Compared with store/shape_lines.h, which scripts/database-schema makes from
 * the migrations. Asked at each start that leads and by each export; it cannot tell of a PostgreSQL that lies itself. */
#ifndef STORE_SHAPE_H
#define STORE_SHAPE_H

#include "store/db.h"

/* One thing that is other than the migrations made it, in words. reads: a reader may be shown something else than what the
 * rows are; otherwise it is a guard (constraint, index, trigger, rule of writing), whose rows must be looked at all the same. */
struct shape_wrong { const char *text; bool reads; };
typedef void shape_tell_fn(void *ctx, const struct shape_wrong *w);
/* Within the caller's transaction. */
enum err shape_check(struct db *db, shape_tell_fn *tell, void *ctx) MUST_USE;

#endif
