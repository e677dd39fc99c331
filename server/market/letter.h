/* market/letter.h
 * A notice as a letter (RFC 5322): plain text in UTF-8, everything that is not our own words encoded, so that no line of it can be
 * taken for a header. Said to come from a machine (RFC 3834). */
#ifndef MARKET_LETTER_H
#define MARKET_LETTER_H

#include "base/arena.h"
#include "base/uuid.h"

struct letter {
    struct uuid id;   /* Message-ID: the same at every try */
    int64_t real_ms;  /* Date */
    const char *from; /* an address, or "Name <address>" in ASCII */
    const char *to, *language, *subject, *text;
    const char *stop; /* URL that ends letters of this kind by a POST (RFC 8058); "": none */
};

/* One address in plain ASCII, user@host.name: what letters are sent to, and from. */
bool letter_address_ok(const char *address);
/* The address in `from`; NULL: it is none that letter_make() takes. */
const char *letter_sender(const char *from, struct arena *a);
/* CR LF at each line's end. Lives in the arena. */
const char *letter_make(const struct letter *l, struct arena *a);

#endif
