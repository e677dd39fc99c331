/* api/admin.h
 * `kontord admin VERB …`: the operator's command line. A thin client of the same routes that everybody uses, over the
 * unix socket in the data directory (mode 0600: whoever may open it is the local administrator). */
#ifndef API_ADMIN_H
#define API_ADMIN_H

#include <stdio.h>

/* argv[0] is the verb (or --help). Prints the server's JSON to stdout, problems to stderr.
 * Returns an exit code: 0 done, 1 refused by the server, 2 wrong usage, 3 the server does not answer. */
int admin_main(const char *data_dir, int argc, char **argv);
/* The verbs and their fields as a section of the manual page (troff). */
void admin_manual(FILE *to);

/* ---- for admin_carry.c ---- */

/* One call; the reply's body, to be freed, and its status. NULL: nobody answers, which was said. */
char *admin_exchange(const char *data_dir, const char *method, const char *path, const char *key, const char *body, int *ret_status);
/* Print a problem document to stderr; returns the exit code. */
int admin_problem(const char *body);
/* `kontord admin carry-over --orders=FILE`: what kontor-audit carry-over has written (audit/carry.h), one order after the
 * other, up to the first that is refused. May be repeated: each has its key. */
int admin_carry_over(const char *data_dir, const char *file);

#endif
