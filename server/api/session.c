/* api/session.c: signing in and out, who one is, one's password. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/passwords.h"
#include "api/security.h"
#include "api/ways.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "store/organisations.h"
#include "store/mail.h"
#include "store/notices.h"
#include "store/people.h"
#include "store/second.h"
#include "store/sessions.h"
#include "store/tokens.h"

#define SESSION_MS (INT64_C(12) * 3600000)

const char *
role_name(int code)
{
    static const char *const NAMES[] = {
        "", "owner", "member", "officer", "auditor", "administrator", "site_operator"
    };

    return NAMES[code];
}

/* One role as JSON. Organisations and sites by name. */
enum err
role_json(struct call *call, const char *member, const struct role *r, const struct state *s)
{
    const struct organisation *o = NULL;
    struct json_out *out = &call->out;
    char code[17] = "";
    enum err err = OK;

    if (r->code <= ROLE_CODE_MEMBER)
        err = directory_organisation(call->api->directory, call->db, r->organisation, &o);
    if (err)
        return err;
    json_open(out, member);
    json_text(out, "role", role_name(r->code));
    if (o) {
        json_open(out, "organisation");
        json_uuid(out, "id", o->id);
        json_text(out, "name", o->name);
        json_text(out, "country", o->country);
        json_text(out, "city", o->city);
        json_shut(out);
    }
    if (r->code == ROLE_CODE_SITE_OPERATOR) {
        const struct site *site = s ? ledger_site(s->ledger, r->site) : NULL;

        if (site)
            snprintf(code, sizeof code, "%.16s", site->entry.u.site.code);
        json_text(out, "site", site ? code : "unknown");
    }
    json_shut(out);
    return OK;
}

enum err
roles_json(struct call *call, struct uuid person)
{
    const struct state *s;
    struct role *roles;
    size_t n;
    enum err err = roles_of(call->db, person, call->arena, &roles, &n);
    const struct organisation *o;

    /* Names first, so that nothing is asked of the database under the lock. */
    for (size_t i = 0; !err && i < n; i++)
        if (roles[i].code <= ROLE_CODE_MEMBER)
            err = directory_organisation(call->api->directory, call->db, roles[i].organisation, &o);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    json_open_array(&call->out, "roles");
    for (size_t i = 0; !err && i < n; i++)
        err = role_json(call, NULL, &roles[i], s);
    json_shut_array(&call->out);
    if (s)
        market_read_unlock(call->api->market);
    return err;
}

static void
reply_me(struct call *call)
{
    struct json_out *out = &call->out;
    bool local = call->actor.kind == ACTOR_LOCAL;
    const char *language = "";
    int64_t unread = 0;
    enum err err = OK;

    json_open(out, NULL);
    json_open(out, "person");
    json_uuid(out, "id", call->actor.person);
    json_text(out, "name", local ? "The operator on this machine" : call->name);
    json_text(out, "email", local ? "" : call->email);
    json_shut(out);
    json_text(out, "csrf", call->csrf_token);
    if (local) {
        json_open_array(out, "roles");
        json_open(out, NULL);
        json_text(out, "role", "administrator");
        json_shut(out);
        json_shut_array(out);
    } else {
        err = roles_json(call, call->actor.person);
    }
    if (!err)
        err = notices_unread(call->db, call->actor.person, &unread);
    if (!err)
        err = mail_language(call->db, call->actor.person, call->arena, &language);
    json_i64(out, "unread", unread);
    json_text(out, "language", language);
    if (!err)
        err = guides_open_json(call, "guides");
    json_bool(out, "second_due", call->second_due);
    json_bool(out, "second_duty", call->api->second_duty);
    json_bool(out, "simulation", call->api->simulation);
    json_time(out, "now", call->now_ms);
    json_shut(out);
    call_end(call, err, 200);
}

void
me_get(struct call *call)
{
    reply_me(call);
}

/* The same for anybody: nobody is signed in is an answer here, not a fault, so that a page can ask before it knows. */
void
session_get(struct call *call)
{
    struct json_out *out = &call->out;

    if (call->actor.kind != ACTOR_NOBODY) {
        reply_me(call);
        return;
    }
    json_open(out, NULL);
    json_none(out, "person");
    json_text(out, "csrf", "");
    json_open_array(out, "roles");
    json_shut_array(out);
    json_i64(out, "unread", 0);
    json_text(out, "language", "");
    json_open_array(out, "guides");
    json_shut_array(out);
    json_bool(out, "simulation", call->api->simulation);
    json_time(out, "now", call->now_ms);
    json_shut(out);
    call_end(call, OK, 200);
}

static const char *
cookie_text(struct call *call, const char *token, long life_s)
{
    return arena_printf(call->arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%ld%s", call->api->cookie, token,
                        life_s, call->api->https ? "; Secure" : "");
}

/* As it calls itself, so that its owner knows it again: a line of plain text, or what is left of it. */
static const char *
program_of(struct call *call)
{
    const char *said = http_header(call->http, "User-Agent");
    char *text = arena_textn(call->arena, said ? said : "", said ? strnlen(said, 200) : 0);

    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return text;
}

