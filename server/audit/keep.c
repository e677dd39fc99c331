/* audit/keep.c */
#include "audit/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/source.h"
#include "base/text.h"

#define PROGRESS "kontor-audit progress/v1\n"

static enum err
read_after(const char *path, const char *begin, const char *what, struct head_text *ret, struct err_detail *d)
{
    char text[HEAD_TEXT_MAX + sizeof PROGRESS];
    FILE *f = path == NULL ? NULL : source_open(path);
    size_t len;

    if (f == NULL)
        return path == NULL || errno == ENOENT ? ERR_NOT_FOUND : err_say(d, ERR_IO, "%s cannot be read.", path);
    len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[len] = '\0';
    if (strlen(text) != len || !text_starts(text, begin) || !head_text_parse(text + strlen(begin), ret))
        return err_say(d, ERR_IO, "%s is not %s that an audit has kept.", path, what);
    return OK;
}

enum err
keep_head_read(const char *path, struct head_text *ret, struct err_detail *d)
{
    return read_after(path, "", "a head", ret, d);
}

enum err
keep_progress_read(const char *path, struct head_text *ret, struct err_detail *d)
{
    return read_after(path, PROGRESS, "the progress", ret, d);
}

/* The folder too, so that the new name is there after a loss of power. */
static void
sync_folder(const char *path)
{
    char folder[4096];
    char *slash;
    int fd;

    text_format(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

enum err
keep_write(const char *path, const void *data, size_t len, struct err_detail *d)
{
    char temporary[4096];
    FILE *f;
    bool good;

    if (!text_format(temporary, sizeof temporary, "%s.new", path) || (f = fopen(temporary, "we")) == NULL)
        return err_say(d, ERR_IO, "%s cannot be written.", path);
    good = fwrite(data, 1, len, f) == len && fflush(f) == 0 && fsync(fileno(f)) == 0;
    good = fclose(f) == 0 && good;
    if (!good || rename(temporary, path) != 0)
        return err_say(d, ERR_IO, "%s cannot be written.", path);
    sync_folder(path);
    return OK;
}

enum err
keep_head_write(const char *path, const struct head_text *h, struct err_detail *d)
{
    char text[HEAD_TEXT_MAX];

    return path == NULL ? OK : keep_write(path, text, head_text_write(h, text), d);
}

enum err
keep_progress_write(const char *path, const struct head_text *h, struct err_detail *d)
{
    char text[sizeof PROGRESS + HEAD_TEXT_MAX] = PROGRESS;

    return path == NULL ? OK : keep_write(path, text, strlen(PROGRESS) + head_text_write(h, text + strlen(PROGRESS)), d);
}
