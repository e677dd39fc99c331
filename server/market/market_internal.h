/* market/market_internal.h: what the files of the sequencer share; decide functions include market/batch.h instead.
 * queue.c takes commands in, sequencer.c decides and commits them, commit.c writes a batch, rebuild.c makes the state. */
#ifndef MARKET_INTERNAL_H
#define MARKET_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "core/merkle.h"
#include "core/tile.h"
#include "crypto/sign.h"
#include "market/batch.h"
#include "market/figures.h"
#include "market/guard.h"
#include "market/rows.h"
#include "store/db.h"
#include "store/journal.h"

/* A vector of plain values that a batch collects; shrinking n undoes additions. */
struct vector { void *items; size_t n, cap, size; };

struct batch_entry {
    struct entry header;    /* its body is not used */
    size_t at, len;         /* in batch.bytes: the whole entry, encoded */
};

/* What is to be written: filled by the decide functions, emptied when committed or taken back. */
struct batch {
    struct row *rows;               /* objects that are new or changed */
    struct vector entries;          /* struct batch_entry */
    struct vector bytes;            /* uint8_t */
    struct vector tickets;          /* struct ticket_row; claims live in arena */
    struct vector reports;          /* struct report_row */
    struct vector capacity;         /* struct capacity_row */
    struct vector answers;          /* struct answer_row */
    struct vector tiles;            /* struct tile_row; hashes live in arena; filled when the batch is written */
    struct vector assertions;       /* struct assertion_row; bytes live in arena */
    struct vector events;           /* struct market_event */
    struct arena *arena;
};

/* Keys of the last days as 64-bit prefixes: "certainly not" or "maybe". */
struct keys { uint64_t *slots; size_t cap, n; bool full; };

enum commit_result {
    COMMIT_DONE,
    COMMIT_DATA,     /* SQLSTATE class 22 or 23: some command's data */
    COMMIT_ROWS,     /* a wrong number of rows, or the head was not ours: memory and database differ */
    COMMIT_TROUBLE,  /* nothing was committed, for now it does not work */
    COMMIT_UNKNOWN,  /* at or after COMMIT */
};

/* A batch on its way (work.c). */
struct work {
    struct command **commands;      /* taken */
    size_t room, n;
    size_t decided;                 /* of these, from the first on: decided, or answered before */
    size_t waiting;                 /* of the decided: for the commit */
    size_t answered;                /* after it */
    struct map *seen;               /* keys of its commands; NULL: none yet */
    struct batch batch;
    bool sealed;                    /* encoded: nothing more goes in */
    undo_mark end;                  /* sealed: where its changes end in the undo log */
    struct journal_head next;       /* sealed: head, tree and the log's right edge once it is committed */
    struct merkle tree;
    struct tiles *tiles;
};

enum { KEPT_TILES = 256 };
/* market/guard.h; its lock */
struct guard {
    pthread_mutex_t lock;
    bool on, open;
    uint64_t size;                  /* of the journal when it closed */
    uint64_t sent;                  /* index of the admission that was sent to be written since; 0: none */
    struct guard_seen seen[QUORUM_MAX];
    size_t n;
    unsigned shown, witnesses;
    char why[320];
};

enum own_log { OWN_LOG_NOW, OWN_LOG_NEXT, OWN_LOG_KEYS };

struct market {
    struct market_config config;
    struct market_figures figures;
    struct guard guard;
    char *conninfo, *origin, *people_url, *agents_url;
    pthread_t thread;

    /* the queue: queue_lock */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_more;
    struct command *first, *last;
    size_t queued;
    size_t wanted;                  /* so many wake the sequencer */
    struct map *loads;              /* organisation → struct load: commands not completed */
    uint64_t round;                 /* takes so far */
    int64_t about_ms;               /* monotonic: when there was more than one organisation last */
    enum market_phase phase;
    enum err refusal;               /* what callers get while troubled */
    char trouble[320];
    bool told; /* the phase was logged once */
    bool stopping;
    int64_t stop_by_ms;             /* monotonic */
    struct market_leader leader;

