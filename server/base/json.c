/* base/json.c: the strict reader, and the canonical form. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum {
    BODY_MAX = 8 << 20, /* a second wall: whoever receives a body caps it first, and lower */
    DEPTH_MAX = 32,
    SEEN_MAX = 64,
};

/* ---- where in a document ------------------------------------------------------------------------------------- */

/* Append "/name" to a JSON pointer (RFC 6901), cut if there is no room. */
static void
pointer_add(char *pointer, size_t cap, const char *name, size_t name_len)
{
    size_t len = strlen(pointer);

    if (len + 1 < cap)
        pointer[len++] = '/';
    for (size_t i = 0, step; i < name_len; i += step) {
        char one[5] = { 0 };
        const char *out = one;

        step = text_utf8_char(name + i, name_len - i);
        if (step == 0)
            step = 1; /* cannot be: jansson has checked it */
        memcpy(one, name + i, step);
        if (one[0] == '~')
            out = "~0";
        else if (one[0] == '/')
            out = "~1";
        if (len + strlen(out) >= cap)
            break;
        memcpy(pointer + len, out, strlen(out));
        len += strlen(out);
    }
    pointer[len] = '\0';
}

/* The end (one past the closing quote) of the string that opens at body[at]. */
static size_t
string_end(struct bytes body, size_t at)
{
    for (at++; at < body.len && body.data[at] != '"'; at++)
        if (body.data[at] == '\\')
            at++;
    return at < body.len ? at + 1 : body.len;
}

/* The JSON pointer of the member whose name, or value, lies before body.data[end]. What comes before that is
 * well-formed JSON, no deeper than DEPTH_MAX. Names are given as they are written in the body, escapes and all. */
