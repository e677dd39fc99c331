/* tests/fuzz/fuzz_passkey.c: any bytes as what a browser says of a passkey. The first byte says as what: the attestation object
 * (with good client data), the client's data, the authenticator's data of an assertion, its signature, a COSE key, or an item of
 * CBOR. What is taken keeps its bounds and says the same again; no assertion is ever good. */
#include <assert.h>
#include <stdlib.h>

#include "base/cbor.h"
#include "base/hash.h"
#include "crypto/passkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct passkey_site SITE = { "kontor.example", "https://kontor.example" };
static const uint8_t CHALLENGE[PASSKEY_CHALLENGE] = { 0 };
static const char CREATE[] = "{\"type\":\"webauthn.create\",\"challenge\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"origin\":\"https://kontor.example\"}";
static const char GET[] = "{\"type\":\"webauthn.get\",\"challenge\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"origin\":\"https://kontor.example\"}";

static void
as_object(struct bytes object, struct bytes client)
{
    struct passkey_made made = { .id_len = 0 }, again = { .id_len = 0 };

    if (passkey_made_check(&SITE, CHALLENGE, client, object, false, &made)) {
        assert(made.id_len == 0 && made.key.len == 0);
        return;
    }
    assert(made.id_len >= PASSKEY_ID_MIN && made.id_len <= PASSKEY_ID_MAX && (made.flags & PASSKEY_PRESENT));
    assert(passkey_key_check(&made.key) == OK);
    assert(passkey_made_check(&SITE, CHALLENGE, client, object, (made.flags & PASSKEY_VERIFIED) != 0, &again) == OK);
    assert(again.key.len == made.key.len && memcmp(&again.key.bytes, &made.key.bytes, made.key.len) == 0);
}

/* Whatever it is, as the key of a passkey. */
static void
as_key(struct bytes key)
{
    static const uint8_t HEAD[] = "\xa3\x63" "fmt\x64none\x67" "attStmt\xa0\x68" "authData";
    uint8_t room[2048];
    struct wire_out w = { .at = room, .end = room + sizeof room };
    struct hash site = sha256(BYTES_TEXT(SITE.id));
    size_t all = 32 + 5 + 16 + 2 + 16 + key.len;

    if (key.len > 1000)
        return;
    put_bytes(&w, HEAD, sizeof HEAD - 1);
    put_u8(&w, all > 255 ? 0x59 : 0x58);
    if (all > 255)
        put_u16(&w, (uint16_t)all);
    else
        put_u8(&w, (uint8_t)all);
    put_bytes(&w, site.b, 32);
    put_u8(&w, PASSKEY_PRESENT | PASSKEY_ATTESTED);
    put_zero(&w, 4 + 16);
    put_u16(&w, 16);
    put_zero(&w, 16);
    put_bytes(&w, key.data, key.len);
    as_object(BYTES(room, w.at - room), BYTES_TEXT(CREATE));
}

static void
as_assertion(struct bytes client, struct bytes data, struct bytes signature)
{
    static const char ED[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"; /* RFC 8032, 7.1 */
    struct passkey_key key = { .alg = PASSKEY_EDDSA, .len = 32 };
    struct passkey_assertion a = { client, data, signature };
    struct passkey_used used = { .count = 7 };

    assert(hex_decode(ED, key.bytes, key.len));
    assert(passkey_assertion_check(&key, &SITE, CHALLENGE, &a, false, &used) != OK && used.count == 7);
    assert(passkey_assertion_nobody(&SITE, CHALLENGE, &a, false) != OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct hash site = sha256(BYTES_TEXT(SITE.id));
    struct bytes rest = BYTES(data + (len > 0), len - (len > 0));
    struct wire_in r = { .at = rest.data, .end = rest.data + rest.len };
    uint8_t good[37] = { 0 };

    memcpy(good, site.b, 32);
    good[32] = PASSKEY_PRESENT;
    switch (len > 0 ? data[0] % 6 : 5) {
    case 0:
        as_object(rest, BYTES_TEXT(CREATE));
        break;
    case 1:
        as_object(BYTES(good, sizeof good), rest);
        as_assertion(rest, BYTES(good, sizeof good), BYTES(good, 32));
        break;
    case 2:
        as_assertion(BYTES_TEXT(GET), rest, BYTES(good, 32));
        break;
    case 3:
        as_assertion(BYTES_TEXT(GET), BYTES(good, sizeof good), rest);
        break;
    case 4:
        as_key(rest);
        break;
    default:
        cbor_skip(&r);
        assert(r.at <= r.end);
    }
    return 0;
}
