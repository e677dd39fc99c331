/* crypto/passkey against schema/passkey.json, the specification's own vectors, and against an authenticator of our own: each
 * thing that can be wrong is refused as what it is, a bit changed anywhere is refused, and CBOR has one form only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ERR_STATE openssl_err_state /* OpenSSL's type of this name is none of ours */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#undef ERR_STATE

#include "base/cbor.h"
#include "base/hash.h"
#include "base/json.h"
#include "crypto/passkey.h"
#include "crypto/recovery.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static const struct passkey_site EXAMPLE = { "example.org", "https://example.org" };
static const struct passkey_site SITE = { "kontor.example", "https://kontor.example https://two.kontor.example:8443" };

/* ---- the specification's -------------------------------------------------------------------------------------------- */

struct hex {
    uint8_t b[2500];
    size_t len;
};

static struct bytes
hex_in(struct json_in *in, const char *name, struct hex *ret)
{
    const char *text = json_in_text(in, name, 0, 2 * sizeof ret->b);

    assert_int_equal(in->err, OK);
    ret->len = strlen(text) / 2;
    assert_true(hex_decode(text, ret->b, ret->len));
    return BYTES(ret->b, ret->len);
}

static enum err
wanted(struct json_in *in, const char *name)
{
    const char *wire = json_in_text(in, name, 1, 40);

    return strcmp(wire, "ok") == 0 ? OK : err_from_wire(wire);
}

static void
try_made(struct json_in *in, const struct passkey_key *key)
{
    static struct hex challenge, client, object, id;
    struct passkey_made made = { .flags = 0 };
    enum err want = wanted(in, "made");

    hex_in(in, "challenge", &challenge);
    hex_in(in, "client", &client);
    hex_in(in, "object", &object);
    hex_in(in, "id", &id);
    assert_int_equal(passkey_made_check(&EXAMPLE, challenge.b, BYTES(client.b, client.len), BYTES(object.b, object.len), false, &made), want);
    if (!want) {
        assert_int_equal(made.id_len, id.len);
        assert_memory_equal(made.id, id.b, id.len);
        assert_int_equal(made.key.alg, key->alg);
        assert_int_equal(made.key.len, key->len);
        assert_memory_equal(made.key.bytes, key->bytes, key->len);
    }
}

static void
try_used(struct json_in *in, const struct passkey_key *key)
{
    static struct hex challenge, client, data, signature;
    struct passkey_used used = { .flags = 0 };
    struct passkey_assertion a;
    enum err want = wanted(in, "used");

    hex_in(in, "challenge", &challenge);
    a.client = hex_in(in, "client", &client);
    a.data = hex_in(in, "data", &data);
    a.signature = hex_in(in, "signature", &signature);
    assert_int_equal(passkey_assertion_check(key, &EXAMPLE, challenge.b, &a, false, &used), want);
    assert_int_equal(used.flags, want ? 0 : data.b[32]);
    assert_int_equal(passkey_assertion_check(key, &EXAMPLE, challenge.b, &a, true, &used),
                     want ? want : data.b[32] & PASSKEY_VERIFIED ? OK : ERR_PASSKEY_UNVERIFIED);
    assert_int_equal(passkey_assertion_nobody(&EXAMPLE, challenge.b, &a, false), want ? want : ERR_PASSKEY_SIGNATURE);
}

static void
test_vectors(void **state)
{
    static char text[20000];
    const char *src = getenv("KONTOR_SRC") ? getenv("KONTOR_SRC") : getenv("srcdir");
    char path[512];
    struct json_in in;
    FILE *f;
    size_t n;

    (void)state;
    snprintf(path, sizeof path, "%s/schema/passkey.json", src ? src : "..");
    f = fopen(path, "r");
    assert_non_null(f);
    in = json_in_open(BYTES(text, fread(text, 1, sizeof text, f)), NULL);
    fclose(f);
    json_in_text(&in, "what", 1, 500);
    n = json_in_array(&in, "vectors", 20);
    assert_int_equal(n, 7);
    for (size_t i = 0; i < n; i++) {
        struct json_in one = json_in_array_object(&in, "vectors", i);
        struct passkey_key key = { .alg = (enum passkey_alg)json_in_i64(&one, "alg", -300, 0) };
        static struct hex bytes;

        json_in_text(&one, "name", 1, 40);
        hex_in(&one, "key", &bytes);
        memcpy(key.bytes, bytes.b, bytes.len);
        key.len = bytes.len;
        if (json_in_has(&one, "registration")) {
            struct json_in made = json_in_object(&one, "registration");

            try_made(&made, &key);
            assert_int_equal(json_in_close(&made), OK);
        }
        try_used(&one, &key);
        assert_int_equal(json_in_close(&one), OK);
    }
    assert_int_equal(json_in_close(&in), OK);
}

