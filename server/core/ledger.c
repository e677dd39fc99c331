/* core/ledger.c
 * The frame of ledger_apply: an entry's place, its accounts, what a group owes when it ends; pools and look-ups. The
 * rules of the kinds: ledger_money.c, ledger_hold.c, ledger_registry.c. */
#include "core/ledger.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"
#include "core/entry_layout.h"
#include "core/ledger_state.h"

enum { CHUNK = 256, WALK = 1 << 14 };

/* ---- pools ------------------------------------------------------------------------------------------------------- */

void *
pool_at(const struct pool *p, size_t i)
{
    return p->chunks[i / CHUNK] + i % CHUNK * p->item;
}

static void
pool_pop(void *pool, void *unused)
{
    struct pool *p = pool;

    (void)unused;
    p->count--;
}

void *
pool_add(struct pool *p, struct undo *u)
{
    size_t chunk = p->count / CHUNK;
    void *item;

    if (chunk == p->chunks_cap) {
        size_t cap = p->chunks_cap > 0 ? p->chunks_cap * 2 : 8;

        p->chunks = xrealloc(p->chunks, cap * sizeof *p->chunks);
        memset(p->chunks + p->chunks_cap, 0, (cap - p->chunks_cap) * sizeof *p->chunks);
        p->chunks_cap = cap;
    }
    if (p->chunks[chunk] == NULL)
        p->chunks[chunk] = p->memory == NULL ? xmalloc(CHUNK * p->item) : p->memory->take(p->memory->ctx, CHUNK * p->item);
    undo_call(u, pool_pop, p, NULL);
    p->count++;
    item = pool_at(p, p->count - 1);
    memset(item, 0, p->item);
    return item;
}

static void
pool_free(struct pool *p)
{
    for (size_t i = 0; i < p->chunks_cap && p->memory == NULL; i++)
        free(p->chunks[i]);
    free(p->chunks);
}

static void *
pool_walk(const struct pool *p, size_t *it)
{
    if (p->memory != NULL && *it % WALK == WALK - 1)
        p->memory->rest(p->memory->ctx);
    return *it < p->count ? pool_at(p, (*it)++) : NULL;
}

#define ALL_POOLS(l)                                                                                                   \
    &(l)->slots, &(l)->accounts, &(l)->holds, &(l)->sites, &(l)->offerings, &(l)->rates, &(l)->policies, &(l)->keys,   \
        &(l)->payments, &(l)->requests, &(l)->report_blocks, &(l)->erasures
#define ALL_MAPS(l) (l)->orders, (l)->reports, (l)->by_request, (l)->by_reservation, (l)->by_owner, (l)->by_public, (l)->by_commitment

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct ledger *
ledger_new(void)
{
    return ledger_new_in(NULL);
}

static void
live_in_memory(struct ledger *l)
{
    struct pool *pools[] = { ALL_POOLS(l) };
    struct map *maps[] = { ALL_MAPS(l) };

    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        pools[i]->memory = &l->memory;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_live_in(maps[i], &l->memory);
}

struct ledger *
ledger_new_in(const struct memory *memory)
{
    struct ledger *l = xcalloc(1, sizeof *l);

    l->at.rollback = NO_INDEX;
    l->witnesses.entry = NO_INDEX;
    l->slots.item = sizeof(uintptr_t);
    l->accounts.item = sizeof(struct account);
    l->holds.item = sizeof(struct hold);
    l->sites.item = sizeof(struct site);
    l->offerings.item = sizeof(struct offering);
    l->rates.item = sizeof(struct rate);
    l->policies.item = sizeof(struct policy);
    l->keys.item = sizeof(struct key);
    l->payments.item = sizeof(struct payment);
    l->requests.item = sizeof(struct request);
    l->report_blocks.item = sizeof(struct reports_block);
    l->erasures.item = sizeof(struct erasure);
    l->orders = map_new(16);
    l->reports = map_new(16);
    l->by_request = map_new_inside(16, offsetof(struct request, id));
    l->by_reservation = map_new_inside(16, offsetof(struct hold, reservation));
    l->by_owner = map_new(16);
    l->by_public = map_new(32);
    l->by_commitment = map_new_inside(32, offsetof(struct erasure, commitment));
    l->own = undo_new();
    l->tree = ledger_tree_new();
    if (memory != NULL) {
        l->memory = *memory;
        live_in_memory(l);
    }
    return l;
}

