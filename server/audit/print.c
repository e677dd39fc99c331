/* audit/print.c: the report, for people and for programs. */
#include <inttypes.h>

#include "audit/print.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define GPUMS_PER_CREDIT 3600000

static void
where(const struct finding *f, char ret[64])
{
    if (f->leaf == NO_INDEX)
        text_format(ret, 64, "journal");
    else if (f->kind < ENTRY_KINDS)
        text_format(ret, 64, "leaf %" PRIu64 " (%s)", f->leaf, entry_kind_name(f->kind));
    else
        text_format(ret, 64, "leaf %" PRIu64, f->leaf);
}

void
audit_credits(int64_t gpums, char ret[40])
{
    text_format(ret, 40, "%" PRId64 ".%03d", gpums / GPUMS_PER_CREDIT, (int)(gpums % GPUMS_PER_CREDIT / (GPUMS_PER_CREDIT / 1000)));
}

static void
print_checkpoint(const struct audit *a, FILE *to)
{
    const struct signed_head *c = &a->checkpoint;

    if (!c->there) {
        fputs("The export has no checkpoint: nothing that was signed says that these are all its entries.\n", to);
        return;
    }
    fprintf(to, "A checkpoint of %" PRIu64 " entries was signed. ", c->checkpoint.size);
    signed_head_tell(c, to);
    if (c->checkpoint.size < a->head.size)
        fprintf(to, "Nothing that was signed says so of the %" PRIu64 " entries after it yet.\n", a->head.size - c->checkpoint.size);
    if (a->log_key_signed)
        fprintf(to, "Its log's key is the one that entry %" PRIu64 " announces.\n", a->log_key);
    if (a->log_key_of_policy != NO_INDEX)
        fprintf(to,
                "  The policy that was given has the log's key of entry %" PRIu64 ", which was in force before. Each key since then was signed for by the one"
                " before it.\n  If nobody else had the older ones, that is the same log. The policy's line is now:\n  log %s\n",
                a->log_key_of_policy, a->log_vkey);
}

/* Is the policy that was given the one that the journal names? By its bytes. */
static bool
is_policy_said(const struct audit *a)
{
    return a->policy != NULL && a->policy_said.entry != NO_INDEX && hash_equal(sha256(BYTES_TEXT(a->policy)), a->policy_said.policy);
}

static void
print_policy(const struct audit *a, FILE *to)
{
    char at[TIME_TEXT], hash[HEX_LEN(32)];

    if (a->policy_said.entry == NO_INDEX) {
        if (a->policy != NULL && a->replayed)
            fputs("The journal says nothing of a policy of witnesses: whether the one that was given is its operator's, it cannot tell.\n", to);
        return;
    }
    time_text(a->policy_said.time_ms, at);
    hex_encode(BYTES(a->policy_said.policy.b, 32), hash);
    if (hash_equal(a->policy_said.policy, sha256(BYTES_TEXT(""))))
        fprintf(to, "Since entry %" PRIu64 ", %s, no policy of its operator asks for witnesses.\n", a->policy_said.entry, at);
    else
        fprintf(to, "Its operator's policy of witnesses is the one with SHA-256 %s, since entry %" PRIu64 ", %s.\n", hash, a->policy_said.entry, at);
    if (a->policy != NULL)
        fputs(is_policy_said(a) ? "That is the policy that was given.\n" : "Byte for byte, the policy that was given is another.\n", to);
}

/* By which people sign, and since when none has stood on the server's word. */
static void
print_rule(const struct audit *a, FILE *to)
{
    static const char *const WAYS[] = { "people's own keys", "passkeys", "the operator's word" };
    char alone[40], ways[80] = "";
    const char *between = "";

    if (a->rule.policy == NO_INDEX)
        return;
    for (uint8_t i = 0; i < 3; i++)
        if (order_class_allowed(a->rule, i + 1)) {
            text_format(ways + strlen(ways), sizeof ways - strlen(ways), "%s%s", between, WAYS[i]);
            between = ", ";
        }
    fprintf(to, "The rule of orders, entry %" PRIu64 ": by %s", a->rule.policy, ways);
    if (a->rule.alone_gpums > 0) {
        audit_credits(a->rule.alone_gpums, alone);
        fprintf(to, "; above %s credits by two", alone);
    }
    if (order_class_allowed(a->rule, 3))
        fputs(".\n", to);
    else if (a->count.ruled_word == 0)
        fputs(". No order that it rules stands on the operator's word.\n", to);
    else
        fprintf(to, ". No order that it rules stands on the operator's word since entry %" PRIu64 ".\n", a->count.ruled_word);
}

