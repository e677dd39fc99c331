/* audit/package.c: the journal's part of a package, entry by entry: what it rests on first, then the slice. */
#include "audit/package.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/finding.h"
#include "audit/package_internal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/sign.h"

enum { FAULTS_TOLD = 20, PROOF_TEXT_MAX = 65536 };

void
package_fault(struct judged *j, const char *fmt, ...)
{
    char text[400];
    va_list args;

    va_start(args, fmt);
    text_vformat(text, sizeof text, fmt, args);
    va_end(args);
    finding_defuse(text);
    if (j->faults++ < FAULTS_TOLD)
        fprintf(j->to, "FAULT: %s.\n", text);
}

/* ---- checkpoints and proofs ------------------------------------------------------------------------------------------- */

static bool
read_head(struct judged *j, const char *name, const char *policy, struct signed_head *ret)
{
    struct err_detail d = { .text = "" };
    size_t len;
    char *note = package_read(j, name, NOTE_MAX, &len);
    bool good = note != NULL && signed_head_read(BYTES(note, len), policy, ret, &d) == OK;

    if (note == NULL)
        package_fault(j, "%s is missing", name);
    else if (!good)
        package_fault(j, "%s: %.*s", name, (int)strcspn(d.text, "."), d.text);
    free(note);
    return good;
}

/* Reading lines of a text, in place. */
struct lines { char *at; char *word, *rest; };

static bool
next(struct lines *l)
{
    char *end = l->at != NULL ? strchr(l->at, '\n') : NULL;

    l->word = l->rest = NULL;
    if (end == NULL)
        return false;
    *end = '\0';
    l->word = l->at;
    l->at = end + 1;
    l->rest = strchr(l->word, ' ');
    if (l->rest != NULL)
        *l->rest++ = '\0';
    return l->rest != NULL;
}

static bool
is(const struct lines *l, const char *word)
{
    return l->word != NULL && l->rest != NULL && strcmp(l->word, word) == 0;
}

static bool
read_hash(const char *text, struct hash *ret)
{
    size_t len;

    return base64_decode(text, strlen(text), ret->b, sizeof ret->b, &len) && len == sizeof ret->b;
}

/* Lines of hashes under that word; the line behind them is then under way. */
static bool
read_path(struct lines *l, const char *word, struct proof *ret)
{
    for (ret->n = 0; is(l, word); next(l))
        if (ret->n == PROOF_MAX || !read_hash(l->rest, &ret->path[ret->n++]))
            return false;
    return true;
}

static bool
read_number(struct lines *l, const char *word, uint64_t *ret)
{
    int64_t n;

    if (!next(l) || !is(l, word) || !text_to_i64(l->rest, 0, INT64_MAX, &n))
        return false;
    *ret = (uint64_t)n;
    return true;
}

static bool
read_left(struct lines *l, struct judged *j)
{
    j->tree.size = j->first;
    next(l);
    for (unsigned level = 63; level-- > 0;)
        if (j->first >> level & 1) {
            if (!is(l, "left") || !read_hash(l->rest, &j->tree.frontier[level]))
                return false;
            next(l);
        }
    return true;
}

static bool
parse_proof(struct judged *j, char *text)
{
    struct lines l = { .at = text };

    return next(&l) && is(&l, "kontor") && strcmp(l.rest, &PACKAGE_TITLE[sizeof "kontor"]) == 0 && next(&l) && is(&l, "origin") &&
           strcmp(l.rest, j->origin) == 0 && next(&l) && is(&l, "from") && time_parse(l.rest, &j->from_ms) && next(&l) && is(&l, "to") &&
           time_parse(l.rest, &j->to_ms) && read_number(&l, "first", &j->first) && read_number(&l, "end", &j->end) && read_left(&l, j) &&
           read_path(&l, "path", &j->path) && read_path(&l, "start-path", &j->start_path) && l.word == NULL;
}

static bool
read_proof(struct judged *j)
{
    size_t len;
    char *text = package_read(j, "journal/proof", PROOF_TEXT_MAX, &len);
    bool good = text != NULL && strlen(text) == len && parse_proof(j, text);

    free(text);
    if (!good)
        package_fault(j, "journal/proof is none, or of another journal than the checkpoint");
    else if (j->end < j->first || j->end > j->head.checkpoint.size || j->from_ms >= j->to_ms)
        package_fault(j, "journal/proof names no period of this log");
    return j->faults == 0 || (good && j->end >= j->first && j->end <= j->head.checkpoint.size);
}

