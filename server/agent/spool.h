/* agent/spool.h
 * What the agent must not forget, in SQLite (WAL) on a local file system; its only user. A folder:
 *   spool.db   agent.key, seal.key, seal.key.old   lock (held while an agent uses it)   claims/ (backend exec)   blobs/
 *   draining (there while the site takes no new work)
 * It belongs to one site and one key, and to the place that it was made in; another's is refused. It has a version: an
 * older one is brought forward when an agent opens it, a newer one is refused. Every change is one transaction, or part of the one between
 * spool_begin() and spool_commit(). A transaction survives this process's death at once, and a power cut from the next
 * spool_sync() on: nothing that follows from it leaves the process before (a report, a confirmation, a start). A failure to
 * write is final for the process: it must end and begin anew from what is stored. */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include "base/hash.h"
#include "core/agent_step.h"
#include "core/witness.h"
#include "crypto/sign.h"

struct spool;

struct spool_identity {
    char site[17];
    uint64_t site_index;
    char kid[24]; /* KEY index as text */
    char origin[65];
    struct hash genesis;
    uint8_t public[SIGN_PUBLIC_LEN];
    bool simulation;
};

/* A ticket with what the agent needs beside core/agent_step's state. */
struct job {
    struct agent_ticket t;
    struct uuid reservation;
    uint64_t seq;
    uint32_t nodes;
    struct hash workload;
    uint32_t workload_len;
    struct hash secrets;   /* SHA-256 of what was sealed for it; zeros: nothing */
    uint64_t last_report;  /* number of its last report, 0: not told yet */
    uint64_t asked_report; /* number of its newest `accepted` */
    /* of this process only */
    bool wants_fetch;
    struct agent_ticket stored; /* as the spool has it */
};

struct spool_report {
    uint64_t number;
    uint16_t kind;
    struct uuid jti;
    uint8_t statement[REPORT_STATEMENT_LEN], signature[SIGN_LEN];
    char *inventory; /* JSON, NULL if none; free() it */
};

struct spool_counts {
    int64_t tickets, open, reports, unreceipted, last_seq, instance;
};

/* ERR_CONFIG where the folder is on a file system that cannot be trusted (NFS, Lustre …) or is open to others; ERR_IO. */
enum err spool_check_folder(const char *folder, struct err_detail *d) MUST_USE;
/* By enrolment. ERR_EXISTS if the folder has a spool. */
enum err spool_make(const char *folder, const struct spool_identity *who, struct err_detail *d) MUST_USE;
/* Open and lock. ERR_NOT_FOUND; ERR_EXISTS if another agent uses it; ERR_FORBIDDEN if it is not of this key;
 * ERR_SPOOL_BEHIND if it is a copy, as far as that can be told; ERR_CONFIG, also if it is of a newer version; ERR_CORRUPT;
 * ERR_IO. public NULL: do not lock, read only (status), wherever it is. */
enum err spool_open(const char *folder, const uint8_t *public, struct spool **ret, struct spool_identity *ret_who,
                    struct err_detail *d) MUST_USE;
void spool_close(struct spool *s);
/* The site goes on under another key: who->public and kid. In a transaction of the caller. */
enum err spool_set_key(struct spool *s, const struct spool_identity *who) MUST_USE;
bool spool_in_use(const char *folder); /* by an agent, or by a command that needs it alone */
const char *spool_error(const struct spool *s); /* of the last failure, for the operator */
/* On an operator's word: they have moved the spool here, and there is no other any more. Errors as spool_open()'s. */
enum err spool_moved(const char *folder, const uint8_t *public, struct err_detail *d) MUST_USE;

/* Whether it is a copy, as spool_open() asks where it is opened to be used: OK, ERR_SPOOL_BEHIND, ERR_IO. */
enum err spool_check_place(struct spool *s, struct err_detail *d) MUST_USE;

/* No new work, on an operator's word: true, and why (a line), as long as it stands. It may be said while an agent runs. */
#define SPOOL_WHY_MAX 200
bool spool_draining(const char *folder, char ret_why[SPOOL_WHY_MAX]);
enum err spool_set_draining(const char *folder, bool on, const char *why, struct err_detail *d) MUST_USE;

enum err spool_begin(struct spool *s) MUST_USE;
enum err spool_commit(struct spool *s) MUST_USE;
/* All transactions so far to disk, if any is not there yet. */
enum err spool_sync(struct spool *s) MUST_USE;

uint64_t spool_last_seq(const struct spool *s);    /* newest ticket that is here */
uint64_t spool_last_number(const struct spool *s); /* newest report number given */
uint64_t spool_last_receipted(const struct spool *s);
/* Nothing has been done with it yet: no ticket, no report, no instance. Then it may take the place of a lost one: tickets
 * after seq, reports after number. */
bool spool_is_fresh(struct spool *s);
enum err spool_adopt(struct spool *s, uint64_t seq, uint64_t number) MUST_USE;
enum err spool_set_last_seq(struct spool *s, uint64_t seq) MUST_USE;
enum err spool_set_instance(struct spool *s, uint64_t instance) MUST_USE;

