/* tests/sim/batch.c
 * The batch systems. Of one's own machine (as the backend exec: a claim each jti, a supervisor that starts the payload
 * only within the permit's life) or of the whole site (as Slurm: a queue that starts it some time before start-by, and a
 * claim on the shared file system). It answers late, does not know, refuses, loses jobs. Every start is told to check.c. */
#include <assert.h>
#include <string.h>

#include "world_sim.h"

struct started started[STARTED_MAX];
size_t started_n;

static struct batch_run *
find(struct backend *b, struct uuid jti)
{
    for (size_t i = 0; i < b->n; i++)
        if (uuid_equal(b->runs[i].jti, jti))
            return &b->runs[i];
    return NULL;
}

static struct agent_event
said(enum agent_event_kind kind)
{
    return (struct agent_event){ .kind = kind };
}

static int64_t
journal_now(const struct batch_run *r)
{
    struct scope s = scope_enter(NULL, r->machine);
    int64_t now = clock_now(&r->clock);

    scope_leave(s);
    return now;
}

static int64_t
mono_now(const struct batch_run *r)
{
    struct scope s = scope_enter(NULL, r->machine);
    int64_t now = monotonic_ms();

    scope_leave(s);
    return now;
}

static struct started *
record_of(struct uuid jti)
{
    for (size_t i = started_n; i > 0; i--)
        if (uuid_equal(started[i - 1].jti, jti))
            return &started[i - 1];
    return NULL;
}

static uint64_t
used(const struct batch_run *r)
{
    int64_t ms = (r->state == RUN_ENDED ? r->ended_ms : journal_now(r)) - r->started_ms;
    int64_t s = ms > 0 ? ms / 1000 : 0;

    return (uint64_t)(s < (int64_t)r->walltime_s ? s : (int64_t)r->walltime_s) * r->gpus;
}

static void
ends(struct batch_run *r, enum agent_end end)
{
    struct started *record = record_of(r->jti);

    if (r->state == RUN_ENDED)
        return;
    r->ended_ms = r->started_ms != 0 ? journal_now(r) : 0;
    if (r->ended_ms != 0 && r->ended_ms < r->started_ms)
        r->ended_ms = r->started_ms;
    r->state = RUN_ENDED;
    r->end = end;
    note("job ends", r->jti.b[15], (uint64_t)end);
    if (record != NULL && r->started_ms != 0) {
        record->ended = true;
        record->gpu_seconds = used(r);
    }
}

static void
ends_now(void *a, uint64_t b)
{
    struct batch_run *r = a;

    (void)b;
    if (r->state == RUN_RUNNING)
        ends(r, r->lasts_us > (int64_t)r->walltime_s * SECOND / sim.rate ? AGENT_END_WALLTIME : AGENT_END_EXIT);
}

static void
starts(void *a, uint64_t shared)
{
    struct batch_run *r = a;
    int site = (int)(shared >> 1);
    int64_t walltime_us = (int64_t)r->walltime_s * SECOND / sim.rate;

    if (r->state != RUN_QUEUED || r->lost)
        return;
    if (r->cancel) {
        ends(r, AGENT_END_CANCELLED);
        return;
    }
    if (journal_now(r) > r->start_by_ms || (!(shared & 1) && mono_now(r) >= r->permit_until_mono_ms)) {
        ends(r, AGENT_END_UNSTARTED);
        return;
    }
    r->state = RUN_RUNNING;
    r->started_ms = journal_now(r);
    note("job starts", r->jti.b[15], (uint64_t)site);
    check_start(r->jti, site);
    at(sim.now + (r->lasts_us < walltime_us ? r->lasts_us : walltime_us), ends_now, r, 0);
}

