/* core/organisation.c */
#include "core/organisation.h"

#include <stddef.h>

const char *const ORGANISATION_CLASS_WORDS[ORGANISATION_CLASSES + 1] = { "start-up", "sme", "research", NULL };
