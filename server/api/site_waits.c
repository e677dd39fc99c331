/* api/site_waits.c
 * How long jobs waited at each site, for anybody: figures of a month of whole minutes, and only where they are of so many organisations
 * that none is recognised; looked at anew once an hour of real time at most, so that nobody learns of one job by asking before and after it. */
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/clock.h"
#include "store/use.h"

enum { LEAST = 5 /* organisations */ };
#define PERIOD_MS (INT64_C(30) * 86400000)
#define ANEW_MS   INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

struct site_waits {
    pthread_mutex_t lock;
    int64_t looked_ms, from_ms, to_ms; /* monotonic; 0: never. The period. */
    struct use_public_wait *list;
    size_t n;
};

struct site_waits *
site_waits_new(void)
{
    struct site_waits *w = xcalloc(1, sizeof *w);

    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void
site_waits_delete(struct site_waits *w)
{
    if (!w)
        return;
    free(w->list);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* Under the lock: who comes meanwhile waits for it instead of asking too. */
static enum err
look(struct call *call, struct site_waits *w)
{
    int64_t now_ms = monotonic_ms();
    struct use_public_wait *list;
    struct db_actor before;
    size_t n;
    enum err err;

    if (w->looked_ms && now_ms - w->looked_ms < ANEW_MS)
        return OK;
    before = db_act_as(call->db, DB_ACTOR_SERVER); /* of all, and for all */
    err = use_public_waits(call->db, call->now_ms - PERIOD_MS, call->now_ms, call->arena, &list, &n);
    db_act_as(call->db, before);
    if (err)
        return err;
    free(w->list);
    w->list = xcalloc(n + 1, sizeof *w->list);
    memcpy(w->list, list, n * sizeof *w->list);
    w->n = n;
    w->looked_ms = now_ms;
    w->from_ms = call->now_ms - PERIOD_MS;
    w->to_ms = call->now_ms;
    return OK;
}

static void
figure(struct json_out *out, const char *name, bool shown, int64_t value)
{
    if (shown)
        json_i64(out, name, value);
    else
        json_none(out, name);
}

static int64_t
minutes_up(int64_t ms)
{
    return (ms + MINUTE_MS - 1) / MINUTE_MS * MINUTE_MS;
}

static void
site_json(struct json_out *out, const struct site *site, const struct site_waits *w)
{
    struct use_public_wait of = { .site = site->index };
    char code[17];

    for (size_t i = 0; i < w->n; i++)
        if (w->list[i].site == site->index)
            of = w->list[i];
    snprintf(code, sizeof code, "%.16s", site->entry.u.site.code);
    json_open(out, NULL);
    json_text(out, "site", code);
    figure(out, "started", of.started_of >= LEAST, of.started);
    figure(out, "half_ms", of.started_of >= LEAST, minutes_up(of.half_ms));
    figure(out, "ninety_ms", of.started_of >= LEAST, minutes_up(of.ninety_ms));
    figure(out, "waiting", of.waiting_of >= LEAST, of.waiting);
    figure(out, "waiting_gpus", of.waiting_of >= LEAST, of.waiting_gpus);
    json_shut(out);
}

/* GET /v1/sites/waits */
void
sites_waits(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct site_waits *w = call->api->site_waits;
    const struct state *s;
    const struct site *site;
    enum err err = call_query_only(call, NO_NAMES);

    if (err) {
        call_fail(call, err);
        return;
    }
    pthread_mutex_lock(&w->lock);
    err = look(call, w);
    s = err ? NULL : market_read_lock(call->api->market);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t it = 0; s && (site = ledger_next_site(s->ledger, &it)) != NULL;)
        site_json(&call->out, site, w);
    json_shut_array(&call->out);
    json_i64(&call->out, "least_organisations", LEAST);
    json_time(&call->out, "from", w->from_ms);
    json_time(&call->out, "to", w->to_ms);
    json_shut(&call->out);
    if (s)
        market_read_unlock(call->api->market);
    pthread_mutex_unlock(&w->lock);
    call_end(call, !err && !s ? ERR_NOT_LEADER : err, 200);
}
