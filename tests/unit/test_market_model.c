/* market/, a model test: organisations that ask and buy at random, sites that lose, repeat, reorder, delay and garble
 * their
 * reports, timers that run late, sites that drain, instances that come and go, spools that are lost. After every command what must always
 * hold
 * is checked; every command is taken back once and must leave no trace. At the end all holds are resolved.
 * MODEL_SEED, MODEL_STEPS in the environment; the seed is printed. What a step draws depends on the seed and on its own
 * number alone, so steps can be left out (MODEL_WITHOUT: numbers and ranges, as 3,7-20) and the others stay what they
 * were: tests/model shrinks failing histories by that, and checks the trace (MODEL_TRACE: a file) against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/needs.h"
#include "market/sweep.h"
#include "market_trace.h"
#include "market_world.h"

#define SENT_MAX  64
#define KNOWN_MAX 128

struct model {
    struct market_world *m;
    uint64_t random;
    struct uuid quotes[KNOWN_MAX], requests[KNOWN_MAX];
    size_t quotes_n, requests_n;
    struct report sent[2][SENT_MAX]; /* by number % SENT_MAX: may be sent again */
    struct report held[SENT_MAX];    /* made, not sent yet: may come late */
    size_t held_n, newest_quote, refusals, errors[ERR_COUNT];
    bool ordered;     /* the newest command was an order: the ledger may refuse it */
    bool settled_too; /* reports about what is settled, now and then */
};

static uint64_t
draw(struct model *x, uint64_t below)
{
    x->random ^= x->random << 13;
    x->random ^= x->random >> 7;
    x->random ^= x->random << 17;
    return (x->random >> 11) % below;
}

/* The stream of one step. */
static uint64_t
stream_of(uint64_t seed, size_t step)
{
    uint64_t z = seed * 0x9e3779b97f4a7c15u + (uint64_t)step * 0xbf58476d1ce4e5b9u + 1;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) | 1;
}

/* Is a step in a list like 3,7-20? */
static bool
listed(const char *list, size_t step)
{
    while (list != NULL && *list != '\0') {
        char *end;
        size_t from = strtoull(list, &end, 10), to = *end == '-' ? strtoull(end + 1, &end, 10) : from;

        if (step >= from && step <= to)
            return true;
        list = *end == ',' ? end + 1 : NULL;
    }
    return false;
}

static bool
chance(struct model *x, uint64_t one_in)
{
    return draw(x, one_in) == 0;
}

static size_t
remember(struct model *x, struct uuid *list, size_t *n, struct uuid id)
{
    size_t place = *n < KNOWN_MAX ? (*n)++ : draw(x, KNOWN_MAX);

    list[place] = id;
    return place;
}

static int
by_id(const void *a, const void *b)
{
    const struct reservation *const *r = a, *const *s = b;

    return uuid_compare((*r)->id, (*s)->id);
}

/* Map order differs from process to process: they are sorted, so that a seed repeats. */
static struct reservation *
any_reservation(struct model *x)
{
    struct reservation *all[512];
    size_t n = 0, it = 0;
    void *value;

    while (n < 512 && map_next(x->m->state.reservations, &it, NULL, &value))
        if (((struct reservation *)value)->state != TICKET_SETTLED || x->settled_too)
            all[n++] = value;
    x->settled_too = chance(x, 10);
    if (n == 0)
        return NULL;
    qsort(all, n, sizeof all[0], by_id);
    return all[draw(x, n)];
}

/* ---- organisations ----------------------------------------------------------------------------------------------- */

static enum err
do_quote(struct model *x)
{
    struct broker_ask ask =
        mw_ask((int32_t[]){ 1, 2, 4, 8, 12, 32, 56, 6 }[draw(x, 8)], (int64_t)draw(x, 4) * 3600 + 1800);
    struct uuid request =
        x->requests_n == 0 || chance(x, 2) ? world_uuid(x->m->w) : x->requests[draw(x, x->requests_n)];
    struct uuid quote;
    enum err err;

    if (chance(x, 8))
        ask.walltime_s = 3 * 86400;
    if (chance(x, 4))
        ask.earliest_start_ms = x->m->w->now + (int64_t)draw(x, 72) * HOUR_MS / 4;
    if (chance(x, 3))
        ask.preference = BROKER_SOONEST;
    if (request.b[15] % 4 == 0) /* no draw: a seed's history stays what it was */
        ask.needs = NEED_BIT(NEED_ALLOCATION);
    err = mw_quote(x->m, (int)draw(x, 2), request, &ask, &quote);
    if (err == OK) {
        x->newest_quote = remember(x, x->quotes, &x->quotes_n, quote);
        (void)remember(x, x->requests, &x->requests_n, request);
    }
    return err;
}

