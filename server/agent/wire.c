/* agent/wire.c */
#include "agent/wire.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

#define REPLY_MAX          (8UL * 1024 * 1024)
#define CONNECT_TIMEOUT_MS 5000
#define URL_MAX            2048

struct lane {
    CURL *easy;
    struct curl_slist *headers;
    bool busy, done;
    size_t server;
    uint64_t instance;
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    char *sent; /* the body, kept while it is sent */
    char *body;
    size_t len, cap;
};

struct wire {
    CURLM *multi;
    char base[WIRE_SERVERS_MAX][URL_MAX], ca_file[URL_MAX];
    size_t bases_n, at;
    struct lane lanes[WIRE_LANES];
};

/* Plain HTTP only where nobody can listen in. */
static bool
url_allowed(const char *url)
{
    static const char *const LOOPBACK[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };

    if (text_starts(url, "https://"))
        return true;
    for (size_t i = 0; i < sizeof LOOPBACK / sizeof LOOPBACK[0]; i++) {
        size_t len = strlen(LOOPBACK[i]);

        if (text_starts(url, LOOPBACK[i]) && (url[len] == 0 || url[len] == ':' || url[len] == '/'))
            return true;
    }
    return false;
}

/* Slashes at its end do not count. */
static size_t
url_len(const char *url, size_t len)
{
    while (len > 0 && url[len - 1] == '/')
        len--;
    return len;
}

static enum err
read_urls(struct wire *w, const char *urls, struct err_detail *d)
{
    for (const char *at = urls + strspn(urls, " "); *at; at += strspn(at, " ")) {
        size_t all = strcspn(at, " "), len = url_len(at, all);
        char *base = w->base[w->bases_n];

        if (w->bases_n == WIRE_SERVERS_MAX)
            return err_internal(d, ERR_CONFIG, "server: more than %d addresses", WIRE_SERVERS_MAX);
        if (len < URL_MAX - 1024)
            snprintf(base, URL_MAX, "%.*s", (int)len, at);
        if (!url_allowed(base))
            return err_internal(d, ERR_CONFIG, "server = %.*s: must be https://…, or http:// on a loopback address",
                                (int)all, at);
        w->bases_n++;
        at += all;
    }
    return w->bases_n ? OK : err_internal(d, ERR_CONFIG, "server: an address is missing");
}

