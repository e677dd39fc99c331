/* tests/sim/people.c
 * Start-ups that ask, buy, cancel and contest; officers that end disputes; operators that bring things up again. They send
 * their commands with keys and send them again until they know the answer. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/needs.h"
#include "market/index.h"
#include "world_sim.h"

struct promise promises[512];
size_t promises_n;

/* A command that somebody wants done. */
struct want {
    struct command wish;
    struct command *sent;
    uint64_t tries;
    bool over;
    bool again; /* known already, and asked once more */
    struct command first;
    int64_t begun_at;
    void (*done)(struct want *w);
    void *ctx;
    struct broker_ask ask;
};

struct client {
    int grant;
    struct uuid request, quote, reservation;
    struct broker_ask ask;
    uint32_t workload;
};

static uint64_t ids;
static size_t wants_open;

static struct uuid
fresh_id(void)
{
    uint8_t random[10] = { 9 };
    uint64_t n = ++ids;

    for (size_t i = 10; i-- > 2; n >>= 8)
        random[i] = (uint8_t)n;
    return uuid_v7(sim.epoch_ms + sim.now / 1000, random);
}

/* ---- sending ---------------------------------------------------------------------------------------------------------- */

static void send_again(void *a, uint64_t tries);

static void
over(struct want *w)
{
    w->over = true;
    wants_open--;
    if (w->done != NULL)
        w->done(w);
}

/* Answered for good, or to be asked again? */
static bool
is_answer(enum err err)
{
    int status = err_status(err);

    return err == OK || (status != 503 && status != 429 && status != 507 && err != ERR_UNKNOWN_OUTCOME);
}

static void
keep_promise(const struct want *w)
{
    const struct command *c = w->sent;

    if (c->err || promises_n == sizeof promises / sizeof promises[0])
        return;
    promises[promises_n++] = (struct promise){ c->kind, w->wish.idem.scope, c->answer };
}

/* A key that is used again must be answered as it was. */
static void
compare(const struct want *w)
{
    const struct command *c = w->sent;

    if (c->err != w->first.err || !uuid_equal(c->answer.id, w->first.answer.id) ||
        c->answer.index != w->first.answer.index || c->answer.number != w->first.answer.number)
        violation("a key was answered %s and later %s", err_wire(w->first.err), err_wire(c->err));
}

static void
answered(void *a, uint64_t tries)
{
    struct want *w = a;

    if (w->over || w->tries != tries)
        return;
    note("answer", (uint64_t)w->wish.kind, (uint64_t)w->sent->err);
    if (!is_answer(w->sent->err)) {
        at(sim.now + draw_span(SECOND / 10, 5 * SECOND), send_again, w, tries);
        return;
    }
    if (w->again) {
        /* keys are kept for seven days, by the clock of who leads, and perhaps since it was sent for the first time */
        if ((sim.now - w->begun_at + sim.off_most_us - sim.off_least_us) * sim.rate < 6 * 24 * HOUR)
            compare(w);
        w->over = true;
        wants_open--;
        return;
    }
    keep_promise(w);
    w->first = *w->sent;
    if (w->wish.idem.present && w->sent->err == OK && draw(6) == 0) {
        over(w);
        w->again = true;
        w->over = false;
        wants_open++;
        at(sim.now + draw_span(SECOND, MINUTE), send_again, w, tries);
        return;
    }
    over(w);
}

static void
complete(struct command *c)
{
    struct want *w = c->context;

    if (w->sent == c)
        at(sim.now + hop(), answered, w, w->tries);
}

static void
send_again(void *a, uint64_t tries)
{
    struct want *w = a;
    struct server *s = server_any();
    struct scope scope;

    if (w->over || w->tries != tries)
        return;
    if (faults_dark_until() > sim.now) {
        at(faults_dark_until() + draw_span(0, SECOND), send_again, w, tries);
        return;
    }
    w->tries++;
    if (w->tries > 400) {
        if (w->again)
            wants_open--;
        else
            over(w);
        w->over = true;
        return;
    }
    at(sim.now + 20 * SECOND, send_again, w, w->tries); /* unless it is answered */
    if (s == NULL || s->proc.frozen_until > sim.now)
        return;
    w->sent = xcalloc(1, sizeof *w->sent);
    *w->sent = w->wish;
    w->sent->complete = complete;
    w->sent->context = w;
    for (size_t i = 0; i < 3; i++)
        w->sent->new_id[i] = fresh_id();
    scope = scope_enter(&s->proc, NULL);
    w->sent->err = edge_refuses(s);
    if (w->sent->err)
        complete(w->sent);
    else
        market_send(s->market, w->sent);
    scope_leave(scope);
}

