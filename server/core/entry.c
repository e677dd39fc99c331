/* core/entry.c: encode, decode and check entries by the tables of entry_layout.c; the statements that are signed. */
#include "core/entry.h"

#include <assert.h>

#include "base/text.h"
#include "core/entry_layout.h"

static const char ORDER_PREFIX[] = "kontor-order/v1";   /* signed with its NUL */
static const char REPORT_PREFIX[] = "kontor-report/v1"; /* likewise */

_Static_assert(sizeof REPORT_PREFIX + sizeof(struct hash) + REPORT_LEN == REPORT_STATEMENT_LEN, "report statement");
_Static_assert(ENTRY_KINDS == 20, "a new kind needs its layout");

/* ---- one field --------------------------------------------------------------------------------------------------- */

static void
put_authority(struct wire_out *w, const struct authority *a)
{
    for (size_t i = 0; i < 2; i++) {
        put_u8(w, a->slot[i].class);
        put_u64(w, a->slot[i].key);
        put_bytes(w, a->slot[i].sig, sizeof a->slot[i].sig);
    }
}

static void
get_authority(struct wire_in *r, struct authority *a)
{
    for (size_t i = 0; i < 2; i++) {
        a->slot[i].class = get_u8(r);
        a->slot[i].key = get_u64(r);
        get_bytes(r, a->slot[i].sig, sizeof a->slot[i].sig);
    }
}

static void
put_field(struct wire_out *w, const struct field *f, const struct entry *e)
{
    const char *at = (const char *)e + f->offset;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    switch (f->type) {
    case FIELD_U8:
        put_u8(w, *(const uint8_t *)at);
        return;
    case FIELD_U16:
        memcpy(&v16, at, sizeof v16);
        put_u16(w, v16);
        return;
    case FIELD_U32:
    case FIELD_I32:
        memcpy(&v32, at, sizeof v32);
        put_u32(w, v32);
        return;
    case FIELD_U64:
    case FIELD_I64:
        memcpy(&v64, at, sizeof v64);
        put_u64(w, v64);
        return;
    case FIELD_TEXT:
    case FIELD_COUNTRY:
    case FIELD_UUID:
    case FIELD_HASH:
    case FIELD_BYTES:
        put_bytes(w, at, f->width);
        return;
    case FIELD_ZERO:
        put_zero(w, f->width);
        return;
    case FIELD_AUTH:
        put_authority(w, (const struct authority *)(const void *)at);
        return;
    }
}

static void
get_field(struct wire_in *r, const struct field *f, struct entry *e)
{
    char *at = (char *)e + f->offset;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    switch (f->type) {
    case FIELD_U8:
        *(uint8_t *)at = get_u8(r);
        return;
    case FIELD_U16:
        v16 = get_u16(r);
        memcpy(at, &v16, sizeof v16);
        return;
    case FIELD_U32:
    case FIELD_I32:
        v32 = get_u32(r);
        memcpy(at, &v32, sizeof v32);
        return;
    case FIELD_U64:
    case FIELD_I64:
        v64 = get_u64(r);
        memcpy(at, &v64, sizeof v64);
        return;
    case FIELD_TEXT:
    case FIELD_COUNTRY:
    case FIELD_UUID:
    case FIELD_HASH:
    case FIELD_BYTES:
        get_bytes(r, at, f->width);
        return;
    case FIELD_ZERO:
        get_zero(r, f->width);
        return;
    case FIELD_AUTH:
        get_authority(r, (struct authority *)(void *)at);
        return;
    }
}

static bool
all_zero(const void *data, size_t len)
{
    const uint8_t *b = data;

    for (size_t i = 0; i < len; i++)
        if (b[i] != 0)
            return false;
    return true;
}

/* At least `least` bytes of text without control characters, then nothing but zeros, at least one. */
static bool
text_ok(const char *text, size_t width, size_t least)
{
    size_t len = strnlen(text, width);

    return len < width && len >= least && all_zero(text + len, width - len) && text_is_line(text);
}

static bool
authority_ok(const struct authority *a)
{
    for (size_t i = 0; i < 2; i++) {
        const struct authority_slot *slot = &a->slot[i];

        if (slot->class > 3)
            return false;
        if (slot->class == 0 && (slot->key != 0 || !all_zero(slot->sig, sizeof slot->sig)))
            return false;
        if (slot->class == 2 && !all_zero(slot->sig + 32, 32)) /* a SHA-256 and zeros */
            return false;
    }
    return a->slot[0].class != 0 || a->slot[1].class == 0;
}

static bool
within(int64_t v, const struct field *f)
{
    return v >= f->min && v <= f->max;
}

