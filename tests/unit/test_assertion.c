/* crypto/assertion against schema/journal/assertion.json; a byte changed anywhere is refused; what is written is read again; which pages
 * may ask online. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "crypto/assertion.h"

struct vector {
    char name[80];
    uint8_t blob[ASSERTION_MAX + 1], key[32], said[1024];
    size_t len, said_len;
    enum err says;
};

static char text[80000];
static struct json_in file;

static size_t
open_vectors(void)
{
    const char *src = getenv("KONTOR_SRC") ? getenv("KONTOR_SRC") : getenv("srcdir");
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/schema/journal/assertion.json", src ? src : "..");
    f = fopen(path, "r");
    assert_non_null(f);
    file = json_in_open(BYTES(text, fread(text, 1, sizeof text, f)), NULL);
    fclose(f);
    json_in_text(&file, "what", 1, 500);
    return json_in_array(&file, "vectors", 100);
}

static size_t
hex(struct json_in *in, const char *name, uint8_t *ret, size_t most)
{
    const char *digits = json_in_text(in, name, 0, 2 * most);

    assert_int_equal(in->err, OK);
    assert_true(hex_decode(digits, ret, strlen(digits) / 2));
    return strlen(digits) / 2;
}

static void
read_vector(size_t i, struct vector *ret)
{
    struct json_in in = json_in_array_object(&file, "vectors", i);
    const char *says;

    snprintf(ret->name, sizeof ret->name, "%s", json_in_text(&in, "name", 1, 79));
    ret->len = hex(&in, "assertion", ret->blob, sizeof ret->blob);
    assert_int_equal(hex(&in, "key", ret->key, sizeof ret->key), 32);
    ret->said_len = hex(&in, "signed", ret->said, sizeof ret->said);
    says = json_in_text(&in, "says", 1, 40);
    ret->says = strcmp(says, "ok") == 0 ? OK : err_from_wire(says);
    assert_int_equal(json_in_close(&in), OK);
}

static enum err
check(const struct vector *v, const char *origins)
{
    return assertion_check(BYTES(v->blob, v->len), v->key, origins, BYTES(v->said, v->said_len));
}

static void
test_vectors(void **state)
{
    static struct vector v;
    size_t n = open_vectors(), good = 0;

    (void)state;
    assert_true(n > 40);
    for (size_t i = 0; i < n; i++) {
        enum err err;

        read_vector(i, &v);
        err = check(&v, NULL);
        if (err != v.says)
            fail_msg("%s: %s", v.name, err ? err_wire(err) : "ok");
        good += err == OK;
    }
    assert_int_equal(good, 10);
    assert_int_equal(json_in_close(&file), OK);
}

/* Only the first of each kind: what is changed is refused, whatever it is, and so is each beginning. */
static void
test_any_byte_changed(void **state)
{
    static struct vector v;

    (void)state;
    open_vectors();
    for (size_t kind = 0; kind < 3; kind++) {
        read_vector(kind, &v);
        assert_int_equal(v.says, OK);
        for (size_t i = 0; i < v.len; i++) {
            v.blob[i] ^= 1;
            if (check(&v, NULL) == OK)
                fail_msg("%s: byte %zu may be another", v.name, i);
            v.blob[i] ^= 1;
        }
        while (v.len-- > 0)
            assert_int_not_equal(check(&v, NULL), OK);
    }
    assert_int_equal(json_in_close(&file), OK);
}

static void
test_written_as_read(void **state)
{
    static struct vector v;
    uint8_t again[ASSERTION_MAX], slot[64], key[32], cose[PASSKEY_COSE_MAX], long_one[PASSKEY_CLIENT_MAX] = { 'x' };
    struct passkey_key passkey;
    struct assertion a;
    struct hash h;

    (void)state;
    open_vectors();
    for (size_t kind = 0; kind < 3; kind++) {
        read_vector(kind, &v);
        assert_int_equal(assertion_read(BYTES(v.blob, v.len), &a), OK);
        assert_int_equal(assertion_write(&a, again), v.len);
        assert_memory_equal(again, v.blob, v.len);
        assertion_key(a.site, a.cose, key);
        assert_memory_equal(key, v.key, 32);
        assert_int_equal(passkey_cose_read(a.cose, &passkey), OK);
        assert_int_equal(passkey_cose(&passkey, cose), a.cose.len);
        assert_memory_equal(cose, a.cose.data, a.cose.len);
        h = sha256(BYTES(v.blob, v.len));
        assertion_slot(BYTES(v.blob, v.len), slot);
        assert_memory_equal(slot, h.b, 32);
        for (int i = 32; i < 64; i++)
            assert_int_equal(slot[i], 0);
    }
    a.said.client = BYTES(long_one, sizeof long_one); /* a part may be as long as that, but all of it not */
    assert_int_equal(assertion_write(&a, again), 0);
    a.said.client = BYTES("", 0);
    assert_int_equal(assertion_write(&a, again), 0);
    assert_int_equal(json_in_close(&file), OK);
}

/* The server names its pages; the auditor takes any of the site. */
static void
test_pages(void **state)
{
    static struct vector v;

    (void)state;
    open_vectors();
    read_vector(0, &v);
    assert_int_equal(check(&v, "https://kontor.example"), OK);
    assert_int_equal(check(&v, "https://a.example https://kontor.example"), OK);
    assert_int_equal(check(&v, "https://www.kontor.example"), ERR_PASSKEY_ORIGIN);
    assert_int_equal(check(&v, ""), ERR_PASSKEY_ORIGIN);
    assert_int_equal(json_in_close(&file), OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_any_byte_changed),
        cmocka_unit_test(test_written_as_read),
        cmocka_unit_test(test_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
