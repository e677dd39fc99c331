/* api/rotate.c
 * POST /v1/keys/rotate: a new key for the server, while it still has the old one in memory: also when the old one's file is
 * lost. The new key is on disk before the journal names it, and takes the old one's place in its file only afterwards; if
 * that is cut off in between, the next call goes on with the same key. By the ledger's rule the old key stays in force for
 * 24 hours more; the process signs with it until it is started again.
 * In: {reason}   Out: 200 {key: index of its KEY, public, until: when the old one ends} */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/orders.h"
#include "crypto/random.h"

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
