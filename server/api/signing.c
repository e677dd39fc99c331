/* api/signing.c: orders that wait, signed, carried out, or given up. */
#include "api/handlers.h"

#include "api/aid.h"
#include "api/fields.h"
#include "api/internal.h"
#include "api/officer_passkey.h"
#include "api/orders.h"
#include "api/question.h"
#include "api/security.h"
#include "api/waiting.h"
#include "crypto/assertion.h"
#include "crypto/sign.h"
#include "market/state.h"
#include "store/evidence.h"

/* ---- carried out -------------------------------------------------------------------------------------------------- */

static enum err
store_done(struct db *db, void *ctx)
{
    struct waiting *w = ctx;
    enum err err = orders_done(db, w->row.id, w->call->command->answer.index, w->call->now_ms);

    return err || w->entry.kind != GRANT ? err : aid_granted(db, w->row.id, w->entry.credit);
}

static void
reply_done(struct call *call)
{
    waiting_reply(call, ((struct waiting *)call->user)->row.id, 200);
}

/* The ledger's answer: in the journal, with what belongs to it; or refused, and it may be tried again. */
static void
carried(struct call *call)
{
    struct waiting *w = call->user;
    enum err err = call->command->err, kept;

    if (err) { /* a refusal is remembered under its key, and the next try has another */
        kept = err_status(err) < 500 ? orders_tried(call->db, w->row.id) : OK;
        call->detail = call->command->detail;
        call_fail(call, kept ? kept : err);
        return;
    }
    err = db_tx(call->db, store_done, w);
    if (err) {
        call_fail(call, err);
    } else if (w->entry.kind == SITE && w->entry.u.site.first == NO_INDEX) {
        uint64_t site = call->command->answer.index;

        order_step(call, call->command->idem, "account");
        call->command->kind = COMMAND_OPEN_ACCOUNT;
        call->command->in.open.class = ACCOUNT_SITE;
        call->command->in.open.owner_site = site;
        call_send(call, reply_done);
    } else {
        reply_done(call);
    }
}

/* What aid the grant's undertaking has had may be more by now, and its legal basis another: what was signed says which it was. */
static enum err
check_aid(struct waiting *w)
{
    struct call *call = w->call;
    const struct account *grant;
    struct uuid organisation;
    const char *words = "";
    struct evidence v;
    const struct state *s;
    enum err err;

    if (w->entry.kind != GRANT)
        return OK;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    grant = ledger_account(s->ledger, w->entry.credit);
    organisation = grant ? grant->owner_org : (struct uuid){ { 0 } };
    market_read_unlock(call->api->market);
    err = aid_reserve(call, organisation, w->row.basis, w->entry.u.move.gge_cents, w->row.id, &words);
    if (!err)
        err = order_evidence_of(call, &w->entry, &v);
    if (err)
        return err;
    if (v.erased_ms || strlen(v.text) < strlen(words) || strcmp(v.text + strlen(v.text) - strlen(words), words) != 0)
        return err_say(&call->detail, ERR_STATE, "The legal basis has changed since the order was proposed: propose it anew.");
    return OK;
}

/* A row of the table order_signature, by what the journal has of its key; of a passkey as an auditor would ask, wherever our pages are now. */
static bool
verifies(struct waiting *w, const struct order_signature *g, const uint8_t public[32])
{
    uint8_t slot[64];

    if (g->signature.len != sizeof slot)
        return false;
    if (g->class != 2)
        return sign_verify(public, BYTES(w->bytes, w->len), g->signature.data) == OK;
    assertion_slot(g->assertion, slot);
    return memcmp(slot, g->signature.data, sizeof slot) == 0 && assertion_check(g->assertion, public, NULL, BYTES(w->bytes, w->len)) == OK;
}

/* Each signature as it was taken, by somebody who may still sign this: rows are not believed, and people and rules change meanwhile. */
static enum err
check_signatures(struct waiting *w)
{
    struct call *call = w->call;
    enum err err = OK;

    for (size_t i = 0; i < w->n && !err; i++) {
        const struct order_signature *g = &w->signatures[i];
        const struct state *s = market_read_lock(call->api->market);
        const struct key *k;
        uint8_t public[32];
        bool known;

        if (!s)
            return ERR_NOT_LEADER;
        k = ledger_key(s->ledger, g->key);
        known = k && (g->class == 3 ? k->entry.u.key.use == KEY_SERVER : k->entry.u.key.use == KEY_OFFICER && uuid_equal(k->entry.u.key.person, g->person));
        if (known)
            memcpy(public, k->entry.u.key.ed25519, sizeof public);
        market_read_unlock(call->api->market);
        if (!known || !verifies(w, g, public))
            return err_internal(&call->detail, ERR_CORRUPT, "a row of the table order_signature is no signature of its order");
        err = order_check_signer_now(call, g->person, &w->entry);
        if (err == ERR_FORBIDDEN || err == ERR_ORDER_OWN)
            err = err_say(&call->detail, ERR_STATE, "%s may not sign such an order any more: propose it anew.", g->name);
    }
    return err;
}

