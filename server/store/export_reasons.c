/* store/export_reasons.c */
#include "store/export_reasons.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "core/entry.h"
#include "core/entry_layout.h"

struct reason { struct uuid order; struct hash commitment; uint64_t entry; bool seen; };
struct erased { struct hash commitment; uint64_t entry; };

struct reasons {
    struct arena *arena;
    struct map *by_order, *erased; /* by commitment: the first that says so */
    struct reason **list;
    size_t n, cap, told;
    char text[240];
};

struct reasons *
reasons_new(void)
{
    struct reasons *r = xcalloc(1, sizeof *r);

    r->arena = arena_new();
    r->by_order = map_new_inside(16, offsetof(struct reason, order));
    r->erased = map_new_inside(32, offsetof(struct erased, commitment));
    return r;
}

void
reasons_delete(struct reasons *r)
{
    map_delete(r->by_order);
    map_delete(r->erased);
    arena_delete(r->arena);
    free(r->list);
    free(r);
}

static void
add(struct reasons *r, const struct entry *e, const struct hash *commitment)
{
    struct reason *new = arena_alloc(r->arena, sizeof *new);

    *new = (struct reason){ *entry_order(e), *commitment, e->index, false };
    if (map_get(r->by_order, new->order.b) != NULL)
        return; /* no order is carried out twice: the auditor tells it */
    map_put(r->by_order, new->order.b, new, NULL);
    if (r->n == r->cap) {
        r->cap = r->cap * 2 + 64;
        r->list = xrealloc(r->list, r->cap * sizeof *r->list);
    }
    r->list[r->n++] = new;
}

/* What is no entry is for the auditor to tell. */
void
reasons_entry(struct reasons *r, const struct entry_row *row)
{
    static const struct hash NONE;
    const struct hash *commitment;
    struct entry e;

    if (row->len <= ENTRY_HEADER || entry_decode(BYTES(row->bytes, row->len), &e) != OK)
        return;
    commitment = entry_commitment(&e);
    if (commitment == NULL || hash_equal(*commitment, NONE) || entry_order(&e) == NULL)
        return;
    if (e.kind != NOTICE || e.u.notice.type != NOTICE_ERASURE) {
        add(r, &e, commitment);
    } else if (map_get(r->erased, commitment->b) == NULL) {
        struct erased *new = arena_alloc(r->arena, sizeof *new);

        *new = (struct erased){ *commitment, e.index };
        map_put(r->erased, new->commitment.b, new, NULL);
    }
}

static const char *
say(struct reasons *r, const struct uuid *order, const char *what, uint64_t entry)
{
    char key[UUID_TEXT];

    uuid_text(*order, key);
    text_format(r->text, sizeof r->text, "row %s of the table evidence %s entry %" PRIu64, key, what, entry);
    return r->text;
}

const char *
reasons_row(struct reasons *r, const struct evidence *e)
{
    struct reason *of = map_get(r->by_order, e->order.b);
    const struct erased *erased;

    if (of == NULL)
        return NULL;
    of->seen = true;
    erased = map_get(r->erased, of->commitment.b);
    if (e->erased_ms != 0)
        return erased != NULL ? NULL : say(r, &e->order, "is erased, and no erasure is in the journal of the reason of", of->entry);
    if (erased != NULL)
        return say(r, &e->order, "has a text again that was erased, as it is said in", erased->entry);
    if (!hash_equal(sha256_of((const struct bytes[]){ BYTES(e->salt.b, sizeof e->salt.b), BYTES_TEXT(e->text) }, 2), of->commitment))
        return say(r, &e->order, "has not the text that stands behind", of->entry);
    return NULL;
}

const char *
reasons_missing(struct reasons *r)
{
    while (r->told < r->n) {
        const struct reason *of = r->list[r->told++];

        if (!of->seen && map_get(r->erased, of->commitment.b) == NULL)
            return say(r, &of->order, "is missing, and no erasure is in the journal of the reason of", of->entry);
    }
    return NULL;
}
