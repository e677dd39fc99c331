/* core/entry.h
 * Journal entries, layout version 1: big-endian, fixed per kind, reserved bytes zero, at most 1,024 bytes.
 * An entry is one leaf of the Merkle log: header (ENTRY_HEADER bytes, the same for every kind) ‖ body of its kind.
 * A money entry names one debit account, one credit account and one amount. Layouts and golden vectors of all kinds:
 * schema/journal/; the table that encodes and decodes them: core/entry_layout.c. Accounts, sites, offerings, rates,
 * policies and keys are named by the index of the entry that opened them (sites: of the first of their chain; policies:
 * of the row). Texts are UTF-8 without control characters, zero-padded to their field, its last byte always zero. */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/uuid.h"

#define ENTRY_VERSION 1
#define ENTRY_HEADER 72
#define ENTRY_MAX 1024
#define NO_INDEX UINT64_MAX /* no account, no entry; int64 -1 in the database */
#define MINT_ACCOUNT 1
#define RESERVE_ACCOUNT 2
#define GROUP_MAX 64

enum entry_kind {
    GENESIS = 0, OPEN = 1, CLOSE = 2, FUND = 3, TRANCHE = 4, GRANT = 5, CLAWBACK = 6, LAPSE = 7, HOLD = 8, SETTLE = 9,
    VOID = 10, EXPIRE = 11, RESOLVE = 12, CORRECT = 13, SITE = 14, OFFERING = 15, RATE = 16, POLICY = 17, KEY = 18,
    NOTICE = 19, ENTRY_KINDS
};

enum account_class { ACCOUNT_MINT = 1, ACCOUNT_RESERVE, ACCOUNT_FUND, ACCOUNT_TRANCHE, ACCOUNT_GRANT, ACCOUNT_SITE };

/* Who answers for an entry. class 0 unused (then all zero); 1 Ed25519; 2 WebAuthn (sig holds the assertion's SHA-256
 * and zeros; the assertion itself lies beside the journal: crypto/assertion.h); 3 a signed-in person, vouched for by the server's key, which signs. */
struct authority { struct authority_slot { uint8_t class; uint64_t key; uint8_t sig[64]; } slot[2]; };

/* The site's own words: report kinds and the fields every report statement has. */
enum report_kind {
    REPORT_NONE = 0, REPORT_ACCEPTED = 1, REPORT_REJECTED, REPORT_QUEUED, REPORT_STARTED, REPORT_USAGE, REPORT_FINISHED,
    REPORT_FAILED, REPORT_CANCELLED, REPORT_INVENTORY, REPORT_KINDS
};
enum report_reason {
    REASON_NONE = 0,
    REASON_JOB = 1,        /* failed: the job's own doing (exit code, walltime) */
    REASON_SITE = 2,       /* failed: the site's doing */
    REASON_NO_USER = 3,    /* rejected: the organisation has no user at the site */
    REASON_RESOURCE = 4,   /* rejected: no such resource */
    REASON_WORKLOAD = 5,   /* rejected: the workload's bytes do not match, or cannot be fetched */
    REASON_TICKET = 6,     /* rejected: the ticket does not verify */
    REASON_DRAINING = 7,   /* rejected: the site's operator drains the agent */
    REASON_WALLTIME = 8,   /* finished: ended at the walltime */
    REASON_ORDERED = 9,    /* cancelled: on a cancel ticket */
    REASON_OTHER = 10,
    REASON_NOT_OFFERED = 11, /* rejected: the ticket needs what this site's agent does not take */
    REASON_SECRETS = 12,   /* rejected: its secrets cannot be opened, or are gone */
    REASON_LAST = REASON_SECRETS,
};
struct report {
    uint64_t site;          /* SITE index */
    uint64_t number;        /* gapless per site, from 1 */
    uint64_t instance;
    uint16_t kind;          /* enum report_kind */
    struct uuid jti;        /* ticket; zero for inventory */
    uint64_t fence;
    int64_t time_ms, started_ms, ended_ms; /* 0: not (yet) */
    uint64_t gpu_seconds;   /* cumulative for this jti */
    int32_t exit_code;
    uint16_t reason;        /* enum report_reason */
};
#define REPORT_LEN 88            /* a report's fields, in the order of struct report; the same bytes in an entry's body */
#define REPORT_STATEMENT_LEN 137 /* "kontor-report/v1\0" (17) + hash of entry 0 (32) + fields */

