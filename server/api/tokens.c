/* api/tokens.c
 * Tokens for one's programs: made once shown, kept as a hash, over at the latest after a year. What one may do is decided
 * where it is used (auth.c): what its person may at that moment, and of that only what the route lets a token do. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/security.h"
#include "crypto/api_token.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "store/organisations.h"
#include "store/people.h"

enum { TOKENS_MOST = 20, DAYS_MOST = 365, DAYS_IF_NONE = 90 };
#define DAY_MS INT64_C(86400000)

static const char *const SCOPES[] = { "read", "write", NULL };

static enum err
token_json(struct call *call, const struct token *t, const char *text)
{
    const struct organisation *o = NULL;
    struct json_out *out = &call->out;
    enum err err = OK;

    if (t->scope == TOKEN_SCOPE_WRITE)
        err = directory_organisation(call->api->directory, call->db, t->organisation, &o);
    if (err)
        return err;
    json_open(out, NULL);
    json_uuid(out, "id", t->id);
    json_text(out, "name", t->name);
    json_text(out, "scope", SCOPES[t->scope - 1]);
    if (o) {
        json_open(out, "organisation");
        json_uuid(out, "id", o->id);
        json_text(out, "name", o->name);
        json_shut(out);
    }
    json_time(out, "created", t->created_ms);
    json_time(out, "expires", t->expires_ms);
    if (t->used_ms) {
        json_time(out, "used", t->used_ms);
        json_text(out, "used_from", t->used_from);
    }
    if (text)
        json_text(out, "token", text);
    json_shut(out);
    return OK;
}

void
me_tokens(struct call *call)
{
    struct token *list = NULL;
    size_t n = 0;
    enum err err = tokens_of(call->db, call->actor.person, call->now_ms, TOKENS_MOST, call->arena, &list, &n);

    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++)
        err = token_json(call, &list[i], NULL);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

struct new_token {
    struct call *call;
    struct token token;
    struct hash hash;
};

static enum err
store_token(struct db *db, void *ctx)
{
    struct new_token *n = ctx;
    struct call *call = n->call;
    struct token *list;
    struct person p;
    size_t have = 0;
    enum err err = people_lock(db, n->token.person, call->arena, &p);

    if (!err)
        err = tokens_of(db, n->token.person, call->now_ms, TOKENS_MOST, call->arena, &list, &have);
    if (!err && have >= TOKENS_MOST)
        err = ERR_TOKENS_MANY;
    if (!err)
        err = tokens_add(db, &n->token, n->hash);
    return err ? err : security_tell(call, db, n->token.person, SECURITY_TOKEN_MADE, n->token.name, SCOPES[n->token.scope - 1]);
}

void
me_token_make(struct call *call)
{
    struct new_token n = { .call = call };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    char text[API_TOKEN_TEXT];
    int64_t days;
    enum err err;

    n.token = (struct token){ .id = call_new_id(call), .person = call->actor.person, .created_ms = call->now_ms };
    n.token.name = in_line(&in, "name", TOKEN_NAME_MAX, call->arena);
    n.token.scope = (enum token_scope)(json_in_choice(&in, "scope", SCOPES) + 1);
    if (n.token.scope == TOKEN_SCOPE_WRITE || json_in_has(&in, "organisation"))
        n.token.organisation = json_in_uuid(&in, "organisation");
    if (!in.err && n.token.scope == TOKEN_SCOPE_WRITE && !may_act_for(&call->actor, n.token.organisation))
        json_in_refuse(&in, "organisation", ERR_FIELD_INVALID, "You do not act for this organisation.");
    if (!in.err && n.token.scope == TOKEN_SCOPE_READ && json_in_has(&in, "organisation"))
        json_in_refuse(&in, "organisation", ERR_FIELD_INVALID, "A token that reads only is for no organisation.");
    days = json_in_i64_or(&in, "days", 1, DAYS_MOST, DAYS_IF_NONE);
    n.token.expires_ms = call->now_ms + days * DAY_MS;
    err = json_in_close(&in);
    if (!err)
        err = call->second_due ? ERR_SECOND_DUE : auth_anew(call, password); /* it would outlive what is due */
    if (err) {
        call_fail(call, err);
        return;
    }
    api_token_make(text, &n.hash);
    err = db_tx(call->db, store_token, &n);
    if (!err)
        err = token_json(call, &n.token, text);
    random_wipe(text, sizeof text);
    call_end(call, err, 201);
}

struct ending {
    struct call *call;
    struct uuid id;
};

static enum err
end_token(struct db *db, void *ctx)
{
    const struct ending *e = ctx;
    struct call *call = e->call;
    struct token *list;
    const char *name = NULL;
    size_t n = 0;
    enum err err = tokens_of(db, call->actor.person, call->now_ms, TOKENS_MOST, call->arena, &list, &n);

    for (size_t i = 0; !err && i < n; i++)
        if (uuid_equal(list[i].id, e->id))
            name = list[i].name;
    if (!err)
        err = name ? tokens_end(db, e->id, call->actor.person, call->now_ms) : ERR_NOT_FOUND;
    return err ? err : security_tell(call, db, call->actor.person, SECURITY_TOKEN_ENDED, name, "");
}

void
me_token_end(struct call *call)
{
    struct ending e = { .call = call, .id = call->path_id };
    enum err err = db_tx(call->db, end_token, &e);

    auth_changed(call->api, call->actor.person);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}
