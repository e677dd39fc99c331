/* api/quote_json.h: quotes as JSON. */
#ifndef API_QUOTE_JSON_H
#define API_QUOTE_JSON_H

#include "api/call.h"
#include "core/broker.h"
#include "store/reservations.h"

/* Takes and gives back the state's read lock: the caller must not hold it. */
enum err quote_row_json(struct call *call, const struct quote_row *q) MUST_USE;

#endif
