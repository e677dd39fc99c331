/* market/packed_ask.h
 * A question, kept small: the broker's stored form (core/broker.h) with its runs of zeros counted. For reservations
 * that may
 * be brokered anew; a hundred thousand of them wait in memory. */
#ifndef MARKET_PACKED_ASK_H
#define MARKET_PACKED_ASK_H

#include "core/broker.h"

struct bytes packed_ask_make(const struct broker_ask *ask);                     /* malloc'ed */
enum err packed_ask_read(struct bytes packed, struct broker_ask *ret) MUST_USE; /* ERR_CORRUPT */

#endif
