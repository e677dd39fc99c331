/* api/health.c
 * What probes are told. Nothing here waits for anything: a probe is answered on its socket thread from what other threads
 * have noted, also while every worker is stuck and the database does not answer.
 * Strangers get one plain sentence; what went wrong in detail is for the log, and for who asks on the local socket. */
#include <stdatomic.h>
#include <stdio.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "market/figures.h"
#include "market/guard.h"
#include "market/janitor.h"
#include "market/notary.h"

/* Real ms. The janitor asks the database every two seconds and waits up to three for its answer. */
enum { DATABASE_SILENT_MS = 6000, COMMIT_LONG_MS = 5000, OVERFLOW_NEWS_MS = 2000, NO_ROOM_NEWS_MS = 2000 };

static const char *const PHASES[] = { "waiting-for-lease", "rebuilding", "leading", "troubled", "stopping", "guarded" };

static void
health_json(struct json_out *out, bool ok, enum market_phase phase, const char *reason, const char *warning, const char *guard)
{
    json_open(out, NULL);
    json_bool(out, "ok", ok);
    json_text(out, "phase", PHASES[phase]);
    if (reason)
        json_text(out, "reason", reason);
    if (warning)
        json_text(out, "warning", warning);
    if (guard)
        json_text(out, "rollback_guard", guard);
    json_shut(out);
}

void
health_prepare(struct api *api)
{
    for (size_t i = 0; i < sizeof api->well / sizeof api->well[0]; i++) {
        struct json_out out = { 0 };

        health_json(&out, true, (enum market_phase)i, NULL, NULL, NULL);
        api->well[i] = http_response(200, "application/json", out.text, out.len, HTTP_FREE);
        response_guard(api->well[i], api->https);
        http_response_header(api->well[i], "Cache-Control", "no-store");
        http_response_share(api->well[i]);
    }
}

void
health_live(struct call *call)
{
    call_reply_response(call, call->api->well[market_phase(call->api->market)]);
}

static int64_t
since(const atomic_int_fast64_t *when_ms)
{
    int64_t ms = atomic_load_explicit(when_ms, memory_order_relaxed);

    return ms ? monotonic_ms() - ms : -1;
}

/* The term: its own, or the one that it last heard of; with it, where that one is reached. */
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

/* Why the market takes no commands, for everybody. */
static const char *
sentence(enum market_phase phase, enum err refusal)
{
    switch (phase) {
    case MARKET_WAITING_LEASE:
        return "Another server holds the lease, or the lease is being taken.";
    case MARKET_REBUILDING:
        return "The state is being built from the database.";
    case MARKET_STOPPING:
        return "The server is stopping.";
    case MARKET_GUARDED:
        return err_sentence(ERR_GUARDED);
    case MARKET_LEADING:
        return NULL;
    case MARKET_TROUBLED:
        break;
    }
    if (refusal == ERR_DISK)
        return "The database has no room on its disk.";
    return refusal == ERR_DB ? "The database does not answer, or what it holds cannot be used; the log says why."
                             : err_sentence(refusal);
}

/* The first thing that is wrong, NULL if nothing is. text: room for it. */
static const char *
trouble(struct call *call, enum market_phase phase, const char *detail, char text[320])
{
    struct api *api = call->api;
    const struct market_figures *f = market_figures(api->market);
    int64_t silent_ms = janitor_database_silence(api->janitor), commit_ms = since(&f->commit_since_ms);
    int64_t overflow_ms = since(&f->overflow_ms), no_room_ms = since(&api->no_room_ms);
    size_t max, queued = market_queued(api->market, &max);

    if (phase != MARKET_LEADING) /* what witnesses have seen is public */
        return (call->http->local || phase == MARKET_GUARDED) && detail[0] ? detail : sentence(phase, market_refusal(api->market));
    if (commit_ms < 0 && !market_leads(api->market))
        return "It has not heard from the database for a while: another server may lead by now.";
    if (silent_ms > DATABASE_SILENT_MS) {
        snprintf(text, 160, "The database has not answered for %lld s.", (long long)(silent_ms / 1000));
        return text;
    }
    if (commit_ms > COMMIT_LONG_MS) {
        snprintf(text, 160, "A commit has been under way for %lld s.", (long long)(commit_ms / 1000));
        return text;
    }
    if (no_room_ms >= 0 && no_room_ms < NO_ROOM_NEWS_MS) /* a plain write's: the market may not have noticed */
        return sentence(MARKET_TROUBLED, ERR_DISK);
    if (queued >= max || (overflow_ms >= 0 && overflow_ms < OVERFLOW_NEWS_MS))
        return "The queue of commands is full: calls are turned away.";
    if (!janitor_trouble(api->janitor, text) || !notary_trouble(api->notary, text))
        return text;
    return NULL;
}

void
health_ready(struct call *call)
{
    char detail[320], text[320];
    enum market_phase phase = market_trouble(call->api->market, detail);
    const char *why = trouble(call, phase, detail, text), *warning = NULL;

    struct guard_now guard;
    int64_t key_until_ms = market_key_until(call->api->market);

    guard_look(call->api->market, &guard);
    if (!api_keys_there(call->api))
        warning = "A key file of the server is gone: this process has the key, the next one will not start.";
    else if (key_until_ms > 0 && key_until_ms < INT64_MAX)
        warning = "The server's key was changed: this process signs with the old one, which ends 24 hours after the change. Restart it"
                  " with the new server.key; where that is lost, change the key again.";
    health_json(&call->out, why == NULL, phase, why, warning,
                !guard.on ? "off: no policy asks for witnesses" : guard.open ? "open" : "closed");
    call_reply(call, why == NULL ? 200 : 503);
}
