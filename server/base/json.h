/* base/json.h
 * Strict JSON, the only user of jansson, and an emitter that allocates no tree.
 * Reader: UTF-8 without NUL, no duplicate names, no unknown names, 64-bit integers whole, depth and size capped.
 *   struct json_in in = json_in_open(body, detail);       // top level must be an object
 *   int64_t n = json_in_i64(&in, "gpus", 1, 4096);        // after the first error every read gives 0/""/false
 *   err = json_in_close(&in);                             // the first bad, missing or unknown field
 * Strings handed out live until json_in_close. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/bytes.h"
#include "base/uuid.h"

struct json_in {
    void *root;   /* json_t of the document (owned by the outermost reader) */
    void *object; /* json_t of this object */
    struct err_detail *detail;
    enum err err;
    uint64_t seen; /* bit i: i-th member was read */
    char path[96]; /* JSON pointer of this object */
    struct json_in *parent;
    bool loose; /* unknown members are let be */
};

struct json_in json_in_open(struct bytes body, struct err_detail *detail);
enum err json_in_close(struct json_in *in) MUST_USE;
/* For what others define, and may add to: members of this object that are not read are let be. Not of nested ones. */
void json_in_loose(struct json_in *in);
bool json_in_has(struct json_in *in, const char *name); /* present and not null */
int64_t json_in_i64(struct json_in *in, const char *name, int64_t min, int64_t max);
int64_t json_in_i64_or(struct json_in *in, const char *name, int64_t min, int64_t max, int64_t if_missing);
bool json_in_bool(struct json_in *in, const char *name);
bool json_in_bool_or(struct json_in *in, const char *name, bool if_missing);
const char *json_in_text(struct json_in *in, const char *name, size_t min_len, size_t max_len); /* bytes of UTF-8 */
const char *json_in_text_or(struct json_in *in, const char *name, size_t max_len, const char *if_missing);
int json_in_choice(struct json_in *in, const char *name, const char *const *choices); /* index; choices end in NULL */
struct uuid json_in_uuid(struct json_in *in, const char *name);
int64_t json_in_time(struct json_in *in, const char *name); /* RFC 3339 → ms */
int64_t json_in_time_or(struct json_in *in, const char *name, int64_t if_missing);
int64_t json_in_gpums(struct json_in *in, const char *name, int64_t min, int64_t max); /* decimal string */
size_t json_in_base64(struct json_in *in, const char *name, uint8_t *ret, size_t cap);
struct json_in json_in_object(struct json_in *in, const char *name);    /* nested: close it before its parent */
bool json_in_is_array(struct json_in *in, const char *name);            /* present, and a list */
size_t json_in_array(struct json_in *in, const char *name, size_t max); /* its length */
const char *json_in_array_text(struct json_in *in, const char *name, size_t i, size_t max_len);
int64_t json_in_array_i64(struct json_in *in, const char *name, size_t i, int64_t min, int64_t max);
struct json_in json_in_array_object(struct json_in *in, const char *name, size_t i);
/* Any object, as canonical JSON text (names sorted, no white space), to be freed; NULL after an error. */
char *json_in_any(struct json_in *in, const char *name, size_t *ret_len);
/* Record an error at a field that was read but whose value does not do. Keeps the first. */
void json_in_refuse(struct json_in *in, const char *name, enum err err, const char *fmt, ...) PRINTF(4, 5);

/* Canonical form (names sorted, no white space) and its SHA-256 go with idempotency keys. body must be valid JSON. */
enum err json_canonical(struct bytes body, struct err_detail *d, char **ret, size_t *ret_len) MUST_USE; /* free() it */

/* Emitter into a growing buffer. Commas and quoting are its business; names NULL inside arrays. */
struct json_out {
    char *text;
    size_t len, cap;
    bool fresh;
};
void json_out_free(struct json_out *o);
void json_out_room(struct json_out *o, size_t len); /* so much will come, about: no need to grow step by step */
void json_open(struct json_out *o, const char *name);       /* { */
void json_shut(struct json_out *o);                         /* } */
void json_open_array(struct json_out *o, const char *name); /* [ */
void json_shut_array(struct json_out *o);
void json_text(struct json_out *o, const char *name, const char *value); /* NULL value: null */
void json_textn(struct json_out *o, const char *name, const char *value, size_t len);
void json_i64(struct json_out *o, const char *name, int64_t value);
void json_bool(struct json_out *o, const char *name, bool value);
void json_none(struct json_out *o, const char *name); /* null (jansson has taken json_null) */
void json_uuid(struct json_out *o, const char *name, struct uuid id);
void json_time(struct json_out *o, const char *name, int64_t ms); /* RFC 3339 */
void json_base64(struct json_out *o, const char *name, struct bytes value);
void json_hex(struct json_out *o, const char *name, struct bytes value);
/* Two members: NAME_gpums as decimal string, NAME_credits for display (three places, cut toward zero). */
void json_amount(struct json_out *o, const char *name, int64_t gpums);
void json_raw(struct json_out *o, const char *name, const char *json, size_t len); /* already JSON */

#endif
