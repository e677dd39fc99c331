/* agent/slurm_tasks.c: Slurm's commands as children of the agent: which is due, and what follows from what it said. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/slurm.h"
#include "agent/slurm_secrets.h"
#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"

#define SUBMITS_AT_ONCE  4
#define CANCELS_AT_ONCE  2
#define QUEUE_EVERY_MS   250  /* at most */
#define ACCOUNT_EVERY_MS 1000 /* at most */
#define FRESH_MS         1000 /* an answer so old is an answer */
#define STOCK_EVERY_MS   60000
#define DAY_S            86400

/* ---- runs ---- */

struct slurm_run *
slurm_run_new(struct backend *b, struct uuid jti)
{
    struct slurm_run *run = xcalloc(1, sizeof *run);

    run->jti = jti;
    run->user_uid = -1;
    slurm_name(jti, run->name);
    if (b->runs_n == b->runs_cap) {
        b->runs_cap = b->runs_cap ? b->runs_cap * 2 : 64;
        b->runs = xrealloc(b->runs, b->runs_cap * sizeof(struct slurm_run *));
    }
    b->runs[b->runs_n++] = run;
    return run;
}

struct slurm_run *
slurm_run_find(struct backend *b, struct uuid jti)
{
    for (size_t i = b->runs_n; i > 0; i--) /* newest first: they are asked for most */
        if (uuid_equal(b->runs[i - 1]->jti, jti) && !b->runs[i - 1]->forgotten)
            return b->runs[i - 1];
    return NULL;
}

void
slurm_run_wipe(struct slurm_run *run)
{
    free(run->script);
    run->script = NULL;
    slurm_secrets_wipe(&run->secrets, run->secrets_len);
}

static void
drop_forgotten(struct backend *b)
{
    size_t kept = 0;

    for (size_t i = 0; i < b->runs_n; i++) {
        struct slurm_run *run = b->runs[i];

        if (!run->forgotten || run->tasks > 0) {
            b->runs[kept++] = run;
            continue;
        }
        slurm_run_wipe(run);
        free(run);
    }
    b->runs_n = kept;
}

/* ---- starting ---- */

static struct slurm_task *
free_task(struct backend *b)
{
    for (size_t i = 0; i < SLURM_TASKS; i++)
        if (b->tasks[i].kind == TASK_NONE)
            return &b->tasks[i];
    return NULL;
}

static size_t
tasks_of(const struct backend *b, enum slurm_task_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < SLURM_TASKS; i++)
        n += b->tasks[i].kind == kind;
    return n;
}

static void
trouble(struct backend *b, const char *what, const char *why)
{
    text_format(b->trouble, sizeof b->trouble, "%s: %s", what, why);
}

static const char *
path_of(const struct backend *b, const char *command, char ret[PATH_MAX])
{
    text_format(ret, PATH_MAX, "%s/%s", b->bin, command);
    return ret;
}

/* False: it could not be started. */
static bool
start(struct backend *b, struct slurm_task *t, enum slurm_task_kind kind, const char *const *argv, struct bytes input)
{
    struct err_detail d = { 0 };
    struct epoll_event event = { .events = EPOLLIN };

    if (command_start(&t->command, argv, b->env, input, SLURM_CALL_MS, &d) != OK) {
        trouble(b, argv[0], d.internal);
        return false;
    }
    if (t->command.ended >= 0)
        epoll_ctl(b->wake, EPOLL_CTL_ADD, t->command.ended, &event);
    t->kind = kind;
    t->began_mono_ms = monotonic_ms();
    return true;
}

static void
about(struct slurm_task *t, struct slurm_run *run)
{
    t->runs = xrealloc(t->runs, (t->runs_n + 1) * sizeof(struct slurm_run *));
    t->runs[t->runs_n++] = run;
    run->tasks++;
}

bool
slurm_uses_helper(const struct backend *b, const char *user)
{
    return strcmp(user, b->own_user) != 0;
}

static void
refused(struct slurm_run *run, enum report_reason reason, const char *why)
{
    run->submission = SLURM_REFUSED;
    run->reason = (uint16_t)reason;
    text_format(run->why, sizeof run->why, "%s", why);
}

