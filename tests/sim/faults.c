/* tests/sim/faults.c
 * What goes wrong in a history and how often: each kind of fault is in about half of the histories, more or less often.
 * Some strike where the product acts (fault() at that place), the others come by time, here. */
#include <string.h>

#include "market/due.h"
#include "world_sim.h"

/* Per 100,000 occasions, at most. */
static const unsigned MOST[FAULT_COUNT] = {
    [FAULT_CALL_LOST_] = 15000, [FAULT_REPLY_LOST_] = 15000, [FAULT_CALL_TWICE_] = 15000, [FAULT_CALL_LATE_] = 15000,
    [FAULT_CUT_SITE_] = 40000, [FAULT_CUT_DB_] = 30000, [FAULT_KILL_SERVER_] = 60000, [FAULT_KILL_AGENT_] = 70000,
    [FAULT_KILL_AT_FLIGHT_] = 3000, [FAULT_KILL_AT_SPOOL_] = 4000, [FAULT_FREEZE_SERVER_] = 40000,
    [FAULT_FREEZE_AGENT_] = 30000, [FAULT_POWER_CUT_] = 30000, [FAULT_DB_CRASH_] = 30000,
    [FAULT_DB_CRASH_AT_STATEMENT_] = 800, [FAULT_STATEMENT_FAILS_] = 1500, [FAULT_FLIGHT_SLOW_] = 60000, [FAULT_LOST_BEFORE_] = 1500,
    [FAULT_LOST_AFTER_] = 1500, [FAULT_COMMIT_DONE_UNKNOWN_] = 4000, [FAULT_COMMIT_NOT_DONE_UNKNOWN_] = 4000,
    [FAULT_COMMIT_WARNING_] = 3000, [FAULT_COMMIT_STALLS_] = 5000, [FAULT_LEASE_SLIPS_] = 50000,
    [FAULT_SPOOL_FULL_] = 2500, [FAULT_SPOOL_RESTORED_] = 40000, [FAULT_AGENT_TWICE_] = 50000,
    [FAULT_SPOOL_GONE_] = 15000, [FAULT_CLOCK_FORWARD_] = 25000, [FAULT_CLOCK_BACK_] = 25000,
    [FAULT_BATCH_UNKNOWN_] = 20000, [FAULT_BATCH_REFUSES_] = 12000, [FAULT_BATCH_LOSES_] = 10000,
    [FAULT_BATCH_SLOW_] = 40000, [FAULT_READ_FAILS_] = 5000, [FAULT_DARK_DAY_] = 8000, [FAULT_FORGED_REPORT_] = 90000,
};

static int64_t dark_until, away_until;

int64_t
faults_dark_until(void)
{
    return dark_until;
}

int64_t
faults_away_until(void)
{
    return away_until;
}

/* ---- one by one ------------------------------------------------------------------------------------------------------- */

static struct server *
some_server(void)
{
    return draw(3) == 0 || server_leading() == NULL ? &servers[draw(SERVERS)] : server_leading();
}

static struct seat *
some_seat(void)
{
    return &seats[2 * draw(SITES) + (draw(4) == 0)];
}

static void
freeze(struct proc *p)
{
    int64_t until = sim.now + draw_span(SECOND, 100 * SECOND);

    if (p->alive && p->frozen_until < until)
        p->frozen_until = until;
}

static void
session_times_out(void *a, uint64_t number)
{
    struct pgsession *s = a;

    if (s->number == number)
        pg_leave(s);
}

/* Stopped for so long that the database gives the session up. */
static void
freeze_server(struct server *s)
{
    freeze(&s->proc);
    for (size_t i = 0; i < pg.sessions_n; i++)
        if (pg.sessions[i]->alive && pg.sessions[i]->server == s->proc.id && draw(2) == 0)
            at(sim.now + draw_span(SECOND, 20 * SECOND), session_times_out, pg.sessions[i], pg.sessions[i]->number);
}

