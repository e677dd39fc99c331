/* api/security.h: what was done to a person's ways in is told to that person. */
#ifndef API_SECURITY_H
#define API_SECURITY_H

#include "api/call.h"
#include "store/security.h"

/* By the caller, now. In the transaction that does it. name, detail: as in struct security_event. */
enum err security_tell(struct call *call, struct db *db, struct uuid person, enum security_what what, const char *name, const char *detail) MUST_USE;

#endif
