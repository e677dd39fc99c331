/* api/people.c: people, their roles, organisations. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/passwords.h"
#include "api/orders.h"
#include "api/rights.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "store/evidence.h"
#include "store/organisations.h"
#include "store/people.h"

enum { ROLES_MAX = 16 };

struct new_person {
    struct person person;
    char hash[PASSWORD_HASH_TEXT];
    struct role roles[ROLES_MAX];
    size_t roles_n;
    const char *shown; /* a password made here, to be shown once */
    const char *reason;
    struct call *call;
    struct idem idem;
    int64_t now_ms;
};

/* The roles of a body. Sites and organisations must exist. */
static void
read_roles(struct json_in *in, struct call *call, struct new_person *p)
{
    static const char *const NAMES[] = {
        "owner", "member", "officer", "auditor", "administrator", "site_operator", NULL
    };
    size_t n = json_in_array(in, "roles", ROLES_MAX);

    for (size_t i = 0; i < n && !in->err; i++) {
        struct json_in one = json_in_array_object(in, "roles", i);
        struct role *r = &p->roles[p->roles_n++];
        const struct organisation *o;

        *r = (struct role){ .person = p->person.id, .site = NO_INDEX };
        r->code = json_in_choice(&one, "role", NAMES) + 1;
        if (r->code <= ROLE_CODE_MEMBER) {
            r->organisation = json_in_uuid(&one, "organisation");
            if (!one.err && directory_organisation(call->api->directory, call->db, r->organisation, &o))
                json_in_refuse(&one, "organisation", ERR_FIELD_INVALID, "There is no such organisation.");
        } else if (r->code == ROLE_CODE_SITE_OPERATOR) {
            const char *code = in_code(&one, "site", call->arena);
            const struct state *s = market_read_lock(call->api->market);
            const struct site *site = s ? ledger_site_by_code(s->ledger, code) : NULL;

            r->site = site ? site->index : NO_INDEX;
            if (s)
                market_read_unlock(call->api->market);
            if (!one.err && !site)
                json_in_refuse(&one, "site", ERR_FIELD_INVALID, "There is no such site.");
        }
        if (json_in_close(&one))
            return;
    }
}

static enum err
store_given(struct db *db, const struct new_person *p)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < p->roles_n; i++)
        err = right_give(p->call, db, RIGHT_GIVEN, &p->roles[i], p->person.name, p->reason);
    return err;
}

static enum err
store_person(struct db *db, void *ctx)
{
    const struct new_person *p = ctx;
    enum err err = people_add(db, &p->person);

    return err ? err : store_given(db, p);
}

static enum err
store_roles(struct db *db, void *ctx)
{
    const struct new_person *p = ctx;
    enum err err = store_given(db, p);

    return err ? err : call_answers_add(db, p->idem.scope, p->idem.request, p->person.id, p->now_ms);
}

/* An organisation keeps an owner, whoever decides. */
static enum err
take_role(struct db *db, const struct new_person *p, const struct role *r)
{
    enum err err = OK;

    if (r->code <= ROLE_CODE_MEMBER)
        err = roles_lock(db, r->organisation);
    if (!err)
        err = right_take(p->call, db, RIGHT_TAKEN, r, p->person.name, p->reason);
    return err || r->code != ROLE_CODE_OWNER ? err : organisation_keeps_owner(p->call, db, r->organisation);
}

static enum err
store_taken(struct db *db, void *ctx)
{
    const struct new_person *p = ctx;
    enum err err = OK;

    for (size_t i = 0; !err && i < p->roles_n; i++)
        err = take_role(db, p, &p->roles[i]);
    return err ? err : call_answers_add(db, p->idem.scope, p->idem.request, p->person.id, p->now_ms);
}

static enum err
person_json(struct call *call, const struct person *p, const char *password)
{
    struct json_out *out = &call->out;
    enum err err;

    json_open(out, NULL);
    json_uuid(out, "id", p->id);
    json_text(out, "name", p->name);
    json_text(out, "email", p->email);
    err = roles_json(call, p->id);
    json_time(out, "created", p->created_ms);
    if (password)
        json_text(out, "password", password);
    json_shut(out);
    return err;
}

/* Letters and digits that are not easily taken for another: 20 of 32, a hundred bits. */
static const char *
make_password(struct arena *a)
{
    static const char LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789x";
    char *text = arena_alloc(a, 25);

    for (int i = 0; i < 24; i++)
        text[i] = i % 6 == 5 ? '-' : LETTERS[random_below(32)];
    text[23] = '\0';
    return text;
}

