/* market/herald.h
 * The thread that tells people what concerns them (store/notices.h), while this server leads. What the journal says it reads
 * entry by entry, and how far it has come moves in the transaction that tells it: nothing is told twice, nothing is missed.
 * What only the state shows (a quote about to end, a site out of touch, a place that was cut, credits that will lapse) it looks
 * for now and then; the subject, which is unique, keeps it from being told again. Commits never wait for it. */
#ifndef MARKET_HERALD_H
#define MARKET_HERALD_H

#include "base/arena.h"
#include "market/market.h"
#include "store/notices.h"

struct herald;

struct herald_config {
    struct market *market;
    const char *db_worker; /* conninfo */
    const struct log *log; /* may be NULL */
};

enum err herald_start(const struct herald_config *config, struct herald **ret, struct err_detail *d) MUST_USE;
/* Before market_stop(). NULL: nothing. */
void herald_stop(struct herald *h);

/* ---- for herald*.c and tests ------------------------------------------------------------------------------------------ */

/* One thing to tell, with what its words say. */
struct herald_item {
    enum notices_kind kind;
    char subject[121];
    struct uuid id, request, organisation; /* id: reservation, quote */
    uint64_t site, account;                /* NO_INDEX: none */
    int64_t at_ms;    /* when: a quote's or grant's end, the last contact, the window's start */
    int64_t gpums;    /* settled; cost; what will lapse */
    int64_t free_gpums, start_ms; /* of a grant */
    int64_t since_ms; /* notices_event.since_ms */
    int days;         /* the stage of a lapse */
    int64_t until_ms; /* of a maintenance; 0: none */
    const char *how;  /* a word of the kind's own: herald_words.c */
    char name[64], code[17];
    struct uuid asker, other; /* other: where it was moved to */
};

/* What has been told, by herald_key(): only to save asking the database, and forgotten when it has grown too much. */
struct hash herald_key(const struct herald_item *item);

/* What the state shows and is not in `told`: at most max. Under the read lock. */
size_t herald_look(const struct state *s, int64_t now_ms, const struct map *told, struct herald_item *ret, size_t max);
/* Reservations in whose time a new window of maintenance lies, though their places stay (else herald_look() has them), and which were made before it:
 * at most max. Under the read lock. */
size_t herald_window(const struct state *s, const struct notices_window *w, const struct map *told, struct herald_item *ret, size_t max);
/* Grants of which credits may lapse soon, the next ones after account *after, which moves on (0: from the first again); what
 * their holders used is not known yet. Under the read lock. */
size_t herald_grants(const struct state *s, int64_t now_ms, const struct map *told, uint64_t *after, struct herald_item *ret, size_t max);
/* What will lapse at the present pace: paid since from_ms. False: too little to speak of. */
bool herald_lapses(struct herald_item *grant, int64_t now_ms, int64_t paid_gpums, int64_t from_ms);
/* The item as an event: title, text, facts, link; its texts in the arena. */
struct notices_event herald_words(const struct herald_item *item, struct uuid id, int64_t at_ms, struct arena *a);

#endif
