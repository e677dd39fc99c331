/* core/ledger_fill.c: for those who make entries, what follows from the state. */
#include <assert.h>

#include "core/entry_layout.h"
#include "core/ledger_state.h"

static uint64_t
last_index(const struct ledger *l, uint64_t account)
{
    const struct account *a = ledger_account(l, account);

    return a == NULL ? NO_INDEX : a->last_index;
}

void
ledger_links(const struct ledger *l, struct entry *e)
{
    const struct account *newest;
    const struct site *site;

    e->prev_debit = last_index(l, e->debit);
    e->prev_credit = last_index(l, e->credit);
    if (e->kind == OPEN) {
        newest = e->u.open.class == ACCOUNT_GRANT ? map_get(l->by_owner, e->u.open.owner_org.b) : NULL;
        site = e->u.open.class == ACCOUNT_SITE ? ledger_site(l, e->u.open.owner_site) : NULL;
        e->u.open.prev_open = newest != NULL ? newest->index : site != NULL ? site->last_open : NO_INDEX;
    }
    if (e->kind == NOTICE && e->u.notice.type == NOTICE_STATE) {
        e->u.notice.as_of = ledger_size(l) - 1;
        e->u.notice.root = ledger_state_root(l);
    }
    if (e->kind == KEY && e->u.key.use == KEY_LOG && e->u.key.status == KEY_ACTIVE)
        e->u.key.auth.slot[1].key = e->index; /* the new key signs for itself */
}

void
ledger_place(const struct ledger *l, struct entry *e, uint16_t len, int64_t time_ms)
{
    bool first = ledger_group_whole(l);

    e->index = ledger_size(l);
    e->time_ms = time_ms > l->at.time_ms ? time_ms : l->at.time_ms;
    e->group_first = first ? e->index : l->at.group_first;
    e->group_len = first ? len : l->at.group_len;
    e->group_pos = first ? 0 : l->at.group_next;
    ledger_links(l, e);
}

void
ledger_fill_grant(const struct ledger *l, uint64_t grant_account, struct entry *e)
{
    const struct account *a = ledger_account(l, grant_account);

    assert(a != NULL && a->class == ACCOUNT_GRANT && (e->kind == LAPSE || e->kind == CLAWBACK));
    e->debit = a->index;
    e->credit = a->parent;
    e->u.move.policy = a->policy;
    e->u.move.start_ms = a->start_ms;
    e->u.move.end_ms = a->end_ms;
    e->u.move.gge_cents = a->gge_cents;
    e->u.move.grant = a->grant_entry;
    if (e->kind == LAPSE)
        e->amount = account_free(a);
}

void
ledger_fill_close(const struct ledger *l, uint64_t account, struct entry *e)
{
    const struct account *a = ledger_account(l, account);

    assert(a != NULL && e->kind == CLOSE);
    e->debit = e->u.close.account = a->index;
    e->u.close.class = a->class;
    e->u.close.owner_org = a->owner_org;
    e->u.close.owner_site = a->owner_site;
    e->u.close.prev_open = a->prev_open;
}

void
ledger_fill_hold(const struct ledger *l, uint64_t hold, struct entry *e)
{
    const struct hold *h = ledger_hold(l, hold);

    assert(h != NULL);
    e->debit = h->grant;
    e->credit = h->site_account;
    switch (e->kind) {
    case SETTLE:
        e->u.settle.hold = hold;
        if (!ledger_settle_amount(h, e->u.settle.report.gpu_seconds, &e->amount))
            e->amount = 0; /* a falling total: ledger_apply refuses it */
        break;
    case VOID:
    case EXPIRE:
        e->u.release.hold = hold;
        e->amount = hold_left(h);
        break;
    case RESOLVE:
        e->u.resolve.hold = hold;
        if (!h->open)
            e->debit = RESERVE_ACCOUNT;
        e->amount = ledger_share(h->open ? hold_left(h) : h->amount, e->u.resolve.share_milli);
        break;
    default:
        assert(!"not a kind that names a hold's accounts");
    }
}
