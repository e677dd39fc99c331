/* agent/remarks.h
 * What `kontor-agent check` finds: a finding for each thing that it looked at, with a verdict, and a remedy unless all is well.
 * A backend adds its own (backend_kind.check). */
#ifndef AGENT_REMARKS_H
#define AGENT_REMARKS_H

#include <stdio.h>

#include "base/err.h"

enum verdict {
    VERDICT_OK,
    VERDICT_WARNING, /* it works, and somebody should look */
    VERDICT_FAULT    /* the agent cannot work, or must not */
};

struct remark {
    const char *what; /* a word: "spool" */
    enum verdict verdict;
    char text[400];
    const char *remedy; /* what to do; NULL: nothing */
};

struct remarks {
    struct remark *all;
    size_t n, cap;
};

/* what and remedy are literals. */
void remarks_add(struct remarks *f, const char *what, enum verdict verdict, const char *remedy, const char *format, ...)
    PRINTF(5, 6);
/* VERDICT_OK with the text where err is OK, else VERDICT_FAULT with what *d says, or the error's own sentence. */
void remarks_err(struct remarks *f, const char *what, enum err err, const struct err_detail *d, const char *remedy,
                  const char *text);
enum verdict remarks_worst(const struct remarks *f);
/* A line each, a second one for a remedy; or one JSON object. */
void remarks_print(const struct remarks *f, bool json, FILE *to);
void remarks_free(struct remarks *f);

#endif
