/* tests/bench/http_polls.c
 * Plays the agents of many sites that wait for tickets, several polls each. It is told what to do on standard input:
 *
 *   site CODE TOKEN     enrol a key of its own and open an instance; says "enrolled CODE"
 *   poll EACH WAIT-S    from each site so many polls, each on a connection of its own, with WAIT-S seconds of patience,
 *                       for tickets after those that it has; says "sent N"
 *   answers             when all of them are answered: "answer CODE STATUS REAL-US SEQ TICKETS" for each, then "end";
 *                       the time is that at which the answer came in at the socket
 *
 *   http_polls ADDRESS:PORT     the address of kontord's listener for agents */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/arena.h"
#include "base/text.h"
#include "crypto/jws.h"
#include "crypto/random.h"
#include "http_wire.h"

enum { EVENTS = 256 };

struct agent {
    char code[24], origin[80], kid[24];
    struct sign_key key;
    int64_t instance, seq;
};

struct poll { struct wire wire; struct agent *agent; int64_t us; int64_t seq; int status, tickets; bool done; };

struct polls {
    struct sockaddr_in to;
    struct agent *agents;
    size_t agent_count;
    struct poll *polls;
    size_t poll_count;
    int epoll;
};

static char *
token_of(const struct agent *a)
{
    char claims[400], jti[33];
    uint8_t random[16];
    int64_t now = wire_now_us() / 1000000;

    random_bytes(random, sizeof random);
    hex_encode(BYTES(random, sizeof random), jti);
    snprintf(claims, sizeof claims,
             "{\"iss\":\"%s\",\"aud\":\"%s\",\"iat\":%" PRId64 ",\"exp\":%" PRId64 ",\"jti\":\"%s\",\"ins\":%" PRId64 "}",
             a->code, a->origin, now, now + 60, jti, a->instance);
    return jws_make(&a->key, JWS_TYP_AGENT, a->kid, BYTES_TEXT(claims));
}

/* A POST on a connection of its own; the answer stays in w until it is closed. */
static bool
post(const struct polls *p, struct wire *w, const char *path, const char *token, const char *body)
{
    char head[2000];
    int len = snprintf(head, sizeof head,
                       "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nKontor-Instance: 0\r\n"
                       "%s%s%sContent-Length: %zu\r\n\r\n%s",
                       path, token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "", strlen(body),
                       body);

    *w = (struct wire){ .fd = -1 };
    wire_open(w, &p->to);
    wire_send(w, head, (size_t)len);
    wire_receive(w, true);
    if (w->status == 201)
        return true;
    fprintf(stderr, "%s: %d %s\n", path, w->status, w->body);
    return false;
}

static bool
enrol(struct polls *p, const char *code, const char *text)
{
    struct seal_key seal = seal_key_new();
    uint8_t words[16 + 128], proof[SIGN_LEN];
    char public[45], sealed[45], signature[89], body[600], number[24], *token;
    struct agent a = { .key = sign_key_new() };
    struct wire w;
    bool good;

    assert(strlen(text) <= 128);
    memcpy(words, "kontor-enrol/v1", 16);
    memcpy(words + 16, text, strlen(text));
    sign_make(&a.key, BYTES(words, 16 + strlen(text)), proof);
    base64_encode(BYTES(a.key.public, sizeof a.key.public), public);
    base64_encode(BYTES(seal.public, sizeof seal.public), sealed);
    base64_encode(BYTES(proof, sizeof proof), signature);
    snprintf(a.code, sizeof a.code, "%s", code);
    snprintf(body, sizeof body, "{\"token\":\"%s\",\"site\":\"%s\",\"ed25519\":\"%s\",\"x25519\":\"%s\",\"proof\":\"%s\"}",
             text, code, public, sealed, signature);
    good = post(p, &w, "/v1/agent/enrol", NULL, body);
    if (good) {
        wire_member(&w, "key", a.kid, sizeof a.kid);
        wire_member(&w, "origin", a.origin, sizeof a.origin);
    }
    wire_close(&w);
    if (!good)
        return false;
    token = token_of(&a);
    good = post(p, &w, "/v1/agent/instance", token,
                "{\"last_confirmed_seq\":0,\"last_receipted_report\":0,\"checkpoint\":null}");
    free(token);
    if (good) {
        wire_member(&w, "instance", number, sizeof number);
        good = text_to_i64(number, 1, INT64_MAX, &a.instance);
    }
    wire_close(&w);
    p->agents = xrealloc(p->agents, (p->agent_count + 1) * sizeof a);
    p->agents[p->agent_count++] = a;
    return good;
}

