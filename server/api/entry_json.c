/* api/entry_json.c */
#include "api/entry_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/text.h"
#include "store/evidence.h"
#include "store/organisations.h"

static const char *const CLASSES[] = { "?", "mint", "reserve", "fund", "tranche", "grant", "site" };
static const char *const REPORTS[] = { "none",  "accepted", "rejected", "queued",    "started",
                                       "usage", "finished", "failed",   "cancelled", "inventory" };
static const char *const REASONS[] = { "none",   "job",      "site",     "no-user", "resource", "workload",
                                       "ticket", "draining", "walltime", "ordered", "other",
                                       "not-offered", "secrets" };
static const char *const VOIDS[] = { "none",    "cancelled", "accept-by",   "rejected", "site-failed",
                                     "drained", "moved",     "by-officers", "time",     "never-started" };
static const char *const NOTICES[] = { "none",    "state",     "dispute-opened", "dispute-closed",
                                       "erasure", "witnesses", "rollback", "said" };
static const char *const USES[] = { "none", "server", "site", "officer", "witness", "log" };
static const char *const STATUSES[] = { "none", "active", "retired", "compromised" };

#define NAME_OF(list, i) ((size_t)(i) < sizeof(list) / sizeof *(list) ? (list)[i] : "?")

const char *
report_kind_name(unsigned kind)
{
    return NAME_OF(REPORTS, kind);
}

const char *
report_reason_name(unsigned reason)
{
    return NAME_OF(REASONS, reason);
}

/* A text field of an entry: zero-padded, not always ended by NUL. */
#define FIELD(call, f) arena_printf((call)->arena, "%.*s", (int)strnlen((f), sizeof(f)), (f))

/* What an account is called, for people. */
static const char *
label_of(struct call *call, const struct state *s, const struct account *a)
{
    const struct account_name *name = directory_account(call->api->directory, a->index);
    const struct organisation *o;
    const struct site *site;

    switch (a->class) {
    case ACCOUNT_MINT:
        return "Mint";
    case ACCOUNT_RESERVE:
        return "Reserve";
    case ACCOUNT_GRANT:
        if (directory_organisation(call->api->directory, NULL, a->owner_org, &o) == OK)
            return arena_printf(call->arena, "Grant of %s", o->name);
        return "Grant";
    case ACCOUNT_SITE:
        site = ledger_site(s->ledger, a->owner_site);
        return site ? FIELD(call, site->entry.u.site.name) : "Site";
    default:
        return name ? name->name : a->class == ACCOUNT_FUND ? "Fund" : "Tranche";
    }
}

static void
account_json(struct call *call, const struct state *s, const char *name, uint64_t index)
{
    const struct account *a = index == NO_INDEX ? NULL : ledger_account(s->ledger, index);
    const struct organisation *o;
    struct json_out *out = &call->out;

    if (!a) {
        json_none(out, name);
        return;
    }
    json_open(out, name);
    json_i64(out, "account", (int64_t)index);
    json_text(out, "label", label_of(call, s, a));
    json_text(out, "class", NAME_OF(CLASSES, a->class));
    if (a->class == ACCOUNT_GRANT && directory_organisation(call->api->directory, NULL, a->owner_org, &o) == OK)
        json_text(out, "organisation", o->name);
    json_shut(out);
}

static void
index_json(struct json_out *out, const char *name, uint64_t index)
{
    if (index == NO_INDEX)
        json_none(out, name);
    else
        json_i64(out, name, (int64_t)index);
}

static void
authority_json(struct json_out *out, const struct authority *auth)
{
    json_open_array(out, "authority");
    for (int i = 0; i < 2; i++) {
        if (!auth->slot[i].class)
            continue;
        json_open(out, NULL);
        json_i64(out, "class", auth->slot[i].class);
        json_i64(out, "key", (int64_t)auth->slot[i].key);
        json_hex(out, "signature", BYTES(auth->slot[i].sig, 64));
        json_shut(out);
    }
    json_shut_array(out);
}

static void
order_json(struct json_out *out, struct uuid order, const struct hash *commitment)
{
    if (uuid_is_zero(order))
        return;
    json_uuid(out, "order", order);
    if (commitment)
        json_hex(out, "commitment", BYTES(commitment->b, 32));
}

