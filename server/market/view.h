/* market/view.h
 * What the broker sees: every offering with its site, rate and calendars, as of now, in the journal's order; and a
 * question as a grant may ask it. Used by binding quotes (decide) and by look-only ones (workers, under the read
 * lock). */
#ifndef MARKET_VIEW_H
#define MARKET_VIEW_H

#include "market/state.h"

/* An answer with room for its lines, and the view it was made from: one allocation each, freed by view_free(). */
struct view {
    struct broker_view broker;
    struct broker_answer answer;
};

/* A site that was in touch, and has not been for five minutes of real time; not within five after the memory was built. */
bool view_silent(const struct state *s, uint64_t site, int64_t now_ms);

/* What the site's agent takes. No secrets once the key that vouched for its sealing key is over: who has the one may have
 * the other. */
uint16_t view_takes(const struct state *s, uint64_t site, int64_t now_ms);

/* Offerings without a capacity row, or not yet in force, are left out. Valid while the lock is held. */
void view_open(const struct state *s, int64_t now_ms, struct view *ret);
void view_free(struct view *v);
const struct broker_offering *view_offering(const struct view *v, uint64_t offering); /* NULL if none */

/* The question as this grant may ask it: the policy's start slack, ending before the grant does.
 * ERR_ACCOUNT_UNKNOWN: no grant account. ERR_GRANT_NOT_ACTIVE. ERR_FIELD_RANGE, ERR_FIELD_INVALID: longer than the mode
 * allows, or values that the broker does not take. */
enum err view_ask(const struct state *s, uint64_t grant, const struct broker_ask *ask, int64_t now_ms,
                  struct broker_ask *ret, struct err_detail *detail) MUST_USE;

#endif
