/* market/rows.h: the tables that a batch writes beside the journal, as lists of columns of the state's objects. */
#ifndef MARKET_ROWS_H
#define MARKET_ROWS_H

#include "market/state.h"
#include "store/answers.h"
#include "store/table.h"

/* Rows that have no object in the state: written once, never changed. */
struct ticket_row {
    uint64_t site, seq;
    struct uuid jti, reservation;
    struct bytes claims;        /* JSON text */
    int64_t created_ms;
};

struct report_row {
    uint64_t site, number, instance, key, fence;
    uint16_t kind;              /* enum report_kind */
    struct uuid jti;
    int64_t time_ms;            /* the site's */
    uint8_t statement[REPORT_STATEMENT_LEN], signature[64];
    struct hash output;         /* of the blob; zero: none */
    uint32_t output_len, answer_flags;
    enum err reason;            /* of a refused permit */
    int64_t received_ms;
};

struct capacity_row {
    uint64_t offering;
    uint32_t number;            /* of the offering's changes, from 1 */
    uint32_t nodes, brokered_gpus, pool_nodes;
    int64_t from_ms, set_ms;
    char modes[OFFERING_MODES_LEN];
    char floors[OFFERING_FLOORS_LEN];
    uint16_t open_to;
    uint32_t window;           /* number of the maintenance's first row; 0: of none */
    int64_t until_ms;          /* first row of a maintenance, or of its early end, else 0 */
    int32_t less_nodes, less_pool_nodes; /* of such: negative: given back */
    char reason[160];
    bool told;                 /* by the site's agent */
};

/* A full tile of the log, in the batch whose entries complete it. */
struct tile_row {
    int32_t level;              /* core/tile.h */
    uint64_t n;
    struct bytes hashes;
};

/* What a passkey has signed of an entry: in the table just when the entry is in the journal. */
struct assertion_row {
    struct hash sha256;
    struct bytes bytes;         /* crypto/assertion.h */
    int64_t created_ms;
};

enum rows_table {
    ROWS_QUOTE, ROWS_QUOTE_ANSWER, ROWS_RESERVATION, ROWS_SITE, ROWS_TICKET, ROWS_REPORT, ROWS_CAPACITY, ROWS_ANSWER,
    ROWS_TILE, ROWS_ASSERTION, ROWS
};

/* One table object each, with its own buffers. */
struct rows {
    struct table *table[ROWS];
    struct table *quotes_load; /* a quote with its answer; only read */
};

void rows_init(struct rows *r);
void rows_free(struct rows *r);
enum err rows_prepare(struct rows *r, struct db *db) MUST_USE;

const char *quote_state_word(int state);

#endif
