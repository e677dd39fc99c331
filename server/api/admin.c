/* api/admin.c: the operator's command line: words into one HTTP request over the unix socket, its reply to the screen. */
#include "api/admin.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"

enum { DONE = 0, REFUSED = 1, USAGE = 2, AWAY = 3 };
enum { FIELDS_MAX = 16, SECRET_MAX = 1024, ANSWER_WAIT_S = 60 };
#define REPLY_MAX ((size_t)64 << 20)

enum field_type { TEXT, LIST, FLOORS, INT, BOOL, SECRET, OFFICERS };
enum field_need { NONE, PATH, MUST, MAY };
struct field {
    const char *name;
    enum field_type type;
    enum field_need need;
    const char *member, *hint;
};
struct verb {
    const char *name, *path, *sentence;
    struct field fields[FIELDS_MAX];
};

static const struct verb VERBS[] = {
#define F(n, t, need_, m, h) { n, t, need_, m, h },
#define V(n, p, s, ...)      { .name = n, .path = p, .sentence = s, .fields = { __VA_ARGS__ } },
#include "api/admin.def"
#undef V
#undef F
};
#define VERBS_N (sizeof VERBS / sizeof VERBS[0])

/* The words of one call: value[i] belongs to verb->fields[i]; officers come twice. */
struct words {
    const struct verb *verb;
    const char *value[FIELDS_MAX], *second[FIELDS_MAX];
    const char *password_file[2];
    size_t password_files;
    const char *key;
};

static int
help(FILE *to, const struct verb *one)
{
    fputs("usage: kontord admin [WHERE] VERB [--FIELD=VALUE ...]\n       kontord admin [WHERE] get PATH\n       kontord admin [WHERE] carry-over --orders=FILE\n", to);
    for (size_t v = 0; v < VERBS_N; v++) {
        if (one && one != &VERBS[v])
            continue;
        fprintf(to, "\n  %-18s %s", VERBS[v].name, VERBS[v].sentence);
        for (const struct field *f = VERBS[v].fields; one && f->name; f++)
            fprintf(to, "\n      --%-20s %s%s", f->name, f->hint, f->need == MAY ? " (optional)" : "");
        if (one && one->fields[0].name)
            fprintf(to, "\n      --%-20s %s", "key", "Idempotency-Key for a safe repeat (optional; else a new one)");
    }
    if (!one)
        fputs("\n\nkontord admin VERB --help lists a verb's fields.\nWHERE the server's data directory is: --config=FILE, or --data-dir=DIR; else KONTOR_DATA_DIR, or /etc/kontor/kontord.conf.", to);
    fputc('\n', to);
    return to == stdout ? DONE : USAGE;
}

void
admin_manual(FILE *to)
{
    fputs(".SH VERBS OF KONTORD ADMIN\n", to);
    for (size_t v = 0; v < VERBS_N; v++) {
        fputs(".TP\n.B ", to);
        config_troff(VERBS[v].name, to);
        config_troff(VERBS[v].sentence, to);
        for (const struct field *f = VERBS[v].fields; f->name; f++) {
            fputs(".br\n.B \\-\\-", to);
            config_troff(f->name, to);
            config_troff(f->hint, to);
            if (f->need == MAY)
                fputs("(optional)\n", to);
        }
    }
}

static int
wrong(const char *what, const char *which)
{
    fprintf(stderr, "kontord admin: %s: %s\n", what, which);
    return USAGE;
}

/* One word --name=value. False if it is not one of the verb's. */
static bool
take_word(struct words *w, const char *word)
{
    const char *equals = strchr(word, '=');

    if (strncmp(word, "--", 2) != 0 || !equals)
        return false;

    size_t len = (size_t)(equals - word) - 2;

    if (len == 3 && strncmp(word + 2, "key", 3) == 0) {
        w->key = equals + 1;
        return true;
    }
    if (len == 21 && strncmp(word + 2, "officer-password-file", 21) == 0 && w->password_files < 2) {
        w->password_file[w->password_files++] = equals + 1;
        return true;
    }
    for (size_t i = 0; w->verb->fields[i].name; i++) {
        if (strlen(w->verb->fields[i].name) != len || strncmp(word + 2, w->verb->fields[i].name, len) != 0)
            continue;
        if (!w->value[i])
            w->value[i] = equals + 1;
        else if (w->verb->fields[i].type == OFFICERS && !w->second[i])
            w->second[i] = equals + 1;
        else
            return false;
        return true;
    }
    return false;
}

/* First line of a file that holds a secret. */
static bool
read_secret(const char *path, char ret[SECRET_MAX])
{
    FILE *file = fopen(path, "re");
    bool ok = file && fgets(ret, SECRET_MAX, file);

    if (file)
        fclose(file);
    if (!ok)
        return false;
    ret[strcspn(ret, "\r\n")] = '\0';
    return true;
}

