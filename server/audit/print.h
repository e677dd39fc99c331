/* audit/print.h: what the reports of several commands share. */
#ifndef AUDIT_PRINT_H
#define AUDIT_PRINT_H

#include "audit/signed.h"
#include "base/json.h"

/* GPU-milliseconds as credits, three places, cut. */
void audit_credits(int64_t gpums, char ret[40]);
/* The member "checkpoint"; null if there is none. */
void audit_json_checkpoint(struct json_out *out, const struct signed_head *c);

#endif
