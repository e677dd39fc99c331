/* api/reservation_json.h: a reservation as JSON, from the market's memory or from its row. */
#ifndef API_RESERVATION_JSON_H
#define API_RESERVATION_JSON_H

#include "api/call.h"
#include "store/reservations.h"

/* As the market's memory has it, else from its row. For replies to what was just committed: the memory may be ahead of
 * that, never behind. ERR_NOT_FOUND. */
enum err reservation_find(struct api *api, struct db *db, struct uuid id, struct reservation_row *ret) MUST_USE;
/* Appends the object. Takes the state's read lock: the caller must not hold it. */
enum err reservation_json(struct api *api, struct db *db, const struct reservation_row *r,
                          struct json_out *out) MUST_USE;
enum err reservation_render(struct api *api, struct db *db, struct uuid id, struct json_out *out,
                            uint64_t *ret_version) MUST_USE;
/* What ticket_state_name() calls the state that the database has a word for. */
const char *reservation_state_name(const char *word);

#endif
