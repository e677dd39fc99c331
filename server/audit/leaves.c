/* audit/leaves.c */
#include "audit/leaves.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"

enum { RING_MAX = 40, THREADS_MAX = 64 };
enum stage { FREE, WAITS_READ, READING, READ, WAITS_VERIFY, VERIFYING, DONE };

/* Bundle n is in ring[n % size]. What comes before `retired` is over, from `filled` on it has not begun; `replayed` is next
 * for the replay. `end`: where the log ends, or behind the bundle that could not be read. */
struct work {
    struct leaves *l;
    struct tiles tiles;
    struct bundle *ring[RING_MAX];
    enum stage stage[RING_MAX];
    unsigned size;
    uint64_t retired, replayed, filled, end;
    pthread_mutex_t lock;          /* stage[], quit; the counters are the main thread's own */
    pthread_cond_t more, done;
    bool quit;
};

/* ---- the replay -------------------------------------------------------------------------------------------------- */

static void
take_keys(struct work *w, struct bundle *b, unsigned i)
{
    const struct authority *auth = entry_authority(&b->entry[i]);

    for (unsigned s = 0; auth != NULL && s < 2; s++) {
        const struct key *key = auth->slot[s].class == 1 || auth->slot[s].class == 3 ? ledger_key(w->l->ledger, auth->slot[s].key) : NULL;

        b->has_key[i][s] = key != NULL;
        if (key != NULL)
            memcpy(b->key[i][s], key->entry.u.key.ed25519, 32);
    }
}

static void
replay(struct work *w, struct bundle *b)
{
    struct leaves *l = w->l;

    for (unsigned i = 0; i < b->leaves && !l->stopped; i++) {
        const struct entry *e = &b->entry[i];
        const char *rule = "";

        if (!b->decoded[i]) {
            findings_add(&b->found, b->n * TILE_WIDTH + i, e->kind, "it is not an entry of layout version 1; the replay ends here");
            l->stopped = true;
        } else if (ledger_apply_decoded(l->ledger, e, NULL, &rule) != OK) {
            findings_add(&b->found, b->n * TILE_WIDTH + i, e->kind, "it breaks a rule: %s; the replay ends here", rule);
            l->stopped = true;
        } else {
            take_keys(w, b, i);
            audit_evidence_take(l->evidence, l->ledger, e);
            times_take(l->times, e);
            if (l->receipted != NULL)
                receipted_take(l->receipted, l->ledger, e);
            b->replayed++;
            l->entries++;
            l->kinds[e->kind]++;
            l->rollbacks += e->kind == NOTICE && e->u.notice.type == NOTICE_ROLLBACK;
        }
    }
    b->genesis = ledger_genesis(l->ledger);
    b->counted_only = b->n * TILE_WIDTH + b->leaves <= l->verified;
}

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

/* A root that is known of a size within this bundle. */
static void
compare_known(struct work *w, struct bundle *b, const struct known_root *known)
{
    struct merkle tree = w->l->tree;

    if (known->size <= tree.size || known->size > tree.size + b->leaves)
        return;
    for (unsigned i = 0; tree.size < known->size; i++)
        merkle_append(&tree, b->leaf[i]);
    if (!hash_equal(merkle_root(&tree), known->root))
        findings_add(&b->found, NO_INDEX, ENTRY_KINDS, "the first %" PRIu64 " entries are not those %s: history was rewritten", known->size, known->what);
}

/* Those of the checkpoints that end within this bundle. */
static void
compare_checkpoints(struct work *w, struct bundle *b)
{
    struct merkle tree = w->l->tree;
    uint64_t until = tree.size + b->leaves;
    const struct times_root *known;

    for (unsigned i = 0; (known = times_next_root(w->l->times, until)) != NULL;) {
        while (tree.size < known->size)
            merkle_append(&tree, b->leaf[i++]);
        if (!hash_equal(merkle_root(&tree), known->root))
            findings_add(&b->found, NO_INDEX, ENTRY_KINDS, "the first %" PRIu64 " entries are not those of a checkpoint that was cosigned: history was rewritten", known->size);
    }
}

