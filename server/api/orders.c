/* api/orders.c */
#include "api/orders.h"

#include "api/internal.h"
#include "crypto/sign.h"
#include "market/state.h"
#include "store/evidence.h"

void
order_step(struct call *call, struct idem of, const char *part)
{
    *call->command = (struct command){ .idem = of };
    if (part)
        call->command->idem.scope = key_derived(of.scope, part);
}

static struct hash
secret_of(const struct call *call, const char *purpose)
{
    return sha256_of((const struct bytes[]){ BYTES_TEXT(purpose),
                                             BYTES(call->api->key.seed, sizeof call->api->key.seed),
                                             BYTES(call->command->idem.scope.b, 32) },
                     3);
}

struct uuid
order_id(const struct call *call)
{
    struct hash h = secret_of(call, "kontor-order-id");
    struct uuid id;

    memcpy(id.b, h.b, sizeof id.b);
    id.b[6] = (uint8_t)(0x80 | (id.b[6] & 0x0f)); /* version 8: by our own rule */
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    return id;
}

enum err
order_evidence(struct call *call, struct uuid order, const char *reason, const struct uuid people[2],
               struct uuid concerns, uint64_t site, struct hash *ret_commitment)
{
    struct evidence e = { .order = order,
                          .salt = secret_of(call, "kontor-order-salt"),
                          .text = reason,
                          .people = { people[0], people[1] },
                          .created_ms = call->now_ms,
                          .concerns = concerns,
                          .site = site };
    enum err err = evidence_add(call->db, &e);

    *ret_commitment = sha256_of((const struct bytes[]){ BYTES(e.salt.b, 32), BYTES_TEXT(reason) }, 2);
    return err;
}

enum err
order_evidence_of(struct call *call, const struct entry *e, struct evidence *ret)
{
    enum err err = evidence_find(call->db, *entry_order(e), call->arena, ret);
    const struct erasure *found;
    const struct state *s;

    if (err || ret->erased_ms != 0)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    found = ledger_erasure(s->ledger, entry_commitment(e));
    if (found) {
        log_warning(call->api->log, "erased-text-is-there", LOG_I64("entry", (int64_t)e->index), LOG_I64("erasure", (int64_t)found->entry));
        *ret = (struct evidence){ .order = ret->order, .erased_ms = found->time_ms, .erasure = found->entry };
    }
    market_read_unlock(call->api->market);
    return OK;
}

enum err
order_sign(struct call *call, const struct entry *entry, int signers)
{
    struct command *c = call->command;
    struct entry *e = &c->in.order.entry;
    uint8_t bytes[ENTRY_MAX];
    struct authority *auth;
    struct hash genesis;
    uint64_t key = api_key_index(call->api);
    const struct state *s = market_read_lock(call->api->market);
    size_t len;

    if (!s)
        return ERR_NOT_LEADER;
    genesis = ledger_genesis(s->ledger);
    market_read_unlock(call->api->market);
    c->kind = COMMAND_ORDER;
    *e = *entry;
    auth = entry_authority(e);
    call->order = *entry_order(e);
    len = entry_order_bytes(e, genesis, bytes);
    for (int i = 0; i < signers; i++) {
        auth->slot[i].class = 3;
        auth->slot[i].key = key;
        sign_make(&call->api->key, BYTES(bytes, len), auth->slot[i].sig);
    }
    return OK;
}

const struct key *
officer_key_in_force(const struct state *s, struct uuid person, int64_t now_ms)
{
    const struct key *k, *newest = NULL;

    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_OFFICER && uuid_equal(k->entry.u.key.person, person) && key_in_force(k, ledger_size(s->ledger), now_ms))
            newest = k;
    return newest;
}

const char *
order_caller(const struct call *call)
{
    return call->actor.kind == ACTOR_LOCAL ? "The operator on this machine" : call->name;
}

bool
order_is_bound(const struct entry *e)
{
    return order_is_ruled(e) || (e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_CLOSED);
}

/* Does the server vouch for the caller, and for the two who have shown who they are? Not for who has a key of their own, nor for whom it
 * is about. */
static bool
vouches(const struct call *call, const struct state *s, const struct entry *e, const struct order_by *by)
{
    if (call->actor.kind == ACTOR_PERSON && order_check_signer(&call->actor, s, e) == ERR_ORDER_OWN)
        return false;
    if (order_is_bound(e) && officer_key_in_force(s, call->actor.person, call->now_ms))
        return false;
    for (int i = 0; by->people && order_is_bound(e) && i < by->signers; i++)
        if (officer_key_in_force(s, by->people[i], call->now_ms))
            return false;
    return true;
}

/* Is the server's word for those who are signed in enough? */
static enum err
check_word(struct call *call, const struct entry *e, const struct order_by *by, bool *ret_enough, int *ret_signers)
{
    const struct state *s = market_read_lock(call->api->market);
    struct order_rule rule;
    int needed;

    if (!s)
        return ERR_NOT_LEADER;
    rule = ledger_order_rule(s->ledger, call->now_ms);
    needed = (int)order_signers(rule, e);
    *ret_signers = needed > by->signers ? needed : by->signers;
    *ret_enough = !by->waits && needed <= by->signers && (!order_is_bound(e) || order_class_allowed(rule, 3)) && vouches(call, s, e, by);
    market_read_unlock(call->api->market);
    return OK;
}

void
order_send(struct call *call, const struct entry *e, struct order_by by, handler_fn *then)
{
    bool enough = true;
    int signers = by.signers;
    enum err err = OK;

    if (by.waits || !market_key_maybe_known(call->api->market, &call->command->idem.scope)) /* else it was carried out before */
        err = check_word(call, e, &by, &enough, &signers);
    if (!err && !enough) {
        order_propose(call, e, signers, by.basis);
        return;
    }
    if (!err)
        err = order_sign(call, e, signers);
    if (err)
        call_fail(call, err);
    else
        call_send(call, then);
}
