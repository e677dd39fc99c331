/* agent/slurm_job.c */
#include "agent/slurm_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/run.h"
#include "agent/slurm_secrets.h"
#include "base/arena.h"
#include "base/text.h"

#define LATE_S    60 /* the nodes' clocks and Slurm's own haste */
#define NOTE_MAX  256
#define USER_LINE_MAX 512

void
slurm_name(struct uuid jti, char ret[SLURM_NAME])
{
    char text[UUID_TEXT];

    uuid_text(jti, text);
    text_format(ret, SLURM_NAME, "kontor-%s", text);
}

/* A body that ignores the end of its time is ended SLURM_KILL_S later; Slurm's own limit must not come first. */
uint32_t
slurm_minutes(uint32_t walltime_s)
{
    return (uint32_t)(((uint64_t)walltime_s + SLURM_KILL_S + 59) / 60);
}

/* ---- the wrapper ---- */

static const char WRAPPER_HEAD[] = "#!/bin/sh\n"
                                   "# Made by kontor-agent: claims the run, bounds it to the seconds bought, notes start and end.\n"
                                   "export PATH=/usr/local/bin:/usr/bin:/bin\n"
                                   "umask 007\n"
                                   "mkdir 'once-%s' || exit 75\n";
static const char WRAPPER_BODY[] = "cd 'once-%s' || exit 74\n"
                                   "[ \"$(date +%%s)\" -le %" PRId64 " ] || exit 76\n"
                                   "mkdir work && date +%%s > start.new && mv start.new start || exit 74\n"
                                   "export KONTOR_GPUS=%" PRIu32 " KONTOR_NODES=%" PRIu32 " KONTOR_GPUS_PER_NODE=%" PRIu32
                                   " KONTOR_WALLTIME_S=%" PRIu32 "\n"
                                   "export KONTOR_JTI=%s KONTOR_REQUEST=%s KONTOR_RESERVATION=%s\n"
                                   "base64 -d > payload <<'KONTOR_PAYLOAD' && chmod 700 payload || exit 74\n";
static const char WRAPPER_TAIL[] = "\nKONTOR_PAYLOAD\n"
                                   "cd work\n"
                                   "timeout --signal=TERM --kill-after=%d %" PRIu32 " ../payload\n"
                                   "rc=$?\n"
                                   "cd ..\n"
                                   "echo \"$rc $(date +%%s)\" > end.new && mv end.new end\n"
                                   "exit $rc\n";

char *
slurm_wrapper(const struct backend_run *run, const char *name, size_t *ret_len)
{
    char jti[UUID_TEXT], request[UUID_TEXT], reservation[UUID_TEXT];
    size_t cap = sizeof WRAPPER_HEAD + sizeof SLURM_SECRETS_WRAPPER + sizeof WRAPPER_BODY + sizeof WRAPPER_TAIL + 1024 + BASE64_LEN(run->script.len);
    size_t len;
    char *ret = xmalloc(cap);
    uint32_t nodes = run->nodes ? run->nodes : 1;
    int64_t latest_s = clock_real_at(&run->clock, run->start_by_ms) / 1000 + LATE_S;

    uuid_text(run->jti, jti);
    uuid_text(run->request, request);
    uuid_text(run->reservation, reservation);
    text_format(ret, cap, WRAPPER_HEAD, name);
    len = strlen(ret);
    if (run->secrets.len > 0)
        text_format(ret + len, cap - len, SLURM_SECRETS_WRAPPER, name, name);
    len += strlen(ret + len);
    text_format(ret + len, cap - len, WRAPPER_BODY, name, latest_s, run->gpus, nodes, run->gpus / nodes, run->walltime_s, jti,
                request, reservation);
    len += strlen(ret + len);
    base64_encode(run->script, ret + len);
    len += strlen(ret + len);
    text_format(ret + len, cap - len, WRAPPER_TAIL, SLURM_KILL_S, run->walltime_s);
    *ret_len = len + strlen(ret + len);
    return ret;
}

