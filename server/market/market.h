/* market/market.h
 * The market: one sequencer thread that decides commands in order against the state it owns, commits them in batches
 * and only then answers. Everyone else sends commands (market_send) or reads the state under the read lock. */
#ifndef MARKET_MARKET_H
#define MARKET_MARKET_H

#include "base/clock.h"
#include "core/ledger.h"
#include "market/command.h"
#include "market/state.h"

struct market;

/* What a commit changed, for long polls and event streams. */
enum market_event_kind { EVENT_HEAD, EVENT_TICKET, EVENT_RESERVATION, EVENT_QUOTE, EVENT_GRANT };
struct market_event {
    enum market_event_kind kind;
    uint64_t index;    /* TICKET: site; GRANT: account; HEAD: size of the journal */
    struct uuid id;    /* RESERVATION, QUOTE */
};

struct market_config {
    const char *db_writer;              /* conninfo, direct to PostgreSQL */
    struct clock clock;
    bool simulation;                    /* only used when the journal is empty */
    const char *origin;                 /* likewise; else must equal the journal's */
    uint8_t server_public_key[32];      /* likewise */
    size_t queue_max;                   /* 10,000 */
    size_t queue_per_organisation;      /* 200 */
    size_t batch_max;                   /* 1,000 */
    /* Called on the sequencer thread after each commit, before the commands' completions; must not block. */
    void (*on_commit)(void *ctx, const struct market_event *events, size_t n);
    void *ctx;
};

/* Starts the sequencer thread; it takes the lease, rebuilds, then serves. Returns at once. */
enum err market_start(const struct market_config *config, struct market **ret, struct err_detail *d) MUST_USE;
/* Drains: refuses new commands, commits what is queued (bounded by 4 s), completes the rest with ERR_SHUTDOWN, joins. */
void market_stop(struct market *m);

enum market_phase { MARKET_WAITING_LEASE, MARKET_REBUILDING, MARKET_LEADING, MARKET_TROUBLED, MARKET_STOPPING };
enum market_phase market_phase(const struct market *m);

/* Queue a command. It will be completed exactly once, from the sequencer's thread or, when refused at the door
 * (ERR_BUSY, ERR_RATE_LIMITED, ERR_NOT_LEADER, ERR_SHUTDOWN), from this one. The command belongs to the market
 * until then. */
void market_send(struct market *m, struct command *c);

/* The state as committed. Readers hold the lock briefly: no I/O, no blocking. NULL (and no lock taken) while there is
 * no leader's state. */
const struct state *market_read_lock(struct market *m);
void market_read_unlock(struct market *m);

int64_t market_now(const struct market *m);

#endif
