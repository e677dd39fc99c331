/* tests/bench/ledger_load.c
 * ledger_load [ROUNDS [SECONDS [NAME]]]: how many commands a second go through the sequencer into PostgreSQL, against what
 * pgbench gets from the same cluster when each call is its own transaction. Everything is as shipped: roles, CHECKs,
 * leaf hashes, back-links, the root in the head. Each round measures, pgbench before and after each (the ratio is to their mean, as machines have their moods):
 *   pgbench   32 clients; two updates and an insert in a transaction, every debit on one account
 *   plain     TRANCHE orders, signed, each with an order number that is checked for repetition; every debit on one fund.
 *             The simplest command that moves credits; the rules that bear on it are the whole of ledger_apply()
 *   accept    quote → reservation: HOLD entry on one grant, reservation, ticket with its claims, quote used, answer of its
 *             idempotency key. The quotes are made before the clock starts
 * each at 1,000 and at 32 calls in flight: a caller sends its next command when the one before is answered. The marks are
 * the medians of the rounds' ratios. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../integration/market_fixture.h"
#include "base/arena.h"
#include "base/text.h"

enum { ROUNDS_MAX = 20, CLIENTS_MAX = 1000 };

/* ---- callers: one thread stands for all of them ---------------------------------------------------------------------- */

struct load {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct command *answered;   /* by next */
    size_t out;                 /* in flight */
};

static void
complete(struct command *c)
{
    struct load *l = c->context;
    bool first;

    pthread_mutex_lock(&l->lock);
    first = l->answered == NULL;
    c->next = l->answered;
    l->answered = c;
    if (first)
        pthread_cond_signal(&l->more);
    pthread_mutex_unlock(&l->lock);
}

static struct command *
take_answered(struct load *l)
{
    struct command *list;

    pthread_mutex_lock(&l->lock);
    while (l->answered == NULL)
        pthread_cond_wait(&l->more, &l->lock);
    list = l->answered;
    l->answered = NULL;
    pthread_mutex_unlock(&l->lock);
    return list;
}

static void
stop_if_failed(const struct command *c)
{
    if (c->err == OK)
        return;
    fprintf(stderr, "ledger_load: a command failed: %s %s\n", err_wire(c->err), c->detail.text);
    exit(1);
}

