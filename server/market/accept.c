/* market/accept.c
 * A quote's option becomes a reservation. The booked one as it stands; another one, shown as indicative, if it is still
 * there: a fresh quote and its acceptance in one. */
#include <stdlib.h>

#include "base/arena.h"
#include "core/needs.h"
#include "market/index.h"
#include "market/quote.h"
#include "market/reserve.h"
#include "market/view.h"

static struct option
booked_option(const struct quote *q)
{
    return (struct option){
        .site = q->site,
        .offering = q->offering,
        .rate = q->rate,
        .gpus = q->gpus,
        .nodes = q->nodes,
        .rate_milli = q->rate_milli,
        .start_slot = q->start_slot,
        .slots = q->slots,
        .start_ms = q->start_ms,
        .start_by_ms = q->start_by_ms,
        .end_ms = q->end_ms,
        .cost_gpums = q->cost_gpums,
        .nights = q->nights,
    };
}

/* Does its agent take what the ticket will need? It may be another one since the quote. */
static bool
takes(const struct deciding *d, uint64_t site, uint16_t needs)
{
    return (needs & ~view_takes(d->state, site, d->now_ms)) == 0;
}

/* The secrets that it needs are there, and sealed to the key that the site's agent has told. */
static enum err
check_secrets(const struct deciding *d, const struct quote *q, const struct option *o, const struct command *c)
{
    const struct site_state *ss = index_site(d->state, o->site);
    bool given = !hash_equal(c->in.accept.secrets, (struct hash){ { 0 } });

    if (!(q->ask.needs & NEED_BIT(NEED_SECRETS)))
        return given ? err_at(d->detail, ERR_SECRET_SURPLUS, "/secrets", "The request names no secrets; nothing was spent.") : OK;
    if (!given)
        return err_at(d->detail, ERR_SECRET_MISSING, "/secrets", "The request's secrets are missing; nothing was spent.");
    if (!hash_equal(c->in.accept.secrets_key, sha256(BYTES(ss->seal_key.b, sizeof ss->seal_key.b))))
        return err_at(d->detail, ERR_SEAL_KEY, "/secrets/key", "The secrets are not sealed to the site's present key; nothing was spent.");
    return c->in.accept.move_freely
               ? err_at(d->detail, ERR_SECRET_SURPLUS, "/move_freely", "No other site can open these secrets: the job cannot move by itself.") : OK;
}

/* Does it serve the grant's mode, and who asks? */
static bool
still_for(const struct deciding *d, const struct offering_state *o, const struct broker_ask *ask)
{
    return o != NULL && takes(d, o->site, ask->needs) && broker_serves(o->modes, ask->mode) &&
           (o->open_to == 0 || ask->organisation == 0 || (o->open_to & ask->organisation) != 0);
}

/* Does it leave free what is kept for other modes? As the broker asks it (core/broker_floor.c). */
static bool
above_floors(const struct state *s, const struct option *o, const struct broker_ask *ask)
{
    const struct offering_state *os = index_offering(s, o->offering);
    const struct offering *offering = ledger_offering(s->ledger, o->offering);
    int32_t kept = broker_floor(os->floors, ask->mode);

    if (kept == 0 || broker_in_pool((int32_t)o->gpus, (int32_t)offering->entry.u.offering.gpus_per_node))
        return true;
    for (int night = 0; night == 0 || night < o->nights; night++)
        if (!calendar_fits(os->calendar, o->start_slot + night * CALENDAR_DAY_SLOTS, o->slots, (int32_t)o->gpus + kept))
            return false;
    return true;
}

/* Options are numbered by rank; 0 is the booked one, whose rate the quote has fixed. Any other is asked for afresh,
 * so its
 * rate must be the one in force now. */
