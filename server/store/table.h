/* store/table.h
 * Rows of a table as C objects of one struct: the caller lists the columns once, all of them and in the table's order
 * (name, type, place in the struct), and insert, update and select of many rows at once follow from the list. Names are constants of the program, values only
 * ever parameters.
 *
 * Whole batches: table_begin, table_insert/table_update for each object, table_fly within a flight. Reading: table_load,
 * in chunks. */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "store/seals.h"

enum table_type {      /* C type              SQL type */
    TABLE_I64,         /* int64_t             bigint */
    TABLE_U64,         /* uint64_t            bigint (all ones: −1) */
    TABLE_I32,         /* int32_t             integer */
    TABLE_U32,         /* uint32_t            bigint */
    TABLE_U16,         /* uint16_t            integer */
    TABLE_SET,         /* uint16_t            integer; zero: NULL */
    TABLE_U8,          /* uint8_t             smallint */
    TABLE_WORD,        /* an enum             text, by the functions */
    TABLE_BOOL,        /* bool                boolean */
    TABLE_UUID,        /* struct uuid         uuid; zero: NULL */
    TABLE_HASH,        /* struct hash         bytea; zero: NULL */
    TABLE_FIXED,       /* uint8_t[size]       bytea */
    TABLE_TEXT,        /* char[size]          text */
    TABLE_BYTES,       /* struct bytes        bytea; empty: NULL; malloc'ed when read */
    TABLE_CODED,       /* by the functions    bytea */
    TABLE_SEAL,        /* nothing             bytea: of the row's other columns (store/seals.h), also of those that never
                        *                     change: an object must still hold them when it is updated */
};

enum {
    TABLE_KEY = 1,   /* part of the primary key */
    TABLE_ONCE = 2,  /* never changes after the insert */
};
#define TABLE_CODED_MAX 1024

struct table_column {
    const char *name;
    enum table_type type;
    size_t offset, size;
    unsigned flags;
    size_t (*encode)(const void *object, uint8_t *ret);  /* CODED: at most TABLE_CODED_MAX bytes, none: NULL */
    enum err (*decode)(struct bytes in, void *object);
    const char *(*word)(int value);                      /* WORD */
    bool (*value)(const char *word, int *ret);
    const char *read_as;                                 /* what table_load selects; NULL: the column */
};

#define TABLE_COLUMN(type_, object, field, flags_)                                                                     \
    { .name = #field, .type = (type_), .offset = offsetof(object, field), .size = sizeof(((object *)0)->field),        \
      .flags = (flags_) }
/* Where the column's name is not the field's (SQL has words of its own). */
#define TABLE_NAMED(type_, name_, object, field, flags_)                                                               \
    { .name = (name_), .type = (type_), .offset = offsetof(object, field), .size = sizeof(((object *)0)->field),       \
      .flags = (flags_) }
#define TABLE_WORDS(object, field, flags_, word_, value_)                                                              \
    { .name = #field, .type = TABLE_WORD, .offset = offsetof(object, field), .size = sizeof(int), .flags = (flags_),   \
      .word = (word_), .value = (value_) }
#define TABLE_SEALED { .name = "seal", .type = TABLE_SEAL }
#define TABLE_CODE(name_, flags_, encode_, decode_)                                                                    \
    { .name = (name_), .type = TABLE_CODED, .flags = (flags_), .encode = (encode_), .decode = (decode_) }

struct table_def {
    const char *name;
    const struct table_column *columns;
    size_t columns_n;
    size_t object_size;
    const char *load; /* what table_load reads, after the table's name: "WHERE … $1 … ORDER BY …"; NULL: written only */
    enum sealed_table sealed; /* of a table with a TABLE_SEAL */
};

struct table;

struct table *table_new(const struct table_def *def); /* def lives as long as the table */
void table_delete(struct table *t);
enum err table_prepare(struct table *t, struct db *db) MUST_USE;

const char *table_name(const struct table *t);
void table_begin(struct table *t);
void table_insert(struct table *t, const void *object);
void table_update(struct table *t, const void *object);
/* Add what was collected to the flight: none, one or two queries; *flown grows by their number. */
enum err table_fly(struct table *t, struct db *db, size_t *flown) MUST_USE;
/* Landed at `from` on, in the same order: did as many rows go in and change as there were objects? *from moves on. */
bool table_landed(const struct table *t, const struct db_landed *landed, size_t *from);

/* Read rows in chunks, within a transaction; `since` is the load clause's $1. Each row is handed over as an object that
 * is the callback's to copy (what BYTES columns point to is the callback's to free). The callback's error ends it.
 * ERR_CORRUPT, with db_message() naming it: a row whose seal is wrong. */
enum err table_load(struct table *t, struct db *db, int64_t since, enum err (*take)(void *ctx, const void *object),
                    void *ctx) MUST_USE;

#endif
