/* tests/fuzz/fuzz_assertion.c: any bytes as the assertion of an order (schema/journal/assertion.md). What can be read is written as the same
 * bytes; it is never good by another passkey, nor for another order. */
#include <assert.h>
#include <string.h>

#include "crypto/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char CHALLENGE[] = "b9b92a0a8736675a2dfa4b8b17831f9ccf591d46ba033db6186cdbfc386ed4ec"; /* of the vectors' order */
    struct bytes blob = BYTES(data, len);
    uint8_t again[ASSERTION_MAX], key[32];
    struct assertion a;
    struct hash challenge;
    enum err err, below;

    if (assertion_read(blob, &a)) {
        assert(assertion_check(blob, (const uint8_t[32]){ 0 }, NULL, blob) == ERR_PASSKEY_MALFORMED);
        return 0;
    }
    assert(assertion_write(&a, again) == len && memcmp(again, data, len) == 0);
    assertion_key(a.site, a.cose, key);
    assert(hex_decode(CHALLENGE, challenge.b, sizeof challenge.b));
    err = assertion_check_hash(blob, key, NULL, &challenge);
    below = assertion_check_hash(blob, key, "https://kontor.example", &challenge);
    assert(below != OK || err == OK); /* online no more is taken than offline, where the page is of the site */
    key[0] ^= 1;
    assert(assertion_check_hash(blob, key, NULL, &challenge) != OK);
    key[0] ^= 1;
    challenge.b[0] ^= 1;
    assert(assertion_check_hash(blob, key, NULL, &challenge) != OK);
    return 0;
}
