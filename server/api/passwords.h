/* api/passwords.h
 * Passwords are hashed in processes of their own, `kontord passwords`. argon2id takes 19 MiB and tens of milliseconds each time;
 * in the server itself it holds up whoever is served beside it: by the processor, and by the lock of the address space that it
 * takes to get its memory. The processes step back behind everything else, are started when they are first needed, and end with
 * the server. One that cannot be started, ends, or does not answer is done without: the caller's thread hashes, and a new process
 * is tried later. */
#ifndef API_PASSWORDS_H
#define API_PASSWORDS_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "crypto/password.h"

struct passwords;

/* program: what is run, with the word "passwords", NULL: none, the caller's thread does all. answer_ms: how long one is waited for. */
struct passwords *passwords_new(const char *program, int answer_ms, const struct log *log);
void passwords_delete(struct passwords *p);

/* From any thread; takes long. hash "": of an account that is unknown or has no password; takes as long, always ERR_CREDENTIALS.
 * Else as password_verify(). */
enum err passwords_verify(struct passwords *p, const char *hash, const char *password) MUST_USE;
/* As password_hash(). */
enum err passwords_hash(struct passwords *p, const char *password, char ret[PASSWORD_HASH_TEXT]) MUST_USE;

/* What such a process does, asked at its standard input, a socket, until that is closed. Returns its exit status. */
int passwords_serve(void);

#endif
