/* market/janitor.c */
#include "market/janitor.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "crypto/random.h"
#include "market/own_policy.h"
#include "market/sweep.h"
#include "store/server_clock.h"

/* Real time, all of them. */
enum {
    TICK_MS = 100,          /* between looks at what is due */
    SCAN_EVERY_MS = 1000,   /* for tickets at sites that drain */
    CLOCK_EVERY_MS = 2000,  /* PostgreSQL's clock; also whether it answers at all */
    PAUSE_MS = 1000,        /* after a command that could not be taken */
    SHUN_MS = 60000,        /* one that was refused is not tried again before */
    STATEMENT_EVERY_MS = 3600000,
    ROUND_MAX = 500, /* commands at a time: less than the 1,000 lapses and expiries that a batch may have */
    SHUNNED_MAX = 256,
    STATEMENT_ENTRIES = 10000,
};

struct shunned {
    struct due_item item;
    int64_t until_ms;
};

struct janitor {
    struct janitor_config config;
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock; /* guard, stopping, out */
    pthread_cond_t wake;
    bool stopping;
    size_t out; /* commands not completed yet */
    struct clock_guard guard;
    int64_t answered_ms; /* monotonic: when the database last did */
    bool asked_known; /* what its clock said, not judged yet */
    int64_t asked_ahead_ms;
    struct site_clocks *sites;
    /* the thread's own */
    struct command *commands; /* ROUND_MAX; each is made when it is sent */
    struct due_item items[ROUND_MAX];
    struct shunned shunned[SHUNNED_MAX];
    size_t shunned_next;
    int64_t scanned_ms, clock_ms, stated_ms, policy_ms;
    uint64_t stated_size;
};

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void
completed(struct command *c)
{
    struct janitor *j = c->context;

    pthread_mutex_lock(&j->lock);
    if (--j->out == 0)
        pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

static struct uuid
fresh_id(int64_t now_ms)
{
    uint8_t random[10];

    random_bytes(random, sizeof random);
    return uuid_v7(now_ms, random);
}

static void
prepare(struct janitor *j, struct command *c, enum command_kind kind, int64_t now_ms)
{
    *c = (struct command){ .kind = kind, .actor.kind = ACTOR_JANITOR, .complete = completed, .context = j };
    for (size_t i = 0; i < sizeof c->new_id / sizeof c->new_id[0]; i++)
        c->new_id[i] = fresh_id(now_ms);
}

/* Send the first n commands and wait until each is completed. */
static void
send_all(struct janitor *j, size_t n)
{
    pthread_mutex_lock(&j->lock);
    j->out = n;
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < n; i++)
        market_send(j->config.market, &j->commands[i]);
    pthread_mutex_lock(&j->lock);
    while (j->out > 0)
        pthread_cond_wait(&j->wake, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

/* ---- what was refused -------------------------------------------------------------------------------------------- */

static bool
same_thing(const struct due_item *a, const struct due_item *b)
{
    return a->what == b->what && a->index == b->index && uuid_equal(a->id, b->id);
}

static bool
is_shunned(const struct janitor *j, const struct due_item *item, int64_t real_ms)
{
    for (size_t i = 0; i < SHUNNED_MAX; i++)
        if (j->shunned[i].until_ms > real_ms && same_thing(&j->shunned[i].item, item))
            return true;
    return false;
}

static void
shun(struct janitor *j, const struct due_item *item, const struct command *c)
{
    j->shunned[j->shunned_next++ % SHUNNED_MAX] = (struct shunned){ *item, monotonic_ms() + SHUN_MS };
    log_error(j->config.log, "timer-refused", LOG_I64("what", item->what), LOG_UUID("id", item->id),
              LOG_I64("index", (int64_t)item->index), LOG_TEXT("error", err_wire(c->err)),
              LOG_TEXT("text", c->detail.text), LOG_TEXT("why", c->detail.internal));
}

/* Trouble of the server's own passes: the thing stays due. */
static bool
will_pass(enum err err)
{
    return err_status(err) == 503 || err_status(err) == 429 || err_status(err) == 507;
}

/* ---- one round --------------------------------------------------------------------------------------------------- */

/* What is to be done now; *ret_now is the market's time. Nothing while there is no state. */
static size_t
look(struct janitor *j, int64_t *ret_now, bool *ret_state_wanted)
{
    struct market *m = j->config.market;
    const struct state *s = market_read_lock(m);
    int64_t real_ms = monotonic_ms();
    uint64_t size;
    size_t n;

    if (s == NULL)
        return 0;
    *ret_now = market_now(m);
    n = sweep_due(s, *ret_now, j->items, ROUND_MAX);
    if (n < ROUND_MAX && real_ms - j->scanned_ms >= SCAN_EVERY_MS && sweep_wanted(s, *ret_now)) {
        n += sweep_sites(s, *ret_now, j->items + n, ROUND_MAX - n);
        j->scanned_ms = real_ms;
    }
    size = ledger_size(s->ledger);
    market_read_unlock(m);
    if (j->stated_size == 0) { /* just begun: the next statement is due after as much as if there had been one now */
        j->stated_size = size;
        j->stated_ms = real_ms;
    }
    *ret_state_wanted = size >= j->stated_size + STATEMENT_ENTRIES ||
                        (size > j->stated_size && real_ms - j->stated_ms >= j->config.statement_ms);
    return n;
}

/* True if all went well, or as well as it will. */
static bool
settle(struct janitor *j, size_t n)
{
    bool well = true;

    for (size_t i = 0; i < n; i++) {
        struct command *c = &j->commands[i];

        if (c->err == OK)
            continue;
        if (will_pass(c->err))
            well = false;
        else if (c->kind == COMMAND_TIMER)
            shun(j, &j->items[i], c);
    }
    return well;
}

static bool
do_due(struct janitor *j, size_t n, int64_t now_ms)
{
    int64_t real_ms = monotonic_ms();
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_shunned(j, &j->items[i], real_ms))
            continue;
        j->items[kept] = j->items[i];
        prepare(j, &j->commands[kept], COMMAND_TIMER, now_ms);
        j->commands[kept].in.timer.id = j->items[kept].id;
        j->commands[kept].in.timer.index = j->items[kept].index;
        j->commands[kept].in.timer.what = j->items[kept].what;
        kept++;
    }
    if (kept > 0)
        send_all(j, kept);
    return settle(j, kept);
}

