/* api/log_keys.h: has this journal's log signed what somebody shows? */
#ifndef API_LOG_KEYS_H
#define API_LOG_KEYS_H

#include "core/note.h"

struct api;
struct arena;
struct refusal_row;

enum { LOG_KEYS_MAX = 64 };
/* All keys that the log has had: those that the journal announces, and ours, which a younger journal may have. */
struct log_keys { char origin[65]; struct vkey key[LOG_KEYS_MAX]; size_t n; };

/* ERR_NOT_LEADER: there is no state to read them from. */
enum err log_keys_read(struct api *api, struct log_keys *ret) MUST_USE;
/* A checkpoint of this journal's origin with a good signature by one of the keys. *ret may be NULL. */
bool log_keys_signed(const struct log_keys *k, const struct note *n, struct checkpoint *ret);
/* Of each refusal: has the log signed the checkpoint that was refused? The array lives in the arena. */
enum err refusals_prove(struct api *api, struct arena *a, const struct refusal_row *all, size_t n, bool **ret) MUST_USE;

#endif
