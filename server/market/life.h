/* market/life.h
 * Carries out core/ticket.h's table: an event meets a reservation, and what follows is done in one group and batch. */
#ifndef MARKET_LIFE_H
#define MARKET_LIFE_H

#include "market/batch.h"
#include "market/displaced.h"
#include "market/group.h"

/* What an event rests on, and the id for a reservation brokered anew. */
struct cause {
    struct grounds on;    /* a report, or none */
    struct uuid new_id;   /* zero: none is brokered anew */
    uint16_t dispute_why; /* enum dispute_why, if a dispute is opened */
    /* a withdrawal only if there is another place (else ERR_OPTION_GONE, with changes that the caller takes back): */
    enum displaced displaced;        /* why; DISPLACED_NOT: it is withdrawn whether there is one or not */
    const struct broker_ask *asked;  /* what was asked, of one that keeps it not; NULL: its own */
};

/* Ids from the command, the report if it is one. */
struct cause life_cause(const struct command *c);

/* OK with the cell that was met in *ret (its verdict may be KEEP or STALE: then nothing was done), or ERR_STATE where
 * the
 * table refuses a person's wish, or the ledger's error. The reservation is on the batch's list if anything was done; it
 * may have left the state (voided): do not touch it afterwards unless its state is not TICKET_VOIDED. */
enum err life_event(struct deciding *d, struct reservation *r, enum ticket_event event, const struct cause *cause,
                    const struct ticket_cell **ret) MUST_USE;

/* It changes: on the batch's list with its next version. Call it before the first change of a command. */
void life_touch(struct deciding *d, struct reservation *r);

#endif
