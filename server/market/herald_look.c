/* market/herald_look.c: what the state shows that people are to be told of. Pure. */
#include <inttypes.h>

#include "base/num.h"
#include "base/text.h"
#include "core/broker.h"
#include "market/displaced.h"
#include "market/herald.h"
#include "market/index.h"
#include "market/view.h"

#define QUOTE_LEFT_MS (INT64_C(3) * 60000) /* of real time, or the last third of its life if that is less */
#define DAY_MS        INT64_C(86400000)
enum { STAGES = 2, LEAST_PART = 20 /* of what is free: less that lapses is not told */ };
__extension__ typedef __int128 wide; /* credits times a span of time */
static const int STAGE_DAYS[STAGES] = { 7, 30 };

struct hash
herald_key(const struct herald_item *item)
{
    uint8_t kind = (uint8_t)item->kind;
    struct bytes parts[2] = { BYTES(&kind, 1), BYTES_TEXT(item->subject) };

    return sha256_of(parts, 2);
}

static void
set_subject(struct herald_item *item, struct uuid id, int64_t more)
{
    char text[UUID_TEXT];

    uuid_text(id, text);
    text_format(item->subject, sizeof item->subject, more ? "%s %" PRId64 : "%s", text, more);
}

static void
set_site(const struct state *s, struct herald_item *item, uint64_t site)
{
    const struct site *at = ledger_site(s->ledger, site);

    item->site = site;
    if (at != NULL)
        text_format(item->code, sizeof item->code, "%.16s", at->entry.u.site.code);
}

static bool
is_new(const struct map *told, const struct herald_item *item)
{
    struct hash key = herald_key(item);

    return map_get(told, &key) == NULL;
}

static size_t
quotes(const struct state *s, int64_t now_ms, const struct map *told, struct herald_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    while (n < max && map_next(s->quotes, &it, NULL, &value)) {
        const struct quote *q = value;
        int64_t left_ms = min_i64(QUOTE_LEFT_MS * s->clock.rate, (q->expires_ms - q->created_ms) / 3);

        if (q->state != QUOTE_OPEN || now_ms >= q->expires_ms || q->expires_ms - now_ms > left_ms)
            continue;
        ret[n] = (struct herald_item){ .kind = NOTICES_QUOTE_ENDING, .id = q->id, .request = q->request, .organisation = q->org,
                                       .account = NO_INDEX, .at_ms = q->expires_ms, .gpums = q->cost_gpums, .how = "ending" };
        set_subject(&ret[n], q->id, q->expires_ms);
        text_format(ret[n].name, sizeof ret[n].name, "%s", q->name);
        set_site(s, &ret[n], q->site);
        n += is_new(told, &ret[n]);
    }
    return n;
}

static size_t
silent(const struct state *s, int64_t now_ms, const struct map *told, struct herald_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    while (n < max && map_next(s->sites, &it, NULL, &value)) {
        const struct site_state *site = value;
        int64_t contact_ms;

        if (!view_silent(s, site->site, now_ms))
            continue;
        contact_ms = s->contact(s->contact_ctx, site->site);
        ret[n] = (struct herald_item){ .kind = NOTICES_AGENT_SILENT, .account = NO_INDEX, .at_ms = contact_ms, .since_ms = contact_ms + 1, .how = "silent" };
        text_format(ret[n].subject, sizeof ret[n].subject, "%" PRIu64 " %" PRId64, site->site, contact_ms);
        set_site(s, &ret[n], site->site);
        n += is_new(told, &ret[n]);
    }
    return n;
}

static bool
any_cut(const struct state *s)
{
    size_t it = 0;
    void *value;

    while (map_next(s->offerings, &it, NULL, &value))
        if (displaced_overbooked(value))
            return true;
    return false;
}

/* Reservations whose place was cut, by maintenance or otherwise: as long as no other is found for them. */
static size_t
cut(const struct state *s, const struct map *told, struct herald_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    if (!any_cut(s))
        return 0;
    while (n < max && map_next(s->reservations, &it, NULL, &value)) {
        const struct reservation *r = value;

        if (ticket_state_is_end(r->state) || r->state == TICKET_CONTESTED || r->booked_slots == 0 || !displaced_is_cut(s, r))
            continue;
        ret[n] = (struct herald_item){ .kind = NOTICES_MAINTENANCE, .id = r->id, .request = r->nights ? uuid_row(r->request, 0) : r->request,
                                       .organisation = r->org, .account = NO_INDEX, .at_ms = r->window_start_ms, .how = "touched" };
        set_subject(&ret[n], r->id, 0);
        text_format(ret[n].name, sizeof ret[n].name, "%s", r->name);
        set_site(s, &ret[n], r->site);
        n += is_new(told, &ret[n]);
    }
    return n;
}

