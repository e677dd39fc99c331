/* agent/backend_slurm.c: the backend `slurm`: submit, look up, cancel, and what goes with it. Its parts: agent/slurm.h. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/slurm.h"
#include "agent/slurm_secrets.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"

#define ORPHAN_MS 40000 /* an sbatch that an earlier process of ours has left ends by then */
#define CHECK_MS  20000

static int64_t
uid_of(const char *user)
{
    struct passwd *who = getpwnam(user);

    return who ? (int64_t)who->pw_uid : -1;
}

/* The run as this process knows it, or as an earlier one has noted it. NULL with ERR_NOT_FOUND: nothing was ever given. */
static struct slurm_run *
run_known(struct backend *b, struct uuid jti, enum err *ret_err)
{
    struct slurm_run *run = slurm_run_find(b, jti);
    struct slurm_note note;
    char name[SLURM_NAME];

    *ret_err = OK;
    if (run)
        return run;
    slurm_name(jti, name);
    *ret_err = slurm_note_read(b->notes, name, &note);
    if (*ret_err)
        return NULL;
    run = slurm_run_new(b, jti);
    run->note = note;
    run->user_uid = uid_of(note.user);
    /* Where sbatch answered we know since when; else it may run still, and end by itself. A clock that was set back makes us
     * wait longer. */
    if (note.answered_ms)
        run->answered_mono_ms = monotonic_ms() - min_i64(max_i64(real_now_ms() - note.answered_ms, 0), SLURM_APART_MS);
    else
        run->answered_mono_ms = monotonic_ms() + max_i64(ORPHAN_MS - max_i64(real_now_ms() - note.submitted_ms, 0), 0);
    run->submission = SLURM_GIVEN;
    return run;
}

/* The same of what is an allocation; NULL: it is none. Which it is, its note says. */
static struct slurm_allocation *
allocation_of(struct backend *b, struct uuid jti)
{
    enum err err;

    return slurm_run_find(b, jti) ? NULL : slurm_allocation_find(b, jti, &err);
}

/* ---- submitting ---- */

static uint16_t
slurm_takes(const struct backend *b)
{
    return b->o.allocations ? NEED_BIT(NEED_ALLOCATION) : 0;
}

static enum report_reason
slurm_against(struct backend *b, struct uuid organisation, struct err_detail *d)
{
    struct slurm_user u;

    /* A file that cannot be read may be right in a moment: then the submission says so. */
    return slurm_user_find(b->o.users, organisation, &u, d) == ERR_NOT_FOUND ? REASON_NO_USER : REASON_NONE;
}

static struct agent_event
not_submitted(enum report_reason reason)
{
    return (struct agent_event){ .kind = AGENT_ON_NOT_SUBMITTED, .reason = (uint16_t)reason };
}

static int64_t
real_s(const struct backend_run *run, int64_t at_ms, bool round_up)
{
    return (clock_real_at(&run->clock, at_ms) + (round_up ? 999 : 0)) / 1000;
}

static void
word(struct slurm_run *run, enum submit_word which, const char *text)
{
    text_format(run->words[which], SUBMIT_TEXT, "%s", text[0] ? text : "-");
}

static void
number(struct slurm_run *run, enum submit_word which, int64_t n)
{
    text_i64(n, run->words[which]);
}

/* What sbatch will be told. Slurm itself drops the job if it can no longer begin by start-by: deadline less time limit. */
static void
write_words(struct backend *b, struct slurm_run *run, const struct backend_run *given)
{
    uint32_t nodes = given->nodes ? given->nodes : 1, minutes = slurm_minutes(given->walltime_s);
    int64_t begin_s = real_s(given, given->start_at_ms, true);

    word(run, SUBMIT_USER, run->note.user);
    word(run, SUBMIT_NAME, run->name);
    word(run, SUBMIT_ACCOUNT, run->note.account);
    word(run, SUBMIT_PARTITION, b->o.partition);
    word(run, SUBMIT_TYPE, b->o.gpu_type);
    number(run, SUBMIT_NODES, nodes);
    number(run, SUBMIT_GPUS, given->gpus / nodes);
    number(run, SUBMIT_MINUTES, minutes);
    number(run, SUBMIT_BEGIN, begin_s * 1000 > real_now_ms() ? begin_s : 0);
    number(run, SUBMIT_DEADLINE, max_i64(real_s(given, given->start_by_ms, false), begin_s) + (int64_t)minutes * 60);
    text_format(run->words[SUBMIT_FOLDER], SUBMIT_TEXT, "%s/%s", b->o.folder, run->note.user);
}

