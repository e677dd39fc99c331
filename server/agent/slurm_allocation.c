/* agent/slurm_allocation.c: see slurm_allocation.h. */
#include "agent/slurm_allocation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/run.h"
#include "agent/slurm.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"

#define AGAIN_MS     2000  /* after a command that failed, and while an end is waited for */
#define USE_EVERY_MS 20000 /* while it is open */
#define DAY_S        86400

/* ---- notes ---- */

#define NOTE_FORMAT(uuid, word, u32, i64, u64) \
    "kontor-slurm-allocation/v1 %" uuid " %" word " %" u32 " %" u32 " %" i64 " %" i64 " %" i64 " %" i64 " %d %d %" i64 " %" i64 " %" u64

enum err
slurm_allocation_note_write(int dir, const char *name, const struct slurm_allocation_note *n)
{
    char text[384], organisation[UUID_TEXT];
    int len;

    uuid_text(n->organisation, organisation);
    len = snprintf(text, sizeof text, NOTE_FORMAT("s", "s", PRIu32, PRId64, PRIu64) "\n", organisation, n->parent, n->gpus, n->walltime_s, n->start_s,
                       n->start_by_s, n->claiming_ms, n->opening_ms, (int)n->opened, (int)n->cancelled, n->closed_ms, n->ended_ms,
                       n->gpu_seconds);

    return run_file_write(dir, name, text, (size_t)len, RUN_SYNCED);
}

enum err
slurm_allocation_note_read(int dir, const char *name, struct slurm_allocation_note *ret)
{
    char text[384], organisation[UUID_TEXT + 1];
    struct slurm_allocation_note n = { 0 };
    int opened, cancelled, whole = 0;
    size_t len;
    enum err err = run_file_tail(dir, name, text, sizeof text - 1, &len);

    if (err)
        return err;
    text[len] = 0;
    if (sscanf(text, NOTE_FORMAT("37s", "32s", SCNu32, SCNd64, SCNu64) "%n", organisation, n.parent, &n.gpus, &n.walltime_s, &n.start_s, &n.start_by_s,
               &n.claiming_ms, &n.opening_ms, &opened, &cancelled, &n.closed_ms, &n.ended_ms, &n.gpu_seconds, &whole) != 13 ||
        strcmp(text + whole, "\n") != 0 || !uuid_parse(organisation, &n.organisation))
        return ERR_CORRUPT;
    n.opened = opened != 0;
    n.cancelled = cancelled != 0;
    *ret = n;
    return OK;
}

/* What is not noted is not done. */
static bool
noted(struct backend *b, struct slurm_allocation *a, const struct slurm_allocation_note *note)
{
    if (slurm_allocation_note_write(b->notes, a->name, note) != OK) {
        text_format(b->trouble, sizeof b->trouble, "note: %s", strerror(errno));
        return false;
    }
    a->note = *note;
    return true;
}

/* ---- use ---- */

uint64_t
slurm_allocation_minutes(uint32_t gpus, uint32_t walltime_s)
{
    uint64_t minutes = (uint64_t)gpus * walltime_s / 60;

    return minutes > 0 ? minutes : 1;
}

/* No sum of nonsense is less than it should be. */
static void
add_use(uint64_t *sum, int64_t seconds, uint32_t gpus)
{
    uint64_t more;

    if (__builtin_mul_overflow((uint64_t)seconds, gpus, &more) || __builtin_add_overflow(*sum, more, sum) || *sum > INT64_MAX)
        *sum = INT64_MAX;
}

bool
slurm_use_queue(const char *said, int64_t now_s, struct slurm_use *ret)
{
    struct slurm_row row;
    enum slurm_read read;

    while ((read = slurm_queue_row(&said, &row)) == SLURM_ROW) {
        bool live = row.state == SLURM_PENDING || row.state == SLURM_CONFIGURING || row.state == SLURM_RUNNING || row.state == SLURM_OTHER;

        ret->live = ret->live || live;
        if (row.state == SLURM_RUNNING && row.start_s > 0 && row.start_s <= now_s)
            add_use(&ret->running_s, now_s - row.start_s, row.gpus);
    }
    return read == SLURM_END;
}

