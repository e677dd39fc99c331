/* api/mail.c: letters: the address that one wants them at, which a link in a first letter confirms; the links in letters, which
 * open without signing in; one's language; and what did not go out, for administrators. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/security.h"
#include "crypto/password.h"
#include "market/courier.h"
#include "market/letter.h"
#include "store/deliveries.h"
#include "store/mail.h"

enum { FAILURES_MOST = 50 };

static bool
offered(const struct call *call)
{
    return call->api->mail_server[0] != '\0';
}

static void
reply_mail(struct call *call, enum err err)
{
    struct mail_address m = { .address = "", .wanted = "" };
    const char *fault = "";
    int64_t now_ms = real_now_ms();

    if (!err)
        err = mail_find(call->db, call->actor.person, call->arena, &m);
    if (!err)
        err = mail_fault(call->db, call->actor.person, now_ms - MAIL_AGAIN_MS, call->arena, &fault);
    json_open(&call->out, NULL);
    json_bool(&call->out, "offered", offered(call));
    json_text(&call->out, "address", m.address);
    json_text(&call->out, "wanted", m.wanted_until_ms > now_ms ? m.wanted : "");
    json_text(&call->out, "fault", fault);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
me_mail(struct call *call)
{
    reply_mail(call, OK);
}

static enum err
store_wanted(struct db *db, void *ctx)
{
    return mail_want(db, ctx);
}

/* POST /v1/me/mail: a letter goes there, and nothing more until its link was opened.
 * Security: proved as a new way in is: whoever has the session alone has no letters sent to where they read them. */
void
me_mail_ask(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    int64_t now_ms = real_now_ms();
    struct mail_asking asking = { .person = call->actor.person, .id = call_new_id(call), .event = call_new_id(call), .delivery = call_new_id(call),
                                  .until_ms = now_ms + COURIER_CONFIRM_MS, .real_ms = now_ms, .now_ms = call->now_ms };
    const char *password;
    enum err err;

    asking.wanted = in_line(&in, "address", MAIL_ADDRESS_MAX, call->arena);
    if (!in.err && !letter_address_ok(asking.wanted))
        json_in_refuse(&in, "address", ERR_FIELD_INVALID, "It must be an e-mail address in plain letters, such as ines@brisa.example.");
    password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    err = json_in_close(&in);
    if (!err && !offered(call))
        err = err_say(&call->detail, ERR_STATE, "This server sends no letters.");
    if (!err)
        err = auth_anew(call, password);
    if (!err)
        err = db_tx(call->db, store_wanted, &asking);
    if (err == ERR_RATE_LIMITED)
        err = err_say(&call->detail, err, "%d letters went out within an hour to confirm an address: wait for one of them.", MAIL_ASKED_MAX);
    if (err)
        call_fail(call, err);
    else
        reply_mail(call, OK);
}

static enum err
remove_address(struct db *db, void *ctx)
{
    const struct call *call = ctx;

    return mail_remove(db, call->actor.person, real_now_ms());
}

