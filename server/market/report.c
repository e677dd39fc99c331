/* market/report.c
 * A site's signed report. Its number is its order: gapless per site, the same number with the same bytes gets the same
 * answer. What the state table makes of it is carried out in the same batch that stores it. Only three kinds of refusal
 * do not use up a number: an older instance, a gap, and an `accepted` that comes too early. */
#include "base/num.h"
#include "market/actor.h"
#include "market/index.h"
#include "market/life.h"
#include "market/spool.h"

#define TOLD_SPAN_MS INT64_C(3600000)
#define TOLD_MOST    120 /* inventories of a site in that time: an agent tells one an hour, and one a minute while much changes */

/* What was answered to this number; NULL if it is not known any more. */
static const struct report_seen *
find_seen(const struct site_state *site, const struct command *c)
{
    uint64_t number = c->in.report.report.number;
    const struct report_seen *seen = site->recent != NULL ? &site->recent[number % RECENT_REPORTS] : NULL;

    if (seen != NULL && seen->number == number)
        return seen;
    return c->in.report.known.number == number ? &c->in.report.known : NULL;
}

static struct hash
statement_hash(const struct command *c)
{
    return sha256(BYTES(c->in.report.statement, sizeof c->in.report.statement));
}

static void
answer(struct command *c, const struct report_seen *seen)
{
    c->answer.id = c->in.report.report.jti;
    c->answer.number = seen->number;
    c->answer.flags |= seen->answer_flags;
    c->answer.index = (uint64_t)seen->reason;
    c->answer.time_ms = seen->time_ms;
}

/* Other bytes under a number that is on record: the site has forked. Before a person, if there is anything left to
 * dispute; nothing else of the report counts. */
static enum err
forked(struct deciding *d, struct command *c, struct reservation *r)
{
    struct cause cause = life_cause(c);
    const struct ticket_cell *cell;
    enum err err;

    if (r == NULL)
        return ERR_FORKED;
    cause.dispute_why = DISPUTE_FORKED;
    err = life_event(d, r, TICKET_ON_BAD_REPORT, &cause, &cell);
    if (err)
        return err;
    if (cell->verdict != TICKET_GO)
        return ERR_FORKED;
    c->answer.flags |= ANSWER_FORKED;
    c->answer.number = c->in.report.report.number;
    c->answer.id = r->id;
    return OK;
}

static enum err
repeated(struct deciding *d, struct command *c, const struct site_state *site, struct reservation *r)
{
    const struct report_seen *seen = find_seen(site, c);

    if (seen == NULL)
        return err_internal(d->detail, ERR_INTERNAL, "report %llu of site %llu is neither in memory nor looked up",
                            (unsigned long long)c->in.report.report.number, (unsigned long long)site->site);
    if (!hash_equal(seen->statement, statement_hash(c)))
        return forked(d, c, r);
    answer(c, seen);
    c->answer.flags |= ANSWER_REPEATED;
    return OK;
}

/* The number is used: the report's row, the site's counter, what is answered if it comes again. */
static void
record(struct deciding *d, struct command *c, struct site_state *site, uint32_t flags, enum err reason)
{
    struct report_seen *slot = index_recent(site, c->in.report.report.number, d->undo);

    batch_changed(d, &site->row, sizeof *site);
    site->last_report = c->in.report.report.number;
    undo_save(d->undo, slot, sizeof *slot);
    *slot = (struct report_seen){
        .number = site->last_report,
        .statement = statement_hash(c),
        .answer_flags = flags,
        .reason = reason,
        .time_ms = d->now_ms,
    };
    answer(c, slot);
    batch_report(d, c, flags, reason);
}

/* What a report in order tells of its reservation: shown as reported, moves nothing by itself. */
static void
note(struct deciding *d, struct reservation *r, const struct command *c)
{
    const struct report *report = &c->in.report.report;

    life_touch(d, r);
    if (report->kind == REPORT_QUEUED && r->queued_ms == 0)
        r->queued_ms = report->time_ms;
    if (report->started_ms != 0)
        r->started_ms = report->started_ms;
    if (report->ended_ms != 0) {
        r->ended_ms = report->ended_ms;
        r->exit_code = report->exit_code;
    }
    if (report->kind >= REPORT_USAGE) {
        r->reported_gpu_seconds = report->gpu_seconds;
        r->reported_ms = report->time_ms;
    }
}

