/* core/entry: golden vectors of all kinds (schema/journal/vectors.json: the world's story, made once, then fixed), the
 * documented layout, and every refusal of the decoder.
 * test_entry --vectors and --layout print what schema/journal was made from. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "core/entry_layout.h"
#include "world.h"

#define TEXT_MAX 400 /* of a field's value: an authority in hexadecimal */
#define LAYOUTS_N (ENTRY_KINDS + 1)

static const struct layout *
layout_at(size_t i) /* the header, then the kinds */
{
    return i == 0 ? &entry_header_layout : entry_layout((uint16_t)(i - 1));
}

/* ---- a field as text and back ------------------------------------------------------------------------------------ */

static void
field_bytes(const struct field *f, const struct entry *e, uint8_t *ret)
{
    /* the encoder's own bytes of it: everything before it is known to be right by then */
    uint8_t bytes[ENTRY_MAX];
    const struct layout *l = entry_layout(e->kind);
    size_t at = 0;

    (void)entry_encode(e, bytes);
    for (const struct field *h = entry_header_layout.fields; h < entry_header_layout.fields + entry_header_layout.n; h++) {
        if (h == f) {
            memcpy(ret, bytes + at, f->width);
            return;
        }
        at += h->width;
    }
    for (const struct field *b = l->fields; b < l->fields + l->n && b != f; b++)
        at += b->width;
    memcpy(ret, bytes + at, f->width);
}

static void
field_text(const struct field *f, const struct entry *e, char ret[TEXT_MAX])
{
    uint8_t bytes[ENTRY_MAX];
    uint64_t n = 0;

    field_bytes(f, e, bytes);
    for (size_t i = 0; i < f->width && i < 8; i++)
        n = n << 8 | bytes[i];
    switch (f->type) {
    case FIELD_U8:
    case FIELD_U16:
    case FIELD_U32:
    case FIELD_U64:
        snprintf(ret, TEXT_MAX, "%" PRIu64, n);
        return;
    case FIELD_I32:
        snprintf(ret, TEXT_MAX, "%" PRId32, (int32_t)n);
        return;
    case FIELD_I64:
        snprintf(ret, TEXT_MAX, "%" PRId64, (int64_t)n);
        return;
    case FIELD_TEXT:
    case FIELD_COUNTRY:
        snprintf(ret, TEXT_MAX, "%.*s", (int)f->width, (const char *)bytes);
        return;
    default:
        hex_encode(BYTES(bytes, f->width), ret);
    }
}

static void
field_from_text(const struct field *f, const char *text, struct entry *e)
{
    char *at = (char *)e + f->offset;
    uint64_t n = strtoull(text, NULL, 10);
    uint8_t bytes[AUTHORITY_LEN];

    switch (f->type) {
    case FIELD_U8:
        *(uint8_t *)at = (uint8_t)n;
        return;
    case FIELD_U16:
        *(uint16_t *)(void *)at = (uint16_t)n;
        return;
    case FIELD_U32:
        *(uint32_t *)(void *)at = (uint32_t)n;
        return;
    case FIELD_U64:
        *(uint64_t *)(void *)at = n;
        return;
    case FIELD_I32:
        *(int32_t *)(void *)at = (int32_t)strtol(text, NULL, 10);
        return;
    case FIELD_I64:
        *(int64_t *)(void *)at = strtoll(text, NULL, 10);
        return;
    case FIELD_TEXT:
    case FIELD_COUNTRY:
        memset(at, 0, f->width);
        memcpy(at, text, strlen(text));
        return;
    case FIELD_ZERO:
        return;
    case FIELD_UUID:
    case FIELD_HASH:
    case FIELD_BYTES:
        assert_true(hex_decode(text, (uint8_t *)at, f->width));
        return;
    case FIELD_AUTH:
        assert_true(hex_decode(text, bytes, sizeof bytes));
        for (int i = 0; i < 2; i++) {
            struct wire_in in = { .at = bytes + i * AUTHORITY_SLOT_LEN, .end = bytes + sizeof bytes };
            struct authority_slot *slot = &((struct authority *)(void *)at)->slot[i];
            slot->class = get_u8(&in);
            slot->key = get_u64(&in);
            get_bytes(&in, slot->sig, 64);
        }
    }
}

/* ---- printing what schema/journal was made from ------------------------------------------------------------------ */