/* Mostly one of the newest, by its own organisation; now and then any, by any. */
static struct uuid
any_quote(struct model *x, int *ret_grant)
{
    struct uuid id = x->quotes[x->newest_quote];
    const struct quote *q;

    if (chance(x, 3))
        id = x->quotes[draw(x, x->quotes_n)];
    q = index_quote(&x->m->state, id);
    *ret_grant = q == NULL || chance(x, 20) ? (int)draw(x, 2) : q->grant == x->m->w->grant[0] ? 0 : 1;
    return id;
}

static enum err
do_accept(struct model *x)
{
    struct uuid quote;
    int grant;

    if (x->quotes_n == 0)
        return OK;
    quote = any_quote(x, &grant);
    return mw_accept(x->m, grant, quote, chance(x, 3) ? 1 : 0, !chance(x, 3), NULL);
}

static enum err
do_buy(struct model *x)
{
    enum err err = do_quote(x);
    int grant;
    struct uuid quote;

    if (err != OK || x->quotes_n == 0)
        return err;
    quote = x->quotes[x->newest_quote];
    if (index_quote(&x->m->state, quote) == NULL)
        return OK; /* no offer */
    grant = index_quote(&x->m->state, quote)->grant == x->m->w->grant[0] ? 0 : 1;
    return mw_accept(x->m, grant, quote, 0, !chance(x, 3), NULL);
}

static enum err
do_quote_end(struct model *x)
{
    struct uuid quote;
    int grant;

    if (x->quotes_n == 0)
        return OK;
    quote = any_quote(x, &grant);
    return chance(x, 2) ? mw_renew(x->m, grant, quote) : mw_release(x->m, grant, quote);
}

static enum err
do_cancel(struct model *x)
{
    struct reservation *r = any_reservation(x);

    return r == NULL || !chance(x, 4) ? OK : mw_cancel(x->m, (int)draw(x, 2), r->id);
}

/* ---- sites ------------------------------------------------------------------------------------------------------- */

/* What a site would say next of this reservation, mostly; now and then anything. */
static enum report_kind
next_kind(struct model *x, const struct reservation *r)
{
    if (chance(x, 20))
        return (enum report_kind)(1 + draw(x, 8));
    switch (r->state) {
    case TICKET_ISSUED:
        return chance(x, 12) ? REPORT_REJECTED : REPORT_ACCEPTED;
    case TICKET_PERMITTED:
        return (enum report_kind[]){ REPORT_QUEUED,  REPORT_STARTED,  REPORT_STARTED,
                                     REPORT_STARTED, REPORT_ACCEPTED, REPORT_FAILED }[draw(x, 6)];
    case TICKET_CANCELLING:
        return chance(x, 4) ? REPORT_FINISHED : REPORT_CANCELLED;
    default:
        return (enum report_kind[]){ REPORT_USAGE, REPORT_USAGE, REPORT_USAGE, REPORT_FINISHED,
                                     REPORT_FAILED }[draw(x, 5)];
    }
}

static enum err
send(struct model *x, struct report *r, bool renumber)
{
    int site = r->site == x->m->w->site[0] ? 0 : 1;
    const struct site_state *ss = index_site(&x->m->state, r->site);
    uint64_t before = ss->last_report;
    enum err err;

    if (renumber)
        r->number = ss->last_report + 1;
    err = mw_report(x->m, r);
    if (ss->last_report > before)
        x->sent[site][r->number % SENT_MAX] = *r;
    assert_true(ss->last_report == before ||
                (err == OK && ss->last_report == before + 1 && r->number == ss->last_report));
    return err;
}

