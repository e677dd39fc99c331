/* agent/rotate.c: kontor-agent rotate-key: a new key for the site, while the agent is stopped and its jobs go on.
 * Without a token the key that we have signs for the next one, and the server takes both for a day. With a token (token_file),
 * since ours was revoked or is lost, the server takes the new one on the site operator's word, and the seal key is new, too.
 *
 * The next key is on disk (agent.key.next) before the server hears of it; the spool changes to it in one transaction, in
 * which reports without a receipt are signed anew; last it takes the old one's place. Cut off anywhere, the command, or the
 * next start, goes on from there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/enrol.h"
#include "base/arena.h"
#include "crypto/random.h"

#define CALL_TIMEOUT_MS 30000
#define ROTATE_PREFIX   "kontor-rotate/v1" /* with its NUL */

static void
key_path(const struct agent *a, const char *name, char ret[PATH_MAX])
{
    snprintf(ret, PATH_MAX, "%s/%s", a->cfg.spool_dir, name);
}

/* The next key takes the place of the one before, if it is there. */
static enum err
put_in_place(const struct agent *a, const char *name, struct err_detail *d)
{
    char path[PATH_MAX], next[PATH_MAX + 8];
    int dir;
    bool good;

    key_path(a, name, path);
    snprintf(next, sizeof next, "%s.next", path);
    if (rename(next, path) != 0)
        return errno == ENOENT ? OK : err_internal(d, ERR_IO, "%s: %s", next, strerror(errno));
    dir = open(a->cfg.spool_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    good = dir >= 0 && fsync(dir) == 0;
    if (dir >= 0)
        close(dir);
    return good ? OK : err_internal(d, ERR_IO, "%s: %s", a->cfg.spool_dir, strerror(errno));
}

/* The seal key that is about to give way opens what was sealed to it before: under another name, as long as it is needed. */
static enum err
keep_seal_key(const struct agent *a, struct err_detail *d)
{
    char path[PATH_MAX], next[PATH_MAX], old[PATH_MAX];

    key_path(a, "seal.key", path);
    key_path(a, "seal.key.next", next);
    key_path(a, "seal.key.old", old);
    if (access(next, F_OK) != 0)
        return OK;
    if ((unlink(old) != 0 && errno != ENOENT) || (link(path, old) != 0 && errno != ENOENT))
        return err_internal(d, ERR_IO, "%s: %s", old, strerror(errno));
    return OK;
}

static enum err
keys_in_place(const struct agent *a, struct err_detail *d)
{
    enum err err = keep_seal_key(a, d);

    if (err == OK)
        err = put_in_place(a, "seal.key", d);

    return err == OK ? put_in_place(a, "agent.key", d) : err;
}

enum err
rotation_finish(struct agent *a, struct err_detail *d)
{
    char next[PATH_MAX];
    struct sign_key key;
    enum err err;

    key_path(a, "agent.key.next", next);
    err = sign_key_load(next, &key, d);
    if (err == OK)
        err = spool_open(a->cfg.spool_dir, key.public, &a->spool, &a->who, d);
    if (err)
        return err;
    a->key = key;
    return keys_in_place(a, d);
}

/* ---- announcing it ------------------------------------------------------------------------------------------------ */

/* Those of an attempt whose reply was lost are used again. */
static enum err
next_keys(struct agent *a, bool with_seal, struct sign_key *sign, struct seal_key *seal, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err;

    key_path(a, "agent.key.next", path);
    err = sign_key_load(path, sign, d);
    if (err == ERR_NOT_FOUND) {
        *sign = sign_key_new();
        err = sign_key_save(sign, path, d);
    }
    if (err)
        return err;
    key_path(a, with_seal ? "seal.key.next" : "seal.key", path);
    err = seal_key_load(path, seal, d);
    if (err == ERR_NOT_FOUND && with_seal) {
        *seal = seal_key_new();
        err = seal_key_save(seal, path, d);
    }
    return err;
}

static void
by_the_old_one(struct agent *a, const struct sign_key *sign, const struct seal_key *seal, struct json_out *o)
{
    uint8_t words[sizeof ROTATE_PREFIX + 32 + 16 + 64], by_old[SIGN_LEN], by_new[SIGN_LEN], *at = words;
    uint64_t numbers[2] = { a->who.site_index, strtoull(a->who.kid, NULL, 10) };

    memcpy(at, ROTATE_PREFIX, sizeof ROTATE_PREFIX), at += sizeof ROTATE_PREFIX;
    memcpy(at, a->who.genesis.b, 32), at += 32;
    for (int i = 0; i < 2; i++)
        for (int byte = 7; byte >= 0; byte--)
            *at++ = (uint8_t)(numbers[i] >> (8 * byte));
    memcpy(at, sign->public, 32);
    memcpy(at + 32, seal->public, 32);
    sign_make(&a->key, BYTES(words, sizeof words), by_old);
    sign_make(sign, BYTES(words, sizeof words), by_new);
    json_open(o, NULL);
    json_base64(o, "ed25519", BYTES(sign->public, 32));
    json_base64(o, "x25519", BYTES(seal->public, 32));
    json_base64(o, "by_old", BYTES(by_old, sizeof by_old));
    json_base64(o, "by_new", BYTES(by_new, sizeof by_new));
    json_shut(o);
}

/* The number of the key as the journal has it. */
static enum err
take_reply(struct agent *a, const struct wire_reply *r, bool by_token, char ret_kid[24], struct err_detail *d)
{
    struct json_in in;
    struct spool_identity who = { 0 };
    enum err err;

    if (r->status != (by_token ? 201 : 200))
        return err_internal(d, ERR_TOKEN_SPENT, "the server answers %d: %.200s", r->status, r->status ? r->body : r->error);
    if (by_token) {
        err = enrol_reply(r, &who, d);
        if (err == OK && (who.site_index != a->who.site_index || !hash_equal(who.genesis, a->who.genesis)))
            err = err_internal(d, ERR_CONFIG, "that token is for another site, or another journal");
        snprintf(ret_kid, 24, "%s", who.kid);
        return err;
    }
    in = json_in_open(BYTES(r->body, r->len), d);
    snprintf(ret_kid, 24, "%lld", (long long)json_in_i64(&in, "key", 0, INT64_MAX));
    if (json_in_has(&in, "until"))
        printf("The key before it is in force until %s.\n", json_in_text_or(&in, "until", TIME_TEXT, "its end"));
    return json_in_close(&in);
}

static enum err
announce(struct agent *a, const char *token, const struct sign_key *sign, const struct seal_key *seal, char ret_kid[24],
         struct err_detail *d)
{
    struct json_out o = { 0 };
    struct wire_call call = { .path = token ? "/v1/agent/enrol" : "/v1/agent/keys", .timeout_ms = CALL_TIMEOUT_MS };
    struct wire_reply r;
    enum err err = wire_new(a->cfg.server, a->cfg.ca_file, &a->wire, d);

    if (err)
        return err;
    if (token) {
        enrol_request(&o, a->who.site, token, sign, seal);
    } else {
        by_the_old_one(a, sign, seal, &o);
        call.token = agent_token(a);
    }
    call.body = BYTES(o.text, o.len);
    for (size_t i = 0; i < 2 * wire_servers(a->wire); i++) { /* twice round: the second may name the first as the leader */
        wire_once(a->wire, &call, &r);
        if (r.status != 0 && r.status != 503)
            break;
        wire_turn(a->wire, r.server, "");
    }
    err = take_reply(a, &r, token != NULL, ret_kid, d);
    json_out_free(&o);
    return err;
}

/* ---- taking it into use ------------------------------------------------------------------------------------------- */

/* The statements stay what they are: the server may have them. */
static enum err
sign_anew(struct agent *a)
{
    struct spool_report row;
    uint64_t from = 1;
    enum err err;

    while ((err = spool_report_from(a->spool, from, &row)) == OK) {
        sign_make(&a->key, BYTES(row.statement, sizeof row.statement), row.signature);
        err = spool_resign(a->spool, &row);
        from = row.number + 1;
        free(row.inventory);
        if (err)
            return err;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err
take_into_use(struct agent *a, const struct sign_key *sign, const char *kid, struct err_detail *d)
{
    char before[24];

    snprintf(before, sizeof before, "%s", a->who.kid);
    snprintf(a->who.kid, sizeof a->who.kid, "%s", kid);
    memcpy(a->who.public, sign->public, sizeof a->who.public);
    a->key = *sign;
    if (spool_begin(a->spool) != OK || spool_set_key(a->spool, &a->who) != OK || sign_anew(a) != OK)
        return err_internal(d, ERR_IO, "%s", spool_error(a->spool));
    agent_tell(a, (struct uuid){ { 0 } }, "key", "%s takes the place of %s", kid, before);
    if (spool_commit(a->spool) != OK || spool_sync(a->spool) != OK)
        return err_internal(d, ERR_IO, "%s", spool_error(a->spool));
    return keys_in_place(a, d);
}

int
command_rotate_key(struct agent *a)
{
    struct err_detail d = { 0 };
    struct arena *arena = arena_new();
    struct sign_key sign;
    struct seal_key seal;
    const char *token = NULL;
    char kid[24];
    enum err err = agent_open_own(a, &d);

    if (err == OK && a->cfg.token_file[0])
        err = config_secret(a->cfg.token_file, arena, &token, &d);
    if (err == OK)
        err = next_keys(a, token != NULL, &sign, &seal, &d);
    if (err == OK)
        err = announce(a, token, &sign, &seal, kid, &d);
    if (err == OK)
        err = take_into_use(a, &sign, kid, &d);
    if (err == OK)
        printf("The site's key is %s from now on; start the agent.\n", kid);
    arena_delete(arena);
    agent_close(a);
    return err ? agent_complain(&d) : EXIT_DONE;
}

/* ---- the seal key alone: nobody need be asked, since the next opening of an instance tells it ----------------------- */

static enum err
next_seal_key(const struct agent *a, struct err_detail *d)
{
    char path[PATH_MAX];
    struct seal_key key;
    enum err err;

    key_path(a, "seal.key.next", path);
    if (access(path, F_OK) == 0) /* it was cut off: it goes on */
        return OK;
    key_path(a, "seal.key.old", path);
    if (access(path, F_OK) == 0)
        return err_internal(d, ERR_EXISTS, "the key before the present one is still needed: it goes a day after its change, when no job is left that needs it");
    key = seal_key_new();
    key_path(a, "seal.key.next", path);
    err = seal_key_save(&key, path, d);
    random_wipe(&key, sizeof key);
    return err;
}

int
command_rotate_seal(struct agent *a)
{
    struct err_detail d = { 0 };
    enum err err = agent_open_own(a, &d);

    if (err == OK)
        err = next_seal_key(a, &d);
    if (err == OK)
        err = keep_seal_key(a, &d);
    if (err == OK)
        err = put_in_place(a, "seal.key", &d);
    if (err == OK) {
        agent_tell(a, (struct uuid){ { 0 } }, "key", "a new key for sealed secrets; the one before opens what was sealed to it");
        printf("Start the agent: it tells the server the new key. What was sealed to the one before is still opened.\n");
    }
    agent_close(a);
    return err ? agent_complain(&d) : EXIT_DONE;
}
