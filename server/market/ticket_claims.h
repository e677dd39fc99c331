/* market/ticket_claims.h
 * The claims of a ticket, as a worker signs them at delivery: JSON without white space, members in the order of
 * schema/ticket.json. Instants within are ms of the journal's clock; iat, nbf and exp real seconds. */
#ifndef MARKET_TICKET_CLAIMS_H
#define MARKET_TICKET_CLAIMS_H

#include "base/json.h"
#include "market/state.h"

#define TICKET_LIFE_MS (30 * INT64_C(86400000)) /* of the JWS, after the window's end; real time */

/* do: run, of r with its r->seq; the offering and the HOLD must be in the ledger. Appends to out. */
void ticket_claims_run(const struct state *s, const struct reservation *r, int64_t now_ms, struct json_out *out);
/* do: cancel, of r with its r->cancel_seq. */
void ticket_claims_cancel(const struct state *s, const struct reservation *r, int64_t now_ms, struct json_out *out);

#endif
