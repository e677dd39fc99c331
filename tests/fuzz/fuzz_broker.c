/* tests/fuzz/fuzz_broker.c: any bytes as a stored answer or a stored question; what is accepted has no second form and
 * can be shown. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/broker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
show(const struct broker_answer *answer)
{
    struct broker_ask ask = { .gpus = 8, .walltime_s = 3600 };
    struct broker_offering offering = { .offering = 1, .site_code = "lumi", .model = "A100", .gpus_per_node = 4 };
    struct broker_view view = { .offerings = &offering, .count = 1 };
    struct err_detail detail;
    struct json_out out = { 0 };
    struct json_in in;

    json_open(&out, NULL);
    broker_answer_json(&out, &view, &ask, answer, true);
    json_shut(&out);
    in = json_in_open(BYTES(out.text, out.len), &detail);
    assert(json_in_array(&in, "options", UINT16_MAX) == answer->offered);
    assert(json_in_array(&in, "refusals", UINT16_MAX) == answer->count - answer->offered);
    assert(json_in_array(&in, "what_if", UINT16_MAX) == answer->what_if_count);
    assert(json_in_close(&in) == OK);
    json_out_free(&out);
}

static void
as_answer(struct bytes in)
{
    size_t max = broker_answer_lines(in);
    struct broker_answer answer = { .lines = xcalloc(max + 1, sizeof *answer.lines), .lines_max = max };
    uint8_t *again;

    if (broker_answer_decode(in, &answer) == OK) {
        assert(broker_answer_len(&answer) == in.len);
        again = xmalloc(in.len);
        broker_answer_encode(&answer, again);
        assert(memcmp(again, in.data, in.len) == 0);
        free(again);
        show(&answer);
    }
    free(answer.lines);
}

static void
as_question(struct bytes in)
{
    uint8_t again[BROKER_ASK_LEN];
    struct broker_ask ask;

    if (broker_ask_decode(in, &ask) != OK)
        return;
    assert(in.len == sizeof again);
    broker_ask_encode(&ask, again);
    assert(memcmp(again, in.data, in.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    as_answer(BYTES(data, len));
    as_question(BYTES(data, len));
    return 0;
}