/* A key that was withdrawn or refused while its order waited is not registered: it may be in other hands. Nor is one of whom orders
 * nothing any more. */
static enum err
check_key_wanted(struct waiting *w)
{
    struct call *call = w->call;
    struct officer_key *list;
    size_t n = 0;
    enum err err;

    if (w->entry.kind != KEY)
        return OK;
    err = officer_keys_list(call->db, w->entry.u.key.person, OFFICER_KEYS_LOOKED_AT, call->arena, &list, &n);
    for (size_t i = 0; i < n && !err; i++)
        if (memcmp(list[i].ed25519.data, w->entry.u.key.ed25519, 32) == 0 && list[i].ended_ms)
            err = err_say(&call->detail, ERR_STATE, "The key was withdrawn.");
    return err || w->entry.u.key.status != KEY_ACTIVE ? err : officer_key_check_person(call, w->entry.u.key.person);
}

/* Slot 0 is who signed first. */
static void
carry_out(struct waiting *w)
{
    struct call *call = w->call;
    struct command *c = call->command;
    uint8_t tries = (uint8_t)w->row.tries;
    struct authority *auth;
    enum err err = w->n >= (size_t)w->row.signers && w->n <= 2 ? check_signatures(w) : ERR_CORRUPT;

    if (!err)
        err = check_key_wanted(w);
    if (!err)
        err = check_aid(w);
    if (err) {
        call_fail(call, err);
        return;
    }
    *c = (struct command){ .kind = COMMAND_ORDER, .idem.present = true };
    c->idem.scope = sha256_of((const struct bytes[]){ BYTES_TEXT("kontor-order-carried"), BYTES(w->row.id.b, 16), BYTES(&tries, 1) }, 3);
    c->idem.request = w->sha256;
    c->in.order.entry = w->entry;
    c->in.order.approved = true;
    auth = entry_authority(&c->in.order.entry);
    for (size_t i = 0; i < w->n; i++) {
        auth->slot[i].class = (uint8_t)w->signatures[i].class;
        auth->slot[i].key = w->signatures[i].key;
        memcpy(auth->slot[i].sig, w->signatures[i].signature.data, sizeof auth->slot[i].sig);
        c->in.order.assertion[i] = w->signatures[i].assertion;
    }
    call->order = w->row.id;
    call->user = w;
    call_send_any(call, carried);
}

/* ---- signed ------------------------------------------------------------------------------------------------------- */

static enum err
check_key(struct waiting *w, const struct state *s, uint64_t index, uint8_t ret_public[32])
{
    const struct key *k = ledger_key(s->ledger, index);

    if (!k || k->entry.u.key.use != KEY_OFFICER || !uuid_equal(k->entry.u.key.person, w->call->actor.person))
        return ERR_ORDER_KEY;
    if (k->until != NO_INDEX)
        return ERR_ORDER_KEY_ENDED;
    if (!key_in_force(k, ledger_size(s->ledger), w->call->now_ms))
        return ERR_ORDER_KEY_EXPIRED;
    memcpy(ret_public, k->entry.u.key.ed25519, 32);
    return OK;
}

/* What the caller has handed in: none of the bytes means the server's word. */
struct signed_by {
    int class;
    uint8_t signature[64];         /* class 1; else as it will stand in the entry */
    struct passkey_assertion said; /* class 2 */
};

/* By a passkey whose row is the caller's, and whose key and site are those that the journal has the hash of. */
static enum err
sign_by_passkey(struct waiting *w, struct signed_by *by, const uint8_t public[32])
{
    const struct officer_key *k = officer_key_named(w->keys, w->keys_n, public);
    enum err err;

    if (!k || !officer_key_is_passkey(k))
        return ERR_ORDER_KEY;
    err = officer_passkey_check(w->call, k, &by->said, BYTES(w->bytes, w->len), &w->mine.assertion);
    if (!err)
        assertion_slot(w->mine.assertion, by->signature);
    return err;
}

