/* audit/history.h: `kontor-audit history`: an organisation's own history (schema/journal/history.md), judged offline. */
#ifndef AUDIT_HISTORY_H
#define AUDIT_HISTORY_H

#include <stdio.h>

/* Prints to `to`; exit status as of main.c. policy: text of a C2SP tlog-policy, or NULL. */
int history_check(const char *path, const char *policy, FILE *to);

#endif
