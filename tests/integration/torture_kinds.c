/* tests/integration/torture_kinds.c */
#include "torture_kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "market/due.h"

enum { HERE = 1 }; /* the cheaper site: what is reserved is reserved there */

static void
must(struct kinds *k, struct command *c, const char *what)
{
    if (fixture_send(k->f, c) != OK)
        fail_msg("%s: %s: %s %s", what, err_wire(c->err), c->detail.text, c->detail.internal);
}

static struct reservation
look(struct kinds *k, struct uuid id)
{
    const struct state *s = market_read_lock(k->f->m);
    const struct reservation *r = s != NULL ? map_get(s->reservations, &id) : NULL;
    struct reservation copy;

    assert_non_null(r);
    copy = *r;
    copy.ask = (struct bytes){ 0 };
    market_read_unlock(k->f->m);
    return copy;
}

/* ---- the site --------------------------------------------------------------------------------------------------- */

static void
agent(struct kinds *k, struct command *c, enum command_kind kind)
{
    *c = (struct command){ .kind = kind };
    c->actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { k->f->w->site[HERE] }, .sites_n = 1, .instance = k->instance };
    for (size_t i = 0; i < 3; i++)
        c->new_id[i] = fixture_uuid(k->f);
}

static struct site_state
site_now(struct kinds *k)
{
    const struct state *s = market_read_lock(k->f->m);
    struct site_state copy = *(struct site_state *)map_get(s->sites, &k->f->w->site[HERE]);

    market_read_unlock(k->f->m);
    return copy;
}

static void
make_instance(struct kinds *k, struct command *c)
{
    struct site_state site = site_now(k);

    agent(k, c, COMMAND_INSTANCE);
    c->in.instance.site = site.site;
    c->in.instance.key = k->f->w->site_key[HERE];
    c->in.instance.last_confirmed_seq = site.confirmed_seq;
    c->in.instance.last_receipted_report = site.last_report;
}

/* The instance may have moved: whoever asks next opens one. */
static void
open_instance(struct kinds *k)
{
    struct command c;

    make_instance(k, &c);
    must(k, &c, "instance");
    k->instance = c.answer.number;
}

static void
set_pause_of(struct kinds *k, int site, bool paused)
{
    struct command c = fixture_command(COMMAND_SITE_STATUS);

    c.in.site_status.site = k->f->w->site[site];
    c.in.site_status.paused = paused;
    c.in.site_status.draining = -1;
    must(k, &c, "pause");
}

static void
set_pause(struct kinds *k, bool paused)
{
    set_pause_of(k, HERE, paused);
}

static struct reservation
reserve_here(struct kinds *k)
{
    if (site_now(k).paused)
        set_pause(k, false);
    for (int i = 0; i < 20; i++) {
        struct reservation r = look(k, fixture_reserve(k->f, 0));
        if (r.site == k->f->w->site[HERE])
            return r;
    }
    fail_msg("nothing is offered here");
    return (struct reservation){ 0 };
}

static void
make_received(struct kinds *k, struct command *c)
{
    (void)reserve_here(k);
    open_instance(k);
    agent(k, c, COMMAND_RECEIVED);
    c->in.received.site = k->f->w->site[HERE];
    c->in.received.instance = k->instance;
    c->in.received.seq = site_now(k).last_seq;
}

static void
make_report(struct kinds *k, struct command *c, const struct reservation *r, enum report_kind kind)
{
    struct report *report = &c->in.report.report;
    int64_t now_ms = market_now(k->f->m);
    struct hash genesis = ledger_genesis(market_read_lock(k->f->m)->ledger);

    market_read_unlock(k->f->m);
    agent(k, c, COMMAND_REPORT);
    *report = (struct report){ .site = r->site, .number = site_now(k).last_report + 1, .instance = k->instance,
                               .kind = (uint16_t)kind, .jti = r->jti, .fence = r->fence, .time_ms = now_ms };
    if (kind == REPORT_REJECTED)
        report->reason = REASON_NO_USER;
    if (kind == REPORT_STARTED || kind == REPORT_FINISHED || kind == REPORT_USAGE)
        report->started_ms = r->started_ms != 0 ? r->started_ms : now_ms;
    if (kind == REPORT_FINISHED)
        report->ended_ms = now_ms;
    c->in.report.key = k->f->w->site_key[HERE];
    report_statement(report, genesis, c->in.report.statement);
    sign_make(&k->f->w->site_keys[HERE], BYTES(c->in.report.statement, sizeof c->in.report.statement),
              c->in.report.signature);
}

static struct reservation
say(struct kinds *k, struct reservation r, enum report_kind kind)
{
    struct command c;

    make_report(k, &c, &r, kind);
    must(k, &c, "report");
    return look(k, r.id);
}

