/* base/log.h
 * The operator's log: one structured line a call, in one write(2), so that lines of several threads and processes
 * never mix. Logfmt (time=… level=… event=… key=value) or JSON. Floors 0 to 2 never log: they return errors, and who
 * called them decides what to tell.
 *   log_info(log, "request", LOG_TEXT("route", route), LOG_I64("status", 201));
 * Security: no secret, no token, no body of a request goes into a log; text from outside is quoted. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log {
    int fd; /* 2: standard error */
    bool json;
    enum log_level least; /* what is below it is not written */
};

enum log_kind { LOG_KIND_NONE, LOG_KIND_TEXT, LOG_KIND_I64, LOG_KIND_I64_OR_NONE, LOG_KIND_BOOL, LOG_KIND_UUID };

struct log_field {
    const char *key;
    enum log_kind kind;
    union {
        const char *text; /* NULL: the field is left out */
        int64_t i64;
        bool flag;
        struct uuid uuid; /* zero: the field is left out */
    };
};

#define LOG_TEXT(k, v)                                 \
    {                                                  \
        .key = (k), .kind = LOG_KIND_TEXT, .text = (v) \
    }
#define LOG_I64(k, v)                                \
    {                                                \
        .key = (k), .kind = LOG_KIND_I64, .i64 = (v) \
    }
/* Left out if it is 0. */
#define LOG_I64_OR_NONE(k, v)                                                   \
    {                                                                           \
        .key = (k), .kind = LOG_KIND_I64_OR_NONE, .i64 = (v)                   \
    }
#define LOG_BOOL(k, v)                                 \
    {                                                  \
        .key = (k), .kind = LOG_KIND_BOOL, .flag = (v) \
    }
#define LOG_UUID(k, v)                                 \
    {                                                  \
        .key = (k), .kind = LOG_KIND_UUID, .uuid = (v) \
    }

/* "debug", "info", "warning", "error"; false if it is none of them. */
bool log_level_parse(const char *text, enum log_level *ret);

/* fields end with one of LOG_KIND_NONE. A line is at most 4 kB; what does not fit is cut. Failure to write is not told:
 * there is nobody to tell. log may be NULL: nothing is written. */
void log_write(const struct log *log, enum log_level level, const char *event, const struct log_field *fields);
/* The same line into a buffer, for tests: its length. now_ms is the time to show. */
size_t log_line(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
                int64_t now_ms, char *ret, size_t cap);

#define LOG_WRITE(log, level, event, ...) \
    log_write((log), (level), (event), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })
#define log_debug(log, ...)   LOG_WRITE(log, LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(log, ...)    LOG_WRITE(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(log, ...) LOG_WRITE(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(log, ...)   LOG_WRITE(log, LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
