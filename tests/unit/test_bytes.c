/* tests/unit/test_bytes.c: fixed layouts, hexadecimal, base64, SHA-256, checked numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/num.h"

static void
layouts_go_there_and_back(void **state)
{
    uint8_t buffer[31];
    struct wire_out w = { buffer, buffer + sizeof buffer };
    struct wire_in r = { buffer, buffer + sizeof buffer, false };
    uint8_t three[3];

    (void)state;
    put_u8(&w, 0xab);
    put_u16(&w, 0x1234);
    put_u32(&w, 0x89abcdef);
    put_u64(&w, UINT64_MAX - 1);
    put_i64(&w, INT64_MIN);
    put_bytes(&w, "xyz", 3);
    put_zero(&w, 5);
    assert_ptr_equal(w.at, w.end);
    assert_int_equal(buffer[1], 0x12); /* big-endian */
    assert_int_equal(buffer[2], 0x34);

    assert_int_equal(get_u8(&r), 0xab);
    assert_int_equal(get_u16(&r), 0x1234);
    assert_int_equal(get_u32(&r), 0x89abcdef);
    assert_true(get_u64(&r) == UINT64_MAX - 1);
    assert_true(get_i64(&r) == INT64_MIN);
    get_bytes(&r, three, 3);
    assert_memory_equal(three, "xyz", 3);
    get_zero(&r, 5);
    assert_false(r.failed);
    assert_ptr_equal(r.at, r.end);
}

static void
reading_past_the_end_fails_for_good(void **state)
{
    const uint8_t buffer[5] = { 1, 2, 3, 4, 5 };
    struct wire_in r = { buffer, buffer + sizeof buffer, false };
    uint8_t four[4] = { 9, 9, 9, 9 };

    (void)state;
    assert_int_equal(get_u32(&r), 0x01020304);
    assert_int_equal(get_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(get_u8(&r), 0); /* though a byte is left */
    get_bytes(&r, four, sizeof four);
    assert_memory_equal(four, "\0\0\0\0", 4);

    struct wire_in z = { buffer, buffer + sizeof buffer, false };
    get_zero(&z, 2);
    assert_true(z.failed);
}

static void
hexadecimal(void **state)
{
    uint8_t out[3] = { 7, 7, 7 };
    char text[HEX_LEN(3)];

    (void)state;
    hex_encode(BYTES("\x00\xab\xff", 3), text);
    assert_string_equal(text, "00abff");
    assert_true(hex_decode("00ABff", out, 3));
    assert_memory_equal(out, "\x00\xab\xff", 3);
    out[0] = 7;
    assert_false(hex_decode("00abf", out, 3));
    assert_false(hex_decode("00abfff", out, 3));
    assert_false(hex_decode("00abfg", out, 3));
    assert_false(hex_decode("", out, 3));
    assert_int_equal(out[0], 7);
    assert_true(hex_decode("", out, 0));
}

static void
base64(void **state)
{
    static const struct { const char *plain, *padded, *url; } rows[] = { /* RFC 4648, 10 */
        { "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" }, { "fooba", "Zm9vYmE=", "Zm9vYmE" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xfb\xff\xfe", "+//+", "-__-" },
    };
    static const char *const bad[] = { "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", " Zm9v", "Zm-_", "Zg==Zg==",
                                       "Z" };
    static const char *const bad_url[] = { "Zg==", "Zh", "Zm9", "+//+", "Zm9vY", "Z" };
    char text[16];
    uint8_t out[16];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].plain);
        base64_encode(BYTES_TEXT(rows[i].plain), text);
        assert_string_equal(text, rows[i].padded);
        base64url_encode(BYTES_TEXT(rows[i].plain), text);
        assert_string_equal(text, rows[i].url);
        assert_true(base64_decode(rows[i].padded, strlen(rows[i].padded), out, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(out, rows[i].plain, n);
        assert_true(base64url_decode(rows[i].url, strlen(rows[i].url), out, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(out, rows[i].plain, n);
        if (n > 0)
            assert_false(base64_decode(rows[i].padded, strlen(rows[i].padded), out, n - 1, &len));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        print_message("# %s\n", bad[i]);
        assert_false(base64_decode(bad[i], strlen(bad[i]), out, sizeof out, &len));
    }
    for (size_t i = 0; i < sizeof bad_url / sizeof bad_url[0]; i++) {
        print_message("# %s\n", bad_url[i]);
        assert_false(base64url_decode(bad_url[i], strlen(bad_url[i]), out, sizeof out, &len));
    }
}

static void
sha_256(void **state)
{
    struct bytes parts[] = { BYTES_TEXT("a"), BYTES_TEXT(""), BYTES_TEXT("bc") };
    char text[HEX_LEN(32)];

    (void)state;
    hex_encode(BYTES(sha256(BYTES_TEXT("")).b, 32), text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hex_encode(BYTES(sha256(BYTES_TEXT("abc")).b, 32), text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(hash_equal(sha256_of(parts, 3), sha256(BYTES_TEXT("abc"))));
    assert_false(hash_equal(sha256_of(parts, 2), sha256(BYTES_TEXT("abc"))));
}

static void *
hash_many(void *arg)
{
    struct hash *h = arg;

    for (int i = 0; i < 1000; i++)
        *h = sha256(BYTES(h->b, sizeof h->b));
    return NULL;
}

static void
threads_hash_on_their_own(void **state)
{
    pthread_t threads[4];
    struct hash h[5] = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_many, &h[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    hash_many(&h[4]);
    for (int i = 0; i < 4; i++)
        assert_true(hash_equal(h[i], h[4]));
}

static void
numbers_do_not_wrap(void **state)
{
    int64_t r = 7;

    (void)state;
    assert_false(add_i64(INT64_MAX, 1, &r));
    assert_false(sub_i64(INT64_MIN, 1, &r));
    assert_false(mul_i64(INT64_MAX / 2 + 1, 2, &r));
    assert_false(mul_i64(INT64_MIN, -1, &r));
    assert_true(r == 7);
    assert_true(add_i64(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    assert_true(sub_i64(0, INT64_MAX, &r) && r == -INT64_MAX);
    assert_true(mul_i64(-3, 5, &r) && r == -15);
    assert_true(min_i64(-1, 1) == -1 && max_i64(-1, 1) == 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_go_there_and_back),
        cmocka_unit_test(reading_past_the_end_fails_for_good),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(base64),
        cmocka_unit_test(sha_256),
        cmocka_unit_test(threads_hash_on_their_own),
        cmocka_unit_test(numbers_do_not_wrap),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
