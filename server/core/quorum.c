/* core/quorum.c: lines of words; names are octets; what a line names must stand above it. */
#include "core/quorum.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define WORDS_MAX (2 * QUORUM_MAX + 3)

struct reading {
    struct quorum *q;
    char *word[WORDS_MAX];
    unsigned words;
    uint8_t used[2 * QUORUM_MAX]; /* as a group's member */
    bool ruled;
    const char *why;
};

static bool
fail(struct reading *r, const char *why)
{
    r->why = why;
    return false;
}

/* A defined name's number, or -2. */
static int
lookup(const struct quorum *q, const char *name)
{
    for (unsigned i = 0; i < q->witnesses; i++)
        if (strcmp(q->witness[i].name, name) == 0)
            return (int)i;
    for (unsigned i = 0; i < q->groups; i++)
        if (strcmp(q->group[i].name, name) == 0)
            return QUORUM_MAX + (int)i;
    return -2;
}

static bool
new_name(struct reading *r, const char *name)
{
    if (strlen(name) >= QUORUM_NAME_MAX)
        return fail(r, "the name is too long");
    if (strcmp(name, "none") == 0)
        return fail(r, "\"none\" is a name of its own");
    return lookup(r->q, name) == -2 || fail(r, "the name is taken");
}

static bool
url_ok(struct reading *r, unsigned at, char ret[QUORUM_URL_MAX])
{
    if (r->words > at + 1)
        return fail(r, "there are too many words");
    if (r->words <= at)
        return true;
    return text_format(ret, QUORUM_URL_MAX, "%s", r->word[at]) || fail(r, "the address is too long");
}

static bool
read_log(struct reading *r)
{
    struct quorum *q = r->q;
    struct vkey *k = &q->log[q->logs];

    if (q->logs == QUORUM_MAX)
        return fail(r, "there are too many logs");
    if (r->words < 2 || !vkey_parse(r->word[1], k) || k->type != NOTE_ED25519)
        return fail(r, "a log is: log <vkey of type 1> [<url>]");
    for (unsigned i = 0; i < q->logs; i++)
        if (memcmp(q->log[i].public, k->public, 32) == 0)
            return fail(r, "the log's key is named twice");
    return url_ok(r, 2, q->log_url[q->logs++]);
}

static bool
read_witness(struct reading *r)
{
    struct quorum *q = r->q;
    struct quorum_witness *w = &q->witness[q->witnesses];

    if (q->witnesses == QUORUM_MAX)
        return fail(r, "there are too many witnesses");
    if (r->words < 3 || !vkey_parse(r->word[2], &w->key) || w->key.type != NOTE_COSIGNATURE)
        return fail(r, "a witness is: witness <name> <vkey of type 4> [<url>]");
    if (!new_name(r, r->word[1]) || !url_ok(r, 3, w->url))
        return false;
    for (unsigned i = 0; i < q->witnesses; i++)
        if (memcmp(q->witness[i].key.public, w->key.public, 32) == 0)
            return fail(r, "the witness's key is named twice");
    memcpy(w->name, r->word[1], strlen(r->word[1]) + 1);
    q->witnesses++;
    return true;
}

static bool
threshold(struct reading *r, const char *word, struct quorum_group *g)
{
    int64_t k = 0;

    if (strcmp(word, "any") == 0)
        k = 1;
    else if (strcmp(word, "all") == 0)
        k = g->n;
    else if (!text_to_i64(word, 1, g->n, &k))
        return fail(r, "a threshold is any, all, or 1 to the number of members");
    g->k = (unsigned)k;
    return true;
}

