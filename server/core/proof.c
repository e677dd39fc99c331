/* core/proof.c: RFC 9162 2.1.3 and 2.1.4. A tree of n leaves splits at the largest power of two below n. */
#include "core/proof.h"

#include <assert.h>

static unsigned
log2_below(uint64_t n) /* k with 2^k < n <= 2^(k+1); n >= 2 */
{
    return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* Root over the leaves [start, start + n), n >= 1, start a multiple of the power of two that holds n. Its full subtrees
 * are those of n's digits; they are joined from the right. */
static enum err
range_root(const struct merkle_source *from, uint64_t start, uint64_t n, struct hash *ret)
{
    struct merkle sum = { .size = n };
    uint64_t at = start;

    for (unsigned k = 64; k-- > 0;) {
        if ((n >> k & 1) == 0)
            continue;
        enum err err = from->subtree(from->ctx, k, at >> k, &sum.frontier[k]);
        if (err != OK)
            return err;
        at += (uint64_t)1 << k;
    }
    *ret = merkle_root(&sum);
    return OK;
}

enum err
merkle_root_at(const struct merkle_source *from, uint64_t size, struct hash *ret)
{
    return range_root(from, 0, size, ret);
}

static void
reverse(struct proof *p)
{
    for (unsigned i = 0; i < p->n / 2; i++) {
        struct hash h = p->path[i];
        p->path[i] = p->path[p->n - 1 - i];
        p->path[p->n - 1 - i] = h;
    }
}

/* One more hash, of the side that is not gone into. */
static enum err
take(const struct merkle_source *from, uint64_t start, uint64_t n, struct proof *p)
{
    assert(p->n < PROOF_MAX);
    return range_root(from, start, n, &p->path[p->n++]);
}

enum err
proof_inclusion(const struct merkle_source *from, uint64_t index, uint64_t size, struct proof *ret)
{
    uint64_t start = 0, n = size;
    enum err err = index < size && size < (uint64_t)1 << 63 ? OK : ERR_FIELD_RANGE;

    ret->n = 0;
    while (err == OK && n > 1) {
        uint64_t half = (uint64_t)1 << log2_below(n);
        if (index - start < half) {
            err = take(from, start + half, n - half, ret);
            n = half;
        } else {
            err = take(from, start, half, ret);
            start += half;
            n -= half;
        }
    }
    reverse(ret);
    return err;
}

/* SUBPROOF(m, D[n], b) of 2.1.4.1, walked down from the root; `whole` is its b: the old tree is a subtree of its own,
 * whose root the verifier knows. */
enum err
proof_consistency(const struct merkle_source *from, uint64_t old, uint64_t size, struct proof *ret)
{
    uint64_t start = 0, m = old, n = size;
    bool whole = true;
    enum err err = old <= size && size < (uint64_t)1 << 63 ? OK : ERR_FIELD_RANGE;

    ret->n = 0;
    if (err != OK || old == 0 || old == size)
        return err;
    while (err == OK && m < n) {
        uint64_t half = (uint64_t)1 << log2_below(n);
        if (m <= half) {
            err = take(from, start + half, n - half, ret);
            n = half;
        } else {
            err = take(from, start, half, ret);
            start += half;
            m -= half;
            n -= half;
            whole = false;
        }
    }
    if (err == OK && !whole)
        err = take(from, start, n, ret);
    reverse(ret);
    return err;
}

/* 2.1.3.2 */
bool
proof_inclusion_holds(const struct proof *p, struct hash leaf, uint64_t index, uint64_t size, struct hash root)
{
    uint64_t fn = index, sn = size - 1;
    struct hash r = leaf;

    if (index >= size || p->n > PROOF_MAX)
        return false;
    for (unsigned i = 0; i < p->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) == 1 || fn == sn) {
            r = merkle_node(p->path[i], r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = merkle_node(r, p->path[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && hash_equal(r, root);
}

/* 2.1.4.2 */
bool
proof_consistency_holds(const struct proof *p, uint64_t old, struct hash old_root, uint64_t size, struct hash root)
{
    uint64_t fn = old - 1, sn = size - 1;
    struct hash fr, sr;
    unsigned i = 0;

    if (old > size || p->n > PROOF_MAX)
        return false;
    if (old == 0)
        return p->n == 0 && hash_equal(old_root, sha256(BYTES("", 0)));
    if (old == size)
        return p->n == 0 && hash_equal(old_root, root);
    if (p->n == 0)
        return false;
    while ((fn & 1) == 1) {
        fn >>= 1;
        sn >>= 1;
    }
    fr = sr = fn == 0 ? old_root : p->path[i++]; /* fn = 0: old is a power of two, the old root begins the path */
    for (; i < p->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) == 1 || fn == sn) {
            fr = merkle_node(p->path[i], fr);
            sr = merkle_node(p->path[i], sr);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sr = merkle_node(sr, p->path[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && hash_equal(fr, old_root) && hash_equal(sr, root);
}