static void
check_start(struct judged *j, const char *policy)
{
    if (!read_head(j, "journal/checkpoint-before", policy, &j->start))
        return;
    if (strcmp(j->start.checkpoint.origin, j->origin) != 0 || j->start.checkpoint.size > j->first ||
        !proof_consistency_holds(&j->start_path, j->start.checkpoint.size, j->start.checkpoint.root, j->head.checkpoint.size, j->head.checkpoint.root))
        package_fault(j, "the checkpoint before the period is not of a log that this one goes on from");
    else if (j->start.judged && j->start.says == QUORUM_BAD_SIGNATURE)
        package_fault(j, "the checkpoint before the period bears a signature that does not verify");
}

/* ---- what the slice rests on ------------------------------------------------------------------------------------------ */

static void
place(struct judged *j, const struct entry *e)
{
    if (e->index + 1 == j->first) {
        j->has_before = true;
        if (e->time_ms >= j->from_ms)
            package_fault(j, "entry %" PRIu64 " is of the period too, and left out", e->index);
    }
    if (e->index == j->end) {
        j->has_after = true;
        if (e->time_ms < j->to_ms)
            package_fault(j, "entry %" PRIu64 " is of the period too, and left out", e->index);
    }
}

static bool
read_around(struct judged *j, struct lines *l, uint64_t *last)
{
    char *at = l->rest + strcspn(l->rest, " ");
    uint8_t bytes[ENTRY_MAX];
    struct proof path;
    struct entry e;
    int64_t index;
    size_t len;

    if (*at != ' ')
        return false;
    *at++ = '\0';
    if (!text_to_i64(l->rest, 0, INT64_MAX, &index) || !base64_decode(at, strlen(at), bytes, sizeof bytes, &len) || entry_decode(BYTES(bytes, len), &e) != OK ||
        e.index != (uint64_t)index || (*last != NO_INDEX && e.index <= *last))
        return false;
    next(l);
    if (!read_path(l, "path", &path))
        return false;
    if (!proof_inclusion_holds(&path, entry_leaf_hash(BYTES(bytes, len)), e.index, j->head.checkpoint.size, j->head.checkpoint.root)) {
        package_fault(j, "entry %" PRIu64 " of around/ is not in the log that the checkpoint signs", e.index);
        return true;
    }
    *last = e.index;
    j->around++;
    if (e.index < j->first)
        package_learn(j, &e);
    place(j, &e);
    return true;
}

static void
take_around(struct judged *j)
{
    uint64_t at = 0, last = NO_INDEX;
    char name[40], *text;
    size_t len;

    for (;; at += PACKAGE_AROUND) {
        struct lines l;
        bool good;

        text_format(name, sizeof name, PACKAGE_AROUND_NAME, at);
        text = package_read(j, name, PACKAGE_TEXT_MAX, &len);
        if (text == NULL)
            return;
        j->taken++;
        l.at = text;
        good = strlen(text) == len && next(&l);
        while (good && is(&l, "entry"))
            good = read_around(j, &l, &last);
        good = good && l.word == NULL;
        free(text);
        if (!good) {
            package_fault(j, "%s is damaged after entry %" PRId64, name, (int64_t)last);
            return;
        }
    }
}

/* ---- the slice -------------------------------------------------------------------------------------------------------- */

/* Whose key signs it in that class: the server's for people, a site's its reports, the log's their successors, an officer's orders. */
static bool
is_theirs(const struct package_key *key, const struct entry *e, uint8_t class)
{
    if (class == 3)
        return key->use == KEY_SERVER;
    if (entry_report(e) != NULL)
        return key->use == KEY_SITE;
    return key->use == (e->kind == KEY && e->u.key.use == KEY_LOG ? KEY_LOG : KEY_OFFICER);
}

static void
verify_slot(struct judged *j, const struct entry *e, const struct authority_slot *slot, struct bytes said)
{
    const struct package_key *key;

    if (slot->class == 0)
        return;
    key = package_thing(j, THING_KEY, (struct uuid){ { 0 } }, slot->key, 0);
    if (slot->class == 2 && key != NULL && is_theirs(key, e, slot->class))
        asserted_want(j->asserted, e, slot, key->ed25519, said);
    else if (key == NULL || slot->class == 2 || sign_verify(key->ed25519, said, slot->sig) != OK)
        package_fault(j, "entry %" PRIu64 " (%s): the signature by key %" PRIu64 " does not verify", e->index, entry_kind_name(e->kind), slot->key);
    else if (!is_theirs(key, e, slot->class))
        package_fault(j, "entry %" PRIu64 " (%s): key %" PRIu64 " does not answer for it", e->index, entry_kind_name(e->kind), slot->key);
    else if (slot->class == 3)
        j->on_word++;
    else
        j->signed_well++;
}