/* All commands, so many in flight; per second of real time. */
static double
run_load(struct market *m, struct command *commands, size_t n, size_t in_flight)
{
    struct load l = { .out = 0 };
    struct timespec begin, end;
    size_t sent = 0, done = 0;

    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.more, NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (sent < n && sent < in_flight) {
        commands[sent].complete = complete;
        commands[sent].context = &l;
        market_send(m, &commands[sent++]);
    }
    while (done < n) {
        for (struct command *c = take_answered(&l), *next; c != NULL; c = next) {
            next = c->next;
            stop_if_failed(c);
            done++;
            if (sent < n) {
                commands[sent].complete = complete;
                commands[sent].context = &l;
                market_send(m, &commands[sent++]);
            }
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)n / ((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
}

/* ---- what is sent ----------------------------------------------------------------------------------------------------- */

static double
run_plain(struct fixture *f, size_t n, size_t in_flight)
{
    struct command *commands = xcalloc(n, sizeof *commands);
    double rate;

    for (size_t i = 0; i < n; i++)
        commands[i] = fixture_move(f, 1); /* signed here, as workers do before they send */
    rate = run_load(f->m, commands, n, in_flight);
    free(commands);
    return rate;
}

static double
run_accept(struct fixture *f, size_t n, size_t in_flight)
{
    struct command *commands = xcalloc(n, sizeof *commands);
    double rate;

    for (size_t i = 0; i < n; i++)
        commands[i] = fixture_quote(f, 0, fixture_uuid(f), 1, 10);
    run_load(f->m, commands, n, 1000);
    for (size_t i = 0; i < n; i++) {
        struct uuid quote = commands[i].answer.id;

        free((void *)commands[i].in.quote.ask);
        commands[i] = fixture_accept(f, 0, quote);
        commands[i].idem = fixture_key(f);
    }
    rate = run_load(f->m, commands, n, in_flight);
    free(commands);
    return rate;
}

/* ---- the peer --------------------------------------------------------------------------------------------------------- */

static const char PGBENCH_TABLES[] =
    "CREATE TABLE IF NOT EXISTS peer_account (id bigint PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);"
    "CREATE TABLE IF NOT EXISTS peer_entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, debit bigint NOT NULL,"
    " credit bigint NOT NULL, amount bigint NOT NULL, at timestamptz NOT NULL DEFAULT now());"
    "INSERT INTO peer_account SELECT i, 1000000000 FROM generate_series(0, 1000) i ON CONFLICT DO NOTHING;";

static const char PGBENCH_SCRIPT[] =
    "\\set other random(1, 1000)\n"
    "BEGIN;\n"
    "UPDATE peer_account SET balance = balance - 1 WHERE id = 0;\n"
    "UPDATE peer_account SET balance = balance + 1 WHERE id = :other;\n"
    "INSERT INTO peer_entry (debit, credit, amount) VALUES (0, :other, 1);\n"
    "COMMIT;\n";

static double
run_pgbench(const struct test_db *t, int seconds)
{
    char path[] = "/tmp/kontor-peer.XXXXXX", command[512], line[256];
    int fd = mkstemp(path);
    double tps = 0;
    FILE *out;

    if (fd < 0 || write(fd, PGBENCH_SCRIPT, sizeof PGBENCH_SCRIPT - 1) != (ssize_t)sizeof PGBENCH_SCRIPT - 1)
        abort();
    close(fd);
    text_format(command, sizeof command, "pgbench -n -M prepared -c 32 -j 2 -T %d -f %s %s 2>&1", seconds, path, t->name);
    out = popen(command, "r");
    while (out != NULL && fgets(line, sizeof line, out) != NULL)
        if (sscanf(line, "tps = %lf", &tps) == 1)
            break;
    while (out != NULL && fgets(line, sizeof line, out) != NULL)
        ;
    if (out == NULL || pclose(out) != 0 || tps <= 0) {
        fprintf(stderr, "ledger_load: pgbench does not run\n");
        exit(1);
    }
    unlink(path);
    return tps;
}

/* ---- rounds ----------------------------------------------------------------------------------------------------------- */

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void
mark(const char *name, double *ratios, size_t n, int goal)
{
    double median;

    qsort(ratios, n, sizeof *ratios, by_value);
    median = n % 2 == 1 ? ratios[n / 2] : (ratios[n / 2 - 1] + ratios[n / 2]) / 2;
    printf("mark %s %.1f x-pgbench (goal >= %d)\n", name, median, goal);
}

static const struct measure {
    const char *name;
    double (*run)(struct fixture *f, size_t n, size_t in_flight);
    size_t in_flight, a_second; /* commands for a second's work, about */
    int goal;
} MEASURES[] = {
    { "ledger-plain-1000", run_plain, 1000, 60000, 60 },
    { "ledger-plain-32", run_plain, 32, 15000, 15 },
    { "ledger-accept-1000", run_accept, 1000, 20000, 20 },
    { "ledger-accept-32", run_accept, 32, 8000, 8 },
};
enum { MEASURED = sizeof MEASURES / sizeof MEASURES[0] };

/* Room for many quotes of one grant. */
static void
widen(struct fixture *f)
{
    for (int i = 0; i < 2; i++) {
        struct command c = fixture_command(COMMAND_CAPACITY);

        c.in.capacity.offering = f->w->offering[i];
        c.in.capacity.nodes = 25000000;
        c.in.capacity.pool_nodes = 12000000;
        c.in.capacity.brokered_gpus = 100000000;
        fixture_send(f, &c);
        stop_if_failed(&c);
    }
}

int
main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
    int seconds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
    const char *only = argc > 3 ? argv[3] : ""; /* measures whose names have this in them */
    static double ratios[MEASURED][ROUNDS_MAX];
    struct fixture *f = fixture_new();

    if (rounds < 1 || rounds > ROUNDS_MAX || seconds < 1)
        return 2;
    f->config.ahead_min = 0; /* as shipped */
    fixture_start(f);
    fixture_seed(f);
    widen(f);
    test_sql(&f->t, PGBENCH_TABLES);
    for (size_t round = 0; round < rounds; round++) {
        double before = run_pgbench(&f->t, seconds), after;

        printf("round %zu of %zu: pgbench %.0f", round + 1, rounds, before);
        fflush(stdout);
        for (size_t i = 0; i < MEASURED; i++) {
            double rate;

            if (strstr(MEASURES[i].name, only) == NULL)
                continue;
            rate = MEASURES[i].run(f, MEASURES[i].a_second * (size_t)seconds, MEASURES[i].in_flight);
            after = run_pgbench(&f->t, seconds);
            ratios[i][round] = rate / ((before + after) / 2);
            printf(", %s %.0f (%.1f), pgbench %.0f", MEASURES[i].name + 7, rate, ratios[i][round], after);
            fflush(stdout);
            before = after;
        }
        printf("\n");
    }
    for (size_t i = 0; i < MEASURED; i++)
        if (strstr(MEASURES[i].name, only) != NULL)
            mark(MEASURES[i].name, ratios[i], rounds, MEASURES[i].goal);
    fixture_delete(f); /* audits what was written */
    return 0;
}
