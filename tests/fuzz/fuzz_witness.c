/* tests/fuzz/fuzz_witness.c: any replies to a site's witness, in any order: about keys, checkpoints, entries, and what it has
 * told. The network, the spool and time are replaced; signatures are good but those that begin with 0xff.
 *
 * An input is records that end in 0x1e: a letter, then bytes.
 *   w s body  answers the call under way on the witness's lane, v s body on the attesting one; s: which status
 *   W, V      answers it as an honest server does that has the first n entries (see n)
 *   n n       so many entries; x: the checkpoint has another root; p: a proof of something else
 *   t d       d² seconds pass
 * Whatever it is told: it cosigns only what the log has signed and what grows, never while a refusal stands, tells nobody what is
 * not on disk, and attests only what it has cosigned. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/world.h"
#include "agent/witness.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char ORIGIN[] = "kontor.example/journal";

/* ---- time, signatures ------------------------------------------------------------------------------------------------ */

static int64_t passed_ms;

int64_t __wrap_real_now_ms(void);
int64_t
__wrap_real_now_ms(void)
{
    return WORLD_START_MS + 1000 * DAY_MS + passed_ms;
}

int64_t __wrap_monotonic_ms(void);
int64_t
__wrap_monotonic_ms(void)
{
    return 1000000 + passed_ms;
}

int64_t __wrap_monotonic_us(void);
int64_t
__wrap_monotonic_us(void)
{
    return (1000000 + passed_ms) * 1000;
}

uint32_t __wrap_random_below(uint32_t n);
uint32_t
__wrap_random_below(uint32_t n)
{
    return n / 2;
}

enum err __wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64]);
enum err
__wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64])
{
    (void)public;
    (void)message;
    return signature[0] == 0xff ? ERR_SIGNATURE : OK;
}

void __wrap_sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[64]);
void
__wrap_sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[64])
{
    (void)key;
    (void)message;
    memset(ret, 1, 64);
}

/* ---- the spool: only what a witness keeps ---------------------------------------------------------------------------- */

static struct {
    bool within, unsynced, refused, told;
    struct spool_cosigned cosigned[WITNESS_ROLES];
    struct spool_refusal refusal;
    char log[VKEY_TEXT_MAX], trouble[300];
} kept;

enum err __wrap_spool_begin(struct spool *s);
enum err
__wrap_spool_begin(struct spool *s)
{
    (void)s;
    assert(!kept.within);
    kept.within = true;
    return OK;
}

enum err __wrap_spool_commit(struct spool *s);
enum err
__wrap_spool_commit(struct spool *s)
{
    (void)s;
    assert(kept.within);
    kept.within = false;
    kept.unsynced = true;
    return OK;
}

enum err __wrap_spool_sync(struct spool *s);
enum err
__wrap_spool_sync(struct spool *s)
{
    (void)s;
    assert(!kept.within);
    kept.unsynced = false;
    return OK;
}

enum err __wrap_spool_tell(struct spool *s, const struct spool_line *line);
enum err
__wrap_spool_tell(struct spool *s, const struct spool_line *line)
{
    (void)s, (void)line;
    return OK;
}

const char *__wrap_spool_error(const struct spool *s);
const char *
__wrap_spool_error(const struct spool *s)
{
    (void)s;
    abort(); /* it never fails */
}

enum err __wrap_spool_set_cosigned(struct spool *s, enum witness_role role, const struct spool_cosigned *c);
enum err
__wrap_spool_set_cosigned(struct spool *s, enum witness_role role, const struct spool_cosigned *c)
{
    struct spool_cosigned *to = &kept.cosigned[role];
    const struct spool_cosigned *grows = &kept.cosigned[WITNESS_GROWS];

    (void)s;
    assert(kept.within && c->at.size > to->at.size && c->time_s >= to->time_s && c->time_s > 0);
    if (role == WITNESS_GROWS)
        assert(!kept.refused);
    else
        assert(c->at.size <= grows->at.size && (c->at.size < grows->at.size || hash_equal(c->at.root, grows->at.root)));
    to->at = c->at;
    to->time_s = c->time_s;
    return OK;
}

