/* agent/session.c: who we are to the server: self-signed tokens, the instance, the server's keys. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/secrets.h"
#include "base/num.h"
#include "core/ticket.h"
#include "crypto/random.h"

#define DAY_MS          86400000
#define TOKEN_LIFE_S    60
#define TOKEN_USE_MS    20000 /* real; a long poll that begins with it may last, the server looks at its beginning */

const char *
agent_token(struct agent *a)
{
    struct json_out o = { 0 };
    int64_t now_s = real_now_ms() / 1000;
    uint8_t random[16];
    char jti[BASE64_LEN(sizeof random)];

    if (a->token && monotonic_ms() < a->token_until_mono_ms)
        return a->token;
    random_bytes(random, sizeof random);
    base64url_encode(BYTES(random, sizeof random), jti);
    json_open(&o, NULL);
    json_text(&o, "iss", a->who.site);
    json_text(&o, "aud", a->who.origin);
    json_i64(&o, "iat", now_s);
    json_i64(&o, "exp", now_s + TOKEN_LIFE_S);
    json_text(&o, "jti", jti);
    json_i64(&o, "ins", (int64_t)a->instance);
    json_shut(&o);
    free(a->token);
    a->token = jws_make(&a->key, JWS_TYP_AGENT, a->who.kid, BYTES(o.text, o.len));
    a->token_until_mono_ms = monotonic_ms() + TOKEN_USE_MS;
    json_out_free(&o);
    return a->token;
}

void
problem_code(const struct wire_reply *r, char *ret, size_t cap)
{
    struct json_in in = json_in_open(BYTES(r->body, r->len), NULL);
    enum err ignored;

    snprintf(ret, cap, "%s", json_in_text_or(&in, "code", cap - 1, ""));
    ignored = json_in_close(&in); /* there are other members, which do not matter */
    (void)ignored;
}

int
call_timeout_ms(const struct agent *a)
{
    return wire_servers(a->wire) > 1 ? 8000 : 20000;
}

void
call_elsewhere(struct agent *a, const struct wire_reply *r, const char *code)
{
    bool away = r->status == 0 || r->status == 502 || r->status == 503 || r->status == 504;
    struct json_in in = json_in_open(BYTES(r->body, r->len), NULL);
    const char *leader = json_in_text_or(&in, "leader", 300, "");
    enum err ignored;

    if (away && strcmp(code, "busy") != 0 && strcmp(code, "guarded") != 0)
        wire_turn(a->wire, r->server, leader);
    ignored = json_in_close(&in); /* there are other members */
    (void)ignored;
}

bool
call_failed(struct agent *a, const char *what, const struct wire_reply *r, char *ret_code, size_t cap)
{
    problem_code(r, ret_code, cap);
    a->tally.calls_failed++;
    log_warning(&a->log, what, LOG_I64("status", r->status), LOG_TEXT("code", ret_code),
                LOG_TEXT("server", wire_servers(a->wire) > 1 ? wire_server(a->wire, r->server) : NULL),
                LOG_TEXT("error", r->error[0] ? r->error : NULL));
    if (strcmp(ret_code, "clock-skew") == 0) {
        struct json_in in = json_in_open(BYTES(r->body, r->len), NULL);

        log_error(&a->log, "clock-skew", LOG_TEXT("said", json_in_text_or(&in, "detail", 300, "")),
                  LOG_TEXT("remedy", "let NTP or chrony set this machine's clock"));
        if (json_in_close(&in) != OK) { /* there are other members */
        }
    }
    call_elsewhere(a, r, ret_code);
    a->shows = a->shows || strcmp(ret_code, "guarded") == 0;
    a->token_until_mono_ms = 0; /* perhaps it was the token */
    if (strcmp(ret_code, "spool-behind") == 0)
        agent_stop(a, EXIT_BEHIND);
    else if (strcmp(ret_code, "superseded") == 0 && r->instance == a->instance)
        agent_stop(a, EXIT_SUPERSEDED);
    return a->stop;
}

void
session_start(struct agent *a)
{
    struct json_out o = { 0 };
    struct wire_call call = { .path = "/v1/agent/instance", .token = agent_token(a), .timeout_ms = call_timeout_ms(a) };
    char *cosigned = witness_last_cosigned(a);

    json_open(&o, NULL);
    json_i64(&o, "last_confirmed_seq", (int64_t)spool_last_seq(a->spool));
    json_i64(&o, "last_receipted_report", (int64_t)spool_last_receipted(a->spool));
    json_i64(&o, "last_report", (int64_t)spool_last_number(a->spool));
    if (agent_takes(a)) /* else as ever: an older server does not know the member */
        needs_json(&o, "takes", agent_takes(a));
    if (agent_takes(a) & NEED_BIT(NEED_SECRETS))
        secrets_tell_key(a, &o);
    json_text(&o, "checkpoint", cosigned); /* how long a journal we have seen */
    json_shut(&o);
    call.body = BYTES(o.text, o.len);
    wire_start(a->wire, WIRE_ERRAND, &call);
    a->errand = ERRAND_OPEN;
    json_out_free(&o);
    free(cosigned);
}

