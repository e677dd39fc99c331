/* api/fairness.c: what grants have used of what accrued to them: one's own, all of them for the programme, as CSV. */
#include <inttypes.h>
#include <stdio.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "api/shares.h"
#include "base/text.h"
#include "store/organisations.h"

/* Where and what its next reservation waits for; copied from under the lock. */
struct place {
    char site[17], model[33];
};

static enum err
place_of_next(struct call *call, const struct grant_share *g, struct place *ret)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct site *site;
    const struct offering *offering;

    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site(s->ledger, g->next.site);
    offering = ledger_offering(s->ledger, g->next.offering);
    *ret = (struct place){ { 0 }, { 0 } };
    if (site)
        snprintf(ret->site, sizeof ret->site, "%.16s", site->entry.u.site.code);
    if (offering)
        snprintf(ret->model, sizeof ret->model, "%.32s", offering->entry.u.offering.model);
    market_read_unlock(call->api->market);
    return OK;
}

static const char *
state_of(const struct grant_share *g, int64_t now_ms)
{
    return now_ms < g->terms.start_ms ? "coming" : now_ms < g->terms.end_ms ? "active" : "ended";
}

static void
milli_json(struct json_out *out, const char *name, int32_t milli)
{
    if (milli == SHARE_NONE)
        json_none(out, name);
    else
        json_i64(out, name, milli);
}

static const char *
sentence(struct call *call, const struct grant_share *g)
{
    const char *ahead = "";

    if (g->waiting > 0)
        ahead = arena_printf(call->arena, "; %" PRIu32 " %s ahead", g->next.ahead,
                             g->next.ahead == 1 ? "request is" : "requests are");
    if (g->share.used_milli == SHARE_NONE)
        return arena_printf(call->arena, "Nothing has accrued yet%s.", ahead);
    return arena_printf(call->arena, "Used %d%% of what has accrued%s.", (int)((g->share.used_milli + 9) / 10), ahead);
}

static void
classes_json(struct json_out *out, const struct grant_share *g)
{
    json_open_array(out, "classes");
    for (size_t i = 0; i < g->classes_n; i++) {
        json_open(out, NULL);
        json_text(out, "model", g->classes[i].model);
        json_i64(out, "gpu_seconds", g->classes[i].use.gpu_seconds);
        json_amount(out, "committed", g->classes[i].use.committed_gpums);
        milli_json(out, "share_milli", g->classes[i].share_milli);
        json_shut(out);
    }
    json_shut_array(out);
}

static void
next_json(struct json_out *out, const struct grant_share *g, const struct place *place)
{
    if (g->waiting == 0) {
        json_none(out, "next");
        return;
    }
    json_open(out, "next");
    json_uuid(out, "reservation", g->next.reservation);
    json_text(out, "site", place->site);
    json_text(out, "model", place->model);
    json_time(out, "start", g->next.start_ms);
    json_i64(out, "ahead", g->next.ahead);
    json_shut(out);
}

static enum err
share_json(struct call *call, const struct grant_share *g, int64_t as_of_ms)
{
    struct json_out *out = &call->out;
    const struct organisation *o;
    struct place place = { { 0 }, { 0 } };
    enum err err = directory_organisation(call->api->directory, call->db, g->account.owner_org, &o);

    if (!err && g->waiting > 0)
        err = place_of_next(call, g, &place);
    if (err)
        return err;
    json_open(out, NULL);
    json_i64(out, "account", (int64_t)g->account.index);
    json_open(out, "organisation");
    json_uuid(out, "id", o->id);
    json_text(out, "name", o->name);
    json_shut(out);
    json_open(out, "mode");
    json_text(out, "code", g->mode);
    json_text(out, "name", g->mode_name);
    json_shut(out);
    json_time(out, "start", g->terms.start_ms);
    json_time(out, "end", g->terms.end_ms);
    json_text(out, "state", state_of(g, as_of_ms));
    json_amount(out, "accrued", g->share.accrued_gpums);
    json_amount(out, "committed", g->share.committed_gpums);
    milli_json(out, "used_milli", g->share.used_milli);
    if (g->share.dominant_milli == SHARE_NONE || g->classes_n == 0) {
        json_none(out, "dominant");
    } else {
        json_open(out, "dominant");
        json_text(out, "model", g->classes[g->share.dominant].model);
        json_i64(out, "share_milli", g->share.dominant_milli);
        json_shut(out);
    }
    classes_json(out, g);
    json_i64(out, "half_life_days", g->terms.half_life_ms / SHARE_DAY_MS);
    json_i64(out, "waiting", g->waiting);
    next_json(out, g, &place);
    json_text(out, "text", sentence(call, g));
    json_time(out, "as_of", as_of_ms);
    json_shut(out);
    return OK;
}

/* GET /v1/grants/{account}/share. */
void
grants_share(struct call *call)
{
    struct grant_share g;
    int64_t as_of_ms = 0;
    enum err err = shares_find(call, call->path_index, &g, &as_of_ms);

    if (!err && !may_see_organisation(&call->actor, g.account.owner_org))
        err = ERR_NOT_FOUND;
    if (!err)
        err = share_json(call, &g, as_of_ms);
    call_end(call, err, 200);
}

static enum err
read_ended(struct call *call, bool *ret)
{
    const char *ended = call_query(call, "ended");

    *ret = ended != NULL;
    if (ended && strcmp(ended, "yes") != 0)
        return err_say(&call->detail, ERR_QUERY_INVALID, "ended is yes, or left out.");
    return OK;
}

/* A place in the list: the share and the account of the last row shown. */
static bool
after(const struct grant_share *g, int64_t milli, int64_t account)
{
    return g->share.dominant_milli < milli ||
           (g->share.dominant_milli == milli && (int64_t)g->account.index > account);
}

static enum err
read_cursor(const char *cursor, int64_t *ret_milli, int64_t *ret_account)
{
    long long milli = SHARE_MOST + 1, account = -1;
    int end = 0;

    if (cursor && (sscanf(cursor, "%lld.%lld%n", &milli, &account, &end) != 2 || cursor[end]))
        return ERR_QUERY_INVALID;
    *ret_milli = milli;
    *ret_account = account;
    return OK;
}

/* GET /v1/programme/shares: by the dominant share, so that who has used most of what accrued stands first. */
void
programme_shares(struct call *call)
{
    static const char *const NAMES[] = { "ended", "limit", "cursor", NULL };
    struct grant_share *list = NULL;
    const struct grant_share *last = NULL;
    const char *cursor, *next = NULL;
    int64_t as_of_ms = 0, milli, account;
    size_t n = 0;
    int limit = 0, shown = 0;
    bool ended;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err)
        err = read_ended(call, &ended);
    if (!err)
        err = read_cursor(cursor, &milli, &account);
    if (!err)
        err = shares_list(call, ended, &list, &n, &as_of_ms);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++) {
        if (!after(&list[i], milli, account))
            continue;
        if (shown == limit) {
            next = arena_printf(call->arena, "%" PRId32 ".%" PRIu64, last->share.dominant_milli, last->account.index);
            break;
        }
        err = share_json(call, &list[i], as_of_ms);
        last = &list[i];
        shown++;
    }
    json_shut_array(&call->out);
    call_next(call, next);
    json_time(&call->out, "as_of", as_of_ms);
    json_shut(&call->out);
    call_end(call, err, 200);
}
