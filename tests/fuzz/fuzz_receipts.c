/* tests/fuzz/fuzz_receipts.c: what a site says that it is owed (kontor-audit verify --receipts), against a small world in which
 * holds have ended in every way. Signatures are good but those that begin with 0xff. An input:
 *   f …   the file, byte for byte
 *   b …   records that end in 0x1e: which hold, what kind of report, its use, the second of its receipt, what is wrong with
 *         it, then the receipt's claims (none: those that are right). Without claims of the input's own, what the auditor
 *         says must be what a table of the holds says. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/world.h"
#include "audit/receipted.h"
#include "base/arena.h"
#include "base/json.h"
#include "crypto/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char ORIGIN[] = "kontor.example/journal";
enum { GPUS = 4, USED = GPUS * 3600, PARTLY = GPUS * 900, RECORDS_MAX = 48, NEAR_S = 128, OVERDUE_MS = 3600000 };
/* How the world's holds have ended; of the last one the journal knows nothing. */
enum fate { PAID, DENIED, DISPUTED, OPEN_STILL, EXPIRED, EXPIRED_IN_DISPUTE, EXPIRED_AFTER_ONE, EXPIRED_PARTLY_PAID, RESOLVED, UNKNOWN, FATES };
enum wrong { SITE_SIGNATURE = 1, SERVER_SIGNATURE = 2, OTHER_SITE = 4, OTHER_FENCE = 8, OTHER_JOURNAL = 16, NO_PERMIT = 32, WRONG_SIGNED = 1 | 2 | 4 | 16 };

static struct world *w;
static uint64_t hold[FATES];
static char path[64];

enum err __wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64]);
enum err
__wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64])
{
    (void)public;
    (void)message;
    return signature[0] == 0xff ? ERR_SIGNATURE : OK;
}

static void
clean(void)
{
    unlink(path);
    world_delete(w);
}

static void
settle(uint64_t of, uint64_t gpu_seconds, bool final)
{
    struct entry e = world_settle(w, of, final ? REPORT_FINISHED : REPORT_USAGE, gpu_seconds);

    world_add(w, e);
}

