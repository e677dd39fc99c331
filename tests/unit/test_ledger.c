/* core/ledger: the story of a small world; random commands conserve credits; undo to any mark restores every byte; the
 * same entries give the same state; nanoseconds an entry. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "world.h"

static struct hash
replayed_state(const struct world *w)
{
    struct ledger *l = ledger_new();
    struct hash state;
    const char *rule = "";

    for (size_t i = 0; i < w->n; i++)
        if (ledger_apply(l, &w->entries[i], NULL, &rule) != OK)
            fail_msg("replay stops at entry %zu: %s", i, rule);
    state = ledger_state_root(l);
    assert_null(ledger_conserved(l));
    assert_true(ledger_group_whole(l));
    ledger_delete(l);
    return state;
}

static void
test_story(void **unused)
{
    struct world *w = world_new();
    const struct account *mint, *a;
    int64_t others = 0;

    (void)unused;
    world_seed(w);
    world_story(w);
    assert_null(ledger_conserved(w->l));
    assert_int_equal(ledger_size(w->l), w->n);
    assert_true(hash_equal(ledger_state_root(w->l), replayed_state(w)));
    mint = ledger_account(w->l, MINT_ACCOUNT);
    for (size_t it = 0; (a = ledger_next_account(w->l, &it)) != NULL;)
        if (a->class != ACCOUNT_MINT)
            others += a->posted_credits - a->posted_debits;
    assert_int_equal(others, 1000000 * CREDIT);
    assert_int_equal(mint->posted_debits - mint->posted_credits, others);
    assert_int_equal(ledger_account(w->l, w->grant[0])->closed, true);
    /* both sites were paid exactly: usage × rate, the dispute's whole hold and a quarter of it from reserve, less CORRECTs */
    a = ledger_account(w->l, w->site_account[0]);
    assert_int_equal(a->posted_credits - a->posted_debits, (8 * 5000 + 8 * 3600) * 2000 - 1000 * CREDIT / 100);
    a = ledger_account(w->l, w->site_account[1]);
    assert_int_equal(a->posted_credits - a->posted_debits, 32 * 3600 * 1500 / 4 * 5);
    for (size_t i = 0; i < w->n; i++)
        if (w->entries[i].kind == NOTICE && w->entries[i].u.notice.type == NOTICE_WITNESSES) {
            struct ledger_witnesses said = ledger_witnesses(w->l);

            assert_int_equal(said.entry, i);
            assert_int_equal(said.time_ms, w->entries[i].time_ms);
            assert_true(hash_equal(said.policy, w->entries[i].u.notice.root));
        }
    assert_int_not_equal(ledger_witnesses(w->l).entry, NO_INDEX);
    /* a site's key that was followed by another, then compromised, is none any more; its successor is */
    assert_int_not_equal(ledger_site_key(w->l, w->site[1])->index, w->site_key[1]);
    assert_false(key_in_force(ledger_key(w->l, w->site_key[1]), w->n, w->now));
    assert_true(key_in_force(ledger_site_key(w->l, w->site[1]), w->n, w->now));
    world_delete(w);
}

static void
test_looking(void **unused)
{
    struct world *w = world_new();
    uint64_t hold;

    (void)unused;
    world_seed(w);
    hold = world_add(w, world_hold(w, 0, 0, 4, 3600));
    assert_ptr_equal(ledger_site_by_code(w->l, "lumi"), ledger_site(w->l, w->site[1]));
    assert_null(ledger_site_by_code(w->l, "nowhere"));
    assert_ptr_equal(ledger_policy_by_code(w->l, "playground", w->now), ledger_policy(w->l, w->policy));
    assert_null(ledger_policy_by_code(w->l, "playground", WORLD_START_MS - 1));
    assert_ptr_equal(ledger_hold_of(w->l, ledger_hold(w->l, hold)->reservation), ledger_hold(w->l, hold));
    assert_int_equal(ledger_site_key(w->l, w->site[0])->index, w->site_key[0]);
    assert_null(ledger_account(w->l, hold));
    assert_null(ledger_hold(w->l, w->fund));
    assert_null(ledger_account(w->l, NO_INDEX));
    assert_non_null(ledger_key(w->l, 0));
    assert_int_equal(ledger_offering(w->l, w->offering[1])->rate, w->rate[1]);
    assert_true(ledger_simulation(w->l));
    world_delete(w);
}