static bool
do_statement(struct janitor *j, int64_t now_ms)
{
    prepare(j, &j->commands[0], COMMAND_STATEMENT, now_ms);
    send_all(j, 1);
    if (j->commands[0].err == OK) {
        j->stated_size = j->commands[0].answer.index + 1;
        j->stated_ms = monotonic_ms();
    }
    return j->commands[0].err == OK;
}

/* What the journal is to say of the policy of witnesses: nothing that waits for clocks to agree. */
static bool
do_policy(struct janitor *j)
{
    struct command *c = &j->commands[0];
    struct entry e;

    if (monotonic_ms() < j->policy_ms || !own_policy_order(j->config.market, &e))
        return true;
    prepare(j, c, COMMAND_ORDER, market_now(j->config.market));
    c->actor.kind = ACTOR_LOCAL;
    c->in.order.entry = e;
    send_all(j, 1);
    if (c->err == OK) {
        log_info(j->config.log, "policy-noticed", LOG_I64("entry", (int64_t)c->answer.index));
    } else if (!will_pass(c->err)) { /* said by nobody else, it is asked again, but not ten times a second */
        j->policy_ms = monotonic_ms() + SHUN_MS;
        log_error(j->config.log, "policy-not-noticed", LOG_TEXT("error", err_wire(c->err)), LOG_TEXT("text", c->detail.text),
                  LOG_TEXT("why", c->detail.internal));
    }
    return c->err == OK;
}

/* Ask PostgreSQL what time it is, now and then, whatever the market does: that it answers is itself worth knowing. */
static void
ask_database(struct janitor *j)
{
    int64_t asked_ms = monotonic_ms(), database_ms, now_ms;

    if (j->db == NULL || asked_ms - j->clock_ms < CLOCK_EVERY_MS)
        return;
    j->asked_known = server_clock(j->db, &database_ms) == OK;
    j->clock_ms = now_ms = monotonic_ms();
    if (!j->asked_known)
        return;
    /* it looked at its clock at some time while we waited */
    j->asked_ahead_ms = database_ms - real_now_ms() + (now_ms - asked_ms) / 2;
    pthread_mutex_lock(&j->lock);
    j->answered_ms = now_ms;
    pthread_mutex_unlock(&j->lock);
}

/* May timed commands go on? If the database does not answer, that is for others to mend. The sites are not asked: what
 * their agents said is at hand. */
