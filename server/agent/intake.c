/* agent/intake.c: tickets: polled, verified, spooled, and only then confirmed and acted on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "base/arena.h"

#define WAIT_S            30
#define WAIT_OF_SEVERAL_S 10 /* where another server may lead meanwhile: one that is frozen does not say so */
#define POLL_GRACE_MS     15000
#define TICKETS_MAX       10000
#define CONFIRM_WITHIN_MS 250
#define NBF_SKEW_S        60 /* between the server's clock and ours */
#define EMPTY_TOO_SOON_MS 500 /* an empty answer earlier than that: do not hurry */

void
poll_start(struct agent *a)
{
    char path[96];
    bool several = wire_servers(a->wire) > 1;
    int wait_s = several ? WAIT_OF_SEVERAL_S : WAIT_S;
    struct wire_call call = { .path = path, .token = agent_token(a), .instance = a->instance,
                              .timeout_ms = wait_s * 1000 + (several ? POLL_GRACE_MS / 3 : POLL_GRACE_MS) };

    snprintf(path, sizeof path, "/v1/agent/tickets?after=%" PRIu64 "&wait=%d", spool_last_seq(a->spool), wait_s);
    a->poll_sent_mono_ms = monotonic_ms();
    wire_start(a->wire, WIRE_POLL, &call);
}

uint16_t
agent_takes(const struct agent *a)
{
    return a->takes | (a->kind->takes ? a->kind->takes(a->backend) : 0);
}

static enum report_reason
reject(struct agent *a, const struct ticket_claims *c, enum report_reason reason, enum err err)
{
    log_warning(&a->log, "ticket-rejected", LOG_I64("seq", (int64_t)c->seq), LOG_UUID("jti", c->jti), LOG_TEXT("error", err_wire(err)));
    return reason;
}

/* Why a verified run ticket is rejected: REASON_NONE if it is not. */
static enum report_reason
reason_against(struct agent *a, const struct ticket_claims *c)
{
    struct err_detail d = { 0 };
    enum report_reason against = REASON_NONE;
    uint64_t fence;
    int64_t now_s = real_now_ms() / 1000;

    if (c->needs_unknown || (c->needs & ~agent_takes(a)) != 0)
        return reject(a, c, REASON_NOT_OFFERED, ERR_FIELD_INVALID);
    if (((c->needs & NEED_BIT(NEED_SECRETS)) == 0) != hash_equal(c->secrets, (struct hash){ { 0 } })) /* needs them and has none, or the reverse */
        return reject(a, c, REASON_SECRETS, ERR_FIELD_INVALID);
    if (spool_fence(a->spool, c->request, &fence) != OK)
        agent_spool_failed(a);
    if (c->fence <= fence)
        return reject(a, c, REASON_TICKET, ERR_FENCE);
    if (now_s > c->exp_s)
        return reject(a, c, REASON_TICKET, ERR_TOKEN_EXPIRED);
    if (a->cfg.gpus && (int64_t)c->gpus > a->cfg.gpus)
        return reject(a, c, REASON_RESOURCE, ERR_FIELD_RANGE);
    if (a->kind->against && (against = a->kind->against(a->backend, c->organisation, &d)) != REASON_NONE)
        log_warning(&a->log, "ticket-refused", LOG_UUID("jti", c->jti), LOG_UUID("organisation", c->organisation), LOG_TEXT("why", d.internal));
    return against;
}

static struct job
job_of(const struct ticket_claims *c)
{
    return (struct job){
        .t = {
            .jti = c->jti, .request = c->request, .fence = c->fence, .gpus = c->gpus, .walltime_s = c->walltime_s,
            .window_start_ms = c->window_start_ms, .permit_from_ms = c->permit_from_ms,
            .accept_by_ms = c->accept_by_ms, .start_by_ms = c->start_by_ms,
        },
        .reservation = c->reservation, .seq = c->seq, .nodes = c->nodes, .workload = c->workload,
        .workload_len = c->workload_len, .secrets = c->secrets,
    };
}

