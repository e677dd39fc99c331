/* audit/source.h: where the log's files come from: a folder, in the layout of an export. May be read by many threads. */
#ifndef AUDIT_SOURCE_H
#define AUDIT_SOURCE_H

#include <stdio.h>

#include "base/err.h"

struct source { const char *dir; };

/* A file of the log, into ret (room: most + 1), with a NUL behind it. Of a longer one most + 1 bytes are given, so that
 * *ret_len > most tells that there is more. False: it is not there, cannot be read, or is no regular file. */
bool source_read(const struct source *s, const char *name, char *ret, size_t most, size_t *ret_len) MUST_USE;
/* A regular file for reading, NULL with errno if it is none: a pipe in its place would let us wait for ever. */
FILE *source_open(const char *path) MUST_USE;
FILE *source_open_in(const struct source *s, const char *name) MUST_USE;

#endif
