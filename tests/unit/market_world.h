/* tests/unit/market_world.h
 * The market without its sequencer: world.h's ledger, a state over it, and the decide functions run one by one as a
 * batch
 * of one. Nothing is written anywhere; tickets and reports are kept for the tests to look at. */
#ifndef TESTS_MARKET_WORLD_H
#define TESTS_MARKET_WORLD_H

#include <stdio.h>

#include "market/due.h"
#include "market/index.h"
#include "market/market_internal.h"
#include "world.h"

struct told_ticket {
    uint64_t site, seq;
    struct uuid jti, reservation;
    char *claims;
};
struct told_report {
    uint64_t site, number;
    uint32_t flags;
    enum err reason;
};

struct market_world {
    struct world *w;
    struct state state;
    struct undo *undo;
    struct batch batch;
    struct err_detail detail;
    bool undo_twice; /* run each command, take it back, compare, run it again */
    struct told_ticket *tickets;
    size_t tickets_n;
    struct told_report *reports;
    size_t reports_n;
    struct answer answer; /* of the last command that was taken */
    FILE *trace;          /* where each command is written down (market_trace.h); NULL: nowhere */
};

#define MW_GPUS       64 /* brokered at each site: 14 whole nodes of 4, and a pool of 2 */
#define MW_POOL_NODES 2

struct market_world *mw_new(void);
void mw_delete(struct market_world *m);
/* Decide a command as a batch of its own; its answer is kept. */
enum err mw_run(struct market_world *m, struct command *c);
void mw_advance(struct market_world *m, int64_t ms); /* time and calendars */
size_t mw_timers(struct market_world *m);            /* run what is due, once each; how many */

/* Commands. Site and grant are 0 or 1, as in world.h. */
struct broker_ask mw_ask(int32_t gpus, int64_t walltime_s);
enum err mw_quote(struct market_world *m, int grant, struct uuid request, const struct broker_ask *ask,
                  struct uuid *ret);
enum err mw_renew(struct market_world *m, int grant, struct uuid quote);
enum err mw_release(struct market_world *m, int grant, struct uuid quote);
enum err mw_accept(struct market_world *m, int grant, struct uuid quote, uint32_t option, bool move_freely,
                   struct uuid *ret);
enum err mw_cancel_request(struct market_world *m, int grant, struct uuid request); /* all its nights */
enum err mw_cancel(struct market_world *m, int grant, struct uuid reservation);
enum err mw_instance(struct market_world *m, int site);
enum err mw_received(struct market_world *m, int site, uint64_t seq);
enum err mw_report(struct market_world *m, const struct report *r);
enum err mw_timer(struct market_world *m, enum due_what what, struct uuid id, uint64_t index);
/* A report about a reservation with the site's next number, as its agent would make it now. */
struct report mw_report_of(struct market_world *m, const struct reservation *r, enum report_kind kind);
int mw_site_of(const struct market_world *m, const struct reservation *r);
struct reservation *mw_reservation(struct market_world *m, struct uuid id);
const struct told_ticket *mw_last_ticket(const struct market_world *m);

/* NULL if all that must always hold does: money, holds, permits, calendars, counters, due list. */
const char *mw_broken(struct market_world *m);
/* NULL if a state built anew from the objects, as a rebuild does it, is this one. */
const char *mw_rebuilt_differs(struct market_world *m);
/* Everything that an undo must restore. */
struct hash mw_digest(struct market_world *m);

#endif