static void
make_accepted(struct kinds *k, struct command *c)
{
    struct reservation r = reserve_here(k);

    open_instance(k);
    make_report(k, c, &r, REPORT_ACCEPTED);
}

static void
make_rejected(struct kinds *k, struct command *c)
{
    struct reservation r = reserve_here(k);

    open_instance(k);
    make_report(k, c, &r, REPORT_REJECTED);
}

static struct reservation
permitted(struct kinds *k)
{
    struct reservation r = reserve_here(k);

    open_instance(k);
    return say(k, r, REPORT_ACCEPTED);
}

static void
make_started(struct kinds *k, struct command *c)
{
    struct reservation r = permitted(k);

    make_report(k, c, &r, REPORT_STARTED);
}

static void
make_usage(struct kinds *k, struct command *c)
{
    struct reservation r = say(k, permitted(k), REPORT_STARTED);

    make_report(k, c, &r, REPORT_USAGE);
}

static void
make_finished(struct kinds *k, struct command *c)
{
    struct reservation r = say(k, permitted(k), REPORT_STARTED);

    make_report(k, c, &r, REPORT_FINISHED);
}

/* The key of a retired spool opens no instance. */
static void
enrol_anew(struct kinds *k)
{
    struct entry e = world_order(k->f->w, KEY);
    struct uuid unlike = fixture_uuid(k->f);
    uint8_t seed[SIGN_SEED_LEN] = { 0 };
    struct command c;

    memcpy(seed, unlike.b, sizeof unlike.b);
    k->f->w->site_keys[HERE] = sign_key_from_seed(seed);
    e.u.key.use = KEY_SITE;
    e.u.key.first = k->first_key;
    e.u.key.status = KEY_ACTIVE;
    e.u.key.site = k->f->w->site[HERE];
    memcpy(e.u.key.ed25519, k->f->w->site_keys[HERE].public, 32);
    memset(e.u.key.x25519, 0x42, 32);
    e.u.key.valid_from_ms = market_now(k->f->m);
    world_sign(k->f->w, &e, "S");
    c = fixture_order(&e);
    must(k, &c, "key");
    k->f->w->site_key[HERE] = c.answer.index;
}

static void
make_spool_retire(struct kinds *k, struct command *c)
{
    enrol_anew(k);
    (void)permitted(k);
    *c = fixture_command(COMMAND_SPOOL_RETIRE);
    c->in.spool_retire.site = k->f->w->site[HERE];
}

static void
make_site_status(struct kinds *k, struct command *c)
{
    *c = fixture_command(COMMAND_SITE_STATUS);
    c->in.site_status.site = k->f->w->site[1];
    c->in.site_status.paused = 0;
    c->in.site_status.draining = -1;
    text_format(c->in.site_status.reason, sizeof c->in.site_status.reason, "%s", "nothing");
}

/* ---- start-ups -------------------------------------------------------------------------------------------------- */

static void
make_quote(struct kinds *k, struct command *c)
{
    *c = fixture_quote(k->f, 0, fixture_uuid(k->f), 4, 60);
}

static struct uuid
quote_open(struct kinds *k, int grant)
{
    struct command c = fixture_quote(k->f, grant, fixture_uuid(k->f), 4, 60);

    must(k, &c, "quote");
    kinds_free(&c);
    return c.answer.id;
}

static void
make_release(struct kinds *k, struct command *c)
{
    *c = fixture_command(COMMAND_QUOTE_RELEASE);
    c->org = k->f->w->org[0];
    c->in.quote_renew.quote = quote_open(k, 0);
}

static void
make_accept(struct kinds *k, struct command *c)
{
    *c = fixture_accept(k->f, 0, quote_open(k, 0));
}

static void
make_cancel(struct kinds *k, struct command *c)
{
    *c = fixture_command(COMMAND_CANCEL);
    c->org = k->f->w->org[1];
    c->in.cancel.reservation = fixture_reserve(k->f, 1);
}

/* ---- the programme ---------------------------------------------------------------------------------------------- */

static void
make_open(struct kinds *k, struct command *c)
{
    (void)k;
    *c = fixture_command(COMMAND_OPEN_ACCOUNT);
    c->in.open.class = ACCOUNT_FUND;
}

static void
make_order(struct kinds *k, struct command *c)
{
    *c = fixture_move(k->f, 3);
}

static void
make_capacity(struct kinds *k, struct command *c)
{
    *c = fixture_command(COMMAND_CAPACITY);
    c->in.capacity.offering = k->f->w->offering[1 - HERE];
    c->in.capacity.nodes = 250000;
    c->in.capacity.brokered_gpus = 900000;
}

