/* audit/package_files.c: a package's files, from the archive or the folder it was unpacked to. Names are looked for among those that a
 * package has, and never taken from it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/package_internal.h"
#include "base/arena.h"
#include "base/text.h"

#define SUMS "SHA256SUMS"

/* ---- one file -------------------------------------------------------------------------------------------------------- */

static char *
read_folder(const struct judged *j, const char *name, size_t max, size_t *ret_len)
{
    int fd = openat(j->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    char *text = NULL;
    size_t done = 0;
    ssize_t got = 1;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= max) {
        text = xmalloc((size_t)st.st_size + 1);
        while (done < (size_t)st.st_size && got > 0) {
            got = read(fd, text + done, (size_t)st.st_size - done);
            done += got > 0 ? (size_t)got : 0;
        }
        text[done] = '\0';
        *ret_len = done;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

char *
package_read(struct judged *j, const char *name, size_t max, size_t *ret_len)
{
    char path[TAR_NAME_MAX];
    const struct tar_file *f;
    char *text;

    if (j->folder >= 0)
        return read_folder(j, name, max, ret_len);
    if (!text_format(path, sizeof path, "%s%s", j->prefix, name) || (f = tar_find(&j->tar, path)) == NULL || f->size > max)
        return NULL;
    text = xmalloc((size_t)f->size + 1);
    if (tar_read(&j->tar, f, 0, text, (size_t)f->size) != OK) {
        free(text);
        return NULL;
    }
    text[f->size] = '\0';
    *ret_len = (size_t)f->size;
    return text;
}

/* ---- the list of all ------------------------------------------------------------------------------------------------- */

static bool
is_numbered(const char *name, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(name, folder, len) == 0 && strspn(name + len, "0123456789") == 12 && name[len + 12] == '\0';
}

static bool
is_one_of_many(const char *name)
{
    return is_numbered(name, "entries/") || is_numbered(name, "around/") || is_numbered(name, "assertions/");
}

static bool
is_ours(const char *name)
{
    static const char *const NAMES[] = { "README.txt", "journal/proof", "journal/checkpoint", "journal/checkpoint-before", "journal/policy", "report.csv",
                                         "concentration.csv", "moves.csv", "signatures.csv", "jobs.csv", "idle.csv", "witnesses.csv", "disputes.csv", "corrections.csv",
                                         "names.csv" };

    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    return is_one_of_many(name);
}

/* One line: 64 digits, two spaces, the name. */
static bool
check_line(struct judged *j, char *line)
{
    char *name = line + 66, *text;
    uint8_t sum[32];
    struct uuid none = { { 0 } };
    struct hash of_name, is;
    size_t len;

    if (strlen(line) <= 66 || line[64] != ' ' || line[65] != ' ' || !is_ours(name)) {
        package_fault(j, SUMS " names what no package has: “%.60s”", line);
        return false;
    }
    line[64] = '\0';
    if (!hex_decode(line, sum, sizeof sum)) {
        package_fault(j, SUMS " has no sum of %s", name);
        return false;
    }
    of_name = sha256(BYTES_TEXT(name));
    memcpy(none.b, of_name.b, sizeof none.b);
    if (package_thing(j, THING_FILE, none, 0, 0) != NULL) {
        package_fault(j, SUMS " names %s twice", name);
        return false;
    }
    package_thing(j, THING_FILE, none, 0, 1);
    text = package_read(j, name, PACKAGE_TEXT_MAX, &len);
    if (text == NULL) {
        package_fault(j, "%s is missing, or too large", name);
        return false;
    }
    is = sha256(BYTES(text, len));
    free(text);
    if (memcmp(is.b, sum, sizeof sum) != 0)
        package_fault(j, "%s is not as " SUMS " says", name);
    j->files++;
    j->numbered += is_one_of_many(name);
    return true;
}

static bool
check_sums(struct judged *j)
{
    size_t len;
    char *text = package_read(j, SUMS, PACKAGE_TEXT_MAX, &len), *line = text;
    bool good = text != NULL;

    if (!good)
        package_fault(j, "it is no data package: it has no " SUMS);
    while (good && *line) {
        char *end = strchr(line, '\n');

        if (end == NULL) {
            package_fault(j, SUMS " ends within a line");
            break;
        }
        *end = '\0';
        good = check_line(j, line);
        line = end + 1;
    }
    if (good && j->folder < 0 && j->tar.n != j->files + 1)
        package_fault(j, "the archive has %zu files, " SUMS " names %" PRIu64, j->tar.n - 1, j->files);
    free(text);
    return good;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

/* All names begin with the same folder. */
static bool
take_prefix(struct judged *j)
{
    const char *slash = j->tar.n ? strchr(j->tar.files[0].name, '/') : NULL;
    size_t len = slash ? (size_t)(slash - j->tar.files[0].name) + 1 : 0;

    if (len)
        memcpy(j->prefix, j->tar.files[0].name, len);
    for (size_t i = 0; i < j->tar.n; i++)
        if (!len || strncmp(j->tar.files[i].name, j->prefix, len) != 0) {
            package_fault(j, "the archive is not of one folder: %s", j->tar.files[i].name);
            return false;
        }
    return j->tar.n > 0 || (package_fault(j, "the archive is empty"), false);
}

bool
package_files_open(struct judged *j, FILE *archive)
{
    struct err_detail d = { .text = "" };

    if (j->folder < 0 && tar_open(archive, &j->tar, &d) != OK) {
        package_fault(j, "%.*s", (int)strcspn(d.text, "."), d.text);
        return false;
    }
    return (j->folder >= 0 || take_prefix(j)) && check_sums(j);
}

void
package_files_close(struct judged *j)
{
    tar_close(&j->tar);
    if (j->folder >= 0)
        close(j->folder);
}
