/* tests/fuzz/fuzz_slurm.c: what Slurm's commands print is read to its end or refused, and what is thought of a job keeps
 * its promises whatever it was: an end after its start, no end while anything is live, nothing without being asked twice.
 * The first byte: which command; the rest what it printed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/slurm_allocation.h"
#include "agent/slurm_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
judge_all(const struct slurm_queue *q, const struct slurm_account *a)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        struct slurm_facts f = { .now_s = 1795361600, .since_sbatch_ms = bits & 1 ? 60000 : 10, .submitted_s = 1795361000, .user_uid = 7, .gpus = 4,
                                 .idle_ms = q->live ? -1 : bits & 2 ? 100000 : 10000, .accounted = bits & 4, .cancelled = bits & 8,
                                 .walltime_s = 60, .queue = *q, .account = *a };
        enum slurm_wants wants;
        const char *why;
        struct agent_event e;

        if (bits & 16)
            f.claim = (struct slurm_claim){ 1795361500, bits & 32 ? 1795361510 : 0, bits & 32 ? 124 : 0 };
        e = slurm_judge(&f, &wants, &why);
        assert(e.kind == AGENT_ON_NONE || e.kind == AGENT_ON_QUEUED || e.kind == AGENT_ON_STARTED || e.kind == AGENT_ON_ENDED ||
               e.kind == AGENT_ON_UNKNOWN);
        assert(!q->live || (e.kind != AGENT_ON_NONE && e.kind != AGENT_ON_ENDED));
        assert(f.accounted || (e.kind != AGENT_ON_NONE && e.kind != AGENT_ON_ENDED));
        assert(e.kind != AGENT_ON_ENDED || e.started_ms == 0 || e.ended_ms >= e.started_ms);
        assert(e.kind != AGENT_ON_STARTED || e.started_ms >= f.submitted_s * 1000);
        assert((e.kind == AGENT_ON_UNKNOWN) == (wants != SLURM_WANTS_NOTHING));
    }
}

static void
read_rows(const char *text, enum slurm_read (*next)(const char **at, struct slurm_row *ret), bool queue)
{
    struct slurm_queue q = { 0 };
    struct slurm_account a = { 0 };
    struct slurm_row row;
    enum slurm_read read;
    const char *end = text + strlen(text);

    while ((read = next(&text, &row)) == SLURM_ROW) {
        assert(text <= end && row.number > 0 && memchr(row.name, 0, sizeof row.name) && row.state < SLURM_STATES);
        if (queue)
            slurm_queue_add(&q, &row);
        else
            slurm_account_add(&a, &row);
    }
    if (read == SLURM_END)
        judge_all(&q, &a);
}

/* What an allocation used: no more runs than is live, and what is not settled is not counted. */
static void
read_use(const char *text, bool queue)
{
    struct slurm_use u = { 0 };

    if (queue ? slurm_use_queue(text, 1795361600, &u) : slurm_use_account(text, 1795361600, &u)) {
        assert(u.running_s == 0 || u.live);
        assert(u.last_end_s <= 1795361600 - SLURM_SETTLED_S && (u.ended_s == 0 || u.last_end_s > 0));
        assert(u.ended_s <= INT64_MAX && u.running_s <= INT64_MAX);
    }
}

static void
read_associations(const char *at)
{
    struct slurm_assoc a;

    while (slurm_assoc_row(&at, &a) == SLURM_ROW)
        assert(a.account[0] && memchr(a.account, 0, sizeof a.account) && memchr(a.user, 0, sizeof a.user) && a.gpus >= -1 && a.gpu_minutes >= -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    const char *at = text;
    struct slurm_node node;
    struct slurm_window window;
    uint64_t number;
    int64_t behind;

    if (!text)
        abort();
    memcpy(text, data + (len > 0), len - (len > 0));
    text[len - (len > 0)] = 0;
    switch (len ? data[0] % 5 : 0) {
    case 0:
        read_rows(text, slurm_queue_row, true);
        read_use(text, true);
        break;
    case 1:
        read_rows(text, slurm_account_row, false);
        read_use(text, false);
        break;
    case 2:
        read_associations(text);
        while (slurm_node_row(&at, "a100", &node) == SLURM_ROW)
            assert(node.name[0] && !(node.up && (node.drained || node.maintenance)));
        break;
    case 3:
        while (slurm_window_row(&at, &window) == SLURM_ROW)
            assert(window.name[0] && window.end_s >= window.start_s);
        break;
    default:
        if (slurm_behind(text, &behind))
            assert(behind >= 0);
        if (slurm_number(text, &number))
            assert(number > 0);
        break;
    }
    free(text);
    return 0;
}
