/* api/report.c: the officer's report of a period: what came in and went out, by fund, mode, country, size of company, site and
 * organisation, from the journal's own entries; how jobs ended, from their rows. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/csv.h"
#include "api/internal.h"
#include "api/subject.h"
#include "base/map.h"
#include "base/num.h"
#include "core/organisation.h"
#include "market/state.h"
#include "market/view.h"
#include "store/evidence.h"
#include "store/organisations.h"
#include "store/report.h"

enum { TOP = 20 };

enum figure { FUNDED, ALLOTTED, GRANTED, CLAWED_BACK, LAPSED, HELD, RELEASED, SETTLED, CORRECTED, FIGURES };
static const char *const FIGURE[FIGURES] = { "funded", "allotted", "granted", "clawed_back", "lapsed", "held", "released", "settled", "corrected" };

enum by { BY_ALL, BY_FUND, BY_MODE, BY_COUNTRY, BY_CLASS, BY_SITE, BY_ORGANISATION, BYS };
static const char *const BY[BYS] = { "all", "fund", "mode", "country", "class", "site", "organisation" };

/* By what it is summed, and of which: index, text or id, the rest zero. */
struct group_key { uint64_t by; uint8_t of[24]; };
struct group {
    struct group_key key;
    char name[SUBJECT_LABEL];
    int64_t gpums[FIGURES];
    int64_t grants, value_cents; /* granted in the period; gross grant equivalent */
};

struct account_of_period {
    int64_t from_ms, to_ms;
    struct report_span span;
    struct report_move *moves;
    struct report_jobs *jobs;
    size_t moves_n, jobs_n;
    struct map *map; /* struct group_key → struct group */
    struct group **groups;
    size_t groups_n, groups_cap;
    uint64_t size; /* of the journal, when it was made */
};

/* Which figure a kind of entry counts for; FIGURES: none. */
static enum figure
figure_of(int kind)
{
    switch (kind) {
    case FUND: return FUNDED;
    case TRANCHE: return ALLOTTED;
    case GRANT: return GRANTED;
    case CLAWBACK: return CLAWED_BACK;
    case LAPSE: return LAPSED;
    case HOLD: return HELD;
    case VOID:
    case EXPIRE: return RELEASED;
    case SETTLE:
    case RESOLVE: return SETTLED;
    case CORRECT: return CORRECTED;
    default: return FIGURES;
    }
}

static struct group *
group_of(struct call *call, struct account_of_period *r, enum by by, const void *of, size_t len, const char *name)
{
    struct group_key key = { .by = by };
    struct group *g;

    memcpy(key.of, of, len);
    g = map_get(r->map, &key);
    if (g)
        return g;
    g = arena_alloc(call->arena, sizeof *g);
    *g = (struct group){ .key = key };
    snprintf(g->name, sizeof g->name, "%s", name);
    map_put(r->map, &key, g, NULL);
    if (r->groups_n == r->groups_cap) {
        r->groups_cap = r->groups_cap ? 2 * r->groups_cap : 64;
        r->groups = xrealloc(r->groups, r->groups_cap * sizeof *r->groups);
    }
    return r->groups[r->groups_n++] = g;
}

static void
add(struct group *g, const struct report_move *m, const struct subject *s)
{
    enum figure f = figure_of(m->kind);

    if (f >= FIGURES)
        return;
    g->gpums[f] += m->gpums;
    if (f == GRANTED) {
        g->grants += m->count;
        g->value_cents += s->gge_cents;
    }
}

/* ---- what a move is about -------------------------------------------------------------------------------------------- */

/* All subjects at once, under one lock. NULL: it is answered. */
static struct subject *
subjects(struct call *call, struct account_of_period *r)
{
    struct subject *list = arena_alloc(call->arena, (r->moves_n + 1) * sizeof *list);
    const struct state *s = call_state(call);

    if (!s)
        return NULL;
    memset(list, 0, (r->moves_n + 1) * sizeof *list);
    for (size_t i = 0; i < r->moves_n; i++) {
        subject_add(call, s, r->moves[i].debit, &list[i]);
        subject_add(call, s, r->moves[i].credit, &list[i]);
    }
    r->size = ledger_size(s->ledger);
    call_state_done(call);
    return list;
}