void
me_mail_remove(struct call *call)
{
    enum err err = db_tx(call->db, remove_address, call);

    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

/* ---- links ------------------------------------------------------------------------------------------------------------- */

struct confirming {
    struct call *call;
    struct uuid id;
};

static enum err
store_confirmed(struct db *db, void *ctx)
{
    struct confirming *c = ctx;
    struct uuid person;
    enum err err = mail_confirm(db, c->id, real_now_ms(), &person);

    return err ? err : security_tell(c->call, db, person, SECURITY_ADDRESS_CONFIRMED, "", "");
}

/* POST /v1/mail/confirm.
 * Security: whoever has the link has read the letter, and it opens what was asked for by who was signed in. */
void
mail_confirm_post(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *token = json_in_text(&in, "token", 1, COURIER_TOKEN_TEXT);
    struct confirming c = { .call = call };
    enum err opened = in.err ? OK : courier_confirm_open(&call->api->mail_key, token, &c.id), err = json_in_close(&in);

    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = opened;
    if (!err)
        err = db_tx(call->db, store_confirmed, &c);
    if (err == ERR_NOT_FOUND)
        err = err_say(&call->detail, ERR_INVITATION, "This link was used, is too old, or another was asked for since.");
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

static enum err
read_stop(struct call *call, struct uuid *person, enum notices_kind *kind)
{
    static const char *const NAMES[] = { "t", NULL };
    const char *token = call_query(call, "t");
    enum err err = call_query_only(call, NAMES);

    if (!err && (!token || courier_stop_open(&call->api->mail_key, token, person, kind)))
        err = err_say(&call->detail, ERR_QUERY_INVALID, "This is no link of a letter of ours.");
    return err;
}

/* POST /v1/mail/stop?t=…: also by a mail program's own button (RFC 8058), whose body says nothing that we need.
 * Security: the link is in nobody else's letters, and ends letters of one kind to one person. */
void
mail_stop(struct call *call)
{
    struct uuid person;
    enum notices_kind kind;
    enum err err = read_stop(call, &person, &kind);

    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = notices_stop_mail(call->db, person, kind);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

/* GET of the same, from a mail program that opens it as a page: nothing is ended by looking, as scanners of letters do. */
void
mail_stop_page(struct call *call)
{
    struct http_response *r;
    struct uuid person;
    enum notices_kind kind;
    enum err err = read_stop(call, &person, &kind);

    if (err) {
        call_fail(call, err);
        return;
    }
    r = http_response(303, NULL, "", 0, HTTP_FOREVER);
    response_guard(r, call->api->https);
    http_response_header(r, "Cache-Control", "no-store");
    http_response_header(r, "Location", arena_printf(call->arena, "/en/mail#stop.%s", call_query(call, "t")));
    call_reply_response(call, r);
}

/* ---- one's language ------------------------------------------------------------------------------------------------------ */

void
mail_language_cookie(struct call *call, const char *language)
{
    call->language_cookie = arena_printf(call->arena, "kontor-language=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", language,
                                         language[0] ? 31536000 : 0, call->api->https ? "; Secure" : "");
}

/* POST /v1/me/language: of letters, and of the first page; null: the browser's. */
void
me_language(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *language = json_in_has(&in, "language") ? MAIL_LANGUAGES[json_in_choice(&in, "language", MAIL_LANGUAGES)] : "";
    enum err err = json_in_close(&in);

    if (!err)
        err = mail_language_choose(call->db, call->actor.person, language);
    if (err) {
        call_fail(call, err);
        return;
    }
    mail_language_cookie(call, language);
    call_reply_empty(call, 204);
}

/* ---- what did not go out -------------------------------------------------------------------------------------------------- */

static void
failure_json(struct json_out *out, const struct mail_failure *f)
{
    json_open(out, NULL);
    json_uuid(out, "id", f->id);
    json_text(out, "person", f->person);
    json_text(out, "state", f->given_up ? "given-up" : "waits");
    json_i64(out, "tries", f->tries);
    json_i64(out, "status", f->status);
    json_text(out, "why", f->why);
    json_time(out, "created", f->created_ms);
    if (!f->given_up)
        json_time(out, "next", f->next_ms);
    json_shut(out);
}

/* GET /v1/mail: what waits, since when, and the newest that were given up or tried in vain, within a week.
 * Security: the route is administrators'; who reads sees names and the mail server's words, no letters. */
void
mail_state(struct call *call)
{
    struct deliveries_figures f = { .waiting = 0 };
    struct mail_failure *list = NULL;
    size_t n = 0;
    enum err err;

    db_act_as(call->db, DB_ACTOR_SERVER);
    err = deliveries_count(call->db, true, &f);
    if (!err)
        err = mail_failures(call->db, real_now_ms() - MAIL_AGAIN_MS, FAILURES_MOST, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_bool(&call->out, "offered", offered(call));
    json_i64(&call->out, "waiting", f.waiting);
    json_i64(&call->out, "given_up", f.given_up);
    if (f.oldest_ms)
        json_time(&call->out, "oldest", f.oldest_ms);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++)
        failure_json(&call->out, &list[i]);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* POST /v1/mail/again: what was given up within a week is tried again.
 * Security: the route is administrators'. */
void
mail_again_post(struct call *call)
{
    int64_t now_ms = real_now_ms(), n = 0;
    enum err err = in_nothing(call);

    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = mail_again(call->db, now_ms - MAIL_AGAIN_MS, now_ms, &n);
    json_open(&call->out, NULL);
    json_i64(&call->out, "again", n);
    json_shut(&call->out);
    call_end(call, err, 200);
}
