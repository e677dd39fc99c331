/* tests/torture/shim.c
 * Preloaded into a program under test: it counts what the program asks of libpq and of the system, and makes the k-th of it
 * fail. Which, and how, stands in a file that the test maps too (KONTOR_SHIM; shim.py has the same layout). Without that
 * variable it does nothing. tests/torture/run compiles it; it is no part of the product.
 *
 * Statements: what goes to PostgreSQL, by the name of its query ("prepare NAME", "describe NAME", "connect" too), on the
 * connections whose application_name contains `who`.
 * Calls: open, socket, bind, malloc and their like, by name; counted from the first. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NAME = 48, NAMES = 4096, PENDING = 64 };
enum how { NOTHING, ERROR, LOST_BEFORE, LOST_AFTER, COUNT, WARNING };

struct control {
    _Atomic uint32_t counted;    /* since it was set to 0 */
    _Atomic uint32_t strike_at;  /* the k-th fails, from 1; 0: none */
    _Atomic uint32_t times;      /* so many in a row */
    _Atomic uint32_t struck;
    _Atomic uint32_t how;
    _Atomic uint32_t calls;      /* 1: calls of the system and of libraries, 0: statements */
    _Atomic uint32_t lied;       /* so many wrong row counts were read */
    char who[NAME];              /* of which connections; "": all */
    char only[NAME];             /* statements or calls of this name; "": all */
    char sqlstate[8];
    char struck_name[NAME];
    char names[NAMES][NAME];     /* what was counted, in order */
};

static struct control *control;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("KONTOR_SHIM");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = MAP_FAILED;

    if (fd >= 0) {
        at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    control = at != MAP_FAILED ? at : NULL;
}

#define REAL(f) ((__typeof__(&f))real(#f))

static void *
real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (f == NULL)
        abort();
    return f;
}

/* One more of this name: does it fail? */
static enum how
meet(const char *name)
{
    uint32_t k;

    if (control == NULL || (control->only[0] != '\0' && strcmp(control->only, name) != 0))
        return NOTHING;
    k = atomic_fetch_add(&control->counted, 1) + 1;
    if (k <= NAMES) {
        size_t n = strlen(name) < NAME ? strlen(name) : NAME - 1;
        memcpy(control->names[k - 1], name, n);
        control->names[k - 1][n] = '\0';
    }
    if (control->strike_at == 0 || k < control->strike_at || k >= control->strike_at + control->times)
        return NOTHING;
    if (atomic_fetch_add(&control->struck, 1) == 0) {
        snprintf(control->struck_name, NAME, "%s", name);
    }
    return control->how;
}

/* ---- statements ---------------------------------------------------------------------------------------------------- */

static struct pending {
    PGconn *conn;
    PGresult *miscounted;      /* COUNT: this result lies by one */
    PQnoticeReceiver receiver;
    void *arg;
    char name[NAME];
    int awaited;               /* statements sent whose result has not come: several within a flight */
    int ahead;                 /* COUNT: it is the so-manieth result from now on */
    int column;                /* COUNT: in this column, which holds a count; -1: in the number of rows touched */
} pending[PENDING];
static PGresult *warning;
static _Atomic unsigned deep; /* lies in columns so far */

static struct pending *
of(const PGconn *conn, bool make)
{
    struct pending *free_one = NULL;

    for (size_t i = 0; i < PENDING; i++) {
        if (pending[i].conn == conn)
            return &pending[i];
        if (pending[i].conn == NULL && free_one == NULL)
            free_one = &pending[i];
    }
    return make ? free_one : NULL;
}

static enum how
meet_on(PGconn *conn, const char *name)
{
    enum how how = NOTHING;
    struct pending *p;

    if (control == NULL || control->calls)
        return NOTHING;
    pthread_mutex_lock(&lock);
    p = of(conn, false);
    if (p != NULL && (control->who[0] == '\0' || strstr(p->name, control->who) != NULL))
        how = meet(name);
    pthread_mutex_unlock(&lock);
    return how;
}

