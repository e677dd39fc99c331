/* tests/unit/market_world.c */
#include "market_world.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "core/needs.h"
#include "market_trace.h"

/* ---- a batch that is never written ------------------------------------------------------------------------------- */

/* What the last batch of one has issued, as the sequencer would write it. */
static void
keep_batch(struct market_world *m)
{
    const struct ticket_row *tickets = m->batch.tickets.items;
    const struct report_row *reports = m->batch.reports.items;

    for (size_t i = 0; i < m->batch.tickets.n; i++) {
        char *claims = xcalloc(1, tickets[i].claims.len + 1);

        memcpy(claims, tickets[i].claims.data, tickets[i].claims.len);
        m->tickets = xrealloc(m->tickets, (m->tickets_n + 1) * sizeof *m->tickets);
        m->tickets[m->tickets_n++] =
            (struct told_ticket){ tickets[i].site, tickets[i].seq, tickets[i].jti, tickets[i].reservation, claims };
    }
    for (size_t i = 0; i < m->batch.reports.n; i++) {
        m->reports = xrealloc(m->reports, (m->reports_n + 1) * sizeof *m->reports);
        m->reports[m->reports_n++] =
            (struct told_report){ reports[i].site, reports[i].number, reports[i].answer_flags, reports[i].reason };
    }
    for (struct row *row = m->batch.rows, *next; row != NULL; row = next) {
        next = row->next;
        row->state = ROW_CLEAN;
        row->next = NULL;
    }
    ledger_clear_dirty(m->w->l);
    undo_commit(m->undo);
    batch_clear(&m->batch);
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

static struct state
state_make(struct ledger *l)
{
    return (struct state){
        .ledger = l,
        .origin = "kontor.example/journal",
        .clock = clock_simulated(0, 0, 1),
        .due = due_new(),
        .quotes = map_new_inside(16, offsetof(struct quote, id)),
        .reservations = map_new_inside(16, offsetof(struct reservation, id)),
        .by_request = map_new_inside(16, offsetof(struct request_state, request)),
        .sites = map_new(8),
        .offerings = map_new(8),
        .grants = map_new(8),
        .parking = map_new(32),
        .by_ticket = map_new(16),
    };
}

static void
add_offering(struct market_world *m, struct state *s, int i)
{
    struct site_state *site = xcalloc(1, sizeof *site);
    struct offering_state *os = xcalloc(1, sizeof *os);
    int64_t slot = calendar_slot_of(m->w->now);

    site->site = m->w->site[i];
    site->row.kind = ROW_SITE;
    site->takes = NEEDS_KNOWN;
    map_put(s->sites, &site->site, site, NULL);
    *os = (struct offering_state){
        .row.kind = ROW_CAPACITY,
        .offering = m->w->offering[i],
        .site = m->w->site[i],
        .nodes = 32,
        .brokered_gpus = MW_GPUS,
        .pool_nodes = MW_POOL_NODES,
        .from_ms = m->w->now,
        .calendar = calendar_new(MW_GPUS - MW_POOL_NODES * 4, slot),
        .pool = calendar_new(MW_POOL_NODES * 4, slot),
    };
    map_put(s->offerings, &os->offering, os, NULL);
}

struct market_world *
mw_new(void)
{
    struct market_world *m = xcalloc(1, sizeof *m);

    m->w = world_new();
    world_seed(m->w);
    m->undo = undo_new();
    batch_init(&m->batch);
    m->state = state_make(m->w->l);
    for (int i = 0; i < 2; i++) {
        add_offering(m, &m->state, i);
        index_grant_due(&m->state, ledger_account(m->w->l, m->w->grant[i]), NULL);
        if (mw_instance(m, i) != OK)
            abort();
    }
    return m;
}

static void
free_all(struct map *map)
{
    size_t it = 0;
    void *value;

    while (map_next(map, &it, NULL, &value))
        free(value);
    map_delete(map);
}

static void
state_free(struct state *s)
{
    size_t it = 0;
    void *value;

    while (map_next(s->quotes, &it, NULL, &value))
        free((void *)(uintptr_t)((struct quote *)value)->answer.data);
    for (it = 0; map_next(s->sites, &it, NULL, &value);)
        free(((struct site_state *)value)->recent);
    for (it = 0; map_next(s->offerings, &it, NULL, &value);) {
        calendar_delete(((struct offering_state *)value)->calendar);
        calendar_delete(((struct offering_state *)value)->pool);
    }
    free_all(s->quotes);
    for (it = 0; map_next(s->reservations, &it, NULL, &value);)
        index_reservation_release(value);
    map_delete(s->reservations);
    free_all(s->by_request);
    free_all(s->sites);
    free_all(s->offerings);
    free_all(s->grants);
    free_all(s->parking);
    map_delete(s->by_ticket);
    due_delete(s->due);
}

void
mw_delete(struct market_world *m)
{
    state_free(&m->state);
    undo_delete(m->undo);
    batch_free(&m->batch);
    for (size_t i = 0; i < m->tickets_n; i++)
        free(m->tickets[i].claims);
    free(m->tickets);
    free(m->reports);
    world_delete(m->w);
    free(m);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

enum err
mw_run(struct market_world *m, struct command *c)
{
    struct deciding d = { &m->state, m->undo, &m->batch, m->w->now, &m->detail };
    struct answer none = { 0 };
    enum err err;

    for (size_t i = 0; i < 3; i++)
        c->new_id[i] = world_uuid(m->w);
    if (m->undo_twice) {
        struct hash before = mw_digest(m);
        err = decide_command(&d, c);
        undo_back(m->undo, 0);
        if (!hash_equal(before, mw_digest(m)) || m->batch.rows != NULL ||
            m->batch.entries.n + m->batch.tickets.n + m->batch.reports.n + m->batch.events.n > 0) {
            fprintf(stderr, "command %d is not taken back whole\n", c->kind);
            abort();
        }
        undo_commit(m->undo);
        batch_clear(&m->batch);
        c->answer = none;
    }
    m->detail = (struct err_detail){ 0 };
    err = decide_command(&d, c);
    m->answer = c->answer;
    if (err)
        undo_back(m->undo, 0);
    keep_batch(m);
    if (m->trace != NULL)
        market_trace(m->trace, m, c, err);
    return err;
}

void
mw_advance(struct market_world *m, int64_t ms)
{
    m->w->now += ms;
    index_advance(&m->state, m->w->now);
}

enum err
mw_timer(struct market_world *m, enum due_what what, struct uuid id, uint64_t index)
{
    struct command c = { .kind = COMMAND_TIMER, .actor.kind = ACTOR_JANITOR, .in.timer = { id, index, what } };

    return mw_run(m, &c);
}

size_t
mw_timers(struct market_world *m)
{
    struct due_item items[256];
    size_t n = due_list(m->state.due, m->w->now, items, 256);

    for (size_t i = 0; i < n; i++) {
        enum err err = mw_timer(m, items[i].what, items[i].id, items[i].index);
        if (err != OK) {
            fprintf(stderr, "timer %d refused: %s %s\n", items[i].what, err_wire(err), m->detail.internal);
            abort();
        }
    }
    return n;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

struct broker_ask
mw_ask(int32_t gpus, int64_t walltime_s)
{
    return (struct broker_ask){ .gpus = gpus, .walltime_s = walltime_s, .preference = BROKER_CHEAPEST };
}

static struct command
by_grant(struct market_world *m, enum command_kind kind, int grant)
{
    struct command c = { .kind = kind, .org = m->w->org[grant] };

    c.actor.kind = ACTOR_PERSON;
    c.actor.orgs[0].id = m->w->org[grant];
    c.actor.orgs_n = 1;
    return c;
}

static struct command
by_site(struct market_world *m, enum command_kind kind, int site)
{
    struct command c = { .kind = kind };

    c.actor.kind = ACTOR_AGENT;
    c.actor.sites[0] = m->w->site[site];
    c.actor.sites_n = 1;
    c.actor.instance = index_site(&m->state, m->w->site[site])->instance;
    return c;
}

enum err
mw_quote(struct market_world *m, int grant, struct uuid request, const struct broker_ask *ask, struct uuid *ret)
{
    struct command c = by_grant(m, COMMAND_QUOTE, grant);
    enum err err;

    c.in.quote.request = request;
    c.in.quote.grant = m->w->grant[grant];
    c.in.quote.ask = ask;
    c.in.quote.workload = sha256(BYTES_TEXT("#!/bin/sh"));
    c.in.quote.workload_len = 9;
    snprintf(c.in.quote.name, sizeof c.in.quote.name, "train \"it\"");
    err = mw_run(m, &c);
    if (err == OK && ret != NULL)
        *ret = c.answer.id;
    return err;
}

enum err
mw_renew(struct market_world *m, int grant, struct uuid quote)
{
    struct command c = by_grant(m, COMMAND_QUOTE_RENEW, grant);

    c.in.quote_renew.quote = quote;
    return mw_run(m, &c);
}

enum err
mw_release(struct market_world *m, int grant, struct uuid quote)
{
    struct command c = by_grant(m, COMMAND_QUOTE_RELEASE, grant);

    c.in.quote_renew.quote = quote;
    return mw_run(m, &c);
}

enum err
mw_accept(struct market_world *m, int grant, struct uuid quote, uint32_t option, bool move_freely, struct uuid *ret)
{
    struct command c = by_grant(m, COMMAND_ACCEPT, grant);
    enum err err;

    c.in.accept.quote = quote;
    c.in.accept.option = option;
    c.in.accept.move_freely = move_freely;
    err = mw_run(m, &c);
    if (err == OK && ret != NULL)
        *ret = c.answer.id;
    return err;
}

enum err
mw_cancel(struct market_world *m, int grant, struct uuid reservation)
{
    struct command c = by_grant(m, COMMAND_CANCEL, grant);

    c.in.cancel.reservation = reservation;
    return mw_run(m, &c);
}

enum err
mw_cancel_request(struct market_world *m, int grant, struct uuid request)
{
    struct command c = by_grant(m, COMMAND_CANCEL, grant);

    c.in.cancel.request = request;
    return mw_run(m, &c);
}

enum err
mw_instance(struct market_world *m, int site)
{
    struct command c = by_site(m, COMMAND_INSTANCE, site);
    const struct site_state *ss = index_site(&m->state, m->w->site[site]);

    c.in.instance.site = ss->site;
    c.in.instance.key = m->w->site_key[site];
    c.in.instance.last_confirmed_seq = ss->last_seq;
    c.in.instance.last_receipted_report = ss->last_report;
    c.in.instance.takes = NEEDS_KNOWN;
    return mw_run(m, &c);
}

enum err
mw_received(struct market_world *m, int site, uint64_t seq)
{
    struct command c = by_site(m, COMMAND_RECEIVED, site);

    c.in.received.site = m->w->site[site];
    c.in.received.instance = c.actor.instance;
    c.in.received.seq = seq;
    return mw_run(m, &c);
}

enum err
mw_report(struct market_world *m, const struct report *r)
{
    int site = r->site == m->w->site[0] ? 0 : 1;
    struct command c = by_site(m, COMMAND_REPORT, site);

    c.in.report.report = *r;
    c.in.report.key = m->w->site_key[site];
    report_statement(r, ledger_genesis(m->w->l), c.in.report.statement);
    memset(c.in.report.signature, 0x5a, sizeof c.in.report.signature); /* verified before a command is sent */
    return mw_run(m, &c);
}

int
mw_site_of(const struct market_world *m, const struct reservation *r)
{
    return r->site == m->w->site[0] ? 0 : 1;
}

struct report
mw_report_of(struct market_world *m, const struct reservation *r, enum report_kind kind)
{
    const struct site_state *ss = index_site(&m->state, r->site);
    struct report report = {
        .site = r->site,
        .number = ss->last_report + 1,
        .instance = ss->instance,
        .kind = (uint16_t)kind,
        .jti = r->jti,
        .fence = r->fence,
        .time_ms = m->w->now,
    };
    bool ran = kind == REPORT_STARTED || kind == REPORT_USAGE || kind == REPORT_FINISHED ||
               ((kind == REPORT_FAILED || kind == REPORT_CANCELLED) && r->started_ms != 0);

    if (kind == REPORT_REJECTED)
        report.reason = REASON_NO_USER;
    if (kind == REPORT_FAILED)
        report.reason = REASON_JOB;
    if (!ran)
        return report;
    report.started_ms = r->started_ms != 0 ? r->started_ms : m->w->now;
    if (kind >= REPORT_USAGE) {
        int64_t run_s = (m->w->now - report.started_ms) / 1000;
        report.gpu_seconds = r->gpus * (uint64_t)run_s;
        report.ended_ms = kind == REPORT_USAGE ? 0 : m->w->now;
    }
    return report;
}

struct reservation *
mw_reservation(struct market_world *m, struct uuid id)
{
    return index_reservation(&m->state, id);
}

const struct told_ticket *
mw_last_ticket(const struct market_world *m)
{
    return m->tickets_n > 0 ? &m->tickets[m->tickets_n - 1] : NULL;
}

/* ---- what must always hold --------------------------------------------------------------------------------------- */

#define CHECK(cond, text)  \
    do {                   \
        if (!(cond))       \
            return (text); \
    } while (0)

struct bookings {
    const struct calendar *calendar;
    int32_t *gpus;
    int64_t first, slots;
};

static void
count(struct bookings *b, const struct offering_state *os, uint32_t gpus, int64_t start, int64_t slots)
{
    if ((gpus < 4 ? os->pool : os->calendar) != b->calendar)
        return;
    for (int64_t s = start; s < start + slots; s++)
        if (s >= b->first && s < b->first + b->slots)
            b->gpus[s - b->first] += (int32_t)gpus;
}

/* The calendar against the plain sum of what is booked in it. */
static bool
calendar_adds_up(struct market_world *m, const struct offering_state *os, const struct calendar *calendar)
{
    struct bookings b = { .calendar = calendar, .first = calendar_first(calendar), .slots = 200 * 96 };
    bool good = true;
    size_t it = 0;
    void *value;

    b.gpus = xcalloc((size_t)b.slots, sizeof *b.gpus);
    while (map_next(m->state.quotes, &it, NULL, &value)) {
        const struct quote *q = value;
        if (q->offering == os->offering)
            for (int night = 0; night == 0 || night < q->nights; night++)
                count(&b, os, q->gpus, q->start_slot + night * CALENDAR_DAY_SLOTS, q->slots);
    }
    for (it = 0; map_next(m->state.reservations, &it, NULL, &value);) {
        const struct reservation *r = value;
        if (r->offering == os->offering)
            count(&b, os, r->gpus, r->booked_slot, r->booked_slots);
    }
    for (int64_t s = b.first; s < b.first + b.slots && good; s++)
        good = calendar_free(calendar, s) == calendar_capacity(calendar, s) - b.gpus[s - b.first] &&
               calendar_free(calendar, s) >= 0;
    free(b.gpus);
    return good;
}

static const char *
reservation_broken(struct market_world *m, const struct reservation *r)
{
    const struct hold *h = ledger_hold(m->w->l, r->hold);
    const struct request_state *request = map_get(m->state.by_request, &r->request);
    bool over = r->state == TICKET_SETTLED || r->state == TICKET_CONTESTED;

    CHECK(h != NULL && uuid_equal(h->reservation, r->id), "a reservation has its hold");
    CHECK(r->state != TICKET_VOIDED, "a voided reservation has left the memory");
    CHECK(h->open == !over, "a hold is open exactly while its reservation lives");
    CHECK(h->disputed == ticket_state_is_disputed(r->state), "a dispute in the journal is one in the state");
    CHECK((request->live == r) == !over, "a request's live reservation is the one that lives");
    CHECK(over || request->fence == r->fence, "the live reservation has the newest fence");
    CHECK(!over || r->booked_slots == 0, "what is over books nothing");
    CHECK(due_at(m->state.due, DUE_RESERVATION, r->id, 0) != DUE_NEVER, "every reservation has a timer");
    CHECK(r->permit_from_ms <= r->accept_by_ms && r->accept_by_ms <= r->start_by_ms,
          "the permit's time lies before start-by");
    return NULL;
}

static const char *
quotes_broken(struct market_world *m, uint64_t grant)
{
    const struct grant_state *g = map_get_u64(m->state.grants, grant);
    int64_t cost = 0;
    uint32_t n = 0;
    size_t it = 0;
    void *value;

    while (map_next(m->state.quotes, &it, NULL, &value)) {
        const struct quote *q = value;
        CHECK(q->state == QUOTE_OPEN, "only open quotes are in the memory");
        CHECK(due_at(m->state.due, DUE_QUOTE, q->id, 0) == q->expires_ms, "every quote has a timer");
        if (q->grant == grant) {
            n++;
            cost += q->cost_gpums;
        }
    }
    CHECK(g == NULL ? n == 0 : g->open_quotes == n && g->open_quotes_gpums == cost, "open quotes are counted");
    return NULL;
}

const char *
mw_broken(struct market_world *m)
{
    const char *broken = ledger_conserved(m->w->l);
    const struct hold *h;
    size_t it = 0;
    void *value;

    if (broken != NULL)
        return broken;
    CHECK(ledger_group_whole(m->w->l), "groups are whole");
    while ((h = ledger_next_hold(m->w->l, &it)) != NULL)
        CHECK(!h->open || index_reservation(&m->state, h->reservation) != NULL, "no hold without a live reservation");
    for (it = 0; map_next(m->state.reservations, &it, NULL, &value);)
        if ((broken = reservation_broken(m, value)) != NULL)
            return broken;
    for (int i = 0; i < 2; i++)
        if ((broken = quotes_broken(m, m->w->grant[i])) != NULL)
            return broken;
    for (it = 0; map_next(m->state.offerings, &it, NULL, &value);) {
        const struct offering_state *os = value;
        CHECK(calendar_adds_up(m, os, os->calendar), "a calendar is the sum of what is booked");
        CHECK(calendar_adds_up(m, os, os->pool), "a pool's calendar is the sum of what is booked");
    }
    return NULL;
}

/* ---- rebuild ----------------------------------------------------------------------------------------------------- */

static void
build_anew(struct market_world *m, struct state *s)
{
    size_t it = 0;
    void *value;

    for (int i = 0; i < 2; i++) {
        add_offering(m, s, i);
        *index_site(s, m->w->site[i]) = *index_site(&m->state, m->w->site[i]);
        index_site(s, m->w->site[i])->recent = NULL;
        index_grant_due(s, ledger_account(m->w->l, m->w->grant[i]), NULL);
    }
    while (map_next(m->state.reservations, &it, NULL, &value)) {
        struct reservation *r = xmalloc(sizeof *r);
        *r = *(struct reservation *)value;
        r->ask = (struct bytes){ 0 };
        index_reservation_add(s, r, NULL);
    }
    for (it = 0; map_next(m->state.quotes, &it, NULL, &value);) {
        struct quote *q = xmalloc(sizeof *q);
        *q = *(struct quote *)value;
        q->answer = (struct bytes){ 0 };
        index_quote_open(s, q, NULL);
    }
}

static bool
same_calendar(const struct calendar *a, const struct calendar *b)
{
    for (int64_t i = calendar_first(a); i < calendar_first(a) + 200 * 96; i++)
        if (calendar_free(a, i) != calendar_free(b, i))
            return false;
    return true;
}

static bool
same_requests(const struct state *a, const struct state *b)
{
    size_t it = 0;
    void *value;

    while (map_next(a->by_request, &it, NULL, &value)) {
        const struct request_state *r = value, *q = map_get(b->by_request, &r->request);
        bool live = r->live != NULL, open = r->open != NULL;

        if (live != (q != NULL && q->live != NULL) || open != (q != NULL && q->open != NULL))
            return false;
        if (live && (r->fence != q->fence || !uuid_equal(r->live->id, q->live->id)))
            return false;
    }
    return true;
}

static const char *
states_differ(struct market_world *m, const struct state *a, const struct state *b)
{
    struct due_item *items = xcalloc(due_count(a->due) + 1, sizeof *items);
    size_t n = due_list(a->due, INT64_MAX - 1, items, due_count(a->due));
    bool same = true; /* grants' ends that are over are listed once more after a rebuild: a look that finds nothing */

    for (size_t i = 0; i < n && same; i++)
        same = due_at(b->due, items[i].what, items[i].id, items[i].index) == items[i].at_ms;
    free(items);
    CHECK(same, "the same is due at the same times");
    for (int i = 0; i < 2; i++) {
        const struct offering_state *x = index_offering(a, m->w->offering[i]), *y = index_offering(b, x->offering);
        const struct grant_state *g = map_get_u64(a->grants, m->w->grant[i]),
                                 *h = map_get_u64(b->grants, m->w->grant[i]);
        const struct parking *p = index_parked(a, m->w->org[i], m->w->site[i]);
        const struct parking *q = index_parked(b, m->w->org[i], m->w->site[i]);

        CHECK(same_calendar(x->calendar, y->calendar) && same_calendar(x->pool, y->pool), "calendars are rebuilt");
        CHECK((g != NULL ? g->open_quotes_gpums : 0) == (h != NULL ? h->open_quotes_gpums : 0),
              "open quotes are rebuilt");
        CHECK((p != NULL ? p->beyond_gpus : 0) == (q != NULL ? q->beyond_gpus : 0), "parked GPUs are rebuilt");
    }
    CHECK(same_requests(a, b), "requests are rebuilt");
    CHECK(map_count(a->by_ticket) == map_count(b->by_ticket), "tickets are rebuilt");
    return NULL;
}

const char *
mw_rebuilt_differs(struct market_world *m)
{
    struct state s = state_make(m->w->l);
    const char *differs;

    build_anew(m, &s);
    differs = states_differ(m, &m->state, &s);
    state_free(&s);
    return differs;
}

/* ---- digest ------------------------------------------------------------------------------------------------------ */

/* The xor of each object's hash: a set, whatever order the maps walk in. */
static void
mix(struct hash *all, char tag, const void *data, size_t len)
{
    struct bytes parts[2] = { BYTES(&tag, 1), BYTES(data, len) };
    struct hash one = sha256_of(parts, 2);

    for (size_t i = 0; i < sizeof one.b; i++)
        all->b[i] ^= one.b[i];
}

static void
mix_map(struct hash *all, char tag, const struct map *map, size_t len)
{
    size_t it = 0;
    void *value;

    while (map_next(map, &it, NULL, &value))
        mix(all, tag, value, len);
}

static void
mix_calendar(struct hash *all, char tag, uint64_t offering, const struct calendar *c)
{
    struct {
        uint64_t offering;
        int32_t free[96 * 30];
    } copy = { .offering = offering };

    for (int64_t i = 0; i < 96 * 30; i++)
        copy.free[i] = calendar_free(c, calendar_first(c) + i);
    mix(all, tag, &copy, sizeof copy);
}

struct hash
mw_digest(struct market_world *m)
{
    struct hash all = ledger_state_root(m->w->l);
    uint64_t size = ledger_size(m->w->l);
    struct due_item *items = xcalloc(due_count(m->state.due) + 1, sizeof *items);
    size_t n = due_list(m->state.due, INT64_MAX - 1, items, due_count(m->state.due)), it = 0;
    const struct hold *h;
    void *value;

    mix(&all, 'n', &size, sizeof size);
    for (size_t i = 0; i < n; i++) {
        struct {
            int64_t at;
            int64_t what;
            struct uuid id;
            uint64_t index;
        } plain = { items[i].at_ms, items[i].what, items[i].id, items[i].index };
        mix(&all, 'd', &plain, sizeof plain);
    }
    free(items);
    for (size_t i = 0; (h = ledger_next_hold(m->w->l, &i)) != NULL;)
        mix(&all, 'h', h, sizeof *h);
    mix_map(&all, 'q', m->state.quotes, sizeof(struct quote));
    mix_map(&all, 'r', m->state.reservations, sizeof(struct reservation));
    mix_map(&all, 'x', m->state.by_request, sizeof(struct request_state));
    mix_map(&all, 'g', m->state.grants, sizeof(struct grant_state));
    mix_map(&all, 'k', m->state.parking, sizeof(struct parking));
    mix_map(&all, 's', m->state.sites, offsetof(struct site_state, recent));
    while (map_next(m->state.sites, &it, NULL, &value)) {
        const struct site_state *ss = value;
        for (size_t i = 0; ss->recent != NULL && i < RECENT_REPORTS; i++)
            if (ss->recent[i].number != 0)
                mix(&all, 'e', &ss->recent[i], sizeof ss->recent[i]);
    }
    for (it = 0; map_next(m->state.offerings, &it, NULL, &value);) {
        const struct offering_state *os = value;
        mix_calendar(&all, 'c', os->offering, os->calendar);
        mix_calendar(&all, 'l', os->offering, os->pool);
    }
    size = map_count(m->state.by_ticket);
    mix(&all, 'm', &size, sizeof size);
    return all;
}
