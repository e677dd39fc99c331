/* tests/unit/test_pages.c: what browsers get, over a socket: the manifest's paths, the coding asked for, 304, and the
 * refusal of a manifest that makes no sense. */
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/pages.h"
#include "base/arena.h"

struct fixture {
    char dir[64];
    struct pages *pages;
    struct http_server *server;
};

static void
put(const char *dir, const char *name, const char *text)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct http_response *
on_call(void *cls, struct http_call *call)
{
    struct fixture *f = cls;
    struct http_response *r = pages_answer(f->pages, call);

    return r ? r : http_response(404, "text/plain", "others", 6, HTTP_FOREVER);
}

static struct http_response *
on_refuse(void *cls, const struct http_call *call, enum err err)
{
    (void)cls;
    (void)call;
    return http_response(err_status(err), "text/plain", "no", 2, HTTP_FOREVER);
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err_detail d = { 0 };
    struct http_config config = { .listeners = { { .host = "127.0.0.1", .threads = 1, .max_connections = 20 } },
                                  .listener_count = 1,
                                  .max_body = 100,
                                  .handler = on_call,
                                  .refuse = on_refuse,
                                  .cls = f };

    snprintf(f->dir, sizeof f->dir, "/tmp/kontor-test-pages-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    put(f->dir, "manifest",
        "/en/\tindex.html\ttext/html; charset=utf-8\tabc\tshell\tgzip\n"
        "/fr/\tindex.html\ttext/html; charset=utf-8\tabf\tshell\tgzip\n"
        "/el/\tindex.html\ttext/html; charset=utf-8\tabg\tshell\tgzip\n"
        "/fr/\troute.html\ttext/html; charset=utf-8\tr0\troute\t-\n"
        "/fr/jobs\troute.html\ttext/html; charset=utf-8\tr1\troute\t-\n"
        "/fr/jobs/{id}\troute.html\ttext/html; charset=utf-8\tr2\troute\t-\n"
        "/fr/jobs/new\troute.html\ttext/html; charset=utf-8\tr3\troute\t-\n"
        "/fr/jobs/{id}/dispute\troute.html\ttext/html; charset=utf-8\tr4\troute\t-\n"
        "/assets/a.1.js\ta.js\ttext/javascript\tdef\timmutable\tbr,gzip\n");
    put(f->dir, "index.html", "shell");
    put(f->dir, "route.html", "a page of the map");
    put(f->dir, "index.html.gz", "shell by gzip");
    put(f->dir, "a.js", "plain");
    put(f->dir, "a.js.gz", "by gzip");
    put(f->dir, "a.js.br", "by brotli");
    if (pages_load(f->dir, false, &d, &f->pages) || http_open(&config, &d, &f->server) || http_start(f->server, &d)) {
        fprintf(stderr, "%s\n", d.internal);
        return -1;
    }
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    static const char *const NAMES[] = { "manifest", "index.html", "index.html.gz", "route.html", "a.js", "a.js.gz", "a.js.br" };
    struct fixture *f = *state;
    char path[200];

    http_stop(f->server);
    http_delete(f->server);
    pages_delete(f->pages);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, NAMES[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* One request on a connection of its own; the whole reply. */
static void
ask(struct fixture *f, const char *line, const char *headers, char *ret, size_t cap)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(http_port(f->server, 0)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len = 0;
    char request[600];

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", line, headers);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n;

        assert_int_equal(poll(&p, 1, 5000), 1);
        n = recv(fd, ret + len, cap - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    ret[len] = '\0';
    close(fd);
}

static void
test_answers(void **state)
{
    static const struct {
        const char *line, *headers, *want, *want_too;
    } ROWS[] = {
        { "GET /", "", "HTTP/1.1 302 ", "Location: /en/" },
        { "GET /", "Accept-Language: fr-CA,fr;q=0.9,en;q=0.8\r\n", "Location: /fr/", "Vary: Accept-Language" },
        { "GET /", "Accept-Language: EL\r\n", "HTTP/1.1 302 ", "Location: /el/" },
        { "GET /", "Accept-Language: pt, en;q=0.3, el ; q=0.31\r\n", "HTTP/1.1 302 ", "Location: /el/" },
        { "GET /", "Accept-Language: en, fr\r\n", "HTTP/1.1 302 ", "Location: /en/" },
        { "GET /", "Accept-Language: fr;q=0, el;q=2, *\r\n", "HTTP/1.1 302 ", "Location: /en/" },
        { "GET /", "Accept-Language: fro, e, f, ,;;q, fr;q=, fr;q=0.\r\n", "HTTP/1.1 302 ", "Location: /en/" },
        { "GET /", "Accept-Language: fr\r\nCookie: a=b; kontor-language=el\r\n", "Location: /el/", "Vary: Accept-Language, Cookie" },
        { "GET /", "Accept-Language: fr\r\nCookie: kontor-language=xx\r\n", "HTTP/1.1 302 ", "Location: /fr/" },
        { "GET /", "Accept-Language: fr\r\nCookie: kontor-language=\r\n", "HTTP/1.1 302 ", "Location: /fr/" },
        { "GET /", "Accept-Language: fr\r\nCookie: kontor-language=../\r\n", "HTTP/1.1 302 ", "Location: /fr/" },
        { "GET /fr/reservations", "", "HTTP/1.1 200 ", "ETag: \"abf\"" },
        { "GET /fr/", "", "ETag: \"r0\"", "\r\n\r\na page of the map" },
        { "GET /fr", "", "ETag: \"abf\"", "\r\n\r\nshell" },
        { "GET /fr/jobs", "", "ETag: \"r1\"", "trusted-types 'none'" },
        { "GET /fr/jobs", "If-None-Match: \"r1\"\r\n", "HTTP/1.1 304 ", "Cache-Control: no-cache" },
        { "GET /fr/jobs/", "", "ETag: \"abf\"", "shell" },
        { "GET /fr/jobs/7", "", "ETag: \"r2\"", "a page of the map" },
        { "GET /fr/jobs/new", "", "ETag: \"r3\"", "a page of the map" },
        { "GET /fr/jobs/7/dispute", "", "ETag: \"r4\"", "a page of the map" },
        { "GET /fr/jobs//dispute", "", "ETag: \"abf\"", "shell" },
        { "GET /fr/jobs/7/disputed", "", "ETag: \"abf\"", "shell" },
        { "GET /fr/jobs/7/disput", "", "ETag: \"abf\"", "shell" },
        { "GET /en", "", "HTTP/1.1 200 ", "\r\n\r\nshell" },
        { "GET /en/", "", "Cache-Control: no-cache", "\r\n\r\nshell" },
        { "GET /en/reservations/1", "", "default-src 'none'", "trusted-types 'none'" },
        { "GET /en/", "Accept-Encoding: gzip, deflate, br\r\n", "Content-Encoding: gzip", "shell by gzip" },
        { "GET /en/", "If-None-Match: \"abc\"\r\n", "HTTP/1.1 304 ", "ETag: \"abc\"" },
        { "GET /en/", "If-None-Match: \"abd\"\r\n", "HTTP/1.1 200 ", "shell" },
        { "GET /enough", "", "HTTP/1.1 404 ", "others" },
        { "GET /assets/a.1.js", "", "immutable", "\r\n\r\nplain" },
        { "GET /assets/a.1.js", "Accept-Encoding: gzip, deflate, br\r\n", "Content-Encoding: br", "by brotli" },
        { "GET /assets/a.1.js", "Accept-Encoding: br;q=0, gzip\r\n", "Content-Encoding: gzip", "by gzip" },
        { "GET /assets/a.1.js", "Accept-Encoding: br;q=0.5\r\n", "Content-Encoding: br", "Vary: Accept-Encoding" },
        { "GET /assets/a.1.js", "Accept-Encoding: brotli\r\n", "Vary: Accept-Encoding", "\r\n\r\nplain" },
        { "GET /assets/a.2.js", "", "HTTP/1.1 404 ", "others" },
        { "POST /en/", "Content-Length: 0\r\n", "HTTP/1.1 404 ", "others" },
    };
    char reply[4096];

    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        ask(*state, ROWS[i].line, ROWS[i].headers, reply, sizeof reply);
        if (!strstr(reply, ROWS[i].want) || !strstr(reply, ROWS[i].want_too))
            fail_msg("%s %s gives\n%s", ROWS[i].line, ROWS[i].headers, reply);
    }
}

static void
test_bad_manifest(void **state)
{
    static const char *const ROWS[] = {
        "/en/\tindex.html\ttext/html\tabc\tshell\n",       /* a column short */
        "/en/\t../index.html\ttext/html\tabc\tshell\t-\n", /* leaves the folder */
        "en/\tindex.html\ttext/html\tabc\tshell\t-\n",
        "/en/\tindex.html\ttext/html\tabc\tsometimes\t-\n",
        "/en/\tgone.html\ttext/html\tabc\tshell\t-\n",
        "/en/\tindex.html\ttext/html\tabc\tshell\tbr\n", /* not made in that form */
    };
    char dir[] = "/tmp/kontor-test-manifest-XXXXXX", path[200];
    struct pages *pages = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    put(dir, "index.html", "shell");
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct err_detail d = { 0 };

        put(dir, "manifest", ROWS[i]);
        assert_true(pages_load(dir, false, &d, &pages) != OK);
        assert_null(pages);
        assert_true(d.internal[0] != '\0');
    }
    snprintf(path, sizeof path, "%s/manifest", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/index.html", dir);
    unlink(path);
    rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
                                        cmocka_unit_test(test_bad_manifest) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
