/* api/officer_passkey.c: passkeys that sign orders. One is asked for like any key, by a passkey that opens the account already: it signs that
 * it is to be a key of this person's. What it says of an order is kept whole, so that anybody can verify it later (crypto/assertion.h). */
#include "api/officer_passkey.h"

#include "api/internal.h"
#include "crypto/assertion.h"
#include "store/passkeys.h"

bool
officer_key_is_passkey(const struct officer_key *k)
{
    return k->site[0] != '\0';
}

const struct officer_key *
officer_key_named(const struct officer_key *list, size_t n, const uint8_t public[32])
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(list[i].ed25519.data, public, 32) == 0)
            return &list[i];
    return NULL;
}

enum err
officer_passkey_check(struct call *call, const struct officer_key *k, const struct passkey_assertion *said, struct bytes signed_bytes, struct bytes *ret)
{
    struct assertion a = { .site = BYTES_TEXT(k->site), .cose = k->cose, .said = *said };
    uint8_t *room = arena_alloc(call->arena, ASSERTION_MAX);
    size_t len;
    enum err err;

    if (!call->api->passkeys.id)
        return ERR_PASSKEYS_OFF;
    len = assertion_write(&a, room);
    if (len == 0)
        return err_say(&call->detail, ERR_PASSKEY_MALFORMED, "What the browser and the passkey say is too long to be kept.");
    err = assertion_check(BYTES(room, len), k->ed25519.data, call->api->passkeys.origins, signed_bytes);
    if (!err)
        *ret = BYTES(room, len);
    return err;
}

enum err
officer_passkey_of(struct call *call, struct uuid id, struct officer_key *k)
{
    uint8_t *cose = arena_alloc(call->arena, PASSKEY_COSE_MAX), *public = arena_alloc(call->arena, 32);
    struct passkey *list = NULL;
    size_t n = 0;
    enum err err = passkeys_of(call->db, call->actor.person, call->arena, &list, &n);

    if (!err && !call->api->passkeys.id)
        err = ERR_PASSKEYS_OFF;
    for (size_t i = 0; !err && i < n; i++)
        if (uuid_equal(list[i].id, id)) {
            k->site = call->api->passkeys.id;
            k->cose = BYTES(cose, passkey_cose(&list[i].key, cose));
            k->credential = list[i].credential;
            assertion_key(BYTES_TEXT(k->site), k->cose, public);
            k->ed25519 = BYTES(public, 32);
            return OK;
        }
    return err ? err : err_at(&call->detail, ERR_NOT_FOUND, "/passkey", "You have no such passkey.");
}
