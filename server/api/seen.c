/* api/seen.c
 * The rollback guard's callers (market/guard.h): what agents show of what they have cosigned, and the operator's word.
 *
 * POST /v1/agent/seen {checkpoint: signed note or null} → 204, also with no guard; also part of opening an instance.
 * Security: the call is signed by the site's key; what it shows counts only if the log has signed it, and the key that the
 * policy names for this site has cosigned it, so that no agent can stop the server by a number that it has made up.
 *
 * POST /v1/journal/admit {rollback_to, reason} → 200 {entry, rollback_to}. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/log_keys.h"
#include "api/orders.h"
#include "base/text.h"
#include "crypto/sign.h"
#include "market/guard.h"
#include "market/log_tiles.h"
#include "market/notary.h"
#include "store/evidence.h"
#include "store/journal_reads.h"

enum {
    ADMITTED_ROOT = 16,     /* bytes of a root: so much nobody finds twice */
    REASON_BYTES_MAX = 500, /* of a reason that is kept */
};

struct showing {
    struct guard_seen seen;
    uint64_t witnesses; /* bit i: witness i of the policy is this site's */
    struct log_keys log;
    uint64_t size;     /* of the journal here */
    uint64_t admitted; /* the newest admission, NO_INDEX: none */
};

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

/* The journal as it is here, and the keys of its log. */
static enum err
look_here(struct call *call, struct showing *w)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct site *site;
    uint64_t to;
    int64_t at_ms;

    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site(s->ledger, w->seen.site);
    text_format(w->seen.code, sizeof w->seen.code, "%.16s", site ? site->entry.u.site.code : "");
    w->size = ledger_size(s->ledger);
    w->admitted = ledger_rollback(s->ledger, &to, &at_ms);
    market_read_unlock(call->api->market);
    return log_keys_read(call->api, &w->log);
}

/* Signed by this log, cosigned by one of the site's witnesses? */
static bool
is_proven(const struct quorum *q, struct showing *w, const struct note *n)
{
    struct checkpoint c;
    uint64_t time_s = 0, at_s;

    if (!log_keys_signed(&w->log, n, &c))
        return false;
    for (unsigned i = 0; i < q->witnesses; i++)
        if ((w->witnesses >> i & 1) != 0 && note_check(n, &q->witness[i].key, verify, &at_s) == NOTE_GOOD && at_s > time_s)
            time_s = at_s;
    if (time_s == 0 || time_s > INT64_MAX / 1000)
        return false;
    w->seen.size = c.size;
    w->seen.cosigned_ms = (int64_t)time_s * 1000;
    w->seen.root = c.root;
    return true;
}

/* Is what it has cosigned how the journal here begins? */
static enum err
compare(struct call *call, struct showing *w)
{
    struct log_reader *r;
    struct merkle_source from;
    struct hash root;
    enum err err;

    w->seen.found = GUARD_LONGER;
    if (w->seen.size > w->size)
        return OK;
    db_act_as(call->db, DB_ACTOR_SERVER); /* hashes are for everybody */
    r = log_reader_new(call->api->market, call->db, w->size);
    from = log_reader_source(r);
    err = merkle_root_at(&from, w->seen.size, &root);
    log_reader_delete(r);
    call_act(call);
    w->seen.found = hash_equal(root, w->seen.root) ? GUARD_EXTENDS : GUARD_OTHER;
    return err;
}

/* How an admission's reason names what a site has cosigned: a line of its own, as no reason given by a person has. */
static const char *
admitted_line(struct call *call, const struct guard_seen *seen)
{
    char root[HEX_LEN(ADMITTED_ROOT)];

    hex_encode(BYTES(seen->root.b, ADMITTED_ROOT), root);
    return arena_printf(call->arena, "\ncosigned %s %" PRIu64 " %s", seen->code, seen->size, root);
}

static bool
has_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        if (at[len] == '\n' || at[len] == '\0')
            return true;
    return false;
}

/* Does the newest admission name just this? Security: only what the NOTICE in the journal commits to is believed. An erased
 * reason names nothing any more. */
