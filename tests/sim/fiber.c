/* tests/sim/fiber.c
 * The product's threads as fibers, and what they block in. Switching is by _setjmp and _longjmp, which cost no system
 * call; under AddressSanitizer by swapcontext, which it understands. */
#undef _FORTIFY_SOURCE /* its longjmp takes another stack for a mistake */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "sim.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_LEN = 1 << 20, FIBERS_MAX = 64 };

struct fiber {
    struct proc *proc;
    uint64_t life; /* of the process: an older one's fibers are dead */
    void *(*fn)(void *);
    void *arg;
    bool started, over, woken;
    bool first; /* of its process: a server's sequencer */
    uint64_t wait; /* number of the present wait; timers of older ones are stale */
    char *stack;
    void *on;         /* condition variable */
    ucontext_t context;
    jmp_buf jump;
};

static struct fiber fibers[FIBERS_MAX];
static size_t fibers_n;
static struct fiber *current;
static ucontext_t loop_context;
#ifdef __SANITIZE_ADDRESS__
static const void *loop_stack;
static size_t loop_stack_len;
#else
static jmp_buf loop_jump;
#endif

struct fiber *
fiber_self(void)
{
    return current;
}

struct scope
scope_enter(struct proc *p, struct machine *m)
{
    struct scope before = { sim.here, sim.machine_here };

    sim.here = p;
    sim.machine_here = m != NULL ? m : p != NULL ? p->machine : NULL;
    return before;
}

void
scope_leave(struct scope s)
{
    sim.here = s.here;
    sim.machine_here = s.machine;
}

/* ---- switching -------------------------------------------------------------------------------------------------------- */

static void
to_loop(struct fiber *f, bool for_good)
{
    current = NULL;
#ifdef __SANITIZE_ADDRESS__
    void *fake = NULL;
    __sanitizer_start_switch_fiber(for_good ? NULL : &fake, loop_stack, loop_stack_len);
    swapcontext(&f->context, &loop_context);
    __sanitizer_finish_switch_fiber(fake, &loop_stack, &loop_stack_len);
#else
    if (for_good || _setjmp(f->jump) == 0)
        _longjmp(loop_jump, 1);
#endif
}

static void
body(void)
{
    struct fiber *f = current;

#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(NULL, &loop_stack, &loop_stack_len);
#endif
    f->fn(f->arg);
    f->over = true;
    to_loop(f, true);
    abort();
}

static void
run(struct fiber *f)
{
    struct scope s = scope_enter(f->proc, NULL);

    current = f;
#ifdef __SANITIZE_ADDRESS__
    void *fake = NULL;
    if (!f->started) {
        f->started = true;
        getcontext(&f->context);
        f->context.uc_stack.ss_sp = f->stack;
        f->context.uc_stack.ss_size = STACK_LEN;
        f->context.uc_link = NULL;
        makecontext(&f->context, body, 0);
    }
    __sanitizer_start_switch_fiber(&fake, f->stack, STACK_LEN);
    swapcontext(&loop_context, &f->context);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#else
    if (_setjmp(loop_jump) == 0) {
        if (f->started)
            _longjmp(f->jump, 1);
        f->started = true;
        getcontext(&f->context);
        f->context.uc_stack.ss_sp = f->stack;
        f->context.uc_stack.ss_size = STACK_LEN;
        f->context.uc_link = NULL;
        makecontext(&f->context, body, 0);
        swapcontext(&loop_context, &f->context);
    }
#endif
    scope_leave(s);
}

static bool
is_dead(const struct fiber *f)
{
    return f->over || !f->proc->alive || f->proc->life != f->life;
}

static void
resume(void *a, uint64_t wait)
{
    struct fiber *f = a;

    if (is_dead(f) || f->wait != wait)
        return;
    if (f->proc->frozen_until > sim.now) {
        at(f->proc->frozen_until, resume, f, wait);
        return;
    }
    f->wait++;
    run(f);
}

static struct fiber *
fiber_free_one(void)
{
    for (size_t i = 0; i < fibers_n; i++)
        if (is_dead(&fibers[i]) && &fibers[i] != current)
            return &fibers[i];
    assert(fibers_n < FIBERS_MAX);
    return &fibers[fibers_n++];
}

void
fiber_start(struct proc *p, void *(*fn)(void *), void *arg)
{
    struct fiber *f = fiber_free_one();
    char *stack = f->stack;
    uint64_t wait = f->wait + 1;

    if (stack == NULL) {
        stack = mmap(NULL, STACK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED)
            abort();
    }
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(stack, STACK_LEN);
#endif
    memset(f, 0, sizeof *f);
    f->proc = p;
    f->life = p->life;
    f->fn = fn;
    f->arg = arg;
    f->stack = stack;
    f->wait = wait;
    f->first = p->fibers++ == 0;
    at(sim.now, resume, f, f->wait);
}

bool
fiber_wait(int64_t until)
{
    struct fiber *f = current;

    assert(f != NULL);
    f->woken = false;
    if (until != NEVER)
        at(until, resume, f, f->wait);
    to_loop(f, false);
    return f->woken;
}

void
fiber_wake(struct fiber *f)
{
    if (f->woken || is_dead(f))
        return;
    f->woken = true;
    f->wait++; /* its timer is stale now */
    at(sim.now, resume, f, f->wait);
}

