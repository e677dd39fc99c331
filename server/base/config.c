/* base/config.c: options from a file and from the command line; help and manual from the same table. */
#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

/* Of what the manual pages say, not of the day on which they are made: the same sources make the same pages. */
#define MANUAL_DATE "2026-11-23"

enum { LINE_MAX_BYTES = 4096 };

struct reading {
    const struct config_set *set;
    struct arena *arena;
    char *ret;        /* the struct that is filled */
    bool *given;      /* by option: it has a value */
    const char *file; /* --config */
    struct err_detail *detail;
};

/* ---- one value -------------------------------------------------------------------------------------------------- */

static bool
parse_flag(const char *text, bool *ret)
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return false;
    *ret = yes;
    return true;
}

/* where: "FILE:LINE" or "command line". */
static enum err
set_value(struct reading *r, size_t i, const char *text, const char *where)
{
    const struct config_option *o = &r->set->options[i];
    char *member = r->ret + o->offset;
    int64_t number;
    bool flag;
    const char *copy;

    switch (o->type) {
    case CONFIG_NUMBER:
        if (!text_to_i64(text, o->min, o->max, &number))
            return err_say(r->detail, ERR_CONFIG, "%s: %s must be a whole number from %lld to %lld, not \"%s\".", where,
                           o->name, (long long)o->min, (long long)o->max, text);
        memcpy(member, &number, sizeof number);
        break;
    case CONFIG_FLAG:
        if (!parse_flag(text, &flag))
            return err_say(r->detail, ERR_CONFIG, "%s: %s must be yes or no, not \"%s\".", where, o->name, text);
        memcpy(member, &flag, sizeof flag);
        break;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_SECRET:
        if (!text_is_line(text))
            return err_say(r->detail, ERR_CONFIG, "%s: %s must be UTF-8 without control characters.", where, o->name);
        if ((int64_t)strlen(text) < o->min || (int64_t)strlen(text) > o->max)
            return err_say(r->detail, ERR_CONFIG, "%s: %s must have from %lld to %lld bytes.", where, o->name,
                           (long long)o->min, (long long)o->max);
        copy = arena_text(r->arena, text);
        memcpy(member, &copy, sizeof copy);
        break;
    }
    r->given[i] = true;
    return OK;
}

static bool
same_name(const char *option, const char *name, size_t len)
{
    if (strlen(option) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (option[i] != (name[i] == '-' ? '_' : name[i]))
            return false;
    return true;
}

/* The option's place in the table; ERR_CONFIG if there is none. */
static enum err
find(struct reading *r, const char *name, size_t len, const char *where, size_t *ret)
{
    for (size_t i = 0; i < r->set->count; i++)
        if (same_name(r->set->options[i].name, name, len)) {
            *ret = i;
            return OK;
        }
    return err_say(r->detail, ERR_CONFIG, "%s: \"%.*s\" is not an option of %s.", where, (int)(len < 100 ? len : 100),
                   name, r->set->program);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static enum err
read_line(struct reading *r, char *line, const char *where)
{
    char *text = text_trim(line), *equals, *key;
    size_t i = 0;
    enum err err;

    if (*text == '\0' || *text == '#')
        return OK;
    equals = strchr(text, '=');
    if (equals == NULL)
        return err_say(r->detail, ERR_CONFIG, "%s: a line must read KEY = value.", where);
    *equals = '\0';
    key = text_trim(text);
    err = find(r, key, strlen(key), where, &i);
    if (err)
        return err;
    return set_value(r, i, text_trim(equals + 1), where);
}

static enum err
read_lines(struct reading *r, FILE *f, const char *path)
{
    char line[LINE_MAX_BYTES];
    char where[300];
    enum err err;

    for (int number = 1; fgets(line, sizeof line, f) != NULL; number++) {
        text_format(where, sizeof where, "%s:%d", path, number);
        if (strchr(line, '\n') == NULL && !feof(f))
            return err_say(r->detail, ERR_CONFIG, "%s: the line is too long.", where);
        err = read_line(r, line, where);
        if (err)
            return err;
    }
    if (ferror(f))
        return err_say(r->detail, ERR_IO, "%s: %s.", path, strerror(errno));
    return OK;
}

static enum err
read_file(struct reading *r)
{
    const char *path = r->file != NULL ? r->file : r->set->file;
    enum err err;
    FILE *f;

    if (path == NULL)
        return OK;
    f = fopen(path, "re");
    if (f == NULL) {
        if (r->file == NULL && errno == ENOENT)
            return OK;
        return err_say(r->detail, ERR_IO, "%s: %s.", path, strerror(errno));
    }
    err = read_lines(r, f, path);
    fclose(f);
    return err;
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

static bool
is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] == '-' && arg[2] != '\0';
}

/* What concerns the command line itself: the file's name, the four questions, the other arguments. */
static void
read_rest(struct reading *r, int argc, char *const *argv, struct config_rest *rest)
{
    bool options = true;

    rest->argv = arena_alloc(r->arena, ((size_t)argc + 1) * sizeof *rest->argv);
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (!options || !is_option(argv[i]))
            rest->argv[rest->argc++] = arena_text(r->arena, argv[i]);
        else if (strcmp(argv[i], "--help") == 0)
            rest->help = true;
        else if (strcmp(argv[i], "--version") == 0)
            rest->version = true;
        else if (strcmp(argv[i], "--manual") == 0)
            rest->manual = true;
        else if (strcmp(argv[i], "--example") == 0)
            rest->example = true;
        else if (text_starts(argv[i], "--config="))
            r->file = argv[i] + strlen("--config=");
    }
}

