/* market/queue.c: the way in: a bounded queue, and a share of it for each organisation. */
#include "market/market_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

struct load {
    struct uuid org;
    size_t n;      /* not completed */
    uint64_t round; /* the take that `taken` is of */
    size_t taken;
};

/* What an organisation may put into one batch while others are about: so many units, and what a command takes of them. */
enum { TURN = 16, QUOTE_UNITS = 4, ABOUT_MS = 1000 };

void
queue_init(struct market *m)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&m->queue_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->queue_more, &attr);
    pthread_condattr_destroy(&attr);
    m->loads = map_new(sizeof(struct uuid));
    m->wanted = 1;
    m->phase = MARKET_WAITING_LEASE;
    m->refusal = ERR_NOT_LEADER;
}

void
queue_free(struct market *m)
{
    assert(m->first == NULL && map_count(m->loads) == 0);
    map_delete(m->loads);
    pthread_cond_destroy(&m->queue_more);
    pthread_mutex_destroy(&m->queue_lock);
}

static void
refuse_at_the_door(struct market *m, struct command *c, enum err err)
{
    c->err = err;
    c->stage = COMMAND_FRESH;
    figures_decided(&m->figures, c, true);
    c->detail = (struct err_detail){ .retry_after_s = err_status(err) == 503 || err_status(err) == 429 ? 1 : 0 };
    c->complete(c);
}

static enum err
admit(struct market *m, const struct command *c)
{
    struct load *load = map_get(m->loads, c->org.b);

    if (m->stopping)
        return ERR_SHUTDOWN;
    switch (m->phase) {
    case MARKET_WAITING_LEASE:
    case MARKET_TROUBLED:
        return m->refusal;
    case MARKET_STOPPING:
        return ERR_SHUTDOWN;
    case MARKET_GUARDED:
        if (!command_admits_rollback(c))
            return ERR_GUARDED;
        break;
    case MARKET_REBUILDING: /* it takes a moment: wait in the queue */
    case MARKET_LEADING:
        break;
    }
    if (m->queued >= m->config.queue_max)
        return ERR_BUSY;
    if (load != NULL && load->n >= m->config.queue_per_organisation)
        return ERR_RATE_LIMITED;
    return OK;
}

static void
load_add(struct market *m, struct command *c)
{
    struct load *load;

    c->load = NULL;
    if (uuid_is_zero(c->org))
        return;
    load = map_get(m->loads, c->org.b);
    if (load == NULL) {
        load = xcalloc(1, sizeof *load);
        load->org = c->org;
        map_put(m->loads, load->org.b, load, NULL);
        if (map_count(m->loads) > 1)
            m->about_ms = monotonic_ms();
    }
    load->n++;
    c->load = load;
}

static void
load_remove(struct market *m, const struct command *c)
{
    struct load *load = uuid_is_zero(c->org) ? NULL : map_get(m->loads, c->org.b);

    if (load == NULL || --load->n > 0)
        return;
    map_remove(m->loads, c->org.b, NULL);
    free(load);
}

void
market_send(struct market *m, struct command *c)
{
    enum err err;

    assert(c->complete != NULL && c->kind < COMMAND_KINDS);
    c->next = NULL;
    c->batch = 0;
    c->queued_us = monotonic_us();
    pthread_mutex_lock(&m->queue_lock);
    err = admit(m, c);
    if (!err) {
        load_add(m, c);
        if (m->last != NULL)
            m->last->next = c;
        else
            m->first = c;
        m->last = c;
        if (++m->queued == m->wanted)
            pthread_cond_signal(&m->queue_more);
    }
    pthread_mutex_unlock(&m->queue_lock);
    if (err)
        refuse_at_the_door(m, c, err);
}

static struct timespec
after_us(int64_t us)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += us / 1000000;
    t.tv_nsec += us % 1000000 * 1000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Wait until there are so many commands, it is stopping, or the time is over. */
static void
wait_for(struct market *m, size_t wanted, int64_t us)
{
    struct timespec until = after_us(us);

    m->wanted = wanted;
    while (m->queued < wanted && !m->stopping)
        if (pthread_cond_timedwait(&m->queue_more, &m->queue_lock, &until) == ETIMEDOUT)
            break;
    m->wanted = 1;
}

static void
count_waits(struct market *m, struct command **commands, size_t n)
{
    int64_t now_us = n > 0 ? monotonic_us() : 0;

    for (size_t i = 0; i < n; i++)
        histogram_add(&m->figures.waited, &HISTOGRAM_TIME, now_us - commands[i]->queued_us);
}

/* Has somebody a crowd here while others are about? Under the lock. */
static bool
is_fair(struct market *m)
{
    return m->queued > TURN && (map_count(m->loads) > 1 || monotonic_ms() - m->about_ms < ABOUT_MS);
}

/* In order of arrival, but of each organisation no more than its turn: the others' do not wait for a batch that is long
 * because of it. Alone, it may fill a batch. */
static bool
has_turn(struct market *m, struct command *c)
{
    struct load *load = c->load;

    if (load == NULL)
        return true;
    if (load->round != m->round) {
        load->round = m->round;
        load->taken = 0;
    }
    if (load->taken >= TURN)
        return false;
    load->taken += c->kind == COMMAND_QUOTE ? QUOTE_UNITS : 1;
    return true;
}