static struct want *
want(enum command_kind kind, bool keyed, void (*done)(struct want *w), void *ctx)
{
    struct want *w = xcalloc(1, sizeof *w);
    struct uuid key = fresh_id();

    w->begun_at = sim.now;
    w->wish.kind = kind;
    w->wish.actor.kind = ACTOR_LOCAL;
    w->done = done;
    w->ctx = ctx;
    if (keyed)
        w->wish.idem = (struct idem){ .present = true, .scope = sha256(BYTES(key.b, 16)),
                                      .request = sha256(BYTES("request", 7)) };
    wants_open++;
    at(sim.now + hop(), send_again, w, 0);
    return w;
}

static struct want *
want_as(struct client *c, enum command_kind kind, void (*done)(struct want *w))
{
    struct want *w = want(kind, true, done, c);

    w->wish.actor = (struct actor){ .kind = ACTOR_PERSON, .orgs_n = 1 };
    w->wish.actor.orgs[0].id = base.w->org[c->grant];
    w->wish.org = base.w->org[c->grant];
    return w;
}

/* ---- start-ups -------------------------------------------------------------------------------------------------------- */

static void
cancels(void *a, uint64_t b)
{
    struct client *c = a;

    (void)b;
    want_as(c, COMMAND_CANCEL, NULL)->wish.in.cancel.reservation = c->reservation;
}

static void
accepted(struct want *w)
{
    struct client *c = w->ctx;

    if (w->sent->err)
        return;
    c->reservation = w->sent->answer.id;
    note("reserved", c->reservation.b[15], w->sent->answer.index);
    if (draw(4) == 0)
        at(sim.now + draw_span(0, 10 * MINUTE), cancels, c, 0);
}

static void
accepts(void *a, uint64_t b)
{
    struct client *c = a;
    struct want *w = want_as(c, COMMAND_ACCEPT, accepted);

    (void)b;
    w->wish.in.accept.quote = c->quote;
    w->wish.in.accept.option = draw(4) == 0 ? 1 : 0;
    w->wish.in.accept.move_freely = draw(2) == 0;
}

static void
quoted(struct want *w)
{
    struct client *c = w->ctx;

    if (w->sent->err || (w->sent->answer.flags & ANSWER_NO_OFFER))
        return;
    c->quote = w->sent->answer.id;
    switch (draw(12)) {
    case 0:
        return; /* lets it run out */
    case 1:
        want_as(c, COMMAND_QUOTE_RELEASE, NULL)->wish.in.quote_renew.quote = c->quote;
        return;
    case 2:
        want_as(c, COMMAND_QUOTE_RENEW, NULL)->wish.in.quote_renew.quote = c->quote;
        break;
    default:
        break;
    }
    at(sim.now + draw_span(0, draw(10) == 0 ? 11 * MINUTE : 20 * SECOND), accepts, c, 0);
}

static void
asks(void *a, uint64_t b)
{
    static const int32_t GPUS[] = { 1, 2, 4, 8, 16, 32, 56 };
    struct client *c = a;
    struct want *w = want_as(c, COMMAND_QUOTE, quoted);

    (void)b;
    w->ask = (struct broker_ask){ .gpus = GPUS[draw(7)], .walltime_s = draw_span(20, 900),
                                  .preference = (enum broker_preference)draw(4) };
    if (draw(12) == 0)
        w->ask.walltime_s = draw_span(86400, 3 * 86400); /* settled by the day */
    if (draw(3) == 0)
        w->ask.start_slack_s = draw_span(0, 3600);
    if (c->request.b[15] % 5 == 0)
        w->ask.needs = NEED_BIT(NEED_ALLOCATION);
    w->wish.in.quote.request = c->request;
    w->wish.in.quote.grant = base.w->grant[c->grant];
    w->wish.in.quote.ask = &w->ask;
    w->wish.in.quote.workload = sha256(BYTES_TEXT("#!/bin/sh\ntrain\n"));
    w->wish.in.quote.workload_len = 16;
    w->wish.in.quote.move_freely = draw(2) == 0;
    text_format(w->wish.in.quote.name, sizeof w->wish.in.quote.name, "train");
}