void
people_create(struct call *call)
{
    struct new_person *p = arena_alloc(call->arena, sizeof *p);
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = NULL;
    enum err err;

    p->person.id = call_new_id(call);
    p->person.name = in_line(&in, "name", CALL_NAME_MAX - 1, call->arena);
    p->person.email = in_email(&in, "email", call->arena);
    p->person.created_ms = call->now_ms;
    if (json_in_has(&in, "password"))
        password = in_new_password(&in, "password", p->person.name, p->person.email, call->arena);
    if (json_in_has(&in, "roles"))
        read_roles(&in, call, p);
    p->call = call;
    p->reason = json_in_has(&in, "reason") ? in_line(&in, "reason", RIGHT_REASON_MAX, call->arena) : "The account was made.";
    err = json_in_close(&in);
    if (!err && !password)
        password = p->shown = make_password(call->arena);
    if (!err)
        err = passwords_hash(call->api->passwords, password, p->hash);
    p->person.password_hash = p->hash;
    if (!err)
        err = db_tx(call->db, store_person, p);
    if (err == ERR_EXISTS)
        err = err_at(&call->detail, ERR_EXISTS, "/email", "Somebody has this address already.");
    if (!err)
        err = person_json(call, &p->person, p->shown);
    call_end(call, err, 201);
}

