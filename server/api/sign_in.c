/* api/sign_in.c
 * Signing in by a provider, and linking what a provider knows one by to the account in use.
 *
 * The browser begins with a POST from our own pages and gets the provider's address and a sealed cookie, which holds all
 * that the return must fit: state, nonce, PKCE verifier, the provider, and for linking the very session that asked. So
 * nothing is kept here between the two, whichever server the return comes to, as long as it has the same key; and nobody
 * can make another's browser return with a code of theirs (login CSRF), or link their own identity to a stranger's
 * session. The cookie goes with the first return that has its state, whatever comes of that, and a state that has come back
 * is not taken again; a return with another state leaves it alone, since anybody can cause one. The return always ends on a
 * page of ours, where the error is said in words. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/providers.h"
#include "base/text.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "store/identities.h"
#include "store/people.h"

enum { FLOW_VERSION = 1, FLOW_LIFE_S = 600, PATH_MAX_BYTES = 300, CODE_MAX = 2000, TRIES = 50 };

struct flow {
    struct provider *provider;
    struct provider_flow secrets;
    bool link, returned; /* returned: with this state */
    struct hash session; /* that asked to link */
    const char *to, *from; /* pages of ours: after it, and where it began */
    const char *code, *iss; /* what came back */
    struct id_claims claims;
};

/* ---- the cookie ---------------------------------------------------------------------------------------------------- */

static const char *
flow_cookie(struct call *call, const char *value, int life_s)
{
    return arena_printf(call->arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", call->api->sign_in_cookie, value, life_s,
                        call->api->https ? "; Secure" : "");
}

static const char *
about(struct call *call, const struct provider *p)
{
    return arena_printf(call->arena, "%s %s", provider_code(p), provider_issuer(p));
}

static void
put_text(struct wire_out *w, const char *text)
{
    put_u16(w, (uint16_t)strlen(text));
    put_bytes(w, text, strlen(text));
}

static const char *
get_text(struct wire_in *r, struct arena *a)
{
    size_t len = get_u16(r);
    char *text;

    if (r->failed || len > PATH_MAX_BYTES)
        return NULL;
    text = arena_alloc(a, len + 1);
    get_bytes(r, text, len);
    return text;
}

static const char *
seal(struct call *call, const struct flow *f)
{
    uint8_t raw[BOX_MAX];
    struct wire_out w = { .at = raw, .end = raw + sizeof raw };
    char *text;

    put_u8(&w, FLOW_VERSION);
    put_i64(&w, f->secrets.began_s);
    put_bytes(&w, f->secrets.state, sizeof f->secrets.state);
    put_bytes(&w, f->secrets.nonce, sizeof f->secrets.nonce);
    put_bytes(&w, f->secrets.verifier, sizeof f->secrets.verifier);
    put_u8(&w, f->link);
    put_bytes(&w, f->session.b, sizeof f->session.b);
    put_text(&w, f->to);
    put_text(&w, f->from);
    text = arena_alloc(call->arena, BOX_TEXT_LEN(sizeof raw));
    box_seal(&call->api->sign_in_key, about(call, f->provider), BYTES(raw, (size_t)(w.at - raw)), text);
    random_wipe(raw, sizeof raw);
    return text;
}

/* False: there is none, it is not ours, for another provider, or too old. */
static bool
unseal(struct call *call, struct flow *f)
{
    uint8_t raw[BOX_MAX];
    struct wire_in r = { .at = raw };
    size_t len = 0;
    bool good;

    if (!call->sign_in || box_open(&call->api->sign_in_key, about(call, f->provider), call->sign_in, raw, sizeof raw, &len))
        return false;
    r.end = raw + len;
    good = get_u8(&r) == FLOW_VERSION;
    f->secrets.began_s = get_i64(&r);
    get_bytes(&r, f->secrets.state, sizeof f->secrets.state);
    get_bytes(&r, f->secrets.nonce, sizeof f->secrets.nonce);
    get_bytes(&r, f->secrets.verifier, sizeof f->secrets.verifier);
    f->link = get_u8(&r) == 1;
    get_bytes(&r, f->session.b, sizeof f->session.b);
    f->to = get_text(&r, call->arena);
    f->from = get_text(&r, call->arena);
    random_wipe(raw, sizeof raw);
    return good && !r.failed && f->to && f->from && real_now_ms() / 1000 - f->secrets.began_s <= FLOW_LIFE_S;
}

/* ---- to the provider ------------------------------------------------------------------------------------------------ */

/* A page of ours: a path, which no browser takes for another host. */
static const char *
in_path(struct json_in *in, const char *name, struct arena *a)
{
    const char *text = arena_text(a, json_in_text(in, name, 1, PATH_MAX_BYTES));
    bool good = text[0] == '/' && text[1] != '/' && !text_starts(text, "/v1/");

    for (const char *c = text; *c && good; c++)
        good = *c > ' ' && *c <= '~' && *c != '\\' && *c != '#';
    if (!in->err && !good)
        json_in_refuse(in, name, ERR_FIELD_INVALID, "This must be a path of this site.");
    return text;
}