/* ---- officers --------------------------------------------------------------------------------------------------------- */

static void
sign_by_two(struct entry *e)
{
    struct authority *auth = entry_authority(e);
    uint8_t bytes[ENTRY_MAX];
    size_t len = entry_signed_bytes(e, base.genesis, bytes);

    for (int i = 0; i < 2; i++) {
        auth->slot[i].class = 1;
        auth->slot[i].key = base.w->officer[i];
        sign_make(&base.w->officers[i], BYTES(bytes, len), auth->slot[i].sig);
    }
}

static void
orders(struct entry *e)
{
    struct want *w = want(COMMAND_ORDER, true, NULL, NULL);

    w->wish.in.order.entry = *e;
}

static struct entry
order_new(enum entry_kind kind)
{
    struct entry e = entry_new(kind);

    *(struct uuid *)(uintptr_t)entry_order(&e) = fresh_id();
    return e;
}

static void
notice(uint64_t hold, bool opens)
{
    struct entry e = entry_new(NOTICE);

    e.u.notice.type = opens ? NOTICE_DISPUTE_OPENED : NOTICE_DISPUTE_CLOSED;
    e.u.notice.ref = hold;
    orders(&e);
}

static void
resolves(const struct state *s, const struct reservation *r)
{
    struct entry e = order_new(RESOLVE);

    e.u.resolve.share_milli = (uint32_t)draw(1001);
    ledger_fill_hold(s->ledger, r->hold, &e);
    sign_by_two(&e);
    orders(&e);
}

static void
corrects_entry(uint64_t entry, bool of_hold, uint64_t debit, uint64_t credit, int64_t amount)
{
    struct entry e = order_new(CORRECT);

    e.u.correct.entry = entry;
    e.u.correct.of_hold = of_hold;
    e.u.correct.reason = 7;
    e.debit = debit;
    e.credit = credit;
    e.amount = amount;
    sign_by_two(&e);
    orders(&e);
}

static void
corrects(const struct state *s, const struct reservation *r)
{
    const struct hold *h = ledger_hold(s->ledger, r->hold);

    if (r->settle_entry == 0 || r->settled_gpums <= 0)
        notice(r->hold, false);
    else
        corrects_entry(r->settle_entry, false, h->site_account, h->grant, 1 + (int64_t)draw((uint64_t)r->settled_gpums));
}

/* All that was settled of a hold; nothing, where nothing was. */
static void
corrects_all(const struct state *s, const struct reservation *r)
{
    const struct hold *h = ledger_hold(s->ledger, r->hold);

    corrects_entry(r->hold, true, h->site_account, h->grant, h->settled > h->corrected ? h->settled - h->corrected : 1);
}

static void
voids(const struct state *s, const struct reservation *r)
{
    struct entry e = entry_new(VOID);

    e.u.release.order = fresh_id();
    e.u.release.reason = VOID_BY_OFFICERS;
    ledger_fill_hold(s->ledger, r->hold, &e);
    sign_by_two(&e);
    orders(&e);
}

