/* api/invitations.c: an owner's link that brings one person into an organisation, as owner or member. It opens once, for a
 * week; its token stands behind the # of the link, which no browser sends, so that no log has it. */
#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/passwords.h"
#include "api/rights.h"
#include "base/text.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "store/organisations.h"

enum { OPEN_MAX = 50, TOKEN_LEN = 43 };
#define LIFE_MS (INT64_C(7) * 86400000) /* real time, as people open links by it */

/* ---- owners ------------------------------------------------------------------------------------------------------- */

static bool
may_invite(const struct call *call, struct uuid organisation)
{
    return is_administrator(&call->actor) || owns_organisation(&call->actor, organisation);
}

static void
invitation_json(struct json_out *out, const struct invitation *i)
{
    json_uuid(out, "id", i->id);
    json_text(out, "role", role_name(i->code));
    json_text(out, "note", i->note);
    json_text(out, "invited_by", i->by_name);
    json_time(out, "created", i->created_ms);
    json_time(out, "expires", i->expires_ms);
}

void
invitations_list_get(struct call *call)
{
    struct invitation *list = NULL;
    size_t n = 0;
    enum err err = may_invite(call, call->path_id) ? OK : ERR_NOT_FOUND;

    if (!err)
        err = invitations_open(call->db, call->path_id, call->now_ms, OPEN_MAX, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++) {
        json_open(&call->out, NULL);
        invitation_json(&call->out, &list[i]);
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

struct inviting {
    struct call *call;
    struct invitation invitation;
    struct hash token_hash;
};

static enum err
store_invitation(struct db *db, void *ctx)
{
    const struct inviting *i = ctx;
    struct invitation *list;
    size_t n;
    enum err err = roles_lock(db, i->invitation.organisation);

    if (!err)
        err = invitations_open(db, i->invitation.organisation, i->call->now_ms, OPEN_MAX, i->call->arena, &list, &n);
    if (!err && n >= OPEN_MAX)
        err = ERR_RATE_LIMITED;
    return err ? err : invitations_add(db, &i->invitation, i->token_hash);
}

void
invitations_create(struct call *call)
{
    static const char *const ROLES[] = { "owner", "member", NULL };
    struct json_in in = json_in_open(call->body, &call->detail);
    struct inviting i = { .call = call };
    char token[TOKEN_LEN + 1];
    const struct organisation *o;
    enum err err;

    if (!may_invite(call, call->path_id)) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    i.invitation = (struct invitation){ .id = call_new_id(call), .organisation = call->path_id, .by = call->actor.person,
                                        .by_name = call->name, .created_ms = call->now_ms,
                                        .expires_ms = call->now_ms + LIFE_MS * call->api->clock.rate };
    i.invitation.code = json_in_choice(&in, "role", ROLES) + 1;
    i.invitation.note = json_in_has(&in, "note") ? in_line_or_none(&in, "note", 120, call->arena) : "";
    err = json_in_close(&in);
    if (!err)
        err = directory_organisation(call->api->directory, call->db, call->path_id, &o);
    auth_new_token(token, &i.token_hash);
    if (!err)
        err = db_tx(call->db, store_invitation, &i);
    if (err == ERR_RATE_LIMITED)
        err = err_say(&call->detail, err, "%d invitations are open: withdraw some, or wait until they are used or over.", OPEN_MAX);
    json_open(&call->out, NULL);
    invitation_json(&call->out, &i.invitation);
    json_text(&call->out, "token", token);
    json_text(&call->out, "link", arena_printf(call->arena, "%s/en/join#%s", call->api->base_url, token));
    json_shut(&call->out);
    random_wipe(token, sizeof token);
    call_end(call, err, 201);
}

void
invitations_withdraw(struct call *call)
{
    enum err err = invitations_end(call->db, call->path_id, call->now_ms, (struct uuid){ { 0 } });

    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

/* ---- who was invited ---------------------------------------------------------------------------------------------- */

static struct hash
in_token(struct json_in *in)
{
    return sha256(BYTES_TEXT(json_in_text(in, "token", TOKEN_LEN, TOKEN_LEN)));
}

void
invitations_look(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct hash token = in_token(&in);
    struct invitation i;
    const struct organisation *o;
    enum err err = json_in_close(&in);

    db_act_as(call->db, DB_ACTOR_SERVER); /* the token opens it */
    if (!err)
        err = invitations_find(call->db, token, call->now_ms, call->arena, &i);
    if (!err)
        err = directory_organisation(call->api->directory, call->db, i.organisation, &o);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_text(&call->out, "organisation", o->name);
    json_text(&call->out, "role", role_name(i.code));
    json_text(&call->out, "note", i.note);
    json_text(&call->out, "invited_by", i.by_name);
    json_time(&call->out, "expires", i.expires_ms);
    json_shut(&call->out);
    call_end(call, OK, 200);
}

struct joining {
    struct call *call;
    struct hash token;
    struct person person;
    bool is_new;
};

/* Who is a member already becomes an owner by such an invitation; who is as much already does not use it up. */
static enum err
join(struct db *db, const struct joining *j, const struct invitation *i)
{
    struct role role = { .person = j->person.id, .code = i->code, .organisation = i->organisation, .site = NO_INDEX };
    struct role *roles;
    size_t n;
    enum err err = roles_of(db, j->person.id, j->call->arena, &roles, &n);

    for (size_t k = 0; !err && k < n; k++) {
        if (!uuid_equal(roles[k].organisation, i->organisation))
            continue;
        if (roles[k].code <= i->code)
            return err_say(&j->call->detail, ERR_EXISTS, "You act for this organisation already.");
        err = right_take(j->call, db, RIGHT_LEFT, &roles[k], j->person.name, "");
    }
    return err ? err : right_give(j->call, db, RIGHT_JOINED, &role, j->person.name, arena_printf(j->call->arena, "Invited by %s.", i->by_name));
}

static enum err
store_joined(struct db *db, void *ctx)
{
    const struct joining *j = ctx;
    struct invitation i;
    enum err err = invitations_find(db, j->token, j->call->now_ms, j->call->arena, &i);

    if (!err)
        err = roles_lock(db, i.organisation);
    if (!err && j->is_new) {
        err = people_add(db, &j->person);
        if (err == ERR_EXISTS)
            err = err_at(&j->call->detail, err, "/email", "Somebody has this address already: sign in first, then open the link again.");
    }
    if (!err)
        err = join(db, j, &i);
    return err ? err : invitations_end(db, i.id, j->call->now_ms, j->person.id);
}

/* Who is not signed in gets an account. The password is hashed only for an invitation that is there: that costs time. */
static enum err
read_newcomer(struct call *call, struct json_in *in, struct joining *j)
{
    char *hash = arena_alloc(call->arena, PASSWORD_HASH_TEXT);
    const char *password;
    struct invitation i;
    enum err err;

    j->is_new = true;
    j->person = (struct person){ .id = call_new_id(call), .created_ms = call->now_ms, .password_hash = hash };
    j->person.name = in_line(in, "name", CALL_NAME_MAX - 1, call->arena);
    j->person.email = in_email(in, "email", call->arena);
    password = in_new_password(in, "password", j->person.name, j->person.email, call->arena);
    err = json_in_close(in);
    if (!err)
        err = auth_origin(call);
    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = invitations_find(call->db, j->token, call->now_ms, call->arena, &i);
    call_act(call);
    return err ? err : passwords_hash(call->api->passwords, password, hash);
}

/* What is told of it is told as the person's who joins. */
static void
become(struct call *call, const struct person *p)
{
    call->actor.person = p->id;
    text_format(call->name, sizeof call->name, "%s", p->name);
}

/* The token has opened it: from here on as the server, until all is told. */
static enum err
take_up(struct call *call, struct joining *j)
{
    enum err err;

    db_act_as(call->db, DB_ACTOR_SERVER);
    err = db_tx(call->db, store_joined, j);
    auth_changed(call->api, j->person.id);
    call_act(call);
    return err;
}

/* Who is signed in already. */
void
invitations_join(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct joining j = { .call = call, .token = in_token(&in) };
    enum err err = json_in_close(&in);

    if (!err && call->actor.kind != ACTOR_PERSON)
        err = ERR_FORBIDDEN;
    if (!err)
        err = people_by_id(call->db, call->actor.person, call->arena, &j.person);
    if (!err)
        err = take_up(call, &j);
    if (!err)
        err = auth_load_person(call, j.person.id);
    if (err)
        call_fail(call, err);
    else
        me_get(call);
}

/* Who is not gets an account, and is signed in. */
void
invitations_accept(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct joining j = { .call = call, .token = in_token(&in) };
    enum err err = read_newcomer(call, &in, &j);

    if (!err && call->actor.kind != ACTOR_NOBODY)
        err = err_say(&call->detail, ERR_STATE, "You are signed in: join as who you are, or sign out first.");
    if (!err) {
        become(call, &j.person);
        err = take_up(call, &j);
    }
    if (!err)
        err = session_begin(call, j.person.id);
    if (err)
        call_fail(call, err);
    else
        me_get(call);
}
