/* api/registry.c: the administrator's orders: sites, offerings, rates, capacity, policies. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/orders.h"
#include "base/text.h"
#include "core/organisation.h"
#include "market/index.h"

#define DAY_MS   INT64_C(86400000)
#define GPUS_MAX 1000000
enum { MODES_MAX = 8 };

struct registry {
    struct idem idem;
    struct entry entry;
    uint64_t index; /* of the offering */
    const char *code;
    uint32_t nodes, brokered_gpus, pool_nodes, rate_milli;
    bool rate_assumed;
    int64_t from_ms;
    const char *modes; /* as in struct offering_state */
    uint16_t open_to;
};

static struct registry *
begin(struct call *call, enum entry_kind kind)
{
    struct registry *r = arena_alloc(call->arena, sizeof *r);

    r->idem = call->command->idem;
    r->entry = entry_new(kind);
    call->user = r;
    return r;
}

static void
order(struct call *call, const char *step, struct entry *e, struct uuid *order_field, handler_fn *then)
{
    struct registry *r = call->user;

    order_step(call, r->idem, step);
    *order_field = order_id(call);
    order_send(call, e, (struct order_by){ .signers = 1, .basis = "" }, then);
}

/* ---- sites -------------------------------------------------------------------------------------------------------- */

static void
site_done(struct call *call)
{
    reply_site(call, ((struct registry *)call->user)->code);
}

/* A new site gets its account; a changed one has it. */
static void
site_ordered(struct call *call)
{
    struct registry *r = call->user;
    uint64_t site = call->command->answer.index;

    if (r->entry.u.site.first != NO_INDEX) {
        site_done(call);
        return;
    }
    order_step(call, r->idem, "account");
    call->command->kind = COMMAND_OPEN_ACCOUNT;
    call->command->in.open.class = ACCOUNT_SITE;
    call->command->in.open.owner_site = site;
    call_send(call, site_done);
}

void
sites_create(struct call *call)
{
    struct registry *r = begin(call, SITE);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct entry *e = &r->entry;
    const struct state *s;
    const struct site *site;
    enum err err;

    r->code = in_code(&in, "code", call->arena);
    field_text(e->u.site.code, sizeof e->u.site.code, r->code);
    field_text(e->u.site.name, sizeof e->u.site.name, in_line(&in, "name", sizeof e->u.site.name, call->arena));
    field_text(e->u.site.system, sizeof e->u.site.system, in_line(&in, "system", sizeof e->u.site.system, call->arena));
    field_text(e->u.site.city, sizeof e->u.site.city, in_line(&in, "city", sizeof e->u.site.city, call->arena));
    field_text(e->u.site.country, sizeof e->u.site.country, in_country(&in, "country", call->arena));
    e->u.site.lat_milli = (int32_t)json_in_i64(&in, "lat_milli", -90000, 90000);
    e->u.site.lon_milli = (int32_t)json_in_i64(&in, "lon_milli", -180000, 180000);
    e->u.site.assumed = json_in_bool_or(&in, "assumed", false);
    e->u.site.valid_from_ms = call->now_ms;
    err = json_in_close(&in);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    site = ledger_site_by_code(s->ledger, r->code);
    e->u.site.first = site ? site->index : NO_INDEX;
    call_state_done(call);
    order(call, NULL, e, &e->u.site.order, site_ordered);
}

/* ---- offerings ---------------------------------------------------------------------------------------------------- */

static void
offering_done(struct call *call)
{
    reply_offering(call, ((struct registry *)call->user)->index);
}

static void
send_capacity(struct call *call, const char *step)
{
    struct registry *r = call->user;
    struct command *c = call->command;

    order_step(call, r->idem, step);
    c->kind = COMMAND_CAPACITY;
    c->in.capacity.offering = r->index;
    c->in.capacity.nodes = r->nodes;
    c->in.capacity.brokered_gpus = r->brokered_gpus;
    c->in.capacity.pool_nodes = r->pool_nodes;
    c->in.capacity.from_ms = r->from_ms;
    text_format(c->in.capacity.modes, sizeof c->in.capacity.modes, "%s", r->modes);
    c->in.capacity.open_to = r->open_to;
    call_send(call, offering_done);
}

