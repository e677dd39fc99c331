/* market/courier.c */
#include "market/courier.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "crypto/random.h"
#include "market/courier_ways.h"
#include "store/journal_reads.h"

/* Real time. */
enum { LOOK_MS = 500, COUNT_MS = 5000, LEASE_MS = 60000, PAUSE_MS = 2000, WAIT_MS = 100 };
#define PAUSE_MOST_MS (INT64_C(6) * 3600000)

int64_t
courier_pause(int64_t again_ms, int tries, uint32_t random)
{
    int64_t pause_ms = again_ms;

    for (int i = 1; i < tries && pause_ms < PAUSE_MOST_MS; i++)
        pause_ms *= 2;
    pause_ms = min_i64(pause_ms, PAUSE_MOST_MS);
    return pause_ms * 4 / 5 + pause_ms * 2 / 5 * (random % 1000) / 1000; /* a fifth more or less: not all at once */
}

static bool
stopping(struct courier *c)
{
    bool is;

    pthread_mutex_lock(&c->lock);
    is = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return is;
}

static void
outcome(struct courier *c, enum err err)
{
    const char *why = err ? db_message(c->db) : "";

    if (err && !why[0])
        why = err_sentence(err);
    if (strcmp(c->trouble, why) != 0 && why[0] && c->config.log != NULL)
        log_warning(c->config.log, c->way->name, LOG_TEXT("error", err_wire(err)), LOG_TEXT("why", why));
    text_format(c->trouble, sizeof c->trouble, "%s", why);
}

/* ---- one delivery ------------------------------------------------------------------------------------------------------ */

void
courier_taken(struct courier *c, struct delivery *d, int status)
{
    d->state = DELIVERY_TAKEN;
    d->status = status;
    d->why = "";
    d->done_ms = real_now_ms();
    atomic_fetch_add(&c->figures.taken, 1);
}

void
courier_fail(struct courier *c, struct delivery *d, int status, const char *why, bool for_good)
{
    int64_t now_ms = real_now_ms();
    uint32_t random;

    random_bytes(&random, sizeof random);
    d->status = status;
    d->why = why;
    d->next_ms = now_ms + courier_pause(c->config.again_ms, d->tries, random);
    if (for_good || d->next_ms - d->since_ms > c->config.give_up_ms) {
        d->state = DELIVERY_GIVEN_UP;
        d->done_ms = now_ms;
        atomic_fetch_add(&c->figures.given_up, 1);
    }
    atomic_fetch_add(&c->figures.failed, 1);
}

static void
end_delivery(struct courier *c, struct lane *l)
{
    enum err err = deliveries_done(c->db, &l->delivery);

    if (err) /* the claim runs out, and it is tried again */
        outcome(c, err);
    arena_delete(l->arena);
    *l = (struct lane){ .arena = NULL };
    c->look_ms = 0;
}

static void
begin_delivery(struct courier *c, size_t i, const struct delivery *claimed)
{
    struct lane *l = &c->lanes[i];

    l->arena = arena_new();
    l->delivery = *claimed;
    if (!c->way->begin(c, i, l))
        end_delivery(c, l);
}

static void
take_replies(struct courier *c)
{
    struct web_reply r;

    while (web_next(c->web, &r)) {
        c->way->judge(c, &c->lanes[r.lane], &r);
        end_delivery(c, &c->lanes[r.lane]);
    }
}

/* ---- the thread ------------------------------------------------------------------------------------------------------- */

