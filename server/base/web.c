/* base/web.c */
#include "base/web.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/text.h"

#define REPLY_MAX          (8UL * 1024 * 1024)
#define CONNECT_TIMEOUT_MS 5000
#define SAY_TIMEOUT_S      10 /* a mail server's one reply */

struct lane {
    CURL *easy;
    struct curl_slist *headers;
    bool busy, done;
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    char *sent; /* the body, kept while it is sent */
    char *body;
    size_t len, cap, most, heads; /* heads: bytes of the reply's headers */
    bool turned_away; /* by open_public() */
    /* of a letter */
    struct curl_slist *to;
    size_t sent_len, sent_at;
    bool letter, refused, leaving; /* refused: the last that was said to the mail server was about the letter */
    int reply;                     /* to that: its number, and its last line */
    char said[160];
};

struct web {
    CURLM *multi;
    char *ca_file, *name;
    size_t n;
    struct lane lanes[];
};

/* Scheme and host in plain letters, no user before it. */
static bool
plain(const char *url)
{
    const char *host = strstr(url, "://");

    for (const char *at = url; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '\\')
            return false;
    return host && host[3] && !memchr(host + 3, '@', strcspn(host + 3, "/?#"));
}

bool
web_url_loopback(const char *url)
{
    static const char *const LOOPBACK[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };

    for (size_t i = 0; i < sizeof LOOPBACK / sizeof LOOPBACK[0]; i++) {
        size_t len = strlen(LOOPBACK[i]);

        if (text_starts(url, LOOPBACK[i]) && (url[len] == 0 || url[len] == ':' || url[len] == '/'))
            return plain(url);
    }
    return false;
}

bool
web_url_ok(const char *url)
{
    return web_url_loopback(url) || (text_starts(url, "https://") && plain(url));
}

bool
web_url_stranger_ok(const char *url, bool plain_too)
{
    return (text_starts(url, "https://") || (plain_too && text_starts(url, "http://"))) && plain(url);
}

bool
web_mail_url_ok(const char *url)
{
    const char *host = strstr(url, "://");

    return (text_starts(url, "smtp://") || text_starts(url, "smtps://")) && plain(url) && host && !host[3 + strcspn(host + 3, "/?#%;")];
}

bool
web_mail_url_loopback(const char *url)
{
    static const char *const LOOPBACK[] = { "127.0.0.1", "localhost", "[::1]" };
    const char *host = web_mail_url_ok(url) ? strstr(url, "://") + 3 : "";

    for (size_t i = 0; i < sizeof LOOPBACK / sizeof LOOPBACK[0]; i++) {
        size_t len = strlen(LOOPBACK[i]);

        if (text_starts(host, LOOPBACK[i]) && (host[len] == 0 || host[len] == ':'))
            return true;
    }
    return false;
}

enum err
web_new(size_t lanes, const char *ca_file, const char *name, struct web **ret, struct err_detail *d)
{
    struct web *w;
    bool good;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return err_internal(d, ERR_INTERNAL, "libcurl does not start");
    w = xcalloc(1, sizeof *w + lanes * sizeof w->lanes[0]);
    w->n = lanes;
    w->ca_file = xstrdup(ca_file);
    w->name = xstrdup(name);
    w->multi = curl_multi_init();
    good = w->multi != NULL;
    for (size_t i = 0; i < lanes; i++) {
        w->lanes[i].easy = curl_easy_init();
        good = good && w->lanes[i].easy;
    }
    if (!good) {
        web_delete(w);
        return err_internal(d, ERR_INTERNAL, "libcurl does not start");
    }
    *ret = w;
    return OK;
}

void
web_delete(struct web *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++) {
        struct lane *l = &w->lanes[i];

        if (l->busy)
            curl_multi_remove_handle(w->multi, l->easy);
        curl_easy_cleanup(l->easy);
        curl_slist_free_all(l->headers);
        curl_slist_free_all(l->to);
        free(l->sent);
        free(l->body);
    }
    curl_multi_cleanup(w->multi);
    curl_global_cleanup();
    free(w->ca_file);
    free(w->name);
    free(w);
}

bool
web_busy(const struct web *w, size_t lane)
{
    return w->lanes[lane].busy;
}

void
web_end(struct web *w, size_t lane, const char *why)
{
    struct lane *l = &w->lanes[lane];

    if (!l->busy || l->done)
        return;
    curl_multi_remove_handle(w->multi, l->easy);
    l->code = CURLE_ABORTED_BY_CALLBACK;
    snprintf(l->error, sizeof l->error, "%s", why);
    l->done = true;
}