/* Ask for a password on the terminal, without showing it. */
static bool
ask_secret(const char *who, char ret[SECRET_MAX])
{
    struct termios old, quiet;
    bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;

    fprintf(stderr, "Password of %s: ", who);
    if (terminal) {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }

    bool ok = fgets(ret, SECRET_MAX, stdin);

    if (terminal)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    if (ok)
        ret[strcspn(ret, "\r\n")] = '\0';
    return ok;
}

static int
put_officers(struct json_out *o, const struct words *w, size_t i)
{
    if (!w->second[i])
        return wrong("two officers must sign; give twice", w->verb->fields[i].name);
    json_open_array(o, w->verb->fields[i].member);
    for (size_t n = 0; n < 2; n++) {
        const char *email = n == 0 ? w->value[i] : w->second[i];
        char secret[SECRET_MAX];
        bool ok = w->password_files == 2 ? read_secret(w->password_file[n], secret) : ask_secret(email, secret);

        if (!ok)
            return wrong("no password for", email);
        json_open(o, NULL);
        json_text(o, "email", email);
        json_text(o, "password", secret);
        json_shut(o);
        explicit_bzero(secret, sizeof secret);
    }
    json_shut_array(o);
    return DONE;
}

/* Words between commas; "all" alone is the empty list. */
static void
put_list(struct json_out *o, const char *member, const char *value)
{
    json_open_array(o, member);
    for (const char *at = strcmp(value, "all") == 0 ? "" : value; *at; at += strcspn(at, ","), at += *at == ',')
        json_textn(o, NULL, at, strcspn(at, ","));
    json_shut_array(o);
}

/* MODE=GPUS between commas; "none" alone is the empty list. What is left out by mistake must not clear what is kept. */
static int
put_floors(struct json_out *o, const char *member, const char *value)
{
    const char *at = strcmp(value, "none") == 0 ? "" : value;

    if (*value == '\0')
        return wrong("not MODE=GPUS between commas, nor none", member);
    json_open_array(o, member);
    while (*at) {
        const char *gpus = at + strcspn(at, "=,") + 1;
        char *end = NULL;
        long long n;

        errno = 0;
        if (gpus[-1] != '=' || gpus - 1 == at || !isdigit((unsigned char)*gpus))
            return wrong("not MODE=GPUS between commas, nor none", at);
        n = strtoll(gpus, &end, 10);
        if (errno || (*end && *end != ','))
            return wrong("not a whole number of GPUs", gpus);
        json_open(o, NULL);
        json_textn(o, "mode", at, (size_t)(gpus - 1 - at));
        json_i64(o, "gpus", n);
        json_shut(o);
        at = end + (*end == ',');
    }
    json_shut_array(o);
    return DONE;
}

static int
put_field(struct json_out *o, const struct words *w, size_t i, const char *member)
{
    const struct field *f = &w->verb->fields[i];
    const char *value = w->value[i];
    char secret[SECRET_MAX], *end;

    if (f->type == TEXT) {
        json_text(o, member, value);
    } else if (f->type == LIST) {
        put_list(o, member, value);
    } else if (f->type == FLOORS) {
        return put_floors(o, member, value);
    } else if (f->type == INT) {
        errno = 0;
        long long n = strtoll(value, &end, 10);
        if (errno || *end || end == value)
            return wrong("not a whole number", f->name);
        json_i64(o, member, n);
    } else if (f->type == BOOL) {
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return wrong("must be true or false", f->name);
        json_bool(o, member, *value == 't');
    } else if (f->type == SECRET) {
        if (!read_secret(value, secret))
            return wrong("cannot be read", value);
        json_text(o, member, secret);
        explicit_bzero(secret, sizeof secret);
    } else {
        return put_officers(o, w, i);
    }
    return DONE;
}

/* The body: top-level members first, then "roles." as an array of one object. */
static int
make_body(struct json_out *o, const struct words *w)
{
    bool roles = false;
    int status;

    json_open(o, NULL);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; w->verb->fields[i].name; i++) {
            const struct field *f = &w->verb->fields[i];
            bool inner = strncmp(f->member, "roles.", 6) == 0;

            if (!w->value[i] && f->need != MAY)
                return wrong("missing", f->name);
            if (!w->value[i] || f->need == PATH || inner != (pass == 1))
                continue;
            if (inner && !roles) {
                json_open_array(o, "roles");
                json_open(o, NULL);
                roles = true;
            }
            if ((status = put_field(o, w, i, inner ? f->member + 6 : f->member)) != DONE)
                return status;
        }
    }
    if (roles) {
        json_shut(o);
        json_shut_array(o);
    }
    json_shut(o);
    return DONE;
}

/* Fill {field} from the words. Only what is safe in a path passes. */
static int
make_path(const struct words *w, char *ret, size_t room)
{
    size_t used = 0;

    for (const char *p = w->verb->path; *p; p++) {
        const char *value = NULL;

        if (*p == '{') {
            size_t len = strcspn(p + 1, "}");
            for (size_t i = 0; w->verb->fields[i].name; i++)
                if (strlen(w->verb->fields[i].name) == len && strncmp(w->verb->fields[i].name, p + 1, len) == 0)
                    value = w->value[i] ? w->value[i] : "";
            p += len + 1;
            if (!value || !*value)
                return wrong("missing in the path", w->verb->path);
        }
        for (const char *c = value ? value : p; *c; c++) {
            if (value && !isalnum((unsigned char)*c) && *c != '-')
                return wrong("not acceptable in a path", value);
            if (used + 1 >= room)
                return wrong("too long", w->verb->path);
            ret[used++] = *c;
            if (!value)
                break;
        }
    }
    ret[used] = '\0';
    return DONE;
}

