/* tests/sim/world_sim.c: servers and agents come to life and die; the base that every history begins with. */
#include "world_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "market/market_internal.h"

struct server servers[SERVERS];
const char *const SERVER_URLS[SERVERS] = { "https://one.example", "https://two.example" };
struct seat seats[SEATS];
struct site_world site_worlds[SITES];
struct base base;

#define QUIET_LOG ((enum log_level)(LOG_LEVEL_ERROR + 1))

static const struct log *
market_log(void)
{
    static struct log log = { .fd = 1 };

    return sim.verbose ? &log : NULL;
}

/* ---- servers ---------------------------------------------------------------------------------------------------------- */

void
world_remember_db(struct db *db)
{
    struct server *s = sim.here->own;

    for (size_t i = 0; i < s->dbs_n; i++)
        if (s->dbs[i] == db)
            return;
    assert(s->dbs_n < sizeof s->dbs / sizeof s->dbs[0]);
    s->dbs[s->dbs_n++] = db;
}

static void
server_died(struct proc *p)
{
    struct server *s = p->own;

    for (size_t i = 0; i < s->dbs_n; i++)
        db_process_gone(s->dbs[i]);
    s->dbs_n = 0;
    s->parked_n = 0;
}

static struct clock
clock_of_history(void)
{
    return sim.rate == 1 ? clock_real() : clock_simulated(sim.epoch_ms, sim.epoch_ms, sim.rate);
}

void
server_start(struct server *s)
{
    struct market_config market = {
        .db_writer = "simulated", .clock = clock_of_history(), .simulation = true, .origin = "kontor.example/journal",
        .queue_max = 10000, .queue_per_organisation = 200, .batch_max = draw(4) == 0 ? 2 : 1000, .ahead_min = draw(4) == 0 ? 1000 : 1,
        .on_commit = edge_commit, .ctx = s, .log = market_log(), .people_url = SERVER_URLS[s - servers],
        .agents_url = SERVER_URLS[s - servers], .contact = edge_contact, .contact_ctx = &s->directory,
    };
    struct janitor_config janitor = { .db_worker = "simulated", .log = market_log() };
    struct scope scope;
    struct err_detail d;

    assert(!s->proc.alive);
    s->proc.kind = PROC_SERVER;
    s->proc.id = (int)(s - servers);
    s->proc.alive = true;
    s->proc.life++;
    s->proc.frozen_until = 0;
    s->proc.fibers = 0;
    s->proc.machine = &s->machine;
    s->proc.own = s;
    s->proc.died = server_died;
    s->parked_n = 0;
    edge_knows_contacts(&s->directory);
    note("server starts", (uint64_t)s->proc.id, s->proc.life);
    scope = scope_enter(&s->proc, NULL);
    memcpy(market.server_public_key, base.server_key.public, sizeof market.server_public_key);
    if (market_start(&market, &s->market, &d) != OK)
        abort();
    janitor.market = s->market;
    if (janitor_start(&janitor, &s->janitor, &d) != OK)
        abort();
    s->api = (struct api){ .market = s->market, .janitor = s->janitor, .clock = market.clock, .simulation = true,
                           .directory = &s->directory, .key = base.server_key, .sessions = sessions_cache_new() };
    pthread_mutex_init(&s->api.random_lock, NULL);
    scope_leave(scope);
}

struct server *
server_leading(void)
{
    for (size_t i = 0; i < SERVERS; i++)
        if (servers[i].proc.alive && servers[i].proc.frozen_until <= sim.now &&
            market_phase(servers[i].market) == MARKET_LEADING)
            return &servers[i];
    return NULL;
}

struct server *
server_in_office(void)
{
    for (size_t i = 0; i < SERVERS; i++)
        if (servers[i].proc.alive && market_phase(servers[i].market) == MARKET_LEADING && servers[i].market->leased &&
            servers[i].market->head.term == pg.head.term)
            return &servers[i];
    return NULL;
}

struct server *
server_any(void)
{
    struct server *s = server_leading();
    size_t first = draw(SERVERS);

    if (s != NULL && draw(20) != 0)
        return s;
    for (size_t i = 0; i < SERVERS; i++)
        if (servers[(first + i) % SERVERS].proc.alive)
            return &servers[(first + i) % SERVERS];
    return NULL;
}

/* ---- agents ----------------------------------------------------------------------------------------------------------- */

/* A mistake that is planted: a restored agent gives every job in its spool that it has not seen to its end to the
 * machine once more, and the claims have gone back with the spool. */
static void
start_again(struct seat *s)
{
    for (size_t i = 0; i < s->agent.jobs_n; i++) {
        const struct job *j = s->agent.jobs[i];

        note("planted start", j->t.jti.b[15], (uint64_t)s->site);
        check_start(j->t.jti, s->site);
    }
}

