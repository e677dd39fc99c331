/* core/agent_step: the days of an agent as tables, and a world of losses and crashes around it: agent, backend and server
 * (core/ticket), messages lost, repeated and late, the agent dying between any two steps and while it submits. The body
 * must run at most once, everything must end, and nothing may run that the server has given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"
#include "core/agent_step.h"
#include "core/ticket.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define LIFE_MS 60000
#define T0 1800000000000
#define HOUR_MS 3600000

static struct agent_ticket
ticket(void)
{
    return (struct agent_ticket){
        .jti = { { 1 } }, .request = { { 2 } }, .fence = 5, .gpus = 4, .walltime_s = 600, .window_start_ms = T0 + HOUR_MS,
        .permit_from_ms = T0, .accept_by_ms = T0 + 2 * HOUR_MS, .start_by_ms = T0 + 3 * HOUR_MS,
    };
}

static struct agent_now
at(int64_t ms)
{
    return (struct agent_now){
        .clock_ms = T0 + ms, .mono_ms = 1000 + ms, .instance = 7, .permit_life_ms = LIFE_MS, .usage_every_ms = 300000,
        .look_every_ms = 5000, .rate = 1,
    };
}

/* A story: events with their times, and after each the phase, the actions and the reports that must come of it. */
struct beat {
    int64_t ms;
    struct agent_event e;
    enum agent_phase phase;
    unsigned acts;
    uint16_t report[AGENT_REPORTS], reason;
};
#define EV(k, ...) { .kind = AGENT_ON_##k, ##__VA_ARGS__ }

static void
play(const char *why, const struct beat *beats, size_t n)
{
    struct agent_ticket t = ticket();
    struct agent_actions a;
    struct agent_now now = at(0);

    agent_begin(&t, REASON_NONE, &now, &a);
    assert_int_equal(a.acts, AGENT_FETCH);
    for (size_t i = 0; i < n; i++) {
        now = at(beats[i].ms);
        agent_step(&t, &beats[i].e, &now, &a);
        if (t.phase != beats[i].phase || a.acts != beats[i].acts)
            fail_msg("%s, beat %zu: phase %s, acts %#x", why, i, agent_phase_name(t.phase), a.acts);
        for (size_t k = 0; k < AGENT_REPORTS; k++)
            if ((k < a.reports_n ? a.reports[k].kind : 0) != beats[i].report[k])
                fail_msg("%s, beat %zu: report %zu is of kind %d", why, i, k, k < a.reports_n ? a.reports[k].kind : 0);
        if (a.reports_n && a.reports[a.reports_n - 1].reason != beats[i].reason)
            fail_msg("%s, beat %zu: reason %d", why, i, a.reports[a.reports_n - 1].reason);
    }
}
#define PLAY(why, ...) play(why, (const struct beat[]){ __VA_ARGS__ }, LEN(((const struct beat[]){ __VA_ARGS__ })))

#define FETCHED { 10, EV(WORKLOAD), AGENT_READY, 0, { 0 }, 0 }
#define ASKED { HOUR_MS, EV(TICK), AGENT_ASKING, 0, { REPORT_ACCEPTED }, 0 }
#define SENT { HOUR_MS + 1, EV(SENT), AGENT_ASKING, 0, { 0 }, 0 }
#define GRANTED { HOUR_MS + 9, EV(GRANTED, .instance = 7), AGENT_CLAIMING, AGENT_SUBMIT, { 0 }, 0 }
#define SUBMITTED { HOUR_MS + 20, EV(SUBMITTED), AGENT_QUEUED, 0, { 0 }, 0 }
#define STARTED { HOUR_MS + 30, EV(STARTED, .started_ms = T0 + HOUR_MS + 25), AGENT_RUNNING, 0, { REPORT_STARTED }, 0 }
#define PERMITTED FETCHED, ASKED, SENT, GRANTED

