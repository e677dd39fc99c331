#include "audit/carry.h"

#include <inttypes.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/num.h"
#include "base/text.h"

enum { GPUMS_PER_MILLI = 3600, DAY_MS = 86400000 };
#define NAME_MAX_ 160

struct carrying {
    const struct carry *c;
    const struct ledger *l;
    struct json_out out;
    char digest[17];            /* of the older head: calls that are repeated have the same keys */
    unsigned lines;
};

static void
words(const struct carrying *w, const char *fmt, ...) PRINTF(2, 3);

static void
words(const struct carrying *w, const char *fmt, ...)
{
    va_list args;

    if (w->c->words == NULL)
        return;
    va_start(args, fmt);
    vfprintf(w->c->words, fmt, args);
    va_end(args);
}

static void
credits_text(int64_t milli, char ret[40])
{
    text_format(ret, 40, "%" PRId64 ".%03d", milli / 1000, (int)(milli % 1000));
}

static void
end_line(struct carrying *w)
{
    json_shut(&w->out);
    fprintf(w->c->orders, "%.*s\n", (int)w->out.len, w->out.text);
    json_out_free(&w->out);
    w->out = (struct json_out){ .fresh = true };
}

/* Begins a call; its body's members follow, then end_call(). */
static void
begin_call(struct carrying *w, const char *path, const char *as, uint64_t of)
{
    char text[64];

    json_open(&w->out, NULL);
    json_text(&w->out, "path", path);
    text_format(text, sizeof text, "carry-%s-%u", w->digest, w->lines++);
    json_text(&w->out, "key", text);
    text_format(text, sizeof text, "%s-%" PRIu64, as, of);
    json_text(&w->out, "as", text);
    json_open(&w->out, "body");
}

static void
end_call(struct carrying *w)
{
    json_shut(&w->out);
    end_line(w);
}

static void
body_ref(struct carrying *w, const char *name, const char *as, uint64_t of)
{
    char text[64];

    text_format(text, sizeof text, "@%s-%" PRIu64, as, of);
    json_text(&w->out, name, text);
}

static void
body_money(struct carrying *w, int64_t milli, uint64_t account)
{
    char text[NAME_MAX_];

    credits_text(milli, text);
    json_text(&w->out, "credits", text);
    json_text(&w->out, "reference", w->c->reference);
    text_format(text, sizeof text, "Carried over from %s, account %" PRIu64 ".", w->c->head->origin, account);
    json_text(&w->out, "reason", text);
}

/* ---- the registry ------------------------------------------------------------------------------------------------ */

static void
policies(struct carrying *w)
{
    const struct policy *p;

    for (size_t it = 0; (p = ledger_next_policy(w->l, &it)) != NULL;) {
        const struct entry *e = &p->entry;
        char cap[40];

        if (ledger_policy_by_code(w->l, e->u.policy.code, w->c->head->time_ms) != p)
            continue;
        if (strcmp(e->u.policy.code, ORDERS_CODE) == 0) {
            words(w, "The rule of orders stays behind: set it anew when its people have keys in the new journal.\n");
            continue;
        }
        begin_call(w, "/v1/policies", "policy", p->index);
        json_text(&w->out, "code", e->u.policy.code);
        json_text(&w->out, "name", e->u.policy.name);
        credits_text(e->u.policy.cap_gpums / GPUMS_PER_MILLI, cap);
        json_text(&w->out, "cap_credits", e->u.policy.cap_gpums == 0 ? "0" : cap);
        json_i64(&w->out, "longest_days", e->u.policy.longest_ms / DAY_MS);
        json_i64(&w->out, "decide_days", e->u.policy.decide_ms / DAY_MS);
#define SPAN(name) json_i64(&w->out, #name, e->u.policy.name)
        SPAN(quote_ttl_ms);
        SPAN(permit_before_ms);
        SPAN(permit_life_ms);
        SPAN(accept_within_ms);
        SPAN(start_slack_ms);
        SPAN(start_grace_ms);
        SPAN(end_grace_ms);
        SPAN(cancel_grace_ms);
        SPAN(report_grace_ms);
        SPAN(dispute_ms);
        SPAN(contest_ms);
#undef SPAN
        end_call(w);
    }
}