static void
note_output(struct deciding *d, struct reservation *r, const struct command *c)
{
    if (c->in.report.output_len == 0 || index_reservation_over(r))
        return;
    life_touch(d, r);
    r->output = c->in.report.output;
    r->output_len = c->in.report.output_len;
    r->output_ms = d->now_ms;
}

/* Why an `accepted` gets no permit whatever the table says; OK if nothing is in its way. Security: the fence must be
 * the
 * request's newest. */
static enum err
permit_bar(const struct deciding *d, const struct reservation *r, const struct site_state *site,
           const struct report *report)
{
    const struct request_state *request = map_get(d->state->by_request, &r->request);

    if (report->fence != r->fence || (request != NULL && request->fence != r->fence))
        return ERR_FENCE;
    if (request == NULL || request->live != r)
        return ERR_STATE;
    if (site->paused || site->draining)
        return ERR_SITE_PAUSED;
    return OK;
}

static enum err
too_early(struct deciding *d, struct command *c, int64_t at_ms)
{
    int64_t wait_ms = clock_to_real(&d->state->clock, at_ms - d->now_ms);
    char at[TIME_TEXT];

    time_text(at_ms, at);
    c->answer.time_ms = at_ms;
    d->detail->retry_after_s = (int)min_i64((wait_ms + 999) / 1000, 86400);
    return err_say(d->detail, ERR_TOO_EARLY, "A permit may be asked for from %s.", at);
}

/* The permit: granted, refused, or not yet. A bar by the site's own state withdraws a ticket that has no permit yet.
 * An acceptance that an older instance left in the spool is sent on by the newest: its permit names the older one, so
 * nobody can use it, and the newest asks for its own one and a half lives later. */
static enum err
accepted(struct deciding *d, struct command *c, struct site_state *site, struct reservation *r)
{
    struct ticket_facts facts = index_facts(d->state, r);
    const struct report *report = &c->in.report.report;
    enum err bar = permit_bar(d, r, site, report), reason = OK;
    enum ticket_event event = ticket_event_of_report(&facts, report, d->now_ms);
    struct cause cause = life_cause(c);
    const struct ticket_cell *cell;
    enum err err;

    if ((bar == OK || (bar == ERR_SITE_PAUSED && r->state == TICKET_ISSUED)) && event == TICKET_ON_ACCEPTED && ticket_next(r->state, event)->verdict == TICKET_GO &&
        d->now_ms < ticket_permit_earliest(&facts))
        return too_early(d, c, ticket_permit_earliest(&facts));
    if (bar == ERR_SITE_PAUSED && r->state == TICKET_ISSUED)
        event = TICKET_ON_WITHDRAW;
    else if (bar != OK && r->state != TICKET_VOIDED) {
        record(d, c, site, ANSWER_PERMIT_REFUSED, bar);
        return OK;
    }
    err = life_event(d, r, event, &cause, &cell);
    if (err)
        return err;
    if (bar != OK)
        reason = bar;
    else if (!(cell->effects & TICKET_GIVE_PERMIT))
        reason = event == TICKET_ON_ACCEPTED_LATE ? ERR_TOO_LATE : ERR_STATE;
    record(d, c, site, reason == OK ? ANSWER_PERMIT_GRANTED : ANSWER_PERMIT_REFUSED, reason);
    return OK;
}

static enum err
err_of_fault(enum ticket_fault fault)
{
    static const enum err errs[TICKET_FAULTS] = {
        [FAULT_NONE] = OK,
        [FAULT_FENCE] = ERR_FENCE,
        [FAULT_TIMES] = ERR_REPORT_TIMES,
        [FAULT_FUTURE] = ERR_REPORT_FUTURE,
        [FAULT_BEFORE_PERMIT] = ERR_REPORT_UNPERMITTED,
        [FAULT_LATE_START] = ERR_REPORT_LATE_START,
        [FAULT_RESTARTED] = ERR_REPORT_RESTARTED,
        [FAULT_FALLING] = ERR_REPORT_FALLING,
        [FAULT_TOO_MUCH] = ERR_REPORT_TOO_MUCH,
        [FAULT_FORKED] = ERR_FORKED,
    };

    return errs[fault];
}