static void
report_json(struct json_out *out, const struct report *r)
{
    if (!r->number) {
        json_none(out, "report");
        return;
    }
    json_open(out, "report");
    json_i64(out, "site", (int64_t)r->site);
    json_i64(out, "number", (int64_t)r->number);
    json_i64(out, "instance", (int64_t)r->instance);
    json_text(out, "kind", NAME_OF(REPORTS, r->kind));
    json_uuid(out, "jti", r->jti);
    json_i64(out, "fence", (int64_t)r->fence);
    json_time(out, "time", r->time_ms);
    json_time(out, "started", r->started_ms);
    json_time(out, "ended", r->ended_ms);
    json_i64(out, "gpu_seconds", (int64_t)r->gpu_seconds);
    json_i64(out, "exit_code", r->exit_code);
    json_text(out, "reason", NAME_OF(REASONS, r->reason));
    json_shut(out);
}

static void
registry_json(struct call *call, const struct entry *e)
{
    struct json_out *out = &call->out;

    switch (e->kind) {
    case SITE:
        index_json(out, "first", e->u.site.first);
        json_text(out, "code", FIELD(call, e->u.site.code));
        json_text(out, "name", FIELD(call, e->u.site.name));
        json_text(out, "system", FIELD(call, e->u.site.system));
        json_text(out, "city", FIELD(call, e->u.site.city));
        json_textn(out, "country", e->u.site.country, strnlen(e->u.site.country, 2));
        json_i64(out, "lat_milli", e->u.site.lat_milli);
        json_i64(out, "lon_milli", e->u.site.lon_milli);
        json_bool(out, "assumed", e->u.site.assumed);
        json_time(out, "valid_from", e->u.site.valid_from_ms);
        break;
    case OFFERING:
        json_i64(out, "site", (int64_t)e->u.offering.site);
        json_text(out, "model", FIELD(call, e->u.offering.model));
        json_i64(out, "memory_gb", e->u.offering.memory_gb);
        json_i64(out, "gpus_per_node", e->u.offering.gpus_per_node);
        json_i64(out, "max_gpus_one_island", e->u.offering.max_gpus_one_island);
        json_text(out, "kind", e->u.offering.kind == OFFERING_BATCH ? "batch" : "experimental-platform");
        json_bool(out, "assumed", e->u.offering.assumed);
        json_time(out, "valid_from", e->u.offering.valid_from_ms);
        break;
    case RATE:
        json_i64(out, "offering", (int64_t)e->u.rate.offering);
        json_i64(out, "rate_milli", e->u.rate.rate_milli);
        json_bool(out, "assumed", e->u.rate.assumed);
        json_time(out, "valid_from", e->u.rate.valid_from_ms);
        break;
    case POLICY:
        index_json(out, "first", e->u.policy.first);
        json_text(out, "code", FIELD(call, e->u.policy.code));
        json_text(out, "name", FIELD(call, e->u.policy.name));
        json_amount(out, "cap", e->u.policy.cap_gpums);
        json_i64(out, "longest_ms", e->u.policy.longest_ms);
        json_i64(out, "decide_ms", e->u.policy.decide_ms);
        json_i64(out, "eligible", e->u.policy.eligible);
        json_time(out, "valid_from", e->u.policy.valid_from_ms);
        break;
    default:
        index_json(out, "first", e->u.key.first);
        json_text(out, "use", NAME_OF(USES, e->u.key.use));
        json_text(out, "status", NAME_OF(STATUSES, e->u.key.status));
        index_json(out, "site", e->u.key.site);
        json_hex(out, "ed25519", BYTES(e->u.key.ed25519, 32));
        json_hex(out, "x25519", BYTES(e->u.key.x25519, 32));
        json_time(out, "valid_from", e->u.key.valid_from_ms);
    }
}

static void
hold_json(struct json_out *out, const struct entry *e)
{
    json_uuid(out, "request", e->u.hold.request);
    json_uuid(out, "reservation", e->u.hold.reservation);
    json_i64(out, "offering", (int64_t)e->u.hold.offering);
    json_i64(out, "rate", (int64_t)e->u.hold.rate);
    json_i64(out, "gpus", e->u.hold.gpus);
    json_i64(out, "walltime_s", e->u.hold.walltime_s);
    json_time(out, "window_start", e->u.hold.window_start_ms);
    json_time(out, "window_end", e->u.hold.window_end_ms);
    json_time(out, "start_by", e->u.hold.start_by_ms);
    json_time(out, "expiry", e->u.hold.expiry_ms);
    json_i64(out, "fence", (int64_t)e->u.hold.fence);
}

