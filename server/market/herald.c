/* market/herald.c */
#include "market/herald.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/ticket.h"
#include "crypto/random.h"
#include "store/requests.h"
#include "store/reservations.h"

/* Real time. */
enum { TICK_MS = 500, LOOK_MS = 5000, PAUSE_MS = 2000 };
enum { STEP = 500 /* entries at a time */, ITEMS_MAX = 64, GRANTS_MAX = 8 /* at a look: each walks its entries */, WINDOWS_MAX = 64 /* at a look: each walks the reservations */, TOLD_MAX = 100000 };
#define PACE_MS (INT64_C(14) * 86400000)

struct herald {
    struct herald_config config;
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock; /* stopping */
    pthread_cond_t wake;
    bool stopping;
    /* the thread's own */
    struct map *told;
    uint64_t next; /* what of the journal is not told yet; NO_INDEX: not asked */
    int64_t look_ms; /* monotonic: due again */
    uint64_t grants_after;
    int64_t windows_ms; /* windows set before have been told of */
    struct herald_item items[ITEMS_MAX];
    char trouble[160];
};

static bool
stopping(struct herald *h)
{
    bool is;

    pthread_mutex_lock(&h->lock);
    is = h->stopping;
    pthread_mutex_unlock(&h->lock);
    return is;
}

static void
outcome(struct herald *h, enum err err)
{
    const char *why = err ? db_message(h->db) : "";

    if (err && !why[0])
        why = err_sentence(err);
    if (strcmp(h->trouble, why) != 0 && why[0] && h->config.log != NULL)
        log_warning(h->config.log, "herald", LOG_TEXT("error", err_wire(err)), LOG_TEXT("why", why));
    text_format(h->trouble, sizeof h->trouble, "%s", why);
}

static struct uuid
fresh_id(int64_t at_ms)
{
    uint8_t random[10];

    random_bytes(random, sizeof random);
    return uuid_v7(at_ms, random);
}

static void
note_told(struct herald *h, const struct herald_item *item)
{
    struct hash key = herald_key(item);

    if (map_count(h->told) >= TOLD_MAX) { /* the database still knows */
        map_delete(h->told);
        h->told = map_new(sizeof(struct hash));
    }
    map_put(h->told, &key, h, NULL);
}