void
ledger_delete(struct ledger *l)
{
    if (l == NULL)
        return;
    struct pool *pools[] = { ALL_POOLS(l) };
    struct map *maps[] = { ALL_MAPS(l) };

    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        pool_free(pools[i]);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_delete(maps[i]);
    undo_delete(l->own);
    ledger_tree_free(l->tree);
    free(l);
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

/* Objects are aligned to 8 bytes, so a pointer's low three bits are free for types 1 to 7; a payment, the eighth, has
 * them zero; an empty slot is zero altogether. */
void *
ledger_slot(const struct ledger *l, uint64_t index, enum slot_type type)
{
    uintptr_t word, tag = type == SLOT_PAYMENT ? 0 : (uintptr_t)type;

    if (index >= l->slots.count)
        return NULL;
    word = *(const uintptr_t *)pool_at(&l->slots, index);
    return (word & 7) == tag && word != 0 ? (void *)(word - tag) : NULL;
}

_Static_assert(SLOT_PAYMENT == 8 && SLOT_TYPES == 9, "three bits and the untagged one");

void
ledger_slot_set(struct applying *a, enum slot_type type, void *object)
{
    uintptr_t *word = pool_at(&a->l->slots, a->e->index); /* new with this entry: popped when that is taken back */

    assert(((uintptr_t)object & 7) == 0 && *word == 0);
    *word = (uintptr_t)object | (type == SLOT_PAYMENT ? 0 : (uintptr_t)type);
}

void
ledger_promise(struct applying *a, enum promise_kind kind, const void *what)
{
    struct promise *p = &a->l->promises[a->l->at.promises++];

    assert(a->l->at.promises <= sizeof a->l->promises / sizeof *a->l->promises);
    KEEP(a, p);
    *p = (struct promise){ .kind = kind, .what = what };
}

struct payment *
ledger_payment_add(struct applying *a, struct hold *hold)
{
    struct payment *p = pool_add(&a->l->payments, a->undo);

    *p = (struct payment){ .debit = a->e->debit, .credit = a->e->credit, .amount = a->e->amount, .hold = hold, .kind = a->e->kind };
    ledger_slot_set(a, SLOT_PAYMENT, p);
    return p;
}

enum err
ledger_post(struct applying *a)
{
    if (!add_i64(a->debit->posted_debits, a->e->amount, &a->debit->posted_debits) ||
        !add_i64(a->credit->posted_credits, a->e->amount, &a->credit->posted_credits))
        return REFUSE(a, ERR_LEDGER_RULE, "an account's sums stay within 63 bits");
    return OK;
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

/* What each kind has in its header, and who applies it. */
static const struct rules {
    enum err (*apply)(struct applying *a);
    bool debit, credit, amount;
} RULES[ENTRY_KINDS] = {
    [GENESIS] = { ledger_genesis_entry, false, false, false },
    [OPEN] = { ledger_open, false, false, false },
    [CLOSE] = { ledger_close, true, false, false },
    [FUND] = { ledger_fund, true, true, true },
    [TRANCHE] = { ledger_tranche, true, true, true },
    [GRANT] = { ledger_grant, true, true, true },
    [CLAWBACK] = { ledger_clawback, true, true, true },
    [LAPSE] = { ledger_lapse, true, true, true },
    [HOLD] = { ledger_hold_entry, true, true, true },
    [SETTLE] = { ledger_settle, true, true, true },
    [VOID] = { ledger_void, true, true, true },
    [EXPIRE] = { ledger_expire, true, true, true },
    [RESOLVE] = { ledger_resolve, true, true, true },
    [CORRECT] = { ledger_correct, true, true, true },
    [SITE] = { ledger_site_entry, false, false, false },
    [OFFERING] = { ledger_offering_entry, false, false, false },
    [RATE] = { ledger_rate_entry, false, false, false },
    [POLICY] = { ledger_policy_entry, false, false, false },
    [KEY] = { ledger_key_entry, false, false, false },
    [NOTICE] = { ledger_notice, false, false, false },
};

bool
ledger_group_whole(const struct ledger *l)
{
    return l->at.group_next == l->at.group_len;
}

/* Version, place in the journal and in the group, time; entries 0 to 2. */
static enum err
check_place(struct applying *a)
{
    const struct ledger *l = a->l;
    const struct entry *e = a->e;
    uint64_t size = ledger_size(l);

    if (!a->decoded && entry_check(e) != OK)
        return REFUSE(a, ERR_ENTRY_INVALID, "every field of an entry is within its limits");
    if (e->index != size)
        return REFUSE(a, ERR_LEDGER_RULE, "indexes have no gap");
    if (e->time_ms < l->at.time_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "time never goes back");
    if (ledger_group_whole(l) ? e->group_first != e->index || e->group_pos != 0
                              : e->group_first != l->at.group_first || e->group_len != l->at.group_len ||
                                    e->group_pos != l->at.group_next)
        return REFUSE(a, ERR_LEDGER_RULE, "a group's entries follow one another, whole");
    if ((e->kind == GENESIS) != (size == 0))
        return REFUSE(a, ERR_LEDGER_RULE, "entry 0, and no other, is GENESIS");
    if (size == 1 || size == 2 ? e->kind != OPEN || e->u.open.class != (size == 1 ? ACCOUNT_MINT : ACCOUNT_RESERVE)
                               : e->kind == OPEN && e->u.open.class <= ACCOUNT_RESERVE)
        return REFUSE(a, ERR_LEDGER_RULE, "entries 1 and 2, and no others, open mint and reserve");
    return OK;
}

/* An account that the entry names, or NULL where its kind has none; the link to its entry before. */
static enum err
find_account(struct applying *a, bool wanted, uint64_t index, uint64_t prev, struct account **ret)
{
    if (!wanted)
        return index == NO_INDEX && prev == NO_INDEX ? OK : REFUSE(a, ERR_ENTRY_INVALID, "a kind names the accounts that it moves, and no others");
    *ret = ledger_slot(a->l, index, SLOT_ACCOUNT);
    if (*ret == NULL)
        return REFUSE(a, ERR_ACCOUNT_UNKNOWN, "an account was opened before");
    if ((*ret)->closed)
        return REFUSE(a, ERR_ACCOUNT_CLOSED, "a closed account takes no more entries");
    if (prev != (*ret)->last_index)
        return REFUSE(a, ERR_LEDGER_RULE, "an entry links to the one before on each of its accounts");
    return OK;
}

static enum err
check_accounts(struct applying *a)
{
    const struct entry *e = a->e;
    const struct rules *r = &RULES[e->kind];
    enum err err;

    if (!r->amount && e->amount != 0)
        return REFUSE(a, ERR_ENTRY_INVALID, "only a money entry has an amount");
    if (r->amount && e->amount == 0 && !(e->kind == SETTLE && e->u.settle.final == 1))
        return REFUSE(a, ERR_LEDGER_RULE, "an amount is more than zero, but for a final SETTLE");
    err = find_account(a, r->debit, e->debit, e->prev_debit, &a->debit);
    if (err == OK)
        err = find_account(a, r->credit, e->credit, e->prev_credit, &a->credit);
    if (err == OK && a->debit != NULL && a->debit == a->credit)
        err = REFUSE(a, ERR_LEDGER_RULE, "debit and credit are different accounts");
    return err;
}

static void
touch(struct applying *a, struct account *account)
{
    if (account == NULL)
        return;
    KEEP(a, account);
    ledger_tree_touch(a->l, account, a->undo);
    account->last_index = a->e->index;
    if (!account->dirty) {
        KEEP(a, &a->l->dirty);
        account->dirty = true;
        account->next_dirty = a->l->dirty;
        a->l->dirty = account;
    }
}

static bool
solvent(const struct account *account)
{
    return account == NULL || account->class == ACCOUNT_MINT ||
           (__int128)account->posted_debits + account->held_debits <= account->posted_credits;
}

/* A group's last entry: what its entries owe has come. */
static enum err
check_promises(struct applying *a)
{
    const struct ledger *l = a->l;

    for (size_t i = 0; i < l->at.promises; i++) {
        const struct promise *p = &l->promises[i];
        const struct hold *h = p->what;

        if (p->kind == PROMISE_LAPSE && account_free(p->what) != 0)
            return REFUSE(a, ERR_LEDGER_RULE, "what comes back to a grant past its end lapses in the same group");
        if (p->kind == PROMISE_HOLD && ((const struct request *)p->what)->live == NULL)
            return REFUSE(a, ERR_LEDGER_RULE, "a hold voided to be moved is followed by its request's next HOLD in the same group");
        if (p->kind == PROMISE_VOID && h->open)
            return REFUSE(a, ERR_LEDGER_RULE, "a CORRECT on a site's report is followed by the hold's VOID in the same group");
    }
    return OK;
}

static enum err
apply(struct applying *a)
{
    struct ledger *l = a->l;
    const struct entry *e = a->e;
    enum err err = check_place(a);

    if (err == OK)
        err = check_accounts(a);
    if (err != OK)
        return err;
    undo_save(a->undo, &l->at, sizeof l->at);
    if (e->group_pos == 0) {
        l->at.group_first = e->index;
        l->at.group_len = e->group_len;
        l->at.promises = 0;
        l->at.has_report = false;
    }
    l->at.group_next = (uint16_t)(e->group_pos + 1);
    l->at.time_ms = e->time_ms;
    pool_add(&l->slots, a->undo);
    touch(a, a->debit);
    touch(a, a->credit);
    err = RULES[e->kind].apply(a);
    if (err != OK)
        return err;
    if (!solvent(a->debit) || !solvent(a->credit))
        return REFUSE(a, ERR_INSUFFICIENT_CREDITS, "only mint may be negative: free credits cover what is taken");
    return ledger_group_whole(l) ? check_promises(a) : OK;
}

static enum err
apply_or_undo(struct ledger *l, const struct entry *e, bool decoded, struct undo *undo, const char **rule)
{
    const char *unused;
    struct applying a = { .l = l, .e = e, .undo = undo != NULL ? undo : l->own, .rule = rule != NULL ? rule : &unused, .decoded = decoded };
    undo_mark before = undo_here(a.undo);
    enum err err = apply(&a);

    if (err != OK)
        undo_back(a.undo, before);
    if (undo == NULL)
        undo_commit(l->own);
    return err;
}

enum err
ledger_apply(struct ledger *l, const struct entry *e, struct undo *undo, const char **rule)
{
    return apply_or_undo(l, e, false, undo, rule);
}

enum err
ledger_apply_decoded(struct ledger *l, const struct entry *e, struct undo *undo, const char **rule)
{
    return apply_or_undo(l, e, true, undo, rule);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

uint64_t
ledger_size(const struct ledger *l)
{
    return l->slots.count;
}

int64_t
ledger_time(const struct ledger *l)
{
    return l->at.time_ms;
}

struct hash
ledger_genesis(const struct ledger *l)
{
    return l->genesis;
}

bool
ledger_simulation(const struct ledger *l)
{
    return l->simulation;
}

const struct account *
ledger_account(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_ACCOUNT);
}

const struct hold *
ledger_hold(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_HOLD);
}

const struct site *
ledger_site(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_SITE);
}

