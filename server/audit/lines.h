/* audit/lines.h: lines of comma-separated values, as the database has them, against what follows from the entries; of lines of JSON their
 * hexadecimal. */
#ifndef AUDIT_LINES_H
#define AUDIT_LINES_H

#include "audit/finding.h"
#include "base/json.h"

/* Tell the first column in which two lines of the same table differ: "WHAT: COLUMN is HAVE, by the entries WANT". */
void lines_tell(struct findings *found, uint64_t leaf, const char *what, const char *header, const char *have, const char *want);
/* Nothing is hidden behind a zero byte? The buffer was zero before it was read. */
/* At most cap bytes; false: it is no hexadecimal, or (in->err) no text at all. */
bool lines_hex(struct json_in *in, const char *name, uint8_t *ret, size_t cap, size_t *ret_len);
bool lines_is_text(const char *buffer, size_t size);

#endif
