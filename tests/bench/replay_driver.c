/* tests/bench/replay_driver.c
 * Plays start-ups: for each line of a plan it files a request, takes a binding quote and accepts it, over HTTP, at a
 * steady number of accepts a second. Whatever the server answers for the moment (busy, not the leader, gone) is tried
 * again under the same Idempotency-Key, as a careful client would; a quote that has lapsed is asked for anew.
 *
 *   replay_driver ADDRESS:PORT[,ADDRESS:PORT…] RATE THREADS GIVE-UP-SECONDS <PLAN >RESULTS     RATE: accepts in 1,000 s
 *
 * Of several addresses another one is asked when one does not answer within 3 s, or says 503.
 *
 * Plan, one a line:   org UUID GRANT COOKIE CSRF
 *                     job ORG GPUS WALLTIME-S SLEEP-MS MEMORY-GB PREFERENCE     ORG counts the lines above from 0
 * Results, one a job: JOB ORG GPUS ACCEPT-SENT-US ACCEPTED-US CALLS ATTEMPTS REQUEST-MS QUOTE-MS REQUEST RESERVATION SITE
 *                     (times on the real clock since 1970; "failed JOB STATUS TEXT" for one that could not be placed)
 * Progress goes to standard error. Each job writes "start" and "end" to job-JOB in the folder that its agent shares. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

enum { BODY_MAX = 1 << 20, TEXT_MAX = 160, SERVERS_MAX = 4, PATIENCE_S = 35, PATIENCE_OF_SEVERAL_S = 3 };

struct org {
    char id[64], grant[32], cookie[400], csrf[200];
};

struct job {
    int org, gpus, memory_gb;
    long walltime_s, sleep_ms;
    char preference[12];
};

struct result {
    bool done;
    int64_t accept_sent_us, accepted_us;
    int calls, attempts;
    int64_t request_ms, quote_ms;
    char request[64], reservation[64], site[32];
    int status;
    char text[TEXT_MAX];
};

struct driver {
    struct sockaddr_in to[SERVERS_MAX];
    size_t to_n;
    int64_t rate; /* accepts in 1,000 s */
    int64_t give_up_us, begin_us;
    struct org *orgs;
    size_t org_count;
    struct job *jobs;
    struct result *results;
    size_t job_count;
    atomic_size_t next, placed, failed;
    atomic_long calls;
    char run[32]; /* makes this run's keys its own */
};

struct client {
    struct driver *d;
    int fd; /* -1: not connected */
    size_t server;
    char *buffer;
    size_t len; /* of the last answer's body, which lies at body */
    char *body;
};

static int64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
wait_us(int64_t us)
{
    struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

    if (us > 0)
        nanosleep(&t, NULL);
}

/* ---- HTTP --------------------------------------------------------------------------------------------------------- */

static void
client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static bool
client_connect(struct client *c)
{
    struct timeval limit = { .tv_sec = c->d->to_n > 1 ? PATIENCE_OF_SEVERAL_S : PATIENCE_S };
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(c->fd, (struct sockaddr *)&c->d->to[c->server], sizeof c->d->to[0]) == 0)
        return true;
    client_close(c);
    return false;
}

static bool
send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The value of a header within [head, end), or NULL. */
static const char *
header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line && line + 2 < end; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 3 + len + strspn(line + 3 + len, " ");
    return NULL;
}

