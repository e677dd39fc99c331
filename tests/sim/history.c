/* tests/sim/history.c: one seed, one history: a base, some minutes under fire, then time to come to rest; then the checks. */
#include <assert.h>
#include <setjmp.h>
#include <string.h>

#include "market/due.h"
#include "market/market_internal.h"
#include "world_sim.h"

jmp_buf history_jump; /* where a violation in the loop's own context goes */

/* ---- every pair of the state table that is looked up ------------------------------------------------------------------ */

const struct ticket_cell *__real_ticket_next(enum ticket_state state, enum ticket_event event);
const struct ticket_cell *__wrap_ticket_next(enum ticket_state state, enum ticket_event event);
int64_t __real_ticket_permit_earliest(const struct ticket_facts *f);
int64_t __wrap_ticket_permit_earliest(const struct ticket_facts *f);

const struct ticket_cell *
__wrap_ticket_next(enum ticket_state state, enum ticket_event event)
{
    totals.reached[state][event]++;
    return __real_ticket_next(state, event);
}

int64_t
__wrap_ticket_permit_earliest(const struct ticket_facts *f)
{
    return sim.plant == PLANT_SECOND_PERMIT ? f->permit_from_ms : __real_ticket_permit_earliest(f);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------------- */

static void
begin(uint64_t seed, bool verbose, enum planted plant)
{
    static const int64_t RATES[] = { 1, 1, 1, 1, 1, 60, 60, 1000 };

    sim = (struct sim){ .seed = seed, .verbose = verbose, .plant = plant, .epoch_ms = base.real_ms,
                        .draw = { seed * UINT64_C(0x9e3779b97f4a7c15) + 1, ~seed }, .hash = seed };
    sim.rate = RATES[draw(8)];
    sim.stretch = 4 + (int64_t)draw(60);
    pg_begin();
    edge_begin();
    check_begin();
    forge_begin();
    memset(site_worlds, 0, sizeof site_worlds);
    for (size_t i = 0; i < SERVERS; i++) {
        memset(&servers[i], 0, sizeof servers[i]);
        servers[i].machine.boot_us = -(int64_t)draw(1000000000);
    }
    for (size_t i = 0; i < SEATS; i++) {
        struct seat *s = &seats[i];

        memset(s, 0, sizeof *s);
        s->proc.machine = &s->machine;
        s->site = (int)(i / 2);
        s->key = base.w->site_keys[s->site];
        s->key_index = base.w->site_key[s->site];
        s->machine.boot_us = -(int64_t)draw(1000000000);
        s->backend = &s->own_backend;
        s->wanted = i % 2 == 0;
        s->committed = s->synced = i % 2 == 0 ? image_empty() : NULL;
    }
    for (size_t i = 0; i < SITES; i++)
        if (draw(2) == 0) {
            site_worlds[i].batch.shared = true;
            seats[2 * i].backend = seats[2 * i + 1].backend = &site_worlds[i].batch;
        }
}

/* ---- the way to rest -------------------------------------------------------------------------------------------------- */

/* Time passes in which everything is off; then everything is on again, for a while. */
static bool
night(int64_t span)
{
    faults_darkness(span);
    return loop_until(sim.now + span + SECOND);
}

/* A ticket that waits for its window is none: where a clock was far ahead, that may lie months away. */
static bool
has_work(const struct agent *a)
{
    for (size_t i = 0; i < a->jobs_n; i++)
        if (a->jobs[i]->t.had_permit || a->jobs[i]->t.phase > AGENT_READY)
            return true;
    return false;
}

/* NULL if all has come to its end; else what has not. */
static const char *
unrest(void)
{
    if (!check_all_over())
        return "a reservation has not ended";
    if (!people_done())
        return "somebody waits for an answer";
    if (server_in_office() == NULL)
        return "nobody leads";
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i].wanted && (!seats[i].proc.alive || seats[i].retiring))
            return "an agent does not come up";
        else if (seats[i].wanted && has_work(&seats[i].agent))
            return "an agent still has a job";
    return NULL;
}

/* Until somebody leads and who is wanted is up, or for half a minute. False: a violation. */
static bool
wake(void)
{
    int64_t until = sim.now + 30 * SECOND;
    bool up;

    do {
        if (!loop_until(sim.now + 5 * SECOND))
            return false;
        up = server_in_office() != NULL;
        for (size_t i = 0; i < SEATS; i++)
            up = up && (!seats[i].wanted || seats[i].proc.alive);
    } while (!up && sim.now < until);
    return loop_until(sim.now + 5 * SECOND);
}

/* Does an agent wait for something, awake? For an older permit's time to pass it needs a minute and a half. */
static bool
somebody_waits(void)
{
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i].wanted && seats[i].proc.alive && has_work(&seats[i].agent))
            return true;
    return false;
}

/* Until all is at rest or nothing has happened for a while, so that only time helps; but for least, since what was under
 * way may still arrive; and no longer than most. False: a violation. */
