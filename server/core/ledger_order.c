/* core/ledger_order.c: who may answer for an order, and how many, by the rule in force. */
#include "core/ledger_state.h"

struct order_rule
ledger_order_rule(const struct ledger *l, int64_t at_ms)
{
    const struct policy *p = ledger_policy_by_code(l, ORDERS_CODE, at_ms);
    struct order_rule any = { .policy = NO_INDEX, .classes = ORDER_CLASSES };

    if (p == NULL)
        return any;
    return (struct order_rule){ .policy = p->index, .classes = p->entry.u.policy.eligible, .alone_gpums = p->entry.u.policy.cap_gpums,
                                .open_ms = p->entry.u.policy.decide_ms };
}

bool
order_is_ruled(const struct entry *e)
{
    switch (e->kind) {
    case FUND:
    case TRANCHE:
    case GRANT:
    case CLAWBACK:
    case CORRECT:
    case RESOLVE:
    case VOID:
    case CLOSE:
    case SITE:
    case OFFERING:
    case RATE:
    case POLICY:
        return true;
    case KEY: /* what ends a key is never kept waiting */
        return e->u.key.use == KEY_OFFICER && e->u.key.status == KEY_ACTIVE;
    default:
        return false;
    }
}

unsigned
order_signers(struct order_rule rule, const struct entry *e)
{
    if (rule.alone_gpums == 0 || !order_is_ruled(e))
        return 1;
    if (e->kind == RATE || e->kind == POLICY || e->kind == KEY)
        return 2;
    return e->amount > rule.alone_gpums ? 2 : 1;
}

bool
order_class_allowed(struct order_rule rule, uint8_t class)
{
    return class >= 1 && class <= 3 && (rule.classes & ORDER_CLASS(class)) != 0;
}

static enum err
check_signer(struct applying *a, const struct authority_slot *slot)
{
    const struct key *k = ledger_key(a->l, slot->key);

    if (k == NULL || !key_in_force(k, a->e->index, a->e->time_ms))
        return REFUSE(a, ERR_AUTHORITY, "a signer's key is in force");
    if (k->entry.u.key.use != (slot->class == 3 ? KEY_SERVER : KEY_OFFICER))
        return REFUSE(a, ERR_AUTHORITY, "an order is signed by an officer's key, or vouched for by the server's");
    return OK;
}

static bool
same_person(const struct ledger *l, const struct authority *auth)
{
    if (auth->slot[0].class == 3 || auth->slot[1].class == 3)
        return false; /* persons vouched for: the server compared them */
    return uuid_equal(ledger_key(l, auth->slot[0].key)->entry.u.key.person,
                      ledger_key(l, auth->slot[1].key)->entry.u.key.person);
}

/* As the rule in force has it; and a new rule is itself signed in a way that it allows, so that nobody rules out what they cannot do. */
static enum err
check_rule(struct applying *a, const struct authority *auth)
{
    const struct entry *e = a->e;
    struct order_rule rule = ledger_order_rule(a->l, e->time_ms);
    uint16_t classes = rule.classes;

    if (e->kind == POLICY && strcmp(e->u.policy.code, ORDERS_CODE) == 0)
        classes &= e->u.policy.eligible;
    for (size_t i = 0; i < 2; i++)
        if (auth->slot[i].class != 0 && (classes & ORDER_CLASS(auth->slot[i].class)) == 0)
            return REFUSE(a, ERR_AUTHORITY, "an order is signed in a way that the rule of orders allows");
    if (order_signers(rule, e) == 2 && auth->slot[1].class == 0)
        return REFUSE(a, ERR_AUTHORITY, "by the rule of orders two sign this");
    return OK;
}

enum err
ledger_need_order(struct applying *a, struct uuid order, const struct authority *auth, unsigned signers)
{
    const struct entry *e = a->e;
    enum err err = OK;

    if (uuid_is_zero(order) || auth->slot[0].class == 0)
        return REFUSE(a, ERR_AUTHORITY, "the entry rests on a signed order");
    if (signers == 2 && auth->slot[1].class == 0)
        return REFUSE(a, ERR_AUTHORITY, "the entry needs two signers");
    if (map_get(a->l->orders, order.b) != NULL)
        return REFUSE(a, ERR_ORDER_USED, "an order is carried out once");
    if ((a->debit != NULL && a->debit->index >= e->group_first) || (a->credit != NULL && a->credit->index >= e->group_first))
        return REFUSE(a, ERR_AUTHORITY, "what an order names was committed before it was signed");
    if (order_is_ruled(e))
        err = check_rule(a, auth);
    for (size_t i = 0; err == OK && i < 2; i++)
        if (auth->slot[i].class != 0)
            err = check_signer(a, &auth->slot[i]);
    if (err != OK)
        return err;
    if (auth->slot[1].class != 0 && same_person(a->l, auth))
        return REFUSE(a, ERR_AUTHORITY, "two signers are two persons");
    map_put(a->l->orders, order.b, a->l, a->undo);
    return OK;
}

