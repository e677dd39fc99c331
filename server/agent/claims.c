/* agent/claims.c */
#include "agent/claims.h"

#include <stdio.h>
#include <stdlib.h>

#define SECONDS_MAX 253402300799 /* end of the year 9999 */
#define MS_MAX      (SECONDS_MAX * 1000)

/* iss and aud must be as pinned. */
static enum err
for_us(struct json_in *in, const char *origin, const char *site)
{
    bool iss = strcmp(json_in_text(in, "iss", 1, 64), origin) == 0;
    bool aud = strcmp(json_in_text(in, "aud", 1, 16), site) == 0;

    if (!iss)
        return ERR_TOKEN_SERVER;
    return aud ? OK : ERR_TOKEN_SITE;
}

static const char *
stranger(enum err err)
{
    return err == ERR_TOKEN_SERVER ? "it is of another server" : "it is for another site";
}

static struct hash
hash_in(struct json_in *in, const char *name)
{
    struct hash ret = { { 0 } };

    if (!hex_decode(json_in_text(in, name, 64, 64), ret.b, sizeof ret.b))
        json_in_refuse(in, name, ERR_FIELD_INVALID, "must be 64 hexadecimal digits");
    return ret;
}

static void
workload_in(struct json_in *in, struct ticket_claims *ret)
{
    struct json_in workload = json_in_object(in, "workload");
    enum err err;

    ret->workload = hash_in(&workload, "sha256");
    ret->workload_len = (uint32_t)json_in_i64(&workload, "len", 0, WORKLOAD_MAX);
    err = json_in_close(&workload);
    if (err)
        json_in_refuse(in, "workload", err, "is not a workload");
}

static void
window_in(struct json_in *in, struct ticket_claims *ret)
{
    if (json_in_array(in, "window", 2) != 2) {
        json_in_refuse(in, "window", ERR_FIELD_INVALID, "must be two times");
        return;
    }
    ret->window_start_ms = json_in_array_i64(in, "window", 0, 0, MS_MAX);
    ret->window_end_ms = json_in_array_i64(in, "window", 1, ret->window_start_ms, MS_MAX);
}

static void
run_in(struct json_in *in, struct ticket_claims *ret)
{
    ret->offering = (uint64_t)json_in_i64(in, "offering", 0, INT64_MAX);
    snprintf(ret->model, sizeof ret->model, "%s", json_in_text(in, "model", 1, 32));
    ret->gpus = (uint32_t)json_in_i64(in, "gpus", 1, INT32_MAX);
    ret->nodes = (uint32_t)json_in_i64(in, "nodes", 0, INT32_MAX);
    window_in(in, ret);
    ret->permit_from_ms = json_in_i64(in, "permit_from", 0, MS_MAX);
    ret->accept_by_ms = json_in_i64(in, "accept_by", 0, MS_MAX);
    ret->start_by_ms = json_in_i64(in, "start_by", 0, MS_MAX);
    ret->walltime_s = (uint32_t)json_in_i64(in, "walltime_s", 1, INT32_MAX);
    ret->rate_milli = (uint32_t)json_in_i64(in, "rate_milli", 1, INT32_MAX);
    ret->max_gpums = json_in_gpums(in, "max_gpums", 0, INT64_MAX);
    workload_in(in, ret);
    ret->hold = (uint64_t)json_in_i64(in, "hold", 0, INT64_MAX);
    ret->needs = needs_in(in, "needs", &ret->needs_unknown);
    if (json_in_has(in, "secrets"))
        ret->secrets = hash_in(in, "secrets");
}

static enum err
ticket_in(struct json_in *in, const char *origin, const char *site, struct ticket_claims *ret, enum err *ret_ours)
{
    static const char *const DO[] = { "run", "cancel", NULL };
    struct ticket_claims t = { 0 };
    enum err err;

    *ret_ours = for_us(in, origin, site);
    t.jti = json_in_uuid(in, "jti");
    t.iat_s = json_in_i64(in, "iat", 0, SECONDS_MAX);
    t.nbf_s = json_in_i64(in, "nbf", 0, SECONDS_MAX);
    t.exp_s = json_in_i64(in, "exp", 0, SECONDS_MAX);
    t.seq = (uint64_t)json_in_i64(in, "seq", 1, INT64_MAX);
    t.fence = (uint64_t)json_in_i64(in, "fence", 1, INT64_MAX);
    t.cancel = json_in_choice(in, "do", DO) == 1;
    t.request = json_in_uuid(in, "request");
    t.reservation = json_in_uuid(in, "reservation");
    t.organisation = json_in_uuid(in, "organisation");
    if (!t.cancel)
        run_in(in, &t);
    err = json_in_close(in);
    if (err == OK)
        *ret = t;
    return err;
}

