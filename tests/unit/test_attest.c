/* agent/attest: what keeps a site from attesting a journal, and what ends that. A world's entries are given to the replaying
 * witness of site 0, whose spool has one report of a job's end that the server has receipted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/witness.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/tile.h"
#include "world.h"

enum { GPUS = 4, USED = GPUS * 3600 };
static const char ORIGIN[] = "kontor.example/journal";

/* ---- the network: the test answers ----------------------------------------------------------------------------------- */

static char asked[200];

bool __wrap_wire_busy(const struct wire *w, enum wire_lane lane);
bool
__wrap_wire_busy(const struct wire *w, enum wire_lane lane)
{
    (void)w, (void)lane;
    return false;
}

size_t __wrap_wire_servers(const struct wire *w);
size_t
__wrap_wire_servers(const struct wire *w)
{
    (void)w;
    return 1;
}

void __wrap_wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call);
void
__wrap_wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call)
{
    (void)w;
    assert_int_equal(lane, WIRE_ATTEST);
    text_format(asked, sizeof asked, "%s", call->path);
}

/* ---- the site's agent ------------------------------------------------------------------------------------------------ */

struct site_agent { struct agent a; char folder[64]; };

static void
agent_make(struct site_agent *s, const struct world *w)
{
    struct spool_identity who = { .site = "lumi", .site_index = w->site[0], .kid = "1" }, is;
    struct err_detail d = { .text = "" };

    *s = (struct site_agent){ .a = { .log = { .fd = -1, .least = LOG_LEVEL_ERROR }, .instance = 1, .open = true, .clock = clock_real() } };
    snprintf(s->folder, sizeof s->folder, "/tmp/kontor-attest-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    s->a.key = w->site_keys[0];
    text_format(who.origin, sizeof who.origin, "%s", ORIGIN);
    memcpy(who.public, s->a.key.public, sizeof who.public);
    who.genesis = ledger_genesis(w->l);
    assert_int_equal(spool_make(s->folder, &who, &d), OK);
    assert_int_equal(spool_open(s->folder, who.public, &s->a.spool, &is, &d), OK);
    s->a.who = who;
    s->a.cfg.spool_dir = s->folder;
    s->a.cfg.overdue_s = 3600;
    assert_int_equal(witness_open(&s->a, &d), OK);
    s->a.witness->introduced = true;
}

static void
agent_end(struct site_agent *s)
{
    char command[96];

    witness_close(&s->a);
    spool_close(s->a.spool);
    free(s->a.token);
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    assert_int_equal(system(command), 0);
}

/* The report is in the spool, with the server's receipt of that second (0: one that cannot be read), long since. */
static void
receipted(struct site_agent *s, const struct world *w, struct report r, int64_t at_s)
{
    struct spool_owed owed = { .reservation = r.jti, .number = 1, .since_ms = 1000 };
    struct spool_report row = { .number = 1, .kind = r.kind, .jti = r.jti };
    struct json_out claims = { .fresh = true };
    char *jws;

    r.number = 1;
    report_statement(&r, ledger_genesis(w->l), row.statement);
    json_open(&claims, NULL);
    json_text(&claims, "iss", ORIGIN);
    json_text(&claims, "aud", "lumi");
    json_i64(&claims, "num", 1);
    json_hex(&claims, "sha256", BYTES(row.statement, 32)); /* it was verified when it came */
    json_i64(&claims, "iat", at_s);
    json_shut(&claims);
    jws = jws_make(&w->server, JWS_TYP_RECEIPT, "0", BYTES(claims.text, claims.len));
    assert_int_equal(spool_begin(s->a.spool), OK);
    assert_int_equal(spool_add_report(s->a.spool, &row), OK);
    assert_int_equal(spool_receipt(s->a.spool, 1, at_s ? jws : "receipt"), OK);
    assert_int_equal(spool_owe(s->a.spool, &owed), OK);
    assert_int_equal(spool_commit(s->a.spool), OK);
    json_out_free(&claims);
    free(jws);
}

static void
cosign_all(struct site_agent *s, const struct world *w)
{
    struct checkpoint c = { .size = w->n, .root = merkle_root(&w->tree) };
    struct vkey log = vkey_make(ORIGIN, NOTE_ED25519, w->server.public);
    char text[CHECKPOINT_TEXT_MAX + NOTE_LINE_MAX];
    struct note *n = xcalloc(1, sizeof *n);
    uint8_t sig[SIGN_LEN] = { 1 };
    size_t len;

    text_format(c.origin, sizeof c.origin, "%s", ORIGIN);
    len = checkpoint_text(&c, text);
    text[len++] = '\n';
    note_line_write(&log, 0, sig, text + len);
    assert_true(note_parse(BYTES_TEXT(text), n));
    witness_cosign(&s->a, WITNESS_GROWS, n, &c);
    free(n);
}

static void
give_entries(struct site_agent *s, const struct world *w)
{
    unsigned long long bundle;
    unsigned width;
    char *body = xmalloc(TILE_WIDTH * (ENTRY_MAX + 2));
    struct wire_reply r = { .lane = WIRE_ATTEST, .status = 200, .body = body };

    assert_int_equal(sscanf(asked, "/v1/agent/entries?bundle=%llu&width=%u", &bundle, &width), 2);
    asked[0] = '\0';
    for (uint64_t i = bundle * TILE_WIDTH; i < bundle * TILE_WIDTH + width; i++) {
        size_t n = entry_encode(&w->entries[i], (uint8_t *)body + r.len + 2);

        body[r.len] = (char)(n >> 8);
        body[r.len + 1] = (char)n;
        r.len += n + 2;
    }
    attest_reply(&s->a, &r);
    free(body);
}

/* What the world's passkeys said, by what was asked for; what is not there: 404, or another thing in its place. */
struct sayings { uint8_t said[2][ASSERTION_MAX]; size_t len[2]; int n, asked; bool other; };
static struct sayings *sayings;

static void
give_said(struct site_agent *s)
{
    struct wire_reply r = { .lane = WIRE_ATTEST, .status = 404, .body = (char *)"{\"code\":\"not-found\"}", .len = 20 };
    struct hash wanted;

    assert_true(hex_decode(strrchr(asked, '/') + 1, wanted.b, sizeof wanted.b));
    asked[0] = '\0';
    sayings->asked++;
    if (sayings->other)
        r.status = 200;
    for (int i = 0; i < sayings->n; i++)
        if (hash_equal(sha256(BYTES(sayings->said[i], sayings->len[i])), wanted))
            r = (struct wire_reply){ .lane = WIRE_ATTEST, .status = 200, .body = (char *)sayings->said[i], .len = sayings->len[i] };
    attest_reply(&s->a, &r);
}

/* The journal as it is now, to its end: is it attested? */
static bool
attests(struct site_agent *s, const struct world *w)
{
    struct witness *wit = s->a.witness;

    cosign_all(s, w);
    for (int rounds = 0; rounds < 1000 && wit->last[WITNESS_RULES].at.size < w->n && wit->attest.withheld < w->n; rounds++) {
        attest_start(&s->a);
        if (text_starts(asked, "/v1/agent/entries"))
            give_entries(s, w);
        else if (text_starts(asked, "/v1/agent/assertions"))
            give_said(s);
        else if (text_starts(asked, "/v1/agent/cosignatures"))
            attest_reply(&s->a, &(struct wire_reply){ .lane = WIRE_ATTEST, .status = 200, .body = (char *)asked });
    }
    assert_true(wit->last[WITNESS_RULES].at.size == w->n || wit->attest.withheld == w->n || sayings);
    return wit->last[WITNESS_RULES].at.size == w->n;
}

static void
count(void *with, const struct spool_owed *o)
{
    size_t *n = with;

    (void)o;
    ++*n;
}

/* That it attests for good: there is nothing left that it waits for. */
static bool
waits_for_nothing(struct site_agent *s)
{
    size_t n = 0;

    assert_int_equal(spool_owed(s->a.spool, count, &n), OK);
    return n == 0;
}

/* ---- the journal ----------------------------------------------------------------------------------------------------- */

static uint64_t
run_job(struct world *w, uint16_t kind, uint64_t gpu_seconds, struct report *ret)
{
    uint64_t hold = world_add(w, world_hold(w, 0, 0, GPUS, 3600));

    w->now += HOUR_MS;
    *ret = world_report(w, hold, kind, gpu_seconds);
    ret->jti = ledger_hold(w->l, hold)->reservation;
    if (kind == REPORT_FAILED)
        ret->reason = REASON_SITE;
    return hold;
}

static int64_t
expiry_of(const struct world *w, uint64_t hold)
{
    return ledger_hold(w->l, hold)->expiry_ms;
}

static void
expire(struct world *w, uint64_t hold, int64_t later_ms)
{
    struct entry group[2];

    w->now = expiry_of(w, hold) + later_ms;
    group[0] = world_expire(w, hold);
    group[1] = world_lapse(w, w->grant[0]);
    group[1].amount = account_free(ledger_account(w->l, w->grant[0])) + group[0].amount;
    assert_int_equal(world_try(w, group, w->now >= w->grant_end ? 2 : 1), OK);
}

/* What the server may do with a job's end, and whether the site attests it. */
enum course { LEFT, LATE, SAME_SECOND, UNREADABLE, SITE_FAILED, NOTHING_USED, PAID_SO_FAR, PAID_LESS, DISPUTED, DISPUTED_AND_DROPPED, DENIED };
static const struct { enum course course; const char *why; bool attested; } COURSES[] = {
    { LEFT, "left to expire", false },
    { LATE, "receipted after the expiry", true },
    { SAME_SECOND, "receipted in the second of the expiry", true },
    { UNREADABLE, "left to expire; what the receipt says cannot be read", false },
    { SITE_FAILED, "the site failed it", true },
    { NOTHING_USED, "nothing was used", true },
    { PAID_SO_FAR, "the last report says no more than was paid", true },
    { PAID_LESS, "something was paid", false },
    { DISPUTED, "in dispute until the officers' time was over", true },
    { DISPUTED_AND_DROPPED, "a dispute was opened and closed on nobody's word", false },
    { DENIED, "said to be never permitted", false },
};

static void
course(enum course c, bool attested)
{
    struct world *w = world_new();
    struct site_agent s;
    struct report r;
    uint64_t hold;
    int64_t at_s;

    world_seed(w);
    hold = run_job(w, c == SITE_FAILED ? REPORT_FAILED : REPORT_FINISHED, c == NOTHING_USED ? 0 : USED, &r);
    at_s = c == UNREADABLE ? 0 : c == LATE ? expiry_of(w, hold) / 1000 + 7 : c == SAME_SECOND ? expiry_of(w, hold) / 1000 : w->now / 1000;
    if (c == PAID_SO_FAR || c == PAID_LESS)
        world_add(w, world_settle(w, hold, REPORT_USAGE, c == PAID_LESS ? USED / 2 : USED - 1));
    r.gpu_seconds = c == PAID_SO_FAR ? USED - 1 : r.gpu_seconds;
    if (c == DISPUTED || c == DISPUTED_AND_DROPPED)
        world_add(w, world_dispute(w, hold, true));
    if (c == DISPUTED_AND_DROPPED)
        world_add(w, world_dispute(w, hold, false));
    if (c == DENIED)
        world_add(w, world_void(w, hold, VOID_CANCELLED));
    else
        expire(w, hold, c == DISPUTED ? DISPUTE_MS : 0);
    agent_make(&s, w);
    receipted(&s, w, r, at_s);
    assert_int_equal(attests(&s, w), attested);
    assert_int_equal(waits_for_nothing(&s), attested);
    if (!attested) {
        char why[300];

        assert_int_equal(spool_attest_trouble(s.a.spool, why), OK);
        assert_non_null(strstr(why, "owes 1 settlement: the first for report 1"));
        assert_non_null(strstr(why, "released the hold of 1 unpaid: ask the officers."));
    }
    agent_end(&s);
    world_delete(w);
}

static void
what_the_server_does_with_a_jobs_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof COURSES / sizeof COURSES[0]; i++) {
        print_message("    %s\n", COURSES[i].why);
        course(COURSES[i].course, COURSES[i].attested);
    }
}

