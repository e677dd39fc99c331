/* market/state.h
 * What the sequencer owns in memory beside the ledger: sites, calendars, open quotes, reservations, keys seen. Everything
 * here has its row in the database (store/) and is rebuilt from there. Objects that change in a batch are put on the
 * batch's list (batch_new, batch_changed) and written once, as they are then. */
#ifndef MARKET_STATE_H
#define MARKET_STATE_H

#include "base/clock.h"
#include "base/map.h"
#include "core/broker.h"
#include "core/calendar.h"
#include "core/ledger.h"
#include "core/ticket.h"

enum row_state { ROW_CLEAN, ROW_NEW, ROW_CHANGED };
enum row_kind { ROW_QUOTE, ROW_RESERVATION, ROW_SITE, ROW_CAPACITY };
/* First member of every object with a row. */
struct row { enum row_kind kind; enum row_state state; struct row *next; };

struct site_state {
    struct row row;
    uint64_t site;                  /* SITE index */
    bool paused, draining; char reason[160];
    uint64_t last_seq;              /* newest ticket number given */
    uint64_t confirmed_seq;         /* newest the agent has confirmed by POST */
    uint64_t instance; int64_t instance_ms; uint64_t instance_key;
    uint16_t takes;                 /* what its agent said that it takes when it opened that (core/needs.h) */
    struct hash seal_key;           /* where it takes secrets: the X25519 key that opens them; zeros: none */
    uint8_t seal_signature[64];     /* instance_key's, over core/secret.h's statement */
    uint64_t last_report;           /* newest report number receipted */
    /* a spool that was lost (market/spool.h): its last instance and key, and where the empty one begins; 0 none */
    int64_t retired_ms; uint64_t retired_instance, retired_key; char retired_reason[160];
    uint64_t base_seq, base_report;
    bool recovering;                /* the janitor has not seen to all that it had */
    struct report_seen *recent;     /* by number % RECENT_REPORTS; read from the table of reports at a rebuild */
    struct told_count { int64_t since_ms; uint32_t n; } told; /* inventories of late; forgotten by a restart */
};

#define RECENT_REPORTS 256          /* a site, in memory; older ones are looked up by the worker (command.h, known) */

#define OFFERING_MODES_LEN 128      /* eight codes of 15 letters */
#define OFFERING_FLOORS_LEN 224     /* eight of them, each with a number of nine digits */

struct offering_state {             /* row: capacity, dated; the newest is here */
    struct row row;
    uint64_t offering, site;
    uint32_t nodes, brokered_gpus, pool_nodes;
    int64_t from_ms;
    struct calendar *calendar;      /* jobs of whole nodes: brokered_gpus less the pool's */
    char modes[OFFERING_MODES_LEN]; /* codes of the access modes served, a blank between two; "": all */
    char floors[OFFERING_FLOORS_LEN]; /* as in struct broker_offering */
    uint16_t open_to;               /* classes of organisation served; 0: all */
    uint32_t changes;               /* of its capacity: number of the newest row */
    struct calendar *pool;          /* jobs below a node (broker_in_pool()); NULL if pool_nodes is 0 */
};

struct quote {
    struct row row;
    struct uuid id, request, org;
    uint64_t grant;
    int64_t created_ms, expires_ms;
    enum quote_state { QUOTE_OPEN, QUOTE_USED, QUOTE_EXPIRED, QUOTE_RELEASED, QUOTE_NO_OFFER } state;
    bool renewed;
    bool first;                     /* the only open one of its organisation when it was made: may book more than a tenth of a site */
    int64_t ended_ms;               /* when it was used, released or ran out; 0 while open */
    struct broker_ask ask;          /* what was asked, for accepting another option and for brokering anew */
    struct hash workload; uint32_t workload_len;
    char name[64]; bool move_freely;
    /* the booked option */
    uint64_t offering, rate; uint32_t gpus; int64_t start_slot, slots; int64_t cost_gpums;
    uint64_t site; uint32_t nodes, rate_milli; int64_t start_ms, start_by_ms, end_ms;
    uint8_t nights;                 /* the booking repeated a day apart, so many times; 0: once */
    struct bytes answer;            /* encoded struct broker_answer, malloc'ed */
};

