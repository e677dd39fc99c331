/* market/life.c */
#include "market/life.h"

#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "core/needs.h"
#include "market/index.h"
#include "market/packed_ask.h"
#include "market/reserve.h"
#include "market/spool.h"
#include "market/timing.h"
#include "market/view.h"

struct cause
life_cause(const struct command *c)
{
    struct cause cause = { .new_id = c->new_id[0] };

    if (c->kind == COMMAND_REPORT)
        cause.on = (struct grounds){
            .report = &c->in.report.report,
            .key = c->in.report.key,
            .signature = c->in.report.signature,
        };
    return cause;
}

void
life_touch(struct deciding *d, struct reservation *r)
{
    batch_changed(d, &r->row, sizeof *r);
    r->version++;
    r->changed_ms = d->now_ms;
    batch_event(d, EVENT_RESERVATION, 0, r->id);
}

/* ---- brokering anew ---------------------------------------------------------------------------------------------- */

/* The best option elsewhere, never at a higher price, without the sites that turned this request down. */
static bool
find_elsewhere(const struct deciding *d, const struct reservation *r, const struct cause *cause, struct broker_ask *ask,
               struct option *ret)
{
    const struct broker_line *best;
    struct view view;

    if (!displaced_ask(d->state, r, cause->displaced, cause->asked, d->now_ms, ask))
        return false;
    view_open(d->state, d->now_ms, &view);
    broker_quote(&view.broker, ask, &view.answer);
    best = broker_ranked(&view.answer, 0);
    if (best != NULL)
        *ret = reserve_option(best);
    view_free(&view);
    return best != NULL;
}

/* The reservation that takes over from r, its HOLD in the group; NULL if there is none. r's booking is free already. */
static struct reservation *
broker_anew(struct deciding *d, const struct reservation *r, const struct cause *cause, struct group *g)
{
    struct reservation from = {
        .request = r->request,
        .org = r->org,
        .quote = r->quote,
        .grant = r->grant,
        .workload = r->workload,
        .workload_len = r->workload_len,
        .move_freely = r->move_freely,
        .night = r->night,
        .nights = r->nights,
        .moves = (uint8_t)(r->moves + 1),
        .moved_from = r->id,
    };
    struct reservation *next;
    struct broker_ask ask;
    struct option option;

    if (r->needs & NEED_BIT(NEED_ALLOCATION) && r->started_ms != 0) /* who works at a site is not sent to another by itself */
        return NULL;
    if (r->needs & NEED_BIT(NEED_SECRETS)) /* no other site can open them */
        return NULL;
    if ((!r->move_freely && cause->asked == NULL) || r->moves >= MOVES_MAX || uuid_is_zero(cause->new_id))
        return NULL;
    if (!find_elsewhere(d, r, cause, &ask, &option))
        return NULL;
    memcpy(from.name, r->name, sizeof from.name);
    next = reserve_make(d, &from, &option, &ask, cause->new_id);
    reserve_hold(d, next, g);
    return next;
}

/* ---- carrying out a cell ----------------------------------------------------------------------------------------- */

/* Does the VOID rest on the site's report, or on the rules alone? */
static bool
rests_on_report(enum ticket_event event)
{
    return event == TICKET_ON_REJECTED || event == TICKET_ON_FAILED_SITE || event == TICKET_ON_CANCELLED_UNUSED;
}

/* "Drained" is the site's own doing; what else stands in its way is in the journal as a move. */
static uint16_t
void_reason(const struct cause *cause, const struct ticket_cell *cell)
{
    return cause->displaced == DISPLACED_CUT || cause->displaced == DISPLACED_SILENT ? VOID_MOVED : cell->void_reason;
}

