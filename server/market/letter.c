/* market/letter.c */
#include "market/letter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/text.h"

enum { ADDRESS_MAX = 254, FROM_MAX = 300, LINE = 57 /* bytes a line of base64: 76 characters */, WORD = 39 /* bytes in an encoded word: a header's line of 76 */, PLAIN_MAX = 60 };

bool
letter_address_ok(const char *address)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *at = strchr(address, '@');
    size_t len = strlen(address);

    if (!at || at == address || strchr(at + 1, '@') || len > ADDRESS_MAX || !at[1] || at[1] == '.' || at[1] == '-' || address[len - 1] == '.')
        return false;
    for (const char *c = address; c < at; c++)
        if (!strchr(PLAIN, *c) && !strchr("!#$%&'*+-/=?^_`{|}~.", *c))
            return false;
    for (const char *c = at + 1; *c; c++)
        if (!strchr(PLAIN, *c) && *c != '-' && *c != '.')
            return false;
    return !strstr(address, "..") && address[0] != '.' && at[-1] != '.' && address[0] != '-';
}

const char *
letter_sender(const char *from, struct arena *a)
{
    const char *open = strchr(from, '<');
    const char *address = from;

    for (const char *c = from; *c; c++)
        if (*c < ' ' || *c > '~')
            return NULL;
    if (open) {
        size_t len = strlen(open);

        if (open[len - 1] != '>')
            return NULL;
        address = arena_textn(a, open + 1, len - 2);
    }
    return strlen(from) <= FROM_MAX && letter_address_ok(address) ? address : NULL;
}

/* What may stand in a header as it is. */
static bool
plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            return false;
    return strlen(text) <= PLAIN_MAX && !strstr(text, "=?");
}

/* RFC 2047, "B": words of at most 75 characters, cut between characters; a blank and a line break between two. */
static const char *
encoded(const char *text, struct arena *a)
{
    const char *ret = "";
    size_t len = strlen(text);

    if (plain(text))
        return text;
    for (size_t at = 0; at < len;) {
        char word[BASE64_LEN(WORD)];
        size_t n = 0;

        while (at + n < len) {
            size_t c = text_utf8_char(text + at + n, len - at - n);

            c = c ? c : 1;
            if (n + c > WORD)
                break;
            n += c;
        }
        base64_encode(BYTES(text + at, n), word);
        ret = arena_printf(a, "%s%s=?UTF-8?B?%s?=", ret, at ? "\r\n " : "", word);
        at += n;
    }
    return ret;
}

static const char *
body_of(const char *text, struct arena *a)
{
    size_t len = strlen(text), lines = len / LINE + 1, used = 0;
    char *ret = arena_alloc(a, lines * (BASE64_LEN(LINE) + 2) + 1);

    ret[0] = '\0';
    for (size_t at = 0; at < len; at += LINE) {
        size_t n = len - at < LINE ? len - at : LINE;

        base64_encode(BYTES(text + at, n), ret + used);
        used += strlen(ret + used);
        memcpy(ret + used, "\r\n", 3);
        used += 2;
    }
    return ret;
}

/* RFC 5322's date, in no locale's words. */
static const char *
date_of(int64_t ms, struct arena *a)
{
    static const char *const DAYS[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const MONTHS[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;

    if (!gmtime_r(&seconds, &t))
        return "Thu, 01 Jan 1970 00:00:00 +0000";
    return arena_printf(a, "%s, %02d %s %d %02d:%02d:%02d +0000", DAYS[t.tm_wday % 7], t.tm_mday, MONTHS[t.tm_mon % 12], t.tm_year + 1900, t.tm_hour,
                        t.tm_min, t.tm_sec);
}

const char *
letter_make(const struct letter *l, struct arena *a)
{
    const char *sender = letter_sender(l->from, a), *stop = "";
    char id[UUID_TEXT];

    uuid_text(l->id, id);
    if (l->stop[0])
        stop = arena_printf(a, "List-Unsubscribe: <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", l->stop);
    return arena_printf(a,
                        "Date: %s\r\nFrom: %s\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n%sMIME-Version: 1.0\r\n"
                        "Content-Language: %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n%s",
                        date_of(l->real_ms, a), l->from, l->to, encoded(l->subject, a), id, sender ? strchr(sender, '@') + 1 : "localhost", stop,
                        l->language, body_of(l->text, a));
}
