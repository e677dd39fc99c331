/* agent/run.h
 * A claim folder of the backend `exec`, the only thing that agent and supervisor share. Its name is the ticket's jti; it
 * is made and locked (flock) under a temporary name, then renamed, so it exists whole or not at all. Who holds the lock
 * answers for it; when nobody does, the run is dead. In it:
 *   spec     what to run, written by the agent before the claim       script   the workload's bytes
 *   started  when the payload was started, written before it starts   cancel   exists: stop, or do not begin
 *   output   the last OUTPUT_MAX bytes of what it printed             status   how it ended: written once, never changed
 *   control  a FIFO: any byte makes the supervisor look at `cancel`
 * spec, started and status are lines "NAME VALUE", no white space in values but in paths. */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include <limits.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "core/agent_step.h"

#define RUN_OUTPUT_MAX 65536
#define RUN_LOCK_FD    3 /* the supervisor inherits: the claim folder, locked */
#define RUN_GO_FD      4 /* … and a pipe: 'g' means claimed; its end means look for yourself */
#define RUN_SECRETS_FD 5 /* … and, if the run has secrets, memory that holds them: "NAME=VALUE" and a zero, one after the other. On no disk. */
#define RUN_SECRETS_MAX 65536

enum run_sandbox { RUN_BWRAP, RUN_NONE };

struct run_spec {
    char jti[UUID_TEXT], request[UUID_TEXT], reservation[UUID_TEXT];
    uint32_t gpus, nodes, walltime_s;
    int64_t start_at_ms, start_by_ms; /* journal's clock */
    int64_t permit_until_mono_ms;     /* CLOCK_MONOTONIC of this boot */
    struct clock clock;
    enum run_sandbox sandbox;
    uint32_t run_uid, run_gid;              /* who runs the payload if the agent is root; 0: as we are */
    uint32_t memory_mb, processes, grace_s; /* per process; at most; between TERM and KILL */
    char share[PATH_MAX];                   /* a folder that every run may write to, "" none */
    char wake[PATH_MAX];                    /* FIFO of the agent: the jti and a line feed when something happens */
};

struct run_status {
    enum agent_end end;
    int64_t started_ms, ended_ms; /* 0: never */
    uint64_t gpu_seconds;
    int32_t exit_code; /* 128 + n: ended by signal n */
};

/* All on an open folder. Writes are whole or not at all. A status is synced; spec and started are not: they are for a living
 * supervisor and its agent. After a power cut the claim alone says that the payload must not be started any more.
 * ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
enum err run_spec_write(int dir, const struct run_spec *spec) MUST_USE;
enum err run_spec_read(int dir, struct run_spec *ret) MUST_USE;
enum err run_started_write(int dir, int64_t started_ms) MUST_USE;
enum err run_started_read(int dir, int64_t *ret) MUST_USE;
enum err run_status_write(int dir, const struct run_status *status) MUST_USE; /* ERR_EXISTS if there is one */
enum err run_status_read(int dir, struct run_status *ret) MUST_USE;
/* What is on disk when a file has been written: nothing for certain; its bytes, which have their name when a status is
 * written after them; both. */
enum run_sync { RUN_UNSYNCED, RUN_BYTES_SYNCED, RUN_SYNCED };
/* A file of the folder: replaced as a whole. */
enum err run_file_write(int dir, const char *name, const void *data, size_t len, enum run_sync sync) MUST_USE;
/* Up to cap bytes from the file's end. */
enum err run_file_tail(int dir, const char *name, void *ret, size_t cap, size_t *ret_len) MUST_USE;

/* A folder and what is in it, as far as it may be removed; no link is followed. */
void run_folder_remove(int dir, const char *name);

/* GPU-seconds of a run of so many ms of the journal's clock: GPUs × whole seconds, at most the walltime. */
uint64_t run_use(const struct run_spec *spec, int64_t ran_ms, bool round_up);

#define RUN_NICE 5 /* of jobs and their supervisors: the agent, and whatever else runs there, come first */

/* The supervisor: kontor-supervise FOLDER. Returns its exit status. */
int supervise(const char *folder);

#endif
