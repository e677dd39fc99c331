/* core/ledger_registry.c
 * GENESIS, sites, offerings, rates, policies, keys, notices; and who may answer for an entry. */
#include "core/entry_layout.h"
#include "core/ledger_state.h"

enum { ROTATION_OVERLAP_MS = 24 * 3600 * 1000 };
enum { REPORT_AHEAD_MS = 120000, RATE_MAX = 1000000 }; /* a site's clock, ahead of the journal's; a simulation's clock, at the most */

/* ---- reports ----------------------------------------------------------------------------------------------------- */

bool
ledger_no_authority(struct uuid order, const struct authority *auth)
{
    return uuid_is_zero(order) && auth->slot[0].class == 0 && auth->slot[1].class == 0;
}

static bool
same_report(const struct report *a, const struct report *b)
{
    uint8_t bytes[2][REPORT_STATEMENT_LEN];
    struct hash none = { { 0 } };

    report_statement(a, none, bytes[0]);
    report_statement(b, none, bytes[1]);
    return memcmp(bytes[0], bytes[1], sizeof bytes[0]) == 0;
}

/* Mark a report's number as used; false if it was. */
static bool
mark_number(struct applying *a, const struct report *r)
{
    struct ledger *l = a->l;
    uint64_t key[2] = { r->site, r->number / REPORTS_BLOCK };
    struct reports_block *block = map_get(l->reports, key);
    uint64_t *word, bit = (uint64_t)1 << r->number % 64;

    if (block == NULL) {
        block = pool_add(&l->report_blocks, a->undo);
        map_put(l->reports, key, block, a->undo);
    }
    word = &block->used[r->number % REPORTS_BLOCK / 64];
    if ((*word & bit) != 0)
        return false;
    KEEP(a, word);
    *word |= bit;
    return true;
}

/* The number was not used before, but by another entry of this group for the very same report. */
static enum err
use_number(struct applying *a, const struct report *r)
{
    struct ledger *l = a->l;
    struct site *site = ledger_slot(l, r->site, SLOT_SITE);

    if (l->at.has_report && same_report(&l->report, r))
        return OK;
    if (r->number == 0 || !mark_number(a, r))
        return REFUSE(a, ERR_LEDGER_RULE, "a report's number is used once");
    undo_save(a->undo, &l->report, sizeof l->report);
    l->report = *r;
    l->at.has_report = true;
    if (r->number > site->last_report) {
        KEEP(a, site);
        site->last_report = r->number;
    }
    return OK;
}

enum err
ledger_need_report(struct applying *a, struct hold *h, const struct report *r, const struct authority *auth)
{
    const struct key *k = ledger_key(a->l, auth->slot[0].key);
    enum err err;

    if (auth->slot[0].class != 1 || auth->slot[1].class != 0)
        return REFUSE(a, ERR_AUTHORITY, "a report is signed by its site, once");
    if (k == NULL || !key_in_force(k, a->e->index, a->e->time_ms) || k->entry.u.key.use != KEY_SITE ||
        k->entry.u.key.site != r->site)
        return REFUSE(a, ERR_AUTHORITY, "a report is signed by a key of its site, in force");
    if (r->time_ms > a->e->time_ms + (int64_t)REPORT_AHEAD_MS * (a->l->simulation ? RATE_MAX : 1))
        return REFUSE(a, ERR_LEDGER_RULE, "a report is older than the entry that rests on it, but for two minutes of its clock");
    if (r->site != h->site || r->fence != h->fence || uuid_is_zero(r->jti) ||
        (!uuid_is_zero(h->jti) && !uuid_equal(h->jti, r->jti)))
        return REFUSE(a, ERR_LEDGER_RULE, "a report is of the hold's site, fence and ticket");
    err = use_number(a, r);
    if (err != OK)
        return err;
    if (r->number < h->last_report)
        return REFUSE(a, ERR_LEDGER_RULE, "a hold's reports are taken in their order");
    KEEP(a, h);
    h->jti = r->jti;
    h->last_report = r->number;
    return OK;
}

