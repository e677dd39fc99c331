/* agent/day.c: the agent's day: one loop over timers, replies and what the backend says. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/secrets.h"
#include "base/num.h"
#include "crypto/random.h"

#define PAUSE_FIRST_MS     250
#define PAUSE_MOST_MS      10000
#define PRUNE_EVERY_MS     3600000
#define INVENTORY_EVERY_MS 3600000
#define DAY_MS             86400000LL
#define IDLE_MS            1000
#define DRAIN_LOOK_EVERY_MS 500
#define KEYS_EVERY_MS      60000 /* a key of the server that is revoked is taken so long at the most */

void
pause_lane(struct agent *a, enum wire_lane lane, int retry_after_s)
{
    struct lane_pause *p = &a->pause[lane];
    int64_t ms = PAUSE_MOST_MS, round = p->fails / (int)wire_servers(a->wire); /* each server gets its turn */

    if (round < 7)
        ms = min_i64(PAUSE_MOST_MS, (int64_t)PAUSE_FIRST_MS << round);
    if (p->fails < 1000)
        p->fails++;
    ms = ms / 2 + random_below((uint32_t)(ms / 2 + 1));
    p->until_mono_ms = monotonic_ms() + max_i64(ms, (int64_t)retry_after_s * 1000);
}

void
resume_lane(struct agent *a, enum wire_lane lane)
{
    a->pause[lane] = (struct lane_pause){ 0 };
}

void
agent_stop(struct agent *a, enum agent_exit why)
{
    static const char *const WORDS[] = {
        [EXIT_DONE] = "asked to",
        [EXIT_ERROR] = "an error",
        [EXIT_SUPERSEDED] = "a newer instance is open",
        [EXIT_BEHIND] = "the spool is older than what the server has of us: an old copy? See docs/site.md, lost spool",
        [EXIT_FORKED] = "the server has another report of that number: two agents with one key? See docs/site.md",
    };

    a->stop = true;
    a->exit = why;
    agent_tell(a, (struct uuid){ { 0 } }, "stopping", "%s", WORDS[why]);
    if (why == EXIT_DONE)
        log_info(&a->log, "stopping", LOG_TEXT("why", WORDS[why]));
    else
        log_error(&a->log, "stopping", LOG_TEXT("why", WORDS[why]));
}

void
agent_spool_failed(struct agent *a)
{
    log_error(&a->log, "spool-failed", LOG_TEXT("why", spool_error(a->spool)));
    _exit(EXIT_ERROR);
}

static bool
lane_free(struct agent *a, enum wire_lane lane, int64_t now_ms)
{
    return !wire_busy(a->wire, lane) && a->pause[lane].until_mono_ms <= now_ms;
}

/* Jobs wait for their workloads, nobody for a confirmation, as long as it comes some time. */
static void
start_errand(struct agent *a, int64_t now_ms)
{
    bool unconfirmed = spool_last_seq(a->spool) > a->confirmed_seq;

    if (a->shows && a->witness)
        seen_start(a);
    else if (!a->open)
        session_start(a);
    else if (a->wants_keys)
        keys_start(a);
    else if (unconfirmed && a->confirm_mono_ms <= now_ms)
        received_start(a);
    else if (!workload_start(a) && unconfirmed)
        received_start(a);
}

static void
start_calls(struct agent *a)
{
    int64_t now_ms = monotonic_ms();

    if (lane_free(a, WIRE_ERRAND, now_ms))
        start_errand(a, now_ms);
    if (!a->open)
        return;
    if (lane_free(a, WIRE_POLL, now_ms))
        poll_start(a);
    if (lane_free(a, WIRE_REPORT, now_ms))
        outbox_start(a);
    if (a->witness && lane_free(a, WIRE_WITNESS, now_ms))
        witness_start(a);
    if (a->witness && lane_free(a, WIRE_ATTEST, now_ms))
        attest_start(a);
}

static void
take_reply(struct agent *a, const struct wire_reply *r)
{
    int errand = a->errand;

    if (r->status >= 200 && r->status < 300)
        a->tally.contact_ms = real_now_ms();
    switch (r->lane) {
    case WIRE_POLL:
        poll_reply(a, r);
        return;
    case WIRE_REPORT:
        outbox_reply(a, r);
        return;
    case WIRE_WITNESS:
        witness_reply(a, r);
        return;
    case WIRE_ATTEST:
        attest_reply(a, r);
        return;
    case WIRE_ERRAND:
    case WIRE_LANES:
        break;
    }
    a->errand = ERRAND_NONE;
    if (errand == ERRAND_OPEN)
        session_reply(a, r);
    else if (errand == ERRAND_SEEN)
        seen_reply(a, r);
    else if (errand == ERRAND_RECEIVED)
        received_reply(a, r);
    else if (errand == ERRAND_KEYS)
        keys_reply(a, r);
    else if (errand == ERRAND_BLOB)
        workload_reply(a, r);
}

