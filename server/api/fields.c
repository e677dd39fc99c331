/* api/fields.c */
#include "api/fields.h"

#include <assert.h>

#include "base/text.h"
#include "core/organisation.h"
#include "crypto/password.h"

#define GPUMS_PER_MILLICREDIT 3600
enum { CREDITS_DIGITS = 12 };

int64_t
in_credits(struct json_in *in, const char *name)
{
    const char *text = json_in_text(in, name, 1, 24);
    size_t whole = strspn(text, "0123456789");
    const char *rest = text + whole;
    size_t places = rest[0] == '.' ? strspn(rest + 1, "0123456789") : 0;
    int64_t milli = 0;

    if (in->err)
        return 0;
    if (whole == 0 || whole > CREDITS_DIGITS || (rest[0] == '.' && (places == 0 || places > 3)) ||
        rest[rest[0] == '.' ? places + 1 : 0] != '\0') {
        json_in_refuse(in, name, ERR_FIELD_INVALID, "Credits are a decimal number with at most three places.");
        return 0;
    }
    for (size_t i = 0; i < whole; i++)
        milli = milli * 10 + (text[i] - '0');
    for (size_t i = 0; i < 3; i++)
        milli = milli * 10 + (i < places ? rest[1 + i] - '0' : 0);
    if (milli == 0)
        json_in_refuse(in, name, ERR_FIELD_RANGE, "More than nothing is needed.");
    return milli * GPUMS_PER_MILLICREDIT;
}

static void
refuse_unplain(struct json_in *in, const char *name, const char *text)
{
    if (!in->err && !text_is_plain(text, strlen(text)))
        json_in_refuse(in, name, ERR_FIELD_INVALID,
                       "There are characters in it that cannot be seen or that turn the direction of the text.");
}

const char *
in_line_or_none(struct json_in *in, const char *name, size_t max, struct arena *a)
{
    char *text = arena_text(a, json_in_text(in, name, 0, max));

    if (in->err)
        return "";
    if (!text_is_line(text) || text_has_blank_ends(text, strlen(text))) {
        json_in_refuse(in, name, ERR_FIELD_INVALID,
                       "This is one line without control characters or blanks at its ends.");
        return "";
    }
    refuse_unplain(in, name, text);
    return text;
}

const char *
in_line(struct json_in *in, const char *name, size_t max, struct arena *a)
{
    const char *text = in_line_or_none(in, name, max, a);

    if (!in->err && !text[0])
        json_in_refuse(in, name, ERR_FIELD_RANGE, "This must not be empty.");
    return text;
}

const char *
in_prose(struct json_in *in, const char *name, size_t max, struct arena *a)
{
    char *text = text_trim(arena_text(a, json_in_text(in, name, 1, max)));

    if (!in->err && !text[0])
        json_in_refuse(in, name, ERR_FIELD_INVALID, "Some words are needed.");
    for (const char *p = text; *p && !in->err; p++)
        if ((unsigned char)*p < 0x20 && !strchr("\n\r\t", *p))
            json_in_refuse(in, name, ERR_FIELD_INVALID, "There are control characters in it.");
    refuse_unplain(in, name, text);
    return text;
}

/* ISO 3166-1, alpha-2, as of 2024; XK (Kosovo) as the Union uses it. */
static const char COUNTRIES[] =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD "
    "CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF "
    "GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA "
    "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
    "SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS XK YE YT ZA ZM ZW ";

bool
is_country(const char *code)
{
    for (const char *c = COUNTRIES; *c; c += 3)
        if (strlen(code) == 2 && memcmp(c, code, 2) == 0)
            return true;
    return false;
}

const char *
in_country(struct json_in *in, const char *name, struct arena *a)
{
    const char *text = arena_text(a, json_in_text(in, name, 2, 2));

    if (!in->err && !is_country(text))
        json_in_refuse(in, name, ERR_FIELD_INVALID, "This is no country: two capital letters of ISO 3166, as ES.");
    return text;
}

bool
is_code(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 15 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && text[0] != '-';
}

const char *
in_code(struct json_in *in, const char *name, struct arena *a)
{
    const char *text = arena_text(a, json_in_text(in, name, 1, 15));

    if (!in->err && !is_code(text))
        json_in_refuse(in, name, ERR_FIELD_INVALID, "A code has small letters, digits and dashes.");
    return text;
}

const char *
in_email(struct json_in *in, const char *name, struct arena *a)
{
    const char *text = arena_text(a, json_in_text(in, name, 3, 254));
    const char *at = strchr(text, '@');

    if (!in->err && (!at || at == text || !at[1] || strchr(at + 1, '@') || !text_is_line(text) || strchr(text, ' ')))
        json_in_refuse(in, name, ERR_FIELD_INVALID, "This is not an e-mail address.");
    refuse_unplain(in, name, text);
    return text;
}

const char *
in_new_password(struct json_in *in, const char *name, const char *whose, const char *email, struct arena *a)
{
    const char *text = arena_text(a, json_in_text(in, name, PASSWORD_MIN, PASSWORD_MAX));

    if (!in->err && password_is_guessable(text, arena_printf(a, "%s %s", whose, email)))
        json_in_refuse(in, name, ERR_FIELD_INVALID,
                       "This password is among those that are guessed first. Take some words that have nothing to do with each other.");
    return text;
}

uint64_t
in_index(struct json_in *in, const char *name)
{
    return (uint64_t)json_in_i64(in, name, 0, INT64_MAX);
}

uint16_t
in_classes(struct json_in *in, const char *name)
{
    size_t n = json_in_array(in, name, ORGANISATION_CLASSES);
    unsigned classes = 0;

    for (size_t i = 0; i < n && !in->err; i++) {
        const char *word = json_in_array_text(in, name, i, 16);
        int class = 0;

        if (in->err)
            break;
        while (class < ORGANISATION_CLASSES && strcmp(word, ORGANISATION_CLASS_WORDS[class]) != 0)
            class++;
        if (class == ORGANISATION_CLASSES)
            json_in_refuse(in, name, ERR_FIELD_INVALID, "“%s” is no class of organisation: start-up, sme or research.", word);
        else
            classes |= ORGANISATION_BIT(class);
    }
    return (uint16_t)classes;
}

void
classes_json(struct json_out *out, const char *name, uint16_t classes)
{
    json_open_array(out, name);
    for (int i = 0; i < ORGANISATION_CLASSES; i++)
        if (classes & ORGANISATION_BIT(i))
            json_text(out, NULL, ORGANISATION_CLASS_WORDS[i]);
    json_shut_array(out);
}

void
in_officers(struct json_in *in, struct officer_in ret[2], struct arena *a)
{
    size_t n;

    ret[0] = ret[1] = (struct officer_in){ "", "" };
    if (!json_in_has(in, "officers"))
        return;
    n = json_in_array(in, "officers", 2);
    if (!in->err && n != 2)
        json_in_refuse(in, "officers", ERR_FIELD_INVALID, "Two officers sign.");
    for (size_t i = 0; i < 2; i++) {
        if (in->err)
            continue;
        struct json_in one = json_in_array_object(in, "officers", i);

        ret[i].email = in_email(&one, "email", a);
        ret[i].password = arena_text(a, json_in_text(&one, "password", 1, PASSWORD_MAX));
        if (json_in_close(&one))
            return;
    }
}

void
field_text(char *ret, size_t size, const char *text)
{
    size_t len = strlen(text);

    assert(len <= size);
    memset(ret, 0, size);
    memcpy(ret, text, len);
}

enum err
in_nothing(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);

    return json_in_close(&in);
}
