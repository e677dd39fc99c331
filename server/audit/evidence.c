/* audit/evidence.c */
#include "audit/evidence.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/asserted.h"
#include "audit/lines.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "base/text.h"

enum { LINE_MAX_ = ASSERTED_LINE_MAX, SERVED_MAX = 3 * ASSERTED_LINE_MAX }; /* a text of 500 bytes is less; an entry has two assertions at most */

/* A commitment in the journal. */
struct committed {
    uint64_t entry;
    uint16_t kind;
    struct uuid order;
    struct hash commitment;
    bool seen;   /* a line of evidence.jsonl was about it */
    bool told;   /* and was at fault */
    bool erased; /* that line says so, and by which entry and when */
    uint64_t erasure;
    int64_t erased_ms;
};
/* An erasure in the journal. */
struct named {
    struct hash hash;
    uint64_t entry;
    uint16_t kind;
    int64_t time_ms;
    struct named *again; /* a later entry of the same hash */
};

struct audit_evidence {
    const struct source *source;
    struct findings *found;
    FILE *evidence, *assertions; /* NULL: not in the export */
    struct arena *arena;
    struct map *orders, *erasures;
    struct asserted *asserted;
    struct committed **list; /* in the journal's order */
    size_t n, cap;
    struct evidence_sums sums;
};

static void
fault(void *ctx, uint64_t entry, uint16_t kind, const char *what)
{
    findings_add(((struct audit_evidence *)ctx)->found, entry, kind, "%s", what);
}

/* *ret NULL: it is not there. */
static enum err
open_lines(const struct source *source, const char *name, FILE **ret)
{
    *ret = source_open_in(source, name);
    return *ret != NULL || errno == ENOENT || errno == ENOTDIR ? OK : ERR_IO;
}

enum err
audit_evidence_new(const struct source *source, struct findings *found, struct audit_evidence **ret)
{
    struct audit_evidence *v = xcalloc(1, sizeof *v);
    enum err err;

    v->source = source;
    v->found = found;
    v->arena = arena_new();
    v->orders = map_new(sizeof(struct uuid));
    v->erasures = map_new(sizeof(struct hash));
    v->asserted = asserted_new(fault, v);
    err = open_lines(source, "evidence.jsonl", &v->evidence);
    if (err == OK)
        err = open_lines(source, "assertions.jsonl", &v->assertions);
    if (err != OK) {
        audit_evidence_delete(v);
        return err;
    }
    v->sums.there = v->evidence != NULL;
    *ret = v;
    return OK;
}

void
audit_evidence_delete(struct audit_evidence *v)
{
    if (v == NULL)
        return;
    if (v->evidence != NULL)
        fclose(v->evidence);
    if (v->assertions != NULL)
        fclose(v->assertions);
    map_delete(v->orders);
    map_delete(v->erasures);
    asserted_delete(v->asserted);
    arena_delete(v->arena);
    free(v->list);
    free(v);
}

static void
put_erasure(struct audit_evidence *v, const struct hash *hash, const struct entry *e)
{
    struct named *n = arena_alloc(v->arena, sizeof *n), *first = map_get(v->erasures, hash->b);

    *n = (struct named){ *hash, e->index, e->kind, e->time_ms, NULL };
    if (first == NULL) { /* it counts */
        map_put(v->erasures, n->hash.b, n, NULL);
        return;
    }
    n->again = first->again;
    first->again = n;
}

static void
take_commitment(struct audit_evidence *v, const struct entry *e)
{
    static const struct hash none;
    const struct hash *commitment = entry_commitment(e);
    const struct uuid *order = entry_order(e);
    struct committed *c;

    if (commitment == NULL || order == NULL || uuid_is_zero(*order) || hash_equal(*commitment, none))
        return;
    if (e->kind == NOTICE && e->u.notice.type == NOTICE_ERASURE) { /* names what was erased */
        put_erasure(v, commitment, e);
        return;
    }
    c = arena_alloc(v->arena, sizeof *c);
    *c = (struct committed){ .entry = e->index, .kind = e->kind, .order = *order, .commitment = *commitment };
    map_put(v->orders, c->order.b, c, NULL);
    if (v->n == v->cap) {
        v->cap = v->cap * 2 + 64;
        v->list = xrealloc(v->list, v->cap * sizeof *v->list);
    }
    v->list[v->n++] = c;
}

