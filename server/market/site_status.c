/* market/site_status.c: a site takes no new work for a while (paused), or lets what it has run out and be brokered
 * elsewhere (draining). The janitor withdraws what may be withdrawn. */
#include "market/market_internal.h"

#include "base/text.h"
#include "market/actor.h"
#include "market/index.h"

/* Security: the site's own operators, and administrators. */
enum err
decide_site_status(struct deciding *d, struct command *c)
{
    struct site_state *s = index_site(d->state, c->in.site_status.site);

    if (!actor_runs_site(&c->actor, c->in.site_status.site))
        return err_say(d->detail, ERR_FORBIDDEN, "This is for the site's operators.");
    if (s == NULL)
        return err_say(d->detail, ERR_NOT_FOUND, "There is no such site.");
    batch_changed(d, &s->row, sizeof *s);
    if (c->in.site_status.paused >= 0)
        s->paused = c->in.site_status.paused != 0;
    if (c->in.site_status.draining >= 0)
        s->draining = c->in.site_status.draining != 0;
    text_format(s->reason, sizeof s->reason, "%s", s->paused || s->draining ? c->in.site_status.reason : "");
    c->answer.index = s->site;
    c->answer.time_ms = d->now_ms;
    return OK;
}
