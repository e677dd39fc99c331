/* api/reservations.c: reservations: shown, watched, cancelled; their tickets, secrets and outputs. */
#include "api/handlers.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/fields.h"
#include "api/internal.h"
#include "api/reservation_json.h"
#include "base/text.h"
#include "core/secret.h"
#include "store/blobs.h"
#include "store/secrets.h"
#include "store/site_records.h"

static bool
may_see(const struct actor *a, const struct reservation_row *r)
{
    const struct reservation as = { .org = r->org, .site = r->site };

    return may_see_reservation(a, &as);
}

/* The reservation in the path as committed, if the caller may see it. */
static enum err
find(struct call *call, struct uuid id, struct reservation_row *ret)
{
    enum err err = reservations_find(call->db, id, ret);

    return !err && !may_see(&call->actor, ret) ? ERR_NOT_FOUND : err;
}

/* After a command: its own doing is in the memory, which saves a query. */
void
reply_reservation(struct call *call, struct uuid id, int status)
{
    struct reservation_row r;
    enum err err = reservation_find(call->api, call->db, id, &r);

    if (!err && !may_see(&call->actor, &r))
        err = ERR_NOT_FOUND;
    if (!err)
        err = reservation_json(call->api, call->db, &r, &call->out);
    call_end(call, err, status);
}

void
reservations_get(struct call *call)
{
    struct reservation_row r;
    enum err err = find(call, call->path_id, &r);

    if (!err)
        err = reservation_json(call->api, call->db, &r, &call->out);
    call_end(call, err, 200);
}

/* The query's state, or none, by the words by which the database knows it: silent, disputed and contested are all
 * "disputed". ERR_QUERY_INVALID. */
enum err
state_words(struct call *call, const char **ret)
{
    const char *state = call_query(call, "state");
    const char *words = ",";

    *ret = "";
    if (!state)
        return OK;
    for (int i = 0; i < TICKET_STATES; i++)
        if (strcmp(ticket_state_name((enum ticket_state)i), state) == 0)
            words = arena_printf(call->arena, "%s%s,", words, ticket_state_word((enum ticket_state)i));
    *ret = words;
    return words[1] ? OK : err_say(&call->detail, ERR_QUERY_INVALID, "There is no state “%.20s”.", state);
}

void
reservations_list_get(struct call *call)
{
    static const char *const NAMES[] = { "organisation", "site", "state", "limit", "cursor", NULL };
    struct reservation_row *rows;
    struct uuid organisation, before;
    const char *code = call_query(call, "site");
    const char *words = "";
    const char *cursor;
    uint64_t site = NO_INDEX;
    char next[UUID_TEXT];
    size_t n = 0;
    int limit;
    enum err err = call_query_only(call, NAMES);

    memset(before.b, 0xff, sizeof before.b);
    if (!err)
        err = state_words(call, &words);
    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err)
        err = call_query_uuid(call, "organisation", &organisation);
    if (!err && cursor && !uuid_parse(cursor, &before))
        err = ERR_QUERY_INVALID;
    if (!err && code && !uuid_is_zero(organisation))
        err = err_say(&call->detail, ERR_QUERY_INVALID, "Name an organisation or a site, not both.");
    if (!err && code)
        err = site_of_code(call, code, &site);
    if (err == ERR_NOT_FOUND && code)
        err = err_say(&call->detail, ERR_QUERY_INVALID, "There is no such site, or it is not yours.");
    if (!err && site == NO_INDEX && uuid_is_zero(organisation) && !may_see_programme(&call->actor)) {
        /* One's own: of the first organisation, or of the site. */
        if (call->actor.orgs_n)
            organisation = call->actor.orgs[0].id;
        else if (call->actor.sites_n)
            site = call->actor.sites[0];
        else
            err = ERR_FORBIDDEN;
    }
    if (!err && !uuid_is_zero(organisation) && !may_see_organisation(&call->actor, organisation))
        err = ERR_NOT_FOUND;
    if (!err)
        err = reservations_list(call->db, organisation, site, words, before, limit + 1, call->arena, &rows, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++)
        err = reservation_json(call->api, call->db, &rows[i], &call->out);
    json_shut_array(&call->out);
    if (!err && n > (size_t)limit)
        uuid_text(rows[limit - 1].id, next);
    call_next(call, !err && n > (size_t)limit ? next : NULL);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* The market forgets what has ended: whether there is such a reservation is asked of the database. */