void
seen_start(struct agent *a)
{
    struct json_out o = { 0 };
    struct wire_call call = { .path = "/v1/agent/seen", .token = agent_token(a), .timeout_ms = call_timeout_ms(a) };
    char *cosigned = witness_last_cosigned(a);

    json_open(&o, NULL);
    json_text(&o, "checkpoint", cosigned);
    json_shut(&o);
    call.body = BYTES(o.text, o.len);
    wire_start(a->wire, WIRE_ERRAND, &call);
    a->errand = ERRAND_SEEN;
    a->shows = false;
    json_out_free(&o);
    free(cosigned);
}

void
seen_reply(struct agent *a, const struct wire_reply *r)
{
    char code[48];

    if (r->status == 204) {
        resume_lane(a, WIRE_ERRAND);
        return;
    }
    if (!call_failed(a, "seen-failed", r, code, sizeof code))
        pause_lane(a, WIRE_ERRAND, r->retry_after_s);
}

struct opening {
    uint64_t instance, confirmed_seq, last_report;
    int64_t now_ms, permit_life_ms, usage_every_s;
    bool simulation;
    struct clock clock;
    struct jws_keys keys;
};

static void
clock_in(struct json_in *in, struct clock *ret)
{
    struct clock told;
    struct json_in clock;
    int64_t origin_ms, real_origin_ms, rate;
    enum err err;

    *ret = clock_real();
    if (!json_in_has(in, "clock"))
        return;
    clock = json_in_object(in, "clock");
    origin_ms = json_in_time(&clock, "origin");
    real_origin_ms = json_in_time(&clock, "real_origin");
    rate = json_in_i64(&clock, "rate", 1, 1000000);
    err = json_in_close(&clock);
    if (err) {
        json_in_refuse(in, "clock", err, "is not a clock");
        return;
    }
    told = clock_simulated(origin_ms, real_origin_ms, rate);
    if (clock_lasts(&told, real_now_ms(), DAY_MS)) /* a report of another time would stay in the spool, and the spool be none any more */
        *ret = told;
    else
        json_in_refuse(in, "clock", ERR_FIELD_RANGE, "does not show times between 1970 and 9999 for a day");
}

static enum err
opening_read(struct bytes body, struct opening *ret, struct err_detail *d)
{
    struct json_in in = json_in_open(body, d), nested;
    struct opening o = { 0 };
    enum err err;

    o.instance = (uint64_t)json_in_i64(&in, "instance", 1, INT64_MAX);
    o.confirmed_seq = (uint64_t)json_in_i64(&in, "confirmed_seq", 0, INT64_MAX);
    o.last_report = (uint64_t)json_in_i64(&in, "last_report", 0, INT64_MAX);
    o.now_ms = json_in_time(&in, "now");
    o.simulation = json_in_bool(&in, "simulation");
    clock_in(&in, &o.clock);
    nested = json_in_object(&in, "jwks");
    jws_keys_read(&nested, &o.keys);
    if ((err = json_in_close(&nested)) != OK)
        json_in_refuse(&in, "jwks", err, "is not a key set");
    nested = json_in_object(&in, "policy");
    o.permit_life_ms = json_in_i64(&nested, "permit_life_ms", 0, INT32_MAX);
    o.usage_every_s = json_in_i64(&nested, "usage_every_s", 1, INT32_MAX);
    if ((err = json_in_close(&nested)) != OK)
        json_in_refuse(&in, "policy", err, "is not a policy");
    err = json_in_close(&in);
    if (err == OK)
        *ret = o;
    return err;
}

/* A spool that is behind what the server has from us is an old copy: it must not act. */
static bool
is_behind(struct agent *a, const struct opening *o)
{
    if (o->confirmed_seq <= spool_last_seq(a->spool) && o->last_report <= spool_last_number(a->spool))
        return false;
    log_error(&a->log, "spool-behind", LOG_I64("server_seq", (int64_t)o->confirmed_seq),
              LOG_I64("spool_seq", (int64_t)spool_last_seq(a->spool)),
              LOG_I64("server_report", (int64_t)o->last_report),
              LOG_I64("spool_report", (int64_t)spool_last_number(a->spool)));
    agent_stop(a, EXIT_BEHIND);
    return true;
}

