/* store/blobs.h: workloads and outputs, by their SHA-256. */
#ifndef STORE_BLOBS_H
#define STORE_BLOBS_H

#include "base/arena.h"
#include "store/db.h"

#define BLOB_MAX 131072

enum err blobs_find(struct db *db, struct hash sha256, struct arena *a, struct bytes *ret) MUST_USE; /* ERR_NOT_FOUND */
/* There already: OK. bytes.len ≤ BLOB_MAX (the caller checks). */
enum err blobs_add(struct db *db, struct hash sha256, struct bytes bytes, int64_t now_ms) MUST_USE;

#endif