static void
verify(struct judged *j, struct entry *e)
{
    const struct authority *auth = entry_authority(e);
    uint8_t bytes[ENTRY_MAX];
    size_t len;

    if (auth == NULL || auth->slot[0].class == 0)
        return;
    len = entry_signed_bytes(e, j->genesis, bytes);
    verify_slot(j, e, &auth->slot[0], BYTES(bytes, len));
    verify_slot(j, e, &auth->slot[1], BYTES(bytes, len));
}

static bool
take_entry(struct judged *j, struct bytes bytes)
{
    struct entry e;

    if (entry_decode(bytes, &e) != OK || e.index != j->tree.size) {
        package_fault(j, "where entry %" PRIu64 " should be there is another, or none of layout version 1", j->tree.size);
        return false;
    }
    if (e.time_ms < j->from_ms || e.time_ms >= j->to_ms || e.time_ms < j->last_ms)
        package_fault(j, "entry %" PRIu64 " is not of the period, or its time falls", e.index);
    j->last_ms = e.time_ms;
    merkle_append(&j->tree, entry_leaf_hash(bytes));
    package_learn(j, &e);
    verify(j, &e);
    period_take(&j->period, &e);
    return true;
}

static bool
take_bundle(struct judged *j)
{
    char name[40];
    uint64_t begin = j->tree.size, n = j->end - begin < PACKAGE_BUNDLE ? j->end - begin : PACKAGE_BUNDLE;
    size_t len = 0, at = 0;
    uint8_t *bytes;
    bool good = true;

    text_format(name, sizeof name, PACKAGE_BUNDLE_NAME, begin);
    bytes = (uint8_t *)package_read(j, name, PACKAGE_BUNDLE * (2 + ENTRY_MAX), &len);
    while (bytes != NULL && good && j->tree.size < begin + n) {
        size_t one = len - at >= 2 ? (size_t)bytes[at] << 8 | bytes[at + 1] : 0;

        if (len - at < 2 || len - at - 2 < one)
            break;
        good = take_entry(j, BYTES(bytes + at + 2, one));
        at += 2 + one;
    }
    if (good && (j->tree.size < begin + n || at < len))
        package_fault(j, "%s is missing, or does not have %" PRIu64 " entries", name, n);
    free(bytes);
    return good && j->tree.size == begin + n;
}

static void
take_slice(struct judged *j)
{
    uint64_t size = j->head.checkpoint.size;
    bool good = true;

    for (; good && j->tree.size < j->end; j->taken++)
        good = take_bundle(j);
    if (good && !proof_consistency_holds(&j->path, j->end, merkle_root(&j->tree), size, j->head.checkpoint.root))
        package_fault(j, "the slice is not what the log that the checkpoint signs has at its place");
    if (j->first > 0 && !j->has_before)
        package_fault(j, "entry %" PRIu64 " is missing, which shows where the period begins", j->first - 1);
    if (j->end < size && !j->has_after)
        package_fault(j, "entry %" PRIu64 " is missing, which shows where the period ends", j->end);
    if (j->first > 0 && !j->has_genesis)
        package_fault(j, "entry 0 is missing, which signatures rest on");
}

/* ---- what passkeys said ----------------------------------------------------------------------------------------------- */

static void
asserted_fault(void *ctx, uint64_t entry, uint16_t kind, const char *what)
{
    struct judged *j = ctx;

    if (entry == NO_INDEX)
        package_fault(j, "%s", what);
    else
        package_fault(j, "entry %" PRIu64 " (%s): %s", entry, entry_kind_name(kind), what);
}

static bool
take_assertions(struct judged *j, char *text)
{
    for (char *line = text, *end; *line; line = end + 1) {
        struct err_detail d = { .text = "" };
        struct json_in in;

        end = strchr(line, '\n');
        if (end == NULL || end - line > ASSERTED_LINE_MAX)
            return false;
        in = json_in_open(BYTES(line, (size_t)(end - line)), &d);
        if (in.err == OK)
            asserted_give(j->asserted, &in);
        if (json_in_close(&in) != OK)
            return false;
    }
    return true;
}

