/* audit/source.c */
#include "audit/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

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

    errno = ENAMETOOLONG;
    return text_format(path, sizeof path, "%s/%s", s->dir, name) ? source_open(path) : NULL;
}

bool
source_read(const struct source *s, const char *name, char *ret, size_t most, size_t *ret_len)
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
