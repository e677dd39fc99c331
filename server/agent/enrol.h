/* agent/enrol.h: what a site says when it trades a token for a key, and what it hears. Also for a new key (agent/rotate.c). */
#ifndef AGENT_ENROL_H
#define AGENT_ENROL_H

#include "agent/spool.h"
#include "agent/wire.h"
#include "base/json.h"

void enrol_request(struct json_out *o, const char *site, const char *token, const struct sign_key *sign, const struct seal_key *seal);
/* All but `public`. */
enum err enrol_reply(const struct wire_reply *r, struct spool_identity *ret, struct err_detail *d) MUST_USE;

#endif
