/* api/workload.h: what runs, read from a body. */
#ifndef API_WORKLOAD_H
#define API_WORKLOAD_H

#include "api/call.h"
#include "store/requests.h"

/* The script that a template makes; what it needs of a site's agent is added to r->needs, which says whether it is an
 * allocation: then there is none. */
enum err workload_read(struct json_in *in, struct request_row *r, struct arena *a, const char **ret_script) MUST_USE;

#endif
