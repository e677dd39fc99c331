/* market/due.c: a binary heap by time, and a map a kind from the thing to its node. A node knows its place in the
 * heap. */
#include "market/due.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"

struct node {
    struct due_item item;
    size_t place;
};

struct due {
    struct map *nodes[DUE_GRANT + 1]; /* by kind: UUID, or for grants index → struct node */
    struct node **heap;
    size_t count, cap;
};

static struct map *
nodes_of(const struct due *d, enum due_what what)
{
    assert(what >= DUE_QUOTE && what <= DUE_GRANT);
    return d->nodes[what];
}

static const void *
key_of(const struct due_item *item)
{
    return item->what == DUE_GRANT ? (const void *)&item->index : (const void *)&item->id;
}

struct due *
due_new(void)
{
    struct due *d = xcalloc(1, sizeof *d);

    for (int what = DUE_QUOTE; what <= DUE_GRANT; what++)
        d->nodes[what] = what == DUE_GRANT ? map_new_inside(sizeof(uint64_t), offsetof(struct node, item.index))
                                           : map_new_inside(sizeof(struct uuid), offsetof(struct node, item.id));
    return d;
}

void
due_delete(struct due *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->count; i++)
        free(d->heap[i]);
    free(d->heap);
    for (int what = DUE_QUOTE; what <= DUE_GRANT; what++)
        map_delete(d->nodes[what]);
    free(d);
}

static void
put_at(struct due *d, size_t place, struct node *node)
{
    d->heap[place] = node;
    node->place = place;
}

static void
sift_up(struct due *d, struct node *node)
{
    size_t place = node->place;

    while (place > 0) {
        struct node *parent = d->heap[(place - 1) / 2];
        if (parent->item.at_ms <= node->item.at_ms)
            break;
        put_at(d, place, parent);
        place = (place - 1) / 2;
    }
    put_at(d, place, node);
}

static void
sift_down(struct due *d, struct node *node)
{
    size_t place = node->place;

    for (;;) {
        size_t child = place * 2 + 1;
        if (child >= d->count)
            break;
        if (child + 1 < d->count && d->heap[child + 1]->item.at_ms < d->heap[child]->item.at_ms)
            child++;
        if (node->item.at_ms <= d->heap[child]->item.at_ms)
            break;
        put_at(d, place, d->heap[child]);
        place = child;
    }
    put_at(d, place, node);
}

static void
take_off(struct due *d, struct node *node)
{
    struct node *last = d->heap[--d->count];

    if (last != node) {
        put_at(d, node->place, last);
        sift_up(d, last);
        sift_down(d, last);
    }
    map_remove(nodes_of(d, node->item.what), key_of(&node->item), NULL);
    free(node);
}

static void
put_on(struct due *d, const struct due_item *item)
{
    struct node *node = xmalloc(sizeof *node);

    if (d->count == d->cap) {
        d->cap = d->cap > 0 ? d->cap * 2 : 64;
        d->heap = xrealloc(d->heap, d->cap * sizeof *d->heap);
    }
    node->item = *item;
    put_at(d, d->count++, node);
    sift_up(d, node);
    map_put(nodes_of(d, item->what), key_of(item), node, NULL);
}

static void
set(struct due *d, const struct due_item *item)
{
    struct node *node = map_get(nodes_of(d, item->what), key_of(item));

    if (node == NULL) {
        if (item->at_ms != DUE_NEVER)
            put_on(d, item);
    } else if (item->at_ms == DUE_NEVER) {
        take_off(d, node);
    } else {
        node->item.at_ms = item->at_ms;
        sift_up(d, node);
        sift_down(d, node);
    }
}

static void
set_back(void *due, void *item)
{
    set(due, item);
}

void
due_set(struct due *d, enum due_what what, struct uuid id, uint64_t index, int64_t at_ms, struct undo *u)
{
    struct due_item item = { .at_ms = due_at(d, what, id, index), .what = what, .id = id, .index = index };

    if (item.at_ms == at_ms)
        return;
    undo_call_bytes(u, set_back, d, &item, sizeof item);
    item.at_ms = at_ms;
    set(d, &item);
}

int64_t
due_at(const struct due *d, enum due_what what, struct uuid id, uint64_t index)
{
    struct due_item item = { .what = what, .id = id, .index = index };
    const struct node *node = map_get(nodes_of(d, what), key_of(&item));

    return node != NULL ? node->item.at_ms : DUE_NEVER;
}

/* The heap's top part that is due: a walk that turns back wherever a node is not, so its cost is that of the answer. */
static size_t
list_from(const struct due *d, size_t place, int64_t now_ms, struct due_item *ret, size_t max)
{
    size_t n = 0;

    if (max == 0 || place >= d->count || d->heap[place]->item.at_ms > now_ms)
        return 0;
    ret[n++] = d->heap[place]->item;
    n += list_from(d, place * 2 + 1, now_ms, ret + n, max - n);
    n += list_from(d, place * 2 + 2, now_ms, ret + n, max - n);
    return n;
}

size_t
due_list(const struct due *d, int64_t now_ms, struct due_item *ret, size_t max)
{
    return list_from(d, 0, now_ms, ret, max);
}

int64_t
due_next(const struct due *d)
{
    return d->count > 0 ? d->heap[0]->item.at_ms : DUE_NEVER;
}

size_t
due_count(const struct due *d)
{
    return d->count;
}