bool
slurm_use_account(const char *said, int64_t now_s, struct slurm_use *ret)
{
    struct slurm_row row;
    enum slurm_read read;

    while ((read = slurm_account_row(&said, &row)) == SLURM_ROW) {
        bool over = row.state != SLURM_OTHER && row.state != SLURM_PENDING && row.state != SLURM_CONFIGURING && row.state != SLURM_RUNNING;

        if (!row.allocated)
            continue;
        if (!over || row.end_s == 0 || now_s - row.end_s < SLURM_SETTLED_S) {
            ret->unsettled++;
            continue;
        }
        add_use(&ret->ended_s, row.elapsed_s, row.gpus);
        ret->last_end_s = max_i64(ret->last_end_s, row.end_s);
    }
    return read == SLURM_END;
}

/* ---- users ---- */

struct users_of {
    struct uuid organisation;
    char parent[SUBMIT_WORD], users[sizeof((struct slurm_allocation *)0)->users];
};

/* All lines of the organisation: the first names its account; each user may use what is opened. */
static void
add_user(void *with, const struct slurm_user *u)
{
    struct users_of *w = with;
    size_t len = strlen(w->users);

    if (!uuid_equal(u->organisation, w->organisation))
        return;
    if (!w->parent[0])
        text_format(w->parent, sizeof w->parent, "%s", u->account);
    if (!text_format(w->users + len, sizeof w->users - len, "%s%s", len ? "," : "", u->user))
        w->users[len] = 0;
}

/* ERR_NOT_FOUND: it has none here. */
static enum err
find_users(struct backend *b, struct uuid organisation, struct users_of *ret, struct err_detail *d)
{
    enum err err;

    *ret = (struct users_of){ .organisation = organisation };
    err = slurm_user_each(b->o.users, add_user, ret, d);
    return err ? err : ret->users[0] ? OK : ERR_NOT_FOUND;
}

static bool
users_found(struct backend *b, struct slurm_allocation *a)
{
    struct err_detail d = { 0 };
    struct users_of of;

    if (a->users[0])
        return true;
    if (find_users(b, a->note.organisation, &of, &d) != OK) {
        text_format(b->trouble, sizeof b->trouble, "%s", d.internal[0] ? d.internal : "the organisation has no users here any more");
        return false;
    }
    memcpy(a->users, of.users, sizeof a->users);
    return true;
}

/* ---- commands ---- */

static const char *
worded(char *to, size_t cap, const char *before, const char *value)
{
    text_format(to, cap, "%s%s", before, value);
    return to;
}

/* An association is of one cluster, where slurmdbd has several. */
static size_t
add_cluster(const struct backend *b, const char **argv, size_t n, char ret[SUBMIT_WORD + 16])
{
    if (b->o.cluster[0])
        argv[n++] = worded(ret, SUBMIT_WORD + 16, "cluster=", b->o.cluster);
    return n;
}