enum err __wrap_spool_cosigned_told(struct spool *s, enum witness_role role, uint64_t size);
enum err
__wrap_spool_cosigned_told(struct spool *s, enum witness_role role, uint64_t size)
{
    (void)s;
    assert(kept.cosigned[role].at.size == size);
    return OK;
}

enum err __wrap_spool_add_refusal(struct spool *s, const struct spool_refusal *r);
enum err
__wrap_spool_add_refusal(struct spool *s, const struct spool_refusal *r)
{
    (void)s;
    assert(kept.within && !kept.refused && r->note && witness_is_fork(r->says));
    assert(r->had.size == kept.cosigned[WITNESS_GROWS].at.size && r->had.size > 0);
    kept.refused = true;
    kept.refusal = *r;
    kept.refusal.note = xstrdup(r->note);
    return OK;
}

enum err __wrap_spool_refusal(struct spool *s, struct spool_refusal *ret);
enum err
__wrap_spool_refusal(struct spool *s, struct spool_refusal *ret)
{
    (void)s;
    if (!kept.refused)
        return ERR_NOT_FOUND;
    *ret = kept.refusal;
    ret->note = xstrdup(kept.refusal.note);
    return OK;
}

enum err __wrap_spool_refusal_told(struct spool *s);
enum err
__wrap_spool_refusal_told(struct spool *s)
{
    (void)s;
    assert(kept.refused);
    return OK;
}

enum err __wrap_spool_set_log_vkey(struct spool *s, const char *vkey);
enum err
__wrap_spool_set_log_vkey(struct spool *s, const char *vkey)
{
    (void)s;
    assert(text_starts(vkey, ORIGIN));
    return OK;
}

enum err __wrap_spool_owed(struct spool *s, void (*take)(void *with, const struct spool_owed *o), void *with);
enum err
__wrap_spool_owed(struct spool *s, void (*take)(void *with, const struct spool_owed *o), void *with)
{
    (void)s, (void)take, (void)with;
    return OK;
}

enum err __wrap_spool_report_from(struct spool *s, uint64_t from, struct spool_report *ret);
enum err
__wrap_spool_report_from(struct spool *s, uint64_t from, struct spool_report *ret)
{
    (void)s, (void)from, (void)ret;
    return ERR_NOT_FOUND;
}

enum err __wrap_spool_attest_trouble(struct spool *s, char ret[300]);
enum err
__wrap_spool_attest_trouble(struct spool *s, char ret[300])
{
    (void)s;
    memcpy(ret, kept.trouble, sizeof kept.trouble);
    return OK;
}

enum err __wrap_spool_set_attest_trouble(struct spool *s, const char *why);
enum err
__wrap_spool_set_attest_trouble(struct spool *s, const char *why)
{
    (void)s;
    assert(kept.within && strlen(why) < sizeof kept.trouble);
    text_format(kept.trouble, sizeof kept.trouble, "%s", why);
    return OK;
}

/* ---- the network ----------------------------------------------------------------------------------------------------- */

static struct { bool busy; char path[200]; } calls[WIRE_LANES];

bool __wrap_wire_busy(const struct wire *w, enum wire_lane lane);
bool
__wrap_wire_busy(const struct wire *w, enum wire_lane lane)
{
    (void)w;
    return calls[lane].busy;
}

size_t __wrap_wire_servers(const struct wire *w);
size_t
__wrap_wire_servers(const struct wire *w)
{
    (void)w;
    return 2;
}

const char *__wrap_wire_server(const struct wire *w, size_t i);
const char *
__wrap_wire_server(const struct wire *w, size_t i)
{
    (void)w;
    return i ? "https://b.example" : "https://a.example";
}

void __wrap_wire_turn(struct wire *w, size_t from, const char *to);
void
__wrap_wire_turn(struct wire *w, size_t from, const char *to)
{
    (void)w;
    assert(from < 2 && to && text_utf8_ok(to, strlen(to)));
}

