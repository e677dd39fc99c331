/* api/evidence.c
 * What stands behind a commitment in the journal: the reason that was given in words, to whom it is due (the programme, the
 * organisation concerned); its erasure, which the journal tells; and the assertions of people who signed with a passkey,
 * which are everybody's as the entry is. */
#include "api/handlers.h"

#include "api/internal.h"
#include "api/orders.h"
#include "store/evidence.h"
#include "store/journal_reads.h"

/* The NOTICE's reason code, from 1. */
static const char *const WHY[] = { "asked", "kept-long-enough", "ordered", "mistaken", NULL };

enum kept { KEPT_NOTHING, KEPT, KEPT_WITHHELD, KEPT_ERASED, KEPT_MISSING };
static const char *const KEPT_TEXT[] = { "none", "kept", "withheld", "erased", "missing" };

/* The entry of the path, if the caller may see it. ERR_NOT_FOUND. */
static enum err
find_entry(struct call *call, struct entry *ret)
{
    struct entry_record record;
    struct db_actor actor = db_act_as(call->db, DB_ACTOR_SERVER); /* who may see it is decided here */
    enum err err = journal_reads_find(call->db, call->path_index, &record);
    const struct state *s;
    bool seen;

    if (err == ERR_NOT_FOUND)
        err = journal_entry_absent(call);
    db_act_as(call->db, actor);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    seen = call->api->public_entries || may_see_entry(&call->actor, s, &record.entry);
    market_read_unlock(call->api->market);
    *ret = record.entry;
    return seen ? OK : ERR_NOT_FOUND;
}

/* The commitment, or NULL if nothing is kept behind it. An erasure's is the erased text's, not its own. */
static const struct hash *
commitment_of(const struct entry *e)
{
    static const struct hash NONE;
    const struct hash *c = entry_commitment(e);

    return c && !hash_equal(*c, NONE) && !(e->kind == NOTICE && e->u.notice.type == NOTICE_ERASURE) ? c : NULL;
}

