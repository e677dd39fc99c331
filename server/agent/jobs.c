/* agent/jobs.c: the jobs at hand: stepping (core/agent_step), storing what changed, and only then acting. */
#include <assert.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/secrets.h"
#include "base/arena.h"
#include "base/num.h"

#define LOOK_EVERY_MS 5000

struct agent_now
agent_now(const struct agent *a)
{
    return (struct agent_now){
        .clock_ms = clock_now(&a->clock),
        .mono_ms = monotonic_ms(),
        .instance = a->instance,
        .permit_life_ms = a->permit_life_ms,
        .usage_every_ms = a->usage_every_ms,
        .look_every_ms = LOOK_EVERY_MS,
        .rate = a->clock.rate,
        .draining = a->draining,
    };
}

void
jobs_keep(struct agent *a, const struct job *j)
{
    if (a->jobs_n == a->jobs_cap) {
        a->jobs_cap = a->jobs_cap ? a->jobs_cap * 2 : 64;
        a->jobs = xrealloc(a->jobs, a->jobs_cap * sizeof *a->jobs);
    }
    a->jobs[a->jobs_n] = xmalloc(sizeof *j);
    *a->jobs[a->jobs_n] = *j;
    a->jobs[a->jobs_n]->stored = j->t;
    a->jobs_n++;
}

static void
keep_loaded(void *with, const struct job *j)
{
    jobs_keep(with, j);
}

void
jobs_load(struct agent *a)
{
    if (spool_load_jobs(a->spool, keep_loaded, a) != OK)
        agent_spool_failed(a);
}

struct job *
jobs_find(struct agent *a, struct uuid jti)
{
    for (size_t i = a->jobs_n; i > 0; i--) /* newest first: they are asked for most */
        if (uuid_equal(a->jobs[i - 1]->t.jti, jti))
            return a->jobs[i - 1];
    return NULL;
}

void
jobs_drop_done(struct agent *a)
{
    size_t kept = 0;

    for (size_t i = 0; i < a->jobs_n; i++)
        if (a->jobs[i]->t.phase == AGENT_DONE) {
            if (secrets_wanted(a->jobs[i]))
                secrets_forget(a, a->jobs[i]);
            free(a->jobs[i]);
        } else {
            a->jobs[kept++] = a->jobs[i];
        }
    a->jobs_n = kept;
}

/* Has anything changed that the spool must keep? Not that the backend took it: after a restart a look-up says so. */
static bool
differs(const struct agent_ticket *x, const struct agent_ticket *y)
{
    bool taken = x->phase == AGENT_QUEUED && y->phase == AGENT_CLAIMING;

    return (x->phase != y->phase && !taken) || x->had_permit != y->had_permit || x->cancel != y->cancel ||
           x->told_queued != y->told_queued || x->told_started != y->told_started || x->started_ms != y->started_ms ||
           x->ended_ms != y->ended_ms || x->last_usage_ms != y->last_usage_ms || x->gpu_seconds != y->gpu_seconds ||
           x->exit_code != y->exit_code;
}

void
job_store(struct agent *a, struct job *j, struct agent_actions *act)
{
    for (size_t i = 0; i < act->reports_n; i++) {
        report_add(a, &act->reports[i], NULL);
        if (act->reports[i].kind == REPORT_ACCEPTED)
            j->asked_report = act->reports[i].number;
    }
    if (act->last) {
        j->last_report = spool_last_number(a->spool);
        a->tally.ended[act->reports[act->reports_n - 1].kind]++;
    }
    if ((act->reports_n || differs(&j->t, &j->stored)) && spool_save_job(a->spool, j) != OK)
        agent_spool_failed(a);
    if (j->t.phase != j->stored.phase)
        log_info(&a->log, "job", LOG_UUID("jti", j->t.jti), LOG_TEXT("phase", agent_phase_name(j->t.phase)),
                 LOG_I64("gpu_seconds", (int64_t)j->t.gpu_seconds));
    j->stored = j->t;
}

/* Whose job it is, and what it needs, stands in the ticket, which the spool keeps as it came. */
static bool
ticket_of(struct agent *a, const struct job *j, struct ticket_claims *ret)
{
    char *jws;
    bool good;

    if (spool_ticket(a->spool, j->t.jti, &jws) != OK)
        agent_spool_failed(a);
    good = ticket_claims_kept(jws, ret);
    free(jws);
    return good;
}

static struct agent_event
not_submitted(enum report_reason reason)
{
    return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = (uint16_t)reason };
}

/* Where it matters: users of the site run it, or something is sealed to it. */
static bool
add_whose(struct agent *a, const struct job *j, struct backend_run *run)
{
    struct ticket_claims claims;

    if (!a->kind->against && !secrets_wanted(j))
        return true;
    if (!ticket_of(a, j, &claims))
        return false;
    run->organisation = claims.organisation;
    run->needs = claims.needs;
    return true;
}

/* What the backend needs of it: all but what is secret. */
static struct agent_event
submit_run(struct agent *a, struct job *j, struct backend_run *run, struct err_detail *d)
{
    char script[WORKLOAD_MAX];
    size_t len;

    if (!workload_read(a, j, script, &len))
        return not_submitted(REASON_WORKLOAD);
    run->script = BYTES(script, len);
    return a->kind->submit(a->backend, run, d);
}

