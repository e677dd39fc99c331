/* agent/sandbox.c */
#include "agent/sandbox.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/step_back.h"

#define SCRIPT_MAX 65536
#define SCRIPT_FD  5 /* in the child */
#define TOLD_FD    6
#define GATE_FD    7
#define ARGS_FD    8
#define OPEN_FILES 1024
#define TRY_MS     10000
#define MIB        (1024UL * 1024)

/* ---- bwrap's arguments ---- */

#define SANDBOX_ARGS 192
#define ARGS_TEXT    16384

struct sandbox_args {
    char *argv[SANDBOX_ARGS];
    size_t n;
    char text[ARGS_TEXT];
    size_t used;
};

static void PRINTF(2, 3) arg(struct sandbox_args *a, const char *fmt, ...)
{
    va_list args;
    int len;

    assert(a->n + 1 < SANDBOX_ARGS);
    va_start(args, fmt);
    len = vsnprintf(a->text + a->used, sizeof a->text - a->used, fmt, args);
    va_end(args);
    assert(len >= 0 && a->used + (size_t)len < sizeof a->text);
    a->argv[a->n++] = a->text + a->used;
    a->argv[a->n] = NULL;
    a->used += (size_t)len + 1;
}

static void
env(struct sandbox_args *a, const char *name, const char *value)
{
    arg(a, "--setenv");
    arg(a, "%s", name);
    arg(a, "%s", value);
}

/* The system's programs and libraries, and nothing else of the host. */
static void
args_of_system(struct sandbox_args *a)
{
    static const char *const ROOTS[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };
    /* Not ld.so.conf: the cache is what programs look into. Each bind costs bwrap a reading of all that is mounted. */
    static const char *const FILES[] = { "/etc/alternatives", "/etc/ld.so.cache" };

    arg(a, "--ro-bind"), arg(a, "/usr"), arg(a, "/usr");
    for (size_t i = 0; i < sizeof ROOTS / sizeof ROOTS[0]; i++) {
        char path[32], target[64];
        ssize_t len;

        snprintf(path, sizeof path, "/%s", ROOTS[i]);
        len = readlink(path, target, sizeof target - 1);
        if (len > 0)
            arg(a, "--symlink"), arg(a, "%.*s", (int)len, target), arg(a, "%s", path);
        else
            arg(a, "--ro-bind-try"), arg(a, "%s", path), arg(a, "%s", path);
    }
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++)
        arg(a, "--ro-bind-try"), arg(a, "%s", FILES[i]), arg(a, "%s", FILES[i]);
}

static void
args_of_run(struct sandbox_args *a, const struct run_spec *spec)
{
    char number[24];

    env(a, "PATH", "/usr/local/bin:/usr/bin:/bin");
    env(a, "HOME", "/work");
    env(a, "LANG", "C.UTF-8");
    env(a, "KONTOR_JTI", spec->jti);
    env(a, "KONTOR_REQUEST", spec->request);
    env(a, "KONTOR_RESERVATION", spec->reservation);
    snprintf(number, sizeof number, "%u", spec->gpus);
    env(a, "KONTOR_GPUS", number);
    snprintf(number, sizeof number, "%u", spec->nodes);
    env(a, "KONTOR_NODES", number);
    snprintf(number, sizeof number, "%u", spec->nodes > 1 ? spec->gpus / spec->nodes : spec->gpus);
    env(a, "KONTOR_GPUS_PER_NODE", number);
    snprintf(number, sizeof number, "%u", spec->walltime_s);
    env(a, "KONTOR_WALLTIME_S", number);
    snprintf(number, sizeof number, "%lld", (long long)spec->clock.rate);
    env(a, "KONTOR_CLOCK_RATE", number);
    if (spec->share[0]) {
        arg(a, "--bind"), arg(a, "%s", spec->share), arg(a, "/share");
        env(a, "KONTOR_SHARE", "/share");
    }
}

