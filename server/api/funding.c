/* api/funding.c: the orders that move credits between funds, tranches and grants. Each is an account opened first (what
 * an order names must be committed before it is signed), then the order; both under the call's key. */
#include "api/handlers.h"

#include "api/aid.h"
#include "api/fields.h"
#include "api/internal.h"
#include "api/orders.h"
#include "market/state.h"
#include "store/evidence.h"
#include "store/people.h"
#include "store/second.h"
#include "store/organisations.h"

struct funding {
    struct idem idem;
    struct entry entry; /* but for its accounts and commitment */
    const char *name, *reference, *reason;
    int64_t gpums;
    struct uuid people[2];
    uint64_t account; /* what is shown at the end */
    uint8_t class;
    struct uuid organisation; /* whom it concerns; zero: none */
    uint64_t site;            /* which site too; 0: none */
    const char *basis;        /* of a grant: its legal basis' code */
    int signers;
    bool waits; /* two officers are to sign it, and none has shown a password */
};

static struct funding *
begin(struct call *call, enum entry_kind kind)
{
    struct funding *f = arena_alloc(call->arena, sizeof *f);

    f->idem = call->command->idem;
    f->entry = entry_new(kind);
    f->people[0] = call->actor.person;
    f->signers = 1;
    f->name = f->reference = f->basis = "";
    call->user = f;
    return f;
}

static void
ordered(struct call *call)
{
    struct funding *f = call->user;
    enum err err = f->entry.kind == GRANT ? aid_granted(call->db, f->entry.u.move.order, f->account) : OK;

    if (err)
        call_fail(call, err);
    else
        reply_account(call, f->account, 201);
}

/* Is it about one of the two officers, or about whom they act for? Not asked of a call that was carried out before. */
static enum err
check_conflict(struct call *call, struct funding *f)
{
    enum err err = OK;

    if (market_key_maybe_known(call->api->market, &call->command->idem.scope))
        return OK;
    for (int i = 0; i < 2 && !err; i++)
        err = order_check_signer_now(call, f->people[i], &f->entry);
    return err;
}

/* Sign and send the order, its accounts set. In a worker. */
static void
order(struct call *call, handler_fn *then)
{
    struct funding *f = call->user;
    struct uuid id;
    enum err err;

    order_step(call, f->idem, NULL);
    id = order_id(call);
    f->entry.amount = f->gpums;
    switch (f->entry.kind) {
    case CLOSE:
        f->entry.u.close.order = id;
        err = order_evidence(call, id, f->reason, f->people, f->organisation, f->site, &f->entry.u.close.commitment);
        break;
    case RESOLVE:
        f->entry.u.resolve.order = id;
        err = order_evidence(call, id, f->reason, f->people, f->organisation, f->site, &f->entry.u.resolve.commitment);
        break;
    case CORRECT:
        f->entry.u.correct.order = id;
        err = order_evidence(call, id, f->reason, f->people, f->organisation, f->site, &f->entry.u.correct.commitment);
        break;
    case NOTICE:
        f->entry.u.notice.order = id;
        err = order_evidence(call, id, f->reason, f->people, f->organisation, f->site, &f->entry.u.notice.commitment);
        break;
    default:
        f->entry.u.move.order = id;
        field_text(f->entry.u.move.reference, sizeof f->entry.u.move.reference, f->reference);
        err = order_evidence(call, id, f->reason, f->people, f->organisation, f->site, &f->entry.u.move.commitment);
    }
    if (!err && f->signers == 2 && !f->waits)
        err = check_conflict(call, f);
    if (err)
        call_fail(call, err);
    else
        order_send(call, &f->entry, (struct order_by){ .signers = f->signers, .waits = f->waits, .basis = f->basis, .people = f->signers == 2 ? f->people : NULL }, then);
}

static void
opened(struct call *call)
{
    struct funding *f = call->user;
    struct account_name name = { .account = call->command->answer.index, .name = f->name, .reference = f->reference };
    enum err err = OK;

    f->account = f->entry.credit = name.account;
    if (f->name[0]) {
        err = account_names_add(call->db, &name);
        directory_add_account(call->api->directory, f->account, f->name, f->reference);
    }
    if (err)
        call_fail(call, err);
    else
        order(call, ordered);
}

/* Enough on the account to give from? Asked before anything is opened, so that a refusal leaves nothing behind; the
 * ledger asks again. */
