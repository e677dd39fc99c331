/* market/outside.h
 * The thread that shows checkpoints to witnesses elsewhere (C2SP tlog-witness, add-checkpoint): those that the policy names
 * with an address. Each is shown the newest signed checkpoint, with a proof that it extends what that witness has; its
 * cosignature is verified and kept like a site's. Only while this server leads. */
#ifndef MARKET_OUTSIDE_H
#define MARKET_OUTSIDE_H

#include "market/log_policy.h"
#include "market/market.h"

struct outside;

struct outside_config {
    struct market *market;
    const char *db_worker; /* conninfo */
    const struct log *log; /* may be NULL */
    struct log_policy *policy;
    const char *ca_file;   /* who may vouch for the witnesses; "": the system's */
    int64_t again_ms;      /* the shortest time after a failure; 0: 5,000 */
};

enum err outside_start(const struct outside_config *config, struct outside **ret, struct err_detail *d) MUST_USE;
/* Before market_stop(). NULL: nothing. */
void outside_stop(struct outside *o);

#endif
