/* market/figures.h
 * What the market counts of itself, for the operator. Written with relaxed atomics where things happen, read by anyone at
 * any time; all in real time. */
#ifndef MARKET_FIGURES_H
#define MARKET_FIGURES_H

#include <stdatomic.h>

#include "base/histogram.h"
#include "market/command.h"

enum decision_outcome {
    DECISION_DONE,
    DECISION_REFUSED,  /* judged, and refused: an answer */
    DECISION_REPEATED, /* answered before, under its key or by its twin */
    DECISION_FAILED,   /* not judged, or nobody knows: the server's trouble (5xx) */
    DECISION_TURNED_AWAY, /* at the door: no room in the queue, or nobody leads */
    DECISION_OUTCOMES
};

enum commit_outcome { COMMITS_DONE, COMMITS_DATA, COMMITS_ROWS, COMMITS_TROUBLE, COMMITS_UNKNOWN, COMMIT_OUTCOMES };

struct market_figures {
    atomic_uint_fast64_t decisions[COMMAND_KINDS][DECISION_OUTCOMES];
    atomic_uint_fast64_t refusals[ERR_COUNT];
    struct histogram waited;         /* us in the queue */
    struct histogram batch_size;     /* commands */
    struct histogram batch_time;     /* us from taking the commands to answering them */
    struct histogram commit_time;    /* us for both flights */
    atomic_uint_fast64_t commits[COMMIT_OUTCOMES];
    atomic_uint_fast64_t entries;    /* journal entries committed */
    atomic_uint_fast64_t rebuilds, rebuilds_failed, rebuild_us; /* rebuild_us: all of them together */
    atomic_uint_fast64_t term, batch, size; /* the head as of the last commit or lease */
    atomic_int_fast64_t commit_since_ms;    /* monotonic: a commit is under way since; 0 none */
    atomic_int_fast64_t overflow_ms;        /* monotonic: when the queue last turned one away for want of room; 0 never */
};

const char *decision_outcome_name(enum decision_outcome outcome);
const char *commit_outcome_name(enum commit_outcome outcome);
const char *command_name(enum command_kind kind);

/* The head as it is now. */
void figures_head(struct market_figures *f, uint64_t term, uint64_t batch, uint64_t size);
/* What became of a command: it is complete. Counted once each. */
void figures_decided(struct market_figures *f, const struct command *c, bool at_the_door);

#endif
