/* tests/integration/support.h: what integration tests share. They run under scripts/with-postgres; without a server they
 * fail. Each asks for a database of its own: migrated once into a template, then copied. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "store/seals.h"

extern const struct rowseal_key TEST_SEAL_KEY; /* of all test databases */

struct test_db {
    char name[64];
    char owner[512], writer[512], worker[512], super[512]; /* conninfo of each role */
};

/* A fresh, migrated database; fails the test if that cannot be. Made by the superuser, migrated by the owner. */
void test_db_make(struct test_db *ret);
void test_db_drop(struct test_db *t);
/* Run statements as the superuser. */
void test_sql(const struct test_db *t, const char *sql);
/* The same, and all rows sealed as they are then, in one transaction: as a server would have written them. */
void test_sql_sealed(const struct test_db *t, const char *sql);
/* How many rows are not as they were sealed; each is named in `ret` (of size bytes, may be NULL): "TABLE KEY\n". */
uint64_t test_seals_wrong(const struct test_db *t, char *ret, size_t size);
/* One number that a query gives, as the superuser. */
int64_t test_sql_i64(const struct test_db *t, const char *sql);
/* The folder of the migrations: $KONTOR_MIGRATIONS, else the nearest of migrations, ../migrations, ../../migrations. */
const char *test_migrations(void);

#endif
