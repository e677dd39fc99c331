/* core/report.h
 * The officer's report: what came in and went out in a period, by fund, mode, country, size of company, site and organisation. Pure:
 * the server sums what its tables say, an auditor what a package's entries say, and both must come to the same tables. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "base/csv.h"
#include "base/map.h"
#include "core/entry.h"
#include "core/organisation.h"

enum { REPORT_NAME_MAX = 130, REPORT_CODE_MAX = 17 };

enum report_figure { FUNDED, ALLOTTED, GRANTED, CLAWED_BACK, LAPSED, HELD, RELEASED, SETTLED, CORRECTED, REPORT_FIGURES };
extern const char *const REPORT_FIGURE[REPORT_FIGURES];
enum report_by { REPORT_BY_ALL, REPORT_BY_FUND, REPORT_BY_MODE, REPORT_BY_COUNTRY, REPORT_BY_CLASS, REPORT_BY_SITE, REPORT_BY_ORGANISATION, REPORT_BYS };

/* All entries of one kind from one account to another (accounts: index of their OPEN). */
struct report_move {
    int kind;
    uint64_t debit, credit;
    int64_t count, gpums;
    uint64_t first, last; /* indexes of the first and the last of them */
};

/* What a report has to know of an account, and of whom it names. */
struct report_account {
    uint8_t class;
    uint64_t parent, site, policy; /* NO_INDEX: none */
    struct uuid organisation;
    int64_t gge_cents;
};
struct report_party { char name[REPORT_NAME_MAX], country[3]; int class; };
/* Where it knows it from. False: there is none. */
struct report_source {
    bool (*account)(void *ctx, uint64_t index, struct report_account *ret);
    bool (*policy)(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX], char ret_name[33]);
    bool (*site)(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX]);
    void (*fund)(void *ctx, uint64_t index, char ret[REPORT_NAME_MAX]);
    enum err (*party)(void *ctx, struct uuid organisation, struct report_party *ret); /* by report_sum() only */
    void *ctx;
};

/* What a move is about: zero and "" where it does not apply. */
struct report_subject {
    uint64_t fund, site;
    char fund_name[REPORT_NAME_MAX], mode[REPORT_CODE_MAX], mode_name[33], site_code[REPORT_CODE_MAX];
    struct uuid organisation;
    int64_t gge_cents;
    bool has_grant;
};
void report_subject(const struct report_source *from, uint64_t debit, uint64_t credit, struct report_subject *ret);

/* By what it is summed, and of which: index, text or id, the rest zero. */
struct report_key { uint64_t by; uint8_t of[24]; };
struct report_group {
    struct report_key key;
    char name[REPORT_NAME_MAX];
    int64_t gpums[REPORT_FIGURES];
    int64_t grants, value_cents; /* granted in the period; gross grant equivalent */
};
struct report_sums {
    struct map *map;
    struct report_group **groups; /* after report_sort(): what was paid, the most first */
    size_t n, cap;
};
void report_begin(struct report_sums *r);
/* A sum that no number holds: the highest one. */
enum err report_sum(struct report_sums *r, const struct report_source *from, const struct report_move *m, const struct report_subject *s) MUST_USE;
void report_sort(struct report_sums *r);
void report_end(struct report_sums *r);
size_t report_count(const struct report_sums *r, enum report_by by);
int64_t report_paid(const struct report_group *g); /* settled less what was taken back of it */

/* How much of what was paid went for how few organisations: thousandths for the first 1, 5, 10 and 20, and the Herfindahl-Hirschman
 * index, 0 to 10,000. All 0 if nothing was paid. */
struct report_concentration { int64_t organisations, paid_gpums, top1, top5, top10, top20, index; };
struct report_concentration report_concentration(const struct report_sums *r);

/* The tables of a package, of the sums of so many entries. */
void report_csv(const struct report_sums *r, uint64_t size, struct json_out *out);
void report_concentration_csv(const struct report_sums *r, struct json_out *out);

#endif
