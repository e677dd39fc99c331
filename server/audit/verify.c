/* audit/verify.c */
#include "audit/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "audit/balances.h"
#include "audit/holds.h"
#include "audit/keep.h"
#include "audit/leaves.h"
#include "audit/log_keys.h"
#include "base/arena.h"
#include "core/ledger.h"

enum { MEMORY_LIMIT = 56 << 20 }; /* bytes of the process, from which on what can lie in a file has to */

struct verifying {
    struct audit *a;
    struct source source;
    struct ledger *l;
    struct leaves leaves;
    struct known_root known[3];
    char *note;                   /* the checkpoint's; NULL if there is none */
    size_t note_len;
    struct head_text resumed;     /* what an audit before had verified, signatures included */
    uint64_t saved;               /* of this one's: the size that is in the file */
    struct err_detail *detail;
    enum err err;                 /* of the file */
};

static void
hash_text(struct hash h, char ret[17])
{
    hex_encode(BYTES(h.b, 8), ret);
}

static void
know_root(struct verifying *v, uint64_t size, struct hash root, const char *what)
{
    if (size > 0)
        v->known[v->leaves.n_known++] = (struct known_root){ size, root, what };
}

/* ---- what is said about the leaves --------------------------------------------------------------------------------- */

static void
check_head(struct verifying *v)
{
    struct audit *a = v->a;
    struct hash root = merkle_root(&v->leaves.tree);
    char have[17], want[17];

    if (v->leaves.tree.size != a->head.size)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the head says %" PRIu64 " entries, %" PRIu64 " could be read", a->head.size, v->leaves.tree.size);
    else if (!hash_equal(root, a->head.root)) {
        hash_text(root, have);
        hash_text(a->head.root, want);
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the leaves' root is %s…, the head has %s…", have, want);
    }
    if (v->leaves.origin[0] != '\0' && strcmp(v->leaves.origin, a->head.origin) != 0)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the head's origin is %s, entry 0's is %s", a->head.origin, v->leaves.origin);
    if (v->leaves.stopped)
        return;
    if (!ledger_group_whole(v->l))
        findings_add(&a->found, ledger_size(v->l) - 1, ENTRY_KINDS, "the journal ends in the middle of a group");
    if (v->source.remote != NULL)
        a->head.time_ms = ledger_time(v->l); /* a checkpoint has no time */
    if (a->head.time_ms < ledger_time(v->l))
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the head's time is before its last entry's");
}

static void
check_conservation(struct verifying *v)
{
    const char *broken = ledger_conserved(v->l);
    const struct account *a;
    const struct hold *h;

    if (broken != NULL)
        findings_add(&v->a->found, NO_INDEX, ENTRY_KINDS, "credits are not conserved: %s", broken);
    for (size_t it = 0; (a = ledger_next_account(v->l, &it)) != NULL;) {
        v->a->accounts++;
        if (a->class == ACCOUNT_MINT)
            v->a->minted = a->posted_debits - a->posted_credits;
    }
    for (size_t it = 0; (h = ledger_next_hold(v->l, &it)) != NULL;) {
        v->a->holds_open += h->open;
        v->a->held += hold_left(h);
    }
}

/* ---- what was seen before ------------------------------------------------------------------------------------------ */