static void
test_dirty_accounts(void **unused)
{
    struct world *w = world_new();
    size_t n = 0;

    (void)unused;
    world_seed(w);
    for (const struct account *a = ledger_dirty(w->l); a != NULL; a = a->next_dirty, n++)
        assert_false(a->stored);
    assert_int_equal(n, 8);
    undo_commit(w->undo);
    ledger_clear_dirty(w->l);
    assert_null(ledger_dirty(w->l));
    world_add(w, world_hold(w, 0, 0, 4, 3600));
    n = 0;
    for (const struct account *a = ledger_dirty(w->l); a != NULL; a = a->next_dirty, n++)
        assert_true(a->stored && a->saved_last_index < a->last_index);
    assert_int_equal(n, 2);
    world_delete(w);
}

/* ---- random commands --------------------------------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t
draw(uint64_t n) /* splitmix64 */
{
    uint64_t z = seed += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (z ^ z >> 31) % n;
}

static const struct hold *
any_hold(struct world *w)
{
    size_t n = 0, pick;

    for (size_t it = 0; ledger_next_hold(w->l, &it) != NULL;)
        n++;
    if (n == 0)
        return NULL;
    pick = n > 12 && draw(4) > 0 ? n - 1 - draw(12) : draw(n); /* mostly recent ones: they are open */
    return ledger_next_hold(w->l, &pick);
}

/* A group that may or may not be lawful. */
static size_t
random_group(struct world *w, struct entry *g)
{
    const struct hold *h = any_hold(w);
    int grant = (int)draw(2), site = (int)draw(2);
    uint32_t gpus = (uint32_t)(1 + draw(64)), walltime = (uint32_t)(60 + draw(20000));
    uint64_t used = h == NULL ? 0 : h->gpus * draw(h->walltime_s + 200);
    size_t n = 1;

    switch (draw(h == NULL ? 4 : 15)) {
    case 0:
    case 1:
        g[0] = world_hold(w, grant, site, gpus, walltime);
        break;
    case 2:
        g[0] = world_move(w, draw(2) ? FUND : TRANCHE, draw(2) ? MINT_ACCOUNT : w->fund, draw(2) ? w->fund : w->tranche, (int64_t)(1 + draw(1000 * CREDIT)));
        break;
    case 3:
        g[0] = world_move(w, CLAWBACK, w->grant[grant], w->tranche, (int64_t)(1 + draw(100 * CREDIT)));
        break;
    case 4:
    case 5:
        g[0] = world_settle(w, h->index, draw(3) ? REPORT_FINISHED : REPORT_FAILED, used);
        break;
    case 6:
    case 7:
        g[0] = world_settle(w, h->index, REPORT_USAGE, used);
        break;
    case 8:
        g[0] = world_void(w, h->index, (enum void_reason)(VOID_CANCELLED + draw(9)));
        break;
    case 9:
        g[0] = world_void(w, h->index, VOID_MOVED);
        g[1] = world_hold(w, grant, site, gpus, walltime);
        g[1].u.hold.request = h->request;
        g[1].u.hold.fence = h->fence + 1 + draw(2);
        n = 2;
        break;
    case 10:
        g[0] = world_expire(w, h->index);
        break;
    case 11:
        g[0] = world_dispute(w, h->index, !h->disputed || draw(4) == 0);
        break;
    case 12:
        g[0] = world_resolve(w, h->index, (uint32_t)(1 + draw(1000)));
        break;
    case 13: {
        uint64_t of = draw(w->n);
        g[0] = world_correct(w, of, (int64_t)(1 + draw(2 * (uint64_t)w->entries[of].amount + 2)));
        break;
    }
    default:
        g[0] = world_lapse(w, w->grant[grant]);
    }
    for (size_t i = 0; i < 2 && w->now >= w->grant_end && n + i < 4; i++) /* what came back lapses */
        if (draw(3) > 0 && g[0].amount > 0 && g[0].credit != w->tranche) {
            g[n] = world_lapse(w, g[0].kind == CORRECT ? g[0].credit < w->n && w->entries[g[0].credit].kind == OPEN &&
                                  w->entries[g[0].credit].u.open.class == ACCOUNT_GRANT ? g[0].credit : w->grant[0] : w->grant[i]);
            g[n].amount += g[0].amount;
            n++;
            break;
        }
    return n;
}

