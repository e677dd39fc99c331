/* agent/supervise_main.c: kontor-supervise, started by kontor-agent for each run. A program of its own, so that it starts
 * in a moment, without the agent's libraries, and never has the agent's keys in its memory. */
#include <stdio.h>

#include "agent/run.h"

int
main(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] != '/') {
        fputs("kontor-supervise is started by kontor-agent\n", stderr);
        return 2;
    }
    return supervise(argv[1]);
}
