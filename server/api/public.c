/* api/public.c: what anybody may ask: health, keys, the contract, what an error means. */
#include "api/handlers.h"

#include "api/internal.h"
#include "market/janitor.h"

static const char *const PHASES[] = { "waiting-for-lease", "rebuilding", "leading", "troubled", "stopping" };

static void
health(struct call *call, bool ok, const char *reason)
{
    json_open(&call->out, NULL);
    json_bool(&call->out, "ok", ok);
    json_text(&call->out, "phase", PHASES[market_phase(call->api->market)]);
    if (reason)
        json_text(&call->out, "reason", reason);
    json_shut(&call->out);
    call_reply(call, ok ? 200 : 503);
}

void
health_live(struct call *call)
{
    health(call, true, NULL);
}

void
health_leader(struct call *call)
{
    enum market_phase phase = market_phase(call->api->market);

    health(call, phase == MARKET_LEADING || phase == MARKET_TROUBLED, NULL);
}

void
health_ready(struct call *call)
{
    char market[320], clock[160];
    bool trusted = janitor_trouble(call->api->janitor, clock);
    enum err err = db_connect(call->db, &call->detail);

    if (err)
        health(call, false, "The database does not answer.");
    else if (market_trouble(call->api->market, market) != MARKET_LEADING)
        health(call, false, market[0] ? market : "This server takes no commands at the moment.");
    else if (!trusted)
        health(call, false, clock);
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
