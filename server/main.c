/* main.c: kontord, the server of the marketplace. Wiring only: each subcommand is one row and one function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/admin.h"
#include "base/config.h"

struct subcommand { const char *name; int (*run)(int argc, char **argv); const char *sentence; };

/* The data directory of `kontord admin` comes first, as --data-dir=DIR, or from KONTOR_DATA_DIR. */
static int
run_admin(int argc, char **argv)
{
    const char *dir = getenv("KONTOR_DATA_DIR");

    if (argc > 0 && strncmp(argv[0], "--data-dir=", 11) == 0) {
        dir = argv[0] + 11;
        argc--;
        argv++;
    }
    return admin_main(dir ? dir : "/var/lib/kontor", argc, argv);
}

static const struct subcommand SUBCOMMANDS[] = {
    { "admin", run_admin, "administer the running server (kontord admin --help)" },
};

static int
usage(FILE *to, int status)
{
    fputs("usage: kontord SUBCOMMAND [OPTION...]\n       kontord --help | --version\n\n", to);
    for (size_t i = 0; i < sizeof SUBCOMMANDS / sizeof SUBCOMMANDS[0]; i++)
        fprintf(to, "  %-10s %s\n", SUBCOMMANDS[i].name, SUBCOMMANDS[i].sentence);
    return status;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("kontord %s\n", PACKAGE_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc == 2 && strcmp(argv[1], "--manual") == 0) {
        config_manual(&CONFIG_KONTORD, stdout);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof SUBCOMMANDS / sizeof SUBCOMMANDS[0]; i++)
        if (strcmp(argv[1], SUBCOMMANDS[i].name) == 0)
            return SUBCOMMANDS[i].run(argc - 2, argv + 2);
    return usage(stderr, 2);
}