static enum err
do_report(struct model *x)
{
    struct reservation *r = any_reservation(x);
    struct report report;

    if (r == NULL)
        return OK;
    report = mw_report_of(x->m, r, next_kind(x, r));
    if (report.kind == REPORT_FAILED)
        report.reason = (uint16_t[]){ REASON_JOB, REASON_SITE, REASON_OTHER }[draw(x, 3)];
    if (chance(x, 25))
        report.gpu_seconds += draw(x, 100000);
    if (chance(x, 40))
        report.fence += draw(x, 3);
    if (chance(x, 40))
        report.started_ms += (int64_t)draw(x, 100000);
    if (chance(x, 60))
        report.number += 1 + draw(x, 3);
    if (chance(x, 60))
        report.jti = world_uuid(x->m->w);
    if (chance(x, 8) && x->held_n < SENT_MAX) {
        x->held[x->held_n++] = report;
        return OK;
    }
    return send(x, &report, false);
}

/* One that was made earlier arrives now, under the number that is its turn. */
static enum err
do_late_report(struct model *x)
{
    struct report report;
    size_t i;

    if (x->held_n == 0)
        return OK;
    i = draw(x, x->held_n);
    report = x->held[i];
    x->held[i] = x->held[--x->held_n];
    return send(x, &report, true);
}

static enum err
do_repeat(struct model *x)
{
    struct report *report = &x->sent[draw(x, 2)][draw(x, SENT_MAX)], changed;
    enum err err;

    if (report->number == 0)
        return OK;
    changed = *report;
    if (chance(x, 10)) { /* a fork */
        changed.time_ms++;
        err = mw_report(x->m, &changed);
        assert_true(err == ERR_FORKED || (err == OK && x->m->answer.flags & ANSWER_FORKED));
        return err;
    }
    err = mw_report(x->m, report);
    assert_int_equal(err, OK);
    assert_true(x->m->answer.flags & ANSWER_REPEATED);
    return OK;
}

static enum err
do_site(struct model *x)
{
    int site = (int)draw(x, 2);
    struct site_state *ss = index_site(&x->m->state, x->m->w->site[site]);

    switch (draw(x, 6)) {
    case 0:
        ss->draining = !ss->draining && chance(x, 3);
        return OK;
    case 1:
        ss->paused = !ss->paused && chance(x, 3);
        return OK;
    case 2:
        return mw_instance(x->m, site);
    default:
        return mw_received(x->m, site, ss->confirmed_seq + draw(x, ss->last_seq - ss->confirmed_seq + 2));
    }
}

/* The site's disk is gone: its operator says so, the agent enrols anew, and its empty spool begins. */
static enum err
do_lose_spool(struct model *x)
{
    int site = (int)draw(x, 2);
    struct command c = { .kind = COMMAND_SPOOL_RETIRE, .actor.kind = ACTOR_LOCAL };
    enum err err;

    if (!chance(x, 12))
        return OK;
    c.in.spool_retire.site = x->m->w->site[site];
    err = mw_run(x->m, &c);
    assert_int_equal(err, OK);
    world_new_site_key(x->m->w, site);
    c = (struct command){ .kind = COMMAND_INSTANCE, .actor = { .kind = ACTOR_AGENT, .sites_n = 1 } };
    c.actor.sites[0] = c.in.instance.site = x->m->w->site[site];
    c.in.instance.key = x->m->w->site_key[site];
    err = mw_run(x->m, &c);
    assert_int_equal(err, OK);
    return OK;
}

/* The janitor's scan of sites that drain, stand still or recover. */
static enum err
do_sweep(struct model *x)
{
    struct due_item items[64];
    size_t n = sweep_sites(&x->m->state, x->m->w->now, items, 1 + draw(x, 64));

    for (size_t i = 0; i < n; i++) {
        enum err err = mw_timer(x->m, items[i].what, items[i].id, items[i].index);
        assert_int_equal(err, OK);
    }
    return OK;
}

static enum err
do_withdraw(struct model *x)
{
    struct reservation *r = any_reservation(x);

    return r == NULL ? OK : mw_timer(x->m, DUE_WITHDRAW, r->id, 0);
}

static enum err
give_order(struct model *x, struct entry e)
{
    struct command c = { .kind = COMMAND_ORDER, .actor.kind = ACTOR_LOCAL, .in.order.entry = e };

    return mw_run(x->m, &c);
}