static void
cancelled(struct call *call)
{
    enum err err = call->command->err;
    struct reservation_row r;

    if (err == ERR_STATE) {
        err = reservations_find(call->db, call->path_id, &r);
        if (!err && !may_act_for(&call->actor, r.org))
            err = ERR_NOT_FOUND;
        if (!err) {
            call->detail = call->command->detail;
            err = ERR_STATE;
        }
    } else {
        call->detail = call->command->detail;
    }
    if (err) {
        call_fail(call, err);
        return;
    }
    reply_reservation(call, call->path_id, 200);
}

void
send_cancel(struct call *call, handler_fn *then)
{
    enum err err = in_nothing(call);

    call->command->kind = COMMAND_CANCEL;
    for (int i = 0; i < 3; i++)
        call->command->new_id[i] = call_new_id(call);
    if (err)
        call_fail(call, err);
    else
        call_send_any(call, then);
}

/* Security: decide_cancel() checks that the actor may spend for the reservation's organisation. */
void
reservations_cancel(struct call *call)
{
    call->command->in.cancel.reservation = call->path_id;
    send_cancel(call, cancelled);
}

/* Bytes as text: what is not UTF-8, and control characters but tab and line feed, become U+FFFD. */
static char *
lossy(struct arena *a, struct bytes in)
{
    char *ret = arena_alloc(a, in.len * 3 + 1);
    char *to = ret;

    for (size_t i = 0; i < in.len;) {
        size_t len = text_utf8_char((const char *)in.data + i, in.len - i);
        unsigned char c = in.data[i];

        if (len == 0 || (len == 1 && ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f))) {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
            i++;
        } else {
            memcpy(to, in.data + i, len);
            to += len;
            i += len;
        }
    }
    *to = '\0';
    return ret;
}

/* What the job wrote is its owner's alone: neither the programme nor the site sees it here. */
void
reservations_output(struct call *call)
{
    struct reservation_row r;
    struct bytes bytes = BYTES("", 0);
    struct json_out *out = &call->out;
    enum err err = find(call, call->path_id, &r);

    if (!err && !may_act_for(&call->actor, r.org))
        err = ERR_FORBIDDEN;
    if (!err && r.output_len)
        err = blobs_find(call->db, r.output, call->arena, &bytes);
    json_open(out, NULL);
    json_text(out, "output", err ? "" : lossy(call->arena, bytes));
    json_bool(out, "truncated", bytes.len >= 65536);
    if (!err && r.output_ms)
        json_time(out, "received", r.output_ms);
    else
        json_none(out, "received");
    json_text(out, "note", "what the site sent");
    json_shut(out);
    call_end(call, err, 200);
}

/* What is sealed is between the start-up and the site; the programme need not even know the names. */
void
reservations_secrets(struct call *call)
{
    struct reservation_row r;
    struct secrets_given s = { .names = "" };
    struct json_out *out = &call->out;
    enum err err = find(call, call->path_id, &r);

    if (!err && !may_act_for(&call->actor, r.org))
        err = ERR_FORBIDDEN;
    if (!err)
        err = secrets_of_reservation(call->db, r.id, call->arena, &s);
    json_open(out, NULL);
    secret_names_json(out, "names", s.names);
    if (s.given)
        json_hex(out, "sha256", BYTES(s.sha256.b, sizeof s.sha256.b));
    else
        json_none(out, "sha256");
    if (s.given)
        json_time(out, "sealed", r.created_ms);
    else
        json_none(out, "sealed");
    json_bool(out, "kept", s.kept);
    if (s.kept)
        json_hex(out, "key", BYTES(s.key.b, sizeof s.key.b));
    else
        json_none(out, "key");
    json_shut(out);
    call_end(call, err, 200);
}

void
reservations_ticket(struct call *call)
{
    struct reservation_row r;
    struct ticket_record t;
    enum err err = find(call, call->path_id, &r);
    char *jws;

    if (!err)
        err = tickets_of(call->db, call->path_id, call->arena, &t);
    if (err) {
        call_fail(call, err);
        return;
    }
    jws = api_sign(call->api, JWS_TYP_TICKET, t.claims);
    json_open(&call->out, NULL);
    json_text(&call->out, "jws", jws);
    json_raw(&call->out, "claims", (const char *)t.claims.data, t.claims.len);
    json_shut(&call->out);
    free(jws);
    call_reply(call, 200);
}

void
reservations_events(struct call *call)
{
    struct reservation_row r;
    enum err err = find(call, call->path_id, &r);

    if (!err)
        err = reservation_json(call->api, call->db, &r, &call->out);
    if (err)
        call_fail(call, err);
    else
        waits_stream(call, r.id, r.version);
}