static bool
field_ok(const struct field *f, const struct entry *e)
{
    const char *at = (const char *)e + f->offset;
    uint16_t v16;
    uint32_t v32;
    int32_t i32;
    int64_t i64;

    switch (f->type) {
    case FIELD_U8:
        return within(*(const uint8_t *)at, f);
    case FIELD_U16:
        memcpy(&v16, at, sizeof v16);
        return within(v16, f);
    case FIELD_U32:
        memcpy(&v32, at, sizeof v32);
        return within(v32, f);
    case FIELD_I32:
        memcpy(&i32, at, sizeof i32);
        return within(i32, f);
    case FIELD_I64:
        memcpy(&i64, at, sizeof i64);
        return within(i64, f);
    case FIELD_TEXT:
        return text_ok(at, f->width, (size_t)f->min);
    case FIELD_COUNTRY:
        return at[0] >= 'A' && at[0] <= 'Z' && at[1] >= 'A' && at[1] <= 'Z';
    case FIELD_AUTH:
        return authority_ok((const struct authority *)(const void *)at);
    case FIELD_U64:
    case FIELD_UUID:
    case FIELD_HASH:
    case FIELD_BYTES:
    case FIELD_ZERO:
        return true;
    }
    return false;
}

static bool
fields_ok(const struct layout *l, const struct entry *e)
{
    for (size_t i = 0; i < l->n; i++)
        if (!field_ok(&l->fields[i], e))
            return false;
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

size_t
entry_body_len(uint16_t kind)
{
    const struct layout *l = entry_layout(kind);

    return l == NULL ? 0 : l->len;
}

const char *
entry_kind_name(uint16_t kind)
{
    const struct layout *l = entry_layout(kind);

    return l == NULL ? "?" : l->name;
}

static void
put_layout(struct wire_out *w, const struct layout *l, const struct entry *e)
{
    for (size_t i = 0; i < l->n; i++)
        put_field(w, &l->fields[i], e);
}

size_t
entry_encode(const struct entry *e, uint8_t ret[ENTRY_MAX])
{
    struct wire_out w = { ret, ret + ENTRY_MAX };
    const struct layout *l = entry_layout(e->kind);

    assert(l != NULL);
    put_layout(&w, &entry_header_layout, e);
    put_layout(&w, l, e);
    assert((size_t)(w.at - ret) == ENTRY_HEADER + l->len);
    return (size_t)(w.at - ret);
}

enum err
entry_check(const struct entry *e)
{
    const struct layout *l = entry_layout(e->kind);

    if (l == NULL || !fields_ok(&entry_header_layout, e) || e->group_pos >= e->group_len || !fields_ok(l, e))
        return ERR_ENTRY_INVALID;
    return OK;
}

/* Read a layout's fields; false if the length is another, or a reserved byte is set. */
static bool
get_layout(struct bytes in, const struct layout *l, struct entry *e)
{
    struct wire_in r = { .at = in.data, .end = in.data + in.len };

    if (in.len != l->len)
        return false;
    for (size_t i = 0; i < l->n; i++)
        get_field(&r, &l->fields[i], e);
    return !r.failed && r.at == r.end;
}

enum err
entry_decode(struct bytes in, struct entry *ret)
{
    struct entry e;
    const struct layout *l;

    if (in.len < ENTRY_HEADER || in.len > ENTRY_MAX)
        return ERR_ENTRY_INVALID;
    memset(&e, 0, sizeof e);
    if (!get_layout(BYTES(in.data, ENTRY_HEADER), &entry_header_layout, &e))
        return ERR_ENTRY_INVALID;
    l = entry_layout(e.kind);
    if (l == NULL || !get_layout(BYTES(in.data + ENTRY_HEADER, in.len - ENTRY_HEADER), l, &e) || entry_check(&e) != OK)
        return ERR_ENTRY_INVALID;
    *ret = e;
    return OK;
}

enum err
entry_decode_body(struct bytes body, struct entry *header_in_ret)
{
    struct entry e = *header_in_ret;
    const struct layout *l = entry_layout(e.kind);

    memset(&e.u, 0, sizeof e.u);
    if (l == NULL || !get_layout(body, l, &e) || entry_check(&e) != OK)
        return ERR_ENTRY_INVALID;
    *header_in_ret = e;
    return OK;
}

struct hash
entry_leaf_hash(struct bytes encoded)
{
    static const uint8_t leaf = 0;
    struct bytes parts[2] = { BYTES(&leaf, 1), encoded };

    return sha256_of(parts, 2);
}

/* The address of a named field's value; NULL if the kind has none of that type and name. */
static const void *
field_of(const struct entry *e, enum field_type type, const char *name)
{
    const struct layout *l = entry_layout(e->kind);

    for (size_t i = l == NULL ? 0 : l->n; i-- > 0;)
        if (l->fields[i].type == type && strcmp(l->fields[i].name, name) == 0)
            return (const char *)e + l->fields[i].offset;
    return NULL;
}

struct authority *
entry_authority(struct entry *e)
{
    return (struct authority *)field_of(e, FIELD_AUTH, "authority");
}

const struct uuid *
entry_order(const struct entry *e)
{
    return field_of(e, FIELD_UUID, "order");
}

const struct hash *
entry_commitment(const struct entry *e)
{
    return field_of(e, FIELD_HASH, "commitment");
}

const struct report *
entry_report(const struct entry *e)
{
    const struct report *r = e->kind == SETTLE    ? &e->u.settle.report
                             : e->kind == VOID    ? &e->u.release.report
                             : e->kind == CORRECT ? &e->u.correct.report
                                                  : NULL;

    return r != NULL && (e->kind == SETTLE || r->kind != REPORT_NONE) ? r : NULL;
}

struct entry
entry_new(enum entry_kind kind)
{
    struct entry e;

    memset(&e, 0, sizeof e);
    e.version = ENTRY_VERSION;
    e.kind = (uint16_t)kind;
    e.group_len = 1;
    e.debit = e.credit = e.prev_debit = e.prev_credit = NO_INDEX;
    switch (kind) {
    case OPEN:
        e.u.open.prev_open = NO_INDEX;
        break;
    case SITE:
        e.u.site.first = NO_INDEX;
        break;
    case POLICY:
        e.u.policy.first = NO_INDEX;
        break;
    case KEY:
        e.u.key.first = e.u.key.site = NO_INDEX;
        break;
    case NOTICE:
        e.u.notice.ref = e.u.notice.as_of = NO_INDEX;
        break;
    default:
        break;
    }
    return e;
}

/* ---- what is signed ---------------------------------------------------------------------------------------------- */

size_t
entry_order_bytes(const struct entry *e, struct hash genesis, uint8_t ret[ENTRY_MAX])
{
    struct wire_out w = { ret, ret + ENTRY_MAX };
    const struct layout *l = entry_layout(e->kind);

    assert(l != NULL);
    put_bytes(&w, ORDER_PREFIX, sizeof ORDER_PREFIX);
    put_bytes(&w, genesis.b, sizeof genesis.b);
    put_u16(&w, e->kind);
    put_u64(&w, e->debit);
    put_u64(&w, e->credit);
    put_i64(&w, e->amount);
    for (size_t i = 0; i < l->n; i++)
        if (l->fields[i].type != FIELD_AUTH)
            put_field(&w, &l->fields[i], e);
    return (size_t)(w.at - ret);
}

void
report_statement(const struct report *r, struct hash genesis, uint8_t ret[REPORT_STATEMENT_LEN])
{
    struct wire_out w = { ret, ret + REPORT_STATEMENT_LEN };

    put_bytes(&w, REPORT_PREFIX, sizeof REPORT_PREFIX);
    put_bytes(&w, genesis.b, sizeof genesis.b);
    put_u64(&w, r->site);
    put_u64(&w, r->number);
    put_u64(&w, r->instance);
    put_u16(&w, r->kind);
    put_bytes(&w, r->jti.b, sizeof r->jti.b);
    put_u64(&w, r->fence);
    put_i64(&w, r->time_ms);
    put_i64(&w, r->started_ms);
    put_i64(&w, r->ended_ms);
    put_u64(&w, r->gpu_seconds);
    put_u32(&w, (uint32_t)r->exit_code);
    put_u16(&w, r->reason);
    assert(w.at == w.end);
}

static bool
time_ok(int64_t ms)
{
    return ms >= 0 && ms <= TIME_MAX_MS;
}

bool
report_is_owed(const struct report *r)
{
    return r->gpu_seconds > 0 && (r->kind == REPORT_FINISHED || r->kind == REPORT_CANCELLED || (r->kind == REPORT_FAILED && r->reason == REASON_JOB));
}

bool
receipt_in_time(int64_t receipted_s, int64_t expiry_ms)
{
    return receipted_s < expiry_ms / 1000;
}

enum err
report_parse(struct bytes statement, struct report *ret, struct hash *ret_genesis)
{
    struct wire_in in = { .at = statement.data, .end = statement.data + statement.len };
    char prefix[sizeof REPORT_PREFIX];
    struct hash genesis;
    struct report r;

    if (statement.len != REPORT_STATEMENT_LEN)
        return ERR_ENTRY_INVALID;
    memset(&r, 0, sizeof r);
    get_bytes(&in, prefix, sizeof prefix);
    get_bytes(&in, genesis.b, sizeof genesis.b);
    r.site = get_u64(&in);
    r.number = get_u64(&in);
    r.instance = get_u64(&in);
    r.kind = get_u16(&in);
    get_bytes(&in, r.jti.b, sizeof r.jti.b);
    r.fence = get_u64(&in);
    r.time_ms = get_i64(&in);
    r.started_ms = get_i64(&in);
    r.ended_ms = get_i64(&in);
    r.gpu_seconds = get_u64(&in);
    r.exit_code = (int32_t)get_u32(&in);
    r.reason = get_u16(&in);
    if (in.failed || memcmp(prefix, REPORT_PREFIX, sizeof prefix) != 0 || r.kind == REPORT_NONE ||
        r.kind >= REPORT_KINDS || r.reason > REASON_LAST || !time_ok(r.time_ms) || !time_ok(r.started_ms) ||
        !time_ok(r.ended_ms))
        return ERR_ENTRY_INVALID;
    *ret = r;
    *ret_genesis = genesis;
    return OK;
}

size_t
entry_signed_bytes(const struct entry *e, struct hash genesis, uint8_t ret[ENTRY_MAX])
{
    const struct report *r = entry_report(e);

    if (r == NULL)
        return entry_order_bytes(e, genesis, ret);
    report_statement(r, genesis, ret);
    return REPORT_STATEMENT_LEN;
}
