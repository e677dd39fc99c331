/* audit/times.c */
#include "audit/times.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "core/entry_layout.h"
#include "crypto/sign.h"

enum { LINE_LEN_MAX = 2 * NOTE_MAX + 64 };
#define WEEK_S 604800 /* for which the server keeps every checkpoint; of each day before it keeps one (migration 0012) */
#define DAY_S 86400
#define NEVER UINT64_MAX
#define TIME_MAX_S ((uint64_t)TIME_MAX_MS / 1000) /* what a witness says beyond it says nothing */

/* A checkpoint. seen_s: of each of the policy's witnesses when it cosigned it or a larger one, NEVER if it did not. */
struct cover {
    struct times_root at;
    uint64_t *seen_s;
    uint64_t enough_s, first_s;  /* by when enough of them had, and the first one; NEVER */
    unsigned enough_by, first_by; /* the witness that made it enough; that one */
};

struct times {
    struct times_limits limits;
    struct quorum *q;  /* NULL: no policy */
    struct arena *arena;
    struct cover *list; /* the smallest size first */
    size_t n, cap;
    size_t next, next_root; /* the first of more entries than were taken; whose root was not asked for */
    uint64_t newest_s; /* the latest time by which enough had cosigned something */
    struct times_sums sums;
};

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* What the policy's witnesses have signed of it. False: one of their signatures does not verify, or the log's does not. */
static bool
take_signatures(struct times *t, const struct note *note, struct cover *c)
{
    bool any = false;

    for (unsigned i = 0; i < t->q->logs; i++)
        if (note_check(note, &t->q->log[i], verify, NULL) == NOTE_BAD)
            return false;
    for (unsigned i = 0; i < t->q->witnesses; i++) {
        uint64_t time_s = 0;
        enum note_found says = note_check(note, &t->q->witness[i].key, verify, &time_s);

        if (says == NOTE_BAD)
            return false;
        c->seen_s[i] = says == NOTE_GOOD && time_s <= TIME_MAX_S ? time_s : NEVER;
        if (c->seen_s[i] == NEVER)
            continue;
        any = true;
        t->sums.cosignatures++;
    }
    t->sums.checkpoints += any;
    return true;
}

/* NULL, or what is wrong with it. */
static const char *
take_note(struct times *t, struct bytes bytes, const struct head_text *head)
{
    struct note *note = xcalloc(1, sizeof *note);
    struct checkpoint point;
    const char *wrong = NULL;
    struct cover c = { .enough_s = NEVER, .first_s = NEVER };

    if (!note_parse(bytes, note) || !checkpoint_parse(note->text, &point))
        wrong = "it is not a signed checkpoint";
    else if (strcmp(point.origin, head->origin) != 0)
        wrong = "it is of another origin";
    else if (point.size == 0 || point.size > head->size)
        wrong = "it is of more entries than there are, or of none: the journal was rolled back";
    else if (t->q != NULL) {
        c.seen_s = arena_alloc(t->arena, (t->q->witnesses + 1) * sizeof *c.seen_s);
        if (!take_signatures(t, note, &c))
            wrong = "a signature of a known key does not verify";
    }
    free(note);
    if (wrong != NULL)
        return wrong;
    c.at = (struct times_root){ point.size, point.root };
    if (t->n == t->cap) {
        t->cap = 2 * t->cap + 64;
        t->list = xrealloc(t->list, t->cap * sizeof *t->list);
    }
    t->list[t->n++] = c;
    return NULL;
}

static const char *
take_line(struct times *t, struct bytes line, const struct head_text *head)
{
    struct err_detail d = { .text = "" };
    struct json_in in = json_in_open(line, &d);
    const char *note = json_in_text(&in, "note", 1, NOTE_MAX);
    const char *wrong = in.err == OK ? take_note(t, BYTES_TEXT(note), head) : NULL;

    return json_in_close(&in) == OK ? wrong : "it is not a line of checkpoints";
}

