/* tests/sim/coverage.h: which pairs of the state table were reached, and which cannot be, and why. */
#ifndef TESTS_SIM_COVERAGE_H
#define TESTS_SIM_COVERAGE_H

#include <stddef.h>
#include <stdint.h>

/* Prints the table; returns how many pairs were neither reached nor are named impossible. *ret_wrong: how many were reached
 * though they are named impossible: the reason is none. */
size_t coverage_report(uint64_t reached[16][32], size_t *ret_wrong);

#endif