/* ---- GENESIS and the registry ------------------------------------------------------------------------------------ */

static bool
is_zero(const void *data, size_t len)
{
    const uint8_t *b = data;

    for (size_t i = 0; i < len; i++)
        if (b[i] != 0)
            return false;
    return true;
}

static struct key *
add_key(struct applying *a, const struct entry *e)
{
    struct key *k = pool_add(&a->l->keys, a->undo);

    *k = (struct key){ .index = a->e->index, .entry = *e, .until = NO_INDEX, .until_ms = INT64_MAX };
    ledger_slot_set(a, SLOT_KEY, k);
    map_put(a->l->by_public, e->u.key.ed25519, k, a->undo);
    return k;
}

enum err
ledger_genesis_entry(struct applying *a)
{
    const struct entry *e = a->e;
    struct entry key = entry_new(KEY);
    uint8_t bytes[ENTRY_MAX];

    if (is_zero(e->u.genesis.server_key, 32))
        return REFUSE(a, ERR_ENTRY_INVALID, "GENESIS names the server's key");
    if ((e->u.genesis.old_size == 0) != is_zero(e->u.genesis.old_root.b, 32))
        return REFUSE(a, ERR_ENTRY_INVALID, "an older origin has a size and a root, or neither");
    undo_save(a->undo, &a->l->genesis, sizeof a->l->genesis);
    undo_save(a->undo, &a->l->simulation, sizeof a->l->simulation);
    a->l->genesis = sha256(BYTES(bytes, entry_encode(e, bytes)));
    a->l->simulation = e->u.genesis.simulation == 1;
    key.u.key.use = KEY_SERVER;
    key.u.key.status = KEY_ACTIVE;
    memcpy(key.u.key.ed25519, e->u.genesis.server_key, 32);
    add_key(a, &key);
    return OK;
}

enum err
ledger_site_entry(struct applying *a)
{
    const struct entry *e = a->e;
    const struct site *same_code = ledger_site_by_code(a->l, e->u.site.code);
    struct site *s = ledger_slot(a->l, e->u.site.first, SLOT_SITE);

    if (e->u.site.first == NO_INDEX ? same_code != NULL : s == NULL || same_code != s)
        return REFUSE(a, ERR_LEDGER_RULE, "a SITE's code belongs to one chain, and a change names its first SITE");
    if (s == NULL) {
        s = pool_add(&a->l->sites, a->undo);
        *s = (struct site){ .index = e->index, .account = NO_INDEX, .last_open = NO_INDEX };
        ledger_slot_set(a, SLOT_SITE, s);
    }
    KEEP(a, s);
    s->entry = *e;
    return ledger_need_order(a, e->u.site.order, &e->u.site.auth, 1);
}

enum err
ledger_offering_entry(struct applying *a)
{
    const struct entry *e = a->e;
    struct offering *o;

    if (ledger_site(a->l, e->u.offering.site) == NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "an OFFERING names its SITE");
    o = pool_add(&a->l->offerings, a->undo);
    *o = (struct offering){ .index = e->index, .entry = *e, .rate = NO_INDEX };
    ledger_slot_set(a, SLOT_OFFERING, o);
    return ledger_need_order(a, e->u.offering.order, &e->u.offering.auth, 1);
}

enum err
ledger_rate_entry(struct applying *a)
{
    const struct entry *e = a->e;
    struct offering *o = ledger_slot(a->l, e->u.rate.offering, SLOT_OFFERING);
    struct rate *r;

    if (o == NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "a RATE names its OFFERING");
    r = pool_add(&a->l->rates, a->undo);
    *r = (struct rate){ .index = e->index, .before = o->rate, .entry = *e };
    ledger_slot_set(a, SLOT_RATE, r);
    KEEP(a, o);
    o->rate = e->index;
    return ledger_need_order(a, e->u.rate.order, &e->u.rate.auth, 1);
}

