/* tests/sim/edge.c
 * What stands between the wire and the market on a server: the product's handlers of agents' routes (api/agents.c,
 * api/agent_tickets.c, api/auth.c, api/call.c) with what they need around them: responses, the workers' pool, long polls,
 * the workers' queries. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_tickets.h"
#include "api/handlers.h"
#include "base/num.h"
#include "base/text.h"
#include "store/agents.h"
#include "store/blobs.h"
#include "store/given.h"
#include "store/people.h"
#include "store/second.h"
#include "store/reservations.h"
#include "store/secrets.h"
#include "store/security.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "store/site_records.h"
#include "servers.h"

struct http_response { int status, retry_after_s; char *body; size_t len; };

static struct server *
here(void)
{
    return sim.here->own;
}

/* ---- witnesses: no history has a policy, so no guard is closed --------------------------------------------------------- */

enum err
seen_take(struct call *call, const char *note)
{
    (void)call;
    (void)note;
    return OK;
}

/* ---- responses -------------------------------------------------------------------------------------------------------- */

struct http_response *
http_response(int status, const char *type, const void *body, size_t len, enum http_body mode)
{
    struct http_response *r = xcalloc(1, sizeof *r);

    (void)type;
    (void)mode;
    r->status = status;
    r->body = xcalloc(1, len + 1);
    if (len > 0)
        memcpy(r->body, body, len);
    r->len = len;
    return r;
}

struct http_response *
http_response_packed(int status, const char *type, char *body, size_t len, const char *accepts)
{
    (void)accepts;
    return http_response(status, type, body, len, HTTP_FREE);
}

void
http_response_header(struct http_response *r, const char *name, const char *value)
{
    int64_t s;

    if (strcmp(name, "Retry-After") == 0 && text_to_i64(value, 0, 86400, &s))
        r->retry_after_s = (int)s;
}

int
http_response_status(const struct http_response *r)
{
    return r->status;
}

void
http_complete(struct http_call *call, struct http_response *r)
{
    const struct message *m = call->user;

    wire_deliver(m, r->status, r->body, r->len, r->retry_after_s);
}

const char *
http_query(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->query_count; i++)
        if (strcmp(call->query[i].name, name) == 0)
            return call->query[i].value;
    return NULL;
}

bool
http_response_is_shared(const struct http_response *r)
{
    (void)r;
    return false;
}

void
traffic_count(struct traffic *t, const struct route *route, int status, int64_t us)
{
    (void)t;
    (void)route;
    (void)status;
    (void)us;
}

char *
api_sign(struct api *api, const char *typ, struct bytes claims)
{
    return jws_make(&api->key, typ, "0", claims);
}

/* ---- workers ---------------------------------------------------------------------------------------------------------- */

struct task { struct server *server; uint64_t life; struct call *call; handler_fn *stage; };

static void
task_runs(void *a, uint64_t b)
{
    struct task *t = a;
    struct scope s;

    if (!t->server->proc.alive || t->server->proc.life != t->life)
        return;
    if (t->server->proc.frozen_until > sim.now) {
        at(t->server->proc.frozen_until, task_runs, t, b);
        return;
    }
    s = scope_enter(&t->server->proc, NULL);
    t->stage(t->call);
    scope_leave(s);
}

enum err
pool_put(struct pool *p, enum pool_lane lane, struct call *call, handler_fn *stage)
{
    struct task *t = xcalloc(1, sizeof *t);

    (void)p;
    (void)lane;
    *t = (struct task){ here(), here()->proc.life, call, stage };
    at(sim.now + draw_span(0, 300), task_runs, t, 0);
    return OK;
}

/* ---- long polls ------------------------------------------------------------------------------------------------------- */

static void
answer_poll(struct call *call, uint64_t site, uint64_t after)
{
    bool any = false;
    enum err err = agent_tickets_read(call->api, call->db, site, after, &call->out, &any);

    if (err) {
        call_fail(call, err);
        return;
    }
    if (!any)
        agent_tickets_none(call->api, &call->out);
    call_reply(call, 200);
}

