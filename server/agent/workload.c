/* agent/workload.c: workloads, and what was sealed for jobs, by their SHA-256: fetched before a permit is asked for, kept in the
 * spool's folder blobs/. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/run.h"
#include "agent/secrets.h"

bool
workload_read(struct agent *a, const struct job *j, char ret[WORKLOAD_MAX], size_t *ret_len)
{
    char name[HEX_LEN(32)];

    hex_encode(BYTES(j->workload.b, 32), name);
    return run_file_tail(a->blobs, name, ret, WORKLOAD_MAX, ret_len) == OK && *ret_len == j->workload_len &&
           hash_equal(sha256(BYTES(ret, *ret_len)), j->workload);
}

static bool
script_here(struct agent *a, const struct job *j)
{
    char text[WORKLOAD_MAX];
    size_t len;

    return workload_read(a, j, text, &len);
}

bool
workload_here(struct agent *a, const struct job *j)
{
    return script_here(a, j) && (!secrets_wanted(j) || secrets_here(a, j));
}

bool
workload_start(struct agent *a)
{
    char path[128], name[HEX_LEN(32)];
    struct wire_call call = { .path = path, .instance = a->instance, .timeout_ms = call_timeout_ms(a) };

    for (size_t i = 0; i < a->jobs_n; i++) {
        struct job *j = a->jobs[i];

        if (!j->wants_fetch)
            continue;
        a->errand_blob = script_here(a, j) && secrets_wanted(j) ? j->secrets : j->workload;
        hex_encode(BYTES(a->errand_blob.b, 32), name);
        snprintf(path, sizeof path, "/v1/agent/blobs/%s", name);
        call.token = agent_token(a);
        wire_start(a->wire, WIRE_ERRAND, &call);
        a->errand = ERRAND_BLOB;
        return true;
    }
    return false;
}

/* Sealed for the job, and fit to be opened when its time comes? */
static struct agent_event
sealed_event(struct agent *a, struct job *j, bool came)
{
    struct err_detail d = { 0 };

    if (came && secrets_check(a, j, &d) == OK)
        return (struct agent_event){ .kind = AGENT_ON_WORKLOAD };
    log_error(&a->log, "secrets-refused", LOG_UUID("jti", j->t.jti), LOG_TEXT("why", came ? d.internal : "they are gone"));
    agent_tell(a, j->t.jti, "secrets", "%s", came ? d.internal : "what was sealed for it is gone");
    return (struct agent_event){ .kind = AGENT_ON_NO_WORKLOAD, .reason = REASON_SECRETS };
}

/* All jobs that wait for these bytes. What else one waits for is fetched next. */
static void
tell_waiting(struct agent *a, bool came)
{
    for (size_t i = 0; i < a->jobs_n; i++) {
        struct job *j = a->jobs[i];
        bool script = hash_equal(j->workload, a->errand_blob), sealed = secrets_wanted(j) && hash_equal(j->secrets, a->errand_blob);
        struct agent_event e = { .kind = came ? AGENT_ON_WORKLOAD : AGENT_ON_NO_WORKLOAD };

        if (!script && !sealed)
            continue;
        if (sealed)
            e = sealed_event(a, j, came);
        j->wants_fetch = e.kind == AGENT_ON_WORKLOAD && !workload_here(a, j);
        if (j->t.phase == AGENT_NEW && !j->wants_fetch)
            job_feed(a, j, e);
    }
}

void
workload_reply(struct agent *a, const struct wire_reply *r)
{
    char name[HEX_LEN(32)], code[48];
    bool gone = r->status == 404 || r->status == 410;

    hex_encode(BYTES(a->errand_blob.b, 32), name);
    if (r->status == 200 && hash_equal(sha256(BYTES(r->body, r->len)), a->errand_blob) && r->len <= WORKLOAD_MAX) {
        if (run_file_write(a->blobs, name, r->body, r->len, RUN_UNSYNCED) != OK) {
            log_error(&a->log, "workload-not-stored", LOG_TEXT("why", strerror(errno)));
            pause_lane(a, WIRE_ERRAND, 0);
            return;
        }
        resume_lane(a, WIRE_ERRAND);
        tell_waiting(a, true);
    } else if (r->status == 200 || gone) {
        log_error(&a->log, "workload-refused", LOG_TEXT("sha256", name), LOG_I64("status", r->status),
                  LOG_I64("len", (int64_t)r->len));
        resume_lane(a, WIRE_ERRAND);
        tell_waiting(a, false);
    } else {
        if (!call_failed(a, "workload-failed", r, code, sizeof code))
            pause_lane(a, WIRE_ERRAND, r->retry_after_s);
    }
}

static bool
is_needed(const struct agent *a, const char *name)
{
    char own[HEX_LEN(32)];

    for (size_t i = 0; i < a->jobs_n; i++) {
        hex_encode(BYTES(a->jobs[i]->workload.b, 32), own);
        if (strcmp(own, name) == 0)
            return true;
        hex_encode(BYTES(a->jobs[i]->secrets.b, 32), own);
        if (strcmp(own, name) == 0)
            return true;
    }
    return false;
}

/* Scripts are personal data: they are not kept longer than the jobs. */
void
workload_prune(struct agent *a, int64_t before_ms)
{
    DIR *list = fdopendir(openat(a->blobs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *e;
    struct stat st;

    if (!list)
        return;
    while ((e = readdir(list)) != NULL)
        if (e->d_name[0] != '.' && fstatat(a->blobs, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (int64_t)st.st_mtime * 1000 < before_ms && !is_needed(a, e->d_name))
            unlinkat(a->blobs, e->d_name, 0);
    closedir(list);
}
