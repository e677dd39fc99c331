/* agent/command.h
 * Other people's programs (Slurm's): run by their path with an argument list, never by a shell, in an environment that is
 * given whole, bounded in time, and without anybody waiting: they say by a descriptor that they have ended. */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include <sys/types.h>

#include "base/bytes.h"

#define COMMAND_OUT_MAX (64 << 20) /* more than that is an error */

struct command {
    pid_t pid; /* 0: none */
    int ended; /* readable when it has ended */
    int out, err;
    int64_t deadline_mono_ms;
    bool late;
};

struct command_result {
    int status;    /* exit status; 128 + n: ended by signal n, also by us when it was late; -1: its output was too much */
    bool late;     /* it was ended at its deadline */
    char *out;     /* what it printed, ended by NUL; free() it */
    char err[256]; /* the first line of what it said on standard error, printable; none of sudo's remarks */
};

/* argv[0] is its path. input is its standard input. It gets a session of its own, so that it outlives us. ERR_IO. */
enum err command_start(struct command *c, const char *const *argv, const char *const *envp, struct bytes input,
                       int64_t timeout_ms, struct err_detail *d) MUST_USE;
/* Has it ended? Then *ret is filled and *c is free. Kills it when its time is over. */
bool command_ended(struct command *c, struct command_result *ret) MUST_USE;
/* Wait for its end, at most until its deadline: for who has nothing else to do. */
void command_wait(struct command *c, struct command_result *ret);
/* Let it go on without us. */
void command_leave(struct command *c);

#endif
