/* core/ticket.h
 * A reservation's life: one table, state × event → next state and effects. Pure; who calls it carries the effects out, in
 * one batch with the new state, in the order of the bits (a dispute is closed before its hold is settled).
 * Times are ms of the journal's clock. Every state that is not an end has a timer (ticket_due) and so an exit.
 *
 * A report of a site is never refused for the state that it meets: refusing would leave a gap in the site's numbers. Where
 * it changes nothing it is kept (TICKET_KEEP) with the reason; where it contradicts what is known it opens a dispute. What
 * a person asks for may be refused (TICKET_REFUSE → ERR_STATE). A timer that meets another state is stale. */
#ifndef CORE_TICKET_H
#define CORE_TICKET_H

#include "core/entry.h"

enum ticket_state {
    TICKET_ISSUED,     /* hold and ticket exist, no permit */
    TICKET_PERMITTED,  /* the site may start it (or has lost that permit and may ask for another) */
    TICKET_RUNNING,
    TICKET_OPEN,       /* an allocation that the site has opened: what runs in it is its users' */
    TICKET_ENDED,      /* window end and grace are over, the end is unknown */
    TICKET_CANCELLING, /* a cancel ticket is out, the site's signature awaited */
    TICKET_SILENT,     /* disputed, because the site said nothing: its reports end that by themselves */
    TICKET_DISPUTED,   /* disputed, for a person */
    TICKET_CONTESTED,  /* disputed after settlement: the hold is resolved already */
    TICKET_SETTLED,    /* end (may be contested) */
    TICKET_VOIDED,     /* end: voided, withdrawn, expired */
    TICKET_STATES
};

enum ticket_event {
    /* reports: ticket_event_of_report() says which */
    TICKET_ON_ACCEPTED,         /* within its time: see ticket_permit_earliest() first */
    TICKET_ON_ACCEPTED_LATE,    /* after accept-by (no permit yet) or after start-by */
    TICKET_ON_REJECTED,
    TICKET_ON_QUEUED,
    TICKET_ON_STARTED,
    TICKET_ON_OPENED,           /* an allocation's start; also its use, where nothing was known of a start */
    TICKET_ON_USAGE,
    TICKET_ON_USAGE_DAY,        /* a usage report a day or more after start or last settlement */
    TICKET_ON_FINISHED,
    TICKET_ON_FAILED_JOB,
    TICKET_ON_FAILED_SITE,
    TICKET_ON_CANCELLED,        /* with use */
    TICKET_ON_CANCELLED_UNUSED, /* without any */
    TICKET_ON_BAD_REPORT,       /* ticket_check_report() found a fault, or the number was used with other bytes */
    /* people */
    TICKET_ON_CANCEL,           /* the requester asks */
    TICKET_ON_WITHDRAW,         /* the site drains, is paused or silent; or the operator withdraws */
    TICKET_ON_SPOOL_LOST,       /* the site's operator retires a lost spool */
    TICKET_ON_CONTEST,          /* the requester or the site contests a settlement; within policy's contest_ms */
    TICKET_ON_RESOLVE,          /* two officers */
    TICKET_ON_CORRECT,          /* two officers, of a contested settlement */
    TICKET_ON_DISMISS,          /* two officers: the contest is unfounded */
    /* timers: ticket_due() says which and when */
    TICKET_ON_ACCEPT_BY,
    TICKET_ON_START_GRACE,
    TICKET_ON_END_GRACE,
    TICKET_ON_UNKNOWN_GRACE,
    TICKET_ON_CANCEL_GRACE,
    TICKET_ON_EXPIRY,           /* the hold's expiry, after an outage of days; earlier timers come first otherwise */
    TICKET_ON_DISPUTE_TIME,
    TICKET_EVENTS
};

/* Effects, to be carried out from the lowest bit up. */
enum ticket_effect {
    TICKET_CLOSE_DISPUTE = 1 << 0,     /* NOTICE dispute closed */
    TICKET_GIVE_PERMIT = 1 << 1,       /* receipt: granted, to the report's instance */
    TICKET_REFUSE_PERMIT = 1 << 2,     /* receipt: refused */
    TICKET_SETTLE_DAILY = 1 << 3,      /* SETTLE, not final, on this report */
    TICKET_SETTLE_FINAL = 1 << 4,      /* SETTLE, final, on this report */
    TICKET_RESOLVE = 1 << 5,           /* RESOLVE: ends the dispute by itself */
    TICKET_CORRECT = 1 << 6,           /* CORRECT of the contested settlement */
    TICKET_CORRECT_AND_VOID = 1 << 7,  /* CORRECT for the sum of its SETTLEs if there are any, then VOID, on this report */
    TICKET_VOID = 1 << 8,              /* VOID for the cell's void_reason */
    TICKET_EXPIRE = 1 << 9,            /* EXPIRE */
    TICKET_FREE_CAPACITY = 1 << 10,    /* what is left of the window */
    TICKET_OPEN_DISPUTE = 1 << 11,     /* NOTICE dispute opened */
    TICKET_CANCEL_TICKET = 1 << 12,    /* issue a cancel ticket */
    TICKET_BROKER_ANEW = 1 << 13,      /* may be brokered anew, if the request says so; else offer the next best quote */
};