static void
add_entries(struct deciding *d, struct reservation *r, enum ticket_event event, const struct cause *cause,
            const struct ticket_cell *cell, struct group *g)
{
    const struct ledger *l = d->state->ledger;
    const struct hold *h = ledger_hold(l, r->hold);
    struct grounds none = { 0 }, on = rests_on_report(event) ? cause->on : none;

    assert(h != NULL && !(cell->effects & (TICKET_RESOLVE | TICKET_CORRECT))); /* those are orders of their own */
    if (cell->effects & TICKET_CLOSE_DISPUTE)
        group_dispute(g, h, false, r->dispute_why);
    if (cell->effects & TICKET_SETTLE_DAILY)
        (void)group_settle(g, l, h, false, &cause->on);
    if (cell->effects & TICKET_SETTLE_FINAL)
        (void)group_settle(g, l, h, true, &cause->on);
    if (cell->effects & TICKET_CORRECT_AND_VOID)
        group_correct(g, h, &cause->on);
    if (cell->effects & (TICKET_CORRECT_AND_VOID | TICKET_VOID))
        group_void(g, l, h, void_reason(cause, cell), &on);
    if (cell->effects & TICKET_EXPIRE)
        group_expire(g, l, h);
    if (cell->effects & TICKET_OPEN_DISPUTE)
        group_dispute(g, h, true, cause->dispute_why);
}

/* The group as far as it stands, with what follows from it: a reservation elsewhere, or a LAPSE. If the ledger does not
 * take the new hold, the group goes without it. */
static enum err
apply_group(struct deciding *d, struct reservation *r, const struct cause *cause, const struct ticket_cell *cell,
            struct group *g, struct reservation **ret_next)
{
    struct group without = *g;
    struct entry lapse;
    enum err err;

    *ret_next = cell->effects & TICKET_BROKER_ANEW ? broker_anew(d, r, cause, g) : NULL;
    if (*ret_next == NULL && cause->displaced != DISPLACED_NOT)
        return ERR_OPTION_GONE;
    if (*ret_next != NULL) {
        err = batch_group(d, g->entries, g->n);
        if (err == OK)
            return OK;
        if (cause->displaced != DISPLACED_NOT) /* the new one goes when the caller takes all back */
            return ERR_OPTION_GONE;
        undo_free_on_commit(d->undo, index_reservation_release, *ret_next);
        *ret_next = NULL;
        *g = without;
    }
    if (group_lapse(d->state->ledger, g->entries, g->n, d->now_ms, &lapse))
        g->entries[g->n++] = lapse;
    return g->n > 0 ? batch_group(d, g->entries, g->n) : OK;
}

static void
note_entries(struct deciding *d, struct reservation *r, const struct cause *cause, const struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct entry *e = &g->entries[i];

        if (e->kind == SETTLE) {
            r->settle_entry = e->index;
            r->settled_gpums += e->amount;
            r->daily_settle_ms = d->now_ms;
        } else if (e->kind == CORRECT) {
            r->settled_gpums -= e->amount;
        } else if (e->kind == VOID || e->kind == EXPIRE) {
            r->void_entry = e->index;
        } else if (e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_OPENED) {
            r->dispute_entry = e->index;
            r->disputed_ms = d->now_ms;
            r->dispute_why = (uint8_t)cause->dispute_why;
        } else if (e->kind == NOTICE) {
            r->dispute_why = 0;
        }
    }
}

static void
give_permit(struct deciding *d, struct reservation *r, const struct report *report)
{
    assert(report != NULL);
    if (r->first_permit_ms == 0)
        r->first_permit_ms = d->now_ms;
    r->permit_ms = d->now_ms;
    r->permit_instance = report->instance;
    r->permit_report = report->number;
}

static enum ticket_outcome
outcome_of(const struct cause *cause, const struct ticket_cell *cell)
{
    if (cause->displaced == DISPLACED_CUT)
        return OUTCOME_CUT;
    return cause->displaced == DISPLACED_SILENT ? OUTCOME_SILENT : cell->outcome;
}

