/* api/auth_password.c
 * The password as proof of who one is: to sign in, and again before what changes the ways in. Failed tries count against
 * where they come from and against the address. */
#include <ctype.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "api/passwords.h"
#include "store/people.h"
#include "store/sessions.h"

enum {
    PAIR_TRIES = 10,
    ADDRESS_TRIES = 200,
    CLIENT_TRIES = 50, /* failed sign-ins in five minutes */
    ANEW_MS = 600000,  /* a session as young as this proves who has no password */
};

/* What failed sign-ins count against: the client's tries at this address, all of the client's, and all that anybody makes
 * at this address. The last has room for many clients, so that no stranger can keep a person out. */
struct tries {
    char *pair, *client, *address;
};

static struct tries
tries_of(struct call *call, const char *email)
{
    const char *client = auth_client(call);
    struct tries t = {
        .pair = arena_printf(call->arena, "p:%.60s %s", client, email),
        .client = arena_printf(call->arena, "c:%.60s", client),
        .address = arena_printf(call->arena, "a:%s", email),
    };

    for (char *p = t.pair; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (char *p = t.address; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return t;
}

static enum err
check_tries(struct call *call, const struct tries *t, int64_t now_ms)
{
    struct limiter *l = call->api->limiter;
    int wait_s = limiter_blocked(l, t->pair, PAIR_TRIES, now_ms);

    if (!wait_s)
        wait_s = limiter_blocked(l, t->address, ADDRESS_TRIES, now_ms);
    if (!wait_s && !call->http->local)
        wait_s = limiter_blocked(l, t->client, CLIENT_TRIES, now_ms);
    call->detail.retry_after_s = wait_s;
    return wait_s ? err_say(&call->detail, ERR_RATE_LIMITED, "Too many sign-ins have failed; try again in %d s.", wait_s)
                  : OK;
}

enum err
auth_password(struct call *call, const char *email, const char *password, struct uuid *ret_person)
{
    struct limiter *l = call->api->limiter;
    struct tries tries = tries_of(call, email);
    int64_t now = monotonic_ms();
    struct db_actor before;
    struct person person;
    enum err err = check_tries(call, &tries, now);

    if (err)
        return err;
    before = db_act_as(call->db, DB_ACTOR_SERVER);
    err = people_by_email(call->db, email, call->arena, &person);
    db_act_as(call->db, before);
    if (!err || err == ERR_NOT_FOUND)
        err = passwords_verify(call->api->passwords, err ? "" : person.password_hash, password);
    if (err == ERR_CREDENTIALS) {
        limiter_count(l, tries.pair, now);
        limiter_count(l, tries.client, now);
        limiter_count(l, tries.address, now);
    }
    if (err)
        return err;
    limiter_clear(l, tries.pair);
    *ret_person = person.id;
    return OK;
}

enum err
auth_anew(struct call *call, const char *password)
{
    struct session session;
    struct person person;
    struct uuid proved;
    enum err err = call->by_session ? people_by_id(call->db, call->actor.person, call->arena, &person) : ERR_FORBIDDEN;

    if (!err && person.password_hash[0] && person.email[0]) {
        if (!password[0])
            return err_at(&call->detail, ERR_FIELD_INVALID, "/password", "Your password is needed again for this.");
        err = auth_password(call, person.email, password, &proved);
        return err == ERR_CREDENTIALS ? err_at(&call->detail, ERR_CREDENTIALS, "/password", "The password is not right.") : err;
    }
    if (!err)
        err = sessions_find(call->db, call->session, call->now_ms, &session);
    if (!err && call->now_ms - session.created_ms > ANEW_MS * call->api->clock.rate)
        err = ERR_ANEW;
    return err;
}