static void
test_a_good_day(void **state)
{
    (void)state;
    PLAY("as it should", FETCHED, { 5000, EV(TICK), AGENT_READY, 0, { 0 }, 0 }, ASKED, SENT, GRANTED, SUBMITTED, STARTED,
         { HOUR_MS + 6000, EV(TICK), AGENT_RUNNING, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 6001, EV(STARTED, .started_ms = T0 + HOUR_MS + 25, .gpu_seconds = 20), AGENT_RUNNING, 0, { 0 }, 0 },
         { HOUR_MS + 301000, EV(STARTED, .started_ms = T0 + HOUR_MS + 25, .gpu_seconds = 1200), AGENT_RUNNING, 0, { REPORT_USAGE }, 0 },
         { HOUR_MS + 400000, EV(ENDED, .started_ms = T0 + HOUR_MS + 25, .ended_ms = T0 + HOUR_MS + 399000, .gpu_seconds = 1596),
           AGENT_ENDING, 0, { REPORT_FINISHED }, 0 },
         { HOUR_MS + 400100, EV(LAST_RECEIPT), AGENT_DONE, AGENT_FORGET, { 0 }, 0 },
         { HOUR_MS + 400200, EV(CANCEL), AGENT_DONE, 0, { 0 }, 0 });
    PLAY("over before it is seen", PERMITTED, SUBMITTED,
         { HOUR_MS + 900, EV(ENDED, .started_ms = T0 + HOUR_MS + 25, .ended_ms = T0 + HOUR_MS + 800, .gpu_seconds = 4, .exit_code = 3),
           AGENT_ENDING, 0, { REPORT_STARTED, REPORT_FAILED }, REASON_JOB });
    PLAY("at the walltime", PERMITTED, SUBMITTED, STARTED,
         { HOUR_MS + 900, EV(ENDED, .end = AGENT_END_WALLTIME, .started_ms = T0 + HOUR_MS + 25, .ended_ms = T0 + HOUR_MS + 800),
           AGENT_ENDING, 0, { REPORT_FINISHED }, REASON_WALLTIME });
    PLAY("waits in the batch system", PERMITTED, SUBMITTED,
         { HOUR_MS + 6000, EV(TICK), AGENT_QUEUED, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 6001, EV(QUEUED), AGENT_QUEUED, 0, { REPORT_QUEUED }, 0 },
         { HOUR_MS + 12001, EV(QUEUED), AGENT_QUEUED, 0, { 0 }, 0 },
         { HOUR_MS + 12002, EV(UNKNOWN), AGENT_QUEUED, 0, { 0 }, 0 });
}