enum policy_served { SERVED_FIRST_COME = 0, SERVED_ROUNDS = 1 };
enum offering_kind { OFFERING_BATCH = 1, OFFERING_EXPERIMENTAL = 2 };
enum key_use { KEY_SERVER = 1, KEY_SITE = 2, KEY_OFFICER = 3, KEY_WITNESS = 4, KEY_LOG = 5 };
enum key_status { KEY_ACTIVE = 1, KEY_RETIRED = 2, KEY_COMPROMISED = 3 };
enum notice_type {
    NOTICE_STATE = 1, NOTICE_DISPUTE_OPENED, NOTICE_DISPUTE_CLOSED, NOTICE_ERASURE, NOTICE_WITNESSES, NOTICE_ROLLBACK,
    NOTICE_SAID /* in a dispute, by a side of it: the words are behind the commitment */
};
enum said_by { SAID_BY_REQUESTER = 1, SAID_BY_SITE = 2 }; /* notice.reason of NOTICE_SAID */
enum void_reason { /* VOID and EXPIRE */
    VOID_CANCELLED = 1,    /* by the start-up, before a permit */
    VOID_ACCEPT_BY = 2,    /* the site let accept-by pass */
    VOID_REJECTED = 3,     /* by the site; on its report */
    VOID_SITE_FAILED = 4,  /* the job ended by the site's fault; on its report */
    VOID_DRAINED = 5,      /* withdrawn because the site drains or is paused */
    VOID_MOVED = 6,        /* brokered anew: a HOLD follows in the same group */
    VOID_BY_OFFICERS = 7, EXPIRE_TIME = 8, VOID_NEVER_STARTED = 9 /* cancelled report without any use */
};

struct entry {
    /* header */
    uint16_t version, kind;
    uint64_t index;
    int64_t time_ms;
    uint64_t group_first;
    uint16_t group_len, group_pos;
    uint64_t debit, credit;          /* account indexes or NO_INDEX */
    int64_t amount;                  /* gpums, 0 ≤ amount ≤ 2^62 */
    uint64_t prev_debit, prev_credit;/* previous entry on that account, NO_INDEX = none */
    /* body */
    union {
        struct { char origin[64]; uint16_t format; uint8_t simulation; uint8_t server_key[32]; uint64_t old_size; struct hash old_root; } genesis;
        /* owner: grant: owner_org; site: owner_site; what is not used is zero (no SITE has index 0). prev_open: the
         * newest earlier OPEN of that owner; NO_INDEX if none or without owner (ledger_links sets it) */
        struct { uint8_t class; struct uuid owner_org; uint64_t owner_site; uint64_t prev_open; } open; /* debit/credit/amount: none */
        /* debit = account, credit none, amount 0; class, owner, prev_open repeat the account's OPEN (ledger_fill_close) */
        struct { uint64_t account; uint8_t class; struct uuid owner_org; uint64_t owner_site; uint64_t prev_open; struct uuid order; struct hash commitment; struct authority auth; } close;
        /* FUND, TRANCHE, GRANT, CLAWBACK, LAPSE: reference = decision's number (not LAPSE). GRANT: policy (index of the
         * POLICY row), start, end, gge. CLAWBACK and LAPSE: these repeat the grant's, and grant = the GRANT entry's
         * index (ledger_fill_grant sets them). FUND and TRANCHE have none of these in their body. LAPSE has no
         * reference, commitment, order or authority */
        struct { struct uuid order; char reference[32]; uint64_t policy; int64_t start_ms, end_ms; int64_t gge_cents; uint64_t grant; struct hash commitment; struct authority auth; } move;
        struct { struct uuid request, reservation; uint64_t offering, rate; uint32_t gpus; uint32_t walltime_s; int64_t window_start_ms, window_end_ms, start_by_ms, expiry_ms; uint64_t fence; } hold;
        struct { uint64_t hold; uint8_t final; struct report report; struct authority auth; } settle;
        struct { uint64_t hold; uint16_t reason; struct report report; struct uuid order; struct hash commitment; struct authority auth; } release; /* VOID (report or order if it rests on one), EXPIRE */
        struct { uint64_t hold; uint32_t share_milli; struct uuid order; struct hash commitment; struct authority auth; } resolve; /* share of what is held that is paid */
        struct { uint64_t entry; uint8_t of_hold; uint16_t reason; struct report report; struct uuid order; struct hash commitment; struct authority auth; } correct;
        struct { uint64_t first; struct uuid order; char code[16]; char name[48]; char system[32]; char city[32]; char country[2]; int32_t lat_milli, lon_milli; uint8_t assumed; int64_t valid_from_ms; struct authority auth; } site; /* first: NO_INDEX for a new chain */
        struct { uint64_t site; struct uuid order; char model[32]; uint32_t memory_gb, gpus_per_node, max_gpus_one_island; uint8_t kind; uint8_t assumed; int64_t valid_from_ms; struct authority auth; } offering;
        struct { uint64_t offering; struct uuid order; uint32_t rate_milli; uint8_t assumed; int64_t valid_from_ms; struct authority auth; } rate;
        struct {
            uint64_t first; struct uuid order; char code[16]; char name[32]; uint16_t eligible; uint8_t served; int64_t valid_from_ms;
            int64_t cap_gpums, longest_ms, decide_ms;                  /* of a grant of this mode; 0 = no cap */
            int64_t quote_ttl_ms, permit_before_ms, permit_life_ms, accept_within_ms, start_slack_ms, /* timers */
                    start_grace_ms, end_grace_ms, cancel_grace_ms, report_grace_ms, dispute_ms, contest_ms;
            struct authority auth;
        } policy;
        struct { uint64_t first; struct uuid order; uint8_t use, status; uint64_t site; struct uuid person; uint8_t ed25519[32], x25519[32]; int64_t valid_from_ms; struct authority auth; } key;
        struct { uint16_t type; uint64_t ref; uint64_t as_of; struct hash root; uint16_t reason; struct uuid order; struct hash commitment; struct authority auth; } notice; /* ref: HOLD of a dispute and of what is said in it; reason: why it was opened, or which side speaks; as_of: last index covered by a state */
    } u;
};

