/* crypto/passkey.c */
#include "crypto/passkey.h"

#define ERR_STATE openssl_err_state /* OpenSSL's type of this name is none of ours */
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#undef ERR_STATE
#include <sodium.h>

#include "base/cbor.h"
#include "base/hash.h"
#include "base/json.h"

static bool
same(struct bytes a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static struct wire_in
reader(struct bytes in)
{
    return (struct wire_in){ .at = in.data, .end = in.data + in.len };
}

/* ---- what the client says ------------------------------------------------------------------------------------------- */

/* Is the host of this name, or of one below it? */
static bool
is_under(struct bytes host, const char *name)
{
    size_t len = strlen(name);

    return host.len >= len && memcmp(host.data + host.len - len, name, len) == 0 &&
           (host.len == len || (host.len > len + 1 && host.data[host.len - len - 1] == '.'));
}

/* A page of the site itself, or of a name below it: as browsers let it ask for the site's passkeys. */
static bool
is_below(const char *id, const char *origin)
{
    static const char TLS[] = "https://", PLAIN[] = "http://";
    bool tls = strncmp(origin, TLS, sizeof TLS - 1) == 0, plain = strncmp(origin, PLAIN, sizeof PLAIN - 1) == 0;
    const char *at = origin + (tls ? sizeof TLS - 1 : plain ? sizeof PLAIN - 1 : 0);
    struct bytes host = BYTES(at, strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-."));
    const char *end = at + host.len;

    if (*end == ':' && end[1] != '\0')
        end += 1 + strspn(end + 1, "0123456789");
    return (tls || (plain && is_under(host, "localhost"))) && *end == '\0' && is_under(host, id);
}

static bool
is_origin(const struct passkey_site *site, const char *origin)
{
    size_t len = strlen(origin), one;

    if (!site->origins)
        return is_below(site->id, origin);
    for (const char *at = site->origins; *at; at += one + strspn(at + one, " ")) {
        one = strcspn(at, " ");
        if (one == len && memcmp(at, origin, len) == 0)
            return true;
    }
    return false;
}

static enum err
check_client(const struct passkey_site *site, const char *type, const uint8_t challenge[PASSKEY_CHALLENGE],
             struct bytes client)
{
    struct json_in in = json_in_open(client, NULL);
    char wanted[BASE64_LEN(PASSKEY_CHALLENGE)];
    const char *said, *answered, *origin;
    enum err err = OK;
    bool framed;

    json_in_loose(&in); /* browsers add to it, so that nobody relies on what stands in it now */
    said = json_in_text(&in, "type", 1, 64);
    answered = json_in_text(&in, "challenge", 1, 200);
    origin = json_in_text(&in, "origin", 1, 300);
    framed = json_in_bool_or(&in, "crossOrigin", false) || json_in_has(&in, "topOrigin");
    base64url_encode(BYTES(challenge, PASSKEY_CHALLENGE), wanted);
    if (client.len > PASSKEY_CLIENT_MAX || in.err)
        err = ERR_PASSKEY_MALFORMED;
    else if (strcmp(said, type) != 0)
        err = ERR_PASSKEY_TYPE;
    else if (strcmp(answered, wanted) != 0)
        err = ERR_PASSKEY_CHALLENGE;
    else if (framed || !is_origin(site, origin))
        err = ERR_PASSKEY_ORIGIN;
    return json_in_close(&in) && !err ? ERR_PASSKEY_MALFORMED : err;
}

/* ---- what the authenticator says ------------------------------------------------------------------------------------ */

/* For whom, flags, count: the first 37 bytes. */
static enum err
check_head(const struct passkey_site *site, struct wire_in *r, bool verified, struct passkey_used *ret)
{
    struct hash theirs, ours = sha256(BYTES_TEXT(site->id));

    get_bytes(r, theirs.b, sizeof theirs.b);
    ret->flags = get_u8(r);
    ret->count = get_u32(r);
    if (r->failed)
        return ERR_PASSKEY_MALFORMED;
    if (!hash_equal(theirs, ours))
        return ERR_PASSKEY_SITE;
    if (!(ret->flags & PASSKEY_PRESENT))
        return ERR_PASSKEY_ABSENT;
    if (verified && !(ret->flags & PASSKEY_VERIFIED))
        return ERR_PASSKEY_UNVERIFIED;
    return (ret->flags & PASSKEY_BACKED_UP) && !(ret->flags & PASSKEY_MAY_BACK_UP) ? ERR_PASSKEY_BACKUP : OK;
}

/* Extensions that nobody here asked for (browsers ask by themselves, for credProtect say), and the end. */
static enum err
check_tail(struct wire_in *r, uint8_t flags)
{
    if (flags & PASSKEY_EXTENDED) {
        struct cbor_map m = cbor_map(r, 16);

        while (cbor_more(r, &m)) {
            cbor_text(r);
            cbor_named(r, &m);
            cbor_skip(r);
        }
    }
    return r->failed || r->at != r->end ? ERR_PASSKEY_MALFORMED : OK;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

/* The key in libfido2's form of its kind, freed by keys_free. */
struct keys {
    es256_pk_t *es;
    eddsa_pk_t *ed;
    rs256_pk_t *rs;
    const void *public; /* which of them; NULL: it is no key */
};

static struct keys
keys_new(const struct passkey_key *key)
{
    static const uint8_t E65537[] = { 1, 0, 1 };
    struct keys k = { .es = es256_pk_new(), .ed = eddsa_pk_new(), .rs = rs256_pk_new() };

    if (!k.es || !k.ed || !k.rs)
        fatal(OUT_OF_MEMORY);
    if (key->alg == PASSKEY_ES256 && key->len == 64 && es256_pk_from_ptr(k.es, key->bytes, key->len) == FIDO_OK)
        k.public = k.es;
    else if (key->alg == PASSKEY_EDDSA && key->len == 32 && crypto_core_ed25519_is_valid_point(key->bytes) &&
             eddsa_pk_from_ptr(k.ed, key->bytes, key->len) == FIDO_OK)
        k.public = k.ed;
    else if (key->alg == PASSKEY_RS256 && key->len == 259 && (key->bytes[0] & 0x80) && (key->bytes[255] & 1) &&
             memcmp(key->bytes + 256, E65537, 3) == 0 && rs256_pk_from_ptr(k.rs, key->bytes, key->len) == FIDO_OK)
        k.public = k.rs;
    return k;
}

static void
keys_free(struct keys *k)
{
    es256_pk_free(&k->es);
    eddsa_pk_free(&k->ed);
    rs256_pk_free(&k->rs);
}

enum err
passkey_key_check(const struct passkey_key *key)
{
    struct keys k = keys_new(key);
    bool good = k.public != NULL;

    keys_free(&k);
    return good ? OK : ERR_PASSKEY_ALGORITHM;
}

/* A COSE_Key (RFC 9053): kty 1, alg 3, then by kind crv -1, x -2, y -3 (EC2, OKP) or n -1, e -2 (RSA); no other label. */
enum { COSE_KTY = 1, COSE_ALG = 3, KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3, CRV_P256 = 1, CRV_ED25519 = 6 };

struct cose {
    int64_t kty, alg, crv;
    struct bytes part[4]; /* of -1 to -3 what is bytes */
    unsigned seen;        /* bit label + 3 */
};

static struct cose
read_cose(struct wire_in *r)
{
    struct cbor_map m = cbor_map(r, 5);
    struct cose c = { .seen = 0 };

    while (cbor_more(r, &m)) {
        int64_t label = cbor_int(r);

        cbor_named(r, &m);
        if (label == COSE_KTY)
            c.kty = cbor_int(r);
        else if (label == COSE_ALG)
            c.alg = cbor_int(r);
        else if (label == -1 && c.kty != KTY_RSA)
            c.crv = cbor_int(r);
        else if (label >= -3 && label <= -1)
            c.part[-label] = cbor_bytes(r);
        else
            r->failed = true;
        if (!r->failed)
            c.seen |= 1u << (label + 3);
    }
    return c;
}

static void
join(struct passkey_key *key, struct bytes a, struct bytes b)
{
    memcpy(key->bytes, a.data, a.len);
    if (b.len)
        memcpy(key->bytes + a.len, b.data, b.len);
    key->len = a.len + b.len;
}

static enum err
read_key(struct wire_in *r, struct passkey_key *ret)
{
    enum { ALL_FIVE = 0x57, ALL_FOUR = 0x56 }; /* kty, alg, -1, -2, with and without -3 */
    struct cose c = read_cose(r);
    const struct bytes *p = c.part;

    if (r->failed)
        return ERR_PASSKEY_MALFORMED;
    ret->len = 0;
    ret->alg = (enum passkey_alg)c.alg;
    if (c.kty == KTY_EC2 && c.crv == CRV_P256 && c.seen == ALL_FIVE && p[2].len == 32 && p[3].len == 32)
        join(ret, p[2], p[3]);
    else if (c.kty == KTY_OKP && c.crv == CRV_ED25519 && c.seen == ALL_FOUR && p[2].len == 32)
        join(ret, p[2], p[3]);
    else if (c.kty == KTY_RSA && c.seen == ALL_FOUR && p[1].len == 256 && p[2].len == 3)
        join(ret, p[1], p[2]);
    return passkey_key_check(ret);
}

enum err
passkey_cose_read(struct bytes cose, struct passkey_key *ret)
{
    struct wire_in r = reader(cose);
    struct passkey_key key;
    enum err err = read_key(&r, &key);

    if (!err && r.at != r.end)
        err = ERR_PASSKEY_MALFORMED;
    if (!err)
        *ret = key;
    return err;
}

size_t
passkey_cose(const struct passkey_key *key, uint8_t ret[PASSKEY_COSE_MAX])
{
    struct wire_out w = { .at = ret, .end = ret + PASSKEY_COSE_MAX };

    switch (key->alg) {
    case PASSKEY_ES256:
        put_bytes(&w, "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10);
        put_bytes(&w, key->bytes, 32);
        put_bytes(&w, "\x22\x58\x20", 3);
        put_bytes(&w, key->bytes + 32, 32);
        break;
    case PASSKEY_EDDSA:
        put_bytes(&w, "\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", 10);
        put_bytes(&w, key->bytes, 32);
        break;
    case PASSKEY_RS256:
        put_bytes(&w, "\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", 11);
        put_bytes(&w, key->bytes, 256);
        put_bytes(&w, "\x21\x43", 2);
        put_bytes(&w, key->bytes + 256, 3);
        break;
    }
    return (size_t)(w.at - ret);
}

/* ---- one that was made ------------------------------------------------------------------------------------------------ */

static enum err
read_object(struct bytes object, struct bytes *ret_data)
{
    struct wire_in r = reader(object);
    struct cbor_map m = cbor_map(&r, 3);
    struct bytes format = { NULL, 0 };
    unsigned seen = 0;

    while (cbor_more(&r, &m)) {
        struct bytes name = cbor_text(&r);

        cbor_named(&r, &m);
        if (same(name, "fmt")) {
            seen |= 1;
            format = cbor_text(&r);
        } else if (same(name, "attStmt") && same(format, "none")) {
            seen |= 2;
            cbor_map(&r, 0);
        } else if (same(name, "attStmt")) {
            seen |= 2;
            cbor_skip(&r);
        } else if (same(name, "authData")) {
            seen |= 4;
            *ret_data = cbor_bytes(&r);
        } else {
            r.failed = true;
        }
    }
    if (object.len > PASSKEY_OBJECT_MAX || r.failed || seen != 7 || r.at != r.end)
        return ERR_PASSKEY_MALFORMED;
    return same(format, "none") ? OK : ERR_PASSKEY_ATTESTATION;
}

static enum err
read_data(const struct passkey_site *site, struct bytes data, bool verified, struct passkey_made *ret)
{
    struct wire_in r = reader(data);
    struct passkey_used head;
    uint8_t make[16]; /* nobody's business */
    enum err err = check_head(site, &r, verified, &head);

    if (err)
        return err;
    if (!(head.flags & PASSKEY_ATTESTED))
        return ERR_PASSKEY_MALFORMED;
    get_bytes(&r, make, sizeof make);
    ret->flags = head.flags;
    ret->count = head.count;
    ret->id_len = get_u16(&r);
    if (r.failed)
        return ERR_PASSKEY_MALFORMED;
    if (ret->id_len < PASSKEY_ID_MIN || ret->id_len > PASSKEY_ID_MAX)
        return ERR_PASSKEY_ID;
    get_bytes(&r, ret->id, ret->id_len);
    err = read_key(&r, &ret->key);
    return err ? err : check_tail(&r, head.flags);
}

enum err
passkey_made_check(const struct passkey_site *site, const uint8_t challenge[PASSKEY_CHALLENGE], struct bytes client,
                   struct bytes object, bool verified, struct passkey_made *ret)
{
    struct passkey_made made = { .id_len = 0 };
    struct bytes data = { NULL, 0 };
    enum err err = check_client(site, "webauthn.create", challenge, client);

    if (!err)
        err = read_object(object, &data);
    if (!err)
        err = read_data(site, data, verified, &made);
    if (!err)
        *ret = made;
    return err;
}

/* ---- one that was used ------------------------------------------------------------------------------------------------ */

static bool
signed_by(const struct passkey_key *key, const struct passkey_site *site, const struct passkey_assertion *a)
{
    struct hash hash = sha256(a->client);
    struct keys k = keys_new(key);
    fido_assert_t *f = fido_assert_new();
    bool good;

    if (!f)
        fatal(OUT_OF_MEMORY);
    good = k.public != NULL && fido_assert_set_count(f, 1) == FIDO_OK &&
           fido_assert_set_clientdata_hash(f, hash.b, sizeof hash.b) == FIDO_OK &&
           fido_assert_set_rp(f, site->id) == FIDO_OK && fido_assert_set_up(f, FIDO_OPT_TRUE) == FIDO_OK &&
           fido_assert_set_authdata_raw(f, 0, a->data.data, a->data.len) == FIDO_OK &&
           fido_assert_set_sig(f, 0, a->signature.data, a->signature.len) == FIDO_OK &&
           fido_assert_verify(f, 0, (int)key->alg, k.public) == FIDO_OK;
    fido_assert_free(&f);
    keys_free(&k);
    return good;
}

enum err
passkey_assertion_check(const struct passkey_key *key, const struct passkey_site *site,
                        const uint8_t challenge[PASSKEY_CHALLENGE], const struct passkey_assertion *a, bool verified,
                        struct passkey_used *ret)
{
    struct wire_in r = reader(a->data);
    struct passkey_used used;
    enum err err = check_client(site, "webauthn.get", challenge, a->client);

    if (!err)
        err = check_head(site, &r, verified, &used);
    if (!err && ((used.flags & PASSKEY_ATTESTED) || a->data.len > PASSKEY_DATA_MAX))
        err = ERR_PASSKEY_MALFORMED;
    if (!err)
        err = check_tail(&r, used.flags);
    if (!err && (a->signature.len > PASSKEY_SIGNATURE_MAX || !signed_by(key, site, a)))
        err = ERR_PASSKEY_SIGNATURE;
    if (!err)
        *ret = used;
    return err;
}

enum err
passkey_assertion_nobody(const struct passkey_site *site, const uint8_t challenge[PASSKEY_CHALLENGE],
                         const struct passkey_assertion *a, bool verified)
{
    /* P-256's own generator: whose secret is one, and everybody's */
    static const char POINT[] = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    struct passkey_key key = { .alg = PASSKEY_ES256, .len = 64 };
    struct passkey_used used;
    enum err err;

    if (!hex_decode(POINT, key.bytes, key.len))
        return ERR_INTERNAL;
    err = passkey_assertion_check(&key, site, challenge, a, verified, &used);
    return err ? err : ERR_PASSKEY_SIGNATURE;
}
