/* tests/fuzz/fuzz_history.c: an organisation's history (schema/journal/history.md) of a small world, in which one stretch is
 * replaced by any bytes: where, how much, then the bytes; or any bytes alone. The judgement comes to an end, and it finds no
 * fault in nothing but the history itself, up to what is not of it: the checkpoint's signatures. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/world.h"
#include "audit/history.h"
#include "base/arena.h"
#include "core/history.h"
#include "core/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct {
    char *text;
    size_t len, body; /* body: before the checkpoint's note */
    struct hash *leaves;
    size_t n;
} good;

static enum err
subtree(void *ctx, unsigned level, uint64_t n, struct hash *ret)
{
    struct merkle m = { .size = 0 };

    (void)ctx;
    for (uint64_t i = n << level; i < (n + 1) << level; i++)
        merkle_append(&m, good.leaves[i]);
    *ret = merkle_root(&m);
    return OK;
}

static void
put_path(FILE *f, const struct proof *p)
{
    char text[BASE64_LEN(32)];

    for (unsigned i = 0; i < p->n; i++) {
        base64_encode(BYTES(p->path[i].b, 32), text);
        fprintf(f, "path %s\n", text);
    }
}

static void
put_entry(FILE *f, const struct world *w, uint64_t index)
{
    struct merkle_source from = { subtree, NULL };
    char text[BASE64_LEN(ENTRY_MAX)];
    uint8_t bytes[ENTRY_MAX];
    struct proof path;

    base64_encode(BYTES(bytes, entry_encode(&w->entries[index], bytes)), text);
    fprintf(f, "entry %llu %s\n", (unsigned long long)index, text);
    if (proof_inclusion(&from, index, good.n, &path) != OK)
        abort();
    put_path(f, &path);
}

static void
put_account(FILE *f, const struct world *w, uint64_t account)
{
    uint64_t place, accounts, at = ledger_account(w->l, account)->last_index;
    struct proof path;
    bool is_of = true;

    if (!ledger_state_path(w->l, account, &path, &place, &accounts))
        abort();
    fprintf(f, "account %llu %llu %llu\n", (unsigned long long)account, (unsigned long long)place, (unsigned long long)accounts);
    put_path(f, &path);
    for (; at != NO_INDEX && is_of; at = history_before(&w->entries[at], account, &is_of))
        put_entry(f, w, at);
}

static void
write_history(const struct world *w, uint64_t state)
{
    struct checkpoint c = { .size = w->n, .root = merkle_root(&w->tree) };
    char org[UUID_TEXT], text[CHECKPOINT_TEXT_MAX], line[NOTE_LINE_MAX];
    struct vkey key = vkey_make("kontor.example/journal", NOTE_ED25519, w->server.public);
    FILE *f = open_memstream(&good.text, &good.len);
    uint8_t sig[64];
    size_t n;

    uuid_text(w->org[0], org);
    fprintf(f, HISTORY_TITLE "\norganisation %s\nstate %llu\n", org, (unsigned long long)state);
    put_entry(f, w, state);
    for (uint64_t account = w->grant[0]; account != NO_INDEX; account = ledger_account(w->l, account)->prev_open)
        put_account(f, w, account);
    fflush(f);
    good.body = good.len;
    snprintf(c.origin, sizeof c.origin, "kontor.example/journal");
    n = checkpoint_text(&c, text);
    sign_make(&w->server, BYTES(text, n), sig);
    n = note_line_write(&key, 0, sig, line);
    fprintf(f, "\n%s\n%.*s", text, (int)n, line);
    fclose(f);
}

static void
make_history(void)
{
    struct world *w = world_new();
    struct entry state = entry_new(NOTICE);
    uint64_t hold, index;

    world_seed(w);
    hold = world_add(w, world_hold(w, 0, 0, 1, 60));
    world_add(w, world_settle(w, hold, REPORT_FINISHED, 30));
    state.u.notice.type = NOTICE_STATE;
    index = world_add(w, state);
    good.n = w->n;
    good.leaves = xmalloc(w->n * sizeof *good.leaves);
    for (size_t i = 0; i < w->n; i++) {
        uint8_t bytes[ENTRY_MAX];

        good.leaves[i] = entry_leaf_hash(BYTES(bytes, entry_encode(&w->entries[i], bytes)));
    }
    write_history(w, index);
    world_delete(w);
}

static int
judge(const char *text, size_t len)
{
    char *copy = xmalloc(len + 1), *words = NULL;
    size_t words_len;
    FILE *to = open_memstream(&words, &words_len);
    int status;

    memcpy(copy, text, len);
    copy[len] = '\0';
    status = history_judge(copy, len, NULL, to);
    fclose(to);
    assert(words_len > 0);
    free(words);
    free(copy);
    return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t at, cut;
    char *text;

    if (good.text == NULL) {
        make_history();
        assert(judge(good.text, good.len) == 0);
    }
    (void)judge((const char *)data, len);
    if (len < 4)
        return 0;
    at = ((size_t)data[0] << 8 | data[1]) % good.body;
    cut = ((size_t)data[2] << 8 | data[3]) % (good.body - at + 1);
    text = xmalloc(good.len + len);
    memcpy(text, good.text, at);
    memcpy(text + at, data + 4, len - 4);
    memcpy(text + at + len - 4, good.text + at + cut, good.len - at - cut);
    if (judge(text, good.len - cut + len - 4) == 0)
        assert(cut == len - 4 && memcmp(text, good.text, good.len) == 0);
    free(text);
    return 0;
}