/* Reads one answer. Its status, or 0 if the connection broke. */
static int
receive(struct client *c)
{
    size_t have = 0, need = 0;
    char *end = NULL;

    for (;;) {
        ssize_t n;

        if (end && have >= need)
            break;
        if (have + 1 >= BODY_MAX)
            return 0;
        n = recv(c->fd, c->buffer + have, BODY_MAX - 1 - have, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        have += (size_t)n;
        c->buffer[have] = '\0';
        if (!end && (end = strstr(c->buffer, "\r\n\r\n")) != NULL) {
            const char *length = header(c->buffer, end, "Content-Length");

            if (!length)
                return 0;
            c->body = end + 4;
            c->len = strtoul(length, NULL, 10);
            need = (size_t)(c->body - c->buffer) + c->len;
        }
    }
    if (strncmp(c->buffer, "HTTP/1.1 ", 9) != 0)
        return 0;
    {
        int status = (int)strtol(c->buffer + 9, NULL, 10);
        const char *connection = header(c->buffer, end, "Connection");

        if (connection && strncasecmp(connection, "close", 5) == 0)
            client_close(c);
        return status;
    }
}

/* One call, repeated with the same key until the server gives an answer that stands. Its status; 0: none in time. */
static int
post(struct client *c, const struct org *org, const char *path, const char *key, const char *body, struct result *r)
{
    int64_t until_us = now_us() + c->d->give_up_us;
    char head[1400];
    size_t body_len = strlen(body);

    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nX-CSRF-Token: %s\r\nIdempotency-Key: %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             path, org->cookie, org->csrf, key, body_len);
    for (int64_t pause_us = 20000;; pause_us = pause_us < 500000 ? pause_us * 2 : pause_us) {
        int status = 0;

        if (c->fd >= 0 || client_connect(c)) {
            r->calls++;
            atomic_fetch_add(&c->d->calls, 1);
            if (send_all(c->fd, head, strlen(head)) && send_all(c->fd, body, body_len))
                status = receive(c);
            if (status == 0)
                client_close(c);
        }
        if (status != 0 && status != 429 && status != 503)
            return status;
        if (now_us() > until_us)
            return status;
        if (status != 429 && c->d->to_n > 1) {
            client_close(c);
            c->server = (c->server + 1) % c->d->to_n;
        }
        wait_us(pause_us);
    }
}

/* The text at a member of the answer's object; "" if it is not there. */
static void
member(const struct client *c, const char *name, char *ret, size_t max)
{
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(BYTES(c->body, c->len), &detail);

    snprintf(ret, max, "%s", json_in_text_or(&in, name, max - 1, ""));
    if (json_in_close(&in) != OK) {
        /* other members are not our business */
    }
}

/* ---- a job -------------------------------------------------------------------------------------------------------- */

static void
fail_job(struct client *c, struct result *r, int status, const char *what)
{
    r->status = status;
    snprintf(r->text, sizeof r->text, "%s: %.*s", what, status ? (int)(c->len < 120 ? c->len : 120) : 0, c->body);
    for (char *at = r->text; *at; at++)
        if (*at == '\n')
            *at = ' ';
    atomic_fetch_add(&c->d->failed, 1);
}

static bool
file_request(struct client *c, size_t i, struct result *r)
{
    const struct job *job = &c->d->jobs[i];
    const struct org *org = &c->d->orgs[job->org];
    char key[64], body[900];
    int status;

    snprintf(key, sizeof key, "%s-r%zu", c->d->run, i);
    snprintf(
        body, sizeof body,
        "{\"organisation\":\"%s\",\"grant\":%s,\"name\":\"job %zu\",\"gpus\":%d,\"walltime_s\":%ld,\"memory_gb\":%d,"
        "\"model\":\"\",\"countries\":[],\"one_island\":false,\"kind\":\"batch\",\"preference\":\"%s\","
        "\"move_freely\":true,\"template\":\"script\",\"script\":\"#!/bin/sh\\necho start $KONTOR_JTI >>$KONTOR_SHARE/job-%zu\\n"
        "sleep %ld.%03ld\\necho end $KONTOR_JTI >>$KONTOR_SHARE/job-%zu\\n\"}",
        org->id, org->grant, i, job->gpus, job->walltime_s, job->memory_gb, job->preference, i, job->sleep_ms / 1000,
        job->sleep_ms % 1000, i);
    status = post(c, org, "/v1/requests", key, body, r);
    if (status == 201) {
        member(c, "id", r->request, sizeof r->request);
        return true;
    }
    fail_job(c, r, status, "request");
    return false;
}

