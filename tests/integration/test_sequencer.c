/* tests/integration/test_sequencer.c: commands through the sequencer into PostgreSQL and back: batches, keys, limits, the
 * lease, and a rebuild that gives the same state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "market/figures.h"
#include "market/log_tiles.h"
#include "market_fixture.h"
#include "store/answers.h"
#include "store/tiles.h"

static int
setup(void **state)
{
    struct fixture *f = fixture_new();

    fixture_start(f);
    *state = f;
    return 0;
}

static int
setup_seeded(void **state)
{
    setup(state);
    fixture_seed(*state);
    return 0;
}

static int
teardown(void **state)
{
    fixture_delete(*state);
    return 0;
}

static void
an_empty_journal_gets_its_first_entries(void **state)
{
    struct fixture *f = *state;
    const struct state *s = market_read_lock(f->m);
    uint64_t size = ledger_size(s->ledger);
    struct hash genesis = ledger_genesis(s->ledger);

    market_read_unlock(f->m);
    assert_true(size == 3);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM entry WHERE time_ms > 0"), 3);
    assert_false(hash_equal(genesis, (struct hash){ { 0 } }));
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM entry"), 3);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM account"), 2);
}

static void
entries_and_rows_go_together(void **state)
{
    struct fixture *f = *state;
    struct uuid id = fixture_reserve(f, 0);
    const struct state *s;
    bool known;

    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM reservation r JOIN entry e ON e.index = r.hold AND e.kind = 8"
                                         " JOIN ticket t ON t.reservation = r.id AND t.seq = r.seq"
                                         " JOIN quote q ON q.id = r.quote AND q.state = 'used'"), 1);
    assert_int_equal(test_sql_i64(&f->t, "SELECT held_debits FROM account WHERE held_debits > 0"), 4 * 60 * 1500);
    assert_int_equal(test_sql_i64(&f->t, "SELECT size - (SELECT max(index) FROM entry) FROM head"), 1);
    s = market_read_lock(f->m);
    known = map_get(s->reservations, &id) != NULL;
    market_read_unlock(f->m);
    assert_true(known);
}

static void
a_restart_finds_everything_again(void **state)
{
    struct fixture *f = *state;
    struct command pause = fixture_command(COMMAND_SITE_STATUS);
    struct command quote = fixture_quote(f, 0, fixture_uuid(f), 8, 3600);
    struct fixture_summary before, after;
    struct site_state site;
    const struct state *s;

    for (int i = 0; i < 5; i++)
        fixture_reserve(f, i % 2);
    assert_int_equal(fixture_send(f, &quote), OK);
    free((void *)quote.in.quote.ask);
    pause.in.site_status.site = f->w->site[0];
    pause.in.site_status.paused = 1;
    pause.in.site_status.draining = -1;
    memcpy(pause.in.site_status.reason, "cooling", 8);
    assert_int_equal(fixture_send(f, &pause), OK);
    before = fixture_summary(f->m);
    fixture_stop(f);
    fixture_start(f);
    after = fixture_summary(f->m);
    assert_memory_equal(&before, &after, sizeof before);
    s = market_read_lock(f->m);
    site = *(const struct site_state *)map_get_u64(s->sites, f->w->site[0]);
    market_read_unlock(f->m);
    assert_true(site.paused && !site.draining);
    assert_string_equal(site.reason, "cooling");
    fixture_reserve(f, 0);
}

/* A key whose time is over, and which waits to be removed, is known after a restart too: its answer is given again, and
 * its caller's command is not taken for a new one that the table refuses. */
static void
an_old_key_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct command first = fixture_move(f, 5), again;

    first.idem = fixture_key(f);
    assert_int_equal(fixture_send(f, &first), OK);
    test_sql(&f->t, "UPDATE answer SET created_ms = 1");
    fixture_stop(f);
    fixture_start(f);
    again = fixture_move(f, 5);
    again.idem = first.idem;
    assert_int_equal(fixture_send(f, &again), OK);
    assert_true(again.answer.flags & ANSWER_REPEATED);
    assert_int_equal(again.answer.index, first.answer.index);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM entry WHERE kind = 4 AND amount = 5"), 1);
}

