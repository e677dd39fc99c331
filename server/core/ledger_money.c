/* core/ledger_money.c: accounts, and credits on their way from a fund to a grant and back. */
#include "base/num.h"
#include "core/entry_layout.h"
#include "core/ledger_state.h"

#define FUND_MAX ((int64_t)1 << 60)
#define FUNDS_MAX ((int64_t)1 << 62) /* all together */

/* ---- OPEN and CLOSE ---------------------------------------------------------------------------------------------- */

static uint64_t
owners_last_open(const struct ledger *l, const struct entry *e)
{
    const struct account *newest = map_get(l->by_owner, e->u.open.owner_org.b);
    const struct site *site = ledger_site(l, e->u.open.owner_site);

    if (e->u.open.class == ACCOUNT_GRANT)
        return newest == NULL ? NO_INDEX : newest->index;
    return e->u.open.class == ACCOUNT_SITE && site != NULL ? site->last_open : NO_INDEX;
}

enum err
ledger_open(struct applying *a)
{
    struct ledger *l = a->l;
    const struct entry *e = a->e;
    struct site *site = ledger_slot(l, e->u.open.owner_site, SLOT_SITE);
    struct account *account;
    uint8_t class = e->u.open.class;

    if ((class == ACCOUNT_GRANT) == uuid_is_zero(e->u.open.owner_org))
        return REFUSE(a, ERR_ENTRY_INVALID, "a grant's account has an organisation as its owner, and no other has one");
    if (class == ACCOUNT_SITE ? site == NULL : e->u.open.owner_site != 0)
        return REFUSE(a, ERR_ENTRY_INVALID, "a site's account names its SITE, and no other names one");
    if (class == ACCOUNT_SITE && site->account != NO_INDEX)
        return REFUSE(a, ERR_LEDGER_RULE, "a site has one open account");
    if (e->u.open.prev_open != owners_last_open(l, e))
        return REFUSE(a, ERR_LEDGER_RULE, "an OPEN links to the owner's OPEN before");

    account = pool_add(&l->accounts, a->undo);
    *account = (struct account){
        .index = e->index, .class = class, .owner_org = e->u.open.owner_org, .owner_site = e->u.open.owner_site,
        .prev_open = e->u.open.prev_open, .last_index = e->index, .parent = NO_INDEX, .grant_entry = NO_INDEX,
        .policy = NO_INDEX, .number = (uint32_t)(l->accounts.count - 1), .saved_last_index = e->index, .dirty = true, .next_dirty = l->dirty,
    };
    KEEP(a, &l->dirty);
    l->dirty = account;
    ledger_tree_touch(l, account, a->undo);
    ledger_slot_set(a, SLOT_ACCOUNT, account);
    if (class == ACCOUNT_GRANT)
        map_put(l->by_owner, account->owner_org.b, account, a->undo);
    if (class == ACCOUNT_SITE) {
        KEEP(a, site);
        site->account = site->last_open = e->index;
    }
    return OK;
}

static bool
repeats_open(const struct entry *e, const struct account *account)
{
    return e->u.close.account == account->index && e->debit == account->index && e->u.close.class == account->class &&
           uuid_equal(e->u.close.owner_org, account->owner_org) && e->u.close.owner_site == account->owner_site &&
           e->u.close.prev_open == account->prev_open;
}