static struct agent_event
slurm_submit(struct backend *b, const struct backend_run *given, struct err_detail *d)
{
    struct slurm_run *run;
    struct slurm_user user;
    enum err err;

    if (given->needs & NEED_BIT(NEED_ALLOCATION))
        return slurm_allocation_submit(b, given, d);
    err = slurm_user_find(b->o.users, given->organisation, &user, d);

    if (err)
        return not_submitted(err == ERR_NOT_FOUND ? REASON_NO_USER : REASON_SITE);
    if (given->clock.rate != 1) {
        err = err_internal(d, ERR_CONFIG, "the journal's clock runs faster than life, which no batch system does");
        return not_submitted(REASON_SITE);
    }
    if (given->nodes > 1 && given->gpus % given->nodes != 0) {
        err = err_internal(d, ERR_FIELD_RANGE, "the GPUs cannot be shared evenly among the nodes");
        return not_submitted(REASON_RESOURCE);
    }
    run = run_known(b, given->jti, &err);
    if (!run && err != ERR_NOT_FOUND) { /* it was given before, and nothing more is known */
        err = err_internal(d, err, "the note of an earlier submission cannot be read");
        return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN };
    }
    if (!run)
        run = slurm_run_new(b, given->jti);
    text_format(run->note.user, sizeof run->note.user, "%s", user.user);
    text_format(run->note.account, sizeof run->note.account, "%s", user.account);
    run->note.gpus = given->gpus;
    run->note.walltime_s = given->walltime_s;
    run->user_uid = uid_of(user.user);
    write_words(b, run, given);
    slurm_run_wipe(run);
    run->script = slurm_wrapper(given, run->name, &run->script_len);
    run->secrets = slurm_secrets_lines(given->secrets, &run->secrets_len);
    run->permit_until_mono_ms = given->permit_until_mono_ms;
    run->submission = SLURM_WAITS;
    slurm_pump(b);
    return (struct agent_event){ .kind = AGENT_ON_SUBMIT_UNKNOWN }; /* queued when it is seen there, and saved */
}

/* ---- looking up ---- */

static struct agent_event
unknown(void)
{
    return (struct agent_event){ .kind = AGENT_ON_UNKNOWN };
}

/* The queue's answer is needed that began after the question. */
static bool
has_fresh_answer(struct slurm_run *run)
{
    int64_t now_ms = monotonic_ms();

    if (!run->asked) {
        run->asked = true;
        run->asked_mono_ms = now_ms;
    }
    return run->queue_mono_ms >= run->asked_mono_ms - 1000 && run->queue_mono_ms > 0;
}

/* Real times to those of the journal's clock, which may be elsewhere, but runs no faster. */
static void
to_journal(struct agent_event *e, int64_t now_ms)
{
    int64_t ahead_ms = now_ms - real_now_ms();

    e->started_ms += e->started_ms ? ahead_ms : 0;
    e->ended_ms += e->ended_ms ? ahead_ms : 0;
}

