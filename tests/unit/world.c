/* tests/unit/world.c */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

static struct sign_key
key_of(uint8_t n)
{
    uint8_t seed[SIGN_SEED_LEN];

    memset(seed, n, sizeof seed);
    return sign_key_from_seed(seed);
}

struct uuid
world_uuid(struct world *w)
{
    uint8_t random[10] = { 0 };
    uint64_t n = ++w->counter;

    for (size_t i = 10; i-- > 2; n >>= 8)
        random[i] = (uint8_t)n;
    return uuid_v7(w->now, random);
}

static void
keep_entry(struct world *w, const struct entry *e)
{
    uint8_t bytes[ENTRY_MAX];

    if (w->n == w->cap) {
        w->cap = w->cap > 0 ? w->cap * 2 : 64;
        w->entries = xrealloc(w->entries, w->cap * sizeof *w->entries);
    }
    w->entries[w->n++] = *e;
    merkle_append(&w->tree, entry_leaf_hash(BYTES(bytes, entry_encode(e, bytes))));
}

enum err
world_try(struct world *w, struct entry *entries, size_t n)
{
    undo_mark before = undo_here(w->undo);

    for (size_t i = 0; i < n; i++) {
        ledger_place(w->l, &entries[i], (uint16_t)n, w->now);
        if (w->tamper != NULL)
            w->tamper(&entries[i]);
        enum err err = ledger_apply(w->l, &entries[i], w->undo, &w->rule);
        if (err != OK) {
            undo_back(w->undo, before);
            return err;
        }
    }
    for (size_t i = 0; i < n; i++)
        keep_entry(w, &entries[i]);
    return OK;
}

uint64_t
world_add(struct world *w, struct entry e)
{
    enum err err = world_try(w, &e, 1);

    if (err != OK) {
        fprintf(stderr, "%s refused: %s: %s\n", entry_kind_name(e.kind), err_wire(err), w->rule);
        abort();
    }
    return e.index;
}

struct entry
world_order(struct world *w, enum entry_kind kind)
{
    struct entry e = entry_new(kind);

    *(struct uuid *)entry_order(&e) = world_uuid(w);
    return e;
}

/* ---- a passkey ------------------------------------------------------------------------------------------------------ */

static const char PASSKEY_SITE[] = "kontor.example";

static size_t
cose_of(const struct sign_key *key, uint8_t ret[PASSKEY_COSE_MAX])
{
    struct passkey_key k = { .alg = PASSKEY_EDDSA, .len = 32 };

    memcpy(k.bytes, key->public, 32);
    return passkey_cose(&k, ret);
}

void
world_passkey(struct world *w)
{
    struct entry e = world_order(w, KEY);
    uint8_t cose[PASSKEY_COSE_MAX];

    w->passkey = key_of(77);
    e.u.key.use = KEY_OFFICER;
    e.u.key.status = KEY_ACTIVE;
    e.u.key.site = NO_INDEX;
    e.u.key.person = world_uuid(w);
    e.u.key.valid_from_ms = w->now;
    assertion_key(BYTES_TEXT(PASSKEY_SITE), BYTES(cose, cose_of(&w->passkey, cose)), e.u.key.ed25519);
    world_sign(w, &e, "S");
    w->passkey_entry = world_add(w, e);
}

