/* api/question.c */
#include "api/question.h"

#include "api/internal.h"
#include "crypto/random.h"

enum { QUESTION_VERSION = 1, QUESTION_LIFE_S = 300, RAW = 1 + 1 + 8 + PASSKEY_CHALLENGE + 32 + 16 + PASSKEY_HANDLE };

void
question_ask(struct call *call, struct question *q)
{
    uint8_t raw[RAW];
    struct wire_out w = { .at = raw, .end = raw + sizeof raw };
    char text[BOX_TEXT_LEN(sizeof raw)];

    q->until_s = real_now_ms() / 1000 + QUESTION_LIFE_S;
    random_bytes(q->challenge, sizeof q->challenge);
    put_u8(&w, QUESTION_VERSION);
    put_u8(&w, (uint8_t)q->purpose);
    put_i64(&w, q->until_s);
    put_bytes(&w, q->challenge, sizeof q->challenge);
    put_bytes(&w, q->session.b, sizeof q->session.b);
    put_bytes(&w, q->person.b, sizeof q->person.b);
    put_bytes(&w, q->handle, sizeof q->handle);
    box_seal(&call->api->sign_in_key, "passkey", BYTES(raw, sizeof raw), text);
    json_text(&call->out, "question", text);
    json_base64(&call->out, "challenge", BYTES(q->challenge, sizeof q->challenge));
    json_text(&call->out, "site", call->api->passkeys.id);
}

enum err
question_read(struct call *call, const char *text, enum question_purpose purpose, struct question *ret)
{
    uint8_t raw[BOX_MAX], version;
    struct wire_in r = { .at = raw };
    struct question q;
    size_t len = 0;

    if (strlen(text) > QUESTION_TEXT || box_open(&call->api->sign_in_key, "passkey", text, raw, sizeof raw, &len) || len != RAW)
        return ERR_SIGN_IN_STALE;
    r.end = raw + len;
    version = get_u8(&r);
    q.purpose = (enum question_purpose)get_u8(&r);
    q.until_s = get_i64(&r);
    get_bytes(&r, q.challenge, sizeof q.challenge);
    get_bytes(&r, q.session.b, sizeof q.session.b);
    get_bytes(&r, q.person.b, sizeof q.person.b);
    get_bytes(&r, q.handle, sizeof q.handle);
    if (version != QUESTION_VERSION || q.purpose != purpose || real_now_ms() / 1000 > q.until_s ||
        (purpose == TO_MAKE && !hash_equal(q.session, call->session)))
        return ERR_SIGN_IN_STALE;
    *ret = q;
    return OK;
}

struct hash
question_asked(const struct question *q)
{
    static const char TITLE[] = "kontor-question/v1";

    return sha256_of((const struct bytes[]){ BYTES(TITLE, sizeof TITLE), BYTES(q->challenge, sizeof q->challenge) }, 2);
}

enum err
question_spend(struct db *db, const struct question *q)
{
    struct db_actor before = db_act_as(db, DB_ACTOR_SERVER);
    enum err err = passkeys_spend(db, q->challenge, (q->until_s + 1) * 1000);

    db_act_as(db, before);
    return err == ERR_EXISTS ? ERR_SIGN_IN_STALE : err;
}

struct bytes
in_answer(struct json_in *in, const char *name, size_t max, struct arena *a)
{
    uint8_t *room = arena_alloc(a, max);
    size_t len = json_in_base64(in, name, room, max);

    if (!in->err && len == 0)
        json_in_refuse(in, name, ERR_FIELD_RANGE, "This must not be empty.");
    return BYTES(room, len);
}
