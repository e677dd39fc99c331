/* audit/package_internal.h: for audit/package*.c. */
#ifndef AUDIT_PACKAGE_INTERNAL_H
#define AUDIT_PACKAGE_INTERNAL_H

#include <stdio.h>

#include "audit/asserted.h"
#include "audit/signed.h"
#include "base/tar.h"
#include "core/period.h"

enum { PACKAGE_TEXT_MAX = 256 << 20 }; /* bytes of a file */

/* What entries and names.csv tell of, by index or id. */
enum package_thing {
    THING_ACCOUNT, /* struct report_account */
    THING_KEY,     /* struct package_key */
    THING_POLICY,  /* struct package_names */
    THING_SITE,    /* struct package_names */
    THING_FUND,    /* char[REPORT_NAME_MAX] */
    THING_PARTY,   /* struct report_party */
    THING_FILE,    /* it was listed */
};
struct package_key { uint8_t ed25519[32], use; };
struct package_names { char code[REPORT_CODE_MAX], name[33]; };

struct judged {
    struct tar tar;
    int folder;               /* its descriptor; -1: it is an archive */
    char prefix[TAR_NAME_MAX];
    uint64_t files, numbered; /* that SHA256SUMS names; those of entries/, around/ and assertions/ */
    uint64_t taken;           /* of these */
    FILE *to;
    unsigned faults;

    char origin[CHECKPOINT_ORIGIN_MAX];
    struct signed_head head, start; /* start: of what came before the period, if it is there */
    int64_t from_ms, to_ms, last_ms;
    uint64_t first, end;
    struct merkle tree;       /* what lies left of the slice, then with it */
    struct proof path, start_path;
    bool has_before, has_after, has_genesis;
    struct hash genesis;

    struct map *known;        /* what package_thing() has */
    void **things;
    size_t n, cap;
    struct period period;
    struct report_sums report;
    uint64_t around, signed_well, by_passkey, on_word;
    struct asserted *asserted; /* what passkeys have signed of the slice */
};

void package_fault(struct judged *j, const char *fmt, ...) PRINTF(2, 3);

/* package_files.c */
/* Every file that SHA256SUMS names is there and has its sum; false: nothing more can be judged. */
bool package_files_open(struct judged *j, FILE *archive);
void package_files_close(struct judged *j);
/* A file whole, malloc'ed, with a NUL behind it; NULL: it is not there, or above max bytes. */
char *package_read(struct judged *j, const char *name, size_t max, size_t *ret_len);

/* package_tables.c */
void *package_thing(struct judged *j, enum package_thing what, struct uuid id, uint64_t index, size_t len); /* len 0: only if it is there */
void package_learn(struct judged *j, const struct entry *e);
void package_tables(struct judged *j); /* they follow from what was learnt and taken */

#endif
