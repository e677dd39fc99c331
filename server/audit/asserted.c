/* audit/asserted.c */
#include "audit/asserted.h"

#include <inttypes.h>
#include <stdlib.h>

#include "audit/lines.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "crypto/assertion.h"

struct wanted {
    struct hash sha256, challenge;
    uint8_t public[32];
    uint64_t entry, key;
    uint16_t kind;
    bool given;
    struct wanted *next; /* in the journal's order */
};

struct asserted {
    asserted_fault_fn *fault;
    void *ctx;
    struct arena *arena;
    struct map *by_hash;
    struct wanted *first, **last;
    uint64_t good;
};

struct asserted *
asserted_new(asserted_fault_fn *fault, void *ctx)
{
    struct asserted *a = xcalloc(1, sizeof *a);

    a->fault = fault;
    a->ctx = ctx;
    a->arena = arena_new();
    a->by_hash = map_new(sizeof(struct hash));
    a->last = &a->first;
    return a;
}

void
asserted_delete(struct asserted *a)
{
    if (a == NULL)
        return;
    map_delete(a->by_hash);
    arena_delete(a->arena);
    free(a);
}

static void tell(struct asserted *a, const struct wanted *w, const char *fmt, ...) PRINTF(3, 4);

static void
tell(struct asserted *a, const struct wanted *w, const char *fmt, ...)
{
    char what[200];
    va_list args;

    va_start(args, fmt);
    text_vformat(what, sizeof what, fmt, args);
    va_end(args);
    a->fault(a->ctx, w != NULL ? w->entry : NO_INDEX, w != NULL ? w->kind : (uint16_t)ENTRY_KINDS, what);
}

void
asserted_want(struct asserted *a, const struct entry *e, const struct authority_slot *slot, const uint8_t public[32], struct bytes signed_bytes)
{
    struct wanted *w = arena_alloc(a->arena, sizeof *w), *other;

    *w = (struct wanted){ .challenge = sha256(signed_bytes), .entry = e->index, .key = slot->key, .kind = e->kind };
    memcpy(w->sha256.b, slot->sig, sizeof w->sha256.b);
    memcpy(w->public, public, sizeof w->public);
    other = map_get(a->by_hash, w->sha256.b);
    if (other != NULL) {
        tell(a, w, "it has the same passkey's assertion as entry %" PRIu64, other->entry);
        return;
    }
    map_put(a->by_hash, w->sha256.b, w, NULL);
    *a->last = w;
    a->last = &w->next;
}

/* What is wrong with it, in words about an entry. */
static const char *
why(enum err err)
{
    switch (err) {
    case ERR_PASSKEY_TYPE:
        return "the passkey answered another kind of question";
    case ERR_PASSKEY_CHALLENGE:
        return "the passkey signed something else than this entry";
    case ERR_PASSKEY_ORIGIN:
        return "the passkey was asked by a page that is not of its site";
    case ERR_PASSKEY_SITE:
        return "the passkey is for another site";
    case ERR_PASSKEY_ABSENT:
        return "nobody was there to confirm it";
    case ERR_PASSKEY_UNVERIFIED:
        return "the passkey did not ask for a PIN, a finger or a face";
    case ERR_PASSKEY_SIGNATURE:
        return "it does not verify";
    case ERR_ORDER_KEY:
        return "it is by another passkey";
    default:
        return "its assertion is none";
    }
}

void
asserted_give(struct asserted *a, struct json_in *in)
{
    uint8_t bytes[ASSERTION_MAX];
    char hex[HEX_LEN(32)];
    struct hash hash;
    size_t len = 0, hash_len = 0;
    bool good = lines_hex(in, "sha256", hash.b, sizeof hash.b, &hash_len) && hash_len == sizeof hash.b;
    struct wanted *w;
    enum err err;

    good = lines_hex(in, "assertion", bytes, sizeof bytes, &len) && good;
    if (in->err != OK)
        return;
    w = good ? map_get(a->by_hash, hash.b) : NULL;
    if (!good || !hash_equal(sha256(BYTES(bytes, len)), hash)) {
        if (w != NULL)
            w->given = true;
        tell(a, w, "an assertion is not what its hash says");
    } else if (w == NULL) {
        hex_encode(BYTES(hash.b, sizeof hash.b), hex);
        tell(a, NULL, "no entry has the assertion %.16s…", hex);
    } else if (w->given) {
        tell(a, w, "its assertion is there twice");
    } else {
        w->given = true;
        err = assertion_check_hash(BYTES(bytes, len), w->public, NULL, &w->challenge);
        if (err == OK)
            a->good++;
        else
            tell(a, w, "the signature by passkey, key %" PRIu64 ": %s", w->key, why(err));
    }
}

uint64_t
asserted_ask(struct asserted *a, bool (*ask)(void *ctx, uint64_t entry), void *ctx)
{
    uint64_t n = 0;

    for (struct wanted *w = a->first; w != NULL; w = w->next)
        if (!w->given && !ask(ctx, w->entry)) {
            w->given = true; /* as far as faults go */
            n++;
        }
    return n;
}

uint64_t
asserted_end(struct asserted *a)
{
    for (const struct wanted *w = a->first; w != NULL; w = w->next)
        if (!w->given)
            tell(a, w, "the signature by passkey, key %" PRIu64 ": its assertion is missing", w->key);
    return a->good;
}