static enum err
check_source(struct call *call, uint64_t account, uint8_t class, int64_t gpums)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct account *a;
    enum err err = OK;

    if (!s)
        return ERR_NOT_LEADER;
    a = ledger_account(s->ledger, account);
    if (!a || a->class != class)
        err = ERR_ACCOUNT_UNKNOWN;
    else if (a->closed)
        err = ERR_ACCOUNT_CLOSED;
    else if (account_free(a) < gpums)
        err = ERR_INSUFFICIENT_CREDITS;
    market_read_unlock(call->api->market);
    return err;
}

static void
open_account(struct call *call)
{
    struct funding *f = call->user;
    struct command *c = call->command;

    order_step(call, f->idem, "open");
    c->kind = COMMAND_OPEN_ACCOUNT;
    c->in.open.class = f->class;
    c->in.open.owner_org = f->organisation;
    call_send(call, opened);
}

/* Has this call been carried out before? Then its source has changed since, and must not be asked. */
static bool
repeated(struct call *call, const struct funding *f)
{
    return market_key_maybe_known(call->api->market, &f->idem.scope);
}

void
funds_create(struct call *call)
{
    struct funding *f = begin(call, FUND);
    struct json_in in = json_in_open(call->body, &call->detail);
    enum err err;

    f->name = in_line(&in, "name", 120, call->arena);
    f->reference = in_line(&in, "reference", 32, call->arena);
    f->gpums = in_credits(&in, "credits");
    f->reason = in_prose(&in, "reason", 500, call->arena);
    err = json_in_close(&in);
    f->class = ACCOUNT_FUND;
    f->entry.debit = MINT_ACCOUNT;
    if (!err && f->gpums > INT64_C(1) << 60)
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/credits", "A fund has at most 2^60 GPU-milliseconds.");
    if (err)
        call_fail(call, err);
    else
        open_account(call);
}

void
tranches_create(struct call *call)
{
    struct funding *f = begin(call, TRANCHE);
    struct json_in in = json_in_open(call->body, &call->detail);
    bool to_reserve;
    enum err err;

    f->entry.debit = in_index(&in, "fund");
    f->name = in_line(&in, "name", 120, call->arena);
    f->reference = in_line(&in, "reference", 32, call->arena);
    f->gpums = in_credits(&in, "credits");
    to_reserve = json_in_bool_or(&in, "to_reserve", false);
    f->reason = in_prose(&in, "reason", 500, call->arena);
    err = json_in_close(&in);
    f->class = ACCOUNT_TRANCHE;
    if (!err && !repeated(call, f))
        err = check_source(call, f->entry.debit, ACCOUNT_FUND, f->gpums);
    if (err) {
        call_fail(call, err);
    } else if (to_reserve) {
        f->account = f->entry.credit = RESERVE_ACCOUNT;
        f->name = "";
        order(call, ordered);
    } else {
        open_account(call);
    }
}

/* The mode's policy now in force, and whether the grant fits it. */
static enum err
check_mode(struct call *call, struct funding *f, const char *mode, enum organisation_class class)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct policy *p;
    enum err err = OK;

    if (!s)
        return ERR_NOT_LEADER;
    p = strcmp(mode, ORDERS_CODE) == 0 ? NULL : ledger_policy_by_code(s->ledger, mode, call->now_ms);
    if (!p)
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/mode", "No such access mode is in force.");
    else if (p->entry.u.policy.eligible && !(p->entry.u.policy.eligible & ORGANISATION_BIT(class)))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/organisation",
                     "The access mode is not for an organisation of its class (%s).", ORGANISATION_CLASS_WORDS[class]);
    else if (p->entry.u.policy.cap_gpums && f->gpums > p->entry.u.policy.cap_gpums)
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/credits", "This is more than the access mode allows.");
    else if (p->entry.u.policy.longest_ms &&
             f->entry.u.move.end_ms - f->entry.u.move.start_ms > p->entry.u.policy.longest_ms)
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/end", "This is longer than the access mode allows.");
    else
        f->entry.u.move.policy = p->index;
    market_read_unlock(call->api->market);
    return err;
}

/* On which basis it is given, and what it is worth, goes into what the order is committed to. */
static enum err
reserve_aid(struct call *call, struct funding *f)
{
    const char *basis = "";
    enum err err;

    order_step(call, f->idem, NULL);
    err = aid_reserve(call, f->organisation, f->basis, f->entry.u.move.gge_cents, order_id(call), &basis);
    f->reason = arena_printf(call->arena, "%s\n\n%s", f->reason, basis);
    return err;
}