static bool
read_group(struct reading *r)
{
    struct quorum *q = r->q;
    struct quorum_group *g = &q->group[q->groups];

    if (q->groups == QUORUM_MAX)
        return fail(r, "there are too many groups");
    if (r->words < 4)
        return fail(r, "a group is: group <name> <any|all|number> <member>…");
    if (!new_name(r, r->word[1]))
        return false;
    g->n = 0;
    for (unsigned i = 3; i < r->words; i++) {
        int m = lookup(q, r->word[i]);
        if (m < 0)
            return fail(r, "a member is not defined above");
        if (r->used[m]++ != 0)
            return fail(r, "a name is a member twice");
        g->member[g->n++] = (uint8_t)m;
    }
    if (!threshold(r, r->word[2], g))
        return false;
    memcpy(g->name, r->word[1], strlen(r->word[1]) + 1);
    q->groups++;
    return true;
}

static bool
read_quorum(struct reading *r)
{
    if (r->ruled)
        return fail(r, "there is a second quorum");
    if (r->words != 2)
        return fail(r, "a quorum is: quorum <name>");
    r->ruled = true;
    r->q->rule = strcmp(r->word[1], "none") == 0 ? QUORUM_NONE : lookup(r->q, r->word[1]);
    return r->q->rule >= QUORUM_NONE || fail(r, "the quorum's name is not defined above");
}

static bool
split(struct reading *r, char *line)
{
    r->words = 0;
    for (char *at = line;;) {
        at += strspn(at, " \t");
        if (*at == '\0')
            return true;
        if (r->words == WORDS_MAX)
            return fail(r, "there are too many words");
        r->word[r->words++] = at;
        at += strcspn(at, " \t");
        if (*at != '\0')
            *at++ = '\0';
    }
}

static bool
read_line(struct reading *r, char *line)
{
    if (!split(r, line))
        return false;
    if (r->words == 0 || r->word[0][0] == '#')
        return true;
    if (strcmp(r->word[0], "log") == 0)
        return read_log(r);
    if (strcmp(r->word[0], "witness") == 0)
        return read_witness(r);
    if (strcmp(r->word[0], "group") == 0)
        return read_group(r);
    if (strcmp(r->word[0], "quorum") == 0)
        return read_quorum(r);
    return fail(r, "a line begins with log, witness, group or quorum");
}

static bool
octets_ok(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < 0x20 && text.data[i] != '\n' && text.data[i] != '\t') || text.data[i] == 0x7f)
            return false;
    return text.len == 0 || text.data[text.len - 1] == '\n';
}

enum err
quorum_parse(struct bytes text, struct quorum *ret, struct err_detail *d)
{
    char copy[QUORUM_TEXT_MAX + 1], *at = copy;
    struct reading r = { .q = ret };
    unsigned number = 0;

    memset(ret, 0, sizeof *ret);
    ret->rule = QUORUM_NONE;
    if (text.len > QUORUM_TEXT_MAX || !octets_ok(text))
        return err_say(d, ERR_FIELD_INVALID, "A policy is at most %d bytes of lines, each ended by a newline, without control characters.", QUORUM_TEXT_MAX);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    while (*at != '\0') {
        char *line = at, *end = strchr(at, '\n');
        *end = '\0';
        at = end + 1;
        number++;
        if (!read_line(&r, line))
            return err_say(d, ERR_FIELD_INVALID, "Line %u of the policy: %s.", number, r.why);
    }
    return r.ruled ? OK : err_say(d, ERR_FIELD_INVALID, "The policy has no quorum line.");
}

/* Groups name only what stands above them, so this ends. */
static bool
witnessed(const struct quorum *q, int member, uint64_t witnesses)
{
    const struct quorum_group *g;
    unsigned k = 0;

    if (member < QUORUM_MAX)
        return (witnesses >> member & 1) != 0;
    g = &q->group[member - QUORUM_MAX];
    for (unsigned i = 0; i < g->n; i++)
        k += witnessed(q, g->member[i], witnesses);
    return k >= g->k;
}

bool
quorum_met(const struct quorum *q, uint64_t witnesses)
{
    return q->rule == QUORUM_NONE || witnessed(q, q->rule, witnesses);
}

