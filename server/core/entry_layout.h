/* core/entry_layout.h
 * The layout of every kind of entry as a table: encoder, decoder, checks, schema/journal/layout.md and whoever shows an
 * entry field by field all read this one. */
#ifndef CORE_ENTRY_LAYOUT_H
#define CORE_ENTRY_LAYOUT_H

#include "base/clock.h"
#include "core/entry.h"

enum field_type {
    FIELD_U8, FIELD_U16, FIELD_U32, FIELD_U64, FIELD_I32, FIELD_I64, /* limits: min to max, as the type reads */
    FIELD_TEXT,    /* zero-padded UTF-8; min: at least so many bytes */
    FIELD_COUNTRY, /* two letters, ISO 3166-1 alpha-2 */
    FIELD_UUID, FIELD_HASH, FIELD_BYTES,
    FIELD_ZERO,    /* reserved */
    FIELD_AUTH,    /* struct authority: two slots of class u8, KEY index u64, signature 64 bytes */
};

struct field {
    const char *name;
    enum field_type type;
    uint16_t offset; /* in struct entry */
    uint16_t width;  /* on the wire, bytes */
    int64_t min, max;
    const char *meaning;
};

struct layout {
    const char *name;    /* "HOLD" */
    const struct field *fields;
    size_t n;
    size_t len;          /* of the body, bytes */
};

#define AUTHORITY_SLOT_LEN 73
#define AUTHORITY_LEN 146
#define AMOUNT_MAX ((int64_t)1 << 62)

extern const struct layout entry_header_layout;
/* NULL for an unknown kind. */
const struct layout *entry_layout(uint16_t kind);

#endif
