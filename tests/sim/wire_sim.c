/* tests/sim/wire_sim.c: agent/wire.h over a network that loses, repeats, delays and reorders; and the blobs folder. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/run.h"
#include "base/arena.h"
#include "base/text.h"
#include "world_sim.h"

struct lane {
    bool busy, done;
    uint64_t number, instance;
    int status, retry_after_s;
    size_t server;
    bool unsent;
    char *body;
    size_t len;
};

struct wire {
    struct seat *seat;
    uint64_t life;
    struct fiber *fiber;
    uint64_t calls;
    size_t server; /* whom it asks now */
    struct lane lanes[WIRE_LANES];
};

static struct wire *wires[SEATS]; /* of each seat's present life */

enum err
wire_new(const char *urls, const char *ca_file, struct wire **ret, struct err_detail *d)
{
    struct wire *w = xcalloc(1, sizeof *w);

    (void)urls;
    (void)ca_file;
    (void)d;
    w->seat = sim.here->own;
    w->life = sim.here->life;
    wires[w->seat - seats] = w;
    *ret = w;
    return OK;
}

size_t
wire_servers(const struct wire *w)
{
    (void)w;
    return SERVERS;
}

const char *
wire_server(const struct wire *w, size_t i)
{
    (void)w;
    return SERVER_URLS[i];
}

void
wire_turn(struct wire *w, size_t from, const char *to)
{
    if (from != w->server)
        return;
    for (size_t i = 0; i < SERVERS; i++)
        if (strcmp(SERVER_URLS[i], to) == 0) {
            w->server = i;
            return;
        }
    w->server = (from + 1) % SERVERS;
}

void
wire_delete(struct wire *w)
{
    free(w);
}

bool
wire_busy(const struct wire *w, enum wire_lane lane)
{
    return w->lanes[lane].busy;
}

/* ---- the way there and back ------------------------------------------------------------------------------------------- */

static int64_t
travel(void)
{
    return fault(FAULT_CALL_LATE_) ? draw_span(SECOND / 10, 18 * SECOND) : hop();
}

static bool
is_cut(const struct seat *s)
{
    return site_worlds[s->site].cut_until > sim.now;
}

static void
complete(const struct message *m, int status, const char *body, size_t len, int retry_after_s, bool unsent)
{
    struct wire *w = wires[m->seat - seats];
    struct lane *l;

    if (w == NULL || w->life != m->life || !m->seat->proc.alive)
        return;
    l = &w->lanes[m->lane];
    if (!l->busy || l->done || l->number != m->number)
        return;
    l->done = true;
    l->status = status;
    l->unsent = unsent;
    l->retry_after_s = retry_after_s;
    l->body = xcalloc(1, len + 1);
    if (len > 0)
        memcpy(l->body, body, len);
    l->len = len;
    if (w->fiber != NULL)
        fiber_wake(w->fiber);
}

struct reply { const struct message *m; int status, retry_after_s; char *body; size_t len; };

static void
reply_arrives(void *a, uint64_t b)
{
    const struct reply *r = a;

    (void)b;
    complete(r->m, r->status, r->body, r->len, r->retry_after_s, false);
}

void
wire_deliver(const struct message *m, int status, const char *body, size_t len, int retry_after_s)
{
    struct reply *r;

    if (is_cut(m->seat) || fault(FAULT_REPLY_LOST_))
        return;
    r = xcalloc(1, sizeof *r);
    *r = (struct reply){ m, status, retry_after_s, xcalloc(1, len + 1), len };
    if (len > 0)
        memcpy(r->body, body, len);
    at(sim.now + travel(), reply_arrives, r, 0);
}

static void
breaks(void *a, uint64_t b)
{
    (void)b;
    complete(a, 0, "", 0, 0, false);
}

void
wire_broken(const struct message *m)
{
    at(sim.now + hop(), breaks, (void *)(uintptr_t)m, 0);
}

static void
not_connected(void *a, uint64_t b)
{
    (void)b;
    complete(a, 0, "", 0, 0, true);
}