const struct offering *
ledger_offering(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_OFFERING);
}

const struct rate *
ledger_rate(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_RATE);
}

const struct rate *
ledger_rate_at(const struct ledger *l, uint64_t offering, int64_t at_ms)
{
    const struct offering *o = ledger_offering(l, offering);
    const struct rate *best = NULL, *r;

    for (uint64_t i = o == NULL ? NO_INDEX : o->rate; (r = ledger_rate(l, i)) != NULL; i = r->before) {
        int64_t from_ms = r->entry.u.rate.valid_from_ms;

        if (from_ms <= at_ms && (best == NULL || from_ms > best->entry.u.rate.valid_from_ms))
            best = r;
    }
    return best;
}

const struct policy *
ledger_policy(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_POLICY);
}

const struct key *
ledger_key(const struct ledger *l, uint64_t index)
{
    return ledger_slot(l, index, SLOT_KEY);
}

const struct site *
ledger_site_by_code(const struct ledger *l, const char *code)
{
    for (size_t i = 0; i < l->sites.count; i++) {
        const struct site *s = pool_at(&l->sites, i);
        if (strcmp(s->entry.u.site.code, code) == 0)
            return s;
    }
    return NULL;
}

const struct policy *
ledger_policy_by_code(const struct ledger *l, const char *code, int64_t at_ms)
{
    const struct policy *best = NULL;

    for (size_t i = 0; i < l->policies.count; i++) {
        const struct policy *p = pool_at(&l->policies, i);
        int64_t from = p->entry.u.policy.valid_from_ms;
        if (strcmp(p->entry.u.policy.code, code) == 0 && from <= at_ms &&
            (best == NULL || from >= best->entry.u.policy.valid_from_ms))
            best = p;
    }
    return best;
}

