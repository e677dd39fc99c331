/* tests/sim/world_sim.h
 * Who is in a history: two servers, two sites, each with a machine for its agent and a second one where a copy of it may
 * run, a batch system at each, start-ups, officers, operators. */
#ifndef TESTS_SIM_WORLD_SIM_H
#define TESTS_SIM_WORLD_SIM_H

#include "../unit/world.h"
#include "agent/agent.h"
#include "servers.h"

enum { SEATS = 2 * SITES, SPOOL_COPIES = 4, RUNS_MAX = 96, STARTED_MAX = 512, BASE_NODES = 32, BASE_POOL_NODES = 2 };

/* ---- sites ------------------------------------------------------------------------------------------------------------ */
struct image; /* a spool's content, never changed once it is made */

struct batch_run {
    struct uuid jti;
    uint32_t gpus, walltime_s;
    enum { RUN_QUEUED, RUN_RUNNING, RUN_ENDED } state;
    enum agent_end end;
    bool lost, cancel;
    struct clock clock;
    struct machine *machine;
    int64_t start_by_ms, permit_until_mono_ms;
    int64_t started_ms, ended_ms;
    int64_t lasts_us;
    int32_t exit_code;
};

struct backend {
    struct batch_run runs[RUNS_MAX];
    size_t n;
    bool shared; /* a batch system of the whole site (slurm): its life does not hang on the agent's machine */
};

/* A place where an agent of a site runs. Seat 2i is site i's own, 2i + 1 the machine where a copy may turn up. */
struct seat {
    struct proc proc;
    struct machine machine;
    int site;
    struct agent agent;
    struct sign_key key;
    uint64_t key_index;
    const struct image *committed, *synced; /* after kill -9; after a power cut */
    const struct image *copies[SPOOL_COPIES];
    size_t copies_n;
    struct backend *backend;
    struct backend own_backend;
    struct hash blobs[32];
    size_t blobs_n;
    bool enrolled, retiring, restored, draining, wanted; /* wanted: to be started again when it is down */
    enum agent_exit last_exit;
};
extern struct seat seats[SEATS];

struct site_world {
    bool cut;
    int64_t cut_until;
    struct backend batch; /* shared */
};
extern struct site_world site_worlds[SITES];

void seat_start(struct seat *s);
void seat_power_cut(struct seat *s);
const struct image *image_empty(void);
bool image_is_older(const struct image *a, const struct image *b);
void spool_take_copy(struct seat *s);
void image_receipts(const struct image *image, void (*take)(void *with, uint64_t number, const uint8_t *statement),
                    void *with);

/* batch.c */
extern const struct backend_kind BATCH_KIND;
struct started { struct uuid jti; int64_t when; int site; uint64_t gpu_seconds; bool ended; };
extern struct started started[STARTED_MAX];
extern size_t started_n;
void batch_power_cut(struct backend *b, const struct machine *m);

/* ---- the base that every history begins with -------------------------------------------------------------------------- */
struct base {
    struct world *w;
    struct hash genesis;
    int64_t real_ms;
    struct sign_key server_key;
};
extern struct base base;
void base_build(void);


/* people.c */
void people_begin(void);
void people_settle(bool officers); /* the end is near: what officers and operators would do by and by */
bool people_done(void);
struct promise { enum command_kind kind; struct hash scope; struct answer answer; };
extern struct promise promises[512];
extern size_t promises_n;

/* faults.c */
void faults_begin(void);
void faults_heal(void);
void faults_darkness(int64_t span); /* everything is off for so long */
int64_t faults_dark_until(void);
int64_t faults_away_until(void); /* a site is out of touch for long until then; 0: none */

/* forge.c */
void forge_begin(void);
void forge_report(struct seat *s);
bool forge_has(struct uuid jti); /* has its site lied about it? */

/* check.c */
void check_start(struct uuid jti, int site);
void check_begin(void);
void check_end(void);
bool check_all_over(void); /* is every reservation at its end? */
void check_memory(const struct state *s);
struct summary { uint64_t size; struct hash root; size_t quotes, reservations, due; uint64_t things; };
struct summary summary_of(struct market *m);

/* history.c */
enum { HISTORY_GOOD, HISTORY_BAD };
int history_run(uint64_t seed, bool verbose, enum planted plant);

#endif
