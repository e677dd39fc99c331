/* market/outside.c: one witness after the other: they answer within seconds, and a checkpoint is made every ten. */
#include "market/outside.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/web.h"
#include "market/cosigning.h"
#include "market/log_tiles.h"

enum { LOOK_MS = 1000, AGAIN_MS = 5000, AGAIN_MOST_MS = 300000, CALL_MS = 10000, TURNS_MOST = 3, WAIT_MS = 100, LINES_MOST = 16 };

/* What is known of a witness; by its key, since the policy may be read anew. */
struct known {
    uint8_t public[32];
    uint64_t size;     /* that it has, as far as is known; 0: nothing */
    bool asked;        /* size has been looked up */
    int64_t next_ms, pause_ms; /* monotonic: not before; after a failure */
    char trouble[200];
};

struct outside {
    struct outside_config config;
    struct db *db;
    struct web *web;
    pthread_t thread;
    pthread_mutex_t lock; /* stopping */
    pthread_cond_t wake;
    bool stopping;
    /* the thread's own */
    struct known known[QUORUM_MAX];
    size_t known_n;
    int64_t look_ms; /* real time between two looks for a new checkpoint */
};

static bool
stopping(struct outside *o)
{
    bool is;

    pthread_mutex_lock(&o->lock);
    is = o->stopping;
    pthread_mutex_unlock(&o->lock);
    return is;
}

static struct known *
known_of(struct outside *o, const uint8_t public[32])
{
    struct known *k;

    for (size_t i = 0; i < o->known_n; i++)
        if (memcmp(o->known[i].public, public, 32) == 0)
            return &o->known[i];
    if (o->known_n == QUORUM_MAX) /* many policies have come and gone */
        o->known_n = 0;
    k = &o->known[o->known_n++];
    *k = (struct known){ .size = 0 };
    memcpy(k->public, public, 32);
    return k;
}

/* why "": all is well. */
static void
outcome(struct outside *o, struct known *k, const struct quorum_witness *w, const char *why)
{
    int64_t least = o->config.again_ms;

    if (why[0]) {
        k->pause_ms = k->pause_ms == 0 ? least : k->pause_ms * 2 < AGAIN_MOST_MS ? k->pause_ms * 2 : AGAIN_MOST_MS;
        k->next_ms = monotonic_ms() + k->pause_ms;
    } else {
        k->pause_ms = k->next_ms = 0;
    }
    if (strcmp(k->trouble, why) == 0)
        return;
    text_format(k->trouble, sizeof k->trouble, "%s", why);
    if (o->config.log && why[0])
        log_warning(o->config.log, "witness-elsewhere", LOG_TEXT("name", w->name), LOG_TEXT("why", why));
    else if (o->config.log)
        log_info(o->config.log, "witness-elsewhere", LOG_TEXT("name", w->name), LOG_TEXT("why", "it cosigns"));
}

/* ---- a call ------------------------------------------------------------------------------------------------------ */

static enum err
prove(struct outside *o, uint64_t old, uint64_t size, struct proof *ret)
{
    struct log_reader *r = log_reader_new(o->config.market, o->db, size);
    struct merkle_source from = log_reader_source(r);
    enum err err = proof_consistency(&from, old, size, ret);

    log_reader_delete(r);
    return err;
}

/* "old N", the proof's hashes, an empty line, the checkpoint. */
static char *
request_text(struct arena *a, uint64_t old, const struct proof *p, const char *note)
{
    size_t cap = 64 + p->n * (size_t)BASE64_LEN(32) + p->n + strlen(note), used;
    char *text = arena_alloc(a, cap);

    text_format(text, cap, "old %" PRIu64 "\n", old);
    used = strlen(text);
    for (unsigned i = 0; i < p->n; i++) {
        base64_encode(BYTES(p->path[i].b, 32), text + used);
        used += strlen(text + used);
        text[used++] = '\n';
    }
    text_format(text + used, cap - used, "\n%s", note);
    return text;
}

/* False: the server is stopping. */
static bool
call(struct outside *o, const char *url, const char *text, struct web_reply *ret)
{
    web_start(o->web, 0, &(struct web_call){ .url = url, .body = BYTES_TEXT(text), .type = "text/plain; charset=utf-8", .timeout_ms = CALL_MS });
    while (!web_next(o->web, ret)) {
        if (stopping(o))
            web_end(o->web, 0, "stopping");
        else
            web_wait(o->web, NULL, 0, WAIT_MS);
    }
    return !stopping(o);
}

/* Signature lines; one of them must be this witness's. Only lines that say so are looked at, and not many: whatever else a
 * reply is made of costs no look into the database. */
static bool
take_lines(struct outside *o, const struct quorum_witness *w, const struct checkpoint_row *row, const char *lines)
{
    char begin[NOTE_NAME_MAX + 8];
    bool taken = false;
    int tried = 0;

    text_format(begin, sizeof begin, "\xe2\x80\x94 %s ", w->key.name);
    for (const char *at = lines; *at && !taken && tried < LINES_MOST;) {
        const char *end = strchr(at, '\n');
        size_t len = end ? (size_t)(end - at) + 1 : strlen(at);
        bool own = len <= NOTE_LINE_MAX && text_starts(at, begin);

        tried += own;
        taken = own && cosigning_take(o->db, o->config.policy, row->size, &row->root, &w->key, BYTES(at, len), market_now(o->config.market), NULL) == OK;
        at += len;
    }
    return taken;
}

