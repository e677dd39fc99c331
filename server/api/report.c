/* api/report.c: the officer's report of a period: what came in and went out, by fund, mode, country, size of company, site and
 * organisation, from the journal's own entries; how jobs ended, from their rows. */
#include "api/handlers.h"

#include <string.h>

#include "api/csv.h"
#include "api/internal.h"
#include "api/report.h"
#include "market/state.h"
#include "market/view.h"
#include "store/evidence.h"
#include "store/organisations.h"
#include "store/journal_reads.h"
#include "store/report.h"

enum { TOP = 20 };

struct account_of_period {
    int64_t from_ms, to_ms;
    struct report_span span;
    struct report_move *moves;
    struct report_jobs *jobs;
    struct report_witness *witnesses;
    struct report_signed *signatures;
    struct entry_record *corrections; /* the newest */
    size_t moves_n, jobs_n, witnesses_n, signatures_n, corrections_n;
    struct report_sums sums;
    uint64_t size; /* of the journal, when it was made */
};

/* All subjects at once, under one lock. NULL: it is answered. */
static struct report_subject *
subjects(struct call *call, struct account_of_period *r)
{
    struct report_subject *list = arena_alloc(call->arena, (r->moves_n + 1) * sizeof *list);
    const struct state *s = call_state(call);
    struct report_from_state from = { call, s };
    struct report_source source = report_from_state(&from);

    if (!s)
        return NULL;
    for (size_t i = 0; i < r->moves_n; i++)
        report_subject(&source, r->moves[i].debit, r->moves[i].credit, &list[i]);
    r->size = ledger_size(s->ledger);
    call_state_done(call);
    return list;
}

enum err
report_period(struct call *call, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    static const char *const NAMES[] = { "from", "to", NULL };
    enum err err = call_query_only(call, NAMES);

    return err ? err : call_query_period(call, ret_from_ms, ret_to_ms);
}

/* Who vouches for the period's entries, and what was taken back: of these the newest only. */
static enum err
verified(struct call *call, struct account_of_period *r)
{
    struct entry_filter corrections = { .kind = CORRECT, .account = NO_INDEX, .before = r->span.last + 1 };
    uint64_t first = r->span.first, end = r->span.entries ? r->span.last + 1 : first;
    size_t n = 0;
    enum err err = report_witnesses(call->db, first, end, call->arena, &r->witnesses, &r->witnesses_n);

    if (!err)
        err = report_signatures(call->db, first, end, call->arena, &r->signatures, &r->signatures_n);
    if (!err && r->span.entries)
        err = journal_reads_list(call->db, &corrections, TOP, call->arena, &r->corrections, &n);
    while (r->corrections_n < n && r->corrections[r->corrections_n].entry.index >= first)
        r->corrections_n++;
    return err;
}

/* False: it is answered. Whoever may see the programme (routes.c). */
static bool
make(struct call *call, struct account_of_period *r)
{
    struct report_subject *of;
    struct report_from_state known = { call, NULL };
    struct report_source source = report_from_state(&known);
    enum err err = report_period(call, &r->from_ms, &r->to_ms);

    if (!err)
        err = report_moves(call->db, r->from_ms, r->to_ms, call->arena, &r->moves, &r->moves_n);
    if (!err)
        err = report_span(call->db, r->from_ms, r->to_ms, &r->span);
    if (!err)
        err = report_jobs(call->db, r->from_ms, r->to_ms, call->arena, &r->jobs, &r->jobs_n);
    if (!err)
        err = verified(call, r);
    if (err) {
        call_fail(call, err);
        return false;
    }
    of = subjects(call, r);
    if (!of)
        return false;
    report_begin(&r->sums);
    for (size_t i = 0; !err && i < r->moves_n; i++)
        err = report_sum(&r->sums, &source, &r->moves[i], &of[i]);
    if (err) {
        report_end(&r->sums);
        call_fail(call, err);
        return false;
    }
    report_sort(&r->sums);
    return true;
}

/* ---- as JSON --------------------------------------------------------------------------------------------------------- */

static void
figures_json(struct json_out *out, const struct report_group *g)
{
    for (int f = 0; f < REPORT_FIGURES; f++)
        json_amount(out, REPORT_FIGURE[f], g->gpums[f]);
    json_i64(out, "grants", g->grants);
    json_i64(out, "value_eur_cents", g->value_cents);
}

