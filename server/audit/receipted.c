/* audit/receipted.c */
#include "audit/receipted.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/source.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "base/text.h"
#include "crypto/jws.h"
#include "crypto/sign.h"

enum { LINE_LEN_MAX = JWS_MAX + 1024, OVERDUE_MS = 3600000 };

/* A reservation that the file has an end of. */
struct told {
    struct uuid jti;
    bool permitted;     /* the file has the server's permit of it for its site */
    bool denied;        /* its hold was released as never permitted, on nobody's word */
    bool released;      /* so, or left to expire while no dispute stood: nobody has said that nothing is due */
    bool stands;        /* a dispute about it is open */
    bool disputed;      /* there was one, open or not */
    bool resolved;      /* two officers have signed how one ended */
};

struct receipted {
    FILE *file;
    struct arena *arena;
    struct map *told;
    struct receipted_sums sums;
};

struct line {
    uint8_t statement[REPORT_STATEMENT_LEN], signature[64];
    char receipt[JWS_MAX + 1];
    struct report report;
    struct hash genesis;
};

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static bool
unhex(struct json_in *in, const char *name, uint8_t *ret, size_t len)
{
    const char *text = json_in_text(in, name, 2 * len, 2 * len);

    return in->err == OK && hex_decode(text, ret, len);
}

static bool
line_read(struct bytes bytes, struct line *ret)
{
    struct err_detail d = { .text = "" };
    struct json_in in = json_in_open(bytes, &d);
    bool good = unhex(&in, "statement", ret->statement, sizeof ret->statement);

    good = unhex(&in, "signature", ret->signature, sizeof ret->signature) && good;
    text_format(ret->receipt, sizeof ret->receipt, "%s", json_in_text(&in, "receipt", 1, JWS_MAX));
    return json_in_close(&in) == OK && good && report_parse(BYTES(ret->statement, sizeof ret->statement), &ret->report, &ret->genesis) == OK;
}

static void
each_line(struct receipted *r, void (*take)(void *ctx, struct receipted *r, const struct line *line), void *ctx)
{
    char *text = xmalloc(LINE_LEN_MAX);
    struct line *line = xcalloc(1, sizeof *line);

    rewind(r->file);
    r->sums.unusable = 0;
    while (fgets(text, LINE_LEN_MAX, r->file) != NULL) {
        size_t len = strlen(text);

        if (len == 0 || text[len - 1] != '\n' || !line_read(BYTES(text, len - 1), line))
            r->sums.unusable++;
        else
            take(ctx, r, line);
    }
    free(line);
    free(text);
}

static void
note_told(void *ctx, struct receipted *r, const struct line *line)
{
    struct told *t;

    (void)ctx;
    if (!report_is_owed(&line->report) || map_get(r->told, line->report.jti.b) != NULL)
        return;
    t = arena_alloc(r->arena, sizeof *t);
    *t = (struct told){ .jti = line->report.jti };
    map_put(r->told, t->jti.b, t, NULL);
}