struct saved { undo_mark mark; size_t n; struct merkle tree; struct world_image image; };

static void
go_back(struct world *w, struct saved *s)
{
    struct world_image now;

    undo_back(w->undo, s->mark);
    w->n = s->n;
    w->tree = s->tree;
    now = world_image(w);
    if (!world_image_same(&now, &s->image))
        fail_msg("undo to a mark does not restore every byte");
    world_image_free(&now);
}

static void
random_world(uint64_t with_seed, size_t steps, size_t *ret_taken, unsigned *ret_kinds)
{
    struct world *w = world_new();
    struct entry g[4];
    struct saved saved[4];
    size_t marks = 0;

    seed = with_seed;
    world_seed(w);
    undo_commit(w->undo);
    for (size_t i = 0; i < steps; i++) {
        size_t n;

        if (draw(8) == 0)
            w->now += (int64_t)draw(draw(10) == 0 ? 20 * DAY_MS : HOUR_MS);
        if (marks < 4 && draw(10) == 0) {
            saved[marks] = (struct saved){ undo_here(w->undo), w->n, w->tree, world_image(w) };
            marks++;
        }
        n = random_group(w, g);
        if (world_try(w, g, n) == OK) {
            *ret_taken += n;
            for (size_t k = 0; k < n; k++)
                *ret_kinds |= 1u << g[k].kind;
        }
        if (ledger_conserved(w->l) != NULL)
            fail_msg("seed %" PRIu64 ", step %zu: %s", with_seed, i, ledger_conserved(w->l));
        if (marks > 0 && draw(25) == 0) {
            size_t to = draw(marks);
            go_back(w, &saved[to]);
            while (marks > to)
                world_image_free(&saved[--marks].image);
        }
    }
    while (marks > 0)
        world_image_free(&saved[--marks].image);
    assert_true(hash_equal(ledger_state_root(w->l), replayed_state(w)));
    world_delete(w);
}

