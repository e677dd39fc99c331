/* api/spools.c: a site's agent has lost its spool: its operator retires it, so that an empty one may begin. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "base/text.h"

void
spool_json(struct json_out *out, const struct site_state *ss)
{
    bool retired = ss && ss->retired_ms;

    json_open(out, "spool");
    if (retired)
        json_time(out, "retired", ss->retired_ms);
    else
        json_none(out, "retired");
    json_text(out, "reason", retired ? ss->retired_reason : "");
    json_bool(out, "awaited", retired && ss->instance_key == ss->retired_key);
    json_bool(out, "recovering", retired && ss->recovering);
    json_shut(out);
}

static void
retired(struct call *call)
{
    reply_agent(call, 200);
}

/* An agent that polls now has its spool. One whose connection broke is noticed when its poll ends, 30 s later at most. */
static enum err
check_away(struct call *call, uint64_t site)
{
    if (waits_polled(call->api->waits, site))
        return err_say(&call->detail, ERR_CONFLICT,
                       "The agent is connected, so its spool is not lost: stop the agent first. "
                       "(A connection that broke is noticed within 30 seconds.)");
    return OK;
}

void
sites_spool_retire(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    const char *reason = in_line(&in, "reason", sizeof c->in.spool_retire.reason - 1, call->arena);
    enum err err = json_in_close(&in);

    c->kind = COMMAND_SPOOL_RETIRE;
    text_format(c->in.spool_retire.reason, sizeof c->in.spool_retire.reason, "%s", reason);
    if (!err)
        err = site_of_path(call, &c->in.spool_retire.site);
    if (!err)
        err = check_away(call, c->in.spool_retire.site);
    if (err)
        call_fail(call, err);
    else
        call_send(call, retired);
}
