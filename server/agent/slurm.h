/* agent/slurm.h
 * The inside of the backend `slurm`: what its parts share. Slurm's commands take milliseconds, or, where its controller
 * hangs, half a minute: they run as children (agent/command.h) while the agent goes on, and a look-up that needs what they
 * will say answers `unknown` for now; when they have said it, woken() names the job, and the look-up is made again.
 *
 * One squeue answers for all jobs that were asked about meanwhile, one sacct for all whose end is to be settled. */
#ifndef AGENT_SLURM_H
#define AGENT_SLURM_H

#include "agent/command.h"
#include "agent/slurm_allocation.h"
#include "agent/slurm_job.h"

#define SLURM_CALL_MS   30000 /* no call takes longer */
#define SLURM_TASKS     16
#define SLURM_NAMES_MAX 500 /* jobs that one squeue or sacct is asked about */

enum slurm_submission {
    SLURM_NOT_GIVEN, /* to sbatch, in this process */
    SLURM_WAITS,     /* for its turn */
    SLURM_IS_GIVEN,  /* sbatch runs */
    SLURM_GIVEN,     /* sbatch has answered, or died; only a look-up tells */
    SLURM_REFUSED,   /* Slurm has nothing of it: .reason */
};

struct slurm_run {
    struct uuid jti;
    char name[SLURM_NAME];
    struct slurm_note note;
    int64_t user_uid;
    /* giving it to sbatch */
    enum slurm_submission submission;
    uint16_t reason;
    char why[200];
    char words[SUBMIT_WORDS][SUBMIT_TEXT];
    char *script, *secrets; /* secrets: as their file is to have them; NULL: none */
    size_t script_len, secrets_len;
    int64_t permit_until_mono_ms;
    int64_t answered_mono_ms; /* when sbatch answered; of an earlier process: when it certainly had */
    /* cancelling it */
    bool wants_cancel, cancels;
    /* looking it up; the times are those at which the command began */
    bool asked, wants_account, woken;
    int64_t asked_mono_ms;
    int64_t queue_mono_ms, idle_since_mono_ms, account_mono_ms; /* 0: never */
    struct slurm_queue queue;
    struct slurm_account account;
    bool forgotten; /* goes as soon as no task has it */
    int tasks;
};

enum slurm_task_kind { TASK_NONE, TASK_SUBMIT, TASK_HOLD, TASK_CANCEL, TASK_QUEUE, TASK_BEHIND, TASK_ACCOUNT, TASK_CANCELLED, TASK_NODES, TASK_WINDOWS };

struct slurm_task {
    enum slurm_task_kind kind;
    struct command command;
    int64_t began_mono_ms;
    struct slurm_run **runs; /* that it is about */
    size_t runs_n;
};

struct slurm_stock { /* what the site has, for the inventory */
    bool known;
    int64_t at_s;
    uint32_t nodes, nodes_up, nodes_drained, nodes_down, nodes_maintenance, nodes_unknown, gpus, gpus_up, gpus_used;
    struct slurm_window windows[32];
    size_t windows_n;
};

struct backend {
    struct slurm_options o;
    char own_user[SUBMIT_WORD], bin[PATH_MAX], helper[PATH_MAX];
    char conf[PATH_MAX + 16];
    const char *env[6];
    int notes; /* folder */
    int wake;  /* epoll: readable when a command has ended */
    struct slurm_run **runs;
    size_t runs_n, runs_cap;
    struct slurm_allocation **allocations;
    size_t allocations_n;
    struct slurm_task tasks[SLURM_TASKS];
    int64_t queue_mono_ms, account_mono_ms, stock_mono_ms; /* when last begun */
    char trouble[200]; /* of the last command that failed; "" since one of its kind succeeded */
    struct slurm_stock stock, counting;
    uint64_t stock_told;
};

/* agent/slurm_tasks.c */
struct slurm_run *slurm_run_find(struct backend *b, struct uuid jti); /* NULL: nothing was ever given to Slurm */
struct slurm_run *slurm_run_new(struct backend *b, struct uuid jti);
void slurm_run_wipe(struct slurm_run *run); /* what was for sbatch */
void slurm_pump(struct backend *b); /* take what has ended, start what is due */
bool slurm_uses_helper(const struct backend *b, const char *user);
/* One of Slurm's commands and its arguments, ended by NULL; waits for its end. For checks. */
enum err slurm_call(struct backend *b, int64_t timeout_ms, struct command_result *ret, struct err_detail *d, const char *name,
                    ...) MUST_USE __attribute__((sentinel));

/* agent/slurm_stock.c */
void slurm_stock_nodes(struct backend *b, const char *said);
void slurm_stock_windows(struct backend *b, const char *said);
void slurm_inventory(struct backend *b, struct json_out *o);
bool slurm_inventory_changed(struct backend *b);

#endif
