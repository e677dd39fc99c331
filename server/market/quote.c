/* market/quote.c
 * Binding quotes: the broker's answer, kept, with the capacity of its best option booked for the quote's time to
 * live. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"
#include "market/actor.h"
#include "market/due.h"
#include "market/index.h"
#include "market/quote.h"
#include "market/reserve.h"
#include "market/timing.h"
#include "market/view.h"

/* An organisation's open quotes beyond its first book at most one GPU in so many of a site. */
#define PARKING_PART 10

static void
quote_back(void *ptr, void *unused)
{
    struct quote *q = ptr;

    (void)unused;
    free((void *)(uintptr_t)q->answer.data);
    free(q);
}

static void
quote_gone(void *ptr)
{
    quote_back(ptr, NULL);
}

static struct quote *
make_quote(struct deciding *d, const struct command *c, const struct broker_ask *ask,
           const struct broker_answer *answer)
{
    struct quote *q = xcalloc(1, sizeof *q);
    size_t len = broker_answer_len(answer);
    uint8_t *bytes = xmalloc(len);

    broker_answer_encode(answer, bytes);
    q->row = (struct row){ .kind = ROW_QUOTE };
    q->id = c->new_id[0];
    q->request = c->in.quote.request;
    q->org = ledger_account(d->state->ledger, c->in.quote.grant)->owner_org;
    q->grant = c->in.quote.grant;
    q->created_ms = d->now_ms;
    q->ask = *ask;
    q->ask.other_count = 0; /* not stored, and only for help */
    q->workload = c->in.quote.workload;
    q->workload_len = c->in.quote.workload_len;
    memcpy(q->name, c->in.quote.name, sizeof q->name);
    q->move_freely = c->in.quote.move_freely;
    q->answer = (struct bytes){ bytes, len };
    undo_call(d->undo, quote_back, q, NULL);
    return q;
}

static void
book_option(struct quote *q, const struct option *o)
{
    q->site = o->site;
    q->offering = o->offering;
    q->rate = o->rate;
    q->gpus = o->gpus;
    q->nodes = o->nodes;
    q->rate_milli = o->rate_milli;
    q->start_slot = o->start_slot;
    q->slots = o->slots;
    q->start_ms = o->start_ms;
    q->start_by_ms = o->start_by_ms;
    q->end_ms = o->end_ms;
    q->cost_gpums = o->cost_gpums;
    q->nights = o->nights;
}

static enum err
check_credits(const struct deciding *d, const struct grant_state *grant, const struct option *o)
{
    int64_t free_gpums = account_free(ledger_account(d->state->ledger, grant->grant)), open_gpums;

    if (o->cost_gpums > free_gpums)
        return ERR_INSUFFICIENT_CREDITS;
    if (!add_i64(grant->open_quotes_gpums, o->cost_gpums, &open_gpums) || open_gpums > free_gpums)
        return err_say(d->detail, ERR_QUOTE_OVERCOMMITTED,
                       "The grant has %u other open quotes; with this one they would cost more than its free credits.",
                       (unsigned)grant->open_quotes);
    return OK;
}

static int64_t
gpus_of_site(const struct state *s, uint64_t site)
{
    int64_t gpus = 0;
    size_t it = 0;
    void *value;

    while (map_next(s->offerings, &it, NULL, &value)) {
        const struct offering_state *os = value;
        if (os->site == site)
            gpus += os->brokered_gpus;
    }
    return gpus;
}

static bool
has_open_quotes(const struct state *s, struct uuid org)
{
    const struct parking *all = index_parked(s, org, 0);

    return all != NULL && all->open_quotes > 0;
}

/* Nobody parks capacity: the pause after a renewal, and the tenth of a site beyond an organisation's first open quote. Its
 * grants count together: with two of them it could else block a site in turns, without a pause. */