static struct agent_event
judge(struct backend *b, struct slurm_run *run, int64_t now_ms, struct err_detail *d)
{
    struct slurm_facts f = {
        .now_s = real_now_ms() / 1000,
        .since_sbatch_ms = run->queue_mono_ms - run->answered_mono_ms,
        .submitted_s = (run->note.first_ms + 999) / 1000,
        .idle_ms = run->idle_since_mono_ms ? run->queue_mono_ms - run->idle_since_mono_ms : -1,
        .accounted = run->account_mono_ms && run->account_mono_ms >= run->idle_since_mono_ms + SLURM_APART_MS,
        .cancelled = run->note.cancelled,
        .gpus = run->note.gpus,
        .walltime_s = run->note.walltime_s,
        .user_uid = run->user_uid,
        .queue = run->queue,
        .account = run->account,
    };
    enum slurm_wants wants;
    const char *why;
    struct agent_event e;
    enum err err = slurm_claim_read(b->o.folder, run->note.user, run->name, &f.claim);

    if (err) {
        run->asked = false;
        err = err_internal(d, err, "%s/%s: %s", b->o.folder, run->note.user, strerror(errno));
        return unknown();
    }
    e = slurm_judge(&f, &wants, &why);
    if (why[0])
        err = err_internal(d, ERR_IO, "%s", why);
    run->asked = false;
    if (e.kind == AGENT_ON_UNKNOWN && wants == SLURM_WANTS_ACCOUNT && !run->wants_account) {
        run->wants_account = true;
        slurm_pump(b);
    }
    if (e.kind == AGENT_ON_ENDED && f.claim.start_s == 0)
        slurm_claim_take(b->o.folder, run->note.user, run->name);
    if (e.kind == AGENT_ON_ENDED || e.kind == AGENT_ON_NONE) /* a wrapper may have been killed before it could */
        slurm_secrets_remove(b->o.folder, run->note.user, run->name);
    to_journal(&e, now_ms);
    return e;
}

static struct agent_event
slurm_look_up(struct backend *b, struct uuid jti, int64_t now_ms, struct err_detail *d)
{
    struct slurm_allocation *allocation = allocation_of(b, jti);
    enum err err;
    struct slurm_run *run;

    if (allocation)
        return slurm_allocation_look_up(b, allocation, now_ms, d);
    run = run_known(b, jti, &err);
    if (!run && err == ERR_NOT_FOUND)
        return (struct agent_event){ .kind = AGENT_ON_NONE };
    if (!run) {
        err = err_internal(d, err, "the note of its submission cannot be read");
        return unknown();
    }
    if (run->submission == SLURM_REFUSED) {
        err = err_internal(d, ERR_IO, "sbatch: %s", run->why);
        return not_submitted((enum report_reason)run->reason);
    }
    if (run->submission == SLURM_WAITS || run->submission == SLURM_IS_GIVEN)
        return unknown();
    if (run->note.submitted_ms == 0) /* its permit's time was over before its turn came */
        return (struct agent_event){ .kind = AGENT_ON_NONE };
    if (has_fresh_answer(run))
        return judge(b, run, now_ms, d);
    if (b->trouble[0] && monotonic_ms() - run->asked_mono_ms > SLURM_CALL_MS)
        err = err_internal(d, ERR_IO, "%s", b->trouble);
    slurm_pump(b);
    return unknown();
}

/* ---- cancelling ---- */

/* What waits for its turn never gets it. */
static void
slurm_cancel(struct backend *b, struct uuid jti)
{
    struct slurm_allocation *allocation = allocation_of(b, jti);
    enum err err;
    struct slurm_run *run;

    if (allocation) {
        slurm_allocation_cancel(b, allocation);
        return;
    }
    run = run_known(b, jti, &err);
    if (!run)
        return;
    if (run->submission == SLURM_WAITS) {
        run->submission = run->note.submitted_ms ? SLURM_GIVEN : SLURM_NOT_GIVEN;
        slurm_run_wipe(run);
    }
    if (!run->note.cancelled) { /* on disk first: else its end would look like the site's doing */
        run->note.cancelled = true;
        if (slurm_note_write(b->notes, run->name, &run->note) != OK)
            run->note.cancelled = false;
    }
    /* What has not begun never will, even if Slurm forgets the cancellation: it saves that of a waiting job late. */
    slurm_claim_take(b->o.folder, run->note.user, run->name);
    if (run->note.submitted_ms && !run->cancels) {
        run->wants_cancel = true;
        slurm_pump(b);
    }
}

static size_t
slurm_output(struct backend *b, struct uuid jti, void *ret, size_t cap)
{
    enum err err;
    struct slurm_run *run = run_known(b, jti, &err);

    return run ? slurm_log_tail(b->o.folder, run->note.user, run->name, ret, cap) : 0;
}

