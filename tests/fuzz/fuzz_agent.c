/* tests/fuzz/fuzz_agent.c: any replies to a site's agent, in any order: its readers of them, and what it does then. Beneath it
 * everything is replaced: the network (a reply is the input's), the spool and the workloads (in memory, nothing fails), the
 * machines (they answer as the input says), signatures (good unless they begin with 0xff), time.
 *
 * An input is records that end in 0x1e: a letter, then bytes.
 *   S body   a session is asked for, this answers (201)      s       … and a reply as it should be answers
 *   P body   answers a poll for tickets (200)                T json  … as the claims of a signed ticket, the next one
 *   R body   answers the report under way (200)              C json  … as the claims of its signed receipt
 *   g, n     … with a permit, without one                    K body  a set of keys answers (200)
 *   B body   answers the fetch of a workload (200)           c       confirms the tickets received
 *   E d body answers lane d % 3 with an error of that status w d     d² seconds pass
 *   b d      so will the machines answer                     N body  answers an enrolment
 * No reply makes the agent submit a run without a permit for it, take a ticket out of turn, give a report's number twice, or
 * hurry after what it could not read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enrol.c"
#include "agent/run.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define START_MS    1780000000000
#define WORKLOAD    "#!/bin/sh\ntrain\n"
#define RUNS_MAX    64
#define REPORTS_MAX 1024

static struct sign_key server_key;
static const char *const OUR_SITE = "lumi", *const OUR_ORIGIN = "kontor.example/demo";

/* ---- time, signatures ---------------------------------------------------------------------------------------------- */

static int64_t passed_ms;

int64_t __wrap_real_now_ms(void);
int64_t
__wrap_real_now_ms(void)
{
    return START_MS + passed_ms;
}

int64_t __wrap_monotonic_ms(void);
int64_t
__wrap_monotonic_ms(void)
{
    return 1000000 + passed_ms;
}

int64_t __wrap_clock_now(const struct clock *c);
int64_t
__wrap_clock_now(const struct clock *c)
{
    assert(c->rate >= 1);
    return c->origin_ms + (__wrap_real_now_ms() - c->real_origin_ms) * c->rate;
}

uint32_t __wrap_random_below(uint32_t n);
uint32_t
__wrap_random_below(uint32_t n)
{
    return n / 2;
}

enum err __wrap_sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t signature[SIGN_LEN]);
enum err
__wrap_sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t signature[SIGN_LEN])
{
    (void)public;
    (void)message;
    return signature[0] == 0xff ? ERR_SIGNATURE : OK;
}

/* ---- the network: each lane has at most one call, which the input answers -------------------------------------------- */

struct wire { bool busy[WIRE_LANES]; uint64_t instance[WIRE_LANES]; };

enum err
wire_new(const char *urls, const char *ca_file, struct wire **ret, struct err_detail *d)
{
    (void)urls, (void)ca_file, (void)d;
    *ret = xcalloc(1, sizeof **ret);
    return OK;
}

void
wire_delete(struct wire *w)
{
    free(w);
}

size_t
wire_servers(const struct wire *w)
{
    (void)w;
    return 2;
}

const char *
wire_server(const struct wire *w, size_t i)
{
    (void)w;
    return i ? "https://b.example" : "https://a.example";
}

void
wire_turn(struct wire *w, size_t from, const char *to)
{
    (void)w;
    assert(from < 2 && to && text_utf8_ok(to, strlen(to)));
}

bool
wire_busy(const struct wire *w, enum wire_lane lane)
{
    return w->busy[lane];
}

void
wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call)
{
    struct json_in in;
    enum err err;

    assert(!w->busy[lane] && call->path[0] == '/' && call->timeout_ms > 0);
    if (call->body.data) {
        in = json_in_open(call->body, NULL);
        assert(in.err == OK);
        err = json_in_close(&in); /* its members are none that we read here */
        (void)err;
    }
    w->busy[lane] = true;
    w->instance[lane] = call->instance;
}

void
wire_wait(struct wire *w, const int *fds, size_t n, int timeout_ms)
{
    (void)w, (void)fds, (void)n, (void)timeout_ms;
    abort();
}

bool
wire_next(struct wire *w, struct wire_reply *ret)
{
    (void)w, (void)ret;
    abort();
}

void
wire_once(struct wire *w, const struct wire_call *call, struct wire_reply *ret)
{
    (void)w, (void)call, (void)ret;
    abort();
}

