/* api/aid_declared.c: what is said of aid: by organisations (declarations), by officers (who is one undertaking, the register),
 * by administrators (the rules). */
#include "api/aid.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/csv.h"
#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "store/evidence.h"
#include "store/organisations.h"

enum { LINKED_MAX = 50, CENTS_MAX = 100000000, REGISTER_ROWS_MAX = 100000 };

/* A plain write under its key: once. */
struct write {
    struct call *call;
    enum err (*store)(struct db *db, struct write *w);
    struct uuid id;
    union {
        struct aid_declaration declaration;
        struct aid_rule rule;
        struct { struct aid_link link; bool end; } link;
    } u;
};

static enum err
store_write(struct db *db, void *ctx)
{
    struct write *w = ctx;
    const struct idem *idem = &w->call->command->idem;
    enum err err = w->store(db, w);

    return err ? err : call_answers_add(db, idem->scope, idem->request, w->id, w->call->now_ms);
}

static void
write_once(struct write *w, int status)
{
    struct call *call = w->call;
    struct uuid known;
    enum err err = key_known(call, &known);

    if (err == ERR_NOT_FOUND) {
        seen_add(call->api->seen, call->command->idem.scope);
        err = key_made_meanwhile(call, db_tx(call->db, store_write, w), &known);
    }
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, status);
}

static struct write *
write_new(struct call *call, enum err (*store)(struct db *db, struct write *w))
{
    struct write *w = arena_alloc(call->arena, sizeof *w);

    *w = (struct write){ .call = call, .store = store, .id = call_new_id(call) };
    return w;
}

/* ---- declarations ------------------------------------------------------------------------------------------------- */

static void
in_received(struct json_in *in, int64_t now_ms, struct arena *a, struct aid_received ret[AID_DECLARED_MAX], size_t *ret_n)
{
    *ret_n = json_in_array(in, "received", AID_DECLARED_MAX);
    for (size_t i = 0; i < *ret_n; i++) {
        struct json_in one = json_in_array_object(in, "received", i);

        ret[i].granted_ms = json_in_time(&one, "granted");
        ret[i].cents = json_in_i64(&one, "gge_eur_cents", 1, CENTS_MAX);
        (void)in_line(&one, "by", 120, a);
        if (!one.err && ret[i].granted_ms > now_ms)
            json_in_refuse(&one, "granted", ERR_FIELD_RANGE, "It is in the future.");
        if (json_in_close(&one) != OK)
            return; /* the first error is kept by the outer one */
    }
}

static void
in_linked(struct json_in *in, struct arena *a)
{
    size_t n = json_in_array(in, "linked", LINKED_MAX);

    for (size_t i = 0; i < n; i++) {
        struct json_in one = json_in_array_object(in, "linked", i);

        (void)in_line(&one, "name", 120, a);
        (void)in_country(&one, "country", a);
        (void)in_line(&one, "register_number", 40, a);
        if (json_in_close(&one) != OK)
            return;
    }
}

/* NACE Rev. 2.1: two digits, or with one or two more behind a dot. */
static bool
is_nace(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (i == 2 ? text[i] != '.' : text[i] < '0' || text[i] > '9')
            return false;
    return len == 2 || len == 4 || len == 5;
}

/* The whole of a declaration, as it is sent and as it is kept. */
static enum err
read_declaration(struct bytes body, struct err_detail *d, int64_t now_ms, struct arena *a, struct aid_received ret[AID_DECLARED_MAX], size_t *ret_n,
                 const char **ret_number, const char **ret_nace)
{
    struct json_in in = json_in_open(body, d);

    *ret_number = in_line(&in, "register_number", 40, a);
    *ret_nace = in_line(&in, "nace", 5, a);
    if (!in.err && !is_nace(*ret_nace))
        json_in_refuse(&in, "nace", ERR_FIELD_INVALID, "A NACE code has two digits, or four behind a dot: 62 or 62.10.");
    in_linked(&in, a);
    in_received(&in, now_ms, a, ret, ret_n);
    if (!json_in_bool(&in, "complete") && !in.err)
        json_in_refuse(&in, "complete", ERR_FIELD_INVALID, "Only a declaration that is complete and true can be made.");
    return json_in_close(&in);
}

enum err
aid_received(const struct aid_declaration *d, struct aid_received ret[AID_DECLARED_MAX], size_t *ret_n)
{
    struct err_detail detail = { .text = "" };
    struct arena *a = arena_new();
    const char *number, *nace;
    enum err err = read_declaration(BYTES_TEXT(d->body), &detail, INT64_MAX, a, ret, ret_n, &number, &nace);

    arena_delete(a);
    return err ? ERR_CORRUPT : OK;
}

