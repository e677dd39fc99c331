/* tests/bench/http_load.c
 * Makes given calls over keep-alive connections, each connection one at a time, as fast as they are answered.
 *
 *   http_load ADDRESS:PORT CONNECTIONS [WITHIN-MS] <CALLS >ANSWERS
 *
 * With WITHIN-MS the connections begin one after the other within as long; and a call that is refused for now (429, 503) is
 * sent again on its connection when it was told to (Retry-After), until it is not.
 *
 * Calls, one a line:  who COOKIE CSRF                  a session; they are counted from 0
 *                     call WHO PATH KEY BODY           a POST; BODY is the rest of the line
 * Answers:            STATUS MICROSECONDS ID           one for each call in order; ID is the body's first member "id", or -
 *                     refused STATUS MICROSECONDS     one for each refusal, with WITHIN-MS
 * and at the end:     done SECONDS                     from the first byte sent to the last answer */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/arena.h"
#include "base/text.h"
#include "http_wire.h"

enum { LINE_MAX_LEN = 80000, EVENTS = 256 };

struct who { char cookie[200], csrf[100]; };

struct call {
    char *request;
    size_t len;
    int status;
    int64_t sent_us, took_us;
    char id[64];
};

struct load {
    struct who *who;
    struct call *calls;
    size_t who_count, call_count, next, done;
    int64_t within_us; /* 0: all at once, and a refusal is an answer */
    struct refusal { int status; int64_t took_us; } *refusals;
    size_t refusals_n;
    struct connection *resting; /* in the order in which they go on */
};

struct connection {
    struct wire wire;
    struct call *call;
    int64_t again_us;
    struct connection *next;
};

static bool
add_call(struct load *l, char *line)
{
    char *part[4], *rest = line, *head;
    struct call *c;
    size_t head_len;
    int64_t who;

    for (int i = 0; i < 4; i++) {
        part[i] = i < 3 ? strsep(&rest, " ") : rest;
        if (!part[i])
            return false;
    }
    if (!text_to_i64(part[0], 0, (int64_t)l->who_count - 1, &who))
        return false;
    if ((l->call_count & (l->call_count - 1)) == 0)
        l->calls = xrealloc(l->calls, (l->call_count ? l->call_count * 2 : 1) * sizeof *l->calls);
    c = &l->calls[l->call_count++];
    head = xmalloc(1000 + strlen(part[3]));
    head_len = (size_t)snprintf(head, 1000 + strlen(part[3]),
                                "POST %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nX-CSRF-Token: %s\r\n"
                                "Idempotency-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                part[1], l->who[who].cookie, l->who[who].csrf, part[2], strlen(part[3]), part[3]);
    *c = (struct call){ .request = head, .len = head_len };
    return true;
}

static bool
read_calls(struct load *l)
{
    char *line = xmalloc(LINE_MAX_LEN);
    bool good = true;

    while (good && fgets(line, LINE_MAX_LEN, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "who ", 4) == 0) {
            struct who w;

            good = sscanf(line, "who %199s %99s", w.cookie, w.csrf) == 2;
            l->who = xrealloc(l->who, (l->who_count + 1) * sizeof w);
            l->who[l->who_count++] = w;
        } else {
            good = strncmp(line, "call ", 5) == 0 && add_call(l, line + 5);
        }
    }
    free(line);
    return good && l->call_count > 0;
}

static void
send_call(struct connection *c)
{
    c->call->sent_us = wire_now_us();
    wire_send(&c->wire, c->call->request, c->call->len);
}

/* Send the connection's next call, if there is one. */
static void
go_on(struct load *l, struct connection *c)
{
    c->call = l->next < l->call_count ? &l->calls[l->next++] : NULL;
    if (c->call)
        send_call(c);
}

static void
rest_until(struct load *l, struct connection *c, int64_t again_us)
{
    struct connection **at = &l->resting;

    while (*at && (*at)->again_us <= again_us)
        at = &(*at)->next;
    c->again_us = again_us;
    c->next = *at;
    *at = c;
}

