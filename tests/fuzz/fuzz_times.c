/* tests/fuzz/fuzz_times.c: the checkpoints that witnesses have cosigned (checkpoints.jsonl), as the auditor reads them, under a
 * policy of three witnesses of whom two are wanted. Signatures are good but those that begin with 0xff. An input:
 *   f …   the file, byte for byte: it comes to an end, and what it counts is within what there is
 *   b …   records of nine bytes: entries, who has cosigned, whose signature is bad, then a time for each witness; what is
 *         said of the entries must be what a count by hand says */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/times.h"
#include "base/arena.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { WITNESSES = 3, ENTRIES = 40, STEP_S = 700, RECORD = 9, RECORDS_MAX = 64, LATE_S = 900, CLOCKS_S = 5 };
static const char ORIGIN[] = "kontor.example/journal";

static struct vkey key[1 + WITNESSES]; /* the log's, theirs */
static char policy[2048], folder[64], path[96];

enum err __wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64]);
enum err
__wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64])
{
    (void)public;
    (void)message;
    return signature[0] == 0xff ? ERR_SIGNATURE : OK;
}

static void
clean(void)
{
    unlink(path);
    rmdir(folder);
}

static void
prepare(void)
{
    static const char *const NAMES[1 + WITNESSES] = { ORIGIN, "lumi", "leonardo", "jupiter" };
    char vkey[VKEY_TEXT_MAX];
    size_t used = 0;

    for (int i = 0; i <= WITNESSES; i++) {
        uint8_t public[32] = { (uint8_t)i };

        key[i] = vkey_make(NAMES[i], i == 0 ? NOTE_ED25519 : NOTE_COSIGNATURE, public);
        vkey_text(&key[i], vkey);
        if (i == 0)
            used += (size_t)snprintf(policy + used, sizeof policy - used, "log %s\n", vkey);
        else
            used += (size_t)snprintf(policy + used, sizeof policy - used, "witness w%d %s\n", i, vkey);
    }
    snprintf(policy + used, sizeof policy - used, "group two 2 w1 w2 w3\nquorum two\n");
    snprintf(folder, sizeof folder, "%s/kontor-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/checkpoints.jsonl", folder);
    atexit(clean);
}

static void
put(const char *data, size_t len)
{
    FILE *f = fopen(path, "wb");

    if (!f || (len > 0 && fwrite(data, 1, len, f) != len) || fclose(f) != 0)
        abort();
}

static int64_t
time_of(uint64_t entry)
{
    return (int64_t)entry * STEP_S * 1000 + 500;
}

/* As the auditor does. The number of findings. */
static uint64_t
read_file(struct times_sums *ret, size_t *ret_roots)
{
    struct source from = { .dir = folder };
    struct head_text head = { .size = ENTRIES };
    struct findings *found = xcalloc(1, sizeof *found);
    const struct times_root *root;
    uint64_t before = 0, n;
    struct times *t;

    snprintf(head.origin, sizeof head.origin, "%s", ORIGIN);
    t = times_new(&from, &head, policy, BYTES(NULL, 0), (struct times_limits){ LATE_S, CLOCKS_S }, found);
    *ret_roots = 0;
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct entry e = { .kind = NOTICE, .index = i, .time_ms = time_of(i) };

        times_take(t, &e);
        for (; (root = times_next_root(t, i + 1)) != NULL; ++*ret_roots) {
            assert(root->size >= before && root->size >= 1 && root->size <= i + 1);
            before = root->size;
        }
    }
    times_end(t, false, found, ret);
    times_delete(t);
    n = found->n;
    free(found);
    return n;
}

/* ---- a count by hand ------------------------------------------------------------------------------------------------- */

struct record { uint64_t size; bool by[WITNESSES], bad; uint64_t time_s[WITNESSES]; };

static struct record
record_of(const uint8_t *data)
{
    struct record r = { .size = data[0] % (ENTRIES + 3) }; /* 0 and more than there are, too */

    for (int i = 0; i < WITNESSES; i++) {
        r.by[i] = (data[1] >> i & 1) != 0;
        r.bad = r.bad || (r.by[i] && (data[2] >> i & 1) != 0);
        r.time_s[i] = (uint64_t)data[3 + 2 * i] << 8 | data[4 + 2 * i];
    }
    r.bad = r.bad || (data[1] & 8 && data[2] & 8); /* the log's own */
    return r;
}

