/* agent/slurm_rows, slurm_judge, slurm_job, slurm_submit: what Slurm prints is read whole or not at all; what is thought of a
 * job follows from queue, accounting and the wrapper's files as the header says; sbatch's command line is made of nothing
 * but checked words. */
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/command.h"
#include "agent/slurm_allocation.h"
#include "agent/slurm_job.h"
#include "agent/slurm_secrets.h"
#include "base/text.h"

#define NOW 1795361600
#define LEN(x) (sizeof(x) / sizeof((x)[0]))

/* ---- rows ---- */

static void
queue_rows(void **state)
{
    const char *at = "12|ada|kontor-a|RUNNING|cpu=2,node=2,billing=2,gres/gpu=8,gres/gpu:a100=8|1795361569|1795361629|0|\n"
                     "13|ada|x|FAILED||1795361569|N/A|1792|\n";
    struct slurm_row r;

    (void)state;
    assert_int_equal(slurm_queue_row(&at, &r), SLURM_ROW);
    assert_int_equal(r.number, 12);
    assert_string_equal(r.user, "ada");
    assert_string_equal(r.name, "kontor-a");
    assert_int_equal(r.state, SLURM_RUNNING);
    assert_int_equal(r.gpus, 8);
    assert_int_equal(r.start_s, 1795361569);
    assert_int_equal(slurm_queue_row(&at, &r), SLURM_ROW);
    assert_int_equal(r.state, SLURM_FAILED);
    assert_int_equal(r.exit_code, 7);
    assert_int_equal(r.end_s, 0);
    assert_int_equal(slurm_queue_row(&at, &r), SLURM_END);
}

static void
account_rows(void **state)
{
    static const struct { const char *line; enum slurm_state state; int64_t by; uint32_t gpus; bool allocated; int64_t elapsed, end; } rows[] = {
        { "1|ada|n|FAILED|7:0|billing=2,cpu=2,gres/gpu:a100=8,gres/gpu=8,node=2|4|5|9", SLURM_FAILED, -1, 8, true, 4, 9 },
        { "2|ada|n|CANCELLED by 1001|0:0||0|None|9", SLURM_CANCELLED, 1001, 0, false, 0, 9 },
        { "2|ada|n|CANCELLED|0:0||0|None|9", SLURM_CANCELLED, -1, 0, false, 0, 9 },
        { "3|ada|n|COMPLETED|0:0|gres/gpu=1|12|5|Unknown", SLURM_COMPLETED, -1, 1, true, 12, 0 },
        { "4|ada|n|NODE_FAIL|1:0|gres/gpu=1|12|5|20", SLURM_SITE, -1, 1, true, 12, 20 },
        { "5|ada|n|PREEMPTED|0:0|cpu=1|12|5|20", SLURM_SITE, -1, 0, true, 12, 20 },
        { "6|ada|n|SOMETHING_NEW|0:0|gres/gpu=1|12|5|20", SLURM_OTHER, -1, 1, true, 12, 20 },
    };

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        const char *at = rows[i].line;
        struct slurm_row r;

        assert_int_equal(slurm_account_row(&at, &r), SLURM_ROW);
        assert_int_equal(r.state, rows[i].state);
        assert_int_equal(r.by_uid, rows[i].by);
        assert_int_equal(r.gpus, rows[i].gpus);
        assert_int_equal(r.allocated, rows[i].allocated);
        assert_int_equal(r.elapsed_s, rows[i].elapsed);
        assert_int_equal(r.end_s, rows[i].end);
    }
}

/* Half a line, another format, an error's text: nothing is known. */
static void
broken_rows(void **state)
{
    static const char *const lines[] = { "12|ada|kontor-a|RUNN", "slurm_load_jobs error: Unable to contact slurm controller", "x|ada|n|RUNNING||1|1|0|",
                                         "0|ada|n|RUNNING||1|1|0|", "1|ada|n||gres/gpu=1|1|1|0|", "1|ada|n|RUNNING||1|1|0|more", "||||||||||||||||" };

    (void)state;
    for (size_t i = 0; i < LEN(lines); i++) {
        const char *at = lines[i], *again = lines[i];
        struct slurm_row r;

        assert_int_equal(slurm_queue_row(&at, &r), SLURM_BAD);
        assert_int_equal(slurm_account_row(&again, &r), SLURM_BAD);
    }
}