/* All other kinds: judged by what is known, noted, and carried out. */
static enum err
told(struct deciding *d, struct command *c, struct site_state *site, struct reservation *r)
{
    struct ticket_facts facts = index_facts(d->state, r);
    const struct report *report = &c->in.report.report;
    struct cause cause = life_cause(c);
    const struct ticket_cell *cell;
    enum ticket_fault fault;
    enum ticket_event event = TICKET_ON_BAD_REPORT;
    enum err err;

    facts.latest_ms = d->now_ms + ticket_span(TICKET_SLACK_MS, d->state->clock.rate);
    fault = ticket_check_report(&facts, report);
    if (fault == FAULT_NONE)
        event = ticket_event_of_report(&facts, report, d->now_ms);
    if (ticket_check_numbers(&facts, report) == FAULT_NONE && !index_reservation_over(r))
        note(d, r, c);
    cause.dispute_why = DISPUTE_IMPLAUSIBLE;
    err = life_event(d, r, event, &cause, &cell);
    if (err)
        return err;
    record(d, c, site, 0, err_of_fault(fault));
    return OK;
}

static enum err
about_ticket(struct deciding *d, struct command *c, struct site_state *site, struct reservation *r)
{
    bool asks = c->in.report.report.kind == REPORT_ACCEPTED;

    if (r == NULL) { /* withdrawn, settled long ago, or never ours: kept, so that the numbers go on */
        record(d, c, site, asks ? ANSWER_PERMIT_REFUSED : 0, asks ? ERR_NOT_FOUND : OK);
        return OK;
    }
    note_output(d, r, c);
    return asks ? accepted(d, c, site, r) : told(d, c, site, r);
}

/* What the site has, as it says: its numbers go on whatever it says. One that tells too often changes nothing. */
static void
inventory(struct deciding *d, struct command *c, struct site_state *site)
{
    enum err fault = c->in.report.inventory_fault;

    undo_save(d->undo, &site->told, sizeof site->told);
    if (d->now_ms - site->told.since_ms >= TOLD_SPAN_MS)
        site->told = (struct told_count){ .since_ms = d->now_ms };
    if (++site->told.n > TOLD_MOST && fault == OK)
        fault = ERR_INVENTORY_FLOOD;
    record(d, c, site, 0, fault);
}

/* Security: the caller has verified the signature under in.report.key, and that the agent signs for this site. */
enum err
decide_report(struct deciding *d, struct command *c)
{
    const struct report *report = &c->in.report.report;
    struct site_state *site = index_site(d->state, report->site);
    struct reservation *r = index_jti(d->state, report->jti);

    if (site == NULL)
        return ERR_NOT_FOUND;
    if (!actor_is_agent_of(&c->actor, site->site))
        return ERR_FORBIDDEN;
    if (spool_awaited(site)) /* Security: an instance's number can be guessed */
        return ERR_SUPERSEDED;
    if (c->actor.instance != site->instance)
        return c->actor.instance < site->instance ? ERR_SUPERSEDED : ERR_SPOOL_AHEAD;
    if (report->instance > site->instance || report->number == 0 || report->kind == REPORT_NONE ||
        report->kind >= REPORT_KINDS)
        return ERR_FIELD_INVALID;
    if (r != NULL && r->site != site->site)
        r = NULL;
    if (report->number <= site->last_report)
        return repeated(d, c, site, r);
    if (report->number != site->last_report + 1) {
        c->answer.number = site->last_report + 1;
        return err_say(d->detail, ERR_GAP, "The next report's number is %llu.",
                       (unsigned long long)(site->last_report + 1));
    }
    if (report->kind == REPORT_INVENTORY) {
        inventory(d, c, site);
        return OK;
    }
    return about_ticket(d, c, site, r);
}