enum err
receipted_new(const char *path, struct receipted **ret, struct err_detail *d)
{
    FILE *f = source_open(path);
    struct receipted *r;

    if (f == NULL)
        return err_say(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be read: %s.", path, strerror(errno));
    r = xcalloc(1, sizeof *r);
    r->file = f;
    r->arena = arena_new();
    r->told = map_new(sizeof(struct uuid));
    r->sums.there = true;
    r->sums.first_waiting = NO_INDEX;
    each_line(r, note_told, NULL);
    *ret = r;
    return OK;
}

void
receipted_delete(struct receipted *r)
{
    if (r == NULL)
        return;
    fclose(r->file);
    map_delete(r->told);
    arena_delete(r->arena);
    free(r);
}

/* ---- the entries ------------------------------------------------------------------------------------------------- */

/* The hold that an entry is about, if it says how that ends or that there is a dispute. */
static const struct hold *
hold_of(const struct ledger *l, const struct entry *e)
{
    switch (e->kind) {
    case VOID:
    case EXPIRE:
        return ledger_hold(l, e->u.release.hold);
    case RESOLVE:
        return ledger_hold(l, e->u.resolve.hold);
    case NOTICE:
        return ledger_hold(l, e->u.notice.ref); /* NULL where it is not about a hold */
    default:
        return NULL;
    }
}

/* A dispute's NOTICE needs nobody's signature: that there was one excuses nothing unless it stood to the end of the officers'
 * time, or they have signed a RESOLVE. */
void
receipted_take(struct receipted *r, const struct ledger *l, const struct entry *e)
{
    const struct hold *h = hold_of(l, e);
    struct told *t = h != NULL ? map_get(r->told, h->reservation.b) : NULL;

    if (t == NULL)
        return;
    if (e->kind == VOID)
        t->denied = t->released = entry_report(e) == NULL && uuid_is_zero(e->u.release.order);
    else if (e->kind == EXPIRE)
        t->released = !t->stands;
    else if (e->kind == RESOLVE)
        t->resolved = true;
    t->stands = e->kind == NOTICE ? h->disputed : t->stands;
    t->disputed = t->disputed || t->stands;
}

/* ---- who signed it ----------------------------------------------------------------------------------------------- */

static bool
by_site(const struct ledger *l, const struct line *line)
{
    const struct key *k;

    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_SITE && k->entry.u.key.site == line->report.site &&
            sign_verify(k->entry.u.key.ed25519, BYTES(line->statement, sizeof line->statement), line->signature) == OK)
            return true;
    return false;
}

/* What the server's word is: the second in which it had the report, and whether it gave a permit on it. */
struct word { int64_t at_s; bool permitted; };

/* Of a report of kind accepted only. */
static bool
read_permit(struct json_in *in, const struct line *line, bool *ret)
{
    static const char *const PERMIT[] = { "refused", "granted", NULL };
    struct uuid jti;
    bool same;

    if (!json_in_has(in, "permit"))
        return true;
    *ret = json_in_choice(in, "permit", PERMIT) == 1;
    jti = json_in_uuid(in, "jti");
    same = uuid_equal(jti, line->report.jti) && (uint64_t)json_in_i64(in, "fence", 0, INT64_MAX) == line->report.fence;
    (void)json_in_i64(in, "ins", 0, INT64_MAX);
    (void)json_in_text_or(in, "reason", 47, "");
    return same;
}

static bool
read_claims(struct bytes payload, const char *origin, const char *site, const struct line *line, struct word *ret)
{
    struct err_detail d = { .text = "" };
    struct json_in in = json_in_open(payload, &d);
    struct hash want = sha256(BYTES(line->statement, sizeof line->statement)), have;
    bool good = strcmp(json_in_text(&in, "iss", 1, 64), origin) == 0;

    good = strcmp(json_in_text(&in, "aud", 1, 16), site) == 0 && good;
    good = unhex(&in, "sha256", have.b, sizeof have.b) && hash_equal(have, want) && good;
    good = (uint64_t)json_in_i64(&in, "num", 1, INT64_MAX) == line->report.number && good;
    *ret = (struct word){ .at_s = json_in_i64(&in, "iat", 0, INT64_MAX / 1000) };
    good = read_permit(&in, line, &ret->permitted) && good;
    return json_in_close(&in) == OK && good;
}

/* By a key of the server's, whenever it was in force: that it was stolen would be the operator's to say. */
static bool
by_server(const struct ledger *l, const char *origin, const struct line *line, struct word *ret)
{
    const struct site *site = ledger_site(l, line->report.site);
    const struct key *k = NULL;
    struct jws_key key = { .kid = "" };
    char *payload;
    size_t len;
    int64_t index;
    bool good;

    if (jws_kid(line->receipt, strlen(line->receipt), JWS_TYP_RECEIPT, key.kid) == OK && text_to_i64(key.kid, 0, INT64_MAX, &index))
        k = ledger_key(l, (uint64_t)index);
    if (site == NULL || k == NULL || k->entry.u.key.use != KEY_SERVER)
        return false;
    memcpy(key.public, k->entry.u.key.ed25519, sizeof key.public);
    if (jws_verify(line->receipt, strlen(line->receipt), JWS_TYP_RECEIPT, &key, &payload, &len) != OK)
        return false;
    good = read_claims(BYTES(payload, len), origin, site->entry.u.site.code, line, ret);
    free(payload);
    return good;
}

