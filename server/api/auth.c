/* api/auth.c
 * Who calls: the operator on the unix socket; a person by a session cookie; a person's program by a token; a site's agent by
 * a JWS it signed itself.
 * Security: of a session's or program's token the database has the SHA-256 only. What is known of one is remembered for ten
 * seconds; a sign-out, an ended token or a change of roles or passwords forgets all at once. A program's token is never more
 * than its person is at this moment: it is loaded as that person, and then made less. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/text.h"
#include "crypto/api_token.h"
#include "crypto/random.h"
#include "store/people.h"
#include "store/second.h"
#include "store/sessions.h"
#include "store/tokens.h"

enum {
    REMEMBER_MS = 10000,
    RENEW_MS = 8000, /* from then on one caller asks the database anew; the others need not wait for it */
    REMEMBER_MOST = 20000,
    SESSION_IDLE_MS = 3600000,
    JWS_LIFE_S = 60,
    JWS_SKEW_S = 5,
};

struct known {
    struct actor actor;
    bool second_due;
    char name[CALL_NAME_MAX], email[CALL_EMAIL_MAX];
    struct token_used token;       /* of what is known by a program's */
    int64_t expires_ms, loaded_ms; /* loaded: monotonic */
    bool renewing;                 /* somebody is on the way to the database */
};

struct sessions_cache {
    pthread_mutex_t lock;
    struct map *by_token;
    struct map *heads; /* of agents' tokens that were good, hashed */
    uint64_t forgotten; /* how often: what was read before is not remembered after */
};

struct sessions_cache *
sessions_cache_new(void)
{
    struct sessions_cache *c = xcalloc(1, sizeof *c);

    pthread_mutex_init(&c->lock, NULL);
    c->heads = map_new(sizeof(uint64_t));
    c->by_token = map_new(sizeof(struct hash));
    return c;
}

/* Under the lock. */
static void
forget_all(struct sessions_cache *c)
{
    const void *key;
    void *value;

    for (size_t it = 0; map_next(c->by_token, &it, &key, &value);)
        free(value);
    map_delete(c->by_token);
    c->by_token = map_new(sizeof(struct hash));
}

