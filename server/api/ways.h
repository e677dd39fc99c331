/* api/ways.h: the ways into an account: its password, the identities at providers, passkeys, recovery codes. */
#ifndef API_WAYS_H
#define API_WAYS_H

#include "api/call.h"
#include "crypto/passkey.h"

/* In a transaction that holds the person's lock, after what it took away. ERR_LAST_WAY_IN: nobody could get in any more. Ways
 * in are an identity, a passkey that opens alone, and a password with an address; where a second step is demanded the password
 * is one only with a passkey or a recovery code that is left. */
enum err ways_check(struct call *call, struct db *db, struct uuid person) MUST_USE;
/* In a transaction, when somebody else sets a new password: what only the old holder may have is over, passkeys, codes and the
 * demand of a second step. */
enum err ways_clear(struct db *db, struct uuid person) MUST_USE;

/* For whom passkeys are made here, once base_url is known. */
void passkeys_prepare(struct api *api);

/* The password was right, and a second step is demanded: replies with what is asked. */
void second_ask(struct call *call, struct uuid person);

#endif
