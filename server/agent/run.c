/* agent/run.c */
#include "agent/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

#define FILE_MAX 16384 /* of spec, started, status */
#define FOLDERS_DEEP 32   /* that are open at once */
#define ROUNDS_MAX   2000 /* for who nests folders without end */

static enum err
write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        at += n;
        len -= (size_t)n;
    }
    return OK;
}

/* Write under a temporary name. */
static enum err
write_aside(int dir, const char *name, const void *data, size_t len, enum run_sync sync, char ret_aside[64])
{
    int fd;
    enum err err;

    snprintf(ret_aside, 64, ".%s.%d", name, (int)getpid());
    fd = openat(dir, ret_aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    err = write_all(fd, data, len);
    if (err == OK && sync != RUN_UNSYNCED && fsync(fd) != 0)
        err = ERR_IO;
    if (close(fd) != 0)
        err = ERR_IO;
    return err;
}

enum err
run_file_write(int dir, const char *name, const void *data, size_t len, enum run_sync sync)
{
    char aside[64];
    enum err err = write_aside(dir, name, data, len, sync, aside);

    if (err == OK && renameat(dir, aside, dir, name) != 0)
        err = ERR_IO;
    if (err == OK && sync == RUN_SYNCED && fsync(dir) != 0)
        err = ERR_IO;
    if (err)
        unlinkat(dir, aside, 0);
    return err;
}

enum err
run_file_tail(int dir, const char *name, void *ret, size_t cap, size_t *ret_len)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    ssize_t n = 0;
    size_t len = 0;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (fstat(fd, &st) == 0 && st.st_size > (off_t)cap)
        n = lseek(fd, st.st_size - (off_t)cap, SEEK_SET) < 0 ? -1 : 0;
    while (n >= 0 && len < cap && (n = read(fd, (char *)ret + len, cap - len)) > 0)
        len += (size_t)n;
    close(fd);
    if (n < 0)
        return ERR_IO;
    *ret_len = len;
    return OK;
}

/* Empty a folder, which is closed then. What lies too deep is moved up to *top: nobody's tree takes all our descriptors, or the
 * stack. */
