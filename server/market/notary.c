/* market/notary.c */
#include "market/notary.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/ledger.h"
#include "crypto/random.h"
#include "market/log_tiles.h"
#include "market/market_internal.h"
#include "market/state.h"
#include "store/cosignatures.h"
#include "store/journal_reads.h"

enum { TICK_MS = 250, EVERY_MS = 10000, EVERY_ENTRIES = 1000 };

struct notary {
    struct notary_config config;
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock; /* stopping, trouble, the keys of config */
    pthread_cond_t wake;
    bool stopping;
    char trouble[320];
    /* the thread's own */
    char origin[64];
    uint64_t shown_size;   /* so far it is noted what nobody's cosignature was asked for, */
    struct hash shown_by;  /* under this policy */
    uint64_t signed_size;  /* 0: look into the table first */
    struct hash signed_root;
    int64_t signed_at_ms;  /* monotonic */
};

static void
complain(struct notary *n, const char *why)
{
    bool news;

    pthread_mutex_lock(&n->lock);
    news = strcmp(n->trouble, why) != 0;
    text_format(n->trouble, sizeof n->trouble, "%s", why);
    pthread_mutex_unlock(&n->lock);
    if (news && why[0] != '\0' && n->config.log != NULL)
        log_error(n->config.log, "checkpoint", LOG_TEXT("why", why));
}

static bool
learn_origin(struct notary *n)
{
    const struct state *s;

    if (n->origin[0] != '\0')
        return true;
    s = market_read_lock(n->config.market);
    if (s == NULL)
        return false;
    text_format(n->origin, sizeof n->origin, "%s", s->origin);
    market_read_unlock(n->config.market);
    return n->origin[0] != '\0';
}

/* Does the log of `head` begin with what was signed last? */
static enum err
extends(struct notary *n, const struct journal_state *head, bool *ret)
{
    struct log_reader *r;
    struct merkle_source from;
    struct hash root;
    enum err err;

    *ret = false;
    if (n->signed_size > head->size)
        return OK;
    if (n->signed_size == head->size) {
        *ret = hash_equal(n->signed_root, head->root);
        return OK;
    }
    r = log_reader_new(n->config.market, n->db, n->signed_size);
    from = log_reader_source(r);
    err = merkle_root_at(&from, n->signed_size, &root);
    log_reader_delete(r);
    *ret = err == OK && hash_equal(root, n->signed_root);
    return err;
}

/* The key that the entries hold in force at this size, if it is ours. ERR_NOT_FOUND: it is not (*why), or the memory has
 * not come so far (""). */
static enum err
key_at(struct notary *n, uint64_t size, struct sign_key *ret, char why[200])
{
    uint8_t public[SIGN_PUBLIC_LEN];
    const struct key *announced;
    const struct state *s = market_read_lock(n->config.market);
    uint64_t index = 0, known;

    why[0] = '\0';
    if (s == NULL)
        return ERR_NOT_FOUND;
    known = ledger_size(s->ledger);
    announced = ledger_log_key(s->ledger, size);
    if (announced != NULL) {
        memcpy(public, announced->entry.u.key.ed25519, sizeof public);
        index = announced->index;
    }
    market_read_unlock(n->config.market);
    if (known < size)
        return ERR_NOT_FOUND;
    if (announced != NULL && notary_turn(n, public) != OK && n->config.log != NULL)
        log_error(n->config.log, "log-key", LOG_TEXT("why", "the new key is in use, but cannot take its place in its file"));
    *ret = notary_key(n);
    if (announced == NULL || memcmp(ret->public, public, sizeof public) == 0)
        return OK;
    text_format(why, 200, "log.key is not the log's key that entry %" PRIu64 " announces; nothing is signed.", index);
    return ERR_NOT_FOUND;
}

static enum err
sign_head(struct notary *n, const struct journal_state *head)
{
    struct checkpoint c = { .size = head->size, .root = head->root };
    struct sign_key own;
    struct vkey key;
    char note[CHECKPOINT_TEXT_MAX + 1 + NOTE_LINE_MAX], why[200];
    uint8_t sig[SIGN_LEN];
    size_t len;
    enum err err = key_at(n, head->size, &own, why);

    if (err == ERR_NOT_FOUND) {
        complain(n, why);
        return OK;
    }
    if (err)
        return err;
    key = vkey_make(n->origin, NOTE_ED25519, own.public);
    text_format(c.origin, sizeof c.origin, "%s", n->origin);
    len = checkpoint_text(&c, note);
    sign_make(&own, BYTES(note, len), sig);
    random_wipe(&own, sizeof own);
    note[len++] = '\n';
    len += note_line_write(&key, 0, sig, note + len);
    err = checkpoints_add(n->db, &(struct checkpoint_row){ head->size, head->root, note, market_now(n->config.market) });
    log_policy_news(n->config.policy);
    if (err && err != ERR_EXISTS)
        return err;
    n->signed_size = err == ERR_EXISTS ? 0 : head->size; /* another server's: look again */
    n->signed_root = head->root;
    n->signed_at_ms = monotonic_ms();
    complain(n, "");
    if (n->config.on_signed)
        n->config.on_signed(n->config.ctx);
    return OK;
}

