/* core/needs.h
 * What a ticket needs of a site's agent beyond running a script: an agent says at each opening of its instance what it
 * takes, the broker asks only those, and the ticket names it, so that an agent which does not know the word can say so. A
 * set is 16 bits, stored with requests, quotes, reservations and sites: append only. */
#ifndef CORE_NEEDS_H
#define CORE_NEEDS_H

#include <stdint.h>

#include "base/json.h"

enum need {
    NEED_ALLOCATION, /* not a job: an account of the batch system is opened, for people who log in at the site */
    NEED_TRANSFER,   /* a job that fetches and puts files by URL: curl, and a way out of the site */
    NEED_APPTAINER,  /* a job in an image that Apptainer runs */
    NEED_PODMAN,     /* the same with Podman */
    NEED_SECRETS,    /* secrets that only this site can open (core/secret.h) */
    NEEDS
};

#define NEED_BIT(need) ((uint16_t)(1U << (need)))
#define NEEDS_KNOWN    ((uint16_t)((1U << NEEDS) - 1))
#define NEEDS_NAMED_MAX 16 /* words that may be named at once, known or not */
#define NEED_WORD_MAX   32

extern const char *const NEED_WORDS[NEEDS + 1];   /* the wire names, ended by NULL: the place is the need */
extern const char *const NEED_PHRASES[NEEDS];     /* "Does not take …" */

/* An array of words. ret_unknown: whether there was one that we do not know (NULL: that is no matter). 0 if it is missing. */
uint16_t needs_in(struct json_in *in, const char *name, bool *ret_unknown);
void needs_json(struct json_out *out, const char *name, uint16_t needs);

#endif
