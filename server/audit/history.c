/* audit/history.c: the file is read once, line after line; an account's entries are kept until its OPEN comes. */
#include "audit/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "audit/finding.h"
#include "audit/signed.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/history.h"

enum { FILE_LIMIT = 256 << 20 };
#define GPUMS_PER_CREDIT 3600000

struct reading {
    char *at;                     /* the next line; NULL at the end */
    char *line;                   /* the one under way, without its end; NULL at the end */
    struct signed_head head;
    struct uuid org;
    uint64_t state;               /* index of the statement */
    struct hash state_root;
    struct entry *entries;        /* of the account under way, newest first */
    size_t n, cap;
    uint64_t total, accounts, since;
    FILE *to;
    bool failed;
};

static bool fault(struct reading *r, const char *fmt, ...) PRINTF(2, 3);

static bool
fault(struct reading *r, const char *fmt, ...)
{
    char text[240];
    va_list args;

    va_start(args, fmt);
    text_vformat(text, sizeof text, fmt, args);
    va_end(args);
    finding_defuse(text);
    if (!r->failed)
        fprintf(r->to, "FAULT: %s.\n", text);
    r->failed = true;
    return false;
}

static void
next_line(struct reading *r)
{
    char *end = r->at == NULL ? NULL : strchr(r->at, '\n');

    r->line = end == NULL ? NULL : r->at;
    r->at = end == NULL ? NULL : end + 1;
    if (end != NULL)
        *end = '\0';
}

/* What stands behind a line's first word; NULL if it begins otherwise. */
static char *
after(struct reading *r, const char *word)
{
    size_t len = strlen(word);

    return r->line != NULL && strncmp(r->line, word, len) == 0 && r->line[len] == ' ' ? r->line + len + 1 : NULL;
}

/* A number and, if it is not the last, the space behind it. */
static bool
number(char **at, char end, uint64_t *ret)
{
    size_t len = strcspn(*at, " ");
    bool good = (*at)[len] == end;
    int64_t n = 0;

    if (!good)
        return false;
    (*at)[len] = '\0';
    good = text_to_i64(*at, 0, INT64_MAX, &n);
    *at += len + (end != '\0');
    *ret = (uint64_t)n;
    return good;
}

/* The path lines that follow; the line behind them is then under way. */
static bool
read_path(struct reading *r, struct proof *ret)
{
    char *text;
    size_t len;

    ret->n = 0;
    for (next_line(r); (text = after(r, "path")) != NULL; next_line(r))
        if (ret->n == PROOF_MAX || !base64_decode(text, strlen(text), ret->path[ret->n++].b, 32, &len) || len != 32)
            return fault(r, "a path is not one of a tree of hashes");
    return true;
}

/* An entry line and its path: it is in the log, as it says. */
static bool
read_entry(struct reading *r, struct entry *ret)
{
    char *at = after(r, "entry");
    uint8_t bytes[ENTRY_MAX];
    struct proof path;
    uint64_t index;
    size_t len;

    if (at == NULL || !number(&at, ' ', &index) || !base64_decode(at, strlen(at), bytes, sizeof bytes, &len) ||
        entry_decode(BYTES(bytes, len), ret) != OK || ret->index != index)
        return fault(r, "an entry is missing, or is none: “%.40s”", r->line != NULL ? r->line : "");
    if (!read_path(r, &path))
        return false;
    if (!proof_inclusion_holds(&path, entry_leaf_hash(BYTES(bytes, len)), index, r->head.checkpoint.size, r->head.checkpoint.root))
        return fault(r, "entry %" PRIu64 " is not in the log that the checkpoint signs", index);
    r->total++;
    return true;
}

/* ---- an account -------------------------------------------------------------------------------------------------- */

static void
keep(struct reading *r, const struct entry *e)
{
    if (r->n == r->cap) {
        r->cap = r->cap > 0 ? r->cap * 2 : 64;
        r->entries = xrealloc(r->entries, r->cap * sizeof *r->entries);
    }
    r->entries[r->n++] = *e;
}