enum ticket_outcome { /* how it went, for people; kept from the cell that ends it */
    OUTCOME_NONE, OUTCOME_FINISHED, OUTCOME_FAILED_JOB, OUTCOME_FAILED_SITE, OUTCOME_CANCELLED, OUTCOME_REJECTED,
    OUTCOME_LAPSED, OUTCOME_WITHDRAWN, OUTCOME_NEVER_STARTED, OUTCOME_RESOLVED, OUTCOME_EXPIRED,
    OUTCOME_CUT,    /* moved: its site's capacity was cut below what is booked */
    OUTCOME_SILENT, /* moved: its site is out of touch */
    TICKET_OUTCOMES
};

enum ticket_verdict {
    TICKET_GO,     /* take next and effects (next may be the same state) */
    TICKET_KEEP,   /* record it; nothing follows (TICKET_REFUSE_PERMIT may still be set) */
    TICKET_REFUSE, /* a person's wish: ERR_STATE with why */
    TICKET_STALE,  /* a timer for another state: drop it */
};

struct ticket_cell {
    enum ticket_verdict verdict;
    enum ticket_state next;         /* the same state unless TICKET_GO says otherwise */
    unsigned effects;               /* enum ticket_effect */
    uint16_t void_reason;           /* enum void_reason, where TICKET_VOID or TICKET_CORRECT_AND_VOID */
    enum ticket_outcome outcome;    /* OUTCOME_NONE: unchanged */
    const char *why;                /* one sentence where it is not TICKET_GO */
};

/* The table. Both in range (assert). */
const struct ticket_cell *ticket_next(enum ticket_state state, enum ticket_event event);

const char *ticket_state_name(enum ticket_state state);       /* wire name: silent, disputed and contested are "disputed" */
const char *ticket_state_word(enum ticket_state state);       /* own name of each, for the database and logs */
bool ticket_state_from_word(const char *word, enum ticket_state *ret);
const char *ticket_event_name(enum ticket_event event);       /* "accepted", "accept-by" … */
const char *ticket_outcome_name(enum ticket_outcome outcome); /* "" for none, "finished", "failed-job" … */
bool ticket_state_is_end(enum ticket_state state);            /* settled, voided */
bool ticket_state_is_disputed(enum ticket_state state);
bool ticket_has_permit(enum ticket_state state);              /* the site may be working on it: permitted … disputed */

/* What is known of a reservation, as far as reports and timers are judged by it. 0: not (yet). */
struct ticket_facts {
    enum ticket_state state;
    uint64_t fence;
    bool allocation;                /* it is no job: an account is opened for a window */
    uint32_t gpus;
    int64_t permit_from_ms, accept_by_ms, start_by_ms, window_end_ms, expiry_ms;
    int64_t permit_life_ms;         /* policy */
    int64_t start_grace_ms, end_grace_ms, cancel_grace_ms, dispute_ms;
    int64_t permitted_ms;           /* the newest permit */
    int64_t first_permitted_ms;     /* the first one */
    int64_t started_ms, ended_ms;   /* by the site's reports */
    int64_t settled_ms;             /* last SETTLE */
    int64_t cancel_ms;              /* the requester's cancel */
    int64_t contested_ms;
    uint64_t gpu_seconds;           /* highest cumulative total reported */
    int64_t latest_ms;              /* no honest report has a later time; 0: do not judge by it */
};

/* The longest workload that a ticket may name, in bytes: what every site's agent takes. */
#define TICKET_WORKLOAD_MAX 65536

/* When `accepted` may get a permit at the earliest: permit-from, and one and a half lives after an older permit. Earlier:
 * ERR_TOO_EARLY with this time, and the report is not recorded. */
int64_t ticket_permit_earliest(const struct ticket_facts *f);

/* Which event a report is that passed ticket_check_report(). Not for inventory (assert). */
enum ticket_event ticket_event_of_report(const struct ticket_facts *f, const struct report *r, int64_t now_ms);

/* Faults of a report, put before a person as a dispute (TICKET_ON_BAD_REPORT), never dropped. */
enum ticket_fault {
    FAULT_NONE,
    FAULT_FENCE,          /* not this ticket's fence */
    FAULT_TIMES,          /* ended before started, started or ended after the report, an end or use without a start */
    FAULT_FUTURE,         /* of a time that has not come: its start and end bound what it may be paid */
    FAULT_BEFORE_PERMIT,  /* started before the permit, or without one */
    FAULT_LATE_START,     /* started after start-by */
    FAULT_RESTARTED,      /* another start or end than reported before */
    FAULT_FALLING,        /* cumulative GPU-seconds fell */
    FAULT_TOO_MUCH,       /* more than GPUs × (ended − started + 120 s) */
    FAULT_FORKED,         /* the number was used with other bytes (found by the caller) */
    TICKET_FAULTS
};
#define TICKET_SLACK_MS 120000 /* between clocks, and for a batch system's epilogue */
enum ticket_fault ticket_check_report(const struct ticket_facts *f, const struct report *r);
/* The same of every kind: `failed` by the site's fault is in order whatever its numbers are, since it pays nothing, but
 * only numbers without a fault may be noted and shown. */
enum ticket_fault ticket_check_numbers(const struct ticket_facts *f, const struct report *r);
const char *ticket_fault_sentence(enum ticket_fault fault);

/* The next timer of this reservation: its event, and when. False for an end. A time that has passed is due now. */
struct ticket_timer { enum ticket_event event; int64_t at_ms; };
bool ticket_due(const struct ticket_facts *f, int64_t now_ms, struct ticket_timer *ret);

/* A policy's span in a simulation of that rate: at least 30 s of real time. rate ≥ 1. */
int64_t ticket_span(int64_t span_ms, int64_t rate);

#endif