static void
test_random_commands(void **unused)
{
    const char *given = getenv("KONTOR_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    size_t taken = 0, worlds = getenv("KONTOR_LONG") != NULL ? 400 : 8;
    unsigned kinds = 0, all = 0;

    (void)unused;
    for (int k = FUND; k <= CORRECT; k++)
        all |= k == GRANT ? 0 : 1u << k;
    printf("# KONTOR_SEED=%" PRIu64 "\n", first);
    for (size_t i = 0; i < worlds; i++)
        random_world(first + i, 400, &taken, &kinds);
    printf("# %zu worlds, %zu entries taken\n", worlds, taken);
    assert_true(taken > worlds * 30);
    if (worlds >= 100)
        assert_int_equal(kinds & all, all);
}

/* ---- the statement of state -------------------------------------------------------------------------------------- */

/* The root as schema/journal/layout.md has it, without anything kept. */
static struct hash
plain_root(const struct ledger *l)
{
    struct merkle tree = { .size = 0 };
    const struct account *a;

    for (size_t it = 0; (a = ledger_next_account(l, &it)) != NULL;) {
        uint8_t leaf[48];
        struct wire_out w = { leaf, leaf + sizeof leaf };

        put_u64(&w, a->index);
        put_u64(&w, a->last_index);
        put_i64(&w, a->posted_debits);
        put_i64(&w, a->posted_credits);
        put_i64(&w, a->held_debits);
        put_i64(&w, a->held_credits);
        merkle_append(&tree, entry_leaf_hash(BYTES(leaf, sizeof leaf)));
    }
    return merkle_root(&tree);
}

/* Accounts open and are taken back, credits move and are taken back: the kept tree gives the plain root every time. */
static void
test_state_root(void **unused)
{
    struct world *w = world_new();
    struct ledger *empty = ledger_new();

    (void)unused;
    seed = 7;
    assert_true(hash_equal(ledger_state_root(empty), plain_root(empty)));
    world_seed(w);
    for (int i = 0; i < 600; i++) {
        undo_mark mark = undo_here(w->undo);
        size_t n = w->n;

        for (uint64_t k = draw(4); k > 0; k--)
            world_add(w, draw(3) == 0 ? world_hold(w, (int)draw(2), (int)draw(2), 1, 60)
                                      : world_open(w, ACCOUNT_GRANT, w->org[draw(2)], 0));
        if (draw(2) == 0)
            assert_true(hash_equal(ledger_state_root(w->l), plain_root(w->l)));
        if (draw(3) == 0) {
            undo_back(w->undo, mark);
            w->n = n;
        }
        if (draw(2) == 0)
            assert_true(hash_equal(ledger_state_root(w->l), plain_root(w->l)));
    }
    ledger_delete(empty);
    world_delete(w);
}

/* ---- speed ------------------------------------------------------------------------------------------------------- */

static int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void
test_speed(void **unused)
{
    enum { HOLDS = 20000 };
    struct world *w = world_new();
    struct entry *holds = xcalloc(HOLDS, sizeof *holds), *voids = xcalloc(HOLDS, sizeof *voids);
    int64_t ns[4] = { 0 }, begin;
    const char *rule = "";
    uint8_t bytes[ENTRY_MAX];
    struct merkle tree = { .size = 0 };

    (void)unused;
    world_seed(w);
    undo_commit(w->undo);
    for (size_t i = 0; i < HOLDS; i++) {
        holds[i] = world_hold(w, 0, (int)(i % 2), 1, 60);
        voids[i] = entry_new(VOID);
        voids[i].u.release.reason = VOID_CANCELLED;
    }
    for (size_t i = 0; i < HOLDS; i++) {
        begin = now_ns();
        ledger_place(w->l, &holds[i], 1, w->now);
        if (ledger_apply(w->l, &holds[i], w->undo, &rule) != OK)
            fail_msg("%s", rule);
        ns[0] += now_ns() - begin;
        voids[i].u.release.hold = holds[i].index;
        begin = now_ns();
        ledger_fill_hold(w->l, holds[i].index, &voids[i]);
        ledger_place(w->l, &voids[i], 1, w->now);
        if (ledger_apply(w->l, &voids[i], w->undo, &rule) != OK)
            fail_msg("%s", rule);
        ns[1] += now_ns() - begin;
        if (i % 500 == 0)
            undo_commit(w->undo);
    }
    begin = now_ns();
    for (size_t i = 0; i < HOLDS; i++)
        merkle_append(&tree, entry_leaf_hash(BYTES(bytes, entry_encode(&holds[i], bytes))));
    ns[2] = now_ns() - begin;
    begin = now_ns();
    for (size_t i = 0; i < HOLDS; i++)
        (void)entry_encode(&holds[i], bytes);
    ns[3] = now_ns() - begin;
    printf("# ns an entry: HOLD %" PRId64 ", VOID %" PRId64 " (placed and applied, with undo); encode, leaf and tree %" PRId64 " (encode alone %" PRId64 ")\n",
           ns[0] / HOLDS, ns[1] / HOLDS, ns[2] / HOLDS, ns[3] / HOLDS);
    for (size_t i = 0; i < 100000; i++)
        world_add(w, world_open(w, ACCOUNT_GRANT, w->org[i % 2], 0));
    begin = now_ns();
    (void)ledger_state_root(w->l);
    ns[0] = now_ns() - begin;
    world_add(w, world_hold(w, 0, 0, 1, 60));
    begin = now_ns();
    (void)ledger_state_root(w->l);
    ns[1] = now_ns() - begin;
    printf("# statement of state over 100,000 accounts: %.1f ms the first, %.1f ms the next\n", (double)ns[0] / 1e6, (double)ns[1] / 1e6);
    assert_null(ledger_conserved(w->l));
    free(holds);
    free(voids);
    world_delete(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story),
        cmocka_unit_test(test_looking),
        cmocka_unit_test(test_dirty_accounts),
        cmocka_unit_test(test_random_commands),
        cmocka_unit_test(test_state_root),
        cmocka_unit_test(test_speed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