void
world_say(struct world *w, struct bytes bytes, enum world_lie lie)
{
    struct sign_key other = key_of(78);
    const struct sign_key *key = lie == SAYS_OTHER_KEY ? &other : &w->passkey;
    struct hash challenge = lie == SAYS_OTHER_ORDER ? sha256(BYTES(bytes.data, bytes.len - 1)) : sha256(bytes);
    struct hash site = sha256(BYTES_TEXT(lie == SAYS_OTHER_SITE ? "example" : PASSKEY_SITE)), of_client;
    char base64[BASE64_LEN(32)], client[400];
    uint8_t cose[PASSKEY_COSE_MAX], data[37] = { 0 }, signed_bytes[37 + 32], signature[64];
    struct assertion a;

    base64url_encode(BYTES(challenge.b, 32), base64);
    snprintf(client, sizeof client, "{\"type\":\"webauthn.get\",\"challenge\":\"%s%s\",\"origin\":\"https://%s\",\"crossOrigin\":false}", lie == SAYS_SIGN_IN ? "AAAA" : "",
             base64, lie == SAYS_OTHER_PAGE ? "kontor.example.evil.test" : PASSKEY_SITE);
    memcpy(data, site.b, 32);
    data[32] = PASSKEY_PRESENT | (lie == SAYS_UNVERIFIED ? 0 : PASSKEY_VERIFIED);
    of_client = sha256(BYTES_TEXT(client));
    memcpy(signed_bytes, data, sizeof data);
    memcpy(signed_bytes + sizeof data, of_client.b, 32);
    sign_make(key, BYTES(signed_bytes, sizeof signed_bytes), signature);
    signature[0] ^= lie == SAYS_UNSIGNED;
    a = (struct assertion){ .site = BYTES_TEXT(PASSKEY_SITE), .cose = BYTES(cose, cose_of(key, cose)),
                            .said = { BYTES_TEXT(client), BYTES(data, sizeof data), BYTES(signature, sizeof signature) } };
    w->said_len = assertion_write(&a, w->said);
    assert(w->said_len > 0);
    if (lie == SAYS_NOTHING)
        w->said_len -= 7;
}

void
world_sign(struct world *w, struct entry *e, const char *signers)
{
    struct authority *auth = entry_authority(e);
    uint8_t bytes[ENTRY_MAX];
    size_t len = entry_signed_bytes(e, ledger_genesis(w->l), bytes);

    memset(auth, 0, sizeof *auth);
    for (size_t i = 0; signers[i] != '\0'; i++) {
        struct authority_slot *slot = &auth->slot[i];
        const struct sign_key *key;

        if (signers[i] == 'P') {
            slot->class = 2;
            slot->key = w->passkey_entry;
            world_say(w, BYTES(bytes, len), SAYS_WELL);
            assertion_slot(BYTES(w->said, w->said_len), slot->sig);
            continue;
        }
        key = signers[i] == 'S' ? &w->server : &w->officers[signers[i] - 'A'];

        slot->class = signers[i] == 'S' ? 3 : 1;
        slot->key = signers[i] == 'S' ? 0 : w->officer[signers[i] - 'A'];
        sign_make(key, BYTES(bytes, len), slot->sig);
    }
}

struct report
world_report(struct world *w, uint64_t hold, enum report_kind kind, uint64_t gpu_seconds)
{
    const struct hold *h = ledger_hold(w->l, hold);
    int site = h->site == w->site[0] ? 0 : 1;
    int64_t run_ms = (int64_t)(gpu_seconds / h->gpus) * 1000;
    struct report r = {
        .site = h->site, .number = ++w->report_number[site], .instance = 1, .kind = (uint16_t)kind, .jti = h->reservation,
        .fence = h->fence, .time_ms = w->now,
    };

    r.jti.b[15] ^= 0x55;
    if (kind == REPORT_REJECTED)
        r.reason = REASON_RESOURCE;
    if (gpu_seconds > 0 || kind == REPORT_FINISHED)
        r.started_ms = w->now - run_ms;
    if (kind == REPORT_FINISHED || kind == REPORT_FAILED || kind == REPORT_CANCELLED)
        r.ended_ms = w->now;
    r.gpu_seconds = gpu_seconds;
    return r;
}

void
world_sign_report(struct world *w, struct entry *e)
{
    const struct report *r = entry_report(e);
    struct authority *auth = entry_authority(e);
    int site = r->site == w->site[0] ? 0 : 1;
    uint8_t statement[REPORT_STATEMENT_LEN];

    memset(auth, 0, sizeof *auth);
    auth->slot[0].class = 1;
    auth->slot[0].key = w->site_key[site];
    report_statement(r, ledger_genesis(w->l), statement);
    sign_make(&w->site_keys[site], BYTES(statement, sizeof statement), auth->slot[0].sig);
}

struct entry
world_open(struct world *w, enum account_class class, struct uuid org, uint64_t site)
{
    struct entry e = entry_new(OPEN);

    (void)w;
    e.u.open.class = (uint8_t)class;
    e.u.open.owner_org = org;
    e.u.open.owner_site = site;
    return e;
}

