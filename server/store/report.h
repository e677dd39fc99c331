/* store/report.h: what moved in a period, for the officer's report. Sums of committed entries and of jobs that came to their end.
 * Times are market time, ms since 1970; a period is from (included) to (not included). */
#ifndef STORE_REPORT_H
#define STORE_REPORT_H

#include "base/arena.h"
#include "core/report.h"
#include "store/db.h"

/* By kind and accounts. Row security: the programme sees all, others their own. */
enum err report_moves(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct report_move **ret, size_t *ret_n) MUST_USE;

/* What the journal has of the period: its first and last entry (none if entries is 0), disputes opened and closed in it. */
struct report_span { uint64_t first, last; int64_t entries, opened, closed; };
enum err report_span(struct db *db, int64_t from_ms, int64_t to_ms, struct report_span *ret) MUST_USE;

/* Jobs of a site that ended in the period, by outcome: GPU-seconds that were booked for them, that they used. */
struct report_jobs { uint64_t site; int outcome; int64_t count, booked_gpu_seconds, used_gpu_seconds; };
enum err report_jobs(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct report_jobs **ret, size_t *ret_n) MUST_USE;

/* Who cosigned checkpoints that end within the entries first .. end - 1: of the ones that are kept (migration 0012). By name, then key. */
struct report_witness { const char *name; uint8_t public[32]; int64_t checkpoints, first_ms, last_ms; };
enum err report_witnesses(struct db *db, uint64_t first, uint64_t end, struct arena *a, struct report_witness **ret, size_t *ret_n) MUST_USE;

/* Who vouches for these entries: signatures by class (struct authority_slot), those of SETTLEs apart; by how many keys. */
struct report_signed { int class; bool settles; int64_t signatures, keys; };
enum err report_signatures(struct db *db, uint64_t first, uint64_t end, struct arena *a, struct report_signed **ret, size_t *ret_n) MUST_USE;

#endif
