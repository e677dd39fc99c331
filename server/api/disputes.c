/* api/disputes.c
 * A dispute over a job, seen from both sides: what the journal says of it, what the server gave (ticket, permit), what the
 * site signed (its reports), and what either side says in words. The requester contests a settlement within its policy's
 * time; both sides add their words while a dispute is open. How it ends is for two officers (funding.c). */
#include "api/handlers.h"

#include "api/entry_json.h"
#include "api/internal.h"
#include "api/orders.h"
#include "api/fields.h"
#include "api/reservation_json.h"
#include "base/num.h"
#include "market/index.h"
#include "store/evidence.h"
#include "store/journal_reads.h"
#include "store/site_records.h"

/* Of each side in one dispute, entries and reports: a page that a person can read, not a file. */
enum { SAID_MAX = 8, ENTRIES_MAX = 100, REPORTS_MAX = 500 };

/* What is known of the dispute, copied from under the lock. */
struct dispute {
    struct reservation_row row;
    struct hold hold;
    int64_t contest_until_ms, decided_by_ms; /* 0: cannot be contested; none is open */
    int why;                                 /* enum dispute_why; 0: none is open */
};

static const char *
why_text(int why)
{
    static const char *const WHYS[] = { NULL, "silence", "implausible", "forked", "contest", "spool-lost" };

    return why > 0 && why < (int)(sizeof WHYS / sizeof *WHYS) ? WHYS[why] : NULL;
}

/* The job of the path, if the caller may see it, with its hold. ERR_NOT_FOUND. */
static enum err
find(struct call *call, struct dispute *ret)
{
    enum err err = reservations_find(call->db, call->path_id, &ret->row);
    const struct reservation_row *row = &ret->row;
    struct reservation as = { .org = row->org, .site = row->site };
    const struct state *s;
    const struct reservation *r;
    const struct hold *h;
    struct ticket_timer timer;

    if (err || !may_see_reservation(&call->actor, &as))
        return err ? err : ERR_NOT_FOUND;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    h = ledger_hold(s->ledger, row->hold);
    r = index_reservation(s, row->id);
    *ret = (struct dispute){ .row = *row };
    if (h) {
        ret->hold = *h;
        if (row->settled_ms && !h->disputed)
            ret->contest_until_ms = h->resolved_ms + ledger_policy(s->ledger, ledger_account(s->ledger, h->grant)->policy)->entry.u.policy.contest_ms;
    }
    if (r && h && h->disputed) {
        struct ticket_facts facts = index_facts(s, r);

        ret->why = r->dispute_why;
        if (ticket_due(&facts, call->now_ms, &timer))
            ret->decided_by_ms = timer.at_ms;
    }
    market_read_unlock(call->api->market);
    return h ? OK : ERR_NOT_FOUND;
}

/* ---- seen ----------------------------------------------------------------------------------------------------------- */

static void
time_or_none(struct json_out *out, const char *name, int64_t ms)
{
    if (ms)
        json_time(out, name, ms);
    else
        json_none(out, name);
}

static const char *
side_of(const struct entry *e)
{
    if (e->kind != NOTICE)
        return "officers";
    if (e->u.notice.type == NOTICE_SAID)
        return e->u.notice.reason == SAID_BY_SITE ? "site" : "requester";
    if (uuid_is_zero(e->u.notice.order))
        return "rules";
    return e->u.notice.type == NOTICE_DISPUTE_OPENED && e->u.notice.reason == DISPUTE_CONTEST ? "requester" : "officers";
}

/* The words behind an entry, to whom row security shows them. */
static enum err
words_json(struct call *call, const struct entry *e)
{
    static const struct hash NONE;
    struct json_out *out = &call->out;
    const struct hash *commitment = entry_commitment(e);
    struct evidence v = { .erased_ms = 0 };
    enum err err = OK;

    if (!commitment || hash_equal(*commitment, NONE)) {
        json_none(out, "text");
        json_none(out, "erased");
        return OK;
    }
    err = order_evidence_of(call, e, &v);
    if (err && err != ERR_NOT_FOUND)
        return err;
    json_text(out, "text", err || v.erased_ms ? NULL : v.text);
    time_or_none(out, "erased", err ? 0 : v.erased_ms);
    return OK;
}

