/* audit/watch.h
 * `kontor-audit watch`: the newest checkpoint of a log, which must extend the one that was seen last. Quiet when all is
 * well, for cron. */
#ifndef AUDIT_WATCH_H
#define AUDIT_WATCH_H

#include <stdio.h>

#include "audit/source.h"

struct watch {
    const char *where;    /* an address or an export's folder */
    const char *remember; /* the file that keeps the last checkpoint, a signed note */
    const char *policy;   /* text of a C2SP tlog-policy, or NULL */
    const char *ca_file, *headers;
    bool words;           /* say so, too, when all is well */
    FILE *to;
};

/* Exit status: 0 all is well; 1 it is not: what is wrong is printed, the checkpoint that shows it is kept beside the file
 * as FILE.other, later ones as FILE.other.newest, and the file stays as it was; 3 it cannot be judged (told on standard error). */
int watch_run(const struct watch *w);

#endif
