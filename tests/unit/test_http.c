/* tests/unit/test_http.c: the HTTP server, spoken to byte by byte. What two parsers could read in two ways is refused;
 * a kept call is answered once, by whoever comes first; streams flow; stopping answers everybody. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "http/http.h"

#define BODY_MAX 4096
#define PACKED 3000

struct fixture {
    struct http_server *server;
    struct http_call *later[512];
    size_t later_count;
    struct http_call *stream;
    int gone, expired, asked;
    pthread_mutex_t lock;
    char unix_path[64];
};

static struct http_response *
text(int status, const char *what)
{
    return http_response(status, "text/plain", what, strlen(what), HTTP_COPY);
}

static struct http_response *
on_refuse(void *cls, const struct http_call *call, enum err err)
{
    (void)cls;
    (void)call;
    return text(err_status(err), err_wire(err));
}

static void
on_deadline(void *cls, struct http_call *call)
{
    struct fixture *f = cls;

    f->expired++;
    http_complete(call, text(200, "nothing yet"));
}

static void
on_gone(void *cls, struct http_call *call)
{
    struct fixture *f = cls;

    pthread_mutex_lock(&f->lock);
    f->gone++;
    if (f->stream == call)
        f->stream = NULL;
    pthread_mutex_unlock(&f->lock);
    http_stream_end(call);
}

static void
add_later(struct fixture *f, struct http_call *call)
{
    pthread_mutex_lock(&f->lock);
    f->later[f->later_count++] = call;
    pthread_mutex_unlock(&f->lock);
}

/* A file of PIECES pieces; of /broken the last but one is the last. */
enum { PIECES = 24, PIECE = 1 << 20 };

static bool
on_more(void *cls, struct http_call *call)
{
    struct fixture *f = cls;
    char *piece;
    bool broken = strcmp(call->path, "/broken") == 0;
    int asked;

    pthread_mutex_lock(&f->lock);
    asked = ++f->asked;
    pthread_mutex_unlock(&f->lock);
    if (asked == 2)
        return false; /* not now */
    piece = xmalloc(PIECE);
    memset(piece, 'p', PIECE);
    if (asked <= (broken ? PIECES - 1 : PIECES)) {
        assert_true(http_stream_push(call, BYTES(piece, PIECE)));
    } else {
        assert_true(http_pour_end(call, BYTES(piece, broken ? 0 : PIECE), !broken));
        http_pour_release(call);
    }
    free(piece);
    return true;
}

static void
on_pour_gone(void *cls, struct http_call *call)
{
    struct fixture *f = cls;

    pthread_mutex_lock(&f->lock);
    f->gone++;
    pthread_mutex_unlock(&f->lock);
    http_pour_release(call);
}

