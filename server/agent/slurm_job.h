/* agent/slurm_job.h
 * A job as it is given to Slurm: its name, the wrapper that is its batch script, and the folder that the wrapper works in,
 * FOLDER/USER on storage that the nodes and the agent share. There
 *   once-NAME       the claim (of a job that is cancelled before it begins, the agent's): made by mkdir before anything is started, so that a second body of the same job (Slurm may
 *                   run one, see slurm_judge.h) ends at once, with 75. In it start, end, the payload, work/
 *   log-NAME        what it prints
 *   secret-NAME     until the wrapper has read it (agent/slurm_secrets.h)
 * The folder belongs to the job's user, who may do with these files as he likes: they are read with care, and bounded. */
#ifndef AGENT_SLURM_JOB_H
#define AGENT_SLURM_JOB_H

#include <limits.h>

#include "agent/backend.h"
#include "agent/slurm_judge.h"
#include "agent/slurm_submit.h"

#define SLURM_NAME     44 /* kontor-UUID and NUL */
#define SLURM_KILL_S   10 /* between asking a body to end at its walltime, and ending it */

void slurm_name(struct uuid jti, char ret[SLURM_NAME]);
/* The batch script; free() it. */
char *slurm_wrapper(const struct backend_run *run, const char *name, size_t *ret_len);
/* Whole minutes that Slurm is told, for so many seconds of body. */
uint32_t slurm_minutes(uint32_t walltime_s);
/* Into the claim. ERR_IO if the folder cannot be looked into: then nothing is known. */
enum err slurm_claim_read(const char *folder, const char *user, const char *name, struct slurm_claim *ret) MUST_USE;
/* Claim it ourselves, since it is over, or is to be: should Slurm bring it back, its body ends at once. */
void slurm_claim_take(const char *folder, const char *user, const char *name);
size_t slurm_log_tail(const char *folder, const char *user, const char *name, void *ret, size_t cap);
void slurm_leavings_remove(const char *folder, const char *user, const char *name);

/* What the agent notes of a job before Slurm hears of it, in a folder of the spool's; it must know after a crash whom to ask
 * about. */
struct slurm_note {
    char user[SUBMIT_WORD], account[SUBMIT_WORD];
    uint32_t gpus, walltime_s;
    int64_t first_ms, submitted_ms; /* real time, when sbatch was called first, and last; 0: never */
    int64_t answered_ms;            /* when it last answered; 0: not yet */
    bool cancelled;
};
enum err slurm_note_write(int dir, const char *name, const struct slurm_note *note) MUST_USE;
enum err slurm_note_read(int dir, const char *name, struct slurm_note *ret) MUST_USE; /* ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO */

/* Who of the site runs the jobs of an organisation: a file of lines "ORGANISATION USER ACCOUNT", # comments. */
struct slurm_user {
    struct uuid organisation;
    char user[SUBMIT_WORD], account[SUBMIT_WORD];
};
/* ERR_NOT_FOUND if nobody does; ERR_CONFIG if the file cannot be read, or others may write it. */
enum err slurm_user_find(const char *path, struct uuid organisation, struct slurm_user *ret, struct err_detail *d) MUST_USE;
/* Every line's: for a check. */
enum err slurm_user_each(const char *path, void (*take)(void *with, const struct slurm_user *u), void *with,
                         struct err_detail *d) MUST_USE;

#endif