struct entry
world_move(struct world *w, enum entry_kind kind, uint64_t debit, uint64_t credit, int64_t amount)
{
    struct entry e = world_order(w, kind);

    e.debit = debit;
    e.credit = credit;
    e.amount = amount;
    snprintf(e.u.move.reference, sizeof e.u.move.reference, "C(2026) %03u", (unsigned)(w->counter % 1000));
    if (kind == GRANT) {
        e.u.move.policy = w->policy;
        e.u.move.start_ms = w->now;
        e.u.move.end_ms = w->grant_end;
        e.u.move.gge_cents = amount / CREDIT * 250;
    }
    if (kind == CLAWBACK)
        ledger_fill_grant(w->l, debit, &e);
    world_sign(w, &e, "S");
    return e;
}

struct entry
world_hold(struct world *w, int grant, int site, uint32_t gpus, uint32_t walltime_s)
{
    struct entry e = entry_new(HOLD);

    e.debit = w->grant[grant];
    e.credit = w->site_account[site];
    e.u.hold.request = world_uuid(w);
    e.u.hold.reservation = world_uuid(w);
    e.u.hold.offering = w->offering[site];
    e.u.hold.rate = w->rate[site];
    e.u.hold.gpus = gpus;
    e.u.hold.walltime_s = walltime_s;
    e.u.hold.window_start_ms = w->now;
    e.u.hold.window_end_ms = w->now + HOUR_MS + (int64_t)walltime_s * 1000;
    e.u.hold.start_by_ms = w->now + HOUR_MS;
    e.u.hold.expiry_ms = e.u.hold.window_end_ms + REPORT_GRACE_MS;
    e.u.hold.fence = 1;
    e.amount = (int64_t)gpus * walltime_s * ledger_rate(w->l, w->rate[site])->entry.u.rate.rate_milli;
    return e;
}

struct entry
world_settle(struct world *w, uint64_t hold, enum report_kind kind, uint64_t gpu_seconds)
{
    struct entry e = entry_new(SETTLE);

    e.u.settle.final = kind != REPORT_USAGE;
    e.u.settle.report = world_report(w, hold, kind, gpu_seconds);
    ledger_fill_hold(w->l, hold, &e);
    world_sign_report(w, &e);
    return e;
}

struct entry
world_void(struct world *w, uint64_t hold, enum void_reason reason)
{
    struct entry e = entry_new(VOID);

    ledger_fill_hold(w->l, hold, &e);
    e.u.release.reason = (uint16_t)reason;
    if (reason == VOID_REJECTED || reason == VOID_SITE_FAILED || reason == VOID_NEVER_STARTED) {
        e.u.release.report = world_report(w, hold, reason == VOID_REJECTED      ? REPORT_REJECTED
                                                   : reason == VOID_SITE_FAILED ? REPORT_FAILED
                                                                                : REPORT_CANCELLED, 0);
        if (reason == VOID_SITE_FAILED)
            e.u.release.report.reason = REASON_SITE;
        world_sign_report(w, &e);
    }
    if (reason == VOID_BY_OFFICERS) {
        e.u.release.order = world_uuid(w);
        world_sign(w, &e, "A");
    }
    return e;
}

struct entry
world_expire(struct world *w, uint64_t hold)
{
    struct entry e = entry_new(EXPIRE);

    e.u.release.reason = EXPIRE_TIME;
    ledger_fill_hold(w->l, hold, &e);
    return e;
}

struct entry
world_lapse(struct world *w, uint64_t grant)
{
    struct entry e = entry_new(LAPSE);

    ledger_fill_grant(w->l, grant, &e);
    return e;
}

struct entry
world_resolve(struct world *w, uint64_t hold, uint32_t share_milli)
{
    struct entry e = world_order(w, RESOLVE);

    e.u.resolve.share_milli = share_milli;
    ledger_fill_hold(w->l, hold, &e);
    world_sign(w, &e, "AB");
    return e;
}

struct entry
world_correct(struct world *w, uint64_t entry, int64_t amount)
{
    struct entry e = world_order(w, CORRECT);

    e.u.correct.entry = entry;
    e.u.correct.reason = 7;
    e.debit = w->entries[entry].credit;
    e.credit = w->entries[entry].debit;
    e.amount = amount;
    world_sign(w, &e, "A");
    return e;
}

struct entry
world_dispute(struct world *w, uint64_t hold, bool opens)
{
    struct entry e = entry_new(NOTICE);

    (void)w;
    e.u.notice.type = opens ? NOTICE_DISPUTE_OPENED : NOTICE_DISPUTE_CLOSED;
    e.u.notice.ref = hold;
    return e;
}