/* A new spool under a new key takes the place of a lost one: it goes on after what that one had. */
static void
take_place(struct agent *a, const struct opening *o)
{
    if (!spool_is_fresh(a->spool) || (o->confirmed_seq == 0 && o->last_report == 0))
        return;
    log_warning(&a->log, "new-spool", LOG_I64("after_seq", (int64_t)o->confirmed_seq),
                LOG_I64("after_report", (int64_t)o->last_report));
    if (spool_begin(a->spool) != OK || spool_adopt(a->spool, o->confirmed_seq, o->last_report) != OK ||
        spool_commit(a->spool) != OK)
        agent_spool_failed(a);
}

static void
session_opened(struct agent *a, const struct opening *o)
{
    int64_t skew_ms;

    take_place(a, o);
    if (is_behind(a, o))
        return;
    a->instance = o->instance;
    a->confirmed_seq = o->confirmed_seq;
    a->clock = o->clock;
    a->keys = o->keys;
    a->permit_life_ms = o->permit_life_ms;
    a->usage_every_ms = ticket_span(o->usage_every_s * 1000, o->clock.rate);
    a->token_until_mono_ms = 0; /* the token names the instance */
    if (spool_begin(a->spool) != OK || spool_set_instance(a->spool, a->instance) != OK ||
        outbox_resign(a, o->last_report) != OK || spool_commit(a->spool) != OK)
        agent_spool_failed(a);
    a->open = true;
    skew_ms = clock_now(&a->clock) - o->now_ms;
    a->tally.clock_ahead_ms = skew_ms / a->clock.rate;
    agent_tell(a, (struct uuid){ { 0 } }, "instance", "%llu opened by kontor-agent " PACKAGE_VERSION " with %zu jobs at hand",
               (unsigned long long)a->instance, a->jobs_n);
    log_info(&a->log, "instance-open", LOG_I64("instance", (int64_t)a->instance), LOG_I64("jobs", (int64_t)a->jobs_n),
             LOG_BOOL("simulation", o->simulation), LOG_I64("rate", a->clock.rate));
    if (skew_ms > CLOCK_SKEW_MS * a->clock.rate || skew_ms < -CLOCK_SKEW_MS * a->clock.rate)
        log_error(&a->log, "clock-skew", LOG_I64("ahead_ms", skew_ms / a->clock.rate), LOG_I64("tolerated_ms", CLOCK_SKEW_MS),
                  LOG_TEXT("remedy", "let NTP or chrony set this machine's clock"));
    else if (skew_ms > CLOCK_APART_MS * a->clock.rate || skew_ms < -CLOCK_APART_MS * a->clock.rate)
        log_warning(&a->log, "clocks-apart", LOG_I64("ms", skew_ms));
    for (size_t i = 0; i < a->jobs_n; i++) {
        struct job *j = a->jobs[i];

        /* Workloads are not synced: after a power cut they may be gone again. */
        j->wants_fetch = (j->t.phase == AGENT_READY || j->t.phase == AGENT_ASKING) && !workload_here(a, j);
        job_feed(a, j, (struct agent_event){ .kind = AGENT_ON_RESTART });
    }
    witness_opened(a);
    inventory_add(a);
}

void
session_reply(struct agent *a, const struct wire_reply *r)
{
    struct err_detail d = { 0 };
    struct opening o;
    char code[48];

    if (r->status == 201) {
        if (opening_read(BYTES(r->body, r->len), &o, &d) == OK) {
            resume_lane(a, WIRE_ERRAND);
            session_opened(a, &o);
            return;
        }
        log_error(&a->log, "instance-reply", LOG_TEXT("text", d.text), LOG_TEXT("at", d.pointer));
    } else if (call_failed(a, "instance-refused", r, code, sizeof code)) {
        return;
    }
    pause_lane(a, WIRE_ERRAND, r->retry_after_s);
}

void
keys_start(struct agent *a)
{
    struct wire_call call = { .path = "/.well-known/jwks.json", .timeout_ms = call_timeout_ms(a) };

    wire_start(a->wire, WIRE_ERRAND, &call);
    a->errand = ERRAND_KEYS;
    a->wants_keys = false;
}

void
keys_reply(struct agent *a, const struct wire_reply *r)
{
    struct jws_keys keys;
    struct json_in in;
    char code[48];

    if (r->status == 200) {
        in = json_in_open(BYTES(r->body, r->len), NULL);
        jws_keys_read(&in, &keys);
        if (json_in_close(&in) == OK) {
            a->keys = keys;
            resume_lane(a, WIRE_ERRAND);
            return;
        }
    }
    log_warning(&a->log, "keys-not-read", LOG_I64("status", r->status), LOG_TEXT("error", r->error));
    problem_code(r, code, sizeof code);
    call_elsewhere(a, r, code);
    pause_lane(a, WIRE_ERRAND, r->retry_after_s);
}