static int
connect_admin(const char *data_dir)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
    int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/admin.sock", data_dir);

    if (n < 0 || (size_t)n >= sizeof to.sun_path)
        return -1;

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool
send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Read until the server closes. */
static char *
read_all(int fd, size_t *ret_len)
{
    size_t cap = 64 << 10, len = 0;
    char *text = xmalloc(cap + 1);

    for (;;) {
        ssize_t n = recv(fd, text + len, cap - len, 0);
        if (n < 0 || len >= REPLY_MAX) {
            free(text);
            return NULL;
        }
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == cap)
            text = xrealloc(text, (cap *= 2) + 1);
    }
    text[len] = '\0';
    *ret_len = len;
    return text;
}

/* Print a problem document's detail and code, whatever its other members. */
int
admin_problem(const char *body)
{
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(BYTES_TEXT(body), &detail);
    const char *reason = json_in_text_or(&in, "reason", 1000, "the server refused"); /* what health says instead */
    const char *text = json_in_text_or(&in, "detail", 1000, reason);
    const char *pointer = json_in_text_or(&in, "pointer", 200, "");

    fprintf(stderr, "kontord admin: %s%s%s (%s)\n", text, *pointer ? " at " : "", pointer,
            json_in_text_or(&in, "code", 80, json_in_text_or(&in, "phase", 80, "?")));
    enum err unread = json_in_close(&in);
    (void)unread; /* members that this client does not show are no error here */
    return REFUSED;
}

char *
admin_exchange(const char *data_dir, const char *method, const char *path, const char *key, const char *body, int *ret_status)
{
    char text[1024];
    int fd = connect_admin(data_dir);
    size_t len = 0;

    if (fd < 0) {
        fprintf(stderr, "kontord admin: no server answers at %s/admin.sock: %s\n", data_dir, strerror(errno));
        return NULL;
    }
    snprintf(text, sizeof text,
             "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
             "Idempotency-Key: %s\r\nContent-Length: %zu\r\n\r\n",
             method, path, key, strlen(body));

    char *reply = send_all(fd, text, strlen(text)) && send_all(fd, body, strlen(body)) ? read_all(fd, &len) : NULL;

    close(fd);
    char *content = reply ? strstr(reply, "\r\n\r\n") : NULL;

    if (!content || sscanf(reply, "HTTP/1.1 %d", ret_status) != 1) {
        fputs("kontord admin: the server did not answer; repeat with the same --key\n", stderr);
        free(reply);
        return NULL;
    }
    memmove(reply, content + 4, strlen(content + 4) + 1);
    return reply;
}

static int
call(const char *data_dir, const char *method, const char *path, const char *key, const char *body)
{
    int status = 0;
    char *reply = admin_exchange(data_dir, method, path, key, body, &status);

    if (!reply)
        return AWAY;
    if (status >= 400)
        status = admin_problem(reply);
    else
        status = puts(reply) < 0 ? AWAY : DONE;
    free(reply);
    return status;
}

static void
new_key(char ret[UUID_TEXT])
{
    uint8_t random[10];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        fatal("no randomness from the system");
    uuid_text(uuid_v7(real_now_ms(), random), ret);
}

int
admin_main(const char *data_dir, int argc, char **argv)
{
    struct words w = { 0 };
    char key[UUID_TEXT], path[512];
    struct json_out body = { 0 };

    if (argc < 1 || strcmp(argv[0], "--help") == 0)
        return help(argc < 1 ? stderr : stdout, NULL);
    new_key(key);
    if (strcmp(argv[0], "carry-over") == 0)
        return argc == 2 && strncmp(argv[1], "--orders=", 9) == 0 ? admin_carry_over(data_dir, argv[1] + 9) : help(stderr, NULL);
    if (strcmp(argv[0], "get") == 0)
        return argc == 2 && argv[1][0] == '/' ? call(data_dir, "GET", argv[1], key, "") : help(stderr, NULL);
    for (size_t v = 0; v < VERBS_N; v++)
        if (strcmp(VERBS[v].name, argv[0]) == 0)
            w.verb = &VERBS[v];
    if (!w.verb)
        return wrong("no such verb (see kontord admin --help)", argv[0]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return help(stdout, w.verb);
        if (!take_word(&w, argv[i]))
            return wrong("not a field of this verb, or given twice", argv[i]);
    }

    int status = make_path(&w, path, sizeof path);

    if (status == DONE)
        status = make_body(&body, &w);
    if (status == DONE)
        status = call(data_dir, "POST", path, w.key ? w.key : key, body.text);
    if (body.text)
        explicit_bzero(body.text, body.len);
    json_out_free(&body);
    return status;
}
