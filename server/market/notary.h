/* market/notary.h
 * The thread that signs the log's checkpoints (C2SP tlog-checkpoint): only heads that are committed, only while this
 * server leads, every 10 s or 1,000 entries while the journal grows. It never signs what does not extend all that it has
 * signed: before it signs anew, the root at the size of the newest checkpoint is computed from the tiles and compared.
 * It signs with the log's key that the entries hold in force at that size: a rotation is an entry (KEY of use log), and what
 * it covers is signed by the new key. */
#ifndef MARKET_NOTARY_H
#define MARKET_NOTARY_H

#include "base/log.h"
#include "core/note.h"
#include "crypto/sign.h"
#include "market/log_policy.h"
#include "market/market.h"

struct notary;

struct notary_config {
    struct market *market;
    const char *db_worker; /* conninfo */
    const struct log *log; /* may be NULL */
    const struct seals *seals; /* of the checkpoints it stores; as long as the notary */
    struct sign_key key;   /* the log's, not the server's */
    struct sign_key next;  /* what is to become the log's key; has_next: there is one */
    bool has_next;
    const char *key_path;  /* the key's file; that of the next one has ".next" after it. NULL: they have none */
    int64_t every_ms;      /* real time between two checkpoints of a growing journal; 0: 10,000 */
    struct log_policy *policy; /* whose quorum is asked for; lives longer. NULL: none */
    void (*on_signed)(void *ctx); /* on the notary's thread, when a checkpoint has been signed and stored; must not block. NULL */
    void *ctx;
};

enum err notary_start(const struct notary_config *config, struct notary **ret, struct err_detail *d) MUST_USE;
/* Before market_stop(). */
void notary_stop(struct notary *n);
/* Why nothing is signed (for readiness), "" if all is well. False: it refuses to sign. */
bool notary_trouble(struct notary *n, char ret[320]);
/* The log's public key under the journal's origin. */
struct vkey notary_vkey(struct notary *n, const char *origin);
/* The key that it signs with. Security: the secret; only for signing the KEY that names its successor. */
struct sign_key notary_key(struct notary *n);
/* This one is about to be announced: once the journal has it, it signs with it, and its file takes the old one's place. */
void notary_expect(struct notary *n, const struct sign_key *next);
/* The journal has announced `public`: if that is the expected key, it is in use on return, and in its place.
 * ERR_IO: its file is not. */
enum err notary_turn(struct notary *n, const uint8_t public[SIGN_PUBLIC_LEN]) MUST_USE;
struct log_policy *notary_policy(const struct notary *n); /* NULL: none; n may be NULL */

#endif
