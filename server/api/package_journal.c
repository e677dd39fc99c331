/* api/package_journal.c: of a package what is the journal's: the slice, what it rests on, the proofs and the signed checkpoints. */
#include "api/package.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/pour.h"
#include "market/cosigning.h"
#include "market/log_tiles.h"
#include "market/notary.h"
#include "market/state.h"
#include "store/entries.h"
#include "store/evidence.h"
#include "store/journal_reads.h"

enum { PAGE = 500 };

/* ---- which part of the journal it is --------------------------------------------------------------------------------- */

/* The first entry of that time or later, below size; an entry's time never falls. */
static enum err
first_since(struct call *call, int64_t at_ms, uint64_t size, uint64_t *ret)
{
    uint64_t low = 0, high = size;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct entry_record record;
        enum err err = journal_reads_find(call->db, middle, &record);

        if (err)
            return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
        if (record.entry.time_ms < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return OK;
}

static enum err
read_note(const char *text, struct checkpoint *ret)
{
    struct note *note = xcalloc(1, sizeof *note);
    bool good = note_parse(BYTES_TEXT(text), note) && checkpoint_parse(note->text, ret);

    free(note);
    return good ? OK : ERR_CORRUPT;
}

enum err
package_choose(struct call *call, struct package *p)
{
    struct log_policy *policy = notary_policy(call->api->notary);
    struct log_policy_now now = log_policy_now(policy);
    struct checkpoint_row row;
    enum err err = cosigning_newest(call->db, policy, call->arena, &row);

    if (err == ERR_NOT_FOUND)
        return err_say(&call->detail, ERR_TOO_EARLY, "No checkpoint is shown yet; one is signed within ten seconds.");
    if (!err)
        err = read_note(row.note, &p->checkpoint);
    if (err)
        return err;
    p->note = xstrdup(row.note);
    p->words = pour_checkpoint(call->arena, &row);
    p->policy = xstrdup(now.text ? now.text : "");
    err = first_since(call, p->from_ms, p->checkpoint.size, &p->first);
    if (!err)
        err = first_since(call, p->to_ms, p->checkpoint.size, &p->end);
    if (err)
        return err;
    p->next = p->first;
    err = p->first ? checkpoints_newest(call->db, p->first, call->arena, &row) : ERR_NOT_FOUND;
    if (!err)
        err = read_note(row.note, &p->start);
    p->start_note = xstrdup(err ? "" : row.note);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- proofs ---------------------------------------------------------------------------------------------------------- */

static void
put_hash(struct json_out *out, const char *word, const struct hash *h)
{
    char text[BASE64_LEN(32)];

    base64_encode(BYTES(h->b, 32), text);
    csv_printf(out, "%s %s\n", word, text);
}

static void
put_path(struct json_out *out, const char *word, const struct proof *path)
{
    for (unsigned i = 0; i < path->n; i++)
        put_hash(out, word, &path->path[i]);
}

/* The full subtrees that the first entry of the slice finds on its left, the largest first. */
static enum err
put_left(const struct merkle_source *from, uint64_t size, struct json_out *out)
{
    struct hash h;
    enum err err = OK;

    for (unsigned level = 64; !err && level-- > 0;)
        if (size >> level & 1) {
            err = from->subtree(from->ctx, level, (size >> level) - 1, &h);
            if (!err)
                put_hash(out, "left", &h);
        }
    return err;
}

enum err
package_proof(struct call *call, struct package *p, struct json_out *out)
{
    struct log_reader *log = log_reader_new(call->api->market, call->db, p->checkpoint.size);
    struct merkle_source source = log_reader_source(log);
    char from[TIME_TEXT], to[TIME_TEXT];
    struct json_out text = { 0 };
    struct proof path;
    enum err err;

    time_text(p->from_ms, from);
    time_text(p->to_ms, to);
    csv_printf(&text, PACKAGE_TITLE "\norigin %s\nfrom %s\nto %s\nfirst %" PRIu64 "\nend %" PRIu64 "\n", p->checkpoint.origin, from, to, p->first, p->end);
    err = put_left(&source, p->first, &text);
    if (!err)
        err = proof_consistency(&source, p->end, p->checkpoint.size, &path);
    if (!err)
        put_path(&text, "path", &path);
    if (!err && p->start.size)
        err = proof_consistency(&source, p->start.size, p->checkpoint.size, &path);
    if (!err && p->start.size)
        put_path(&text, "start-path", &path);
    log_reader_delete(log);
    if (!err) {
        package_file(p, "journal/proof", BYTES(text.text, text.len), out);
        package_file(p, "journal/checkpoint", BYTES_TEXT(p->note), out);
        if (p->start_note[0])
            package_file(p, "journal/checkpoint-before", BYTES_TEXT(p->start_note), out);
        if (p->policy[0])
            package_file(p, "journal/policy", BYTES_TEXT(p->policy), out);
    }
    json_out_free(&text);
    return err;
}

/* ---- the slice ------------------------------------------------------------------------------------------------------- */

struct taking { struct package *package; struct json_out bytes; };

static void
want_assertions(struct package *p, struct entry *e)
{
    const struct authority *auth = entry_authority(e);

    for (int i = 0; auth && i < 2; i++) {
        if (auth->slot[i].class != 2)
            continue;
        if (p->asserted_n == p->asserted_cap) {
            p->asserted_cap = p->asserted_cap ? 2 * p->asserted_cap : 64;
            p->asserted = xrealloc(p->asserted, p->asserted_cap * sizeof *p->asserted);
        }
        memcpy(p->asserted[p->asserted_n++].b, auth->slot[i].sig, sizeof p->asserted->b);
    }
}

static enum err
take_entry(void *ctx, const struct entry_row *row)
{
    struct taking *t = ctx;
    uint8_t len[2] = { (uint8_t)(row->len >> 8), (uint8_t)row->len };
    struct entry e;

    if (row->index != t->package->next || row->len > ENTRY_MAX || entry_decode(BYTES(row->bytes, row->len), &e) != OK)
        return ERR_CORRUPT;
    csv_add(&t->bytes, (const char *)len, sizeof len);
    csv_add(&t->bytes, (const char *)row->bytes, row->len);
    period_take(&t->package->period, &e);
    want_assertions(t->package, &e);
    t->package->next++;
    return OK;
}

enum err
package_bundle(struct call *call, struct package *p, struct json_out *out)
{
    struct taking t = { .package = p };
    uint64_t first = p->next, left = p->end - first;
    unsigned n = left < PACKAGE_BUNDLE ? (unsigned)left : PACKAGE_BUNDLE;
    char name[40];
    enum err err = entries_range(call->db, first, n, take_entry, &t);

    if (!err && p->next != first + n)
        err = err_internal(&call->detail, ERR_CORRUPT, "entry %" PRIu64 " is missing from the table", p->next);
    if (!err) {
        snprintf(name, sizeof name, PACKAGE_BUNDLE_NAME, first);
        package_file(p, name, BYTES(t.bytes.text, t.bytes.len), out);
    }
    json_out_free(&t.bytes);
    return err;
}

/* ---- what it rests on ------------------------------------------------------------------------------------------------- */

static void
want(struct package *p, uint64_t index)
{
    if (index == NO_INDEX || index >= p->checkpoint.size || (index >= p->first && index < p->end))
        return;
    if (p->around_n == p->around_cap) {
        p->around_cap = p->around_cap ? 2 * p->around_cap : 256;
        p->around = xrealloc(p->around, p->around_cap * sizeof *p->around);
    }
    p->around[p->around_n++] = index;
}

/* An account, what gave it its terms, and those above it. */
static void
want_account(struct package *p, const struct ledger *l, uint64_t index)
{
    const struct account *a;

    for (int depth = 0; depth < 3 && (a = ledger_account(l, index)) != NULL; depth++) {
        want(p, a->index);
        want(p, a->grant_entry);
        index = a->parent;
    }
}

/* The history of keys, modes and sites, all of it: whose signature an entry's is follows from these. */
static void
want_registry(struct package *p, const struct ledger *l)
{
    const struct key *k;
    const struct policy *policy;
    const struct site *site;

    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL;)
        if (k->index < p->end)
            want(p, k->index);
    for (size_t it = 0; (policy = ledger_next_policy(l, &it)) != NULL;)
        if (policy->index < p->end)
            want(p, policy->index);
    for (size_t it = 0; (site = ledger_next_site(l, &it)) != NULL;)
        if (site->index < p->end)
            want(p, site->index);
}

/* Every TRANCHE before the slice: what they gave to leads to its fund. */
static enum err
want_tranches(struct call *call, struct package *p)
{
    struct entry_filter filter = { .kind = TRANCHE, .account = NO_INDEX, .before = p->first };
    size_t n = PAGE;
    enum err err = OK;

    while (!err && n == PAGE) {
        struct entry_record *records;

        err = journal_reads_list(call->db, &filter, PAGE, call->arena, &records, &n);
        for (size_t i = 0; !err && i < n; i++)
            want(p, filter.before = records[i].entry.index);
    }
    return err;
}

static int
by_index(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

enum err
package_look_around(struct call *call, struct package *p)
{
    const struct state *s = market_read_lock(call->api->market);
    size_t kept = 0;
    enum err err;

    if (!s)
        return ERR_NOT_LEADER;
    for (size_t i = 0; i < p->period.moves_n; i++) {
        want_account(p, s->ledger, p->period.moves[i]->debit);
        want_account(p, s->ledger, p->period.moves[i]->credit);
    }
    want_registry(p, s->ledger);
    market_read_unlock(call->api->market);
    want(p, 0);
    want(p, p->first - 1); /* NO_INDEX at the beginning */
    want(p, p->end);
    err = want_tranches(call, p);
    if (p->around_n)
        qsort(p->around, p->around_n, sizeof *p->around, by_index);
    for (size_t i = 0; i < p->around_n; i++)
        if (kept == 0 || p->around[kept - 1] != p->around[i])
            p->around[kept++] = p->around[i];
    p->around_n = kept;
    return err;
}

/* In the lines of an export's assertions.jsonl. */
enum err
package_asserted(struct call *call, struct package *p, struct json_out *out)
{
    struct json_out text = { 0 };
    size_t begin = p->asserted_at;
    char name[40];
    enum err err = OK;

    for (; !err && p->asserted_at < p->asserted_n && p->asserted_at - begin < PACKAGE_ASSERTIONS; p->asserted_at++) {
        const struct hash *h = &p->asserted[p->asserted_at];
        struct json_out line = { .fresh = true };
        struct bytes found;

        err = assertions_find(call->db, *h, call->arena, &found);
        if (err)
            break;
        json_open(&line, NULL);
        json_hex(&line, "sha256", BYTES(h->b, sizeof h->b));
        json_hex(&line, "assertion", found);
        json_shut(&line);
        csv_add(&text, line.text, line.len);
        csv_add(&text, "\n", 1);
        json_out_free(&line);
    }
    if (err == ERR_NOT_FOUND)
        err = err_internal(&call->detail, ERR_CORRUPT, "a row of the table assertion is missing");
    if (!err) {
        snprintf(name, sizeof name, PACKAGE_ASSERTIONS_NAME, (uint64_t)begin);
        package_file(p, name, BYTES(text.text, text.len), out);
    }
    json_out_free(&text);
    return err;
}

struct one { uint8_t bytes[ENTRY_MAX]; size_t len; };

static enum err
take_one(void *ctx, const struct entry_row *row)
{
    struct one *one = ctx;

    if (row->len > sizeof one->bytes)
        return ERR_CORRUPT;
    memcpy(one->bytes, row->bytes, one->len = row->len);
    return OK;
}

static enum err
put_entry(struct call *call, const struct merkle_source *source, uint64_t index, uint64_t size, struct json_out *text)
{
    char base64[BASE64_LEN(ENTRY_MAX)];
    struct one one = { .len = 0 };
    struct proof path;
    enum err err = entries_range(call->db, index, 1, take_one, &one);

    if (!err && one.len == 0)
        err = err_internal(&call->detail, ERR_CORRUPT, "entry %" PRIu64 " is missing from the table", index);
    if (!err)
        err = proof_inclusion(source, index, size, &path);
    if (err)
        return err;
    base64_encode(BYTES(one.bytes, one.len), base64);
    csv_printf(text, "entry %" PRIu64 " ", index);
    csv_add(text, base64, strlen(base64));
    csv_add(text, "\n", 1);
    put_path(text, "path", &path);
    return OK;
}

enum err
package_around(struct call *call, struct package *p, struct json_out *out)
{
    struct log_reader *log = log_reader_new(call->api->market, call->db, p->checkpoint.size);
    struct merkle_source source = log_reader_source(log);
    struct json_out text = { 0 };
    size_t begin = p->around_at;
    char name[40];
    enum err err = OK;

    for (; !err && p->around_at < p->around_n && p->around_at - begin < PACKAGE_AROUND; p->around_at++)
        err = put_entry(call, &source, p->around[p->around_at], p->checkpoint.size, &text);
    log_reader_delete(log);
    if (!err) {
        snprintf(name, sizeof name, PACKAGE_AROUND_NAME, (uint64_t)begin);
        package_file(p, name, BYTES(text.text, text.len), out);
    }
    json_out_free(&text);
    return err;
}