/* A quote that the janitor could not end (the server was away for hours) is ended with the next entry: the leader after
 * that reads by the journal's time, and would not find it. */
static void
no_quote_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct command quote = fixture_quote(f, 0, fixture_uuid(f), 8, 3600), move;

    assert_int_equal(fixture_send(f, &quote), OK);
    free((void *)quote.in.quote.ask);
    fixture_stop(f);
    test_sql(&f->t, "UPDATE quote SET created_ms = created_ms - 95 * 60000, expires_ms = expires_ms - 95 * 60000");
    fixture_start(f);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM quote WHERE state = 'open'"), 1);
    move = fixture_move(f, 1);
    assert_int_equal(fixture_send(f, &move), OK);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM quote WHERE state = 'expired' AND ended_ms > 0"), 1);
}

/* A leader whose clock was years ahead has promised what lies beyond the horizon that the next one has. */
static void
a_promise_beyond_the_horizon_is_kept(void **state)
{
    struct fixture *f = *state;
    struct uuid id = fixture_reserve(f, 0);
    struct fixture_summary before, after;
    const struct state *s;

    fixture_stop(f);
    test_sql_sealed(&f->t, "UPDATE reservation SET booked_slot = booked_slot + 110000");
    fixture_start(f);
    s = market_read_lock(f->m);
    assert_non_null(map_get(s->reservations, &id));
    market_read_unlock(f->m);
    before = fixture_summary(f->m);
    fixture_stop(f);
    fixture_start(f);
    after = fixture_summary(f->m);
    assert_memory_equal(&before, &after, sizeof before);
}

static void
a_thousand_at_once(void **state)
{
    enum { N = 1000 };
    struct fixture *f = *state;
    struct command *commands = xcalloc(N, sizeof *commands);
    size_t commits = f->commits;

    for (size_t i = 0; i < N; i++)
        commands[i] = fixture_move(f, (int64_t)i + 1);
    fixture_send_all(f->m, commands, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(commands[i].err, OK);
    assert_true(f->commits - commits < 100);
    assert_int_equal(test_sql_i64(&f->t, "SELECT sum(amount) FROM entry WHERE kind = 4 AND amount <= 1000"),
                     N * (N + 1) / 2);
    free(commands);
}

static void
a_refusal_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct command commands[3];
    int64_t size = test_sql_i64(&f->t, "SELECT size FROM head");

    commands[0] = fixture_move(f, 5);
    commands[1] = fixture_move(f, (int64_t)1 << 60); /* more than the fund has */
    commands[2] = fixture_move(f, 7);
    fixture_send_all(f->m, commands, 3);
    assert_int_equal(commands[0].err, OK);
    assert_int_equal(commands[1].err, ERR_INSUFFICIENT_CREDITS);
    assert_true(commands[1].detail.text[0] != '\0');
    assert_int_equal(commands[2].err, OK);
    assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size + 2);
}

