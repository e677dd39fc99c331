/* api/providers.h
 * Sign-in providers (OpenID Connect Core 1.0, authorization code with PKCE), from the configuration; for the files of api/
 * only. Each has its own few threads and its own bounded queue: one that is slow or away keeps neither socket threads nor
 * workers nor the other providers waiting. What it says of itself and its keys are fetched when they are needed, kept for an
 * hour, and fetched anew for a key that is not known at most once in provider_again_ms, whatever comes in.
 * Nothing that a provider says is believed before it is checked: addresses as strictly as its own, replies bounded in time
 * and size, no redirect followed. */
#ifndef API_PROVIDERS_H
#define API_PROVIDERS_H

#include "api/call.h"
#include "base/hash.h"
#include "crypto/id_token.h"

struct provider;
struct providers;
struct desk; /* a thread of a provider, which may take its time */

#define PROVIDER_CODE_MAX   32
#define PROVIDER_SECRET_LEN 32
#define PROVIDER_TEXT_LEN   BASE64_LEN(PROVIDER_SECRET_LEN)

/* dir "": none. NAME.conf is the provider NAME (small letters, digits, '-'). ERR_CONFIG, ERR_IO with d->internal. */
enum err providers_open(const char *dir, int64_t again_ms, const struct log *log, struct providers **ret,
                        struct err_detail *d) MUST_USE;
enum err providers_start(struct providers *all, struct err_detail *d) MUST_USE;
/* What waits is answered with ERR_SHUTDOWN, what is being asked is given up; joins the threads. More than once does no harm. */
void providers_stop(struct providers *all);
void providers_delete(struct providers *all);

size_t providers_count(const struct providers *all); /* NULL: 0 */
struct provider *providers_at(struct providers *all, size_t i);
struct provider *providers_find(struct providers *all, const char *code); /* NULL: none */
const char *provider_code(const struct provider *p);
const char *provider_label(const struct provider *p);
const char *provider_issuer(const struct provider *p);
/* False: this state has come back before, as far as is remembered. */
bool providers_once(struct providers *all, const uint8_t state[PROVIDER_SECRET_LEN]);

/* The call goes on in one of the provider's threads, without a database; work must end it or send it on. ERR_BUSY, then the
 * caller still has it. */
typedef void provider_work(struct call *call, struct desk *desk);
enum err provider_put(struct provider *p, struct call *call, provider_work *work) MUST_USE;

/* ---- one sign-in -------------------------------------------------------------------------------------------------- */
struct provider_flow {
    int64_t began_s; /* real time */
    uint8_t state[PROVIDER_SECRET_LEN], nonce[PROVIDER_SECRET_LEN], verifier[PROVIDER_SECRET_LEN];
};

/* Where the browser is sent. ERR_BUSY: what the provider says of itself is to be fetched first, at a desk. Without one this
 * never waits. */
enum err provider_address(struct provider *p, const struct provider_flow *flow, const char *redirect, struct arena *a,
                          const char **ret) MUST_USE;
enum err provider_learn(struct desk *desk, struct err_detail *d) MUST_USE;
/* Who it is: the code is redeemed, the ID token checked. iss: what came with the code, NULL if nothing did (RFC 9207).
 * ERR_PROVIDER_AWAY; ERR_PROVIDER_REFUSED, with d->internal. */
enum err provider_identify(struct desk *desk, const struct provider_flow *flow, const char *code, const char *iss,
                           const char *redirect, struct id_claims *ret, struct err_detail *d) MUST_USE;

#endif