static bool
take_quote(struct client *c, size_t i, struct result *r, char *ret_quote, size_t max)
{
    const struct org *org = &c->d->orgs[c->d->jobs[i].org];
    char key[64], path[160], body[80];
    int status;

    snprintf(body, sizeof body, "{\"hold\":true,\"preference\":\"%s\"}", c->d->jobs[i].preference);
    snprintf(key, sizeof key, "%s-q%zu-%d", c->d->run, i, r->attempts);
    snprintf(path, sizeof path, "/v1/requests/%s/quotes", r->request);
    status = post(c, org, path, key, body, r);
    if (status == 201 || status == 200) {
        member(c, "id", ret_quote, max);
        return true;
    }
    r->status = status;
    return false;
}

/* The site's code stands in the member site of the reservation, an object. */
static void
read_reservation(struct client *c, struct result *r)
{
    const char *site, *code;

    member(c, "id", r->reservation, sizeof r->reservation);
    c->body[c->len] = '\0';
    site = strstr(c->body, "\"site\":{");
    code = site ? strstr(site, "\"code\":\"") : NULL;
    if (code)
        snprintf(r->site, sizeof r->site, "%.*s", (int)strcspn(code + 8, "\""), code + 8);
}

static int64_t
due_after_us(const struct driver *d, size_t i)
{
    return (int64_t)i * 1000000000 / d->rate;
}

static void
play(struct client *c, size_t i)
{
    struct driver *d = c->d;
    struct result *r = &d->results[i];
    const struct org *org = &d->orgs[d->jobs[i].org];
    int64_t due_us = d->begin_us + due_after_us(d, i), begun_us = now_us();
    char quote[64], key[64], path[160];
    int status = 0;

    if (!file_request(c, i, r))
        return;
    r->request_ms = (now_us() - begun_us) / 1000;
    for (r->attempts = 1; r->attempts <= 20; r->attempts++) {
        int64_t quote_us = now_us();

        if (!take_quote(c, i, r, quote, sizeof quote)) {
            if (r->status != 409)
                break;
            wait_us(200000); /* this grant has as many open quotes as it may, or the place went: a little later */
            status = r->status;
            continue;
        }
        r->quote_ms = (now_us() - quote_us) / 1000;
        wait_us(due_us - now_us());
        snprintf(key, sizeof key, "%s-a%zu-%d", d->run, i, r->attempts);
        snprintf(path, sizeof path, "/v1/quotes/%s/accept", quote);
        r->accept_sent_us = now_us();
        status = post(c, org, path, key, "{\"option\":0,\"move_freely\":true}", r);
        if (status == 201) {
            r->accepted_us = now_us();
            read_reservation(c, r);
            r->done = true;
            atomic_fetch_add(&d->placed, 1);
            return;
        }
        if (status != 409)
            break;
    }
    fail_job(c, r, status ? status : r->status, "quote or accept");
}

static void *
worker(void *arg)
{
    struct driver *d = arg;
    struct client c = { .d = d, .fd = -1, .buffer = xmalloc(BODY_MAX) };

    c.body = c.buffer;
    c.buffer[0] = '\0';
    for (;;) {
        size_t i = atomic_fetch_add(&d->next, 1);

        if (i >= d->job_count)
            break;
        /* request and quote come a little before the accept is due */
        wait_us(d->begin_us + due_after_us(d, i) - 300000 - now_us());
        play(&c, i);
    }
    client_close(&c);
    free(c.buffer);
    return NULL;
}

/* ---- plan and results --------------------------------------------------------------------------------------------- */

