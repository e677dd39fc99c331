/* store/organisations.h: start-ups. */
#ifndef STORE_ORGANISATIONS_H
#define STORE_ORGANISATIONS_H

#include "base/arena.h"
#include "core/organisation.h"
#include "store/db.h"

struct organisation {
    struct uuid id;
    char country[3];
    enum organisation_class class;
    int32_t lat_milli, lon_milli;
    int64_t created_ms;
    const char *name, *city; /* in the arena that was given */
};

enum err organisations_find(struct db *db, struct uuid id, struct arena *a,
                            struct organisation *ret) MUST_USE; /* ERR_NOT_FOUND */
/* At most max whose id is below `before` (all ones: from the newest), newest first. */
enum err organisations_list(struct db *db, struct uuid before, int max, struct arena *a, struct organisation **ret,
                            size_t *ret_n) MUST_USE;
enum err organisations_add(struct db *db, const struct organisation *o) MUST_USE;

#endif
