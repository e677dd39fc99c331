/* agent/sandbox.h
 * Starting and ending a payload: in bubblewrap (no network, no view of anything but the system's programs, own processes,
 * dies with its supervisor), or plainly where the operator chose that. Used by the supervisor alone. */
#ifndef AGENT_SANDBOX_H
#define AGENT_SANDBOX_H

#include <sys/resource.h>
#include <sys/types.h>

#include "agent/run.h"

struct sandbox {
    enum run_sandbox kind;
    pid_t pid;       /* our child: bwrap, or the payload itself */
    pid_t inner;     /* bwrap: the first process inside, 0 until known */
    int output;      /* read end: what it prints; not blocking */
    int told;        /* bwrap: read end of its status; not blocking, -1 without */
    int gate;        /* bwrap: the payload starts when this is written to; -1: it was, or there is none */
    rlim_t processes, memory; /* its limits; bytes */
    uid_t run_uid;            /* as whom it runs, where we are root */
    gid_t run_gid;
    char said[1024]; /* what came from there */
    size_t said_len;
    bool exited; /* the payload's exit code is known */
    int exit_code;
};

/* Start the payload in folder `dir`, with the secrets ("NAME=VALUE" and a zero, one after the other) in its environment and
 * nowhere else. ERR_IO, with *why (static text), if it cannot even be tried. */
enum err sandbox_start(int dir, const struct run_spec *spec, struct bytes secrets, struct sandbox *ret, const char **why) MUST_USE;
/* Read what bwrap tells of the payload. As long as .gate is not -1 call it whenever .told can be read: it lets the payload
 * start, within its limits. */
void sandbox_listen(struct sandbox *s);
/* Ask it to end (SIGTERM to the payload's processes), or end it (SIGKILL to all of them). */
void sandbox_signal(struct sandbox *s, int signal);
/* Our child has ended with this wait status: sets exited and exit_code where the payload got that far. */
void sandbox_ended(struct sandbox *s, int wait_status);
/* End and reap whatever the payload left behind; we must be a subreaper. */
void sandbox_sweep(void);
/* End what a supervisor that is dead left of the run `jti`: a bwrap whose first process waits to start the payload does not
 * follow it. Whoever else's processes: untouched. */
void sandbox_end_left(const char *jti);

/* Try bubblewrap with an empty payload as it would be used. OK; ERR_IO with what it said. Waits at most 10 s. */
enum err sandbox_try(const struct run_spec *spec, char *ret_said, size_t cap) MUST_USE;

#endif
