/* tests/bench/evaluate_broker.c: what this broker does, by broker_quote() and the calendar as the market uses them: a
 * quote is booked from its start slot on, an end gives back what is left of the booking from the present slot on.
 *
 * How bookings change afterwards is the policy's: never (firm), only forward (kept), or always but for what runs
 * (heads). A pass goes over those that wait, in the policy's order, when a job ends, but not more often than every
 * PASS_EVERY_S: the first HEADS of them (and the first HEADS_HOME of those that may run at one site only) are quoted anew
 * in full; of the others up to DEPTH that have a chance are asked whether they can start at this moment. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "core/broker.h"
#include "evaluate.h"

enum { HEADS = 8, HEADS_HOME = 2, DEPTH = 512, FAILED_MAX = 16, HALF_LIFE_S = 7 * 86400, PASS_EVERY_S = 300 };
enum { ANYWHERE = SITES_MAX }; /* beside the sites: of who may move */

struct booking {
    bool live;
    int site;
    int64_t start_slot;
    int32_t slots;
};

struct desk {
    struct run *run;
    struct broker_offering offerings[SITES_MAX];
    struct calendar *calendars[SITES_MAX];
    struct broker_view view;
    struct broker_line lines[SITES_MAX];
    struct broker_answer answer;
    struct booking *bookings; /* of those that wait or run */
    int lines_count;          /* one for all, or one a group */
    struct line waiting[GROUPS_MAX];
    size_t waiting_count;
    double due[GROUPS_MAX];  /* what a group is entitled to: its part of its home site */
    double used[GROUPS_MAX]; /* GPU-seconds committed, decayed to used_s */
    int64_t used_s;
    bool pass_to_come;
    int64_t next_pass_s; /* not before */
};

/* Who could not start at one site (or ANYWHERE) in a pass: none of them asks for less than another in both. */
struct failed {
    size_t count;
    struct {
        int32_t gpus;
        int64_t walltime_s;
    } at[FAILED_MAX];
};

/* Where a pass stands. */
struct pass {
    size_t next[GROUPS_MAX];
    double used[GROUPS_MAX]; /* with what this pass has already looked at */
    size_t heads[SITES_MAX + 1];
    size_t asked; /* beside the heads */
    struct failed failed[SITES_MAX + 1];
};

static void
due_set(struct desk *d)
{
    const struct world *w = d->run->world;
    int at_home[SITES_MAX] = { 0 }, home[GROUPS_MAX];

    for (int g = 0; g < w->groups; g++)
        home[g] = -1;
    for (size_t i = 0; i < w->count; i++)
        home[w->jobs[i].group] = w->jobs[i].home;
    for (int g = 0; g < w->groups; g++)
        if (home[g] >= 0)
            at_home[home[g]]++;
    for (int g = 0; g < w->groups; g++)
        d->due[g] = home[g] >= 0 ? (double)w->gpus[home[g]] / at_home[home[g]] : 1;
}

struct desk *
desk_new(struct run *r)
{
    const struct world *w = r->world;
    struct desk *d = xcalloc(1, sizeof *d);

    d->run = r;
    d->used_s = w->jobs[0].submit_s;
    for (int i = 0; i < w->sites; i++) {
        d->calendars[i] = calendar_new(w->gpus[i], calendar_slot_of(w->jobs[0].submit_s * 1000));
        d->offerings[i] = (struct broker_offering){
            .offering = 200 + (uint64_t)i,
            .site = 100 + (uint64_t)i,
            .country = { 'X', (char)('A' + i), '\0' }, /* so that who may not move can say so */
            .model = "A100",
            .memory_gb = 64,
            .gpus_per_node = 1,
            .max_gpus_one_island = w->gpus[i],
            .brokered_gpus = w->gpus[i],
            .rate = 1,
            .rate_milli = 1000,
            .calendar = d->calendars[i],
        };
    }
    d->view = (struct broker_view){ .offerings = d->offerings, .count = (size_t)w->sites };
    d->answer = (struct broker_answer){ .lines = d->lines, .lines_max = SITES_MAX };
    d->bookings = xcalloc(w->count, sizeof *d->bookings);
    d->lines_count = r->policy->order == ORDER_FAIR ? w->groups : 1;
    due_set(d);
    return d;
}