static void
print_vector(struct json_out *out, const struct entry *e, struct hash genesis)
{
    uint8_t bytes[ENTRY_MAX], signing[ENTRY_MAX];
    size_t len = entry_encode(e, bytes);
    struct hash leaf = entry_leaf_hash(BYTES(bytes, len));
    struct entry copy = *e;
    struct authority *auth = entry_authority(&copy);

    json_open(out, NULL);
    json_text(out, "kind", entry_kind_name(e->kind));
    json_open(out, "fields");
    for (size_t i = 0; i < 2; i++) {
        const struct layout *l = i == 0 ? &entry_header_layout : entry_layout(e->kind);
        for (size_t k = 0; k < l->n; k++) {
            char text[TEXT_MAX];
            if (l->fields[k].type == FIELD_ZERO)
                continue;
            field_text(&l->fields[k], e, text);
            json_text(out, l->fields[k].name, text);
        }
    }
    json_shut(out);
    json_hex(out, "hex", BYTES(bytes, len));
    json_hex(out, "leaf_hash", BYTES(leaf.b, 32));
    if (auth != NULL && auth->slot[0].class != 0) {
        struct hash signs = sha256(BYTES(signing, entry_signed_bytes(e, genesis, signing)));
        json_hex(out, "signed_sha256", BYTES(signs.b, 32));
    } else
        json_text(out, "signed_sha256", "");
    json_shut(out);
}

static int
print_vectors(void)
{
    struct world *w = world_new();
    struct json_out out = { .fresh = true };
    struct hash genesis, root;

    world_seed(w);
    world_story(w);
    genesis = ledger_genesis(w->l);
    root = merkle_root(&w->tree);
    json_open(&out, NULL);
    json_hex(&out, "genesis_sha256", BYTES(genesis.b, 32));
    json_hex(&out, "root", BYTES(root.b, 32));
    json_open_array(&out, "entries");
    for (size_t i = 0; i < w->n; i++)
        print_vector(&out, &w->entries[i], genesis);
    json_shut_array(&out);
    json_shut(&out);
    printf("%.*s\n", (int)out.len, out.text);
    json_out_free(&out);
    world_delete(w);
    return 0;
}

static const char *const TYPE_NAMES[] = {
    [FIELD_U8] = "u8", [FIELD_U16] = "u16", [FIELD_U32] = "u32", [FIELD_U64] = "u64", [FIELD_I32] = "i32",
    [FIELD_I64] = "i64", [FIELD_TEXT] = "text", [FIELD_COUNTRY] = "text", [FIELD_UUID] = "uuid", [FIELD_HASH] = "hash",
    [FIELD_BYTES] = "bytes", [FIELD_ZERO] = "zero", [FIELD_AUTH] = "authority",
};

/* The table of one layout, as schema/journal/layout.md has it. */
static void
layout_table(const struct layout *l, char *ret, size_t cap)
{
    size_t at = l == &entry_header_layout ? 0 : ENTRY_HEADER, used = 0;

    used += (size_t)snprintf(ret, cap, "| offset | bytes | type | field | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < l->n; i++) {
        const struct field *f = &l->fields[i];
        used += (size_t)snprintf(ret + used, cap - used, "| %zu | %u | %s | %s | %s |\n", at, f->width, TYPE_NAMES[f->type], f->name, f->meaning);
        at += f->width;
    }
    assert_true(used < cap);
}

