/* core/agent_step.c */
#include "core/agent_step.h"

#include <assert.h>

#include "base/num.h"

#define FETCH_AGAIN_MS 2000 /* real time */

static void
tell(const struct agent_ticket *t, uint16_t kind, uint16_t reason, const struct agent_now *now,
     struct agent_actions *ret)
{
    assert(ret->reports_n < AGENT_REPORTS);
    ret->reports[ret->reports_n++] = (struct report){
        .kind = kind,
        .jti = t->jti,
        .fence = t->fence,
        .time_ms = max_i64(now->clock_ms, max_i64(t->started_ms, t->ended_ms)),
        .started_ms = t->started_ms,
        .ended_ms = t->ended_ms,
        .gpu_seconds = t->gpu_seconds,
        .exit_code = t->exit_code,
        .reason = reason,
    };
}

static void
tell_last(struct agent_ticket *t, uint16_t kind, uint16_t reason, const struct agent_now *now,
          struct agent_actions *ret)
{
    tell(t, kind, reason, now, ret);
    ret->last = true;
    t->phase = AGENT_ENDING;
}

static void
drop(struct agent_ticket *t, struct agent_actions *ret)
{
    t->phase = AGENT_DONE;
    ret->acts |= AGENT_FORGET;
}

/* What an older permit may have begun to start is to be seen at the backend, or too late, after one and a half lives. */
static void
wait_out_permit(struct agent_ticket *t, const struct agent_now *now)
{
    t->phase = AGENT_READY;
    t->clear_mono_ms = now->mono_ms + now->permit_life_ms + now->permit_life_ms / 2;
}

/* When to ask: as late as the window's start, since what is permitted starts then, but not in the last moment. */
static int64_t
ask_at(const struct agent_ticket *t, const struct agent_now *now)
{
    int64_t margin_ms = now->permit_life_ms * now->rate;

    return max_i64(t->permit_from_ms, min_i64(t->window_start_ms, t->accept_by_ms - margin_ms));
}

static void
look(struct agent_ticket *t, const struct agent_now *now, struct agent_actions *ret)
{
    ret->acts |= AGENT_LOOK_UP;
    t->next_mono_ms = now->mono_ms + now->look_every_ms;
}

static void
ask(struct agent_ticket *t, const struct agent_now *now, struct agent_actions *ret)
{
    t->phase = AGENT_ASKING;
    t->sent_mono_ms = 0;
    tell(t, REPORT_ACCEPTED, REASON_NONE, now, ret);
}

/* Whether a permit may still be of use; if not, it ends here: a site that had a permit must sign for it, one that had
 * none leaves it to the server's own timer. */
static bool
still_wanted(struct agent_ticket *t, const struct agent_now *now, struct agent_actions *ret)
{
    if (t->cancel) {
        tell_last(t, REPORT_CANCELLED, REASON_ORDERED, now, ret);
        return false;
    }
    if (t->had_permit && now->clock_ms > t->start_by_ms) {
        tell_last(t, REPORT_FAILED, REASON_SITE, now, ret);
        return false;
    }
    if (!t->had_permit && now->clock_ms > min_i64(t->accept_by_ms, t->start_by_ms)) {
        drop(t, ret);
        return false;
    }
    if (now->draining) {
        tell_last(t, REPORT_REJECTED, REASON_DRAINING, now, ret);
        return false;
    }
    return true;
}

static void
step_new(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now, struct agent_actions *ret)
{
    if (e->kind == AGENT_ON_NO_WORKLOAD) {
        tell_last(t, REPORT_REJECTED, e->reason == REASON_NONE ? REASON_WORKLOAD : e->reason, now, ret);
        return;
    }
    if (!still_wanted(t, now, ret))
        return;
    if (e->kind == AGENT_ON_WORKLOAD) {
        t->phase = AGENT_READY;
        t->next_mono_ms = 0;
        if (now->clock_ms >= ask_at(t, now))
            ask(t, now, ret);
    } else if (now->mono_ms >= t->next_mono_ms) {
        ret->acts |= AGENT_FETCH;
        t->next_mono_ms = now->mono_ms + FETCH_AGAIN_MS;
    }
}

/* What the backend says of a job that it has, or had. */
static void
seen_queued(struct agent_ticket *t, const struct agent_now *now, struct agent_actions *ret)
{
    t->phase = AGENT_QUEUED;
    if (!t->told_queued) {
        t->told_queued = true;
        tell(t, REPORT_QUEUED, REASON_NONE, now, ret);
    }
}

static void
seen_started(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now,
             struct agent_actions *ret)
{
    t->phase = AGENT_RUNNING;
    if (t->told_started)
        return;
    t->told_started = true;
    t->started_ms = e->started_ms;
    t->last_usage_ms = now->clock_ms;
    tell(t, REPORT_STARTED, REASON_NONE, now, ret);
}

static void
seen_running(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now,
             struct agent_actions *ret)
{
    bool first = !t->told_started;