static enum err
read_remembered(struct verifying *v, struct err_detail *d)
{
    struct audit *a = v->a;
    struct head_text before;
    enum err err = keep_head_read(a->remember, &before, d);

    if (err != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    a->remembered = before.size;
    if (strcmp(before.origin, a->head.origin) != 0)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the audit before was of another origin, %s", before.origin);
    if (before.size > a->head.size)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the audit before saw %" PRIu64 " entries: the journal was rolled back", before.size);
    know_root(v, before.size, before.root, "of the audit before");
    return OK;
}

/* Where an audit that was stopped had come to. Its signatures need not be verified again if the log begins with the very
 * same entries, which their root tells. */
static enum err
read_resumed(struct verifying *v, struct err_detail *d)
{
    struct audit *a = v->a;
    enum err err = keep_progress_read(a->resume, &v->resumed, d);

    if (err != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    if (strcmp(v->resumed.origin, a->head.origin) != 0)
        return err_say(d, ERR_IO, "%s is of another journal, %s.", a->resume, v->resumed.origin);
    if (v->resumed.size > a->head.size)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "%s has verified %" PRIu64 " entries: the journal was rolled back", a->resume, v->resumed.size);
    know_root(v, v->resumed.size, v->resumed.root, "that were verified before");
    v->leaves.verified = a->resumed = v->resumed.size;
    return OK;
}

/* So many entries are without fault: into the file, now and then, and at the end. */
static void
keep_progress(void *ctx, uint64_t size, struct hash root)
{
    struct verifying *v = ctx;
    struct head_text at = v->a->head;

    if (v->err != OK || size <= v->resumed.size || (size < v->a->head.size && size - v->saved < RESUME_EVERY))
        return;
    at.size = size;
    at.root = root;
    at.time_ms = 0;
    v->err = keep_progress_write(v->a->resume, &at, v->detail);
    v->saved = size;
}

/* ---- the checkpoint ---------------------------------------------------------------------------------------------- */

/* Read before the leaves, so that the tree's root can be compared when it has the checkpoint's size. */
static void
read_checkpoint(struct verifying *v)
{
    struct audit *a = v->a;
    struct signed_head *c = &a->checkpoint;
    struct err_detail d = { .text = "" };

    if (v->note == NULL && a->policy != NULL)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "there is no signed checkpoint in the export");
    if (v->note != NULL && signed_head_read(BYTES(v->note, v->note_len), a->policy, c, &d) != OK) {
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "checkpoint: %s", d.text);
        c->there = false;
    }
    if (!c->there) {
        free(v->note);
        v->note = NULL;
        return;
    }
    if (strcmp(c->checkpoint.origin, a->head.origin) != 0)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the checkpoint is of another origin, %s", c->checkpoint.origin);
    if (c->checkpoint.size > a->head.size)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "%" PRIu64 " entries were signed: the journal was rolled back", c->checkpoint.size);
    if (c->judged && c->says != QUORUM_OK)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "checkpoint: %s", quorum_sentence(c->says));
    know_root(v, c->checkpoint.size, c->checkpoint.root, "that were signed");
}

/* After the replay: was the checkpoint signed by the key that the entries hold in force at its size? */
static void
check_log_key(struct verifying *v)
{
    struct audit *a = v->a;
    uint64_t size = a->checkpoint.checkpoint.size;
    struct log_keys_result r;
    enum log_keys_says says;

    if (v->note == NULL || size > ledger_size(v->l))
        return;
    says = log_keys_judge(v->l, a->head.origin, size, BYTES(v->note, v->note_len), &r);
    a->log_key = r.in_force;
    a->log_key_signed = says == LOG_KEYS_GOOD;
    if (says == LOG_KEYS_GOOD && a->checkpoint.judged && a->checkpoint.says == QUORUM_UNKNOWN_LOG) {
        a->log_key_of_policy = log_keys_of_policy(v->l, a->head.origin, a->policy);
        vkey_text(&r.vkey, a->log_vkey);
    }
    if (says == LOG_KEYS_OLD)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the checkpoint is signed by the log's key of entry %" PRIu64 ", which is not in force for %" PRIu64 " entries",
                     r.signer, size);
    else if (says == LOG_KEYS_MISSING)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the checkpoint is not signed by the log's key that the entries hold in force");
}

