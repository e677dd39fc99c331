/* audit/asserted.h
 * Signatures by passkeys (authority class 2): each entry that has one must have its assertion beside the journal, and each assertion its
 * entry (schema/journal/assertion.md). Entries are wanted first, then the lines of assertions.jsonl are given, then it is ended. Memory:
 * one record a signature. */
#ifndef AUDIT_ASSERTED_H
#define AUDIT_ASSERTED_H

#include "base/json.h"
#include "core/entry.h"

enum { ASSERTED_LINE_MAX = 16384 }; /* an assertion of 4,096 bytes as JSON */

struct asserted;

/* A fault, in a sentence without its full stop. entry NO_INDEX: of none. */
typedef void asserted_fault_fn(void *ctx, uint64_t entry, uint16_t kind, const char *what);

struct asserted *asserted_new(asserted_fault_fn *fault, void *ctx);
void asserted_delete(struct asserted *a); /* NULL: nothing */
/* A slot of class 2; public: what the KEY entry that it names has, signed_bytes: of the entry. */
void asserted_want(struct asserted *a, const struct entry *e, const struct authority_slot *slot, const uint8_t public[32], struct bytes signed_bytes);
/* One line. */
void asserted_give(struct asserted *a, struct json_in *in);
/* Of a log that is served: each entry of which one is not given yet is asked for, in the journal's order; false: it is not to be had, and
 * its signature is not judged. Returns how many are not. */
uint64_t asserted_ask(struct asserted *a, bool (*ask)(void *ctx, uint64_t entry), void *ctx);
/* All were given. Returns how many signatures verify. */
uint64_t asserted_end(struct asserted *a);

#endif
