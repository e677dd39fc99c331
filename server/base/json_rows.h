/* base/json_rows.h
 * A list that we have written as JSON ourselves, read again to be a table: its items as lines of their own, and members of them as fields. */
#ifndef BASE_JSON_ROWS_H
#define BASE_JSON_ROWS_H

#include "base/json.h"

struct json_rows;
/* The array `items` of an object; NULL: it has none. */
struct json_rows *json_rows_open(struct bytes text);
void json_rows_close(struct json_rows *r);
size_t json_rows_count(const struct json_rows *r);
const char *json_rows_next(const struct json_rows *r); /* its member "next"; NULL: the end. Lives as long as r */
/* The i-th, without white space, members in their order; free() it. */
char *json_rows_line(const struct json_rows *r, size_t i);
/* Its member of this path ("site.code") as text: "" for null and what is not there, lists and objects as JSON; free() it. *ret_plain: a number or
 * a truth value, which needs no quotes. */
char *json_rows_value(const struct json_rows *r, size_t i, const char *path, bool *ret_plain);

#endif
