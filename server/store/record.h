/* store/record.h
 * Rows of a table as one parameter: an array of the table's row type in binary form, for `unnest($1::TABLE[])`. One array
 * of records costs the server a small part of what one array a column does. Fields go in the order of the table's
 * columns; record_shape() asks the server once a connection whether they are what the program thinks. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/db.h"

enum record_type {
    RECORD_BOOL, RECORD_I16, RECORD_I32, RECORD_I64, RECORD_UUID, RECORD_BYTES, RECORD_TEXT, RECORD_UUIDS /* an array */
};

struct record_column { const char *name; enum record_type type; };

#define RECORD_FIELD 8 /* a field's type and length, before its bytes */

struct records {
    uint8_t *data;
    size_t len, cap, row_at;
    uint32_t n;
};

/* The row type's OID. ERR_INTERNAL, with db_message() saying it, unless the table has exactly these columns. */
enum err record_shape(struct db *db, const char *table, const struct record_column *columns, size_t n, uint32_t *ret)
    MUST_USE;

void records_begin(struct records *r); /* empty; a zeroed struct is fine */
void records_free(struct records *r);
void records_row(struct records *r, size_t fields); /* a row begins: add as many fields, then records_row_end() */
void records_row_end(struct records *r);
void records_i64(struct records *r, enum record_type type, int64_t v); /* numbers and BOOL: cut to the type's width */
void records_bytes(struct records *r, enum record_type type, const void *data, size_t len);
void records_null(struct records *r, enum record_type type);
void records_raw(struct records *r, uint32_t type_oid, bool null, struct bytes value); /* as a result has it */
struct bytes records_last(const struct records *r);   /* the last row, as record_send() gives it */
struct bytes records_fields(const struct records *r); /* its fields so far */
struct db_arg records_arg(struct records *r, uint32_t row_type); /* valid until r is changed */

#endif
