/* api/order_rule.c: the rule of orders (core/ledger.h): in which ways orders may be signed, above how much two people sign, and how long an
 * order waits. It is a POLICY, itself ordered. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/officer_passkey.h"
#include "api/orders.h"
#include "market/state.h"

enum { CLASSES = 3, DAYS_MOST = 90, DAYS_IF_NONE = 14 };
#define DAY_MS INT64_C(86400000)

static const char *const WAYS[CLASSES + 1] = { "key", "passkey", "word", NULL };

static void
reply_rule(struct call *call, int status)
{
    const struct state *s = call_state(call);
    struct json_out *out = &call->out;
    struct order_rule rule;

    if (!s)
        return;
    rule = ledger_order_rule(s->ledger, call->now_ms);
    call_state_done(call);
    json_open(out, NULL);
    if (rule.policy == NO_INDEX)
        json_none(out, "policy");
    else
        json_i64(out, "policy", (int64_t)rule.policy);
    json_open_array(out, "signed_by");
    for (int i = 0; i < CLASSES; i++)
        if (order_class_allowed(rule, (uint8_t)(i + 1)))
            json_text(out, NULL, WAYS[i]);
    json_shut_array(out);
    json_amount(out, "alone", rule.alone_gpums);
    json_bool(out, "limited", rule.alone_gpums > 0);
    json_i64(out, "open_days", rule.policy == NO_INDEX ? DAYS_IF_NONE : rule.open_ms / DAY_MS);
    json_time(out, "as_of", call->now_ms);
    json_shut(out);
    call_reply(call, status);
}

/* GET /v1/order-rule */
void
order_rule_get(struct call *call)
{
    reply_rule(call, 200);
}

static void
ruled(struct call *call)
{
    reply_rule(call, 201);
}

static uint16_t
read_ways(struct json_in *in)
{
    size_t n = json_in_array(in, "signed_by", CLASSES);
    uint16_t classes = 0;

    for (size_t i = 0; i < n && !in->err; i++) {
        const char *word = json_in_array_text(in, "signed_by", i, 16);
        int class = 0;

        while (!in->err && class < CLASSES && strcmp(word, WAYS[class]) != 0)
            class++;
        if (!in->err && class == CLASSES)
            json_in_refuse(in, "signed_by", ERR_FIELD_INVALID, "“%s” is no way to sign: key, passkey or word.", word);
        else if (!in->err)
            classes |= ORDER_CLASS(class + 1);
    }
    if (!in->err && classes == 0)
        json_in_refuse(in, "signed_by", ERR_FIELD_RANGE, "Nobody could order anything any more.");
    return classes;
}

/* The keys that were asked for, which say of those in the journal which are passkeys. */
struct asked { struct officer_key *list; size_t n; };

/* May this key sign under the rule? */
static bool
signs(const struct key *k, const struct asked *asked, uint16_t classes)
{
    const struct officer_key *row = officer_key_named(asked->list, asked->n, k->entry.u.key.ed25519);

    return k->entry.u.key.use == KEY_OFFICER && (classes & ORDER_CLASS(row && officer_key_is_passkey(row) ? 2 : 1)) != 0;
}

/* Whoever forbids what the server signs must be able to sign otherwise, and so must a second person where two are needed. */
static enum err
check_keys(struct call *call, const struct entry *e, const struct state *s, const struct asked *asked)
{
    bool two = e->u.policy.cap_gpums > 0;
    struct uuid first = { { 0 } };
    const struct key *k;
    size_t n = 0;

    if (e->u.policy.eligible & ORDER_CLASS(3))
        return OK;
    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (signs(k, asked, e->u.policy.eligible) && key_in_force(k, ledger_size(s->ledger), call->now_ms) && (n == 0 || !uuid_equal(first, k->entry.u.key.person))) {
            first = k->entry.u.key.person;
            n++;
        }
    if (n < (two ? 2 : 1))
        return err_at(&call->detail, ERR_CONFLICT, "/signed_by", "There are not enough people with a key in force: nobody could order anything any more.");
    return OK;
}

/* POST /v1/order-rule */
void
order_rule_set(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct idem idem = call->command->idem;
    struct entry e = entry_new(POLICY);
    struct asked asked = { NULL, 0 };
    struct order_rule before;
    const char *alone;
    const struct state *s;
    enum err err;

    e.u.policy.eligible = read_ways(&in);
    alone = json_in_text(&in, "alone_credits", 1, 24);
    if (!in.err && strcmp(alone, "0") != 0)
        e.u.policy.cap_gpums = in_credits(&in, "alone_credits");
    e.u.policy.decide_ms = json_in_i64_or(&in, "open_days", 1, DAYS_MOST, DAYS_IF_NONE) * DAY_MS;
    err = json_in_close(&in);
    if (!err)
        err = officer_keys_list(call->db, (struct uuid){ { 0 } }, OFFICER_KEYS_LOOKED_AT, call->arena, &asked.list, &asked.n);
    if (err) {
        call_fail(call, err);
        return;
    }
    field_text(e.u.policy.code, sizeof e.u.policy.code, ORDERS_CODE);
    field_text(e.u.policy.name, sizeof e.u.policy.name, "Orders");
    e.u.policy.valid_from_ms = call->now_ms;
    s = call_state(call);
    if (!s)
        return;
    before = ledger_order_rule(s->ledger, call->now_ms);
    e.u.policy.first = before.policy == NO_INDEX ? NO_INDEX : ledger_policy(s->ledger, before.policy)->entry.u.policy.first;
    if (e.u.policy.first == NO_INDEX)
        e.u.policy.first = before.policy;
    err = check_keys(call, &e, s, &asked);
    call_state_done(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    order_step(call, idem, NULL);
    e.u.policy.order = order_id(call);
    /* a rule without the server's word is not taken on the server's word */
    order_send(call, &e, (struct order_by){ .signers = 1, .waits = !(e.u.policy.eligible & ORDER_CLASS(3)), .basis = "" }, ruled);
}