static void
of_json(struct json_out *out, const struct report_group *g)
{
    struct uuid id;
    uint64_t index;

    memcpy(&index, g->key.of, sizeof index);
    memcpy(id.b, g->key.of, sizeof id.b);
    if (g->key.by == REPORT_BY_FUND)
        json_i64(out, "account", (int64_t)index);
    if (g->key.by == REPORT_BY_ORGANISATION)
        json_uuid(out, "id", id);
    json_text(out, "name", g->name);
}

/* The groups of one kind; of organisations the first few, the rest in one sum is left to who reads (all less these). */
static void
groups_json(struct json_out *out, const struct account_of_period *r, enum report_by by, const char *name)
{
    int n = 0;

    json_open_array(out, name);
    for (size_t i = 0; i < r->sums.n; i++)
        if (r->sums.groups[i]->key.by == (uint64_t)by && (by != REPORT_BY_ORGANISATION || n++ < TOP)) {
            json_open(out, NULL);
            of_json(out, r->sums.groups[i]);
            figures_json(out, r->sums.groups[i]);
            json_shut(out);
        }
    json_shut_array(out);
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
concentration_json(struct json_out *out, const struct account_of_period *r)
{
    struct report_concentration c = report_concentration(&r->sums);

    json_open(out, "concentration");
    json_i64(out, "organisations_paid", c.organisations);
    json_i64(out, "first_milli", c.top1);
    json_i64(out, "first_5_milli", c.top5);
    json_i64(out, "first_10_milli", c.top10);
    json_i64(out, "first_20_milli", c.top20);
    json_i64(out, "herfindahl", c.index);
    json_shut(out);
}

static void
corrections_json(struct json_out *out, const struct account_of_period *r)
{
    json_open_array(out, "corrections");
    for (size_t i = 0; i < r->corrections_n; i++) {
        const struct entry *e = &r->corrections[i].entry;

        json_open(out, NULL);
        json_i64(out, "entry", (int64_t)e->index);
        json_time(out, "time", e->time_ms);
        json_i64(out, "of", (int64_t)e->u.correct.entry);
        json_amount(out, "amount", e->amount);
        json_shut(out);
    }
    json_shut_array(out);
}

static void
verified_json(struct json_out *out, const struct account_of_period *r)
{
    static const char *const BY[] = { "", "own-key", "passkey", "operator" };

    json_open(out, "verified");
    json_open_array(out, "signatures");
    for (size_t i = 0; i < r->signatures_n; i++) {
        json_open(out, NULL);
        json_text(out, "by", BY[r->signatures[i].class & 3]);
        json_bool(out, "settles", r->signatures[i].settles);
        json_i64(out, "signatures", r->signatures[i].signatures);
        json_i64(out, "keys", r->signatures[i].keys);
        json_shut(out);
    }
    json_shut_array(out);
    json_open_array(out, "witnesses");
    for (size_t i = 0; i < r->witnesses_n; i++) {
        json_open(out, NULL);
        json_text(out, "name", r->witnesses[i].name);
        json_i64(out, "checkpoints", r->witnesses[i].checkpoints);
        json_time(out, "first", r->witnesses[i].first_ms);
        json_time(out, "last", r->witnesses[i].last_ms);
        json_shut(out);
    }
    json_shut_array(out);
    json_shut(out);
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
    for (size_t i = 0; i < r->sums.n; i++)
        if (r->sums.groups[i]->key.by == REPORT_BY_ALL)
            figures_json(out, r->sums.groups[i]);
    json_shut(out);
    groups_json(out, r, REPORT_BY_FUND, "funds");
    groups_json(out, r, REPORT_BY_MODE, "modes");
    groups_json(out, r, REPORT_BY_COUNTRY, "countries");
    groups_json(out, r, REPORT_BY_CLASS, "classes");
    groups_json(out, r, REPORT_BY_SITE, "sites");
    json_i64(out, "organisations_in_all", (int64_t)report_count(&r->sums, REPORT_BY_ORGANISATION));
    groups_json(out, r, REPORT_BY_ORGANISATION, "organisations");
    jobs_json(call, r, s);
    concentration_json(out, r);
    corrections_json(out, r);
    verified_json(out, r);
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
    report_end(&r.sums);
}

/* ---- as CSV ---------------------------------------------------------------------------------------------------------- */

/* GET /v1/programme/report.csv: every group, all organisations too. */
void
programme_report_csv(struct call *call)
{
    struct account_of_period r = { .moves_n = 0 };

    if (!make(call, &r))
        return;
    report_csv(&r.sums, r.size, &call->out);
    csv_reply(call);
    report_end(&r.sums);
}
