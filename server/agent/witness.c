/* agent/witness.c
 * The site as a witness of the journal: a long poll for what the log has signed, a proof that it extends what was cosigned
 * last, the new state in the spool and on disk, and only then the cosignature (C2SP tlog-cosignature, Ed25519) on its way.
 * What must not be (a smaller journal, another history) is kept, told to the server and to the log, and ends cosigning
 * until an operator settles it (kontor-agent witness-dismiss, witness-admit).
 * One call at a time, on a lane of its own: introduce the keys, tell of a refusal, tell a cosignature, poll. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/witness.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"
#include "core/witness.h"

#define PROOF_PREFIX  "kontor-witness/v1" /* with its NUL */
#define WAIT_S        25
#define AWAY_S        60 /* a server that knows nothing of witnesses is asked again after so many seconds */
#define TOO_SOON_MS   1000
#define LOG_KEYS_MAX  256

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static enum err
key_of_folder(const char *folder, enum witness_role role, struct sign_key *ret, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err;

    snprintf(path, sizeof path, "%s/%s.key", folder, witness_role_name(role));
    err = sign_key_load(path, ret, d);
    if (err != ERR_NOT_FOUND)
        return err;
    *d = (struct err_detail){ .text = "" };
    *ret = sign_key_new();
    return sign_key_save(ret, path, d);
}

