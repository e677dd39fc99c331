/* tests/sim/check.c: what was promised, compared with what came of it: at each start, at each commit, at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "market/due.h"
#include "market/index.h"
#include "store/export.h"
#include "world_sim.h"

/* ---- what the tables have --------------------------------------------------------------------------------------------- */

static const struct reservation *
reservation_in(struct pgrow *const *rows, size_t n, struct uuid id)
{
    for (size_t i = n; i > 0; i--) {
        const struct reservation *r = rows[i - 1]->object;
        if (uuid_equal(r->id, id))
            return r;
    }
    return NULL;
}

static const struct reservation *
reservation_row(struct uuid id)
{
    const struct pgtable *t = pg_table("reservation");

    return reservation_in(t->rows, t->n, id);
}

/* As it will be once the flight is committed. */
static const struct reservation *
reservation_then(const struct flight *f, struct uuid id)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->s[i].table != NULL && strcmp(f->s[i].table->name, "reservation") == 0) {
            const struct reservation *r = reservation_in(f->s[i].rows, f->s[i].n, id);
            if (r != NULL)
                return r;
        }
    return reservation_row(id);
}

/* ---- starts ----------------------------------------------------------------------------------------------------------- */

void
check_start(struct uuid jti, int site)
{
    const struct reservation *r = reservation_row(jti);

    for (size_t i = 0; i < started_n; i++)
        if (uuid_equal(started[i].jti, jti))
            violation("ticket …%02x started twice, at sites %d and %d", jti.b[15], started[i].site, site);
    if (r == NULL || r->permit_instance == 0)
        violation("ticket …%02x started without a permit", jti.b[15]);
    started[started_n++] = (struct started){ .jti = jti, .when = sim.now, .site = site };
    totals.starts++;
}

/* ---- commits ---------------------------------------------------------------------------------------------------------- */

struct permit { struct uuid request, jti; int64_t at_ms; };
static struct permit permits[512];
static size_t permits_n;

static bool
is_end(const struct reservation *r)
{
    return r == NULL || r->state == TICKET_SETTLED || r->state == TICKET_VOIDED || r->state == TICKET_CONTESTED;
}

/* At most one live permit a request: two of a ticket lie one and a half lives apart; another ticket of the request gets
 * one only when the one before has ended. */
static void
check_permit(const struct flight *f, const struct report_row *report)
{
    const struct reservation *r = reservation_then(f, report->jti);
    int64_t apart_ms = ticket_span(60000, sim.rate) * 3 / 2;

    if (r == NULL) {
        violation("a permit for no reservation");
        return;
    }
    for (size_t i = 0; i < permits_n; i++) {
        const struct permit *p = &permits[i];

        if (!uuid_equal(p->request, r->request))
            continue;
        if (uuid_equal(p->jti, r->id) ? report->received_ms < p->at_ms + apart_ms
                                      : !is_end(reservation_then(f, p->jti)))
            violation("a second permit for one request: tickets …%02x and …%02x", p->jti.b[15], r->id.b[15]);
    }
    if (permits_n < sizeof permits / sizeof permits[0])
        permits[permits_n++] = (struct permit){ r->request, r->id, report->received_ms };
    totals.permits++;
}

void
check_commit(const struct flight *f)
{
    const struct statement *head = &f->s[0];

    if (head->have.term != pg.head.term || head->have.batch != pg.head.batch)
        violation("an old leader writes: term %llu, batch %llu; the head is at %llu, %llu",
                  (unsigned long long)head->have.term, (unsigned long long)head->have.batch,
                  (unsigned long long)pg.head.term, (unsigned long long)pg.head.batch);
    if (head->next.size != pg.entries_n + head->entries_n ||
        (head->entries_n > 0 && head->entries[0].index != pg.entries_n))
        violation("the journal's numbers have a gap");
    for (size_t i = 1; i < f->n; i++) {
        const struct statement *st = &f->s[i];

        for (size_t k = 0; st->table != NULL && strcmp(st->table->name, "report") == 0 && k < st->n; k++) {
            const struct report_row *row = st->rows[k]->object;
            if (row->kind == REPORT_ACCEPTED && (row->answer_flags & ANSWER_PERMIT_GRANTED))
                check_permit(f, row);
        }
    }
    note("commit", head->next.size, head->next.batch);
}

/* ---- the leader's memory ---------------------------------------------------------------------------------------------- */

