/* store/array.h: PostgreSQL arrays in binary form, as parameters of `unnest`: one array a column, one element a row. The
 * memory is kept from batch to batch. */
#ifndef STORE_ARRAY_H
#define STORE_ARRAY_H

#include "store/db.h"

enum array_type { ARRAY_BOOL, ARRAY_I16, ARRAY_I32, ARRAY_I64, ARRAY_UUID, ARRAY_BYTES, ARRAY_TEXT };

struct array {
    enum array_type type;
    uint8_t *data;
    size_t len, cap;
    uint32_t n;
    bool has_null;
};

/* The SQL name of an array of this type, for the cast of its parameter: "bigint[]". */
const char *array_sql(enum array_type type);
void array_begin(struct array *a, enum array_type type); /* empty; a zeroed struct is fine */
void array_free(struct array *a);
void array_i64(struct array *a, int64_t v); /* any of the number types and BOOL: cut to its width */
void array_bytes(struct array *a, const void *data, size_t len); /* BYTES, TEXT; UUID with 16 bytes */
void array_null(struct array *a);
struct db_arg array_arg(struct array *a); /* valid until the array is changed */

#endif