static bool
read_plan(struct driver *d)
{
    char line[1024];

    while (fgets(line, sizeof line, stdin)) {
        struct org o;
        struct job j;

        if (sscanf(line, "org %63s %31s %399s %199s", o.id, o.grant, o.cookie, o.csrf) == 4) {
            d->orgs = xrealloc(d->orgs, (d->org_count + 1) * sizeof o);
            d->orgs[d->org_count++] = o;
        } else if (sscanf(line, "job %d %d %ld %ld %d %11s", &j.org, &j.gpus, &j.walltime_s, &j.sleep_ms, &j.memory_gb,
                          j.preference) == 6 &&
                   j.org >= 0 && (size_t)j.org < d->org_count) {
            d->jobs = xrealloc(d->jobs, (d->job_count + 1) * sizeof j);
            d->jobs[d->job_count++] = j;
        } else {
            fprintf(stderr, "replay_driver: this is no line of a plan: %s", line);
            return false;
        }
    }
    d->results = xcalloc(d->job_count ? d->job_count : 1, sizeof *d->results);
    return d->job_count > 0;
}

static void
write_results(const struct driver *d)
{
    for (size_t i = 0; i < d->job_count; i++) {
        const struct result *r = &d->results[i];

        if (r->done)
            printf("%zu %d %d %lld %lld %d %d %lld %lld %s %s %s\n", i, d->jobs[i].org, d->jobs[i].gpus,
                   (long long)r->accept_sent_us, (long long)r->accepted_us, r->calls, r->attempts,
                   (long long)r->request_ms, (long long)r->quote_ms, r->request, r->reservation, r->site);
        else
            printf("failed %zu %d %s\n", i, r->status, r->text);
    }
}

static bool
read_addresses(struct driver *d, char *text)
{
    for (char *one; (one = strsep(&text, ",")) != NULL;) {
        char *colon = strchr(one, ':');
        int64_t port;

        if (d->to_n == SERVERS_MAX || !colon || !text_to_i64(colon + 1, 1, 65535, &port))
            return false;
        *colon = '\0';
        d->to[d->to_n] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        if (inet_pton(AF_INET, one, &d->to[d->to_n++].sin_addr) != 1)
            return false;
    }
    return d->to_n > 0;
}

int
main(int argc, char **argv)
{
    struct driver d = { 0 };
    int64_t threads, give_up_s;
    pthread_t *thread;

    if (argc != 5 || !read_addresses(&d, argv[1]) || !text_to_i64(argv[2], 1, 1000000000, &d.rate) ||
        !text_to_i64(argv[3], 1, 1000, &threads) || !text_to_i64(argv[4], 1, 86400, &give_up_s)) {
        fprintf(stderr, "usage: replay_driver ADDRESS:PORT[,…] RATE THREADS GIVE-UP-SECONDS <PLAN >RESULTS\n");
        return 2;
    }
    d.give_up_us = give_up_s * 1000000;
    if (!read_plan(&d))
        return 2;
    snprintf(d.run, sizeof d.run, "%llx", (unsigned long long)now_us());
    d.begin_us = now_us() + 500000;
    thread = xcalloc((size_t)threads, sizeof *thread);
    for (int64_t i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, worker, &d) != 0)
            return 1;
    for (size_t told = 0; atomic_load(&d.placed) + atomic_load(&d.failed) < d.job_count;) {
        size_t is = atomic_load(&d.placed) + atomic_load(&d.failed);

        wait_us(100000);
        if (is >= told + 200) {
            told = is;
            fprintf(stderr, "%zu of %zu placed, %zu failed, %.1f s\n", atomic_load(&d.placed), d.job_count,
                    atomic_load(&d.failed), (double)(now_us() - d.begin_us) / 1e6);
        }
    }
    for (int64_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    fprintf(stderr, "%zu of %zu placed, %ld calls, %.1f s\n", atomic_load(&d.placed), d.job_count,
            atomic_load(&d.calls), (double)(now_us() - d.begin_us) / 1e6);
    write_results(&d);
    free(thread);
    free(d.orgs);
    free(d.jobs);
    free(d.results);
    return atomic_load(&d.failed) == 0 ? 0 : 1;
}
