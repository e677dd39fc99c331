/* agent/spool_place.c: the folder of the spool: whether it may be one, whether it is ours, and the word that stands in it. */
#include "agent/spool_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems whose locks or syncs are another machine's promise. */
static const struct {
    long type;
    const char *name;
} REMOTE[] = {
    { 0x6969, "NFS" },        { 0x0BD00BD0, "Lustre" }, { 0xFF534D42, "CIFS" }, { (long)0xFE534D42, "SMB" },
    { 0x517B, "SMB" },        { 0x5346414F, "AFS" },    { 0x00C36400, "Ceph" }, { 0x47504653, "GPFS" },
    { 0x19830326, "BeeGFS" }, { 0x01021997, "9p" },     { 0x65735546, "FUSE" }, { 0x013111A8, "IBRIX" },
    { 0x7461636F, "OCFS2" },
};

enum err
spool_check_folder(const char *folder, struct err_detail *d)
{
    struct statfs fs;
    struct stat st;

    if (statfs(folder, &fs) != 0 || lstat(folder, &st) != 0)
        return err_internal(d, ERR_IO, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_internal(d, ERR_CONFIG, "%s is not a folder", folder);
    for (size_t i = 0; i < sizeof REMOTE / sizeof REMOTE[0]; i++)
        if ((unsigned)fs.f_type == (unsigned)REMOTE[i].type)
            return err_internal(d, ERR_CONFIG, "%s is on %s; the spool needs a local file system", folder,
                                REMOTE[i].name);
    if (st.st_uid != geteuid() || (st.st_mode & 077))
        return err_internal(d, ERR_CONFIG, "%s must belong to the agent's user, mode 0700", folder);
    return OK;
}

bool
spool_in_use(const char *folder)
{
    char path[PATH_MAX];
    bool used;
    int fd;

    snprintf(path, sizeof path, "%s/lock", folder);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    used = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return used;
}

/* ---- its place ---- */

/* Where this spool lives, as far as it can be told: the machine, and the file in its file system with the time of its
 * creation, where that is kept. A copy has another one; so has what was restored from a backup. */
static bool
place_of(const struct spool *s, char ret[HEX_LEN(32)])
{
    struct statx st;
    char machine[64] = "", file[80];
    FILE *f;
    struct hash h;

    if (statx(AT_FDCWD, s->path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &st) != 0)
        return false;
    f = fopen("/etc/machine-id", "re");
    if (f && !fgets(machine, sizeof machine, f))
        machine[0] = 0;
    if (f)
        fclose(f);
    snprintf(file, sizeof file, "%llu %lld.%09u", (unsigned long long)st.stx_ino,
             st.stx_mask & STATX_BTIME ? (long long)st.stx_btime.tv_sec : 0LL, st.stx_mask & STATX_BTIME ? (unsigned)st.stx_btime.tv_nsec : 0U);
    h = sha256_of((const struct bytes[]){ BYTES_TEXT("kontor-spool-place/v1"), BYTES_TEXT(machine), BYTES("", 1), BYTES_TEXT(file) }, 4);
    hex_encode(BYTES(h.b, 32), ret);
    return true;
}

enum err
spool_place_write(struct spool *s)
{
    char place[HEX_LEN(32)];

    return place_of(s, place) ? spool_meta_set(s, "place", place) : ERR_IO;
}

/* A spool of the first version does not say. */
enum err
spool_check_place(struct spool *s, struct err_detail *d)
{
    char place[HEX_LEN(32)], was[HEX_LEN(32)];
    enum err err = spool_meta_get(s, "place", was, sizeof was);

    if (err != OK || !place_of(s, place))
        return err_internal(d, ERR_IO, "%s: %s", s->path, spool_error(s));
    if (was[0] && strcmp(was, place) != 0)
        return err_internal(d, ERR_SPOOL_BEHIND, "%s is a copy: it is not the file, or this is not the machine, that the spool was made on", s->path);
    return OK;
}

/* ---- draining: a file, so that it can be said while an agent runs, and holds after a restart ---- */

static void
drain_path(char ret[PATH_MAX], const char *folder)
{
    snprintf(ret, PATH_MAX, "%s/draining", folder);
}

bool
spool_draining(const char *folder, char ret_why[SPOOL_WHY_MAX])
{
    char path[PATH_MAX];
    FILE *f;

    drain_path(path, folder);
    ret_why[0] = 0;
    f = fopen(path, "re");
    if (!f)
        return errno != ENOENT; /* what cannot be read is there */
    if (!fgets(ret_why, SPOOL_WHY_MAX, f))
        ret_why[0] = 0;
    ret_why[strcspn(ret_why, "\n")] = 0;
    fclose(f);
    return true;
}

/* Written aside and put in place at once: an agent that looks at it meanwhile sees one or the other. */
enum err
spool_set_draining(const char *folder, bool on, const char *why, struct err_detail *d)
{
    char path[PATH_MAX], aside[PATH_MAX + 4];
    int fd;
    bool good;

    drain_path(path, folder);
    snprintf(aside, sizeof aside, "%s.new", path);
    if (!on)
        return unlink(path) == 0 || errno == ENOENT ? OK : err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    good = fd >= 0 && dprintf(fd, "%s\n", why) > 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!good || rename(aside, path) != 0)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    return OK;
}