static void
prepare(void)
{
    struct entry last[2];

    w = world_new();
    world_seed(w);
    for (int i = 0; i < UNKNOWN; i++)
        hold[i] = world_add(w, world_hold(w, 0, 0, GPUS, 3600));
    w->now += HOUR_MS;
    settle(hold[PAID], USED, true);
    settle(hold[EXPIRED_PARTLY_PAID], PARTLY, false);
    world_add(w, world_void(w, hold[DENIED], VOID_ACCEPT_BY));
    for (int i = 0; i < UNKNOWN; i++)
        if (i == DISPUTED || i == EXPIRED_IN_DISPUTE || i == EXPIRED_AFTER_ONE || i == RESOLVED)
            world_add(w, world_dispute(w, hold[i], true));
    world_add(w, world_dispute(w, hold[EXPIRED_AFTER_ONE], false));
    world_add(w, world_resolve(w, hold[RESOLVED], 500));
    w->now = ledger_hold(w->l, hold[EXPIRED])->expiry_ms;
    world_add(w, world_expire(w, hold[EXPIRED]));
    world_add(w, world_expire(w, hold[EXPIRED_AFTER_ONE]));
    world_add(w, world_expire(w, hold[EXPIRED_PARTLY_PAID]));
    world_add(w, world_dispute(w, hold[EXPIRED], true)); /* on nobody's word, and too late to say anything */
    w->now += DISPUTE_MS; /* the grant is over: what comes back to it lapses */
    last[0] = world_expire(w, hold[EXPIRED_IN_DISPUTE]);
    last[1] = world_lapse(w, w->grant[0]);
    last[1].amount = account_free(ledger_account(w->l, w->grant[0])) + last[0].amount;
    if (world_try(w, last, 2) != OK)
        abort();
    snprintf(path, sizeof path, "%s/kontor-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    close(mkstemp(path));
    atexit(clean);
}

/* ---- a line ---------------------------------------------------------------------------------------------------------- */

struct record { enum fate fate; uint16_t kind, reason; uint64_t gpu_seconds; int64_t at_s; unsigned wrong; const uint8_t *claims; size_t claims_len; };

static struct record
record_of(const uint8_t *data, size_t len)
{
    static const struct { uint16_t kind, reason; } KINDS[] = {
        { REPORT_FINISHED, 0 }, { REPORT_CANCELLED, 0 }, { REPORT_FAILED, REASON_JOB }, { REPORT_FAILED, REASON_SITE },
        { REPORT_ACCEPTED, 0 }, { REPORT_USAGE, 0 },
    };
    struct record r = { .fate = data[0] % FATES, .kind = KINDS[data[1] % 6].kind, .reason = KINDS[data[1] % 6].reason,
                        .gpu_seconds = (uint64_t)data[2] * (USED / 100), .wrong = data[4], .claims = data + 5, .claims_len = len - 5 };
    uint64_t of = r.fate == UNKNOWN ? hold[0] : hold[r.fate];

    r.at_s = ledger_hold(w->l, of)->expiry_ms / 1000 - NEAR_S + data[3];
    return r;
}

static char *
token_of(struct bytes claims, bool bad)
{
    static const char HEADER[] = "{\"alg\":\"EdDSA\",\"kid\":\"0\",\"typ\":\"kontor-receipt+jwt\"}";
    uint8_t sig[64] = { bad ? 0xff : 1 };
    char *token = xmalloc(BASE64_LEN(sizeof HEADER) + BASE64_LEN(claims.len) + BASE64_LEN(64) + 2);
    size_t at;

    base64url_encode(BYTES_TEXT(HEADER), token);
    at = strlen(token);
    token[at++] = '.';
    base64url_encode(claims, token + at);
    at += strlen(token + at);
    token[at++] = '.';
    base64url_encode(BYTES(sig, 64), token + at);
    return token;
}

static char *
receipt_of(const struct record *r, const struct report *said, struct bytes statement)
{
    struct json_out o = { .fresh = true };
    struct hash hash = sha256(statement);
    char *token;

    if (r->claims_len > 0)
        return token_of(BYTES(r->claims, r->claims_len), r->wrong & SERVER_SIGNATURE);
    json_open(&o, NULL);
    json_text(&o, "iss", ORIGIN);
    json_text(&o, "aud", ledger_site(w->l, said->site)->entry.u.site.code);
    json_i64(&o, "num", (int64_t)said->number);
    json_hex(&o, "sha256", BYTES(hash.b, 32));
    json_i64(&o, "iat", r->at_s);
    if (r->kind == REPORT_ACCEPTED) {
        json_text(&o, "permit", r->wrong & NO_PERMIT ? "refused" : "granted");
        json_uuid(&o, "jti", said->jti);
        json_i64(&o, "fence", (int64_t)said->fence);
        json_i64(&o, "ins", 1);
    }
    json_shut(&o);
    token = token_of(BYTES(o.text, o.len), r->wrong & SERVER_SIGNATURE);
    json_out_free(&o);
    return token;
}

static void
write_line(FILE *f, const struct record *r, uint64_t number)
{
    const struct hold *h = ledger_hold(w->l, r->fate == UNKNOWN ? hold[0] : hold[r->fate]);
    struct report said = { .site = w->site[r->wrong & OTHER_SITE ? 1 : 0], .number = number, .instance = 1, .kind = r->kind, .reason = r->reason,
                           .jti = h->reservation, .fence = h->fence + (r->wrong & OTHER_FENCE ? 1 : 0), .time_ms = WORLD_START_MS,
                           .started_ms = WORLD_START_MS, .ended_ms = WORLD_START_MS, .gpu_seconds = r->gpu_seconds };
    struct hash genesis = ledger_genesis(w->l);
    uint8_t statement[REPORT_STATEMENT_LEN], sig[64] = { r->wrong & SITE_SIGNATURE ? 0xff : 1 };
    struct json_out o = { .fresh = true };
    char *token;

    said.jti.b[7] ^= r->fate == UNKNOWN;
    genesis.b[9] ^= r->wrong & OTHER_JOURNAL ? 1 : 0;
    report_statement(&said, genesis, statement);
    token = receipt_of(r, &said, BYTES(statement, sizeof statement));
    json_open(&o, NULL);
    json_hex(&o, "statement", BYTES(statement, sizeof statement));
    json_hex(&o, "signature", BYTES(sig, sizeof sig));
    json_text(&o, "receipt", token);
    json_shut(&o);
    fprintf(f, "%.*s\n", (int)o.len, o.text);
    json_out_free(&o);
    free(token);
}

/* ---- what it comes to ------------------------------------------------------------------------------------------------ */

static uint64_t
judge(struct receipted_sums *ret)
{
    struct findings *found = xcalloc(1, sizeof *found);
    struct err_detail d = { 0 };
    struct receipted *r;
    struct ledger *l = ledger_new();
    uint64_t n;

    if (receipted_new(path, &r, &d) != OK)
        abort();
    for (size_t i = 0; i < w->n; i++) {
        const char *rule;

        if (ledger_apply(l, &w->entries[i], NULL, &rule) != OK)
            abort();
        receipted_take(r, l, &w->entries[i]);
    }
    receipted_end(r, l, ORIGIN, w->now, found, ret);
    receipted_delete(r);
    ledger_delete(l);
    n = found->n;
    for (size_t i = 0; i < n && i < FINDINGS_MAX; i++) { /* it accuses nobody of what it did not do */
        uint64_t leaf = found->kept[i].leaf;

        assert(leaf == ledger_hold(w->l, hold[DENIED])->resolved_by || leaf == ledger_hold(w->l, hold[EXPIRED])->resolved_by ||
               leaf == ledger_hold(w->l, hold[EXPIRED_AFTER_ONE])->resolved_by || leaf == ledger_hold(w->l, hold[EXPIRED_PARTLY_PAID])->resolved_by);
    }
    assert(ret->paid + ret->disputed + ret->too_late + ret->waiting + ret->unknown + n <= ret->ends);
    free(found);
    return n;
}

struct wanted { struct receipted_sums sums; uint64_t found; };

static void
want(const struct record *r, bool permitted, struct wanted *to)
{
    bool late = r->at_s >= ledger_hold(w->l, r->fate == UNKNOWN ? hold[0] : hold[r->fate])->expiry_ms / 1000;
    struct receipted_sums *s = &to->sums;

    if (r->kind == REPORT_ACCEPTED || r->kind == REPORT_USAGE || r->reason == REASON_SITE || r->gpu_seconds == 0)
        return;
    if (r->wrong & WRONG_SIGNED & ~OTHER_SITE) {
        s->unusable++;
        return;
    }
    s->ends++;
    if (r->fate == UNKNOWN || r->wrong & (OTHER_FENCE | OTHER_SITE))
        s->unknown++;
    else if (r->fate == DISPUTED || r->fate == EXPIRED_IN_DISPUTE || r->fate == RESOLVED)
        s->disputed++;
    else if (r->fate == OPEN_STILL)
        s->waiting += w->now - r->at_s * 1000 > OVERDUE_MS;
    else if (r->fate == PAID || (r->fate == DENIED && !permitted))
        s->paid++;
    else if (r->fate == DENIED)
        to->found++;
    else if (late)
        s->too_late++;
    else if (r->fate == EXPIRED_PARTLY_PAID && r->gpu_seconds <= PARTLY)
        s->paid++;
    else
        to->found++;
}

static void
by_table(const uint8_t *data, size_t len)
{
    struct record records[RECORDS_MAX];
    struct wanted wanted = { .found = 0 };
    struct receipted_sums have;
    bool permitted = false, own = false;
    size_t n = 0;
    uint64_t found;
    FILE *f = fopen(path, "wb");

    while (len > 0 && n < RECORDS_MAX) {
        const uint8_t *end = memchr(data, 0x1e, len);
        size_t part = end ? (size_t)(end - data) : len;

        if (part >= 5) {
            records[n] = record_of(data, part);
            own = own || records[n].claims_len > 0;
            permitted = permitted || (records[n].fate == DENIED && records[n].kind == REPORT_ACCEPTED &&
                                      (records[n].wrong & (WRONG_SIGNED | OTHER_FENCE | NO_PERMIT)) == 0);
            write_line(f, &records[n], n + 1);
            n++;
        }
        part += end ? 1 : 0;
        data += part;
        len -= part;
    }
    fclose(f);
    found = judge(&have);
    for (size_t i = 0; i < n; i++)
        want(&records[i], permitted, &wanted);
    if (own)
        return;
    assert(found == wanted.found && have.ends == wanted.sums.ends && have.paid == wanted.sums.paid && have.unusable == wanted.sums.unusable);
    assert(have.disputed == wanted.sums.disputed && have.too_late == wanted.sums.too_late);
    assert(have.waiting == wanted.sums.waiting && have.unknown == wanted.sums.unknown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct receipted_sums have;
    FILE *f;

    if (!w)
        prepare();
    if (len == 0)
        return 0;
    if (data[0] == 'b') {
        by_table(data + 1, len - 1);
        return 0;
    }
    f = fopen(path, "wb");
    if (!f || (len > 1 && fwrite(data + 1, 1, len - 1, f) != len - 1) || fclose(f) != 0)
        abort();
    (void)judge(&have);
    return 0;
}
