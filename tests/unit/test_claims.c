/* crypto/jws and agent/claims against schema/tokens.json: the golden tokens are made byte for byte and read whole, the bad
 * ones are refused, and claims that are not as in the schema are no ticket. tests/agent/jose holds the same file against
 * another library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/claims.h"
#include "base/arena.h"

#define ORIGIN "kontor.example/demo"
#define VECTORS_MAX 64

struct vector { char name[64], typ[JWS_KID_MAX], kid[JWS_KID_MAX], *claims, *token; };

static struct { struct jws_keys keys; struct sign_key private[2]; struct vector good[VECTORS_MAX], bad[VECTORS_MAX]; size_t good_n, bad_n; } file;

static char *
read_file(size_t *ret_len)
{
    const char *src = getenv("KONTOR_SRC") ? getenv("KONTOR_SRC") : getenv("srcdir");
    char path[512], *text = malloc(1 << 20);
    FILE *f;

    snprintf(path, sizeof path, "%s/schema/tokens.json", src ? src : "..");
    f = fopen(path, "r");
    assert_non_null(f);
    *ret_len = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void
read_vectors(struct json_in *in, const char *name, bool good, struct vector *ret, size_t *ret_n)
{
    *ret_n = json_in_array(in, name, VECTORS_MAX);
    for (size_t i = 0; i < *ret_n; i++) {
        struct json_in v = json_in_array_object(in, name, i);

        snprintf(ret[i].name, sizeof ret[i].name, "%s", json_in_text(&v, "name", 1, 63));
        snprintf(ret[i].typ, sizeof ret[i].typ, "%s", json_in_text(&v, "typ", 1, JWS_KID_MAX - 1));
        ret[i].token = xstrdup(json_in_text(&v, "token", 1, JWS_MAX));
        if (good) {
            snprintf(ret[i].kid, sizeof ret[i].kid, "%s", json_in_text(&v, "kid", 1, JWS_KID_MAX - 1));
            ret[i].claims = xstrdup(json_in_text(&v, "claims", 1, JWS_MAX));
        } else {
            json_in_bool(&v, "only_ours");
        }
        assert_int_equal(json_in_close(&v), OK);
    }
}

static void
read_private(struct json_in *in, const char *kid, struct sign_key *ret)
{
    struct json_in key = json_in_object(in, kid);
    uint8_t seed[SIGN_SEED_LEN];
    const char *d;
    size_t len;

    json_in_text(&key, "kty", 1, 9);
    json_in_text(&key, "crv", 1, 9);
    json_in_text(&key, "x", 1, 64);
    d = json_in_text(&key, "d", 1, 64);
    assert_true(base64url_decode(d, strlen(d), seed, sizeof seed, &len) && len == sizeof seed);
    *ret = sign_key_from_seed(seed);
    assert_int_equal(json_in_close(&key), OK);
}

static int
read_all(void **state)
{
    struct err_detail d = { 0 };
    struct json_in in, nested;
    size_t len;
    char *text = read_file(&len);

    (void)state;
    in = json_in_open(BYTES(text, len), &d);
    json_in_text(&in, "about", 1, 1000);
    json_in_i64(&in, "now", 0, INT64_MAX);
    nested = json_in_object(&in, "jwks");
    jws_keys_read(&nested, &file.keys);
    assert_int_equal(json_in_close(&nested), OK);
    nested = json_in_object(&in, "private");
    read_private(&nested, "0", &file.private[0]);
    read_private(&nested, "41", &file.private[1]);
    assert_int_equal(json_in_close(&nested), OK);
    read_vectors(&in, "good", true, file.good, &file.good_n);
    read_vectors(&in, "bad", false, file.bad, &file.bad_n);
    if (json_in_close(&in) != OK)
        fail_msg("%s %s", d.pointer, d.text);
    free(text);
    return 0;
}

static int
free_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < file.good_n; i++)
        free(file.good[i].claims), free(file.good[i].token);
    for (size_t i = 0; i < file.bad_n; i++)
        free(file.bad[i].token);
    return 0;
}

static const struct sign_key *
key_of(const char *kid)
{
    return &file.private[strcmp(kid, "0") == 0 ? 0 : 1];
}

static void
golden_tokens_are_made_and_verified(void **state)
{
    (void)state;
    assert_true(file.good_n >= 7);
    for (size_t i = 0; i < file.good_n; i++) {
        const struct vector *v = &file.good[i];
        char *token = jws_make(key_of(v->kid), v->typ, v->kid, BYTES_TEXT(v->claims)), *payload;
        size_t len;

        assert_string_equal(token, v->token);
        assert_int_equal(jws_verify_set(v->token, strlen(v->token), v->typ, &file.keys, &payload, &len), OK);
        assert_string_equal(payload, v->claims);
        free(payload);
        free(token);
    }
}

static void
bad_tokens_are_refused(void **state)
{
    (void)state;
    assert_true(file.bad_n >= 10);
    for (size_t i = 0; i < file.bad_n; i++) {
        char *payload = NULL;
        size_t len;

        if (jws_verify_set(file.bad[i].token, strlen(file.bad[i].token), file.bad[i].typ, &file.keys, &payload, &len) == OK)
            fail_msg("%s: taken", file.bad[i].name);
        assert_null(payload);
    }
}

static enum err
ticket_read(const char *claims, struct ticket_claims *ret)
{
    char *token = jws_make(key_of("0"), JWS_TYP_TICKET, "0", BYTES_TEXT(claims));
    enum err err = ticket_claims_read(token, &file.keys, ORIGIN, "lumi", ret, NULL);

    free(token);
    return err;
}

static void
golden_claims_are_read(void **state)
{
    struct ticket_claims t;
    struct receipt_claims r;

    (void)state;
    assert_int_equal(ticket_claims_read(file.good[0].token, &file.keys, ORIGIN, "lumi", &t, NULL), OK);
    assert_false(t.cancel);
    assert_int_equal(t.seq, 12);
    assert_int_equal(t.fence, 3);
    assert_int_equal(t.gpus, 8);
    assert_int_equal(t.window_start_ms, 1780000800000);
    assert_int_equal(t.window_end_ms, 1780008000000);
    assert_int_equal(t.max_gpums, 63360000);
    assert_int_equal(t.workload_len, 21);
    assert_string_equal(t.model, "MI250X");
    assert_int_equal(ticket_claims_read(file.good[1].token, &file.keys, ORIGIN, "lumi", &t, NULL), OK);
    assert_true(t.seq == 9007199254740993ULL && t.max_gpums == INT64_C(1) << 62 && t.nodes == 0);
    assert_int_equal(ticket_claims_read(file.good[2].token, &file.keys, ORIGIN, "lumi", &t, NULL), OK);
    assert_true(t.cancel && t.seq == 13);
    assert_int_equal(receipt_claims_read(file.good[3].token, &file.keys, ORIGIN, "lumi", &r, NULL), OK);
    assert_true(r.number == 7 && !r.has_permit && r.statement.b[31] == 0xab);
    assert_int_equal(receipt_claims_read(file.good[4].token, &file.keys, ORIGIN, "lumi", &r, NULL), OK);
    assert_true(r.has_permit && r.granted && r.instance == 5 && r.fence == 3);
    assert_int_equal(receipt_claims_read(file.good[5].token, &file.keys, ORIGIN, "lumi", &r, NULL), OK);
    assert_true(r.has_permit && !r.granted);
    assert_string_equal(r.reason, "state");
    assert_int_equal(t.needs, 0);
    assert_int_equal(ticket_claims_read(file.good[7].token, &file.keys, ORIGIN, "lumi", &t, NULL), OK);
    assert_true(t.needs == NEED_BIT(NEED_ALLOCATION) && !t.needs_unknown && t.workload_len == 0);
    /* A receipt is no ticket, a ticket no receipt, and both are for one site of one server. */
    assert_int_equal(ticket_claims_read(file.good[3].token, &file.keys, ORIGIN, "lumi", &t, NULL), ERR_TOKEN_TYPE);
    assert_int_equal(receipt_claims_read(file.good[0].token, &file.keys, ORIGIN, "lumi", &r, NULL), ERR_TOKEN_TYPE);
    assert_int_equal(ticket_claims_read(file.good[0].token, &file.keys, ORIGIN, "bsc", &t, NULL), ERR_TOKEN_SITE);
    assert_int_equal(ticket_claims_read(file.good[0].token, &file.keys, "other.example", "lumi", &t, NULL), ERR_TOKEN_SERVER);
}