static enum err
listed_option(const struct deciding *d, const struct quote *q, uint32_t number, struct option *ret)
{
    const struct rate *rate;
    size_t max = broker_answer_lines(q->answer);
    struct broker_answer answer = { .lines = xcalloc(max + 1, sizeof *answer.lines), .lines_max = max + 1 };
    const struct broker_line *line = NULL;
    enum err err = broker_answer_decode(q->answer, &answer);

    if (err == OK) {
        line = broker_ranked(&answer, number);
        if (line != NULL)
            *ret = reserve_option(line);
        else
            err = ERR_OPTION_GONE;
    }
    free(answer.lines);
    if (err)
        return err;
    if (!still_for(d, index_offering(d->state, ret->offering), &q->ask))
        return err_say(d->detail, ERR_OPTION_GONE, "The site serves this grant no more; nothing was spent.");
    if (!above_floors(d->state, ret, &q->ask))
        return err_say(d->detail, ERR_OPTION_GONE, "What is left is kept free for other access modes; nothing was spent.");
    rate = ledger_rate_at(d->state->ledger, ret->offering, d->now_ms);
    if (rate == NULL || rate->index != ret->rate)
        return err_say(d->detail, ERR_OPTION_GONE, "The rate has changed since; nothing was spent.");
    return OK;
}

static struct reservation
taken_over(const struct quote *q, bool move_freely)
{
    struct reservation from = {
        .request = q->request,
        .org = q->org,
        .quote = q->id,
        .grant = q->grant,
        .workload = q->workload,
        .workload_len = q->workload_len,
        .move_freely = move_freely,
        .renewed = q->renewed,
        .quoted_s = (uint32_t)((q->ended_ms - q->created_ms) / 1000),
    };

    memcpy(from.name, q->name, sizeof from.name);
    return from;
}

static enum err
check_credits(const struct deciding *d, const struct quote *q, const struct option *o)
{
    const struct account *grant = ledger_account(d->state->ledger, q->grant);

    return account_free(grant) < o->cost_gpums ? ERR_INSUFFICIENT_CREDITS : OK;
}

/* Each night's reservation, hold and ticket; once, if the option is for once. All holds are one group: all or nothing. */
static enum err
reserve_all(struct deciding *d, const struct quote *q, const struct option *option, const struct command *c,
            struct reservation **ret_first)
{
    struct reservation *made[BROKER_NIGHTS_MAX];
    struct entry holds[BROKER_NIGHTS_MAX];
    int n = option->nights > 0 ? option->nights : 1;
    enum err err;

    for (int night = 0; night < n; night++) {
        struct reservation from = taken_over(q, c->in.accept.move_freely);
        struct option one = reserve_night(option, night);
        struct broker_ask ask = q->ask;
        struct uuid id = c->new_id[0];

        from.secrets = c->in.accept.secrets;
        broker_night_only(&ask, one.start_ms);
        if (option->nights > 0) {
            from.request = uuid_row(q->request, (unsigned)night);
            from.night = (uint8_t)(night + 1);
            from.nights = option->nights;
            id = uuid_row(id, (unsigned)night);
        }
        if (index_request(d->state, from.request, d->undo)->live != NULL)
            return ERR_REQUEST_BUSY;
        made[night] = reserve_make(d, &from, &one, &ask, id);
        reserve_hold_entry(d, made[night], &holds[night]);
    }
    err = batch_group(d, holds, (size_t)n);
    if (err)
        return err;
    for (int night = 0; night < n; night++)
        reserve_issue(d, made[night], holds[night].index);
    *ret_first = made[0];
    return OK;
}

/* Security: the actor may spend the quote's grant (quote_find). */
enum err
decide_accept(struct deciding *d, struct command *c)
{
    struct quote *q = NULL;
    struct reservation *first = NULL;
    struct option option;
    enum err err = quote_find(d, c, c->in.accept.quote, &q);

    if (err)
        return err;
    if (index_request(d->state, q->request, d->undo)->live != NULL)
        return ERR_REQUEST_BUSY;
    option = booked_option(q);
    if (c->in.accept.option != 0) {
        err = listed_option(d, q, c->in.accept.option, &option);
        if (err)
            return err;
    }
    quote_end(d, q, QUOTE_USED); /* its own booking is free: nobody takes it before this command is over */
    err = reserve_possible(d, &option);
    if (err == OK && !takes(d, option.site, q->ask.needs))
        err = err_say(d->detail, ERR_OPTION_GONE, "The site's agent does not take this any more; nothing was spent.");
    if (err == OK)
        err = check_secrets(d, q, &option, c);
    if (err == OK)
        err = check_credits(d, q, &option);
    if (err == OK)
        err = reserve_all(d, q, &option, c, &first);
    if (err)
        return err;
    c->answer.id = first->id;
    c->answer.index = first->hold;
    c->answer.number = first->seq;
    c->answer.time_ms = d->now_ms;
    return OK;
}