static void
arrive(void *a, uint64_t b)
{
    struct message *m = a;
    struct server *s = &servers[m->server];

    (void)b;
    if (!s->proc.alive) {
        at(sim.now + hop(), not_connected, m, 0);
        return;
    }
    edge_take(s, m);
}

static void
send(struct message *m)
{
    if (is_cut(m->seat) || fault(FAULT_CALL_LOST_))
        return; /* its own time-out will tell */
    at(sim.now + travel(), arrive, m, 0);
    if (fault(FAULT_CALL_TWICE_))
        at(sim.now + travel() + draw_span(0, 30 * SECOND), arrive, m, 0);
}

/* ---- what the agent calls --------------------------------------------------------------------------------------------- */

void
wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call)
{
    struct lane *l = &w->lanes[lane];
    struct message *m = xcalloc(1, sizeof *m);

    assert(!l->busy);
    *l = (struct lane){ .busy = true, .number = ++w->calls, .instance = call->instance, .server = w->server };
    *m = (struct message){ .seat = w->seat, .life = w->life, .number = l->number, .lane = lane, .server = w->server };
    text_format(m->path, sizeof m->path, "%s", call->path);
    if (call->token != NULL) {
        m->token = xmalloc(strlen(call->token) + 8);
        memcpy(m->token, "Bearer ", 7);
        memcpy(m->token + 7, call->token, strlen(call->token) + 1);
        time_text(real_now_ms(), m->clock);
    }
    m->has_instance = call->instance != 0;
    text_format(m->instance, sizeof m->instance, "%llu", (unsigned long long)call->instance);
    if (call->body.data != NULL) {
        m->body = xcalloc(1, call->body.len + 1);
        memcpy(m->body, call->body.data, call->body.len);
        m->body_len = call->body.len;
    }
    send(m);
    at(sim.now + (int64_t)call->timeout_ms * 1000, breaks, m, 0);
}

void
wire_wait(struct wire *w, const int *fds, size_t n, int timeout_ms)
{
    int64_t span = (int64_t)timeout_ms * 1000;

    (void)fds;
    (void)n;
    for (size_t i = 0; i < WIRE_LANES; i++)
        if (w->lanes[i].done)
            return;
    if (span >= SECOND / 2) /* an idle loop may wake late */
        span += (int64_t)draw((uint64_t)(span * sim.stretch));
    w->fiber = fiber_self();
    fiber_wait(sim.now + span);
    w->fiber = NULL;
}

bool
wire_next(struct wire *w, struct wire_reply *ret)
{
    for (size_t i = 0; i < WIRE_LANES; i++) {
        struct lane *l = &w->lanes[i];

        if (!l->done)
            continue;
        l->done = l->busy = false;
        *ret = (struct wire_reply){ .lane = (enum wire_lane)i, .instance = l->instance, .status = l->status,
                                    .unsent = l->unsent, .server = l->server, .retry_after_s = l->retry_after_s, .body = l->body,
                                    .len = l->len };
        return true;
    }
    return false;
}

/* ---- agent/run.h: files of the blobs folder, which are not synced ------------------------------------------------------ */

#define SCRIPT "#!/bin/sh\ntrain\n"

enum err
run_file_tail(int dir, const char *name, void *ret, size_t cap, size_t *ret_len)
{
    const struct seat *s = sim.here->own;
    struct hash h;

    (void)dir;
    if (!hex_decode(name, h.b, sizeof h.b))
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < s->blobs_n; i++)
        if (hash_equal(s->blobs[i], h) && cap >= sizeof SCRIPT - 1) {
            memcpy(ret, SCRIPT, sizeof SCRIPT - 1);
            *ret_len = sizeof SCRIPT - 1;
            return OK;
        }
    return ERR_NOT_FOUND;
}

enum err
run_file_write(int dir, const char *name, const void *data, size_t len, enum run_sync sync)
{
    struct seat *s = sim.here->own;

    (void)dir;
    (void)name;
    (void)sync;
    s->blobs[s->blobs_n++ % 32] = sha256(BYTES(data, len));
    if (s->blobs_n > 32)
        s->blobs_n = 32;
    return OK;
}
