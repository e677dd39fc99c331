/* tests/sim/spool_sim.c
 * agent/spool.h in memory. A transaction that is committed survives the process; from spool_sync() on it survives the
 * machine. Older copies are kept, as a backup would. Before and after each write the agent may be killed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "world_sim.h"

struct held_report { struct spool_report r; bool receipted; };
struct held_fence { struct uuid request; uint64_t fence; };

struct image {
    uint64_t last_seq, last_number, last_receipted, base, instance;
    struct job *jobs;
    struct held_fence *fences;
    struct held_report *reports;
    size_t jobs_n, fences_n, reports_n;
};

struct spool {
    struct seat *seat;
    struct image work;
    bool within;
};

static void *
grown(const void *items, size_t n, size_t size, size_t more)
{
    char *to = xmalloc((n + more) * size);

    if (n > 0)
        memcpy(to, items, n * size);
    return to;
}

static struct image *
image_copy(const struct image *from)
{
    struct image *to = xmalloc(sizeof *to);

    *to = *from;
    to->jobs = grown(from->jobs, from->jobs_n, sizeof *from->jobs, 0);
    to->fences = grown(from->fences, from->fences_n, sizeof *from->fences, 0);
    to->reports = grown(from->reports, from->reports_n, sizeof *from->reports, 0);
    return to;
}

const struct image *
image_empty(void)
{
    return xcalloc(1, sizeof(struct image));
}

bool
image_is_older(const struct image *a, const struct image *b)
{
    return a->last_seq < b->last_seq || a->last_number < b->last_number || a->last_receipted < b->last_receipted;
}

void
spool_take_copy(struct seat *s)
{
    s->copies[s->copies_n++ % SPOOL_COPIES] = s->committed;
}

/* ---- opening ---------------------------------------------------------------------------------------------------------- */

enum err
spool_open(const char *folder, const uint8_t *public, struct spool **ret, struct spool_identity *ret_who,
           struct err_detail *d)
{
    struct seat *seat = sim.here->own;
    struct spool *s = xcalloc(1, sizeof *s);
    struct image *copy = image_copy(seat->committed);

    (void)folder;
    (void)public;
    (void)ret_who;
    (void)d;
    s->seat = seat;
    s->work = *copy;
    *ret = s;
    return OK;
}

void
spool_close(struct spool *s)
{
    free(s);
}

const char *
spool_error(const struct spool *s)
{
    (void)s;
    return "as the simulator wants";
}

/* ---- transactions ----------------------------------------------------------------------------------------------------- */

static void
crash_point(void)
{
    if (fault(FAULT_KILL_AT_SPOOL_))
        proc_kill(sim.here);
}

static enum err
written(struct spool *s)
{
    struct seat *seat = s->seat;

    crash_point();
    if (fault(FAULT_SPOOL_FULL_))
        return ERR_IO;
    seat->committed = image_copy(&s->work);
    if (draw(8) == 0)
        spool_take_copy(seat);
    crash_point();
    return OK;
}

enum err
spool_begin(struct spool *s)
{
    assert(!s->within);
    s->within = true;
    return OK;
}

enum err
spool_commit(struct spool *s)
{
    assert(s->within);
    s->within = false;
    return written(s);
}

enum err
spool_sync(struct spool *s)
{
    struct seat *seat = s->seat;

    if (seat->synced == seat->committed)
        return OK;
    crash_point();
    if (fault(FAULT_SPOOL_FULL_))
        return ERR_IO;
    seat->synced = seat->committed;
    crash_point();
    return OK;
}