    /* the state: state_lock; written by the sequencer's thread only */
    pthread_rwlock_t state_lock;
    struct state *state;            /* NULL: none */
    struct keys keys;

    atomic_int_fast64_t sure_until_ms; /* monotonic: until then the lease is certainly ours */
    atomic_int_fast64_t key_until_ms;  /* market_key_until() */

    atomic_bool clock_sure;

    /* the sequencer's thread alone */
    int64_t look_ms;                /* monotonic: when to look who leads */
    bool stale;                     /* another has led since the state was built, or there is none */
    bool asking;                    /* db is connected, to a database where another server has the lease */
    struct db *db;
    struct journal_head head;
    struct merkle merkle;
    struct tiles *tiles;            /* the log's right edge, as of head; edge_lock, for log_tiles.c */
    pthread_mutex_t edge_lock;
    atomic_int_fast64_t tile_told_ms; /* when a missing tile was last told (monotonic), log_tiles.c's */
    struct { uint8_t public[SIGN_PUBLIC_LEN]; bool known; } own_log[OWN_LOG_KEYS]; /* own_keys.c's; edge_lock */
    bool edge_known;
    struct kept_tile { int level; uint64_t n; struct kept_hashes *hashes; } kept_tiles[KEPT_TILES]; /* log_tiles.c's; edge_lock */
    struct undo *undo;              /* first the changes of the batch that is written, then of the one decided meanwhile */
    struct work work[2];
    unsigned turn;                  /* which of the two is next to be written */
    struct work *flying, *ahead;    /* what the database works at; what may be decided meanwhile, NULL: nothing */
    struct work *committed;         /* its callers are still to be answered; NULL: none */
    bool ending;                    /* COMMIT was sent */
    size_t lately;                  /* commands in the last batch */
    struct journal_writer writer;
    struct rows rows;
    bool leased;                    /* the lease is held on this connection, head is as the database has it */
    int64_t batch_us;               /* what a batch takes, of late */
    unsigned gather_rest;           /* batches until gathering is tried again */
    char why[128];                  /* of the last COMMIT_ROWS */
    struct { const char *query; char sqlstate[6], message[320]; } refused; /* of the last COMMIT_DATA: what, and why */
    int64_t pruned_ms;              /* monotonic: when old answers were last removed */
    int64_t key_looked_ms;          /* monotonic: when the server's key was last looked for in the journal */
};

/* queue.c */
void queue_init(struct market *m);
void queue_free(struct market *m);
/* How many the next batch would take: of a crowd no more than its turn while others are about. */
size_t queue_next(struct market *m);
/* Up to max commands, oldest first; waits up to wait_ms for the first. `more`: for the same batch as those taken last. */
size_t queue_take(struct market *m, struct command **ret, size_t max, int64_t wait_ms, bool more);
/* So many have just been answered and may be back at once: wait so long for them. Did at least half come? */
bool queue_gather(struct market *m, size_t answered, int64_t us);
void queue_complete(struct market *m, struct command *c);
void queue_phase(struct market *m, enum market_phase phase, enum err refusal, const char *why);
/* Complete all that waits with an error. */
void queue_refuse(struct market *m, enum err err);
bool queue_stopping(struct market *m);

/* lease.c */
/* Connect, take the lease, begin a term. The memory is still good if nobody has led since: the head's batch is the one
 * that we wrote last, and ours was the last term. Then nothing is to be built anew (*ret_same). ERR_NOT_LEADER. */
enum err lease_take(struct market *m, bool *ret_same, struct err_detail *d) MUST_USE;
void lease_lost(struct market *m);
/* The database has answered what we asked at that time (monotonic), on the connection that holds the lease. */
void lease_sure(struct market *m, int64_t asked_ms);
bool lease_is_quiet(const struct market *m); /* it is time for a beat */
enum err lease_beat(struct market *m) MUST_USE; /* is the lease still ours? */

