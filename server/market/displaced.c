/* market/displaced.c */
#include "market/displaced.h"

#include <assert.h>

#include "base/arena.h"
#include "base/num.h"
#include "market/actor.h"
#include "market/index.h"
#include "market/life.h"
#include "market/packed_ask.h"
#include "market/view.h"

#define TRY_AGAIN_MS 60000 /* of real time: a place may come free */

const char *
displaced_wire(enum displaced why)
{
    static const char *const words[] = { "none", "paused", "draining", "capacity-cut", "site-silent" };

    assert((size_t)why < sizeof words / sizeof words[0]);
    return words[why];
}

bool
displaced_overbooked(const struct offering_state *o)
{
    return calendar_overbooked(o->calendar, calendar_first(o->calendar), CALENDAR_SLOTS) ||
           (o->pool != NULL && calendar_overbooked(o->pool, calendar_first(o->pool), CALENDAR_SLOTS));
}

bool
displaced_is_cut(const struct state *s, const struct reservation *r)
{
    const struct offering *o = ledger_offering(s->ledger, r->offering);
    const struct offering_state *os = index_offering(s, r->offering);
    bool in_pool = broker_in_pool((int32_t)r->gpus, (int32_t)o->entry.u.offering.gpus_per_node);
    const struct calendar *booked;

    if (os == NULL)
        return false;
    booked = in_pool ? os->pool : os->calendar;
    return booked != NULL && calendar_overbooked(booked, r->booked_slot, r->booked_slots);
}

enum displaced
displaced_by_site(const struct state *s, uint64_t site, int64_t now_ms)
{
    const struct site_state *ss = index_site(s, site);

    if (ss != NULL && ss->draining)
        return DISPLACED_DRAINING;
    if (ss != NULL && ss->paused)
        return DISPLACED_PAUSED;
    return view_silent(s, site, now_ms) ? DISPLACED_SILENT : DISPLACED_NOT;
}

enum displaced
displaced_why(const struct state *s, const struct reservation *r, int64_t now_ms)
{
    enum displaced why;

    if (ticket_state_is_end(r->state) || r->state == TICKET_CONTESTED)
        return DISPLACED_NOT;
    why = displaced_by_site(s, r->site, now_ms);
    if (why == DISPLACED_NOT || why == DISPLACED_SILENT)
        return displaced_is_cut(s, r) ? DISPLACED_CUT : why;
    return why;
}

/* A site that is out of touch may be back before it is needed: it keeps what it may not ask a permit for yet. From then on
 * the start-up's time is lost. */
bool
displaced_moves(const struct state *s, const struct reservation *r, int64_t now_ms)
{
    enum displaced why;

    if (r->state != TICKET_ISSUED || !r->move_freely || r->moves >= MOVES_MAX || now_ms < r->stays_until_ms)
        return false;
    why = displaced_why(s, r, now_ms);
    return why == DISPLACED_SILENT ? now_ms >= r->permit_from_ms : why != DISPLACED_NOT;
}

bool
displaced_ask(const struct state *s, const struct reservation *r, enum displaced why, const struct broker_ask *asked,
              int64_t now_ms, struct broker_ask *ret)
{
    struct broker_ask ask;

    if (asked != NULL)
        ask = *asked;
    else if (packed_ask_read(r->ask, &ask) != OK)
        return false;
    if (why != DISPLACED_CUT) { /* a site whose capacity was cut may have room at another time */
        if (ask.excluded_count >= BROKER_EXCLUDED_MAX)
            return false;
        ask.excluded[ask.excluded_count++] = r->site;
    }
    ask.max_cost_gpums = ask.max_cost_gpums > 0 ? min_i64(ask.max_cost_gpums, r->cost_gpums) : r->cost_gpums;
    ask.explain = false;
    return view_ask(s, r->grant, &ask, now_ms, ret, NULL) == OK;
}

/* Elsewhere, or not at all: ERR_OPTION_GONE, and whatever was changed is to be taken back. */
static enum err
move(struct deciding *d, struct command *c, struct reservation *r, enum displaced why, const struct broker_ask *asked)
{
    struct cause cause = life_cause(c);
    const struct ticket_cell *cell;

    cause.displaced = why;
    cause.asked = asked;
    return life_event(d, r, TICKET_ON_WITHDRAW, &cause, &cell);
}

enum err
displaced_withdraw(struct deciding *d, struct command *c)
{
    struct reservation *r = index_reservation(d->state, c->in.timer.id);
    undo_mark mark = undo_here(d->undo);
    enum err err;

    if (r == NULL || !displaced_moves(d->state, r, d->now_ms))
        return OK;
    err = move(d, c, r, displaced_why(d->state, r, d->now_ms), NULL);
    if (err != ERR_OPTION_GONE)
        return err;
    undo_back(d->undo, mark);
    *d->detail = (struct err_detail){ 0 };
    undo_save(d->undo, &r->stays_until_ms, sizeof r->stays_until_ms);
    r->stays_until_ms = d->now_ms + TRY_AGAIN_MS * d->state->clock.rate;
    return OK;
}

/* The start-up moves it. Security: the actor spends for the reservation's organisation. in.move.ask is what its request asks. */
enum err
decide_move(struct deciding *d, struct command *c)
{
    struct reservation *r = index_reservation(d->state, c->in.move.reservation);
    enum displaced why;
    enum err err;

    if (r == NULL)
        return err_say(d->detail, ERR_STATE, "The reservation has ended.");
    if (!actor_spends(&c->actor, r->org))
        return ERR_NOT_FOUND;
    if (r->state != TICKET_ISSUED)
        return err_say(d->detail, ERR_STATE, "The site has its permit: it stays there.");
    if (r->moves >= MOVES_MAX)
        return err_say(d->detail, ERR_STATE, "It was moved %d times already.", MOVES_MAX);
    why = displaced_why(d->state, r, d->now_ms);
    if (why == DISPLACED_NOT)
        return err_say(d->detail, ERR_STATE, "Nothing is in its way at its site.");
    err = move(d, c, r, why, c->in.move.ask);
    if (err == ERR_OPTION_GONE)
        return err_say(d->detail, ERR_OPTION_GONE, "No other place takes it at no higher price; it stays where it is.");
    if (err)
        return err;
    c->answer.id = r->moved_to;
    c->answer.time_ms = d->now_ms;
    return OK;
}
