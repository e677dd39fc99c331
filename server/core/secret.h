/* core/secret.h
 * Secrets that a start-up gives to a job, sealed in its own program to the key of the site that runs it: names, forms and what
 * is signed and bound. Nothing between the two can open them (crypto/hpke.h does that at either end).
 *
 * A request says the names; whoever accepts a quote brings, for just these, an object
 *   {"key": HEX, "sealed": [{"name", "enc", "ciphertext"}, …]}
 * whose bytes, written as sealed_json() writes them, are what the site's agent fetches by their SHA-256, which the signed ticket
 * names. key is the SHA-256 of the site's public key.
 *
 * What is sealed is the value, filled up with zeros to a multiple of SECRET_PAD bytes, so that its length does not tell much.
 * Bound to it (HPKE's info): the organisation, whose Unix user runs it at the site, the request, the SHA-256 of the workload that
 * may read it, and the name. Whoever carries it can neither hand it to another's job, nor to another job, nor to the same one
 * with another script, nor under another name. */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "base/hash.h"
#include "base/json.h"
#include "base/uuid.h"

#define SECRETS_MAX        8
#define SECRET_NAME_MAX    64
#define SECRET_VALUE_MAX   4096
#define SECRET_PAD         64
#define SECRET_TAG_LEN     16
#define SECRET_SEALED_MAX  (SECRET_VALUE_MAX + SECRET_TAG_LEN)
#define SECRETS_NAMES_LEN  (SECRETS_MAX * (SECRET_NAME_MAX + 1)) /* separated by blanks, with the NUL */
#define SECRETS_BUNDLE_MAX 65536
#define SECRET_INFO_MAX    (18 + 16 + 16 + 32 + SECRET_NAME_MAX)
#define SEAL_STATEMENT_LEN (15 + 32 + 8 + 32)

struct sealed_secret {
    char name[SECRET_NAME_MAX + 1];
    uint8_t enc[32], sealed[SECRET_SEALED_MAX];
    size_t sealed_len;
};

struct sealed_secrets {
    struct hash key; /* SHA-256 of the public key */
    size_t n;
    struct sealed_secret all[SECRETS_MAX];
};

/* A name of an environment variable that neither the loader nor the shell nor Kontor, Slurm or the GPUs' libraries use. */
bool secret_name_ok(const char *name);
/* An array of names, into a text of names separated by blanks; "" if it is missing. Refuses what secret_name_ok() does, and a
 * name that comes twice. */
void secret_names_in(struct json_in *in, const char *member, char ret[SECRETS_NAMES_LEN]);
void secret_names_json(struct json_out *out, const char *member, const char *names);

/* The object above; ret is whole only if `in` has no error afterwards. */
void sealed_in(struct json_in *in, struct sealed_secrets *ret);
void sealed_json(struct json_out *out, const struct sealed_secrets *s);
/* The key that such bytes, as sealed_json() wrote them, are sealed to; false if they are none. */
bool sealed_key_read(struct bytes bytes, struct hash *ret);
/* Are they for these names, in any order? ERR_SECRET_MISSING, ERR_SECRET_SURPLUS, naming the first one. */
enum err sealed_check(const struct sealed_secrets *s, const char *names, struct err_detail *d) MUST_USE;

/* HPKE's info; its length. */
size_t secret_info(struct uuid organisation, struct uuid request, struct hash workload, const char *name, uint8_t ret[SECRET_INFO_MAX]);
/* What is open, without its filling: the value's length; SIZE_MAX if there is a zero in it. */
size_t secret_value_len(const uint8_t *open, size_t len);

/* What an agent signs to say that a key is its site's: the journal, the site, the key. */
void seal_statement(struct hash genesis, uint64_t site, const uint8_t public[32], uint8_t ret[SEAL_STATEMENT_LEN]);

#endif
