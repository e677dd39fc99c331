/* tests/sim/coverage.c */
#include "coverage.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/ticket.h"

static const struct impossible {
    enum ticket_state state;
    enum ticket_event event;
    const char *why;
} IMPOSSIBLE[] = {
    { TICKET_STATES, TICKET_EVENTS, "" },
};

static const char *
why_not(int state, int event)
{
    for (size_t i = 0; i < sizeof IMPOSSIBLE / sizeof IMPOSSIBLE[0]; i++)
        if ((int)IMPOSSIBLE[i].state == state && (int)IMPOSSIBLE[i].event == event)
            return IMPOSSIBLE[i].why;
    return NULL;
}

size_t
coverage_report(uint64_t reached[16][32])
{
    size_t missing = 0, named = 0, pairs = 0;

    for (int state = 0; state < TICKET_STATES; state++)
        for (int event = 0; event < TICKET_EVENTS; event++) {
            const char *why = why_not(state, event);
            uint64_t n = reached[state][event];

            pairs++;
            named += n == 0 && why != NULL;
            missing += n == 0 && why == NULL;
            if (n > 0)
                printf("reached    %12" PRIu64 "  %s × %s\n", n, ticket_state_word((enum ticket_state)state),
                       ticket_event_name((enum ticket_event)event));
            else
                printf("%s  %s × %s%s%s\n", why != NULL ? "impossible             " : "NOT REACHED            ",
                       ticket_state_word((enum ticket_state)state), ticket_event_name((enum ticket_event)event),
                       why != NULL ? ": " : "", why != NULL ? why : "");
        }
    printf("coverage   %zu pairs: %zu reached, %zu impossible, %zu missing\n", pairs, pairs - named - missing, named,
           missing);
    return missing;
}
