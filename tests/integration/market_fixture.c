/* tests/integration/market_fixture.c */
#include "market_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/broker.h"
#include "market/due.h"

enum { WAIT_MS = 30000 };

static void
on_commit(void *ctx, const struct market_event *events, size_t n)
{
    struct fixture *f = ctx;

    (void)events;
    f->commits++;
    f->events += n;
}

struct fixture *
fixture_new(void)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    test_db_make(&f->t);
    f->w = world_new();
    f->seals = seals_new(&TEST_SEAL_KEY);
    f->config = (struct market_config){
        .db_writer = f->t.writer, .clock = clock_simulated(WORLD_START_MS + HOUR_MS, real_now_ms(), 1), .simulation = true,
        .origin = "kontor.example/journal", .queue_max = 10000, .queue_per_organisation = 2000, .batch_max = 1000,
        .ahead_min = 1,
        .on_commit = on_commit, .ctx = f, .seals = &f->seals,
    };
    memcpy(f->config.server_public_key, f->w->server.public, 32);
    return f;
}

void
fixture_wait(struct market *m, enum market_phase phase)
{
    int64_t until_ms = monotonic_ms() + WAIT_MS;
    char why[320] = "";
    enum market_phase now;

    while ((now = market_trouble(m, why)) != phase && monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    if (now != phase)
        fail_msg("phase %d, not %d: %s", (int)now, (int)phase, why);
}

void
fixture_start(struct fixture *f)
{
    struct err_detail d = { 0 };

    assert_int_equal(market_start(&f->config, &f->m, &d), OK);
    fixture_wait(f->m, MARKET_LEADING);
}

void
fixture_stop(struct fixture *f)
{
    market_stop(f->m);
    f->m = NULL;
}

/* Order does not matter: each thing adds its hash. */
static void
add_thing(uint64_t *sum, const void *thing, size_t len)
{
    struct hash h = sha256(BYTES(thing, len));
    uint64_t part;

    memcpy(&part, h.b, sizeof part);
    *sum += part;
}

struct fixture_summary
fixture_summary(struct market *m)
{
    const struct state *s = market_read_lock(m);
    struct fixture_summary sum = { .size = ledger_size(s->ledger), .root = ledger_state_root(s->ledger),
                                   .quotes = map_count(s->quotes), .reservations = map_count(s->reservations),
                                   .due = due_count(s->due) };
    void *value;
    size_t it = 0;

    while (map_next(s->offerings, &it, NULL, &value)) {
        const struct offering_state *o = value;
        int64_t first = calendar_first(o->calendar);

        for (int64_t slot = first; slot < first + 200; slot++)
            sum.booked += slot * (calendar_capacity(o->calendar, slot) - calendar_free(o->calendar, slot));
        sum.booked += o->changes + calendar_capacity(o->calendar, first + 1);
    }
    for (it = 0; map_next(s->sites, &it, NULL, &value);) {
        const struct site_state *site = value;
        uint64_t numbers[] = { site->site, site->last_seq, site->confirmed_seq, site->instance, site->last_report,
                               site->paused, site->draining };
        add_thing(&sum.sites, numbers, sizeof numbers);
        add_thing(&sum.sites, site->recent, RECENT_REPORTS * sizeof site->recent[0]);
    }
    for (it = 0; map_next(s->reservations, &it, NULL, &value);) {
        struct reservation r = *(const struct reservation *)value;
        add_thing(&sum.sites, r.ask.data, r.ask.len);
        r.row = (struct row){ 0 };
        r.ask.data = NULL;
        r.renewed = false, r.quoted_s = 0, r.stays_until_ms = 0; /* memory only */
        add_thing(&sum.sites, &r, sizeof r);
    }
    market_read_unlock(m);
    return sum;
}

void
fixture_delete(struct fixture *f)
{
    struct fixture_summary before = { 0 }, after;
    struct market_config config = f->config;
    struct market *m;
    char wrong[1000];
    bool compare = f->m != NULL && market_phase(f->m) == MARKET_LEADING;

    if (compare)
        before = fixture_summary(f->m);
    if (f->m != NULL)
        fixture_stop(f);
    config.fault = NULL;
    config.on_commit = NULL;
    assert_int_equal(market_start(&config, &m, NULL), OK);
    fixture_wait(m, MARKET_LEADING);
    after = fixture_summary(m);
    market_stop(m);
    if (test_seals_wrong(&f->t, wrong, sizeof wrong) > 0)
        fail_msg("not as they were sealed: %s", wrong);
    if (compare)
        assert_memory_equal(&before, &after, sizeof before);
    test_db_drop(&f->t);
    world_delete(f->w);
    free(f);
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t left;
};

static void
complete(struct command *c)
{
    struct waiting *w = c->context;

    pthread_mutex_lock(&w->lock);
    if (--w->left == 0)
        pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

void
fixture_send_all(struct market *m, struct command *commands, size_t n)
{
    struct waiting w = { .left = n };
    struct timespec until;

    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.done, NULL);
    for (size_t i = 0; i < n; i++) {
        commands[i].complete = complete;
        commands[i].context = &w;
        market_send(m, &commands[i]);
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&w.lock);
    while (w.left > 0)
        if (pthread_cond_timedwait(&w.done, &w.lock, &until) != 0)
            fail_msg("%zu commands were not completed", w.left);
    pthread_mutex_unlock(&w.lock);
}

enum err
fixture_send(struct fixture *f, struct command *c)
{
    fixture_send_all(f->m, c, 1);
    return c->err;
}

struct uuid
fixture_uuid(struct fixture *f)
{
    uint8_t random[10] = { 7 };
    uint64_t n = ++f->counter;

    for (size_t i = 10; i-- > 3; n >>= 8)
        random[i] = (uint8_t)n;
    return uuid_v7(WORLD_START_MS, random);
}

struct idem
fixture_key(struct fixture *f)
{
    struct uuid id = fixture_uuid(f);

    return (struct idem){ .present = true, .scope = sha256(BYTES(id.b, 16)), .request = sha256(BYTES("request", 7)) };
}

struct command
fixture_command(enum command_kind kind)
{
    return (struct command){ .kind = kind, .actor = { .kind = ACTOR_LOCAL } };
}

struct command
fixture_order(const struct entry *e)
{
    struct command c = fixture_command(COMMAND_ORDER);

    c.in.order.entry = *e;
    return c;
}

static struct command
open_command(const struct entry *e)
{
    struct command c = fixture_command(COMMAND_OPEN_ACCOUNT);

    c.in.open.class = e->u.open.class;
    c.in.open.owner_org = e->u.open.owner_org;
    c.in.open.owner_site = e->u.open.owner_site;
    return c;
}

void
fixture_seed(struct fixture *f)
{
    world_seed(f->w);
    for (size_t i = 3; i < f->w->n; i++) {
        const struct entry *e = &f->w->entries[i];
        struct command c = e->kind == OPEN ? open_command(e) : fixture_order(e);

        if (fixture_send(f, &c) != OK)
            fail_msg("entry %zu, %s: %s: %s", i, entry_kind_name(e->kind), err_wire(c.err), c.detail.text);
        assert_true(c.answer.index == i);
    }
    for (int i = 0; i < 2; i++) {
        struct command c = fixture_command(COMMAND_CAPACITY);

        c.in.capacity.offering = f->w->offering[i];
        c.in.capacity.nodes = 250000;
        c.in.capacity.brokered_gpus = 1000000;
        assert_int_equal(fixture_send(f, &c), OK);
    }
}

struct command
fixture_quote(struct fixture *f, int grant, struct uuid request, uint32_t gpus, int64_t walltime_s)
{
    struct command c = fixture_command(COMMAND_QUOTE);
    struct broker_ask *ask = xcalloc(1, sizeof *ask); /* the caller frees it */

    ask->gpus = (int32_t)gpus;
    ask->walltime_s = walltime_s;
    c.org = f->w->org[grant];
    c.new_id[0] = fixture_uuid(f);
    c.new_id[1] = fixture_uuid(f);
    c.in.quote.request = request;
    c.in.quote.grant = f->w->grant[grant];
    c.in.quote.ask = ask;
    text_format(c.in.quote.name, sizeof c.in.quote.name, "a job");
    return c;
}

struct command
fixture_accept(struct fixture *f, int grant, struct uuid quote)
{
    struct command c = fixture_command(COMMAND_ACCEPT);

    c.org = f->w->org[grant];
    c.new_id[0] = fixture_uuid(f);
    c.new_id[1] = fixture_uuid(f);
    c.in.accept.quote = quote;
    return c;
}

struct command
fixture_move(struct fixture *f, int64_t amount)
{
    struct entry e = world_move(f->w, TRANCHE, f->w->fund, f->w->tranche, amount);

    return fixture_order(&e);
}

struct uuid
fixture_reserve(struct fixture *f, int grant)
{
    struct command quote = fixture_quote(f, grant, fixture_uuid(f), 4, 60), accept;

    if (fixture_send(f, &quote) != OK)
        fail_msg("quote: %s: %s", err_wire(quote.err), quote.detail.text);
    free((void *)quote.in.quote.ask);
    accept = fixture_accept(f, grant, quote.answer.id);
    if (fixture_send(f, &accept) != OK) {
        char why[320];

        market_trouble(f->m, why);
        fail_msg("accept: %s: %s %s", err_wire(accept.err), accept.detail.text, why);
    }
    return accept.answer.id;
}