static bool
read_size(const char *body, uint64_t *ret)
{
    char text[24];
    size_t len = strcspn(body, "\n");
    int64_t size;

    if (len == 0 || !text_format(text, sizeof text, "%.*s", (int)len, body) || !text_to_i64(text, 0, INT64_MAX, &size))
        return false;
    *ret = (uint64_t)size;
    return true;
}

/* What the witness has answered. True: ask again at once, from the size that it told. */
static bool
take_reply(struct outside *o, struct known *k, const struct quorum_witness *w, const struct checkpoint_row *row, const struct web_reply *r)
{
    char why[200] = "";
    uint64_t size;

    if (r->status == 200 && take_lines(o, w, row, r->body)) {
        k->size = row->size;
        outcome(o, k, w, "");
        return false;
    }
    if (r->status == 409 && read_size(r->body, &size) && size != k->size) {
        k->size = size;
        if (size <= row->size)
            return true;
        text_format(why, sizeof why, "It has cosigned %" PRIu64 " entries, the journal has %" PRIu64 ": was it rolled back?", size, row->size);
    } else if (r->status == 0) {
        text_format(why, sizeof why, "It does not answer: %.150s", r->error);
    } else if (r->status == 200) {
        text_format(why, sizeof why, "It answers without a cosignature by its key.");
    } else {
        static const struct { int status; const char *what; } MEANS[] = {
            { 400, "it cannot read what it is sent" },      { 403, "it does not know the key that signs this log" },
            { 404, "it does not know this log" },           { 409, "it holds another checkpoint of this size" },
            { 422, "the proof does not convince it: it has seen another history" },
        };

        text_format(why, sizeof why, "It answers %d.", r->status);
        for (size_t i = 0; i < sizeof MEANS / sizeof MEANS[0]; i++)
            if (MEANS[i].status == r->status)
                text_format(why, sizeof why, "It answers %d: %s.", r->status, MEANS[i].what);
    }
    outcome(o, k, w, why);
    return false;
}

static void
show(struct outside *o, struct known *k, const struct quorum_witness *w, const struct checkpoint_row *row, struct arena *a)
{
    char url[QUORUM_URL_MAX + 32];
    size_t len = strlen(w->url);

    while (len > 0 && w->url[len - 1] == '/')
        len--;
    text_format(url, sizeof url, "%.*s/add-checkpoint", (int)len, w->url);
    if (!web_url_ok(url)) {
        outcome(o, k, w, "Its address is neither https:// nor http:// on this machine.");
        return;
    }
    for (int turn = 0; turn < TURNS_MOST; turn++) {
        struct proof proof = { .n = 0 };
        struct web_reply r;
        enum err err = k->size > 0 && k->size < row->size ? prove(o, k->size, row->size, &proof) : OK;

        if (err) {
            outcome(o, k, w, "The proof cannot be made: the database does not answer.");
            return;
        }
        if (!call(o, url, request_text(a, k->size, &proof, row->note), &r) || !take_reply(o, k, w, row, &r))
            return;
    }
    outcome(o, k, w, "It names another size each time.");
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static void
look(struct outside *o)
{
    const struct quorum *q = log_policy_now(o->config.policy).quorum;
    struct arena *a = arena_new();
    struct checkpoint_row row;

    if (q && checkpoints_newest(o->db, INT64_MAX, a, &row) == OK)
        for (unsigned i = 0; i < q->witnesses && !stopping(o); i++) {
            const struct quorum_witness *w = &q->witness[i];
            struct known *k = w->url[0] ? known_of(o, w->key.public) : NULL;
            struct witness_seen seen;

            if (!k || k->next_ms > monotonic_ms())
                continue;
            if (!k->asked && cosignatures_last(o->db, w->key.public, &seen) == OK)
                k->size = seen.size;
            k->asked = true;
            if (k->size != row.size || k->trouble[0])
                show(o, k, w, &row, a);
        }
    arena_delete(a);
}

static void *
run(void *ctx)
{
    struct outside *o = ctx;

    pthread_mutex_lock(&o->lock);
    while (!o->stopping) {
        struct timespec until;

        pthread_mutex_unlock(&o->lock);
        if (market_phase(o->config.market) == MARKET_LEADING)
            look(o);
        else
            o->known_n = 0; /* what another leader shows meanwhile is looked up again */
        pthread_mutex_lock(&o->lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += o->look_ms % 1000 * 1000000L;
        until.tv_sec += o->look_ms / 1000 + until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!o->stopping)
            pthread_cond_timedwait(&o->wake, &o->lock, &until);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

enum err
outside_start(const struct outside_config *config, struct outside **ret, struct err_detail *d)
{
    struct outside *o = xcalloc(1, sizeof *o);
    pthread_condattr_t attr;
    enum err err = web_new(1, config->ca_file, "kontord/" PACKAGE_VERSION, &o->web, d);

    if (err) {
        free(o);
        return err;
    }
    o->config = *config;
    o->config.again_ms = config->again_ms > 0 ? config->again_ms : AGAIN_MS;
    o->look_ms = o->config.again_ms < LOOK_MS ? o->config.again_ms : LOOK_MS;
    o->db = db_new(&(struct db_config){ .conninfo = config->db_worker, .name = "kontord witnesses" });
    db_act_as(o->db, DB_ACTOR_SERVER);
    pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&o->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&o->thread, NULL, run, o) != 0) {
        web_delete(o->web);
        db_delete(o->db);
        free(o);
        return err_internal(d, ERR_INTERNAL, "no thread for witnesses elsewhere");
    }
    *ret = o;
    return OK;
}

void
outside_stop(struct outside *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    pthread_join(o->thread, NULL);
    web_delete(o->web);
    db_delete(o->db);
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->wake);
    free(o);
}
