/* tests/bench/scale_fill.c
 * Fills a journal that kontord has begun, through the real sequencer and by its library: a grant for each organisation,
 * then reservations of all sizes and lengths, each quoted and accepted, a thousand commands at a time.
 *
 *   scale_fill DB-WRITER SERVER-KEY SEAL-KEY TRANCHE POLICY RESERVATIONS <ORGANISATIONS
 *
 * DB-WRITER: conninfo; TRANCHE, POLICY: journal indexes; ORGANISATIONS: a UUID a line, at least a thousand. */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/broker.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include "market/market.h"
#include "store/seals.h"

enum { AT_ONCE = 1000 };
#define CREDIT  INT64_C(3600000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

struct grant { struct uuid org; uint64_t account; };

struct fill {
    struct market *m;
    struct sign_key key;
    struct seals seals;
    struct hash genesis;
    uint64_t tranche, policy, seed;
    struct grant *grants;
    size_t grants_n;
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t left;
    struct command commands[AT_ONCE];
    struct broker_ask asks[AT_ONCE];
};

static uint32_t
draw(struct fill *f, uint32_t below)
{
    f->seed = f->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((f->seed >> 33) % below);
}

static struct uuid
new_id(const struct fill *f)
{
    uint8_t random[10];

    random_bytes(random, sizeof random);
    return uuid_v7(market_now(f->m), random);
}

static void
complete(struct command *c)
{
    struct fill *f = c->context;

    pthread_mutex_lock(&f->lock);
    if (--f->left == 0)
        pthread_cond_signal(&f->done);
    pthread_mutex_unlock(&f->lock);
}

static void
send_all(struct fill *f, size_t n)
{
    f->left = n;
    for (size_t i = 0; i < n; i++) {
        f->commands[i].actor.kind = ACTOR_LOCAL;
        f->commands[i].complete = complete;
        f->commands[i].context = f;
        market_send(f->m, &f->commands[i]);
    }
    pthread_mutex_lock(&f->lock);
    while (f->left > 0)
        pthread_cond_wait(&f->done, &f->lock);
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < n; i++)
        if (f->commands[i].err != OK) {
            fprintf(stderr, "scale_fill: %s %s\n", err_wire(f->commands[i].err), f->commands[i].detail.text);
            exit(1);
        }
}

/* As an officer's order, signed by the server for somebody who is signed in. */
static struct entry
grant_order(const struct fill *f, uint64_t account)
{
    struct entry e = entry_new(GRANT);
    uint8_t bytes[ENTRY_MAX];
    size_t len;

    e.debit = f->tranche;
    e.credit = account;
    e.amount = 1000000 * CREDIT;
    e.u.move.order = new_id(f);
    text_format(e.u.move.reference, sizeof e.u.move.reference, "SCALE-%llu", (unsigned long long)account);
    e.u.move.policy = f->policy;
    e.u.move.start_ms = market_now(f->m) - HOUR_MS;
    e.u.move.end_ms = market_now(f->m) + 365 * DAY_MS;
    e.u.move.commitment = sha256(BYTES("scale", 5));
    e.u.move.auth.slot[0].class = 3;
    len = entry_order_bytes(&e, f->genesis, bytes);
    sign_make(&f->key, BYTES(bytes, len), e.u.move.auth.slot[0].sig);
    return e;
}

static void
add_grants(struct fill *f, struct grant *grants)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        f->commands[i] = (struct command){ .kind = COMMAND_OPEN_ACCOUNT };
        f->commands[i].in.open.class = ACCOUNT_GRANT;
        f->commands[i].in.open.owner_org = grants[i].org;
    }
    send_all(f, AT_ONCE);
    for (size_t i = 0; i < AT_ONCE; i++) {
        grants[i].account = f->commands[i].answer.index;
        f->commands[i] = (struct command){ .kind = COMMAND_ORDER };
        f->commands[i].in.order.entry = grant_order(f, grants[i].account);
    }
    send_all(f, AT_ONCE);
}