/* To the helper what is secret goes before the script; of our own jobs we write it ourselves. False: it did not begin. */
static bool
start_sbatch(struct backend *b, struct slurm_task *t, struct slurm_run *run, const struct submit_argv *direct)
{
    const char *argv[SUBMIT_WORDS + 5] = { "/usr/bin/sudo", "-n", b->helper };
    char count[24], *input;
    struct err_detail d = { 0 };
    bool started;

    if (!slurm_uses_helper(b, run->note.user)) {
        if (run->secrets && slurm_secrets_put(b->o.folder, run->note.user, run->name, BYTES(run->secrets, run->secrets_len), &d) != OK) {
            refused(run, REASON_SITE, d.internal);
            return false;
        }
        return start(b, t, TASK_SUBMIT, direct->argv, BYTES(run->script, run->script_len));
    }
    for (size_t i = 0; i < SUBMIT_WORDS; i++)
        argv[3 + i] = run->words[i];
    if (!run->secrets)
        return start(b, t, TASK_SUBMIT, argv, BYTES(run->script, run->script_len));
    text_i64((int64_t)run->secrets_len, count);
    argv[3 + SUBMIT_WORDS] = count;
    input = xmalloc(run->secrets_len + run->script_len);
    memcpy(input, run->secrets, run->secrets_len);
    memcpy(input + run->secrets_len, run->script, run->script_len);
    started = start(b, t, TASK_SUBMIT, argv, BYTES(input, run->secrets_len + run->script_len));
    slurm_secrets_wipe(&input, run->secrets_len);
    return started;
}

/* Not later than the permit allows: sbatch itself tries for some seconds to reach a controller that is away. */
static void
start_submit(struct backend *b, struct slurm_run *run)
{
    struct slurm_task *t = free_task(b);
    struct submit_argv direct;
    char sbatch[PATH_MAX];
    const char *words[SUBMIT_WORDS];
    struct err_detail d = { 0 };
    struct slurm_note note;

    for (size_t i = 0; i < SUBMIT_WORDS; i++)
        words[i] = run->words[i];
    run->submission = SLURM_NOT_GIVEN;
    if (monotonic_ms() >= run->permit_until_mono_ms)
        return; /* a look-up says what is there, which is nothing of this permit's */
    if (submit_argv(path_of(b, "sbatch", sbatch), words, &direct, &d) != OK) {
        refused(run, REASON_RESOURCE, d.internal);
        return;
    }
    note = run->note;
    note.submitted_ms = real_now_ms();
    note.first_ms = note.first_ms ? note.first_ms : note.submitted_ms;
    note.answered_ms = 0;
    if (slurm_note_write(b->notes, run->name, &note) != OK) { /* what is not noted is not given */
        trouble(b, "note", strerror(errno));
        return;
    }
    run->note = note;
    if (!start_sbatch(b, t, run, &direct))
        return;
    about(t, run);
    run->submission = SLURM_IS_GIVEN;
    run->idle_since_mono_ms = run->queue_mono_ms = run->account_mono_ms = 0;
    if (run->permit_until_mono_ms < t->command.deadline_mono_ms)
        t->command.deadline_mono_ms = run->permit_until_mono_ms;
}

static void
start_cancel(struct backend *b, struct slurm_run *run, enum slurm_task_kind kind)
{
    struct slurm_task *t = free_task(b);
    char path[PATH_MAX], user[SUBMIT_WORD + 8], name[SLURM_NAME + 16];
    const char *hold[] = { path_of(b, "scontrol", path), "hold", name, NULL };
    const char *cancel[] = { path, user, name, NULL };

    if (!t)
        return;
    run->wants_cancel = false;
    text_format(user, sizeof user, "--user=%s", run->note.user);
    if (kind == TASK_HOLD) {
        text_format(name, sizeof name, "jobname=%s", run->name);
    } else {
        text_format(name, sizeof name, "--name=%s", run->name);
        path_of(b, "scancel", path);
    }
    run->cancels = start(b, t, kind, kind == TASK_HOLD ? hold : cancel, BYTES("", 0));
    if (run->cancels)
        about(t, run);
}