static void *
agent_lives(void *arg)
{
    struct seat *s = arg;
    struct agent *a = &s->agent;
    const struct entry *site = &base.w->entries[base.w->site[s->site]];

    *a = (struct agent){ .blobs = -1, .key = s->key, .backend = s->backend, .kind = &BATCH_KIND };
    a->log = (struct log){ .fd = 1, .least = sim.verbose ? LOG_LEVEL_INFO : QUIET_LOG };
    a->cfg.keep_days = 7;
    s->draining = draw(40) == 0;
    a->who.site_index = base.w->site[s->site];
    a->who.genesis = base.genesis;
    a->who.simulation = true;
    text_format(a->who.site, sizeof a->who.site, "%.16s", site->u.site.code);
    text_format(a->who.kid, sizeof a->who.kid, "%llu", (unsigned long long)s->key_index);
    text_format(a->who.origin, sizeof a->who.origin, "kontor.example/journal");
    if (spool_open("", NULL, &a->spool, NULL, NULL) != OK || wire_new("", "", &a->wire, NULL) != OK)
        abort();
    if (sim.plant == PLANT_RESTORED_STARTS && s->restored) {
        jobs_load(a);
        start_again(s);
        a->jobs_n = 0;
    }
    s->last_exit = agent_run(a);
    note("agent ends", (uint64_t)s->last_exit, 0);
    proc_kill(&s->proc);
    return NULL;
}

static void
agent_died(struct proc *p)
{
    (void)p;
}

void
seat_start(struct seat *s)
{
    assert(!s->proc.alive);
    s->proc.kind = PROC_AGENT;
    s->proc.id = (int)(s - seats);
    s->proc.alive = true;
    s->proc.life++;
    s->proc.frozen_until = 0;
    s->proc.fibers = 0;
    s->proc.machine = &s->machine;
    s->proc.own = s;
    s->proc.died = agent_died;
    s->last_exit = EXIT_ERROR;
    note("agent starts", (uint64_t)s->proc.id, s->proc.life);
    fiber_start(&s->proc, agent_lives, s);
}

void
seat_power_cut(struct seat *s)
{
    proc_kill(&s->proc);
    batch_power_cut(s->backend, &s->machine);
    s->committed = s->synced;
    if (draw(2) == 0)
        s->blobs_n = 0;
    s->machine.boot_us = sim.now;
}

/* ---- the base --------------------------------------------------------------------------------------------------------- */

static bool base_answered;

static void
base_complete(struct command *c)
{
    (void)c;
    base_answered = true;
}

static void
base_send(struct command *c)
{
    struct scope s = scope_enter(&servers[0].proc, NULL);

    base_answered = false;
    c->complete = base_complete;
    market_send(servers[0].market, c);
    scope_leave(s);
    for (int i = 0; i < 100 && !base_answered; i++)
        loop_until(sim.now + 1000);
    if (!base_answered || c->err) {
        fprintf(stderr, "the base is refused: %s %s\n", err_wire(c->err), c->detail.text);
        exit(3);
    }
}

static void
base_capacity(void)
{
    for (int i = 0; i < SITES; i++) {
        struct command c = { .kind = COMMAND_CAPACITY, .actor.kind = ACTOR_LOCAL };

        c.in.capacity.offering = base.w->offering[i];
        c.in.capacity.nodes = BASE_NODES;
        c.in.capacity.brokered_gpus = 2 * BASE_NODES;
        c.in.capacity.pool_nodes = BASE_POOL_NODES;
        base_send(&c);
    }
}

void
base_build(void)
{
    memory_open();
    sim = (struct sim){ .epoch_ms = WORLD_START_MS, .rate = 1, .quiet = true };
    base.w = world_new();
    base.server_key = base.w->server;
    world_seed(base.w);
    base.genesis = ledger_genesis(base.w->l);
    pg.up = true;
    pg.head.root = merkle_root(&(struct merkle){ .size = 0 });
    server_start(&servers[0]);
    loop_until(HOUR); /* its first entries are of the first instant: the same as the seed's */
    for (size_t i = 3; i < base.w->n; i++) {
        const struct entry *e = &base.w->entries[i];
        struct command c = { .kind = e->kind == OPEN ? COMMAND_OPEN_ACCOUNT : COMMAND_ORDER, .actor.kind = ACTOR_LOCAL };

        if (e->kind == OPEN) {
            c.in.open.class = e->u.open.class;
            c.in.open.owner_org = e->u.open.owner_org;
            c.in.open.owner_site = e->u.open.owner_site;
        } else {
            c.in.order.entry = *e;
        }
        base_send(&c);
        if (c.answer.index != i)
            abort();
    }
    base_capacity();
    if (!hash_equal(ledger_genesis(market_read_lock(servers[0].market)->ledger), base.genesis)) {
        fprintf(stderr, "the base's first entry is not the seed's\n");
        exit(3);
    }
    market_read_unlock(servers[0].market);
    proc_kill(&servers[0].proc);
    loop_until(sim.now + SECOND);
    base.real_ms = sim.epoch_ms + sim.now / 1000;
    fibers_reset();
    loop_reset();
    pg_keep();
    memory_keep();
}
