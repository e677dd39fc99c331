/* api/grants.c: funds, tranches, grants: their balances. */
#include "api/handlers.h"

#include <stdio.h>

#include "api/internal.h"
#include "base/text.h"
#include "store/evidence.h"
#include "store/journal_reads.h"
#include "store/organisations.h"
#include "store/reservations.h"

/* Balances are shown as committed: the memory may be ahead. */
static enum err
as_committed(struct call *call, struct account *a)
{
    struct account_balance b;
    enum err err = journal_reads_balance(call->db, a->index, &b);

    if (err)
        return err;
    a->posted_debits = b.posted_debits;
    a->posted_credits = b.posted_credits;
    a->held_debits = b.held_debits;
    a->held_credits = b.held_credits;
    a->last_index = b.last_index;
    return OK;
}

/* ---- showing ------------------------------------------------------------------------------------------------------ */

/* Accounts of a class, copied from under the lock; of one parent if that is not NO_INDEX. */
static enum err
copy_accounts(struct call *call, uint8_t class, uint64_t parent, struct account **ret, size_t *ret_n)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct account *a;
    size_t n = 0;

    if (!s)
        return ERR_NOT_LEADER;
    for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
        n += a->class == class;
    *ret = arena_alloc(call->arena, n * sizeof **ret);
    n = 0;
    for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
        if (a->class == class && (parent == NO_INDEX || a->parent == parent))
            (*ret)[n++] = *a;
    call_state_done(call);
    *ret_n = n;
    return OK;
}

struct grant_view {
    struct account a;
    char mode[17], mode_name[33];
    int64_t reported; /* of running jobs, not yet settled */
};

static void
view_grant(const struct state *s, const struct account *a, struct grant_view *v)
{
    const struct policy *p = ledger_policy(s->ledger, a->policy);

    *v = (struct grant_view){ .a = *a };
    if (p && a->grant_entry != NO_INDEX) {
        snprintf(v->mode, sizeof v->mode, "%.16s", p->entry.u.policy.code);
        snprintf(v->mode_name, sizeof v->mode_name, "%.32s", p->entry.u.policy.name);
    }
}

/* What sites have reported beyond what is settled, into each grant's view. */
static enum err
add_reported(struct call *call, struct grant_view *views, size_t n)
{
    uint64_t *grants = arena_alloc(call->arena, (n + 1) * sizeof *grants);
    int64_t *reported = arena_alloc(call->arena, (n + 1) * sizeof *reported);
    enum err err;

    for (size_t i = 0; i < n; i++)
        grants[i] = views[i].a.index;
    err = reservations_reported(call->db, grants, n, reported);
    for (size_t i = 0; !err && i < n; i++)
        views[i].reported = reported[i];
    return err;
}

static const char *
grant_state(const struct account *a, int64_t now_ms)
{
    return now_ms < a->start_ms ? "coming" : now_ms < a->end_ms ? "active" : "ended";
}

static enum err
grant_json(struct call *call, struct grant_view *v)
{
    struct account *a = &v->a;
    struct json_out *out = &call->out;
    const struct organisation *o;
    struct entry_sums sums;
    int64_t granted, lapsed, clawed;
    enum err err = directory_organisation(call->api->directory, call->db, a->owner_org, &o);

    if (!err)
        err = as_committed(call, a);
    if (!err)
        err = sums_of(call->api, call->db, a->index, &sums);
    if (err)
        return err;
    granted = sums.credit[GRANT];
    lapsed = sums.debit[LAPSE];
    clawed = sums.debit[CLAWBACK];
    json_open(out, NULL);
    json_i64(out, "account", (int64_t)a->index);
    json_open(out, "organisation");
    json_uuid(out, "id", o->id);
    json_text(out, "name", o->name);
    json_shut(out);
    json_open(out, "mode");
    json_text(out, "code", v->mode);
    json_text(out, "name", v->mode_name);
    json_shut(out);
    if (a->parent == NO_INDEX)
        json_none(out, "tranche");
    else
        json_i64(out, "tranche", (int64_t)a->parent);
    json_time(out, "start", a->start_ms);
    json_time(out, "end", a->end_ms);
    json_amount(out, "granted", granted);
    /* Corrections give back what was settled. */
    json_amount(out, "settled", a->posted_debits - lapsed - clawed - (a->posted_credits - granted));
    json_amount(out, "held", a->held_debits);
    json_amount(out, "free", account_free(a));
    json_amount(out, "reported", v->reported);
    json_amount(out, "lapsed", lapsed);
    json_amount(out, "clawed_back", clawed);
    json_i64(out, "entry", (int64_t)(a->grant_entry == NO_INDEX ? a->index : a->grant_entry));
    json_i64(out, "last_entry", (int64_t)a->last_index);
    json_time(out, "as_of", call->now_ms);
    json_text(out, "state", grant_state(a, call->now_ms));
    json_shut(out);
    return OK;
}

