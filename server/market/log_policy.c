/* market/log_policy.c */
#include "market/log_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

enum { LOOK_EVERY_MS = 250, KEEP_MS = 1000 };

struct version {
    struct version *before; /* those that somebody may still look at */
    struct quorum quorum;
    struct hash hash;
    char text[];
};

struct log_policy {
    char *path;
    char *origin; /* of the log; "": not asked */
    const struct log *log;
    pthread_mutex_t lock;
    struct version *now;
    struct timespec changed;
    char trouble[320]; /* the newest look's, as it was told */
    int64_t look_mono_ms;
    uint64_t turn;            /* of the news */
    struct checkpoint_row kept; /* note NULL: none */
    struct hash kept_policy;
    int64_t kept_mono_ms;
};

static enum err
read_text(const char *path, char *ret, size_t *ret_len, struct timespec *ret_changed, struct err_detail *d)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t got = -1;

    if (fd < 0)
        return err_internal(d, ERR_CONFIG, "policy = %s: %s", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *ret_changed = st.st_mtim;
        got = read(fd, ret, QUORUM_TEXT_MAX + 1);
    }
    close(fd);
    if (got < 0 || got > QUORUM_TEXT_MAX)
        return err_internal(d, ERR_CONFIG, "policy = %s: not a file of at most %d bytes", path, QUORUM_TEXT_MAX);
    *ret_len = (size_t)got;
    return OK;
}

/* By its name: its key may change, and then the server must start all the same. */
static bool
names_log(const struct quorum *q, const char *origin)
{
    for (unsigned i = 0; i < q->logs; i++)
        if (strcmp(q->log[i].name, origin) == 0)
            return true;
    return q->logs == 0;
}

/* A newer version, or none if the file says what the one in force says. */
static enum err
load(struct log_policy *p, struct err_detail *d)
{
    char *text = xmalloc(QUORUM_TEXT_MAX + 2);
    struct err_detail why = { .text = "" };
    struct version *v = NULL;
    struct timespec changed;
    size_t len = 0;
    enum err err = read_text(p->path, text, &len, &changed, d);

    if (!err) {
        struct hash hash = sha256(BYTES(text, len));

        p->changed = changed;
        if (!p->now || !hash_equal(hash, p->now->hash)) {
            v = xcalloc(1, sizeof *v + len + 1);
            v->hash = hash;
            memcpy(v->text, text, len);
            err = quorum_parse(BYTES(text, len), &v->quorum, &why);
            if (err)
                err = err_internal(d, ERR_CONFIG, "policy = %s: %s", p->path, why.text);
            else if (p->origin[0] && !names_log(&v->quorum, p->origin))
                err = err_internal(d, ERR_CONFIG, "policy = %s: it names other logs, but not this one (%s)", p->path, p->origin);
        }
    }
    if (!err && v) {
        v->before = p->now;
        p->now = v;
    } else {
        free(v);
    }
    free(text);
    return err;
}

enum err
log_policy_open(const char *path, const char *origin, const struct log *to, struct log_policy **ret, struct err_detail *d)
{
    struct log_policy *p = xcalloc(1, sizeof *p);
    enum err err = OK;

    p->path = xstrdup(path);
    p->origin = xstrdup(origin);
    p->log = to;
    pthread_mutex_init(&p->lock, NULL);
    if (path[0])
        err = load(p, d);
    if (err)
        log_policy_close(p);
    else
        *ret = p;
    return err;
}

void
log_policy_close(struct log_policy *p)
{
    if (!p)
        return;
    for (struct version *v = p->now, *before; v; v = before) {
        before = v->before;
        free(v);
    }
    pthread_mutex_destroy(&p->lock);
    free((char *)p->kept.note);
    free(p->path);
    free(p->origin);
    free(p);
}

static void
look(struct log_policy *p)
{
    struct err_detail d = { .text = "" };
    struct version *before = p->now;
    struct stat st;

    p->look_mono_ms = monotonic_ms() + LOOK_EVERY_MS;
    if (stat(p->path, &st) == 0 && st.st_mtim.tv_sec == p->changed.tv_sec && st.st_mtim.tv_nsec == p->changed.tv_nsec)
        return;
    if (load(p, &d) != OK) {
        bool told = strcmp(p->trouble, d.internal) == 0;

        text_format(p->trouble, sizeof p->trouble, "%s", d.internal);
        if (p->log && !told)
            log_error(p->log, "policy", LOG_TEXT("why", d.internal), LOG_TEXT("in_force", "the one before"));
        return;
    }
    p->trouble[0] = '\0';
    if (p->now != before && p->log)
        log_info(p->log, "policy", LOG_I64("witnesses", p->now->quorum.witnesses));
}

struct log_policy_now
log_policy_now(struct log_policy *p)
{
    struct log_policy_now now = { .quorum = NULL, .text = "", .hash = sha256(BYTES_TEXT("")) };

    if (!p || !p->path[0])
        return now;
    pthread_mutex_lock(&p->lock);
    if (monotonic_ms() >= p->look_mono_ms)
        look(p);
    now = (struct log_policy_now){ &p->now->quorum, p->now->text, p->now->hash };
    pthread_mutex_unlock(&p->lock);
    return now;
}

struct log_policy_count
log_policy_count(const struct quorum *q, const struct cosignature *all, size_t n)
{
    struct log_policy_count count = { .enough = true };
    uint64_t bits = 0;

    if (!q)
        return count;
    for (size_t i = 0; i < n; i++) {
        int w = quorum_witness_of(q, all[i].name, all[i].public);

        if (w >= 0)
            bits |= (uint64_t)1 << w;
    }
    count.cosigned = (unsigned)__builtin_popcountll(bits);
    count.of = q->witnesses;
    count.enough = quorum_met(q, bits);
    return count;
}

/* ---- the newest checkpoint --------------------------------------------------------------------------------------- */

static void
forget(struct log_policy *p)
{
    free((char *)p->kept.note);
    p->kept.note = NULL;
}

bool
log_policy_kept(struct log_policy *p, const struct hash *policy, struct arena *a, struct checkpoint_row *ret, uint64_t *ret_turn)
{
    bool found;

    pthread_mutex_lock(&p->lock);
    *ret_turn = p->turn;
    found = p->kept.note && hash_equal(p->kept_policy, *policy) && monotonic_ms() - p->kept_mono_ms < KEEP_MS;
    if (found) {
        *ret = p->kept;
        ret->note = arena_text(a, p->kept.note);
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

void
log_policy_keep(struct log_policy *p, const struct hash *policy, uint64_t turn, const struct checkpoint_row *row)
{
    pthread_mutex_lock(&p->lock);
    if (turn == p->turn) {
        forget(p);
        p->kept = *row;
        p->kept.note = xstrdup(row->note);
        p->kept_policy = *policy;
        p->kept_mono_ms = monotonic_ms();
    }
    pthread_mutex_unlock(&p->lock);
}

void
log_policy_news(struct log_policy *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->turn++;
    forget(p);
    pthread_mutex_unlock(&p->lock);
}
