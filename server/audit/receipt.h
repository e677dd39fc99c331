/* audit/receipt.h
 * Receipts (C2SP tlog-proof), which show offline that one entry is in a signed log. */
#ifndef AUDIT_RECEIPT_H
#define AUDIT_RECEIPT_H

#include <stdbool.h>
#include <stdio.h>

struct receipt_ask {
    const char *receipt, *entry; /* paths; entry NULL: it stands in the receipt. The entry's bytes: as they are, in hexadecimal, or as the server's JSON shows them */
    const char *policy;          /* a policy's text; NULL: whose signatures these are is not judged */
    bool json;
    FILE *to;
};
/* The whole of `kontor-audit receipt`; exit status as of main.c. What cannot be judged is said on standard error. */
int receipt_check(const struct receipt_ask *ask);

#endif
