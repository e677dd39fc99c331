/* api/ask.h: what a start-up wants, read from a body, and as the broker is asked. */
#ifndef API_ASK_H
#define API_ASK_H

#include "api/call.h"
#include "core/broker.h"
#include "store/requests.h"

/* The members that requests and look-only quotes share. r's texts live in the arena. now_ms: the market's clock. */
void ask_read(struct json_in *in, struct request_row *r, int64_t now_ms, struct arena *a);
/* As the broker is asked: r's wishes, seen from its organisation's place. */
/* "secrets", the names of those that come when a quote is accepted; r->needs says that there are some. */
void secret_names_read(struct json_in *in, struct request_row *r, struct arena *a);
enum err ask_of_request(struct call *call, const struct request_row *r, struct broker_ask *ret) MUST_USE;
const char *preference_name(int preference);
const char *offering_kind_name(int kind); /* enum broker_kind */
const char *use_name(uint16_t needs);     /* job, allocation: how a ticket with these needs is used */
int preference_read(struct json_in *in);  /* "preference", soonest if it is missing */

#endif