size_t
queue_next(struct market *m)
{
    size_t n, turns;

    pthread_mutex_lock(&m->queue_lock);
    turns = map_count(m->loads) * TURN;
    n = is_fair(m) && turns < m->queued ? turns : m->queued;
    pthread_mutex_unlock(&m->queue_lock);
    return n;
}

size_t
queue_take(struct market *m, struct command **ret, size_t max, int64_t wait_ms, bool more)
{
    struct command *left = NULL, **at = &m->first;
    size_t n = 0;
    bool fair;

    pthread_mutex_lock(&m->queue_lock);
    if (m->first == NULL && wait_ms > 0)
        wait_for(m, 1, wait_ms * 1000);
    m->round += more ? 0 : 1;
    fair = is_fair(m);
    while (n < max && *at != NULL) {
        struct command *c = *at;

        if (fair && !has_turn(m, c)) {
            left = c;
            at = &c->next;
        } else {
            *at = c->next;
            c->next = NULL;
            ret[n++] = c;
        }
    }
    if (*at == NULL)
        m->last = left;
    m->queued -= n;
    pthread_mutex_unlock(&m->queue_lock);
    count_waits(m, ret, n);
    return n;
}

bool
queue_gather(struct market *m, size_t answered, int64_t us)
{
    size_t before, came;

    pthread_mutex_lock(&m->queue_lock);
    before = m->queued;
    if (before < m->config.batch_max)
        wait_for(m, before + answered < m->config.batch_max ? before + answered : m->config.batch_max, us);
    came = m->queued - before;
    pthread_mutex_unlock(&m->queue_lock);
    return came * 2 >= answered || before + came >= m->config.batch_max;
}

/* The command is the caller's again. */
void
queue_complete(struct market *m, struct command *c)
{
    pthread_mutex_lock(&m->queue_lock);
    load_remove(m, c);
    pthread_mutex_unlock(&m->queue_lock);
    figures_decided(&m->figures, c, false);
    c->complete(c);
}

void
queue_refuse(struct market *m, enum err err)
{
    struct command *c;

    while (queue_take(m, &c, 1, 0, false) == 1) {
        c->err = err;
        c->detail = (struct err_detail){ .retry_after_s = 1 };
        queue_complete(m, c);
    }
}

static const char *const PHASE_NAMES[] = {
    [MARKET_WAITING_LEASE] = "waiting-for-the-lease", [MARKET_REBUILDING] = "rebuilding", [MARKET_LEADING] = "leading",
    [MARKET_TROUBLED] = "troubled", [MARKET_STOPPING] = "stopping",
    [MARKET_GUARDED] = "guarded",
};

/* Each change is told to the operator once: the log says when and why the market stopped taking commands. */
void
queue_phase(struct market *m, enum market_phase phase, enum err refusal, const char *why)
{
    enum log_level level = phase == MARKET_TROUBLED ? LOG_LEVEL_ERROR : phase == MARKET_GUARDED ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    struct log_field fields[] = {
        LOG_TEXT("phase", PHASE_NAMES[phase]), LOG_TEXT("why", why[0] != '\0' ? why : NULL), { .kind = LOG_KIND_NONE },
    };
    bool changed;

    pthread_mutex_lock(&m->queue_lock);
    changed = !m->told || m->phase != phase || strcmp(m->trouble, why) != 0;
    m->told = true;
    m->phase = phase;
    m->refusal = refusal;
    text_format(m->trouble, sizeof m->trouble, "%s", why);
    pthread_mutex_unlock(&m->queue_lock);
    if (changed)
        log_write(m->config.log, level, "market", fields);
}

bool
queue_stopping(struct market *m)
{
    bool stopping;

    pthread_mutex_lock(&m->queue_lock);
    stopping = m->stopping;
    pthread_mutex_unlock(&m->queue_lock);
    return stopping;
}

enum market_phase
market_trouble(struct market *m, char ret[320])
{
    enum market_phase phase;

    pthread_mutex_lock(&m->queue_lock);
    phase = m->stopping ? MARKET_STOPPING : m->phase;
    memcpy(ret, m->trouble, sizeof m->trouble);
    pthread_mutex_unlock(&m->queue_lock);
    return phase;
}

enum err
market_refusal(struct market *m)
{
    enum err err;

    pthread_mutex_lock(&m->queue_lock);
    err = m->stopping ? ERR_SHUTDOWN : m->refusal;
    pthread_mutex_unlock(&m->queue_lock);
    return err;
}

size_t
market_queued(struct market *m, size_t *ret_max)
{
    size_t n;

    pthread_mutex_lock(&m->queue_lock);
    n = m->queued;
    pthread_mutex_unlock(&m->queue_lock);
    *ret_max = m->config.queue_max;
    return n;
}

const struct market_figures *
market_figures(const struct market *m)
{
    return &m->figures;
}

enum market_phase
market_phase(const struct market *m)
{
    char why[320];

    return market_trouble((struct market *)m, why);
}