/* All entry lines up to the account's OPEN, each the one that the one before it names. */
static bool
read_chain(struct reading *r, uint64_t account)
{
    uint64_t expected = NO_INDEX;
    struct entry e;
    bool is_of;

    r->n = 0;
    do {
        if (!read_entry(r, &e))
            return false;
        if (expected != NO_INDEX && e.index != expected)
            return fault(r, "account %" PRIu64 ": entry %" PRIu64 " is left out", account, expected);
        expected = history_before(&e, account, &is_of);
        if (!is_of)
            return fault(r, "entry %" PRIu64 " is not of account %" PRIu64, e.index, account);
        keep(r, &e);
    } while (expected != NO_INDEX);
    return e.kind == OPEN || fault(r, "account %" PRIu64 " has no OPEN", account);
}

static bool
check_state(struct reading *r, const struct history *h, const struct proof *path, uint64_t place, uint64_t accounts)
{
    uint8_t leaf[HISTORY_LEAF];

    history_leaf(h, leaf);
    return proof_inclusion_holds(path, entry_leaf_hash(BYTES(leaf, sizeof leaf)), place, accounts, r->state_root) ||
           fault(r, "account %" PRIu64 ": the statement of state has another newest entry or other sums than these entries: some are left out", h->account);
}

static void
credits(int64_t gpums, char ret[40])
{
    text_format(ret, 40, "%" PRId64 ".%03d", gpums / GPUMS_PER_CREDIT, (int)(gpums % GPUMS_PER_CREDIT / (GPUMS_PER_CREDIT / 1000)));
}

static void
tell_account(struct reading *r, const struct history *h, uint64_t proven)
{
    char in[40], out[40], held[40];

    credits(h->posted_credits, in);
    credits(h->posted_debits, out);
    credits(h->held_debits, held);
    fprintf(r->to, "Account %" PRIu64 ": %" PRIu64 " entries, %" PRIu64 " of them proven to be all up to the statement; %s credits came, %s went, %s are held.\n",
            h->account, h->entries, proven, in, out, held);
    r->since += h->entries - proven;
    r->accounts++;
}

/* place: NO_INDEX for an account that was opened since the statement. */
static bool
add_up(struct reading *r, uint64_t account, const struct proof *path, uint64_t place, uint64_t accounts)
{
    struct history h;
    uint64_t proven = 0;
    bool good = true;

    history_begin(&h, account);
    for (size_t i = r->n; good && i-- > 0;) {
        const struct entry *e = &r->entries[i];

        if (e->index < r->state || proven > 0 || place == NO_INDEX)
            good = history_add(&h, e) || fault(r, "account %" PRIu64 ": entry %" PRIu64 " cannot follow the ones before", account, e->index);
        else
            good = fault(r, "account %" PRIu64 " was opened after the statement of state that shall have it", account);
        if (good && place != NO_INDEX && e->index < r->state && (i == 0 || r->entries[i - 1].index > r->state)) {
            good = check_state(r, &h, path, place, accounts);
            proven = h.entries;
        }
    }
    if (good && place == NO_INDEX && r->entries[r->n - 1].index < r->state)
        good = fault(r, "account %" PRIu64 " is older than the statement of state, which does not have it", account);
    if (good)
        tell_account(r, &h, proven);
    history_end(&h);
    return good;
}

