/* api/providers_internal.h: what providers.c and provider_ask.c share, and nobody else. */
#ifndef API_PROVIDERS_INTERNAL_H
#define API_PROVIDERS_INTERNAL_H

#include <pthread.h>

#include "api/providers.h"
#include "base/config.h"
#include "base/log.h"
#include "base/web.h"

enum { PROVIDER_THREADS = 2, PROVIDER_URL_MAX = 1024 };

struct provider_config {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
#include "api/providers.def"
#undef C
};

/* What it says of itself (OpenID Connect Discovery 1.0), checked. */
struct provider_about {
    char authorize[PROVIDER_URL_MAX], token[PROVIDER_URL_MAX], keys[PROVIDER_URL_MAX], user_info[PROVIDER_URL_MAX];
    bool names_issuer; /* beside the code */
    bool secret_in_body;
};

struct desk {
    struct provider *provider;
    struct web *web;
    pthread_t thread;
};

struct provider {
    char code[PROVIDER_CODE_MAX];
    struct provider_config config;
    const char *secret; /* "": none */
    enum id_alg alg;
    int64_t again_ms;
    const struct log *log;

    pthread_mutex_t queue_lock;
    pthread_cond_t more;
    struct call *first, **end;
    size_t waiting;
    bool stopping;
    struct desk desks[PROVIDER_THREADS];
    size_t desks_n;

    pthread_mutex_t fetching; /* one at a time; held while the network is waited for, by desks only */
    int64_t about_tried_ms, keys_tried_ms, keys_again_ms; /* monotonic; under it */

    pthread_mutex_t known_lock; /* never held for long */
    struct provider_about about;
    struct id_keys *keys;
    int64_t about_ms, keys_ms; /* monotonic, when they came; 0: never */
    char trouble[256];
};

bool provider_stopping(struct provider *p);

#endif
