/* api/officer_keys.c
 * Keys that officers and administrators sign orders with. One is made where it is used and never leaves it; its public half comes here
 * with a signature that shows that whoever asks has it. An administrator who is somebody else compares the fingerprint and confirms
 * it: then the journal has it, and from then on orders in that person's name are signed with it. It ends at once, by its person or an
 * administrator, and with the last role that orders. A passkey is asked for in the same way (api/officer_passkey.c); its fingerprint is
 * that of what the journal will have. */
#include "api/handlers.h"

#include <inttypes.h>

#include "api/fields.h"
#include "api/internal.h"
#include "api/officer_passkey.h"
#include "api/orders.h"
#include "api/question.h"
#include "api/security.h"
#include "crypto/password.h"
#include "crypto/sign.h"
#include "market/state.h"
#include "store/evidence.h"
#include "store/orders.h"
#include "store/people.h"

enum { KEYS_SHOWN = 200, KEYS_MOST = 8, NAME_MAX_LEN = 60, FINGERPRINT_BYTES = 16 };
#define STATEMENT "kontor-officer-key/v1"

/* The first half of the key's SHA-256, in groups of four digits. */
static const char *
fingerprint(struct arena *a, const uint8_t public[32])
{
    struct hash h = sha256(BYTES(public, 32));
    char hex[HEX_LEN(FINGERPRINT_BYTES)], *text = arena_alloc(a, sizeof hex + FINGERPRINT_BYTES / 2);
    size_t n = 0;

    hex_encode(BYTES(h.b, FINGERPRINT_BYTES), hex);
    for (size_t i = 0; hex[i]; i++) {
        if (i > 0 && i % 4 == 0)
            text[n++] = ' ';
        text[n++] = hex[i];
    }
    return text;
}

/* ---- shown -------------------------------------------------------------------------------------------------------- */

static const char *
state_word(const struct officer_key *k, const struct key *in_journal, const struct state *s, int64_t now_ms)
{
    if (in_journal)
        return key_in_force(in_journal, ledger_size(s->ledger), now_ms) ? "in_force" : "ended";
    if (k->ended_ms)
        return "refused";
    return k->confirmed_ms ? "confirmed" : "asked";
}

/* s under its lock. */
static void
key_json(struct call *call, const struct state *s, const struct officer_key *k)
{
    const struct key *in_journal = ledger_key_of(s->ledger, k->ed25519.data);
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_uuid(out, "id", k->id);
    json_text(out, "name", k->name);
    json_open(out, "person");
    json_uuid(out, "id", k->person);
    json_text(out, "name", k->person_name);
    json_shut(out);
    json_hex(out, "ed25519", k->ed25519);
    json_text(out, "site", officer_key_is_passkey(k) ? k->site : NULL);
    json_text(out, "fingerprint", fingerprint(call->arena, k->ed25519.data));
    json_text(out, "state", state_word(k, in_journal, s, call->now_ms));
    json_time(out, "asked", k->created_ms);
    if (k->confirmed_ms) {
        json_time(out, "confirmed", k->confirmed_ms);
        json_text(out, "confirmed_by", k->confirmed_by);
    }
    if (in_journal)
        json_i64(out, "key", (int64_t)in_journal->index);
    json_shut(out);
}

static void
reply_keys(struct call *call, struct uuid person)
{
    static const char *const NO_NAMES[] = { NULL };
    struct officer_key *list = NULL;
    const struct state *s;
    size_t n = 0;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = officer_keys_list(call->db, person, KEYS_SHOWN, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++)
        key_json(call, s, &list[i]);
    json_shut_array(&call->out);
    json_hex(&call->out, "genesis", BYTES(ledger_genesis(s->ledger).b, 32));
    call_state_done(call);
    call_next(call, NULL);
    json_shut(&call->out);
    call_reply(call, 200);
}

void
me_keys(struct call *call)
{
    reply_keys(call, call->actor.person);
}

void
officer_keys_get(struct call *call)
{
    reply_keys(call, (struct uuid){ { 0 } });
}

static void
reply_key(struct call *call, struct uuid id, int status)
{
    struct officer_key k;
    const struct state *s;
    enum err err = officer_keys_find(call->db, id, call->arena, &k);

    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    key_json(call, s, &k);
    call_state_done(call);
    call_reply(call, status);
}

