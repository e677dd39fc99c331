/* core/ledger_sum.c
 * Sums over the whole state: conservation, and the root of the statement of state. The root is asked for every 10,000
 * entries while the sequencer waits, so its tree is kept: an account that is as it was costs a comparison, no hash. What
 * is kept is compared with the accounts as they are, so undo needs to know nothing of it. */
#include "core/ledger_state.h"

#include <stdlib.h>

#include "base/arena.h"
#include "core/merkle.h"

const char *
ledger_conserved(const struct ledger *l)
{
    __int128 others = 0, mint = 0, held_debits = 0, held_credits = 0, open = 0;
    const struct account *a;
    const struct hold *h;

    for (size_t it = 0; (a = ledger_next_account(l, &it)) != NULL;) {
        *(a->class == ACCOUNT_MINT ? &mint : &others) += (__int128)a->posted_credits - a->posted_debits;
        held_debits += a->held_debits;
        held_credits += a->held_credits;
        if (a->posted_debits < 0 || a->posted_credits < 0 || a->held_debits < 0 || a->held_credits < 0)
            return "no sum is negative";
        if (a->class != ACCOUNT_MINT && (__int128)a->posted_debits + a->held_debits > a->posted_credits)
            return "only mint is negative";
    }
    for (size_t it = 0; (h = ledger_next_hold(l, &it)) != NULL;)
        open += hold_left(h);
    if (-mint != others)
        return "what mint gave is what all other accounts have";
    if (held_debits != held_credits || held_debits != open)
        return "held debits and held credits are what all open holds have left";
    return NULL;
}

/* ---- the tree over all accounts ---------------------------------------------------------------------------------- */

enum { LEAF = 48 };

/* level[0]: leaf hashes; level[k]: roots of full subtrees of 2^k leaves. changed: indexes on the level under way, rising. */
struct state_tree {
    size_t n, cap;
    uint8_t (*image)[LEAF];
    struct hash *level[STATE_LEVELS];
    uint32_t *changed;
};

void
ledger_tree_free(struct state_tree *t)
{
    if (t == NULL)
        return;
    for (size_t k = 0; k < STATE_LEVELS; k++)
        free(t->level[k]);
    free(t->image);
    free(t->changed);
    free(t);
}

static void
reserve(struct state_tree *t, size_t n)
{
    size_t cap = t->cap > 0 ? t->cap : 64;

    if (n <= t->cap)
        return;
    while (cap < n)
        cap *= 2;
    t->image = xrealloc(t->image, cap * sizeof *t->image);
    t->changed = xrealloc(t->changed, cap * sizeof *t->changed);
    for (size_t k = 0; k < STATE_LEVELS && cap >> k > 0; k++)
        t->level[k] = xrealloc(t->level[k], (cap >> k) * sizeof *t->level[k]);
    t->cap = cap;
}

static void
leaf_image(const struct account *a, uint8_t ret[LEAF])
{
    struct wire_out w = { ret, ret + LEAF };

    put_u64(&w, a->index);
    put_u64(&w, a->last_index);
    put_i64(&w, a->posted_debits);
    put_i64(&w, a->posted_credits);
    put_i64(&w, a->held_debits);
    put_i64(&w, a->held_credits);
}

/* Hash the leaves that are new or differ; their indexes go to t->changed. */
static size_t
refresh_leaves(struct state_tree *t, const struct ledger *l)
{
    size_t changed = 0, known = t->n, i = 0;
    const struct account *a;

    for (size_t it = 0; (a = ledger_next_account(l, &it)) != NULL; i++) {
        uint8_t image[LEAF];

        leaf_image(a, image);
        if (i < known && memcmp(t->image[i], image, LEAF) == 0)
            continue;
        memcpy(t->image[i], image, LEAF);
        t->level[0][i] = entry_leaf_hash(BYTES(image, LEAF));
        t->changed[changed++] = (uint32_t)i;
    }
    t->n = i;
    return changed;
}

struct hash
ledger_state_root(const struct ledger *l)
{
    struct state_tree *t = l->tree;
    struct merkle frontier = { .size = l->accounts.count };
    size_t changed;

    reserve(t, l->accounts.count);
    if (t->n > l->accounts.count)
        t->n = l->accounts.count; /* some were taken back */
    changed = refresh_leaves(t, l);
    for (size_t k = 1; k < STATE_LEVELS && t->n >> k > 0; k++) {
        size_t above = 0;

        for (size_t i = 0; i < changed; i++) {
            uint32_t parent = t->changed[i] / 2;
            if (parent >= t->n >> k || (above > 0 && t->changed[above - 1] == parent))
                continue;
            t->level[k][parent] = merkle_node(t->level[k - 1][2 * parent], t->level[k - 1][2 * parent + 1]);
            t->changed[above++] = parent;
        }
        changed = above;
    }
    for (size_t k = 0; k < STATE_LEVELS; k++)
        if ((t->n >> k & 1) != 0)
            frontier.frontier[k] = t->level[k][(t->n >> k) - 1];
    return merkle_root(&frontier);
}

struct state_tree *
ledger_tree_new(void)
{
    return xcalloc(1, sizeof(struct state_tree));
}