static void
a_repeated_key_gets_the_same_answer(void **state)
{
    struct fixture *f = *state;
    struct command first = fixture_move(f, 5), again, other, too_much = fixture_move(f, (int64_t)1 << 60), forbidden;
    int64_t size;

    first.idem = fixture_key(f);
    too_much.idem = fixture_key(f);
    forbidden = fixture_move(f, 5);
    forbidden.idem = fixture_key(f);
    forbidden.actor.kind = ACTOR_NOBODY;
    assert_false(market_key_maybe_known(f->m, &first.idem.scope));
    again = first;
    assert_int_equal(fixture_send(f, &first), OK);
    assert_true(market_key_maybe_known(f->m, &first.idem.scope));
    assert_int_equal(fixture_send(f, &too_much), ERR_INSUFFICIENT_CREDITS);
    size = test_sql_i64(&f->t, "SELECT size FROM head");
    for (int round = 0; round < 2; round++) {
        struct command refused = too_much, judged_anew = forbidden;

        assert_int_equal(fixture_send(f, &again), OK);
        assert_true(again.answer.index == first.answer.index);
        assert_true((again.answer.flags & ANSWER_REPEATED) != 0);
        assert_int_equal(fixture_send(f, &refused), ERR_INSUFFICIENT_CREDITS);
        assert_string_equal(refused.detail.text, too_much.detail.text);
        other = first;
        other.idem.request = sha256(BYTES("another", 7));
        assert_int_equal(fixture_send(f, &other), ERR_KEY_CONFLICT);
        assert_int_equal(fixture_send(f, &judged_anew), ERR_FORBIDDEN); /* not remembered */
        assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size);
        fixture_stop(f);
        fixture_start(f);
    }
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM answer"), 2);
}

static void
equal_keys_in_one_batch(void **state)
{
    struct fixture *f = *state;
    struct command commands[50];
    struct idem key = fixture_key(f);
    int64_t size = test_sql_i64(&f->t, "SELECT size FROM head");

    commands[0] = fixture_move(f, 5);
    commands[0].idem = key;
    for (size_t i = 1; i < 50; i++)
        commands[i] = commands[0];
    commands[49].idem.request = sha256(BYTES("another", 7));
    fixture_send_all(f->m, commands, 50);
    for (size_t i = 0; i < 49; i++) {
        assert_int_equal(commands[i].err, OK);
        assert_true(commands[i].answer.index == commands[0].answer.index);
    }
    assert_int_equal(commands[49].err, ERR_KEY_CONFLICT);
    assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size + 1);
}

static void
the_queue_is_bounded(void **state)
{
    enum { N = 400 };
    struct fixture *f = *state;
    struct command *commands = xcalloc(N, sizeof *commands);
    size_t limited = 0, busy = 0, done = 0;

    fixture_stop(f);
    f->config.queue_per_organisation = 20;
    f->config.queue_max = 50;
    fixture_start(f);
    for (size_t i = 0; i < N; i++) {
        commands[i] = fixture_move(f, 1);
        if (i % 2 == 0)
            commands[i].org = f->w->org[0];
    }
    fixture_send_all(f->m, commands, N);
    for (size_t i = 0; i < N; i++) {
        limited += commands[i].err == ERR_RATE_LIMITED;
        busy += commands[i].err == ERR_BUSY;
        done += commands[i].err == OK;
        assert_true(commands[i].err == OK || commands[i].detail.retry_after_s > 0);
    }
    assert_true(limited > 0 && busy > 0 && done > 0);
    assert_int_equal(limited + busy + done, N);
    free(commands);
}

static void
a_second_server_waits_for_the_lease(void **state)
{
    struct fixture *f = *state;
    struct market_config config = f->config;
    struct market *second;
    struct command c = fixture_move(f, 3);

    config.on_commit = NULL;
    assert_int_equal(market_start(&config, &second, NULL), OK);
    fixture_send_all(second, &c, 1);
    assert_int_equal(c.err, ERR_NOT_LEADER);
    assert_null(market_read_lock(second));
    c = fixture_move(f, 3);
    assert_int_equal(fixture_send(f, &c), OK);
    fixture_stop(f);
    fixture_wait(second, MARKET_LEADING);
    c = fixture_move(f, 3);
    fixture_send_all(second, &c, 1);
    assert_int_equal(c.err, OK);
    market_stop(second);
}

