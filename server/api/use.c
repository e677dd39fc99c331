/* api/use.c: what the programme's credits were used for in a period: paid to sites, less what came back, by month, country, site
 * and access mode, from the journal's own entries; and how concentrated it is. */
#include "api/use.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "api/report.h"
#include "base/map.h"
#include "base/num.h"
#include "base/text.h"
#include "store/organisations.h"

enum { LARGEST = 10, FIVE = 5, MILLION = 1000000 };
static const int64_t LONGEST_MS = INT64_C(731) * 86400000; /* two years */

enum by { BY_MONTH, BY_COUNTRY, BY_SITE, BY_MODE, BY_ORGANISATION, BYS };
static const char *const BY[BYS] = { "months", "countries", "sites", "modes", "organisations" };

/* By what it is summed, and of which: a code or an id, the rest zero. No code: paid from the reserve, which is nobody's grant. */
struct sum_key { uint64_t by; uint8_t of[24]; };
struct sum {
    struct sum_key key;
    char name[REPORT_NAME_MAX];
    int64_t gpums;
};
struct paid {
    struct map *map; /* struct sum_key → struct sum */
    struct sum **list;
    size_t n, room;
    int64_t all, abroad;
    int64_t entries;
    uint64_t first, last, size;
};

static void
add(struct call *call, struct paid *p, enum by by, const void *of, size_t len, const char *name, int64_t gpums)
{
    struct sum_key key = { .by = by };
    struct sum *g;

    memcpy(key.of, of, len);
    g = map_get(p->map, &key);
    if (!g) {
        g = arena_alloc(call->arena, sizeof *g);
        *g = (struct sum){ .key = key };
        snprintf(g->name, sizeof g->name, "%s", name);
        map_put(p->map, &key, g, NULL);
        if (p->n == p->room) {
            p->room = p->room ? 2 * p->room : 64;
            p->list = xrealloc(p->list, p->room * sizeof *p->list);
        }
        p->list[p->n++] = g;
    }
    g->gpums += gpums;
}

static bool
matches(const char *wanted, const char *code)
{
    return !wanted || strcmp(wanted, code) == 0;
}

static enum err
add_move(struct call *call, const struct use *u, struct paid *p, const struct use_move *m, const struct report_subject *of, const char *site_country)
{
    int64_t gpums = m->kind == CORRECT ? -m->gpums : m->gpums;
    const struct organisation *o = NULL;
    char month[16];
    enum err err = of->has_grant ? directory_organisation(call->api->directory, call->db, of->organisation, &o) : OK;

    if (err)
        return err;
    if (!matches(u->site, of->site_code) || !matches(u->mode, of->mode) || !matches(u->country, o ? o->country : ""))
        return OK;
    p->all += gpums;
    p->abroad += o && strncmp(o->country, site_country, 2) != 0 ? gpums : 0;
    p->first = p->entries && p->first < m->first ? p->first : m->first;
    p->last = p->entries && p->last > m->last ? p->last : m->last;
    p->entries += m->count;
    text_format(month, sizeof month, "%04" PRId64 "-%02" PRId64, m->month / 12, m->month % 12 + 1);
    add(call, p, BY_MONTH, month, strlen(month), "", gpums);
    add(call, p, BY_SITE, of->site_code, strlen(of->site_code), "", gpums);
    add(call, p, BY_MODE, of->mode, strlen(of->mode), of->mode_name, gpums);
    add(call, p, BY_COUNTRY, o ? o->country : "", o ? 2 : 0, "", gpums);
    if (o)
        add(call, p, BY_ORGANISATION, of->organisation.b, sizeof of->organisation.b, o->name, gpums);
    return OK;
}

/* The most first; among equals by code. */
static int
by_paid(const void *a, const void *b)
{
    const struct sum *one = *(struct sum *const *)a, *other = *(struct sum *const *)b;

    return one->gpums != other->gpums ? (one->gpums < other->gpums ? 1 : -1) : memcmp(one->key.of, other->key.of, sizeof one->key.of);
}

/* What each move is about, and its site's country, under one lock; then the sums. False: it is answered. */
static bool
sum_up(struct call *call, const struct use *u, struct paid *p)
{
    struct report_subject *of = arena_alloc(call->arena, (u->moves_n + 1) * sizeof *of);
    char(*countries)[3] = arena_alloc(call->arena, (u->moves_n + 1) * sizeof *countries);
    const struct state *s = call_state(call);
    struct report_from_state from = { call, s };
    struct report_source source = report_from_state(&from);
    enum err err = OK;

    if (!s)
        return false;
    for (size_t i = 0; i < u->moves_n; i++) {
        const struct site *site;

        report_subject(&source, u->moves[i].debit, u->moves[i].credit, &of[i]);
        site = ledger_site(s->ledger, of[i].site);
        snprintf(countries[i], sizeof countries[i], "%.2s", site ? site->entry.u.site.country : "");
    }
    p->size = ledger_size(s->ledger);
    call_state_done(call);
    p->map = map_new(sizeof(struct sum_key));
    for (size_t i = 0; !err && i < u->moves_n; i++)
        err = add_move(call, u, p, &u->moves[i], &of[i], countries[i]);
    map_delete(p->map);
    if (err) {
        call_fail(call, err);
        return false;
    }
    if (p->n > 0)
        qsort(p->list, p->n, sizeof *p->list, by_paid);
    return true;
}

/* ---- as JSON --------------------------------------------------------------------------------------------------------- */

static void
of_json(struct json_out *out, const struct sum *g)
{
    struct uuid id;

    if (g->key.by == BY_ORGANISATION) {
        memcpy(id.b, g->key.of, sizeof id.b);
        json_uuid(out, "id", id);
    } else {
        json_textn(out, "code", (const char *)g->key.of, strnlen((const char *)g->key.of, sizeof g->key.of));
    }
    if (g->key.by == BY_MODE || g->key.by == BY_ORGANISATION)
        json_text(out, "name", g->name);
}

