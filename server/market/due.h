/* market/due.h
 * What is due when: one entry a thing (a quote's expiry, a reservation's next timer, a grant's end), ordered by time.
 * Written by the decide functions under the write lock, read by the janitor under the read lock. Memory only: a rebuild
 * fills it from the things themselves. */
#ifndef MARKET_DUE_H
#define MARKET_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/undo.h"
#include "base/uuid.h"

#define DUE_NEVER INT64_MAX

/* Also command.in.timer.what. From DUE_WITHDRAW on they are never in the list: the janitor's scan finds them. */
enum due_what {
    DUE_QUOTE = 1,   /* id: quote */
    DUE_RESERVATION, /* id: reservation: its next timer, or the end of its contest time */
    DUE_GRANT,       /* index: grant account: its end */
    DUE_WITHDRAW,    /* id: reservation that cannot stay and may be moved; index: its hold */
    DUE_SPOOL,       /* id: reservation that a retired spool had; index: its site */
    DUE_RECOVERED,   /* index: site where nothing of that kind is left */
};

struct due_item {
    int64_t at_ms;
    enum due_what what;
    struct uuid id;
    uint64_t index;
};

struct due;

struct due *due_new(void);
void due_delete(struct due *d);
/* The thing is due at this time instead of the one before; DUE_NEVER takes it off. */
void due_set(struct due *d, enum due_what what, struct uuid id, uint64_t index, int64_t at_ms, struct undo *u);
int64_t due_at(const struct due *d, enum due_what what, struct uuid id, uint64_t index); /* DUE_NEVER if not listed */
/* Those due at or before now, at most max of them, in no particular order. They stay listed. */
size_t due_list(const struct due *d, int64_t now_ms, struct due_item *ret, size_t max);
int64_t due_next(const struct due *d); /* the earliest time, DUE_NEVER if the list is empty */
size_t due_count(const struct due *d);

#endif
