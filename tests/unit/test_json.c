/* tests/unit/test_json.c: the strict reader, the canonical form, the emitter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static const char *const COLOURS[] = { "red", "green", NULL };

struct order {
    int64_t gpus, limit, gpums, start;
    bool move, keep;
    char name[32], note[32];
    int colour;
    struct uuid id;
    uint8_t blob[8];
    size_t blob_len;
};

/* Reads one member of each kind. */
static enum err
read_order(const char *text, size_t len, struct order *o, struct err_detail *d)
{
    struct json_in in;

    memset(d, 0, sizeof *d);
    memset(o, 0, sizeof *o);
    in = json_in_open(BYTES(text, len), d);
    o->gpus = json_in_i64(&in, "gpus", 1, 4096);
    o->limit = json_in_i64_or(&in, "limit", INT64_MIN, INT64_MAX, -7);
    o->move = json_in_bool(&in, "move");
    o->keep = json_in_bool_or(&in, "keep", true);
    snprintf(o->name, sizeof o->name, "%s", json_in_text(&in, "name", 1, 31));
    snprintf(o->note, sizeof o->note, "%s", json_in_text_or(&in, "note", 31, "none"));
    o->colour = json_in_choice(&in, "colour", COLOURS);
    o->id = json_in_uuid(&in, "id");
    o->start = json_in_time_or(&in, "start", -1);
    o->gpums = json_in_gpums(&in, "cost_gpums", 0, INT64_MAX);
    o->blob_len = json_in_base64(&in, "blob", o->blob, sizeof o->blob);
    return json_in_close(&in);
}

#define ID "\"id\":\"0190163d-8694-7f01-bf03-040506070809\""
#define REST "\"move\":true,\"name\":\"x\",\"colour\":\"green\"," ID ",\"cost_gpums\":\"5\",\"blob\":\"Zm8=\""

static void
good_documents_are_read(void **state)
{
    static const char text[] = " {\"limit\": -9223372036854775808, \"gpus\": 4096, \"start\": \"1970-01-01T00:00:01Z\","
                               " \"note\": null, \"keep\": false, " REST " }\n";
    struct err_detail d;
    struct order o;

    (void)state;
    assert_int_equal(read_order(text, strlen(text), &o, &d), OK);
    assert_true(o.gpus == 4096 && o.limit == INT64_MIN && o.start == 1000 && o.gpums == 5);
    assert_true(o.move && !o.keep && o.colour == 1);
    assert_string_equal(o.name, "x");
    assert_string_equal(o.note, "none"); /* null is as good as missing */
    assert_int_equal(o.blob_len, 2);
    assert_memory_equal(o.blob, "fo", 2);
    assert_int_equal(o.id.b[15], 9);
}

