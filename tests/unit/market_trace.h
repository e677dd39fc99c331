/* tests/unit/market_trace.h: what was commanded, what was answered, and how all stands afterwards, as one line of JSON a
 * command: for a model that recomputes it (tests/model/). */
#ifndef TESTS_MARKET_TRACE_H
#define TESTS_MARKET_TRACE_H

#include <stdio.h>

#include "market_world.h"

/* Once, before the first command. */
void market_trace_begin(FILE *to, const struct market_world *m);
void market_trace(FILE *to, const struct market_world *m, const struct command *c, enum err err);

#endif
