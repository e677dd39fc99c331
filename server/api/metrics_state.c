/* api/metrics_state.c
 * What the market's state shows of sites, tickets, holds and calendars. The state is walked in short turns, so that the
 * sequencer never waits for a reader of figures; between turns it may change, so sums are right to within what has changed
 * meanwhile. Times are of the market's clock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "core/calendar.h"
#include "market/index.h"

enum { TURN = 2000, WITHIN = 4, WINDOWS = 3 };

static const struct {
    const char *name;
    int64_t ms;
} EXPIRING[WITHIN] = { { "0s", 0 }, { "1h", 3600000 }, { "1d", 86400000 }, { "7d", 604800000 } };

static const struct {
    const char *name;
    int64_t slots;
} LOADS[WINDOWS] = { { "1d", 96 }, { "7d", 672 }, { "28d", 2688 } };

struct of_site {
    uint64_t site;
    char code[17];
    bool paused, draining, recovering;
    uint64_t unconfirmed;
    uint64_t tickets[TICKET_STATES];
    int64_t oldest_ms[TICKET_STATES];
};

struct survey {
    int64_t now_ms;
    struct of_site *sites;
    size_t sites_n;
    uint64_t quotes, reservations, holds, expiring[WITHIN];
};

static void
begin(struct survey *v, const struct state *s)
{
    const struct site *site;

    v->sites = xcalloc(map_count(s->sites) + 1, sizeof *v->sites);
    v->quotes = map_count(s->quotes);
    v->reservations = map_count(s->reservations);
    for (size_t it = 0; v->sites_n < map_count(s->sites) && (site = ledger_next_site(s->ledger, &it)) != NULL;) {
        const struct site_state *ss = index_site(s, site->index);
        struct of_site *o;

        if (!ss)
            continue;
        o = &v->sites[v->sites_n++];
        o->site = site->index;
        snprintf(o->code, sizeof o->code, "%.16s", site->entry.u.site.code);
        o->paused = ss->paused;
        o->draining = ss->draining;
        o->recovering = ss->recovering;
        o->unconfirmed = ss->last_seq - ss->confirmed_seq;
    }
}

static struct of_site *
find_site(struct survey *v, uint64_t site)
{
    size_t low = 0, high = v->sites_n; /* in order of the journal */

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (v->sites[middle].site < site)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->sites_n && v->sites[low].site == site ? &v->sites[low] : NULL;
}

static void
take(struct survey *v, const struct state *s, const struct reservation *r)
{
    struct of_site *o = find_site(v, r->site);
    const struct hold *hold = ledger_hold(s->ledger, r->hold);
    int64_t age_ms = v->now_ms - r->changed_ms;

    if (o && r->state < TICKET_STATES) {
        o->tickets[r->state]++;
        if (age_ms > o->oldest_ms[r->state])
            o->oldest_ms[r->state] = age_ms;
    }
    if (!hold || !hold->open)
        return;
    v->holds++;
    for (int i = 0; i < WITHIN; i++)
        if (hold->expiry_ms - v->now_ms <= EXPIRING[i].ms)
            v->expiring[i]++;
}

/* One turn; false at the end. */
static bool
walk(struct api *api, struct survey *v, size_t *it)
{
    const struct state *s = market_read_lock(api->market);
    void *value;
    int n = 0;

    if (!s)
        return false;
    while (n < TURN && map_next(s->reservations, it, NULL, &value)) {
        take(v, s, value);
        n++;
    }
    market_read_unlock(api->market);
    return n == TURN;
}

static void
by_site(const struct survey *v, FILE *to, const char *name, const char *help, uint64_t (*of)(const struct of_site *o))
{
    metric_head(to, name, "gauge", help);
    for (size_t i = 0; i < v->sites_n; i++)
        fprintf(to, "%s{site=\"%s\"} %" PRIu64 "\n", name, v->sites[i].code, of(&v->sites[i]));
}

static uint64_t
is_paused(const struct of_site *o)
{
    return o->paused;
}

static uint64_t
is_draining(const struct of_site *o)
{
    return o->draining;
}

static uint64_t
is_recovering(const struct of_site *o)
{
    return o->recovering;
}

static uint64_t
unconfirmed(const struct of_site *o)
{
    return o->unconfirmed;
}

static void
show_sites(struct api *api, const struct survey *v, FILE *to)
{
    by_site(v, to, "kontor_site_paused", "1 while a site takes no new work.", is_paused);
    by_site(v, to, "kontor_site_draining", "1 while a site's tickets are withdrawn.", is_draining);
    by_site(v, to, "kontor_site_recovering", "1 while what a lost spool had is seen to.", is_recovering);
    by_site(v, to, "kontor_site_unconfirmed_tickets", "Tickets that a site's agent has not confirmed.", unconfirmed);
    metric_head(to, "kontor_agent_silence_seconds", "gauge", "Since a site's agent was last in touch; none: never was.");
    for (size_t i = 0; i < v->sites_n; i++) {
        int64_t contact_ms = directory_contact(api->directory, v->sites[i].site);
        int64_t silent_s = contact_ms < v->now_ms ? (v->now_ms - contact_ms) / 1000 : 0;

        if (contact_ms)
            fprintf(to, "kontor_agent_silence_seconds{site=\"%s\"} %" PRId64 "\n", v->sites[i].code, silent_s);
    }
}

