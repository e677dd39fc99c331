/* audit/source.h
 * Where the log's files come from: a folder, in the layout of an export, or an address that serves C2SP tlog-tiles. May be
 * read by many threads. */
#ifndef AUDIT_SOURCE_H
#define AUDIT_SOURCE_H

#include <stdio.h>

#include "base/err.h"

struct remote;
struct source { const char *dir; struct remote *remote; }; /* remote: dir is an address */

bool source_is_url(const char *dir);
/* Connections for so many threads. ca_file: "" the system's; headers: lines to be sent with each request, or NULL. */
enum err source_connect(struct source *s, unsigned threads, const char *ca_file, const char *headers, struct err_detail *d) MUST_USE;
void source_disconnect(struct source *s);
/* ERR_IO if something of the log could not be had because of the network or the server, not of the log: d says what. */
enum err source_trouble(const struct source *s, struct err_detail *d) MUST_USE;

/* A file of the log, into ret (room: most + 1), with a NUL behind it. Of a longer one most + 1 bytes are given, so that
 * *ret_len > most tells that there is more. False: it is not there, cannot be read, or is no regular file. */
bool source_read(const struct source *s, const char *name, char *ret, size_t most, size_t *ret_len) MUST_USE;
/* A regular file for reading, NULL with errno if it is none: a pipe in its place would let us wait for ever. */
FILE *source_open(const char *path) MUST_USE;
/* The same of an export; from an address there is none (ENOENT). */
FILE *source_open_in(const struct source *s, const char *name) MUST_USE;

#endif