PGconn *
PQconnectdbParams(const char *const *keys, const char *const *values, int expand)
{
    const char *changed[64], *name = "";
    PGconn *conn;
    struct pending *p;
    size_t n = 0;
    bool bad = false;

    for (; keys[n] != NULL && n < 63; n++) {
        changed[n] = values[n];
        if (strcmp(keys[n], "fallback_application_name") == 0)
            name = values[n];
    }
    if (control != NULL && !control->calls) {
        pthread_mutex_lock(&lock);
        if (control->who[0] == '\0' || strstr(name, control->who) != NULL)
            bad = meet("connect") != NOTHING;
        pthread_mutex_unlock(&lock);
    } else if (control != NULL) {
        bad = meet("PQconnectdbParams") != NOTHING;
    }
    changed[n] = NULL;
    if (bad)
        changed[0] = "host=/nowhere-at-all dbname=none";
    conn = REAL(PQconnectdbParams)(keys, changed, expand);
    pthread_mutex_lock(&lock);
    p = of(conn, true);
    if (p != NULL) {
        *p = (struct pending){ .conn = conn };
        snprintf(p->name, NAME, "%s", name);
    }
    pthread_mutex_unlock(&lock);
    return conn;
}

void
PQfinish(PGconn *conn)
{
    pthread_mutex_lock(&lock);
    if (conn != NULL && of(conn, false) != NULL)
        of(conn, false)->conn = NULL;
    pthread_mutex_unlock(&lock);
    REAL(PQfinish)(conn);
}

PQnoticeReceiver
PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg)
{
    struct pending *p = of(conn, false);

    if (p != NULL) {
        p->receiver = receiver;
        p->arg = arg;
    }
    return REAL(PQsetNoticeReceiver)(conn, receiver, arg);
}

char *
PQresultErrorField(const PGresult *res, int field)
{
    static char severity[] = "WARNING", text[] = "injected";

    if (res != NULL && res == warning)
        return field == PG_DIAG_SEVERITY_NONLOCALIZED ? severity : text;
    return REAL(PQresultErrorField)(res, field);
}

static void
cut(PGconn *conn)
{
    shutdown(PQsocket(conn), SHUT_RDWR);
}

static void
warn(PGconn *conn)
{
    struct pending *p = of(conn, false);

    if (p == NULL || p->receiver == NULL)
        return;
    warning = PQmakeEmptyPGresult(conn, PGRES_NONFATAL_ERROR);
    p->receiver(p->arg, warning);
    PQclear(warning);
    warning = NULL;
}

static bool flying(PGconn *conn) { return PQpipelineStatus(conn) != PQ_PIPELINE_OFF; }

/* After it was sent: let the server carry it out, and see nothing of its answer. */
static void
lose_after(PGconn *conn)
{
    struct pollfd fd = { .fd = PQsocket(conn), .events = POLLIN };
    char seen[4096];

    if (flying(conn))
        PQsendFlushRequest(conn);
    for (int i = 0; i < 100 && PQflush(conn) == 1; i++)
        poll(&(struct pollfd){ .fd = fd.fd, .events = POLLOUT }, 1, 10);
    poll(&fd, 1, 2000);
    for (int i = 0; i < 2; i++, cut(conn)) /* what has come must not be read after all; nor what came between the two */
        while (recv(fd.fd, seen, sizeof seen, MSG_DONTWAIT) > 0)
            continue;
}

static int
raise_instead(PGconn *conn)
{
    char sql[160];

    snprintf(sql, sizeof sql, "DO $$BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '%s'; END$$", control->sqlstate);
    return REAL(PQsendQueryParams)(conn, sql, 0, NULL, NULL, NULL, NULL, 1);
}

/* A statement goes out: how many results from now is its own? */
static int
one_more(PGconn *conn)
{
    struct pending *p = of(conn, false);

    return p != NULL ? ++p->awaited : 1;
}

/* journal_write tells in three columns how many rows its parts have touched: the lie is in each of them in turn. */
static void
lie_at(struct pending *p, int place, const char *name)
{
    p->ahead = place;
    p->column = strcmp(name, "journal_write") == 0 ? (int)(deep++ % 4) - 1 : -1;
}

/* A result has come, or the NULL that ends a statement's. A mark at a flight's end (sync) is nobody's. */
static void
one_less(struct pending *p, PGconn *conn, PGresult *res)
{
    if (res == NULL) {
        if (!flying(conn))
            p->awaited = p->ahead = 0;
        return;
    }
    if (PQresultStatus(res) == PGRES_PIPELINE_SYNC)
        return;
    p->awaited -= p->awaited > 0;
    if (p->ahead > 0 && --p->ahead == 0)
        p->miscounted = res;
}