static void
bad_documents_are_refused(void **state)
{
    static const struct { const char *text; enum err err; const char *pointer; } rows[] = {
        { "", ERR_JSON_MALFORMED, "" },
        { " ", ERR_JSON_MALFORMED, "" },
        { "{", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1," REST "} x", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1," REST "}{}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1,}", ERR_JSON_MALFORMED, "" },
        { "{'gpus':1}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":01}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":NaN}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1/* */}", ERR_JSON_MALFORMED, "" },
        { "\xef\xbb\xbf{\"gpus\":1}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1,\"name\":\"\xff\"}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1,\"name\":\"a\\u0000b\"}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1,\"na\\u0000me\":\"a\"}", ERR_JSON_MALFORMED, "" },
        { "{\"gpus\":1,\"name\":\"\\ud800\"}", ERR_JSON_MALFORMED, "" },
        { "null", ERR_FIELD_TYPE, "" },
        { "[]", ERR_FIELD_TYPE, "" },
        { "\"x\"", ERR_FIELD_TYPE, "" },
        { "5", ERR_FIELD_TYPE, "" },
        { "{\"gpus\":1,\"gpus\":1," REST "}", ERR_FIELD_DUPLICATE, "/gpus" },
        { "{\"gpus\":1,\"a\":{\"b\":[1,{\"x/y\":1,\"c\":2,\"c\":3}]}," REST "}", ERR_FIELD_DUPLICATE, "/a/b/1/c" },
        { "{\"gpus\":1,\"a\":[0,{\"q~\":\",:\\\"{\",\"q~\":3}]}", ERR_FIELD_DUPLICATE, "/a/1/q~0" },
        { "{\"gpus\":99999999999999999999," REST "}", ERR_FIELD_RANGE, "/gpus" },
        { "{\"a\":[1,2,-99999999999999999999]}", ERR_FIELD_RANGE, "/a/2" },
        { "{" REST "}", ERR_FIELD_MISSING, "/gpus" },
        { "{\"gpus\":null," REST "}", ERR_FIELD_MISSING, "/gpus" },
        { "{\"gpus\":1.0," REST "}", ERR_FIELD_TYPE, "/gpus" },
        { "{\"gpus\":1e2," REST "}", ERR_FIELD_TYPE, "/gpus" },
        { "{\"gpus\":\"1\"," REST "}", ERR_FIELD_TYPE, "/gpus" },
        { "{\"gpus\":true," REST "}", ERR_FIELD_TYPE, "/gpus" },
        { "{\"gpus\":[1]," REST "}", ERR_FIELD_TYPE, "/gpus" },
        { "{\"gpus\":0," REST "}", ERR_FIELD_RANGE, "/gpus" },
        { "{\"gpus\":4097," REST "}", ERR_FIELD_RANGE, "/gpus" },
        { "{\"gpus\":4294967297," REST "}", ERR_FIELD_RANGE, "/gpus" },
        { "{\"gpus\":1,\"limit\":\"x\"," REST "}", ERR_FIELD_TYPE, "/limit" },
        { "{\"gpus\":1,\"keep\":1," REST "}", ERR_FIELD_TYPE, "/keep" },
        { "{\"gpus\":1,\"move\":\"yes\"}", ERR_FIELD_TYPE, "/move" },
        { "{\"gpus\":1,\"start\":5," REST "}", ERR_FIELD_TYPE, "/start" },
        { "{\"gpus\":1,\"start\":\"tomorrow\"," REST "}", ERR_FIELD_INVALID, "/start" },
        { "{\"gpus\":1,\"note\":\"12345678901234567890123456789012\"," REST "}", ERR_FIELD_RANGE, "/note" },
        { "{\"gpus\":1,\"more\":1," REST "}", ERR_FIELD_UNKNOWN, "/more" },
        { "{\"gpus\":1,\"\":1," REST "}", ERR_FIELD_UNKNOWN, "/" },
        { "{\"gpus\":1,\"a/b~c\":null," REST "}", ERR_FIELD_UNKNOWN, "/a~1b~0c" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"\"}", ERR_FIELD_RANGE, "/name" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"blue\"}", ERR_FIELD_INVALID, "/colour" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":1}", ERR_FIELD_TYPE, "/colour" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\",\"id\":\"5\"}", ERR_FIELD_INVALID, "/id" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\"," ID ",\"cost_gpums\":5}", ERR_FIELD_TYPE,
          "/cost_gpums" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\"," ID ",\"cost_gpums\":\"-1\"}", ERR_FIELD_RANGE,
          "/cost_gpums" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\"," ID ",\"cost_gpums\":\"1.5\"}", ERR_FIELD_INVALID,
          "/cost_gpums" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\"," ID ",\"cost_gpums\":\"9223372036854775808\"}",
          ERR_FIELD_INVALID, "/cost_gpums" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\"," ID ",\"cost_gpums\":\"5\",\"blob\":\"Zm8\"}",
          ERR_FIELD_INVALID, "/blob" },
        { "{\"gpus\":1,\"move\":true,\"name\":\"x\",\"colour\":\"red\"," ID
          ",\"cost_gpums\":\"5\",\"blob\":\"Zm9vYmFyZm9vYmFy\"}",
          ERR_FIELD_RANGE, "/blob" },
    };

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        struct err_detail d;
        struct order o;

        print_message("# %s\n", rows[i].text);
        assert_string_equal(err_wire(read_order(rows[i].text, strlen(rows[i].text), &o, &d)), err_wire(rows[i].err));
        assert_string_equal(d.pointer, rows[i].pointer);
        assert_true(d.text[0] != '\0');
    }
}

