/* market/actor.h: what a caller may do to the market. Security: the decide functions' own check, after the routes' table. */
#ifndef MARKET_ACTOR_H
#define MARKET_ACTOR_H

#include "market/command.h"

/* May spend an organisation's credits: its owners and members, the local administrator, the market itself. */
static inline bool
actor_spends(const struct actor *a, struct uuid org)
{
    if (a->kind == ACTOR_LOCAL || a->kind == ACTOR_JANITOR)
        return true;
    for (size_t i = 0; i < a->orgs_n; i++)
        if ((a->kind == ACTOR_PERSON || a->kind == ACTOR_TOKEN) && uuid_equal(a->orgs[i].id, org))
            return true;
    return false;
}

/* Speaks for a site: its operators only. */
static inline bool
actor_operates(const struct actor *a, uint64_t site)
{
    for (size_t i = 0; i < a->sites_n; i++)
        if (a->kind == ACTOR_PERSON && a->sites[i] == site)
            return true;
    return false;
}

/* May act for a site: its operators, administrators. */
static inline bool
actor_runs_site(const struct actor *a, uint64_t site)
{
    if (a->kind == ACTOR_LOCAL)
        return true;
    if (a->kind != ACTOR_PERSON)
        return false;
    return actor_operates(a, site) || (a->programme_roles & ROLE_ADMINISTRATOR) != 0;
}

/* Is the site's agent. */
static inline bool
actor_is_agent_of(const struct actor *a, uint64_t site)
{
    return a->kind == ACTOR_AGENT && a->sites_n == 1 && a->sites[0] == site;
}

#endif