/* While the hold is open, and from its expiry on; a dispute on nobody's word changes nothing; a RESOLVE does. */
static void
what_ends_it(void **state)
{
    struct world *w = world_new();
    struct site_agent s;
    struct report r;
    uint64_t hold;

    (void)state;
    world_seed(w);
    hold = run_job(w, REPORT_FINISHED, USED, &r);
    agent_make(&s, w);
    receipted(&s, w, r, w->now / 1000);
    assert_false(attests(&s, w)); /* overdue */
    world_add(w, world_dispute(w, hold, true));
    assert_true(attests(&s, w)); /* officers have the say */
    assert_false(waits_for_nothing(&s));
    world_add(w, world_dispute(w, hold, false));
    assert_false(attests(&s, w));
    expire(w, hold, 0);
    assert_false(attests(&s, w));
    world_add(w, world_dispute(w, hold, true));
    assert_false(attests(&s, w));
    agent_end(&s);
    agent_make(&s, w); /* the replay begins anew */
    receipted(&s, w, r, (w->now - DAY_MS) / 1000);
    assert_false(attests(&s, w));
    world_add(w, world_move(w, TRANCHE, w->fund, RESERVE_ACCOUNT, 100 * CREDIT));
    assert_false(attests(&s, w));
    world_add(w, world_resolve(w, hold, 1000));
    assert_true(attests(&s, w));
    assert_true(waits_for_nothing(&s));
    agent_end(&s);
    world_delete(w);
}

