/* api/log.c
 * The Merkle log for anybody's programs: checkpoint, tiles, entry bundles (C2SP tlog-tiles), and receipts (tlog-proof).
 * Tiles hold hashes only. Bundles show who computes where: for officers, auditors and sites' agents, who are witnesses, and for everybody where the
 * operator has said so (public_entries). */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/text.h"
#include "core/note.h"
#include "market/cosigning.h"
#include "market/log_tiles.h"
#include "market/notary.h"
#include "store/entries.h"
#include "store/evidence.h"
#include "store/journal_reads.h"

#define FOR_EVER "public, max-age=31536000, immutable"

static const char *const NO_NAMES[] = { NULL };

static void
reply_text(struct call *call, const char *text, size_t len)
{
    char *copy = xmalloc(len + 1);

    memcpy(copy, text, len);
    call_reply_bytes(call, 200, "text/plain; charset=utf-8", copy, len);
}

void
checkpoint_get(struct call *call)
{
    struct checkpoint_row row;
    enum err err = call_query_only(call, NO_NAMES);

    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = cosigning_shown(call->db, notary_policy(call->api->notary), call->arena, &row);
    if (err) {
        call_fail(call, err);
        return;
    }
    call->cache = "public, max-age=2";
    reply_text(call, row.note, strlen(row.note));
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

struct bundle {
    uint64_t first, next;
    unsigned width;
    uint8_t *bytes;
    size_t len;
};

static enum err
take_entry(void *ctx, const struct entry_row *row)
{
    struct bundle *b = ctx;
    struct wire_out w = { b->bytes + b->len, b->bytes + b->len + row->len + 2 };

    if (row->index != b->next)
        return ERR_CORRUPT;
    put_u16(&w, (uint16_t)row->len);
    put_bytes(&w, row->bytes, row->len);
    b->len += row->len + 2;
    b->next++;
    return OK;
}

static void
reply_bundle(struct call *call, uint64_t n, unsigned width)
{
    struct bundle b = { .first = n * TILE_WIDTH, .next = n * TILE_WIDTH, .width = width };
    enum err err;

    db_act_as(call->db, DB_ACTOR_SERVER);
    b.bytes = xmalloc(width * (ENTRY_ROW_MAX + 2));
    err = entries_range(call->db, b.first, width, take_entry, &b);
    if (!err && b.next != b.first + width) /* the head covers it */
        err = err_internal(&call->detail, ERR_CORRUPT, "entry %" PRIu64 " is missing from the table", b.next);
    if (err) {
        free(b.bytes);
        call_fail(call, err);
        return;
    }
    call->cache = call->api->public_entries ? FOR_EVER : "private, max-age=31536000, immutable";
    call_reply_bytes(call, 200, "application/octet-stream", (char *)b.bytes, b.len);
}

static bool
may_see_bundles(struct call *call)
{
    if (call->api->public_entries || may_see_programme(&call->actor))
        return true;
    call_fail(call, call->actor.kind == ACTOR_NOBODY ? ERR_UNAUTHENTICATED : ERR_FORBIDDEN);
    return false;
}

/* GET /v1/agent/entries?bundle=N&width=W, for a witness. Without width: as wide as it is. */
void
agent_entries(struct call *call)
{
    static const char *const NAMES[] = { "bundle", "width", NULL };
    struct journal_state head;
    int64_t n, width;
    unsigned there = 0;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "bundle", 0, INT64_MAX / TILE_WIDTH, 0, &n);
    if (!err)
        err = call_query_i64(call, "width", 1, TILE_WIDTH, 0, &width);
    if (!err)
        err = agent_check_instance(call);
    if (!err)
        err = journal_reads_head(call->db, &head);
    if (!err)
        there = tile_width(TILE_ENTRIES, (uint64_t)n, head.size);
    if (!err && (there == 0 || there < (unsigned)width))
        err = ERR_NOT_FOUND;
    if (err)
        call_fail(call, err);
    else
        reply_bundle(call, (uint64_t)n, width ? (unsigned)width : there);
}