static void
an_old_leader_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct command c;
    int64_t size;
    enum err err = OK;

    for (int i = 0; i < 20 && err == OK; i++) { /* once a second it looks by itself, and may be first */
        size = test_sql_i64(&f->t, "SELECT size FROM head");
        c = fixture_move(f, 3);
        test_sql_sealed(&f->t, "UPDATE head SET term = term + 1"); /* as another server does when it takes the lease */
        err = fixture_send(f, &c);
        fixture_wait(f->m, MARKET_LEADING);
    }
    assert_int_equal(err, ERR_DB);
    assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size);
    c = fixture_move(f, 3);
    assert_int_equal(fixture_send(f, &c), OK);
    assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size + 1);
}

/* A whole tile of a higher level that was read is kept; not beyond the memory that was built beside it: the database may be
 * an older one by then. */
static void
tiles_are_forgotten_with_the_memory(void **state)
{
    struct fixture *f = *state;
    struct db *db = db_new(&(struct db_config){ .conninfo = f->t.super, .name = "test" });
    struct hash hashes[TILE_WIDTH];
    struct command c = fixture_move(f, 3);
    enum err err;

    test_sql(&f->t, "INSERT INTO tile SELECT 7, 9, string_agg(sha256(n::text::bytea), '') FROM generate_series(1, 256) n");
    assert_int_equal(log_tile(f->m, db, 7, 9, 1, hashes), OK);
    test_sql(&f->t, "DELETE FROM tile WHERE level = 7");
    assert_int_equal(log_tile(f->m, db, 7, 9, 1, hashes), OK);
    test_sql_sealed(&f->t, "UPDATE head SET term = term + 1");
    err = fixture_send(f, &c);
    assert_true(err == OK || err == ERR_DB); /* once a second it looks by itself */
    fixture_wait(f->m, MARKET_LEADING);
    assert_int_equal(log_tile(f->m, db, 7, 9, 1, hashes), ERR_NOT_FOUND);
    db_delete(db);
}

static void
check_subtrees(struct log_reader *r, int level, uint64_t tile, const struct hash hashes[TILE_WIDTH])
{
    struct merkle_source from = log_reader_source(r);

    for (unsigned k = 0; k < 8; k++)
        for (unsigned i = 0; i < (unsigned)TILE_WIDTH >> k; i++) {
            struct merkle sum = { .size = 0 };
            struct hash want, got;

            for (unsigned j = 0; j < 1u << k; j++)
                merkle_append(&sum, hashes[(i << k) + j]);
            want = merkle_root(&sum);
            assert_int_equal(from.subtree(from.ctx, (unsigned)level * 8 + k, tile * ((unsigned)TILE_WIDTH >> k) + i, &got), OK);
            assert_memory_equal(&want, &got, sizeof want);
        }
}

/* What a proof is made of is the same out of the database, out of a tile that is kept, and out of one that came with its
 * entry; and never beyond the log's size. */
static void
subtrees_out_of_kept_tiles(void **state)
{
    enum { LEVEL = 1, TILE = 5 };
    const uint64_t size = (TILE + 1) * (uint64_t)TILE_WIDTH * TILE_WIDTH;
    struct fixture *f = *state;
    struct db *db = db_new(&(struct db_config){ .conninfo = f->t.super, .name = "test" });
    struct log_reader *r = log_reader_new(f->m, db, size);
    struct merkle_source from = log_reader_source(r);
    struct hash hashes[TILE_WIDTH], root;

    test_sql(&f->t, "INSERT INTO tile SELECT 1, 5, string_agg(sha256(n::text::bytea), '') FROM generate_series(1, 256) n");
    assert_int_equal(tiles_find(db, LEVEL, TILE, hashes), OK);
    check_subtrees(r, LEVEL, TILE, hashes);
    test_sql(&f->t, "DELETE FROM tile WHERE level = 1");
    log_reader_delete(r);
    r = log_reader_new(f->m, db, size);
    check_subtrees(r, LEVEL, TILE, hashes);
    assert_int_equal(from.subtree(r, LEVEL * 8, (TILE + 1) * TILE_WIDTH, &root), ERR_NOT_FOUND);
    log_reader_know(r, 1000, hashes);
    check_subtrees(r, 0, 1000, hashes);
    log_reader_delete(r);
    r = log_reader_new(f->m, db, size - 1);
    assert_int_equal(from.subtree(r, LEVEL * 8 + 7, TILE * 2, &root), OK);
    assert_int_equal(from.subtree(r, LEVEL * 8 + 7, TILE * 2 + 1, &root), ERR_NOT_FOUND);
    log_reader_delete(r);
    db_delete(db);
}