static void
body_json(struct call *call, const struct entry *e)
{
    struct json_out *out = &call->out;

    json_open(out, "body");
    switch (e->kind) {
    case GENESIS:
        json_text(out, "origin", FIELD(call, e->u.genesis.origin));
        json_bool(out, "simulation", e->u.genesis.simulation);
        json_hex(out, "server_key", BYTES(e->u.genesis.server_key, 32));
        if (e->u.genesis.old_size > 0) {
            json_i64(out, "old_size", (int64_t)e->u.genesis.old_size);
            json_hex(out, "old_root", BYTES(e->u.genesis.old_root.b, 32));
        }
        break;
    case OPEN:
        json_text(out, "class", NAME_OF(CLASSES, e->u.open.class));
        if (!uuid_is_zero(e->u.open.owner_org))
            json_uuid(out, "organisation", e->u.open.owner_org);
        if (e->u.open.class == ACCOUNT_SITE)
            json_i64(out, "site", (int64_t)e->u.open.owner_site);
        index_json(out, "previous", e->u.open.prev_open);
        break;
    case CLOSE:
        json_i64(out, "account", (int64_t)e->u.close.account);
        order_json(out, e->u.close.order, &e->u.close.commitment);
        break;
    case FUND:
    case TRANCHE:
    case GRANT:
    case CLAWBACK:
    case LAPSE:
        json_text(out, "reference", FIELD(call, e->u.move.reference));
        if (e->kind >= GRANT) {
            json_i64(out, "policy", (int64_t)e->u.move.policy);
            json_time(out, "start", e->u.move.start_ms);
            json_time(out, "end", e->u.move.end_ms);
            json_i64(out, "gge_eur_cents", e->u.move.gge_cents);
        }
        if (e->kind > GRANT)
            json_i64(out, "grant", (int64_t)e->u.move.grant);
        order_json(out, e->u.move.order, &e->u.move.commitment);
        break;
    case HOLD:
        hold_json(out, e);
        break;
    case SETTLE:
        json_i64(out, "hold", (int64_t)e->u.settle.hold);
        json_bool(out, "final", e->u.settle.final);
        report_json(out, &e->u.settle.report);
        break;
    case VOID:
    case EXPIRE:
        json_i64(out, "hold", (int64_t)e->u.release.hold);
        json_text(out, "reason", NAME_OF(VOIDS, e->u.release.reason));
        report_json(out, &e->u.release.report);
        order_json(out, e->u.release.order, &e->u.release.commitment);
        break;
    case RESOLVE:
        json_i64(out, "hold", (int64_t)e->u.resolve.hold);
        json_i64(out, "share_milli", e->u.resolve.share_milli);
        order_json(out, e->u.resolve.order, &e->u.resolve.commitment);
        break;
    case CORRECT:
        json_i64(out, "entry", (int64_t)e->u.correct.entry);
        json_bool(out, "of_hold", e->u.correct.of_hold);
        json_i64(out, "reason", e->u.correct.reason);
        report_json(out, &e->u.correct.report);
        order_json(out, e->u.correct.order, &e->u.correct.commitment);
        break;
    case NOTICE:
        json_text(out, "type", NAME_OF(NOTICES, e->u.notice.type));
        index_json(out, "ref", e->u.notice.ref);
        index_json(out, "as_of", e->u.notice.as_of);
        json_hex(out, "root", BYTES(e->u.notice.root.b, 32));
        json_i64(out, "reason", e->u.notice.reason);
        order_json(out, e->u.notice.order, &e->u.notice.commitment);
        break;
    default:
        registry_json(call, e);
    }
    struct authority *auth = entry_authority((struct entry *)(uintptr_t)e);

    if (auth)
        authority_json(out, auth);
    json_shut(out);
}

static const char *
credits_text(struct arena *a, int64_t gpums)
{
    int64_t milli = gpums / 3600;

    return arena_printf(a, "%" PRId64 ".%03d", milli / 1000, (int)(milli % 1000));
}

