/* market/site_clocks.h
 * What time the sites' agents say it is, for the clock guard. Each agent in touch says so with its calls, one voice a
 * site. A call may be held up on its way and then seems to come from a clock that is behind: so of what a site said in
 * the last minute or two the furthest ahead counts, and it has a say when it has called twice.
 * The rule: at least three sites in touch, and more than half of them apart from us in the same direction. So no site
 * alone, and no minority of them, can stop the market's timers by lying, nor hide from it that our clock is wrong; and a
 * site whose own clock is wrong is merely named (site_clocks_of). May be called from any thread. */
#ifndef MARKET_SITE_CLOCKS_H
#define MARKET_SITE_CLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SITE_CLOCKS_FRESH_MS 120000
#define SITE_CLOCKS_LEAST    3

struct site_clocks;

struct site_clocks *site_clocks_new(void);
void site_clocks_delete(struct site_clocks *c);
/* The site's agent says that its clock is so much ahead of ours. monotonic_ms: now; real time, all of it. */
void site_clocks_note(struct site_clocks *c, uint64_t site, int64_t ahead_ms, int64_t monotonic_ms);
/* False: the site has no say: it has not called twice, or not in the last two minutes. */
bool site_clocks_of(struct site_clocks *c, uint64_t site, int64_t monotonic_ms, int64_t *ret_ahead_ms);
/* By how much, at least, more than half of the sites in touch are ahead (behind, if negative); 0 if they are on both
 * sides. False, and nothing set: fewer than three are in touch. */
bool site_clocks_most(struct site_clocks *c, int64_t monotonic_ms, int64_t *ret_ahead_ms);
/* How many have a say. */
size_t site_clocks_heard(struct site_clocks *c, int64_t monotonic_ms);

#endif