static void
pointer_at(struct bytes body, size_t end, char *ret, size_t cap)
{
    struct {
        bool array;
        size_t index, name, name_len;
    } at[DEPTH_MAX + 1] = { 0 };
    int depth = 0;
    bool value = false; /* after a colon */

    for (size_t i = 0; i < end && i < body.len; i++) {
        switch (body.data[i]) {
        case '{':
        case '[':
            if (depth == DEPTH_MAX)
                break;
            depth++;
            at[depth].array = body.data[i] == '[';
            at[depth].index = at[depth].name_len = 0;
            value = false;
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        case ':':
            value = true;
            break;
        case ',':
            at[depth].index++;
            value = false;
            break;
        case '"': {
            size_t stop = string_end(body, i);
            if (!at[depth].array && !value) {
                at[depth].name = i + 1;
                at[depth].name_len = stop - i - 2;
            }
            i = stop - 1;
            break;
        }
        default:
            break;
        }
    }

    ret[0] = '\0';
    for (int d = 1; d <= depth; d++) {
        char index[24];
        if (at[d].array) {
            text_format(index, sizeof index, "%zu", at[d].index);
            pointer_add(ret, cap, index, strlen(index));
        } else if (at[d].name_len > 0) {
            pointer_add(ret, cap, (const char *)body.data + at[d].name, at[d].name_len);
        }
    }
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static bool
too_deep(struct bytes body)
{
    int depth = 0;

    for (size_t i = 0; i < body.len; i++) {
        uint8_t c = body.data[i];
        if (c == '"')
            i = string_end(body, i) - 1;
        else if ((c == '{' || c == '[') && ++depth > DEPTH_MAX)
            return true;
        else if (c == '}' || c == ']')
            depth--;
    }
    return false;
}

static enum err
load_failed(struct bytes body, const json_error_t *e, struct err_detail *d)
{
    size_t at = e->position > 0 ? (size_t)e->position : 0;
    char pointer[sizeof d->pointer];

    switch (json_error_code(e)) {
    case json_error_duplicate_key:
        pointer_at(body, at, pointer, sizeof pointer);
        return err_at(d, ERR_FIELD_DUPLICATE, pointer, "This field is given twice (line %d).", e->line);
    case json_error_numeric_overflow:
        pointer_at(body, at, pointer, sizeof pointer);
        return err_at(d, ERR_FIELD_RANGE, pointer, "This number is too large (line %d).", e->line);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return err_say(d, ERR_JSON_MALFORMED, "A text holds the character U+0000 (line %d).", e->line);
    case json_error_invalid_utf8:
        return err_say(d, ERR_JSON_MALFORMED, "The body is not valid UTF-8 (line %d).", e->line);
    default:
        return err_say(d, ERR_JSON_MALFORMED, "The body is not valid JSON: line %d, column %d.", e->line, e->column);
    }
}

static enum err
load(struct bytes body, size_t flags, struct err_detail *d, json_t **ret)
{
    json_error_t e;
    json_t *root;

    if (body.len == 0)
        return err_say(d, ERR_JSON_MALFORMED, "The body is empty; it must be JSON.");
    if (body.len > BODY_MAX)
        return err_say(d, ERR_BODY_TOO_LARGE, "The body is larger than %d bytes.", BODY_MAX);
    if (too_deep(body))
        return err_say(d, ERR_JSON_MALFORMED, "The body is nested deeper than %d levels.", DEPTH_MAX);
    root = json_loadb((const char *)body.data, body.len, flags | JSON_REJECT_DUPLICATES, &e);
    if (root == NULL)
        return load_failed(body, &e, d);
    *ret = root;
    return OK;
}

enum err
json_canonical(struct bytes body, struct err_detail *d, char **ret, size_t *ret_len)
{
    json_t *root;
    char *text;
    enum err err;

    err = load(body, JSON_DECODE_ANY, d, &root);
    if (err)
        return err;
    text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    json_decref(root);
    if (text == NULL)
        fatal(OUT_OF_MEMORY);
    *ret = text;
    *ret_len = strlen(text);
    return OK;
}

/* ---- opening, closing, refusing ------------------------------------------------------------------------------- */

struct json_in
json_in_open(struct bytes body, struct err_detail *detail)
{
    struct json_in in = { .detail = detail };
    json_t *root = NULL;

    in.err = load(body, JSON_DECODE_ANY, detail, &root);
    in.root = root;
    if (in.err == OK && !json_is_object(root))
        in.err = err_say(detail, ERR_FIELD_TYPE, "The body must be a JSON object.");
    if (in.err == OK)
        in.object = root;
    return in;
}

/* The pointer of a member. name NULL: the object itself. */
static void
member_path(const struct json_in *in, const char *name, char *ret, size_t cap)
{
    text_format(ret, cap, "%s", in->path);
    if (name != NULL)
        pointer_add(ret, cap, name, strlen(name));
}

static void refuse(struct json_in *in, const char *name, enum err err, const char *fmt, ...) PRINTF(4, 5);

PRINTF(4, 0)
static void
vrefuse(struct json_in *in, const char *name, enum err err, const char *fmt, va_list args)
{
    char pointer[sizeof in->detail->pointer], text[sizeof in->detail->text];

    if (in->err != OK)
        return;
    member_path(in, name, pointer, sizeof pointer);
    text_vformat(text, sizeof text, fmt, args);
    in->err = err_at(in->detail, err, pointer, "%s", text);
}

static void
refuse(struct json_in *in, const char *name, enum err err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vrefuse(in, name, err, fmt, args);
    va_end(args);
}

void
json_in_refuse(struct json_in *in, const char *name, enum err err, const char *fmt, ...)
{
    va_list args;

    assert(err != OK);
    va_start(args, fmt);
    vrefuse(in, name, err, fmt, args);
    va_end(args);
}

enum err
json_in_close(struct json_in *in)
{
    const char *name;
    json_t *value;
    int i = 0;

    if (in->err == OK && !in->loose) {
        json_object_foreach(in->object, name, value) {
            if (i >= SEEN_MAX || (in->seen >> i & 1) == 0) {
                refuse(in, name, ERR_FIELD_UNKNOWN, "This field is not known here.");
                break;
            }
            i++;
        }
    }
    if (in->parent == NULL)
        json_decref(in->root);
    else if (in->parent->err == OK)
        in->parent->err = in->err;
    in->root = NULL;
    in->object = NULL;
    return in->err;
}

/* ---- members -------------------------------------------------------------------------------------------------- */

/* The member's value, marked as read; NULL if it is missing or null, or if there was an error before. */
static json_t *
member(struct json_in *in, const char *name)
{
    const char *key;
    json_t *value;
    int i = 0;

    if (in->err != OK || json_object_get(in->object, name) == NULL)
        return NULL;
    json_object_foreach(in->object, key, value) {
        if (strcmp(key, name) == 0) {
            if (i < SEEN_MAX)
                in->seen |= (uint64_t)1 << i;
            return json_is_null(value) ? NULL : value;
        }
        i++;
    }
    return NULL;
}

/* The same, but required. */
static json_t *
required(struct json_in *in, const char *name)
{
    json_t *value = member(in, name);

    if (value == NULL)
        refuse(in, name, ERR_FIELD_MISSING, "This field is required.");
    return value;
}

void
json_in_loose(struct json_in *in)
{
    in->loose = true;
}

bool
json_in_has(struct json_in *in, const char *name)
{
    return member(in, name) != NULL;
}

char *
json_in_any(struct json_in *in, const char *name, size_t *ret_len)
{
    json_t *value = required(in, name);
    char *text;

    if (value == NULL)
        return NULL;
    if (!json_is_object(value)) {
        refuse(in, name, ERR_FIELD_TYPE, "This must be an object.");
        return NULL;
    }
    text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL)
        fatal(OUT_OF_MEMORY);
    *ret_len = strlen(text);
    return text;
}

