/* audit/main.c: kontor-audit, the auditor. Needs no database and trusts no server.
 * Exit status: 0 no fault, 1 faults found, 2 wrong usage, 3 there is nothing that can be judged. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "base/arena.h"

static int
usage(FILE *to, int status)
{
    fputs("usage: kontor-audit verify [--json] [--remember=FILE] [--quiet] DIR\n"
          "       kontor-audit [--help] [--version]\n\n"
          "Verify an export of the journal (kontord export DIR): rebuild its tree, replay every entry by the\n"
          "ledger's rules, check every signature in it, compare every balance.\n\n"
          "  --json           the report as JSON\n"
          "  --remember=FILE  keep the head in FILE when no fault is found, and demand of the next export that it\n"
          "                   begins with what this one had\n"
          "  --quiet          no progress on the terminal\n\n"
          "Exit status: 0 no fault found, 1 faults found, 2 wrong usage, 3 nothing that can be judged.\n", to);
    return status;
}

static void
show_progress(void *unused, uint64_t done, uint64_t all)
{
    (void)unused;
    fprintf(stderr, "\r%3d %%  %" PRIu64 " of %" PRIu64 " entries", (int)(done * 100 / all), done, all);
}

static int
verify(int argc, char **argv)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' }, { "remember", required_argument, NULL, 'r' }, { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    struct audit *a = xcalloc(1, sizeof *a);
    struct err_detail detail = { .text = "" };
    bool json = false;
    int status = -1;
    enum err err;

    if (isatty(STDERR_FILENO))
        a->progress = show_progress;
    for (int c; status < 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (c) {
        case 'j': json = true; break;
        case 'r': a->remember = optarg; break;
        case 'q': a->progress = NULL; break;
        case 'h': status = usage(stdout, 0); break;
        default: status = usage(stderr, 2);
        }
    if (status < 0 && optind + 1 != argc)
        status = usage(stderr, 2);
    if (status < 0) {
        a->dir = argv[optind];
        err = audit_verify(a, &detail);
        if (a->progress != NULL)
            fputs("\r\033[K", stderr);
        if (err != OK)
            fprintf(stderr, "kontor-audit: %s\n", detail.text[0] != '\0' ? detail.text : err_sentence(err));
        else if (json)
            audit_print_json(a, stdout);
        else
            audit_print(a, stdout);
        status = err != OK ? 3 : a->n > 0 ? 1 : 0;
    }
    free(a);
    return status;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("kontor-audit %s\n", PACKAGE_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc >= 2 && strcmp(argv[1], "verify") == 0)
        return verify(argc - 1, argv + 1);
    return usage(stderr, 2);
}
