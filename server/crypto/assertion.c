/* crypto/assertion.c */
#include "crypto/assertion.h"

#define KEY_TITLE "kontor-passkey/v1"

static const size_t MOST[ASSERTION_PARTS] = { ASSERTION_SITE_MAX, PASSKEY_COSE_MAX, PASSKEY_DATA_MAX, PASSKEY_CLIENT_MAX, PASSKEY_SIGNATURE_MAX };

size_t
assertion_write(const struct assertion *a, uint8_t ret[ASSERTION_MAX])
{
    const struct bytes parts[ASSERTION_PARTS] = { a->site, a->cose, a->said.data, a->said.client, a->said.signature };
    struct wire_out w = { .at = ret, .end = ret + ASSERTION_MAX };

    put_bytes(&w, ASSERTION_TITLE, sizeof ASSERTION_TITLE);
    for (int i = 0; i < ASSERTION_PARTS; i++) {
        if (parts[i].len == 0 || parts[i].len > MOST[i] || parts[i].len + 2 > (size_t)(w.end - w.at))
            return 0;
        put_u16(&w, (uint16_t)parts[i].len);
        put_bytes(&w, parts[i].data, parts[i].len);
    }
    return (size_t)(w.at - ret);
}

enum err
assertion_read(struct bytes blob, struct assertion *ret)
{
    struct wire_in r = { .at = blob.data, .end = blob.data + blob.len };
    char title[sizeof ASSERTION_TITLE];
    struct bytes parts[ASSERTION_PARTS];

    get_bytes(&r, title, sizeof title);
    if (r.failed || blob.len > ASSERTION_MAX || memcmp(title, ASSERTION_TITLE, sizeof title) != 0)
        return ERR_PASSKEY_MALFORMED;
    for (int i = 0; i < ASSERTION_PARTS; i++) {
        size_t len = get_u16(&r);

        if (r.failed || len == 0 || len > MOST[i] || len > (size_t)(r.end - r.at))
            return ERR_PASSKEY_MALFORMED;
        parts[i] = BYTES(r.at, len);
        r.at += len;
    }
    if (r.at != r.end)
        return ERR_PASSKEY_MALFORMED;
    *ret = (struct assertion){ .site = parts[0], .cose = parts[1], .said = { .data = parts[2], .client = parts[3], .signature = parts[4] } };
    return OK;
}

void
assertion_key(struct bytes site, struct bytes cose, uint8_t ret[32])
{
    struct hash of_site = sha256(site);
    struct hash h = sha256_of((const struct bytes[]){ BYTES(KEY_TITLE, sizeof KEY_TITLE), BYTES(of_site.b, sizeof of_site.b), cose }, 3);

    memcpy(ret, h.b, sizeof h.b);
}

void
assertion_slot(struct bytes blob, uint8_t ret[64])
{
    struct hash h = sha256(blob);

    memcpy(ret, h.b, sizeof h.b);
    memset(ret + sizeof h.b, 0, 64 - sizeof h.b);
}

/* A name as browsers have it: lower case, nothing that would be more than a name within an origin. */
static bool
is_name(struct bytes site)
{
    for (size_t i = 0; i < site.len; i++)
        if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789-.", site.data[i], 38))
            return false;
    return site.len > 0 && site.data[0] != '.' && site.data[site.len - 1] != '.';
}

enum err
assertion_check_hash(struct bytes blob, const uint8_t key[32], const char *origins, const struct hash *challenge)
{
    char site[ASSERTION_SITE_MAX + 1] = { 0 };
    struct passkey_site asked = { .id = site, .origins = origins };
    struct passkey_key passkey;
    struct passkey_used used;
    struct assertion a;
    uint8_t named[32];
    enum err err = assertion_read(blob, &a);

    if (!err && !is_name(a.site))
        err = ERR_PASSKEY_MALFORMED;
    if (err)
        return err;
    assertion_key(a.site, a.cose, named);
    if (memcmp(named, key, sizeof named) != 0)
        return ERR_ORDER_KEY;
    memcpy(site, a.site.data, a.site.len);
    err = passkey_cose_read(a.cose, &passkey);
    if (!err)
        err = passkey_assertion_check(&passkey, &asked, challenge->b, &a.said, true, &used);
    /* what no auditor takes is not taken here, whatever pages are ours */
    return err || !origins ? err : assertion_check_hash(blob, key, NULL, challenge);
}

enum err
assertion_check(struct bytes blob, const uint8_t key[32], const char *origins, struct bytes signed_bytes)
{
    struct hash challenge = sha256(signed_bytes);

    return assertion_check_hash(blob, key, origins, &challenge);
}
