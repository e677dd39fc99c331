/* tests/unit/market_case.c */
#include "market_case.h"

struct market_world *m;

int
case_setup(void **unused)
{
    (void)unused;
    m = mw_new();
    m->undo_twice = true;
    return 0;
}

int
case_teardown(void **unused)
{
    const char *broken = mw_broken(m);

    (void)unused;
    if (broken != NULL)
        fprintf(stderr, "broken: %s\n", broken);
    mw_delete(m);
    return broken != NULL ? -1 : 0;
}

int64_t
free_credits(int grant)
{
    return account_free(ledger_account(m->w->l, m->w->grant[grant]));
}

const struct calendar *
whole(int site)
{
    return index_offering(&m->state, m->w->offering[site])->calendar;
}

int32_t
free_now(int site)
{
    return calendar_free(whole(site), calendar_slot_of(m->w->now));
}

struct site_state *
site_state(int site)
{
    return index_site(&m->state, m->w->site[site]);
}

/* A reservation of these GPUs for so long, starting now at the cheaper site (1). */
struct reservation *
reserve(int32_t gpus, int64_t walltime_s, bool move_freely)
{
    struct broker_ask ask = mw_ask(gpus, walltime_s);
    struct uuid quote, id;

    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 0, move_freely, &id));
    assert_non_null(mw_reservation(m, id));
    return mw_reservation(m, id);
}

enum err
say(struct reservation *r, enum report_kind kind)
{
    struct report report = mw_report_of(m, r, kind);

    return mw_report(m, &report);
}

struct reservation *
running(int32_t gpus, int64_t walltime_s, bool move_freely)
{
    struct reservation *r = reserve(gpus, walltime_s, move_freely);

    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_err(OK, say(r, REPORT_STARTED));
    assert_int_equal(r->state, TICKET_RUNNING);
    return r;
}

/* A reservation whose window begins in so many hours. */
struct reservation *
reserve_later(int64_t hours)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id;

    ask.earliest_start_ms = m->w->now + hours * HOUR_MS;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 0, false, &id));
    return mw_reservation(m, id);
}

enum err
order(struct entry e)
{
    struct command c = { .kind = COMMAND_ORDER, .actor.kind = ACTOR_LOCAL, .in.order.entry = e };

    return mw_run(m, &c);
}