/* The chain that has this code, by its first row; NO_INDEX if none has. */
static uint64_t
policy_chain(const struct ledger *l, const char *code)
{
    const struct policy *p;

    for (size_t it = 0; (p = ledger_next_policy(l, &it)) != NULL;)
        if (strcmp(p->entry.u.policy.code, code) == 0)
            return p->entry.u.policy.first == NO_INDEX ? p->index : p->entry.u.policy.first;
    return NO_INDEX;
}

/* The rule of orders allows a class of authority, one at least. */
static bool
rule_is_well(const struct entry *e)
{
    return strcmp(e->u.policy.code, ORDERS_CODE) != 0 || ((e->u.policy.eligible & ~ORDER_CLASSES) == 0 && e->u.policy.eligible != 0);
}

enum err
ledger_policy_entry(struct applying *a)
{
    const struct entry *e = a->e;
    struct policy *p;
    enum err err;

    if (!rule_is_well(e))
        return REFUSE(a, ERR_LEDGER_RULE, "the rule of orders allows some of the classes of authority that there are");
    err = ledger_need_order(a, e->u.policy.order, &e->u.policy.auth, 1); /* by the rule before it */
    if (err != OK)
        return err;
    if (e->u.policy.first != policy_chain(a->l, e->u.policy.code))
        return REFUSE(a, ERR_LEDGER_RULE, "a POLICY's code belongs to one chain, and a change names its first POLICY");
    p = pool_add(&a->l->policies, a->undo);
    *p = (struct policy){ .index = e->index, .entry = *e };
    ledger_slot_set(a, SLOT_POLICY, p);
    return OK;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static enum err
check_key_owner(struct applying *a)
{
    const struct entry *e = a->e;
    uint8_t use = e->u.key.use;

    if (use == KEY_SITE ? ledger_site(a->l, e->u.key.site) == NULL
                        : e->u.key.site != NO_INDEX && (use != KEY_WITNESS || ledger_site(a->l, e->u.key.site) == NULL))
        return REFUSE(a, ERR_ENTRY_INVALID, "a site's key names its SITE");
    if ((use == KEY_OFFICER) == uuid_is_zero(e->u.key.person))
        return REFUSE(a, ERR_ENTRY_INVALID, "an officer's key names a person, and no other does");
    if (is_zero(e->u.key.ed25519, 32))
        return REFUSE(a, ERR_ENTRY_INVALID, "a KEY has a public key");
    return OK;
}

/* A change follows its chain's first KEY and keeps its use and owner. The server's keys are the chain of GENESIS; a
 * site's are one chain. */
static enum err
check_key_chain(struct applying *a)
{
    const struct entry *e = a->e;
    const struct key *first = ledger_key(a->l, e->u.key.first), *k;

    if (e->u.key.first == NO_INDEX) {
        if (e->u.key.use == KEY_SERVER)
            return REFUSE(a, ERR_LEDGER_RULE, "the server's keys follow the one in GENESIS");
        for (size_t it = 0; e->u.key.use == KEY_LOG && (k = ledger_next_key(a->l, &it)) != NULL;)
            if (k->entry.u.key.use == KEY_LOG)
                return REFUSE(a, ERR_LEDGER_RULE, "the log's keys are one chain: a change names its first KEY");
        for (size_t it = 0; e->u.key.use == KEY_SITE && (k = ledger_next_key(a->l, &it)) != NULL;)
            if (k->entry.u.key.use == KEY_SITE && k->entry.u.key.site == e->u.key.site)
                return REFUSE(a, ERR_LEDGER_RULE, "a site's keys are one chain: a change names its first KEY");
        return OK;
    }
    if (first == NULL || key_chain(first) != first->index)
        return REFUSE(a, ERR_LEDGER_RULE, "a change names the first KEY of its chain");
    if (first->entry.u.key.use != e->u.key.use || first->entry.u.key.site != e->u.key.site ||
        !uuid_equal(first->entry.u.key.person, e->u.key.person))
        return REFUSE(a, ERR_LEDGER_RULE, "a chain of keys keeps its use and its owner");
    return OK;
}

static void
site_key_changed(struct applying *a, uint64_t site)
{
    struct site *s = ledger_slot(a->l, site, SLOT_SITE);
    const struct key *k;

    if (s == NULL || a->e->u.key.use != KEY_SITE)
        return;
    KEEP(a, s);
    s->key = 0;
    for (size_t it = 0; (k = ledger_next_key(a->l, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_SITE && k->entry.u.key.site == site && k->until == NO_INDEX && k->until_ms == INT64_MAX)
            s->key = k->index;
}

/* A new key: those before it in its chain are in force for another 24 hours; a log's key ends with its successor's entry,
 * so that one key at a time signs checkpoints. */
static void
rotate(struct applying *a, const struct key *newest)
{
    struct pool *keys = &a->l->keys;

    for (size_t i = 0; i < keys->count; i++) {
        struct key *k = pool_at(keys, i);

        if (k == newest || key_chain(k) != key_chain(newest) || k->until_ms != INT64_MAX)
            continue;
        KEEP(a, k);
        if (newest->entry.u.key.use == KEY_LOG)
            k->until = k->until < newest->index ? k->until : newest->index;
        else
            k->until_ms = a->e->time_ms + ROTATION_OVERLAP_MS;
    }
}

/* The log's key is announced on the server's word, and changed by the log's key before it, not by the server's: either
 * way the new key signs too, as this entry's own. What only ends it is on the server's word. */
static enum err
need_log_order(struct applying *a)
{
    const struct entry *e = a->e;
    const struct authority_slot *slot = e->u.key.auth.slot;
    const struct key *k = ledger_key(a->l, slot[0].key);
    bool active = e->u.key.status == KEY_ACTIVE, changes = active && e->u.key.first != NO_INDEX;

    if (uuid_is_zero(e->u.key.order) || slot[0].class != (changes ? 1 : 3))
        return REFUSE(a, ERR_AUTHORITY, "the log's first key rests on the server's word, each later one on the log's key before it");
    if (k == NULL || !key_in_force(k, e->index, e->time_ms) || k->entry.u.key.use != (changes ? KEY_LOG : KEY_SERVER))
        return REFUSE(a, ERR_AUTHORITY, "a signer's key is in force");
    if (active ? slot[1].class != 1 || slot[1].key != e->index : slot[1].class != 0)
        return REFUSE(a, ERR_AUTHORITY, "a new key of the log signs its own KEY");
    if (map_get(a->l->orders, e->u.key.order.b) != NULL)
        return REFUSE(a, ERR_ORDER_USED, "an order is carried out once");
    map_put(a->l->orders, e->u.key.order.b, a->l, a->undo);
    return OK;
}

enum err
ledger_key_entry(struct applying *a)
{
    const struct entry *e = a->e;
    struct key *same = map_get(a->l->by_public, e->u.key.ed25519);
    enum err err = e->u.key.use == KEY_LOG ? need_log_order(a) : ledger_need_order(a, e->u.key.order, &e->u.key.auth, 1);

    if (err == OK)
        err = check_key_owner(a);
    if (err == OK)
        err = check_key_chain(a);
    if (err != OK)
        return err;
    if (e->u.key.status == KEY_ACTIVE) {
        if (same != NULL)
            return REFUSE(a, ERR_LEDGER_RULE, "a public key is registered once");
        rotate(a, add_key(a, e));
    } else {
        if (same == NULL || e->u.key.first == NO_INDEX || key_chain(same) != e->u.key.first)
            return REFUSE(a, ERR_LEDGER_RULE, "what ends a key names one of its chain");
        KEEP(a, same);
        same->until = same->until < e->index ? same->until : e->index;
    }
    site_key_changed(a, e->u.key.site);
    return OK;
}

/* ---- NOTICE ------------------------------------------------------------------------------------------------------ */

static enum err
notice_state(struct applying *a)
{
    const struct entry *e = a->e;

    if (!ledger_no_authority(e->u.notice.order, &e->u.notice.auth) || e->u.notice.ref != NO_INDEX)
        return REFUSE(a, ERR_ENTRY_INVALID, "a statement of state rests on nothing but the state");
    if (e->group_len != 1 || e->u.notice.as_of != e->index - 1)
        return REFUSE(a, ERR_LEDGER_RULE, "a statement of state stands alone and is as of the entry before");
    if (!hash_equal(e->u.notice.root, ledger_state_root(a->l)))
        return REFUSE(a, ERR_LEDGER_RULE, "a statement of state has the root over all accounts");
    return OK;
}

static enum err
notice_dispute(struct applying *a)
{
    const struct entry *e = a->e;
    struct hold *h = ledger_slot(a->l, e->u.notice.ref, SLOT_HOLD);
    bool opens = e->u.notice.type == NOTICE_DISPUTE_OPENED;
    const struct account *grant;

    if (h == NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "a dispute is about a HOLD");
    if (h->disputed == opens)
        return REFUSE(a, ERR_LEDGER_RULE, "a dispute is opened once and closed once");
    grant = ledger_account(a->l, h->grant);
    if (opens && h->open && e->time_ms >= h->expiry_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "after a hold's expiry only an EXPIRE touches it");
    if (opens && !h->open &&
        e->time_ms > h->resolved_ms + ledger_policy(a->l, grant->policy)->entry.u.policy.contest_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a hold's outcome is contested within its policy's time");
    KEEP(a, h);
    h->disputed = opens;
    if (opens)
        h->reserve_paid = false;
    return OK;
}

/* Words bind nobody: they stand beside a dispute, and say by whose order and behind which commitment. */
static enum err
notice_said(struct applying *a)
{
    const struct entry *e = a->e;
    const struct hold *h = ledger_slot(a->l, e->u.notice.ref, SLOT_HOLD);

    if (h == NULL || !h->disputed)
        return REFUSE(a, ERR_LEDGER_RULE, "what is said in a dispute is about a HOLD whose dispute is open");
    if (e->u.notice.reason != SAID_BY_REQUESTER && e->u.notice.reason != SAID_BY_SITE)
        return REFUSE(a, ERR_LEDGER_RULE, "a dispute has two sides");
    return ledger_need_order(a, e->u.notice.order, &e->u.notice.auth, 1);
}

/* The first one counts: a text that is erased once more was put back by somebody in between. */
static void
notice_erasure(struct applying *a)
{
    const struct hash *commitment = &a->e->u.notice.commitment;
    struct erasure *new;

    if (map_get(a->l->by_commitment, commitment->b) != NULL)
        return;
    new = pool_add(&a->l->erasures, a->undo);
    *new = (struct erasure){ *commitment, a->e->index, a->e->time_ms };
    map_put(a->l->by_commitment, new->commitment.b, new, a->undo);
}

const struct erasure *
ledger_erasure(const struct ledger *l, const struct hash *commitment)
{
    return map_get(l->by_commitment, commitment->b);
}

enum err
ledger_notice(struct applying *a)
{
    const struct entry *e = a->e;
    enum err err = OK;

    switch (e->u.notice.type) {
    case NOTICE_STATE:
        return notice_state(a);
    case NOTICE_DISPUTE_OPENED:
    case NOTICE_DISPUTE_CLOSED:
        err = notice_dispute(a);
        break;
    case NOTICE_ROLLBACK:
        a->l->at.rollback = e->index;
        a->l->at.rollback_to = e->u.notice.ref;
        a->l->at.rollback_ms = e->time_ms;
        return ledger_need_order(a, e->u.notice.order, &e->u.notice.auth, 1);
    case NOTICE_WITNESSES:
        KEEP(a, &a->l->witnesses);
        a->l->witnesses = (struct ledger_witnesses){ e->index, e->time_ms, e->u.notice.root };
        return ledger_need_order(a, e->u.notice.order, &e->u.notice.auth, 1);
    case NOTICE_SAID:
        return notice_said(a);
    case NOTICE_ERASURE:
        notice_erasure(a);
        break;
    default:
        break;
    }
    if (err != OK || ledger_no_authority(e->u.notice.order, &e->u.notice.auth))
        return err;
    return ledger_need_order(a, e->u.notice.order, &e->u.notice.auth, 1);
}
