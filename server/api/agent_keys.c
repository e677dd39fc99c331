/* api/agent_keys.c
 * New keys for a site's agent, and the end of keys.
 *
 * POST /v1/agent/keys: the agent announces its next key, signed by the one that it has and by the next one. Both are in force
 * for 24 hours, by the ledger's rule. Repeated with the same key it has the same answer.
 * In: schema AgentKeysIn   Out: 200 {key: index of its KEY, until: when the one before ends}
 * Security: the token shows the old key; both signatures are over this journal, site, old key and the new public keys.
 *
 * POST /v1/keys/{index}/revoke: a key is over from the next entry on, without any overlap: retired, or compromised. What it
 * signed is told: of a site's key the reports that came since a moment, and the keys that were announced since then, which
 * somebody who had it may have made.
 * In: {compromised, since?, reason}   Out: 200 schema KeyRevoked
 * Security: an administrator ends any key but those that vouch for the journal at present; an officer, and a site's
 * operator for their own site, end sites' keys. */
#include <inttypes.h>

#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/orders.h"
#include "api/security.h"
#include "store/evidence.h"
#include "store/site_records.h"

enum { REPORTS_MAX = 500, ROTATIONS_MAX = 300 /* in 24 hours: an entry of the journal each */ };

static const char ROTATE_PREFIX[] = "kontor-rotate/v1"; /* with its NUL */

struct rotation {
    uint8_t ed25519[32], x25519[32], by_old[64], by_new[64];
};

static void
rotated(struct call *call)
{
    const struct state *s = call_state(call);
    const struct key *old;

    if (!s)
        return;
    old = ledger_key(s->ledger, call->agent_key);
    json_open(&call->out, NULL);
    json_i64(&call->out, "key", (int64_t)call->command->answer.index);
    if (old && old->until_ms != INT64_MAX)
        json_time(&call->out, "until", old->until_ms);
    else
        json_none(&call->out, "until");
    json_shut(&call->out);
    call_state_done(call);
    log_warning(call->api->log, "site-key-rotated", LOG_I64("site", (int64_t)call->actor.sites[0]), LOG_I64("from", (int64_t)call->agent_key),
                LOG_I64("to", (int64_t)call->command->answer.index));
    call_reply(call, 200);
}

/* The newest key alone announces the next one, and not without end: one that is followed by another lives for its day and
 * no longer, whoever has it. What was announced already may be said again. */
static enum err
check_newest(struct call *call, const struct state *s, const struct key *old, const struct rotation *r)
{
    const struct key *k;
    int ending = 0;

    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;) {
        if (key_chain(k) != key_chain(old))
            continue;
        if (memcmp(k->entry.u.key.ed25519, r->ed25519, sizeof r->ed25519) == 0)
            return OK;
        ending += k->until == NO_INDEX && k->until_ms != INT64_MAX && call->now_ms < k->until_ms;
    }
    if (old->until_ms != INT64_MAX)
        return err_say(&call->detail, ERR_STATE, "A newer key of this site is in force: it announces the next one.");
    if (ending >= ROTATIONS_MAX)
        return err_say(&call->detail, ERR_RATE_LIMITED, "A site's key is changed at most %d times in 24 hours.", (int)ROTATIONS_MAX);
    return OK;
}

/* Both keys sign the same words; *e gets what the journal says of the key's chain. */
static enum err
check_rotation(struct call *call, const struct rotation *r, struct entry *e)
{
    uint8_t words[sizeof ROTATE_PREFIX + 32 + 8 + 8 + 64], *at = words;
    uint64_t numbers[2] = { call->actor.sites[0], call->agent_key };
    const struct state *s = market_read_lock(call->api->market);
    struct hash genesis;
    const struct key *old;
    uint8_t public[32];
    enum err err;

    if (!s)
        return ERR_NOT_LEADER;
    old = ledger_key(s->ledger, call->agent_key);
    err = check_newest(call, s, old, r);
    genesis = ledger_genesis(s->ledger);
    memcpy(public, old->entry.u.key.ed25519, sizeof public);
    e->u.key.first = key_chain(old);
    market_read_unlock(call->api->market);
    if (err)
        return err;
    memcpy(at, ROTATE_PREFIX, sizeof ROTATE_PREFIX), at += sizeof ROTATE_PREFIX;
    memcpy(at, genesis.b, 32), at += 32;
    for (int i = 0; i < 2; i++)
        for (int byte = 7; byte >= 0; byte--)
            *at++ = (uint8_t)(numbers[i] >> (8 * byte));
    memcpy(at, r->ed25519, 32);
    memcpy(at + 32, r->x25519, 32);
    if (sign_verify(public, BYTES(words, sizeof words), r->by_old) != OK)
        return err_at(&call->detail, ERR_SIGNATURE, "/by_old", "The key of the token has not signed this.");
    if (sign_verify(r->ed25519, BYTES(words, sizeof words), r->by_new) != OK)
        return err_at(&call->detail, ERR_SIGNATURE, "/by_new", "The new key has not signed this.");
    return OK;
}

