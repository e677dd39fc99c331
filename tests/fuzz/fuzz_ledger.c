/* tests/fuzz/fuzz_ledger.c: any entries, one after the other, given to the rules of the ledger. An input is a run of u16
 * length (big-endian) and bytes, as in an export's bundles; what decodes is applied twice to a small world: with the links
 * and the place that it names itself, and placed properly. What is refused changes nothing; credits are conserved. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
conserved(const struct world *w)
{
    const char *broken = ledger_conserved(w->l);

    if (broken) {
        fprintf(stderr, "%s\n", broken);
        abort();
    }
}

/* As an auditor meets it. */
static void
as_it_is(struct world *w, const struct entry *e)
{
    undo_mark before = undo_here(w->undo);
    const char *rule = NULL;

    if (ledger_apply(w->l, e, w->undo, &rule) == OK) {
        conserved(w);
        undo_back(w->undo, before);
    } else {
        assert(rule);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct world *w;
    undo_mark begin;
    struct entry e;

    if (!w) {
        w = world_new();
        world_seed(w);
    }
    begin = undo_here(w->undo);
    while (len >= 2) {
        size_t n = (size_t)data[0] << 8 | data[1];
        const char *rule = NULL;

        data += 2;
        len -= 2;
        if (n > len)
            n = len;
        if (entry_decode(BYTES(data, n), &e) == OK) {
            as_it_is(w, &e);
            ledger_place(w->l, &e, 1, w->now);
            if (ledger_apply(w->l, &e, w->undo, &rule) == OK)
                conserved(w);
            else
                assert(rule);
        }
        data += n;
        len -= n;
    }
    undo_back(w->undo, begin);
    conserved(w);
    return 0;
}
