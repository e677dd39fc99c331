/* market/batch.h
 * What a decide function may do: read the state, change it through these calls, and nothing else. Everything done here
 * is taken back if the command is refused or the batch does not commit. */
#ifndef MARKET_BATCH_H
#define MARKET_BATCH_H

#include "market/command.h"
#include "market/market.h"
#include "market/state.h"

struct deciding {
    struct state *state;
    struct undo *undo;
    struct batch *batch;
    int64_t now_ms;                 /* head time: max(last entry's, clock's); one value for the whole batch */
    struct err_detail *detail;
};

/* Append a group of n entries (≤ GROUP_MAX): sets index, time, group, links; applies each to the ledger; adds the rows.
 * All or none; the ledger's error and rule otherwise (in detail). Entries come back with their indexes. */
enum err batch_group(struct deciding *d, struct entry *entries, size_t n) MUST_USE;
/* An object with a row is new / has changed (call before changing it: it saves the bytes for undo; len = its size). */
void batch_new(struct deciding *d, struct row *row);
void batch_changed(struct deciding *d, struct row *row, size_t len);
/* A ticket's row (number given by site_state.last_seq + 1, kept there by this call). claims: JSON text. Adds EVENT_TICKET. */
uint64_t batch_ticket(struct deciding *d, uint64_t site, struct uuid jti, struct uuid reservation, const char *claims, size_t len);
/* A report's row: (site, number) with its bytes, signature, permit outcome and time; never updated. */
void batch_report(struct deciding *d, const struct command *c, uint32_t answer_flags, enum err permit_reason);
/* What a passkey said of an entry of this batch (authority class 2): in the same transaction as the entry. */
void batch_assertion(struct deciding *d, struct bytes assertion);
void batch_event(struct deciding *d, enum market_event_kind kind, uint64_t index, struct uuid id);

/* One per command kind, in market/<command>.c; listed in market/decide.c, THE table. */
typedef enum err decide_fn(struct deciding *d, struct command *c);
decide_fn decide_open, decide_order, decide_capacity, decide_site_status, decide_spool_retire; /* money and sites: sequencer's */
decide_fn decide_quote, decide_quote_renew, decide_quote_release, decide_accept, decide_cancel, decide_move;
decide_fn decide_instance, decide_received, decide_report, decide_timer, decide_statement;

#endif