/* batch.c */
void batch_init(struct batch *b);
void batch_free(struct batch *b);
void batch_clear(struct batch *b);
void *vector_add(struct vector *v, struct undo *undo, size_t n);
/* The answer of a command that carries a key and was decided. */
void batch_answer(struct deciding *d, const struct command *c);

/* commit.c */
/* Encode what is in w, to stand behind `before`, which is being written, or behind the head (NULL). */
void commit_seal(struct market *m, struct work *w, const struct work *before);
/* Write what is sealed: two flights. On COMMIT_DONE head and tree have moved on; else the caller undoes. */
enum commit_result commit_batch(struct market *m, struct work *w);

/* work.c */
void work_init(struct work *w, size_t room);
void work_free(struct work *w);
void work_forget(struct work *w); /* what was decided; its commands stay */
struct deciding work_deciding(struct market *m, struct work *w);
/* Take back all that is not committed, of both; their commands stay. */
void work_undo(struct market *m);
/* Answer the callers of what was committed last. */
void work_answer(struct market *m);
/* Decide what of w is not decided yet, write it, keep it; `ahead` (NULL) is filled and decided meanwhile. On COMMIT_DONE
 * its callers wait for work_answer(), or the next attempt. Else nothing is decided any more, of both; after COMMIT_UNKNOWN
 * the memory is to be thrown away. */
enum commit_result work_attempt(struct market *m, struct work *w, struct work *ahead) MUST_USE;

/* decide.c */
enum err decide_command(struct deciding *d, struct command *c) MUST_USE;
/* Is this refusal the command's answer for good (true), or will the same call be judged anew (false)? */
bool decide_is_final(enum err err);
/* Entries 0 to 2. */
enum err decide_genesis(struct deciding *d, const struct market_config *config) MUST_USE;

/* own_keys.c */
/* ERR_CONFIG (the reason in d): the journal does not hold the server's key in force, or has announced another log's key. */
enum err own_keys_check(struct market *m, struct err_detail *d) MUST_USE;
/* The server's key by the journal, if it is in force now; NULL. Under the state's lock. */
const struct key *own_keys_server(const struct market *m);
/* The log's key is changed while the server runs: the one in use now, the one that is about to follow. From any thread. */
void own_keys_log(struct market *m, enum own_log which, const uint8_t public[SIGN_PUBLIC_LEN]);
/* The log's first KEY, if the journal has none and the keys are configured: *ret_news. */
enum err own_keys_announce(struct deciding *d, const struct market *m, bool *ret_news) MUST_USE;

/* keys.c */
enum { KEYS_MAX = 1 << 20 };
void keys_free(struct keys *k);
void keys_add(struct keys *k, uint64_t key);
bool keys_maybe(const struct keys *k, uint64_t key);
uint64_t keys_of(const struct hash *scope);

/* rebuild.c */
/* The state from the database: every entry is decoded, hashed and applied, the root and every balance compared.
 * ERR_CORRUPT says what does not fit. Sets m->state (under its lock), m->merkle, m->keys. */
enum err rebuild(struct market *m, struct err_detail *d) MUST_USE;
void rebuild_drop(struct market *m); /* throw the memory away */

/* sites.c: objects that exist because an entry does */
struct site_state *site_state_new(struct state *s, uint64_t site, struct undo *u);
struct offering_state *offering_state_new(struct state *s, uint64_t offering, int64_t now_ms, struct undo *u);
/* Less of it for a while: decide_capacity() calls it. */
enum err decide_maintenance(struct deciding *d, struct command *c, struct offering_state *o) MUST_USE;
/* The same as its site's agent tells it: decide_capacity() calls it. */
enum err decide_told(struct deciding *d, struct command *c, struct offering_state *o) MUST_USE;
/* The calendars of an offering from a time on. ERR_FIELD_RANGE if the numbers cannot be. */
enum err offering_resize(struct state *s, struct offering_state *o, const struct capacity_row *c, int64_t now_ms,
                         struct undo *u, struct err_detail *d) MUST_USE;
void state_delete(struct state *s);

#endif
