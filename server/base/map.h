/* base/map.h
 * Hash map from a fixed-size key (8, 16 or 32 bytes) to a pointer. Keys are hashed with SipHash under a key drawn at
 * start, so that a caller cannot choose collisions. Changes take an undo log (may be NULL). */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>

#include "base/memory.h"
#include "base/undo.h"

struct map;

struct map *map_new(size_t key_len);
/* Of values that hold their keys, key_at bytes from where they begin, unchanged as long as they are in the map (and as long as
 * the undo log may put them back). A slot then needs 12 bytes instead of 8 and the key's. */
struct map *map_new_inside(size_t key_len, size_t key_at);
void map_live_in(struct map *m, const struct memory *from); /* of an empty map; from outlives it */
void map_delete(struct map *m);
size_t map_count(const struct map *m);
void *map_get(const struct map *m, const void *key);                       /* NULL if none */
void map_put(struct map *m, const void *key, void *value, struct undo *u); /* inserts or replaces; value not NULL */
void *map_remove(struct map *m, const void *key, struct undo *u);          /* what was there, or NULL */
/* Walk in no particular order: size_t it = 0; while (map_next(m, &it, &key, &value)) … ; no changes meanwhile. */
bool map_next(const struct map *m, size_t *it, const void **ret_key, void **ret_value);

static inline void *
map_get_u64(const struct map *m, uint64_t k)
{
    return map_get(m, &k);
}

#endif