static void
read_bytes(struct json_in *in, const char *name, uint8_t *ret, size_t len)
{
    if (json_in_base64(in, name, ret, len) != len && !in->err)
        json_in_refuse(in, name, ERR_FIELD_INVALID, "It has %zu bytes.", len);
}

void
agent_keys(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct entry e = entry_new(KEY);
    struct rotation r;
    enum err err;

    read_bytes(&in, "ed25519", r.ed25519, sizeof r.ed25519);
    read_bytes(&in, "x25519", r.x25519, sizeof r.x25519);
    read_bytes(&in, "by_old", r.by_old, sizeof r.by_old);
    read_bytes(&in, "by_new", r.by_new, sizeof r.by_new);
    err = json_in_close(&in);
    if (!err)
        err = check_rotation(call, &r, &e);
    if (err) {
        call_fail(call, err);
        return;
    }
    *call->command = (struct command){ .idem.present = true };
    call->command->idem.scope = key_derived(sha256_of((const struct bytes[]){ BYTES(&call->actor.sites[0], 8), BYTES(r.ed25519, 32) }, 2), "kontor-rotate");
    call->command->idem.request = sha256_of((const struct bytes[]){ BYTES(r.ed25519, 32), BYTES(r.x25519, 32) }, 2);
    e.u.key.order = order_id(call);
    e.u.key.use = KEY_SITE;
    e.u.key.status = KEY_ACTIVE;
    e.u.key.site = call->actor.sites[0];
    memcpy(e.u.key.ed25519, r.ed25519, 32);
    memcpy(e.u.key.x25519, r.x25519, 32);
    e.u.key.valid_from_ms = call->now_ms;
    err = order_sign(call, &e, 1);
    if (err)
        call_fail(call, err);
    else
        call_send(call, rotated);
}

/* ---- the end of a key ---------------------------------------------------------------------------------------------- */

struct revoking {
    uint64_t key, site; /* site: NO_INDEX if it is no site's */
    struct uuid person; /* whose it is, of an officer's; else zero */
    int64_t since_ms;
    bool compromised;
};

static void
signed_json(struct json_out *out, const struct report_record *list, size_t n)
{
    json_open_array(out, "reports");
    for (size_t i = 0; i < n && i < REPORTS_MAX; i++) {
        struct report r;
        struct hash genesis;

        if (report_parse(list[i].statement, &r, &genesis) != OK)
            continue;
        json_open(out, NULL);
        json_i64(out, "number", (int64_t)r.number);
        json_text(out, "kind", report_kind_name(r.kind));
        if (uuid_is_zero(r.jti))
            json_none(out, "jti");
        else
            json_uuid(out, "jti", r.jti);
        if (uuid_is_zero(list[i].reservation))
            json_none(out, "reservation");
        else
            json_uuid(out, "reservation", list[i].reservation);
        json_time(out, "received", list[i].received_ms);
        json_shut(out);
    }
    json_shut_array(out);
    json_bool(out, "more", n > REPORTS_MAX);
}

/* Keys of its chain that came after the moment. */
static void
later_json(struct json_out *out, const struct state *s, const struct revoking *r)
{
    const struct key *of = ledger_key(s->ledger, r->key), *k;

    json_open_array(out, "later_keys");
    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->index > r->key && key_chain(k) == key_chain(of) && k->entry.time_ms >= r->since_ms)
            json_i64(out, NULL, (int64_t)k->index);
    json_shut_array(out);
}