/* ---- asked for ---------------------------------------------------------------------------------------------------- */

struct asking {
    struct call *call;
    struct officer_key key;
    struct uuid passkey;
    bool by_passkey;
    struct passkey_assertion said; /* by_passkey */
    uint8_t public[32], proof[64]; /* else */
};

/* What is asked for signs it: nobody asks for a key that they do not have. */
static enum err
check_proof(struct asking *a)
{
    const struct state *s = market_read_lock(a->call->api->market);
    uint8_t statement[sizeof STATEMENT + 32 + 16 + 32];
    struct hash genesis;
    struct bytes blob;
    bool known;

    if (!s)
        return ERR_NOT_LEADER;
    genesis = ledger_genesis(s->ledger);
    known = ledger_key_of(s->ledger, a->key.ed25519.data) != NULL;
    market_read_unlock(a->call->api->market);
    if (known)
        return err_at(&a->call->detail, ERR_EXISTS, a->by_passkey ? "/passkey" : "/ed25519", "The journal has this key already.");
    memcpy(statement, STATEMENT, sizeof STATEMENT);
    memcpy(statement + sizeof STATEMENT, genesis.b, 32);
    memcpy(statement + sizeof STATEMENT + 32, a->call->actor.person.b, 16);
    memcpy(statement + sizeof STATEMENT + 48, a->key.ed25519.data, 32);
    if (a->by_passkey)
        return officer_passkey_check(a->call, &a->key, &a->said, BYTES(statement, sizeof statement), &blob);
    return sign_verify(a->public, BYTES(statement, sizeof statement), a->proof);
}

static enum err
store_asked(struct db *db, void *ctx)
{
    struct asking *a = ctx;
    struct call *call = a->call;
    struct officer_key *list;
    struct person p;
    size_t n = 0, waiting = 0;
    enum err err = people_lock(db, call->actor.person, call->arena, &p);

    if (!err)
        err = officer_keys_list(db, call->actor.person, KEYS_SHOWN, call->arena, &list, &n);
    for (size_t i = 0; !err && i < n; i++)
        waiting += list[i].confirmed_ms == 0 && list[i].ended_ms == 0;
    if (!err && (waiting >= KEYS_MOST || n >= KEYS_SHOWN))
        err = err_say(&call->detail, ERR_CONFLICT, "Too many of your keys wait to be confirmed: withdraw one.");
    if (!err)
        err = officer_keys_add(db, &a->key);
    return err ? err : security_tell(call, db, call->actor.person, SECURITY_KEY_ASKED, a->key.name, fingerprint(call->arena, a->key.ed25519.data));
}

static enum err
read_asked(struct asking *a, const char **ret_password)
{
    struct call *call = a->call;
    struct json_in in = json_in_open(call->body, &call->detail);

    *ret_password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    a->key.name = in_line(&in, "name", NAME_MAX_LEN, call->arena);
    if (a->by_passkey) {
        a->passkey = json_in_uuid(&in, "passkey");
        a->said.client = in_answer(&in, "client", PASSKEY_CLIENT_MAX, call->arena);
        a->said.data = in_answer(&in, "data", PASSKEY_DATA_MAX, call->arena);
        a->said.signature = in_answer(&in, "signature", PASSKEY_SIGNATURE_MAX, call->arena);
        return json_in_close(&in);
    }
    if (json_in_base64(&in, "ed25519", a->public, 32) != 32 && !in.err)
        json_in_refuse(&in, "ed25519", ERR_FIELD_INVALID, "A public key has 32 bytes.");
    if (json_in_base64(&in, "proof", a->proof, 64) != 64 && !in.err)
        json_in_refuse(&in, "proof", ERR_FIELD_INVALID, "A signature has 64 bytes.");
    return json_in_close(&in);
}

