/* agent/slurm_submit.h
 * The one way in which a job comes to sbatch: eleven words in a fixed order, each checked, from which sbatch's command line
 * is made. kontor-agent makes it itself where the job's user is its own; otherwise it asks
 *   sudo -n kontor-slurm-submit USER NAME ACCOUNT PARTITION NODES TYPE GPUS MINUTES BEGIN DEADLINE FOLDER [SECRETS] < script
 * and that program, which is all that it may do as root, checks them again, looks whether its own list has the user,
 * becomes that user, and becomes sbatch. SECRETS: so many bytes come before the script on standard input, which that user
 * first writes to FOLDER/secret-NAME (agent/slurm_secrets.h); they are in no word, and sbatch never has them.
 * Security: nothing of the agent's is believed there but what is checked here. */
#ifndef AGENT_SLURM_SUBMIT_H
#define AGENT_SLURM_SUBMIT_H

#include "base/bytes.h"

#define SUBMIT_WORD  33   /* a user, an account, a partition */
#define SUBMIT_TEXT  1100 /* an argument */
#define SUBMIT_WORDS 11
#define SUBMIT_ARGV  24
#define SUBMIT_SECRETS_MAX 49152 /* bytes of all of a job's */

enum submit_word {
    SUBMIT_USER, SUBMIT_NAME, SUBMIT_ACCOUNT, SUBMIT_PARTITION, SUBMIT_NODES, SUBMIT_TYPE, SUBMIT_GPUS, SUBMIT_MINUTES,
    SUBMIT_BEGIN, SUBMIT_DEADLINE, SUBMIT_FOLDER
};

/* partition "" or "-": the default one; type "-": GPUs of any type; gpus: per node; begin "0": at once; times in seconds
 * since 1970. Each stands in its own memory, so that the command line points into *ret. */
struct submit_argv {
    char text[SUBMIT_ARGV][SUBMIT_TEXT];
    const char *argv[SUBMIT_ARGV + 1];
};
/* ERR_FIELD_INVALID with a text that names the word that does not do. */
enum err submit_argv(const char *sbatch, const char *const words[SUBMIT_WORDS], struct submit_argv *ret,
                     struct err_detail *d) MUST_USE;
/* A user's or account's or partition's name: letters, digits, _ - ., not at its begin. */
bool submit_is_word(const char *text);

/* The file secret-NAME in that folder, 0600, ours: whole and on disk, in the place of an earlier one; or false and errno, and
 * there is none. The name is one that submit_argv() took. */
bool submit_secrets(int dir, const char *name, struct bytes text) MUST_USE;
void submit_secrets_remove(int dir, const char *name);

/* The program's settings, root's file: lines "user NAME" (who may be become), "sbatch PATH", "slurm_conf PATH",
 * "folder PATH" (jobs run in folders below it). */
#define SUBMIT_CONF SYSCONFDIR "/kontor/slurm-submit.conf"
/* All of kontor-slurm-submit, but that a test names another file. Returns only if it refuses: its exit status. */
int submit_main(const char *conf, int argc, char **argv);
#define SUBMIT_REFUSES 65 /* its exit status when it does not do what is asked: nothing has been submitted */
#define SUBMIT_FAILS   66 /* when it cannot: nothing has been submitted either */

#endif