static enum err
sum_move(struct call *call, struct account_of_period *r, const struct report_move *m, const struct subject *u)
{
    const struct organisation *o;
    enum err err;

    if (figure_of(m->kind) == FIGURES)
        return OK;
    add(group_of(call, r, BY_ALL, "", 0, ""), m, u);
    if (u->fund)
        add(group_of(call, r, BY_FUND, &u->fund, sizeof u->fund, u->fund_name), m, u);
    if (u->site)
        add(group_of(call, r, BY_SITE, &u->site, sizeof u->site, u->site_code), m, u);
    if (!u->has_grant)
        return OK;
    if (u->mode[0])
        add(group_of(call, r, BY_MODE, u->mode, strlen(u->mode), u->mode_name), m, u);
    err = directory_organisation(call->api->directory, call->db, u->org, &o);
    if (err)
        return err;
    add(group_of(call, r, BY_COUNTRY, o->country, 2, o->country), m, u);
    add(group_of(call, r, BY_CLASS, &o->class, sizeof o->class, ORGANISATION_CLASS_WORDS[o->class]), m, u);
    add(group_of(call, r, BY_ORGANISATION, u->org.b, sizeof u->org.b, o->name), m, u);
    return OK;
}

/* What was paid, the most first; among equals by name. */
static int
by_settled(const void *a, const void *b)
{
    const struct group *one = *(struct group *const *)a, *other = *(struct group *const *)b;
    int64_t x = one->gpums[SETTLED] - one->gpums[CORRECTED], y = other->gpums[SETTLED] - other->gpums[CORRECTED];

    return x != y ? (x < y ? 1 : -1) : strcmp(one->name, other->name);
}

static enum err
period(struct call *call, struct account_of_period *r)
{
    static const char *const NAMES[] = { "from", "to", NULL };
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_period(call, &r->from_ms, &r->to_ms);
    return err;
}

/* False: it is answered. Whoever may see the programme (routes.c). */
static bool
make(struct call *call, struct account_of_period *r)
{
    struct subject *of;
    enum err err = period(call, r);

    if (!err)
        err = report_moves(call->db, r->from_ms, r->to_ms, call->arena, &r->moves, &r->moves_n);
    if (!err)
        err = report_span(call->db, r->from_ms, r->to_ms, &r->span);
    if (!err)
        err = report_jobs(call->db, r->from_ms, r->to_ms, call->arena, &r->jobs, &r->jobs_n);
    if (err) {
        call_fail(call, err);
        return false;
    }
    of = subjects(call, r);
    if (!of)
        return false;
    r->map = map_new(sizeof(struct group_key));
    group_of(call, r, BY_ALL, "", 0, "");
    for (size_t i = 0; !err && i < r->moves_n; i++)
        err = sum_move(call, r, &r->moves[i], &of[i]);
    map_delete(r->map);
    if (err) {
        free(r->groups);
        call_fail(call, err);
        return false;
    }
    qsort(r->groups, r->groups_n, sizeof *r->groups, by_settled);
    return true;
}

/* ---- as JSON --------------------------------------------------------------------------------------------------------- */

static void
figures_json(struct json_out *out, const struct group *g)
{
    for (int f = 0; f < FIGURES; f++)
        json_amount(out, FIGURE[f], g->gpums[f]);
    json_i64(out, "grants", g->grants);
    json_i64(out, "value_eur_cents", g->value_cents);
}

static void
of_json(struct json_out *out, const struct group *g)
{
    struct uuid id;
    uint64_t index;

    memcpy(&index, g->key.of, sizeof index);
    memcpy(id.b, g->key.of, sizeof id.b);
    if (g->key.by == BY_FUND)
        json_i64(out, "account", (int64_t)index);
    if (g->key.by == BY_ORGANISATION)
        json_uuid(out, "id", id);
    json_text(out, "name", g->name);
}

/* The groups of one kind; of organisations the first few, the rest in one sum is left to who reads (all less these). */
static void
groups_json(struct json_out *out, const struct account_of_period *r, enum by by, const char *name)
{
    int n = 0;

    json_open_array(out, name);
    for (size_t i = 0; i < r->groups_n; i++)
        if (r->groups[i]->key.by == (uint64_t)by && (by != BY_ORGANISATION || n++ < TOP)) {
            json_open(out, NULL);
            of_json(out, r->groups[i]);
            figures_json(out, r->groups[i]);
            json_shut(out);
        }
    json_shut_array(out);
}

