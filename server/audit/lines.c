/* audit/lines.c */
#include "audit/lines.h"

void
lines_tell(struct findings *found, uint64_t leaf, const char *what, const char *header, const char *have, const char *want)
{
    const char *h = have, *w = want, *column = header;

    while (*column != '\0') {
        size_t hl = strcspn(h, ","), wl = strcspn(w, ","), cl = strcspn(column, ",");

        if (hl != wl || memcmp(h, w, hl) != 0) {
            findings_add(found, leaf, ENTRY_KINDS, "%s: %.*s is %.*s, by the entries %.*s", what, (int)cl, column,
                         (int)(hl < 40 ? hl : 40), h, (int)wl, w);
            return;
        }
        h += hl + (h[hl] == ',');
        w += wl + (w[wl] == ',');
        column += cl + (column[cl] == ',');
    }
    findings_add(found, leaf, ENTRY_KINDS, "%s: more columns than there are", what);
}

bool
lines_is_text(const char *buffer, size_t size)
{
    for (size_t i = strlen(buffer); i < size; i++)
        if (buffer[i] != '\0')
            return false;
    return true;
}

bool
lines_hex(struct json_in *in, const char *name, uint8_t *ret, size_t cap, size_t *ret_len)
{
    const char *text = json_in_text(in, name, 0, 2 * cap);
    size_t len = in->err == OK ? strlen(text) : 1;

    if (len % 2 != 0 || !hex_decode(text, ret, len / 2))
        return false;
    *ret_len = len / 2;
    return true;
}