static void
send_polls(struct polls *p, int64_t each, int64_t wait_s)
{
    p->poll_count = p->agent_count * (size_t)each;
    p->polls = xcalloc(p->poll_count, sizeof *p->polls);
    for (size_t i = 0; i < p->poll_count; i++) {
        struct poll *poll = &p->polls[i];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = poll };
        char head[1500], *token;
        int len;

        poll->agent = &p->agents[i % p->agent_count];
        poll->wire.fd = -1;
        wire_open(&poll->wire, &p->to);
        wire_stamp(&poll->wire);
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, poll->wire.fd, &event);
        token = token_of(poll->agent);
        len = snprintf(head, sizeof head,
                       "GET /v1/agent/tickets?after=%" PRId64 "&wait=%" PRId64 " HTTP/1.1\r\nHost: localhost\r\n"
                       "Accept: */*\r\nAuthorization: Bearer %s\r\nKontor-Instance: %" PRId64 "\r\n\r\n",
                       poll->agent->seq, wait_s, token, poll->agent->instance);
        free(token);
        wire_send(&poll->wire, head, (size_t)len);
    }
    printf("sent %zu\n", p->poll_count);
}

/* The newest ticket in the answer, and how many there are. */
static void
read_tickets(struct poll *poll)
{
    for (const char *at = poll->wire.body; (at = strstr(at, "\"seq\":")) != NULL; at += 6) {
        poll->seq = strtoll(at + 6, NULL, 10);
        poll->tickets++;
    }
}

static void
take_answers(struct polls *p)
{
    struct epoll_event events[EVENTS];
    size_t done = 0;

    while (done < p->poll_count) {
        int n = epoll_wait(p->epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct poll *poll = events[i].data.ptr;

            if (poll->done || !wire_receive(&poll->wire, false))
                continue;
            poll->us = poll->wire.arrived_us;
            poll->done = true;
            done++;
        }
    }
    for (size_t i = 0; i < p->poll_count; i++) {
        struct poll *poll = &p->polls[i];

        read_tickets(poll);
        if (poll->seq > poll->agent->seq)
            poll->agent->seq = poll->seq;
        printf("answer %s %d %" PRId64 " %" PRId64 " %d\n", poll->agent->code, poll->wire.status, poll->us, poll->seq,
               poll->tickets);
        wire_close(&poll->wire);
    }
    free(p->polls);
    p->polls = NULL;
    p->poll_count = 0;
    puts("end");
}

int
main(int argc, char **argv)
{
    struct polls p = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
    char line[400], code[24], token[160];
    long long each, wait_s;
    bool good = argc == 2 && p.epoll >= 0 && wire_address(argv[1], &p.to);

    setvbuf(stdout, NULL, _IOLBF, 0);
    while (good && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "site %23s %159s", code, token) == 2) {
            good = enrol(&p, code, token);
            if (good)
                printf("enrolled %s\n", code);
        } else if (sscanf(line, "poll %lld %lld", &each, &wait_s) == 2 && !p.polls) {
            send_polls(&p, each, wait_s);
        } else if (strcmp(line, "answers\n") == 0 && p.polls) {
            take_answers(&p);
        } else {
            good = false;
        }
    }
    free(p.agents);
    return good ? 0 : 1;
}