/* To a moment after what is due next, on a server. 0: nothing is. */
static int64_t
jump_to_due(void)
{
    const struct server *l = server_leading();
    const struct state *s = l != NULL ? market_read_lock(l->market) : NULL;
    int64_t ms = 0;

    if (s == NULL)
        return 0;
    if (due_next(s->due) != DUE_NEVER)
        ms = (due_next(s->due) - market_now(l->market)) / sim.rate;
    market_read_unlock(l->market);
    return ms > 0 && ms < 40 * 3600 * INT64_C(1000) ? ms * 1000 + draw_span(0, MINUTE) : 0;
}

static void
jump_server(struct server *s, int64_t by_us)
{
    int64_t *off_us = &s->machine.real_off_us;

    *off_us += by_us;
    sim.off_most_us = *off_us > sim.off_most_us ? *off_us : sim.off_most_us;
    sim.off_least_us = *off_us < sim.off_least_us ? *off_us : sim.off_least_us;
}

static void
jump(int64_t by_us)
{
    switch (draw(4)) {
    case 0:
        pg.off_us += by_us;
        return;
    case 1:
        jump_server(some_server(), by_us);
        return;
    default:
        some_seat()->machine.real_off_us += by_us;
        return;
    }
}

static int64_t
jump_span(void)
{
    static const int64_t SPANS[] = { 3 * SECOND, 10 * SECOND, 100 * SECOND, HOUR, 30 * HOUR };

    return draw_span(1, SPANS[draw(5)]);
}

static void
restore(struct seat *s)
{
    const struct image *copy = s->copies_n > 0 ? s->copies[draw(s->copies_n < SPOOL_COPIES ? s->copies_n : SPOOL_COPIES)]
                                               : NULL;

    if (copy == NULL)
        return;
    proc_kill(&s->proc);
    s->committed = s->synced = copy;
    s->restored = true;
}

/* A copy of the spool comes up on the second machine, as it is now or as it was, with the same key. */
static void
twice(int site)
{
    struct seat *from = &seats[2 * site], *to = &seats[2 * site + 1];

    if (to->proc.alive || from->retiring || !from->backend->shared)
        return; /* with claims of its own machine a spool is good for that machine only */
    to->key = from->key;
    to->key_index = from->key_index;
    to->committed = to->synced = from->committed;
    if (from->copies_n > 0 && draw(2) == 0)
        to->committed = to->synced = from->copies[draw(from->copies_n < SPOOL_COPIES ? from->copies_n : SPOOL_COPIES)];
    to->copies_n = 0;
    to->wanted = draw(2) == 0;
    seat_start(to);
}

/* Everything is switched off, the machines too or not, and on again hours later. */
void
faults_darkness(int64_t span)
{
    note("dark", (uint64_t)(span / SECOND), 0);
    dark_until = sim.now + span;
    for (size_t i = 0; i < SERVERS; i++)
        proc_kill(&servers[i].proc);
    for (size_t i = 0; i < SEATS; i++)
        if (draw(2) == 0)
            proc_kill(&seats[i].proc);
        else
            seat_power_cut(&seats[i]);
}

