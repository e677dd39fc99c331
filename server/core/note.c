/* core/note.c: the text forms of core/note.h. Lines are cut by hand: a line ends in one newline, and nothing is trimmed. */
#include "core/note.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a space */

bool
note_name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= NOTE_NAME_MAX || !text_is_line(name))
        return false;
    for (size_t i = 0; i < len;) {
        size_t n = text_utf8_char(name + i, len - i);
        if (name[i] == '+' || text_has_blank_ends(name + i, n))
            return false;
        i += n;
    }
    return true;
}

struct vkey
vkey_make(const char *name, enum note_type type, const uint8_t public[32])
{
    struct vkey k = { .type = type };
    uint8_t kind[2] = { '\n', (uint8_t)type };
    struct bytes parts[3] = { BYTES_TEXT(name), BYTES(kind, 2), BYTES(public, 32) };
    struct hash id = sha256_of(parts, 3);

    assert(note_name_ok(name));
    memcpy(k.name, name, strlen(name));
    memcpy(k.public, public, 32);
    memcpy(k.id, id.b, 4);
    return k;
}

void
vkey_text(const struct vkey *k, char ret[VKEY_TEXT_MAX])
{
    uint8_t key[33] = { (uint8_t)k->type };
    char id[HEX_LEN(4)], material[BASE64_LEN(33)];

    memcpy(key + 1, k->public, 32);
    hex_encode(BYTES(k->id, 4), id);
    base64_encode(BYTES(key, 33), material);
    snprintf(ret, VKEY_TEXT_MAX, "%s+%s+%s", k->name, id, material);
}

bool
vkey_parse(const char *text, struct vkey *ret)
{
    const char *plus = strchr(text, '+');
    char name[NOTE_NAME_MAX];
    uint8_t id[4], key[33];
    size_t len;
    struct vkey k;

    if (plus == NULL || plus == text || (size_t)(plus - text) >= sizeof name || strlen(plus) < 10 || plus[9] != '+')
        return false;
    memcpy(name, text, (size_t)(plus - text));
    name[plus - text] = '\0';
    for (int i = 1; i < 9; i++)
        if (strchr("0123456789abcdef", plus[i]) == NULL)
            return false;
    for (int i = 0; i < 4; i++) {
        char two[3] = { plus[1 + 2 * i], plus[2 + 2 * i], '\0' };
        if (!hex_decode(two, &id[i], 1))
            return false;
    }
    if (!note_name_ok(name) || !base64_decode(plus + 10, strlen(plus + 10), key, sizeof key, &len) || len != sizeof key ||
        (key[0] != NOTE_ED25519 && key[0] != NOTE_COSIGNATURE))
        return false;
    k = vkey_make(name, (enum note_type)key[0], key + 1);
    if (memcmp(k.id, id, 4) != 0)
        return false;
    *ret = k;
    return true;
}

/* ---- notes ------------------------------------------------------------------------------------------------------- */

/* The next line of [*at, end), without its newline; false if there is none whole. */
static bool
next_line(const char **at, const char *end, const char **line, size_t *len)
{
    const char *nl = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;

    if (nl == NULL)
        return false;
    *line = *at;
    *len = (size_t)(nl - *at);
    *at = nl + 1;
    return true;
}

static bool
line_parse(const char *line, size_t len, struct note_line *ret)
{
    const char *space;
    char name[NOTE_NAME_MAX];
    uint8_t blob[NOTE_MAX / 8];

    if (len < sizeof DASH || memcmp(line, DASH, sizeof DASH - 1) != 0)
        return false;
    ret->name = line + sizeof DASH - 1;
    space = memchr(ret->name, ' ', len - (sizeof DASH - 1));
    if (space == NULL || (size_t)(space - ret->name) >= sizeof name)
        return false;
    ret->name_len = (size_t)(space - ret->name);
    memcpy(name, ret->name, ret->name_len);
    name[ret->name_len] = '\0';
    if (!note_name_ok(name) || !base64_decode(space + 1, (size_t)(line + len - space - 1), blob, sizeof blob, &ret->len) || ret->len < 5)
        return false;
    memcpy(ret->blob, blob, ret->len < sizeof ret->blob ? ret->len : sizeof ret->blob);
    return true;
}

