/* agent/main.c: kontor-agent, the daemon of a site. */
#include <stdio.h>
#include <string.h>

static int
usage(FILE *to, int status)
{
    fputs("usage: kontor-agent [--help] [--version]\n", to);
    return status;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("kontor-agent %s\n", PACKAGE_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    return usage(stderr, 2);
}