static void
slurm_forget(struct backend *b, struct uuid jti)
{
    struct slurm_allocation *allocation = allocation_of(b, jti);
    enum err err;
    struct slurm_run *run;

    if (allocation) {
        slurm_allocation_forget(b, allocation);
        return;
    }
    run = run_known(b, jti, &err);
    if (!run)
        return;
    slurm_leavings_remove(b->o.folder, run->note.user, run->name);
    unlinkat(b->notes, run->name, 0);
    run->forgotten = true;
}

/* ---- being woken ---- */

static int
slurm_wake_fd(struct backend *b)
{
    return b->wake;
}

static bool
slurm_woken(struct backend *b, struct uuid *ret)
{
    slurm_pump(b);
    for (size_t i = 0; i < b->runs_n; i++) {
        struct slurm_run *run = b->runs[i];

        if (!run->woken)
            continue;
        run->woken = false;
        *ret = run->jti;
        return true;
    }
    for (size_t i = 0; i < b->allocations_n; i++) {
        if (!b->allocations[i]->woken || b->allocations[i]->forgotten)
            continue;
        b->allocations[i]->woken = false;
        *ret = b->allocations[i]->jti;
        return true;
    }
    return false;
}

/* What runs goes on: a submission's outcome is found by look-up. */
static void
slurm_close(struct backend *b)
{
    for (size_t i = 0; i < SLURM_TASKS; i++) {
        if (b->tasks[i].kind != TASK_NONE)
            command_leave(&b->tasks[i].command);
        free(b->tasks[i].runs);
    }
    for (size_t i = 0; i < b->runs_n; i++) {
        slurm_run_wipe(b->runs[i]);
        free(b->runs[i]);
    }
    free(b->runs);
    slurm_allocations_close(b);
    if (b->notes >= 0)
        close(b->notes);
    if (b->wake >= 0)
        close(b->wake);
    free(b);
}

/* ---- checking ---- */

struct user_check {
    struct backend *b;
    struct remarks *f;
    int users, faults;
};

/* A warning: other users' jobs may run already, and want their agent. */
static void
user_fault(struct user_check *c, const char *user, const char *what, const char *remedy)
{
    remarks_add(c->f, "users", VERDICT_WARNING, remedy, "%s: %s", user, what);
    c->faults++;
}

static void
check_user(void *with, const struct slurm_user *u)
{
    struct user_check *c = with;
    char folder[PATH_MAX];
    struct passwd *who = getpwnam(u->user);
    struct stat st;

    c->users++;
    text_format(folder, sizeof folder, "%s/%s", c->b->o.folder, u->user);
    if (!who || who->pw_uid == 0)
        user_fault(c, u->user, "there is no such user, or it is root", "correct the file slurm_users, or make the user");
    else if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        user_fault(c, u->user, "has no folder below slurm_folder", "make it: install -d -o USER -g AGENT'S-GROUP -m 2770 FOLDER/USER");
    else if (access(folder, W_OK) != 0 && errno == EROFS)
        user_fault(c, u->user, "the folder is read-only for the agent", "mount it to be written; for the agent's unit: ReadWritePaths=FOLDER in a drop-in");
    else if (st.st_uid != who->pw_uid || access(folder, R_OK | W_OK | X_OK) != 0)
        user_fault(c, u->user, "the folder is not the user's, or closed to the agent", "chown USER:AGENT'S-GROUP FOLDER/USER; chmod 2770 FOLDER/USER");
    else if ((st.st_mode & (S_ISVTX | S_IWOTH)) != 0) /* who may write there could change what a job is handed */
        user_fault(c, u->user, "others may write to the folder, or it keeps the agent from removing what is in it", "chmod 2770 FOLDER/USER");
    else if (slurm_uses_helper(c->b, u->user) && access(c->b->helper, X_OK) != 0)
        user_fault(c, u->user, "kontor-slurm-submit is not where it should be", "install it, or name it as slurm_submit; and let sudo allow it");
}

static void
check_users(struct backend *b, struct remarks *f)
{
    struct user_check c = { .b = b, .f = f };
    struct err_detail d = { 0 };
    enum err err = slurm_user_each(b->o.users, check_user, &c, &d);

    if (err)
        remarks_add(f, "users", VERDICT_WARNING, "write the file slurm_users: lines ORGANISATION USER ACCOUNT; chmod go-w", "%s", d.internal);
    else if (c.users == 0)
        remarks_add(f, "users", VERDICT_WARNING, "write lines ORGANISATION USER ACCOUNT", "%s names nobody: every ticket is rejected", b->o.users);
    else if (c.faults == 0)
        remarks_add(f, "users", VERDICT_OK, NULL, "%d organisation%s may run jobs here", c.users, c.users == 1 ? "" : "s");
}

/* One question to Slurm. False: it did not answer, which keeps nobody from starting the agent: jobs may run already. */
static bool
answers(struct remarks *f, enum err err, const struct command_result *r, const char *must_have, const struct err_detail *d,
        const char *remedy)
{
    bool has = err == OK && strstr(r->out, must_have);

    if (err)
        remarks_add(f, "slurm", VERDICT_WARNING, "see that slurmctld, slurmdbd and munge run, and that this host may ask them", "%s", d->internal);
    else if (!has)
        remarks_add(f, "slurm", VERDICT_FAULT, remedy, "Slurm does not account what jobs use");
    if (err == OK)
        free(r->out);
    return has;
}

static bool
slurm_is_well(struct backend *b, struct remarks *f)
{
    static const char REMEDY[] = "set AccountingStorageType=accounting_storage/slurmdbd and AccountingStorageTRES=gres/gpu in slurm.conf";
    struct err_detail d = { 0 };
    struct command_result r = { 0 };
    enum err err = slurm_call(b, CHECK_MS, &r, &d, "scontrol", "ping", NULL);

    if (!answers(f, err, &r, "", &d, REMEDY))
        return false;
    err = slurm_call(b, CHECK_MS, &r, &d, "sdiag", NULL);
    if (!answers(f, err, &r, "DBD Agent queue size:", &d, REMEDY))
        return false;
    err = slurm_call(b, CHECK_MS, &r, &d, "scontrol", "show", "config", NULL);
    if (!answers(f, err, &r, "gres/gpu", &d, REMEDY))
        return false;
    err = slurm_call(b, CHECK_MS, &r, &d, "sacct", "--noheader", "--allocations", "--parsable2", "--format=JobIDRaw", NULL);
    return answers(f, err, &r, "", &d, REMEDY);
}

/* What `scontrol show config` has behind NAME; "" if it is not there. */
static void
setting(const char *config, const char *name, char *ret, size_t cap)
{
    size_t len = strlen(name);

    ret[0] = 0;
    for (const char *line = config; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *at = line + len;

        if (strncmp(line, name, len) != 0 || (*at != ' ' && *at != '='))
            continue;
        at += strspn(at, " =");
        text_format(ret, cap, "%.*s", (int)strcspn(at, "\n"), at);
        return;
    }
}

/* Allocations are for whom Slurm itself keeps to a limit: without that it is none, and they are not offered. */
static void
check_allocations(struct backend *b, struct remarks *f)
{
    char enforce[256], priority[256], decay[256];
    struct err_detail d = { 0 };
    struct command_result r = { 0 };

    if (slurm_call(b, CHECK_MS, &r, &d, "scontrol", "show", "config", NULL) != OK)
        return; /* it has been said */
    setting(r.out, "AccountingStorageEnforce", enforce, sizeof enforce);
    setting(r.out, "PriorityType", priority, sizeof priority);
    setting(r.out, "PriorityDecayHalfLife", decay, sizeof decay);
    free(r.out);
    if (!strstr(enforce, "limits") || !strstr(enforce, "safe") || !strstr(priority, "multifactor"))
        remarks_add(f, "allocations", VERDICT_FAULT, "set AccountingStorageEnforce=associations,limits,qos,safe and PriorityType=priority/multifactor, or slurm_allocations = no",
                    "Slurm enforces no limit of GPU-minutes (%s; %s)", enforce, priority);
    else if (strcmp(decay, "00:00:00") != 0)
        remarks_add(f, "allocations", VERDICT_WARNING, "set PriorityDecayHalfLife=0 and PriorityUsageResetPeriod=NONE where your site can",
                    "used GPU-minutes decay (half-life %s): Slurm may let an allocation use more than was bought, which is not paid", decay);
    else
        remarks_add(f, "allocations", VERDICT_OK, NULL, "Slurm enforces the limits of allocations");
}