static void
poll_ends(void *a, uint64_t number)
{
    struct server *s = a;
    struct scope scope;

    for (size_t i = 0; s->proc.alive && i < s->parked_n; i++) {
        struct parked p = s->parked[i];

        if (p.number != number)
            continue;
        s->parked[i] = s->parked[--s->parked_n];
        scope = scope_enter(&s->proc, NULL);
        answer_poll(p.call, p.site, p.after);
        scope_leave(scope);
        return;
    }
}

void
waits_poll(struct call *call, uint64_t site, uint64_t after, int64_t wait_ms)
{
    struct server *s = here();

    if (wait_ms == 0 || s->parked_n == PARKED_MAX) {
        agent_tickets_none(call->api, &call->out);
        call_reply(call, 200);
        return;
    }
    s->parked[s->parked_n++] = (struct parked){ call, site, after, ++s->parked_ever };
    at(sim.now + wait_ms * 1000, poll_ends, s, s->parked_ever);
}

void
edge_commit(void *ctx, const struct market_event *events, size_t n)
{
    struct server *s = ctx;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; events[i].kind == EVENT_TICKET && k < s->parked_n; k++)
            if (s->parked[k].site == events[i].index)
                at(sim.now, poll_ends, s, s->parked[k].number);
}

/* ---- one call --------------------------------------------------------------------------------------------------------- */

static const struct route AGENT_ROUTE = { .method = HTTP_POST, .path = "/v1/agent", .name = "agent", .who = WHO_AGENT };
static const struct route PUBLIC_ROUTE = { .method = HTTP_GET, .path = "/.well-known/jwks.json", .name = "keys" };

static void
keys(struct call *call)
{
    const struct state *s = call_state(call);

    if (s == NULL)
        return;
    jwks_json(call, s, NULL);
    call_state_done(call);
    call_reply(call, 200);
}

static handler_fn *
handler_of(struct call *call, struct http_call *http, char *path)
{
    char *question = strchr(path, '?');

    if (strncmp(path, "/v1/agent/tickets?", 18) == 0) {
        for (char *at_ = question + 1, *end; at_ != NULL && http->query_count < HTTP_QUERY_MAX; at_ = end) {
            char *equal = strchr(at_, '=');
            end = strchr(at_, '&');
            if (end != NULL)
                *end++ = '\0';
            *equal = '\0';
            http->query[http->query_count++] = (struct http_pair){ at_, equal + 1 };
        }
        return agent_tickets;
    }
    if (strcmp(path, "/v1/agent/tickets/received") == 0)
        return agent_received;
    if (strcmp(path, "/v1/agent/reports") == 0)
        return agent_report;
    if (strcmp(path, "/v1/agent/instance") == 0)
        return agent_instance;
    if (strncmp(path, "/v1/agent/blobs/", 16) == 0) {
        call->path_text = path + 16;
        return agent_blob;
    }
    return NULL;
}

/* As api/dispatch.c has it: who leads alone says what is so. */
enum err
edge_refuses(struct server *s)
{
    enum market_phase phase = market_phase(s->market);

    if (market_leads(s->market) || phase == MARKET_REBUILDING || phase == MARKET_STOPPING)
        return OK;
    return phase == MARKET_WAITING_LEASE ? ERR_NOT_LEADER : ERR_DB;
}

static void
begin(struct server *s, struct message *m)
{
    struct http_call *http = xcalloc(1, sizeof *http);
    struct call *call = xcalloc(1, sizeof *call);
    bool worker = false;
    handler_fn *handler;
    enum err err = OK;

    call->api = &s->api;
    call->http = http;
    call->kept = true;
    call->arena = arena_new();
    call->now_ms = clock_now(&s->api.clock);
    call->began_ms = monotonic_ms();
    call->began_us = monotonic_us();
    call->request_id = "";
    call->db = db_new(&(struct db_config){ .name = "worker" });
    call->command = xcalloc(1, sizeof *call->command);
    call->authorization = m->token;
    call->instance = m->has_instance ? m->instance : NULL;
    call->clock = m->clock[0] != '\0' ? m->clock : NULL;
    call->body = BYTES(m->body, m->body_len);
    http->user = m;
    http->listener = API_LISTENER_AGENTS;
    handler = handler_of(call, http, xstrdup(m->path));
    call->route = handler != NULL ? &AGENT_ROUTE : &PUBLIC_ROUTE;
    err = edge_refuses(s);
    if (!err && handler != NULL)
        err = auth_call(call, &worker);
    if (err)
        call_fail(call, err);
    else if (handler != NULL)
        handler(call);
    else
        keys(call);
}