enum err
wire_new(const char *urls, const char *ca_file, struct wire **ret, struct err_detail *d)
{
    struct wire *w = xcalloc(1, sizeof *w);
    enum err err = read_urls(w, urls, d);

    if (!err && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        err = err_internal(d, ERR_INTERNAL, "libcurl does not start");
    if (err) {
        free(w);
        return err;
    }
    text_format(w->ca_file, sizeof w->ca_file, "%s", ca_file);
    w->multi = curl_multi_init();
    for (size_t i = 0; i < WIRE_LANES; i++)
        w->lanes[i].easy = curl_easy_init();
    for (size_t i = 0; i < WIRE_LANES; i++)
        if (!w->multi || !w->lanes[i].easy) {
            wire_delete(w);
            return err_internal(d, ERR_INTERNAL, "libcurl does not start");
        }
    *ret = w;
    return OK;
}

void
wire_delete(struct wire *w)
{
    for (size_t i = 0; i < WIRE_LANES; i++) {
        struct lane *l = &w->lanes[i];

        if (l->busy)
            curl_multi_remove_handle(w->multi, l->easy);
        curl_easy_cleanup(l->easy);
        curl_slist_free_all(l->headers);
        free(l->sent);
        free(l->body);
    }
    curl_multi_cleanup(w->multi);
    curl_global_cleanup();
    free(w);
}

size_t
wire_servers(const struct wire *w)
{
    return w->bases_n;
}

const char *
wire_server(const struct wire *w, size_t i)
{
    assert(i < w->bases_n);
    return w->base[i];
}

/* What waits there for tickets or checkpoints waits in vain. */
static void
end_poll(struct wire *w, enum wire_lane lane, size_t server)
{
    struct lane *l = &w->lanes[lane];

    if (!l->busy || l->done || l->server != server)
        return;
    curl_multi_remove_handle(w->multi, l->easy);
    l->code = CURLE_ABORTED_BY_CALLBACK;
    snprintf(l->error, sizeof l->error, "turned to another server");
    l->done = true;
}

void
wire_turn(struct wire *w, size_t from, const char *to)
{
    size_t len = url_len(to, strlen(to));

    if (from != w->at)
        return; /* another lane has turned already */
    w->at = (w->at + 1) % w->bases_n;
    for (size_t i = 0; i < w->bases_n && len > 0; i++)
        if (strlen(w->base[i]) == len && memcmp(w->base[i], to, len) == 0)
            w->at = i;
    if (w->at == from)
        return;
    end_poll(w, WIRE_POLL, from);
    end_poll(w, WIRE_WITNESS, from);
}

bool
wire_busy(const struct wire *w, enum wire_lane lane)
{
    return w->lanes[lane].busy;
}

static size_t
take_body(char *data, size_t size, size_t n, void *with)
{
    struct lane *l = with;
    size_t len = size * n;

    if (len > REPLY_MAX - l->len)
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

static void PRINTF(2, 3) header(struct lane *l, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    bool whole;

    va_start(args, fmt);
    whole = text_vformat(text, sizeof text, fmt, args);
    va_end(args);
    assert(whole);
    l->headers = curl_slist_append(l->headers, text);
    assert(l->headers);
}

void
wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call)
{
    struct lane *l = &w->lanes[lane];
    char url[URL_MAX];

    assert(!l->busy);
    curl_easy_reset(l->easy); /* keeps the connection */
    curl_slist_free_all(l->headers);
    free(l->sent);
    l->headers = NULL;
    l->sent = NULL;
    l->len = 0;
    l->done = false;
    l->instance = call->instance;
    l->error[0] = 0;
    l->server = w->at;
    snprintf(url, sizeof url, "%s%s", w->base[w->at], call->path);
    curl_easy_setopt(l->easy, CURLOPT_URL, url);
    curl_easy_setopt(l->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(l->easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->error);
    curl_easy_setopt(l->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(l->easy, CURLOPT_PRIVATE, l);
    curl_easy_setopt(l->easy, CURLOPT_USERAGENT, "kontor-agent/" PACKAGE_VERSION);
    if (w->ca_file[0])
        curl_easy_setopt(l->easy, CURLOPT_CAINFO, w->ca_file);
    if (call->token)
        header(l, "Authorization: Bearer %s", call->token);
    if (call->token) {
        char now[TIME_TEXT];

        time_text(real_now_ms(), now);
        header(l, "Kontor-Clock: %s", now);
    }
    if (call->instance)
        header(l, "Kontor-Instance: %llu", (unsigned long long)call->instance);
    if (call->body.data) {
        l->sent = xmalloc(call->body.len + 1);
        memcpy(l->sent, call->body.data, call->body.len);
        header(l, "Content-Type: application/json");
        header(l, "Expect:");
        curl_easy_setopt(l->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(l->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(l->easy, CURLOPT_POSTFIELDS, l->sent);
    }
    curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, l->headers);
    l->busy = curl_multi_add_handle(w->multi, l->easy) == CURLM_OK;
    assert(l->busy);
}

static void
collect(struct wire *w)
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
wire_wait(struct wire *w, const int *fds, size_t n, int timeout_ms)
{
    struct curl_waitfd extra[8];
    int running;

    assert(n <= sizeof extra / sizeof extra[0]);
    for (size_t i = 0; i < n; i++)
        extra[i] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
    curl_multi_perform(w->multi, &running);
    collect(w);
    for (size_t i = 0; i < WIRE_LANES; i++)
        if (w->lanes[i].done)
            return;
    curl_multi_poll(w->multi, extra, (unsigned)n, timeout_ms, NULL);
    curl_multi_perform(w->multi, &running);
    collect(w);
}

bool
wire_next(struct wire *w, struct wire_reply *ret)
{
    for (size_t i = 0; i < WIRE_LANES; i++) {
        struct lane *l = &w->lanes[i];
        long status = 0;
        curl_off_t retry = 0;

        if (!l->done)
            continue;
        l->done = l->busy = false;
        *ret = (struct wire_reply){ .lane = (enum wire_lane)i, .instance = l->instance,
                                     .server = l->server };
        if (l->code == CURLE_OK) {
            curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
            curl_easy_getinfo(l->easy, CURLINFO_RETRY_AFTER, &retry);
        } else {
            snprintf(ret->error, sizeof ret->error, "%.200s", l->error[0] ? l->error : curl_easy_strerror(l->code));
        }
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

void
wire_once(struct wire *w, const struct wire_call *call, struct wire_reply *ret)
{
    wire_start(w, WIRE_ERRAND, call);
    while (!wire_next(w, ret))
        wire_wait(w, NULL, 0, 1000);
}