enum err
session_begin(struct call *call, struct uuid person)
{
    struct session session = { .id = call_new_id(call), .person = person, .program = program_of(call), .created_ms = call->now_ms, .expires_ms = call->now_ms + SESSION_MS * call->api->clock.rate };
    const char *language = "";
    char token[44];
    enum err err = auth_load_person(call, person);

    if (err)
        return err;
    call_act(call);
    auth_new_token(token, &session.token_hash);
    err = mail_language(call->db, person, call->arena, &language);
    if (!err && language[0])
        mail_language_cookie(call, language);
    if (!err)
        err = sessions_add(call->db, &session);
    if (!err) {
        auth_set_session(call, session.token_hash);
        call->set_cookie = cookie_text(call, token, (long)(SESSION_MS / 1000));
    }
    random_wipe(token, sizeof token);
    return err;
}

static enum err
is_second_demanded(struct call *call, struct uuid person, bool *ret)
{
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct second s = { .demanded = false };
    enum err err = second_of(call->db, person, &s);

    db_act_as(call->db, before);
    *ret = s.demanded;
    return err;
}

void
session_create(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *email = arena_text(call->arena, json_in_text(&in, "email", 3, 254));
    const char *password = arena_text(call->arena, json_in_text(&in, "password", 1, PASSWORD_MAX));
    enum err err = json_in_close(&in);
    struct uuid person;
    bool second = false;

    if (!err)
        err = auth_origin(call);
    if (!err)
        err = auth_password(call, email, password, &person);
    if (!err)
        err = is_second_demanded(call, person, &second);
    if (!err && !second)
        err = session_begin(call, person);
    if (err)
        call_fail(call, err);
    else if (second)
        second_ask(call, person);
    else
        reply_me(call);
}

void
session_delete(struct call *call)
{
    enum err err = OK;

    if (call->by_session) {
        err = sessions_remove(call->db, call->session);
        auth_changed(call->api, call->actor.person);
        call->set_cookie = cookie_text(call, "", 0);
    }
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

struct new_password {
    struct call *call;
    struct uuid person;
    const char *hash;
    struct hash but;
};

/* Whoever had the old one may have left ways in: other sessions and all tokens end with it; where somebody else sets it, for
 * who cannot get in any more or must not, passkeys and the second step, too. */
static enum err
store_password(struct db *db, void *ctx)
{
    struct new_password *p = ctx;
    bool own = uuid_equal(p->person, p->call->actor.person);
    enum err err = people_set_password(db, p->person, p->hash);

    if (!err)
        err = sessions_remove_of(db, p->person, p->but);
    if (!err)
        err = tokens_end_of(db, p->person, p->call->now_ms);
    if (!err && !own)
        err = ways_clear(db, p->person);
    return err ? err : security_tell(p->call, db, p->person, own ? SECURITY_PASSWORD_CHANGED : SECURITY_PASSWORD_SET, "", "");
}

enum err
password_store(struct call *call, struct uuid person, const char *password, struct hash but)
{
    char hash[PASSWORD_HASH_TEXT];
    struct new_password p = { .call = call, .person = person, .hash = hash, .but = but };
    enum err err = passwords_hash(call->api->passwords, password, hash);

    if (!err)
        err = db_tx(call->db, store_password, &p);
    auth_changed(call->api, person);
    return err;
}

void
me_password(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *old = arena_text(call->arena, json_in_text(&in, "old", 1, PASSWORD_MAX));
    const char *new = in_new_password(&in, "new", call->name, call->email, call->arena);
    struct uuid person;
    enum err err = json_in_close(&in);

    if (!err && call->actor.kind != ACTOR_PERSON)
        err = ERR_FORBIDDEN;
    if (!err)
        err = auth_password(call, call->email, old, &person);
    if (!err)
        err = password_store(call, call->actor.person, new, call->session);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

/* ---- one's sessions ----------------------------------------------------------------------------------------------- */

enum { SESSIONS_SHOWN = 100 };

void
me_sessions(struct call *call)
{
    struct session *list = NULL;
    struct json_out *out = &call->out;
    size_t n = 0;
    enum err err = sessions_of(call->db, call->actor.person, call->now_ms, SESSIONS_SHOWN, call->arena, &list, &n);

    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < n; i++) {
        if (session_is_idle(call, &list[i]))
            continue;
        json_open(out, NULL);
        json_uuid(out, "id", list[i].id);
        json_bool(out, "this", call->by_session && hash_equal(list[i].token_hash, call->session));
        json_text(out, "program", list[i].program);
        json_time(out, "created", list[i].created_ms);
        json_time(out, "used", list[i].used_ms);
        json_time(out, "expires", list[i].expires_ms);
        json_shut(out);
    }
    json_shut_array(out);
    call_next(call, NULL);
    json_shut(out);
    call_end(call, err, 200);
}

void
me_session_end(struct call *call)
{
    enum err err = sessions_end(call->db, call->path_id, call->actor.person);

    auth_changed(call->api, call->actor.person);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

void
me_sessions_end_others(struct call *call)
{
    enum err err = in_nothing(call);

    if (!err && !call->by_session)
        err = ERR_FORBIDDEN;
    if (!err)
        err = sessions_remove_of(call->db, call->actor.person, call->session);
    auth_changed(call->api, call->actor.person);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}
