/* agent/agent.h: the agent's own parts: what they share. One thread; the loop is in agent/day.c. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdio.h>

#include "agent/backend.h"
#include "agent/claims.h"
#include "agent/remarks.h"
#include "agent/spool.h"
#include "agent/wire.h"
#include "base/config.h"
#include "base/log.h"

struct agent_config {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
#include "agent/config.def"
#undef C
};

enum agent_exit {
    EXIT_DONE = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_SUPERSEDED = 4,
    EXIT_BEHIND = 5,
    EXIT_FORKED = 6
};

struct witness;

struct lane_pause {
    int fails;
    int64_t until_mono_ms;
};

/* For metrics: since this process began. */
struct agent_tally {
    int64_t tickets, permits_granted, permits_refused, reports, receipts, calls_failed;
    int64_t ended[REPORT_KINDS]; /* jobs, by the kind of their last report */
    int64_t contact_ms;          /* real time of the last reply that was as it should be, 0: none yet */
    int64_t clock_ahead_ms;      /* our clock against the server's, at the last opening of an instance */
};

struct agent {
    struct agent_config cfg;
    const char *argument; /* of the command; NULL: none */
    struct log log;
    struct wire *wire;
    struct spool *spool;
    struct spool_identity who;
    struct sign_key key;
    struct seal_key seals[2]; /* that open what is sealed to this site (agent/secrets.h): the present one, the one before */
    size_t seals_n;           /* 0: it takes none */
    struct backend *backend;
    uint16_t takes; /* as configured, beside what the backend says: core/needs.h */
    const struct backend_kind *kind;
    int blobs; /* folder */
    /* the session */
    bool open;
    uint64_t instance, confirmed_seq;
    struct clock clock;
    struct jws_keys keys;
    int64_t permit_life_ms, usage_every_ms;
    bool wants_keys;
    char *token;
    int64_t token_until_mono_ms;
    /* work */
    struct job **jobs;
    size_t jobs_n, jobs_cap;
    struct lane_pause pause[WIRE_LANES];
    enum { ERRAND_NONE, ERRAND_OPEN, ERRAND_RECEIVED, ERRAND_KEYS, ERRAND_BLOB, ERRAND_SEEN } errand;
    bool shows; /* the server wants to know what we have cosigned last */
    struct hash errand_blob;
    uint64_t errand_seq;
    struct witness *witness; /* NULL: this agent is none */
    uint64_t sending; /* number of the report under way, 0: none */
    int64_t poll_sent_mono_ms, confirm_mono_ms, next_prune_mono_ms, next_inventory_mono_ms;
    bool draining; /* the operator takes no new work */
    int64_t next_drain_mono_ms, next_metrics_mono_ms, next_keys_mono_ms;
    bool metrics_failed; /* it was said */
    struct agent_tally tally;
    bool stop;
    enum agent_exit exit;
};

/* agent/main.c */
enum err agent_open_own(struct agent *a, struct err_detail *d) MUST_USE; /* key and spool, which nobody else uses then */
enum err agent_open(struct agent *a, struct err_detail *d) MUST_USE;     /* and all else that running needs */
/* only_look: for check, beside an agent that runs. */
enum err agent_open_backend(struct agent *a, bool only_look, struct err_detail *d) MUST_USE;
void agent_close(struct agent *a);
int agent_complain(const struct err_detail *d); /* to standard error; the exit status */

/* agent/check.c, status.c, story.c: commands, each returning the exit status */
int command_check(struct agent *a);
int command_status(struct agent *a);
int command_drain(struct agent *a);
int command_undrain(struct agent *a);
int command_journal(struct agent *a);
int command_rotate_key(struct agent *a); /* agent/rotate.c */
int command_rotate_seal(struct agent *a);
/* The spool belongs to the next key already: it takes its place. Opens the spool. Errors as spool_open()'s. */
enum err rotation_finish(struct agent *a, struct err_detail *d) MUST_USE;

/* agent/story.c: for the agent's own journal; jti zero: not of a ticket. In the transaction of what is told, if there is one. */
void agent_tell(struct agent *a, struct uuid jti, const char *what, const char *format, ...) PRINTF(4, 5);
void agent_tell_report(struct agent *a, const struct report *r);

/* agent/metrics.c */
void metrics_tick(struct agent *a); /* writes metrics_file when it is time */