/* Free lanes take what is due. */
static enum err
claim(struct courier *c)
{
    struct uuid busy[COURIER_LANES];
    struct journal_state head;
    struct delivery *list = NULL;
    struct arena *a;
    size_t n_busy = 0, n = 0;
    int64_t now_ms = real_now_ms();
    enum err err;

    for (size_t i = 0; i < c->way->lanes; i++)
        if (c->lanes[i].arena != NULL)
            busy[n_busy++] = c->lanes[i].delivery.webhook;
    if (n_busy == c->way->lanes || monotonic_ms() < c->hold_ms)
        return OK;
    a = arena_new();
    err = journal_reads_head(c->db, &head);
    if (!err && market_leads(c->config.market))
        err = c->way->letters ? deliveries_letters(c->db, head.term, now_ms, now_ms + LEASE_MS, (int)(c->way->lanes - n_busy), a, &list, &n)
                              : deliveries_claim(c->db, head.term, now_ms, now_ms + LEASE_MS, busy, n_busy, (int)(c->way->lanes - n_busy), a, &list, &n);
    for (size_t i = 0, lane = 0; i < n; i++) {
        while (c->lanes[lane].arena != NULL)
            lane++;
        begin_delivery(c, lane, &list[i]);
    }
    arena_delete(a);
    return err;
}

static enum err
count(struct courier *c)
{
    struct deliveries_figures f;
    enum err err = deliveries_count(c->db, c->way->letters, &f);

    if (err)
        return err;
    atomic_store(&c->figures.waiting, f.waiting);
    atomic_store(&c->figures.dead, f.given_up);
    atomic_store(&c->figures.oldest_ms, f.oldest_ms);
    return OK;
}

static bool
any_busy(const struct courier *c)
{
    for (size_t i = 0; i < COURIER_LANES; i++)
        if (c->lanes[i].arena != NULL)
            return true;
    return false;
}

/* Real ms until the next round. */
static int64_t
one_round(struct courier *c)
{
    int64_t real_ms = monotonic_ms();
    enum err err = OK;

    take_replies(c);
    if (market_phase(c->config.market) != MARKET_LEADING)
        return PAUSE_MS;
    if (real_ms >= c->look_ms) {
        err = claim(c);
        c->look_ms = real_ms + LOOK_MS;
    }
    if (!err && real_ms >= c->count_ms) {
        err = count(c);
        c->count_ms = real_ms + COUNT_MS;
    }
    outcome(c, err);
    return err ? PAUSE_MS : LOOK_MS;
}

static void
pause_for(struct courier *c, int64_t wait_ms)
{
    struct timespec until;

    if (any_busy(c)) {
        web_wait(c->web, NULL, 0, WAIT_MS);
        return;
    }
    pthread_mutex_lock(&c->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (!c->stopping)
        pthread_cond_timedwait(&c->wake, &c->lock, &until);
    pthread_mutex_unlock(&c->lock);
}

static void *
run(void *ctx)
{
    struct courier *c = ctx;

    while (!stopping(c))
        pause_for(c, one_round(c));
    return NULL;
}

static void
courier_delete(struct courier *c)
{
    for (size_t i = 0; i < COURIER_LANES; i++)
        arena_delete(c->lanes[i].arena);
    web_delete(c->web);
    db_delete(c->db);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->wake);
    random_wipe(&c->config.key, sizeof c->config.key);
    free(c);
}

enum err
courier_start(const struct courier_config *config, struct courier **ret, struct err_detail *d)
{
    struct courier *c = xcalloc(1, sizeof *c);
    pthread_condattr_t attr;
    enum err err;

    c->config = *config;
    c->way = config->letters ? &COURIER_LETTERS : &COURIER_HOOKS;
    c->db = db_new(&(struct db_config){ .conninfo = config->db_worker, .name = config->letters ? "kontor postman" : "kontor courier" });
    db_act_as(c->db, DB_ACTOR_SERVER);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    err = web_new(c->way->lanes, config->ca_file, "kontord/" PACKAGE_VERSION, &c->web, d);
    if (!err && pthread_create(&c->thread, NULL, run, c) != 0)
        err = err_internal(d, ERR_INTERNAL, "no thread for deliveries");
    if (err) {
        courier_delete(c);
        return err;
    }
    *ret = c;
    return OK;
}

void
courier_stop(struct courier *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    courier_delete(c);
}

const struct courier_figures *
courier_figures(const struct courier *c)
{
    return &c->figures;
}
