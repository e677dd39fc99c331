/* core/ledger_state.h
 * Inside the ledger: shared by ledger*.c, by nobody else. Objects live in pools that never move them; `slots` has one
 * word an entry: the object that the entry opened, with its type in the low bits. */
#ifndef CORE_LEDGER_STATE_H
#define CORE_LEDGER_STATE_H

#include "core/ledger.h"

/* A growing array of equal items, in chunks: what is added stays where it is. */
struct pool { size_t item, count, chunks_cap; char **chunks; const struct memory *memory; };

enum slot_type { SLOT_NONE, SLOT_ACCOUNT, SLOT_HOLD, SLOT_SITE, SLOT_OFFERING, SLOT_RATE, SLOT_POLICY, SLOT_KEY, SLOT_PAYMENT, SLOT_TYPES };

/* A posted movement of credits, kept because a CORRECT may name it. */
struct payment { uint64_t debit, credit; int64_t amount, corrected; struct hold *hold; uint16_t kind; };

struct request { struct uuid id; uint64_t fence; struct hold *live; };

/* Which of 512 numbers of a site's reports were used. Sites count from 1, so there are few of these. */
enum { REPORTS_BLOCK = 512 };
struct reports_block { uint64_t used[REPORTS_BLOCK / 64]; };

/* What a group must still bring when it ends. */
enum promise_kind { PROMISE_LAPSE, PROMISE_HOLD, PROMISE_VOID };
struct promise { enum promise_kind kind; const void *what; }; /* account; request; hold */

enum { STATE_LEVELS = 32 };      /* of the tree over all accounts: 2^32 of them */
struct state_tree;

struct ledger {
    struct hash genesis;
    bool simulation;
    struct {                         /* saved whole before each entry */
        int64_t time_ms;
        int64_t funded;              /* all funds together */
        uint64_t group_first;
        uint16_t group_len, group_next; /* whole when equal */
        uint16_t promises;
        uint64_t rollback, rollback_to; /* newest NOTICE of an admitted rollback, NO_INDEX; size that it names */
        int64_t rollback_ms;
        bool has_report;             /* report: the one that an entry of this group rests on */
    } at;
    struct ledger_witnesses witnesses;
    struct promise promises[2 * GROUP_MAX];
    struct report report;
    struct pool slots, accounts, holds, sites, offerings, rates, policies, keys, payments, requests, report_blocks, erasures;
    struct map *orders, *reports;    /* used: uuid; (site, number / REPORTS_BLOCK): a block */
    struct map *by_request, *by_reservation, *by_public, *by_owner, *by_commitment;
    struct account *dirty;
    struct memory memory;            /* where pools and maps live, if they do not in the heap */
    struct undo *own;                /* for callers without an undo log */
    struct state_tree *tree;         /* ledger_sum.c's, kept from one statement to the next */
};

/* One entry being applied. */
struct applying {
    struct ledger *l;
    const struct entry *e;
    struct undo *undo;
    const char **rule;
    bool decoded;                    /* its fields were checked */
    struct account *debit, *credit;  /* NULL where the kind has none */
};

#define REFUSE(a, err, text) (*(a)->rule = (text), (err))

void *pool_add(struct pool *p, struct undo *u);         /* zeroed */
void *pool_at(const struct pool *p, size_t i);
void *ledger_slot(const struct ledger *l, uint64_t index, enum slot_type type); /* NULL if it is none of these */
void ledger_slot_set(struct applying *a, enum slot_type type, void *object);    /* of the entry being applied */
void ledger_promise(struct applying *a, enum promise_kind kind, const void *what);
struct payment *ledger_payment_add(struct applying *a, struct hold *hold);
/* Post the entry's amount from debit to credit; ERR_LEDGER_RULE where a sum leaves 63 bits. */
enum err ledger_post(struct applying *a) MUST_USE;
/* Before a change to an object: keep it for undo. Accounts are kept by ledger_apply itself. */
#define KEEP(a, object) undo_save((a)->undo, object, sizeof *(object))

/* Security: the authority that an entry needs. */
enum err ledger_need_order(struct applying *a, struct uuid order, const struct authority *auth, unsigned signers) MUST_USE;
enum err ledger_need_report(struct applying *a, struct hold *h, const struct report *r, const struct authority *auth) MUST_USE;
/* Neither order nor authority given. */
bool ledger_no_authority(struct uuid order, const struct authority *auth);

/* One a kind (or family). The accounts are found, open and of different classes as the table in ledger.c says. */
enum err ledger_genesis_entry(struct applying *a) MUST_USE;
enum err ledger_open(struct applying *a) MUST_USE;
enum err ledger_close(struct applying *a) MUST_USE;
enum err ledger_fund(struct applying *a) MUST_USE;
enum err ledger_tranche(struct applying *a) MUST_USE;
enum err ledger_grant(struct applying *a) MUST_USE;
enum err ledger_clawback(struct applying *a) MUST_USE;
enum err ledger_lapse(struct applying *a) MUST_USE;
enum err ledger_correct(struct applying *a) MUST_USE;
enum err ledger_hold_entry(struct applying *a) MUST_USE;
enum err ledger_settle(struct applying *a) MUST_USE;
enum err ledger_void(struct applying *a) MUST_USE;
enum err ledger_expire(struct applying *a) MUST_USE;
enum err ledger_resolve(struct applying *a) MUST_USE;
enum err ledger_site_entry(struct applying *a) MUST_USE;
enum err ledger_offering_entry(struct applying *a) MUST_USE;
enum err ledger_rate_entry(struct applying *a) MUST_USE;
enum err ledger_policy_entry(struct applying *a) MUST_USE;
enum err ledger_key_entry(struct applying *a) MUST_USE;
enum err ledger_notice(struct applying *a) MUST_USE;

/* The account's leaf in the statement of state is no longer what it was, or is not again, when this is undone. */
void ledger_tree_touch(struct ledger *l, const struct account *account, struct undo *u);
struct state_tree *ledger_tree_new(void);
void ledger_tree_free(struct state_tree *t);

/* What a SETTLE on this report pays: min(report's GPU-seconds × rate − settled, left). False where it makes no sense. */
bool ledger_settle_amount(const struct hold *h, uint64_t gpu_seconds, int64_t *ret);
/* share_milli of an amount, cut toward zero. */
int64_t ledger_share(int64_t amount, uint32_t share_milli);

#endif
