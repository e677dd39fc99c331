/* tests/integration/support.c */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/migrate.h"

const struct rowseal_key TEST_SEAL_KEY = { "the key of every test's database" };

static const char *
super_conninfo(void)
{
    const char *conninfo = getenv("KONTOR_TEST_DB");

    if (conninfo == NULL)
        fail_msg("KONTOR_TEST_DB is not set: run this under scripts/with-postgres");
    return conninfo;
}

const char *
test_migrations(void)
{
    const char *dir = getenv("KONTOR_MIGRATIONS");

    static const char *const places[] = { "migrations", "../migrations", "../../migrations" };

    for (size_t i = 0; dir == NULL && i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0)
            dir = places[i];
    if (dir == NULL)
        fail_msg("KONTOR_MIGRATIONS is not set, and there is no folder migrations here");
    return dir;
}

static void
run_sql(const char *conninfo, const char *sql)
{
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(res);
    PQfinish(conn);
}

static void
conninfo_for(char ret[512], const char *database, const char *user)
{
    assert_true(text_format(ret, 512, "%s dbname=%s user=%s", super_conninfo(), database, user));
}

static void
make_template(const char *name)
{
    struct err_detail d = { 0 };
    char sql[256], owner[512];

    text_format(sql, sizeof sql,
                "DO $$BEGIN CREATE ROLE kontor_owner LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object THEN NULL; END$$");
    run_sql(super_conninfo(), sql);
    text_format(sql, sizeof sql, "CREATE DATABASE %s OWNER kontor_owner", name);
    run_sql(super_conninfo(), sql);
    conninfo_for(owner, name, "kontor_owner");
    if (migrate_run(owner, test_migrations(), NULL, NULL, &d) != OK)
        fail_msg("migrate: %s", d.internal);
}

void
test_db_make(struct test_db *ret)
{
    static int number; /* of databases made by this program */
    char template[64], sql[256];

    text_format(template, sizeof template, "kontor_template_%d", (int)getpid());
    if (number == 0)
        make_template(template);
    text_format(ret->name, sizeof ret->name, "kontor_%d_%d", (int)getpid(), ++number);
    text_format(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s OWNER kontor_owner", ret->name, template);
    run_sql(super_conninfo(), sql);
    conninfo_for(ret->owner, ret->name, "kontor_owner");
    conninfo_for(ret->writer, ret->name, "kontor_writer");
    conninfo_for(ret->worker, ret->name, "kontor_worker");
    conninfo_for(ret->super, ret->name, "postgres");
}

void
test_db_drop(struct test_db *t)
{
    char sql[256];

    text_format(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", t->name);
    run_sql(super_conninfo(), sql);
}

void
test_sql(const struct test_db *t, const char *sql)
{
    run_sql(t->super, sql);
}

struct named { char *text; size_t size; };

static void
name_wrong(void *ctx, const struct seals_wrong *w)
{
    struct named *n = ctx;
    size_t at = n->text != NULL ? strlen(n->text) : 0;

    if (n->text != NULL)
        text_format(n->text + at, n->size - at, "%s %s%s\n", w->table, w->key, w->bare ? " bare" : "");
}

void
test_sql_sealed(const struct test_db *t, const char *sql)
{
    struct seals seals = seals_new(&TEST_SEAL_KEY);
    struct db *db = db_new(&(struct db_config){ .conninfo = t->super, .name = "test", .seals = &seals });
    struct seals_count count;

    assert_int_equal(db_begin(db), OK);
    if (db_script(db, sql) != OK)
        fail_msg("%s: %s", sql, db_message(db));
    assert_int_equal(seals_each(db, true, NULL, NULL, &count), OK);
    assert_int_equal(db_commit(db), OK);
    db_delete(db);
}

uint64_t
test_seals_wrong(const struct test_db *t, char *ret, size_t size)
{
    struct seals seals = seals_new(&TEST_SEAL_KEY);
    struct db *db = db_new(&(struct db_config){ .conninfo = t->super, .name = "test", .seals = &seals });
    struct seals_count count;

    if (ret != NULL)
        ret[0] = '\0';
    if (seals_each(db, false, name_wrong, &(struct named){ ret, size }, &count) != OK)
        fail_msg("seals: %s", db_message(db));
    db_delete(db);
    return count.wrong;
}

int64_t
test_sql_i64(const struct test_db *t, const char *sql)
{
    PGconn *conn = PQconnectdb(t->super);
    PGresult *res = PQexec(conn, sql);
    int64_t n = 0;

    if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    n = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    PQfinish(conn);
    return n;
}
