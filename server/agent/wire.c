/* agent/wire.c */
#include "agent/wire.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/web.h"

#define URL_MAX    2048
#define HEADER_MAX 4096

struct wire {
    struct web *web;
    char base[WIRE_SERVERS_MAX][URL_MAX];
    size_t bases_n, at;
    struct { size_t server; uint64_t instance; } asked[WIRE_LANES];
};

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
        if (!web_url_ok(base))
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

    if (!err)
        err = web_new(WIRE_LANES, ca_file, "kontor-agent/" PACKAGE_VERSION, &w->web, d);
    if (err)
        free(w);
    else
        *ret = w;
    return err;
}

void
wire_delete(struct wire *w)
{
    web_delete(w->web);
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
    if (w->asked[lane].server == server)
        web_end(w->web, lane, "turned to another server");
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
    return web_busy(w->web, lane);
}

void
wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call)
{
    char url[URL_MAX], token[HEADER_MAX], clock[64], instance[64], now[TIME_TEXT];
    const char *headers[4] = { NULL };
    size_t n = 0;

    w->asked[lane].server = w->at;
    w->asked[lane].instance = call->instance;
    snprintf(url, sizeof url, "%s%s", w->base[w->at], call->path);
    if (call->token) {
        bool whole = text_format(token, sizeof token, "Authorization: Bearer %s", call->token);

        assert(whole);
        headers[n++] = token;
        time_text(real_now_ms(), now);
        snprintf(clock, sizeof clock, "Kontor-Clock: %s", now);
        headers[n++] = clock;
    }
    if (call->instance) {
        snprintf(instance, sizeof instance, "Kontor-Instance: %llu", (unsigned long long)call->instance);
        headers[n++] = instance;
    }
    web_start(w->web, lane, &(struct web_call){ .url = url, .headers = headers, .body = call->body, .timeout_ms = call->timeout_ms });
}

void
wire_wait(struct wire *w, const int *fds, size_t n, int timeout_ms)
{
    web_wait(w->web, fds, n, timeout_ms);
}

bool
wire_next(struct wire *w, struct wire_reply *ret)
{
    struct web_reply r;

    if (!web_next(w->web, &r))
        return false;
    *ret = (struct wire_reply){ .lane = (enum wire_lane)r.lane, .instance = w->asked[r.lane].instance, .status = r.status,
                                .unsent = r.unsent, .retry_after_s = r.retry_after_s, .server = w->asked[r.lane].server,
                                .body = r.body, .len = r.len };
    memcpy(ret->error, r.error, sizeof ret->error);
    return true;
}

void
wire_once(struct wire *w, const struct wire_call *call, struct wire_reply *ret)
{
    wire_start(w, WIRE_ERRAND, call);
    while (!wire_next(w, ret))
        wire_wait(w, NULL, 0, 1000);
}
