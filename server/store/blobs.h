/* store/blobs.h: workloads and outputs, by their SHA-256. */
#ifndef STORE_BLOBS_H
#define STORE_BLOBS_H

#include "base/arena.h"
#include "store/db.h"

#define BLOB_MAX 131072
/* Bytes that nothing names stay for this long, by the market's clock: longer than from their being brought to their being
 * named. */
#define BLOBS_KEEP_MS (INT64_C(24) * 3600 * 1000)

enum err blobs_find(struct db *db, struct hash sha256, struct arena *a, struct bytes *ret) MUST_USE; /* ERR_NOT_FOUND */
/* The workload of a reservation at this site, and nothing else. ERR_NOT_FOUND. */
enum err blobs_of_site(struct db *db, uint64_t site, struct hash workload, struct arena *a, struct bytes *ret) MUST_USE;
/* There already: OK. bytes.len ≤ BLOB_MAX (the caller checks). */
enum err blobs_add(struct db *db, struct hash sha256, struct bytes bytes, int64_t now_ms) MUST_USE;
/* Throw away what was brought before and is named by no request and no reservation; how many in *ret. As the server
 * (DB_ACTOR_SERVER): row security is what says which. */
enum err blobs_sweep(struct db *db, int64_t before_ms, int64_t *ret) MUST_USE;

#endif
