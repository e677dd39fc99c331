/* tests/fuzz/fuzz_proof.c: any bytes as a receipt (C2SP tlog-proof); any path as a proof of inclusion or of consistency in a
 * small tree. One path proves: the one that is made from the tree. The first byte says which. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LEAVES = 40 };

static struct hash
leaf(uint64_t i)
{
    uint8_t byte = (uint8_t)i;

    return sha256(BYTES(&byte, 1));
}

static struct hash
root_of(uint64_t from, uint64_t n)
{
    struct merkle m = { .size = 0 };

    for (uint64_t i = from; i < from + n; i++)
        merkle_append(&m, leaf(i));
    return merkle_root(&m);
}

static enum err
subtree(void *ctx, unsigned level, uint64_t n, struct hash *ret)
{
    (void)ctx;
    assert(level < 6 && (n + 1) << level <= LEAVES);
    *ret = root_of(n << level, (uint64_t)1 << level);
    return OK;
}

static const struct merkle_source TREE = { subtree, NULL };

/* The made proof, changed as the input says: each byte pair is a place and what is added to it; an odd length drops the
 * last hash. True if it is as it was. */
static bool
change(struct proof *p, const uint8_t *data, size_t len)
{
    struct proof before = *p;

    for (; len >= 2; data += 2, len -= 2)
        if (p->n > 0) {
            uint8_t *bytes = p->path[data[0] / 32 % p->n].b;
            bytes[data[0] % 32] = (uint8_t)(bytes[data[0] % 32] + data[1]);
        }
    if (len == 1 && p->n > 0 && data[0] % 2)
        p->n--;
    else if (len == 1 && p->n < PROOF_MAX)
        p->path[p->n++] = leaf(data[0]);
    return p->n == before.n && memcmp(p->path, before.path, p->n * sizeof p->path[0]) == 0;
}

static void
as_inclusion(const uint8_t *data, size_t len)
{
    uint64_t size = data[0] % LEAVES + 1, index = data[1] % size, claimed = data[2], claimed_size = data[3];
    struct proof p;
    bool same;

    if (proof_inclusion(&TREE, index, size, &p) != OK)
        abort();
    assert(proof_inclusion_holds(&p, leaf(index), index, size, root_of(0, size)));
    same = change(&p, data + 4, len - 4);
    assert(proof_inclusion_holds(&p, leaf(index), index, size, root_of(0, size)) == same);
    if (proof_inclusion_holds(&p, leaf(claimed), claimed, size, root_of(0, size)))
        assert(same && claimed == index);
    if (claimed_size > 0 && claimed_size != size)
        assert(!proof_inclusion_holds(&p, leaf(index), index, size, root_of(0, claimed_size)));
}

static void
as_consistency(const uint8_t *data, size_t len)
{
    uint64_t size = data[0] % LEAVES + 1, old = data[1] % (size + 1), other = data[2] % (LEAVES + 1);
    struct proof p;
    bool same;

    if (proof_consistency(&TREE, old, size, &p) != OK)
        abort();
    assert(proof_consistency_holds(&p, old, root_of(0, old), size, root_of(0, size)));
    same = change(&p, data + 4, len - 4);
    assert(proof_consistency_holds(&p, old, root_of(0, old), size, root_of(0, size)) == same);
    if (other != old)
        assert(!proof_consistency_holds(&p, old, root_of(0, other), size, root_of(0, size)));
    assert(!proof_consistency_holds(&p, old, root_of(1, old), size, root_of(0, size)) || old == 0);
}

static void
as_receipt(const uint8_t *data, size_t len)
{
    struct receipt r;
    char head[RECEIPT_HEAD_MAX + 2];
    uint8_t extra[RECEIPT_EXTRA_MAX];
    size_t n, first, extra_len;

    if (!receipt_parse(BYTES(data, len), &r))
        return;
    assert(r.path.n <= PROOF_MAX && r.index <= INT64_MAX);
    assert(r.note.len > 0 && r.note.data + r.note.len == data + len && r.note.data > data);
    n = receipt_head_write(r.index, &r.path, BYTES("", 0), head);
    first = (size_t)(strchr(head, '\n') - head) + 1;
    assert(n + r.note.len <= len && memcmp(head, data, first) == 0);
    assert(memcmp(head + first, r.note.data - (n - first), n - first) == 0); /* between them stands at most "extra" */
    if (n + r.note.len < len)
        assert(memcmp(data + first, "extra ", 6) == 0);
    if (receipt_extra(&r, extra, &extra_len)) {
        struct receipt again;

        n = receipt_head_write(r.index, &r.path, BYTES(extra, extra_len), head);
        assert(n + r.note.len == len && memcmp(head, data, n) == 0); /* one text for one receipt */
        memcpy(head + n, "x", 2);
        assert(receipt_parse(BYTES(head, n + 1), &again) && again.index == r.index);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 5)
        return 0;
    if (data[0] == 'i')
        as_inclusion(data + 1, len - 1);
    else if (data[0] == 'c' && data[1] != '2') /* a receipt begins with c2sp */
        as_consistency(data + 1, len - 1);
    else
        as_receipt(data, len);
    return 0;
}
