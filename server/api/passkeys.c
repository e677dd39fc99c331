/* api/passkeys.c
 * Passkeys of who is signed in: made with a proof, named, removed, but for the last way in. How they open: api/passkey_use.c. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/question.h"
#include "api/security.h"
#include "api/ways.h"
#include "base/text.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "store/people.h"

enum { PASSKEYS_MOST = 20 };

/* ---- for whom -------------------------------------------------------------------------------------------------------- */

/* What the configuration says, else the address's own name. A number is no name: then there are none, but on this machine,
 * which is localhost, too. */
void
passkeys_prepare(struct api *api)
{
    struct passkey_site *p = &api->passkeys;
    const char *host = strstr(api->base_url, "://");
    size_t len;
    bool number, here;

    host = host ? host + 3 : api->base_url;
    len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    number = host[0] == '[' || strspn(host, "0123456789.") == len;
    here = number && (strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0);
    text_format(api->passkey_host, sizeof api->passkey_host, "%.*s", here ? 9 : (int)len, here ? "localhost" : host);
    text_format(api->passkey_page, sizeof api->passkey_page, "%s%s", here ? "http://localhost" : api->base_url, here ? host + len : "");
    p->id = api->passkey_site[0] ? api->passkey_site : number && !here ? NULL : api->passkey_host;
    p->origins = api->passkey_origins[0] ? api->passkey_origins : api->passkey_page;
}

/* ---- one's own ------------------------------------------------------------------------------------------------------ */

static void
passkey_json(struct json_out *out, const struct passkey *p)
{
    uint8_t cose[PASSKEY_COSE_MAX];

    json_open(out, NULL);
    json_uuid(out, "id", p->id);
    json_text(out, "name", p->name);
    json_base64(out, "credential", p->credential);
    json_base64(out, "cose", BYTES(cose, passkey_cose(&p->key, cose)));
    json_bool(out, "alone", p->alone);
    json_bool(out, "backed_up", p->backed_up);
    json_time(out, "created", p->created_ms);
    json_time(out, "used", p->used_ms);
    json_shut(out);
}

void
me_passkeys(struct call *call)
{
    struct passkey *list = NULL;
    size_t n = 0;
    enum err err = passkeys_of(call->db, call->actor.person, call->arena, &list, &n);

    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n; i++)
        passkey_json(&call->out, &list[i]);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* What the browser needs to make one: for whom, and which of theirs it may not make again. */
static void
reply_wish(struct call *call, const struct passkey *list, size_t n)
{
    struct question q = { .purpose = TO_MAKE, .session = call->session, .person = call->actor.person };
    struct json_out *out = &call->out;

    if (n)
        memcpy(q.handle, list[0].handle, sizeof q.handle);
    else
        random_bytes(q.handle, sizeof q.handle);
    json_open(out, NULL);
    question_ask(call, &q);
    json_open(out, "user");
    json_base64(out, "handle", BYTES(q.handle, sizeof q.handle));
    json_text(out, "name", call->email[0] ? call->email : call->name);
    json_text(out, "display", call->name);
    json_shut(out);
    json_open_array(out, "known");
    for (size_t i = 0; i < n; i++)
        json_base64(out, NULL, list[i].credential);
    json_shut_array(out);
    json_shut(out);
    call_reply(call, 200);
}

void
me_passkey_begin(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    struct passkey *list = NULL;
    size_t n = 0;
    enum err err = json_in_close(&in);

    if (!err && !call->api->passkeys.id)
        err = ERR_PASSKEYS_OFF;
    if (!err)
        err = auth_anew(call, password);
    if (!err)
        err = passkeys_of(call->db, call->actor.person, call->arena, &list, &n);
    if (!err && n >= PASSKEYS_MOST)
        err = ERR_PASSKEYS_MANY;
    if (err)
        call_fail(call, err);
    else
        reply_wish(call, list, n);
}

struct making {
    struct call *call;
    struct question question;
    struct passkey passkey;
};