/* What is to be done about a ticket once the transaction has committed. */
struct todo {
    struct uuid jti;
    bool cancel;
    struct agent_actions act;
};

static void
take_run(struct agent *a, const struct ticket_claims *c, const char *jws, enum report_reason against, struct todo *ret)
{
    struct job j = job_of(c), *kept;
    struct agent_now now = agent_now(a);
    bool known;

    if (spool_knows(a->spool, c->jti, &known) != OK)
        agent_spool_failed(a);
    if (known)
        return;
    agent_begin(&j.t, against, &now, &ret->act);
    if (spool_add_job(a->spool, &j, jws) != OK || spool_raise_fence(a->spool, c->request, c->fence) != OK)
        agent_spool_failed(a);
    jobs_keep(a, &j);
    kept = jobs_find(a, c->jti);
    job_store(a, kept, &ret->act);
    a->tally.tickets++;
    agent_tell(a, c->jti, "ticket", "number %llu: %u GPUs for %u s, request fence %llu", (unsigned long long)c->seq, (unsigned)c->gpus,
               (unsigned)c->walltime_s, (unsigned long long)c->fence);
    log_info(&a->log, "ticket", LOG_I64("seq", (int64_t)c->seq), LOG_UUID("jti", c->jti), LOG_I64("gpus", c->gpus),
             LOG_I64("walltime_s", c->walltime_s), LOG_TEXT("phase", agent_phase_name(kept->t.phase)));
}

static void
take_cancel(struct agent *a, const struct ticket_claims *c, struct todo *ret)
{
    struct job *j = jobs_find(a, c->jti);
    struct agent_now now = agent_now(a);

    log_info(&a->log, "cancel-ticket", LOG_I64("seq", (int64_t)c->seq), LOG_UUID("jti", c->jti),
             LOG_TEXT("phase", j ? agent_phase_name(j->t.phase) : "gone"));
    agent_tell(a, c->jti, "cancel", "ticket number %llu; the job is %s", (unsigned long long)c->seq,
               j ? agent_phase_name(j->t.phase) : "gone");
    if (!j)
        return;
    agent_step(&j->t, &(struct agent_event){ .kind = AGENT_ON_CANCEL }, &now, &ret->act);
    job_store(a, j, &ret->act);
}

/* One ticket of the reply. False: it cannot be trusted or read, and nothing after it is taken. */
static bool
take(struct agent *a, uint64_t seq, const char *jws, struct todo *ret)
{
    struct err_detail d = { 0 };
    struct ticket_claims c;
    enum err err = ticket_claims_read(jws, &a->keys, a->who.origin, a->who.site, &c, &d);
    bool understood = err == OK;

    if ((err == ERR_FIELD_RANGE || err == ERR_FIELD_INVALID) &&
        ticket_claims_head(jws, &a->keys, a->who.origin, a->who.site, &c) == OK) {
        log_error(&a->log, "ticket-not-understood", LOG_I64("seq", (int64_t)seq), LOG_UUID("jti", c.jti), LOG_TEXT("why", d.text),
                  LOG_TEXT("at", d.pointer));
        err = OK; /* it is rejected */
    }
    if (err == OK && (c.seq != seq || seq != spool_last_seq(a->spool) + 1))
        err = err_internal(&d, ERR_GAP, "the ticket's number is not the next one");
    if (err == OK && understood && c.nbf_s > real_now_ms() / 1000 + NBF_SKEW_S)
        err = err_internal(&d, ERR_TOKEN_FUTURE, "the ticket is for later: is this machine's clock slow?");
    if (err) {
        log_error(&a->log, "ticket-not-taken", LOG_I64("seq", (int64_t)seq), LOG_TEXT("error", err_wire(err)),
                  LOG_TEXT("why", d.internal[0] ? d.internal : d.text), LOG_TEXT("at", d.pointer));
        a->wants_keys = err == ERR_TOKEN_KEY || err == ERR_TOKEN_SIGNATURE; /* perhaps a new key */
        return false;
    }
    *ret = (struct todo){ .jti = c.jti, .cancel = c.cancel };
    if (c.cancel)
        take_cancel(a, &c, ret);
    else
        take_run(a, &c, jws, understood ? reason_against(a, &c) : REASON_TICKET, ret);
    if (spool_set_last_seq(a->spool, seq) != OK)
        agent_spool_failed(a);
    return true;
}