/* An officer's key: its person is told, once however often the call is repeated. */
static enum err
store_told(struct db *db, void *ctx)
{
    struct call *call = ctx;
    const struct revoking *r = call->user;
    const struct idem *idem = &call->command->idem;
    enum err err = call_answers_add(db, key_derived(idem->scope, "told"), idem->request, r->person, call->now_ms);

    return err ? err : security_tell(call, db, r->person, SECURITY_KEY_ENDED, arena_printf(call->arena, "%" PRIu64, r->key), "");
}

static void
revoked(struct call *call)
{
    const struct revoking *r = call->user;
    struct report_record *list = NULL;
    struct json_out *out = &call->out;
    const struct state *s;
    size_t n = 0;
    enum err err = OK;

    if (!uuid_is_zero(r->person))
        err = db_tx(call->db, store_told, call);
    if (err == ERR_EXISTS)
        err = OK;
    if (!err && r->site != NO_INDEX)
        err = reports_by_key(call->db, r->site, r->key, r->since_ms, REPORTS_MAX + 1, call->arena, &list, &n);
    s = err ? NULL : call_state(call);
    if (!s) {
        if (err)
            call_fail(call, err);
        return;
    }
    json_open(out, NULL);
    json_i64(out, "key", (int64_t)r->key);
    json_i64(out, "entry", (int64_t)call->command->answer.index);
    json_text(out, "status", r->compromised ? "compromised" : "retired");
    later_json(out, s, r);
    call_state_done(call);
    signed_json(out, list, n);
    json_shut(out);
    log_warning(call->api->log, "key-revoked", LOG_UUID("person", call->actor.person), LOG_I64("key", (int64_t)r->key),
                LOG_BOOL("compromised", r->compromised));
    call_reply(call, 200);
}

static bool
may_end(const struct actor *a, const struct key *k)
{
    if (is_administrator(a))
        return true;
    if (k->entry.u.key.use == KEY_OFFICER)
        return uuid_equal(k->entry.u.key.person, a->person);
    return k->entry.u.key.use == KEY_SITE && (is_officer(a) || may_see_site(a, k->entry.u.key.site));
}

/* What ends it, and whether it may be: *e is filled. */
static enum err
check_end(struct call *call, struct revoking *r, struct entry *e)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct key *k;
    enum err err = OK;

    if (!s)
        return ERR_NOT_LEADER;
    k = ledger_key(s->ledger, r->key);
    if (!k || !may_end(&call->actor, k))
        err = ERR_NOT_FOUND;
    else if (k->entry.u.key.use == KEY_LOG)
        err = err_say(&call->detail, ERR_STATE, "A log's key ends with its successor's entry: rotate it.");
    else if (k->entry.u.key.use == KEY_SERVER && r->key == api_key_number(s, &call->api->key))
        err = err_say(&call->detail, ERR_STATE, "The server signs with this key: rotate it and start the server again first.");
    if (!err) {
        r->site = k->entry.u.key.use == KEY_SITE ? k->entry.u.key.site : NO_INDEX;
        e->u.key = k->entry.u.key;
        e->u.key.first = key_chain(k);
        memset(&e->u.key.auth, 0, sizeof e->u.key.auth);
    }
    market_read_unlock(call->api->market);
    return err;
}

void
keys_revoke(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct revoking *r = arena_alloc(call->arena, sizeof *r);
    struct entry e = entry_new(KEY);
    const char *reason;
    enum err err;

    *r = (struct revoking){ .key = call->path_index };
    r->compromised = json_in_bool(&in, "compromised");
    r->since_ms = json_in_time_or(&in, "since", 0);
    reason = in_line(&in, "reason", 160, call->arena);
    err = json_in_close(&in);
    call->user = r;
    if (!err)
        err = check_end(call, r, &e);
    if (!err) {
        e.u.key.status = r->compromised ? KEY_COMPROMISED : KEY_RETIRED;
        e.u.key.valid_from_ms = call->now_ms;
        e.u.key.order = order_id(call);
        log_warning(call->api->log, "key-revocation", LOG_UUID("person", call->actor.person), LOG_I64("key", (int64_t)r->key), LOG_TEXT("reason", reason));
        err = order_sign(call, &e, 1);
        r->person = e.u.key.person;
    }
    if (err)
        call_fail(call, err);
    else
        call_send(call, revoked);
}