static void
start_step(struct backend *b, struct slurm_allocation *a, enum slurm_step step)
{
    char path[PATH_MAX], account[SLURM_NAME + 32], parent[SUBMIT_WORD + 16], cluster[SUBMIT_WORD + 16], users[sizeof a->users + 16],
        most[64], minutes[64], since[48];
    const char *argv[24] = { path, "-iQ", NULL };
    struct epoll_event event = { .events = EPOLLIN };
    struct err_detail d = { 0 };
    const char *program = "sacctmgr";
    size_t n = 2;

    text_format(most, sizeof most, "GrpTRES=gres/gpu=%" PRIu32, a->note.gpus);
    text_format(minutes, sizeof minutes, "GrpTRESMins=gres/gpu=%" PRIu64, slurm_allocation_minutes(a->note.gpus, a->note.walltime_s));
    text_format(since, sizeof since, "--starttime=uts%" PRId64, a->note.claiming_ms / 1000 - DAY_S);
    switch (step) {
    case STEP_ADD:
        argv[n++] = "add", argv[n++] = "account", argv[n++] = worded(account, sizeof account, "name=", a->name);
        n = add_cluster(b, argv, n, cluster);
        argv[n++] = worded(parent, sizeof parent, "parent=", a->note.parent);
        argv[n++] = "description=kontor", argv[n++] = "organization=kontor";
        argv[n++] = "GrpSubmitJobs=0", argv[n++] = "GrpJobs=0", argv[n++] = most, argv[n++] = minutes;
        break;
    case STEP_JOIN:
        argv[n++] = "add", argv[n++] = "user", argv[n++] = worded(users, sizeof users, "name=", a->users);
        n = add_cluster(b, argv, n, cluster);
        argv[n++] = worded(account, sizeof account, "account=", a->name);
        break;
    case STEP_OPEN:
    case STEP_CLOSE:
        argv[n++] = "modify", argv[n++] = "account", argv[n++] = "where", argv[n++] = worded(account, sizeof account, "name=", a->name);
        n = add_cluster(b, argv, n, cluster);
        argv[n++] = "set";
        argv[n++] = step == STEP_OPEN ? "GrpSubmitJobs=-1" : "GrpSubmitJobs=0";
        argv[n++] = step == STEP_OPEN ? "GrpJobs=-1" : "GrpJobs=0";
        if (step == STEP_OPEN)
            argv[n++] = most, argv[n++] = minutes;
        break;
    case STEP_ASK:
        n = 1;
        argv[n++] = "--noheader", argv[n++] = "--parsable2", argv[n++] = "show", argv[n++] = "assoc", argv[n++] = "where";
        argv[n++] = worded(account, sizeof account, "account=", a->name);
        n = add_cluster(b, argv, n, cluster);
        argv[n++] = "format=" SLURM_ASSOC_FORMAT;
        break;
    case STEP_END:
        program = "scancel";
        n = 1;
        argv[n++] = worded(account, sizeof account, "--account=", a->name);
        break;
    case STEP_QUEUE:
        program = "squeue";
        n = 1;
        argv[n++] = "--noheader", argv[n++] = "--states=all", argv[n++] = worded(account, sizeof account, "--account=", a->name);
        argv[n++] = "--Format=" SLURM_QUEUE_FORMAT;
        break;
    case STEP_BEHIND:
        program = "sdiag";
        n = 1;
        break;
    case STEP_ACCOUNT:
        program = "sacct";
        n = 1;
        argv[n++] = "--noheader", argv[n++] = "--parsable2", argv[n++] = "--allocations", argv[n++] = "--duplicates", argv[n++] = "--allusers";
        argv[n++] = worded(account, sizeof account, "--accounts=", a->name), argv[n++] = since, argv[n++] = "--endtime=2100-01-01";
        argv[n++] = "--format=" SLURM_ACCOUNT_FORMAT;
        break;
    case STEP_NONE:
        return;
    }
    argv[n] = NULL;
    text_format(path, sizeof path, "%s/%s", b->bin, program);
    if (command_start(&a->command, argv, b->env, BYTES("", 0), SLURM_CALL_MS, &d) != OK) {
        text_format(b->trouble, sizeof b->trouble, "%s: %s", program, d.internal);
        a->next_mono_ms = monotonic_ms() + AGAIN_MS;
        return;
    }
    if (a->command.ended >= 0)
        epoll_ctl(b->wake, EPOLL_CTL_ADD, a->command.ended, &event);
    a->step = step;
}

/* ---- what follows ---- */

static bool
names(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == 0))
            return true;
    return false;
}

static size_t
count_of(const char *list)
{
    size_t n = list[0] ? 1 : 0;

    for (; *list; list++)
        n += *list == ',';
    return n;
}

static bool
read_associations(struct slurm_allocation *a, const char *said)
{
    struct slurm_assoc row;
    enum slurm_read read;
    bool there = false, shut = false;
    size_t users = 0;

    while ((read = slurm_assoc_row(&said, &row)) == SLURM_ROW) {
        if (strcmp(row.account, a->name) != 0)
            continue;
        if (row.user[0]) {
            users += names(a->users, row.user);
            continue;
        }
        there = true;
        shut = row.shut;
    }
    if (read != SLURM_END)
        return false;
    a->known = true;
    a->there = there;
    a->shut = shut;
    a->joined = a->users[0] && users >= count_of(a->users);
    return true;
}

