/* audit/holds.c */
#include "audit/holds.h"

#include <errno.h>
#include <inttypes.h>

#include "audit/lines.h"
#include "base/text.h"

#define HOLDS_HEADER                                                                                                   \
    "reservation,request,organisation,hold,grant,site,offering,rate,fence,gpus,walltime_s,rate_milli,amount,"          \
    "window_start_ms,window_end_ms,start_by_ms,paid"

/* What was paid to the site out of the hold, less what was taken back. */
static int64_t
paid(const struct hold *h)
{
    return h->settled - h->corrected + h->resolved_gpums - h->unresolved_gpums;
}

static void
hold_line(const struct ledger *l, const struct hold *h, char *ret, size_t cap)
{
    char reservation[UUID_TEXT], request[UUID_TEXT], org[UUID_TEXT];

    uuid_text(h->reservation, reservation);
    uuid_text(h->request, request);
    uuid_text(ledger_account(l, h->grant)->owner_org, org);
    text_format(ret, cap, "%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRId64
                ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, reservation, request, org, h->index, h->grant, h->site, h->offering, h->rate,
                h->fence, h->gpus, h->walltime_s, h->rate_milli, h->amount, h->window_start_ms, h->window_end_ms, h->start_by_ms, paid(h));
}

static void
check_line(const struct ledger *l, const char *line, struct findings *found)
{
    char text[UUID_TEXT], want[512], what[64];
    struct uuid reservation;
    const struct hold *h;

    text_format(text, sizeof text, "%.*s", (int)strcspn(line, ","), line);
    h = uuid_parse(text, &reservation) ? ledger_hold_of(l, reservation) : NULL;
    if (h == NULL) {
        findings_add(found, NO_INDEX, ENTRY_KINDS, "holds.csv has a reservation that no HOLD names: %.36s", line);
        return;
    }
    hold_line(l, h, want, sizeof want);
    if (strcmp(line, want) == 0)
        return;
    text_format(what, sizeof what, "reservation %s", text);
    lines_tell(found, h->index, what, HOLDS_HEADER, line, want);
}

uint64_t
holds_check(const struct source *from, const struct ledger *l, struct spill *rest, struct findings *found)
{
    char line[512];
    FILE *f = source_open_in(from, "holds.csv");
    uint64_t compared = 0;

    if (f == NULL && errno == ENOENT)
        return 0;
    if (f == NULL || fgets(line, sizeof line, f) == NULL || strcmp(line, HOLDS_HEADER "\n") != 0)
        findings_add(found, NO_INDEX, ENTRY_KINDS, "holds.csv cannot be read, or has other columns");
    else
        for (memset(line, 0, sizeof line); fgets(line, sizeof line, f) != NULL; memset(line, 0, sizeof line)) {
            size_t end = strcspn(line, "\n");

            if (line[end] != '\n' || !lines_is_text(line, sizeof line)) {
                findings_add(found, NO_INDEX, ENTRY_KINDS, "holds.csv: line %" PRIu64 " is cut short, or is no text", compared + 2);
                break;
            }
            line[end] = '\0';
            check_line(l, line, found);
            if (++compared % 4096 == 0 && rest != NULL)
                spill_rest(rest);
        }
    if (f != NULL)
        fclose(f);
    return compared;
}
