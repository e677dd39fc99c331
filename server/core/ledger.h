/* core/ledger.h
 * The ledger: what the journal's entries add up to. ledger_apply() is the one rule book: server, simulator, witness and
 * auditor apply the same entries with it. Pure: no I/O, no clock, no signatures (it demands the authority block and a
 * key that was in force; who has entry bytes verifies the signature itself, entry_signed_bytes()).
 * Amounts are GPU-milliseconds (gpums). Changes go through an undo log if one is given. */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include "base/map.h"
#include "core/entry.h"

struct account {
    uint64_t index;                  /* the OPEN entry's */
    uint8_t class;
    bool closed;
    uint32_t number;                 /* place among all accounts, from 0 */
    struct uuid owner_org;           /* grant */
    uint64_t owner_site;             /* site; else 0 */
    uint64_t prev_open;              /* as its OPEN has it */
    int64_t posted_debits, posted_credits, held_debits, held_credits;
    uint64_t last_index;             /* newest entry on it */
    uint64_t parent;                 /* grant: tranche account; tranche: fund account; else NO_INDEX */
    uint64_t grant_entry;            /* grant: its GRANT entry; NO_INDEX before it */
    uint64_t policy; int64_t start_ms, end_ms, gge_cents; /* grant: from its GRANT entry */
    uint64_t children;               /* tranche, fund: accounts not closed whose parent it is */
    uint64_t saved_last_index;       /* for the store: last_index as the database has it */
    struct account *next_dirty;      /* for the store's list of accounts changed in this batch */
    bool dirty, stored;
};

/* A hold: open from HOLD until resolved; kept afterwards, since a CORRECT may name it. */
struct hold {
    uint64_t index, grant, site_account, site, offering, rate;
    struct uuid request, reservation;
    uint32_t gpus, walltime_s; uint32_t rate_milli;
    int64_t amount, settled, corrected;  /* settled: paid so far by SETTLEs; corrected: taken back of these */
    int64_t resolved_gpums;          /* paid by a RESOLVE from the hold */
    int64_t unresolved_gpums;        /* taken back of that by CORRECTs */
    bool reserve_paid;               /* the newest dispute paid from reserve */
    uint64_t gpu_seconds;            /* cumulative, by the newest SETTLE */
    int64_t window_start_ms, window_end_ms, start_by_ms, expiry_ms;
    uint64_t fence;
    struct uuid jti;                 /* the ticket, by the first report that moved credits; zero before */
    uint64_t last_report;            /* newest report that moved credits; 0 before */
    bool open, disputed;
    uint64_t resolved_by;            /* entry that resolved it, NO_INDEX while open */
    int64_t resolved_ms;             /* its time */
};

struct site {
    uint64_t index;
    uint64_t account;                /* its account, NO_INDEX if none is open */
    uint64_t last_open;              /* newest OPEN for it, NO_INDEX */
    uint64_t last_report;            /* highest report number that moved credits */
    uint64_t key;                    /* newest active KEY, 0 none */
    struct entry entry;              /* newest of its chain */
};
struct offering { uint64_t index; struct entry entry; uint64_t rate; /* newest RATE */ };
struct rate { uint64_t index; uint64_t before; struct entry entry; }; /* before: the offering's RATE before it, NO_INDEX */
struct policy { uint64_t index; struct entry entry; };        /* index: of this very row; entry.u.policy.first its chain */
struct key {
    uint64_t index; struct entry entry; /* GENESIS's key: index 0, entry a KEY made from it */
    uint64_t until;                  /* index from which on it is not in force, NO_INDEX */
    int64_t until_ms;                /* time from which on it is not in force (24 h after its successor), INT64_MAX */
};

struct ledger;

struct ledger *ledger_new(void);
/* One whose state lives in this memory (copied; what it stands on outlives the ledger). */
struct ledger *ledger_new_in(const struct memory *memory);
void ledger_delete(struct ledger *l);

