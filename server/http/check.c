/* http/check.c
 * What libmicrohttpd takes and a proxy in front may read otherwise (request smuggling) is refused here.
 *
 * Bare line feeds and NUL are gone by the time it calls us. But it cuts the request up in place: CR LF becomes two
 * NULs, a bare LF one, and the parts it hands out point into the connection's own buffer. So they must stand where they
 * stood, with exactly two NULs after each line, up to the head's end. That holds for the 0.9 series, which is in Debian 12; the 1.x series
 * has a strictness of its own, which loop.c sets instead, and may lay out its buffer as it likes. The tests send each
 * form, so a library that differs is noticed. */
#include <strings.h>

#include "http/internal.h"

static const char *const METHODS[HTTP_METHODS] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

bool
check_method(const char *text, enum http_method *ret)
{
    for (int i = 0; i < HTTP_METHODS; i++)
        if (strcmp(text, METHODS[i]) == 0) {
            *ret = (enum http_method)i;
            return true;
        }
    return false;
}

const char *
http_method_text(enum http_method m)
{
    return METHODS[m];
}

/* Headers that may stand once only. The first three decide where the body ends and whose it is. */
enum { LENGTH, ENCODING, HOST, SINGLES = 9 };
static const char *const ONCE[SINGLES] = {
    "Content-Length", "Transfer-Encoding", "Host",   "Authorization", "Cookie", "Content-Type",
    "Origin",         "Idempotency-Key",   "Expect",
};

struct check {
    const char *next; /* where the next line must begin; NULL: not looked at */
    const char *once[SINGLES];
    bool bad;
};

static bool
token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return len > 0;
}

static bool
field_value(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
            return false;
    return true;
}

static enum MHD_Result
check_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
    struct check *c = cls;

    (void)kind;
    if (!value || !token(name, name_len) || !field_value(value, value_len)) {
        c->bad = true;
        return MHD_NO;
    }
    if (c->next) {
        if (name != c->next || value < name + name_len + 1 || value[value_len] || value[value_len + 1]) {
            c->bad = true;
            return MHD_NO;
        }
        c->next = value + value_len + 2;
    }
    for (int i = 0; i < SINGLES; i++)
        if (strcasecmp(name, ONCE[i]) == 0) {
            if (c->once[i])
                c->bad = true;
            c->once[i] = value;
        }
    return c->bad ? MHD_NO : MHD_YES;
}

static bool
decimal(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= 15 && strspn(s, "0123456789") == len;
}

/* How long the body is said to be; what does not say it plainly is refused. What is a little too long is let in, to be
 * refused at its end: a client that is still sending when the connection is closed never sees the reply. */
static enum err
check_body(struct request *r, const struct check *c, const char *version)
{
    bool takes_body = r->call.method == HTTP_POST || r->call.method == HTTP_PUT || r->call.method == HTTP_PATCH;
    const char *length = c->once[LENGTH];
    const char *encoding = c->once[ENCODING];

    if (encoding && (length || strcasecmp(encoding, "chunked") != 0 || strcmp(version, "HTTP/1.1") != 0))
        return ERR_BAD_REQUEST;
    if (length && !decimal(length))
        return ERR_BAD_REQUEST;
    if (!takes_body && (encoding || (length && strspn(length, "0") != strlen(length))))
        return ERR_BAD_REQUEST;
    if (length) {
        size_t n = 0;

        for (const char *p = length; *p; p++)
            n = n * 10 + (size_t)(*p - '0');
        if (n > 2 * r->loop->server->config.max_body)
            return ERR_BODY_TOO_LARGE;
        if (n > r->loop->server->config.max_body)
            r->too_large = true;
    }
    return OK;
}

/* The byte after the head: NULs alone do not tell where it ends, since what comes next may be NUL too, or nothing yet.
 * `method` stands at its beginning. */
static const char *
head_end(struct request *r, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info ? method + info->header_size : NULL;
}

enum err
check_request(struct request *r, const char *method, const char *version)
{
    struct check c = { 0 };

    if (MHD_get_version()[0] == '0') {
        if (version != r->uri_at + r->uri_len + 1)
            return ERR_BAD_REQUEST;
        if (version[strlen(version) + 1] != '\0')
            return ERR_BAD_REQUEST;
        c.next = version + strlen(version) + 2;
    }
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, check_header, &c);
    if (c.bad || (c.next && (c.next[0] || c.next[1] || c.next + 2 != head_end(r, method))))
        return ERR_BAD_REQUEST;
    if (strcmp(version, "HTTP/1.1") == 0 ? !c.once[HOST] : strcmp(version, "HTTP/1.0") != 0)
        return ERR_BAD_REQUEST;
    if (!check_method(method, &r->call.method))
        return ERR_METHOD;
    return check_body(r, &c, version);
}