/* A write of its own, or a part of the transaction. */
static enum err
wrote(struct spool *s)
{
    return s->within ? OK : written(s);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------- */

uint64_t
spool_last_seq(const struct spool *s)
{
    return s->work.last_seq;
}

uint64_t
spool_last_number(const struct spool *s)
{
    return s->work.last_number;
}

uint64_t
spool_last_receipted(const struct spool *s)
{
    return s->work.last_receipted;
}

bool
spool_is_fresh(struct spool *s)
{
    return s->work.last_seq == 0 && s->work.last_number == 0 && s->work.instance == 0;
}

enum err
spool_adopt(struct spool *s, uint64_t seq, uint64_t number)
{
    s->work.base = number;
    s->work.last_seq = seq;
    s->work.last_number = s->work.last_receipted = number;
    return wrote(s);
}

enum err
spool_set_last_seq(struct spool *s, uint64_t seq)
{
    s->work.last_seq = seq;
    return wrote(s);
}

enum err
spool_set_instance(struct spool *s, uint64_t instance)
{
    s->work.instance = instance;
    return wrote(s);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------- */

/* What the table has of a job: nothing that is of the process only. */
static struct job
stored_job(const struct job *j)
{
    struct job s = *j;

    s.t.sent_mono_ms = s.t.permit_until_mono_ms = s.t.clear_mono_ms = s.t.next_mono_ms = 0;
    s.wants_fetch = false;
    memset(&s.stored, 0, sizeof s.stored);
    return s;
}

static struct job *
find_job(struct spool *s, struct uuid jti)
{
    for (size_t i = 0; i < s->work.jobs_n; i++)
        if (uuid_equal(s->work.jobs[i].t.jti, jti))
            return &s->work.jobs[i];
    return NULL;
}

enum err
spool_add_job(struct spool *s, const struct job *j, const char *jws)
{
    (void)jws;
    if (find_job(s, j->t.jti) != NULL)
        return ERR_IO;
    s->work.jobs = grown(s->work.jobs, s->work.jobs_n, sizeof *j, 1);
    s->work.jobs[s->work.jobs_n++] = stored_job(j);
    return wrote(s);
}

enum err
spool_save_job(struct spool *s, const struct job *j)
{
    struct job *to = find_job(s, j->t.jti);

    if (to == NULL)
        return ERR_IO;
    *to = stored_job(j);
    return wrote(s);
}

enum err
spool_load_jobs(struct spool *s, void (*take)(void *with, const struct job *j), void *with)
{
    for (size_t i = 0; i < s->work.jobs_n; i++)
        if (s->work.jobs[i].t.phase != AGENT_DONE)
            take(with, &s->work.jobs[i]);
    return OK;
}

enum err
spool_ticket(struct spool *s, struct uuid jti, char **ret)
{
    (void)s, (void)jti, (void)ret;
    return ERR_NOT_FOUND; /* no backend here asks whose job it is */
}

enum err
spool_knows(struct spool *s, struct uuid jti, bool *ret)
{
    *ret = find_job(s, jti) != NULL;
    return OK;
}

static struct held_fence *
find_fence(struct spool *s, struct uuid request)
{
    for (size_t i = 0; i < s->work.fences_n; i++)
        if (uuid_equal(s->work.fences[i].request, request))
            return &s->work.fences[i];
    return NULL;
}

enum err
spool_fence(struct spool *s, struct uuid request, uint64_t *ret)
{
    const struct held_fence *f = find_fence(s, request);

    *ret = f != NULL ? f->fence : 0;
    return OK;
}

enum err
spool_raise_fence(struct spool *s, struct uuid request, uint64_t fence)
{
    struct held_fence *f = find_fence(s, request);

    if (f == NULL) {
        s->work.fences = grown(s->work.fences, s->work.fences_n, sizeof *f, 1);
        f = &s->work.fences[s->work.fences_n++];
        *f = (struct held_fence){ .request = request };
    }
    f->fence = f->fence > fence ? f->fence : fence;
    return wrote(s);
}

/* ---- reports ---------------------------------------------------------------------------------------------------------- */

enum err
spool_add_report(struct spool *s, const struct spool_report *r)
{
    struct held_report held = { .r = *r };

    assert(r->number == s->work.last_number + 1);
    if (r->inventory != NULL)
        held.r.inventory = xstrdup(r->inventory);
    s->work.reports = grown(s->work.reports, s->work.reports_n, sizeof held, 1);
    s->work.reports[s->work.reports_n++] = held;
    s->work.last_number = r->number;
    return wrote(s);
}

enum err
spool_report_from(struct spool *s, uint64_t from, struct spool_report *ret)
{
    for (size_t i = 0; i < s->work.reports_n; i++) {
        const struct held_report *h = &s->work.reports[i];

        if (h->receipted || h->r.number < from)
            continue;
        *ret = h->r;
        if (ret->inventory != NULL)
            ret->inventory = xstrdup(ret->inventory);
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum err
spool_next_report(struct spool *s, struct spool_report *ret)
{
    return spool_report_from(s, 0, ret);
}

static struct held_report *
find_report(struct spool *s, uint64_t number)
{
    for (size_t i = 0; i < s->work.reports_n; i++)
        if (s->work.reports[i].r.number == number)
            return &s->work.reports[i];
    return NULL;
}

enum err
spool_resign(struct spool *s, const struct spool_report *r)
{
    struct held_report *h = find_report(s, r->number);

    if (h != NULL && !h->receipted) {
        memcpy(h->r.statement, r->statement, sizeof h->r.statement);
        memcpy(h->r.signature, r->signature, sizeof h->r.signature);
    }
    return wrote(s);
}

enum err
spool_receipt(struct spool *s, uint64_t number, const char *jws)
{
    struct held_report *h = find_report(s, number);

    (void)jws;
    if (h == NULL)
        return ERR_IO;
    h->receipted = true;
    if (number > s->work.last_receipted)
        s->work.last_receipted = number;
    return wrote(s);
}

enum err
spool_prune(struct spool *s, int64_t before_ms, void (*gone)(void *with, struct uuid jti), void *with)
{
    (void)s;
    (void)before_ms;
    (void)gone;
    (void)with;
    return OK; /* after seven days, which no history's agent lives */
}

/* ---- the witness: the notary is not of the simulation, so there is nothing to witness ---------------------------------- */

enum err
spool_tell(struct spool *s, const struct spool_line *line)
{
    (void)s;
    (void)line;
    return OK;
}

enum err
spool_story_prune(struct spool *s, int64_t before_ms)
{
    (void)s;
    (void)before_ms;
    return OK;
}

enum err
spool_counts(struct spool *s, struct spool_counts *ret)
{
    (void)s;
    (void)ret;
    abort(); /* it writes no metrics */
}

bool
spool_draining(const char *folder, char ret_why[SPOOL_WHY_MAX])
{
    const struct seat *seat = sim.here->own;

    (void)folder;
    ret_why[0] = 0;
    return seat->draining;
}

enum err
spool_cosigned(struct spool *s, enum witness_role role, struct spool_cosigned *ret)
{
    (void)s;
    (void)role;
    (void)ret;
    return ERR_NOT_FOUND;
}

enum err
spool_set_cosigned(struct spool *s, enum witness_role role, const struct spool_cosigned *c)
{
    (void)role;
    (void)c;
    violation("a checkpoint was cosigned, but nothing signs any");
    return wrote(s);
}

enum err
spool_cosigned_told(struct spool *s, enum witness_role role, uint64_t size)
{
    (void)role;
    (void)size;
    return wrote(s);
}

enum err
spool_add_refusal(struct spool *s, const struct spool_refusal *r)
{
    (void)r;
    violation("a checkpoint was refused, but nothing signs any");
    return wrote(s);
}

enum err
spool_refusal(struct spool *s, struct spool_refusal *ret)
{
    (void)s;
    (void)ret;
    return ERR_NOT_FOUND;
}

enum err
spool_refusal_told(struct spool *s)
{
    return wrote(s);
}

enum err
spool_owe(struct spool *s, const struct spool_owed *o)
{
    (void)o;
    return wrote(s);
}

enum err
spool_owed(struct spool *s, void (*take)(void *with, const struct spool_owed *o), void *with)
{
    (void)s;
    (void)take;
    (void)with;
    return OK;
}

enum err
spool_paid(struct spool *s, struct uuid reservation)
{
    (void)reservation;
    return wrote(s);
}

enum err
spool_attest_trouble(struct spool *s, char ret[300])
{
    (void)s;
    ret[0] = '\0';
    return OK;
}

enum err
spool_set_attest_trouble(struct spool *s, const char *why)
{
    (void)why;
    return wrote(s);
}

enum err
spool_log_vkey(struct spool *s, char ret[VKEY_TEXT_MAX])
{
    (void)s;
    ret[0] = '\0';
    return OK;
}

enum err
spool_set_log_vkey(struct spool *s, const char *vkey)
{
    (void)vkey;
    return wrote(s);
}

/* ---- for the checks --------------------------------------------------------------------------------------------------- */

void
image_receipts(const struct image *image, void (*take)(void *with, uint64_t number, const uint8_t *statement), void *with)
{
    for (size_t i = 0; i < image->reports_n; i++)
        if (image->reports[i].receipted)
            take(with, image->reports[i].r.number, image->reports[i].r.statement);
}
