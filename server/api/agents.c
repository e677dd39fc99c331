/* api/agents.c: what sites' agents call: enrol, open an instance, confirm tickets, report, fetch a workload. Their calls
 * carry no idempotency key: they are idempotent by their numbers. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/fields.h"
#include "api/internal.h"
#include "api/inventory.h"
#include "api/orders.h"
#include "base/text.h"
#include "core/needs.h"
#include "core/secret.h"
#include "market/index.h"
#include "market/timing.h"
#include "store/agents.h"
#include "store/blobs.h"
#include "store/reservations.h"
#include "store/secrets.h"
#include "store/site_records.h"

enum { OUTPUT_MAX = 65536, INVENTORY_MAX = 65536, USAGE_EVERY_S = 60 };

/* The server's keys in force, as a JWKS. */
void
jwks_json(struct call *call, const struct state *s, const char *name)
{
    struct jws_keys keys = { .n = 0 };
    const struct key *k;

    for (size_t it = 0; keys.n < JWS_KEYS_MAX && (k = ledger_next_key(s->ledger, &it)) != NULL;) {
        struct jws_key *to = &keys.key[keys.n];

        if (k->entry.u.key.use != KEY_SERVER || k->until != NO_INDEX || k->until_ms <= call->now_ms)
            continue;
        snprintf(to->kid, sizeof to->kid, "%" PRIu64, k->index);
        memcpy(to->public, k->entry.u.key.ed25519, sizeof to->public);
        keys.n++;
    }
    jws_keys_write(&call->out, name, keys.key, keys.n);
}

/* ---- enrolment ---------------------------------------------------------------------------------------------------- */

struct enrolment {
    struct hash token;
    uint64_t site;
    const char *code;
    uint8_t ed25519[32], x25519[32];
};

static void
enrolled(struct call *call)
{
    struct enrolment *e = call->user;
    struct json_out *out = &call->out;
    const struct state *s;
    struct hash genesis;
    enum err err = call->command->err;

    if (err == ERR_KEY_CONFLICT)
        err = ERR_TOKEN_SPENT; /* used, with another key */
    call->detail = call->command->detail;
    if (!err) {
        db_act_as(call->db, DB_ACTOR_SERVER); /* the token itself is the authority */
        err = enrol_tokens_used(call->db, e->token, call->now_ms);
        call_act(call);
    }
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    genesis = ledger_genesis(s->ledger);
    json_open(out, NULL);
    json_text(out, "site", e->code);
    json_i64(out, "site_index", (int64_t)e->site);
    json_i64(out, "key", (int64_t)call->command->answer.index);
    json_text(out, "origin", s->origin);
    json_hex(out, "genesis", BYTES(genesis.b, 32));
    jwks_json(call, s, "jwks");
    json_bool(out, "simulation", ledger_simulation(s->ledger));
    json_shut(out);
    call_state_done(call);
    call_reply(call, 201);
}

/* A site's keys are one chain: a new one follows the first. */
static uint64_t
first_key_of(const struct state *s, uint64_t site)
{
    const struct key *k;

    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_SITE && k->entry.u.key.site == site)
            return key_chain(k);
    return NO_INDEX;
}

static enum err
check_enrolment(struct call *call, struct enrolment *e, const char *token, const uint8_t proof[64], struct entry *key)
{
    struct arena *a = call->arena;
    size_t len = strlen(token);
    uint8_t *words = arena_alloc(a, 16 + len);
    const struct site *site;
    const struct state *s;
    uint64_t of;
    enum err err;

    memcpy(words, "kontor-enrol/v1", 16);
    memcpy(words + 16, token, len);
    err = sign_verify(e->ed25519, BYTES(words, 16 + len), proof);
    e->token = sha256(BYTES_TEXT(token));
    if (!err) {
        db_act_as(call->db, DB_ACTOR_SERVER);
        err = enrol_tokens_find(call->db, e->token, call->now_ms, &of);
        call_act(call);
    }
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site_by_code(s->ledger, e->code);
    if (!site || site->index != of)
        err = ERR_TOKEN_SPENT;
    else {
        e->site = of;
        key->u.key.first = first_key_of(s, of);
    }
    market_read_unlock(call->api->market);
    return err;
}