static enum err
store_declaration(struct db *db, struct write *w)
{
    return aid_declare(db, &w->u.declaration);
}

/* POST /v1/organisations/{id}/aid/declarations. Security: its owners; row security asks again. */
void
aid_declare_post(struct call *call)
{
    struct write *w = write_new(call, store_declaration);
    struct aid_received received[AID_DECLARED_MAX];
    const char *number, *nace;
    char *canonical = NULL;
    size_t n, len = 0;
    enum err err;

    if (!owns_organisation(&call->actor, call->path_id)) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    err = read_declaration(call->body, &call->detail, call->now_ms, call->arena, received, &n, &number, &nace);
    if (!err)
        err = json_canonical(call->body, &call->detail, &canonical, &len);
    if (err) {
        call_fail(call, err);
        return;
    }
    w->u.declaration = (struct aid_declaration){ .id = w->id, .organisation = call->path_id, .by = call->actor.person, .by_name = call->name,
                                                 .made_ms = call->now_ms, .body = arena_textn(call->arena, canonical, len) };
    free(canonical);
    write_once(w, 204);
}

/* ---- undertakings ------------------------------------------------------------------------------------------------- */

static enum err
link_json(struct call *call, const struct aid_link *l)
{
    const struct organisation *o;
    struct uuid other = uuid_equal(l->a, call->path_id) ? l->b : l->a;
    enum err err = directory_organisation(call->api->directory, call->db, other, &o);

    if (err)
        return err;
    json_open(&call->out, NULL);
    json_open(&call->out, "organisation");
    json_uuid(&call->out, "id", o->id);
    json_text(&call->out, "name", o->name);
    json_text(&call->out, "country", o->country);
    json_shut(&call->out);
    json_time(&call->out, "since", l->since_ms);
    json_text(&call->out, "by", l->by_name);
    json_text(&call->out, "reason", l->reason);
    json_shut(&call->out);
    return OK;
}

/* GET /v1/organisations/{id}/aid/links */
void
aid_links_list(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    const struct organisation *o;
    struct aid_link *list;
    size_t n = 0;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = directory_organisation(call->api->directory, call->db, call->path_id, &o);
    if (!err)
        err = aid_links(call->db, call->path_id, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++)
        err = link_json(call, &list[i]);
    json_shut_array(&call->out);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_end(call, err, 200);
}

static enum err
store_link(struct db *db, struct write *w)
{
    const struct aid_link *l = &w->u.link.link;
    struct aid_link *list;
    size_t n = 0;
    enum err err = aid_lock(db); /* no grant is weighed meanwhile */

    if (!err && w->u.link.end)
        return aid_links_end(db, l->a, l->b, w->call->now_ms);
    if (!err)
        err = aid_links(db, l->a, w->call->arena, &list, &n);
    for (size_t i = 0; !err && i < n; i++)
        if (uuid_equal(list[i].a, l->b) || uuid_equal(list[i].b, l->b))
            err = err_say(&w->call->detail, ERR_CONFLICT, "They are linked already.");
    return err ? err : aid_links_add(db, l);
}

/* POST /v1/organisations/{id}/aid/links: these two are one undertaking, or are not any more. */
void
aid_links_set(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct write *w = write_new(call, store_link);
    const struct organisation *o;
    struct uuid other = json_in_uuid(&in, "organisation");
    enum err err;

    w->u.link.end = !json_in_bool(&in, "linked");
    w->u.link.link = (struct aid_link){ .a = call->path_id, .b = other, .since_ms = call->now_ms, .by = call->actor.person, .by_name = call->name };
    w->u.link.link.reason = in_line(&in, "reason", 500, call->arena);
    err = json_in_close(&in);
    if (!err)
        err = directory_organisation(call->api->directory, call->db, call->path_id, &o);
    if (!err && uuid_equal(other, call->path_id))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/organisation", "An organisation is not linked with itself.");
    if (!err && directory_organisation(call->api->directory, call->db, other, &o))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/organisation", "There is no such organisation.");
    if (err)
        call_fail(call, err);
    else
        write_once(w, 204);
}

/* ---- rules -------------------------------------------------------------------------------------------------------- */

static enum err
store_rule(struct db *db, struct write *w)
{
    return aid_rules_add(db, &w->u.rule);
}