static struct agent_event
submit(struct backend *b, const struct backend_run *run, struct err_detail *d)
{
    struct seat *seat = sim.here->own;
    int64_t wait = draw_span(0, SECOND);
    struct batch_run *r;

    (void)d;
    if (fault(FAULT_FREEZE_AGENT_)) /* between the permit's check and here */
        fiber_wait(sim.now + draw_span(SECOND, 200 * SECOND));
    if (find(b, run->jti) != NULL)
        return said(AGENT_ON_SUBMIT_UNKNOWN); /* its claim is there */
    if (fault(FAULT_BATCH_REFUSES_))
        return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = REASON_NO_USER };
    if (fault(FAULT_BATCH_UNKNOWN_) && draw(2) == 0)
        return said(AGENT_ON_SUBMIT_UNKNOWN);
    if (b->shared && monotonic_ms() >= run->permit_until_mono_ms) /* the helper looks once more */
        return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = REASON_OTHER };
    assert(b->n < RUNS_MAX);
    r = &b->runs[b->n++];
    *r = (struct batch_run){ .jti = run->jti, .gpus = run->gpus, .walltime_s = run->walltime_s, .clock = run->clock,
                       .machine = &seat->machine, .start_by_ms = run->start_by_ms,
                       .permit_until_mono_ms = run->permit_until_mono_ms,
                       .lasts_us = draw_span(0, (int64_t)run->walltime_s * 5 / 4 * SECOND / sim.rate),
                       .exit_code = draw(5) == 0 ? 1 : 0 };
    if (fault(FAULT_BATCH_SLOW_))
        wait = draw_span(SECOND, b->shared ? 40 * MINUTE / sim.rate : 90 * SECOND);
    if (fault(FAULT_BATCH_LOSES_))
        r->lost = true;
    at(sim.now + wait, starts, r, (uint64_t)seat->site << 1 | b->shared);
    note("job is submitted", r->jti.b[15], (uint64_t)seat->site);
    return said(fault(FAULT_BATCH_UNKNOWN_) ? AGENT_ON_SUBMIT_UNKNOWN : AGENT_ON_SUBMITTED);
}

static struct agent_event
look_up(struct backend *b, struct uuid jti, int64_t now_ms, struct err_detail *d)
{
    const struct batch_run *r = find(b, jti);

    (void)now_ms;
    (void)d;
    if (fault(FAULT_BATCH_UNKNOWN_))
        return said(AGENT_ON_UNKNOWN);
    if (r == NULL || (r->lost && r->state == RUN_QUEUED))
        return said(AGENT_ON_NONE);
    switch (r->state) {
    case RUN_QUEUED:
        return said(AGENT_ON_QUEUED);
    case RUN_RUNNING:
        return (struct agent_event){ .kind = AGENT_ON_STARTED, .started_ms = r->started_ms, .gpu_seconds = used(r) };
    case RUN_ENDED:
        break;
    }
    return (struct agent_event){ .kind = AGENT_ON_ENDED, .end = r->end, .started_ms = r->started_ms,
                                 .ended_ms = r->ended_ms, .gpu_seconds = r->started_ms != 0 ? used(r) : 0,
                                 .exit_code = r->exit_code };
}

static void
cancelled(void *a, uint64_t b)
{
    struct batch_run *r = a;

    (void)b;
    if (r->state == RUN_RUNNING)
        ends(r, AGENT_END_CANCELLED);
}

static void
cancel(struct backend *b, struct uuid jti)
{
    struct batch_run *r = find(b, jti);

    if (r == NULL || r->cancel)
        return;
    r->cancel = true;
    if (r->state == RUN_RUNNING)
        at(sim.now + draw_span(0, 10 * SECOND), cancelled, r, 0);
}

static size_t
output(struct backend *b, struct uuid jti, void *ret, size_t cap)
{
    const struct batch_run *r = find(b, jti);

    if (r == NULL || r->started_ms == 0 || cap < 4)
        return 0;
    memcpy(ret, "done", 4);
    return 4;
}

static void
forget(struct backend *b, struct uuid jti)
{
    (void)b;
    (void)jti;
}

static void
inventory(struct backend *b, struct json_out *o)
{
    json_text(o, "backend", b->shared ? "site" : "machine");
}

static int
wake_fd(struct backend *b)
{
    (void)b;
    return -1;
}

static bool
woken(struct backend *b, struct uuid *ret)
{
    (void)b;
    (void)ret;
    return false;
}

static void
close_nothing(struct backend *b)
{
    (void)b;
}

static uint16_t
takes(const struct backend *b)
{
    return b->shared ? NEED_BIT(NEED_ALLOCATION) : 0;
}

const struct backend_kind BATCH_KIND = {
    .name = "simulated", .takes = takes, .submit = submit, .look_up = look_up, .cancel = cancel, .output = output, .forget = forget,
    .inventory = inventory, .wake_fd = wake_fd, .woken = woken, .close = close_nothing,
};

/* The jobs of a machine end with it. */
void
batch_power_cut(struct backend *b, const struct machine *m)
{
    for (size_t i = 0; !b->shared && i < b->n; i++)
        if (b->runs[i].machine == m && b->runs[i].state != RUN_ENDED)
            ends(&b->runs[i], AGENT_END_SITE);
}
