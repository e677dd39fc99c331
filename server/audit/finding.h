/* audit/finding.h: what is wrong, and with which leaf. Of many the first FINDINGS_MAX are kept, all are counted. */
#ifndef AUDIT_FINDING_H
#define AUDIT_FINDING_H

#include "core/entry.h"

#define FINDINGS_MAX 40

struct finding {
    uint64_t leaf;      /* NO_INDEX: not of one leaf */
    uint16_t kind;      /* of the leaf's entry; ENTRY_KINDS if unknown */
    char what[240];
};
struct findings {
    struct finding kept[FINDINGS_MAX];
    size_t n;           /* of all */
};

void findings_add(struct findings *to, uint64_t leaf, uint16_t kind, const char *fmt, ...) PRINTF(4, 5);
void findings_join(struct findings *to, const struct findings *more); /* behind those that are there */
/* What is quoted of a file must not steer a terminal: control characters (C0, DEL, C1 in UTF-8) become question marks. */
void finding_defuse(char *text);
/* The kind that an entry's bytes claim; ENTRY_KINDS if that is none. */
uint16_t finding_kind(struct bytes entry);

#endif
