/* api/rights.c: what was given to whom and taken from whom, by whom and why: one's own, an organisation's, and anybody's for
 * administrators. */
#include "api/rights.h"

#include "api/handlers.h"
#include "api/internal.h"

/* ---- telling ------------------------------------------------------------------------------------------------------ */

static enum err
tell(struct call *call, struct db *db, enum right_what what, const struct role *r, const char *name, const char *reason)
{
    struct right_change change = { .id = call_new_id(call), .at_ms = call->now_ms, .by = call->actor.person, .what = what, .role = *r,
                                   .by_name = call->name, .name = name, .reason = reason };

    return rights_add(db, &change);
}

enum err
right_give(struct call *call, struct db *db, enum right_what what, const struct role *r, const char *name, const char *reason)
{
    bool is_new;
    enum err err = roles_add(db, r, &is_new);

    return err || !is_new ? err : tell(call, db, what, r, name, reason);
}

enum err
right_take(struct call *call, struct db *db, enum right_what what, const struct role *r, const char *name, const char *reason)
{
    bool was;
    enum err err = roles_remove(db, r, &was);

    return err || !was ? err : tell(call, db, what, r, name, reason);
}

enum err
organisation_keeps_owner(struct call *call, struct db *db, struct uuid organisation)
{
    struct db_actor before = db_act_as(db, DB_ACTOR_SERVER); /* who has just left does not see it any more */
    struct role *roles;
    size_t n = 0, owners = 0;
    enum err err = roles_of_organisation(db, organisation, call->arena, &roles, &n);

    db_act_as(db, before);
    for (size_t i = 0; !err && i < n; i++)
        owners += roles[i].code == ROLE_CODE_OWNER;
    return !err && owners == 0 ? ERR_LAST_OWNER : err;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void
person_ref(struct json_out *out, const char *name, struct uuid id, const char *words)
{
    json_open(out, name);
    json_uuid(out, "id", id);
    json_text(out, "name", words);
    json_shut(out);
}

static enum err
change_json(struct call *call, const struct right_change *c, const struct state *s)
{
    static const char *const WHAT[] = { [RIGHT_GIVEN] = "given", [RIGHT_TAKEN] = "taken", [RIGHT_JOINED] = "joined", [RIGHT_LEFT] = "left" };
    struct json_out *out = &call->out;
    enum err err;

    json_open(out, NULL);
    json_uuid(out, "id", c->id);
    json_time(out, "at", c->at_ms);
    json_text(out, "what", WHAT[c->what]);
    err = role_json(call, "of", &c->role, s);
    person_ref(out, "person", c->role.person, c->name);
    person_ref(out, "by", c->by, c->by_name);
    json_text(out, "reason", c->reason);
    json_shut(out);
    return err;
}

typedef enum err find_fn(struct db *db, struct uuid of, struct uuid before, int max, struct arena *a, struct right_change **ret, size_t *ret_n);

static enum err
changes_json(struct call *call, const struct right_change *list, size_t n)
{
    const struct organisation *o;
    const struct state *s;
    enum err err = OK;

    for (size_t i = 0; !err && i < n; i++) /* names first: nothing is asked of the database under the lock */
        if (list[i].role.code <= ROLE_CODE_MEMBER)
            err = directory_organisation(call->api->directory, call->db, list[i].role.organisation, &o);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    for (size_t i = 0; !err && i < n; i++)
        err = change_json(call, &list[i], s);
    if (s)
        market_read_unlock(call->api->market);
    return err;
}

static void
reply_changes(struct call *call, find_fn *find, struct uuid of)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct right_change *list = NULL;
    struct uuid before;
    char next[UUID_TEXT];
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_before(call, &limit, &before);
    if (!err)
        err = find(call->db, of, before, limit + 1, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    err = changes_json(call, list, n < (size_t)limit ? n : (size_t)limit);
    json_shut_array(&call->out);
    if (n > (size_t)limit)
        uuid_text(list[limit - 1].id, next);
    call_next(call, n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
me_rights(struct call *call)
{
    reply_changes(call, rights_of_person, call->actor.person);
}

void
people_rights(struct call *call)
{
    struct person p;
    enum err err = people_by_id(call->db, call->path_id, call->arena, &p);

    if (err)
        call_fail(call, err);
    else
        reply_changes(call, rights_of_person, call->path_id);
}

void
organisations_rights(struct call *call)
{
    if (!may_see_organisation(&call->actor, call->path_id))
        call_fail(call, ERR_NOT_FOUND);
    else
        reply_changes(call, rights_of_organisation, call->path_id);
}