/* What that means for how far it has come. */
static void
asked(struct backend *b, struct slurm_allocation *a)
{
    struct slurm_allocation_note note = a->note;

    if (a->there && !a->shut && note.opening_ms && !note.opened)
        note.opened = true;
    if (a->closes && (!a->there || a->shut) && !note.closed_ms) { /* one that somebody has deleted is closed */
        note.closed_ms = real_now_ms();
        a->idle_since_mono_ms = 0;
    }
    if (note.opened != a->note.opened || note.closed_ms != a->note.closed_ms)
        (void)noted(b, a, &note);
    a->woken = true;
}

/* When its time is over. */
static int64_t
until_ms(const struct slurm_allocation *a)
{
    return a->note.opening_ms + (int64_t)a->note.walltime_s * 1000;
}

/* All of its jobs have ended, and their ends are settled. What the queue has not shown for long, accounting shows as running for
 * ever (slurm_judge.h): such a job is lost, and its use is the site's loss. */
static void
counted(struct backend *b, struct slurm_allocation *a)
{
    int64_t idle_ms = a->idle_since_mono_ms ? monotonic_ms() - a->idle_since_mono_ms : -1;
    struct slurm_allocation_note note = a->note;

    a->use = a->round;
    a->next_mono_ms = monotonic_ms() + (note.closed_ms ? AGAIN_MS : min_i64(USE_EVERY_MS, max_i64(until_ms(a) - real_now_ms(), 0)));
    if (!a->note.closed_ms || idle_ms < SLURM_APART_MS || (a->use.unsettled > 0 && idle_ms < SLURM_RUNAWAY_MS))
        return;
    note.ended_ms = max_i64(note.closed_ms, a->use.last_end_s * 1000);
    note.gpu_seconds = a->use.ended_s;
    if (noted(b, a, &note))
        a->woken = true;
}

static enum slurm_step
queued(struct slurm_allocation *a)
{
    int64_t now_ms = monotonic_ms();

    if (a->round.live)
        a->idle_since_mono_ms = 0;
    else if (!a->idle_since_mono_ms)
        a->idle_since_mono_ms = now_ms;
    if (!a->note.closed_ms || !a->round.live)
        return STEP_BEHIND;
    return STEP_END; /* again: one that the controller forgot to have cancelled */
}

/* What is next after this step's command. STEP_NONE: the round is over. */
static enum slurm_step
step_ended(struct backend *b, struct slurm_allocation *a, enum slurm_step step, const struct command_result *r)
{
    int64_t now_s = real_now_ms() / 1000, waiting;
    bool good = r->status == 0;

    switch (step) {
    case STEP_ADD: /* that it is there already is told as a failure: what is, is asked for */
        return STEP_JOIN;
    case STEP_JOIN:
    case STEP_OPEN:
        return STEP_ASK;
    case STEP_CLOSE:
        a->closes = true;
        return STEP_ASK;
    case STEP_ASK:
        good = good && read_associations(a, r->out);
        if (good)
            asked(b, a);
        a->closes = false;
        break;
    case STEP_QUEUE:
        a->round = (struct slurm_use){ 0 };
        good = good && slurm_use_queue(r->out, now_s, &a->round);
        if (good)
            return queued(a);
        break;
    case STEP_BEHIND:
        good = good && slurm_behind(r->out, &waiting);
        if (good && waiting == 0)
            return STEP_ACCOUNT;
        break;
    case STEP_ACCOUNT:
        good = good && slurm_use_account(r->out, now_s, &a->round);
        if (good)
            counted(b, a);
        break;
    case STEP_END:
    case STEP_NONE:
        break;
    }
    if (good)
        b->trouble[0] = 0;
    else
        text_format(b->trouble, sizeof b->trouble, "allocation: %s", r->err[0] ? r->err : "Slurm says what cannot be read");
    return STEP_NONE;
}

/* It has been claimed, and is not open yet. */
static enum slurm_step
step_to_open(struct backend *b, struct slurm_allocation *a)
{
    int64_t now_ms = real_now_ms();
    struct slurm_allocation_note note = a->note;

    if (note.cancelled || now_ms / 1000 > note.start_by_s) { /* never opened, and never to be */
        note.closed_ms = note.ended_ms = now_ms;
        a->woken = noted(b, a, &note) || a->woken;
        return STEP_NONE;
    }
    if (!a->joined)
        return STEP_JOIN;
    if (now_ms / 1000 < note.start_s)
        return STEP_NONE;
    note.opening_ms = now_ms;
    return noted(b, a, &note) ? STEP_OPEN : STEP_NONE;
}

