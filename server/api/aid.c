/* api/aid.c: what was given, what may still be, and the register of it. */
#include "api/aid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/csv.h"
#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "base/num.h"
#include "market/state.h"
#include "store/organisations.h"

/* An order that has not come by then never will: what was reserved for it is free again. */
enum { RESERVED_MS = 120000 };

const char *
euro_text(struct arena *a, int64_t cents)
{
    return arena_printf(a, "%" PRId64 ".%02d", cents / 100, (int)(cents % 100));
}

/* The same day so many years earlier or later (the 29th of February: the 1st of March). */
static int64_t
years_from(int64_t ms, int years)
{
    time_t s = (time_t)(ms / 1000);
    struct tm day;

    gmtime_r(&s, &day);
    day.tm_year += years;
    return (int64_t)timegm(&day) * 1000 + ms % 1000;
}

const struct aid_rule *
aid_rule_of(const struct aid_rule *list, size_t n, const char *code, int64_t now_ms)
{
    const struct aid_rule *found = NULL;

    for (size_t i = 0; i < n; i++) /* the oldest first */
        if (strcmp(list[i].code, code) == 0 && list[i].valid_from_ms <= now_ms)
            found = &list[i];
    return found;
}

static const struct aid_rule *
rule_by_id(const struct aid_rule *list, size_t n, struct uuid id)
{
    for (size_t i = 0; i < n; i++)
        if (uuid_equal(list[i].id, id))
            return &list[i];
    return NULL;
}

/* ---- sums --------------------------------------------------------------------------------------------------------- */

/* All that one undertaking has to do with aid. */
struct had {
    struct aid_rule *rules;
    struct aid *list;
    struct aid_declaration *declared;
    size_t rules_n, n, declared_n;
};

/* A row is a cache of what the journal says of the grant, but for its basis. */
static bool
fits_journal(const struct state *s, const struct aid *aid)
{
    const struct account *a = aid->account == NO_INDEX ? NULL : ledger_account(s->ledger, aid->account);

    return aid->account == NO_INDEX || (a && a->class == ACCOUNT_GRANT && a->gge_cents == aid->cents && uuid_equal(a->owner_org, aid->organisation));
}

/* What was reserved, and whose order never came, is left out. ERR_CORRUPT: a row was changed behind the server's back. */
static enum err
leave_out_lost(struct call *call, struct had *had)
{
    const struct state *s = market_read_lock(call->api->market);
    enum err err = OK;
    size_t kept = 0;

    if (!s)
        return ERR_NOT_LEADER;
    for (size_t i = 0; i < had->n; i++) {
        const struct aid *a = &had->list[i];

        if (!fits_journal(s, a))
            err = err_internal(&call->detail, ERR_CORRUPT, "a row of the table aid is not as the journal has the grant of account %" PRIu64, a->account);
        if (a->older || a->account != NO_INDEX || a->granted_ms > call->now_ms - RESERVED_MS || ledger_order_used(s->ledger, a->order))
            had->list[kept++] = *a;
    }
    market_read_unlock(call->api->market);
    had->n = kept;
    return err;
}

/* The whole undertaking's, whoever asks: only sums of it are shown. */
static enum err
read_had(struct call *call, struct db *db, struct uuid organisation, struct had *had)
{
    struct db_actor before = db_act_as(db, DB_ACTOR_SERVER);
    enum err err = aid_rules(db, call->arena, &had->rules, &had->rules_n);

    if (!err)
        err = aid_of(db, organisation, call->arena, &had->list, &had->n);
    if (!err)
        err = aid_declared(db, organisation, call->arena, &had->declared, &had->declared_n);
    db_act_as(db, before);
    return err ? err : leave_out_lost(call, had);
}

struct piece {
    int64_t at_ms, cents;
};

