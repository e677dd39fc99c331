/* market/reservation.c */
#include "market/reservation.h"

#include "market/group.h"
#include "market/index.h"
#include "market/life.h"

/* The hold that an order is about, or NULL. */
static const struct hold *
hold_of(const struct state *s, const struct entry *e)
{
    const struct ledger *l = s->ledger;

    switch (e->kind) {
    case RESOLVE:
        return ledger_hold(l, e->u.resolve.hold);
    case VOID:
        return ledger_hold(l, e->u.release.hold);
    case NOTICE:
        if (e->u.notice.type == NOTICE_DISPUTE_OPENED || e->u.notice.type == NOTICE_DISPUTE_CLOSED || e->u.notice.type == NOTICE_SAID)
            return ledger_hold(l, e->u.notice.ref);
        return NULL;
    case CORRECT: /* it names the hold, or any one payment of it, not only the newest */
        return e->u.correct.of_hold ? ledger_hold(l, e->u.correct.entry) : ledger_hold_paid(l, e->u.correct.entry);
    default:
        return NULL;
    }
}

/* Its reservation, if it is in the memory. */
static struct reservation *
of_entry(const struct state *s, const struct entry *e)
{
    const struct hold *h = hold_of(s, e);

    return h != NULL ? index_reservation(s, h->reservation) : NULL;
}

static bool
is_over(const struct reservation *r)
{
    return r->state == TICKET_SETTLED || r->state == TICKET_CONTESTED;
}

/* The event that an order's entry is for its reservation. False: none, or one that the table has no word for. */
static bool
event_of(const struct reservation *r, const struct entry *e, enum ticket_event *ret)
{
    switch (e->kind) {
    case RESOLVE: /* of a contested settlement it is paid from reserve, and ends the contest as a CORRECT does */
        *ret = is_over(r) ? TICKET_ON_CORRECT : TICKET_ON_RESOLVE;
        return true;
    case CORRECT:
        *ret = TICKET_ON_CORRECT;
        return true;
    case NOTICE:
        if (e->u.notice.type == NOTICE_SAID)
            return false;
        if (e->u.notice.type == NOTICE_DISPUTE_CLOSED)
            *ret = TICKET_ON_DISMISS;
        else
            *ret = is_over(r) ? TICKET_ON_CONTEST : TICKET_ON_BAD_REPORT;
        return true;
    default:
        return false;
    }
}

/* Is it about a hold whose reservation has left the memory? It was voided or has expired, or its contest time is over: it is
 * as the state table leaves it, and refuses these. A dispute would have no timer to end it; of a CORRECT the reservation's
 * row would not know. The ledger takes both (a journal may have some from before), and the NOTICE that closes a dispute. */
static enum err
check_gone(const struct deciding *d, const struct entry *e)
{
    bool opens = e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_OPENED;

    if (hold_of(d->state, e) == NULL)
        return OK;
    if (opens)
        return err_say(d->detail, ERR_STATE, "%s", ticket_next(TICKET_VOIDED, TICKET_ON_CONTEST)->why);
    if (e->kind == CORRECT)
        return err_say(d->detail, ERR_STATE, "It was withdrawn, or the time in which it could be contested is over.");
    return OK;
}

enum err
reservation_check_entry(struct deciding *d, const struct entry *e)
{
    const struct reservation *r = of_entry(d->state, e);
    const struct ticket_cell *cell;
    enum ticket_event event;

    if (r == NULL)
        return check_gone(d, e);
    if (!event_of(r, e, &event))
        return OK;
    cell = ticket_next(r->state, event);
    return cell->verdict == TICKET_GO ? OK : err_say(d->detail, ERR_STATE, "%s", cell->why);
}

enum err
reservation_check_version(struct deciding *d, const struct entry *e, uint64_t version)
{
    const struct reservation *r = version > 0 ? of_entry(d->state, e) : NULL;

    if (r == NULL || r->version == version)
        return OK;
    d->detail->retry_after_s = 1;
    return err_say(d->detail, ERR_BUSY, "Something else has just happened to this job; try again.");
}

size_t
reservation_follow(const struct deciding *d, struct entry *entries, size_t n)
{
    const struct ledger *l = d->state->ledger;
    size_t given = n;
    struct entry lapse;

    for (size_t i = 0; i < given; i++) {
        const struct reservation *r = entries[i].kind == CORRECT ? of_entry(d->state, &entries[i]) : NULL;
        if (r != NULL && r->state == TICKET_CONTESTED) {
            struct group closing = { .n = 0 };
            group_dispute(&closing, ledger_hold(l, r->hold), false, r->dispute_why);
            entries[n++] = closing.entries[0];
            break;
        }
    }
    if (group_lapse(l, entries, n, d->now_ms, &lapse))
        entries[n++] = lapse;
    return n;
}

static void
end(struct deciding *d, struct reservation *r)
{
    index_reservation_free(d->state, r, d->undo);
    index_reservation_ended(d->state, r, d->undo);
    if (r->state == TICKET_VOIDED)
        index_reservation_drop(d->state, r, d->undo);
}

static void
on_hold_entry(struct deciding *d, struct reservation *r, const struct entry *e)
{
    const struct ticket_cell *cell;
    enum ticket_event event;

    life_touch(d, r);
    if (e->kind == VOID) {
        r->void_entry = e->index;
        r->state = TICKET_VOIDED;
        r->outcome = OUTCOME_WITHDRAWN;
        end(d, r);
        return;
    }
    if (e->kind == RESOLVE || e->kind == CORRECT) {
        r->settle_entry = e->kind == RESOLVE ? e->index : r->settle_entry;
        if (e->debit != RESERVE_ACCOUNT && e->credit != RESERVE_ACCOUNT) /* what the reserve pays is not the requester's */
            r->settled_gpums += e->kind == RESOLVE ? e->amount : -e->amount;
    } else if (e->u.notice.type == NOTICE_DISPUTE_OPENED) {
        r->dispute_entry = e->index;
        r->disputed_ms = d->now_ms;
        r->dispute_why = is_over(r) ? DISPUTE_CONTEST : DISPUTE_IMPLAUSIBLE;
    }
    if (!event_of(r, e, &event))
        return;
    cell = ticket_next(r->state, event);
    if (cell->verdict != TICKET_GO) /* the NOTICE that closes what a CORRECT before it in the group has ended */
        return;
    r->state = cell->next;
    if (cell->outcome != OUTCOME_NONE)
        r->outcome = (uint16_t)cell->outcome;
    if (r->state == TICKET_SETTLED) {
        r->dispute_why = 0;
        if (r->settled_ms == 0)
            r->settled_ms = d->now_ms;
        end(d, r);
    }
    index_reservation_due(d->state, r, d->now_ms, d->undo);
}

void
reservation_on_entry(struct deciding *d, const struct entry *e)
{
    struct reservation *r = of_entry(d->state, e);
    uint64_t grant = e->kind == GRANT ? e->credit : e->kind == CLOSE ? e->debit : NO_INDEX;
    const struct account *account = ledger_account(d->state->ledger, grant);

    if (account != NULL && account->class == ACCOUNT_GRANT)
        index_grant_due(d->state, account, d->undo);
    if (r != NULL)
        on_hold_entry(d, r, e);
}
