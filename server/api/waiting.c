/* api/waiting.c: orders that wait for their signatures: how they come to be, and how they are shown. */
#include "api/handlers.h"

#include "api/entry_json.h"
#include "api/internal.h"
#include "api/officer_passkey.h"
#include "api/orders.h"
#include "api/waiting.h"
#include "market/state.h"
#include "base/clock.h"
#include "store/evidence.h"

#define OPEN_MS (INT64_C(14) * 86400000) /* where no rule says how long */

/* ---- reading ------------------------------------------------------------------------------------------------------ */

bool
waiting_is_open(const struct waiting *w)
{
    return w->row.state <= ORDER_APPROVED && w->row.lapses_ms > w->call->now_ms;
}

/* The entry, and the bytes that are signed, of the row. */
static enum err
read_entry(struct waiting *w)
{
    const struct state *s = market_read_lock(w->call->api->market);
    struct hash genesis;

    if (!s)
        return ERR_NOT_LEADER;
    genesis = ledger_genesis(s->ledger);
    market_read_unlock(w->call->api->market);
    if (entry_decode(w->row.entry, &w->entry) || !entry_order(&w->entry) || !uuid_equal(*entry_order(&w->entry), w->row.id))
        return err_internal(&w->call->detail, ERR_CORRUPT, "a row of the table signed_order is not as it was written");
    w->len = entry_order_bytes(&w->entry, genesis, w->bytes);
    w->sha256 = sha256(BYTES(w->bytes, w->len));
    return OK;
}

/* Nobody who is no person has any. */
static enum err
read_keys(struct waiting *w)
{
    struct call *call = w->call;

    if (call->actor.kind != ACTOR_PERSON)
        return OK;
    return officer_keys_list(call->db, call->actor.person, OFFICER_KEYS_LOOKED_AT, call->arena, &w->keys, &w->keys_n);
}

enum err
waiting_find(struct call *call, struct uuid id, struct waiting *w)
{
    enum err err;

    w->call = call;
    err = orders_find(call->db, id, call->arena, &w->row);
    if (!err)
        err = order_signatures_of(call->db, id, call->arena, &w->signatures, &w->n);
    if (!err)
        err = read_keys(w);
    return err ? err : read_entry(w);
}

/* ---- who may sign ------------------------------------------------------------------------------------------------- */

static bool
acts_for_account(const struct actor *actor, const struct account *a)
{
    return a && ((a->class == ACCOUNT_GRANT && may_act_for(actor, a->owner_org)) || (a->class == ACCOUNT_SITE && acts_for_site(actor, a->owner_site)));
}

/* The accounts that it is about; NULL: none. */
static void
accounts_of(const struct state *s, const struct entry *e, const struct account *ret[2])
{
    const struct hold *h = e->kind == NOTICE ? ledger_hold(s->ledger, e->u.notice.ref) : NULL;
    uint64_t sides[2] = { h ? h->grant : e->debit, h ? h->site_account : e->credit };

    for (int i = 0; i < 2; i++)
        ret[i] = sides[i] == NO_INDEX ? NULL : ledger_account(s->ledger, sides[i]);
}

/* The site whose row of the registry it changes; NO_INDEX: none. */
static uint64_t
site_of(const struct state *s, const struct entry *e)
{
    const struct offering *o;

    switch (e->kind) {
    case SITE:
        return e->u.site.first;
    case OFFERING:
        return e->u.offering.site;
    case RATE:
        o = ledger_offering(s->ledger, e->u.rate.offering);
        return o ? o->entry.u.offering.site : NO_INDEX;
    default:
        return NO_INDEX;
    }
}

/* Is it about this person, or about whom they act for? */
static bool
is_own(const struct actor *actor, const struct state *s, const struct entry *e)
{
    const struct account *sides[2];
    uint64_t site = site_of(s, e);

    if (site != NO_INDEX && acts_for_site(actor, site))
        return true;
    accounts_of(s, e, sides);
    for (int i = 0; i < 2; i++)
        if (acts_for_account(actor, sides[i]))
            return true;
    return e->kind == KEY && uuid_equal(e->u.key.person, actor->person);
}

/* Officers sign what moves credits or ends a dispute; what changes the registry, administrators too. */
static bool
is_registry(const struct entry *e)
{
    return e->kind == SITE || e->kind == OFFERING || e->kind == RATE || e->kind == POLICY || e->kind == KEY;
}

