/* tests/fuzz/fuzz_policy.c: any bytes as a policy (C2SP tlog-policy). What is taken refers only to what stands above, and
 * who has cosigned can only ever help: a quorum that is met stays met with one witness more, and all meet it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
member_ok(const struct quorum *q, int member, int below_group)
{
    if (member < QUORUM_MAX)
        assert(member >= 0 && (unsigned)member < q->witnesses);
    else
        assert(member - QUORUM_MAX < below_group);
}

static void
whole(const struct quorum *q)
{
    struct vkey k;
    char text[VKEY_TEXT_MAX];

    assert(q->logs <= QUORUM_MAX && q->witnesses <= QUORUM_MAX && q->groups <= QUORUM_MAX);
    for (unsigned i = 0; i < q->logs; i++) {
        vkey_text(&q->log[i], text);
        assert(vkey_parse(text, &k) && memchr(q->log_url[i], 0, QUORUM_URL_MAX));
    }
    for (unsigned i = 0; i < q->witnesses; i++) {
        vkey_text(&q->witness[i].key, text);
        assert(vkey_parse(text, &k) && q->witness[i].name[0]);
        assert(memchr(q->witness[i].name, 0, QUORUM_NAME_MAX) && memchr(q->witness[i].url, 0, QUORUM_URL_MAX));
    }
    for (unsigned g = 0; g < q->groups; g++) {
        assert(q->group[g].k >= 1 && q->group[g].k <= q->group[g].n && q->group[g].n <= 2 * QUORUM_MAX);
        for (unsigned i = 0; i < q->group[g].n; i++)
            member_ok(q, q->group[g].member[i], (int)g);
    }
    if (q->rule != QUORUM_NONE)
        member_ok(q, q->rule, (int)q->groups);
}

static void
met_stays_met(const struct quorum *q)
{
    uint64_t all = q->witnesses == 64 ? UINT64_MAX : ((uint64_t)1 << q->witnesses) - 1, some = 0;
    bool before = quorum_met(q, 0);

    assert(before == (q->rule == QUORUM_NONE));
    for (unsigned i = 0; i < q->witnesses; i++) {
        bool now;

        some |= (uint64_t)1 << (i * 29 % 64 % q->witnesses);
        now = quorum_met(q, some);
        assert(now || !before);
        before = now;
    }
    assert(quorum_met(q, all));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct quorum *q = xcalloc(1, sizeof *q);
    struct err_detail d = { 0 };

    if (quorum_parse(BYTES(data, len), q, &d) == OK) {
        whole(q);
        met_stays_met(q);
    } else {
        assert(d.text[0]);
    }
    free(q);
    return 0;
}
