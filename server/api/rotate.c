/* api/rotate.c
 * New keys for the server.
 *
 * POST /v1/keys/rotate: a new key for the server, while it still has the old one in memory: also when the old one's file is
 * lost. The new key is on disk before the journal names it, and takes the old one's place in its file only afterwards; if
 * that is cut off in between, the next call goes on with the same key. By the ledger's rule the old key stays in force for
 * 24 hours more; the process signs with it until it is started again.
 * In: {reason}   Out: 200 {key: index of its KEY, public, until: when the old one ends}
 *
 * POST /v1/log-keys/rotate: a new key for the log, in the same way; its KEY is signed by the old key and by the new one, and
 * from that entry on the new one alone signs checkpoints, at once (market/notary.h).
 * In: {reason}   Out: 200 {key: index of its KEY, vkey} */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/orders.h"
#include "crypto/random.h"
#include "market/notary.h"

struct rotation {
    struct sign_key next;
    const char *path, *next_path;
    bool made; /* by this call */
};

static void
rotated(struct call *call)
{
    struct rotation *r = call->user;
    struct command *c = call->command;
    char public[HEX_LEN(SIGN_PUBLIC_LEN)];
    const struct state *s = call_state(call);
    const struct key *old, *new;
    int failed;

    if (!s)
        return;
    old = ledger_key(s->ledger, api_key_number(s, &call->api->key));
    new = ledger_key(s->ledger, c->answer.index);
    hex_encode(BYTES(new->entry.u.key.ed25519, sizeof new->entry.u.key.ed25519), public);
    if (memcmp(new->entry.u.key.ed25519, r->next.public, sizeof r->next.public) == 0)
        failed = rename(r->next_path, r->path);
    else /* a repeated call: its key has been put in its place already */
        failed = r->made ? unlink(r->next_path) : 0;
    if (failed) {
        call_state_done(call);
        err_internal(&call->detail, ERR_IO, "%s: %s", r->path, strerror(errno));
        call_fail(call, ERR_IO);
        return;
    }
    json_open(&call->out, NULL);
    json_i64(&call->out, "key", (int64_t)c->answer.index);
    json_text(&call->out, "public", public);
    if (old && old->until_ms != INT64_MAX)
        json_time(&call->out, "until", old->until_ms);
    else
        json_none(&call->out, "until");
    json_shut(&call->out);
    call_state_done(call);
    random_wipe(&r->next, sizeof r->next);
    atomic_store(&call->api->key_changed, true);
    log_warning(call->api->log, "key-rotated", LOG_UUID("person", call->actor.person),
                LOG_I64("key", (int64_t)c->answer.index), LOG_TEXT("public", public));
    call_reply(call, 200);
}

/* The key that an earlier call has made, or a new one. */
static enum err
next_key(struct call *call, struct rotation *r)
{
    enum err err = sign_key_load(r->next_path, &r->next, &call->detail);

    if (err != ERR_NOT_FOUND)
        return err;
    call->detail.internal[0] = '\0';
    r->next = sign_key_new();
    r->made = true;
    return sign_key_save(&r->next, r->next_path, &call->detail);
}

void
keys_rotate(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct rotation *r = arena_alloc(call->arena, sizeof *r);
    struct entry e = entry_new(KEY);
    const char *reason = in_line(&in, "reason", 160, call->arena);
    enum err err = json_in_close(&in);

    call->user = r;
    if (!err && !call->api->keys_dir)
        err = err_internal(&call->detail, ERR_CONFIG, "the server's key has no file");
    if (!err) {
        r->path = arena_printf(call->arena, "%s/server.key", call->api->keys_dir);
        r->next_path = arena_printf(call->arena, "%s/server.key.next", call->api->keys_dir);
        err = next_key(call, r);
    }
    if (err) {
        call_fail(call, err);
        return;
    }
    log_warning(call->api->log, "key-rotation", LOG_UUID("person", call->actor.person), LOG_TEXT("reason", reason));
    e.u.key.first = 0;
    e.u.key.site = NO_INDEX;
    e.u.key.use = KEY_SERVER;
    e.u.key.status = KEY_ACTIVE;
    memcpy(e.u.key.ed25519, r->next.public, sizeof e.u.key.ed25519);
    e.u.key.valid_from_ms = call->now_ms;
    e.u.key.order = order_id(call);
    err = order_sign(call, &e, 1);
    if (err)
        call_fail(call, err);
    else
        call_send(call, rotated);
}

