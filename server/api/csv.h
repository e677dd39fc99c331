/* api/csv.h: CSV (RFC 4180), written into a struct json_out used as a buffer of bytes. */
#ifndef API_CSV_H
#define API_CSV_H

#include "base/json.h"

void csv_add(struct json_out *out, const char *text, size_t len);
/* A quoted field. What a spreadsheet would run as a formula gets a mark of text in front. */
void csv_field(struct json_out *out, const char *text);
/* As printf; at most 400 bytes. */
void csv_printf(struct json_out *out, const char *fmt, ...) PRINTF(2, 3);

struct call;
/* Replies with what was written. */
void csv_reply(struct call *call);

#endif
