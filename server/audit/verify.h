/* audit/verify.h
 * The auditor's work: an export (schema/journal/export.md) is read from its files alone; the tree is rebuilt, every entry
 * replayed by the ledger's rules, every signature in leaves checked, every balance compared. It stops replaying at the
 * first leaf that the rules refuse, since nothing after it can be judged; hashes are checked to the end. */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdio.h>

#include "audit/signed.h"
#include "core/entry.h"
#include "core/tile.h"

#define FINDINGS_MAX 40

struct finding {
    uint64_t leaf;      /* NO_INDEX: not of one leaf */
    uint16_t kind;      /* of the leaf's entry; ENTRY_KINDS if unknown */
    char what[240];
};

struct audit {
    /* what to do */
    const char *dir;
    const char *remember; /* a file that keeps the head last found good; NULL: none */
    const char *policy;   /* text of a C2SP tlog-policy: who must have signed the checkpoint; NULL: nobody is asked */
    void (*progress)(void *ctx, uint64_t done, uint64_t all); /* may be NULL */
    void *ctx;
    /* what was found */
    struct head_text head;
    struct signed_head checkpoint;
    bool simulation;
    struct finding findings[FINDINGS_MAX];
    size_t n;           /* of them; the first FINDINGS_MAX are kept */
    uint64_t entries, kinds[ENTRY_KINDS];
    uint64_t by_site, by_officer;   /* signatures of sites on reports, of officers on orders, verified */
    uint64_t by_server;             /* orders on the operator's word: the server's signature verified, no person's */
    uint64_t by_assertion;          /* WebAuthn: the hash of an assertion that is not in the export */
    uint64_t without;               /* entries that follow from rules alone */
    bool replayed;                  /* to the end */
    uint64_t accounts, balances, holds_open, remembered; /* remembered: size of the head that was remembered, 0 none */
    int64_t minted, held;           /* gpums */
};

/* OK, whatever was found: a->n is 0 if nothing. ERR_IO, ERR_NOT_FOUND: there is no export to judge (d says why). */
enum err audit_verify(struct audit *a, struct err_detail *d) MUST_USE;

/* The finding with the lowest leaf, or the first without one; NULL if there is none. */
const struct finding *audit_first(const struct audit *a);

/* The report, for people and for programs. */
void audit_print(const struct audit *a, FILE *to);
void audit_print_json(const struct audit *a, FILE *to);

#endif
