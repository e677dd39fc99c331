/* api/notices.c: what one was told, what of it one has read, and which kinds one wants in which way. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "store/notices.h"

static void
notice_json(struct json_out *out, const struct notices_row *n)
{
    json_open(out, NULL);
    json_uuid(out, "id", n->id);
    json_text(out, "kind", notices_word(n->kind));
    json_time(out, "at", n->at_ms);
    json_bool(out, "read", n->read_ms != 0);
    json_text(out, "title", n->title);
    json_text(out, "text", n->text);
    json_raw(out, "facts", n->facts, strlen(n->facts));
    json_text(out, "link", n->link);
    json_shut(out);
}

void
me_notices(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct notices_row *list = NULL;
    struct uuid before;
    char next[UUID_TEXT];
    int64_t unread = 0;
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_before(call, &limit, &before);
    if (!err)
        err = notices_unread(call->db, call->actor.person, &unread);
    if (!err)
        err = notices_of(call->db, call->actor.person, before, limit + 1, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_i64(&call->out, "unread", unread);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n && i < (size_t)limit; i++)
        notice_json(&call->out, &list[i]);
    json_shut_array(&call->out);
    if (n > (size_t)limit)
        uuid_text(list[limit - 1].id, next);
    call_next(call, n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_reply(call, 200);
}

/* POST /v1/me/notices/read: one has seen all up to this one. */
void
me_notices_read(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct uuid until = json_in_uuid(&in, "until");
    enum err err = json_in_close(&in);

    if (!err)
        err = notices_mark_read(call->db, call->actor.person, until, call->now_ms);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

static void
reply_choices(struct call *call, enum err err)
{
    struct notices_choice choices[NOTICES_KINDS];

    if (!err)
        err = notices_choices(call->db, call->actor.person, choices);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (int kind = NOTICES_JOB_ENDED; !err && kind <= NOTICES_CHOSEN_LAST; kind++) {
        json_open(&call->out, NULL);
        json_text(&call->out, "kind", notices_word((enum notices_kind)kind));
        json_bool(&call->out, "page", choices[kind].in_page);
        json_bool(&call->out, "mail", choices[kind].by_mail);
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
me_notice_choices(struct call *call)
{
    reply_choices(call, OK);
}

/* POST /v1/me/notice-choices: of one kind. */
void
me_notice_choose(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    int kind = json_in_choice(&in, "kind", NOTICES_WORDS) + NOTICES_JOB_ENDED;
    struct notices_choice choice = { .in_page = json_in_bool(&in, "page"), .by_mail = json_in_bool(&in, "mail") };
    enum err err;

    if (!in.err && kind > NOTICES_CHOSEN_LAST)
        json_in_refuse(&in, "kind", ERR_FIELD_INVALID, "A test goes where it is asked for.");
    err = json_in_close(&in);
    if (!err)
        err = notices_choose(call->db, call->actor.person, (enum notices_kind)kind, choice);
    if (err)
        call_fail(call, err);
    else
        reply_choices(call, OK);
}