void __wrap_wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call);
void
__wrap_wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call)
{
    (void)w;
    assert(!calls[lane].busy && call->path[0] == '/' && call->timeout_ms > 0);
    if (call->body.data)
        assert(!kept.unsynced); /* what is told is on disk */
    calls[lane].busy = true;
    text_format(calls[lane].path, sizeof calls[lane].path, "%s", call->path);
}

/* ---- an honest server ------------------------------------------------------------------------------------------------ */

static struct { struct world *w; struct hash *leaves; uint8_t (*bytes)[ENTRY_MAX]; size_t *len; } journal;
static struct { uint64_t n; bool other_root, other_proof; } shown;

static void
make_journal(void)
{
    struct world *w = world_new();

    world_seed(w);
    world_story(w);
    journal.w = w;
    journal.leaves = xcalloc(w->n, sizeof *journal.leaves);
    journal.bytes = xcalloc(w->n, sizeof *journal.bytes);
    journal.len = xcalloc(w->n, sizeof *journal.len);
    for (size_t i = 0; i < w->n; i++) {
        journal.len[i] = entry_encode(&w->entries[i], journal.bytes[i]);
        journal.leaves[i] = entry_leaf_hash(BYTES(journal.bytes[i], journal.len[i]));
    }
}

static enum err
subtree(void *ctx, unsigned level, uint64_t n, struct hash *ret)
{
    struct merkle m = { .size = 0 };

    (void)ctx;
    for (uint64_t i = n << level; i < (n + 1) << level; i++)
        merkle_append(&m, journal.leaves[i]);
    *ret = merkle_root(&m);
    return OK;
}

static struct hash
root_of(uint64_t n)
{
    struct merkle m = { .size = 0 };

    for (uint64_t i = 0; i < n; i++)
        merkle_append(&m, journal.leaves[i]);
    return merkle_root(&m);
}

static struct vkey
log_key(void)
{
    return vkey_make(ORIGIN, NOTE_ED25519, journal.w->server.public);
}

static void
write_keys(struct json_out *o)
{
    struct vkey log = log_key();
    char text[VKEY_TEXT_MAX];

    vkey_text(&log, text);
    json_text(o, "log", text);
}

static void
write_checkpoint(struct json_out *o)
{
    struct merkle_source from = { subtree, NULL };
    struct checkpoint c = { .size = shown.n, .root = root_of(shown.n) };
    char note[CHECKPOINT_TEXT_MAX + NOTE_LINE_MAX];
    uint64_t old = kept.cosigned[WITNESS_GROWS].at.size;
    struct proof proof = { .n = 0 };
    struct vkey log = log_key();
    size_t len;

    if (shown.n == 0) {
        json_none(o, "checkpoint");
        return;
    }
    text_format(c.origin, sizeof c.origin, "%s", ORIGIN);
    c.root.b[3] ^= shown.other_root;
    len = checkpoint_text(&c, note);
    note[len++] = '\n';
    note_line_write(&log, 0, (const uint8_t[64]){ 1 }, note + len);
    json_text(o, "checkpoint", note);
    json_i64(o, "old", (int64_t)old);
    if (old > 0 && old < shown.n && proof_consistency(&from, old, shown.n, &proof) != OK)
        abort();
    json_open_array(o, "proof");
    for (unsigned i = 0; i < proof.n; i++) {
        proof.path[i].b[0] ^= shown.other_proof;
        json_base64(o, NULL, BYTES(proof.path[i].b, 32));
    }
    json_shut_array(o);
}

static void
answer(struct agent *a, enum wire_lane lane, int status, const char *body, size_t len)
{
    char *copy = xcalloc(1, len + 1);
    struct wire_reply r = { .lane = lane, .instance = 1, .status = status, .body = copy, .len = len };

    memcpy(copy, body, len);
    calls[lane].busy = false;
    if (lane == WIRE_WITNESS)
        witness_reply(a, &r);
    else
        attest_reply(a, &r);
    free(copy);
}

