/* tests/sim/store_sim.h: what the files of the simulated store share. */
#ifndef TESTS_SIM_STORE_SIM_H
#define TESTS_SIM_STORE_SIM_H

#include "pg.h"

enum err store_read(struct db *db, const char *name) MUST_USE; /* a query goes there and back */
struct statement *flight_add(struct db *db, const char *name);
void db_process_gone(struct db *db); /* its process was killed: the kernel closes its connections */

#endif