/* The older journal, audited for itself: is it the one that entry 0 names? */
static void
check_older(struct verifying *v)
{
    struct audit *a = v->a, *older;
    struct err_detail d = { .text = "" };

    if (a->follows == NULL)
        return;
    older = xcalloc(1, sizeof *older);
    older->dir = a->follows;
    older->threads = a->threads;
    older->scratch = a->scratch;
    if (audit_verify(older, &d) != OK)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the older journal cannot be judged: %s", d.text);
    else if (older->found.n > 0)
        findings_add(&a->found, NO_INDEX, ENTRY_KINDS, "the older journal, %s, has faults itself: %s", older->head.origin, audit_first(older)->what);
    else if (a->old_size == 0)
        findings_add(&a->found, 0, GENESIS, "it does not say that it follows an older journal");
    else if (older->head.size != a->old_size || !hash_equal(older->head.root, a->old_root))
        findings_add(&a->found, 0, GENESIS, "the older journal that it names has %" PRIu64 " entries and another head than %s, which has %" PRIu64,
                     a->old_size, older->head.origin, older->head.size);
    else
        memcpy(a->old_origin, older->head.origin, sizeof a->old_origin);
    free(older);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* Whoever hides a part of an export must not be told that all is well. balances.csv was in the very first ones: without it
 * there is a fault. */
static void
find_parts(struct verifying *v)
{
    static const struct audit_part PARTS[] = {
        { "holds.csv", "what reservations say of their holds and payments" },
        { "assertions.jsonl", "what people signed with passkeys" },
        { "checkpoints.jsonl", "by when witnesses had seen the entries" },
    };
    struct audit *a = v->a;
    FILE *f;

    for (size_t i = 0; v->source.remote == NULL && i < sizeof PARTS / sizeof PARTS[0]; i++) {
        f = source_open_in(&v->source, PARTS[i].name);
        if (f != NULL)
            fclose(f);
        else if (errno == ENOENT)
            a->missing[a->n_missing++] = &PARTS[i];
    }
}

/* Once: a server may have signed another one by the next time. */
static void
read_note(struct verifying *v)
{
    v->note = xmalloc(NOTE_MAX + 2);
    if (source_read(&v->source, "checkpoint", v->note, NOTE_MAX, &v->note_len))
        return;
    free(v->note);
    v->note = NULL;
}

/* Of a log that is served: what its checkpoint says. */
static enum err
head_of_note(struct verifying *v, struct err_detail *d)
{
    struct signed_head signed_head;
    struct err_detail why = { .text = "" };

    if (v->note == NULL)
        return source_trouble(&v->source, d) != OK ? ERR_IO : err_say(d, ERR_NOT_FOUND, "%s/checkpoint is not there: no log is served, or nothing is signed yet.", v->source.dir);
    if (signed_head_read(BYTES(v->note, v->note_len), NULL, &signed_head, &why) != OK ||
        strlen(signed_head.checkpoint.origin) >= sizeof v->a->head.origin)
        return err_say(d, ERR_IO, "%s/checkpoint: %s", v->source.dir, why.text[0] != '\0' ? why.text : "It is no journal's of ours.");
    v->a->head = (struct head_text){ .size = signed_head.checkpoint.size, .root = signed_head.checkpoint.root };
    memcpy(v->a->head.origin, signed_head.checkpoint.origin, strlen(signed_head.checkpoint.origin) + 1);
    return OK;
}

static enum err
read_head(struct verifying *v, struct err_detail *d)
{
    char text[HEAD_TEXT_MAX + 2];
    size_t len;

    if (v->source.remote != NULL)
        return head_of_note(v, d);
    if (!source_read(&v->source, "head", text, HEAD_TEXT_MAX, &len))
        return err_say(d, ERR_NOT_FOUND, "%s has no head: there is no whole export in it.", v->source.dir);
    if (len > HEAD_TEXT_MAX || strlen(text) != len || !head_text_parse(text, &v->a->head))
        return err_say(d, ERR_IO, "%s/head is not the head of an export.", v->source.dir);
    return OK;
}

static void
audit_leaves(struct verifying *v)
{
    struct audit *a = v->a;
    struct leaves *l = &v->leaves;

    l->source = &v->source;
    l->ledger = v->l;
    l->size = a->head.size;
    l->threads = a->threads;
    l->known = v->known;
    l->wants_roots = a->resume != NULL;
    l->progress = a->progress;
    l->kept = keep_progress;
    l->progress_ctx = a->ctx;
    l->kept_ctx = v;
    l->found = &a->found;
    leaves_audit(l);
    a->simulation = l->simulation;
    a->old_size = l->old_size;
    a->old_root = l->old_root;
    a->entries = l->entries;
    a->rollbacks = l->rollbacks;
    if (!l->stopped)
        a->rollback = ledger_rollback(l->ledger, &a->rollback_to, &a->rollback_ms);
    if (!l->stopped)
        a->policy_said = ledger_witnesses(l->ledger);
    if (!l->stopped)
        a->rule = ledger_order_rule(l->ledger, ledger_time(l->ledger));
    memcpy(a->kinds, l->kinds, sizeof a->kinds);
    a->count = l->count;
    a->replayed = !l->stopped && l->tree.size == a->head.size;
}

static enum err
verify(struct verifying *v, struct err_detail *d)
{
    struct audit *a = v->a;
    enum err err;

    read_note(v);
    err = read_head(v, d);
    if (err == OK)
        err = read_remembered(v, d);
    if (err == OK)
        err = read_resumed(v, d);
    if (err == OK && audit_evidence_new(&v->source, &a->found, &v->leaves.evidence) != OK)
        err = err_say(d, ERR_IO, "%s: evidence.jsonl or assertions.jsonl cannot be read.", v->source.dir);
    if (err == OK && a->receipts != NULL)
        err = receipted_new(a->receipts, &v->leaves.receipted, d);
    if (err != OK)
        return err;
    find_parts(v);
    read_checkpoint(v);
    v->leaves.times = times_new(&v->source, &a->head, a->policy, BYTES(v->note, v->note != NULL ? v->note_len : 0), a->times, &a->found);
    audit_leaves(v);
    check_head(v);
    if (a->replayed) {
        check_conservation(v);
        if (v->source.remote == NULL)
            a->balances = balances_check(&v->source, v->l, &a->found);
        a->holds = holds_check(&v->source, v->l, v->leaves.rest, &a->found);
        audit_evidence_end(v->leaves.evidence, &a->evidence);
        if (v->leaves.receipted != NULL)
            receipted_end(v->leaves.receipted, v->l, a->head.origin, a->head.time_ms, &a->found, &a->receipted);
        times_end(v->leaves.times, a->simulation, &a->found, &a->seen);
        check_log_key(v);
    }
    if (source_trouble(&v->source, d) != OK)
        return ERR_IO; /* what could not be had is no fault of the log's */
    check_older(v);
    if (a->replayed && a->found.n == 0 && a->judged != NULL)
        a->judged(a->ctx, v->l);
    if (v->err != OK)
        return v->err;
    return a->found.n == 0 ? keep_head_write(a->remember, &a->head, d) : OK;
}

enum err
audit_verify(struct audit *a, struct err_detail *d)
{
    struct verifying *v = xcalloc(1, sizeof *v);
    struct memory memory;
    enum err err;

    v->a = a;
    a->log_key = a->log_key_of_policy = NO_INDEX;
    a->policy_said.entry = a->rule.policy = NO_INDEX;
    v->detail = d;
    v->source.dir = a->dir;
    if (a->scratch != NULL) {
        v->leaves.rest = spill_new(a->scratch, MEMORY_LIMIT);
        memory = spill_memory(v->leaves.rest);
    }
    v->l = a->scratch != NULL ? ledger_new_in(&memory) : ledger_new();
    err = source_is_url(a->dir) ? source_connect(&v->source, a->threads, a->ca_file != NULL ? a->ca_file : "", a->headers, d) : OK;
    a->remote = v->source.remote != NULL;
    if (err == OK)
        err = verify(v, d);
    source_disconnect(&v->source);
    ledger_delete(v->l);
    audit_evidence_delete(v->leaves.evidence);
    times_delete(v->leaves.times);
    receipted_delete(v->leaves.receipted);
    spill_delete(v->leaves.rest);
    free(v->note);
    free(v);
    return err;
}

bool
audit_clean(const struct audit *a)
{
    return a->found.n == 0 && a->n_missing == 0 && a->evidence.unserved == 0;
}

const struct finding *
audit_first(const struct audit *a)
{
    size_t kept = a->found.n < FINDINGS_MAX ? a->found.n : FINDINGS_MAX;
    const struct finding *first = NULL;

    for (size_t i = 0; i < kept; i++)
        if (first == NULL || a->found.kept[i].leaf < first->leaf)
            first = &a->found.kept[i];
    return first;
}