static const char *
redirect_of(struct call *call, const struct provider *p)
{
    return arena_printf(call->arena, "%s/v1/providers/%s/callback", call->api->base_url, provider_code(p));
}

static enum err
reply_address(struct call *call, struct flow *f)
{
    const char *url;
    enum err err = provider_address(f->provider, &f->secrets, redirect_of(call, f->provider), call->arena, &url);

    if (err)
        return err;
    call->set_cookie = flow_cookie(call, seal(call, f), FLOW_LIFE_S);
    json_open(&call->out, NULL);
    json_text(&call->out, "url", url);
    json_shut(&call->out);
    call_reply(call, 200);
    return OK;
}

static void
learn_first(struct call *call, struct desk *desk)
{
    enum err err = provider_learn(desk, &call->detail);

    if (!err)
        err = reply_address(call, call->user);
    if (err)
        call_fail(call, err);
}

void
sign_in_begin(struct call *call)
{
    struct flow *f = arena_alloc(call->arena, sizeof *f);
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password;
    enum err err;

    f->to = in_path(&in, "to", call->arena);
    f->from = in_path(&in, "from", call->arena);
    f->link = json_in_bool_or(&in, "link", false);
    password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    err = json_in_close(&in);
    f->provider = providers_find(call->api->providers, call->path_text);
    if (!err && !f->provider)
        err = ERR_NOT_FOUND;
    if (!err && f->link)
        err = call->by_session ? auth_anew(call, password) : ERR_UNAUTHENTICATED; /* it is a way in, as a passkey is */
    if (err) {
        call_fail(call, err);
        return;
    }
    f->session = call->session;
    f->secrets.began_s = real_now_ms() / 1000;
    random_bytes(f->secrets.state, sizeof f->secrets.state);
    random_bytes(f->secrets.nonce, sizeof f->secrets.nonce);
    random_bytes(f->secrets.verifier, sizeof f->secrets.verifier);
    err = reply_address(call, f);
    if (err != ERR_BUSY) {
        if (err)
            call_fail(call, err);
        return;
    }
    call->user = f;
    err = provider_put(f->provider, call, learn_first);
    if (err)
        call_fail(call, err);
}

/* ---- and back -------------------------------------------------------------------------------------------------------- */

/* To a page of ours, with what went wrong if something did, and without the cookie of the sign-in. */
static void
leave(struct call *call, const struct flow *f, enum err err)
{
    struct http_response *r = http_response(303, NULL, "", 0, HTTP_FOREVER);
    const char *from = f->from ? f->from : "/en/sign-in", *to = err ? from : f->to;

    if (err)
        to = arena_printf(call->arena, "%s%cfailed=%s&provider=%s", from, strchr(from, '?') ? '&' : '?', err_wire(err),
                          f->provider ? provider_code(f->provider) : "");
    response_guard(r, call->api->https);
    http_response_header(r, "Cache-Control", "no-store");
    http_response_header(r, "Location", to);
    if (f->returned)
        http_response_header(r, "Set-Cookie", flow_cookie(call, "", 0));
    if (!err && call->set_cookie)
        http_response_header(r, "Set-Cookie", call->set_cookie);
    if (!err && call->language_cookie)
        http_response_header(r, "Set-Cookie", call->language_cookie);
    LOG_WRITE(call->api->log, err ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "sign-in", LOG_UUID("id", call->id),
              LOG_TEXT("provider", f->provider ? provider_code(f->provider) : "none"), LOG_BOOL("link", f->link),
              LOG_TEXT("error", err ? err_wire(err) : NULL), LOG_TEXT("detail", err && call->detail.internal[0] ? call->detail.internal : NULL),
              LOG_UUID("person", call->actor.person));
    call->logged_err = err;
    call_reply_response(call, r);
}

static const char *
tries_key(struct call *call)
{
    return arena_printf(call->arena, "o:%.60s", auth_client(call));
}

/* What the provider had to be asked for and did not vouch for counts; what costs us nothing does not, since a stranger's page
 * can send anybody's browser here. */
static void
fail(struct call *call, const struct flow *f, enum err err)
{
    if (f->code && err == ERR_PROVIDER_REFUSED)
        limiter_count(call->api->limiter, tries_key(call), monotonic_ms());
    leave(call, f, err);
}

struct newcomer {
    struct person person;
    struct identity identity;
};

static enum err
store_newcomer(struct db *db, void *ctx)
{
    struct newcomer *n = ctx;
    enum err err = people_add(db, &n->person);

    return err ? err : identities_add(db, &n->identity);
}

/* Somebody whom nobody knows here: an account without any role. Administrators see it and give it what it needs. */
static enum err
add_newcomer(struct call *call, const struct flow *f, struct identity *i)
{
    struct newcomer n = { .person = { .id = call_new_id(call), .name = i->name, .email = "", .created_ms = call->now_ms } };

    if (!n.person.name[0])
        n.person.name = i->email[0] ? arena_textn(call->arena, i->email, strnlen(i->email, CALL_NAME_MAX - 1)) : provider_label(f->provider);
    i->person = n.person.id;
    n.identity = *i;
    return db_tx(call->db, store_newcomer, &n);
}

