/* core/proof.h
 * Inclusion and consistency proofs of the Merkle tree (core/merkle.h): made by RFC 9162 2.1.3.1 and 2.1.4.1, verified by
 * 2.1.3.2 and 2.1.4.2. A proof is a path of at most PROOF_MAX hashes, from the leaves up. Sizes and indexes are below 2^63. */
#ifndef CORE_PROOF_H
#define CORE_PROOF_H

#include "core/merkle.h"

#define PROOF_MAX 64

struct proof {
    struct hash path[PROOF_MAX];
    unsigned n;
};

/* Where the hashes come from: the root of the full subtree over the leaves [n * 2^level, (n + 1) * 2^level). Asked only
 * for subtrees that are complete in the tree; an error ends the making and is handed on. */
struct merkle_source {
    enum err (*subtree)(void *ctx, unsigned level, uint64_t n, struct hash *ret);
    void *ctx;
};

/* Root of the tree over the first `size` leaves. */
enum err merkle_root_at(const struct merkle_source *from, uint64_t size, struct hash *ret) MUST_USE;
/* That leaf `index` is in the tree of `size`. ERR_FIELD_RANGE unless index < size. */
enum err proof_inclusion(const struct merkle_source *from, uint64_t index, uint64_t size, struct proof *ret) MUST_USE;
/* That the tree of `size` begins with the tree of `old`. ERR_FIELD_RANGE unless old <= size. Empty for old = 0 and old = size. */
enum err proof_consistency(const struct merkle_source *from, uint64_t old, uint64_t size, struct proof *ret) MUST_USE;

bool proof_inclusion_holds(const struct proof *p, struct hash leaf, uint64_t index, uint64_t size, struct hash root);
/* For old = 0 the proof is empty and old_root that of the empty tree; for old = size it is empty and the roots are equal. */
bool proof_consistency_holds(const struct proof *p, uint64_t old, struct hash old_root, uint64_t size, struct hash root);

#endif
