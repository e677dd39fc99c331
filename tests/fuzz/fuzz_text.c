/* tests/fuzz/fuzz_text.c: small texts from outside; what is accepted means the same when written again. */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
base64_again(const char *text, size_t len)
{
    uint8_t *out = malloc(len + 1);
    char *again = malloc(BASE64_LEN(len) + 1);
    size_t n;

    if (out == NULL || again == NULL)
        abort();
    if (base64_decode(text, len, out, len, &n)) {
        base64_encode(BYTES(out, n), again);
        assert(strlen(again) == len && memcmp(again, text, len) == 0);
    }
    if (base64url_decode(text, len, out, len, &n)) {
        base64url_encode(BYTES(out, n), again);
        assert(strlen(again) == len && memcmp(again, text, len) == 0);
    }
    free(out);
    free(again);
}

static void
others_again(const char *text)
{
    char out[64];
    uint8_t bytes[16];
    struct uuid id;
    int64_t n, back;

    if (hex_decode(text, bytes, sizeof bytes)) {
        hex_encode(BYTES(bytes, sizeof bytes), out);
        assert(strcasecmp(out, text) == 0);
    }
    if (uuid_parse(text, &id)) {
        uuid_text(id, out);
        assert(strcasecmp(out, text) == 0);
    }
    if (time_parse(text, &n)) {
        time_text(n, out);
        assert(time_parse(out, &back) && back == n);
    }
    if (text_to_i64(text, INT64_MIN, INT64_MAX, &n)) {
        assert(text_format(out, sizeof out, "%lld", (long long)n));
        assert(strcmp(out, text) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    char small[8];

    if (text == NULL)
        abort();
    memcpy(text, data, len);
    text[len] = '\0';
    base64_again(text, len);
    others_again(text);
    if (text_utf8_ok(text, strlen(text))) {
        text_format(small, sizeof small, "%s", text);
        assert(text_utf8_ok(small, strlen(small))); /* a cut leaves no half character */
    }
    assert(!text_is_line(text) || text_utf8_ok(text, strlen(text)));
    assert(strlen(text_trim(text)) <= len);
    free(text);
    return 0;
}
