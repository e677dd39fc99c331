/* tests/unit/world.h
 * A small world for tests of the journal: a ledger, keys made from fixed seeds, two sites, a fund, a tranche, grants, and
 * short ways to make every kind of entry, signed as it must be. The same calls give the same bytes. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "core/ledger.h"
#include "core/merkle.h"
#include "crypto/assertion.h"
#include "crypto/sign.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define CREDIT INT64_C(3600000) /* gpums */
#define WORLD_START_MS INT64_C(1767603600000) /* 2026-01-05T09:00:00Z */
#define REPORT_GRACE_MS (14 * DAY_MS)
#define DISPUTE_MS (90 * DAY_MS)
#define CONTEST_MS (7 * DAY_MS)

struct world {
    struct ledger *l;
    struct undo *undo;
    struct merkle tree;
    int64_t now;
    uint64_t counter;                    /* for UUIDs */
    uint64_t report_number[2];
    struct sign_key server, site_keys[2], officers[2], passkey;
    /* indexes, by world_seed */
    uint64_t site[2], site_key[2], officer[2], policy, offering[2], rate[2];
    uint64_t fund, tranche, tranche_entry, site_account[2], grant[2];
    int64_t grant_end;
    struct uuid org[2];
    uint64_t passkey_entry;              /* by world_passkey */
    uint8_t said[ASSERTION_MAX];         /* what it said last */
    size_t said_len;
    /* every entry applied */
    struct entry *entries;
    size_t n, cap;
    const char *rule;                    /* of the last refusal */
    void (*tamper)(struct entry *e);     /* called by world_try on each entry that was placed, before it is applied */
};

struct world *world_new(void);           /* entries 0, 1, 2 */
void world_delete(struct world *w);
void world_seed(struct world *w);        /* sites, keys, policy, offerings, rates, accounts, fund, tranche, grants */
void world_story(struct world *w);       /* after the seed: every kind of entry, and every way to make it */

void world_new_site_key(struct world *w, int site); /* its agent has enrolled anew: the key before is over */

struct uuid world_uuid(struct world *w);
/* Apply a group; all or none. Sets index, time, group, links. */
enum err world_try(struct world *w, struct entry *entries, size_t n);
uint64_t world_add(struct world *w, struct entry e);  /* a group of one that must be taken; its index */

/* Registers an officer's passkey (EdDSA, site kontor.example), which signs as 'P': the assertion is then in `said`. */
void world_passkey(struct world *w);
/* What it says when it is asked to sign these bytes, or what somebody makes of that. */
enum world_lie { SAYS_WELL, SAYS_OTHER_ORDER, SAYS_UNVERIFIED, SAYS_OTHER_PAGE, SAYS_OTHER_SITE, SAYS_SIGN_IN, SAYS_UNSIGNED, SAYS_OTHER_KEY, SAYS_NOTHING, WORLD_LIES };
void world_say(struct world *w, struct bytes bytes, enum world_lie lie);

/* An order (its UUID set), and its signers: 'S' the server for a person, 'A', 'B' the officers, 'P' the passkey. "" none. */
struct entry world_order(struct world *w, enum entry_kind kind);
void world_sign(struct world *w, struct entry *e, const char *signers);
/* A report of a hold, its number the site's next; and its site's signature on an entry that rests on one. */
struct report world_report(struct world *w, uint64_t hold, enum report_kind kind, uint64_t gpu_seconds);
void world_sign_report(struct world *w, struct entry *e);

/* Entries, complete but for their place. */
struct entry world_open(struct world *w, enum account_class class, struct uuid org, uint64_t site);
struct entry world_move(struct world *w, enum entry_kind kind, uint64_t debit, uint64_t credit, int64_t amount);
struct entry world_hold(struct world *w, int grant, int site, uint32_t gpus, uint32_t walltime_s); /* a new request */
struct entry world_settle(struct world *w, uint64_t hold, enum report_kind kind, uint64_t gpu_seconds);
struct entry world_void(struct world *w, uint64_t hold, enum void_reason reason);
struct entry world_expire(struct world *w, uint64_t hold);
struct entry world_lapse(struct world *w, uint64_t grant);
struct entry world_resolve(struct world *w, uint64_t hold, uint32_t share_milli);
struct entry world_correct(struct world *w, uint64_t entry, int64_t amount); /* of one payment, on an order by A */
struct entry world_dispute(struct world *w, uint64_t hold, bool opens);

/* Everything that can be seen of the ledger, byte by byte, for comparison. */
struct world_image { uint8_t *data; size_t len, cap; };
struct world_image world_image(const struct world *w);
bool world_image_same(const struct world_image *a, const struct world_image *b);
void world_image_free(struct world_image *image);

#endif