static void
rated(struct call *call)
{
    send_capacity(call, "capacity");
}

static void
send_rate(struct call *call, const char *step, handler_fn *then)
{
    struct registry *r = call->user;
    struct entry e = entry_new(RATE);

    e.u.rate.offering = r->index;
    e.u.rate.rate_milli = r->rate_milli;
    e.u.rate.assumed = r->rate_assumed;
    e.u.rate.valid_from_ms = call->now_ms;
    order(call, step, &e, &e.u.rate.order, then);
}

static void
offering_ordered(struct call *call)
{
    ((struct registry *)call->user)->index = call->command->answer.index;
    send_rate(call, "rate", rated);
}

static void
read_capacity(struct json_in *in, struct registry *r)
{
    r->nodes = (uint32_t)json_in_i64(in, "nodes", 0, GPUS_MAX);
    r->brokered_gpus = (uint32_t)json_in_i64(in, "brokered_gpus", 0, GPUS_MAX);
}

/* For whom it is: what is not given stays as it is, `modes` and `open_to`. */
static void
read_access(struct json_in *in, struct registry *r, const char *modes, uint16_t open_to, struct arena *a)
{
    size_t n = json_in_has(in, "modes") ? json_in_array(in, "modes", MODES_MAX) : 0;

    r->modes = modes;
    r->open_to = json_in_has(in, "open_to") ? in_classes(in, "open_to") : open_to;
    if (!json_in_has(in, "modes"))
        return;
    r->modes = "";
    for (size_t i = 0; i < n && !in->err; i++) {
        const char *code = json_in_array_text(in, "modes", i, BROKER_MODE_MAX - 1);

        if (!in->err && !is_code(code))
            json_in_refuse(in, "modes", ERR_FIELD_INVALID, "“%s” is no access mode's code.", code);
        else if (!in->err && r->modes[0] && broker_serves(r->modes, code))
            json_in_refuse(in, "modes", ERR_FIELD_INVALID, "“%s” is named twice.", code);
        if (!in->err)
            r->modes = arena_printf(a, "%s%s%s", r->modes, i > 0 ? " " : "", code);
    }
}

/* Each mode is one that there is: a code mistyped would shut everybody out. */
static enum err
check_modes(struct call *call, const struct registry *r)
{
    const struct state *s = market_read_lock(call->api->market);
    enum err err = OK;

    if (!s)
        return ERR_NOT_LEADER;
    for (const char *at = r->modes; *at && !err; at += strcspn(at, " "), at += *at == ' ') {
        const char *code = arena_textn(call->arena, at, strcspn(at, " "));

        if (!ledger_policy_by_code(s->ledger, code, call->now_ms))
            err = err_at(&call->detail, ERR_FIELD_INVALID, "/modes", "There is no access mode “%s”.", code);
    }
    market_read_unlock(call->api->market);
    return err;
}

/* What is brokered exists; the pool is a part of it. */
static enum err
check_capacity(struct call *call, const struct registry *r, uint32_t gpus_per_node)
{
    if ((uint64_t)r->nodes * gpus_per_node < r->brokered_gpus)
        return err_at(&call->detail, ERR_FIELD_RANGE, "/brokered_gpus", "There are only %u GPUs.",
                      r->nodes * gpus_per_node);
    if ((uint64_t)r->pool_nodes * gpus_per_node > r->brokered_gpus)
        return err_at(&call->detail, ERR_FIELD_RANGE, "/pool_nodes", "The pool is larger than what is brokered.");
    return OK;
}

