/* agent/spool: what was stored is there after a reopen, what was not committed is not, numbers have no gaps, one agent at a
 * time, and a spool of another key is refused. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/spool.h"

static char folder[64];
static struct spool_identity who;
static struct sign_key key;

static int
setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/kontor-spool-XXXXXX");
    key = sign_key_new();
    who = (struct spool_identity){ .site = "lumi", .site_index = 14, .kid = "21", .origin = "kontor.example/test" };
    memcpy(who.public, key.public, sizeof who.public);
    memset(who.genesis.b, 7, sizeof who.genesis.b);
    return mkdtemp(folder) && spool_make(folder, &who, NULL) == OK ? 0 : -1;
}

static int
teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct spool *
reopen(struct spool *s)
{
    struct spool_identity is;

    if (s)
        spool_close(s);
    assert_int_equal(spool_open(folder, key.public, &s, &is, NULL), OK);
    assert_string_equal(is.site, "lumi");
    assert_string_equal(is.kid, "21");
    assert_true(is.site_index == 14 && hash_equal(is.genesis, who.genesis));
    return s;
}

static struct job
job_number(uint8_t n)
{
    return (struct job){
        .t = { .jti = { { n } }, .request = { { 99, n } }, .fence = n, .gpus = 4, .walltime_s = 60, .window_start_ms = 1000,
               .permit_from_ms = 900, .accept_by_ms = 2000, .start_by_ms = 3000 },
        .reservation = { { 50, n } }, .seq = n, .nodes = 1, .workload = { { 3, n } }, .workload_len = 12, .secrets = { { n > 1 ? 7 : 0, n > 1 ? n : 0 } },
    };
}

struct loaded { struct job j[8]; size_t n; };

static void
take(void *with, const struct job *j)
{
    struct loaded *l = with;

    l->j[l->n++] = *j;
}

static struct loaded
load(struct spool *s)
{
    struct loaded l = { .n = 0 };

    assert_int_equal(spool_load_jobs(s, take, &l), OK);
    return l;
}

static void
jobs_come_back(void **state)
{
    struct spool *s = reopen(NULL);
    struct job j = job_number(1), k = job_number(2);
    struct loaded l;
    bool known;

    (void)state;
    assert_int_equal(spool_begin(s), OK);
    assert_int_equal(spool_add_job(s, &k, "jws-2"), OK);
    assert_int_equal(spool_add_job(s, &j, "jws-1"), OK);
    assert_int_equal(spool_set_last_seq(s, 2), OK);
    assert_int_equal(spool_commit(s), OK);
    j.t.phase = AGENT_RUNNING;
    j.t.had_permit = j.t.told_started = j.t.cancel = true;
    j.t.started_ms = 1500;
    j.t.gpu_seconds = 77;
    j.t.exit_code = -3;
    j.t.permit_until_mono_ms = j.t.sent_mono_ms = 12345; /* of the process: not kept */
    j.last_report = 9;
    assert_int_equal(spool_save_job(s, &j), OK);
    s = reopen(s);
    assert_int_equal(spool_last_seq(s), 2);
    l = load(s);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.j[1].seq, 2);
    j.t.permit_until_mono_ms = j.t.sent_mono_ms = 0;
    assert_memory_equal(&l.j[0].t.jti, &j.t.jti, sizeof j.t.jti);
    assert_memory_equal(&l.j[0].t.request, &j.t.request, sizeof j.t.request);
    assert_memory_equal(&l.j[0].workload, &j.workload, sizeof j.workload);
    assert_memory_equal(&l.j[0].secrets, &j.secrets, sizeof j.secrets);
    assert_true(l.j[0].t.phase == AGENT_RUNNING && l.j[0].t.had_permit && l.j[0].t.cancel && l.j[0].t.told_started);
    assert_true(!l.j[0].t.told_queued && l.j[0].t.gpu_seconds == 77 && l.j[0].t.exit_code == -3);
    assert_true(l.j[0].last_report == 9 && l.j[0].t.sent_mono_ms == 0 && l.j[0].t.start_by_ms == 3000);
    assert_int_equal(spool_knows(s, j.t.jti, &known), OK);
    assert_true(known);
    assert_int_equal(spool_knows(s, (struct uuid){ { 42 } }, &known), OK);
    assert_false(known);
    assert_int_not_equal(spool_add_job(s, &j, "again"), OK); /* a jti is there once */
    spool_close(s);
}

