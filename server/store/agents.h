/* store/agents.h: enrolment tokens, and what agents last said of themselves. */
#ifndef STORE_AGENTS_H
#define STORE_AGENTS_H

#include "base/arena.h"
#include "store/db.h"

enum err enrol_tokens_add(struct db *db, struct hash token_hash, uint64_t site, int64_t now_ms,
                          int64_t expires_ms) MUST_USE;
/* The site of a token that is not too old; whether it was used is for the caller's command to decide (a lost reply may
 * be asked for again). ERR_TOKEN_SPENT. */
enum err enrol_tokens_find(struct db *db, struct hash token_hash, int64_t now_ms, uint64_t *ret_site) MUST_USE;
enum err enrol_tokens_used(struct db *db, struct hash token_hash, int64_t now_ms) MUST_USE;

struct agent_contact {
    int64_t contact_ms;    /* 0: never */
    const char *inventory; /* JSON, or NULL */
};

enum err agent_contacts_find(struct db *db, uint64_t site, struct arena *a,
                             struct agent_contact *ret) MUST_USE; /* none: zeros */
enum err agent_contacts_touch(struct db *db, uint64_t site, int64_t now_ms) MUST_USE;
enum err agent_contacts_inventory(struct db *db, uint64_t site, int64_t now_ms, const char *json, size_t len) MUST_USE;
/* Walk all: site and time of the last contact. */
enum err agent_contacts_all(struct db *db, struct arena *a, uint64_t **ret_sites, int64_t **ret_ms,
                            size_t *ret_n) MUST_USE;

#endif
