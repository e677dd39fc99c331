/* base/tar.c */
#include "base/tar.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/arena.h"

/* Where the fields stand that are written. */
enum { MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, SUM = 148, TYPE = 156, MAGIC = 257, CHECKED = 8 };

/* width - 1 octal digits and a NUL. */
static void
put_octal(uint8_t *to, size_t width, uint64_t value)
{
    to[--width] = '\0';
    while (width-- > 0) {
        to[width] = (uint8_t)('0' + (value & 7));
        value >>= 3;
    }
}

static unsigned
sum_of(const uint8_t block[TAR_BLOCK])
{
    unsigned sum = 0;

    for (int i = 0; i < TAR_BLOCK; i++)
        sum += i >= SUM && i < SUM + CHECKED ? ' ' : block[i];
    return sum;
}

void
tar_header(const char *name, uint64_t size, int64_t time_s, uint8_t ret[TAR_BLOCK])
{
    size_t len = strlen(name);

    assert(len > 0 && len < TAR_NAME_MAX && size < (uint64_t)1 << 33);
    memset(ret, 0, TAR_BLOCK);
    memcpy(ret, name, len);
    put_octal(ret + MODE, 8, 0644);
    put_octal(ret + UID, 8, 0);
    put_octal(ret + GID, 8, 0);
    put_octal(ret + SIZE, 12, size);
    put_octal(ret + MTIME, 12, time_s > 0 ? (uint64_t)time_s : 0);
    ret[TYPE] = '0';
    memcpy(ret + MAGIC, "ustar\00000", 8);
    put_octal(ret + SUM, 7, sum_of(ret));
    ret[SUM + 7] = ' ';
}

size_t
tar_padding(uint64_t size)
{
    return (TAR_BLOCK - (size_t)(size % TAR_BLOCK)) % TAR_BLOCK;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static bool
get_octal(const uint8_t *from, size_t width, uint64_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i + 1 < width; i++) {
        if (from[i] < '0' || from[i] > '7')
            return false;
        value = value << 3 | (uint64_t)(from[i] - '0');
    }
    *ret = value;
    return from[width - 1] == '\0';
}

/* Letters, digits, hyphens, dots and single slashes, with no part that begins with a dot. */
static bool
name_ok(const char *name)
{
    char before = '/';

    for (; *name; before = *name++)
        if (!(isascii((unsigned char)*name) && isalnum((unsigned char)*name)) && *name != '-' && *name != '_' &&
            ((*name != '.' && *name != '/') || before == '/'))
            return false;
    return before != '/';
}

/* Exactly what tar_header() writes, or not at all: what has one reading only. */
static bool
header_read(const uint8_t block[TAR_BLOCK], struct tar_file *ret)
{
    uint8_t again[TAR_BLOCK];
    uint64_t time_s;

    if (memchr(block, '\0', TAR_NAME_MAX) == NULL || !get_octal(block + SIZE, 12, &ret->size) || !get_octal(block + MTIME, 12, &time_s))
        return false;
    memcpy(ret->name, block, TAR_NAME_MAX);
    if (!name_ok(ret->name))
        return false;
    tar_header(ret->name, ret->size, (int64_t)time_s, again);
    return memcmp(block, again, TAR_BLOCK) == 0;
}

static bool
is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct tar_file *)a)->name, ((const struct tar_file *)b)->name);
}

static enum err
keep(struct tar *t, const struct tar_file *f, struct err_detail *d)
{
    if (t->n == TAR_FILES_MAX)
        return err_say(d, ERR_CORRUPT, "It has more than %d files.", TAR_FILES_MAX);
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->files = xrealloc(t->files, t->cap * sizeof *t->files);
    }
    t->files[t->n++] = *f;
    return OK;
}

static bool
read_at(FILE *from, uint64_t at, void *ret, size_t len)
{
    return fseeko(from, (off_t)at, SEEK_SET) == 0 && fread(ret, 1, len, from) == len;
}

static enum err
read_files(struct tar *t, uint64_t len, uint64_t *ret_end, struct err_detail *d)
{
    uint8_t block[TAR_BLOCK];
    struct tar_file f;
    enum err err = OK;

    for (uint64_t at = 0; !err; at = f.at + f.size + tar_padding(f.size)) {
        if (len - at < TAR_END || !read_at(t->from, at, block, sizeof block))
            return err_say(d, ERR_CORRUPT, "It is cut short.");
        if (is_zero(block, sizeof block)) {
            *ret_end = at;
            return OK;
        }
        if (!header_read(block, &f))
            return err_say(d, ERR_CORRUPT, "At byte %llu there is no header of a plain file, as Kontor writes it.", (unsigned long long)at);
        f.at = at + TAR_BLOCK;
        if (f.size + tar_padding(f.size) > len - f.at || !read_at(t->from, f.at + f.size, block, tar_padding(f.size)))
            return err_say(d, ERR_CORRUPT, "It is cut short within %s.", f.name);
        if (!is_zero(block, tar_padding(f.size)))
            return err_say(d, ERR_CORRUPT, "There is something hidden behind %s.", f.name);
        err = keep(t, &f, d);
    }
    return err;
}

static enum err
index_files(struct tar *t, struct err_detail *d)
{
    uint8_t end[TAR_END];
    uint64_t at = 0;
    off_t len;
    enum err err;

    if (fseeko(t->from, 0, SEEK_END) != 0 || (len = ftello(t->from)) < 0)
        return err_say(d, ERR_IO, "It cannot be read from its end.");
    err = read_files(t, (uint64_t)len, &at, d);
    if (err)
        return err;
    if ((uint64_t)len - at != TAR_END || !read_at(t->from, at, end, sizeof end) || !is_zero(end, sizeof end))
        return err_say(d, ERR_CORRUPT, "It goes on after its end.");
    if (t->n)
        qsort(t->files, t->n, sizeof *t->files, by_name);
    for (size_t i = 1; i < t->n; i++)
        if (strcmp(t->files[i - 1].name, t->files[i].name) == 0)
            return err_say(d, ERR_CORRUPT, "%s is in it twice.", t->files[i].name);
    return OK;
}

enum err
tar_open(FILE *from, struct tar *ret, struct err_detail *d)
{
    enum err err;

    *ret = (struct tar){ .from = from };
    err = index_files(ret, d);
    if (err)
        tar_close(ret);
    return err;
}

const struct tar_file *
tar_find(const struct tar *t, const char *name)
{
    struct tar_file key;
    size_t len = strlen(name);

    if (len >= sizeof key.name || t->n == 0)
        return NULL;
    memcpy(key.name, name, len + 1);
    return bsearch(&key, t->files, t->n, sizeof *t->files, by_name);
}

enum err
tar_read(const struct tar *t, const struct tar_file *f, uint64_t at, void *ret, size_t len)
{
    if (at > f->size || len > f->size - at)
        return ERR_CORRUPT;
    return read_at(t->from, f->at + at, ret, len) ? OK : ERR_IO;
}

void
tar_close(struct tar *t)
{
    free(t->files);
    t->files = NULL;
    t->n = t->cap = 0;
}
