/* api/agent_tickets.c: a GET that changes nothing: receipt is confirmed by a POST of its own. */
#include "api/agent_tickets.h"

#include <stdlib.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/text.h"
#include "market/guard.h"
#include "market/index.h"
#include "store/agents.h"
#include "store/site_records.h"

enum { TICKETS_MAX = 200 };

void
agent_tickets_render(struct api *api, const struct ticket_record *t, size_t n, struct json_out *out)
{
    json_open(out, NULL);
    json_open_array(out, "tickets");
    for (size_t i = 0; i < n; i++) {
        char *jws = api_sign(api, JWS_TYP_TICKET, t[i].claims);

        json_open(out, NULL);
        json_i64(out, "seq", (int64_t)t[i].seq);
        json_text(out, "jws", jws);
        json_shut(out);
        free(jws);
    }
    json_shut_array(out);
    json_time(out, "now", clock_now(&api->clock));
    json_shut(out);
}

void
agent_tickets_none(struct api *api, struct json_out *out)
{
    agent_tickets_render(api, NULL, 0, out);
}

enum err
agent_tickets_read(struct api *api, struct db *db, uint64_t site, uint64_t after, struct json_out *out, bool *ret_any)
{
    struct arena *a = arena_new();
    struct ticket_record *t;
    size_t n;
    enum err err = tickets_after(db, site, after, TICKETS_MAX, a, &t, &n);

    if (!err) {
        *ret_any = n > 0;
        if (n)
            agent_tickets_render(api, t, n, out);
    }
    arena_delete(a);
    return err;
}

/* The instance that the agent says it is, in the token that it signed and in the header alike, must be the newest. */
enum err
agent_check_instance(struct call *call)
{
    uint64_t site = call->actor.sites[0];
    const struct state *s;
    const struct site_state *known;
    int64_t instance;
    struct guard_now guard;
    enum err err = OK;

    if (!call->instance || !text_to_i64(call->instance, 0, INT64_MAX, &instance) ||
        (uint64_t)instance != call->actor.instance)
        return err_say(&call->detail, ERR_QUERY_INVALID, "The header Kontor-Instance is missing, or not the token's.");
    guard_look(call->api->market, &guard);
    if (!guard.open)
        return ERR_GUARDED; /* upon which it shows what it has cosigned last */
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    known = index_site(s, site);
    if (!known || (uint64_t)instance > known->instance)
        err = ERR_SPOOL_AHEAD;
    else if ((uint64_t)instance < known->instance)
        err = ERR_SUPERSEDED;
    market_read_unlock(call->api->market);
    return err;
}

/* Remember that the agent is in touch, and what time it has; written down every ten seconds at most. */
void
agent_in_touch(struct call *call)
{
    uint64_t site = call->actor.sites[0];

    clocks_hear(call);
    if (directory_set_contact(call->api->directory, site, call->now_ms) && call->db &&
        agent_contacts_touch(call->db, site, call->now_ms))
        log_warning(call->api->log, "contact", LOG_I64("site", (int64_t)site),
                    LOG_TEXT("detail", db_message(call->db)));
}

void
agent_tickets(struct call *call)
{
    static const char *const NAMES[] = { "after", "wait", NULL };
    int64_t after, wait_s;
    bool any = false;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "after", 0, INT64_MAX, -1, &after);
    if (!err && after < 0)
        err = err_say(&call->detail, ERR_QUERY_INVALID, "“after” is missing.");
    if (!err)
        err = call_query_i64(call, "wait", 0, 30, 0, &wait_s);
    if (!err)
        err = agent_check_instance(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    agent_in_touch(call);
    err = agent_tickets_read(call->api, call->db, call->actor.sites[0], (uint64_t)after, &call->out, &any);
    if (err)
        call_fail(call, err);
    else if (any)
        call_reply(call, 200);
    else
        waits_poll(call, call->actor.sites[0], (uint64_t)after, wait_s * 1000);
}