static int
by_time(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

/* Every piece that counts, oldest first. */
static enum err
sum_up(struct call *call, const struct had *had, struct uuid organisation, struct aid_sum *sum, struct piece **ret, size_t *ret_n)
{
    struct piece *pieces = arena_alloc(call->arena, (had->n + had->declared_n * AID_DECLARED_MAX + 1) * sizeof *pieces);
    size_t n = 0;

    sum->since_ms = years_from(call->now_ms, -sum->rule->years);
    for (size_t i = 0; i < had->n; i++) {
        const struct aid_rule *of = rule_by_id(had->rules, had->rules_n, had->list[i].rule);

        if (of == NULL || strcmp(of->code, sum->rule->code) != 0 || had->list[i].granted_ms <= sum->since_ms)
            continue;
        sum->granted_cents += had->list[i].cents;
        pieces[n++] = (struct piece){ had->list[i].granted_ms, had->list[i].cents };
    }
    for (size_t i = 0; i < had->declared_n; i++) {
        struct aid_received received[AID_DECLARED_MAX];
        size_t k;
        enum err err = aid_received(&had->declared[i], received, &k);

        if (err)
            return err;
        if (uuid_equal(had->declared[i].organisation, organisation))
            sum->own = &had->declared[i];
        for (size_t j = 0; sum->rule->declared_within_ms > 0 && j < k; j++)
            if (received[j].granted_ms > sum->since_ms) {
                sum->declared_cents += received[j].cents;
                pieces[n++] = (struct piece){ received[j].granted_ms, received[j].cents };
            }
    }
    qsort(pieces, n, sizeof *pieces, by_time);
    if (n > 0) {
        sum->falls_ms = years_from(pieces[0].at_ms, sum->rule->years);
        sum->falls_cents = pieces[0].cents;
    }
    *ret = pieces;
    *ret_n = n;
    return OK;
}

/* When enough of it is too old for so much more to fit; 0: never. */
static int64_t
fits_at(const struct aid_sum *sum, const struct piece *pieces, size_t n, int64_t cents)
{
    int64_t left = sum->rule->cap_cents - sum->granted_cents - sum->declared_cents;

    if (cents > sum->rule->cap_cents)
        return 0;
    for (size_t i = 0; i < n; i++) {
        left += pieces[i].cents;
        if (left >= cents)
            return years_from(pieces[i].at_ms, sum->rule->years);
    }
    return 0;
}

/* ---- a grant's ---------------------------------------------------------------------------------------------------- */

static enum err
refuse_cap(struct call *call, const struct aid_sum *sum, const struct piece *pieces, size_t n, int64_t cents)
{
    int64_t had = sum->granted_cents + sum->declared_cents, at = fits_at(sum, pieces, n, cents);
    char when[TIME_TEXT];

    if (at == 0)
        return err_at(&call->detail, ERR_AID_CAP, "/gge_eur_cents", "With EUR %s it would be more than the cap of EUR %s by itself.",
                      euro_text(call->arena, cents), euro_text(call->arena, sum->rule->cap_cents));
    time_text(at, when);
    return err_at(&call->detail, ERR_AID_CAP, "/gge_eur_cents",
                  "The undertaking has had EUR %s within %d years (EUR %s of it declared); with EUR %s more it would pass the cap of EUR %s. It fits from %.10s on.",
                  euro_text(call->arena, had), sum->rule->years, euro_text(call->arena, sum->declared_cents), euro_text(call->arena, cents),
                  euro_text(call->arena, sum->rule->cap_cents), when);
}

static enum err
check_sum(struct call *call, const struct had *had, struct uuid organisation, struct aid_sum *sum, int64_t cents)
{
    struct piece *pieces;
    size_t n;
    enum err err = sum_up(call, had, organisation, sum, &pieces, &n);

    if (err)
        return err;
    if (sum->rule->declared_within_ms > 0 && (sum->own == NULL || sum->own->made_ms < call->now_ms - sum->rule->declared_within_ms))
        return err_at(&call->detail, ERR_AID_DECLARATION, "/organisation",
                      sum->own ? "Its declaration of the aid it has received is too old: an owner of it makes a new one."
                               : "It has not declared what aid it has received: an owner of it does so under State aid.");
    if (sum->rule->cap_cents > 0 && cents > sum->rule->cap_cents - sum->granted_cents - sum->declared_cents)
        return refuse_cap(call, sum, pieces, n, cents);
    return OK;
}

struct reserving {
    struct call *call;
    struct aid aid;
    const char *code, *basis;
};

static const char *
basis_words(struct arena *a, const struct aid_rule *r, int64_t cents)
{
    return arena_printf(a, "Legal basis: %s (%s). Gross grant equivalent: EUR %s.", r->name, r->reference, euro_text(a, cents));
}

static enum err
store_reserved(struct db *db, void *ctx)
{
    struct reserving *r = ctx;
    struct call *call = r->call;
    struct aid_sum sum = { 0 };
    struct had had;
    enum err err = aid_lock(db);

    if (!err)
        err = read_had(call, db, r->aid.organisation, &had);
    for (size_t i = 0; !err && i < had.n; i++)
        if (uuid_equal(had.list[i].order, r->aid.order)) { /* the same call again */
            const struct aid_rule *of = rule_by_id(had.rules, had.rules_n, had.list[i].rule);

            r->basis = of ? basis_words(call->arena, of, had.list[i].cents) : "";
            return of ? OK : ERR_CORRUPT;
        }
    if (!err)
        err = aid_drop(db, r->aid.order); /* of an earlier try that came to nothing */
    sum.rule = err ? NULL : aid_rule_of(had.rules, had.rules_n, r->code, call->now_ms);
    if (!err && !sum.rule)
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/legal_basis", "No such legal basis is in force.");
    if (!err)
        err = check_sum(call, &had, r->aid.organisation, &sum, r->aid.cents);
    if (err)
        return err;
    r->aid.rule = sum.rule->id;
    r->aid.before_cents = sum.granted_cents + sum.declared_cents;
    r->basis = basis_words(call->arena, sum.rule, r->aid.cents);
    return aid_add(db, &r->aid);
}

enum err
aid_reserve(struct call *call, struct uuid organisation, const char *code, int64_t cents, struct uuid order, const char **ret_basis)
{
    struct reserving r = { .call = call, .code = code,
                           .aid = { .order = order, .organisation = organisation, .cents = cents, .granted_ms = call->now_ms, .account = NO_INDEX } };
    enum err err = db_tx(call->db, store_reserved, &r);

    *ret_basis = r.basis;
    return err;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

void
aid_rule_json(struct json_out *out, const char *name, const struct aid_rule *r)
{
    json_open(out, name);
    json_text(out, "code", r->code);
    json_text(out, "name", r->name);
    json_text(out, "reference", r->reference);
    if (r->cap_cents > 0)
        json_i64(out, "cap_eur_cents", r->cap_cents);
    else
        json_none(out, "cap_eur_cents");
    json_i64(out, "years", r->years);
    json_bool(out, "needs_declaration", r->declared_within_ms > 0);
    json_time(out, "valid_from", r->valid_from_ms);
    json_shut(out);
}

/* GET /v1/aid/rules: in force now, and those to come. */
void
aid_rules_list(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct aid_rule *list;
    size_t n = 0;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = aid_rules(call->db, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++)
        if (list[i].valid_from_ms > call->now_ms || &list[i] == aid_rule_of(list, n, list[i].code, call->now_ms))
            aid_rule_json(&call->out, NULL, &list[i]);
    json_shut_array(&call->out);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_end(call, err, 200);
}

static enum err
sum_json(struct call *call, const struct had *had, struct uuid organisation, const struct aid_rule *rule)
{
    struct json_out *out = &call->out;
    struct aid_sum sum = { .rule = rule };
    struct piece *pieces;
    size_t n;
    enum err err = sum_up(call, had, organisation, &sum, &pieces, &n);

    if (err)
        return err;
    json_open(out, NULL);
    aid_rule_json(out, "basis", rule);
    json_i64(out, "granted_eur_cents", sum.granted_cents);
    json_i64(out, "declared_eur_cents", sum.declared_cents);
    json_i64(out, "left_eur_cents", max_i64(0, rule->cap_cents - sum.granted_cents - sum.declared_cents));
    json_open_array(out, "falls");
    for (size_t i = 0; i < n; i++) {
        json_open(out, NULL);
        json_time(out, "at", years_from(pieces[i].at_ms, rule->years));
        json_i64(out, "eur_cents", pieces[i].cents);
        json_shut(out);
    }
    json_shut_array(out);
    json_shut(out);
    return OK;
}

static enum err
aid_json(struct call *call, const char *name, const struct aid *a, const struct aid_rule *r)
{
    struct json_out *out = &call->out;
    const struct organisation *o;
    enum err err = directory_organisation(call->api->directory, call->db, a->organisation, &o);

    if (err || !r)
        return err ? err : ERR_CORRUPT;
    json_open(out, name);
    json_open(out, "organisation");
    json_uuid(out, "id", o->id);
    json_text(out, "name", o->name);
    json_text(out, "country", o->country);
    json_shut(out);
    aid_rule_json(out, "basis", r);
    json_i64(out, "gge_eur_cents", a->cents);
    json_i64(out, "before_eur_cents", a->before_cents);
    json_time(out, "granted", a->granted_ms);
    if (a->account != NO_INDEX)
        json_i64(out, "account", (int64_t)a->account);
    json_shut(out);
    return OK;
}

static enum err
undertaking_json(struct call *call, struct uuid organisation)
{
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    const struct organisation *o;
    struct uuid *list;
    size_t n = 0;
    enum err err = aid_undertaking(call->db, organisation, call->arena, &list, &n);

    json_open_array(&call->out, "undertaking");
    for (size_t i = 0; !err && i < n; i++) {
        err = directory_organisation(call->api->directory, call->db, list[i], &o);
        if (err)
            break;
        json_open(&call->out, NULL);
        json_uuid(&call->out, "id", o->id);
        json_text(&call->out, "name", o->name);
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    db_act_as(call->db, before);
    return err;
}

/* Its grants, not those of whom it is linked with: these see their own. */
static enum err
own_json(struct call *call, const struct had *had, struct uuid organisation)
{
    const struct aid_declaration *own = NULL;
    enum err err = OK;

    json_open_array(&call->out, "items");
    for (size_t i = had->n; !err && i > 0; i--)
        if (uuid_equal(had->list[i - 1].organisation, organisation))
            err = aid_json(call, NULL, &had->list[i - 1], rule_by_id(had->rules, had->rules_n, had->list[i - 1].rule));
    json_shut_array(&call->out);
    for (size_t i = 0; i < had->declared_n; i++)
        if (uuid_equal(had->declared[i].organisation, organisation))
            own = &had->declared[i];
    if (own == NULL) {
        json_none(&call->out, "declaration");
        return err;
    }
    json_open(&call->out, "declaration");
    json_time(&call->out, "made", own->made_ms);
    json_text(&call->out, "by", own->by_name);
    json_raw(&call->out, "body", own->body, strlen(own->body));
    json_shut(&call->out);
    return err;
}

static bool
is_capped(const struct had *had, const struct aid_rule *r, int64_t now_ms)
{
    return r->cap_cents > 0 && r == aid_rule_of(had->rules, had->rules_n, r->code, now_ms);
}

enum err
aid_sums_of(struct call *call, struct uuid organisation, struct aid_sum **ret, size_t *ret_n)
{
    struct piece *pieces;
    struct had had;
    size_t n;
    enum err err = read_had(call, call->db, organisation, &had);

    *ret_n = 0;
    if (err)
        return err;
    *ret = arena_alloc(call->arena, (had.rules_n + 1) * sizeof **ret);
    for (size_t i = 0; !err && i < had.rules_n; i++)
        if (is_capped(&had, &had.rules[i], call->now_ms)) {
            (*ret)[*ret_n] = (struct aid_sum){ .rule = &had.rules[i] };
            err = sum_up(call, &had, organisation, &(*ret)[(*ret_n)++], &pieces, &n);
        }
    return err;
}

/* GET /v1/organisations/{id}/aid */
void
organisations_aid(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    const struct organisation *o;
    struct had had;
    enum err err = may_see_organisation(&call->actor, call->path_id) ? call_query_only(call, NO_NAMES) : ERR_NOT_FOUND;

    if (!err)
        err = directory_organisation(call->api->directory, call->db, call->path_id, &o);
    if (!err)
        err = read_had(call, call->db, call->path_id, &had);
    json_open(&call->out, NULL);
    if (!err)
        err = undertaking_json(call, call->path_id);
    json_open_array(&call->out, "sums");
    for (size_t i = 0; !err && i < had.rules_n; i++)
        if (is_capped(&had, &had.rules[i], call->now_ms))
            err = sum_json(call, &had, call->path_id, &had.rules[i]);
    json_shut_array(&call->out);
    if (!err)
        err = own_json(call, &had, call->path_id);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* Whose grant it is: for who may see it. ERR_NOT_FOUND. */
static enum err
check_grant(struct call *call)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct account *a;
    enum err err;

    if (!s)
        return ERR_NOT_LEADER;
    a = ledger_account(s->ledger, call->path_index);
    err = a && a->class == ACCOUNT_GRANT && may_see_organisation(&call->actor, a->owner_org) ? OK : ERR_NOT_FOUND;
    market_read_unlock(call->api->market);
    return err;
}

/* GET /v1/grants/{account}/aid: what the certificate says; null for a grant from before there were legal bases. */
void
grants_aid(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct aid_rule *rules;
    struct aid aid;
    size_t n = 0;
    enum err err = check_grant(call), found;

    if (!err)
        err = call_query_only(call, NO_NAMES);
    if (!err)
        err = aid_rules(call->db, call->arena, &rules, &n);
    found = err ? err : aid_of_account(call->db, call->path_index, &aid);
    json_open(&call->out, NULL);
    if (found == ERR_NOT_FOUND && !err)
        json_none(&call->out, "aid");
    else
        err = found ? found : aid_json(call, "aid", &aid, rule_by_id(rules, n, aid.rule));
    json_shut(&call->out);
    call_end(call, err, 200);
}