/* agent/session.c */
const char *agent_token(struct agent *a); /* a self-signed JWS that lasts for this call */
void session_start(struct agent *a);      /* begin to open an instance */
void session_reply(struct agent *a, const struct wire_reply *r);
void seen_start(struct agent *a);         /* show what the witness has cosigned last */
void seen_reply(struct agent *a, const struct wire_reply *r);
void keys_start(struct agent *a);
void keys_reply(struct agent *a, const struct wire_reply *r);
/* The wire name of a problem document, "" if it is none. */
void problem_code(const struct wire_reply *r, char *ret, size_t cap);
/* How long an answer is waited for: less where another server may lead meanwhile, as one that is frozen does not say so. */
int call_timeout_ms(const struct agent *a);
/* If that server is away, or is not the one that leads: ask another from now on. */
void call_elsewhere(struct agent *a, const struct wire_reply *r, const char *code);
/* Log a call that failed; turn to another server; stop if it says that a newer instance than ours is open. True: stopped. */
bool call_failed(struct agent *a, const char *what, const struct wire_reply *r, char *ret_code, size_t cap);

/* agent/intake.c */
uint16_t agent_takes(const struct agent *a); /* beyond scripts: core/needs.h */
void poll_start(struct agent *a);
void poll_reply(struct agent *a, const struct wire_reply *r);
void received_start(struct agent *a);
void received_reply(struct agent *a, const struct wire_reply *r);

/* agent/jobs.c */
struct agent_now agent_now(const struct agent *a);
void jobs_load(struct agent *a);
struct job *jobs_find(struct agent *a, struct uuid jti);
void jobs_keep(struct agent *a, const struct job *j); /* a copy joins the list */
void jobs_drop_done(struct agent *a);
/* Step, store, act, and what follows from that. */
void job_feed(struct agent *a, struct job *j, struct agent_event e);
/* The parts of it, for who has more to store in the same transaction: job_store() between begin and commit. */
void job_store(struct agent *a, struct job *j, struct agent_actions *act);
void job_act(struct agent *a, struct job *j, const struct agent_actions *act);
void job_look(struct agent *a, struct job *j); /* something happened to it at the backend */
int64_t jobs_tick(struct agent *a);            /* feeds what is due; when the next is (monotonic ms) */

/* agent/outbox.c */
void report_add(struct agent *a, struct report *r, const char *inventory); /* numbers and signs it; in a transaction */
void inventory_add(struct agent *a);
enum err outbox_resign(struct agent *a, uint64_t above) MUST_USE;
bool outbox_start(struct agent *a); /* false: nothing to send */
void outbox_reply(struct agent *a, const struct wire_reply *r);

/* agent/workload.c */
bool workload_here(struct agent *a, const struct job *j);
bool workload_read(struct agent *a, const struct job *j, char ret[WORKLOAD_MAX], size_t *ret_len);
bool workload_start(struct agent *a); /* false: none is wanted */
void workload_reply(struct agent *a, const struct wire_reply *r);
void workload_prune(struct agent *a, int64_t before_ms);

/* agent/day.c */
enum agent_exit agent_run(struct agent *a);
void agent_stop(struct agent *a, enum agent_exit why);
/* The spool failed: nothing may go on. Ends the process at once, without a word to anybody. */
void agent_spool_failed(struct agent *a) __attribute__((noreturn));
void pause_lane(struct agent *a, enum wire_lane lane, int retry_after_s); /* back off, with jitter */
void resume_lane(struct agent *a, enum wire_lane lane);

/* agent/witness.c */
/* The witness's keys, made where they are missing, and what it remembers. */
enum err witness_open(struct agent *a, struct err_detail *d) MUST_USE;
void witness_close(struct agent *a);
/* An instance is open: a refusal that stands is told again. Who answers now may not be who was told, and may not have passed
 * it on. */
void witness_opened(struct agent *a);
void witness_start(struct agent *a); /* begin what is next on its lane; nothing, if nothing is */
void witness_reply(struct agent *a, const struct wire_reply *r);
/* The signed note of the checkpoint that it cosigned last, its own signature in it; free() it. NULL: none yet. */
char *witness_last_cosigned(struct agent *a);
bool witness_is_halted(const struct agent *a); /* a checkpoint was refused */
/* One line a key, as a policy file has it: "witness NAME VKEY". Keys that are missing are made. */
enum err witness_print_keys(struct agent *a, FILE *to, struct err_detail *d) MUST_USE;

/* agent/attest.c */
void attest_start(struct agent *a); /* as witness_start() */
void attest_reply(struct agent *a, const struct wire_reply *r);
void attest_forget(struct witness *w); /* the replay begins anew */

/* agent/enrol.c */
enum agent_exit agent_enrol(const struct agent_config *cfg);

#endif
