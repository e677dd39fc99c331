/* market/janitor.h
 * One thread that looks what is due and asks the sequencer to decide it: timers, lapses, withdrawals at sites that
 * drain or
 * stand still, statements of state, what the journal is to say of the policy of witnesses (market/own_policy.h). It changes nothing itself. What it asks for is judged again when it is decided, so
 * asking twice, late or in vain does no harm. */
#ifndef MARKET_JANITOR_H
#define MARKET_JANITOR_H

#include "base/log.h"
#include "market/clock_guard.h"
#include "market/market.h"
#include "market/site_clocks.h"

struct janitor;

struct janitor_config {
    struct market *market;
    const char *db_worker; /* conninfo, to compare PostgreSQL's clock; NULL: it is not compared */
    const struct log *log; /* may be NULL */
    int64_t statement_ms;  /* a growing journal gets a statement of state at least so often; 0: every hour */
};

enum err janitor_start(const struct janitor_config *config, struct janitor **ret, struct err_detail *d) MUST_USE;
/* Before market_stop(). Waits for the commands that are out. What follows may be called until janitor_delete(). */
void janitor_stop(struct janitor *j);
void janitor_delete(struct janitor *j);

/* Why timed commands have stopped (for readiness), "" if they go on. False: stopped. */
bool janitor_trouble(struct janitor *j, char ret[160]);
/* ms since the database last answered the janitor's probe, which it sends every two seconds; 0 if it is not asked. */
int64_t janitor_database_silence(struct janitor *j);
/* The newest comparison of the clocks. */
struct clock_reading janitor_clocks(struct janitor *j);
/* The operator says that the clock is right. */
void janitor_confirm(struct janitor *j);
/* Where the agents' clocks are noted. Its own lock; as long as the janitor. */
struct site_clocks *janitor_site_clocks(struct janitor *j);

#endif