static enum err
check_parking(const struct deciding *d, const struct grant_state *grant, const struct option *o)
{
    struct uuid org = ledger_account(d->state->ledger, grant->grant)->owner_org;
    const struct parking *parked = index_parked(d->state, org, o->site);
    int64_t beyond = parked != NULL ? parked->beyond_gpus : 0;

    if (parked != NULL && d->now_ms < parked->pause_until_ms) {
        d->detail->retry_after_s =
            (int)min_i64(clock_to_real(&d->state->clock, parked->pause_until_ms - d->now_ms) / 1000 + 1, 86400);
        return err_say(d->detail, ERR_QUOTE_RENEWED,
                       "Your organisation's booking at the site was renewed; after that there is a pause.");
    }
    if (has_open_quotes(d->state, org) && beyond + o->gpus > gpus_of_site(d->state, o->site) / PARKING_PART)
        return ERR_QUOTE_PARKING;
    return OK;
}

/* The quote is open: booked, counted, due. One that follows a long unused one at the site counts as its renewal. */
static void
open_quote(struct deciding *d, struct quote *q, int64_t ttl_ms)
{
    const struct parking *parked = index_parked(d->state, q->org, q->site);

    q->state = QUOTE_OPEN;
    q->first = !has_open_quotes(d->state, q->org);
    q->expires_ms = d->now_ms + ttl_ms;
    q->renewed = parked != NULL && parked->last_end_ms != 0 && d->now_ms < parked->last_end_ms + ttl_ms;
    batch_new(d, &q->row);
    index_quote_open(d->state, q, d->undo);
    if (q->renewed)
        index_quote_renewed(d->state, q, ttl_ms, d->undo);
}

void
quote_end(struct deciding *d, struct quote *q, enum quote_state state)
{
    batch_changed(d, &q->row, sizeof *q);
    q->state = state;
    q->ended_ms = d->now_ms;
    index_quote_close(d->state, q, timing_of_grant(d->state, q->grant).quote_ttl_ms, d->undo);
    batch_event(d, EVENT_QUOTE, 0, q->id);
}

void
quotes_end_old(struct deciding *d)
{
    struct due_item items[64];
    const size_t most = sizeof items / sizeof items[0];
    int64_t since_ms = d->now_ms - QUOTE_SLACK_MS;
    size_t n, ended;

    if (due_next(d->state->due) > since_ms)
        return;
    do {
        ended = 0;
        n = due_list(d->state->due, since_ms, items, most);
        for (size_t i = 0; i < n; i++) {
            struct quote *q = items[i].what == DUE_QUOTE ? index_quote(d->state, items[i].id) : NULL;

            if (q != NULL) {
                quote_end(d, q, QUOTE_EXPIRED);
                ended++;
            }
        }
    } while (n == most && ended > 0);
}

static enum err
keep_answer(struct deciding *d, struct command *c, const struct broker_ask *ask, const struct broker_answer *answer)
{
    const struct broker_line *best = broker_ranked(answer, 0);
    const struct grant_state *grant = index_grant(d->state, c->in.quote.grant, d->undo);
    int64_t ttl_ms = timing_of_grant(d->state, c->in.quote.grant).quote_ttl_ms;
    struct option option;
    struct quote *q;
    enum err err;

    if (best == NULL) { /* kept, so that the page can show why not; nothing is booked */
        q = make_quote(d, c, ask, answer);
        q->state = QUOTE_NO_OFFER;
        q->expires_ms = q->ended_ms = d->now_ms;
        batch_new(d, &q->row);
        undo_free_on_commit(d->undo, quote_gone, q);
        c->answer.flags |= ANSWER_NO_OFFER;
    } else {
        option = reserve_option(best);
        err = check_credits(d, grant, &option);
        if (err == OK)
            err = check_parking(d, grant, &option);
        if (err)
            return err;
        q = make_quote(d, c, ask, answer);
        book_option(q, &option);
        open_quote(d, q, ttl_ms);
    }
    batch_event(d, EVENT_QUOTE, 0, q->id);
    c->answer.id = q->id;
    c->answer.time_ms = q->expires_ms;
    return OK;
}

/* As far as the memory goes: whose request it is, the caller has looked up. */
static bool
is_theirs(const struct request_state *request, struct uuid org)
{
    return (request->live == NULL || uuid_equal(request->live->org, org)) &&
           (request->open == NULL || uuid_equal(request->open->org, org));
}

