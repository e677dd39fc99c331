/* api/providers.c: the list of providers, their files, their threads. */
#include "api/providers.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "api/internal.h"
#include "api/providers_internal.h"
#include "base/text.h"

enum { PROVIDERS_MAX = 64, WAITING_MAX = 50, WAIT_MOST_MS = 4000, USED_MAX = 4096 };

struct providers {
    struct arena *arena;
    size_t n;
    struct provider *list[PROVIDERS_MAX];
    pthread_mutex_t used_lock;
    uint64_t used[USED_MAX]; /* the latest states, hashed */
    size_t used_at;
};

/* What a queued call waits for. */
struct ticket_of_work {
    provider_work *work;
    int64_t since_ms;
};

#define C(name, type, initial, min, max, sentence) CONFIG_OPTION(provider_config, name, type, initial, min, max, sentence)
static const struct config_option OPTIONS[] = {
#include "api/providers.def"
};
#undef C

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool
is_code(const char *text, size_t len)
{
    if (len == 0 || len >= PROVIDER_CODE_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= '0' && text[i] <= '9') && text[i] != '-')
            return false;
    return true;
}

static bool
scope_has_openid(const char *scope)
{
    for (const char *at = scope; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");

        if (len == 6 && strncmp(at, "openid", 6) == 0)
            return true;
        at += len;
    }
    return false;
}

static enum err
check(struct provider *p, const char *path, struct arena *a, struct err_detail *d)
{
    const struct provider_config *c = &p->config;
    struct err_detail why = { .text = "" };

    if (!web_url_ok(c->issuer) || strpbrk(c->issuer, "?#"))
        return err_internal(d, ERR_CONFIG, "%s: issuer must be https://…, or http:// on a loopback address, without ? and #", path);
    if (!id_alg_parse(c->algorithm, &p->alg))
        return err_internal(d, ERR_CONFIG, "%s: algorithm must be RS256 or ES256; libjwt 1.10 has no PS256", path);
    if (!scope_has_openid(c->scope))
        return err_internal(d, ERR_CONFIG, "%s: scope must have openid in it", path);
    if (!text_is_line(c->label) || !text_is_plain(c->label, strlen(c->label)))
        return err_internal(d, ERR_CONFIG, "%s: label must be a line of plain text", path);
    p->secret = "";
    if (c->client_secret[0] && config_secret(c->client_secret, a, &p->secret, &why))
        return err_internal(d, ERR_CONFIG, "%s: %s", path, why.text);
    return OK;
}

static enum err
read_one(struct providers *all, const char *path, const char *code, size_t code_len, struct err_detail *d)
{
    static const struct config_set SET = { .program = "provider", .section = 8, .options = OPTIONS, .count = sizeof OPTIONS / sizeof OPTIONS[0] };
    struct provider *p = xcalloc(1, sizeof *p);
    char *args[] = { arena_printf(all->arena, "--config=%s", path) };
    struct err_detail why = { .text = "" };
    struct config_rest rest;

    pthread_mutex_init(&p->queue_lock, NULL);
    pthread_mutex_init(&p->fetching, NULL);
    pthread_mutex_init(&p->known_lock, NULL);
    pthread_cond_init(&p->more, NULL);
    p->end = &p->first;
    text_format(p->code, sizeof p->code, "%.*s", (int)code_len, code);
    all->list[all->n++] = p;
    if (config_read(&SET, all->arena, 1, args, &p->config, &rest, &why))
        return err_internal(d, ERR_CONFIG, "%s: %s", path, why.text);
    return check(p, path, all->arena, d);
}

static int
by_code(const void *a, const void *b)
{
    const struct provider *const *one = a, *const *other = b;

    return strcmp((*one)->code, (*other)->code);
}

static enum err
read_all(struct providers *all, const char *dir, struct err_detail *d)
{
    DIR *folder = opendir(dir);
    const struct dirent *file;
    enum err err = OK;

    if (!folder)
        return err_internal(d, ERR_IO, "providers_dir: %s: %s", dir, strerror(errno));
    while (!err && (file = readdir(folder)) != NULL) {
        const char *name = file->d_name;
        size_t len = strlen(name);

        if (name[0] == '.' || len < 5 || strcmp(name + len - 5, ".conf") != 0)
            continue;
        if (!is_code(name, len - 5))
            err = err_internal(d, ERR_CONFIG, "%s/%s: a provider's name has small letters, digits and '-', at most %d", dir, name, PROVIDER_CODE_MAX - 1);
        else if (all->n == PROVIDERS_MAX)
            err = err_internal(d, ERR_CONFIG, "%s: more than %d providers", dir, PROVIDERS_MAX);
        else
            err = read_one(all, arena_printf(all->arena, "%s/%s", dir, name), name, len - 5, d);
    }
    closedir(folder);
    qsort(all->list, all->n, sizeof all->list[0], by_code);
    return err;
}