static void
read_signals(struct agent *a, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            agent_stop(a, EXIT_DONE);
}

static void
read_wake(struct agent *a)
{
    struct uuid jti;

    while (a->kind->woken(a->backend, &jti)) {
        struct job *j = jobs_find(a, jti);

        if (j && a->open)
            job_look(a, j);
    }
}

static void
forget(void *with, struct uuid jti)
{
    struct agent *a = with;

    a->kind->forget(a->backend, jti);
}

/* An operator may say so at any time; a change is told to the server at once. */
static void
look_at_draining(struct agent *a)
{
    char why[SPOOL_WHY_MAX];
    bool draining = spool_draining(a->cfg.spool_dir, why);

    if (draining == a->draining)
        return;
    a->draining = draining;
    log_warning(&a->log, draining ? "draining" : "draining-ended", LOG_TEXT("why", why));
    agent_tell(a, (struct uuid){ { 0 } }, draining ? "drain" : "undrain", "%s", why);
    if (a->open)
        inventory_add(a);
}

static void
housekeeping(struct agent *a)
{
    int64_t now_ms = monotonic_ms(), before_ms = real_now_ms() - a->cfg.keep_days * DAY_MS;

    if (a->next_prune_mono_ms <= now_ms) {
        a->next_prune_mono_ms = now_ms + PRUNE_EVERY_MS;
        if (spool_begin(a->spool) != OK || spool_prune(a->spool, before_ms, forget, a) != OK ||
            spool_story_prune(a->spool, real_now_ms() - a->cfg.journal_days * DAY_MS) != OK || spool_commit(a->spool) != OK)
            agent_spool_failed(a);
        workload_prune(a, before_ms);
        secrets_prune_keys(a);
    }
    if (a->next_drain_mono_ms <= now_ms) {
        a->next_drain_mono_ms = now_ms + DRAIN_LOOK_EVERY_MS;
        look_at_draining(a);
    }
    if (a->open && a->next_keys_mono_ms <= now_ms) {
        a->wants_keys = a->wants_keys || a->next_keys_mono_ms; /* the first ones came with the instance */
        a->next_keys_mono_ms = now_ms + KEYS_EVERY_MS;
    }
    metrics_tick(a);
    if (a->open && a->next_inventory_mono_ms <= now_ms) {
        if (a->next_inventory_mono_ms) /* the first one was told when the instance was opened */
            inventory_add(a);
        a->next_inventory_mono_ms = now_ms + INVENTORY_EVERY_MS;
    } else if (a->open && a->kind->inventory_changed && a->kind->inventory_changed(a->backend)) {
        inventory_add(a);
    }
}

/* Until the next timer: a job's, a lane's, or a second. */
static int
time_to_wait(struct agent *a, int64_t next_job_mono_ms)
{
    int64_t now_ms = monotonic_ms(), wait_ms = IDLE_MS;

    wait_ms = min_i64(wait_ms, max_i64(next_job_mono_ms - now_ms, 0));
    for (size_t i = 0; i < WIRE_LANES; i++)
        if (!wire_busy(a->wire, (enum wire_lane)i) && a->pause[i].until_mono_ms > now_ms)
            wait_ms = min_i64(wait_ms, a->pause[i].until_mono_ms - now_ms);
    return (int)wait_ms;
}

static int
open_signals(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM), sigaddset(&mask, SIGINT), sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

enum agent_exit
agent_run(struct agent *a)
{
    int fds[2] = { open_signals(), a->kind->wake_fd(a->backend) };
    size_t fds_n = fds[1] >= 0 ? 2 : 1;

    a->clock = clock_real();
    jobs_load(a);
    while (!a->stop) {
        struct wire_reply r;
        int64_t next_ms = a->open ? jobs_tick(a) : INT64_MAX;

        jobs_drop_done(a);
        housekeeping(a);
        start_calls(a);
        wire_wait(a->wire, fds, fds_n, time_to_wait(a, next_ms));
        while (!a->stop && wire_next(a->wire, &r))
            take_reply(a, &r);
        read_signals(a, fds[0]);
        if (!a->stop)
            read_wake(a);
    }
    if (spool_sync(a->spool) != OK)
        agent_spool_failed(a);
    close(fds[0]);
    return a->exit;
}
