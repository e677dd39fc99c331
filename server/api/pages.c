/* api/pages.c */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/pages.h"
#include "base/arena.h"
#include "base/text.h"

#define FILE_MAX  (8 << 20) /* bytes of one file */
#define PAGES_MAX 4096
#define COLUMNS   6

/* No unsafe-*, no third party, no markup from text: what a page may do at all. */
static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self';"
    " worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'";

enum encoding { PLAIN, GZIP, BROTLI, ENCODINGS };
static const char *const SUFFIX[ENCODINGS] = { "", ".gz", ".br" };
static const char *const TOKEN[ENCODINGS] = { NULL, "gzip", "br" };

enum rule { IMMUTABLE, ROUTE, SHELL, RULES };
static const char *const RULE[RULES] = { "immutable", "route", "shell" };

struct page {
    char *path;
    enum rule rule;
    bool https;
    char etag[72];                          /* with its quotes */
    struct http_response *reply[ENCODINGS]; /* NULL: not made in that form */
    struct http_response *unchanged;        /* 304, of a route or a shell */
    struct http_response *to_it;            /* 302, of a shell: from "/" */
};

struct pages {
    struct page *page; /* sorted by path, shells after what is there alone */
    size_t count;
};

static enum err
read_file(const char *path, struct err_detail *d, uint8_t **ret, size_t *ret_len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data;
    size_t have = 0;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        if (fd >= 0)
            close(fd);
        return err_internal(d, ERR_IO, "%s cannot be read", path);
    }
    data = xmalloc((size_t)st.st_size + 1);
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, data + have, (size_t)st.st_size - have);

        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(fd);
    if (have < (size_t)st.st_size) {
        free(data);
        return err_internal(d, ERR_IO, "%s cannot be read", path);
    }
    data[have] = '\0';
    *ret = data;
    *ret_len = have;
    return OK;
}

static void
add_headers(struct http_response *r, const struct page *p, enum encoding encoding)
{
    if (p->https)
        http_response_header(r, "Strict-Transport-Security", HTTPS_ONLY);
    http_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    http_response_header(r, "Vary", "Accept-Encoding");
    if (encoding != PLAIN)
        http_response_header(r, "Content-Encoding", TOKEN[encoding]);
    if (p->rule == IMMUTABLE) {
        http_response_header(r, "Cache-Control", "public, max-age=31536000, immutable");
        http_response_header(r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        return;
    }
    http_response_header(r, "ETag", p->etag);
    http_response_header(r, "Cache-Control", "no-cache");
    http_response_header(r, "Content-Security-Policy", POLICY);
    http_response_header(r, "Cross-Origin-Opener-Policy", "same-origin");
    http_response_header(r, "Referrer-Policy", "same-origin");
    http_response_header(r, "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()");
}

static enum err
load_form(const char *web_dir, char *const column[COLUMNS], enum encoding encoding, struct err_detail *d,
          struct page *page)
{
    char path[1024];
    uint8_t *data;
    size_t len;
    enum err err;

    if (!text_format(path, sizeof path, "%s/%s%s", web_dir, column[1], SUFFIX[encoding]))
        return err_internal(d, ERR_CONFIG, "the path of %s is too long", column[1]);
    err = read_file(path, d, &data, &len);
    if (err)
        return err;
    page->reply[encoding] = http_response(200, column[2], data, len, HTTP_FREE);
    add_headers(page->reply[encoding], page, encoding);
    http_response_share(page->reply[encoding]);
    return OK;
}

/* What may stand in a header's value: printable ASCII, something at all. */
static bool
is_value(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at < 0x20 || *at > 0x7e)
            return false;
    return text[0] != '\0';
}

static enum rule
rule_of(const char *name)
{
    enum rule rule = IMMUTABLE;

    while (rule < RULES && strcmp(name, RULE[rule]) != 0)
        rule++;
    return rule;
}

/* What is answered for a route or a shell beside the page itself. */
static void
load_short_ones(struct page *page)
{
    page->unchanged = http_response(304, NULL, "", 0, HTTP_FOREVER);
    add_headers(page->unchanged, page, PLAIN);
    http_response_share(page->unchanged);
    if (page->rule != SHELL)
        return;
    page->to_it = http_response(302, NULL, "", 0, HTTP_FOREVER);
    if (page->https)
        http_response_header(page->to_it, "Strict-Transport-Security", HTTPS_ONLY);
    http_response_header(page->to_it, "Location", page->path);
    http_response_header(page->to_it, "Cache-Control", "no-cache");
    http_response_header(page->to_it, "Vary", "Accept-Language, Cookie");
    http_response_share(page->to_it);
}

