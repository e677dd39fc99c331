/* api/aid.h
 * Aid to companies: what a grant is worth to whom, on which legal basis, and whether it may be given. The law (Regulation (EU)
 * 2023/2831, Article 3) caps what one undertaking has within any three years; the rules are dated rows (store/aid.h). */
#ifndef API_AID_H
#define API_AID_H

#include "api/call.h"
#include "store/aid.h"

/* What an undertaking has had of one capped basis within its years, as of now. */
struct aid_sum {
    const struct aid_rule *rule;
    int64_t granted_cents, declared_cents; /* by this programme; by others, as declared */
    int64_t since_ms;                      /* what is older does not count */
    int64_t falls_ms, falls_cents;         /* when the oldest piece of it is too old to count, and how much that is; 0: nothing counts */
    const struct aid_declaration *own;     /* the organisation's newest; NULL: none */
};
/* Of each capped basis in force, the organisation's whole undertaking's. The caller may see the programme. */
enum err aid_sums_of(struct call *call, struct uuid organisation, struct aid_sum **ret, size_t *ret_n) MUST_USE;
/* A legal basis as a member. */
void aid_rule_json(struct json_out *out, const char *name, const struct aid_rule *r);

/* The rule of this code that is in force; NULL: none. */
const struct aid_rule *aid_rule_of(const struct aid_rule *list, size_t n, const char *code, int64_t now_ms);
/* Reserve the aid of a grant under its order, or find it reserved: all checks against the cap are one after the other.
 * ret_basis: what is said of it in words. In a worker. ERR_FIELD_INVALID (no such basis), ERR_AID_DECLARATION, ERR_AID_CAP: with the
 * sum, and when enough of it is too old to count. */
enum err aid_reserve(struct call *call, struct uuid organisation, const char *code, int64_t cents, struct uuid order, const char **ret_basis) MUST_USE;
/* Euro and cents: "1234.50". */
const char *euro_text(struct arena *a, int64_t cents);

/* aid_declared.c: what a declaration says of aid received from others. */
enum { AID_DECLARED_MAX = 100 };
struct aid_received {
    int64_t granted_ms, cents;
};
/* Of a stored body; ERR_CORRUPT. At most AID_DECLARED_MAX. */
enum err aid_received(const struct aid_declaration *d, struct aid_received ret[AID_DECLARED_MAX], size_t *ret_n) MUST_USE;

#endif
