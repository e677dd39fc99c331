/* market/group.c */
#include "market/group.h"

#include <assert.h>

#include "base/num.h"

struct entry *
group_add(struct group *g, enum entry_kind kind)
{
    assert(g->n < sizeof g->entries / sizeof g->entries[0]);
    g->entries[g->n] = entry_new(kind);
    return &g->entries[g->n++];
}

static void
sign(struct authority *auth, const struct grounds *on)
{
    auth->slot[0] = (struct authority_slot){ .class = 1, .key = on->key };
    memcpy(auth->slot[0].sig, on->signature, sizeof auth->slot[0].sig);
}

void
group_dispute(struct group *g, const struct hold *h, bool open, uint16_t why)
{
    struct entry *e = group_add(g, NOTICE);

    e->u.notice.type = open ? NOTICE_DISPUTE_OPENED : NOTICE_DISPUTE_CLOSED;
    e->u.notice.ref = h->index;
    e->u.notice.reason = why;
}

bool
group_settle(struct group *g, const struct ledger *l, const struct hold *h, bool final, const struct grounds *on)
{
    struct entry *e = group_add(g, SETTLE);

    assert(on->report != NULL);
    e->u.settle.final = final;
    e->u.settle.report = *on->report;
    sign(&e->u.settle.auth, on);
    ledger_fill_hold(l, h->index, e);
    if (!final && (e->amount == 0 || e->amount == hold_left(h))) {
        g->n--;
        return false;
    }
    return true;
}

void
group_correct(struct group *g, const struct hold *h, const struct grounds *on)
{
    struct entry *e;

    assert(on->report != NULL);
    if (h->settled == h->corrected)
        return;
    e = group_add(g, CORRECT);
    e->debit = h->site_account;
    e->credit = h->grant;
    e->amount = h->settled - h->corrected;
    e->u.correct.entry = h->index;
    e->u.correct.of_hold = 1;
    e->u.correct.report = *on->report;
    sign(&e->u.correct.auth, on);
}

/* The ledger wants a VOID on a report to say what the report says. */
static uint16_t
reason_of_report(const struct report *r)
{
    switch (r->kind) {
    case REPORT_REJECTED:
        return VOID_REJECTED;
    case REPORT_FAILED:
        return VOID_SITE_FAILED;
    default:
        return VOID_NEVER_STARTED;
    }
}

void
group_void(struct group *g, const struct ledger *l, const struct hold *h, uint16_t reason, const struct grounds *on)
{
    struct entry *e = group_add(g, VOID);

    e->u.release.reason = reason;
    if (on->report != NULL) {
        e->u.release.reason = reason_of_report(on->report);
        e->u.release.report = *on->report;
        sign(&e->u.release.auth, on);
    }
    ledger_fill_hold(l, h->index, e);
}

void
group_expire(struct group *g, const struct ledger *l, const struct hold *h)
{
    struct entry *e = group_add(g, EXPIRE);

    e->u.release.reason = EXPIRE_TIME;
    ledger_fill_hold(l, h->index, e);
}

/* What an entry leaves free in its hold's grant that was not free before it. */
static int64_t
gives_back(const struct ledger *l, const struct entry *e, uint64_t *ret_grant)
{
    const struct hold *h;

    switch (e->kind) {
    case VOID:
    case EXPIRE:
        *ret_grant = e->debit;
        return e->amount;
    case SETTLE:
        h = ledger_hold(l, e->u.settle.hold);
        *ret_grant = e->debit;
        return e->u.settle.final && h != NULL ? hold_left(h) - e->amount : 0;
    case RESOLVE:
        h = ledger_hold(l, e->u.resolve.hold);
        if (h == NULL || e->debit != h->grant)
            return 0; /* from reserve */
        *ret_grant = e->debit;
        return hold_left(h) - e->amount;
    case CORRECT:
        *ret_grant = e->credit;
        return e->amount;
    default:
        return 0;
    }
}

bool
group_lapse(const struct ledger *l, const struct entry *entries, size_t n, int64_t now_ms, struct entry *ret)
{
    const struct account *grant;
    uint64_t account = NO_INDEX;
    int64_t back = 0;

    for (size_t i = 0; i < n; i++)
        back += gives_back(l, &entries[i], &account);
    grant = ledger_account(l, account);
    if (grant == NULL || grant->class != ACCOUNT_GRANT || grant->closed || now_ms < grant->end_ms)
        return false;
    if (account_free(grant) + back <= 0)
        return false;
    *ret = entry_new(LAPSE);
    ledger_fill_grant(l, account, ret);
    ret->amount = account_free(grant) + back;
    return true;
}
