/* store/notices.h
 * What people are told: an event stands once, by its kind and subject, with a notice for each person whom it concerned when it
 * was told and who has not chosen otherwise. Texts of rows live in the arena given. */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include "base/arena.h"
#include "core/entry.h"
#include "store/db.h"

enum notices_kind {
    NOTICES_JOB_ENDED = 1,
    NOTICES_QUOTE_ENDING,
    NOTICES_CREDITS_LAPSE,
    NOTICES_DISPUTE,
    NOTICES_APPROVAL,
    NOTICES_AGENT_SILENT,
    NOTICES_MAINTENANCE,
    NOTICES_TEST,
    NOTICES_ADDRESS, /* the link that confirms an address */
    NOTICES_KINDS
};
#define NOTICES_CHOSEN_LAST NOTICES_MAINTENANCE /* a test goes where it is asked for */
#define NOTICES_KEEP_MS     (INT64_C(180) * 86400000)

/* Wire names: "job-ended" …; for a list of them, ends in NULL, from 0 for NOTICES_JOB_ENDED. */
extern const char *const NOTICES_WORDS[];
const char *notices_word(enum notices_kind kind);

/* To whom a kind is told. */
enum notices_to {
    NOTICES_TO_ASKER = 1, /* whoever asked for the job, as long as they act for the organisation */
    NOTICES_TO_OWNERS = 2,
    NOTICES_TO_OPERATORS = 4, /* of the site */
    NOTICES_TO_OFFICERS = 8,
    NOTICES_TO_ADMINISTRATORS = 16,
    NOTICES_TO_NOBODY_CONCERNED = 32, /* but neither to the asker nor to who acts for the organisation or the site, nor to its webhooks */
};
unsigned notices_audience(enum notices_kind kind);

struct notices_event {
    struct uuid id;
    enum notices_kind kind;
    const char *subject;      /* at most 120 bytes: the same of a kind is told once */
    struct uuid organisation; /* zero: none */
    uint64_t site;            /* SITE index; NO_INDEX: none */
    int64_t at_ms;
    const char *title, *text, *facts, *link; /* English; JSON; "/reservations/…" */
    unsigned also;             /* enum notices_to, beside the kind's own */
    struct uuid asker, not_to; /* not_to: who did it, and need not be told; zero: nobody */
    int64_t since_ms;          /* not, if one of this kind and site was told since; 0: no matter */
    struct uuid only;          /* of a test: the webhook that it is for; zero: all that want the kind */
    int64_t real_ms;           /* from when on it is delivered */
};

/* In a transaction, whoever asks: the event and its notices are written by the server's own right. Told already: OK, not new. */
enum err notices_tell(struct db *db, const struct notices_event *e, bool *ret_new) MUST_USE;

/* How far the journal has been told; the database's head. */
struct notices_cursor { uint64_t next, size, term; };
enum err notices_cursor_read(struct db *db, struct notices_cursor *ret) MUST_USE;
/* In a transaction, as what is told: from here on. ERR_NOT_LEADER: another has told it, or leads. */
enum err notices_cursor_move(struct db *db, const struct notices_cursor *from, uint64_t to) MUST_USE;
/* The entries from `first` up to (not with) `end` that people may have to be told of, decoded, in order. ERR_CORRUPT. */
enum err notices_entries(struct db *db, uint64_t first, uint64_t end, struct arena *a, struct entry **ret, size_t *ret_n) MUST_USE;
/* What a grant's account paid since then (less what came back), by at most 5,000 of its newest entries; *ret_from: since when
 * these reach. */
enum err notices_paid(struct db *db, uint64_t account, int64_t since_ms, int64_t *ret_gpums, int64_t *ret_from_ms) MUST_USE;

/* Maintenance windows (store/given.h: their first rows) that were set at or after since_ms, are not over, and were not ended early: oldest first, at most max. */
struct notices_window {
    uint64_t offering;
    uint32_t number;
    int64_t from_ms, until_ms, set_ms;
    int32_t less_nodes, less_pool_nodes;
};
enum err notices_windows(struct db *db, int64_t since_ms, int64_t now_ms, int max, struct arena *a, struct notices_window **ret, size_t *ret_n) MUST_USE;

struct notices_row {
    struct uuid id;
    enum notices_kind kind;
    int64_t at_ms, read_ms; /* 0: not read */
    const char *title, *text, *facts, *link;
};
/* A person's, newest first, at most max, older than `before` (all ones: from the newest). */
enum err notices_of(struct db *db, struct uuid person, struct uuid before, int max, struct arena *a, struct notices_row **ret,
                    size_t *ret_n) MUST_USE;
enum err notices_unread(struct db *db, struct uuid person, int64_t *ret) MUST_USE; /* at most 100 are counted */
enum err notices_mark_read(struct db *db, struct uuid person, struct uuid until, int64_t now_ms) MUST_USE;
struct notices_choice { bool in_page, by_mail; };
/* By kind; what was not chosen is as it comes. */
enum err notices_choices(struct db *db, struct uuid person, struct notices_choice ret[NOTICES_KINDS]) MUST_USE;
enum err notices_choose(struct db *db, struct uuid person, enum notices_kind kind, struct notices_choice choice) MUST_USE;
enum err notices_stop_mail(struct db *db, struct uuid person, enum notices_kind kind) MUST_USE;
/* Events from before, with their notices. */
enum err notices_remove_old(struct db *db, int64_t before_ms) MUST_USE;

#endif
