/* agent/backend_exec and its supervisor, with real processes: claims are made once, supervisors outlive whoever started
 * them, walltime and cancellation hold, the dead are declared dead by their lock, and the sandbox keeps its walls. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/backend.h"
#include "agent/run.h"

#define WAIT_MS 20000

static char folder[64], claims[96], share[96];

struct rig { struct backend *b; const struct backend_kind *kind; struct clock clock; };

static struct rig
rig_with(const char *sandbox, uint32_t grace_s)
{
    struct exec_options o = {
        .folder = claims, .sandbox = sandbox, .run_as = "nobody", .share = share, .supervisor = "", .gpus = 64,
        .memory_mb = 512, .processes = 32, .grace_s = grace_s,
    };
    struct rig r = { .clock = clock_real() };
    char found[PATH_MAX], *slash;
    ssize_t len = readlink("/proc/self/exe", found, sizeof found - 1);

    assert_true(len > 0);
    found[len] = 0;
    for (int up = 0; up < 3; up++) { /* build/tests/unit/test_… (or .libs): the programs are at the top */
        slash = strrchr(found, '/');
        assert_non_null(slash);
        *slash = 0;
    }
    snprintf(found + strlen(found), sizeof found - strlen(found), "/kontor-supervise");
    o.supervisor = found;
    assert_int_equal(backend_exec_open(&o, &r.b, &r.kind, NULL), OK);
    return r;
}

static struct uuid
fresh(void)
{
    static uint8_t n;

    return (struct uuid){ { 0x01, [15] = ++n } };
}

static struct backend_run
run_of(struct rig *r, struct uuid jti, const char *script)
{
    return (struct backend_run){
        .jti = jti, .gpus = 4, .nodes = 1, .walltime_s = 60, .start_by_ms = clock_now(&r->clock) + 60000,
        .permit_until_mono_ms = monotonic_ms() + 30000, .clock = r->clock, .script = BYTES_TEXT(script),
    };
}

static struct agent_event
look(struct rig *r, struct uuid jti)
{
    return r->kind->look_up(r->b, jti, clock_now(&r->clock), NULL);
}

static char *
output(struct rig *r, struct uuid jti)
{
    static char text[RUN_OUTPUT_MAX + 1];

    text[r->kind->output(r->b, jti, text, RUN_OUTPUT_MAX)] = 0;
    return text;
}

/* Until it is in that state; the FIFO wakes us, and a bound on the time. */
static struct agent_event
wait_for(struct rig *r, struct uuid jti, enum agent_event_kind kind)
{
    int64_t until = monotonic_ms() + WAIT_MS;

    for (;;) {
        struct agent_event e = look(r, jti);
        struct pollfd p = { .fd = r->kind->wake_fd(r->b), .events = POLLIN };
        struct uuid woken;

        if (e.kind == kind)
            return e;
        if (e.kind == AGENT_ON_ENDED || monotonic_ms() > until)
            fail_msg("waited for %d, is at %d, end %d, exit %d: %s", kind, e.kind, e.end, e.exit_code, output(r, jti));
        poll(&p, 1, 50);
        while (r->kind->woken(r->b, &woken))
            ;
    }
}

static void
submit(struct rig *r, const struct backend_run *run)
{
    assert_int_equal(r->kind->submit(r->b, run, NULL).kind, AGENT_ON_SUBMITTED);
}

static void
test_runs_once(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid jti = fresh();
    struct backend_run run = run_of(&r, jti, "#!/bin/sh\necho \"gpus $KONTOR_GPUS\"\n"
                                              "[ \"$KONTOR_GPUS_PER_NODE\" = $((KONTOR_GPUS / KONTOR_NODES)) ] || exit 9\n"
                                              "echo x >>\"$KONTOR_SHARE/once\"\nexit 3\n");
    struct agent_event e;
    char path[128];
    struct stat st;

    (void)state;
    assert_int_equal(look(&r, jti).kind, AGENT_ON_NONE);
    submit(&r, &run);
    assert_int_equal(r.kind->submit(r.b, &run, NULL).kind, AGENT_ON_SUBMIT_UNKNOWN); /* the claim is taken */
    e = wait_for(&r, jti, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_EXIT);
    assert_int_equal(e.exit_code, 3);
    assert_true(e.started_ms > 0 && e.ended_ms >= e.started_ms);
    assert_int_equal(e.gpu_seconds, 4); /* 4 GPUs, less than a second, rounded up */
    assert_string_equal(output(&r, jti), "gpus 4\n");
    assert_int_equal(r.kind->submit(r.b, &run, NULL).kind, AGENT_ON_SUBMIT_UNKNOWN); /* nor after its end */
    snprintf(path, sizeof path, "%s/once", share);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 2);
    for (int64_t until = monotonic_ms() + WAIT_MS; look(&r, jti).kind != AGENT_ON_NONE; poll(NULL, 0, 10)) {
        r.kind->forget(r.b, jti); /* nothing happens while the supervisor still has the lock */
        assert_true(monotonic_ms() < until);
    }
    r.kind->close(r.b);
}