/* Row security says what the caller gets to read. That it was erased is in the journal, so everybody is told. */
static enum err
look(struct call *call, const struct entry *e, struct evidence *ret, enum kept *ret_kept)
{
    struct db_actor actor;
    enum err err;

    *ret = (struct evidence){ .erased_ms = 0 };
    *ret_kept = KEPT_NOTHING;
    if (!commitment_of(e))
        return OK;
    err = order_evidence_of(call, e, ret);
    if (err == ERR_NOT_FOUND) {
        struct evidence there;

        actor = db_act_as(call->db, DB_ACTOR_SERVER);
        err = evidence_find(call->db, *entry_order(e), call->arena, &there);
        db_act_as(call->db, actor);
        *ret_kept = err ? KEPT_MISSING : KEPT_WITHHELD;
        if (!err && there.erased_ms)
            *ret = (struct evidence){ .erased_ms = there.erased_ms, .erasure = there.erasure };
    } else {
        *ret_kept = KEPT;
    }
    if (ret->erased_ms)
        *ret_kept = KEPT_ERASED;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err
assertions_json(struct call *call, struct entry *e)
{
    const struct authority *auth = entry_authority(e);
    enum err err = OK;

    json_open_array(&call->out, "assertions");
    for (int i = 0; auth && i < 2 && !err; i++) {
        struct hash sha256;
        struct bytes found = BYTES("", 0);

        if (auth->slot[i].class != 2)
            continue;
        memcpy(sha256.b, auth->slot[i].sig, sizeof sha256.b);
        err = assertions_find(call->db, sha256, call->arena, &found);
        json_open(&call->out, NULL);
        json_i64(&call->out, "key", (int64_t)auth->slot[i].key);
        json_hex(&call->out, "sha256", BYTES(sha256.b, sizeof sha256.b));
        if (err)
            json_none(&call->out, "assertion");
        else
            json_hex(&call->out, "assertion", found);
        json_shut(&call->out);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    json_shut_array(&call->out);
    return err;
}

static void
kept_json(struct call *call, const struct entry *e, const struct evidence *v, enum kept kept)
{
    struct json_out *out = &call->out;

    json_i64(out, "entry", (int64_t)call->path_index);
    json_text(out, "state", KEPT_TEXT[kept]);
    if (kept != KEPT_NOTHING) {
        json_uuid(out, "order", *entry_order(e));
        json_hex(out, "commitment", BYTES(commitment_of(e)->b, 32));
    }
    if (kept == KEPT) {
        json_time(out, "created", v->created_ms);
        json_hex(out, "salt", BYTES(v->salt.b, sizeof v->salt.b));
        json_text(out, "text", v->text);
    }
    if (kept == KEPT && may_see_programme(&call->actor)) {
        json_open_array(out, "people");
        for (int i = 0; i < 2; i++)
            if (!uuid_is_zero(v->people[i]))
                json_uuid(out, NULL, v->people[i]);
        json_shut_array(out);
    }
    if (kept == KEPT_ERASED) {
        json_time(out, "erased", v->erased_ms);
        json_i64(out, "erasure", (int64_t)v->erasure);
    }
}

static enum err
reply_evidence(struct call *call)
{
    struct evidence v;
    struct entry e;
    enum kept kept;
    enum err err = find_entry(call, &e);

    if (!err)
        err = look(call, &e, &v, &kept);
    if (err)
        return err;
    json_open(&call->out, NULL);
    kept_json(call, &e, &v, kept);
    err = assertions_json(call, &e);
    json_shut(&call->out);
    return err;
}

void
entry_evidence(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    enum err err = call_query_only(call, NO_NAMES);

    call_end(call, err ? err : reply_evidence(call), 200);
}

/* ---- erasure ------------------------------------------------------------------------------------------------------ */

/* The NOTICE is committed: what it says is done now. If the server dies in between, the same call again does it. */
static void
noticed(struct call *call)
{
    const struct uuid *order = call->user;
    struct evidence v;
    bool done;
    enum err err = evidence_erase(call->db, *order, call->command->answer.index, call->command->answer.time_ms, &done);

    if (!err && !done)
        err = evidence_find(call->db, *order, call->arena, &v);
    if (!err && !done && !v.erased_ms)
        err = ERR_INTERNAL;
    call_end(call, err ? err : reply_evidence(call), 200);
}

/* May this still be erased? Not asked of a call that was carried out before. Asked of the row: a text that was put back may. */
static enum err
check_erasable(struct call *call, const struct entry *e)
{
    struct evidence v;
    enum err err = evidence_find(call->db, *entry_order(e), call->arena, &v);

    if ((err && err != ERR_NOT_FOUND) || market_key_maybe_known(call->api->market, &call->command->idem.scope))
        return err == ERR_NOT_FOUND ? OK : err;
    if (!err && v.erased_ms)
        return ERR_ERASED;
    return err ? err_say(&call->detail, ERR_NOT_FOUND, "Nothing is kept behind this entry.") : OK;
}

/* Security: officers and administrators (the route's table; the sequencer and row security ask again). */
void
entry_erase(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct entry notice = entry_new(NOTICE), e;
    struct uuid *order;
    enum err err;

    notice.u.notice.type = NOTICE_ERASURE;
    notice.u.notice.reason = (uint16_t)(1 + json_in_choice(&in, "reason", WHY));
    err = json_in_close(&in);
    if (!err)
        err = find_entry(call, &e);
    if (!err && !commitment_of(&e))
        err = err_say(&call->detail, ERR_NOT_FOUND, "Nothing is kept behind this entry.");
    if (!err)
        err = check_erasable(call, &e);
    if (err) {
        call_fail(call, err);
        return;
    }
    order = arena_alloc(call->arena, sizeof *order);
    *order = *entry_order(&e);
    call->user = order;
    notice.u.notice.commitment = *commitment_of(&e);
    order_step(call, call->command->idem, NULL);
    notice.u.notice.order = order_id(call);
    err = order_sign(call, &notice, 1);
    if (err)
        call_fail(call, err);
    else
        call_send(call, noticed);
}
