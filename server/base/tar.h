/* base/tar.h
 * POSIX.1-1988 tar (ustar), uncompressed: headers to write an archive piece by piece, and the names and places in one that somebody gave.
 * An archive is read as strictly as it is written: regular files only, plain relative names, no name twice, each size within the file;
 * nothing is ever unpacked, so that no name of it becomes one of the disk. */
#ifndef BASE_TAR_H
#define BASE_TAR_H

#include <stdio.h>

#include "base/bytes.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 100, TAR_FILES_MAX = 1000000 };

/* The header of a file of that size, below 8 GiB; the name has less than TAR_NAME_MAX bytes. */
void tar_header(const char *name, uint64_t size, int64_t time_s, uint8_t ret[TAR_BLOCK]);
/* How many zeros follow a file's bytes. */
size_t tar_padding(uint64_t size);
enum { TAR_END = 2 * TAR_BLOCK }; /* zeros behind the last file */

struct tar_file { char name[TAR_NAME_MAX]; uint64_t at, size; };
struct tar {
    FILE *from;
    struct tar_file *files;
    size_t n, cap;
};
/* All that is in it, by their names. ERR_CORRUPT: it is none of this form (d says why); ERR_IO. */
enum err tar_open(FILE *from, struct tar *ret, struct err_detail *d) MUST_USE;
const struct tar_file *tar_find(const struct tar *t, const char *name); /* NULL: it is not in it */
/* Bytes of a file from `at` on, all within it. */
enum err tar_read(const struct tar *t, const struct tar_file *f, uint64_t at, void *ret, size_t len) MUST_USE;
void tar_close(struct tar *t); /* not `from` */

#endif
