/* tests/fuzz/fuzz_json.c: the strict reader; the canonical form is a fixed point; what is emitted can be read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const CHOICES[] = { "soonest", "cheapest", NULL };

static void
read_all(struct bytes body)
{
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(body, &detail), inner;
    uint8_t blob[16];
    enum err err;

    json_in_i64_or(&in, "gpus", 1, 4096, 1);
    json_in_bool_or(&in, "move", false);
    json_in_text_or(&in, "name", 32, "");
    if (json_in_has(&in, "preference"))
        json_in_choice(&in, "preference", CHOICES);
    json_in_time_or(&in, "start", 0);
    if (json_in_has(&in, "id"))
        json_in_uuid(&in, "id");
    if (json_in_has(&in, "cost_gpums"))
        json_in_gpums(&in, "cost_gpums", 0, INT64_MAX);
    if (json_in_has(&in, "blob"))
        assert(json_in_base64(&in, "blob", blob, sizeof blob) <= sizeof blob);
    if (json_in_has(&in, "list"))
        for (size_t i = 0, n = json_in_array(&in, "list", 8); i < n; i++) {
            inner = json_in_array_object(&in, "list", i);
            json_in_text(&inner, "name", 1, 8);
            err = json_in_close(&inner);
            assert(err == OK || in.err != OK);
        }
    if (json_in_has(&in, "object")) {
        inner = json_in_object(&in, "object");
        json_in_i64(&inner, "x", INT64_MIN, INT64_MAX);
        err = json_in_close(&inner);
        assert(err == OK || in.err != OK);
    }
    err = json_in_close(&in);
    assert(err == OK || detail.text[0] != '\0');
    assert(memchr(detail.pointer, 0, sizeof detail.pointer) != NULL);
}

static void
canonical_twice(struct bytes body)
{
    char *once, *twice;
    size_t once_len, twice_len;

    if (json_canonical(body, NULL, &once, &once_len) != OK)
        return;
    if (json_canonical(BYTES(once, once_len), NULL, &twice, &twice_len) != OK)
        abort();
    assert(once_len == twice_len && memcmp(once, twice, once_len) == 0);
    free(once);
    free(twice);
}

/* Any bytes as a text: valid JSON comes out, unless it holds U+0000, which no reader takes. */
static void
emit(struct bytes text)
{
    struct json_out o = { 0 };
    size_t len;
    char *back;

    json_open(&o, NULL);
    json_textn(&o, "text", text.len > 0 ? (const char *)text.data : "", text.len);
    json_base64(&o, "base64", text);
    json_hex(&o, "hex", text);
    json_shut(&o);
    if (text.len == 0 || memchr(text.data, 0, text.len) == NULL) {
        if (json_canonical(BYTES(o.text, o.len), NULL, &back, &len) != OK)
            abort();
        free(back);
    }
    json_out_free(&o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    read_all(BYTES(data, len));
    canonical_twice(BYTES(data, len));
    emit(BYTES(data, len));
    return 0;
}