struct world *
world_new(void)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct entry e = entry_new(GENESIS);
    struct uuid none = { { 0 } };

    w->l = ledger_new();
    w->undo = undo_new();
    w->now = WORLD_START_MS;
    w->server = key_of(1);
    w->site_keys[0] = key_of(2);
    w->site_keys[1] = key_of(3);
    w->officers[0] = key_of(4);
    w->officers[1] = key_of(5);
    snprintf(e.u.genesis.origin, sizeof e.u.genesis.origin, "kontor.example/journal");
    e.u.genesis.format = 1;
    e.u.genesis.simulation = 1;
    memcpy(e.u.genesis.server_key, w->server.public, 32);
    world_add(w, e);
    world_add(w, world_open(w, ACCOUNT_MINT, none, 0));
    world_add(w, world_open(w, ACCOUNT_RESERVE, none, 0));
    return w;
}

void
world_delete(struct world *w)
{
    ledger_delete(w->l);
    undo_delete(w->undo);
    free(w->entries);
    free(w);
}

static uint64_t
add_site(struct world *w, const char *code, const char *name, const char *system, const char *city, const char *country,
         int32_t lat, int32_t lon)
{
    struct entry e = world_order(w, SITE);

    snprintf(e.u.site.code, sizeof e.u.site.code, "%s", code);
    snprintf(e.u.site.name, sizeof e.u.site.name, "%s", name);
    snprintf(e.u.site.system, sizeof e.u.site.system, "%s", system);
    snprintf(e.u.site.city, sizeof e.u.site.city, "%s", city);
    memcpy(e.u.site.country, country, 2);
    e.u.site.lat_milli = lat;
    e.u.site.lon_milli = lon;
    e.u.site.valid_from_ms = w->now;
    world_sign(w, &e, "S");
    return world_add(w, e);
}

static uint64_t
add_key(struct world *w, enum key_use use, uint64_t site, const uint8_t public[32], uint64_t first)
{
    struct entry e = world_order(w, KEY);

    e.u.key.use = (uint8_t)use;
    e.u.key.first = first;
    e.u.key.status = KEY_ACTIVE;
    e.u.key.site = site;
    if (use == KEY_OFFICER)
        e.u.key.person = world_uuid(w);
    memcpy(e.u.key.ed25519, public, 32);
    if (use == KEY_SITE)
        memset(e.u.key.x25519, 0x42, 32);
    e.u.key.valid_from_ms = w->now;
    world_sign(w, &e, "S");
    return world_add(w, e);
}

void
world_new_site_key(struct world *w, int site)
{
    struct uuid unlike = world_uuid(w);
    uint8_t seed[SIGN_SEED_LEN] = { 0 };

    memcpy(seed, unlike.b, sizeof unlike.b);
    w->site_keys[site] = sign_key_from_seed(seed);
    w->site_key[site] = add_key(w, KEY_SITE, w->site[site], w->site_keys[site].public,
                                key_chain(ledger_key(w->l, w->site_key[site])));
}

static uint64_t
add_policy(struct world *w)
{
    struct entry e = world_order(w, POLICY);

    snprintf(e.u.policy.code, sizeof e.u.policy.code, "playground");
    snprintf(e.u.policy.name, sizeof e.u.policy.name, "Playground");
    e.u.policy.eligible = 3;
    e.u.policy.valid_from_ms = w->now;
    e.u.policy.cap_gpums = 50000 * CREDIT;
    e.u.policy.longest_ms = 92 * DAY_MS;
    e.u.policy.decide_ms = 2 * DAY_MS;
    e.u.policy.quote_ttl_ms = 10 * 60000;
    e.u.policy.permit_before_ms = HOUR_MS;
    e.u.policy.permit_life_ms = 60000;
    e.u.policy.accept_within_ms = HOUR_MS;
    e.u.policy.start_slack_ms = HOUR_MS;
    e.u.policy.start_grace_ms = e.u.policy.end_grace_ms = e.u.policy.cancel_grace_ms = DAY_MS;
    e.u.policy.report_grace_ms = REPORT_GRACE_MS;
    e.u.policy.dispute_ms = DISPUTE_MS;
    e.u.policy.contest_ms = CONTEST_MS;
    world_sign(w, &e, "S");
    return world_add(w, e);
}