static void
node_rows(void **state)
{
    static const struct { const char *line; bool up, drained, maintenance, unknown; uint32_t gpus, used; } rows[] = {
        { "n1|idle|gpu:a100:8|gpu:a100:0(IDX:N/A)|", true, false, false, false, 8, 0 },
        { "n1|mixed|gpu:a100:8,gpu:h100:2|gpu:a100:3(IDX:0-2),gpu:h100:1(IDX:1)|", true, false, false, false, 8, 3 },
        { "n1|idle+drain|gpu:a100:8|gpu:a100:0(IDX:N/A)|", false, true, false, false, 8, 0 },
        { "n1|maint|gpu:a100:8(S:0-1)|gpu:a100:0|", false, false, true, false, 8, 0 },
        { "n1|idle+maintenance|gpu:a100:8|gpu:a100:0|", false, false, true, false, 8, 0 },
        { "n1|down|gpu:a100:8|gpu:a100:0|", false, false, false, false, 8, 0 },
        { "n1|idle*|gpu:a100:8|gpu:a100:0|", false, false, false, false, 8, 0 },
        { "n1|idle+not_responding|gpu:a100:8|gpu:a100:0|", false, false, false, false, 8, 0 },
        { "n1|unknown|gpu:a100:8|gpu:a100:0|", false, false, false, true, 8, 0 },
        { "n1|allocated|(null)|gpu:0|", true, false, false, false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        const char *at = rows[i].line;
        struct slurm_node n;

        assert_int_equal(slurm_node_row(&at, "a100", &n), SLURM_ROW);
        assert_int_equal(n.up, rows[i].up);
        assert_int_equal(n.drained, rows[i].drained);
        assert_int_equal(n.maintenance, rows[i].maintenance);
        assert_int_equal(n.unknown, rows[i].unknown);
        assert_int_equal(n.gpus, rows[i].gpus);
        assert_int_equal(n.gpus_used, rows[i].used);
    }
}

static void
windows_and_numbers(void **state)
{
    const char *at = "ReservationName=m1 StartTime=1795365204 EndTime=1795368804 Duration=01:00:00 Nodes=n[1-3] NodeCnt=3 CoreCnt=64"
                     " Flags=MAINT,SPEC_NODES TRES=cpu=64 State=INACTIVE\nReservationName=m2 StartTime=1 EndTime=2 Nodes=n2 Flags=SPEC_NODES\n";
    const char *none = "No reservations in the system\n", *bad = "slurm error\n";
    struct slurm_window w;
    uint64_t number;
    int64_t behind;

    (void)state;
    assert_int_equal(slurm_window_row(&at, &w), SLURM_ROW);
    assert_true(w.maintenance && w.nodes_n == 3 && w.start_s == 1795365204 && w.end_s == 1795368804);
    assert_string_equal(w.nodes, "n[1-3]");
    assert_int_equal(slurm_window_row(&at, &w), SLURM_ROW);
    assert_false(w.maintenance);
    assert_int_equal(slurm_window_row(&at, &w), SLURM_END);
    assert_int_equal(slurm_window_row(&none, &w), SLURM_END);
    assert_int_equal(slurm_window_row(&bad, &w), SLURM_BAD);
    assert_true(slurm_number("17\n", &number) && number == 17);
    assert_true(slurm_number("18;kontor\n", &number) && number == 18);
    assert_false(slurm_number("sbatch: error\n", &number));
    assert_false(slurm_number("", &number));
    assert_true(slurm_behind("Agent queue size:     3\nDBD Agent queue size: 12\n\nJobs", &behind) && behind == 12);
    assert_false(slurm_behind("Agent queue size: 0\n", &behind));
}

/* ---- judging ---- */

struct look { /* what is known; the rest as in a case where all is well */
    const char *why;
    const char *queue, *account;
    int64_t claim_start, claim_end;
    int32_t code;
    int64_t since_sbatch_ms, idle_ms;
    bool accounted, cancelled;
    enum agent_event_kind kind;
    enum agent_end end;
    int32_t exit_code;
    uint64_t gpu_seconds;
};

#define Q(state, start) "1|ada|n|" state "|gres/gpu=4|" start "|N/A|0|"
#define A(state, code, elapsed, start, end) "1|ada|n|" state "|" code "|gres/gpu=4|" elapsed "|" start "|" end
#define A2(state, code, elapsed, start, end) "2|ada|n|" state "|" code "|gres/gpu=4|" elapsed "|" start "|" end
#define FULL 60000, 20000, true, false

static const struct look looks[] = {
    { "confirmed, perhaps not saved", Q("PENDING", "N/A"), "", 0, 0, 0, 5999, -1, false, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "queued when it is saved", Q("PENDING", "N/A"), "", 0, 0, 0, 6000, -1, false, false, AGENT_ON_QUEUED, 0, 0, 0 },
    { "runs, says Slurm alone, too early", Q("RUNNING", "1795361590"), "", 0, 0, 0, 3000, -1, false, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "runs, says the wrapper too", Q("RUNNING", "1795361590"), "", 1795361590, 0, 0, 3000, -1, false, false, AGENT_ON_STARTED, 0, 0, 40 },
    { "runs", Q("RUNNING", "1795361590"), "", 0, 0, 0, 9000, -1, false, false, AGENT_ON_STARTED, 0, 0, 40 },
    { "completing", Q("COMPLETING", "1795361590"), "", 1795361590, 1795361595, 0, 9000, -1, false, false, AGENT_ON_STARTED, 0, 0, 20 },
    { "a finished job came back", Q("RUNNING", "1795361500"), "", 1795361500, 1795361506, 0, 9000, -1, false, false, AGENT_ON_STARTED, 0, 0, 24 },
    { "came back to the queue; it has begun once", Q("PENDING", "N/A"), "", 1795361500, 0, 0, 9000, -1, false, false, AGENT_ON_STARTED, 0, 0, 0 },
    { "two of the name, one live", Q("FAILED", "1") "\n" Q("RUNNING", "1795361590"), "", 1795361590, 0, 0, 9000, -1, false, false, AGENT_ON_STARTED, 0, 0, 40 },
    { "a state that nobody knows is live", Q("DREAMING", "N/A"), "", 0, 0, 0, 9000, -1, false, false, AGENT_ON_QUEUED, 0, 0, 0 },

    { "nothing, asked once", "", "", 0, 0, 0, 60000, 0, true, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "nothing, asked too soon again", "", "", 0, 0, 0, 60000, 5999, true, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "nothing, accounting not asked", "", "", 0, 0, 0, 60000, 20000, false, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "nothing, but accounting may lag", "", "", 0, 0, 0, 60000, 11999, true, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "nothing at all", "", "", 0, 0, 0, FULL, AGENT_ON_NONE, 0, 0, 0 },
    { "not asked since sbatch answered", "", "", 0, 0, 0, -5, 20000, true, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "held and cancelled while it waited", "", "", 0, 0, 0, 60000, 20000, true, true, AGENT_ON_NONE, 0, 0, 0 },
    { "cancelled while it waited", "", "1|ada|n|CANCELLED by 7|0:0||0|None|1795361500", 0, 0, 0, 60000, 20000, true, true, AGENT_ON_NONE, 0, 0, 0 },
    { "by another while it waited", "", "1|ada|n|CANCELLED by 7|0:0||0|None|1795361500", 0, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 0, 0 },
    { "refused when it was submitted", "", "1|ada|n|FAILED|1:0||0|1795361500|1795361500", 0, 0, 0, FULL, AGENT_ON_NONE, 0, 0, 0 },
    { "never began in time", "", "1|ada|n|DEADLINE|0:0||0|None|1795361500", 0, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_UNSTARTED, 0, 0 },

    { "finished", "", A("COMPLETED", "0:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 20 },
    { "finished a moment ago", "", A("COMPLETED", "0:0", "5", "1795361585", "1795361591"), 1795361585, 1795361591, 0, FULL, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "its end is not known yet", "", A("COMPLETED", "0:0", "50", "1795361500", "Unknown"), 1795361500, 1795361505, 0, FULL, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "failed by itself", "", A("FAILED", "7:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 7, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 7, 20 },
    { "a code that Slurm cuts", "", A("FAILED", "71:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 199, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 199, 20 },
    { "its walltime", "", A("FAILED", "124:0", "60", "1795361500", "1795361560"), 1795361500, 1795361560, 124, FULL, AGENT_ON_ENDED, AGENT_END_WALLTIME, 124, 240 },
    { "124 by itself", "", A("FAILED", "124:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 124, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 124, 20 },
    { "Slurm's limit", "", A("TIMEOUT", "0:0", "90", "1795361500", "1795361590"), 1795361500, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_WALLTIME, 0, 360 },
    { "out of memory", "", A("OUT_OF_MEMORY", "0:125", "9", "1795361500", "1795361509"), 1795361500, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 137, 36 },
    { "cancelled while it ran", "", A("CANCELLED by 7", "0:15", "5", "1795361500", "1795361505"), 1795361500, 0, 0, 60000, 20000, true, true, AGENT_ON_ENDED, AGENT_END_CANCELLED, 143, 20 },
    { "cancelled, and the wrapper wrote", "", A("CANCELLED by 7", "0:15", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 143, 60000, 20000, true, true, AGENT_ON_ENDED, AGENT_END_CANCELLED, 143, 20 },
    { "ended before the cancellation came", "", A("COMPLETED", "0:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 0, 60000, 20000, true, true, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 20 },
    { "cancelled by the site", "", A("CANCELLED by 7", "0:15", "5", "1795361500", "1795361505"), 1795361500, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 143, 20 },
    { "cancelled by its own user", "", A("CANCELLED by 1001", "0:15", "5", "1795361500", "1795361505"), 1795361500, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_CANCELLED, 143, 20 },
    { "by the site, and the wrapper wrote", "", A("CANCELLED by 7", "0:15", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 143, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 143, 20 },
    { "by its own user, and the wrapper wrote", "", A("CANCELLED by 1001", "0:15", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 143, FULL, AGENT_ON_ENDED, AGENT_END_CANCELLED, 143, 20 },
    { "killed by itself", "", A("FAILED", "143:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 143, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 143, 20 },
    { "killed by itself, recorded as cancelled", "", A("CANCELLED by 7", "0:0", "0", "1795361500", "1795361500"), 1795361440, 1795361495, 137, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 137, 0 },
    { "a launch that failed", "", A("CANCELLED by 1001", "0:0", "0", "1795361500", "1795361500"), 0, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 0, 0 },

    { "its node died", "", A("NODE_FAIL", "1:0", "29", "1795361500", "1795361529"), 1795361500, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 1, 116 },
    { "preempted", "", A("PREEMPTED", "0:15", "5", "1795361500", "1795361505"), 1795361500, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 143, 20 },
    { "preempted, and the wrapper wrote", "", A("PREEMPTED", "0:15", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 143, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 143, 20 },
    { "its output could not be opened", "", A("FAILED", "0:53", "0", "1795361500", "1795361500"), 0, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 181, 0 },
    { "it says so itself after an hour", "", A("FAILED", "0:53", "3600", "1795357900", "1795361500"), 1795357900, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 181, 14400 },
    { "its start was not saved: a second body found the claim", "", A("FAILED", "75:0", "3", "1795361500", "1795361503"), 1795361490, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 75, 12 },
    { "the same, and the first body came to its end", "", A("FAILED", "75:0", "3", "1795361500", "1795361503"), 1795361490, 1795361495, 3, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 3, 12 },
    { "credential revoked", "", A("FAILED", "1:0", "0", "1795361500", "1795361500"), 1795361490, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_SITE, 1, 0 },
    { "ran whole, recorded as cancelled", "", A("CANCELLED by 1001", "0:0", "0", "1795361500", "1795361500"), 1795361490, 1795361495, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 0 },
    { "who removes the wrapper's end does not run for nothing", "", A("COMPLETED", "0:0", "3600", "1795357900", "1795361500"), 0, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 14400 },
    { "nor who fails then", "", A("FAILED", "9:0", "3600", "1795357900", "1795361500"), 0, 0, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 9, 14400 },

    { "lost, says accounting for ever that it runs", "", A("RUNNING", "0:0", "500", "1795361100", "Unknown"), 0, 0, 0, 600000, 39999, true, false, AGENT_ON_UNKNOWN, 0, 0, 0 },
    { "lost before it began", "", A("RUNNING", "0:0", "500", "1795361100", "Unknown"), 0, 0, 0, 600000, 40000, true, false, AGENT_ON_NONE, 0, 0, 0 },
    { "lost while it ran", "", A("RUNNING", "0:0", "500", "1795361100", "Unknown"), 1795361100, 0, 0, 600000, 40000, true, false, AGENT_ON_ENDED, AGENT_END_SITE, 0, 0 },
    { "lost, and the body came to its end", "", A("RUNNING", "0:0", "500", "1795361100", "Unknown"), 1795361100, 1795361200, 0, 600000, 40000, true, false, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 0 },
    { "lost once, and ended under another number", "", A("RUNNING", "0:0", "500", "1795361100", "Unknown") "\n" A2("COMPLETED", "0:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 0, 600000, 40000, true, false, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 20 },
    { "shown twice: counted once", "", A("COMPLETED", "0:0", "5", "1795361500", "1795361505") "\n" A("COMPLETED", "0:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 20 },
    { "run twice by Slurm: both are accounted", "", A("NODE_FAIL", "1:0", "10", "1795361300", "1795361310") "\n" A2("COMPLETED", "0:0", "5", "1795361500", "1795361505"), 1795361500, 1795361505, 0, FULL, AGENT_ON_ENDED, AGENT_END_EXIT, 0, 60 },
};

static void
judgements(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(looks); i++) {
        const struct look *l = &looks[i];
        struct slurm_facts f = {
            .now_s = NOW, .since_sbatch_ms = l->since_sbatch_ms, .submitted_s = 1, .idle_ms = l->idle_ms, .accounted = l->accounted,
            .cancelled = l->cancelled, .gpus = 4, .walltime_s = 60, .user_uid = 1001,
            .claim = { l->claim_start, l->claim_end, l->code },
        };
        const char *queue = l->queue, *account = l->account, *why;
        struct slurm_row r;
        enum slurm_wants wants;
        struct agent_event e;

        while (slurm_queue_row(&queue, &r) == SLURM_ROW)
            slurm_queue_add(&f.queue, &r);
        while (slurm_account_row(&account, &r) == SLURM_ROW)
            slurm_account_add(&f.account, &r);
        e = slurm_judge(&f, &wants, &why);
        if (e.kind != l->kind || (e.kind == AGENT_ON_ENDED && (e.end != l->end || e.exit_code != l->exit_code)) || e.gpu_seconds != l->gpu_seconds)
            fail_msg("%s: kind %d, end %d, exit %d, %llu GPU-seconds", l->why, e.kind, e.end, e.exit_code, (unsigned long long)e.gpu_seconds);
        assert_int_equal(wants != SLURM_WANTS_NOTHING, e.kind == AGENT_ON_UNKNOWN);
        if (e.started_ms)
            assert_true(e.ended_ms == 0 || e.ended_ms >= e.started_ms);
    }
}

/* Slurm's seconds are rounded down; a start before the permit would be a dispute. */
static void
starts_after_its_submission(void **state)
{
    struct slurm_facts f = { .now_s = NOW, .since_sbatch_ms = 9000, .submitted_s = NOW - 4, .idle_ms = -1, .gpus = 4, .walltime_s = 60,
                             .queue = { true, true, NOW - 5, 4 }, .claim = { NOW - 5, 0, 0 } };
    enum slurm_wants wants;
    const char *why;

    (void)state;
    assert_int_equal(slurm_judge(&f, &wants, &why).started_ms, (int64_t)(NOW - 4) * 1000);
}

/* Accounting's figure stands, with the wrapper's times: the server puts before people what does not fit. */
static void
a_difference_is_told(void **state)
{
    struct slurm_facts f = { .now_s = NOW, .since_sbatch_ms = 60000, .submitted_s = 1, .idle_ms = 20000, .accounted = true, .gpus = 4, .walltime_s = 600,
                             .claim = { NOW - 500, NOW - 494, 0 } };
    const char *account = A("TIMEOUT", "0:0", "300", "1795361100", "1795361400"), *why;
    struct slurm_row r;
    enum slurm_wants wants;
    struct agent_event e;

    (void)state;
    assert_int_equal(slurm_account_row(&account, &r), SLURM_ROW);
    slurm_account_add(&f.account, &r);
    e = slurm_judge(&f, &wants, &why);
    assert_int_equal(e.kind, AGENT_ON_ENDED);
    assert_int_equal(e.gpu_seconds, 1200);
    assert_int_equal(e.ended_ms - e.started_ms, 6000);
    assert_true(why[0] != 0);
}

/* ---- the job's files ---- */

static char folder[] = "/tmp/kontor-slurm-test-XXXXXX";

static int
make_folder(void **state)
{
    char path[200];

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/ada", folder);
    return mkdir(path, 0700);
}

static int
remove_folder(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void
put(const char *name, const char *text)
{
    char path[300];
    FILE *to;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
}

static void
notes(void **state)
{
    struct slurm_note n = { "ada", "org-a", 8, 60, 1, 2, 3, true }, got;
    int dir = open(folder, O_RDONLY | O_DIRECTORY);

    (void)state;
    assert_int_equal(slurm_note_read(dir, "none", &got), ERR_NOT_FOUND);
    assert_int_equal(slurm_note_write(dir, "note", &n), OK);
    assert_int_equal(slurm_note_read(dir, "note", &got), OK);
    assert_string_equal(got.user, "ada");
    assert_string_equal(got.account, "org-a");
    assert_true(got.gpus == 8 && got.walltime_s == 60 && got.first_ms == 1 && got.submitted_ms == 2 && got.answered_ms == 3 && got.cancelled);
    put("note", "kontor-slurm/v1 ada org-a 8 60 1 2");
    assert_int_equal(slurm_note_read(dir, "note", &got), ERR_CORRUPT);
    put("note", "");
    assert_int_equal(slurm_note_read(dir, "note", &got), ERR_CORRUPT);
    close(dir);
}

/* ---- allocations ---- */

static void
associations(void **state)
{
    const char *at = "kontor-a||gres/gpu=8|gres/gpu=120|0|0\nkontor-a|ada||||\nkontor-a||cpu=4|||\n";
    static const char *const BAD[] = { "kontor-a||gres/gpu=8|gres/gpu=120|0\n", "|||||\n", "kontor-a||||x|\n", "a|b|c|d|e|f|g\n" };
    struct slurm_assoc r;

    (void)state;
    assert_int_equal(slurm_assoc_row(&at, &r), SLURM_ROW);
    assert_true(strcmp(r.account, "kontor-a") == 0 && !r.user[0] && r.shut && r.gpus == 8 && r.gpu_minutes == 120);
    assert_int_equal(slurm_assoc_row(&at, &r), SLURM_ROW);
    assert_true(strcmp(r.user, "ada") == 0 && !r.shut && r.gpus == -1);
    assert_int_equal(slurm_assoc_row(&at, &r), SLURM_ROW);
    assert_true(!r.shut && r.gpus == -1 && r.gpu_minutes == -1);
    assert_int_equal(slurm_assoc_row(&at, &r), SLURM_END);
    for (size_t i = 0; i < LEN(BAD); i++) {
        at = BAD[i];
        assert_int_equal(slurm_assoc_row(&at, &r), SLURM_BAD);
    }
}

/* What an account used is the sum of its jobs' ends that are settled, and of what runs by the queue's word alone. */
static void
use_of_an_account(void **state)
{
    struct slurm_use u = { 0 };

    (void)state;
    assert_true(slurm_use_queue("1|ada|a|RUNNING|gres/gpu=2|1795361570|N/A|0|\n2|bob|b|PENDING|gres/gpu=8|N/A|N/A|0|\n"
                                "3|bob|b|COMPLETED|gres/gpu=8|1795361500|1795361520|0|\n", NOW, &u));
    assert_true(u.live && u.running_s == 60);
    u = (struct slurm_use){ 0 };
    assert_true(slurm_use_queue("3|bob|b|COMPLETED|gres/gpu=8|1795361500|1795361520|0|\n", NOW, &u));
    assert_true(!u.live && u.running_s == 0);
    assert_false(slurm_use_queue("what\n", NOW, &u));
    assert_true(slurm_use_account("1|ada|a|RUNNING|0:0|gres/gpu=2|30|1795361570|Unknown\n"       /* not over */
                                  "2|bob|b|COMPLETED|0:0|gres/gpu=8|20|1795361500|1795361520\n"
                                  "3|bob|b|COMPLETED|0:0|gres/gpu=8|20|1795361571|1795361591\n"    /* a moment ago */
                                  "4|bob|b|COMPLETED|0:0|gres/gpu=1|99|1795361500|Unknown\n"      /* slurmdbd lags */
                                  "5|bob|b|CANCELLED by 0|0:0||0|None|1795361599\n"                /* never had anything */
                                  "6|ada|a|TIMEOUT|0:0|gres/gpu=1|7|1795361500|1795361507\n", NOW, &u));
    assert_true(u.ended_s == 167 && u.unsettled == 3 && u.last_end_s == 1795361520);
    assert_false(slurm_use_account("1|ada\n", NOW, &u));
    assert_int_equal(slurm_allocation_minutes(4, 45), 3);
    assert_int_equal(slurm_allocation_minutes(1, 30), 1);
    assert_int_equal(slurm_allocation_minutes(1000000, 90 * 86400), INT64_C(129600000000));
}

static void
allocation_notes(void **state)
{
    struct slurm_allocation_note n = { .parent = "org-a", .gpus = 8, .walltime_s = 60, .start_s = 1, .start_by_s = 2, .claiming_ms = 3,
                                       .opening_ms = 4, .opened = true, .cancelled = true, .closed_ms = 5, .ended_ms = 6, .gpu_seconds = 7 },
                                 got;
    struct slurm_note job;
    int dir = open(folder, O_RDONLY | O_DIRECTORY);

    (void)state;
    n.organisation.b[3] = 9;
    assert_int_equal(slurm_allocation_note_read(dir, "none", &got), ERR_NOT_FOUND);
    assert_int_equal(slurm_allocation_note_write(dir, "note", &n), OK);
    assert_int_equal(slurm_allocation_note_read(dir, "note", &got), OK);
    assert_true(uuid_equal(got.organisation, n.organisation) && strcmp(got.parent, "org-a") == 0 && got.gpus == 8 && got.walltime_s == 60);
    assert_true(got.start_s == 1 && got.start_by_s == 2 && got.claiming_ms == 3 && got.opening_ms == 4 && got.opened && got.cancelled);
    assert_true(got.closed_ms == 5 && got.ended_ms == 6 && got.gpu_seconds == 7);
    assert_int_equal(slurm_note_read(dir, "note", &job), ERR_CORRUPT); /* the one is not taken for the other */
    put("note", "kontor-slurm/v1 ada org-a 8 60 1 2 3 1\n");
    assert_int_equal(slurm_allocation_note_read(dir, "note", &got), ERR_CORRUPT);
    close(dir);
}

/* The job's user may put anything in the place of the wrapper's files; the agent neither waits nor believes. */
static void
claims(void **state)
{
    struct slurm_claim c;
    char path[300];

    (void)state;
    assert_int_equal(slurm_claim_read(folder, "bob", "kontor-x", &c), ERR_IO);
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK);
    assert_int_equal(c.start_s, 0);
    snprintf(path, sizeof path, "%s/ada/once-kontor-x", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put("ada/once-kontor-x/start", "1795361500\n");
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK);
    assert_true(c.start_s == 1795361500 && c.end_s == 0);
    put("ada/once-kontor-x/end", "7 1795361505\n");
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK);
    assert_true(c.end_s == 1795361505 && c.exit_code == 7);
    put("ada/once-kontor-x/end", "7 1795361499\n");
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK);
    assert_true(c.end_s == 0 && c.exit_code == 0);
    put("ada/once-kontor-x/end", "rubbish");
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK);
    assert_int_equal(c.end_s, 0);
    snprintf(path, sizeof path, "%s/ada/once-kontor-x/end", folder);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK); /* and at once */
    assert_int_equal(c.end_s, 0);
    unlink(path);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(slurm_claim_read(folder, "ada", "kontor-x", &c), OK);
    assert_int_equal(c.end_s, 0);
    put("ada/log-kontor-x", "0123456789");
    assert_int_equal(slurm_log_tail(folder, "ada", "kontor-x", path, 4), 4);
    assert_memory_equal(path, "6789", 4);
    slurm_leavings_remove(folder, "ada", "kontor-x");
    assert_int_equal(slurm_log_tail(folder, "ada", "kontor-x", path, 4), 0);
}

static void
users(void **state)
{
    struct uuid a, b;
    struct slurm_user u;
    struct err_detail d = { 0 };
    char path[100];

    (void)state;
    assert_true(uuid_parse("0190163d-8694-7f01-bf03-00000000000a", &a));
    assert_true(uuid_parse("0190163d-8694-7f01-bf03-00000000000b", &b));
    snprintf(path, sizeof path, "%s/users", folder);
    assert_int_equal(slurm_user_find(path, a, &u, &d), ERR_CONFIG);
    put("users", "# who\n\n0190163d-8694-7f01-bf03-00000000000a ada org-a\n");
    chmod(path, 0644);
    assert_int_equal(slurm_user_find(path, a, &u, &d), OK);
    assert_string_equal(u.user, "ada");
    assert_string_equal(u.account, "org-a");
    assert_int_equal(slurm_user_find(path, b, &u, &d), ERR_NOT_FOUND);
    chmod(path, 0664);
    assert_int_equal(slurm_user_find(path, a, &u, &d), ERR_CONFIG);
    for (size_t i = 0; i < 4; i++) {
        static const char *const bad[] = { "0190163d-8694-7f01-bf03-00000000000a ada\n", "x ada org-a\n", "0190163d-8694-7f01-bf03-00000000000a -rf org-a\n",
                                           "0190163d-8694-7f01-bf03-00000000000a ada org-a more\n" };

        put("users", bad[i]);
        chmod(path, 0644);
        assert_int_equal(slurm_user_find(path, b, &u, &d), ERR_CONFIG);
    }
}

static void
put_wrapper(const struct backend_run *run, const char *name)
{
    char path[300];
    size_t len;
    char *text = slurm_wrapper(run, name, &len);
    FILE *to;

    assert_int_equal(strlen(text), len);
    snprintf(path, sizeof path, "%s/wrapper", folder);
    to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
    free(text);
}

/* The wrapper, run by hand: once, for its seconds, and it notes how it ended. */
static void
wrapper(void **state)
{
    struct backend_run run = { .gpus = 8, .nodes = 2, .walltime_s = 60, .clock = clock_real(), .start_by_ms = real_now_ms() + 60000,
                               .script = BYTES_TEXT("#!/bin/sh\necho \"$KONTOR_GPUS $KONTOR_GPUS_PER_NODE $(pwd)\" >../seen; exit 9\n") };
    char name[SLURM_NAME], command[400], path[300];
    struct slurm_claim c;

    (void)state;
    slurm_name(run.jti, name);
    put_wrapper(&run, name);
    snprintf(command, sizeof command, "cd %s/ada && sh ../wrapper", folder);
    assert_int_equal(WEXITSTATUS(system(command)), 9);
    assert_int_equal(slurm_claim_read(folder, "ada", name, &c), OK);
    assert_true(c.start_s > 0 && c.end_s >= c.start_s && c.exit_code == 9);
    snprintf(path, sizeof path, "cd %s/ada && grep -q '^8 4 ' once-%s/seen", folder, name);
    assert_int_equal(system(path), 0);
    assert_int_equal(WEXITSTATUS(system(command)), 75); /* a second body */
    slurm_leavings_remove(folder, "ada", name);
    run.start_by_ms = real_now_ms() - 120000;
    put_wrapper(&run, name);
    assert_int_equal(WEXITSTATUS(system(command)), 76); /* brought back too late */
    assert_int_equal(slurm_claim_read(folder, "ada", name, &c), OK);
    assert_int_equal(c.start_s, 0);
    slurm_leavings_remove(folder, "ada", name);
    assert_int_equal(slurm_minutes(60), 2);
    assert_int_equal(slurm_minutes(50), 1);
}

/* A job may leave folders nested deeper than the agent has descriptors: they go all the same, and the agent does not. */
static void
what_is_nested_goes(void **state)
{
    struct rlimit had, few = { 0 };
    char name[SLURM_NAME], path[300];
    struct stat st;
    int at, dir;

    (void)state;
    slurm_name((struct uuid){ { 5 } }, name);
    snprintf(path, sizeof path, "%s/ada/once-%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    at = open(path, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 1500; i++) {
        assert_true(mkdirat(at, "x", 0700) == 0 && mkdirat(at, "y", 0700) == 0 && symlinkat("/", at, "root") == 0);
        dir = openat(at, "x", O_RDONLY | O_DIRECTORY);
        close(at);
        at = dir;
    }
    close(at);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    few = (struct rlimit){ 100, had.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    slurm_leavings_remove(folder, "ada", name);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_int_not_equal(lstat(path, &st), 0);
    assert_int_equal(stat("/tmp", &st), 0); /* no link was followed */
}

/* ---- commands ---- */

/* What sudo remarks before it goes on is not what sbatch said: taken for sudo's refusal, a job that Slurm has would be given up. */
static void
what_a_command_says(void **state)
{
    static const char *const SAID[][2] = {
        { "sbatch: error: a\nb\n", "sbatch: error: a" },
        { "sudo: unable to resolve host n1: Name or service not known\nsbatch: error: timed out\n", "sbatch: error: timed out" },
        { "sudo: unable to resolve host n1: x\nsudo: setrlimit(RLIMIT_CORE): Operation not permitted\nsudo: a password is required\n", "sudo: a password is required" },
        { "sudo: unable to resolve host n1: x\n", "" },
        { "sudo: a password is required", "sudo: a password is required" },
        { "", "" },
    };
    const char *env[] = { "PATH=/usr/bin:/bin", NULL };

    (void)state;
    for (size_t i = 0; i < LEN(SAID); i++) {
        const char *argv[] = { "/bin/sh", "-c", "printf %s \"$1\" >&2; exit 1", "sh", SAID[i][0], NULL };
        struct command_result r;
        struct err_detail d = { 0 };
        struct command c;

        assert_int_equal(command_start(&c, argv, env, BYTES("", 0), 10000, &d), OK);
        command_wait(&c, &r);
        assert_int_equal(r.status, 1);
        assert_string_equal(r.err, SAID[i][1]);
        free(r.out);
    }
}

/* ---- secrets ---- */

#define HEAVY "\n$(touch harm) `touch harm` '\"\\ \t*;&|<>${HOME}~#%s\n\n"

/* Every byte but zero, what a shell would run, and nothing at all; each with its name and a zero. */
static size_t
secret_things(char *ret, size_t cap)
{
    size_t len = (size_t)snprintf(ret, cap, "FIRST=") + 255;

    for (size_t i = 0; i < 255; i++)
        ret[6 + i] = (char)(i + 1);
    ret[len++] = 0;
    len += (size_t)snprintf(ret + len, cap - len, "heavy_1=%s", HEAVY) + 1;
    len += (size_t)snprintf(ret + len, cap - len, "_EMPTY=") + 1;
    return len;
}

static bool
in_the_way(const char *name, const char *end)
{
    char path[300];

    snprintf(path, sizeof path, "%s/ada/secret-%s%s", folder, name, end);
    return access(path, F_OK) == 0;
}

static void
secrets_put(const char *name, struct bytes secrets)
{
    struct err_detail d = { 0 };
    size_t len;
    char *lines = slurm_secrets_lines(secrets, &len);

    assert_int_equal(slurm_secrets_put(folder, "ada", name, BYTES(lines, len), &d), OK);
    slurm_secrets_wipe(&lines, len);
    assert_null(lines);
}

/* What the payload has is byte for byte what was handed over, with each shell that a node may have; nothing of it is run, and
 * the file is gone before the payload is there. */
static void
secrets_in_the_environment(void **state)
{
    static const char *const SHELLS[] = { "dash", "bash", "bash --posix" };
    struct backend_run run = { .gpus = 1, .nodes = 1, .walltime_s = 60, .clock = clock_real(), .start_by_ms = real_now_ms() + 60000,
                               .script = BYTES_TEXT("#!/bin/sh\nls ../.. >../seen; cat /proc/$$/environ >../has\n") };
    char name[SLURM_NAME], command[600], things[1000], has[4000], path[300];
    size_t things_len = secret_things(things, sizeof things), tried = 0;

    (void)state;
    run.secrets = BYTES(things, things_len);
    slurm_name(run.jti, name);
    put_wrapper(&run, name);
    for (size_t i = 0; i < LEN(SHELLS); i++) {
        FILE *from;
        size_t len;

        snprintf(command, sizeof command, "command -v %.*s >/dev/null", (int)strcspn(SHELLS[i], " "), SHELLS[i]);
        if (system(command) != 0)
            continue;
        secrets_put(name, run.secrets);
        snprintf(command, sizeof command, "cd %s/ada && LC_ALL=%s %s ../wrapper", folder, i % 2 ? "C" : "C.UTF-8", SHELLS[i]);
        assert_int_equal(WEXITSTATUS(system(command)), 0);
        assert_false(in_the_way(name, ""));
        snprintf(path, sizeof path, "%s/ada/once-%s/has", folder, name);
        from = fopen(path, "r");
        assert_non_null(from);
        len = fread(has, 1, sizeof has, from);
        fclose(from);
        for (size_t at = 0; at < things_len; at += strlen(things + at) + 1)
            if (!memmem(has, len, things + at, strlen(things + at) + 1))
                fail_msg("%s: %.12s is not there whole", SHELLS[i], things + at);
        assert_null(memmem(has, len, "KONTOR_TEXT", 11));
        snprintf(command, sizeof command, "cd %s/ada && ! grep -q -e secret- -e harm once-%s/seen", folder, name);
        assert_int_equal(system(command), 0);
        slurm_leavings_remove(folder, "ada", name);
        tried++;
    }
    assert_true(tried >= 2);
}

/* Without its secrets a job does not start; and what is of another form is not read. */
static void
secrets_or_nothing(void **state)
{
    static const char *const BAD[] = { "A QQ=\n", "A=B QQ==\n", "9A QQ==\n", " QQ==\n", "A$(id) QQ==\n", "A ....\n" };
    struct backend_run run = { .gpus = 1, .nodes = 1, .walltime_s = 60, .clock = clock_real(), .start_by_ms = real_now_ms() + 60000,
                               .script = BYTES_TEXT("#!/bin/sh\necho ran >../seen\n"), .secrets = BYTES("A=B", 4) };
    char name[SLURM_NAME], command[600], path[300];
    struct err_detail d = { 0 };

    (void)state;
    slurm_name(run.jti, name);
    put_wrapper(&run, name);
    snprintf(command, sizeof command, "cd %s/ada && sh ../wrapper 2>/dev/null", folder);
    assert_int_equal(WEXITSTATUS(system(command)), 74);
    slurm_leavings_remove(folder, "ada", name);
    for (size_t i = 0; i < LEN(BAD); i++) {
        assert_int_equal(slurm_secrets_put(folder, "ada", name, BYTES_TEXT(BAD[i]), &d), OK);
        if (WEXITSTATUS(system(command)) != 74)
            fail_msg("\"%s\" was taken", BAD[i]);
        assert_false(in_the_way(name, ""));
        snprintf(path, sizeof path, "%s/ada/once-%s/seen", folder, name);
        assert_int_not_equal(access(path, F_OK), 0);
        slurm_leavings_remove(folder, "ada", name);
    }
}

/* Nobody else can read it, whatever lies in its place is replaced and not followed, and it goes with the job. */
static void
secrets_file(void **state)
{
    char name[SLURM_NAME], path[300], target[300];
    struct uuid jti = { { 0 } };
    struct err_detail d = { 0 };
    struct stat st;

    (void)state;
    slurm_name(jti, name);
    snprintf(path, sizeof path, "%s/ada/secret-%s", folder, name);
    snprintf(target, sizeof target, "%s/ada/target", folder);
    assert_int_equal(symlink(target, path), 0);
    secrets_put(name, BYTES("A=B", 4));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_size == 7);
    assert_int_not_equal(access(target, F_OK), 0);
    slurm_secrets_remove(folder, "ada", name);
    snprintf(path, sizeof path, "%s/ada/secret-%s.new", folder, name); /* of a helper that was killed while it wrote */
    assert_int_equal(symlink(target, path), 0);
    secrets_put(name, BYTES("A=B", 4));
    assert_true(in_the_way(name, "") && !in_the_way(name, ".new"));
    assert_int_not_equal(access(target, F_OK), 0);
    slurm_claim_take(folder, "ada", name); /* it is cancelled before it begins */
    assert_false(in_the_way(name, ""));
    secrets_put(name, BYTES("A=B", 4));
    slurm_claim_take(folder, "ada", name); /* whose body has begun reads it, and removes it */
    assert_true(in_the_way(name, ""));
    slurm_leavings_remove(folder, "ada", name);
    assert_false(in_the_way(name, ""));
    assert_int_equal(slurm_secrets_put(folder, "nobody-of-that-name", name, BYTES_TEXT("A QQ==\n"), &d), ERR_IO);
}

/* ---- sbatch's command line ---- */

static const char *const GOOD[SUBMIT_WORDS] = { "ada", "kontor-0190163d-8694-7f01-bf03-00000000000a", "org-a", "gpu", "2", "a100", "4", "5", "0", "1795361500",
                                                "/shared/kontor/ada" };

static void
command_line(void **state)
{
    static const char *const want[] = { "/usr/bin/sbatch", "--parsable", "--job-name=kontor-0190163d-8694-7f01-bf03-00000000000a", "--account=org-a",
                                        "--partition=gpu", "--nodes=2", "--ntasks-per-node=1", "--gres=gpu:a100:4", "--time=5", "--deadline=uts1795361500",
                                        "--no-requeue", "--export=ALL", "--open-mode=append", "--chdir=/shared/kontor/ada",
                                        "--output=/shared/kontor/ada/log-kontor-0190163d-8694-7f01-bf03-00000000000a" };
    static const struct { enum submit_word which; const char *text; } bad[] = {
        { SUBMIT_USER, "" }, { SUBMIT_USER, "-x" }, { SUBMIT_USER, "a b" }, { SUBMIT_USER, "ada;id" }, { SUBMIT_NAME, "kontor-x" }, { SUBMIT_NAME, "0190163d-8694-7f01-bf03-00000000000a" },
        { SUBMIT_ACCOUNT, "--uid=0" }, { SUBMIT_ACCOUNT, "a,b" }, { SUBMIT_PARTITION, "gpu --uid=0" }, { SUBMIT_NODES, "0" }, { SUBMIT_NODES, "1-9" }, { SUBMIT_NODES, " 1" },
        { SUBMIT_TYPE, "a100:4,gpu" }, { SUBMIT_GPUS, "-1" }, { SUBMIT_MINUTES, "1:00" }, { SUBMIT_BEGIN, "now" }, { SUBMIT_DEADLINE, "0" }, { SUBMIT_FOLDER, "relative" },
        { SUBMIT_FOLDER, "/a/../etc" }, { SUBMIT_FOLDER, "/a/.." }, { SUBMIT_FOLDER, "/a\nb" }, { SUBMIT_FOLDER, "/a %u" },
    };
    static struct submit_argv argv;
    struct err_detail d = { 0 };

    (void)state;
    assert_int_equal(submit_argv("/usr/bin/sbatch", GOOD, &argv, &d), OK);
    for (size_t i = 0; i < LEN(want); i++)
        assert_string_equal(argv.argv[i], want[i]);
    assert_null(argv.argv[LEN(want)]);
    for (size_t i = 0; i < LEN(bad); i++) {
        const char *words[SUBMIT_WORDS];

        memcpy(words, GOOD, sizeof words);
        words[bad[i].which] = bad[i].text;
        if (submit_argv("/usr/bin/sbatch", words, &argv, &d) != ERR_FIELD_INVALID)
            fail_msg("\"%s\" was taken", bad[i].text);
    }
}

/* kontor-slurm-submit in a child of ours: its exit status, and what sbatch's stand-in wrote. secrets: its last word, NULL: none. */
static int
submitted(const char *const words[SUBMIT_WORDS], const char *secrets, const char *input, char *ret, size_t cap)
{
    char *argv[SUBMIT_WORDS + 3] = { (char *)"kontor-slurm-submit" }, conf[100];
    int in[2], out[2], status;
    ssize_t n;
    pid_t pid;

    snprintf(conf, sizeof conf, "%s/conf", folder);
    for (size_t i = 0; i < SUBMIT_WORDS; i++)
        argv[i + 1] = (char *)words[i];
    argv[SUBMIT_WORDS + 1] = (char *)secrets;
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(write(in[1], input, strlen(input)), (ssize_t)strlen(input));
    close(in[1]);
    pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        _exit(submit_main(conf, SUBMIT_WORDS + 1 + (secrets != NULL), argv));
    }
    close(in[0]);
    close(out[1]);
    n = read(out[0], ret, cap - 1);
    ret[n > 0 ? n : 0] = 0;
    close(out[0]);
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

/* The user whose jobs the helper submits here; NULL: there is nobody to become. */
static const char *
helped_user(void)
{
    return geteuid() == 0 ? "nobody" : getenv("LOGNAME");
}

/* Its settings, and words that it takes. */
static void
helper_ready(const char *sbatch, const char *words[SUBMIT_WORDS], char mine[200])
{
    const char *user = helped_user() ? helped_user() : "x";
    char conf[500], path[200];

    memcpy(words, GOOD, SUBMIT_WORDS * sizeof words[0]);
    put("sbatch", sbatch);
    snprintf(path, sizeof path, "%s/sbatch", folder);
    chmod(path, 0755);
    chmod(folder, 0755);
    snprintf(mine, 200, "%s/%s", folder, user);
    snprintf(conf, sizeof conf, "# who\nuser root\nuser %s\nsbatch %s/sbatch\nslurm_conf /s.conf\nfolder %s\n", user, folder, folder);
    put("conf", conf);
    words[SUBMIT_USER] = user;
    words[SUBMIT_FOLDER] = mine;
}

static void
the_helper(void **state)
{
    const char *words[SUBMIT_WORDS], *user = helped_user();
    char text[1000], mine[200], said[600], path[200];

    (void)state;
    helper_ready("#!/bin/sh\necho \"$(id -un) $# $1 $SLURM_CONF ${HOME:-none} $(umask)\"\n", words, mine);
    snprintf(path, sizeof path, "%s/conf", folder);
    chmod(path, 0666);
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), SUBMIT_REFUSES); /* anybody may write them */
    chmod(path, 0644);
    words[SUBMIT_USER] = "daemon";
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), SUBMIT_REFUSES); /* not in the list */
    assert_non_null(strstr(text, "daemon"));
    words[SUBMIT_USER] = "root";
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), SUBMIT_REFUSES); /* in the list, and root */
    if (!user)
        return;
    words[SUBMIT_USER] = user;
    words[SUBMIT_FOLDER] = "/etc";
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), SUBMIT_REFUSES);
    words[SUBMIT_FOLDER] = mine;
    words[SUBMIT_ACCOUNT] = "--uid=0";
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), SUBMIT_REFUSES);
    words[SUBMIT_ACCOUNT] = "org-a";
    mkdir(mine, 0755);
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), 0);
    snprintf(said, sizeof said, "%s 14 --parsable /s.conf none 0007\n", user);
    assert_string_equal(text, said);
    unlink(path);
    assert_int_equal(submitted(words, NULL, "", text, sizeof text), SUBMIT_REFUSES); /* no settings */
}

/* What is secret goes to the file, as the job's user, and the rest of what comes is sbatch's. */
static void
the_helper_takes_secrets(void **state)
{
    static const char *const BAD[] = { "0", "-1", "7x", "", "49153" };
    const char *words[SUBMIT_WORDS], *user = helped_user();
    char text[1000], mine[200], said[600], path[400];
    struct passwd *who = user ? getpwnam(user) : NULL;
    struct stat st;

    (void)state;
    helper_ready("#!/bin/sh\nset -- \"$@\" $(env)\ncase $* in *QUJD*) echo shown ;; esac\necho \"$(id -un): $(cat)\"\n", words, mine);
    if (!who)
        return;
    mkdir(mine, 0755);
    assert_int_equal(chown(mine, who->pw_uid, (gid_t)-1), 0);
    for (size_t i = 0; i < LEN(BAD); i++)
        assert_int_equal(submitted(words, BAD[i], "A QUJD\n#!script", text, sizeof text), SUBMIT_REFUSES);
    assert_int_equal(submitted(words, "7", "A QUJD\n#!script", text, sizeof text), 0);
    snprintf(said, sizeof said, "%s: #!script\n", user);
    assert_string_equal(text, said);
    snprintf(path, sizeof path, "%s/secret-%s", mine, words[SUBMIT_NAME]);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_uid == who->pw_uid && st.st_size == 7);
    assert_int_equal(submitted(words, "7", "A Q", text, sizeof text), SUBMIT_FAILS); /* cut off: nothing is submitted */
    assert_null(strstr(text, user));
    if (geteuid() == 0) {
        assert_int_equal(chown(mine, 0, (gid_t)-1), 0);
        assert_int_equal(submitted(words, "7", "A QUJD\n#!script", text, sizeof text), SUBMIT_FAILS);
        assert_null(strstr(text, "#!script"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_rows),     cmocka_unit_test(account_rows),
        cmocka_unit_test(broken_rows),    cmocka_unit_test(node_rows),
        cmocka_unit_test(windows_and_numbers), cmocka_unit_test(judgements),
        cmocka_unit_test(starts_after_its_submission), cmocka_unit_test(a_difference_is_told),
        cmocka_unit_test(notes),          cmocka_unit_test(claims),
        cmocka_unit_test(associations),   cmocka_unit_test(use_of_an_account),
        cmocka_unit_test(allocation_notes),
        cmocka_unit_test(users),          cmocka_unit_test(wrapper),
        cmocka_unit_test(what_is_nested_goes),
        cmocka_unit_test(what_a_command_says),
        cmocka_unit_test(secrets_in_the_environment), cmocka_unit_test(secrets_or_nothing),
        cmocka_unit_test(secrets_file),
        cmocka_unit_test(command_line),   cmocka_unit_test(the_helper),
        cmocka_unit_test(the_helper_takes_secrets),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