/* Security: the one-time token, made by the site's operator, stands for the authority; the proof shows that the caller has
 * the key that it enrols. The token is the call's idempotency key: a lost reply may be asked for again, another key not. */
void
agent_enrol(struct call *call)
{
    struct enrolment *e = arena_alloc(call->arena, sizeof *e);
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *token = arena_text(call->arena, json_in_text(&in, "token", 1, 128));
    struct entry key = entry_new(KEY);
    uint8_t proof[64];
    enum err err;

    e->code = in_code(&in, "site", call->arena);
    if (json_in_base64(&in, "ed25519", e->ed25519, 32) != 32 && !in.err)
        json_in_refuse(&in, "ed25519", ERR_FIELD_INVALID, "A key has 32 bytes.");
    if (json_in_base64(&in, "x25519", e->x25519, 32) != 32 && !in.err)
        json_in_refuse(&in, "x25519", ERR_FIELD_INVALID, "A key has 32 bytes.");
    if (json_in_base64(&in, "proof", proof, 64) != 64 && !in.err)
        json_in_refuse(&in, "proof", ERR_FIELD_INVALID, "A signature has 64 bytes.");
    err = json_in_close(&in);
    call->user = e;
    if (!err)
        err = check_enrolment(call, e, token, proof, &key);
    if (err) {
        call_fail(call, err);
        return;
    }
    call->actor = (struct actor){ .kind = ACTOR_TOKEN };
    *call->command = (struct command){ .idem.present = true };
    call->command->idem.scope = key_derived(e->token, "kontor-enrol");
    call->command->idem.request = sha256_of((const struct bytes[]){ BYTES(e->ed25519, 32), BYTES(e->x25519, 32) }, 2);
    key.u.key.order = order_id(call);
    key.u.key.use = KEY_SITE;
    key.u.key.status = KEY_ACTIVE;
    key.u.key.site = e->site;
    memcpy(key.u.key.ed25519, e->ed25519, 32);
    memcpy(key.u.key.x25519, e->x25519, 32);
    key.u.key.valid_from_ms = call->now_ms;
    err = order_sign(call, &key, 1);
    if (err)
        call_fail(call, err);
    else
        call_send_any(call, enrolled);
}

/* ---- instance ----------------------------------------------------------------------------------------------------- */

static void
clock_json(struct json_out *out, const struct clock *c)
{
    if (c->rate == 1 && !c->origin_ms) {
        json_none(out, "clock");
        return;
    }
    json_open(out, "clock");
    json_time(out, "origin", c->origin_ms);
    json_time(out, "real_origin", c->real_origin_ms);
    json_i64(out, "rate", c->rate);
    json_shut(out);
}

static void
instance_opened(struct call *call)
{
    struct json_out *out = &call->out;
    const struct site_state *site;
    const struct state *s = call_state(call);

    if (!s)
        return;
    site = index_site(s, call->actor.sites[0]);
    json_open(out, NULL);
    json_i64(out, "instance", (int64_t)call->command->answer.number);
    json_i64(out, "confirmed_seq", site ? (int64_t)site->confirmed_seq : 0);
    json_i64(out, "last_report", (int64_t)call->command->answer.index);
    json_time(out, "now", clock_now(&call->api->clock));
    json_bool(out, "simulation", ledger_simulation(s->ledger));
    clock_json(out, &call->api->clock);
    jwks_json(call, s, "jwks");
    json_open(out, "policy");
    json_i64(out, "permit_life_ms", timing_permit_life_real_ms(s));
    json_i64(out, "usage_every_s", USAGE_EVERY_S);
    json_shut(out);
    json_shut(out);
    call_state_done(call);
    call_reply(call, 201);
}

