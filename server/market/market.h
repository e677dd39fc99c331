/* market/market.h
 * The market: one sequencer thread that decides commands in order against the state it owns, commits them in batches
 * and only then answers. Everyone else sends commands (market_send) or reads the state under the read lock. */
#ifndef MARKET_MARKET_H
#define MARKET_MARKET_H

#include "base/clock.h"
#include "base/log.h"
#include "core/ledger.h"
#include "market/command.h"
#include "market/state.h"

struct market;
struct market_figures;
struct log_policy;
struct db_fault;

/* What a commit changed, for long polls and event streams. */
enum market_event_kind { EVENT_HEAD, EVENT_TICKET, EVENT_RESERVATION, EVENT_QUOTE, EVENT_GRANT };
struct market_event {
    enum market_event_kind kind;
    uint64_t index;    /* TICKET: site; GRANT: account; HEAD: size of the journal */
    struct uuid id;    /* RESERVATION, QUOTE */
    uint64_t seq;      /* TICKET: its number, and its claims, which last until on_commit returns; 0: some, look them up */
    struct bytes claims;
};

/* The secrets that the journal's own entries are signed with, as long as the market. log_next: a key that is to become the
 * log's, and may have (a rotation that was cut off); NULL. */
struct sign_key;
struct seals;
struct market_keys { const struct sign_key *server, *log, *log_next; };

struct market_config {
    const struct log *log;              /* NULL: nothing is logged */
    const char *db_writer;              /* conninfo, direct to PostgreSQL */
    struct clock clock;
    bool simulation;                    /* only used when the journal is empty */
    const char *origin;                 /* likewise; else must equal the journal's */
    uint64_t old_size;                  /* of an empty journal: of the older one that it follows, 0 if none; its root */
    struct hash old_root;
    struct log_policy *policy;          /* who must have shown what it saw before anything is written; NULL: nobody */
    const struct seals *seals;          /* of the rows it writes; as long as the market */
    const struct market_keys *keys;     /* NULL: the log's key is not announced in the journal */
    const char *people_url, *agents_url; /* where this server is reached, for those that wait to tell; NULL: not said */
    uint8_t server_public_key[32];      /* likewise */
    size_t queue_max;                   /* 10,000 */
    size_t queue_per_organisation;      /* 200 */
    size_t batch_max;                   /* 1,000 */
    size_t ahead_min;                   /* with fewer about, batches do not overlap: better one than two halves; 128 */
    /* Called on the sequencer thread after each commit, before the commands' completions; must not block. */
    void (*on_commit)(void *ctx, const struct market_event *events, size_t n);
    /* Called on the sequencer thread when it begins to lead with a state built anew (another server may have written
     * meanwhile), and when it has found that another one leads. Must not block. NULL. */
    void (*on_lead)(void *ctx, bool leads);
    /* When a site's agent was last in touch: a site that was, and is not any more, gets no new work. Called under the state's
     * lock, from any thread; ms of the market's clock, 0 never. NULL: no site is ever silent. */
    int64_t (*contact)(void *ctx, uint64_t site);
    void *contact_ctx;
    void *ctx;
    struct db_fault (*fault)(void *ctx, const char *query); /* for torture tests: store/db.h; NULL */
    void *fault_ctx;
};

/* Starts the sequencer thread; it takes the lease, rebuilds, then serves. Returns at once. */
enum err market_start(const struct market_config *config, struct market **ret, struct err_detail *d) MUST_USE;
/* Drains: refuses new commands, commits what is queued (bounded by 4 s), completes the rest with ERR_SHUTDOWN, joins. */
void market_stop(struct market *m);

enum market_phase { MARKET_WAITING_LEASE, MARKET_REBUILDING, MARKET_LEADING, MARKET_TROUBLED, MARKET_STOPPING,
                    MARKET_GUARDED /* it leads, and writes nothing: market/guard.h */ };
enum market_phase market_phase(const struct market *m);
/* Why it is not leading, for readiness and the operator; "" while all is well. Returns the phase. */
/* Who compares clocks (janitor.h) says whether ours can be believed. Until it has said so nothing is thrown away by time. */
void market_clock_sure(struct market *m, bool sure);
enum market_phase market_trouble(struct market *m, char ret[320]);
/* The key that this server signs with: until when the journal has it in force by the market's clock; INT64_MAX: nobody has
 * followed it; 0: it is over. As of the last look, which is taken once a second while it leads. */
int64_t market_key_until(const struct market *m);
/* Look now. Under the state's lock. */
void market_key_look(struct market *m);
/* What callers are refused with while it is not leading. */
enum err market_refusal(struct market *m);
/* What it has counted of itself; as long as the market. */
const struct market_figures *market_figures(const struct market *m);
/* Commands in the queue now; the most that it takes. */
size_t market_queued(struct market *m, size_t *ret_max);

/* Is it certain that no other server leads now? True while this one leads and has heard from the database within the last
 * four seconds; another can have the lease only after five of silence. What is said to callers as true is said only then. */
bool market_leads(const struct market *m);
/* The term that it leads in, or knows of; who leads when it is not this one: copies, "" if not known. */
struct market_leader { uint64_t term; char people[301], agents[301]; };
void market_leader(struct market *m, struct market_leader *ret);

/* Queue a command. It will be completed exactly once, from the sequencer's thread or, when refused at the door
 * (ERR_BUSY, ERR_RATE_LIMITED, ERR_NOT_LEADER, ERR_SHUTDOWN), from this one. The command belongs to the market
 * until then. */
void market_send(struct market *m, struct command *c);

/* The state. Readers hold the lock briefly: no I/O, no blocking, not twice at once; nothing that it points to may be used after the unlock.
 * NULL (and no lock taken) while there is no leader's state. The lock is free while a batch commits, so readers may see
 * what is decided but not yet committed, and in rare cases will be taken back: good for what promises nothing (calendars,
 * look-only quotes, what a caller may see). Whatever is shown as a fact, money above all, is read from the database. */
const struct state *market_read_lock(struct market *m);
void market_read_unlock(struct market *m);

int64_t market_now(const struct market *m);

/* Not under market_read_lock. Has this key (idem.scope) been used in the last 7 days? False is certain, true is not: look it up then
 * (store/answers.h), or just send the command: the sequencer looks up each key that may be known before it decides, so
 * correctness never hangs on a worker's look-up. */
bool market_key_maybe_known(struct market *m, const struct hash *scope);

#endif
