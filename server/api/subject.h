/* api/subject.h: what a move of credits is about, by the accounts that it is from and to: fund, access mode, organisation, site. */
#ifndef API_SUBJECT_H
#define API_SUBJECT_H

#include "api/call.h"
#include "market/state.h"

enum { SUBJECT_LABEL = 130 };

/* Zero and "" where it does not apply. */
struct subject {
    uint64_t fund, site;
    char fund_name[SUBJECT_LABEL], mode[17], mode_name[33], site_code[17];
    struct uuid org;
    int64_t gge_cents;
    bool has_grant;
};

/* What one account adds to it. s under its lock. */
void subject_add(struct call *call, const struct state *s, uint64_t account, struct subject *u);

#endif
