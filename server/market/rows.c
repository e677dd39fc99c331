/* market/rows.c */
#include "market/rows.h"

#include <stddef.h>

/* ---- coded columns ------------------------------------------------------------------------------------------------- */

static size_t
encode_answer_ask(const void *object, uint8_t *ret)
{
    broker_ask_encode(&((const struct quote *)object)->ask, ret);
    return BROKER_ASK_LEN;
}

/* A quote that is over has none to load. */
static enum err
decode_quote_ask(struct bytes in, void *object)
{
    struct quote *q = object;

    return in.len == 0 && q->state != QUOTE_OPEN ? OK : broker_ask_decode(in, &q->ask);
}

static const char *const QUOTE_WORDS[] = {
    [QUOTE_OPEN] = "open", [QUOTE_USED] = "used", [QUOTE_EXPIRED] = "expired", [QUOTE_RELEASED] = "released",
    [QUOTE_NO_OFFER] = "no-offer",
};

const char *
quote_state_word(int state)
{
    return QUOTE_WORDS[state];
}

static bool
quote_state_value(const char *word, int *ret)
{
    for (size_t i = 0; i < sizeof QUOTE_WORDS / sizeof QUOTE_WORDS[0]; i++)
        if (strcmp(QUOTE_WORDS[i], word) == 0) {
            *ret = (int)i;
            return true;
        }
    return false;
}

static const char *
reservation_state_word(int state)
{
    return ticket_state_word((enum ticket_state)state);
}

static bool
reservation_state_value(const char *word, int *ret)
{
    enum ticket_state state;

    if (!ticket_state_from_word(word, &state))
        return false;
    *ret = (int)state;
    return true;
}

static const char *
reason_word(int err)
{
    return err == OK ? "" : err_wire((enum err)err);
}

static bool
reason_value(const char *word, int *ret)
{
    *ret = word[0] == '\0' ? OK : (int)err_from_wire(word);
    return true;
}

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

#define Q(type, field, flags) TABLE_COLUMN(TABLE_##type, struct quote, field, flags)
#define QUOTE_FIELDS                                                                                                   \
    Q(UUID, id, TABLE_KEY | TABLE_ONCE),                                                                               \
    Q(UUID, request, TABLE_ONCE),                                                                                      \
    Q(UUID, org, TABLE_ONCE),                                                                                          \
    TABLE_NAMED(TABLE_U64, "grant_account", struct quote, grant, TABLE_ONCE),                                          \
    Q(I64, created_ms, TABLE_ONCE),                                                                                    \
    Q(I64, expires_ms, 0),                                                                                             \
    TABLE_WORDS(struct quote, state, 0, quote_state_word, quote_state_value),                                          \
    Q(BOOL, renewed, 0),                                                                                               \
    Q(BOOL, first, TABLE_ONCE),                                                                                        \
    Q(I64, ended_ms, 0),                                                                                               \
    Q(HASH, workload, TABLE_ONCE),                                                                                     \
    Q(U32, workload_len, TABLE_ONCE),                                                                                  \
    Q(TEXT, name, TABLE_ONCE),                                                                                         \
    Q(BOOL, move_freely, TABLE_ONCE),                                                                                  \
    Q(U64, offering, TABLE_ONCE),                                                                                      \
    Q(U64, rate, TABLE_ONCE),                                                                                          \
    Q(U32, gpus, TABLE_ONCE),                                                                                          \
    Q(I64, start_slot, TABLE_ONCE),                                                                                    \
    Q(I64, slots, TABLE_ONCE),                                                                                         \
    Q(I64, cost_gpums, TABLE_ONCE),                                                                                    \
    Q(U64, site, TABLE_ONCE),                                                                                          \
    Q(U32, nodes, TABLE_ONCE),                                                                                         \
    Q(U32, rate_milli, TABLE_ONCE),                                                                                    \
    Q(I64, start_ms, TABLE_ONCE),                                                                                      \
    Q(I64, start_by_ms, TABLE_ONCE),                                                                                   \
    Q(I64, end_ms, TABLE_ONCE),                                                                                        \
    Q(U8, nights, TABLE_ONCE),