static const char *
name_of(struct call *call, const struct state *s, uint64_t account)
{
    const struct account *a = account == NO_INDEX ? NULL : ledger_account(s->ledger, account);

    return a ? label_of(call, s, a) : "nobody";
}

/* The code of a site, or the offering with its site, by the index of its entry. */
static const char *
site_of(struct call *call, const struct state *s, uint64_t index)
{
    const struct site *site = ledger_site(s->ledger, index);

    return site ? FIELD(call, site->entry.u.site.code) : "a site";
}

static const char *
offering_of(struct call *call, const struct state *s, uint64_t index)
{
    const struct offering *o = ledger_offering(s->ledger, index);

    return o ? arena_printf(call->arena, "%s of %s", FIELD(call, o->entry.u.offering.model),
                            site_of(call, s, o->entry.u.offering.site))
             : "an offering";
}

static const char *
notice_of_witnesses(struct call *call, const struct entry *e)
{
    char hex[HEX_LEN(32)];

    if (hash_equal(e->u.notice.root, sha256(BYTES_TEXT(""))))
        return "No policy asks for witnesses of the journal any more.";
    hex_encode(BYTES(e->u.notice.root.b, 32), hex);
    return arena_printf(call->arena, "Which witnesses must have cosigned the journal is now said by the policy with SHA-256 %s.", hex);
}

static const char *
notice_of(struct call *call, const struct entry *e)
{
    unsigned long long ref = e->u.notice.ref;

    switch (e->u.notice.type) {
    case NOTICE_STATE:
        return "A statement of every account's balance.";
    case NOTICE_DISPUTE_OPENED:
        return arena_printf(call->arena, "A dispute is opened over hold %llu.", ref);
    case NOTICE_DISPUTE_CLOSED:
        return arena_printf(call->arena, "The dispute over hold %llu is closed.", ref);
    case NOTICE_SAID:
        return arena_printf(call->arena, "The %s says something in the dispute over hold %llu.", e->u.notice.reason == SAID_BY_SITE ? "site" : "start-up", ref);
    case NOTICE_WITNESSES:
        return notice_of_witnesses(call, e);
    default:
        return arena_printf(call->arena, "A notice: %s.", NAME_OF(NOTICES, e->u.notice.type));
    }
}

/* What happened, in one sentence, which may end in a name with a full stop of its own ("S.L."). */
static const char *
sentence_of(struct call *call, const struct state *s, const struct entry *e)
{
    struct arena *m = call->arena;
    const char *amount = credits_text(m, e->amount);
    const char *from = name_of(call, s, e->debit);
    const char *to = name_of(call, s, e->credit);

    switch (e->kind) {
    case GENESIS:
        return e->u.genesis.old_size == 0
                   ? arena_printf(m, "The journal of %s begins.", FIELD(call, e->u.genesis.origin))
                   : arena_printf(m, "The journal of %s begins; it follows an older one of %" PRIu64 " entries.",
                                  FIELD(call, e->u.genesis.origin), e->u.genesis.old_size);
    case OPEN:
        return e->u.open.class == ACCOUNT_SITE
                   ? arena_printf(m, "The account of the site %s is opened.", site_of(call, s, e->u.open.owner_site))
                   : arena_printf(m, "The account of a %s is opened.", NAME_OF(CLASSES, e->u.open.class));
    case CLOSE:
        return arena_printf(m, "%s is closed.", from);
    case FUND:
        return arena_printf(m, "%s credits are minted for %s.", amount, to);
    case TRANCHE:
        return arena_printf(m, "%s gives %s credits to %s.", from, amount, to);
    case GRANT:
        return arena_printf(m, "%s gives %s credits: %s.", from, amount, to);
    case CLAWBACK:
        return arena_printf(m, "%s credits are taken back: %s.", amount, from);
    case LAPSE:
        return arena_printf(m, "%s credits lapse: %s.", amount, from);
    case HOLD:
        return arena_printf(m, "%s credits are held for %s: %s.", amount, to, from);
    case SETTLE:
        return arena_printf(m, "%s credits are paid to %s: %s.", amount, to, from);
    case VOID:
        return arena_printf(m, "A hold of %s credits is released (%s).", amount, NAME_OF(VOIDS, e->u.release.reason));
    case EXPIRE:
        return arena_printf(m, "A hold of %s credits expires.", amount);
    case RESOLVE:
        return arena_printf(m, "A dispute ends: %s credits are paid to %s.", amount, to);
    case CORRECT:
        return arena_printf(m, "%s credits go back to %s.", amount, to);
    case SITE:
        return arena_printf(m, "The site %s: %s.", FIELD(call, e->u.site.code), FIELD(call, e->u.site.name));
    case OFFERING:
        return arena_printf(m, "The site %s offers %s with %d GB.", site_of(call, s, e->u.offering.site),
                            FIELD(call, e->u.offering.model), (int)e->u.offering.memory_gb);
    case RATE:
        return arena_printf(m, "%s costs %u.%03u credits a GPU-hour.", offering_of(call, s, e->u.rate.offering),
                            e->u.rate.rate_milli / 1000, e->u.rate.rate_milli % 1000);
    case POLICY:
        return arena_printf(m, "The rules of %s.", FIELD(call, e->u.policy.name));
    case KEY:
        return e->u.key.use != KEY_SITE
                   ? arena_printf(m, "A key of a %s is %s.", NAME_OF(USES, e->u.key.use),
                                  NAME_OF(STATUSES, e->u.key.status))
                   : arena_printf(m, "A key of the site %s is %s.", site_of(call, s, e->u.key.site),
                                  NAME_OF(STATUSES, e->u.key.status));
    default:
        return notice_of(call, e);
    }
}

