/* store/use.h: what the programme's credits and the sites' GPUs were used for in a period, and how long jobs waited. Times are
 * market time, ms since 1970; a period is from (included) to (not included). Row security: the programme sees all. */
#ifndef STORE_USE_H
#define STORE_USE_H

#include "base/arena.h"
#include "store/db.h"

/* All entries of one kind from one account to another in a month (year × 12 + month − 1, UTC). */
struct use_move {
    int kind;
    uint64_t debit, credit;
    int64_t month, count, gpums;
    uint64_t first, last; /* indexes of the first and the last of them */
};
/* SETTLEs, RESOLVEs and CORRECTs, by month. */
enum err use_moves(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_move **ret, size_t *ret_n) MUST_USE;

/* From at_ms on so many more GPUs of an offering are booked (fewer: negative). */
struct use_booked {
    uint64_t offering;
    int64_t at_ms, gpus;
};
/* A job's GPUs are booked from its window's start, until what is booked for it ends, or it has ended. By offering and time. */
enum err use_booked(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_booked **ret, size_t *ret_n) MUST_USE;

/* What an offering's jobs used, by the site's reports, as far as it falls in the period: spread evenly over the time they ran. */
struct use_run {
    uint64_t offering;
    int64_t gpu_ms;
};
enum err use_runs(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_run **ret, size_t *ret_n) MUST_USE;

/* Of a site: how long jobs that started in the period had waited since they were asked for, or since the earliest start that was
 * asked for; and what waits now: for a start that is to come, or whose time has come. */
struct use_wait {
    uint64_t site;
    int64_t started, half_ms, ninety_ms, most_ms;
    int64_t waiting, waiting_gpus, due;
};
enum err use_waits(struct db *db, int64_t from_ms, int64_t to_ms, int64_t now_ms, struct arena *a, struct use_wait **ret, size_t *ret_n) MUST_USE;

/* The same for anybody: of how many organisations each figure is stands beside it. */
struct use_public_wait {
    uint64_t site;
    int64_t started, started_of, half_ms, ninety_ms;
    int64_t waiting, waiting_of, waiting_gpus;
};
enum err use_public_waits(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_public_wait **ret, size_t *ret_n) MUST_USE;

#endif