/* The next thing to do, if it is time. */
static enum slurm_step
step_due(struct backend *b, struct slurm_allocation *a)
{
    const struct slurm_allocation_note *note = &a->note;
    bool claims;

    if (note->ended_ms)
        return STEP_NONE;
    if (note->closed_ms)
        return STEP_QUEUE;
    if (note->opened)
        return note->cancelled || real_now_ms() >= until_ms(a) ? STEP_CLOSE : STEP_QUEUE;
    if (!users_found(b, a))
        return STEP_NONE;
    if (a->known && a->there)
        return step_to_open(b, a);
    claims = a->given && !note->cancelled && monotonic_ms() < a->permit_until_mono_ms;
    a->given = claims;
    return claims ? STEP_ADD : STEP_ASK;
}

static void
pump_one(struct backend *b, struct slurm_allocation *a)
{
    struct command_result r;
    int64_t now_ms = monotonic_ms();

    if (a->step != STEP_NONE) {
        enum slurm_step step = a->step, next;

        if (!command_ended(&a->command, &r))
            return;
        a->step = STEP_NONE;
        a->next_mono_ms = monotonic_ms() + AGAIN_MS;
        next = step_ended(b, a, step, &r);
        free(r.out);
        if (next != STEP_NONE) {
            start_step(b, a, next);
            return;
        }
        now_ms = monotonic_ms();
        if (step == STEP_ASK && a->there && (a->joined || a->note.closed_ms))
            a->next_mono_ms = now_ms; /* what follows from it follows at once */
    }
    if (now_ms >= a->next_mono_ms && !a->forgotten) {
        a->next_mono_ms = now_ms + AGAIN_MS;
        start_step(b, a, step_due(b, a));
    }
}

void
slurm_allocations_pump(struct backend *b)
{
    size_t kept = 0;

    for (size_t i = 0; i < b->allocations_n; i++) {
        struct slurm_allocation *a = b->allocations[i];

        pump_one(b, a);
        if (a->forgotten && a->step == STEP_NONE)
            free(a);
        else
            b->allocations[kept++] = a;
    }
    b->allocations_n = kept;
}

/* ---- the backend's part ---- */

static struct slurm_allocation *
allocation_new(struct backend *b, struct uuid jti)
{
    struct slurm_allocation *a = xcalloc(1, sizeof *a);

    a->jti = jti;
    slurm_name(jti, a->name);
    b->allocations = xrealloc(b->allocations, (b->allocations_n + 1) * sizeof(struct slurm_allocation *));
    b->allocations[b->allocations_n++] = a;
    return a;
}

struct slurm_allocation *
slurm_allocation_find(struct backend *b, struct uuid jti, enum err *ret_err)
{
    struct slurm_allocation_note note;
    struct slurm_allocation *a;
    char name[SLURM_NAME];

    *ret_err = OK;
    for (size_t i = 0; i < b->allocations_n; i++)
        if (uuid_equal(b->allocations[i]->jti, jti) && !b->allocations[i]->forgotten)
            return b->allocations[i];
    slurm_name(jti, name);
    *ret_err = slurm_allocation_note_read(b->notes, name, &note);
    if (*ret_err)
        return NULL;
    a = allocation_new(b, jti);
    a->note = note;
    a->absent_mono_ms = monotonic_ms() + SLURM_CALL_MS; /* a command that an earlier process of ours has left ends by then */
    return a;
}