/* ---- the log's ----------------------------------------------------------------------------------------------------- */

static void
log_rotated(struct call *call)
{
    struct rotation *r = call->user;
    struct command *c = call->command;
    char vkey[VKEY_TEXT_MAX];
    uint8_t public[SIGN_PUBLIC_LEN];
    struct vkey key;
    const struct state *s = call_state(call);
    bool mine;
    enum err err = OK;

    if (!s)
        return;
    memcpy(public, ledger_key(s->ledger, c->answer.index)->entry.u.key.ed25519, sizeof public);
    key = vkey_make(s->origin, NOTE_ED25519, public);
    call_state_done(call);
    mine = memcmp(public, r->next.public, sizeof public) == 0;
    random_wipe(&r->next, sizeof r->next);
    if (mine)
        err = notary_turn(call->api->notary, public);
    else if (r->made && unlink(r->next_path) != 0) /* a repeated call: its key has been put in its place already */
        err = ERR_IO;
    if (err) {
        err_internal(&call->detail, err, "%s: %s", r->path, strerror(errno));
        call_fail(call, err);
        return;
    }
    vkey_text(&key, vkey);
    json_open(&call->out, NULL);
    json_i64(&call->out, "key", (int64_t)c->answer.index);
    json_text(&call->out, "vkey", vkey);
    json_shut(&call->out);
    log_warning(call->api->log, "log-key-rotated", LOG_UUID("person", call->actor.person),
                LOG_I64("key", (int64_t)c->answer.index), LOG_TEXT("vkey", vkey));
    call_reply(call, 200);
}

/* The KEY of the next key, signed by the log's key in force and by the next one. Security: that an administrator asks was
 * checked with the route; the ledger wants the old key in force. */
static enum err
sign_log_key(struct call *call, const struct rotation *r)
{
    struct sign_key old = notary_key(call->api->notary);
    struct entry *e = &call->command->in.order.entry;
    const struct key *in_force;
    uint8_t bytes[ENTRY_MAX];
    size_t len;
    const struct state *s = market_read_lock(call->api->market);

    if (!s)
        return ERR_NOT_LEADER;
    *e = entry_new(KEY);
    in_force = ledger_log_key(s->ledger, ledger_size(s->ledger));
    if (in_force != NULL) {
        e->u.key.first = key_chain(in_force);
        e->u.key.auth.slot[0] = (struct authority_slot){ .class = 1, .key = in_force->index };
    }
    e->u.key.use = KEY_LOG;
    e->u.key.status = KEY_ACTIVE;
    memcpy(e->u.key.ed25519, r->next.public, sizeof e->u.key.ed25519);
    e->u.key.valid_from_ms = call->now_ms;
    call->order = e->u.key.order = order_id(call);
    len = entry_order_bytes(e, ledger_genesis(s->ledger), bytes);
    market_read_unlock(call->api->market);
    if (in_force == NULL)
        return err_say(&call->detail, ERR_STATE, "The journal has no log's key in force that could sign for another.");
    e->u.key.auth.slot[1].class = 1; /* its key: the entry's own, which it gets with its place */
    sign_make(&old, BYTES(bytes, len), e->u.key.auth.slot[0].sig);
    sign_make(&r->next, BYTES(bytes, len), e->u.key.auth.slot[1].sig);
    random_wipe(&old, sizeof old);
    call->command->kind = COMMAND_ORDER;
    return OK;
}

void
log_keys_rotate(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct rotation *r = arena_alloc(call->arena, sizeof *r);
    const char *reason = in_line(&in, "reason", 160, call->arena);
    enum err err = json_in_close(&in);

    call->user = r;
    if (!err && !call->api->keys_dir)
        err = err_internal(&call->detail, ERR_CONFIG, "the log's key has no file");
    if (!err) {
        r->path = arena_printf(call->arena, "%s/log.key", call->api->keys_dir);
        r->next_path = arena_printf(call->arena, "%s/log.key.next", call->api->keys_dir);
        err = next_key(call, r);
    }
    if (!err)
        err = sign_log_key(call, r);
    if (err) {
        call_fail(call, err);
        return;
    }
    notary_expect(call->api->notary, &r->next);
    log_warning(call->api->log, "log-key-rotation", LOG_UUID("person", call->actor.person), LOG_TEXT("reason", reason));
    call_send(call, log_rotated);
}
