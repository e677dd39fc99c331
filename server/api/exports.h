/* api/exports.h
 * Every list as a whole file: ?format=csv or ?format=jsonl on the list itself, with its filters and its rights. The list's own handler
 * answers page after page; what it says becomes lines (api/pour.h). The first line names the checkpoint that it was made at; of
 * the journal only what that covers is given. */
#ifndef API_EXPORTS_H
#define API_EXPORTS_H

#include "api/call.h"

/* The call asks for it, and the route's list can be had so (api/exports.def). */
bool exports_wanted(const struct call *call);
/* In a worker, in place of the route's handler. */
void exports_begin(struct call *call);

#endif