static void
grow_tree(struct work *w, struct bundle *b)
{
    struct leaves *l = w->l;
    enum err err = OK;

    for (size_t i = 0; i < l->n_known; i++)
        compare_known(w, b, &l->known[i]);
    compare_checkpoints(w, b);
    if (b->leaves == TILE_WIDTH) {
        merkle_append_full(&l->tree, 8, b->root);
        err = tiles_append_tile(&w->tiles, b->root);
    }
    for (unsigned i = 0; err == OK && b->leaves < TILE_WIDTH && i < b->leaves; i++) {
        merkle_append(&l->tree, b->leaf[i]);
        err = tiles_append(&w->tiles, b->leaf[i]);
    }
    if (err != OK) /* the comparing callback never fails */
        abort();
    if (l->wants_roots)
        b->root_after = merkle_root(&l->tree);
}

/* Called with each tile as the leaves make it: compare with the file. Level 0 was compared leaf by leaf. */
static enum err
compare_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    struct work *w = ctx;
    struct hash logged[TILE_WIDTH + 1];
    char name[TILE_PATH_MAX];
    size_t len;

    if (level == 0)
        return OK;
    tile_path(level, n, width, name);
    if (!source_read(w->l->source, name, (char *)logged, TILE_WIDTH * sizeof *logged, &len) || len != width * sizeof *logged) {
        findings_add(w->l->found, NO_INDEX, ENTRY_KINDS, "%s: missing, or not %u hashes", name, width);
        return OK;
    }
    for (unsigned i = 0; i < width; i++)
        if (!hash_equal(logged[i], hashes[i]))
            findings_add(w->l->found, NO_INDEX, ENTRY_KINDS, "%s: hash %u is not the root of its subtree", name, i);
    return OK;
}

/* ---- one bundle after the other ---------------------------------------------------------------------------------- */

static void
note_origin(struct leaves *l, const struct bundle *b)
{
    if (b->n != 0 || b->leaves == 0 || !b->decoded[0] || b->entry[0].kind != GENESIS)
        return; /* told by the replay */
    l->simulation = b->entry[0].u.genesis.simulation == 1;
    l->old_size = b->entry[0].u.genesis.old_size;
    l->old_root = b->entry[0].u.genesis.old_root;
    text_format(l->origin, sizeof l->origin, "%s", b->entry[0].u.genesis.origin);
}

static void
take(struct work *w, struct bundle *b)
{
    note_origin(w->l, b);
    grow_tree(w, b);
    replay(w, b);
    if (b->leaves < b->width) /* nothing after it can be checked */
        w->end = b->n + 1;
}

static void
retire(struct work *w, const struct bundle *b)
{
    struct leaves *l = w->l;
    uint64_t done = b->n * TILE_WIDTH + b->leaves;

    findings_join(l->found, &b->found);
    l->count.by_site += b->count.by_site;
    l->count.by_officer += b->count.by_officer;
    l->count.by_server += b->count.by_server;
    l->count.by_log += b->count.by_log;
    l->count.by_assertion += b->count.by_assertion;
    l->count.without += b->count.without;
    if (b->count.ruled_word > 0)
        l->count.ruled_word = b->count.ruled_word;
    if (l->wants_roots && l->found->n == 0)
        l->kept(l->kept_ctx, done, b->root_after);
    if (l->rest != NULL)
        spill_rest(l->rest);
    if (l->progress != NULL)
        l->progress(l->progress_ctx, done, l->size);
}

static void
begin(struct work *w, uint64_t n)
{
    struct bundle *b = w->ring[n % w->size];

    b->n = n;
    b->width = tile_width(TILE_ENTRIES, n, w->l->size);
    b->leaves = b->replayed = 0;
    b->counted_only = false;
    b->count = (struct signed_count){ 0 };
    b->found.n = 0;
}