/* Does it take from what the reservation was booked of: whole nodes, or the pool? */
static bool
takes_from(const struct state *s, const struct notices_window *w, const struct reservation *r)
{
    const struct offering *o = ledger_offering(s->ledger, r->offering);

    return o != NULL && (broker_in_pool((int32_t)r->gpus, (int32_t)o->entry.u.offering.gpus_per_node) ? w->less_pool_nodes : w->less_nodes) > 0;
}

size_t
herald_window(const struct state *s, const struct notices_window *w, const struct map *told, struct herald_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    while (n < max && map_next(s->reservations, &it, NULL, &value)) {
        const struct reservation *r = value;
        char id[UUID_TEXT];

        if (r->offering != w->offering || ticket_state_is_end(r->state) || r->state == TICKET_CONTESTED || r->booked_slots == 0 || r->created_ms > w->set_ms ||
            r->booked_slot * CALENDAR_SLOT_MS >= w->until_ms || (r->booked_slot + r->booked_slots) * CALENDAR_SLOT_MS <= w->from_ms || !takes_from(s, w, r) ||
            displaced_is_cut(s, r))
            continue;
        ret[n] = (struct herald_item){ .kind = NOTICES_MAINTENANCE, .id = r->id, .request = r->nights ? uuid_row(r->request, 0) : r->request,
                                       .organisation = r->org, .account = NO_INDEX, .at_ms = w->from_ms, .until_ms = w->until_ms, .how = "planned" };
        uuid_text(r->id, id);
        text_format(ret[n].subject, sizeof ret[n].subject, "%s window %" PRIu64 " %u", id, w->offering, w->number);
        text_format(ret[n].name, sizeof ret[n].name, "%s", r->name);
        set_site(s, &ret[n], r->site);
        n += is_new(told, &ret[n]);
    }
    return n;
}

size_t
herald_look(const struct state *s, int64_t now_ms, const struct map *told, struct herald_item *ret, size_t max)
{
    size_t n = quotes(s, now_ms, told, ret, max);

    n += silent(s, now_ms, told, ret + n, max - n);
    return n + cut(s, told, ret + n, max - n);
}

size_t
herald_grants(const struct state *s, int64_t now_ms, const struct map *told, uint64_t *after, struct herald_item *ret, size_t max)
{
    const struct account *a;
    size_t n = 0;

    for (size_t it = 0; n < max && (a = ledger_next_account(s->ledger, &it)) != NULL;) {
        int stage = 0;

        if (a->class != ACCOUNT_GRANT || a->index <= *after || a->closed || a->grant_entry == NO_INDEX || a->start_ms > now_ms || a->end_ms <= now_ms ||
            account_free(a) <= 0)
            continue;
        while (stage < STAGES && a->end_ms - now_ms > STAGE_DAYS[stage] * DAY_MS)
            stage++;
        if (stage == STAGES)
            continue;
        ret[n] = (struct herald_item){ .kind = NOTICES_CREDITS_LAPSE, .organisation = a->owner_org, .account = a->index, .site = NO_INDEX,
                                       .at_ms = a->end_ms, .start_ms = a->start_ms, .free_gpums = account_free(a),
                                       .days = STAGE_DAYS[stage], .how = "pace" };
        text_format(ret[n].subject, sizeof ret[n].subject, "%" PRIu64 " %" PRId64 " %d", a->index, a->end_ms, STAGE_DAYS[stage]);
        n += is_new(told, &ret[n]);
    }
    *after = n == max ? ret[n - 1].account : 0;
    return n;
}

/* As the start-up's home page reckons it: what was paid within the last fortnight, or since the grant began. */
bool
herald_lapses(struct herald_item *grant, int64_t now_ms, int64_t paid_gpums, int64_t from_ms)
{
    int64_t span_ms = now_ms - max_i64(from_ms, grant->start_ms), left_ms = grant->at_ms - now_ms;
    wide used = 0;

    if (span_ms < DAY_MS && grant->at_ms - grant->start_ms > 2 * DAY_MS) /* a day old: no pace to speak of */
        return false;
    if (span_ms > 0 && paid_gpums > 0)
        used = (wide)paid_gpums * left_ms / span_ms;
    grant->gpums = used >= grant->free_gpums ? 0 : grant->free_gpums - (int64_t)used;
    grant->how = paid_gpums > 0 ? "pace" : "unused";
    return grant->gpums > 0 && grant->gpums >= grant->free_gpums / LEAST_PART;
}