static void
clear(int top, int fd, int depth, unsigned *moved)
{
    DIR *list = fdopendir(fd);
    struct dirent *e;
    char name[48];

    if (!list) {
        close(fd);
        return;
    }
    while ((e = readdir(list)) != NULL) {
        int in;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(fd, e->d_name, 0) == 0 ||
            (errno != EISDIR && errno != EPERM))
            continue;
        if (depth == FOLDERS_DEEP) {
            snprintf(name, sizeof name, ".deep-%d-%u", (int)getpid(), *moved);
            *moved += renameat(fd, e->d_name, top, name) == 0;
            continue;
        }
        in = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (in >= 0)
            clear(top, in, depth + 1, moved);
        unlinkat(fd, e->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

void
run_folder_remove(int dir, const char *name)
{
    unsigned moved = 0, before = 1;

    for (int round = 0; round < ROUNDS_MAX && moved != before; round++) {
        int top = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        int fd = top < 0 ? -1 : fcntl(top, F_DUPFD_CLOEXEC, 0);

        before = moved;
        if (fd >= 0)
            clear(top, fd, 0, &moved);
        if (top >= 0)
            close(top);
        if (top < 0 || unlinkat(dir, name, AT_REMOVEDIR) == 0)
            return;
    }
}

/* ---- lines of "NAME VALUE" ---- */

struct lines {
    char text[FILE_MAX];
    bool failed;
};

static enum err
lines_read(int dir, const char *name, struct lines *ret)
{
    size_t len;
    enum err err = run_file_tail(dir, name, ret->text, sizeof ret->text - 1, &len);

    if (err)
        return err;
    ret->text[len] = 0;
    ret->failed = strlen(ret->text) != len || len == 0 || ret->text[len - 1] != '\n';
    return OK;
}

/* The value of a name, up to the line's end. */
static const char *
line_of(struct lines *l, const char *name, char *ret, size_t cap)
{
    size_t name_len = strlen(name), len;
    const char *at = l->text;

    while (*at) {
        const char *end = strchr(at, '\n');

        if (!end)
            break;
        if (strncmp(at, name, name_len) == 0 && at[name_len] == ' ') {
            at += name_len + 1;
            len = (size_t)(end - at);
            if (len >= cap)
                break;
            memcpy(ret, at, len);
            ret[len] = 0;
            return ret;
        }
        at = end + 1;
    }
    l->failed = true;
    ret[0] = 0;
    return ret;
}

static int64_t
number_of(struct lines *l, const char *name, int64_t min, int64_t max)
{
    char text[32], *end;
    long long n;

    line_of(l, name, text, sizeof text);
    errno = 0;
    n = strtoll(text, &end, 10);
    if (text[0] == 0 || *end != 0 || errno != 0 || n < min || n > max) {
        l->failed = true;
        return 0;
    }
    return n;
}

enum err
run_spec_write(int dir, const struct run_spec *s)
{
    char text[FILE_MAX];
    int len =
        snprintf(text, sizeof text,
                 "format kontor-run/v1\njti %s\nrequest %s\nreservation %s\ngpus %" PRIu32 "\nnodes %" PRIu32
                 "\nwalltime_s %" PRIu32 "\nstart_at_ms %" PRId64 "\nstart_by_ms %" PRId64
                 "\npermit_until_mono_ms %" PRId64 "\nclock_origin_ms %" PRId64 "\nclock_real_origin_ms %" PRId64
                 "\nclock_rate %" PRId64 "\nsandbox %d\nrun_uid %" PRIu32 "\nrun_gid %" PRIu32 "\nmemory_mb %" PRIu32
                 "\nprocesses %" PRIu32 "\ngrace_s %" PRIu32 "\nshare %s\nwake %s\n",
                 s->jti, s->request, s->reservation, s->gpus, s->nodes, s->walltime_s, s->start_at_ms, s->start_by_ms,
                 s->permit_until_mono_ms, s->clock.origin_ms, s->clock.real_origin_ms, s->clock.rate, (int)s->sandbox,
                 s->run_uid, s->run_gid, s->memory_mb, s->processes, s->grace_s, s->share, s->wake);

    if (len < 0 || (size_t)len >= sizeof text)
        return ERR_IO;
    return run_file_write(dir, "spec", text, (size_t)len, RUN_UNSYNCED);
}

enum err
run_spec_read(int dir, struct run_spec *ret)
{
    struct lines l;
    struct run_spec s = { 0 };
    char format[32];
    enum err err = lines_read(dir, "spec", &l);

    if (err)
        return err;
    line_of(&l, "format", format, sizeof format);
    line_of(&l, "jti", s.jti, sizeof s.jti);
    line_of(&l, "request", s.request, sizeof s.request);
    line_of(&l, "reservation", s.reservation, sizeof s.reservation);
    s.gpus = (uint32_t)number_of(&l, "gpus", 1, UINT32_MAX);
    s.nodes = (uint32_t)number_of(&l, "nodes", 1, UINT32_MAX);
    s.walltime_s = (uint32_t)number_of(&l, "walltime_s", 1, UINT32_MAX);
    s.start_at_ms = number_of(&l, "start_at_ms", 0, INT64_MAX);
    s.start_by_ms = number_of(&l, "start_by_ms", 0, INT64_MAX);
    s.permit_until_mono_ms = number_of(&l, "permit_until_mono_ms", 0, INT64_MAX);
    s.clock.origin_ms = number_of(&l, "clock_origin_ms", 0, INT64_MAX);
    s.clock.real_origin_ms = number_of(&l, "clock_real_origin_ms", 0, INT64_MAX);
    s.clock.rate = number_of(&l, "clock_rate", 1, INT32_MAX);
    s.sandbox = (enum run_sandbox)number_of(&l, "sandbox", RUN_BWRAP, RUN_NONE);
    s.run_uid = (uint32_t)number_of(&l, "run_uid", 0, UINT32_MAX);
    s.run_gid = (uint32_t)number_of(&l, "run_gid", 0, UINT32_MAX);
    s.memory_mb = (uint32_t)number_of(&l, "memory_mb", 0, UINT32_MAX);
    s.processes = (uint32_t)number_of(&l, "processes", 0, UINT32_MAX);
    s.grace_s = (uint32_t)number_of(&l, "grace_s", 0, UINT32_MAX);
    line_of(&l, "share", s.share, sizeof s.share);
    line_of(&l, "wake", s.wake, sizeof s.wake);
    if (l.failed || strcmp(format, "kontor-run/v1") != 0)
        return ERR_CORRUPT;
    *ret = s;
    return OK;
}

enum err
run_started_write(int dir, int64_t started_ms)
{
    char text[64];
    int len = snprintf(text, sizeof text, "started_ms %" PRId64 "\n", started_ms);

    return run_file_write(dir, "started", text, (size_t)len, RUN_UNSYNCED);
}

enum err
run_started_read(int dir, int64_t *ret)
{
    struct lines l;
    int64_t started_ms;
    enum err err = lines_read(dir, "started", &l);

    if (err)
        return err;
    started_ms = number_of(&l, "started_ms", 1, INT64_MAX);
    if (l.failed)
        return ERR_CORRUPT;
    *ret = started_ms;
    return OK;
}

/* link(), not rename(): the first status stands. */
enum err
run_status_write(int dir, const struct run_status *s)
{
    char text[256], aside[64];
    int len = snprintf(text, sizeof text,
                       "end %d\nstarted_ms %" PRId64 "\nended_ms %" PRId64 "\ngpu_seconds %" PRIu64
                       "\nexit_code %" PRId32 "\n",
                       (int)s->end, s->started_ms, s->ended_ms, s->gpu_seconds, s->exit_code);
    enum err err = write_aside(dir, "status", text, (size_t)len, RUN_SYNCED, aside);

    if (err == OK && linkat(dir, aside, dir, "status", 0) != 0)
        err = errno == EEXIST ? ERR_EXISTS : ERR_IO;
    unlinkat(dir, aside, 0);
    if (err == OK && fsync(dir) != 0)
        err = ERR_IO;
    return err;
}

enum err
run_status_read(int dir, struct run_status *ret)
{
    struct lines l;
    struct run_status s;
    enum err err = lines_read(dir, "status", &l);

    if (err)
        return err;
    s.end = (enum agent_end)number_of(&l, "end", AGENT_END_EXIT, AGENT_END_UNSTARTED);
    s.started_ms = number_of(&l, "started_ms", 0, INT64_MAX);
    s.ended_ms = number_of(&l, "ended_ms", 0, INT64_MAX);
    s.gpu_seconds = (uint64_t)number_of(&l, "gpu_seconds", 0, INT64_MAX);
    s.exit_code = (int32_t)number_of(&l, "exit_code", INT32_MIN, INT32_MAX);
    if (l.failed)
        return ERR_CORRUPT;
    *ret = s;
    return OK;
}

uint64_t
run_use(const struct run_spec *spec, int64_t ran_ms, bool round_up)
{
    int64_t seconds = (max_i64(ran_ms, 0) + (round_up ? 999 : 0)) / 1000;

    return (uint64_t)spec->gpus * (uint64_t)min_i64(seconds, spec->walltime_s);
}
