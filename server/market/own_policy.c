/* market/own_policy.c */
#include "market/own_policy.h"

#include "crypto/sign.h"
#include "market/log_policy.h"
#include "market/market_internal.h"

/* It follows from what the journal said before and what it is to say: of two servers, or two looks, one is heard, and a
 * policy that comes back is another change. */
static struct uuid
order_of(struct hash genesis, const struct ledger_witnesses *before, const struct hash *policy)
{
    uint8_t entry[8];
    struct wire_out w = { entry, entry + sizeof entry };
    struct uuid id;
    struct hash h;

    put_u64(&w, before->entry);
    h = sha256_of((const struct bytes[]){ BYTES_TEXT("kontor-witnesses"), BYTES(genesis.b, sizeof genesis.b), BYTES(entry, sizeof entry),
                                          BYTES(policy->b, sizeof policy->b) }, 4);
    memcpy(id.b, h.b, sizeof id.b);
    id.b[6] = (uint8_t)(0x80 | (id.b[6] & 0x0f)); /* version 8: by our own rule */
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    return id;
}

static bool
is_news(const struct ledger_witnesses *before, const struct log_policy_now *now)
{
    return before->entry == NO_INDEX ? now->quorum != NULL : !hash_equal(before->policy, now->hash);
}

bool
own_policy_lacks(const struct market *m, const struct log_policy_now *now, struct entry *ret)
{
    const struct ledger *l = m->state->ledger;
    struct ledger_witnesses before = ledger_witnesses(l);
    const struct key *vouches = own_keys_server(m);
    uint8_t bytes[ENTRY_MAX];
    size_t len;

    if (m->config.keys == NULL || vouches == NULL || !is_news(&before, now))
        return false;
    *ret = entry_new(NOTICE);
    ret->u.notice.type = NOTICE_WITNESSES;
    ret->u.notice.ref = ret->u.notice.as_of = NO_INDEX;
    ret->u.notice.root = now->hash;
    ret->u.notice.order = order_of(ledger_genesis(l), &before, &now->hash);
    ret->u.notice.auth.slot[0].class = 3;
    ret->u.notice.auth.slot[0].key = vouches->index;
    len = entry_order_bytes(ret, ledger_genesis(l), bytes);
    sign_make(m->config.keys->server, BYTES(bytes, len), ret->u.notice.auth.slot[0].sig);
    return true;
}

bool
own_policy_order(struct market *m, struct entry *ret)
{
    struct log_policy_now now = log_policy_now(m->config.policy);
    bool lacks = market_read_lock(m) != NULL;

    if (lacks) {
        lacks = own_policy_lacks(m, &now, ret);
        market_read_unlock(m);
    }
    return lacks;
}