static void
ask(struct call *call, bool by_passkey)
{
    struct asking *a = arena_alloc(call->arena, sizeof *a);
    const char *password = "";
    enum err err;

    a->call = call;
    a->by_passkey = by_passkey;
    a->key = (struct officer_key){ .id = call_new_id(call), .person = call->actor.person, .person_name = call->name,
                                   .created_ms = call->now_ms, .ed25519 = BYTES(a->public, 32), .site = "" };
    err = read_asked(a, &password);
    if (!err && call->actor.kind != ACTOR_PERSON)
        err = ERR_FORBIDDEN;
    if (!err)
        err = auth_anew(call, password);
    if (!err && a->by_passkey)
        err = officer_passkey_of(call, a->passkey, &a->key);
    if (!err)
        err = check_proof(a);
    if (!err)
        err = db_tx(call->db, store_asked, a);
    if (err)
        call_fail(call, err);
    else
        reply_key(call, a->key.id, 201);
}

/* POST /v1/me/keys. proof: Ed25519 by the key over "kontor-officer-key/v1" and a zero byte, SHA-256 of entry 0, the person's UUID, the key. */
void
me_key_ask(struct call *call)
{
    ask(call, false);
}

/* POST /v1/me/keys/passkey: one of the caller's own, asked for the SHA-256 of the same bytes; the key is what the journal will have. */
void
me_key_ask_passkey(struct call *call)
{
    ask(call, true);
}

/* ---- confirmed, refused ------------------------------------------------------------------------------------------- */

struct deciding_key {
    struct call *call;
    struct officer_key key;
    struct entry entry;
    enum security_what what;
};

static enum err
store_decided(struct db *db, void *ctx)
{
    struct deciding_key *d = ctx;
    struct call *call = d->call;
    enum err err = d->what == SECURITY_KEY_CONFIRMED ? officer_keys_confirm(db, d->key.id, order_caller(call), call->now_ms)
                                                     : officer_keys_end(db, d->key.id, call->now_ms);

    if (err == ERR_NOT_FOUND)
        return err_say(&call->detail, ERR_CONFLICT, "Somebody else has just decided on it.");
    return err ? err : security_tell(call, db, d->key.person, d->what, d->key.name, fingerprint(call->arena, d->key.ed25519.data));
}

static void
confirmed(struct call *call)
{
    reply_key(call, ((struct deciding_key *)call->user)->key.id, 201);
}

enum err
officer_key_check_person(struct call *call, struct uuid person)
{
    struct actor actor = { .kind = ACTOR_PERSON };
    enum err err = auth_actor_of(call, person, &actor);

    if (!err && (actor.programme_roles & (ROLE_OFFICER | ROLE_ADMINISTRATOR)) == 0)
        err = err_say(&call->detail, ERR_CONFLICT, "Whose key it is gives no orders any more.");
    return err;
}

/* The same letters, however they are spaced. */
static bool
same_fingerprint(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        if (*a != *b)
            return false;
        if (*a == '\0')
            return true;
    }
}

static enum err
read_confirm(struct deciding_key *d)
{
    struct call *call = d->call;
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *said = in_line(&in, "fingerprint", 60, call->arena);
    enum err err = json_in_close(&in);

    if (!err)
        err = officer_keys_find(call->db, call->path_id, call->arena, &d->key);
    if (!err && uuid_equal(d->key.person, call->actor.person))
        err = err_say(&call->detail, ERR_ORDER_OWN, "It is your own key: another administrator confirms it.");
    if (!err && d->key.ended_ms)
        err = err_say(&call->detail, ERR_CONFLICT, "It was withdrawn or refused.");
    if (!err && !same_fingerprint(said, fingerprint(call->arena, d->key.ed25519.data)))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/fingerprint", "This is not the fingerprint of the key that was asked for.");
    return err ? err : officer_key_check_person(call, d->key.person);
}

/* POST /v1/officer-keys/{id}/confirm */
void
officer_key_confirm(struct call *call)
{
    struct deciding_key *d = arena_alloc(call->arena, sizeof *d);
    struct entry *e = &d->entry;
    struct idem idem = call->command->idem;
    enum err err;

    d->call = call;
    d->what = SECURITY_KEY_CONFIRMED;
    err = read_confirm(d);
    if (!err && d->key.confirmed_ms == 0)
        err = db_tx(call->db, store_decided, d);
    if (err) {
        call_fail(call, err);
        return;
    }
    call->user = d;
    order_step(call, idem, NULL);
    *e = entry_new(KEY);
    e->u.key.use = KEY_OFFICER;
    e->u.key.status = KEY_ACTIVE;
    e->u.key.site = NO_INDEX;
    e->u.key.person = d->key.person;
    memcpy(e->u.key.ed25519, d->key.ed25519.data, 32);
    e->u.key.valid_from_ms = call->now_ms;
    e->u.key.order = order_id(call);
    order_send(call, e, (struct order_by){ .signers = 1, .basis = "" }, confirmed);
}

