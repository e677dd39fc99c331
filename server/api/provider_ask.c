/* api/provider_ask.c: what a provider is asked, and what of its answers is believed. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/internal.h"
#include "api/providers_internal.h"
#include "base/text.h"

enum {
    ABOUT_MS = 4000, KEYS_MS = 4000, TOKEN_MS = 8000, USER_MS = 4000, LOOK_MS = 100,
    ABOUT_MOST = 128 << 10, KEYS_MOST = 256 << 10, TOKEN_MOST = 64 << 10, USER_MOST = 64 << 10,
    FRESH_MS = 3600000, AFTER_FAILURE_MS = 3000, ACCESS_MAX = 8192, METHODS_MAX = 64,
};

/* ---- addresses and forms ------------------------------------------------------------------------------------------ */

/* name=value of a form or a query (application/x-www-form-urlencoded), percent-encoded but for unreserved characters. */
static const char *
encoded(struct arena *a, const char *text)
{
    static const char HEX[] = "0123456789ABCDEF", PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *ret = arena_alloc(a, 3 * strlen(text) + 1), *to = ret;

    for (; *text; text++) {
        if (strchr(PLAIN, *text)) {
            *to++ = *text;
        } else {
            *to++ = '%';
            *to++ = HEX[(unsigned char)*text >> 4];
            *to++ = HEX[(unsigned char)*text & 15];
        }
    }
    return ret;
}

static const char *
secret_text(struct arena *a, const uint8_t secret[PROVIDER_SECRET_LEN])
{
    char *text = arena_alloc(a, PROVIDER_TEXT_LEN);

    base64url_encode(BYTES(secret, PROVIDER_SECRET_LEN), text);
    return text;
}

