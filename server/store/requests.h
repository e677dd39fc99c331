/* store/requests.h: what start-ups want. Reads run under row security. */
#ifndef STORE_REQUESTS_H
#define STORE_REQUESTS_H

#include "base/arena.h"
#include "store/db.h"

struct request_row {
    struct uuid id, organisation;
    uint64_t grant;
    const char *name;
    int32_t gpus;
    int64_t walltime_s;
    int32_t memory_gb;
    const char *model;
    const char *countries; /* codes separated by spaces; "" all */
    bool one_island;
    int kind;                                    /* enum broker_kind */
    int64_t earliest_ms, deadline_ms, max_gpums; /* 0: none */
    int nights, night_from, night_until;         /* how many, 0 none; minutes after midnight UTC */
    uint16_t needs;                              /* of the site's agent: core/needs.h */
    const char *secrets;                         /* names separated by blanks (core/secret.h); "" none */
    int preference;                              /* enum broker_preference */
    bool move_freely;
    const char *template, *parameters; /* parameters: JSON */
    struct hash workload;
    uint32_t workload_len;
    int64_t created_ms;
    struct uuid created_by;
    const char *created_by_name; /* read only */
};

enum err requests_find(struct db *db, struct uuid id, struct arena *a,
                       struct request_row *ret) MUST_USE; /* ERR_NOT_FOUND */
/* At most max, newest first, below `before`; of one organisation, or (zero) of all that the actor may see. */
enum err requests_list(struct db *db, struct uuid organisation, struct uuid before, int max, struct arena *a,
                       struct request_row **ret, size_t *ret_n) MUST_USE;
enum err requests_add(struct db *db, const struct request_row *r) MUST_USE;

#endif
