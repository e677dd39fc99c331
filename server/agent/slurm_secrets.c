/* agent/slurm_secrets.c */
#include "agent/slurm_secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/secret.h"

_Static_assert(SECRETS_MAX * (SECRET_NAME_MAX + 1 + BASE64_LEN(SECRET_VALUE_MAX)) <= SUBMIT_SECRETS_MAX, "all that a job may have");

char *
slurm_secrets_lines(struct bytes secrets, size_t *ret_len)
{
    char *ret = secrets.len ? xmalloc(SUBMIT_SECRETS_MAX) : NULL;
    size_t len = 0;

    for (size_t i = 0; i < secrets.len; i += strlen((const char *)secrets.data + i) + 1) {
        const char *at = (const char *)secrets.data + i;
        size_t name_len = strcspn(at, "=");

        memcpy(ret + len, at, name_len);
        len += name_len;
        ret[len++] = ' ';
        base64_encode(BYTES_TEXT(at + name_len + 1), ret + len);
        len += strlen(ret + len);
        ret[len++] = '\n';
    }
    *ret_len = len;
    return ret;
}

void
slurm_secrets_wipe(char **lines, size_t len)
{
    if (*lines)
        explicit_bzero(*lines, len);
    free(*lines);
    *lines = NULL;
}

static int
folder_of(const char *folder, const char *user)
{
    char path[PATH_MAX];

    if (!text_format(path, sizeof path, "%s/%s", folder, user))
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

enum err
slurm_secrets_put(const char *folder, const char *user, const char *name, struct bytes lines, struct err_detail *d)
{
    int dir = folder_of(folder, user);
    bool good = dir >= 0 && submit_secrets(dir, name, lines);
    enum err err = good ? OK : err_internal(d, ERR_IO, "%s/%s: its secrets cannot be written: %s", folder, user, strerror(errno));

    if (dir >= 0)
        close(dir);
    return err;
}

void
slurm_secrets_remove(const char *folder, const char *user, const char *name)
{
    int dir = folder_of(folder, user);

    if (dir < 0)
        return;
    submit_secrets_remove(dir, name);
    close(dir);
}
