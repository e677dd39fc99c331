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

/* True if nothing in text[0..len), well-formed UTF-8, deceives the eye: no characters that turn the direction of what is
 * around them (bidirectional marks, embeddings, overrides, isolates), that cannot be seen (zero-width space, word joiner,
 * byte order mark, tags, fillers), that break lines in ways of their own (U+2028, U+2029), and no noncharacters. Joiners
 * (U+200C, U+200D), which some scripts need, are let through. Not a rule of the journal's: it is for what people type. */
bool text_is_plain(const char *text, size_t len);
/* True if well-formed text begins or ends with a space of any width. */
bool text_has_blank_ends(const char *text, size_t len);

/* Cut white space (space, tab, CR, LF) off both ends, in place. Returns text's first kept character. */
char *text_trim(char *text);
/* Copy into ret[0..cap) what is to be shown and is not known to be text: what is no UTF-8 becomes '?', control characters become
 * spaces; without white space at its ends, cut before a character that has no room. */
void text_show(char *ret, size_t cap, const char *text);
bool text_starts(const char *text, const char *prefix);

/* printf into ret[0..cap), cap at least 1. Always ends in NUL; what does not fit is cut at a character's boundary.
 * False if it was cut. */
bool text_format(char *ret, size_t cap, const char *fmt, ...) PRINTF(3, 4);
bool text_vformat(char *ret, size_t cap, const char *fmt, va_list args) PRINTF(3, 0);

/* A whole decimal number: digits with an optional '-', no leading zeros, no "-0", no white space, within min..max.
 * False, with *ret untouched, otherwise. */
bool text_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
/* The same form, written; its length. */
#define TEXT_I64 21
size_t text_i64(int64_t value, char ret[TEXT_I64]);

#endif
