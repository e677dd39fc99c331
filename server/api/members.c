/* api/members.c: who acts for an organisation: its owners decide, everybody may leave, and one owner stays. */
#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/rights.h"
#include "store/evidence.h"

struct member {
    struct call *call;
    struct person person;
    struct uuid organisation;
    int code; /* what the person is to be; 0: nothing */
    const char *reason;
    struct idem idem;
};

/* What the person was there, all of it, goes; leaving is said as such. */
static enum err
take_all(struct db *db, const struct member *m, const struct role *roles, size_t n, bool *ret_was)
{
    bool self = uuid_equal(m->call->actor.person, m->person.id);
    enum err err = OK;

    for (size_t i = 0; !err && i < n; i++) {
        if (!uuid_equal(roles[i].person, m->person.id))
            continue;
        *ret_was = true;
        if (roles[i].code != m->code)
            err = right_take(m->call, db, self ? RIGHT_LEFT : RIGHT_TAKEN, &roles[i], m->person.name, m->reason);
    }
    return err;
}

/* The new role first: an owner who becomes a member must still be one to give it. */
static enum err
store_member(struct db *db, void *ctx)
{
    const struct member *m = ctx;
    const struct role role = { .person = m->person.id, .code = m->code, .organisation = m->organisation, .site = NO_INDEX };
    struct role *roles;
    bool was = false;
    size_t n;
    enum err err = roles_lock(db, m->organisation);

    if (!err)
        err = roles_of_organisation(db, m->organisation, m->call->arena, &roles, &n);
    for (size_t i = 0; !err && i < n; i++)
        was = was || uuid_equal(roles[i].person, m->person.id);
    if (!err && !was)
        err = ERR_NOT_FOUND;
    if (!err && m->code != 0)
        err = right_give(m->call, db, RIGHT_GIVEN, &role, m->person.name, m->reason);
    if (!err)
        err = call_answers_add(db, m->idem.scope, m->idem.request, m->person.id, m->call->now_ms);
    if (!err)
        err = take_all(db, m, roles, n, &was);
    return err ? err : organisation_keeps_owner(m->call, db, m->organisation);
}

/* Owners and administrators decide on everybody; members on themselves, and only to leave. */
static bool
may_set(const struct actor *a, const struct member *m)
{
    return is_administrator(a) || owns_organisation(a, m->organisation) || (uuid_equal(a->person, m->person.id) && m->code == 0);
}

void
members_set(struct call *call)
{
    static const char *const ROLES[] = { "none", "owner", "member", NULL };
    struct member *m = arena_alloc(call->arena, sizeof *m);
    struct json_in in = json_in_open(call->body, &call->detail);
    struct uuid id, known;
    enum err err;

    if (!is_administrator(&call->actor) && !may_act_for(&call->actor, call->path_id)) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    id = json_in_uuid(&in, "person");
    *m = (struct member){ .call = call, .person.id = id, .organisation = call->path_id, .idem = call->command->idem };
    m->code = json_in_choice(&in, "role", ROLES);
    m->reason = json_in_has(&in, "reason") ? in_line_or_none(&in, "reason", RIGHT_REASON_MAX, call->arena) : "";
    err = json_in_close(&in);
    if (!err && m->reason[0] == '\0' && !uuid_equal(id, call->actor.person))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/reason", "Say why: it is shown to whom it concerns.");
    if (!err && !may_set(&call->actor, m))
        err = ERR_FORBIDDEN;
    if (!err)
        err = people_by_id(call->db, id, call->arena, &m->person);
    if (!err) {
        err = key_known(call, &known);
        if (err == ERR_NOT_FOUND) {
            seen_add(call->api->seen, m->idem.scope);
            err = key_made_meanwhile(call, db_tx(call->db, store_member, m), &known);
            auth_changed(call->api, id);
        }
    }
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}