static void
take_asserted(struct judged *j)
{
    char name[40], *text;
    size_t len;

    for (uint64_t at = 0;; at += PACKAGE_ASSERTIONS) {
        bool good;

        text_format(name, sizeof name, PACKAGE_ASSERTIONS_NAME, at);
        text = package_read(j, name, PACKAGE_TEXT_MAX, &len);
        if (text == NULL)
            break;
        j->taken++;
        good = strlen(text) == len && take_assertions(j, text);
        free(text);
        if (!good) {
            package_fault(j, "%s is damaged", name);
            break;
        }
    }
    j->by_passkey = asserted_end(j->asserted);
}

/* ---- the report ------------------------------------------------------------------------------------------------------- */

static void
tell(struct judged *j)
{
    char from[TIME_TEXT], to[TIME_TEXT];

    time_text(j->from_ms, from);
    time_text(j->to_ms, to);
    fprintf(j->to, "Journal %s, %s to %s: %" PRIu64 " entries, checkpoint of %" PRIu64 ".\n", j->origin, from, to, j->end - j->first, j->head.checkpoint.size);
    signed_head_tell(&j->head, j->to);
    if (j->faults > 0) {
        fprintf(j->to, "%u faults.\n", j->faults);
        return;
    }
    fprintf(j->to,
            "PROVED: these entries are in the log that the checkpoint signs, and are all of the period%s; %" PRIu64 " signatures by sites', officers' and the log's"
            " own keys, %" PRIu64 " of officers' passkeys and %" PRIu64 " of the server for people verify. report.csv, concentration.csv, moves.csv, signatures.csv, disputes.csv and corrections.csv"
            " follow from them.\n",
            j->end < j->head.checkpoint.size ? "" : " up to the checkpoint", j->signed_well, j->by_passkey, j->on_word);
    if (j->start.there)
        fprintf(j->to, "PROVED: the log goes on from the checkpoint of %" PRIu64 " entries before the period.\n", j->start.checkpoint.size);
    fprintf(j->to,
            "NOT PROVED: names, countries and classes (names.csv), how jobs ended (jobs.csv), what GPUs' time went to (idle.csv), which other checkpoints were cosigned (witnesses.csv); that the"
            " whole journal keeps its rules and its keys were in force (kontor-audit verify); that entries' times are true");
    fputs(".\nNo fault found.\n", j->to);
}

static void
judge(struct judged *j, FILE *archive, const char *policy)
{
    size_t len;
    char *before;

    if (!package_files_open(j, archive) || !read_head(j, "journal/checkpoint", policy, &j->head))
        return;
    text_format(j->origin, sizeof j->origin, "%s", j->head.checkpoint.origin);
    if (j->head.judged && j->head.says != QUORUM_OK)
        package_fault(j, "%.*s", (int)strcspn(quorum_sentence(j->head.says), "."), quorum_sentence(j->head.says));
    if (!read_proof(j))
        return;
    before = package_read(j, "journal/checkpoint-before", NOTE_MAX, &len);
    if (before != NULL)
        check_start(j, policy);
    free(before);
    take_around(j);
    take_slice(j);
    take_asserted(j);
    if (j->faults == 0 && j->taken != j->numbered)
        package_fault(j, "it has files in entries/, around/ or assertions/ that belong to nothing");
    if (j->faults == 0)
        package_tables(j);
    tell(j);
}

static int
run(int folder, FILE *archive, const char *policy, FILE *to)
{
    struct judged *j = xcalloc(1, sizeof *j);
    int status;

    j->folder = folder;
    j->to = to;
    j->known = map_new(32);
    j->asserted = asserted_new(asserted_fault, j);
    period_begin(&j->period);
    report_begin(&j->report);
    judge(j, archive, policy);
    status = j->faults > 0 ? 1 : 0;
    for (size_t i = 0; i < j->n; i++)
        free(j->things[i]);
    free(j->things);
    map_delete(j->known);
    asserted_delete(j->asserted);
    period_end(&j->period);
    report_end(&j->report);
    package_files_close(j);
    free(j);
    return status;
}

int
package_judge(FILE *archive, const char *policy, FILE *to)
{
    return run(-1, archive, policy, to);
}

int
package_check(const char *path, const char *policy, FILE *to)
{
    int folder = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY), fd, status = 3;
    FILE *archive;

    if (folder >= 0)
        return run(folder, NULL, policy, to);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe would let us wait for ever */
    archive = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (archive == NULL) {
        fprintf(stderr, "kontor-audit: %s cannot be read: %s.\n", path, strerror(errno));
        return status;
    }
    status = run(-1, archive, policy, to);
    fclose(archive);
    return status;
}