/* The key that opens what is sealed to the site: the agent's signature says that it is this site's, of this journal. */
static void
seal_in(struct call *call, struct json_in *in, struct hash *ret_key, uint8_t ret_signature[SIGN_LEN])
{
    struct json_in seal = json_in_object(in, "seal");
    uint8_t statement[SEAL_STATEMENT_LEN], signature[SIGN_LEN] = { 0 };
    struct hash public = { { 0 } };
    bool whole = json_in_base64(&seal, "x25519", public.b, sizeof public.b) == sizeof public.b &&
                 json_in_base64(&seal, "signature", signature, sizeof signature) == sizeof signature;
    const struct state *s;
    const struct key *key;
    enum err err = json_in_close(&seal);

    if (!err && !whole)
        err = ERR_FIELD_INVALID;
    if (!err && !(s = market_read_lock(call->api->market)))
        err = ERR_NOT_LEADER;
    if (!err) {
        seal_statement(ledger_genesis(s->ledger), call->actor.sites[0], public.b, statement);
        key = ledger_key(s->ledger, call->agent_key);
        err = key ? sign_verify(key->entry.u.key.ed25519, BYTES(statement, sizeof statement), signature) : ERR_TOKEN_KEY;
        market_read_unlock(call->api->market);
    }
    if (err) {
        json_in_refuse(in, "seal", err, "%s", err_sentence(err));
        return;
    }
    *ret_key = public;
    memcpy(ret_signature, signature, SIGN_LEN);
}

void
agent_instance(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    const char *cosigned = NULL;
    enum err err;

    c->kind = COMMAND_INSTANCE;
    c->in.instance.site = call->actor.sites[0];
    c->in.instance.key = call->agent_key;
    c->in.instance.last_confirmed_seq = (uint64_t)json_in_i64(&in, "last_confirmed_seq", 0, INT64_MAX);
    c->in.instance.last_receipted_report = (uint64_t)json_in_i64(&in, "last_receipted_report", 0, INT64_MAX);
    c->in.instance.last_report = (uint64_t)json_in_i64_or(&in, "last_report", 0, INT64_MAX, 0);
    c->in.instance.takes = needs_in(&in, "takes", NULL); /* of a newer agent there may be words that we have no use for */
    if (json_in_has(&in, "seal"))
        seal_in(call, &in, &c->in.instance.seal_key, c->in.instance.seal_signature);
    if (hash_equal(c->in.instance.seal_key, (struct hash){ { 0 } })) /* who tells no key can open nothing */
        c->in.instance.takes &= (uint16_t)~NEED_BIT(NEED_SECRETS);
    if (json_in_has(&in, "checkpoint"))
        cosigned = arena_text(call->arena, json_in_text(&in, "checkpoint", 0, SEEN_MAX));
    err = json_in_close(&in);
    agent_in_touch(call);
    if (!err)
        err = seen_take(call, cosigned);
    if (err)
        call_fail(call, err);
    else
        call_send(call, instance_opened);
}

/* ---- tickets confirmed -------------------------------------------------------------------------------------------- */

static void
received(struct call *call)
{
    json_open(&call->out, NULL);
    json_i64(&call->out, "confirmed_seq", (int64_t)call->command->answer.number);
    json_shut(&call->out);
    call_reply(call, 200);
}

void
agent_received(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    enum err err;

    c->kind = COMMAND_RECEIVED;
    c->in.received.site = call->actor.sites[0];
    c->in.received.instance = (uint64_t)json_in_i64(&in, "instance", 1, INT64_MAX);
    c->in.received.seq = (uint64_t)json_in_i64(&in, "seq", 0, INT64_MAX);
    err = json_in_close(&in);
    agent_in_touch(call);
    if (err)
        call_fail(call, err);
    else
        call_send(call, received);
}

/* ---- reports ------------------------------------------------------------------------------------------------------ */