/* ---- the spool ------------------------------------------------------------------------------------------------------- */

struct spool {
    uint64_t last_seq, last_number, base, instance;
    bool within;
    struct { struct uuid jti, request; uint64_t fence; bool permitted; } run[RUNS_MAX];
    size_t runs;
    struct spool_report report[REPORTS_MAX];
    bool receipted[REPORTS_MAX];
    size_t reports;
};
static struct spool spool;

enum err
spool_begin(struct spool *s)
{
    assert(!s->within);
    s->within = true;
    return OK;
}

enum err
spool_commit(struct spool *s)
{
    assert(s->within);
    s->within = false;
    return OK;
}

enum err
spool_sync(struct spool *s)
{
    assert(!s->within);
    return OK;
}

uint64_t
spool_last_seq(const struct spool *s)
{
    return s->last_seq;
}

uint64_t
spool_last_number(const struct spool *s)
{
    return s->last_number;
}

uint64_t
spool_last_receipted(const struct spool *s)
{
    size_t i = 0;

    while (i < s->reports && s->receipted[i])
        i++;
    return s->base + i;
}

bool
spool_is_fresh(struct spool *s)
{
    return s->last_seq == 0 && s->last_number == 0 && s->instance == 0;
}

enum err
spool_adopt(struct spool *s, uint64_t seq, uint64_t number)
{
    assert(s->within && spool_is_fresh(s));
    s->last_seq = seq;
    s->last_number = s->base = number;
    return OK;
}

enum err
spool_set_last_seq(struct spool *s, uint64_t seq)
{
    assert(s->within && seq == s->last_seq + 1);
    s->last_seq = seq;
    return OK;
}

enum err
spool_set_instance(struct spool *s, uint64_t instance)
{
    assert(s->within && instance > 0);
    s->instance = instance;
    return OK;
}

enum err
spool_add_job(struct spool *s, const struct job *j, const char *jws)
{
    assert(s->within && s->runs < RUNS_MAX && strlen(jws) <= JWS_MAX);
    assert((j->t.gpus >= 1 && j->t.walltime_s >= 1) || j->t.phase == AGENT_ENDING); /* or rejected: not understood */
    s->run[s->runs].jti = j->t.jti;
    s->run[s->runs].permitted = false;
    s->run[s->runs].request = j->t.request;
    s->run[s->runs++].fence = 0;
    return OK;
}

static bool
has_run(const struct spool *s, struct uuid jti, size_t *ret)
{
    for (*ret = 0; *ret < s->runs; ++*ret)
        if (uuid_equal(s->run[*ret].jti, jti))
            return true;
    return false;
}

enum err
spool_save_job(struct spool *s, const struct job *j)
{
    size_t i;

    assert(s->within && has_run(s, j->t.jti, &i));
    return OK;
}

enum err
spool_load_jobs(struct spool *s, void (*take_job)(void *with, const struct job *j), void *with)
{
    (void)s, (void)take_job, (void)with;
    return OK;
}

enum err
spool_fence(struct spool *s, struct uuid request, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < s->runs; i++)
        if (uuid_equal(s->run[i].request, request) && s->run[i].fence > *ret)
            *ret = s->run[i].fence;
    return OK;
}

enum err
spool_raise_fence(struct spool *s, struct uuid request, uint64_t fence)
{
    for (size_t i = 0; i < s->runs; i++)
        if (uuid_equal(s->run[i].request, request) && s->run[i].fence < fence)
            s->run[i].fence = fence;
    return OK;
}

enum err
spool_ticket(struct spool *s, struct uuid jti, char **ret)
{
    (void)s, (void)jti, (void)ret;
    return ERR_NOT_FOUND; /* no backend here asks whose job it is */
}

enum err
spool_knows(struct spool *s, struct uuid jti, bool *ret)
{
    size_t i;

    *ret = has_run(s, jti, &i);
    return OK;
}

enum err
spool_add_report(struct spool *s, const struct spool_report *r)
{
    struct spool_report *to = &s->report[s->reports];

    assert(s->within && r->number == s->last_number + 1 && s->reports < REPORTS_MAX);
    *to = *r;
    to->inventory = r->inventory ? xstrdup(r->inventory) : NULL;
    s->receipted[s->reports++] = false;
    s->last_number = r->number;
    return OK;
}

