/* api/package.h: the data package of a period (schema/journal/package.md), as it is made; for package.c and package_journal.c. */
#ifndef API_PACKAGE_H
#define API_PACKAGE_H

#include "api/call.h"
#include "base/tar.h"
#include "core/note.h"
#include "core/period.h"
#include "store/checkpoints.h"
#include "store/report.h"

struct package {
    int64_t from_ms, to_ms, made_ms;
    char folder[48], *note, *start_note, *policy; /* notes: the checkpoint, and the newest within what came before; "": none */
    struct checkpoint checkpoint, start;          /* start.size 0: none */
    uint64_t first, end, next;                    /* the slice: first to end - 1; what comes next of it */
    uint64_t *around;                             /* entries outside of it that it rests on, in order */
    size_t around_n, around_cap, around_at;
    struct hash *asserted;                        /* what the slice's entries have of passkeys' assertions */
    size_t asserted_n, asserted_cap, asserted_at;
    struct period period;
    struct report_sums sums;
    struct json_out names; /* a table */
    struct json_out digests;
    int stage;
    const char *words; /* of the checkpoint, for the reply's head */
};

/* A file of the archive. */
void package_file(struct package *p, const char *name, struct bytes data, struct json_out *out);

/* package_journal.c */
enum err package_choose(struct call *call, struct package *p) MUST_USE; /* checkpoints and slice; ERR_TOO_EARLY: there is none yet */
enum err package_proof(struct call *call, struct package *p, struct json_out *out) MUST_USE;
enum err package_bundle(struct call *call, struct package *p, struct json_out *out) MUST_USE;
enum err package_look_around(struct call *call, struct package *p) MUST_USE; /* once the slice was taken */
enum err package_asserted(struct call *call, struct package *p, struct json_out *out) MUST_USE;
enum err package_around(struct call *call, struct package *p, struct json_out *out) MUST_USE;

/* package_idle.c */
enum err package_idle(struct call *call, const struct package *p, struct json_out *out) MUST_USE; /* idle.csv */

#endif