enum err
providers_open(const char *dir, int64_t again_ms, const struct log *log, struct providers **ret, struct err_detail *d)
{
    struct providers *all = xcalloc(1, sizeof *all);
    enum err err;

    all->arena = arena_new();
    pthread_mutex_init(&all->used_lock, NULL);
    err = dir[0] ? read_all(all, dir, d) : OK;
    for (size_t i = 0; i < all->n; i++) {
        all->list[i]->again_ms = again_ms;
        all->list[i]->log = log;
    }
    if (err)
        providers_delete(all);
    else
        *ret = all;
    return err;
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

bool
provider_stopping(struct provider *p)
{
    bool is;

    pthread_mutex_lock(&p->queue_lock);
    is = p->stopping;
    pthread_mutex_unlock(&p->queue_lock);
    return is;
}

static void *
attend(void *arg)
{
    struct desk *desk = arg;
    struct provider *p = desk->provider;

    pthread_mutex_lock(&p->queue_lock);
    for (;;) {
        struct call *call = p->first;
        struct ticket_of_work *t;
        bool stopping = p->stopping;

        if (!call && stopping)
            break;
        if (!call) {
            pthread_cond_wait(&p->more, &p->queue_lock);
            continue;
        }
        p->first = call->next;
        if (!p->first)
            p->end = &p->first;
        p->waiting--;
        pthread_mutex_unlock(&p->queue_lock);
        t = call->queued;
        if (stopping)
            call_fail(call, ERR_SHUTDOWN);
        else if (monotonic_ms() - t->since_ms > WAIT_MOST_MS)
            call_fail(call, err_say(&call->detail, ERR_PROVIDER_AWAY, "%s is slow; try again in a moment, or sign in another way.", p->config.label));
        else
            t->work(call, desk);
        pthread_mutex_lock(&p->queue_lock);
    }
    pthread_mutex_unlock(&p->queue_lock);
    return NULL;
}

static enum err
start_one(struct provider *p, struct err_detail *d)
{
    while (p->desks_n < PROVIDER_THREADS) {
        struct desk *desk = &p->desks[p->desks_n];
        enum err err = web_new(1, p->config.ca_file, "kontord/" PACKAGE_VERSION, &desk->web, d);

        if (err)
            return err;
        desk->provider = p;
        if (pthread_create(&desk->thread, NULL, attend, desk) != 0) {
            web_delete(desk->web);
            return err_internal(d, ERR_INTERNAL, "no thread for the provider %s", p->code);
        }
        p->desks_n++;
    }
    return OK;
}

enum err
providers_start(struct providers *all, struct err_detail *d)
{
    sigset_t every, before;
    enum err err = OK;

    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    for (size_t i = 0; all && i < all->n && !err; i++)
        err = start_one(all->list[i], d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

void
providers_stop(struct providers *all)
{
    for (size_t i = 0; all && i < all->n; i++) {
        struct provider *p = all->list[i];

        pthread_mutex_lock(&p->queue_lock);
        p->stopping = true;
        pthread_cond_broadcast(&p->more);
        pthread_mutex_unlock(&p->queue_lock);
    }
    for (size_t i = 0; all && i < all->n; i++) {
        struct provider *p = all->list[i];

        while (p->desks_n > 0) {
            struct desk *desk = &p->desks[--p->desks_n];

            pthread_join(desk->thread, NULL);
            web_delete(desk->web);
        }
    }
}

void
providers_delete(struct providers *all)
{
    if (!all)
        return;
    providers_stop(all);
    for (size_t i = 0; i < all->n; i++) {
        struct provider *p = all->list[i];

        id_keys_delete(p->keys);
        pthread_cond_destroy(&p->more);
        pthread_mutex_destroy(&p->queue_lock);
        pthread_mutex_destroy(&p->fetching);
        pthread_mutex_destroy(&p->known_lock);
        free(p);
    }
    pthread_mutex_destroy(&all->used_lock);
    arena_delete(all->arena);
    free(all);
}

enum err
provider_put(struct provider *p, struct call *call, provider_work *work)
{
    struct ticket_of_work *t = arena_alloc(call->arena, sizeof *t);
    enum err err = OK;

    *t = (struct ticket_of_work){ .work = work, .since_ms = monotonic_ms() };
    call->queued = t;
    call->db = NULL;
    call->replies = NULL;
    call->next = NULL;
    pthread_mutex_lock(&p->queue_lock);
    if (p->stopping)
        err = ERR_SHUTDOWN;
    else if (p->waiting >= WAITING_MAX)
        err = ERR_BUSY;
    else {
        *p->end = call;
        p->end = &call->next;
        p->waiting++;
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->queue_lock);
    return err;
}

/* ---- what others ask --------------------------------------------------------------------------------------------- */

size_t
providers_count(const struct providers *all)
{
    return all ? all->n : 0;
}

struct provider *
providers_at(struct providers *all, size_t i)
{
    return all->list[i];
}

struct provider *
providers_find(struct providers *all, const char *code)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (strcmp(all->list[i]->code, code) == 0)
            return all->list[i];
    return NULL;
}

const char *
provider_code(const struct provider *p)
{
    return p->code;
}

const char *
provider_label(const struct provider *p)
{
    return p->config.label;
}

const char *
provider_issuer(const struct provider *p)
{
    return p->config.issuer;
}

bool
providers_once(struct providers *all, const uint8_t state[PROVIDER_SECRET_LEN])
{
    struct hash h = sha256(BYTES(state, PROVIDER_SECRET_LEN));
    bool first = true;
    uint64_t key;

    memcpy(&key, h.b, sizeof key);
    pthread_mutex_lock(&all->used_lock);
    for (size_t i = 0; i < USED_MAX && first; i++)
        first = all->used[i] != key;
    if (first) {
        all->used[all->used_at] = key;
        all->used_at = (all->used_at + 1) % USED_MAX;
    }
    pthread_mutex_unlock(&all->used_lock);
    return first;
}
