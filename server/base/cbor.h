/* base/cbor.h
 * A strict reader of CBOR (RFC 8949) in the form that CTAP2 calls canonical: definite lengths, shortest heads, the names of a
 * map in order (so none twice), no tags, no floating point, four levels at most. It allocates nothing: bytes and texts lie
 * where they were found. After the first fault r->failed is set, and all reads give 0. */
#ifndef BASE_CBOR_H
#define BASE_CBOR_H

#include "base/bytes.h"

enum { CBOR_DEPTH = 4 };

int64_t cbor_int(struct wire_in *r); /* within 32 bits */
struct bytes cbor_bytes(struct wire_in *r);
struct bytes cbor_text(struct wire_in *r); /* not looked at: it need not be UTF-8 */
void cbor_skip(struct wire_in *r);         /* one item, whatever it is */

/* A map of at most `most` pairs:
 *   struct cbor_map m = cbor_map(r, 3);
 *   while (cbor_more(r, &m)) { name = cbor_text(r); cbor_named(r, &m); … the value … } */
struct cbor_map {
    uint64_t left;
    const uint8_t *name;
    struct bytes last; /* the name before, encoded */
};
struct cbor_map cbor_map(struct wire_in *r, uint64_t most);
bool cbor_more(const struct wire_in *r, struct cbor_map *m);
void cbor_named(struct wire_in *r,
                struct cbor_map *m); /* right after the name was read: it must stand behind the one before */

#endif