static enum err
load_page(const char *web_dir, char *const column[COLUMNS], struct err_detail *d, struct page *page)
{
    enum err err;

    if (column[0][0] != '/' || strstr(column[1], "..") || !is_value(column[2]) || !is_value(column[3]) ||
        rule_of(column[4]) == RULES)
        return err_internal(d, ERR_CONFIG, "the manifest's line of %s makes no sense", column[0]);
    page->path = xstrdup(column[0]);
    page->rule = rule_of(column[4]);
    if (!text_format(page->etag, sizeof page->etag, "\"%s\"", column[3]))
        return err_internal(d, ERR_CONFIG, "the hash of %s is too long", column[0]);
    err = load_form(web_dir, column, PLAIN, d, page);
    if (!err && strstr(column[5], "gzip"))
        err = load_form(web_dir, column, GZIP, d, page);
    if (!err && strstr(column[5], "br"))
        err = load_form(web_dir, column, BROTLI, d, page);
    if (!err && page->rule != IMMUTABLE)
        load_short_ones(page);
    return err;
}

static int
by_path(const void *a, const void *b)
{
    const struct page *x = a, *y = b;
    int differs = strcmp(x->path, y->path);

    return differs ? differs : (x->rule == SHELL) - (y->rule == SHELL);
}

static enum err
load_lines(const char *web_dir, bool https, char *manifest, struct err_detail *d, struct pages *p)
{
    char *line, *rest = manifest;

    while ((line = strsep(&rest, "\n"))) {
        char *column[COLUMNS], *at = line;
        size_t n = 0;
        enum err err;

        if (*line == '\0')
            continue;
        while (n < COLUMNS && (column[n] = strsep(&at, "\t")))
            n++;
        if (n != COLUMNS || at || p->count == PAGES_MAX)
            return err_internal(d, ERR_CONFIG, "%s/manifest is not what scripts/build-web makes", web_dir);
        p->page[p->count].https = https;
        err = load_page(web_dir, column, d, &p->page[p->count++]);
        if (err)
            return err;
    }
    for (size_t i = 0; i < p->count; i++)
        if (!p->page[i].path)
            return err_internal(d, ERR_CONFIG, "%s/manifest is damaged", web_dir);
    qsort(p->page, p->count, sizeof *p->page, by_path);
    return OK;
}

enum err
pages_load(const char *web_dir, bool https, struct err_detail *d, struct pages **ret)
{
    char path[1024];
    uint8_t *manifest;
    size_t len;
    struct pages *p;
    enum err err;

    if (!text_format(path, sizeof path, "%s/manifest", web_dir))
        return err_internal(d, ERR_CONFIG, "web_dir is too long");
    err = read_file(path, d, &manifest, &len);
    if (err)
        return err;
    p = xcalloc(1, sizeof *p);
    p->page = xcalloc(PAGES_MAX, sizeof *p->page);
    err = load_lines(web_dir, https, (char *)manifest, d, p);
    free(manifest);
    if (err) {
        pages_delete(p);
        return err;
    }
    *ret = p;
    return OK;
}

void
pages_delete(struct pages *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        for (int e = 0; e < ENCODINGS; e++)
            if (p->page[i].reply[e])
                http_response_delete(p->page[i].reply[e]);
        if (p->page[i].unchanged)
            http_response_delete(p->page[i].unchanged);
        if (p->page[i].to_it)
            http_response_delete(p->page[i].to_it);
        free(p->page[i].path);
    }
    free(p->page);
    free(p);
}

static const struct page *
find_alone(const struct pages *p, const char *path, enum rule rule)
{
    struct page key = { .path = (char *)(uintptr_t)path, .rule = rule };

    return bsearch(&key, p->page, p->count, sizeof key, by_path);
}

