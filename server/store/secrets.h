/* store/secrets.h: what start-ups have sealed to sites (core/secret.h), by its SHA-256. Nobody here can open it. */
#ifndef STORE_SECRETS_H
#define STORE_SECRETS_H

#include "base/arena.h"
#include "store/db.h"

/* So long after they were brought they are named by a reservation, or never: real time. */
#define SECRETS_YOUNG_MS (INT64_C(10) * 60 * 1000)

/* There already: young again. bytes.len ≤ SECRETS_BUNDLE_MAX (the caller checks). */
enum err secrets_add(struct db *db, struct hash sha256, struct uuid organisation, struct bytes bytes, int64_t now_ms) MUST_USE;
/* Those of a reservation at this site, and no others. ERR_NOT_FOUND. */
enum err secrets_of_site(struct db *db, uint64_t site, struct hash sha256, struct arena *a, struct bytes *ret) MUST_USE;
struct secrets_given {
    const char *names;  /* separated by blanks, as the request has them; "" none */
    bool given, kept;   /* sealed for this reservation; and not yet thrown away */
    struct hash sha256; /* where they were given: of what was sealed, as the ticket names it */
    struct hash key;    /* while they are kept: SHA-256 of the public key that they are sealed to */
};
/* What a reservation was given. ERR_NOT_FOUND. Security: the caller has checked that it is the actor's own organisation's. */
enum err secrets_of_reservation(struct db *db, struct uuid reservation, struct arena *a, struct secrets_given *ret) MUST_USE;
/* Throw away what was brought before and of which no reservation can begin any more; how many in *ret. As the server
 * (DB_ACTOR_SERVER): row security is what says which. */
enum err secrets_sweep(struct db *db, int64_t before_ms, int64_t *ret) MUST_USE;

#endif
