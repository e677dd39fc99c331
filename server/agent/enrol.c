/* agent/enrol.c: once: a one-time token for a place in the federation. The keys are made here and never leave. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/enrol.h"

#include "agent/agent.h"

#define CALL_TIMEOUT_MS 30000
#define PROOF_PREFIX    "kontor-enrol/v1" /* with its NUL */

/* The keys of an attempt whose reply was lost are used again. */
static enum err
keys_of_folder(const char *folder, struct sign_key *sign, struct seal_key *seal, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err;

    snprintf(path, sizeof path, "%s/agent.key", folder);
    err = sign_key_load(path, sign, d);
    if (err == ERR_NOT_FOUND) {
        *sign = sign_key_new();
        err = sign_key_save(sign, path, d);
    }
    if (err)
        return err;
    snprintf(path, sizeof path, "%s/seal.key", folder);
    err = seal_key_load(path, seal, d);
    if (err == ERR_NOT_FOUND) {
        *seal = seal_key_new();
        err = seal_key_save(seal, path, d);
    }
    return err;
}

void
enrol_request(struct json_out *o, const char *site, const char *token, const struct sign_key *sign, const struct seal_key *seal)
{
    uint8_t message[512], proof[SIGN_LEN];
    size_t prefix = sizeof PROOF_PREFIX, len = strnlen(token, sizeof message - prefix);

    memcpy(message, PROOF_PREFIX, prefix);
    memcpy(message + prefix, token, len);
    sign_make(sign, BYTES(message, prefix + len), proof);
    json_open(o, NULL);
    json_text(o, "token", token);
    json_text(o, "site", site);
    json_base64(o, "ed25519", BYTES(sign->public, SIGN_PUBLIC_LEN));
    json_base64(o, "x25519", BYTES(seal->public, 32));
    json_base64(o, "proof", BYTES(proof, sizeof proof));
    json_shut(o);
}

enum err
enrol_reply(const struct wire_reply *r, struct spool_identity *ret, struct err_detail *d)
{
    struct json_in in = json_in_open(BYTES(r->body, r->len), d), jwks;
    struct spool_identity who = { 0 };
    struct jws_keys keys;
    enum err err;

    snprintf(who.site, sizeof who.site, "%s", json_in_text(&in, "site", 1, 16));
    who.site_index = (uint64_t)json_in_i64(&in, "site_index", 0, INT64_MAX);
    snprintf(who.kid, sizeof who.kid, "%lld", (long long)json_in_i64(&in, "key", 0, INT64_MAX));
    snprintf(who.origin, sizeof who.origin, "%s", json_in_text(&in, "origin", 1, 64));
    if (!hex_decode(json_in_text(&in, "genesis", 64, 64), who.genesis.b, sizeof who.genesis.b))
        json_in_refuse(&in, "genesis", ERR_FIELD_INVALID, "must be 64 hexadecimal digits");
    who.simulation = json_in_bool(&in, "simulation");
    jwks = json_in_object(&in, "jwks");
    jws_keys_read(&jwks, &keys);
    err = json_in_close(&jwks);
    if (err)
        json_in_refuse(&in, "jwks", err, "is not a key set");
    err = json_in_close(&in);
    if (err == OK)
        *ret = who;
    return err;
}

static enum err
enrol_with(const struct agent_config *cfg, const char *token, struct err_detail *d)
{
    struct sign_key sign;
    struct seal_key seal;
    struct wire *wire;
    struct json_out o = { 0 };
    struct wire_call call = { .path = "/v1/agent/enrol", .timeout_ms = CALL_TIMEOUT_MS };
    struct wire_reply r;
    struct spool_identity who;
    enum err err = keys_of_folder(cfg->spool_dir, &sign, &seal, d);

    if (err == OK)
        err = wire_new(cfg->server, cfg->ca_file, &wire, d);
    if (err)
        return err;
    enrol_request(&o, cfg->site, token, &sign, &seal);
    call.body = BYTES(o.text, o.len);
    for (size_t i = 0; i < 2 * wire_servers(wire); i++) { /* twice round: the second may name the first as the leader */
        wire_once(wire, &call, &r);
        if (r.status != 0 && r.status != 503)
            break;
        wire_turn(wire, r.server, "");
    }
    if (r.status != 201)
        err = err_internal(d, ERR_TOKEN_SPENT, "the server answers %d: %.200s", r.status, r.status ? r.body : r.error);
    else if ((err = enrol_reply(&r, &who, d)) != OK)
        err = err_internal(d, err, "the server's reply is not as it should be: %s %s", d->pointer, d->text);
    json_out_free(&o);
    wire_delete(wire);
    if (err)
        return err;
    memcpy(who.public, sign.public, sizeof who.public);
    err = spool_make(cfg->spool_dir, &who, d);
    if (err == OK)
        printf("enrolled: site %s, key %s, journal %s\n", who.site, who.kid, who.origin);
    return err;
}

enum agent_exit
agent_enrol(const struct agent_config *cfg)
{
    struct err_detail d = { 0 };
    struct arena *arena = arena_new();
    const char *token;
    enum err err = OK;

    if (!cfg->site[0] || !cfg->token_file[0])
        err = err_internal(&d, ERR_CONFIG, "enrol needs site and token_file");
    if (err == OK && mkdir(cfg->spool_dir, 0700) != 0 && errno != EEXIST)
        err = err_internal(&d, ERR_IO, "%s: %s", cfg->spool_dir, strerror(errno));
    if (err == OK)
        err = spool_check_folder(cfg->spool_dir, &d);
    if (err == OK)
        err = config_secret(cfg->token_file, arena, &token, &d);
    if (err == OK)
        err = enrol_with(cfg, token, &d);
    if (err)
        fprintf(stderr, "kontor-agent: %s\n", d.internal[0] ? d.internal : d.text);
    arena_delete(arena);
    return err ? EXIT_ERROR : EXIT_DONE;
}
