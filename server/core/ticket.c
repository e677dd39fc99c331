/* core/ticket.c */
#include "core/ticket.h"

#include <assert.h>

/* Cells. GO changes something; STAY acts without a change of state; the others say why nothing follows. */
#define GO(to, fx) { .verdict = TICKET_GO, .next = TICKET_##to, .effects = (fx) }
#define END(to, fx, how) { .verdict = TICKET_GO, .next = TICKET_##to, .effects = (fx), .outcome = OUTCOME_##how }
#define VOIDS(fx, reason, how) \
    { .verdict = TICKET_GO, .next = TICKET_VOIDED, .effects = (fx), .void_reason = (reason), .outcome = OUTCOME_##how }
#define KEEP(at, text) { .verdict = TICKET_KEEP, .next = TICKET_##at, .why = (text) }
#define DENY(at, text) { .verdict = TICKET_KEEP, .next = TICKET_##at, .effects = TICKET_REFUSE_PERMIT, .why = (text) }
#define REFUSE(at, text) { .verdict = TICKET_REFUSE, .next = TICKET_##at, .why = (text) }
#define STALE(at, text) { .verdict = TICKET_STALE, .next = TICKET_##at, .why = (text) }

#define FREE TICKET_FREE_CAPACITY
#define CLOSE TICKET_CLOSE_DISPUTE
#define ANEW TICKET_BROKER_ANEW
#define DISPUTE GO(DISPUTED, TICKET_OPEN_DISPUTE)
#define SILENCE GO(SILENT, TICKET_OPEN_DISPUTE)

static const char NO_PERMIT_YET[] = "No permit was given, so there is nothing to settle.";
static const char NOT_SETTLED[] = "Only what is settled can be contested or corrected.";
static const char NO_DISPUTE[] = "There is no dispute to end.";
static const char SIGNED_FOR[] = "A permit was given: only the site's signed report, or a person, ends it.";
static const char IS_CANCELLING[] = "It is being cancelled.";
static const char PASSED[] = "The reservation has left the state that this timer ends.";
static const char EARLIER_TIMER[] = "An earlier timer ends this state.";
static const char DISPUTE_HOLDS[] = "A dispute is open: the hold waits for it.";
static const char FOR_PERSON[] = "The dispute is for a person to end; the report is kept for them.";
static const char OVER[] = "The reservation has ended.";
static const char ALREADY_DISPUTED[] = "The dispute is open already.";
static const char IN_FORCE[] = "It goes on as it was.";

/* One row a state. Each cell is given: a test walks them all. */
static const struct ticket_cell table[TICKET_STATES][TICKET_EVENTS] = {
    [TICKET_ISSUED] = {
        [TICKET_ON_ACCEPTED] = GO(PERMITTED, TICKET_GIVE_PERMIT),
        [TICKET_ON_ACCEPTED_LATE] = VOIDS(TICKET_REFUSE_PERMIT | TICKET_VOID | FREE | ANEW, VOID_ACCEPT_BY, LAPSED),
        [TICKET_ON_REJECTED] = VOIDS(TICKET_VOID | FREE | ANEW, VOID_REJECTED, REJECTED),
        [TICKET_ON_QUEUED] = DISPUTE,
        [TICKET_ON_STARTED] = DISPUTE,
        [TICKET_ON_OPENED] = DISPUTE,
        [TICKET_ON_USAGE] = DISPUTE,
        [TICKET_ON_USAGE_DAY] = DISPUTE,
        [TICKET_ON_FINISHED] = DISPUTE,
        [TICKET_ON_FAILED_JOB] = DISPUTE,
        [TICKET_ON_FAILED_SITE] = VOIDS(TICKET_VOID | FREE | ANEW, VOID_REJECTED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = DISPUTE,
        [TICKET_ON_CANCELLED_UNUSED] = VOIDS(TICKET_VOID | FREE | ANEW, VOID_REJECTED, REJECTED),
        [TICKET_ON_BAD_REPORT] = DISPUTE,
        [TICKET_ON_CANCEL] = VOIDS(TICKET_VOID | FREE | TICKET_CANCEL_TICKET, VOID_CANCELLED, CANCELLED),
        [TICKET_ON_WITHDRAW] = VOIDS(TICKET_VOID | FREE | TICKET_CANCEL_TICKET | ANEW, VOID_DRAINED, WITHDRAWN),
        [TICKET_ON_SPOOL_LOST] = KEEP(ISSUED, "No permit was given: the ticket is delivered again to the new spool."),
        [TICKET_ON_CONTEST] = REFUSE(ISSUED, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(ISSUED, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(ISSUED, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(ISSUED, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = VOIDS(TICKET_VOID | FREE | ANEW, VOID_ACCEPT_BY, LAPSED),
        [TICKET_ON_START_GRACE] = STALE(ISSUED, NO_PERMIT_YET),
        [TICKET_ON_END_GRACE] = STALE(ISSUED, NO_PERMIT_YET),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(ISSUED, NO_PERMIT_YET),
        [TICKET_ON_CANCEL_GRACE] = STALE(ISSUED, NO_PERMIT_YET),
        [TICKET_ON_EXPIRY] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
        [TICKET_ON_DISPUTE_TIME] = STALE(ISSUED, NO_DISPUTE),
    },
    [TICKET_PERMITTED] = {
        [TICKET_ON_ACCEPTED] = GO(PERMITTED, TICKET_GIVE_PERMIT),
        [TICKET_ON_ACCEPTED_LATE] = DENY(PERMITTED, "Start-by has passed; the site's signed word on the older permit is awaited."),
        [TICKET_ON_REJECTED] = VOIDS(TICKET_VOID | FREE | ANEW, VOID_REJECTED, REJECTED),
        [TICKET_ON_QUEUED] = KEEP(PERMITTED, "The batch system has it; the start is awaited."),
        [TICKET_ON_STARTED] = GO(RUNNING, 0),
        [TICKET_ON_OPENED] = GO(OPEN, 0),
        [TICKET_ON_USAGE] = GO(RUNNING, 0),
        [TICKET_ON_USAGE_DAY] = GO(RUNNING, TICKET_SETTLE_DAILY),
        [TICKET_ON_FINISHED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FINISHED),
        [TICKET_ON_FAILED_JOB] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FAILED_JOB),
        [TICKET_ON_FAILED_SITE] = VOIDS(TICKET_CORRECT_AND_VOID | FREE | ANEW, VOID_SITE_FAILED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_CANCELLED_UNUSED] = VOIDS(TICKET_VOID | FREE, VOID_NEVER_STARTED, NEVER_STARTED),
        [TICKET_ON_BAD_REPORT] = DISPUTE,
        [TICKET_ON_CANCEL] = GO(CANCELLING, TICKET_CANCEL_TICKET),
        [TICKET_ON_WITHDRAW] = REFUSE(PERMITTED, SIGNED_FOR),
        [TICKET_ON_SPOOL_LOST] = DISPUTE,
        [TICKET_ON_CONTEST] = REFUSE(PERMITTED, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(PERMITTED, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(PERMITTED, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(PERMITTED, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(PERMITTED, PASSED),
        [TICKET_ON_START_GRACE] = SILENCE,
        [TICKET_ON_END_GRACE] = STALE(PERMITTED, EARLIER_TIMER),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(PERMITTED, EARLIER_TIMER),
        [TICKET_ON_CANCEL_GRACE] = STALE(PERMITTED, IN_FORCE),
        [TICKET_ON_EXPIRY] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
        [TICKET_ON_DISPUTE_TIME] = STALE(PERMITTED, NO_DISPUTE),
    },
    [TICKET_RUNNING] = {
        [TICKET_ON_ACCEPTED] = DENY(RUNNING, "It was reported started; it is not started again."),
        [TICKET_ON_ACCEPTED_LATE] = DENY(RUNNING, "It was reported started; it is not started again."),
        [TICKET_ON_REJECTED] = DISPUTE,
        [TICKET_ON_QUEUED] = KEEP(RUNNING, "It was reported started already."),
        [TICKET_ON_STARTED] = KEEP(RUNNING, "It was reported started already, at the same time."),
        [TICKET_ON_OPENED] = KEEP(RUNNING, "It is a job, which is not opened."),
        [TICKET_ON_USAGE] = KEEP(RUNNING, "Shown as reported; a daily or final settlement pays it."),
        [TICKET_ON_USAGE_DAY] = GO(RUNNING, TICKET_SETTLE_DAILY),
        [TICKET_ON_FINISHED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FINISHED),
        [TICKET_ON_FAILED_JOB] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FAILED_JOB),
        [TICKET_ON_FAILED_SITE] = VOIDS(TICKET_CORRECT_AND_VOID | FREE | ANEW, VOID_SITE_FAILED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_CANCELLED_UNUSED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_BAD_REPORT] = DISPUTE,
        [TICKET_ON_CANCEL] = GO(CANCELLING, TICKET_CANCEL_TICKET),
        [TICKET_ON_WITHDRAW] = REFUSE(RUNNING, SIGNED_FOR),
        [TICKET_ON_SPOOL_LOST] = DISPUTE,
        [TICKET_ON_CONTEST] = REFUSE(RUNNING, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(RUNNING, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(RUNNING, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(RUNNING, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(RUNNING, PASSED),
        [TICKET_ON_START_GRACE] = STALE(RUNNING, PASSED),
        [TICKET_ON_END_GRACE] = GO(ENDED, FREE),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(RUNNING, EARLIER_TIMER),
        [TICKET_ON_CANCEL_GRACE] = STALE(RUNNING, IN_FORCE),
        [TICKET_ON_EXPIRY] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
        [TICKET_ON_DISPUTE_TIME] = STALE(RUNNING, NO_DISPUTE),
    },
    [TICKET_OPEN] = { /* who works at a site is not sent to another by itself */
        [TICKET_ON_ACCEPTED] = DENY(OPEN, "It was reported open; it is not opened again."),
        [TICKET_ON_ACCEPTED_LATE] = DENY(OPEN, "It was reported open; it is not opened again."),
        [TICKET_ON_REJECTED] = DISPUTE,
        [TICKET_ON_QUEUED] = KEEP(OPEN, "It was reported open already."),
        [TICKET_ON_STARTED] = KEEP(OPEN, "It is an allocation, which is opened."),
        [TICKET_ON_OPENED] = KEEP(OPEN, "It was reported open already, at the same time."),
        [TICKET_ON_USAGE] = KEEP(OPEN, "Shown as reported; a daily or final settlement pays it."),
        [TICKET_ON_USAGE_DAY] = GO(OPEN, TICKET_SETTLE_DAILY),
        [TICKET_ON_FINISHED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FINISHED),
        [TICKET_ON_FAILED_JOB] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FAILED_JOB),
        [TICKET_ON_FAILED_SITE] = VOIDS(TICKET_CORRECT_AND_VOID | FREE, VOID_SITE_FAILED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_CANCELLED_UNUSED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_BAD_REPORT] = DISPUTE,
        [TICKET_ON_CANCEL] = GO(CANCELLING, TICKET_CANCEL_TICKET),
        [TICKET_ON_WITHDRAW] = REFUSE(OPEN, SIGNED_FOR),
        [TICKET_ON_SPOOL_LOST] = DISPUTE,
        [TICKET_ON_CONTEST] = REFUSE(OPEN, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(OPEN, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(OPEN, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(OPEN, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(OPEN, PASSED),
        [TICKET_ON_START_GRACE] = STALE(OPEN, PASSED),
        [TICKET_ON_END_GRACE] = GO(ENDED, FREE),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(OPEN, EARLIER_TIMER),
        [TICKET_ON_CANCEL_GRACE] = STALE(OPEN, IN_FORCE),
        [TICKET_ON_EXPIRY] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
        [TICKET_ON_DISPUTE_TIME] = STALE(OPEN, NO_DISPUTE),
    },
    [TICKET_ENDED] = {
        [TICKET_ON_ACCEPTED] = DENY(ENDED, "Its window is over."),
        [TICKET_ON_ACCEPTED_LATE] = DENY(ENDED, "Its window is over."),
        [TICKET_ON_REJECTED] = DISPUTE,
        [TICKET_ON_QUEUED] = KEEP(ENDED, "It was reported started already."),
        [TICKET_ON_STARTED] = KEEP(ENDED, "It was reported started already."),
        [TICKET_ON_OPENED] = KEEP(ENDED, "It was reported open already."),
        [TICKET_ON_USAGE] = KEEP(ENDED, "Its window is over; the report of its end is awaited."),
        [TICKET_ON_USAGE_DAY] = GO(ENDED, TICKET_SETTLE_DAILY),
        [TICKET_ON_FINISHED] = END(SETTLED, TICKET_SETTLE_FINAL, FINISHED),
        [TICKET_ON_FAILED_JOB] = END(SETTLED, TICKET_SETTLE_FINAL, FAILED_JOB),
        [TICKET_ON_FAILED_SITE] = VOIDS(TICKET_CORRECT_AND_VOID | ANEW, VOID_SITE_FAILED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = END(SETTLED, TICKET_SETTLE_FINAL, CANCELLED),
        [TICKET_ON_CANCELLED_UNUSED] = END(SETTLED, TICKET_SETTLE_FINAL, CANCELLED),
        [TICKET_ON_BAD_REPORT] = DISPUTE,
        [TICKET_ON_CANCEL] = REFUSE(ENDED, "Its window is over; the site's report of its end is awaited."),
        [TICKET_ON_WITHDRAW] = REFUSE(ENDED, SIGNED_FOR),
        [TICKET_ON_SPOOL_LOST] = DISPUTE,
        [TICKET_ON_CONTEST] = REFUSE(ENDED, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(ENDED, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(ENDED, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(ENDED, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(ENDED, PASSED),
        [TICKET_ON_START_GRACE] = STALE(ENDED, PASSED),
        [TICKET_ON_END_GRACE] = STALE(ENDED, PASSED),
        [TICKET_ON_UNKNOWN_GRACE] = SILENCE,
        [TICKET_ON_CANCEL_GRACE] = STALE(ENDED, IN_FORCE),
        [TICKET_ON_EXPIRY] = END(VOIDED, TICKET_EXPIRE, EXPIRED),
        [TICKET_ON_DISPUTE_TIME] = STALE(ENDED, NO_DISPUTE),
    },
    [TICKET_CANCELLING] = {
        [TICKET_ON_ACCEPTED] = DENY(CANCELLING, IS_CANCELLING),
        [TICKET_ON_ACCEPTED_LATE] = DENY(CANCELLING, IS_CANCELLING),
        [TICKET_ON_REJECTED] = VOIDS(TICKET_CORRECT_AND_VOID | FREE, VOID_CANCELLED, CANCELLED),
        [TICKET_ON_QUEUED] = KEEP(CANCELLING, IS_CANCELLING),
        [TICKET_ON_STARTED] = KEEP(CANCELLING, IS_CANCELLING),
        [TICKET_ON_OPENED] = KEEP(CANCELLING, IS_CANCELLING),
        [TICKET_ON_USAGE] = KEEP(CANCELLING, IS_CANCELLING),
        [TICKET_ON_USAGE_DAY] = GO(CANCELLING, TICKET_SETTLE_DAILY),
        [TICKET_ON_FINISHED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FINISHED),
        [TICKET_ON_FAILED_JOB] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, FAILED_JOB),
        [TICKET_ON_FAILED_SITE] = VOIDS(TICKET_CORRECT_AND_VOID | FREE, VOID_SITE_FAILED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = END(SETTLED, TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_CANCELLED_UNUSED] = VOIDS(TICKET_CORRECT_AND_VOID | FREE, VOID_NEVER_STARTED, CANCELLED),
        [TICKET_ON_BAD_REPORT] = DISPUTE,
        [TICKET_ON_CANCEL] = REFUSE(CANCELLING, "It is being cancelled already."),
        [TICKET_ON_WITHDRAW] = REFUSE(CANCELLING, SIGNED_FOR),
        [TICKET_ON_SPOOL_LOST] = DISPUTE,
        [TICKET_ON_CONTEST] = REFUSE(CANCELLING, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(CANCELLING, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(CANCELLING, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(CANCELLING, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(CANCELLING, PASSED),
        [TICKET_ON_START_GRACE] = STALE(CANCELLING, IS_CANCELLING),
        [TICKET_ON_END_GRACE] = STALE(CANCELLING, IS_CANCELLING),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(CANCELLING, IS_CANCELLING),
        [TICKET_ON_CANCEL_GRACE] = SILENCE,
        [TICKET_ON_EXPIRY] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
        [TICKET_ON_DISPUTE_TIME] = STALE(CANCELLING, NO_DISPUTE),
    },
    [TICKET_SILENT] = {
        [TICKET_ON_ACCEPTED] = DENY(SILENT, DISPUTE_HOLDS),
        [TICKET_ON_ACCEPTED_LATE] = DENY(SILENT, DISPUTE_HOLDS),
        [TICKET_ON_REJECTED] = VOIDS(CLOSE | TICKET_CORRECT_AND_VOID | FREE | ANEW, VOID_REJECTED, REJECTED),
        [TICKET_ON_QUEUED] = KEEP(SILENT, "The start is what is missing."),
        [TICKET_ON_STARTED] = GO(RUNNING, CLOSE),
        [TICKET_ON_OPENED] = GO(OPEN, CLOSE),
        [TICKET_ON_USAGE] = GO(RUNNING, CLOSE),
        [TICKET_ON_USAGE_DAY] = GO(RUNNING, CLOSE | TICKET_SETTLE_DAILY),
        [TICKET_ON_FINISHED] = END(SETTLED, CLOSE | TICKET_SETTLE_FINAL | FREE, FINISHED),
        [TICKET_ON_FAILED_JOB] = END(SETTLED, CLOSE | TICKET_SETTLE_FINAL | FREE, FAILED_JOB),
        [TICKET_ON_FAILED_SITE] = VOIDS(CLOSE | TICKET_CORRECT_AND_VOID | FREE | ANEW, VOID_SITE_FAILED, FAILED_SITE),
        [TICKET_ON_CANCELLED] = END(SETTLED, CLOSE | TICKET_SETTLE_FINAL | FREE, CANCELLED),
        [TICKET_ON_CANCELLED_UNUSED] = VOIDS(CLOSE | TICKET_CORRECT_AND_VOID | FREE, VOID_NEVER_STARTED, NEVER_STARTED),
        [TICKET_ON_BAD_REPORT] = GO(DISPUTED, 0),
        [TICKET_ON_CANCEL] = REFUSE(SILENT, DISPUTE_HOLDS),
        [TICKET_ON_WITHDRAW] = REFUSE(SILENT, SIGNED_FOR),
        [TICKET_ON_SPOOL_LOST] = GO(DISPUTED, 0),
        [TICKET_ON_CONTEST] = REFUSE(SILENT, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = END(SETTLED, TICKET_RESOLVE | FREE, RESOLVED),
        [TICKET_ON_CORRECT] = REFUSE(SILENT, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(SILENT, "The hold is open: it ends by the site's reports, or is resolved."),
        [TICKET_ON_ACCEPT_BY] = STALE(SILENT, PASSED),
        [TICKET_ON_START_GRACE] = STALE(SILENT, ALREADY_DISPUTED),
        [TICKET_ON_END_GRACE] = STALE(SILENT, ALREADY_DISPUTED),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(SILENT, ALREADY_DISPUTED),
        [TICKET_ON_CANCEL_GRACE] = STALE(SILENT, ALREADY_DISPUTED),
        [TICKET_ON_EXPIRY] = STALE(SILENT, DISPUTE_HOLDS),
        [TICKET_ON_DISPUTE_TIME] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
    },
    [TICKET_DISPUTED] = {
        [TICKET_ON_ACCEPTED] = DENY(DISPUTED, DISPUTE_HOLDS),
        [TICKET_ON_ACCEPTED_LATE] = DENY(DISPUTED, DISPUTE_HOLDS),
        [TICKET_ON_REJECTED] = GO(DISPUTED, FREE),
        [TICKET_ON_QUEUED] = KEEP(DISPUTED, FOR_PERSON),
        [TICKET_ON_STARTED] = KEEP(DISPUTED, FOR_PERSON),
        [TICKET_ON_OPENED] = KEEP(DISPUTED, FOR_PERSON),
        [TICKET_ON_USAGE] = KEEP(DISPUTED, FOR_PERSON),
        [TICKET_ON_USAGE_DAY] = KEEP(DISPUTED, FOR_PERSON),
        [TICKET_ON_FINISHED] = GO(DISPUTED, FREE),
        [TICKET_ON_FAILED_JOB] = GO(DISPUTED, FREE),
        [TICKET_ON_FAILED_SITE] = GO(DISPUTED, FREE),
        [TICKET_ON_CANCELLED] = GO(DISPUTED, FREE),
        [TICKET_ON_CANCELLED_UNUSED] = GO(DISPUTED, FREE),
        [TICKET_ON_BAD_REPORT] = KEEP(DISPUTED, FOR_PERSON),
        [TICKET_ON_CANCEL] = REFUSE(DISPUTED, DISPUTE_HOLDS),
        [TICKET_ON_WITHDRAW] = REFUSE(DISPUTED, DISPUTE_HOLDS),
        [TICKET_ON_SPOOL_LOST] = KEEP(DISPUTED, ALREADY_DISPUTED),
        [TICKET_ON_CONTEST] = REFUSE(DISPUTED, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = END(SETTLED, TICKET_RESOLVE | FREE, RESOLVED),
        [TICKET_ON_CORRECT] = REFUSE(DISPUTED, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(DISPUTED, "The hold is open: it must be resolved."),
        [TICKET_ON_ACCEPT_BY] = STALE(DISPUTED, ALREADY_DISPUTED),
        [TICKET_ON_START_GRACE] = STALE(DISPUTED, ALREADY_DISPUTED),
        [TICKET_ON_END_GRACE] = STALE(DISPUTED, ALREADY_DISPUTED),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(DISPUTED, ALREADY_DISPUTED),
        [TICKET_ON_CANCEL_GRACE] = STALE(DISPUTED, ALREADY_DISPUTED),
        [TICKET_ON_EXPIRY] = STALE(DISPUTED, DISPUTE_HOLDS),
        [TICKET_ON_DISPUTE_TIME] = END(VOIDED, TICKET_EXPIRE | FREE, EXPIRED),
    },
    [TICKET_CONTESTED] = {
        [TICKET_ON_ACCEPTED] = DENY(CONTESTED, OVER),
        [TICKET_ON_ACCEPTED_LATE] = DENY(CONTESTED, OVER),
        [TICKET_ON_REJECTED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_QUEUED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_STARTED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_OPENED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_USAGE] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_USAGE_DAY] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_FINISHED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_FAILED_JOB] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_FAILED_SITE] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_CANCELLED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_CANCELLED_UNUSED] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_BAD_REPORT] = KEEP(CONTESTED, FOR_PERSON),
        [TICKET_ON_CANCEL] = REFUSE(CONTESTED, OVER),
        [TICKET_ON_WITHDRAW] = REFUSE(CONTESTED, OVER),
        [TICKET_ON_SPOOL_LOST] = KEEP(CONTESTED, ALREADY_DISPUTED),
        [TICKET_ON_CONTEST] = REFUSE(CONTESTED, "It is contested already."),
        [TICKET_ON_RESOLVE] = REFUSE(CONTESTED, "Its hold is settled: it may be corrected, not resolved."),
        [TICKET_ON_CORRECT] = GO(SETTLED, CLOSE | TICKET_CORRECT),
        [TICKET_ON_DISMISS] = GO(SETTLED, CLOSE),
        [TICKET_ON_ACCEPT_BY] = STALE(CONTESTED, OVER),
        [TICKET_ON_START_GRACE] = STALE(CONTESTED, OVER),
        [TICKET_ON_END_GRACE] = STALE(CONTESTED, OVER),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(CONTESTED, OVER),
        [TICKET_ON_CANCEL_GRACE] = STALE(CONTESTED, OVER),
        [TICKET_ON_EXPIRY] = STALE(CONTESTED, OVER),
        [TICKET_ON_DISPUTE_TIME] = GO(SETTLED, CLOSE),
    },
    [TICKET_SETTLED] = {
        [TICKET_ON_ACCEPTED] = DENY(SETTLED, OVER),
        [TICKET_ON_ACCEPTED_LATE] = DENY(SETTLED, OVER),
        [TICKET_ON_REJECTED] = KEEP(SETTLED, OVER),
        [TICKET_ON_QUEUED] = KEEP(SETTLED, OVER),
        [TICKET_ON_STARTED] = KEEP(SETTLED, OVER),
        [TICKET_ON_OPENED] = KEEP(SETTLED, OVER),
        [TICKET_ON_USAGE] = KEEP(SETTLED, OVER),
        [TICKET_ON_USAGE_DAY] = KEEP(SETTLED, OVER),
        [TICKET_ON_FINISHED] = KEEP(SETTLED, OVER),
        [TICKET_ON_FAILED_JOB] = KEEP(SETTLED, OVER),
        [TICKET_ON_FAILED_SITE] = KEEP(SETTLED, OVER),
        [TICKET_ON_CANCELLED] = KEEP(SETTLED, "The first of finished and cancelled has won."),
        [TICKET_ON_CANCELLED_UNUSED] = KEEP(SETTLED, "The first of finished and cancelled has won."),
        [TICKET_ON_BAD_REPORT] = KEEP(SETTLED, OVER),
        [TICKET_ON_CANCEL] = REFUSE(SETTLED, OVER),
        [TICKET_ON_WITHDRAW] = REFUSE(SETTLED, OVER),
        [TICKET_ON_SPOOL_LOST] = KEEP(SETTLED, OVER),
        [TICKET_ON_CONTEST] = GO(CONTESTED, TICKET_OPEN_DISPUTE),
        [TICKET_ON_RESOLVE] = REFUSE(SETTLED, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(SETTLED, "It must be contested first."),
        [TICKET_ON_DISMISS] = REFUSE(SETTLED, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(SETTLED, OVER),
        [TICKET_ON_START_GRACE] = STALE(SETTLED, OVER),
        [TICKET_ON_END_GRACE] = STALE(SETTLED, OVER),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(SETTLED, OVER),
        [TICKET_ON_CANCEL_GRACE] = STALE(SETTLED, OVER),
        [TICKET_ON_EXPIRY] = STALE(SETTLED, OVER),
        [TICKET_ON_DISPUTE_TIME] = STALE(SETTLED, OVER),
    },
    [TICKET_VOIDED] = {
        [TICKET_ON_ACCEPTED] = DENY(VOIDED, "It was withdrawn."),
        [TICKET_ON_ACCEPTED_LATE] = DENY(VOIDED, "It was withdrawn."),
        [TICKET_ON_REJECTED] = KEEP(VOIDED, OVER),
        [TICKET_ON_QUEUED] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_STARTED] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_OPENED] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_USAGE] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_USAGE_DAY] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_FINISHED] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_FAILED_JOB] = KEEP(VOIDED, "It was withdrawn: what the site does with it pays nothing."),
        [TICKET_ON_FAILED_SITE] = KEEP(VOIDED, OVER),
        [TICKET_ON_CANCELLED] = KEEP(VOIDED, OVER),
        [TICKET_ON_CANCELLED_UNUSED] = KEEP(VOIDED, OVER),
        [TICKET_ON_BAD_REPORT] = KEEP(VOIDED, OVER),
        [TICKET_ON_CANCEL] = REFUSE(VOIDED, OVER),
        [TICKET_ON_WITHDRAW] = REFUSE(VOIDED, OVER),
        [TICKET_ON_SPOOL_LOST] = KEEP(VOIDED, OVER),
        [TICKET_ON_CONTEST] = REFUSE(VOIDED, NOT_SETTLED),
        [TICKET_ON_RESOLVE] = REFUSE(VOIDED, NO_DISPUTE),
        [TICKET_ON_CORRECT] = REFUSE(VOIDED, NOT_SETTLED),
        [TICKET_ON_DISMISS] = REFUSE(VOIDED, NO_DISPUTE),
        [TICKET_ON_ACCEPT_BY] = STALE(VOIDED, OVER),
        [TICKET_ON_START_GRACE] = STALE(VOIDED, OVER),
        [TICKET_ON_END_GRACE] = STALE(VOIDED, OVER),
        [TICKET_ON_UNKNOWN_GRACE] = STALE(VOIDED, OVER),
        [TICKET_ON_CANCEL_GRACE] = STALE(VOIDED, OVER),
        [TICKET_ON_EXPIRY] = STALE(VOIDED, OVER),
        [TICKET_ON_DISPUTE_TIME] = STALE(VOIDED, OVER),
    },
};

const struct ticket_cell *
ticket_next(enum ticket_state state, enum ticket_event event)
{
    assert((unsigned)state < TICKET_STATES && (unsigned)event < TICKET_EVENTS);
    return &table[state][event];
}

static const char *const words[TICKET_STATES] = {
    "issued", "permitted", "running", "open", "ended", "cancelling", "silent", "disputed", "contested", "settled", "voided",
};

const char *
ticket_state_word(enum ticket_state state)
{
    assert((unsigned)state < TICKET_STATES);
    return words[state];
}

const char *
ticket_state_name(enum ticket_state state)
{
    return ticket_state_is_disputed(state) ? "disputed" : ticket_state_word(state);
}

bool
ticket_state_from_word(const char *word, enum ticket_state *ret)
{
    for (unsigned i = 0; i < TICKET_STATES; i++)
        if (strcmp(words[i], word) == 0) {
            *ret = (enum ticket_state)i;
            return true;
        }
    return false;
}

const char *
ticket_event_name(enum ticket_event event)
{
    static const char *const names[TICKET_EVENTS] = {
        "accepted", "accepted-late", "rejected", "queued", "started", "opened", "usage", "usage-day", "finished",
        "failed-job", "failed-site", "cancelled", "cancelled-unused", "bad-report", "cancel", "withdraw", "spool-lost", "contest",
        "resolve", "correct", "dismiss", "accept-by", "start-grace", "end-grace", "unknown-grace", "cancel-grace",
        "expiry", "dispute-time",
    };

    assert((unsigned)event < TICKET_EVENTS);
    return names[event];
}

const char *
ticket_outcome_name(enum ticket_outcome outcome)
{
    static const char *const names[TICKET_OUTCOMES] = {
        "", "finished", "failed-job", "failed-site", "cancelled", "rejected", "lapsed", "withdrawn", "never-started",
        "resolved", "expired", "capacity-cut", "site-silent",
    };

    assert((unsigned)outcome < TICKET_OUTCOMES);
    return names[outcome];
}

bool
ticket_state_is_end(enum ticket_state state)
{
    return state == TICKET_SETTLED || state == TICKET_VOIDED;
}

bool
ticket_state_is_disputed(enum ticket_state state)
{
    return state == TICKET_SILENT || state == TICKET_DISPUTED || state == TICKET_CONTESTED;
}

bool
ticket_has_permit(enum ticket_state state)
{
    return state != TICKET_ISSUED && state != TICKET_CONTESTED && !ticket_state_is_end(state);
}