/* A list of names, or of users, each once. */
static void
add_word(char *list, size_t cap, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += len)
        if ((at == list || at[-1] == ',' || at[-1] == '=') && (at[len] == ',' || at[len] == 0))
            return;
    text_format(list + strlen(list), cap - strlen(list), "%s%s", list[strlen(list) - 1] == '=' ? "" : ",", word);
}

struct lists {
    char names[32 + SLURM_NAMES_MAX * SLURM_NAME], users[8192], since[48];
};

static bool
is_due_in_queue(const struct slurm_run *run)
{
    return run->asked && !run->forgotten && run->queue_mono_ms < run->asked_mono_ms - FRESH_MS && run->note.submitted_ms;
}

static bool
is_due_in_account(const struct slurm_run *run)
{
    return run->wants_account && !run->forgotten;
}

/* Make a task about all runs that are due; NULL if none is. */
static struct slurm_task *
gather(struct backend *b, bool (*is_due)(const struct slurm_run *run), struct lists *ret)
{
    struct slurm_task *t = free_task(b);
    int64_t since_s = INT64_MAX;

    text_format(ret->names, sizeof ret->names, "--name=");
    text_format(ret->users, sizeof ret->users, "--user=");
    for (size_t i = 0; t && i < b->runs_n && t->runs_n < SLURM_NAMES_MAX; i++) {
        struct slurm_run *run = b->runs[i];

        if (!is_due(run))
            continue;
        about(t, run);
        text_format(ret->names + strlen(ret->names), SLURM_NAME + 1, "%s%s", t->runs_n > 1 ? "," : "", run->name);
        add_word(ret->users, sizeof ret->users, run->note.user);
        since_s = min_i64(since_s, run->note.first_ms / 1000);
    }
    if (!t || t->runs_n == 0)
        return NULL;
    text_format(ret->since, sizeof ret->since, "--starttime=uts%lld", (long long)(since_s - DAY_S));
    return t;
}

static void
release(struct slurm_task *t)
{
    for (size_t i = 0; i < t->runs_n; i++)
        t->runs[i]->tasks--;
    free(t->runs);
    *t = (struct slurm_task){ .kind = TASK_NONE };
}

static void
start_queue(struct backend *b)
{
    struct lists *l = xmalloc(sizeof *l);
    struct slurm_task *t = gather(b, is_due_in_queue, l);
    char path[PATH_MAX];
    const char *argv[] = { path_of(b, "squeue", path), "--noheader", "--states=all", l->users, l->names,
                           "--Format=" SLURM_QUEUE_FORMAT, NULL };

    if (t && !start(b, t, TASK_QUEUE, argv, BYTES("", 0)))
        release(t);
    if (t)
        b->queue_mono_ms = monotonic_ms();
    free(l);
}

/* First whether anything waits to be accounted: only then is what accounting says the whole. */
static void
start_behind(struct backend *b)
{
    struct lists *l = xmalloc(sizeof *l);
    struct slurm_task *t = gather(b, is_due_in_account, l);
    char path[PATH_MAX];
    const char *argv[] = { path_of(b, "sdiag", path), NULL };

    for (size_t i = 0; t && i < t->runs_n; i++)
        t->runs[i]->wants_account = false;
    if (t && !start(b, t, TASK_BEHIND, argv, BYTES("", 0)))
        release(t);
    if (t)
        b->account_mono_ms = monotonic_ms();
    free(l);
}

/* Of the same runs, in the same task: by name; then, of those in state CANCELLED: a job that was held, even while it ran,
 * has lost the time by which sacct otherwise tells whether it belongs to what was asked for (measured, 22.05). */