static void
officer_looks_at(const struct state *s, const struct reservation *r, bool hurry)
{
    if (r->state == TICKET_DISPUTED || r->state == TICKET_SILENT) {
        if (draw(hurry ? 2 : 12) == 0)
            resolves(s, r);
        else if (draw(12) == 0)
            draw(2) == 0 ? corrects_all(s, r) : notice(r->hold, false);
    } else if (r->state == TICKET_CONTESTED) {
        if (draw(hurry ? 2 : 6) != 0)
            return;
        if (draw(2) == 0)
            (draw(3) == 0 ? corrects_all : corrects)(s, r);
        else if (draw(3) != 0)
            notice(r->hold, draw(8) == 0);
        else
            resolves(s, r);
    } else if (draw((hurry ? 30 : 150) / (r->state == TICKET_SETTLED ? 5 : 1)) == 0) {
        notice(r->hold, draw(4) != 0); /* a contest, or an officer's own dispute; or one that is no sense */
    } else if (draw(hurry ? 20 : 400) == 0) {
        (draw(2) == 0 ? resolves : draw(2) == 0 ? corrects_all : corrects)(s, r);
    } else if (!hurry && draw(600) == 0) {
        voids(s, r);
    }
}

/* About any reservation there ever was: most have left the memory. */
static void
disputes_something_old(void)
{
    const struct pgtable *t = pg_table("reservation");

    if (t->n > 0 && draw(12) == 0)
        notice(((const struct reservation *)t->rows[draw(t->n)]->object)->hold, true);
}

/* Some payment to a site, of any time. */
static void
corrects_something_old(void)
{
    for (size_t i = draw(pg.entries_n); i > 0; i--) {
        struct entry e;

        if (entry_decode(BYTES(pg.entries[i].bytes, pg.entries[i].len), &e) != OK)
            violation("entry %zu cannot be read", i);
        if ((e.kind == SETTLE || e.kind == RESOLVE) && e.amount > 0) {
            corrects_entry(i, false, e.credit, e.debit, 1 + (int64_t)draw((uint64_t)e.amount));
            return;
        }
    }
}

static void
officers_look(void *a, uint64_t hurry)
{
    struct server *l = server_leading();
    const struct state *s;
    size_t it = 0;
    void *value;

    if (l != NULL) {
        struct scope scope = scope_enter(&l->proc, NULL);

        s = market_read_lock(l->market);
        while (s != NULL && map_next(s->reservations, &it, NULL, &value))
            officer_looks_at(s, value, hurry != 0);
        if (s != NULL)
            market_read_unlock(l->market);
        scope_leave(scope);
    }
    disputes_something_old();
    if (draw(12) == 0)
        corrects_something_old();
    if (a != NULL && !sim.quiet)
        at(sim.now + draw_span(20 * SECOND, 4 * MINUTE), officers_look, a, 0);
}

/* ---- operators -------------------------------------------------------------------------------------------------------- */

static void
enrolled(struct want *w)
{
    struct seat *s = w->ctx;

    s->retiring = false;
    if (w->sent->err) {
        note("not enrolled", (uint64_t)w->sent->err, 0);
        return;
    }
    s->key_index = w->sent->answer.index;
    s->committed = s->synced = image_empty();
    s->copies_n = 0;
    s->last_exit = EXIT_ERROR;
}

static void
retired(struct want *w)
{
    struct seat *s = w->ctx;
    struct entry e = order_new(KEY);
    struct authority *auth = entry_authority(&e);
    uint8_t bytes[ENTRY_MAX], seed[SIGN_SEED_LEN] = { 0 };
    struct uuid unlike = fresh_id();
    size_t len;

    memcpy(seed, unlike.b, sizeof unlike.b);
    s->key = sign_key_from_seed(seed);
    e.u.key.use = KEY_SITE;
    e.u.key.first = base.w->site_key[s->site];
    e.u.key.status = KEY_ACTIVE;
    e.u.key.site = base.w->site[s->site];
    memcpy(e.u.key.ed25519, s->key.public, 32);
    memset(e.u.key.x25519, 0x42, 32);
    e.u.key.valid_from_ms = sim.epoch_ms + sim.now / 1000;
    len = entry_signed_bytes(&e, base.genesis, bytes);
    auth->slot[0].class = 3;
    auth->slot[0].key = 0;
    sign_make(&base.server_key, BYTES(bytes, len), auth->slot[0].sig);
    w = want(COMMAND_ORDER, true, enrolled, s);
    w->wish.in.order.entry = e;
}