static void
nul_in_the_body_is_refused(void **state)
{
    static const char text[] = "{\"gpus\":1,\"name\":\"a\0b\"}", after[] = "{}\0";
    struct err_detail d;
    struct order o;
    struct json_in in;

    (void)state;
    assert_int_equal(read_order(text, sizeof text - 1, &o, &d), ERR_JSON_MALFORMED);
    in = json_in_open(BYTES(after, 3), &d);
    assert_int_equal(json_in_close(&in), ERR_JSON_MALFORMED);
}

/* Every prefix of a good document is an error, never a crash; so is every document with one byte changed to a brace. */
static void
cut_and_broken_documents(void **state)
{
    static const char text[] = "{\"gpus\":1,\"limit\":[{\"a\":{\"b\":\"\\u00e9\\\"\"}}]," REST "}";
    struct err_detail d;
    struct order o;

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_int_equal(read_order(text, len, &o, &d), ERR_JSON_MALFORMED);
    for (size_t at = 0; at < sizeof text - 1; at++) {
        static const char with[] = "{}[]\",:\\0";
        for (size_t w = 0; w < sizeof with; w++) {
            char *broken = malloc(sizeof text - 1); /* exactly as long, so that a sanitizer sees a step too far */
            memcpy(broken, text, sizeof text - 1);
            broken[at] = with[w];
            assert_int_not_equal(read_order(broken, sizeof text - 1, &o, &d), OK);
            free(broken);
        }
    }
}

static void
depth_and_size_are_capped(void **state)
{
    char deep[200];
    struct err_detail d = { 0 };
    struct json_in in;
    size_t big_len = (8u << 20) + 1;
    char *big = calloc(1, big_len);

    (void)state;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    in = json_in_open(BYTES(deep, 200), &d);
    assert_int_equal(json_in_close(&in), ERR_JSON_MALFORMED);
    in = json_in_open(BYTES(big, big_len), &d);
    assert_int_equal(json_in_close(&in), ERR_BODY_TOO_LARGE);
    free(big);
}

static void
many_members_are_unknown_ones(void **state)
{
    struct json_out o = { 0 };
    struct err_detail d = { 0 };
    struct json_in in;
    char name[16];

    (void)state;
    json_open(&o, NULL);
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof name, "m%d", i);
        json_i64(&o, name, i);
    }
    json_shut(&o);
    in = json_in_open(BYTES(o.text, o.len), &d);
    for (int i = 0; i < 69; i++) {
        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(json_in_i64(&in, name, 0, 100), i);
    }
    assert_int_equal(json_in_close(&in), ERR_FIELD_UNKNOWN);
    json_out_free(&o);
}

/* ---- objects and lists within ---- */

enum { JOINED = 100 };

static void
add(char *joined, const char *text)
{
    size_t len = strlen(joined);

    snprintf(joined + len, JOINED - len, "%s", text);
}

static enum err
read_nested(const char *text, char *ret, struct err_detail *d)
{
    struct json_in in, inner;
    size_t n;

    memset(d, 0, sizeof *d);
    ret[0] = '\0';
    in = json_in_open(BYTES_TEXT(text), d);
    inner = json_in_object(&in, "who");
    add(ret, json_in_text(&inner, "name", 0, 9));
    (void)!json_in_close(&inner);
    n = json_in_array(&in, "tags", 3);
    for (size_t i = 0; i < n; i++)
        add(ret, json_in_array_text(&in, "tags", i, 9));
    n = json_in_array(&in, "people", 3);
    for (size_t i = 0; i < n; i++) {
        inner = json_in_array_object(&in, "people", i);
        add(ret, json_in_text(&inner, "name", 0, 9));
        if (strcmp(json_in_text_or(&inner, "kind", 9, ""), "bad") == 0)
            json_in_refuse(&inner, "kind", ERR_FIELD_INVALID, "not %s", "bad");
        (void)!json_in_close(&inner);
    }
    return json_in_close(&in);
}

