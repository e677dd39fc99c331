/* audit/history.h: `kontor-audit history`: an organisation's own history (schema/journal/history.md), judged offline. */
#ifndef AUDIT_HISTORY_H
#define AUDIT_HISTORY_H

#include <stdio.h>

/* Prints to `to`; exit status as of main.c. policy: text of a C2SP tlog-policy, or NULL. */
/* The same of a text, which is changed; a NUL stands behind it. */
int history_judge(char *text, size_t len, const char *policy, FILE *to);
int history_check(const char *path, const char *policy, FILE *to);

#endif
