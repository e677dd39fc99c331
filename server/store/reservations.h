/* store/reservations.h: reservations and quotes as workers read them, for lists and for those that the market's memory
 * has let go. Written by the sequencer only. */
#ifndef STORE_RESERVATIONS_H
#define STORE_RESERVATIONS_H

#include "base/arena.h"
#include "store/db.h"

struct reservation_row {
    struct uuid id, request, org, jti;
    uint64_t grant, site, offering, rate, hold;
    uint32_t gpus, nodes;
    int64_t walltime_s, rate_milli, cost_gpums;
    int64_t window_start_ms, window_end_ms, permit_from_ms, accept_by_ms, start_by_ms;
    uint64_t fence, seq, cancel_seq;
    char state[16]; /* ticket_state_word() */
    int outcome;    /* enum ticket_outcome */
    uint64_t permit_instance;
    int64_t permit_ms;
    uint64_t permit_report;
    int64_t created_ms, received_ms, queued_ms, started_ms, ended_ms, settled_ms, changed_ms;
    uint64_t reported_gpu_seconds;
    int64_t reported_ms, settled_gpums;
    int32_t exit_code;
    uint64_t settle_entry, void_entry, dispute_entry;
    int64_t cancel_ms, disputed_ms;
    uint64_t version;
    bool move_freely;
    struct uuid moved_from, moved_to;
    struct hash output;
    uint32_t output_len;
    int64_t output_ms;
    char name[64];
    uint16_t needs;    /* of the site's agent: core/needs.h */
    int night, nights; /* which, from 1, of how many; 0 of 0 */
};

enum err reservations_find(struct db *db, struct uuid id, struct reservation_row *ret) MUST_USE; /* ERR_NOT_FOUND */
/* At most max, newest first, below `before`. organisation zero: any; site NO_INDEX: any; states "": any, else words
 * separated by commas, as ",issued,". */
enum err reservations_list(struct db *db, struct uuid organisation, uint64_t site, const char *states,
                           struct uuid before, int max, struct arena *a, struct reservation_row **ret,
                           size_t *ret_n) MUST_USE;
/* Those that their site did not keep (it failed, turned them down or let them lapse, drained, stood still, or its capacity was
 * cut), by the entry that released them, newest first, below `before`; at most max. site NO_INDEX: any. */
enum err reservations_displaced(struct db *db, uint64_t site, int64_t before, int max, struct arena *a,
                                struct reservation_row **ret, size_t *ret_n) MUST_USE;
/* The newest reservation of a request. ERR_NOT_FOUND. */
enum err reservations_of_request(struct db *db, struct uuid request, struct uuid *ret) MUST_USE;
/* The newest reservation of each request from first to last (the nights of one request), in order; at most 32. */
enum err reservations_of_nights(struct db *db, struct uuid first, struct uuid last, struct arena *a,
                                struct reservation_row **ret, size_t *ret_n) MUST_USE;
/* How many are in one of these states. */
enum err reservations_count(struct db *db, const char *states, int64_t *ret) MUST_USE;
/* What sites have reported of each grant's open reservations beyond what is settled; ret: one amount a grant. */
enum err reservations_reported(struct db *db, const uint64_t *grants, size_t n, int64_t *ret) MUST_USE;

struct quote_row {
    struct uuid id, request, org;
    uint64_t grant;
    int64_t created_ms, expires_ms;
    char state[12];
    bool renewed;
    struct bytes ask, answer; /* encoded; in the arena */
};

enum err quotes_find(struct db *db, struct uuid id, struct arena *a,
                     struct quote_row *ret) MUST_USE; /* ERR_NOT_FOUND */
enum err quotes_of_request(struct db *db, struct uuid request, int max, struct arena *a, struct quote_row **ret,
                           size_t *ret_n) MUST_USE; /* newest first */

#endif