static void
bwrap_args(struct sandbox_args *a, const struct run_spec *spec)
{
    static const char *const FIXED[] = {
        "bwrap",         "--unshare-user",       "--unshare-ipc",     "--unshare-pid", "--unshare-net",
        "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop",
        "ALL",           "--hostname",           "kontor-run",        "--clearenv",
    };

    for (size_t i = 0; i < sizeof FIXED / sizeof FIXED[0]; i++)
        arg(a, "%s", FIXED[i]);
    args_of_system(a);
    arg(a, "--proc"), arg(a, "/proc"), arg(a, "--dev"), arg(a, "/dev");
    arg(a, "--size"), arg(a, "%lu", spec->memory_mb * MIB), arg(a, "--tmpfs"), arg(a, "/tmp");
    arg(a, "--size"), arg(a, "%lu", spec->memory_mb * MIB), arg(a, "--tmpfs"), arg(a, "/work");
    args_of_run(a, spec);
    arg(a, "--chdir"), arg(a, "/work");
}

/* ---- the child, between fork and exec ---- */

static void
limit(int what, rlim_t most)
{
    struct rlimit r;

    if (getrlimit(what, &r) != 0)
        return;
    if (r.rlim_max == RLIM_INFINITY || r.rlim_max > most)
        r.rlim_max = most;
    r.rlim_cur = r.rlim_max;
    setrlimit(what, &r);
}

/* As root the payload runs as the user named in the config: never as root, inside or outside the sandbox. */
static bool
become(const struct run_spec *spec)
{
    if (geteuid() != 0)
        return true;
    return spec->run_uid != 0 && setgroups(0, NULL) == 0 && setgid(spec->run_gid) == 0 && setuid(spec->run_uid) == 0;
}

static bool
place(int fd, int at)
{
    if (fd == at)
        return fcntl(fd, F_SETFD, 0) == 0;
    return dup2(fd, at) == at;
}

static void __attribute__((noreturn)) child_fails(const char *what)
{
    dprintf(2, "kontor-supervise: %s: %s\n", what, strerror(errno));
    _exit(126);
}

static void
child_prepare(int script, int told, int gate, int args, int output, int work)
{
    char path[32];
    sigset_t none;
    int null = open("/dev/null", O_RDWR);

    if (work >= 0 && fchdir(work) != 0)
        child_fails("work");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < 32; s++)
        signal(s, SIG_DFL);
    setsid();
    step_back(RUN_NICE, 0);
    /* Out of the way of the fixed numbers first. */
    script = fcntl(script, F_DUPFD, 20);
    told = told < 0 ? -1 : fcntl(told, F_DUPFD, 20);
    args = args < 0 ? -1 : fcntl(args, F_DUPFD, 20);
    output = fcntl(output, F_DUPFD, 20);
    if (gate >= 0) { /* for writing too: if the supervisor dies nobody takes the end of the pipe for leave to go on */
        snprintf(path, sizeof path, "/proc/self/fd/%d", gate);
        gate = open(path, O_RDWR);
        gate = gate < 0 ? -1 : fcntl(gate, F_DUPFD, 20);
        if (gate < 0)
            child_fails("the gate");
    }
    if (null < 0 || !place(null, 0) || !place(output, 1) || !place(output, 2) || !place(script, SCRIPT_FD) ||
        (told >= 0 && !place(told, TOLD_FD)) || (gate >= 0 && !place(gate, GATE_FD)) || (args >= 0 && !place(args, ARGS_FD)))
        child_fails("descriptors");
    close_range(args >= 0 ? ARGS_FD + 1 : gate >= 0 ? GATE_FD + 1 : told >= 0 ? TOLD_FD + 1 : SCRIPT_FD + 1, ~0U, 0);
    close(3), close(4);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, OPEN_FILES);
}

static void __attribute__((noreturn)) child_bwrap(const struct run_spec *spec, const char *payload, bool more_args, pid_t parent)
{
    struct sandbox_args a = { .n = 0 };

    bwrap_args(&a, spec);
    if (!payload) {
        arg(&a, "--perms"), arg(&a, "0555"), arg(&a, "--ro-bind-data"), arg(&a, "%d", SCRIPT_FD),
            arg(&a, "/job/script");
        arg(&a, "--json-status-fd"), arg(&a, "%d", TOLD_FD);
        arg(&a, "--block-fd"), arg(&a, "%d", GATE_FD);
    }
    if (more_args) /* what must not stand in a command line */
        arg(&a, "--args"), arg(&a, "%d", ARGS_FD);
    arg(&a, "--");
    arg(&a, "%s", payload ? payload : "/job/script");
    if (!become(spec))
        child_fails("cannot become the user that runs payloads");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after become, which takes it back; bwrap says so itself only when it is under way */
    if (getppid() != parent)
        _exit(126);
    execvp("bwrap", a.argv);
    child_fails("bwrap");
}