enum err spool_add_job(struct spool *s, const struct job *j, const char *jws) MUST_USE;
enum err spool_save_job(struct spool *s, const struct job *j) MUST_USE;
/* Every job that is not done, in order of seq. */
enum err spool_load_jobs(struct spool *s, void (*take)(void *with, const struct job *j), void *with) MUST_USE;
/* Highest fence seen of a request, 0 if none; and raise it. */
enum err spool_fence(struct spool *s, struct uuid request, uint64_t *ret) MUST_USE;
enum err spool_raise_fence(struct spool *s, struct uuid request, uint64_t fence) MUST_USE;
/* The ticket itself, as it came; free() it. ERR_NOT_FOUND. */
enum err spool_ticket(struct spool *s, struct uuid jti, char **ret) MUST_USE;
enum err spool_knows(struct spool *s, struct uuid jti, bool *ret) MUST_USE;

/* The report gets spool_last_number() + 1, which must be r->number (assert). */
enum err spool_add_report(struct spool *s, const struct spool_report *r) MUST_USE;
/* The lowest without a receipt; ERR_NOT_FOUND if none. */
enum err spool_next_report(struct spool *s, struct spool_report *ret) MUST_USE;
enum err spool_resign(struct spool *s, const struct spool_report *r) MUST_USE;
/* The n-th number without a receipt from `from` on, for signing anew; ERR_NOT_FOUND at the end. */
enum err spool_report_from(struct spool *s, uint64_t from, struct spool_report *ret) MUST_USE;
enum err spool_receipt(struct spool *s, uint64_t number, const char *jws) MUST_USE;

/* Jobs done before then (ms, real time): their jtis are handed out, their rows go. Reports and receipts stay. */
enum err spool_prune(struct spool *s, int64_t before_ms, void (*gone)(void *with, struct uuid jti),
                     void *with) MUST_USE;
enum err spool_counts(struct spool *s, struct spool_counts *ret) MUST_USE;

/* ---- its story (kontor-agent journal): what was done and why, for people ---- */

struct spool_line {
    int64_t at_ms;   /* real time */
    struct uuid jti; /* zero: of the agent itself */
    const char *what, *why;
};
/* Within the transaction of what it tells of, if there is one. */
enum err spool_tell(struct spool *s, const struct spool_line *line) MUST_USE;
/* All, or a ticket's, the first first. Lines live until take() returns. A spool that no agent has brought forward yet has
 * none. */
enum err spool_story(struct spool *s, const struct uuid *jti, void (*take)(void *with, const struct spool_line *line),
                     void *with) MUST_USE;
enum err spool_story_prune(struct spool *s, int64_t before_ms) MUST_USE;

/* ---- the witness (agent/witness.c) ---- */

/* The last checkpoint that was cosigned in a role: its signed note, whose last line is our own. */
struct spool_cosigned {
    struct witnessed at;
    uint64_t time_s; /* 0: not cosigned, but admitted by an operator: the next one must extend it */
    bool told;       /* the server has it */
    char *note;      /* free() it */
};
/* ERR_NOT_FOUND: none yet. */
enum err spool_cosigned(struct spool *s, enum witness_role role, struct spool_cosigned *ret) MUST_USE;
enum err spool_set_cosigned(struct spool *s, enum witness_role role, const struct spool_cosigned *c) MUST_USE;
enum err spool_cosigned_told(struct spool *s, enum witness_role role, uint64_t size) MUST_USE;

/* A checkpoint that must not be: while one stands, nothing is cosigned. Those that an operator has settled are kept too. */
struct spool_refusal {
    int64_t at_ms;
    enum witness_says says;
    struct checkpoint shown;
    struct witnessed had;
    bool told;
    char *note; /* as it was shown; free() it */
};
enum err spool_add_refusal(struct spool *s, const struct spool_refusal *r) MUST_USE;
/* The one that stands; ERR_NOT_FOUND. */
enum err spool_refusal(struct spool *s, struct spool_refusal *ret) MUST_USE;
enum err spool_refusal_told(struct spool *s) MUST_USE;
/* An operator's word. admit: what was shown is taken as the journal from now on, and cosigned next; else what was cosigned
 * before stays the measure. ERR_NOT_FOUND: none stands. */
enum err spool_settle_refusal(struct spool *s, bool admit) MUST_USE;
/* Each report that a site accepts a job, or that one has ended, once the server has receipted it: the first first. The receipt lives until take() returns. */
enum err spool_receipted(struct spool *s, void (*take)(void *with, const struct spool_report *r, const char *receipt), void *with) MUST_USE;
/* Ends of jobs that the server has receipted, and that the journal owes a settlement. */
struct spool_owed {
    struct uuid reservation;
    uint64_t number;
    int64_t since_ms;
    uint64_t gpu_seconds; /* read only: that the report says are to be paid (report_is_owed()); 0: none, or it is not here */
    int64_t receipted_s;  /* read only: what the server's receipt says; -1: it cannot be read */
};
enum err spool_owe(struct spool *s, const struct spool_owed *o) MUST_USE; /* the first one of a reservation stays */
enum err spool_owed(struct spool *s, void (*take)(void *with, const struct spool_owed *o), void *with) MUST_USE;
enum err spool_paid(struct spool *s, struct uuid reservation) MUST_USE;
enum err spool_forgive(struct spool *s, uint64_t *ret_n) MUST_USE; /* all of it, on the operator's word */
/* Why the journal is not attested, for the operator; "" if all is well. */
enum err spool_attest_trouble(struct spool *s, char ret[300]) MUST_USE;
enum err spool_set_attest_trouble(struct spool *s, const char *why) MUST_USE;
/* The key of the log, as it was first learned; "" if not yet. */
enum err spool_log_vkey(struct spool *s, char ret[VKEY_TEXT_MAX]) MUST_USE;
enum err spool_set_log_vkey(struct spool *s, const char *vkey) MUST_USE;

#endif
