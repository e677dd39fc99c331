/* api/agent_tickets.h: what an agent's poll is answered with. */
#ifndef API_AGENT_TICKETS_H
#define API_AGENT_TICKETS_H

#include "api/call.h"

handler_fn agent_tickets;
/* Renders the tickets of a site after a number, signed. *ret_any: there are some; else nothing is rendered. */
enum err agent_tickets_read(struct api *api, struct db *db, uint64_t site, uint64_t after, struct json_out *out,
                            bool *ret_any) MUST_USE;
/* Renders these, signed. */
struct ticket_record;
void agent_tickets_render(struct api *api, const struct ticket_record *t, size_t n, struct json_out *out);
/* Renders that there are none. */
void agent_tickets_none(struct api *api, struct json_out *out);

#endif