/* ---- an authenticator of our own -------------------------------------------------------------------------------------- */

static const uint8_t CHALLENGE[PASSKEY_CHALLENGE] = { 1, 2, 3, 250, 251, 252, 253, 254, 255 };

struct maker {
    enum passkey_alg alg;
    EVP_PKEY *pair;
    struct passkey_key key;
};
static struct maker makers[3] = { { .alg = PASSKEY_ES256 }, { .alg = PASSKEY_EDDSA }, { .alg = PASSKEY_RS256 } };

static void
public_of(struct maker *m)
{
    uint8_t point[65];
    BIGNUM *n = NULL;
    size_t len;

    m->key = (struct passkey_key){ .alg = m->alg };
    if (m->alg == PASSKEY_ES256) {
        assert_int_equal(EVP_PKEY_get_octet_string_param(m->pair, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len), 1);
        assert_int_equal(len, 65);
        memcpy(m->key.bytes, point + 1, 64);
        m->key.len = 64;
    } else if (m->alg == PASSKEY_EDDSA) {
        m->key.len = 32;
        assert_int_equal(EVP_PKEY_get_raw_public_key(m->pair, m->key.bytes, &m->key.len), 1);
    } else {
        assert_int_equal(EVP_PKEY_get_bn_param(m->pair, OSSL_PKEY_PARAM_RSA_N, &n), 1);
        assert_int_equal(BN_bn2binpad(n, m->key.bytes, 256), 256);
        BN_free(n);
        memcpy(m->key.bytes + 256, "\1\0\1", 3);
        m->key.len = 259;
    }
}

static int
setup(void **state)
{
    (void)state;
    makers[0].pair = EVP_EC_gen("P-256");
    makers[1].pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    makers[2].pair = EVP_RSA_gen(2048);
    for (size_t i = 0; i < LEN(makers); i++) {
        assert_non_null(makers[i].pair);
        public_of(&makers[i]);
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(makers); i++)
        EVP_PKEY_free(makers[i].pair);
    return 0;
}

/* What is said, with what is to be wrong with it. */
struct say {
    const char *type, *origin, *more, *site; /* more: further members of the client's data */
    const char *ext;                         /* hexadecimal, behind all */
    const char *format, *statement;          /* of the attestation; the statement in hexadecimal */
    const char *before;                      /* instead of the three first items of a COSE_Key, hexadecimal */
    uint8_t flags;
    uint32_t count;
    size_t id_len, short_by;
    bool other; /* another challenge */
};

struct said {
    uint8_t client[6000], data[3000], object[6000], signature[600];
    size_t client_len, data_len, object_len, signature_len;
};

static void
say_client(const struct say *s, const char *type, struct said *ret)
{
    char challenge[BASE64_LEN(32)];
    uint8_t other[32];

    memcpy(other, CHALLENGE, sizeof other);
    other[31] ^= s->other ? 1 : 0;
    base64url_encode(BYTES(other, 32), challenge);
    ret->client_len = (size_t)snprintf((char *)ret->client, sizeof ret->client, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}",
                                       s->type ? s->type : type, challenge, s->origin ? s->origin : "https://kontor.example", s->more ? s->more : "");
}

static void
put_hex(struct wire_out *w, const char *hex)
{
    uint8_t b[600];

    assert_true(strlen(hex) / 2 <= sizeof b && hex_decode(hex, b, strlen(hex) / 2));
    put_bytes(w, b, strlen(hex) / 2);
}