void
people_list_get(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct person *list;
    struct uuid after = { { 0 } };
    const char *cursor;
    char next[UUID_TEXT];
    size_t n;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err && cursor && !uuid_parse(cursor, &after))
        err = ERR_QUERY_INVALID;
    if (!err)
        err = people_list(call->db, after, limit + 1, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n && i < (size_t)limit && !err; i++)
        err = person_json(call, &list[i], NULL);
    json_shut_array(&call->out);
    if (n > (size_t)limit)
        uuid_text(list[limit - 1].id, next);
    call_next(call, n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
people_password(struct call *call)
{
    const char *password = make_password(call->arena);
    enum err err = in_nothing(call);

    if (!err)
        err = password_store(call, call->path_id, password, (struct hash){ { 0 } });
    json_open(&call->out, NULL);
    json_text(&call->out, "password", password);
    json_shut(&call->out);
    call_end(call, err, 200);
}

static void
reply_changed(struct call *call)
{
    const struct new_person *p = call->user;

    call_end(call, person_json(call, &p->person, NULL), 200);
}

/* Who has just lost the last role that orders loses the keys for it, too; a call that was cut off in between ends them when it is repeated. */
static void
reply_taken(struct call *call)
{
    const struct new_person *p = call->user;
    struct actor left = { .kind = ACTOR_PERSON };
    enum err err = auth_actor_of(call, p->person.id, &left);

    if (err)
        call_fail(call, err);
    else if (left.programme_roles & (ROLE_OFFICER | ROLE_ADMINISTRATOR))
        reply_changed(call);
    else
        officer_keys_end_all(call, p->person.id, reply_changed);
}

/* Roles given or taken, with the reason. */
static void
change_roles(struct call *call, enum err (*store)(struct db *db, void *ctx), handler_fn *then)
{
    struct new_person *p = arena_alloc(call->arena, sizeof *p);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct uuid known;
    enum err err;

    p->call = call;
    p->person.id = call->path_id;
    p->idem = call->command->idem;
    p->now_ms = call->now_ms;
    read_roles(&in, call, p);
    if (!in.err && p->roles_n == 0)
        json_in_refuse(&in, "roles", ERR_FIELD_INVALID, "At least one role is needed.");
    p->reason = in_line(&in, "reason", RIGHT_REASON_MAX, call->arena);
    err = json_in_close(&in);
    if (!err)
        err = people_by_id(call->db, call->path_id, call->arena, &p->person);
    if (!err)
        err = key_known(call, &known);
    if (err == ERR_NOT_FOUND && p->person.name) {
        seen_add(call->api->seen, p->idem.scope);
        err = key_made_meanwhile(call, db_tx(call->db, store, p), &known);
        auth_changed(call->api, p->person.id);
    }
    call->user = p;
    if (err)
        call_fail(call, err);
    else
        then(call);
}

void
people_roles(struct call *call)
{
    change_roles(call, store_roles, reply_changed);
}

void
people_roles_remove(struct call *call)
{
    change_roles(call, store_taken, reply_taken);
}

/* ---- organisations ------------------------------------------------------------------------------------------------ */

struct new_organisation {
    struct organisation o;
    struct idem idem;
    int64_t now_ms;
};

static enum err
store_organisation(struct db *db, void *ctx)
{
    struct new_organisation *n = ctx;
    enum err err = organisations_add(db, &n->o);

    return err ? err : call_answers_add(db, n->idem.scope, n->idem.request, n->o.id, n->now_ms);
}

static void
organisation_json(struct json_out *out, const struct organisation *o)
{
    json_open(out, NULL);
    json_uuid(out, "id", o->id);
    json_text(out, "name", o->name);
    json_text(out, "class", ORGANISATION_CLASS_WORDS[o->class]);
    json_text(out, "country", o->country);
    json_text(out, "city", o->city);
    json_i64(out, "lat_milli", o->lat_milli);
    json_i64(out, "lon_milli", o->lon_milli);
    json_time(out, "created", o->created_ms);
    json_shut(out);
}

static void
reply_organisation(struct call *call, struct uuid id, int status)
{
    const struct organisation *o;
    enum err err = directory_organisation(call->api->directory, call->db, id, &o);

    if (!err)
        organisation_json(&call->out, o);
    call_end(call, err, status);
}

void
organisations_create(struct call *call)
{
    struct new_organisation n = { .idem = call->command->idem, .now_ms = call->now_ms };
    struct json_in in = json_in_open(call->body, &call->detail);
    struct uuid known;
    enum err err;

    n.o.id = call_new_id(call);
    n.o.name = in_line(&in, "name", 120, call->arena);
    memcpy(n.o.country, in_country(&in, "country", call->arena), in.err ? 0 : 2);
    n.o.city = in_line(&in, "city", 80, call->arena);
    n.o.lat_milli = (int32_t)json_in_i64(&in, "lat_milli", -90000, 90000);
    n.o.lon_milli = (int32_t)json_in_i64(&in, "lon_milli", -180000, 180000);
    if (json_in_has(&in, "class"))
        n.o.class = (enum organisation_class)json_in_choice(&in, "class", ORGANISATION_CLASS_WORDS);
    n.o.created_ms = call->now_ms;
    err = json_in_close(&in);
    if (!err)
        err = key_known(call, &known);
    if (!err)
        n.o.id = known;
    else if (err == ERR_NOT_FOUND) {
        seen_add(call->api->seen, n.idem.scope);
        err = key_made_meanwhile(call, db_tx(call->db, store_organisation, &n), &n.o.id);
    }
    if (err)
        call_fail(call, err);
    else
        reply_organisation(call, n.o.id, 201);
}

void
organisations_get(struct call *call)
{
    if (!may_see_organisation(&call->actor, call->path_id))
        call_fail(call, ERR_NOT_FOUND);
    else
        reply_organisation(call, call->path_id, 200);
}

/* One's own organisations; all of them for the programme's people. */
void
organisations_list_get(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct organisation *list = NULL;
    struct uuid before;
    char next[UUID_TEXT];
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_before(call, &limit, &before);
    if (!err && may_see_programme(&call->actor))
        err = organisations_list(call->db, before, limit + 1, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++)
        organisation_json(&call->out, &list[i]);
    for (size_t i = 0; !err && !may_see_programme(&call->actor) && i < call->actor.orgs_n; i++) {
        const struct organisation *o;

        err = directory_organisation(call->api->directory, call->db, call->actor.orgs[i].id, &o);
        if (!err)
            organisation_json(&call->out, o);
    }
    json_shut_array(&call->out);
    if (!err && n > (size_t)limit)
        uuid_text(list[limit - 1].id, next);
    call_next(call, !err && n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
organisations_members(struct call *call)
{
    struct role *roles;
    struct person p;
    size_t n = 0;
    enum err err = may_see_organisation(&call->actor, call->path_id) ? OK : ERR_NOT_FOUND;

    if (!err)
        err = roles_of_organisation(call->db, call->path_id, call->arena, &roles, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++) {
        err = people_by_id(call->db, roles[i].person, call->arena, &p);
        json_open(&call->out, NULL);
        json_uuid(&call->out, "id", roles[i].person);
        json_text(&call->out, "name", err ? "" : p.name);
        json_text(&call->out, "email", err ? "" : p.email);
        json_text(&call->out, "role", role_name(roles[i].code));
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}