static struct spool_report
report_number(uint64_t n)
{
    struct spool_report r = { .number = n, .kind = REPORT_STARTED, .jti = { { (uint8_t)n } } };

    memset(r.statement, (int)n, sizeof r.statement);
    memset(r.signature, (int)n + 1, sizeof r.signature);
    return r;
}

static void
reports_keep_their_numbers(void **state)
{
    struct spool *s = reopen(NULL);
    struct spool_report r;

    (void)state;
    assert_int_equal(spool_last_number(s), 0);
    for (uint64_t n = 1; n <= 3; n++) {
        r = report_number(n);
        r.inventory = n == 2 ? (char *)"{\"a\":1}" : NULL;
        assert_int_equal(spool_add_report(s, &r), OK);
    }
    assert_int_equal(spool_receipt(s, 1, "receipt"), OK);
    s = reopen(s);
    assert_int_equal(spool_last_number(s), 3);
    assert_int_equal(spool_last_receipted(s), 1);
    assert_int_equal(spool_next_report(s, &r), OK);
    assert_int_equal(r.number, 2);
    assert_string_equal(r.inventory, "{\"a\":1}");
    free(r.inventory);
    assert_true(r.statement[0] == 2 && r.signature[0] == 3);
    memset(r.statement, 9, sizeof r.statement);
    assert_int_equal(spool_resign(s, &r), OK);
    assert_int_equal(spool_report_from(s, 3, &r), OK);
    assert_int_equal(r.number, 3);
    assert_int_equal(spool_report_from(s, 4, &r), ERR_NOT_FOUND);
    assert_int_equal(spool_next_report(s, &r), OK);
    assert_int_equal(r.statement[5], 9);
    free(r.inventory);
    assert_int_not_equal(spool_receipt(s, 8, "of nothing"), OK);
    spool_close(s);
}

static void
fences_only_rise(void **state)
{
    struct spool *s = reopen(NULL);
    struct uuid request = { { 4 } };
    uint64_t fence;

    (void)state;
    assert_int_equal(spool_fence(s, request, &fence), OK);
    assert_int_equal(fence, 0);
    assert_int_equal(spool_raise_fence(s, request, 5), OK);
    assert_int_equal(spool_raise_fence(s, request, 3), OK);
    s = reopen(s);
    assert_int_equal(spool_fence(s, request, &fence), OK);
    assert_int_equal(fence, 5);
    spool_close(s);
}

