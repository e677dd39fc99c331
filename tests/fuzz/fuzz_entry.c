/* tests/fuzz/fuzz_entry.c: any bytes as a journal entry or as a site's statement; what is accepted has no second form. */
#include <assert.h>
#include <string.h>

#include "core/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
as_entry(struct bytes in)
{
    uint8_t again[ENTRY_MAX], signed_bytes[ENTRY_MAX];
    struct hash genesis = { { 1 } };
    struct entry e;

    if (entry_decode(in, &e) != OK)
        return;
    assert(entry_check(&e) == OK);
    assert(entry_encode(&e, again) == in.len);
    assert(memcmp(again, in.data, in.len) == 0);
    assert(strcmp(entry_kind_name(e.kind), "?") != 0);
    assert(entry_signed_bytes(&e, genesis, signed_bytes) <= ENTRY_MAX);
}

static void
as_statement(struct bytes in)
{
    uint8_t again[REPORT_STATEMENT_LEN];
    struct hash genesis;
    struct report r;

    if (report_parse(in, &r, &genesis) != OK)
        return;
    assert(in.len == sizeof again);
    report_statement(&r, genesis, again);
    assert(memcmp(again, in.data, in.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    as_entry(BYTES(data, len));
    as_statement(BYTES(data, len));
    return 0;
}
