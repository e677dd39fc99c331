/* api/csv.h: a table as a reply. */
#ifndef API_CSV_H
#define API_CSV_H

#include "base/csv.h"

struct call;
/* Replies with what was written. */
void csv_reply(struct call *call);

#endif
