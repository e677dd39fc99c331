/* core/agent_step.h
 * What a site's agent does with one run ticket, as a pure function: state, event, now → new state, actions. The state is
 * what the spool keeps; the caller stores the new state and the new reports in one transaction and only then carries the
 * actions out. It may die at any instruction: after a restart AGENT_ON_RESTART is the first event of every ticket.
 *
 * Exactly-once rests on this: a permit is used only by the instance that it names, within its life counted from the first
 * sending of `accepted` on the monotonic clock, checked again by whatever starts the payload; before another permit is
 * asked for, one and a half lives pass and the backend, asked again, says that it has nothing. */
#ifndef CORE_AGENT_STEP_H
#define CORE_AGENT_STEP_H

#include "core/entry.h"

enum agent_phase {
    AGENT_NEW,      /* in the spool; the workload's bytes are not here yet */
    AGENT_READY,    /* waits for the time to ask for a permit */
    AGENT_ASKING,   /* `accepted` is in the outbox, its receipt awaited */
    AGENT_CLAIMING, /* permitted; it is being given to the backend, or was: only a look-up tells */
    AGENT_QUEUED,   /* the backend has it */
    AGENT_RUNNING,  /* the backend has started it */
    AGENT_ENDING,   /* its last report is in the outbox */
    AGENT_DONE,
    AGENT_PHASES
};

enum agent_event_kind {
    AGENT_ON_TICK,           /* time has passed */
    AGENT_ON_RESTART,        /* a new instance is open */
    AGENT_ON_WORKLOAD,       /* its bytes are here and match */
    AGENT_ON_NO_WORKLOAD,    /* they are gone, or do not match; reason: of what (none: the workload) */
    AGENT_ON_SENT,           /* `accepted` leaves now; only the first sending counts */
    AGENT_ON_UNSENT,         /* it certainly did not reach the server: no connection, or the server said too early */
    AGENT_ON_GRANTED,        /* receipt of `accepted`; instance: whom it names */
    AGENT_ON_REFUSED,        /* receipt of `accepted` */
    AGENT_ON_SUBMITTED,      /* the backend took it */
    AGENT_ON_NOT_SUBMITTED,  /* the backend refused it and has nothing of it; reason */
    AGENT_ON_SUBMIT_UNKNOWN, /* it cannot be said */
    AGENT_ON_NONE,           /* look-up: the backend has nothing of it */
    AGENT_ON_UNKNOWN,        /* look-up: cannot be said: wait */
    AGENT_ON_QUEUED,         /* look-up: has it, not started */
    AGENT_ON_STARTED,        /* look-up: runs; started_ms, gpu_seconds so far */
    AGENT_ON_ENDED,          /* look-up: over; end, started_ms, ended_ms, gpu_seconds, exit_code */
    AGENT_ON_CANCEL,         /* a cancel ticket for it is in the spool */
    AGENT_ON_LAST_RECEIPT,   /* the receipt of its last report is in the spool */
    AGENT_EVENTS
};

enum agent_end { /* how the backend says it ended */
    AGENT_END_EXIT,       /* by itself, with exit_code */
    AGENT_END_WALLTIME,   /* stopped at the walltime */
    AGENT_END_CANCELLED,  /* stopped, or never begun, because we said so */
    AGENT_END_SITE,       /* the site's doing */
    AGENT_END_UNSTARTED,  /* never begun: the permit's or start-by's time was over */
};

struct agent_event {
    enum agent_event_kind kind;
    uint64_t instance;
    uint16_t reason;         /* enum report_reason */
    enum agent_end end;
    int64_t started_ms, ended_ms;
    uint64_t gpu_seconds;
    int32_t exit_code;
};

struct agent_now {
    int64_t clock_ms;        /* journal's clock */
    int64_t mono_ms;         /* monotonic clock of this machine, real time */
    uint64_t instance;
    int64_t permit_life_ms;  /* real ms, from the server's policy */
    int64_t usage_every_ms;  /* journal's clock */
    int64_t look_every_ms;   /* real ms between look-ups of a job that is with the backend */
    int64_t rate;            /* of the journal's clock against real time, ≥ 1 */
    bool draining;           /* the operator takes no new work */
};

struct agent_ticket {
    /* of the ticket */
    struct uuid jti, request;
    uint64_t fence;
    uint32_t gpus, walltime_s;
    int64_t window_start_ms, permit_from_ms, accept_by_ms, start_by_ms;
    /* kept in the spool */
    enum agent_phase phase;
    bool had_permit;         /* a permit was granted once, perhaps to an earlier instance */
    bool cancel;             /* a cancel ticket is here */
    bool told_queued, told_started;
    int64_t started_ms, ended_ms, last_usage_ms;
    uint64_t gpu_seconds;    /* highest reported */
    int32_t exit_code;
    /* of this process only, zero after a restart */
    int64_t sent_mono_ms;    /* when `accepted` was first sent, 0: not yet */
    int64_t permit_until_mono_ms;
    int64_t clear_mono_ms;   /* until then an older permit may still start something */
    int64_t next_mono_ms;    /* no look-up or fetch before */
};

enum agent_act {
    AGENT_FETCH = 1 << 0,   /* get the workload's bytes */
    AGENT_SUBMIT = 1 << 1,  /* give it to the backend, which starts it only before permit_until_mono_ms (batch: takes it) */
    AGENT_LOOK_UP = 1 << 2,
    AGENT_CANCEL_JOB = 1 << 3,
    AGENT_FORGET = 1 << 4,  /* it is done: what was kept for it may go in time */
};

#define AGENT_REPORTS 3
struct agent_actions {
    unsigned acts;           /* enum agent_act */
    struct report reports[AGENT_REPORTS]; /* kind, time, times, use, exit, reason; site, number, instance are the caller's */
    size_t reports_n;
    bool last;               /* the newest of them is the ticket's last */
};

/* A fresh ticket's phase. refuse: REASON_NONE, or why it is rejected at once (unknown resource, fence seen, expired). */
void agent_begin(struct agent_ticket *t, uint16_t refuse, const struct agent_now *now, struct agent_actions *ret);
/* *ret is overwritten. */
void agent_step(struct agent_ticket *t, const struct agent_event *e, const struct agent_now *now,
                struct agent_actions *ret);
/* Real ms on the monotonic clock at which the next AGENT_ON_TICK is wanted; INT64_MAX: none. */
int64_t agent_wake(const struct agent_ticket *t, const struct agent_now *now);

const char *agent_phase_name(enum agent_phase phase);
bool agent_phase_from_name(const char *name, enum agent_phase *ret);

#endif