static void
test_walltime(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid polite = fresh(), stubborn = fresh();
    struct backend_run run = run_of(&r, polite, "trap 'echo asked; exit 0' TERM\nwhile :; do sleep 0.05; done\n");
    struct agent_event e;

    (void)state;
    run.walltime_s = 1;
    submit(&r, &run);
    run = run_of(&r, stubborn, "trap '' TERM\nwhile :; do sleep 0.05; done\n");
    run.walltime_s = 1;
    submit(&r, &run);
    e = wait_for(&r, polite, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_WALLTIME);
    assert_int_equal(e.gpu_seconds, 4); /* never more than the walltime */
    assert_non_null(strstr(output(&r, polite), "asked"));
    e = wait_for(&r, stubborn, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_WALLTIME);
    assert_int_equal(e.exit_code, 128 + SIGKILL);
    r.kind->close(r.b);
}

static void
test_simulated_clock(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid jti = fresh();
    struct backend_run run;
    struct agent_event e;

    (void)state;
    r.clock = clock_simulated(1800000000000, real_now_ms(), 3600); /* an hour a second */
    run = run_of(&r, jti, "while :; do sleep 0.05; done\n");
    run.walltime_s = 3600;
    run.start_by_ms = 1800000000000 + 60000LL * 3600;
    submit(&r, &run);
    e = wait_for(&r, jti, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_WALLTIME);
    assert_int_equal(e.gpu_seconds, 4 * 3600);
    assert_true(e.ended_ms - e.started_ms >= 3600000);
    r.kind->close(r.b);
}

static void
test_cancel(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid running = fresh(), waiting = fresh();
    struct backend_run run = run_of(&r, running, "sleep 60\n");
    struct agent_event e;

    (void)state;
    submit(&r, &run);
    wait_for(&r, running, AGENT_ON_STARTED);
    r.kind->cancel(r.b, running);
    e = wait_for(&r, running, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_CANCELLED);
    assert_true(e.started_ms > 0);
    run = run_of(&r, waiting, "echo never\n");
    run.start_at_ms = clock_now(&r.clock) + 50000;
    submit(&r, &run);
    assert_int_equal(look(&r, waiting).kind, AGENT_ON_QUEUED);
    r.kind->cancel(r.b, waiting);
    e = wait_for(&r, waiting, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_CANCELLED);
    assert_int_equal(e.started_ms, 0);
    r.kind->close(r.b);
}

static void
test_late_permit_and_late_start(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid permit = fresh(), start = fresh();
    struct backend_run run = run_of(&r, permit, "echo never\n");

    (void)state;
    run.permit_until_mono_ms = monotonic_ms();
    submit(&r, &run);
    assert_int_equal(wait_for(&r, permit, AGENT_ON_ENDED).end, AGENT_END_UNSTARTED);
    run = run_of(&r, start, "echo never\n");
    run.start_by_ms = clock_now(&r.clock) - 1;
    submit(&r, &run);
    assert_int_equal(wait_for(&r, start, AGENT_ON_ENDED).end, AGENT_END_UNSTARTED);
    assert_string_equal(output(&r, permit), "");
    assert_string_equal(output(&r, start), "");
    r.kind->close(r.b);
}

static void
test_too_many_gpus(void **state)
{
    struct rig r = rig_with("none", 1);
    struct backend_run run = run_of(&r, fresh(), "echo never\n");
    struct agent_event e;

    (void)state;
    run.gpus = 65;
    e = r.kind->submit(r.b, &run, NULL);
    assert_int_equal(e.kind, AGENT_ON_NOT_SUBMITTED);
    assert_int_equal(e.reason, REASON_RESOURCE);
    r.kind->close(r.b);
}

/* Who submits dies at once: the job goes on, and another process finds it. */
static void
test_outlives_the_agent(void **state)
{
    struct uuid jti = fresh();
    struct rig r;
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        struct rig mine = rig_with("none", 1);
        struct backend_run run = run_of(&mine, jti, "sleep 0.3\necho done\n");

        mine.kind->submit(mine.b, &run, NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    r = rig_with("none", 1);
    assert_int_equal(wait_for(&r, jti, AGENT_ON_ENDED).end, AGENT_END_EXIT);
    assert_string_equal(output(&r, jti), "done\n");
    r.kind->close(r.b);
}

/* Does /proc/locks know of a lock on the claim's folder? (The pid there is the agent's, who took it first.) */
static bool
is_locked(struct uuid jti)
{
    char path[160], name[UUID_TEXT], line[256];
    struct stat st;
    FILE *f = fopen("/proc/locks", "r");
    bool found = false;

    uuid_text(jti, name);
    snprintf(path, sizeof path, "%s/%s", claims, name);
    assert_int_equal(stat(path, &st), 0);
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        unsigned long inode;

        if (sscanf(line, "%*d: FLOCK ADVISORY WRITE %*d %*x:%*x:%lu", &inode) == 1 && inode == st.st_ino)
            found = true;
    }
    fclose(f);
    return found;
}