static bool
settle(int64_t least, int64_t most)
{
    int64_t until = sim.now + most, changed = sim.now;
    uint64_t batch = pg.head.batch;

    if (!loop_until(sim.now + least))
        return false;
    while (sim.now < until && sim.now - changed < (somebody_waits() ? 110 : 30) * SECOND && unrest() != NULL) {
        if (!loop_until(sim.now + 5 * SECOND))
            return false;
        if (pg.head.batch != batch)
            changed = sim.now;
        batch = pg.head.batch;
    }
    return true;
}

/* How long until a moment after what is due next; `else_us` if nothing is, or not for long. */
static int64_t
until_due(int64_t else_us)
{
    const struct server *l = server_in_office();
    const struct state *s = l != NULL ? market_read_lock(l->market) : NULL;
    int64_t span_us = 0;

    if (s != NULL) {
        int64_t next_ms = due_next(s->due);

        if (next_ms != DUE_NEVER)
            span_us = (next_ms - market_now(l->market)) * 1000 / sim.rate;
        market_read_unlock(l->market);
    }
    return span_us > 0 && span_us < 3000 * HOUR / sim.rate ? span_us + draw_span(0, 20 * SECOND) : else_us;
}

static void
come_to_rest(void)
{
    bool keen = draw(4) == 0; /* somebody looks after each thing that is due, and a site that lies may be first */
    int away = draw(5) == 0 ? 2 + (int)draw(14) : 0, idle = draw(5) == 0 ? 2 + (int)draw(17) : 0;
    int64_t longest = away + idle > 0 ? (draw(2) == 0 ? draw_span(30, 500) : draw_span(80, 1400)) : 30;
    const char *why = NULL;

    faults_heal();
    for (int round = 0; round < 60; round++) {
        int64_t span = (round < 12 && away + idle == 0 ? draw_span(HOUR, 12 * HOUR) : longest * HOUR) / sim.rate;

        if ((keen && round < 24 && draw(4) != 0) || round >= 36) /* what a clock far ahead has promised may lie months away */
            span = until_due(span);
        if (round % 2 == 1 && !night(span))
            return;
        seats[2 * (away % SITES)].wanted = round >= away; /* a site may stay away for a long time yet */
        if (!wake())
            return;
        if (round < away + idle && round < 50 && draw(2) == 0)
            forge_report(&seats[2 * (away % SITES)]);
        if (keen && round < 24 && draw(2) == 0)
            forge_report(&seats[2 * draw(SITES)]);
        people_settle(round >= idle);
        if (!settle(round == 0 ? MINUTE : 5 * SECOND, round == 0 ? 3 * MINUTE : 2 * MINUTE))
            return;
        why = unrest();
        if (why == NULL)
            return;
    }
    violation("it does not come to rest: %s", why);
}

/* Is what it has in memory what is committed? */
static bool
between_batches(const struct market *m)
{
    bool between = m->figures.commit_since_ms == 0;

    for (size_t i = 0; i < 2; i++)
        between = between && (m->work[i].n == 0 || &m->work[i] == m->committed);
    return between;
}

static void
compare_rebuilt(void)
{
    struct server *l = server_in_office();
    struct summary before, after;
    uint64_t batch;

    for (int i = 0; i < 60 && l != NULL && !between_batches(l->market); i++) {
        if (!loop_until(sim.now + SECOND / 10))
            return;
        l = server_in_office();
    }
    if (l == NULL || !between_batches(l->market))
        return;
    batch = pg.head.batch;
    before = summary_of(l->market);
    proc_kill(&l->proc);
    for (int i = 0; i < 60 && server_in_office() == NULL; i++)
        if (!loop_until(sim.now + SECOND))
            return;
    l = server_in_office();
    if (l == NULL) {
        violation("nobody takes over");
        return;
    }
    after = summary_of(l->market);
    if (people_done() && batch == pg.head.batch && between_batches(l->market) && memcmp(&before, &after, sizeof before) != 0)
        violation("a new leader builds %zu quotes, %zu reservations%s%s from the database; the old one had %zu and %zu",
                  after.quotes, after.reservations, after.things != before.things ? ", other things" : "",
                  hash_equal(after.root, before.root) ? "" : ", other balances", before.quotes, before.reservations);
}

int
history_run(uint64_t seed, bool verbose, enum planted plant)
{
    int64_t until;

    begin(seed, verbose, plant);
    if (setjmp(history_jump) == 0) {
        people_begin();
        faults_begin();
        until = draw_span(2 * MINUTE, 7 * MINUTE);
        if (loop_until(until > faults_away_until() ? until : faults_away_until()))
            come_to_rest();
        if (sim.violation[0] == '\0')
            check_end();
        if (sim.violation[0] == '\0')
            compare_rebuilt();
    }
    totals.histories++;
    totals.events += sim.events;
    fibers_reset();
    loop_reset();
    memory_reset();
    return sim.violation[0] == '\0' ? HISTORY_GOOD : HISTORY_BAD;
}
