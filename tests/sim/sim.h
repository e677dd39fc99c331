/* tests/sim/sim.h
 * The simulator: the product's own code (core/, market/, the agents' edge of api/, agent/) in one process and one thread,
 * over a simulated clock, network, store, spool and batch system. One seed is one history.
 *
 * How it holds together: threads of the product are fibers (fiber.c); what they would block in (condition variables,
 * sleep, the database, the wire) yields to one queue of events (loop.c). All times here are microseconds of true time
 * since the history's beginning; each machine has clocks of its own that may be wrong. All memory of a history is one
 * region that is dropped at its end (memory.c), so a process may be killed at any point.
 *
 * Nothing here knows the rules: they are the product's. The simulator decides what fails and when, and check.c compares
 * what came of it with what was promised. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define NEVER  INT64_MAX

#define SITES   2
#define SERVERS 2

/* ---- what can go wrong ---------------------------------------------------------------------------------------------- */
#define FAULTS(X)                                                                                                      \
    X(CALL_LOST, "an agent's call is lost") X(REPLY_LOST, "a reply to an agent is lost")                              \
    X(CALL_TWICE, "a call arrives twice") X(CALL_LATE, "a call or reply is late, others overtake it")                  \
    X(CUT_SITE, "a site is cut off") X(CUT_DB, "a server is cut off from the database")                                \
    X(KILL_SERVER, "a server is killed") X(KILL_AGENT, "an agent is killed")                                           \
    X(KILL_AT_FLIGHT, "a server is killed before or after a flight or COMMIT")                                         \
    X(KILL_AT_SPOOL, "an agent is killed before or after a write to its spool")                                        \
    X(FREEZE_SERVER, "a server stands still for longer than its lease") X(FREEZE_AGENT, "an agent stands still")       \
    X(POWER_CUT, "a site's machine loses power") X(DB_CRASH, "the database crashes")                                   \
    X(DB_CRASH_AT_STATEMENT, "the database crashes before or after a statement")                                       \
    X(STATEMENT_FAILS, "a statement fails") X(LOST_BEFORE, "a connection is lost before the database has the flight")  \
    X(LOST_AFTER, "a connection is lost after the database has carried it out")                                        \
    X(COMMIT_DONE_UNKNOWN, "COMMIT is done, the server does not learn it")                                             \
    X(COMMIT_NOT_DONE_UNKNOWN, "COMMIT is not done, the server does not learn it")                                     \
    X(COMMIT_WARNING, "COMMIT says a WARNING") X(COMMIT_STALLS, "COMMIT takes seconds: an orphaned backend")           \
    X(LEASE_SLIPS, "the lease is let go while its session lives on") X(SPOOL_FULL, "a write to the spool fails")        \
    X(SPOOL_RESTORED, "an older copy of a spool comes back") X(AGENT_TWICE, "two agents with one identity")            \
    X(SPOOL_GONE, "a spool is lost for good") X(CLOCK_FORWARD, "a clock jumps forward")                                \
    X(CLOCK_BACK, "a clock jumps back") X(BATCH_UNKNOWN, "the batch system does not know what it did")                 \
    X(BATCH_REFUSES, "the batch system refuses a job") X(BATCH_LOSES, "the batch system loses a job")                  \
    X(BATCH_SLOW, "the batch system is slow to start a job") X(READ_FAILS, "a worker's query fails")                   \
    X(DARK_DAY, "everything is switched off for hours") X(FORGED_REPORT, "a site reports what cannot be")        \
    X(FLIGHT_SLOW, "a flight takes long: the next batch is decided meanwhile")

enum fault {
#define X(name, what) FAULT_##name##_,
    FAULTS(X)
#undef X
    FAULT_COUNT
};
extern const char *const FAULT_WORDS[FAULT_COUNT];

/* Mistakes that are planted to see whether they are caught. */
enum planted { PLANT_NONE, PLANT_NO_FENCE, PLANT_SECOND_PERMIT, PLANT_RESTORED_STARTS, PLANT_LOST_COMMIT, PLANTS };
extern const char *const PLANT_WORDS[PLANTS];

/* ---- machines, processes, fibers ------------------------------------------------------------------------------------ */
struct machine {
    int64_t real_off_us; /* how wrong its real-time clock is */
    int64_t boot_us;
};

enum proc_kind { PROC_SERVER, PROC_AGENT };
struct proc {
    enum proc_kind kind;
    int id; /* servers 0, 1; agents: number of their seat */
    bool alive;
    int64_t frozen_until;
    struct machine *machine;
    void (*died)(struct proc *p); /* called once, in the loop, never in its own fibers */
    void *own;
    uint64_t life; /* grows with each start */
    unsigned fibers; /* begun in this life */
};

struct fiber;

struct sim {
    uint64_t seed;
    int64_t now; /* true time */
    uint64_t draw[2]; /* chance: the schedule's and the product's own */
    bool verbose, quiet; /* quiet: no more faults */
    uint64_t hash, events;
    enum planted plant;
    int64_t stretch; /* how lazily idle loops wake */
    struct proc *here;             /* whose code runs now; NULL: the loop's own */
    struct machine *machine_here;
    char violation[400];
    unsigned chance[FAULT_COUNT];  /* in 100,000, per occasion; 0: not in this history */
    int64_t epoch_ms;              /* real time at now = 0 */
    int64_t rate;
    int64_t off_most_us, off_least_us; /* how wrong servers' clocks have been */
    size_t bytes;
};
extern struct sim sim;

/* Totals of the process, over histories. */
struct totals {
    uint64_t histories, events, faults[FAULT_COUNT], reached[16][32], starts, settled, disputes, permits, commits,
        rebuilds, outcomes[32]; /* how reservations ended: enum ticket_outcome */
};
extern struct totals totals;

/* loop.c */
uint64_t draw(uint64_t below);
bool chance(unsigned in_100000);
int64_t draw_span(int64_t least, int64_t most);
bool fault(enum fault f); /* does it happen now? counts it */
void fault_counts(enum fault f);
void note(const char *what, uint64_t a, uint64_t b); /* part of the history, and of its hash */
void violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void at(int64_t when, void (*fn)(void *a, uint64_t b), void *a, uint64_t b);
bool loop_until(int64_t when); /* false: a violation ended it */
void loop_reset(void);

/* fiber.c */
void fiber_start(struct proc *p, void *(*fn)(void *), void *arg);
bool fiber_wait(int64_t until); /* true: woken, false: the time is over */
struct fiber *fiber_self(void); /* NULL in the loop */
void fiber_wake(struct fiber *f);
void proc_kill(struct proc *p); /* does not return if it is the caller's own */
void fibers_reset(void);
__attribute__((noreturn)) void history_ends(void); /* leave whatever runs; the loop returns */
/* Run something as if in that process. */
struct scope { struct proc *here; struct machine *machine; };
struct scope scope_enter(struct proc *p, struct machine *m);
void scope_leave(struct scope s);

/* memory.c */
void memory_open(void); /* before all else */
void memory_keep(void);  /* what was allocated so far stays */
void memory_reset(void);

#endif