/* Apply the next entry. Security: a SETTLE, VOID or CORRECT on a site's report must name the hold's site, its fence and
 * always the same ticket; a non-final SETTLE leaves something held (an open hold is never empty: one that would take
 * all
 * waits for the job's end). An order names only accounts and entries of earlier groups. Its index must be
 * ledger_size(); time not before the last; links as they are.
 * ERR_ENTRY_INVALID or a money rule's error (ERR_INSUFFICIENT_CREDITS, ERR_HOLD_RESOLVED, ERR_LEDGER_RULE, …) with the
 * rule named in *rule (a static text); then nothing has changed. */
enum err ledger_apply(struct ledger *l, const struct entry *e, struct undo *undo, const char **rule) MUST_USE;
/* The same for an entry that comes from entry_decode(), which has checked its fields. */
enum err ledger_apply_decoded(struct ledger *l, const struct entry *e, struct undo *undo, const char **rule) MUST_USE;
/* A group is whole: the last applied entry was the last of its group. */
bool ledger_group_whole(const struct ledger *l);

uint64_t ledger_size(const struct ledger *l);           /* entries applied */
int64_t ledger_time(const struct ledger *l);            /* time of the last one */
struct hash ledger_genesis(const struct ledger *l);     /* SHA-256 of entry 0's bytes */
bool ledger_simulation(const struct ledger *l);
const struct account *ledger_account(const struct ledger *l, uint64_t index); /* NULL if none; so all below */
const struct hold *ledger_hold(const struct ledger *l, uint64_t index);
const struct site *ledger_site(const struct ledger *l, uint64_t index);
const struct site *ledger_site_by_code(const struct ledger *l, const char *code);
const struct offering *ledger_offering(const struct ledger *l, uint64_t index);
const struct rate *ledger_rate(const struct ledger *l, uint64_t index);
/* The offering's RATE in force then: that of the latest valid_from, of these the newest. */
const struct rate *ledger_rate_at(const struct ledger *l, uint64_t offering, int64_t at_ms);
const struct policy *ledger_policy(const struct ledger *l, uint64_t index);
const struct policy *ledger_policy_by_code(const struct ledger *l, const char *code, int64_t at_ms); /* newest in force */
/* The POLICY of this code is no access mode: it is the rule of orders. `eligible` has a bit for each class of authority that may sign
 * them, cap_gpums is the most that one may order alone (0: no limit; with one, rates, policies and officers' keys take two), decide_ms
 * how long an order waits for its signatures. Where there is none, anything goes. */
#define ORDERS_CODE "orders"
#define ORDER_CLASS(class) (1U << ((class) - 1))
#define ORDER_CLASSES (ORDER_CLASS(1) | ORDER_CLASS(2) | ORDER_CLASS(3))
struct order_rule { uint64_t policy; /* NO_INDEX: none is in force */ uint16_t classes; int64_t alone_gpums, open_ms; };
struct order_rule ledger_order_rule(const struct ledger *l, int64_t at_ms);
bool order_is_ruled(const struct entry *e); /* people order it: not what agents, the server or a dispute's sides say */
unsigned order_signers(struct order_rule rule, const struct entry *e); /* 1 or 2; the ledger may want two for other reasons */
bool order_class_allowed(struct order_rule rule, uint8_t class);
const struct key *ledger_key(const struct ledger *l, uint64_t index);
const struct key *ledger_key_of(const struct ledger *l, const uint8_t ed25519[32]); /* a public key is registered once */
const struct key *ledger_site_key(const struct ledger *l, uint64_t site);    /* the newest active one */
const struct hold *ledger_hold_of(const struct ledger *l, struct uuid reservation); /* the HOLD that names it */
const struct hold *ledger_hold_paid(const struct ledger *l, uint64_t index); /* that a SETTLE, RESOLVE or CORRECT is about */
/* An organisation's newest grant account, or NULL; prev_open leads to the one before. */
const struct account *ledger_newest_grant(const struct ledger *l, struct uuid org);
uint64_t ledger_request_fence(const struct ledger *l, struct uuid request); /* of its newest HOLD; 0 if it has none */
bool ledger_order_used(const struct ledger *l, struct uuid order);
/* Free credits: posted credits − posted debits − held debits. */
int64_t account_free(const struct account *a);
/* What is still held: amount − settled while open, else 0. */
int64_t hold_left(const struct hold *h);
/* In force for an entry of this index and time. */
bool key_in_force(const struct key *k, uint64_t index, int64_t time_ms);
/* The log's key in force for a checkpoint of this size: the newest KEY of use log among the first `size` entries, or NULL if
 * these name none, or the newest has ended. */