static int
print_layout(void)
{
    static char table[16384];

    for (size_t i = 0; i < LAYOUTS_N; i++) {
        const struct layout *l = layout_at(i);
        layout_table(l, table, sizeof table);
        if (i == 0)
            printf("## Header (%zu bytes)\n\n%s\n", l->len, table);
        else
            printf("## %zu %s (%zu bytes of body)\n\n%s\n", i - 1, l->name, l->len, table);
    }
    return 0;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static char *
read_schema(const char *name, size_t *ret_len)
{
    const char *src = getenv("KONTOR_SRC") != NULL ? getenv("KONTOR_SRC") : getenv("srcdir");
    char path[4096];
    FILE *f;
    char *text = NULL;
    size_t len = 0, got;

    snprintf(path, sizeof path, "%s/schema/journal/%s", src != NULL ? src : "..", name);
    f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("cannot read %s", path);
    do {
        text = xrealloc(text, len + 65537);
        got = fread(text + len, 1, 65536, f);
        len += got;
    } while (got > 0);
    fclose(f);
    text[len] = '\0';
    *ret_len = len;
    return text;
}

static void
test_layout_is_documented(void **unused)
{
    static char table[16384];
    size_t len, sum;
    char *doc = read_schema("layout.md", &len);

    (void)unused;
    for (size_t i = 0; i < LAYOUTS_N; i++) {
        const struct layout *l = layout_at(i);

        sum = 0;
        for (size_t k = 0; k < l->n; k++)
            sum += l->fields[k].width;
        assert_int_equal(sum, l->len);
        assert_true(l->len + ENTRY_HEADER <= ENTRY_MAX);
        layout_table(l, table, sizeof table);
        if (strstr(doc, table) == NULL)
            fail_msg("layout.md does not have the table of %s", l->name);
    }
    assert_int_equal(entry_body_len(ENTRY_KINDS), 0);
    assert_string_equal(entry_kind_name(HOLD), "HOLD");
    assert_string_equal(entry_kind_name(ENTRY_KINDS), "?");
    free(doc);
}

static struct entry
vector_entry(struct json_in *in)
{
    struct json_in fields = json_in_object(in, "fields");
    const char *kind = json_in_text(in, "kind", 1, 16);
    struct entry e;

    memset(&e, 0, sizeof e);
    for (uint16_t k = 0; k < ENTRY_KINDS; k++)
        if (strcmp(kind, entry_kind_name(k)) == 0)
            e.kind = k;
    for (size_t i = 0; i < 2; i++) {
        const struct layout *l = i == 0 ? &entry_header_layout : entry_layout(e.kind);
        for (size_t k = 0; k < l->n; k++) {
            const struct field *f = &l->fields[k];
            if (f->type != FIELD_ZERO)
                field_from_text(f, json_in_text(&fields, f->name, 0, TEXT_MAX), &e);
        }
    }
    assert_int_equal(json_in_close(&fields), OK);
    return e;
}

/* Each vector: fields → bytes, bytes → fields, leaf hash, signed bytes, signatures; all of them: replay and root. */
static void
check_vector(struct json_in *in, struct ledger *l, struct merkle *tree, unsigned *kinds)
{
    struct entry e = vector_entry(in), decoded;
    uint8_t bytes[ENTRY_MAX], again[ENTRY_MAX], signing[ENTRY_MAX];
    char hex[HEX_LEN(ENTRY_MAX)];
    size_t len = entry_encode(&e, bytes), signing_len;
    struct hash leaf = entry_leaf_hash(BYTES(bytes, len)), signs;
    const char *rule = "";
    struct authority *auth = entry_authority(&e);

    hex_encode(BYTES(bytes, len), hex);
    assert_string_equal(hex, json_in_text(in, "hex", 1, 2 * ENTRY_MAX));
    hex_encode(BYTES(leaf.b, 32), hex);
    assert_string_equal(hex, json_in_text(in, "leaf_hash", 64, 64));
    assert_int_equal(entry_decode(BYTES(bytes, len), &decoded), OK);
    assert_int_equal(entry_encode(&decoded, again), len);
    assert_memory_equal(bytes, again, len);
    decoded = e;
    memset(&decoded.u, 0xEE, sizeof decoded.u);
    assert_int_equal(entry_decode_body(BYTES(bytes + ENTRY_HEADER, len - ENTRY_HEADER), &decoded), OK);
    assert_int_equal(entry_encode(&decoded, again), len);
    assert_memory_equal(bytes, again, len);
    if (ledger_apply(l, &e, NULL, &rule) != OK)
        fail_msg("entry %" PRIu64 " is refused: %s", e.index, rule);
    merkle_append(tree, leaf);
    if (auth != NULL && auth->slot[0].class != 0) {
        signing_len = entry_signed_bytes(&e, ledger_genesis(l), signing);
        signs = sha256(BYTES(signing, signing_len));
        hex_encode(BYTES(signs.b, 32), hex);
        assert_string_equal(hex, json_in_text(in, "signed_sha256", 64, 64));
        for (int i = 0; i < 2 && auth->slot[i].class != 0; i++)
            assert_int_equal(sign_verify(ledger_key(l, auth->slot[i].key)->entry.u.key.ed25519, BYTES(signing, signing_len), auth->slot[i].sig), OK);
    } else
        assert_string_equal("", json_in_text(in, "signed_sha256", 0, 64));
    *kinds |= 1u << e.kind;
}

static void
test_golden_vectors(void **unused)
{
    struct err_detail detail = { .text = "" };
    size_t len, n;
    char *doc = read_schema("vectors.json", &len);
    struct json_in in = json_in_open(BYTES(doc, len), &detail);
    struct ledger *l = ledger_new();
    struct merkle tree = { .size = 0 };
    unsigned kinds = 0;
    char hex[HEX_LEN(32)];

    (void)unused;
    n = json_in_array(&in, "entries", 1000);
    assert_true(n > ENTRY_KINDS);
    for (size_t i = 0; i < n; i++) {
        struct json_in one = json_in_array_object(&in, "entries", i);
        check_vector(&one, l, &tree, &kinds);
        assert_int_equal(json_in_close(&one), OK);
    }
    assert_int_equal(kinds, (1u << ENTRY_KINDS) - 1);
    hex_encode(BYTES(ledger_genesis(l).b, 32), hex);
    assert_string_equal(hex, json_in_text(&in, "genesis_sha256", 64, 64));
    hex_encode(BYTES(merkle_root(&tree).b, 32), hex);
    assert_string_equal(hex, json_in_text(&in, "root", 64, 64));
    assert_int_equal(json_in_close(&in), OK);
    assert_null(ledger_conserved(l));
    ledger_delete(l);
    free(doc);
}

static size_t
offset_of(const struct layout *l, const char *name)
{
    size_t at = l == &entry_header_layout ? 0 : ENTRY_HEADER;

    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->fields[i].name, name) == 0)
            return at;
        at += l->fields[i].width;
    }
    fail_msg("no field %s", name);
    return 0;
}

