/* market/batch.c: what decide functions add to a batch. All of it can be taken back by the undo log. */
#include "market/market_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "market/index.h"

enum { KEEP_BYTES = 4 << 20 }; /* a vector that grew beyond is given back after its batch */

void
batch_init(struct batch *b)
{
    *b = (struct batch){
        .entries.size = sizeof(struct batch_entry),
        .bytes.size = 1,
        .tickets.size = sizeof(struct ticket_row),
        .reports.size = sizeof(struct report_row),
        .capacity.size = sizeof(struct capacity_row),
        .answers.size = sizeof(struct answer_row),
        .tiles.size = sizeof(struct tile_row),
        .assertions.size = sizeof(struct assertion_row),
        .events.size = sizeof(struct market_event),
        .arena = arena_new(),
    };
}

static void
vector_clear(struct vector *v, size_t keep)
{
    v->n = 0;
    if (v->cap * v->size > keep) {
        free(v->items);
        v->items = NULL;
        v->cap = 0;
    }
}

static void
clear(struct batch *b, size_t keep)
{
    struct vector *const all[] = { &b->entries, &b->bytes, &b->tickets, &b->reports, &b->capacity, &b->answers,
                                   &b->tiles,   &b->assertions, &b->events };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        vector_clear(all[i], keep);
    b->rows = NULL;
    arena_delete(b->arena);
    b->arena = NULL;
}

void
batch_clear(struct batch *b)
{
    clear(b, KEEP_BYTES);
    b->arena = arena_new();
}

void
batch_free(struct batch *b)
{
    clear(b, 0);
}

/* Room for n more items, zeroed. */
void *
vector_add(struct vector *v, struct undo *undo, size_t n)
{
    void *at;

    if (v->cap - v->n < n) {
        while (v->cap - v->n < n)
            v->cap = v->cap > 0 ? v->cap * 2 : 64;
        v->items = xrealloc(v->items, v->cap * v->size);
    }
    undo_save(undo, &v->n, sizeof v->n);
    at = (char *)v->items + v->n * v->size;
    memset(at, 0, n * v->size);
    v->n += n;
    return at;
}

void
batch_event(struct deciding *d, enum market_event_kind kind, uint64_t index, struct uuid id)
{
    struct vector *v = &d->batch->events;
    struct market_event *newest = v->n > 0 ? (struct market_event *)v->items + v->n - 1 : NULL;
    struct market_event event = { .kind = kind, .index = index, .id = id };

    if (newest == NULL || newest->kind != kind || newest->index != index || !uuid_equal(newest->id, id))
        *(struct market_event *)vector_add(v, d->undo, 1) = event;
}

static void
add_entry(struct deciding *d, const struct entry *e)
{
    struct batch *b = d->batch;
    struct batch_entry *row = vector_add(&b->entries, d->undo, 1);
    uint8_t encoded[ENTRY_MAX];

    row->header = *e;
    row->len = entry_encode(e, encoded);
    row->at = b->bytes.n;
    memcpy(vector_add(&b->bytes, d->undo, row->len), encoded, row->len);
}

static void
event_of_grant(struct deciding *d, uint64_t account)
{
    const struct account *a = account == NO_INDEX ? NULL : ledger_account(d->state->ledger, account);

    if (a != NULL && a->class == ACCOUNT_GRANT)
        batch_event(d, EVENT_GRANT, account, (struct uuid){ { 0 } });
}

enum err
batch_group(struct deciding *d, struct entry *entries, size_t n)
{
    undo_mark mark = undo_here(d->undo);

    assert(n > 0 && n <= GROUP_MAX);
    assert(ledger_group_whole(d->state->ledger));
    for (size_t i = 0; i < n; i++) {
        const char *rule = NULL;
        enum err err;

        entries[i].version = ENTRY_VERSION;
        ledger_place(d->state->ledger, &entries[i], (uint16_t)n, d->now_ms);
        err = ledger_apply(d->state->ledger, &entries[i], d->undo, &rule);
        if (err) {
            undo_back(d->undo, mark);
            return err_say(d->detail, err, "%s", rule != NULL ? rule : "");
        }
        add_entry(d, &entries[i]);
        event_of_grant(d, entries[i].debit);
        event_of_grant(d, entries[i].credit);
    }
    return OK;
}

