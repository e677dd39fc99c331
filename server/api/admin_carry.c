/* api/admin_carry.c: the orders that carry a journal's balances over to a new origin, given one after the other. */
#include "api/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

enum { DONE = 0, REFUSED = 1, USAGE = 2, AWAY = 3, LINE_MAX_ = 8192, NAME_MAX_ = 64 };

/* What earlier answers have named. */
struct made { char name[NAME_MAX_]; int64_t number; struct made *next; };

struct carrying {
    const char *data_dir, *file;
    struct arena *arena;
    struct made *made;
    unsigned line, given;
};

static int
wrong(const struct carrying *w, const char *what)
{
    fprintf(stderr, "kontord admin: %s, line %u: %s\n", w->file, w->line, what);
    return USAGE;
}

/* A whole number of a reply, by its name; -1 if there is none. */
static int64_t
number_in(const char *reply, const char *name)
{
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(BYTES_TEXT(reply), &detail);
    int64_t number = json_in_i64_or(&in, name, 0, INT64_MAX, -1);
    enum err unread = json_in_close(&in); /* other members are no error here */

    (void)unread;
    return number;
}

/* Is the server's journal the one that follows the orders'? */
static int
check_journal(const struct carrying *w, const char *root, int64_t size)
{
    char *reply;
    int status = 0;
    bool same;

    reply = admin_exchange(w->data_dir, "GET", "/v1/journal/entries/0", "none", "", &status);
    if (!reply)
        return AWAY;
    if (status >= 400) {
        status = admin_problem(reply);
        free(reply);
        return status;
    }
    same = strstr(reply, arena_printf(w->arena, "\"old_size\":%" PRId64 ",\"old_root\":\"%s\"", size, root)) != NULL;
    free(reply);
    if (!same)
        fprintf(stderr, "kontord admin: the journal here does not follow the one that these orders are from\n");
    return same ? DONE : REFUSED;
}

/* A fund or tranche "@NAME" in the body becomes the number that NAME was given. NULL: it was not given. */
static const char *
fill(const struct carrying *w, const char *body)
{
    static const char *const MEMBERS[] = { "\"fund\":\"@", "\"tranche\":\"@" };

    for (size_t i = 0; i < 2; i++) {
        const char *at = strstr(body, MEMBERS[i]), *name = at ? at + strlen(MEMBERS[i]) : NULL, *end = name ? strchr(name, '"') : NULL;
        const struct made *m = w->made;

        if (end == NULL)
            continue;
        while (m != NULL && (strlen(m->name) != (size_t)(end - name) || strncmp(m->name, name, strlen(m->name)) != 0))
            m = m->next;
        if (m == NULL)
            return NULL;
        body = arena_printf(w->arena, "%.*s%" PRId64 "%s", (int)(name - 2 - body), body, m->number, end + 1);
    }
    return body;
}

static void
remember(struct carrying *w, const char *name, const char *reply)
{
    struct made *m = arena_alloc(w->arena, sizeof *m);
    int64_t number = number_in(reply, "account");

    text_format(m->name, sizeof m->name, "%s", name);
    m->number = number >= 0 ? number : number_in(reply, "index");
    m->next = w->made;
    w->made = m;
    printf("%s is %" PRId64 "\n", m->name, m->number);
}

static int
give(struct carrying *w, const char *path, const char *key, const char *as, const char *body)
{
    const char *filled = fill(w, body);
    char *reply;
    int status = 0;

    if (filled == NULL)
        return wrong(w, "it names what no line before it has made");
    reply = admin_exchange(w->data_dir, "POST", path, key, filled, &status);
    if (!reply)
        return AWAY;
    if (status >= 400) {
        fprintf(stderr, "kontord admin: %s, line %u, %s:\n", w->file, w->line, as);
        status = admin_problem(reply);
    } else {
        remember(w, as, reply);
        w->given++;
        status = DONE;
    }
    free(reply);
    return status;
}

static int
take_line(struct carrying *w, const char *line)
{
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(BYTES_TEXT(line), &detail);
    const char *root = "", *path = "", *key = "", *as = "", *body = "";
    int64_t size = 0;
    char *object = NULL;
    size_t len;

    if (w->line == 1) {
        json_in_text(&in, "origin", 1, 64);
        size = json_in_i64(&in, "size", 1, INT64_MAX);
        root = arena_text(w->arena, json_in_text(&in, "root", 64, 64));
    } else {
        path = arena_text(w->arena, json_in_text(&in, "path", 4, 100));
        key = arena_text(w->arena, json_in_text(&in, "key", 8, 100));
        as = arena_text(w->arena, json_in_text(&in, "as", 1, NAME_MAX_ - 1));
        object = json_in_any(&in, "body", &len);
        body = object ? arena_textn(w->arena, object, len) : "";
        free(object);
    }
    if (json_in_close(&in) != OK)
        return wrong(w, detail.text[0] ? detail.text : "it is not as kontor-audit carry-over writes it");
    if (w->line > 1 && strncmp(path, "/v1/", 4) == 0 && strpbrk(path, " \r\n") == NULL && strpbrk(key, " \r\n") == NULL)
        return give(w, path, key, as, body);
    return w->line == 1 ? check_journal(w, root, size) : wrong(w, "it is no call of the API");
}

int
admin_carry_over(const char *data_dir, const char *file)
{
    struct carrying w = { .data_dir = data_dir, .file = file, .arena = arena_new() };
    char line[LINE_MAX_];
    FILE *f = fopen(file, "re");
    int status = DONE;

    if (f == NULL) {
        fprintf(stderr, "kontord admin: %s: %s\n", file, strerror(errno));
        arena_delete(w.arena);
        return USAGE;
    }
    while (status == DONE && fgets(line, sizeof line, f) != NULL) {
        w.line++;
        status = take_line(&w, line);
    }
    fclose(f);
    if (status == DONE)
        printf("%u orders given\n", w.given);
    arena_delete(w.arena);
    return status;
}