static bool
has_role(const struct actor *actor, const struct entry *e)
{
    if (actor->kind != ACTOR_PERSON)
        return false;
    return (actor->programme_roles & ROLE_OFFICER) != 0 || (is_registry(e) && (actor->programme_roles & ROLE_ADMINISTRATOR) != 0);
}

static bool
has_signed(const struct waiting *w, struct uuid person)
{
    for (size_t i = 0; i < w->n; i++)
        if (uuid_equal(w->signatures[i].person, person))
            return true;
    return false;
}

enum err
order_check_signer(const struct actor *actor, const struct state *s, const struct entry *e)
{
    if (!has_role(actor, e))
        return ERR_FORBIDDEN;
    return is_own(actor, s, e) ? ERR_ORDER_OWN : OK;
}

enum err
order_check_signer_now(struct call *call, struct uuid person, const struct entry *e)
{
    const struct state *s;
    struct actor actor;
    enum err err = auth_actor_of(call, person, &actor);

    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    err = order_check_signer(&actor, s, e);
    market_read_unlock(call->api->market);
    return err;
}

enum err
waiting_check_signer(struct waiting *w, const struct state *s)
{
    return order_check_signer(&w->call->actor, s, &w->entry);
}

/* ---- shown -------------------------------------------------------------------------------------------------------- */

static const char *
state_word(const struct waiting *w, const struct state *s)
{
    static const char *const WORDS[] = { "", "proposed", "approved", "in_journal", "withdrawn", "refused" };

    if (w->row.state <= ORDER_APPROVED && ledger_order_used(s->ledger, w->row.id))
        return "in_journal";
    return w->row.state <= ORDER_APPROVED && !waiting_is_open(w) ? "lapsed" : WORDS[w->row.state];
}

/* The caller's key of that kind that is in force, the next one after `it` in the journal; NULL: no more. */
static const struct key *
next_key(struct waiting *w, const struct state *s, bool passkey, size_t *it, const struct officer_key **ret)
{
    const struct key *k;

    while ((k = ledger_next_key(s->ledger, it)) != NULL) {
        if (k->entry.u.key.use != KEY_OFFICER || !uuid_equal(k->entry.u.key.person, w->call->actor.person) ||
            !key_in_force(k, ledger_size(s->ledger), w->call->now_ms))
            continue;
        *ret = officer_key_named(w->keys, w->keys_n, k->entry.u.key.ed25519);
        if ((*ret && officer_key_is_passkey(*ret)) == passkey)
            return k;
    }
    return NULL;
}

static const struct key *
own_key(struct waiting *w, const struct state *s)
{
    const struct key *k, *newest = NULL;
    const struct officer_key *row;

    for (size_t it = 0; (k = next_key(w, s, false, &it, &row)) != NULL;)
        newest = k;
    return newest;
}

static void
passkeys_json(struct waiting *w, const struct state *s)
{
    struct json_out *out = &w->call->out;
    const struct officer_key *row;
    const struct key *k;

    json_open_array(out, "passkeys");
    for (size_t it = 0; (k = next_key(w, s, true, &it, &row)) != NULL;) {
        json_open(out, NULL);
        json_i64(out, "key", (int64_t)k->index);
        json_text(out, "name", row->name);
        json_text(out, "site", row->site);
        json_base64(out, "credential", row->credential);
        json_shut(out);
    }
    json_shut_array(out);
}

/* What the caller can do with it: sign (with which key, or on the server's word), or why not. */
static void
you_json(struct waiting *w, const struct state *s)
{
    struct call *call = w->call;
    struct json_out *out = &call->out;
    struct order_rule rule = ledger_order_rule(s->ledger, call->now_ms);
    const struct key *key = own_key(w, s);
    enum err err = waiting_check_signer(w, s);

    if (!err && has_signed(w, call->actor.person))
        err = ERR_ORDER_SIGNED;
    if (!err && (w->row.state != ORDER_PROPOSED || !waiting_is_open(w)))
        err = ERR_ORDER_OVER;
    if (!err && !officer_key_in_force(s, call->actor.person, call->now_ms) && order_is_bound(&w->entry) && !order_class_allowed(rule, 3))
        err = ERR_ORDER_KEY;
    json_open(out, "you");
    json_bool(out, "may_sign", err == OK);
    json_text(out, "why_not", err ? err_wire(err) : NULL);
    if (key) {
        json_i64(out, "key", (int64_t)key->index);
        json_hex(out, "ed25519", BYTES(key->entry.u.key.ed25519, 32));
    } else {
        json_none(out, "key");
    }
    passkeys_json(w, s);
    json_bool(out, "proposed", uuid_equal(w->row.proposer, call->actor.person));
    json_shut(out);
}