/* Without a sandbox: the environment from the same arguments, the script by its descriptor. */
static void __attribute__((noreturn)) child_plain(const struct run_spec *spec, struct bytes secrets)
{
    struct sandbox_args a = { .n = 0 };
    char path[32], *argv[] = { (char *)"script", NULL }, *by_shell[] = { (char *)"sh", path, NULL };

    /* Not /proc/self/fd: having changed user, this process may not look into its own until it has become another. */
    snprintf(path, sizeof path, "/dev/fd/%d", SCRIPT_FD);
    args_of_run(&a, spec);
    clearenv();
    for (size_t i = 0; i < a.n; i++)
        if (strcmp(a.argv[i], "--setenv") == 0)
            setenv(a.argv[i + 1], a.argv[i + 2], 1);
    unsetenv("HOME");
    for (size_t at = 0; at < secrets.len; at += strlen((const char *)secrets.data + at) + 1)
        putenv((char *)secrets.data + at);
    if (spec->share[0])
        setenv("KONTOR_SHARE", spec->share, 1);
    if (!become(spec))
        child_fails("cannot become the user that runs payloads");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_AS, spec->memory_mb * MIB);
    fexecve(SCRIPT_FD, argv, environ);
    if (errno == ENOEXEC) /* no "#!" */
        execv("/bin/sh", by_shell);
    child_fails("the script");
}

/* ---- the supervisor's side ---- */

