/* tests/fuzz/fuzz_note.c: any bytes as a signed note, as a checkpoint, as a verifier's key. What is taken has its form, is
 * what was signed and nothing else, and means the same when written again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Signatures are good but those that begin with 0xff; what is signed must be the note's text, under its stamp or alone. */
static struct bytes signed_text;
static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    static const char STAMP[] = "cosignature/v1\ntime ";
    size_t extra = message.len - signed_text.len;

    assert(public[0] < 3 && message.len >= signed_text.len);
    assert(memcmp(message.data + extra, signed_text.data, signed_text.len) == 0);
    assert(extra == 0 || (extra > strlen(STAMP) && memcmp(message.data, STAMP, strlen(STAMP)) == 0));
    return sig[0] != 0xff;
}

static void
as_checkpoint(struct bytes text)
{
    char again[CHECKPOINT_TEXT_MAX];
    struct checkpoint c;
    size_t n;

    if (!checkpoint_parse(text, &c))
        return;
    assert(c.origin[0] && strlen(c.origin) < sizeof c.origin && c.size <= INT64_MAX);
    n = checkpoint_text(&c, again);
    assert(n <= text.len && memcmp(again, text.data, n) == 0); /* then come extensions, if any */
}

static void
as_note(struct bytes in)
{
    static const uint8_t PUBLIC[3][32] = { { 0 }, { 1 }, { 2 } };
    const struct vkey keys[] = { vkey_make("kontor.example/journal", NOTE_ED25519, PUBLIC[0]),
                                 vkey_make("kontor.example/journal", NOTE_COSIGNATURE, PUBLIC[1]),
                                 vkey_make("lumi", NOTE_COSIGNATURE, PUBLIC[2]) };
    struct note *n = xcalloc(1, sizeof *n);
    uint64_t time;

    if (note_parse(in, n)) {
        assert(n->n >= 1 && n->n <= NOTE_LINES_MAX && n->text.len >= 2 && n->text.len < in.len);
        assert(n->text.data == in.data && n->text.data[n->text.len - 1] == '\n' && in.data[n->text.len] == '\n');
        assert(!memchr(in.data, 0, in.len) && in.data[in.len - 1] == '\n');
        for (size_t i = 0; i < n->n; i++) {
            assert((const uint8_t *)n->line[i].name > in.data + n->text.len && n->line[i].name_len > 0);
            assert((const uint8_t *)n->line[i].name + n->line[i].name_len < in.data + in.len && n->line[i].len >= 5);
        }
        signed_text = n->text;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            time = UINT64_MAX;
            if (note_check(n, &keys[i], verify, &time) == NOTE_GOOD)
                assert(keys[i].type == NOTE_COSIGNATURE ? time <= INT64_MAX : time == 0);
            else
                assert(time == UINT64_MAX);
        }
        as_checkpoint(n->text);
    }
    free(n);
}

static void
as_vkey(struct bytes in)
{
    char *text = xcalloc(1, in.len + 1), again[VKEY_TEXT_MAX];
    struct vkey k;

    memcpy(text, in.data, in.len);
    if (vkey_parse(text, &k)) {
        assert(note_name_ok(k.name));
        vkey_text(&k, again);
        assert(strcmp(again, text) == 0);
    }
    if (note_name_ok(text))
        assert(text_is_line(text) && !strpbrk(text, " +") && strlen(text) < NOTE_NAME_MAX);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    as_note(BYTES(data, len));
    as_checkpoint(BYTES(data, len));
    as_vkey(BYTES(data, len));
    return 0;
}