/* By the caller's own key, or by the server's for who is signed in and has none. */
static enum err
sign(struct waiting *w, struct signed_by *by)
{
    struct call *call = w->call;
    uint64_t server = api_key_index(call->api);
    const struct state *s = market_read_lock(call->api->market);
    uint8_t public[32];
    enum err err;

    if (!s)
        return ERR_NOT_LEADER;
    err = waiting_check_signer(w, s);
    w->mine.class = by->class;
    if (!err && order_is_bound(&w->entry) && !order_class_allowed(ledger_order_rule(s->ledger, call->now_ms), (uint8_t)w->mine.class))
        err = ERR_ORDER_CLASS;
    if (!err && by->class != 3)
        err = check_key(w, s, w->mine.key, public);
    else if (!err && officer_key_in_force(s, call->actor.person, call->now_ms))
        err = err_say(&call->detail, ERR_ORDER_CLASS, "You have a key of your own: sign with it.");
    market_read_unlock(call->api->market);
    if (err)
        return err;
    if (by->class == 2)
        return sign_by_passkey(w, by, public);
    if (by->class == 1)
        return sign_verify(public, BYTES(w->bytes, w->len), by->signature);
    w->mine.key = server;
    sign_make(&call->api->key, BYTES(w->bytes, w->len), by->signature);
    return OK;
}

static enum err
store_signature(struct db *db, void *ctx)
{
    struct waiting *w = ctx;
    struct call *call = w->call;
    enum err err = orders_lock(db, w->row.id, call->arena, &w->row);

    if (!err)
        err = order_signatures_of(db, w->row.id, call->arena, &w->signatures, &w->n);
    if (err)
        return err;
    for (size_t i = 0; i < w->n; i++)
        if (uuid_equal(w->signatures[i].person, w->mine.person))
            return ERR_ORDER_SIGNED;
    if (w->row.state != ORDER_PROPOSED || !waiting_is_open(w))
        return ERR_ORDER_OVER;
    err = call_answers_add(db, w->idem.scope, w->idem.request, w->row.id, call->now_ms);
    if (!err)
        err = order_signatures_add(db, &w->mine);
    if (!err)
        err = security_tell(call, db, w->mine.person, SECURITY_ORDER_SIGNED, entry_kind_name(w->entry.kind), "");
    if (!err)
        err = order_signatures_of(db, w->row.id, call->arena, &w->signatures, &w->n);
    if (!err && w->n == (size_t)w->row.signers) {
        err = orders_approve(db, w->row.id);
        w->row.state = ORDER_APPROVED;
    }
    return err;
}

static enum err
read_signature(struct waiting *w, struct signed_by *by, struct hash *ret_said)
{
    struct call *call = w->call;
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *hex = json_in_text(&in, "sha256", 64, 64);
    bool passkey = json_in_has(&in, "client") || json_in_has(&in, "data");
    bool with_key = passkey || json_in_has(&in, "key") || json_in_has(&in, "signature");

    by->class = passkey ? 2 : with_key ? 1 : 3;
    if (!in.err && !hex_decode(hex, ret_said->b, 32))
        json_in_refuse(&in, "sha256", ERR_FIELD_INVALID, "A SHA-256 is 64 hexadecimal digits.");
    if (json_in_has(&in, "key"))
        w->mine.key = in_index(&in, "key");
    if (json_in_has(&in, "client"))
        by->said.client = in_answer(&in, "client", PASSKEY_CLIENT_MAX, call->arena);
    if (json_in_has(&in, "data"))
        by->said.data = in_answer(&in, "data", PASSKEY_DATA_MAX, call->arena);
    if (passkey && json_in_has(&in, "signature"))
        by->said.signature = in_answer(&in, "signature", PASSKEY_SIGNATURE_MAX, call->arena);
    else if (json_in_has(&in, "signature") && json_in_base64(&in, "signature", by->signature, 64) != 64 && !in.err)
        json_in_refuse(&in, "signature", ERR_FIELD_INVALID, "A signature has 64 bytes.");
    if (passkey && !json_in_has(&in, "client"))
        json_in_refuse(&in, "client", ERR_FIELD_MISSING, "A passkey's signature is over what the browser says, too.");
    if (passkey && !json_in_has(&in, "data"))
        json_in_refuse(&in, "data", ERR_FIELD_MISSING, "A passkey's signature is over what the passkey says, too.");
    if (with_key && !json_in_has(&in, "key"))
        json_in_refuse(&in, "key", ERR_FIELD_MISSING, "A signature is by a key.");
    if (with_key && !json_in_has(&in, "signature"))
        json_in_refuse(&in, "signature", ERR_FIELD_MISSING, "A key is named, and nothing is signed.");
    return json_in_close(&in);
}