void
grants_create(struct call *call)
{
    struct funding *f = begin(call, GRANT);
    struct json_in in = json_in_open(call->body, &call->detail);
    const struct organisation *o;
    const char *mode;
    enum err err;

    f->organisation = json_in_uuid(&in, "organisation");
    f->entry.debit = in_index(&in, "tranche");
    mode = in_code(&in, "mode", call->arena);
    f->gpums = in_credits(&in, "credits");
    f->entry.u.move.start_ms = json_in_time(&in, "start");
    f->entry.u.move.end_ms = json_in_time(&in, "end");
    if (!in.err && f->entry.u.move.end_ms <= f->entry.u.move.start_ms)
        json_in_refuse(&in, "end", ERR_FIELD_RANGE, "The end is not after the start.");
    f->reference = in_line(&in, "reference", 32, call->arena);
    f->entry.u.move.gge_cents = json_in_i64(&in, "gge_eur_cents", 0, INT64_C(1000000000000));
    f->basis = in_code(&in, "legal_basis", call->arena);
    f->reason = in_prose(&in, "reason", 500, call->arena);
    err = json_in_close(&in);
    f->class = ACCOUNT_GRANT;
    if (!err && directory_organisation(call->api->directory, call->db, f->organisation, &o))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/organisation", "There is no such organisation.");
    if (!err)
        err = check_mode(call, f, mode, o->class);
    if (!err && !repeated(call, f))
        err = check_source(call, f->entry.debit, ACCOUNT_TRANCHE, f->gpums);
    if (!err)
        err = reserve_aid(call, f);
    if (err)
        call_fail(call, err);
    else
        open_account(call);
}

/* ---- what two officers sign --------------------------------------------------------------------------------------- */

/* Where somebody demands a second step, their password alone shows nobody who they are: they sign in, and sign. */
static enum err
ask_second(struct call *call, struct uuid person, bool *ret_waits)
{
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct second second = { .demanded = false };
    enum err err = second_of(call->db, person, &second);

    db_act_as(call->db, before);
    *ret_waits = *ret_waits || second.demanded;
    return err;
}

/* Two officers vouched for: both passwords are right, they are two people, and officers. Takes long. Where none is given, who sends it
 * proposes, and two sign one by one. */
static enum err
check_officers(struct call *call, struct funding *f, const struct officer_in in[2])
{
    struct uuid *ret = f->people;
    enum err err = OK;

    f->signers = 2;
    f->waits = in[0].email[0] == '\0';
    if (f->waits)
        return OK;
    if (call->api->second_duty)
        return err_at(&call->detail, ERR_AUTHORITY, "/officers", "A password alone signs nothing here: without officers the order waits, and two sign it on their own pages.");
    for (int i = 0; i < 2 && !err; i++) {
        struct role *roles;
        size_t n;
        bool officer = false;

        err = auth_password(call, in[i].email, in[i].password, &ret[i]);
        if (!err)
            err = roles_of(call->db, ret[i], call->arena, &roles, &n);
        for (size_t k = 0; !err && k < n; k++)
            officer = officer || roles[k].code == ROLE_CODE_OFFICER;
        if (!err && officer)
            err = ask_second(call, ret[i], &f->waits);
        if (err == ERR_CREDENTIALS || (!err && !officer))
            err = err_at(&call->detail, ERR_AUTHORITY, i ? "/officers/1" : "/officers/0",
                         "This is not an officer's address and password.");
    }
    if (!err && uuid_equal(ret[0], ret[1]))
        err = err_at(&call->detail, ERR_AUTHORITY, "/officers/1", "Two signers are two persons.");
    if (!err && call->by_session && !is_administrator(&call->actor) && !uuid_equal(ret[0], call->actor.person) && !uuid_equal(ret[1], call->actor.person))
        err = err_at(&call->detail, ERR_AUTHORITY, "/officers/0", "Who sends it is one of the two.");
    return err;
}

static void
reply_grant_of(struct call *call)
{
    reply_account(call, ((struct funding *)call->user)->account, 201);
}

static void
reply_entry(struct call *call)
{
    json_open(&call->out, NULL);
    json_i64(&call->out, "entry", (int64_t)call->command->answer.index);
    json_shut(&call->out);
    call_reply(call, 200);
}

