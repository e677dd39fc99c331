/* agent/outbox.c: reports, numbered without gaps and signed, each sent again until its receipt is in the spool. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/run.h"
#include "base/num.h"
#include "core/told.h"

void
report_add(struct agent *a, struct report *r, const char *inventory)
{
    struct spool_report row = { .inventory = (char *)inventory };

    r->site = a->who.site_index;
    r->number = spool_last_number(a->spool) + 1;
    r->instance = a->instance;
    row.number = r->number;
    row.kind = r->kind;
    row.jti = r->jti;
    report_statement(r, a->who.genesis, row.statement);
    sign_make(&a->key, BYTES(row.statement, sizeof row.statement), row.signature);
    if (spool_add_report(a->spool, &row) != OK)
        agent_spool_failed(a);
    agent_tell_report(a, r);
    a->tally.reports++;
}

/* In canonical form; free() it. */
static char *
canonical(const struct json_out *o, size_t *ret_len)
{
    struct json_out whole = { 0 };
    struct json_in in;
    char *ret;
    enum err err;

    json_open(&whole, NULL);
    json_raw(&whole, "inventory", o->text, o->len);
    json_shut(&whole);
    in = json_in_open(BYTES(whole.text, whole.len), NULL);
    ret = json_in_any(&in, "inventory", ret_len);
    err = json_in_close(&in);
    assert(err == OK && ret != NULL); /* it is our own */
    json_out_free(&whole);
    return ret;
}

/* Its statement binds the inventory by its mark (core/told.h). */
void
inventory_add(struct agent *a)
{
    struct json_out o = { 0 };
    char *text;
    size_t len;
    struct report r = { .kind = REPORT_INVENTORY, .time_ms = clock_now(&a->clock) };
    int64_t running = 0;

    for (size_t i = 0; i < a->jobs_n; i++)
        running += a->jobs[i]->t.phase == AGENT_RUNNING;
    json_open(&o, NULL);
    json_text(&o, "agent", "kontor-agent " PACKAGE_VERSION);
    a->kind->inventory(a->backend, &o);
    json_bool(&o, "draining", a->draining);
    json_i64(&o, "tickets", (int64_t)a->jobs_n);
    json_i64(&o, "running", running);
    json_shut(&o);
    text = canonical(&o, &len);
    r.jti = told_mark(BYTES(text, len));
    if (spool_begin(a->spool) != OK)
        agent_spool_failed(a);
    report_add(a, &r, text);
    if (spool_commit(a->spool) != OK)
        agent_spool_failed(a);
    free(text);
    json_out_free(&o);
}

/* What the server has not recorded from an older instance it will never take as it is: it is signed anew. What it has
 * recorded stays byte for byte, so that it gets its receipt. In a transaction of the caller. */