static int64_t
read_i64(struct json_in *in, const char *name, json_t *value, int64_t min, int64_t max)
{
    _Static_assert(sizeof(json_int_t) == sizeof(int64_t), "jansson's integers have 64 bits");
    int64_t n;

    if (!json_is_integer(value)) {
        refuse(in, name, ERR_FIELD_TYPE, "This must be a whole number.");
        return 0;
    }
    n = json_integer_value(value);
    if (n < min || n > max) {
        refuse(in, name, ERR_FIELD_RANGE, "This must be from %lld to %lld.", (long long)min, (long long)max);
        return 0;
    }
    return n;
}

int64_t
json_in_i64(struct json_in *in, const char *name, int64_t min, int64_t max)
{
    json_t *value = required(in, name);

    return value == NULL ? 0 : read_i64(in, name, value, min, max);
}

int64_t
json_in_i64_or(struct json_in *in, const char *name, int64_t min, int64_t max, int64_t if_missing)
{
    json_t *value = member(in, name);

    if (in->err != OK)
        return 0;
    return value == NULL ? if_missing : read_i64(in, name, value, min, max);
}

static bool
read_bool(struct json_in *in, const char *name, json_t *value)
{
    if (!json_is_boolean(value))
        refuse(in, name, ERR_FIELD_TYPE, "This must be true or false.");
    return json_is_true(value);
}

bool
json_in_bool(struct json_in *in, const char *name)
{
    json_t *value = required(in, name);

    return value != NULL && read_bool(in, name, value);
}

bool
json_in_bool_or(struct json_in *in, const char *name, bool if_missing)
{
    json_t *value = member(in, name);

    if (in->err != OK)
        return false;
    return value == NULL ? if_missing : read_bool(in, name, value);
}

static const char *
read_text(struct json_in *in, const char *name, json_t *value, size_t min_len, size_t max_len)
{
    size_t len;

    if (!json_is_string(value)) {
        refuse(in, name, ERR_FIELD_TYPE, "This must be a text.");
        return "";
    }
    len = json_string_length(value);
    if (len < min_len && len == 0) {
        refuse(in, name, ERR_FIELD_RANGE, "This must not be empty.");
        return "";
    }
    if (len < min_len || len > max_len) {
        refuse(in, name, ERR_FIELD_RANGE, "This must have from %zu to %zu bytes.", min_len, max_len);
        return "";
    }
    return json_string_value(value);
}

