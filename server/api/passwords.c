/* api/passwords.c */
#include "api/passwords.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/step_back.h"
#include "crypto/random.h"

enum { PROCESSES = 2, AGAIN_MS = 10000 }; /* as many as threads take what is slow; after a failure the next is tried so much later */
#define NICE     15        /* a thirtieth of a busy processor is left to sign-ins (sched(7)); a storm at 10: accepts' p99 1.86 times calm, at 15: 1.5 to 1.8 */
#define SLICE_NS 100000000 /* the longest: whoever wakes up comes first */

enum deed { DEED_VERIFY, DEED_VERIFY_NOBODY, DEED_HASH };

struct ask {
    uint8_t deed;
    uint16_t len; /* of password */
    char hash[PASSWORD_HASH_TEXT], password[PASSWORD_MAX];
};

struct answer { int32_t err; char hash[PASSWORD_HASH_TEXT]; };

struct process {
    pid_t pid; /* 0: none */
    int fd;
    bool busy;
};

struct passwords {
    const char *program;
    int answer_ms;
    const struct log *log;
    pthread_mutex_t lock;
    struct process processes[PROCESSES];
    int64_t not_before_ms; /* monotonic: no process is started before */
};

/* ---- the work -------------------------------------------------------------------------------------------------------- */

static struct answer
work(struct ask *ask)
{
    struct answer answer = { .hash = "" };

    if (ask->deed == DEED_VERIFY)
        answer.err = password_verify(ask->hash, ask->password, ask->len);
    else if (ask->deed == DEED_VERIFY_NOBODY)
        answer.err = password_verify_nobody(ask->password, ask->len);
    else
        answer.err = password_hash(ask->password, ask->len, answer.hash);
    return answer;
}

static bool
is_whole(const struct ask *ask, ssize_t n)
{
    return n == (ssize_t)sizeof *ask && ask->deed <= DEED_HASH && ask->len <= sizeof ask->password &&
           memchr(ask->hash, '\0', sizeof ask->hash);
}

int
passwords_serve(void)
{
    struct ask ask;

    crypto_ready();
    step_back(NICE, SLICE_NS);
    for (;;) {
        ssize_t n = recv(STDIN_FILENO, &ask, sizeof ask, MSG_TRUNC);
        struct answer answer;

        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !is_whole(&ask, n)) {
            fputs("kontord passwords: the server starts this, to have passwords hashed\n", stderr);
            return 2;
        }
        answer = work(&ask);
        random_wipe(&ask, sizeof ask);
        if (send(STDIN_FILENO, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            return 0; /* the server is gone */
    }
}

/* ---- the processes --------------------------------------------------------------------------------------------------- */

/* 0 or errno. No signal is blocked in it, as they are in our threads; it has a session of its own. */
static int
spawn(const char *program, int fd, pid_t *ret)
{
    const char *const argv[] = { "kontord", "passwords", NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int fault;

    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawn_file_actions_init(&actions);
    fault = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (fault == 0)
        fault = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (fault == 0)
        fault = posix_spawn(ret, program, &actions, &attr, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return fault;
}

/* 0 or errno. */
static int
start(struct process *process, const char *program)
{
    int ends[2], fault;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno;
    fault = spawn(program, ends[1], &process->pid);
    close(ends[1]);
    process->fd = ends[0];
    if (fault) {
        close(ends[0]);
        process->pid = 0;
    }
    return fault;
}

static void
end(struct process *process)
{
    if (process->pid == 0)
        return;
    close(process->fd);
    kill(process->pid, SIGKILL); /* it has nothing to keep */
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    process->pid = 0;
}

/* 0, or what is the matter with it. */
static int
exchange(struct process *process, const struct ask *ask, int answer_ms, struct answer *ret)
{
    struct pollfd answered = { .fd = process->fd, .events = POLLIN };
    int64_t until_ms = monotonic_ms() + answer_ms, left_ms = answer_ms;
    ssize_t n;
    int ready;

    if (send(process->fd, ask, sizeof *ask, MSG_NOSIGNAL) != (ssize_t)sizeof *ask)
        return EPIPE;
    while ((ready = poll(&answered, 1, (int)left_ms)) < 0 && errno == EINTR)
        if ((left_ms = until_ms - monotonic_ms()) < 0)
            left_ms = 0;
    if (ready <= 0)
        return ETIMEDOUT;
    n = recv(process->fd, ret, sizeof *ret, MSG_TRUNC); /* its true length */
    if (n == 0)
        return EPIPE;
    return n == (ssize_t)sizeof *ret && memchr(ret->hash, '\0', sizeof ret->hash) ? 0 : EPROTO;
}

static struct process *
take(struct passwords *p)
{
    struct process *taken = NULL;

    if (!p->program)
        return NULL;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PROCESSES && !taken; i++)
        if (!p->processes[i].busy && (p->processes[i].pid != 0 || monotonic_ms() >= p->not_before_ms))
            taken = &p->processes[i];
    if (taken)
        taken->busy = true;
    pthread_mutex_unlock(&p->lock);
    return taken;
}

static void
give_back(struct passwords *p, struct process *process, bool failed)
{
    pthread_mutex_lock(&p->lock);
    process->busy = false;
    if (failed)
        p->not_before_ms = monotonic_ms() + AGAIN_MS;
    pthread_mutex_unlock(&p->lock);
}

/* False: it was not to be had from a process. */
static bool
ask_process(struct passwords *p, const struct ask *ask, struct answer *ret)
{
    struct process *process = take(p);
    int fault;

    if (!process)
        return false;
    fault = process->pid ? 0 : start(process, p->program);
    if (!fault)
        fault = exchange(process, ask, p->answer_ms, ret);
    if (fault) {
        log_warning(p->log, "passwords-process", LOG_TEXT("detail", strerror(fault)), LOG_I64("pid", process->pid));
        end(process);
    }
    give_back(p, process, fault != 0);
    return fault == 0;
}

/* ---- the server's side ------------------------------------------------------------------------------------------------ */

static struct answer
have_done(struct passwords *p, enum deed deed, const char *hash, const char *password)
{
    struct ask ask = { .deed = (uint8_t)deed };
    struct answer answer;
    size_t len = strlen(password);

    if (len > sizeof ask.password || strlen(hash) >= sizeof ask.hash) /* nothing that was ever made one's own */
        return (struct answer){ .err = ERR_CREDENTIALS };
    ask.len = (uint16_t)len;
    memcpy(ask.hash, hash, strlen(hash));
    memcpy(ask.password, password, len);
    if (!ask_process(p, &ask, &answer))
        answer = work(&ask);
    random_wipe(&ask, sizeof ask);
    return answer;
}

enum err
passwords_verify(struct passwords *p, const char *hash, const char *password)
{
    struct answer answer = have_done(p, hash[0] ? DEED_VERIFY : DEED_VERIFY_NOBODY, hash, password);

    return answer.err == OK && hash[0] ? OK : ERR_CREDENTIALS;
}

enum err
passwords_hash(struct passwords *p, const char *password, char ret[PASSWORD_HASH_TEXT])
{
    struct answer answer = have_done(p, DEED_HASH, "", password);

    memcpy(ret, answer.hash, PASSWORD_HASH_TEXT);
    return answer.err == OK ? OK : ERR_BUSY;
}

struct passwords *
passwords_new(const char *program, int answer_ms, const struct log *log)
{
    struct passwords *p = xcalloc(1, sizeof *p);

    p->program = program;
    p->answer_ms = answer_ms;
    p->log = log;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void
passwords_delete(struct passwords *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < PROCESSES; i++)
        end(&p->processes[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