static bool
start_account(struct backend *b, struct slurm_task *t, enum slurm_task_kind kind)
{
    struct lists *l = xmalloc(sizeof *l);
    char path[PATH_MAX];
    const char *argv[] = { path_of(b, "sacct", path), "--noheader", "--parsable2", "--allocations", "--duplicates", l->users, l->names,
                           l->since, "--endtime=2100-01-01", "--format=" SLURM_ACCOUNT_FORMAT,
                           kind == TASK_CANCELLED ? "--state=CANCELLED" : NULL, NULL };
    int64_t since_s = INT64_MAX, began_mono_ms = t->began_mono_ms;
    bool started;

    text_format(l->names, sizeof l->names, "--name=");
    text_format(l->users, sizeof l->users, "--user=");
    for (size_t i = 0; i < t->runs_n; i++) {
        text_format(l->names + strlen(l->names), SLURM_NAME + 1, "%s%s", i > 0 ? "," : "", t->runs[i]->name);
        add_word(l->users, sizeof l->users, t->runs[i]->note.user);
        since_s = min_i64(since_s, t->runs[i]->note.first_ms / 1000);
    }
    text_format(l->since, sizeof l->since, "--starttime=uts%lld", (long long)(since_s - DAY_S));
    started = start(b, t, kind, argv, BYTES("", 0));
    t->began_mono_ms = began_mono_ms;
    free(l);
    return started;
}

static void
start_stock(struct backend *b, enum slurm_task_kind kind)
{
    struct slurm_task *t = free_task(b);
    char path[PATH_MAX], partition[SUBMIT_WORD + 16];
    const char *nodes[] = { path, "--noheader", "--Node", "--Format=" SLURM_NODE_FORMAT, partition, NULL };
    const char *windows[] = { path, "--oneliner", "show", "reservation", NULL };

    text_format(partition, sizeof partition, "--partition=%s", b->o.partition);
    if (!b->o.partition[0])
        nodes[4] = NULL;
    path_of(b, kind == TASK_NODES ? "sinfo" : "scontrol", path);
    b->stock_mono_ms = monotonic_ms();
    if (t)
        start(b, t, kind, kind == TASK_NODES ? nodes : windows, BYTES("", 0));
}

/* ---- ending ---- */

/* What sbatch says only if nothing was submitted, and never will be of this call. */
static uint16_t
refusal(const struct command_result *r)
{
    static const struct {
        const char *says;
        uint16_t reason;
    } FINAL[] = {
        { "Requested node configuration is not available", REASON_RESOURCE },
        { "Node count specification invalid", REASON_RESOURCE },
        { "Requested time limit is invalid", REASON_RESOURCE },
        { "Job violates accounting/QOS policy", REASON_RESOURCE },
        { "AssocGrpSubmitJobsLimit", REASON_RESOURCE },
        { "AssocMaxSubmitJobLimit", REASON_RESOURCE },
        { "QOSMaxSubmitJob", REASON_RESOURCE },
        { "Invalid account", REASON_NO_USER },
        { "Invalid qos", REASON_NO_USER },
        { "Invalid user id", REASON_NO_USER },
        { "invalid partition specified", REASON_SITE },
        { "Invalid partition name specified", REASON_SITE },
        { "sudo: ", REASON_NO_USER },
    };

    if (r->status == SUBMIT_REFUSES && text_starts(r->err, "kontor-slurm-submit: "))
        return REASON_NO_USER;
    if (r->status == SUBMIT_FAILS && text_starts(r->err, "kontor-slurm-submit: "))
        return REASON_SITE;
    if (r->status != 1 || r->late)
        return REASON_NONE;
    for (size_t i = 0; i < sizeof FINAL / sizeof FINAL[0]; i++)
        if (strstr(r->err, FINAL[i].says))
            return FINAL[i].reason;
    return REASON_NONE;
}

static void
submit_ended(struct backend *b, struct slurm_run *run, const struct command_result *r)
{
    uint64_t number;

    run->reason = refusal(r);
    run->submission = run->reason ? SLURM_REFUSED : SLURM_GIVEN;
    run->answered_mono_ms = monotonic_ms();
    run->note.answered_ms = real_now_ms();
    run->woken = run->asked = true; /* whoever gave it wants to know */
    run->asked_mono_ms = run->answered_mono_ms + FRESH_MS;
    text_format(run->why, sizeof run->why, "%s", r->err);
    if (run->reason == REASON_NONE && (r->status != 0 || !slurm_number(r->out, &number)))
        trouble(b, "sbatch", r->late ? "did not answer in time" : r->err);
    if (run->reason)
        slurm_secrets_remove(b->o.folder, run->note.user, run->name);
    if (slurm_note_write(b->notes, run->name, &run->note) != OK)
        trouble(b, "note", strerror(errno));
}

