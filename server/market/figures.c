/* market/figures.c */
#include "market/figures.h"

#include "base/clock.h"

static const char *const OUTCOMES[DECISION_OUTCOMES] = {
    [DECISION_DONE] = "done",     [DECISION_REFUSED] = "refused",         [DECISION_REPEATED] = "repeated",
    [DECISION_FAILED] = "failed", [DECISION_TURNED_AWAY] = "turned_away",
};

static const char *const COMMITS[COMMIT_OUTCOMES] = {
    [COMMITS_DONE] = "done",       [COMMITS_DATA] = "data",       [COMMITS_ROWS] = "rows",
    [COMMITS_TROUBLE] = "trouble", [COMMITS_UNKNOWN] = "unknown",
};

static const char *const COMMANDS[COMMAND_KINDS] = {
    [COMMAND_OPEN_ACCOUNT] = "open_account",   [COMMAND_ORDER] = "order",
    [COMMAND_CAPACITY] = "capacity",           [COMMAND_SITE_STATUS] = "site_status",
    [COMMAND_SPOOL_RETIRE] = "spool_retire",   [COMMAND_QUOTE] = "quote",
    [COMMAND_QUOTE_RENEW] = "quote_renew",     [COMMAND_QUOTE_RELEASE] = "quote_release",
    [COMMAND_ACCEPT] = "accept",               [COMMAND_CANCEL] = "cancel",
    [COMMAND_MOVE] = "move",
    [COMMAND_INSTANCE] = "instance",           [COMMAND_RECEIVED] = "received",
    [COMMAND_REPORT] = "report",               [COMMAND_TIMER] = "timer",
    [COMMAND_STATEMENT] = "statement",
};

const char *
decision_outcome_name(enum decision_outcome outcome)
{
    return OUTCOMES[outcome];
}

const char *
commit_outcome_name(enum commit_outcome outcome)
{
    return COMMITS[outcome];
}

const char *
command_name(enum command_kind kind)
{
    return COMMANDS[kind] != NULL ? COMMANDS[kind] : "other";
}

static enum decision_outcome
outcome_of(const struct command *c, bool at_the_door)
{
    if (at_the_door)
        return DECISION_TURNED_AWAY;
    if (c->stage == COMMAND_ANSWERED || c->stage == COMMAND_TWIN)
        return DECISION_REPEATED;
    if (c->err == OK)
        return DECISION_DONE;
    return err_status(c->err) >= 500 ? DECISION_FAILED : DECISION_REFUSED;
}

void
figures_decided(struct market_figures *f, const struct command *c, bool at_the_door)
{
    atomic_fetch_add_explicit(&f->decisions[c->kind][outcome_of(c, at_the_door)], 1, memory_order_relaxed);
    if (c->err != OK)
        atomic_fetch_add_explicit(&f->refusals[c->err], 1, memory_order_relaxed);
    if (at_the_door && c->err == ERR_BUSY)
        atomic_store_explicit(&f->overflow_ms, monotonic_ms(), memory_order_relaxed);
}

void
figures_head(struct market_figures *f, uint64_t term, uint64_t batch, uint64_t size)
{
    atomic_store_explicit(&f->term, term, memory_order_relaxed);
    atomic_store_explicit(&f->batch, batch, memory_order_relaxed);
    atomic_store_explicit(&f->size, size, memory_order_relaxed);
}
