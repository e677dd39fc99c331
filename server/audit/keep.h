/* audit/keep.h
 * What an audit leaves for the next one, in files of the auditor's own, written under another name, synced and renamed: a
 * file is the one before or the new one, whenever the audit is killed.
 *   head       the head of a log without fault: the next one must begin with it
 *   progress   "kontor-audit progress/v1", then a head: so many entries were without fault, signatures included */
#ifndef AUDIT_KEEP_H
#define AUDIT_KEEP_H

#include "core/tile.h"

/* path NULL: ERR_NOT_FOUND, as if there were no such file. ERR_IO: it cannot be read or is another kind of file. */
enum err keep_head_read(const char *path, struct head_text *ret, struct err_detail *d) MUST_USE;
enum err keep_progress_read(const char *path, struct head_text *ret, struct err_detail *d) MUST_USE;
/* path NULL: nothing is written. ERR_IO. */
enum err keep_head_write(const char *path, const struct head_text *h, struct err_detail *d) MUST_USE;
enum err keep_progress_write(const char *path, const struct head_text *h, struct err_detail *d) MUST_USE;
/* Any bytes, so. */
enum err keep_write(const char *path, const void *data, size_t len, struct err_detail *d) MUST_USE;

#endif
