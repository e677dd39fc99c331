/* agent/slurm_rows.h
 * What Slurm's commands print, read strictly and without side effects: lines of fields that end in '|' (squeue) or are
 * separated by it (sacct), times in seconds since 1970 (SLURM_TIME_FORMAT=%s). A text that is not of the form asked for is
 * SLURM_BAD: then nothing at all is known. */
#ifndef AGENT_SLURM_ROWS_H
#define AGENT_SLURM_ROWS_H

#include <stdint.h>

#include "base/err.h"

#define SLURM_NAME_MAX 64

enum slurm_state {
    SLURM_OTHER, /* a state that we do not know: live in the queue, unfinished in accounting */
    SLURM_PENDING,
    SLURM_CONFIGURING,
    SLURM_RUNNING, /* also SUSPENDED, STOPPED, COMPLETING, STAGE_OUT, RESIZING: it has begun and is not over */
    SLURM_COMPLETED,
    SLURM_FAILED,
    SLURM_TIMEOUT,
    SLURM_OUT_OF_MEMORY,
    SLURM_CANCELLED,
    SLURM_DEADLINE,
    SLURM_SITE, /* NODE_FAIL, BOOT_FAIL, PREEMPTED, REVOKED, REQUEUED, LAUNCH_FAILED …: the site's doing */
    SLURM_STATES
};

struct slurm_row {
    uint64_t number;
    char name[SLURM_NAME_MAX], user[33];
    enum slurm_state state;
    int64_t by_uid; /* CANCELLED by whom; -1: not said */
    uint32_t gpus;  /* allocated, all nodes together; asked for, as long as it waits */
    bool allocated; /* it has, or had, anything */
    int64_t elapsed_s, start_s, end_s; /* 0: not known */
    int32_t exit_code, signal;
};

enum slurm_read { SLURM_ROW, SLURM_END, SLURM_BAD };

#define SLURM_QUEUE_FORMAT "JobID:|,UserName:|,Name:|,State:|,tres-alloc:|,StartTime:|,EndTime:|,exit_code:|"
#define SLURM_ACCOUNT_FORMAT "JobIDRaw,User,JobName,State,ExitCode,AllocTRES,ElapsedRaw,Start,End"

/* The next line of *at, which moves on. */
enum slurm_read slurm_queue_row(const char **at, struct slurm_row *ret);
enum slurm_read slurm_account_row(const char **at, struct slurm_row *ret);

/* An account (user "") or a user in it, of `sacctmgr --parsable2 show assoc format=SLURM_ASSOC_FORMAT`. */
#define SLURM_ASSOC_FORMAT "Account,User,GrpTRES,GrpTRESMins,GrpSubmit,GrpJobs"
struct slurm_assoc {
    char account[SLURM_NAME_MAX], user[33];
    int64_t gpus, gpu_minutes; /* at once, in all; -1: no limit */
    bool shut;                 /* takes no jobs, starts none */
};
enum slurm_read slurm_assoc_row(const char **at, struct slurm_assoc *ret);

/* A node, of `sinfo --Node --Format=SLURM_NODE_FORMAT`. */
#define SLURM_NODE_FORMAT "NodeList:|,StateComplete:|,Gres:|,GresUsed:|"
struct slurm_node {
    char name[256];
    bool up, drained, maintenance, unknown; /* up: takes jobs; unknown: Slurm does not know yet */
    uint32_t gpus, gpus_used;
};
enum slurm_read slurm_node_row(const char **at, const char *gpu_type, struct slurm_node *ret);

/* A reservation, of `scontrol --oneliner show reservation`. */
struct slurm_window {
    char name[64], nodes[256];
    bool maintenance;
    int64_t start_s, end_s;
    uint32_t nodes_n;
};
enum slurm_read slurm_window_row(const char **at, struct slurm_window *ret);

/* `DBD Agent queue size` of sdiag: what accounting has not been told yet. False if it is not there. */
bool slurm_behind(const char *sdiag, int64_t *ret);

/* What sbatch printed: ID or ID;CLUSTER. */
bool slurm_number(const char *sbatch, uint64_t *ret);

#endif
