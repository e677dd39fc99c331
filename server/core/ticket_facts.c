/* core/ticket_facts.c: judging reports and timers by what is known of a reservation (core/ticket.h). */
#include <assert.h>

#include "base/num.h"
#include "core/ticket.h"

#define DAY_MS             86400000
#define SIMULATED_LEAST_MS 30000 /* of real time */
#define MS_PER_S           1000

int64_t
ticket_permit_earliest(const struct ticket_facts *f)
{
    if (f->permitted_ms == 0)
        return f->permit_from_ms;
    return max_i64(f->permit_from_ms, f->permitted_ms + f->permit_life_ms + f->permit_life_ms / 2);
}

static enum ticket_event
accepted_event(const struct ticket_facts *f, int64_t now_ms)
{
    int64_t last_ms = f->permitted_ms == 0 ? min_i64(f->accept_by_ms, f->start_by_ms) : f->start_by_ms;

    return now_ms <= last_ms ? TICKET_ON_ACCEPTED : TICKET_ON_ACCEPTED_LATE;
}

/* A job over a day is settled once a day, by the report that comes first after that. */
static enum ticket_event
usage_event(const struct ticket_facts *f, const struct report *r)
{
    int64_t since_ms = f->settled_ms ? f->settled_ms : r->started_ms;

    if (f->allocation && (f->state == TICKET_PERMITTED || f->state == TICKET_SILENT))
        return TICKET_ON_OPENED; /* what is used is open; the next report settles */
    return r->time_ms - since_ms >= DAY_MS ? TICKET_ON_USAGE_DAY : TICKET_ON_USAGE;
}

enum ticket_event
ticket_event_of_report(const struct ticket_facts *f, const struct report *r, int64_t now_ms)
{
    switch ((enum report_kind)r->kind) {
    case REPORT_ACCEPTED:
        return accepted_event(f, now_ms);
    case REPORT_REJECTED:
        return TICKET_ON_REJECTED;
    case REPORT_QUEUED:
        return TICKET_ON_QUEUED;
    case REPORT_STARTED:
        return f->allocation ? TICKET_ON_OPENED : TICKET_ON_STARTED;
    case REPORT_USAGE:
        return usage_event(f, r);
    case REPORT_FINISHED:
        return TICKET_ON_FINISHED;
    case REPORT_FAILED: /* in doubt it is the site's doing: it signs, and only "job" is paid */
        return r->reason == REASON_JOB ? TICKET_ON_FAILED_JOB : TICKET_ON_FAILED_SITE;
    case REPORT_CANCELLED:
        return r->gpu_seconds > 0 ? TICKET_ON_CANCELLED : TICKET_ON_CANCELLED_UNUSED;
    case REPORT_NONE:
    case REPORT_INVENTORY:
    case REPORT_KINDS:
        break;
    }
    assert(!"a report about a ticket");
    return TICKET_ON_BAD_REPORT;
}

/* started ≤ ended ≤ time of the report, each within what its kind may carry. */
static bool
times_fit(const struct report *r)
{
    bool ends = r->kind == REPORT_FINISHED || r->kind == REPORT_FAILED || r->kind == REPORT_CANCELLED;
    bool must_have_run =
        r->kind == REPORT_STARTED || r->kind == REPORT_USAGE || r->kind == REPORT_FINISHED || r->gpu_seconds > 0;

    if (r->started_ms < 0 || r->ended_ms < 0 || r->started_ms > r->time_ms || r->ended_ms > r->time_ms)
        return false;
    if (must_have_run && r->started_ms == 0)
        return false;
    if (r->ended_ms != 0 && (!ends || r->started_ms == 0 || r->ended_ms < r->started_ms))
        return false;
    return r->kind != REPORT_FINISHED || r->ended_ms != 0;
}

/* More than GPUs × (ended − started + 120 s), by the report's own times? Exact: nothing is rounded. */
static bool
too_much(const struct ticket_facts *f, const struct report *r)
{
    int64_t end_ms = r->ended_ms ? r->ended_ms : r->time_ms, most_gpums, used_gpums;

    if (r->gpu_seconds == 0)
        return false;
    if (r->gpu_seconds > INT64_MAX / MS_PER_S)
        return true;
    used_gpums = (int64_t)r->gpu_seconds * MS_PER_S;
    if (!mul_i64(f->gpus, end_ms - r->started_ms + TICKET_SLACK_MS, &most_gpums))
        return false; /* more than any 64-bit total */
    return used_gpums > most_gpums;
}

static bool
is_about_the_run(const struct report *r)
{
    return r->started_ms != 0;
}