static void
read_lines(struct times *t, FILE *f, const struct head_text *head, struct findings *found)
{
    char *line = xmalloc(LINE_LEN_MAX);

    for (uint64_t number = 1; fgets(line, LINE_LEN_MAX, f) != NULL; number++) {
        size_t len = strlen(line);
        const char *wrong = "it is too long, cut short, or no text";

        if (len > 0 && line[len - 1] == '\n')
            wrong = take_line(t, BYTES(line, len - 1), head);
        if (wrong != NULL)
            findings_add(found, NO_INDEX, ENTRY_KINDS, "checkpoints.jsonl: line %" PRIu64 ": %s", number, wrong);
        if (len == 0 || line[len - 1] != '\n')
            break;
    }
    if (ferror(f))
        findings_add(found, NO_INDEX, ENTRY_KINDS, "checkpoints.jsonl cannot be read to its end");
    free(line);
}

/* ---- by when each was seen --------------------------------------------------------------------------------------- */

static int
by_size(const void *a, const void *b)
{
    const struct cover *x = a, *y = b;

    return x->at.size < y->at.size ? -1 : x->at.size > y->at.size;
}

/* The earliest time by which those who had cosigned are enough; where the policy asks for nobody, one is. */
static void
find_enough(const struct quorum *q, struct cover *c)
{
    uint64_t had = 0;

    for (unsigned n = 0; n < q->witnesses; n++) {
        unsigned first = q->witnesses;

        for (unsigned i = 0; i < q->witnesses; i++)
            if ((had >> i & 1) == 0 && c->seen_s[i] != NEVER && (first == q->witnesses || c->seen_s[i] < c->seen_s[first]))
                first = i;
        if (first == q->witnesses)
            return;
        if (had == 0) {
            c->first_s = c->seen_s[first];
            c->first_by = first;
        }
        had |= (uint64_t)1 << first;
        if (quorum_met(q, had)) {
            c->enough_s = c->seen_s[first];
            c->enough_by = first;
            return;
        }
    }
}

/* What a witness has cosigned of more entries, it has of these. */
static void
seal(struct times *t)
{
    if (t->n > 0)
        qsort(t->list, t->n, sizeof *t->list, by_size);
    for (size_t k = t->n; t->q != NULL && k-- > 0;) {
        struct cover *c = &t->list[k];

        for (unsigned i = 0; k + 1 < t->n && i < t->q->witnesses; i++)
            if (t->list[k + 1].seen_s[i] < c->seen_s[i])
                c->seen_s[i] = t->list[k + 1].seen_s[i];
        find_enough(t->q, c);
        if (c->enough_s != NEVER && c->enough_s > t->newest_s)
            t->newest_s = c->enough_s;
    }
}

struct times *
times_new(const struct source *from, const struct head_text *head, const char *policy, struct bytes newest, struct times_limits limits,
          struct findings *found)
{
    struct times *t = xcalloc(1, sizeof *t);
    struct err_detail d = { .text = "" };
    const char *wrong;
    FILE *f;

    t->limits = limits;
    t->arena = arena_new();
    t->sums.recent.entry = t->sums.late_at.entry = t->sums.ahead_at.entry = t->sums.behind_at.entry = NO_INDEX;
    t->q = policy != NULL ? xcalloc(1, sizeof *t->q) : NULL;
    if (t->q != NULL && quorum_parse(BYTES_TEXT(policy), t->q, &d) != OK) {
        free(t->q); /* told where the checkpoint is judged */
        t->q = NULL;
    }
    f = source_open_in(from, "checkpoints.jsonl");
    if (f == NULL && errno != ENOENT)
        findings_add(found, NO_INDEX, ENTRY_KINDS, "checkpoints.jsonl cannot be read: %s", strerror(errno));
    if (f != NULL) {
        t->sums.there = true;
        read_lines(t, f, head, found);
        fclose(f);
    }
    wrong = newest.len > 0 ? take_note(t, newest, head) : NULL; /* told where it is judged */
    (void)wrong;
    seal(t);
    return t;
}

