/* agent/workload.c: workloads by their SHA-256: fetched before a permit is asked for, kept in the spool's folder blobs/. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/run.h"


bool
workload_read(struct agent *a, const struct job *j, char ret[WORKLOAD_MAX], size_t *ret_len)
{
    char name[HEX_LEN(32)];

    hex_encode(BYTES(j->workload.b, 32), name);
    return run_file_tail(a->blobs, name, ret, WORKLOAD_MAX, ret_len) == OK && *ret_len == j->workload_len &&
           hash_equal(sha256(BYTES(ret, *ret_len)), j->workload);
}

bool
workload_here(struct agent *a, const struct job *j)
{
    char text[WORKLOAD_MAX];
    size_t len;

    return workload_read(a, j, text, &len);
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
        hex_encode(BYTES(j->workload.b, 32), name);
        snprintf(path, sizeof path, "/v1/agent/blobs/%s", name);
        call.token = agent_token(a);
        wire_start(a->wire, WIRE_ERRAND, &call);
        a->errand = ERRAND_BLOB;
        a->errand_blob = j->workload;
        return true;
    }
    return false;
}

/* All jobs that wait for these bytes. */
static void
tell_waiting(struct agent *a, struct agent_event e)
{
    for (size_t i = 0; i < a->jobs_n; i++) {
        struct job *j = a->jobs[i];

        if (!hash_equal(j->workload, a->errand_blob))
            continue;
        j->wants_fetch = false;
        if (j->t.phase == AGENT_NEW)
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
        tell_waiting(a, (struct agent_event){ .kind = AGENT_ON_WORKLOAD });
    } else if (r->status == 200 || gone) {
        log_error(&a->log, "workload-refused", LOG_TEXT("sha256", name), LOG_I64("status", r->status),
                  LOG_I64("len", (int64_t)r->len));
        resume_lane(a, WIRE_ERRAND);
        tell_waiting(a, (struct agent_event){ .kind = AGENT_ON_NO_WORKLOAD });
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
