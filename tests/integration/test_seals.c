/* tests/integration/test_seals.c
 * Rows that somebody has changed behind the server's back: each column of each sealed table is told, with the row's name;
 * a server does not lead on them; sealing anew is the way out. (Through the programs: tests/api/test_seals.py.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "market_fixture.h"
#include "store/checkpoints.h"
#include "store/evidence.h"

static int
setup(void **state)
{
    struct fixture *f = fixture_new();

    fixture_start(f);
    fixture_seed(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    fixture_delete(*state);
    return 0;
}

/* Starts, does not lead, and says this. */
static void
refuses(struct fixture *f, const char *why)
{
    char said[320] = "";

    assert_int_equal(market_start(&f->config, &f->m, NULL), OK);
    fixture_wait(f->m, MARKET_TROUBLED);
    (void)market_trouble(f->m, said);
    if (strstr(said, why) == NULL)
        fail_msg("it says “%s”, not “%s”", said, why);
    fixture_stop(f);
}

static void
a_changed_reservation_is_refused(void **state)
{
    static const char *const ALTERED[] = {
        "ended_ms = ended_ms + 1", "move_freely = NOT move_freely", "moved_from = id", "name = name || '.'", "ask = sha256('')",
        "output = sha256('')", "moved_to = '00000000-0000-0000-0000-000000000000'", "gpus = gpus + (1::bigint << 32), cost_gpums = (gpus + (1::bigint << 32)) * walltime_s * rate_milli", "seal = NULL",
        "seal = set_byte(seal, 3, get_byte(seal, 3) # 1)", "seal = ''",
    };
    struct fixture *f = *state;
    char id[UUID_TEXT], sql[400], wrong[200];

    uuid_text(fixture_reserve(f, 0), id);
    (void)fixture_reserve(f, 1);
    fixture_stop(f);
    assert_int_equal(test_seals_wrong(&f->t, NULL, 0), 0);
    test_sql(&f->t, "CREATE TABLE kept AS TABLE reservation");
    for (size_t i = 0; i < sizeof ALTERED / sizeof ALTERED[0]; i++) {
        text_format(sql, sizeof sql, "UPDATE reservation SET %s WHERE id = '%s'", ALTERED[i], id);
        test_sql(&f->t, sql);
        assert_int_equal(test_seals_wrong(&f->t, wrong, sizeof wrong), 1);
        assert_non_null(strstr(wrong, id));
        text_format(sql, sizeof sql, "reservation %s ", id);
        refuses(f, sql);
        test_sql(&f->t, "DELETE FROM reservation; INSERT INTO reservation SELECT * FROM kept");
    }
    fixture_start(f);
}

/* A row that the rebuild would not read, or that is gone, is missed by its hold. */
static void
a_hidden_reservation_is_refused(void **state)
{
    static const char *const HIDDEN[] = { "UPDATE reservation SET state = 'voided' WHERE id = ", "UPDATE reservation SET hold = 1 WHERE id = ",
                                          "DELETE FROM reservation WHERE id = " };
    struct fixture *f = *state;
    char id[UUID_TEXT], sql[400];

    uuid_text(fixture_reserve(f, 0), id);
    fixture_stop(f);
    test_sql(&f->t, "CREATE TABLE kept AS TABLE reservation");
    for (size_t i = 0; i < sizeof HIDDEN / sizeof HIDDEN[0]; i++) {
        text_format(sql, sizeof sql, "%s'%s'", HIDDEN[i], id);
        test_sql(&f->t, sql);
        text_format(sql, sizeof sql, "reservation %s of hold", id);
        refuses(f, sql);
        test_sql(&f->t, "DELETE FROM reservation; INSERT INTO reservation SELECT * FROM kept");
    }
    fixture_start(f);
}

static void
a_changed_head_is_refused(void **state)
{
    static const char *const ALTERED[] = {
        "term = term + 1", "batch = batch + 1", "size = size - 1", "root = sha256('')", "time_ms = time_ms + 1", "seal = NULL",
    };
    struct fixture *f = *state;
    char sql[200], wrong[100];

    fixture_stop(f);
    test_sql(&f->t, "CREATE TABLE kept AS TABLE head");
    for (size_t i = 0; i < sizeof ALTERED / sizeof ALTERED[0]; i++) {
        text_format(sql, sizeof sql, "UPDATE head SET %s", ALTERED[i]);
        test_sql(&f->t, sql);
        assert_int_equal(test_seals_wrong(&f->t, wrong, sizeof wrong), 1);
        assert_int_equal(strncmp(wrong, "head true", 9), 0);
        refuses(f, "head row");
        test_sql(&f->t, "DELETE FROM head; INSERT INTO head SELECT * FROM kept");
    }
    test_sql(&f->t, "DELETE FROM head");
    refuses(f, "head has no row");
    test_sql(&f->t, "INSERT INTO head SELECT * FROM kept; UPDATE head SET batch = batch + 1");
    test_sql_sealed(&f->t, "SELECT 1"); /* the way out */
    fixture_start(f);
}