void
sessions_cache_delete(struct sessions_cache *c)
{
    if (!c)
        return;
    forget_all(c);
    map_delete(c->heads);
    map_delete(c->by_token);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void
sessions_cache_forget(struct sessions_cache *c)
{
    pthread_mutex_lock(&c->lock);
    forget_all(c);
    c->forgotten++;
    pthread_mutex_unlock(&c->lock);
}

void
auth_changed(struct api *api, struct uuid person)
{
    sessions_cache_forget(api->sessions);
    waits_end_streams(api->waits, person);
}

void
auth_new_token(char ret_text[44], struct hash *ret_hash)
{
    uint8_t token[32];

    random_bytes(token, sizeof token);
    base64url_encode(BYTES(token, sizeof token), ret_text);
    random_wipe(token, sizeof token);
    *ret_hash = sha256(BYTES_TEXT(ret_text));
}

void
auth_set_session(struct call *call, struct hash token)
{
    struct hash csrf = sha256_of((const struct bytes[]){ BYTES_TEXT("kontor-csrf/v1"), BYTES(token.b, 32) }, 2);

    call->session = token;
    call->by_session = true;
    base64url_encode(BYTES(csrf.b, sizeof csrf.b), call->csrf_token);
}

static bool
from_memory(struct call *call, struct hash token)
{
    struct sessions_cache *c = call->api->sessions;
    struct known *k;
    int64_t age_ms;
    bool found = false;

    pthread_mutex_lock(&c->lock);
    k = map_get(c->by_token, &token);
    if (k) {
        age_ms = monotonic_ms() - k->loaded_ms;
        found = !call->renews && call->now_ms < k->expires_ms && age_ms < (k->renewing ? REMEMBER_MS : RENEW_MS);
        call->renews = !found;
        k->renewing = k->renewing || call->renews;
    }
    call->forgotten = c->forgotten;
    if (found) {
        call->actor = k->actor;
        call->second_due = k->second_due;
        call->token = k->token;
        memcpy(call->name, k->name, sizeof call->name);
        memcpy(call->email, k->email, sizeof call->email);
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void
remember(struct call *call, struct hash token, int64_t expires_ms)
{
    struct sessions_cache *c = call->api->sessions;
    struct known *k = xcalloc(1, sizeof *k);

    k->actor = call->actor;
    k->second_due = call->second_due;
    k->token = call->token;
    memcpy(k->name, call->name, sizeof k->name);
    memcpy(k->email, call->email, sizeof k->email);
    k->expires_ms = expires_ms;
    k->loaded_ms = monotonic_ms();
    pthread_mutex_lock(&c->lock);
    if (map_count(c->by_token) >= REMEMBER_MOST)
        forget_all(c);
    if (call->forgotten == c->forgotten) {
        free(map_get(c->by_token, &token));
        map_put(c->by_token, &token, k, NULL);
        k = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    free(k);
}

static void
set_roles(struct actor *a, const struct role *roles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct role *r = &roles[i];

        if (r->code == ROLE_CODE_OFFICER)
            a->programme_roles |= ROLE_OFFICER;
        else if (r->code == ROLE_CODE_AUDITOR)
            a->programme_roles |= ROLE_AUDITOR;
        else if (r->code == ROLE_CODE_ADMINISTRATOR)
            a->programme_roles |= ROLE_ADMINISTRATOR;
        else if (r->code == ROLE_CODE_SITE_OPERATOR && a->sites_n < ACTOR_ORGS_MAX)
            a->sites[a->sites_n++] = r->site;
        else if (r->code <= ROLE_CODE_MEMBER && a->orgs_n < ACTOR_ORGS_MAX) {
            a->orgs[a->orgs_n].id = r->organisation;
            a->orgs[a->orgs_n++].owner = r->code == ROLE_CODE_OWNER;
        }
    }
}

enum err
auth_actor_of(struct call *call, struct uuid id, struct actor *ret)
{
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct role *roles;
    size_t n;
    enum err err = roles_of(call->db, id, call->arena, &roles, &n);

    db_act_as(call->db, before);
    if (err)
        return err;
    *ret = (struct actor){ .kind = ACTOR_PERSON, .person = id };
    set_roles(ret, roles, n);
    return OK;
}

/* Does a password alone let in somebody who must have a second step? Then they have no role until they have made it. */
static enum err
drop_what_is_due(struct call *call, const struct person *p, struct actor *a)
{
    bool must = call->api->second_duty && (a->programme_roles & (ROLE_OFFICER | ROLE_ADMINISTRATOR)) != 0 && p->email[0] && p->password_hash[0];
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct second second = { .demanded = false };
    enum err err = must ? second_of(call->db, p->id, &second) : OK;

    db_act_as(call->db, before);
    call->second_due = must && !second.demanded;
    if (call->second_due)
        *a = (struct actor){ .kind = ACTOR_PERSON, .person = a->person };
    return err;
}

enum err
auth_load_person(struct call *call, struct uuid id)
{
    struct actor actor;
    struct person person;
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    enum err err = people_by_id(call->db, id, call->arena, &person);

    db_act_as(call->db, before);
    if (!err)
        err = auth_actor_of(call, id, &actor);
    if (!err)
        err = drop_what_is_due(call, &person, &actor);
    if (err)
        return err == ERR_NOT_FOUND ? ERR_UNAUTHENTICATED : err;
    call->actor = actor;
    text_format(call->name, sizeof call->name, "%s", person.name);
    text_format(call->email, sizeof call->email, "%s", person.email);
    return OK;
}

bool
session_is_idle(const struct call *call, const struct session *s)
{
    return call->now_ms - s->used_ms > call->api->clock.rate * SESSION_IDLE_MS;
}

static enum err
auth_session(struct call *call, bool *ret_worker)
{
    struct hash token = sha256(BYTES_TEXT(call->cookie));
    struct session session;
    enum err err;

    if (from_memory(call, token)) {
        auth_set_session(call, token);
        return OK;
    }
    if (!call->db) {
        *ret_worker = true;
        return ERR_BUSY;
    }
    err = sessions_find(call->db, token, call->now_ms, &session);
    if (!err && session_is_idle(call, &session))
        err = ERR_UNAUTHENTICATED;
    if (!err)
        err = auth_load_person(call, session.person);
    if (!err)
        err = sessions_use(call->db, token, call->now_ms);
    if (err)
        return err;
    auth_set_session(call, token);
    remember(call, token, session.expires_ms);
    return OK;
}

/* What it says after "Bearer ", if that is a program's token by its looks. */
static const char *
bearer_of(const struct call *call)
{
    const char *said = call->authorization;

    return said && strncmp(said, "Bearer " API_TOKEN_PREFIX, 7 + sizeof API_TOKEN_PREFIX - 1) == 0 ? said + 7 : NULL;
}

/* From all that the person may to what the token may on this route. */
static enum err
narrow(struct call *call)
{
    struct actor *a = &call->actor;
    bool belongs = false;

    if (call->route->token == TOKEN_READS)
        return OK;
    if (call->route->token == TOKEN_NEVER)
        return err_say(&call->detail, ERR_FORBIDDEN, "No token may do this: sign in.");
    if (!call->token.writes)
        return err_say(&call->detail, ERR_FORBIDDEN, "This token reads only.");
    for (size_t i = 0; i < a->orgs_n; i++)
        belongs = belongs || uuid_equal(a->orgs[i].id, call->token.organisation);
    *a = (struct actor){ .kind = ACTOR_PERSON, .person = a->person, .orgs_n = belongs };
    a->orgs[0].id = call->token.organisation;
    return OK;
}

static enum err
load_token(struct call *call, struct hash hash)
{
    struct token token;
    enum err err = tokens_find(call->db, hash, call->now_ms, call->arena, &token);

    if (!err)
        err = auth_load_person(call, token.person);
    if (!err)
        err = tokens_use(call->db, token.id, call->now_ms, auth_network(call));
    if (err)
        return err;
    call->token = (struct token_used){ .id = token.id, .writes = token.scope == TOKEN_SCOPE_WRITE, .organisation = token.organisation };
    text_format(call->token.name, sizeof call->token.name, "%s", token.name);
    remember(call, hash, token.expires_ms);
    return OK;
}

/* Whatever is not in force is answered alike: what was never made, is over, or was ended. */
static enum err
auth_token(struct call *call, bool *ret_worker)
{
    struct hash hash;
    enum err err = api_token_read(bearer_of(call), &hash) ? OK : ERR_UNAUTHENTICATED;

    if (err)
        return err;
    if (!from_memory(call, hash)) {
        if (!call->db) {
            *ret_worker = true;
            return ERR_BUSY;
        }
        err = load_token(call, hash);
    }
    return err ? err : narrow(call);
}

struct agent_key {
    struct jws_key key;
    uint64_t index, site;
    bool over; /* it was followed by another, too long ago */
    char code[17], origin[64];
};

/* The key that a token names, if it is one of a site and was not revoked: one that was followed by another is in force for a
 * while, and then over. */
static enum err
find_agent_key(struct call *call, const char *kid, struct agent_key *ret)
{
    const struct state *s;
    const struct key *key;
    const struct site *site;
    int64_t index;
    enum err err = ERR_TOKEN_KEY;

    if (!text_to_i64(kid, 0, INT64_MAX, &index))
        return ERR_TOKEN_KEY;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    key = ledger_key(s->ledger, (uint64_t)index);
    if (key && key->until == NO_INDEX && key->entry.u.key.use == KEY_SITE) {
        site = ledger_site(s->ledger, key->entry.u.key.site);
        if (site) {
            ret->index = (uint64_t)index;
            ret->site = site->index;
            ret->over = call->now_ms >= key->until_ms;
            memcpy(ret->key.public, key->entry.u.key.ed25519, sizeof ret->key.public);
            text_format(ret->key.kid, sizeof ret->key.kid, "%s", kid);
            text_format(ret->code, sizeof ret->code, "%.16s", site->entry.u.site.code);
            text_format(ret->origin, sizeof ret->origin, "%s", s->origin);
            err = OK;
        }
    }
    market_read_unlock(call->api->market);
    return err;
}

/* Its times must hold now, by the real clock. An agent's clock may be up to CLOCK_SKEW_MS ahead or behind: one that is
 * further apart is told so, by what it says itself of its clock, else by its token. A token that is merely old is not. */
static enum err
check_times(struct call *call, int64_t iat, int64_t exp)
{
    int64_t now_ms = real_now_ms(), now = now_ms / 1000, theirs_ms, ahead_ms;

    if (exp > now - JWS_SKEW_S && iat <= now + CLOCK_SKEW_MS / 1000)
        return OK;
    ahead_ms = call->clock && time_parse(call->clock, &theirs_ms) ? theirs_ms - now_ms : iat > now ? (iat - now) * 1000 : 0;
    if (ahead_ms <= CLOCK_SKEW_MS && ahead_ms >= -CLOCK_SKEW_MS)
        return iat > now ? ERR_TOKEN_FUTURE : ERR_TOKEN_EXPIRED;
    clocks_hear(call); /* so that the site's operator sees it, too */
    return err_say(&call->detail, ERR_CLOCK_SKEW, "Your clock is %lld seconds %s ours; %d are tolerated.",
                   (long long)((ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000), ahead_ms < 0 ? "behind" : "ahead of", CLOCK_SKEW_MS / 1000);
}

static enum err
check_claims(struct call *call, const char *claims, size_t len, const struct agent_key *key, uint64_t *ret_instance)
{
    struct json_in in = json_in_open(BYTES(claims, len), NULL);
    const char *iss = json_in_text(&in, "iss", 1, 64);
    const char *aud = json_in_text(&in, "aud", 1, 200);
    int64_t iat = json_in_i64(&in, "iat", 0, INT64_C(1) << 40);
    int64_t exp = json_in_i64(&in, "exp", 0, INT64_C(1) << 40);
    enum err err = OK;

    json_in_text(&in, "jti", 1, 100);
    *ret_instance = (uint64_t)json_in_i64(&in, "ins", 0, INT64_MAX);
    if (in.err)
        err = ERR_TOKEN_MALFORMED;
    else if (strcmp(iss, key->code) != 0)
        err = ERR_TOKEN_SITE;
    else if (strcmp(aud, key->origin) != 0)
        err = ERR_TOKEN_SERVER;
    else if (exp < iat || exp - iat > JWS_LIFE_S)
        err = ERR_TOKEN_LIFE;
    if (json_in_close(&in))
        err = ERR_TOKEN_MALFORMED;
    return err ? err : check_times(call, iat, exp);
}

/* Whom failed attempts count against: behind a proxy on this machine, the client that it names last. Of an IPv6 address
 * the network counts, since each client has all of one. */
const char *
auth_client(struct call *call)
{
    const char *peer = call->http->peer;
    struct in6_addr six;
    char *text = arena_alloc(call->arena, INET6_ADDRSTRLEN);

    if (call->http->local)
        return "local";
    if (call->forwarded && (strcmp(peer, "127.0.0.1") == 0 || strcmp(peer, "::1") == 0 || !peer[0])) {
        const char *last = strrchr(call->forwarded, ',');

        peer = last ? last + 1 : call->forwarded;
        while (*peer == ' ')
            peer++;
    }
    if (inet_pton(AF_INET6, peer, &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six))
        return peer;
    memset(six.s6_addr + 8, 0, 8);
    return inet_ntop(AF_INET6, &six, text, INET6_ADDRSTRLEN);
}

/* The network of it, of which many share one: what is written down of a client says from where, and not who. */
const char *
auth_network(struct call *call)
{
    const char *client = auth_client(call);
    struct in_addr four;
    struct in6_addr six;
    char *text = arena_alloc(call->arena, INET6_ADDRSTRLEN);

    if (inet_pton(AF_INET, client, &four) == 1) {
        four.s_addr &= htonl(0xffffff00u);
        return arena_printf(call->arena, "%s/24", inet_ntop(AF_INET, &four, text, INET6_ADDRSTRLEN));
    }
    if (inet_pton(AF_INET6, client, &six) != 1)
        return strcmp(client, "local") == 0 ? "local" : "";
    memset(six.s6_addr + 6, 0, 10);
    return arena_printf(call->arena, "%s/48", inet_ntop(AF_INET6, &six, text, INET6_ADDRSTRLEN));
}

static uint64_t
share_named(const char *what, struct bytes name)
{
    struct hash h = sha256_of((const struct bytes[]){ BYTES_TEXT(what), name }, 2);
    uint64_t key;

    memcpy(&key, h.b, sizeof key);
    return key;
}

/* What names the key in an agent's token. */
static uint64_t
head_of(const struct call *call)
{
    return share_named("agent ", BYTES(call->authorization, strcspn(call->authorization, ".")));
}

static void
remember_head(struct call *call)
{
    struct sessions_cache *c = call->api->sessions;
    uint64_t head = head_of(call);

    pthread_mutex_lock(&c->lock);
    if (map_count(c->heads) < REMEMBER_MOST && !map_get(c->heads, &head))
        map_put(c->heads, &head, c, NULL);
    pthread_mutex_unlock(&c->lock);
}

uint64_t
auth_share(struct call *call)
{
    struct sessions_cache *c = call->api->sessions;
    struct uuid whose = { { 0 } };
    const struct known *k;
    struct hash token;

    if (call->http->local)
        return share_named("local", BYTES("", 0));
    if (call->authorization && (call->route->who & WHO_AGENT)) {
        uint64_t head = head_of(call);
        bool good;

        pthread_mutex_lock(&c->lock);
        good = map_get(c->heads, &head) != NULL;
        pthread_mutex_unlock(&c->lock);
        if (good) /* anybody can say it: so only together with where it comes from */
            return head ^ share_named("from ", BYTES_TEXT(auth_client(call)));
    } else if (bearer_of(call) ? api_token_read(bearer_of(call), &token) : call->cookie != NULL) {
        if (!bearer_of(call))
            token = sha256(BYTES_TEXT(call->cookie));
        pthread_mutex_lock(&c->lock);
        k = map_get(c->by_token, &token);
        if (k)
            whose = k->actor.orgs_n ? k->actor.orgs[0].id : k->actor.person;
        pthread_mutex_unlock(&c->lock);
    }
    if (!uuid_is_zero(whose))
        return share_named("known ", BYTES(whose.b, sizeof whose.b));
    return share_named("from ", BYTES_TEXT(auth_client(call)));
}

static enum err
auth_agent(struct call *call, bool *ret_worker)
{
    struct agent_key key;
    const char *token = call->authorization;
    char kid[JWS_KID_MAX];
    char *claims = NULL;
    size_t len = 0;
    enum err err;

    if (!token || strncmp(token, "Bearer ", 7) != 0)
        return ERR_UNAUTHENTICATED;
    if (!call->db) {
        *ret_worker = true; /* 80 us: not on a socket thread */
        return ERR_BUSY;
    }
    token += 7;
    err = jws_kid(token, strlen(token), JWS_TYP_AGENT, kid);
    if (!err)
        err = find_agent_key(call, kid, &key);
    if (!err)
        err = jws_verify(token, strlen(token), JWS_TYP_AGENT, &key.key, &claims, &len);
    if (!err && key.over) { /* its owner is told that it is not the site's agent any more, and nobody else is */
        free(claims);
        return err_say(&call->detail, ERR_SPOOL_BEHIND, "Key %s was followed by another one, and its overlap is over.", kid);
    }
    if (err)
        return err;
    call->actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { key.site }, .sites_n = 1 };
    call->agent_key = key.index;
    err = check_claims(call, claims, len, &key, &call->actor.instance);
    free(claims);
    if (!err)
        remember_head(call);
    return err;
}

enum err
auth_call(struct call *call, bool *ret_worker)
{
    enum err err = OK;

    *ret_worker = false;
    call->actor = (struct actor){ .kind = ACTOR_NOBODY };
    if (call->http->local) {
        call->actor.kind = ACTOR_LOCAL;
        memset(call->actor.person.b, 0xff, sizeof call->actor.person.b);
    } else if (call->route->who & WHO_AGENT) {
        err = auth_agent(call, ret_worker);
    } else if (bearer_of(call)) {
        err = auth_token(call, ret_worker); /* also where nobody needs one: who shows a token is told that it is over */
    } else if (call->cookie) {
        err = auth_session(call, ret_worker);
        if (err == ERR_UNAUTHENTICATED && (call->route->who & WHO_PUBLIC))
            err = OK; /* as nobody */
    }
    return err;
}

static bool
same_rights(const struct actor *a, const struct actor *b)
{
    bool same = a->kind == b->kind && uuid_equal(a->person, b->person) && a->programme_roles == b->programme_roles && a->orgs_n == b->orgs_n && a->sites_n == b->sites_n;

    for (size_t i = 0; same && i < a->orgs_n; i++)
        same = uuid_equal(a->orgs[i].id, b->orgs[i].id) && a->orgs[i].owner == b->orgs[i].owner;
    for (size_t i = 0; same && i < a->sites_n; i++)
        same = a->sites[i] == b->sites[i];
    return same;
}

enum err
auth_still(struct call *call, bool surely)
{
    struct actor before = call->actor;
    int64_t began_ms = call->now_ms;
    bool worker;
    enum err err;

    if (before.kind != ACTOR_PERSON)
        return OK;
    call->renews = surely;
    call->now_ms = clock_now(&call->api->clock);
    db_act_as(call->db, DB_ACTOR_SERVER);
    err = auth_call(call, &worker);
    if (!err && !same_rights(&before, &call->actor))
        err = ERR_UNAUTHENTICATED;
    call->now_ms = began_ms;
    call_act(call);
    return err;
}

unsigned
who_of(const struct actor *a)
{
    unsigned who = WHO_PUBLIC;

    if (a->kind == ACTOR_AGENT)
        return who | WHO_AGENT;
    if (a->kind == ACTOR_LOCAL)
        return who | WHO_SESSION | WHO_OFFICER | WHO_AUDITOR | WHO_ADMINISTRATOR | WHO_SITE_OPERATOR;
    if (a->kind != ACTOR_PERSON)
        return who;
    who |= WHO_SESSION;
    for (size_t i = 0; i < a->orgs_n; i++)
        who |= a->orgs[i].owner ? WHO_OWNER : WHO_MEMBER;
    if (a->programme_roles & ROLE_OFFICER)
        who |= WHO_OFFICER;
    if (a->programme_roles & ROLE_AUDITOR)
        who |= WHO_AUDITOR;
    if (a->programme_roles & ROLE_ADMINISTRATOR)
        who |= WHO_ADMINISTRATOR;
    if (a->sites_n)
        who |= WHO_SITE_OPERATOR;
    return who;
}

/* The request comes from our own pages: the browser's Origin is the base URL's, or that of the address it was sent to. */
enum err
auth_origin(struct call *call)
{
    const char *origin = call->origin;

    if (!origin || call->http->local || strcmp(origin, call->api->base_url) == 0)
        return OK;
    if (call->host && strncmp(origin, "http://", 7) == 0 && !call->api->https && strcmp(origin + 7, call->host) == 0)
        return OK;
    return ERR_CSRF;
}

enum err
auth_csrf(struct call *call)
{
    if (!call->by_session)
        return OK;
    if (!call->csrf || strlen(call->csrf) != strlen(call->csrf_token) ||
        !random_equal(call->csrf, call->csrf_token, strlen(call->csrf_token)))
        return ERR_CSRF;
    return OK;
}
