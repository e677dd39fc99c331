/* market/letter_words.c */
#include "market/letter_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

/* What stands between thousands and before decimals, as web/lib/format.js has it by the locale. */
static const struct locale { const char *language, *group, *decimal; int least; } LOCALES[] = {
    { "en", ",", ".", 4 },
    { "fr", "\u202f", ",", 4 },
    { "de", ".", ",", 4 },
    { "es", ".", ",", 5 }, /* digits: fewer stand together */
    { "it", ".", ",", 4 },
    { "fi", "\u00a0", ",", 4 },
    { "sv", "\u00a0", ",", 4 },
    { "el", ".", ",", 4 },
};

static const struct { const char *language, *key, *text; } WORDS[] = {
#define W(language, key, text) { language, key, text },
#include "market/letter_words.inc"
#undef W
};

enum { PARAMS_MAX = 12 };
struct filling {
    const char *language;
    struct arena *arena;
    struct { const char *name, *text; } params[PARAMS_MAX];
    size_t n;
};

static void
put(struct filling *f, const char *name, const char *text)
{
    if (f->n < PARAMS_MAX) {
        f->params[f->n].name = name;
        f->params[f->n++].text = text;
    }
}

/* NULL: the language does not have it. */
static const char *
word(const char *language, const char *key)
{
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strcmp(WORDS[i].language, language) == 0 && strcmp(WORDS[i].key, key) == 0)
            return WORDS[i].text;
    return NULL;
}

/* The text of a key with its {names} filled in; NULL: there is none, or a name of it is not known. */
static const char *
say(const struct filling *f, const char *key)
{
    const char *rest = word(f->language, key), *ret = "", *open;

    while (rest && (open = strchr(rest, '{')) != NULL) {
        size_t len = strcspn(open + 1, "}"), i = 0;

        while (i < f->n && (strlen(f->params[i].name) != len || strncmp(f->params[i].name, open + 1, len) != 0))
            i++;
        if (i == f->n || open[1 + len] != '}')
            return NULL;
        ret = arena_printf(f->arena, "%s%.*s%s", ret, (int)(open - rest), rest, f->params[i].text);
        rest = open + len + 2;
    }
    return rest ? arena_printf(f->arena, "%s%s", ret, rest) : NULL;
}

static const char *
whole(const struct filling *f, int64_t n)
{
    const struct locale *l = LOCALES;
    const char *ret = "";
    char digits[TEXT_I64];
    size_t len = text_i64(n, digits);

    for (size_t i = 0; i < sizeof LOCALES / sizeof LOCALES[0]; i++)
        if (strcmp(LOCALES[i].language, f->language) == 0)
            l = &LOCALES[i];
    for (size_t i = 0; i < len; i++)
        ret = arena_printf(f->arena, "%s%s%c", ret, i > 0 && (len - i) % 3 == 0 && (int)len >= l->least ? l->group : "", digits[i]);
    return ret;
}

/* What a job costs: whole credits, but with their thousandths where these make the difference. */
static const char *
price(const struct filling *f, int64_t gpums)
{
    const char *decimal = ".";

    if (gpums >= INT64_C(100) * 3600000)
        return whole(f, gpums / 3600000 + (gpums % 3600000 >= 1800000));
    for (size_t i = 0; i < sizeof LOCALES / sizeof LOCALES[0]; i++)
        if (strcmp(LOCALES[i].language, f->language) == 0)
            decimal = LOCALES[i].decimal;
    return arena_printf(f->arena, "%" PRId64 "%s%03d", gpums / 3600000, decimal, (int)(gpums / 3600 % 1000));
}

/* Rounded; forecasts above a thousand go to tens. */
static const char *
about(const struct filling *f, int64_t gpums)
{
    int64_t step = gpums >= INT64_C(1000) * 3600000 ? 10 : 1, unit = INT64_C(3600000) * step;

    return whole(f, (gpums / unit + (gpums % unit >= unit / 2)) * step);
}

static const char *
when(struct arena *a, int64_t ms)
{
    char text[TIME_TEXT];

    time_text(ms, text);
    return arena_printf(a, "%.10s %.5s UTC", text, text + 11);
}

