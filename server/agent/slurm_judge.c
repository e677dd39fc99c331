/* agent/slurm_judge.c */
#include "agent/slurm_judge.h"

#include "base/num.h"

#define MS_PER_S 1000

void
slurm_queue_add(struct slurm_queue *q, const struct slurm_row *row)
{
    bool begun = row->state == SLURM_RUNNING;

    if (row->state > SLURM_RUNNING)
        return; /* over */
    q->live = true;
    if (!begun)
        return;
    if (!q->begun || row->start_s < q->start_s)
        q->start_s = row->start_s;
    q->begun = true;
    q->gpus += row->gpus;
}

static bool
is_new(struct slurm_account *a, const struct slurm_row *row)
{
    for (size_t i = 0; i < a->seen_n; i++)
        if (a->seen[i].number == row->number && a->seen[i].start_s == row->start_s)
            return false;
    if (a->seen_n == sizeof a->seen / sizeof a->seen[0])
        return false;
    a->seen[a->seen_n].number = row->number;
    a->seen[a->seen_n++].start_s = row->start_s;
    return true;
}

void
slurm_account_add(struct slurm_account *a, const struct slurm_row *row)
{
    if (!is_new(a, row))
        return;
    if (row->state <= SLURM_RUNNING || row->end_s == 0) {
        a->unfinished = true;
        return;
    }
    if (!a->finished || row->end_s > a->last.end_s || (row->end_s == a->last.end_s && row->number > a->last.number))
        a->last = *row;
    a->finished = true;
    if (row->end_s > a->end_s)
        a->end_s = row->end_s;
    if (!row->allocated || row->start_s == 0)
        return;
    a->start_s = a->allocated ? min_i64(a->start_s, row->start_s) : row->start_s;
    a->allocated = true;
    a->elapsed_s += row->elapsed_s;
    a->gpu_seconds += (uint64_t)row->gpus * (uint64_t)row->elapsed_s;
}

static struct agent_event
unknown(enum slurm_wants wants, const char *why, enum slurm_wants *ret_wants, const char **ret_why)
{
    *ret_wants = wants;
    *ret_why = why;
    return (struct agent_event){ .kind = AGENT_ON_UNKNOWN };
}

/* Slurm's times are whole seconds, rounded down: a job has not begun before it was submitted. */
static int64_t
started_ms(const struct slurm_facts *f, int64_t start_s)
{
    if (start_s == 0 || (f->claim.start_s && f->claim.start_s < start_s))
        start_s = f->claim.start_s;
    return max_i64(start_s, f->submitted_s) * MS_PER_S;
}

static struct agent_event
live(const struct slurm_facts *f, enum slurm_wants *ret_wants, const char **ret_why)
{
    bool claimed = f->claim.start_s != 0;
    int64_t until_s = f->claim.end_s ? f->claim.end_s : f->now_s;
    struct agent_event e = { .kind = AGENT_ON_QUEUED };

    if (f->since_sbatch_ms < SLURM_APART_MS && !claimed) /* confirmed, but perhaps not saved */
        return unknown(SLURM_WANTS_TIME, "", ret_wants, ret_why);
    if (!f->queue.begun && !claimed)
        return e;
    e.kind = AGENT_ON_STARTED;
    e.started_ms = started_ms(f, f->queue.begun ? f->queue.start_s : 0);
    if (f->queue.begun) /* else it waits again, brought back after a crash; its second body will find the claim */
        e.gpu_seconds = (uint64_t)f->queue.gpus * (uint64_t)max_i64(until_s - f->queue.start_s, 0);
    return e;
}

static bool
differ(const struct slurm_facts *f)
{
    int64_t body_s = f->claim.end_s - f->claim.start_s, apart_s = f->account.elapsed_s - body_s;

    return f->claim.start_s && f->claim.end_s && (apart_s > SLURM_APART_S || apart_s < -SLURM_APART_S);
}

/* The script of a job was seen to run longer than any start that fails. */
static bool
has_run(const struct slurm_facts *f)
{
    return f->account.allocated && f->account.elapsed_s > SLURM_FALSE_START_S;
}