/* The process dies between begin and commit: nothing of it is there. */
static void
what_was_not_committed_is_not_there(void **state)
{
    pid_t pid = fork();
    int status;
    struct spool *s;

    (void)state;
    if (pid == 0) {
        struct job j = job_number(1);
        struct spool_report r = report_number(1);

        s = reopen(NULL);
        if (spool_begin(s) != OK || spool_add_job(s, &j, "jws") != OK || spool_add_report(s, &r) != OK
            || spool_set_last_seq(s, 1) != OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    s = reopen(NULL);
    assert_int_equal(load(s).n, 0);
    assert_true(spool_last_seq(s) == 0 && spool_last_number(s) == 0 && spool_is_fresh(s));
    spool_close(s);
}

static void
one_agent_one_key_one_folder(void **state)
{
    struct spool *s = reopen(NULL), *second;
    struct spool_identity is;
    struct sign_key other = sign_key_new();

    (void)state;
    assert_int_equal(spool_open(folder, key.public, &second, &is, NULL), ERR_EXISTS);
    assert_int_equal(spool_open(folder, NULL, &second, &is, NULL), OK); /* status may look */
    spool_close(second);
    spool_close(s);
    assert_int_equal(spool_open(folder, other.public, &second, &is, NULL), ERR_FORBIDDEN);
    assert_int_equal(spool_make(folder, &who, NULL), ERR_EXISTS);
    assert_int_equal(spool_open("/tmp", key.public, &second, &is, NULL), ERR_CONFIG); /* open to others */
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(spool_open(folder, key.public, &second, &is, NULL), ERR_CONFIG);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(spool_check_folder("/proc/nothing", NULL), ERR_IO);
}

static void
a_new_spool_goes_on_where_the_lost_one_was(void **state)
{
    struct spool *s = reopen(NULL);
    struct spool_report r = report_number(41);

    (void)state;
    assert_true(spool_is_fresh(s));
    assert_int_equal(spool_adopt(s, 12, 40), OK);
    assert_int_equal(spool_set_instance(s, 7), OK);
    assert_false(spool_is_fresh(s));
    s = reopen(s);
    assert_true(spool_last_seq(s) == 12 && spool_last_number(s) == 40 && spool_last_receipted(s) == 40);
    assert_int_equal(spool_add_report(s, &r), OK);
    s = reopen(s);
    assert_true(spool_last_number(s) == 41 && spool_last_receipted(s) == 40);
    spool_close(s);
}

static void
gone(void *with, struct uuid jti)
{
    *(int *)with += jti.b[0];
}

static void
done_jobs_go_after_their_time(void **state)
{
    struct spool *s = reopen(NULL);
    struct job j = job_number(1), k = job_number(2);
    int sum = 0;

    (void)state;
    assert_int_equal(spool_add_job(s, &j, "jws"), OK);
    assert_int_equal(spool_add_job(s, &k, "jws"), OK);
    k.t.phase = AGENT_DONE;
    assert_int_equal(spool_save_job(s, &k), OK);
    assert_int_equal(load(s).n, 1);
    assert_int_equal(spool_prune(s, 1000, gone, &sum), OK);
    assert_int_equal(sum, 0);
    assert_int_equal(spool_prune(s, INT64_MAX, gone, &sum), OK);
    assert_int_equal(sum, 2); /* the done one only */
    spool_close(s);
}

/* ---- where it may be ---- */

static long pretended; /* the type of every file system; 0: what it is */

int __real_statfs(const char *path, struct statfs *ret);
int __wrap_statfs(const char *path, struct statfs *ret);
int
__wrap_statfs(const char *path, struct statfs *ret)
{
    int status = __real_statfs(path, ret);

    if (pretended)
        ret->f_type = (__typeof__(ret->f_type))pretended;
    return status;
}

/* Neither begun nor opened on a file system whose locks and syncs are another machine's promise. */
static void
file_systems_of_others_are_refused(void **state)
{
    static const struct { long type; const char *name; } ROWS[] = {
        { 0x6969, "NFS" }, { 0x0BD00BD0, "Lustre" }, { 0xFF534D42, "CIFS" }, { 0xFE534D42, "SMB" }, { 0x00C36400, "Ceph" },
        { 0x47504653, "GPFS" }, { 0x19830326, "BeeGFS" }, { 0x01021997, "9p" }, { 0x65735546, "FUSE" },
    };
    struct spool_identity is;
    struct spool *s = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct err_detail d = { .text = "" };

        pretended = ROWS[i].type;
        assert_int_equal(spool_check_folder(folder, &d), ERR_CONFIG);
        assert_non_null(strstr(d.internal, ROWS[i].name));
        assert_int_equal(spool_open(folder, key.public, &s, &is, NULL), ERR_CONFIG);
        assert_int_equal(spool_make(folder, &who, NULL), ERR_CONFIG);
    }
    pretended = 0;
    spool_close(reopen(NULL));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(jobs_come_back), CASE(reports_keep_their_numbers), CASE(fences_only_rise),
        CASE(what_was_not_committed_is_not_there), CASE(one_agent_one_key_one_folder),
        CASE(a_new_spool_goes_on_where_the_lost_one_was), CASE(done_jobs_go_after_their_time), CASE(file_systems_of_others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
