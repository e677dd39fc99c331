/* audit/package.h
 * The data package of a period (schema/journal/package.md) judged offline: the archive itself, its sums, the checkpoints' signatures, that
 * the slice is in the log and whole, its signatures, and that the tables follow from it. Nothing is unpacked. */
#ifndef AUDIT_PACKAGE_H
#define AUDIT_PACKAGE_H

#include <stdio.h>

/* path: the archive, or the folder that it was unpacked to. policy: the text of a tlog-policy, or NULL. Returns the exit status: 0 no fault,
 * 1 faults, 3 it cannot be read. */
int package_check(const char *path, const char *policy, FILE *to);
/* The same of an archive that is open. */
int package_judge(FILE *archive, const char *policy, FILE *to);

#endif