static void
sites(struct carrying *w)
{
    const struct site *s;

    for (size_t it = 0; (s = ledger_next_site(w->l, &it)) != NULL;) {
        const struct entry *e = &s->entry;

        begin_call(w, "/v1/sites", "site", s->index);
        json_text(&w->out, "code", e->u.site.code);
        json_text(&w->out, "name", e->u.site.name);
        json_text(&w->out, "system", e->u.site.system);
        json_text(&w->out, "city", e->u.site.city);
        json_textn(&w->out, "country", e->u.site.country, 2);
        json_i64(&w->out, "lat_milli", e->u.site.lat_milli);
        json_i64(&w->out, "lon_milli", e->u.site.lon_milli);
        json_bool(&w->out, "assumed", e->u.site.assumed);
        end_call(w);
    }
}

static void
offerings(struct carrying *w)
{
    const struct offering *o;

    for (size_t it = 0; (o = ledger_next_offering(w->l, &it)) != NULL;) {
        const struct entry *e = &o->entry;
        const struct rate *r = ledger_rate_at(w->l, o->index, w->c->head->time_ms);
        char path[64];

        if (r == NULL)
            continue;
        text_format(path, sizeof path, "/v1/sites/%s/offerings", ledger_site(w->l, e->u.offering.site)->entry.u.site.code);
        begin_call(w, path, "offering", o->index);
        json_text(&w->out, "model", e->u.offering.model);
        json_i64(&w->out, "memory_gb", e->u.offering.memory_gb);
        json_i64(&w->out, "gpus_per_node", e->u.offering.gpus_per_node);
        json_i64(&w->out, "max_gpus_one_island", e->u.offering.max_gpus_one_island);
        json_text(&w->out, "kind", e->u.offering.kind == OFFERING_BATCH ? "batch" : "experimental-platform");
        json_i64(&w->out, "nodes", 0);
        json_i64(&w->out, "brokered_gpus", 0);
        json_i64(&w->out, "pool_nodes", 0);
        json_i64(&w->out, "rate_milli", r->entry.u.rate.rate_milli);
        json_bool(&w->out, "assumed", e->u.offering.assumed);
        json_bool(&w->out, "rate_assumed", r->entry.u.rate.assumed);
        end_call(w);
    }
}

/* ---- credits ----------------------------------------------------------------------------------------------------- */

/* What is carried of an account itself, in thousandths of a credit: what is free, and of a grant what is held. */
static int64_t
own_milli(const struct account *a)
{
    return (account_free(a) + (a->class == ACCOUNT_GRANT ? a->held_debits : 0)) / GPUMS_PER_MILLI;
}

static bool
is_child(const struct account *a, const struct account *of, uint8_t class)
{
    return a->class == class && !a->closed && a->parent == of->index;
}

static bool
grant_goes_on(const struct carrying *w, const struct account *a)
{
    return a->grant_entry != NO_INDEX && a->end_ms > w->c->head->time_ms && own_milli(a) > 0;
}

/* A tranche has what is free in it, in grants that have ended, and what goes on. */
static int64_t
tranche_milli(const struct carrying *w, const struct account *tranche)
{
    const struct account *a;
    int64_t sum = own_milli(tranche);

    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;)
        if (is_child(a, tranche, ACCOUNT_GRANT))
            sum += own_milli(a);
    return sum;
}

static int64_t
fund_milli(const struct carrying *w, const struct account *fund)
{
    const struct account *a;
    int64_t sum = own_milli(fund);

    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;)
        if (is_child(a, fund, ACCOUNT_TRANCHE))
            sum += tranche_milli(w, a);
    return sum;
}

static void
named_call(struct carrying *w, const char *path, const char *what, uint64_t account)
{
    char name[NAME_MAX_];

    begin_call(w, path, what, account);
    text_format(name, sizeof name, "%s, %s %" PRIu64, w->c->head->origin, what, account);
    json_text(&w->out, "name", name);
}

/* The part of the grant's equivalent that goes with what is carried, in euro cents, rounded up. */
static int64_t
gge_cents(const struct account *grant)
{
    __extension__ typedef __int128 wide;
    wide part = (wide)grant->gge_cents * own_milli(grant) * GPUMS_PER_MILLI;

    return grant->posted_credits > 0 ? (int64_t)((part + grant->posted_credits - 1) / grant->posted_credits) : 0;
}