static enum err
recall(struct agent *a, struct witness *w)
{
    struct spool_refusal refusal;
    char text[VKEY_TEXT_MAX];
    enum err err = spool_log_vkey(a->spool, text);

    if (err == OK && text[0] && !vkey_parse(text, &w->log))
        err = ERR_CORRUPT;
    for (int role = 0; err == OK && role < WITNESS_ROLES; role++) {
        err = spool_cosigned(a->spool, (enum witness_role)role, &w->last[role]);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    if (err == OK && (err = spool_refusal(a->spool, &refusal)) == OK) {
        w->halted = true;
        w->refusal_told = refusal.told;
        free(refusal.note);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err
load_keys(struct agent *a, struct witness *w, struct err_detail *d)
{
    enum err err = OK;

    for (int role = 0; err == OK && role < WITNESS_ROLES; role++) {
        char name[NOTE_NAME_MAX];

        err = key_of_folder(a->cfg.spool_dir, (enum witness_role)role, &w->key[role], d);
        if (err == OK && (!text_format(name, sizeof name, "%s/%s/%s", a->who.origin, witness_role_name((enum witness_role)role), a->who.site) ||
                          !note_name_ok(name)))
            err = err_internal(d, ERR_CONFIG, "the journal's name does not do for a witness's: %s", a->who.origin);
        if (err == OK)
            w->vkey[role] = vkey_make(name, NOTE_COSIGNATURE, w->key[role].public);
    }
    return err;
}

enum err
witness_open(struct agent *a, struct err_detail *d)
{
    struct witness *w = xcalloc(1, sizeof *w);
    enum err err = load_keys(a, w, d);

    a->witness = w;
    if (err == OK && (err = recall(a, w)) != OK)
        err_internal(d, err, "the spool: %s", spool_error(a->spool));
    if (err == OK && w->halted)
        log_error(&a->log, "witness-halted",
                  LOG_TEXT("why", "a checkpoint was refused; nothing is cosigned until that is settled: see kontor-agent status"));
    return err;
}

void
witness_opened(struct agent *a)
{
    if (a->witness)
        a->witness->refusal_told = false;
}

bool
witness_is_halted(const struct agent *a)
{
    return a->witness && a->witness->halted;
}

void
witness_close(struct agent *a)
{
    if (!a->witness)
        return;
    for (int role = 0; role < WITNESS_ROLES; role++)
        free(a->witness->last[role].note);
    attest_forget(a->witness);
    free(a->witness);
    a->witness = NULL;
}

enum err
witness_print_keys(struct agent *a, FILE *to, struct err_detail *d)
{
    struct witness *w = xcalloc(1, sizeof *w);
    enum err err = load_keys(a, w, d);

    for (int role = 0; err == OK && role < WITNESS_ROLES; role++) {
        char text[VKEY_TEXT_MAX];

        vkey_text(&w->vkey[role], text);
        fprintf(to, "witness %s-%s %s\n", a->who.site, witness_role_name((enum witness_role)role), text);
    }
    free(w);
    return err;
}

char *
witness_last_cosigned(struct agent *a)
{
    const struct spool_cosigned *last = a->witness ? &a->witness->last[WITNESS_GROWS] : NULL;

    return last && last->note && last->time_s > 0 ? xstrdup(last->note) : NULL;
}

/* ---- introducing ------------------------------------------------------------------------------------------------- */

/* By a key: that it is this site's witness of this journal, in this role. */
static void
sign_introduction(struct agent *a, enum witness_role role, const char *vkey, uint8_t ret[SIGN_LEN])
{
    uint8_t words[sizeof PROOF_PREFIX + 32 + VKEY_TEXT_MAX];
    size_t len = strlen(vkey);

    memcpy(words, PROOF_PREFIX, sizeof PROOF_PREFIX);
    memcpy(words + sizeof PROOF_PREFIX, a->who.genesis.b, 32);
    memcpy(words + sizeof PROOF_PREFIX + 32, vkey, len);
    sign_make(&a->witness->key[role], BYTES(words, sizeof PROOF_PREFIX + 32 + len), ret);
}

static void
introduction_write(struct agent *a, struct json_out *o)
{
    json_open(o, NULL);
    for (int role = 0; role < WITNESS_ROLES; role++) {
        char text[VKEY_TEXT_MAX];
        uint8_t proof[SIGN_LEN];

        vkey_text(&a->witness->vkey[role], text);
        sign_introduction(a, (enum witness_role)role, text, proof);
        json_open(o, witness_role_name((enum witness_role)role));
        json_text(o, "vkey", text);
        json_base64(o, "proof", BYTES(proof, sizeof proof));
        json_shut(o);
    }
    json_shut(o);
}

/* Does this entry hand the log over from the key that we know to another? Both have signed it. */
static bool
hands_over(struct agent *a, const char *hex, uint8_t ret_public[32])
{
    uint8_t bytes[ENTRY_MAX], words[ENTRY_MAX];
    size_t len = strlen(hex) / 2, words_len;
    const struct authority_slot *slot;
    struct entry e;

    if (len > sizeof bytes || !hex_decode(hex, bytes, len) || entry_decode(BYTES(bytes, len), &e) != OK || e.kind != KEY ||
        e.u.key.use != KEY_LOG || e.u.key.status != KEY_ACTIVE)
        return false;
    slot = e.u.key.auth.slot;
    words_len = entry_order_bytes(&e, a->who.genesis, words);
    if (slot[0].class != 1 || sign_verify(a->witness->log.public, BYTES(words, words_len), slot[0].sig) != OK ||
        slot[1].class != 1 || sign_verify(e.u.key.ed25519, BYTES(words, words_len), slot[1].sig) != OK)
        return false;
    memcpy(ret_public, e.u.key.ed25519, 32);
    return true;
}

static void
know_log_key(struct agent *a, const struct vkey *log)
{
    char text[VKEY_TEXT_MAX];

    vkey_text(log, text);
    if (spool_set_log_vkey(a->spool, text) != OK)
        agent_spool_failed(a);
    a->witness->log = *log;
}

/* The log's key is learned once, from the server that the agent trusts with its tickets. Then it changes only by entries
 * that the key before has signed: a log under another key is another log. */
static bool
take_log_key(struct agent *a, const char *text, struct json_in *in)
{
    struct witness *w = a->witness;
    size_t n = json_in_has(in, "log_keys") ? json_in_array(in, "log_keys", LOG_KEYS_MAX) : 0;
    struct vkey log;

    if (!vkey_parse(text, &log) || log.type != NOTE_ED25519 || strcmp(log.name, a->who.origin) != 0)
        return false;
    if (!w->log.name[0])
        know_log_key(a, &log);
    for (size_t i = 0; i < n && memcmp(w->log.public, log.public, sizeof log.public) != 0; i++) {
        uint8_t public[32];
        struct vkey next;

        if (!hands_over(a, json_in_array_text(in, "log_keys", i, 2 * ENTRY_MAX), public))
            continue;
        log_warning(&a->log, "log-key", LOG_TEXT("why", "the log's key before has signed for a new one"));
        next = vkey_make(a->who.origin, NOTE_ED25519, public);
        know_log_key(a, &next);
    }
    return memcmp(w->log.public, log.public, sizeof log.public) == 0;
}

static void
introduced(struct agent *a, const struct wire_reply *r)
{
    struct json_in in = json_in_open(BYTES(r->body, r->len), NULL);
    char text[VKEY_TEXT_MAX];
    bool good;

    text_format(text, sizeof text, "%s", json_in_text(&in, "log", 1, VKEY_TEXT_MAX - 1));
    good = take_log_key(a, text, &in);
    if (json_in_close(&in) == OK && good) {
        a->witness->introduced = true;
        resume_lane(a, WIRE_WITNESS);
        return;
    }
    log_error(&a->log, "witness-log-key", LOG_TEXT("told", text),
              LOG_TEXT("why", "the server names another key of the log than before; nothing is cosigned"));
    pause_lane(a, WIRE_WITNESS, AWAY_S);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

/* Our own line is the note's last. */
static const char *
last_line(const char *note)
{
    size_t at = strlen(note);

    while (at > 1 && note[at - 2] != '\n')
        at--;
    return note + at - 1;
}

static void
cosignature_write(const struct spool_cosigned *c, enum witness_role role, struct json_out *o)
{
    json_open(o, NULL);
    json_text(o, "role", witness_role_name(role));
    json_i64(o, "size", (int64_t)c->at.size);
    json_hex(o, "root", BYTES(c->at.root.b, 32));
    json_text(o, "line", last_line(c->note));
    json_shut(o);
}

static void
refusal_write(const struct spool_refusal *r, struct json_out *o)
{
    json_open(o, NULL);
    json_text(o, "reason", witness_name(r->says));
    json_time(o, "at", r->at_ms);
    json_text(o, "checkpoint", r->note);
    json_i64(o, "had_size", (int64_t)r->had.size);
    json_hex(o, "had_root", BYTES(r->had.root.b, 32));
    json_shut(o);
}

static void
send(struct agent *a, enum wire_lane lane, const char *path, struct json_out *o)
{
    struct wire_call call = { .path = path, .token = agent_token(a), .instance = a->instance, .timeout_ms = call_timeout_ms(a),
                              .body = BYTES(o->text, o->len) };

    if (spool_sync(a->spool) != OK) /* what has left us we must never forget */
        agent_spool_failed(a);
    wire_start(a->wire, lane, &call);
    json_out_free(o);
}

static void
post(struct agent *a, int what, const char *path, struct json_out *o)
{
    send(a, WIRE_WITNESS, path, o);
    a->witness->asked = what;
}

bool
witness_tell(struct agent *a, enum witness_role role)
{
    const struct spool_cosigned *c = &a->witness->last[role];
    struct json_out o = { 0 };

    if (!c->note || c->told)
        return false;
    cosignature_write(c, role, &o);
    send(a, role == WITNESS_GROWS ? WIRE_WITNESS : WIRE_ATTEST, "/v1/agent/cosignatures", &o);
    return true;
}

static bool
unwanted(const struct wire_reply *r)
{
    return r->status == 403 || r->status == 404 || r->status == 422;
}

void
witness_told(struct agent *a, enum witness_role role, const struct wire_reply *r)
{
    struct spool_cosigned *c = &a->witness->last[role];
    enum wire_lane lane = role == WITNESS_GROWS ? WIRE_WITNESS : WIRE_ATTEST;
    char code[48];

    if ((r->status < 200 || r->status >= 300) && call_failed(a, "cosignature-failed", r, code, sizeof code))
        return;
    if ((r->status < 200 || r->status >= 300) && !unwanted(r)) {
        pause_lane(a, lane, r->retry_after_s);
        a->witness->introduced = a->witness->introduced && r->status != 409;
        return;
    }
    c->told = true;
    if (spool_cosigned_told(a->spool, role, c->at.size) != OK)
        agent_spool_failed(a);
    resume_lane(a, lane);
}

static void
tell_refusal(struct agent *a)
{
    struct spool_refusal r;
    struct json_out o = { 0 };

    if (spool_refusal(a->spool, &r) != OK)
        agent_spool_failed(a);
    refusal_write(&r, &o);
    free(r.note);
    post(a, ASK_REFUSAL, "/v1/agent/refusals", &o);
}

/* ---- the checkpoint ---------------------------------------------------------------------------------------------- */

static void
ask_checkpoint(struct agent *a)
{
    struct witness *w = a->witness;
    const struct witnessed *at = &w->last[WITNESS_GROWS].at;
    char path[160], root[HEX_LEN(32)];
    struct wire_call call = { .path = path, .token = agent_token(a), .instance = a->instance,
                              .timeout_ms = WAIT_S * 1000 + call_timeout_ms(a) };

    /* What an operator has admitted is not cosigned yet: another root is named, so that it is shown again. */
    hex_encode(BYTES(w->last[WITNESS_GROWS].time_s ? at->root.b : (const uint8_t[32]){ 0 }, 32), root);
    text_format(path, sizeof path, "/v1/agent/checkpoint?after=%" PRIu64 "&wait=%d%s%s", at->size, WAIT_S,
                at->size ? "&root=" : "", at->size ? root : "");
    wire_start(a->wire, WIRE_WITNESS, &call);
    w->asked = ASK_CHECKPOINT;
    w->asked_mono_ms = monotonic_ms();
}

void
witness_start(struct agent *a)
{
    struct witness *w = a->witness;
    struct json_out o = { 0 };

    if (!w->introduced) {
        introduction_write(a, &o);
        post(a, ASK_INTRODUCE, "/v1/agent/witness", &o);
        return;
    }
    if (w->halted && !w->refusal_told) {
        tell_refusal(a);
        return;
    }
    if (witness_tell(a, WITNESS_GROWS))
        w->asked = ASK_COSIGNATURE;
    else if (!w->halted)
        ask_checkpoint(a);
}

/* The spool knows it, on disk, before anybody else does. */
void
witness_cosign(struct agent *a, enum witness_role role, const struct note *n, const struct checkpoint *c)
{
    struct witness *w = a->witness;
    struct spool_cosigned *last = &w->last[role];
    uint64_t now_s = (uint64_t)(real_now_ms() / 1000);
    struct spool_cosigned made = { .at = { c->size, c->root }, .time_s = now_s > last->time_s ? now_s : last->time_s };
    uint8_t *message = xmalloc(n->text.len + 64), sig[SIGN_LEN];
    size_t len = note_signed_bytes(NOTE_COSIGNATURE, made.time_s, n->text, message);
    struct vkey log = w->log;
    char line[NOTE_LINE_MAX];

    sign_make(&w->key[role], BYTES(message, len), sig);
    free(message);
    note_line_write(&w->vkey[role], made.time_s, sig, line);
    made.note = xmalloc(n->text.len + 2 + 2 * NOTE_LINE_MAX);
    memcpy(made.note, n->text.data, n->text.len);
    made.note[n->text.len] = '\n';
    len = n->text.len + 1;
    for (size_t i = 0; i < n->n; i++)
        if (n->line[i].name_len == strlen(log.name) && memcmp(n->line[i].name, log.name, n->line[i].name_len) == 0 &&
            n->line[i].len == 4 + SIGN_LEN && memcmp(n->line[i].blob, log.id, 4) == 0) {
            len += note_line_write(&log, 0, n->line[i].blob + 4, made.note + len);
            break;
        }
    memcpy(made.note + len, line, strlen(line) + 1);
    if (spool_begin(a->spool) != OK || spool_set_cosigned(a->spool, role, &made) != OK || spool_commit(a->spool) != OK ||
        spool_sync(a->spool) != OK)
        agent_spool_failed(a);
    free(last->note);
    *last = made;
    log_debug(&a->log, "cosigned", LOG_TEXT("as", witness_role_name(role)), LOG_I64("size", (int64_t)c->size));
}

static void
refuse(struct agent *a, enum witness_says says, const struct checkpoint *c, const char *note)
{
    struct witness *w = a->witness;
    struct spool_refusal r = { .at_ms = real_now_ms(), .says = says, .shown = *c, .had = w->last[WITNESS_GROWS].at, .note = (char *)note };

    if (spool_begin(a->spool) != OK || spool_add_refusal(a->spool, &r) != OK || spool_commit(a->spool) != OK ||
        spool_sync(a->spool) != OK)
        agent_spool_failed(a);
    w->halted = true;
    w->refusal_told = false;
    log_error(&a->log, "checkpoint-refused", LOG_TEXT("why", witness_sentence(says)), LOG_I64("size", (int64_t)c->size),
              LOG_I64("cosigned", (int64_t)r.had.size),
              LOG_TEXT("next", "nothing is cosigned until an operator settles it: kontor-agent status, docs/site.md"));
}

/* False: it says nothing about the journal. */
static bool
judge(struct agent *a, const char *text, uint64_t old, const struct proof *proof)
{
    struct witness *w = a->witness;
    struct note *n = xcalloc(1, sizeof *n);
    struct checkpoint c = { .origin = "" };
    enum witness_says says = WITNESS_NO_NOTE;

    if (note_parse(BYTES_TEXT(text), n))
        says = witness_judge(&w->last[WITNESS_GROWS].at, &w->log, n, old, proof, verify, &c);
    if (says == WITNESS_COSIGN || (says == WITNESS_SAME && c.size > 0 && w->last[WITNESS_GROWS].time_s == 0)) {
        witness_cosign(a, WITNESS_GROWS, n, &c);
    } else if (witness_is_fork(says)) {
        refuse(a, says, &c, text);
    } else if (says == WITNESS_UNSIGNED) { /* perhaps the log has another key by now: ask */
        w->introduced = false;
        log_warning(&a->log, "checkpoint-not-taken", LOG_TEXT("why", witness_sentence(says)));
        pause_lane(a, WIRE_WITNESS, 0);
    } else if (says != WITNESS_SAME) {
        log_error(&a->log, "checkpoint-not-taken", LOG_TEXT("why", witness_sentence(says)));
    }
    free(n);
    return says == WITNESS_COSIGN || says == WITNESS_SAME || witness_is_fork(says);
}

static bool
proof_read(struct json_in *in, struct proof *ret)
{
    size_t n = json_in_array(in, "proof", PROOF_MAX), len;

    *ret = (struct proof){ .n = (unsigned)n };
    for (size_t i = 0; i < n; i++) {
        const char *text = json_in_array_text(in, "proof", i, 44);

        if (!base64_decode(text, strlen(text), ret->path[i].b, 32, &len) || len != 32)
            return false;
    }
    return true;
}

static void
take_checkpoint(struct agent *a, const struct wire_reply *r)
{
    struct err_detail d = { .text = "" };
    struct json_in in = json_in_open(BYTES(r->body, r->len), &d);
    bool any = json_in_has(&in, "checkpoint");
    char *text = xstrdup(json_in_text_or(&in, "checkpoint", NOTE_MAX, ""));
    uint64_t old = (uint64_t)json_in_i64_or(&in, "old", 0, INT64_MAX, 0);
    struct proof proof = { .n = 0 };
    bool good = !any || proof_read(&in, &proof);

    if (json_in_close(&in) != OK || !good) {
        log_error(&a->log, "checkpoint-reply", LOG_TEXT("text", d.text), LOG_TEXT("at", d.pointer));
        pause_lane(a, WIRE_WITNESS, 0);
    } else if (any && !judge(a, text, old, &proof)) {
        pause_lane(a, WIRE_WITNESS, 0);
    } else {
        resume_lane(a, WIRE_WITNESS);
        if (!any && monotonic_ms() - a->witness->asked_mono_ms < TOO_SOON_MS)
            a->pause[WIRE_WITNESS].until_mono_ms = monotonic_ms() + TOO_SOON_MS;
    }
    free(text);
}

/* ---- replies ----------------------------------------------------------------------------------------------------- */

static void
refusal_told(struct agent *a)
{
    a->witness->refusal_told = true;
    if (spool_refusal_told(a->spool) != OK)
        agent_spool_failed(a);
    resume_lane(a, WIRE_WITNESS);
}

static void
failed(struct agent *a, int what, const struct wire_reply *r)
{
    char code[48];

    if (call_failed(a, "witness-failed", r, code, sizeof code))
        return;
    if (what == ASK_REFUSAL && unwanted(r)) { /* it will never want it */
        refusal_told(a);
        return;
    }
    pause_lane(a, WIRE_WITNESS, unwanted(r) ? AWAY_S : r->retry_after_s);
    if (r->status == 409)
        a->witness->introduced = false;
}

void
witness_reply(struct agent *a, const struct wire_reply *r)
{
    int what = a->witness->asked;

    a->witness->asked = ASK_NOTHING;
    if (what == ASK_COSIGNATURE)
        witness_told(a, WITNESS_GROWS, r);
    else if (r->status < 200 || r->status >= 300)
        failed(a, what, r);
    else if (what == ASK_INTRODUCE)
        introduced(a, r);
    else if (what == ASK_CHECKPOINT)
        take_checkpoint(a, r);
    else
        refusal_told(a);
}
