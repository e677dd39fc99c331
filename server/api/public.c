/* api/public.c: what anybody may ask: health, keys, the contract, what an error means. */
#include "api/handlers.h"

#include "api/internal.h"
#include "market/janitor.h"
#include "market/notary.h"

static const char *const PHASES[] = { "waiting-for-lease", "rebuilding", "leading", "troubled", "stopping" };

static void
health_json(struct json_out *out, bool ok, enum market_phase phase, const char *reason)
{
    json_open(out, NULL);
    json_bool(out, "ok", ok);
    json_text(out, "phase", PHASES[phase]);
    if (reason)
        json_text(out, "reason", reason);
    json_shut(out);
}

void
health_prepare(struct api *api)
{
    for (size_t i = 0; i < sizeof api->well / sizeof api->well[0]; i++) {
        struct json_out out = { 0 };

        health_json(&out, true, (enum market_phase)i, NULL);
        api->well[i] = http_response(200, "application/json", out.text, out.len, HTTP_FREE);
        response_guard(api->well[i]);
        http_response_header(api->well[i], "Cache-Control", "no-store");
        http_response_share(api->well[i]);
    }
}

static void
health(struct call *call, bool ok, const char *reason)
{
    enum market_phase phase = market_phase(call->api->market);

    if (ok) {
        call_reply_response(call, call->api->well[phase]);
        return;
    }
    health_json(&call->out, ok, phase, reason);
    call_reply(call, 503);
}

void
health_live(struct call *call)
{
    health(call, true, NULL);
}

/* Its own, or the one that it last heard of; with it, where that one is reached. */
void
health_leader(struct call *call)
{
    struct market *m = call->api->market;
    struct market_leader leader;
    bool leads = market_leads(m);

    market_leader(m, &leader);
    json_open(&call->out, NULL);
    json_bool(&call->out, "ok", leads);
    json_text(&call->out, "phase", PHASES[market_phase(m)]);
    json_i64(&call->out, "term", (int64_t)leader.term);
    if (!leads && leader.people[0])
        json_text(&call->out, "leader", leader.people);
    json_shut(&call->out);
    call_reply(call, leads ? 200 : 503);
}

void
health_ready(struct call *call)
{
    char market[320], clock[160], notary[320];
    bool trusted = janitor_trouble(call->api->janitor, clock);
    enum err err = db_connect(call->db, &call->detail);

    if (err)
        health(call, false, "The database does not answer.");
    else if (market_trouble(call->api->market, market) != MARKET_LEADING)
        health(call, false, market[0] ? market : "This server takes no commands at the moment.");
    else if (!trusted)
        health(call, false, clock);
    else if (!notary_trouble(call->api->notary, notary))
        health(call, false, notary);
    else
        health(call, true, NULL);
}

void
jwks_get(struct call *call)
{
    const struct state *s = call_state(call);

    if (!s)
        return;
    jwks_json(call, s, NULL);
    call_state_done(call);
    call->cache = "public, max-age=300";
    call_reply(call, 200);
}

void
openapi_get(struct call *call)
{
    call_reply_response(call, call->api->openapi);
}

void
error_explained(struct call *call)
{
    enum err err = err_from_wire(call->path_text);

    if (strcmp(err_wire(err), call->path_text) != 0) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    json_open(&call->out, NULL);
    json_text(&call->out, "code", err_wire(err));
    json_i64(&call->out, "status", err_status(err));
    json_text(&call->out, "title", err_sentence(err));
    json_shut(&call->out);
    call->cache = "public, max-age=300";
    call_reply(call, 200);
}
