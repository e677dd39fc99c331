/* agent/command.c */
#include "agent/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"

/* A memory file for its standard input; -1 if it cannot be made. */
static int
file_of(struct bytes input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t at = 0;

    while (fd >= 0 && at < input.len) {
        ssize_t n = write(fd, input.data + at, input.len - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

/* 0 or errno. */
static int
spawn(const char *const *argv, const char *const *envp, int in, int out, int err, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    int fault;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGCHLD), sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawn_file_actions_init(&actions);
    fault = posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (fault == 0)
        fault = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (fault == 0)
        fault = posix_spawn_file_actions_adddup2(&actions, err, 2);
    if (fault == 0)
        fault = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (fault == 0)
        fault = posix_spawn(ret, argv[0], &actions, &attr, (char *const *)argv, (char *const *)envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return fault;
}

static void
close_all(struct command *c)
{
    if (c->ended >= 0)
        close(c->ended);
    if (c->out >= 0)
        close(c->out);
    if (c->err >= 0)
        close(c->err);
    *c = (struct command){ .ended = -1, .out = -1, .err = -1 };
}

enum err
command_start(struct command *c, const char *const *argv, const char *const *envp, struct bytes input, int64_t timeout_ms,
              struct err_detail *d)
{
    int in = file_of(input), fault = in < 0 ? errno : 0;

    *c = (struct command){
        .ended = -1,
        .out = memfd_create("output", MFD_CLOEXEC),
        .err = memfd_create("errors", MFD_CLOEXEC),
        .deadline_mono_ms = monotonic_ms() + timeout_ms,
    };
    if (fault == 0 && (c->out < 0 || c->err < 0))
        fault = errno;
    if (fault == 0)
        fault = spawn(argv, envp, in, c->out, c->err, &c->pid);
    if (in >= 0)
        close(in);
    if (fault) {
        close_all(c);
        return err_internal(d, ERR_IO, "%s cannot be started: %s", argv[0], strerror(fault));
    }
    c->ended = pidfd_open(c->pid, 0);
    return OK;
}

/* All of a memory file, ended by NUL; NULL if it is more than cap. */
static char *
text_of(int fd, size_t cap)
{
    struct stat st;
    char *ret;
    size_t len = 0;
    ssize_t n;

    if (fstat(fd, &st) != 0 || (size_t)st.st_size > cap || lseek(fd, 0, SEEK_SET) != 0)
        return NULL;
    ret = xmalloc((size_t)st.st_size + 1);
    while (len < (size_t)st.st_size && (n = read(fd, ret + len, (size_t)st.st_size - len)) > 0)
        len += (size_t)n;
    ret[len] = 0;
    return ret;
}

/* What sudo remarks before it goes on: the command's own words follow. */
static bool
is_remark(const char *line)
{
    static const char *const REMARKS[] = { "sudo: unable to resolve host ", "sudo: setrlimit(", "sudo: unable to send audit message" };

    for (size_t i = 0; i < sizeof REMARKS / sizeof REMARKS[0]; i++)
        if (text_starts(line, REMARKS[i]))
            return true;
    return false;
}

static void
first_line(int fd, char *ret, size_t cap)
{
    char text[2048], *line = text;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = 0;
    while (is_remark(line) && strchr(line, '\n'))
        line = strchr(line, '\n') + 1;
    text_format(ret, cap, "%.*s", (int)strcspn(line, "\n"), line);
    for (char *at = ret; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

bool
command_ended(struct command *c, struct command_result *ret)
{
    int status;
    pid_t pid = waitpid(c->pid, &status, WNOHANG);

    if (pid == 0) {
        if (monotonic_ms() >= c->deadline_mono_ms && !c->late) {
            c->late = true;
            kill(-c->pid, SIGKILL);
        }
        return false;
    }
    *ret = (struct command_result){ .late = c->late };
    if (pid < 0) /* nobody else collects our children; if somebody has, nothing is known of this one */
        ret->status = -1;
    else
        ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ret->out = text_of(c->out, COMMAND_OUT_MAX);
    if (!ret->out) {
        ret->out = xstrdup("");
        ret->status = -1;
    }
    first_line(c->err, ret->err, sizeof ret->err);
    close_all(c);
    return true;
}

void
command_wait(struct command *c, struct command_result *ret)
{
    while (!command_ended(c, ret)) {
        struct pollfd p = { .fd = c->ended, .events = POLLIN };

        poll(&p, 1, (int)max_i64(min_i64(c->deadline_mono_ms - monotonic_ms(), 1000), 1));
    }
}

void
command_leave(struct command *c)
{
    if (c->pid)
        close_all(c);
}