static void
show_tickets(const struct survey *v, FILE *to)
{
    metric_head(to, "kontor_tickets", "gauge", "Reservations in memory, by site and state of their ticket.");
    for (size_t i = 0; i < v->sites_n; i++)
        for (int s = 0; s < TICKET_STATES; s++)
            fprintf(to, "kontor_tickets{site=\"%s\",state=\"%s\"} %" PRIu64 "\n", v->sites[i].code,
                    ticket_state_word((enum ticket_state)s), v->sites[i].tickets[s]);
    metric_head(to, "kontor_ticket_oldest_seconds", "gauge",
                "How long nothing has changed with the ticket that has stood longest, by site and state.");
    for (size_t i = 0; i < v->sites_n; i++)
        for (int s = 0; s < TICKET_STATES; s++)
            fprintf(to, "kontor_ticket_oldest_seconds{site=\"%s\",state=\"%s\"} %" PRId64 "\n", v->sites[i].code,
                    ticket_state_word((enum ticket_state)s), v->sites[i].oldest_ms[s] / 1000);
}

static void
show_holds(const struct survey *v, FILE *to)
{
    metric_head(to, "kontor_quotes_open", "gauge", "Quotes that book a place.");
    fprintf(to, "kontor_quotes_open %" PRIu64 "\n", v->quotes);
    metric_head(to, "kontor_reservations", "gauge", "Reservations in memory.");
    fprintf(to, "kontor_reservations %" PRIu64 "\n", v->reservations);
    metric_head(to, "kontor_holds_open", "gauge", "Holds of credits that are not resolved.");
    fprintf(to, "kontor_holds_open %" PRIu64 "\n", v->holds);
    metric_head(to, "kontor_holds_expiring", "gauge", "Open holds that expire within this time; 0s: are over and wait.");
    for (int i = 0; i < WITHIN; i++)
        fprintf(to, "kontor_holds_expiring{within=\"%s\"} %" PRIu64 "\n", EXPIRING[i].name, v->expiring[i]);
}

/* ---- calendars ---------------------------------------------------------------------------------------------------- */

struct load_of {
    char code[17];
    uint64_t offering;
    int64_t capacity, free, booked_milli[WINDOWS];
};

/* Capacity less what is free, in thousandths, over the slots from now on; capacity as of each slot. */
static int64_t
booked_milli(const struct calendar *const c[2], int64_t slots)
{
    int64_t all = 0, free = 0;

    for (int i = 0; i < 2; i++) {
        int64_t from = c[i] ? calendar_first(c[i]) : 0;

        for (int64_t slot = from; c[i] && slot < from + slots && slot < calendar_end(c[i]); slot++) {
            all += calendar_capacity(c[i], slot);
            free += calendar_free(c[i], slot);
        }
    }
    return all > 0 ? (all - free) * 1000 / all : 0;
}

/* The next offering's; one turn for each. */
static bool
next_load(struct api *api, size_t *it, struct load_of *ret)
{
    const struct state *s = market_read_lock(api->market);
    const struct offering *o = s ? ledger_next_offering(s->ledger, it) : NULL;
    const struct site *site = o ? ledger_site(s->ledger, o->entry.u.offering.site) : NULL;
    const struct offering_state *os = o ? index_offering(s, o->index) : NULL;

    *ret = (struct load_of){ .offering = o ? o->index : 0 };
    if (site && os && os->calendar) {
        const struct calendar *const both[2] = { os->calendar, os->pool };

        snprintf(ret->code, sizeof ret->code, "%.16s", site->entry.u.site.code);
        for (int i = 0; i < 2; i++)
            if (both[i]) {
                ret->capacity += calendar_capacity(both[i], calendar_first(both[i]));
                ret->free += calendar_free(both[i], calendar_first(both[i]));
            }
        for (int i = 0; i < WINDOWS; i++)
            ret->booked_milli[i] = booked_milli(both, LOADS[i].slots);
    }
    if (s)
        market_read_unlock(api->market);
    return o != NULL;
}

static void
show_calendars(struct api *api, FILE *to)
{
    size_t it = 0, n = 0, cap = 16;
    struct load_of *list = xcalloc(cap, sizeof *list);

    while (next_load(api, &it, &list[n]))
        if (list[n].code[0] && ++n == cap)
            list = xrealloc(list, (cap *= 2) * sizeof *list);
    metric_head(to, "kontor_calendar_capacity_gpus", "gauge", "GPUs that an offering brokers now.");
    for (size_t i = 0; i < n; i++)
        fprintf(to, "kontor_calendar_capacity_gpus{site=\"%s\",offering=\"%" PRIu64 "\"} %" PRId64 "\n", list[i].code,
                list[i].offering, list[i].capacity);
    metric_head(to, "kontor_calendar_free_gpus", "gauge", "GPUs not booked now; below 0: less is there than was promised.");
    for (size_t i = 0; i < n; i++)
        fprintf(to, "kontor_calendar_free_gpus{site=\"%s\",offering=\"%" PRIu64 "\"} %" PRId64 "\n", list[i].code,
                list[i].offering, list[i].free);
    metric_head(to, "kontor_calendar_booked_ratio", "gauge", "Share of the GPU time from now on that is booked.");
    for (size_t i = 0; i < n; i++)
        for (int w = 0; w < WINDOWS; w++)
            fprintf(to, "kontor_calendar_booked_ratio{site=\"%s\",offering=\"%" PRIu64 "\",window=\"%s\"} %" PRId64 ".%03" PRId64 "\n",
                    list[i].code, list[i].offering, LOADS[w].name, list[i].booked_milli[w] / 1000,
                    list[i].booked_milli[w] % 1000);
    free(list);
}

void
metrics_of_state(struct api *api, FILE *to)
{
    const struct state *s = market_read_lock(api->market);
    struct survey v = { .now_ms = market_now(api->market) };
    size_t it = 0;

    if (!s)
        return;
    begin(&v, s);
    market_read_unlock(api->market);
    while (walk(api, &v, &it))
        continue;
    show_sites(api, &v, to);
    show_tickets(&v, to);
    show_holds(&v, to);
    show_calendars(api, to);
    free(v.sites);
}
