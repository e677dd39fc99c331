/* agent/supervise.c
 * The supervisor of one run: a process of its own, in its own session, that outlives the agent. It holds the claim's lock
 * for life, starts the payload once and only while permit and start-by allow, enforces the walltime, keeps the output's
 * tail, and writes how it ended. Everything it needs is in the claim folder. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/run.h"
#include "agent/sandbox.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/step_back.h"

#define FLUSH_EVERY_MS 1000
#define STATUS_TRIES   60 /* a second apart: a disk may be full for a while */
#define LOOK_EVERY_MS  10000

struct watch {
    struct run_spec spec;
    struct sandbox box;
    int signals, control;
    struct bytes secrets; /* in memory only */
    enum { RUNS, STOP_WALLTIME, STOP_CANCEL, STOP_SITE } stop;
    int64_t started_ms, start_mono_ms, deadline_mono_ms, kill_mono_ms, flush_mono_ms; /* 0: not set */
    char tail[RUN_OUTPUT_MAX]; /* a ring: the last `printed` bytes end at tail_at */
    size_t tail_at;
    uint64_t printed;
    bool dirty, reaped;
    int wait_status;
};

/* Tell the agent that something happened; if it is away, it will look by itself. */
static void
wake_agent(const struct run_spec *spec)
{
    char line[UUID_TEXT + 1];
    int fd = spec->wake[0] ? open(spec->wake, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    int len = snprintf(line, sizeof line, "%s\n", spec->jti);

    if (fd < 0)
        return;
    if (write(fd, line, (size_t)len) < 0)
        errno = 0; /* full: the agent has enough to look at */
    close(fd);
}

/* Is the folder at its final name the one whose lock we hold? */
static bool
claimed_as(const char *folder)
{
    struct stat ours, named;

    return fstat(RUN_LOCK_FD, &ours) == 0 && stat(folder, &named) == 0 && ours.st_dev == named.st_dev &&
           ours.st_ino == named.st_ino;
}

/* The folder's entry under its final name, on disk: whoever looks after a power cut must find the claim. */
static bool
claim_synced(const char *folder)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(folder, '/');
    int fd;
    bool synced;

    snprintf(parent, sizeof parent, "%.*s", (int)(slash - folder), folder);
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    synced = fd >= 0 && fsync(fd) == 0;
    close(fd);
    return synced;
}

/* The agent says 'g' when the claim stands. If it dies first, the folder's name tells. */
static bool
wait_for_claim(const char *folder)
{
    char c;
    ssize_t n;

    do
        n = read(RUN_GO_FD, &c, 1);
    while (n < 0 && errno == EINTR);
    close(RUN_GO_FD);
    return (n == 1 || claimed_as(folder)) && claim_synced(folder);
}