static void
strike(enum fault f)
{
    struct seat *seat = some_seat();
    int site = (int)draw(SITES);

    switch (f) {
    case FAULT_CUT_SITE_:
        site_worlds[site].cut_until = sim.now + draw_span(5 * SECOND, 6 * MINUTE);
        break;
    case FAULT_CUT_DB_:
        pg.cut_until[draw(SERVERS)] = sim.now + draw_span(SECOND, MINUTE);
        break;
    case FAULT_KILL_SERVER_:
        proc_kill(&some_server()->proc);
        break;
    case FAULT_KILL_AGENT_:
        proc_kill(&seat->proc);
        break;
    case FAULT_FREEZE_SERVER_:
        freeze_server(some_server());
        break;
    case FAULT_FREEZE_AGENT_:
        freeze(&seat->proc);
        break;
    case FAULT_POWER_CUT_:
        seat_power_cut(seat);
        break;
    case FAULT_DB_CRASH_:
        pg_crash();
        break;
    case FAULT_LEASE_SLIPS_:
        pg.lease = NULL;
        break;
    case FAULT_SPOOL_RESTORED_:
        restore(seat);
        break;
    case FAULT_AGENT_TWICE_:
        twice(site);
        break;
    case FAULT_SPOOL_GONE_:
        proc_kill(&seats[2 * site].proc);
        seats[2 * site].last_exit = EXIT_BEHIND;
        break;
    case FAULT_CLOCK_FORWARD_:
        if (draw(3) == 0)
            jump_server(some_server(), jump_to_due());
        else
            jump(jump_span());
        break;
    case FAULT_CLOCK_BACK_:
        jump(-jump_span());
        break;
    case FAULT_FORGED_REPORT_:
        forge_report(&seats[2 * site]);
        if (draw(3) == 0)
            forge_report(&seats[2 * site]);
        break;
    case FAULT_DARK_DAY_:
        faults_darkness(draw_span(MINUTE, 30 * HOUR / sim.rate + MINUTE));
        break;
    default:
        break;
    }
}

static void
trouble(void *a, uint64_t b)
{
    static const enum fault TIMED[] = {
        FAULT_CUT_SITE_, FAULT_CUT_DB_, FAULT_KILL_SERVER_, FAULT_KILL_AGENT_, FAULT_FREEZE_SERVER_, FAULT_FREEZE_AGENT_,
        FAULT_POWER_CUT_, FAULT_DB_CRASH_, FAULT_LEASE_SLIPS_, FAULT_SPOOL_RESTORED_, FAULT_AGENT_TWICE_,
        FAULT_SPOOL_GONE_, FAULT_CLOCK_FORWARD_, FAULT_CLOCK_BACK_, FAULT_DARK_DAY_, FAULT_FORGED_REPORT_,
        FAULT_FORGED_REPORT_,
    };
    enum fault f = TIMED[draw(sizeof TIMED / sizeof TIMED[0])];

    if (sim.quiet)
        return;
    if (dark_until <= sim.now && fault(f))
        strike(f);
    at(sim.now + draw_span(SECOND / 2, 16 * SECOND), trouble, a, b);
}

/* For longer than what the server takes for silence. */
static void
site_away(void *a, uint64_t site)
{
    (void)a;
    if (sim.quiet)
        return;
    note("a site is out of touch", site, 0);
    site_worlds[site].cut_until = away_until;
}

/* ---- a history's weather ---------------------------------------------------------------------------------------------- */

void
faults_begin(void)
{
    uint64_t calm = draw(8);

    dark_until = away_until = 0;
    memset(sim.chance, 0, sizeof sim.chance);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (draw(calm == 0 ? 8 : 2) == 0)
            sim.chance[i] = 1 + (unsigned)draw(draw(2) == 0 ? MOST[i] : MOST[i] / 8 + 1);
    at(sim.now + draw_span(0, MINUTE), trouble, NULL, 0);
    if (draw(12) == 0) {
        int64_t from = sim.now + draw_span(0, 4 * MINUTE);

        away_until = from + draw_span(5 * MINUTE, 8 * MINUTE);
        at(from, site_away, NULL, draw(SITES));
    }
}

/* From now on everything works, and every clock is right. */
void
faults_heal(void)
{
    sim.quiet = true;
    note("all is well again", 0, 0);
    pg.off_us = 0;
    for (size_t i = 0; i < SERVERS; i++) {
        servers[i].machine.real_off_us = 0;
        pg.cut_until[i] = 0;
        servers[i].proc.frozen_until = 0;
    }
    for (size_t i = 0; i < SEATS; i++) {
        seats[i].machine.real_off_us = 0;
        seats[i].proc.frozen_until = 0;
        if (i % 2 == 1) {
            proc_kill(&seats[i].proc);
            seats[i].wanted = false;
        } else {
            seats[i].wanted = true;
        }
    }
    for (size_t i = 0; i < SITES; i++)
        site_worlds[i].cut_until = 0;
}