static void
tend_seat(struct seat *s)
{
    if (s->proc.alive || !s->wanted || s->retiring)
        return;
    if (s->last_exit == EXIT_BEHIND || s->last_exit == EXIT_FORKED) {
        struct want *w = want(COMMAND_SPOOL_RETIRE, true, retired, s);

        s->retiring = true;
        w->wish.in.spool_retire.site = base.w->site[s->site];
        text_format(w->wish.in.spool_retire.reason, sizeof w->wish.in.spool_retire.reason, "lost");
        return;
    }
    seat_start(s);
}

/* Who was superseded by a copy is brought up again by its operator, once the copy is gone. */
static void
operators_look(void *a, uint64_t b)
{
    (void)b;
    if (faults_dark_until() > sim.now) {
        if (a != NULL)
            at(faults_dark_until(), operators_look, a, 0);
        return;
    }
    for (size_t i = 0; i < SEATS; i++)
        if (i % 2 == 1 || !seats[i + 1].proc.alive)
            tend_seat(&seats[i]);
    for (size_t i = 0; i < SERVERS; i++) {
        char why[160];

        if (!servers[i].proc.alive) {
            server_start(&servers[i]);
        } else if (servers[i].proc.frozen_until <= sim.now) {
            struct scope scope = scope_enter(&servers[i].proc, NULL);

            if (!janitor_trouble(servers[i].janitor, why))
                janitor_confirm(servers[i].janitor);
            scope_leave(scope);
        }
    }
    if (a != NULL)
        at(sim.now + draw_span(SECOND, 40 * SECOND), operators_look, a, 0);
}

static void
site_status(void *a, uint64_t how)
{
    struct want *w = want(COMMAND_SITE_STATUS, false, NULL, NULL);

    (void)a;
    w->wish.in.site_status.site = base.w->site[how % SITES];
    w->wish.in.site_status.paused = how & 4 ? 1 : 0;
    w->wish.in.site_status.draining = how & 8 ? 1 : 0;
}

/* A site's machines, all of them or as many as are left after a cut. */
static void
capacity(void *a, uint64_t how)
{
    struct want *w = want(COMMAND_CAPACITY, false, NULL, NULL);
    uint32_t nodes = how / SITES % 8;

    (void)a;
    w->wish.in.capacity.offering = base.w->offering[how % SITES];
    w->wish.in.capacity.nodes = nodes == 7 ? BASE_NODES : nodes;
    w->wish.in.capacity.brokered_gpus = 2 * w->wish.in.capacity.nodes;
    w->wish.in.capacity.pool_nodes = nodes == 7 ? BASE_POOL_NODES : nodes / 2;
}

/* ---- all -------------------------------------------------------------------------------------------------------------- */

void
people_begin(void)
{
    size_t n = 1 + draw(6);

    ids = 0;
    wants_open = 0;
    promises_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct client *c = xcalloc(1, sizeof *c);

        c->grant = (int)draw(2);
        c->request = fresh_id();
        at(sim.now + draw_span(SECOND, 5 * MINUTE), asks, c, 0);
        if (draw(5) == 0)
            at(sim.now + draw_span(MINUTE, 8 * MINUTE), asks, c, 0); /* once more, for the same request */
    }
    if (draw(5) == 0) {
        uint64_t how = draw(16);

        at(sim.now + draw_span(0, 8 * MINUTE), site_status, NULL, how);
        at(sim.now + draw_span(9 * MINUTE, 14 * MINUTE), site_status, NULL, how % SITES);
    }
    if (draw(6) == 0) {
        uint64_t how = draw(SITES * 7);

        at(sim.now + draw_span(0, 6 * MINUTE), capacity, NULL, how);
        at(sim.now + draw_span(7 * MINUTE, 14 * MINUTE), capacity, NULL, SITES * 7 + how % SITES);
    }
    at(sim.now + SECOND, operators_look, &ids, 0);
    at(sim.now + MINUTE, officers_look, &ids, 0);
}

void
people_settle(bool officers)
{
    for (int i = 0; i < SITES; i++)
        site_status(NULL, (uint64_t)i);
    operators_look(NULL, 0);
    if (officers)
        officers_look(NULL, 1);
}

bool
people_done(void)
{
    return wants_open == 0;
}