void
desk_free(struct desk *d)
{
    if (!d)
        return;
    for (int i = 0; i < SITES_MAX; i++)
        calendar_delete(d->calendars[i]);
    for (int g = 0; g < GROUPS_MAX; g++)
        free(d->waiting[g].at);
    free(d->bookings);
    free(d);
}

/* ---- bookings ------------------------------------------------------------------------------------------------------ */

/* The calendar of the present; once a day is enough: what is over is never asked for. */
static void
advance(struct desk *d)
{
    int64_t slot = calendar_slot_of(d->run->now_s * 1000);

    d->view.now_ms = d->run->now_s * 1000;
    for (size_t i = 0; i < d->view.count; i++)
        if (slot - calendar_first(d->calendars[i]) >= 96)
            calendar_advance(d->calendars[i], slot);
}

static void
book(struct desk *d, const struct booking *b, int32_t gpus)
{
    calendar_reserve(d->calendars[b->site], b->start_slot, b->slots, gpus);
}

/* What is left of it, from the present slot on: what is before is over. */
static void
unbook(struct desk *d, uint32_t job)
{
    struct booking *b = &d->bookings[job];
    int64_t slot = max_i64(b->start_slot, calendar_slot_of(d->run->now_s * 1000));
    int64_t slots = b->start_slot + b->slots - slot;

    if (b->live && slots > 0)
        calendar_release(d->calendars[b->site], slot, slots, d->run->world->jobs[job].gpus);
    b->live = false;
    d->run->outcomes[job].version++; /* its start is off */
}

static const struct broker_line *
quote(struct desk *d, const struct job *j, bool at_once)
{
    struct broker_ask ask = {
        .gpus = j->gpus,
        .walltime_s = j->walltime_s,
        .preference = BROKER_SOONEST,
        .at_once = at_once,
        .explain = d->run->policy->explain,
    };

    if (!j->movable)
        country_add(&ask.countries, d->offerings[j->home].country);
    broker_quote(&d->view, &ask, &d->answer);
    return broker_ranked(&d->answer, 0);
}

static struct line *
line_of(struct desk *d, const struct job *j)
{
    return &d->waiting[d->lines_count > 1 ? j->group : 0];
}

static void
wait_for(struct desk *d, uint32_t job)
{
    const struct job *j = &d->run->world->jobs[job];

    line_add(line_of(d, j), order_key(d->run->policy, j), job);
    d->waiting_count++;
}

static void
decay(struct desk *d)
{
    int64_t hours = (d->run->now_s - d->used_s) / 3600;

    for (; hours > 0; hours--, d->used_s += 3600)
        for (int g = 0; g < d->run->world->groups; g++)
            d->used[g] *= 1 - 0.6931 * 3600 / HALF_LIFE_S;
}

/* It waits, in its line, and starts now at the site where it is booked. */
static void
begin(struct desk *d, uint32_t job)
{
    const struct job *j = &d->run->world->jobs[job];
    struct line *l = line_of(d, j);

    line_remove(l, line_find(l, order_key(d->run->policy, j), job));
    d->waiting_count--;
    decay(d);
    d->used[j->group] += (double)j->gpus * (double)j->walltime_s;
    run_start(d->run, job, d->bookings[job].site);
}