static size_t
count_of(const struct account_of_period *r, enum by by)
{
    size_t n = 0;

    for (size_t i = 0; i < r->groups_n; i++)
        n += r->groups[i]->key.by == (uint64_t)by;
    return n;
}

static const char *
code_of(struct arena *a, const struct state *s, uint64_t index)
{
    const struct site *site = ledger_site(s->ledger, index);

    return site ? arena_printf(a, "%.16s", site->entry.u.site.code) : "";
}

static void
jobs_json(struct call *call, const struct account_of_period *r, const struct state *s)
{
    struct json_out *out = &call->out;

    json_open_array(out, "jobs");
    for (size_t i = 0; i < r->jobs_n; i++) {
        const struct report_jobs *j = &r->jobs[i];
        const char *outcome = ticket_outcome_name((enum ticket_outcome)j->outcome);

        json_open(out, NULL);
        json_text(out, "site", code_of(call->arena, s, j->site));
        json_text(out, "outcome", outcome[0] ? outcome : "none");
        json_i64(out, "jobs", j->count);
        json_i64(out, "booked_gpu_seconds", j->booked_gpu_seconds);
        json_i64(out, "used_gpu_seconds", j->used_gpu_seconds);
        json_shut(out);
    }
    json_shut_array(out);
}

static void
entry_number(struct json_out *out, const char *name, const struct account_of_period *r, uint64_t index)
{
    if (r->span.entries)
        json_i64(out, name, (int64_t)index);
    else
        json_none(out, name);
}

static void
report_json(struct call *call, const struct account_of_period *r, const struct state *s)
{
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_time(out, "from", r->from_ms);
    json_time(out, "to", r->to_ms);
    json_time(out, "as_of", call->now_ms);
    json_open(out, "journal");
    json_i64(out, "entries", r->span.entries);
    entry_number(out, "first", r, r->span.first);
    entry_number(out, "last", r, r->span.last);
    json_i64(out, "size", (int64_t)r->size);
    json_shut(out);
    json_open(out, "disputes");
    json_i64(out, "opened", r->span.opened);
    json_i64(out, "closed", r->span.closed);
    json_shut(out);
    json_open(out, "all");
    for (size_t i = 0; i < r->groups_n; i++)
        if (r->groups[i]->key.by == BY_ALL)
            figures_json(out, r->groups[i]);
    json_shut(out);
    groups_json(out, r, BY_FUND, "funds");
    groups_json(out, r, BY_MODE, "modes");
    groups_json(out, r, BY_COUNTRY, "countries");
    groups_json(out, r, BY_CLASS, "classes");
    groups_json(out, r, BY_SITE, "sites");
    json_i64(out, "organisations_in_all", (int64_t)count_of(r, BY_ORGANISATION));
    groups_json(out, r, BY_ORGANISATION, "organisations");
    jobs_json(call, r, s);
    json_shut(out);
}

/* GET /v1/programme/report */
void
programme_report(struct call *call)
{
    struct account_of_period r = { .moves_n = 0 };
    const struct state *s;

    if (!make(call, &r))
        return;
    s = call_state(call);
    if (s) {
        report_json(call, &r, s);
        call_state_done(call);
        call_reply(call, 200);
    }
    free(r.groups);
}

/* ---- as CSV ---------------------------------------------------------------------------------------------------------- */

/* GET /v1/programme/report.csv: every group, all organisations too. */
void
programme_report_csv(struct call *call)
{
    struct account_of_period r = { .moves_n = 0 };

    if (!make(call, &r))
        return;
    csv_printf(&call->out, "by,of");
    for (int f = 0; f < FIGURES; f++)
        csv_printf(&call->out, ",%s_gpums", FIGURE[f]);
    csv_printf(&call->out, ",grants,value_eur_cents,journal_size\r\n");
    for (int by = 0; by < BYS; by++)
        for (size_t i = 0; i < r.groups_n; i++) {
            const struct group *g = r.groups[i];

            if (g->key.by != (uint64_t)by)
                continue;
            csv_printf(&call->out, "%s,", BY[by]);
            csv_field(&call->out, g->name);
            for (int f = 0; f < FIGURES; f++)
                csv_printf(&call->out, ",%" PRId64, g->gpums[f]);
            csv_printf(&call->out, ",%" PRId64 ",%" PRId64 ",%" PRIu64 "\r\n", g->grants, g->value_cents, r.size);
        }
    csv_reply(call);
    free(r.groups);
}
