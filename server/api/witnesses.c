/* api/witnesses.c: who watches the journal. Sites' agents are witnesses: they make their keys known, wait for checkpoints,
 * cosign what extends all that they have cosigned, and tell of what they refuse. For everybody: who has cosigned what. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/internal.h"
#include "api/log_keys.h"
#include "base/text.h"
#include "market/cosigning.h"
#include "market/log_tiles.h"
#include "market/notary.h"

#define PROOF_PREFIX "kontor-witness/v1" /* with its NUL */

static const char *const NO_NAMES[] = { NULL };

static const char *
arena_vkey(struct call *call, const struct vkey *k)
{
    char text[VKEY_TEXT_MAX];

    vkey_text(k, text);
    return arena_text(call->arena, text);
}

/* ---- introducing ------------------------------------------------------------------------------------------------- */

struct introduced { char text[VKEY_TEXT_MAX]; struct vkey key; uint8_t proof[64]; };

static void
in_introduced(struct json_in *in, enum witness_role role, struct introduced *ret)
{
    const char *name = witness_role_name(role);
    struct json_in one = json_in_object(in, name);

    text_format(ret->text, sizeof ret->text, "%s", json_in_text(&one, "vkey", 1, VKEY_TEXT_MAX - 1));
    if (json_in_base64(&one, "proof", ret->proof, 64) != 64 && !one.err)
        json_in_refuse(&one, "proof", ERR_FIELD_INVALID, "A signature has 64 bytes.");
    if (json_in_close(&one) != OK && !in->err)
        json_in_refuse(in, name, ERR_FIELD_INVALID, "is no witness's key.");
}

/* The caller has the key, and the name is the one that this site's witness has in this journal. */
static enum err
check_introduced(struct call *call, enum witness_role role, struct introduced *k, const char *origin, const char *code,
                 struct hash genesis)
{
    char name[NOTE_NAME_MAX], pointer[24];
    uint8_t words[sizeof PROOF_PREFIX + 32 + VKEY_TEXT_MAX];
    size_t len = strlen(k->text);

    text_format(pointer, sizeof pointer, "/%s/vkey", witness_role_name(role));
    if (!vkey_parse(k->text, &k->key) || k->key.type != NOTE_COSIGNATURE)
        return err_at(&call->detail, ERR_FIELD_INVALID, pointer, "This is no key of a witness (C2SP vkey of type 4).");
    if (!text_format(name, sizeof name, "%s/%s/%s", origin, witness_role_name(role), code) || strcmp(name, k->key.name) != 0)
        return err_at(&call->detail, ERR_FIELD_INVALID, pointer, "The name of this key must be %s.", name);
    memcpy(words, PROOF_PREFIX, sizeof PROOF_PREFIX);
    memcpy(words + sizeof PROOF_PREFIX, genesis.b, 32);
    memcpy(words + sizeof PROOF_PREFIX + 32, k->text, len);
    return sign_verify(k->key.public, BYTES(words, sizeof PROOF_PREFIX + 32 + len), k->proof);
}

/* A key that is known is known; another's is refused. */
static enum err
keep_key(struct call *call, enum witness_role role, const struct introduced *k)
{
    struct witness_key row = { .site = call->actor.sites[0], .role = role, .since_ms = call->now_ms }, there;
    enum err err;

    memcpy(row.public, k->key.public, sizeof row.public);
    text_format(row.name, sizeof row.name, "%s", k->key.name);
    err = witnesses_find(call->db, row.public, &there);
    if (err == ERR_NOT_FOUND) {
        err = witnesses_add(call->db, &row);
        if (err == ERR_EXISTS) /* the same call, at the same time */
            err = witnesses_find(call->db, row.public, &there);
        else if (err == OK) {
            log_info(call->api->log, "witness", LOG_TEXT("key", arena_vkey(call, &k->key)));
            return OK;
        }
    }
    if (!err && (there.site != row.site || there.role != role))
        err = err_say(&call->detail, ERR_FIELD_INVALID, "This key is another's.");
    return err;
}

static enum err
origin_and_site(struct call *call, char origin[65], char code[17], struct hash *ret_genesis)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct site *site;

    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site(s->ledger, call->actor.sites[0]);
    text_format(origin, 65, "%s", s->origin);
    text_format(code, 17, "%.16s", site ? site->entry.u.site.code : "");
    *ret_genesis = ledger_genesis(s->ledger);
    market_read_unlock(call->api->market);
    return OK;
}

