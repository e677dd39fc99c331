/* store/mail.h
 * Where people get letters: an address that its person has confirmed by a link, and in which language. Times are real ones. Texts
 * of rows live in the arena given. */
#ifndef STORE_MAIL_H
#define STORE_MAIL_H

#include "base/arena.h"
#include "store/db.h"

enum { MAIL_ADDRESS_MAX = 254 };
#define MAIL_AGAIN_MS (INT64_C(7) * 86400000) /* what was given up is tried again, and spoken of, for so long */

/* Codes of the languages that there are; ends in NULL. */
extern const char *const MAIL_LANGUAGES[];
enum err mail_language(struct db *db, struct uuid person, struct arena *a, const char **ret) MUST_USE; /* "": none was chosen */
enum err mail_language_choose(struct db *db, struct uuid person, const char *language) MUST_USE;       /* "": none */

struct mail_address {
    const char *address;     /* confirmed; "": none */
    const char *wanted;      /* asked for; "": none */
    int64_t wanted_until_ms; /* its link opens until then */
};
enum err mail_find(struct db *db, struct uuid person, struct arena *a, struct mail_address *ret) MUST_USE;
/* In a transaction: this address is wanted, and the letter with its link, which opens `id`, waits to be delivered. ERR_RATE_LIMITED:
 * MAIL_ASKED_MAX were asked for within an hour. The event is written by the server's own right. */
enum { MAIL_ASKED_MAX = 3 };
struct mail_asking {
    struct uuid person, id, event, delivery;
    const char *wanted;
    int64_t until_ms, real_ms, now_ms; /* now_ms: of the event */
};
enum err mail_want(struct db *db, const struct mail_asking *m) MUST_USE;
/* Whoever has its link confirms an address, as the server. ERR_NOT_FOUND: it was used, is too old, or another was asked for since. */
enum err mail_confirm(struct db *db, struct uuid id, int64_t real_ms, struct uuid *ret_person) MUST_USE; /* whose it is */
/* In a transaction: no letters any more; those that wait are given up. */
enum err mail_remove(struct db *db, struct uuid person, int64_t real_ms) MUST_USE;

/* Letters that did not go out: given up, or tried in vain so far. */
struct mail_failure {
    struct uuid id;
    const char *person; /* name */
    bool given_up;
    int tries, status;
    int64_t created_ms, next_ms;
    const char *why;
};
/* As the server: of everybody, newest first, at most max. */
enum err mail_failures(struct db *db, int64_t since_ms, int max, struct arena *a, struct mail_failure **ret, size_t *ret_n) MUST_USE;
/* As the server: what was given up since then is tried again from now on. */
enum err mail_again(struct db *db, int64_t since_ms, int64_t real_ms, int64_t *ret_n) MUST_USE;
/* Why the newest letter to this person that is done did not arrive; "": it did, or there was none. */
enum err mail_fault(struct db *db, struct uuid person, int64_t since_ms, struct arena *a, const char **ret) MUST_USE;

#endif