static size_t
take_body(char *data, size_t size, size_t n, void *with)
{
    struct lane *l = with;
    size_t len = size * n;

    if (len > l->most - l->len || l->len + len + l->heads > l->most)
        return 0; /* ends the transfer with an error */
    if (l->len + len + 1 > l->cap) {
        l->cap = (l->len + len + 1) * 2;
        l->body = xrealloc(l->body, l->cap);
    }
    memcpy(l->body + l->len, data, len);
    l->len += len;
    l->body[l->len] = 0;
    return len;
}

static size_t
take_head(char *data, size_t size, size_t n, void *with)
{
    struct lane *l = with;

    (void)data;
    l->heads += size * n;
    return l->heads > l->most ? 0 : size * n;
}

/* The socket of an address that was just looked up: none, unless it is public. No second look-up comes between. */
static curl_socket_t
open_public(void *with, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct lane *l = with;

    (void)purpose;
    if (address_is_public(&address->addr))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    l->turned_away = true;
    return CURL_SOCKET_BAD;
}

static void
header(struct lane *l, const char *text)
{
    struct curl_slist *more = curl_slist_append(l->headers, text);

    if (!more)
        fatal(OUT_OF_MEMORY);
    l->headers = more;
}

static size_t
give_letter(char *data, size_t size, size_t n, void *with)
{
    struct lane *l = with;
    size_t len = l->sent_len - l->sent_at < size * n ? l->sent_len - l->sent_at : size * n;

    memcpy(data, l->sent + l->sent_at, len);
    l->sent_at += len;
    return len;
}

/* Whom a letter is for is what RCPT says, and what it is comes after DATA: only what is answered to these is about the letter.
 * The farewell, which libcurl says after a failure too, is not heard. */
static int
hear(CURL *easy, curl_infotype type, char *data, size_t len, void *with)
{
    struct lane *l = with;

    (void)easy;
    if (type == CURLINFO_HEADER_OUT) {
        l->leaving = l->leaving || (len >= 4 && memcmp(data, "QUIT", 4) == 0);
        if (!l->leaving)
            l->refused = len >= 4 && (memcmp(data, "RCPT", 4) == 0 || memcmp(data, "DATA", 4) == 0);
    } else if (type == CURLINFO_HEADER_IN && !l->leaving) {
        text_format(l->said, sizeof l->said, "%.*s", (int)(len < sizeof l->said ? len : sizeof l->said - 1), data);
        l->reply = (int)strtol(l->said, NULL, 10);
    }
    return 0;
}

