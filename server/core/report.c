/* core/report.c */
#include "core/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"

const char *const REPORT_FIGURE[REPORT_FIGURES] = { "funded", "allotted", "granted", "clawed_back", "lapsed", "held", "released", "settled", "corrected" };
static const char *const BY[REPORT_BYS] = { "all", "fund", "mode", "country", "class", "site", "organisation" };

/* Which figure a kind of entry counts for; REPORT_FIGURES: none. */
static enum report_figure
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
    default: return REPORT_FIGURES;
    }
}

/* ---- what a move is about -------------------------------------------------------------------------------------------- */

static void
of_account(const struct report_source *from, uint64_t index, struct report_subject *u)
{
    struct report_account a;

    if (!from->account(from->ctx, index, &a))
        return;
    if (a.class == ACCOUNT_SITE) {
        u->site = a.site;
        (void)from->site(from->ctx, a.site, u->site_code);
    }
    if (a.class == ACCOUNT_GRANT) {
        u->has_grant = true;
        u->organisation = a.organisation;
        u->gge_cents = a.gge_cents;
        (void)from->policy(from->ctx, a.policy, u->mode, u->mode_name);
    }
    if (a.class == ACCOUNT_GRANT && !from->account(from->ctx, index = a.parent, &a))
        return;
    if (a.class == ACCOUNT_TRANCHE && !from->account(from->ctx, index = a.parent, &a))
        return;
    if (a.class != ACCOUNT_FUND)
        return;
    u->fund = index;
    from->fund(from->ctx, index, u->fund_name);
}

void
report_subject(const struct report_source *from, uint64_t debit, uint64_t credit, struct report_subject *ret)
{
    memset(ret, 0, sizeof *ret);
    of_account(from, debit, ret);
    of_account(from, credit, ret);
}

/* ---- sums ------------------------------------------------------------------------------------------------------------ */

static struct report_group *
group_of(struct report_sums *r, enum report_by by, const void *of, size_t len, const char *name)
{
    struct report_key key = { .by = by };
    struct report_group *g;

    memcpy(key.of, of, len);
    g = map_get(r->map, &key);
    if (g)
        return g;
    g = xcalloc(1, sizeof *g);
    g->key = key;
    snprintf(g->name, sizeof g->name, "%s", name);
    map_put(r->map, &key, g, NULL);
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 64;
        r->groups = xrealloc(r->groups, r->cap * sizeof(struct report_group *));
    }
    return r->groups[r->n++] = g;
}

static void
raise_by(int64_t *sum, int64_t by)
{
    if (!add_i64(*sum, by, sum))
        *sum = INT64_MAX;
}

static void
add(struct report_group *g, const struct report_move *m, const struct report_subject *s)
{
    enum report_figure f = figure_of(m->kind);

    if (f == REPORT_FIGURES)
        return;
    raise_by(&g->gpums[f], m->gpums);
    if (f == GRANTED) {
        raise_by(&g->grants, m->count);
        raise_by(&g->value_cents, s->gge_cents);
    }
}

void
report_begin(struct report_sums *r)
{
    *r = (struct report_sums){ .map = map_new(sizeof(struct report_key)) };
    group_of(r, REPORT_BY_ALL, "", 0, "");
}

enum err
report_sum(struct report_sums *r, const struct report_source *from, const struct report_move *m, const struct report_subject *s)
{
    struct report_party party;
    enum err err;

    if (figure_of(m->kind) == REPORT_FIGURES)
        return OK;
    add(group_of(r, REPORT_BY_ALL, "", 0, ""), m, s);
    if (s->fund)
        add(group_of(r, REPORT_BY_FUND, &s->fund, sizeof s->fund, s->fund_name), m, s);
    if (s->site)
        add(group_of(r, REPORT_BY_SITE, &s->site, sizeof s->site, s->site_code), m, s);
    if (!s->has_grant)
        return OK;
    if (s->mode[0])
        add(group_of(r, REPORT_BY_MODE, s->mode, strlen(s->mode), s->mode_name), m, s);
    err = from->party(from->ctx, s->organisation, &party);
    if (err)
        return err;
    add(group_of(r, REPORT_BY_COUNTRY, party.country, 2, party.country), m, s);
    add(group_of(r, REPORT_BY_CLASS, &party.class, sizeof party.class, ORGANISATION_CLASS_WORDS[party.class]), m, s);
    add(group_of(r, REPORT_BY_ORGANISATION, s->organisation.b, sizeof s->organisation.b, party.name), m, s);
    return OK;
}

int64_t
report_paid(const struct report_group *g)
{
    return g->gpums[SETTLED] - g->gpums[CORRECTED];
}

