/* audit/bundle.c */
#include "audit/bundle.h"

#include <inttypes.h>

#include "core/ledger.h"
#include "crypto/sign.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void
hash_text(struct hash h, char ret[17])
{
    hex_encode(BYTES(h.b, 8), ret);
}

static void
read_leaf(struct bundle *b, unsigned i, struct bytes bytes, bool has_tile)
{
    char have[17], want[17];

    b->leaf[i] = entry_leaf_hash(bytes);
    b->decoded[i] = entry_decode(bytes, &b->entry[i]) == OK;
    if (!b->decoded[i])
        b->entry[i].kind = finding_kind(bytes);
    if (!has_tile || hash_equal(b->leaf[i], b->logged[i]))
        return;
    hash_text(b->leaf[i], have);
    hash_text(b->logged[i], want);
    findings_add(&b->found, b->n * TILE_WIDTH + i, finding_kind(bytes), "its bytes hash to %s…, the log has %s…", have, want);
}

/* The entries of the file; their hashes beside those of the tile, if that was there. */
static void
read_leaves(struct bundle *b, const char *name, size_t file_len, bool has_tile)
{
    size_t at = 0;

    for (unsigned i = 0; i < b->width; i++) {
        const uint8_t *bytes = (const uint8_t *)b->file + at;
        size_t rest = file_len - at, len = rest >= 2 ? (size_t)bytes[0] << 8 | bytes[1] : 0;

        if (rest < 2 || rest - 2 < len) {
            findings_add(&b->found, b->n * TILE_WIDTH + i, ENTRY_KINDS, "%s is cut short before it ends", name);
            return;
        }
        if (len > ENTRY_MAX) {
            findings_add(&b->found, b->n * TILE_WIDTH + i, ENTRY_KINDS, "%s gives it %zu bytes: no entry has so many", name, len);
            return;
        }
        read_leaf(b, i, BYTES(bytes + 2, len), has_tile);
        b->leaves++;
        at += 2 + len;
    }
    if (at < file_len)
        findings_add(&b->found, b->n * TILE_WIDTH + b->width - 1, ENTRY_KINDS, "%s goes on after it", name);
}

void
bundle_read(struct bundle *b, const struct source *from)
{
    char name[TILE_PATH_MAX];
    bool has_tile;
    size_t len;

    tile_path(0, b->n, b->width, name);
    has_tile = source_read(from, name, (char *)b->logged, TILE_WIDTH * sizeof *b->logged, &len) && len == b->width * sizeof *b->logged;
    if (!has_tile)
        findings_add(&b->found, NO_INDEX, ENTRY_KINDS, "%s: missing, or not %u hashes", name, b->width);
    tile_path(TILE_ENTRIES, b->n, b->width, name);
    if (!source_read(from, name, b->file, BUNDLE_MAX, &len))
        findings_add(&b->found, b->n * TILE_WIDTH, ENTRY_KINDS, "%s cannot be read", name);
    else
        read_leaves(b, name, len, has_tile);
    if (b->leaves == TILE_WIDTH)
        b->root = tile_root(b->leaf);
}

/* ---- signatures -------------------------------------------------------------------------------------------------- */

static void
verify_slot(struct bundle *b, unsigned i, const struct authority *auth, unsigned s, struct bytes signed_bytes)
{
    const struct entry *e = &b->entry[i];
    const struct authority_slot *slot = &auth->slot[s];

    if (slot->class == 0)
        return;
    if (slot->class == 2) { /* audit/asserted.h */
        b->count.by_assertion++;
        return;
    }
    if (!b->counted_only && (!b->has_key[i][s] || sign_verify(b->key[i][s], signed_bytes, slot->sig) != OK)) {
        findings_add(&b->found, e->index, e->kind, "the signature by key %" PRIu64 " does not verify", slot->key);
        return;
    }
    if (slot->class == 3) {
        b->count.by_server++;
        b->count.ruled_word = order_is_ruled(e) ? e->index : b->count.ruled_word;
    } else if (entry_report(e) != NULL)
        b->count.by_site++;
    else if (e->kind == KEY && e->u.key.use == KEY_LOG)
        b->count.by_log++;
    else
        b->count.by_officer++;
}

void
bundle_verify(struct bundle *b)
{
    uint8_t bytes[ENTRY_MAX];

    for (unsigned i = 0; i < b->replayed; i++) {
        const struct authority *auth = entry_authority(&b->entry[i]);
        size_t len;

        if (auth == NULL || auth->slot[0].class == 0) {
            b->count.without++;
            continue;
        }
        len = b->counted_only ? 0 : entry_signed_bytes(&b->entry[i], b->genesis, bytes);
        verify_slot(b, i, auth, 0, BYTES(bytes, len));
        verify_slot(b, i, auth, 1, BYTES(bytes, len));
    }
}
