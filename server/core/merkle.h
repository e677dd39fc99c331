/* core/merkle.h
 * The Merkle tree of RFC 9162 2.1 (leaf = SHA-256(0x00 ‖ entry), node = SHA-256(0x01 ‖ left ‖ right), empty tree =
 * SHA-256("")), kept as its frontier: at most 64 hashes, one a set bit of the size. */
#ifndef CORE_MERKLE_H
#define CORE_MERKLE_H

#include "base/hash.h"

struct merkle { uint64_t size; struct hash frontier[64]; }; /* frontier[k]: full subtree of 2^k leaves if bit k of size is set */

void merkle_append(struct merkle *m, struct hash leaf); /* plain value: copy the struct to undo */
/* A full subtree of 2^level leaves by its root; the size must be a multiple of 2^level. */
void merkle_append_full(struct merkle *m, unsigned level, struct hash root);
struct hash merkle_root(const struct merkle *m);
struct hash merkle_node(struct hash left, struct hash right);

#endif