/* Most jobs are small, some large; from one hour to twelve; one in two may be moved. */
static void
add_reservations(struct fill *f, size_t first)
{
    static const int32_t GPUS[] = { 4, 4, 4, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8, 16, 16, 16, 32, 64 };

    for (size_t i = 0; i < AT_ONCE; i++) {
        const struct grant *g = &f->grants[(first + i) % f->grants_n];
        struct command *c = &f->commands[i];

        f->asks[i] = (struct broker_ask){
            .gpus = GPUS[draw(f, sizeof GPUS / sizeof GPUS[0])],
            .walltime_s = 3600 + draw(f, 11 * 3600),
            .preference = (enum broker_preference)draw(f, 4),
        };
        *c = (struct command){ .kind = COMMAND_QUOTE, .org = g->org, .new_id = { new_id(f), new_id(f) } };
        c->in.quote.request = new_id(f);
        c->in.quote.grant = g->account;
        c->in.quote.ask = &f->asks[i];
        c->in.quote.workload = sha256(BYTES("workload", 8));
        c->in.quote.workload_len = 8;
        text_format(c->in.quote.name, sizeof c->in.quote.name, "job %zu", first + i);
    }
    send_all(f, AT_ONCE);
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct uuid quote = f->commands[i].answer.id, id = new_id(f);

        f->commands[i] = (struct command){ .kind = COMMAND_ACCEPT, .org = f->grants[(first + i) % f->grants_n].org,
                                           .new_id = { new_id(f), new_id(f), new_id(f) } };
        f->commands[i].in.accept.quote = quote;
        f->commands[i].in.accept.move_freely = i % 2 == 0;
        f->commands[i].idem = (struct idem){ .present = true, .scope = sha256(BYTES(id.b, 16)),
                                             .request = sha256(BYTES("accept", 6)) };
    }
    send_all(f, AT_ONCE);
}

static void
read_organisations(struct fill *f)
{
    char line[64];

    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        f->grants = xrealloc(f->grants, (f->grants_n + 1) * sizeof *f->grants);
        if (!uuid_parse(line, &f->grants[f->grants_n++].org)) {
            fprintf(stderr, "scale_fill: this is no UUID: %s\n", line);
            exit(2);
        }
    }
}

static void
lead(struct fill *f, const char *conninfo)
{
    struct market_config config = {
        .db_writer = conninfo, .seals = &f->seals, .clock = clock_real(), .queue_max = 10000, .queue_per_organisation = AT_ONCE, .batch_max = AT_ONCE,
    };
    struct err_detail d = { 0 };
    char why[320] = "";
    const struct state *s;
    int waits = 60 * 200; /* of 5 ms: a minute */

    memcpy(config.server_public_key, f->key.public, sizeof config.server_public_key);
    if (market_start(&config, &f->m, &d) != OK) {
        fprintf(stderr, "scale_fill: %s\n", d.internal);
        exit(1);
    }
    while (market_trouble(f->m, why) != MARKET_LEADING && waits-- > 0)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    if (waits < 0) {
        fprintf(stderr, "scale_fill: does not lead after a minute: %s\n", why);
        exit(1);
    }
    s = market_read_lock(f->m);
    f->genesis = ledger_genesis(s->ledger);
    market_read_unlock(f->m);
}

int
main(int argc, char **argv)
{
    struct fill *f = xcalloc(1, sizeof *f);
    int64_t tranche, policy, reservations;
    struct rowseal_key seal_key;
    struct err_detail d = { 0 };

    if (argc != 7 || !text_to_i64(argv[4], 1, INT64_MAX, &tranche) || !text_to_i64(argv[5], 1, INT64_MAX, &policy) ||
        !text_to_i64(argv[6], 0, 100000000, &reservations) || sign_key_load(argv[2], &f->key, &d) != OK ||
        rowseal_key_load(argv[3], &seal_key, &d) != OK) {
        fprintf(stderr, "usage: scale_fill DB-WRITER SERVER-KEY SEAL-KEY TRANCHE POLICY RESERVATIONS <ORGANISATIONS %s\n", d.internal);
        return 2;
    }
    read_organisations(f);
    assert(f->grants_n >= AT_ONCE && f->grants_n % AT_ONCE == 0 && reservations % AT_ONCE == 0);
    f->tranche = (uint64_t)tranche;
    f->policy = (uint64_t)policy;
    f->seed = 1;
    f->seals = seals_new(&seal_key);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->done, NULL);
    lead(f, argv[1]);
    for (size_t i = 0; i < f->grants_n; i += AT_ONCE)
        add_grants(f, f->grants + i);
    for (size_t i = 0; i < (size_t)reservations; i += AT_ONCE) {
        if (i % 10000 == 0)
            printf("%zu of %lld reservations\n", i, (long long)reservations);
        fflush(stdout);
        add_reservations(f, i);
    }
    market_stop(f->m);
    free(f->grants);
    free(f);
    return 0;
}