static const struct table_column QUOTE_COLUMNS[] = { QUOTE_FIELDS };

/* The long part of a quote, apart since it never changes. */
static const struct table_column QUOTE_ANSWER_COLUMNS[] = {
    Q(UUID, id, TABLE_KEY | TABLE_ONCE),
    TABLE_CODE("ask", TABLE_ONCE, encode_answer_ask, NULL),
    Q(BYTES, answer, TABLE_ONCE),
};

/* Both, as a rebuild reads them; the long part of open ones only. */
static const struct table_column QUOTE_LOAD_COLUMNS[] = {
    QUOTE_FIELDS
    { .name = "ask", .type = TABLE_CODED, .decode = decode_quote_ask },
    Q(BYTES, answer, 0),
};

#define R(type, field, flags) TABLE_COLUMN(TABLE_##type, struct reservation, field, flags)
static const struct table_column RESERVATION_COLUMNS[] = {
    R(UUID, id, TABLE_KEY | TABLE_ONCE),
    R(UUID, request, TABLE_ONCE),
    R(UUID, org, TABLE_ONCE),
    R(UUID, quote, TABLE_ONCE),
    R(UUID, jti, TABLE_ONCE),
    TABLE_NAMED(TABLE_U64, "grant_account", struct reservation, grant, TABLE_ONCE),
    R(U64, site, TABLE_ONCE),
    R(U64, offering, TABLE_ONCE),
    R(U64, rate, TABLE_ONCE),
    R(U64, hold, TABLE_ONCE),
    R(U32, gpus, TABLE_ONCE),
    R(U32, nodes, TABLE_ONCE),
    R(U32, walltime_s, TABLE_ONCE),
    R(U32, rate_milli, TABLE_ONCE),
    R(I64, cost_gpums, TABLE_ONCE),
    R(I64, window_start_ms, TABLE_ONCE),
    R(I64, window_end_ms, TABLE_ONCE),
    R(I64, permit_from_ms, TABLE_ONCE),
    R(I64, accept_by_ms, TABLE_ONCE),
    R(I64, start_by_ms, TABLE_ONCE),
    R(I64, booked_slot, 0),
    R(I64, booked_slots, 0),
    R(U64, fence, TABLE_ONCE),
    R(U64, seq, 0),
    R(U64, cancel_seq, 0),
    TABLE_WORDS(struct reservation, state, 0, reservation_state_word, reservation_state_value),
    R(U16, outcome, 0),
    R(U64, permit_instance, 0),
    R(I64, first_permit_ms, 0),
    R(I64, permit_ms, 0),
    R(U64, permit_report, 0),
    R(I64, created_ms, TABLE_ONCE),
    R(I64, received_ms, 0),
    R(I64, queued_ms, 0),
    R(I64, started_ms, 0),
    R(I64, ended_ms, 0),
    R(I64, settled_ms, 0),
    R(I64, changed_ms, 0),
    R(U64, reported_gpu_seconds, 0),
    R(I64, reported_ms, 0),
    R(I64, settled_gpums, 0),
    R(I64, daily_settle_ms, 0),
    R(I32, exit_code, 0),
    R(U64, settle_entry, 0),
    R(U64, void_entry, 0),
    R(U64, dispute_entry, 0),
    R(I64, cancel_ms, 0),
    R(I64, disputed_ms, 0),
    R(U8, dispute_why, 0),
    R(U64, version, 0),
    R(BOOL, move_freely, TABLE_ONCE),
    R(U8, moves, TABLE_ONCE),
    R(UUID, moved_from, TABLE_ONCE),
    R(UUID, moved_to, 0),
    R(HASH, workload, TABLE_ONCE),
    R(U32, workload_len, TABLE_ONCE),
    R(HASH, output, 0),
    R(U32, output_len, 0),
    R(I64, output_ms, 0),
    R(TEXT, name, TABLE_ONCE),
    R(BYTES, ask, TABLE_ONCE),
    R(U8, night, TABLE_ONCE),
    R(U8, nights, TABLE_ONCE),
    TABLE_SEALED,
    R(SET, needs, TABLE_ONCE),
    R(HASH, secrets, TABLE_ONCE),
};

