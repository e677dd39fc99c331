/* agent/backend_exec.c: the backend `exec`, for demonstration and a laptop. Claim folders and their rules: agent/run.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backend.h"
#include "agent/run.h"
#include "agent/sandbox.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"

#define NEW_PREFIX ".new-"

struct backend {
    char folder[PATH_MAX - 64], supervisor[PATH_MAX], wake[PATH_MAX];
    int dir, wake_fd;
    struct run_spec common; /* what all runs share */
    uint32_t gpus;
    char heard[512]; /* read from the FIFO, not yet handed out */
    size_t heard_len;
};

/* ---- claiming ---- */

/* The folder under its temporary name, locked, with spec and script in it. */
static int
prepare(struct backend *b, const struct backend_run *run, const char *name)
{
    struct run_spec spec = b->common;
    int fd;

    if (mkdirat(b->dir, name, 0700) != 0)
        return -1;
    fd = openat(b->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    uuid_text(run->jti, spec.jti);
    uuid_text(run->request, spec.request);
    uuid_text(run->reservation, spec.reservation);
    spec.gpus = run->gpus;
    spec.nodes = run->nodes;
    spec.walltime_s = run->walltime_s;
    spec.start_at_ms = run->start_at_ms;
    spec.start_by_ms = run->start_by_ms;
    spec.permit_until_mono_ms = run->permit_until_mono_ms;
    spec.clock = run->clock;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        run_file_write(fd, "script", run->script.data, run->script.len, RUN_UNSYNCED) == OK && run_spec_write(fd, &spec) == OK)
        return fd;
    if (fd >= 0)
        close(fd);
    run_folder_remove(b->dir, name);
    return -1;
}

/* Memory that the supervisor inherits; -1: there is nothing to hand over. False: it failed. */
static bool
secrets_in_memory(struct bytes secrets, int *ret)
{
    size_t at = 0;
    ssize_t n;

    *ret = -1;
    if (secrets.len == 0)
        return true;
    *ret = memfd_create("secrets", MFD_CLOEXEC);
    while (*ret >= 0 && at < secrets.len && (n = write(*ret, secrets.data + at, secrets.len - at)) > 0)
        at += (size_t)n;
    if (*ret >= 0 && at == secrets.len && lseek(*ret, 0, SEEK_SET) == 0)
        return true;
    if (*ret >= 0)
        close(*ret);
    *ret = -1;
    return false;
}

/* The supervisor: own session, the lock, the pipe and what is secret as its only descriptors beside 0 to 2. Not by fork(): that copies what
 * we have mapped, and waits for locks that the starts and ends of other runs hold; a site starts many at a time. 0 or
 * errno. */
static int
spawn_supervisor(struct backend *b, int lock, int go, int secrets, const char *folder, pid_t *ret)
{
    char *argv[] = { (char *)"kontor-supervise", (char *)folder, NULL };
    char *envp[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL };
    int aside = (int)max_i64(max_i64(max_i64(lock, go), secrets), RUN_SECRETS_FD) + 1, fault;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, defaults;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGCHLD);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawn_file_actions_init(&actions);
    fault = posix_spawn_file_actions_adddup2(&actions, lock, aside);
    if (fault == 0)
        fault = posix_spawn_file_actions_adddup2(&actions, go, aside + 1);
    if (fault == 0 && secrets >= 0)
        fault = posix_spawn_file_actions_adddup2(&actions, secrets, aside + 2);
    if (fault == 0)
        fault = posix_spawn_file_actions_adddup2(&actions, aside, RUN_LOCK_FD);
    if (fault == 0)
        fault = posix_spawn_file_actions_adddup2(&actions, aside + 1, RUN_GO_FD);
    if (fault == 0 && secrets >= 0)
        fault = posix_spawn_file_actions_adddup2(&actions, aside + 2, RUN_SECRETS_FD);
    if (fault == 0)
        fault = posix_spawn_file_actions_addclosefrom_np(&actions, secrets >= 0 ? RUN_SECRETS_FD + 1 : RUN_GO_FD + 1);
    if (fault == 0)
        fault = posix_spawn(ret, b->supervisor, &actions, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return fault;
}

static struct agent_event
not_submitted(struct err_detail *d, const char *what, enum report_reason reason)
{
    enum err ignored = err_internal(d, ERR_IO, "%s: %s", what, strerror(errno));

    (void)ignored;
    return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = reason };
}

