/* audit/balances.c */
#include "audit/balances.h"

#include <inttypes.h>
#include <string.h>

#include "audit/lines.h"
#include "base/text.h"

#define BALANCES_HEADER                                                                                                \
    "account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index"

/* The line that the replay gives for an account. */
static void
balance_line(const struct account *a, char *ret, size_t cap)
{
    char org[UUID_TEXT];

    uuid_text(a->owner_org, org);
    text_format(ret, cap, "%" PRIu64 ",%u,%d,%s,%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64,
                a->index, a->class, a->closed, org, a->owner_site, (int64_t)a->parent, a->posted_debits, a->posted_credits,
                a->held_debits, a->held_credits, a->last_index);
}

uint64_t
balances_check(const struct source *from, const struct ledger *l, struct findings *found)
{
    char line[512], want[512], what[64];
    FILE *f = source_open_in(from, "balances.csv");
    const struct account *a;
    uint64_t compared = 0;
    size_t it = 0;

    if (f == NULL || fgets(line, sizeof line, f) == NULL || strcmp(line, BALANCES_HEADER "\n") != 0) {
        findings_add(found, NO_INDEX, ENTRY_KINDS, "balances.csv cannot be read, or has other columns");
        if (f != NULL)
            fclose(f);
        return 0;
    }
    while ((a = ledger_next_account(l, &it)) != NULL) {
        balance_line(a, want, sizeof want);
        memset(line, 0, sizeof line);
        if (fgets(line, sizeof line, f) == NULL) {
            findings_add(found, NO_INDEX, ENTRY_KINDS, "balance of account %" PRIu64 " is missing", a->index);
            break;
        }
        if (!lines_is_text(line, sizeof line)) {
            findings_add(found, NO_INDEX, ENTRY_KINDS, "balance of account %" PRIu64 ": its line has a byte that is no text", a->index);
            break;
        }
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, want) != 0)
            {
            text_format(what, sizeof what, "balance of account %" PRIu64, a->index);
            lines_tell(found, NO_INDEX, what, BALANCES_HEADER, line, want);
        }
        compared++;
    }
    if (a == NULL && fgets(line, sizeof line, f) != NULL)
        findings_add(found, NO_INDEX, ENTRY_KINDS, "balances.csv has an account that no entry opened: %.*s", (int)strcspn(line, ",\n"), line);
    fclose(f);
    return compared;
}