/* The rules have taken the entry: its keys are there. */
static void
want_assertions(struct audit_evidence *v, const struct ledger *l, const struct entry *e)
{
    struct entry copy = *e;
    const struct authority *auth = entry_authority(&copy);
    static const uint8_t none[32];
    uint8_t bytes[ENTRY_MAX];

    for (int i = 0; auth != NULL && i < 2; i++) {
        const struct key *key = ledger_key(l, auth->slot[i].key);

        if (auth->slot[i].class == 2)
            asserted_want(v->asserted, e, &auth->slot[i], key != NULL ? key->entry.u.key.ed25519 : none,
                          BYTES(bytes, entry_signed_bytes(&copy, ledger_genesis(l), bytes)));
    }
}

void
audit_evidence_take(struct audit_evidence *v, const struct ledger *l, const struct entry *e)
{
    if (v->evidence != NULL)
        take_commitment(v, e);
    want_assertions(v, l, e);
}

/* ---- the files' lines --------------------------------------------------------------------------------------------- */

static void
take_text(struct audit_evidence *v, struct committed *c, struct json_in *in)
{
    struct hash salt;
    size_t len = 0;
    bool good = lines_hex(in, "salt", salt.b, sizeof salt.b, &len) && len == sizeof salt.b;
    const char *text = json_in_text(in, "text", 0, 500);

    if (c == NULL || in->err != OK)
        return;
    if (!good || !hash_equal(sha256_of((const struct bytes[]){ BYTES(salt.b, sizeof salt.b), BYTES_TEXT(text) }, 2), c->commitment)) {
        c->told = true;
        findings_add(v->found, c->entry, c->kind, "evidence.jsonl: its text is not the one that the entry commits to");
    }
}

static void
take_evidence_line(struct audit_evidence *v, struct json_in *in)
{
    struct uuid order = json_in_uuid(in, "order");
    struct committed *c = in->err == OK ? map_get(v->orders, order.b) : NULL; /* NULL: of an order that was refused */

    if (json_in_has(in, "erased")) {
        int64_t erased_ms = json_in_time(in, "erased"), erasure = json_in_i64(in, "erasure", 0, INT64_MAX);

        if (c != NULL) {
            c->erased = true;
            c->erased_ms = erased_ms;
            c->erasure = (uint64_t)erasure;
        }
    } else {
        take_text(v, c, in);
    }
    if (c != NULL)
        c->seen = true;
}

static void
take_assertion_line(struct audit_evidence *v, struct json_in *in)
{
    asserted_give(v->asserted, in);
}

static void
each_line(struct audit_evidence *v, FILE *f, const char *name, void (*take)(struct audit_evidence *v, struct json_in *in))
{
    char *line = xmalloc(LINE_MAX_);

    for (uint64_t number = 1; fgets(line, LINE_MAX_, f) != NULL; number++) {
        size_t len = strlen(line);
        struct err_detail d = { .text = "" };
        struct json_in in;

        if (len == 0 || line[len - 1] != '\n') {
            findings_add(v->found, NO_INDEX, ENTRY_KINDS, "%s: line %" PRIu64 " is too long, cut short, or no text", name, number);
            break;
        }
        in = json_in_open(BYTES(line, len - 1), &d);
        if (in.err == OK)
            take(v, &in);
        if (json_in_close(&in) != OK)
            findings_add(v->found, NO_INDEX, ENTRY_KINDS, "%s: line %" PRIu64 ": %s %s", name, number, d.text, d.pointer);
    }
    if (ferror(f))
        findings_add(v->found, NO_INDEX, ENTRY_KINDS, "%s cannot be read to its end", name);
    free(line);
}

/* ---- what is served ------------------------------------------------------------------------------------------------ */