static struct agent_event
exec_submit(struct backend *b, const struct backend_run *run, struct err_detail *d)
{
    char name[UUID_TEXT], temporary[UUID_TEXT + sizeof NEW_PREFIX], folder[PATH_MAX];
    int lock, go[2], secrets, why;
    pid_t pid;
    bool claimed;

    if (b->gpus && run->gpus > b->gpus)
        return not_submitted(d, "more GPUs than this site has", REASON_RESOURCE);
    uuid_text(run->jti, name);
    snprintf(temporary, sizeof temporary, NEW_PREFIX "%s", name);
    snprintf(folder, sizeof folder, "%s/%s", b->folder, name);
    run_folder_remove(b->dir, temporary); /* of an agent that died here; its supervisor, if any, never claimed */
    lock = prepare(b, run, temporary);
    if (lock < 0)
        return not_submitted(d, "cannot make the claim's folder", REASON_SITE);
    if (pipe2(go, O_CLOEXEC) != 0) {
        close(lock);
        return not_submitted(d, "cannot make a pipe", REASON_SITE);
    }
    why = secrets_in_memory(run->secrets, &secrets) ? spawn_supervisor(b, lock, go[0], secrets, folder, &pid) : ENOMEM;
    close(go[0]);
    if (secrets >= 0)
        close(secrets);
    close(lock); /* the supervisor's now */
    /* From the rename on the run is claimed. Its supervisor is there already, so no crash of ours wastes the claim; it
     * makes the claim durable before it starts anything, so that we need not wait for the disk here. */
    claimed = why == 0 && renameat(b->dir, temporary, b->dir, name) == 0;
    if (claimed && write(go[1], "g", 1) == 1) {
        close(go[1]);
        return (struct agent_event){ .kind = AGENT_ON_SUBMITTED };
    }
    if (why == 0)
        why = claimed ? 0 : errno;
    close(go[1]);
    if (claimed)
        return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN };
    run_folder_remove(b->dir, temporary);
    if (why == EEXIST || why == ENOTEMPTY) /* claimed before: a look-up tells what became of it */
        return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN };
    errno = why;
    return not_submitted(d, "cannot start a supervisor", REASON_SITE);
}

/* ---- looking up ---- */

static struct agent_event
ended_event(const struct run_status *s)
{
    return (struct agent_event){
        .kind = AGENT_ON_ENDED,
        .end = s->end,
        .started_ms = s->started_ms,
        .ended_ms = s->ended_ms,
        .gpu_seconds = s->gpu_seconds,
        .exit_code = s->exit_code,
    };
}

static struct agent_event
alive_event(int fd, int64_t now_ms, struct err_detail *d)
{
    struct run_spec spec;
    int64_t started_ms;
    enum err err = run_started_read(fd, &started_ms);

    if (err == ERR_NOT_FOUND)
        return (struct agent_event){ .kind = AGENT_ON_QUEUED };
    if (err == OK)
        err = run_spec_read(fd, &spec);
    if (err) {
        err = err_internal(d, err, "a claim's files cannot be read");
        return (struct agent_event){ .kind = AGENT_ON_UNKNOWN };
    }
    return (struct agent_event){ .kind = AGENT_ON_STARTED,
                                 .started_ms = started_ms,
                                 .gpu_seconds = run_use(&spec, now_ms - started_ms, false) };
}

/* Nobody holds its lock: it is dead. We hold it now, and say so under it, unless a status has been written meanwhile. */
static struct agent_event
dead_event(int fd, const char *jti, int64_t now_ms, struct err_detail *d)
{
    struct run_status status = { .end = AGENT_END_SITE };
    enum err err = run_status_read(fd, &status);

    if (err == ERR_NOT_FOUND) {
        sandbox_end_left(jti); /* before anybody hears that it is over */
        status = (struct run_status){ .end = AGENT_END_SITE, .exit_code = 128 + SIGKILL };
        if (run_started_read(fd, &status.started_ms) == OK)
            status.ended_ms = max_i64(now_ms, status.started_ms);
        err = run_status_write(fd, &status);
    }
    if (err) {
        err = err_internal(d, err, "a dead claim's status cannot be read or written");
        return (struct agent_event){ .kind = AGENT_ON_UNKNOWN };
    }
    return ended_event(&status);
}