static uint64_t
add_offering(struct world *w, uint64_t site, const char *model, uint32_t memory_gb)
{
    struct entry e = world_order(w, OFFERING);

    e.u.offering.site = site;
    snprintf(e.u.offering.model, sizeof e.u.offering.model, "%s", model);
    e.u.offering.memory_gb = memory_gb;
    e.u.offering.gpus_per_node = 4;
    e.u.offering.max_gpus_one_island = 1120;
    e.u.offering.kind = OFFERING_BATCH;
    e.u.offering.assumed = memory_gb == 128;
    e.u.offering.valid_from_ms = w->now;
    world_sign(w, &e, "S");
    return world_add(w, e);
}

static uint64_t
add_rate(struct world *w, uint64_t offering, uint32_t rate_milli)
{
    struct entry e = world_order(w, RATE);

    e.u.rate.offering = offering;
    e.u.rate.rate_milli = rate_milli;
    e.u.rate.valid_from_ms = w->now;
    world_sign(w, &e, "S");
    return world_add(w, e);
}

void
world_seed(struct world *w)
{
    struct uuid none = { { 0 } };

    w->site[0] = add_site(w, "bsc", "BSC AI Factory", "MareNostrum 5", "Barcelona", "ES", 41389, 2116);
    w->site[1] = add_site(w, "lumi", "LUMI AI Factory", "LUMI", "Kajaani", "FI", 64224, 27733);
    for (int i = 0; i < 2; i++)
        w->site_key[i] = add_key(w, KEY_SITE, w->site[i], w->site_keys[i].public, NO_INDEX);
    for (int i = 0; i < 2; i++)
        w->officer[i] = add_key(w, KEY_OFFICER, NO_INDEX, w->officers[i].public, NO_INDEX);
    w->policy = add_policy(w);
    w->offering[0] = add_offering(w, w->site[0], "NVIDIA H100", 64);
    w->offering[1] = add_offering(w, w->site[1], "AMD Instinct MI250X", 128);
    w->rate[0] = add_rate(w, w->offering[0], 2000);
    w->rate[1] = add_rate(w, w->offering[1], 1500);
    w->fund = world_add(w, world_open(w, ACCOUNT_FUND, none, 0));
    w->tranche = world_add(w, world_open(w, ACCOUNT_TRANCHE, none, 0));
    for (int i = 0; i < 2; i++)
        w->site_account[i] = world_add(w, world_open(w, ACCOUNT_SITE, none, w->site[i]));
    w->now += 1000;
    for (int i = 0; i < 2; i++) {
        w->org[i] = world_uuid(w);
        w->grant[i] = world_add(w, world_open(w, ACCOUNT_GRANT, w->org[i], 0));
    }
    w->grant_end = w->now + 90 * DAY_MS;
    world_add(w, world_move(w, FUND, MINT_ACCOUNT, w->fund, 1000000 * CREDIT));
    w->tranche_entry = world_add(w, world_move(w, TRANCHE, w->fund, w->tranche, 500000 * CREDIT));
    world_add(w, world_move(w, TRANCHE, w->fund, RESERVE_ACCOUNT, 10000 * CREDIT));
    for (int i = 0; i < 2; i++)
        world_add(w, world_move(w, GRANT, w->tranche, w->grant[i], 5000 * CREDIT));
}

static void
add_group(struct world *w, struct entry *entries, size_t n)
{
    if (world_try(w, entries, n) != OK) {
        fprintf(stderr, "group refused: %s\n", w->rule);
        abort();
    }
}

/* Holds that end well, and those that move or never start. */
static void
story_of_jobs(struct world *w)
{
    struct entry group[2];
    uint64_t hold = world_add(w, world_hold(w, 0, 0, 8, 7200));

    w->now += HOUR_MS;
    world_add(w, world_settle(w, hold, REPORT_USAGE, 8 * 1800));
    w->now += HOUR_MS;
    world_add(w, world_settle(w, hold, REPORT_FINISHED, 8 * 5000));
    hold = world_add(w, world_hold(w, 0, 0, 4, 3600));
    group[0] = world_void(w, hold, VOID_MOVED);
    group[1] = world_hold(w, 0, 1, 4, 3600);
    group[1].u.hold.request = ledger_hold(w->l, hold)->request;
    group[1].u.hold.fence = 2;
    add_group(w, group, 2);
    world_add(w, world_void(w, group[1].index, VOID_REJECTED));
    hold = world_add(w, world_hold(w, 1, 0, 16, 3600));
    world_add(w, world_void(w, hold, VOID_CANCELLED));
    hold = world_add(w, world_hold(w, 1, 1, 16, 3600));
    world_add(w, world_void(w, hold, VOID_BY_OFFICERS));
    hold = world_add(w, world_hold(w, 1, 1, 16, 3600));
    world_add(w, world_void(w, hold, VOID_NEVER_STARTED));
    hold = world_add(w, world_hold(w, 1, 1, 16, 3600)); /* a final SETTLE of nothing */
    world_add(w, world_settle(w, hold, REPORT_CANCELLED, 0));
}

