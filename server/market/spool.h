/* market/spool.h: what is lost with a spool that was retired, and what becomes of it. */
#ifndef MARKET_SPOOL_H
#define MARKET_SPOOL_H

#include "market/batch.h"

/* Its permit was given to an instance of the retired spool, and nobody has said yet what became of it. */
bool spool_permit_lost(const struct site_state *site, const struct reservation *r);
/* Its ticket has no permit and is in no spool any more. */
bool spool_ticket_lost(const struct site_state *site, const struct reservation *r);
/* May an empty spool begin, at base_seq and base_report? Until it has got beyond them. */
bool spool_begins(const struct site_state *site);

/* The janitor's: dispute what was permitted, deliver again what was not; nothing if it is neither (any more). */
enum err spool_see_to(struct deciding *d, struct uuid reservation) MUST_USE;
/* The janitor's scan has found nothing more at this site. */
enum err spool_seen_to(struct deciding *d, uint64_t site) MUST_USE;

/* It was retired, and none has begun in its place: nobody acts for the site, whatever instance it says it is. */
bool spool_awaited(const struct site_state *site);

#endif