void
offerings_create(struct call *call)
{
    static const char *const KINDS[] = { "batch", "experimental-platform", NULL };
    struct registry *r = begin(call, OFFERING);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct entry *e = &r->entry;
    enum err err;

    field_text(e->u.offering.model, sizeof e->u.offering.model, in_line(&in, "model", 31, call->arena));
    e->u.offering.memory_gb = (uint32_t)json_in_i64(&in, "memory_gb", 1, 4096);
    e->u.offering.gpus_per_node = (uint32_t)json_in_i64(&in, "gpus_per_node", 1, 1024);
    e->u.offering.max_gpus_one_island = (uint32_t)json_in_i64(&in, "max_gpus_one_island", 1, GPUS_MAX);
    e->u.offering.kind = json_in_choice(&in, "kind", KINDS) == 1 ? OFFERING_EXPERIMENTAL : OFFERING_BATCH;
    read_capacity(&in, r);
    r->pool_nodes = (uint32_t)json_in_i64(&in, "pool_nodes", 0, GPUS_MAX);
    r->rate_milli = (uint32_t)json_in_i64(&in, "rate_milli", 1, 1000000);
    e->u.offering.assumed = json_in_bool_or(&in, "assumed", false);
    r->rate_assumed = json_in_bool_or(&in, "rate_assumed", false);
    read_access(&in, r, "", 0, call->arena);
    e->u.offering.valid_from_ms = r->from_ms = call->now_ms;
    err = json_in_close(&in);
    if (!err)
        err = check_capacity(call, r, e->u.offering.gpus_per_node);
    if (!err)
        err = check_modes(call, r);
    if (!err)
        err = site_of_path(call, &e->u.offering.site);
    if (err)
        call_fail(call, err);
    else
        order(call, NULL, e, &e->u.offering.order, offering_ordered);
}

/* The offering in the path: its GPUs a node, present pool, and for whom it is. */
static enum err
offering_of_path(struct call *call, uint32_t *ret_gpus_per_node, struct offering_state *ret)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct offering *o;
    const struct offering_state *os;

    if (!s)
        return ERR_NOT_LEADER;
    o = ledger_offering(s->ledger, call->path_index);
    os = o ? index_offering(s, o->index) : NULL;
    *ret_gpus_per_node = o ? o->entry.u.offering.gpus_per_node : 1;
    *ret = os ? *os : (struct offering_state){ 0 };
    ret->calendar = ret->pool = NULL;
    market_read_unlock(call->api->market);
    return o ? OK : ERR_NOT_FOUND;
}

void
rates_create(struct call *call)
{
    struct registry *r = begin(call, RATE);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct offering_state now;
    uint32_t gpus_per_node;
    enum err err;

    r->rate_milli = (uint32_t)json_in_i64(&in, "rate_milli", 1, 1000000);
    r->rate_assumed = json_in_bool_or(&in, "assumed", false);
    r->index = call->path_index;
    err = json_in_close(&in);
    if (!err)
        err = offering_of_path(call, &gpus_per_node, &now);
    if (err)
        call_fail(call, err);
    else
        send_rate(call, NULL, offering_done);
}

void
capacity_create(struct call *call)
{
    struct registry *r = begin(call, OFFERING);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct offering_state now = { 0 };
    uint32_t gpus_per_node = 1;
    enum err found = offering_of_path(call, &gpus_per_node, &now), err;

    read_capacity(&in, r);
    r->pool_nodes = (uint32_t)json_in_i64_or(&in, "pool_nodes", 0, GPUS_MAX, now.pool_nodes);
    r->from_ms = json_in_time_or(&in, "from", call->now_ms);
    read_access(&in, r, arena_text(call->arena, now.modes), now.open_to, call->arena);
    r->index = call->path_index;
    err = json_in_close(&in);
    if (!err)
        err = found;
    if (!err)
        err = check_capacity(call, r, gpus_per_node);
    if (!err)
        err = check_modes(call, r);
    if (err)
        call_fail(call, err);
    else
        send_capacity(call, NULL);
}