static enum err
read_flags(struct reading *r, int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *name = argv[i] + 2, *equals;
        size_t at = 0;
        enum err err;

        if (!is_option(argv[i]) || text_starts(argv[i], "--config="))
            continue;
        equals = strchr(name, '=');
        err = find(r, name, equals != NULL ? (size_t)(equals - name) : strlen(name), "command line", &at);
        if (err)
            return err;
        if (equals == NULL && r->set->options[at].type != CONFIG_FLAG)
            return err_say(r->detail, ERR_CONFIG, "command line: write --%s=VALUE.", name);
        err = set_value(r, at, equals != NULL ? equals + 1 : "yes", "command line");
        if (err)
            return err;
    }
    return OK;
}

enum err
config_read(const struct config_set *set, struct arena *a, int argc, char *const *argv, void *ret,
            struct config_rest *rest, struct err_detail *d)
{
    struct reading r = { .set = set, .arena = a, .ret = ret, .detail = d };
    enum err err;

    *rest = (struct config_rest){ 0 };
    r.given = arena_alloc(a, set->count * sizeof *r.given);
    for (size_t i = 0; i < set->count; i++)
        if (set->options[i].initial != NULL) {
            err = set_value(&r, i, set->options[i].initial, "default");
            assert(err == OK); /* a default obeys its own limits; a test goes through all of them */
        }
    read_rest(&r, argc, argv, rest);
    if (rest->help || rest->version || rest->manual || rest->example)
        return OK;
    err = read_file(&r);
    if (!err)
        err = read_flags(&r, argc, argv);
    if (err)
        return err;
    for (size_t i = 0; i < set->count; i++)
        if (!r.given[i])
            return err_say(d, ERR_CONFIG, "The option %s is required.", set->options[i].name);
    return OK;
}

enum err
config_secret(const char *path, struct arena *a, const char **ret, struct err_detail *d)
{
    char line[LINE_MAX_BYTES];
    struct stat st;
    bool got;
    FILE *f = fopen(path, "re");

    if (f == NULL)
        return err_say(d, ERR_IO, "%s: %s.", path, strerror(errno));
    if (fstat(fileno(f), &st) != 0 || (st.st_mode & 0077) != 0) {
        fclose(f);
        return err_say(d, ERR_CONFIG, "%s: a secret's file must be closed to others (chmod 600).", path);
    }
    got = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    if (!got || strlen(line) == sizeof line - 1 || line[0] == '\n' || line[0] == '\r')
        return err_say(d, ERR_CONFIG, "%s: the secret is empty or too long.", path);
    line[strcspn(line, "\r\n")] = '\0';
    *ret = arena_text(a, line);
    return OK;
}

/* ---- help and manual -------------------------------------------------------------------------------------------- */

static const char *
placeholder(enum config_type type)
{
    switch (type) {
    case CONFIG_NUMBER:
        return "=NUMBER";
    case CONFIG_FLAG:
        return "[=yes|no]";
    case CONFIG_TEXT:
        return "=TEXT";
    case CONFIG_PATH:
        return "=PATH";
    case CONFIG_SECRET:
        return "=FILE";
    }
    return "";
}