/* Another server has led meanwhile and stored an answer under the key that comes here now: the row that stands in the way
 * is no fault of the command's data. */
static void
an_old_leader_blames_no_command(void **state)
{
    struct fixture *f = *state;
    enum err err = OK;

    for (int i = 0; i < 20 && err == OK; i++) { /* once a second it looks by itself, and may be first */
        struct command c = fixture_move(f, 3);
        char scope[HEX_LEN(32)], request[HEX_LEN(32)], sql[600];

        c.idem = fixture_key(f);
        hex_encode(BYTES(c.idem.scope.b, 32), scope);
        hex_encode(BYTES(c.idem.request.b, 32), request);
        assert_true(text_format(sql, sizeof sql,
                                "UPDATE head SET term = term + 1;"
                                "INSERT INTO answer (scope, request, err, index, number, time_ms, flags, text, created_ms)"
                                " VALUES ('\\x%s', '\\x%s', 'ok', 0, 0, 0, 0, '', 0)",
                                scope, request));
        test_sql_sealed(&f->t, sql);
        err = fixture_send(f, &c);
        fixture_wait(f->m, MARKET_LEADING);
    }
    assert_int_equal(err, ERR_DB);
}

static void
it_notices_by_itself_that_another_leads(void **state)
{
    struct fixture *f = *state;
    int64_t term, until_ms = monotonic_ms() + 10000;
    struct market_leader leader;

    test_sql_sealed(&f->t, "UPDATE head SET term = term + 1");
    term = test_sql_i64(&f->t, "SELECT term FROM head");
    /* nobody sends anything: it steps down, and here, as nobody else wants the lease, begins a later term */
    do
        market_leader(f->m, &leader);
    while (leader.term <= (uint64_t)term && monotonic_ms() < until_ms);
    assert_true(leader.term > (uint64_t)term);
    fixture_wait(f->m, MARKET_LEADING);
    assert_true(market_leads(f->m));
}

static atomic_bool tell_fails;

static struct db_fault
fail_to_tell(void *ctx, const char *query)
{
    struct db_fault fault = { .kind = DB_FAULT_NONE };

    (void)ctx;
    if (strcmp(query, "journal_leader_tell") == 0 && atomic_exchange(&tell_fails, false))
        fault.kind = DB_FAULT_LOST_BEFORE;
    return fault;
}

/* Another has led and written. The lease is taken, and before the memory is built anew the connection is lost: the lease
 * that is taken then is the next after ours, and the memory is old all the same. */
static void
a_lease_that_is_taken_twice_makes_no_old_memory_good(void **state)
{
    struct fixture *f = *state;
    uint64_t site = f->w->site[0];
    const struct state *s;
    int64_t term;
    bool paused;

    fixture_stop(f);
    f->config.fault = fail_to_tell;
    fixture_start(f);
    term = test_sql_i64(&f->t, "SELECT term FROM leader") + 3; /* the other's, the one that fails, the one after */
    atomic_store(&tell_fails, true);
    test_sql_sealed(&f->t, "UPDATE head SET term = term + 1, batch = batch + 1; UPDATE site_status SET paused = true");
    for (int64_t until_ms = monotonic_ms() + 20000;
         test_sql_i64(&f->t, "SELECT term FROM leader") < term && monotonic_ms() < until_ms;)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    assert_false(atomic_load(&tell_fails));
    fixture_wait(f->m, MARKET_LEADING);
    s = market_read_lock(f->m);
    paused = ((const struct site_state *)map_get_u64(s->sites, site))->paused;
    market_read_unlock(f->m);
    assert_true(paused);
    f->config.fault = NULL;
}