const char *
json_in_text(struct json_in *in, const char *name, size_t min_len, size_t max_len)
{
    json_t *value = required(in, name);

    return value == NULL ? "" : read_text(in, name, value, min_len, max_len);
}

const char *
json_in_text_or(struct json_in *in, const char *name, size_t max_len, const char *if_missing)
{
    json_t *value = member(in, name);

    if (in->err != OK)
        return "";
    return value == NULL ? if_missing : read_text(in, name, value, 0, max_len);
}

/* A required text of any length that a parser will look at; NULL after an error. */
static const char *
raw_text(struct json_in *in, const char *name, size_t *ret_len)
{
    json_t *value = required(in, name);

    if (value == NULL)
        return NULL;
    if (!json_is_string(value)) {
        refuse(in, name, ERR_FIELD_TYPE, "This must be a text.");
        return NULL;
    }
    if (ret_len != NULL)
        *ret_len = json_string_length(value);
    return json_string_value(value);
}

int
json_in_choice(struct json_in *in, const char *name, const char *const *choices)
{
    const char *text = raw_text(in, name, NULL);
    char list[200] = "";

    if (text == NULL)
        return 0;
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], text) == 0)
            return i;
    for (int i = 0; choices[i] != NULL; i++) {
        size_t len = strlen(list);
        text_format(list + len, sizeof list - len, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    refuse(in, name, ERR_FIELD_INVALID, "This must be one of: %s.", list);
    return 0;
}

struct uuid
json_in_uuid(struct json_in *in, const char *name)
{
    const char *text = raw_text(in, name, NULL);
    struct uuid id = { 0 };

    if (text != NULL && !uuid_parse(text, &id))
        refuse(in, name, ERR_FIELD_INVALID, "This must be a UUID.");
    return id;
}

static int64_t
read_time(struct json_in *in, const char *name, json_t *value)
{
    int64_t ms = 0;

    if (!json_is_string(value))
        refuse(in, name, ERR_FIELD_TYPE, "This must be a text.");
    else if (!time_parse(json_string_value(value), &ms))
        refuse(in, name, ERR_FIELD_INVALID, "This must be a time such as 2026-05-12T14:47:11.123Z (RFC 3339).");
    return ms;
}

int64_t
json_in_time(struct json_in *in, const char *name)
{
    json_t *value = required(in, name);

    return value == NULL ? 0 : read_time(in, name, value);
}

int64_t
json_in_time_or(struct json_in *in, const char *name, int64_t if_missing)
{
    json_t *value = member(in, name);

    if (in->err != OK)
        return 0;
    return value == NULL ? if_missing : read_time(in, name, value);
}

int64_t
json_in_gpums(struct json_in *in, const char *name, int64_t min, int64_t max)
{
    const char *text = raw_text(in, name, NULL);
    int64_t n = 0;

    if (text == NULL)
        return 0;
    if (!text_to_i64(text, INT64_MIN, INT64_MAX, &n)) {
        refuse(in, name, ERR_FIELD_INVALID, "This must be a whole number of GPU-milliseconds, written as a text.");
        return 0;
    }
    if (n < min || n > max) {
        refuse(in, name, ERR_FIELD_RANGE, "This must be from %lld to %lld GPU-milliseconds.", (long long)min,
               (long long)max);
        return 0;
    }
    return n;
}

size_t
json_in_base64(struct json_in *in, const char *name, uint8_t *ret, size_t cap)
{
    size_t text_len, len = 0;
    const char *text = raw_text(in, name, &text_len);

    if (text == NULL)
        return 0;
    if (text_len > (cap + 2) / 3 * 4)
        refuse(in, name, ERR_FIELD_RANGE, "This must hold at most %zu bytes.", cap);
    else if (!base64_decode(text, text_len, ret, cap, &len))
        refuse(in, name, ERR_FIELD_INVALID, "This must be base64 of at most %zu bytes.", cap);
    return len;
}

/* ---- objects and arrays within -------------------------------------------------------------------------------- */

/* A reader for `value`, a member of `in` (or an element of it), which stands at `path`. */
static struct json_in
nested(struct json_in *in, json_t *value, const char *path)
{
    struct json_in ret = { .root = in->root, .detail = in->detail, .err = in->err, .parent = in };

    text_format(ret.path, sizeof ret.path, "%s", path);
    if (in->err == OK && !json_is_object(value)) {
        in->err = err_at(in->detail, ERR_FIELD_TYPE, path, "This must be an object.");
        ret.err = in->err;
    }
    if (ret.err == OK)
        ret.object = value;
    return ret;
}

struct json_in
json_in_object(struct json_in *in, const char *name)
{
    json_t *value = required(in, name);
    char path[sizeof in->detail->pointer];

    member_path(in, name, path, sizeof path);
    return nested(in, value, path);
}

/* The array, or NULL after an error. */
static json_t *
array(struct json_in *in, const char *name)
{
    json_t *value = required(in, name);

    if (value != NULL && !json_is_array(value)) {
        refuse(in, name, ERR_FIELD_TYPE, "This must be a list.");
        return NULL;
    }
    return value;
}

bool
json_in_is_array(struct json_in *in, const char *name)
{
    return json_is_array(member(in, name));
}

size_t
json_in_array(struct json_in *in, const char *name, size_t max)
{
    json_t *value = array(in, name);

    if (value == NULL)
        return 0;
    if (json_array_size(value) > max) {
        refuse(in, name, ERR_FIELD_RANGE, "This may have at most %zu elements.", max);
        return 0;
    }
    return json_array_size(value);
}

/* The i-th element and its path; NULL after an error. */
static json_t *
element(struct json_in *in, const char *name, size_t i, char *path, size_t cap)
{
    json_t *list = array(in, name);
    char index[24];

    member_path(in, name, path, cap);
    if (list == NULL)
        return NULL;
    assert(i < json_array_size(list)); /* the caller counted */
    text_format(index, sizeof index, "%zu", i);
    pointer_add(path, cap, index, strlen(index));
    return json_array_get(list, i);
}

const char *
json_in_array_text(struct json_in *in, const char *name, size_t i, size_t max_len)
{
    char path[sizeof in->detail->pointer];
    json_t *value = element(in, name, i, path, sizeof path);

    if (value == NULL)
        return "";
    if (!json_is_string(value)) {
        in->err = err_at(in->detail, ERR_FIELD_TYPE, path, "This must be a text.");
        return "";
    }
    if (json_string_length(value) > max_len) {
        in->err = err_at(in->detail, ERR_FIELD_RANGE, path, "This must have at most %zu bytes.", max_len);
        return "";
    }
    return json_string_value(value);
}

int64_t
json_in_array_i64(struct json_in *in, const char *name, size_t i, int64_t min, int64_t max)
{
    char path[sizeof in->detail->pointer];
    json_t *value = element(in, name, i, path, sizeof path);

    if (value == NULL)
        return 0;
    if (!json_is_integer(value)) {
        in->err = err_at(in->detail, ERR_FIELD_TYPE, path, "This must be a whole number.");
        return 0;
    }
    if (json_integer_value(value) < min || json_integer_value(value) > max) {
        in->err = err_at(in->detail, ERR_FIELD_RANGE, path, "This must be from %" PRId64 " to %" PRId64 ".", min, max);
        return 0;
    }
    return json_integer_value(value);
}

struct json_in
json_in_array_object(struct json_in *in, const char *name, size_t i)
{
    char path[sizeof in->detail->pointer];
    json_t *value = element(in, name, i, path, sizeof path);

    return nested(in, value, path);
}
