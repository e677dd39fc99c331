/* market/view.c */
#include "market/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"
#include "core/needs.h"
#include "market/index.h"
#include "market/timing.h"

#define SILENT_MS (INT64_C(5) * 60000)

bool
view_silent(const struct state *s, uint64_t site, int64_t now_ms)
{
    int64_t contact_ms = s->contact != NULL ? s->contact(s->contact_ctx, site) : 0;

    now_ms = min_i64(now_ms, clock_now(&s->clock)); /* after a clock that was ahead, the journal's time is: silence is not */
    return contact_ms > 0 && now_ms - max_i64(contact_ms, s->since_ms) > SILENT_MS * s->clock.rate;
}

static enum broker_state
state_of_site(const struct state *s, uint64_t site, int64_t now_ms)
{
    const struct site_state *ss = index_site(s, site);

    if (ss == NULL || ss->paused)
        return BROKER_STATE_PAUSED;
    if (ss->draining)
        return BROKER_STATE_DRAINING;
    return view_silent(s, site, now_ms) ? BROKER_STATE_SILENT : BROKER_STATE_ACTIVE;
}

/* A name of the journal, plain ASCII, ended by a NUL or by its field. */
static void
copy(char *to, size_t cap, const char *from)
{
    size_t len = strnlen(from, cap - 1);

    memcpy(to, from, len);
    to[len] = '\0';
}

uint16_t
view_takes(const struct state *s, uint64_t site, int64_t now_ms)
{
    const struct site_state *ss = index_site(s, site);
    const struct key *by = ss != NULL ? ledger_key(s->ledger, ss->instance_key) : NULL;
    bool vouched = by != NULL && key_in_force(by, ledger_size(s->ledger), now_ms);

    if (ss == NULL)
        return 0;
    return vouched ? ss->takes : ss->takes & (uint16_t)~NEED_BIT(NEED_SECRETS);
}

static bool
read_offering(const struct state *s, const struct offering *o, int64_t now_ms, struct broker_offering *ret)
{
    const struct offering_state *os = index_offering(s, o->index);
    const struct site *site = ledger_site(s->ledger, o->entry.u.offering.site);
    const struct rate *rate = ledger_rate_at(s->ledger, o->index, now_ms);

    if (os == NULL || os->calendar == NULL || site == NULL || o->entry.u.offering.valid_from_ms > now_ms)
        return false;
    *ret = (struct broker_offering){
        .offering = o->index,
        .site = site->index,
        .has_place = site->entry.u.site.lat_milli != 0 || site->entry.u.site.lon_milli != 0,
        .lat = site->entry.u.site.lat_milli,
        .lon = site->entry.u.site.lon_milli,
        .state = state_of_site(s, site->index, now_ms),
        .kind = o->entry.u.offering.kind == OFFERING_EXPERIMENTAL ? BROKER_KIND_EXPERIMENTAL : BROKER_KIND_BATCH,
        .memory_gb = (int32_t)o->entry.u.offering.memory_gb,
        .gpus_per_node = (int32_t)o->entry.u.offering.gpus_per_node,
        .max_gpus_one_island = (int32_t)o->entry.u.offering.max_gpus_one_island,
        .brokered_gpus = (int32_t)os->brokered_gpus,
        .pool_nodes = (int32_t)os->pool_nodes,
        .modes = os->modes,
        .open_to = os->open_to,
        .takes = view_takes(s, site->index, now_ms),
        .floors = os->floors,
        .calendar = os->calendar,
        .pool = os->pool,
    };
    copy(ret->site_code, sizeof ret->site_code, site->entry.u.site.code);
    copy(ret->model, sizeof ret->model, o->entry.u.offering.model);
    copy(ret->country, sizeof ret->country, site->entry.u.site.country);
    if (rate != NULL) {
        ret->rate = rate->index;
        ret->rate_milli = rate->entry.u.rate.rate_milli;
    }
    return true;
}

void
view_open(const struct state *s, int64_t now_ms, struct view *ret)
{
    size_t max = map_count(s->offerings), n = 0, it = 0;
    struct broker_offering *list = xcalloc(max + 1, sizeof *list);
    const struct offering *o;

    while (n < max && (o = ledger_next_offering(s->ledger, &it)) != NULL)
        if (read_offering(s, o, now_ms, &list[n]))
            n++;
    *ret = (struct view){
        .broker = { .offerings = list, .count = n, .now_ms = now_ms },
        .answer = { .lines = xmalloc((n + 1) * sizeof *ret->answer.lines), .lines_max = n + 1 },
    };
}

void
view_free(struct view *v)
{
    free((void *)(uintptr_t)v->broker.offerings);
    free(v->answer.lines);
    *v = (struct view){ 0 };
}

const struct broker_offering *
view_offering(const struct view *v, uint64_t offering)
{
    for (size_t i = 0; i < v->broker.count; i++)
        if (v->broker.offerings[i].offering == offering)
            return &v->broker.offerings[i];
    return NULL;
}

