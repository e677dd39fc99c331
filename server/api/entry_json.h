/* api/entry_json.h: an entry of the journal as JSON, as a line of CSV, and in one sentence. */
#ifndef API_ENTRY_JSON_H
#define API_ENTRY_JSON_H

#include "api/call.h"
#include "store/journal_reads.h"

/* s under its read lock. with_bytes: adds the entry itself in hexadecimal. */
void entry_json(struct call *call, const struct state *s, const struct entry_record *r, bool with_bytes);
/* What an order will be in the journal: it has no place there yet. */
void entry_order_json(struct call *call, const struct state *s, const char *name, const struct entry *e);
/* The one sentence, in English. */
const char *entry_sentence(struct call *call, const struct state *s, const struct entry *e);

#endif
