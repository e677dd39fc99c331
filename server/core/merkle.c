/* core/merkle.c: appending a leaf is adding one to a binary counter whose digits are full subtrees. */
#include "core/merkle.h"

#include <assert.h>

struct hash
merkle_node(struct hash left, struct hash right)
{
    uint8_t in[65];

    in[0] = 1;
    memcpy(in + 1, left.b, 32);
    memcpy(in + 33, right.b, 32);
    return sha256(BYTES(in, sizeof in));
}

void
merkle_append_full(struct merkle *m, unsigned level, struct hash root)
{
    unsigned k = level;

    assert((m->size & (((uint64_t)1 << level) - 1)) == 0);
    for (; (m->size >> k & 1) != 0; k++)
        root = merkle_node(m->frontier[k], root);
    m->frontier[k] = root;
    m->size += (uint64_t)1 << level;
}

void
merkle_append(struct merkle *m, struct hash leaf)
{
    merkle_append_full(m, 0, leaf);
}

struct hash
merkle_root(const struct merkle *m)
{
    struct hash root;
    bool any = false;

    for (unsigned k = 0; k < 64; k++) {
        if ((m->size >> k & 1) == 0)
            continue;
        root = any ? merkle_node(m->frontier[k], root) : m->frontier[k];
        any = true;
    }
    return any ? root : sha256(BYTES("", 0));
}
