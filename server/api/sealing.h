/* api/sealing.h
 * seal.key in the data directory: the secret under which the database's rows are sealed (store/seals.h). A database that
 * bears no seals yet is sealed when a server without that file starts on it. The new key lies in seal.key.next until its
 * seals are committed, so that a start that was cut off is gone on with. */
#ifndef API_SEALING_H
#define API_SEALING_H

#include "base/log.h"
#include "crypto/box.h"
#include "store/seals.h"

/* The key's file. ERR_NOT_FOUND and whatever rowseal_key_load() says. */
enum err sealing_load(const char *data_dir, struct seals *ret, struct err_detail *d) MUST_USE;
/* A key for one use, which the label names, from the same file, which sealing_open() has made if it was not there: what is kept under it is lost
 * with the file. */
enum err sealing_box(const char *data_dir, const char *label, struct box_key *ret, struct err_detail *d) MUST_USE;
/* At a start: the key, or a new one and every row sealed with it. ERR_NOT_FOUND: the rows are sealed, and the key is missing;
 * ERR_NOT_LEADER: it is missing, and another server is at work on this database. */
enum err sealing_open(const char *data_dir, const char *db_writer, const struct log *log, struct seals *ret, struct err_detail *d) MUST_USE;

/* kontord reseal [OPTION…] */
int run_reseal(int argc, char **argv);

#endif
