/* market/command.h
 * Commands: all that moves credits or capacity. A caller fills one, sends it, and gets it back completed: err and detail,
 * or the answer. A decide function per kind (market/<command>.c) is pure over the state: it changes memory only through
 * the undo log and adds rows to the batch only through market/batch.h. */
#ifndef MARKET_COMMAND_H
#define MARKET_COMMAND_H

#include "core/entry.h"

enum command_kind {
    COMMAND_OPEN_ACCOUNT,   /* OPEN: fund, tranche, grant or site account */
    COMMAND_ORDER,          /* a signed order: FUND … KEY, CLOSE, NOTICE (entry complete but for header's place and links) */
    COMMAND_CAPACITY,       /* an offering's nodes and brokered GPUs from a time on */
    COMMAND_SITE_STATUS,    /* pause, drain */
    COMMAND_SPOOL_RETIRE,   /* a site's agent has lost its spool */
    COMMAND_QUOTE, COMMAND_QUOTE_RENEW, COMMAND_QUOTE_RELEASE, COMMAND_ACCEPT, COMMAND_CANCEL,
    COMMAND_MOVE,           /* the start-up moves what cannot stay (market/displaced.h) */
    COMMAND_INSTANCE, COMMAND_RECEIVED, COMMAND_REPORT,
    COMMAND_TIMER,          /* the janitor's: one thing that is due */
    COMMAND_STATEMENT,      /* NOTICE of state */
    COMMAND_KINDS
};

enum actor_kind { ACTOR_NOBODY, ACTOR_PERSON, ACTOR_TOKEN, ACTOR_AGENT, ACTOR_LOCAL, ACTOR_JANITOR };
enum role_bit { ROLE_OFFICER = 1, ROLE_AUDITOR = 2, ROLE_ADMINISTRATOR = 4 };
#define ACTOR_ORGS_MAX 16
struct actor {
    enum actor_kind kind;
    struct uuid person;
    unsigned programme_roles;                   /* enum role_bit */
    struct { struct uuid id; bool owner; } orgs[ACTOR_ORGS_MAX];
    size_t orgs_n;
    uint64_t sites[ACTOR_ORGS_MAX];             /* site operator of these SITE indexes; agent: sites[0] */
    size_t sites_n;
    uint64_t instance;                          /* agent */
};

/* Idempotency: scope = SHA-256(actor ‖ route ‖ key), request = SHA-256 of the canonical request. */
struct idem { bool present; struct hash scope, request; };

/* What a command yields, small and fixed, stored with its key; replies are rendered from it. */
struct answer { struct uuid id; uint64_t index, number; int64_t time_ms; uint32_t flags; };
enum answer_flag { ANSWER_PERMIT_GRANTED = 1, ANSWER_PERMIT_REFUSED = 2, ANSWER_REPEATED = 4, ANSWER_NO_OFFER = 8,
    ANSWER_FORKED = 16 /* a report: refused as ERR_FORKED, and a dispute was opened */ };

/* What was answered to a report: for those that are sent again. number 0: none. statement: SHA-256 of its bytes. */
struct report_seen { uint64_t number; struct hash statement; uint32_t answer_flags; enum err reason; int64_t time_ms; };

struct broker_ask; /* core/broker.h */

/* What a site's agent tells of an offering's machines (core/told.h), as changes of what it told before: windows that end, in whole or
 * what is left of them, and windows that begin. */
struct told_change { uint32_t window; int64_t from_ms, until_ms; int32_t less_nodes, less_pool_nodes; }; /* window 0: one that begins */
struct told_changes { size_t n; const struct told_change *list; };

struct command {
    enum command_kind kind;
    struct actor actor;
    struct idem idem;
    struct uuid org;            /* for the queue's limit per organisation; zero if none */
    /* ids and randomness are drawn by the caller, never while deciding */
    struct uuid new_id[3];
    union {
        struct { uint8_t class; struct uuid owner_org; uint64_t owner_site; char name[64]; } open;
        struct { struct entry entry; uint64_t version; bool approved; struct bytes assertion[2]; } order; /* approved: people have signed it one by one, and each was asked for their right to (api/signing.c); assertion: what a passkey has said, by the authority's slot, verified, the caller's until it is completed; version: of the reservation that it is about, as the caller knew it; 0: whichever */
        struct { uint64_t offering; uint32_t nodes, brokered_gpus, pool_nodes; int64_t from_ms; char modes[128]; uint16_t open_to; bool only_floors; char floors[224]; int64_t until_ms; int32_t less_nodes, less_pool_nodes; uint32_t window, expected; char reason[160]; struct told_changes told; } capacity; /* until_ms > 0: a maintenance (market/maintenance.c); told: the agent's, with its reason and `expected` alone. modes, open_to, floors: as in struct offering_state; only_floors: these alone change, and they change only so */
        struct { uint64_t site; int8_t paused, draining; /* -1: leave */ char reason[160]; } site_status;
        struct { uint64_t site; char reason[160]; } spool_retire;
        struct { struct uuid request; uint64_t grant; const struct broker_ask *ask; struct hash workload; uint32_t workload_len; char name[64]; bool move_freely; } quote;
        struct { struct uuid quote; } quote_renew;       /* also QUOTE_RELEASE */
        struct { struct uuid quote; uint32_t option; bool move_freely; struct hash secrets, secrets_key; } accept; /* secrets: SHA-256 of what was sealed (a worker has stored it), for the key with that SHA-256; zeros: none */
        struct { struct uuid reservation, request; } cancel; /* request: all that it has, each night; reservation is not used then */
        struct { struct uuid reservation; const struct broker_ask *ask; } move; /* ask: as its request has it */
        struct { uint64_t site, key, last_confirmed_seq, last_receipted_report, last_report; uint16_t takes; struct hash seal_key; uint8_t seal_signature[64]; } instance; /* signature already verified */
        struct { uint64_t site, instance, seq; } received;
        struct { struct report report; uint64_t key; uint8_t statement[REPORT_STATEMENT_LEN], signature[64]; struct hash output; uint32_t output_len; struct report_seen known; enum err inventory_fault; } report; /* signature already verified; the output's blob is stored by a worker first;
            * known: the row of (site, number) if the worker found one (for numbers that have left the memory) */
        struct { struct uuid id; uint64_t index; int what; } timer;
    } in;
    /* outcome */
    enum err err;
    struct err_detail detail;
    struct answer answer;
    void (*complete)(struct command *c); /* must not block */
    void *context;
    uint64_t batch;         /* the number of the batch that committed it; 0: none did */
    /* the market's */
    int64_t queued_us;      /* monotonic: when it came */
    struct command *next;
    struct load *load;          /* its organisation's; NULL if none */
    struct command *twin;   /* of the same key, before it in its batch: its answer is this one's too */
    enum { COMMAND_FRESH, COMMAND_ANSWERED, COMMAND_TWIN, COMMAND_POISONED } stage;
};

/* Is it the operator's word that the journal was rolled back? It alone passes while the guard is closed. */
static inline bool
command_admits_rollback(const struct command *c)
{
    return c->kind == COMMAND_ORDER && c->in.order.entry.kind == NOTICE && c->in.order.entry.u.notice.type == NOTICE_ROLLBACK;
}

#endif