/* The golden run ticket with one text of its claims put in place of another. */
static const struct { const char *why, *text, *by; enum err err; } changes[] = {
    { "as it is", "\"gpus\":8", "\"gpus\":8", OK },
    { "unknown member", "\"gpus\":8", "\"gpus\":8,\"sudo\":true", ERR_FIELD_UNKNOWN },
    { "missing", "\"gpus\":8,", "", ERR_FIELD_MISSING },
    { "twice", "\"gpus\":8", "\"gpus\":8,\"gpus\":8", ERR_FIELD_DUPLICATE },
    { "no GPUs", "\"gpus\":8", "\"gpus\":0", ERR_FIELD_RANGE },
    { "a text", "\"gpus\":8", "\"gpus\":\"8\"", ERR_FIELD_TYPE },
    { "a fraction", "\"gpus\":8", "\"gpus\":8.0", ERR_FIELD_TYPE },
    { "too large a number", "\"seq\":12", "\"seq\":9223372036854775808", ERR_FIELD_RANGE },
    { "number nought", "\"seq\":12", "\"seq\":0", ERR_FIELD_RANGE },
    { "another order", "\"do\":\"run\"", "\"do\":\"delete\"", ERR_FIELD_INVALID },
    { "a run that says cancel", "\"do\":\"run\"", "\"do\":\"cancel\"", ERR_FIELD_UNKNOWN },
    { "needs", "\"gpus\":8", "\"gpus\":8,\"needs\":[\"allocation\"]", OK },
    { "needs what is not known yet", "\"gpus\":8", "\"gpus\":8,\"needs\":[\"teleport\"]", OK }, /* to be rejected, not left lying */
    { "needs a number", "\"gpus\":8", "\"gpus\":8,\"needs\":[8]", ERR_FIELD_TYPE },
    { "secrets", "\"gpus\":8", "\"gpus\":8,\"needs\":[\"secrets\"],\"secrets\":\"00000000000000000000000000000000000000000000000000000000000000ab\"", OK },
    { "secrets that are no hash", "\"gpus\":8", "\"gpus\":8,\"secrets\":\"ab\"", ERR_FIELD_RANGE },
    { "secrets in the clear", "\"gpus\":8", "\"gpus\":8,\"secrets\":{\"A\":\"b\"}", ERR_FIELD_TYPE },
    { "a window of three", "1780008000000]", "1780008000000,1]", ERR_FIELD_RANGE },
    { "a window of one", "1780000800000,1780008000000", "1780000800000", ERR_FIELD_INVALID },
    { "a window backwards", "1780000800000,1780008000000", "1780008000000,1780000800000", ERR_FIELD_RANGE },
    { "too large a workload", "\"len\":21", "\"len\":65537", ERR_FIELD_RANGE },
    { "a short hash", "\"len\":21", "\"len\":21,\"x\":1", ERR_FIELD_UNKNOWN },
    { "not JSON", "{\"iss\"", "\"iss\"", ERR_JSON_MALFORMED },
};

static void
other_claims_are_no_ticket(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *claims = file.good[0].claims, *at = strstr(claims, changes[i].text);
        struct ticket_claims t;
        char text[2048];
        enum err err;

        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - claims), claims, changes[i].by, at + strlen(changes[i].text));
        err = ticket_read(text, &t);
        if (err != changes[i].err)
            fail_msg("%s: %s", changes[i].why, err ? err_wire(err) : "taken");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_tokens_are_made_and_verified), cmocka_unit_test(bad_tokens_are_refused),
        cmocka_unit_test(golden_claims_are_read), cmocka_unit_test(other_claims_are_no_ticket),
    };

    return cmocka_run_group_tests(tests, read_all, free_all);
}