#define STATEMENT(conn, name, send)                                                                                    \
    do {                                                                                                               \
        enum how how = meet_on(conn, name);                                                                            \
        int sent, place = one_more(conn);                                                                              \
        if (how == LOST_BEFORE)                                                                                        \
            cut(conn);                                                                                                 \
        if (how == ERROR)                                                                                              \
            return raise_instead(conn);                                                                                \
        sent = (send);                                                                                                 \
        if (how == LOST_AFTER)                                                                                         \
            lose_after(conn);                                                                                          \
        if (how == WARNING)                                                                                            \
            warn(conn);                                                                                                \
        if (how == COUNT && of(conn, false) != NULL)                                                                   \
            lie_at(of(conn, false), place, name);                                                                      \
        return sent;                                                                                                   \
    } while (0)

int
PQsendQueryPrepared(PGconn *conn, const char *name, int n, const char *const *values, const int *lengths,
                    const int *formats, int format)
{
    STATEMENT(conn, name, REAL(PQsendQueryPrepared)(conn, name, n, values, lengths, formats, format));
}

int
PQsendPrepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types)
{
    char what[NAME];

    snprintf(what, sizeof what, "prepare %s", name);
    STATEMENT(conn, what, REAL(PQsendPrepare)(conn, name, sql, n, types));
}

int
PQsendDescribePrepared(PGconn *conn, const char *name)
{
    char what[NAME];

    snprintf(what, sizeof what, "describe %s", name);
    STATEMENT(conn, what, REAL(PQsendDescribePrepared)(conn, name));
}

int
PQsendQuery(PGconn *conn, const char *sql)
{
    STATEMENT(conn, "script", REAL(PQsendQuery)(conn, sql));
}

PGresult *
PQgetResult(PGconn *conn)
{
    PGresult *res = REAL(PQgetResult)(conn);
    struct pending *p;

    if (control == NULL || control->calls)
        return res;
    pthread_mutex_lock(&lock);
    p = of(conn, false);
    if (p != NULL)
        one_less(p, conn, res);
    pthread_mutex_unlock(&lock);
    return res;
}

void
PQclear(PGresult *res)
{
    for (size_t i = 0; control != NULL && res != NULL && i < PENDING; i++)
        if (pending[i].miscounted == res)
            pending[i].miscounted = NULL;
    REAL(PQclear)(res);
}

char *
PQcmdTuples(PGresult *res)
{
    static char none[] = "0", two[] = "2";
    char *told = REAL(PQcmdTuples)(res);

    for (size_t i = 0; control != NULL && i < PENDING; i++)
        if (res != NULL && pending[i].miscounted == res && pending[i].column < 0) {
            pending[i].miscounted = NULL;
            atomic_fetch_add(&control->lied, 1);
            return strcmp(told, "0") == 0 ? two : none;
        }
    return told;
}

char *
PQgetvalue(const PGresult *res, int row, int column)
{
    static char many[8] = { 0, 0, 0, 0, 0, 0, 0x7f, 0x7f };

    for (size_t i = 0; deep > 0 && control->how == COUNT && i < PENDING; i++)
        if (res != NULL && pending[i].miscounted == res && pending[i].column == column) {
            pending[i].miscounted = NULL;
            atomic_fetch_add(&control->lied, 1);
            return many;
        }
    return REAL(PQgetvalue)(res, row, column);
}

/* ---- calls of the system and of libraries -------------------------------------------------------------------------- */

static bool
fails(const char *name)
{
    return control != NULL && control->calls && meet(name) != NOTHING;
}