static bool
clocks_agree(struct janitor *j)
{
    struct clock_reading now = { 0 };
    bool was_stopped, agree;
    char why[sizeof j->guard.why];

    now.other[CLOCK_DATABASE].known = j->asked_known;
    now.other[CLOCK_DATABASE].ahead_ms = j->asked_ahead_ms;
    j->asked_known = false; /* judged once */
    now.other[CLOCK_SITES].known = site_clocks_most(j->sites, monotonic_ms(), &now.other[CLOCK_SITES].ahead_ms);
    now.real_ms = real_now_ms();
    now.boot_ms = boottime_ms();
    pthread_mutex_lock(&j->lock);
    was_stopped = j->guard.stopped;
    agree = clock_guard_check(&j->guard, &now);
    text_format(why, sizeof why, "%s", j->guard.why);
    pthread_mutex_unlock(&j->lock);
    if (!agree && !was_stopped)
        log_error(j->config.log, "clock", LOG_TEXT("why", why));
    return agree;
}

/* The real ms until the next round. */
static int64_t
one_round(struct janitor *j)
{
    bool statement = false, well, agree;
    int64_t now_ms = 0;
    size_t n;

    ask_database(j);
    if (market_phase(j->config.market) != MARKET_LEADING)
        return PAUSE_MS;
    if (!do_policy(j))
        return PAUSE_MS;
    agree = clocks_agree(j);
    market_clock_sure(j->config.market, agree);
    if (!agree)
        return PAUSE_MS;
    n = look(j, &now_ms, &statement);
    if (now_ms == 0)
        return PAUSE_MS;
    well = do_due(j, n, now_ms);
    if (well && statement)
        well = do_statement(j, now_ms);
    if (!well)
        return PAUSE_MS;
    return n == ROUND_MAX ? 0 : TICK_MS;
}

static bool
stopping_after(struct janitor *j, int64_t wait_ms)
{
    struct timespec until;
    bool stopping;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&j->lock);
    while (!j->stopping && wait_ms > 0)
        if (pthread_cond_timedwait(&j->wake, &j->lock, &until) != 0)
            break;
    stopping = j->stopping;
    pthread_mutex_unlock(&j->lock);
    return stopping;
}

static void *
run(void *arg)
{
    struct janitor *j = arg;

    while (!stopping_after(j, one_round(j)))
        continue;
    return NULL;
}

/* ---- start and stop ---------------------------------------------------------------------------------------------- */

void
janitor_delete(struct janitor *j)
{
    if (j == NULL)
        return;
    site_clocks_delete(j->sites);
    db_delete(j->db);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    free(j->commands);
    free(j);
}

enum err
janitor_start(const struct janitor_config *config, struct janitor **ret, struct err_detail *d)
{
    struct janitor *j = xcalloc(1, sizeof *j);
    pthread_condattr_t attr;

    j->config = *config;
    if (j->config.statement_ms == 0)
        j->config.statement_ms = STATEMENT_EVERY_MS;
    j->commands = xmalloc(ROUND_MAX * sizeof *j->commands);
    j->sites = site_clocks_new();
    if (config->db_worker != NULL)
        j->db =
            db_new(&(struct db_config){ .conninfo = config->db_worker, .name = "kontord janitor", .timeout_ms = 2000 });
    j->clock_ms = monotonic_ms() - CLOCK_EVERY_MS;
    j->answered_ms = monotonic_ms();
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&j->thread, NULL, run, j) != 0) {
        janitor_delete(j);
        return err_internal(d, ERR_INTERNAL, "cannot start the janitor's thread");
    }
    *ret = j;
    return OK;
}

void
janitor_stop(struct janitor *j)
{
    if (j == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_broadcast(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
}

bool
janitor_trouble(struct janitor *j, char ret[160])
{
    bool stopped;

    pthread_mutex_lock(&j->lock);
    stopped = j->guard.stopped;
    text_format(ret, 160, "%s", stopped ? j->guard.why : "");
    pthread_mutex_unlock(&j->lock);
    return !stopped;
}

int64_t
janitor_database_silence(struct janitor *j)
{
    int64_t answered_ms;

    if (j->db == NULL)
        return 0;
    pthread_mutex_lock(&j->lock);
    answered_ms = j->answered_ms;
    pthread_mutex_unlock(&j->lock);
    return monotonic_ms() - answered_ms;
}

struct clock_reading
janitor_clocks(struct janitor *j)
{
    struct clock_reading newest;

    pthread_mutex_lock(&j->lock);
    newest = j->guard.newest;
    pthread_mutex_unlock(&j->lock);
    return newest;
}

struct site_clocks *
janitor_site_clocks(struct janitor *j)
{
    return j->sites;
}

void
janitor_confirm(struct janitor *j)
{
    pthread_mutex_lock(&j->lock);
    clock_guard_confirm(&j->guard);
    pthread_mutex_unlock(&j->lock);
}
