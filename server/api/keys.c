/* api/keys.c
 * Idempotency keys. Scope: SHA-256(actor ‖ route ‖ path ‖ key); beside it the SHA-256 of the canonical request. Most
 * keys are new: a bitmap of those ever stored says so without a query. It may err on the side of "maybe" only. */
#include <stdlib.h>

#include "api/internal.h"
#include "base/text.h"
#include "store/evidence.h"

enum { SEEN_BITS = 1 << 23, KEY_MAX = 64 };

struct seen {
    atomic_bool loaded;
    _Atomic uint64_t bits[SEEN_BITS / 64];
};

struct seen *
seen_new(void)
{
    return xcalloc(1, sizeof(struct seen));
}

void
seen_delete(struct seen *s)
{
    free(s);
}

static void
places(struct hash scope, uint32_t ret[2])
{
    /* From the first 8 bytes, which is what the store hands out. */
    for (int i = 0; i < 2; i++) {
        const uint8_t *b = scope.b + i * 4;

        ret[i] = ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) % SEEN_BITS;
    }
}

bool
seen_maybe(const struct seen *s, struct hash scope)
{
    uint32_t at[2];

    if (!atomic_load(&s->loaded))
        return true;
    places(scope, at);
    for (int i = 0; i < 2; i++)
        if (!(atomic_load_explicit(&s->bits[at[i] / 64], memory_order_relaxed) >> (at[i] % 64) & 1))
            return false;
    return true;
}

void
seen_add(struct seen *s, struct hash scope)
{
    uint32_t at[2];

    places(scope, at);
    for (int i = 0; i < 2; i++)
        atomic_fetch_or_explicit(&s->bits[at[i] / 64], UINT64_C(1) << (at[i] % 64), memory_order_relaxed);
}

void
seen_forget(struct seen *s)
{
    atomic_store(&s->loaded, false);
}

void
seen_loaded(struct seen *s)
{
    atomic_store(&s->loaded, true);
}

static bool
key_ok(const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < len; i++)
        if (key[i] < 0x21 || key[i] > 0x7e)
            return false;
    return len >= 1 && len <= KEY_MAX;
}

enum err
key_read(struct call *call)
{
    struct idem *idem = &call->command->idem;
    char *canonical = NULL;
    size_t len = 0;
    uint8_t kind = (uint8_t)call->actor.kind;
    enum err err;

    if (!call->key)
        return ERR_KEY_MISSING;
    if (!key_ok(call->key))
        return err_say(&call->detail, ERR_KEY_INVALID, "A key has 1 to %d visible ASCII characters.", KEY_MAX);
    err = json_canonical(call->body, &call->detail, &canonical, &len);
    if (err)
        return err;
    idem->present = true;
    idem->scope =
        sha256_of((const struct bytes[]){ BYTES("kontor-key/v1", 14), BYTES(&kind, 1), BYTES(call->actor.person.b, 16),
                                          BYTES_TEXT(call->route->name), BYTES("", 1), BYTES_TEXT(call->key) },
                  6);
    /* The path is part of the request: the same key for another thing is a conflict. */
    idem->request =
        sha256_of((const struct bytes[]){ BYTES_TEXT(call->http->path), BYTES("", 1), BYTES(canonical, len) }, 3);
    free(canonical);
    return OK;
}

struct hash
key_derived(struct hash scope, const char *part)
{
    return sha256_of((const struct bytes[]){ BYTES(scope.b, sizeof scope.b), BYTES_TEXT(part) }, 2);
}

enum err
key_made_meanwhile(struct call *call, enum err err, struct uuid *ret_id)
{
    const struct idem *idem = &call->command->idem;
    enum err found;

    if (err != ERR_EXISTS)
        return err;
    found = call_answers_find(call->db, idem->scope, idem->request, ret_id);
    return found == OK || found == ERR_KEY_CONFLICT ? found : err;
}

enum err
key_known(struct call *call, struct uuid *ret_id)
{
    const struct idem *idem = &call->command->idem;

    if (!seen_maybe(call->api->seen, idem->scope))
        return ERR_NOT_FOUND;
    return call_answers_find(call->db, idem->scope, idem->request, ret_id);
}
