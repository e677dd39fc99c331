/* store/second.h: whose password alone opens nothing, and the codes that recover who has no passkey at hand. */
#ifndef STORE_SECOND_H
#define STORE_SECOND_H

#include "store/db.h"

struct second {
    bool demanded;
    int64_t codes; /* that are left */
};

enum err second_of(struct db *db, struct uuid person, struct second *ret) MUST_USE;
/* Demanded: OK, and nothing, where it is so already. */
enum err second_demand(struct db *db, struct uuid person, int64_t now_ms) MUST_USE;
enum err second_waive(struct db *db, struct uuid person) MUST_USE;
/* In a transaction: these, and none of before. n 0: none at all. */
enum err second_codes(struct db *db, struct uuid person, const struct hash *codes, size_t n) MUST_USE;
/* One of them is used, once. ERR_CREDENTIALS: it is none. */
enum err second_take(struct db *db, struct uuid person, struct hash code) MUST_USE;

#endif