static void
receipt_claims(struct call *call, const struct state *s, struct json_out *out)
{
    const struct command *c = call->command;
    const struct report *r = &c->in.report.report;
    const struct site *site = ledger_site(s->ledger, r->site);
    struct hash h = sha256(BYTES(c->in.report.statement, REPORT_STATEMENT_LEN));
    char code[17] = "";

    if (site)
        snprintf(code, sizeof code, "%.16s", site->entry.u.site.code);
    json_open(out, NULL);
    json_text(out, "iss", s->origin);
    json_text(out, "aud", code);
    json_i64(out, "num", (int64_t)r->number);
    json_hex(out, "sha256", BYTES(h.b, 32));
    json_i64(out, "iat", c->answer.time_ms / 1000);
    if (r->kind == REPORT_ACCEPTED) {
        bool granted = c->answer.flags & ANSWER_PERMIT_GRANTED;

        json_text(out, "permit", granted ? "granted" : "refused");
        json_uuid(out, "jti", r->jti);
        json_i64(out, "fence", (int64_t)r->fence);
        json_i64(out, "ins", (int64_t)r->instance);
        if (!granted)
            json_text(out, "reason", err_wire((enum err)c->answer.index));
    }
    json_shut(out);
}

static void
reported(struct call *call)
{
    struct json_out claims = { 0 };
    const struct state *s;
    char *jws;

    if (call->command->answer.flags & ANSWER_FORKED) {
        call_fail(call, ERR_FORKED);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    receipt_claims(call, s, &claims);
    call_state_done(call);
    jws = api_sign(call->api, JWS_TYP_RECEIPT, BYTES(claims.text, claims.len));
    json_open(&call->out, NULL);
    json_text(&call->out, "receipt", jws);
    json_shut(&call->out);
    json_out_free(&claims);
    free(jws);
    inventory_follow(call);
}

/* What goes with a report is stored before it is decided, so only if nothing stands in the way of its being recorded:
 * what comes with one that is repeated, out of order, too early or about somebody else's run is let go. */
struct keeping { bool output, inventory; };

static struct keeping
what_to_keep(const struct call *call, const struct state *s, const struct site_state *site)
{
    const struct report *report = &call->command->in.report.report;
    const struct reservation *r = index_jti(s, report->jti);

    if (!site || call->actor.instance != site->instance || report->number != site->last_report + 1)
        return (struct keeping){ false, false };
    return (struct keeping){
        .output = r && r->site == site->site && report->kind > REPORT_ACCEPTED && report->kind < REPORT_INVENTORY &&
                  !index_reservation_over(r),
        .inventory = report->kind == REPORT_INVENTORY,
    };
}

/* The statement is the site's, of this journal, under the key that the call was signed with. */
static enum err
check_statement(struct call *call, struct keeping *ret_keep)
{
    struct command *c = call->command;
    struct bytes statement = BYTES(c->in.report.statement, REPORT_STATEMENT_LEN);
    uint8_t public[32];
    struct hash named, genesis;
    const struct site_state *site;
    const struct key *key;
    const struct state *s;
    uint64_t newest = 0;
    enum err err = report_parse(statement, &c->in.report.report, &named);

    if (err)
        return err_at(&call->detail, ERR_REPORT_MALFORMED, "/statement", "Its prefix, kind, reason or numbers are none.");
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    genesis = ledger_genesis(s->ledger);
    key = ledger_key(s->ledger, call->agent_key);
    if (key)
        memcpy(public, key->entry.u.key.ed25519, sizeof public);
    else
        err = ERR_SIGNATURE;
    site = index_site(s, call->actor.sites[0]);
    if (site)
        newest = site->last_report;
    *ret_keep = what_to_keep(call, s, site);
    market_read_unlock(call->api->market);
    if (!err)
        err = sign_verify(public, statement, c->in.report.signature);
    if (!err && !hash_equal(named, genesis))
        err = err_at(&call->detail, ERR_OTHER_JOURNAL, "/statement", "It names another journal's first entry.");
    if (!err && c->in.report.report.site != call->actor.sites[0])
        err = err_at(&call->detail, ERR_OTHER_SITE, "/statement", "It names another site than the one whose key this is.");
    /* What the market's memory has let go is looked up here. */
    if (!err && c->in.report.report.number + RECENT_REPORTS <= newest) {
        struct report_record before;

        err = reports_find(call->db, c->in.report.report.site, c->in.report.report.number, call->arena, &before);
        if (!err)
            c->in.report.known = (struct report_seen){
                .number = before.number,
                .statement = sha256(before.statement),
                .answer_flags = before.answer_flags,
                .reason = before.reason[0] ? err_from_wire(before.reason) : OK,
                .time_ms = before.received_ms,
            };
        else if (err == ERR_NOT_FOUND)
            err = OK;
    }
    return err;
}

static enum err
store_output(struct call *call, struct bytes output)
{
    struct command *c = call->command;

    if (!output.len)
        return OK;
    c->in.report.output = sha256(output);
    c->in.report.output_len = (uint32_t)output.len;
    return blobs_add(call->db, c->in.report.output, output, call->now_ms);
}

/* The inventory is whatever object the agent sends; it is kept as it is, in canonical form. */
static enum err
store_inventory(struct call *call, const char *json, size_t len)
{
    if (len > INVENTORY_MAX)
        return err_at(&call->detail, ERR_FIELD_RANGE, "/inventory", "An inventory has at most 64 kB.");
    return agent_contacts_inventory(call->db, call->actor.sites[0], call->now_ms, json, len);
}

void
agent_report(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    uint8_t *output = arena_alloc(call->arena, OUTPUT_MAX);
    char *inventory = NULL;
    size_t len = 0, inventory_len = 0;
    struct keeping keep = { false, false };
    enum err err;

    c->kind = COMMAND_REPORT;
    c->in.report.key = call->agent_key;
    if (json_in_base64(&in, "statement", c->in.report.statement, REPORT_STATEMENT_LEN) != REPORT_STATEMENT_LEN &&
        !in.err)
        json_in_refuse(&in, "statement", ERR_FIELD_INVALID, "A statement has %d bytes.", REPORT_STATEMENT_LEN);
    if (json_in_base64(&in, "signature", c->in.report.signature, 64) != 64 && !in.err)
        json_in_refuse(&in, "signature", ERR_FIELD_INVALID, "A signature has 64 bytes.");
    if (json_in_has(&in, "output"))
        len = json_in_base64(&in, "output", output, OUTPUT_MAX);
    if (json_in_has(&in, "inventory"))
        inventory = json_in_any(&in, "inventory", &inventory_len);
    err = json_in_close(&in);
    if (!err)
        err = check_statement(call, &keep);
    if (!err && c->in.report.report.kind == REPORT_INVENTORY)
        err = inventory_check(call, inventory, inventory_len);
    if (!err && keep.output)
        err = store_output(call, BYTES(output, len));
    if (!err && inventory && keep.inventory)
        err = store_inventory(call, inventory, inventory_len);
    free(inventory);
    if (err) {
        call_fail(call, err);
        return;
    }
    for (int i = 0; i < 3; i++)
        c->new_id[i] = call_new_id(call);
    agent_in_touch(call);
    call_send(call, reported);
}

/* ---- workloads ---------------------------------------------------------------------------------------------------- */

/* Security: a site sees the workloads of its own tickets only, and what was sealed for them. */
void
agent_blob(struct call *call)
{
    struct hash h;
    struct bytes bytes;
    char *copy;
    enum err err = hex_decode(call->path_text, h.b, sizeof h.b) ? OK : ERR_NOT_FOUND;

    if (!err)
        err = agent_check_instance(call);
    if (!err)
        err = blobs_of_site(call->db, call->actor.sites[0], h, call->arena, &bytes);
    if (err == ERR_NOT_FOUND)
        err = secrets_of_site(call->db, call->actor.sites[0], h, call->arena, &bytes);
    if (err) {
        call_fail(call, err);
        return;
    }
    copy = xmalloc(bytes.len + 1);
    memcpy(copy, bytes.data, bytes.len);
    call_reply_bytes(call, 200, "application/octet-stream", copy, bytes.len);
}