const char *
entry_sentence(struct call *call, const struct state *s, const struct entry *e)
{
    const char *sentence = sentence_of(call, s, e);
    size_t n = strlen(sentence);

    return n > 1 && strcmp(sentence + n - 2, "..") == 0 ? arena_textn(call->arena, sentence, n - 1) : sentence;
}

void
entry_json(struct call *call, const struct state *s, const struct entry_record *r, bool with_bytes)
{
    const struct entry *e = &r->entry;
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_i64(out, "index", (int64_t)e->index);
    json_text(out, "kind", entry_kind_name(e->kind));
    json_time(out, "time", e->time_ms);
    json_open(out, "group");
    json_i64(out, "first", (int64_t)e->group_first);
    json_i64(out, "len", e->group_len);
    json_i64(out, "pos", e->group_pos);
    json_shut(out);
    account_json(call, s, "debit", e->debit);
    account_json(call, s, "credit", e->credit);
    json_amount(out, "amount", e->amount);
    index_json(out, "prev_debit", e->prev_debit);
    index_json(out, "prev_credit", e->prev_credit);
    json_hex(out, "leaf_hash", BYTES(r->leaf.b, 32));
    body_json(call, e);
    json_text(out, "summary", entry_sentence(call, s, e));
    if (with_bytes) {
        uint8_t bytes[ENTRY_MAX];
        size_t len = entry_encode(e, bytes);

        json_hex(out, "bytes", BYTES(bytes, len));
    }
    json_shut(out);
}

/* For whoever says it in another language than ours: which site, and which class of GPU. */
static void
names_json(struct call *call, const struct state *s, const struct entry *e)
{
    const struct offering *o = e->kind == RATE ? ledger_offering(s->ledger, e->u.rate.offering) : NULL;
    struct json_out *out = &call->out;

    if (e->kind == OFFERING)
        json_text(out, "site", site_of(call, s, e->u.offering.site));
    else if (o)
        json_text(out, "site", site_of(call, s, o->entry.u.offering.site));
    if (e->kind == OFFERING)
        json_text(out, "model", FIELD(call, e->u.offering.model));
    else if (o)
        json_text(out, "model", FIELD(call, o->entry.u.offering.model));
}

void
entry_order_json(struct call *call, const struct state *s, const char *name, const struct entry *e)
{
    struct json_out *out = &call->out;

    json_open(out, name);
    json_text(out, "kind", entry_kind_name(e->kind));
    names_json(call, s, e);
    account_json(call, s, "debit", e->debit);
    account_json(call, s, "credit", e->credit);
    json_amount(out, "amount", e->amount);
    body_json(call, e);
    json_text(out, "summary", entry_sentence(call, s, e));
    json_shut(out);
}
