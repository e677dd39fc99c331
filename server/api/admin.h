/* api/admin.h
 * `kontord admin VERB …`: the operator's command line. A thin client of the same routes that everybody uses, over the
 * unix socket in the data directory (mode 0600: whoever may open it is the local administrator). */
#ifndef API_ADMIN_H
#define API_ADMIN_H

/* argv[0] is the verb (or --help). Prints the server's JSON to stdout, problems to stderr.
 * Returns an exit code: 0 done, 1 refused by the server, 2 wrong usage, 3 the server does not answer. */
int admin_main(const char *data_dir, int argc, char **argv);

#endif