/* All tickets of a reply in one transaction. */
static bool
take_all(struct agent *a, struct json_in *in, size_t n)
{
    struct todo *todo = xcalloc(n + 1, sizeof *todo);
    size_t taken = 0;
    bool good = true;

    if (spool_last_seq(a->spool) == a->confirmed_seq)
        a->confirm_mono_ms = monotonic_ms() + CONFIRM_WITHIN_MS;
    if (spool_begin(a->spool) != OK)
        agent_spool_failed(a);
    for (size_t i = 0; i < n && good; i++) {
        struct json_in item = json_in_array_object(in, "tickets", i);
        uint64_t seq = (uint64_t)json_in_i64(&item, "seq", 1, INT64_MAX);
        const char *jws = json_in_text(&item, "jws", 1, JWS_MAX);

        good = item.err == OK;
        if (good && seq > spool_last_seq(a->spool)) { /* what we have already is passed over */
            good = take(a, seq, jws, &todo[taken]);
            taken += good;
        }
        if (json_in_close(&item) != OK)
            good = false;
    }
    if (spool_commit(a->spool) != OK)
        agent_spool_failed(a);
    for (size_t i = 0; i < taken; i++) {
        struct job *j = jobs_find(a, todo[i].jti);

        if (j)
            job_act(a, j, &todo[i].act);
    }
    free(todo);
    return good;
}

void
poll_reply(struct agent *a, const struct wire_reply *r)
{
    struct err_detail d = { 0 };
    struct json_in in;
    char code[48];
    size_t n;
    bool good;

    if (r->status != 200) {
        if (!call_failed(a, "poll-failed", r, code, sizeof code))
            pause_lane(a, WIRE_POLL, r->retry_after_s);
        return;
    }
    in = json_in_open(BYTES(r->body, r->len), &d);
    n = json_in_array(&in, "tickets", TICKETS_MAX);
    json_in_time(&in, "now");
    good = in.err == OK && take_all(a, &in, n);
    if (json_in_close(&in) != OK || !good) {
        log_error(&a->log, "poll-reply", LOG_TEXT("text", d.text), LOG_TEXT("at", d.pointer));
        pause_lane(a, WIRE_POLL, 0);
        return;
    }
    resume_lane(a, WIRE_POLL);
    if (n == 0 && monotonic_ms() - a->poll_sent_mono_ms < EMPTY_TOO_SOON_MS)
        a->pause[WIRE_POLL].until_mono_ms = monotonic_ms() + EMPTY_TOO_SOON_MS;
}

void
received_start(struct agent *a)
{
    struct json_out o = { 0 };
    struct wire_call call = { .path = "/v1/agent/tickets/received",
                              .token = agent_token(a),
                              .instance = a->instance,
                              .timeout_ms = call_timeout_ms(a) };

    if (spool_sync(a->spool) != OK)
        agent_spool_failed(a);
    a->errand_seq = spool_last_seq(a->spool);
    json_open(&o, NULL);
    json_i64(&o, "instance", (int64_t)a->instance);
    json_i64(&o, "seq", (int64_t)a->errand_seq);
    json_shut(&o);
    call.body = BYTES(o.text, o.len);
    wire_start(a->wire, WIRE_ERRAND, &call);
    a->errand = ERRAND_RECEIVED;
    json_out_free(&o);
}

void
received_reply(struct agent *a, const struct wire_reply *r)
{
    char code[48];

    if (r->status == 200) {
        a->confirmed_seq = a->errand_seq;
        resume_lane(a, WIRE_ERRAND);
        return;
    }
    if (!call_failed(a, "received-failed", r, code, sizeof code))
        pause_lane(a, WIRE_ERRAND, r->retry_after_s);
}