static void
check_reservation(const struct state *s, const struct reservation *r)
{
    const struct hold *h = ledger_hold(s->ledger, r->hold);
    const struct request_state *request = map_get(s->by_request, &r->request);
    bool finished = r->state == TICKET_SETTLED || r->state == TICKET_CONTESTED;

    if (h == NULL || !uuid_equal(h->reservation, r->id))
        violation("reservation …%02x has no hold", r->id.b[15]);
    else if (h->open == finished)
        violation("reservation …%02x is %s, its hold is %s", r->id.b[15], ticket_state_word(r->state),
                  h->open ? "open" : "closed");
    else if (h->disputed != ticket_state_is_disputed(r->state))
        violation("reservation …%02x is %s, its hold is %sdisputed", r->id.b[15], ticket_state_word(r->state),
                  h->disputed ? "" : "not ");
    if (due_at(s->due, DUE_RESERVATION, r->id, 0) == DUE_NEVER)
        violation("reservation …%02x is %s and has no timer", r->id.b[15], ticket_state_word(r->state));
    if (request == NULL || (request->live == r) == finished)
        violation("reservation …%02x is %s, its request says otherwise", r->id.b[15], ticket_state_word(r->state));
}

void
check_memory(const struct state *s)
{
    const char *broken = ledger_conserved(s->ledger);
    const struct hold *h;
    size_t it = 0;
    void *value;

    if (broken != NULL)
        violation("credits are not conserved: %s", broken);
    if (!ledger_group_whole(s->ledger))
        violation("a group is not whole");
    while ((h = ledger_next_hold(s->ledger, &it)) != NULL)
        if ((h->open || h->disputed) && index_reservation(s, h->reservation) == NULL)
            violation("hold %llu has no exit: no reservation lives", (unsigned long long)h->index);
    for (it = 0; map_next(s->reservations, &it, NULL, &value);)
        check_reservation(s, value);
}

static void
add_thing(uint64_t *sum, const void *thing, size_t len)
{
    struct hash h = sha256(BYTES(thing, len));
    uint64_t part;

    memcpy(&part, h.b, sizeof part);
    *sum += part;
}

struct summary
summary_of(struct market *m)
{
    const struct state *s = market_read_lock(m);
    struct summary sum = { .size = ledger_size(s->ledger), .root = ledger_state_root(s->ledger),
                           .quotes = map_count(s->quotes) };
    void *value;

    for (size_t it = 0; map_next(s->sites, &it, NULL, &value);) {
        const struct site_state *site = value;
        uint64_t numbers[] = { site->site, site->last_seq, site->confirmed_seq, site->last_report, site->paused,
                               site->draining, site->retired_instance, site->base_seq, site->base_report };

        add_thing(&sum.things, numbers, sizeof numbers);
    }
    for (size_t it = 0; map_next(s->reservations, &it, NULL, &value);) {
        struct reservation r = *(const struct reservation *)value;

        if (r.state == TICKET_SETTLED) /* it leaves the memory by time */
            continue;
        sum.reservations++;
        add_thing(&sum.things, r.ask.data, r.ask.len);
        r.row = (struct row){ 0 };
        r.ask.data = NULL;
        r.renewed = false, r.quoted_s = 0, r.stays_until_ms = 0; /* memory only */
        add_thing(&sum.things, &r, sizeof r);
    }
    market_read_unlock(m);
    return sum;
}

/* ---- the end ---------------------------------------------------------------------------------------------------------- */

static void
check_audit(void)
{
    char dir[64];
    struct export_result result;
    struct err_detail d = { 0 };
    struct audit audit = { .dir = dir };

    snprintf(dir, sizeof dir, "/dev/shm/kontor-sim.%d", (int)getpid());
    if (export_write(NULL, dir, EXPORT_EVIDENCE, NULL, NULL, (struct export_checkpoint){ NULL, NULL, NULL }, NULL, &result, &d) != OK)
        violation("the journal cannot be exported: %s %s", d.text, d.internal);
    else if (result.faults > 0)
        violation("the export finds %llu faults", (unsigned long long)result.faults);
    else if (audit_verify(&audit, &d) != OK)
        violation("the auditor cannot read the export: %s", d.text);
    else if (audit.found.n > 0)
        violation("the audit finds: leaf %llu: %s", (unsigned long long)audit_first(&audit)->leaf, audit_first(&audit)->what);
}

