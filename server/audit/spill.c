/* audit/spill.c */
#include "audit/spill.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"

enum { PIECE = 8 << 20, LARGE = 1 << 20, ALIGN = 64 };

struct piece { char *at; size_t len; bool is_file, is_table; };

struct spill {
    char folder[4096];
    size_t limit;
    struct piece *pieces;
    size_t n, cap;
    char *free_at;      /* what is left of the newest shared piece */
    size_t free_len;
    int statm;          /* /proc/self/statm, or -1 */
};

struct spill *
spill_new(const char *folder, size_t limit)
{
    struct spill *s = xcalloc(1, sizeof *s);

    text_format(s->folder, sizeof s->folder, "%s", folder);
    s->limit = limit;
    s->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    return s;
}

void
spill_delete(struct spill *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        munmap(s->pieces[i].at, s->pieces[i].len);
    if (s->statm >= 0)
        close(s->statm);
    free(s->pieces);
    free(s);
}

/* A file of this length without a name, its room on the disk taken: a full disk must show now, not at a write to memory. */
static int
make_file(const struct spill *s, size_t len)
{
    char path[4096];
    int fd;

    if (!text_format(path, sizeof path, "%s/kontor-audit.XXXXXX", s->folder) || (fd = mkostemp(path, O_CLOEXEC)) < 0)
        return -1;
    unlink(path);
    if (posix_fallocate(fd, 0, (off_t)len) == 0)
        return fd;
    close(fd);
    return -1;
}

static char *
add_piece(struct spill *s, size_t len)
{
    int fd = make_file(s, len);
    char *at = fd < 0 ? MAP_FAILED : mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    bool is_file = at != MAP_FAILED;

    if (fd >= 0)
        close(fd);
    if (!is_file)
        at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        fatal("out of memory");
    if (s->n == s->cap) {
        s->cap = s->cap > 0 ? s->cap * 2 : 64;
        s->pieces = xrealloc(s->pieces, s->cap * sizeof *s->pieces);
    }
    s->pieces[s->n++] = (struct piece){ at, len, is_file, len != PIECE };
    return at;
}

static size_t
resident(const struct spill *s)
{
    char text[128];
    ssize_t n = s->statm < 0 ? -1 : pread(s->statm, text, sizeof text - 1, 0);
    const char *second;

    text[n < 0 ? 0 : n] = '\0';
    second = strchr(text, ' ');
    return second == NULL ? 0 : (size_t)strtoull(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* A file keeps what is written to it. */
static void
let_go(struct spill *s, bool tables)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->pieces[i].is_file && s->pieces[i].is_table == tables)
            (void)madvise(s->pieces[i].at, s->pieces[i].len, MADV_DONTNEED);
}

/* Room for so much more. What lies in the order in which it came is used in that order: it goes first. Tables are used
 * all over, all the time. */
static void
make_room(struct spill *s, size_t more)
{
    if (resident(s) + more < s->limit)
        return;
    let_go(s, false);
    if (resident(s) + more >= s->limit)
        let_go(s, true);
}

void
spill_rest(struct spill *s)
{
    make_room(s, 0);
}

static void *
take(void *ctx, size_t size)
{
    struct spill *s = ctx;
    char *at;

    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (size >= LARGE) {
        make_room(s, size);
        return add_piece(s, size);
    }
    if (size > s->free_len) {
        s->free_at = add_piece(s, PIECE);
        s->free_len = PIECE;
    }
    at = s->free_at;
    s->free_at += size;
    s->free_len -= size;
    return at;
}

/* Large ones only: the others are small and few. */
static void
give(void *ctx, void *at, size_t size)
{
    struct spill *s = ctx;

    for (size_t i = 0; size >= LARGE && i < s->n; i++)
        if (s->pieces[i].at == at) {
            munmap(at, s->pieces[i].len);
            s->pieces[i] = s->pieces[--s->n];
            return;
        }
}

static void
rest(void *ctx)
{
    spill_rest(ctx);
}

struct memory
spill_memory(struct spill *s)
{
    return (struct memory){ .take = take, .give = give, .rest = rest, .ctx = s };
}