static void
an_operator_of_the_site_gives_it_up(void **state)
{
    struct world *w = world_new();
    struct site_agent s;
    struct report r;
    uint64_t hold, n = 0;

    (void)state;
    world_seed(w);
    hold = run_job(w, REPORT_FINISHED, USED, &r);
    expire(w, hold, 0);
    agent_make(&s, w);
    receipted(&s, w, r, (w->now - DAY_MS) / 1000);
    assert_false(attests(&s, w));
    assert_int_equal(spool_forgive(s.a.spool, &n), OK);
    assert_int_equal(n, 1);
    world_add(w, world_dispute(w, hold, true));
    assert_true(attests(&s, w));
    agent_end(&s);
    world_delete(w);
}

/* A server that takes cosignatures and no reports. */
static void
a_report_that_is_never_receipted(void **state)
{
    struct world *w = world_new();
    struct spool_report row = { .number = 1, .kind = REPORT_FINISHED };
    struct site_agent s;
    struct report r;
    char why[300];

    (void)state;
    world_seed(w);
    run_job(w, REPORT_FINISHED, USED, &r);
    agent_make(&s, w);
    r.number = 1;
    row.jti = r.jti;
    report_statement(&r, ledger_genesis(w->l), row.statement);
    assert_int_equal(spool_begin(s.a.spool), OK);
    assert_int_equal(spool_add_report(s.a.spool, &row), OK);
    assert_int_equal(spool_commit(s.a.spool), OK);
    assert_false(attests(&s, w));
    assert_int_equal(spool_attest_trouble(s.a.spool, why), OK);
    assert_non_null(strstr(why, "has not receipted report 1"));
    world_add(w, world_move(w, TRANCHE, w->fund, w->tranche, CREDIT));
    s.a.cfg.overdue_s = INT64_C(100) * 365 * 86400;
    assert_true(attests(&s, w)); /* it is not that long ago */
    world_add(w, world_move(w, TRANCHE, w->fund, w->tranche, CREDIT));
    s.a.cfg.overdue_s = 3600;
    assert_false(attests(&s, w));
    assert_int_equal(spool_begin(s.a.spool), OK);
    assert_int_equal(spool_receipt(s.a.spool, 1, "receipt"), OK);
    assert_int_equal(spool_commit(s.a.spool), OK);
    world_add(w, world_move(w, TRANCHE, w->fund, w->tranche, CREDIT));
    assert_true(attests(&s, w));
    agent_end(&s);
    world_delete(w);
}