static enum err
check_outside(struct call *call, const struct officer_key *k)
{
    const struct state *s = market_read_lock(call->api->market);
    bool known;

    if (!s)
        return ERR_NOT_LEADER;
    known = ledger_key_of(s->ledger, k->ed25519.data) != NULL;
    market_read_unlock(call->api->market);
    return known ? err_say(&call->detail, ERR_CONFLICT, "The journal has it: end it.") : OK;
}

/* POST /v1/officer-keys/{id}/refuse: by an administrator, or withdrawn by who asked, also while its order waits. Once the journal has it,
 * it is ended there. */
void
officer_key_refuse(struct call *call)
{
    struct deciding_key d = { .call = call, .what = SECURITY_KEY_REFUSED };
    enum err err = in_nothing(call);

    if (!err)
        err = officer_keys_find(call->db, call->path_id, call->arena, &d.key);
    if (!err && !is_administrator(&call->actor) && !uuid_equal(d.key.person, call->actor.person))
        err = ERR_NOT_FOUND;
    if (!err)
        err = check_outside(call, &d.key);
    if (!err && d.key.ended_ms == 0)
        err = db_tx(call->db, store_decided, &d);
    if (err)
        call_fail(call, err);
    else
        reply_key(call, d.key.id, 200);
}

/* ---- who orders no more -------------------------------------------------------------------------------------------- */

struct ending {
    struct uuid person;
    struct idem idem;
    uint64_t key; /* NO_INDEX: none was ended yet */
    handler_fn *then;
    void *user;
};

/* Once for each key, however often the call is repeated. */
static enum err
store_ended(struct db *db, void *ctx)
{
    struct call *call = ctx;
    const struct ending *g = call->user;
    const struct idem *idem = &call->command->idem;
    enum err err = call_answers_add(db, key_derived(idem->scope, "told"), idem->request, g->person, call->now_ms);

    return err ? err : security_tell(call, db, g->person, SECURITY_KEY_ENDED, arena_printf(call->arena, "%" PRIu64, g->key), "");
}

/* The next one of those in force: *e ends it. False: there is none. */
static bool
next_key(struct call *call, const struct state *s, struct ending *g, struct entry *e)
{
    const struct key *k = officer_key_in_force(s, g->person, call->now_ms);

    if (!k)
        return false;
    g->key = k->index;
    *e = entry_new(KEY);
    e->u.key = k->entry.u.key;
    e->u.key.first = key_chain(k);
    e->u.key.status = KEY_RETIRED;
    e->u.key.valid_from_ms = call->now_ms;
    memset(&e->u.key.auth, 0, sizeof e->u.key.auth);
    return true;
}

static void
end_next(struct call *call)
{
    struct ending *g = call->user;
    const struct state *s;
    struct entry e;
    bool found;
    enum err err = g->key == NO_INDEX ? OK : db_tx(call->db, store_ended, call);

    if (err == ERR_EXISTS)
        err = OK;
    s = err ? NULL : market_read_lock(call->api->market);
    if (!s) {
        call_fail(call, err ? err : ERR_NOT_LEADER);
        return;
    }
    found = next_key(call, s, g, &e);
    market_read_unlock(call->api->market);
    if (!found) {
        call->user = g->user;
        g->then(call);
        return;
    }
    order_step(call, g->idem, arena_printf(call->arena, "key-%" PRIu64, g->key));
    e.u.key.order = order_id(call);
    err = order_sign(call, &e, 1);
    if (err)
        call_fail(call, err);
    else
        call_send(call, end_next);
}

void
officer_keys_end_all(struct call *call, struct uuid person, handler_fn *then)
{
    struct ending *g = arena_alloc(call->arena, sizeof *g);

    *g = (struct ending){ .person = person, .idem = call->command->idem, .key = NO_INDEX, .then = then, .user = call->user };
    call->user = g;
    end_next(call);
}
