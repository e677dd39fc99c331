/* store/export_reasons.h
 * What the journal says of the texts that are kept apart from it, beside what the table of evidence says of itself: a text that
 * an entry says was erased and that is there again, one that is not what its entry commits to, one that is gone without a
 * word. First the entries, then the rows. */
#ifndef STORE_EXPORT_REASONS_H
#define STORE_EXPORT_REASONS_H

#include "store/entries.h"
#include "store/evidence.h"

struct reasons;
struct reasons *reasons_new(void);
void reasons_delete(struct reasons *r);
void reasons_entry(struct reasons *r, const struct entry_row *row);
/* A sentence about the row, or NULL: it is as the journal says, or of an order that the journal does not know. */
const char *reasons_row(struct reasons *r, const struct evidence *e);
/* After the last row: a sentence about the next text that is missing, or NULL: there are no more. */
const char *reasons_missing(struct reasons *r);

#endif