/* ---- what became of it ------------------------------------------------------------------------------------------- */

struct judging { const struct ledger *l; const char *origin; int64_t now_ms; struct findings *found; };

static bool
good_line(const struct judging *j, const struct line *line, struct word *ret)
{
    return hash_equal(line->genesis, ledger_genesis(j->l)) && by_site(j->l, line) && by_server(j->l, j->origin, line, ret);
}

static bool
is_of(const struct hold *h, const struct report *r)
{
    return h != NULL && h->site == r->site && h->fence == r->fence;
}

/* A site may report what it likes: that its job might run is the server's word. */
static void
note_permit(void *ctx, struct receipted *r, const struct line *line)
{
    struct told *t = line->report.kind == REPORT_ACCEPTED ? map_get(r->told, line->report.jti.b) : NULL;
    const struct judging *j = ctx;
    struct word word;

    if (t != NULL && is_of(ledger_hold_of(j->l, line->report.jti), &line->report) && good_line(j, line, &word) && word.permitted)
        t->permitted = true;
}

static void
cheated(const struct judging *j, const struct hold *h, const struct line *line, int64_t receipted_s, uint16_t kind, const char *how)
{
    char at[TIME_TEXT];

    time_text(receipted_s * 1000, at);
    findings_add(j->found, h->resolved_by, kind, "site %s has reported %" PRIu64 " GPU-seconds on HOLD %" PRIu64 " (report %" PRIu64
                 "), which the server receipted at %s: the hold %s, and no SETTLE pays it", ledger_site(j->l, h->site)->entry.u.site.code,
                 line->report.gpu_seconds, h->index, line->report.number, at, how);
}

/* The hold was released on nobody's word: is more due than was paid? After its expiry only an EXPIRE ends a hold: what is
 * receipted after it, or in the same second for all that the receipt says, comes too late to be paid. */
static void
judge_released(const struct judging *j, struct receipted_sums *s, const struct told *t, const struct hold *h, const struct line *line, int64_t receipted_s)
{
    if (t->denied && t->permitted)
        cheated(j, h, line, receipted_s, VOID, "was released as if it had had no permit");
    else if (!t->denied && !receipt_in_time(receipted_s, h->expiry_ms))
        s->too_late++;
    else if (!t->denied && h->gpu_seconds < line->report.gpu_seconds)
        cheated(j, h, line, receipted_s, EXPIRE, "was left to expire");
    else
        s->paid++;
}

static void
judge(void *ctx, struct receipted *r, const struct line *line)
{
    const struct judging *j = ctx;
    const struct told *t = map_get(r->told, line->report.jti.b);
    const struct hold *h = ledger_hold_of(j->l, line->report.jti);
    struct receipted_sums *s = &r->sums;
    struct word word;

    if (!report_is_owed(&line->report))
        return;
    if (!good_line(j, line, &word)) {
        s->unusable++;
        return;
    }
    s->ends++;
    if (!is_of(h, &line->report))
        s->unknown++;
    else if (t->released ? t->resolved : t->disputed || h->disputed)
        s->disputed++;
    else if (t->released)
        judge_released(j, s, t, h, line, word.at_s);
    else if (!h->open)
        s->paid++;
    else if (j->now_ms - word.at_s * 1000 > OVERDUE_MS && s->waiting++ == 0)
        s->first_waiting = h->index;
}

void
receipted_end(struct receipted *r, const struct ledger *l, const char *origin, int64_t now_ms, struct findings *found, struct receipted_sums *ret)
{
    struct judging j = { l, origin, now_ms, found };

    each_line(r, note_permit, &j);
    each_line(r, judge, &j);
    *ret = r->sums;
}