static void
slurm_check(struct backend *b, struct remarks *f)
{
    check_users(b, f);
    if (access(b->o.conf, R_OK) != 0) /* without it each command takes a minute to say so */
        remarks_add(f, "slurm", VERDICT_FAULT, "name the site's slurm.conf as slurm_conf", "%s: %s", b->o.conf, strerror(errno));
    else if (slurm_is_well(b, f))
        remarks_add(f, "slurm", VERDICT_OK, NULL, "controller and accounting answer; GPUs are accounted");
    if (b->o.allocations && access(b->o.conf, R_OK) == 0)
        check_allocations(b, f);
}

/* ---- opening ---- */

static const struct backend_kind SLURM = {
    .name = "slurm",
    .takes = slurm_takes,
    .against = slurm_against,
    .submit = slurm_submit,
    .look_up = slurm_look_up,
    .cancel = slurm_cancel,
    .output = slurm_output,
    .forget = slurm_forget,
    .inventory = slurm_inventory,
    .inventory_changed = slurm_inventory_changed,
    .wake_fd = slurm_wake_fd,
    .woken = slurm_woken,
    .close = slurm_close,
    .check = slurm_check,
};

static enum err
options_fit(const struct slurm_options *o, struct err_detail *d)
{
    if (o->folder[0] != '/')
        return err_internal(d, ERR_CONFIG, "slurm_folder = %s: must be a folder on storage that the nodes share", o->folder);
    if ((o->partition[0] && !submit_is_word(o->partition)) || (o->gpu_type[0] && !submit_is_word(o->gpu_type)) ||
        (o->cluster[0] && !submit_is_word(o->cluster)))
        return err_internal(d, ERR_CONFIG, "slurm_partition, slurm_gpu_type, slurm_cluster: letters, digits, _ - and . only");
    if (geteuid() == 0) /* all it needs as root is one small program */
        return err_internal(d, ERR_CONFIG, "the backend slurm does not run as root: give the agent a user of its own");
    return OK;
}

static enum err
open_parts(struct backend *b, const struct slurm_options *o, struct err_detail *d)
{
    struct passwd *own = getpwuid(geteuid());

    if (!own || !text_format(b->own_user, sizeof b->own_user, "%s", own->pw_name))
        return err_internal(d, ERR_CONFIG, "the agent's own user has no name");
    text_format(b->bin, sizeof b->bin, "%s", o->bin);
    text_format(b->helper, sizeof b->helper, "%s", o->submit[0] ? o->submit : PKGLIBEXECDIR "/kontor-slurm-submit");
    text_format(b->conf, sizeof b->conf, "SLURM_CONF=%s", o->conf);
    b->env[0] = "PATH=/usr/local/bin:/usr/bin:/bin";
    b->env[1] = b->conf;
    b->env[2] = "SLURM_TIME_FORMAT=%s";
    b->env[3] = "TZ=UTC";
    b->env[4] = "LC_ALL=C";
    if (o->only_look)
        return OK;
    if (mkdir(o->notes, 0700) != 0 && errno != EEXIST)
        return err_internal(d, ERR_IO, "%s: %s", o->notes, strerror(errno));
    b->notes = open(o->notes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->wake = epoll_create1(EPOLL_CLOEXEC);
    if (b->notes < 0 || b->wake < 0)
        return err_internal(d, ERR_IO, "%s: %s", o->notes, strerror(errno));
    return OK;
}

enum err
backend_slurm_open(const struct slurm_options *o, struct backend **ret, const struct backend_kind **ret_kind,
                   struct err_detail *d)
{
    struct backend *b = xcalloc(1, sizeof *b);
    enum err err = options_fit(o, d);

    b->notes = b->wake = -1;
    b->o = *o;
    b->o.notes = NULL; /* open from now on */
    if (err == OK)
        err = open_parts(b, o, d);
    if (err) {
        slurm_close(b);
        return err;
    }
    *ret = b;
    *ret_kind = &SLURM;
    return OK;
}
