/* audit/verify.h
 * The auditor's work: an export (schema/journal/export.md) is read from its files alone; the tree is rebuilt, every entry
 * replayed by the ledger's rules, every signature in leaves checked, every balance compared. It stops replaying at the
 * first leaf that the rules refuse, since nothing after it can be judged; hashes are checked to the end. Killed at any
 * moment it leaves its files as they were or as they shall be. */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdio.h>

#include "audit/bundle.h"
#include "audit/evidence.h"
#include "audit/receipted.h"
#include "audit/signed.h"
#include "audit/times.h"
#include "core/ledger.h"
#include "core/tile.h"

#define PARTS_MAX 8

/* A part that each export has, beside those without which nothing can be judged: what it is there for. */
struct audit_part { const char *name, *what; };

#define RESUME_EVERY 32768 /* entries between two writes of the progress */

struct audit {
    /* what to do */
    const char *dir;      /* or an address that serves the log (C2SP tlog-tiles) */
    const char *ca_file, *headers; /* for an address: "" the system's; lines to be sent with each request, or NULL */
    const char *remember; /* a file that keeps the head last found good; NULL: none */
    const char *resume;   /* a file that keeps how far the signatures are verified; NULL: none */
    unsigned threads;     /* that share the work; 0: this one alone */
    const char *scratch;  /* a folder for files without a name, so that memory stays below 64 MiB; NULL: all in memory */
    const char *policy;   /* text of a C2SP tlog-policy: who must have signed the checkpoint; NULL: nobody is asked */
    struct times_limits times; /* how far entries' times and witnesses' may differ */
    const char *receipts; /* a file of reports that the server has receipted, from a site; NULL: none */
    const char *follows;  /* the folder of the older journal that this one says it follows; NULL: it is not looked at */
    void (*judged)(void *ctx, const struct ledger *l); /* called at the end if no fault was found; may be NULL */
    void (*progress)(void *ctx, uint64_t done, uint64_t all); /* may be NULL */
    void *ctx;
    /* what was found */
    struct head_text head;
    struct signed_head checkpoint;
    bool remote;        /* from an address: there are no balances to compare */
    const struct audit_part *missing[PARTS_MAX]; /* of an export; what was in them was not compared */
    size_t n_missing;
    bool simulation;
    struct findings found;
    uint64_t entries, kinds[ENTRY_KINDS];
    struct signed_count count;      /* by_site: reports; by_officer: orders; by_server: orders on the operator's word, the
                                     * server's signature verified, no person's; by_assertion: WebAuthn, by what lies beside
                                     * the journal (evidence.assertions of them verify); without: what follows from rules alone */
    struct evidence_sums evidence;
    struct receipted_sums receipted;
    struct times_sums seen;         /* what witnesses' clocks say of entries' times */
    uint64_t log_key;               /* KEY that the entries hold in force for the checkpoint, NO_INDEX if there is none */
    bool log_key_signed;            /* and it signed the checkpoint */
    uint64_t log_key_of_policy;     /* the policy has an older one instead, this KEY; NO_INDEX */
    char log_vkey[VKEY_TEXT_MAX];   /* then: the one in force */
    uint64_t resumed;               /* of so many entries an audit before had verified the signatures */
    uint64_t rollbacks;             /* admitted ones; the newest: its entry, the size that it went back to, its time */
    uint64_t rollback, rollback_to;
    int64_t rollback_ms;
    struct order_rule rule;         /* by which people sign orders, at the end of the journal; policy NO_INDEX: none */
    struct ledger_witnesses policy_said; /* what the newest NOTICE of witnesses says; entry NO_INDEX: none does */
    uint64_t old_size;              /* of the older journal that entry 0 names; 0: none */
    struct hash old_root;
    char old_origin[64];            /* where it was given: its origin, and its head is what entry 0 says */
    bool replayed;                  /* to the end */
    uint64_t accounts, balances, holds_open, holds, remembered; /* holds: reservations compared with theirs; remembered: size of the head that was remembered, 0 none */
    int64_t minted, held;           /* gpums */
};

/* OK, whatever was found: a->found.n is 0 if nothing. ERR_IO, ERR_NOT_FOUND: there is no export to judge (d says why). */
enum err audit_verify(struct audit *a, struct err_detail *d) MUST_USE;

/* No fault was found, and all that an export has was there; of a log that is served, what its signatures rest on. */
bool audit_clean(const struct audit *a);
/* The finding with the lowest leaf, or the first without one; NULL if there is none. */
const struct finding *audit_first(const struct audit *a);

/* The report, for people and for programs. */
void audit_print(const struct audit *a, FILE *to);
void audit_print_json(const struct audit *a, FILE *to);

#endif