#define S(type, field, flags) TABLE_COLUMN(TABLE_##type, struct site_state, field, flags)
static const struct table_column SITE_COLUMNS[] = {
    S(U64, site, TABLE_KEY | TABLE_ONCE),
    S(BOOL, paused, 0),
    S(BOOL, draining, 0),
    S(TEXT, reason, 0),
    S(U64, last_seq, 0),
    S(U64, confirmed_seq, 0),
    S(U64, instance, 0),
    S(I64, instance_ms, 0),
    S(U64, instance_key, 0),
    S(U64, last_report, 0),
    S(I64, retired_ms, 0),
    S(U64, retired_instance, 0),
    S(U64, retired_key, 0),
    S(TEXT, retired_reason, 0),
    S(U64, base_seq, 0),
    S(U64, base_report, 0),
    S(BOOL, recovering, 0),
    S(U16, takes, 0),
    S(HASH, seal_key, 0),
    S(FIXED, seal_signature, 0),
};

#define T(type, field, flags) TABLE_COLUMN(TABLE_##type, struct ticket_row, field, flags)
static const struct table_column TICKET_COLUMNS[] = {
    T(U64, site, TABLE_KEY | TABLE_ONCE),
    T(U64, seq, TABLE_KEY | TABLE_ONCE),
    T(UUID, jti, TABLE_ONCE),
    T(UUID, reservation, TABLE_ONCE),
    T(BYTES, claims, TABLE_ONCE),
    T(I64, created_ms, TABLE_ONCE),
};

#define P(type, field, flags) TABLE_COLUMN(TABLE_##type, struct report_row, field, flags)
static const struct table_column REPORT_COLUMNS[] = {
    P(U64, site, TABLE_KEY | TABLE_ONCE),
    P(U64, number, TABLE_KEY | TABLE_ONCE),
    P(U64, instance, TABLE_ONCE),
    P(U64, key, TABLE_ONCE),
    P(U64, fence, TABLE_ONCE),
    P(U16, kind, TABLE_ONCE),
    P(UUID, jti, TABLE_ONCE),
    P(I64, time_ms, TABLE_ONCE),
    P(FIXED, statement, TABLE_ONCE),
    P(FIXED, signature, TABLE_ONCE),
    P(HASH, output, TABLE_ONCE),
    P(U32, output_len, TABLE_ONCE),
    P(U32, answer_flags, TABLE_ONCE),
    TABLE_WORDS(struct report_row, reason, TABLE_ONCE, reason_word, reason_value),
    P(I64, received_ms, TABLE_ONCE),
};

#define C(type, field, flags) TABLE_COLUMN(TABLE_##type, struct capacity_row, field, flags)
static const struct table_column CAPACITY_COLUMNS[] = {
    C(U64, offering, TABLE_KEY | TABLE_ONCE),
    C(U32, number, TABLE_KEY | TABLE_ONCE),
    C(U32, nodes, TABLE_ONCE),
    C(U32, brokered_gpus, TABLE_ONCE),
    C(U32, pool_nodes, TABLE_ONCE),
    C(I64, from_ms, TABLE_ONCE),
    C(I64, set_ms, TABLE_ONCE),
    C(TEXT, modes, TABLE_ONCE),
    C(U16, open_to, TABLE_ONCE),
    C(TEXT, floors, TABLE_ONCE),
    TABLE_NAMED(TABLE_U32, "window_number", struct capacity_row, window, TABLE_ONCE),
    C(I64, until_ms, TABLE_ONCE),
    C(I32, less_nodes, TABLE_ONCE),
    C(I32, less_pool_nodes, TABLE_ONCE),
    C(TEXT, reason, TABLE_ONCE),
    C(BOOL, told, TABLE_ONCE),
};

#define L(type, field, flags) TABLE_COLUMN(TABLE_##type, struct tile_row, field, flags)
static const struct table_column TILE_COLUMNS[] = {
    L(I32, level, TABLE_KEY | TABLE_ONCE),
    L(U64, n, TABLE_KEY | TABLE_ONCE),
    L(BYTES, hashes, TABLE_ONCE),
};