/* The script in memory that nobody can change any more, so that no path needs to be visible to the payload's user. */
static int
script_in_memory(int dir)
{
    char text[SCRIPT_MAX + 1];
    size_t len, at = 0;
    int fd;

    if (run_file_tail(dir, "script", text, sizeof text, &len) != OK || len > SCRIPT_MAX)
        return -1;
    fd = memfd_create("script", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    while (fd >= 0 && at < len) {
        ssize_t n = write(fd, text + at, len - at);

        if (n <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    if (fd >= 0) {
        lseek(fd, 0, SEEK_SET);
        fchmod(fd, 0555);
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
    }
    return fd;
}

/* bwrap's arguments that set the secrets in the payload's environment, in memory; -1: it failed. */
static int
secrets_as_args(struct bytes secrets)
{
    int fd = memfd_create("args", MFD_CLOEXEC);
    FILE *to = fd < 0 ? NULL : fdopen(dup(fd), "w");
    bool good = to != NULL;

    for (size_t at = 0; good && at < secrets.len;) {
        const char *name = (const char *)secrets.data + at;
        size_t len = strlen(name), name_len = strcspn(name, "=");

        good = name_len < len && fwrite("--setenv", 1, 9, to) == 9 && fwrite(name, 1, name_len, to) == name_len && putc(0, to) == 0 &&
               fwrite(name + name_len + 1, 1, len - name_len, to) == len - name_len; /* with its zero */
        at += len + 1;
    }
    good = to && fclose(to) == 0 && good;
    if (good && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int
work_folder(int dir, const struct run_spec *spec)
{
    int fd;

    mkdirat(dir, "work", 0700);
    fd = openat(dir, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && geteuid() == 0 && fchown(fd, spec->run_uid, spec->run_gid) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

enum err
sandbox_start(int dir, const struct run_spec *spec, struct bytes secrets, struct sandbox *ret, const char **why)
{
    int output[2] = { -1, -1 }, told[2] = { -1, -1 }, gate[2] = { -1, -1 }, work = -1, args = -1, script = script_in_memory(dir);
    pid_t pid = -1, parent = getpid();

    *why = "the script cannot be read";
    if (script >= 0) {
        *why = "no descriptors or processes are left";
        work = spec->sandbox == RUN_NONE ? work_folder(dir, spec) : -1;
        args = spec->sandbox == RUN_BWRAP && secrets.len > 0 ? secrets_as_args(secrets) : -1;
        if ((spec->sandbox == RUN_BWRAP ? args >= 0 || secrets.len == 0 : work >= 0) && pipe2(output, O_CLOEXEC) == 0 &&
            (spec->sandbox == RUN_NONE || (pipe2(told, O_CLOEXEC) == 0 && pipe2(gate, O_CLOEXEC) == 0)))
            pid = fork();
    }
    if (pid == 0) {
        child_prepare(script, told[1], gate[0], args, output[1], work);
        if (spec->sandbox == RUN_NONE)
            child_plain(spec, secrets);
        child_bwrap(spec, NULL, args >= 0, parent);
    }
    if (args >= 0)
        close(args);
    close(script), close(work), close(output[1]), close(told[1]), close(gate[0]);
    if (pid < 0) {
        close(output[0]), close(told[0]), close(gate[1]);
        return ERR_IO;
    }
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    if (told[0] >= 0)
        fcntl(told[0], F_SETFL, O_NONBLOCK);
    *ret = (struct sandbox){ .kind = spec->sandbox, .pid = pid, .output = output[0], .told = told[0], .gate = gate[1],
                             .processes = spec->processes, .memory = spec->memory_mb * MIB,
                             .run_uid = spec->run_uid, .run_gid = spec->run_gid };
    return OK;
}

/* The number after a name in bwrap's JSON lines; -1 if it is not there (yet). */
static int
said_number(const struct sandbox *s, const char *name)
{
    const char *at = strstr(s->said, name);

    if (!at)
        return -1;
    at += strlen(name);
    while (*at == ' ' || *at == ':' || *at == '"')
        at++;
    return *at >= '0' && *at <= '9' ? (int)strtol(at, NULL, 10) : -1;
}

/* Whoever has the same real user and group may set a process's limits. So for a moment we do: root may lack the capability. */
static bool
limit_inner(const struct sandbox *s)
{
    struct rlimit processes = { s->processes, s->processes }, memory = { s->memory, s->memory };
    uid_t uid = getuid();
    gid_t gid = getgid();
    bool root = geteuid() == 0, done;

    done = (!root || (setresgid(s->run_gid, (gid_t)-1, (gid_t)-1) == 0 && setresuid(s->run_uid, (uid_t)-1, (uid_t)-1) == 0)) &&
           prlimit(s->inner, RLIMIT_NPROC, &processes, NULL) == 0 && prlimit(s->inner, RLIMIT_AS, &memory, NULL) == 0;
    return (!root || (setresuid(uid, (uid_t)-1, (uid_t)-1) == 0 && setresgid(gid, (gid_t)-1, (gid_t)-1) == 0)) && done;
}

/* The first process inside waits: it has made its namespaces and started nothing. Limits that it gets now count this run's
 * processes only, those of its namespace of users; set before that was made they would count all of the user's. */
static void
open_gate(struct sandbox *s)
{
    if (!limit_inner(s) || write(s->gate, "", 1) != 1)
        kill(s->inner, SIGKILL); /* never without limits; if it is gone already: as well */
    close(s->gate);
    s->gate = -1;
}

void
sandbox_listen(struct sandbox *s)
{
    ssize_t n;
    int number;

    if (s->told < 0)
        return;
    while (s->said_len < sizeof s->said - 1 &&
           (n = read(s->told, s->said + s->said_len, sizeof s->said - 1 - s->said_len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        s->said_len += (size_t)n;
        s->said[s->said_len] = 0;
    }
    if ((number = said_number(s, "\"child-pid\"")) > 0)
        s->inner = number;
    if (s->inner > 0 && s->gate >= 0)
        open_gate(s);
    if ((number = said_number(s, "\"exit-code\"")) >= 0) {
        s->exited = true;
        s->exit_code = number;
    }
}

/* The group of the first process inside: bwrap's own first process ignores SIGTERM, as the first of its kind does. */
static pid_t
payload_group(pid_t inner)
{
    char path[64], text[64] = "";
    FILE *f;
    pid_t child;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)inner, (int)inner);
    f = fopen(path, "re");
    if (f) {
        if (!fgets(text, sizeof text, f))
            text[0] = 0;
        fclose(f);
    }
    child = (pid_t)strtol(text, NULL, 10);
    return child > 0 ? getpgid(child) : -1;
}

void
sandbox_signal(struct sandbox *s, int signal)
{
    pid_t group;

    if (s->kind == RUN_NONE) {
        kill(-s->pid, signal);
        return;
    }
    sandbox_listen(s);
    if (signal == SIGKILL) {
        if (s->inner > 0)
            kill(s->inner, SIGKILL); /* the first process of a pid namespace takes all others with it */
        kill(s->pid, SIGKILL);
        return;
    }
    group = s->inner > 0 ? payload_group(s->inner) : -1;
    if (group > 1)
        kill(-group, signal);
    else
        kill(s->pid, SIGKILL); /* there is nothing inside to be asked */
}

void
sandbox_ended(struct sandbox *s, int wait_status)
{
    sandbox_listen(s);
    if (s->kind == RUN_BWRAP)
        return;
    s->exited = true;
    s->exit_code = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void
sandbox_sweep(void)
{
    for (int rounds = 0; rounds < 1000; rounds++) {
        char path[64], text[4096] = "", *at = text, *end;
        FILE *f;
        pid_t pid;

        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        f = fopen(path, "re");
        if (!f)
            return;
        if (!fgets(text, sizeof text, f))
            text[0] = 0;
        fclose(f);
        while ((pid = (pid_t)strtol(at, &end, 10)) > 0 && end != at) {
            kill(pid, SIGKILL);
            at = end;
        }
        do
            pid = waitpid(-1, NULL, 0);
        while (pid < 0 && errno == EINTR);
        if (pid < 0) /* none is left */
            return;
    }
}

/* Whether this process is a bwrap of the run whose arguments `of` are a part of; then it is ended. By its descriptor: a pid
 * may be another's by now. */
static bool
end_if_of(pid_t pid, struct bytes of)
{
    char path[64], text[ARGS_TEXT];
    int process = pidfd_open(pid, 0), fd;
    ssize_t len = -1;
    bool found;

    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    fd = process < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        len = read(fd, text, sizeof text);
    found = len > 0 && strncmp(text, "bwrap", (size_t)len) == 0 && memmem(text, (size_t)len, of.data, of.len) != NULL &&
            pidfd_send_signal(process, SIGKILL, NULL, 0) == 0;
    close(fd), close(process);
    return found;
}

void
sandbox_end_left(const char *jti)
{
    struct sandbox_args of = { .n = 0 };
    bool found = true;

    env(&of, "KONTOR_JTI", jti);
    for (int rounds = 0; found && rounds < 10; rounds++) { /* what one of them has started meanwhile is found in the next */
        DIR *all = opendir("/proc");
        struct dirent *e;

        found = false;
        while (all && (e = readdir(all)) != NULL)
            if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
                end_if_of((pid_t)strtol(e->d_name, NULL, 10), BYTES(of.text, of.used)))
                found = true;
        if (all)
            closedir(all);
    }
}

enum err
sandbox_try(const struct run_spec *spec, char *ret_said, size_t cap)
{
    int output[2], status = -1, null;
    size_t len = 0;
    pid_t pid, got, parent = getpid();

    if (pipe2(output, O_CLOEXEC) != 0)
        return ERR_IO;
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid = fork();
    if (pid == 0) {
        child_prepare(null, -1, -1, -1, output[1], -1);
        child_bwrap(spec, "true", false, parent);
    }
    close(output[1]), close(null);
    for (ssize_t n = 1; pid > 0 && n > 0;) {
        struct pollfd p = { .fd = output[0], .events = POLLIN };

        n = poll(&p, 1, TRY_MS) > 0 ? read(output[0], ret_said + len, cap - 1 - len) : -1;
        len += n > 0 ? (size_t)n : 0;
        if (n < 0)
            kill(pid, SIGKILL);
        if (len == cap - 1)
            break;
    }
    close(output[0]);
    ret_said[len] = 0;
    do
        got = pid > 0 ? waitpid(pid, &status, 0) : pid;
    while (got < 0 && errno == EINTR);
    return got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? OK : ERR_IO;
}