static enum err
step_json(struct call *call, const struct entry_record *r)
{
    struct json_out *out = &call->out;
    const struct entry *e = &r->entry;
    const char *what = e->kind != NOTICE                               ? e->kind == RESOLVE ? "resolved" : "corrected"
                       : e->u.notice.type == NOTICE_DISPUTE_OPENED ? "opened"
                       : e->u.notice.type == NOTICE_DISPUTE_CLOSED ? "closed"
                                                                   : "said";
    enum err err;

    json_open(out, NULL);
    json_i64(out, "entry", (int64_t)e->index);
    json_text(out, "what", what);
    json_text(out, "by", side_of(e));
    json_text(out, "why", e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_OPENED ? why_text(e->u.notice.reason) : NULL);
    json_time(out, "time", e->time_ms);
    if (e->kind == NOTICE)
        json_none(out, "amount");
    else {
        json_open(out, "amount");
        json_amount(out, "moved", e->amount);
        json_shut(out);
    }
    err = words_json(call, e);
    json_shut(out);
    return err;
}

static void
ticket_json(struct call *call, const struct dispute *d)
{
    struct json_out *out = &call->out;
    const struct reservation_row *r = &d->row;

    json_open(out, "ticket");
    json_uuid(out, "jti", r->jti);
    json_i64(out, "seq", (int64_t)r->seq);
    json_i64(out, "fence", (int64_t)r->fence);
    json_time(out, "issued", r->created_ms);
    time_or_none(out, "delivered", r->received_ms);
    json_shut(out);
    if (r->permit_ms) {
        json_open(out, "permit");
        json_time(out, "time", r->permit_ms);
        json_i64(out, "report", (int64_t)r->permit_report);
        json_i64(out, "instance", (int64_t)r->permit_instance);
        json_shut(out);
    } else {
        json_none(out, "permit");
    }
}

static void
dispute_members(struct call *call, const struct dispute *d)
{
    struct json_out *out = &call->out;

    json_uuid(out, "reservation", d->row.id);
    json_i64(out, "hold", (int64_t)d->row.hold);
    json_bool(out, "open", d->hold.disputed);
    json_text(out, "why", why_text(d->why));
    time_or_none(out, "since", d->hold.disputed ? d->row.disputed_ms : 0);
    time_or_none(out, "decided_by", d->decided_by_ms);
    json_text(out, "ends_by", !d->hold.disputed ? NULL : d->hold.open ? "resolve" : "correct");
    time_or_none(out, "contest_until", d->contest_until_ms > call->now_ms ? d->contest_until_ms : 0);
    json_amount(out, "held", d->hold.open ? hold_left(&d->hold) : 0);
    json_amount(out, "settled", d->row.settled_gpums);
    ticket_json(call, d);
}

static enum err
reply_dispute(struct call *call, int status)
{
    struct json_out *out = &call->out;
    struct entry_record *steps;
    struct report_record *reports;
    struct dispute d;
    size_t steps_n = 0, reports_n = 0;
    enum err err = find(call, &d);

    if (!err)
        err = journal_reads_dispute(call->db, d.row.hold, d.row.settle_entry ? d.row.settle_entry : NO_INDEX, ENTRIES_MAX, call->arena, &steps, &steps_n);
    if (!err)
        err = reports_of(call->db, d.row.site, d.row.jti, REPORTS_MAX, call->arena, &reports, &reports_n);
    if (err)
        return err;
    json_open(out, NULL);
    dispute_members(call, &d);
    json_open_array(out, "steps");
    for (size_t i = 0; !err && i < steps_n; i++)
        err = step_json(call, &steps[i]);
    json_shut_array(out);
    json_open_array(out, "reports");
    for (size_t i = 0; !err && i < reports_n; i++)
        err = site_report_json(call, &reports[i]);
    json_shut_array(out);
    json_time(out, "as_of", call->now_ms);
    json_shut(out);
    if (!err)
        call_reply(call, status);
    return err;
}

void
reservations_dispute(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = reply_dispute(call, 200);
    if (err)
        call_fail(call, err);
}

/* ---- said ----------------------------------------------------------------------------------------------------------- */