static void
put_key(struct wire_out *w, const struct passkey_key *k, const char *before)
{
    if (k->alg == PASSKEY_ES256) {
        put_hex(w, before ? before : "a5010203262001");
        put_hex(w, "215820");
        put_bytes(w, k->bytes, 32);
        put_hex(w, "225820");
        put_bytes(w, k->bytes + 32, 32);
    } else if (k->alg == PASSKEY_EDDSA) {
        put_hex(w, before ? before : "a4010103272006");
        put_hex(w, "215820");
        put_bytes(w, k->bytes, 32);
    } else {
        put_hex(w, before ? before : "a401030339010020590100");
        put_bytes(w, k->bytes, 256);
        put_hex(w, "2143");
        put_bytes(w, k->bytes + 256, 3);
    }
}

static void
say_data(const struct say *s, const struct maker *m, uint8_t flags, struct said *ret)
{
    struct wire_out w = { .at = ret->data, .end = ret->data + sizeof ret->data };
    struct hash site = sha256(BYTES_TEXT(s->site ? s->site : SITE.id));
    uint8_t id[1100];

    memset(id, 'i', sizeof id);
    put_bytes(&w, site.b, 32);
    put_u8(&w, s->flags ? s->flags : flags);
    put_u32(&w, s->count);
    if (m) {
        size_t len = s->id_len ? s->id_len : 20;

        put_zero(&w, 16);
        put_u16(&w, (uint16_t)len);
        put_bytes(&w, id, len);
        put_key(&w, &m->key, s->before);
    }
    if (s->ext)
        put_hex(&w, s->ext);
    ret->data_len = (size_t)(w.at - ret->data) - s->short_by;
}

static enum err
make(const struct say *s, const struct maker *m, bool verified, struct passkey_made *made)
{
    static struct said said;
    struct wire_out w = { .at = said.object, .end = said.object + sizeof said.object };
    const char *format = s->format ? s->format : "none";

    say_client(s, "webauthn.create", &said);
    say_data(s, m, PASSKEY_PRESENT | PASSKEY_VERIFIED | PASSKEY_ATTESTED, &said);
    put_hex(&w, "a363666d74");
    put_u8(&w, (uint8_t)(0x60 | strlen(format)));
    put_bytes(&w, format, strlen(format));
    put_hex(&w, "6761747453746d74");
    put_hex(&w, s->statement ? s->statement : "a0");
    put_hex(&w, said.data_len > 255 ? "68617574684461746159" : "68617574684461746158");
    if (said.data_len > 255)
        put_u8(&w, (uint8_t)(said.data_len >> 8));
    put_u8(&w, (uint8_t)said.data_len);
    put_bytes(&w, said.data, said.data_len);
    said.object_len = (size_t)(w.at - said.object);
    return passkey_made_check(&SITE, CHALLENGE, BYTES(said.client, said.client_len), BYTES(said.object, said.object_len), verified, made);
}

static void
sign(const struct maker *m, struct said *said)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct hash hash = sha256(BYTES(said->client, said->client_len));
    uint8_t all[4000];

    memcpy(all, said->data, said->data_len);
    memcpy(all + said->data_len, hash.b, 32);
    said->signature_len = sizeof said->signature;
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, m->alg == PASSKEY_EDDSA ? NULL : EVP_sha256(), NULL, m->pair), 1);
    assert_int_equal(EVP_DigestSign(ctx, said->signature, &said->signature_len, all, said->data_len + 32), 1);
    EVP_MD_CTX_free(ctx);
}

static struct passkey_assertion
assertion(const struct said *s)
{
    return (struct passkey_assertion){ BYTES(s->client, s->client_len), BYTES(s->data, s->data_len), BYTES(s->signature, s->signature_len) };
}

static enum err
use(const struct say *s, const struct maker *m, bool verified, struct passkey_used *used, struct said *said)
{
    struct passkey_assertion a;

    say_client(s, "webauthn.get", said);
    say_data(s, NULL, PASSKEY_PRESENT | PASSKEY_VERIFIED, said);
    sign(m, said);
    a = assertion(said);
    return passkey_assertion_check(&m->key, &SITE, CHALLENGE, &a, verified, used);
}

/* ---- each thing that can be wrong -------------------------------------------------------------------------------------- */

