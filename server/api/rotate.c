/* api/rotate.c
 * New keys for the server.
 *
 * POST /v1/keys/rotate: a new key for the server, while it still has the old one in memory: also when the old one's file is
 * lost. The new key is on disk before the journal names it, and takes the old one's place in its file only afterwards; if
 * that is cut off in between, the next call goes on with the same key, or finds that the journal names it, puts it in its place
 * and makes the next one. One such call at a time: they share the file of the key that is to be. By the ledger's rule the old key stays in force for
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
    bool log;  /* the log's key, not the server's */
    bool made; /* by this call */
};

/* It goes no further: with an error the caller is told so. */
static void
end_rotation(struct call *call, enum err err)
{
    struct rotation *r = call->user;

    random_wipe(&r->next, sizeof r->next);
    atomic_store(&call->api->rotating, false);
    if (err)
        call_fail(call, err);
}

/* The command has come back. False: it was refused, and the caller knows. */
static bool
carried_out(struct call *call)
{
    if (!call->command->err)
        return true;
    call->detail = call->command->detail;
    end_rotation(call, call->command->err);
    return false;
}

static void
rotated(struct call *call)
{
    struct rotation *r = call->user;
    struct command *c = call->command;
    char public[HEX_LEN(SIGN_PUBLIC_LEN)];
    const struct state *s;
    const struct key *old, *new;
    int failed;

    if (!carried_out(call))
        return;
    s = market_read_lock(call->api->market);
    if (!s) {
        end_rotation(call, ERR_NOT_LEADER);
        return;
    }
    old = ledger_key(s->ledger, api_key_number(s, &call->api->key));
    new = ledger_key(s->ledger, c->answer.index);
    market_key_look(call->api->market);
    hex_encode(BYTES(new->entry.u.key.ed25519, sizeof new->entry.u.key.ed25519), public);
    if (memcmp(new->entry.u.key.ed25519, r->next.public, sizeof r->next.public) == 0)
        failed = rename(r->next_path, r->path);
    else /* a repeated call: its key has been put in its place already */
        failed = r->made ? unlink(r->next_path) : 0;
    if (failed) {
        call_state_done(call);
        end_rotation(call, err_internal(&call->detail, ERR_IO, "%s: %s", r->path, strerror(errno)));
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
    end_rotation(call, OK);
    log_warning(call->api->log, "key-rotated", LOG_UUID("person", call->actor.person),
                LOG_I64("key", (int64_t)c->answer.index), LOG_TEXT("public", public));
    call_reply(call, 200);
}

/* Does the journal name it? */
static enum err
is_announced(struct call *call, const struct sign_key *key, bool *ret)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct key *k;

    *ret = false;
    if (!s)
        return ERR_NOT_LEADER;
    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        *ret = *ret || memcmp(k->entry.u.key.ed25519, key->public, sizeof key->public) == 0;
    market_read_unlock(call->api->market);
    return OK;
}

/* The key that an earlier call has made, or a new one. An earlier call's that the journal names is first put in its place,
 * unless this is that call again, which does so itself when it is answered by its key. */
static enum err
next_key(struct call *call, struct rotation *r)
{
    enum err err = sign_key_load(r->next_path, &r->next, &call->detail);
    bool announced = false;

    if (!err && !market_key_maybe_known(call->api->market, &call->command->idem.scope))
        err = is_announced(call, &r->next, &announced);
    if (!err && announced) {
        err = r->log ? notary_turn(call->api->notary, r->next.public) : rename(r->next_path, r->path) != 0 ? ERR_IO : OK;
        err = err ? err_internal(&call->detail, err, "%s: %s", r->path, strerror(errno)) : ERR_NOT_FOUND;
    }
    if (err != ERR_NOT_FOUND)
        return err;
    call->detail.internal[0] = '\0';
    r->next = sign_key_new();
    r->made = true;
    return sign_key_save(&r->next, r->next_path, &call->detail);
}

/* What both begin with: the reason, and the key that is to be. On an error the caller is told. */
static bool
begin(struct call *call, bool log)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct rotation *r = call->user = arena_alloc(call->arena, sizeof *r);
    const char *name = log ? "log" : "server", *reason = in_line(&in, "reason", 160, call->arena);
    enum err err = json_in_close(&in);

    if (!err && !call->api->keys_dir)
        err = err_internal(&call->detail, ERR_CONFIG, "the %s's key has no file", name);
    if (!err && atomic_exchange(&call->api->rotating, true))
        err = err_say(&call->detail, ERR_BUSY, "Another change of a key is under way.");
    if (err) {
        call_fail(call, err);
        return false;
    }
    r->log = log;
    r->path = arena_printf(call->arena, "%s/%s.key", call->api->keys_dir, name);
    r->next_path = arena_printf(call->arena, "%s.next", r->path);
    err = next_key(call, r);
    if (err) {
        end_rotation(call, err);
        return false;
    }
    log_warning(call->api->log, log ? "log-key-rotation" : "key-rotation", LOG_UUID("person", call->actor.person), LOG_TEXT("reason", reason));
    return true;
}

void
keys_rotate(struct call *call)
{
    struct entry e = entry_new(KEY);
    const struct rotation *r;
    enum err err;

    if (!begin(call, false))
        return;
    r = call->user;
    e.u.key.first = 0;
    e.u.key.site = NO_INDEX;
    e.u.key.use = KEY_SERVER;
    e.u.key.status = KEY_ACTIVE;
    memcpy(e.u.key.ed25519, r->next.public, sizeof e.u.key.ed25519);
    e.u.key.valid_from_ms = call->now_ms;
    e.u.key.order = order_id(call);
    err = order_sign(call, &e, 1);
    if (err)
        end_rotation(call, err);
    else
        call_send_any(call, rotated);
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
    const struct state *s;
    bool mine;
    enum err err = OK;

    if (!carried_out(call))
        return;
    s = market_read_lock(call->api->market);
    if (!s) {
        end_rotation(call, ERR_NOT_LEADER);
        return;
    }
    memcpy(public, ledger_key(s->ledger, c->answer.index)->entry.u.key.ed25519, sizeof public);
    key = vkey_make(s->origin, NOTE_ED25519, public);
    call_state_done(call);
    mine = memcmp(public, r->next.public, sizeof public) == 0;
    if (mine)
        err = notary_turn(call->api->notary, public);
    else if (r->made && unlink(r->next_path) != 0) /* a repeated call: its key has been put in its place already */
        err = ERR_IO;
    if (err)
        err_internal(&call->detail, err, "%s: %s", r->path, strerror(errno));
    end_rotation(call, err);
    if (err)
        return;
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
    const struct rotation *r;
    enum err err;

    if (!begin(call, true))
        return;
    r = call->user;
    err = sign_log_key(call, r);
    if (err) {
        end_rotation(call, err);
        return;
    }
    notary_expect(call->api->notary, &r->next);
    call_send_any(call, log_rotated);
}
