/* tests/fuzz/fuzz_claims.c: any bytes as the claims of a ticket and of a receipt, well signed: what is taken is within the
 * ranges that the agent relies on. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/claims.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
as_ticket(const char *token, const struct jws_keys *keys)
{
    struct ticket_claims t;

    if (ticket_claims_read(token, keys, "kontor.example/demo", "lumi", &t, NULL) != OK)
        return;
    assert(t.seq >= 1 && t.fence >= 1);
    if (t.cancel)
        return;
    assert(t.gpus >= 1 && t.walltime_s >= 1 && t.workload_len <= WORKLOAD_MAX);
    assert(t.window_start_ms >= 0 && t.window_end_ms >= t.window_start_ms && t.start_by_ms >= 0);
    assert(t.max_gpums >= 0 && strlen(t.model) < sizeof t.model);
}

static void
as_receipt(const char *token, const struct jws_keys *keys)
{
    struct receipt_claims r;

    if (receipt_claims_read(token, keys, "kontor.example/demo", "lumi", &r, NULL) != OK)
        return;
    assert(r.number >= 1 && (r.has_permit || !r.granted) && strlen(r.reason) < sizeof r.reason);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t SEED[SIGN_SEED_LEN] = { 1, 2, 3 };
    struct sign_key key = sign_key_from_seed(SEED);
    struct jws_keys keys = { .key = { { .kid = "0" } }, .n = 1 };
    char *token;

    if (len > JWS_MAX / 2)
        return 0;
    memcpy(keys.key[0].public, key.public, sizeof key.public);
    token = jws_make(&key, JWS_TYP_TICKET, "0", BYTES(data, len));
    as_ticket(token, &keys);
    free(token);
    token = jws_make(&key, JWS_TYP_RECEIPT, "0", BYTES(data, len));
    as_receipt(token, &keys);
    free(token);
    return 0;
}