/* The site fails; a dispute paid from the hold and from reserve; a contest that two officers correct. */
static void
story_of_trouble(struct world *w)
{
    struct entry group[2];
    uint64_t hold = world_add(w, world_hold(w, 1, 0, 8, 7200)), settle;

    w->now += HOUR_MS;
    world_add(w, world_settle(w, hold, REPORT_USAGE, 8 * 3000));
    w->now += HOUR_MS / 2;
    group[1] = world_void(w, hold, VOID_SITE_FAILED);
    group[0] = entry_new(CORRECT);
    group[0].u.correct.entry = hold;
    group[0].u.correct.of_hold = 1;
    group[0].u.correct.reason = 1;
    group[0].u.correct.report = group[1].u.release.report;
    group[0].debit = w->site_account[0];
    group[0].credit = w->grant[1];
    group[0].amount = ledger_hold(w->l, hold)->settled;
    world_sign_report(w, &group[0]);
    add_group(w, group, 2);

    hold = world_add(w, world_hold(w, 0, 1, 32, 3600));
    w->now += DAY_MS;
    world_add(w, world_dispute(w, hold, true));
    group[0] = world_resolve(w, hold, 1000);
    group[1] = world_order(w, RESOLVE);
    group[1].u.resolve.hold = hold;
    group[1].u.resolve.share_milli = 250;
    group[1].debit = RESERVE_ACCOUNT;
    group[1].credit = w->site_account[1];
    group[1].amount = ledger_hold(w->l, hold)->amount / 4;
    world_sign(w, &group[1], "SS");
    add_group(w, group, 2);

    hold = world_add(w, world_hold(w, 0, 0, 8, 3600));
    w->now += HOUR_MS;
    settle = world_add(w, world_settle(w, hold, REPORT_FINISHED, 8 * 3600));
    group[0] = world_dispute(w, hold, true);
    memset(group[0].u.notice.commitment.b, 0xC0, 32);
    world_add(w, group[0]);
    group[0] = world_correct(w, settle, 1000 * CREDIT / 100);
    world_sign(w, &group[0], "BA");
    world_add(w, group[0]);
    world_add(w, world_dispute(w, hold, false));
}

static struct entry
end_key(struct world *w, uint64_t key, enum key_status status, uint8_t seed)
{
    struct entry e = world_order(w, KEY), old = ledger_key(w->l, key)->entry;

    e.u.key = old.u.key;
    e.u.key.order = world_uuid(w);
    e.u.key.first = key_chain(ledger_key(w->l, key));
    e.u.key.status = (uint8_t)status;
    e.u.key.valid_from_ms = w->now;
    if (status == KEY_ACTIVE)
        memcpy(e.u.key.ed25519, key_of(seed).public, 32);
    world_sign(w, &e, "S");
    return e;
}

/* Registry changes and notices. */
static void
story_of_registry(struct world *w)
{
    struct entry e = w->entries[w->site[1]];

    e.u.site.first = w->site[1];
    e.u.site.order = world_uuid(w);
    snprintf(e.u.site.name, sizeof e.u.site.name, "LUMI AI Factory (Käjaani)");
    world_sign(w, &e, "A");
    world_add(w, e);
    e = w->entries[w->policy];
    e.u.policy.first = w->policy;
    e.u.policy.order = world_uuid(w);
    e.u.policy.served = SERVED_ROUNDS;
    e.u.policy.valid_from_ms = w->now + 30 * DAY_MS;
    world_sign(w, &e, "S");
    world_add(w, e);
    world_add(w, end_key(w, w->site_key[1], KEY_ACTIVE, 6));
    world_add(w, end_key(w, w->site_key[1], KEY_COMPROMISED, 0));
    world_add(w, end_key(w, 0, KEY_ACTIVE, 7));
    for (uint16_t type = NOTICE_ERASURE; type <= NOTICE_ROLLBACK; type++) {
        e = world_order(w, NOTICE);
        e.u.notice.type = type;
        e.u.notice.reason = type;
        if (type == NOTICE_ERASURE)
            e.u.notice.order = (struct uuid){ { 0 } };
        if (type == NOTICE_WITNESSES)
            memset(e.u.notice.root.b, 0x77, 32);
        if (type == NOTICE_ROLLBACK)
            e.u.notice.ref = 12;
        world_sign(w, &e, type == NOTICE_ERASURE ? "" : "S");
        world_add(w, e);
    }
    e = entry_new(NOTICE);
    e.u.notice.type = NOTICE_STATE;
    world_add(w, e);
}

