/* api/flow.c: where a fund's credits went: fund → tranches → grants → sites, with what is held, free, lapsed and taken back, from the
 * journal's own entries and the open holds. The largest grants by themselves, the others of each tranche as one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/map.h"
#include "base/num.h"
#include "base/text.h"
#include "store/evidence.h"
#include "store/organisations.h"
#include "store/report.h"

enum { SHOWN = 12 };

/* back: lapsed and clawed back, and there to be granted again. */
struct flow_tranche { uint64_t account; int64_t received, granted, back; size_t others; };
struct flow_grant {
    uint64_t account, tranche;
    struct uuid org;
    int64_t granted, settled, held, lapsed, clawed_back;
    bool shown;
};
/* What of a grant, or of a tranche's others (its tranche's account), is at a site. */
struct flow_site { uint64_t from, site; int64_t settled, held; bool others; };

struct flow {
    uint64_t fund;
    int64_t minted, reserved;
    struct flow_tranche *tranches;
    struct flow_grant *grants;
    struct flow_site **sites;
    size_t tranches_n, grants_n, sites_n, sites_room;
    struct map *by_account; /* account → struct flow_tranche or flow_grant */
    struct map *by_pair;    /* { from, site } → struct flow_site */
    uint64_t size;
};

/* ---- reading it, under the lock --------------------------------------------------------------------------------------- */

static bool
is_of(const struct state *s, const struct flow *f, const struct account *a)
{
    while (a && (a->class == ACCOUNT_GRANT || a->class == ACCOUNT_TRANCHE))
        a = ledger_account(s->ledger, a->parent);
    return a && a->class == ACCOUNT_FUND && a->index == f->fund;
}

static void
list_accounts(struct call *call, struct flow *f, const struct state *s)
{
    const struct account *a;
    size_t n = 0;

    for (size_t it = 0; ledger_next_account(s->ledger, &it) != NULL;)
        n++;
    f->tranches = arena_alloc(call->arena, (n + 1) * sizeof *f->tranches);
    f->grants = arena_alloc(call->arena, (n + 1) * sizeof *f->grants);
    for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;) {
        if (!is_of(s, f, a))
            continue;
        if (a->class == ACCOUNT_TRANCHE) {
            f->tranches[f->tranches_n] = (struct flow_tranche){ .account = a->index };
            map_put(f->by_account, &f->tranches[f->tranches_n].account, &f->tranches[f->tranches_n], NULL);
            f->tranches_n++;
        } else if (a->class == ACCOUNT_GRANT) {
            f->grants[f->grants_n] = (struct flow_grant){ .account = a->index, .tranche = a->parent, .org = a->owner_org };
            map_put(f->by_account, &f->grants[f->grants_n].account, &f->grants[f->grants_n], NULL);
            f->grants_n++;
        }
    }
}

static void
add_money(struct flow *f, const struct report_move *m)
{
    struct flow_tranche *t;
    struct flow_grant *g;

    if (m->kind == FUND && m->credit == f->fund)
        f->minted += m->gpums;
    if (m->kind == TRANCHE && m->debit == f->fund && m->credit == RESERVE_ACCOUNT)
        f->reserved += m->gpums;
    if (m->kind == TRANCHE && m->debit == f->fund && (t = map_get_u64(f->by_account, m->credit)) != NULL)
        t->received += m->gpums;
    if (m->kind == GRANT && (g = map_get_u64(f->by_account, m->credit)) != NULL) {
        t = map_get_u64(f->by_account, g->tranche);
        g->granted += m->gpums;
        if (t)
            t->granted += m->gpums;
    }
    if ((m->kind == LAPSE || m->kind == CLAWBACK) && (g = map_get_u64(f->by_account, m->debit)) != NULL) {
        *(m->kind == LAPSE ? &g->lapsed : &g->clawed_back) += m->gpums;
        if ((t = map_get_u64(f->by_account, m->credit)) != NULL)
            t->back += m->gpums;
    }
}

static int
by_granted(const void *a, const void *b)
{
    const struct flow_grant *x = *(struct flow_grant *const *)a, *y = *(struct flow_grant *const *)b;

    return x->granted != y->granted ? (x->granted < y->granted ? 1 : -1) : x->account < y->account ? -1 : x->account > y->account;
}

