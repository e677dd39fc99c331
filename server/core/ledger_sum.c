/* core/ledger_sum.c
 * Sums over the whole state: conservation, and the root of the statement of state. The root is asked for every 10,000
 * entries while the sequencer waits, so its tree is kept, and the accounts that an entry or its undoing has touched are
 * hashed anew: the others cost nothing. */
#include "core/ledger_state.h"

#include <stdlib.h>

#include "base/arena.h"
#include "core/merkle.h"
#include "core/proof.h"

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

/* level[0]: leaf hashes; level[k]: roots of full subtrees of 2^k leaves. marked: numbers of the accounts whose leaf may
 * differ from level[0]'s, each once; changed: indexes on the level under way, rising. */
struct state_tree {
    size_t n, cap;
    struct hash *level[STATE_LEVELS];
    uint32_t *changed;
    uint32_t *marked;
    size_t n_marked, marked_cap;
    bool *is_marked;
    size_t is_marked_cap;
};

void
ledger_tree_free(struct state_tree *t)
{
    if (t == NULL)
        return;
    for (size_t k = 0; k < STATE_LEVELS; k++)
        free(t->level[k]);
    free(t->changed);
    free(t->marked);
    free(t->is_marked);
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

static void
mark(struct state_tree *t, uint32_t number)
{
    if (number >= t->is_marked_cap) {
        size_t cap = t->is_marked_cap > 0 ? t->is_marked_cap : 64;

        while (cap <= number)
            cap *= 2;
        t->is_marked = xrealloc(t->is_marked, cap);
        memset(t->is_marked + t->is_marked_cap, 0, cap - t->is_marked_cap);
        t->is_marked_cap = cap;
    }
    if (t->is_marked[number])
        return;
    if (t->n_marked == t->marked_cap) {
        t->marked_cap = t->marked_cap > 0 ? t->marked_cap * 2 : 64;
        t->marked = xrealloc(t->marked, t->marked_cap * sizeof *t->marked);
    }
    t->is_marked[number] = true;
    t->marked[t->n_marked++] = number;
}

static void
mark_again(void *tree, void *number)
{
    mark(tree, (uint32_t)(uintptr_t)number);
}

/* Marks are not undone: a leaf that is hashed once too often is only that. */
void
ledger_tree_touch(struct ledger *l, const struct account *account, struct undo *u)
{
    mark(l->tree, account->number);
    undo_call(u, mark_again, l->tree, (void *)(uintptr_t)account->number);
}

static int
by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Hash the leaves that are marked; their indexes go to t->changed. */
static size_t
refresh_leaves(struct state_tree *t, const struct ledger *l)
{
    size_t changed = 0;

    if (t->n_marked > 0)
        qsort(t->marked, t->n_marked, sizeof *t->marked, by_number);
    for (size_t i = 0; i < t->n_marked; i++) {
        uint32_t number = t->marked[i];
        uint8_t image[LEAF];

        t->is_marked[number] = false;
        if (number >= l->accounts.count)
            continue; /* its OPEN was taken back */
        leaf_image(pool_at(&l->accounts, number), image);
        t->level[0][number] = entry_leaf_hash(BYTES(image, LEAF));
        t->changed[changed++] = number;
    }
    t->n_marked = 0;
    t->n = l->accounts.count;
    return changed;
}

/* The root over the leaves as they were hashed last. */
struct hash
ledger_state_stated(const struct ledger *l)
{
    const struct state_tree *t = l->tree;
    struct merkle frontier = { .size = t->n };

    for (size_t k = 0; k < STATE_LEVELS; k++)
        if ((t->n >> k & 1) != 0)
            frontier.frontier[k] = t->level[k][(t->n >> k) - 1];
    return merkle_root(&frontier);
}

struct hash
ledger_state_root(const struct ledger *l)
{
    struct state_tree *t = l->tree;
    size_t changed;

    reserve(t, l->accounts.count);
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
    return ledger_state_stated(l);
}

static enum err
state_subtree(void *ctx, unsigned level, uint64_t n, struct hash *ret)
{
    const struct state_tree *t = ctx;

    if (level >= STATE_LEVELS || n >= t->n >> level)
        return ERR_NOT_FOUND;
    *ret = t->level[level][n];
    return OK;
}

bool
ledger_state_path(const struct ledger *l, uint64_t account, struct proof *ret, uint64_t *ret_place, uint64_t *ret_accounts)
{
    const struct account *a = ledger_account(l, account);
    struct merkle_source from = { state_subtree, l->tree };

    if (a == NULL || a->number >= l->tree->n || proof_inclusion(&from, a->number, l->tree->n, ret) != OK)
        return false;
    *ret_place = a->number;
    *ret_accounts = l->tree->n;
    return true;
}

struct state_tree *
ledger_tree_new(void)
{
    return xcalloc(1, sizeof(struct state_tree));
}
