/* agent/attest.c
 * The site attests the journal: with its second key it signs a checkpoint once it has replayed every entry up to it, and
 * found that they are those that the log has signed, that each keeps the ledger's rules, and that the signatures in them
 * verify. It withholds that while the journal owes a settlement for a job whose end this site has reported long since, and
 * while it has released the hold of a job that was reported as used: as never permitted, or by letting it expire. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/witness.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/entry_layout.h"
#include "core/tile.h"
#include "crypto/assertion.h"

#define AGAIN_S 60

/* The agent does one thing at a time: entries are replayed for so long, and while there are jobs it rests so many times
 * as long before it goes on, lest tickets wait for it. */
enum { SLICE_US = 2000, RESTS = 4 };

static void
trouble(struct agent *a, const char *why)
{
    char before[300];

    if (spool_attest_trouble(a->spool, before) != OK)
        agent_spool_failed(a);
    if (strcmp(before, why) == 0)
        return;
    if (spool_begin(a->spool) != OK || spool_set_attest_trouble(a->spool, why) != OK || spool_commit(a->spool) != OK)
        agent_spool_failed(a);
    if (why[0])
        log_error(&a->log, "not-attested", LOG_TEXT("why", why));
    else
        log_info(&a->log, "attested-again");
}

static void
drop_said(struct attest *at)
{
    struct attest_said *first = at->said;

    at->said = first->next;
    free(first);
}

void
attest_forget(struct witness *w)
{
    while (w->attest.said)
        drop_said(&w->attest);
    if (w->attest.ledger)
        ledger_delete(w->attest.ledger);
    free(w->attest.goal_note);
    free(w->attest.bundle);
    map_delete(w->attest.released);
    w->attest = (struct attest){ .ledger = NULL };
}

/* ---- the goal ---------------------------------------------------------------------------------------------------- */

