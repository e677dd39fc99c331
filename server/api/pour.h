/* api/pour.h
 * Replies of any length, in bounded memory and without a thread that waits for the client: the call stays, and each time that all
 * is sent a slow worker makes the next piece, as the call's actor and in its turn among all callers. */
#ifndef API_POUR_H
#define API_POUR_H

#include "api/call.h"

struct pours;
struct pours *pours_new(void);
void pours_delete(struct pours *p);

/* The next piece, appended to out; call->arena is of this piece only. *ret_done: it was the last. An error breaks the reply off, so
 * that the client sees that it is not whole. */
typedef enum err pour_step(struct call *call, void *work, struct json_out *out, bool *ret_done);
struct pour_of {
    const char *type, *file; /* of the reply; the file's name, plain signs only */
    const char *checkpoint;  /* a header's text, or NULL */
    pour_step *step;
    void (*end)(void *work); /* frees it, always once; also where pour_begin() fails the call */
    void *work;
};
/* In a worker; the call is answered from then on. ERR_RATE_LIMITED or ERR_BUSY where the caller, or all, have too many under way. */
void pour_begin(struct call *call, const struct pour_of *of);

/* A checkpoint's size, root (base64) and time for the header. */
struct checkpoint_row;
const char *pour_checkpoint(struct arena *a, const struct checkpoint_row *row);

#endif