/* Where the signatures begin: behind the last empty line. NULL if there is none. */
static const char *
signatures_of(const char *start, const char *end)
{
    for (const char *at = end; at - start >= 2; at--)
        if (at[-1] == '\n' && at[-2] == '\n')
            return at;
    return NULL;
}

bool
note_parse(struct bytes bytes, struct note *ret)
{
    const char *start = (const char *)bytes.data, *end = start + bytes.len, *at, *line;
    size_t len;

    ret->n = 0;
    if (bytes.len == 0 || bytes.len > NOTE_MAX || !text_utf8_ok(start, bytes.len))
        return false;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] < 0x20 && bytes.data[i] != '\n')
            return false;
    at = signatures_of(start, end);
    if (at == NULL || at == end || at - start < 3) /* a text is at least one character and its newline */
        return false;
    ret->text = BYTES(start, (size_t)(at - start) - 1);
    while (next_line(&at, end, &line, &len)) {
        if (ret->n == NOTE_LINES_MAX || !line_parse(line, len, &ret->line[ret->n]))
            return false;
        ret->n++;
    }
    return at == end && ret->n > 0;
}

size_t
note_signed_bytes(enum note_type type, uint64_t time_s, struct bytes text, uint8_t *ret)
{
    size_t head = 0;

    if (type == NOTE_COSIGNATURE)
        head = (size_t)snprintf((char *)ret, 64, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    memcpy(ret + head, text.data, text.len);
    return head + text.len;
}

static bool
line_holds(const struct note *n, const struct note_line *l, const struct vkey *k, note_verify_fn verify, uint64_t *time_s)
{
    uint8_t message[NOTE_MAX + 64];
    size_t stamp = k->type == NOTE_COSIGNATURE ? 8 : 0, len;
    struct wire_in r = { l->blob + 4, l->blob + 4 + stamp, false };

    if (l->len != 4 + stamp + 64)
        return false;
    *time_s = stamp == 0 ? 0 : get_u64(&r);
    if (*time_s > INT64_MAX)
        return false;
    len = note_signed_bytes(k->type, *time_s, n->text, message);
    return verify(k->public, BYTES(message, len), l->blob + 4 + stamp);
}

enum note_found
note_check(const struct note *n, const struct vkey *k, note_verify_fn verify, uint64_t *time_s)
{
    enum note_found found = NOTE_ABSENT;
    uint64_t latest = 0;

    for (size_t i = 0; i < n->n; i++) {
        const struct note_line *l = &n->line[i];
        uint64_t time = 0;
        if (l->name_len != strlen(k->name) || memcmp(l->name, k->name, l->name_len) != 0 || memcmp(l->blob, k->id, 4) != 0)
            continue;
        if (!line_holds(n, l, k, verify, &time))
            return NOTE_BAD;
        found = NOTE_GOOD;
        latest = time > latest ? time : latest;
    }
    if (time_s != NULL && found == NOTE_GOOD)
        *time_s = latest;
    return found;
}

size_t
note_line_write(const struct vkey *k, uint64_t time_s, const uint8_t sig[64], char ret[NOTE_LINE_MAX])
{
    uint8_t blob[4 + 8 + 64];
    char text[BASE64_LEN(sizeof blob)];
    struct wire_out w = { blob, blob + sizeof blob };

    put_bytes(&w, k->id, 4);
    if (k->type == NOTE_COSIGNATURE)
        put_u64(&w, time_s);
    put_bytes(&w, sig, 64);
    base64_encode(BYTES(blob, (size_t)(w.at - blob)), text);
    return (size_t)snprintf(ret, NOTE_LINE_MAX, DASH "%s %s\n", k->name, text);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* A decimal without leading zeros, below 2^63. */
static bool
decimal(const char *text, size_t len, uint64_t *ret)
{
    char copy[24];
    int64_t n;

    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strlen(copy) != len || !text_to_i64(copy, 0, INT64_MAX, &n))
        return false;
    *ret = (uint64_t)n;
    return true;
}

static bool
hash_parse(const char *text, size_t len, struct hash *ret)
{
    size_t got;

    return base64_decode(text, len, ret->b, sizeof ret->b, &got) && got == sizeof ret->b;
}

size_t
checkpoint_text(const struct checkpoint *c, char ret[CHECKPOINT_TEXT_MAX])
{
    char root[BASE64_LEN(32)];

    base64_encode(BYTES(c->root.b, 32), root);
    return (size_t)snprintf(ret, CHECKPOINT_TEXT_MAX, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, root);
}

bool
checkpoint_parse(struct bytes text, struct checkpoint *ret)
{
    const char *at = (const char *)text.data, *end = at + text.len, *line;
    struct checkpoint c;
    size_t len;

    memset(&c, 0, sizeof c);
    if (!next_line(&at, end, &line, &len) || len == 0 || len >= sizeof c.origin)
        return false;
    memcpy(c.origin, line, len);
    if (strlen(c.origin) != len || !text_is_line(c.origin) || !next_line(&at, end, &line, &len) || !decimal(line, len, &c.size))
        return false;
    if (!next_line(&at, end, &line, &len) || !hash_parse(line, len, &c.root))
        return false;
    while (next_line(&at, end, &line, &len))
        if (len == 0)
            return false;
    if (at != end)
        return false;
    *ret = c;
    return true;
}

/* ---- receipts ---------------------------------------------------------------------------------------------------- */

#define RECEIPT_FIRST "c2sp.org/tlog-proof@v1"

size_t
receipt_head_write(uint64_t index, const struct proof *path, struct bytes extra, char ret[RECEIPT_HEAD_MAX])
{
    size_t used = (size_t)snprintf(ret, RECEIPT_HEAD_MAX, RECEIPT_FIRST "\n");
    char text[BASE64_LEN(RECEIPT_EXTRA_MAX)];

    assert(extra.len <= RECEIPT_EXTRA_MAX);
    if (extra.len) {
        base64_encode(extra, text);
        used += (size_t)snprintf(ret + used, RECEIPT_HEAD_MAX - used, "extra %s\n", text);
    }
    used += (size_t)snprintf(ret + used, RECEIPT_HEAD_MAX - used, "index %" PRIu64 "\n", index);

    for (unsigned i = 0; i < path->n; i++) {
        base64_encode(BYTES(path->path[i].b, 32), text);
        used += (size_t)snprintf(ret + used, RECEIPT_HEAD_MAX - used, "%s\n", text);
    }
    used += (size_t)snprintf(ret + used, RECEIPT_HEAD_MAX - used, "\n");
    assert(used < RECEIPT_HEAD_MAX);
    return used;
}

static bool
extra_ok(const char *line, size_t len)
{
    uint8_t extra[NOTE_MAX];
    size_t got;

    return base64_decode(line + 6, len - 6, extra, sizeof extra, &got);
}

bool
receipt_parse(struct bytes bytes, struct receipt *ret)
{
    const char *at = (const char *)bytes.data, *end = at + bytes.len, *line;
    struct receipt r;
    size_t len;

    r.path.n = 0;
    r.extra = BYTES("", 0);
    if (bytes.len > 2 * NOTE_MAX || !next_line(&at, end, &line, &len) || len != strlen(RECEIPT_FIRST) || memcmp(line, RECEIPT_FIRST, len) != 0 ||
        !next_line(&at, end, &line, &len))
        return false;
    if (len >= 6 && memcmp(line, "extra ", 6) == 0) {
        r.extra = BYTES(line + 6, len - 6);
        if (!extra_ok(line, len) || !next_line(&at, end, &line, &len))
            return false;
    }
    if (len < 7 || memcmp(line, "index ", 6) != 0 || !decimal(line + 6, len - 6, &r.index))
        return false;
    for (;;) {
        if (!next_line(&at, end, &line, &len))
            return false;
        if (len == 0)
            break;
        if (r.path.n == PROOF_MAX || !hash_parse(line, len, &r.path.path[r.path.n++]))
            return false;
    }
    r.note = BYTES(at, (size_t)(end - at));
    *ret = r;
    return r.note.len > 0;
}

bool
receipt_extra(const struct receipt *r, uint8_t ret[RECEIPT_EXTRA_MAX], size_t *ret_len)
{
    return r->extra.len > 0 && base64_decode((const char *)r->extra.data, r->extra.len, ret, RECEIPT_EXTRA_MAX, ret_len) && *ret_len > 0;
}
