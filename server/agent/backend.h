/* agent/backend.h
 * What drives the site's machines: one small interface. A look-up has three kinds of answers: found, none, unknown; unknown
 * means wait. Calls block for milliseconds at most: what takes longer (a batch system's commands) goes on by itself, the
 * answer for now is unknown, with nothing in *d, and woken() names the job when there is another. */
#ifndef AGENT_BACKEND_H
#define AGENT_BACKEND_H

#include "agent/remarks.h"
#include "base/clock.h"
#include "base/json.h"
#include "core/agent_step.h"
#include "core/needs.h"

struct backend_run {
    struct uuid jti, request, reservation;
    struct uuid organisation; /* these two only for a backend that says against() */
    uint16_t needs;           /* of the ticket: core/needs.h */
    uint32_t gpus, nodes, walltime_s;
    int64_t start_at_ms, start_by_ms; /* journal's clock */
    int64_t permit_until_mono_ms;
    struct clock clock;
    struct bytes script;
    struct bytes secrets; /* for its environment: "NAME=VALUE" and a zero, one after the other; kept nowhere but on their way to it */
};

struct backend; /* each backend's own */

struct backend_kind {
    const char *name;
    /* What it takes beyond scripts: core/needs.h. NULL: nothing. */
    uint16_t (*takes)(const struct backend *b);
    /* Why it would not take a ticket of that organisation: REASON_NONE if it would. NULL: it takes any. */
    enum report_reason (*against)(struct backend *b, struct uuid organisation, struct err_detail *d);
    /* Give it a run. AGENT_ON_SUBMITTED; AGENT_ON_NOT_SUBMITTED with a reason if it certainly has nothing of it;
     * AGENT_ON_SUBMIT_UNKNOWN. *d tells the operator what went wrong. */
    struct agent_event (*submit)(struct backend *b, const struct backend_run *run, struct err_detail *d);
    /* AGENT_ON_NONE, _UNKNOWN, _QUEUED, _STARTED or _ENDED; _NOT_SUBMITTED where submit() could not say so yet. now_ms:
     * journal's clock. Of _ENDED *d may have what an operator should know. */
    struct agent_event (*look_up)(struct backend *b, struct uuid jti, int64_t now_ms, struct err_detail *d);
    void (*cancel)(struct backend *b, struct uuid jti);
    /* The tail of what it printed so far: up to cap bytes; 0 if there is none. */
    size_t (*output)(struct backend *b, struct uuid jti, void *ret, size_t cap);
    /* What is kept of it may go. */
    void (*forget)(struct backend *b, struct uuid jti);
    /* The members of the inventory report's object. */
    void (*inventory)(struct backend *b, struct json_out *o);
    /* Would they differ from those of the last call? NULL: they never do. */
    bool (*inventory_changed)(struct backend *b);
    /* A descriptor that becomes readable when something happened, or -1; and which job it was (false: no more). */
    int (*wake_fd)(struct backend *b);
    bool (*woken)(struct backend *b, struct uuid *ret);
    void (*close)(struct backend *b);
    /* For `kontor-agent check`, and before the agent runs: what is well, what is not, and what to do about it. A fault keeps
     * the agent from running. May take seconds; nothing is begun or changed. */
    void (*check)(struct backend *b, struct remarks *f);
};

/* The backend `exec`: see agent/run.h. */
struct exec_options {
    const char *folder;     /* of claims; made if missing */
    const char *sandbox;    /* "bwrap" or "none" */
    const char *run_as;     /* user of payloads if we are root */
    const char *share;      /* "" none */
    const char *supervisor; /* path of kontor-supervise; "": beside our own program, else where it was installed */
    uint32_t gpus, memory_mb, processes, grace_s;
    bool only_look; /* for check: an agent may be at work there; nothing is made or cleared away */
};
enum err backend_exec_open(const struct exec_options *options, struct backend **ret,
                           const struct backend_kind **ret_kind, struct err_detail *d) MUST_USE;

/* The backend `slurm`: see agent/slurm.h. */
struct slurm_options {
    const char *notes;     /* a folder of the spool's; made if missing */
    const char *folder;    /* below it each user's, on storage that the nodes share */
    const char *users;     /* the file that says who runs whose jobs */
    const char *conf;      /* slurm.conf */
    const char *bin;       /* the folder of Slurm's commands */
    const char *partition; /* "": the default one */
    const char *gpu_type;  /* "": any */
    const char *cluster;   /* its name, where accounting has several; "": the only one */
    bool allocations;      /* it opens accounts for people who log in */
    const char *model;     /* the marketplace's name of them; "": the inventory is only shown */
    const char *submit;    /* path of kontor-slurm-submit; "": where it was installed */
    bool only_look;        /* for `check`: nothing is made */
};
enum err backend_slurm_open(const struct slurm_options *options, struct backend **ret, const struct backend_kind **ret_kind,
                            struct err_detail *d) MUST_USE;
#endif