enum err
spool_report_from(struct spool *s, uint64_t from, struct spool_report *ret)
{
    for (size_t i = 0; i < s->reports; i++)
        if (s->report[i].number >= from && !s->receipted[i]) {
            *ret = s->report[i];
            ret->inventory = ret->inventory ? xstrdup(ret->inventory) : NULL;
            return OK;
        }
    return ERR_NOT_FOUND;
}

enum err
spool_next_report(struct spool *s, struct spool_report *ret)
{
    return spool_report_from(s, 0, ret);
}

enum err
spool_resign(struct spool *s, const struct spool_report *r)
{
    size_t i = (size_t)(r->number - s->base - 1);

    assert(s->within && i < s->reports && s->report[i].number == r->number && !s->receipted[i]);
    memcpy(s->report[i].statement, r->statement, sizeof r->statement);
    return OK;
}

enum err
spool_receipt(struct spool *s, uint64_t number, const char *jws)
{
    size_t i = (size_t)(number - s->base - 1);

    assert(s->within && i < s->reports && strlen(jws) <= JWS_MAX);
    s->receipted[i] = true;
    return OK;
}

const char *
spool_error(const struct spool *s)
{
    (void)s;
    abort(); /* it never fails */
}

enum err
spool_prune(struct spool *s, int64_t before_ms, void (*gone)(void *with, struct uuid jti), void *with)
{
    (void)s, (void)before_ms, (void)gone, (void)with;
    return OK;
}

enum err
spool_tell(struct spool *s, const struct spool_line *line)
{
    (void)s;
    assert(strlen(line->why) < 400);
    return OK;
}

enum err
spool_story_prune(struct spool *s, int64_t before_ms)
{
    (void)s, (void)before_ms;
    return OK;
}

enum err
spool_counts(struct spool *s, struct spool_counts *ret)
{
    (void)s, (void)ret;
    abort(); /* it writes no metrics */
}

bool
spool_draining(const char *folder, char ret_why[SPOOL_WHY_MAX])
{
    (void)folder;
    ret_why[0] = 0;
    return false;
}

enum err
spool_make(const char *folder, const struct spool_identity *who, struct err_detail *d)
{
    (void)folder, (void)who, (void)d;
    return OK;
}

enum err
spool_check_folder(const char *folder, struct err_detail *d)
{
    (void)folder, (void)d;
    return OK;
}

/* ---- workloads, machines --------------------------------------------------------------------------------------------- */

static bool workload_kept;
static uint8_t machines; /* how they answer */

enum err
run_file_tail(int dir, const char *name, void *ret, size_t cap, size_t *ret_len)
{
    (void)dir;
    if (!workload_kept || strlen(name) != 64 || cap < strlen(WORKLOAD))
        return ERR_NOT_FOUND;
    memcpy(ret, WORKLOAD, strlen(WORKLOAD));
    *ret_len = strlen(WORKLOAD);
    return OK;
}

enum err
run_file_write(int dir, const char *name, const void *data, size_t len, enum run_sync sync)
{
    (void)dir, (void)sync;
    assert(strlen(name) == 64 && len <= WORKLOAD_MAX);
    workload_kept = workload_kept || (len == strlen(WORKLOAD) && memcmp(data, WORKLOAD, len) == 0);
    return OK;
}

static struct agent_event
submit_run(struct backend *b, const struct backend_run *run, struct err_detail *d)
{
    static const enum agent_event_kind ANSWERS[] = { AGENT_ON_SUBMITTED, AGENT_ON_NOT_SUBMITTED, AGENT_ON_SUBMIT_UNKNOWN };
    size_t i;

    (void)b, (void)d;
    assert(has_run(&spool, run->jti, &i) && spool.run[i].permitted && !spool.within);
    assert(__wrap_monotonic_ms() <= run->permit_until_mono_ms);
    assert(run->script.len == strlen(WORKLOAD) && run->gpus >= 1 && run->walltime_s >= 1);
    return (struct agent_event){ .kind = ANSWERS[machines % 3], .reason = REASON_SITE };
}

static struct agent_event
look_up_run(struct backend *b, struct uuid jti, int64_t now_ms, struct err_detail *d)
{
    static const enum agent_event_kind ANSWERS[] = { AGENT_ON_NONE, AGENT_ON_UNKNOWN, AGENT_ON_QUEUED, AGENT_ON_STARTED, AGENT_ON_ENDED };

    (void)b, (void)jti, (void)d;
    return (struct agent_event){ .kind = ANSWERS[machines % 5], .end = (enum agent_end)(machines / 5 % 5), .started_ms = now_ms,
                                 .ended_ms = now_ms, .gpu_seconds = machines, .exit_code = machines };
}