/* What is told is on the same footing as the issuer: another's plain HTTP on this machine is nobody's business. */
static bool
address_ok(const struct provider *p, const char *url)
{
    return web_url_ok(url) && !strchr(url, '#') && (!web_url_loopback(url) || web_url_loopback(p->config.issuer));
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

/* One trouble is logged once, and when it is over. */
static void
note_trouble(struct provider *p, const char *why)
{
    bool news;

    pthread_mutex_lock(&p->known_lock);
    news = strcmp(p->trouble, why) != 0;
    text_format(p->trouble, sizeof p->trouble, "%s", why);
    pthread_mutex_unlock(&p->known_lock);
    if (news && why[0])
        log_warning(p->log, "sign-in-provider", LOG_TEXT("provider", p->code), LOG_TEXT("why", why));
    else if (news)
        log_info(p->log, "sign-in-provider", LOG_TEXT("provider", p->code), LOG_TEXT("why", "it answers again"));
}

static enum err
away(struct provider *p, struct err_detail *d, const char *what, const struct web_reply *r)
{
    char why[256];

    if (r->status)
        text_format(why, sizeof why, "%s: it answers %d", what, r->status);
    else
        text_format(why, sizeof why, "%s: %.180s", what, r->error);
    note_trouble(p, why);
    err_say(d, ERR_PROVIDER_AWAY, "%s does not answer; try again in a moment, or sign in another way.", p->config.label);
    return err_internal(d, ERR_PROVIDER_AWAY, "%s: %s", p->code, why);
}

static enum err
refused(const struct provider *p, struct err_detail *d, const char *why)
{
    return err_internal(d, ERR_PROVIDER_REFUSED, "%s: %s", p->code, why);
}

/* At most call->timeout_ms; given up at once when the server stops. */
static void
ask(struct desk *desk, const struct web_call *call, struct web_reply *ret)
{
    web_start(desk->web, 0, call);
    while (!web_next(desk->web, ret)) {
        if (provider_stopping(desk->provider))
            web_end(desk->web, 0, "the server is stopping");
        else
            web_wait(desk->web, NULL, 0, LOOK_MS);
    }
}

static void
fetch(struct desk *desk, const char *url, size_t most, int timeout_ms, struct web_reply *ret)
{
    static const char *const ACCEPT[] = { "Accept: application/json", NULL };

    ask(desk, &(struct web_call){ .url = url, .headers = ACCEPT, .timeout_ms = timeout_ms, .most = most }, ret);
}

/* ---- what it says of itself ---------------------------------------------------------------------------------------- */

/* Does a list, if there is one, name this? */
static bool
offers(struct json_in *in, const char *name, const char *what, bool if_missing)
{
    bool has = false;
    size_t n;

    if (!json_in_has(in, name))
        return if_missing;
    n = json_in_array(in, name, METHODS_MAX);
    for (size_t i = 0; i < n; i++)
        has = strcmp(json_in_array_text(in, name, i, 200), what) == 0 || has;
    return has;
}

static const char *
about_wrong(const struct provider *p, struct json_in *in, struct provider_about *ret)
{
    const char *issuer = json_in_text(in, "issuer", 1, 1000);

    text_format(ret->authorize, sizeof ret->authorize, "%s", json_in_text(in, "authorization_endpoint", 1, PROVIDER_URL_MAX - 1));
    text_format(ret->token, sizeof ret->token, "%s", json_in_text(in, "token_endpoint", 1, PROVIDER_URL_MAX - 1));
    text_format(ret->keys, sizeof ret->keys, "%s", json_in_text(in, "jwks_uri", 1, PROVIDER_URL_MAX - 1));
    text_format(ret->user_info, sizeof ret->user_info, "%s", json_in_text_or(in, "userinfo_endpoint", PROVIDER_URL_MAX - 1, ""));
    ret->names_issuer = json_in_bool_or(in, "authorization_response_iss_parameter_supported", false);
    ret->secret_in_body = !offers(in, "token_endpoint_auth_methods_supported", "client_secret_basic", true);
    if (in->err)
        return "";
    if (strcmp(issuer, p->config.issuer) != 0)
        return "it calls itself by another issuer";
    if (!address_ok(p, ret->authorize) || !address_ok(p, ret->token) || !address_ok(p, ret->keys) || (ret->user_info[0] && !address_ok(p, ret->user_info)))
        return "an address in it is neither https:// nor on this machine as the issuer is";
    if (!offers(in, "id_token_signing_alg_values_supported", p->config.algorithm, true))
        return "it does not sign with the configured algorithm";
    if (!offers(in, "code_challenge_methods_supported", "S256", true))
        return "it does not do PKCE with S256";
    return in->err ? "" : NULL;
}

static enum err
read_about(struct provider *p, const struct web_reply *r, struct err_detail *d)
{
    struct err_detail why = { .text = "" };
    struct json_in in = json_in_open(BYTES(r->body, r->len), &why);
    struct provider_about about = { .authorize = "" };
    const char *wrong;
    char text[256];

    json_in_loose(&in);
    wrong = about_wrong(p, &in, &about);
    if (json_in_close(&in))
        text_format(text, sizeof text, "its description: %.150s %s", why.text, why.pointer);
    else if (wrong)
        text_format(text, sizeof text, "its description: %s", wrong);
    else {
        pthread_mutex_lock(&p->known_lock);
        p->about = about;
        p->about_ms = monotonic_ms();
        pthread_mutex_unlock(&p->known_lock);
        note_trouble(p, "");
        return OK;
    }
    note_trouble(p, text);
    return refused(p, d, text);
}

static bool
about_known(struct provider *p, struct provider_about *ret)
{
    bool fresh;

    pthread_mutex_lock(&p->known_lock);
    fresh = p->about_ms && monotonic_ms() - p->about_ms < FRESH_MS;
    if (fresh)
        *ret = p->about;
    pthread_mutex_unlock(&p->known_lock);
    return fresh;
}

/* After a failure it is left alone for a moment, whoever asks. */
static bool
too_soon(const struct provider *p, int64_t tried_ms)
{
    int64_t pause_ms = p->again_ms < AFTER_FAILURE_MS ? p->again_ms : AFTER_FAILURE_MS;

    return tried_ms && monotonic_ms() - tried_ms < pause_ms;
}

static enum err
still_away(struct provider *p, struct err_detail *d)
{
    err_say(d, ERR_PROVIDER_AWAY, "%s does not answer; try again in a moment, or sign in another way.", p->config.label);
    return err_internal(d, ERR_PROVIDER_AWAY, "%s: it failed a moment ago", p->code);
}

/* Under `fetching`. */
static enum err
fetch_about(struct desk *desk, struct err_detail *d)
{
    struct provider *p = desk->provider;
    char url[PROVIDER_URL_MAX];
    size_t len = strlen(p->config.issuer);
    struct web_reply r;

    if (too_soon(p, p->about_tried_ms))
        return still_away(p, d);
    while (len > 0 && p->config.issuer[len - 1] == '/')
        len--;
    text_format(url, sizeof url, "%.*s/.well-known/openid-configuration", (int)len, p->config.issuer);
    fetch(desk, url, ABOUT_MOST, ABOUT_MS, &r);
    p->about_tried_ms = monotonic_ms();
    return r.status == 200 ? read_about(p, &r, d) : away(p, d, "its description", &r);
}

enum err
provider_learn(struct desk *desk, struct err_detail *d)
{
    struct provider *p = desk->provider;
    struct provider_about about;
    enum err err = OK;

    if (about_known(p, &about))
        return OK;
    pthread_mutex_lock(&p->fetching);
    if (!about_known(p, &about)) /* nobody has done it meanwhile */
        err = fetch_about(desk, d);
    pthread_mutex_unlock(&p->fetching);
    return err;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

/* Under `fetching`. */
static enum err
fetch_keys(struct desk *desk, const struct provider_about *about, struct err_detail *d)
{
    struct provider *p = desk->provider;
    struct err_detail why = { .text = "" };
    struct id_keys *keys, *before;
    struct web_reply r;
    char text[256];

    if (too_soon(p, p->keys_tried_ms))
        return still_away(p, d);
    fetch(desk, about->keys, KEYS_MOST, KEYS_MS, &r);
    if (r.status != 200) {
        p->keys_tried_ms = monotonic_ms();
        return away(p, d, "its keys", &r);
    }
    if (id_keys_read(BYTES(r.body, r.len), p->alg, &keys, &why)) {
        p->keys_tried_ms = monotonic_ms();
        text_format(text, sizeof text, "its keys: %.200s", why.internal);
        note_trouble(p, text);
        return refused(p, d, text);
    }
    pthread_mutex_lock(&p->known_lock);
    before = p->keys;
    p->keys = keys;
    p->keys_ms = monotonic_ms();
    pthread_mutex_unlock(&p->known_lock);
    id_keys_delete(before);
    note_trouble(p, "");
    return OK;
}

/* When the keys came, 0: there are none, or they are too old. */
static int64_t
keys_since(struct provider *p)
{
    int64_t since;

    pthread_mutex_lock(&p->known_lock);
    since = p->keys && monotonic_ms() - p->keys_ms < FRESH_MS ? p->keys_ms : 0;
    pthread_mutex_unlock(&p->known_lock);
    return since;
}

/* Keys that are fresh enough; newer than a time, if there may be newer ones: for a token whose key is not known they are
 * fetched anew, but only so often. */
static enum err
learn_keys(struct desk *desk, const struct provider_about *about, int64_t newer_than_ms, struct err_detail *d)
{
    struct provider *p = desk->provider;
    enum err err = OK;

    pthread_mutex_lock(&p->fetching);
    if (keys_since(p) <= newer_than_ms) {
        if (newer_than_ms == 0) {
            err = fetch_keys(desk, about, d);
        } else if (!p->keys_again_ms || monotonic_ms() - p->keys_again_ms >= p->again_ms) {
            p->keys_again_ms = monotonic_ms();
            err = fetch_keys(desk, about, d);
        }
    }
    pthread_mutex_unlock(&p->fetching);
    return err;
}

static enum err
check_token(struct provider *p, const char *token, const struct id_want *want, struct id_claims *ret, struct err_detail *d)
{
    enum err err;

    pthread_mutex_lock(&p->known_lock);
    err = p->keys ? id_token_check(token, p->keys, p->alg, want, ret, d) : ERR_NOT_FOUND;
    pthread_mutex_unlock(&p->known_lock);
    return err;
}

/* ---- one sign-in --------------------------------------------------------------------------------------------------- */

enum err
provider_address(struct provider *p, const struct provider_flow *flow, const char *redirect, struct arena *a, const char **ret)
{
    struct provider_about about;
    const char *verifier = secret_text(a, flow->verifier);
    struct hash challenge = sha256(BYTES_TEXT(verifier));
    const char *acr = p->config.acr[0] ? arena_printf(a, "&acr_values=%s", encoded(a, p->config.acr)) : "";
    const char *age = p->config.max_age_s ? arena_printf(a, "&max_age=%" PRId64, p->config.max_age_s) : "";

    if (!about_known(p, &about))
        return ERR_BUSY;
    *ret = arena_printf(a, "%s%cresponse_type=code&client_id=%s&redirect_uri=%s&scope=%s&state=%s&nonce=%s&code_challenge=%s&code_challenge_method=S256%s%s",
                        about.authorize, strchr(about.authorize, '?') ? '&' : '?', encoded(a, p->config.client_id), encoded(a, redirect),
                        encoded(a, p->config.scope), secret_text(a, flow->state), secret_text(a, flow->nonce), secret_text(a, challenge.b), acr, age);
    return OK;
}

/* How we prove who we are: HTTP Basic, where RFC 6749 wants id and secret encoded first, or in the form. */
static const char *
basic(struct provider *p, struct arena *a)
{
    const char *pair = arena_printf(a, "%s:%s", encoded(a, p->config.client_id), encoded(a, p->secret));
    char *text = arena_alloc(a, BASE64_LEN(strlen(pair)));

    base64_encode(BYTES_TEXT(pair), text);
    return arena_printf(a, "Authorization: Basic %s", text);
}

static void
redeem(struct desk *desk, const struct provider_about *about, const struct provider_flow *flow, const char *code, const char *redirect,
       struct arena *a, struct web_reply *ret)
{
    struct provider *p = desk->provider;
    bool in_header = p->secret[0] && !about->secret_in_body;
    const char *const headers[] = { "Accept: application/json", in_header ? basic(p, a) : NULL, NULL };
    const char *form = arena_printf(a, "grant_type=authorization_code&code=%s&redirect_uri=%s&code_verifier=%s", encoded(a, code),
                                    encoded(a, redirect), secret_text(a, flow->verifier));

    if (!in_header)
        form = arena_printf(a, "%s&client_id=%s", form, encoded(a, p->config.client_id));
    if (p->secret[0] && !in_header)
        form = arena_printf(a, "%s&client_secret=%s", form, encoded(a, p->secret));
    ask(desk, &(struct web_call){ .url = about->token, .headers = headers, .body = BYTES_TEXT(form),
                                  .type = "application/x-www-form-urlencoded", .timeout_ms = TOKEN_MS, .most = TOKEN_MOST }, ret);
}

static enum err
read_tokens(struct provider *p, const struct web_reply *r, struct arena *a, const char **ret_id, const char **ret_access,
            struct err_detail *d)
{
    struct err_detail why = { .text = "" };
    struct json_in in = json_in_open(BYTES(r->body, r->len), &why);

    json_in_loose(&in);
    *ret_id = arena_text(a, json_in_text(&in, "id_token", 1, ID_TOKEN_MAX));
    *ret_access = arena_text(a, json_in_text_or(&in, "access_token", ACCESS_MAX, ""));
    if (json_in_close(&in))
        return refused(p, d, arena_printf(a, "what it gave for the code: %.120s %s", why.text, why.pointer));
    return OK;
}

/* The name, where the token did not tell it. It is only shown: so what goes wrong here is no reason to turn anybody away,
 * unless it is about somebody else. */
static enum err
learn_name(struct desk *desk, const struct provider_about *about, const char *access, struct arena *a, struct id_claims *claims,
           struct err_detail *d)
{
    const char *const headers[] = { "Accept: application/json", arena_printf(a, "Authorization: Bearer %s", access), NULL };
    struct err_detail why = { .text = "" };
    struct web_reply r;

    if (claims->name[0] || !about->user_info[0] || !access[0] || strpbrk(access, "\r\n"))
        return OK;
    ask(desk, &(struct web_call){ .url = about->user_info, .headers = headers, .timeout_ms = USER_MS, .most = USER_MOST }, &r);
    if (r.status == 200 && id_user_info(BYTES(r.body, r.len), claims, &why) != OK)
        return refused(desk->provider, d, why.internal);
    return OK;
}

static enum err
prove(struct desk *desk, const struct provider_about *about, const struct provider_flow *flow, const char *token, struct arena *a,
      struct id_claims *ret, struct err_detail *d)
{
    struct provider *p = desk->provider;
    struct err_detail why = { .text = "" };
    struct id_want want = { .issuer = p->config.issuer, .client_id = p->config.client_id, .nonce = secret_text(a, flow->nonce),
                            .acr = p->config.acr, .max_age_s = p->config.max_age_s, .now_s = real_now_ms() / 1000, .began_s = flow->began_s };
    int64_t had_ms = keys_since(p), asked_ms = monotonic_ms();
    enum err err = had_ms ? OK : learn_keys(desk, about, 0, d);

    if (err)
        return err;
    err = check_token(p, token, &want, ret, &why);
    if (err == ERR_NOT_FOUND && had_ms && had_ms < asked_ms) {
        err = learn_keys(desk, about, had_ms, d);
        if (err)
            return err;
        err = check_token(p, token, &want, ret, &why);
    }
    return err ? refused(p, d, why.internal) : OK;
}

enum err
provider_identify(struct desk *desk, const struct provider_flow *flow, const char *code, const char *iss, const char *redirect,
                  struct id_claims *ret, struct err_detail *d)
{
    struct provider *p = desk->provider;
    struct arena *a = arena_new();
    struct provider_about about;
    const char *token = "", *access = "";
    struct web_reply r = { .status = 0 };
    enum err err = provider_learn(desk, d);

    if (!err && !about_known(p, &about))
        err = still_away(p, d);
    if (!err && ((iss && strcmp(iss, p->config.issuer) != 0) || (!iss && about.names_issuer)))
        err = refused(p, d, "the code came with another issuer's name, or with none (RFC 9207)");
    if (!err) {
        redeem(desk, &about, flow, code, redirect, a, &r);
        if (r.status == 0 || r.status >= 500)
            err = away(p, d, "redeeming a code", &r);
        else if (r.status != 200)
            err = refused(p, d, arena_printf(a, "it does not take the code: it answers %d", r.status));
    }
    if (!err)
        err = read_tokens(p, &r, a, &token, &access, d);
    if (!err)
        err = prove(desk, &about, flow, token, a, ret, d);
    if (!err)
        err = learn_name(desk, &about, access, a, ret, d);
    if (!err)
        note_trouble(p, "");
    arena_delete(a);
    return err;
}