static void
objects_and_lists_within(void **state)
{
    static const struct { const char *text; enum err err; const char *pointer, *want; } rows[] = {
        { "{\"who\":{\"name\":\"a\"},\"tags\":[\"b\",\"c\"],\"people\":[{\"name\":\"d\"},{\"name\":\"e\"}]}", OK, "", "abcde" },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[],\"people\":[]}", OK, "", "a" },
        { "{\"who\":5,\"tags\":[],\"people\":[]}", ERR_FIELD_TYPE, "/who", NULL },
        { "{\"who\":{},\"tags\":[],\"people\":[]}", ERR_FIELD_MISSING, "/who/name", NULL },
        { "{\"tags\":[],\"people\":[]}", ERR_FIELD_MISSING, "/who", NULL },
        { "{\"who\":{\"name\":\"a\",\"x\":1},\"tags\":[],\"people\":[]}", ERR_FIELD_UNKNOWN, "/who/x", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":{},\"people\":[]}", ERR_FIELD_TYPE, "/tags", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[\"b\",5],\"people\":[]}", ERR_FIELD_TYPE, "/tags/1", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[\"1234567890\"],\"people\":[]}", ERR_FIELD_RANGE, "/tags/0", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[\"\",\"\",\"\",\"\"],\"people\":[]}", ERR_FIELD_RANGE, "/tags", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[],\"people\":[{\"name\":\"d\"},7]}", ERR_FIELD_TYPE, "/people/1", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[],\"people\":[{\"name\":\"d\"},{\"name\":7}]}", ERR_FIELD_TYPE,
          "/people/1/name", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[],\"people\":[{\"name\":\"d\",\"y\":0}],\"z\":1}", ERR_FIELD_UNKNOWN,
          "/people/0/y", NULL },
        { "{\"who\":{\"name\":\"a\"},\"tags\":[],\"people\":[{\"name\":\"d\",\"kind\":\"bad\"}]}", ERR_FIELD_INVALID,
          "/people/0/kind", NULL },
    };

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        struct err_detail d;
        char got[JOINED];

        print_message("# %s\n", rows[i].text);
        assert_string_equal(err_wire(read_nested(rows[i].text, got, &d)), err_wire(rows[i].err));
        assert_string_equal(d.pointer, rows[i].pointer);
        if (rows[i].want != NULL)
            assert_string_equal(got, rows[i].want);
    }
}

static void
the_first_error_stays(void **state)
{
    struct err_detail d = { 0 };
    struct json_in in = json_in_open(BYTES_TEXT("{\"a\":0,\"b\":\"x\",\"c\":1}"), &d);

    (void)state;
    assert_true(json_in_has(&in, "a"));
    assert_false(json_in_has(&in, "nothing"));
    assert_int_equal(json_in_i64(&in, "a", 1, 5), 0);
    assert_string_equal(json_in_text(&in, "b", 0, 5), ""); /* after an error every read gives nothing */
    assert_string_equal(json_in_text_or(&in, "nothing", 5, "default"), "");
    assert_false(json_in_bool_or(&in, "nothing", true));
    assert_int_equal(json_in_i64_or(&in, "nothing", 0, 9, 5), 0);
    assert_false(json_in_has(&in, "c"));
    json_in_refuse(&in, "c", ERR_CONFLICT, "later");
    assert_int_equal(json_in_close(&in), ERR_FIELD_RANGE);
    assert_string_equal(d.pointer, "/a");
}

static void
canonical_form(void **state)
{
    static const struct { const char *in; enum err err; const char *want; } rows[] = {
        { " { \"b\" : [ 1 , true , null ] , \"a\" : { \"d\" : \"\\u0041\" , \"c\" : -5 } } ", OK,
          "{\"a\":{\"c\":-5,\"d\":\"A\"},\"b\":[1,true,null]}" },
        { "{}", OK, "{}" },
        { "5", OK, "5" },
        { "", ERR_JSON_MALFORMED, NULL },
        { "{\"a\":1,\"a\":1}", ERR_FIELD_DUPLICATE, NULL },
    };

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        char *text = NULL;
        size_t len = 0;

        assert_int_equal(json_canonical(BYTES_TEXT(rows[i].in), NULL, &text, &len), rows[i].err);
        if (rows[i].want != NULL) {
            assert_string_equal(text, rows[i].want);
            assert_int_equal(len, strlen(text));
        }
        free(text);
    }
}