/* Who asked for the job, as long as the request is there. */
static enum err
find_asker(struct herald *h, struct uuid request, struct arena *a, struct uuid *ret)
{
    struct request_row row;
    enum err err = requests_find(h->db, request, a, &row);

    if (!err)
        *ret = row.created_by;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- the journal ------------------------------------------------------------------------------------------------------ */

struct telling {
    struct notices_cursor from;
    uint64_t to;
    struct notices_event *events;
    size_t n;
    bool by_journal;
    int64_t real_ms;
};

static enum err
store(struct db *db, void *ctx)
{
    const struct telling *t = ctx;
    enum err err = t->by_journal ? notices_cursor_move(db, &t->from, t->to) : OK;
    bool is_new;

    for (size_t i = 0; !err && i < t->n; i++) {
        t->events[i].real_ms = t->real_ms;
        err = notices_tell(db, &t->events[i], &is_new);
    }
    return err;
}

/* What an entry says that somebody is to be told; *ret_hold: of which hold. */
static bool
speaks(const struct entry *e, struct herald_item *ret, uint64_t *ret_hold)
{
    *ret = (struct herald_item){ .kind = NOTICES_JOB_ENDED, .site = NO_INDEX, .account = NO_INDEX, .at_ms = e->time_ms };
    switch (e->kind) {
    case SETTLE:
        *ret_hold = e->u.settle.hold;
        return e->u.settle.final;
    case VOID:
    case EXPIRE:
        *ret_hold = e->u.release.hold;
        if (e->kind == VOID && e->u.release.reason == VOID_MOVED) {
            ret->kind = NOTICES_MAINTENANCE;
            ret->how = "moved";
        }
        return true;
    case NOTICE:
        *ret_hold = e->u.notice.ref;
        ret->kind = NOTICES_DISPUTE;
        ret->how = e->u.notice.type == NOTICE_DISPUTE_OPENED ? "opened" : "closed";
        return e->u.notice.type == NOTICE_DISPUTE_OPENED || e->u.notice.type == NOTICE_DISPUTE_CLOSED;
    default:
        return false;
    }
}

/* The reservation of the hold, and its site's code. False: there is no state. */
static bool
find_hold(struct herald *h, uint64_t index, struct herald_item *ret)
{
    const struct state *s = market_read_lock(h->config.market);
    const struct hold *hold;
    const struct site *site;

    if (s == NULL)
        return false;
    hold = ledger_hold(s->ledger, index);
    site = hold ? ledger_site(s->ledger, hold->site) : NULL;
    if (site != NULL) {
        ret->id = hold->reservation;
        ret->site = hold->site;
        text_format(ret->code, sizeof ret->code, "%.16s", site->entry.u.site.code);
    }
    market_read_unlock(h->config.market);
    return true;
}

/* The item of an entry. ERR_NOT_FOUND: nobody is to be told. */
static enum err
read_entry(struct herald *h, const struct entry *e, struct arena *a, struct herald_item *ret)
{
    struct reservation_row r;
    char id[UUID_TEXT];
    uint64_t hold;
    enum err err;

    if (!speaks(e, ret, &hold))
        return ERR_NOT_FOUND;
    if (!find_hold(h, hold, ret))
        return ERR_NOT_LEADER;
    err = reservations_find(h->db, ret->id, &r);
    if (!err)
        err = find_asker(h, r.nights ? uuid_row(r.request, 0) : r.request, a, &ret->asker);
    if (err)
        return err;
    uuid_text(r.id, id);
    ret->organisation = r.org;
    ret->gpums = r.settled_gpums;
    ret->other = r.moved_to;
    text_format(ret->name, sizeof ret->name, "%s", r.name);
    if (ret->kind == NOTICES_JOB_ENDED)
        ret->how = arena_text(a, ticket_outcome_name((enum ticket_outcome)r.outcome));
    text_format(ret->subject, sizeof ret->subject, ret->kind == NOTICES_DISPUTE ? "%s %" PRIu64 : ret->kind == NOTICES_JOB_ENDED ? "%s" : "%s moved", id,
                e->index);
    return OK;
}

/* One step of the journal. *ret_more: there is more. */
static enum err
tell_journal(struct herald *h, struct arena *a, bool *ret_more)
{
    struct telling t = { .by_journal = true, .real_ms = real_now_ms() };
    struct entry *entries;
    size_t n = 0;
    enum err err = notices_cursor_read(h->db, &t.from);

    if (err)
        return err;
    h->next = t.from.next;
    if (t.from.next >= t.from.size)
        return OK;
    t.to = t.from.size - t.from.next > STEP ? t.from.next + STEP : t.from.size;
    err = notices_entries(h->db, t.from.next, t.to, a, &entries, &n);
    t.events = arena_alloc(a, (n + 1) * sizeof *t.events);
    for (size_t i = 0; !err && i < n; i++) {
        struct herald_item *item = arena_alloc(a, sizeof *item);

        err = read_entry(h, &entries[i], a, item);
        if (!err)
            t.events[t.n++] = herald_words(item, fresh_id(entries[i].time_ms), entries[i].time_ms, a);
        else if (err == ERR_NOT_FOUND)
            err = OK;
    }
    if (!err)
        err = db_tx(h->db, store, &t);
    if (!err)
        h->next = t.to;
    *ret_more = !err && t.to < t.from.size;
    return err;
}

/* Is there anything that was not told? The memory may be ahead of the database: then the next look finds it. */
static bool
journal_grew(struct herald *h)
{
    const struct state *s = market_read_lock(h->config.market);
    uint64_t size;

    if (s == NULL)
        return false;
    size = ledger_size(s->ledger);
    market_read_unlock(h->config.market);
    return h->next == NO_INDEX || h->next < size;
}

/* ---- the state -------------------------------------------------------------------------------------------------------- */

static enum err
tell_items(struct herald *h, size_t n, int64_t now_ms, struct arena *a)
{
    struct telling t = { .real_ms = real_now_ms() };
    enum err err = OK;

    t.events = arena_alloc(a, (n + 1) * sizeof *t.events);
    for (size_t i = 0; !err && i < n; i++) {
        if (!uuid_is_zero(h->items[i].request))
            err = find_asker(h, h->items[i].request, a, &h->items[i].asker);
        t.events[t.n++] = herald_words(&h->items[i], fresh_id(now_ms), now_ms, a);
    }
    if (!err && n > 0)
        err = db_tx(h->db, store, &t);
    for (size_t i = 0; !err && i < n; i++)
        note_told(h, &h->items[i]);
    return err;
}

static enum err
tell_state(struct herald *h, struct arena *a)
{
    const struct state *s = market_read_lock(h->config.market);
    int64_t now_ms;
    size_t n;

    if (s == NULL)
        return OK;
    now_ms = market_now(h->config.market);
    n = herald_look(s, now_ms, h->told, h->items, ITEMS_MAX);
    market_read_unlock(h->config.market);
    return tell_items(h, n, now_ms, a);
}

/* New windows of maintenance: those that were set since the last that was told of whole. A few at a look; what of one does not fit
 * into it comes with the next. */
static enum err
tell_windows(struct herald *h, struct arena *a)
{
    int64_t now_ms = market_now(h->config.market);
    struct notices_window *windows = NULL;
    size_t n = 0, told = 0, done = 0;
    enum err err = notices_windows(h->db, h->windows_ms, now_ms, WINDOWS_MAX, a, &windows, &n);

    for (size_t i = 0; !err && i < n && told < ITEMS_MAX; i++) {
        const struct state *s = market_read_lock(h->config.market);
        size_t found;

        if (s == NULL)
            return OK;
        found = herald_window(s, &windows[i], h->told, h->items, ITEMS_MAX - told);
        market_read_unlock(h->config.market);
        err = tell_items(h, found, now_ms, a);
        told += found;
        if (!err && told < ITEMS_MAX)
            done = i + 1;
    }
    if (done > 0) /* more of the same moment may come after the last that was read; but that one moment has so many is not waited for */
        h->windows_ms = windows[done - 1].set_ms + (done < n || (n == WINDOWS_MAX && windows[0].set_ms != windows[n - 1].set_ms) ? 0 : 1);
    return err;
}

static enum err
tell_grants(struct herald *h, struct arena *a)
{
    const struct state *s = market_read_lock(h->config.market);
    int64_t now_ms, paid, from_ms;
    size_t n, kept = 0;
    enum err err = OK;

    if (s == NULL)
        return OK;
    now_ms = market_now(h->config.market);
    n = herald_grants(s, now_ms, h->told, &h->grants_after, h->items, GRANTS_MAX);
    market_read_unlock(h->config.market);
    for (size_t i = 0; !err && i < n; i++) {
        err = notices_paid(h->db, h->items[i].account, now_ms - PACE_MS, &paid, &from_ms);
        if (!err && herald_lapses(&h->items[i], now_ms, paid, from_ms))
            h->items[kept++] = h->items[i];
    }
    return err ? err : tell_items(h, kept, now_ms, a);
}

/* ---- the thread ------------------------------------------------------------------------------------------------------- */

/* Real ms until the next round. */
static int64_t
one_round(struct herald *h)
{
    struct arena *a = arena_new();
    int64_t real_ms = monotonic_ms();
    bool more = false;
    enum err err = OK;

    if (journal_grew(h))
        err = tell_journal(h, a, &more);
    if (!err && !more && real_ms >= h->look_ms) {
        err = tell_state(h, a);
        if (!err)
            err = tell_windows(h, a);
        if (!err)
            err = tell_grants(h, a);
        h->look_ms = real_ms + LOOK_MS;
    }
    arena_delete(a);
    outcome(h, err);
    if (err)
        h->next = NO_INDEX;
    return err ? PAUSE_MS : more ? 0 : TICK_MS;
}

static void *
run(void *ctx)
{
    struct herald *h = ctx;

    while (!stopping(h)) {
        struct timespec until;
        int64_t wait_ms = PAUSE_MS;

        if (market_phase(h->config.market) == MARKET_LEADING)
            wait_ms = one_round(h);
        else
            h->next = NO_INDEX; /* another may tell meanwhile */
        pthread_mutex_lock(&h->lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += wait_ms % 1000 * 1000000L;
        until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!h->stopping && wait_ms > 0)
            pthread_cond_timedwait(&h->wake, &h->lock, &until);
        pthread_mutex_unlock(&h->lock);
    }
    return NULL;
}

static void
herald_delete(struct herald *h)
{
    db_delete(h->db);
    map_delete(h->told);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->wake);
    free(h);
}

enum err
herald_start(const struct herald_config *config, struct herald **ret, struct err_detail *d)
{
    struct herald *h = xcalloc(1, sizeof *h);
    pthread_condattr_t attr;

    h->config = *config;
    h->next = NO_INDEX;
    h->told = map_new(sizeof(struct hash));
    h->db = db_new(&(struct db_config){ .conninfo = config->db_worker, .name = "kontor herald" });
    db_act_as(h->db, DB_ACTOR_SERVER);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&h->thread, NULL, run, h) != 0) {
        herald_delete(h);
        return err_internal(d, ERR_INTERNAL, "no thread for notices");
    }
    *ret = h;
    return OK;
}

void
herald_stop(struct herald *h)
{
    if (h == NULL)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    herald_delete(h);
}