/* One that the server says it does not have is missing, as in an export. */
static void
take_served(struct audit_evidence *v, uint64_t entry, struct bytes reply)
{
    struct err_detail d = { .text = "" };
    struct json_in in = json_in_open(reply, &d);
    size_t n;

    json_in_loose(&in);
    n = json_in_array(&in, "assertions", 2);
    for (size_t i = 0; i < n && in.err == OK; i++) {
        struct json_in one = json_in_array_object(&in, "assertions", i);

        json_in_loose(&one);
        if (json_in_has(&one, "assertion"))
            asserted_give(v->asserted, &one);
        if (json_in_close(&one) != OK)
            break;
    }
    if (json_in_close(&in) != OK)
        findings_add(v->found, entry, ENTRY_KINDS, "what is served of its assertions cannot be read: %s %s", d.text, d.pointer);
}

/* What the server has behind this entry. After the first trouble with it, which ends the audit, nothing more is asked. */
static bool
ask_server(void *ctx, uint64_t entry)
{
    struct audit_evidence *v = ctx;
    struct err_detail d;
    char name[80], *reply;
    size_t len;
    bool served;

    if (source_trouble(v->source, &d) != OK)
        return false;
    text_format(name, sizeof name, "v1/journal/entries/%" PRIu64 "/evidence", entry);
    reply = xmalloc(SERVED_MAX + 1);
    served = source_read(v->source, name, reply, SERVED_MAX, &len);
    if (served)
        take_served(v, entry, BYTES(reply, len));
    free(reply);
    return served;
}

/* ---- what it comes to --------------------------------------------------------------------------------------------- */

static void
count_erased(struct audit_evidence *v, const struct committed *c, const struct named *notice)
{
    struct evidence_sums *s = &v->sums;
    size_t most = sizeof s->last / sizeof s->last[0];

    s->erased++;
    if (s->last_n == most) /* the newest are kept */
        memmove(&s->last[0], &s->last[1], (most - 1) * sizeof s->last[0]);
    else
        s->last_n++;
    s->last[s->last_n - 1] = (struct erased_entry){ c->entry, notice->entry, notice->time_ms };
}

/* Does the database name one of the entries that say so? Callers are told what it names. */
static bool
names_one(const struct committed *c, const struct named *notice)
{
    for (; notice != NULL; notice = notice->again)
        if (c->erasure == notice->entry && c->erased_ms == notice->time_ms)
            return true;
    return false;
}

static void
judge(struct audit_evidence *v, const struct committed *c)
{
    const struct named *notice = map_get(v->erasures, c->commitment.b);

    if (c->told)
        return;
    if (notice != NULL && c->seen && !c->erased)
        findings_add(v->found, c->entry, c->kind, "entry %" PRIu64 " says that its text was erased, but it is still there", notice->entry);
    else if (notice != NULL && c->seen && !names_one(c, notice))
        findings_add(v->found, c->entry, c->kind, "evidence.jsonl: it was erased by entry %" PRIu64 ", at that entry's time, but another entry or time is named", notice->entry);
    else if (notice != NULL)
        count_erased(v, c, notice);
    else if (c->erased)
        findings_add(v->found, c->entry, c->kind, "its text is said to be erased, but no erasure of it is in the journal");
    else if (!c->seen)
        findings_add(v->found, c->entry, c->kind, "its text is missing, and no erasure of it is in the journal");
    else
        v->sums.kept++;
}

void
audit_evidence_end(struct audit_evidence *v, struct evidence_sums *ret)
{
    if (v->evidence != NULL)
        each_line(v, v->evidence, "evidence.jsonl", take_evidence_line);
    if (v->assertions != NULL)
        each_line(v, v->assertions, "assertions.jsonl", take_assertion_line);
    if (v->source->remote != NULL)
        v->sums.unserved = asserted_ask(v->asserted, ask_server, v);
    v->sums.assertions = asserted_end(v->asserted);
    for (size_t i = 0; i < v->n; i++)
        judge(v, v->list[i]);
    *ret = v->sums;
}