static void
write_record(FILE *f, const uint8_t *data)
{
    struct record r = record_of(data);
    struct checkpoint c = { .size = r.size };
    struct json_out o = { .fresh = true };
    char note[CHECKPOINT_TEXT_MAX + (1 + WITNESSES) * NOTE_LINE_MAX];
    size_t used;

    snprintf(c.origin, sizeof c.origin, "%s", ORIGIN);
    c.root.b[0] = data[0];
    used = checkpoint_text(&c, note);
    note[used++] = '\n';
    for (int i = 0; i <= WITNESSES; i++) {
        unsigned bit = i == 0 ? 3 : (unsigned)i - 1;
        uint8_t sig[64] = { data[2] >> bit & 1 ? 0xff : 1 };

        if (data[1] >> bit & 1)
            used += note_line_write(&key[i], i == 0 ? 0 : r.time_s[i - 1], sig, note + used);
    }
    note[used] = '\0';
    json_open(&o, NULL);
    json_text(&o, "note", note);
    json_shut(&o);
    fprintf(f, "%.*s\n", (int)o.len, o.text);
    json_out_free(&o);
}

static bool
is_taken(const struct record *r, const uint8_t *data)
{
    return (data[1] & 0x0f) != 0 && !r->bad && r->size >= 1 && r->size <= ENTRIES;
}

static void
judge_entry(const uint8_t *data, size_t records, uint64_t entry, struct times_sums *want)
{
    uint64_t seen[WITNESSES] = { UINT64_MAX, UINT64_MAX, UINT64_MAX }, first = UINT64_MAX, second = UINT64_MAX;

    for (size_t k = 0; k < records; k++) {
        struct record r = record_of(data + k * RECORD);

        for (int i = 0; i < WITNESSES && is_taken(&r, data + k * RECORD) && r.size > entry; i++)
            if (r.by[i] && r.time_s[i] < seen[i])
                seen[i] = r.time_s[i];
    }
    for (int i = 0; i < WITNESSES; i++)
        if (seen[i] <= first) {
            second = first;
            first = seen[i];
        } else if (seen[i] < second) {
            second = seen[i];
        }
    want->seen += second != UINT64_MAX;
    want->late += second != UINT64_MAX && (int64_t)second * 1000 - time_of(entry) > LATE_S * 1000;
    if (second != UINT64_MAX && (int64_t)second * 1000 + 999 + CLOCKS_S * 1000 < time_of(entry))
        want->ahead++;
    else if (first != UINT64_MAX && (int64_t)first * 1000 + 999 + CLOCKS_S * 1000 < time_of(entry))
        want->behind++;
}

static void
by_hand(const uint8_t *data, size_t len)
{
    size_t records = len / RECORD < RECORDS_MAX ? len / RECORD : RECORDS_MAX, text_len, roots, want_roots = 0;
    struct times_sums want = { .there = true }, have;
    uint64_t bad = 0, found;
    char *text;
    FILE *f = open_memstream(&text, &text_len);

    for (size_t k = 0; k < records; k++) {
        struct record r = record_of(data + k * RECORD);

        write_record(f, data + k * RECORD);
        bad += !is_taken(&r, data + k * RECORD);
        want_roots += is_taken(&r, data + k * RECORD);
        for (int i = 0; i < WITNESSES && is_taken(&r, data + k * RECORD); i++)
            want.cosignatures += r.by[i];
    }
    fclose(f);
    put(text, text_len);
    free(text);
    for (uint64_t i = 0; i < ENTRIES; i++)
        judge_entry(data, records, i, &want);
    found = read_file(&have, &roots);
    assert(roots == want_roots && have.there && have.judged == (have.cosignatures > 0));
    if (bad == 0) /* a line is taken whole or not at all, but those signatures before the bad one are counted */
        assert(have.cosignatures == want.cosignatures);
    assert(have.seen == want.seen && have.late == want.late && have.ahead == want.ahead && have.behind == want.behind);
    assert(found == bad + (have.ahead > 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct times_sums have;
    size_t roots;

    if (!folder[0])
        prepare();
    if (len == 0)
        return 0;
    if (data[0] == 'b') {
        by_hand(data + 1, len - 1);
    } else {
        put((const char *)data + 1, len - 1);
        (void)read_file(&have, &roots);
        assert(have.seen <= ENTRIES && have.late <= have.seen && have.ahead <= have.seen && have.ahead + have.behind <= ENTRIES);
    }
    return 0;
}