static void
grants(struct carrying *w, const struct account *tranche)
{
    const struct account *a;

    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;) {
        if (!is_child(a, tranche, ACCOUNT_GRANT) || !grant_goes_on(w, a))
            continue;
        begin_call(w, "/v1/grants", "grant", a->index);
        json_uuid(&w->out, "organisation", a->owner_org);
        body_ref(w, "tranche", "tranche", tranche->index);
        json_text(&w->out, "mode", ledger_policy(w->l, a->policy)->entry.u.policy.code);
        json_time(&w->out, "start", a->start_ms);
        json_time(&w->out, "end", a->end_ms);
        json_i64(&w->out, "gge_eur_cents", gge_cents(a));
        json_text(&w->out, "legal_basis", "carried-over"); /* what was aid then has been counted then */
        body_money(w, own_milli(a), a->index);
        end_call(w);
    }
}

static void
tranches(struct carrying *w, const struct account *fund)
{
    const struct account *a;

    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;) {
        if (!is_child(a, fund, ACCOUNT_TRANCHE) || tranche_milli(w, a) == 0)
            continue;
        named_call(w, "/v1/tranches", "tranche", a->index);
        body_ref(w, "fund", "fund", fund->index);
        body_money(w, tranche_milli(w, a), a->index);
        end_call(w);
        grants(w, a);
    }
}

static void
funds(struct carrying *w)
{
    const struct account *a;

    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;) {
        if (a->class != ACCOUNT_FUND || fund_milli(w, a) == 0)
            continue;
        named_call(w, "/v1/funds", "fund", a->index);
        body_money(w, fund_milli(w, a), a->index);
        end_call(w);
        tranches(w, a);
    }
}

/* It had its credits from tranches' orders; here from a fund of its own. */
static void
reserve(struct carrying *w)
{
    const struct account *a = ledger_account(w->l, RESERVE_ACCOUNT);

    if (a == NULL || own_milli(a) == 0)
        return;
    named_call(w, "/v1/funds", "fund", a->index);
    body_money(w, own_milli(a), a->index);
    end_call(w);
    named_call(w, "/v1/tranches", "tranche", a->index);
    body_ref(w, "fund", "fund", a->index);
    json_bool(&w->out, "to_reserve", true);
    body_money(w, own_milli(a), a->index);
    end_call(w);
}

/* ---- what people must know --------------------------------------------------------------------------------------- */

static void
tell(const struct carrying *w)
{
    const struct account *a;
    const struct hold *h;
    char text[40], reservation[UUID_TEXT];
    uint64_t holds = 0;

    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;) {
        const struct site *s = a->class == ACCOUNT_SITE ? ledger_site(w->l, a->owner_site) : NULL;

        credits_text((a->posted_credits - a->posted_debits) / GPUMS_PER_MILLI, text);
        if (s != NULL && a->posted_credits != a->posted_debits)
            words(w, "%s has earned %s credits by the older journal; they stay there.\n", s->entry.u.site.code, text);
    }
    for (size_t it = 0; (h = ledger_next_hold(w->l, &it)) != NULL;) {
        if (!h->open)
            continue;
        holds++;
        uuid_text(h->reservation, reservation);
        credits_text(hold_left(h) / GPUMS_PER_MILLI, text);
        words(w, "Hold %" PRIu64 ", reservation %s at %s: %s credits go back to the grant; what the site has done for it, officers decide.\n",
              h->index, reservation, ledger_site(w->l, h->site)->entry.u.site.code, text);
    }
    words(w, "%u orders, %" PRIu64 " open hold%s.\n", w->lines, holds, holds == 1 ? "" : "s");
}

void
carry_write(const struct carry *c, const struct ledger *l)
{
    struct carrying w = { .c = c, .l = l, .out = { .fresh = true } };

    hex_encode(BYTES(c->head->root.b, 8), w.digest);
    json_open(&w.out, NULL);
    json_text(&w.out, "origin", c->head->origin);
    json_i64(&w.out, "size", (int64_t)c->head->size);
    json_hex(&w.out, "root", BYTES(c->head->root.b, 32));
    end_line(&w);
    policies(&w);
    sites(&w);
    offerings(&w);
    funds(&w);
    reserve(&w);
    tell(&w);
}
