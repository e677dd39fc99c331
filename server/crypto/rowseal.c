/* crypto/rowseal.c */
#include "crypto/rowseal.h"

#include <assert.h>
#include <sodium.h>

#include "crypto/keyfile.h"
#include "crypto/random.h"

static const char DOMAIN[] = "kontor-row/v1"; /* with its NUL */

static_assert(sizeof(crypto_generichash_state) == sizeof((struct rowseal *)0)->begun, "the state that is kept");
static_assert(ROWSEAL_LEN >= crypto_generichash_BYTES_MIN, "a seal's length");

struct rowseal_key
rowseal_key_new(void)
{
    struct rowseal_key key;

    random_bytes(key.secret, sizeof key.secret);
    return key;
}

enum err
rowseal_key_save(const struct rowseal_key *key, const char *path, struct err_detail *d)
{
    return keyfile_save(path, "rowseal", key->secret, d);
}

enum err
rowseal_key_load(const char *path, struct rowseal_key *ret, struct err_detail *d)
{
    return keyfile_load(path, "rowseal", ret->secret, d);
}

struct rowseal
rowseal_begin(const struct rowseal_key *key, const char *table)
{
    crypto_generichash_state state;
    struct rowseal ret;

    crypto_ready();
    crypto_generichash_init(&state, key->secret, sizeof key->secret, ROWSEAL_LEN);
    crypto_generichash_update(&state, (const uint8_t *)DOMAIN, sizeof DOMAIN);
    crypto_generichash_update(&state, (const uint8_t *)table, strlen(table) + 1);
    memcpy(ret.begun, &state, sizeof state);
    sodium_memzero(&state, sizeof state);
    return ret;
}

void
rowseal_make(const struct rowseal *of, struct bytes first, struct bytes rest, uint8_t ret[ROWSEAL_LEN])
{
    crypto_generichash_state state; /* aligned as libsodium wants it */

    memcpy(&state, of->begun, sizeof state);
    crypto_generichash_update(&state, first.data, first.len);
    if (rest.len > 0)
        crypto_generichash_update(&state, rest.data, rest.len);
    crypto_generichash_final(&state, ret, ROWSEAL_LEN);
}