    seen_started(t, e, now, ret);
    if (first || now->clock_ms - t->last_usage_ms < now->usage_every_ms || e->gpu_seconds < t->gpu_seconds)
        return;
    t->gpu_seconds = e->gpu_seconds;
    t->last_usage_ms = now->clock_ms;
    tell(t, REPORT_USAGE, REASON_NONE, now, ret);
}

static void
seen_ended(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now, struct agent_actions *ret)
{
    if (e->started_ms != 0) {
        seen_started(t, e, now, ret);
        t->ended_ms = max_i64(e->ended_ms, t->started_ms);
        t->gpu_seconds = e->gpu_seconds > t->gpu_seconds ? e->gpu_seconds : t->gpu_seconds;
        t->exit_code = e->exit_code;
    }
    switch (e->end) {
    case AGENT_END_EXIT:
        if (e->exit_code == 0)
            tell_last(t, REPORT_FINISHED, REASON_NONE, now, ret);
        else
            tell_last(t, REPORT_FAILED, REASON_JOB, now, ret);
        break;
    case AGENT_END_WALLTIME:
        tell_last(t, REPORT_FINISHED, REASON_WALLTIME, now, ret);
        break;
    case AGENT_END_CANCELLED:
        tell_last(t, REPORT_CANCELLED, t->cancel ? REASON_ORDERED : REASON_OTHER, now, ret);
        break;
    case AGENT_END_SITE:
    case AGENT_END_UNSTARTED:
        tell_last(t, REPORT_FAILED, REASON_SITE, now, ret);
        break;
    }
}

/* Is it an answer to a look-up that says that the backend has, or had, the job? Then the phase follows from it. */
static bool
seen_at_backend(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now,
                struct agent_actions *ret)
{
    if (e->kind == AGENT_ON_QUEUED)
        seen_queued(t, now, ret);
    else if (e->kind == AGENT_ON_STARTED)
        seen_running(t, e, now, ret);
    else if (e->kind == AGENT_ON_ENDED)
        seen_ended(t, e, now, ret);
    else
        return false;
    if (t->cancel && t->phase != AGENT_ENDING)
        ret->acts |= AGENT_CANCEL_JOB;
    return true;
}

static void
step_ready(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now, struct agent_actions *ret)
{
    if (t->had_permit) {
        if (seen_at_backend(t, e, now, ret))
            return;
        if (e->kind == AGENT_ON_RESTART) {
            wait_out_permit(t, now);
            look(t, now, ret);
            return;
        }
        if (now->mono_ms < t->clear_mono_ms) /* too early for any last word, a cancellation's too */
            return;
        if (e->kind != AGENT_ON_NONE) {
            if (now->mono_ms >= t->next_mono_ms)
                look(t, now, ret);
            return;
        }
    }
    if (still_wanted(t, now, ret) && now->clock_ms >= ask_at(t, now))
        ask(t, now, ret);
}

static void
step_asking(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now, struct agent_actions *ret)
{
    bool older = t->had_permit;

    switch (e->kind) {
    case AGENT_ON_SENT:
        if (t->sent_mono_ms == 0)
            t->sent_mono_ms = now->mono_ms;
        break;
    case AGENT_ON_UNSENT:
        t->sent_mono_ms = 0;
        break;
    case AGENT_ON_REFUSED:
        if (!older)
            drop(t, ret);
        else if (t->cancel)
            tell_last(t, REPORT_CANCELLED, REASON_ORDERED, now, ret);
        else
            tell_last(t, REPORT_FAILED, REASON_SITE, now, ret);
        break;
    case AGENT_ON_GRANTED:
        t->had_permit = true;
        t->permit_until_mono_ms = t->sent_mono_ms + now->permit_life_ms;
        if (t->cancel && e->instance == now->instance) {
            tell_last(t, REPORT_CANCELLED, REASON_ORDERED, now, ret);
        } else if (!t->cancel && e->instance == now->instance && t->sent_mono_ms != 0 && now->mono_ms < t->permit_until_mono_ms &&
                   now->clock_ms <= t->start_by_ms) {
            t->phase = AGENT_CLAIMING;
            t->next_mono_ms = now->mono_ms + now->look_every_ms;
            ret->acts |= AGENT_SUBMIT;
        } else { /* an older instance's, of which this spool may be a copy: what it has begun is at the backend */
            wait_out_permit(t, now);
        }
        break;
    default:
        break;
    }
}