enum err
ticket_claims_read(const char *jws, const struct jws_keys *keys, const char *origin, const char *site,
                   struct ticket_claims *ret, struct err_detail *d)
{
    char *payload;
    size_t len;
    struct json_in in;
    struct ticket_claims t;
    enum err ours, err = jws_verify_set(jws, strlen(jws), JWS_TYP_TICKET, keys, &payload, &len);

    if (err)
        return err_internal(d, err, "%s", err_sentence(err));
    in = json_in_open(BYTES(payload, len), d);
    err = ticket_in(&in, origin, site, &t, &ours);
    free(payload);
    if (err)
        return err;
    if (ours)
        return err_internal(d, ours, "%s", stranger(ours));
    *ret = t;
    return OK;
}

enum err
ticket_claims_head(const char *jws, const struct jws_keys *keys, const char *origin, const char *site,
                   struct ticket_claims *ret)
{
    struct ticket_claims t = { 0 };
    struct json_in in;
    enum err err, ignored;
    char *payload;
    size_t len;
    bool run;

    err = jws_verify_set(jws, strlen(jws), JWS_TYP_TICKET, keys, &payload, &len);
    if (err)
        return err;
    in = json_in_open(BYTES(payload, len), NULL);
    ignored = for_us(&in, origin, site);
    if (!in.err)
        in.err = ignored;
    run = strcmp(json_in_text(&in, "do", 1, 8), "run") == 0;
    t.jti = json_in_uuid(&in, "jti");
    t.seq = (uint64_t)json_in_i64(&in, "seq", 1, INT64_MAX);
    t.fence = (uint64_t)json_in_i64(&in, "fence", 1, INT64_MAX);
    t.request = json_in_uuid(&in, "request");
    t.reservation = json_in_uuid(&in, "reservation");
    err = in.err;
    ignored = json_in_close(&in); /* there are other members, some of which are not as they should be */
    (void)ignored;
    free(payload);
    if (err == OK && !run)
        err = ERR_FIELD_INVALID;
    if (err == OK)
        *ret = t;
    return err;
}

static void
permit_in(struct json_in *in, struct receipt_claims *ret)
{
    static const char *const PERMIT[] = { "refused", "granted", NULL };

    ret->has_permit = json_in_has(in, "permit");
    if (!ret->has_permit)
        return;
    ret->granted = json_in_choice(in, "permit", PERMIT) == 1;
    ret->jti = json_in_uuid(in, "jti");
    ret->fence = (uint64_t)json_in_i64(in, "fence", 0, INT64_MAX);
    ret->instance = (uint64_t)json_in_i64(in, "ins", 0, INT64_MAX);
    snprintf(ret->reason, sizeof ret->reason, "%s", json_in_text_or(in, "reason", sizeof ret->reason - 1, ""));
}

/* OK: it is of this server, and for this site. */
static enum err
receipt_in(struct json_in *in, const char *origin, const char *site, struct receipt_claims *ret)
{
    enum err ours = for_us(in, origin, site);

    ret->number = (uint64_t)json_in_i64(in, "num", 1, INT64_MAX);
    ret->statement = hash_in(in, "sha256");
    ret->iat_s = json_in_i64(in, "iat", 0, SECONDS_MAX);
    permit_in(in, ret);
    return ours;
}

enum err
receipt_claims_read(const char *jws, const struct jws_keys *keys, const char *origin, const char *site,
                    struct receipt_claims *ret, struct err_detail *d)
{
    char *payload;
    size_t len;
    struct json_in in;
    struct receipt_claims r = { 0 };
    enum err ours, err = jws_verify_set(jws, strlen(jws), JWS_TYP_RECEIPT, keys, &payload, &len);

    if (err)
        return err_internal(d, err, "%s", err_sentence(err));
    in = json_in_open(BYTES(payload, len), d);
    ours = receipt_in(&in, origin, site, &r);
    err = json_in_close(&in);
    free(payload);
    if (err)
        return err;
    if (ours)
        return err_internal(d, ours, "%s", stranger(ours));
    *ret = r;
    return OK;
}

bool
ticket_claims_kept(const char *jws, struct ticket_claims *ret)
{
    struct ticket_claims t;
    struct json_in in;
    char *payload;
    size_t len;
    enum err ours;
    bool good;

    if (jws_payload(jws, strlen(jws), JWS_TYP_TICKET, &payload, &len) != OK)
        return false;
    in = json_in_open(BYTES(payload, len), NULL);
    good = ticket_in(&in, "", "", &t, &ours) == OK;
    free(payload);
    if (good)
        *ret = t;
    return good;
}

int64_t
receipt_claims_time(const char *jws)
{
    struct receipt_claims r = { 0 };
    struct json_in in;
    char *payload;
    size_t len;
    bool good;

    if (jws_payload(jws, strlen(jws), JWS_TYP_RECEIPT, &payload, &len) != OK)
        return -1;
    in = json_in_open(BYTES(payload, len), NULL);
    (void)receipt_in(&in, "", "", &r);
    good = json_in_close(&in) == OK;
    free(payload);
    return good ? r.iat_s : -1;
}