#define EVERY (PASSKEY_PRESENT | PASSKEY_VERIFIED)
static const struct {
    const char *why;
    struct say say;
    enum err err;
} both[] = {
    { "as it should be", { .count = 7 }, OK },
    { "the other origin", { .origin = "https://two.kontor.example:8443" }, OK },
    { "members that browsers add", { .more = ",\"crossOrigin\":false,\"tokenBinding\":{\"status\":\"supported\"},\"new\":[1]" }, OK },
    { "another type", { .type = "payment.get" }, ERR_PASSKEY_TYPE },
    { "another challenge", { .other = true }, ERR_PASSKEY_CHALLENGE },
    { "another origin", { .origin = "https://kontor.example.evil.example" }, ERR_PASSKEY_ORIGIN },
    { "an origin's beginning", { .origin = "https://kontor.exampl" }, ERR_PASSKEY_ORIGIN },
    { "both origins", { .origin = "https://kontor.example https://two.kontor.example:8443" }, ERR_PASSKEY_ORIGIN },
    { "plain text", { .origin = "http://kontor.example" }, ERR_PASSKEY_ORIGIN },
    { "framed by another's page", { .more = ",\"crossOrigin\":true" }, ERR_PASSKEY_ORIGIN },
    { "framed, and says by whom", { .more = ",\"topOrigin\":\"https://evil.example\"" }, ERR_PASSKEY_ORIGIN },
    { "a member twice", { .more = ",\"origin\":\"https://kontor.example\"" }, ERR_PASSKEY_MALFORMED },
    { "no JSON", { .more = "," }, ERR_PASSKEY_MALFORMED },
    { "for another site", { .site = "evil.example" }, ERR_PASSKEY_SITE },
    { "for a part of the site", { .site = "two.kontor.example" }, ERR_PASSKEY_SITE },
};

static void
test_both(void **state)
{
    static struct said said;

    (void)state;
    for (size_t i = 0; i < LEN(both); i++)
        for (size_t k = 0; k < LEN(makers); k++) {
            struct passkey_made made = { .count = 99 };
            struct passkey_used used = { .count = 99 };
            enum err one = make(&both[i].say, &makers[k], true, &made), two = use(&both[i].say, &makers[k], true, &used, &said);

            if (one != both[i].err || two != both[i].err)
                fail_msg("%s: made %s, used %s", both[i].why, err_wire(one), err_wire(two));
            assert_int_equal(made.count, one ? 99 : both[i].say.count);
            assert_int_equal(used.count, two ? 99 : both[i].say.count);
            if (!one) {
                assert_int_equal(made.id_len, 20);
                assert_memory_equal(made.id, "iiiiiiiiiiiiiiiiiiii", 20);
                assert_int_equal(made.key.alg, makers[k].key.alg);
                assert_int_equal(made.key.len, makers[k].key.len);
                assert_memory_equal(made.key.bytes, makers[k].key.bytes, made.key.len);
            }
        }
}

