/* core/ledger: the story of a small world; each rule broken once; random commands; undo. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "world.h"

static void
test_story(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    world_seed(w);
    world_story(w);
    assert_null(ledger_conserved(w->l));
    assert_int_equal(ledger_size(w->l), w->n);
    printf("# story: %zu entries\n", w->n);
    world_delete(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