static void
print_evidence(const struct audit *a, FILE *to)
{
    const struct evidence_sums *s = &a->evidence;
    char at[TIME_TEXT];

    if (s->assertions > 0)
        fprintf(to, "Signatures by passkey verified: %" PRIu64 " of officers on orders, each by its assertion.\n", s->assertions);
    if (s->unserved > 0)
        fprintf(to, "NOT CHECKED: %" PRIu64 " signatures by passkey; what they rest on is not served here, but in each export.\n", s->unserved);
    if (!s->there)
        return;
    fprintf(to, "Reasons in words: %" PRIu64 " are there and are those committed to, %" PRIu64 " were erased.\n", s->kept, s->erased);
    for (size_t i = 0; i < s->last_n; i++) {
        time_text(s->last[i].time_ms, at);
        fprintf(to, "  of entry %" PRIu64 ": erased on %s (entry %" PRIu64 ")\n", s->last[i].entry, at, s->last[i].notice);
    }
    if (s->erased > s->last_n)
        fputs("  … and earlier ones\n", to);
}

static void
length_text(int64_t ms, char ret[40])
{
    int64_t s = ms > 0 ? (ms + 999) / 1000 : 0;

    text_format(ret, 40, "%" PRId64 ":%02d:%02d hours", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
}

static void
print_at(const struct times_at *at, const char *what, FILE *to)
{
    char time[TIME_TEXT], seen[TIME_TEXT];

    time_text(at->time_ms, time);
    time_text(at->seen_ms, seen);
    fprintf(to, "%s entry %" PRIu64 " (%s): it says %s, %s had cosigned it at %s.\n", what, at->entry, entry_kind_name(at->kind), time, at->witness, seen);
}

static void
print_times(const struct audit *a, FILE *to)
{
    const struct times_sums *s = &a->seen;
    char length[40];

    if (!s->judged) {
        fprintf(to, "Times are the operator's word: %s.\n", a->simulation ? "a simulation's clock runs on its own, and is not compared with witnesses'" :
                !a->checkpoint.judged ? "they are compared with witnesses' clocks only under a --policy that names witnesses" :
                "no witness of the policy has cosigned any of the entries");
        return;
    }
    fprintf(to, "Times: enough witnesses have cosigned %" PRIu64 " of %" PRIu64 " entries, by %" PRIu64 " cosignatures of %" PRIu64 " checkpoints.\n", s->seen, a->entries,
            s->cosignatures, s->checkpoints);
    if (!s->there)
        fputs("  Only the newest checkpoint is at hand: how long before it an entry was written, nothing here says.\n", to);
    if (s->recent.entry != NO_INDEX) {
        length_text(s->recent.seen_ms - s->recent.time_ms, length);
        fprintf(to, "  In the last week before the newest cosignature each of them was there at most %s after its own time.\n", length);
    }
    if (s->late > 0) {
        fprintf(to, "NOTE %" PRIu64 " entries were first seen over %" PRId64 " s after the time that they bear: they may have been written so much later (or witnesses were away).\n",
                s->late, a->times.late_s);
        print_at(&s->late_at, "  The worst is", to);
    }
    if (s->behind > 0) {
        fprintf(to, "NOTE %" PRIu64 " entries bear a time that is later than one witness's cosignature of them, though not enough witnesses' to contradict it: its clock is wrong.\n",
                s->behind);
        print_at(&s->behind_at, "  The worst is", to);
    }
}

static void
print_receipted(const struct receipted_sums *s, FILE *to)
{
    if (!s->there)
        return;
    fprintf(to, "A site's receipts: %" PRIu64 " ends of jobs with some use; of %" PRIu64 " the hold was paid from, or released by officers or on the site's own word, %" PRIu64
            " are in dispute, %" PRIu64 " came after the hold's expiry.\n", s->ends, s->paid, s->disputed, s->too_late);
    if (s->waiting > 0)
        fprintf(to, "NOTE %" PRIu64 " receipted over an hour before the head's time are not settled; the first is on HOLD %" PRIu64 ".\n", s->waiting, s->first_waiting);
    if (s->unknown > 0)
        fprintf(to, "NOTE %" PRIu64 " are on reservations that no HOLD of this site names: the journal is older than they are, or another.\n", s->unknown);
    if (s->unusable > 0)
        fprintf(to, "NOTE %" PRIu64 " lines say nothing: they are none, of another journal, or not signed by the site and the server.\n", s->unusable);
}

void
audit_print(const struct audit *a, FILE *to)
{
    size_t kept = a->found.n < FINDINGS_MAX ? a->found.n : FINDINGS_MAX;
    const struct finding *first = audit_first(a);
    char root[HEX_LEN(32)], at[TIME_TEXT], place[64], minted[40], held[40];

    hex_encode(BYTES(a->head.root.b, 32), root);
    time_text(a->head.time_ms, at);
    fprintf(to, "Journal %s%s: %" PRIu64 " entries, until %s\nRoot %s\n", a->head.origin, a->simulation ? " (a simulation)" : "",
            a->head.size, at, root);
    if (a->old_size > 0) {
        hex_encode(BYTES(a->old_root.b, 32), root);
        fprintf(to, "It follows an older journal%s%s of %" PRIu64 " entries, root %s%s.\n", a->old_origin[0] ? ", " : "", a->old_origin,
                a->old_size, root, a->old_origin[0] ? ", which was audited and is that one" : "; --follows names its export");
    }
    if (a->rollbacks > 0) {
        time_text(a->rollback_ms, at);
        fprintf(to, "%" PRIu64 " rollback%s admitted: what witnesses had seen of it was lost, and the operator says so; the newest in entry %" PRIu64 ", to %" PRIu64
                    " entries, at %s.\n",
                a->rollbacks, a->rollbacks == 1 ? " was" : "s were", a->rollback, a->rollback_to, at);
    }
    if (a->remembered > 0)
        fprintf(to, "The audit before saw the first %" PRIu64 " of them.\n", a->remembered);
    print_checkpoint(a, to);
    print_policy(a, to);
    fprintf(to, "Replayed %" PRIu64 " entries by the ledger's rules%s.\n", a->entries, a->replayed ? "" : ", not to the end");
    fprintf(to, "Signatures verified: %" PRIu64 " of sites on reports, %" PRIu64 " of officers on orders, %" PRIu64 " of the log's keys on their changes.\n",
            a->count.by_site, a->count.by_officer, a->count.by_log);
    if (a->resumed > 0)
        fprintf(to, "Those of the first %" PRIu64 " entries were verified by an audit before, and are not verified again.\n", a->resumed);
    fprintf(to, "On the operator's word: %" PRIu64 " orders of signed-in people, vouched for by the server's key alone.\n", a->count.by_server);
    print_rule(a, to);
    print_evidence(a, to);
    if (a->replayed)
        print_times(a, to);
    print_receipted(&a->receipted, to);
    if (a->replayed) {
        audit_credits(a->minted, minted);
        audit_credits(a->held, held);
        fprintf(to, "%s credits in all accounts, %s of them in %" PRIu64 " open hold%s; %" PRIu64 " of %" PRIu64 " balances and %" PRIu64 " reservations compared.\n",
                minted, held, a->holds_open, a->holds_open == 1 ? "" : "s", a->balances, a->accounts, a->holds);
    }
    for (size_t i = 0; i < kept; i++) {
        where(&a->found.kept[i], place);
        fprintf(to, "FAULT %s: %s\n", place, a->found.kept[i].what);
    }
    if (a->found.n > kept)
        fprintf(to, "… and %zu more faults\n", a->found.n - kept);
    if (a->remote)
        fputs("Not compared: balances and reservations, which only an export has.\n", to);
    for (size_t i = 0; i < a->n_missing; i++)
        fprintf(to, "INCOMPLETE: %s is missing, which each export has: %s was not compared.\n", a->missing[i]->name, a->missing[i]->what);
    if (first == NULL && a->evidence.unserved > 0)
        fputs("No fault found in what is served, and signatures were not checked: ask for an export.\n", to);
    else if (first == NULL)
        fputs(a->n_missing > 0 ? "No fault found in what is there, which is not a whole export: ask for one.\n" : "No fault found.\n", to);
    else if (first->leaf != NO_INDEX) {
        where(first, place);
        fprintf(to, "The first wrong leaf is %s.\n", place);
    } else
        fputs("No single leaf is at fault.\n", to);
}

static void
json_finding(struct json_out *out, const char *name, const struct finding *f)
{
    json_open(out, name);
    if (f->leaf == NO_INDEX)
        json_text(out, "leaf", NULL);
    else
        json_i64(out, "leaf", (int64_t)f->leaf);
    if (f->kind < ENTRY_KINDS)
        json_text(out, "kind", entry_kind_name(f->kind));
    else
        json_text(out, "kind", NULL);
    json_text(out, "what", f->what);
    json_shut(out);
}

void
audit_json_checkpoint(struct json_out *out, const struct signed_head *c)
{
    if (!c->there) {
        json_none(out, "checkpoint");
        return;
    }
    json_open(out, "checkpoint");
    json_i64(out, "size", (int64_t)c->checkpoint.size);
    json_hex(out, "root", BYTES(c->checkpoint.root.b, 32));
    json_bool(out, "judged", c->judged);
    json_bool(out, "good", c->judged && c->says == QUORUM_OK);
    json_i64(out, "cosigned", c->cosigned);
    json_i64(out, "witnesses", c->witnesses);
    json_text(out, "asked", c->judged ? c->rule : NULL);
    json_bool(out, "names_log", c->names_log);
    json_shut(out);
}

static void
json_at(struct json_out *out, const char *name, const struct times_at *at)
{
    if (at->entry == NO_INDEX || at->witness[0] == '\0') {
        json_none(out, name);
        return;
    }
    json_open(out, name);
    json_i64(out, "entry", (int64_t)at->entry);
    json_time(out, "time", at->time_ms);
    json_time(out, "cosigned", at->seen_ms);
    json_text(out, "witness", at->witness);
    json_shut(out);
}

static void
json_times(struct json_out *out, const struct audit *a)
{
    const struct times_sums *s = &a->seen;

    json_open(out, "times");
    json_bool(out, "judged", s->judged);
    json_bool(out, "checkpoints_there", s->there);
    json_i64(out, "checkpoints", (int64_t)s->checkpoints);
    json_i64(out, "cosignatures", (int64_t)s->cosignatures);
    json_i64(out, "seen", s->judged ? (int64_t)s->seen : 0);
    json_i64(out, "late_s", a->times.late_s);
    json_i64(out, "clocks_s", a->times.clocks_s);
    json_i64(out, "late", s->judged ? (int64_t)s->late : 0);
    json_i64(out, "ahead", s->judged ? (int64_t)s->ahead : 0);
    json_i64(out, "witness_behind", s->judged ? (int64_t)s->behind : 0);
    json_at(out, "longest_of_last_week", &s->recent);
    json_at(out, "latest", &s->late_at);
    json_at(out, "worst_witness_behind", &s->behind_at);
    json_shut(out);
}

static void
json_receipted(struct json_out *out, const struct receipted_sums *s)
{
    json_open(out, "receipts");
    json_bool(out, "there", s->there);
    json_i64(out, "ends", (int64_t)s->ends);
    json_i64(out, "paid_or_released", (int64_t)s->paid);
    json_i64(out, "disputed", (int64_t)s->disputed);
    json_i64(out, "too_late", (int64_t)s->too_late);
    json_i64(out, "waiting", (int64_t)s->waiting);
    json_i64(out, "unknown", (int64_t)s->unknown);
    json_i64(out, "unusable", (int64_t)s->unusable);
    json_shut(out);
}

static void
json_policy(struct json_out *out, const struct audit *a)
{
    if (a->policy_said.entry != NO_INDEX) {
        json_open(out, "policy_said");
        json_hex(out, "sha256", BYTES(a->policy_said.policy.b, 32));
        json_i64(out, "entry", (int64_t)a->policy_said.entry);
        json_time(out, "time", a->policy_said.time_ms);
        json_shut(out);
    } else
        json_none(out, "policy_said");
    if (a->policy == NULL || a->policy_said.entry == NO_INDEX)
        json_none(out, "policy_given_is_the_one_said");
    else
        json_bool(out, "policy_given_is_the_one_said", is_policy_said(a));
}

void
audit_print_json(const struct audit *a, FILE *to)
{
    struct json_out out = { .fresh = true };
    size_t kept = a->found.n < FINDINGS_MAX ? a->found.n : FINDINGS_MAX;

    json_open(&out, NULL);
    json_bool(&out, "clean", audit_clean(a));
    json_bool(&out, "complete", a->n_missing == 0);
    json_open_array(&out, "missing");
    for (size_t i = 0; i < a->n_missing; i++)
        json_text(&out, NULL, a->missing[i]->name);
    json_shut_array(&out);
    json_text(&out, "origin", a->head.origin);
    json_bool(&out, "simulation", a->simulation);
    json_i64(&out, "size", (int64_t)a->head.size);
    json_hex(&out, "root", BYTES(a->head.root.b, 32));
    json_time(&out, "until", a->head.time_ms);
    if (a->old_size > 0) {
        json_open(&out, "follows");
        json_i64(&out, "size", (int64_t)a->old_size);
        json_hex(&out, "root", BYTES(a->old_root.b, 32));
        json_text(&out, "origin", a->old_origin[0] ? a->old_origin : NULL);
        json_shut(&out);
    } else
        json_none(&out, "follows");
    json_i64(&out, "rollbacks_admitted", (int64_t)a->rollbacks);
    if (a->rollbacks > 0) {
        json_open(&out, "newest_rollback");
        json_i64(&out, "entry", (int64_t)a->rollback);
        json_i64(&out, "rollback_to", (int64_t)a->rollback_to);
        json_time(&out, "time", a->rollback_ms);
        json_shut(&out);
    } else
        json_none(&out, "newest_rollback");
    audit_json_checkpoint(&out, &a->checkpoint);
    json_policy(&out, a);
    if (a->log_key == NO_INDEX)
        json_none(&out, "log_key");
    else
        json_i64(&out, "log_key", (int64_t)a->log_key);
    json_bool(&out, "log_key_signed", a->log_key_signed);
    json_i64(&out, "replayed", (int64_t)a->entries);
    json_bool(&out, "whole", a->replayed);
    json_open(&out, "entries");
    for (uint16_t k = 0; k < ENTRY_KINDS; k++)
        json_i64(&out, entry_kind_name(k), (int64_t)a->kinds[k]);
    json_shut(&out);
    json_open(&out, "signatures");
    json_i64(&out, "by_site", (int64_t)a->count.by_site);
    json_i64(&out, "by_officer", (int64_t)a->count.by_officer);
    json_i64(&out, "by_log", (int64_t)a->count.by_log);
    json_i64(&out, "on_the_operators_word", (int64_t)a->count.by_server);
    if (a->count.ruled_word == 0)
        json_none(&out, "newest_ruled_on_the_operators_word");
    else
        json_i64(&out, "newest_ruled_on_the_operators_word", (int64_t)a->count.ruled_word);
    json_i64(&out, "by_passkey", (int64_t)a->evidence.assertions);
    json_i64(&out, "assertions_not_checked", (int64_t)a->evidence.unserved);
    json_i64(&out, "verified_before", (int64_t)a->resumed);
    json_i64(&out, "none_needed", (int64_t)a->count.without);
    json_shut(&out);
    json_open(&out, "evidence");
    json_bool(&out, "there", a->evidence.there);
    json_i64(&out, "kept", (int64_t)a->evidence.kept);
    json_i64(&out, "erased", (int64_t)a->evidence.erased);
    json_i64(&out, "assertions", (int64_t)a->evidence.assertions);
    json_open_array(&out, "erasures");
    for (size_t i = 0; i < a->evidence.last_n; i++) {
        json_open(&out, NULL);
        json_i64(&out, "entry", (int64_t)a->evidence.last[i].entry);
        json_i64(&out, "notice", (int64_t)a->evidence.last[i].notice);
        json_time(&out, "time", a->evidence.last[i].time_ms);
        json_shut(&out);
    }
    json_shut_array(&out);
    json_shut(&out);
    json_times(&out, a);
    json_receipted(&out, &a->receipted);
    json_i64(&out, "accounts", (int64_t)a->accounts);
    json_i64(&out, "balances_compared", (int64_t)a->balances);
    json_i64(&out, "reservations_compared", (int64_t)a->holds);
    json_i64(&out, "holds_open", (int64_t)a->holds_open);
    json_amount(&out, "minted", a->minted);
    json_amount(&out, "held", a->held);
    json_i64(&out, "faults", (int64_t)a->found.n);
    if (audit_first(a) != NULL)
        json_finding(&out, "first", audit_first(a));
    else
        json_text(&out, "first", NULL);
    json_open_array(&out, "findings");
    for (size_t i = 0; i < kept; i++)
        json_finding(&out, NULL, &a->found.kept[i]);
    json_shut_array(&out);
    json_shut(&out);
    fprintf(to, "%.*s\n", (int)out.len, out.text);
    json_out_free(&out);
}
