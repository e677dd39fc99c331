/* crypto/password.c */
#include "crypto/password.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>
#include <zxcvbn.h>

#include "crypto/random.h"

#define PASSES       2
#define MEMORY_BYTES (19U * 1024 * 1024)

_Static_assert(crypto_pwhash_argon2id_STRBYTES <= PASSWORD_HASH_TEXT, "room for libsodium's text");

/* The hash of 32 random bytes that nobody kept. */
static const char NOBODY[] =
    "$argon2id$v=19$m=19456,t=2,p=1$C6G7abBZ/Uf0i9jCbw+CcQ$6yc32o5hu8qc7G2MH4BxvVXzdF1t4a+ITtwNl3Tq5Pw";

enum err
password_hash(const char *password, size_t len, char ret[PASSWORD_HASH_TEXT])
{
    char text[crypto_pwhash_argon2id_STRBYTES];

    crypto_ready();
    if (crypto_pwhash_argon2id_str(text, password, len, PASSES, MEMORY_BYTES) != 0)
        return ERR_BUSY;
    memcpy(ret, text, sizeof text);
    return OK;
}

enum err
password_verify(const char *hash, const char *password, size_t len)
{
    char text[crypto_pwhash_argon2id_STRBYTES] = { 0 };

    crypto_ready();
    if (strlen(hash) >= sizeof text)
        return ERR_CREDENTIALS;
    memcpy(text, hash, strlen(hash));
    return crypto_pwhash_argon2id_str_verify(text, password, len) == 0 ? OK : ERR_CREDENTIALS;
}

enum err
password_verify_nobody(const char *password, size_t len)
{
    enum err ignored = password_verify(NOBODY, password, len);

    (void)ignored;
    return ERR_CREDENTIALS;
}

/* ---- what is guessed first ------------------------------------------------------------------------------------------- */

#define GUESSABLE_BITS 27.0 /* log2 of 10^8 */
#define WORDS_MAX      24
#define ABOUT_MAX      512

/* What stands near at hand for everybody here. */
static const char *const OURS[] = { "kontor", "investai", "eurohpc", "gpu", "supercomputer", "federation" };

bool
password_is_guessable(const char *password, const char *about)
{
    const char *words[WORDS_MAX + 1] = { NULL };
    char text[ABOUT_MAX];
    size_t n = 0, len = strnlen(about, sizeof text - 1);

    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        words[n++] = OURS[i];
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(isalnum((unsigned char)about[i]) || (unsigned char)about[i] > 127 ? tolower((unsigned char)about[i]) : '\0');
    text[len] = '\0';
    for (size_t i = 0; i < len && n < WORDS_MAX; i += strlen(text + i) + 1)
        if (strlen(text + i) > 2)
            words[n++] = text + i;
    return ZxcvbnMatch(password, words, NULL) < GUESSABLE_BITS;
}