/* They stand in for functions whose prototypes are of others' types. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define CALL(type, name, params, args, bad, error)                                                                     \
    type name params                                                                                                   \
    {                                                                                                                  \
        if (fails(#name)) {                                                                                            \
            errno = (error);                                                                                           \
            return bad;                                                                                                \
        }                                                                                                              \
        return ((type(*) params)real(#name))args;                                                                      \
    }

static int
open_as(const char *name, const char *path, int flags, mode_t mode)
{
    if (fails(name)) {
        errno = flags & (O_WRONLY | O_RDWR) ? ENOSPC : EMFILE;
        return -1;
    }
    return ((int (*)(const char *, int, ...))real(name))(path, flags, mode);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list more;                                                                                                  \
        mode_t mode;                                                                                                   \
        va_start(more, flags);                                                                                         \
        mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;                                             \
        va_end(more);                                                                                                  \
        return open_as(#name, path, flags, mode);                                                                      \
    }
OPEN(open)
OPEN(open64)

int
openat(int dir, const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (fails("openat")) {
        errno = EMFILE;
        return -1;
    }
    return REAL(openat)(dir, path, flags, mode);
}

CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
CALL(int, fclose, (FILE * f), (f), EOF, ENOSPC)
CALL(int, socket, (int a, int b, int c), (a, b, c), -1, EMFILE)
CALL(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, EADDRINUSE)
CALL(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE)
CALL(int, setsockopt, (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n), -1, ENOPROTOOPT)
CALL(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), -1, ENOBUFS)
CALL(int, epoll_create1, (int flags), (flags), -1, EMFILE)
CALL(int, eventfd, (unsigned n, int flags), (n, flags), -1, EMFILE)
CALL(int, epoll_ctl, (int e, int op, int fd, void *event), (e, op, fd, event), -1, ENOSPC)
CALL(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
CALL(int, rename, (const char *a, const char *b), (a, b), -1, ENOSPC)
CALL(int, link, (const char *a, const char *b), (a, b), -1, ENOSPC)
CALL(int, fsync, (int fd), (fd), -1, EIO)
CALL(int, fdatasync, (int fd), (fd), -1, EIO)
CALL(int, ftruncate, (int fd, off_t n), (fd, n), -1, ENOSPC)
CALL(int, flock, (int fd, int op), (fd, op), -1, EWOULDBLOCK)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), -1, EIO)
CALL(int, stat, (const char *path, struct stat *st), (path, st), -1, EACCES)
CALL(ssize_t, pread, (int fd, void *b, size_t n, off_t at), (fd, b, n, at), -1, EIO)
CALL(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at), -1, ENOSPC)
CALL(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at), -1, ENOSPC)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM)
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)
CALL(void *, opendir, (const char *path), (path), NULL, EACCES)
CALL(int, sodium_init, (void), (), -1, 0)
CALL(int, curl_global_init, (long flags), (flags), 2, 0)
CALL(void *, curl_easy_init, (void), (), NULL, 0)
CALL(void *, curl_multi_init, (void), (), NULL, 0)
CALL(int, sqlite3_open_v2, (const char *p, void **r, int f, const char *v), (p, r, f, v), 14, 0)
CALL(int, sqlite3_prepare_v2, (void *db, const char *sql, int n, void **st, const char **tail), (db, sql, n, st, tail), 13, 0)
CALL(int, sqlite3_exec, (void *db, const char *sql, void *f, void *ctx, char **err), (db, sql, f, ctx, err), 13, 0)
CALL(int, sqlite3_step, (void *st), (st), 13, 0)
CALL(void *, EVP_MD_fetch, (void *c, const char *a, const char *p), (c, a, p), NULL, 0)
CALL(void *, EVP_MD_CTX_new, (void), (), NULL, 0)
CALL(int, getaddrinfo, (const char *h, const char *s, const void *hints, void **r), (h, s, hints, r), -11, EIO)
CALL(int, pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg), (t, a, f, arg), EAGAIN, EAGAIN)
CALL(int, execv, (const char *path, char *const *argv), (path, argv), -1, ENOENT)
CALL(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), -1, EIO)

void *MHD_start_daemon_va(unsigned f, uint16_t p, void *a, void *ac, void *h, void *hc, va_list ap);

void *
MHD_start_daemon(unsigned f, uint16_t p, void *a, void *ac, void *h, void *hc, ...)
{
    va_list more;
    void *d;

    if (fails("MHD_start_daemon"))
        return NULL;
    va_start(more, hc);
    d = ((__typeof__(&MHD_start_daemon_va))real("MHD_start_daemon_va"))(f, p, a, ac, h, hc, more);
    va_end(more);
    return d;
}

ssize_t
write(int fd, const void *b, size_t n)
{
    if (fd > 2 && fails("write")) { /* what is said on stderr must come out */
        errno = ENOSPC;
        return -1;
    }
    return REAL(write)(fd, b, n);
}

/* dlsym may allocate: glibc's own names are used. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *
malloc(size_t n)
{
    return fails("malloc") ? errno = ENOMEM, NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
    return fails("calloc") ? errno = ENOMEM, NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
    return fails("realloc") ? errno = ENOMEM, NULL : __libc_realloc(p, n);
}