static void
person_json(struct json_out *out, const char *name, struct uuid id, const char *words)
{
    json_open(out, name);
    json_uuid(out, "id", id);
    json_text(out, "name", words);
    json_shut(out);
}

static void
signatures_json(struct waiting *w)
{
    struct json_out *out = &w->call->out;

    json_open_array(out, "signatures");
    for (size_t i = 0; i < w->n; i++) {
        const struct order_signature *g = &w->signatures[i];

        json_open(out, NULL);
        person_json(out, "person", g->person, g->name);
        json_i64(out, "class", g->class);
        json_i64(out, "key", (int64_t)g->key);
        json_time(out, "at", g->at_ms);
        json_shut(out);
    }
    json_shut_array(out);
}

/* One order; with_bytes: as its own page has it. */
static enum err
order_json(struct waiting *w, bool with_bytes)
{
    struct call *call = w->call;
    struct json_out *out = &call->out;
    struct evidence v = { .erased_ms = 0 };
    enum err err = with_bytes && entry_commitment(&w->entry) ? order_evidence_of(call, &w->entry, &v) : ERR_NOT_FOUND;
    const struct state *s;

    if (err && err != ERR_NOT_FOUND)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    json_open(out, NULL);
    json_uuid(out, "id", w->row.id);
    json_text(out, "state", state_word(w, s));
    entry_order_json(call, s, "order", &w->entry);
    person_json(out, "proposer", w->row.proposer, w->row.proposer_name);
    json_i64(out, "signers", w->row.signers);
    signatures_json(w);
    json_time(out, "created", w->row.created_ms);
    json_time(out, "lapses", w->row.lapses_ms);
    if (w->row.ended_ms) {
        json_time(out, "ended", w->row.ended_ms);
        json_text(out, "ended_by", w->row.ended_by);
        json_text(out, "ended_reason", w->row.reason);
    }
    if (w->row.journal_entry != NO_INDEX)
        json_i64(out, "entry", (int64_t)w->row.journal_entry);
    you_json(w, s);
    market_read_unlock(call->api->market);
    if (with_bytes) {
        json_text(out, "reason", err || v.erased_ms ? NULL : v.text);
        if (!err && !v.erased_ms)
            json_hex(out, "salt", BYTES(v.salt.b, 32));
        json_base64(out, "bytes", BYTES(w->bytes, w->len));
        json_hex(out, "sha256", BYTES(w->sha256.b, 32));
    }
    json_shut(out);
    return OK;
}

void
waiting_reply(struct call *call, struct uuid id, int status)
{
    struct waiting w = { 0 };
    enum err err = waiting_find(call, id, &w);

    if (!err)
        err = order_json(&w, true);
    call_end(call, err, status);
}

/* GET /v1/orders/{id} */
void
orders_get(struct call *call)
{
    waiting_reply(call, call->path_id, 200);
}