/* Has the request a reservation, or one of its nights? Then it is not asked for anew. */
static bool
is_reserved(const struct state *s, struct uuid request, int nights)
{
    for (int night = 0; night < nights; night++) {
        struct uuid id = uuid_row(request, (unsigned)night);
        const struct request_state *r = map_get(s->by_request, &id);

        if (r != NULL && r->live != NULL)
            return true;
    }
    return false;
}

/* Security: the actor may spend the grant; the request is not seen to be another organisation's. */
enum err
decide_quote(struct deciding *d, struct command *c)
{
    const struct account *grant = ledger_account(d->state->ledger, c->in.quote.grant);
    const struct request_state *request;
    struct broker_ask ask;
    struct view view;
    enum err err;

    if (grant == NULL || grant->class != ACCOUNT_GRANT)
        return ERR_ACCOUNT_UNKNOWN;
    if (!actor_spends(&c->actor, grant->owner_org))
        return ERR_FORBIDDEN;
    if (c->in.quote.workload_len > TICKET_WORKLOAD_MAX) /* no agent would take its ticket */
        return err_at(d->detail, ERR_FIELD_RANGE, "/script", "A job's script has at most %d bytes.", TICKET_WORKLOAD_MAX);
    err = view_ask(d->state, grant->index, c->in.quote.ask, d->now_ms, &ask, d->detail);
    if (err)
        return err;
    if (ask.nights > 0 && !uuid_equal(uuid_row(c->in.quote.request, 0), c->in.quote.request))
        return err_say(d->detail, ERR_FIELD_INVALID, "A request for nights begins its row of ids.");
    ask.excluded_count = 0;
    ask.explain = true;
    request = map_get(d->state->by_request, &c->in.quote.request);
    if (request != NULL && !is_theirs(request, grant->owner_org))
        return ERR_NOT_FOUND;
    if ((request != NULL && request->live != NULL) || is_reserved(d->state, c->in.quote.request, ask.nights))
        return ERR_REQUEST_BUSY;
    if (request != NULL && request->open != NULL) /* a new question takes the place of the older one */
        quote_end(d, request->open, QUOTE_RELEASED);
    view_open(d->state, d->now_ms, &view);
    broker_quote(&view.broker, &ask, &view.answer);
    err = keep_answer(d, c, &ask, &view.answer);
    view_free(&view);
    return err;
}

enum err
quote_find(const struct deciding *d, const struct command *c, struct uuid id, struct quote **ret)
{
    struct quote *q = index_quote(d->state, id);

    if (q == NULL)
        return err_say(d->detail, ERR_QUOTE_EXPIRED,
                       "This quote is open no more: it was used or released, or its time is over.");
    if (!actor_spends(&c->actor, q->org))
        return ERR_NOT_FOUND;
    if (d->now_ms >= q->expires_ms)
        return ERR_QUOTE_EXPIRED;
    *ret = q;
    return OK;
}

enum err
decide_quote_renew(struct deciding *d, struct command *c)
{
    const struct parking *parked;
    struct quote *q = NULL;
    int64_t ttl_ms;
    enum err err = quote_find(d, c, c->in.quote_renew.quote, &q);

    if (err)
        return err;
    parked = index_parked(d->state, q->org, q->site);
    if (q->renewed || (parked != NULL && d->now_ms < parked->pause_until_ms))
        return ERR_QUOTE_RENEWED;
    ttl_ms = timing_of_grant(d->state, q->grant).quote_ttl_ms;
    batch_changed(d, &q->row, sizeof *q);
    q->renewed = true;
    q->expires_ms = d->now_ms + ttl_ms;
    index_quote_renewed(d->state, q, ttl_ms, d->undo);
    due_set(d->state->due, DUE_QUOTE, q->id, 0, q->expires_ms, d->undo);
    batch_event(d, EVENT_QUOTE, 0, q->id);
    c->answer.id = q->id;
    c->answer.time_ms = q->expires_ms;
    return OK;
}

enum err
decide_quote_release(struct deciding *d, struct command *c)
{
    struct quote *q = NULL;
    enum err err = quote_find(d, c, c->in.quote_renew.quote, &q);

    if (err)
        return err;
    quote_end(d, q, QUOTE_RELEASED);
    c->answer.id = q->id;
    c->answer.time_ms = d->now_ms;
    return OK;
}
