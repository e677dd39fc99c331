/* api/report.h: where a report's sums know accounts and names from; for the files that make reports. */
#ifndef API_REPORT_H
#define API_REPORT_H

#include "api/call.h"
#include "core/report.h"
#include "market/state.h"

/* Accounts, policies and sites as the state has them, under its lock (then `state` is set); names and organisations as the directory
 * has them, without it. Lives as long as *from. */
struct report_from_state { struct call *call; const struct state *state; };
struct report_source report_from_state(struct report_from_state *from);

/* from and to of the query, which has nothing else. */
enum err report_period(struct call *call, int64_t *ret_from_ms, int64_t *ret_to_ms) MUST_USE;

#endif
