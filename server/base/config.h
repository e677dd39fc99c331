/* base/config.h
 * Options of a program. Each program has one X-macro file of lines
 *   C(name, TYPE, default, min, max, sentence)
 * from which come the struct's members, the parser, --help and the manual page. TYPE and what min..max bound:
 *   NUMBER  int64_t, the value        FLAG  bool (yes, no, true, false), nothing
 *   TEXT    const char *, its bytes   PATH  const char *, its bytes
 *   SECRET  const char *, the path of a file that holds a secret (config_secret reads it); a secret itself is never an
 *           option, since options are seen in `ps` and in backups
 * `default` is written as an operator would write it; NULL makes the option required.
 * Values come from the file (--config=FILE, KEY = value a line, # begins a comment line), then from flags
 * (--key=value; --flag alone means yes), later ones win. In flags '-' and '_' are the same. An unknown key is fatal. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

enum config_type { CONFIG_NUMBER, CONFIG_FLAG, CONFIG_TEXT, CONFIG_PATH, CONFIG_SECRET };

#define CONFIG_MEMBER_NUMBER int64_t
#define CONFIG_MEMBER_FLAG   bool
#define CONFIG_MEMBER_TEXT   const char *
#define CONFIG_MEMBER_PATH   const char *
#define CONFIG_MEMBER_SECRET const char *

struct config_option {
    const char *name;
    enum config_type type;
    size_t offset;
    const char *initial;
    int64_t min, max;
    const char *sentence;
};

/* A line of the table for a struct `type_name`; C is defined as this, with the struct's name, where the table stands. */
#define CONFIG_OPTION(struct_name, name, type, initial, min, max, sentence) \
    { #name, CONFIG_##type, offsetof(struct struct_name, name), initial, min, max, sentence },

struct config_set {
    const char *program;     /* kontord */
    int section;             /* of the manual: 1 or 8 */
    const char *summary;     /* "the server of the marketplace" */
    const char *synopsis;    /* what follows the program's name; more forms on lines of their own */
    const char *description; /* paragraphs, an empty line between them */
    const char *exits;       /* what the exit statuses mean, for the manual page; NULL: the usual ones */
    const char *file;        /* read if --config is not given and the file exists; NULL: none */
    const struct config_option *options;
    size_t count;
};

/* What the command line says beside options. */
struct config_rest {
    bool help, version, manual, example; /* --help, --version, --manual (the manual page's source), --example (a file of options) */
    int argc;
    char **argv; /* the arguments that are no options, in order; what follows "--" is none */
};

/* Fill *ret, the struct made from the same lines as set->options. argv[0..argc) is what follows the program's name (and
 * the subcommand's). Texts and rest->argv live in the arena. With these four nothing is required.
 * ERR_CONFIG with a text that names key and place; ERR_IO if a file cannot be read. */
enum err config_read(const struct config_set *set, struct arena *a, int argc, char *const *argv, void *ret,
                     struct config_rest *rest, struct err_detail *d) MUST_USE;

/* The same for a program's main: answers --help, --version, --manual and --example on standard output and tells an error on standard
 * error. Returns -1 if the program shall go on, otherwise its exit status. */
int config_begin(const struct config_set *set, struct arena *a, int argc, char *const *argv, void *ret,
                 struct config_rest *rest) MUST_USE;

/* The first line of a secret's file, without its end, into the arena. ERR_IO if it cannot be read; ERR_CONFIG if it is
 * empty, longer than 4 kB, or open to others (mode 0077). */
enum err config_secret(const char *path, struct arena *a, const char **ret, struct err_detail *d) MUST_USE;

void config_help(const struct config_set *set, FILE *to);
void config_example(const struct config_set *set, FILE *to); /* each option in a comment, with its default */
void config_manual(const struct config_set *set, FILE *to); /* troff, man(7) */
void config_troff(const char *text, FILE *to);              /* a text of it, and the end of its line */

/* kontord's own options. */
struct config {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
#include "base/config.def"
#undef C
};

extern const struct config_set CONFIG_KONTORD;

#endif
