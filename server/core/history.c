/* core/history.c */
#include "core/history.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"

struct history_hold { uint64_t index; int64_t left; struct history_hold *next; };

void
history_begin(struct history *h, uint64_t account)
{
    *h = (struct history){ .account = account, .last = NO_INDEX, .left = map_new(8) };
}

void
history_end(struct history *h)
{
    for (struct history_hold *hold = h->holds, *next; hold != NULL; hold = next) {
        next = hold->next;
        free(hold);
    }
    map_delete(h->left);
    *h = (struct history){ .account = NO_INDEX };
}

uint64_t
history_before(const struct entry *e, uint64_t account, bool *is_of)
{
    *is_of = true;
    if (e->kind == OPEN && e->index == account)
        return NO_INDEX;
    if (e->debit == account)
        return e->prev_debit;
    if (e->credit == account)
        return e->prev_credit;
    *is_of = false;
    return NO_INDEX;
}

static bool
take_hold(struct history *h, const struct entry *e)
{
    struct history_hold *hold = xcalloc(1, sizeof *hold);

    *hold = (struct history_hold){ .index = e->index, .left = e->amount, .next = h->holds };
    h->holds = hold;
    map_put(h->left, &hold->index, hold, NULL);
    return add_i64(h->held_debits, e->amount, &h->held_debits);
}

/* So much of a hold is held no longer. */
static bool
release(struct history *h, uint64_t index, int64_t paid, bool all)
{
    struct history_hold *hold = map_get_u64(h->left, index);
    int64_t amount;

    if (hold == NULL || paid > hold->left)
        return false;
    amount = all ? hold->left : paid;
    hold->left -= amount;
    h->held_debits -= amount;
    return true;
}

static bool
take_debit(struct history *h, const struct entry *e)
{
    switch (e->kind) {
    case HOLD:
        return take_hold(h, e);
    case SETTLE:
        return release(h, e->u.settle.hold, e->amount, e->u.settle.final) && add_i64(h->posted_debits, e->amount, &h->posted_debits);
    case VOID:
    case EXPIRE:
        return release(h, e->u.release.hold, e->amount, true);
    case RESOLVE:
        return release(h, e->u.resolve.hold, e->amount, true) && add_i64(h->posted_debits, e->amount, &h->posted_debits);
    default:
        return add_i64(h->posted_debits, e->amount, &h->posted_debits);
    }
}

bool
history_add(struct history *h, const struct entry *e)
{
    bool is_of;
    uint64_t before = history_before(e, h->account, &is_of);

    if (!is_of || before != h->last || (h->last == NO_INDEX) != (e->index == h->account))
        return false;
    h->last = e->index;
    h->entries++;
    if (e->index == h->account)
        return e->kind == OPEN;
    return e->debit == h->account ? take_debit(h, e) : add_i64(h->posted_credits, e->amount, &h->posted_credits);
}

void
history_leaf(const struct history *h, uint8_t ret[HISTORY_LEAF])
{
    struct wire_out w = { ret, ret + HISTORY_LEAF };

    put_u64(&w, h->account);
    put_u64(&w, h->last);
    put_i64(&w, h->posted_debits);
    put_i64(&w, h->posted_credits);
    put_i64(&w, h->held_debits);
    put_i64(&w, 0);
}