/* An account line and all that is of it; *ret: the organisation's account before it. */
static bool
read_account(struct reading *r, uint64_t expected, uint64_t *ret)
{
    char *at = after(r, "account");
    uint64_t account = NO_INDEX, place = NO_INDEX, accounts = 0;
    const struct entry *open;
    struct proof path;
    bool good = at != NULL && number(&at, ' ', &account);

    good = good && (strcmp(at, "- -") == 0 || (number(&at, ' ', &place) && number(&at, '\0', &accounts)));
    if (!good)
        return fault(r, "an account is missing");
    if (expected != NO_INDEX && account != expected)
        return fault(r, "account %" PRIu64 " of the organisation is left out", expected);
    if (!read_path(r, &path) || !read_chain(r, account) || !add_up(r, account, &path, place, accounts))
        return false;
    open = &r->entries[r->n - 1];
    if (!uuid_equal(open->u.open.owner_org, r->org))
        return fault(r, "account %" PRIu64 " is another organisation's", account);
    *ret = open->u.open.prev_open;
    return true;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool
read_state(struct reading *r)
{
    struct entry e;
    char *at;

    next_line(r);
    if (r->line == NULL || strcmp(r->line, HISTORY_TITLE) != 0)
        return fault(r, "it is not an organisation's history (%s)", HISTORY_TITLE);
    next_line(r);
    at = after(r, "organisation");
    if (at == NULL || !uuid_parse(at, &r->org))
        return fault(r, "the organisation is missing");
    next_line(r);
    at = after(r, "state");
    if (at == NULL || !number(&at, '\0', &r->state))
        return fault(r, "the statement of state is missing");
    next_line(r);
    if (!read_entry(r, &e))
        return false;
    if (e.index != r->state || e.kind != NOTICE || e.u.notice.type != NOTICE_STATE)
        return fault(r, "entry %" PRIu64 " is no statement of state", e.index);
    r->state_root = e.u.notice.root;
    return true;
}

static bool
judge(struct reading *r)
{
    uint64_t next = NO_INDEX;

    if (!read_state(r))
        return false;
    do
        if (!read_account(r, next, &next))
            return false;
    while (next != NO_INDEX);
    return r->line == NULL || fault(r, "there is more in it than the organisation's accounts: “%.40s”", r->line);
}

static int
check(struct reading *r, char *text, const char *policy)
{
    struct err_detail d = { .text = "" };
    char *note = strstr(text, "\n\n");
    char org[UUID_TEXT];

    if (note == NULL || signed_head_read(BYTES_TEXT(note + 2), policy, &r->head, &d) != OK) {
        fault(r, "%.*s", (int)strcspn(d.text, "."), note == NULL ? "it has no checkpoint" : d.text);
        return 1;
    }
    note[1] = '\0';
    r->at = text;
    if (!judge(r))
        return 1;
    uuid_text(r->org, org);
    fprintf(r->to, "Journal %s, checkpoint of %" PRIu64 " entries, statement of state %" PRIu64 ".\n", r->head.checkpoint.origin, r->head.checkpoint.size, r->state);
    fprintf(r->to, "These are all %" PRIu64 " entries of organisation %s in the %" PRIu64 " accounts up to the newest shown",
            r->total - 1 - r->since, org, r->accounts);
    if (r->since > 0)
        fprintf(r->to, ", and %" PRIu64 " since the statement, not yet proven to be all", r->since);
    fputs(".\n", r->to);
    signed_head_tell(&r->head, r->to);
    return r->head.judged && r->head.says != QUORUM_OK ? 1 : 0;
}

int
history_judge(char *text, size_t len, const char *policy, FILE *to)
{
    struct reading *r = xcalloc(1, sizeof *r);
    int status = 1;

    r->to = to;
    if (strlen(text) != len)
        fault(r, "it is no text");
    else
        status = check(r, text, policy);
    free(r->entries);
    free(r);
    return status;
}

int
history_check(const char *path, const char *policy, FILE *to)
{
    struct err_detail d = { .text = "" };
    char *text = NULL;
    size_t len;
    int status = 3;

    if (signed_read_file(path, FILE_LIMIT, &text, &len, &d) != OK)
        fprintf(stderr, "kontor-audit: %s\n", d.text);
    else
        status = history_judge(text, len, policy, to);
    free(text);
    return status;
}