/* POST /v1/aid/rules: a legal basis, or a new row of one: from its time on. */
void
aid_rules_create(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct write *w = write_new(call, store_rule);
    struct aid_rule *r = &w->u.rule;
    enum err err;

    *r = (struct aid_rule){ .id = w->id, .created_ms = call->now_ms, .by = call->actor.person };
    r->code = in_code(&in, "code", call->arena);
    r->name = in_line(&in, "name", 120, call->arena);
    r->reference = in_line(&in, "reference", 120, call->arena);
    r->cap_cents = json_in_i64_or(&in, "cap_eur_cents", 1, INT64_C(1000000000000), 0);
    r->years = (int)json_in_i64(&in, "years", 1, 10);
    r->declared_within_ms = json_in_i64_or(&in, "declared_within_days", 1, 3660, 0) * INT64_C(86400000);
    r->valid_from_ms = json_in_time(&in, "valid_from");
    err = json_in_close(&in);
    if (!err && r->valid_from_ms < call->now_ms)
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/valid_from", "It is in the past: what was granted rests on the row of its time.");
    if (err)
        call_fail(call, err);
    else
        write_once(w, 204);
}

/* ---- the register ------------------------------------------------------------------------------------------------- */

/* Who the beneficiary is, by its newest declaration; "" where it made none. */
static enum err
identify(struct call *call, struct uuid organisation, const char **number, const char **nace)
{
    struct aid_received received[AID_DECLARED_MAX];
    struct aid_declaration *list;
    size_t n, k;
    enum err err = aid_declared(call->db, organisation, call->arena, &list, &n);

    *number = *nace = "";
    for (size_t i = 0; !err && i < n; i++)
        if (uuid_equal(list[i].organisation, organisation) &&
            read_declaration(BYTES_TEXT(list[i].body), &call->detail, INT64_MAX, call->arena, received, &k, number, nace))
            err = ERR_CORRUPT;
    return err;
}

static enum err
register_row(struct call *call, const struct aid *a, const struct aid_rule *rules, size_t rules_n)
{
    struct json_out *out = &call->out;
    const struct aid_rule *of = NULL;
    const struct organisation *o;
    const char *number, *nace;
    char when[TIME_TEXT];
    enum err err = directory_organisation(call->api->directory, call->db, a->organisation, &o);

    if (!err)
        err = identify(call, a->organisation, &number, &nace);
    for (size_t i = 0; i < rules_n; i++)
        if (uuid_equal(rules[i].id, a->rule))
            of = &rules[i];
    if (err || !of)
        return err ? err : ERR_CORRUPT;
    time_text(a->granted_ms, when);
    csv_field(out, o->name);
    csv_add(out, ",", 1);
    csv_field(out, number);
    csv_printf(out, ",%s,", o->country);
    csv_field(out, nace);
    csv_printf(out, ",%.10s,%s,EUR,\"subsidised service\",%s,", when, euro_text(call->arena, a->cents), of->code);
    csv_field(out, of->reference);
    csv_add(out, ",", 1);
    csv_field(out, of->name);
    csv_printf(out, ",%" PRIu64 "\r\n", a->account);
    return OK;
}

/* GET /v1/aid/register.csv?from=&to=: what was granted then, in the fields of Article 6 of Regulation (EU) 2023/2831. */
void
aid_register(struct call *call)
{
    static const char *const NAMES[] = { "from", "to", NULL };
    static const char HEAD[] = "beneficiary,beneficiary_id,country,nace,granted,amount,currency,instrument,basis,regulation,basis_name,grant_account\r\n";
    int64_t from_ms, to_ms;
    struct aid_rule *rules;
    struct aid *list;
    size_t n = 0, rules_n = 0;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_time(call, "from", 0, &from_ms);
    if (!err)
        err = call_query_time(call, "to", INT64_MAX, &to_ms);
    if (!err)
        err = aid_rules(call->db, call->arena, &rules, &rules_n);
    if (!err)
        err = aid_between(call->db, from_ms, to_ms, call->arena, &list, &n);
    if (!err && n > REGISTER_ROWS_MAX)
        err = err_say(&call->detail, ERR_QUERY_INVALID, "More than %d rows: ask for a shorter time.", REGISTER_ROWS_MAX);
    csv_add(&call->out, HEAD, sizeof HEAD - 1);
    for (size_t i = 0; !err && i < n; i++)
        if (list[i].account != NO_INDEX) /* what was only reserved is no aid */
            err = register_row(call, &list[i], rules, rules_n);
    if (err)
        call_fail(call, err);
    else
        csv_reply(call);
}