/* ---- orders that passkeys signed ------------------------------------------------------------------------------------- */

static void
say(struct world *w, struct entry *e, enum world_lie lie)
{
    uint8_t bytes[ENTRY_MAX];
    size_t len = entry_signed_bytes(e, ledger_genesis(w->l), bytes);

    world_sign(w, e, "P");
    world_say(w, BYTES(bytes, len), lie);
    assertion_slot(BYTES(w->said, w->said_len), entry_authority(e)->slot[0].sig);
    memcpy(sayings->said[sayings->n], w->said, w->said_len);
    sayings->len[sayings->n++] = w->said_len;
}

/* Two orders; what the second one's passkey is made to say, or nobody has (other: and something else is given for it). */
static void
signed_by_passkeys(enum world_lie lie, bool missing, bool other, bool attested)
{
    struct world *w = world_new();
    struct site_agent s;
    struct entry e;

    sayings = xcalloc(1, sizeof *sayings);
    world_seed(w);
    world_passkey(w);
    for (int i = 0; i < 2; i++) {
        e = world_move(w, TRANCHE, w->fund, w->tranche, CREDIT);
        say(w, &e, i == 1 ? lie : SAYS_WELL);
        world_add(w, e);
    }
    sayings->n -= missing;
    sayings->other = other;
    agent_make(&s, w);
    assert_int_equal(attests(&s, w), attested);
    assert_true(sayings->asked >= 2);
    assert_int_equal(s.a.witness->attest.broken[0] != '\0', !attested && !missing);
    if (missing) { /* it comes back */
        sayings->n++;
        assert_true(attests(&s, w));
    }
    agent_end(&s);
    world_delete(w);
    free(sayings);
    sayings = NULL;
}

static void
test_passkeys(void **state)
{
    (void)state;
    signed_by_passkeys(SAYS_WELL, false, false, true);
    signed_by_passkeys(SAYS_WELL, true, false, false);
    signed_by_passkeys(SAYS_WELL, true, true, false);
    for (int lie = SAYS_WELL + 1; lie < WORLD_LIES; lie++)
        signed_by_passkeys((enum world_lie)lie, false, false, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_server_does_with_a_jobs_end),
        cmocka_unit_test(what_ends_it),
        cmocka_unit_test(an_operator_of_the_site_gives_it_up),
        cmocka_unit_test(a_report_that_is_never_receipted),
        cmocka_unit_test(test_passkeys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
