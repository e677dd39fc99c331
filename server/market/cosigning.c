/* market/cosigning.c */
#include "market/cosigning.h"

#include <stdlib.h>

#include "base/text.h"
#include "crypto/sign.h"

enum { LOOK_BACK = 64, LINES_MOST = NOTE_LINES_MAX - 2 };

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

static bool
is_of(const struct note_line *l, const struct vkey *by)
{
    return l->name_len == strlen(by->name) && memcmp(l->name, by->name, l->name_len) == 0 && l->len == 4 + 8 + 64 &&
           memcmp(l->blob, by->id, 4) == 0;
}

/* The line, read as the only one of a note with this checkpoint's text. */
static enum err
read_line(const char *note, struct bytes line, const struct vkey *by, struct cosignature *ret, struct err_detail *d)
{
    const char *end = strstr(note, "\n\n");
    size_t text = end ? (size_t)(end - note) + 2 : 0;
    char *copy = xmalloc(text + line.len);
    struct note *n = xcalloc(1, sizeof *n);
    struct wire_in blob;
    enum err err = OK;

    memcpy(copy, note, text);
    memcpy(copy + text, line.data, line.len);
    if (!note_parse(BYTES(copy, text + line.len), n) || n->n != 1 || !is_of(&n->line[0], by))
        err = err_at(d, ERR_FIELD_INVALID, "/line", "This is no cosignature by this key.");
    else if (note_check(n, by, verify, &ret->time_s) != NOTE_GOOD || ret->time_s == 0 || ret->time_s > INT64_MAX)
        err = err_at(d, ERR_SIGNATURE, "/line", "The cosignature does not verify.");
    if (!err) {
        blob = (struct wire_in){ n->line[0].blob + 12, n->line[0].blob + n->line[0].len, false };
        get_bytes(&blob, ret->signature, sizeof ret->signature);
    }
    free(n);
    free(copy);
    return err;
}

enum err
cosigning_count(struct db *db, const struct quorum *q, uint64_t size, struct arena *a, struct log_policy_count *ret)
{
    struct cosignature *all;
    size_t n;
    enum err err = cosignatures_of(db, size, a, &all, &n);

    if (!err)
        *ret = log_policy_count(q, all, n);
    return err;
}

static enum err
mark(struct db *db, const struct log_policy_now *policy, uint64_t size, int64_t now_ms, struct arena *a)
{
    struct log_policy_count count;
    enum err err;

    if (!policy->quorum)
        return OK;
    err = cosigning_count(db, policy->quorum, size, a, &count);
    return !err && count.enough ? quorums_add(db, &policy->hash, size, now_ms) : err;
}

enum err
cosigning_take(struct db *db, struct log_policy *policy, uint64_t size, const struct hash *root, const struct vkey *by,
               struct bytes line, int64_t now_ms, struct err_detail *d)
{
    struct log_policy_now now = log_policy_now(policy);
    struct arena *a = arena_new();
    struct cosignature c = { .size = size, .received_ms = now_ms };
    struct checkpoint_row row;
    enum err err = checkpoints_find(db, size, a, &row);

    if (!err && !hash_equal(row.root, *root))
        err = err_at(d, ERR_FIELD_INVALID, "/root", "The checkpoint of this size has another root.");
    if (!err)
        err = read_line(row.note, line, by, &c, d);
    if (!err) {
        memcpy(c.public, by->public, sizeof c.public);
        text_format(c.name, sizeof c.name, "%s", by->name);
        err = cosignatures_add(db, &c);
    }
    if (!err)
        err = mark(db, &now, size, now_ms, a);
    log_policy_news(policy);
    arena_delete(a);
    return err;
}

/* ---- giving out -------------------------------------------------------------------------------------------------- */

