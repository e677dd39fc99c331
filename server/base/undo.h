/* base/undo.h
 * An undo log. Whoever changes memory that may have to be put back saves the old bytes, or names the function that
 * takes the change back, before the change. undo_back() plays it backwards to a mark; undo_commit() forgets it and
 * frees what was only kept for it; undo_commit_to() does so with its older part, while the newer may still go back. Not thread-safe. Every function takes u == NULL as "no undo wanted". */
#ifndef BASE_UNDO_H
#define BASE_UNDO_H

#include <stddef.h>

struct undo;
typedef size_t undo_mark;

struct undo *undo_new(void);
void undo_delete(struct undo *u);
void undo_save(struct undo *u, void *ptr, size_t len); /* remember len bytes at ptr */
void undo_call(struct undo *u, void (*back)(void *a, void *b), void *a, void *b);
void undo_call_bytes(struct undo *u, void (*back)(void *a, void *data), void *a, const void *data, size_t len);
void undo_free_on_commit(struct undo *u, void (*release)(void *),
                         void *ptr); /* ptr left the state; u == NULL: released now */
undo_mark undo_here(const struct undo *u);
void undo_back(struct undo *u, undo_mark to);
void undo_commit(struct undo *u);
/* Forget what came before the mark only; later marks move down by it. */
void undo_commit_to(struct undo *u, undo_mark to);

#endif
