/* market/guard.c */
#include "market/guard.h"

#include <inttypes.h>

#include "base/text.h"
#include "core/witness.h"
#include "market/market_internal.h"

uint64_t
guard_witnesses_of(const struct quorum *q, const char *origin, const char *code)
{
    char name[NOTE_NAME_MAX];
    uint64_t bits = 0;

    for (int role = 0; role < WITNESS_ROLES; role++) {
        if (!text_format(name, sizeof name, "%s/%s/%s", origin, witness_role_name((enum witness_role)role), code))
            continue;
        for (unsigned i = 0; i < q->witnesses; i++)
            if (strcmp(q->witness[i].key.name, name) == 0)
                bits |= (uint64_t)1 << i;
    }
    return bits;
}

bool
guard_expects_sites(const struct market *m, const char *origin)
{
    const struct quorum *q = log_policy_now(m->config.policy).quorum;
    char begin[NOTE_NAME_MAX];
    bool any = false;

    for (int role = 0; q != NULL && role < WITNESS_ROLES; role++) {
        text_format(begin, sizeof begin, "%s/%s/", origin, witness_role_name((enum witness_role)role));
        for (unsigned i = 0; i < q->witnesses; i++)
            any = any || text_starts(q->witness[i].key.name, begin);
    }
    return any;
}

void
guard_close(struct market *m, uint64_t size)
{
    const struct quorum *q = log_policy_now(m->config.policy).quorum;
    struct guard *g = &m->guard;

    pthread_mutex_lock(&g->lock);
    g->on = q != NULL && q->rule != QUORUM_NONE;
    g->open = !g->on;
    g->n = 0;
    g->size = size;
    g->shown = 0;
    g->witnesses = g->on ? q->witnesses : 0;
    text_format(g->why, sizeof g->why, "%s", g->on ? "No witness has shown yet what it cosigned last." : "");
    pthread_mutex_unlock(&g->lock);
}

void
guard_show(struct market *m, const struct guard_seen *seen)
{
    struct guard *g = &m->guard;
    size_t i = 0;

    pthread_mutex_lock(&g->lock);
    while (i < g->n && g->seen[i].site != seen->site)
        i++;
    if (g->on && !g->open && i < QUORUM_MAX) {
        g->seen[i] = *seen;
        g->n = i == g->n ? i + 1 : g->n;
    }
    pthread_mutex_unlock(&g->lock);
}

size_t
guard_contradicting(struct market *m, struct guard_seen ret[QUORUM_MAX])
{
    struct guard *g = &m->guard;
    size_t n = 0;

    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < g->n; i++)
        if (g->seen[i].found == GUARD_LONGER || g->seen[i].found == GUARD_OTHER || g->seen[i].found == GUARD_SETTLED)
            ret[n++] = g->seen[i];
    pthread_mutex_unlock(&g->lock);
    return n;
}

/* The first site that contradicts the journal, unless an admission came after what it cosigned. */
static const struct guard_seen *
contradiction(const struct guard *g, int64_t rolled_back_ms)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct guard_seen *s = &g->seen[i];

        if ((s->found == GUARD_LONGER || s->found == GUARD_OTHER) && s->cosigned_ms > rolled_back_ms)
            return s;
    }
    return NULL;
}

static void
say_contradiction(struct guard *g, const struct guard_seen *s)
{
    if (s->found == GUARD_LONGER)
        text_format(g->why, sizeof g->why,
                    "%s has cosigned a journal of %" PRIu64 " entries; here are %" PRIu64 ": the database is older. Restore a newer one, or admit it (kontord admit).",
                    s->code, s->size, g->size);
    else
        text_format(g->why, sizeof g->why,
                    "%s has cosigned %" PRIu64 " entries that are not the first ones here: the journal has another history. Restore the right one, or admit it (kontord admit).",
                    s->code, s->size);
}

static void
say_waiting(struct guard *g)
{
    char sites[160] = "none";
    size_t used = 0;
    unsigned unproven = 0;

    for (size_t i = 0; i < g->n; i++) {
        unproven += g->seen[i].found == GUARD_UNPROVEN;
        if (g->seen[i].found != GUARD_UNPROVEN && used + 24 < sizeof sites) {
            text_format(sites + used, sizeof sites - used, "%s%s", used ? ", " : "", g->seen[i].code);
            used += strlen(sites + used);
        }
    }
    text_format(g->why, sizeof g->why,
                "The journal waits for its witnesses: %u of the policy's %u have shown what they cosigned last (%s); a quorum could still be without them.%s",
                g->shown, g->witnesses, sites, unproven ? " Others show what this log has not signed." : "");
}

void
guard_sends(struct market *m, uint64_t index)
{
    struct guard *g = &m->guard;

    pthread_mutex_lock(&g->lock);
    g->sent = index;
    pthread_mutex_unlock(&g->lock);
}

/* Is there an admission that came after this guard closed, or that it sent itself? */
static bool
is_admitted(const struct guard *g, uint64_t rolled_back)
{
    return rolled_back != NO_INDEX && (rolled_back >= g->size || (g->sent != 0 && rolled_back == g->sent));
}

void
guard_settle(struct market *m, uint64_t rolled_back, int64_t rolled_back_ms)
{
    const struct quorum *q = log_policy_now(m->config.policy).quorum;
    struct guard *g = &m->guard;
    const struct guard_seen *bad;
    uint64_t all, shown = 0;

    pthread_mutex_lock(&g->lock);
    if (g->open || q == NULL || q->rule == QUORUM_NONE || is_admitted(g, rolled_back)) {
        g->open = true;
        g->sent = 0;
        g->why[0] = '\0';
        pthread_mutex_unlock(&g->lock);
        return;
    }
    all = q->witnesses >= 64 ? UINT64_MAX : ((uint64_t)1 << q->witnesses) - 1;
    g->shown = 0;
    g->witnesses = q->witnesses;
    for (size_t i = 0; i < g->n; i++)
        shown |= g->seen[i].found == GUARD_UNPROVEN ? 0 : guard_witnesses_of(q, m->state->origin, g->seen[i].code);
    for (unsigned i = 0; i < q->witnesses; i++)
        g->shown += (shown >> i) & 1;
    bad = contradiction(g, rolled_back != NO_INDEX ? rolled_back_ms : 0);
    if (bad != NULL)
        say_contradiction(g, bad);
    else if (quorum_met(q, all & ~shown))
        say_waiting(g);
    else {
        g->open = true;
        g->sent = 0;
        g->why[0] = '\0';
    }
    pthread_mutex_unlock(&g->lock);
}

void
guard_look(struct market *m, struct guard_now *ret)
{
    struct guard *g = &m->guard;

    pthread_mutex_lock(&g->lock);
    *ret = (struct guard_now){ .on = g->on, .open = g->open, .shown = g->shown, .witnesses = g->witnesses };
    text_format(ret->why, sizeof ret->why, "%s", g->why);
    pthread_mutex_unlock(&g->lock);
}