static enum quorum_says
judge_log(const struct quorum *q, const struct note *n, note_verify_fn verify, struct quorum_result *ret)
{
    bool found = q->logs == 0; /* the log is known from elsewhere */

    for (unsigned i = 0; i < q->logs; i++) {
        if (strcmp(q->log[i].name, ret->checkpoint.origin) != 0)
            continue;
        switch (note_check(n, &q->log[i], verify, NULL)) {
        case NOTE_ABSENT: break;
        case NOTE_BAD: return QUORUM_BAD_SIGNATURE;
        case NOTE_GOOD: ret->log = i; found = true; break;
        }
    }
    return found ? QUORUM_OK : QUORUM_UNKNOWN_LOG;
}

/* false: a known key's signature fails */
static bool
count_witnesses(const struct quorum *q, const struct note *n, note_verify_fn verify, struct quorum_result *ret)
{
    for (unsigned i = 0; i < q->witnesses; i++) {
        enum note_found found = note_check(n, &q->witness[i].key, verify, &ret->time_s[i]);
        if (found == NOTE_BAD)
            return false;
        if (found == NOTE_GOOD) {
            ret->witnesses |= (uint64_t)1 << i;
            ret->cosigned++;
        }
    }
    return true;
}

enum quorum_says
quorum_judge(const struct quorum *q, const struct note *n, note_verify_fn verify, struct quorum_result *ret)
{
    enum quorum_says says;
    bool good;

    memset(ret, 0, sizeof *ret);
    if (!checkpoint_parse(n->text, &ret->checkpoint))
        return QUORUM_NO_CHECKPOINT;
    says = judge_log(q, n, verify, ret);
    if (says != QUORUM_OK && says != QUORUM_UNKNOWN_LOG)
        return says;
    good = count_witnesses(q, n, verify, ret);
    if (says == QUORUM_UNKNOWN_LOG) /* who has cosigned is counted all the same, for who is told */
        return says;
    if (!good)
        return QUORUM_BAD_SIGNATURE;
    return quorum_met(q, ret->witnesses) ? QUORUM_OK : QUORUM_SHORT;
}

const char *
quorum_sentence(enum quorum_says says)
{
    switch (says) {
    case QUORUM_OK: return "The checkpoint is signed by its log and cosigned by enough witnesses.";
    case QUORUM_NO_CHECKPOINT: return "The note is no checkpoint.";
    case QUORUM_UNKNOWN_LOG: return "The checkpoint is not signed by a log that the policy names, or by another key of it than the policy has.";
    case QUORUM_BAD_SIGNATURE: return "A signature of a known key does not verify.";
    case QUORUM_SHORT: return "Too few witnesses have cosigned the checkpoint.";
    }
    return "";
}

int
quorum_witness_of(const struct quorum *q, const char *name, const uint8_t public[32])
{
    for (unsigned i = 0; i < q->witnesses; i++)
        if (memcmp(q->witness[i].key.public, public, 32) == 0 && strcmp(q->witness[i].key.name, name) == 0)
            return (int)i;
    return -1;
}

static void
member_words(const struct quorum *q, int member, char *ret, size_t cap)
{
    const struct quorum_group *g;
    size_t used;

    if (member < QUORUM_MAX) {
        text_format(ret, cap, "%s", q->witness[member].name);
        return;
    }
    g = &q->group[member - QUORUM_MAX];
    text_format(ret, cap, "%u of %u (", g->k, g->n);
    used = strlen(ret);
    for (unsigned i = 0; i < g->n && used + 4 < cap; i++) {
        int m = g->member[i];

        text_format(ret + used, cap - used, "%s%s", i ? ", " : "", m < QUORUM_MAX ? q->witness[m].name : q->group[m - QUORUM_MAX].name);
        used += strlen(ret + used);
    }
    text_format(ret + used, cap - used, ")");
}

void
quorum_words(const struct quorum *q, char *ret, size_t cap)
{
    if (!q || q->rule == QUORUM_NONE)
        text_format(ret, cap, "none");
    else
        member_words(q, q->rule, ret, cap);
}
