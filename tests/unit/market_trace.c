/* tests/unit/market_trace.c */
#include "market_trace.h"

#include "core/needs.h"

#include <inttypes.h>

static const char *const NAMES[COMMAND_KINDS] = {
    [COMMAND_ORDER] = "order",       [COMMAND_SPOOL_RETIRE] = "retire",         [COMMAND_QUOTE] = "quote",
    [COMMAND_QUOTE_RENEW] = "renew", [COMMAND_QUOTE_RELEASE] = "release",       [COMMAND_ACCEPT] = "accept",
    [COMMAND_CANCEL] = "cancel",     [COMMAND_INSTANCE] = "instance",           [COMMAND_RECEIVED] = "received",
    [COMMAND_REPORT] = "report",     [COMMAND_TIMER] = "timer",
};

static void
id(FILE *to, const char *name, struct uuid u)
{
    char text[UUID_TEXT];

    uuid_text(u, text);
    fprintf(to, ", \"%s\": \"%s\"", name, text);
}

static void
number(FILE *to, const char *name, int64_t n)
{
    fprintf(to, ", \"%s\": %" PRId64, name, n);
}

static void
report(FILE *to, const struct command *c)
{
    const struct report *r = &c->in.report.report;

    number(to, "site", (int64_t)r->site);
    number(to, "report", (int64_t)r->number);
    number(to, "ins", (int64_t)r->instance);
    number(to, "actor_ins", (int64_t)c->actor.instance);
    number(to, "kind", r->kind);
    id(to, "jti", r->jti);
    number(to, "fence", (int64_t)r->fence);
    number(to, "at", r->time_ms);
    number(to, "started", r->started_ms);
    number(to, "ended", r->ended_ms);
    number(to, "gpu_seconds", (int64_t)r->gpu_seconds);
    number(to, "reason", r->reason);
}

static void
order(FILE *to, const struct entry *e)
{
    number(to, "kind", e->kind);
    number(to, "hold", e->kind == RESOLVE   ? (int64_t)e->u.resolve.hold
                       : e->kind == VOID    ? (int64_t)e->u.release.hold
                       : e->kind == CORRECT ? (int64_t)e->u.correct.entry
                                            : (int64_t)e->u.notice.ref);
    number(to, "opens", e->kind == NOTICE && e->u.notice.type == NOTICE_DISPUTE_OPENED);
    number(to, "share", e->kind == RESOLVE ? (int64_t)e->u.resolve.share_milli : 0);
}

static void
inputs(FILE *to, const struct command *c)
{
    id(to, "org", c->org);
    switch (c->kind) {
    case COMMAND_QUOTE:
        id(to, "request", c->in.quote.request);
        number(to, "grant", (int64_t)c->in.quote.grant);
        number(to, "gpus", c->in.quote.ask->gpus);
        number(to, "walltime", c->in.quote.ask->walltime_s);
        break;
    case COMMAND_QUOTE_RENEW:
    case COMMAND_QUOTE_RELEASE:
        id(to, "quote", c->in.quote_renew.quote);
        break;
    case COMMAND_ACCEPT:
        id(to, "quote", c->in.accept.quote);
        number(to, "option", c->in.accept.option);
        break;
    case COMMAND_CANCEL:
        id(to, "reservation", c->in.cancel.reservation);
        break;
    case COMMAND_INSTANCE:
    case COMMAND_SPOOL_RETIRE:
        number(to, "site", c->kind == COMMAND_INSTANCE ? (int64_t)c->in.instance.site : (int64_t)c->in.spool_retire.site);
        break;
    case COMMAND_RECEIVED:
        number(to, "site", (int64_t)c->in.received.site);
        number(to, "seq", (int64_t)c->in.received.seq);
        break;
    case COMMAND_REPORT:
        report(to, c);
        break;
    case COMMAND_TIMER:
        id(to, "thing", c->in.timer.id);
        number(to, "index", (int64_t)c->in.timer.index);
        number(to, "what", c->in.timer.what);
        break;
    case COMMAND_ORDER:
        order(to, &c->in.order.entry);
        break;
    default:
        break;
    }
}