/* Where it goes: its timer, its ticket to cancel, out of the memory. */
static void
settle_down(struct deciding *d, struct reservation *r, const struct cause *cause, const struct ticket_cell *cell,
            struct reservation *next)
{
    r->state = cell->next;
    if (cell->outcome != OUTCOME_NONE)
        r->outcome = (uint16_t)outcome_of(cause, cell);
    if (cell->next == TICKET_SETTLED && r->settled_ms == 0)
        r->settled_ms = d->now_ms;
    if (cell->effects & TICKET_CANCEL_TICKET)
        reserve_cancel_ticket(d, r);
    if (next != NULL)
        r->moved_to = next->id;
    if (ticket_state_is_end(r->state))
        index_reservation_ended(d->state, r, d->undo);
    if (r->state == TICKET_VOIDED)
        index_reservation_drop(d->state, r, d->undo);
    else
        index_reservation_due(d->state, r, d->now_ms, d->undo);
}

static enum err
carry_out(struct deciding *d, struct reservation *r, enum ticket_event event, const struct cause *cause,
          const struct ticket_cell *cell)
{
    struct reservation *next = NULL;
    struct group group = { .n = 0 };
    enum err err;

    life_touch(d, r);
    if (cell->effects & TICKET_FREE_CAPACITY || ticket_state_is_end(cell->next))
        index_reservation_free(d->state, r, d->undo);
    add_entries(d, r, event, cause, cell, &group);
    err = apply_group(d, r, cause, cell, &group, &next);
    if (err)
        return err;
    note_entries(d, r, cause, &group);
    if (cell->effects & TICKET_GIVE_PERMIT)
        give_permit(d, r, cause->on.report);
    if (event == TICKET_ON_CANCEL)
        r->cancel_ms = d->now_ms;
    settle_down(d, r, cause, cell, next);
    if (next != NULL)
        for (size_t i = 0; i < group.n; i++)
            if (group.entries[i].kind == HOLD)
                reserve_issue(d, next, group.entries[i].index);
    return OK;
}

/* What the ledger does not take from a site: then it is for a person. A rejection after daily settlements; the table
 * cannot know of them. */
static enum ticket_event
judge(const struct deciding *d, const struct reservation *r, enum ticket_event event)
{
    const struct hold *h = ledger_hold(d->state->ledger, r->hold);

    if (event == TICKET_ON_REJECTED && h->settled != h->corrected)
        return TICKET_ON_BAD_REPORT;
    return event;
}

enum err
life_event(struct deciding *d, struct reservation *r, enum ticket_event event, const struct cause *cause,
           const struct ticket_cell **ret)
{
    static const struct ticket_cell too_late = {
        .verdict = TICKET_KEEP,
        .effects = TICKET_REFUSE_PERMIT,
        .why = "The hold's time is over: the report is kept.",
    };
    const struct hold *h = ledger_hold(d->state->ledger, r->hold);
    bool is_report = cause->on.report != NULL;
    const struct ticket_cell *cell;
    enum err err;

    assert(h != NULL);
    /* After its expiry the ledger lets nothing but EXPIRE touch a hold. */
    if (is_report && h->open && d->now_ms >= h->expiry_ms) {
        struct cause time = { .dispute_why = DISPUTE_SILENCE };

        *ret = &too_late;
        return ticket_state_is_disputed(r->state) ? OK : life_event(d, r, TICKET_ON_EXPIRY, &time, &cell);
    }
    if (event != TICKET_ON_SPOOL_LOST && h->open && d->now_ms < h->expiry_ms &&
        spool_permit_lost(index_site(d->state, r->site), r)) { /* before the janitor comes to it */
        struct cause lost = { .dispute_why = DISPUTE_SPOOL_LOST };

        err = life_event(d, r, TICKET_ON_SPOOL_LOST, &lost, &cell);
        if (err)
            return err;
    }
    if (is_report)
        event = judge(d, r, event);
    cell = ticket_next(r->state, event);
    if (cell->verdict == TICKET_REFUSE)
        return err_say(d->detail, ERR_STATE, "%s", cell->why);
    if (cell->verdict == TICKET_GO) {
        err = carry_out(d, r, event, cause, cell);
        if (err)
            return err;
    }
    *ret = cell;
    return OK;
}