/* Refused for now: the call rests. */
static void
rest(struct load *l, struct connection *c)
{
    if ((l->refusals_n & (l->refusals_n - 1)) == 0)
        l->refusals = xrealloc(l->refusals, (l->refusals_n ? l->refusals_n * 2 : 1) * sizeof *l->refusals);
    l->refusals[l->refusals_n++] = (struct refusal){ c->call->status, c->call->took_us };
    assert(c->wire.retry_after_s > 0);
    rest_until(l, c, wire_now_us() + c->wire.retry_after_s * 1000000LL);
}

/* Send again what has rested. The ms until there is more of it, -1: never. */
static int
wake(struct load *l)
{
    int64_t now_us = wire_now_us();

    while (l->resting && l->resting->again_us <= now_us) {
        struct connection *c = l->resting;

        l->resting = c->next;
        send_call(c);
    }
    return l->resting ? (int)((l->resting->again_us - now_us) / 1000 + 1) : -1;
}

static void
take_answers(struct load *l, struct connection *c)
{
    while (c->call && wire_receive(&c->wire, false)) {
        c->call->took_us = wire_now_us() - c->call->sent_us;
        c->call->status = c->wire.status;
        wire_member(&c->wire, "id", c->call->id, sizeof c->call->id);
        wire_next(&c->wire);
        if (l->within_us && (c->call->status == 429 || c->call->status == 503)) {
            rest(l, c);
            return;
        }
        l->done++;
        go_on(l, c);
    }
}

static void
run(struct load *l, const struct sockaddr_in *to, size_t count)
{
    struct connection *connections = xcalloc(count, sizeof *connections);
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t began_us;

    assert(epoll >= 0);
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connections[i] };

        wire_open(&connections[i].wire, to);
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].wire.fd, &event);
    }
    began_us = wire_now_us();
    for (size_t i = 0; i < count; i++) {
        if (l->within_us && l->next < l->call_count) { /* callers are not all there in the same instant */
            connections[i].call = &l->calls[l->next++];
            rest_until(l, &connections[i], began_us + l->within_us * (int64_t)i / (int64_t)count);
        } else {
            go_on(l, &connections[i]);
        }
    }
    while (l->done < l->call_count) {
        int n = epoll_wait(epoll, events, EVENTS, wake(l));

        for (int i = 0; i < n; i++)
            take_answers(l, events[i].data.ptr);
    }
    began_us = wire_now_us() - began_us;
    for (size_t i = 0; i < l->call_count; i++)
        printf("%d %lld %s\n", l->calls[i].status, (long long)l->calls[i].took_us, l->calls[i].id[0] ? l->calls[i].id : "-");
    for (size_t i = 0; i < l->refusals_n; i++)
        printf("refused %d %lld\n", l->refusals[i].status, (long long)l->refusals[i].took_us);
    printf("done %.6f\n", (double)began_us / 1e6);
    for (size_t i = 0; i < count; i++)
        wire_close(&connections[i].wire);
    free(connections);
}

int
main(int argc, char **argv)
{
    struct load l = { 0 };
    struct sockaddr_in to;
    int64_t connections, within_ms = 0;

    if ((argc != 3 && (argc != 4 || !text_to_i64(argv[3], 1, 60000, &within_ms))) || !wire_address(argv[1], &to) || !text_to_i64(argv[2], 1, 100000, &connections) || !read_calls(&l)) {
        fprintf(stderr, "usage: http_load ADDRESS:PORT CONNECTIONS [WITHIN-MS] <CALLS\n");
        return 2;
    }
    l.within_us = within_ms * 1000;
    run(&l, &to, (size_t)connections);
    for (size_t i = 0; i < l.call_count; i++)
        free(l.calls[i].request);
    free(l.calls);
    free(l.who);
    free(l.refusals);
    return 0;
}