/* The job has no booking; now it has the one of the line, and starts if that is now. */
static bool
accept(struct desk *d, uint32_t job, const struct broker_line *line)
{
    struct booking *b = &d->bookings[job];

    assert(!b->live);
    *b = (struct booking){ true, (int)(line->site - 100), line->start_slot, line->slots };
    assert(calendar_fits(d->calendars[b->site], b->start_slot, b->slots, line->gpus));
    book(d, b, line->gpus);
    if (line->start_ms == d->view.now_ms) {
        begin(d, job);
        return true;
    }
    run_event(d->run, line->start_ms / 1000, EVENT_BOOKED, job, ++d->run->outcomes[job].version);
    return false;
}

static void
ask_for_pass(struct desk *d)
{
    if (d->pass_to_come || d->waiting_count == 0 || d->run->policy->promise == PROMISE_FIRM)
        return;
    d->pass_to_come = true;
    run_event(d->run, max_i64(d->run->now_s, d->next_pass_s), EVENT_PASS, 0, 0);
}

/* ---- the pass ------------------------------------------------------------------------------------------------------ */

static bool
free_now(const struct desk *d, size_t site, int32_t gpus)
{
    return d->offerings[site].state == BROKER_STATE_ACTIVE &&
           calendar_free(d->calendars[site], calendar_slot_of(d->view.now_ms)) >= gpus;
}

static bool
free_somewhere(const struct desk *d, const struct job *j)
{
    if (!j->movable)
        return free_now(d, (size_t)j->home, j->gpus);
    for (size_t i = 0; i < d->view.count; i++)
        if (free_now(d, i, j->gpus))
            return true;
    return false;
}

/* The next one in the order; false: no more. The line it stands in stays at it: whoever starts leaves the line. */
static bool
pass_next(const struct desk *d, const struct pass *p, int *ret_line, uint32_t *ret_job)
{
    int best = -1;

    for (int g = 0; g < d->lines_count; g++) {
        if (p->next[g] == d->waiting[g].count)
            continue;
        if (best < 0 || p->used[g] / d->due[g] < p->used[best] / d->due[best])
            best = g;
    }
    if (best < 0)
        return false;
    *ret_line = best;
    *ret_job = d->waiting[best].at[p->next[best]].job;
    return true;
}

/* Of the first few: quoted anew in full. A kept promise never gets worse: what it had is free for it. */
static bool
pass_head(struct desk *d, uint32_t job)
{
    struct booking old = d->bookings[job];
    const struct job *j = &d->run->world->jobs[job];
    const struct broker_line *line;

    unbook(d, job);
    line = quote(d, j, false);
    if (!line)
        return false; /* its only site is down */
    if (old.live)
        assert(d->run->policy->promise != PROMISE_KEPT || line->start_slot <= old.start_slot);
    return accept(d, job, line);
}

/* Who asks for no fewer GPUs and no less time than somebody who could not start there in this pass cannot either. */
static bool
failed_has(const struct failed *f, const struct job *j)
{
    for (size_t i = 0; i < f->count; i++)
        if (j->gpus >= f->at[i].gpus && j->walltime_s >= f->at[i].walltime_s)
            return true;
    return false;
}

static void
failed_add(struct failed *f, const struct job *j)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].gpus < j->gpus || f->at[i].walltime_s < j->walltime_s)
            f->at[kept++] = f->at[i]; /* the new one does not say it too */
    if (kept < FAILED_MAX) {
        f->at[kept].gpus = j->gpus;
        f->at[kept++].walltime_s = j->walltime_s;
    }
    f->count = kept;
}

static size_t
place_of(const struct job *j)
{
    return j->movable ? ANYWHERE : (size_t)j->home;
}

/* Can it start at this moment, beside all bookings, its own among them? */
static bool
pass_other(struct desk *d, struct pass *p, uint32_t job)
{
    const struct job *j = &d->run->world->jobs[job];
    const struct broker_line *line;

    if (!free_somewhere(d, j) || failed_has(&p->failed[ANYWHERE], j) || failed_has(&p->failed[place_of(j)], j))
        return false;
    p->asked++;
    line = quote(d, j, true);
    if (!line) {
        failed_add(&p->failed[place_of(j)], j);
        return false;
    }
    if (d->bookings[job].live) /* what it had booked is free again */
        memset(p->failed, 0, sizeof p->failed);
    unbook(d, job);
    return accept(d, job, line);
}