/* The broker asserts what callers must have checked: this is where it is checked. */
static enum err
check_ask(const struct broker_ask *ask, struct err_detail *detail)
{
    if (ask->gpus < 1 || ask->gpus > BROKER_GPUS_MAX)
        return err_at(detail, ERR_FIELD_RANGE, "/gpus", "Ask for 1 to %d GPUs.", BROKER_GPUS_MAX);
    if (ask->walltime_s < 1 || ask->walltime_s > BROKER_WALLTIME_MAX)
        return err_at(detail, ERR_FIELD_RANGE, "/walltime_s", "Ask for 1 s to 3 years.");
    if (ask->memory_gb_min < 0 || ask->earliest_start_ms < 0 || ask->deadline_ms < 0 || ask->max_cost_gpums < 0 ||
        ask->excluded_count > BROKER_EXCLUDED_MAX)
        return err_say(detail, ERR_FIELD_INVALID, "A value of the request is not acceptable.");
    if ((ask->needs & ~NEEDS_KNOWN) != 0)
        return err_at(detail, ERR_FIELD_INVALID, "/use", "No site's agent could take this.");
    if ((ask->needs & NEED_BIT(NEED_ALLOCATION)) != 0 && ask->nights > 0)
        return err_at(detail, ERR_FIELD_INVALID, "/nights", "An allocation is one window: ask for each night's by itself.");
    if ((ask->needs & NEED_BIT(NEED_SECRETS)) != 0 && ask->nights > 0)
        return err_at(detail, ERR_FIELD_INVALID, "/nights", "Secrets are sealed for one job: ask for each night's by itself.");
    if (ask->nights > BROKER_NIGHTS_MAX || ask->night_from >= 1440 || ask->night_until >= 1440 ||
        ask->night_from % 15 != 0 || ask->night_until % 15 != 0 || (ask->nights > 0 && ask->at_once))
        return err_at(detail, ERR_FIELD_INVALID, "/nights", "Ask for 1 to %d nights, at quarters of an hour.",
                      BROKER_NIGHTS_MAX);
    return OK;
}

/* What a night holds, a site's freedom to start later included: else each site would say the same no. */
static enum err
check_night(const struct broker_ask *ask, struct err_detail *detail)
{
    int64_t most_s = broker_night_slots(ask) * (CALENDAR_SLOT_MS / 1000) - ask->start_slack_s;

    if (ask->nights == 0 || ask->walltime_s <= most_s)
        return OK;
    if (most_s < 60)
        return err_at(detail, ERR_FIELD_RANGE, "/nights/until",
                      "A site may start the job up to %lld min late: these nights are too short for any.",
                      (long long)(ask->start_slack_s / 60));
    return err_at(detail, ERR_FIELD_RANGE, "/walltime_s",
                  "A site may start the job up to %lld min late: of these nights a job may take %lld min at most.",
                  (long long)(ask->start_slack_s / 60), (long long)(most_s / 60));
}

enum { GRANTS_LOOKED_AT = 32 }; /* the newest */

/* The organisation's other grants that would last as long and whose mode allows jobs as long, with something left in them. */
static void
find_others(const struct state *s, const struct account *grant, int64_t now_ms, struct broker_ask *ask)
{
    const struct account *a = ledger_newest_grant(s->ledger, grant->owner_org);

    ask->other_count = 0;
    for (int n = 0; a != NULL && n < GRANTS_LOOKED_AT && ask->other_count < BROKER_OTHERS_MAX;
         n++, a = ledger_account(s->ledger, a->prev_open)) {
        struct timing timing;

        if (a == grant || a->closed || a->grant_entry == NO_INDEX || now_ms < a->start_ms ||
            a->end_ms < ask->deadline_ms || account_free(a) <= 0)
            continue;
        timing = timing_of_grant(s, a->index);
        if (timing.longest_ms > 0 && ask->walltime_s > timing.longest_ms / 1000)
            continue;
        ask->other[ask->other_count].grant = a->index;
        ask->other[ask->other_count].free_gpums = account_free(a);
        ask->other[ask->other_count].start_slack_s = (timing.start_slack_ms + 999) / 1000;
        text_format(ask->other[ask->other_count].mode, sizeof ask->mode, "%.16s",
                    ledger_policy(s->ledger, a->policy)->entry.u.policy.code);
        ask->other_count++;
    }
}

enum err
view_ask(const struct state *s, uint64_t grant, const struct broker_ask *ask, int64_t now_ms, struct broker_ask *ret,
         struct err_detail *detail)
{
    const struct account *account = ledger_account(s->ledger, grant);
    enum err err = check_ask(ask, detail);
    struct timing timing;

    if (err)
        return err;
    if (account == NULL || account->class != ACCOUNT_GRANT)
        return ERR_ACCOUNT_UNKNOWN;
    if (account->closed || account->grant_entry == NO_INDEX || now_ms < account->start_ms || now_ms >= account->end_ms)
        return ERR_GRANT_NOT_ACTIVE;
    timing = timing_of_grant(s, grant);
    if (timing.longest_ms > 0 && ask->walltime_s > timing.longest_ms / 1000)
        return err_at(detail, ERR_FIELD_RANGE, "/walltime_s",
                      "The grant's access mode allows jobs of up to %lld hours.",
                      (long long)(timing.longest_ms / 3600000));
    *ret = *ask;
    ret->start_slack_s = (timing.start_slack_ms + 999) / 1000;
    err = check_night(ret, detail);
    if (err)
        return err;
    if (ret->deadline_ms == 0 || ret->deadline_ms > account->end_ms)
        ret->deadline_ms = account->end_ms;
    if (ret->earliest_start_ms == 0)
        ret->earliest_start_ms = now_ms;
    ret->latest_end_ms = account->end_ms;
    if (timing.longest_ms > 0 && (ret->longest_s == 0 || ret->longest_s > timing.longest_ms / 1000))
        ret->longest_s = timing.longest_ms / 1000;
    text_format(ret->mode, sizeof ret->mode, "%.16s", ledger_policy(s->ledger, account->policy)->entry.u.policy.code);
    find_others(s, account, now_ms, ret);
    return OK;
}
