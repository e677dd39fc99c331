/* market/letter_words.h
 * A notice in the words of a letter, in the reader's language: the same sentences as on the page (web/messages/LANG.notices.json,
 * put in by scripts/letter-words), and what only letters say (letters.json). What a language does not know is said in English, as
 * the server tells it. */
#ifndef MARKET_LETTER_WORDS_H
#define MARKET_LETTER_WORDS_H

#include "base/arena.h"
#include "store/deliveries.h"

struct letter_words {
    const char *subject, *text;
};

struct letter_links {
    const char *base_url; /* of the pages */
    const char *token;    /* of the link that confirms the address, or that ends letters of this kind */
    int64_t until_ms;     /* the former opens until then */
};

/* In the arena. Lines end in LF. */
struct letter_words letter_words(const struct delivery *d, const struct letter_links *l, struct arena *a);

#endif
