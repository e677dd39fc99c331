/* audit/leaves.h
 * All entries of the log: read, hashed and decoded by as many threads as there are, replayed by one, their signatures
 * verified by all again. A ring of bundles bounds the memory, whatever the log's length. */
#ifndef AUDIT_LEAVES_H
#define AUDIT_LEAVES_H

#include "audit/bundle.h"
#include "audit/evidence.h"
#include "audit/receipted.h"
#include "audit/spill.h"
#include "audit/times.h"
#include "core/ledger.h"

/* A root that is known of the log when it had `size` entries; `what` says of whom. */
struct known_root { uint64_t size; struct hash root; const char *what; };

struct leaves {
    /* in */
    const struct source *source;
    struct ledger *ledger;         /* new */
    struct audit_evidence *evidence; /* is given each entry */
    struct times *times;           /* is given each entry, and has roots to be compared */
    struct receipted *receipted;   /* likewise; or NULL */
    struct spill *rest;            /* its memory, told now and then to rest; or NULL */
    uint64_t size;                 /* of the log */
    unsigned threads;              /* 0 and 1: this one alone */
    uint64_t verified;             /* the signatures of so many entries were verified by an audit before */
    const struct known_root *known;
    size_t n_known;
    bool wants_roots;              /* kept() is called */
    void (*progress)(void *ctx, uint64_t done, uint64_t all); /* may be NULL */
    void *progress_ctx;
    void (*kept)(void *ctx, uint64_t size, struct hash root); /* so many entries have no fault, signatures included */
    void *kept_ctx;
    /* out */
    struct findings *found;        /* behind those that are there */
    struct merkle tree;
    bool stopped;                  /* the replay, at the first leaf that the rules refuse */
    bool simulation;
    uint64_t old_size;             /* entry 0's: of the older journal that it follows */
    struct hash old_root;
    char origin[64];               /* entry 0's; empty if there is none */
    uint64_t entries, kinds[ENTRY_KINDS];
    uint64_t rollbacks;            /* NOTICEs of an admitted rollback */
    struct signed_count count;
};

void leaves_audit(struct leaves *l);

#endif