static void
answer_honestly(struct agent *a, enum wire_lane lane)
{
    struct json_out o = { 0 };
    char entries[256 * (ENTRY_MAX + 2)];
    const char *query = strchr(calls[lane].path, '?');
    unsigned long long bundle = 0;
    unsigned width = 0;
    size_t used = 0;

    if (query && sscanf(query, "?bundle=%llu&width=%u", &bundle, &width) == 2) {
        for (uint64_t i = bundle * 256; i < bundle * 256 + width && i < journal.w->n; i++) {
            entries[used++] = (char)(journal.len[i] >> 8);
            entries[used++] = (char)journal.len[i];
            memcpy(entries + used, journal.bytes[i], journal.len[i]);
            used += journal.len[i];
        }
        answer(a, lane, 200, entries, used);
        return;
    }
    json_open(&o, NULL);
    if (text_starts(calls[lane].path, "/v1/agent/witness"))
        write_keys(&o);
    else if (text_starts(calls[lane].path, "/v1/agent/checkpoint"))
        write_checkpoint(&o);
    json_shut(&o);
    answer(a, lane, 200, o.text, o.len);
    json_out_free(&o);
}

/* ---- one input ------------------------------------------------------------------------------------------------------- */

/* What the agent's day does: a lane that is free and does not pause starts what is next. */
static void
start(struct agent *a, enum wire_lane lane)
{
    if (calls[lane].busy || a->pause[lane].until_mono_ms > __wrap_monotonic_ms() || a->stop)
        return;
    if (lane == WIRE_WITNESS)
        witness_start(a);
    else
        attest_start(a);
}

static void
step(struct agent *a, const char *record, size_t len)
{
    static const int STATUS[] = { 200, 0, 400, 401, 403, 404, 409, 422, 500, 503 };
    uint8_t first = len > 1 ? (uint8_t)record[1] : 0;
    enum wire_lane lane = record[0] == 'w' || record[0] == 'W' ? WIRE_WITNESS : WIRE_ATTEST;

    start(a, lane);
    switch (record[0]) {
    case 'w':
    case 'v':
        if (calls[lane].busy && len > 1)
            answer(a, lane, STATUS[first % 10], record + 2, len - 2);
        break;
    case 'W':
    case 'V':
        if (calls[lane].busy)
            answer_honestly(a, lane);
        break;
    case 'n': shown.n = first % (journal.w->n + 1); break;
    case 'x': shown.other_root = !shown.other_root; break;
    case 'p': shown.other_proof = !shown.other_proof; break;
    case 't': passed_ms += (int64_t)first * first * 1000; break;
    }
}

static void
begin(struct agent *a, struct witness *w)
{
    text_format(a->who.origin, sizeof a->who.origin, "%s", ORIGIN);
    text_format(a->who.site, sizeof a->who.site, "lumi");
    text_format(a->who.kid, sizeof a->who.kid, "1");
    a->who.genesis = ledger_genesis(journal.w->l);
    a->who.site_index = journal.w->site[0];
    a->cfg.overdue_s = 3600;
    for (int role = 0; role < WITNESS_ROLES; role++) {
        char name[NOTE_NAME_MAX];

        text_format(name, sizeof name, "%s/%s/lumi", ORIGIN, witness_role_name((enum witness_role)role));
        w->vkey[role] = vkey_make(name, NOTE_COSIGNATURE, journal.w->server.public);
    }
    a->witness = w;
}

static void
end(struct agent *a)
{
    witness_close(a);
    free(a->token);
    free(kept.refusal.note);
    memset(&kept, 0, sizeof kept);
    memset(&shown, 0, sizeof shown);
    memset(calls, 0, sizeof calls);
    passed_ms = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct agent a = { .log = { .fd = -1, .least = LOG_LEVEL_ERROR }, .instance = 1, .open = true, .clock = clock_real() };

    if (!journal.w)
        make_journal();
    begin(&a, xcalloc(1, sizeof(struct witness)));
    while (len > 0) {
        const uint8_t *stop = memchr(data, 0x1e, len);
        size_t n = stop ? (size_t)(stop - data) : len;

        if (n > 0)
            step(&a, (const char *)data, n);
        n += stop ? 1 : 0;
        data += n;
        len -= n;
    }
    end(&a);
    return 0;
}
