/* api/agent_self.c
 * GET /v1/agent/self: what the server knows of who asks: for an agent's own check of its key, its clock and its site's
 * state. Opens no instance and needs none. Out: 200 schema AgentSelf */
#include "api/handlers.h"

#include <stdio.h>

#include "api/internal.h"
#include "market/index.h"

void
agent_self(struct call *call)
{
    struct json_out *out = &call->out;
    uint64_t site = call->actor.sites[0];
    const struct state *s = call_state(call);
    const struct site_state *ss;
    const struct key *ours, *newest;
    char code[17];

    if (!s)
        return;
    ss = index_site(s, site);
    ours = ledger_key(s->ledger, call->agent_key);
    newest = ledger_site_key(s->ledger, site);
    snprintf(code, sizeof code, "%.16s", ledger_site(s->ledger, site)->entry.u.site.code);
    json_open(out, NULL);
    json_text(out, "site", code);
    json_i64(out, "key", (int64_t)call->agent_key);
    if (ours && ours->until_ms != INT64_MAX)
        json_time(out, "until", ours->until_ms);
    else
        json_none(out, "until");
    json_i64(out, "newest_key", newest ? (int64_t)newest->index : (int64_t)call->agent_key);
    json_i64(out, "instance", ss ? (int64_t)ss->instance : 0);
    json_bool(out, "draining", ss && ss->draining);
    json_bool(out, "paused", ss && ss->paused);
    json_time(out, "real_time", real_now_ms());
    json_i64(out, "clock_bound_ms", CLOCK_SKEW_MS);
    json_shut(out);
    call_state_done(call);
    clocks_hear(call);
    call_reply(call, 200);
}
