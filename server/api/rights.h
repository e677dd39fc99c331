/* api/rights.h: a right is given or taken together with what is told of it: who, whom, when, why. */
#ifndef API_RIGHTS_H
#define API_RIGHTS_H

#include "api/call.h"
#include "store/rights.h"

enum { RIGHT_REASON_MAX = 500 };

/* In a transaction, by the caller. Nothing is told of what changes nothing. name: the person's, as it is now. */
enum err right_give(struct call *call, struct db *db, enum right_what what, const struct role *r, const char *name, const char *reason) MUST_USE;
enum err right_take(struct call *call, struct db *db, enum right_what what, const struct role *r, const char *name, const char *reason) MUST_USE;
/* After a role was taken, under roles_lock(): ERR_LAST_OWNER if that was the last one. */
enum err organisation_keeps_owner(struct call *call, struct db *db, struct uuid organisation) MUST_USE;

#endif