/* GET /v1/agent/assertions/{sha256}, for a witness: what a passkey has signed of an entry, which has this hash. */
void
agent_assertions(struct call *call)
{
    struct bytes found = { NULL, 0 };
    struct hash sha256;
    char *copy;
    enum err err = hex_decode(call->path_text, sha256.b, sizeof sha256.b) ? OK : ERR_NOT_FOUND;

    if (!err)
        err = agent_check_instance(call);
    if (!err)
        err = assertions_find(call->db, sha256, call->arena, &found);
    if (err) {
        call_fail(call, err);
        return;
    }
    copy = xmalloc(found.len);
    memcpy(copy, found.data, found.len);
    call_reply_bytes(call, 200, "application/octet-stream", copy, found.len);
}

static void
reply_hashes(struct call *call, int level, uint64_t n, unsigned width)
{
    struct hash *hashes = xmalloc(TILE_WIDTH * sizeof *hashes);
    enum err err;

    db_act_as(call->db, DB_ACTOR_SERVER); /* hashes are for everybody */
    err = log_tile(call->api->market, call->db, level, n, width, hashes);
    if (err == ERR_NOT_FOUND) /* the head covers it */
        err = err_internal(&call->detail, ERR_CORRUPT, "tile %d/%" PRIu64 " cannot be made: entries are missing from the table", level, n);
    if (err) {
        free(hashes);
        call_fail(call, err);
        return;
    }
    call->cache = FOR_EVER;
    call_reply_bytes(call, 200, "application/octet-stream", (char *)hashes, width * sizeof *hashes);
}

void
tile_get(struct call *call)
{
    char path[TILE_PATH_MAX + 8];
    struct journal_state head;
    unsigned width;
    uint64_t n;
    int level;
    enum err err;

    if (!text_format(path, sizeof path, "tile/%s", call->path_text) || !tile_path_parse(path, &level, &n, &width)) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    err = call_query_only(call, NO_NAMES);
    if (!err)
        err = journal_reads_head(call->db, &head);
    if (!err && (n > head.size || tile_width(level, n, head.size) < width))
        err = ERR_NOT_FOUND; /* the log is not that long */
    if (err)
        call_fail(call, err);
    else if (level == TILE_ENTRIES && may_see_bundles(call))
        reply_bundle(call, n, width);
    else if (level != TILE_ENTRIES)
        reply_hashes(call, level, n, width);
}

/* ---- receipts ---------------------------------------------------------------------------------------------------- */

/* An entry, and what was read of the log in the same look. */
struct found {
    struct entry_record record;
    bool whole; /* its tile is: these are the hashes */
    struct hash tile[TILE_WIDTH];
};

static enum err
prove(struct call *call, const struct found *f, uint64_t size, struct proof *ret)
{
    struct log_reader *r = log_reader_new(call->api->market, call->db, size);
    struct merkle_source from = log_reader_source(r);
    enum err err;

    if (f->whole)
        log_reader_know(r, call->path_index / TILE_WIDTH, f->tile);
    err = proof_inclusion(&from, call->path_index, size, ret);
    log_reader_delete(r);
    if (err == ERR_NOT_FOUND) /* the head covers it */
        err = err_internal(&call->detail, ERR_CORRUPT, "the path of entry %" PRIu64 " cannot be made: entries are missing from the table", call->path_index);
    return err;
}

/* May the caller see it? */
static enum err
check_seen(struct call *call, const struct entry *e)
{
    const struct state *s = market_read_lock(call->api->market);
    bool seen;

    if (!s)
        return ERR_NOT_LEADER;
    seen = call->api->public_entries || may_see_entry(&call->actor, s, e);
    market_read_unlock(call->api->market);
    return seen ? OK : ERR_NOT_FOUND;
}

/* The entry of the path, if the caller may see it. From then on the connection asks as the server. */
static enum err
find_entry(struct call *call, struct found *ret)
{
    enum err err;

    db_act_as(call->db, DB_ACTOR_SERVER); /* who may see the entry is decided below; the path is of hashes */
    err = journal_reads_find_with_tile(call->db, call->path_index, &ret->record, ret->tile, &ret->whole);
    if (err == ERR_NOT_FOUND)
        err = journal_entry_absent(call);
    return err ? err : check_seen(call, &ret->record.entry);
}