void
grants_clawback(struct call *call)
{
    struct funding *f = begin(call, CLAWBACK);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct officer_in officers[2];
    const struct account *a;
    const struct state *s;
    enum err err;

    f->gpums = in_credits(&in, "credits");
    f->reason = in_prose(&in, "reason", 500, call->arena);
    in_officers(&in, officers, call->arena);
    err = json_in_close(&in);
    if (!err)
        err = check_officers(call, f, officers);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    a = ledger_account(s->ledger, call->path_index);
    if (a && a->class == ACCOUNT_GRANT && a->grant_entry != NO_INDEX) {
        ledger_fill_grant(s->ledger, call->path_index, &f->entry);
        f->organisation = a->owner_org;
    } else {
        err = ERR_NOT_FOUND;
    }
    call_state_done(call);
    f->account = call->path_index;
    f->reference = "two officers"; /* the decision is theirs; the reason is in the evidence */
    if (err)
        call_fail(call, err);
    else
        order(call, reply_grant_of);
}

void
accounts_close(struct call *call)
{
    struct funding *f = begin(call, CLOSE);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct officer_in officers[2];
    const struct account *a;
    const struct state *s;
    enum err err;

    f->reason = in_prose(&in, "reason", 500, call->arena);
    in_officers(&in, officers, call->arena);
    err = json_in_close(&in);
    if (!err)
        err = check_officers(call, f, officers);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    a = ledger_account(s->ledger, call->path_index);
    if (a) {
        ledger_fill_close(s->ledger, call->path_index, &f->entry);
        f->organisation = a->owner_org;
    } else {
        err = ERR_NOT_FOUND;
    }
    call_state_done(call);
    if (err)
        call_fail(call, err);
    else
        order(call, reply_entry);
}

static void
reply_resolved(struct call *call)
{
    reply_reservation(call, call->path_id, 200);
}

/* A decision of two officers on the job in the path: its body but for the members that `more` reads, its hold, and what
 * `fill` makes of it under the lock. */
static void
decide(struct call *call, enum entry_kind kind, void (*more)(struct funding *f, struct json_in *in),
       enum err (*fill)(struct call *call, struct funding *f, const struct state *s, const struct hold *h))
{
    struct funding *f = begin(call, kind);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct officer_in officers[2];
    const struct hold *h;
    const struct state *s;
    enum err err;

    if (more)
        more(f, &in);
    f->reason = in_prose(&in, "reason", 500, call->arena);
    in_officers(&in, officers, call->arena);
    err = json_in_close(&in);
    if (!err)
        err = check_officers(call, f, officers);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    h = ledger_hold_of(s->ledger, call->path_id);
    err = h ? fill(call, f, s, h) : ERR_NOT_FOUND;
    if (h) {
        f->organisation = ledger_account(s->ledger, h->grant)->owner_org;
        f->site = h->site;
    }
    call_state_done(call);
    f->gpums = f->entry.amount;
    if (err)
        call_fail(call, err);
    else
        order(call, reply_resolved);
}

static void
read_share(struct funding *f, struct json_in *in)
{
    f->entry.u.resolve.share_milli = (uint32_t)json_in_i64(in, "share_milli", 1, 1000);
}

static enum err
fill_resolve(struct call *call, struct funding *f, const struct state *s, const struct hold *h)
{
    (void)call;
    ledger_fill_hold(s->ledger, h->index, &f->entry);
    return OK;
}

void
reservations_resolve(struct call *call)
{
    decide(call, RESOLVE, read_share, fill_resolve);
}

/* All that was settled goes back to the start-up. What a RESOLVE has paid is corrected by nobody here. */
static enum err
fill_correct(struct call *call, struct funding *f, const struct state *s, const struct hold *h)
{
    (void)s;
    f->entry.debit = h->site_account;
    f->entry.credit = h->grant;
    f->entry.amount = h->settled - h->corrected;
    f->entry.u.correct.entry = h->index;
    f->entry.u.correct.of_hold = 1;
    if (f->entry.amount == 0 && !repeated(call, f))
        return err_say(&call->detail, ERR_STATE, "Nothing that a SETTLE has paid is left to be taken back.");
    return OK;
}

/* POST /v1/reservations/{id}/correct: a contest was right. */
void
reservations_correct(struct call *call)
{
    decide(call, CORRECT, NULL, fill_correct);
}

static enum err
fill_dismiss(struct call *call, struct funding *f, const struct state *s, const struct hold *h)
{
    (void)call, (void)s;
    f->entry.u.notice.type = NOTICE_DISPUTE_CLOSED;
    f->entry.u.notice.ref = h->index;
    f->entry.u.notice.reason = DISPUTE_CONTEST; /* what else is disputed is resolved, not dismissed */
    return OK;
}

/* POST /v1/reservations/{id}/dismiss: it was not; nothing moves. */
void
reservations_dismiss(struct call *call)
{
    decide(call, NOTICE, NULL, fill_dismiss);
}