enum err
outbox_resign(struct agent *a, uint64_t above)
{
    struct spool_report row;
    uint64_t from = above + 1;
    enum err err;

    while ((err = spool_report_from(a->spool, from, &row)) == OK) {
        struct report r;
        struct hash genesis;

        err = report_parse(BYTES(row.statement, sizeof row.statement), &r, &genesis);
        if (err == OK) {
            r.instance = a->instance;
            report_statement(&r, a->who.genesis, row.statement);
            sign_make(&a->key, BYTES(row.statement, sizeof row.statement), row.signature);
            err = spool_resign(a->spool, &row);
        }
        from = row.number + 1;
        free(row.inventory);
        if (err)
            return err;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static bool
carries_output(uint16_t kind)
{
    return kind == REPORT_USAGE || kind == REPORT_FINISHED || kind == REPORT_FAILED || kind == REPORT_CANCELLED;
}

static void
report_write(struct agent *a, const struct spool_report *row, struct json_out *o)
{
    char output[RUN_OUTPUT_MAX];
    size_t len = carries_output(row->kind) ? a->kind->output(a->backend, row->jti, output, sizeof output) : 0;

    json_open(o, NULL);
    json_base64(o, "statement", BYTES(row->statement, sizeof row->statement));
    json_base64(o, "signature", BYTES(row->signature, sizeof row->signature));
    if (len > 0)
        json_base64(o, "output", BYTES(output, len));
    if (row->inventory)
        json_raw(o, "inventory", row->inventory, strlen(row->inventory));
    json_shut(o);
}

bool
outbox_start(struct agent *a)
{
    struct wire_call call = { .path = "/v1/agent/reports", .instance = a->instance,
                              .timeout_ms = call_timeout_ms(a) };
    struct spool_report row;
    struct json_out o = { 0 };
    struct job *j;
    enum err err = spool_next_report(a->spool, &row);

    if (err == ERR_NOT_FOUND)
        return false;
    if (err)
        agent_spool_failed(a);
    j = row.kind == REPORT_ACCEPTED ? jobs_find(a, row.jti) : NULL;
    if (j)
        job_feed(a, j, (struct agent_event){ .kind = AGENT_ON_SENT });
    if (spool_sync(a->spool) != OK) /* what has left us we must never forget */
        agent_spool_failed(a);
    report_write(a, &row, &o);
    call.token = agent_token(a);
    call.body = BYTES(o.text, o.len);
    wire_start(a->wire, WIRE_REPORT, &call);
    a->sending = row.number;
    json_out_free(&o);
    free(row.inventory);
    return true;
}

/* The event that a report's receipt is for its job; false if it is none. */
static bool
event_of_receipt(const struct job *j, const struct spool_report *row, const struct receipt_claims *c,
                 struct agent_event *ret)
{
    if (row->kind == REPORT_ACCEPTED && row->number == j->asked_report)
        *ret =
            (struct agent_event){ .kind = c->granted ? AGENT_ON_GRANTED : AGENT_ON_REFUSED, .instance = c->instance };
    else if (row->number == j->last_report)
        *ret = (struct agent_event){ .kind = AGENT_ON_LAST_RECEIPT };
    else
        return false;
    return true;
}

static bool
receipt_fits(const struct spool_report *row, const struct job *j, const struct receipt_claims *c)
{
    if (c->number != row->number || !hash_equal(c->statement, sha256(BYTES(row->statement, sizeof row->statement))))
        return false;
    if (row->kind != REPORT_ACCEPTED)
        return true;
    return c->has_permit && uuid_equal(c->jti, row->jti) && (!j || c->fence == j->t.fence);
}

/* Receipt, step and new state in one transaction: the agent may die right after it. */
static void
take_receipt(struct agent *a, const struct spool_report *row, const struct receipt_claims *c, const char *jws)
{
    struct job *j = jobs_find(a, row->jti);
    struct agent_now now = agent_now(a);
    struct agent_actions act = { 0 };
    struct agent_event e;

    if (spool_begin(a->spool) != OK || spool_receipt(a->spool, row->number, jws) != OK)
        agent_spool_failed(a);
    a->tally.receipts++;
    if (row->kind == REPORT_ACCEPTED) {
        a->tally.permits_granted += c->granted;
        a->tally.permits_refused += !c->granted;
        agent_tell(a, row->jti, "permit", c->granted ? "granted to instance %llu%s%s" : "refused to instance %llu%s%s",
                   (unsigned long long)c->instance, c->granted ? "" : ": ", c->granted ? "" : c->reason);
    }
    if (j && a->witness && (row->kind == REPORT_FINISHED || row->kind == REPORT_FAILED || row->kind == REPORT_CANCELLED) &&
        spool_owe(a->spool, &(struct spool_owed){ .reservation = j->reservation, .number = row->number, .since_ms = real_now_ms() }) != OK)
        agent_spool_failed(a);
    if (j && event_of_receipt(j, row, c, &e)) {
        if (e.kind == AGENT_ON_REFUSED)
            log_warning(&a->log, "permit-refused", LOG_UUID("jti", row->jti), LOG_TEXT("reason", c->reason));
        agent_step(&j->t, &e, &now, &act);
        job_store(a, j, &act);
    }
    if (spool_commit(a->spool) != OK)
        agent_spool_failed(a);
    if (j)
        job_act(a, j, &act);
}

static enum err
receipt_of(struct agent *a, const struct wire_reply *r, const struct spool_report *row, struct err_detail *d)
{
    struct json_in in = json_in_open(BYTES(r->body, r->len), d);
    char *jws = strdup(json_in_text(&in, "receipt", 1, JWS_MAX));
    struct receipt_claims c;
    enum err err = json_in_close(&in);

    if (err == OK && jws)
        err = receipt_claims_read(jws, &a->keys, a->who.origin, a->who.site, &c, d);
    if (err == OK && !receipt_fits(row, jobs_find(a, row->jti), &c))
        err = err_internal(d, ERR_TOKEN_OTHER, "the receipt is for another report");
    if (err == OK)
        take_receipt(a, row, &c, jws);
    free(jws);
    return err;
}

static void
report_refused(struct agent *a, const struct wire_reply *r, const struct spool_report *row)
{
    struct job *j = row->kind == REPORT_ACCEPTED ? jobs_find(a, row->jti) : NULL;
    char code[48];

    if (call_failed(a, "report-failed", r, code, sizeof code))
        return;
    if (r->status >= 400 && r->status < 500 && strcmp(code, "too-early") != 0)
        log_error(&a->log, "report-refused", LOG_I64("number", (int64_t)row->number), LOG_UUID("jti", row->jti), LOG_TEXT("code", code));
    if (j && (r->unsent || strcmp(code, "too-early") == 0))
        job_feed(a, j, (struct agent_event){ .kind = AGENT_ON_UNSENT });
    if (strcmp(code, "forked") == 0)
        agent_stop(a, EXIT_FORKED);
    else if (strcmp(code, "gap") == 0) /* it lacks what it has signed for: perhaps restored. Say what we have. */
        a->open = false;
    pause_lane(a, WIRE_REPORT, r->retry_after_s);
}

void
outbox_reply(struct agent *a, const struct wire_reply *r)
{
    struct err_detail d = { 0 };
    struct spool_report row;
    enum err err;

    if (spool_report_from(a->spool, a->sending, &row) != OK || row.number != a->sending)
        agent_spool_failed(a);
    a->sending = 0;
    if (r->status == 200) {
        err = receipt_of(a, r, &row, &d);
        if (err == OK) {
            resume_lane(a, WIRE_REPORT);
        } else {
            log_error(&a->log, "receipt-not-taken", LOG_I64("number", (int64_t)row.number), LOG_UUID("jti", row.jti),
                      LOG_TEXT("error", err_wire(err)),
                      LOG_TEXT("why", d.internal[0] ? d.internal : d.text), LOG_TEXT("at", d.pointer));
            a->wants_keys = err == ERR_TOKEN_KEY || err == ERR_TOKEN_SIGNATURE;
            pause_lane(a, WIRE_REPORT, 0);
        }
    } else {
        report_refused(a, r, &row);
    }
    free(row.inventory);
}
