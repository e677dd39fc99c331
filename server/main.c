/* main.c: kontord, the server of the marketplace. */
#include <stdio.h>
#include <string.h>

static int
usage(FILE *to, int status)
{
    fputs("usage: kontord [--help] [--version]\n", to);
    return status;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("kontord %s\n", PACKAGE_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    return usage(stderr, 2);
}