/* What was paid, the most first; among equals by name, then by key: the same everywhere. */
static int
by_paid(const void *a, const void *b)
{
    const struct report_group *one = *(struct report_group *const *)a, *other = *(struct report_group *const *)b;
    int64_t x = report_paid(one), y = report_paid(other);
    int names = strcmp(one->name, other->name);

    return x != y ? (x < y ? 1 : -1) : names ? names : memcmp(&one->key, &other->key, sizeof one->key);
}

void
report_sort(struct report_sums *r)
{
    qsort(r->groups, r->n, sizeof *r->groups, by_paid);
}

void
report_end(struct report_sums *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->groups[i]);
    free(r->groups);
    map_delete(r->map);
    *r = (struct report_sums){ .n = 0 };
}

size_t
report_count(const struct report_sums *r, enum report_by by)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += r->groups[i]->key.by == (uint64_t)by;
    return n;
}

/* part × whole_is / whole, cut; whole above 0. */
static int64_t
share(int64_t part, int64_t whole, int64_t whole_is)
{
    while (part > INT64_MAX / whole_is) {
        part /= 2;
        whole /= 2;
    }
    return part * whole_is / whole;
}

struct report_concentration
report_concentration(const struct report_sums *r)
{
    struct report_concentration c = { .organisations = 0 };
    int64_t sum = 0, squares = 0;

    for (size_t i = 0; i < r->n; i++)
        if (r->groups[i]->key.by == REPORT_BY_ORGANISATION && report_paid(r->groups[i]) > 0)
            raise_by(&c.paid_gpums, report_paid(r->groups[i]));
    for (size_t i = 0; i < r->n; i++) {
        int64_t paid = r->groups[i]->key.by == REPORT_BY_ORGANISATION ? report_paid(r->groups[i]) : 0, part;

        if (paid <= 0)
            continue;
        raise_by(&sum, paid);
        part = share(paid, c.paid_gpums, 1000000);
        squares += part * part / 100000;
        c.organisations++;
        c.top1 = c.organisations <= 1 ? share(sum, c.paid_gpums, 1000) : c.top1;
        c.top5 = c.organisations <= 5 ? share(sum, c.paid_gpums, 1000) : c.top5;
        c.top10 = c.organisations <= 10 ? share(sum, c.paid_gpums, 1000) : c.top10;
        c.top20 = c.organisations <= 20 ? share(sum, c.paid_gpums, 1000) : c.top20;
    }
    c.index = squares / 1000;
    return c;
}

/* ---- tables ---------------------------------------------------------------------------------------------------------- */

static void
key_csv(const struct report_key *key, struct json_out *out)
{
    struct uuid id;
    uint64_t index;
    char text[UUID_TEXT];

    memcpy(&index, key->of, sizeof index);
    memcpy(id.b, key->of, sizeof id.b);
    if (key->by == REPORT_BY_FUND || key->by == REPORT_BY_SITE) {
        csv_printf(out, "%" PRIu64, index);
    } else if (key->by == REPORT_BY_ORGANISATION) {
        uuid_text(id, text);
        csv_printf(out, "%s", text);
    } else if (key->by == REPORT_BY_MODE || key->by == REPORT_BY_COUNTRY) {
        csv_field(out, (const char *)key->of); /* shorter than the key: zeros follow */
    }
}

void
report_csv(const struct report_sums *r, uint64_t size, struct json_out *out)
{
    csv_printf(out, "by,key,of");
    for (int f = 0; f < REPORT_FIGURES; f++)
        csv_printf(out, ",%s_gpums", REPORT_FIGURE[f]);
    csv_printf(out, ",grants,value_eur_cents,journal_size\r\n");
    for (int by = 0; by < REPORT_BYS; by++)
        for (size_t i = 0; i < r->n; i++) {
            const struct report_group *g = r->groups[i];

            if (g->key.by != (uint64_t)by)
                continue;
            csv_printf(out, "%s,", BY[by]);
            key_csv(&g->key, out);
            csv_printf(out, ",");
            csv_field(out, g->name);
            for (int f = 0; f < REPORT_FIGURES; f++)
                csv_printf(out, ",%" PRId64, g->gpums[f]);
            csv_printf(out, ",%" PRId64 ",%" PRId64 ",%" PRIu64 "\r\n", g->grants, g->value_cents, size);
        }
}

void
report_concentration_csv(const struct report_sums *r, struct json_out *out)
{
    struct report_concentration c = report_concentration(r);

    csv_printf(out, "organisations_paid,paid_gpums,first_milli,first_5_milli,first_10_milli,first_20_milli,herfindahl_10000\r\n");
    csv_printf(out, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "\r\n", c.organisations, c.paid_gpums, c.top1, c.top5,
               c.top10, c.top20, c.index);
}