/* One byte of a good entry set to a value: refused. The field says where. */
static void
test_decoder_refuses(void **unused)
{
    static const struct { uint16_t kind; const char *field; size_t at; uint8_t value; } rows[] = {
        { FUND, "version", 1, 2 }, { FUND, "version", 0, 1 }, { FUND, "kind", 1, ENTRY_KINDS }, { FUND, "kind", 0, 1 },
        { FUND, "kind", 1, GRANT }, { FUND, "time_ms", 0, 0x80 }, { FUND, "time_ms", 0, 1 },
        { FUND, "group_len", 1, 0 }, { FUND, "group_len", 1, GROUP_MAX + 1 }, { FUND, "group_pos", 1, 1 },
        { FUND, "amount", 0, 0x80 }, { FUND, "amount", 0, 0x41 },
        { FUND, "reference", 0, 0 }, { FUND, "reference", 31, 'x' }, { FUND, "reference", 1, 0 },
        { FUND, "reference", 2, '\n' }, { FUND, "reference", 2, 0xFF },
        { FUND, "authority", 0, 4 }, { FUND, "authority", 0, 0 }, { FUND, "authority", 73, 0xFF },
        { FUND, "authority", 80, 1 }, { FUND, "authority", 100, 1 },
        { GENESIS, "format", 1, 2 }, { GENESIS, "simulation", 0, 2 }, { GENESIS, "reserved", 0, 1 },
        { GENESIS, "reserved", 4, 1 }, { GENESIS, "origin", 0, 0 },
        { OPEN, "class", 0, 0 }, { OPEN, "class", 0, 7 }, { OPEN, "reserved", 6, 1 },
        { GRANT, "start_ms", 0, 0xFF }, { GRANT, "gge_cents", 0, 0x80 },
        { HOLD, "gpus", 3, 0 }, { HOLD, "expiry_ms", 0, 1 },
        { SETTLE, "final", 0, 2 }, { SETTLE, "reserved", 3, 9 }, { SETTLE, "report_kind", 1, REPORT_KINDS },
        { SETTLE, "report_reason", 1, REASON_LAST + 1 }, { SETTLE, "report_time_ms", 0, 0x80 },
        { VOID, "reason", 1, 0 }, { VOID, "reason", 1, 10 }, { EXPIRE, "reserved", 0, 1 },
        { RESOLVE, "share_milli", 0, 1 }, { RESOLVE, "reserved", 0, 1 }, { CORRECT, "of_hold", 0, 2 },
        { CORRECT, "reserved", 0, 1 },
        { SITE, "country", 0, 'e' }, { SITE, "country", 1, 0 }, { SITE, "lat_milli", 0, 0x7F }, { SITE, "assumed", 0, 2 },
        { OFFERING, "offering_kind", 0, 3 }, { OFFERING, "gpus_per_node", 0, 1 }, { RATE, "rate_milli", 0, 0x80 },
        { POLICY, "served", 0, 2 }, { POLICY, "contest_ms", 0, 0x80 }, { KEY, "use", 0, 0 }, { KEY, "status", 0, 4 },
        { NOTICE, "type", 1, 8 }, { NOTICE, "reserved", 0, 1 },
    };
    struct world *w = world_new();

    (void)unused;
    world_seed(w);
    world_story(w);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct layout *l = entry_layout(rows[i].kind);
        bool header = false;
        uint8_t bytes[ENTRY_MAX];
        struct entry before, e;
        size_t len = 0, at;

        for (size_t k = 0; k < w->n; k++)
            if (w->entries[k].kind == rows[i].kind)
                len = entry_encode(&w->entries[k], bytes);
        assert_int_not_equal(len, 0);
        for (size_t k = 0; k < entry_header_layout.n; k++)
            header = header || (strcmp(entry_header_layout.fields[k].name, rows[i].field) == 0 && rows[i].kind == FUND);
        at = offset_of(header ? &entry_header_layout : l, rows[i].field) + rows[i].at;
        assert_int_equal(entry_decode(BYTES(bytes, len), &e), OK);
        if (bytes[at] == rows[i].value)
            fail_msg("row %zu changes nothing", i);
        bytes[at] = rows[i].value;
        memset(&before, 0x5A, sizeof before);
        e = before;
        if (entry_decode(BYTES(bytes, len), &e) != ERR_ENTRY_INVALID)
            fail_msg("%s.%s + %zu = %u was taken", l->name, rows[i].field, rows[i].at, rows[i].value);
        assert_memory_equal(&e, &before, sizeof e);
    }
    world_delete(w);
}