/* What a job that ran has come to: paid by its use, or its site signed that it failed, or people or time decided. */
static void
check_started(const struct state *s, const struct started *job)
{
    const struct reservation *r = reservation_row(job->jti);
    const struct hold *h = r != NULL ? ledger_hold(s->ledger, r->hold) : NULL;

    if (h == NULL) {
        violation("job …%02x ran and has no reservation", job->jti.b[15]);
        return;
    }
    if (forge_has(job->jti)) /* what its site has signed is so */
        return;
    if (r->state == TICKET_SETTLED || r->state == TICKET_CONTESTED)
        totals.settled++;
    else if (r->state != TICKET_VOIDED)
        totals.disputes++;
    else if (job->ended && job->gpu_seconds == 0 && (r->outcome == OUTCOME_CANCELLED || r->outcome == OUTCOME_NEVER_STARTED))
        return; /* cancelled within its first second: there is nothing to pay */
    else if (r->outcome != OUTCOME_FAILED_SITE && r->outcome != OUTCOME_EXPIRED && r->outcome != OUTCOME_RESOLVED &&
             !(r->outcome == OUTCOME_WITHDRAWN && ledger_hold(s->ledger, r->hold)->resolved_by != NO_INDEX))
        violation("job …%02x ran and is voided: %s", job->jti.b[15], ticket_outcome_name(r->outcome));
    if (r->state == TICKET_SETTLED && r->outcome == OUTCOME_FINISHED && h->corrected == 0 && job->ended &&
        r->reported_gpu_seconds == job->gpu_seconds) {
        int64_t cost = (int64_t)job->gpu_seconds * h->rate_milli, paid = cost < h->amount ? cost : h->amount;
        if (h->settled != paid)
            violation("job …%02x used %lld gpums and was paid %lld", job->jti.b[15], (long long)cost,
                      (long long)h->settled);
    }
}

static void
check_numbers(const char *table, const char *number)
{
    const struct pgtable *t = pg_table(table);

    for (int site = 0; site < SITES; site++) {
        uint64_t n = 0, most = 0;

        for (size_t i = 0; i < t->n; i++) {
            uint64_t of = number[0] == 's' ? ((const struct ticket_row *)t->rows[i]->object)->site
                                           : ((const struct report_row *)t->rows[i]->object)->site;
            uint64_t is = number[0] == 's' ? ((const struct ticket_row *)t->rows[i]->object)->seq
                                           : ((const struct report_row *)t->rows[i]->object)->number;
            if (of != base.w->site[site])
                continue;
            n++;
            most = is > most ? is : most;
        }
        if (n != most)
            violation("the %s numbers of a site have a gap: %llu of %llu", table, (unsigned long long)n,
                      (unsigned long long)most);
    }
}

static void
check_promise(const struct promise *p)
{
    const struct pgtable *quotes = pg_table("quote");
    bool found = false;

    if (p->kind == COMMAND_ACCEPT)
        found = reservation_row(p->answer.id) != NULL;
    else if (p->kind == COMMAND_QUOTE)
        for (size_t i = 0; i < quotes->n && !found; i++)
            found = uuid_equal(((const struct quote *)quotes->rows[i]->object)->id, p->answer.id);
    else
        found = p->kind != COMMAND_ORDER || p->answer.index < pg.entries_n;
    if (!found)
        violation("what was answered to command %d is not there", (int)p->kind);
}

static void
check_receipt(void *with, uint64_t number, const uint8_t *statement)
{
    const struct seat *s = with;
    const struct pgtable *t = pg_table("report");

    for (size_t i = 0; i < t->n; i++) {
        const struct report_row *row = t->rows[i]->object;
        if (row->site == base.w->site[s->site] && row->number == number &&
            memcmp(row->statement, statement, sizeof row->statement) == 0)
            return;
    }
    violation("site %d has a receipt for report %llu, which is not recorded", s->site, (unsigned long long)number);
}

void
check_begin(void)
{
    permits_n = 0;
    started_n = 0;
}

bool
check_all_over(void)
{
    const struct pgtable *t = pg_table("reservation");

    for (size_t i = 0; i < t->n; i++) {
        const struct reservation *r = t->rows[i]->object;
        if (r->state != TICKET_SETTLED && r->state != TICKET_VOIDED)
            return false;
    }
    return true;
}

void
check_end(void)
{
    const struct server *l = server_in_office();
    const struct pgtable *t = pg_table("reservation");
    const struct state *s;
    const struct hold *h;

    if (l == NULL) {
        violation("nobody leads in the end");
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct reservation *r = t->rows[i]->object;
        if (!ticket_state_is_end(r->state))
            violation("reservation …%02x is %s for ever", r->id.b[15], ticket_state_word(r->state));
        totals.outcomes[r->outcome]++;
    }
    s = market_read_lock(l->market);
    check_memory(s);
    for (size_t it = 0; (h = ledger_next_hold(s->ledger, &it)) != NULL;)
        if (h->open)
            violation("hold %llu is open for ever", (unsigned long long)h->index);
    for (size_t i = 0; i < started_n; i++)
        check_started(s, &started[i]);
    market_read_unlock(l->market);
    check_numbers("ticket", "seq");
    check_numbers("report", "number");
    for (size_t i = 0; i < promises_n; i++)
        check_promise(&promises[i]);
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i].committed != NULL)
            image_receipts(seats[i].committed, check_receipt, &seats[i]);
    check_audit();
}