static void
wake_all(struct slurm_task *t)
{
    for (size_t i = 0; i < t->runs_n; i++)
        t->runs[i]->woken = true;
}

static struct slurm_run *
run_of_row(const struct slurm_task *t, const struct slurm_row *row)
{
    for (size_t i = 0; i < t->runs_n; i++)
        if (strcmp(t->runs[i]->name, row->name) == 0)
            return strcmp(t->runs[i]->note.user, row->user) == 0 ? t->runs[i] : NULL; /* else somebody else's of that name */
    return NULL;
}

static bool
each_row(struct slurm_task *t, const char *said, enum slurm_read (*next)(const char **at, struct slurm_row *ret),
         void (*add)(struct slurm_run *run, const struct slurm_row *row))
{
    struct slurm_row row;
    enum slurm_read read;

    while ((read = next(&said, &row)) == SLURM_ROW) {
        struct slurm_run *run = run_of_row(t, &row);

        if (run && add)
            add(run, &row);
    }
    return read == SLURM_END;
}

static void
add_queued(struct slurm_run *run, const struct slurm_row *row)
{
    slurm_queue_add(&run->queue, row);
}

static void
add_accounted(struct slurm_run *run, const struct slurm_row *row)
{
    slurm_account_add(&run->account, row);
}

/* Nothing is known where the command failed, or said what cannot be read: never "none". */
static void
queue_ended(struct backend *b, struct slurm_task *t, const struct command_result *r)
{
    if (r->status != 0 || !each_row(t, r->out, slurm_queue_row, NULL)) {
        trouble(b, "squeue", r->status ? r->err : "said what cannot be read");
        wake_all(t);
        return;
    }
    b->trouble[0] = 0;
    for (size_t i = 0; i < t->runs_n; i++)
        t->runs[i]->queue = (struct slurm_queue){ 0 };
    each_row(t, r->out, slurm_queue_row, add_queued);
    for (size_t i = 0; i < t->runs_n; i++) {
        struct slurm_run *run = t->runs[i];

        if (run->submission == SLURM_WAITS || run->submission == SLURM_IS_GIVEN)
            continue; /* given since */
        run->queue_mono_ms = t->began_mono_ms;
        if (run->queue.live)
            run->idle_since_mono_ms = 0;
        else if (!run->idle_since_mono_ms && t->began_mono_ms > run->answered_mono_ms)
            run->idle_since_mono_ms = t->began_mono_ms;
    }
    wake_all(t);
}

/* True: the task goes on. */
static bool
account_ended(struct backend *b, struct slurm_task *t, const struct command_result *r)
{
    bool first = t->kind == TASK_ACCOUNT;

    if (r->status != 0 || !each_row(t, r->out, slurm_account_row, NULL)) {
        trouble(b, "sacct", r->status ? r->err : "said what cannot be read");
        return false;
    }
    for (size_t i = 0; first && i < t->runs_n; i++) {
        t->runs[i]->account = (struct slurm_account){ 0 };
        t->runs[i]->account_mono_ms = 0; /* until both have answered */
    }
    each_row(t, r->out, slurm_account_row, add_accounted);
    if (first)
        return start_account(b, t, TASK_CANCELLED);
    for (size_t i = 0; i < t->runs_n; i++)
        t->runs[i]->account_mono_ms = t->began_mono_ms;
    wake_all(t);
    return false;
}

/* True: the task goes on with another command. */
static bool
behind_ended(struct backend *b, struct slurm_task *t, const struct command_result *r)
{
    int64_t waiting;

    if (r->status != 0 || !slurm_behind(r->out, &waiting)) {
        trouble(b, "sdiag", r->status ? r->err : "says nothing of accounting");
        return false;
    }
    if (waiting > 0) {
        trouble(b, "accounting", "is behind");
        return false;
    }
    return start_account(b, t, TASK_ACCOUNT);
}

