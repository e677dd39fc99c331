/* api/security.c: the record of what was done to one's ways in, and in one's name by tokens. */
#include "api/security.h"

#include "api/handlers.h"
#include "api/internal.h"

enum err
security_tell(struct call *call, struct db *db, struct uuid person, enum security_what what, const char *name, const char *detail)
{
    bool own = uuid_equal(person, call->actor.person) || call->actor.kind == ACTOR_NOBODY; /* who signs in */
    struct security_event e = { .id = call_new_id(call), .person = person, .at_ms = call->now_ms, .what = what, .name = name, .detail = detail,
                                .client = auth_network(call), .by_name = own ? "" : call->name };

    if (!own && !e.by_name[0])
        e.by_name = "The operator on this machine";
    return security_add(db, &e);
}

static void
event_json(struct json_out *out, const struct security_event *e)
{
    static const char *const WHAT[] = {
        [SECURITY_TOKEN_MADE] = "token_made",           [SECURITY_TOKEN_ENDED] = "token_ended",
        [SECURITY_TOKEN_ACTED] = "token_acted",         [SECURITY_PASSWORD_CHANGED] = "password_changed",
        [SECURITY_PASSWORD_SET] = "password_set",       [SECURITY_PASSKEY_ADDED] = "passkey_added",
        [SECURITY_PASSKEY_REMOVED] = "passkey_removed", [SECURITY_PASSKEY_REFUSED] = "passkey_refused",
        [SECURITY_SECOND_DEMANDED] = "second_demanded", [SECURITY_SECOND_WAIVED] = "second_waived",
        [SECURITY_CODES_MADE] = "codes_made",           [SECURITY_CODE_USED] = "code_used",
        [SECURITY_KEY_ASKED] = "key_asked",             [SECURITY_KEY_CONFIRMED] = "key_confirmed",
        [SECURITY_KEY_REFUSED] = "key_refused",         [SECURITY_KEY_ENDED] = "key_ended",
        [SECURITY_ORDER_SIGNED] = "order_signed",       [SECURITY_ADDRESS_CONFIRMED] = "address_confirmed",
    };

    json_open(out, NULL);
    json_uuid(out, "id", e->id);
    json_time(out, "at", e->at_ms);
    json_text(out, "what", WHAT[e->what]);
    json_text(out, "name", e->name);
    json_text(out, "detail", e->detail);
    json_text(out, "from", e->client);
    json_text(out, "by", e->by_name);
    json_shut(out);
}

void
me_security(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct security_event *list = NULL;
    struct uuid before;
    char next[UUID_TEXT];
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_before(call, &limit, &before);
    if (!err)
        err = security_of(call->db, call->actor.person, before, limit + 1, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n && i < (size_t)limit; i++)
        event_json(&call->out, &list[i]);
    json_shut_array(&call->out);
    if (n > (size_t)limit)
        uuid_text(list[limit - 1].id, next);
    call_next(call, n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_reply(call, 200);
}
