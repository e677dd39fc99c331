/* agent/slurm_judge.h
 * What is to be thought of a job, as a pure function of what Slurm's queue, its accounting and the wrapper's own files say.
 * None of the three is believed alone. Slurm's controller saves its state at most once in five seconds, so a crash makes it
 * forget jobs that it confirmed and ends that it reported, run a body twice, and bring jobs back; accounting lags, and keeps
 * lost jobs as RUNNING for ever; the wrapper's files are the job's user's, who may change them. So:
 *  - the queue decides whether anything is live; nothing is, when it said so twice, SLURM_APART_MS apart;
 *  - what it has is told only SLURM_APART_MS after sbatch answered, unless the wrapper says that it has begun;
 *  - then accounting decides about use, SLURM_SETTLED_S after the end that it names, when nothing waits to be accounted;
 *  - the wrapper's end decides about the exit code; without one it was the site's doing, but where Slurm itself saw the
 *    script run for longer than a start that fails takes: else who removes the file would run for nothing;
 *  - of a body that was killed, accounting says whose doing that was, where the two agree about how long it ran. */
#ifndef AGENT_SLURM_JUDGE_H
#define AGENT_SLURM_JUDGE_H

#include "agent/slurm_rows.h"
#include "core/agent_step.h"

#define SLURM_APART_MS   6000  /* the controller's state is saved after that */
#define SLURM_ABSENT_MS  12000 /* accounting names a job at the latest after that, if it is not behind */
#define SLURM_RUNAWAY_MS 40000 /* unfinished in accounting that is not behind, and gone from the queue so long: lost */
#define SLURM_SETTLED_S  10    /* an end is final then */
#define SLURM_FALSE_START_S 60 /* a start that fails takes no longer */
#define SLURM_APART_S    30    /* use by accounting and by the wrapper may differ so far */

struct slurm_queue { /* all rows of the job's name in the queue */
    bool live, begun;
    int64_t start_s;
    uint32_t gpus;
};
struct slurm_account { /* the same in accounting */
    bool finished, unfinished, allocated;
    uint64_t gpu_seconds;
    int64_t start_s, end_s, elapsed_s; /* first start, last end; seconds of all */
    struct slurm_row last;             /* that ended last */
    struct {
        uint64_t number;
        int64_t start_s;
    } seen[16]; /* each row counts once, however often it is shown */
    size_t seen_n;
};
struct slurm_claim { /* the wrapper's files */
    int64_t start_s, end_s; /* 0: there is none */
    int32_t exit_code;
};

struct slurm_facts {
    int64_t now_s;           /* real time */
    int64_t since_sbatch_ms; /* from sbatch's answer to the queue's; 0 or less: it was not asked since */
    int64_t submitted_s;     /* when sbatch was called first */
    int64_t idle_ms;         /* for how long the queue, asked again and again, has shown nothing live; -1: it shows something */
    bool accounted;          /* accounting answered after that, and is not behind */
    bool cancelled;          /* by us */
    uint32_t gpus, walltime_s;
    int64_t user_uid; /* of the job's user; -1: not known */
    struct slurm_queue queue;
    struct slurm_account account;
    struct slurm_claim claim;
};

enum slurm_wants { SLURM_WANTS_NOTHING, SLURM_WANTS_TIME, SLURM_WANTS_ACCOUNT };

void slurm_queue_add(struct slurm_queue *q, const struct slurm_row *row);
/* More than sixteen of a name are its user's game: the first ones count. */
void slurm_account_add(struct slurm_account *a, const struct slurm_row *row);
/* AGENT_ON_NONE, _QUEUED, _STARTED, _ENDED, or _UNKNOWN: then *ret_wants says what is missing, and ret_why (may stay
 * empty) what an operator should know. Times in ms of the real clock. */
struct agent_event slurm_judge(const struct slurm_facts *f, enum slurm_wants *ret_wants, const char **ret_why);

#endif