static void
after_signature(struct waiting *w, enum err err)
{
    if (err)
        call_fail(w->call, err);
    else if (w->row.state == ORDER_APPROVED && waiting_is_open(w))
        carry_out(w);
    else
        waiting_reply(w->call, w->row.id, 200);
}

/* POST /v1/orders/{id}/signatures. Security: role and conflict by check_signer(), the key by check_key(), in store_signature() that it
 * is another person's than those before; again the ledger when it is carried out. */
void
orders_sign(struct call *call)
{
    struct waiting *w = arena_alloc(call->arena, sizeof *w);
    struct signed_by *by = arena_alloc(call->arena, sizeof *by);
    struct hash said;
    struct uuid known;
    enum err err = waiting_find(call, call->path_id, w);

    w->idem = call->command->idem;
    if (!err)
        err = read_signature(w, by, &said);
    if (!err)
        err = key_known(call, &known);
    if (err != ERR_NOT_FOUND) { /* the same call again: what it began goes on */
        after_signature(w, err);
        return;
    }
    err = !hash_equal(said, w->sha256) ? ERR_ORDER_BYTES : sign(w, by);
    w->mine.order = w->row.id;
    w->mine.person = call->actor.person;
    w->mine.name = call->name;
    w->mine.signature = BYTES(by->signature, sizeof by->signature);
    w->mine.at_ms = call->now_ms;
    seen_add(call->api->seen, w->idem.scope);
    if (!err)
        err = key_made_meanwhile(call, db_tx(call->db, store_signature, w), &known);
    after_signature(w, err);
}

/* POST /v1/orders/{id}/carry-out: what all have signed, and what the ledger did not take, or nobody came to send. */
void
orders_carry_out(struct call *call)
{
    struct waiting *w = arena_alloc(call->arena, sizeof *w);
    enum err err = waiting_find(call, call->path_id, w);

    if (!err)
        err = in_nothing(call);
    if (err)
        call_fail(call, err);
    else if (w->row.state == ORDER_IN_JOURNAL)
        waiting_reply(call, w->row.id, 200);
    else if (w->row.state != ORDER_APPROVED || !waiting_is_open(w))
        call_fail(call, ERR_ORDER_OVER);
    else
        carry_out(w);
}

/* ---- given up ----------------------------------------------------------------------------------------------------- */

static enum err
store_end(struct db *db, void *ctx)
{
    struct waiting *w = ctx;
    struct call *call = w->call;
    enum err err = orders_lock(db, w->row.id, call->arena, &w->row);

    if (!err && w->row.state == w->how)
        return OK; /* the same again */
    if (!err && !waiting_is_open(w))
        err = ERR_ORDER_OVER;
    return err ? err : orders_end(db, w->row.id, w->how, order_caller(call), w->reason, call->now_ms);
}

/* Security: who proposed it withdraws it, and an administrator may; anybody else who could sign it refuses it. */
static enum err
check_end(struct waiting *w)
{
    struct call *call = w->call;
    bool proposed = uuid_equal(w->row.proposer, call->actor.person);
    const struct state *s;
    enum err err = OK;

    if (w->how == ORDER_WITHDRAWN)
        return proposed || is_administrator(&call->actor) ? OK : err_say(&call->detail, ERR_FORBIDDEN, "Who proposed it withdraws it.");
    if (proposed)
        return err_say(&call->detail, ERR_ORDER_OWN, "You proposed it: withdraw it.");
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    err = waiting_check_signer(w, s);
    if (ledger_order_used(s->ledger, w->row.id))
        err = ERR_ORDER_OVER;
    market_read_unlock(call->api->market);
    return err;
}

static void
end(struct call *call, enum order_state how)
{
    struct waiting *w = arena_alloc(call->arena, sizeof *w);
    struct json_in in;
    enum err err = waiting_find(call, call->path_id, w);

    w->how = how;
    if (!err) {
        in = json_in_open(call->body, &call->detail);
        w->reason = in_prose(&in, "reason", 500, call->arena);
        err = json_in_close(&in);
    }
    if (!err)
        err = check_end(w);
    if (!err)
        err = db_tx(call->db, store_end, w);
    if (err)
        call_fail(call, err);
    else
        waiting_reply(call, w->row.id, 200);
}

void
orders_withdraw(struct call *call)
{
    end(call, ORDER_WITHDRAWN);
}

void
orders_refuse(struct call *call)
{
    end(call, ORDER_REFUSED);
}