/* Print text in lines of at most 96 bytes, each indented. */
static void
print_wrapped(const char *text, const char *indent, FILE *to)
{
    enum { WIDTH = 96 };
    size_t column = 0;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > WIDTH) {
            fputc('\n', to);
            column = 0;
        }
        column += (size_t)fprintf(to, "%s%.*s", column > 0 ? " " : indent, (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void
print_name(const char *name, FILE *to, const char *dash)
{
    for (; *name != '\0'; name++)
        fputs(*name == '_' ? dash : (char[]){ *name, '\0' }, to);
}

/* "sentence (default: x)", with the limits of a number. */
static void
describe(const struct config_option *o, char *ret, size_t cap)
{
    size_t len;

    text_format(ret, cap, "%s", o->sentence);
    if (o->type == CONFIG_NUMBER) {
        len = strlen(ret);
        text_format(ret + len, cap - len, " From %lld to %lld.", (long long)o->min, (long long)o->max);
    }
    len = strlen(ret);
    if (o->initial == NULL)
        text_format(ret + len, cap - len, " Required.");
    else if (o->initial[0] != '\0')
        text_format(ret + len, cap - len, " (default: %s)", o->initial);
}

static void
print_synopsis(const struct config_set *set, FILE *to, const char *between, const char *before, const char *after)
{
    for (const char *at = set->synopsis; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        fprintf(to, "%s%s%s%s%.*s\n", at == set->synopsis ? "" : between, before, set->program, after, (int)len, at);
        at += len + (at[len] == '\n');
    }
}

void
config_help(const struct config_set *set, FILE *to)
{
    char text[1000];

    fprintf(to, "%s: %s.\n\nusage:\n", set->program, set->summary);
    print_synopsis(set, to, "", "  ", " ");
    fputs("\noptions (in the file: KEY = value):\n", to);
    fputs("  --config=FILE\n", to);
    text_format(text, sizeof text, "The file of options.%s%s%s", set->file != NULL ? " (default, if it exists: " : "",
                set->file != NULL ? set->file : "", set->file != NULL ? ")" : "");
    print_wrapped(text, "        ", to);
    for (size_t i = 0; i < set->count; i++) {
        const struct config_option *o = &set->options[i];
        fputs("  --", to);
        print_name(o->name, to, "-");
        fprintf(to, "%s\n", placeholder(o->type));
        describe(o, text, sizeof text);
        print_wrapped(text, "        ", to);
    }
}

void
config_example(const struct config_set *set, FILE *to)
{
    char text[1000];

    fprintf(to, "# %s: the options of %s(%d), each with its default. To set one, remove the # before its name.\n",
            set->file != NULL ? set->file : "Options", set->program, set->section);
    fputs("# A line reads KEY = value; an unknown key is an error; flags on the command line win over this file.\n", to);
    for (size_t i = 0; i < set->count; i++) {
        const struct config_option *o = &set->options[i];

        text_format(text, sizeof text, "%s%s", o->sentence, o->initial == NULL ? " Required." : "");
        if (o->type == CONFIG_NUMBER)
            text_format(text + strlen(text), sizeof text - strlen(text), " From %lld to %lld.", (long long)o->min, (long long)o->max);
        fputc('\n', to);
        print_wrapped(text, "# ", to);
        fprintf(to, "#%s =%s%s\n", o->name, o->initial != NULL && o->initial[0] != '\0' ? " " : "", o->initial != NULL ? o->initial : "");
    }
}

/* Print what stands at text, which is no ASCII, as troff's own name of it. Returns its bytes. */
static size_t
print_troff_wide(const char *text, FILE *to)
{
    size_t len = text_utf8_char(text, strlen(text));
    unsigned code;

    assert(len > 1); /* the tables are UTF-8 */
    code = (unsigned char)text[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    fprintf(to, "\\[u%04X]", code);
    return len;
}

/* troff: a backslash, a dash and what is no ASCII are escaped, a line must not begin with a control character. */
void
config_troff(const char *text, FILE *to)
{
    bool start = true;

    for (; *text != '\0'; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        if ((unsigned char)*text >= 0x80)
            text += print_troff_wide(text, to) - 1;
        else if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else if (*text == '\n' && text[1] == '\n') {
            fputs("\n.PP", to);
        } else
            fputc(*text, to);
        start = *text == '\n';
    }
    fputc('\n', to);
}

void
config_manual(const struct config_set *set, FILE *to)
{
    char text[1000];

    fprintf(to, ".TH %s %d " MANUAL_DATE " \"Kontor\"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", set->program, set->section,
            set->program, set->summary);
    print_synopsis(set, to, ".br\n", ".B ", "\n");
    fputs(".SH DESCRIPTION\n", to);
    config_troff(set->description, to);
    fputs(".SH OPTIONS\nAn option is a flag on the command line (\\-\\-key=value) or a line of the file (KEY = value; a"
          " line that begins with # is a comment).\nFlags win over the file. An unknown key is an error.\n",
          to);
    fputs(".TP\n.B \\-\\-config=FILE\nThe file of options.\n", to);
    for (size_t i = 0; i < set->count; i++) {
        const struct config_option *o = &set->options[i];
        fputs(".TP\n.B \\-\\-", to);
        print_name(o->name, to, "\\-");
        fprintf(to, "%s\n", placeholder(o->type));
        describe(o, text, sizeof text);
        config_troff(text, to);
    }
    if (set->file != NULL)
        fprintf(to, ".SH FILES\n.TP\n.I %s\nRead if \\-\\-config is not given and the file exists.\n", set->file);
    fputs(".SH EXIT STATUS\n", to);
    config_troff(set->exits != NULL ? set->exits
                                   : "0 after success, 1 after a failure, 2 after a wrong command line or configuration.", to);
}

int
config_begin(const struct config_set *set, struct arena *a, int argc, char *const *argv, void *ret,
             struct config_rest *rest)
{
    struct err_detail detail = { 0 };

    if (config_read(set, a, argc, argv, ret, rest, &detail) != OK) {
        fprintf(stderr, "%s: %s\n", set->program, detail.text);
        return 2;
    }
    if (rest->help)
        config_help(set, stdout);
    else if (rest->manual)
        config_manual(set, stdout);
    else if (rest->example)
        config_example(set, stdout);
    else if (rest->version)
        printf("%s %s\n", set->program, PACKAGE_VERSION);
    else
        return -1;
    return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- kontord ---------------------------------------------------------------------------------------------------- */

static const struct config_option KONTORD_OPTIONS[] = {
#define C(...) CONFIG_OPTION(config, __VA_ARGS__)
#include "base/config.def"
#undef C
};

const struct config_set CONFIG_KONTORD = {
    .program = "kontord",
    .section = 8,
    .summary = "the server of the Kontor marketplace",
    .synopsis = "serve [OPTION...]\n"
                "migrate [OPTION...]\n"
                "keygen [OPTION...]\n"
                "begin [OPTION...] EXPORT-OF-THE-OLDER\n"
                "export [OPTION...] DIR\n"
                "reseal [OPTION...]\n"
                "poisoned [OPTION...] [SCOPE]\n"
                "admit --rollback-to N --reason=WHY\n"
                "admin [--config=FILE | --data-dir=DIR] VERB [--FIELD=VALUE...]\n"
                "passwords\n"
                "routes",
    .description =
        "kontord keeps the ledger of GPU-hour credits, brokers requests to sites, issues signed tickets to the"
        " sites' agents, and serves the web pages and the API.\n\n"
        "serve runs the server. migrate brings the database to this version. keygen makes the server's"
        " keys. begin starts a journal that follows an older one. export writes the whole journal to a folder, for"
        " kontor-audit, and names each row of the database that was changed behind the server's back. reseal, with no server"
        " running, lists those rows and seals all of them as they are now, also where seal.key was lost. poisoned lists the commands that were set aside, or releases one. admit admits a rollback that"
        " witnesses have seen. admin administers a running server through the socket in its data directory; kontord admin"
        " --help lists the verbs, as this page does below. passwords is started by the server, up to twice, to hash passwords at a low"
        " priority; people have no use for it. routes lists the HTTP interface.",
    .file = "/etc/kontor/kontord.conf",
    .options = KONTORD_OPTIONS,
    .count = sizeof KONTORD_OPTIONS / sizeof KONTORD_OPTIONS[0],
};