static void
set_letter(struct lane *l, const struct web_call *call)
{
    const struct web_letter *letter = call->letter;
    char address[300];

    l->sent = xmalloc(call->body.len + 1);
    memcpy(l->sent, call->body.data, call->body.len);
    l->sent_len = call->body.len;
    l->sent_at = 0;
    text_format(address, sizeof address, "<%s>", letter->from);
    curl_easy_setopt(l->easy, CURLOPT_MAIL_FROM, address);
    text_format(address, sizeof address, "<%s>", letter->to);
    l->to = curl_slist_append(NULL, address);
    if (!l->to)
        fatal(OUT_OF_MEMORY);
    curl_easy_setopt(l->easy, CURLOPT_MAIL_RCPT, l->to);
    curl_easy_setopt(l->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(l->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(l->easy, CURLOPT_READFUNCTION, give_letter);
    curl_easy_setopt(l->easy, CURLOPT_READDATA, l);
    curl_easy_setopt(l->easy, CURLOPT_USE_SSL, (long)(letter->clear ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(l->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)SAY_TIMEOUT_S); /* also how long its farewell is waited for, by the whole thread */
    curl_easy_setopt(l->easy, CURLOPT_DEBUGFUNCTION, hear);
    curl_easy_setopt(l->easy, CURLOPT_DEBUGDATA, l);
    curl_easy_setopt(l->easy, CURLOPT_VERBOSE, 1L);
    if (letter->user[0]) {
        curl_easy_setopt(l->easy, CURLOPT_USERNAME, letter->user);
        curl_easy_setopt(l->easy, CURLOPT_PASSWORD, letter->password);
    }
    curl_easy_setopt(l->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(l->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(l->easy, CURLOPT_FORBID_REUSE, 1L);
}

static void
set_body(struct lane *l, const struct web_call *call)
{
    char type[128];

    l->sent = xmalloc(call->body.len + 1);
    memcpy(l->sent, call->body.data, call->body.len);
    text_format(type, sizeof type, "Content-Type: %s", call->type ? call->type : "application/json");
    header(l, type);
    header(l, "Expect:");
    curl_easy_setopt(l->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(l->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(l->easy, CURLOPT_POSTFIELDS, l->sent);
}

void
web_start(struct web *w, size_t lane, const struct web_call *call)
{
    struct lane *l = &w->lanes[lane];

    assert(!l->busy);
    curl_easy_reset(l->easy); /* keeps the connection */
    curl_slist_free_all(l->headers);
    curl_slist_free_all(l->to);
    free(l->sent);
    l->headers = l->to = NULL;
    l->sent = NULL;
    l->len = 0;
    l->letter = call->letter != NULL;
    l->refused = l->leaving = false;
    l->reply = 0;
    l->said[0] = 0;
    l->most = call->most ? call->most : REPLY_MAX;
    l->heads = 0;
    l->done = l->turned_away = false;
    l->error[0] = 0;
    curl_easy_setopt(l->easy, CURLOPT_URL, call->url);
    curl_easy_setopt(l->easy, CURLOPT_PROTOCOLS_STR, l->letter ? "smtp,smtps" : "http,https");
    curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(l->easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(l->easy, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(l->easy, CURLOPT_HEADERDATA, l);
    curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->error);
    curl_easy_setopt(l->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(l->easy, CURLOPT_PRIVATE, l);
    curl_easy_setopt(l->easy, CURLOPT_USERAGENT, w->name);
    if (w->ca_file[0])
        curl_easy_setopt(l->easy, CURLOPT_CAINFO, w->ca_file);
    if (call->stranger) {
        curl_easy_setopt(l->easy, CURLOPT_OPENSOCKETFUNCTION, open_public);
        curl_easy_setopt(l->easy, CURLOPT_OPENSOCKETDATA, l);
        curl_easy_setopt(l->easy, CURLOPT_PROXY, "");
        curl_easy_setopt(l->easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(l->easy, CURLOPT_FORBID_REUSE, 1L);
    }
    for (const char *const *h = call->headers; h && *h; h++)
        header(l, *h);
    if (call->letter)
        set_letter(l, call);
    else if (call->body.data)
        set_body(l, call);
    curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, l->headers);
    l->busy = curl_multi_add_handle(w->multi, l->easy) == CURLM_OK;
    assert(l->busy);
}

static void
collect(struct web *w)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(w->multi, &left)) != NULL) {
        struct lane *l = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &l);
        l->code = message->data.result;
        l->done = true;
        curl_multi_remove_handle(w->multi, l->easy);
    }
}

void
web_wait(struct web *w, const int *fds, size_t n, int timeout_ms)
{
    struct curl_waitfd extra[8];
    int running;

    assert(n <= sizeof extra / sizeof extra[0]);
    for (size_t i = 0; i < n; i++)
        extra[i] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
    curl_multi_perform(w->multi, &running);
    collect(w);
    for (size_t i = 0; i < w->n; i++)
        if (w->lanes[i].done)
            return;
    curl_multi_poll(w->multi, extra, (unsigned)n, timeout_ms, NULL);
    curl_multi_perform(w->multi, &running);
    collect(w);
}

/* Why a call came to nothing. A mail server's own words where it turned us down; else its last reply, which was a good one, says
 * nothing. */
static void
say_why(const struct lane *l, long *status, struct web_reply *ret)
{
    const char *why = l->turned_away ? "Its address is not a public one." : l->error[0] ? l->error : curl_easy_strerror(l->code);

    if (l->letter && l->reply >= 400 && l->reply < 600) {
        *status = l->reply;
        ret->refused = l->refused;
        why = l->said;
    }
    snprintf(ret->error, sizeof ret->error, "%.200s", why);
}

bool
web_next(struct web *w, struct web_reply *ret)
{
    for (size_t i = 0; i < w->n; i++) {
        struct lane *l = &w->lanes[i];
        long status = 0;
        curl_off_t retry = 0;

        if (!l->done)
            continue;
        l->done = l->busy = false;
        *ret = (struct web_reply){ .lane = i };
        if (l->code == CURLE_OK) {
            curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
            curl_easy_getinfo(l->easy, CURLINFO_RETRY_AFTER, &retry);
        } else {
            say_why(l, &status, ret);
        }
        if (l->letter && l->code == CURLE_OK)
            status = l->reply;
        ret->status = (int)status;
        ret->retry_after_s = retry > 0 && retry < 86400 ? (int)retry : 0;
        ret->unsent = l->code == CURLE_COULDNT_CONNECT || l->code == CURLE_COULDNT_RESOLVE_HOST ||
                      l->code == CURLE_SSL_CONNECT_ERROR || l->code == CURLE_PEER_FAILED_VERIFICATION;
        if (!l->body)
            l->body = xcalloc(1, 1);
        l->body[l->len] = 0;
        ret->body = l->body;
        ret->len = l->len;
        return true;
    }
    return false;
}