static void
cancel_run(struct backend *b, struct uuid jti)
{
    (void)b, (void)jti;
}

static size_t
output_of(struct backend *b, struct uuid jti, void *ret, size_t cap)
{
    (void)b, (void)jti;
    assert(cap >= 3);
    memcpy(ret, "ok\n", 3);
    return 3;
}

static void
inventory(struct backend *b, struct json_out *o)
{
    (void)b;
    json_text(o, "backend", "none");
}

static const struct backend_kind KIND = { .name = "none", .submit = submit_run, .look_up = look_up_run, .cancel = cancel_run,
                                          .output = output_of, .forget = cancel_run, .inventory = inventory };

/* ---- one reply -------------------------------------------------------------------------------------------------------- */

static struct wire_reply
reply(struct agent *a, enum wire_lane lane, int status, char *body, size_t len)
{
    a->wire->busy[lane] = false;
    return (struct wire_reply){ .lane = lane, .instance = a->wire->instance[lane], .status = status, .body = body, .len = len,
                                .retry_after_s = status == 503 };
}

/* What was not taken must not be asked for again at once. */
static void
waits(const struct agent *a, enum wire_lane lane, bool taken)
{
    assert(taken || a->stop || a->pause[lane].until_mono_ms > __wrap_monotonic_ms());
}

static void
on_session(struct agent *a, const char *body, size_t len)
{
    struct wire_reply r;

    if (wire_busy(a->wire, WIRE_ERRAND))
        return;
    session_start(a);
    a->errand = ERRAND_NONE;
    a->open = false;
    r = reply(a, WIRE_ERRAND, 201, (char *)(uintptr_t)body, len);
    session_reply(a, &r);
    waits(a, WIRE_ERRAND, a->open);
}

static void
on_good_session(struct agent *a)
{
    struct json_out o = { 0 };

    json_open(&o, NULL);
    json_i64(&o, "instance", (int64_t)(spool.instance + 1));
    json_i64(&o, "confirmed_seq", (int64_t)spool.last_seq);
    json_i64(&o, "last_report", (int64_t)spool_last_receipted(&spool));
    json_time(&o, "now", START_MS);
    json_bool(&o, "simulation", false);
    json_open(&o, "jwks");
    json_open_array(&o, "keys");
    json_shut_array(&o);
    json_shut(&o);
    json_open(&o, "policy");
    json_i64(&o, "permit_life_ms", 90000);
    json_i64(&o, "usage_every_s", 60);
    json_shut(&o);
    json_shut(&o);
    if (spool.instance < INT64_MAX && spool.last_seq <= INT64_MAX && spool_last_receipted(&spool) <= INT64_MAX)
        on_session(a, o.text, o.len);
    json_out_free(&o);
}

/* The agent knows the server's key again, whatever set was sent last. */
static void
know_key(struct agent *a)
{
    a->keys = (struct jws_keys){ .key = { { .kid = "0" } }, .n = 1 };
    memcpy(a->keys.key[0].public, server_key.public, sizeof server_key.public);
}

static void
on_poll(struct agent *a, const char *body, size_t len)
{
    struct wire_reply r;
    uint64_t before = spool.last_seq;

    if (!a->open || wire_busy(a->wire, WIRE_POLL) || spool.runs > RUNS_MAX / 2)
        return;
    poll_start(a);
    r = reply(a, WIRE_POLL, 200, (char *)(uintptr_t)body, len);
    poll_reply(a, &r);
    assert(spool.last_seq - before <= RUNS_MAX);
    for (size_t i = 0; i < a->jobs_n; i++)
        for (size_t k = 0; k < i; k++)
            assert(!uuid_equal(a->jobs[i]->t.jti, a->jobs[k]->t.jti));
}

static void
on_ticket(struct agent *a, const char *claims, size_t len)
{
    struct json_out o = { 0 };
    char *jws;

    if (spool.last_seq >= INT64_MAX || len > JWS_MAX / 2)
        return;
    know_key(a);
    jws = jws_make(&server_key, JWS_TYP_TICKET, "0", BYTES(claims, len));
    json_open(&o, NULL);
    json_open_array(&o, "tickets");
    json_open(&o, NULL);
    json_i64(&o, "seq", (int64_t)spool.last_seq + 1);
    json_text(&o, "jws", jws);
    json_shut(&o);
    json_shut_array(&o);
    json_time(&o, "now", START_MS + passed_ms);
    json_shut(&o);
    on_poll(a, o.text, o.len);
    json_out_free(&o);
    free(jws);
}

