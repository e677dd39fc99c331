/* api/journal.c: the journal, as far as each caller may read it. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "api/entry_json.h"
#include "api/internal.h"
#include "base/text.h"
#include "market/guard.h"
#include "market/notary.h"
#include "store/journal_reads.h"

enum { CHUNK = 500, LOOKS_MAX = 20 };

/* Who knows one of these keys follows from entry to entry to the newest. */
static void
log_keys_json(struct json_out *out, const struct state *s)
{
    char vkey[VKEY_TEXT_MAX];
    const struct key *k;

    json_open_array(out, "log_keys");
    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;) {
        struct vkey key = vkey_make(s->origin, NOTE_ED25519, k->entry.u.key.ed25519);

        if (k->entry.u.key.use != KEY_LOG)
            continue;
        vkey_text(&key, vkey);
        json_open(out, NULL);
        json_i64(out, "key", (int64_t)k->index);
        json_text(out, "vkey", vkey);
        json_i64(out, "from_size", (int64_t)k->index + 1);
        if (k->until == NO_INDEX)
            json_none(out, "to_size");
        else
            json_i64(out, "to_size", (int64_t)k->until);
        json_i64(out, "signed_by", (int64_t)k->entry.u.key.auth.slot[0].key);
        json_shut(out);
    }
    json_shut_array(out);
}

enum err
journal_json(struct call *call, const char *name)
{
    struct json_out *out = &call->out;
    struct journal_state head;
    struct hash genesis;
    char vkey[VKEY_TEXT_MAX];
    struct vkey key;
    struct guard_now guard;
    const struct state *s;
    enum err err = journal_reads_head(call->db, &head);

    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    genesis = ledger_genesis(s->ledger);
    json_open(out, name);
    json_i64(out, "size", (int64_t)head.size);
    json_hex(out, "root", BYTES(head.root.b, 32));
    json_time(out, "time", head.time_ms);
    json_i64(out, "term", (int64_t)head.term);
    json_bool(out, "simulation", ledger_simulation(s->ledger));
    json_text(out, "origin", s->origin);
    key = notary_vkey(call->api->notary, s->origin);
    vkey_text(&key, vkey);
    json_text(out, "vkey", vkey);
    log_keys_json(out, s);
    guard_look(call->api->market, &guard);
    json_text(out, "guarded", guard.open ? NULL : guard.why);
    json_hex(out, "genesis", BYTES(genesis.b, 32));
    json_shut(out);
    market_read_unlock(call->api->market);
    return OK;
}

void
journal_get(struct call *call)
{
    call_end(call, journal_json(call, NULL), 200);
}

static int
kind_of(const char *name)
{
    for (int k = 0; k < ENTRY_KINDS; k++)
        if (strcasecmp(entry_kind_name((uint16_t)k), name) == 0)
            return k;
    return -1;
}

static enum err
read_filter(struct call *call, struct entry_filter *f, int *ret_limit)
{
    static const char *const NAMES[] = { "kind", "account", "grant", "before", "limit", "cursor", NULL };
    const char *kind = call_query(call, "kind");
    const char *cursor;
    int64_t account, grant, before, at = INT64_MAX;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_page(call, ret_limit, &cursor);
    if (!err)
        err = call_query_i64(call, "account", 0, INT64_MAX, -1, &account);
    if (!err)
        err = call_query_i64(call, "grant", 0, INT64_MAX, -1, &grant);
    if (!err)
        err = call_query_i64(call, "before", 0, INT64_MAX, INT64_MAX, &before);
    if (err)
        return err;
    if (cursor && !text_to_i64(cursor, 0, INT64_MAX, &at))
        return err_say(&call->detail, ERR_QUERY_INVALID, "This cursor is not one of ours.");
    f->kind = kind ? kind_of(kind) : -1;
    if (kind && f->kind < 0)
        return err_say(&call->detail, ERR_QUERY_INVALID, "There is no kind “%.16s”.", kind);
    f->account = grant >= 0 ? (uint64_t)grant : account >= 0 ? (uint64_t)account : NO_INDEX;
    f->before = (uint64_t)(at < before ? at : before);
    return OK;
}

