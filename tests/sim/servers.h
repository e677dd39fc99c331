/* tests/sim/servers.h: the servers, and a call of an agent on its way to one. */
#ifndef TESTS_SIM_SERVERS_H
#define TESTS_SIM_SERVERS_H

#include "agent/wire.h"
#include "api/internal.h"
#include "market/janitor.h"
#include "store_sim.h"

enum { PARKED_MAX = 64 };

/* ---- servers ---------------------------------------------------------------------------------------------------------- */
struct parked { struct call *call; uint64_t site, after, number; };

/* When each site's agent was last in touch. */
struct directory { struct { uint64_t site; int64_t ms; } contact[SITES]; };

struct server {
    struct proc proc;
    struct machine machine;
    struct market *market;
    struct janitor *janitor;
    struct api api;
    struct directory directory;
    struct db *dbs[4];
    size_t dbs_n;
    struct parked parked[PARKED_MAX];
    size_t parked_n;
    uint64_t parked_ever;
};
extern struct server servers[SERVERS];
extern const char *const SERVER_URLS[SERVERS];

void server_start(struct server *s);
struct server *server_leading(void);   /* one that thinks so; NULL: none */
struct server *server_in_office(void); /* the one whose term is the head's; NULL: none */
struct server *server_any(void);     /* one that is alive, the leader most of the time; NULL */
void world_remember_db(struct db *db);

/* ---- calls of agents -------------------------------------------------------------------------------------------------- */
struct seat;

struct message { /* one call of an agent, as it travels */
    struct seat *seat;
    uint64_t life, number;
    enum wire_lane lane;
    size_t server;
    char path[160];
    char *token, *body;
    size_t body_len;
    char instance[24], clock[TIME_TEXT];
    bool has_instance;
};
void wire_deliver(const struct message *m, int status, const char *body, size_t len, int retry_after_s);
void wire_broken(const struct message *m); /* the connection breaks */

/* edge.c */
void edge_take(struct server *s, struct message *m);
enum err edge_refuses(struct server *s); /* does it answer at all now? */
void edge_begin(void); /* a history begins */
int64_t edge_contact(void *directory, uint64_t site); /* 0: never */
void edge_knows_contacts(struct directory *d);        /* as they are stored */
void edge_commit(void *ctx, const struct market_event *events, size_t n);

#endif