static enum err
is_admitted(struct call *call, const struct showing *w, bool *ret)
{
    struct entry_record notice;
    struct evidence said;
    enum err err;

    *ret = false;
    if (w->admitted == NO_INDEX)
        return OK;
    err = journal_reads_find(call->db, w->admitted, &notice);
    if (!err)
        err = order_evidence_of(call, &notice.entry, &said);
    if (!err && said.erased_ms == 0 &&
        hash_equal(sha256_of((const struct bytes[]){ BYTES(said.salt.b, 32), BYTES_TEXT(said.text) }, 2), *entry_commitment(&notice.entry)))
        *ret = has_line(said.text, admitted_line(call, &w->seen));
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err
settle(struct call *call, struct showing *w)
{
    bool admitted;
    enum err err;

    if (w->seen.found != GUARD_LONGER && w->seen.found != GUARD_OTHER)
        return OK;
    db_act_as(call->db, DB_ACTOR_SERVER); /* it is the server that admits */
    err = is_admitted(call, w, &admitted);
    call_act(call);
    if (!err && admitted)
        w->seen.found = GUARD_SETTLED;
    return err;
}

enum err
seen_take(struct call *call, const char *text)
{
    const struct quorum *q = log_policy_now(notary_policy(call->api->notary)).quorum;
    struct showing *w = arena_alloc(call->arena, sizeof *w);
    struct note *n;
    struct guard_now now;
    enum err err;

    guard_look(call->api->market, &now);
    if (now.open || q == NULL)
        return OK;
    w->seen.site = call->actor.sites[0];
    err = look_here(call, w);
    if (err)
        return err;
    w->witnesses = guard_witnesses_of(q, w->log.origin, w->seen.code);
    if (w->witnesses == 0)
        return OK; /* nobody has asked for its word */
    n = arena_alloc(call->arena, sizeof *n);
    w->seen.found = GUARD_UNPROVEN;
    if (text == NULL)
        w->seen.found = GUARD_NOTHING;
    else if (note_parse(BYTES_TEXT(text), n) && is_proven(q, w, n))
        err = compare(call, w);
    if (!err)
        err = settle(call, w);
    if (err)
        return err;
    guard_show(call->api->market, &w->seen);
    if (w->seen.found == GUARD_LONGER || w->seen.found == GUARD_OTHER)
        log_error(call->api->log, "rollback", LOG_TEXT("site", w->seen.code), LOG_I64("cosigned", (int64_t)w->seen.size),
                  LOG_I64("entries", (int64_t)w->size),
                  LOG_TEXT("why", w->seen.found == GUARD_LONGER ? "the site has seen a longer journal" : "the site has seen other entries"));
    return OK;
}

void
agent_seen(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *text = json_in_has(&in, "checkpoint") ? arena_text(call->arena, json_in_text(&in, "checkpoint", 0, SEEN_MAX)) : NULL;
    enum err err = json_in_close(&in);

    if (!err)
        err = seen_take(call, text);
    agent_in_touch(call);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

/* ---- the operator's word ------------------------------------------------------------------------------------------ */

static void
admitted(struct call *call)
{
    const struct entry *e = &call->command->in.order.entry;

    log_warning(call->api->log, "rollback-admitted", LOG_UUID("person", call->actor.person),
                LOG_I64("entries", (int64_t)e->u.notice.ref), LOG_I64("entry", (int64_t)call->command->answer.index));
    json_open(&call->out, NULL);
    json_i64(&call->out, "entry", (int64_t)call->command->answer.index);
    json_i64(&call->out, "rollback_to", (int64_t)e->u.notice.ref);
    json_shut(&call->out);
    call_reply(call, 200);
}

/* The journal's length must be named: who admits has looked. */
static enum err
check_admission(struct call *call, uint64_t to)
{
    const struct state *s = market_read_lock(call->api->market);
    struct guard_now now;
    uint64_t size;

    if (!s)
        return ERR_NOT_LEADER;
    size = ledger_size(s->ledger);
    market_read_unlock(call->api->market);
    guard_look(call->api->market, &now);
    if (now.open)
        return err_say(&call->detail, ERR_CONFLICT, "The guard is open: there is no rollback to admit.");
    if (to != size)
        return err_at(&call->detail, ERR_FIELD_RANGE, "/rollback_to", "The journal has %" PRIu64 " entries.", size);
    return OK;
}

/* What was cosigned before the NOTICE's time is settled by that, what is named here whatever its time: as much as a reason has
 * room for, first what bears a time to come. */
static const char *
admission(struct call *call, const char *reason)
{
    struct guard_seen *seen = arena_alloc(call->arena, QUORUM_MAX * sizeof *seen);
    size_t n = guard_contradicting(call->api->market, seen);
    const char *text = reason;
    int64_t now_ms = real_now_ms();

    for (int to_come = 1; to_come >= 0; to_come--)
        for (size_t i = 0; i < n; i++) {
            const char *line = admitted_line(call, &seen[i]);

            if ((seen[i].cosigned_ms > now_ms) == (to_come == 1) && strlen(text) + strlen(line) <= REASON_BYTES_MAX)
                text = arena_printf(call->arena, "%s%s", text, line);
        }
    return text;
}

/* The reason with what it names; of a call that came before with the same key, what was kept then. */
static enum err
keep_admission(struct call *call, struct entry *e, const char *reason)
{
    const struct uuid people[2] = { call->actor.person };
    struct evidence kept;
    enum err err = order_evidence(call, e->u.notice.order, admission(call, reason), people, (struct uuid){ { 0 } }, 0, &e->u.notice.commitment);

    if (!err)
        err = evidence_find(call->db, e->u.notice.order, call->arena, &kept);
    if (!err && kept.erased_ms == 0)
        e->u.notice.commitment = sha256_of((const struct bytes[]){ BYTES(kept.salt.b, 32), BYTES_TEXT(kept.text) }, 2);
    return err;
}

void
journal_admit(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct entry e = entry_new(NOTICE);
    const char *reason;
    enum err err;

    e.u.notice.type = NOTICE_ROLLBACK;
    e.u.notice.ref = (uint64_t)json_in_i64(&in, "rollback_to", 1, INT64_MAX);
    reason = in_line(&in, "reason", 160, call->arena);
    err = json_in_close(&in);
    if (!err && !market_key_maybe_known(call->api->market, &call->command->idem.scope))
        err = check_admission(call, e.u.notice.ref);
    e.u.notice.as_of = NO_INDEX;
    e.u.notice.order = order_id(call);
    if (!err)
        err = keep_admission(call, &e, reason);
    if (!err)
        err = order_sign(call, &e, 1);
    if (err)
        call_fail(call, err);
    else
        call_send(call, admitted);
}
