/* api/public.c: what anybody may ask: keys, the contract, what an error means. */
#include "api/handlers.h"

#include "api/internal.h"

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
