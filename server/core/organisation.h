/* core/organisation.h
 * What classes of organisation there are. A set of them is 16 bits, one a class: what a policy's `eligible` (in the
 * journal) and an offering's `open_to` hold. */
#ifndef CORE_ORGANISATION_H
#define CORE_ORGANISATION_H

#include <stdint.h>

enum organisation_class { ORGANISATION_START_UP, ORGANISATION_SME, ORGANISATION_RESEARCH, ORGANISATION_CLASSES };

#define ORGANISATION_BIT(class) ((uint16_t)(1U << (class)))

/* The wire names, ended by NULL: the place is the class. */
extern const char *const ORGANISATION_CLASS_WORDS[ORGANISATION_CLASSES + 1];

#endif
