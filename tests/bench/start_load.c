/* tests/bench/start_load.c
 * start_load [RESERVATIONS [ORGANISATIONS]]: fills a journal, then starts a market on it in a fresh process, which reads,
 * hashes and applies every entry and builds the state; measures the time until it leads and its resident memory. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../integration/market_fixture.h"
#include "base/arena.h"

enum { AT_ONCE = 1000 };

static void
send_all(struct fixture *f, struct command *commands, size_t n)
{
    fixture_send_all(f->m, commands, n);
    for (size_t i = 0; i < n; i++)
        if (commands[i].err != OK) {
            fprintf(stderr, "start_load: %s %s\n", err_wire(commands[i].err), commands[i].detail.text);
            exit(1);
        }
}

struct grant { struct uuid org; uint64_t account; };

static void
add_grants(struct fixture *f, struct grant *grants, size_t n)
{
    struct command *commands = xcalloc(n, sizeof *commands);

    for (size_t i = 0; i < n; i++) {
        grants[i].org = fixture_uuid(f);
        commands[i] = fixture_command(COMMAND_OPEN_ACCOUNT);
        commands[i].in.open.class = ACCOUNT_GRANT;
        commands[i].in.open.owner_org = grants[i].org;
    }
    send_all(f, commands, n);
    for (size_t i = 0; i < n; i++) {
        struct entry e;

        grants[i].account = commands[i].answer.index;
        e = world_move(f->w, GRANT, f->w->tranche, grants[i].account, 5 * CREDIT);
        commands[i] = fixture_order(&e);
    }
    send_all(f, commands, n);
    free(commands);
}

static void
add_reservations(struct fixture *f, const struct grant *grants, size_t n)
{
    struct command *commands = xcalloc(n, sizeof *commands);

    for (size_t i = 0; i < n; i++) {
        commands[i] = fixture_quote(f, 0, fixture_uuid(f), 4, 60);
        commands[i].org = grants[i].org;
        commands[i].in.quote.grant = grants[i].account;
    }
    send_all(f, commands, n);
    for (size_t i = 0; i < n; i++) {
        struct uuid quote = commands[i].answer.id;

        free((void *)commands[i].in.quote.ask);
        commands[i] = fixture_accept(f, 0, quote);
        commands[i].org = grants[i].org;
        commands[i].idem = fixture_key(f);
    }
    send_all(f, commands, n);
    free(commands);
}

static void
fill(struct fixture *f, size_t reservations, size_t organisations)
{
    struct grant *grants = xcalloc(organisations, sizeof *grants);

    fixture_start(f);
    fixture_seed(f);
    for (size_t i = 0; i < organisations; i += AT_ONCE)
        add_grants(f, grants + i, AT_ONCE);
    for (size_t i = 0; i < reservations; i += AT_ONCE) {
        add_reservations(f, grants + i % organisations, AT_ONCE);
        if (i % (10 * AT_ONCE) == 0)
            fprintf(stderr, "\r%zu of %zu reservations", i, reservations);
    }
    fprintf(stderr, "\r\033[K");
    fixture_stop(f);
    free(grants);
}

static double
resident_mib(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long kib = 0;

    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return (double)kib / 1024;
}

int
main(int argc, char **argv)
{
    size_t reservations = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    size_t organisations = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    struct fixture *f = fixture_new();
    int64_t begin_ms;
    int status;
    pid_t child;

    if (organisations % AT_ONCE != 0 || reservations % AT_ONCE != 0 || organisations == 0)
        return 2;
    child = fork();
    if (child == 0) {
        fill(f, reservations, organisations);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        return 1;
    begin_ms = monotonic_ms();
    fixture_start(f);
    printf("mark start-ready %.2f s (goal < 5)\n", (double)(monotonic_ms() - begin_ms) / 1000);
    printf("mark start-resident %.0f MiB (goal < 150)\n", resident_mib());
    fixture_delete(f);
    return 0;
}