const struct key *ledger_log_key(const struct ledger *l, uint64_t size);
/* The newest admitted rollback: index of its NOTICE (NO_INDEX: none), the size that it names, its time. */
uint64_t ledger_rollback(const struct ledger *l, uint64_t *ret_to, int64_t *ret_ms);
/* What the newest NOTICE of witnesses says: its index (NO_INDEX: none does), its time, the SHA-256 of the policy's text (of the
 * empty one: that no policy asks for witnesses any more). */
struct ledger_witnesses { uint64_t entry; int64_t time_ms; struct hash policy; };
struct ledger_witnesses ledger_witnesses(const struct ledger *l);
/* The first NOTICE that says that the text behind a commitment was erased; NULL: none does. */
struct erasure { struct hash commitment; uint64_t entry; int64_t time_ms; };
const struct erasure *ledger_erasure(const struct ledger *l, const struct hash *commitment);
uint64_t key_chain(const struct key *k);     /* what `first` of a KEY that follows it must name */
/* Walk: it = 0 first; NULL at the end; in order of index. */
const struct account *ledger_next_account(const struct ledger *l, size_t *it);
const struct hold *ledger_next_hold(const struct ledger *l, size_t *it);
const struct site *ledger_next_site(const struct ledger *l, size_t *it);
const struct offering *ledger_next_offering(const struct ledger *l, size_t *it);
const struct policy *ledger_next_policy(const struct ledger *l, size_t *it);
const struct key *ledger_next_key(const struct ledger *l, size_t *it);
/* Conservation, over all accounts and holds: NULL if it holds, else the rule that does not (static text). */
const char *ledger_conserved(const struct ledger *l);
/* Root of the statement of state as of now (see schema/journal/layout.md). Keeps its tree inside the ledger: never
 * from two
 * threads at once. */
struct hash ledger_state_root(const struct ledger *l);
/* Where an account stands in the newest statement of state that was made, and the proof of its leaf there. False: it was
 * opened since. The statement may have been taken back, or not be committed: compare with the root of one that is. Under
 * the same lock as all that reads the ledger. */
struct proof;
struct hash ledger_state_stated(const struct ledger *l); /* that statement's root */
bool ledger_state_path(const struct ledger *l, uint64_t account, struct proof *ret, uint64_t *ret_place, uint64_t *ret_accounts);
/* The links a new entry on these accounts must carry (and OPEN's prev_open, NOTICE of state's as_of and root, the second slot's
 * key of a log's KEY). */
void ledger_links(const struct ledger *l, struct entry *e);
/* The group's place, index, time and links of the next entry: what ledger_apply will demand. len: of its group; used
 * for the first entry of a group, later ones go on with it. */
void ledger_place(const struct ledger *l, struct entry *e, uint16_t len, int64_t time_ms);
/* Fill a CLAWBACK or LAPSE of a grant account: accounts, the grant's terms and index; a LAPSE's amount: all that is
 * free. */
void ledger_fill_grant(const struct ledger *l, uint64_t grant_account, struct entry *e);
/* Fill a CLOSE: account and what repeats its OPEN. */
void ledger_fill_close(const struct ledger *l, uint64_t account, struct entry *e);
/* Fill the accounts of a HOLD's SETTLE, VOID, EXPIRE or RESOLVE and what follows from its body: the amount of a SETTLE
 * (report and final set), of a VOID or EXPIRE (what is left), of a RESOLVE (share_milli set; from the hold if it is
 * open, else from reserve). */
void ledger_fill_hold(const struct ledger *l, uint64_t hold, struct entry *e);
/* Accounts changed since the last ledger_clear_dirty: for the store. */
struct account *ledger_dirty(struct ledger *l);
void ledger_clear_dirty(struct ledger *l); /* after commit: saved_last_index = last_index, stored = true */

#endif