static void
choose(struct call *call, struct flow *f)
{
    struct flow_grant **order = arena_alloc(call->arena, (f->grants_n + 1) * sizeof *order);

    for (size_t i = 0; i < f->grants_n; i++)
        order[i] = &f->grants[i];
    if (f->grants_n > 0)
        qsort(order, f->grants_n, sizeof *order, by_granted);
    for (size_t i = 0; i < f->grants_n; i++) {
        struct flow_tranche *t = map_get_u64(f->by_account, order[i]->tranche);

        order[i]->shown = i < SHOWN;
        if (t && i >= SHOWN)
            t->others++;
    }
}

static struct flow_site *
at_site(struct call *call, struct flow *f, const struct flow_grant *g, uint64_t site)
{
    uint64_t key[2] = { g->shown ? g->account : g->tranche, site };
    struct flow_site *p = map_get(f->by_pair, key);

    if (p)
        return p;
    p = arena_alloc(call->arena, sizeof *p);
    *p = (struct flow_site){ .from = key[0], .site = site, .others = !g->shown };
    map_put(f->by_pair, key, p, NULL);
    if (f->sites_n == f->sites_room) {
        f->sites_room = f->sites_room ? 2 * f->sites_room : 64;
        f->sites = xrealloc(f->sites, f->sites_room * sizeof *f->sites);
    }
    return f->sites[f->sites_n++] = p;
}

static void
add_paid(struct call *call, struct flow *f, const struct state *s, const struct report_move *m)
{
    bool back = m->kind == CORRECT;
    struct flow_grant *g = map_get_u64(f->by_account, back ? m->credit : m->debit);
    const struct account *a = ledger_account(s->ledger, back ? m->debit : m->credit);

    if ((m->kind != SETTLE && m->kind != RESOLVE && !back) || !g || !a || a->class != ACCOUNT_SITE)
        return;
    g->settled += back ? -m->gpums : m->gpums;
    at_site(call, f, g, a->owner_site)->settled += back ? -m->gpums : m->gpums;
}