static bool
report_leaves(struct agent *a)
{
    return a->open && !wire_busy(a->wire, WIRE_REPORT) && outbox_start(a);
}

static void
answer_report(struct agent *a, const char *body, size_t len)
{
    struct wire_reply r = reply(a, WIRE_REPORT, 200, (char *)(uintptr_t)body, len);
    uint64_t number = a->sending;

    outbox_reply(a, &r);
    waits(a, WIRE_REPORT, spool.receipted[number - spool.base - 1]);
}

static void
answer_with_claims(struct agent *a, const char *claims, size_t len)
{
    struct json_out o = { 0 };
    char *jws = jws_make(&server_key, JWS_TYP_RECEIPT, "0", BYTES(claims, len));

    know_key(a);
    json_open(&o, NULL);
    json_text(&o, "receipt", jws);
    json_shut(&o);
    answer_report(a, o.text, o.len);
    json_out_free(&o);
    free(jws);
}

/* The receipt that the report under way should get. */
static void
on_good_receipt(struct agent *a, bool permit)
{
    const struct spool_report *row;
    struct hash statement;
    struct job *j;
    struct json_out o = { 0 };
    size_t i;

    if (!report_leaves(a))
        return;
    row = &spool.report[a->sending - spool.base - 1];
    statement = sha256(BYTES(row->statement, sizeof row->statement));
    j = jobs_find(a, row->jti);
    json_open(&o, NULL);
    json_text(&o, "iss", OUR_ORIGIN);
    json_text(&o, "aud", OUR_SITE);
    json_i64(&o, "num", (int64_t)row->number);
    json_hex(&o, "sha256", BYTES(statement.b, sizeof statement.b));
    json_i64(&o, "iat", START_MS / 1000);
    if (row->kind == REPORT_ACCEPTED) {
        json_text(&o, "permit", permit ? "granted" : "refused");
        json_uuid(&o, "jti", row->jti);
        json_i64(&o, "fence", j ? (int64_t)j->t.fence : 0);
        json_i64(&o, "ins", (int64_t)a->instance);
        if (permit && has_run(&spool, row->jti, &i))
            spool.run[i].permitted = true;
    }
    json_shut(&o);
    answer_with_claims(a, o.text, o.len);
    json_out_free(&o);
}

/* Whatever the claims say of a permit, somebody has signed it: from now on the run may be started. */
static void
on_claims(struct agent *a, const char *claims, size_t len)
{
    size_t i;

    if (len > JWS_MAX / 2 || !report_leaves(a))
        return;
    if (has_run(&spool, spool.report[a->sending - spool.base - 1].jti, &i))
        spool.run[i].permitted = true;
    answer_with_claims(a, claims, len);
}

static void
on_receipt(struct agent *a, const char *body, size_t len)
{
    size_t i;

    if (!report_leaves(a))
        return;
    if (has_run(&spool, spool.report[a->sending - spool.base - 1].jti, &i)) /* a token that says so may be in it */
        spool.run[i].permitted = true;
    answer_report(a, body, len);
}

static void
on_keys(struct agent *a, const char *body, size_t len)
{
    struct wire_reply r;

    if (wire_busy(a->wire, WIRE_ERRAND))
        return;
    keys_start(a);
    a->errand = ERRAND_NONE;
    r = reply(a, WIRE_ERRAND, 200, (char *)(uintptr_t)body, len);
    keys_reply(a, &r);
    assert(a->keys.n <= JWS_KEYS_MAX);
}

static void
on_blob(struct agent *a, const char *body, size_t len)
{
    struct wire_reply r;

    if (!a->open || wire_busy(a->wire, WIRE_ERRAND) || !workload_start(a))
        return;
    a->errand = ERRAND_NONE;
    r = reply(a, WIRE_ERRAND, 200, (char *)(uintptr_t)body, len);
    workload_reply(a, &r);
}

static void
on_received(struct agent *a)
{
    struct wire_reply r;

    if (!a->open || wire_busy(a->wire, WIRE_ERRAND))
        return;
    received_start(a);
    a->errand = ERRAND_NONE;
    r = reply(a, WIRE_ERRAND, 200, (char *)(uintptr_t) "{}", 2);
    received_reply(a, &r);
}