static void
test_lengths(void **unused)
{
    struct world *w = world_new();
    uint8_t bytes[ENTRY_MAX + 1];
    struct entry e;

    (void)unused;
    world_seed(w);
    for (size_t i = 0; i < w->n; i++) {
        size_t len = entry_encode(&w->entries[i], bytes);
        bytes[len] = 0;
        assert_int_equal(entry_decode(BYTES(bytes, len + 1), &e), ERR_ENTRY_INVALID);
        for (size_t shorter = 0; shorter < len; shorter++)
            assert_int_equal(entry_decode(BYTES(bytes, shorter), &e), ERR_ENTRY_INVALID);
    }
    world_delete(w);
}

static void
test_reports(void **unused)
{
    struct report r = { .site = 3, .number = 9, .instance = 2, .kind = REPORT_FINISHED, .fence = 4, .time_ms = 5, .started_ms = 6,
                        .ended_ms = 7, .gpu_seconds = 8, .exit_code = -11, .reason = REASON_WALLTIME }, back;
    struct hash genesis = sha256(BYTES("g", 1)), named;
    uint8_t statement[REPORT_STATEMENT_LEN];

    (void)unused;
    r.jti.b[3] = 77;
    report_statement(&r, genesis, statement);
    assert_memory_equal(statement, "kontor-report/v1", 17);
    memset(&back, 0, sizeof back);
    assert_int_equal(report_parse(BYTES(statement, sizeof statement), &back, &named), OK);
    assert_true(hash_equal(named, genesis));
    assert_int_equal(back.exit_code, -11);
    assert_int_equal(back.gpu_seconds, 8);
    assert_memory_equal(back.jti.b, r.jti.b, 16);
    assert_int_equal(report_parse(BYTES(statement, sizeof statement - 1), &back, &named), ERR_ENTRY_INVALID);
    statement[0] ^= 1;
    assert_int_equal(report_parse(BYTES(statement, sizeof statement), &back, &named), ERR_ENTRY_INVALID);
    statement[0] ^= 1;
    statement[17 + 32 + 24 + 1] = REPORT_KINDS;
    assert_int_equal(report_parse(BYTES(statement, sizeof statement), &back, &named), ERR_ENTRY_INVALID);
    statement[17 + 32 + 24 + 1] = REPORT_NONE;
    assert_int_equal(report_parse(BYTES(statement, sizeof statement), &back, &named), ERR_ENTRY_INVALID);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_is_documented),
        cmocka_unit_test(test_golden_vectors),
        cmocka_unit_test(test_decoder_refuses),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_reports),
    };

    if (argc == 2 && strcmp(argv[1], "--vectors") == 0)
        return print_vectors();
    if (argc == 2 && strcmp(argv[1], "--layout") == 0)
        return print_layout();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
