/* store/tokens.h: programs' tokens. Of a token only its SHA-256 is known here. Texts of rows live in the arena given. */
#ifndef STORE_TOKENS_H
#define STORE_TOKENS_H

#include "base/arena.h"
#include "store/db.h"

enum token_scope { TOKEN_SCOPE_READ = 1, TOKEN_SCOPE_WRITE };
enum { TOKEN_NAME_MAX = 60, TOKEN_USED_MS = 3600000 };

struct token {
    struct uuid id, person;
    const char *name;
    enum token_scope scope;
    struct uuid organisation; /* for which it writes; else zero */
    int64_t created_ms, expires_ms;
    int64_t used_ms;       /* the hour of its last use; 0 never */
    const char *used_from; /* the network that came from */
};

/* In a transaction. */
enum err tokens_add(struct db *db, const struct token *t, struct hash token_hash) MUST_USE;
/* The live one behind a token's hash. ERR_UNAUTHENTICATED if none. */
enum err tokens_find(struct db *db, struct hash token_hash, int64_t now_ms, struct arena *a, struct token *ret) MUST_USE;
/* It is in use, from this network: noted once an hour. */
enum err tokens_use(struct db *db, struct uuid id, int64_t now_ms, const char *from) MUST_USE;
/* A person's live ones, the newest first; at most max. */
enum err tokens_of(struct db *db, struct uuid person, int64_t now_ms, int max, struct arena *a, struct token **ret, size_t *ret_n) MUST_USE;
/* ERR_NOT_FOUND: this person has no live one of that id. */
enum err tokens_end(struct db *db, struct uuid id, struct uuid person, int64_t now_ms) MUST_USE;
enum err tokens_end_of(struct db *db, struct uuid person, int64_t now_ms) MUST_USE; /* all of a person's */
/* Rows of tokens that were over by then. */
enum err tokens_remove_old(struct db *db, int64_t before_ms) MUST_USE;

#endif