void
times_delete(struct times *t)
{
    if (t == NULL)
        return;
    free(t->q);
    free(t->list);
    arena_delete(t->arena);
    free(t);
}

const struct times_root *
times_next_root(struct times *t, uint64_t up_to)
{
    return t->next_root < t->n && t->list[t->next_root].at.size <= up_to ? &t->list[t->next_root++].at : NULL;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static void
note_at(const struct times *t, struct times_at *ret, const struct entry *e, uint64_t seen_s, unsigned witness)
{
    *ret = (struct times_at){ .entry = e->index, .kind = e->kind, .time_ms = e->time_ms, .seen_ms = (int64_t)seen_s * 1000 };
    text_format(ret->witness, sizeof ret->witness, "%s", t->q->witness[witness].name);
}

/* How long before the end of that second; negative: after it. Cosignatures say whole seconds. */
static int64_t
before_ms(const struct entry *e, uint64_t seen_s)
{
    return (int64_t)seen_s * 1000 + 999 - e->time_ms;
}

static int64_t
length_ms(const struct times_at *at)
{
    return at->entry == NO_INDEX ? -1 : at->seen_ms - at->time_ms;
}

static void
judge_late(struct times *t, const struct entry *e, const struct cover *c)
{
    struct times_sums *s = &t->sums;
    int64_t took_ms = (int64_t)c->enough_s * 1000 - e->time_ms;
    bool recent = e->time_ms / 1000 >= (int64_t)t->newest_s - WEEK_S;

    if (!s->there)
        return;
    if (recent && took_ms > length_ms(&s->recent))
        note_at(t, &s->recent, e, c->enough_s, c->enough_by);
    if (took_ms <= (t->limits.late_s + (recent ? 0 : DAY_S)) * 1000)
        return;
    s->late++;
    if (took_ms > length_ms(&s->late_at))
        note_at(t, &s->late_at, e, c->enough_s, c->enough_by);
}

void
times_take(struct times *t, const struct entry *e)
{
    struct times_sums *s = &t->sums;
    const struct cover *c;

    while (t->next < t->n && t->list[t->next].at.size <= e->index)
        t->next++;
    if (t->next == t->n || t->q == NULL)
        return;
    c = &t->list[t->next];
    if (c->enough_s != NEVER) {
        s->seen++;
        judge_late(t, e, c);
    }
    if (c->enough_s != NEVER && before_ms(e, c->enough_s) < -t->limits.clocks_s * 1000) {
        if (s->ahead++ == 0)
            note_at(t, &s->ahead_at, e, c->enough_s, c->enough_by);
    } else if (c->first_s != NEVER && before_ms(e, c->first_s) < -t->limits.clocks_s * 1000) {
        if (s->behind++ == 0 || before_ms(e, c->first_s) < s->behind_at.seen_ms + 999 - s->behind_at.time_ms)
            note_at(t, &s->behind_at, e, c->first_s, c->first_by);
    }
}

void
times_end(struct times *t, bool simulation, struct findings *found, struct times_sums *ret)
{
    struct times_sums *s = &t->sums;
    char time[TIME_TEXT], seen[TIME_TEXT];

    s->judged = s->cosignatures > 0 && !simulation;
    *ret = *s;
    if (!s->judged || s->ahead == 0)
        return;
    time_text(s->ahead_at.time_ms, time);
    time_text(s->ahead_at.seen_ms, seen);
    findings_add(found, s->ahead_at.entry, s->ahead_at.kind, "its time is %s, but enough witnesses had cosigned it by %s, %.60s the last of them (so for %" PRIu64
                 " entries): it is not when it was written", time, seen, s->ahead_at.witness, s->ahead);
}
