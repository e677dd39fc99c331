/* audit/watch.c */
#include "audit/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/keep.h"
#include "audit/signed.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/tile_reader.h"

struct watching {
    const struct watch *w;
    struct source source;
    struct signed_head before, now;
    bool has_before;
    char *note;
    size_t note_len;
    struct err_detail d;
};

static int
cannot(const struct watching *x, const char *why)
{
    fprintf(stderr, "kontor-audit: %s\n", why);
    (void)x;
    return 3;
}

/* The other checkpoint is kept: with both signatures anybody can be shown. The first one that was kept so stays as it is:
 * cron comes again, and what a log shows once it may never show again. */
static int
fault(struct watching *x, const char *what)
{
    char path[4096];

    fprintf(x->w->to, "FAULT %s: %s\n", x->w->where, what);
    if (text_format(path, sizeof path, "%s.other", x->w->remember) && access(path, F_OK) == 0) {
        fprintf(x->w->to, "What it said when it was first at fault is in %s.\n", path);
        text_format(path, sizeof path, "%s.other.newest", x->w->remember);
    }
    if (keep_write(path, x->note, x->note_len, &x->d) != OK)
        fprintf(stderr, "kontor-audit: %s cannot be written.\n", path);
    else if (x->has_before)
        fprintf(x->w->to, "What the log says now is kept in %s, what it said before in %s.\n", path, x->w->remember);
    else
        fprintf(x->w->to, "What the log says is kept in %s.\n", path);
    return 1;
}

static enum err
read_tile(void *ctx, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    struct hash hashes[TILE_WIDTH + 1];
    char name[TILE_PATH_MAX];
    size_t len;

    tile_path(level, n, width, name);
    if (!source_read(ctx, name, (char *)hashes, TILE_WIDTH * sizeof *hashes, &len) || len != width * sizeof *hashes)
        return ERR_NOT_FOUND;
    memcpy(ret, hashes, len);
    return OK;
}

/* The roots of both sizes out of the tiles of now: these are those of the new root, and so the old one is its beginning. */
static int
compare(struct watching *x)
{
    struct tile_reader *r = xcalloc(1, sizeof *r);
    struct merkle_source from = tile_reader_source(r);
    struct hash now, before;
    char text[200];
    enum err err;

    r->read = read_tile;
    r->ctx = &x->source;
    r->size = x->now.checkpoint.size;
    err = merkle_root_at(&from, x->now.checkpoint.size, &now);
    if (err == OK)
        err = merkle_root_at(&from, x->before.checkpoint.size, &before);
    free(r);
    if (source_trouble(&x->source, &x->d) != OK)
        return cannot(x, x->d.text);
    if (err != OK)
        return fault(x, "it does not have the tiles that its checkpoint needs");
    if (!hash_equal(now, x->now.checkpoint.root))
        return fault(x, "its tiles do not add up to its checkpoint's root");
    if (!hash_equal(before, x->before.checkpoint.root)) {
        text_format(text, sizeof text, "the first %" PRIu64 " entries are not those that were signed before: history was rewritten", x->before.checkpoint.size);
        return fault(x, text);
    }
    return 0;
}

static int
read_before(struct watching *x)
{
    char *note;
    size_t len;
    enum err err = signed_read_file(x->w->remember, NOTE_MAX, &note, &len, &x->d);

    if (err == ERR_NOT_FOUND)
        return 0;
    if (err != OK)
        return cannot(x, x->d.text);
    err = signed_head_read(BYTES(note, len), NULL, &x->before, &x->d);
    free(note);
    if (err != OK) {
        fprintf(stderr, "kontor-audit: %s is not a checkpoint that was kept.\n", x->w->remember);
        return 3;
    }
    x->has_before = true;
    return 0;
}

static int
read_now(struct watching *x)
{
    if (!source_read(&x->source, "checkpoint", x->note, NOTE_MAX, &x->note_len))
        return cannot(x, source_trouble(&x->source, &x->d) != OK ? x->d.text : "There is no checkpoint.");
    if (signed_head_read(BYTES(x->note, x->note_len), x->w->policy, &x->now, &x->d) != OK)
        return cannot(x, x->d.text); /* somebody else's page, perhaps: it says nothing of the log */
    if (x->now.judged && x->now.says != QUORUM_OK)
        return fault(x, quorum_sentence(x->now.says));
    return 0;
}

static int
judge(struct watching *x)
{
    const struct checkpoint *before = &x->before.checkpoint, *now = &x->now.checkpoint;
    char text[200];

    if (x->has_before && strcmp(before->origin, now->origin) != 0) {
        text_format(text, sizeof text, "it is another log, %.60s; before it was %.60s", now->origin, before->origin);
        return fault(x, text);
    }
    if (x->has_before && now->size < before->size) {
        text_format(text, sizeof text, "it has %" PRIu64 " entries, and had %" PRIu64 ": it was rolled back, or shows an older state", now->size, before->size);
        return fault(x, text);
    }
    if (x->has_before && now->size == before->size)
        return hash_equal(now->root, before->root) ? 0 : fault(x, "two checkpoints of one size have two roots: history was rewritten");
    return x->has_before && before->size > 0 ? compare(x) : 0;
}

static int
watch(struct watching *x)
{
    int status = read_before(x);

    if (status == 0)
        status = read_now(x);
    if (status == 0)
        status = judge(x);
    if (status != 0)
        return status;
    if (keep_write(x->w->remember, x->note, x->note_len, &x->d) != OK)
        return cannot(x, x->d.text);
    if (!x->w->words)
        return 0;
    fprintf(x->w->to, "%s: %" PRIu64 " entries", x->now.checkpoint.origin, x->now.checkpoint.size);
    if (x->has_before)
        fprintf(x->w->to, ", which begin with the %" PRIu64 " that were seen before", x->before.checkpoint.size);
    if (x->now.judged)
        fprintf(x->w->to, "; %u of %u witnesses have cosigned, asked for: %s", x->now.cosigned, x->now.witnesses, x->now.rule);
    fputs(x->now.judged ? ".\n" : "; whose signatures these are was not checked: no --policy was given.\n", x->w->to);
    return 0;
}

int
watch_run(const struct watch *w)
{
    struct watching *x = xcalloc(1, sizeof *x);
    int status;

    x->w = w;
    x->source.dir = w->where;
    x->note = xmalloc(NOTE_MAX + 2);
    if (source_is_url(w->where) && source_connect(&x->source, 1, w->ca_file, w->headers, &x->d) != OK)
        status = cannot(x, x->d.text);
    else
        status = watch(x);
    source_disconnect(&x->source);
    free(x->note);
    free(x);
    return status;
}
