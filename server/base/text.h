/* base/text.h
 * Text from outside and text for outside: UTF-8 without NUL, trimming, bounded formatting, whole decimal numbers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* True if text[0..len) is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool text_utf8_ok(const char *text, size_t len);
/* Length in bytes (1 to 4) of the well-formed UTF-8 character at text[0..len), 0 if it is none. NUL counts as none. */
size_t text_utf8_char(const char *text, size_t len);
/* True if text is UTF-8 without control characters (no line breaks, no tabs, no DEL, no C1): a name, a title. */
bool text_is_line(const char *text);

/* Cut white space (space, tab, CR, LF) off both ends, in place. Returns text's first kept character. */
char *text_trim(char *text);
bool text_starts(const char *text, const char *prefix);

/* printf into ret[0..cap), cap at least 1. Always ends in NUL; what does not fit is cut at a character's boundary.
 * False if it was cut. */
bool text_format(char *ret, size_t cap, const char *fmt, ...) PRINTF(3, 4);
bool text_vformat(char *ret, size_t cap, const char *fmt, va_list args) PRINTF(3, 0);

/* A whole decimal number: digits with an optional '-', no leading zeros, no "-0", no white space, within min..max.
 * False, with *ret untouched, otherwise. */
bool text_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif
