/* agent/slurm_submit_main.c: kontor-slurm-submit, the one program that kontor-agent may run as root: see slurm_submit.h. */
#include "agent/slurm_submit.h"

int
main(int argc, char **argv)
{
    return submit_main(SUBMIT_CONF, argc, argv);
}
