/* market/index.h
 * Keeps the state's maps, calendars, counters and due list in step with quotes and reservations. The decide functions
 * use it with an undo log; a rebuild uses it with none (NULL), object by object, to put back what the rows say. */
#ifndef MARKET_INDEX_H
#define MARKET_INDEX_H

#include "market/state.h"

/* A key of two numbers: by_ticket (SITE, ticket number). */
struct pair_key {
    uint64_t a, b;
};

struct quote *index_quote(const struct state *s, struct uuid id); /* NULL if none; so all below */
struct reservation *index_reservation(const struct state *s, struct uuid id);
struct reservation *index_jti(const struct state *s, struct uuid jti);
/* The reservation of a ticket that is confirmed now: by_ticket has only those that are not. */
struct reservation *index_ticket_received(struct state *s, uint64_t site, uint64_t seq, struct undo *u);
struct site_state *index_site(const struct state *s, uint64_t site);
struct offering_state *index_offering(const struct state *s, uint64_t offering);
/* The slot of a report's number among the newest (made at the first use). */
struct report_seen *index_recent(struct site_state *site, uint64_t number, struct undo *u);
struct request_state *index_request(struct state *s, struct uuid request, struct undo *u); /* made if there is none */
struct grant_state *index_grant(struct state *s, uint64_t grant, struct undo *u);          /* likewise */
struct parking *index_parking(struct state *s, struct uuid org, uint64_t site, struct undo *u); /* likewise */
const struct parking *index_parked(const struct state *s, struct uuid org, uint64_t site);      /* or NULL */

/* An open quote comes into the state: its option is booked, counted against its grant, and due at its expiry. */
void index_quote_open(struct state *s, struct quote *q, struct undo *u);
/* The quote is open no more; it leaves the state and is freed on commit. q->state and q->ended_ms are set already. */
void index_quote_close(struct state *s, struct quote *q, int64_t ttl_ms, struct undo *u);
/* What an ended quote leaves behind for the pause after a renewal. A rebuild calls it for those that ended not longer
 * than twice their time to live ago, in order of ended_ms; index_quote_close() calls it itself. */
void index_quote_recall(struct state *s, const struct quote *q, int64_t ttl_ms, struct undo *u);
/* Its organisation cancels a reservation before the site has a permit: if it booked much of the site, that was parked like a
 * quote that nobody used, from the quote's beginning on. (Remembered until a restart.) */
void index_reservation_unused(struct state *s, const struct reservation *r, int64_t now_ms, int64_t ttl_ms, struct undo *u);
/* The renewal counts: there is a pause after the quote's (new) expiry. */
void index_quote_renewed(struct state *s, const struct quote *q, int64_t ttl_ms, struct undo *u);

/* A reservation comes into the state: by id, jti, ticket and request; what it books is booked; its timer is due. Its
 * fence raises its request's. Not for voided ones. */
void index_reservation_add(struct state *s, struct reservation *r, struct undo *u);
/* Its timer, by what it is now. Call it after each change of state or times. */
void index_reservation_due(struct state *s, const struct reservation *r, int64_t now_ms, struct undo *u);
/* It has ended: its request may be reserved again. */
void index_reservation_ended(struct state *s, struct reservation *r, struct undo *u);
/* What it still books is free. Sets booked_slots 0: put it on the batch's list first. */
void index_reservation_free(struct state *s, struct reservation *r, struct undo *u);
/* Frees it and what it holds. */
void index_reservation_release(void *reservation);
/* It leaves the memory and is freed on commit. Its booking must be free. */
void index_reservation_drop(struct state *s, struct reservation *r, struct undo *u);

/* The end of a grant is due, also while nothing is free, since credits may come back before it. A rebuild calls it for
 * each. */
void index_grant_due(struct state *s, const struct account *grant, struct undo *u);

/* Move the calendars on to the present. Call it before a batch is decided; not undone, since time is not. */
void index_advance(struct state *s, int64_t now_ms);

/* What ticket_*() judges a reservation by. */
/* It has ended, or is contested after its settlement: nothing that a site says any more changes what is shown of it. */
bool index_reservation_over(const struct reservation *r);
struct ticket_facts index_facts(const struct state *s, const struct reservation *r);

#endif