void
grants_list(struct call *call)
{
    static const char *const NAMES[] = { "organisation", "limit", "cursor", NULL };
    struct grant_view *views;
    const struct state *s;
    const struct account *a;
    struct uuid organisation;
    const char *cursor;
    char next[24];
    int64_t after = -1;
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err)
        err = call_query_uuid(call, "organisation", &organisation);
    if (!err && cursor && !text_to_i64(cursor, 0, INT64_MAX, &after))
        err = ERR_QUERY_INVALID;
    if (!err && !uuid_is_zero(organisation) && !may_see_organisation(&call->actor, organisation))
        err = ERR_NOT_FOUND;
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    views = arena_alloc(call->arena, (size_t)(limit + 1) * sizeof *views);
    for (size_t it = 0; n <= (size_t)limit && (a = ledger_next_account(s->ledger, &it)) != NULL;)
        if (a->class == ACCOUNT_GRANT && a->grant_entry != NO_INDEX && (int64_t)a->index > after &&
            (uuid_is_zero(organisation) || uuid_equal(a->owner_org, organisation)) &&
            may_see_organisation(&call->actor, a->owner_org))
            view_grant(s, a, &views[n++]);
    call_state_done(call);
    if (n > (size_t)limit)
        snprintf(next, sizeof next, "%lld", (long long)views[limit - 1].a.index);
    err = add_reported(call, views, n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++)
        err = grant_json(call, &views[i]);
    json_shut_array(&call->out);
    call_next(call, n > (size_t)limit ? next : NULL);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* A grant that the caller may see, under the lock held by this function only. */
static bool
find_grant(struct call *call, uint64_t account, struct grant_view *ret)
{
    const struct state *s = call_state(call);
    const struct account *a;
    bool found;

    if (!s)
        return false;
    a = ledger_account(s->ledger, account);
    found = a && a->class == ACCOUNT_GRANT && a->grant_entry != NO_INDEX &&
            may_see_organisation(&call->actor, a->owner_org);
    if (found)
        view_grant(s, a, ret);
    call_state_done(call);
    if (!found)
        call_fail(call, ERR_NOT_FOUND);
    return found;
}

static void
reply_grant(struct call *call, uint64_t account, int status)
{
    struct grant_view v;
    enum err err;

    if (!find_grant(call, account, &v))
        return;
    err = add_reported(call, &v, 1);
    call_end(call, err ? err : grant_json(call, &v), status);
}

void
grants_get(struct call *call)
{
    reply_grant(call, call->path_index, 200);
}

void
grants_entries(struct call *call)
{
    struct grant_view v;

    if (find_grant(call, call->path_index, &v))
        journal_list_of(call, call->path_index);
}

static enum err
tranche_json(struct call *call, struct account *t)
{
    const struct account_name *name = directory_account(call->api->directory, t->index);
    struct json_out *out = &call->out;
    struct account_balance grants;
    struct entry_sums sums;
    int64_t granted, returned;
    enum err err = sums_of(call->api, call->db, t->index, &sums);

    if (!err)
        err = as_committed(call, t);
    if (!err)
        err = journal_reads_children(call->db, t->index, &grants);
    if (err)
        return err;
    granted = sums.debit[GRANT];
    returned = sums.credit[LAPSE] + sums.credit[CLAWBACK];
    json_open(out, NULL);
    json_i64(out, "account", (int64_t)t->index);
    json_i64(out, "fund", (int64_t)t->parent);
    json_text(out, "name", name ? name->name : "");
    json_text(out, "reference", name ? name->reference : "");
    json_amount(out, "received", sums.credit[TRANCHE]);
    json_amount(out, "granted", granted);
    json_amount(out, "free", account_free(t));
    json_amount(out, "held", grants.held_debits);
    json_amount(out, "settled", grants.posted_debits - returned - (grants.posted_credits - granted));
    json_amount(out, "lapsed", returned);
    json_i64(out, "entry", (int64_t)t->index);
    json_shut(out);
    return OK;
}

/* What the reserve got, in a tranche's shape: it has no name of its own and gives no grants. */
static enum err
reserve_as_tranche(struct call *call, struct account *a)
{
    struct json_out *out = &call->out;
    enum err err = as_committed(call, a);

    if (err)
        return err;
    json_open(out, NULL);
    json_i64(out, "account", (int64_t)a->index);
    json_i64(out, "fund", (int64_t)MINT_ACCOUNT);
    json_text(out, "name", "Reserve");
    json_text(out, "reference", "");
    json_amount(out, "received", a->posted_credits);
    json_amount(out, "granted", 0);
    json_amount(out, "free", account_free(a));
    json_amount(out, "held", 0);
    json_amount(out, "settled", a->posted_debits);
    json_amount(out, "lapsed", 0);
    json_i64(out, "entry", (int64_t)a->index);
    json_shut(out);
    return OK;
}