static void
sums_json(struct json_out *out, const struct paid *p, enum by by)
{
    int n = 0;

    json_open_array(out, BY[by]);
    for (size_t i = 0; i < p->n; i++)
        if (p->list[i]->key.by == (uint64_t)by && (by != BY_ORGANISATION || n++ < LARGEST)) {
            json_open(out, NULL);
            of_json(out, p->list[i]);
            json_amount(out, "paid", p->list[i]->gpums);
            json_shut(out);
        }
    json_shut_array(out);
}

/* How much the first five have, and Herfindahl's index: the sum of the squares of all shares, 10,000 if one has all. */
static void
concentration_json(struct json_out *out, const struct paid *p)
{
    int64_t n = 0, all = 0, five = 0, squares = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->list[i]->key.by == BY_ORGANISATION && p->list[i]->gpums > 0) {
            all += p->list[i]->gpums;
            five += n++ < FIVE ? p->list[i]->gpums : 0;
        }
    for (size_t i = 0; i < p->n; i++)
        if (p->list[i]->key.by == BY_ORGANISATION && p->list[i]->gpums > 0) {
            int64_t share = (int64_t)((__int128)p->list[i]->gpums * MILLION / all);

            squares += share * share;
        }
    json_open(out, "concentration");
    json_i64(out, "organisations", n);
    json_amount(out, "five", five);
    json_i64(out, "herfindahl", squares / (MILLION * INT64_C(100)));
    json_shut(out);
}

static void
entry_number(struct json_out *out, const char *name, const struct paid *p, uint64_t index)
{
    if (p->entries)
        json_i64(out, name, (int64_t)index);
    else
        json_none(out, name);
}

static void
use_json(struct call *call, const struct use *u, const struct paid *p, const struct state *s)
{
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_time(out, "from", u->from_ms);
    json_time(out, "to", u->to_ms);
    json_time(out, "as_of", call->now_ms);
    json_open(out, "journal");
    json_i64(out, "entries", p->entries);
    entry_number(out, "first", p, p->first);
    entry_number(out, "last", p, p->last);
    json_i64(out, "size", (int64_t)p->size);
    json_shut(out);
    json_amount(out, "paid", p->all);
    json_amount(out, "abroad", p->abroad);
    for (int by = 0; by < BYS; by++)
        sums_json(out, p, (enum by)by);
    concentration_json(out, p);
    use_idle_json(call, u, s);
    use_waits_json(call, u, s);
    json_shut(out);
}

static bool
is_site(const struct state *s, const char *code)
{
    const struct site *site;

    for (size_t it = 0; (site = ledger_next_site(s->ledger, &it)) != NULL;)
        if (strncmp(code, site->entry.u.site.code, sizeof site->entry.u.site.code) == 0)
            return true;
    return false;
}

static bool
is_mode(const struct state *s, const char *code)
{
    const struct policy *p;

    for (size_t it = 0; (p = ledger_next_policy(s->ledger, &it)) != NULL;)
        if (strncmp(code, p->entry.u.policy.code, sizeof p->entry.u.policy.code) == 0)
            return true;
    return false;
}

static bool
is_country(const char *code)
{
    return strlen(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z';
}

static enum err
read_filters(struct call *call, struct use *u)
{
    const struct state *s = market_read_lock(call->api->market);
    bool known;

    if (!s)
        return ERR_NOT_LEADER;
    u->site = call_query(call, "site");
    u->mode = call_query(call, "mode");
    u->country = call_query(call, "country");
    known = (!u->site || is_site(s, u->site)) && (!u->mode || is_mode(s, u->mode)) && (!u->country || is_country(u->country));
    market_read_unlock(call->api->market);
    return known ? OK : err_say(&call->detail, ERR_QUERY_INVALID, "There is no such site, access mode or country.");
}

static enum err
read_use(struct call *call, struct use *u)
{
    static const char *const NAMES[] = { "from", "to", "site", "mode", "country", NULL };
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_period(call, &u->from_ms, &u->to_ms);
    if (!err && u->to_ms - u->from_ms > LONGEST_MS)
        err = err_say(&call->detail, ERR_QUERY_INVALID, "The period is two years at most.");
    if (!err)
        err = read_filters(call, u);
    if (!err)
        err = use_moves(call->db, u->from_ms, u->to_ms, call->arena, &u->moves, &u->moves_n);
    if (!err)
        err = capacity_steps(call->db, call->arena, &u->steps, &u->steps_n);
    if (!err)
        err = capacity_changes(call->db, 0, call->arena, &u->changes, &u->changes_n);
    if (!err)
        err = use_booked(call->db, u->from_ms, u->to_ms, call->arena, &u->booked, &u->booked_n);
    if (!err)
        err = use_runs(call->db, u->from_ms, min_i64(u->to_ms, call->now_ms), call->arena, &u->runs, &u->runs_n);
    if (!err)
        err = use_waits(call->db, u->from_ms, u->to_ms, call->now_ms, call->arena, &u->waits, &u->waits_n);
    return err;
}

/* GET /v1/programme/use. Whoever may see the programme (routes.c). */
void
programme_use(struct call *call)
{
    struct use u = { .moves_n = 0 };
    struct paid p = { .n = 0 };
    const struct state *s;
    enum err err = read_use(call, &u);

    if (err) {
        call_fail(call, err);
        return;
    }
    s = sum_up(call, &u, &p) ? call_state(call) : NULL;
    if (s) {
        use_json(call, &u, &p, s);
        call_state_done(call);
        call_reply(call, 200);
    }
    free(p.list);
}