/* ---- the threads ------------------------------------------------------------------------------------------------- */

/* The oldest bundle that waits for anybody; its stage goes one on. NULL: none. With the lock held. */
static struct bundle *
claim(struct work *w)
{
    struct bundle *oldest = NULL;
    enum stage *stage = NULL;

    for (unsigned i = 0; i < w->size; i++)
        if ((w->stage[i] == WAITS_READ || w->stage[i] == WAITS_VERIFY) && (oldest == NULL || w->ring[i]->n < oldest->n)) {
            oldest = w->ring[i];
            stage = &w->stage[i];
        }
    if (oldest != NULL)
        *stage = *stage == WAITS_READ ? READING : VERIFYING;
    return oldest;
}

/* Do what was claimed. With the lock held, and again at the end. */
static void
serve(struct work *w, struct bundle *b)
{
    enum stage *stage = &w->stage[b->n % w->size];
    enum stage before = *stage;

    pthread_mutex_unlock(&w->lock);
    if (before == READING)
        bundle_read(b, w->l->source);
    else
        bundle_verify(b);
    pthread_mutex_lock(&w->lock);
    *stage = before == READING ? READ : DONE;
    pthread_cond_signal(&w->done);
}

static void *
work(void *arg)
{
    struct work *w = arg;
    struct bundle *b;

    pthread_mutex_lock(&w->lock);
    while (!w->quit)
        if ((b = claim(w)) != NULL)
            serve(w, b);
        else
            pthread_cond_wait(&w->more, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* One step of the main thread, with the lock held. False: all is done. */
static bool
step(struct work *w)
{
    struct bundle *b;

    while (w->filled < w->end && w->filled < w->retired + w->size) {
        begin(w, w->filled);
        w->stage[w->filled++ % w->size] = WAITS_READ;
        pthread_cond_signal(&w->more);
    }
    if (w->retired == w->end)
        return false;
    if (w->retired < w->replayed && w->stage[w->retired % w->size] == DONE) {
        retire(w, w->ring[w->retired % w->size]);
        w->stage[w->retired++ % w->size] = FREE;
    } else if (w->replayed < w->filled && w->replayed < w->end && w->stage[w->replayed % w->size] == READ) {
        b = w->ring[w->replayed % w->size];
        pthread_mutex_unlock(&w->lock);
        take(w, b);
        pthread_mutex_lock(&w->lock);
        w->stage[w->replayed++ % w->size] = WAITS_VERIFY;
        pthread_cond_signal(&w->more);
    } else if ((b = claim(w)) != NULL)
        serve(w, b);
    else
        pthread_cond_wait(&w->done, &w->lock);
    return true;
}

static void
run(struct work *w)
{
    pthread_t thread[THREADS_MAX];
    unsigned threads = 0;

    while (threads + 1 < w->l->threads && threads < THREADS_MAX && pthread_create(&thread[threads], NULL, work, w) == 0)
        threads++;
    pthread_mutex_lock(&w->lock);
    while (step(w))
        ;
    w->quit = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    while (threads-- > 0)
        pthread_join(thread[threads], NULL);
}

void
leaves_audit(struct leaves *l)
{
    struct work *w = xcalloc(1, sizeof *w);

    w->l = l;
    w->tiles.write = compare_tile;
    w->tiles.ctx = w;
    w->end = l->size / TILE_WIDTH + (l->size % TILE_WIDTH != 0);
    w->size = l->threads <= 1 ? 1 : l->threads * 2 + 2 < RING_MAX ? l->threads * 2 + 2 : RING_MAX;
    for (unsigned i = 0; i < w->size; i++)
        w->ring[i] = xcalloc(1, sizeof *w->ring[i]);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    pthread_cond_init(&w->done, NULL);
    run(w);
    if (tiles_finish(&w->tiles) != OK)
        abort();
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    for (unsigned i = 0; i < w->size; i++)
        free(w->ring[i]);
    free(w);
}