enum err
ledger_close(struct applying *a)
{
    const struct entry *e = a->e;
    struct account *account = a->debit;
    struct account *parent = ledger_slot(a->l, account->parent, SLOT_ACCOUNT);
    struct site *site = ledger_slot(a->l, account->owner_site, SLOT_SITE);

    if (!repeats_open(e, account))
        return REFUSE(a, ERR_ENTRY_INVALID, "a CLOSE repeats its account's OPEN");
    if (account->class == ACCOUNT_MINT || account->class == ACCOUNT_RESERVE)
        return REFUSE(a, ERR_LEDGER_RULE, "mint and reserve are never closed");
    if (account->posted_debits != account->posted_credits || account->held_debits != 0 || account->held_credits != 0)
        return REFUSE(a, ERR_LEDGER_RULE, "an account is closed with nothing in it and nothing held");
    if (account->children > 0)
        return REFUSE(a, ERR_LEDGER_RULE, "an account is closed after those that were given from it");
    if (account->class == ACCOUNT_GRANT && account->grant_entry != NO_INDEX && e->time_ms < account->end_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a grant's account is closed at its end, not before");
    account->closed = true;
    if (parent != NULL) {
        KEEP(a, parent);
        parent->children--;
    }
    if (site != NULL) {
        KEEP(a, site);
        site->account = NO_INDEX;
    }
    return ledger_need_order(a, e->u.close.order, &e->u.close.auth, 1);
}

/* ---- from mint to grant ------------------------------------------------------------------------------------------ */

/* A move between accounts of these classes, on an order. */
static enum err
move(struct applying *a, uint8_t debit_class, uint8_t credit_class, const char *rule)
{
    enum err err;

    if (a->debit->class != debit_class || a->credit->class != credit_class)
        return REFUSE(a, ERR_LEDGER_RULE, rule);
    err = ledger_need_order(a, a->e->u.move.order, &a->e->u.move.auth, 1);
    if (err != OK)
        return err;
    ledger_payment_add(a, NULL);
    return ledger_post(a);
}

enum err
ledger_fund(struct applying *a)
{
    struct ledger *l = a->l;

    if (a->e->amount > FUND_MAX)
        return REFUSE(a, ERR_LEDGER_RULE, "a fund is at most 2^60 GPU-milliseconds");
    if (a->e->amount > FUNDS_MAX - l->at.funded)
        return REFUSE(a, ERR_LEDGER_RULE, "all funds together are at most 2^62 GPU-milliseconds");
    l->at.funded += a->e->amount;
    return move(a, ACCOUNT_MINT, ACCOUNT_FUND, "a FUND goes from mint to a fund");
}

/* The child's first credits make the debit account its parent; later ones come from there too. */
static enum err
descend(struct applying *a, const char *rule)
{
    struct account *child = a->credit;

    if (child->parent == NO_INDEX) {
        child->parent = a->debit->index;
        a->debit->children++;
    }
    return child->parent == a->debit->index ? OK : REFUSE(a, ERR_LEDGER_RULE, rule);
}

enum err
ledger_tranche(struct applying *a)
{
    enum err err;

    if (a->debit->class == ACCOUNT_FUND && a->credit->class == ACCOUNT_RESERVE)
        return move(a, ACCOUNT_FUND, ACCOUNT_RESERVE, "a TRANCHE goes from a fund to a tranche or to reserve");
    err = move(a, ACCOUNT_FUND, ACCOUNT_TRANCHE, "a TRANCHE goes from a fund to a tranche or to reserve");
    return err == OK ? descend(a, "a tranche is of one fund") : err;
}

enum err
ledger_grant(struct applying *a)
{
    const struct entry *e = a->e;
    const struct policy *policy = ledger_policy(a->l, e->u.move.policy);
    struct account *grant = a->credit;
    enum err err = move(a, ACCOUNT_TRANCHE, ACCOUNT_GRANT, "a GRANT goes from a tranche to a grant's account");

    if (err != OK)
        return err;
    if (grant->grant_entry != NO_INDEX)
        return REFUSE(a, ERR_LEDGER_RULE, "an account takes one GRANT: a top-up is a new grant");
    if (policy == NULL || policy->entry.u.policy.valid_from_ms > e->time_ms || strcmp(policy->entry.u.policy.code, ORDERS_CODE) == 0)
        return REFUSE(a, ERR_LEDGER_RULE, "a GRANT names a POLICY in force");
    if (e->u.move.start_ms >= e->u.move.end_ms || e->u.move.end_ms <= e->time_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a grant starts before it ends, and ends after it is given");
    if (policy->entry.u.policy.cap_gpums != 0 && e->amount > policy->entry.u.policy.cap_gpums)
        return REFUSE(a, ERR_LEDGER_RULE, "a grant is at most its access mode's cap");
    if (policy->entry.u.policy.longest_ms != 0 && e->u.move.end_ms - e->u.move.start_ms > policy->entry.u.policy.longest_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a grant is at most as long as its access mode allows");
    grant->grant_entry = e->index;
    grant->policy = e->u.move.policy;
    grant->start_ms = e->u.move.start_ms;
    grant->end_ms = e->u.move.end_ms;
    grant->gge_cents = e->u.move.gge_cents;
    return descend(a, "a grant is of one tranche");
}

/* ---- back from a grant ------------------------------------------------------------------------------------------- */

static enum err
check_grant_terms(struct applying *a)
{
    const struct entry *e = a->e;
    const struct account *grant = a->debit;

    if (grant->class != ACCOUNT_GRANT || grant->parent != e->credit)
        return REFUSE(a, ERR_LEDGER_RULE, "credits go back from a grant to its tranche");
    if (e->u.move.grant != grant->grant_entry || e->u.move.policy != grant->policy ||
        e->u.move.start_ms != grant->start_ms || e->u.move.end_ms != grant->end_ms ||
        e->u.move.gge_cents != grant->gge_cents)
        return REFUSE(a, ERR_LEDGER_RULE, "what goes back repeats its grant's terms");
    return OK;
}

enum err
ledger_clawback(struct applying *a)
{
    enum err err = check_grant_terms(a);

    if (err == OK && a->e->amount > account_free(a->debit))
        err = REFUSE(a, ERR_INSUFFICIENT_CREDITS, "a CLAWBACK takes free credits only");
    return err == OK ? move(a, ACCOUNT_GRANT, ACCOUNT_TRANCHE, "credits go back from a grant to its tranche") : err;
}

enum err
ledger_lapse(struct applying *a)
{
    enum err err = check_grant_terms(a);

    if (err != OK)
        return err;
    if (a->e->time_ms < a->debit->end_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "credits lapse at the grant's end, not before");
    if (a->e->amount != account_free(a->debit))
        return REFUSE(a, ERR_LEDGER_RULE, "a LAPSE takes all that is free, and nothing else");
    ledger_payment_add(a, NULL);
    return ledger_post(a);
}

/* ---- CORRECT ----------------------------------------------------------------------------------------------------- */

/* All SETTLEs of a hold in one sum: on an order, or on the site's report that it failed. */
static enum err
correct_hold(struct applying *a, struct hold *h)
{
    const struct entry *e = a->e;
    const struct report *r = entry_report(e);

    if (h == NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT of a hold names a HOLD");
    if (e->debit != h->site_account || e->credit != h->grant)
        return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT goes exactly the opposite way");
    if (e->amount != h->settled - h->corrected)
        return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT of a hold takes back all that its SETTLEs paid and none took back yet");
    if (r != NULL && (r->kind != REPORT_FAILED || r->reason == REASON_JOB || !h->open))
        return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT rests on the site's report that the job of an open hold failed by its fault");
    KEEP(a, h);
    h->corrected = h->settled;
    if (r == NULL)
        return OK;
    if (!uuid_is_zero(e->u.correct.order))
        return REFUSE(a, ERR_AUTHORITY, "an entry rests on a report or on an order, not on both");
    ledger_promise(a, PROMISE_VOID, h);
    return ledger_need_report(a, h, r, &e->u.correct.auth);
}

static enum err
correct_payment(struct applying *a, struct payment *p)
{
    const struct entry *e = a->e;

    if (p == NULL || p->kind == CORRECT)
        return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT names an earlier entry that moved credits, and no CORRECT");
    if (e->debit != p->credit || e->credit != p->debit)
        return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT goes exactly the opposite way");
    if (e->amount > p->amount - p->corrected ||
        (p->kind == SETTLE && e->amount > p->hold->settled - p->hold->corrected))
        return REFUSE(a, ERR_LEDGER_RULE, "all CORRECTs of an entry together never exceed it");
    if (entry_report(e) != NULL)
        return REFUSE(a, ERR_AUTHORITY, "a CORRECT of one entry rests on an order");
    KEEP(a, p);
    p->corrected += e->amount;
    if (p->hold != NULL)
        KEEP(a, p->hold);
    if (p->kind == SETTLE)
        p->hold->corrected += e->amount;
    if (p->kind == RESOLVE && p->debit != RESERVE_ACCOUNT)
        p->hold->unresolved_gpums += e->amount;
    if (p->kind == FUND)
        a->l->at.funded -= e->amount;
    return OK;
}

enum err
ledger_correct(struct applying *a)
{
    const struct entry *e = a->e;
    struct payment *p = e->u.correct.of_hold ? NULL : ledger_slot(a->l, e->u.correct.entry, SLOT_PAYMENT);
    struct hold *h = e->u.correct.of_hold ? ledger_slot(a->l, e->u.correct.entry, SLOT_HOLD) : p != NULL ? p->hold : NULL;
    bool disputed = h != NULL && h->disputed;
    enum err err;

    if (h != NULL && h->open && disputed)
        return REFUSE(a, ERR_LEDGER_RULE, "while a dispute is open on a hold, only a RESOLVE or its expiry touches it");
    if (h != NULL && h->open && e->time_ms >= h->expiry_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "after a hold's expiry only an EXPIRE touches it");
    err = e->u.correct.of_hold ? correct_hold(a, h) : correct_payment(a, p);
    if (err == OK && entry_report(e) == NULL)
        err = ledger_need_order(a, e->u.correct.order, &e->u.correct.auth, disputed ? 2 : 1);
    if (err != OK)
        return err;
    ledger_payment_add(a, h);
    if (a->credit->class == ACCOUNT_GRANT && e->time_ms >= a->credit->end_ms)
        ledger_promise(a, PROMISE_LAPSE, a->credit);
    return ledger_post(a);
}