static struct agent_event
exec_look_up(struct backend *b, struct uuid jti, int64_t now_ms, struct err_detail *d)
{
    char name[UUID_TEXT];
    struct run_status status;
    struct agent_event ret = { .kind = AGENT_ON_UNKNOWN };
    int fd;

    uuid_text(jti, name);
    fd = openat(b->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        ret.kind = errno == ENOENT ? AGENT_ON_NONE : AGENT_ON_UNKNOWN;
        return ret;
    }
    if (run_status_read(fd, &status) == OK)
        ret = ended_event(&status);
    else if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        ret = dead_event(fd, name, now_ms, d);
    else if (errno == EWOULDBLOCK)
        ret = alive_event(fd, now_ms, d);
    close(fd);
    return ret;
}

static void
exec_cancel(struct backend *b, struct uuid jti)
{
    char name[UUID_TEXT];
    int fd, control;

    uuid_text(jti, name);
    fd = openat(b->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (run_file_write(fd, "cancel", "", 0, RUN_SYNCED) == OK) {
        control = openat(fd, "control", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (control >= 0) {
            if (write(control, "c", 1) < 0)
                errno = 0; /* full: it has been told */
            close(control);
        }
    }
    close(fd);
}

static size_t
exec_output(struct backend *b, struct uuid jti, void *ret, size_t cap)
{
    char name[UUID_TEXT];
    size_t len = 0;
    int fd;

    uuid_text(jti, name);
    fd = openat(b->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    if (run_file_tail(fd, "output", ret, cap, &len) != OK)
        len = 0;
    close(fd);
    return len;
}

/* Only what is dead and told may go. */
static void
exec_forget(struct backend *b, struct uuid jti)
{
    char name[UUID_TEXT];
    struct run_status status;
    int fd;
    bool over;

    uuid_text(jti, name);
    fd = openat(b->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    over = flock(fd, LOCK_EX | LOCK_NB) == 0 && run_status_read(fd, &status) == OK;
    if (over)
        run_folder_remove(b->dir, name);
    close(fd);
}

static void
exec_inventory(struct backend *b, struct json_out *o)
{
    json_text(o, "backend", "exec");
    json_text(o, "purpose", "demonstration: no GPU is touched; use is GPUs times seconds");
    json_text(o, "sandbox", b->common.sandbox == RUN_BWRAP ? "bwrap" : "none");
    json_bool(o, "gpus_pretended", true);
    json_i64(o, "gpus", b->gpus);
    json_i64(o, "memory_mb_per_process", b->common.memory_mb);
    json_i64(o, "processes_per_run", b->common.processes);
}

/* ---- being woken ---- */

static int
exec_wake_fd(struct backend *b)
{
    return b->wake_fd;
}

static bool
exec_woken(struct backend *b, struct uuid *ret)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) /* supervisors that have ended while we live */
        ;
    for (;;) {
        char *end = memchr(b->heard, '\n', b->heard_len);
        ssize_t n;
        bool right;

        if (end) {
            size_t used = (size_t)(end - b->heard) + 1;

            *end = 0;
            right = uuid_parse(b->heard, ret);
            b->heard_len -= used;
            memmove(b->heard, end + 1, b->heard_len);
            if (right)
                return true;
            continue;
        }
        if (b->heard_len == sizeof b->heard)
            b->heard_len = 0; /* no line is that long */
        n = read(b->wake_fd, b->heard + b->heard_len, sizeof b->heard - b->heard_len);
        if (n <= 0)
            return false;
        b->heard_len += (size_t)n;
    }
}

static void
exec_close(struct backend *b)
{
    close(b->dir);
    close(b->wake_fd);
    free(b);
}

/* ---- opening ---- */

/* The supervisor beside our own program (a build tree), else where it was installed. */
static bool
find_supervisor(const char *given, char *ret, size_t cap)
{
    ssize_t len;
    char *slash;

    if (given[0]) {
        snprintf(ret, cap, "%s", given);
        return access(ret, X_OK) == 0;
    }
    len = readlink("/proc/self/exe", ret, cap - 1);
    if (len > 0) {
        ret[len] = 0;
        slash = strrchr(ret, '/');
        snprintf(slash, cap - (size_t)(slash - ret), "/kontor-supervise");
        if (access(ret, X_OK) == 0)
            return true;
    }
    snprintf(ret, cap, "%s", PKGLIBEXECDIR "/kontor-supervise");
    return access(ret, X_OK) == 0;
}

static enum err
find_user(const char *name, struct run_spec *ret, struct err_detail *d)
{
    struct passwd *user;

    if (geteuid() != 0)
        return OK;
    user = getpwnam(name);
    if (!user || user->pw_uid == 0)
        return err_internal(d, ERR_CONFIG, "run_as = %s: there is no such user, or it is root", name);
    ret->run_uid = user->pw_uid;
    ret->run_gid = user->pw_gid;
    return OK;
}

/* Folders of an agent that died while it claimed: nobody holds them, nobody ever will. */
static void
clear_unclaimed(struct backend *b)
{
    DIR *list = fdopendir(openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *e;

    if (!list)
        return;
    while ((e = readdir(list)) != NULL) {
        int fd;

        if (!text_starts(e->d_name, NEW_PREFIX))
            continue;
        fd = openat(b->dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            run_folder_remove(b->dir, e->d_name);
        if (fd >= 0)
            close(fd);
    }
    closedir(list);
}

static enum err
open_folder(struct backend *b, const char *folder, struct err_detail *d)
{
    char whole[PATH_MAX];

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_internal(d, ERR_IO, "%s: %s", folder, strerror(errno));
    if (!realpath(folder, whole) || !text_format(b->folder, sizeof b->folder, "%s", whole))
        return err_internal(d, ERR_IO, "%s: %s", folder, strerror(errno));
    b->dir = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    text_format(b->wake, sizeof b->wake, "%s/wake", b->folder);
    if (mkfifo(b->wake, 0600) != 0 && errno != EEXIST)
        return err_internal(d, ERR_IO, "%s: %s", b->wake, strerror(errno));
    b->wake_fd = open(b->wake, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (b->dir < 0 || b->wake_fd < 0)
        return err_internal(d, ERR_IO, "%s: %s", b->folder, strerror(errno));
    return OK;
}

static void
exec_check(struct backend *b, struct remarks *f)
{
    char said[200];

    if (b->common.sandbox == RUN_NONE)
        remarks_add(f, "exec", VERDICT_OK, NULL, "jobs run as plain processes; GPUs are pretended");
    else if (sandbox_try(&b->common, said, sizeof said) == OK)
        remarks_add(f, "exec", VERDICT_OK, NULL, "bubblewrap works here; GPUs are pretended");
    else
        remarks_add(f, "exec", VERDICT_FAULT, "install bubblewrap; allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)",
                     "bubblewrap does not work here (containers and chroots often forbid user namespaces); it said: %s", said);
}

static const struct backend_kind EXEC = {
    .name = "exec",
    .submit = exec_submit,
    .look_up = exec_look_up,
    .cancel = exec_cancel,
    .output = exec_output,
    .forget = exec_forget,
    .inventory = exec_inventory,
    .wake_fd = exec_wake_fd,
    .woken = exec_woken,
    .close = exec_close,
    .check = exec_check,
};

enum err
backend_exec_open(const struct exec_options *o, struct backend **ret, const struct backend_kind **ret_kind,
                  struct err_detail *d)
{
    struct backend *b = xcalloc(1, sizeof *b);
    enum err err;

    b->dir = b->wake_fd = -1;
    b->gpus = o->gpus;
    b->common.sandbox = strcmp(o->sandbox, "none") == 0 ? RUN_NONE : RUN_BWRAP;
    b->common.memory_mb = o->memory_mb;
    b->common.processes = o->processes;
    b->common.grace_s = o->grace_s;
    snprintf(b->common.share, sizeof b->common.share, "%s", o->share);
    err = find_user(o->run_as, &b->common, d);
    if (err == OK && !find_supervisor(o->supervisor, b->supervisor, sizeof b->supervisor))
        err = err_internal(d, ERR_CONFIG, "kontor-supervise is not found, neither beside kontor-agent nor as %s",
                           b->supervisor);
    if (err == OK && !o->only_look)
        err = open_folder(b, o->folder, d);
    if (err) {
        close(b->dir), close(b->wake_fd);
        free(b);
        return err;
    }
    snprintf(b->common.wake, sizeof b->common.wake, "%s", b->wake);
    if (!o->only_look)
        clear_unclaimed(b);
    *ret = b;
    *ret_kind = &EXEC;
    return OK;
}
