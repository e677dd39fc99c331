/* crypto/keyfile.c */
#include "crypto/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"

#define KEYFILE_MAGIC "kontor-key/v1 "
#define KEYFILE_MAX   128

/* The file's folder, so that its entry can be synced. */
static enum err
sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    enum err err = OK;

    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    if (fsync(fd) != 0)
        err = ERR_IO;
    close(fd);
    return err;
}

static enum err
write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        text += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0 ? OK : ERR_IO;
}

/* link() and not rename(): it fails where the name is taken, so a key is never overwritten. */
static enum err
keyfile_place(const char *temporary, const char *path, const char *text, size_t len)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    enum err err;

    if (fd < 0)
        return ERR_IO;
    err = write_whole(fd, text, len);
    if (close(fd) != 0)
        err = ERR_IO;
    if (err == OK && link(temporary, path) != 0)
        err = errno == EEXIST ? ERR_EXISTS : ERR_IO;
    unlink(temporary);
    return err ? err : sync_folder_of(path);
}

enum err
keyfile_save(const char *path, const char *kind, const uint8_t secret[32], struct err_detail *d)
{
    char temporary[PATH_MAX], text[KEYFILE_MAX], coded[BASE64_LEN(32)];
    uint32_t nonce;
    int len;
    enum err err;

    random_bytes(&nonce, sizeof nonce);
    len = snprintf(temporary, sizeof temporary, "%s.%08x", path, nonce);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return err_internal(d, ERR_IO, "%s: the path is too long", path);
    base64url_encode(BYTES(secret, 32), coded);
    len = snprintf(text, sizeof text, KEYFILE_MAGIC "%s %s\n", kind, coded);
    err = keyfile_place(temporary, path, text, (size_t)len);
    random_wipe(text, sizeof text);
    random_wipe(coded, sizeof coded);
    if (err == ERR_EXISTS)
        return err_internal(d, err, "%s: the key file is there already", path);
    if (err)
        return err_internal(d, err, "%s: cannot write the key file: %s", path, strerror(errno));
    return OK;
}

static enum err
keyfile_allowed(int fd, const char *path, struct err_detail *d)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_internal(d, ERR_CORRUPT, "%s: is no plain file", path);
    if (st.st_uid != geteuid())
        return err_internal(d, ERR_FORBIDDEN, "%s: the key file belongs to another user", path);
    if (st.st_mode & 077)
        return err_internal(d, ERR_FORBIDDEN, "%s: the key file is open to others; chmod 600 it", path);
    return OK;
}

static enum err
keyfile_parse(const char *text, const char *kind, uint8_t ret[32])
{
    size_t magic = strlen(KEYFILE_MAGIC), kind_len = strlen(kind), len;
    const char *at = text + magic + kind_len + 1;
    uint8_t secret[32];

    if (strncmp(text, KEYFILE_MAGIC, magic) != 0 || strncmp(text + magic, kind, kind_len) != 0 ||
        text[magic + kind_len] != ' ')
        return ERR_CORRUPT;
    len = strcspn(at, "\n");
    if (strcmp(at + len, "\n") != 0)
        return ERR_CORRUPT;
    if (!base64url_decode(at, len, secret, sizeof secret, &len) || len != sizeof secret)
        return ERR_CORRUPT;
    memcpy(ret, secret, sizeof secret);
    random_wipe(secret, sizeof secret);
    return OK;
}

enum err
keyfile_load(const char *path, const char *kind, uint8_t ret[32], struct err_detail *d)
{
    char text[KEYFILE_MAX + 1];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t len;
    enum err err;

    if (fd < 0)
        return err_internal(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    err = keyfile_allowed(fd, path, d);
    len = err ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    if (err)
        return err;
    if (len < 0)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    text[len] = 0;
    err = strlen(text) == (size_t)len ? keyfile_parse(text, kind, ret) : ERR_CORRUPT;
    random_wipe(text, sizeof text);
    if (err)
        return err_internal(d, err, "%s: is no %s key file", path, kind);
    return OK;
}