/* A policy that is new has no marks yet: find the newest checkpoint that would have one. */
static enum err
look_back(struct db *db, const struct log_policy_now *policy, struct arena *a, struct checkpoint_row *ret)
{
    struct cosignature *all;
    size_t n, from = 0;
    enum err err = cosignatures_recent(db, LOOK_BACK, a, &all, &n);

    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && all[i + 1].size == all[i].size)
            continue;
        if (log_policy_count(policy->quorum, all + from, i + 1 - from).enough)
            return checkpoints_find(db, all[i].size, a, ret);
        from = i + 1;
    }
    return ERR_NOT_FOUND;
}

/* A note has room for so many lines: the policy's witnesses come first, however many others were earlier. */
static enum err
with_lines(struct db *db, const struct quorum *q, struct arena *a, struct checkpoint_row *row)
{
    struct cosignature *all;
    size_t n, lines = 0, len = strlen(row->note);
    char *note;
    enum err err = cosignatures_of(db, row->size, a, &all, &n);

    if (err)
        return err;
    note = arena_alloc(a, len + LINES_MOST * NOTE_LINE_MAX + 1);
    memcpy(note, row->note, len);
    for (int others = 0; others <= 1; others++)
        for (size_t i = 0; i < n && lines < LINES_MOST; i++) {
            struct vkey key;

            if ((!q || quorum_witness_of(q, all[i].name, all[i].public) < 0) != (others == 1))
                continue;
            key = vkey_make(all[i].name, NOTE_COSIGNATURE, all[i].public);
            len += note_line_write(&key, all[i].time_s, all[i].signature, note + len);
            lines++;
        }
    note[len] = '\0';
    row->note = note;
    return OK;
}

/* The newest that has what is asked for. */
static enum err
newest_enough(struct db *db, const struct log_policy_now *now, struct arena *a, struct checkpoint_row *ret)
{
    enum err err = quorums_newest(db, &now->hash, a, ret);

    return err == ERR_NOT_FOUND ? look_back(db, now, a, ret) : err;
}

/* shown: what was shown under another policy is not taken back. */
static enum err
choose(struct db *db, const struct log_policy_now *now, bool shown, struct arena *a, struct checkpoint_row *ret)
{
    struct log_policy_count count = { .enough = true };
    struct checkpoint_row last;
    bool marked;
    enum err known, err;

    if (!now->quorum || now->quorum->rule == QUORUM_NONE)
        return checkpoints_newest(db, INT64_MAX, a, ret);
    known = quorums_last(db, &now->hash, a, &last, &marked);
    if (known && known != ERR_NOT_FOUND)
        return known;
    if (!known && marked) {
        *ret = last;
        return OK;
    }
    err = newest_enough(db, now, a, ret);
    if (known || (err && err != ERR_NOT_FOUND) || (!err && ret->size >= last.size))
        return err;
    if (!shown) {
        enum err counted = cosigning_count(db, now->quorum, last.size, a, &count);

        if (counted)
            return counted;
    }
    if (!count.enough)
        return err;
    *ret = last;
    return OK;
}

static enum err
give(struct db *db, const struct log_policy_now *now, bool shown, struct arena *a, struct checkpoint_row *ret)
{
    enum err err = choose(db, now, shown, a, ret);

    return err ? err : with_lines(db, now->quorum, a, ret);
}

/* Whoever asks for many receipts pays for this once. */
enum err
cosigning_newest(struct db *db, struct log_policy *policy, struct arena *a, struct checkpoint_row *ret)
{
    struct log_policy_now now = log_policy_now(policy);
    uint64_t turn = 0;
    enum err err;

    if (policy && log_policy_kept(policy, &now.hash, a, ret, &turn))
        return OK;
    err = give(db, &now, false, a, ret);
    if (!err && policy)
        log_policy_keep(policy, &now.hash, turn, ret);
    return err;
}

enum err
cosigning_shown(struct db *db, struct log_policy *policy, struct arena *a, struct checkpoint_row *ret)
{
    struct log_policy_now now = log_policy_now(policy);

    return give(db, &now, true, a, ret);
}
