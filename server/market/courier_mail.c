/* market/courier_mail.c: deliveries to people: letters by SMTP. A few at a time; whatever the mail server does, a letter takes its
 * lane for half a minute at most, and this thread alone. */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "crypto/random.h"
#include "market/courier_ways.h"
#include "market/letter.h"
#include "market/letter_words.h"

enum { LETTER_MS = 30000, REPLIES_MAX = 16384, LETTER_LANES = 2, HOLD_MOST_MS = 30000 };

void
courier_confirm_token(const struct box_key *key, struct uuid id, char ret[COURIER_TOKEN_TEXT])
{
    box_seal(key, "confirm", BYTES(id.b, sizeof id.b), ret);
}

void
courier_stop_token(const struct box_key *key, struct uuid person, enum notices_kind kind, char ret[COURIER_TOKEN_TEXT])
{
    uint8_t whose[sizeof person.b + 1];

    memcpy(whose, person.b, sizeof person.b);
    whose[sizeof person.b] = (uint8_t)kind;
    box_seal(key, "stop", BYTES(whose, sizeof whose), ret);
}

enum err
courier_confirm_open(const struct box_key *key, const char *token, struct uuid *ret)
{
    uint8_t id[sizeof ret->b];
    size_t len = 0;

    if (box_open(key, "confirm", token, id, sizeof id, &len) || len != sizeof id)
        return ERR_NOT_FOUND;
    memcpy(ret->b, id, sizeof id);
    return OK;
}

enum err
courier_stop_open(const struct box_key *key, const char *token, struct uuid *ret_person, enum notices_kind *ret_kind)
{
    uint8_t whose[sizeof ret_person->b + 1];
    size_t len = 0;

    if (box_open(key, "stop", token, whose, sizeof whose, &len) || len != sizeof whose || whose[len - 1] < NOTICES_JOB_ENDED || whose[len - 1] > NOTICES_CHOSEN_LAST)
        return ERR_NOT_FOUND;
    memcpy(ret_person->b, whose, sizeof ret_person->b);
    *ret_kind = (enum notices_kind)whose[len - 1];
    return OK;
}

enum err
courier_mail_check(const struct courier_mail *m, struct arena *a, struct err_detail *d)
{
    if (!m->server[0])
        return m->user[0] || m->password[0] ? err_internal(d, ERR_CONFIG, "mail_user and mail_password_file are for a mail_server") : OK;
    if (!web_mail_url_ok(m->server))
        return err_internal(d, ERR_CONFIG, "mail_server is smtp://HOST:PORT or smtps://HOST:PORT");
    if (!letter_sender(m->from, a))
        return err_internal(d, ERR_CONFIG, "mail_from is not an address, or a name in ASCII with <an address> after it");
    if (!m->user[0] != !m->password[0])
        return err_internal(d, ERR_CONFIG, "mail_user and mail_password_file go together");
    if (m->clear && m->user[0] && !web_mail_url_loopback(m->server))
        return err_internal(d, ERR_CONFIG, "mail_clear would send the password readable to a mail server on another machine");
    return OK;
}

/* The letter as it goes out. */
static struct bytes
compose(const struct courier *c, const struct delivery *d, int64_t now_ms, struct arena *a)
{
    struct letter_links links = { .base_url = c->config.base_url };
    struct letter letter = { .id = d->id, .real_ms = now_ms, .from = c->config.mail.from, .to = d->address, .language = d->language, .stop = "" };
    struct letter_words words;
    char token[COURIER_TOKEN_TEXT];
    const char *text;
    struct uuid id;

    if (d->kind == NOTICES_ADDRESS) {
        if (!uuid_parse(d->subject, &id)) /* it is what mail_want() wrote */
            id = (struct uuid){ { 0 } };
        courier_confirm_token(&c->config.key, id, token);
        links.until_ms = d->created_ms + COURIER_CONFIRM_MS;
    } else {
        courier_stop_token(&c->config.key, d->person, d->kind, token);
        letter.stop = arena_printf(a, "%s/v1/mail/stop?t=%s", c->config.base_url, token);
    }
    links.token = token;
    words = letter_words(d, &links, a);
    letter.subject = words.subject;
    letter.text = words.text;
    text = letter_make(&letter, a);
    random_wipe(token, sizeof token);
    return BYTES_TEXT(text);
}

static bool
begin_letter(struct courier *c, size_t i, struct lane *l)
{
    const struct courier_mail *m = &c->config.mail;
    struct delivery *d = &l->delivery;
    struct arena *a = l->arena;
    const char *sender = letter_sender(m->from, a);
    struct web_letter letter = { .from = sender, .to = arena_text(a, d->address), .user = m->user, .password = m->password, .clear = m->clear };

    if (!m->server[0]) {
        courier_fail(c, d, 0, "No mail server is set.", false);
        return false;
    }
    if (!letter_address_ok(d->address)) {
        courier_fail(c, d, 0, "The address or the kind was given up since, another address was asked for, or the person has left.", true);
        return false;
    }
    web_start(c->web, i, &(struct web_call){ .url = arena_printf(a, "%s/%s", m->server, strchr(sender, '@') + 1), .body = compose(c, d, real_now_ms(), a),
                                             .letter = &letter, .timeout_ms = LETTER_MS, .most = REPLIES_MAX });
    return true;
}

/* What the mail server has against this letter for good is not tried again. What it has against us, or that it is away, holds
 * for all letters: the next ones wait a while. */
static void
judge_letter(struct courier *c, struct lane *l, const struct web_reply *r)
{
    struct delivery *d = &l->delivery;
    char shown[160];

    if (!r->error[0]) {
        courier_taken(c, d, r->status);
        return;
    }
    text_show(shown, sizeof shown, r->error);
    courier_fail(c, d, r->status, arena_text(l->arena, shown), r->refused && r->status >= 500);
    if (!r->refused)
        c->hold_ms = monotonic_ms() + min_i64(c->config.again_ms, HOLD_MOST_MS);
}

const struct courier_way COURIER_LETTERS = { .name = "postman", .letters = true, .lanes = LETTER_LANES, .begin = begin_letter, .judge = judge_letter };
