/* api/clocks.c: whether the clock is trusted with what is due by time: shown, and confirmed by an administrator. */
#include "api/handlers.h"

#include <stdio.h>

#include "api/fields.h"
#include "api/internal.h"
#include "market/janitor.h"
#include "store/evidence.h"

/* An agent says what time it is, as it sends its call; our time is that of the call's arrival. */
void
clocks_hear(struct call *call)
{
    int64_t mono_ms = monotonic_ms(), came_ms = real_now_ms() - (mono_ms - call->began_ms), theirs_ms;

    if (call->clock && time_parse(call->clock, &theirs_ms))
        site_clocks_note(janitor_site_clocks(call->api->janitor), call->actor.sites[0], theirs_ms - came_ms, mono_ms);
}

static void
ahead_json(struct json_out *out, const char *name, bool known, int64_t ahead_ms)
{
    if (known)
        json_i64(out, name, ahead_ms);
    else
        json_none(out, name);
}

void
clock_ahead_json(struct call *call, uint64_t site)
{
    int64_t ahead_ms = 0;
    bool known = site_clocks_of(janitor_site_clocks(call->api->janitor), site, monotonic_ms(), &ahead_ms);

    ahead_json(&call->out, "clock_ahead_ms", known, ahead_ms);
}

static void
reply_clock(struct call *call)
{
    struct janitor *j = call->api->janitor;
    struct clock_reading newest = janitor_clocks(j);
    struct json_out *out = &call->out;
    const struct site *site;
    const struct state *s = call_state(call);
    char why[160];

    if (!s)
        return;
    json_open(out, NULL);
    json_bool(out, "trusted", janitor_trouble(j, why));
    json_text(out, "reason", why);
    json_time(out, "real_time", real_now_ms());
    ahead_json(out, "database_ahead_ms", newest.other[CLOCK_DATABASE].known, newest.other[CLOCK_DATABASE].ahead_ms);
    ahead_json(out, "most_sites_ahead_ms", newest.other[CLOCK_SITES].known, newest.other[CLOCK_SITES].ahead_ms);
    json_open_array(out, "sites");
    for (size_t it = 0; (site = ledger_next_site(s->ledger, &it)) != NULL;) {
        char code[17];

        snprintf(code, sizeof code, "%.16s", site->entry.u.site.code);
        json_open(out, NULL);
        json_text(out, "site", code);
        clock_ahead_json(call, site->index);
        json_shut(out);
    }
    json_shut_array(out);
    json_shut(out);
    call_state_done(call);
    call_reply(call, 200);
}

void
clock_get(struct call *call)
{
    reply_clock(call);
}

/* Said once under its key: a repeat does not confirm what has gone wrong since. */
void
clock_confirm(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *reason = in_line(&in, "reason", 160, call->arena);
    const struct idem *idem = &call->command->idem;
    struct uuid known;
    enum err err = json_in_close(&in);

    if (!err)
        err = key_known(call, &known);
    if (err == ERR_NOT_FOUND) {
        seen_add(call->api->seen, idem->scope);
        err = call_answers_add(call->db, idem->scope, idem->request, call->id, call->now_ms);
        if (!err) {
            janitor_confirm(call->api->janitor);
            log_warning(call->api->log, "clock-confirmed", LOG_UUID("person", call->actor.person), LOG_TEXT("reason", reason));
        }
        err = key_made_meanwhile(call, err, &known);
    }
    if (err)
        call_fail(call, err);
    else
        reply_clock(call);
}