static enum err
fund_json(struct call *call, struct account *f)
{
    const struct account_name *name = directory_account(call->api->directory, f->index);
    struct json_out *out = &call->out;
    struct account *tranches;
    struct entry_sums sums;
    size_t n;
    enum err err = sums_of(call->api, call->db, f->index, &sums);

    if (!err)
        err = as_committed(call, f);
    if (!err)
        err = copy_accounts(call, ACCOUNT_TRANCHE, f->index, &tranches, &n);
    if (err)
        return err;
    json_open(out, NULL);
    json_i64(out, "account", (int64_t)f->index);
    json_text(out, "name", name ? name->name : "");
    json_text(out, "reference", name ? name->reference : "");
    json_amount(out, "minted", sums.credit[FUND]);
    json_amount(out, "free", account_free(f));
    json_i64(out, "entry", (int64_t)f->index);
    json_open_array(out, "tranches");
    for (size_t i = 0; !err && i < n; i++)
        err = tranche_json(call, &tranches[i]);
    json_shut_array(out);
    json_shut(out);
    return err;
}

/* ---- the programme ------------------------------------------------------------------------------------------------ */

static enum err
funds_array(struct call *call, const char *name)
{
    struct account *funds;
    size_t n = 0;
    enum err err = copy_accounts(call, ACCOUNT_FUND, NO_INDEX, &funds, &n);

    json_open_array(&call->out, name);
    for (size_t i = 0; !err && i < n; i++)
        err = fund_json(call, &funds[i]);
    json_shut_array(&call->out);
    return err;
}

void
funds_list(struct call *call)
{
    enum err err;

    json_open(&call->out, NULL);
    err = funds_array(call, "items");
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
tranches_list(struct call *call)
{
    struct account *tranches;
    size_t n = 0;
    enum err err = copy_accounts(call, ACCOUNT_TRANCHE, NO_INDEX, &tranches, &n);

    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++)
        err = tranche_json(call, &tranches[i]);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* One account after its order: what the call that made it answers. */
void
reply_account(struct call *call, uint64_t account, int status)
{
    const struct state *s = call_state(call);
    const struct account *found;
    struct account a = { 0 };
    enum err err = ERR_NOT_FOUND;

    if (!s)
        return;
    found = ledger_account(s->ledger, account);
    if (found)
        a = *found;
    call_state_done(call);
    if (a.class == ACCOUNT_GRANT) {
        reply_grant(call, account, status);
        return;
    }
    if (a.class == ACCOUNT_FUND)
        err = fund_json(call, &a);
    else if (a.class == ACCOUNT_TRANCHE)
        err = tranche_json(call, &a);
    else if (a.class == ACCOUNT_RESERVE)
        err = reserve_as_tranche(call, &a);
    call_end(call, err, status);
}

enum { DISPUTES_SHOWN = 100 };

/* Reservations in dispute, newest first. */
static enum err
disputes_array(struct call *call)
{
    struct json_out *out = &call->out;
    struct reservation_row *rows;
    struct uuid before;
    const struct state *s;
    size_t n;
    enum err err;

    memset(before.b, 0xff, sizeof before.b);
    err = reservations_list(call->db, (struct uuid){ { 0 } }, NO_INDEX, ",silent,disputed,contested,", before,
                            DISPUTES_SHOWN, call->arena, &rows, &n);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    json_open_array(out, "disputed");
    for (size_t i = 0; i < n; i++) {
        const struct site *site = ledger_site(s->ledger, rows[i].site);
        const struct hold *h = ledger_hold(s->ledger, rows[i].hold);
        char code[17] = "";

        if (site)
            snprintf(code, sizeof code, "%.16s", site->entry.u.site.code);
        json_open(out, NULL);
        json_uuid(out, "reservation", rows[i].id);
        json_uuid(out, "organisation", rows[i].org);
        json_text(out, "site", code);
        json_amount(out, "held", h ? hold_left(h) : 0);
        json_time(out, "since", rows[i].disputed_ms);
        json_shut(out);
    }
    json_shut_array(out);
    market_read_unlock(call->api->market);
    return OK;
}

void
programme_get(struct call *call)
{
    struct json_out *out = &call->out;
    struct account reserve = { .index = RESERVE_ACCOUNT };
    const struct state *s;
    int64_t running = 0;
    bool conserved;
    enum err err;

    json_open(out, NULL);
    err = funds_array(call, "funds");
    json_i64(out, "organisations", (int64_t)directory_organisations(call->api->directory));
    if (!err)
        err = journal_json(call, "journal");
    if (!err)
        err = as_committed(call, &reserve);
    if (!err)
        err = reservations_count(call->db, ",running,", &running);
    if (!err)
        err = disputes_array(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    conserved = ledger_conserved(s->ledger) == NULL;
    call_state_done(call);
    json_open(out, "reserve");
    json_amount(out, "received", reserve.posted_credits);
    json_amount(out, "free", account_free(&reserve));
    json_shut(out);
    json_i64(out, "running", running);
    json_bool(out, "conserved", conserved);
    json_time(out, "as_of", call->now_ms);
    json_shut(out);
    call_reply(call, 200);
}