/* The KEYs of the log whole: who knows one of these keys follows the signatures to the newest. */
static void
log_keys_entries_json(struct call *call)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct key *k;
    uint8_t bytes[ENTRY_MAX];

    json_open_array(&call->out, "log_keys");
    for (size_t it = 0; s != NULL && (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_LOG)
            json_hex(&call->out, NULL, BYTES(bytes, entry_encode(&k->entry, bytes)));
    json_shut_array(&call->out);
    if (s != NULL)
        market_read_unlock(call->api->market);
}

/* Security: the call is signed with the site's key, which is in the journal; the proofs show that the caller has the
 * witness's keys. Whether a key counts is for the policy to say, not for the caller. */
void
agent_witness(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct introduced keys[WITNESS_ROLES];
    char origin[65], code[17];
    struct hash genesis;
    struct vkey log;
    enum err err;

    for (int role = 0; role < WITNESS_ROLES; role++)
        in_introduced(&in, (enum witness_role)role, &keys[role]);
    err = json_in_close(&in);
    if (!err)
        err = agent_check_instance(call);
    if (!err)
        err = origin_and_site(call, origin, code, &genesis);
    db_act_as(call->db, DB_ACTOR_SERVER);
    for (int role = 0; !err && role < WITNESS_ROLES; role++)
        err = check_introduced(call, (enum witness_role)role, &keys[role], origin, code, genesis);
    for (int role = 0; !err && role < WITNESS_ROLES; role++)
        err = keep_key(call, (enum witness_role)role, &keys[role]);
    call_act(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    agent_in_touch(call);
    log = notary_vkey(call->api->notary, origin);
    json_open(&call->out, NULL);
    json_text(&call->out, "log", arena_vkey(call, &log));
    log_keys_entries_json(call);
    json_shut(&call->out);
    call_reply(call, 200);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static enum err
consistency(struct api *api, struct db *db, uint64_t old, uint64_t size, struct proof *ret)
{
    struct log_reader *r = log_reader_new(api->market, db, size);
    struct merkle_source from = log_reader_source(r);
    enum err err = proof_consistency(&from, old, size, ret);

    log_reader_delete(r);
    return err;
}

enum err
checkpoint_for_witness(struct api *api, struct db *db, uint64_t after, const struct hash *root, struct json_out *out, bool *ret_news)
{
    struct arena *a = arena_new();
    struct proof proof = { .n = 0 };
    struct checkpoint_row row;
    enum err err = checkpoints_newest(db, INT64_MAX, a, &row);

    *ret_news = !err && (row.size != after || (root && !hash_equal(row.root, *root)));
    if (!err && *ret_news && row.size > after && after > 0)
        err = consistency(api, db, after, row.size, &proof);
    if (!err && *ret_news) {
        json_open(out, NULL);
        json_text(out, "checkpoint", row.note);
        json_i64(out, "old", (int64_t)after);
        json_open_array(out, "proof");
        for (unsigned i = 0; i < proof.n; i++)
            json_base64(out, NULL, BYTES(proof.path[i].b, 32));
        json_shut_array(out);
        json_shut(out);
    }
    arena_delete(a);
    return err == ERR_NOT_FOUND ? OK : err;
}

void
agent_checkpoint(struct call *call)
{
    static const char *const NAMES[] = { "after", "root", "wait", NULL };
    const char *text;
    int64_t after, wait_s;
    struct hash root;
    bool news = false;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "after", 0, INT64_MAX, 0, &after);
    if (!err)
        err = call_query_i64(call, "wait", 0, 30, 0, &wait_s);
    text = call_query(call, "root");
    if (!err && text && !hex_decode(text, root.b, sizeof root.b))
        err = err_say(&call->detail, ERR_QUERY_INVALID, "“root” has 64 hexadecimal digits.");
    if (!err)
        err = agent_check_instance(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    agent_in_touch(call);
    db_act_as(call->db, DB_ACTOR_SERVER); /* checkpoints and hashes are for everybody */
    err = checkpoint_for_witness(call->api, call->db, (uint64_t)after, text ? &root : NULL, &call->out, &news);
    if (err)
        call_fail(call, err);
    else if (news)
        call_reply(call, 200);
    else
        watchers_wait(call, (uint64_t)after, wait_s * 1000);
}

/* ---- cosignatures, refusals -------------------------------------------------------------------------------------- */

static bool
role_of_name(const char *name, enum witness_role *ret)
{
    for (int role = 0; role < WITNESS_ROLES; role++)
        if (strcmp(name, witness_role_name((enum witness_role)role)) == 0) {
            *ret = (enum witness_role)role;
            return true;
        }
    return false;
}

/* The site's newest key in a role. */
static enum err
own_key(struct call *call, enum witness_role role, struct vkey *ret)
{
    struct witness_seen *all;
    size_t n;
    enum err err = witnesses_list(call->db, call->arena, &all, &n);

    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        if (all[i].key.site == call->actor.sites[0] && all[i].key.role == role) {
            *ret = vkey_make(all[i].key.name, NOTE_COSIGNATURE, all[i].key.public);
            return OK;
        }
    return err_say(&call->detail, ERR_CONFLICT, "This witness's key is not known yet.");
}

void
agent_cosignature(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    uint64_t size = (uint64_t)json_in_i64(&in, "size", 1, INT64_MAX);
    const char *line = arena_text(call->arena, json_in_text(&in, "line", 1, NOTE_LINE_MAX));
    enum witness_role role = WITNESS_GROWS;
    struct hash root = { { 0 } };
    struct vkey by;
    enum err err;

    if (!role_of_name(json_in_text(&in, "role", 1, 16), &role))
        json_in_refuse(&in, "role", ERR_FIELD_INVALID, "A role is witness or attest.");
    if (!hex_decode(json_in_text(&in, "root", 64, 64), root.b, sizeof root.b))
        json_in_refuse(&in, "root", ERR_FIELD_INVALID, "A root has 64 hexadecimal digits.");
    err = json_in_close(&in);
    if (!err && (line[strlen(line) - 1] != '\n' || !text_is_line(arena_textn(call->arena, line, strlen(line) - 1))))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/line", "This is no signature line.");
    if (!err)
        err = agent_check_instance(call);
    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = own_key(call, role, &by);
    if (!err)
        err = cosigning_take(call->db, notary_policy(call->api->notary), size, &root, &by, BYTES_TEXT(line), call->now_ms, &call->detail);
    call_act(call);
    if (err) {
        call_fail(call, err);
        return;
    }
    agent_in_touch(call);
    call_reply_empty(call, 204);
}

/* The note is kept as it was shown: signed twice, it is the proof that the log has two histories. One that the log has not
 * signed is kept too, as the site's word and no more: a key that the journal names later may be its. */
void
agent_refusal(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct note *n = arena_alloc(call->arena, sizeof *n);
    struct log_keys *keys = arena_alloc(call->arena, sizeof *keys);
    struct refusal_row r = { .site = call->actor.sites[0], .received_ms = call->now_ms };
    struct checkpoint shown;
    enum witness_says says;
    enum err err;

    r.reason = arena_text(call->arena, json_in_text(&in, "reason", 1, 20));
    r.at_ms = json_in_time(&in, "at");
    r.note = arena_text(call->arena, json_in_text(&in, "checkpoint", 1, NOTE_MAX));
    r.had_size = (uint64_t)json_in_i64(&in, "had_size", 0, INT64_MAX);
    if (!hex_decode(json_in_text(&in, "had_root", 64, 64), r.had_root.b, sizeof r.had_root.b))
        json_in_refuse(&in, "had_root", ERR_FIELD_INVALID, "A root has 64 hexadecimal digits.");
    if (!in.err && !witness_fork_from_name(r.reason, &says))
        json_in_refuse(&in, "reason", ERR_FIELD_INVALID, "A reason is smaller, other-root or inconsistent.");
    if (!in.err && r.at_ms < 0)
        json_in_refuse(&in, "at", ERR_FIELD_RANGE, "It is before 1970.");
    err = json_in_close(&in);
    if (!err && (!note_parse(BYTES_TEXT(r.note), n) || !checkpoint_parse(n->text, &shown)))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/checkpoint", "This is no signed checkpoint.");
    if (!err)
        err = agent_check_instance(call);
    if (!err)
        err = log_keys_read(call->api, keys);
    if (!err) {
        r.size = shown.size;
        r.root = shown.root;
        db_act_as(call->db, DB_ACTOR_SERVER);
        err = refusals_add(call->db, &r);
        call_act(call);
    }
    if (err) {
        call_fail(call, err);
        return;
    }
    if (log_keys_signed(keys, n, NULL))
        log_error(call->api->log, "checkpoint-refused", LOG_I64("site", (int64_t)r.site), LOG_TEXT("why", witness_sentence(says)),
                  LOG_I64("size", (int64_t)r.size), LOG_I64("cosigned", (int64_t)r.had_size));
    else
        log_warning(call->api->log, "checkpoint-claimed", LOG_I64("site", (int64_t)r.site), LOG_I64("size", (int64_t)r.size),
                    LOG_TEXT("why", "the site says that it was shown this, but this log has not signed it"));
    agent_in_touch(call);
    call_reply_empty(call, 204);
}

/* ---- for everybody ----------------------------------------------------------------------------------------------- */

struct watching {
    struct log_policy_now policy;
    const struct quorum *quorum; /* the policy's */
    struct checkpoint_row newest, shown;
    struct witness_seen *seen;
    struct refusal_row *refused;
    bool *proven; /* of each of these: the log has signed what was refused */
    size_t seen_n, refused_n;
    struct log_policy_count count;
    bool any, any_shown;
};

static enum err
gather(struct call *call, struct log_policy *policy, struct watching *w)
{
    enum err err = checkpoints_newest(call->db, INT64_MAX, call->arena, &w->newest);

    w->any = err == OK;
    if (!err || err == ERR_NOT_FOUND)
        err = cosigning_shown(call->db, policy, call->arena, &w->shown);
    w->any_shown = err == OK;
    if (!err)
        err = cosigning_count(call->db, w->quorum, w->shown.size, call->arena, &w->count);
    if (!err || err == ERR_NOT_FOUND)
        err = witnesses_list(call->db, call->arena, &w->seen, &w->seen_n);
    if (!err)
        err = refusals_standing(call->db, call->arena, &w->refused, &w->refused_n);
    if (!err)
        err = refusals_prove(call->api, call->arena, w->refused, w->refused_n, &w->proven);
    if (w->quorum)
        w->count.of = w->quorum->witnesses;
    return err;
}

static void
checkpoint_json(struct json_out *out, const char *name, const struct checkpoint_row *row, bool there)
{
    if (!there) {
        json_none(out, name);
        return;
    }
    json_open(out, name);
    json_i64(out, "size", (int64_t)row->size);
    json_hex(out, "root", BYTES(row->root.b, 32));
    json_time(out, "time", row->signed_ms);
    json_shut(out);
}

/* "refused": what the log has signed, as everybody can verify; "claimed": a site says so. */
static void
refusal_json(struct json_out *out, const char *name, const struct watching *w, const struct witness_seen *seen)
{
    bool proven = strcmp(name, "refused") == 0;

    for (size_t i = 0; i < w->refused_n && seen->key.role == WITNESS_GROWS; i++) {
        const struct refusal_row *r = &w->refused[i];
        enum witness_says says;

        if (r->site != seen->key.site || w->proven[i] != proven || !witness_fork_from_name(r->reason, &says))
            continue;
        json_open(out, name);
        json_text(out, "reason", r->reason);
        json_text(out, "text", witness_sentence(says));
        json_time(out, "at", r->at_ms);
        json_i64(out, "size", (int64_t)r->size);
        json_hex(out, "root", BYTES(r->root.b, 32));
        json_i64(out, "had_size", (int64_t)r->had_size);
        json_hex(out, "had_root", BYTES(r->had_root.b, 32));
        json_text(out, "checkpoint", r->note);
        json_shut(out);
        return;
    }
    json_none(out, name);
}

/* site NULL: an outside witness. */
static void
witness_json(struct call *call, const struct watching *w, const struct witness_seen *seen, const struct site *site, const char *as)
{
    struct json_out *out = &call->out;
    struct vkey key = vkey_make(seen->key.name, NOTE_COSIGNATURE, seen->key.public);
    bool counts = w->quorum && quorum_witness_of(w->quorum, seen->key.name, seen->key.public) >= 0;

    json_open(out, NULL);
    json_text(out, "name", seen->key.name);
    json_text(out, "vkey", arena_vkey(call, &key));
    json_text(out, "role", site ? witness_role_name(seen->key.role) : "outside");
    json_text(out, "site", site ? site->entry.u.site.code : NULL);
    json_text(out, "known_as", as);
    json_bool(out, "counts", counts);
    json_i64(out, "size", (int64_t)seen->size);
    if (seen->size)
        json_time(out, "time", seen->time_s * 1000);
    else
        json_none(out, "time");
    json_bool(out, "behind", !w->any || seen->size < w->newest.size);
    refusal_json(out, "refused", w, seen);
    refusal_json(out, "claimed", w, seen);
    json_shut(out);
}

static const char *
known_as(const struct quorum *q, const struct witness_key *k)
{
    int i = q ? quorum_witness_of(q, k->name, k->public) : -1;

    return i >= 0 ? q->witness[i].name : NULL;
}

static bool
listed(const struct watching *w, const uint8_t public[32])
{
    for (size_t i = 0; i < w->seen_n; i++)
        if (memcmp(w->seen[i].key.public, public, 32) == 0)
            return true;
    return false;
}

/* Sites' witnesses, then those of the policy that are no site's. */
static enum err
witnesses_json(struct call *call, const struct watching *w)
{
    const struct state *s = market_read_lock(call->api->market);

    if (!s)
        return ERR_NOT_LEADER;
    for (size_t i = 0; i < w->seen_n; i++)
        if (ledger_site(s->ledger, w->seen[i].key.site))
            witness_json(call, w, &w->seen[i], ledger_site(s->ledger, w->seen[i].key.site), known_as(w->quorum, &w->seen[i].key));
    market_read_unlock(call->api->market);
    for (unsigned i = 0; w->quorum && i < w->quorum->witnesses; i++) {
        const struct quorum_witness *of = &w->quorum->witness[i];
        struct witness_seen seen = { .size = 0 };
        enum err err;

        if (listed(w, of->key.public))
            continue;
        memcpy(seen.key.public, of->key.public, 32);
        text_format(seen.key.name, sizeof seen.key.name, "%s", of->key.name);
        err = cosignatures_last(call->db, of->key.public, &seen);
        if (err && err != ERR_NOT_FOUND)
            return err;
        witness_json(call, w, &seen, NULL, of->name);
    }
    return OK;
}

/* policy, since: as the journal names it, once it does. */
static void
policy_json(struct call *call, const struct log_policy_now *now)
{
    const struct state *s = market_read_lock(call->api->market);
    struct ledger_witnesses said = { .entry = NO_INDEX };

    if (s) {
        said = ledger_witnesses(s->ledger);
        market_read_unlock(call->api->market);
    }
    if (now->quorum)
        json_hex(&call->out, "policy", BYTES(now->hash.b, 32));
    else
        json_none(&call->out, "policy");
    if (said.entry != NO_INDEX && hash_equal(said.policy, now->hash))
        json_i64(&call->out, "since", (int64_t)said.entry);
    else
        json_none(&call->out, "since");
}

static void
quorum_json(struct call *call, const struct watching *w)
{
    struct json_out *out = &call->out;
    char words[512];

    quorum_words(w->quorum, words, sizeof words);
    json_open(out, "quorum");
    json_bool(out, "asked", w->quorum && w->quorum->rule != QUORUM_NONE);
    json_text(out, "rule", words);
    json_i64(out, "cosigned", w->count.cosigned);
    json_i64(out, "of", w->count.of);
    json_bool(out, "met", w->any_shown && w->count.enough);
    policy_json(call, &w->policy);
    json_shut(out);
}

void
journal_witnesses(struct call *call)
{
    struct log_policy *policy = notary_policy(call->api->notary);
    struct watching w = { .policy = log_policy_now(policy) };
    struct json_out *out = &call->out;
    enum err err = call_query_only(call, NO_NAMES);

    w.quorum = w.policy.quorum;
    db_act_as(call->db, DB_ACTOR_SERVER); /* all of it is for everybody */
    if (!err)
        err = gather(call, policy, &w);
    if (err) {
        call_fail(call, err);
        return;
    }
    json_open(out, NULL);
    checkpoint_json(out, "signed", &w.newest, w.any);
    checkpoint_json(out, "shown", &w.shown, w.any_shown);
    quorum_json(call, &w);
    json_open_array(out, "witnesses");
    err = witnesses_json(call, &w);
    json_shut_array(out);
    json_shut(out);
    call_end(call, err, 200);
}

void
journal_policy(struct call *call)
{
    struct log_policy_now now = log_policy_now(notary_policy(call->api->notary));
    enum err err = call_query_only(call, NO_NAMES);

    if (!err && !now.quorum)
        err = err_say(&call->detail, ERR_NOT_FOUND, "This server asks for no witnesses: it has no policy.");
    if (err) {
        call_fail(call, err);
        return;
    }
    call_reply_bytes(call, 200, "text/plain; charset=utf-8", xstrdup(now.text), strlen(now.text));
}
