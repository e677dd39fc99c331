/* api/fresh.c */
#include "api/fresh.h"

#include <stdlib.h>
#include <string.h>

static struct bytes
copy(struct arena *a, struct bytes from)
{
    uint8_t *to = arena_alloc(a, from.len + 1);

    memcpy(to, from.data, from.len);
    return BYTES(to, from.len);
}

struct fresh *
fresh_new(const struct market_event *events, size_t n, uint64_t site, size_t max)
{
    struct fresh *f;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (events[i].kind == EVENT_TICKET && events[i].index == site) {
            if (events[i].seq == 0)
                return NULL;
            count++;
        }
    if (count == 0)
        return NULL;
    f = xcalloc(1, sizeof *f);
    f->arena = arena_new();
    f->tickets = arena_alloc(f->arena, (count < max ? count : max) * sizeof *f->tickets);
    for (size_t i = 0; i < n && f->n < max; i++)
        if (events[i].kind == EVENT_TICKET && events[i].index == site)
            f->tickets[f->n++] = (struct ticket_record){ .site = site, .seq = events[i].seq,
                                                         .claims = copy(f->arena, events[i].claims) };
    return f;
}

void
fresh_delete(struct fresh *f)
{
    if (!f)
        return;
    arena_delete(f->arena);
    free(f);
}

bool
fresh_covers(const struct fresh *f, uint64_t after)
{
    return f && after >= f->tickets[0].seq - 1;
}
