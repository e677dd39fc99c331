/* api/exports.c */
#include "api/exports.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/pour.h"
#include "base/csv.h"
#include "base/json_rows.h"
#include "base/text.h"
#include "market/cosigning.h"
#include "market/notary.h"
#include "market/state.h"

enum { PAGE = 200, CURSOR_MAX = 200 };

struct list { const char *route; bool paged; const char *columns; };
static const struct list LISTS[] = {
#define E(operation, pages, names) { #operation, pages, names },
#include "api/exports.def"
#undef E
};

struct export {
    const struct list *list;
    bool csv;
    struct http_call page; /* the call's, with the query of its next page */
    size_t filters;        /* how many of the query's are the caller's own */
    char limit[TEXT_I64], cursor[CURSOR_MAX];
    struct json_out first; /* what was made before it was known to go well */
    bool more;
};

static const struct list *
list_of(const struct call *call)
{
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++)
        if (strcmp(call->route->name, LISTS[i].route) == 0)
            return &LISTS[i];
    return NULL;
}

bool
exports_wanted(const struct call *call)
{
    return call->route->method == HTTP_GET && call_query(call, "format") && list_of(call);
}

/* ---- lines ----------------------------------------------------------------------------------------------------------- */

/* The next column's name into ret; false at the end. */
static bool
next_column(const char **at, char ret[64])
{
    size_t len = strcspn(*at, " ");

    if (len == 0)
        return false;
    snprintf(ret, 64, "%.*s", (int)len, *at);
    *at += len + ((*at)[len] == ' ');
    return true;
}

static void
row_csv(const struct export *x, const struct json_rows *rows, size_t i, struct json_out *out)
{
    const char *at = x->list->columns, *comma = "";
    char name[64];

    for (; next_column(&at, name); comma = ",") {
        int64_t number;
        bool plain;
        char *value = json_rows_value(rows, i, name, &plain);

        csv_add(out, comma, strlen(comma));
        if (plain || text_to_i64(value, INT64_MIN, INT64_MAX, &number))
            csv_add(out, value, strlen(value));
        else
            csv_field(out, value);
        free(value);
    }
    csv_add(out, "\r\n", 2);
}

static void
row_jsonl(const struct json_rows *rows, size_t i, struct json_out *out)
{
    char *line = json_rows_line(rows, i);

    csv_add(out, line, strlen(line));
    csv_add(out, "\n", 1);
    free(line);
}

/* The caller's own filters as they stood in the query. */
static const char *
filters_of(struct call *call, const struct export *x)
{
    const char *text = "";

    for (size_t i = 0; i < x->filters; i++)
        text = arena_printf(call->arena, "%s%s%s=%s", text, i ? "&" : "", x->page.query[i].name, x->page.query[i].value);
    return text;
}

static void
put_head(struct call *call, struct export *x, const char *origin, const struct checkpoint_row *row)
{
    const char *filters = filters_of(call, x), *at = x->list->columns;
    char root[BASE64_LEN(32)], time[TIME_TEXT], name[64];
    struct json_out json = { 0 };

    base64_encode(BYTES(row->root.b, 32), root);
    time_text(row->signed_ms, time);
    if (x->csv) {
        csv_printf(&x->first, "\"# %s\",\"checkpoint\",", x->list->route);
        csv_field(&x->first, origin);
        csv_printf(&x->first, ",%" PRIu64 ",\"%s\",\"%s\",", row->size, root, time);
        csv_field(&x->first, filters);
        for (const char *comma = "\r\n"; next_column(&at, name); comma = ",")
            csv_printf(&x->first, "%s%s", comma, name);
        csv_add(&x->first, "\r\n", 2);
        return;
    }
    json_open(&json, NULL);
    json_text(&json, "list", x->list->route);
    json_text(&json, "filters", filters);
    json_open(&json, "checkpoint");
    json_text(&json, "origin", origin);
    json_i64(&json, "size", (int64_t)row->size);
    json_text(&json, "root", root);
    json_text(&json, "time", time);
    json_shut(&json);
    json_shut(&json);
    csv_add(&x->first, json.text, json.len);
    csv_add(&x->first, "\n", 1);
    json_out_free(&json);
}

/* ---- pages ----------------------------------------------------------------------------------------------------------- */

/* The list's handler with the query of the next page; its reply stays in call->out. */
static enum err
ask_page(struct call *call, struct export *x)
{
    struct http_call *http = call->http;
    struct captured captured = { .err = OK };
    size_t n = x->filters;

    if (x->list->paged)
        x->page.query[n++] = (struct http_pair){ "limit", x->limit };
    if (x->list->paged && x->cursor[0])
        x->page.query[n++] = (struct http_pair){ "cursor", x->cursor };
    x->page.query_count = n;
    call->http = &x->page;
    call->captured = &captured;
    call->route->handler(call);
    call->captured = NULL;
    call->http = http;
    call->link = call->etag = call->cache = NULL; /* they are the page's */
    return captured.err;
}

