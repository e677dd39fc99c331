/* market/courier, crypto/hook, base/address: how long is waited, how a webhook is signed, where none may lead. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/web.h"
#include "crypto/hook.h"
#include "market/courier.h"

static void
test_pauses_double_and_are_bounded(void **unused)
{
    (void)unused;
    for (int tries = 1; tries < 100; tries++)
        for (uint32_t random = 0; random < 5000; random += 499) {
            int64_t pause_ms = courier_pause(30000, tries, random), middle_ms = tries < 11 ? INT64_C(30000) << (tries - 1) : INT64_C(21600000);

            if (middle_ms > INT64_C(21600000))
                middle_ms = INT64_C(21600000);
            assert_true(pause_ms >= middle_ms * 4 / 5 && pause_ms <= middle_ms * 6 / 5);
        }
    assert_true(courier_pause(30000, 1, 0) != courier_pause(30000, 1, 999));
}

/* The example of the Standard Webhooks specification, and of its libraries. */
static void
test_the_signature_is_that_of_standard_webhooks(void **unused)
{
    static const char SECRET[] = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BODY[] = "{\"test\": 2432232314}";
    struct hook_secret s = { { 0 } };
    char text[HOOK_SIGNATURE_TEXT], shown[HOOK_SECRET_TEXT];
    size_t len = 0;

    (void)unused;
    assert_true(base64_decode(SECRET, strlen(SECRET), s.b, sizeof s.b, &len) && len == 24); /* HMAC pads a short key with zeros */
    hook_sign(&s, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", BYTES_TEXT(BODY), text);
    assert_string_equal(text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    s = hook_secret_new();
    hook_secret_text(&s, shown);
    assert_true(strncmp(shown, "whsec_", 6) == 0 && strlen(shown) == HOOK_SECRET_TEXT - 1);
}

static bool
is_public(const char *text)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_is_public((const struct sockaddr *)&v6);
}

static void
test_which_addresses_are_public(void **unused)
{
    static const char *const PUBLIC[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1", "128.0.0.1", "169.253.0.1",
                                          "172.15.255.255", "172.32.0.0", "192.167.1.1", "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
                                          "2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:1.1.1.1", "2003::1" };
    static const char *const OTHERS[] = { "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
                                          "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
                                          "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
                                          "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
                                          "2001:db8::1", "2001::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "100::1" };

    (void)unused;
    for (size_t i = 0; i < sizeof PUBLIC / sizeof PUBLIC[0]; i++)
        if (!is_public(PUBLIC[i]))
            fail_msg("%s is public", PUBLIC[i]);
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        if (is_public(OTHERS[i]))
            fail_msg("%s is not public", OTHERS[i]);
}

static void
test_addresses_of_webhooks(void **unused)
{
    (void)unused;
    assert_true(web_url_stranger_ok("https://hooks.example/kontor?x=1", false));
    assert_false(web_url_stranger_ok("http://hooks.example/", false));
    assert_true(web_url_stranger_ok("http://127.0.0.1:80/", true));
    assert_false(web_url_stranger_ok("https://user:pass@hooks.example/", false));
    assert_false(web_url_stranger_ok("https://hooks.example/\r\nX: y", false));
    assert_false(web_url_stranger_ok("file:///etc/passwd", true));
    assert_false(web_url_stranger_ok("https://", false));
}

static void
test_a_private_address_is_not_called(void **unused)
{
    struct err_detail d = { .text = "" };
    struct web *w;
    struct web_reply r;

    (void)unused;
    assert_int_equal(web_new(1, "", "test", &w, &d), OK);
    for (int i = 0; i < 3; i++) {
        static const char *const URLS[] = { "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/" };

        web_start(w, 0, &(struct web_call){ .url = URLS[i], .timeout_ms = 2000, .stranger = true });
        while (!web_next(w, &r))
            web_wait(w, NULL, 0, 100);
        assert_int_equal(r.status, 0);
        assert_string_equal(r.error, "Its address is not a public one.");
    }
    web_delete(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses_double_and_are_bounded),
        cmocka_unit_test(test_the_signature_is_that_of_standard_webhooks),
        cmocka_unit_test(test_which_addresses_are_public),
        cmocka_unit_test(test_addresses_of_webhooks),
        cmocka_unit_test(test_a_private_address_is_not_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