static struct entry
correction(struct model *x, const struct hold *h)
{
    struct entry e = world_order(x->m->w, CORRECT);

    e.u.correct.entry = h->index;
    e.u.correct.of_hold = 1;
    e.debit = h->site_account;
    e.credit = h->grant;
    e.amount = h->settled - h->corrected;
    world_sign(x->m->w, &e, "AB");
    return e;
}

/* Officers and those who contest: disputes opened and closed, resolved, corrected, holds voided. The ledger or the state
 * table may refuse any of it. */
static enum err
do_order(struct model *x)
{
    struct reservation *r;
    const struct hold *h;

    x->ordered = x->settled_too = true;
    r = any_reservation(x);
    if (r == NULL)
        return OK;
    h = ledger_hold(x->m->w->l, r->hold);
    switch (draw(x, 5)) {
    case 0:
        return give_order(x, world_dispute(x->m->w, h->index, true));
    case 1:
        return give_order(x, world_dispute(x->m->w, h->index, false));
    case 2:
        return give_order(x, correction(x, h));
    case 3:
        return h->open && chance(x, 4) ? give_order(x, world_void(x->m->w, h->index, VOID_BY_OFFICERS)) : OK;
    default:
        return give_order(x, world_resolve(x->m->w, h->index, 1 + (uint32_t)draw(x, 1000)));
    }
}

/* Timers run late, or not at all for a while; or are asked for too early. */
static enum err
do_time(struct model *x)
{
    struct reservation *r;

    mw_advance(x->m, (int64_t)draw(x, chance(x, 40) ? 2 * DAY_MS : chance(x, 2) ? 60000 : 20 * 60000));
    if (!chance(x, 3))
        mw_timers(x->m);
    r = any_reservation(x);
    return r != NULL && chance(x, 4) ? mw_timer(x->m, DUE_RESERVATION, r->id, 0) : OK;
}

static enum err
step(struct model *x)
{
    static enum err (*const moves[])(struct model *) = {
        do_quote,       do_quote,  do_buy,    do_buy,      do_accept, do_accept, do_quote_end,
        do_cancel,      do_report, do_report, do_report,   do_report, do_report, do_report,
        do_report,      do_report, do_report, do_report,   do_report, do_report, do_report,
        do_late_report, do_repeat, do_site,   do_withdraw, do_order,  do_time,   do_time,
        do_lose_spool,  do_sweep,
    };

    return moves[draw(x, sizeof moves / sizeof moves[0])](x);
}

/* ---- what a site could make of its permits ----------------------------------------------------------------------- */

/* At most one live permit a request at any time: two permits of a ticket lie one and a half lives apart, another ticket
 * of the request is permitted only when the one before has ended, and none follows one that a lost spool had. */
struct permits {
    struct uuid request, reservation;
    int64_t at_ms;
    uint64_t instance;
};

static void
check_permits(struct model *x, struct map *last)
{
    size_t it = 0;
    void *value;

    while (map_next(x->m->state.reservations, &it, NULL, &value)) {
        const struct reservation *r = value;
        struct permits *p = map_get(last, &r->request);

        if (r->permit_ms == 0)
            continue;
        if (p == NULL) {
            p = calloc(1, sizeof *p);
            assert_non_null(p);
            p->request = r->request;
            map_put(last, &p->request, p, NULL);
        }
        if (p->at_ms != r->permit_ms || !uuid_equal(p->reservation, r->id)) {
            bool other = !uuid_equal(p->reservation, r->id);
            if (r->permit_ms < p->at_ms)
                continue; /* an older, settled reservation of the request */
            assert_true(other || r->permit_ms - p->at_ms >= 90000);
            assert_true(other || p->instance > index_site(&x->m->state, r->site)->retired_instance);
            p->reservation = r->id;
            p->at_ms = r->permit_ms;
            p->instance = r->permit_instance;
        }
    }
}

