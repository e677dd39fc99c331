/* tests/fuzz/fuzz_cosign.c: the signatures beneath a checkpoint, under a policy of three witnesses of whom two are wanted.
 * An input: a line a signature, "key-number stamp signature's-first-byte" as three bytes, or any text taken as it is; and
 * the judgement must be what a count of the lines by hand says. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { WITNESSES = 3, KEYS = 1 + WITNESSES + 1 }; /* the log's, theirs, a stranger's */

static struct quorum *policy;
static struct vkey key[KEYS];
static const char TEXT[] = "kontor.example/journal\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    assert(public[0] < KEYS && message.len >= strlen(TEXT));
    assert(memcmp(message.data + message.len - strlen(TEXT), TEXT, strlen(TEXT)) == 0);
    return sig[0] < 0xf0;
}

static void
prepare(void)
{
    static const char *const NAMES[KEYS] = { "kontor.example/journal", "lumi", "leonardo", "jupiter", "nobody" };
    char text[2048], vkey[VKEY_TEXT_MAX];
    struct err_detail d = { 0 };
    size_t used = 0;

    for (int i = 0; i < KEYS; i++) {
        uint8_t public[32] = { (uint8_t)i };

        key[i] = vkey_make(NAMES[i], i == 0 ? NOTE_ED25519 : NOTE_COSIGNATURE, public);
        vkey_text(&key[i], vkey);
        if (i == 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "log %s\n", vkey);
        else if (i <= WITNESSES)
            used += (size_t)snprintf(text + used, sizeof text - used, "witness w%d %s\n", i, vkey);
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "group two 2 w1 w2 w3\nquorum two\n");
    policy = xcalloc(1, sizeof *policy);
    if (quorum_parse(BYTES(text, used), policy, &d) != OK)
        abort();
}

/* The lines of the input, written as signatures; what they must come to. */
struct expected { bool bad, log, witness[WITNESSES]; uint64_t time[WITNESSES]; size_t lines; };

static size_t
write_lines(const uint8_t *data, size_t len, char *to, size_t cap, struct expected *e)
{
    size_t used = 0;

    for (; len >= 3 && e->lines < NOTE_LINES_MAX; data += 3, len -= 3, e->lines++) {
        unsigned who = data[0] % KEYS;
        uint8_t sig[64] = { data[2] };
        uint64_t time = data[0] < 0x80 ? data[1] : UINT64_MAX - data[1]; /* beyond INT64_MAX: no time */
        char line[NOTE_LINE_MAX];
        bool good = data[2] < 0xf0 && (who == 0 || time <= INT64_MAX);

        used += note_line_write(&key[who], time, sig, line);
        assert(used < cap);
        memcpy(to + used - strlen(line), line, strlen(line));
        if (who == KEYS - 1)
            continue;
        e->bad = e->bad || !good;
        if (who == 0) {
            e->log = true;
        } else {
            e->witness[who - 1] = true;
            e->time[who - 1] = time > e->time[who - 1] ? time : e->time[who - 1];
        }
    }
    return used;
}

static void
judge_written(const uint8_t *data, size_t len)
{
    size_t cap = sizeof TEXT + (size_t)NOTE_LINES_MAX * NOTE_LINE_MAX, used = strlen(TEXT);
    char *text = xcalloc(1, cap);
    struct note *n = xcalloc(1, sizeof *n);
    struct quorum_result r = { .cosigned = 0 };
    struct expected e = { .lines = 0 };
    enum quorum_says says;
    unsigned count = 0;

    memcpy(text, TEXT, used);
    text[used++] = '\n';
    used += write_lines(data, len, text + used, cap - used, &e);
    assert(note_parse(BYTES(text, used), n) == (e.lines > 0));
    if (e.lines > 0) {
        says = quorum_judge(policy, n, verify, &r);
        for (int i = 0; i < WITNESSES; i++)
            count += e.witness[i];
        if (e.bad)
            assert(says == QUORUM_BAD_SIGNATURE || (!e.log && says == QUORUM_UNKNOWN_LOG));
        else if (!e.log)
            assert(says == QUORUM_UNKNOWN_LOG);
        else
            assert(r.cosigned == count && (says == QUORUM_OK) == (count >= 2) && (count >= 2 || says == QUORUM_SHORT));
        for (int i = 0; says == QUORUM_OK && i < WITNESSES; i++)
            assert(((r.witnesses >> i) & 1) == e.witness[i] && (!e.witness[i] || r.time_s[i] == e.time[i]));
    }
    free(n);
    free(text);
}

/* The input as the signatures' own text. */
static void
judge_text(const uint8_t *data, size_t len)
{
    size_t head = strlen(TEXT) + 1;
    char *text = xcalloc(1, head + len);
    struct note *n = xcalloc(1, sizeof *n);
    struct quorum_result r = { .cosigned = 0 };

    memcpy(text, TEXT, head - 1);
    text[head - 1] = '\n';
    memcpy(text + head, data, len);
    if (note_parse(BYTES(text, head + len), n) && n->text.len == strlen(TEXT) && quorum_judge(policy, n, verify, &r) == QUORUM_OK)
        assert(r.cosigned >= 2 && r.cosigned <= WITNESSES && r.log == 0 && r.checkpoint.size == 20852163);
    free(n);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!policy)
        prepare();
    if (len == 0)
        return 0;
    if (data[0] == 'b')
        judge_written(data + 1, len - 1);
    else
        judge_text(data, len);
    return 0;
}