/* ---- the wrapper's files ---- */

/* A small file of somebody's who may have put anything in its place: no link is followed, no pipe waited for. */
static enum err
small_file(int dir, const char *name, char *ret, size_t cap)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : errno == ELOOP || errno == EACCES || errno == ENXIO ? ERR_CORRUPT : ERR_IO;
    n = fstat(fd, &st) != 0 ? -1 : S_ISREG(st.st_mode) ? read(fd, ret, cap - 1) : -2;
    close(fd);
    if (n < 0)
        return n == -2 ? ERR_CORRUPT : ERR_IO;
    ret[n] = 0;
    return OK;
}

static int
folder_open(const char *folder, const char *user)
{
    char path[PATH_MAX];

    if (!text_format(path, sizeof path, "%s/%s", folder, user))
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* What the user has made of them is not believed; that is as if they were not there. */
static enum err
claim_in(int claim, struct slurm_claim *ret)
{
    char start[64], end[64];
    enum err start_err = small_file(claim, "start", start, sizeof start);
    enum err end_err = small_file(claim, "end", end, sizeof end);

    if (start_err == ERR_IO || end_err == ERR_IO)
        return ERR_IO;
    *ret = (struct slurm_claim){ 0 };
    if (start_err == OK && sscanf(start, "%10" SCNd64, &ret->start_s) != 1)
        ret->start_s = 0;
    if (end_err == OK && ret->start_s > 0 &&
        (sscanf(end, "%3" SCNd32 " %10" SCNd64, &ret->exit_code, &ret->end_s) != 2 || ret->end_s < ret->start_s))
        ret->end_s = ret->exit_code = 0;
    return OK;
}

enum err
slurm_claim_read(const char *folder, const char *user, const char *name, struct slurm_claim *ret)
{
    char once[SLURM_NAME + 8];
    int dir = folder_open(folder, user), claim;
    enum err err = OK;

    if (dir < 0)
        return ERR_IO;
    text_format(once, sizeof once, "once-%s", name);
    claim = openat(dir, once, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (claim >= 0)
        err = claim_in(claim, ret);
    else if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES)
        *ret = (struct slurm_claim){ 0 };
    else
        err = ERR_IO;
    if (claim >= 0)
        close(claim);
    close(dir);
    return err;
}

void
slurm_claim_take(const char *folder, const char *user, const char *name)
{
    char once[SLURM_NAME + 8];
    int dir = folder_open(folder, user);

    text_format(once, sizeof once, "once-%s", name);
    if (dir < 0)
        return;
    if (mkdirat(dir, once, 0770) == 0) {
        submit_secrets_remove(dir, name); /* nobody will read them now */
        fsync(dir);
    }
    close(dir);
}

size_t
slurm_log_tail(const char *folder, const char *user, const char *name, void *ret, size_t cap)
{
    char log[SLURM_NAME + 8];
    int dir = folder_open(folder, user), fd;
    struct stat st;
    size_t len = 0;
    ssize_t n;

    if (dir < 0)
        return 0;
    text_format(log, sizeof log, "log-%s", name);
    fd = openat(dir, log, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    close(dir);
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_size <= (off_t)cap || lseek(fd, st.st_size - (off_t)cap, SEEK_SET) >= 0))
        while (len < cap && (n = read(fd, (char *)ret + len, cap - len)) > 0)
            len += (size_t)n;
    close(fd);
    return len;
}

void
slurm_leavings_remove(const char *folder, const char *user, const char *name)
{
    char what[SLURM_NAME + 8];
    int dir = folder_open(folder, user);

    if (dir < 0)
        return;
    text_format(what, sizeof what, "once-%s", name);
    run_folder_remove(dir, what);
    text_format(what, sizeof what, "log-%s", name);
    unlinkat(dir, what, 0);
    submit_secrets_remove(dir, name);
    close(dir);
}