/* GET /v1/orders: the newest first; open=true: those that somebody can still do something about. */
void
orders_list_get(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", "open", NULL };
    struct waiting of = { .call = call };
    struct order_row *list = NULL;
    struct uuid before;
    char next[UUID_TEXT];
    const char *open;
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_before(call, &limit, &before);
    open = call_query(call, "open");
    if (!err && open && strcmp(open, "true") != 0)
        err = ERR_QUERY_INVALID;
    if (!err)
        err = orders_list(call->db, before, open ? call->now_ms : 0, limit + 1, call->arena, &list, &n);
    if (!err)
        err = read_keys(&of);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++) {
        struct waiting w = { .call = call, .row = list[i], .keys = of.keys, .keys_n = of.keys_n };

        err = order_signatures_of(call->db, w.row.id, call->arena, &w.signatures, &w.n);
        if (!err)
            err = read_entry(&w);
        if (!err)
            err = order_json(&w, false);
    }
    json_shut_array(&call->out);
    if (!err && n > (size_t)limit)
        uuid_text(list[limit - 1].id, next);
    call_next(call, !err && n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* ---- proposed ----------------------------------------------------------------------------------------------------- */

/* It waits for others than who proposes it. To be told: whoever could sign it, but for those whom it concerns. word: the server's is enough. */
static void
fill_notice(struct waiting *w, const struct state *s, bool word)
{
    struct call *call = w->call;
    const struct entry *e = &w->entry;
    const struct account *sides[2];
    struct notices_event *n = &w->notice;
    struct json_out facts = { 0 };
    char id[UUID_TEXT], lapses[TIME_TEXT];

    if (w->row.signers == 1 && !waiting_check_signer(w, s) && (word || officer_key_in_force(s, w->row.proposer, call->now_ms)))
        return; /* the proposer alone signs it */
    accounts_of(s, e, sides);
    uuid_text(w->row.id, id);
    time_text(w->row.lapses_ms, lapses);
    *n = (struct notices_event){ .id = call_new_id(call), .kind = NOTICES_APPROVAL, .subject = arena_text(call->arena, id), .site = NO_INDEX, .at_ms = call->now_ms,
                                 .real_ms = real_now_ms(), .not_to = w->row.proposer, .also = NOTICES_TO_NOBODY_CONCERNED };
    if (is_registry(e))
        n->also |= NOTICES_TO_ADMINISTRATORS;
    if (e->kind == KEY)
        n->asker = e->u.key.person;
    for (int i = 0; i < 2; i++) {
        if (sides[i] && sides[i]->class == ACCOUNT_GRANT)
            n->organisation = sides[i]->owner_org;
        if (sides[i] && sides[i]->class == ACCOUNT_SITE)
            n->site = sides[i]->owner_site;
    }
    n->title = "An order waits for signatures";
    n->text = arena_printf(call->arena, "%s: %s It waits until %.10s %.5s UTC.", w->row.proposer_name, entry_sentence(call, s, e), lapses, lapses + 11);
    n->link = arena_printf(call->arena, "/programme/orders/%s", id);
    json_open(&facts, NULL);
    json_text(&facts, "how", e->amount > 0 ? "credits" : "other");
    json_uuid(&facts, "order", w->row.id);
    json_text(&facts, "kind", entry_kind_name(e->kind));
    json_text(&facts, "name", w->row.proposer_name);
    json_amount(&facts, "amount", e->amount);
    json_time(&facts, "time", w->row.lapses_ms);
    json_shut(&facts);
    n->facts = arena_textn(call->arena, facts.text, facts.len);
    json_out_free(&facts);
}

static enum err
store_proposal(struct db *db, void *ctx)
{
    struct waiting *w = ctx;
    enum err err = orders_add(db, &w->row);
    bool is_new;

    if (!err && !uuid_is_zero(w->notice.id))
        err = notices_tell(db, &w->notice, &is_new);
    return err || !w->idem.present ? err : call_answers_add(db, w->idem.scope, w->idem.request, w->row.id, w->call->now_ms);
}

/* What the state says of it: how long it is open, and who has to be told. */
static enum err
look(struct waiting *w)
{
    struct call *call = w->call;
    const struct state *s = market_read_lock(call->api->market);
    struct order_rule rule;

    if (!s)
        return ERR_NOT_LEADER;
    rule = ledger_order_rule(s->ledger, call->now_ms);
    w->row.lapses_ms = call->now_ms + (rule.policy != NO_INDEX && rule.open_ms > 0 ? rule.open_ms : OPEN_MS);
    fill_notice(w, s, !order_is_bound(&w->entry) || order_class_allowed(rule, 3));
    market_read_unlock(call->api->market);
    return OK;
}

void
order_propose(struct call *call, const struct entry *e, int signers, const char *basis)
{
    struct waiting *w = arena_alloc(call->arena, sizeof *w);
    uint8_t *bytes = arena_alloc(call->arena, ENTRY_MAX);
    struct uuid known;
    enum err err = entry_check(e);

    w->call = call;
    w->idem = call->command->idem;
    w->row = (struct order_row){ .id = *entry_order(e), .proposer = call->actor.person, .proposer_name = order_caller(call), .basis = basis,
                                 .signers = signers, .created_ms = call->now_ms };
    w->entry = *e;
    call->order = w->row.id;
    if (!err)
        err = key_known(call, &known);
    if (err == ERR_NOT_FOUND)
        err = look(w) ? ERR_NOT_LEADER : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) {
        w->row.entry = BYTES(bytes, entry_encode(e, bytes));
        seen_add(call->api->seen, w->idem.scope);
        err = key_made_meanwhile(call, db_tx(call->db, store_proposal, w), &known);
    }
    if (err)
        call_fail(call, err);
    else
        waiting_reply(call, w->row.id, 202);
}