#define A(type, field, flags) TABLE_COLUMN(TABLE_##type, struct assertion_row, field, flags)
static const struct table_column ASSERTION_COLUMNS[] = {
    A(HASH, sha256, TABLE_KEY | TABLE_ONCE),
    A(BYTES, bytes, TABLE_ONCE),
    A(I64, created_ms, TABLE_ONCE),
};

#define TABLE_DEF(name_, columns_, type_, load_)                                                                       \
    { .name = (name_), .columns = (columns_), .columns_n = sizeof(columns_) / sizeof((columns_)[0]),                   \
      .object_size = sizeof(type_), .load = (load_) }

/* What a rebuild reads. Quotes: $1 is a time before which none that still counts was made. Reservations: $1 is the first
 * HOLD that still counts. No index on what changes: a change of state touches no index. */
static const struct table_def QUOTES = TABLE_DEF("quote", QUOTE_COLUMNS, struct quote, NULL);
static const struct table_def QUOTE_ANSWERS = TABLE_DEF("quote_answer", QUOTE_ANSWER_COLUMNS, struct quote, NULL);
static const struct table_def QUOTES_LOAD = TABLE_DEF("quote", QUOTE_LOAD_COLUMNS, struct quote,
    "LEFT JOIN LATERAL (SELECT ask, answer FROM quote_answer a WHERE a.id = quote.id AND quote.state = 'open' OFFSET 0) long"
    " ON true WHERE created_ms >= $1 ORDER BY ended_ms, id");
static const struct table_def RESERVATIONS = {
    .name = "reservation", .columns = RESERVATION_COLUMNS, .columns_n = sizeof RESERVATION_COLUMNS / sizeof RESERVATION_COLUMNS[0],
    .object_size = sizeof(struct reservation), .load = "WHERE hold >= $1 AND state <> 'voided' ORDER BY hold",
    .sealed = SEALED_RESERVATION,
};
static const struct table_def SITES =
    TABLE_DEF("site_status", SITE_COLUMNS, struct site_state, "ORDER BY site");
static const struct table_def TICKETS = TABLE_DEF("ticket", TICKET_COLUMNS, struct ticket_row, NULL);
static const struct table_def REPORTS = TABLE_DEF("report", REPORT_COLUMNS, struct report_row,
    "JOIN (SELECT s.site AS of_site, s.last_report FROM site_status s) l ON site = of_site AND number > last_report - $1"
    " ORDER BY site, number");
static const struct table_def CAPACITY =
    TABLE_DEF("capacity", CAPACITY_COLUMNS, struct capacity_row, "ORDER BY offering, number");
static const struct table_def TILES = TABLE_DEF("tile", TILE_COLUMNS, struct tile_row, NULL);
static const struct table_def ASSERTIONS = TABLE_DEF("assertion", ASSERTION_COLUMNS, struct assertion_row, NULL);

void
rows_init(struct rows *r)
{
    static const struct table_def *const DEFS[ROWS] = {
        [ROWS_QUOTE] = &QUOTES,     [ROWS_RESERVATION] = &RESERVATIONS, [ROWS_SITE] = &SITES,
        [ROWS_QUOTE_ANSWER] = &QUOTE_ANSWERS,
        [ROWS_TICKET] = &TICKETS,   [ROWS_REPORT] = &REPORTS,           [ROWS_CAPACITY] = &CAPACITY,
        [ROWS_ANSWER] = &answers_table, [ROWS_TILE] = &TILES,
        [ROWS_ASSERTION] = &ASSERTIONS,
    };

    for (size_t i = 0; i < ROWS; i++)
        r->table[i] = table_new(DEFS[i]);
    r->quotes_load = table_new(&QUOTES_LOAD);
}

void
rows_free(struct rows *r)
{
    for (size_t i = 0; i < ROWS; i++)
        table_delete(r->table[i]);
    table_delete(r->quotes_load);
}

enum err
rows_prepare(struct rows *r, struct db *db)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < ROWS; i++)
        err = table_prepare(r->table[i], db);
    return err;
}
