/* api/question.h
 * What a passkey is asked: a challenge, which the browser's authenticator signs, and a sealed text that comes back with the
 * answer: what the challenge is for, until when, of whose session or whom it is. So nothing is kept for questions that nobody
 * answers; those that were answered well are remembered until they are too old, and are not taken again. */
#ifndef API_QUESTION_H
#define API_QUESTION_H

#include "api/call.h"
#include "store/passkeys.h"

enum question_purpose {
    TO_MAKE = 1,  /* a passkey, by who is signed in: of their session, with their handle */
    TO_SIGN_IN,   /* by whoever's passkey it is */
    TO_GO_SECOND, /* after the password: by this person */
};
enum { QUESTION_TEXT = 400 };

struct question {
    enum question_purpose purpose;
    int64_t until_s; /* of the real clock */
    uint8_t challenge[PASSKEY_CHALLENGE];
    struct hash session;            /* zero: none */
    struct uuid person;             /* zero: whoever */
    uint8_t handle[PASSKEY_HANDLE]; /* to be the passkey's; zero: none is made */
};

/* Draws the challenge and the time; "question", "challenge" and "site" go into call->out. */
void question_ask(struct call *call, struct question *q);
/* One of ours, for this, not too old, and of this session where it is of one. ERR_SIGN_IN_STALE. */
enum err question_read(struct call *call, const char *text, enum question_purpose purpose, struct question *ret) MUST_USE;
/* What a passkey that is used is asked: the challenge behind words of its own, which the page puts there. So nothing that a page signs a
 * person in with is ever an order's signature, which is asked for by the order's hash alone, whatever challenge a server may choose. */
struct hash question_asked(const struct question *q);
/* It is answered: in the transaction that does what the answer is for. ERR_SIGN_IN_STALE: it was before. */
enum err question_spend(struct db *db, const struct question *q) MUST_USE;

/* An answer's fields: bytes in base64, of at least one. */
struct bytes in_answer(struct json_in *in, const char *name, size_t max, struct arena *a);

#endif