/* As the server: who signs in is not known before. */
static enum err
enter(struct call *call, const struct flow *f, struct identity *i)
{
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct identity known;
    enum err err = identities_find(call->db, i->issuer, i->subject, call->arena, &known);

    if (err == ERR_NOT_FOUND) {
        err = add_newcomer(call, f, i);
        if (err == ERR_EXISTS) /* the same person, at the same time */
            err = identities_find(call->db, i->issuer, i->subject, call->arena, &known);
        else if (!err)
            known = *i;
    }
    if (!err) {
        i->id = known.id;
        i->person = known.person;
        err = identities_use(call->db, i);
    }
    db_act_as(call->db, before);
    return err ? err : session_begin(call, i->person);
}

/* Security: as the person whose session asked for it, whom the return must still belong to (sign_in_end). */
static enum err
link_to_me(struct call *call, struct identity *i)
{
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct identity known;
    enum err err = identities_find(call->db, i->issuer, i->subject, call->arena, &known);

    db_act_as(call->db, before);
    if (!err)
        return uuid_equal(known.person, call->actor.person) ? OK : ERR_IDENTITY_TAKEN;
    if (err != ERR_NOT_FOUND)
        return err;
    i->person = call->actor.person;
    err = identities_add(call->db, i);
    return err == ERR_EXISTS ? ERR_IDENTITY_TAKEN : err;
}

/* In a worker again: the provider has said who it is. */
static void
known_now(struct call *call)
{
    struct flow *f = call->user;
    struct identity i = { .id = call_new_id(call), .issuer = provider_issuer(f->provider), .subject = f->claims.subject, .name = f->claims.name,
                          .email = f->claims.email, .created_ms = call->now_ms, .used_ms = call->now_ms };
    enum err err = f->link ? link_to_me(call, &i) : enter(call, f, &i);

    if (err)
        fail(call, f, err);
    else
        leave(call, f, OK);
}

/* At the provider's desk. */
static void
identify(struct call *call, struct desk *desk)
{
    struct flow *f = call->user;
    enum err err = provider_identify(desk, &f->secrets, f->code, f->iss, redirect_of(call, f->provider), &f->claims, &call->detail);

    if (err)
        fail(call, f, err);
    else
        call_to_worker(call, known_now);
}

/* What came back, against what the cookie says was sent. */
static enum err
read_return(struct call *call, struct flow *f)
{
    const char *state = call_query(call, "state"), *error = call_query(call, "error"), *code = call_query(call, "code");
    char sent[PROVIDER_TEXT_LEN];
    int wait_s = limiter_blocked(call->api->limiter, tries_key(call), TRIES, monotonic_ms());

    if (wait_s)
        return ERR_RATE_LIMITED;
    if (!unseal(call, f)) {
        f->from = NULL;
        return ERR_SIGN_IN_STALE;
    }
    base64url_encode(BYTES(f->secrets.state, sizeof f->secrets.state), sent);
    if (!state || strlen(state) != strlen(sent) || !random_equal(state, sent, strlen(sent)))
        return ERR_SIGN_IN_STALE;
    f->returned = true;
    if (!providers_once(call->api->providers, f->secrets.state))
        return ERR_SIGN_IN_STALE;
    if (f->link && (!call->by_session || !hash_equal(call->session, f->session)))
        return ERR_SIGN_IN_STALE;
    if (error && strcmp(error, "access_denied") == 0)
        return ERR_SIGN_IN_DECLINED;
    if (error)
        return err_internal(&call->detail, ERR_PROVIDER_REFUSED, "%s: it says %.100s", provider_code(f->provider), error);
    if (!code || !code[0] || strlen(code) > CODE_MAX)
        return ERR_SIGN_IN_STALE;
    f->code = arena_text(call->arena, code);
    f->iss = call_query(call, "iss");
    return OK;
}

void
sign_in_end(struct call *call)
{
    struct flow *f = arena_alloc(call->arena, sizeof *f);
    enum err err;

    f->provider = providers_find(call->api->providers, call->path_text);
    if (!f->provider) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    err = read_return(call, f);
    call->user = f;
    if (!err)
        err = provider_put(f->provider, call, identify);
    if (err)
        fail(call, f, err);
}

void
providers_list(struct call *call)
{
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < providers_count(call->api->providers); i++) {
        const struct provider *p = providers_at(call->api->providers, i);

        json_open(&call->out, NULL);
        json_text(&call->out, "code", provider_code(p));
        json_text(&call->out, "label", provider_label(p));
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_text(&call->out, "passkeys", call->api->passkeys.id); /* on which site's pages they work; null: nowhere */
    json_shut(&call->out);
    call_reply(call, 200);
}