/* What has been cosigned and not attested yet. False: nothing. */
static bool
next_goal(struct witness *w)
{
    const struct spool_cosigned *grows = &w->last[WITNESS_GROWS], *rules = &w->last[WITNESS_RULES];
    struct attest *at = &w->attest;

    if (!grows->note || grows->time_s == 0 || (rules->note && rules->time_s > 0 && rules->at.size >= grows->at.size) ||
        at->withheld >= grows->at.size)
        return false;
    if (!at->ledger) {
        at->ledger = ledger_new();
        at->released = map_new_inside(sizeof(struct uuid), offsetof(struct hold, reservation));
        at->known = rules->note && rules->time_s > 0 ? rules->at : (struct witnessed){ .size = 0 };
    }
    at->goal = grows->at;
    at->goal_note = xstrdup(grows->note);
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static void
want_said(struct attest *at, const struct entry *e, const struct authority_slot *slot, const struct key *key, struct bytes signed_bytes)
{
    struct attest_said *s = xcalloc(1, sizeof *s);

    s->entry = e->index;
    memcpy(s->sha256.b, slot->sig, sizeof s->sha256.b);
    s->challenge = sha256(signed_bytes);
    memcpy(s->key, key->entry.u.key.ed25519, sizeof s->key);
    if (!at->said)
        at->said_end = &at->said;
    *at->said_end = s;
    at->said_end = &s->next;
}

/* As the auditor does: class 1 and 3 are Ed25519 by the key that the slot names; what passkeys signed lies beside the journal, and is asked
 * for before the end. */
static bool
signatures_hold(struct attest *at, struct entry *e)
{
    const struct authority *auth = entry_authority(e);
    uint8_t bytes[ENTRY_MAX];
    size_t len;

    if (!auth || auth->slot[0].class == 0)
        return true; /* that it needs none is for the rules to say */
    len = entry_signed_bytes(e, ledger_genesis(at->ledger), bytes);
    for (unsigned i = 0; i < 2; i++) {
        const struct authority_slot *slot = &auth->slot[i];
        const struct key *key = ledger_key(at->ledger, slot->key);

        if (slot->class == 0)
            continue;
        if (slot->class == 2 && key)
            want_said(at, e, slot, key, BYTES(bytes, len));
        else if (!key || sign_verify(key->entry.u.key.ed25519, BYTES(bytes, len), slot->sig) != OK)
            return false;
    }
    return true;
}

/* Before a permit a hold is released on nobody's word, and so it is when its time is over. No rule can tell whether there was
 * a permit, or a report that was to be paid: the site can. A dispute that stood until the officers' time was over has left it
 * to the rule, and what two officers sign ends the matter. */
static void
note_release(struct agent *a, const struct entry *e, bool disputed)
{
    struct attest *at = &a->witness->attest;
    const struct hold *h = ledger_hold(at->ledger, e->kind == RESOLVE ? e->u.resolve.hold : e->u.release.hold);

    if (!h || h->site != a->who.site_index)
        return;
    if (e->kind == RESOLVE)
        map_remove(at->released, h->reservation.b, NULL);
    else if (e->kind == EXPIRE ? !disputed : !entry_report(e) && uuid_is_zero(e->u.release.order))
        map_put(at->released, h->reservation.b, (struct hold *)h, NULL);
}

static bool
expires_in_dispute(const struct ledger *l, const struct entry *e)
{
    const struct hold *h = e->kind == EXPIRE ? ledger_hold(l, e->u.release.hold) : NULL;

    return h && h->disputed;
}

static enum err
apply(struct agent *a, const struct entry *e, const char **rule)
{
    struct attest *at = &a->witness->attest;
    bool disputed = expires_in_dispute(at->ledger, e);
    enum err err = ledger_apply_decoded(at->ledger, e, NULL, rule);

    if (err == OK && (e->kind == VOID || e->kind == EXPIRE || e->kind == RESOLVE))
        note_release(a, e, disputed);
    return err;
}

/* One that breaks a rule ends the replay; the tree goes on to the goal, whose root tells whether the log has signed that
 * entry or the server has made it up. */
static void
take_entry(struct agent *a, struct bytes bytes)
{
    struct attest *at = &a->witness->attest;
    uint64_t index = at->tree.size;
    const char *rule = "it is not an entry of layout version 1";
    struct entry e;

    merkle_append(&at->tree, entry_leaf_hash(bytes));
    if (at->broken[0])
        return;
    if (entry_decode(bytes, &e) == OK && apply(a, &e, &rule) == OK) {
        if (index == 0 && !hash_equal(ledger_genesis(at->ledger), a->who.genesis))
            rule = "it is another journal's beginning";
        else if (index < at->known.size || signatures_hold(at, &e))
            return;
        else
            rule = "a signature in it does not verify";
    }
    text_format(at->broken, sizeof at->broken, "Entry %" PRIu64 " of the journal breaks the rules: %s.", index, rule);
}

/* The server has given other entries than the log has signed. */
static void
other_entries(struct agent *a, uint64_t size)
{
    char why[300];

    text_format(why, sizeof why, "The first %" PRIu64 " entries that the server gives are not those that the log has signed.", size);
    trouble(a, why);
    attest_forget(a->witness);
    pause_lane(a, WIRE_ATTEST, AGAIN_S);
}

/* False: it came to nothing. */
static bool
take_next(struct agent *a, struct wire_in *in)
{
    struct attest *at = &a->witness->attest;
    size_t len = get_u16(in);

    if (in->failed || (size_t)(in->end - in->at) < len || at->index >= at->goal.size) {
        other_entries(a, at->index);
        return false;
    }
    if (at->index == at->tree.size)
        take_entry(a, BYTES(in->at, len));
    at->index++;
    in->at += len;
    if (at->known.size > 0 && at->tree.size == at->known.size && !hash_equal(merkle_root(&at->tree), at->known.root)) {
        other_entries(a, at->known.size);
        return false;
    }
    return true;
}

/* A bundle begins with entries that are known where the last one was not full. */
static void
keep_bundle(struct attest *at, struct bytes bundle)
{
    at->bundle = xmalloc(bundle.len + 1);
    memcpy(at->bundle, bundle.data, bundle.len);
    at->len = bundle.len;
    at->at = 0;
    at->index = at->tree.size / TILE_WIDTH * TILE_WIDTH;
    at->before = at->tree.size;
}

static void
drop_bundle(struct attest *at)
{
    free(at->bundle);
    at->bundle = NULL;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

struct overdue {
    struct agent *a;
    struct uuid paid[64];
    size_t paid_n;
    uint64_t count, number, released;
};

/* The hold is no longer open, and was released on nobody's word: is less paid than the report says, which the server had
 * before the hold's time was over? */
static bool
is_unpaid(const struct overdue *d, const struct spool_owed *o, const struct hold *h)
{
    bool expired = h->resolved_ms >= h->expiry_ms;

    if (!map_get(d->a->witness->attest.released, o->reservation.b) || o->gpu_seconds <= h->gpu_seconds)
        return false;
    return !expired || receipt_in_time(o->receipted_s, h->expiry_ms);
}

static void
look_at_owed(void *with, const struct spool_owed *o)
{
    struct overdue *d = with;
    const struct hold *h = ledger_hold_of(d->a->witness->attest.ledger, o->reservation);
    bool unpaid = h && !h->open && is_unpaid(d, o, h);

    if (h && h->open && h->disputed)
        return; /* officers have the say, until it ends */
    if (h && !h->open && !unpaid) {
        if (d->paid_n < sizeof d->paid / sizeof d->paid[0])
            d->paid[d->paid_n++] = o->reservation;
    } else if (real_now_ms() - o->since_ms > d->a->cfg.overdue_s * 1000) {
        d->number = d->count++ == 0 ? o->number : d->number;
        d->released += unpaid;
    }
}

/* The first report of a job's end that is to be paid and that the server, which answers us otherwise, has not even receipted,
 * for so long; 0: none. */
static uint64_t
unreceipted(struct agent *a)
{
    struct spool_report row;
    enum err err;

    for (uint64_t from = 0; (err = spool_report_from(a->spool, from, &row)) == OK; from = row.number + 1) {
        struct hash genesis;
        struct report r;

        free(row.inventory);
        if (report_parse(BYTES(row.statement, sizeof row.statement), &r, &genesis) == OK && report_is_owed(&r))
            return (clock_now(&a->clock) - r.time_ms) / a->clock.rate > a->cfg.overdue_s * 1000 ? row.number : 0;
    }
    if (err != ERR_NOT_FOUND)
        agent_spool_failed(a);
    return 0;
}

/* Is a settlement missing in the entries replayed that should have been there long since? */
static bool
owes(struct agent *a)
{
    struct overdue d = { .a = a };
    char why[300], more[100] = "";

    if (spool_owed(a->spool, look_at_owed, &d) != OK || spool_begin(a->spool) != OK)
        agent_spool_failed(a);
    for (size_t i = 0; i < d.paid_n; i++)
        if (spool_paid(a->spool, d.paid[i]) != OK)
            agent_spool_failed(a);
    if (spool_commit(a->spool) != OK)
        agent_spool_failed(a);
    if (d.count == 0 && (d.number = unreceipted(a)) == 0)
        return false;
    if (d.count == 0) {
        text_format(why, sizeof why, "The server has not receipted report %" PRIu64 ", of a job that ended over %" PRId64 " s ago.", d.number, a->cfg.overdue_s);
        trouble(a, why);
        return true;
    }
    if (d.released > 0)
        text_format(more, sizeof more, " It has released the hold%s of %" PRIu64 " unpaid: ask the officers.", d.released == 1 ? "" : "s", d.released);
    text_format(why, sizeof why, "The journal owes %" PRIu64 " settlement%s: the first for report %" PRIu64 ", which was receipted over %" PRId64 " s ago.%s",
                d.count, d.count == 1 ? "" : "s", d.number, a->cfg.overdue_s, more);
    trouble(a, why);
    return true;
}

static void
reached(struct agent *a)
{
    struct witness *w = a->witness;
    struct attest *at = &w->attest;
    struct note *n = xcalloc(1, sizeof *n);
    struct checkpoint c;

    if (!hash_equal(merkle_root(&at->tree), at->goal.root)) {
        other_entries(a, at->goal.size);
    } else if (at->broken[0]) {
        at->stopped = true;
        trouble(a, at->broken);
    } else if (owes(a)) {
        at->withheld = at->goal.size;
    } else if (note_parse(BYTES_TEXT(at->goal_note), n) && checkpoint_parse(n->text, &c)) {
        witness_cosign(a, WITNESS_RULES, n, &c);
        trouble(a, "");
    }
    free(n);
    free(at->goal_note);
    at->goal_note = NULL;
}

/* All entries are there: attested at once, or once it is known what passkeys have signed. */
static void
arrived(struct agent *a)
{
    struct attest *at = &a->witness->attest;

    if (!at->said || at->broken[0] || !hash_equal(merkle_root(&at->tree), at->goal.root))
        reached(a);
}

static void
ask_said(struct agent *a)
{
    struct attest *at = &a->witness->attest;
    char path[120], hex[HEX_LEN(32)];
    struct wire_call call = { .path = path, .instance = a->instance, .timeout_ms = 3 * call_timeout_ms(a), .token = agent_token(a) };

    hex_encode(BYTES(at->said->sha256.b, sizeof at->said->sha256.b), hex);
    text_format(path, sizeof path, "/v1/agent/assertions/%s", hex);
    at->asking = true;
    wire_start(a->wire, WIRE_ATTEST, &call);
}

/* The server wrote it with the entry: without it nobody can say whose order it is. It may come back (a restore); what comes in its place, from
 * the server or whoever stands between, says nothing about the journal. */
static void
said_missing(struct agent *a)
{
    char why[300];

    text_format(why, sizeof why, "The server does not give what a passkey signed of entry %" PRIu64 ".", a->witness->attest.said->entry);
    trouble(a, why);
    pause_lane(a, WIRE_ATTEST, AGAIN_S);
}

/* It signs the entry, by the passkey that the journal has: then the next one, or the end. */
static void
take_said(struct agent *a, struct bytes assertion)
{
    struct attest *at = &a->witness->attest;
    const struct attest_said *s = at->said;

    if (!hash_equal(sha256(assertion), s->sha256)) {
        said_missing(a);
        return;
    }
    if (assertion_check_hash(assertion, s->key, NULL, &s->challenge))
        text_format(at->broken, sizeof at->broken, "Entry %" PRIu64 " of the journal breaks the rules: what a passkey is said to have signed of it does not verify.", s->entry);
    drop_said(at);
    arrived(a);
}

/* A slice of the bundle at hand. */
static void
go_on(struct agent *a)
{
    struct attest *at = &a->witness->attest;
    struct wire_in in = { at->bundle + at->at, at->bundle + at->len, false };
    int64_t began_us = monotonic_us(), took_us = 0;
    bool good = true;

    while (good && in.at < in.end && took_us < SLICE_US) {
        good = take_next(a, &in);
        took_us = monotonic_us() - began_us;
    }
    if (good && in.at < in.end) {
        at->at = (size_t)(in.at - at->bundle);
        a->pause[WIRE_ATTEST].until_mono_ms = monotonic_ms() + 1 + (a->jobs_n > 0 ? RESTS * took_us / 1000 : 0);
        return;
    }
    drop_bundle(at);
    if (good && at->tree.size == at->goal.size)
        arrived(a);
    else if (good && at->tree.size == at->before)
        other_entries(a, at->before);
}

void
attest_start(struct agent *a)
{
    struct witness *w = a->witness;
    struct attest *at = &w->attest;
    char path[80];
    struct wire_call call = { .path = path, .instance = a->instance, .timeout_ms = 3 * call_timeout_ms(a) };
    uint64_t n;

    if (!w->introduced)
        return;
    at->telling = witness_tell(a, WITNESS_RULES);
    if (at->telling || w->halted || at->stopped || (!at->goal_note && !next_goal(w)))
        return;
    if (at->bundle) {
        go_on(a);
        return;
    }
    if (at->said && at->tree.size == at->goal.size) {
        ask_said(a);
        return;
    }
    n = at->tree.size / TILE_WIDTH;
    text_format(path, sizeof path, "/v1/agent/entries?bundle=%" PRIu64 "&width=%u", n, tile_width(TILE_ENTRIES, n, at->goal.size));
    call.token = agent_token(a);
    wire_start(a->wire, WIRE_ATTEST, &call);
}

void
attest_reply(struct agent *a, const struct wire_reply *r)
{
    struct attest *at = &a->witness->attest;
    bool asked = at->asking;
    char code[48];

    at->asking = false;
    if (at->telling) {
        witness_told(a, WITNESS_RULES, r);
        return;
    }
    asked = asked && at->said; /* else it was forgotten meanwhile */
    if (asked && r->status == 404) {
        said_missing(a);
        return;
    }
    if (r->status != 200) {
        if (!call_failed(a, "entries-not-read", r, code, sizeof code))
            pause_lane(a, WIRE_ATTEST, r->status == 403 || r->status == 404 ? AGAIN_S : r->retry_after_s);
        return;
    }
    resume_lane(a, WIRE_ATTEST);
    if (!at->goal_note || a->witness->halted) /* what was refused meanwhile is an operator's matter first */
        return;
    if (asked) {
        take_said(a, BYTES(r->body, r->len));
        return;
    }
    keep_bundle(at, BYTES(r->body, r->len));
    go_on(a);
}