static void
test_permits(void **state)
{
    (void)state;
    PLAY("refused", FETCHED, ASKED, SENT, { HOUR_MS + 9, EV(REFUSED), AGENT_DONE, AGENT_FORGET, { 0 }, 0 });
    PLAY("granted too late: waits, looks, asks again", FETCHED, ASKED, SENT,
         { HOUR_MS + 1 + LIFE_MS, EV(GRANTED, .instance = 7), AGENT_READY, 0, { 0 }, 0 },
         { HOUR_MS + 2 * LIFE_MS, EV(TICK), AGENT_READY, 0, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(TICK), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS + 1, EV(NONE), AGENT_ASKING, 0, { REPORT_ACCEPTED }, 0 });
    PLAY("granted to an older instance", FETCHED, ASKED, SENT,
         { HOUR_MS + 9, EV(GRANTED, .instance = 6), AGENT_READY, 0, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(TICK), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(STARTED, .started_ms = T0 + HOUR_MS), AGENT_RUNNING, 0, { REPORT_STARTED }, 0 });
    PLAY("the first sending counts", FETCHED, ASKED, SENT, { HOUR_MS + 50000, EV(SENT), AGENT_ASKING, 0, { 0 }, 0 },
         { HOUR_MS + 1 + LIFE_MS, EV(GRANTED, .instance = 7), AGENT_READY, 0, { 0 }, 0 });
    PLAY("what certainly was not sent does not count", FETCHED, ASKED, SENT,
         { HOUR_MS + 2, EV(UNSENT), AGENT_ASKING, 0, { 0 }, 0 }, { HOUR_MS + 50000, EV(SENT), AGENT_ASKING, 0, { 0 }, 0 },
         { HOUR_MS + 1 + LIFE_MS, EV(GRANTED, .instance = 7), AGENT_CLAIMING, AGENT_SUBMIT, { 0 }, 0 });
    PLAY("never a start after start-by", FETCHED, { 2 * HOUR_MS, EV(TICK), AGENT_ASKING, 0, { REPORT_ACCEPTED }, 0 },
         { 3 * HOUR_MS - 5, EV(SENT), AGENT_ASKING, 0, { 0 }, 0 },
         { 3 * HOUR_MS + 1, EV(GRANTED, .instance = 7), AGENT_READY, 0, { 0 }, 0 },
         { 4 * HOUR_MS, EV(TICK), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { 4 * HOUR_MS, EV(NONE), AGENT_ENDING, 0, { REPORT_FAILED }, REASON_SITE });
    PLAY("accept-by passed without a question", FETCHED, { 2 * HOUR_MS + 1, EV(TICK), AGENT_DONE, AGENT_FORGET, { 0 }, 0 });
}

static void
test_refusals_of_the_site(void **state)
{
    (void)state;
    PLAY("workload gone", { 10, EV(NO_WORKLOAD), AGENT_ENDING, 0, { REPORT_REJECTED }, REASON_WORKLOAD });
    PLAY("backend refuses", PERMITTED,
         { HOUR_MS + 20, EV(NOT_SUBMITTED, .reason = REASON_NO_USER), AGENT_ENDING, 0, { REPORT_REJECTED }, REASON_NO_USER });
    PLAY("backend loses it", PERMITTED, SUBMITTED, STARTED,
         { HOUR_MS + 40, EV(NONE), AGENT_ENDING, 0, { REPORT_FAILED }, REASON_SITE });
    PLAY("backend fails", PERMITTED, SUBMITTED, STARTED,
         { HOUR_MS + 40, EV(ENDED, .end = AGENT_END_SITE, .started_ms = T0 + HOUR_MS + 25, .ended_ms = T0 + HOUR_MS + 39),
           AGENT_ENDING, 0, { REPORT_FAILED }, REASON_SITE });
}

static void
test_cancellations(void **state)
{
    (void)state;
    PLAY("before anything", FETCHED, { 20, EV(CANCEL), AGENT_ENDING, 0, { REPORT_CANCELLED }, REASON_ORDERED });
    PLAY("while asking, refused", FETCHED, ASKED, SENT, { HOUR_MS + 5, EV(CANCEL), AGENT_ASKING, 0, { 0 }, 0 },
         { HOUR_MS + 9, EV(REFUSED), AGENT_DONE, AGENT_FORGET, { 0 }, 0 });
    PLAY("while asking, granted", FETCHED, ASKED, SENT, { HOUR_MS + 5, EV(CANCEL), AGENT_ASKING, 0, { 0 }, 0 },
         { HOUR_MS + 9, EV(GRANTED, .instance = 7), AGENT_ENDING, 0, { REPORT_CANCELLED }, REASON_ORDERED });
    PLAY("while asking, granted to an older instance, which has started it", FETCHED, ASKED, SENT,
         { HOUR_MS + 5, EV(CANCEL), AGENT_ASKING, 0, { 0 }, 0 }, { HOUR_MS + 9, EV(GRANTED, .instance = 6), AGENT_READY, 0, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(TICK), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(STARTED, .started_ms = T0 + HOUR_MS), AGENT_RUNNING, AGENT_CANCEL_JOB, { REPORT_STARTED }, 0 });
    PLAY("while asking, granted to an older instance, which has not", FETCHED, ASKED, SENT,
         { HOUR_MS + 5, EV(CANCEL), AGENT_ASKING, 0, { 0 }, 0 }, { HOUR_MS + 9, EV(GRANTED, .instance = 6), AGENT_READY, 0, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(TICK), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 3 * LIFE_MS, EV(NONE), AGENT_ENDING, 0, { REPORT_CANCELLED }, REASON_ORDERED });
    PLAY("while submitting", PERMITTED, { HOUR_MS + 10, EV(CANCEL), AGENT_CLAIMING, 0, { 0 }, 0 },
         { HOUR_MS + 20, EV(SUBMITTED), AGENT_QUEUED, AGENT_CANCEL_JOB, { 0 }, 0 },
         { HOUR_MS + 30, EV(ENDED, .end = AGENT_END_CANCELLED), AGENT_ENDING, 0, { REPORT_CANCELLED }, REASON_ORDERED });
    PLAY("while it runs", PERMITTED, SUBMITTED, STARTED,
         { HOUR_MS + 40, EV(CANCEL), AGENT_RUNNING, AGENT_CANCEL_JOB | AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 50, EV(STARTED, .started_ms = T0 + HOUR_MS + 25), AGENT_RUNNING, AGENT_CANCEL_JOB, { 0 }, 0 },
         { HOUR_MS + 60, EV(ENDED, .end = AGENT_END_CANCELLED, .started_ms = T0 + HOUR_MS + 25, .ended_ms = T0 + HOUR_MS + 55, .gpu_seconds = 4),
           AGENT_ENDING, 0, { REPORT_CANCELLED }, REASON_ORDERED });
    PLAY("it finished first", PERMITTED, SUBMITTED, STARTED,
         { HOUR_MS + 40, EV(CANCEL), AGENT_RUNNING, AGENT_CANCEL_JOB | AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 60, EV(ENDED, .started_ms = T0 + HOUR_MS + 25, .ended_ms = T0 + HOUR_MS + 35, .gpu_seconds = 4),
           AGENT_ENDING, 0, { REPORT_FINISHED }, 0 });
}

static void
test_restarts(void **state)
{
    (void)state;
    PLAY("while new", { 20, EV(RESTART), AGENT_NEW, AGENT_FETCH, { 0 }, 0 });
    PLAY("while ready", FETCHED, { 20, EV(RESTART), AGENT_READY, 0, { 0 }, 0 });
    PLAY("while asking: the same report is sent again", FETCHED, ASKED, SENT, { HOUR_MS + 5, EV(RESTART), AGENT_ASKING, 0, { 0 }, 0 });
    PLAY("while submitting, nothing there", PERMITTED, { HOUR_MS + 1000, EV(RESTART), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 1001, EV(NONE), AGENT_READY, 0, { 0 }, 0 },
         { HOUR_MS + 1000 + LIFE_MS * 3 / 2, EV(TICK), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 1000 + LIFE_MS * 3 / 2, EV(NONE), AGENT_ASKING, 0, { REPORT_ACCEPTED }, 0 });
    PLAY("while submitting, it is there", PERMITTED, { HOUR_MS + 1000, EV(RESTART), AGENT_READY, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 1001, EV(STARTED, .started_ms = T0 + HOUR_MS + 20), AGENT_RUNNING, 0, { REPORT_STARTED }, 0 });
    PLAY("while running", PERMITTED, SUBMITTED, STARTED, { HOUR_MS + 1000, EV(RESTART), AGENT_RUNNING, AGENT_LOOK_UP, { 0 }, 0 },
         { HOUR_MS + 1001, EV(STARTED, .started_ms = T0 + HOUR_MS + 25), AGENT_RUNNING, 0, { 0 }, 0 });
    PLAY("draining", FETCHED, { 30, EV(TICK), AGENT_READY, 0, { 0 }, 0 });
}

static void
test_draining_and_refused_tickets(void **state)
{
    struct agent_ticket t = ticket();
    struct agent_actions a;
    struct agent_now now = at(0);

    (void)state;
    now.draining = true;
    agent_begin(&t, REASON_NONE, &now, &a);
    assert_int_equal(a.reports[0].kind, REPORT_REJECTED);
    assert_int_equal(a.reports[0].reason, REASON_DRAINING);
    t = ticket();
    now.draining = false;
    agent_begin(&t, REASON_RESOURCE, &now, &a);
    assert_int_equal(t.phase, AGENT_ENDING);
    assert_true(a.last);
    assert_int_equal(a.reports[0].reason, REASON_RESOURCE);
}

static void
test_wake(void **state)
{
    struct agent_ticket t = ticket();
    struct agent_now now = at(0);

    (void)state;
    t.phase = AGENT_READY;
    assert_int_equal(agent_wake(&t, &now), 1000 + HOUR_MS);
    now.rate = 1000; /* an hour of the journal in 3.6 s; the margin of a life is 1000 lives, accept-by is near */
    t.accept_by_ms = T0 + 100 * HOUR_MS;
    assert_int_equal(agent_wake(&t, &now), 1000 + HOUR_MS / 1000);
    t.phase = AGENT_ASKING;
    assert_int_equal(agent_wake(&t, &now), INT64_MAX);
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t
any(uint32_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((seed >> 33) % below);
}

#define OUTBOX 64

struct world {
    int64_t ms;
    uint64_t instance;           /* newest opened */
    /* the spool */
    struct agent_ticket t;
    struct report box[OUTBOX];   /* box[i] has number i + 1 */
    size_t box_n, receipted;
    size_t last;                 /* number of the last report, 0: none */
    bool workload;
    /* the backend */
    bool starter; int64_t starter_until; /* a starter is on its way; it claims only before its permit's end */
    bool claimed, started, ended; int64_t started_at, ended_at; enum agent_end end; bool cancelled_at_backend;
    int runs;
    /* the server */
    struct ticket_facts facts;
    struct report seen[OUTBOX];
    struct { bool granted; uint64_t instance; } answer[OUTBOX];
    size_t seen_n;
    bool cancel_ticket;
    enum ticket_outcome outcome;
    int permits;
    bool dead;                   /* the agent will never come back */
};

static struct agent_now
world_now(const struct world *w)
{
    struct agent_now now = at(w->ms);

    now.instance = w->instance;
    return now;
}

static void world_do(struct world *w, const struct agent_actions *a);

/* Step, and store state and reports together; crash: what was to follow does not happen. */
static void
world_step(struct world *w, struct agent_event e, bool crash)
{
    struct agent_actions a;
    struct agent_now now = world_now(w);

    agent_step(&w->t, &e, &now, &a);
    for (size_t i = 0; i < a.reports_n; i++) {
        assert_true(w->box_n < OUTBOX);
        a.reports[i].number = w->box_n + 1;
        a.reports[i].instance = w->instance;
        w->box[w->box_n++] = a.reports[i];
    }
    if (a.last)
        w->last = w->box_n;
    if (!crash)
        world_do(w, &a);
}

static struct agent_event
world_look_up(struct world *w)
{
    uint64_t use = w->started ? 4 * (uint64_t)((w->ended ? w->ended_at : T0 + w->ms) - w->started_at) / 1000 : 0;

    if (any(10) == 0)
        return (struct agent_event)EV(UNKNOWN);
    if (!w->claimed)
        return (struct agent_event)EV(NONE);
    if (w->ended)
        return (struct agent_event)EV(ENDED, .end = w->end, .started_ms = w->started ? w->started_at : 0,
                                      .ended_ms = w->started ? w->ended_at : 0, .gpu_seconds = use);
    if (w->started)
        return (struct agent_event)EV(STARTED, .started_ms = w->started_at, .gpu_seconds = use);
    return (struct agent_event)EV(QUEUED);
}

static void
world_do(struct world *w, const struct agent_actions *a)
{
    if (a->acts & AGENT_FETCH) {
        w->workload = true;
        if (any(4))
            world_step(w, (struct agent_event)EV(WORKLOAD), any(20) == 0);
    }
    if (a->acts & AGENT_CANCEL_JOB && w->claimed && !w->ended && any(5)) {
        w->ended = true;
        w->end = AGENT_END_CANCELLED;
        w->ended_at = T0 + w->ms;
    }
    if (a->acts & AGENT_SUBMIT) {
        int64_t until = w->t.permit_until_mono_ms;

        w->starter = true;
        w->starter_until = until;
        if (any(4) == 0) { /* dies or loses sight while submitting: the starter is on its way alone */
            if (any(2))
                world_step(w, (struct agent_event)EV(SUBMIT_UNKNOWN), false);
            return;
        }
        if (1000 + w->ms < until && !w->claimed) {
            w->claimed = true;
            w->starter = false;
            world_step(w, (struct agent_event)EV(SUBMITTED), any(20) == 0);
        }
    }
    if (a->acts & AGENT_LOOK_UP && any(8))
        world_step(w, world_look_up(w), any(20) == 0);
}

static void
server_apply(struct world *w, enum ticket_event e)
{
    const struct ticket_cell *c = ticket_next(w->facts.state, e);

    assert_int_not_equal(c->verdict, TICKET_REFUSE);
    w->facts.state = c->next;
    if (c->outcome)
        w->outcome = c->outcome;
    if (c->effects & TICKET_CANCEL_TICKET)
        w->cancel_ticket = true;
}

/* The server takes a report: by number, same bytes the same receipt. Returns whether there is a receipt. */
static bool
server_take(struct world *w, const struct report *r)
{
    struct ticket_facts *f = &w->facts;
    enum ticket_event e;

    if (r->number <= w->seen_n) {
        assert_memory_equal(r, &w->seen[r->number - 1], sizeof *r); /* forked otherwise */
        return true;
    }
    if (r->instance != w->instance || r->number != w->seen_n + 1)
        return false;
    e = ticket_event_of_report(f, r, T0 + w->ms);
    assert_int_equal(ticket_check_report(f, r), FAULT_NONE);
    if (e == TICKET_ON_ACCEPTED && T0 + w->ms < ticket_permit_earliest(f))
        return false;
    w->seen[w->seen_n] = *r;
    w->answer[w->seen_n].granted = ticket_next(f->state, e)->effects & TICKET_GIVE_PERMIT;
    w->answer[w->seen_n].instance = r->instance;
    if (w->answer[w->seen_n].granted) {
        w->permits++;
        f->permitted_ms = T0 + w->ms;
        if (f->first_permitted_ms == 0)
            f->first_permitted_ms = f->permitted_ms;
    }
    w->seen_n++;
    server_apply(w, e);
    if (r->started_ms)
        f->started_ms = r->started_ms;
    if (r->gpu_seconds > f->gpu_seconds)
        f->gpu_seconds = r->gpu_seconds;
    return true;
}

static void
agent_send(struct world *w)
{
    struct report r = w->box[w->receipted];

    if (r.kind == REPORT_ACCEPTED)
        world_step(w, (struct agent_event)EV(SENT), false);
    if (any(5) == 0) /* lost on the way there */
        return;
    w->ms += any(2000);
    if (!server_take(w, &r))
        return;
    w->ms += any(10) == 0 ? any(2 * LIFE_MS) : any(2000);
    if (any(5) == 0) /* lost on the way back */
        return;
    w->receipted++;
    if (r.kind == REPORT_ACCEPTED && !w->answer[r.number - 1].granted)
        world_step(w, (struct agent_event)EV(REFUSED), any(20) == 0);
    else if (r.kind == REPORT_ACCEPTED)
        world_step(w, (struct agent_event)EV(GRANTED, .instance = w->answer[r.number - 1].instance), any(10) == 0);
    else if (r.number == w->last)
        world_step(w, (struct agent_event)EV(LAST_RECEIPT), false);
}

/* A new instance: what the server has not recorded is signed anew, what it has stays as it was sent. */
static void
agent_restart(struct world *w)
{
    w->instance++;
    for (size_t i = w->seen_n; i < w->box_n; i++)
        w->box[i].instance = w->instance;
    world_step(w, (struct agent_event)EV(RESTART), any(20) == 0);
}

static void
backend_passes(struct world *w)
{
    if (w->starter && any(3) == 0) {
        if (1000 + w->ms < w->starter_until && !w->claimed)
            w->claimed = true;
        w->starter = false;
    }
    if (w->claimed && !w->ended && !w->started && any(3) == 0) {
        w->started = true;
        w->started_at = T0 + w->ms;
        w->runs++;
        /* Whatever runs must run on a permit that the server still stands by. */
        if (w->facts.state == TICKET_ISSUED || w->facts.state == TICKET_VOIDED)
            fail_msg("seed %llu: runs what the server has taken back", (unsigned long long)seed);
    } else if (w->started && !w->ended && any(10) == 0) {
        w->ended = true;
        w->ended_at = T0 + w->ms;
        w->end = any(5) ? AGENT_END_EXIT : any(2) ? AGENT_END_WALLTIME : AGENT_END_SITE;
    }
}

static void
server_passes(struct world *w)
{
    struct ticket_timer timer;

    if (any(200) == 0 && ticket_next(w->facts.state, TICKET_ON_CANCEL)->verdict == TICKET_GO) {
        w->facts.cancel_ms = T0 + w->ms;
        server_apply(w, TICKET_ON_CANCEL);
    }
    while (ticket_due(&w->facts, T0 + w->ms, &timer) && timer.at_ms <= T0 + w->ms)
        server_apply(w, timer.event);
}

static void
agent_passes(struct world *w)
{
    if (w->dead)
        return;
    if (any(40) == 0)
        agent_restart(w);
    if (w->cancel_ticket && !w->t.cancel && any(3))
        world_step(w, (struct agent_event)EV(CANCEL), any(20) == 0);
    if (w->receipted < w->box_n && any(3))
        agent_send(w);
    else
        world_step(w, (struct agent_event)EV(TICK), any(40) == 0);
}

static struct world
live(uint64_t with_seed)
{
    struct world w = { .instance = 1, .t = ticket() };
    struct agent_actions a;
    struct agent_now now;

    seed = with_seed * 7919;
    w.facts = (struct ticket_facts){
        .fence = 5, .gpus = 4, .permit_from_ms = T0, .accept_by_ms = T0 + 2 * HOUR_MS, .start_by_ms = T0 + 3 * HOUR_MS,
        .window_end_ms = T0 + 5 * HOUR_MS, .expiry_ms = T0 + 400 * HOUR_MS, .permit_life_ms = LIFE_MS,
        .start_grace_ms = 24 * HOUR_MS, .end_grace_ms = 24 * HOUR_MS, .cancel_grace_ms = 24 * HOUR_MS,
        .dispute_ms = 2000 * (int64_t)HOUR_MS,
    };
    now = world_now(&w);
    agent_begin(&w.t, REASON_NONE, &now, &a);
    world_do(&w, &a);
    while (!ticket_state_is_end(w.facts.state) || (!w.dead && w.t.phase != AGENT_DONE)) {
        w.ms += any(3) ? any(20000) : any(400000);
        if (any(3000) == 0)
            w.dead = true;
        if (w.dead)
            w.ms += HOUR_MS;
        agent_passes(&w);
        backend_passes(&w);
        server_passes(&w);
        if (w.ms > 5000 * (int64_t)HOUR_MS)
            fail_msg("seed %llu: it does not end: server %s, agent %s", (unsigned long long)with_seed,
                     ticket_state_word(w.facts.state), agent_phase_name(w.t.phase));
    }
    return w;
}

static void
test_world(void **state)
{
    int ran = 0, outcomes[TICKET_OUTCOMES] = { 0 };

    (void)state;
    for (uint64_t s = 1; s <= 20000; s++) {
        struct world w = live(s);

        if (w.runs > 1)
            fail_msg("seed %llu: ran %d times", (unsigned long long)s, w.runs);
        if (w.outcome == OUTCOME_FINISHED && w.runs != 1)
            fail_msg("seed %llu: finished without a run", (unsigned long long)s);
        if (w.runs && w.permits == 0)
            fail_msg("seed %llu: ran without a permit", (unsigned long long)s);
        if (!w.dead && w.outcome == OUTCOME_EXPIRED)
            fail_msg("seed %llu: expired with a living agent", (unsigned long long)s);
        ran += w.runs;
        outcomes[w.outcome]++;
    }
    /* The world is no test if it does not reach its corners. */
    assert_true(ran > 10000);
    assert_true(outcomes[OUTCOME_FINISHED] > 5000 && outcomes[OUTCOME_CANCELLED] > 100 && outcomes[OUTCOME_FAILED_SITE] > 100
                && outcomes[OUTCOME_EXPIRED] > 10);
    for (unsigned i = 0; i < TICKET_OUTCOMES; i++)
        if (outcomes[i])
            printf("%s %d, ", ticket_outcome_name(i), outcomes[i]);
    printf("ran %d of 20000\n", ran);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_day), cmocka_unit_test(test_permits), cmocka_unit_test(test_refusals_of_the_site),
        cmocka_unit_test(test_cancellations), cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_draining_and_refused_tickets), cmocka_unit_test(test_wake), cmocka_unit_test(test_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