/* ERR_NOT_FOUND: there is no such fund. */
static enum err
read_flow(struct call *call, struct flow *f)
{
    struct report_move *moves;
    const struct account *fund;
    const struct hold *h;
    const struct state *s;
    size_t n;
    enum err err = report_moves(call->db, 0, INT64_MAX, call->arena, &moves, &n);

    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    fund = ledger_account(s->ledger, f->fund);
    if (!fund || fund->class != ACCOUNT_FUND) {
        market_read_unlock(call->api->market);
        return err_say(&call->detail, ERR_NOT_FOUND, "There is no such fund.");
    }
    list_accounts(call, f, s);
    for (size_t i = 0; i < n; i++)
        add_money(f, &moves[i]);
    choose(call, f);
    for (size_t i = 0; i < n; i++)
        add_paid(call, f, s, &moves[i]);
    for (size_t it = 0; (h = ledger_next_hold(s->ledger, &it)) != NULL;) {
        struct flow_grant *g = hold_left(h) > 0 ? map_get_u64(f->by_account, h->grant) : NULL;

        if (g) {
            g->held += hold_left(h);
            at_site(call, f, g, h->site)->held += hold_left(h);
        }
    }
    f->size = ledger_size(s->ledger);
    market_read_unlock(call->api->market);
    return OK;
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------- */

static void
named(struct call *call, const char *name, const char *kind, uint64_t index)
{
    json_text(&call->out, name, arena_printf(call->arena, "%s-%" PRIu64, kind, index));
}

static void
node_json(struct call *call, const char *kind, uint64_t index, const char *name, size_t grants)
{
    json_open(&call->out, NULL);
    named(call, "id", kind, index);
    json_text(&call->out, "kind", kind);
    json_i64(&call->out, "account", (int64_t)index);
    json_text(&call->out, "name", name);
    json_i64(&call->out, "grants", (int64_t)grants);
    json_shut(&call->out);
}

static const char *
account_text(struct call *call, uint64_t account)
{
    const struct account_name *name = directory_account(call->api->directory, account);

    return name ? name->name : "";
}

static enum err
nodes_json(struct call *call, const struct flow *f)
{
    const struct organisation *o;
    enum err err = OK;

    json_open_array(&call->out, "nodes");
    node_json(call, "fund", f->fund, account_text(call, f->fund), 0);
    for (size_t i = 0; i < f->tranches_n; i++) {
        node_json(call, "tranche", f->tranches[i].account, account_text(call, f->tranches[i].account), 0);
        if (f->tranches[i].others > 0)
            node_json(call, "others", f->tranches[i].account, account_text(call, f->tranches[i].account), f->tranches[i].others);
    }
    for (size_t i = 0; !err && i < f->grants_n; i++) {
        err = f->grants[i].shown ? directory_organisation(call->api->directory, call->db, f->grants[i].org, &o) : OK;
        if (!err && f->grants[i].shown)
            node_json(call, "grant", f->grants[i].account, o->name, 1);
    }
    json_shut_array(&call->out);
    return err;
}

/* to: an end of the flow where index is 0. What is zero is no link. */
static void
link_json(struct call *call, const char *from, uint64_t from_index, const char *to, uint64_t index, const char *how, int64_t gpums)
{
    if (gpums <= 0)
        return;
    json_open(&call->out, NULL);
    named(call, "from", from, from_index);
    if (index)
        named(call, "to", to, index);
    else
        json_text(&call->out, "to", to);
    json_text(&call->out, "how", how);
    json_amount(&call->out, "moved", gpums);
    json_shut(&call->out);
}

static void
grant_links(struct call *call, const struct flow_tranche *t, const char *kind, uint64_t index, const struct flow_grant *g)
{
    link_json(call, "tranche", t->account, kind, index, "granted", g->granted);
    link_json(call, kind, index, "free", 0, "free", g->granted - g->settled - g->held - g->lapsed - g->clawed_back);
    link_json(call, kind, index, "lapsed", 0, "lapsed", g->lapsed);
    link_json(call, kind, index, "clawed-back", 0, "clawed-back", g->clawed_back);
}

static void
tranche_links(struct call *call, const struct flow *f, const struct flow_tranche *t)
{
    struct flow_grant sum = { .granted = 0 };

    link_json(call, "fund", f->fund, "tranche", t->account, "allotted", t->received);
    link_json(call, "tranche", t->account, "not-granted", 0, "free", t->received - t->granted + t->back);
    for (size_t i = 0; i < f->grants_n; i++) {
        const struct flow_grant *g = &f->grants[i];

        if (g->tranche != t->account)
            continue;
        if (g->shown) {
            grant_links(call, t, "grant", g->account, g);
            continue;
        }
        sum.granted += g->granted;
        sum.settled += g->settled;
        sum.held += g->held;
        sum.lapsed += g->lapsed;
        sum.clawed_back += g->clawed_back;
    }
    grant_links(call, t, "others", t->account, &sum);
}

static void
links_json(struct call *call, const struct flow *f, const struct state *s)
{
    int64_t loose = f->minted - f->reserved;

    json_open_array(&call->out, "links");
    for (size_t i = 0; i < f->tranches_n; i++) {
        tranche_links(call, f, &f->tranches[i]);
        loose -= f->tranches[i].received;
    }
    for (size_t i = 0; i < f->sites_n; i++) {
        const struct flow_site *p = f->sites[i];
        const struct site *site = ledger_site(s->ledger, p->site);
        const char *from = p->others ? "others" : "grant";
        const char *to = arena_printf(call->arena, "site-%.16s", site ? site->entry.u.site.code : "");

        link_json(call, from, p->from, to, 0, "settled", p->settled);
        link_json(call, from, p->from, to, 0, "held", p->held);
    }
    link_json(call, "fund", f->fund, "reserve", 0, "allotted", f->reserved);
    link_json(call, "fund", f->fund, "loose", 0, "free", loose);
    json_shut_array(&call->out);
}

static enum err
flow_json(struct call *call, const struct flow *f)
{
    struct json_out *out = &call->out;
    const struct state *s;
    enum err err;

    json_open(out, NULL);
    json_i64(out, "account", (int64_t)f->fund);
    json_text(out, "name", account_text(call, f->fund));
    json_amount(out, "minted", f->minted);
    json_i64(out, "journal_size", (int64_t)f->size);
    json_time(out, "as_of", call->now_ms);
    err = nodes_json(call, f);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    links_json(call, f, s);
    market_read_unlock(call->api->market);
    json_shut(out);
    return OK;
}

/* GET /v1/funds/{account}/flow. Whoever may see the programme (routes.c). */
void
funds_flow(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct flow f = { .fund = call->path_index };
    enum err err = call_query_only(call, NO_NAMES);

    f.by_account = map_new(sizeof(uint64_t));
    f.by_pair = map_new(2 * sizeof(uint64_t));
    if (!err)
        err = read_flow(call, &f);
    if (!err)
        err = flow_json(call, &f);
    map_delete(f.by_account);
    map_delete(f.by_pair);
    free(f.sites);
    call_end(call, err, 200);
}