/* Bookings that may be made anew go first, so that all of their room is there for who stands before. */
static void
drop_bookings(struct desk *d)
{
    for (int g = 0; g < d->lines_count; g++)
        for (size_t i = 0; i < d->waiting[g].count; i++)
            if (d->bookings[d->waiting[g].at[i].job].live)
                unbook(d, d->waiting[g].at[i].job);
}

void
desk_pass(struct desk *d)
{
    struct pass p = { 0 };
    uint32_t job;
    int g;

    advance(d);
    decay(d);
    d->pass_to_come = false;
    d->next_pass_s = d->run->now_s + PASS_EVERY_S;
    if (d->run->policy->promise == PROMISE_HEADS)
        drop_bookings(d);
    memcpy(p.used, d->used, sizeof p.used);
    while (p.asked < DEPTH && pass_next(d, &p, &g, &job)) {
        const struct job *j = &d->run->world->jobs[job];
        size_t *heads = &p.heads[place_of(j)];
        bool head = *heads < (j->movable ? HEADS : HEADS_HOME);
        bool started = head ? pass_head(d, job) : pass_other(d, &p, job);

        p.used[g] += (double)j->gpus * (double)j->walltime_s;
        *heads += head && !started;
        p.next[g] += !started;
    }
}

/* ---- events -------------------------------------------------------------------------------------------------------- */

/* Who comes gets a binding quote at once. Where only the heads have one, the others start if they can without. */
void
desk_arrival(struct desk *d, uint32_t job)
{
    const struct broker_line *line;
    bool heads = d->run->policy->promise == PROMISE_HEADS;

    advance(d);
    wait_for(d, job);
    line = quote(d, &d->run->world->jobs[job], heads && d->waiting_count > HEADS);
    if (line)
        (void)accept(d, job, line);
}

void
desk_booked(struct desk *d, uint32_t job)
{
    assert(d->bookings[job].live);
    advance(d);
    begin(d, job);
}

void
desk_end(struct desk *d, uint32_t job, int site)
{
    (void)site;
    advance(d);
    unbook(d, job);
    ask_for_pass(d);
}

void
desk_killed(struct desk *d, uint32_t job)
{
    unbook(d, job);
    desk_arrival(d, job); /* brokered anew at once, where there is room */
}

/* The site takes nothing; who was booked there is brokered anew. */
void
desk_down(struct desk *d, int site)
{
    advance(d);
    d->offerings[site].state = BROKER_STATE_SILENT;
    for (int g = 0; g < d->lines_count; g++)
        for (size_t i = 0; i < d->waiting[g].count;) {
            uint32_t job = d->waiting[g].at[i].job;
            const struct broker_line *line;

            if (d->bookings[job].live && d->bookings[job].site == site) {
                unbook(d, job);
                line = quote(d, &d->run->world->jobs[job], false);
                if (line && accept(d, job, line))
                    continue; /* it has left the line */
            }
            i++;
        }
}

void
desk_up(struct desk *d, int site)
{
    advance(d);
    d->offerings[site].state = BROKER_STATE_ACTIVE;
    for (int g = 0; g < d->lines_count; g++)
        for (size_t i = 0; i < d->waiting[g].count;) {
            uint32_t job = d->waiting[g].at[i].job;
            const struct broker_line *line;

            if (!d->bookings[job].live) { /* who had nowhere to go */
                line = quote(d, &d->run->world->jobs[job], d->run->policy->promise == PROMISE_HEADS);
                if (line && accept(d, job, line))
                    continue;
            }
            i++;
        }
    ask_for_pass(d);
}
