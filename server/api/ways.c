/* api/ways.c: the ways in, taken together; and the second step: demanded, waived, the codes made anew. */
#include "api/ways.h"

#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/security.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "crypto/recovery.h"
#include "store/identities.h"
#include "store/passkeys.h"
#include "store/people.h"
#include "store/second.h"

enum { CODES = 10 };

enum err
ways_check(struct call *call, struct db *db, struct uuid person)
{
    struct identity *identities;
    struct passkey *passkeys;
    struct person p;
    struct second second = { .demanded = false };
    size_t known = 0, n = 0;
    bool open;
    enum err err = people_by_id(db, person, call->arena, &p);

    if (!err)
        err = identities_of(db, person, call->arena, &identities, &known);
    if (!err)
        err = passkeys_of(db, person, call->arena, &passkeys, &n);
    if (!err)
        err = second_of(db, person, &second);
    if (err)
        return err;
    open = known > 0 || (p.email[0] && p.password_hash[0] && (!second.demanded || n > 0 || second.codes > 0));
    for (size_t i = 0; i < n; i++)
        open = open || passkeys[i].alone;
    return open ? OK : ERR_LAST_WAY_IN;
}

enum err
ways_clear(struct db *db, struct uuid person)
{
    enum err err = passkeys_remove_of(db, person);

    if (!err)
        err = second_waive(db, person);
    return err ? err : second_codes(db, person, NULL, 0);
}

/* ---- the second step -------------------------------------------------------------------------------------------------- */

static void
reply_second(struct call *call, enum err err, const struct second *s)
{
    json_open(&call->out, NULL);
    json_bool(&call->out, "demanded", s->demanded);
    json_i64(&call->out, "codes", s->codes);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
me_second(struct call *call)
{
    struct second s = { .demanded = false };
    enum err err = second_of(call->db, call->actor.person, &s);

    reply_second(call, err, &s);
}

struct setting {
    struct call *call;
    bool demanded;
    struct second after;
};

static enum err
store_setting(struct db *db, void *ctx)
{
    struct setting *s = ctx;
    struct uuid who = s->call->actor.person;
    struct second before = { .demanded = false };
    struct passkey *list;
    struct person p;
    size_t n = 0;
    enum err err = people_lock(db, who, s->call->arena, &p);

    if (!err)
        err = second_of(db, who, &before);
    if (!err)
        err = passkeys_of(db, who, s->call->arena, &list, &n);
    if (!err && s->demanded && n == 0 && before.codes == 0)
        err = ERR_SECOND_NONE;
    if (!err)
        err = s->demanded ? second_demand(db, who, s->call->now_ms) : second_waive(db, who);
    s->after = (struct second){ .demanded = s->demanded, .codes = before.codes };
    if (err || before.demanded == s->demanded)
        return err;
    return security_tell(s->call, db, who, s->demanded ? SECURITY_SECOND_DEMANDED : SECURITY_SECOND_WAIVED, "", "");
}

void
me_second_set(struct call *call)
{
    struct setting s = { .call = call };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    enum err err;

    s.demanded = json_in_bool(&in, "demanded");
    err = json_in_close(&in);
    if (!err)
        err = auth_anew(call, password);
    if (!err)
        err = db_tx(call->db, store_setting, &s);
    if (!err)
        auth_changed(call->api, call->actor.person);
    reply_second(call, err, &s.after);
}

/* ---- recovery codes ------------------------------------------------------------------------------------------------------ */

struct codes {
    struct call *call;
    struct hash hash[CODES];
};

static enum err
store_codes(struct db *db, void *ctx)
{
    const struct codes *c = ctx;
    struct uuid who = c->call->actor.person;
    struct person p;
    enum err err = people_lock(db, who, c->call->arena, &p);

    if (!err)
        err = second_codes(db, who, c->hash, CODES);
    return err ? err : security_tell(c->call, db, who, SECURITY_CODES_MADE, "", "");
}

void
me_codes_make(struct call *call)
{
    struct codes c = { .call = call };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    char text[CODES][RECOVERY_TEXT];
    enum err err = json_in_close(&in);

    if (!err)
        err = auth_anew(call, password);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_open_array(&call->out, "codes");
    for (size_t i = 0; i < CODES && !err; i++) {
        recovery_make(text[i]);
        err = recovery_hash(text[i], call->actor.person, &c.hash[i]) ? OK : ERR_INTERNAL;
        json_text(&call->out, NULL, text[i]);
    }
    json_shut_array(&call->out);
    json_shut(&call->out);
    random_wipe(text, sizeof text);
    if (!err)
        err = db_tx(call->db, store_codes, &c);
    call_end(call, err, 201);
}