/* Nothing more happens but time: every hold ends, every booking goes. */
static void
run_out(struct model *x)
{
    struct market_world *m = x->m;
    struct due_item item;

    for (int i = 0; i < 2000 && due_next(m->state.due) != DUE_NEVER; i++) {
        int64_t next = due_next(m->state.due);
        mw_advance(m, next > m->w->now ? next - m->w->now : 0);
        mw_timers(m);
    }
    if (due_list(m->state.due, INT64_MAX - 1, &item, 1) != 0)
        fail_msg("still due: %d at %lld", item.what, (long long)item.at_ms);
    assert_int_equal(map_count(m->state.reservations), 0);
    assert_int_equal(map_count(m->state.quotes), 0);
    assert_int_equal(map_count(m->state.by_ticket), 0);
    for (int i = 0; i < 2; i++) {
        const struct account *grant = ledger_account(m->w->l, m->w->grant[i]);
        assert_int_equal(grant->held_debits, 0);
        assert_int_equal(account_free(grant), 0); /* paid or lapsed */
    }
    assert_null(mw_broken(m));
}

/* Returns how many holds were paid from. */
static size_t
run(uint64_t seed, size_t steps)
{
    struct model x = { .m = mw_new(), .random = stream_of(seed, 0) };
    struct map *permits = map_new(16);
    size_t it = 0, settled = 0, voided = 0, disputed = 0;
    const struct hold *h;
    void *value;

    x.m->undo_twice = getenv("MODEL_TRACE") == NULL; /* seen to without a trace */
    x.m->trace = getenv("MODEL_TRACE") != NULL ? fopen(getenv("MODEL_TRACE"), "w") : NULL;
    if (x.m->trace != NULL)
        market_trace_begin(x.m->trace, x.m);
    for (size_t i = 0; i < steps; i++) {
        const char *broken;
        enum err err;

        if (listed(getenv("MODEL_WITHOUT"), i))
            continue;
        x.random = stream_of(seed, i);
        x.ordered = false;
        if (x.m->trace != NULL)
            fprintf(x.m->trace, "{\"step\": %zu}\n", i);
        err = step(&x);
        broken = mw_broken(x.m);

        if (broken == NULL && i % 16 == 0)
            broken = mw_rebuilt_differs(x.m);

        if (broken != NULL)
            fail_msg("seed %llu, step %zu: %s (%s)", (unsigned long long)seed, i, broken, err ? err_wire(err) : "ok");
        if (err == ERR_INTERNAL || err == ERR_ENTRY_INVALID || err == ERR_AUTHORITY ||
            (err == ERR_LEDGER_RULE && !x.ordered))
            fail_msg("seed %llu, step %zu: %s: %s", (unsigned long long)seed, i, err_wire(err), x.m->detail.internal);
        x.refusals += err != OK;
        x.errors[err]++;
        check_permits(&x, permits);
    }
    if (x.m->trace != NULL)
        fprintf(x.m->trace, "{\"step\": %zu}\n", steps);
    run_out(&x);
    if (x.m->trace != NULL)
        fclose(x.m->trace);
    while ((h = ledger_next_hold(x.m->w->l, &it)) != NULL) {
        settled += h->settled > h->corrected;
        voided += h->settled == h->corrected;
        disputed += h->resolved_ms > h->expiry_ms;
        assert_false(h->open);
    }
    printf(
        "# seed %llu: %zu steps, %zu refused, %llu entries, %zu tickets, %zu reports; holds: %zu paid, %zu void, %zu past"
        " their expiry\n",
        (unsigned long long)seed, steps, x.refusals, (unsigned long long)ledger_size(x.m->w->l), x.m->tickets_n,
        x.m->reports_n, settled, voided, disputed);
    if (getenv("MODEL_SEED") != NULL)
        for (int i = 1; i < ERR_COUNT; i++)
            if (x.errors[i] > 0)
                printf("# %6zu %s\n", x.errors[i], err_wire((enum err)i));
    for (it = 0; map_next(permits, &it, NULL, &value);)
        free(value);
    map_delete(permits);
    mw_delete(x.m);
    return settled;
}

static size_t
from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? (size_t)strtoull(text, NULL, 10) : otherwise;
}

static void
test_model(void **unused)
{
    size_t steps = from_environment("MODEL_STEPS", 400), seed = from_environment("MODEL_SEED", 0), paid = 0;

    (void)unused;
    if (seed != 0) {
        (void)run(seed, steps);
        return;
    }
    /* Four short histories may happen to end without a job that ran: then more of them, until one did. */
    for (size_t i = 0; i < 4 || (paid == 0 && i < 64); i++)
        paid += run((uint64_t)time(NULL) * 64 + i + 1, steps);
    assert_true(paid > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