/* Fixed length of a kind's body; 0 for an unknown kind. header + body ≤ ENTRY_MAX. */
size_t entry_body_len(uint16_t kind);
const char *entry_kind_name(uint16_t kind); /* "HOLD"; "?" if unknown */
/* Encode into ret (ENTRY_MAX bytes); returns the length. The entry must be of a known kind (assert). */
size_t entry_encode(const struct entry *e, uint8_t ret[ENTRY_MAX]);
/* Exact inverse. ERR_ENTRY_INVALID: version, kind, length, reserved bytes, text padding, enum ranges. */
enum err entry_decode(struct bytes in, struct entry *ret) MUST_USE;
enum err entry_decode_body(struct bytes body, struct entry *header_in_ret) MUST_USE; /* header fields already set */
struct hash entry_leaf_hash(struct bytes encoded); /* SHA-256(0x00 ‖ entry) */
/* The authority block of kinds that have one, else NULL. */
struct authority *entry_authority(struct entry *e);
/* The order's UUID of kinds that have one, else NULL. */
const struct uuid *entry_order(const struct entry *e);
/* The salted commitment of what is kept elsewhere, of kinds that have one, else NULL; zero: nothing is. */
const struct hash *entry_commitment(const struct entry *e);
/* The bytes an order's signers sign: "kontor-order/v1\0" ‖ SHA-256(entry 0) ‖ kind ‖ debit ‖ credit ‖ amount ‖ body
 * without its authority block. Returns the length (≤ ENTRY_MAX). */
size_t entry_order_bytes(const struct entry *e, struct hash genesis, uint8_t ret[ENTRY_MAX]);
/* The bytes a site signs for a report, and back (ERR_ENTRY_INVALID; *ret_genesis is what it names). */
void report_statement(const struct report *r, struct hash genesis, uint8_t ret[REPORT_STATEMENT_LEN]);
enum err report_parse(struct bytes statement, struct report *ret, struct hash *ret_genesis) MUST_USE;
/* It says that a job has ended that is paid for: what a site fails itself is not, nor what used nothing. */
bool report_is_owed(const struct report *r);
/* A receipt says whole seconds: it is of before the hold's expiry for certain. What comes later is not paid any more. */
bool receipt_in_time(int64_t receipted_s, int64_t expiry_ms);
/* What the slots of an entry's authority sign: an order's bytes, or (where it rests on one) the report statement. */
size_t entry_signed_bytes(const struct entry *e, struct hash genesis, uint8_t ret[ENTRY_MAX]);
/* Every value within its field's limits and every text well formed: what entry_decode demands, for an entry made here. */
enum err entry_check(const struct entry *e) MUST_USE;
/* The report that the entry rests on (SETTLE always; VOID, CORRECT if its kind is not REPORT_NONE), else NULL. */
const struct report *entry_report(const struct entry *e);
/* A new entry of a kind: version 1, a group of one, no accounts and no other entries named (NO_INDEX), else zero. Index,
 * time, group and links come later. */
struct entry entry_new(enum entry_kind kind);

#endif