/* Each of a mode that there is, once: what stands in the state. */
static const char *
read_floors(struct json_in *in, struct arena *a)
{
    size_t n = json_in_array(in, "floors", MODES_MAX);
    const char *floors = "", *codes = "";

    for (size_t i = 0; i < n && !in->err; i++) {
        struct json_in one = json_in_array_object(in, "floors", i);
        const char *code = in_code(&one, "mode", a);
        int64_t gpus = json_in_i64(&one, "gpus", 1, GPUS_MAX);
        enum err err = json_in_close(&one);

        if (!err && codes[0] && broker_serves(codes, code))
            json_in_refuse(in, "floors", ERR_FIELD_INVALID, "“%s” is named twice.", code);
        if (err || in->err)
            break;
        floors = arena_printf(a, "%s%s%s:%lld", floors, i > 0 ? " " : "", code, (long long)gpus);
        codes = arena_printf(a, "%s%s%s", codes, i > 0 ? " " : "", code);
    }
    return in->err ? "" : arena_printf(a, "%s|%s", codes, floors);
}

/* Whose offering it is: its site's operators', or the programme's. */
static enum err
check_whose(struct call *call)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct offering_state *os;
    enum err err = ERR_NOT_FOUND;

    if (!s)
        return ERR_NOT_LEADER;
    os = index_offering(s, call->path_index);
    if (os && (is_officer(&call->actor) || may_see_site(&call->actor, os->site)))
        err = OK;
    market_read_unlock(call->api->market);
    return err;
}

/* POST /v1/offerings/{index}/floors. Security: decide_capacity() asks again. */
void
offerings_floors(struct call *call)
{
    struct registry *r = begin(call, OFFERING);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    const char *both = read_floors(&in, call->arena), *bar = strchr(both, '|');
    enum err err = json_in_close(&in);

    r->index = call->path_index;
    r->modes = bar ? arena_textn(call->arena, both, (size_t)(bar - both)) : "";
    if (!err)
        err = check_whose(call);
    if (!err)
        err = check_modes(call, r);
    if (err) {
        call_fail(call, err);
        return;
    }
    order_step(call, r->idem, NULL);
    c->kind = COMMAND_CAPACITY;
    c->in.capacity.offering = r->index;
    c->in.capacity.only_floors = true;
    text_format(c->in.capacity.floors, sizeof c->in.capacity.floors, "%s", bar ? bar + 1 : "");
    call_send(call, offering_done);
}

/* ---- policies ----------------------------------------------------------------------------------------------------- */

static const char *
served_name(uint8_t served)
{
    return served == SERVED_ROUNDS ? "rounds" : "first-come";
}

static void
policy_json(struct call *call, const struct policy *p)
{
    const struct entry *e = &p->entry;
    struct json_out *out = &call->out;
    struct arena *a = call->arena;

    json_open(out, NULL);
    json_i64(out, "index", (int64_t)p->index);
    json_text(out, "code", arena_printf(a, "%.*s", (int)sizeof e->u.policy.code, e->u.policy.code));
    json_text(out, "name", arena_printf(a, "%.*s", (int)sizeof e->u.policy.name, e->u.policy.name));
    json_text(out, "served", served_name(e->u.policy.served));
    classes_json(out, "eligible", e->u.policy.eligible);
    json_time(out, "valid_from", e->u.policy.valid_from_ms);
    json_amount(out, "cap", e->u.policy.cap_gpums);
    json_i64(out, "longest_ms", e->u.policy.longest_ms);
    json_i64(out, "decide_ms", e->u.policy.decide_ms);
    json_i64(out, "quote_ttl_ms", e->u.policy.quote_ttl_ms);
    json_i64(out, "permit_before_ms", e->u.policy.permit_before_ms);
    json_i64(out, "permit_life_ms", e->u.policy.permit_life_ms);
    json_i64(out, "accept_within_ms", e->u.policy.accept_within_ms);
    json_i64(out, "start_slack_ms", e->u.policy.start_slack_ms);
    json_i64(out, "start_grace_ms", e->u.policy.start_grace_ms);
    json_i64(out, "end_grace_ms", e->u.policy.end_grace_ms);
    json_i64(out, "cancel_grace_ms", e->u.policy.cancel_grace_ms);
    json_i64(out, "report_grace_ms", e->u.policy.report_grace_ms);
    json_i64(out, "dispute_ms", e->u.policy.dispute_ms);
    json_i64(out, "contest_ms", e->u.policy.contest_ms);
    json_shut(out);
}