/* What the event's facts say. Returns their "how", "" if there is none. */
static const char *
read_facts(struct filling *f, const char *facts)
{
    struct err_detail ignored = { .text = "" };
    struct json_in in = json_in_open(BYTES_TEXT(facts), &ignored);
    const char *how = arena_text(f->arena, json_in_text_or(&in, "how", 60, "")), *name = arena_text(f->arena, json_in_text_or(&in, "name", 200, "")),
               *site = arena_text(f->arena, json_in_text_or(&in, "site", 60, ""));
    int64_t time_ms = json_in_time_or(&in, "time", -1), until_ms = json_in_time_or(&in, "until", -1), grant = json_in_i64_or(&in, "grant", 0, INT64_MAX, -1);
    int64_t gpums;

    if (name[0])
        put(f, "name", name);
    if (site[0])
        put(f, "site", site);
    if (time_ms >= 0)
        put(f, "time", when(f->arena, time_ms));
    if (until_ms >= 0)
        put(f, "until", when(f->arena, until_ms));
    if (grant >= 0)
        put(f, "grant", arena_printf(f->arena, "%" PRId64, grant));
    if (json_in_has(&in, "amount_gpums")) {
        gpums = json_in_gpums(&in, "amount_gpums", 0, INT64_MAX);
        put(f, "amount", price(f, gpums));
        put(f, "about", about(f, gpums));
    }
    if (json_in_has(&in, "free_gpums")) {
        gpums = json_in_gpums(&in, "free_gpums", 0, INT64_MAX);
        put(f, "free", whole(f, gpums / 3600000 + (gpums % 3600000 >= 1800000)));
    }
    json_in_loose(&in);
    return json_in_close(&in) ? "" : how;
}

/* The host of the pages' address, as a name of this server. */
static const char *
server_name(const char *base_url, struct arena *a)
{
    const char *host = strstr(base_url, "://");

    return arena_textn(a, host ? host + 3 : base_url, strcspn(host ? host + 3 : base_url, "/"));
}

static struct letter_words
confirming(struct filling *f, const struct letter_links *l)
{
    struct letter_words ret;

    put(f, "server", server_name(l->base_url, f->arena));
    put(f, "time", when(f->arena, l->until_ms));
    ret.subject = say(f, "letter.confirm.subject");
    ret.text = arena_printf(f->arena, "%s\n\n%s/%s/mail#confirm.%s\n\n%s\n", say(f, "letter.confirm.text"), l->base_url, f->language, l->token,
                            say(f, "letter.confirm.else"));
    return ret;
}

struct letter_words
letter_words(const struct delivery *d, const struct letter_links *l, struct arena *a)
{
    struct filling f = { .language = word(d->language, "letter.why") ? d->language : "en", .arena = a };
    const char *kind = notices_word(d->kind), *how, *sentence, *name = NULL, *title;
    struct letter_words ret;

    if (d->kind == NOTICES_ADDRESS)
        return confirming(&f, l);
    how = read_facts(&f, d->facts);
    for (size_t i = 0; i < f.n; i++)
        if (strcmp(f.params[i].name, "name") == 0)
            name = f.params[i].text;
    title = say(&f, arena_printf(a, "notices.kind.%s", kind));
    sentence = say(&f, arena_printf(a, "notices.%s.%s", kind, how));
    if (!sentence)
        sentence = say(&f, arena_printf(a, "notices.%s", kind));
    if (!title || !sentence) { /* newer than the words */
        ret.subject = d->title;
        title = d->title;
        sentence = d->text;
    } else {
        ret.subject = name ? arena_printf(a, "%s: %s", title, name) : title;
    }
    put(&f, "kind", title);
    put(&f, "link", arena_printf(a, "%s/%s/mail#stop.%s", l->base_url, f.language, l->token));
    ret.text = arena_printf(a, "%s\n\n%s/%s%s\n\n-- \n%s\n%s: %s/%s/me\n%s\n", sentence, l->base_url, f.language, d->link, say(&f, "letter.why"),
                            say(&f, "notices.choose"), l->base_url, f.language, say(&f, "letter.stop"));
    return ret;
}
