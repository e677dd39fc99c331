/* agent/slurm_allocation.h
 * An allocation: not a job of ours but an account of Slurm's, below the organisation's own and named after the ticket, that
 * is open for a window to the organisation's users, with a limit of GPUs at once and of GPU-minutes in all which Slurm
 * itself enforces. One command at a time, each of which may be given again:
 *   claimed  the account is made, closed (GrpJobs=0, GrpSubmitJobs=0), within the permit's life
 *   open     from the window's start, at the latest at start-by: its limits stand, the two zeros are gone
 *   closed   when its seconds are over, or it is cancelled: the zeros again, and whatever is left in the queue is cancelled
 *   over     the queue has shown nothing of it for SLURM_APART_MS, and accounting knows the end of all of its jobs
 * What an account used is the sum of its jobs; nobody else's are in it, and it is never opened twice. A note in the spool's
 * folder says how far it has come, and is written before each step. */
#ifndef AGENT_SLURM_ALLOCATION_H
#define AGENT_SLURM_ALLOCATION_H

#include "agent/backend.h"
#include "agent/command.h"
#include "agent/slurm_job.h"

struct slurm_allocation_note {
    struct uuid organisation;
    char parent[SUBMIT_WORD]; /* its account */
    uint32_t gpus, walltime_s;
    int64_t start_s, start_by_s;   /* real time, as the rest */
    int64_t claiming_ms;           /* when it was claimed, last */
    int64_t opening_ms;            /* when it was opened; 0: not yet */
    bool opened;                   /* Slurm has said so: then that time stands */
    bool cancelled;
    int64_t closed_ms, ended_ms;   /* when Slurm had closed it; when all was over; 0: not yet */
    uint64_t gpu_seconds;          /* of all of its jobs, once it is over */
};
enum err slurm_allocation_note_write(int dir, const char *name, const struct slurm_allocation_note *note) MUST_USE;
enum err slurm_allocation_note_read(int dir, const char *name, struct slurm_allocation_note *ret) MUST_USE; /* as slurm_note_read() */

/* Whole minutes, never more than was bought; at least one. */
uint64_t slurm_allocation_minutes(uint32_t gpus, uint32_t walltime_s);

/* What its jobs have used, from what the queue and accounting say of the account. */
struct slurm_use {
    uint64_t ended_s, running_s; /* GPU-seconds of jobs whose end is settled; of those that run, until now */
    bool live;                   /* the queue shows something */
    size_t unsettled;            /* jobs in accounting that had GPUs, and have no end yet, or one of a moment ago */
    int64_t last_end_s;
};
/* False: it cannot be read, and nothing is known. */
bool slurm_use_queue(const char *said, int64_t now_s, struct slurm_use *ret) MUST_USE;
bool slurm_use_account(const char *said, int64_t now_s, struct slurm_use *ret) MUST_USE;

enum slurm_step {
    STEP_NONE, STEP_ADD, STEP_JOIN, STEP_ASK, STEP_OPEN, STEP_CLOSE, STEP_END, STEP_QUEUE, STEP_BEHIND, STEP_ACCOUNT
};

struct slurm_allocation {
    struct uuid jti;
    char name[SLURM_NAME];
    struct slurm_allocation_note note;
    char users[2048];              /* of the organisation, separated by commas; "": not looked up yet */
    int64_t permit_until_mono_ms;
    int64_t absent_mono_ms;        /* until then an earlier process's command may still make it */
    enum slurm_step step;          /* the command that runs */
    struct command command;
    bool known, there, joined, shut; /* what Slurm said of it last: it is there, its users are in it, it is closed */
    bool given;                    /* it is to be claimed, in this process */
    bool closes;                   /* STEP_ASK follows STEP_CLOSE */
    bool woken, forgotten;
    int64_t next_mono_ms;          /* no command before */
    int64_t idle_since_mono_ms;    /* the queue has shown nothing since; 0: it shows something, or was not asked */
    struct slurm_use use;          /* as of the last whole round */
    struct slurm_use round;        /* of the round that goes on */
};

struct slurm_allocation *slurm_allocation_find(struct backend *b, struct uuid jti, enum err *ret_err); /* NULL: ERR_NOT_FOUND, … */
struct agent_event slurm_allocation_submit(struct backend *b, const struct backend_run *run, struct err_detail *d);
struct agent_event slurm_allocation_look_up(struct backend *b, struct slurm_allocation *a, int64_t now_ms, struct err_detail *d);
void slurm_allocation_cancel(struct backend *b, struct slurm_allocation *a);
void slurm_allocation_forget(struct backend *b, struct slurm_allocation *a);
void slurm_allocations_pump(struct backend *b);
void slurm_allocations_close(struct backend *b);

#endif