/* True: the task goes on. */
static bool
task_ended(struct backend *b, struct slurm_task *t, const struct command_result *r)
{
    switch (t->kind) {
    case TASK_SUBMIT:
        submit_ended(b, t->runs[0], r);
        return false;
    case TASK_HOLD: /* its status says nothing */
        t->runs[0]->wants_cancel = true;
        return false;
    case TASK_CANCEL:
        t->runs[0]->cancels = false;
        if (r->status != 0)
            trouble(b, "scancel", r->err);
        return false;
    case TASK_QUEUE:
        queue_ended(b, t, r);
        return false;
    case TASK_BEHIND:
        return behind_ended(b, t, r);
    case TASK_ACCOUNT:
    case TASK_CANCELLED:
        return account_ended(b, t, r);
    case TASK_NODES:
        slurm_stock_nodes(b, r->status == 0 ? r->out : NULL);
        if (r->status == 0)
            start_stock(b, TASK_WINDOWS);
        return false;
    case TASK_WINDOWS:
        slurm_stock_windows(b, r->status == 0 ? r->out : NULL);
        return false;
    case TASK_NONE:
        break;
    }
    return false;
}

static void
take_ended(struct backend *b)
{
    for (size_t i = 0; i < SLURM_TASKS; i++) {
        struct slurm_task *t = &b->tasks[i];
        struct command_result r;
        bool goes_on;

        if (t->kind == TASK_NONE || !command_ended(&t->command, &r))
            continue;
        goes_on = task_ended(b, t, &r);
        free(r.out);
        if (!goes_on)
            release(t);
    }
}

/* A job that is held is cancelled next; one that is to be cancelled is held first: then it does not come back. */
static void
start_for_runs(struct backend *b)
{
    size_t submits = tasks_of(b, TASK_SUBMIT), cancels = tasks_of(b, TASK_HOLD) + tasks_of(b, TASK_CANCEL);

    for (size_t i = 0; i < b->runs_n && free_task(b); i++) {
        struct slurm_run *run = b->runs[i];

        if (run->submission == SLURM_WAITS && submits < SUBMITS_AT_ONCE) {
            start_submit(b, run);
            slurm_run_wipe(run);
            submits++;
        }
        if (run->wants_cancel && run->submission != SLURM_IS_GIVEN && cancels < CANCELS_AT_ONCE && free_task(b)) {
            start_cancel(b, run, run->cancels ? TASK_CANCEL : TASK_HOLD);
            cancels++;
        }
    }
}

void
slurm_pump(struct backend *b)
{
    int64_t now_ms;

    take_ended(b);
    drop_forgotten(b);
    start_for_runs(b);
    slurm_allocations_pump(b);
    now_ms = monotonic_ms();
    if (!tasks_of(b, TASK_QUEUE) && now_ms - b->queue_mono_ms >= QUEUE_EVERY_MS)
        start_queue(b);
    if (!tasks_of(b, TASK_BEHIND) && !tasks_of(b, TASK_ACCOUNT) && !tasks_of(b, TASK_CANCELLED) && now_ms - b->account_mono_ms >= ACCOUNT_EVERY_MS)
        start_behind(b);
    if (!tasks_of(b, TASK_NODES) && !tasks_of(b, TASK_WINDOWS) &&
        (!b->stock_mono_ms || now_ms - b->stock_mono_ms >= STOCK_EVERY_MS))
        start_stock(b, TASK_NODES);
}

enum err
slurm_call(struct backend *b, int64_t timeout_ms, struct command_result *ret, struct err_detail *d, const char *name, ...)
{
    char path[PATH_MAX];
    const char *argv[16] = { path_of(b, name, path) };
    struct command c;
    va_list args;
    enum err err;

    va_start(args, name);
    for (size_t n = 1; n < 15 && (argv[n] = va_arg(args, const char *)) != NULL; n++)
        ;
    va_end(args);
    err = command_start(&c, argv, b->env, BYTES("", 0), timeout_ms, d);
    if (err)
        return err;
    command_wait(&c, ret);
    if (ret->status == 0)
        return OK;
    err = err_internal(d, ERR_IO, "%s: %s", name, ret->late ? "does not answer" : ret->err[0] ? ret->err : "fails");
    free(ret->out);
    ret->out = NULL;
    return err;
}