static void
accounts(FILE *to, const struct market_world *m)
{
    const struct world *w = m->w;
    uint64_t list[] = { w->grant[0], w->grant[1], w->site_account[0], w->site_account[1], RESERVE_ACCOUNT };

    fprintf(to, ", \"accounts\": {");
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        const struct account *a = ledger_account(w->l, list[i]);
        fprintf(to, "%s\"%" PRIu64 "\": [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "]", i > 0 ? ", " : "", list[i],
                a->posted_debits, a->posted_credits, a->held_debits, a->held_credits);
    }
    fprintf(to, "}, \"sites\": {");
    for (int i = 0; i < 2; i++) {
        const struct site_state *s = index_site(&m->state, w->site[i]);
        fprintf(to,
                "%s\"%" PRIu64 "\": {\"account\": %" PRIu64 ", \"seq\": %" PRIu64 ", \"confirmed\": %" PRIu64
                ", \"report\": %" PRIu64 ", \"instance\": %" PRIu64 ", \"closed\": %d, \"retired\": %" PRIu64 "}",
                i > 0 ? ", " : "", s->site, w->site_account[i], s->last_seq, s->confirmed_seq, s->last_report, s->instance,
                s->paused || s->draining, s->retired_ms != 0 ? s->retired_instance : 0);
    }
    fprintf(to, "}");
}

static void
things(FILE *to, const struct market_world *m)
{
    size_t it = 0, n = 0;
    void *value;

    fprintf(to, ", \"quotes\": [");
    while (map_next(m->state.quotes, &it, NULL, &value)) {
        const struct quote *q = value;
        fprintf(to, "%s{\"what\": \"quote\"", n++ > 0 ? ", " : "");
        id(to, "id", q->id);
        id(to, "request", q->request);
        number(to, "grant", (int64_t)q->grant);
        number(to, "site", (int64_t)q->site);
        number(to, "gpus", q->gpus);
        number(to, "slot", q->start_slot);
        number(to, "slots", q->slots);
        number(to, "cost", q->cost_gpums);
        number(to, "rate", q->rate_milli);
        number(to, "expires", q->expires_ms);
        fprintf(to, "}");
    }
    fprintf(to, "], \"reservations\": [");
    n = it = 0;
    while (map_next(m->state.reservations, &it, NULL, &value)) {
        const struct reservation *r = value;
        fprintf(to, "%s{\"state\": \"%s\"", n++ > 0 ? ", " : "", ticket_state_word(r->state));
        id(to, "id", r->id);
        id(to, "request", r->request);
        id(to, "jti", r->jti);
        number(to, "grant", (int64_t)r->grant);
        number(to, "site", (int64_t)r->site);
        number(to, "hold", (int64_t)r->hold);
        number(to, "gpus", r->gpus);
        number(to, "walltime", r->walltime_s);
        number(to, "rate", r->rate_milli);
        number(to, "cost", r->cost_gpums);
        number(to, "fence", (int64_t)r->fence);
        number(to, "slot", r->booked_slot);
        number(to, "slots", r->booked_slots);
        number(to, "permit_from", r->permit_from_ms);
        number(to, "accept_by", r->accept_by_ms);
        number(to, "start_by", r->start_by_ms);
        number(to, "window_end", r->window_end_ms);
        number(to, "expiry", ledger_hold(m->w->l, r->hold)->expiry_ms);
        number(to, "allocation", (r->needs & NEED_BIT(NEED_ALLOCATION)) != 0);
        fprintf(to, "}");
    }
    fprintf(to, "]");
}

void
market_trace(FILE *to, const struct market_world *m, const struct command *c, enum err err)
{
    fprintf(to, "{\"now\": %" PRId64 ", \"do\": \"%s\", \"err\": \"%s\"", m->w->now, NAMES[c->kind] ? NAMES[c->kind] : "other",
            err_wire(err));
    id(to, "answer", c->answer.id);
    number(to, "answer_index", (int64_t)c->answer.index);
    number(to, "flags", c->answer.flags);
    inputs(to, c);
    accounts(to, m);
    things(to, m);
    fprintf(to, "}\n");
}

void
market_trace_begin(FILE *to, const struct market_world *m)
{
    char org[2][UUID_TEXT];

    uuid_text(m->w->org[0], org[0]);
    uuid_text(m->w->org[1], org[1]);
    fprintf(to, "{\"begin\": 1, \"grant_end\": %" PRId64 ", \"owners\": {\"%" PRIu64 "\": \"%s\", \"%" PRIu64 "\": \"%s\"}",
            m->w->grant_end, m->w->grant[0], org[0], m->w->grant[1], org[1]);
    accounts(to, m);
    fprintf(to, "}\n");
}