/* A statement fails three times: the callers are told, and an empty batch is to show whether it works again. */
static struct { atomic_int writes, commits; enum db_fault_kind how; } probe_fails;

static struct db_fault
fail_to_probe(void *ctx, const char *query)
{
    (void)ctx;
    if (strcmp(query, "journal_write") == 0 && atomic_fetch_sub(&probe_fails.writes, 1) > 0)
        return (struct db_fault){ DB_FAULT_ERROR, "XX000" };
    if (strcmp(query, "COMMIT") == 0 && atomic_load(&probe_fails.writes) <= 0 && atomic_fetch_sub(&probe_fails.commits, 1) > 0)
        return (struct db_fault){ probe_fails.how, "" };
    return (struct db_fault){ .kind = DB_FAULT_NONE };
}

/* Whether that batch was committed is not known: the memory is built anew, once, and the next caller is served at once. */
static void
a_probe_whose_outcome_is_not_known(void **state)
{
    static const enum db_fault_kind HOWS[] = { DB_FAULT_LOST_BEFORE, DB_FAULT_WARNING }; /* not done, done */
    struct fixture *f = *state;

    fixture_stop(f);
    atomic_store(&probe_fails.writes, 0);
    f->config.fault = fail_to_probe;
    fixture_start(f);
    for (size_t i = 0; i < sizeof HOWS / sizeof HOWS[0]; i++) {
        struct command failed = fixture_move(f, 1), next = fixture_move(f, 1);
        const struct market_figures *figures = market_figures(f->m);
        uint64_t rebuilds = atomic_load(&figures->rebuilds);
        int64_t batch;

        probe_fails.how = HOWS[i];
        atomic_store(&probe_fails.writes, 3);
        atomic_store(&probe_fails.commits, 1);
        assert_int_equal(err_status(fixture_send(f, &failed)), 503);
        fixture_wait(f->m, MARKET_LEADING);
        assert_true(atomic_load(&probe_fails.commits) <= 0);
        assert_int_equal(atomic_load(&figures->rebuilds), rebuilds + 1);
        batch = test_sql_i64(&f->t, "SELECT batch FROM head");
        assert_int_equal(fixture_send(f, &next), OK);
        assert_int_equal(test_sql_i64(&f->t, "SELECT batch FROM head"), batch + 1);
        assert_int_equal(atomic_load(&figures->rebuilds), rebuilds + 1);
    }
    fixture_stop(f);
    f->config.fault = NULL;
    fixture_start(f);
}

