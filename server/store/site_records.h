/* store/site_records.h: tickets and reports, as workers read them. Written by the sequencer only. */
#ifndef STORE_SITE_RECORDS_H
#define STORE_SITE_RECORDS_H

#include "base/arena.h"
#include "store/db.h"

struct ticket_record {
    uint64_t site, seq;
    struct uuid jti, reservation;
    struct bytes claims; /* in the arena, ending in NUL beyond len */
    int64_t created_ms;
};

/* Those of a site with a number above `after`, in order, at most max. */
enum err tickets_after(struct db *db, uint64_t site, uint64_t after, int max, struct arena *a,
                       struct ticket_record **ret, size_t *ret_n) MUST_USE;
/* The same for several sites at once, each above its own number, at most max of each; in order of site and number. */
struct ticket_wish {
    uint64_t site, after;
};
enum err tickets_after_each(struct db *db, const struct ticket_wish *wishes, size_t wishes_n, int max, struct arena *a,
                            struct ticket_record **ret, size_t *ret_n) MUST_USE;
/* Newest first, below `before`. states: of their reservations, as reservations_list() has them; "": any. */
enum err tickets_before(struct db *db, uint64_t site, uint64_t before, const char *states, int max, struct arena *a,
                        struct ticket_record **ret, size_t *ret_n) MUST_USE;
/* The run ticket of a reservation: its first. ERR_NOT_FOUND. */
enum err tickets_of(struct db *db, struct uuid reservation, struct arena *a, struct ticket_record *ret) MUST_USE;

struct report_record {
    uint64_t site, number;
    struct bytes statement; /* in the arena */
    uint32_t answer_flags;
    char reason[48]; /* wire name of the error for which a permit was refused, or "" */
    int64_t received_ms;
    struct uuid reservation; /* zero: none */
    struct bytes signature;  /* of reports_of() only: 64 bytes in the arena */
};

enum err reports_before(struct db *db, uint64_t site, uint64_t before, int max, struct arena *a,
                        struct report_record **ret, size_t *ret_n) MUST_USE;
/* All about one ticket, in order, at most max. */
enum err reports_of(struct db *db, uint64_t site, struct uuid jti, int max, struct arena *a,
                    struct report_record **ret, size_t *ret_n) MUST_USE;
enum err reports_find(struct db *db, uint64_t site, uint64_t number, struct arena *a,
                      struct report_record *ret) MUST_USE;
/* Those that a key of the site signed, and that came since then: the newest first. */
enum err reports_by_key(struct db *db, uint64_t site, uint64_t key, int64_t since_ms, int max, struct arena *a,
                        struct report_record **ret, size_t *ret_n) MUST_USE;

#endif