static bool
exists(const char *name)
{
    struct stat st;

    return fstatat(RUN_LOCK_FD, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
removed(void)
{
    struct stat st;

    return fstat(RUN_LOCK_FD, &st) == 0 && st.st_nlink == 0;
}

static int
end_with(const struct run_spec *spec, struct run_status status)
{
    enum err err = ERR_IO;

    for (int i = 0; i < STATUS_TRIES && err != OK && err != ERR_EXISTS && !removed(); i++) {
        if (i > 0)
            poll(NULL, 0, 1000);
        err = run_status_write(RUN_LOCK_FD, &status);
    }
    wake_agent(spec);
    return err ? 1 : 0;
}

/* Signals that came: the system goes down, or a child ended. */
static void
read_signals(struct watch *w)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(w->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD && w->stop == RUNS)
            w->stop = STOP_SITE;
    while (w->box.pid > 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == w->box.pid) {
            w->reaped = true;
            w->wait_status = status;
        }
}

static void
read_control(struct watch *w)
{
    char bytes[64];

    while (read(w->control, bytes, sizeof bytes) > 0)
        ;
    if (w->stop == RUNS && exists("cancel"))
        w->stop = STOP_CANCEL;
}

static void
keep_tail(struct watch *w, const char *data, size_t len)
{
    w->printed += len;
    w->dirty = true;
    while (len > 0) {
        size_t n = sizeof w->tail - w->tail_at < len ? sizeof w->tail - w->tail_at : len;

        memcpy(w->tail + w->tail_at, data, n);
        w->tail_at = (w->tail_at + n) % sizeof w->tail;
        data += n;
        len -= n;
    }
}

/* False at its end. */
static bool
read_output(struct watch *w)
{
    char data[16384];
    ssize_t n = 1;

    for (int i = 0; i < 64 && n > 0; i++) { /* a flood must not keep us from the clock */
        n = read(w->box.output, data, sizeof data);
        if (n > 0)
            keep_tail(w, data, (size_t)n);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The last time before the status is written, which says that it is whole. */
static void
flush_output(struct watch *w, bool last)
{
    char text[RUN_OUTPUT_MAX];
    size_t len = w->printed < sizeof w->tail ? (size_t)w->printed : sizeof w->tail, first;

    if (!w->dirty && !last)
        return;
    first = w->printed <= sizeof w->tail ? 0 : w->tail_at; /* where the oldest byte is */
    memcpy(text, w->tail + first, len - first);
    memcpy(text + len - first, w->tail, first);
    if (run_file_write(RUN_LOCK_FD, "output", text, len, last && len > 0 ? RUN_BYTES_SYNCED : RUN_UNSYNCED) == OK)
        w->dirty = false;
    w->flush_mono_ms = monotonic_ms() + FLUSH_EVERY_MS;
}

static int
until(int64_t at_mono_ms, int timeout)
{
    int64_t left_ms;

    if (at_mono_ms == 0)
        return timeout;
    left_ms = max_i64(at_mono_ms - monotonic_ms(), 0);
    return timeout < 0 || left_ms < timeout ? (int)min_i64(left_ms, 3600000) : timeout;
}

/* Wait for the window's start. False if it is not to start any more: then *ret says how it ended. A claim whose folder was
 * taken away (a spool removed, another put in its place) starts nothing, and nobody waits on for it. */
static bool
wait_to_start(struct watch *w, const char *folder, struct run_status *ret)
{
    for (;;) {
        int64_t now_ms = clock_now(&w->spec.clock), left_ms = w->spec.start_at_ms - now_ms;
        struct pollfd fds[] = { { .fd = w->signals, .events = POLLIN }, { .fd = w->control, .events = POLLIN } };

        read_control(w);
        if (w->stop != RUNS || now_ms > w->spec.start_by_ms || !claimed_as(folder)) {
            *ret = (struct run_status){ .end = w->stop == STOP_CANCEL ? AGENT_END_CANCELLED : AGENT_END_UNSTARTED };
            return false;
        }
        if (left_ms <= 0) {
            w->started_ms = now_ms; /* the time that was compared: however long what follows takes, it was in time */
            w->start_mono_ms = monotonic_ms();
            return true;
        }
        poll(fds, 2, (int)min_i64(clock_to_real(&w->spec.clock, left_ms), LOOK_EVERY_MS));
        read_signals(w);
    }
}

static void
ask_to_end(struct watch *w)
{
    int64_t now_ms = monotonic_ms();

    if (w->stop == RUNS && w->deadline_mono_ms <= now_ms)
        w->stop = STOP_WALLTIME;
    if (w->stop == RUNS)
        return;
    if (w->kill_mono_ms == 0) {
        w->kill_mono_ms = now_ms + (int64_t)w->spec.grace_s * 1000 + 1;
        sandbox_signal(&w->box, SIGTERM);
    } else if (w->kill_mono_ms <= now_ms) {
        sandbox_signal(&w->box, SIGKILL);
        w->kill_mono_ms = now_ms + 1000;
    }
}

static void
watch_payload(struct watch *w)
{
    bool prints = true;

    while (!w->reaped) {
        struct pollfd fds[] = {
            { .fd = w->signals, .events = POLLIN },
            { .fd = w->control, .events = POLLIN },
            { .fd = prints ? w->box.output : -1, .events = POLLIN },
            { .fd = w->box.gate >= 0 ? w->box.told : -1, .events = POLLIN },
        };
        int timeout = until(w->kill_mono_ms ? w->kill_mono_ms : w->deadline_mono_ms, -1);

        if (w->dirty)
            timeout = until(w->flush_mono_ms, timeout);
        poll(fds, 4, timeout);
        if (fds[2].revents)
            prints = read_output(w);
        if (fds[3].revents)
            sandbox_listen(&w->box);
        read_signals(w);
        read_control(w);
        ask_to_end(w);
        if (monotonic_ms() >= w->flush_mono_ms)
            flush_output(w, false);
    }
    while (prints &&
           w->printed < UINT64_MAX / 2) { /* what is still in the pipe; a stray holder of it does not keep us */
        uint64_t before = w->printed;

        prints = read_output(w) && w->printed != before;
    }
}

static struct run_status
status_of(struct watch *w)
{
    int64_t ran_ms = (monotonic_ms() - w->start_mono_ms) * w->spec.clock.rate;
    struct run_status s = {
        .started_ms = w->started_ms,
        .ended_ms = w->started_ms + ran_ms,
        .gpu_seconds = run_use(&w->spec, ran_ms, true),
    };

    sandbox_ended(&w->box, w->wait_status);
    s.exit_code = w->box.exited ? w->box.exit_code : 128 + SIGKILL;
    if (w->stop == STOP_CANCEL)
        s.end = AGENT_END_CANCELLED;
    else if (w->stop == STOP_WALLTIME)
        s.end = AGENT_END_WALLTIME;
    else if (w->stop == STOP_SITE || !w->box.exited) /* the sandbox itself failed, or was killed from outside */
        s.end = AGENT_END_SITE;
    else
        s.end = AGENT_END_EXIT;
    return s;
}

static int
run_payload(struct watch *w)
{
    const char *why;
    struct run_status status;

    if (run_started_write(RUN_LOCK_FD, w->started_ms) != OK)
        return end_with(&w->spec, (struct run_status){ .end = AGENT_END_UNSTARTED });
    w->deadline_mono_ms = monotonic_ms() + clock_to_real(&w->spec.clock, (int64_t)w->spec.walltime_s * 1000);
    if (sandbox_start(RUN_LOCK_FD, &w->spec, w->secrets, &w->box, &why) != OK) {
        keep_tail(w, why, strlen(why));
        flush_output(w, true);
        return end_with(&w->spec, (struct run_status){
                                      .end = AGENT_END_SITE, .started_ms = w->started_ms, .ended_ms = w->started_ms });
    }
    if (w->secrets.len > 0)
        explicit_bzero((void *)w->secrets.data, w->secrets.len); /* the payload has them */
    wake_agent(&w->spec);
    watch_payload(w);
    status = status_of(w);
    sandbox_sweep();
    flush_output(w, true);
    return end_with(&w->spec, status);
}

static int
open_signals(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD), sigaddset(&mask, SIGTERM), sigaddset(&mask, SIGINT), sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* From the agent's hands into our memory, which is in no core file. False: they are there and cannot be read. */
static bool
take_secrets(struct bytes *ret)
{
    uint8_t *memory;
    const struct rlimit no_core = { 0, 0 };
    size_t len = 0;
    ssize_t n;

    if (fcntl(RUN_SECRETS_FD, F_GETFD) < 0)
        return true;
    setrlimit(RLIMIT_CORE, &no_core);
    memory = xcalloc(1, RUN_SECRETS_MAX); /* for life */
    while (len < RUN_SECRETS_MAX && (n = read(RUN_SECRETS_FD, memory + len, RUN_SECRETS_MAX - len)) > 0)
        len += (size_t)n;
    close(RUN_SECRETS_FD);
    *ret = BYTES(memory, len);
    return len > 0 && len < RUN_SECRETS_MAX && memory[len - 1] == 0;
}

int
supervise(const char *folder)
{
    struct watch w = { 0 };
    struct run_status status;

    step_back(RUN_NICE, 0);
    fcntl(RUN_LOCK_FD, F_SETFD, FD_CLOEXEC);
    fcntl(RUN_GO_FD, F_SETFD, FD_CLOEXEC);
    if (!take_secrets(&w.secrets))
        return 1;
    /* The lock came with the descriptor; taking it again through the same one says that nobody else has it. */
    if (flock(RUN_LOCK_FD, LOCK_EX | LOCK_NB) != 0 || run_spec_read(RUN_LOCK_FD, &w.spec) != OK)
        return 1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    w.signals = open_signals();
    mkfifoat(RUN_LOCK_FD, "control", 0600);
    w.control = openat(RUN_LOCK_FD, "control", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (w.signals < 0 || w.control < 0 || !wait_for_claim(folder))
        return 1;
    if (exists("status")) /* somebody declared this run dead */
        return 0;
    if (monotonic_ms() >= w.spec.permit_until_mono_ms)
        return end_with(&w.spec, (struct run_status){ .end = AGENT_END_UNSTARTED });
    if (!wait_to_start(&w, folder, &status))
        return end_with(&w.spec, status);
    return run_payload(&w);
}
