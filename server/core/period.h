/* core/period.h
 * What the entries of a period add up to, taken one after the other: who makes a package of a period and who judges one come by the
 * same way to the same tables (schema/journal/package.md). Memory: by pairs of accounts, keys, disputes and corrections, not by entries. */
#ifndef CORE_PERIOD_H
#define CORE_PERIOD_H

#include "core/report.h"

struct period {
    struct map *at;            /* of both lists, by what they are of */
    struct report_move **moves; /* after period_sort(): by kind, debit, credit */
    struct period_signed { uint16_t kind; uint8_t class; uint64_t key; int64_t count; } **signatures;
    size_t moves_n, moves_cap, signed_n, signed_cap;
    struct json_out disputes, corrections; /* tables, as they grow */
    uint64_t first;
    int64_t entries, opened, closed;
};
void period_begin(struct period *p);
void period_take(struct period *p, const struct entry *e);
void period_sort(struct period *p);
void period_end(struct period *p);

void period_moves_csv(const struct period *p, struct json_out *out);
void period_signatures_csv(const struct period *p, struct json_out *out);

/* The package's parts that are judged by more than one file. */
#define PACKAGE_TITLE "kontor package/v1"
enum { PACKAGE_BUNDLE = 256, PACKAGE_AROUND = 100, PACKAGE_ASSERTIONS = 100 }; /* entries of a file, assertions of one */
#define PACKAGE_BUNDLE_NAME "entries/%012" PRIu64
#define PACKAGE_AROUND_NAME "around/%012" PRIu64
#define PACKAGE_ASSERTIONS_NAME "assertions/%012" PRIu64

#endif