static void
link_row(struct deciding *d, struct row *row, enum row_state state)
{
    undo_save(d->undo, &d->batch->rows, sizeof d->batch->rows);
    row->state = state;
    row->next = d->batch->rows;
    d->batch->rows = row;
}

void
batch_new(struct deciding *d, struct row *row)
{
    assert(row->state == ROW_CLEAN); /* not saved: if it is taken back, the whole object goes */
    link_row(d, row, ROW_NEW);
}

void
batch_changed(struct deciding *d, struct row *row, size_t len)
{
    assert(len >= sizeof *row);
    undo_save(d->undo, row, len);
    if (row->state == ROW_CLEAN)
        link_row(d, row, ROW_CHANGED);
}

uint64_t
batch_ticket(struct deciding *d, uint64_t site, struct uuid jti, struct uuid reservation, const char *claims, size_t len)
{
    struct site_state *s = index_site(d->state, site);
    struct ticket_row *row;
    uint8_t *copy = arena_alloc(d->batch->arena, len > 0 ? len : 1);

    assert(s != NULL);
    batch_changed(d, &s->row, sizeof *s);
    memcpy(copy, claims, len);
    row = vector_add(&d->batch->tickets, d->undo, 1);
    *row = (struct ticket_row){ .site = site, .seq = ++s->last_seq, .jti = jti, .reservation = reservation,
                                .claims = BYTES(copy, len), .created_ms = d->now_ms };
    *(struct market_event *)vector_add(&d->batch->events, d->undo, 1) =
        (struct market_event){ .kind = EVENT_TICKET, .index = site, .seq = row->seq, .claims = row->claims };
    return row->seq;
}

void
batch_assertion(struct deciding *d, struct bytes assertion)
{
    uint8_t *copy = arena_alloc(d->batch->arena, assertion.len);

    memcpy(copy, assertion.data, assertion.len);
    *(struct assertion_row *)vector_add(&d->batch->assertions, d->undo, 1) =
        (struct assertion_row){ .sha256 = sha256(assertion), .bytes = BYTES(copy, assertion.len), .created_ms = d->now_ms };
}

void
batch_report(struct deciding *d, const struct command *c, uint32_t answer_flags, enum err permit_reason)
{
    struct report_row *row = vector_add(&d->batch->reports, d->undo, 1);
    const struct report *r = &c->in.report.report;

    *row = (struct report_row){
        .site = r->site, .number = r->number, .instance = r->instance, .key = c->in.report.key, .fence = r->fence,
        .kind = r->kind, .time_ms = r->time_ms, .output = c->in.report.output,
        .output_len = c->in.report.output_len, .answer_flags = answer_flags, .reason = permit_reason,
        .received_ms = d->now_ms,
    };
    if (r->kind != REPORT_INVENTORY) /* there its mark stands in that place */
        row->jti = r->jti;
    memcpy(row->statement, c->in.report.statement, sizeof row->statement);
    memcpy(row->signature, c->in.report.signature, sizeof row->signature);
}

void
batch_answer(struct deciding *d, const struct command *c)
{
    struct answer_row *row = vector_add(&d->batch->answers, d->undo, 1);

    *row = (struct answer_row){
        .scope = c->idem.scope, .request = c->idem.request, .err = c->err, .id = c->answer.id,
        .index = c->answer.index, .number = c->answer.number, .time_ms = c->answer.time_ms, .flags = c->answer.flags,
        .created_ms = d->now_ms,
    };
    if (c->err)
        text_format(row->text, sizeof row->text, "%s", c->detail.text);
}