/* ---- notes ---- */

enum err
slurm_note_write(int dir, const char *name, const struct slurm_note *n)
{
    char text[NOTE_MAX];
    int len = snprintf(text, sizeof text, "kontor-slurm/v1 %s %s %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRId64 " %" PRId64 " %d\n",
                       n->user, n->account, n->gpus, n->walltime_s, n->first_ms, n->submitted_ms, n->answered_ms, (int)n->cancelled);

    return run_file_write(dir, name, text, (size_t)len, RUN_SYNCED);
}

enum err
slurm_note_read(int dir, const char *name, struct slurm_note *ret)
{
    char text[NOTE_MAX];
    struct slurm_note n = { 0 };
    int cancelled, whole = 0;
    enum err err = small_file(dir, name, text, sizeof text);

    if (err)
        return err;
    if (sscanf(text, "kontor-slurm/v1 %32s %32s %" SCNu32 " %" SCNu32 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d%n", n.user, n.account, &n.gpus,
               &n.walltime_s, &n.first_ms, &n.submitted_ms, &n.answered_ms, &cancelled, &whole) != 8 ||
        strcmp(text + whole, "\n") != 0)
        return ERR_CORRUPT;
    n.cancelled = cancelled != 0;
    *ret = n;
    return OK;
}

/* ---- who runs whose jobs ---- */

/* One line. 1: it is a user; 0: nothing; −1: it cannot be read. */
static int
user_in(char *line, struct uuid *ret_organisation, struct slurm_user *ret)
{
    char organisation[UUID_TEXT + 1], rest;
    char *text = text_trim(line);

    if (!text[0] || text[0] == '#')
        return 0;
    if (sscanf(text, "%37s %32s %32s %c", organisation, ret->user, ret->account, &rest) != 3 ||
        !uuid_parse(organisation, ret_organisation) || !submit_is_word(ret->user) || !submit_is_word(ret->account))
        return -1;
    return 1;
}

static enum err
users_walk(const char *path, const struct uuid *wanted, struct slurm_user *ret,
           void (*take)(void *with, const struct slurm_user *u), void *with, struct err_detail *d)
{
    FILE *from = fopen(path, "re");
    char line[USER_LINE_MAX];
    struct stat st;
    enum err err = ERR_NOT_FOUND;
    int n = 0;

    if (!from || fstat(fileno(from), &st) != 0)
        err = err_internal(d, ERR_CONFIG, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || (st.st_mode & 022) != 0)
        err = err_internal(d, ERR_CONFIG, "%s: must be a file that only its owner may write (chmod go-w)", path);
    while (from && err == ERR_NOT_FOUND && fgets(line, sizeof line, from)) {
        struct uuid organisation;
        struct slurm_user u;
        int what = user_in(line, &organisation, &u);

        u.organisation = organisation;

        n++;
        if (what < 0)
            err = err_internal(d, ERR_CONFIG, "%s:%d: must be ORGANISATION USER ACCOUNT", path, n);
        if (what == 1 && take)
            take(with, &u);
        if (what == 1 && wanted && uuid_equal(organisation, *wanted)) {
            *ret = u;
            err = OK;
        }
    }
    if (from)
        fclose(from);
    return err;
}

enum err
slurm_user_find(const char *path, struct uuid organisation, struct slurm_user *ret, struct err_detail *d)
{
    enum err err = users_walk(path, &organisation, ret, NULL, NULL, d);

    if (err == ERR_NOT_FOUND)
        err_internal(d, err, "%s has no user for this organisation", path);
    return err;
}

enum err
slurm_user_each(const char *path, void (*take)(void *with, const struct slurm_user *u), void *with, struct err_detail *d)
{
    enum err err = users_walk(path, NULL, NULL, take, with, d);

    return err == ERR_NOT_FOUND ? OK : err;
}
