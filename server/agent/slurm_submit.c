/* agent/slurm_submit.c: sbatch's command line, and the program that becomes a user to call it. Small on purpose: it runs as
 * root. */
#include "agent/slurm_submit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/uuid.h"

#define NAME_PREFIX "kontor-"

bool
submit_is_word(const char *text)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t len = strlen(text);

    return len > 0 && len < SUBMIT_WORD && strspn(text, LETTERS) > 0 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == len;
}

static bool
is_name(const char *text)
{
    struct uuid jti;

    return text_starts(text, NAME_PREFIX) && uuid_parse(text + sizeof NAME_PREFIX - 1, &jti);
}

/* Absolute, without a step up, of letters that no program takes for anything else. */
static bool
is_path(const char *text)
{
    static const char GOOD[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+@";
    size_t len = strlen(text);

    return text[0] == '/' && len < SUBMIT_TEXT - 200 && strspn(text, GOOD) == len && !strstr(text, "/../") &&
           !(len >= 3 && strcmp(text + len - 3, "/..") == 0);
}

static bool
is_count(const char *text, int64_t min, int64_t max)
{
    int64_t n;

    return text_to_i64(text, min, max, &n);
}

static bool
word_is_right(enum submit_word which, const char *text)
{
    switch (which) {
    case SUBMIT_USER:
    case SUBMIT_ACCOUNT:
        return submit_is_word(text);
    case SUBMIT_PARTITION:
    case SUBMIT_TYPE:
        return strcmp(text, "-") == 0 || submit_is_word(text);
    case SUBMIT_NAME:
        return is_name(text);
    case SUBMIT_NODES:
    case SUBMIT_GPUS:
        return is_count(text, 1, 1000000);
    case SUBMIT_MINUTES:
        return is_count(text, 1, 100000000);
    case SUBMIT_BEGIN:
    case SUBMIT_DEADLINE:
        return is_count(text, which == SUBMIT_BEGIN ? 0 : 1, 253402300799);
    case SUBMIT_FOLDER:
        return is_path(text);
    }
    return false;
}

enum err
submit_argv(const char *sbatch, const char *const words[SUBMIT_WORDS], struct submit_argv *ret, struct err_detail *d)
{
    static const char *const NAMES[SUBMIT_WORDS] = { "user",      "name", "account", "partition", "nodes",  "type",
                                                     "gpus", "minutes", "begin",     "deadline",  "folder" };
    size_t n = 0;

    for (int i = 0; i < SUBMIT_WORDS; i++)
        if (!word_is_right((enum submit_word)i, words[i]))
            return err_internal(d, ERR_FIELD_INVALID, "%s: \"%.60s\" does not do", NAMES[i], words[i]);
    text_format(ret->text[n++], SUBMIT_TEXT, "%s", sbatch);
    text_format(ret->text[n++], SUBMIT_TEXT, "--parsable");
    text_format(ret->text[n++], SUBMIT_TEXT, "--job-name=%s", words[SUBMIT_NAME]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--account=%s", words[SUBMIT_ACCOUNT]);
    if (strcmp(words[SUBMIT_PARTITION], "-") != 0)
        text_format(ret->text[n++], SUBMIT_TEXT, "--partition=%s", words[SUBMIT_PARTITION]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--nodes=%s", words[SUBMIT_NODES]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--ntasks-per-node=1");
    if (strcmp(words[SUBMIT_TYPE], "-") != 0)
        text_format(ret->text[n++], SUBMIT_TEXT, "--gres=gpu:%s:%s", words[SUBMIT_TYPE], words[SUBMIT_GPUS]);
    else
        text_format(ret->text[n++], SUBMIT_TEXT, "--gres=gpu:%s", words[SUBMIT_GPUS]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--time=%s", words[SUBMIT_MINUTES]);
    if (strcmp(words[SUBMIT_BEGIN], "0") != 0)
        text_format(ret->text[n++], SUBMIT_TEXT, "--begin=uts%s", words[SUBMIT_BEGIN]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--deadline=uts%s", words[SUBMIT_DEADLINE]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--no-requeue");
    text_format(ret->text[n++], SUBMIT_TEXT, "--export=ALL"); /* NONE would run the user's login shell first */
    text_format(ret->text[n++], SUBMIT_TEXT, "--open-mode=append");
    text_format(ret->text[n++], SUBMIT_TEXT, "--chdir=%s", words[SUBMIT_FOLDER]);
    text_format(ret->text[n++], SUBMIT_TEXT, "--output=%s/log-%s", words[SUBMIT_FOLDER], words[SUBMIT_NAME]);
    for (size_t i = 0; i < n; i++)
        ret->argv[i] = ret->text[i];
    ret->argv[n] = NULL;
    return OK;
}

/* ---- what is secret ---- */

#define SECRET_FILE 64

static bool
write_whole(int fd, struct bytes text)
{
    size_t at = 0;
    ssize_t n;

    while (at < text.len && (n = write(fd, text.data + at, text.len - at)) > 0)
        at += (size_t)n;
    return at == text.len && fsync(fd) == 0;
}

bool
submit_secrets(int dir, const char *name, struct bytes text)
{
    char path[SECRET_FILE], fresh[SECRET_FILE];
    bool good;
    int fd, why;

    text_format(path, sizeof path, "secret-%s", name);
    text_format(fresh, sizeof fresh, "secret-%s.new", name);
    unlinkat(dir, fresh, 0);
    fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    good = fd >= 0 && write_whole(fd, text);
    if (fd >= 0 && close(fd) != 0) /* where some file systems say that it was not written */
        good = false;
    if (good && renameat(dir, fresh, dir, path) == 0 && fsync(dir) == 0)
        return true;
    why = errno;
    submit_secrets_remove(dir, name);
    errno = why;
    return false;
}

void
submit_secrets_remove(int dir, const char *name)
{
    char path[SECRET_FILE];

    text_format(path, sizeof path, "secret-%s", name);
    unlinkat(dir, path, 0);
    text_format(path, sizeof path, "secret-%s.new", name);
    unlinkat(dir, path, 0);
}

/* ---- kontor-slurm-submit ---- */

struct conf {
    char sbatch[SUBMIT_TEXT], slurm_conf[SUBMIT_TEXT], folder[SUBMIT_TEXT];
    bool listed; /* the user that is asked for */
};

static int
refuse(const char *why, const char *what)
{
    fprintf(stderr, "kontor-slurm-submit: %s%s\n", why, what);
    return SUBMIT_REFUSES;
}

/* The file is root's and nobody else may write it: who could would become anybody. */
static bool
conf_read(const char *path, const char *user, struct conf *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *from = fd < 0 ? NULL : fdopen(fd, "r");
    char line[SUBMIT_TEXT + 32];
    struct stat st;
    bool good = from && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0;

    *ret = (struct conf){ .sbatch = "/usr/bin/sbatch", .slurm_conf = "/etc/slurm/slurm.conf" };
    while (good && fgets(line, sizeof line, from)) {
        char *text = text_trim(line), *value = text + strcspn(text, " \t");

        if (!text[0] || text[0] == '#')
            continue;
        if (*value)
            *value++ = 0;
        value = text_trim(value);
        if (strcmp(text, "user") == 0 && submit_is_word(value))
            ret->listed = ret->listed || strcmp(value, user) == 0;
        else if (strcmp(text, "sbatch") == 0 && is_path(value))
            text_format(ret->sbatch, sizeof ret->sbatch, "%s", value);
        else if (strcmp(text, "slurm_conf") == 0 && is_path(value))
            text_format(ret->slurm_conf, sizeof ret->slurm_conf, "%s", value);
        else if (strcmp(text, "folder") == 0 && is_path(value))
            text_format(ret->folder, sizeof ret->folder, "%s", value);
        else
            good = false;
    }
    if (from)
        fclose(from);
    return good && ret->folder[0];
}

/* For good, with all that root has. */
static bool
become(const struct passwd *who)
{
    if (geteuid() != 0)
        return who->pw_uid == geteuid() && who->pw_uid == getuid();
    return initgroups(who->pw_name, who->pw_gid) == 0 && setgid(who->pw_gid) == 0 && setuid(who->pw_uid) == 0 &&
           geteuid() == who->pw_uid && getuid() == who->pw_uid && getegid() == who->pw_gid && setuid(0) != 0;
}

/* From standard input, not a byte more, since the script follows; into the folder that we are in. */
static bool
take_secrets(const char *name, size_t len)
{
    uint8_t text[SUBMIT_SECRETS_MAX];
    size_t at = 0;
    ssize_t n;
    bool good;
    int dir;

    while (at < len && (n = read(STDIN_FILENO, text + at, len - at)) > 0)
        at += (size_t)n;
    dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    good = at == len && dir >= 0 && submit_secrets(dir, name, BYTES(text, len));
    explicit_bzero(text, sizeof text);
    return good;
}

int
submit_main(const char *conf_path, int argc, char **argv)
{
    struct submit_argv command;
    char slurm_conf[SUBMIT_TEXT + 16], folder[SUBMIT_TEXT];
    char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin", slurm_conf, (char *)"SLURM_TIME_FORMAT=%s",
                          (char *)"TZ=UTC", (char *)"LC_ALL=C", NULL };
    struct err_detail d = { 0 };
    struct passwd *who;
    struct conf conf;
    int64_t secrets_len = 0;

    if (argc != SUBMIT_WORDS + 1 && (argc != SUBMIT_WORDS + 2 || !text_to_i64(argv[SUBMIT_WORDS + 1], 1, SUBMIT_SECRETS_MAX, &secrets_len)))
        return refuse("it is kontor-agent that calls this; see its manual page", "");
    if (!submit_is_word(argv[1]) || !conf_read(conf_path, argv[1], &conf))
        return refuse("the settings cannot be used: they must be root's, and only root's to write: ", conf_path);
    if (submit_argv(conf.sbatch, (const char *const *)argv + 1, &command, &d) != OK)
        return refuse(d.internal, "");
    who = getpwnam(argv[1]);
    if (!who || who->pw_uid == 0 || who->pw_gid == 0 || !conf.listed)
        return refuse("not a user whose jobs are submitted here: ", argv[1]);
    text_format(folder, sizeof folder, "%s/%s", conf.folder, argv[1]);
    if (strcmp(folder, argv[1 + SUBMIT_FOLDER]) != 0)
        return refuse("jobs of that user do not run in ", argv[1 + SUBMIT_FOLDER]);
    if (!become(who))
        return refuse("cannot become ", argv[1]);
    text_format(slurm_conf, sizeof slurm_conf, "SLURM_CONF=%s", conf.slurm_conf);
    umask(007); /* the agent reads by the folder's group what the job writes */
    if (chdir(folder) != 0)
        return refuse("cannot be entered: ", folder);
    closefrom(3);
    if (secrets_len > 0 && !take_secrets(argv[1 + SUBMIT_NAME], (size_t)secrets_len)) {
        refuse("secrets cannot be written: ", strerror(errno));
        return SUBMIT_FAILS;
    }
    execve(command.argv[0], (char *const *)command.argv, env);
    return refuse("cannot run ", command.argv[0]);
}