/* ---- the emitter ---- */

static void
everything_is_emitted(void **state)
{
    struct json_out o = { 0 };
    struct uuid id = { { 1 } };

    (void)state;
    json_open(&o, NULL);
    json_text(&o, "text", "a\"\\\b\f\n\r\t\x01\x7f</\xc3\xa9");
    json_textn(&o, "n", "a\0b", 3);
    json_textn(&o, "bad", "x\xff\xc3(\xe2\x82", 6);
    json_text(&o, "null", NULL);
    json_none(&o, "none");
    json_i64(&o, "min", INT64_MIN);
    json_bool(&o, "yes", true);
    json_open_array(&o, "list");
    json_open(&o, NULL);
    json_shut(&o);
    json_i64(&o, NULL, 1);
    json_open_array(&o, NULL);
    json_shut_array(&o);
    json_text(&o, NULL, "");
    json_shut_array(&o);
    json_uuid(&o, "id", id);
    json_time(&o, "time", 1000);
    json_base64(&o, "b64", BYTES_TEXT("fo"));
    json_hex(&o, "hex", BYTES_TEXT("fo"));
    json_raw(&o, "raw", "{\"a\":1}", 7);
    json_shut(&o);
    assert_string_equal(o.text, "{\"text\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f</\xc3\xa9\",\"n\":\"a\\u0000b\","
                                "\"bad\":\"x\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\",\"null\":null,\"none\":null,"
                                "\"min\":-9223372036854775808,\"yes\":true,\"list\":[{},1,[],\"\"],"
                                "\"id\":\"01000000-0000-0000-0000-000000000000\",\"time\":\"1970-01-01T00:00:01.000Z\","
                                "\"b64\":\"Zm8=\",\"hex\":\"666f\",\"raw\":{\"a\":1}}");
    assert_int_equal(o.len, strlen(o.text));
    json_out_free(&o);
    assert_null(o.text);
}

static void
amounts(void **state)
{
    static const struct { int64_t gpums; const char *want; } rows[] = {
        { 0, "{\"x_gpums\":\"0\",\"x_credits\":\"0.000\"}" },
        { 3600000, "{\"x_gpums\":\"3600000\",\"x_credits\":\"1.000\"}" },
        { 3599999, "{\"x_gpums\":\"3599999\",\"x_credits\":\"0.999\"}" },
        { -3600001, "{\"x_gpums\":\"-3600001\",\"x_credits\":\"-1.000\"}" },
        { -3599, "{\"x_gpums\":\"-3599\",\"x_credits\":\"0.000\"}" },
        { INT64_MAX, "{\"x_gpums\":\"9223372036854775807\",\"x_credits\":\"2562047788015.215\"}" },
        { INT64_MIN, "{\"x_gpums\":\"-9223372036854775808\",\"x_credits\":\"-2562047788015.215\"}" },
    };

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        struct json_out o = { 0 };
        json_open(&o, NULL);
        json_amount(&o, "x", rows[i].gpums);
        json_shut(&o);
        assert_string_equal(o.text, rows[i].want);
        json_out_free(&o);
    }
}

/* What is emitted can be read, whatever bytes a text has. */
static void
any_text_survives_the_emitter(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            char text[3] = { (char)a, (char)b, 'z' };
            struct json_out o = { 0 };
            char *canonical;
            size_t len;

            json_open_array(&o, NULL);
            json_textn(&o, NULL, text, sizeof text);
            json_shut_array(&o);
            if (memchr(text, 0, 3) == NULL) { /* U+0000 can be written, but is never taken */
                assert_int_equal(json_canonical(BYTES(o.text, o.len), NULL, &canonical, &len), OK);
                free(canonical);
            }
            json_out_free(&o);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_documents_are_read),
        cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(nul_in_the_body_is_refused),
        cmocka_unit_test(cut_and_broken_documents),
        cmocka_unit_test(depth_and_size_are_capped),
        cmocka_unit_test(many_members_are_unknown_ones),
        cmocka_unit_test(objects_and_lists_within),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(canonical_form),
        cmocka_unit_test(everything_is_emitted),
        cmocka_unit_test(amounts),
        cmocka_unit_test(any_text_survives_the_emitter),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