static void
on_error(struct agent *a, uint8_t which, const char *body, size_t len)
{
    static const int STATUS[] = { 0, 400, 401, 403, 404, 409, 410, 422, 425, 429, 500, 502, 503, 507, 201, 302 };
    int status = STATUS[which / 3 % 16];
    struct wire_reply r;

    if (which % 3 == WIRE_POLL && a->open) {
        poll_start(a);
        r = reply(a, WIRE_POLL, status, (char *)(uintptr_t)body, len);
        poll_reply(a, &r);
        waits(a, WIRE_POLL, false);
    } else if (which % 3 == WIRE_REPORT && report_leaves(a)) {
        r = reply(a, WIRE_REPORT, status, (char *)(uintptr_t)body, len);
        r.unsent = status == 0 && len % 2;
        outbox_reply(a, &r);
        waits(a, WIRE_REPORT, false);
    } else if (which % 3 == WIRE_ERRAND) {
        session_start(a);
        a->errand = ERRAND_NONE;
        r = reply(a, WIRE_ERRAND, status == 201 ? 200 : status, (char *)(uintptr_t)body, len);
        session_reply(a, &r);
        waits(a, WIRE_ERRAND, false);
    }
}

static void
on_enrolment(const char *body, size_t len)
{
    struct wire_reply r = { .status = 201, .body = (char *)(uintptr_t)body, .len = len };
    struct spool_identity who;
    struct err_detail d = { 0 };

    if (enrol_reply(&r, &who, &d) == OK)
        assert(memchr(who.site, 0, sizeof who.site) && who.site[0] && memchr(who.origin, 0, sizeof who.origin) &&
               who.site_index <= INT64_MAX);
    else
        assert(d.text[0]);
}

/* ---- one input -------------------------------------------------------------------------------------------------------- */

static void
step(struct agent *a, char *record, size_t len)
{
    const char *rest = record + 1;
    size_t n = len - 1;
    uint8_t first = n > 0 ? (uint8_t)rest[0] : 0;

    switch (record[0]) {
    case 'S': on_session(a, rest, n); break;
    case 's': on_good_session(a); break;
    case 'P': on_poll(a, rest, n); break;
    case 'T': on_ticket(a, rest, n); break;
    case 'R': on_receipt(a, rest, n); break;
    case 'C': on_claims(a, rest, n); break;
    case 'g':
    case 'n': on_good_receipt(a, record[0] == 'g'); break;
    case 'K': on_keys(a, rest, n); break;
    case 'B': on_blob(a, rest, n); break;
    case 'c': on_received(a); break;
    case 'E': on_error(a, first, n > 0 ? rest + 1 : rest, n > 0 ? n - 1 : 0); break;
    case 'b': machines = first; break;
    case 'N': on_enrolment(rest, n); break;
    case 'w':
        passed_ms += (int64_t)first * first * 1000;
        if (a->open)
            jobs_tick(a);
        break;
    }
    jobs_drop_done(a);
}

static void
clear(struct agent *a)
{
    for (size_t i = 0; i < a->jobs_n; i++)
        free(a->jobs[i]);
    for (size_t i = 0; i < spool.reports; i++)
        free(spool.report[i].inventory);
    free(a->jobs);
    free(a->token);
    passed_ms = 0;
    workload_kept = false;
    machines = 0;
    memset(&spool, 0, sizeof spool);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t SEED[SIGN_SEED_LEN] = { 1, 2, 3 };
    struct wire wire = { .busy = { false } };
    struct agent a = { .log = { .fd = -1, .least = LOG_LEVEL_ERROR }, .wire = &wire, .spool = &spool, .kind = &KIND, .blobs = -1,
                       .who = { .site_index = 7, .kid = "1" }, .clock = clock_real() };
    char *text = xcalloc(1, len + 1), *at = text;

    server_key = sign_key_from_seed(SEED);
    a.key = server_key;
    text_format(a.who.site, sizeof a.who.site, "%s", OUR_SITE);
    text_format(a.who.origin, sizeof a.who.origin, "%s", OUR_ORIGIN);
    memcpy(text, data, len);
    for (size_t left = len; left > 0 && !a.stop && spool.reports < REPORTS_MAX / 2;) {
        char *end = memchr(at, 0x1e, left);
        size_t n = end ? (size_t)(end - at) : left;

        at[n] = '\0'; /* as replies end */
        if (n > 0)
            step(&a, at, n);
        n += end ? 1 : 0;
        at += n;
        left -= n;
    }
    free(text);
    clear(&a);
    return 0;
}