struct agent_event
slurm_allocation_submit(struct backend *b, const struct backend_run *run, struct err_detail *d)
{
    struct users_of of;
    enum err err = find_users(b, run->organisation, &of, d);
    struct slurm_allocation *a;
    struct slurm_allocation_note note;

    if (err)
        return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = err == ERR_NOT_FOUND ? REASON_NO_USER : REASON_SITE };
    if (run->clock.rate != 1) {
        err = err_internal(d, ERR_CONFIG, "the journal's clock runs faster than life, which no batch system does");
        return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = REASON_SITE };
    }
    a = slurm_allocation_find(b, run->jti, &err);
    if (!a && err != ERR_NOT_FOUND) { /* it was claimed before, and nothing more is known */
        err = err_internal(d, err, "the note of an earlier claim cannot be read");
        return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN };
    }
    if (!a)
        a = allocation_new(b, run->jti);
    note = a->note;
    note.organisation = run->organisation;
    note.gpus = run->gpus;
    note.walltime_s = run->walltime_s;
    note.start_s = (clock_real_at(&run->clock, run->start_at_ms) + 999) / 1000;
    note.start_by_s = clock_real_at(&run->clock, run->start_by_ms) / 1000;
    note.claiming_ms = real_now_ms();
    text_format(note.parent, sizeof note.parent, "%s", of.parent);
    if (!noted(b, a, &note)) {
        err = err_internal(d, ERR_IO, "%s", b->trouble);
        return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN };
    }
    memcpy(a->users, of.users, sizeof a->users);
    a->permit_until_mono_ms = run->permit_until_mono_ms;
    a->given = true;
    a->known = false;
    a->next_mono_ms = 0;
    slurm_pump(b);
    return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN }; /* queued when it is seen there */
}

static struct agent_event
over(const struct slurm_allocation *a)
{
    const struct slurm_allocation_note *n = &a->note;

    return (struct agent_event){
        .kind = AGENT_ON_ENDED,
        .end = n->cancelled ? AGENT_END_CANCELLED : n->opened ? AGENT_END_WALLTIME : AGENT_END_UNSTARTED,
        .started_ms = n->opened ? n->opening_ms : 0,
        .ended_ms = n->opened ? n->ended_ms : 0,
        .gpu_seconds = n->gpu_seconds,
    };
}

struct agent_event
slurm_allocation_look_up(struct backend *b, struct slurm_allocation *a, int64_t now_ms, struct err_detail *d)
{
    int64_t ahead_ms = now_ms - real_now_ms();
    struct agent_event e = { .kind = AGENT_ON_UNKNOWN };

    if (a->note.ended_ms) {
        e = over(a);
    } else if (a->note.opened) {
        e.kind = AGENT_ON_STARTED;
        e.started_ms = a->note.opening_ms;
        e.gpu_seconds = a->use.ended_s + a->use.running_s;
    } else if (a->known && a->there) {
        e.kind = AGENT_ON_QUEUED;
    } else if (a->known && !a->given && monotonic_ms() >= a->absent_mono_ms) {
        e.kind = AGENT_ON_NONE;
    } else if (b->trouble[0]) {
        enum err err = err_internal(d, ERR_IO, "%s", b->trouble);

        (void)err;
    }
    e.started_ms += e.started_ms ? ahead_ms : 0;
    e.ended_ms += e.ended_ms ? ahead_ms : 0;
    slurm_pump(b);
    return e;
}

void
slurm_allocation_cancel(struct backend *b, struct slurm_allocation *a)
{
    struct slurm_allocation_note note = a->note;

    if (note.cancelled || note.closed_ms)
        return;
    note.cancelled = true;
    if (!noted(b, a, &note)) /* on disk first: else its end would look like its window's */
        return;
    a->next_mono_ms = 0;
    slurm_pump(b);
}

/* The account goes with it, if Slurm lets it: what was used stays in accounting. */
void
slurm_allocation_forget(struct backend *b, struct slurm_allocation *a)
{
    char path[PATH_MAX], account[SLURM_NAME + 32], cluster[SUBMIT_WORD + 16];
    const char *argv[8] = { path, "-iQ", "delete", "account", worded(account, sizeof account, "name=", a->name) };
    struct err_detail d = { 0 };
    struct command c;

    argv[add_cluster(b, argv, 5, cluster)] = NULL;
    text_format(path, sizeof path, "%s/sacctmgr", b->bin);
    if (a->note.claiming_ms && command_start(&c, argv, b->env, BYTES("", 0), SLURM_CALL_MS, &d) == OK)
        command_leave(&c);
    unlinkat(b->notes, a->name, 0);
    a->forgotten = true;
}

void
slurm_allocations_close(struct backend *b)
{
    for (size_t i = 0; i < b->allocations_n; i++) {
        if (b->allocations[i]->step != STEP_NONE)
            command_leave(&b->allocations[i]->command);
        free(b->allocations[i]);
    }
    free(b->allocations);
}
