/* core/period.c */
#include "core/period.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/num.h"

struct key { uint64_t list, of[3]; };
enum { OF_MOVE, OF_SIGNATURE };

void
period_begin(struct period *p)
{
    *p = (struct period){ .at = map_new(sizeof(struct key)) };
    csv_printf(&p->disputes, "entry,time,what,hold,reason,share_milli,amount_gpums\r\n");
    csv_printf(&p->corrections, "entry,time,of,of_hold,reason,debit,credit,amount_gpums\r\n");
}

/* ---- moves ----------------------------------------------------------------------------------------------------------- */

static void
take_move(struct period *p, const struct entry *e)
{
    struct key key = { OF_MOVE, { e->kind, e->debit, e->credit } };
    struct report_move *m = map_get(p->at, &key);

    if (!m) {
        m = xcalloc(1, sizeof *m);
        *m = (struct report_move){ .kind = e->kind, .debit = e->debit, .credit = e->credit, .first = e->index };
        map_put(p->at, &key, m, NULL);
        if (p->moves_n == p->moves_cap) {
            p->moves_cap = p->moves_cap ? 2 * p->moves_cap : 64;
            p->moves = xrealloc(p->moves, p->moves_cap * sizeof(struct report_move *));
        }
        p->moves[p->moves_n++] = m;
    }
    m->count++;
    m->last = e->index;
    if (!add_i64(m->gpums, e->amount, &m->gpums))
        m->gpums = INT64_MAX;
}

static int
by_move(const void *a, const void *b)
{
    const struct report_move *x = *(struct report_move *const *)a, *y = *(struct report_move *const *)b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->debit != y->debit)
        return x->debit < y->debit ? -1 : 1;
    return x->credit < y->credit ? -1 : x->credit > y->credit;
}

void
period_moves_csv(const struct period *p, struct json_out *out)
{
    csv_printf(out, "kind,debit,credit,entries,gpums,first,last\r\n");
    for (size_t i = 0; i < p->moves_n; i++) {
        const struct report_move *m = p->moves[i];

        csv_printf(out, "%s,%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 ",%" PRIu64 "\r\n", entry_kind_name((uint16_t)m->kind), m->debit,
                   m->credit, m->count, m->gpums, m->first, m->last);
    }
}

/* ---- signatures ------------------------------------------------------------------------------------------------------ */

static void
take_signature(struct period *p, uint16_t kind, const struct authority_slot *slot)
{
    struct key key = { OF_SIGNATURE, { kind, slot->class, slot->key } };
    struct period_signed *s = map_get(p->at, &key);

    if (!s) {
        s = xcalloc(1, sizeof *s);
        *s = (struct period_signed){ .kind = kind, .class = slot->class, .key = slot->key };
        map_put(p->at, &key, s, NULL);
        if (p->signed_n == p->signed_cap) {
            p->signed_cap = p->signed_cap ? 2 * p->signed_cap : 64;
            p->signatures = xrealloc(p->signatures, p->signed_cap * sizeof(struct period_signed *));
        }
        p->signatures[p->signed_n++] = s;
    }
    s->count++;
}

static int
by_signature(const void *a, const void *b)
{
    const struct period_signed *x = *(struct period_signed *const *)a, *y = *(struct period_signed *const *)b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* Who vouches for an entry: a site or an officer by a key of its own, a passkey, the server for somebody who was signed in. */
void
period_signatures_csv(const struct period *p, struct json_out *out)
{
    static const char *const CLASS[] = { "", "own key", "passkey", "on the operator's word" };

    csv_printf(out, "kind,by,key,signatures\r\n");
    for (size_t i = 0; i < p->signed_n; i++) {
        const struct period_signed *s = p->signatures[i];

        csv_printf(out, "%s,%s,%" PRIu64 ",%" PRId64 "\r\n", entry_kind_name(s->kind), s->class <= 3 ? CLASS[s->class] : "unknown", s->key, s->count);
    }
}

/* ---- disputes and corrections ---------------------------------------------------------------------------------------- */

static const char *
said_of_dispute(const struct entry *e)
{
    if (e->kind == RESOLVE)
        return "resolved";
    if (e->kind != NOTICE)
        return NULL;
    switch (e->u.notice.type) {
    case NOTICE_DISPUTE_OPENED: return "opened";
    case NOTICE_SAID: return "said";
    case NOTICE_DISPUTE_CLOSED: return "closed";
    default: return NULL;
    }
}

static void
take_dispute(struct period *p, const struct entry *e)
{
    const char *what = said_of_dispute(e);
    char time[TIME_TEXT];

    if (!what)
        return;
    time_text(e->time_ms, time);
    p->opened += e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_OPENED;
    p->closed += e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_CLOSED;
    csv_printf(&p->disputes, "%" PRIu64 ",%s,%s,%" PRIu64 ",%u,%u,%" PRId64 "\r\n", e->index, time, what, e->kind == NOTICE ? e->u.notice.ref : e->u.resolve.hold,
               e->kind == NOTICE ? (unsigned)e->u.notice.reason : 0U, e->kind == RESOLVE ? e->u.resolve.share_milli : 0U, e->amount);
}

static void
take_correction(struct period *p, const struct entry *e)
{
    char time[TIME_TEXT];

    time_text(e->time_ms, time);
    csv_printf(&p->corrections, "%" PRIu64 ",%s,%" PRIu64 ",%u,%u,%" PRIu64 ",%" PRIu64 ",%" PRId64 "\r\n", e->index, time, e->u.correct.entry,
               (unsigned)e->u.correct.of_hold, (unsigned)e->u.correct.reason, e->debit, e->credit, e->amount);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

void
period_take(struct period *p, const struct entry *e)
{
    struct entry copy = *e; /* entry_authority() gives what may be written */
    const struct authority *auth = entry_authority(&copy);

    if (!p->entries++)
        p->first = e->index;
    if (e->debit != NO_INDEX && e->credit != NO_INDEX)
        take_move(p, e);
    for (unsigned i = 0; auth && i < 2; i++)
        if (auth->slot[i].class)
            take_signature(p, e->kind, &auth->slot[i]);
    take_dispute(p, e);
    if (e->kind == CORRECT)
        take_correction(p, e);
}

void
period_sort(struct period *p)
{
    if (p->moves_n)
        qsort(p->moves, p->moves_n, sizeof *p->moves, by_move);
    if (p->signed_n)
        qsort(p->signatures, p->signed_n, sizeof *p->signatures, by_signature);
}

void
period_end(struct period *p)
{
    for (size_t i = 0; i < p->moves_n; i++)
        free(p->moves[i]);
    for (size_t i = 0; i < p->signed_n; i++)
        free(p->signatures[i]);
    free(p->moves);
    free(p->signatures);
    json_out_free(&p->disputes);
    json_out_free(&p->corrections);
    map_delete(p->at);
    *p = (struct period){ .first = 0 };
}
