/* agent/slurm_secrets.h
 * Secrets on their way through Slurm (core/secret.h, docs/security.md). What goes through sbatch, be it option, environment or
 * script, Slurm keeps and shows. So they go beside it, in a file of the job's user on the storage that the nodes share,
 *   FOLDER/USER/secret-NAME   mode 0600; for each a line "VARIABLE BASE64": nothing in a value is ever read as a shell's word
 * It is there before sbatch hears of the job; the wrapper reads and removes it before anything of the job's own starts. Of a
 * job that does not come to that the agent removes it: the folder is its group's to write, though it cannot read the file. */
#ifndef AGENT_SLURM_SECRETS_H
#define AGENT_SLURM_SECRETS_H

#include "agent/slurm_submit.h"

/* The file's lines, of "VARIABLE=VALUE" and a zero, one after the other; NULL if there are none. To be wiped. */
char *slurm_secrets_lines(struct bytes secrets, size_t *ret_len);
/* Wiped, freed, and NULL. */
void slurm_secrets_wipe(char **lines, size_t len);
/* The file of a job that the agent submits as its own user. ERR_IO: there is none. */
enum err slurm_secrets_put(const char *folder, const char *user, const char *name, struct bytes lines, struct err_detail *d) MUST_USE;
/* The job is over, or will never begin, or certainly is not with Slurm. */
void slurm_secrets_remove(const char *folder, const char *user, const char *name);

/* The wrapper's part, right after its claim, in FOLDER/USER: the name twice to be filled in. By the descriptor, so that the
 * file goes first, whatever follows; "." keeps the newlines at a value's end from being cut. */
#define SLURM_SECRETS_WRAPPER                                                                                                                \
    "{\n"                                                                                                                                    \
    "rm -f 'secret-%s' || exit 74\n"                                                                                                         \
    "while read -r KONTOR_NAME KONTOR_TEXT; do\n"                                                                                            \
    "case $KONTOR_NAME in '' | [0-9]* | *[!A-Za-z0-9_]*) exit 74 ;; esac\n"                                                                  \
    "KONTOR_TEXT=$(printf %%s \"$KONTOR_TEXT\" | base64 -d && echo .) || exit 74\n"                                                          \
    "export \"$KONTOR_NAME=${KONTOR_TEXT%%.}\"\n"                                                                                            \
    "done\n"                                                                                                                                 \
    "unset KONTOR_NAME KONTOR_TEXT\n"                                                                                                        \
    "} <'secret-%s' || exit 74\n"

#endif