const struct key *
ledger_key_of(const struct ledger *l, const uint8_t ed25519[32])
{
    return map_get(l->by_public, ed25519);
}

const struct key *
ledger_site_key(const struct ledger *l, uint64_t site)
{
    const struct site *s = ledger_site(l, site);

    return s == NULL || s->key == 0 ? NULL : ledger_key(l, s->key);
}

const struct hold *
ledger_hold_of(const struct ledger *l, struct uuid reservation)
{
    return map_get(l->by_reservation, reservation.b);
}

const struct hold *
ledger_hold_paid(const struct ledger *l, uint64_t index)
{
    const struct payment *p = ledger_slot(l, index, SLOT_PAYMENT);

    return p == NULL ? NULL : p->hold;
}

const struct account *
ledger_newest_grant(const struct ledger *l, struct uuid org)
{
    return map_get(l->by_owner, org.b);
}

uint64_t
ledger_request_fence(const struct ledger *l, struct uuid request)
{
    const struct request *r = map_get(l->by_request, request.b);

    return r == NULL ? 0 : r->fence;
}

bool
ledger_order_used(const struct ledger *l, struct uuid order)
{
    return map_get(l->orders, order.b) != NULL;
}

int64_t
account_free(const struct account *a)
{
    return a->posted_credits - a->posted_debits - a->held_debits;
}

