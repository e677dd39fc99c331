/* audit/bundle.h
 * 256 entries of the log on their way through the audit, in three steps: bundle_read() by any thread, the replay by one
 * after the other (audit/leaves.c), bundle_verify() by any thread. What is found and counted stays in the bundle until its
 * turn comes, so that the report does not depend on who was first. */
#ifndef AUDIT_BUNDLE_H
#define AUDIT_BUNDLE_H

#include "audit/finding.h"
#include "audit/source.h"
#include "core/tile.h"

#define BUNDLE_MAX (TILE_WIDTH * (2 + ENTRY_MAX)) /* bytes of a bundle's file */

/* Signatures, by who has made them; ruled_word: the newest entry on the server's word of those that a rule of orders may forbid it for, 0: none. */
struct signed_count { uint64_t by_site, by_officer, by_server, by_log, by_assertion, without, ruled_word; };

struct bundle {
    /* bundle_read: in */
    uint64_t n;
    unsigned width;
    /* bundle_read: out */
    unsigned leaves;                   /* that could be read: fewer than width if the file is cut short */
    struct hash leaf[TILE_WIDTH];      /* hashes of the entries' bytes */
    struct hash root;                  /* of a whole tile */
    bool decoded[TILE_WIDTH];
    struct entry entry[TILE_WIDTH];
    /* by the replay */
    unsigned replayed;                 /* entries that the rules took */
    bool counted_only;                 /* their signatures were verified by an audit before */
    struct hash genesis;
    uint8_t key[TILE_WIDTH][2][32];    /* public keys that entry[i]'s slots name */
    bool has_key[TILE_WIDTH][2];
    struct hash root_after;            /* of the log up to and with this bundle; only where that is remembered */
    /* bundle_verify: out */
    struct signed_count count;

    struct findings found;
    struct hash logged[TILE_WIDTH + 1];
    char file[BUNDLE_MAX + 2];
};

/* Read entries and leaf hashes, hash, compare, decode. */
void bundle_read(struct bundle *b, const struct source *from);
/* The signatures of the entries that were replayed. */
void bundle_verify(struct bundle *b);

#endif