static void
noticed(struct call *call)
{
    enum err err = reply_dispute(call, 201);

    if (err)
        call_fail(call, err);
}

/* The NOTICE with its words, signed on the server's word for the person, and sent. */
static void
notice(struct call *call, const struct dispute *d, enum notice_type type, uint16_t reason, const char *text)
{
    struct entry e = entry_new(NOTICE);
    const struct uuid people[2] = { call->actor.person };
    enum err err;

    order_step(call, call->command->idem, NULL);
    call->command->in.order.version = type == NOTICE_SAID ? d->row.version : 0;
    e.u.notice.type = (uint16_t)type;
    e.u.notice.ref = d->row.hold;
    e.u.notice.reason = reason;
    e.u.notice.order = order_id(call);
    err = order_evidence(call, e.u.notice.order, text, people, d->row.org, d->row.site, &e.u.notice.commitment);
    if (!err)
        err = order_sign(call, &e, 1);
    if (err)
        call_fail(call, err);
    else
        call_send(call, noticed);
}

/* What the sequencer would refuse, before anything is written down. Not asked of a call that was carried out before. */
static enum err
check_contest(struct call *call, const struct dispute *d)
{
    if (market_key_maybe_known(call->api->market, &call->command->idem.scope))
        return OK;
    if (d->hold.disputed)
        return err_say(&call->detail, ERR_STATE, "There is a dispute over it already.");
    if (!d->contest_until_ms)
        return err_say(&call->detail, ERR_STATE, "Only what is settled can be contested.");
    if (d->contest_until_ms <= call->now_ms)
        return err_say(&call->detail, ERR_STATE, "The time in which it could be contested is over.");
    return OK;
}

/* Security: who acts for the job's organisation; decide_order() asks again. */
void
reservations_contest(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *text = in_prose(&in, "reason", 500, call->arena);
    struct dispute d;
    enum err err = json_in_close(&in);

    if (!err)
        err = find(call, &d);
    if (!err && !may_act_for(&call->actor, d.row.org))
        err = ERR_NOT_FOUND;
    if (!err)
        err = check_contest(call, &d);
    if (err)
        call_fail(call, err);
    else
        notice(call, &d, NOTICE_DISPUTE_OPENED, DISPUTE_CONTEST, text);
}

/* A dispute takes so many words of each side, no more. They are counted here, and the sequencer takes them only if nothing has
 * happened to the job since: so many calls at once are so many that count the same. */
static enum err
check_room(struct call *call, const struct dispute *d, uint16_t side)
{
    struct entry_record *steps;
    size_t n = 0, said = 0;
    enum err err;

    if (market_key_maybe_known(call->api->market, &call->command->idem.scope))
        return OK;
    if (!d->hold.disputed)
        return err_say(&call->detail, ERR_STATE, "No dispute is open over it.");
    err = journal_reads_dispute(call->db, d->row.hold, NO_INDEX, ENTRIES_MAX, call->arena, &steps, &n);
    for (size_t i = 0; !err && i < n; i++) {
        const struct entry *e = &steps[i].entry;

        if (e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_OPENED)
            said = 0;
        said += e->kind == NOTICE && e->u.notice.type == NOTICE_SAID && e->u.notice.reason == side;
    }
    if (!err && said >= SAID_MAX)
        return err_say(&call->detail, ERR_STATE, "Your side has said %d things in this dispute; more is for the officers to ask.", SAID_MAX);
    return err;
}

/* Security: of the job's organisation, or the site's operators; as which of the two follows from who calls. */
void
reservations_say(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *text = in_prose(&in, "text", 500, call->arena);
    struct dispute d;
    uint16_t side = SAID_BY_REQUESTER;
    enum err err = json_in_close(&in);

    if (!err)
        err = find(call, &d);
    if (!err && !may_act_for(&call->actor, d.row.org))
        side = SAID_BY_SITE;
    if (!err && side == SAID_BY_SITE && !acts_for_site(&call->actor, d.row.site))
        err = ERR_NOT_FOUND;
    if (!err)
        err = check_room(call, &d, side);
    if (err)
        call_fail(call, err);
    else
        notice(call, &d, NOTICE_SAID, side, text);
}