#define NEW (EVERY | PASSKEY_ATTESTED)
static const struct {
    const char *why;
    struct say say;
    enum err err;
} of_made[] = {
    { "an assertion's type", { .type = "webauthn.get" }, ERR_PASSKEY_TYPE },
    { "nobody there", { .flags = PASSKEY_VERIFIED | PASSKEY_ATTESTED }, ERR_PASSKEY_ABSENT },
    { "nobody verified", { .flags = PASSKEY_PRESENT | PASSKEY_ATTESTED }, ERR_PASSKEY_UNVERIFIED },
    { "copied, and cannot be", { .flags = NEW | PASSKEY_BACKED_UP }, ERR_PASSKEY_BACKUP },
    { "may be copied", { .flags = NEW | PASSKEY_MAY_BACK_UP }, OK },
    { "copied", { .flags = NEW | PASSKEY_MAY_BACK_UP | PASSKEY_BACKED_UP }, OK },
    { "no key", { .flags = EVERY }, ERR_PASSKEY_MALFORMED },
    { "id of 15 bytes", { .id_len = 15 }, ERR_PASSKEY_ID },
    { "id of 16 bytes", { .id_len = 16 }, OK },
    { "id of 1023 bytes", { .id_len = 1023 }, OK },
    { "id of 1024 bytes", { .id_len = 1024 }, ERR_PASSKEY_ID },
    { "cut short in the key", { .short_by = 1 }, ERR_PASSKEY_MALFORMED },
    { "cut short in the key's head", { .short_by = 70 }, ERR_PASSKEY_MALFORMED },
    { "a byte behind", { .ext = "00" }, ERR_PASSKEY_MALFORMED },
    { "extensions without their flag", { .ext = "a16b6372656450726f7465637402" }, ERR_PASSKEY_MALFORMED },
    { "credProtect, as browsers ask for", { .ext = "a16b6372656450726f7465637402", .flags = NEW | PASSKEY_EXTENDED }, OK },
    { "flag without extensions", { .flags = NEW | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
    { "a byte behind the extensions", { .ext = "a16161f500", .flags = NEW | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
    { "an extension twice", { .ext = "a26161f56161f5", .flags = NEW | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
    { "extensions out of order", { .ext = "a26162f56161f5", .flags = NEW | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
    { "extensions, five deep", { .ext = "a161618181818100", .flags = NEW | PASSKEY_EXTENDED }, OK },
    { "extensions, six deep", { .ext = "a16161818181818100", .flags = NEW | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
    { "extensions that are a list", { .ext = "8100", .flags = NEW | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
    { "an attestation with more in it than none", { .statement = "a1616100" }, ERR_PASSKEY_MALFORMED },
    { "another attestation", { .format = "packed", .statement = "a263616c6726637369674100" }, ERR_PASSKEY_ATTESTATION },
    { "another attestation, empty", { .format = "android-key" }, ERR_PASSKEY_ATTESTATION },
};
static const struct {
    const char *why;
    struct say say;
    enum err err;
} of_keys[] = {
    /* P-256's, with another alg, kty, crv; a label out of order; longer heads; a map without an end; a tag; a fifth label missing */
    { "alg ES384", { .before = "a501020338222001" }, ERR_PASSKEY_ALGORITHM },
    { "alg RS256", { .before = "a50102033901002001" }, ERR_PASSKEY_ALGORITHM },
    { "alg EdDSA", { .before = "a5010203272001" }, ERR_PASSKEY_ALGORITHM },
    { "kty OKP", { .before = "a5010103262001" }, ERR_PASSKEY_ALGORITHM },
    { "curve P-384", { .before = "a5010203262002" }, ERR_PASSKEY_ALGORITHM },
    { "kty as text", { .before = "a501613203262001" }, ERR_PASSKEY_MALFORMED },
    { "alg first", { .before = "a5032601022001" }, ERR_PASSKEY_MALFORMED },
    { "kty twice", { .before = "a60102010203262001" }, ERR_PASSKEY_MALFORMED },
    { "kid", { .before = "a60102024101032620 01" }, ERR_PASSKEY_MALFORMED },
    { "a longer head than need be", { .before = "a501180203262001" }, ERR_PASSKEY_MALFORMED },
    { "a longer head of the map", { .before = "b805010203262001" }, ERR_PASSKEY_MALFORMED },
    { "a map without an end", { .before = "bf010203262001" }, ERR_PASSKEY_MALFORMED },
    { "a tag", { .before = "c0a5010203262001" }, ERR_PASSKEY_MALFORMED },
    { "no curve", { .before = "a401020326" }, ERR_PASSKEY_ALGORITHM },
};

static void
test_made(void **state)
{
    struct maker off = makers[0];
    struct passkey_made made;

    (void)state;
    for (size_t i = 0; i < LEN(of_made); i++)
        for (size_t k = 0; k < LEN(makers); k++) {
            enum err err = make(&of_made[i].say, &makers[k], true, &made);

            if (err != of_made[i].err)
                fail_msg("%s: %s", of_made[i].why, err ? err_wire(err) : "taken");
        }
    for (size_t i = 0; i < LEN(of_keys); i++) {
        char hex[40] = "";
        struct say say = of_keys[i].say;
        enum err err;

        for (size_t j = 0, n = 0; say.before[j]; j++)
            if (say.before[j] != ' ')
                hex[n++] = say.before[j];
        say.before = hex;
        err = make(&say, &makers[0], true, &made);
        if (err != of_keys[i].err)
            fail_msg("%s: %s", of_keys[i].why, err ? err_wire(err) : "taken");
    }
    assert_int_equal(make(&(struct say){ .flags = PASSKEY_PRESENT | PASSKEY_ATTESTED }, &makers[0], false, &made), OK);
    off.key.bytes[63] ^= 1; /* no point of the curve */
    assert_int_equal(make(&(struct say){ .count = 0 }, &off, true, &made), ERR_PASSKEY_ALGORITHM);
}

static void
test_keys(void **state)
{
    struct passkey_key key;

    (void)state;
    for (size_t i = 0; i < LEN(makers); i++)
        assert_int_equal(passkey_key_check(&makers[i].key), OK);
    key = (struct passkey_key){ .alg = PASSKEY_EDDSA, .len = 32, .bytes = { 1 } }; /* the neutral element: signs anything */
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
    key = (struct passkey_key){ .alg = PASSKEY_ES256, .len = 64 };
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
    key = makers[2].key;
    key.bytes[258] = 3; /* 65539 */
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
    key = makers[2].key;
    key.bytes[0] &= 0x7f; /* fewer than 2048 bits */
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
    key = makers[0].key;
    key.alg = PASSKEY_EDDSA;
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
    key = makers[0].key;
    key.alg = (enum passkey_alg)-47;
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
    key = makers[0].key;
    key.len = 63;
    assert_int_equal(passkey_key_check(&key), ERR_PASSKEY_ALGORITHM);
}

static const struct {
    const char *why;
    struct say say;
    enum err err;
} of_used[] = {
    { "a registration's type", { .type = "webauthn.create" }, ERR_PASSKEY_TYPE },
    { "nobody there", { .flags = PASSKEY_VERIFIED }, ERR_PASSKEY_ABSENT },
    { "nobody verified", { .flags = PASSKEY_PRESENT }, ERR_PASSKEY_UNVERIFIED },
    { "copied, and cannot be", { .flags = EVERY | PASSKEY_BACKED_UP }, ERR_PASSKEY_BACKUP },
    { "copied", { .flags = EVERY | PASSKEY_MAY_BACK_UP | PASSKEY_BACKED_UP }, OK },
    { "says that it holds a key", { .flags = NEW }, ERR_PASSKEY_MALFORMED },
    { "cut short", { .short_by = 1 }, ERR_PASSKEY_MALFORMED },
    { "a byte behind", { .ext = "00" }, ERR_PASSKEY_MALFORMED },
    { "an extension that nobody knows", { .ext = "a16161f5", .flags = EVERY | PASSKEY_EXTENDED }, OK },
    { "a byte behind the extensions", { .ext = "a16161f500", .flags = EVERY | PASSKEY_EXTENDED }, ERR_PASSKEY_MALFORMED },
};

static void
test_used(void **state)
{
    static struct said said;
    struct passkey_used used;

    (void)state;
    for (size_t i = 0; i < LEN(of_used); i++)
        for (size_t k = 0; k < LEN(makers); k++) {
            enum err err = use(&of_used[i].say, &makers[k], true, &used, &said);

            if (err != of_used[i].err)
                fail_msg("%s: %s", of_used[i].why, err ? err_wire(err) : "taken");
        }
    assert_int_equal(use(&(struct say){ .flags = PASSKEY_PRESENT }, &makers[0], false, &used, &said), OK);
}

/* A bit changed anywhere in what is signed, or in the signature or the key, is refused, and nothing is told of it. */
static void
test_bits(void **state)
{
    static struct said said;
    struct passkey_used used = { .count = 7 }, none;

    (void)state;
    for (size_t k = 0; k < LEN(makers); k++) {
        struct maker *m = &makers[k];
        struct passkey_assertion a;
        struct { uint8_t *at; size_t len; } part[] = { { said.client, 0 }, { said.data, 0 }, { said.signature, 0 }, { m->key.bytes, m->key.len } };

        assert_int_equal(use(&(struct say){ .count = 7, .more = ",\"new\":\"thing\"" }, m, true, &used, &said), OK);
        part[0].len = said.client_len;
        part[1].len = said.data_len;
        part[2].len = said.signature_len;
        for (size_t p = 0; p < LEN(part); p++)
            for (size_t i = 0; i < part[p].len; i += k == 2 && p == 3 ? 7 : 1) {
                part[p].at[i] ^= (uint8_t)(1u << (i % 8));
                a = assertion(&said);
                if (passkey_assertion_check(&m->key, &SITE, CHALLENGE, &a, true, &used) == OK)
                    fail_msg("alg %d: part %zu, byte %zu", (int)m->alg, p, i);
                part[p].at[i] ^= (uint8_t)(1u << (i % 8));
            }
        a = assertion(&said);
        assert_int_equal(passkey_assertion_check(&makers[(k + 1) % LEN(makers)].key, &SITE, CHALLENGE, &a, true, &none), ERR_PASSKEY_SIGNATURE);
        a.signature.len--;
        assert_int_equal(passkey_assertion_check(&m->key, &SITE, CHALLENGE, &a, true, &none), ERR_PASSKEY_SIGNATURE);
        a.signature.len = 0;
        assert_int_equal(passkey_assertion_check(&m->key, &SITE, CHALLENGE, &a, true, &none), ERR_PASSKEY_SIGNATURE);
        assert_int_equal(used.count, 7);
    }
}

/* ---- CBOR ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *hex;
    bool good;
} items[] = {
    { "00", true },   { "17", true },   { "1817", false }, { "1818", true },     { "190018", false }, { "1900ff", false }, { "190100", true },
    { "1a0000ffff", false }, { "1b0000000000000001", false }, { "1b0000000100000000", true }, { "20", true }, { "3817", false },
    { "40", true },   { "4100", true }, { "41", false },   { "5f4100ff", false }, { "60", true },      { "7f6161ff", false },
    { "80", true },   { "8100", true }, { "81", false },   { "9f00ff", false },   { "80" "00", false },
    { "a0", true },   { "a10000", true }, { "a100", false }, { "bf0000ff", false }, { "a200000000", false }, { "a201000000", false },
    { "a200000100", true }, { "a220000100", false }, { "a201002000", true }, { "a2616200626161" "00", true }, { "a2626161" "00616200", false },
    { "c000", false }, { "f4", true },  { "f5", true },    { "f6", true },        { "f7", false },     { "f800", false },   { "f90000", false },
    { "fb0000000000000000", false }, { "ff", false }, { "1c", false }, { "5bffffffffffffffff", false }, { "9bffffffffffffffff00", false },
    { "8181818100", true }, { "818181818100", false }, { "a100a100a100a10000", true }, { "a100a100a100a100a10000", false }, { "", false },
};

static void
test_cbor(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(items); i++) {
        uint8_t b[64];
        size_t len = strlen(items[i].hex) / 2;
        struct wire_in r = { .at = b, .end = b + len };

        assert_true(hex_decode(items[i].hex, b, len));
        cbor_skip(&r);
        if ((!r.failed && r.at == r.end) != items[i].good)
            fail_msg("%s", items[i].hex);
    }
}

/* ---- recovery codes ------------------------------------------------------------------------------------------------------- */

static void
test_recovery(void **state)
{
    static const char *const BAD[] = { "", "0123", "0123-4567-89ab-cde", "0123-4567-89ab-cdefg", "0123-4567-89ab-cdeu", "0123_4567_89ab_cdef" };
    static const char *const SAME[] = { "0123-4567-89ab-1def", "0123456789ab1def", "O123 4567 89AB LDEF", "-oi23-4567-89ab-Idef-" };
    struct uuid one = { { 1 } }, two = { { 2 } };
    struct hash hash, other;
    char a[RECOVERY_TEXT], b[RECOVERY_TEXT];

    (void)state;
    for (size_t i = 0; i < LEN(BAD); i++)
        assert_false(recovery_hash(BAD[i], one, &hash));
    for (size_t i = 0; i < LEN(SAME); i++) {
        assert_true(recovery_hash(SAME[0], one, &hash));
        assert_true(recovery_hash(SAME[i], one, &other));
        assert_true(hash_equal(hash, other));
    }
    assert_true(recovery_hash(SAME[0], two, &other));
    assert_false(hash_equal(hash, other));
    for (size_t i = 0; i < 100; i++) {
        recovery_make(a);
        recovery_make(b);
        assert_int_equal(strlen(a), RECOVERY_TEXT - 1);
        assert_string_not_equal(a, b);
        assert_true(recovery_hash(a, one, &hash));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_both), cmocka_unit_test(test_made), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_used),    cmocka_unit_test(test_bits), cmocka_unit_test(test_cbor),
        cmocka_unit_test(test_recovery),
    };

    return cmocka_run_group_tests_name("passkey", tests, setup, teardown);
}
