/* core/quorum.h
 * C2SP tlog-policy: which logs and witnesses are trusted, and which of the witnesses must have cosigned a checkpoint. */
#ifndef CORE_QUORUM_H
#define CORE_QUORUM_H

#include "core/note.h"

#define QUORUM_MAX       64    /* logs; witnesses; groups: of each at most (the specification asks for 32) */
#define QUORUM_TEXT_MAX  65536
#define QUORUM_NAME_MAX  128
#define QUORUM_URL_MAX   256
#define QUORUM_NONE      -1

struct quorum_witness { char name[QUORUM_NAME_MAX]; struct vkey key; char url[QUORUM_URL_MAX]; };
/* Members: 0 to QUORUM_MAX - 1 are witnesses, QUORUM_MAX + i is group i. */
struct quorum_group { char name[QUORUM_NAME_MAX]; unsigned k, n; uint8_t member[2 * QUORUM_MAX]; };

struct quorum {
    struct vkey log[QUORUM_MAX];
    char log_url[QUORUM_MAX][QUORUM_URL_MAX];
    struct quorum_witness witness[QUORUM_MAX];
    struct quorum_group group[QUORUM_MAX];
    unsigned logs, witnesses, groups;
    int rule; /* what must have witnessed: a member's number, or QUORUM_NONE */
};

/* ERR_FIELD_INVALID, with the line and the reason in d; *ret is then undefined. Large: keep it off small stacks. */
enum err quorum_parse(struct bytes text, struct quorum *ret, struct err_detail *d) MUST_USE;
/* True if witnesses (bit i: witness i cosigned) are enough. */
bool quorum_met(const struct quorum *q, uint64_t witnesses);

enum quorum_says {
    QUORUM_OK,
    QUORUM_NO_CHECKPOINT,  /* the note's text is none */
    QUORUM_UNKNOWN_LOG,    /* signed by no log of the policy, or by another's than its origin */
    QUORUM_BAD_SIGNATURE,  /* a log's or a witness's signature does not verify */
    QUORUM_SHORT,          /* too few witnesses */
};
struct quorum_result { struct checkpoint checkpoint; unsigned log, cosigned; uint64_t witnesses; uint64_t time_s[QUORUM_MAX]; };
/* The whole judgement of a signed checkpoint under a policy. *ret is filled as far as it came. */
enum quorum_says quorum_judge(const struct quorum *q, const struct note *n, note_verify_fn verify, struct quorum_result *ret);
const char *quorum_sentence(enum quorum_says says);
/* The policy's witness of this name with this key, both: a signature line counts for who looks for its name. Or -1. */
int quorum_witness_of(const struct quorum *q, const char *name, const uint8_t public[32]);
/* What is asked in words: "5 of 7 (lumi-witness, …)", "none". q may be NULL. */
void quorum_words(const struct quorum *q, char *ret, size_t cap);

#endif