struct reservation {
    struct row row;
    struct uuid id, request, org, quote, jti;
    uint64_t grant, site, offering, rate, hold;   /* hold: HOLD index */
    uint32_t gpus, nodes, walltime_s, rate_milli;
    int64_t cost_gpums;
    int64_t window_start_ms, window_end_ms, permit_from_ms, accept_by_ms, start_by_ms;
    int64_t booked_slot, booked_slots;  /* in the calendar; slots 0: nothing booked any more */
    uint64_t fence, seq, cancel_seq;    /* ticket numbers; cancel_seq 0 none */
    enum ticket_state state;
    uint16_t outcome;                   /* enum reservation_outcome in core/ticket.h; 0 none yet */
    uint64_t permit_instance; int64_t first_permit_ms, permit_ms; uint64_t permit_report; /* newest permit */
    int64_t created_ms, received_ms, queued_ms, started_ms, ended_ms, settled_ms, changed_ms;
    uint64_t reported_gpu_seconds; int64_t reported_ms; int64_t settled_gpums; int64_t daily_settle_ms;
    int32_t exit_code;
    uint64_t settle_entry, void_entry, dispute_entry; /* newest; 0 none */
    int64_t cancel_ms, disputed_ms;     /* when it was cancelled; when its dispute was opened */
    uint8_t dispute_why;                /* enum dispute_why; 0 none */
    uint64_t version;                   /* grows with each change: event ids */
    bool move_freely; uint8_t moves;
    bool renewed; uint32_t quoted_s;    /* of the quote it comes from: did it count as a renewal, how old was it; memory only */
    int64_t stays_until_ms;             /* no other place was found: it is not looked for before; memory only */
    struct uuid moved_from, moved_to;
    struct hash workload; uint32_t workload_len;
    struct hash output; uint32_t output_len; int64_t output_ms;
    char name[64];
    uint16_t needs;                     /* of the site's agent: core/needs.h */
    struct hash secrets;                /* SHA-256 of what was sealed for it (core/secret.h); zeros: nothing */
    uint8_t night, nights;              /* which night, from 1, of how many; 0 of 0: not one of several */
    struct bytes ask;                   /* packed (market/packed_ask.h), malloc'ed: for brokering anew, excluded sites
                                         * inside; empty if it may not be */
};

/* Why a dispute was opened: notice.reason of its NOTICE. One of silence ends by itself when the reports arrive. */
enum dispute_why { DISPUTE_SILENCE = 1, DISPUTE_IMPLAUSIBLE, DISPUTE_FORKED, DISPUTE_CONTEST, DISPUTE_SPOOL_LOST };

struct state {
    struct ledger *ledger;
    char origin[64];                    /* of the journal: tickets' iss */
    /* When a site's agent was last in touch, ms of the market's clock (0: never); NULL: nobody knows. Any thread. */
    int64_t (*contact)(void *ctx, uint64_t site);
    void *contact_ctx;
    int64_t since_ms;                   /* when this memory was built: silence counts from then at the earliest */
    struct clock clock;                 /* the market's: timers last at least 30 s of real time in a simulation */
    struct due *due;                    /* market/due.h: what is due when */
    struct map *quotes;                 /* uuid → struct quote, open ones */
    struct map *reservations;           /* uuid → struct reservation, not yet settled or voided for good (contest time included) */
    struct map *by_request;             /* uuid → struct request_state: last fence, live reservation */
    struct map *sites;                  /* SITE index → struct site_state */
    struct map *offerings;              /* OFFERING index → struct offering_state */
    struct map *grants;                 /* grant account → struct grant_state: cost of its open quotes … */
    struct map *parking;                /* organisation ‖ SITE index (32 bytes) → struct parking */
    struct map *by_ticket;              /* SITE index ‖ ticket number (16 bytes) → struct reservation, until it is confirmed */
};

/* fence: the highest given to any ticket of the request, also of reservations that have left the memory. */
struct request_state { struct uuid request; uint64_t fence; struct reservation *live; struct quote *open; };
struct grant_state { uint64_t grant; int64_t open_quotes_gpums; uint32_t open_quotes; };
/* An organisation's open quotes at a site, by whichever of its grants: GPUs booked by those that are not its first, and the
 * pause after a renewal. Site 0 (which is none): how many it has open in all. */
struct parking {
    struct uuid org;
    uint64_t site;
    uint32_t open_quotes;
    int64_t beyond_gpus;
    int64_t last_end_ms, pause_until_ms;
    uint32_t left_gpus;          /* of the largest of what was booked and not used, as far as it still counts */
    int64_t idle_ms, idle_at_ms; /* booked and not used, in short quotes of much of the site; runs off as time passes */
};

#endif