static struct http_response *
on_call(void *cls, struct http_call *call)
{
    struct fixture *f = cls;
    char cookie[16];

    if (strcmp(call->path, "/echo") == 0)
        return http_response(200, "text/plain", call->body.data, call->body.len, HTTP_COPY);
    if (strcmp(call->path, "/query") == 0)
        return text(200, http_query(call, "a") ? http_query(call, "a") : "none");
    if (strcmp(call->path, "/cookie") == 0)
        return text(200, http_cookie(call, "kontor", cookie, sizeof cookie) ? cookie : "none");
    if (strcmp(call->path, "/local") == 0)
        return text(200, call->local ? "yes" : "no");
    if (strcmp(call->path, "/later") == 0) {
        http_keep(call, HTTP_KEEP_MS, NULL);
        add_later(f, call);
        return NULL;
    }
    if (strcmp(call->path, "/pour") == 0 || strcmp(call->path, "/broken") == 0) {
        http_pour(call, http_response(200, "application/x-tar", "", 0, HTTP_FOREVER), on_more, on_pour_gone);
        return NULL;
    }
    if (strcmp(call->path, "/poll") == 0) {
        http_keep(call, 50, on_deadline);
        return NULL;
    }
    if (strcmp(call->path, "/never") == 0) {
        http_keep(call, 50, NULL);
        add_later(f, call);
        return NULL;
    }
    if (strcmp(call->path, "/packed") == 0) {
        char *body = xmalloc(PACKED);

        memset(body, 'a', PACKED);
        return http_response_packed(200, "text/plain", body, PACKED, http_header(call, "Accept-Encoding"));
    }
    if (strcmp(call->path, "/events") == 0) {
        pthread_mutex_lock(&f->lock);
        f->stream = call;
        pthread_mutex_unlock(&f->lock);
        http_stream(call, http_response(200, "text/event-stream", "", 0, HTTP_FOREVER), on_gone);
        return NULL;
    }
    return text(200, call->path);
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err_detail d = { 0 };
    struct http_config config = {
        .listeners = { { .host = "127.0.0.1", .threads = 2, .max_connections = 1000, .tag = 1 },
                       { .unix_path = f->unix_path, .max_connections = 10, .tag = 2 } },
        .listener_count = 2,
        .max_body = BODY_MAX,
        .handler = on_call,
        .refuse = on_refuse,
        .cls = f,
    };

    snprintf(f->unix_path, sizeof f->unix_path, "/tmp/kontor-test-http-%d.sock", (int)getpid());
    pthread_mutex_init(&f->lock, NULL);
    if (http_open(&config, &d, &f->server) || http_start(f->server, &d)) {
        fprintf(stderr, "%s\n", d.internal);
        return -1;
    }
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    http_stop(f->server);
    for (size_t i = 0; i < f->later_count; i++)
        http_complete(f->later[i], text(200, "too late")); /* into the void */
    http_delete(f->server);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

static int
dial(struct fixture *f)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(http_port(f->server, 0)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void
send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        assert_true(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

/* Read until `needle` has come, the other side closes, or 5 s are over. True if it came. */
static bool
read_until(int fd, char *ret, size_t cap, const char *needle)
{
    size_t len = 0;
    int64_t end = monotonic_ms() + 30000;

    ret[0] = '\0';
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (needle && strstr(ret, needle))
            return true;
        if (monotonic_ms() > end || len + 1 >= cap)
            return false;
        if (poll(&p, 1, 100) <= 0)
            continue;
        n = recv(fd, ret + len, cap - 1 - len, 0);
        if (n <= 0)
            return needle == NULL;
        len += (size_t)n;
        ret[len] = '\0';
    }
}

static int
status_of(const char *reply)
{
    return strncmp(reply, "HTTP/1.1 ", 9) == 0 ? (int)strtol(reply + 9, NULL, 10) : 0;
}

/* clang-format off */
#define RAW(s) s, sizeof s - 1
#define H "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
static const struct {
    const char *why;
    const char *raw;
    size_t len;
    int status;
    const char *body; /* the end of the reply, NULL: whatever */
} FORMS[] = {
    { "plain", RAW(GET("/hello")), 200, "/hello" },
    { "decoded path", RAW(GET("/caf%C3%A9")), 200, "/caf\xc3\xa9" },
    { "query", RAW(GET("/query?b=1&a=x%20y+z")), 200, "x y z" },
    { "empty query value", RAW(GET("/query?a")), 200, "" },
    { "cookie", RAW("GET /cookie HTTP/1.1\r\n" H "Cookie: a=b; kontor=t0k3n; c=d\r\nConnection: close\r\n\r\n"), 200, "t0k3n" },
    { "cookie twice in one", RAW("GET /cookie HTTP/1.1\r\n" H "Cookie: kontor=a; kontor=b\r\nConnection: close\r\n\r\n"), 200, "none" },
    { "cookie too long", RAW("GET /cookie HTTP/1.1\r\n" H "Cookie: kontor=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nConnection: close\r\n\r\n"), 200, "none" },
    { "body", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nConnection: close\r\n\r\nhello"), 200, "hello" },
    { "no body", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\nConnection: close\r\n\r\n"), 200, "" },
    { "chunked", RAW("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 200, "abcde" },
    { "empty header value", RAW("GET /hello HTTP/1.1\r\n" H "X-Empty:\r\nConnection: close\r\n\r\n"), 200, "/hello" },
    { "white space around a value", RAW("GET /hello HTTP/1.1\r\n" H "X: \t a  \r\nConnection: close\r\n\r\n"), 200, "/hello" },
    { "colon in value", RAW("GET /hello HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n"), 200, "/hello" },
    { "HTTP/1.0", RAW("GET /hello HTTP/1.0\r\n\r\n"), 200, "/hello" },
    /* what two parsers could read in two ways */
    { "two lengths", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), 400, NULL },
    { "two equal lengths", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), 400, NULL },
    { "length list", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello"), 400, NULL },
    { "length with sign", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello"), 400, NULL },
    { "length in hex", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello"), 400, NULL },
    { "negative length", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), 400, NULL },
    { "length beside chunked", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, NULL },
    { "chunked beside length", RAW("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400, NULL },
    { "two encodings", RAW("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"), 400, NULL },
    { "unknown encoding", RAW("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400, NULL },
    { "encoding list", RAW("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400, NULL },
    { "chunked in HTTP/1.0", RAW("POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, NULL },
    { "space before colon", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello"), 400, NULL },
    { "tab before colon", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length\t: 5\r\n\r\nhello"), 400, NULL },
    { "bare line feed after the first line", RAW("GET /hello HTTP/1.1\n" H "\r\n"), 400, NULL },
    { "bare line feed after a header", RAW("GET /hello HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"), 400, NULL },
    { "bare line feed before the body", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\nhello"), 400, NULL },
    { "bare line feed after the last header", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\n\r\nhello"), 400, NULL },
    { "bare line feed after the last header, nothing more", RAW("GET /hello HTTP/1.1\r\nHost: x\n\r\n"), 400, NULL },
    { "bare line feed after the last header, and NUL", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\n\r\n\0ello"), 400, NULL },
    { "bare line feed at the end, nothing more", RAW("GET /hello HTTP/1.1\r\nHost: x\r\n\n"), 400, NULL },
    { "bare line feed at the end, and NUL", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\n\0ello"), 400, NULL },
    { "two bare line feeds at the end", RAW("GET /hello HTTP/1.1\r\nHost: x\n\n"), 400, NULL },
    { "two bare line feeds at the end, and NUL", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\n\n\0\0llo"), 400, NULL },
    { "a body that begins with NUL", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nConnection: close\r\n\r\n\0\0."), 200, NULL },
    { "bare carriage return", RAW("GET /hello HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"), 400, NULL },
    { "NUL in a value", RAW("GET /hello HTTP/1.1\r\n" H "X: a\0b\r\nY: c\r\n\r\n"), 400, NULL },
    { "NUL in the last value", RAW("GET /hello HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400, NULL },
    { "NUL in a name", RAW("GET /hello HTTP/1.1\r\n" H "X\0Y: a\r\n\r\n"), 400, NULL },
    { "NUL in the path", RAW("GET /hel\0lo HTTP/1.1\r\n" H "\r\n"), 400, NULL },
    { "folded line", RAW("GET /hello HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), 400, NULL },
    { "header that is no token", RAW("GET /hello HTTP/1.1\r\n" H "X(Y): a\r\n\r\n"), 400, NULL },
    { "header without a name", RAW("GET /hello HTTP/1.1\r\n" H ": a\r\n\r\n"), 400, NULL },
    { "header without a colon", RAW("GET /hello HTTP/1.1\r\n" H "nonsense\r\n\r\n"), 400, NULL },
    { "two hosts", RAW("GET /hello HTTP/1.1\r\n" H H "\r\n"), 400, NULL },
    { "no host", RAW("GET /hello HTTP/1.1\r\n\r\n"), 400, NULL },
    { "two authorizations", RAW("GET /hello HTTP/1.1\r\n" H "Authorization: a\r\nAuthorization: b\r\n\r\n"), 400, NULL },
    { "two keys", RAW("POST /echo HTTP/1.1\r\n" H "Idempotency-Key: a\r\nidempotency-key: b\r\nContent-Length: 0\r\n\r\n"), 400, NULL },
    { "body of a GET", RAW("GET /hello HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"), 400, NULL },
    { "space in the path", RAW("GET /hel lo HTTP/1.1\r\n" H "\r\n"), 400, NULL },
    { "other protocol", RAW("GET /hello HTTX/1.1\r\n" H "\r\n"), 400, NULL },
    { "later version", RAW("GET /hello HTTP/1.7\r\n" H "\r\n"), 400, NULL },
    { "absolute form", RAW("GET http://x/hello HTTP/1.1\r\n" H "\r\n"), 400, NULL },
    { "unknown method", RAW("BREW /hello HTTP/1.1\r\n" H "\r\n"), 405, NULL },
    { "method in lower case", RAW("get /hello HTTP/1.1\r\n" H "\r\n"), 405, NULL },
    { "CONNECT", RAW("CONNECT x:80 HTTP/1.1\r\n" H "\r\n"), 405, NULL },
    { "TRACE", RAW("TRACE / HTTP/1.1\r\n" H "\r\n"), 405, NULL },
    /* paths and queries */
    { "escaped NUL", RAW(GET("/a%00b")), 400, NULL },
    { "escaped slash", RAW(GET("/a%2Fb")), 400, NULL },
    { "cut escape", RAW(GET("/a%2")), 400, NULL },
    { "no escape", RAW(GET("/a%zz")), 400, NULL },
    { "escaped line feed", RAW(GET("/a%0ab")), 400, NULL },
    { "bad UTF-8", RAW(GET("/a%ff")), 400, NULL },
    { "overlong UTF-8", RAW(GET("/a%c0%af")), 400, NULL },
    { "bad UTF-8 in query", RAW(GET("/query?a=%ff")), 400, NULL },
    { "surrogate", RAW(GET("/a%ed%a0%80")), 400, NULL },
    { "too many parameters", RAW(GET("/query?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17")), 400, NULL },
    /* sizes */
    { "body said to be over twice the limit", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 8193\r\n\r\n"), 413, NULL },
    { "body said huge", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 999999999999999\r\n\r\n"), 413, NULL },
    { "body said beyond numbers", RAW("POST /echo HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n"), 413, NULL },
};
/* clang-format on */

static void
forms_are_told_apart(void **state)
{
    struct fixture *f = *state;
    char reply[4096];
    int wrong = 0;

    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        int fd = dial(f);
        size_t len, want;

        send_all(fd, FORMS[i].raw, FORMS[i].len);
        if (!read_until(fd, reply, sizeof reply, NULL) || status_of(reply) != FORMS[i].status) {
            /* libmicrohttpd hangs up without a word on some: as good as 400, nothing was handled */
            if (!(FORMS[i].status == 400 && reply[0] == '\0')) {
                print_error("%s: wanted %d, got: %s\n", FORMS[i].why, FORMS[i].status, reply);
                wrong++;
            }
        }
        len = strlen(reply);
        want = FORMS[i].body ? strlen(FORMS[i].body) : 0;
        if (FORMS[i].body && (len < want || strcmp(reply + len - want, FORMS[i].body) != 0)) {
            print_error("%s: wanted the body %s, got: %s\n", FORMS[i].why, FORMS[i].body, reply);
            wrong++;
        }
        /* What is refused ends the connection: nothing after it may be read as a request. */
        if (FORMS[i].status == 400 && reply[0] && strstr(reply, "bad-request") && !strstr(reply, "Connection: close")) {
            print_error("%s: refused, but the connection stays\n", FORMS[i].why);
            wrong++;
        }
        close(fd);
    }
    assert_int_equal(wrong, 0);
}

/* A smuggled second request is never answered. */
static void
nothing_is_smuggled(void **state)
{
    static const char RAW_BYTES[] =
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /smuggled HTTP/1.1\r\n" H "\r\n";
    struct fixture *f = *state;
    char reply[4096];
    int fd = dial(f);

    send_all(fd, RAW_BYTES, sizeof RAW_BYTES - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_int_equal(status_of(reply), 400);
    assert_null(strstr(reply, "smuggled"));
    close(fd);
}

static void
large_headers_and_bodies(void **state)
{
    struct fixture *f = *state;
    char *big = xmalloc(64 << 10);
    char reply[4096];
    int fd = dial(f);
    int n;

    n = snprintf(big, 64 << 10, "GET /hello HTTP/1.1\r\n" H "X: %032000d\r\n\r\n", 1);
    send(fd, big, (size_t)n, MSG_NOSIGNAL);
    read_until(fd, reply, sizeof reply, NULL);
    if (reply[0])
        assert_int_equal(status_of(reply), 431);
    close(fd);

    /* chunked, so that nobody can know beforehand */
    fd = dial(f);
    n = snprintf(big, 64 << 10,
                 "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                 "1388\r\n%05000d\r\n0\r\n\r\n",
                 1);
    send_all(fd, big, (size_t)n);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_int_equal(status_of(reply), 413);
    close(fd);

    /* a little too much: taken in, so that the client sees the reply */
    fd = dial(f);
    n = snprintf(big, 64 << 10, "POST /echo HTTP/1.1\r\n" H "Content-Length: 4097\r\n\r\n%04097d", 1);
    send_all(fd, big, (size_t)n);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_int_equal(status_of(reply), 413);
    close(fd);

    /* exactly the limit, in pieces */
    fd = dial(f);
    n = snprintf(big, 64 << 10, "POST /echo HTTP/1.1\r\n" H "Content-Length: 4096\r\nConnection: close\r\n\r\n%04096d",
                 7);
    send_all(fd, big, 100);
    send_all(fd, big + 100, (size_t)n - 100);
    free(big);
    big = xmalloc(16 << 10);
    assert_true(read_until(fd, big, 16 << 10, NULL));
    assert_int_equal(status_of(big), 200);
    assert_int_equal(big[strlen(big) - 1], '7');
    free(big);
    close(fd);
}

static void
keep_alive_and_pipelines(void **state)
{
    static const char TWO[] = "GET /one HTTP/1.1\r\n" H "\r\nGET /two HTTP/1.1\r\n" H "\r\n";
    struct fixture *f = *state;
    char reply[4096];
    int fd = dial(f);

    send_all(fd, TWO, sizeof TWO - 1);
    assert_true(read_until(fd, reply, sizeof reply, "/two"));
    assert_non_null(strstr(reply, "/one"));
    for (int i = 0; i < 3; i++) {
        send_all(fd, "GET /again HTTP/1.1\r\n" H "\r\n", sizeof "GET /again HTTP/1.1\r\n" H "\r\n" - 1);
        assert_true(read_until(fd, reply, sizeof reply, "/again"));
    }
    close(fd);
}

static void
packed_for_those_who_take_it(void **state)
{
    static const struct { const char *accepts; bool packed; } ROWS[] = {
        { "", false }, { "Accept-Encoding: gzip, br\r\n", true }, { "Accept-Encoding: br, gzip;q=0.5\r\n", true },
        { "Accept-Encoding: gzip;q=0\r\n", false }, { "Accept-Encoding: gzip;q=0.000, br\r\n", false },
        { "Accept-Encoding: identity\r\n", false }, { "Accept-Encoding: xgzip, gzipx\r\n", false },
    };
    struct fixture *f = *state;
    char reply[2 * PACKED], line[200];

    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        int fd = dial(f);
        const char *body;

        snprintf(line, sizeof line, "GET /packed HTTP/1.1\r\n" H "Connection: close\r\n%s\r\n", ROWS[i].accepts);
        send_all(fd, line, strlen(line));
        memset(reply, 0, sizeof reply);
        assert_true(read_until(fd, reply, sizeof reply, NULL));
        close(fd);
        body = strstr(reply, "\r\n\r\n");
        assert_non_null(body);
        assert_non_null(strstr(reply, "Vary: Accept-Encoding"));
        assert_int_equal(strstr(reply, "Content-Encoding: gzip") != NULL, ROWS[i].packed);
        if (ROWS[i].packed)
            assert_memory_equal(body + 4, "\x1f\x8b\x08", 3);
        else
            assert_int_equal(strspn(body + 4, "a"), PACKED);
    }
}

static void *
complete_all(void *arg)
{
    struct fixture *f = arg;
    struct http_response *replies[512];
    struct http_call *calls[512];
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = f->later_count;
    memcpy(calls, f->later, n * sizeof *calls);
    f->later_count = 0;
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < n; i++)
        replies[i] = text(201, "done later");
    if (n == 1)
        http_complete(calls[0], replies[0]);
    else
        http_complete_many(calls, replies, n);
    return NULL;
}

static bool
wait_for_later(struct fixture *f, size_t n)
{
    int64_t end = monotonic_ms() + 30000;
    bool there = false;

    while (!there && monotonic_ms() < end) {
        pthread_mutex_lock(&f->lock);
        there = f->later_count == n;
        pthread_mutex_unlock(&f->lock);
        if (!there)
            poll(NULL, 0, 1);
    }
    return there;
}

enum { MANY = 200 };

/* So many calls that are kept, completed by another thread: how long until the last is answered. */
static int64_t
completed_after_ms(struct fixture *f, int n)
{
    int fds[MANY];
    char reply[1024];
    pthread_t thread;
    int64_t before, took;

    for (int i = 0; i < n; i++) {
        fds[i] = dial(f);
        send_all(fds[i], "POST /later HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi",
                 sizeof "POST /later HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi" - 1);
    }
    assert_true(wait_for_later(f, (size_t)n));
    assert_int_equal(http_stats(f->server).kept, n);
    before = monotonic_ms();
    pthread_create(&thread, NULL, complete_all, f);
    for (int i = 0; i < n; i++) {
        assert_true(read_until(fds[i], reply, sizeof reply, "done later"));
        assert_int_equal(status_of(reply), 201);
        close(fds[i]);
    }
    pthread_join(thread, NULL);
    took = monotonic_ms() - before;
    assert_int_equal(http_stats(f->server).kept, 0);
    return took;
}

/* Kept calls are answered at once when another thread completes them, not at the next tick of a clock (a sweep, each quarter
 * of a second). Of a busy machine only the quickest times count. */
static void
others_complete(void **state)
{
    struct fixture *f = *state;
    int quick = 0;

    for (int tries = 0; tries < 20 && quick < 13; tries++) {
        quick = 0;
        for (int i = 0; i < 24; i++)
            quick += completed_after_ms(f, 1) < 60; /* at the next tick, one of four would be */
    }
    assert_true(quick >= 13);
    quick = 0;
    for (int tries = 0; tries < 20 && quick == 0; tries++)
        quick += completed_after_ms(f, MANY) < 240;
    assert_int_equal(quick, 1);
}

static void
deadlines(void **state)
{
    struct fixture *f = *state;
    char reply[1024];
    int fd = dial(f);

    send_all(fd, GET("/poll"), sizeof GET("/poll") - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_non_null(strstr(reply, "nothing yet"));
    assert_int_equal(f->expired, 1);
    close(fd);

    fd = dial(f);
    send_all(fd, GET("/never"), sizeof GET("/never") - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "busy"));
    close(fd);
    complete_all(f); /* goes nowhere, harms nothing */

    fd = dial(f);
    send_all(fd, "POST /never HTTP/1.1\r\n" H "Content-Length: 0\r\nConnection: close\r\n\r\n",
             sizeof "POST /never HTTP/1.1\r\n" H "Content-Length: 0\r\nConnection: close\r\n\r\n" - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_non_null(strstr(reply, "unknown-outcome"));
    close(fd);
    complete_all(f);
}

static struct http_call *
the_stream(struct fixture *f)
{
    int64_t end = monotonic_ms() + 30000;
    struct http_call *call = NULL;

    while (!call && monotonic_ms() < end) {
        pthread_mutex_lock(&f->lock);
        call = f->stream;
        pthread_mutex_unlock(&f->lock);
    }
    assert_non_null(call);
    return call;
}

static void
streams(void **state)
{
    struct fixture *f = *state;
    struct http_call *call;
    char reply[4096];
    int64_t end = monotonic_ms() + 30000;
    int fd = dial(f);

    send_all(fd, GET("/events"), sizeof GET("/events") - 1);
    call = the_stream(f);
    assert_true(read_until(fd, reply, sizeof reply, "text/event-stream"));
    assert_true(http_stream_push(call, BYTES_TEXT("data: one\n\n")));
    assert_true(read_until(fd, reply, sizeof reply, "data: one"));
    assert_true(http_stream_push(call, BYTES_TEXT("data: two\n\n")));
    assert_true(http_stream_push(call, BYTES_TEXT("data: three\n\n")));
    assert_true(read_until(fd, reply, sizeof reply, "data: three"));
    f->stream = NULL;
    http_stream_end(call);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_int_equal(f->gone, 0);
    close(fd);

    /* the client leaves: the next push finds out, and the owner hears it once */
    fd = dial(f);
    send_all(fd, GET("/events"), sizeof GET("/events") - 1);
    the_stream(f);
    assert_true(read_until(fd, reply, sizeof reply, "text/event-stream"));
    close(fd);
    for (bool gone = false; !gone && monotonic_ms() < end;) {
        pthread_mutex_lock(&f->lock);
        if (f->stream)
            http_stream_push(f->stream, BYTES_TEXT("data: anybody?\n\n"));
        gone = f->gone == 1;
        pthread_mutex_unlock(&f->lock);
        poll(NULL, 0, 1);
    }
    assert_int_equal(f->gone, 1);
}

enum { CROWD = 8, PUSHERS = 2, PUSHES = 400 };

static void *
push_to_all(void *arg)
{
    struct http_call **calls = arg;

    for (int i = 0; i < PUSHES; i++)
        for (int s = 0; s < CROWD; s++)
            if (!http_stream_push(calls[s], BYTES_TEXT("data: x\n\n")))
                return arg;
    return NULL;
}

/* Several threads push to several streams at once, while the socket threads take what was pushed: each event comes. */
static void
many_streams(void **state)
{
    struct fixture *f = *state;
    struct http_call *calls[CROWD];
    char reply[40000];
    pthread_t pushers[PUSHERS];
    void *failed;
    int fds[CROWD];

    for (int s = 0; s < CROWD; s++) {
        fds[s] = dial(f);
        send_all(fds[s], GET("/events"), sizeof GET("/events") - 1);
        calls[s] = the_stream(f);
        assert_true(read_until(fds[s], reply, sizeof reply, "text/event-stream"));
        f->stream = NULL;
    }
    for (int i = 0; i < PUSHERS; i++)
        assert_int_equal(pthread_create(&pushers[i], NULL, push_to_all, calls), 0);
    for (int i = 0; i < PUSHERS; i++) {
        assert_int_equal(pthread_join(pushers[i], &failed), 0);
        assert_null(failed);
    }
    for (int s = 0; s < CROWD; s++)
        http_stream_end(calls[s]);
    for (int s = 0; s < CROWD; s++) {
        int events = 0;

        assert_true(read_until(fds[s], reply, sizeof reply, NULL));
        for (const char *at = reply; (at = strstr(at, "data: x")) != NULL; at++)
            events++;
        assert_int_equal(events, PUSHERS * PUSHES);
        close(fds[s]);
    }
}

/* A second server on the same port would be given a part of the first one's connections. */
static void
a_port_is_not_shared(void **state)
{
    struct fixture *f = *state;
    struct err_detail d = { 0 };
    struct http_config config = {
        .listeners = { { .host = "127.0.0.1", .port = http_port(f->server, 0), .threads = 2, .max_connections = 10 } },
        .listener_count = 1,
        .max_body = BODY_MAX,
        .handler = on_call,
        .refuse = on_refuse,
        .cls = f,
    };
    struct http_server *second = NULL;

    assert_int_equal(http_open(&config, &d, &second), ERR_IO);
    assert_non_null(strstr(d.internal, "cannot listen"));
}

static void
unix_socket(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct stat st;
    char reply[1024];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", f->unix_path);
    assert_int_equal(stat(f->unix_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    send_all(fd, GET("/local"), sizeof GET("/local") - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_non_null(strstr(reply, "yes"));
    close(fd);
    fd = dial(f);
    send_all(fd, GET("/local"), sizeof GET("/local") - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_null(strstr(reply, "yes"));
    close(fd);
}

static int
dial_unix(struct fixture *f)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", f->unix_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Ten connections are allowed there: twice as many that say nothing, or stop in the middle, keep nobody out for long. */
static void
idle_ones_make_room(void **state)
{
    static const char HALF[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhe";
    struct fixture *f = *state;
    char reply[1024];
    int idle[20], fd;

    for (int i = 0; i < 20; i++) {
        idle[i] = dial_unix(f);
        if (i % 10 == 0)
            send_all(idle[i], HALF, sizeof HALF - 1);
    }
    fd = dial_unix(f);
    send_all(fd, GET("/local"), sizeof GET("/local") - 1);
    assert_true(read_until(fd, reply, sizeof reply, NULL));
    assert_non_null(strstr(reply, "yes"));
    close(fd);
    for (int i = 0; i < 20; i++)
        close(idle[i]);
}

static void *
stop_server(void *arg)
{
    struct fixture *f = arg;

    http_stop(f->server);
    return NULL;
}

/* Stopping ends the streams, lets what is being worked on come to its own answer for a moment, answers the rest; then nobody
 * is let in. */
static void
stopping(void **state)
{
    struct fixture *f = *state;
    char reply[1024];
    pthread_t thread;
    struct http_call *soon;
    int kept = dial(f), events = dial(f), done = dial(f);

    send_all(done, GET("/later"), sizeof GET("/later") - 1);
    assert_true(wait_for_later(f, 1));
    soon = f->later[0];
    send_all(kept, GET("/later"), sizeof GET("/later") - 1);
    send_all(events, GET("/events"), sizeof GET("/events") - 1);
    assert_true(wait_for_later(f, 2));
    f->later[0] = f->later[1];
    f->later_count = 1;
    the_stream(f);
    assert_true(read_until(events, reply, sizeof reply, "text/event-stream"));
    pthread_create(&thread, NULL, stop_server, f);
    assert_true(read_until(events, reply, sizeof reply, NULL));
    http_complete(soon, text(200, "in time"));
    assert_true(read_until(done, reply, sizeof reply, "in time"));
    assert_int_equal(status_of(reply), 200);
    assert_true(read_until(kept, reply, sizeof reply, NULL));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "shutting-down"));
    pthread_join(thread, NULL);
    if (f->stream) {
        assert_false(http_stream_push(f->stream, BYTES_TEXT("data: late\n\n")));
        http_stream_end(f->stream);
    }
    close(kept);
    close(events);
    close(done);
}

/* Read until the server ends or breaks the reply off; how many bytes of the file came, *ret_whole: with its end. */
static size_t
pour_into(int fd, bool *ret_whole)
{
    char some[65536], last[6] = "";
    struct pollfd p = { .fd = fd, .events = POLLIN };
    size_t n = 0;
    ssize_t got;

    *ret_whole = false;
    while (!*ret_whole && poll(&p, 1, 10000) == 1 && (got = read(fd, some, sizeof some)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            n += some[i] == 'p';
        for (ssize_t i = got > 5 ? got - 5 : 0; i < got; i++) {
            memmove(last, last + 1, 4);
            last[4] = some[i];
        }
        *ret_whole = strcmp(last, "0\r\n\r\n") == 0;
    }
    return n;
}

/* A file is asked for as it is taken: who does not read it keeps nobody busy, and one that breaks off does not look whole. */
static int
gone(struct fixture *f)
{
    int n;

    pthread_mutex_lock(&f->lock);
    n = f->gone;
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* As if it had been asked twice already: nothing is held back this time. */
static void
ask_from_the_third(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    f->asked = 2;
    pthread_mutex_unlock(&f->lock);
}

/* How often the pouring one was asked for more, once it was so often. */
static int
asked_at_least(struct fixture *f, int often)
{
    int asked = 0;

    for (int64_t end = monotonic_ms() + 30000; monotonic_ms() < end; poll(NULL, 0, 5)) {
        pthread_mutex_lock(&f->lock);
        asked = f->asked;
        pthread_mutex_unlock(&f->lock);
        if (asked >= often)
            break;
    }
    return asked;
}

static void
files_are_poured(void **state)
{
    struct fixture *f = *state;
    bool whole;
    int fd = dial(f), asked;

    send_all(fd, GET("/pour"), sizeof GET("/pour") - 1);
    asked = asked_at_least(f, 3); /* it is asked again after half a second */
    poll(NULL, 0, 300);
    asked = asked_at_least(f, asked);
    assert_in_range(asked, 3, PIECES / 2); /* the rest waits: sockets hold some MB */
    assert_in_range(pour_into(fd, &whole), (size_t)PIECES * PIECE, (size_t)PIECES * PIECE + 40); /* headers have a p or two */
    assert_true(whole);
    assert_int_equal(gone(f), 0);
    close(fd);

    ask_from_the_third(f);
    fd = dial(f);
    send_all(fd, GET("/broken"), sizeof GET("/broken") - 1);
    assert_true(pour_into(fd, &whole) > PIECE);
    assert_false(whole);
    close(fd);

    ask_from_the_third(f);
    fd = dial(f);
    send_all(fd, GET("/pour"), sizeof GET("/pour") - 1);
    poll(NULL, 0, 100);
    close(fd);
    for (int64_t end = monotonic_ms() + 30000; gone(f) == 0 && monotonic_ms() < end;)
        poll(NULL, 0, 5);
    assert_int_equal(gone(f), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forms_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_smuggled, setup, teardown),
        cmocka_unit_test_setup_teardown(large_headers_and_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(keep_alive_and_pipelines, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_for_those_who_take_it, setup, teardown),
        cmocka_unit_test_setup_teardown(others_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines, setup, teardown),
        cmocka_unit_test_setup_teardown(streams, setup, teardown),
        cmocka_unit_test_setup_teardown(many_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_poured, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_is_not_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_ones_make_room, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