/* Collect up to max entries that the caller may see; *ret_more: there may be others below f->before then. */
static enum err
collect(struct call *call, struct entry_filter *f, size_t max, struct entry_record **ret, size_t *ret_n, bool *ret_more)
{
    struct entry_record *all = arena_alloc(call->arena, max * sizeof *all);
    size_t n = 0;
    bool more = true;

    /* What may not be seen is left out; a stranger's page may need several looks, but not for ever. */
    for (int look = 0; look < LOOKS_MAX && n < max && more; look++) {
        struct entry_record *list;
        const struct state *s;
        size_t got, used = 0;
        int ask = (int)(max - n > CHUNK ? CHUNK : max - n < 50 ? 50 : max - n);
        enum err err = journal_reads_list(call->db, f, ask, call->arena, &list, &got);

        if (err)
            return err;
        s = market_read_lock(call->api->market);
        if (!s)
            return ERR_NOT_LEADER;
        for (; used < got && n < max; used++) {
            if (!list[used].hidden && may_see_entry(&call->actor, s, &list[used].entry))
                all[n++] = list[used];
            f->before = list[used].entry.index;
        }
        market_read_unlock(call->api->market);
        more = used < got || got == (size_t)ask;
    }
    *ret = all;
    *ret_n = n;
    *ret_more = more && f->before > 0;
    return OK;
}

static void
reply_list(struct call *call, struct entry_filter *f, int limit)
{
    struct entry_record *list;
    const struct state *s;
    char next[24];
    bool more;
    size_t n;
    enum err err = collect(call, f, (size_t)limit, &list, &n, &more);

    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++)
        entry_json(call, s, &list[i], false);
    call_state_done(call);
    json_shut_array(&call->out);
    snprintf(next, sizeof next, "%" PRIu64, f->before);
    call_next(call, more ? next : NULL);
    json_shut(&call->out);
    call_reply(call, 200);
}

void
journal_entries(struct call *call)
{
    struct entry_filter f;
    int limit;
    enum err err = read_filter(call, &f, &limit);

    if (err)
        call_fail(call, err);
    else
        reply_list(call, &f, limit);
}

/* The entries of one account that the caller was found to be allowed to see. */
void
journal_list_of(struct call *call, uint64_t account)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct entry_filter f = { .kind = -1, .account = account, .before = INT64_MAX };
    const char *cursor;
    int64_t at;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err && cursor) {
        if (!text_to_i64(cursor, 0, INT64_MAX, &at))
            err = ERR_QUERY_INVALID;
        else
            f.before = (uint64_t)at;
    }
    if (err)
        call_fail(call, err);
    else
        reply_list(call, &f, limit);
}

enum err
journal_entry_absent(struct call *call)
{
    struct journal_state head;
    struct entry_record there;
    struct db_actor actor = db_act_as(call->db, DB_ACTOR_SERVER);
    enum err err = journal_reads_head(call->db, &head);

    if (!err) /* after the head: it may have been written a moment ago */
        err = journal_reads_find(call->db, call->path_index, &there);
    db_act_as(call->db, actor);
    if (err == ERR_NOT_FOUND && call->path_index < head.size)
        return err_internal(&call->detail, ERR_CORRUPT, "entry %" PRIu64 " is missing from the table, and the head covers it", call->path_index);
    return err ? err : ERR_NOT_FOUND;
}

void
journal_entry_get(struct call *call)
{
    struct entry_record r;
    const struct state *s;
    bool seen;
    enum err err = journal_reads_find(call->db, call->path_index, &r);

    if (err == ERR_NOT_FOUND)
        err = journal_entry_absent(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    seen = may_see_entry(&call->actor, s, &r.entry);
    if (seen)
        entry_json(call, s, &r, true);
    call_state_done(call);
    call_end(call, seen ? OK : ERR_NOT_FOUND, 200);
}
