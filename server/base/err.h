/* base/err.h
 * Errors. Every error the product can give stands in errors.def: code, HTTP status, wire name, sentence.
 * Fallible functions return enum err (OK = 0) and change their outputs only on success. The text for the
 * client goes to the caller's struct err_detail. Only the dispatcher maps codes to HTTP. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#define MUST_USE           __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NO_RETURN          __attribute__((noreturn))

enum err {
    OK = 0,
#define E(name, status, wire, sentence) name,
#include "base/errors.def"
#undef E
    ERR_COUNT
};

/* What went wrong, for people. `text` is shown to the client (4xx only); `pointer` is the JSON pointer of the
 * field at fault ("" if none); `internal` is for the operator's log; retry_after_s 0 = none. */
struct err_detail {
    char text[320];
    char pointer[128];
    char internal[320];
    int retry_after_s;
};

int err_status(enum err err);           /* HTTP status; OK is 200 */
const char *err_wire(enum err err);     /* stable wire name, e.g. "insufficient-credits" */
const char *err_sentence(enum err err); /* one plain sentence */
/* The error of a wire name; ERR_INTERNAL if unknown. */
enum err err_from_wire(const char *wire);

/* Set the client's text and return err, so that `return err_say(d, ERR_X, "…")` reads well. d may be NULL. */
enum err err_say(struct err_detail *d, enum err err, const char *fmt, ...) PRINTF(3, 4);
/* The same for a field: sets pointer too. */
enum err err_at(struct err_detail *d, enum err err, const char *pointer, const char *fmt, ...) PRINTF(4, 5);
/* Set the operator's text only. */
enum err err_internal(struct err_detail *d, enum err err, const char *fmt, ...) PRINTF(3, 4);

/* What nobody could answer for and nothing goes on without: no memory, a library that does not begin. Says so on stderr
 * and ends the process with status 71, at once and without a core, which would hold keys. What was decided and not yet
 * committed is lost, as after a kill -9. Allocates nothing. */
void fatal(const char *why) NO_RETURN;
#define OUT_OF_MEMORY "out of memory"

#endif
