/* agent/secrets.h
 * Secrets sealed to this site (core/secret.h): the keys that open them, what was sealed for a job, and its opening.
 * In the spool's folder: seal.key, and seal.key.old as long as something sealed to it may come; blobs/SHA256, sealed, as long as its
 * job is not over. What is open is in memory only, and wiped. */
#ifndef AGENT_SECRETS_H
#define AGENT_SECRETS_H

#include "agent/agent.h"

/* Where this site takes secrets. ERR_NOT_FOUND and the like: seal_key_load()'s. */
enum err secrets_load_keys(struct agent *a, struct err_detail *d) MUST_USE;
void secrets_wipe_keys(struct agent *a);
/* The old key goes, once nothing that was sealed to it can come any more. */
void secrets_prune_keys(struct agent *a);
/* The member "seal" for the opening of an instance. */
void secrets_tell_key(const struct agent *a, struct json_out *o);

bool secrets_wanted(const struct job *j); /* it has some */
bool secrets_here(struct agent *a, const struct job *j);
void secrets_forget(struct agent *a, const struct job *j);
/* Could they be opened, once there is a permit: are they whole, and sealed to a key of ours? ERR_CORRUPT, ERR_NOT_FOUND. */
enum err secrets_check(struct agent *a, const struct job *j, struct err_detail *d) MUST_USE;
/* "NAME=VALUE" and a zero, one after the other, at *ret: to be wiped and freed by secrets_wipe(). Only with a permit at hand.
 * organisation: of the job's ticket.
 * ERR_CORRUPT, ERR_NOT_FOUND, ERR_SIGNATURE: with another key, for another organisation, job or script, under another name, or
 * changed. */
enum err secrets_open(struct agent *a, const struct job *j, struct uuid organisation, uint8_t **ret, size_t *ret_len, struct err_detail *d) MUST_USE;
void secrets_wipe(uint8_t *open, size_t len);

#endif