/* The permit is at hand: now, and not before, its secrets are opened. */
static struct agent_event
submit(struct agent *a, struct job *j)
{
    struct err_detail d = { 0 };
    struct backend_run run = {
        .jti = j->t.jti,
        .request = j->t.request,
        .reservation = j->reservation,
        .gpus = j->t.gpus,
        .nodes = j->nodes,
        .walltime_s = j->t.walltime_s,
        .start_at_ms = j->t.window_start_ms,
        .start_by_ms = j->t.start_by_ms,
        .permit_until_mono_ms = j->t.permit_until_mono_ms,
        .clock = a->clock,
    };
    struct agent_event e;
    uint8_t *open = NULL;
    size_t open_len = 0;

    if (!add_whose(a, j, &run)) {
        e = not_submitted(REASON_SITE);
    } else if (secrets_wanted(j) && secrets_open(a, j, run.organisation, &open, &open_len, &d) != OK) {
        e = not_submitted(REASON_SECRETS);
    } else {
        run.secrets = BYTES(open, open_len);
        e = submit_run(a, j, &run, &d);
        secrets_wipe(open, open_len);
    }
    if (e.kind != AGENT_ON_SUBMITTED && d.internal[0])
        log_error(&a->log, "not-submitted", LOG_UUID("jti", j->t.jti), LOG_TEXT("why", d.internal));
    agent_tell(a, j->t.jti, "submit", "%s%s%s", e.kind == AGENT_ON_SUBMITTED ? "the backend took it" :
               e.kind == AGENT_ON_NOT_SUBMITTED ? "the backend did not take it" : "not known whether the backend took it",
               d.internal[0] ? ": " : "", d.internal);
    return e;
}

static struct agent_event
look_up(struct agent *a, struct job *j)
{
    struct err_detail d = { 0 };
    struct agent_event e = a->kind->look_up(a->backend, j->t.jti, clock_now(&a->clock), &d);

    if (d.internal[0])
        log_warning(&a->log, "look-up", LOG_UUID("jti", j->t.jti), LOG_TEXT("why", d.internal));
    return e;
}

/* Carry out; at most one event follows from it. */
static bool
act_once(struct agent *a, struct job *j, const struct agent_actions *act, struct agent_event *ret)
{
    assert(!((act->acts & AGENT_SUBMIT) && (act->acts & AGENT_LOOK_UP)));
    if ((act->acts & (AGENT_SUBMIT | AGENT_CANCEL_JOB)) && spool_sync(a->spool) != OK)
        agent_spool_failed(a);
    if (act->acts & AGENT_CANCEL_JOB)
        a->kind->cancel(a->backend, j->t.jti);
    if (act->acts & AGENT_SUBMIT) {
        *ret = submit(a, j);
        return true;
    }
    if (act->acts & AGENT_LOOK_UP) {
        *ret = look_up(a, j);
        return true;
    }
    if (act->acts & AGENT_FETCH) {
        if (workload_here(a, j)) {
            *ret = (struct agent_event){ .kind = AGENT_ON_WORKLOAD };
            return true;
        }
        j->wants_fetch = true;
    }
    return false;
}

static void
step_and_store(struct agent *a, struct job *j, const struct agent_event *e, struct agent_actions *act)
{
    struct agent_now now = agent_now(a);

    agent_step(&j->t, e, &now, act);
    if (act->reports_n == 0 && !differs(&j->t, &j->stored)) {
        j->stored = j->t;
        return;
    }
    if (spool_begin(a->spool) != OK)
        agent_spool_failed(a);
    job_store(a, j, act);
    if (spool_commit(a->spool) != OK)
        agent_spool_failed(a);
}

void
job_act(struct agent *a, struct job *j, const struct agent_actions *act)
{
    struct agent_actions next = *act;
    struct agent_event e;

    while (act_once(a, j, &next, &e))
        step_and_store(a, j, &e, &next);
}

void
job_feed(struct agent *a, struct job *j, struct agent_event e)
{
    struct agent_actions act;

    step_and_store(a, j, &e, &act);
    job_act(a, j, &act);
}

void
job_look(struct agent *a, struct job *j)
{
    bool may_be_there = j->t.phase == AGENT_READY && j->t.had_permit; /* of an older permit, or of one that is unclear */

    if (j->t.phase == AGENT_CLAIMING || j->t.phase == AGENT_QUEUED || j->t.phase == AGENT_RUNNING || may_be_there)
        job_feed(a, j, look_up(a, j));
}

int64_t
jobs_tick(struct agent *a)
{
    struct agent_now now = agent_now(a);
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < a->jobs_n; i++) {
        int64_t wake_ms = agent_wake(&a->jobs[i]->t, &now);

        if (wake_ms <= now.mono_ms) {
            job_feed(a, a->jobs[i], (struct agent_event){ .kind = AGENT_ON_TICK });
            now = agent_now(a);
            wake_ms = agent_wake(&a->jobs[i]->t, &now);
        }
        next = min_i64(next, wake_ms);
    }
    return next;
}
