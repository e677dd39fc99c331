/* audit/times.h
 * When entries were written, by other clocks than the server's. A witness that cosigned a checkpoint of s entries at T (C2SP
 * tlog-cosignature: "time") says with its own clock that entries 0 to s - 1 were there at T. So of each entry there is a
 * time by which enough witnesses, by the policy's quorum, had seen it. (Any cosignature of a larger size counts too: the
 * tree says that it covers the entry.)
 *  - An entry whose own time is later than that contradicts them, and is a fault: its time is not when it was written.
 *  - An entry whose own time is much earlier may have been written up to so much later than it says: nobody can tell that
 *    from witnesses that were away. It is counted, and the worst is named, and it is no fault.
 * A cosignature proves nothing of what was NOT in the log at T: its witness may have been shown an older head. Memory: some
 * 50 bytes a checkpoint and 8 for each witness; an export has one of each witness for each ten minutes at most. */
#ifndef AUDIT_TIMES_H
#define AUDIT_TIMES_H

#include "audit/finding.h"
#include "audit/source.h"
#include "core/quorum.h"
#include "core/tile.h"

struct times_limits {
    int64_t late_s;   /* an entry may be seen so long after its own time before it is counted as late */
    int64_t clocks_s; /* and so much before it, since clocks differ, before it is a fault */
};

struct times_at {
    uint64_t entry; /* NO_INDEX: there is none */
    uint16_t kind;
    int64_t time_ms, seen_ms;
    char witness[QUORUM_NAME_MAX]; /* the one that made it enough, or who alone says so */
};
struct times_sums {
    bool there;             /* the export has checkpoints.jsonl: without it nothing is counted as late */
    bool judged;            /* a policy's witnesses have cosigned something, and it is no simulation, whose clock runs on its own */
    uint64_t checkpoints;   /* that the policy's witnesses have cosigned */
    uint64_t cosignatures;  /* of theirs, verified */
    uint64_t seen, late;    /* entries that enough witnesses have cosigned; of these late */
    uint64_t ahead;         /* of these whose own time is later: faults */
    uint64_t behind;        /* others whose own time is later than some one witness's cosignature: its clock was slow, or it lies */
    struct times_at recent; /* of the week before the newest cosignature: what was seen longest after its own time */
    struct times_at late_at, ahead_at, behind_at; /* the latest, the first, the worst */
};

struct times;

/* Reads checkpoints.jsonl, and beside it the note `newest` (len 0: none; judged elsewhere). policy: text of a C2SP
 * tlog-policy, or NULL; one that cannot be read is told elsewhere. What is wrong with the file is told in found. */
struct times *times_new(const struct source *from, const struct head_text *head, const char *policy, struct bytes newest,
                        struct times_limits limits, struct findings *found);
/* The checkpoints of at most so many entries, each once, the smallest first; NULL: no more of them. */
const struct times_root { uint64_t size; struct hash root; } *times_next_root(struct times *t, uint64_t up_to);
/* Each entry in turn. */
void times_take(struct times *t, const struct entry *e);
/* All entries were given. */
void times_end(struct times *t, bool simulation, struct findings *found, struct times_sums *ret);
void times_delete(struct times *t); /* NULL: nothing */

#endif