static void
make_statement(struct kinds *k, struct command *c)
{
    (void)k;
    *c = fixture_command(COMMAND_STATEMENT);
}

/* One at the dearer site, which is paused then. */
static struct reservation
displaced(struct kinds *k, bool move_freely)
{
    struct command accept;

    set_pause(k, false);
    set_pause_of(k, 1 - HERE, false);
    accept = fixture_accept(k->f, 0, quote_open(k, 0));
    accept.in.accept.option = 1;
    accept.in.accept.move_freely = move_freely;
    must(k, &accept, "accept");
    set_pause_of(k, 1 - HERE, true);
    return look(k, accept.answer.id);
}

/* The start-up moves it. */
static void
make_move(struct kinds *k, struct command *c)
{
    struct command like = fixture_quote(k->f, 0, fixture_uuid(k->f), 4, 60);

    *c = fixture_command(COMMAND_MOVE);
    c->org = k->f->w->org[0];
    c->in.move.reservation = displaced(k, false).id;
    c->in.move.ask = like.in.quote.ask;
    for (size_t i = 0; i < 3; i++)
        c->new_id[i] = fixture_uuid(k->f);
}

/* Moved where the site is paused: the one timed command that needs no time. */
static void
make_timer(struct kinds *k, struct command *c)
{
    struct reservation r = displaced(k, true);

    *c = fixture_command(COMMAND_TIMER);
    c->actor.kind = ACTOR_JANITOR;
    for (size_t i = 0; i < 3; i++)
        c->new_id[i] = fixture_uuid(k->f);
    c->in.timer.what = DUE_WITHDRAW;
    c->in.timer.id = r.id;
}

/* Once an organisation has renewed a quote at a site it has to pause: so one of its own. */
static void
make_renew(struct kinds *k, struct command *c)
{
    struct command open = fixture_command(COMMAND_OPEN_ACCOUNT), give, quote;
    struct uuid org = fixture_uuid(k->f);
    struct entry grant;

    open.in.open.class = ACCOUNT_GRANT;
    open.in.open.owner_org = org;
    must(k, &open, "open");
    grant = world_move(k->f->w, GRANT, k->f->w->tranche, open.answer.index, 10 * CREDIT);
    give = fixture_order(&grant);
    must(k, &give, "grant");
    quote = fixture_quote(k->f, 1, fixture_uuid(k->f), 4, 60);
    quote.org = org;
    quote.in.quote.grant = open.answer.index;
    must(k, &quote, "quote");
    kinds_free(&quote);
    *c = fixture_command(COMMAND_QUOTE_RENEW);
    c->org = org;
    c->in.quote_renew.quote = quote.answer.id;
}

const struct kind KINDS[] = {
    { "open", COMMAND_OPEN_ACCOUNT, make_open, .keyed = true },
    { "order", COMMAND_ORDER, make_order, .keyed = true },
    { "capacity", COMMAND_CAPACITY, make_capacity, .keyed = true },
    { "site status", COMMAND_SITE_STATUS, make_site_status, .keyed = true },
    { "quote", COMMAND_QUOTE, make_quote, .keyed = true },
    { "release", COMMAND_QUOTE_RELEASE, make_release, .keyed = true },
    { "accept", COMMAND_ACCEPT, make_accept, .keyed = true },
    { "cancel", COMMAND_CANCEL, make_cancel, .keyed = true },
    { "move", COMMAND_MOVE, make_move, .keyed = true },
    { "instance", COMMAND_INSTANCE, make_instance, .keyed = false },
    { "received", COMMAND_RECEIVED, make_received, .keyed = false },
    { "report accepted", COMMAND_REPORT, make_accepted, .keyed = false },
    { "report rejected", COMMAND_REPORT, make_rejected, .keyed = false },
    { "report started", COMMAND_REPORT, make_started, .keyed = false },
    { "report usage", COMMAND_REPORT, make_usage, .keyed = false },
    { "report finished", COMMAND_REPORT, make_finished, .keyed = false },
    { "statement", COMMAND_STATEMENT, make_statement, .twice = true },
    { "timer", COMMAND_TIMER, make_timer, .keyed = false },
    { "renew", COMMAND_QUOTE_RENEW, make_renew, .keyed = true },
    { "spool retire", COMMAND_SPOOL_RETIRE, make_spool_retire, .keyed = true },
};
const size_t KINDS_N = sizeof KINDS / sizeof KINDS[0];

void
kinds_free(struct command *c)
{
    if (c->kind == COMMAND_QUOTE) {
        free((void *)(uintptr_t)c->in.quote.ask);
        c->in.quote.ask = NULL;
    }
    if (c->kind == COMMAND_MOVE) {
        free((void *)(uintptr_t)c->in.move.ask);
        c->in.move.ask = NULL;
    }
}