static void
changed_evidence_is_not_served(void **state)
{
    static const struct { const char *change, *back; } ALTERED[] = {
        { "people = people || concerns", "people = people[1:2]" },
        { "people = '[2:3]={0a000000-0000-7000-8000-000000000000,0b000000-0000-7000-8000-000000000000}'", "people = ARRAY[people[2], people[3]]" },
        { "concerns = NULL", "concerns = people[1]" },
        { "created_ms = 8", "created_ms = 7" },
        { "text = text || ' '", "text = 'why'" },
    };
    struct fixture *f = *state;
    struct arena *a = arena_new();
    struct db *db = db_new(&(struct db_config){ .conninfo = f->t.super, .name = "test", .seals = &f->seals });
    struct evidence e = { .order = fixture_uuid(f), .text = "why", .created_ms = 7, .salt = sha256(BYTES("salt", 4)) }, got;
    char sql[300];
    bool done;

    assert_true(uuid_parse("0a000000-0000-7000-8000-000000000000", &e.people[0]));
    assert_true(uuid_parse("0b000000-0000-7000-8000-000000000000", &e.people[1]));
    e.concerns = e.people[0];
    assert_int_equal(evidence_add(db, &e), OK);
    for (size_t i = 0; i < sizeof ALTERED / sizeof ALTERED[0]; i++) {
        assert_int_equal(evidence_find(db, e.order, a, &got), OK);
        text_format(sql, sizeof sql, "UPDATE evidence SET %s", ALTERED[i].change);
        test_sql(&f->t, sql);
        assert_int_equal(evidence_find(db, e.order, a, &got), ERR_CORRUPT);
        assert_int_equal(evidence_erase(db, e.order, 5, 9, &done), ERR_CORRUPT);
        text_format(sql, sizeof sql, "UPDATE evidence SET %s", ALTERED[i].back);
        test_sql(&f->t, sql);
    }
    assert_int_equal(evidence_erase(db, e.order, 5, 9, &done), OK);
    assert_true(done);
    assert_int_equal(evidence_find(db, e.order, a, &got), OK);
    assert_int_equal(got.erased_ms, 9);
    e.order = fixture_uuid(f);
    e.people[0] = e.people[1] = e.concerns = (struct uuid){ { 0 } };
    assert_int_equal(evidence_add(db, &e), OK);
    assert_int_equal(evidence_find(db, e.order, a, &got), OK);
    assert_int_equal(checkpoints_add(db, &(struct checkpoint_row){ 3, sha256(BYTES("r", 1)), "note\n", 5 }), OK);
    assert_int_equal(test_seals_wrong(&f->t, NULL, 0), 0);
    db_delete(db);
    arena_delete(a);
}

/* More rows than a page has, and each is looked at. */
static void
all_rows_are_walked(void **state)
{
    struct fixture *f = *state;

    test_sql(&f->t, "INSERT INTO checkpoint SELECT n, sha256(''), 'note', n FROM generate_series(1, 1501) n");
    assert_int_equal(test_seals_wrong(&f->t, NULL, 0), 1501);
    test_sql_sealed(&f->t, "SELECT 1");
    assert_int_equal(test_seals_wrong(&f->t, NULL, 0), 0);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM checkpoint WHERE octet_length(seal) = 16"), 1501);
}

/* A column that comes later is NULL in the rows that are there, and they stay as they were sealed. */
static void
a_later_column_breaks_no_seal(void **state)
{
    struct fixture *f = *state;

    test_sql_sealed(&f->t, "INSERT INTO checkpoint SELECT n, sha256(''), 'note', n FROM generate_series(1, 3) n");
    test_sql(&f->t, "ALTER TABLE checkpoint ADD COLUMN later bigint");
    assert_int_equal(test_seals_wrong(&f->t, NULL, 0), 0);
    test_sql(&f->t, "UPDATE checkpoint SET later = 0 WHERE size = 2");
    assert_int_equal(test_seals_wrong(&f->t, NULL, 0), 1);
    test_sql_sealed(&f->t, "SELECT 1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_changed_reservation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hidden_reservation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_head_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_evidence_is_not_served, setup, teardown),
        cmocka_unit_test_setup_teardown(all_rows_are_walked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_column_breaks_no_seal, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
