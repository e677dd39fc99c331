/* api/passkey_use.c
 * Signing in by a passkey alone, and the second step after a password: by a passkey or by a recovery code.
 *
 * Security: who signs in alone names nobody: the passkey does, and one that nobody has is answered as one that does not
 * verify, after as long. What a passkey says is checked in full before it is told what is wrong with it in our books: its
 * counter, its handle, that it may be copied. The second step is asked for of who gave the right password only. */
#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/question.h"
#include "api/security.h"
#include "api/ways.h"
#include "crypto/recovery.h"
#include "store/second.h"

enum { CLIENT_TRIES = 50, PERSON_TRIES = 200, PAIR_TRIES = 10 }; /* that failed, in five minutes */
enum { HANDLE_MAX = 64 };

struct passkey_answer {
    struct call *call;
    struct question question;
    struct passkey_assertion said;
    struct bytes credential, handle;
    struct passkey passkey;
    struct passkey_used used;
};

/* ---- how often it failed ---------------------------------------------------------------------------------------------- */

/* Of a client; of a person, where that is known, and of both together. The first two have room for many, so that no stranger
 * can keep a person out. */
struct failures {
    char *client, *person, *pair;
};

static struct failures
failures_of(struct call *call, struct uuid person)
{
    const char *client = auth_client(call);
    char whose[UUID_TEXT];

    uuid_text(person, whose);
    return (struct failures){ .client = arena_printf(call->arena, "k:%.60s", client),
                              .person = uuid_is_zero(person) ? NULL : arena_printf(call->arena, "ka:%s", whose),
                              .pair = uuid_is_zero(person) ? NULL : arena_printf(call->arena, "kp:%.60s %s", client, whose) };
}

static enum err
check_failures(struct call *call, const struct failures *f)
{
    struct limiter *l = call->api->limiter;
    int64_t now_ms = monotonic_ms();
    int wait_s = f->pair ? limiter_blocked(l, f->pair, PAIR_TRIES, now_ms) : 0;

    if (!wait_s && f->person)
        wait_s = limiter_blocked(l, f->person, PERSON_TRIES, now_ms);
    if (!wait_s && !call->http->local)
        wait_s = limiter_blocked(l, f->client, CLIENT_TRIES, now_ms);
    call->detail.retry_after_s = wait_s;
    return wait_s ? err_say(&call->detail, ERR_RATE_LIMITED, "Too many sign-ins have failed; try again in %d s.", wait_s) : OK;
}

static void
count_failure(struct call *call, const struct failures *f)
{
    int64_t now_ms = monotonic_ms();

    if (f->pair)
        limiter_count(call->api->limiter, f->pair, now_ms);
    if (f->person)
        limiter_count(call->api->limiter, f->person, now_ms);
    limiter_count(call->api->limiter, f->client, now_ms);
}

/* ---- by a passkey ------------------------------------------------------------------------------------------------------ */

/* The challenge and the count, together. */
static enum err
store_use(struct db *db, void *ctx)
{
    struct passkey_answer *a = ctx;
    enum err err = question_spend(db, &a->question);

    return err ? err : passkeys_use(db, a->passkey.id, a->passkey.count, a->used.count, (a->used.flags & PASSKEY_BACKED_UP) != 0, a->call->now_ms);
}

/* What our books say of one that has verified. Alone its handle must be there: whoever signs in is who it says. */
static enum err
check_books(const struct passkey_answer *a, bool alone)
{
    const struct passkey *p = &a->passkey;
    bool handled = a->handle.len == PASSKEY_HANDLE && memcmp(a->handle.data, p->handle, PASSKEY_HANDLE) == 0;

    if (!handled && (alone || a->handle.len))
        return ERR_PASSKEY_HANDLE;
    if (alone && !p->alone)
        return ERR_PASSKEY_SECOND;
    if (p->may_back_up != ((a->used.flags & PASSKEY_MAY_BACK_UP) != 0))
        return ERR_PASSKEY_BACKUP;
    return (a->used.count || p->count) && a->used.count <= p->count ? ERR_PASSKEY_COPY : OK;
}

/* As the server: who signs in is not known before. person: whose it must be; zero: whoever's. */
static enum err
verify(struct passkey_answer *a, struct uuid person)
{
    struct call *call = a->call;
    const struct passkey_site *site = &call->api->passkeys;
    bool alone = uuid_is_zero(person);
    struct hash asked = question_asked(&a->question);
    struct failures f;
    enum err err = passkeys_find(call->db, a->credential, call->arena, &a->passkey), told;

    if (!err && alone) {
        f = failures_of(call, a->passkey.person);
        err = check_failures(call, &f);
        if (err)
            return err;
    }
    if (err == ERR_NOT_FOUND || (!err && !alone && !uuid_equal(a->passkey.person, person)))
        err = passkey_assertion_nobody(site, asked.b, &a->said, alone);
    else if (!err)
        err = passkey_assertion_check(&a->passkey.key, site, asked.b, &a->said, alone, &a->used);
    if (err == ERR_PASSKEY_SIGNATURE)
        return ERR_PASSKEY_UNKNOWN;
    if (!err)
        err = check_books(a, alone);
    if (err == ERR_PASSKEY_COPY) {
        told = security_tell(call, call->db, a->passkey.person, SECURITY_PASSKEY_REFUSED, a->passkey.name, "");
        return told ? told : err;
    }
    return err ? err : db_tx(call->db, store_use, a);
}