static void
kill_supervisor(const char *folder_name)
{
    char command[256];

    snprintf(command, sizeof command,
             "for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q \"^kontor-supervise .*%s\"; then "
             "kill -KILL ${p#/proc/}; fi; done", folder_name);
    assert_int_equal(system(command), 0);
}

static void
test_dead_supervisor(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid jti = fresh();
    struct backend_run run = run_of(&r, jti, "echo $$ >\"$KONTOR_SHARE/pid\"\nexec sleep 60\n");
    struct agent_event e, again;
    char name[UUID_TEXT];

    (void)state;
    submit(&r, &run);
    wait_for(&r, jti, AGENT_ON_STARTED);
    assert_true(is_locked(jti));
    uuid_text(jti, name);
    kill_supervisor(name);
    e = wait_for(&r, jti, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_SITE);
    assert_true(e.started_ms > 0);
    again = look(&r, jti); /* said once, it stands */
    assert_int_equal(again.end, AGENT_END_SITE);
    assert_int_equal(again.ended_ms, e.ended_ms);
    r.kind->close(r.b);
}

static void
test_output_is_bounded(void **state)
{
    struct rig r = rig_with("none", 1);
    struct uuid jti = fresh();
    struct backend_run run = run_of(&r, jti, "i=0; while [ $i -lt 20000 ]; do echo \"line $i\"; i=$((i+1)); done\n");
    char *text;

    (void)state;
    submit(&r, &run);
    wait_for(&r, jti, AGENT_ON_ENDED);
    text = output(&r, jti);
    assert_int_equal(strlen(text), RUN_OUTPUT_MAX);
    assert_string_equal(text + RUN_OUTPUT_MAX - 11, "line 19999\n");
    r.kind->close(r.b);
}

static void
test_sandbox(void **state)
{
    static const char script[] =
        "#!/bin/sh\n"
        "echo uid $(id -u)\n"
        "ls / | tr '\\n' ' '; echo\n"
        "ls /proc | grep -c '^[0-9]'\n"
        "cat /sys/class/net/*/address 2>/dev/null; cat /proc/net/dev | grep -vc 'lo:\\|face\\|packets'\n"
        "echo x >>/share/inside && echo may share\n"
        "(echo x >/usr/x) 2>/dev/null || echo may not write\n"
        "kill -0 1 2>/dev/null; ls /tmp /root 2>&1 | grep -c kontor\n"
        "setsid sleep 60 &\n"
        "exit 7\n";
    struct rig r = rig_with("bwrap", 1);
    struct uuid jti = fresh(), slow = fresh();
    struct backend_run run = run_of(&r, jti, script);
    struct remarks f = { 0 };
    struct agent_event e;
    bool works;
    char *text;

    (void)state;
    r.kind->check(r.b, &f);
    works = remarks_worst(&f) == VERDICT_OK;
    if (!works) {
        print_message("not tested here: %s\n", f.all[0].text);
        r.kind->close(r.b);
    }
    remarks_free(&f);
    if (!works)
        return;
    submit(&r, &run);
    e = wait_for(&r, jti, AGENT_ON_ENDED);
    text = output(&r, jti);
    if (e.end != AGENT_END_EXIT || e.exit_code != 7)
        fail_msg("end %d, exit %d: %s", e.end, e.exit_code, text);
    if (geteuid() == 0)
        assert_null(strstr(text, "uid 0\n"));
    assert_null(strstr(text, "home"));
    if (!strstr(text, "may share\nmay not write\n0\n"))
        fail_msg("%s", text);
    run = run_of(&r, slow, "#!/bin/sh\ntrap 'echo asked; exit 5' TERM\nwhile :; do sleep 0.05; done\n");
    run.walltime_s = 1;
    submit(&r, &run);
    e = wait_for(&r, slow, AGENT_ON_ENDED);
    assert_int_equal(e.end, AGENT_END_WALLTIME);
    assert_int_equal(e.exit_code, 5);
    assert_non_null(strstr(output(&r, slow), "asked\n"));
    r.kind->close(r.b);
}

static int
make_folders(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/kontor-exec-XXXXXX");
    if (!mkdtemp(folder) || chmod(folder, 0755) != 0)
        return -1;
    snprintf(claims, sizeof claims, "%s/claims", folder);
    snprintf(share, sizeof share, "%s/share", folder);
    return mkdir(share, 0700) == 0 && chmod(share, 01777) == 0 ? 0 : -1;
}

static int
remove_folders(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_once), cmocka_unit_test(test_walltime), cmocka_unit_test(test_simulated_clock),
        cmocka_unit_test(test_cancel), cmocka_unit_test(test_late_permit_and_late_start),
        cmocka_unit_test(test_too_many_gpus), cmocka_unit_test(test_outlives_the_agent),
        cmocka_unit_test(test_dead_supervisor), cmocka_unit_test(test_output_is_bounded), cmocka_unit_test(test_sandbox),
    };

    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
