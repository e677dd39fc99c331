/* base/undo.c: a stack of steps and, beside it, a stack of the bytes that they keep. */
#include "base/undo.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum kind { STEP_SAVE, STEP_CALL, STEP_CALL_BYTES, STEP_RELEASE };

struct step {
    enum kind kind;
    size_t at, len; /* SAVE, CALL_BYTES: where the kept bytes lie */
    void *a, *b;    /* SAVE: a is the memory; RELEASE: a is what left the state */
    union {
        void (*back)(void *a, void *b);
        void (*release)(void *ptr);
    };
};

struct undo {
    struct step *steps;
    size_t count, cap;
    unsigned char *kept;
    size_t kept_len, kept_cap;
    bool playing; /* a function called back must not write to the log */
};

/* Above this many kept bytes (or steps' bytes) a commit gives the memory back. */
enum { KEEP_BYTES = 1 << 20 };

struct undo *
undo_new(void)
{
    return xcalloc(1, sizeof(struct undo));
}

void
undo_delete(struct undo *u)
{
    if (u == NULL)
        return;
    undo_commit(u);
    free(u->steps);
    free(u->kept);
    free(u);
}

static struct step *
push(struct undo *u, enum kind kind)
{
    struct step *step;

    assert(!u->playing);
    if (u->count == u->cap) {
        u->cap = u->cap > 0 ? u->cap * 2 : 64;
        u->steps = xrealloc(u->steps, u->cap * sizeof *u->steps);
    }
    step = &u->steps[u->count++];
    *step = (struct step){ .kind = kind, .at = u->kept_len };
    return step;
}

static void
keep(struct undo *u, struct step *step, const void *data, size_t len)
{
    size_t align = alignof(max_align_t);
    size_t room = (len + align - 1) / align * align;

    if (u->kept_cap - u->kept_len < room) {
        size_t cap = u->kept_cap > 0 ? u->kept_cap * 2 : 4096;
        while (cap - u->kept_len < room)
            cap *= 2;
        u->kept = xrealloc(u->kept, cap);
        u->kept_cap = cap;
    }
    if (len > 0)
        memcpy(u->kept + u->kept_len, data, len);
    step->len = len;
    u->kept_len += room;
}

void
undo_save(struct undo *u, void *ptr, size_t len)
{
    struct step *step;

    if (u == NULL)
        return;
    step = push(u, STEP_SAVE);
    step->a = ptr;
    keep(u, step, ptr, len);
}

void
undo_call(struct undo *u, void (*back)(void *a, void *b), void *a, void *b)
{
    struct step *step;

    if (u == NULL)
        return;
    step = push(u, STEP_CALL);
    step->back = back;
    step->a = a;
    step->b = b;
}

void
undo_call_bytes(struct undo *u, void (*back)(void *a, void *data), void *a, const void *data, size_t len)
{
    struct step *step;

    if (u == NULL)
        return;
    step = push(u, STEP_CALL_BYTES);
    step->back = back;
    step->a = a;
    keep(u, step, data, len);
}

void
undo_free_on_commit(struct undo *u, void (*release)(void *), void *ptr)
{
    struct step *step;

    if (u == NULL) {
        release(ptr);
        return;
    }
    step = push(u, STEP_RELEASE);
    step->release = release;
    step->a = ptr;
}

undo_mark
undo_here(const struct undo *u)
{
    return u == NULL ? 0 : u->count;
}

void
undo_back(struct undo *u, undo_mark to)
{
    if (u == NULL)
        return;
    assert(to <= u->count && !u->playing);
    u->playing = true;
    while (u->count > to) {
        struct step *step = &u->steps[--u->count];

        switch (step->kind) {
        case STEP_SAVE:
            if (step->len > 0)
                memcpy(step->a, u->kept + step->at, step->len);
            break;
        case STEP_CALL:
            step->back(step->a, step->b);
            break;
        case STEP_CALL_BYTES:
            step->back(step->a, u->kept + step->at);
            break;
        case STEP_RELEASE: /* it is in the state again */
            break;
        }
        u->kept_len = step->at;
    }
    u->playing = false;
}

static void
release(struct undo *u, size_t n)
{
    assert(!u->playing);
    u->playing = true;
    for (size_t i = 0; i < n; i++)
        if (u->steps[i].kind == STEP_RELEASE)
            u->steps[i].release(u->steps[i].a);
    u->playing = false;
}

void
undo_commit_to(struct undo *u, undo_mark to)
{
    size_t gone;

    if (u == NULL || to == 0)
        return;
    assert(to <= u->count);
    if (to == u->count) {
        undo_commit(u);
        return;
    }
    release(u, to);
    gone = u->steps[to].at; /* a step's bytes begin where the next one's end */
    memmove(u->steps, u->steps + to, (u->count - to) * sizeof *u->steps);
    u->count -= to;
    for (size_t i = 0; i < u->count; i++)
        u->steps[i].at -= gone;
    memmove(u->kept, u->kept + gone, u->kept_len - gone);
    u->kept_len -= gone;
}

void
undo_commit(struct undo *u)
{
    if (u == NULL)
        return;
    release(u, u->count);
    u->count = 0;
    u->kept_len = 0;
    if (u->kept_cap > KEEP_BYTES) {
        free(u->kept);
        u->kept = NULL;
        u->kept_cap = 0;
    }
    if (u->cap * sizeof *u->steps > KEEP_BYTES) {
        free(u->steps);
        u->steps = NULL;
        u->cap = 0;
    }
}