static void
end_by_slurm(const struct slurm_facts *f, struct agent_event *e)
{
    const struct slurm_row *last = &f->account.last;

    e->exit_code = last->signal ? 128 + last->signal : last->exit_code;
    e->end = AGENT_END_SITE;
    switch (last->state) {
    case SLURM_COMPLETED:
        e->end = AGENT_END_EXIT; /* the wrapper came to its end, and its body with 0 */
        break;
    case SLURM_FAILED:
        if (has_run(f))
            e->end = AGENT_END_EXIT;
        break;
    case SLURM_TIMEOUT:
        if (f->claim.start_s || has_run(f))
            e->end = AGENT_END_WALLTIME;
        break;
    case SLURM_OUT_OF_MEMORY:
        if (f->claim.start_s || has_run(f)) {
            e->end = AGENT_END_EXIT;
            e->exit_code = 137;
        }
        break;
    case SLURM_CANCELLED: /* its user's own doing counts as the job's; a launch that failed looks the same, with 0 s */
        if (f->cancelled || (f->user_uid >= 0 && last->by_uid == f->user_uid && f->account.elapsed_s > 0))
            e->end = AGENT_END_CANCELLED;
        break;
    case SLURM_DEADLINE:
        e->end = AGENT_END_UNSTARTED;
        break;
    case SLURM_OTHER:
    case SLURM_PENDING:
    case SLURM_CONFIGURING:
    case SLURM_RUNNING:
    case SLURM_SITE:
    case SLURM_STATES:
        break;
    }
}

/* The wrapper has written how its body ended: that decides, whatever Slurm calls it. But who is asked to end first, by a cancellation
 * or by preemption, often has the time to write that: then Slurm knows whose doing it was. */
static void
end_by_wrapper(const struct slurm_facts *f, struct agent_event *e)
{
    int32_t code = f->claim.exit_code;
    bool stopped = code == 124 || code == 137 || code == 143; /* of timeout(1), or by KILL, or by TERM */
    bool by_slurm = f->account.last.state == SLURM_CANCELLED || f->account.last.state == SLURM_SITE;

    e->end = AGENT_END_EXIT;
    if (stopped && f->claim.end_s - f->claim.start_s >= f->walltime_s)
        e->end = AGENT_END_WALLTIME;
    else if (stopped && by_slurm && (f->cancelled || !differ(f)))
        end_by_slurm(f, e);
    e->exit_code = code;
}

static struct agent_event
ended(const struct slurm_facts *f, const char **ret_why)
{
    struct agent_event e = { .kind = AGENT_ON_ENDED };

    if (f->account.allocated || f->claim.start_s) {
        e.started_ms = started_ms(f, f->account.allocated ? f->account.start_s : 0);
        e.ended_ms = max_i64(f->account.allocated ? f->account.end_s : f->claim.end_s, e.started_ms / MS_PER_S) * MS_PER_S;
        e.gpu_seconds = f->account.gpu_seconds;
    }
    if (differ(f)) { /* the server compares use and times, and puts before people what does not fit */
        e.ended_ms = max_i64(f->claim.end_s * MS_PER_S, e.started_ms);
        *ret_why = "the batch system's accounting and the job's wrapper differ about how long it ran";
    }
    if (f->claim.end_s)
        end_by_wrapper(f, &e);
    else
        end_by_slurm(f, &e);
    return e;
}

/* Nothing of it is live, and accounting has no end of it that counts. */
static struct agent_event
gone(const struct slurm_facts *f, enum slurm_wants *ret_wants, const char **ret_why)
{
    const struct slurm_row *last = &f->account.last;
    bool refused = f->account.finished && (last->state == SLURM_FAILED || (last->state == SLURM_CANCELLED && f->cancelled));

    if (f->account.unfinished && f->idle_ms < SLURM_RUNAWAY_MS)
        return unknown(SLURM_WANTS_ACCOUNT, f->idle_ms > SLURM_RUNAWAY_MS / 2 ? "it is gone from the queue, and accounting has no end of it" : "",
                       ret_wants, ret_why);
    if (!f->account.finished && !f->account.unfinished && f->idle_ms < SLURM_ABSENT_MS)
        return unknown(SLURM_WANTS_ACCOUNT, "", ret_wants, ret_why);
    if (f->claim.start_s || (f->account.finished && !refused))
        return ended(f, ret_why); /* begun and lost; or dropped before it began */
    return (struct agent_event){ .kind = AGENT_ON_NONE };
}

struct agent_event
slurm_judge(const struct slurm_facts *f, enum slurm_wants *ret_wants, const char **ret_why)
{
    *ret_wants = SLURM_WANTS_NOTHING;
    *ret_why = "";
    if (f->queue.live)
        return live(f, ret_wants, ret_why);
    if (f->since_sbatch_ms <= 0 || f->idle_ms < SLURM_APART_MS)
        return unknown(SLURM_WANTS_TIME, "", ret_wants, ret_why);
    if (!f->accounted)
        return unknown(SLURM_WANTS_ACCOUNT, "", ret_wants, ret_why);
    if (!f->account.finished || !f->account.allocated || (f->account.unfinished && f->idle_ms < SLURM_RUNAWAY_MS))
        return gone(f, ret_wants, ret_why);
    if (f->now_s - f->account.end_s < SLURM_SETTLED_S)
        return unknown(SLURM_WANTS_TIME, "", ret_wants, ret_why);
    return ended(f, ret_why);
}
