/* audit/finding.c */
#include "audit/finding.h"

#include <stdarg.h>

#include "base/text.h"

void
finding_defuse(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = '?';
        else if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
}

void
findings_add(struct findings *to, uint64_t leaf, uint16_t kind, const char *fmt, ...)
{
    struct finding *f;
    va_list args;

    if (to->n++ >= FINDINGS_MAX)
        return;
    f = &to->kept[to->n - 1];
    f->leaf = leaf;
    f->kind = kind;
    va_start(args, fmt);
    text_vformat(f->what, sizeof f->what, fmt, args);
    va_end(args);
    finding_defuse(f->what);
}

void
findings_join(struct findings *to, const struct findings *more)
{
    for (size_t i = 0; i < more->n && i < FINDINGS_MAX && to->n + i < FINDINGS_MAX; i++)
        to->kept[to->n + i] = more->kept[i];
    to->n += more->n;
}

uint16_t
finding_kind(struct bytes entry)
{
    uint16_t kind = entry.len >= 4 ? (uint16_t)(entry.data[2] << 8 | entry.data[3]) : ENTRY_KINDS;

    return kind < ENTRY_KINDS ? kind : ENTRY_KINDS;
}
