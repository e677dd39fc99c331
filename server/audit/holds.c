/* audit/holds.c */
#include "audit/holds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "audit/lines.h"
#include "base/arena.h"
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

/* What is there of holds.csv: a bit for each entry that is a HOLD with a line. */
static bool
mark(uint8_t *seen, uint64_t index)
{
    uint8_t bit = (uint8_t)(1u << index % 8);
    bool first = (seen[index / 8] & bit) == 0;

    seen[index / 8] |= bit;
    return first;
}

static void
check_line(const struct ledger *l, const char *line, uint8_t *seen, struct findings *found)
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
    if (!mark(seen, h->index))
        findings_add(found, h->index, ENTRY_KINDS, "holds.csv has reservation %s twice", text);
    hold_line(l, h, want, sizeof want);
    if (strcmp(line, want) == 0)
        return;
    text_format(what, sizeof what, "reservation %s", text);
    lines_tell(found, h->index, what, HOLDS_HEADER, line, want);
}

/* What is still held must have its reservation: one that is gone is a job that nobody will be paid for. */
static void
check_open(const struct ledger *l, uint8_t *seen, struct findings *found)
{
    const struct hold *h;
    char text[UUID_TEXT];

    for (size_t it = 0; (h = ledger_next_hold(l, &it)) != NULL;)
        if (h->open && mark(seen, h->index)) {
            uuid_text(h->reservation, text);
            findings_add(found, h->index, HOLD, "holds.csv lacks reservation %s, whose hold is open", text);
        }
}

uint64_t
holds_check(const struct source *from, const struct ledger *l, struct spill *rest, struct findings *found)
{
    char line[512];
    FILE *f = source_open_in(from, "holds.csv");
    uint64_t compared = 0;
    uint8_t *seen;

    if (f == NULL && errno == ENOENT)
        return 0;
    seen = xcalloc(1, ledger_size(l) / 8 + 1);
    if (f == NULL || fgets(line, sizeof line, f) == NULL || strcmp(line, HOLDS_HEADER "\n") != 0)
        findings_add(found, NO_INDEX, ENTRY_KINDS, "holds.csv cannot be read, or has other columns");
    else {
        for (memset(line, 0, sizeof line); fgets(line, sizeof line, f) != NULL; memset(line, 0, sizeof line)) {
            size_t end = strcspn(line, "\n");

            if (line[end] != '\n' || !lines_is_text(line, sizeof line)) {
                findings_add(found, NO_INDEX, ENTRY_KINDS, "holds.csv: line %" PRIu64 " is cut short, or is no text", compared + 2);
                break;
            }
            line[end] = '\0';
            check_line(l, line, seen, found);
            if (++compared % 4096 == 0 && rest != NULL)
                spill_rest(rest);
        }
        if (feof(f))
            check_open(l, seen, found);
    }
    free(seen);
    if (f != NULL)
        fclose(f);
    return compared;
}
