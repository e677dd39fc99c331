/* tests/integration/support.h: what integration tests share. They run under scripts/with-postgres; without a server they
 * fail. Each asks for a database of its own: migrated once into a template, then copied. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "store/db.h"

struct test_db {
    char name[64];
    char owner[512], writer[512], worker[512], super[512]; /* conninfo of each role */
};

/* A fresh, migrated database; fails the test if that cannot be. Made by the superuser, migrated by the owner. */
void test_db_make(struct test_db *ret);
void test_db_drop(struct test_db *t);
/* Run statements as the superuser. */
void test_sql(const struct test_db *t, const char *sql);
/* One number that a query gives, as the superuser. */
int64_t test_sql_i64(const struct test_db *t, const char *sql);
/* The folder of the migrations: $KONTOR_MIGRATIONS, else the nearest of migrations, ../migrations, ../../migrations. */
const char *test_migrations(void);

#endif