static void
take(void *a, uint64_t life)
{
    struct message *m = a;
    struct server *s = &servers[life % SERVERS];
    struct scope scope;

    if (!s->proc.alive || s->proc.life != life / SERVERS) {
        wire_broken(m);
        return;
    }
    if (s->proc.frozen_until > sim.now) {
        at(s->proc.frozen_until, take, m, life);
        return;
    }
    scope = scope_enter(&s->proc, NULL);
    begin(s, m);
    scope_leave(scope);
}

void
edge_take(struct server *s, struct message *m)
{
    take(m, s->proc.life * SERVERS + (uint64_t)s->proc.id);
}

/* ---- workers' queries ------------------------------------------------------------------------------------------------- */

static const struct ticket_row *
ticket_at(size_t i)
{
    return pg_table("ticket")->rows[i]->object;
}

static bool
read_fails(void)
{
    return !pg.up || pg.cut_until[here()->proc.id] > sim.now || fault(FAULT_READ_FAILS_);
}

enum err
tickets_after(struct db *db, uint64_t site, uint64_t after, int max, struct arena *a, struct ticket_record **ret,
              size_t *ret_n)
{
    size_t n = pg_table("ticket")->n, found = 0;
    struct ticket_record *list = arena_alloc(a, (n + 1) * sizeof *list);

    (void)db;
    if (read_fails())
        return ERR_DB;
    for (uint64_t seq = after + 1; found < (size_t)max; seq++) {
        const struct ticket_row *row = NULL;

        for (size_t i = 0; i < n && row == NULL; i++)
            if (ticket_at(i)->site == site && ticket_at(i)->seq == seq)
                row = ticket_at(i);
        if (row == NULL)
            break;
        list[found++] = (struct ticket_record){ .site = site, .seq = seq, .jti = row->jti,
                                                .reservation = row->reservation, .claims = row->claims,
                                                .created_ms = row->created_ms };
    }
    *ret = list;
    *ret_n = found;
    return OK;
}