static enum err
store_passkey(struct db *db, void *ctx)
{
    struct making *m = ctx;
    struct passkey *list;
    struct person p;
    size_t n = 0;
    enum err err = people_lock(db, m->passkey.person, m->call->arena, &p);

    if (!err)
        err = question_spend(db, &m->question);
    if (!err)
        err = passkeys_of(db, m->passkey.person, m->call->arena, &list, &n);
    if (!err && n >= PASSKEYS_MOST)
        err = ERR_PASSKEYS_MANY;
    if (!err && n && memcmp(list[0].handle, m->passkey.handle, PASSKEY_HANDLE) != 0)
        err = ERR_SIGN_IN_STALE; /* another was made meanwhile */
    if (!err)
        err = passkeys_add(db, &m->passkey);
    return err ? err : security_tell(m->call, db, m->passkey.person, SECURITY_PASSKEY_ADDED, m->passkey.name, "");
}

void
me_passkey_make(struct call *call)
{
    struct making m = { .call = call };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *text = in_line(&in, "question", QUESTION_TEXT, call->arena);
    struct bytes client = in_answer(&in, "client", PASSKEY_CLIENT_MAX, call->arena);
    struct bytes object = in_answer(&in, "object", PASSKEY_OBJECT_MAX, call->arena);
    struct passkey_made *made = arena_alloc(call->arena, sizeof *made);
    enum err err;

    m.passkey = (struct passkey){ .id = call_new_id(call), .person = call->actor.person, .created_ms = call->now_ms, .used_ms = call->now_ms };
    m.passkey.name = in_line(&in, "name", PASSKEY_NAME_MAX, call->arena);
    err = json_in_close(&in);
    if (!err && !call->by_session)
        err = ERR_FORBIDDEN;
    if (!err && !call->api->passkeys.id)
        err = ERR_PASSKEYS_OFF;
    if (!err)
        err = question_read(call, text, TO_MAKE, &m.question);
    if (!err)
        err = passkey_made_check(&call->api->passkeys, m.question.challenge, client, object, false, made);
    if (!err) {
        m.passkey.credential = BYTES(made->id, made->id_len);
        m.passkey.key = made->key;
        memcpy(m.passkey.handle, m.question.handle, sizeof m.passkey.handle);
        m.passkey.alone = (made->flags & PASSKEY_VERIFIED) != 0;
        m.passkey.count = made->count;
        m.passkey.may_back_up = (made->flags & PASSKEY_MAY_BACK_UP) != 0;
        m.passkey.backed_up = (made->flags & PASSKEY_BACKED_UP) != 0;
        err = db_tx(call->db, store_passkey, &m);
    }
    if (!err)
        passkey_json(&call->out, &m.passkey);
    call_end(call, err, 201);
}

struct removing {
    struct call *call;
    struct uuid id;
};

static enum err
remove_passkey(struct db *db, void *ctx)
{
    const struct removing *r = ctx;
    struct call *call = r->call;
    struct passkey *list;
    struct person p;
    const char *name = NULL;
    size_t n = 0;
    enum err err = people_lock(db, call->actor.person, call->arena, &p);

    if (!err)
        err = passkeys_of(db, call->actor.person, call->arena, &list, &n);
    for (size_t i = 0; !err && i < n; i++)
        if (uuid_equal(list[i].id, r->id))
            name = list[i].name;
    if (!err && !name)
        err = ERR_NOT_FOUND;
    if (!err)
        err = passkeys_remove(db, r->id, call->actor.person);
    if (!err)
        err = ways_check(call, db, call->actor.person);
    return err ? err : security_tell(call, db, call->actor.person, SECURITY_PASSKEY_REMOVED, name, "");
}

void
me_passkey_remove(struct call *call)
{
    struct removing r = { .call = call, .id = call->path_id };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    enum err err = json_in_close(&in);

    if (!err)
        err = auth_anew(call, password);
    if (!err)
        err = db_tx(call->db, remove_passkey, &r);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

void
me_passkey_rename(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *name = in_line(&in, "name", PASSKEY_NAME_MAX, call->arena);
    enum err err = json_in_close(&in);

    if (!err)
        err = passkeys_rename(call->db, call->path_id, call->actor.person, name);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}
