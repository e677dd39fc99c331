/* tests/sim/coverage.c */
#include "coverage.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/ticket.h"

/* Why nothing can look this pair up, by how the market comes to its events; NULL: it can. */
static const char *
why_not(enum ticket_state state, enum ticket_event event)
{
    bool over = state == TICKET_SETTLED || state == TICKET_CONTESTED;

    if (state == TICKET_VOIDED && event != TICKET_ON_CONTEST) /* whose sentence market/reservation.c quotes */
        return "what is voided has left the memory: its site's reports are kept without it, a person's order finds none";
    if (state == TICKET_DISPUTED && event >= TICKET_ON_START_GRACE && event <= TICKET_ON_CANCEL_GRACE)
        return NULL; /* the timer that finds that the spool was lost: that is told first, market/life.c */
    if (event >= TICKET_ON_ACCEPT_BY && ticket_next(state, event)->verdict == TICKET_STALE)
        return "a timer is judged by the state it meets: ticket_due() names that state's own";
    if (event == TICKET_ON_WITHDRAW && state != TICKET_ISSUED)
        return "only what is issued is withdrawn: market/timers.c and market/report.c look before";
    if (event == TICKET_ON_SPOOL_LOST && state == TICKET_ISSUED)
        return "without a permit no spool has lost it: market/spool.c delivers it again";
    if (event == TICKET_ON_CONTEST && !over && state != TICKET_VOIDED)
        return "a dispute that is opened before the settlement is no contest: market/reservation.c";
    if (event == TICKET_ON_RESOLVE && over)
        return "what is resolved after the settlement is a correction: market/reservation.c";
    if (state == TICKET_ISSUED && (event == TICKET_ON_CANCELLED || (event >= TICKET_ON_STARTED && event <= TICKET_ON_FINISHED)))
        return "a run without a permit is a bad report: core/ticket_facts.c";
    if (over && (event == TICKET_ON_ACCEPTED || event == TICKET_ON_ACCEPTED_LATE))
        return "its request has no live reservation: the permit is refused before, in market/report.c";
    if ((state == TICKET_RUNNING && event == TICKET_ON_OPENED) || (state == TICKET_OPEN && event == TICKET_ON_STARTED))
        return "a job is started, an allocation is opened: core/ticket_facts.c";
    if (state == TICKET_SILENT && event == TICKET_ON_ACCEPTED)
        return "silence is written down after start-by, and the market's time does not go back behind the journal's; a day "
               "after a cancellation is after start-by too, by the policies of this world";
    return NULL;
}

size_t
coverage_report(uint64_t reached[16][32], size_t *ret_wrong)
{
    size_t missing = 0, named = 0, pairs = 0, wrong = 0;

    for (int state = 0; state < TICKET_STATES; state++)
        for (int event = 0; event < TICKET_EVENTS; event++) {
            const char *why = why_not((enum ticket_state)state, (enum ticket_event)event);
            uint64_t n = reached[state][event];

            pairs++;
            named += n == 0 && why != NULL;
            missing += n == 0 && why == NULL;
            wrong += n > 0 && why != NULL;
            if (n > 0)
                printf("%s %11" PRIu64 "  %s × %s%s%s\n", why != NULL ? "NAMED IMPOSSIBLE" : "reached    ", n, ticket_state_word((enum ticket_state)state),
                       ticket_event_name((enum ticket_event)event), why != NULL ? ": " : "", why != NULL ? why : "");
            else
                printf("%s  %s × %s%s%s\n", why != NULL ? "impossible             " : "NOT REACHED            ",
                       ticket_state_word((enum ticket_state)state), ticket_event_name((enum ticket_event)event),
                       why != NULL ? ": " : "", why != NULL ? why : "");
        }
    printf("coverage   %zu pairs: %zu reached, %zu impossible, %zu missing\n", pairs, pairs - named - missing, named,
           missing);
    *ret_wrong = wrong;
    return missing;
}