/* Credits taken back, lapsing, expiring past the grant's end; the account is closed. */
static void
story_of_ends(struct world *w)
{
    struct entry group[2], e;
    uint64_t hold;

    world_add(w, world_move(w, CLAWBACK, w->grant[1], w->tranche, 100 * CREDIT));
    w->now = w->grant_end - 3 * HOUR_MS;
    hold = world_add(w, world_hold(w, 1, 0, 8, 3600));
    w->now = w->grant_end;
    world_add(w, world_lapse(w, w->grant[0]));
    world_add(w, world_lapse(w, w->grant[1]));
    w->now = ledger_hold(w->l, hold)->expiry_ms;
    group[0] = world_expire(w, hold);
    group[1] = world_lapse(w, w->grant[1]);
    group[1].amount = ledger_hold(w->l, hold)->amount;
    add_group(w, group, 2);
    e = world_order(w, CLOSE);
    ledger_fill_close(w->l, w->grant[0], &e);
    world_sign(w, &e, "AB");
    world_add(w, e);
    e = entry_new(NOTICE);
    e.u.notice.type = NOTICE_STATE;
    world_add(w, e);
}

void
world_story(struct world *w)
{
    story_of_jobs(w);
    story_of_trouble(w);
    story_of_registry(w);
    story_of_ends(w);
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static void
image_add(struct world_image *image, const void *data, size_t len)
{
    if (image->cap - image->len < len) {
        image->cap = 2 * image->cap + len + 4096;
        image->data = xrealloc(image->data, image->cap);
    }
    memcpy(image->data + image->len, data, len);
    image->len += len;
}

struct world_image
world_image(const struct world *w)
{
    struct world_image image = { .len = 0 };
    const struct ledger *l = w->l;
    uint64_t size = ledger_size(l);
    int64_t time_ms = ledger_time(l);
    bool whole = ledger_group_whole(l);
    const struct account *dirty = ledger_dirty(w->l);
    struct hash state = ledger_state_root(l), genesis = ledger_genesis(l);

    image_add(&image, &size, sizeof size);
    image_add(&image, &time_ms, sizeof time_ms);
    image_add(&image, &whole, sizeof whole);
    image_add(&image, &dirty, sizeof dirty);
    image_add(&image, &state, sizeof state);
    image_add(&image, &genesis, sizeof genesis);
#define ALL(type, next)                                           \
    do {                                                          \
        const type *one;                                          \
        for (size_t it = 0; (one = next(l, &it)) != NULL;)        \
            image_add(&image, one, sizeof *one);                  \
    } while (0)
    ALL(struct account, ledger_next_account);
    ALL(struct hold, ledger_next_hold);
    ALL(struct site, ledger_next_site);
    ALL(struct offering, ledger_next_offering);
    ALL(struct policy, ledger_next_policy);
    ALL(struct key, ledger_next_key);
#undef ALL
    for (size_t i = 0; i < w->n; i++) { /* orders, reservations */
        const struct uuid *order = entry_order(&w->entries[i]);
        bool used = order != NULL && ledger_order_used(l, *order);
        const struct hold *h = w->entries[i].kind == HOLD ? ledger_hold_of(l, w->entries[i].u.hold.reservation) : NULL;

        image_add(&image, &used, sizeof used);
        image_add(&image, &h, sizeof h);
    }
    return image;
}

bool
world_image_same(const struct world_image *a, const struct world_image *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

void
world_image_free(struct world_image *image)
{
    free(image->data);
}