static enum err
put_page(struct call *call, struct export *x, struct json_out *out)
{
    enum err err = ask_page(call, x);
    struct json_rows *rows = err ? NULL : json_rows_open(BYTES(call->out.text, call->out.len));
    const char *next;

    json_out_free(&call->out);
    call->out = (struct json_out){ 0 };
    if (!rows)
        return err ? err : ERR_INTERNAL;
    for (size_t i = 0; i < json_rows_count(rows); i++)
        if (x->csv)
            row_csv(x, rows, i, out);
        else
            row_jsonl(rows, i, out);
    next = json_rows_next(rows);
    x->more = x->list->paged && next;
    if (x->more && !text_format(x->cursor, sizeof x->cursor, "%s", next))
        err = ERR_INTERNAL;
    json_rows_close(rows);
    return err;
}

static enum err
step(struct call *call, void *work, struct json_out *out, bool *ret_done)
{
    struct export *x = work;
    enum err err = OK;

    if (x->first.len) {
        *out = x->first;
        x->first = (struct json_out){ 0 };
    } else {
        err = put_page(call, x, out);
    }
    *ret_done = !x->more;
    return err;
}

static void
end(void *work)
{
    struct export *x = work;

    json_out_free(&x->first);
    free(x);
}

/* ---- the beginning --------------------------------------------------------------------------------------------------- */

static enum err
read_query(struct call *call, struct export *x)
{
    const char *format = call_query(call, "format");

    x->list = list_of(call);
    x->csv = strcmp(format, "csv") == 0;
    x->page = *call->http;
    text_i64(PAGE, x->limit);
    if (!x->csv && strcmp(format, "jsonl") != 0)
        return err_say(&call->detail, ERR_QUERY_INVALID, "“format” is csv or jsonl.");
    for (size_t i = 0; i < call->http->query_count; i++) {
        const struct http_pair *q = &call->http->query[i];

        if (strcmp(q->name, "format") == 0 && q->value != format)
            return err_say(&call->detail, ERR_QUERY_INVALID, "The parameter “format” is given twice.");
        if (strcmp(q->name, "limit") == 0 || strcmp(q->name, "cursor") == 0)
            return err_say(&call->detail, ERR_QUERY_INVALID, "A file has the whole list: no “%s” goes with “format”.", q->name);
        if (strcmp(q->name, "format") != 0)
            x->page.query[x->filters++] = *q;
    }
    return x->filters + 2 > HTTP_QUERY_MAX ? ERR_QUERY_INVALID : OK;
}

/* The checkpoint that it is made at, and the list's first page: what is refused is refused before the file begins. */
static enum err
prepare(struct call *call, struct export *x, const char **ret_words)
{
    struct checkpoint_row row;
    struct db_actor actor;
    const struct state *s;
    const char *origin;
    enum err err = read_query(call, x);

    if (err)
        return err;
    actor = db_act_as(call->db, DB_ACTOR_SERVER); /* a checkpoint is everybody's */
    err = cosigning_shown(call->db, notary_policy(call->api->notary), call->arena, &row);
    db_act_as(call->db, actor);
    if (err)
        return err == ERR_NOT_FOUND ? err_say(&call->detail, ERR_TOO_EARLY, "No checkpoint is shown yet; one is signed within ten seconds.") : err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    origin = arena_text(call->arena, s->origin);
    market_read_unlock(call->api->market);
    if (strcmp(x->list->route, "journal_entries") == 0 || strcmp(x->list->route, "grants_entries") == 0)
        snprintf(x->cursor, sizeof x->cursor, "%" PRIu64, row.size);
    put_head(call, x, origin, &row);
    *ret_words = pour_checkpoint(call->arena, &row);
    return put_page(call, x, &x->first);
}

void
exports_begin(struct call *call)
{
    struct export *x = xcalloc(1, sizeof *x);
    const char *words = NULL, *name = call->route->name;
    enum err err = prepare(call, x, &words);

    if (err) {
        end(x);
        call_fail(call, err);
        return;
    }
    pour_begin(call, &(struct pour_of){ .type = x->csv ? "text/csv; charset=utf-8" : "application/jsonl; charset=utf-8",
                                        .file = arena_printf(call->arena, "kontor-%s.%s", name, x->csv ? "csv" : "jsonl"),
                                        .checkpoint = words, .step = step, .end = end, .work = x });
}