int64_t
hold_left(const struct hold *h)
{
    return h->open ? h->amount - h->settled : 0;
}

bool
key_in_force(const struct key *k, uint64_t index, int64_t time_ms)
{
    return (index > k->index || k->index == 0) && index < k->until && time_ms < k->until_ms &&
           time_ms >= k->entry.u.key.valid_from_ms;
}

const struct key *
ledger_log_key(const struct ledger *l, uint64_t size)
{
    const struct key *newest = NULL, *k;

    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL && k->index < size;)
        if (k->entry.u.key.use == KEY_LOG)
            newest = k;
    return newest != NULL && size <= newest->until ? newest : NULL;
}

uint64_t
ledger_rollback(const struct ledger *l, uint64_t *ret_to, int64_t *ret_ms)
{
    *ret_to = l->at.rollback_to;
    *ret_ms = l->at.rollback_ms;
    return l->at.rollback;
}

struct ledger_witnesses
ledger_witnesses(const struct ledger *l)
{
    return l->witnesses;
}

uint64_t
key_chain(const struct key *k)
{
    return k->entry.u.key.first == NO_INDEX ? k->index : k->entry.u.key.first;
}

const struct account *
ledger_next_account(const struct ledger *l, size_t *it)
{
    return pool_walk(&l->accounts, it);
}

const struct hold *
ledger_next_hold(const struct ledger *l, size_t *it)
{
    return pool_walk(&l->holds, it);
}

const struct site *
ledger_next_site(const struct ledger *l, size_t *it)
{
    return pool_walk(&l->sites, it);
}

const struct offering *
ledger_next_offering(const struct ledger *l, size_t *it)
{
    return pool_walk(&l->offerings, it);
}

const struct policy *
ledger_next_policy(const struct ledger *l, size_t *it)
{
    return pool_walk(&l->policies, it);
}

const struct key *
ledger_next_key(const struct ledger *l, size_t *it)
{
    return pool_walk(&l->keys, it);
}

struct account *
ledger_dirty(struct ledger *l)
{
    return l->dirty;
}

void
ledger_clear_dirty(struct ledger *l)
{
    for (struct account *a = l->dirty, *next; a != NULL; a = next) {
        next = a->next_dirty;
        a->saved_last_index = a->last_index;
        a->stored = true;
        a->dirty = false;
        a->next_dirty = NULL;
    }
    l->dirty = NULL;
}