enum ticket_fault
ticket_check_report(const struct ticket_facts *f, const struct report *r)
{
    if (r->fence == f->fence && r->kind == REPORT_FAILED && r->reason != REASON_JOB)
        return FAULT_NONE; /* pays nothing, whatever it says */
    return ticket_check_numbers(f, r);
}

enum ticket_fault
ticket_check_numbers(const struct ticket_facts *f, const struct report *r)
{
    if (r->fence != f->fence)
        return FAULT_FENCE;
    if (!times_fit(r))
        return FAULT_TIMES;
    if (f->latest_ms && r->time_ms > f->latest_ms)
        return FAULT_FUTURE;
    if (is_about_the_run(r)) {
        if (f->first_permitted_ms == 0 || r->started_ms < f->first_permitted_ms - TICKET_SLACK_MS)
            return FAULT_BEFORE_PERMIT;
        if (r->started_ms > f->start_by_ms + TICKET_SLACK_MS)
            return FAULT_LATE_START;
        if ((f->started_ms && f->started_ms != r->started_ms) || (f->ended_ms && f->ended_ms != r->ended_ms))
            return FAULT_RESTARTED;
    }
    if (r->gpu_seconds < f->gpu_seconds && r->kind >= REPORT_USAGE)
        return FAULT_FALLING;
    return too_much(f, r) ? FAULT_TOO_MUCH : FAULT_NONE;
}

const char *
ticket_fault_sentence(enum ticket_fault fault)
{
    static const char *const sentences[TICKET_FAULTS] = {
        [FAULT_NONE] = "The report is in order.",
        [FAULT_FENCE] = "The report does not carry this ticket's fence.",
        [FAULT_TIMES] = "The report's times contradict each other.",
        [FAULT_FUTURE] = "The report's time has not come yet.",
        [FAULT_BEFORE_PERMIT] = "By the report the job started before the permit, or without one.",
        [FAULT_LATE_START] = "By the report the job started after start-by.",
        [FAULT_RESTARTED] = "The report names another start or end than an earlier one.",
        [FAULT_FALLING] = "The cumulative GPU-seconds fell.",
        [FAULT_TOO_MUCH] = "More GPU-seconds are reported than the GPUs could give in that time.",
        [FAULT_FORKED] = "Two different reports carry the same number.",
    };

    assert((unsigned)fault < TICKET_FAULTS);
    return sentences[fault];
}

static struct ticket_timer
timer_of_state(const struct ticket_facts *f)
{
    switch (f->state) {
    case TICKET_ISSUED:
        return (struct ticket_timer){ TICKET_ON_ACCEPT_BY, f->accept_by_ms };
    case TICKET_PERMITTED:
        return (struct ticket_timer){ TICKET_ON_START_GRACE, f->start_by_ms + f->start_grace_ms };
    case TICKET_RUNNING:
    case TICKET_OPEN:
        return (struct ticket_timer){ TICKET_ON_END_GRACE, f->window_end_ms + f->end_grace_ms };
    case TICKET_ENDED:
        return (struct ticket_timer){ TICKET_ON_UNKNOWN_GRACE, f->window_end_ms + 2 * f->end_grace_ms };
    case TICKET_CANCELLING:
        return (struct ticket_timer){ TICKET_ON_CANCEL_GRACE, f->cancel_ms + f->cancel_grace_ms };
    case TICKET_SILENT:
    case TICKET_DISPUTED:
        return (struct ticket_timer){ TICKET_ON_DISPUTE_TIME, f->expiry_ms + f->dispute_ms };
    case TICKET_CONTESTED:
        return (struct ticket_timer){ TICKET_ON_DISPUTE_TIME, f->contested_ms + f->dispute_ms };
    case TICKET_SETTLED:
    case TICKET_VOIDED:
    case TICKET_STATES:
        break;
    }
    assert(!"a state with a timer");
    return (struct ticket_timer){ TICKET_ON_EXPIRY, 0 };
}

bool
ticket_due(const struct ticket_facts *f, int64_t now_ms, struct ticket_timer *ret)
{
    struct ticket_timer timer;

    if (ticket_state_is_end(f->state))
        return false;
    timer = timer_of_state(f);
    /* After the hold's expiry the ledger takes nothing but EXPIRE, unless a dispute was open by then. */
    if (!ticket_state_is_disputed(f->state) && f->expiry_ms <= max_i64(now_ms, timer.at_ms))
        timer = (struct ticket_timer){ TICKET_ON_EXPIRY, f->expiry_ms };
    *ret = timer;
    return true;
}

int64_t
ticket_span(int64_t span_ms, int64_t rate)
{
    int64_t least_ms;

    assert(rate >= 1);
    if (rate == 1 || !mul_i64(SIMULATED_LEAST_MS, rate, &least_ms))
        return span_ms;
    return max_i64(span_ms, least_ms);
}