enum err
reports_find(struct db *db, uint64_t site, uint64_t number, struct arena *a, struct report_record *ret)
{
    const struct pgtable *t = pg_table("report");

    (void)db;
    (void)a;
    if (read_fails())
        return ERR_DB;
    for (size_t i = 0; i < t->n; i++) {
        const struct report_row *row = t->rows[i]->object;

        if (row->site != site || row->number != number)
            continue;
        *ret = (struct report_record){ .site = site, .number = number, .answer_flags = row->answer_flags,
                                       .statement = BYTES(row->statement, sizeof row->statement),
                                       .received_ms = row->received_ms };
        text_format(ret->reason, sizeof ret->reason, "%s", row->reason ? err_wire(row->reason) : "");
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum err
blobs_of_site(struct db *db, uint64_t site, struct hash h, struct arena *a, struct bytes *ret)
{
    (void)db;
    (void)site;
    (void)h;
    (void)a;
    *ret = BYTES_TEXT("#!/bin/sh\ntrain\n");
    return read_fails() ? ERR_DB : OK;
}

/* Nobody seals anything here. */
enum err
secrets_of_site(struct db *db, uint64_t site, struct hash h, struct arena *a, struct bytes *ret)
{
    (void)db;
    (void)site;
    (void)h;
    (void)a;
    (void)ret;
    return read_fails() ? ERR_DB : ERR_NOT_FOUND;
}

enum err
capacity_changes(struct db *db, uint64_t offering, struct arena *a, struct capacity_change **ret, size_t *ret_n)
{
    const struct pgtable *t = pg_table("capacity");

    (void)db;
    if (read_fails())
        return ERR_DB;
    *ret = arena_alloc(a, (t->n + 1) * sizeof **ret);
    *ret_n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct capacity_row *row = t->rows[i]->object;

        if (row->offering == offering)
            (*ret)[(*ret_n)++] = (struct capacity_change){
                .offering = offering, .number = row->number, .window = row->window, .from_ms = row->from_ms, .until_ms = row->until_ms,
                .set_ms = row->set_ms, .less_nodes = row->less_nodes, .less_pool_nodes = row->less_pool_nodes, .reason = row->reason, .told = row->told,
            };
    }
    return OK;
}

enum err
blobs_add(struct db *db, struct hash h, struct bytes b, int64_t now_ms)
{
    (void)db;
    (void)h;
    (void)b;
    (void)now_ms;
    return read_fails() ? ERR_DB : OK;
}

static struct directory contacts; /* the table */

void
edge_begin(void)
{
    contacts = (struct directory){ 0 };
}

static int64_t *
contact_of(struct directory *d, uint64_t site)
{
    for (size_t i = 0; i < SITES; i++) {
        if (d->contact[i].ms == 0)
            d->contact[i].site = site;
        if (d->contact[i].site == site)
            return &d->contact[i].ms;
    }
    abort();
}

int64_t
edge_contact(void *directory, uint64_t site)
{
    return *contact_of(directory, site);
}

void
edge_knows_contacts(struct directory *d)
{
    *d = contacts;
}

enum err
agent_contacts_touch(struct db *db, uint64_t site, int64_t now_ms)
{
    int64_t *ms = contact_of(&contacts, site);

    (void)db;
    if (read_fails())
        return ERR_DB;
    *ms = max_i64(*ms, now_ms);
    return OK;
}

enum err
agent_contacts_inventory(struct db *db, uint64_t site, int64_t now_ms, const char *json, size_t len)
{
    (void)db;
    (void)site;
    (void)now_ms;
    (void)json;
    (void)len;
    return read_fails() ? ERR_DB : OK;
}

bool
directory_set_contact(struct directory *d, uint64_t site, int64_t now_ms)
{
    int64_t *ms = contact_of(d, site);

    *ms = max_i64(*ms, now_ms);
    return true;
}

/* ---- sessions: nobody signs in here ------------------------------------------------------------------------------------ */

enum err
sessions_use(struct db *db, struct hash token_hash, int64_t now_ms)
{
    (void)db;
    (void)token_hash;
    (void)now_ms;
    return OK;
}

enum err
sessions_find(struct db *db, struct hash token_hash, int64_t now_ms, struct session *ret)
{
    (void)db;
    (void)token_hash;
    (void)now_ms;
    (void)ret;
    return ERR_UNAUTHENTICATED;
}

enum err
tokens_find(struct db *db, struct hash token_hash, int64_t now_ms, struct arena *a, struct token *ret)
{
    (void)db;
    (void)token_hash;
    (void)now_ms;
    (void)a;
    (void)ret;
    return ERR_UNAUTHENTICATED;
}

enum err
tokens_use(struct db *db, struct uuid id, int64_t now_ms, const char *from)
{
    (void)db;
    (void)id;
    (void)now_ms;
    (void)from;
    return OK;
}

enum err
security_add(struct db *db, const struct security_event *e)
{
    (void)db;
    (void)e;
    return OK;
}

enum err
people_by_id(struct db *db, struct uuid id, struct arena *a, struct person *ret)
{
    (void)db;
    (void)id;
    (void)a;
    (void)ret;
    return ERR_NOT_FOUND;
}

enum err
second_of(struct db *db, struct uuid person, struct second *ret)
{
    (void)db;
    (void)person;
    (void)ret;
    return ERR_NOT_FOUND;
}

enum err
roles_of(struct db *db, struct uuid person, struct arena *a, struct role **ret, size_t *ret_n)
{
    (void)db;
    (void)person;
    (void)a;
    (void)ret;
    *ret_n = 0;
    return ERR_NOT_FOUND;
}