static void
step_claiming(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now,
              struct agent_actions *ret)
{
    if (seen_at_backend(t, e, now, ret))
        return;
    switch (e->kind) {
    case AGENT_ON_SUBMITTED:
        t->phase = AGENT_QUEUED;
        t->next_mono_ms = now->mono_ms + now->look_every_ms;
        if (t->cancel)
            ret->acts |= AGENT_CANCEL_JOB;
        break;
    case AGENT_ON_NOT_SUBMITTED:
        if (t->cancel)
            tell_last(t, REPORT_CANCELLED, REASON_ORDERED, now, ret);
        else
            tell_last(t, REPORT_REJECTED, e->reason, now, ret);
        break;
    case AGENT_ON_RESTART:
    case AGENT_ON_NONE: /* not there, but a starter may still be on its way: wait until that cannot be */
        wait_out_permit(t, now);
        if (e->kind == AGENT_ON_RESTART)
            look(t, now, ret);
        break;
    case AGENT_ON_SUBMIT_UNKNOWN:
        look(t, now, ret);
        break;
    default:
        if (now->mono_ms >= t->next_mono_ms)
            look(t, now, ret);
        break;
    }
}

static void
step_at_backend(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now,
                struct agent_actions *ret)
{
    if (seen_at_backend(t, e, now, ret))
        return;
    switch (e->kind) {
    case AGENT_ON_NONE: /* it had the job and lost it */
        if (t->cancel && !t->told_started)
            tell_last(t, REPORT_CANCELLED, REASON_ORDERED, now, ret);
        else
            tell_last(t, REPORT_FAILED, REASON_SITE, now, ret);
        break;
    case AGENT_ON_CANCEL:
        ret->acts |= AGENT_CANCEL_JOB;
        look(t, now, ret);
        break;
    case AGENT_ON_RESTART:
        look(t, now, ret);
        if (t->cancel)
            ret->acts |= AGENT_CANCEL_JOB;
        break;
    case AGENT_ON_TICK:
        if (now->mono_ms >= t->next_mono_ms) {
            look(t, now, ret);
            if (t->cancel) /* a batch system may forget a cancellation */
                ret->acts |= AGENT_CANCEL_JOB;
        }
        break;
    default:
        break;
    }
}

void
agent_step(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now, struct agent_actions *ret)
{
    *ret = (struct agent_actions){ 0 };
    assert(now->rate >= 1);
    if (e->kind == AGENT_ON_RESTART) {
        t->sent_mono_ms = t->permit_until_mono_ms = t->clear_mono_ms = t->next_mono_ms = 0;
    }
    if (e->kind == AGENT_ON_CANCEL)
        t->cancel = true;
    switch (t->phase) {
    case AGENT_NEW:
        step_new(t, e, now, ret);
        break;
    case AGENT_READY:
        step_ready(t, e, now, ret);
        break;
    case AGENT_ASKING:
        step_asking(t, e, now, ret);
        break;
    case AGENT_CLAIMING:
        step_claiming(t, e, now, ret);
        break;
    case AGENT_QUEUED:
    case AGENT_RUNNING:
        step_at_backend(t, e, now, ret);
        break;
    case AGENT_ENDING:
        if (e->kind == AGENT_ON_LAST_RECEIPT)
            drop(t, ret);
        break;
    case AGENT_DONE:
    case AGENT_PHASES:
        break;
    }
}

void
agent_begin(struct agent_ticket *t, uint16_t refuse, const struct agent_now *now, struct agent_actions *ret)
{
    *ret = (struct agent_actions){ 0 };
    t->phase = AGENT_NEW;
    if (refuse != REASON_NONE)
        tell_last(t, REPORT_REJECTED, refuse, now, ret);
    else
        step_new(t, &(struct agent_event){ .kind = AGENT_ON_TICK }, now, ret);
}

/* A time of the journal's clock on the monotonic clock; what has passed is now. */
static int64_t
mono_of(int64_t clock_ms, const struct agent_now *now)
{
    int64_t span_ms = clock_ms - now->clock_ms;

    return span_ms <= 0 ? now->mono_ms : now->mono_ms + (span_ms + now->rate - 1) / now->rate;
}

int64_t
agent_wake(const struct agent_ticket *t, const struct agent_now *now)
{
    switch (t->phase) {
    case AGENT_NEW:
        return max_i64(t->next_mono_ms, now->mono_ms);
    case AGENT_READY:
        if (t->had_permit)
            return max_i64(max_i64(t->next_mono_ms, t->clear_mono_ms), now->mono_ms);
        return mono_of(ask_at(t, now), now);
    case AGENT_CLAIMING:
    case AGENT_QUEUED:
    case AGENT_RUNNING:
        return max_i64(t->next_mono_ms, now->mono_ms);
    case AGENT_ASKING:
    case AGENT_ENDING:
    case AGENT_DONE:
    case AGENT_PHASES:
        break;
    }
    return INT64_MAX;
}

static const char *const names[AGENT_PHASES] = {
    "new", "ready", "asking", "claiming", "queued", "running", "ending", "done",
};

const char *
agent_phase_name(enum agent_phase phase)
{
    assert((unsigned)phase < AGENT_PHASES);
    return names[phase];
}

bool
agent_phase_from_name(const char *name, enum agent_phase *ret)
{
    for (unsigned i = 0; i < AGENT_PHASES; i++)
        if (strcmp(names[i], name) == 0) {
            *ret = (enum agent_phase)i;
            return true;
        }
    return false;
}
