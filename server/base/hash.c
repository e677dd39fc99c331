/* base/hash.c
 * OpenSSL's SHA-256 uses the processor's instructions; fetching the algorithm and making a context cost more than
 * hashing 200 bytes, so both are kept: one algorithm for the process, one context a thread, freed as it ends. */
#define ERR_STATE openssl_err_state /* OpenSSL's type of this name is none of ours */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#undef ERR_STATE
#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static EVP_MD *algorithm;

static void
context_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

/* In a context of our own: OpenSSL 3.0 makes its default one without looking whether it could, and then falls over it. */
static void
prepare(void)
{
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();

    if (library == NULL)
        fatal("OpenSSL does not begin");
    algorithm = EVP_MD_fetch(library, "SHA256", NULL);
    if (algorithm == NULL || pthread_key_create(&at_thread_end, context_free) != 0)
        fatal("OpenSSL does not compute SHA-256");
}

static EVP_MD_CTX *
context(void)
{
    EVP_MD_CTX *ctx;

    pthread_once(&once, prepare);
    ctx = pthread_getspecific(at_thread_end);
    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
        if (ctx == NULL || pthread_setspecific(at_thread_end, ctx) != 0)
            fatal("OpenSSL does not compute SHA-256");
    }
    return ctx;
}

struct hash
sha256_of(const struct bytes *parts, size_t n)
{
    EVP_MD_CTX *ctx = context();
    struct hash h;
    unsigned len;

    if (EVP_DigestInit_ex2(ctx, algorithm, NULL) != 1)
        fatal("OpenSSL does not compute SHA-256");
    for (size_t i = 0; i < n; i++)
        if (parts[i].len > 0 && EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1)
            fatal("OpenSSL does not compute SHA-256");
    if (EVP_DigestFinal_ex(ctx, h.b, &len) != 1 || len != sizeof h.b)
        fatal("OpenSSL does not compute SHA-256");
    return h;
}

struct hash
sha256(struct bytes in)
{
    return sha256_of(&in, 1);
}