static void
tell_death(void *a, uint64_t life)
{
    struct proc *p = a;

    if (p->life == life && p->died != NULL)
        p->died(p);
}

void
proc_kill(struct proc *p)
{
    if (!p->alive)
        return;
    note("killed", p->life, 0);
    p->alive = false;
    at(sim.now, tell_death, p, p->life);
    if (current != NULL && current->proc == p)
        to_loop(current, true);
}

void
history_ends(void)
{
    if (current != NULL)
        to_loop(current, true);
    /* In the loop's own context there is nothing to leave; the caller returns and the loop sees the violation. Where the
     * product runs there (a handler), its frames are left at once. */
    extern jmp_buf history_jump;
    longjmp(history_jump, 1);
}

void
fibers_reset(void)
{
    current = NULL;
    for (size_t i = 0; i < fibers_n; i++)
        fibers[i].over = true;
    fibers_n = 0; /* their stacks stay */
}

/* ---- what the product calls ------------------------------------------------------------------------------------------- */

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_nanosleep(const struct timespec *span, struct timespec *left);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_join(pthread_t t, void **ret);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *c);
int __wrap_pthread_cond_broadcast(pthread_cond_t *c);
int __wrap_prctl(int option, ...);
int __wrap_signalfd(int fd, const void *mask, int flags);
int __wrap_sigprocmask(int how, const void *set, void *old);
int __wrap_waitpid(int pid, int *status, int options);
void *__wrap_signal(int sig, void *handler);
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));
void __wrap___assert_fail(const char *what, const char *file, unsigned line, const char *function) __attribute__((noreturn));

/* Each clock has its own beginning; a machine's real-time clock may be wrong, the others never are. */
static int64_t
clock_us(clockid_t id)
{
    const struct machine *m = sim.machine_here;

    if (id == CLOCK_REALTIME)
        return sim.epoch_ms * 1000 + sim.now + (m != NULL ? m->real_off_us : 0);
    return sim.now - (m != NULL ? m->boot_us : 0) + 1000 * SECOND;
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    int64_t us = clock_us(id);

    t->tv_sec = us / 1000000;
    t->tv_nsec = us % 1000000 * 1000;
    return 0;
}

int
__wrap_nanosleep(const struct timespec *span, struct timespec *left)
{
    int64_t us = span->tv_sec * SECOND + span->tv_nsec / 1000;

    (void)left;
    if (us == 20000) /* the sequencer waits for its next look in small steps: one late one does */
        us += (int64_t)draw((uint64_t)(us * sim.stretch * 8));
    fiber_wait(sim.now + us);
    return 0;
}

int
__wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    (void)attr;
    assert(sim.here != NULL);
    memset(ret, 0, sizeof *ret);
    fiber_start(sim.here, fn, arg);
    return 0;
}

int
__wrap_pthread_join(pthread_t t, void **ret)
{
    (void)t;
    (void)ret;
    return 0;
}

static bool
cond_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until)
{
    bool woken;

    pthread_mutex_unlock(m);
    current->on = c;
    woken = fiber_wait(until);
    current->on = NULL;
    pthread_mutex_lock(m);
    return woken;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    cond_wait(c, m, NEVER);
    return 0;
}

/* By the monotonic clock. An idle loop may wake late, as on a busy machine: that is lawful, and saves events. */
int
__wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    int64_t span = until->tv_sec * SECOND + until->tv_nsec / 1000 - clock_us(CLOCK_MONOTONIC);

    if (span >= 90 * 1000) /* but who leads has to be heard of each five seconds */
        span += (int64_t)draw((uint64_t)(span * (current->first ? 2 : sim.stretch)));
    return cond_wait(c, m, sim.now + (span > 0 ? span : 0)) ? 0 : ETIMEDOUT;
}

static int
cond_tell(pthread_cond_t *c, bool all)
{
    for (size_t i = 0; i < fibers_n; i++) {
        struct fiber *f = &fibers[i];

        if (f->on != c || f->woken || is_dead(f))
            continue;
        fiber_wake(f);
        if (!all)
            break;
    }
    return 0;
}

int
__wrap_pthread_cond_signal(pthread_cond_t *c)
{
    return cond_tell(c, false);
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
    return cond_tell(c, true);
}

int
__wrap_prctl(int option, ...)
{
    (void)option;
    return 0;
}

int
__wrap_signalfd(int fd, const void *mask, int flags)
{
    (void)fd;
    (void)mask;
    (void)flags;
    return -1;
}

int
__wrap_sigprocmask(int how, const void *set, void *old)
{
    (void)how;
    (void)set;
    (void)old;
    return 0;
}

int
__wrap_waitpid(int pid, int *status, int options)
{
    (void)pid;
    (void)status;
    (void)options;
    return -1;
}

void *
__wrap_signal(int sig, void *handler)
{
    (void)sig;
    (void)handler;
    return NULL;
}

void
__wrap__exit(int status)
{
    note("_exit", (uint64_t)status, 0);
    proc_kill(sim.here);
    history_ends();
}

void
__wrap_abort(void)
{
    violation("abort() was called");
    history_ends();
}

void
__wrap___assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    (void)function;
    violation("assertion failed: %s at %s:%u", what, file, line);
    history_ends();
}
