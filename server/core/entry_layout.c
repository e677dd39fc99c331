/* core/entry_layout.c
 * Layout version 1. Never changed once entries exist: a new version is a new table. The widths of a kind's fields, in
 * their order, are its bytes; limits here are those of a single field, rules between fields are the ledger's. */
#include "core/entry_layout.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define F(member, label, kind, bytes, lo, hi, text) \
    { .name = label, .type = FIELD_##kind, .offset = offsetof(struct entry, member), .width = bytes, .min = lo, .max = hi, .meaning = text }
#define U8(member, label, lo, hi, text) F(member, label, U8, 1, lo, hi, text)
#define U16(member, label, lo, hi, text) F(member, label, U16, 2, lo, hi, text)
#define U32(member, label, lo, hi, text) F(member, label, U32, 4, lo, hi, text)
#define I32(member, label, lo, hi, text) F(member, label, I32, 4, lo, hi, text)
#define U64(member, label, text) F(member, label, U64, 8, 0, 0, text)
#define SPAN(member, label, text) F(member, label, I64, 8, 0, INT64_MAX, text)
#define TIME(member, label, text) F(member, label, I64, 8, 0, TIME_MAX_MS, text)
#define TEXT(member, label, bytes, least, text) F(member, label, TEXT, bytes, least, 0, text)
#define UUID(member, label, text) F(member, label, UUID, 16, 0, 0, text)
#define HASH(member, label, text) F(member, label, HASH, 32, 0, 0, text)
#define RESERVED(bytes) { .name = "reserved", .type = FIELD_ZERO, .width = bytes, .meaning = "zero" }
#define ORDER(kind) UUID(u.kind.order, "order", "the order's UUID, never used before; zero if it rests on no order")
#define COMMITMENT(kind) \
    HASH(u.kind.commitment, "commitment", "SHA-256(salt of 32 bytes ‖ text) of the reasons kept elsewhere; or zero")
#define AUTHORITY(kind) F(u.kind.auth, "authority", AUTH, AUTHORITY_LEN, 0, 0, "two slots; see Authority")
#define VALID_FROM(kind) TIME(u.kind.valid_from_ms, "valid_from_ms", "in force from then on, ms since 1970")
#define ASSUMED(kind) U8(u.kind.assumed, "assumed", 0, 1, "1: a figure that its site has not published")
#define REPORT(of)                                                                            \
    U64(u.of.report.site, "report_site", "SITE index; zero like all report fields if it rests on no report"), \
    U64(u.of.report.number, "report_number", "the site's number of the report, from 1"),      \
    U64(u.of.report.instance, "report_instance", "of the site's agent"),                      \
    U16(u.of.report.kind, "report_kind", 0, REPORT_KINDS - 1, "1 accepted, 2 rejected, 3 queued, 4 started, 5 usage, 6 finished, 7 failed, 8 cancelled, 9 inventory; 0 no report"), \
    UUID(u.of.report.jti, "report_jti", "the ticket"),                                        \
    U64(u.of.report.fence, "report_fence", "the ticket's fence"),                             \
    TIME(u.of.report.time_ms, "report_time_ms", "when the report was made, ms since 1970"),   \
    TIME(u.of.report.started_ms, "report_started_ms", "when the job started; 0 not yet"),     \
    TIME(u.of.report.ended_ms, "report_ended_ms", "when the job ended; 0 not yet"),           \
    U64(u.of.report.gpu_seconds, "report_gpu_seconds", "used so far by this ticket, GPU-seconds"), \
    I32(u.of.report.exit_code, "report_exit_code", INT32_MIN, INT32_MAX, "of the job"),       \
    U16(u.of.report.reason, "report_reason", 0, REASON_LAST, "0 none, 1 job, 2 site, 3 no user, 4 resource, 5 workload, 6 ticket, 7 draining, 8 walltime, 9 ordered, 10 other, 11 not offered, 12 secrets")

static const struct field HEADER[] = {
    U16(version, "version", ENTRY_VERSION, ENTRY_VERSION, "1"),
    U16(kind, "kind", 0, ENTRY_KINDS - 1, "number of the kind"),
    U64(index, "index", "place in the journal, from 0"),
    TIME(time_ms, "time_ms", "ms since 1970, UTC; never less than the entry's before"),
    U64(group_first, "group_first", "index of the group's first entry"),
    U16(group_len, "group_len", 1, GROUP_MAX, "entries in the group, 1 to 64"),
    U16(group_pos, "group_pos", 0, GROUP_MAX - 1, "place in the group, from 0"),
    U64(debit, "debit", "account debited; none = 2^64 − 1"),
    U64(credit, "credit", "account credited; none = 2^64 − 1"),
    F(amount, "amount", I64, 8, 0, AMOUNT_MAX, "GPU-milliseconds, at most 2^62"),
    U64(prev_debit, "prev_debit", "newest earlier entry on the debit account; none = 2^64 − 1"),
    U64(prev_credit, "prev_credit", "newest earlier entry on the credit account; none = 2^64 − 1"),
};

static const struct field GENESIS_[] = {
    TEXT(u.genesis.origin, "origin", 64, 1, "the log's origin (C2SP tlog-checkpoint)"),
    U16(u.genesis.format, "format", 1, 1, "1"),
    U8(u.genesis.simulation, "simulation", 0, 1, "1: a simulation's journal"),
    RESERVED(5),
    F(u.genesis.server_key, "server_key", BYTES, 32, 0, 0, "the server's first Ed25519 key; KEY index 0 means it"),
    U64(u.genesis.old_size, "old_size", "size of the older origin's journal that this one follows; or 0"),
    HASH(u.genesis.old_root, "old_root", "its root; or zero"),
};
#define ACCOUNT_OF(kind)                                                                                              \
    U8(u.kind.class, "class", ACCOUNT_MINT, ACCOUNT_SITE, "1 mint, 2 reserve, 3 fund, 4 tranche, 5 grant, 6 site"),   \
    RESERVED(7), UUID(u.kind.owner_org, "owner_org", "grant: the organisation; else zero"),                           \
    U64(u.kind.owner_site, "owner_site", "site: SITE index; else zero"),                                              \
    U64(u.kind.prev_open, "prev_open", "newest earlier OPEN of that owner; none, or no owner: 2^64 − 1")
static const struct field OPEN_[] = { ACCOUNT_OF(open) };
static const struct field CLOSE_[] = {
    U64(u.close.account, "account", "the account; the debit account too"),
    ACCOUNT_OF(close), ORDER(close), COMMITMENT(close), AUTHORITY(close),
};
#define REFERENCE TEXT(u.move.reference, "reference", 32, 1, "the decision's reference number")
#define GRANT_TERMS                                                                           \
    U64(u.move.policy, "policy", "POLICY index: the access mode's row that applies"),         \
    TIME(u.move.start_ms, "start_ms", "the grant's start, ms since 1970"),                    \
    TIME(u.move.end_ms, "end_ms", "the grant's end, ms since 1970"),                          \
    SPAN(u.move.gge_cents, "gge_cents", "the grant's gross grant equivalent, euro cents")
#define OF_GRANT U64(u.move.grant, "grant", "the GRANT's index")
static const struct field FUND_[] = { ORDER(move), REFERENCE, COMMITMENT(move), AUTHORITY(move) };
static const struct field GRANT_[] = { ORDER(move), REFERENCE, GRANT_TERMS, COMMITMENT(move), AUTHORITY(move) };
static const struct field CLAWBACK_[] = { ORDER(move), REFERENCE, GRANT_TERMS, OF_GRANT, COMMITMENT(move), AUTHORITY(move) };
static const struct field LAPSE_[] = { GRANT_TERMS, OF_GRANT };
static const struct field HOLD_[] = {
    UUID(u.hold.request, "request", "the request"),
    UUID(u.hold.reservation, "reservation", "the reservation, never named by a HOLD before"),
    U64(u.hold.offering, "offering", "OFFERING index"),
    U64(u.hold.rate, "rate", "RATE index"),
    U32(u.hold.gpus, "gpus", 1, UINT32_MAX, "GPUs"),
    U32(u.hold.walltime_s, "walltime_s", 1, UINT32_MAX, "longest run, seconds"),
    TIME(u.hold.window_start_ms, "window_start_ms", "the window's start, ms since 1970"),
    TIME(u.hold.window_end_ms, "window_end_ms", "the window's end, ms since 1970"),
    TIME(u.hold.start_by_ms, "start_by_ms", "latest start, ms since 1970"),
    TIME(u.hold.expiry_ms, "expiry_ms", "start_by_ms + walltime + report grace, ms since 1970"),
    U64(u.hold.fence, "fence", "grows with every HOLD of the request, from 1"),
};
static const struct field SETTLE_[] = {
    U64(u.settle.hold, "hold", "HOLD index"),
    U8(u.settle.final, "final", 0, 1, "1: resolves the hold and releases what is left"),
    RESERVED(7), REPORT(settle), AUTHORITY(settle),
};
#define HOLD_AND_REASON(text)                                                                  \
    U64(u.release.hold, "hold", "HOLD index"),                                                 \
    U16(u.release.reason, "reason", VOID_CANCELLED, VOID_NEVER_STARTED, text), RESERVED(6)
static const struct field VOID_[] = {
    HOLD_AND_REASON("1 cancelled, 2 accept-by passed, 3 rejected, 4 site failed, 5 drained, 6 moved, 7 by officers, 9 never started"),
    REPORT(release), ORDER(release), COMMITMENT(release), AUTHORITY(release),
};
static const struct field EXPIRE_[] = { HOLD_AND_REASON("8") };
static const struct field RESOLVE_[] = {
    U64(u.resolve.hold, "hold", "HOLD index"),
    U32(u.resolve.share_milli, "share_milli", 1, 1000, "share paid, thousandths of what is still held; from reserve: of what was held"),
    RESERVED(4), ORDER(resolve), COMMITMENT(resolve), AUTHORITY(resolve),
};
static const struct field CORRECT_[] = {
    U64(u.correct.entry, "entry", "index of the money entry, or of the HOLD whose SETTLEs are taken back in one sum"),
    U8(u.correct.of_hold, "of_hold", 0, 1, "1: entry names a HOLD"),
    RESERVED(1),
    U16(u.correct.reason, "reason", 0, UINT16_MAX, "reason code"),
    RESERVED(4), REPORT(correct), ORDER(correct), COMMITMENT(correct), AUTHORITY(correct),
};
#define CHAIN(kind, what) U64(u.kind.first, "first", "index of the first " what " of this chain; 2^64 − 1 begins one")
static const struct field SITE_[] = {
    CHAIN(site, "SITE"), ORDER(site),
    TEXT(u.site.code, "code", 16, 1, "short name, one chain's only"),
    TEXT(u.site.name, "name", 48, 1, "name"),
    TEXT(u.site.system, "system", 32, 0, "the machine's name"),
    TEXT(u.site.city, "city", 32, 0, "city"),
    F(u.site.country, "country", COUNTRY, 2, 0, 0, "ISO 3166-1 alpha-2"),
    ASSUMED(site), RESERVED(5),
    I32(u.site.lat_milli, "lat_milli", -90000, 90000, "latitude, thousandths of a degree"),
    I32(u.site.lon_milli, "lon_milli", -180000, 180000, "longitude, thousandths of a degree"),
    VALID_FROM(site), AUTHORITY(site),
};
static const struct field OFFERING_[] = {
    U64(u.offering.site, "site", "SITE index"), ORDER(offering),
    TEXT(u.offering.model, "model", 32, 1, "the GPU's model"),
    U32(u.offering.memory_gb, "memory_gb", 1, 1 << 20, "memory of a GPU, GB"),
    U32(u.offering.gpus_per_node, "gpus_per_node", 1, 1 << 16, "GPUs of a node"),
    U32(u.offering.max_gpus_one_island, "max_gpus_one_island", 1, INT32_MAX, "GPUs of the largest interconnect island"),
    U8(u.offering.kind, "offering_kind", OFFERING_BATCH, OFFERING_EXPERIMENTAL, "1 batch, 2 experimental platform"),
    ASSUMED(offering), RESERVED(2), VALID_FROM(offering), AUTHORITY(offering),
};
static const struct field RATE_[] = {
    U64(u.rate.offering, "offering", "OFFERING index"), ORDER(rate),
    U32(u.rate.rate_milli, "rate_milli", 1, INT32_MAX, "thousandths of a reference GPU-second for one GPU-second"),
    ASSUMED(rate), RESERVED(3), VALID_FROM(rate), AUTHORITY(rate),
};
static const struct field POLICY_[] = {
    CHAIN(policy, "POLICY"), ORDER(policy),
    TEXT(u.policy.code, "code", 16, 1, "short name, one chain's only"),
    TEXT(u.policy.name, "name", 32, 1, "name of the access mode"),
    U16(u.policy.eligible, "eligible", 0, UINT16_MAX, "who may have it, one bit a class of organisation"),
    U8(u.policy.served, "served", SERVED_FIRST_COME, SERVED_ROUNDS, "0 first come, 1 in rounds"),
    RESERVED(5), VALID_FROM(policy),
    F(u.policy.cap_gpums, "cap_gpums", I64, 8, 0, AMOUNT_MAX, "most credits of one grant, GPU-milliseconds; 0 no cap"),
    TIME(u.policy.longest_ms, "longest_ms", "longest grant; 0 no limit"),
    TIME(u.policy.decide_ms, "decide_ms", "time to decide on an application"),
    TIME(u.policy.quote_ttl_ms, "quote_ttl_ms", "a quote's life"),
    TIME(u.policy.permit_before_ms, "permit_before_ms", "permits are given from so long before the window"),
    TIME(u.policy.permit_life_ms, "permit_life_ms", "a permit's life"),
    TIME(u.policy.accept_within_ms, "accept_within_ms", "for the site to accept"),
    TIME(u.policy.start_slack_ms, "start_slack_ms", "between window start and latest start"),
    TIME(u.policy.start_grace_ms, "start_grace_ms", "after the latest start, before silence is a dispute"),
    TIME(u.policy.end_grace_ms, "end_grace_ms", "after the window's end, likewise"),
    TIME(u.policy.cancel_grace_ms, "cancel_grace_ms", "after a cancel ticket, likewise"),
    TIME(u.policy.report_grace_ms, "report_grace_ms", "after the latest permitted run, before a hold expires"),
    TIME(u.policy.dispute_ms, "dispute_ms", "after a hold's expiry, for officers to end a dispute on it"),
    TIME(u.policy.contest_ms, "contest_ms", "after a hold's resolution, for its outcome to be contested"),
    AUTHORITY(policy),
};
static const struct field KEY_[] = {
    CHAIN(key, "KEY"), ORDER(key),
    U8(u.key.use, "use", KEY_SERVER, KEY_LOG, "1 server, 2 site, 3 officer, 4 witness, 5 log (it signs checkpoints)"),
    U8(u.key.status, "status", KEY_ACTIVE, KEY_COMPROMISED, "1 active, 2 retired, 3 compromised"),
    RESERVED(6),
    U64(u.key.site, "site", "SITE index of a site's key; else 2^64 − 1"),
    UUID(u.key.person, "person", "opaque UUID of an officer; else zero"),
    F(u.key.ed25519, "ed25519", BYTES, 32, 0, 0, "public key for signatures"),
    F(u.key.x25519, "x25519", BYTES, 32, 0, 0, "public key for sealed secrets; or zero"),
    VALID_FROM(key), AUTHORITY(key),
};
static const struct field NOTICE_[] = {
    U16(u.notice.type, "type", NOTICE_STATE, NOTICE_SAID, "1 statement of state, 2 dispute opened, 3 dispute closed, 4 erasure, 5 change of witnesses, 6 admitted rollback, 7 said in a dispute"),
    U16(u.notice.reason, "reason", 0, UINT16_MAX, "reason code; said in a dispute: 1 by its requester, 2 by its site"),
    RESERVED(4),
    U64(u.notice.ref, "ref", "disputes and what is said in them: HOLD index; rollback: size rolled back to; else 2^64 − 1"),
    U64(u.notice.as_of, "as_of", "statement: index of the entry before; else 2^64 − 1"),
    HASH(u.notice.root, "root", "statement: root over all accounts; witnesses: SHA-256 of the new policy; else zero"),
    ORDER(notice), COMMITMENT(notice), AUTHORITY(notice),
};

#define AUTH_LEN AUTHORITY_LEN
#define L(kind, table, bytes) [kind] = { .name = #kind, .fields = table, .n = COUNT(table), .len = bytes }
static const struct layout LAYOUTS[ENTRY_KINDS] = {
    L(GENESIS, GENESIS_, 144),
    L(OPEN, OPEN_, 40),
    L(CLOSE, CLOSE_, 96 + AUTH_LEN),
    L(FUND, FUND_, 80 + AUTH_LEN),
    L(TRANCHE, FUND_, 80 + AUTH_LEN),
    L(GRANT, GRANT_, 112 + AUTH_LEN),
    L(CLAWBACK, CLAWBACK_, 120 + AUTH_LEN),
    L(LAPSE, LAPSE_, 40),
    L(HOLD, HOLD_, 96),
    L(SETTLE, SETTLE_, 16 + REPORT_LEN + AUTH_LEN),
    L(VOID, VOID_, 64 + REPORT_LEN + AUTH_LEN),
    L(EXPIRE, EXPIRE_, 16),
    L(RESOLVE, RESOLVE_, 64 + AUTH_LEN),
    L(CORRECT, CORRECT_, 64 + REPORT_LEN + AUTH_LEN),
    L(SITE, SITE_, 176 + AUTH_LEN),
    L(OFFERING, OFFERING_, 80 + AUTH_LEN),
    L(RATE, RATE_, 40 + AUTH_LEN),
    L(POLICY, POLICY_, 200 + AUTH_LEN),
    L(KEY, KEY_, 128 + AUTH_LEN),
    L(NOTICE, NOTICE_, 104 + AUTH_LEN),
};
const struct layout entry_header_layout = { .name = "header", .fields = HEADER, .n = COUNT(HEADER), .len = ENTRY_HEADER };

const struct layout *
entry_layout(uint16_t kind)
{
    return kind < ENTRY_KINDS ? &LAYOUTS[kind] : NULL;
}
