/* market/statement.c: a NOTICE of state: the root over all accounts, as of the entry before. The janitor asks for one each
 * 10,000 entries or hour. */
#include "market/market_internal.h"

enum err
decide_statement(struct deciding *d, struct command *c)
{
    struct entry e = entry_new(NOTICE);
    enum err err;

    if (c->actor.kind != ACTOR_JANITOR && c->actor.kind != ACTOR_LOCAL)
        return err_say(d->detail, ERR_FORBIDDEN, "Statements of state are the server's.");
    e.u.notice.type = NOTICE_STATE;
    err = batch_group(d, &e, 1); /* fills in as_of and root with the links */
    if (err)
        return err;
    c->answer.index = e.index;
    c->answer.time_ms = e.time_ms;
    return OK;
}
