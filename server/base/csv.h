/* base/csv.h: CSV (RFC 4180), written into a struct json_out used as a buffer of bytes; and one line of it read. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/json.h"

void csv_add(struct json_out *out, const char *text, size_t len);
/* A quoted field. What a spreadsheet would run as a formula gets a mark of text in front. */
void csv_field(struct json_out *out, const char *text);
/* As printf; at most 400 bytes. */
void csv_printf(struct json_out *out, const char *fmt, ...) PRINTF(2, 3);
/* The next field of a line, in place, without its quotes; *at goes behind the comma, or is NULL at the end. The mark of text stays.
 * False: it is none that csv_field() or a bare word makes. */
bool csv_read(char **at, char **ret) MUST_USE;

#endif