static enum err
recall(struct notary *n)
{
    struct arena *a = arena_new();
    struct checkpoint_row row;
    enum err err = checkpoints_newest(n->db, INT64_MAX, a, &row);

    if (!err) {
        n->signed_size = row.size;
        n->signed_root = row.root;
    }
    arena_delete(a);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err
look(struct notary *n)
{
    struct journal_state head;
    bool good = true;
    enum err err = n->signed_size == 0 ? recall(n) : OK;

    if (!err)
        err = journal_reads_head(n->db, &head);
    if (err || head.size == 0)
        return err;
    if (head.size == n->signed_size && hash_equal(head.root, n->signed_root)) {
        complain(n, "");
        return OK;
    }
    if (n->signed_size > 0 && head.size > n->signed_size && head.size - n->signed_size < EVERY_ENTRIES &&
        monotonic_ms() - n->signed_at_ms < n->config.every_ms)
        return OK;
    if (n->signed_size > 0)
        err = extends(n, &head, &good);
    if (err)
        return err;
    if (!good) {
        char why[200];
        text_format(why, sizeof why, "The journal (%" PRIu64 " entries) does not extend the checkpoint of %" PRIu64 " entries that was signed; nothing is signed.",
                    head.size, n->signed_size);
        complain(n, why);
        return OK;
    }
    return sign_head(n, &head);
}

/* Where nobody is asked what is signed is shown at once: that is noted as any other policy's quorum is, so that a policy which
 * asks for somebody takes nothing back. */
static enum err
note_shown(struct notary *n)
{
    struct log_policy_now now = log_policy_now(n->config.policy);
    enum err err = OK;

    if (n->signed_size == 0 || (now.quorum != NULL && now.quorum->rule != QUORUM_NONE) ||
        (n->shown_size == n->signed_size && hash_equal(n->shown_by, now.hash)))
        return OK;
    err = quorums_add(n->db, &now.hash, n->signed_size, market_now(n->config.market));
    if (!err) {
        n->shown_size = n->signed_size;
        n->shown_by = now.hash;
    }
    return err;
}

static void *
run(void *ctx)
{
    struct notary *n = ctx;

    pthread_mutex_lock(&n->lock);
    while (!n->stopping) {
        struct timespec until;

        pthread_mutex_unlock(&n->lock);
        if (market_phase(n->config.market) != MARKET_LEADING)
            n->signed_size = 0; /* what another leader signs meanwhile is looked up again */
        else if (learn_origin(n) && (look(n) != OK || note_shown(n) != OK))
            complain(n, "The database does not answer; no checkpoint is signed.");
        pthread_mutex_lock(&n->lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!n->stopping)
            pthread_cond_timedwait(&n->wake, &n->lock, &until);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

enum err
notary_start(const struct notary_config *config, struct notary **ret, struct err_detail *d)
{
    struct notary *n = xcalloc(1, sizeof *n);
    pthread_condattr_t attr;

    n->config = *config;
    n->config.every_ms = config->every_ms > 0 ? config->every_ms : EVERY_MS;
    n->signed_at_ms = monotonic_ms() - n->config.every_ms;
    n->db = db_new(&(struct db_config){ .conninfo = config->db_worker, .name = "kontord notary", .seals = config->seals });
    db_act_as(n->db, DB_ACTOR_SERVER);
    pthread_mutex_init(&n->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&n->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&n->thread, NULL, run, n) != 0) {
        db_delete(n->db);
        free(n);
        return err_internal(d, ERR_INTERNAL, "no thread for the notary");
    }
    *ret = n;
    return OK;
}

void
notary_stop(struct notary *n)
{
    if (n == NULL)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
    pthread_join(n->thread, NULL);
    random_wipe(&n->config.key, sizeof n->config.key);
    random_wipe(&n->config.next, sizeof n->config.next);
    db_delete(n->db);
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->wake);
    free(n);
}

bool
notary_trouble(struct notary *n, char ret[320])
{
    bool well;

    pthread_mutex_lock(&n->lock);
    text_format(ret, 320, "%s", n->trouble);
    well = n->trouble[0] == '\0';
    pthread_mutex_unlock(&n->lock);
    return well;
}

struct sign_key
notary_key(struct notary *n)
{
    struct sign_key key;

    pthread_mutex_lock(&n->lock);
    key = n->config.key;
    pthread_mutex_unlock(&n->lock);
    return key;
}

struct vkey
notary_vkey(struct notary *n, const char *origin)
{
    struct sign_key key = notary_key(n);
    struct vkey vkey = vkey_make(origin, NOTE_ED25519, key.public);

    random_wipe(&key, sizeof key);
    return vkey;
}

void
notary_expect(struct notary *n, const struct sign_key *next)
{
    pthread_mutex_lock(&n->lock);
    n->config.next = *next;
    n->config.has_next = true;
    pthread_mutex_unlock(&n->lock);
    own_keys_log(n->config.market, OWN_LOG_NEXT, next->public);
}

enum err
notary_turn(struct notary *n, const uint8_t public[SIGN_PUBLIC_LEN])
{
    char next_path[4096];
    enum err err = OK;

    pthread_mutex_lock(&n->lock);
    if (n->config.has_next && memcmp(n->config.next.public, public, SIGN_PUBLIC_LEN) == 0) {
        if (n->config.key_path != NULL && (!text_format(next_path, sizeof next_path, "%s.next", n->config.key_path) ||
                                           rename(next_path, n->config.key_path) != 0))
            err = ERR_IO;
        n->config.key = n->config.next; /* whatever becomes of its file: the old one is out of force */
        n->config.has_next = false;
        own_keys_log(n->config.market, OWN_LOG_NOW, public);
        random_wipe(&n->config.next, sizeof n->config.next);
    }
    pthread_mutex_unlock(&n->lock);
    return err;
}

struct log_policy *
notary_policy(const struct notary *n)
{
    return n != NULL ? n->config.policy : NULL;
}