static enum err
check_answer(struct passkey_answer *a, struct uuid person)
{
    struct failures f = failures_of(a->call, person);
    struct db_actor before;
    enum err err = check_failures(a->call, &f);

    if (err)
        return err;
    before = db_act_as(a->call->db, DB_ACTOR_SERVER);
    err = verify(a, person);
    db_act_as(a->call->db, before);
    f = failures_of(a->call, uuid_is_zero(person) ? a->passkey.person : person);
    if (err && err != ERR_RATE_LIMITED && err_status(err) < 500)
        count_failure(a->call, &f);
    return err;
}

void
session_passkey_begin(struct call *call)
{
    struct question q = { .purpose = TO_SIGN_IN };
    enum err err = in_nothing(call);

    if (!err && !call->api->passkeys.id)
        err = ERR_PASSKEYS_OFF;
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    question_ask(call, &q);
    json_shut(&call->out);
    call_reply(call, 200);
}

/* A passkey's answer to a question for this. */
static void
answer(struct call *call, enum question_purpose purpose)
{
    struct passkey_answer a = { .call = call };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *text = in_line(&in, "question", QUESTION_TEXT, call->arena);
    enum err err;

    a.credential = in_answer(&in, "credential", PASSKEY_ID_MAX, call->arena);
    a.said.client = in_answer(&in, "client", PASSKEY_CLIENT_MAX, call->arena);
    a.said.data = in_answer(&in, "data", PASSKEY_DATA_MAX, call->arena);
    a.said.signature = in_answer(&in, "signature", PASSKEY_SIGNATURE_MAX, call->arena);
    if (purpose == TO_SIGN_IN || json_in_has(&in, "handle")) /* keys that keep nothing give none, and do not open alone */
        a.handle = in_answer(&in, "handle", HANDLE_MAX, call->arena);
    err = json_in_close(&in);
    if (!err)
        err = auth_origin(call);
    if (!err && !call->api->passkeys.id)
        err = ERR_PASSKEYS_OFF;
    if (!err)
        err = question_read(call, text, purpose, &a.question);
    if (!err)
        err = check_answer(&a, a.question.person);
    if (!err)
        err = session_begin(call, a.passkey.person);
    if (err)
        call_fail(call, err);
    else
        me_get(call);
}

void
session_passkey(struct call *call)
{
    answer(call, TO_SIGN_IN);
}

/* ---- the second step ----------------------------------------------------------------------------------------------------- */

void
second_ask(struct call *call, struct uuid person)
{
    struct question q = { .purpose = TO_GO_SECOND, .person = person };
    struct db_actor before = db_act_as(call->db, DB_ACTOR_SERVER);
    struct second second = { .codes = 0 };
    struct passkey *list = NULL;
    size_t n = 0;
    enum err err = passkeys_of(call->db, person, call->arena, &list, &n);

    if (!err)
        err = second_of(call->db, person, &second);
    db_act_as(call->db, before);
    json_open(&call->out, NULL);
    question_ask(call, &q);
    json_open_array(&call->out, "known");
    for (size_t i = 0; !err && i < n && call->api->passkeys.id; i++)
        json_base64(&call->out, NULL, list[i].credential);
    json_shut_array(&call->out);
    json_bool(&call->out, "codes", second.codes > 0);
    json_shut(&call->out);
    call_end(call, err, 202);
}

struct taking {
    struct call *call;
    const struct question *question;
    struct hash code;
};

static enum err
store_taking(struct db *db, void *ctx)
{
    const struct taking *t = ctx;
    enum err err = question_spend(db, t->question);

    if (!err)
        err = second_take(db, t->question->person, t->code);
    return err ? err : security_tell(t->call, db, t->question->person, SECURITY_CODE_USED, "", "");
}

static enum err
check_code(struct call *call, const struct question *q, const char *typed)
{
    struct failures f = failures_of(call, q->person);
    struct taking t = { .call = call, .question = q };
    struct db_actor before;
    enum err err = check_failures(call, &f);

    if (err)
        return err;
    before = db_act_as(call->db, DB_ACTOR_SERVER);
    err = recovery_hash(typed, q->person, &t.code) ? db_tx(call->db, store_taking, &t) : ERR_CREDENTIALS;
    db_act_as(call->db, before);
    if (err == ERR_CREDENTIALS) {
        count_failure(call, &f);
        return err_at(&call->detail, err, "/code", "This is none of your recovery codes, or it was used before.");
    }
    return err;
}

void
session_second(struct call *call)
{
    struct question q = { .until_s = 0 };
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *text = in_line(&in, "question", QUESTION_TEXT, call->arena);
    const char *code = in_line(&in, "code", RECOVERY_TYPED_MAX, call->arena);
    enum err err = json_in_close(&in);

    if (!err)
        err = auth_origin(call);
    if (!err)
        err = question_read(call, text, TO_GO_SECOND, &q);
    if (!err)
        err = check_code(call, &q, code);
    if (!err)
        err = session_begin(call, q.person);
    if (err)
        call_fail(call, err);
    else
        me_get(call);
}

void
session_second_passkey(struct call *call)
{
    answer(call, TO_GO_SECOND);
}
