/* api/identities.c: by what sign-in providers know a person: one's own, and a person's for administrators. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/providers.h"
#include "api/ways.h"
#include "crypto/password.h"
#include "store/identities.h"
#include "store/people.h"

static void
identity_json(struct call *call, const struct identity *i)
{
    const struct provider *p = NULL;

    for (size_t n = 0; n < providers_count(call->api->providers) && !p; n++) {
        p = providers_at(call->api->providers, n);
        if (strcmp(provider_issuer(p), i->issuer) != 0)
            p = NULL;
    }
    json_open(&call->out, NULL);
    json_uuid(&call->out, "id", i->id);
    json_text(&call->out, "provider", p ? provider_code(p) : NULL); /* null: it is not configured any more */
    json_text(&call->out, "label", p ? provider_label(p) : i->issuer);
    json_text(&call->out, "issuer", i->issuer);
    json_text(&call->out, "subject", i->subject);
    json_text(&call->out, "name", i->name);
    json_text(&call->out, "email", i->email);
    json_time(&call->out, "linked", i->created_ms);
    json_time(&call->out, "used", i->used_ms);
    json_shut(&call->out);
}

static void
reply_identities(struct call *call, struct uuid person)
{
    struct identity *list = NULL;
    size_t n = 0;
    enum err err = identities_of(call->db, person, call->arena, &list, &n);

    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++)
        identity_json(call, &list[i]);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

void
me_identities(struct call *call)
{
    reply_identities(call, call->actor.person);
}

void
people_identities(struct call *call)
{
    struct person p;
    enum err err = people_by_id(call->db, call->path_id, call->arena, &p);

    if (err)
        call_fail(call, err);
    else
        reply_identities(call, call->path_id);
}

/* There must be another way in. */
static enum err
remove_identity(struct db *db, void *ctx)
{
    struct call *call = ctx;
    struct person p;
    enum err err = people_lock(db, call->actor.person, call->arena, &p);

    if (!err)
        err = identities_remove(db, call->path_id, call->actor.person);
    return err ? err : ways_check(call, db, call->actor.person);
}

/* POST /v1/me/identities/{id}/remove: proved as when one is linked, else whoever has the session alone shuts its person out. */
void
me_identity_remove(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    enum err err = json_in_close(&in);

    if (!err)
        err = auth_anew(call, password);
    if (!err)
        err = db_tx(call->db, remove_identity, call);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}