/* The database ends a connection that says nothing for five seconds. One that leads says something each second. */
static void
an_idle_leader_keeps_the_lease(void **state)
{
    struct fixture *f = *state;
    int64_t term = test_sql_i64(&f->t, "SELECT term FROM head"), until_ms = monotonic_ms() + 6000;

    assert_int_equal(test_sql_i64(&f->t, "SELECT term FROM leader"), term);
    while (monotonic_ms() < until_ms) {
        assert_true(market_leads(f->m));
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    assert_int_equal(test_sql_i64(&f->t, "SELECT term FROM head"), term);
}

static void
a_balance_that_was_touched_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct command c = fixture_move(f, 3);
    char why[320];
    int64_t size = test_sql_i64(&f->t, "SELECT size FROM head");

    test_sql(&f->t, "UPDATE account SET last_index = last_index + 1 WHERE class = 3");
    assert_int_equal(fixture_send(f, &c), ERR_DB); /* a row count does not fit: rolled back, memory built anew */
    fixture_wait(f->m, MARKET_TROUBLED);           /* and the rebuild says what is wrong */
    market_trouble(f->m, why);
    assert_non_null(strstr(why, "account"));
    assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size);
    test_sql(&f->t, "UPDATE account SET last_index = last_index - 1 WHERE class = 3");
    fixture_wait(f->m, MARKET_LEADING);
    test_sql(&f->t, "ALTER TABLE entry DROP CONSTRAINT entry_leaf");
    test_sql(&f->t, "UPDATE entry SET amount = amount + 1 WHERE index = (SELECT max(index) FROM entry WHERE kind = 3)");
    fixture_stop(f);
    assert_int_equal(market_start(&f->config, &f->m, NULL), OK);
    fixture_wait(f->m, MARKET_TROUBLED);
    market_trouble(f->m, why);
    assert_non_null(strstr(why, "leaf hash"));
    test_sql(&f->t, "UPDATE entry SET amount = amount - 1 WHERE index = (SELECT max(index) FROM entry WHERE kind = 3)");
    fixture_wait(f->m, MARKET_LEADING);
}

static void
another_key_than_the_journals_is_refused(void **state)
{
    struct fixture *f = *state;
    char why[320];

    fixture_stop(f);
    f->config.server_public_key[0] ^= 1;
    assert_int_equal(market_start(&f->config, &f->m, NULL), OK);
    fixture_wait(f->m, MARKET_TROUBLED);
    market_trouble(f->m, why);
    assert_non_null(strstr(why, "key"));
    fixture_stop(f);
    f->config.server_public_key[0] ^= 1;
    fixture_start(f);
}

/* The statements were planned when the tables were empty. PostgreSQL counts what it reads, and says so a little later. */
static void
rows_are_found_by_their_keys(void **state)
{
    enum { N = 40 };
    struct fixture *f = *state;
    int64_t updated = 0;

    for (int i = 0; i < N; i++)
        fixture_reserve(f, 0);
    fixture_stop(f);
    for (int i = 0; i < 1000 && updated < N; i++) {
        updated = test_sql_i64(&f->t, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'quote'");
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    assert_int_equal(updated, N);
    assert_true(test_sql_i64(&f->t, "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'quote'") < N);
    fixture_start(f);
}

static void
all_are_answered_at_the_end(void **state)
{
    enum { N = 500 };
    struct fixture *f = *state;
    struct command *commands = xcalloc(N, sizeof *commands);
    struct command late;

    for (size_t i = 0; i < N; i++)
        commands[i] = fixture_move(f, 1);
    fixture_send_all(f->m, commands, N);
    fixture_stop(f);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(commands[i].err, OK);
    fixture_start(f);
    late = fixture_move(f, 1);
    assert_int_equal(fixture_send(f, &late), OK);
    free(commands);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_journal_gets_its_first_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_and_rows_go_together, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_restart_finds_everything_again, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(an_old_key_after_a_restart, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(no_quote_is_forgotten, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_promise_beyond_the_horizon_is_kept, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_thousand_at_once, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_changes_nothing, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_repeated_key_gets_the_same_answer, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(equal_keys_in_one_batch, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_second_server_waits_for_the_lease, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(an_old_leader_writes_nothing, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(tiles_are_forgotten_with_the_memory, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(subtrees_out_of_kept_tiles, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(it_notices_by_itself_that_another_leads, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_lease_that_is_taken_twice_makes_no_old_memory_good, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_probe_whose_outcome_is_not_known, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(an_old_leader_blames_no_command, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(an_idle_leader_keeps_the_lease, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(a_balance_that_was_touched_is_noticed, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(another_key_than_the_journals_is_refused, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(rows_are_found_by_their_keys, setup_seeded, teardown),
        cmocka_unit_test_setup_teardown(all_are_answered_at_the_end, setup_seeded, teardown),
    };

    alarm(300); /* a test that hangs is a test that fails */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
