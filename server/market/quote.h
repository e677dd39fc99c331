/* market/quote.h: what accept and the timers need of quotes. */
#ifndef MARKET_QUOTE_H
#define MARKET_QUOTE_H

#include "market/batch.h"

/* The open quote that the actor may use. ERR_QUOTE_EXPIRED; ERR_NOT_FOUND: another organisation's. */
enum err quote_find(const struct deciding *d, const struct command *c, struct uuid id, struct quote **ret) MUST_USE;
/* It is open no more: its booking is free, it leaves the memory on commit. */
void quote_end(struct deciding *d, struct quote *q, enum quote_state state);

/* A new leader reads no quote whose time was over by more than this at the journal's last entry (and as much again as it
 * lives): whoever writes an entry ends those first, should the janitor not have come to it. */
#define QUOTE_SLACK_MS INT64_C(3600000)
void quotes_end_old(struct deciding *d);

#endif
