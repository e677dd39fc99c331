/* market/order.c: an order that people have signed (or the server on their word): it moves credits or changes the
 * registry of sites, offerings, rates, policies and keys. The ledger judges it; here it gets its place in the journal, and
 * what exists in memory because of it begins; an order on a hold or a grant takes its reservation along. */
#include "market/market_internal.h"

#include "market/actor.h"
#include "market/index.h"
#include "market/reservation.h"

/* The two sides of a job: who spends for its requester contests its settlement; both speak in a dispute of it. */
static bool
may_dispute(const struct state *s, const struct actor *a, const struct entry *e)
{
    const struct hold *h = ledger_hold(s->ledger, e->u.notice.ref);
    const struct reservation *r = h != NULL ? index_reservation(s, h->reservation) : NULL;

    if (r == NULL)
        return false;
    if (e->u.notice.type == NOTICE_SAID && e->u.notice.reason == SAID_BY_SITE)
        return actor_operates(a, r->site);
    return (e->u.notice.type == NOTICE_SAID || r->state == TICKET_SETTLED || r->state == TICKET_CONTESTED) && actor_spends(a, r->org);
}

/* Whoever decides on people's wishes erases, and ends what a start-up contests; what else a notice says is the operator's, or a
 * dispute's sides'. */
static bool
may_notice(const struct state *s, const struct actor *a, const struct entry *e)
{
    bool person = a->kind == ACTOR_PERSON;

    if (e->u.notice.type == NOTICE_SAID)
        return may_dispute(s, a, e);
    if (person && (a->programme_roles & ROLE_ADMINISTRATOR) != 0)
        return true;
    if (e->u.notice.type == NOTICE_ERASURE || e->u.notice.type == NOTICE_DISPUTE_CLOSED)
        return person && (a->programme_roles & ROLE_OFFICER) != 0;
    return e->u.notice.type == NOTICE_DISPUTE_OPENED && may_dispute(s, a, e);
}

/* A site's key comes with an enrolment token, or from its agent, which has the one before; it is ended by those who run the
 * site, and by officers. Any other key is an administrator's. */
static bool
may_key(const struct actor *a, const struct entry *e)
{
    bool person = a->kind == ACTOR_PERSON;

    if (person && (a->programme_roles & ROLE_ADMINISTRATOR) != 0)
        return true;
    if (e->u.key.use == KEY_OFFICER) /* whose it is ends it */
        return person && e->u.key.status != KEY_ACTIVE && uuid_equal(e->u.key.person, a->person);
    if (e->u.key.use != KEY_SITE)
        return false;
    if (e->u.key.status == KEY_ACTIVE)
        return a->kind == ACTOR_TOKEN || actor_is_agent_of(a, e->u.key.site);
    return person && ((a->programme_roles & ROLE_OFFICER) != 0 || actor_runs_site(a, e->u.key.site));
}

/* Security: the ledger checks the signatures and that their keys may order this; here, that the caller may. */
static bool
may_order(const struct state *s, const struct actor *a, const struct entry *e)
{
    bool person = a->kind == ACTOR_PERSON;

    if (a->kind == ACTOR_LOCAL)
        return true;
    switch (e->kind) {
    case FUND:
    case TRANCHE:
    case GRANT:
        return person && (a->programme_roles & ROLE_OFFICER) != 0;
    case CORRECT: /* two officers sign these; one of them hands it in, or an administrator does */
        return person && (a->programme_roles & (ROLE_OFFICER | ROLE_ADMINISTRATOR)) != 0;
    case CLAWBACK: /* and these an administrator */
    case RESOLVE:
    case VOID:
    case CLOSE:
    case SITE:
    case OFFERING:
    case RATE:
    case POLICY:
        return person && (a->programme_roles & ROLE_ADMINISTRATOR) != 0;
    case NOTICE:
        return may_notice(s, a, e);
    case KEY:
        return may_key(a, e);
    default:
        return false;
    }
}

static void
begin_in_memory(struct deciding *d, const struct entry *e)
{
    switch (e->kind) {
    case SITE:
        if (e->u.site.first == NO_INDEX) {
            struct site_state *s = site_state_new(d->state, e->index, d->undo);
            batch_new(d, &s->row);
        }
        return;
    case OFFERING:
        offering_state_new(d->state, e->index, d->now_ms, d->undo);
        return;
    default:
        reservation_on_entry(d, e);
        return;
    }
}

/* A rule that a newer one is in force before would never be: its order waited for signatures, and another of the same code was quicker. */
static enum err
check_newest(const struct deciding *d, const struct entry *e)
{
    const struct policy *p = e->kind == POLICY ? ledger_policy_by_code(d->state->ledger, e->u.policy.code, d->now_ms) : NULL;

    if (p == NULL || p->entry.u.policy.valid_from_ms <= e->u.policy.valid_from_ms)
        return OK;
    return err_say(d->detail, ERR_STATE, "A newer rule is in force since this one was proposed: propose it anew.");
}

/* Of each passkey's signature there is what it is the hash of: no such entry without it, or nobody could ever check it. */
static enum err
check_assertions(const struct command *c)
{
    struct entry e = c->in.order.entry;
    const struct authority *auth = entry_authority(&e);

    for (int i = 0; auth != NULL && i < 2; i++) {
        struct bytes said = c->in.order.assertion[i];
        struct hash h = sha256(said);

        if ((auth->slot[i].class == 2) != (said.len > 0) || (said.len > 0 && memcmp(h.b, auth->slot[i].sig, sizeof h.b) != 0))
            return ERR_AUTHORITY;
    }
    return OK;
}

static void
keep_assertions(struct deciding *d, const struct command *c)
{
    for (int i = 0; i < 2; i++)
        if (c->in.order.assertion[i].len > 0)
            batch_assertion(d, c->in.order.assertion[i]);
}

/* in.order.entry: all but place and links; version: what the caller has looked at is to be as it was, else ERR_BUSY. answer.index: the entry's. ERR_FORBIDDEN; ERR_STATE where the reservation's
 * state does not allow it; ERR_AUTHORITY; else what the ledger says. */
enum err
decide_order(struct deciding *d, struct command *c)
{
    struct entry entries[1 + RESERVATION_FOLLOW_MAX];
    size_t n = 1;
    enum err err;

    entries[0] = c->in.order.entry;
    if (!(c->in.order.approved && c->actor.kind == ACTOR_PERSON && (c->actor.programme_roles & (ROLE_OFFICER | ROLE_ADMINISTRATOR)) != 0) &&
        !may_order(d->state, &c->actor, &entries[0]))
        return err_say(d->detail, ERR_FORBIDDEN, "This order is not yours to give.");
    err = check_newest(d, &entries[0]);
    if (!err)
        err = check_assertions(c);
    if (!err)
        err = reservation_check_entry(d, &entries[0]);
    if (!err)
        err = reservation_check_version(d, &entries[0], c->in.order.version);
    if (err)
        return err;
    n = reservation_follow(d, entries, n);
    err = batch_group(d, entries, n);
    if (err)
        return err;
    keep_assertions(d, c);
    for (size_t i = 0; i < n; i++)
        begin_in_memory(d, &entries[i]);
    c->answer.index = entries[0].index;
    c->answer.time_ms = entries[0].time_ms;
    return OK;
}
