/* audit/source.c */
#include "audit/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/web.h"

enum { CONNECTIONS_MAX = 64, HEADERS_MAX = 16, TIMEOUT_MS = 60000, TRIES = 5, FIRST_PAUSE_MS = 250 };

/* ---- a folder ---------------------------------------------------------------------------------------------------- */

static int
open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int why;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    why = S_ISREG(st.st_mode) ? errno : EINVAL;
    close(fd);
    errno = why;
    return -1;
}

FILE *
source_open(const char *path)
{
    int fd = open_regular(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");

    if (f == NULL && fd >= 0) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return f;
}

FILE *
source_open_in(const struct source *s, const char *name)
{
    char path[4096];

    errno = s->remote != NULL ? ENOENT : ENAMETOOLONG;
    return s->remote == NULL && text_format(path, sizeof path, "%s/%s", s->dir, name) ? source_open(path) : NULL;
}

static bool
read_file(const struct source *s, const char *name, char *ret, size_t most, size_t *ret_len)
{
    char path[4096];
    size_t done = 0;
    ssize_t n = -1;
    int fd;

    if (!text_format(path, sizeof path, "%s/%s", s->dir, name) || (fd = open_regular(path)) < 0)
        return false;
    while (done <= most && ((n = read(fd, ret + done, most + 1 - done)) > 0 || (n < 0 && errno == EINTR)))
        done += n > 0 ? (size_t)n : 0;
    close(fd);
    if (n < 0)
        return false;
    if (done <= most)
        ret[done] = '\0';
    *ret_len = done;
    return true;
}

/* ---- an address -------------------------------------------------------------------------------------------------- */

struct remote {
    pthread_mutex_t lock;          /* idle, n, failed, trouble */
    pthread_cond_t freed;
    struct web *all[CONNECTIONS_MAX], *idle[CONNECTIONS_MAX];
    unsigned connections, n;
    char *lines;                   /* the headers' text, each ended by a zero */
    const char *headers[HEADERS_MAX + 1];
    bool failed;
    struct err_detail trouble;     /* the first */
};

bool
source_is_url(const char *dir)
{
    return text_starts(dir, "https://") || text_starts(dir, "http://");
}

static enum err
take_headers(struct remote *r, const char *lines, struct err_detail *d)
{
    size_t n = 0;

    r->lines = xstrdup(lines);
    for (char *at = r->lines + strspn(r->lines, "\r\n"); *at != '\0'; at += strspn(at, "\r\n")) {
        size_t len = strcspn(at, "\r\n");

        if (n == HEADERS_MAX || memchr(at, ':', len) == NULL)
            return err_say(d, ERR_IO, "The headers are at most %d lines of a name, a colon and a value.", HEADERS_MAX);
        r->headers[n++] = at;
        at += len;
        if (*at != '\0')
            *at++ = '\0';
    }
    return OK;
}

enum err
source_connect(struct source *s, unsigned threads, const char *ca_file, const char *headers, struct err_detail *d)
{
    struct remote *r;
    enum err err;

    if (!web_url_ok(s->dir))
        return err_say(d, ERR_IO, "%s: an address is https://…, or http:// on a loopback address.", s->dir);
    s->remote = r = xcalloc(1, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->freed, NULL);
    err = headers != NULL ? take_headers(r, headers, d) : OK;
    while (err == OK && r->connections < CONNECTIONS_MAX && (r->connections == 0 || r->connections < threads)) {
        err = web_new(1, ca_file, "kontor-audit", &r->all[r->connections], d);
        if (err == OK)
            r->idle[r->n++] = r->all[r->connections++];
    }
    if (err != OK)
        source_disconnect(s);
    return err;
}

void
source_disconnect(struct source *s)
{
    struct remote *r = s->remote;

    if (r == NULL)
        return;
    for (unsigned i = 0; i < r->connections; i++)
        web_delete(r->all[i]);
    free(r->lines);
    pthread_cond_destroy(&r->freed);
    pthread_mutex_destroy(&r->lock);
    free(r);
    s->remote = NULL;
}

enum err
source_trouble(const struct source *s, struct err_detail *d)
{
    if (s->remote == NULL || !s->remote->failed)
        return OK;
    *d = s->remote->trouble;
    return ERR_IO;
}

static struct web *
borrow(struct remote *r)
{
    struct web *c;

    pthread_mutex_lock(&r->lock);
    while (r->n == 0)
        pthread_cond_wait(&r->freed, &r->lock);
    c = r->idle[--r->n];
    pthread_mutex_unlock(&r->lock);
    return c;
}

static void
give_back(struct remote *r, struct web *c, const struct err_detail *trouble)
{
    pthread_mutex_lock(&r->lock);
    r->idle[r->n++] = c;
    if (trouble != NULL && !r->failed) {
        r->failed = true;
        r->trouble = *trouble;
    }
    pthread_cond_signal(&r->freed);
    pthread_mutex_unlock(&r->lock);
}

static void
pause_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&t, NULL);
}

/* One call to its end. */
static void
get(const struct remote *r, struct web *c, const char *url, struct web_reply *ret)
{
    struct web_call call = { .url = url, .headers = r->headers, .timeout_ms = TIMEOUT_MS };

    web_start(c, 0, &call);
    while (!web_next(c, ret))
        web_wait(c, NULL, 0, 1000);
}

/* Servers rest now and then, and say so: some more tries, further and further apart. */
static bool
fetch(const struct source *s, const char *name, char *ret, size_t most, size_t *ret_len)
{
    struct web *c = borrow(s->remote);
    struct web_reply reply = { .status = 0 };
    struct err_detail d = { .text = "" };
    char url[4096];
    bool good = text_format(url, sizeof url, "%.*s/%s", (int)(strlen(s->dir) - (s->dir[strlen(s->dir) - 1] == '/')), s->dir, name);

    for (int i = 0; good && i < TRIES && (reply.status == 0 || reply.status >= 500 || reply.status == 429); i++) {
        if (i > 0)
            pause_ms((long)FIRST_PAUSE_MS << i);
        get(s->remote, c, url, &reply);
    }
    if (reply.status == 0)
        err_say(&d, ERR_IO, "%s: %s.", url, good ? reply.error : "the address is too long");
    else if (reply.status != 200 && reply.status != 404)
        err_say(&d, ERR_IO, "%s: the server answers %d%s.", url, reply.status,
                reply.status == 401 || reply.status == 403 ? ", which is for those who may read the entries (see --headers)" : "");
    if (reply.status == 200) {
        *ret_len = reply.len <= most ? reply.len : most + 1;
        memcpy(ret, reply.body, *ret_len);
        if (reply.len <= most)
            ret[reply.len] = '\0';
    }
    give_back(s->remote, c, d.text[0] != '\0' ? &d : NULL);
    return reply.status == 200;
}

bool
source_read(const struct source *s, const char *name, char *ret, size_t most, size_t *ret_len)
{
    return s->remote != NULL ? fetch(s, name, ret, most, ret_len) : read_file(s, name, ret, most, ret_len);
}