/* Is this a route's path, with something in each place of its {…}? */
static bool
fits(const char *route, const char *path)
{
    while (*route && *path) {
        if (*route == '{') {
            size_t len = strcspn(path, "/");

            if (len == 0)
                return false;
            path += len;
            route += strcspn(route, "/");
        } else if (*route++ != *path++) {
            return false;
        }
    }
    return !*route && !*path;
}

/* The shell that answers /en/ and below, and /en too. */
static const struct page *
find_shell(const struct pages *p, const char *path)
{
    const struct page *page = find_alone(p, path, SHELL);

    for (size_t i = 0; !page && i < p->count; i++) {
        size_t len = strlen(p->page[i].path);

        if (p->page[i].rule == SHELL && strncmp(path, p->page[i].path, len - 1) == 0 &&
            (path[len - 1] == '/' || !path[len - 1]))
            page = &p->page[i];
    }
    return page;
}

static const struct page *
find(const struct pages *p, const char *path)
{
    const struct page *page = find_alone(p, path, ROUTE); /* or an asset: nobody asks which of the two */

    for (size_t i = 0; !page && i < p->count; i++)
        if (p->page[i].rule == ROUTE && strchr(p->page[i].path, '{') && fits(p->page[i].path, path))
            page = &p->page[i];
    return page ? page : find_shell(p, path);
}

/* A weight's thousandths after ";q="; 1000 where none is said; 0, which refuses, where it makes no sense. */
static int
weight_of(const char *range, size_t len)
{
    const char *at = memchr(range, ';', len), *end = range + len;
    int milli, scale = 100;

    if (!at)
        return 1000;
    for (at++; at < end && (*at == ' ' || *at == '\t'); at++)
        ;
    if (end - at < 3 || (at[0] != 'q' && at[0] != 'Q') || at[1] != '=' || (at[2] != '0' && at[2] != '1'))
        return 0;
    milli = (at[2] - '0') * 1000;
    at += 3;
    if (at < end && *at == '.')
        for (at++; at < end && *at >= '0' && *at <= '9' && scale > 0; at++, scale /= 10)
            milli += (*at - '0') * scale;
    return milli > 1000 ? 0 : milli;
}

/* The shell in the language that the reader's browser would rather have, of those that there are; else English. */
static const struct page *
shell_for(const struct pages *p, const char *accepts)
{
    const struct page *best = find_shell(p, "/en/");
    int most = 0;

    for (const char *at = accepts; at && *at; at += strcspn(at, ","), at += *at == ',') {
        char path[] = "/xx/";
        const struct page *page;
        size_t len;
        int weight;

        at += strspn(at, " \t");
        len = strcspn(at, ",");
        weight = weight_of(at, len);
        if (weight <= most || len < 2 || (len > 2 && !strchr("-; \t", at[2])))
            continue;
        path[1] = (char)(at[0] | 0x20); /* a small letter, if it is one */
        path[2] = (char)(at[1] | 0x20);
        page = find_alone(p, path, SHELL);
        if (page) {
            best = page;
            most = weight;
        }
    }
    return best;
}

/* The shell in the language that the reader has chosen in their account; NULL: in none. */
static const struct page *
chosen_shell(const struct pages *p, const struct http_call *call)
{
    char language[3], path[] = "/xx/";

    if (!http_cookie(call, "kontor-language", language, sizeof language) || strlen(language) != 2)
        return NULL;
    memcpy(path + 1, language, 2);
    return find_alone(p, path, SHELL);
}

struct http_response *
pages_answer(const struct pages *p, const struct http_call *call)
{
    const struct page *page;
    const char *accepts, *known;

    if (call->method != HTTP_GET && call->method != HTTP_HEAD)
        return NULL;
    if (strcmp(call->path, "/") == 0) {
        page = chosen_shell(p, call);
        if (!page)
            page = shell_for(p, http_header(call, "Accept-Language"));
        return page ? page->to_it : NULL;
    }
    page = find(p, call->path);
    if (!page)
        return NULL;
    known = http_header(call, "If-None-Match");
    if (known && page->unchanged && strstr(known, page->etag))
        return page->unchanged;
    accepts = http_header(call, "Accept-Encoding");
    for (int e = ENCODINGS - 1; e > PLAIN; e--)
        if (page->reply[e] && http_takes(accepts, TOKEN[e]))
            return page->reply[e];
    return page->reply[PLAIN];
}