/* The head of a receipt alone: the path in a tree of this size, for whoever has a checkpoint of it. */
static enum err
path_only(struct call *call, const struct found *f, int64_t size, char **ret, size_t *ret_len)
{
    struct journal_state head;
    struct proof path;
    enum err err = journal_reads_head(call->db, &head);

    if (!err && ((uint64_t)size > head.size || (uint64_t)size <= call->path_index))
        err = err_say(&call->detail, ERR_QUERY_INVALID, "The journal had never this size, or the entry came later.");
    if (!err)
        err = prove(call, f, (uint64_t)size, &path);
    if (err)
        return err;
    *ret = xmalloc(RECEIPT_HEAD_MAX);
    *ret_len = receipt_head_write(call->path_index, &path, BYTES("", 0), *ret);
    call->cache = "private, max-age=31536000, immutable";
    return OK;
}

/* size 0: under the newest checkpoint, and with it; with the entry itself too, if that is wanted. */
static enum err
receipt(struct call *call, int64_t size, bool entry, char **ret, size_t *ret_len)
{
    uint8_t bytes[ENTRY_MAX];
    struct found *f = arena_alloc(call->arena, sizeof *f);
    struct checkpoint_row row;
    struct proof path;
    enum err err = find_entry(call, f);

    if (err)
        return err;
    if (size)
        return path_only(call, f, size, ret, ret_len);
    err = cosigning_newest(call->db, notary_policy(call->api->notary), call->arena, &row);
    if (err == ERR_NOT_FOUND || (!err && row.size <= call->path_index))
        return err_say(&call->detail, ERR_TOO_EARLY, "No checkpoint covers this entry yet; one is signed within ten seconds, and shown as soon as enough witnesses have cosigned it.");
    if (!err)
        err = prove(call, f, row.size, &path);
    if (err)
        return err;
    *ret = xmalloc(RECEIPT_HEAD_MAX + strlen(row.note));
    *ret_len = receipt_head_write(call->path_index, &path, BYTES(bytes, entry ? entry_encode(&f->record.entry, bytes) : 0), *ret);
    memcpy(*ret + *ret_len, row.note, strlen(row.note));
    *ret_len += strlen(row.note);
    return OK;
}

void
entry_receipt(struct call *call)
{
    static const char *const NAMES[] = { "size", "with", NULL };
    const char *with = call_query(call, "with");
    char *text;
    int64_t size = 0;
    size_t len;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "size", 1, INT64_MAX, 0, &size);
    if (!err && with && (size || strcmp(with, "entry") != 0))
        err = err_say(&call->detail, ERR_QUERY_INVALID, "with=entry puts the entry itself into a whole receipt; nothing else can be put there.");
    if (!err)
        err = receipt(call, size, with != NULL, &text, &len);

    if (err)
        call_fail(call, err);
    else
        call_reply_bytes(call, 200, "text/plain; charset=utf-8", text, len);
}

void
entry_bytes(struct call *call)
{
    struct entry_record r;
    enum err err = call_query_only(call, NO_NAMES);
    char *bytes;

    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = journal_reads_find(call->db, call->path_index, &r);
    if (err == ERR_NOT_FOUND)
        err = journal_entry_absent(call);
    if (!err)
        err = check_seen(call, &r.entry);
    if (err) {
        call_fail(call, err);
        return;
    }
    bytes = xmalloc(ENTRY_MAX);
    call->cache = "private, max-age=31536000, immutable";
    call_reply_bytes(call, 200, "application/octet-stream", bytes, entry_encode(&r.entry, (uint8_t *)bytes));
}

/* ---- growth ------------------------------------------------------------------------------------------------------ */

enum { GROWTH_POINTS = 48 };

void
journal_growth(struct call *call)
{
    struct grown *list;
    size_t n;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = checkpoints_growth(call->db, GROWTH_POINTS, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_open_array(&call->out, "points");
    for (size_t i = 0; i < n; i++) {
        json_open(&call->out, NULL);
        json_i64(&call->out, "size", (int64_t)list[i].size);
        json_time(&call->out, "time", list[i].signed_ms);
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    json_shut(&call->out);
    call->cache = "public, max-age=30";
    call_reply(call, 200);
}