void
policies_list(struct call *call)
{
    const struct state *s = call_state(call);
    const struct policy *p;

    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t it = 0; (p = ledger_next_policy(s->ledger, &it)) != NULL;) {
        const struct policy *in_force;
        char code[17];

        text_format(code, sizeof code, "%.16s", p->entry.u.policy.code);
        in_force = strcmp(code, ORDERS_CODE) == 0 ? NULL : ledger_policy_by_code(s->ledger, code, call->now_ms);
        if (in_force && in_force->index == p->index)
            policy_json(call, p);
    }
    call_state_done(call);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_reply(call, 200);
}

static void
policy_done(struct call *call)
{
    const struct state *s = call_state(call);
    const struct policy *p;

    if (!s)
        return;
    p = ledger_policy(s->ledger, call->command->answer.index);
    if (p)
        policy_json(call, p);
    call_state_done(call);
    call_end(call, p ? OK : ERR_NOT_FOUND, 201);
}

/* "0" is no cap. */
static int64_t
read_cap(struct json_in *in, struct arena *a)
{
    const char *text = json_in_text(in, "cap_credits", 1, 24);

    (void)a;
    return !in->err && strcmp(text, "0") == 0 ? 0 : in_credits(in, "cap_credits");
}

void
policies_create(struct call *call)
{
    struct registry *r = begin(call, POLICY);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct entry *e = &r->entry;
    const struct policy *p;
    const struct state *s;
    enum err err;

    r->code = in_code(&in, "code", call->arena);
    field_text(e->u.policy.code, sizeof e->u.policy.code, r->code);
    field_text(e->u.policy.name, sizeof e->u.policy.name, in_line(&in, "name", sizeof e->u.policy.name, call->arena));
    e->u.policy.cap_gpums = read_cap(&in, call->arena);
    e->u.policy.longest_ms = json_in_i64(&in, "longest_days", 1, 1098) * DAY_MS;
    e->u.policy.decide_ms = json_in_i64(&in, "decide_days", 0, 366) * DAY_MS;
#define SPAN(name, initial) e->u.policy.name = json_in_i64_or(&in, #name, 1, 366 * DAY_MS, (initial))
    SPAN(quote_ttl_ms, 600000);
    SPAN(permit_before_ms, 3600000);
    SPAN(permit_life_ms, 60000);
    SPAN(accept_within_ms, 3600000);
    SPAN(start_slack_ms, 3600000);
    SPAN(start_grace_ms, DAY_MS);
    SPAN(end_grace_ms, DAY_MS);
    SPAN(cancel_grace_ms, DAY_MS);
    SPAN(report_grace_ms, 14 * DAY_MS);
    SPAN(dispute_ms, 90 * DAY_MS);
    SPAN(contest_ms, 7 * DAY_MS);
#undef SPAN
    e->u.policy.served = SERVED_FIRST_COME;
    e->u.policy.eligible = json_in_has(&in, "eligible") ? in_classes(&in, "eligible")
                                                         : ORGANISATION_BIT(ORGANISATION_START_UP) | ORGANISATION_BIT(ORGANISATION_SME);
    if (e->u.policy.eligible == 0)
        json_in_refuse(&in, "eligible", ERR_FIELD_RANGE, "Nobody could have a grant in this mode.");
    if (!in.err && strcmp(r->code, ORDERS_CODE) == 0)
        json_in_refuse(&in, "code", ERR_FIELD_INVALID, "This is no access mode: the rule of orders has its own address.");
    e->u.policy.valid_from_ms = call->now_ms;
    err = json_in_close(&in);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    p = ledger_policy_by_code(s->ledger, r->code, call->now_ms);
    e->u.policy.first = p ? (p->entry.u.policy.first == NO_INDEX ? p->index : p->entry.u.policy.first) : NO_INDEX;
    call_state_done(call);
    order(call, NULL, e, &e->u.policy.order, policy_done);
}
